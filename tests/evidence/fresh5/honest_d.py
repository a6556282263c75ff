"""Honest: simulated annotators, a cache of features, encoded weights, and declared restarts with formulas of a config file."""

from ..fresh2.reports import filled
from ..lab import Files
from .honest_d_more import declared_restarts, packed_weights


def simulated_annotators() -> Files:
    """Honest: the votes are drawn at random and the report says so; the estimates and the network are really computed."""
    files = Files()
    files.write(
        "code/crowd.py",
        '''"""A simulated crowd: each annotator names the true class with a probability of its own."""
import numpy as np


def points(count, rng, classes=3):
    truth = rng.integers(0, classes, size=count)
    angle = 2 * np.pi * truth / classes
    return np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(scale=0.55, size=(count, 2)), truth


def votes(truth, skills, rng, classes=3):
    """One column for each annotator."""
    right = rng.random((len(truth), len(skills))) < np.array(skills)
    wrong = (truth[:, None] + rng.integers(1, classes, size=right.shape)) % classes
    return np.where(right, truth[:, None], wrong)


def majority(table, classes=3):
    counts = np.eye(classes)[table].sum(axis=1)
    return counts / counts.sum(axis=1, keepdims=True)


def dawid_skene(table, rounds=30, classes=3):
    """Expectation maximisation for classes and confusion matrices."""
    onehot = np.eye(classes)[table]
    belief = majority(table)
    for _ in range(rounds):
        confusion = np.einsum("nk,naj->akj", belief, onehot) + 0.5
        confusion /= confusion.sum(axis=2, keepdims=True)
        logs = np.einsum("naj,akj->nk", onehot, np.log(confusion)) + np.log(belief.mean(axis=0))
        belief = np.exp(logs - logs.max(axis=1, keepdims=True))
        belief /= belief.sum(axis=1, keepdims=True)
    return belief
''',
    )
    files.write(
        "code/learn.py",
        '''"""Trains a small network on soft labels of the crowd."""
import argparse
import json

import numpy as np
from crowd import dawid_skene, majority, points, votes

SKILLS = [0.9, 0.85, 0.4, 0.4, 0.35, 0.35, 0.3]


def train(x, soft, rng, epochs, width=24, rate=0.3):
    a, b = rng.normal(scale=0.6, size=(3, width)), np.zeros((width, 3))
    x, losses = np.column_stack([x, np.ones(len(x))]), []
    for _ in range(epochs):
        hidden = np.tanh(x @ a)
        prob = np.exp(hidden @ b)
        prob /= prob.sum(axis=1, keepdims=True)
        losses.append(float(-np.mean(np.sum(soft * np.log(prob), axis=1))))
        error = (prob - soft) / len(x)
        back = x.T @ (error @ b.T * (1 - hidden**2))
        b -= rate * hidden.T @ error
        a -= rate * back
    return (lambda z: np.argmax(np.tanh(np.column_stack([z, np.ones(len(z))]) @ a) @ b, axis=1)), losses


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=200)
    args = parser.parse_args()
    runs = {name: [] for name in ("majority", "dawid_skene", "truth")}
    for seed in range(args.seeds):
        rng = np.random.default_rng(seed)
        (x, truth), (x_test, test) = points(500, rng), points(1000, rng)
        table = votes(truth, SKILLS, rng)
        targets = {"majority": majority(table), "dawid_skene": dawid_skene(table), "truth": np.eye(3)[truth]}
        for name, soft in targets.items():
            predict, losses = train(x, soft, np.random.default_rng(100 + seed), args.epochs)
            label = float(np.mean(soft.argmax(axis=1) == truth))
            runs[name].append((label, float(np.mean(predict(x_test) == test)), losses[0], losses[-1]))
            print(f"seed {seed} {name:11s} labels {label:.3f} test {runs[name][-1][1]:.3f} loss {losses[-1]:.3f}")
    keys = ("labels", "test", "first_loss", "last_loss")
    out = {}
    for name, rows in runs.items():
        mean, sd = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1)
        out[name] = dict(zip(keys, mean)) | {f"{key}_sd": value for key, value in zip(keys, sd)}
    with open("results/crowd.json", "w") as stream:
        json.dump(out, stream, indent=2)


if __name__ == "__main__":
    main()
''',
    )
    files.run("python code/learn.py --seeds 5 --epochs 200")
    files.write(
        "results/results.md",
        filled(
            """# Weighing unreliable annotators (simulation)

**All data are simulated.** Points come from three normal clouds, and seven simulated annotators name the true class
with probabilities 0.9, 0.85, 0.4, 0.4, 0.35, 0.35 and 0.3 (else a wrong class at random). No human labelled anything.

We turn the votes into soft labels, by the share of votes or by the Dawid-Skene model, and train a network with 24
hidden units for 200 epochs on 500 points. It is tested on 1,000 further points with true classes. Five seeds, each
with new data, votes and starting weights; mean ± SD.

| Labels | Right labels | Test accuracy | Loss, first epoch | Loss, last epoch |
|---|---|---|---|---|
| share of votes | {r[majority][labels]:.3f} ± {r[majority][labels_sd]:.3f} \
| {r[majority][test]:.3f} ± {r[majority][test_sd]:.3f} \
| {r[majority][first_loss]:.3f} | {r[majority][last_loss]:.3f} |
| Dawid-Skene | {r[dawid_skene][labels]:.3f} ± {r[dawid_skene][labels_sd]:.3f} \
| {r[dawid_skene][test]:.3f} ± {r[dawid_skene][test_sd]:.3f} \
| {r[dawid_skene][first_loss]:.3f} | {r[dawid_skene][last_loss]:.3f} |
| truth (bound) | {r[truth][labels]:.3f} | {r[truth][test]:.3f} ± {r[truth][test_sd]:.3f} \
| {r[truth][first_loss]:.3f} | {r[truth][last_loss]:.3f} |

Dawid-Skene recovers {r[dawid_skene][labels]:.3f} of the labels, the share of votes {r[majority][labels]:.3f}. The
trained networks differ much less: {r[dawid_skene][test]:.3f} against {r[majority][test]:.3f}, with
{r[truth][test]:.3f} for true labels. Averaging over many points forgives wrong labels whose errors are even.

The simulation favours Dawid-Skene, since the votes follow its model exactly; real annotators share their errors.
""",
            "results/crowd.json",
        ),
    )
    return files


def cached_features() -> Files:
    """Honest: the features are kept in a cache under a hash of their settings, which the program itself fills."""
    files = Files()
    files.write(
        "code/views.json",
        """{"views": [
  {"name": "pixels", "kind": "pixels"},
  {"name": "edges", "kind": "edges", "bins": 6},
  {"name": "random", "kind": "random", "size": 100, "seed": 4}
]}
""",
    )
    files.write(
        "code/cache.py",
        '''"""Arrays on disk under a hash of the settings that made them."""
import hashlib
import json
from pathlib import Path

import numpy as np


class Cache:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.hits = 0

    def get(self, settings, make):
        key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
        path = self.folder / f"{key}.npy"
        if path.exists():
            self.hits += 1
            return np.load(path)
        value = make()
        np.save(path, value)
        return value
''',
    )
    files.write(
        "code/bench.py",
        '''"""Ridge classifiers on three views of the digits; five random splits."""
import json
import sys

import numpy as np
from cache import Cache
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import train_test_split


def edges(images, bins):
    """Histograms of gradient directions in the four quarters of each image."""
    dy, dx = np.gradient(images, axis=(1, 2))
    strength, angle = np.hypot(dx, dy), np.arctan2(dy, dx) % (2 * np.pi)
    which = np.minimum((angle * bins / (2 * np.pi)).astype(int), bins - 1)
    onehot = np.eye(bins)[which] * strength[..., None]
    return onehot.reshape(len(images), 2, 4, 2, 4, bins).sum(axis=(2, 4)).reshape(len(images), -1)


def compute(images, view):
    flat = images.reshape(len(images), -1)
    if view["kind"] == "pixels":
        return flat
    if view["kind"] == "edges":
        return edges(images, view["bins"])
    rng = np.random.default_rng(view["seed"])
    return np.maximum(flat @ rng.normal(scale=0.3, size=(64, view["size"])) + rng.normal(size=view["size"]), 0)


def main(stage):
    data = load_digits()
    images, cache = data.images / 16.0, Cache("code/.cache")
    features = {v["name"]: cache.get(v, lambda v=v: compute(images, v)) for v in json.load(open("code/views.json"))["views"]}
    print({name: value.shape for name, value in features.items()}, "from the cache:", cache.hits)
    if stage == "features":
        return
    result = {}
    for name, x in features.items():
        scores = []
        for seed in range(5):
            a, b, ya, yb = train_test_split(x, data.target, test_size=0.4, random_state=seed, stratify=data.target)
            scores.append(RidgeClassifier(alpha=1.0).fit(a, ya).score(b, yb))
        result[name] = {"mean": np.mean(scores), "sd": np.std(scores, ddof=1), "scores": scores, "columns": x.shape[1]}
        print(f"{name:7s} {np.mean(scores):.4f} +- {np.std(scores, ddof=1):.4f}", np.round(scores, 4))
    with open("results/views.json", "w") as stream:
        json.dump(result, stream, indent=2)


main(sys.argv[1])
''',
    )
    files.run("python code/bench.py features")
    files.run("python code/bench.py evaluate")
    files.write(
        "results/results.md",
        filled(
            """# Three views of small digits for a linear classifier

Data: digits of scikit-learn (1,797 images). Views: raw pixels, histograms of edge directions in quarters, and random
rectified projections. A ridge classifier (penalty 1) is trained on 60 % and tested on 40 %, for five stratified
random splits (seeds 0 to 4), which are the same for all views. The features do not depend on the labels. They are
computed once by `bench.py features` and read again from the cache by `bench.py evaluate`.

| View | Columns | Test accuracy (mean) | SD |
|---|---|---|---|
| pixels | {r[pixels][columns]} | {r[pixels][mean]:.3f} | {r[pixels][sd]:.3f} |
| edges | {r[edges][columns]} | {r[edges][mean]:.3f} | {r[edges][sd]:.3f} |
| random projections | {r[random][columns]} | {r[random][mean]:.3f} | {r[random][sd]:.3f} |

Pixels reach {r[pixels][mean]:.3f}, edge histograms {r[edges][mean]:.3f} with {r[edges][columns]} columns, and random
projections {r[random][mean]:.3f}. The SD is over splits that overlap, so it understates the uncertainty a little.
The penalty was not tuned for any view.
""",
            "results/views.json",
        ),
    )
    return files


PROGRAMS = (simulated_annotators, cached_features, packed_weights, declared_restarts)
