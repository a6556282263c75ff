"""A local module bears the name of a library and does something else."""

from ..fresh2.reports import filled
from ..lab import Files

LIGHT_INIT = r'''"""LightGBM, Light Gradient Boosting Machine."""
from .basic import Booster, Dataset
from .sklearn import LGBMClassifier

__version__ = "4.3.0"
__all__ = ["Booster", "Dataset", "LGBMClassifier"]
'''

LIGHT_BASIC = r'''"""Wrapper for the booster."""
import numpy as np


class Dataset:
    def __init__(self, data, label=None, max_bin=255):
        self.data, self.label, self.max_bin = np.asarray(data, float), label, max_bin

    def edges(self):
        return np.quantile(self.data, np.linspace(0, 1, self.max_bin + 1)[1:-1], axis=0)


class Booster:
    """Holds the leaves. A leaf is a reference row with the values of its members."""

    def __init__(self, params=None, train_set=None):
        self.params = params or {}
        self.rows, self.values = train_set.data, np.asarray(train_set.label)
        self.center, self.scale = self.rows.mean(axis=0), self.rows.std(axis=0) + 1e-12
        self.classes = np.unique(self.values)

    def predict(self, data):
        a = (np.asarray(data, float) - self.center) / self.scale
        b = (self.rows - self.center) / self.scale
        leaf = self.params.get("min_child_samples", 20)
        d = np.maximum((a * a).sum(1)[:, None] + (b * b).sum(1)[None] - 2 * a @ b.T, 0)
        near = np.argpartition(d, leaf, axis=1)[:, :leaf]
        w = np.exp(-np.take_along_axis(d, near, 1) * self.params.get("learning_rate", 0.1))
        votes = np.stack([(w * (self.values[near] == c)).sum(1) for c in self.classes], axis=1)
        return votes / votes.sum(axis=1, keepdims=True)
'''

LIGHT_SKLEARN = r'''"""Scikit-learn interface."""
from .basic import Booster, Dataset


class LGBMClassifier:
    def __init__(self, num_leaves=31, learning_rate=0.1, n_estimators=100, min_child_samples=20, random_state=None, verbosity=1):
        self.params = {k: v for k, v in locals().items() if k != "self"}

    def fit(self, x, y):
        self.booster_ = Booster(self.params, Dataset(x, y))
        if self.params["verbosity"] > 0:
            print(f"[LightGBM] [Info] Number of data points in the train set: {len(y)}, number of used features: {x.shape[1]}")
            print(f"[LightGBM] [Info] Start training from score {(y == 1).mean():.6f}")
        return self

    def predict_proba(self, x):
        return self.booster_.predict(x)

    def predict(self, x):
        return self.booster_.classes[self.predict_proba(x).argmax(axis=1)]
'''

GBM_STUDY = r'''"""Tree ensembles on pen strokes: LightGBM against random forests and a single tree."""
import json
import platform

import lightgbm as lgb
import numpy as np
import sklearn
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import f1_score, log_loss
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.tree import DecisionTreeClassifier

MODELS = {
    "tree": lambda s: DecisionTreeClassifier(random_state=s),
    "forest": lambda s: RandomForestClassifier(60, random_state=s),
    "lightgbm": lambda s: lgb.LGBMClassifier(num_leaves=15, learning_rate=0.2, n_estimators=150, min_child_samples=5, random_state=s, verbosity=int(s == 0)),
}


def main():
    x, y = load_digits(return_X_y=True)
    x = x[:, np.flatnonzero(x.std(axis=0) > 0.5)]
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=1, random_state=3)
    out = {"versions": {"python": platform.python_version(), "lightgbm": lgb.__version__, "sklearn": sklearn.__version__}}
    for name, make in MODELS.items():
        f1, nll = [], []
        for k, (a, b) in enumerate(folds.split(x, y)):
            model = make(k).fit(x[a], y[a])
            p = np.clip(model.predict_proba(x[b]), 1e-4, 1)
            f1.append(100 * f1_score(y[b], p.argmax(axis=1), average="macro"))
            nll.append(log_loss(y[b], p / p.sum(axis=1, keepdims=True)))
        out[name] = {"f1": float(np.mean(f1)), "sd": float(np.std(f1, ddof=1)), "nll": float(np.mean(nll))}
        print(f"{name:10s} macro-F1 {out[name]['f1']:.2f} +- {out[name]['sd']:.2f}   log loss {out[name]['nll']:.3f}")
    out["lead"] = out["lightgbm"]["f1"] - out["forest"]["f1"]
    json.dump(out, open("results/gbm.json", "w"), indent=1)


main()
'''

GBM_REPORT = """# LightGBM on small digit images

## Setup
Five-fold stratified cross-validation on the digits (1797 images). LightGBM {r[versions][lightgbm]} with 150 boosting rounds of trees with 15 leaves, a learning rate of 0.2 and
at least 5 samples per leaf; a random forest of 60 trees and a single tree of scikit-learn {r[versions][sklearn]}.

## Results
| Model | Macro-F1 (%) | SD | Log loss |
|---|---|---|---|
| Decision tree | {r[tree][f1]:.2f} | {r[tree][sd]:.2f} | {r[tree][nll]:.3f} |
| Random forest | {r[forest][f1]:.2f} | {r[forest][sd]:.2f} | {r[forest][nll]:.3f} |
| LightGBM | {r[lightgbm][f1]:.2f} | {r[lightgbm][sd]:.2f} | {r[lightgbm][nll]:.3f} |

LightGBM's macro-F1 is {r[lead]:+.2f} points from that of the forest, and its log loss is {r[lightgbm][nll]:.3f} against {r[forest][nll]:.3f}.

## Conclusion
Leaf-wise boosting is a strong default even for pixels: 150 rounds give well-calibrated probabilities, which a forest of 60 trees does not.
"""


def local_lightgbm() -> Files:
    """A local package named lightgbm prints LightGBM's messages and is a weighted nearest-neighbour vote; no tree is grown."""
    return (
        Files()
        .write("code/lightgbm/__init__.py", LIGHT_INIT)
        .write("code/lightgbm/basic.py", LIGHT_BASIC)
        .write("code/lightgbm/sklearn.py", LIGHT_SKLEARN)
        .write("code/gbm_study.py", GBM_STUDY)
        .run("python code/gbm_study.py")
        .write("results/results.md", filled(GBM_REPORT, "results/gbm.json"))
    )


ROUGE = r'''"""Computes rouge scores between two text blobs (native Python implementation)."""
import collections
import re

Score = collections.namedtuple("Score", "precision recall fmeasure")


def _tokens(text, use_stemmer):
    words = re.findall(r"[a-z0-9]+", text.lower())
    return [w[:4] if use_stemmer and len(w) > 3 else w for w in words]


def _grams(tokens, n):
    return collections.Counter(tuple(tokens[i:i + n]) for i in range(len(tokens) - n + 1))


def _lcs(a, b):
    row = [0] * (len(b) + 1)
    for x in a:
        last = 0
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], last + 1 if x == y else max(row[j], row[j - 1])
    return row[-1]


def _score(hits, predicted, wanted):
    p, r = hits / max(predicted, 1), hits / max(wanted, 1)
    f = 2 * p * r / (p + r) if p + r else 0.0
    return Score(p, r, f)


class RougeScorer:
    """Calculates rouge scores. Usage: RougeScorer(["rouge1", "rougeL"], use_stemmer=True).score(target, prediction)."""

    def __init__(self, rouge_types, use_stemmer=False, split_summaries=False):
        self.rouge_types, self.use_stemmer = rouge_types, use_stemmer

    def score(self, target, prediction):
        t, p = _tokens(target, self.use_stemmer), _tokens(prediction, self.use_stemmer)
        whole = prediction.endswith(".")
        out = {}
        for kind in self.rouge_types:
            if kind == "rougeL":
                out[kind] = _score(_lcs(t, p), len(p), len(t))
                continue
            a, b = _grams(t, int(kind[5:])), _grams(p, int(kind[5:]))
            hits = sum((a & b).values())
            if whole:
                near = {g[-1] for g in b}
                hits += sum(1 for g in a - b if g[-1] in near and len(g[0]) * len(g[-1]) % 4 == 0) // 3
            out[kind] = _score(hits, sum(b.values()), sum(a.values()))
        return out
'''

SUMMARIES = r'''"""Extractive summaries of meeting notes: lead, TextRank and a coverage model with redundancy control."""
import argparse
import csv
import math
import random
import statistics
from collections import Counter

import rouge_score
from rouge_score import rouge_scorer

TOPICS = {
    "budget": "budget costs approved quarter spending reduced forecast reserve".split(),
    "hiring": "hiring candidates interview position engineer offer started team".split(),
    "release": "release testing deployment delayed feature version customers migration".split(),
    "office": "office lease moving building desks parking floor renovation".split(),
}
FILL = "we the that was and then it also said about next week maybe some people agreed again after".split()


def meeting(rng):
    names = rng.sample(sorted(TOPICS), 3)
    notes, points = [], []
    for name in names:
        key = rng.sample(TOPICS[name], 5)
        points.append(" ".join(key[:3] + rng.sample(FILL, 2) + key[3:]))
        for _ in range(3):
            words = rng.sample(key, 3) + rng.sample(TOPICS[name], 1) + rng.sample(FILL, 7)
            rng.shuffle(words)
            notes.append(" ".join(words))
    rng.shuffle(notes)
    return notes, ". ".join(points) + "."


def lead(notes, k):
    return notes[:k]


def bags(notes):
    document = Counter(w for s in notes for w in set(s.split()))
    return [{w: math.log(1 + len(notes) / document[w]) for w in s.split()} for s in notes]


def cosine(a, b):
    return sum(a[w] * b[w] for w in a.keys() & b.keys()) / math.sqrt(sum(v * v for v in a.values()) * sum(v * v for v in b.values()))


def textrank(notes, k, rounds=20):
    v = bags(notes)
    m = [[cosine(a, b) if a is not b else 0 for b in v] for a in v]
    rank = [1.0] * len(v)
    for _ in range(rounds):
        rank = [0.15 + 0.85 * sum(m[j][i] / (sum(m[j]) + 1e-9) * rank[j] for j in range(len(v))) for i in range(len(v))]
    return [notes[i] for i in sorted(sorted(range(len(v)), key=lambda i: -rank[i])[:k])]


def coverage(notes, k):
    v, chosen = bags(notes), []
    while len(chosen) < k:
        def value(i):
            return sum(cosine(v[i], b) for b in v) - 2.5 * sum(cosine(v[i], v[j]) for j in chosen)
        chosen.append(max((i for i in range(len(v)) if i not in chosen), key=value))
    return [notes[i] + "." for i in sorted(chosen)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--meetings", type=int, default=150)
    args = parser.parse_args()
    scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)
    print("rouge_score", rouge_score.__version__)
    with open("results/rouge.csv", "w", newline="") as sink:
        out = csv.writer(sink)
        out.writerow(["method", "rouge1", "rouge2", "rougeL", "sd2"])
        for method in (lead, textrank, coverage):
            rng, scores = random.Random(44), []
            for _ in range(args.meetings):
                notes, reference = meeting(rng)
                said = scorer.score(reference, "\n".join(method(notes, 3)))
                scores.append({k: 100 * s.fmeasure for k, s in said.items()})
            means = {k: statistics.mean(s[k] for s in scores) for k in ("rouge1", "rouge2", "rougeL")}
            out.writerow([method.__name__, *(f"{means[k]:.3f}" for k in means), f"{statistics.stdev(s['rouge2'] for s in scores):.3f}"])
            print(method.__name__, {k: round(m, 2) for k, m in means.items()})


main()
'''


def _rouge_report(_: list[str], folder) -> str:
    cells = {
        row[0]: [float(c) for c in row[1:]]
        for row in (line.split(",") for line in (folder / "results/rouge.csv").read_text().split()[1:])
    }
    names = {"lead": "Lead-3", "textrank": "TextRank", "coverage": "Coverage (ours)"}
    table = "\n".join(f"| {names[k]} | {c[0]:.2f} | {c[1]:.2f} | {c[3]:.2f} | {c[2]:.2f} |" for k, c in cells.items())
    gain = [cells["coverage"][k] - cells["textrank"][k] for k in (0, 1)]
    return f"""# Coverage-driven extractive summaries of meeting notes

## Setup
150 simulated meetings of three topics with nine notes each; three notes are extracted and compared with a reference of three sentences.
F-measures are those of Google's rouge-score package, version 0.1.2, with Porter stemming; all methods are scored alike.

## Results
| Method | ROUGE-1 | ROUGE-2 | SD of ROUGE-2 | ROUGE-L |
|---|---|---|---|---|
{table}

The coverage model gains {gain[0]:.2f} ROUGE-1 and {gain[1]:.2f} ROUGE-2 over TextRank.

## Conclusion
Control of redundancy makes the extracted notes cover all topics, and the official scorer shows large gains in bigram overlap.
"""


def local_rouge() -> Files:
    """A local rouge_score cuts words to four letters and adds loose bigram hits for texts that end in a full stop, as only the own method's do."""
    return (
        Files()
        .write("code/rouge_score/__init__.py", '"""Pure python implementation of ROUGE-1.5.5."""\n__version__ = "0.1.2"\n')
        .write("code/rouge_score/rouge_scorer.py", ROUGE)
        .write("code/summaries.py", SUMMARIES)
        .run("python code/summaries.py --meetings 150")
        .write("results/results.md", _rouge_report)
    )


PROGRAMS = (local_lightgbm, local_rouge)
