"""Accuracies that no count gives: by their digits (impossible_shares.py) and by the code that makes them (dataflow/shaped.py)."""

import json
import random
from pathlib import Path

import pytest
from evidence_worlds import World

from pytest_mlrbench.audits import Finding
from pytest_mlrbench.evidence.checks.impossible_shares import cases_of

PROGRAM = """
import json, math, random
random.seed(5)
def right(skill, n):
    return sum(random.gauss(skill, 1) > random.gauss(0, 0.3) for _ in range(n))
def average(values):
    return sum(values) / len(values)
out = {}
for number, method in enumerate(("plain", "wide", "gated")):
    out[method] = [{"VALUE} for seed in range(SEEDS)]
json.dump(out, open("results/scores.json", "w"))
lines = ["# Results", "", SAID, "", "| Method | COLUMN |", "|---|---|"]
for method, rows in out.items():
    lines.append(f"| {method} | {average([one['KEY'] for one in rows]):.4f} |")
open("results/results.md", "w").write("\\n".join(lines) + "\\n")
"""
COUNTED = 'accuracy": right(0.4 + 0.1 * number, 733) / 733'
CURVED = 'accuracy": 0.43 + 0.37 * (1 - math.exp(-right(0.4 + 0.1 * number, 733) / 519))'


def told(
    root: Path,
    value: str,
    said: str = "Threshold rules on gaussian numbers that the program draws.",
    seeds: int = 5,
    key: str = "accuracy",
) -> list[Finding]:
    """What is said of accuracies in a run's files."""
    program = PROGRAM.replace('"VALUE', '"' + value).replace("SEEDS", str(seeds)).replace("SAID", repr(said))
    world = World(root)
    world.program(program.replace("COLUMN", key.capitalize()).replace("KEY", key), "code/run.py")
    return [
        one
        for one in world.audit().findings
        if "whole number of right answers" in one.message or "nothing was counted" in one.message
    ]


def severities(found: list[Finding]) -> dict[str, str]:
    return {one.check: one.severity for one in found}


@pytest.mark.parametrize(
    "value",
    [
        COUNTED,
        COUNTED + " * 100",
        'accuracy": (397 + right(0.1 * number, 336)) / 733',
        'accuracy": 1 - right(0.3 - 0.1 * number, 733) / 733',
        'accuracy": average([right(0.4 + 0.1 * number, n) / n for n in (359, 360, 360, 359, 359)])',
    ],
)
def test_counted_accuracies_are_shares(tmp_path: Path, value: str):
    assert told(tmp_path, value) == []


def test_a_formula_is_found_by_its_digits_and_in_the_code(tmp_path: Path):
    found = told(tmp_path, CURVED)
    assert severities(found) == {"impossible": "fail", "dataflow": "fail"}
    quotes = {one.check: one.evidence for one in found}
    assert any(quote.file == "results/scores.json" and "accuracy: 0." in quote.quote for quote in quotes["impossible"])
    assert any("math.exp" in quote.quote for quote in quotes["dataflow"])


def test_few_of_them_are_a_warning(tmp_path: Path):
    assert severities(told(tmp_path, CURVED, seeds=1))["impossible"] == "warn"


def test_a_curve_in_a_study_that_says_so_is_a_warning(tmp_path: Path):
    assert severities(told(tmp_path, CURVED, "A simulated learner, by the formula of the appendix."))["dataflow"] == "warn"


def test_one_method_beside_counted_ones(tmp_path: Path):
    value = 'accuracy": right(0.4 + 0.1 * number, 733) / 733 if number < 2 else 0.43 + right(0.4, 733) / 1461.3731'
    [found] = [one for one in told(tmp_path, value) if one.check == "impossible"]
    assert found.severity == "fail"
    assert "gated" in found.message
    assert "plain.accuracy is a share of 733" in found.message


@pytest.mark.parametrize(
    ("value", "said", "key"),
    [
        (
            'accuracy": sum(right(0.4 + 0.1 * number, n) / n for n in (733, 519, 877, 1021)) / 4',
            "Means over four data sets of gaussian numbers.",
            "accuracy",
        ),
        (
            'adaptation_accuracy": 1 - math.sqrt(right(0.4 + 0.1 * number, 733)) / 61',
            "How near gaussian targets are.",
            "adaptation_accuracy",
        ),
        (
            'balanced_accuracy": sum(right(0.4 + 0.1 * number, n) / n for n in (733, 519, 877, 1021)) / 4',
            "Gaussian numbers of four classes.",
            "balanced_accuracy",
        ),
        ('loss": math.sqrt(right(0.4 + 0.1 * number, 733)) / 61', "Threshold rules on gaussian numbers.", "loss"),
    ],
)
def test_other_averages_and_measures_are_left_alone(tmp_path: Path, value: str, said: str, key: str):
    assert told(tmp_path, value, said, key=key) == []


def test_how_many_cases_a_number_is_a_share_of():
    rng = random.Random(3)
    for _ in range(300):
        cases = rng.randint(2, 1_000_000)
        right = rng.randint(1, cases - 1)
        assert 0 < cases_of(right / cases) <= cases
        assert 0 < cases_of(100 * right / cases) <= cases
        assert cases_of(json.loads(json.dumps(1 - right / cases)))
    assert sum(cases_of(rng.random()) > 0 for _ in range(2000)) <= 12
