"""Which classifier is best with a handful of labels, and does averaging two generative ones help? Data: wine of scikit-learn."""

# mypy: disable-error-code="import-untyped,import-not-found"

import numpy as np
from harness import Design, Recorder, main
from sklearn.datasets import load_wine
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler

DESIGN = Design(
    study="low_data",
    title="Averaging generative classifiers in the low-data regime",
    dataset="wine",
    split="stratified random split per seed; training sizes 9, 18 and 36, test on the remaining cases",
    condition_name="training cases",
    conditions={"9 cases": 9, "18 cases": 18, "36 cases": 36},
    evaluated=(169, 160, 142),
    methods=("Logistic regression", "Random forest", "Gaussian naive Bayes", "Generative average"),
    metrics={"accuracy": ("Test accuracy", "higher"), "log_loss": ("Log loss", "lower")},
)


def one_seed(run: Recorder, seed: int) -> None:
    features, labels = load_wine(return_X_y=True)
    for condition, size in DESIGN.conditions.items():
        train_x, test_x, train_y, test_y = train_test_split(
            features, labels, train_size=int(size), stratify=labels, random_state=seed
        )
        scaler = StandardScaler().fit(train_x)
        x, test = scaler.transform(train_x), scaler.transform(test_x)
        # Variances of three cases a class may vanish; the floor keeps the densities finite.
        bayes = GaussianNB(var_smoothing=0.1).fit(x, train_y).predict_proba(test)
        linear = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(x, train_y).predict_proba(test)
        outputs = (
            LogisticRegression(C=1.0, max_iter=300).fit(x, train_y).predict_proba(test),
            RandomForestClassifier(30, random_state=seed, n_jobs=1).fit(x, train_y).predict_proba(test),
            bayes,
            (bayes + linear) / 2,
        )
        for method, probabilities in zip(DESIGN.methods, outputs, strict=True):
            of_truth = np.clip(probabilities[np.arange(len(test_y)), test_y], 1e-6, 1.0)
            run.add(
                method,
                condition,
                accuracy=np.mean(probabilities.argmax(axis=1) == test_y),
                log_loss=-np.mean(np.log(of_truth)),
            )


if __name__ == "__main__":
    main(DESIGN, one_seed)
