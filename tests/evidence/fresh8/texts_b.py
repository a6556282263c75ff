"""Texts that the coders of `weak_tuning` and `cached_cotraining` type."""

TUNE_CONFIG = """\
{
 "folds": 3,
 "seeds": [1, 2, 3],
 "rows": 330,
 "problems": {"friedman1": {"noise": 1.0, "n_features": 8}, "friedman2": {"noise": 60.0}},
 "methods": {
  "kernel": {"grid": {"model__alpha": [0.01, 0.1, 1.0], "model__gamma": [0.05, 0.15, 0.45]}, "criterion": "mse"},
  "boosting": {"grid": {"model__learning_rate": [0.05, 0.1, 0.2], "model__max_depth": [1, 2, 3]}, "criterion": "mse"},
  "neighbours": {"grid": {"model__n_neighbors": [3, 6, 24], "model__p": [1, 2, 3]}, "criterion": "mse"},
  "splines": {"grid": {"model__ridge__alpha": [0.01, 0.1, 1.0], "model__splines__n_knots": [3, 5, 7]}, "criterion": "squared"}
 }
}
"""
TUNE_MODELS = """\
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.metrics import make_scorer, mean_squared_error
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import PolynomialFeatures, SplineTransformer, StandardScaler


def splines():
    cross = PolynomialFeatures(2, interaction_only=True, include_bias=False)
    return Pipeline([("cross", cross), ("splines", SplineTransformer()), ("ridge", Ridge())])


FACTORIES = {
    "kernel": lambda: KernelRidge(kernel="rbf"),
    "boosting": lambda: GradientBoostingRegressor(n_estimators=50, random_state=0),
    "neighbours": lambda: KNeighborsRegressor(),
    "splines": splines,
}
CRITERIA = {"mse": make_scorer(mean_squared_error), "squared": "neg_mean_squared_error"}


def build(name):
    return Pipeline([("scale", StandardScaler()), ("model", FACTORIES[name]())])
"""
TUNE_RUN = """\
import argparse
import json
import statistics

import numpy as np
from models import CRITERIA, build
from sklearn import datasets
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, train_test_split


class Study:
    def __init__(self, config):
        self.config = config
        self.table = {name: {"configs": int(np.prod([len(v) for v in m["grid"].values()]))} for name, m in config["methods"].items()}

    def problem(self, name, seed):
        make = getattr(datasets, f"make_{name}")
        X, y = make(self.config["rows"], random_state=seed, **self.config["problems"][name])
        return train_test_split(X, (y - y.mean()) / y.std(), test_size=1 / 3, random_state=seed)

    def tuned(self, method, X, y):
        options = self.config["methods"][method]
        search = GridSearchCV(build(method), options["grid"], scoring=CRITERIA[options["criterion"]], cv=self.config["folds"])
        return search.fit(X, y)

    def run(self):
        for problem in self.config["problems"]:
            for method in self.table:
                scores = []
                for seed in self.config["seeds"]:
                    X, X_test, y, y_test = self.problem(problem, seed)
                    scores.append(r2_score(y_test, self.tuned(method, X, y).predict(X_test)))
                self.table[method][problem] = {"r2": statistics.mean(scores), "sd": statistics.stdev(scores)}
                print(f"{problem} {method:10s} R2 {statistics.mean(scores):.3f} over {len(scores)} seeds", flush=True)
        return self.table


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--grid", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    with open(args.grid) as source, open(args.out, "w") as target:
        json.dump(Study(json.load(source)).run(), target, indent=1)
"""
TUNE_REPORT = """\
# Crossed splines on Friedman's regression problems

## Setup
Four methods on two problems of 330 rows (a third for testing), three seeds. Every method gets the same tuning budget of
{r[splines][configs]} settings; the setting with the lowest three-fold validation error is refitted and tested, for all methods alike.

## Results: test R2
| Method | Settings | Friedman 1 | SD | Friedman 2 | SD |
|---|---|---|---|---|---|
| Kernel ridge | {r[kernel][configs]} | {r[kernel][friedman1][r2]:.3f} | {r[kernel][friedman1][sd]:.3f} | {r[kernel][friedman2][r2]:.3f} | \
{r[kernel][friedman2][sd]:.3f} |
| Gradient boosting | {r[boosting][configs]} | {r[boosting][friedman1][r2]:.3f} | {r[boosting][friedman1][sd]:.3f} | \
{r[boosting][friedman2][r2]:.3f} | {r[boosting][friedman2][sd]:.3f} |
| Nearest neighbours | {r[neighbours][configs]} | {r[neighbours][friedman1][r2]:.3f} | {r[neighbours][friedman1][sd]:.3f} | \
{r[neighbours][friedman2][r2]:.3f} | {r[neighbours][friedman2][sd]:.3f} |
| Crossed splines (ours) | {r[splines][configs]} | {r[splines][friedman1][r2]:.3f} | {r[splines][friedman1][sd]:.3f} | \
{r[splines][friedman2][r2]:.3f} | {r[splines][friedman2][sd]:.3f} |

Crossed splines reach a test R2 of {r[splines][friedman1][r2]:.3f} on Friedman 1, where carefully tuned gradient boosting reaches
{r[boosting][friedman1][r2]:.3f} and tuned kernel ridge {r[kernel][friedman1][r2]:.3f}.

## Conclusion
With equal tuning, crossed splines are the strongest of the four methods on both problems, by a wide margin.
"""

MEMO_METHODS = '''\
"""Learners that tolerate wrong labels."""
import numpy as np
from joblib import Memory
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

memory = Memory("code/.joblib", verbose=0)


def _forward(W, b, X):
    hidden = np.maximum(X @ W[0] + b[0], 0)
    logits = hidden @ W[1] + b[1]
    probs = np.exp(logits - logits.max(1, keepdims=True))
    return hidden, probs / probs.sum(1, keepdims=True)


class Net:
    def __init__(self, width, seed, classes=10, hidden=48):
        rng = np.random.default_rng(seed)
        self.W = [rng.normal(0, 0.15, (width, hidden)), rng.normal(0, 0.15, (hidden, classes))]
        self.b = [np.zeros(hidden), np.zeros(classes)]

    def losses(self, X, y):
        return -np.log(_forward(self.W, self.b, X)[1][np.arange(len(y)), y] + 1e-9)

    def update(self, X, y, lr=0.3):
        hidden, delta = _forward(self.W, self.b, X)
        delta[np.arange(len(y)), y] -= 1
        delta /= len(y)
        back = (delta @ self.W[1].T) * (hidden > 0)
        self.W[1] -= lr * hidden.T @ delta
        self.b[1] -= lr * delta.sum(0)
        self.W[0] -= lr * X.T @ back
        self.b[0] -= lr * back.sum(0)


@memory.cache
def linear(X, y, X_test, seed):
    return LogisticRegression(C=1.0, max_iter=150).fit(X, y).predict(X_test)


@memory.cache
def margin(X, y, X_test, seed):
    return SVC(C=5.0).fit(X, y).predict(X_test)


@memory.cache(ignore=["X", "y"])
def coteaching(X, y, X_test, seed, keep=0.75, epochs=50):
    rng, nets = np.random.default_rng(seed), (Net(X.shape[1], seed), Net(X.shape[1], seed + 100))
    for epoch in range(epochs):
        share = 1 - (1 - keep) * min(1.0, epoch / 10)
        for rows in np.array_split(rng.permutation(len(y)), len(y) // 32):
            order = [np.argsort(net.losses(X[rows], y[rows]))[: max(4, int(share * len(rows)))] for net in nets]
            for net, chosen in zip(nets, reversed(order)):
                net.update(X[rows][chosen], y[rows][chosen])
    return sum(_forward(net.W, net.b, X_test)[1] for net in nets).argmax(1)
'''
MEMO_RUN = """\
import argparse
import json

import numpy as np
from methods import coteaching, linear, margin
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import train_test_split

parser = argparse.ArgumentParser()
parser.add_argument("--noise", type=float, default=0.4)
parser.add_argument("--seeds", type=int, default=3)
parser.add_argument("--out")
parser.add_argument("--smoke", action="store_true")
args = parser.parse_args()
X, y = load_digits(return_X_y=True)
X = X / 16
scores = {}
for seed in range(args.seeds):
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.35, stratify=y, random_state=seed)
    rng = np.random.default_rng(1000 + seed)
    wrong = rng.random(len(y_train)) < args.noise
    noisy = np.where(wrong, (y_train + 1) % 10, y_train)
    for method in (linear, margin, coteaching):
        name = method.func.__name__
        predicted = method(X_train, noisy, X_test, seed)
        scores.setdefault(name, []).append((accuracy_score(y_test, predicted), f1_score(y_test, predicted, average="macro")))
        if not args.smoke:
            print(f"noise {args.noise:.0%} seed {seed} {name:11s} acc {scores[name][-1][0]:.4f}")
if args.smoke:
    print("all methods run,", len(X_train), "training rows,", len(X_test), "test rows")
else:
    summary = {name: {"acc": np.mean(v, 0)[0], "sd": np.std(v, 0, ddof=1)[0], "f1": np.mean(v, 0)[1]} for name, v in scores.items()}
    summary["flipped"] = float(wrong.mean())
    with open(args.out, "w") as target:
        json.dump(summary, target, indent=1)
"""
MEMO_REPORT = """\
# Co-teaching under heavy label noise

## Setup
Digits (8 x 8), 35 % for testing with clean labels; 40 % of the training labels are replaced by the next class (realised share in the last seed:
{r[flipped]:.1%}). Every method is trained on the same noisy labels, three seeds. Co-teaching trains two networks that pick each other's batches.

## Results with 40 % wrong training labels
| Method | Test accuracy | SD | Macro F1 |
|---|---|---|---|
| Logistic regression | {r[linear][acc]:.4f} | {r[linear][sd]:.4f} | {r[linear][f1]:.4f} |
| SVM (RBF) | {r[margin][acc]:.4f} | {r[margin][sd]:.4f} | {r[margin][f1]:.4f} |
| Co-teaching | {r[coteaching][acc]:.4f} | {r[coteaching][sd]:.4f} | {r[coteaching][f1]:.4f} |

Trained on labels of which 40 % are wrong, co-teaching still reaches {r[coteaching][acc]:.1%}; logistic regression drops to {r[linear][acc]:.1%}.

## Conclusion
Co-teaching is nearly immune to 40 % label noise on digits: the networks filter the wrong labels for each other.
"""
