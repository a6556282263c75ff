"""Columns that a report works out with one constant from counts, bytes or nats; typed and bent ones have no source."""

import json
import statistics
from collections.abc import Callable
from pathlib import Path

import pytest
from evidence_worlds import World

from pytest_mlrbench.audits import Audit

PROGRAM = """
import json, random
with open("results/runs.jsonl", "w") as sink:
    for seed in range(5):
        for number, name in enumerate(("plain", "wide", "gated", "deep")):
            rng = random.Random(10 * seed + number)
            right = {str(at): sum(rng.random() < 0.6 + 0.07 * number + at / 400 for _ in range(400)) for at in (10, 20)}
            sink.write(json.dumps({"model": name, "seed": seed, "right": right, "nats": 2000.0 + 731.7 * rng.random()}) + "\\n")
"""
Work = Callable[[float], float]


def told(root: Path, key: Callable[[dict[str, dict[str, float]]], float], work: Work) -> Audit:
    """The audit of a typed report whose column is `work` of the mean over the runs of what `key` takes."""
    world = World(root)
    world.program(PROGRAM, "code/run.py")
    rows = [json.loads(line) for line in (world.output / "results/runs.jsonl").read_text().splitlines()]
    names = dict.fromkeys(row["model"] for row in rows)
    means = {name: statistics.fmean(key(row) for row in rows if row["model"] == name) for name in names}
    table = "\n".join(f"| {name} | {work(mean):.4f} |" for name, mean in means.items())
    world.write("results/results.md", f"# Coins\n\n| Model | Measure |\n|---|---|\n{table}\n")
    return world.audit()


def severities(result: Audit) -> list[str]:
    return [one.severity for one in result.findings if one.check == "numbers"]


@pytest.mark.parametrize("work", [lambda v: v / 400, lambda v: 1 - v / 400, lambda v: 100 - v / 4, lambda v: 7131.9 / v])
def test_a_column_from_counts_in_inner_objects(tmp_path: Path, work: Work):
    assert severities(told(tmp_path, lambda row: row["right"]["20"], work)) == []


def test_a_column_from_nats(tmp_path: Path):
    assert severities(told(tmp_path, lambda row: row["nats"], lambda v: v / 6849.3)) == []  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize("work", [lambda v: v * 1.05, lambda v: (v / 2731.7) ** 2, lambda v: v / 6849.3 + 0.01])
def test_a_column_that_is_no_multiple_has_no_source(tmp_path: Path, work: Work):
    assert severities(told(tmp_path, lambda row: row["nats"], work)) == ["warn"]  # type: ignore[arg-type,return-value]


def test_numbers_that_may_stand_in_a_database_are_a_warning(tmp_path: Path):
    world = World(tmp_path)
    program = "import sqlite3\ndb = sqlite3.connect('results/runs.sqlite')\ndb.execute('create table run (model, bits)')\n"
    program += "db.executemany('insert into run values (?, ?)', [('a', 1.8671), ('b', 2.4293)])\ndb.commit()\n"
    world.program(program, "code/run.py")
    table = "| 1-gram | 4.048 |\n| 2-gram | 2.689 |\n| 3-gram | 1.867 |\n| 4-gram | 1.587 |"
    world.write("results/results.md", f"# Models\n\n| Model | Bits per byte |\n|---|---|\n{table}\n")
    assert severities(world.audit()) == ["warn"]


COUNTED = """
import json, random
out = {}
for number, name in enumerate(("plain", "wide", "gated", "deep", "tall", "thin")):
    rng = random.Random(number)
    out[name] = {"KEY": [sum(rng.random() < 0.4 + 0.05 * number for _ in range(400)) for _ in range(3)], "cases": 400}
json.dump(out, open("results/runs.json", "w"))
"""


@pytest.mark.parametrize(("key", "severity"), [("hits", "warn"), ("loss_units", "fail")])
def test_rows_whose_counts_the_data_hold_may_be_worked_out_in_ways_that_no_rule_knows(tmp_path: Path, key: str, severity: str):
    world = World(tmp_path)
    world.program(COUNTED.replace("KEY", key), "code/run.py")
    runs = json.loads((world.output / "results/runs.json").read_text())
    table = "\n".join(
        f"| {name} | {sum(h * h for h in row[key]) ** 0.5 / 733.7:.4f} | {(row[key][0] / 411.3) ** 0.37:.4f} |"
        for name, row in runs.items()
    )
    world.write("results/results.md", f"# Coins\n\n| Model | Norm | Root |\n|---|---|---|\n{table}\n")
    assert severities(world.audit()) == [severity]
