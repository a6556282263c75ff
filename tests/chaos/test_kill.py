"""kill -9 at any moment, then the same command again: nothing finished is done or paid twice, and the end is as if undisturbed."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from pytest_mlrbench.results.store import RunStore
from tests.support.once import once
from tests.support.scripted_server import ScriptedServer
from tests.support.sessions import MODEL, Session, outcome, run, until

ARGUMENTS = (*MODEL, "--mlr-task=iclr2025_wsl", "--mlr-sandbox=local", "--mlr-run=run", "-p", "no:cacheprovider")
TEXTS = ("--mlr-stage=idea,proposal",)
"""Where what is killed has nothing to do with an experiment, whose runner costs as much as all the rest."""

CRASH = """
import os, signal, sys
# Kills the engine at the chosen rename, which is where a record becomes visible.
if "pytest_mlrbench.engine" in sys.orig_argv:
    left = [int(os.environ["CRASH_AT"])]
    whole = os.replace
    def replace(source, target, **options):
        left[0] -= 1
        if left[0] == 0 and os.environ.get("CRASH_SIDE") == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = whole(source, target, **options)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    os.replace = replace
"""


Undisturbed = dict[tuple[str, ...], tuple[dict, int]]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """What the run comes to in peace, and how many answers the server gave for it; of all stages, and of TEXTS."""

    def make(folder: Path) -> Undisturbed:
        found = {}
        for chosen in ((), TEXTS):
            place = folder / str(len(chosen))
            place.mkdir()
            with ScriptedServer() as server:
                code, output = run(place, *ARGUMENTS, *chosen, "-n", "2", server=server)
                assert code == 0, output
                found[chosen] = outcome(RunStore(place / "run")), server.stats()["total"]
        return found

    return once(tmp_path_factory, "undisturbed", make)


def resume(folder: Path, server: ScriptedServer, undisturbed: Undisturbed, lost: int, *chosen: str) -> None:
    """Run again and compare; `lost` answers at most may have been given to a process that died before it stored them."""
    code, output = run(folder, *ARGUMENTS, *chosen, "-n", "2", server=server)
    assert code == 0, output
    expected, calls = undisturbed[chosen]
    assert outcome(RunStore(folder / "run")) == expected
    assert calls <= server.stats()["total"] <= calls + lost


@pytest.mark.parametrize("stage", ["idea", "paper"])
def test_engine_killed_during_a_model_call(tmp_path: Path, undisturbed, stage: str):
    chosen = TEXTS if stage == "idea" else ()
    with ScriptedServer(latency=0.3) as server:
        session = Session(tmp_path, *ARGUMENTS, *chosen, "-n", "2", server=server)
        until(lambda: server.stats()["calls"].get("m", {}).get(stage), f"answer of stage {stage}")
        session.engine().kill()
        assert session.wait() == 7, session.output
        resume(tmp_path, server, undisturbed, 8, *chosen)


def test_engine_killed_during_a_review(tmp_path: Path, undisturbed):
    with ScriptedServer(latency=0.3) as server:
        session = Session(tmp_path, *ARGUMENTS, *TEXTS, "-n", "2", server=server)
        until(lambda: server.stats()["calls"].get("j1"), "review")
        session.engine().kill()
        assert session.wait() == 7, session.output
        resume(tmp_path, server, undisturbed, 8, *TEXTS)


def test_pytest_killed_leaves_its_experiments_to_be_adopted(tmp_path: Path, undisturbed):
    with ScriptedServer(latency=0.3) as server:
        session = Session(tmp_path, *ARGUMENTS, "-n", "2", server=server)
        runner = until(lambda: session.children("pytest_mlrbench.engine.runner"), "runner")[0]
        until(lambda: server.stats()["calls"].get("m", {}).get("experiment"), "turn of the coder")
        engine = session.engine()
        session.kill()
        until(lambda: not engine.is_running() or engine.status() == psutil.STATUS_ZOMBIE, "end of the engine")
        assert runner.is_running()
        assert runner.status() != psutil.STATUS_ZOMBIE
        resume(tmp_path, server, undisturbed, 4)


def test_runner_killed_during_a_command_is_an_error_and_is_redone_from_its_stored_answers(tmp_path: Path, undisturbed):
    with ScriptedServer(latency=0.3) as server:
        session = Session(tmp_path, *ARGUMENTS, "-n", "2", server=server)
        evidence = tmp_path / "run" / "trials" / "iclr2025_wsl" / "experiment" / "evidence.jsonl"
        until(lambda: evidence.is_file() and '"command"' in evidence.read_text(), "command in the ledger")
        for runner in session.children("pytest_mlrbench.engine.runner"):
            if "iclr2025_wsl" in " ".join(runner.cmdline()):
                runner.kill()
        assert session.wait() == 7, session.output
        assert "killed by signal 9" in session.output
        resume(tmp_path, server, undisturbed, 4)


@pytest.mark.parametrize(("rename", "side", "chosen"), [(1, "before", TEXTS), (9, "after", TEXTS), (17, "after", ())])
def test_engine_killed_at_a_rename(tmp_path: Path, undisturbed, rename: int, side: str, chosen: tuple[str, ...]):
    (tmp_path / "crash").mkdir()
    (tmp_path / "crash" / "sitecustomize.py").write_text(CRASH)
    env = {"PYTHONPATH": str(tmp_path / "crash"), "CRASH_AT": str(rename), "CRASH_SIDE": side}
    with ScriptedServer() as server:
        code, output = run(tmp_path, *ARGUMENTS, *chosen, "-n", "2", server=server, env=env)
        assert code in (3, 4, 7), output
        resume(tmp_path, server, undisturbed, 8, *chosen)


def test_ctrl_c_stops_the_experiments_and_prints_how_to_go_on(tmp_path: Path, undisturbed):
    with ScriptedServer(latency=0.3) as server:
        session = Session(tmp_path, *ARGUMENTS, "-n", "2", server=server)
        runners = until(lambda: session.children("pytest_mlrbench.engine.runner"), "runner")
        until(lambda: server.stats()["calls"].get("m", {}).get("experiment"), "turn of the coder")
        session.interrupt()
        assert session.wait() == 2, session.output
        assert "resume with: pytest" in session.output
        assert "--mlr-run=" in session.output.split("resume with:")[1]
        assert not any(runner.is_running() and runner.status() != psutil.STATUS_ZOMBIE for runner in runners)
        resume(tmp_path, server, undisturbed, 4)


def test_sigterm_is_an_orderly_end_too(tmp_path: Path):
    with ScriptedServer(latency=0.5) as server:
        session = Session(tmp_path, *ARGUMENTS, "-n", "0", server=server)
        until(lambda: server.stats()["total"], "answer")
        os.kill(session.process.pid, signal.SIGTERM)
        assert session.wait() == 2, session.output
        assert "resume with: pytest" in session.output
        assert not (tmp_path / "run" / "run.lock").exists()


def test_worker_killed_is_an_error_of_its_item_alone(tmp_path: Path, undisturbed):
    with ScriptedServer(latency=0.3) as server:
        session = Session(tmp_path, *ARGUMENTS, *TEXTS, "-n", "2", server=server)
        until(lambda: server.stats()["total"], "answer")
        until(lambda: session.children("import sys;exec"), "xdist worker")[0].kill()
        assert session.wait() == 7, session.output
        assert "1 error" in session.output
        resume(tmp_path, server, undisturbed, 0, *TEXTS)
