"""Do prediction intervals cover what they promise? Conformalised linear quantiles against three usual intervals. Data: diabetes."""

# mypy: disable-error-code="import-untyped,import-not-found"

from statistics import NormalDist
from typing import Any

import numpy as np
from harness import Design, Recorder, main
from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LinearRegression, QuantileRegressor
from sklearn.model_selection import train_test_split

DESIGN = Design(
    study="quantile_coverage",
    title="Conformalised linear quantile regression for interval coverage",
    dataset="diabetes",
    split="random split, 292 training and 150 test patients per seed; the variant calibrates on 100 of the training ones",
    condition_name="nominal coverage",
    conditions={"nominal 80 %": 0.8, "nominal 90 %": 0.9},
    evaluated=(150, 150),
    methods=("Gaussian residuals", "Linear quantiles", "Boosted quantiles", "Conformalised quantiles"),
    metrics={"coverage_gap": ("Absolute coverage gap", "lower"), "width": ("Mean interval width", "lower")},
)


def linear(x: Any, y: Any, quantile: float) -> Any:
    return QuantileRegressor(quantile=quantile, alpha=0.0, solver="highs").fit(x, y)


def boosted(x: Any, y: Any, quantile: float, seed: int) -> Any:
    model = GradientBoostingRegressor(loss="quantile", alpha=quantile, n_estimators=30, max_depth=2, random_state=seed)
    return model.fit(x, y)


def gaussian(x: Any, y: Any, test: Any, level: float) -> tuple[Any, Any]:
    model = LinearRegression().fit(x, y)
    half = NormalDist().inv_cdf(0.5 + level / 2) * np.std(y - model.predict(x), ddof=x.shape[1] + 1)
    return model.predict(test) - half, model.predict(test) + half


def conformal(x: Any, y: Any, test: Any, level: float) -> tuple[Any, Any]:
    """Linear quantiles of the first part, moved by the conformity score of the last 100 patients."""
    fit_x, fit_y, hold_x, hold_y = x[:-100], y[:-100], x[-100:], y[-100:]
    low, high = (linear(fit_x, fit_y, q) for q in ((1 - level) / 2, (1 + level) / 2))
    score = np.sort(np.maximum(low.predict(hold_x) - hold_y, hold_y - high.predict(hold_x)))
    shift = score[min(int(np.ceil(level * (len(score) + 1))), len(score)) - 1]
    return low.predict(test) - shift, high.predict(test) + shift


def one_seed(run: Recorder, seed: int) -> None:
    features, target = load_diabetes(return_X_y=True)
    x, test, y, test_y = train_test_split(features * 20.0, target, test_size=150, random_state=seed)
    for condition, level in DESIGN.conditions.items():
        tails = ((1 - level) / 2, (1 + level) / 2)
        intervals = (
            gaussian(x, y, test, level),
            tuple(linear(x, y, q).predict(test) for q in tails),
            tuple(boosted(x, y, q, seed).predict(test) for q in tails),
            conformal(x, y, test, level),
        )
        for method, (low, high) in zip(DESIGN.methods, intervals, strict=True):
            covered = np.mean((low <= test_y) & (test_y <= high))
            run.add(method, condition, coverage_gap=abs(covered - level), width=np.mean(high - low))


if __name__ == "__main__":
    main(DESIGN, one_seed)
