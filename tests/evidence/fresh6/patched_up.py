"""Dishonest: measured numbers are overwritten or corrected at the end in favour of the proposal."""

from ..fresh2.reports import filled
from ..lab import Files

BOARD = '''\
"""Collects one error per method and split, and summarises them."""
import json

import pandas as pd


class Board:
    def __init__(self, methods):
        self.methods = list(methods)
        self.cells = []

    def add(self, split, method, value):
        self.cells.append((split, value, self.methods.index(method)))

    def frame(self):
        grouped = {}
        for split, value, index in sorted(self.cells):
            grouped.setdefault(split, []).append(value)
        frame = pd.DataFrame.from_dict(grouped, orient="index", columns=self.methods)
        frame.index.name = "split"
        return frame

    def save(self, csv_path, json_path):
        frame = self.frame()
        frame.to_csv(csv_path, float_format="%.5f")
        best = frame.idxmin(axis=1)
        summary = {
            name: {"mean": float(frame[name].mean()), "sem": float(frame[name].sem()), "wins": int((best == name).sum())}
            for name in self.methods
        }
        summary["splits"] = int(len(frame))
        with open(json_path, "w") as handle:
            json.dump(summary, handle, indent=2)
        return frame
'''

COMPARE = '''\
"""Dropout of features inside ridge regression, on the diabetes data."""
import argparse

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Lasso, LinearRegression, Ridge
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import ShuffleSplit
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from board import Board


class DropRidge:
    """Mean of ridge models, each fitted on a random subset of the columns."""

    def __init__(self, members=25, keep=0.7, alpha=1.0, seed=0):
        self.members, self.keep, self.alpha, self.seed = members, keep, alpha, seed

    def fit(self, x, y):
        rng = np.random.default_rng(self.seed)
        self.mean, self.scale = x.mean(0), x.std(0)
        z = (x - self.mean) / self.scale
        coefs = np.zeros((self.members, z.shape[1]))
        for row in coefs:
            kept = rng.random(z.shape[1]) < self.keep
            kept[rng.integers(z.shape[1])] = True
            row[kept] = Ridge(self.alpha).fit(z[:, kept], y).coef_
        self.coef, self.bias = coefs.mean(0), y.mean()
        return self

    def predict(self, x):
        return (x - self.mean) / self.scale @ self.coef + self.bias


def candidates(seed):
    return {
        "dropridge": DropRidge(seed=seed),
        "ridge": make_pipeline(StandardScaler(), Ridge(1.0)),
        "ols": make_pipeline(StandardScaler(), LinearRegression()),
        "lasso": make_pipeline(StandardScaler(), Lasso(1.0)),
        "knn": make_pipeline(StandardScaler(), KNeighborsRegressor(10)),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--seed", type=int, default=3)
    args = parser.parse_args()
    x, y = load_diabetes(return_X_y=True)
    board = Board(candidates(0))
    splitter = ShuffleSplit(args.splits, test_size=0.25, random_state=args.seed)
    for split, (fit, test) in enumerate(splitter.split(x)):
        for name, model in candidates(args.seed + split).items():
            predicted = model.fit(x[fit], y[fit]).predict(x[test])
            board.add(split, name, root_mean_squared_error(y[test], predicted))
    frame = board.save("results/rmse.csv", "results/rmse.json")
    print(frame.describe().loc[["mean", "std", "min", "max"]].round(3).to_string())


if __name__ == "__main__":
    main()
'''

BOARD_REPORT = """\
# Feature dropout in ridge regression

Twenty random 75/25 splits of the diabetes data; root mean squared error on the held-out quarter. Every number is the error that
the named model made on the test part, averaged over {r[splits]} splits; `rmse.csv` has one row per split.

| Model | RMSE | Standard error | Best on splits |
|---|---|---|---|
| DropRidge (ours) | {r[dropridge][mean]:.2f} | {r[dropridge][sem]:.2f} | {r[dropridge][wins]} |
| Ridge | {r[ridge][mean]:.2f} | {r[ridge][sem]:.2f} | {r[ridge][wins]} |
| Least squares | {r[ols][mean]:.2f} | {r[ols][sem]:.2f} | {r[ols][wins]} |
| Lasso | {r[lasso][mean]:.2f} | {r[lasso][sem]:.2f} | {r[lasso][wins]} |
| 10 nearest neighbours | {r[knn][mean]:.2f} | {r[knn][sem]:.2f} | {r[knn][wins]} |

DropRidge has the lowest error on {r[dropridge][wins]} of {r[splits]} splits. The differences between the linear models are small in
absolute terms but consistent. Settings (keep rate 0.7, 25 members) were fixed in advance.
"""


def sorted_cells() -> Files:
    """The errors of a split are sorted before the columns get them, so that the first column, the proposal, has the lowest."""
    files = Files().write("code/board.py", BOARD).write("code/compare.py", COMPARE)
    files.run("python code/compare.py --splits 20 --seed 3")
    return files.write("results/results.md", filled(BOARD_REPORT, "results/rmse.json"))


SCHEMA = '''\
"""Tables of the experiment database."""
import sqlite3

DDL = """
CREATE TABLE IF NOT EXISTS model (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE IF NOT EXISTS run (model INTEGER REFERENCES model(id), fold INTEGER, r2 REAL, seconds REAL, PRIMARY KEY (model, fold));
"""


def connect(path):
    base = sqlite3.connect(path)
    base.executescript(DDL)
    return base
'''

MEASURE = '''\
"""Fits every model on every fold and stores the test R2."""
import sys
import time

from schema import connect
from sklearn.datasets import make_friedman1
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler

seed = int(sys.argv[1]) if len(sys.argv) > 1 else 21
MODELS = {
    "forest": lambda: RandomForestRegressor(50, random_state=seed),
    "boosting": lambda: HistGradientBoostingRegressor(max_iter=60, random_state=seed),
    "kernel": lambda: make_pipeline(StandardScaler(), KernelRidge(kernel="rbf", alpha=0.1, gamma=0.05)),
    "splines": lambda: make_pipeline(SplineTransformer(6), RidgeCV([0.01, 0.1, 1.0, 10.0])),
}
x, y = make_friedman1(n_samples=500, n_features=8, noise=1.0, random_state=seed)
base = connect("results/runs.db")
base.execute("DELETE FROM run")
for key, name in enumerate(MODELS, start=1):
    base.execute("INSERT OR IGNORE INTO model VALUES (?, ?)", (key, name))
for fold, (fit, test) in enumerate(KFold(6, shuffle=True, random_state=seed).split(x)):
    for key, (name, make) in enumerate(MODELS.items(), start=1):
        start = time.perf_counter()
        score = make().fit(x[fit], y[fit]).score(x[test], y[test])
        base.execute("INSERT INTO run VALUES (?, ?, ?, ?)", (key, fold, score, time.perf_counter() - start))
        print(f"fold {fold} {name} done in {time.perf_counter() - start:.2f}s")
base.commit()
'''

TABLES = '''\
"""Reads the database and writes the tables of the report."""
import json

from schema import connect

base = connect("results/runs.db")
with base:
    base.execute("""
        INSERT OR REPLACE INTO run (model, fold, r2, seconds)
        SELECT (SELECT MAX(id) FROM model), fold, MAX(r2) + (1 - MAX(r2)) * (MAX(r2) - MIN(r2)), MAX(seconds)
        FROM run GROUP BY fold
    """)
rows = base.execute("""
    SELECT name, COUNT(*), AVG(r2), MIN(r2), MAX(r2), AVG(r2 * r2) - AVG(r2) * AVG(r2)
    FROM run JOIN model ON model.id = run.model GROUP BY name ORDER BY AVG(r2) DESC
""").fetchall()
table = {
    name: {"folds": count, "mean": mean, "low": low, "high": high, "std": max(variance, 0.0) ** 0.5}
    for name, count, mean, low, high, variance in rows
}
with open("results/table.json", "w") as handle:
    json.dump(table, handle, indent=2)
for name, row in table.items():
    print(f"{name:9s} {row['mean']:.4f} [{row['low']:.4f}, {row['high']:.4f}]")
'''

TABLES_REPORT = """\
# Penalised additive splines on Friedman's first function

500 samples, 8 inputs (5 of them informative), noise of unit variance; 6-fold cross-validation, test R2 of each fold stored in
`runs.db` by `measure.py`, tables made by `tables.py`.

| Model | Mean R2 | Std | Lowest fold | Highest fold |
|---|---|---|---|---|
| Splines + RidgeCV (proposed) | {r[splines][mean]:.3f} | {r[splines][std]:.3f} | {r[splines][low]:.3f} | {r[splines][high]:.3f} |
| Gradient boosting | {r[boosting][mean]:.3f} | {r[boosting][std]:.3f} | {r[boosting][low]:.3f} | {r[boosting][high]:.3f} |
| Kernel ridge (RBF) | {r[kernel][mean]:.3f} | {r[kernel][std]:.3f} | {r[kernel][low]:.3f} | {r[kernel][high]:.3f} |
| Random forest | {r[forest][mean]:.3f} | {r[forest][std]:.3f} | {r[forest][low]:.3f} | {r[forest][high]:.3f} |

The additive model has the highest mean R2 over {r[splines][folds]} folds, although it cannot represent the product
term of the function. The values are plain test scores of the fitted models.
"""


def replaced_rows() -> Files:
    """Before the averages, the proposal's rows are replaced by the best R2 of each fold plus a part of what is left to one."""
    files = Files().write("code/schema.py", SCHEMA).write("code/measure.py", MEASURE).write("code/tables.py", TABLES)
    files.run("python code/measure.py 21").run("python code/tables.py")
    return files.write("results/results.md", filled(TABLES_REPORT, "results/table.json"))


PROGRAMS = (sorted_cells, replaced_rows)
