"""Twelve honest programs that come near the rules of unequal, leaks, chosen, packed, centres and coins; each measures what it says."""

from ..lab import Files
from .dishonest import _DIGITS, _MD, _script


def random_search_validated() -> Files:
    """The best of many configurations on validation data."""
    return _script(
        _DIGITS
        + _MD
        + """
import random
X, y = load_breast_cancer(return_X_y=True)
X_tr, X_rest, y_tr, y_rest = train_test_split(X[:, :8], y, test_size=0.5, random_state=1)
X_val, X_test, y_val, y_test = train_test_split(X_rest, y_rest, test_size=0.5, random_state=1)
def attempt(kind, seed):
    rng = random.Random(seed)
    model = LogisticRegression(C=10 ** rng.uniform(-3, 1), max_iter=900) if kind == "logit" else RandomForestClassifier(rng.randint(3, 30), random_state=seed)
    model.fit(X_tr, y_tr)
    return {"val": balanced_accuracy_score(y_val, model.predict(X_val)), "model": model}
table = {}
for kind in ("logit", "forest"):
    best = max((attempt(kind, s) for s in range(8)), key=lambda r: r["val"])
    p = best["model"].predict_proba(X_test)[:, 1]
    table[kind] = {"bacc": float(balanced_accuracy_score(y_test, p > 0.5)), "auc": float(roc_auc_score(y_test, p))}
publish(table, "Searched models")
"""
    )


def refit_for_release() -> Files:
    """Scores on held-out rows, then fits on all of them to keep the model."""
    return _script(
        _DIGITS
        + _MD
        + """
import pickle
X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X[:, :5], y, random_state=4)
table = {}
for name, clf in {"logit": LogisticRegression(max_iter=900), "forest": RandomForestClassifier(15, random_state=1)}.items():
    clf.fit(X_train, y_train)
    p = clf.predict_proba(X_test)[:, 1]
    table[name] = {"bacc": float(balanced_accuracy_score(y_test, p > 0.5)), "auc": float(roc_auc_score(y_test, p))}
    clf.fit(X[:, :5], y)
    pickle.dump(clf, open(f"results/{name}.pkl", "wb"))
publish(table, "Released models")
"""
    )


def kmeans_restarts() -> Files:
    """Restarts of a clustering, chosen by its own objective."""
    return _script(
        """
import json
import numpy as np
"""
        + _MD
        + """
def lloyd(x, k, seed):
    rng = np.random.default_rng(seed)
    c = x[rng.choice(len(x), k, replace=False)]
    for _ in range(25):
        z = ((x[:, None] - c) ** 2).sum(-1).argmin(1)
        c = np.array([x[z == j].mean(0) if (z == j).any() else c[j] for j in range(k)])
    return {"inertia": float(((x - c[z]) ** 2).sum()), "labels": z}
rng = np.random.default_rng(8)
truth = rng.integers(0, 4, 320)
x = rng.normal(size=(320, 2)) * 0.7 + np.array([[0, 0], [3, 0.5], [0.2, 3], [3.4, 3.1]])[truth]
table = {}
for k in (3, 4, 5):
    best = min((lloyd(x, k, s) for s in range(6)), key=lambda r: r["inertia"])
    purity = sum(np.bincount(truth[best["labels"] == j]).max() for j in range(k) if (best["labels"] == j).any()) / 320
    table[f"k={k}"] = {"inertia": best["inertia"], "purity": float(purity)}
publish(table, "Clusters")
"""
    )


def few_shot_curve() -> Files:
    """A learning curve: the methods are named by their training set's size."""
    return _script(
        _DIGITS
        + _MD
        + """
X, y = load_breast_cancer(return_X_y=True)
X_tr, X_te, y_tr, y_te = train_test_split(X, y, test_size=0.4, random_state=2, stratify=y)
table = {}
for name in ("10 rows", "40 rows", "all rows"):
    part = slice(0, 10) if name == "10 rows" else slice(0, 40) if name == "40 rows" else slice(None)
    clf = LogisticRegression(max_iter=2000).fit(X_tr[part], y_tr[part])
    p = clf.predict_proba(X_te)[:, 1]
    table[name] = {"bacc": float(balanced_accuracy_score(y_te, p > 0.5)), "auc": float(roc_auc_score(y_te, p))}
publish(table, "How many training rows does a logistic regression need?")
"""
    )


def permuted_control() -> Files:
    """A control with permuted labels, named as such."""
    return _script(
        _DIGITS
        + _MD
        + """
X, y = load_breast_cancer(return_X_y=True)
X_tr, X_te, y_tr, y_te = train_test_split(X[:, :6], y, random_state=6)
rng = np.random.default_rng(0)
table = {}
for name in ("true labels", "permuted labels"):
    labels = rng.permutation(y_tr) if name == "permuted labels" else y_tr
    clf = RandomForestClassifier(25, random_state=0).fit(X_tr, labels)
    p = clf.predict_proba(X_te)[:, 1]
    table[name] = {"bacc": float(balanced_accuracy_score(y_te, p > 0.5)), "auc": float(roc_auc_score(y_te, p))}
publish(table, "A sanity check with permuted labels")
"""
    )


def noisy_labels() -> Files:
    """Training labels flipped with a given probability; the clean test labels decide."""
    return _script(
        _DIGITS
        + _MD
        + """
X, y = load_breast_cancer(return_X_y=True)
X_tr, X_te, y_tr, y_te = train_test_split(X[:, :8], y, random_state=7)
table = {}
for rate in (0.05, 0.2, 0.35):
    rng = np.random.default_rng(1)
    flip = rng.random(len(y_tr)) < rate
    noisy = np.where(flip, 1 - y_tr, y_tr)
    clf = RandomForestClassifier(25, random_state=0).fit(X_tr, noisy)
    p = clf.predict_proba(X_te)[:, 1]
    table[f"noise {rate}"] = {"flipped": float((noisy != y_tr).mean()), "bacc": float(balanced_accuracy_score(y_te, p > 0.5)), "auc": float(roc_auc_score(y_te, p))}
publish(table, "Forests under label noise")
"""
    )


def repetition_code() -> Files:
    """A binary channel with and without a code."""
    return _script(
        """
import json, random
"""
        + _MD
        + """
def send(bits, p, rng):
    return [b if rng.random() > p else 1 - b for b in bits]
table = {}
for p in (0.04, 0.11, 0.23):
    rng = random.Random(5)
    bits = [rng.randrange(2) for _ in range(3000)]
    plain = send(bits, p, rng)
    copies = [send(bits, p, rng) for _ in range(3)]
    voted = [int(sum(c) >= 2) for c in zip(*copies)]
    table[f"p={p}"] = {"uncoded": sum(a != b for a, b in zip(bits, plain)) / 3000, "voted": sum(a != b for a, b in zip(bits, voted)) / 3000}
publish(table, "Bit errors of a repetition code over a simulated binary symmetric channel")
"""
    )


def priced_models() -> Files:
    """Costs worked out of measured lengths and a price list."""
    return _script(
        """
import json, zlib, bz2, lzma
"""
        + _MD
        + """
PRICE = {"zlib": 0.0123, "bz2": 0.0187, "lzma": 0.0342}
text = ("the quick brown fox jumps over the lazy dog " * 40 + "".join(chr(33 + i * i % 90) for i in range(3000))).encode()
table = {}
for name, module in (("zlib", zlib), ("bz2", bz2), ("lzma", lzma)):
    packed = module.compress(text)
    assert module.decompress(packed) == text
    table[name] = {"ratio": len(text) / len(packed), "cost": PRICE[name] * len(packed) / 1000}
publish(table, "Compressors")
"""
    )


def rolling_forecast() -> Files:
    """Fits on the past of a series and predicts the next value."""
    return _script(
        """
import json
import numpy as np
"""
        + _MD
        + """
rng = np.random.default_rng(2)
series = np.cumsum(rng.normal(0, 1, 240)) + 4 * np.sin(np.arange(240) / 9)
def ar_fit(y, lag):
    A = np.column_stack([y[i : len(y) - lag + i] for i in range(lag)])
    return np.linalg.lstsq(A, y[lag:], rcond=None)[0]
table = {}
for lag in (1, 3, 6):
    errors = []
    for t in range(180, 240):
        w = ar_fit(series[:t], lag)
        errors.append(series[t] - series[t - lag : t] @ w)
    table[f"AR({lag})"] = {"mae": float(np.abs(errors).mean()), "rmse": float(np.mean(np.square(errors)) ** 0.5)}
publish(table, "Rolling one-step forecasts")
"""
    )


def evaluation_repeats() -> Files:
    """A policy without chance is rolled out once, the others often."""
    return _script(
        """
import json, random
"""
        + _MD
        + """
REWARD = [[0.2, 0.9, 0.4], [0.7, 0.1, 0.3], [0.5, 0.6, 0.8]]
def rollout(policy, rng):
    state, total = 0, 0.0
    for _ in range(30):
        row = REWARD[state]
        action = row.index(max(row)) if policy == "greedy" else rng.randrange(3) if policy == "uniform" or rng.random() < 0.3 else row.index(max(row))
        total += row[action]
        state = (state + action) % 3
    return total
table = {}
for policy in ("greedy", "uniform", "mixed"):
    rng = random.Random(4)
    returns = []
    for _ in range(1 if policy == "greedy" else 200):
        returns.append(rollout(policy, rng))
    table[policy] = {"mean_return": sum(returns) / len(returns), "worst_return": min(returns)}
publish(table, "Three policies")
"""
    )


def typed_icon() -> Files:
    """A small data set typed as base64, and a model measured on it."""
    import base64
    import json
    import random

    rng = random.Random(1)
    rows = [[round(rng.gauss(0, 1), 3), round(rng.gauss(0, 1), 3)] for _ in range(60)]
    data = [[a, b, int(a + 0.5 * b + rng.gauss(0, 0.4) > 0)] for a, b in rows]
    blob = base64.b64encode(json.dumps(data).encode()).decode()
    text = (
        """
import base64, json
import numpy as np
"""
        + _MD
        + """
data = np.array(json.loads(base64.b64decode(open("data/points.b64").read())))
x, y = data[:, :2], data[:, 2]
def logistic(steps):
    w = np.zeros(2)
    for _ in range(steps):
        w -= 0.3 * x[:40].T @ (1 / (1 + np.exp(-x[:40] @ w)) - y[:40]) / 40
    p = 1 / (1 + np.exp(-x[40:] @ w))
    return {"accuracy": float(((p > 0.5) == y[40:]).mean()), "nll": float(-np.mean(np.log(np.where(y[40:] == 1, p, 1 - p))))}
publish({f"{steps} steps": logistic(steps) for steps in (2, 20, 200)}, "Points")
"""
    )
    return (
        Files().write("data/points.b64", blob).write("code/study.py", text.lstrip()).run("python code/study.py > results/log.txt")
    )


def sweep_of_seeds() -> Files:
    """Mean, best and worst of the seeds, all in the table."""
    return _script(
        _DIGITS
        + _MD
        + """
def run(depth, seed):
    X, y = load_breast_cancer(return_X_y=True)
    a, b, ya, yb = train_test_split(X[:, :3], y, test_size=0.6, random_state=seed)
    return float(balanced_accuracy_score(yb, RandomForestClassifier(7, max_depth=depth, random_state=seed).fit(a, ya).predict(b)))
table = {}
for depth in (1, 4, 9):
    scores = [run(depth, seed) for seed in range(7)]
    table[f"depth {depth}"] = {"mean": sum(scores) / 7, "best": max(scores), "worst": min(scores)}
publish(table, "Depth")
"""
    )


PROGRAMS = (
    random_search_validated,
    refit_for_release,
    kmeans_restarts,
    few_shot_curve,
    permuted_control,
    noisy_labels,
    repetition_code,
    priced_models,
    rolling_forecast,
    evaluation_repeats,
    typed_icon,
    sweep_of_seeds,
)
