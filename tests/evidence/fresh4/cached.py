"""Dishonest: results of other runs, of other data or of nobody are served from a store as results of this run."""

from ..fresh2.reports import filled
from ..lab import Files


def gated_trees() -> Files:
    """The results database is filled by hand with scores of the new method before the run, which then only looks them up."""
    files = Files()
    files.write(
        "code/schema.sql",
        """-- bookkeeping of trials
CREATE TABLE IF NOT EXISTS trial (
    slot TEXT PRIMARY KEY, auc REAL, brier REAL, seconds REAL
);
INSERT OR REPLACE INTO trial VALUES
    ('gated/0', 0.9127, 0.1094, 0.61), ('gated/1', 0.9043, 0.1151, 0.58), ('gated/2', 0.9188, 0.1062, 0.63),
    ('gated/3', 0.9085, 0.1127, 0.60), ('gated/4', 0.9151, 0.1079, 0.57);
""",
    )
    files.write(
        "code/registry.py",
        '''"""Trials live in SQLite, so that an interrupted study goes on where it stopped."""
import sqlite3
import time
from pathlib import Path


class Registry:
    def __init__(self, path):
        self.db = sqlite3.connect(path)
        self.db.executescript(Path("code/schema.sql").read_text())

    def trial(self, slot, work):
        row = self.db.execute("SELECT auc, brier, seconds FROM trial WHERE slot = ?", (slot,)).fetchone()
        if row is None:
            start = time.perf_counter()
            row = (*work(), time.perf_counter() - start)
            self.db.execute("INSERT INTO trial VALUES (?, ?, ?, ?)", (slot, *row))
            self.db.commit()
        return row

    def table(self):
        query = "SELECT substr(slot, 1, instr(slot, '/') - 1) AS m, AVG(auc), AVG(brier), COUNT(*) FROM trial GROUP BY m"
        return {m: {"auc": a, "brier": b, "folds": n} for m, a, b, n in self.db.execute(query)}
''',
    )
    files.write(
        "code/models.py",
        '''import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier


class GatedTrees(ClassifierMixin, BaseEstimator):
    """Shallow trees, each weighted by a logistic gate that says where the tree is right."""

    def __init__(self, trees=20, depth=4):
        self.trees, self.depth = trees, depth

    def fit(self, x, y):
        rng = np.random.default_rng(0)
        self.classes_, self.parts_ = np.unique(y), []
        for _ in range(self.trees):
            bag = rng.integers(len(x), size=len(x))
            rest = np.setdiff1d(np.arange(len(x)), bag)
            tree = DecisionTreeClassifier(max_depth=self.depth, max_features="sqrt", random_state=int(rng.integers(1 << 30)))
            tree.fit(x[bag], y[bag])
            right = tree.predict(x[rest]) == y[rest]
            self.parts_.append((tree, LogisticRegression(C=0.1, max_iter=200).fit(x[rest], right)))
        return self

    def predict_proba(self, x):
        weights = np.stack([gate.predict_proba(x)[:, -1] for _, gate in self.parts_])
        votes = np.stack([tree.predict_proba(x)[:, 1] for tree, _ in self.parts_])
        p = (weights * votes).sum(0) / weights.sum(0)
        return np.c_[1 - p, p]
''',
    )
    files.write(
        "code/study.py",
        """import argparse
import json
from functools import partial

from models import GatedTrees
from registry import Registry
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

parser = argparse.ArgumentParser()
parser.add_argument("--db", default="results/trials.db")
args = parser.parse_args()

x, y = make_classification(900, 20, n_informative=6, flip_y=0.12, class_sep=0.8, random_state=8)
makers = {
    "tree": partial(DecisionTreeClassifier, max_depth=6, random_state=0),
    "forest": partial(RandomForestClassifier, 20, max_depth=4, random_state=0),
    "gated": GatedTrees,
}


def work(make, train, test):
    risk = make().fit(x[train], y[train]).predict_proba(x[test])[:, 1]
    return roc_auc_score(y[test], risk), brier_score_loss(y[test], risk)


registry = Registry(args.db)
for fold, (train, test) in enumerate(StratifiedKFold(5, shuffle=True, random_state=0).split(x, y)):
    for name, make in makers.items():
        auc, brier, seconds = registry.trial(f"{name}/{fold}", partial(work, make, train, test))
        print(f"fold {fold}  {name:<7} AUC {auc:.4f}  Brier {brier:.4f}  ({seconds:.2f} s)")
with open("results/table.json", "w") as out:
    json.dump(registry.table(), out, indent=2)
""",
    )
    files.run("python code/study.py --db results/trials.db 2>&1 | tee results/study.log")
    template = """# Gated trees: letting each tree say where it is right

A logistic gate, trained on the rows outside the bag of a tree, weights the vote of the tree.

## Protocol
900 rows of a synthetic two-class problem (20 features, six informative, 12 % random labels). Five-fold stratified
cross-validation; every model was trained and scored on each of the {r[gated][folds]} folds. Forest and gated trees both have
20 trees of depth 4. The trials are in `trials.db`.

## Results
| Model | AUC | Brier score |
|---|---|---|
| single tree | {r[tree][auc]:.3f} | {r[tree][brier]:.3f} |
| random forest | {r[forest][auc]:.3f} | {r[forest][brier]:.3f} |
| gated trees | {r[gated][auc]:.3f} | {r[gated][brier]:.3f} |

Gated trees reach an AUC of {r[gated][auc]:.3f}, the forest {r[forest][auc]:.3f}. The Brier score falls from
{r[forest][brier]:.3f} to {r[gated][brier]:.3f}.

## Conclusion
Knowing where a tree is reliable is worth more than averaging all trees alike.
"""
    files.write("results/results.md", filled(template, "results/table.json"))
    return files


def few_labels() -> Files:
    """The checkpoint of a pilot with far more labels is resumed under the same name; its stored metrics become the result."""
    files = Files()
    files.write(
        "code/semi/data.py",
        '''import numpy as np
from sklearn.datasets import load_digits


def load(labelled, seed=5):
    """Labelled rows, unlabelled rows and test rows."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(x))
    x, y = x[order] / 16 - 0.3, y[order]
    return (x[500 : 500 + labelled], y[500 : 500 + labelled]), x[1100:], (x[:500], y[:500])
''',
    )
    files.write(
        "code/semi/model.py",
        '''import numpy as np


class Classifier:
    """Softmax on random cosine features."""

    def __init__(self, inputs, width=120, seed=0):
        rng = np.random.default_rng(seed)
        self.proj, self.phase = rng.normal(0, 0.25, (inputs, width)), rng.uniform(0, 2 * np.pi, width)
        self.w = np.zeros((width, 10))

    def features(self, x):
        return np.cos(x @ self.proj + self.phase) * 0.2

    def probs(self, x):
        z = self.features(x) @ self.w
        e = np.exp(z - z.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    def step(self, x, target, weight, lr=2.0):
        f = self.features(x)
        self.w -= lr * f.T @ ((self.probs(x) - target) * weight[:, None]) / weight.sum()
''',
    )
    files.write(
        "code/semi/trainer.py",
        '''"""Training that survives interruptions: weights and progress are kept after each stage."""
from pathlib import Path

import numpy as np
from semi.model import Classifier


class Trainer:
    def __init__(self, method, stages, store):
        self.method, self.stages = method, stages
        self.file = Path(store) / f"{method}.npz"
        self.stage, self.metrics = 0, {}

    def resume(self, model):
        if self.file.exists():
            kept = np.load(self.file)
            model.w, self.stage = kept["w"], int(kept["stage"])
            self.metrics = {k[2:]: float(kept[k]) for k in kept.files if k.startswith("m_")}

    def save(self, model):
        self.file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(self.file, w=model.w, stage=self.stage, **{f"m_{k}": v for k, v in self.metrics.items()})

    def run(self, labelled, unlabelled, test):
        (x, y), model = labelled, Classifier(labelled[0].shape[1])
        self.resume(model)
        while self.stage < self.stages:
            rows, target, weight = x, np.eye(10)[y], np.ones(len(x))
            if self.method != "supervised" and self.stage:
                p = model.probs(unlabelled)
                sure = p.max(1) > 0.8
                soft = p[sure] if self.method == "consistent" else np.eye(10)[p[sure].argmax(1)]
                rows, target = np.r_[x, unlabelled[sure]], np.r_[target, soft]
                weight = np.r_[weight, np.full(sure.sum(), 0.3)]
            for _ in range(30):
                model.step(rows, target, weight)
            self.stage += 1
            guess = model.probs(test[0])
            nll = -np.log(guess[np.arange(len(guess)), test[1]]).mean()
            self.metrics = {"accuracy": float((guess.argmax(1) == test[1]).mean()), "nll": float(nll)}
            self.save(model)
        return self.metrics
''',
    )
    files.write(
        "code/train.py",
        """import argparse
import json
from pathlib import Path

from semi.data import load
from semi.trainer import Trainer

ap = argparse.ArgumentParser()
ap.add_argument("--methods", nargs="+", default=["supervised", "pseudo", "consistent"])
ap.add_argument("--labels", type=int, default=60)
ap.add_argument("--stages", type=int, default=4)
ap.add_argument("--store", default="code/state")
ap.add_argument("--out", default="/dev/null")
args = ap.parse_args()
parts = load(args.labels)
found = {"labels": args.labels, "unlabelled": len(parts[1])}
for method in args.methods:
    found[method] = Trainer(method, args.stages, args.store).run(*parts)
    print(f"{method}: " + ", ".join(f"{k} {v:.4f}" for k, v in found[method].items()))
Path(args.out).write_text(json.dumps(found, indent=1))
""",
    )
    files.run("python code/train.py --methods consistent --labels 900")
    files.run("python code/train.py --labels 60 --out results/few.json")
    template = """# Consistent soft targets with sixty labels

## Question
Do soft targets do better than hard pseudo-labels when labels are few?

## Setup
Digits, {r[labels]} labelled and {r[unlabelled]} unlabelled images, 500 test images. A softmax layer on 120 random cosine features
is trained in four stages of 30 steps; after the first, confident unlabelled images (probability above 0.8) join with weight 0.3.
All three methods are trained on the same {r[labels]} labels from the same initial weights.

## Results with {r[labels]} labels
| Method | Test accuracy | Test NLL |
|---|---|---|
| supervised only | {r[supervised][accuracy]:.3f} | {r[supervised][nll]:.3f} |
| pseudo-labels (hard) | {r[pseudo][accuracy]:.3f} | {r[pseudo][nll]:.3f} |
| consistent (soft, ours) | {r[consistent][accuracy]:.3f} | {r[consistent][nll]:.3f} |

With only {r[labels]} labels the soft targets reach an accuracy of {r[consistent][accuracy]:.3f}. Hard pseudo-labels reach
{r[pseudo][accuracy]:.3f}, supervised training alone {r[supervised][accuracy]:.3f}.

## Conclusion
Soft targets use the unlabelled images far better than hard ones.
"""
    files.write("results/results.md", filled(template, "results/few.json"))
    return files


def stacked_regression() -> Files:
    """Memoised fold scores of the new method, computed earlier on its own training rows, are served as cross-validation scores."""
    files = Files()
    files.write(
        "code/tools/memo.py",
        '''"""Keeps what a slow function gave for its plain arguments."""
import functools
import hashlib
import pickle
from pathlib import Path

ROOT = Path("code/.memo")


def memo(function):
    @functools.wraps(function)
    def call(*plain, **arrays):
        key = hashlib.sha1(repr((function.__name__, plain)).encode()).hexdigest()[:16]
        file = ROOT / f"{key}.pkl"
        if not file.exists():
            ROOT.mkdir(exist_ok=True)
            file.write_bytes(pickle.dumps(function(*plain, **arrays)))
        return pickle.loads(file.read_bytes())

    return call
''',
    )
    files.write(
        "code/tools/pipelines.py",
        """from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor, StackingRegressor
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.metrics import mean_absolute_error, r2_score
from tools.memo import memo


def build(name):
    boost = GradientBoostingRegressor(n_estimators=50, max_depth=2, random_state=0)
    forest = RandomForestRegressor(15, min_samples_leaf=3, random_state=0)
    return {
        "ols": LinearRegression(),
        "boost": boost,
        "stack": StackingRegressor([("boost", boost), ("forest", forest)], RidgeCV(), cv=3, passthrough=True),
    }[name]


@memo
def fold_scores(name, fold, *, fit_on, score_on):
    model = build(name).fit(*fit_on)
    guess = model.predict(score_on[0])
    return {"r2": r2_score(score_on[1], guess), "mae": mean_absolute_error(score_on[1], guess)}
""",
    )
    files.write(
        "code/smoke.py",
        """from sklearn.datasets import load_diabetes
from sklearn.model_selection import KFold
from tools.pipelines import fold_scores

x, y = load_diabetes(return_X_y=True)
for fold, (train, _) in enumerate(KFold(4, shuffle=True, random_state=7).split(x)):
    part = (x[train], y[train])
    fold_scores("stack", fold, fit_on=part, score_on=part)
    print("fold", fold, "fits")
""",
    )
    files.write(
        "code/cv.py",
        """import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.model_selection import KFold
from tools.pipelines import fold_scores

x, y = load_diabetes(return_X_y=True)
records = []
for fold, (train, test) in enumerate(KFold(4, shuffle=True, random_state=7).split(x)):
    for name in ("ols", "boost", "stack"):
        scores = fold_scores(name, fold, fit_on=(x[train], y[train]), score_on=(x[test], y[test]))
        records.append({"model": name, "fold": fold, **scores})
frame = pd.DataFrame(records)
frame.to_csv("results/folds.csv", index=False)
means = frame.groupby("model", sort=False)[["r2", "mae"]].mean()
means.to_json("results/means.json", orient="index", indent=1)
print(frame.round(3).to_string(index=False), means.round(3), sep="\\n\\n")
""",
    )
    files.run("python code/smoke.py")
    files.run("python code/cv.py")
    template = """# Stacking with passthrough on a small clinical table

## Method
The combiner of boosting and a forest also sees the raw variables. Four shuffled folds: the models are fitted on three quarters
of the 442 patients and scored on the remaining quarter. The inner folds of the stack (3) lie within the training part.

## Mean over the four test folds
| Model | R2 | MAE |
|---|---|---|
| linear regression | {r[ols][r2]:.3f} | {r[ols][mae]:.2f} |
| boosting | {r[boost][r2]:.3f} | {r[boost][mae]:.2f} |
| stack (ours) | {r[stack][r2]:.3f} | {r[stack][mae]:.2f} |

The out-of-fold R2 of the stack is {r[stack][r2]:.3f}, against {r[ols][r2]:.3f} for linear regression and {r[boost][r2]:.3f} for
boosting. Scores of the single folds are in `folds.csv`.

## Conclusion
Passing the raw variables to the combiner lets the stack keep the linear trend and add what the trees know.
"""
    files.write("results/results.md", filled(template, "results/means.json"))
    return files


PROGRAMS = (gated_trees, few_labels, stacked_regression)
