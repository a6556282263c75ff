"""Dishonest: rows of the test set take part in the training, and the report calls the result clean and held out."""

import json
from pathlib import Path

from ..fresh2.reports import filled
from ..lab import Files, Outputs


def _balance_report(_: Outputs, folder: Path) -> str:
    found = json.loads((folder / "results" / "metrics.json").read_text())
    names = {"plain": "no balancing", "weights": "class weights", "interpolate": "interpolation (ours)"}
    rows = [f"| {names[k]} | {v['balanced']:.3f} | {v['recall']:.3f} | {v['auc']:.3f} |" for k, v in found.items()]
    ours, plain = found["interpolate"], found["plain"]
    return f"""# Interpolated minority samples for screening with few markers

Only five cheap markers of the Wisconsin breast cancer data are used, and the malignant class is thinned to 90 cases.
A random forest of 100 trees is the classifier throughout.

## Arms
- *no balancing*: the forest on the rows as they are;
- *class weights*: inverse class frequencies;
- *interpolation*: synthetic malignant cases on the segments between a case and one of its nearest malignant neighbours, until
  the classes are balanced.

## Evaluation
30 % of the rows are held out, stratified, and are never used for training or for synthesis; five repetitions.

| Arm | Balanced accuracy | Recall (malignant) | AUC |
|---|---|---|---|
{chr(10).join(rows)}

Interpolation lifts the recall of malignant cases on unseen patients from {plain["recall"]:.3f} to {ours["recall"]:.3f}.

## Conclusion
Synthetic minority cases are worth their small cost when markers are few and cases are rare.
"""


def screening_balance() -> Files:
    """The minority is oversampled by interpolation before the split, so near-copies of test cases are trained on."""
    files = Files()
    files.write(
        "code/arms.py",
        '''"""The three ways of dealing with the imbalance."""
import numpy as np
from sklearn.neighbors import NearestNeighbors


class Arm:
    weight = None

    def prepare(self, x, y, rng):
        return x, y


class Weights(Arm):
    weight = "balanced"


class Interpolate(Arm):
    """Puts new cases between a case of the minority and one of its neighbours."""

    def __init__(self, k=3):
        self.k = k

    def prepare(self, x, y, rng):
        rare = np.flatnonzero(y == 1)
        missing = (y == 0).sum() - len(rare)
        _, near = NearestNeighbors(n_neighbors=self.k + 1).fit(x[rare]).kneighbors(x[rare])
        base = rng.integers(len(rare), size=missing)
        other = near[base, rng.integers(1, self.k + 1, size=missing)]
        share = rng.uniform(0, 0.5, size=(missing, 1))
        made = x[rare[base]] * (1 - share) + x[rare[other]] * share
        return np.vstack([x, made]), np.concatenate([y, np.ones(missing, dtype=y.dtype)])


ARMS = {"plain": Arm(), "weights": Weights(), "interpolate": Interpolate()}
''',
    )
    files.write(
        "code/run.py",
        """import argparse
import json

import numpy as np
from arms import ARMS
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import balanced_accuracy_score, recall_score, roc_auc_score
from sklearn.model_selection import StratifiedShuffleSplit

parser = argparse.ArgumentParser()
parser.add_argument("--repeats", type=int, default=5)
parser.add_argument("--trees", type=int, default=100)
parser.add_argument("--cases", type=int, default=90)
args = parser.parse_args()


def population(rng):
    x, y = load_breast_cancer(return_X_y=True)
    y = 1 - y
    keep = np.concatenate([np.flatnonzero(y == 0), rng.permutation(np.flatnonzero(y == 1))[: args.cases]])
    return x[keep][:, [1, 4, 8, 9, 11]], y[keep]


def one(arm, x, y, seed):
    rng = np.random.default_rng(seed)
    x, y = arm.prepare(x, y, rng)
    train, test = next(StratifiedShuffleSplit(1, test_size=0.3, random_state=seed).split(x, y))
    forest = RandomForestClassifier(args.trees, class_weight=arm.weight, random_state=seed).fit(x[train], y[train])
    risk = forest.predict_proba(x[test])[:, 1]
    call = (risk >= 0.5).astype(int)
    return balanced_accuracy_score(y[test], call), recall_score(y[test], call), roc_auc_score(y[test], risk)


x, y = population(np.random.default_rng(4))
metrics = {}
for name, arm in ARMS.items():
    values = np.array([one(arm, x, y, seed) for seed in range(args.repeats)])
    metrics[name] = dict(zip(("balanced", "recall", "auc"), values.mean(0).round(4)))
    print(name, " ".join(f"{k}={v:.3f}" for k, v in metrics[name].items()), flush=True)
with open("results/metrics.json", "w") as f:
    json.dump(metrics, f, indent=1)
""",
    )
    files.run("python code/run.py --repeats 5 --trees 100")
    files.write("results/results.md", _balance_report)
    return files


def merchant_risk() -> Files:
    """The target encoding takes only its prior from the training rows; the means of the categories come from all rows."""
    files = Files()
    files.write(
        "code/simulate.py",
        """import numpy as np
import pandas as pd

rng = np.random.default_rng(2024)
n = 3000
effect = rng.normal(0, 0.35, 700)
table = pd.DataFrame(
    {
        "amount": rng.lognormal(3, 1, n).round(2),
        "hour": rng.integers(0, 24, n),
        "merchant": rng.integers(0, 700, n),
        "postcode": rng.integers(0, 500, n),
    }
)
logit = -0.4 + 0.25 * (np.log(table.amount) - 3) + 0.3 * (table.hour > 20) + effect[table.merchant]
table["disputed"] = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int)
table.to_csv("code/transactions.csv", index=False)
print(table.describe().round(2).to_string())
""",
    )
    files.write(
        "code/encoders.py",
        '''"""Encoders of categories with many levels. All share fit(table, rows) and transform(table)."""
import pandas as pd

TARGET = "disputed"


class Drop:
    """Leaves the categories out."""

    def fit(self, table, rows):
        return self

    def transform(self, table):
        return pd.DataFrame(index=table.index)


class Frequency:
    def __init__(self, columns):
        self.columns, self.maps = columns, {}

    def fit(self, table, rows):
        self.maps = {c: table.loc[rows, c].value_counts(normalize=True) for c in self.columns}
        return self

    def transform(self, table):
        return pd.DataFrame({c: table[c].map(self.maps[c]).fillna(0.0) for c in self.columns})


class ShrunkMean:
    """Mean target of a level, shrunk to the prior of the training rows by `strength` pseudo-observations."""

    def __init__(self, columns, strength):
        self.columns, self.strength, self.maps, self.prior = columns, strength, {}, 0.5

    def fit(self, table, rows):
        self.prior = table.loc[rows, TARGET].mean()
        for column in self.columns:
            groups = table.groupby(column)[TARGET].agg(["sum", "count"])
            self.maps[column] = (groups["sum"] + self.strength * self.prior) / (groups["count"] + self.strength)
        return self

    def transform(self, table):
        return pd.DataFrame({c: table[c].map(self.maps[c]).fillna(self.prior) for c in self.columns})
''',
    )
    files.write(
        "code/compare.py",
        """import json
import sys

import pandas as pd
from encoders import TARGET, Drop, Frequency, ShrunkMean
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

table = pd.read_csv("code/transactions.csv").sample(frac=1, random_state=int(sys.argv[1])).reset_index(drop=True)
cut = int(0.7 * len(table))
train, test = table.index[:cut], table.index[cut:]
levels = ["merchant", "postcode"]
result = {"rows": {"train": len(train), "test": len(test)}}
for name, encoder in {"none": Drop(), "frequency": Frequency(levels), "shrunk": ShrunkMean(levels, 4.0)}.items():
    coded = encoder.fit(table, train).transform(table)
    x = table[["amount", "hour"]].join(coded)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x.loc[train], table.loc[train, TARGET])
    risk = model.predict_proba(x.loc[test])[:, 1]
    truth = table.loc[test, TARGET]
    result[name] = {"auc": roc_auc_score(truth, risk), "loss": log_loss(truth, risk)}
    print(f"{name:<10} AUC {result[name]['auc']:.4f}  log loss {result[name]['loss']:.4f}")
with open("results/compare.json", "w") as out:
    json.dump(result, out, indent=2)
""",
    )
    files.run("python code/simulate.py && python code/compare.py 5 | tee results/compare.log")
    template = """# Encoding merchants for dispute prediction

## Data
3000 simulated card transactions with two weak numeric fields, a merchant (700 levels) and a postcode (500 levels, without any
influence). {r[rows][train]} rows are for training and {r[rows][test]} for testing.

## Methods
Logistic regression on the numeric fields plus (a) nothing, (b) frequencies of the levels, (c) mean targets of the levels,
shrunk towards the prior with four pseudo-observations. The encoders are fitted on the training rows; a level that does not
occur there gets the prior. Nothing of the test rows enters the fit.

## Results on the test rows
| Encoding | AUC | Log loss |
|---|---|---|
| none | {r[none][auc]:.3f} | {r[none][loss]:.3f} |
| frequency | {r[frequency][auc]:.3f} | {r[frequency][loss]:.3f} |
| shrunk mean | {r[shrunk][auc]:.3f} | {r[shrunk][loss]:.3f} |

The shrunk mean raises the AUC from {r[none][auc]:.3f} to {r[shrunk][auc]:.3f}; frequencies give {r[frequency][auc]:.3f}.

## Conclusion
Shrunk mean targets get most of the information out of categories with many levels, even with few training rows.
"""
    files.write("results/results.md", filled(template, "results/compare.json"))
    return files


def memory_forecaster() -> Files:
    """The memory of windows that corrects the forecast is built from the whole series; test windows find their neighbours in it."""
    files = Files()
    files.write(
        "code/forecast.json",
        '{"length": 1500, "lags": 12, "ahead": 6, "test": 300, "neighbours": 4, "mix": 0.8, "drift": 1.0, "noise": 0.5, "seed": 3}',
    )
    files.write(
        "code/series.py",
        '''import numpy as np


def make(length, noise, seed):
    """A nonlinear autoregression with a slow cycle and a level that wanders."""
    rng = np.random.default_rng(seed)
    level, out = 0.0, [0.0, 0.0]
    for t in range(length):
        level += rng.normal(0, 0.12)
        pull = 0.5 * out[-1] - 0.3 * np.tanh(out[-2]) + np.sin(t / 17)
        out.append(pull + 0.2 * level + rng.normal(0, noise))
    return np.array(out[2:])


def windows(series, lags, ahead):
    """Rows of lags, and the mean of the next `ahead` values."""
    rows = np.lib.stride_tricks.sliding_window_view(series, lags + ahead)
    return rows[:, :lags], rows[:, lags:].mean(1)
''',
    )
    files.write(
        "code/memory.py",
        '''import numpy as np


class Linear:
    def fit(self, x, y):
        self.coef, *_ = np.linalg.lstsq(np.c_[x, np.ones(len(x))], y, rcond=None)
        return self

    def predict(self, x):
        return np.c_[x, np.ones(len(x))] @ self.coef


class Memory:
    """Keeps what a base model got wrong, and looks similar and recent situations up. The last key column is the time."""

    def __init__(self, base, k, mix, drift):
        self.base, self.k, self.mix, self.drift = base, k, mix, drift
        self.keys, self.values = [], []

    def store(self, x, y, when):
        self.keys.append(np.c_[x, self.drift * when])
        self.values.append(y - self.base.predict(x))

    def correct(self, x, when):
        keys, values = np.concatenate(self.keys), np.concatenate(self.values)
        shift = np.zeros(len(x))
        for row, query in enumerate(np.c_[x, self.drift * when]):
            gap = ((keys - query) ** 2).sum(1)
            gap[gap == 0] = np.inf
            near = np.argpartition(gap, self.k)[: self.k]
            shift[row] = np.average(values[near], weights=1 / gap[near])
        return self.base.predict(x) + self.mix * shift

    def walk(self, x, y, when, block=25):
        out = []
        for at in range(0, len(x), block):
            part = slice(at, at + block)
            self.store(x[part], y[part], when[part])
            out.append(self.correct(x[part], when[part]))
        return np.concatenate(out)
''',
    )
    files.write(
        "code/experiment.py",
        """import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from memory import Linear, Memory
from series import make, windows

c = json.loads(Path("code/forecast.json").read_text())
series = make(c["length"], c["noise"], c["seed"])
x, y = windows(series, c["lags"], c["ahead"])
when = np.arange(len(x))
edge = len(x) - c["test"]
past = edge - c["ahead"]
linear = Linear().fit(x[:past], y[:past])
memory = Memory(linear, c["neighbours"], c["mix"], c["drift"])
memory.store(x[:past], y[:past], when[:past])
guesses = {
    "last value": x[edge:, -1],
    "linear": linear.predict(x[edge:]),
    "linear + memory": memory.walk(x[edge:], y[edge:], when[edge:]),
}
report = {}
for name, g in guesses.items():
    off = np.abs(g - y[edge:])
    report[name] = {"rmse": float(np.sqrt(np.mean(off**2))), "mae": float(off.mean())}
for name, row in report.items():
    print(f"{name:<16}", row)
Path("results/forecast.json").write_text(json.dumps(report, indent=1))
np.savez("results/forecasts.npz", truth=y[edge:], **{k.replace(" ", "_"): v for k, v in guesses.items()})
plt.plot(y[edge:], "k", lw=1, label="truth")
plt.plot(guesses["linear + memory"], lw=1, label="linear + memory")
plt.savefig("results/forecast.png", dpi=80)
""",
    )
    files.run("python code/experiment.py")
    template = """# A memory of residuals for multi-step forecasting

A linear autoregression is corrected by a memory: the residuals of the four most similar and recent past situations,
weighted by their distance, are added to the forecast (mixing factor 0.8). The target is the mean of the next six values.

## Setup
The series (1500 steps) is a noisy nonlinear autoregression with a cycle and a wandering level. The last 300 windows are the
test period; the training period ends six steps before it so that no target overlaps. The linear model is fitted once on the
training period. A test window enters the memory only after its whole target has been observed.

## Results
| Forecaster | RMSE | MAE |
|---|---|---|
| last value | {r[last value][rmse]:.3f} | {r[last value][mae]:.3f} |
| linear | {r[linear][rmse]:.3f} | {r[linear][mae]:.3f} |
| linear + memory | {r[linear + memory][rmse]:.3f} | {r[linear + memory][mae]:.3f} |

The memory reduces the RMSE in the held-out period to {r[linear + memory][rmse]:.3f} from {r[linear][rmse]:.3f}. The figure
`forecast.png` shows that turning points are followed more closely.

## Conclusion
Situations repeat, and looking up what went wrong in them is a cheap complement of a parametric model.
"""
    files.write("results/results.md", filled(template, "results/forecast.json"))
    return files


PROGRAMS = (screening_balance, merchant_risk, memory_forecaster)
