"""How the controller lets go of its engine: one that ends, one that hangs, one that says it has ended and stays."""

import threading
from multiprocessing.connection import Listener
from pathlib import Path

import psutil
import pytest

from pytest_mlrbench.engine import client
from pytest_mlrbench.engine.client import EngineClient, EngineProcess
from pytest_mlrbench.errors import InfrastructureError

READY = """read hello; echo '{"ready": true}'; """
ENDED = """cat > /dev/null; echo '{"ended": true}'; """


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    def start(script: str) -> EngineProcess:
        python = tmp_path / "python"
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
        monkeypatch.setattr(client.sys, "executable", str(python))
        made = EngineProcess({"run": str(tmp_path / "run")})
        made.ready()
        return made

    return start


def gone(engine: EngineProcess) -> bool:
    return not psutil.pid_exists(engine.pid) and not Path(engine.address).parent.exists()


def test_nobody_waits_for_the_interpreter_to_be_taken_apart(started, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    engine = started(READY + ENDED + f"while [ ! -e {tmp_path}/go ]; do sleep 0.05; done")
    engine.wait(600)
    assert engine._process.poll() is None
    (tmp_path / "go").touch()
    engine.reap()
    assert (gone(engine), engine._process.returncode) == (True, 0)


def test_an_engine_that_does_not_end_is_killed(started) -> None:  # type: ignore[no-untyped-def]
    engine = started(READY + "exec sleep 600")
    engine.wait(0.1)
    engine.reap()
    assert gone(engine)
    assert engine._process.returncode == -9


def test_an_engine_that_says_it_has_ended_and_stays_is_killed(started, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(client, "REAP", 0.1)
    engine = started(READY + ENDED + "exec sleep 600")
    engine.wait(600)
    engine.reap()
    assert (gone(engine), engine._process.returncode) == (True, -9)


def test_one_that_dies_is_not_waited_for(started) -> None:  # type: ignore[no-untyped-def]
    engine = started(READY + "exit 3")
    engine.wait(600)
    engine.reap()
    assert (gone(engine), engine._process.returncode) == (True, 3)


def test_an_engine_that_does_not_start_says_where_to_look(started) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InfrastructureError, match=r"did not start; see .*engine\.log"):
        started("exit 1")


def test_one_that_nobody_waited_for_is_ended_too(tmp_path: Path, started) -> None:  # type: ignore[no-untyped-def]
    started(READY + ENDED).reap()
    engine = EngineProcess({"run": str(tmp_path / "run")})
    engine.wait(600)  # over the line that says it is ready
    engine.reap()
    assert (gone(engine), engine._process.returncode) == (True, 0)


def test_a_worker_that_is_there_before_the_engine_waits_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = str(tmp_path / "engine")
    looked = threading.Event()
    monkeypatch.setattr(client.time, "sleep", lambda seconds: looked.set())
    made: list[EngineClient] = []
    worker = threading.Thread(target=lambda: made.append(EngineClient(address, "ab" * 16)), daemon=True)
    worker.start()
    assert looked.wait(60)
    with Listener(address, family="AF_UNIX", authkey=bytes.fromhex("ab" * 16)) as listener:
        listener.accept().close()
        worker.join(60)
    assert len(made) == 1
    made[0].close()


def test_nobody_waits_for_an_engine_whose_folder_is_gone(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="does not answer"):
        EngineClient(str(tmp_path / "removed" / "engine"), "ab" * 16)
