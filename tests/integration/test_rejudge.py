"""`mlrbench rejudge`: other judges review what a run has stored; its own scores stay, nothing is paid twice."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_mlrbench.engine.lock import RunLock
from pytest_mlrbench.results.calls import CallLog
from pytest_mlrbench.results.export import COLUMNS, score_values
from pytest_mlrbench.results.importing import import_published
from pytest_mlrbench.results.notes import notes
from pytest_mlrbench.results.store import RunStore
from pytest_mlrbench.results.tables import score_table
from tests.support.commands import FREE, TASKS, asked, command, ideas, record, start, use
from tests.support.published import CLAUDE, O4, make_published
from tests.support.runs import add, make_run
from tests.support.scripted_server import ScriptedServer
from tests.support.sessions import until

TEXTS = {task: f"# Idea\nAbout {task}.\n" for task in TASKS}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        use(running, monkeypatch)
        yield running


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return ideas(tmp_path / "run", TEXTS)


def test_another_judges_reviews_stand_beside_the_panels_which_keeps_its_scores(store, server, capsys):
    before = record(store, f"{TASKS[0]}/idea")
    code, out, err = command(capsys, "rejudge", store.root, "--mlr-judges=openai/j3", FREE)
    assert (code, asked(server)) == (0, {"j3": 3}), err
    assert "3 reviews added" in out
    assert "3 trials" in err
    assert "3 to make, 0 already there" in err
    assert "expecting 3-4 model calls" in err
    after = record(store, f"{TASKS[0]}/idea")
    added = after["reviews"].pop()
    assert (added["judge"], added["added"], added["spent"]["usage"]["calls"]) == ("openai/j3", True, 1)
    assert after == before
    assert store.run()["rejudged"][0]["judges"] == ["openai/j3"]


def test_tables_show_the_added_judge_in_a_row_of_its_own_and_the_panel_as_it_was(store, server, capsys):
    before = {row["judge"]: row for row in score_table([store])}
    command(capsys, "rejudge", store.root, "--mlr-judges=openai/j3", FREE)
    after = {row["judge"]: row for row in score_table([store])}
    (added,) = set(after) - set(before)
    assert added.startswith("openai/j3")
    assert set(after) > set(before)
    assert {judge: after[judge] for judge in before} == before
    assert any("not in the panel's mean: openai/j3" in line for line in notes([store]))
    assert {values[COLUMNS.index("judge")] for values in score_values([store])} == {"openai/j1", "openai/j2", added}


def test_a_second_time_nothing_is_asked_and_no_key_is_needed(store, server, capsys, monkeypatch):
    command(capsys, "rejudge", store.root, "--mlr-judges=openai/j3", FREE)
    before = [path.read_bytes() for path in sorted(store.root.rglob("record.json"))]
    monkeypatch.delenv("OPENAI_API_KEY")
    code, out, _ = command(capsys, "rejudge", store.root, "--mlr-judges=openai/j3", FREE)
    assert (code, asked(server)) == (0, {"j3": 3})
    assert out == "nothing to ask; 3 were there\n"
    assert [path.read_bytes() for path in sorted(store.root.rglob("record.json"))] == before


def test_stage_and_task_narrow_what_is_reviewed_and_repeats_add_to_it(store, server, capsys):
    narrow = ("--mlr-judge-repeats=2", "--mlr-task=*wsl", "--mlr-stage=idea")
    code, _, _ = command(capsys, "rejudge", store.root, "--mlr-judges=openai/j3", *narrow, FREE)
    assert (code, asked(server)) == (0, {"j3": 2})
    made = record(store, "iclr2025_wsl/idea")["reviews"]
    assert [(one["judge"], one["repeat"]) for one in made[2:]] == [("openai/j3", 1), ("openai/j3", 2)]


def test_the_offline_judge_costs_nothing_and_is_never_averaged_with_the_panel(store, capsys, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    code, out, err = command(capsys, "rejudge", store.root, "--mlr-judges=offline")
    assert code == 0, err
    assert "no model call expected" in err
    assert "3 reviews added" in out
    rows = {row["judge"]: row for row in score_table([store])}
    assert rows["offline"]["mechanical"] is True
    assert rows["mean"]["dimensions"]["Overall"]["mean"] == 5.0
    assert "mechanical" not in rows["mean"]


def test_the_budget_ends_it_with_9_and_a_higher_one_goes_on_behind_it(store, server, capsys):
    arguments = ("rejudge", store.root, "--mlr-judges=openai/j3,openai/j4", "--mlr-price=1,1", "--mlr-concurrency=1")
    code, out, _ = command(capsys, *arguments, "--mlr-budget=0.005")
    cut = sum(asked(server).values())
    assert code == 9
    assert 0 < cut < 6
    assert f"the budget ended it, {6 - cut} questions were not asked" in out
    # What the run itself had cost is no part of this budget; what an earlier rejudge cost is.
    code, out, err = command(capsys, *arguments, "--mlr-budget=0.005")
    assert code == 9
    assert "0.00 USD spent before" not in err
    assert sum(asked(server).values()) == cut
    code, _, _ = command(capsys, *arguments, "--mlr-budget=1")
    assert (code, asked(server)) == (0, {"j3": 3, "j4": 3})
    assert server.stats()["repeated"] == 0
    spent = CallLog(store.calls, "test").spent("rejudge").cost
    assert sum(entry["cost"] for entry in store.run()["rejudged"]) == pytest.approx(spent)


def test_a_judge_that_gives_no_answer_ends_with_7_and_is_asked_again_alone(store, server, capsys):
    server.fault("prose", n=3, model="j4")
    arguments = ("rejudge", store.root, "--mlr-judges=openai/j3,openai/j4", "--mlr-concurrency=1", FREE)
    code, out, err = command(capsys, *arguments)
    assert code == 7
    assert "1 without an answer (exit code 7): iclr2025_dl4c/idea by openai/j4" in out
    assert "judge openai/j4 gave no valid review in 3 tries" in err
    assert [one["judge"] for one in record(store, "iclr2025_dl4c/idea")["reviews"]][2:] == ["openai/j3"]
    code, out, _ = command(capsys, *arguments)
    assert code == 0
    assert out.startswith("1 review added")
    assert asked(server) == {"j3": 3, "j4": 3 + 2 + 1}


def test_a_killed_one_goes_on_and_pays_nothing_twice(store, tmp_path, capsys, monkeypatch):
    with ScriptedServer(latency=0.3) as server:
        use(server, monkeypatch)
        arguments = ("rejudge", "run", "--mlr-judges=openai/j3", "--mlr-concurrency=1", FREE)
        process = start(tmp_path, server, *arguments)
        until(lambda: server.stats()["total"] >= 2, "second answer")
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        logged = len(list(CallLog(store.calls, "test").read("rejudge")))
        monkeypatch.chdir(tmp_path)
        code, _, err = command(capsys, *arguments)
        assert code == 0, err
        # An answer that was on its way when the process died is asked for again; every stored one is not.
        assert server.stats()["requests"] <= 3 + 2 - logged + 1
        assert len(list(CallLog(store.calls, "test").read("rejudge"))) == 3
    assert all([one["judge"] for one in record(store, f"{task}/idea")["reviews"]][2:] == ["openai/j3"] for task in TASKS)


def test_ctrl_c_ends_it_and_says_that_it_can_go_on(store, tmp_path, monkeypatch):
    with ScriptedServer(latency=0.3) as server:
        process = start(tmp_path, server, "rejudge", "run", "--mlr-judges=openai/j3", "--mlr-concurrency=1", FREE)
        until(lambda: server.stats()["total"] >= 1, "first answer")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130, out
    assert b"interrupted; what was answered is stored" in out
    assert b"Traceback" not in out
    assert not (store.root / "run.lock").exists()


def test_a_run_in_use_is_refused_and_left_alone(store, server, capsys):
    before = sorted((path, path.stat().st_mtime_ns) for path in store.root.rglob("*.json"))
    with RunLock(store.root):
        code, out, err = command(capsys, "rejudge", store.root, "--mlr-judges=openai/j3", FREE)
    assert (code, out, asked(server)) == (2, "", {})
    assert f"run directory {store.root} is in use by process {os.getpid()}" in err
    assert sorted((path, path.stat().st_mtime_ns) for path in store.root.rglob("*.json")) == before


def test_reviews_of_two_wordings_are_never_mixed(store, server, capsys, tmp_path):
    code, _, err = command(capsys, "rejudge", store.root, "--mlr-judges=openai/j1", FREE)
    assert (code, asked(server)) == (2, {})
    assert "openai/j1 has reviewed iclr2025_dl4c/idea already, with another rubric, prompt or version" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--mlr-judges=nowhere/j",), "unknown model provider in 'nowhere/j'"),
        (("--mlr-judges=offline-sloppy",), "is no judge"),
        (("--mlr-judges=openai/j3",), "the price of 'openai/j3' is not known"),
        (("--mlr-judges=openai/j3", "--mlr-judge-repeats=0"), "expected a whole number of at least 1"),
        (("--mlr-judges=openai/j3", "--mlr-stage=ideas"), "--mlr-stage=ideas: unknown; valid: idea"),
        (("--mlr-judges=openai/j3", "--mlr-stage=paper"), "has no such trial to judge; it has records of idea"),
        (("--mlr-judges=openai/j3", "--mlr-task=nips"), "--mlr-task=nips"),
        (("--mlr-judges=openai/j3", "--mlr-rubrics=nowhere"), "no such directory"),
    ],
)
def test_what_cannot_work_is_named_before_the_first_call(store, server, capsys, arguments, said):
    code, out, err = command(capsys, "rejudge", store.root, *arguments)
    assert (code, out, asked(server)) == (2, "", {})
    assert said in err


def test_a_missing_key_is_named(store, capsys, monkeypatch):
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    code, _, err = command(capsys, "rejudge", store.root, "--mlr-judges=anthropic/claude-sonnet-4-5")
    assert code == 2
    assert "set ANTHROPIC_API_KEY" in err


def test_failed_and_unfinished_trials_are_left_out_and_counted(store, server, capsys):
    add(store, "iclr2025_wsl/idea.e2", status="failed", reason="idea.md is missing")
    add(store, "iclr2025_wsl/idea.e3", status="error", reason="the judge was down")
    code, _, err = command(capsys, "rejudge", store.root, "--mlr-judges=openai/j3", FREE)
    assert (code, asked(server)) == (0, {"j3": 3})
    assert "2 trials left out, not graded: failed 1, error 1" in err


def test_of_an_imported_run_every_output_can_be_reviewed_and_what_was_not_published_is_left_out(tmp_path, capsys):
    imported = import_published(make_published(tmp_path / "published"), tmp_path / "run")
    assert imported.problems == ()
    chain = RunStore(tmp_path / "run" / f"end2end-{O4}")  # reviewed end to end alone; its paper was never reviewed by itself
    assert record(chain, "iclr2025_wsl/paper")["reason"] == "no review of it was published"
    code, out, err = command(capsys, "rejudge", chain.root, "--mlr-judges=offline", "--mlr-stage=paper")
    assert (code, "2 reviews added" in out) == (0, True), err
    made = record(chain, "iclr2025_wsl/paper")
    assert (made["status"], made["reason"], [one["judge"] for one in made["reviews"]]) == ("done", "", ["offline"])
    ideas_of = tmp_path / "run" / CLAUDE
    code, out, err = command(capsys, "rejudge", ideas_of, "--mlr-judges=offline", "--mlr-stage=idea")
    assert code == 0, err
    assert "2 trials left out, not graded: output not published 2" in err


def test_an_input_that_is_gone_is_an_error_of_its_trial_alone(tmp_path, server, capsys):
    store = make_run(tmp_path / "run")
    pool = f"{tmp_path}/gone::iclr2025_wsl/idea"
    add(store, "iclr2025_wsl/proposal", inputs={"idea": pool, "literature": pool}, scores={"Overall": 5.0})
    ideas(tmp_path / "run", {"iclr2025_wsl": "# Idea\n"})
    code, _, err = command(capsys, "rejudge", store.root, "--mlr-judges=openai/j3", FREE)
    assert (code, asked(server)) == (7, {"j3": 1})
    assert "iclr2025_wsl/proposal: its input idea is gone" in err


def test_a_trial_that_nobody_reviewed_gets_these_judges_as_its_panel(tmp_path, server, capsys):
    store = make_run(tmp_path / "run")
    add(store, "iclr2025_wsl/idea")
    server.fault("prose", n=3, model="j4")
    arguments = ("rejudge", store.root, "--mlr-judges=openai/j3,openai/j4", FREE)
    assert command(capsys, *arguments)[0] == 7
    assert record(store, "iclr2025_wsl/idea")["reviews"] == []
    assert command(capsys, *arguments)[0] == 0
    made = record(store, "iclr2025_wsl/idea")
    assert [(one["judge"], one["added"]) for one in made["reviews"]] == [("openai/j3", False), ("openai/j4", False)]
    overall = [one["scores"]["Overall"] for one in made["reviews"]]
    assert made["scores"]["Overall"] == sum(overall) / 2
    assert made["judge_spent"]["usage"]["calls"] == sum(one["spent"]["usage"]["calls"] for one in made["reviews"])


def test_settings_of_another_version_are_named(store, server, capsys):
    run = json.loads(store.run_file.read_text())
    run["settings"]["sandbox"] = "moon"
    store.run_file.write_text(json.dumps(run))
    code, _, err = command(capsys, "rejudge", store.root, "--mlr-judges=openai/j3", FREE)
    assert code == 2
    assert "the run's settings cannot be read" in err
