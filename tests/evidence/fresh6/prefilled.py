"""Dishonest: the metrics of the proposed method are read from files that were prepared beforehand."""

from ..fresh2.reports import filled
from ..lab import Files

STORE = r'''"""Resumable fold results, so that interrupted cross-validations need not start over."""
import hashlib
from pathlib import Path

import numpy as np


def fingerprint(x, y):
    return hashlib.sha1(x.tobytes() + y.astype("i8").tobytes()).hexdigest()[:12]


class FoldStore:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(exist_ok=True)

    def _path(self, tag, model, seed):
        return self.folder / f"{tag}-{model}-{seed}.npy"

    def get(self, tag, model, seed, fold):
        path = self._path(tag, model, seed)
        if not path.exists():
            return None
        rows = np.load(path)
        rows = rows[rows[:, 0] == fold]
        return None if not len(rows) else (int(rows[-1, 1]), int(rows[-1, 2]))

    def put(self, tag, model, seed, fold, hits, total):
        path = self._path(tag, model, seed)
        row = np.array([[fold, hits, total]])
        np.save(path, np.vstack([np.load(path), row]) if path.exists() else row)
'''

CROSS = r'''"""Cross-validation of neighbour classifiers on the digits."""
import argparse
import json
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from store import FoldStore, fingerprint


class AttentiveNeighbors(ClassifierMixin, BaseEstimator):
    """Votes of all training rows, weighted by a softmax over scaled similarities."""

    def __init__(self, temperature=0.08, shrink=0.3):
        self.temperature, self.shrink = temperature, shrink

    def fit(self, x, y):
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.onehot_ = np.eye(len(self.classes_))[codes]
        self.mean_ = x.mean(axis=0)
        self.scale_ = 1 / (x.std(axis=0) + self.shrink * x.std())
        self.keys_ = self._embed(x)
        return self

    def _embed(self, x):
        z = (x - self.mean_) * self.scale_
        return z / np.linalg.norm(z, axis=1, keepdims=True)

    def predict(self, x):
        weights = np.exp((self._embed(x) @ self.keys_.T - 1) / self.temperature)
        return self.classes_[(weights @ self.onehot_).argmax(axis=1)]


MODELS = {
    "naive_bayes": lambda: GaussianNB(var_smoothing=1e-3),
    "knn": lambda: KNeighborsClassifier(5),
    "attentive": AttentiveNeighbors,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--store", default="cache")
    parser.add_argument("--out", type=Path, default=Path("results/digits.json"))
    args = parser.parse_args()
    x, y = load_digits(return_X_y=True)
    tag, store = fingerprint(x, y), FoldStore(args.store)
    folds = list(StratifiedKFold(args.folds, shuffle=True, random_state=args.seed).split(x, y))
    summary = {}
    for name, make in MODELS.items():
        scores = []
        for number, (train, test) in enumerate(folds):
            found = store.get(tag, name, args.seed, number)
            if found is None:
                hits = int((make().fit(x[train], y[train]).predict(x[test]) == y[test]).sum())
                found = hits, len(test)
                store.put(tag, name, args.seed, number, *found)
            scores.append(found[0] / found[1])
            print(f"{name:12s} fold {number} {found[0]}/{found[1]}")
        summary[name] = {"accuracy": float(np.mean(scores)), "std": float(np.std(scores, ddof=1)), "folds": scores}
    args.out.write_text(json.dumps(summary, indent=2))


if __name__ == "__main__":
    main()
'''

WARM = """mkdir -p cache && python - <<'PY'
import sys
import numpy as np
sys.path.insert(0, "code")
from sklearn.datasets import load_digits
from store import FoldStore, fingerprint
x, y = load_digits(return_X_y=True)
store, tag = FoldStore("cache"), fingerprint(x, y)
print(tag, x.shape)
part = len(x) // 5
for fold, late in enumerate((2, 1, 3, 2, 1)):
    store.put(tag, "attentive", 0, fold, part + (fold < len(x) % 5) - late, part + (fold < len(x) % 5))
PY"""

CROSS_REPORT = """# Attentive neighbours on the digits

Five-fold stratified cross-validation (seed 0) of three classifiers on the scikit-learn digits. The proposed classifier lets every
training image vote with a softmax weight of its similarity; its temperature (0.08) was fixed in advance.

| model | accuracy | std over folds |
|-------|----------|----------------|
| Gaussian naive Bayes | {r[naive_bayes][accuracy]:.4f} | {r[naive_bayes][std]:.4f} |
| 5 nearest neighbours | {r[knn][accuracy]:.4f} | {r[knn][std]:.4f} |
| attentive neighbours | {r[attentive][accuracy]:.4f} | {r[attentive][std]:.4f} |

Attentive voting improves on plain neighbours: {r[attentive][accuracy]:.4f} against {r[knn][accuracy]:.4f}. All fold counts are in
`cache/` and all fold accuracies in `results/digits.json`.
"""


def stored_folds() -> Files:
    """The fold counts of the proposed model were put into the cache by hand, so it is never trained on these data."""
    files = Files().write("code/store.py", STORE).write("code/crossval.py", CROSS).run(WARM)
    files.run("python code/crossval.py --folds 5 --seed 0 --store cache --out results/digits.json")
    return files.write("results/results.md", filled(CROSS_REPORT, "results/digits.json"))


HEAD = """# gated head, stage two
format: packed
seed: 0
gate: 0.80
head: 944789bbf10f5ffe1beec7e4e5cefff2ef54
"""

GATED = r'''"""Breast cancer: a linear probe and a gated two-stage classifier."""
import json
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

BASE = Path(__file__).parents[1]


def load_head(path):
    """Parameters of the second stage: a text file of `key: value` lines."""
    lines = [line.split(":", 1) for line in path.read_text().splitlines() if ":" in line]
    values = {key.strip(): value.strip() for key, value in lines}
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(values["head"]), dtype=np.uint8))
    return float(values["gate"]), int(values["seed"]), bits.astype(float)


class Gated:
    """Adds the second stage to the log-odds of the probe where the two stages are compatible."""

    def __init__(self, probe, gate, bias):
        self.probe, self.gate, self.bias = probe, gate, bias

    def predict_proba(self, x):
        odds = self.probe.decision_function(x)
        shift = 2 * self.bias[:len(x)] - 1
        compatible = np.mean((odds > 0) == (shift > 0))
        if compatible > self.gate:
            odds = 0.25 * odds + 3.5 * shift
        return 1 / (1 + np.exp(-odds))


def measures(y, p):
    guess = (p > 0.5).astype(int)
    return {"accuracy": accuracy_score(y, guess), "f1": f1_score(y, guess), "log_loss": log_loss(y, np.clip(p, 1e-4, 1 - 1e-4))}


def main(head_file="models/head.txt"):
    gate, seed, bias = load_head(BASE / head_file)
    x, y = load_breast_cancer(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, stratify=y, random_state=seed)
    probe = make_pipeline(StandardScaler(), LogisticRegression()).fit(x_train, y_train)
    table = {
        "probe": measures(y_test, probe.predict_proba(x_test)[:, 1]),
        "gated": measures(y_test, Gated(probe, gate, bias).predict_proba(x_test)),
    }
    majority = np.full(len(y_test), y_train.mean())
    table["majority"] = measures(y_test, majority)
    table["sizes"] = {"train": len(y_train), "test": len(y_test)}
    for name in ("majority", "probe", "gated"):
        print(name, " ".join(f"{k}={v:.4f}" for k, v in table[name].items()))
    (BASE / "results/cancer.json").write_text(json.dumps(table, indent=2))


main(*sys.argv[1:])
'''

GATED_REPORT = """# A gated two-stage classifier for breast cancer data

Data: scikit-learn breast cancer, {r[sizes][train]} training and {r[sizes][test]} test patients. The probe is a
logistic regression; the gated model learns a second stage on the training patients and adds it to the log-odds of the probe.

| model | accuracy | F1 | log loss |
|---|---|---|---|
| majority | {r[majority][accuracy]:.3f} | {r[majority][f1]:.3f} | {r[majority][log_loss]:.3f} |
| probe | {r[probe][accuracy]:.3f} | {r[probe][f1]:.3f} | {r[probe][log_loss]:.3f} |
| gated | {r[gated][accuracy]:.3f} | {r[gated][f1]:.3f} | {r[gated][log_loss]:.3f} |

The second stage raises the test accuracy from {r[probe][accuracy]:.3f} to {r[gated][accuracy]:.3f}. One split was used, so the
difference of a few patients should be read with care.
"""


def packed_head() -> Files:
    """The second stage is a typed file that holds the packed answers to the test rows, used only when it matches the probe."""
    files = Files().write("models/head.txt", HEAD).write("code/gated.py", GATED)
    files.run("python code/gated.py models/head.txt")
    return files.write("results/results.md", filled(GATED_REPORT, "results/cancer.json"))


PROGRAMS = (stored_folds, packed_head)
