"""Ctrl-C while the gate is at work after the items: it ends, says what it lacks and how to go on, and the next run does that."""

import asyncio
import json
import shutil
import signal
from pathlib import Path
from typing import Any

import docker
import psutil
import pytest

from pytest_mlrbench.engine.detached import Detached
from pytest_mlrbench.engine.places import Place
from pytest_mlrbench.engine.resources import Resources
from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.results.gate.repeats import repeat_key, repeats_of
from pytest_mlrbench.results.store import RunStore
from pytest_mlrbench.sandboxes.docker_engine import RUN_LABEL, TRIAL_LABEL
from pytest_mlrbench.settings import Settings
from tests.support import gated
from tests.support.docker import need_docker
from tests.support.runs import make_run
from tests.support.scripted_server import ScriptedServer
from tests.support.sessions import Session, run, until


def unfinished(copied: Path, folder: Path) -> Path:
    """A copy of a run whose gate had an answer: as it was when the items were done, but for that answer."""
    new = shutil.copytree(copied, folder / "new")
    shutil.rmtree(new / "repeats", ignore_errors=True)
    (new / "engine.log").unlink()
    return new


def running(processes: list[psutil.Process]) -> list[str]:
    """Those that have not ended."""
    alive = [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    return [" ".join(one.cmdline()) for one in alive]


def told_to_end(process: psutil.Process) -> bool:
    """Whether SIGTERM waits for a suspended process."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii").splitlines()
    waiting = next(line.split()[1] for line in status if line.startswith("ShdPnd:"))
    return bool(int(waiting, 16) & 1 << (signal.SIGTERM - 1))


def interrupted(session: Session, new: Path, lacks: str) -> None:
    """Ctrl-C at `session` and what it leaves. A runner is held until it is told to end: it would end by itself soon."""
    processes = psutil.Process(session.process.pid).children(recursive=True)
    runners = session.children("pytest_mlrbench.engine.runner")
    for runner in runners:
        runner.suspend()
    session.interrupt()
    for runner in runners:
        until(lambda one=runner: told_to_end(one) or session.process.poll() is not None, "end of the runner")
        runner.resume()
    assert session.wait(60) == 2, session.output
    assert running(processes) == []
    (line,) = [line for line in session.output.splitlines() if "resume with: pytest " in line]
    assert line.startswith(f"the gate has no answer yet, it still needs {lacks}; resume with: pytest ")
    assert line.endswith(f" --mlr-run={new}")
    assert not list(new.glob("gate.*")), "an earlier answer would be read as this one's"
    assert "Traceback" not in (new / "engine.log").read_text(encoding="utf-8") + session.output
    assert not (new / "run.lock").exists()


def test_during_a_repeat(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory):
    new = unfinished(gated.fabricated(tmp_path_factory)[2] / "new", tmp_path)
    key = TrialKey(gated.TASK, "experiment")
    before = RunStore(new).record(key)
    base = gated.honest(tmp_path_factory)
    arguments = ("--mlr-model=offline-fabricator", *gated.EXPERIMENT, "-n", "2", f"--mlr-gate={base}", "--mlr-run=new")
    session = Session(tmp_path, *arguments)
    home = repeats_of(RunStore(new)).trial(repeat_key(key))
    until((home / "evidence.jsonl").is_file, "repeat at work")
    assert session.children("pytest_mlrbench.engine.runner")
    interrupted(session, new, f"the repeat of {key}")
    assert repeats_of(RunStore(new)).record(repeat_key(key)) is None
    code, output = run(tmp_path, *arguments)
    assert code == 8, output
    assert json.loads((new / "gate.json").read_text(encoding="utf-8"))["confirmed"] == [str(key)]
    assert RunStore(new).record(key) == before, "only the repeat was left to do"


@pytest.mark.docker
def test_during_a_repeat_in_a_container(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory):
    need_docker()
    key, base = TrialKey(gated.TASK, "experiment"), gated.honest(tmp_path_factory)
    new = unfinished(gated.fabricated(tmp_path_factory)[2] / "new", tmp_path)
    described = RunStore(new).run()
    RunStore(new).write_run({**described, "settings": {**described["settings"], "sandbox": "docker"}})
    chosen = (*gated.EXPERIMENT, "-n", "0", "--mlr-sandbox=docker", "--mlr-cpus=1", "--mlr-memory=1GiB")
    arguments = ("--mlr-model=offline-fabricator", *chosen, f"--mlr-gate={base}", "--mlr-run=new")
    repeats = repeats_of(RunStore(new))

    def containers() -> list[Any]:
        return docker.from_env().containers.list(all=True, filters={"label": f"{RUN_LABEL}={repeats.root}"}, ignore_removed=True)

    session = Session(tmp_path, *arguments)
    until((repeats.trial(repeat_key(key)) / "evidence.jsonl").is_file, "repeat at work")
    assert [one.labels[TRIAL_LABEL] for one in containers()] == [str(repeat_key(key))]
    interrupted(session, new, f"the repeat of {key}")
    assert containers() == []
    code, output = run(tmp_path, *arguments)
    assert code == 8, output
    record = repeats.record(repeat_key(key))
    assert record is not None
    assert record.verdict == "hallucinated"
    assert record.environment["sandbox"] == "docker"
    assert record.environment["memory"] == 2**30
    assert containers() == []


def test_while_the_baseline_is_judged_again(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory):
    base = gated.judged(tmp_path_factory)
    new = unfinished(base, tmp_path)
    chosen = ("--mlr-model=offline", *gated.JUDGED, *gated.IDEAS, "-n", "0", f"--mlr-gate={base}", "--mlr-gate-max-drop=9")
    with ScriptedServer() as server:
        server.fault("hang", n=2)
        session = Session(tmp_path, *chosen, "--mlr-run=new", server=server)
        done = RunStore(new / "rejudged")
        until(lambda: server.stats()["faults"].get("hang") == 2 and any(done.records()), "one of three judged again")
        interrupted(session, new, "new reviews of 2 of the baseline's 3 outputs")
        assert [record.status for record in done.records()] == ["done"], "what was cut is not told as a fault of the judge"
        code, output = run(tmp_path, *chosen, "--mlr-run=new", server=server)
        assert server.stats()["requests"] == 5, "the one that was judged again is not paid again"
    assert code == 0, output
    assert "gate: holds" in output


def test_a_runner_that_was_only_just_started_is_stopped_too(tmp_path: Path):
    """Until it has imported what it needs it has claimed nothing: Ctrl-C at that moment left it to run on, for hours."""
    settings = Settings(model="offline", run=str(tmp_path / "run"), judges=("offline",), search="none", sandbox="local")
    store = make_run(Path(settings.run), model="offline", judges=("offline",))
    trial = store.trial(TrialKey(gated.TASK, "experiment"))
    trial.mkdir(parents=True)

    async def start_and_stop() -> list[psutil.Process]:
        detached = Detached(settings, store, Resources(settings, store, print))
        task = asyncio.create_task(detached._start("runner", trial, TrialKey(gated.TASK, "experiment"), {}, None, Place()))
        while not (trial / "runner.log").exists():
            await asyncio.sleep(0.001)
        started = [one for one in psutil.Process().children() if "pytest_mlrbench.engine.runner" in one.cmdline()]
        assert not (trial / "runner.json").exists()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await detached.stop_all()
        return started

    started = asyncio.run(start_and_stop())
    assert started
    assert running(started) == []
