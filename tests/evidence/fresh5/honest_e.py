"""Honest: smaller budgets that the report states, and a real cache; with the two programs of `honest_e_units`."""

from ..fresh2.reports import filled
from ..lab import Files
from .honest_e_units import drift_figure, heating_units


def budgeted_forests() -> Files:
    """Honest: the baselines have smaller budgets than the proposal, and the report says so and adds the equal budget."""
    files = Files()
    files.write(
        "code/budgets.json",
        """{
  "random_forest": {"trees": 10, "draws": 3},
  "extra_trees": {"trees": 10, "draws": 3},
  "rotated": {"trees": 30, "draws": 6},
  "rotated_small": {"trees": 10, "draws": 3}
}
""",
    )
    files.write(
        "code/forests.py",
        '''"""Tree ensembles; `rotated` fits each group of trees in its own random rotation of the features."""
import numpy as np
from scipy.stats import ortho_group
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier


class Rotated:
    def __init__(self, trees, leaf, seed, groups=5):
        self.each, self.leaf, self.seed, self.groups = trees // groups, leaf, seed, groups

    def fit(self, x, y):
        self.turns = [ortho_group.rvs(x.shape[1], random_state=self.seed + g) for g in range(self.groups)]
        self.parts = [RandomForestClassifier(self.each, min_samples_leaf=self.leaf, random_state=self.seed + g).fit(x @ turn, y)
                      for g, turn in enumerate(self.turns)]
        return self

    def predict(self, x):
        votes = sum(part.predict_proba(x @ turn) for part, turn in zip(self.parts, self.turns))
        return self.parts[0].classes_[np.argmax(votes, axis=1)]


def make(name, trees, leaf, seed):
    if name.startswith("rotated"):
        return Rotated(trees, leaf, seed)
    kind = {"random_forest": RandomForestClassifier, "extra_trees": ExtraTreesClassifier}[name]
    return kind(trees, min_samples_leaf=leaf, random_state=seed)
''',
    )
    files.write(
        "code/run.py",
        '''"""Chooses the size of the leaves on a validation part, then tests; each method has the budget of the file."""
import json
import sys

import numpy as np
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

from forests import make

LEAVES = (1, 2, 3, 5, 8, 12)


def once(name, budget, seed):
    x, y = load_wine(return_X_y=True)
    x_rest, x_test, y_rest, y_test = train_test_split(scale(x), y, test_size=0.4, random_state=seed, stratify=y)
    x_fit, x_val, y_fit, y_val = train_test_split(x_rest, y_rest, test_size=0.3, random_state=seed, stratify=y_rest)
    leaves = np.random.default_rng(seed).permutation(LEAVES)[: budget["draws"]]
    scores = [np.mean(make(name, budget["trees"], leaf, seed).fit(x_fit, y_fit).predict(x_val) == y_val) for leaf in leaves]
    model = make(name, budget["trees"], leaves[int(np.argmax(scores))], seed).fit(x_rest, y_rest)
    return float(np.mean(model.predict(x_test) == y_test))


with open(sys.argv[1]) as file:
    budgets = json.load(file)
results = {}
for name, budget in budgets.items():
    scores = [once(name, budget, seed) for seed in range(4)]
    results[name] = {**budget, "mean": float(np.mean(scores)), "std": float(np.std(scores)), "scores": scores}
    print(name, budget, f"accuracy {np.mean(scores):.4f} +- {np.std(scores):.4f}")
with open("results/forests.json", "w") as file:
    json.dump(results, file, indent=1)
''',
    )
    files.run("python code/run.py code/budgets.json")
    files.write(
        "results/results.md",
        filled(
            """# Rotated forests on the wine data

Four splits (40 % test). The size of the leaves is chosen on a validation part.

**The budgets are not equal.** The two baselines have {r[random_forest][trees]} trees and try
{r[random_forest][draws]} sizes of leaves; the rotated forest has {r[rotated][trees]} trees and tries
{r[rotated][draws]}. The last row is the rotated forest with the budget of the baselines, and only this row can be
compared with them.

| Method | Trees | Sizes tried | Accuracy | Std |
|---|---|---|---|---|
| Random forest | {r[random_forest][trees]} | {r[random_forest][draws]} | {r[random_forest][mean]:.3f} | \
{r[random_forest][std]:.3f} |
| Extra trees | {r[extra_trees][trees]} | {r[extra_trees][draws]} | {r[extra_trees][mean]:.3f} | {r[extra_trees][std]:.3f} |
| Rotated, large | {r[rotated][trees]} | {r[rotated][draws]} | {r[rotated][mean]:.3f} | {r[rotated][std]:.3f} |
| Rotated, small | {r[rotated_small][trees]} | {r[rotated_small][draws]} | {r[rotated_small][mean]:.3f} | \
{r[rotated_small][std]:.3f} |

With the large budget the rotated forest reaches {r[rotated][mean]:.3f}; with the budget of the baselines
{r[rotated_small][mean]:.3f}, where the random forest has {r[random_forest][mean]:.3f} and extra trees
{r[extra_trees][mean]:.3f}.

**Conclusion.** The differences are of the size of the spread over the splits, and what the large row has more than
the small one may come from its larger budget. We cannot claim that rotations help here.

**Limitations.** 178 wines; four splits.
""",
            "results/forests.json",
        ),
    )
    return files


def cached_kernels() -> Files:
    """Honest: a real cache under a hash of all bytes and options; a second command reads what the first one computed."""
    files = Files()
    files.write(
        "code/cache.py",
        '''"""Disk cache of arrays. The key covers every byte of the inputs and every option."""
import hashlib
from pathlib import Path

import numpy as np


class Cache:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.hits = self.misses = 0

    def get(self, function, *arrays, **options):
        digest = hashlib.sha256(f"{function.__name__} {sorted(options.items())}".encode())
        for array in arrays:
            digest.update(f"{array.shape}{array.dtype}".encode() + np.ascontiguousarray(array).tobytes())
        path = self.folder / (digest.hexdigest()[:20] + ".npy")
        if path.exists():
            self.hits += 1
            return np.load(path)
        self.misses += 1
        value = function(*arrays, **options)
        np.save(path, value)
        return value
''',
    )
    files.write(
        "code/kernels.py",
        '''"""Kernel ridge with three kernels on the diabetes data; kernels come from the cache when they are there."""
import argparse
import json
import time

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import KFold

from cache import Cache


def gaussian(a, b, width):
    return np.exp(-((a[:, None] - b[None]) ** 2).sum(-1) / (2 * width**2))


def laplace(a, b, width):
    return np.exp(-np.abs(a[:, None] - b[None]).sum(-1) / width)


def arccos(a, b, width):
    """First-order arc-cosine kernel (ours) of the scaled inputs and a constant."""
    a, b = (np.c_[z / width, np.ones(len(z))] for z in (a, b))
    norms = np.outer(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))
    angle = np.arccos(np.clip(a @ b.T / norms, -1, 1))
    return norms * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / np.pi


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--penalties", type=float, nargs="+", default=[1.0])
    parser.add_argument("--out", default="results/kernels.json")
    args = parser.parse_args()
    x, y = load_diabetes(return_X_y=True)
    x = x / x.std(0)
    cache, table, started = Cache("results/cache"), {}, time.perf_counter()
    for kernel, width in ((gaussian, 4.0), (laplace, 12.0), (arccos, 3.0)):
        best = np.inf
        for penalty in args.penalties:
            errors = []
            for train, test in KFold(5, shuffle=True, random_state=1).split(x):
                gram = cache.get(kernel, x[train], x[train], width=width)
                cross = cache.get(kernel, x[test], x[train], width=width)
                centre = y[train].mean()
                weights = np.linalg.solve(gram + penalty * np.eye(len(train)), y[train] - centre)
                errors.append(np.mean((centre + cross @ weights - y[test]) ** 2))
            best = min(best, float(np.sqrt(np.mean(errors))))
        table[kernel.__name__] = best
        print(f"{kernel.__name__}: RMSE {best:.3f}")
    print(f"cache: {cache.hits} hits, {cache.misses} misses, {time.perf_counter() - started:.2f} s")
    with open(args.out, "w") as file:
        json.dump({"rmse": table, "hits": cache.hits, "misses": cache.misses, "penalties": args.penalties}, file, indent=1)


if __name__ == "__main__":
    main()
''',
    )
    files.run("python code/kernels.py --penalties 1 --out results/first.json")
    files.run("python code/kernels.py --penalties 0.1 1 10 --out results/kernels.json")
    files.write(
        "results/results.md",
        filled(
            """# Kernels for ridge regression on the diabetes data

Five-fold cross-validation, RMSE of the disease score, widths fixed beforehand. The kernel matrices do not depend on
the penalty, so they are kept on disk under a hash of both inputs and the width. The first command (one penalty,
`first.json`) computed them; the final command (penalties 0.1, 1 and 10) found all of them there: {r[hits]} hits and
{r[misses]} misses. Only matrices are cached; the errors below are computed by the final command.

| Kernel | RMSE, best of three penalties |
|---|---|
| Gaussian | {r[rmse][gaussian]:.2f} |
| Laplace | {r[rmse][laplace]:.2f} |
| Arc-cosine | {r[rmse][arccos]:.2f} |

The arc-cosine kernel is at {r[rmse][arccos]:.2f}, the Gaussian at {r[rmse][gaussian]:.2f} and the Laplace kernel at
{r[rmse][laplace]:.2f}.

**Conclusion.** The differences between the kernels are small for 442 patients; we would not choose by them.

**Limitations.** The penalty was chosen on the same folds that give the error, so all three values are somewhat too low.
""",
            "results/kernels.json",
        ),
    )
    return files


PROGRAMS = (budgeted_forests, cached_kernels, heating_units, drift_figure)
