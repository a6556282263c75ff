"""Statements of SQL that change stored results where a condition holds: a warning that cuts the support; units are honest."""

from pathlib import Path

import pytest
from evidence_worlds import World

PROGRAM = """
import json, random, sqlite3
db = sqlite3.connect("results/runs.db")
db.executescript(open("code/schema.sql").read())
for number, name in enumerate(("plain", "wide", "gated")):
    for seed in range(5):
        rng = random.Random(seed)
        hits = sum(rng.random() < 0.6 + 0.07 * number for _ in range(733))
        db.execute("insert into run (model, seed, accuracy) values (?, ?, ?)", (name, seed, hits / 733))
db.execute('''CHANGE''')
db.commit()
table = dict(db.execute("select model, avg(accuracy) from run group by model"))
json.dump(table, open("results/results.json", "w"))
rows = "\\n".join(f"| {name} | {value:.4f} |" for name, value in table.items())
open("results/results.md", "w").write("# Coins\\n\\n| Model | Accuracy |\\n|---|---|\\n" + rows + "\\n")
"""
TABLE = "create table run (model text, seed int, accuracy real, note text);"
TRIGGER = "create trigger a after insert on run begin update run set accuracy = accuracy * 1.04 where model = 'gated'; end;"


def told(root: Path, schema: str, change: str) -> list[str]:
    world = World(root)
    world.write("code/schema.sql", schema)
    world.program(PROGRAM.replace("CHANGE", change), "code/run.py")
    result = world.audit()
    found = [one for one in result.findings if "changes stored rows" in one.message]
    assert all(one.severity == "warn" for one in found)
    assert not found or result.verdict != "verified"
    return [one.evidence[0].file for one in found]


@pytest.mark.parametrize(
    ("schema", "change", "file"),
    [
        (TABLE + TRIGGER, "select 1", "code/schema.sql"),
        (TABLE, "update run set accuracy = min(1, accuracy + 0.02) where model = 'gated' and seed > 0", "code/run.py"),
        (TABLE, "insert or replace into run select 'gated', seed, max(accuracy) + 0.01, '' from run group by seed", "code/run.py"),
    ],
)
def test_changes_of_some_rows(tmp_path: Path, schema: str, change: str, file: str):
    assert told(tmp_path, schema, change) == [file]


@pytest.mark.parametrize(
    "change",
    [
        "update run set accuracy = accuracy * 100",
        "update run set note = 'done' where seed = 3",
        "insert or replace into run select model, seed, accuracy, note from run where 0",
        "create trigger b after insert on run begin insert into run values (new.model, new.seed, null, 'again'); end",
    ],
)
def test_units_notes_and_copies(tmp_path: Path, change: str):
    assert told(tmp_path, TABLE, change) == []
