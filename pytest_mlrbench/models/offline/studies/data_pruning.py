"""Which training images should a small budget keep? Class-balanced medium margins against simpler rules, on the digits data."""

# mypy: disable-error-code="import-untyped,import-not-found"

from typing import Any

import numpy as np
from harness import Design, Recorder, main
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict, train_test_split

DESIGN = Design(
    study="data_pruning",
    title="Class-balanced medium-margin data pruning",
    dataset="digits",
    split="stratified random split, 900 pool and 700 test images per seed",
    condition_name="share of the pool kept",
    conditions={"keep 5 %": 0.05, "keep 10 %": 0.1, "keep 25 %": 0.25},
    evaluated=(700, 700, 700),
    methods=("Random subset", "Hardest first", "Easiest first", "Balanced medium margin"),
    metrics={"accuracy": ("Test accuracy", "higher"), "worst_class_recall": ("Worst-class recall", "higher")},
)


def logistic() -> LogisticRegression:
    return LogisticRegression(C=1.0, max_iter=200)


def margins(x: Any, y: Any) -> Any:
    """Cross-validated probability of the given label minus that of the strongest other label, -1 to 1."""
    probabilities = cross_val_predict(logistic(), x, y, cv=3, method="predict_proba")
    given = probabilities[np.arange(len(y)), y]
    others = probabilities.copy()
    others[np.arange(len(y)), y] = -1.0
    return given - others.max(axis=1)


def balanced_medium(margin: Any, y: Any, budget: int) -> Any:
    """Indices of `budget` images, equally many a class, each nearest to its class's median margin."""
    classes = np.unique(y)
    chosen: list[int] = []
    for place, label in enumerate(classes):
        share = budget // len(classes) + (place < budget % len(classes))
        members = np.flatnonzero(y == label)
        distance = np.abs(margin[members] - np.median(margin[members]))
        chosen.extend(members[np.argsort(distance, kind="stable")[:share]])
    return np.array(chosen)


def one_seed(run: Recorder, seed: int) -> None:
    images, labels = load_digits(return_X_y=True)
    x, test_x, y, test_y = train_test_split(
        images / 16.0, labels, train_size=900, test_size=700, stratify=labels, random_state=seed
    )
    generator = np.random.default_rng(seed)
    margin = margins(x, y)
    order = np.argsort(margin, kind="stable")
    for condition, share in DESIGN.conditions.items():
        budget = int(share * len(y))
        subsets = (generator.permutation(len(y))[:budget], order[:budget], order[-budget:], balanced_medium(margin, y, budget))
        for method, subset in zip(DESIGN.methods, subsets, strict=True):
            predicted = logistic().fit(x[subset], y[subset]).predict(test_x)
            recalls = [np.mean(predicted[test_y == label] == label) for label in np.unique(test_y)]
            run.add(method, condition, accuracy=np.mean(predicted == test_y), worst_class_recall=min(recalls))


if __name__ == "__main__":
    main(DESIGN, one_seed)
