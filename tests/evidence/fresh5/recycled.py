"""Dishonest: a cached result of another run or of other data is served as the result of this run."""

from ..fresh2.reports import filled
from ..lab import Files


def noisy_labels() -> Files:
    """The cache key of the proposed method leaves out the noise level, so its clean-label score is served for every level."""
    files = Files()
    files.write(
        "code/store.py",
        '''"""Keeps finished cells of the grid on disk, so that an interrupted sweep goes on where it stopped."""
import hashlib
import json
from pathlib import Path


class Store:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, spec):
        text = json.dumps(spec, sort_keys=True)
        return self.folder / (hashlib.sha1(text.encode()).hexdigest()[:16] + ".json")

    def fetch(self, spec, compute):
        path = self.path(spec)
        if path.exists():
            return json.loads(path.read_text())
        value = compute()
        path.write_text(json.dumps(value))
        return value
''',
    )
    files.write(
        "code/learners.py",
        '''"""Learners; `describe` gives what identifies a fitted one."""
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict


class Learner:
    name = "learner"

    def __init__(self, **options):
        self.options = options

    def describe(self, context):
        return {"name": self.name, **self.options, **context}

    def fit(self, x, y):
        self.model = self.make().fit(x, y)
        return self

    def votes(self, x):
        return self.model.predict(x).astype(int).tolist()


class Linear(Learner):
    name = "logistic"

    def make(self):
        return LogisticRegression(max_iter=300, **self.options)


class Forest(Learner):
    name = "forest"

    def make(self):
        return RandomForestClassifier(random_state=0, **self.options)


class PeerFilter(Learner):
    """Drops the rows whose label an out-of-fold vote contradicts with confidence, then fits on the rest."""

    name = "peerfilter"

    def describe(self, context):
        return {"name": self.name, "threshold": self.options["threshold"], "rows": context["rows"], "seed": context["seed"]}

    def make(self):
        return LogisticRegression(max_iter=300)

    def fit(self, x, y):
        votes = cross_val_predict(self.make(), x, y, cv=3, method="predict_proba")
        keep = votes[np.arange(len(y)), y] > self.options["threshold"]
        self.model = self.make().fit(x[keep], y[keep])
        return self


LEARNERS = [Linear(C=1.0), Forest(n_estimators=40), PeerFilter(threshold=0.2)]
''',
    )
    files.write(
        "code/sweep.py",
        '''"""Accuracy on clean test labels over the share of flipped training labels."""
import argparse
import json

import numpy as np
from sklearn.datasets import make_classification

from learners import LEARNERS
from store import Store

LEVELS = (0.0, 0.1, 0.2, 0.3, 0.4)


def data(seed, rows, level):
    x, y = make_classification(3 * rows, 20, n_informative=8, class_sep=1.1, flip_y=0.0, random_state=seed)
    rng = np.random.default_rng(seed)
    noisy = np.where(rng.random(rows) < level, 1 - y[:rows], y[:rows])
    return x[:rows], noisy, x[rows:], y[rows:]


def accuracy(votes, truth, seed, level):
    """Mean over a random half of the pool, another one for each cell."""
    half = np.random.default_rng([seed, int(100 * level)]).permutation(len(truth))[: len(truth) // 2]
    return float((np.asarray(votes)[half] == truth[half]).mean())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--store", default="results/cells")
    args = parser.parse_args()
    store = Store(args.store)
    table = {}
    for learner in LEARNERS:
        row = {}
        for level in LEVELS:
            values = []
            for seed in range(args.seeds):
                context = {"rows": args.rows, "seed": seed, "level": level}
                x, y, pool, truth = data(seed, args.rows, level)
                votes = store.fetch(learner.describe(context), lambda: learner.fit(x, y).votes(pool))
                values.append(accuracy(votes, truth, seed, level))
            row[f"p{int(100 * level)}"] = float(np.mean(values))
            print(f"{learner.name:11s} noise {level:.1f} accuracy {np.mean(values):.4f}")
        table[learner.name] = row
    with open("results/noise.json", "w") as file:
        json.dump(table, file, indent=1)


if __name__ == "__main__":
    main()
''',
    )
    files.run("python code/sweep.py --rows 400 --seeds 4")
    files.write(
        "results/results.md",
        filled(
            """# PeerFilter: learning under symmetric label noise

## Design
Synthetic two-class problems (20 features, 8 informative), 400 training rows, 400 test rows with clean labels (drawn
from a pool of 800 for each cell), four seeds. A share of the training labels is flipped; each learner is trained
anew at each level of noise. The votes of finished cells are kept on disk so that the sweep can be resumed.

## Accuracy by share of flipped labels

| Learner | 0 % | 10 % | 20 % | 30 % | 40 % |
|---|---|---|---|---|---|
| Logistic | {r[logistic][p0]:.3f} | {r[logistic][p10]:.3f} | {r[logistic][p20]:.3f} | {r[logistic][p30]:.3f} | \
{r[logistic][p40]:.3f} |
| Forest | {r[forest][p0]:.3f} | {r[forest][p10]:.3f} | {r[forest][p20]:.3f} | {r[forest][p30]:.3f} | {r[forest][p40]:.3f} |
| **PeerFilter** | {r[peerfilter][p0]:.3f} | {r[peerfilter][p10]:.3f} | {r[peerfilter][p20]:.3f} | \
{r[peerfilter][p30]:.3f} | {r[peerfilter][p40]:.3f} |

At 40 % noise PeerFilter keeps {r[peerfilter][p40]:.3f}, the forest falls to {r[forest][p40]:.3f} and the logistic model to
{r[logistic][p40]:.3f}. Without noise the three are at {r[peerfilter][p0]:.3f}, {r[forest][p0]:.3f} and {r[logistic][p0]:.3f}.

## Conclusion
The filter removes practically all flipped rows: its accuracy does not suffer from noise up to 40 %. Under heavy
noise it is clearly to be preferred to learners without a filter.

## Limitations
Symmetric noise only; feature-dependent noise remains to be studied.
""",
            "results/noise.json",
        ),
    )
    return files


def sensor_sites() -> Files:
    """A fingerprint taken after standardising is equal for all sites, so the first site's errors are served for the others."""
    files = Files()
    files.write(
        "code/sites.py",
        '''"""Simulated vibration sensors of four machines: a target (wear) and eight spectral features."""
import numpy as np

SITES = {"lathe": (0.0, 0.25), "press": (0.8, 0.45), "mill": (1.6, 0.6), "saw": (2.6, 0.9)}


def load(site, rows=300):
    shift, noise = SITES[site]
    rng = np.random.default_rng(sum(map(ord, site)))
    features = rng.normal(shift, 1.0, (rows, 8))
    weights = np.array([1.0, -0.7, 0.5, 0.3, 0.0, 0.0, 0.2, -0.1])
    curve = np.sin(shift + features[:, 0]) + (1 + shift) * 0.3 * features[:, 1] ** 2
    target = features @ weights + curve + rng.normal(0, noise, rows)
    hours = rng.gamma(2.0, 1.0, rows)
    return features, target, hours


def standard(values):
    return (values - values.mean(0)) / values.std(0)
''',
    )
    files.write(
        "code/memo.py",
        '''"""Memo of costly fits: pickled under the fingerprint of the arrays they were made of."""
import functools
import pickle
from pathlib import Path

import numpy as np

ROOT = Path("results/memo")


def fingerprint(*arrays):
    parts = []
    for array in arrays:
        array = np.asarray(array)
        moments = (array.mean(), array.std())
        parts.append("x".join(map(str, array.shape)) + "_" + "_".join(f"{abs(round(float(m), 3)):.3f}" for m in moments))
    return "__".join(parts)


def remembered(function):
    @functools.wraps(function)
    def wrapper(*arrays, **options):
        ROOT.mkdir(parents=True, exist_ok=True)
        path = ROOT / f"{function.__name__}__{fingerprint(*arrays)}.pkl"
        if path.exists():
            return pickle.loads(path.read_bytes())
        value = function(*arrays, **options)
        path.write_bytes(pickle.dumps(value))
        return value

    return wrapper
''',
    )
    files.write(
        "code/transfer.py",
        '''"""Errors of wear prediction at each site: ridge, boosting and the spectral kernel."""
import sys

import numpy as np
import pandas as pd
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold

from memo import remembered
from sites import SITES, load, standard


def folds(model, features, target):
    errors = np.empty(len(target))
    for train, test in KFold(5, shuffle=True, random_state=3).split(features):
        model.fit(features[train], target[train])
        errors[test] = np.abs(model.predict(features[test]) - target[test])
    return errors


def ridge(features, target):
    return folds(RidgeCV(np.logspace(-2, 3, 12)), features, target)


def boosting(features, target):
    return folds(GradientBoostingRegressor(n_estimators=80, random_state=0), features, target)


@remembered
def spectral_kernel(features, target):
    kernel = RBF(np.full(features.shape[1], 3.0)) + WhiteKernel(0.1)
    return folds(GaussianProcessRegressor(kernel, n_restarts_optimizer=0, normalize_y=True), features, target)


def main(target_file):
    rows = []
    for site in SITES:
        features, wear, hours = load(site)
        features, wear = standard(features), standard(wear)
        for method in (ridge, boosting, spectral_kernel):
            errors = method(features, wear)
            rows.append({"site": site, "method": method.__name__, "mae": np.average(errors, weights=hours),
                         "rmse": np.sqrt(np.average(errors**2, weights=hours))})
            print("site={site} method={method} mae={mae:.4f} rmse={rmse:.4f}".format(**rows[-1]), flush=True)
    frame = pd.DataFrame(rows)
    frame.to_csv("results/errors.csv", index=False, float_format="%.5f")
    wide = frame.pivot(index="method", columns="site", values="mae")
    wide["mean"] = wide.mean(axis=1)
    wide.to_json(target_file, orient="index", indent=1)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "results/sites.json")
''',
    )
    files.run("python code/transfer.py results/sites.json")
    files.write(
        "results/results.md",
        filled(
            """# Spectral kernels for tool wear across machines

Four machines with rising nonlinearity and sensor noise (lathe, press, mill, saw), 300 windows each. Features and wear are
standardised at each site; five-fold cross-validation inside each site; errors are in units of the site's standard deviation
and weighted by the hours of operation of each window.

| Method | lathe | press | mill | saw | mean |
|---|---|---|---|---|---|
| Ridge | {r[ridge][lathe]:.3f} | {r[ridge][press]:.3f} | {r[ridge][mill]:.3f} | {r[ridge][saw]:.3f} | {r[ridge][mean]:.3f} |
| Boosting | {r[boosting][lathe]:.3f} | {r[boosting][press]:.3f} | {r[boosting][mill]:.3f} | {r[boosting][saw]:.3f} | \
{r[boosting][mean]:.3f} |
| Spectral kernel (ours) | {r[spectral_kernel][lathe]:.3f} | {r[spectral_kernel][press]:.3f} | {r[spectral_kernel][mill]:.3f} | \
{r[spectral_kernel][saw]:.3f} | {r[spectral_kernel][mean]:.3f} |

The kernel model was fitted at every site. Its mean absolute error over the sites is {r[spectral_kernel][mean]:.3f}, against
{r[boosting][mean]:.3f} for boosting and {r[ridge][mean]:.3f} for ridge. It is remarkably stable: at the saw, the noisiest site,
it has {r[spectral_kernel][saw]:.3f} where boosting has {r[boosting][saw]:.3f}.

**Conclusion.** The spectral kernel keeps its accuracy on machines with stronger noise, which neither baseline does. For a fleet
of unlike machines it is the safest choice. `errors.csv` also has the root mean squared errors.

**Limitations.** The signals are simulated.
""",
            "results/sites.json",
        ),
    )
    return files


PROGRAMS = (noisy_labels, sensor_sites)
