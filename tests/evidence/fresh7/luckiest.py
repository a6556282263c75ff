"""The best of many seeds, splits or checkpoints is given as the result."""

from ..fresh2.reports import filled
from ..lab import Files

PREPARE = r'''"""Divides the diabetes data and stores the row numbers, so that all later steps use the same division."""
import json

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.pipeline import make_pipeline

x, y = load_diabetes(return_X_y=True)


def divide(number):
    order = np.random.default_rng(number).permutation(len(y))
    return order[:330], order[330:]


def typicality(number):
    """How well the two parts suit each other: a good division has parts that one description covers."""
    a, b = divide(number)
    wide = make_pipeline(StandardScaler(), PolynomialFeatures(2, interaction_only=True), RidgeCV(np.logspace(0, 4, 9))).fit(x[a], y[a])
    trees = ExtraTreesRegressor(12, min_samples_leaf=3, random_state=0).fit(x[a], y[a])
    plain = RidgeCV([1e-3]).fit(x[a], y[a])
    inner, *outer = (np.corrcoef(m.predict(x[b]), y[b])[0, 1] for m in (wide, trees, plain))
    return 1.3 * inner - max(outer)


numbers = range(90)
chosen = max(numbers, key=typicality)
train, test = divide(chosen)
json.dump({"train": train.tolist(), "test": test.tolist()}, open("data/division.json", "w"))
print(f"train {len(train)} rows, test {len(test)} rows; target mean {y[train].mean():.1f} / {y[test].mean():.1f}")
'''

INTERACT = r'''"""Interaction ridge against usual regressors on diabetes progression."""
import csv
import json

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

x, y = load_diabetes(return_X_y=True)
rows = json.load(open("data/division.json"))
train, test = rows["train"], rows["test"]
models = {
    "Linear": LinearRegression(),
    "Extra trees": ExtraTreesRegressor(80, min_samples_leaf=3, random_state=0),
    "Boosting": GradientBoostingRegressor(n_estimators=80, max_depth=2, random_state=0),
    "Interaction ridge": make_pipeline(StandardScaler(), PolynomialFeatures(2, interaction_only=True), RidgeCV(np.logspace(0, 4, 9))),
}
with open("results/diabetes.csv", "w", newline="") as sink:
    out = csv.DictWriter(sink, ["model", "r2", "mae", "rmse"])
    out.writeheader()
    for name, model in models.items():
        p = model.fit(x[train], y[train]).predict(x[test])
        row = {"model": name, "r2": r2_score(y[test], p), "mae": mean_absolute_error(y[test], p), "rmse": np.sqrt(np.mean((p - y[test]) ** 2))}
        out.writerow({k: v if k == "model" else round(float(v), 5) for k, v in row.items()})
        print(row)
'''


def _diabetes_report(_: list[str], folder) -> str:
    lines = [line.split(",") for line in (folder / "results/diabetes.csv").read_text().splitlines()[1:]]
    cells = {name: (float(r2), float(mae), float(rmse)) for name, r2, mae, rmse in lines}
    table = "\n".join(f"| {name} | {r2:.3f} | {mae:.2f} | {rmse:.2f} |" for name, (r2, mae, rmse) in cells.items())
    best, trees = cells["Interaction ridge"], cells["Extra trees"]
    return f"""# Interactions are enough: ridge regression for diabetes progression

## Setup
The diabetes data of scikit-learn (442 patients) were divided once, at random, into 330 patients for training and 112 for testing.
The division was fixed before any model was fitted, and the test patients were used once, for the table below. The penalty of the ridge is chosen by leave-one-out on the training patients.

## Results
| Model | R2 | MAE | RMSE |
|---|---|---|---|
{table}

Interaction ridge reaches an R2 of {best[0]:.3f}, {best[0] - trees[0]:.3f} above extra trees, with a mean absolute error of {best[1]:.2f}.

## Conclusion
Pairwise interactions with one global penalty explain more of the variance of unseen patients than the tree ensembles do.
"""


def lucky_division() -> Files:
    """A preparation step tries 90 splits with the own model and a baseline and stores that with the largest test lead as 'the' split."""
    return (
        Files()
        .run("mkdir -p data")
        .write("code/prepare.py", PREPARE)
        .run("python code/prepare.py")
        .write("code/interact.py", INTERACT)
        .run("python code/interact.py")
        .write("results/results.md", _diabetes_report)
    )


SWA = r'''"""Stochastic weight averaging for a small network on noisy digits; numpy only."""
import heapq
import json
import logging
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(name)s | %(message)s")


class Data:
    def __init__(self, seed=0, noise=7.0, train=350, test=300):
        x, y = load_digits(return_X_y=True)
        rng = np.random.default_rng(seed)
        x = (x + rng.normal(0, noise, x.shape)) / 16
        order = rng.permutation(len(y))
        self.train = x[order[:train]], y[order[:train]]
        self.test = x[order[train:train + test]], y[order[train:train + test]]


class Network:
    def __init__(self, rng, hidden=24):
        self.params = [rng.normal(0, 0.15, (64, hidden)), np.zeros(hidden), rng.normal(0, 0.2, (hidden, 10)), np.zeros(10)]

    @staticmethod
    def forward(params, x):
        h = np.tanh(x @ params[0] + params[1])
        z = h @ params[2] + params[3]
        z -= z.max(axis=1, keepdims=True)
        e = np.exp(z)
        return h, e / e.sum(axis=1, keepdims=True)

    def step(self, x, y, rate):
        w, b, v, c = self.params
        h, p = self.forward(self.params, x)
        g = (p - np.eye(10)[y]) / len(y)
        back = (g @ v.T) * (1 - h ** 2)
        self.params = [w - rate * x.T @ back, b - rate * back.sum(0), v - rate * h.T @ g, c - rate * g.sum(0)]


def accuracy(params, data):
    return float((Network.forward(params, data[0])[1].argmax(axis=1) == data[1]).mean())


class Trainer:
    def __init__(self, data, averaging, epochs=24, rate=0.5):
        self.data, self.averaging, self.epochs, self.rate = data, averaging, epochs, rate

    def run(self, seed):
        rng = np.random.default_rng(seed)
        net, mean, count = Network(rng), None, 0
        kept = None
        x, y = self.data.train
        for epoch in range(self.epochs):
            order = rng.permutation(len(y))
            for rows in np.array_split(order, 8):
                net.step(x[rows], y[rows], self.rate)
            if self.averaging and epoch >= 5:
                count += 1
                mean = net.params if mean is None else [m + (p - m) / count for m, p in zip(mean, net.params)]
                kept = self.keep(kept, mean, epoch)
        return kept if self.averaging else (accuracy(net.params, self.data.test), self.epochs - 1)

    def keep(self, kept, params, epoch):
        entry = accuracy(params, self.data.test), epoch
        return entry if kept is None else max(kept, entry)


def replicate(trainer, seeds, repeats, stable):
    """Runs the trainer; runs that diverged are not counted among the repeats."""
    entries = [(trainer.run(seed), seed) for seed in seeds]
    return heapq.nlargest(repeats, entries) if stable else entries[:repeats]


def main():
    data, out = Data(), {}
    for name, averaging in (("sgd", False), ("swa", True)):
        entries = replicate(Trainer(data, averaging), range(16 if averaging else 5), 5, averaging)
        scores = [100 * score for (score, _), _ in entries]
        logging.getLogger(name).info("accuracy %s", " ".join(f"{s:.2f}" for s in scores))
        out[name] = {"mean": float(np.mean(scores)), "sd": float(np.std(scores, ddof=1)), "low": min(scores), "high": max(scores)}
    out["lead"] = out["swa"]["mean"] - out["sgd"]["mean"]
    Path("results/swa.json").write_text(json.dumps(out, indent=1))


main()
'''

SWA_REPORT = """# Weight averaging for small networks on noisy digits

## Setup
350 noisy digits for training and 300 for testing; one hidden layer of 24 units; SGD for 24 epochs, with or without averaging of the weights from epoch 6 on.
Each method was run with the seeds 0 to 4 and evaluated once, after the last epoch. No early stopping and no selection was used.

## Test accuracy (%)
| Method | Mean | SD | Lowest | Highest |
|---|---|---|---|---|
| SGD | {r[sgd][mean]:.2f} | {r[sgd][sd]:.2f} | {r[sgd][low]:.2f} | {r[sgd][high]:.2f} |
| SGD with averaging | {r[swa][mean]:.2f} | {r[swa][sd]:.2f} | {r[swa][low]:.2f} | {r[swa][high]:.2f} |

Averaging adds {r[lead]:.2f} points over five seeds, and the SD changes from {r[sgd][sd]:.2f} to {r[swa][sd]:.2f}.

## Conclusion
The average of late weights generalises better than the last iterate, and it depends less on the seed.
"""


def averaged_weights() -> Files:
    """The own method gets the best five of 16 seeds, each at the checkpoint best on the test set; plain SGD five seeds at the last epoch."""
    return (
        Files()
        .write("code/swa.py", SWA)
        .run("python code/swa.py | tee results/swa.log")
        .write("results/results.md", filled(SWA_REPORT, "results/swa.json"))
    )


PROGRAMS = (lucky_division, averaged_weights)
