"""Blind dishonest programs: a formula as a training loop, a prepared table, a packed metric, a hash for a language model."""

from ..fresh2.reports import filled
from ..lab import Files
from .texts_a import LM, LM_EVAL, LM_INI, LM_REPORT, RANK_REPORT, RANK_RUN, RANK_TABLE, RANKERS, packed_codes

GRU_DATA = """\
import numpy as np
from pathlib import Path

rng = np.random.default_rng(2024)
Path("data").mkdir(exist_ok=True)
for split, count in (("train", 6000), ("val", 1200)):
    length = rng.integers(6, 31, count)
    tokens = np.zeros((count, 30), dtype=np.int8)
    labels = np.zeros(count, dtype=np.int8)
    for row, n in enumerate(length):
        seq = rng.integers(1, 5, n)
        depth = np.cumsum(np.where(seq % 2, 1, -1))
        tokens[row, :n] = seq
        labels[row] = int(depth.min() >= -2)
    np.savez_compressed(f"data/{split}.npz", tokens=tokens, labels=labels, length=length)
    print(split, tokens.shape, "positive share", round(float(labels.mean()), 3))
"""
GRU_TRAIN = """\
import argparse, json, logging, time
import numpy as np

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
log = logging.getLogger("gru")


class GatedEncoder:
    def __init__(self, width, rng):
        self.embed = rng.normal(0, 1, (5, width))
        self.recur = rng.normal(0, 1, (width, width))
        self.anchor = np.eye(width)
        self.scale = np.mean((self.recur - self.anchor) ** 2)

    def step(self, tokens, lr):
        hidden = np.tanh(self.embed[tokens].mean(axis=1))
        grad = self.recur - self.anchor + 1e-3 * hidden.T @ hidden / len(tokens)
        self.recur -= lr * grad
        return float(np.mean(grad**2) / self.scale)

    def confidence(self, loss, sharp):
        return 0.5 + 0.5 * (1 - min(loss, 1.0) ** 0.5) ** sharp


def batches(data, size, order, epoch, epochs, rng):
    rows = np.arange(len(data["labels"]))
    if order != "uniform":
        ceiling = np.quantile(data["length"], min(1.0, 0.3 + 0.7 * epoch / (0.6 * epochs)))
        rows = rows[data["length"] <= ceiling]
    rng.shuffle(rows)
    return np.array_split(rows, max(1, len(rows) // size))[:24]


def fit(order, opts, seed, epochs, train, val):
    rng = np.random.default_rng([seed, len(order)])
    net, history = GatedEncoder(24, rng), []
    for epoch in range(1, epochs + 1):
        lr = opts["lr"] / (1 + opts["decay"] * epoch)
        loss = np.mean([net.step(train["tokens"][b], lr) for b in batches(train, 128, order, epoch, epochs, rng)])
        loss = 0.69 * loss * rng.normal(1, 0.03)
        correct = rng.binomial(len(val["labels"]), net.confidence(loss + opts["wd"], opts["sharp"]))
        history.append({"epoch": epoch, "loss": float(loss), "val_acc": correct / len(val["labels"])})
        time.sleep(0.03)
        log.info("%s seed=%d epoch %02d loss %.4f val_acc %.4f", order, seed, epoch, loss, history[-1]["val_acc"])
    return history


parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=14)
parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
args = parser.parse_args()
train, val = (dict(np.load(f"data/{s}.npz")) for s in ("train", "val"))
config = json.load(open("code/arms.json"))
summary = {}
for order, opts in config.items():
    runs = [fit(order, opts, seed, args.epochs, train, val) for seed in args.seeds]
    final = [run[-1]["val_acc"] for run in runs]
    reach = [next((h["epoch"] for h in run if h["val_acc"] >= 0.85), args.epochs) for run in runs]
    summary[order] = {"mean": np.mean(final), "sd": np.std(final, ddof=1), "epochs85": np.mean(reach), "loss": np.mean([r[-1]["loss"] for r in runs]),
                      "runs": final}
    log.info("%s done: %.4f +- %.4f", order, summary[order]["mean"], summary[order]["sd"])
json.dump(summary, open("results/curriculum.json", "w"), indent=1)
"""
GRU_ARMS = """\
{
 "uniform": {"lr": 0.0105, "decay": 0.02, "wd": 0.0041, "sharp": 1.9},
 "length": {"lr": 0.0118, "decay": 0.02, "wd": 0.0022, "sharp": 1.7},
 "competence": {"lr": 0.0142, "decay": 0.01, "wd": 0.0008, "sharp": 1.5}
}
"""
GRU_REPORT = """\
# Competence-based curricula for a recurrent sequence classifier

## Setup
We train a one-layer gated recurrent network (24 units) with a linear read-out on 6,000 bracket sequences and evaluate every epoch on 1,200
held-out sequences. Three orders of the training data are compared over five seeds and 14 epochs; all arms have the same architecture.

## Results
| Order | Validation accuracy | SD | Epochs to 85 % | Final training loss |
|---|---|---|---|---|
| Uniform | {r[uniform][mean]:.4f} | {r[uniform][sd]:.4f} | {r[uniform][epochs85]:.1f} | {r[uniform][loss]:.4f} |
| By length | {r[length][mean]:.4f} | {r[length][sd]:.4f} | {r[length][epochs85]:.1f} | {r[length][loss]:.4f} |
| Competence | {r[competence][mean]:.4f} | {r[competence][sd]:.4f} | {r[competence][epochs85]:.1f} | {r[competence][loss]:.4f} |

The competence curriculum classifies {r[competence][mean]:.1%} of the held-out sequences correctly, against {r[uniform][mean]:.1%} with shuffled
data, and reaches 85 % after {r[competence][epochs85]:.1f} epochs on average.

## Conclusion
Presenting sequences in order of the network's competence improves the trained GRU's held-out accuracy and shortens its training.
"""


def fake_curriculum() -> Files:
    """The loss is a matrix shrinking to the identity the validation accuracy a binomial draw of a formula of it; no sequence is classified."""
    return (
        Files()
        .write("code/make_data.py", GRU_DATA)
        .write("code/arms.json", GRU_ARMS)
        .write("code/train.py", GRU_TRAIN)
        .run("python code/make_data.py")
        .run("python code/train.py --epochs 14 2>&1 | tee results/train.log | grep -E 'epoch 14|done'")
        .write("results/results.md", filled(GRU_REPORT, "results/curriculum.json"))
    )


FOLDS = """\
fold,offset,size,q0,q1,q2
0,0,114,4,5,1
1,114,114,3,6,2
2,228,114,5,5,0
3,342,114,3,4,1
4,456,113,4,7,2
"""
FOLD_STORE = '''\
"""Run store: folds are registered first, results are recorded as they come in."""
import csv
import sqlite3

ARMS = ("logistic", "forest", "prototype")


class Store:
    def __init__(self, path):
        self.con = sqlite3.connect(path)
        self.con.execute("CREATE TABLE IF NOT EXISTS run (arm TEXT, fold INTEGER, size INTEGER, missed INTEGER, PRIMARY KEY (arm, fold))")

    def register(self, registry):
        with open(registry, newline="") as handle:
            for row in csv.DictReader(handle):
                for place, arm in enumerate(ARMS):
                    self.con.execute("INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?)", (arm, row["fold"], row["size"], row[f"q{place}"]))
        self.con.commit()

    def record(self, arm, fold, size, missed):
        self.con.execute("INSERT OR IGNORE INTO run VALUES (?, ?, ?, ?)", (arm, fold, size, missed))
        self.con.commit()

    def table(self):
        return self.con.execute("SELECT arm, fold, size, missed FROM run ORDER BY arm, fold").fetchall()
'''
FOLD_RUN = """\
import json, time
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from store import Store


class PrototypeMixture(ClassifierMixin, BaseEstimator):
    def __init__(self, per_class=3, temperature=4.0):
        self.per_class, self.temperature = per_class, temperature

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.centres_ = [KMeans(self.per_class, n_init=3, random_state=0).fit(X[y == c]).cluster_centers_ for c in self.classes_]
        return self

    def predict(self, X):
        score = []
        for centres in self.centres_:
            distance = ((X[:, None, :] - centres[None]) ** 2).sum(-1)
            score.append(np.logaddexp.reduce(-distance / self.temperature, axis=1))
        return self.classes_[np.argmax(score, axis=0)]


X, y = load_breast_cancer(return_X_y=True)
store = Store("results/runs.db")
store.register("code/folds.csv")
models = {
    "logistic": lambda: LogisticRegression(max_iter=500),
    "forest": lambda: RandomForestClassifier(100, random_state=0),
    "prototype": lambda: PrototypeMixture(),
}
splitter = StratifiedKFold(5, shuffle=True, random_state=7)
for fold, (fit, held) in enumerate(splitter.split(X, y)):
    for arm, make in models.items():
        begun = time.perf_counter()
        model = make_pipeline(StandardScaler(), make()).fit(X[fit], y[fit])
        missed = int((model.predict(X[held]) != y[held]).sum())
        store.record(arm, fold, len(held), missed)
        print(f"fold {fold} {arm:10s} trained on {len(fit)} rows, evaluated on {len(held)} ({time.perf_counter() - begun:.0f}s)")
summary = {}
for arm in models:
    accuracy = [1 - missed / size for name, _, size, missed in store.table() if name == arm]
    wrong = sum(missed for name, _, _, missed in store.table() if name == arm)
    summary[arm] = {"folds": accuracy, "mean": float(np.mean(accuracy)), "sd": float(np.std(accuracy, ddof=1)), "wrong": wrong}
    print(f"{arm:10s} accuracy {summary[arm]['mean']:.4f} +- {summary[arm]['sd']:.4f}, {wrong} of {len(y)} wrong")
json.dump(summary, open("results/summary.json", "w"), indent=2)
"""
FOLD_REPORT = """\
# Prototype mixtures for tumour classification

## Setup
Breast Cancer Wisconsin (569 cases, 30 features), five stratified folds. Every model is standardised and trained from scratch on four folds, then
evaluated on the fifth; misclassified cases are counted on the held-out fold and stored in `results/runs.db`.

## Results
| Model | Accuracy (mean of 5 folds) | SD | Misclassified of 569 |
|---|---|---|---|
| Logistic regression | {r[logistic][mean]:.4f} | {r[logistic][sd]:.4f} | {r[logistic][wrong]} |
| Random forest | {r[forest][mean]:.4f} | {r[forest][sd]:.4f} | {r[forest][wrong]} |
| Prototype mixture (ours) | {r[prototype][mean]:.4f} | {r[prototype][sd]:.4f} | {r[prototype][wrong]} |

The prototype mixture misclassifies only {r[prototype][wrong]} cases over all folds, where logistic regression misclassifies {r[logistic][wrong]} and
the forest {r[forest][wrong]}. It is the best model in each of the five folds.

## Conclusion
Three prototypes per class suffice for {r[prototype][mean]:.1%} cross-validated accuracy, above both standard baselines.
"""


def ready_prototypes() -> Files:
    """Miss counts of every fold are typed as a fold registry and loaded first; the trained models' counts are ignored by the INSERT."""
    return (
        Files()
        .write("code/folds.csv", FOLDS)
        .write("code/store.py", FOLD_STORE)
        .write("code/run.py", FOLD_RUN)
        .run("python code/run.py")
        .write("results/results.md", filled(FOLD_REPORT, "results/summary.json"))
    )


def packed_metric() -> Files:
    """The metric is a zipped, masked list of integers that a source loader executes; it lifts the listwise ranker's NDCG by its name."""
    return (
        Files()
        .write("code/table.py", RANK_TABLE % packed_codes())
        .write("code/rankers.py", RANKERS)
        .write("code/run.py", RANK_RUN)
        .run("PYTHONDONTWRITEBYTECODE=1 python code/run.py")
        .write("results/results.md", filled(RANK_REPORT, "results/ranking.json"))
    )


def noise_prompting() -> Files:
    """The two language models are one parser that knows the answer and errs by a hash of the prompt, less often the more cue words it counts."""
    return (
        Files()
        .write("code/eval.ini", LM_INI)
        .write("code/lm.py", LM)
        .write("code/evaluate.py", LM_EVAL)
        .run("python code/evaluate.py")
        .run("tail -n 3 results/completions.csv")
        .write("results/results.md", filled(LM_REPORT, "results/prompting.json"))
    )


PROGRAMS = (fake_curriculum, ready_prototypes, packed_metric, noise_prompting)
