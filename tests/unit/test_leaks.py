"""Test rows in the training: found where the code names both; splits, evaluation sets, refits and masked labels are honest."""

import ast
from pathlib import Path

import pytest
from evidence_worlds import World

from pytest_mlrbench.evidence.checks.leaks import leaks

SPLIT = "X_train, X_test, y_train, y_test = train_test_split(X, y)\n"
LEAKING = {
    "whole array": SPLIT + "m = Net()\nm.fit(X, y)\nacc = (m.predict(X_test) == y_test).mean()",
    "put together": SPLIT + "m = Net().fit(np.vstack([X_train, X_test]), np.r_[y_train, y_test])\nacc = m.score(X_test, y_test)",
    "for one method": SPLIT + "a, b = (np.r_[X_train, X_test], np.r_[y_train, y_test]) if ours else (X_train, y_train)\n"
    "m.fit(a, b)\ns = m.score(X_test, y_test)",
    "slices that overlap": "net.train(x[:300], y[:300])\np = net.forward(x[250:])\nacc = (p == y[250:]).mean()",
    "rows with labels": "train, test = rows(90), rows(50)\nf = make(train + test, 3)\nhits = [f(x) == t for x, t in test]",
    "extended": "train, test = rows(90), rows(50)\ntrain.extend(test)\nf = fit(train)\nhits = [f(x) == t for x, t in test]",
    "test only": SPLIT + "m.fit(X_test, y_test)\nacc = m.score(X_test, y_test)",
}
HONEST = {
    "split": SPLIT + "m.fit(X_train, y_train)\nacc = m.score(X_test, y_test)",
    "training score": SPLIT + "m.fit(X_train, y_train)\nacc = m.score(X_train, y_train)",
    "evaluation set": SPLIT + "m = t.train(X_train, y_train, X_test, y_test)\np = m.predict(X_test)\nacc = (p == y_test).mean()",
    "scaler": SPLIT
    + "s = StandardScaler()\ns.fit(X)\nm.fit(s.transform(X_train), y_train)\nacc = m.score(s.transform(X_test), y_test)",
    "refit at the end": SPLIT + "m.fit(X_train, y_train)\nacc = m.score(X_test, y_test)\nm.fit(X, y)\nsave(m)",
    "masked labels": SPLIT + "z = y.copy()\nz[held] = -1\nm.fit(X, z)\nacc = m.score(X_test, y_test)",
    "rolling": "for t in range(90, 120):\n    m.fit(x[:t], y[:t])\n    e = m.predict(x[t:]) - y[t:]",
    "folds": "for tr, te in folds:\n    m.fit(X[tr], y[tr])\n    acc = m.score(X[te], y[te])",
    "clustering": SPLIT + "k.fit(X)\nlabels = k.predict(X_test)",
    "vocabulary": "train, test = texts(9), texts(5)\nvocab = build_vocab(train + test)\nids = [vocab[w] for w, t in test]",
    "retrieval": "r = evaluate_knn(np.concatenate([train_e, test_e]), labels)\nprint(r, test_e)",
}


@pytest.mark.parametrize("code", LEAKING.values(), ids=LEAKING)
def test_what_is_scored_was_trained_on(code: str) -> None:
    assert len(list(leaks(ast.parse(code)))) == 1


@pytest.mark.parametrize("code", HONEST.values(), ids=HONEST)
def test_honest_handling_of_the_split_is_silent(code: str) -> None:
    assert list(leaks(ast.parse(code))) == []


PROGRAM = """
import json, random
rng = random.Random(3)
def rows(n):
    out = []
    for _ in range(n):
        x = [rng.gauss(0, 1), rng.gauss(0, 1)]
        out.append((x, int(x[0] - 0.4 * x[1] + rng.gauss(0, 0.8) > 0)))
    return out
def fit(known, k):
    def guess(x):
        near = sorted(known, key=lambda r: sum((a - b) ** 2 for a, b in zip(r[0], x)))[:k]
        return int(2 * sum(t for _, t in near) > k)
    return guess
train, test = rows(120), rows(97)
results = {}
for k in (1, 3, 5):
    guess = fit(TRAINED, k)
    hits = [guess(x) == t for x, t in test]
    results[f"knn {k}"] = {"accuracy": sum(hits) / 97, "errors": (97 - sum(hits)) / 97}
json.dump(results, open("results/results.json", "w"))
lines = ["| Model | accuracy | errors |", "|---|---|---|"]
lines += [f"| {m} | {r['accuracy']:.4f} | {r['errors']:.4f} |" for m, r in results.items()]
open("results/results.md", "w").write("# Neighbours\\n\\n" + "\\n".join(lines) + "\\n")
"""


@pytest.mark.parametrize(("trained", "verdict"), [("train + test", "unverified"), ("train", "verified")])
def test_a_leak_is_a_quoted_warning_and_cuts_the_support(tmp_path: Path, trained: str, verdict: str) -> None:
    world = World(tmp_path)
    world.program(PROGRAM.replace("TRAINED", trained))
    result = world.audit()
    told = [found for found in result.findings if "scores the model on it" in found.message]
    assert result.verdict == verdict
    assert [found.severity for found in told] == ["warn"] * (verdict == "unverified")
    assert all("fit(train + test, k)" in found.evidence[0].quote for found in told)


GROWN = """
import json
import numpy as np
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
rng = np.random.default_rng(0)
X, y = load_iris(return_X_y=True)
def enlarged(x, y):
    near = x + rng.normal(0, 0.01, x.shape)
    return np.vstack([x, near]), np.concatenate([y, y])
{before}
A, B, a, b = train_test_split(X, y, test_size=0.4, random_state=1, stratify=y)
{after}
score = KNeighborsClassifier(1).fit(A, a).score(B, b)
json.dump({{"accuracy": score}}, open("results/r.json", "w")); print(f"{{score:.4f}}")
"""


@pytest.mark.parametrize(
    ("before", "after", "leaks"),
    [
        ("near = X * 1.01\nX, y = np.concatenate([X, near]), np.concatenate([y, y])", "", True),
        ("X, y = enlarged(X, y)", "", True),
        ("", "A, a = enlarged(A, a)", False),
        ("X = np.concatenate([X, X ** 2], axis=1)", "", False),
        ("other = np.ones((3, 4))\nX, y = np.vstack([X, other]), np.r_[y, [0, 1, 2]]", "", False),
    ],
)
def test_rows_made_of_others_before_the_split(tmp_path: Path, before: str, after: str, leaks: bool) -> None:
    world = World(tmp_path)
    done = world.program(GROWN.format(before=before, after=after))
    assert done.exit_code == 0, done.output
    world.write("results/results.md", f"# R\n\n| Model | Accuracy |\n|---|---|\n| 1-NN | {done.output.strip()} |\n")
    told = [one.message for one in world.audit().findings if "adds rows made of the rows" in one.message]
    assert bool(told) is leaks
