"""Can a shortcut column be found and removed without group labels? On the breast cancer data plus one synthetic column."""

# mypy: disable-error-code="import-untyped,import-not-found"

from typing import Any

import numpy as np
from harness import Design, Recorder, main
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

DESIGN = Design(
    study="shortcut_removal",
    title="Isolation-based removal of a shortcut feature",
    dataset="breast cancer",
    split="stratified random split, 285 training and 284 test cases per seed; the shortcut column is synthetic",
    condition_name="shortcut strength in training",
    conditions={"strength 70 %": 0.7, "strength 85 %": 0.85, "strength 95 %": 0.95},
    evaluated=(284, 284, 284),
    methods=("Empirical risk minimisation", "Group reweighting", "Strong regularisation", "Isolation removal"),
    metrics={"worst_group_accuracy": ("Worst-group accuracy", "higher"), "average_accuracy": ("Average accuracy", "higher")},
)
CORE = slice(10, 20)
"""The ten `error` columns: predictive, but weak enough for a shortcut to be tempting."""


def logistic(x: Any, y: Any, weights: Any = None, c: float = 1.0) -> LogisticRegression:
    return LogisticRegression(C=c, max_iter=500).fit(x, y, sample_weight=weights)


def shortcut(labels: Any, agreement: float, generator: np.random.Generator) -> Any:
    """A column that says the label with probability `agreement`, with a little noise so that it is not binary."""
    agrees = generator.random(len(labels)) < agreement
    return np.where(agrees, labels, 1 - labels) * 2.0 - 1.0 + 0.1 * generator.normal(size=len(labels))


def isolation(x: Any, y: Any) -> Any:
    """Per column: strength of its tie to the label times how little it moves with the other columns inside a class."""
    tie = np.abs([np.corrcoef(x[:, j], y)[0, 1] for j in range(x.shape[1])])
    inside = np.mean([np.abs(np.corrcoef(x[y == label], rowvar=False)) - np.eye(x.shape[1]) for label in (0, 1)], axis=0)
    return tie * (1.0 - inside.max(axis=1))


def one_seed(run: Recorder, seed: int) -> None:
    features, labels = load_breast_cancer(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(
        features[:, CORE], labels, test_size=0.5, stratify=labels, random_state=seed
    )
    scaler = StandardScaler().fit(train_x)
    for condition, strength in DESIGN.conditions.items():
        generator = np.random.default_rng([seed, int(100 * strength)])
        column, test_column = shortcut(train_y, strength, generator), shortcut(test_y, 0.5, generator)
        x = np.column_stack([scaler.transform(train_x), column])
        test = np.column_stack([scaler.transform(test_x), test_column])
        group = 2 * train_y + (column > 0)
        weights = 1.0 / np.bincount(group, minlength=4)[group]
        scores = isolation(x, train_y)
        keep = np.arange(x.shape[1]) != scores.argmax()
        run.log(f"{condition}: isolation removal dropped column {scores.argmax()} (the shortcut is column {x.shape[1] - 1})")
        predictions = (
            logistic(x, train_y).predict(test),
            logistic(x, train_y, weights * len(weights) / weights.sum()).predict(test),
            logistic(x, train_y, c=0.01).predict(test),
            logistic(x[:, keep], train_y).predict(test[:, keep]),
        )
        test_group = 2 * test_y + (test_column > 0)
        for method, predicted in zip(DESIGN.methods, predictions, strict=True):
            right = predicted == test_y
            worst = min(right[test_group == g].mean() for g in np.unique(test_group))
            run.add(method, condition, worst_group_accuracy=worst, average_accuracy=right.mean())


if __name__ == "__main__":
    main(DESIGN, one_seed)
