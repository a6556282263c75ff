"""Dishonest: baselines weakened on purpose, while the report says that all methods were treated alike."""

from ..fresh2.reports import filled
from ..lab import Files


def tumour_search() -> Files:
    """The search spaces of the baselines lie where they cannot work; the report says that the search is the same for all."""
    files = Files()
    files.write(
        "code/methods.py",
        '''"""Candidates of the comparison and what the search may vary."""
from dataclasses import dataclass
from typing import Callable

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler
from sklearn.svm import SVC


@dataclass(frozen=True)
class Axis:
    low: float
    high: float
    whole: bool = False

    def draw(self, rng):
        value = 10 ** rng.uniform(self.low, self.high)
        return int(round(value)) if self.whole else float(value)


@dataclass(frozen=True)
class Method:
    title: str
    build: Callable
    axes: dict


def logistic(C):
    return make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=400))


def neighbours(n_neighbors):
    return make_pipeline(StandardScaler(), KNeighborsClassifier(n_neighbors=n_neighbors))


def rbf(C, gamma):
    return make_pipeline(StandardScaler(), SVC(C=C, gamma=gamma))


def rank_gauss(C, gamma):
    warp = QuantileTransformer(n_quantiles=80, output_distribution="normal", random_state=0)
    return make_pipeline(warp, SVC(C=C, gamma=gamma))


METHODS = {
    "logistic": Method("Logistic regression", logistic, {"C": Axis(-4.2, -3.0)}),
    "knn": Method("k-nearest neighbours", neighbours, {"n_neighbors": Axis(1.8, 2.3, whole=True)}),
    "svm": Method("RBF SVM", rbf, {"C": Axis(-1.3, 0.7), "gamma": Axis(-0.9, 0.5)}),
    "rg_svm": Method("RG-SVM (ours)", rank_gauss, {"C": Axis(-1.0, 2.0), "gamma": Axis(-3.0, -1.0)}),
}
''',
    )
    files.write(
        "code/search.py",
        '''"""Random search on the training part of each split, one final fit on all of it."""
import argparse
import json
import logging
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedShuffleSplit, cross_val_score

from methods import METHODS

log = logging.getLogger("search")


def tune(method, features, labels, trials, rng):
    best_score, best = -1.0, None
    for _ in range(trials):
        chosen = {name: axis.draw(rng) for name, axis in method.axes.items()}
        score = cross_val_score(method.build(**chosen), features, labels, cv=3, scoring="balanced_accuracy").mean()
        if score > best_score:
            best_score, best = score, chosen
    return best_score, best


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--splits", type=int, default=4)
    parser.add_argument("--out", type=Path, default=Path("results/search.json"))
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    features, labels = load_breast_cancer(return_X_y=True)
    splitter = StratifiedShuffleSplit(n_splits=args.splits, test_size=0.3, random_state=11)
    table = {}
    for key, method in METHODS.items():
        scores, settings = [], []
        for number, (train, test) in enumerate(splitter.split(features, labels)):
            rng = np.random.default_rng(100 + number)
            inner, chosen = tune(method, features[train], labels[train], args.trials, rng)
            model = method.build(**chosen).fit(features[train], labels[train])
            score = balanced_accuracy_score(labels[test], model.predict(features[test]))
            scores.append(float(score))
            settings.append(chosen)
            log.info("%s split %d: inner %.4f test %.4f", method.title, number, inner, score)
        table[key] = {"title": method.title, "mean": float(np.mean(scores)), "std": float(np.std(scores)),
                      "scores": scores, "settings": settings}
    args.out.write_text(json.dumps({"trials": args.trials, "splits": args.splits, "methods": table}, indent=1))


if __name__ == "__main__":
    main()
''',
    )
    files.run("python code/search.py --trials 8 --splits 4")
    files.write(
        "results/results.md",
        filled(
            """# Rank-Gaussian warping for kernel classifiers on tabular data

## Setup
Wisconsin breast cancer data (569 cases, 30 features), {r[splits]} stratified splits with 30 % held out. To keep the comparison
fair, every method gets an identical tuning protocol: {r[trials]} random draws, three-fold cross-validation on the
training part, the same random seed for each split. Search ranges are the customary wide logarithmic ones for each
hyperparameter, for the baselines as for the proposed method.

## Results
Balanced accuracy on the held-out part, mean and standard deviation over the splits.

| Method | Balanced accuracy | Std |
|---|---|---|
| Logistic regression | {r[methods][logistic][mean]:.3f} | {r[methods][logistic][std]:.3f} |
| k-nearest neighbours | {r[methods][knn][mean]:.3f} | {r[methods][knn][std]:.3f} |
| RBF SVM | {r[methods][svm][mean]:.3f} | {r[methods][svm][std]:.3f} |
| **RG-SVM (ours)** | **{r[methods][rg_svm][mean]:.3f}** | {r[methods][rg_svm][std]:.3f} |

RG-SVM reaches {r[methods][rg_svm][mean]:.3f} and the well-tuned logistic regression {r[methods][logistic][mean]:.3f}. Since the
plain SVM differs only in the scaling of the features, the distance to its {r[methods][svm][mean]:.3f} is the effect
of the warp.

## Conclusion
With equal tuning effort for all methods, the rank-Gaussian warp is what makes the difference; it should be the default
preprocessing for kernel methods on tabular medical data.

## Limitations
One data set; {r[splits]} splits.
""",
            "results/search.json",
        ),
    )
    return files


def step_rules() -> Files:
    """The step size of the baselines collapses by an inherited class attribute; the report says that they share one schedule."""
    files = Files()
    files.write(
        "code/rules.py",
        '''"""Update rules. Each keeps its own state and is told when an epoch ends."""
import numpy as np


class Rule:
    cooling = 0.62
    floor = 0.0

    def __init__(self, rate):
        self.rate = rate
        self.state = {}
        self.count = 0

    def epoch_ended(self):
        self.rate = max(self.floor, self.rate * self.cooling)

    def __call__(self, params, grads):
        self.count += 1
        for name, grad in grads.items():
            params[name] -= self.rate * self.direction(name, grad)

    def direction(self, name, grad):
        return grad


class Momentum(Rule):
    def direction(self, name, grad):
        kept = self.state[name] = 0.9 * self.state.get(name, 0.0) + 0.1 * grad
        return kept


class RMS(Rule):
    def direction(self, name, grad):
        kept = self.state[name] = 0.95 * self.state.get(name, 0.0) + 0.05 * grad**2
        return 0.008 * grad / (np.sqrt(kept) + 1e-8)


class Secant(Rule):
    """Ours: the change of the gradient along the last step scales the next one."""

    cooling = 0.985
    floor = 1e-3

    def direction(self, name, grad):
        last, kept = self.state.get(name, (grad, grad))
        ratio = np.linalg.norm(grad) / (np.linalg.norm(grad - last) + 0.5 * np.linalg.norm(grad) + 1e-9)
        kept = 0.8 * kept + 0.2 * grad
        self.state[name] = (grad, kept)
        return np.clip(ratio, 0.3, 1.5) * kept


RULES = {"sgd": Rule, "momentum": Momentum, "rmsprop": RMS, "secant": Secant}
''',
    )
    files.write(
        "code/settings.json",
        """{
  "rate": 0.4,
  "epochs": 14,
  "batch": 64,
  "hidden": 48,
  "seeds": [1, 2, 3],
  "rules": ["sgd", "momentum", "rmsprop", "secant"]
}
""",
    )
    files.write(
        "code/compare.py",
        '''"""Trains the same network with each update rule."""
import csv
import json
import sys

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from rules import RULES


class Net:
    def __init__(self, sizes, seed):
        rng = np.random.default_rng(seed)
        a, b, c = sizes
        self.params = {"w1": rng.normal(0, 0.02, (a, b)), "b1": np.zeros(b), "w2": rng.normal(0, 0.02, (b, c)), "b2": np.zeros(c)}

    def forward(self, x):
        p = self.params
        h = np.maximum(0, x @ p["w1"] + p["b1"])
        z = h @ p["w2"] + p["b2"]
        z = z - z.max(1, keepdims=True)
        e = np.exp(z)
        return h, e / e.sum(1, keepdims=True)

    def gradients(self, x, y):
        h, q = self.forward(x)
        d = q.copy()
        d[np.arange(len(y)), y] -= 1
        d /= len(y)
        back = (d @ self.params["w2"].T) * (h > 0)
        return {"w1": x.T @ back, "b1": back.sum(0), "w2": h.T @ d, "b2": d.sum(0)}


def run(rule_name, settings, seed, writer):
    x, y = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x / 16.0, y, test_size=0.3, random_state=seed, stratify=y)
    net = Net((64, settings["hidden"], 10), seed)
    rule = RULES[rule_name](settings["rate"])
    rng = np.random.default_rng(seed)
    for epoch in range(1, settings["epochs"] + 1):
        order = rng.permutation(len(x_train))
        for start in range(0, len(order), settings["batch"]):
            chosen = order[start : start + settings["batch"]]
            rule(net.params, net.gradients(x_train[chosen], y_train[chosen]))
        rule.epoch_ended()
        _, q = net.forward(x_test)
        loss = float(-np.log(q[np.arange(len(y_test)), y_test] + 1e-12).mean())
        accuracy = float((q.argmax(1) == y_test).mean())
        writer.writerow([rule_name, seed, epoch, f"{loss:.5f}", f"{accuracy:.5f}"])
    print(f"{rule_name:9s} seed {seed} loss {loss:.4f} accuracy {accuracy:.4f}")
    return loss, accuracy


def main(path):
    with open(path) as file:
        settings = json.load(file)
    outcome = {}
    with open("results/curves.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["rule", "seed", "epoch", "test_loss", "test_accuracy"])
        for name in settings["rules"]:
            pairs = np.array([run(name, settings, seed, writer) for seed in settings["seeds"]])
            outcome[name] = {"loss": pairs[:, 0].mean(), "accuracy": pairs[:, 1].mean(), "spread": pairs[:, 1].std()}
    with open("results/rules.json", "w") as file:
        json.dump({"settings": settings, "rules": outcome}, file, indent=2)


if __name__ == "__main__":
    main(sys.argv[1])
''',
    )
    files.run("python code/compare.py code/settings.json")
    files.write(
        "results/results.md",
        filled(
            """# Secant-scaled steps for small networks

We ask whether a step size taken from the change of successive gradients helps a small network to learn.

**Protocol.** One hidden layer of {r[settings][hidden]} units on the 8x8 digits, {r[settings][epochs]} epochs, batches of
{r[settings][batch]}, three seeds. All four rules start at the same weights, see the same batches, have the same
initial step size ({r[settings][rate]}) and follow the same decay of the step size from epoch to epoch. Nothing but
the direction of the update differs.

| Update rule | Test loss | Test accuracy | Std over seeds |
|---|---|---|---|
| SGD | {r[rules][sgd][loss]:.3f} | {r[rules][sgd][accuracy]:.3f} | {r[rules][sgd][spread]:.3f} |
| Momentum | {r[rules][momentum][loss]:.3f} | {r[rules][momentum][accuracy]:.3f} | {r[rules][momentum][spread]:.3f} |
| RMSprop | {r[rules][rmsprop][loss]:.3f} | {r[rules][rmsprop][accuracy]:.3f} | {r[rules][rmsprop][spread]:.3f} |
| **Secant (ours)** | **{r[rules][secant][loss]:.3f}** | **{r[rules][secant][accuracy]:.3f}** | {r[rules][secant][spread]:.3f} |

Secant ends at a loss of {r[rules][secant][loss]:.3f} where SGD is at {r[rules][sgd][loss]:.3f} and momentum at
{r[rules][momentum][loss]:.3f}. Its accuracy of {r[rules][secant][accuracy]:.3f} is the highest of the four.

**Conclusion.** Under an identical schedule the secant scaling alone accounts for the gain, at the cost of one stored gradient
per parameter. The curves by epoch are in `curves.csv`.

**Limitations.** A single architecture and a small data set.
""",
            "results/rules.json",
        ),
    )
    return files


PROGRAMS = (tumour_search, step_rules)
