"""Agents of a user's own that leave nothing, too much, or something else than an output: the outcome, the chain, what is kept."""

import json
import os
import stat
from pathlib import Path

import pytest

from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.results.store import RunStore
from tests.support.agents import EXPERIMENTS, IDEAS, SECRET
from tests.support.sessions import run

ROOT = Path(__file__).parents[2]
KEPT_OF_A_STAGE = 64 * 2**20
"""Bytes; no output of these agents that is kept is nearly as large."""


class Told:
    """A finished session: its store, what it printed, its exit code."""

    def __init__(self, folder: Path, code: int, output: str) -> None:
        self.store = RunStore(folder / "run")
        self.code = code
        self.output = output

    def record(self, task: str, stage: str):
        found = self.store.record(TrialKey(task, stage))
        assert found is not None, self.output
        return found

    def kept(self, task: str, stage: str) -> dict[str, os.stat_result]:
        """Everything below output/, links not followed."""
        folder = self.store.output(TrialKey(task, stage))
        return {path.relative_to(folder).as_posix(): path.lstat() for path in folder.rglob("*")}


def session(folder: Path, agent: str, tasks: dict, *arguments: str) -> Told:
    chosen = [f"--mlr-task={task}" for task in tasks]
    code, output = run(
        folder,
        "--mlr-model=offline",
        f"--mlr-agent=tests.support.agents:{agent}",
        "--mlr-suite=core",
        *chosen,
        "--mlr-run=run",
        "-n",
        "2",
        *arguments,
        env={"PYTHONPATH": str(ROOT)},
    )
    return Told(folder, code, output)


@pytest.fixture(scope="module")
def ideas(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """One session of ten tasks, whose ideas are spoiled in ten ways."""
    return session(
        tmp_path_factory.mktemp("ideas"), "Misbehaving", IDEAS, "--mlr-stage=idea,proposal", "--mlr-timeout=idea:3", "-vv"
    )


@pytest.fixture(scope="module")
def experiments(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return session(
        tmp_path_factory.mktemp("experiments"),
        "Experimenter",
        EXPERIMENTS,
        "--mlr-stage=experiment",
    )


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ("iclr2025_bi_align", "idea.md is missing"),
        ("iclr2025_buildingtrust", "idea.md is empty"),
        ("iclr2025_data_problems", "idea.md is missing; idea.md: left out, it has 2147483648 bytes"),
        ("iclr2025_mldpr", "idea.md is missing; idea.md: left out, it is a symbolic link"),
        ("iclr2025_scsl", "this topic is not for me"),
        ("iclr2025_wsl", "did not finish the stage within 3 s (--mlr-timeout=idea:"),
    ],
)
def test_an_agent_without_a_usable_idea_has_failed_without_scores(ideas: Told, task: str, reason: str):
    record = ideas.record(task, "idea")
    assert record.status == "failed"
    assert reason in record.reason
    assert record.scores == {}
    assert f"FAILED test_idea.py::test_idea[{task}]" in ideas.output


@pytest.mark.parametrize("task", ["iclr2025_bi_align", "iclr2025_buildingtrust", "iclr2025_data_problems", "iclr2025_mldpr"])
def test_a_chain_stops_where_the_output_is_unusable_and_names_it(ideas: Told, task: str):
    record = ideas.record(task, "proposal")
    assert record.status == "skipped"
    assert f"its input {task}/idea has no usable output: idea.md is" in record.reason
    assert not record.over_budget


@pytest.mark.parametrize("task", ["iclr2025_scsl", "iclr2025_wsl"])
def test_a_failed_stage_that_left_its_output_does_not_stop_the_chain(ideas: Told, task: str):
    record = ideas.record(task, "proposal")
    assert record.status == "done"
    assert record.scores["Overall"] is not None


def test_a_bug_of_the_users_agent_is_its_failure_and_shows_its_line(ideas: Told):
    record = ideas.record("iclr2025_verifai", "idea")
    assert record.status == "failed"
    assert record.reason.startswith("ZeroDivisionError: a bug of the agent")
    assert 'agents.py", line' in record.reason
    assert ideas.record("iclr2025_verifai", "proposal").status == "done"  # it had left its idea before


def test_a_failed_item_beats_an_error_in_the_exit_code(experiments: Told):
    assert experiments.code == 1
    assert "1 error" in experiments.output
    assert experiments.record("iclr2025_wsl", "experiment").reason == "the data service of the agent is down"


@pytest.mark.parametrize("task", ["iclr2025_dl4c", "iclr2025_question", "iclr2025_scope"])
def test_what_lies_beside_a_usable_output_does_not_fail_it(ideas: Told, task: str):
    assert ideas.record(task, "idea").status == "done"
    assert ideas.record(task, "proposal").status == "done"


def test_what_was_not_kept_is_in_the_record(ideas: Told):
    assert "weights.bin: left out, it has 2147483648 bytes" in str(ideas.record("iclr2025_dl4c", "idea").environment)
    links = ideas.record("iclr2025_question", "idea").environment["left_out"]
    assert links == ["etc: left out, it is a symbolic link", "notes.md: left out, it is a symbolic link"]


def test_a_file_name_cannot_forge_lines_or_reach_the_terminal(ideas: Told):
    assert set(ideas.kept("iclr2025_scope", "idea")) == {"idea.md", "notes%0A1 passed %1B[2J.md"}
    assert not any(line.startswith("1 passed") for line in ideas.output.splitlines())
    assert "\x1b[2J" not in ideas.output


@pytest.mark.parametrize("name", ["ideas", "experiments"])
def test_nothing_but_regular_files_of_bounded_size_is_kept(name: str, request: pytest.FixtureRequest):
    told: Told = request.getfixturevalue(name)
    secret = SECRET.read_bytes()
    kept = 0
    for key in told.store.keys():  # noqa: SIM118 - a store is no mapping
        for file, status in told.kept(key.task, key.stage).items():
            assert stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode), f"{key}: {file}"
            assert status.st_size < KEPT_OF_A_STAGE, f"{key}: {file}"
            kept += stat.S_ISREG(status.st_mode)
    assert kept > 10
    for path in told.store.root.rglob("*"):
        if path.is_file():
            assert secret[:60] not in path.read_bytes(), f"{path} holds a file of the host"


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ("iclr2025_bi_align", "this topic is not for me"),
        ("iclr2025_mldpr", "results/results.md: left out, it is a symbolic link"),
    ],
)
def test_an_experiment_that_gives_up_or_leaves_no_results_has_failed(experiments: Told, task: str, reason: str):
    record = experiments.record(task, "experiment")
    assert record.status == "failed"
    assert reason in record.reason


def test_a_bug_in_the_experiment_is_told_in_one_line_and_whole(experiments: Told):
    record = experiments.record("iclr2025_buildingtrust", "experiment")
    assert record.status == "failed"
    assert record.reason.startswith("ZeroDivisionError: a bug of the agent")
    assert "FAILED 1x (iclr2025_buildingtrust/experiment): ZeroDivisionError: a bug of the agent" in experiments.output


def test_a_large_file_or_a_link_among_the_results_is_left_out_and_said(experiments: Told):
    large = experiments.record("iclr2025_data_problems", "experiment")
    linked = experiments.record("iclr2025_question", "experiment")
    assert large.status == linked.status == "done"
    assert "results/predictions.npy: left out, it has 2147483648 bytes" in large.environment["left_out"][0]
    assert linked.environment["left_out"] == ["results/accounts.txt: left out, it is a symbolic link"]


def test_an_experiment_without_a_ledger_is_not_verified(experiments: Told):
    """This agent wrote its files itself, on the host: no command of the run printed them."""
    assert experiments.record("iclr2025_data_problems", "experiment").verdict == "unverified"


def test_no_runner_and_no_workspace_of_a_finished_trial_is_left(experiments: Told):
    for task in EXPERIMENTS:
        folder = experiments.store.trial(TrialKey(task, "experiment"))
        assert not (folder / "runner.json").exists()
        assert (folder / "work").exists() == (experiments.record(task, "experiment").status == "error")


def test_a_resumed_run_keeps_failures_and_redoes_errors(experiments: Told):
    """As docs/interface.md says of resuming; last in this file, since it takes the run up again."""
    before = {key: experiments.store.record(key) for key in experiments.store.keys()}  # noqa: SIM118
    chosen = {task: EXPERIMENTS[task] for task in ("iclr2025_bi_align", "iclr2025_wsl")}
    again = session(experiments.store.root.parent, "Experimenter", chosen, "--mlr-stage=experiment")
    assert "1 failed, 1 error" in again.output
    assert again.record("iclr2025_bi_align", "experiment") == before[TrialKey("iclr2025_bi_align", "experiment")]
    redone = again.record("iclr2025_wsl", "experiment")
    assert redone.attempt == 2
    assert json.loads((again.store.trial(redone.key) / "record.json").read_text())["status"] == "error"
