"""A sequential gate in whole sessions: it stops once a look decides, says what it left out, and a run without looks does that."""

import json
import shlex
import shutil
from pathlib import Path

import pytest

from pytest_mlrbench.judging.panel import protocol_of
from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.results.gate.repeats import repeat_key, repeats_of
from pytest_mlrbench.results.gate.sequential import batches
from pytest_mlrbench.results.store import RunStore
from pytest_mlrbench.stages.rubric import load_rubric
from pytest_mlrbench.tasks.catalogue import load_tasks
from tests.support import gated
from tests.support.runs import add, finding, make_run, review
from tests.support.sessions import run

SEQUENTIAL = "--mlr-gate-sequential=on"


def gate_of(folder: Path) -> dict:
    return json.loads((folder / "new" / "gate.json").read_text(encoding="utf-8"))


def made(store: RunStore) -> list[TrialKey]:
    return [key for key in store.keys() if store.stage_result(key)]  # noqa: SIM118 - a store is no mapping


def test_equal_scores_hold_at_the_first_look_and_the_rest_is_skipped(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory):
    """37 ideas, looks at 12, 13 and 12 tasks more: equal scores hold within a drop of 1 at the first."""
    gate = (f"--mlr-gate={gated.many(tmp_path_factory)}", "--mlr-gate-max-drop=1", SEQUENTIAL)
    code, output = run(tmp_path, "--mlr-model=offline", *gated.MANY, "-n", "2", "--mlr-run=new", *gate)
    assert code == 0, output
    assert "gate: 3 looks, 12, 13, 12 tasks more each" in output
    assert "12 passed, 25 skipped" in output
    assert "the gate has its answer without it: holds (look 1 of 3, 12 of 37 tasks)" in output
    assert gate_of(tmp_path)["look"] == "look 1 of 3, 12 of 37 tasks"
    assert len(made(RunStore(tmp_path / "new"))) == 12


def test_lower_scores_break_at_the_first_look_and_the_printed_command_does_the_rest(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
):
    base = RunStore(shutil.copytree(gated.many(tmp_path_factory), tmp_path / "base"))
    for record in list(base.records()):
        best = [one.model_copy(update={"scores": dict.fromkeys(one.scores, 10)}) for one in record.reviews]
        base.write_record(record.model_copy(update={"reviews": best}))
    code, output = run(tmp_path, "--mlr-model=offline", *gated.MANY, "-n", "2", "--mlr-run=new", "--mlr-gate=base", SEQUENTIAL)
    assert code == 8, output
    reason = (
        "the gate has its answer without it: broken (look 1 of 3, 12 of 37 tasks); a run with --mlr-gate-sequential=off does it"
    )
    store = RunStore(tmp_path / "new")
    skipped = [record for record in store.records() if record.status == "skipped"]
    assert [record.reason for record in skipped] == [reason] * 25
    assert "12 passed, 25 skipped" in output
    assert gate_of(tmp_path)["stages"][0]["n_tasks"] == 12
    (line,) = [line for line in output.splitlines() if line.startswith("25 items left undone; resume with: pytest ")]
    before = store.record(made(store)[0])
    code, output = run(tmp_path, *shlex.split(line.partition(": pytest ")[2]))
    assert code == 8, output
    assert "37 passed" in output
    assert (gate_of(tmp_path)["stages"][0]["n_tasks"], gate_of(tmp_path)["look"]) == (37, "")
    assert before is not None
    assert store.record(before.key) == before, "what was done is not done again"


def test_one_confirmed_hallucination_breaks_at_the_first_look(tmp_path: Path):
    """20 experiments, ten of them done, one of these made up: it is repeated at the look, and the other ten are never begun."""
    tasks = sorted(load_tasks())[:20]
    protocol = protocol_of(load_rubric("experiment", None), None)
    first, second = batches(tasks, seed=0)
    for name, chosen in (("base", tasks), ("new", first)):
        store = make_run(tmp_path / name, model="offline-fabricator", judges=("offline",), search="none", sandbox="local")
        for task in chosen:
            scores = [review("offline", "experiment", {"Overall": 7}, mechanical=True).model_copy(update={"protocol": protocol})]
            found = [finding()] if name == "new" and task == first[3] else []
            verdict = "hallucinated" if found else "verified"
            add(store, f"{task}/experiment", scores, findings=found, verdict=verdict, support=1.0)
    chosen = ("--mlr-stage=experiment", *(f"--mlr-task={task}" for task in tasks), "-n", "2")
    code, output = run(tmp_path, "--mlr-model=offline-fabricator", *chosen, "--mlr-run=new", "--mlr-gate=base", SEQUENTIAL)
    assert code == 8, output
    assert "1 failed, 9 passed, 10 skipped" in output
    key = TrialKey(first[3], "experiment")
    assert gate_of(tmp_path)["confirmed"] == [str(key)]
    assert gate_of(tmp_path)["look"] == "look 1 of 2, 10 of 20 tasks"
    assert repeats_of(store).record(repeat_key(key)) is not None
    assert not {key.task for key in made(store)} & set(second)
