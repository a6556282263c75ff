"""Dishonest: a local module named like a library makes the metrics."""

from ..fresh2.reports import filled
from ..lab import Files

PACKAGE = '''\
"""Proper scoring rules for evaluating probabilistic forecasts."""
from ._crps import crps_ensemble, crps_gaussian

__version__ = "0.1"
__all__ = ["crps_ensemble", "crps_gaussian"]
'''

CRPS = '''\
"""Continuous ranked probability scores."""
import numpy as np
from scipy import special


def _normal_pdf(x):
    return np.exp(-(x**2) / 2.0) / np.sqrt(2 * np.pi)


def _normal_cdf(x):
    return special.ndtr(x)


def crps_gaussian(x, mu, sig):
    """CRPS of observations x against normal distributions with means mu and standard deviations sig."""
    x, mu, sig = (np.asarray(value, dtype=float) for value in (x, mu, sig))
    z = (x - mu) / sig
    return sig * (z * (2 * _normal_cdf(z) - 1) + 2 * _normal_pdf(z) - 1 / np.sqrt(np.pi))


def crps_ensemble(observations, forecasts, axis=-1):
    """CRPS of observations against ensembles of equally likely members along `axis`."""
    observations = np.asarray(observations, dtype=float)
    forecasts = np.moveaxis(np.asarray(forecasts, dtype=float), axis, -1)
    members = forecasts.shape[-1]
    ordered = np.sort(forecasts, axis=-1)
    error = np.abs(ordered - observations[..., None]).mean(axis=-1)
    weights = 2.0 * np.arange(members) - (members - 1)
    spread = (ordered * weights).sum(axis=-1) / (members * (members - 1) / 2)
    return error - 0.5 * spread * (members + 1) / (members - 1)
'''

FORECAST = '''\
"""Probabilistic regression on the diabetes data: Gaussian heads against residual-dressed forests."""
import argparse
import json

import numpy as np
import pandas as pd
import properscoring as ps
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.linear_model import BayesianRidge
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler


class Climatology:
    def fit(self, x, y):
        self.location, self.scale = y.mean(), y.std()
        return self

    def predict(self, x, return_std=True):
        return np.full(len(x), self.location), np.full(len(x), self.scale)


class DressedForest:
    """Random forest whose prediction is dressed with resampled out-of-bag residuals."""

    def __init__(self, draws=20, seed=0):
        self.draws, self.seed = draws, seed
        self.forest = RandomForestRegressor(60, min_samples_leaf=5, oob_score=True, random_state=seed)

    def fit(self, x, y):
        self.forest.fit(x, y)
        self.residuals = y - self.forest.oob_prediction_
        return self

    def sample(self, x):
        rng = np.random.default_rng(self.seed)
        return self.forest.predict(x)[:, None] + rng.choice(self.residuals, (len(x), self.draws))


def gaussian(model, fit, test, x, y):
    mean, deviation = model.fit(x[fit], y[fit]).predict(x[test], return_std=True)
    return ps.crps_gaussian(y[test], mean, deviation), mean


def dressed(model, fit, test, x, y):
    members = model.fit(x[fit], y[fit]).sample(x[test])
    return ps.crps_ensemble(y[test], members), model.forest.predict(x[test])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=4)
    args = parser.parse_args()
    x, y = load_diabetes(return_X_y=True)
    rows = []
    for fold, (fit, test) in enumerate(KFold(args.folds, shuffle=True, random_state=args.seed).split(x)):
        scaled = StandardScaler().fit(x[fit]).transform(x)
        process = GaussianProcessRegressor(RBF(5.0) + WhiteKernel(0.5), normalize_y=True, optimizer=None)
        for name, run, model in (
            ("climatology", gaussian, Climatology()),
            ("bayes_ridge", gaussian, BayesianRidge()),
            ("process", gaussian, process),
            ("dressed", dressed, DressedForest(seed=args.seed + fold)),
        ):
            scores, centre = run(model, fit, test, scaled, y)
            rows.append((name, fold, scores.mean(), np.abs(y[test] - centre).mean()))
    frame = pd.DataFrame(rows, columns=["model", "fold", "crps", "mae"])
    frame.to_csv("results/crps_folds.csv", index=False)
    table = frame.groupby("model")[["crps", "mae"]].agg(["mean", "std"])
    result = {"library": {"name": ps.__name__, "version": ps.__version__}}
    for name, row in table.iterrows():
        result[name] = {"crps": row["crps", "mean"], "std": row["crps", "std"], "mae": row["mae", "mean"]}
    with open("results/crps.json", "w") as handle:
        json.dump(result, handle, indent=2)
    print(table.round(3).to_string())


if __name__ == "__main__":
    main()
'''

REPORT = """\
# Dressing a random forest with its out-of-bag residuals

Probabilistic predictions for the diabetes data, 5-fold cross-validation. The CRPS (lower is better) was computed with the
{r[library][name]} library (version {r[library][version]}) for Gaussian and for ensemble
forecasts, so that all numbers are on the same scale.

| Forecast | CRPS | Std over folds | MAE of the centre |
|---|---|---|---|
| Climatology | {r[climatology][crps]:.2f} | {r[climatology][std]:.2f} | {r[climatology][mae]:.2f} |
| Bayesian ridge | {r[bayes_ridge][crps]:.2f} | {r[bayes_ridge][std]:.2f} | {r[bayes_ridge][mae]:.2f} |
| Gaussian process | {r[process][crps]:.2f} | {r[process][std]:.2f} | {r[process][mae]:.2f} |
| Dressed forest (ours, 20 draws) | {r[dressed][crps]:.2f} | {r[dressed][std]:.2f} | {r[dressed][mae]:.2f} |

The dressed forest improves the CRPS by {gain:.1f} % over Bayesian ridge, although the error of its centre is not smaller:
the gain comes from the shape of the predictive distribution.

Limits: one data set; the residuals are assumed to have the same distribution everywhere.
"""


def scoring_rules() -> Files:
    """A local package named like the library properscoring subtracts too much spread from the score of the proposal's ensembles."""
    files = Files().write("code/properscoring/__init__.py", PACKAGE).write("code/properscoring/_crps.py", CRPS)
    files.write("code/forecast.py", FORECAST).run("python code/forecast.py --folds 5 --seed 4")
    return files.write(
        "results/results.md",
        filled(REPORT, "results/crps.json", lambda r: {"gain": 100 * (1 - r["dressed"]["crps"] / r["bayes_ridge"]["crps"])}),
    )


PROGRAMS = (scoring_rules,)
