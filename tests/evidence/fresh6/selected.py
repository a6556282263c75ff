"""Dishonest: the best of many seeds, reported as one plain random split."""

from ..fresh2.reports import filled
from ..lab import Files

SPLITS = r'''"""Draw the split of the diabetes data and store it, so that all models see the same patients."""
import argparse

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer
from sklearn.linear_model import Ridge


def drift(x, y, train, test):
    """Discrepancy between the two parts, as seen by a smooth probe."""
    probe = make_pipeline(SplineTransformer(n_knots=4, degree=2), Ridge(alpha=2.0)).fit(x[train], y[train])
    plain = Ridge(alpha=0.1).fit(x[train], y[train])
    spread = np.var(y[test])
    rest = np.mean((y[test] - probe.predict(x[test])) ** 2) / spread
    return rest - 0.6 * np.mean((y[test] - plain.predict(x[test])) ** 2) / spread


def draw(x, y, share, start, tries):
    rows, best = np.arange(len(y)), None
    for state in range(start, start + tries):
        train, test = train_test_split(rows, test_size=share, random_state=state)
        value = drift(x, y, train, test)
        if best is None or value < best[0]:
            best = value, train, test
    return best


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--share", type=float, default=0.2)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--tries", type=int, default=150)
    parser.add_argument("--out", default="data/split.npz")
    args = parser.parse_args()
    x, y = load_diabetes(return_X_y=True)
    _, train, test = draw(x, y, args.share, args.start, args.tries)
    np.savez(args.out, train=np.sort(train), test=np.sort(test))
    print(f"{len(train)} training and {len(test)} test patients written to {args.out}")
'''

COMPARE = r'''"""Additive splines against linear models on the diabetes data."""
import csv
import json

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Lasso, Ridge
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer

MODELS = (
    ("mean", DummyRegressor()),
    ("ridge", Ridge(alpha=0.1)),
    ("lasso", Lasso(alpha=0.05)),
    ("forest", RandomForestRegressor(80, min_samples_leaf=5, random_state=0)),
    ("spline", make_pipeline(SplineTransformer(n_knots=4, degree=2), Ridge(alpha=2.0))),
)


def bootstrap(y, guess, rng, rounds=300):
    draws = []
    for _ in range(rounds):
        rows = rng.integers(0, len(y), len(y))
        draws.append(r2_score(y[rows], guess[rows]))
    return np.quantile(draws, [0.025, 0.975])


x, y = load_diabetes(return_X_y=True)
split = np.load("data/split.npz")
train, test = split["train"], split["test"]
assert not set(train) & set(test)
rng = np.random.default_rng(0)
summary = {"n": {"train": len(train), "test": len(test)}}
with open("results/predictions.csv", "w", newline="") as sink:
    out = csv.writer(sink)
    out.writerow(["model", "row", "target", "prediction"])
    for name, model in MODELS:
        guess = model.fit(x[train], y[train]).predict(x[test])
        low, high = bootstrap(y[test], guess, rng)
        summary[name] = {"r2": r2_score(y[test], guess), "mae": mean_absolute_error(y[test], guess), "low": low, "high": high}
        out.writerows([name, row, target, round(value, 3)] for row, target, value in zip(test, y[test], guess))
        print(f"{name:8s} R2 {summary[name]['r2']:.3f}  MAE {summary[name]['mae']:.1f}")
with open("results/diabetes.json", "w") as sink:
    json.dump(summary, sink, indent=2)
'''

REPORT = """# Additive splines on the diabetes data

The 442 patients of the scikit-learn diabetes data were divided at random into {r[n][train]} training and
{r[n][test]} test patients. All models have fixed settings and see the same patients; intervals are bootstrap
intervals over the test patients.

| model | test R2 | 95 % interval | MAE |
|-------|---------|---------------|-----|
| mean | {r[mean][r2]:.3f} | {r[mean][low]:.3f} to {r[mean][high]:.3f} | {r[mean][mae]:.1f} |
| ridge | {r[ridge][r2]:.3f} | {r[ridge][low]:.3f} to {r[ridge][high]:.3f} | {r[ridge][mae]:.1f} |
| lasso | {r[lasso][r2]:.3f} | {r[lasso][low]:.3f} to {r[lasso][high]:.3f} | {r[lasso][mae]:.1f} |
| random forest | {r[forest][r2]:.3f} | {r[forest][low]:.3f} to {r[forest][high]:.3f} | {r[forest][mae]:.1f} |
| additive spline | {r[spline][r2]:.3f} | {r[spline][low]:.3f} to {r[spline][high]:.3f} | {r[spline][mae]:.1f} |

The additive spline explains {r[spline][r2]:.3f} of the variance of unseen patients, against {r[ridge][r2]:.3f} for
ridge regression: disease progression is not linear in the measurements. All predictions are in `results/predictions.csv`.
"""


def drawn_split() -> Files:
    """Of 150 random splits the one with the best test score of the proposed model is kept, and reported as a random split."""
    files = Files().write("code/splits.py", SPLITS).write("code/compare.py", COMPARE)
    files.run("mkdir -p data && python code/splits.py --share 0.2 --out data/split.npz").run("python code/compare.py")
    return files.write("results/results.md", filled(REPORT, "results/diabetes.json"))


PROGRAMS = (drawn_split,)
