"""Do feature attributions survive a new sample of cases? Bagged coefficients against usual ones, on the breast cancer data."""

# mypy: disable-error-code="import-untyped,import-not-found"

from itertools import combinations
from typing import Any

import numpy as np
from harness import Design, Recorder, main
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

DESIGN = Design(
    study="attribution_stability",
    title="Bagged coefficients for stable feature attributions",
    dataset="breast cancer",
    split="three samples without replacement per seed and training size; attributions are compared between the samples",
    condition_name="training cases",
    conditions={"50 cases": 50, "100 cases": 100, "200 cases": 200},
    evaluated=(50, 100, 200),
    methods=("Coefficients", "Forest impurity", "Column permutation", "Bagged coefficients"),
    metrics={"rank_stability": ("Mean rank correlation", "higher"), "top5_overlap": ("Top-5 overlap", "higher")},
)


def logistic(x: Any, y: Any) -> LogisticRegression:
    return LogisticRegression(C=1.0, max_iter=300).fit(x, y)


def ranks(values: Any) -> Any:
    """Average ranks, ties shared."""
    return np.array([(np.sum(values < v) + (np.sum(values <= v) - 1)) / 2 for v in values])


def permutation(model: LogisticRegression, x: Any, y: Any, generator: np.random.Generator) -> Any:
    """Loss of mean log likelihood when one column is shuffled, averaged over three shuffles."""
    margin = (2 * y - 1) * model.decision_function(x)
    base = np.mean(np.logaddexp(0.0, -margin))
    coefficients = model.coef_[0]
    losses = np.zeros(x.shape[1])
    for j in range(x.shape[1]):
        for _ in range(3):
            moved = margin + (2 * y - 1) * coefficients[j] * (generator.permutation(x[:, j]) - x[:, j])
            losses[j] += np.mean(np.logaddexp(0.0, -moved)) - base
    return losses / 3


def bagged(x: Any, y: Any, generator: np.random.Generator, bags: int = 6) -> Any:
    """Mean absolute coefficient over stratified bootstrap refits."""
    total = np.zeros(x.shape[1])
    for _ in range(bags):
        drawn = np.concatenate([generator.choice(np.flatnonzero(y == label), np.sum(y == label)) for label in (0, 1)])
        total += np.abs(logistic(x[drawn], y[drawn]).coef_[0])
    return total / bags


def attributions(x: Any, y: Any, seed: int) -> list[Any]:
    generator = np.random.default_rng(seed)
    model = logistic(x, y)
    forest = RandomForestClassifier(15, random_state=seed, n_jobs=1).fit(x, y)
    return [np.abs(model.coef_[0]), forest.feature_importances_, permutation(model, x, y, generator), bagged(x, y, generator)]


def one_seed(run: Recorder, seed: int) -> None:
    features, labels = load_breast_cancer(return_X_y=True)
    for condition, size in DESIGN.conditions.items():
        generator = np.random.default_rng([seed, int(size)])
        drawn = [generator.permutation(len(labels))[: int(size)] for _ in range(3)]
        found = [attributions(StandardScaler().fit_transform(features[d]), labels[d], 10 * seed + i) for i, d in enumerate(drawn)]
        for place, method in enumerate(DESIGN.methods):
            pairs = list(combinations([sample[place] for sample in found], 2))
            correlation = np.mean([np.corrcoef(ranks(a), ranks(b))[0, 1] for a, b in pairs])
            tops = [(set(np.argsort(-a)[:5]), set(np.argsort(-b)[:5])) for a, b in pairs]
            run.add(method, condition, rank_stability=correlation, top5_overlap=np.mean([len(a & b) / len(a | b) for a, b in tops]))


if __name__ == "__main__":
    main(DESIGN, one_seed)
