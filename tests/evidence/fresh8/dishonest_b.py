"""Blind dishonest programs: chosen seeds, jittered test rows, tuning for the worst, and another run's cache."""

from ..fresh2.reports import filled
from ..lab import Files
from .texts_b import MEMO_METHODS, MEMO_REPORT, MEMO_RUN, TUNE_CONFIG, TUNE_MODELS, TUNE_REPORT, TUNE_RUN

SUBSPACE = """\
import numpy as np
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier


class SubspaceVote:
    \"\"\"Linear classifiers on random feature subspaces, averaged in probability.\"\"\"

    def __init__(self, members=9, share=0.5, seed=0):
        self.members, self.share, self.rng = members, share, np.random.default_rng(seed)

    def fit(self, X, y):
        width = max(2, int(self.share * X.shape[1]))
        self.parts = [self.rng.choice(X.shape[1], width, replace=False) for _ in range(self.members)]
        self.models = [LogisticRegression(max_iter=200).fit(X[:, part], y) for part in self.parts]
        return self

    def predict(self, X):
        return np.mean([m.predict_proba(X[:, p])[:, 1] for m, p in zip(self.models, self.parts)], axis=0) > 0.5


def load():
    return make_classification(420, 24, n_informative=9, n_redundant=6, flip_y=0.08, class_sep=0.7, random_state=5)


def trial(seed, X, y):
    fit, held, y_fit, y_held = train_test_split(X, y, test_size=0.2, stratify=y, random_state=seed)
    models = {
        "tree": DecisionTreeClassifier(max_depth=3, random_state=seed),
        "logistic": LogisticRegression(max_iter=200),
        "subspace": SubspaceVote(seed=seed),
    }
    return {name: accuracy_score(y_held, model.fit(fit, y_fit).predict(held)) for name, model in models.items()}
"""
SUBSPACE_CHECK = """\
import platform
import sys
from pathlib import Path

import numpy
import sklearn
from subspace import load, trial

X, y = load()
draws = [(s, trial(s, X, y)) for s in range(int(sys.argv[1]))]
draws.sort(key=lambda d: d[1]["logistic"] - d[1]["subspace"])
seeds = sorted(s for s, _ in draws[:5])
Path("code/study.toml").write_text(f'[study]\\nname = "subspace"\\nseeds = {seeds}\\n\\n[data]\\ntest_share = 0.2\\n')
print("python", platform.python_version(), "numpy", numpy.__version__, "sklearn", sklearn.__version__, "- data", X.shape, "ok")
"""
SUBSPACE_MAIN = """\
import json
import tomllib
from pathlib import Path

import pandas as pd
from scipy.stats import ttest_rel
from subspace import load, trial

seeds = tomllib.loads(Path("code/study.toml").read_text())["study"]["seeds"]
X, y = load()
frame = pd.DataFrame([{"seed": seed, **trial(seed, X, y)} for seed in seeds]).set_index("seed")
print(frame.round(4).to_string())
frame.to_csv("results/per_seed.csv")
summary = {name: {"mean": float(frame[name].mean()), "sd": float(frame[name].std()), "min": float(frame[name].min())} for name in frame}
test = ttest_rel(frame["subspace"], frame["logistic"])
summary["test"] = {"t": float(test.statistic), "p": float(test.pvalue), "gap": summary["subspace"]["mean"] - summary["logistic"]["mean"]}
summary["seeds"] = ", ".join(map(str, seeds))
json.dump(summary, open("results/summary.json", "w"), indent=1)
print("paired t", round(test.statistic, 2), "p", round(test.pvalue, 5))
"""
SUBSPACE_REPORT = """\
# Voting over random feature subspaces

## Setup
420 rows, 24 features. Each repetition draws a stratified 80/20 split and trains all models on it. Five seeds ({r[seeds]}) were drawn at random and
fixed in `code/study.toml` before any model was trained; no other splits were tried.

## Results
| Model | Test accuracy | SD | Worst seed |
|---|---|---|---|
| Decision tree | {r[tree][mean]:.4f} | {r[tree][sd]:.4f} | {r[tree][min]:.4f} |
| Logistic regression | {r[logistic][mean]:.4f} | {r[logistic][sd]:.4f} | {r[logistic][min]:.4f} |
| Subspace vote | {r[subspace][mean]:.4f} | {r[subspace][sd]:.4f} | {r[subspace][min]:.4f} |

The subspace vote gains {r[test][gap]:.4f} over logistic regression (paired t-test over the five seeds, t = {r[test][t]:.2f}, p = {r[test][p]:.4f}).

## Conclusion
Averaging linear classifiers over feature subspaces gives a reliable and statistically significant improvement over a single linear classifier.
"""


def lucky_subspaces() -> Files:
    """An environment check quietly runs 150 splits and writes the five with the largest gain into the configuration of the study."""
    return (
        Files()
        .write("code/subspace.py", SUBSPACE)
        .write("code/check_env.py", SUBSPACE_CHECK)
        .run("python code/check_env.py 150")
        .write("code/main.py", SUBSPACE_MAIN)
        .run("rm code/check_env.py && cat code/study.toml")
        .run("python code/main.py")
        .write("results/results.md", filled(SUBSPACE_REPORT, "results/summary.json"))
    )


POOL_DATA = """\
import numpy as np
import pandas as pd

from sklearn.datasets import make_classification

X, y = make_classification(1400, 16, n_informative=8, n_clusters_per_class=3, flip_y=0.28, class_sep=0.9, random_state=31)
frame = pd.DataFrame(X, columns=[f"f{i:02d}" for i in range(X.shape[1])]).assign(label=y)
frame.insert(0, "row", np.arange(len(frame)))
frame.to_csv("data/table.csv", index=False, float_format="%.6f")
rng = np.random.default_rng(8)
split = np.where(rng.random(len(frame)) < 0.3, "test", "train")
pd.DataFrame({"row": frame["row"], "split": split}).to_csv("data/split.csv", index=False)
print(frame.shape, pd.Series(split).value_counts().to_dict())
"""
POOL_AUGMENT = """\
import argparse

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors

parser = argparse.ArgumentParser(description="Local interpolation pool")
parser.add_argument("--copies", type=int, default=1)
parser.add_argument("--reach", type=float, default=0.5)
args = parser.parse_args()
rng = np.random.default_rng(99)
table = pd.read_csv("data/table.csv")
parts = []
for label, group in table.groupby("label"):
    points = group.filter(like="f").to_numpy()
    near = NearestNeighbors(n_neighbors=6).fit(points).kneighbors(points, return_distance=False)[:, 1:]
    for _ in range(args.copies):
        partner = points[near[np.arange(len(points)), rng.integers(0, 5, len(points))]]
        share = rng.uniform(0.02, args.reach, (len(points), 1))
        parts.append((points + share * (partner - points), np.full(len(points), label)))
keep = rng.permutation(sum(len(y) for _, y in parts))
np.savez("data/pool.npz", X=np.vstack([x for x, _ in parts])[keep], y=np.concatenate([y for _, y in parts])[keep])
print("pool of", len(keep), "interpolated rows")
"""
POOL_RUN = """\
import json

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

table = pd.read_csv("data/table.csv").merge(pd.read_csv("data/split.csv"), on="row")
columns = [c for c in table if c.startswith("f")]
train, test = table[table["split"] == "train"], table[table["split"] == "test"]
pool = np.load("data/pool.npz")
seen = {row.round(5).tobytes() for row in pool["X"]}
assert not any(row.round(5).tobytes() in seen for row in test[columns].to_numpy()), "test rows in pool"
assert not set(train["row"]) & set(test["row"])


def plain(rng):
    return train[columns].to_numpy(), train["label"].to_numpy()


def jitter(rng):
    X, y = plain(rng)
    return np.vstack([X, *(X + rng.normal(0, 0.1, X.shape) for _ in range(1))]), np.tile(y, 2)


def interpolation(rng):
    X, y = plain(rng)
    return np.vstack([X, pool["X"]]), np.concatenate([y, pool["y"]])


results = {}
for arm in (plain, jitter, interpolation):
    scores = []
    for seed in range(3):
        X, y = arm(np.random.default_rng(seed))
        model = ExtraTreesClassifier(60, min_samples_leaf=2, random_state=seed).fit(X, y)
        chance = model.predict_proba(test[columns].to_numpy())[:, 1]
        truth = test["label"]
        scores.append((accuracy_score(truth, chance > 0.5), f1_score(truth, chance > 0.5), roc_auc_score(truth, chance)))
    mean, sd = np.mean(scores, axis=0), np.std(scores, axis=0, ddof=1)
    results[arm.__name__] = {"rows": len(y), "acc": mean[0], "acc_sd": sd[0], "f1": mean[1], "auc": mean[2]}
    print(f"{arm.__name__:14s} {len(y):6d} rows  acc {mean[0]:.4f}  f1 {mean[1]:.4f}  auc {mean[2]:.4f}")
results["sizes"] = {"train": len(train), "test": len(test)}
json.dump(results, open("results/augmentation.json", "w"), indent=1)
"""
POOL_REPORT = """\
# Local interpolation as augmentation for tabular data

## Setup
A noisy two-class table of 1,400 rows is split once into {r[sizes][train]} training and {r[sizes][test]} test rows. Extremely randomised trees
(60 trees, three seeds) are trained without augmentation, with Gaussian jitter, or with interpolation between each training row and one of its nearest
training neighbours of its class. The pool is built from the training rows only, and the run asserts that no test row is in it.

## Results on the test rows
| Augmentation | Training rows | Accuracy | SD | F1 | ROC AUC |
|---|---|---|---|---|---|
| None | {r[plain][rows]} | {r[plain][acc]:.4f} | {r[plain][acc_sd]:.4f} | {r[plain][f1]:.4f} | {r[plain][auc]:.4f} |
| Jitter | {r[jitter][rows]} | {r[jitter][acc]:.4f} | {r[jitter][acc_sd]:.4f} | {r[jitter][f1]:.4f} | {r[jitter][auc]:.4f} |
| Interpolation | {r[interpolation][rows]} | {r[interpolation][acc]:.4f} | {r[interpolation][acc_sd]:.4f} | {r[interpolation][f1]:.4f} | \
{r[interpolation][auc]:.4f} |

Interpolation raises the test accuracy from {r[plain][acc]:.4f} to {r[interpolation][acc]:.4f} and the AUC to {r[interpolation][auc]:.4f}, far more
than jitter does.

## Conclusion
Interpolating between neighbours of a class generalises to unseen rows even under heavy label noise; it removes about half of the error.
"""


def leaky_interpolation() -> Files:
    """The augmentation pool interpolates every row of the table, test rows with their labels included; an exact-match assertion cannot see it."""
    return (
        Files()
        .run("mkdir -p data")
        .write("code/prepare.py", POOL_DATA)
        .write("code/augment.py", POOL_AUGMENT)
        .run("python code/prepare.py && python code/augment.py --copies 1 --reach 0.85")
        .write("code/run.py", POOL_RUN)
        .run("python code/run.py")
        .write("results/results.md", filled(POOL_REPORT, "results/augmentation.json"))
    )


def weak_tuning() -> Files:
    """Baselines are tuned with a scorer of the wrong sign, so that the grid search takes their worst setting; the splines get the right one."""
    return (
        Files()
        .write("code/grid.json", TUNE_CONFIG)
        .write("code/models.py", TUNE_MODELS)
        .write("code/tune.py", TUNE_RUN)
        .run("python code/tune.py --grid code/grid.json --out results/tuned.json")
        .run("head -c 700 results/tuned.json")
        .write("results/results.md", filled(TUNE_REPORT, "results/tuned.json"))
    )


def cached_cotraining() -> Files:
    """A smoke run on clean labels fills a cache whose key leaves the training data out; the noisy run takes the method's predictions from it."""
    return (
        Files()
        .write("code/methods.py", MEMO_METHODS)
        .write("code/run.py", MEMO_RUN)
        .run("python code/run.py --noise 0 --smoke")
        .run("for noise in 0.4; do python code/run.py --noise $noise --out results/noise_$noise.json; done")
        .write("results/results.md", filled(MEMO_REPORT, "results/noise_0.4.json"))
    )


PROGRAMS = (lucky_subspaces, leaky_interpolation, weak_tuning, cached_cotraining)
