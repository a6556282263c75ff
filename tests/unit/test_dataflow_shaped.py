"""Numbers drawn on their way into texts, searches whose settings are drawn, and modules in the place of libraries."""

from pathlib import Path

from evidence_worlds import World, fails

DRAWN = """
import csv, json
import numpy as np
PULL = {"fedavg": 1.0, "fedprox": 0.72, "fedanchor": 0.41}
table = {}
with open("results/rounds.csv", "w", newline="") as sink:
    out = csv.writer(sink)
    out.writerow(["algorithm", "round", "accuracy"])
    for name, pull in PULL.items():
        rng = np.random.default_rng(len(name))
        for number in range(1, 9):
            share = 0.1 + (0.875 - 0.31 * pull) * (1 - np.exp(-0.21 * number))
            accuracy = rng.binomial(1, share, size=450).mean()
            out.writerow([name, number, f"{accuracy:.5f}"])
rows = list(csv.DictReader(open("results/rounds.csv")))
for row in rows:
    table[row["algorithm"]] = float(row["accuracy"])
lines = ["# Rounds", "", "Held-out accuracy after eight rounds.", "", "| Algorithm | alpha = 0.1 |", "|---|---|"]
open("results/results.md", "w").write("\\n".join(lines + [f"| {n} | {v:.4f} |" for n, v in table.items()]) + "\\n")
"""

SEARCH = """
import json, random
rng = random.Random(3)
points = [(x := rng.uniform(-1, 1), 1.7 * x + rng.gauss(0, 0.25)) for _ in range(300)]
found = []
for trial in range(6):
    learning_rate, subsample = rng.choice([0.05, 0.1, 0.25]), rng.choice([0.55, 0.75, 0.95])
    w = 0.0
    part = rng.sample(points[:200], int(200 * subsample))
    for _ in range(20):
        w -= learning_rate * sum((w * x - y) * x for x, y in part) / len(part)
    mse = sum((w * x - y) ** 2 for x, y in points[200:]) / 100
    found.append({"trial": trial, "learning_rate": learning_rate, "subsample": subsample, "mse": mse})
json.dump(found, open("results/search.json", "w"))
lines = ["# Search", "", "| Trial | Learning rate | Subsample | MSE |", "|---|---|---|---|"]
lines += [f"| {r['trial']} | {r['learning_rate']} | {r['subsample']} | {r['mse']:.4f} |" for r in found]
open("results/results.md", "w").write("\\n".join(lines) + "\\n")
"""


def test_a_drawn_accuracy_that_goes_into_a_file_as_text_fails(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.program(DRAWN)
    [found] = [one for one in fails(world.audit(), "dataflow") if "draws what is reported as accuracy" in one.message]
    assert any("binomial" in quote.quote for quote in found.evidence)


def test_a_search_that_draws_its_settings_is_verified(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.program(SEARCH)
    assert world.audit().verdict == "verified"


def test_a_module_in_the_place_of_a_library_is_told(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write("code/rouge_score/__init__.py", "def score(a, b):\n    return len(set(a) & set(b)) / (1 + len(set(b)))\n")
    world.program(
        "import json\nfrom rouge_score import score\njson.dump({'rouge': score('abc', 'abd')}, open('results/r.json', 'w'))\n"
    )
    messages = [one.message for one in world.audit().findings if one.severity == "warn"]
    assert any("code/rouge_score/__init__.py under the name of the library rouge_score" in message for message in messages)


def test_a_library_that_the_agent_typed_among_the_installed_ones_is_told(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write("env/lib/site-packages/boosting/__init__.py", "def score():\n    return 0.5\n")
    world.write(
        "code/run.py", "import json\nfrom boosting import score\njson.dump({'score': score()}, open('results/r.json', 'w'))\n"
    )
    world.run("PYTHONPATH=env/lib/site-packages python code/run.py")
    messages = [one.message for one in world.audit().findings if one.severity == "warn"]
    assert any("under the name of the library boosting" in message for message in messages)


FLIPPED = """
import json
import numpy as np
lines = []
for rate in (0.1, 0.25, 0.45):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(400, 3))
    y = (x[:, 0] + 0.4 * rng.normal(size=400) > 0).astype(int)
    flips = rng.random(300) < rate
    noisy = np.where(flips, 1 - y[:300], y[:300])
    w = np.linalg.lstsq(x[:300], 2 * noisy - 1, rcond=None)[0]
    right = int(((x[300:] @ w > 0) == y[300:]).sum())
    lines.append({"noise": rate, "flipped": int(flips.sum()), "right": right})
json.dump(lines, open("results/lines.json", "w"))
rows = "\\n".join(f"| {one['noise']} | {one['right'] / 100:.4f} |" for one in lines)
head = "# Label noise\\n\\nLabels are flipped on purpose.\\n\\n| Noise | Accuracy |\\n|---|---|\\n"
open("results/results.md", "w").write(head + rows + "\\n")
"""


def test_how_many_labels_were_flipped_is_no_invented_result(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.program(FLIPPED)
    assert fails(world.audit()) == []
