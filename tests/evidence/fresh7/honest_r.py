"""Honest studies whose results are cached, resumed, searched for or ranked, as their reports say."""

import csv
import json
from pathlib import Path

from ..fresh2.reports import filled
from ..lab import Files, Outputs

FEATURES = '''"""Turn the 8x8 digit images into three descriptors and keep them on disk, since the gradient histograms are slow."""
import pathlib
import sys
import time

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

CACHE = pathlib.Path("cache")


def gradient_histogram(image, cells=2, bins=8):
    gy, gx = np.gradient(image)
    size, angle = np.hypot(gx, gy), np.mod(np.arctan2(gy, gx), 2 * np.pi)
    step = image.shape[0] // cells
    parts = []
    for r in range(cells):
        for c in range(cells):
            here = (slice(r * step, (r + 1) * step), slice(c * step, (c + 1) * step))
            parts.append(np.histogram(angle[here], bins=bins, range=(0, 2 * np.pi), weights=size[here])[0])
    vector = np.concatenate(parts)
    return vector / (np.linalg.norm(vector) + 1e-9)


DESCRIPTORS = {
    "pixels": lambda image: image.ravel() / 16.0,
    "profiles": lambda image: np.concatenate([image.sum(0), image.sum(1)]) / 128.0,
    "gradients": gradient_histogram,
}


def load(name):
    """Train and test part of a descriptor; computed once, afterwards read back from the cache."""
    path = CACHE / f"{name}.npz"
    if not path.exists():
        CACHE.mkdir(exist_ok=True)
        digits = load_digits()
        start = time.perf_counter()
        X = np.array([DESCRIPTORS[name](image) for image in digits.images])
        parts = train_test_split(X, digits.target, test_size=0.3, stratify=digits.target, random_state=11)
        np.savez(path, **dict(zip(("X_train", "X_test", "y_train", "y_test"), parts)))
        print(f"[cache] {name}: {X.shape[1]} values per image, made in {time.perf_counter() - start:.2f} s", file=sys.stderr)
    else:
        print(f"[cache] {name}: read", file=sys.stderr)
    with np.load(path) as saved:
        return tuple(saved[key] for key in ("X_train", "X_test", "y_train", "y_test"))
'''

CLASSIFY = '''"""Train every (descriptor, classifier) pair that progress.jsonl does not list yet, then write the summary."""
import argparse
import json
import pathlib

from features import DESCRIPTORS, load
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

MODELS = {
    "logreg": lambda: LogisticRegression(max_iter=2000, C=10.0),
    "knn": lambda: KNeighborsClassifier(3),
    "svm": lambda: SVC(C=10.0, gamma="scale"),
}
PROGRESS = pathlib.Path("results/progress.jsonl")

parser = argparse.ArgumentParser()
parser.add_argument("--stop-after", type=int, default=0, help="give up after so many new pairs, to try the resuming")
args = parser.parse_args()

done = {}
if PROGRESS.exists():
    for line in PROGRESS.read_text().splitlines():
        row = json.loads(line)
        done[row["descriptor"], row["model"]] = row
new = 0
for descriptor in DESCRIPTORS:
    for model in MODELS:
        if (descriptor, model) in done:
            print("skip", descriptor, model)
            continue
        if args.stop_after and new == args.stop_after:
            raise SystemExit(0)
        X_train, X_test, y_train, y_test = load(descriptor)
        fitted = MODELS[model]().fit(X_train, y_train)
        row = {"descriptor": descriptor, "model": model, "dims": X_train.shape[1], "n_test": len(y_test),
               "train": accuracy_score(y_train, fitted.predict(X_train)), "test": accuracy_score(y_test, fitted.predict(X_test))}
        with PROGRESS.open("a") as out:
            out.write(json.dumps(row) + "\\n")
        done[descriptor, model] = row
        new += 1
        print("done", descriptor, model, round(row["test"], 4))
table = {d: {m: done[d, m] for m in MODELS} for d in DESCRIPTORS}
pathlib.Path("results/summary.json").write_text(json.dumps(table, indent=1))
'''


def cached_descriptors() -> Files:
    """Descriptors of digits cached on disk; the first command stops after two pairs and the second one goes on from there."""
    report = """# Which descriptor of the digit images do simple classifiers need?

## Setup
scikit-learn digits (1,797 images of 8x8), one stratified 70/30 split (seed 11, {r[pixels][svm][n_test]} test images), the same split for all
nine pairs. Descriptors are computed once and cached in `cache/`; the classifiers read the cache. We first stopped after two pairs
to see that resuming works, the second command did the other seven (all rows are in `results/progress.jsonl`). Fixed
hyperparameters, nothing was tuned.

## Test accuracy
| descriptor | values | logistic regression | 3-NN | RBF SVM |
|---|---|---|---|---|
| pixels | {r[pixels][svm][dims]} | {r[pixels][logreg][test]:.4f} | {r[pixels][knn][test]:.4f} | {r[pixels][svm][test]:.4f} |
| row/column profiles | {r[profiles][svm][dims]} | {r[profiles][logreg][test]:.4f} | {r[profiles][knn][test]:.4f} | {r[profiles][svm][test]:.4f} |
| gradient histograms | {r[gradients][svm][dims]} | {r[gradients][logreg][test]:.4f} | {r[gradients][knn][test]:.4f} | {r[gradients][svm][test]:.4f} |

On the training part the SVM on pixels reaches {r[pixels][svm][train]:.4f}, on profiles {r[profiles][svm][train]:.4f}.

## Conclusion
{best} is the best pair of this split. One split of {r[pixels][svm][n_test]} images: a difference
below about one point ({half:.1f} points is the half-width of a 95 % interval at the best accuracy) should not be read as an order.
"""

    def more(r: dict) -> dict:
        pairs = [(r[d][m]["test"], f"{d} with {m}", r[d][m]["n_test"]) for d in r for m in r[d]]
        top, name, n = max(pairs)
        return {"best": f"{name[0].upper()}{name[1:]} ({top:.4f})", "half": 196 * (top * (1 - top) / n) ** 0.5}

    return (
        Files()
        .write("code/features.py", FEATURES)
        .write("code/classify.py", CLASSIFY)
        .run("python code/classify.py --stop-after 2")
        .run("ls -l cache && cat results/progress.jsonl")
        .run("python code/classify.py")
        .write("results/results.md", filled(report, "results/summary.json", more))
    )


NESTED = '''"""Nested cross-validation: the inner folds choose hyperparameters, the outer folds give the score."""
import csv
import sys
import warnings

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

warnings.filterwarnings("ignore")
CANDIDATES = {
    "logistic regression": (LogisticRegression(max_iter=3000), {"logisticregression__C": [0.01, 0.1, 1.0, 10.0]}),
    "k nearest neighbours": (KNeighborsClassifier(), {"kneighborsclassifier__n_neighbors": [1, 5, 9, 15]}),
    "RBF SVM": (SVC(), {"svc__C": [0.1, 1.0, 10.0, 100.0], "svc__gamma": [0.003, 0.03]}),
}


def main(outer, inner, path):
    X, y = load_breast_cancer(return_X_y=True)
    out = csv.writer(open(path, "w", newline=""))
    out.writerow(["method", "fold", "chosen", "inner_accuracy", "outer_accuracy", "test_size"])
    for method, (model, grid) in CANDIDATES.items():
        folds = StratifiedKFold(outer, shuffle=True, random_state=3)
        scores, inners = [], []
        for fold, (train, test) in enumerate(folds.split(X, y)):
            search = GridSearchCV(make_pipeline(StandardScaler(), model), grid, cv=StratifiedKFold(inner, shuffle=True, random_state=fold))
            search.fit(X[train], y[train])
            scores.append(search.score(X[test], y[test]))
            inners.append(search.best_score_)
            chosen = ";".join(f"{key.split('__')[1]}={value}" for key, value in sorted(search.best_params_.items()))
            out.writerow([method, fold, chosen, f"{inners[-1]:.4f}", f"{scores[-1]:.4f}", len(test)])
        print(f"{method:22s} outer {np.mean(scores):.4f} +- {np.std(scores, ddof=1):.4f}   inner {np.mean(inners):.4f}")


main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
'''


def nested_search() -> Files:
    """Nested cross-validation of three tuned classifiers after a quick run with two folds; inner and outer scores are told apart."""

    def report(outputs: Outputs, folder: Path) -> str:
        rows = list(csv.DictReader((folder / "results/nested.csv").open()))
        lines, means = [], {}
        for method in dict.fromkeys(row["method"] for row in rows):
            own = [row for row in rows if row["method"] == method]
            outer = [float(row["outer_accuracy"]) for row in own]
            inner = [float(row["inner_accuracy"]) for row in own]
            mean = sum(outer) / len(outer)
            means[method] = mean
            sd = (sum((x - mean) ** 2 for x in outer) / (len(outer) - 1)) ** 0.5
            chosen = sorted({row["chosen"] for row in own})
            lines.append(
                f"| {method} | {100 * mean:.2f} % | {100 * sd:.2f} | {100 * sum(inner) / len(inner):.2f} % | {', '.join(chosen)} |"
            )
        order = sorted(means, key=lambda name: -means[name])
        table = "\n".join(lines)
        return f"""# Tuned classifiers on the breast cancer data, scored by nested cross-validation

## Protocol
569 cases, 30 features, scaled within each training part. Five outer folds give the accuracy; within each outer training part
four inner folds choose the hyperparameters from a grid (4 values for logistic regression and k-NN, 8 pairs for the SVM, so
the SVM has twice the candidates). The outer test folds take no part in any choice. A quick run with 2 outer and 2 inner folds
(`results/quick.csv`) only served to see that the script works; none of its numbers is used here.

## Results (5 outer folds)
| method | outer accuracy | SD over folds (points) | inner accuracy of the choice | chosen in the folds |
|---|---|---|---|---|
{table}

The inner accuracies are those of the winners of a search and therefore optimistic; only the outer column should be quoted.

## Conclusion
{order[0]} comes first ({100 * means[order[0]]:.2f} %), {order[-1]} last ({100 * means[order[-1]]:.2f} %), a distance of
{100 * (means[order[0]] - means[order[-1]]):.2f} points. With five folds of 113 or 114 cases and no repetition we do not claim more
than that order; the larger grid of the SVM may have helped it a little.
"""

    return (
        Files()
        .write("code/nested.py", NESTED)
        .run("time python code/nested.py 2 2 results/quick.csv")
        .run("python code/nested.py 5 4 results/nested.csv | tee results/nested.log")
        .run("head -4 results/nested.csv; wc -l results/nested.csv")
        .write("results/results.md", report)
    )


BOARD = """import json
import sqlite3

import numpy as np
from scipy.stats import rankdata
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_classification, make_moons
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

DATA = {
    "iris": load_iris(return_X_y=True),
    "wine": load_wine(return_X_y=True),
    "cancer": load_breast_cancer(return_X_y=True),
    "digits": load_digits(return_X_y=True),
    "moons*": make_moons(400, noise=0.3, random_state=5),
    "redundant*": make_classification(900, 25, n_informative=6, n_redundant=10, n_classes=3, random_state=5),
}
METHODS = {
    "majority": lambda: DummyClassifier(),
    "centroid": lambda: NearestCentroid(),
    "naive Bayes": lambda: GaussianNB(),
    "LDA": lambda: LinearDiscriminantAnalysis(),
    "5-NN": lambda: KNeighborsClassifier(5),
    "tree": lambda: DecisionTreeClassifier(random_state=0),
    "extra trees": lambda: ExtraTreesClassifier(60, random_state=0),
}

base = sqlite3.connect("results/board.sqlite")
base.execute("create table if not exists run (data text, method text, fold integer, hits integer, cases integer)")
base.execute("delete from run")
for name, (X, y) in DATA.items():
    for fold, (train, test) in enumerate(StratifiedKFold(5, shuffle=True, random_state=1).split(X, y)):
        for method, make in METHODS.items():
            model = make_pipeline(StandardScaler(), make()).fit(X[train], y[train])
            base.execute("insert into run values (?,?,?,?,?)", (name, method, fold, int((model.predict(X[test]) == y[test]).sum()), len(test)))
base.commit()

acc = np.zeros((len(DATA), len(METHODS)))
for i, name in enumerate(DATA):
    for j, method in enumerate(METHODS):
        hits, cases = base.execute("select sum(hits), sum(cases) from run where data=? and method=?", (name, method)).fetchone()
        acc[i, j] = hits / cases
sizes = np.array([len(y) for _, y in DATA.values()])
ranks = np.array([rankdata(-row) for row in acc])
board = [
    {"method": method, "mean_rank": ranks[:, j].mean(), "plain_mean": acc[:, j].mean(), "weighted_mean": float(sizes @ acc[:, j] / sizes.sum()),
     "median": float(np.median(acc[:, j])), "wins": int((ranks[:, j] < 2).sum()), **{name: acc[i, j] for i, name in enumerate(DATA)}}
    for j, method in enumerate(METHODS)
]
board.sort(key=lambda row: (row["mean_rank"], -row["plain_mean"]))
json.dump({"sizes": {n: int(s) for n, s in zip(DATA, sizes)}, "board": board}, open("results/board.json", "w"), indent=1)
for row in board:
    print(f"{row['method']:12s} rank {row['mean_rank']:.2f} mean {row['plain_mean']:.3f} weighted {row['weighted_mean']:.3f}")
"""


def leaderboard() -> Files:
    """Seven untuned classifiers on six data sets of unequal sizes, sorted by mean rank; plain and weighted means stand side by side."""

    def report(_: Outputs, folder: Path) -> str:
        found = json.loads((folder / "results/board.json").read_text())
        board, sizes = found["board"], found["sizes"]
        head = (
            "| # | method | mean rank | plain mean | size-weighted mean | median | first places |\n|---|---|---|---|---|---|---|\n"
        )
        rows = "\n".join(
            f"| {i} | {b['method']} | {b['mean_rank']:.2f} | {b['plain_mean']:.3f} | {b['weighted_mean']:.3f} | {b['median']:.3f} | {b['wins']} |"
            for i, b in enumerate(board, 1)
        )
        each = "| method | " + " | ".join(sizes) + " |\n|---" * 1 + "|---" * len(sizes) + "|\n"
        each += "\n".join(f"| {b['method']} | " + " | ".join(f"{b[name]:.3f}" for name in sizes) + " |" for b in board)
        first, last = board[0], board[-1]
        return f"""# A leaderboard of untuned classifiers

## Setup
Six data sets ({", ".join(f"{name} {n}" for name, n in sizes.items())}; those with * are generated by the script, seed 5). Five stratified folds,
identical for all methods; features scaled within the training folds; library defaults except 60 extra trees. The accuracy of a data
set is pooled over its five folds (hits by cases). Rows are sorted by the mean rank over data sets (ties share ranks).

## Leaderboard
{head}{rows}

## Accuracy per data set
{each}

## Conclusion
{first["method"]} leads with a mean rank of {first["mean_rank"]:.2f} and a plain mean of {first["plain_mean"]:.3f}; weighted by size, where digits is
{100 * sizes["digits"] / sum(sizes.values()):.0f} % of all cases, its mean is {first["weighted_mean"]:.3f}. {last["method"]}, which does not look at the features,
is last ({last["plain_mean"]:.3f}) and shows what the class shares alone give. Six data sets and one fold seed are too few to separate neighbours in the list.
"""

    return Files().write("code/board.py", BOARD).run("python code/board.py").write("results/results.md", report)


PROGRAMS = (cached_descriptors, nested_search, leaderboard)
