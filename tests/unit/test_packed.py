"""Results typed as base64: a `fail` when the report states them, silent for data that a program measures something on."""

import base64
import gzip
import io
import json
import pickle
import random
import sqlite3
from pathlib import Path

import pytest
from evidence_worlds import World, fails

from pytest_mlrbench.evidence.checks.packed import _series

RUNS = {
    m: {
        k: [round(v + random.Random(f"{m}{k}{s}").gauss(0, 0.01), 6) for s in range(3)]
        for k, v in (("accuracy", a), ("f1", a - 0.04))
    }
    for m, a in (("gru", 0.71), ("tcn", 0.77), ("ours", 0.84))
}
REPORT = """
lines = ["| Model | accuracy | f1 |", "|---|---|---|"]
lines += [f"| {m} | {sum(r['accuracy']) / 3:.4f} | {sum(r['f1']) / 3:.4f} |" for m, r in runs.items()]
open("results/results.md", "w").write("# R\\n\\n" + "\\n".join(lines) + "\\n")
"""


def packed(kind: str, root: Path) -> bytes:
    if kind == "json":
        return gzip.compress(json.dumps(RUNS).encode(), mtime=0)
    if kind == "pickle":
        return pickle.dumps(RUNS)
    if kind == "npz":
        import numpy as np

        buffer = io.BytesIO()
        np.savez(buffer, **{f"{m} {k}": np.array(v) for m, r in RUNS.items() for k, v in r.items()})
        return buffer.getvalue()
    database = sqlite3.connect(root / "x.db")
    database.execute("create table runs (model text, metric text, seed integer, value real)")
    for m, r in RUNS.items():
        for k, values in r.items():
            database.executemany("insert into runs values (?, ?, ?, ?)", [(m, k, s, v) for s, v in enumerate(values)])
    database.commit()
    database.close()
    return (root / "x.db").read_bytes()


@pytest.mark.parametrize("kind", ["json", "pickle", "npz", "sqlite"])
def test_results_typed_as_base64_are_a_quoted_fail(tmp_path: Path, kind: str) -> None:
    raw = packed(kind, tmp_path)
    assert any(abs(series[0] - RUNS["gru"]["accuracy"][0]) < 1e-9 for series in _series(raw) if series)
    world = World(tmp_path / "w")
    world.write("data/blob.b64", base64.b64encode(raw).decode())
    # How the program reads it does not matter: the numbers stand in what was typed.
    world.write("code/unpack.py", f"runs = {RUNS!r}\n{REPORT}")
    world.run("python code/unpack.py")
    found = [one for one in fails(world.audit(), "provenance") if "encoded form" in one.message]
    assert len(found) == 1
    assert "6 of 6" in found[0].message
    assert any("| gru |" in quote.quote for quote in found[0].evidence)


def test_typed_data_on_which_something_is_measured_are_no_results(tmp_path: Path) -> None:
    rng = random.Random(5)
    rows = [[round(rng.gauss(0, 1), 4), round(rng.gauss(0, 1), 4)] for _ in range(80)]
    world = World(tmp_path)
    world.write("data/points.b64", base64.b64encode(json.dumps(rows).encode()).decode())
    world.program(
        """
import base64, json
rows = json.loads(base64.b64decode(open("data/points.b64").read()))
runs = {}
for name, power in (("gru", 1), ("tcn", 2), ("ours", 3)):
    values = [abs(a - 0.3 * b) ** power for a, b in rows]
    runs[name] = {"accuracy": values[:3], "f1": values[40:43]}
"""
        + REPORT
    )
    assert [one for one in fails(world.audit()) if "encoded form" in one.message] == []


@pytest.mark.parametrize(
    "raw", [b"SQLite format 3\0" + b"\xff" * 200, b"PK\x03\x04broken", b"\x80\x04broken", b"\x78\x9cbroken", b"\xff\xfe"]
)
def test_broken_content_is_no_number_and_no_crash(raw: bytes) -> None:
    assert _series(raw) == []
