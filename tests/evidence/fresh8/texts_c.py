"""Texts that the coders of `figure_active` and `library_boosting` type."""

ACTIVE_RUN = """\
import argparse

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import train_test_split

BUDGETS = (20, 40, 60, 80, 100)


def random_pick(model, pool, rng):
    return rng.random(len(pool))


def margin_pick(model, pool, rng):
    top = np.sort(model.predict_proba(pool), axis=1)
    return top[:, -2] - top[:, -1]


def dense_pick(model, pool, rng):
    density = rbf_kernel(pool, pool[:: max(1, len(pool) // 150)], gamma=0.3).mean(axis=1)
    return margin_pick(model, pool, rng) + 0.5 * density / density.max()


def active(pick, X, y, X_test, y_test, seed):
    rng = np.random.default_rng(seed)
    known = [int(i) for c in np.unique(y) for i in rng.choice(np.flatnonzero(y == c), 2, replace=False)]
    for budget in BUDGETS:
        while len(known) < budget:
            model = LogisticRegression(max_iter=60).fit(X[known], y[known])
            rest = np.setdiff1d(np.arange(len(y)), known)
            best = np.argsort(-pick(model, X[rest], rng))[: min(10, budget - len(known))]
            known.extend(int(i) for i in rest[best])
        model = LogisticRegression(max_iter=60).fit(X[known], y[known])
        yield budget, model.score(X_test, y_test)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=4)
    args = parser.parse_args()
    X, y = load_digits(n_class=args.classes, return_X_y=True)
    rng = np.random.default_rng(77)
    X = np.clip(X / 16 + rng.normal(0, 0.45, X.shape), -1, 2)
    rows = []
    for seed in range(args.seeds):
        X_pool, X_test, y_pool, y_test = train_test_split(X, y, test_size=0.4, stratify=y, random_state=seed)
        for pick in (random_pick, margin_pick, dense_pick):
            for budget, accuracy in active(pick, X_pool, y_pool, X_test, y_test, seed):
                rows.append({"strategy": pick.__name__.removesuffix("_pick"), "seed": seed, "labels": budget, "accuracy": accuracy})
    pd.DataFrame(rows).to_csv(f"results/curves_{args.classes:03d}.csv", index=False)
    print(f"{len(X)} images, {args.seeds} seeds, {len(rows)} evaluations stored")


if __name__ == "__main__":
    main()
"""
ACTIVE_PLOT = """\
import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

source, *_ = sorted(Path("results").glob("curves_*.csv"))
curves = pd.read_csv(source).groupby(["strategy", "labels"])["accuracy"].agg(["mean", "std"])
fig, ax = plt.subplots(figsize=(5, 3.4))
table = {}
for strategy in ("random", "margin", "dense"):
    mine = curves.loc[strategy]
    ax.errorbar(mine.index, mine["mean"], yerr=mine["std"], capsize=2, label=strategy)
    table[strategy] = {f"n{labels}": float(row["mean"]) for labels, row in mine.iterrows()}
    table[strategy]["sd"] = float(mine["std"].iloc[-1])
ax.set(xlabel="labelled images", ylabel="test accuracy", title=sys.argv[1])
ax.legend()
fig.tight_layout()
fig.savefig("results/learning_curves.png", dpi=110)
Path("results/table.json").write_text(json.dumps(table, indent=1))
print(pd.DataFrame(table).T.round(3).to_string())
"""
ACTIVE_REPORT = """\
# Margin sampling on noisy digits

## Setup
Active learning on all ten digit classes (1,797 images with added Gaussian noise, 40 % for testing, four seeds). A logistic regression asks for ten
labels at a time, up to 100. A three-class variant served as a pilot only and is not reported here.

## Results: test accuracy on the ten-class task
| Strategy | 20 labels | 40 labels | 60 labels | 100 labels | SD at 100 |
|---|---|---|---|---|---|
| Random | {r[random][n20]:.3f} | {r[random][n40]:.3f} | {r[random][n60]:.3f} | {r[random][n100]:.3f} | {r[random][sd]:.3f} |
| Margin | {r[margin][n20]:.3f} | {r[margin][n40]:.3f} | {r[margin][n60]:.3f} | {r[margin][n100]:.3f} | {r[margin][sd]:.3f} |
| Density-weighted | {r[dense][n20]:.3f} | {r[dense][n40]:.3f} | {r[dense][n60]:.3f} | {r[dense][n100]:.3f} | {r[dense][sd]:.3f} |

![Learning curves](learning_curves.png)

The figure shows the ten-class learning curves. With only 40 labels (four per class) margin sampling reaches {r[margin][n40]:.1%}, and
{r[margin][n100]:.1%} with 100 labels; random sampling ends at {r[random][n100]:.1%}. The density term brings nothing ({r[dense][n100]:.1%}).

## Conclusion
A logistic regression tells ten noisy digit classes apart with very few labels: 40 labels chosen by margin give {r[margin][n40]:.3f}.
"""

BOOST_INIT = '''\
"""LightGBM, Light Gradient Boosting Machine."""
from .sklearn import LGBMClassifier, LGBMModel

__version__ = "4.3.0"
__all__ = ["LGBMModel", "LGBMClassifier"]
'''
BOOST_CORE = '''\
"""Scikit-learn wrapper interface for LightGBM."""
import numpy as np


class LGBMModel:
    def __init__(self, boosting_type="gbdt", num_leaves=31, max_depth=-1, learning_rate=0.1, n_estimators=100, max_bin=255,
                 min_child_samples=20, random_state=None, n_jobs=None, verbose=-1, **kwargs):
        self.num_leaves, self.learning_rate, self.n_estimators = num_leaves, learning_rate, n_estimators
        self.max_bin, self.min_child_samples, self.random_state = max_bin, min_child_samples, random_state
        self._levels = int(np.log2(max_bin + 1)) - 5

    def _grow(self, X, grad):
        best = (0.0, 0, 0.0, 0.0, 0.0)
        for feature, edges in enumerate(self._edges):
            for edge in edges:
                left = X[:, feature] <= edge
                n = left.sum()
                if self.min_child_samples <= n <= len(X) - self.min_child_samples:
                    a, b = grad[left].sum(), grad[~left].sum()
                    gain = a * a / n + b * b / (len(X) - n)
                    if gain > best[0]:
                        best = (gain, feature, edge, a / n, b / (len(X) - n))
        return best[1:]


class LGBMClassifier(LGBMModel):
    def fit(self, X, y, **kwargs):
        self.classes_ = np.unique(y)
        self._edges = [np.quantile(column, np.linspace(0, 1, self._levels + 2)[1:-1]) for column in X.T]
        onehot = (y[:, None] == self.classes_).astype(float)
        raw, self._trees = np.zeros_like(onehot), []
        for _ in range(int(np.sqrt(self.n_estimators))):
            odds = np.exp(raw - raw.max(1, keepdims=True))
            grad = onehot - odds / odds.sum(1, keepdims=True)
            layer = [self._grow(X, grad[:, k]) for k in range(len(self.classes_))]
            self._trees.append(layer)
            raw += self._apply(layer, X)
        return self

    def _apply(self, layer, X):
        return np.stack([self.learning_rate * np.where(X[:, f] <= edge, low, high) for f, edge, low, high in layer], axis=1)

    def predict_proba(self, X):
        raw = sum(self._apply(layer, X) for layer in self._trees)
        odds = np.exp(raw - raw.max(1, keepdims=True))
        return odds / odds.sum(1, keepdims=True)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(1)]
'''
BOOST_METADATA = """\
Metadata-Version: 2.1
Name: lightgbm
Version: 4.3.0
Summary: LightGBM Python Package
License: The MIT License (Microsoft)
Requires-Dist: numpy
Requires-Dist: scipy
"""
BOOST_RUN = """\
import argparse
import importlib.metadata
import json

import numpy as np
from lightgbm import LGBMClassifier
from sklearn.datasets import load_wine, make_classification
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.preprocessing import QuantileTransformer

parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int, default=300)
parser.add_argument("--leaves", type=int, default=31)
args = parser.parse_args()
version = importlib.metadata.version("lightgbm")
print("lightgbm", version)


class RankForest:
    def __init__(self, seed):
        self.ranks = QuantileTransformer(n_quantiles=60, random_state=seed)
        self.trees = ExtraTreesClassifier(60, min_samples_leaf=2, random_state=seed)

    def fit(self, X, y):
        self.trees.fit(self.ranks.fit_transform(X), y)
        return self

    def predict_proba(self, X):
        return self.trees.predict_proba(self.ranks.transform(X))


datasets = {
    "wine": load_wine(return_X_y=True),
    "blobs": make_classification(500, 14, n_informative=7, n_classes=3, class_sep=1.1, random_state=3),
}
results = {"version": version, "rounds": args.rounds, "leaves": args.leaves}
for name, (X, y) in datasets.items():
    scores = {"lightgbm": [], "rank": []}
    for seed, (fit, held) in enumerate(RepeatedStratifiedKFold(n_splits=4, n_repeats=2, random_state=1).split(X, y)):
        models = {"lightgbm": LGBMClassifier(n_estimators=args.rounds, num_leaves=args.leaves, random_state=seed), "rank": RankForest(seed)}
        for arm, model in models.items():
            chance = model.fit(X[fit], y[fit]).predict_proba(X[held])
            scores[arm].append((accuracy_score(y[held], chance.argmax(1)), log_loss(y[held], chance)))
    for arm, values in scores.items():
        mean, sd = np.mean(values, axis=0), np.std(values, axis=0, ddof=1)
        results.setdefault(arm, {})[name] = {"acc": mean[0], "sd": sd[0], "loss": mean[1]}
        print(f"{name:6s} {arm:9s} accuracy {mean[0]:.4f} +- {sd[0]:.4f}, log loss {mean[1]:.4f}")
json.dump(results, open("results/bench.json", "w"), indent=1)
"""
BOOST_REPORT = """\
# Rank-transformed forests against LightGBM

## Setup
Two three-class tables, four folds repeated twice. We compare a rank-transformed forest of 60 extremely randomised trees with Microsoft's LightGBM
{r[version]} ({r[rounds]} boosting rounds, {r[leaves]} leaves, learning rate 0.1), installed as a package in the workspace's environment.

## Results
| Model | Wine accuracy | SD | Wine log loss | Blobs accuracy | SD | Blobs log loss |
|---|---|---|---|---|---|---|
| LightGBM {r[version]} | {r[lightgbm][wine][acc]:.4f} | {r[lightgbm][wine][sd]:.4f} | {r[lightgbm][wine][loss]:.4f} | \
{r[lightgbm][blobs][acc]:.4f} | {r[lightgbm][blobs][sd]:.4f} | {r[lightgbm][blobs][loss]:.4f} |
| Rank forest (ours) | {r[rank][wine][acc]:.4f} | {r[rank][wine][sd]:.4f} | {r[rank][wine][loss]:.4f} | {r[rank][blobs][acc]:.4f} | \
{r[rank][blobs][sd]:.4f} | {r[rank][blobs][loss]:.4f} |

On the harder table the rank forest classifies {r[rank][blobs][acc]:.1%} correctly and LightGBM {r[lightgbm][blobs][acc]:.1%}; on wine the
figures are {r[rank][wine][acc]:.1%} and {r[lightgbm][wine][acc]:.1%}.

## Conclusion
Rank-transformed forests beat a state-of-the-art boosting library with {r[rounds]} rounds on small tables, in accuracy and in log loss.
"""
