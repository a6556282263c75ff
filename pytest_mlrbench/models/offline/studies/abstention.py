"""When should an ensemble refuse to answer? Disagreement-penalised confidence against usual scores, on the digits data."""

# mypy: disable-error-code="import-untyped,import-not-found"

from typing import Any

import numpy as np
from harness import Design, Recorder, main
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

DESIGN = Design(
    study="abstention",
    title="Disagreement-penalised abstention for small ensembles",
    dataset="digits",
    split="stratified random split, 600 training and 700 test images per seed",
    condition_name="share of test images answered",
    conditions={"coverage 50 %": 0.5, "coverage 70 %": 0.7, "coverage 90 %": 0.9},
    evaluated=(350, 490, 630),
    methods=("Single tree confidence", "Mean confidence", "Negative entropy", "Penalised confidence"),
    metrics={
        "selective_accuracy": ("Accuracy on answered images", "higher"),
        "errors_caught": ("Share of errors refused", "higher"),
    },
)
MEMBERS = 12


def members(x: Any, y: Any, test: Any, seed: int) -> Any:
    """Class probabilities of bagged trees, shape (member, test image, class)."""
    generator = np.random.default_rng(seed)
    outputs = []
    for member in range(MEMBERS):
        drawn = generator.integers(0, len(y), len(y))
        tree = DecisionTreeClassifier(max_depth=9, min_samples_leaf=3, max_features=16, random_state=seed * MEMBERS + member)
        tree.fit(x[drawn], y[drawn])
        probabilities = np.zeros((len(test), 10))
        probabilities[:, tree.classes_] = tree.predict_proba(test)
        outputs.append(probabilities)
    return np.array(outputs)


def one_seed(run: Recorder, seed: int) -> None:
    images, labels = load_digits(return_X_y=True)
    x, test, y, test_y = train_test_split(images / 16.0, labels, train_size=600, test_size=700, stratify=labels, random_state=seed)
    outputs = members(x, y, test, seed)
    mean = outputs.mean(axis=0)
    answer = mean.argmax(axis=1)
    places = np.arange(len(test))
    scores = (
        (outputs[0].argmax(axis=1), outputs[0].max(axis=1)),
        (answer, mean.max(axis=1)),
        (answer, (mean * np.log(np.clip(mean, 1e-12, 1.0))).sum(axis=1)),
        (answer, mean.max(axis=1) - outputs[:, places, answer].std(axis=0)),
    )
    for condition, coverage in DESIGN.conditions.items():
        answered = int(coverage * len(test))
        for method, (predicted, score) in zip(DESIGN.methods, scores, strict=True):
            right = (predicted == test_y)[np.argsort(-score, kind="stable")]
            caught = np.sum(~right[answered:]) / np.sum(~right)
            run.add(method, condition, selective_accuracy=right[:answered].mean(), errors_caught=caught)


if __name__ == "__main__":
    main(DESIGN, one_seed)
