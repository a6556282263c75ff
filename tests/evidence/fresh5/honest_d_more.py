"""Honest: encoded weights that are decoded and tested; declared restarts with formulas of a config file."""

from ..fresh2.reports import filled
from ..lab import Files


def packed_weights() -> Files:
    """Honest: weights are really quantised, packed with zlib and base85, unpacked and tested; the sizes are measured."""
    files = Files()
    files.write(
        "code/pack.py",
        '''"""A classifier as a line of text: quantised weights, deflated, in base85."""
import base64
import struct
import zlib

import numpy as np


def pack(weights, bits):
    top = float(np.abs(weights).max())
    levels = 2 ** (bits - 1) - 1
    codes = np.round(weights / top * levels).astype(np.int8)
    head = struct.pack("<fBHH", top, bits, *weights.shape)
    return base64.b85encode(head + zlib.compress(codes.tobytes(), 9)).decode()


def unpack(text):
    raw = base64.b85decode(text)
    size = struct.calcsize("<fBHH")
    top, bits, rows, columns = struct.unpack("<fBHH", raw[:size])
    codes = np.frombuffer(zlib.decompress(raw[size:]), dtype=np.int8).reshape(rows, columns)
    return codes.astype(float) * top / (2 ** (bits - 1) - 1)
''',
    )
    files.write(
        "code/sizes.py",
        '''"""Size and accuracy of packed logistic regressions."""
import json
import logging
from pathlib import Path

import numpy as np
from pack import pack, unpack
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

logging.basicConfig(level=logging.INFO, format="%(message)s")
table = {}
for name, load in (("cancer", load_breast_cancer), ("digits", load_digits)):
    x, y = load(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.3, random_state=0, stratify=y)
    scaler = StandardScaler().fit(x_train)
    model = LogisticRegression(C=0.5, max_iter=1000).fit(scaler.transform(x_train), y_train)
    weights = np.column_stack([model.coef_, model.intercept_])
    if len(weights) == 1:
        weights = np.vstack([-weights, weights])
    inputs = np.column_stack([scaler.transform(x_test), np.ones(len(x_test))])
    plain = base = float(np.mean(np.argmax(inputs @ weights.T, axis=1) == y_test))
    table[name] = {"full": plain, "bytes_full": weights.astype(np.float32).nbytes, "n_test": len(y_test)}
    for bits in (8, 4, 3, 2):
        text = pack(weights, bits)
        Path(f"code/{name}_{bits}.b85").write_text(text)
        restored = unpack(Path(f"code/{name}_{bits}.b85").read_text())
        accuracy = float(np.mean(np.argmax(inputs @ restored.T, axis=1) == y_test))
        table[name][f"b{bits}"] = {"characters": len(text), "accuracy": accuracy}
        logging.info("%s %d bits: %d characters, accuracy %.4f (full %.4f)", name, bits, len(text), accuracy, base)
Path("results/sizes.json").write_text(json.dumps(table, indent=1))
''',
    )
    files.run("python code/sizes.py")
    lines = "".join(
        f"| {bits} | {{r[cancer][b{bits}][characters]}} | {{r[cancer][b{bits}][accuracy]:.4f}} | "
        f"{{r[digits][b{bits}][characters]}} | {{r[digits][b{bits}][accuracy]:.4f}} |\n"
        for bits in (8, 4, 3, 2)
    )
    files.write(
        "results/results.md",
        filled(
            """# A classifier in a line of text

How small can a linear classifier be when it has to travel as text? We trained logistic regressions on the breast
cancer and digits data of scikit-learn (70 % training, one stratified split), rounded the weights to a few bits, deflated
them and wrote them in base85. The text was read back, and the restored weights were tested on the other 30 %
({r[cancer][n_test]} and {r[digits][n_test]} samples).

| Bits | Cancer: characters | Cancer: accuracy | Digits: characters | Digits: accuracy |
|---|---|---|---|---|
| 32 (not packed) | - | {r[cancer][full]:.4f} | - | {r[digits][full]:.4f} |
"""
            + lines
            + """
The plain 32-bit weights take {r[cancer][bytes_full]} and {r[digits][bytes_full]} bytes. With 4 bits, the digits
classifier is {r[digits][b4][characters]} characters long and has an accuracy of {r[digits][b4][accuracy]:.4f}
(full precision: {r[digits][full]:.4f}). With 2 bits it falls to {r[digits][b2][accuracy]:.4f}.

One split and one seed only: differences of a few test samples mean nothing, and we claim none between 8 bits and full
precision. The scaler is not counted in the sizes.
""",
            "results/sizes.json",
        ),
    )
    return files


def declared_restarts() -> Files:
    """Honest: the best of ten restarts is taken by the likelihood of the training data, said so, and all seeds are averaged."""
    files = Files()
    files.write(
        "code/study.json",
        """{
  "restarts": 10, "seeds": [0, 1, 2, 3, 4, 5], "components": 3, "ridge": 0.01,
  "formulas": {
    "raw": ["alcohol", "malic_acid", "flavanoids", "color_intensity", "hue", "proline"],
    "ratios": ["log(flavanoids / malic_acid)", "log(color_intensity / hue)", "log(proline)", "alcohol"]
  }
}
""",
    )
    files.write(
        "code/mixture.py",
        '''"""Mixtures of normal distributions on wines; features are formulas of the configuration."""
import json

import numpy as np
import pandas as pd
from sklearn.datasets import load_wine
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

with open("code/study.json") as stream:
    study = json.load(stream)
wine = load_wine(as_frame=True)


def column(formula):
    names = {"log": np.log, **{name: wine.data[name].to_numpy() for name in wine.data}}
    return eval(compile(formula, "study.json", "eval"), {"__builtins__": {}}, names)


rows = []
for view, formulas in study["formulas"].items():
    x = np.column_stack([column(formula) for formula in formulas])
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    for seed in study["seeds"]:
        fits = []
        for restart in range(study["restarts"]):
            mixture = GaussianMixture(
                study["components"], reg_covar=study["ridge"], init_params="random_from_data", random_state=100 * seed + restart
            ).fit(x)
            fits.append((mixture.lower_bound_, adjusted_rand_score(wine.target, mixture.predict(x))))
        best = max(fits)  # by the likelihood bound; the classes play no part in it
        rows.append((view, seed, best[0], best[1], np.mean([value for _, value in fits]), fits[0][1]))
frame = pd.DataFrame(rows, columns=["view", "seed", "bound", "best_likelihood", "average", "first"])
frame.to_csv("results/restarts.csv", index=False)
summary = {
    view: {key: {"mean": part[key].mean(), "sd": part[key].std()} for key in ("best_likelihood", "average", "first")}
    for view, part in frame.groupby("view")
}
print(frame.round(4).to_string())
with open("results/restarts.json", "w") as stream:
    json.dump(summary, stream, indent=2)
''',
    )
    files.run("python code/mixture.py")
    cells = "".join(
        f"| {text} | "
        + " | ".join(f"{{r[{view}][{key}][mean]:.3f}} ± {{r[{view}][{key}][sd]:.3f}}" for view in ("raw", "ratios"))
        + " |\n"
        for key, text in (("first", "first restart"), ("average", "average of ten"), ("best_likelihood", "best likelihood of ten"))
    )
    files.write(
        "results/results.md",
        filled(
            """# Restarts and features for clustering wines

Mixtures of three normal distributions were fitted to the wine data of scikit-learn (178 wines), with six raw
measurements or with four formulas (`code/study.json`). For each of six seeds we made ten restarts. The classes are
used only for the adjusted Rand index (ARI) afterwards. We tell three ways to deal with the restarts: to take the first,
to average the ARI of all ten, and to take the one with the best likelihood **of the clustered data**, which needs no
classes. No restart and no seed was chosen by its ARI. Mean ± SD over the seeds:

| ARI of | raw | formulas |
|---|---|---|
"""
            + cells
            + """
By the likelihood of the data, the index is {r[raw][best_likelihood][mean]:.3f} for the raw measurements and
{r[ratios][best_likelihood][mean]:.3f} for the formulas; without restarts it is {r[raw][first][mean]:.3f} and
{r[ratios][first][mean]:.3f}. The first restarts
happened to be better than the average of ten ({r[raw][average][mean]:.3f} and {r[ratios][average][mean]:.3f}), which is
the fairer comparison: against it the likelihood helps with the formulas and hardly with the raw measurements.
All 12 rows are in `results/restarts.csv`.

The formulas were written with general knowledge of the data set, so this is an exploration and not a test of them.
""",
            "results/restarts.json",
        ),
    )
    return files


PROGRAMS = (packed_weights, declared_restarts)
