"""Does cross-validated consensus filtering make a linear classifier robust to wrong labels? On the digits data."""

# mypy: disable-error-code="import-untyped,import-not-found"

import numpy as np
from harness import Design, Recorder, main
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict, train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

DESIGN = Design(
    study="label_noise",
    title="Consensus filtering against label noise",
    dataset="digits",
    split="stratified random split, 400 training and 700 test images per seed",
    condition_name="label noise",
    conditions={"noise 10 %": 0.1, "noise 25 %": 0.25, "noise 40 %": 0.4},
    evaluated=(700, 700, 700),
    methods=("Logistic regression", "Gaussian naive Bayes", "5 nearest neighbours", "Consensus filtering"),
    metrics={"accuracy": ("Test accuracy", "higher"), "memorised": ("Share of wrong labels memorised", "lower")},
)


def logistic() -> LogisticRegression:
    return LogisticRegression(C=0.5, max_iter=150, tol=1e-3)


def one_seed(run: Recorder, seed: int) -> None:
    images, labels = load_digits(return_X_y=True)
    train_x, test_x, clean, test_y = train_test_split(
        images / 16.0, labels, train_size=400, test_size=700, stratify=labels, random_state=seed
    )
    for condition, rate in DESIGN.conditions.items():
        generator = np.random.default_rng([seed, int(100 * rate)])
        wrong = generator.random(len(clean)) < rate
        # A wrong label is any of the nine other classes with the same probability.
        noisy = np.where(wrong, (clean + generator.integers(1, 10, len(clean))) % 10, clean)
        neighbours = KNeighborsClassifier(5)
        votes = [cross_val_predict(model, train_x, noisy, cv=3) for model in (logistic(), neighbours)]
        keep = (votes[0] == noisy) | (votes[1] == noisy)
        fitted = (
            logistic().fit(train_x, noisy),
            GaussianNB(var_smoothing=1e-2).fit(train_x, noisy),
            neighbours.fit(train_x, noisy),
            logistic().fit(train_x[keep], noisy[keep]),
        )
        for method, model in zip(DESIGN.methods, fitted, strict=True):
            run.add(
                method,
                condition,
                accuracy=np.mean(model.predict(test_x) == test_y),
                memorised=np.mean(model.predict(train_x[wrong]) == noisy[wrong]),
            )


if __name__ == "__main__":
    main(DESIGN, one_seed)
