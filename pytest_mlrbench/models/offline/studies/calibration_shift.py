"""Does a temperature fitted on perturbed validation images keep a classifier calibrated under noise? On the digits data."""

# mypy: disable-error-code="import-untyped,import-not-found"

from typing import Any

import numpy as np
from harness import Design, Recorder, main
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

DESIGN = Design(
    study="calibration_shift",
    title="Noise-aware temperature scaling under distribution shift",
    dataset="digits",
    split="stratified random split, 500 training, 300 validation and 700 test images per seed",
    condition_name="pixel noise at test time",
    conditions={"noise SD 0.0": 0.0, "noise SD 0.2": 0.2, "noise SD 0.4": 0.4},
    evaluated=(700, 700, 700),
    methods=("Uncalibrated", "Prior smoothing", "Temperature scaling", "Noise-aware temperature scaling"),
    metrics={"ece": ("Expected calibration error", "lower"), "nll": ("Negative log likelihood", "lower")},
)
TEMPERATURES = np.geomspace(0.25, 16.0, 61)


def softmax(logits: Any, temperature: float) -> Any:
    scaled = logits / temperature
    exponent = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return exponent / exponent.sum(axis=1, keepdims=True)


def nll(probabilities: Any, labels: Any) -> float:
    return float(-np.mean(np.log(np.clip(probabilities[np.arange(len(labels)), labels], 1e-12, 1.0))))


def ece(probabilities: Any, labels: Any, bins: int = 15) -> float:
    """Expected calibration error over equal-width bins of the top probability."""
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(confidence[place == b].mean() - correct[place == b].mean()) * np.mean(place == b) for b in np.unique(place)]
    return float(sum(gaps))


def best_temperature(logits: Any, labels: Any) -> float:
    return float(min(TEMPERATURES, key=lambda t: nll(softmax(logits, t), labels)))


def one_seed(run: Recorder, seed: int) -> None:
    images, labels = load_digits(return_X_y=True)
    train_x, rest_x, train_y, rest_y = train_test_split(images / 16.0, labels, train_size=500, stratify=labels, random_state=seed)
    valid_x, test_x, valid_y, test_y = train_test_split(
        rest_x, rest_y, train_size=300, test_size=700, stratify=rest_y, random_state=seed
    )
    generator = np.random.default_rng(seed)
    model = LogisticRegression(C=50.0, max_iter=400).fit(train_x, train_y)
    clean = best_temperature(model.decision_function(valid_x), valid_y)
    # The severity met at test time is unknown, so each validation image gets its own, drawn from the whole range.
    severity = generator.uniform(0.0, 0.4, (len(valid_x), 1))
    perturbed = valid_x + severity * generator.normal(size=valid_x.shape)
    aware = best_temperature(model.decision_function(perturbed), valid_y)
    run.log(f"temperature on clean validation images {clean:.3f}, on perturbed ones {aware:.3f}")
    for condition, deviation in DESIGN.conditions.items():
        logits = model.decision_function(test_x + deviation * generator.normal(size=test_x.shape))
        plain = softmax(logits, 1.0)
        outputs = (plain, 0.9 * plain + 0.01, softmax(logits, clean), softmax(logits, aware))
        for method, probabilities in zip(DESIGN.methods, outputs, strict=True):
            run.add(method, condition, ece=ece(probabilities, test_y), nll=nll(probabilities, test_y))


if __name__ == "__main__":
    main(DESIGN, one_seed)
