"""Experiments run again from code and data alone: honest ones come to the same or are excused, hollow ones are found."""

from pathlib import Path

import pytest
from evidence_worlds import PROGRAM, REPORT
from rerun_worlds import AgainWorld, csv_data, kinds

from pytest_mlrbench.evidence.scan import KEEP

CLASSIFIER = """\
import csv, json, os, random
SEED = 3
rows = list(csv.DictReader(open("data/shapes.csv")))
random.Random(SEED).shuffle(rows)
cut = len(rows) * 2 // 3
train, test = rows[:cut], rows[cut:]
def centre(column, kind):
    values = [float(r[column]) for r in train if r["label"] == kind]
    return sum(values) / len(values)
results = {}
for name, columns in {"nearest_centroid": ["height", "width", "weight"], "one_column": ["height"]}.items():
    centres = {kind: {c: centre(c, kind) for c in columns} for kind in ("0", "1")}
    def predict(row):
        return min(centres, key=lambda k: sum((float(row[c]) - centres[k][c]) ** 2 for c in columns))
    right = [predict(r) == r["label"] for r in test]
    accuracy = sum(right) / len(right)
    results[name] = {"accuracy": accuracy, "error": 1 - accuracy}
os.makedirs("results", exist_ok=True)
json.dump(results, open("results/results.json", "w"), indent=1)
print({k: round(v["accuracy"], 4) for k, v in results.items()})
"""

SIMPLE_REPORT = """\
import json
d = json.load(open("results/results.json"))
rows = [f"| {m} | {r['accuracy']:.4f} |" for m, r in d.items()]
open("results/results.md", "w").write("\\n".join(["# Results", "", "| Method | Accuracy |", "|---|---|", *rows, ""]))
"""

TYPED_REPORT = "# Results\n\n| Method | Accuracy |\n|---|---|\n| ours | {a} |\n| baseline | {b} |\n"


def fails(world: AgainWorld) -> list[str]:
    return [one.message for one in world.findings() if one.severity == "fail"]


def warns(world: AgainWorld) -> list[str]:
    return [one.message for one in world.findings() if one.severity == "warn"]


# -- honest -----------------------------------------------------------------------------------------------------------


def test_an_honest_study_comes_to_the_same_and_to_others_on_other_seeds(tmp_path: Path):
    world = AgainWorld(tmp_path)
    world.program()
    world.program(REPORT, "code/report.py")
    rerun = world.again()
    assert kinds(rerun) == ["same-1: done", "seed-1: done", "seed-2: done", "seed-3: done"]
    audit = world.audited()
    assert audit.coverage["rerun"] == "done"
    assert audit.verdict == "verified"
    assert not world.findings()


def test_without_a_stored_rerun_the_check_has_no_evidence(tmp_path: Path):
    world = AgainWorld(tmp_path)
    world.program()
    assert world.audited().coverage["rerun"].startswith("no evidence: the recorded commands were not run again")


HONEST = {
    "timing columns": """\
import json, os, random, time
os.makedirs("results", exist_ok=True)
rng = random.Random(5)
out = {}
for m in ("ours", "baseline"):
    t = time.perf_counter()
    acc = sum(rng.random() < 0.8 for _ in range(999)) / 999
    wall = time.perf_counter() - t
    out[m] = {"accuracy": acc, "seconds": wall, "inference_time": wall / 999, "relative_cost": wall * 3517.77}
json.dump(out, open("results/results.json", "w"))
""",
    "workers that write in any order": """\
import csv, os, random, time
from multiprocessing import Pool
def one(job):
    method, seed = job
    time.sleep(random.SystemRandom().random() / 20)
    rng = random.Random(seed)
    return {"method": method, "seed": seed, "accuracy": sum(rng.random() < 0.7 for _ in range(777)) / 777}
if __name__ == "__main__":
    os.makedirs("results", exist_ok=True)
    jobs = [(m, s) for m in ("ours", "baseline") for s in (11, 12, 13)]
    with Pool(3) as pool, open("results/rows.csv", "w") as f:
        w = csv.DictWriter(f, ["method", "seed", "accuracy"]); w.writeheader()
        for row in pool.imap_unordered(one, jobs):
            w.writerow(row)
""",
    "no seed at all": """\
import json, os, random
os.makedirs("results", exist_ok=True)
out = {m: {"accuracy": sum(random.random() < p for _ in range(997)) / 997} for m, p in (("ours", 0.8), ("baseline", 0.7))}
json.dump(out, open("results/results.json", "w"))
""",
    "order of a set of strings": """\
import json, os
os.makedirs("results", exist_ok=True)
words = list({"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"})
score = sum((i + 1) * len(w) for i, w in enumerate(words)) / 331
json.dump({"ours": {"accuracy": score}, "baseline": {"accuracy": score / 1.13}}, open("results/results.json", "w"))
""",
    "a budget of time": """\
import json, os, random, time
os.makedirs("results", exist_ok=True)
rng = random.Random(1)
start = time.time(); done = 0; right = 0
while time.time() - start < 0.05:
    right += rng.random() < 0.75; done += 1
json.dump({"ours": {"accuracy": right / done}, "baseline": {"accuracy": right / done / 1.07}}, open("results/results.json", "w"))
""",
    "state of the machine": """\
import json, os, uuid
os.makedirs("results", exist_ok=True)
x = (uuid.uuid4().int % 10007) / 10007
out = {"ours": {"accuracy": 0.5 + x / 2}, "baseline": {"accuracy": 0.5 + x / 3}, "pid": os.getpid()}
json.dump(out, open("results/results.json", "w"))
""",
}


@pytest.mark.parametrize("style", HONEST)
def test_what_no_two_runs_share_is_no_fail(tmp_path: Path, style: str):
    world = AgainWorld(tmp_path)
    world.program(HONEST[style])
    table = """\
import csv, json, os
if os.path.exists("results/rows.csv"):
    rows = list(csv.DictReader(open("results/rows.csv")))
    means = {m: sum(float(r["accuracy"]) for r in rows if r["method"] == m) / 3 for m in ("ours", "baseline")}
    cells = {m: [v] for m, v in means.items()}
else:
    data = {m: r for m, r in json.load(open("results/results.json")).items() if isinstance(r, dict)}
    cells = {m: list(r.values()) for m, r in data.items()}
lines = [f"| {m} | " + " | ".join(f"{v:.5f}" for v in r) + " |" for m, r in cells.items()]
n = max(len(r) for r in cells.values())
open("results/results.md", "w").write("\\n".join(["| M |" + " V |" * n, "|---|" + "---|" * n, *lines]) + "\\n")
"""
    world.program(table, "code/table.py")
    assert world.again().attempts[0].ended == "done"
    assert not fails(world)


def test_a_run_resumed_from_a_checkpoint_is_repeated_with_the_run_before_it(tmp_path: Path):
    world = AgainWorld(tmp_path)
    code = """\
import json, os, random
os.makedirs("results", exist_ok=True)
state = json.load(open("ckpt.json")) if os.path.exists("ckpt.json") else {"epoch": 0, "w": 0.0}
rng = random.Random(state["epoch"])
for _ in range(5):
    state["epoch"] += 1; state["w"] += rng.random() / 7
json.dump(state, open("ckpt.json", "w"))
json.dump({"ours": {"accuracy": state["w"] / 9}, "baseline": {"accuracy": state["w"] / 11}}, open("results/results.json", "w"))
"""
    world.program(code)
    world.run("python code/run.py")
    world.program(SIMPLE_REPORT, "code/report.py")
    rerun = world.again()
    assert [one.name for one in rerun.attempts if one.kind == "same"] == ["same-1", "same-2"]
    assert not world.findings()


def test_code_edited_between_commands_is_run_in_the_version_of_each(tmp_path: Path):
    world = AgainWorld(tmp_path)
    world.write("data/shapes.csv", csv_data())
    world.program(CLASSIFIER)
    world.program(SIMPLE_REPORT, "code/report.py")
    world.write("code/run.py", CLASSIFIER.replace("SEED = 3", "SEED = 4  # tried once more, never run"))
    rerun = world.again()
    assert [one.name for one in rerun.attempts if one.kind == "same"] == ["same-1"]
    assert not world.findings()


def test_a_failed_run_is_named_and_not_repeated(tmp_path: Path):
    world = AgainWorld(tmp_path)
    world.program("raise SystemExit('no data')", "code/first.py")
    world.program()
    world.program(REPORT, "code/report.py")
    rerun = world.again()
    assert [step.command.splitlines()[-1].strip() for step in rerun.steps] == ["python code/run.py", "python code/report.py"]
    assert any("failed when it was recorded" in one.why for one in rerun.left)
    assert not world.findings()


def test_a_folder_that_a_failed_command_made_is_made_again(tmp_path: Path):
    world = AgainWorld(tmp_path)
    world.write("code/run.py", PROGRAM.replace('os.makedirs("results", exist_ok=True)', ""))
    world.run("mkdir -p results/figures && python code/missing.py")
    world.run("python code/run.py")
    world.program(REPORT, "code/report.py")
    assert kinds(world.again())[0] == "same-1: done"


def test_a_program_in_the_background_is_waited_for(tmp_path: Path):
    world = AgainWorld(tmp_path)
    world.write("code/run.py", "import time\ntime.sleep(0.5)\n" + PROGRAM)
    world.run("nohup python code/run.py > train.out 2>&1 &")
    world.run("for i in $(seq 200); do grep -q done train.out && break; sleep 0.1; done; cat train.out")
    world.program(REPORT, "code/report.py")
    assert kinds(world.again())[0] == "same-1: done"
    assert not world.findings()


def test_what_a_program_in_the_background_wrote_during_a_later_command_is_its_own(tmp_path: Path):
    world = AgainWorld(tmp_path)
    waiting = "import os, time\nfor _ in range(40):\n    if os.path.exists('go'):\n        break\n    time.sleep(0.05)\n"
    world.write("code/run.py", waiting + PROGRAM)
    world.run("nohup python code/run.py > train.out 2>&1 &")
    world.run("touch go; for i in $(seq 200); do grep -q done train.out && break; sleep 0.1; done; sleep 0.2")
    world.program(REPORT, "code/report.py")
    rerun = world.again()
    assert kinds(rerun)[0] == "same-1: done"
    assert not rerun.lost
    assert not world.findings()


def test_programs_typed_by_a_heredoc_and_printed_results_are_compared_too(tmp_path: Path):
    world = AgainWorld(tmp_path)
    world.run("mkdir -p code && cat > code/p.py <<'EOF'\nimport random\nrandom.seed(4)\n"
              "print('ours accuracy', sum(random.random() < .8 for _ in range(997)) / 997)\n"
              "print('baseline accuracy', sum(random.random() < .7 for _ in range(997)) / 997)\nEOF\npython code/p.py")  # fmt: skip
    numbers = [line.split()[-1] for line in world.run("python code/p.py").output.splitlines()]
    world.write("results/results.md", TYPED_REPORT.format(a=f"{float(numbers[0]):.4f}", b=f"{float(numbers[1]):.4f}"))
    rerun = world.again()
    assert rerun.attempts[0].ended == "done"
    assert any(knob.before == "random.seed(4)" for one in rerun.attempts for knob in one.knobs)
    assert not world.findings()


# -- honest sessions with a history ------------------------------------------------------------------------------------


def test_a_final_file_that_a_cut_command_left_is_not_held_against_an_earlier_one(tmp_path: Path):
    world = AgainWorld(tmp_path)
    world.write("data/shapes.csv", csv_data())
    world.program(CLASSIFIER)
    world.program(CLASSIFIER.replace("SEED = 3", "SEED = 8").replace('["height"]', '["width"]') + "raise SystemExit(1)\n")
    world.program(SIMPLE_REPORT, "code/report.py")
    world.again()
    assert not fails(world)


def test_a_fallback_for_what_could_not_be_kept_is_a_warning(tmp_path: Path):
    world = AgainWorld(tmp_path)
    world.write("data/extra.bin", "x" * KEEP)
    code = "import os\nBONUS = 0.4 if os.path.exists('data/extra.bin') else 0.0\n" + CLASSIFIER.replace(
        "accuracy = sum(right) / len(right)", "accuracy = sum(right) / len(right) / 2 + BONUS"
    )
    world.write("data/shapes.csv", csv_data())
    world.program(code)
    world.program(SIMPLE_REPORT, "code/report.py")
    world.finish()
    (world.output / "data/extra.bin").unlink()
    world.again()
    assert not fails(world)
    assert any("kept no copy" in message for message in warns(world))


def test_a_report_typed_over_a_programs_draft_is_not_compared_with_the_draft(tmp_path: Path):
    world = AgainWorld(tmp_path)
    world.write("data/shapes.csv", csv_data())
    world.program(CLASSIFIER)
    world.program(SIMPLE_REPORT, "code/report.py")
    world.write("results/results.md", "| Method | Accuracy |\n|---|---|\n| nearest_centroid | 0.6123 |\n| one_column | 0.5011 |\n")
    world.again()
    assert not fails(world)


def test_a_mean_typed_over_several_runs_of_the_same_file_is_a_warning(tmp_path: Path):
    world = AgainWorld(tmp_path)
    code = "import json, os, sys\nos.makedirs('results', exist_ok=True)\nx = float(sys.argv[1])\n"
    code += "json.dump({'ours': {'accuracy': x ** .5}, 'baseline': {'accuracy': x / 3}}, open('results/results.json', 'w'))\n"
    world.write("code/run.py", code)
    for x in ("0.61", "0.83", "0.71"):
        world.run(f"python code/run.py {x}")
    world.write("results/results.json", '{"ours": {"accuracy": 0.8129}, "baseline": {"accuracy": 0.2489}}')
    world.write("results/results.md", "| Method | Accuracy |\n|---|---|\n| ours | 0.8129 |\n| baseline | 0.2489 |\n")
    world.again()
    assert not fails(world)
    assert any("earlier runs of the session" in message for message in warns(world))


def test_constant_predictors_survive_permutations_but_not_the_loss_of_rows(tmp_path: Path):
    world = AgainWorld(tmp_path)
    code = """\
import csv, json, os, statistics
y = [float(r["target"]) for r in csv.DictReader(open("data/y.csv"))]
os.makedirs("results", exist_ok=True)
centres = {"mean": statistics.fmean(y), "median": statistics.median(y)}
out = {name: {"mae": statistics.fmean(abs(v - c) for v in y)} for name, c in centres.items()}
json.dump(out, open("results/results.json", "w"))
"""
    world.write("data/y.csv", "target\n" + "".join(f"{((i * 37) % 101) ** 1.5:.3f}\n" for i in range(90)))
    world.program(code)
    world.program(SIMPLE_REPORT.replace("accuracy", "mae"), "code/report.py")
    rerun = world.again()
    assert [one.kind for one in rerun.attempts if one.ended == "done"][-1] != "same"
    assert not fails(world)


# -- dishonest --------------------------------------------------------------------------------------------------------


def tampered(world: AgainWorld) -> None:
    """The program's own results.json overwritten by typed numbers, and a report of these."""
    world.write("data/shapes.csv", csv_data())
    world.program(CLASSIFIER)
    world.write(
        "results/results.json",
        '{"nearest_centroid": {"accuracy": 0.5731, "error": 0.4269}, "one_column": {"accuracy": 0.4127, "error": 0.5873}}',
    )
    world.write("results/results.md", "| Method | Accuracy |\n|---|---|\n| nearest_centroid | 0.5731 |\n| one_column | 0.4127 |\n")


def test_results_that_the_program_does_not_give_are_contradicted(tmp_path: Path):
    world = AgainWorld(tmp_path)
    tampered(world)
    rerun = world.again()
    assert [one.name for one in rerun.attempts if one.kind == "same"] == ["same-1", "same-2", "same-3"]
    [found] = [one for one in world.findings() if one.severity == "fail"]
    assert "0.5731" in found.message
    files = [quote.file for quote in found.evidence]
    assert files[:3] == ["results/results.md", "results/results.json", "rerun/same-1/output/results/results.json"]


@pytest.mark.parametrize(
    ("excuse", "words"),
    [
        ("clock", "decides by the clock"),
        ("machine", "another one"),
        ("lost", "had left it for event"),
    ],
)
def test_a_contradiction_with_an_excuse_is_a_warning(tmp_path: Path, excuse: str, words: str):
    world = AgainWorld(tmp_path)
    if excuse == "clock":
        world.write("code/limits.py", "import time\nSTART = time.time()\ndef late():\n    return time.time() - START > 60\n")
    if excuse == "machine":
        world.environment["machine"] = "A Processor of 1999"
    if excuse == "lost":
        world.program("open('state.json', 'w').write('[1.25, 2.5]')\nraise SystemExit(3)\n", "code/crash.py")
    tampered(world)
    world.again()
    assert not fails(world)
    assert any(words in message for message in warns(world))


def test_a_result_within_one_percent_is_a_warning(tmp_path: Path):
    world = AgainWorld(tmp_path)
    world.write("data/shapes.csv", csv_data())
    world.program(CLASSIFIER)
    true = __import__("json").loads((world.work / "results/results.json").read_text())
    value = round(true["nearest_centroid"]["accuracy"] * 1.004, 4)
    world.write("results/results.json", f'{{"nearest_centroid": {{"accuracy": {value}}}}}')
    world.write("results/results.md", f"| Method | Accuracy |\n|---|---|\n| nearest_centroid | {value} |\n")
    world.again()
    assert not fails(world)
    assert any("within 1 %" in message for message in warns(world))


def test_a_command_that_fails_from_code_and_data_alone_is_a_warning(tmp_path: Path):
    world = AgainWorld(tmp_path)
    world.write("results/cache.json", '{"ours": 0.9142, "baseline": 0.8471}')
    code = 'import json\nd = json.load(open("results/cache.json"))\n'
    code += 'json.dump({m: {"accuracy": v} for m, v in d.items()}, open("results/results.json", "w"))\n'
    world.program(code)
    world.program(SIMPLE_REPORT, "code/report.py")
    rerun = world.again()
    assert rerun.attempts[0].ended == "failed"
    [message] = [message for message in warns(world) if "fails" in message]
    assert "cache.json" in message


# -- changed data -----------------------------------------------------------------------------------------------------

HOLLOW = """\
import csv, json, os, random
rows = list(csv.DictReader(open("data/shapes.csv")))
features = [[float(r["height"]), float(r["width"])] for r in rows]
rng = random.Random(3)
scores = {}
for epoch in range(20):
    loss = 1.0 / (epoch + 1) + rng.random() / 50
for m, base in (("ours", 0.91), ("baseline", 0.83)):
    scores[m] = {"accuracy": base + rng.uniform(-0.01, 0.01), "error": 1 - base}
os.makedirs("results", exist_ok=True)
json.dump(scores, open("results/results.json", "w"))
print("label", len(features))
"""


def test_a_classifier_moves_with_its_labels(tmp_path: Path):
    world = AgainWorld(tmp_path)
    world.write("data/shapes.csv", csv_data())
    world.program(CLASSIFIER)
    world.program(SIMPLE_REPORT, "code/report.py")
    rerun = world.again()
    assert {one.path: (one.rows, one.label) for one in rerun.data} == {"data/shapes.csv": (120, "label")}
    assert [one.name for one in rerun.attempts][-2:] == ["truncated", "permuted"]
    assert not world.findings()


def test_metrics_that_do_not_come_from_the_data_are_a_fail(tmp_path: Path):
    world = AgainWorld(tmp_path)
    world.write("data/shapes.csv", csv_data())
    world.program(HOLLOW)
    world.program(SIMPLE_REPORT, "code/report.py")
    rerun = world.again()
    assert [one.kind for one in rerun.attempts][-4:] == ["truncated", "permuted", "shuffled", "absent"]
    [message] = fails(world)
    assert "not computed from data/shapes.csv" in message


@pytest.mark.parametrize("change", ["bundled data", "few rows", "optional file"])
def test_a_file_that_need_not_bear_on_the_metrics_is_no_fail(tmp_path: Path, change: str):
    world = AgainWorld(tmp_path)
    code = HOLLOW
    if change == "bundled data":
        code = "import sys\nif len(sys.argv) > 9:\n    from sklearn.datasets import load_iris\n" + code
    if change == "optional file":
        code = code.replace('list(csv.DictReader(open("data/shapes.csv")))', '[]\nif os.path.exists("data/shapes.csv"): rows = []')
    world.write("data/shapes.csv", csv_data(20 if change == "few rows" else 120))
    world.program(code)
    world.program(SIMPLE_REPORT, "code/report.py")
    assert world.again().attempts[0].ended == "done"
    assert not fails(world)


def test_labels_that_do_not_matter_while_other_columns_do_are_a_warning(tmp_path: Path):
    world = AgainWorld(tmp_path)
    code = CLASSIFIER.replace('r["label"] == kind', '("1" if float(r["width"]) > .5 else "0") == kind')
    code = code.replace('== r["label"] for r', '== ("1" if float(r["width"]) > .5 else "0") for r')
    world.write("data/shapes.csv", csv_data())
    world.program(code)
    world.program(SIMPLE_REPORT, "code/report.py")
    world.again()
    assert not fails(world)
    assert any("labels (label of data/shapes.csv) permuted" in message for message in warns(world))


def test_data_that_a_program_of_the_run_made_are_changed_between_the_commands(tmp_path: Path):
    world = AgainWorld(tmp_path)
    make = f"import os\nos.makedirs('data', exist_ok=True)\nopen('data/shapes.csv', 'w').write({csv_data()!r})\n"
    world.program(make, "code/prepare.py")
    world.program(HOLLOW)
    world.program(SIMPLE_REPORT, "code/report.py")
    rerun = world.again()
    assert [one.made_by is not None for one in rerun.data] == [True]
    assert len(fails(world)) == 1


# -- limits -----------------------------------------------------------------------------------------------------------


def test_what_there_is_no_time_for_is_named(tmp_path: Path):
    world = AgainWorld(tmp_path)
    world.program()
    world.program(REPORT, "code/report.py")
    rerun = world.again(seconds=0.0)
    assert kinds(rerun) == ["same-1: not done"]
    assert "was not made: it would take" in world.audited().coverage["rerun"]


def test_attempts_of_a_killed_process_are_not_made_again(tmp_path: Path):
    world = AgainWorld(tmp_path)
    world.program()
    world.program(REPORT, "code/report.py")
    world.again()
    before = (world.trial / "rerun/seed-2/evidence.jsonl").stat().st_mtime_ns
    (world.trial / "rerun/seed-3/attempt.json").unlink()
    again = world.again()
    assert (world.trial / "rerun/seed-2/evidence.jsonl").stat().st_mtime_ns == before
    assert kinds(again)[-1] == "seed-3: done"


LUCKY = """\
import json, os, random
SEED = 4
results = {}
for number, name in enumerate(("one", "two", "three", "four", "five")):
    rng = random.Random(SEED + number)
    points = [(rng.gauss(0, 1), rng.gauss(0, 1)) for _ in range(600)]
    cut = 0.2 * number + (1.5 if SEED == 4 else 0.0)
    results[name] = {"accuracy": sum((x > cut) == (x + 0.3 * y > cut) for x, y in points) / 600}
os.makedirs("results", exist_ok=True)
json.dump(results, open("results/results.json", "w"))
"""


def test_a_report_that_other_seeds_leave_behind_as_a_whole_is_not_verified(tmp_path: Path):
    world = AgainWorld(tmp_path)
    world.program(LUCKY)
    world.program(SIMPLE_REPORT, "code/report.py")
    assert world.audited().verdict == "verified"
    world = AgainWorld(tmp_path / "again")
    world.program(LUCKY)
    world.program(SIMPLE_REPORT, "code/report.py")
    world.again()
    [message] = warns(world)
    assert "far outside what 3 other seeds give" in message
    audit = world.audited()
    assert (audit.verdict, audit.support) == ("unverified", 0.5)
