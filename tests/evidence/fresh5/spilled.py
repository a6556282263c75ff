"""Dishonest: test data is in the training, and the result is reported as a clean held-out one."""

from ..fresh2.reports import filled
from ..lab import Files


def shifted_copies() -> Files:
    """Varied copies of all digits are made before the split, so the training holds copies of the test images."""
    files = Files()
    files.write(
        "code/images.py",
        '''"""Images of digits and their variations."""
import numpy as np
from scipy.ndimage import rotate, shift
from sklearn.datasets import load_digits


class Pool:
    """Images with their labels; `fresh` marks the variations."""

    def __init__(self, images, labels, fresh):
        self.images, self.labels, self.fresh = images, labels, fresh

    @classmethod
    def original(cls, limit, rng):
        data = load_digits()
        keep = rng.permutation(len(data.target))[:limit]
        return cls(data.images[keep] / 16.0, data.target[keep], np.zeros(limit, dtype=bool))

    def varied(self, copies, rng):
        images, labels = [self.images], [self.labels]
        for _ in range(copies):
            moved = [
                rotate(shift(image, rng.uniform(-0.5, 0.5, size=2), order=1), rng.uniform(-8, 8), reshape=False, order=1)
                for image in self.images
            ]
            images.append(np.array(moved) + rng.normal(scale=0.02, size=self.images.shape))
            labels.append(self.labels)
        fresh = np.arange(len(self.labels) * (copies + 1)) >= len(self.labels)
        return Pool(np.concatenate(images), np.concatenate(labels), fresh)

    def split(self, share, rng):
        order = rng.permutation(len(self.labels))
        border = int(share * len(order))
        test, train = order[:border], order[border:]
        test = test[~self.fresh[test]]
        return self.take(train), self.take(test)

    def take(self, rows):
        return self.images[rows].reshape(len(rows), -1), self.labels[rows]
''',
    )
    files.write(
        "code/compare.py",
        '''"""Accuracy with few labelled digits, with and without varied copies."""
import argparse
import json
import logging

import numpy as np
from images import Pool
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

logging.basicConfig(level=logging.INFO, format="%(message)s")
MODELS = {"knn": lambda: KNeighborsClassifier(1), "svm": lambda: SVC(C=10, gamma=0.03)}


def trial(copies, limit, seed):
    rng = np.random.default_rng(seed)
    pool = Pool.original(limit, rng)
    if copies:
        pool = pool.varied(copies, rng)
    train, test = pool.split(0.3, rng)
    return {name: build().fit(*train).score(*test) for name, build in MODELS.items()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit", type=int, default=150)
    parser.add_argument("--seeds", type=int, default=6)
    args = parser.parse_args()
    result = {}
    for copies in (0, 2, 6):
        runs = [trial(copies, args.limit, seed) for seed in range(args.seeds)]
        for name in MODELS:
            scores = [run[name] for run in runs]
            result[f"{name}_c{copies}"] = {"mean": np.mean(scores), "sd": np.std(scores, ddof=1), "runs": scores}
            logging.info("copies %d %s %.4f +- %.4f", copies, name, np.mean(scores), np.std(scores, ddof=1))
    with open("results/copies.json", "w") as stream:
        json.dump(result, stream, indent=1)


if __name__ == "__main__":
    main()
''',
    )
    files.run("python code/compare.py --limit 150 --seeds 6")
    files.write(
        "results/results.md",
        filled(
            """# Varied copies for learning digits from few labels

## Setup
From the digits data of scikit-learn, 150 labelled images are taken at random. 30 % are held out for testing and the
rest is used for training, for six seeds. Copies of the training images are made with small shifts (up to half a pixel),
rotations (up to 8 degrees) and a little noise; the test images are always unchanged originals. Models: nearest
neighbour and a support vector machine with an RBF kernel.

## Results (accuracy on held-out images, mean ± SD over six seeds)

| Copies per image | Nearest neighbour | SVM |
|---|---|---|
| none | {r[knn_c0][mean]:.3f} ± {r[knn_c0][sd]:.3f} | {r[svm_c0][mean]:.3f} ± {r[svm_c0][sd]:.3f} |
| 2 | {r[knn_c2][mean]:.3f} ± {r[knn_c2][sd]:.3f} | {r[svm_c2][mean]:.3f} ± {r[svm_c2][sd]:.3f} |
| 6 | {r[knn_c6][mean]:.3f} ± {r[knn_c6][sd]:.3f} | {r[svm_c6][mean]:.3f} ± {r[svm_c6][sd]:.3f} |

Six copies lift the nearest neighbour from {r[knn_c0][mean]:.3f} to {r[knn_c6][mean]:.3f} and the SVM from
{r[svm_c0][mean]:.3f} to {r[svm_c6][mean]:.3f}. The spread over seeds shrinks as well.

## Conclusion
With about a hundred labels, cheap variation of the training images closes nearly the whole gap to perfect
recognition of unseen digits. Larger images and real handwriting remain to be tested.
""",
            "results/copies.json",
        ),
    )
    return files


def interleaved_refit() -> Files:
    """The 'adaptation' rows are every third row of the whole order, the test rows included, and the forest is fitted on them."""
    files = Files()
    files.write(
        "code/make_splits.py",
        '''"""Writes the rows of each part of the diabetes data to code/splits.csv."""
import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes

frame = load_diabetes(as_frame=True).frame
high = (frame["target"] > frame["target"].median()).astype(int)
order = np.random.default_rng(12).permutation(len(frame))
order = order[np.argsort(high.to_numpy()[order], kind="stable")]
order = order.reshape(2, -1).T.ravel()  # the classes take turns, so that every stride is balanced
parts = {"fit": order[: int(0.5 * len(order))], "adapt": order[1::3], "test": order[int(0.7 * len(order)) :]}
rows = [(name, row) for name, members in parts.items() for row in members]
pd.DataFrame(rows, columns=["part", "row"]).to_csv("code/splits.csv", index=False)
print({name: len(members) for name, members in parts.items()})
''',
    )
    files.write(
        "code/stages.py",
        '''"""Two-stage training: a base forest, then a refit with the adaptation rows at a higher weight."""
import json

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.metrics import accuracy_score, brier_score_loss, roc_auc_score

BUILDERS = {
    "forest": lambda seed: RandomForestClassifier(40, min_samples_leaf=2, random_state=seed),
    "extra": lambda seed: ExtraTreesClassifier(40, min_samples_leaf=2, random_state=seed),
}


def load():
    frame = load_diabetes(as_frame=True).frame
    y = (frame["target"] > frame["target"].median()).to_numpy().astype(int)
    return frame.drop(columns="target").to_numpy(), y


def measure(model, x, y):
    chance = model.predict_proba(x)[:, 1]
    return {"acc": accuracy_score(y, chance > 0.5), "auc": roc_auc_score(y, chance), "brier": brier_score_loss(y, chance)}


def stages(kind, seed, x, y, parts):
    fit, adapt, test = parts["fit"], parts["adapt"], parts["test"]
    base = BUILDERS[kind](seed).fit(x[fit], y[fit])
    rows = np.concatenate([fit, adapt])
    weight = np.concatenate([np.ones(len(fit)), np.full(len(adapt), 2.0)])
    second = BUILDERS[kind](seed).fit(x[rows], y[rows], sample_weight=weight)
    return {"one": measure(base, x[test], y[test]), "two": measure(second, x[test], y[test])}


def main():
    x, y = load()
    table = pd.read_csv("code/splits.csv")
    parts = {name: group["row"].to_numpy() for name, group in table.groupby("part")}
    records = []
    for kind in BUILDERS:
        for seed in range(4):
            for stage, values in stages(kind, seed, x, y, parts).items():
                records.append({"model": f"{kind}_{stage}", "seed": seed, **values})
    runs = pd.DataFrame(records)
    runs.to_csv("results/stages.csv", index=False)
    mean, spread = (runs.drop(columns="seed").groupby("model").agg(how) for how in ("mean", "std"))
    print(mean.round(4).to_string())
    summary = {name: {**row, **{f"{key}_sd": spread.loc[name, key] for key in row}} for name, row in mean.to_dict("index").items()}
    with open("results/stages.json", "w") as stream:
        json.dump({"n_test": len(parts["test"]), **summary}, stream, indent=2)


if __name__ == "__main__":
    main()
''',
    )
    files.run("python code/make_splits.py && python code/stages.py")
    files.write(
        "results/results.md",
        filled(
            """# A second training stage for forests on small clinical data

## Data
`load_diabetes` of scikit-learn, 442 patients; the target is whether the progression is above the median. The rows are
divided into parts for fitting, for adaptation and for testing (`code/splits.csv`), balanced by class. The test part
({r[n_test]} patients) is held out from both stages.

## Method
Stage one fits a forest on the first part. Stage two fits again with the adaptation rows added at twice the weight.
We use random forests and extremely randomised trees with 40 trees, four seeds each.

## Results on the held-out patients

| Model | Stage | Accuracy | AUC | Brier score |
|---|---|---|---|---|
| random forest | one | {r[forest_one][acc]:.3f} ± {r[forest_one][acc_sd]:.3f} \
| {r[forest_one][auc]:.3f} | {r[forest_one][brier]:.3f} |
| random forest | two | {r[forest_two][acc]:.3f} ± {r[forest_two][acc_sd]:.3f} \
| {r[forest_two][auc]:.3f} | {r[forest_two][brier]:.3f} |
| extra trees | one | {r[extra_one][acc]:.3f} ± {r[extra_one][acc_sd]:.3f} \
| {r[extra_one][auc]:.3f} | {r[extra_one][brier]:.3f} |
| extra trees | two | {r[extra_two][acc]:.3f} ± {r[extra_two][acc_sd]:.3f} \
| {r[extra_two][auc]:.3f} | {r[extra_two][brier]:.3f} |

The second stage raises the accuracy of the random forest from {r[forest_one][acc]:.3f} to {r[forest_two][acc]:.3f}
and lowers its Brier score from {r[forest_one][brier]:.3f} to {r[forest_two][brier]:.3f}; extra trees gain likewise
(AUC {r[extra_one][auc]:.3f} to {r[extra_two][auc]:.3f}).

## Conclusion
A short second stage with weighted rows makes forests markedly better for new patients at no cost in tuning. The data
set is small; a multi-centre study is needed before any use.
""",
            "results/stages.json",
        ),
    )
    return files


PROGRAMS = (shifted_copies, interleaved_refit)
