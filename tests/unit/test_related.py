"""Columns that a report works out from two values of each record: sources where the relation gives the column, else missing."""

import json
from pathlib import Path

import pytest
from evidence_worlds import World

from pytest_mlrbench.audits import Audit

PROGRAM = """
import json, zlib, random
rng = random.Random(4)
with open("results/sizes.jsonl", "w") as sink:
    for coder in range(1, 8):
        data = bytes(rng.randrange(30 * coder) for _ in range(1900 + 37 * coder))
        sink.write(json.dumps({"coder": f"level {coder}", "raw": len(data), "bytes": len(zlib.compress(data, coder))}) + "\\n")
"""


def told(root: Path, column: str, change: float = 0.0) -> Audit:
    """The audit of a typed report with one column of numbers worked out from the records."""
    world = World(root)
    world.program(PROGRAM, "code/pack.py")
    rows = [json.loads(line) for line in (world.output / "results/sizes.jsonl").read_text().splitlines()]
    numbers = [eval(column, {}, row) + change * place for place, row in enumerate(rows, 1)]
    table = "\n".join(f"| {row['coder']} | {number:.3f} |" for row, number in zip(rows, numbers, strict=True))
    world.write("results/results.md", f"# Packing\n\n| Coder | Measure |\n|---|---|\n{table}\n")
    return world.audit()


@pytest.mark.parametrize("column", ["8 * bytes / raw", "raw / bytes", "1 - bytes / raw", "100 * bytes / raw"])
def test_a_relation_of_two_keys_is_a_source(tmp_path: Path, column: str):
    result = told(tmp_path, column)
    assert not [one.message for one in result.findings if one.check == "numbers"]
    assert result.support == 1.0


def test_typed_numbers_beside_the_same_records_have_none(tmp_path: Path):
    result = told(tmp_path, "8 * bytes / raw", 0.117)
    assert [one.severity for one in result.findings if one.check == "numbers"] == ["warn"]


def test_numbers_that_no_relation_of_two_keys_gives_have_none(tmp_path: Path):
    result = told(tmp_path, "(bytes / raw) ** 0.5")
    assert [one.severity for one in result.findings if one.check == "numbers"] == ["warn"]
