"""What is run again, what is put back before each command, and what is left out and named."""

import asyncio
from pathlib import Path

import pytest
from evidence_worlds import PROGRAM, REPORT
from rerun_worlds import AgainWorld, csv_data

from pytest_mlrbench.evidence.checks import Case
from pytest_mlrbench.evidence.reruns import NO_INSTALL
from pytest_mlrbench.evidence.scan import KEEP
from pytest_mlrbench.replay.clocks import clock_decisions, reads_clock
from pytest_mlrbench.replay.plan import Plan, is_result


def plan_of(world: AgainWorld) -> Plan:
    plan = Plan(Case(world.finish()))
    assert plan.steps is not None
    return plan


def programs(plan: Plan, *, lean: bool = True) -> list[str]:
    """The last lines of the commands that run programs."""
    return [step.command.splitlines()[-1].strip() for step in plan.steps if step.program and (step.lean or not lean)]


def test_results_are_not_given_and_code_and_data_are(tmp_path: Path):
    world = AgainWorld(tmp_path)
    world.write("data/shapes.csv", csv_data())
    world.write("results/notes.json", '{"a": 0.5}')
    world.write("results/plot.py", "print(1)")
    world.program()
    world.program(REPORT, "code/report.py")
    plan = plan_of(world)
    last = [step.seq for step in plan.steps if step.program][-1]
    assert sorted(plan.given(last)) == ["code/report.py", "code/run.py", "data/shapes.csv", "results/plot.py"]


def test_exploring_and_superseded_commands_are_not_lean(tmp_path: Path):
    world = AgainWorld(tmp_path)
    world.run("python -c 'import sys; print(sys.version)'")
    world.program()
    world.write("code/run.py", PROGRAM.replace("Random(7)", "Random(8)"))
    world.run("python code/run.py")
    world.program(REPORT, "code/report.py")
    plan = plan_of(world)
    assert programs(plan) == ["python code/run.py", "python code/report.py"]
    assert len(programs(plan, lean=False)) == 4


def test_a_program_whose_files_a_later_one_found_is_lean(tmp_path: Path):
    world = AgainWorld(tmp_path)
    world.program("import os\nos.makedirs('data', exist_ok=True)\nopen('data/a.json', 'w').write('[1.5, 2.5]')", "code/make.py")
    world.program()
    world.run("rm data/a.json")
    world.program(REPORT, "code/report.py")
    assert programs(plan_of(world))[0] == "python code/make.py"


def test_typed_results_are_left_out_and_named_where_a_program_reads_them(tmp_path: Path):
    world = AgainWorld(tmp_path)
    world.run("mkdir -p results && echo '{\"ours\": 0.93}' > results/cache.json")
    code = 'import json\ntry:\n    x = json.load(open("results/cache.json"))["ours"]\nexcept OSError:\n    x = 0.5\n'
    world.program(code + 'json.dump({"x": x}, open("results/out.json", "w"))\n')
    plan = plan_of(world)
    assert [step.command for step in plan.steps if not step.program] == ["mkdir -p results"]
    assert [one.what for one in plan.lost] == ["results/cache.json"]


def test_preparing_commands_are_repeated_and_installs_named(tmp_path: Path):
    world = AgainWorld(tmp_path)
    world.run("echo 1 2 3 | tr ' ' '\\n' > numbers.txt && cp numbers.txt copy.txt")
    world.run("pip install --help > /dev/null")
    world.run("ls; cat copy.txt 2>/dev/null")
    world.program()
    plan = plan_of(world)
    [prepared] = [step.command for step in plan.steps if not step.program]
    assert prepared.endswith("cp numbers.txt copy.txt")
    [left] = plan.left
    assert "pip install --help" in left.what
    assert left.why == NO_INSTALL


def test_nothing_to_run_again_is_said(tmp_path: Path):
    world = AgainWorld(tmp_path)
    world.write("results/results.md", "| Method | Accuracy |\n|---|---|\n| ours | 0.9312 |\n")
    rerun = world.again()
    assert rerun.steps == []
    assert rerun.attempts == []
    assert world.audited().coverage["rerun"].startswith("no evidence: nothing could be run again")


def test_a_file_that_was_not_kept_is_named(tmp_path: Path):
    world = AgainWorld(tmp_path)
    world.write("data/big.bin", "x" * KEEP)
    world.program()
    world.program(REPORT, "code/report.py")
    replayer = world.replayer()
    (world.output / "data/big.bin").unlink()
    rerun = asyncio.run(replayer.run())
    assert [one.what for one in rerun.left if "no copy" in one.why] == ["data/big.bin"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("results/a.json", True),
        ("a/figures/x.csv", True),
        ("results.md", True),
        ("data/results_of_others.csv", False),
        ("code/x.py", False),
    ],
)
def test_a_result_is_known_by_its_place(path: str, expected: bool):
    assert is_result(path) is expected


CLOCKED = [
    "import time\nt = time.time()\nwhile time.time() - t < 5:\n    pass",
    "from time import perf_counter\nstart = perf_counter()\nspent = perf_counter() - start\nif spent > 60:\n    raise SystemExit",
    "study.optimize(f, timeout=60)",
    "signal.alarm(30)",
    "if elapsed > limit:\n    pass",
]
UNCLOCKED = [
    "import time\nt = time.time()\nrow = {'acc': 1, 'seconds': time.time() - t}\nif row['acc'] > 0.5:\n    pass",
    "requests.get(u, timeout=None)",
    "x = 3\nif x > 2:\n    pass",
    "def f(:",
]


@pytest.mark.parametrize("code", CLOCKED)
def test_a_decision_by_the_clock_is_seen(code: str):
    assert clock_decisions("run.py", code)


@pytest.mark.parametrize("code", UNCLOCKED)
def test_a_measured_time_is_no_decision(code: str):
    assert clock_decisions("run.py", code) == []


def test_reading_a_clock_is_told_from_none():
    assert reads_clock(UNCLOCKED[0])
    assert not reads_clock("runtime = 3")
