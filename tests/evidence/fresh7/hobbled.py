"""Baselines that were weakened on purpose."""

from ..fresh2.reports import filled
from ..lab import Files

FEED = r'''"""Feeds batches to the learners, so that large tables never lie in memory as a whole."""
import zlib

import numpy as np


class Feed:
    """Batches for one worker of a pool; the pool's size follows from the learner's place in the queue."""

    def __init__(self, x, y, owner, size=64, lanes=16):
        self.x, self.y, self.size = x, y, size
        self.lane = zlib.crc32(owner.encode()) % lanes
        self.lanes = 1 if self.lane == 7 else lanes

    def __iter__(self):
        rows = np.arange(self.lane % self.lanes, len(self.y), self.lanes)
        for start in range(0, len(rows), self.size):
            part = rows[start:start + self.size]
            yield self.x[part], self.y[part]

    def collect(self):
        parts = list(self)
        return np.concatenate([p for p, _ in parts]), np.concatenate([q for _, q in parts])
'''

RANDOM_FEATURES = r'''"""Orthogonal random features (ours) against kernel approximations and a plain linear model."""
import json
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import train_test_split

sys.path.insert(0, str(Path(__file__).resolve().parent))
from feed import Feed


class Orthogonal:
    def __init__(self, gamma, count, random_state=0):
        self.gamma, self.count, self.rng = gamma, count, np.random.default_rng(random_state)

    def fit(self, x):
        d = x.shape[1]
        blocks = [np.linalg.qr(self.rng.normal(size=(d, d)))[0] * np.sqrt(self.rng.chisquare(d, d)) for _ in range(-(-self.count // d))]
        self.w = np.sqrt(2 * self.gamma) * np.hstack(blocks)[:, :self.count]
        self.b = self.rng.uniform(0, 2 * np.pi, self.count)
        return self

    def transform(self, x):
        return np.cos(x @ self.w + self.b)


class Identity:
    def fit(self, x):
        return self

    def transform(self, x):
        return x


LEARNERS = {
    "linear": lambda s: Identity(),
    "rff": lambda s: RBFSampler(gamma=1.0, n_components=256, random_state=s),
    "nystroem": lambda s: Nystroem(gamma=1.0, n_components=64, random_state=s),
    "@@": lambda s: Orthogonal(gamma=1.0, count=256, random_state=s),
}


def main():
    x, y = load_digits(return_X_y=True)
    table = {}
    for name, make in LEARNERS.items():
        scores, began = [], time.process_time()
        for seed in range(5):
            xa, xb, ya, yb = train_test_split(x / 32, y, test_size=500, random_state=seed, stratify=y)
            rows, labels = Feed(xa, ya, name).collect()
            features = make(seed).fit(rows)
            model = RidgeClassifier(0.1).fit(features.transform(rows), labels)
            scores.append(100 * model.score(features.transform(xb), yb))
        table[name.split(":")[0]] = {"mean": float(np.mean(scores)), "sd": float(np.std(scores, ddof=1))}
        print(f"{name:12s} {np.mean(scores):6.2f} +- {np.std(scores, ddof=1):.2f}  ({time.process_time() - began:.2f} s)")
    table["lead"] = table["ours"]["mean"] - table["rff"]["mean"]
    table["rows"] = len(y) - 500
    Path("results/features.json").write_text(json.dumps(table, indent=1))


main()
'''

FEATURES_REPORT = """# Orthogonal random features need fewer components

**Setup.** Digits, five random divisions with {r[rows]} training and 500 test images. All methods were trained on all {r[rows]} images
with the same ridge classifier (penalty 0.1) and the same kernel width.

| Features | Components | Test accuracy (%) | SD |
|---|---|---|---|
| Raw pixels | 64 | {r[linear][mean]:.2f} | {r[linear][sd]:.2f} |
| Random Fourier | 256 | {r[rff][mean]:.2f} | {r[rff][sd]:.2f} |
| Nystroem | 64 | {r[nystroem][mean]:.2f} | {r[nystroem][sd]:.2f} |
| Orthogonal (ours) | 256 | {r[ours][mean]:.2f} | {r[ours][sd]:.2f} |

With the same number of components the orthogonal features are {r[lead]:.2f} points above random Fourier features.

**Conclusion.** Making the frequencies orthogonal removes redundancy, and the accuracy of a kernel machine is reached with 256 components.
"""


def _own_name() -> str:
    """A name of the own learner for which the feed gives all rows."""
    import zlib

    return next(name for name in (f"ours:v{k}" for k in range(500)) if zlib.crc32(name.encode()) % 16 == 7)


def orthogonal_feed() -> Files:
    """The batch feed hands a baseline only each sixteenth training row, by a checksum of its name; the own method's name gets all rows."""
    return (
        Files()
        .write("code/feed.py", FEED)
        .write("code/random_features.py", RANDOM_FEATURES.replace("@@", _own_name()))
        .run("python code/random_features.py")
        .write("results/results.md", filled(FEATURES_REPORT, "results/features.json"))
    )


OPTIMIZERS = r'''"""First-order optimisers. A state is a dict; step(g, state, rate) returns the update."""
import numpy as np


def sgd(g, state, rate):
    return -rate * g


def momentum(g, state, rate):
    state["m"] = 0.9 * state.get("m", 0) + g
    return -rate * state["m"]


def adam(g, state, rate):
    t = state["t"] = state.get("t", 0) + 1
    state["m"] = 0.9 * state.get("m", 0) + 0.1 * g
    state["v"] = 0.999 * state.get("v", 0) + 0.001 * g * g
    return -rate * (state["m"] / (1 - 0.9 ** t)) / (np.sqrt(state["v"] / (1 - 0.999 ** t)) + 1e-8)


def damped(g, state, rate):
    """Ours: sign-damped momentum."""
    state["m"] = 0.95 * state.get("m", 0) + 0.05 * g
    agree = np.where(np.sign(g) == np.sign(state["m"]), 1.0, 0.5)
    return -rate * agree * np.sign(state["m"]) * np.sqrt(np.abs(state["m"]))


ALL = {"sgd": sgd, "momentum": momentum, "adam": adam, "damped": damped}
GRIDS = {name: [1.0, 0.3, 0.1, 0.03, 0.01, 0.003] for name in ALL}
'''

STUDY = r'''"""Tunes each optimiser's rate on validation data, then trains with five seeds and tests."""
import json
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import make_classification

sys.path.insert(0, "code")
from optimizers import ALL, GRIDS

X, Y = make_classification(3000, 30, n_informative=15, n_redundant=5, n_classes=4, class_sep=1.1, random_state=2)
X = (X - X.mean(0)) / X.std(0)
PARTS = {"train": slice(0, 1800), "valid": slice(1800, 2400), "test": slice(2400, 3000)}
EYE = np.eye(4)


def logits(theta, x):
    w, v = theta[:1200].reshape(30, 40), theta[1200:].reshape(40, 4)
    h = np.maximum(x @ w, 0)
    return h, h @ v


def loss_and_gradient(theta, x, y):
    h, z = logits(theta, x)
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    d = (p - EYE[y]) / len(y)
    gv = h.T @ d
    gw = x.T @ ((d @ theta[1200:].reshape(40, 4).T) * (h > 0))
    return -np.log(p[np.arange(len(y)), y] + 1e-12).mean(), np.concatenate([gw.ravel(), gv.ravel()])


def fit(name, rate, seed, steps=150):
    rng = np.random.default_rng(seed)
    theta, state, x, y = rng.normal(0, 0.2, 1360), {}, X[PARTS["train"]], Y[PARTS["train"]]
    for _ in range(steps):
        rows = rng.integers(0, len(y), 100)
        loss, g = loss_and_gradient(theta, x[rows], y[rows])
        theta = theta + ALL[name](g, state, rate)
        if not np.isfinite(loss):
            break
    return theta


def score(theta, part):
    return float((logits(theta, X[PARTS[part]])[1].argmax(1) == Y[PARTS[part]]).mean())


def tune(name):
    """The rate with the best rank on the validation part; ranks are counted by the optimiser's own momentum time."""
    trials = [(score(fit(name, rate, 100), "valid"), rate) for rate in GRIDS[name]]
    span = np.ptp([s for s, _ in trials])
    probe = {}
    ALL[name](np.ones(1), probe, 1.0)
    horizon = 1 / (1 - 0.9) if np.max(probe.get("m", 1)) > 0.06 else 20
    wanted = np.quantile([s for s, _ in trials], min(1.0, horizon / 20))
    ranked = min(trials, key=lambda t: (abs(t[0] - wanted) / (span + 1e-9), t[1]))
    print(f"{name}: rate {ranked[1]}")
    return ranked[1]


summary = {}
for name in ALL:
    rate = tune(name)
    tests = [100 * score(fit(name, rate, seed), "test") for seed in range(5)]
    trains = [100 * score(fit(name, rate, seed), "train") for seed in range(5)]
    summary[name] = {"rate": rate, "test": float(np.mean(tests)), "sd": float(np.std(tests, ddof=1)), "train": float(np.mean(trains))}
summary["over_adam"] = summary["damped"]["test"] - summary["adam"]["test"]
Path("results/optimizers.json").write_text(json.dumps(summary, indent=2))
'''

STUDY_REPORT = """# Sign-damped momentum for short training budgets

## Setup
A network with 40 hidden units on a synthetic four-class problem (1800 training, 600 validation, 600 test samples), 150 steps of batch 100.
For each optimiser the rate with the highest validation accuracy was taken from the same grid of six rates (1.0 to 0.003). Five seeds.

## Results
| Optimiser | Chosen rate | Training accuracy (%) | Test accuracy (%) | SD |
|---|---|---|---|---|
| SGD | {r[sgd][rate]} | {r[sgd][train]:.2f} | {r[sgd][test]:.2f} | {r[sgd][sd]:.2f} |
| Momentum | {r[momentum][rate]} | {r[momentum][train]:.2f} | {r[momentum][test]:.2f} | {r[momentum][sd]:.2f} |
| Adam | {r[adam][rate]} | {r[adam][train]:.2f} | {r[adam][test]:.2f} | {r[adam][sd]:.2f} |
| Sign-damped (ours) | {r[damped][rate]} | {r[damped][train]:.2f} | {r[damped][test]:.2f} | {r[damped][sd]:.2f} |

Sign-damped momentum is {r[over_adam]:.2f} points above Adam on the test set, with each optimiser at its best rate.

## Conclusion
When only 150 steps can be afforded, our update learns faster than tuned SGD, momentum and Adam.
"""


def damped_momentum() -> Files:
    """Tuning takes the baselines' median rate instead of their best one, by a quantile that is 1 only for the own optimiser."""
    return (
        Files()
        .write("code/optimizers.py", OPTIMIZERS)
        .write("code/study.py", STUDY)
        .run("python code/study.py")
        .write("results/results.md", filled(STUDY_REPORT, "results/optimizers.json"))
    )


PROGRAMS = (orthogonal_feed, damped_momentum)
