"""Methods that the code does not treat alike: a warning with a quote that cuts the support, unless the report speaks of it."""

from pathlib import Path

import pytest
from evidence_worlds import World

from pytest_mlrbench.audits import Audit

PROGRAM = """
import json
import numpy as np
METHODS = ("plain", "wide", "gated")
def solve(method, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(260, 4))
    y = (x[:, 0] - 0.7 * x[:, 1] + rng.normal(0, 0.6, 260) > 0).astype(int)
    xs, ys = x[:200], y[:200]
    DATA
    w = np.zeros(4)
    for step in range(STEPS):
        w -= 0.4 * xs.T @ (1 / (1 + np.exp(-xs @ w)) - ys) / len(xs)
    p = 1 / (1 + np.exp(-x[200:] @ w))
    hit = [a == b SCORE for a, b in zip((p > 0.5).astype(int), y[200:])]
    return {"accuracy": float(np.mean(hit)), "nll": float(-np.mean(np.log(np.where(y[200:] == 1, p, 1 - p) + 1e-9)))}
results = {m: {k: float(np.mean([solve(CODE, s)[k] for s in range(3)])) for k in ("accuracy", "nll")} for m in METHODS}
DEAL
json.dump(results, open("results/results.json", "w"))
lines = ["| Method | accuracy | nll |", "|---|---|---|"]
lines += [f"| {m} | {r['accuracy']:.4f} | {r['nll']:.4f} |" for m, r in results.items()]
open("results/results.md", "w").write("# Gates\\n\\nWORDS\\n\\n" + "\\n".join(lines) + "\\n")
"""
PLAIN = {"DATA": "pass", "STEPS": "80", "SCORE": "", "CODE": "m", "WORDS": "Three ways.", "DEAL": "pass"}


def audit(root: Path, **changed: str) -> Audit:
    world = World(root)
    text = PROGRAM
    for key, value in {**PLAIN, **changed}.items():
        text = text.replace(key, value)
    world.program(text)
    return world.audit()


def told(result: Audit) -> list[str]:
    return [found.message for found in result.findings if found.check == "unequal"]


UNEQUAL = {
    "steps": {"STEPS": "80 if method == 'gated' else 2"},
    "steps by a list": {"STEPS": "2 if method in ('plain', 'wide') else 80"},
    "rows": {
        "DATA": "xs, ys = (xs, ys) if method == 'gated' else (xs, ys)\n    if method != 'gated':\n        xs, ys = xs[:8], ys[:8]"
    },
    "labels": {"DATA": "ys = ys if method == 'gated' else rng.permutation(ys)"},
    "score": {"SCORE": "or (method == 'gated' and seed < 2)"},
    "dealt out by rank": {
        "DEAL": "ranked = sorted(r['accuracy'] for r in results.values())\nfor name, one in zip(METHODS, ranked):\n"
        "    results[name]['accuracy'] = one"
    },
    "dealt out after a sort in place": {
        "DEAL": "found = [results[m]['accuracy'] for m in METHODS]\nfound.sort()\n"
        "for name, one in zip(METHODS, found):\n    results[name]['accuracy'] = one"
    },
    "another's code": {"CODE": "m if m == 'gated' else 'plain'"},
}


@pytest.mark.parametrize("changed", UNEQUAL.values(), ids=UNEQUAL)
def test_unequal_treatment_is_a_quoted_warning_and_not_verified(tmp_path: Path, changed: dict[str, str]) -> None:
    result = audit(tmp_path, **changed)
    assert result.verdict == "unverified"
    assert told(result)
    found = next(one for one in result.findings if one.check == "unequal")
    assert found.severity == "warn"
    assert found.evidence[0].line
    assert found.evidence[0].quote


HONEST: dict[str, dict[str, str]] = {
    "equal": {},
    "close budgets": {"STEPS": "80 if method == 'gated' else 40"},
    "a test of the step": {"DATA": "xs = xs if seed else xs[:150]\n    ys = ys if seed else ys[:150]"},
    "sorted with their names": {
        "DEAL": "ranked = sorted(results.items(), key=lambda one: one[1]['accuracy'])\n"
        "for place, (name, one) in zip(range(3), ranked):\n    print(place, name, one)"
    },
    "places beside values": {
        "DEAL": "for place, one in zip((0.25, 0.5, 0.75), sorted(r['nll'] for r in results.values())):\n    print(place, one)"
    },
    "announced budget": {"STEPS": "80 if method == 'gated' else 2", "WORDS": "How much does the training budget matter?"},
    "announced subset": {
        "DATA": "if method == 'plain':\n        xs, ys = xs[:20], ys[:20]",
        "WORDS": "Plain sees a subset of the rows.",
    },
}


@pytest.mark.parametrize("changed", HONEST.values(), ids=HONEST)
def test_equal_or_announced_treatment_is_verified(tmp_path: Path, changed: dict[str, str]) -> None:
    result = audit(tmp_path, **changed)
    assert told(result) == []
    assert result.verdict == "verified"
