"""A run taken up again: what is finished costs no call and no import, more stages and epochs add only themselves."""

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.results.calls import CallLog
from pytest_mlrbench.results.store import RunStore
from tests.support.scripted_server import ScriptedServer
from tests.support.sessions import MODEL, records, run

TASK = "iclr2025_wsl"
COMMON = (f"--mlr-task={TASK}", "--mlr-run=run", "-n", "0", "-p", "no:cacheprovider")

MARK_IMPORTS = """
import os, pathlib
pathlib.Path(os.environ["IMPORTED"]).write_text("litellm")
raise ImportError("litellm is not to be imported for a finished run")
"""


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, server: ScriptedServer) -> Path:
    """A folder with a finished run of one idea; tests work on copies."""
    folder = tmp_path_factory.mktemp("first")
    code, output = run(folder, *MODEL, *COMMON, "--mlr-stage=idea", server=server)
    assert code == 0, output
    return folder


@pytest.fixture
def folder(first: Path, tmp_path: Path) -> Path:
    shutil.copytree(first / "run", tmp_path / "run")
    return tmp_path


def asked(server: ScriptedServer, before: int) -> list[tuple[str, int]]:
    """Model and number of messages of every request after the first `before`."""
    return sorted((body["model"], len(body["messages"])) for body in server.bodies[before:])


def test_a_finished_run_is_served_without_the_server_and_without_litellm(folder: Path):
    (folder / "poison").mkdir()
    (folder / "poison" / "litellm.py").write_text(MARK_IMPORTS)
    env = {
        "PYTHONPATH": str(folder / "poison"),
        "IMPORTED": str(folder / "imported"),
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    }
    before = records(RunStore(folder / "run"))
    code, output = run(folder, *MODEL, *COMMON, "--mlr-stage=idea", env=env)
    assert code == 0, output
    assert "1 item, 1 already done; nothing to run" in output
    assert "1 passed" in output
    assert not (folder / "imported").exists()
    assert records(RunStore(folder / "run")) == before


def test_a_finished_run_needs_no_key(folder: Path):
    code, output = run(folder, *MODEL, *COMMON, "--mlr-stage=idea")
    assert code == 0, output


def test_a_stage_added_later_is_all_that_is_done(folder: Path, server: ScriptedServer):
    before = len(server.bodies)
    idea = RunStore(folder / "run").record(TrialKey(TASK, "idea"))
    code, output = run(folder, *MODEL, *COMMON, "--mlr-stage=idea,proposal", server=server)
    assert code == 0, output
    assert "2 items, 1 already done; to make: literature 1, proposal 1; to judge: 1 by" in output
    assert asked(server, before) == [("j1", 1), ("j2", 1), ("m", 1)]
    store = RunStore(folder / "run")
    assert store.record(TrialKey(TASK, "idea")) == idea
    assert len(store.run()["resumed"]) == 1


def test_an_epoch_added_later_is_all_that_is_done(folder: Path, server: ScriptedServer):
    before = len(server.bodies)
    code, output = run(folder, *MODEL, *COMMON, "--mlr-stage=idea", "--mlr-epochs=2", server=server)
    assert code == 0, output
    assert asked(server, before) == [("j1", 1), ("j2", 1), ("m", 1)]
    second = folder / "run" / "trials" / TASK / "idea.e2"
    assert json.loads((second / "record.json").read_text())["epoch"] == 2
    assert (second / "output" / "idea.md").is_file()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--mlr-model=openai/other", *MODEL[1:]], "model: 'openai/m' -> 'openai/other'"),
        ([MODEL[0], "--mlr-judges=openai/j1", *MODEL[2:]], "judges: ['openai/j1', 'openai/j2'] -> ['openai/j1']"),
        ([*MODEL, "--mlr-seed=1"], "seed: 0 -> 1"),
    ],
)
def test_a_run_of_other_settings_is_refused_and_left_as_it_was(folder: Path, arguments: list[str], named: str):
    before = (folder / "run" / "run.json").read_bytes()
    code, output = run(folder, *arguments, *COMMON, "--mlr-stage=idea")
    assert code == 4, output
    assert "is a run of other settings, which cannot be mixed" in output
    assert named in output
    assert (folder / "run" / "run.json").read_bytes() == before


def test_limits_and_thresholds_may_change(folder: Path):
    """The score is the stored one; only what is asked of it is new."""
    record = RunStore(folder / "run").record(TrialKey(TASK, "idea"))
    assert record is not None
    overall = record.scores["Overall"]
    assert overall is not None
    code, output = run(folder, *MODEL, *COMMON, "--mlr-stage=idea", "--mlr-min=Overall:10", "--mlr-timeout=idea:1h")
    assert code == (1 if overall < 10 else 0), output
    assert (f"Overall {overall:.2f} is below --mlr-min=Overall:10" in output) == (overall < 10)


def test_the_printed_resume_command_goes_on(tmp_path: Path, server: ScriptedServer):
    """Typed back word for word, it finishes the run: here after the judge's provider refused the request."""
    server.fault("400", model="j1")
    code, output = run(tmp_path, *MODEL, *COMMON[:-2], "--mlr-stage=idea", server=server)
    assert code == 7, output
    assert "the provider answered 400" in output
    command = next(line for line in output.splitlines() if "resume with: pytest " in line).partition("resume with: pytest ")[2]
    code, output = run(tmp_path, *shlex.split(command), server=server)
    assert code == 0, output
    assert "1 passed" in output


def test_the_budget_ends_a_run_and_a_higher_one_finishes_it(tmp_path: Path, server: ScriptedServer):
    arguments = (
        "--mlr-model=openai/m",
        "--mlr-judges=openai/j1",
        "--mlr-price=1,1",
        "--mlr-search=none",
        "--mlr-suite=smoke",
        "--mlr-stage=idea,proposal",
        "--mlr-run=run",
        "--mlr-concurrency=1",
        "-n",
        "2",
    )
    before = len(server.bodies)
    code, output = run(tmp_path, *arguments, "--mlr-budget=0.005", server=server)
    store = RunStore(tmp_path / "run")
    skipped = [record for record in store.records() if record.status == "skipped"]
    assert code == 9, output
    assert skipped
    assert all(record.over_budget and "the budget of 0.005 USD is used up" in record.reason for record in skipped), skipped
    assert f"exit code 9: the budget ended the run, {len(skipped)} items were not done" in output
    spent = CallLog(store.calls, "test").spent()
    assert 0.005 <= spent.cost < 0.05
    assert spent.usage.calls == len(server.bodies) - before

    code, output = run(tmp_path, *arguments, "--mlr-budget=1", server=server)
    assert code == 0, output
    assert "6 passed" in output
    calls = list(CallLog(store.calls, "test").read())
    assert len(calls) == len({(call.scope.partition("~")[0], call.digest) for call in calls}) == 3 + 3 + 6


def test_an_experiment_cut_by_the_budget_goes_on_from_its_stored_answers(tmp_path: Path, server: ScriptedServer):
    arguments = (
        "--mlr-model=openai/m",
        "--mlr-judges=offline",
        "--mlr-price=1,1",
        "--mlr-search=none",
        f"--mlr-task={TASK}",
        "--mlr-stage=experiment",
        "--mlr-sandbox=local",
        "--mlr-run=run",
        "-n",
        "0",
    )
    before = len(server.bodies)
    code, output = run(tmp_path, *arguments, "--mlr-budget=0.008", server=server)
    assert code == 9, output
    record = RunStore(tmp_path / "run").record(TrialKey(TASK, "experiment"))
    assert record is not None
    assert record.status == "skipped"
    assert record.over_budget
    assert re.fullmatch(r"its share of 0\.00\d\d USD of the budget of 0\.0080 USD is used up; .*--mlr-budget=USD.*", record.reason)
    cut = len(server.bodies) - before
    assert 2 < cut < 6

    code, output = run(tmp_path, *arguments, "--mlr-budget=1", server=server)
    assert code == 0, output
    assert len(server.bodies) - before == 6
    done = RunStore(tmp_path / "run").record(TrialKey(TASK, "experiment"))
    assert done is not None
    assert done.verdict == "verified"
    assert done.agent_spent.usage.calls == 4
