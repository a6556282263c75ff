"""The pytest side's end of the engine's socket: start the engine, ask it. Stdlib only, every worker imports it."""

import contextlib
import json
import os
import secrets
import select
import shutil
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any

from ..errors import ConfigError, InfrastructureError

CONFIG = "ConfigError"
ENDED = {"ended": True}
"""The engine's last line: everything is on disk and the run is free for others."""
STARTING, LISTENING = 120.0, 1.0
"""Seconds until an engine has its socket, and from there until it listens; a busy machine takes its time."""
REAP = 10.0
"""Seconds that an engine which has said so has to be gone."""
ENVIRONMENT = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "131072", "PYDANTIC_DISABLE_PLUGINS": "__all__"}
"""Of the engine, unless the user set it otherwise: glibc gives freed texts back to the system; pydantic does not read the metadata
of every installed package for plug-ins, which have nothing to say here."""


def send(connection: Connection, message: dict[str, Any]) -> None:
    """One message as JSON: nothing that crosses the socket is unpickled."""
    connection.send_bytes(json.dumps(message).encode())


def receive(connection: Connection) -> dict[str, Any]:
    message = json.loads(connection.recv_bytes())
    assert isinstance(message, dict)
    return message


class EngineClient:
    """A connection to the engine; blocking, for one thread."""

    def __init__(self, address: str, authkey: str) -> None:
        """Raises InfrastructureError when there is no engine; one that is just starting is waited for."""
        began = time.monotonic()
        while True:
            try:
                self._connection = Client(address, family="AF_UNIX", authkey=bytes.fromhex(authkey))
                return
            except OSError as error:
                # Workers are started beside the engine, and may be there first. Its folder is removed when it refuses the run.
                starting = isinstance(error, FileNotFoundError) and Path(address).parent.exists()
                patience = STARTING if starting else LISTENING if isinstance(error, ConnectionRefusedError) else 0.0
                if time.monotonic() - began >= patience:
                    raise InfrastructureError(f"the engine does not answer at {address}: {error}") from error
            time.sleep(0.02)

    def ask(self, op: str, **arguments: Any) -> dict[str, Any]:
        """The engine's answer. Raises ConfigError when it says so, InfrastructureError when it is gone."""
        try:
            send(self._connection, {"op": op, **arguments})
            answer = receive(self._connection)
        except (OSError, EOFError) as error:
            raise InfrastructureError(
                f"the engine is gone ({type(error).__name__}); its last words are in engine.log of the run"
            ) from error
        if "error" in answer:
            raise (ConfigError if answer.get("kind") == CONFIG else InfrastructureError)(str(answer["error"]))
        return answer

    def close(self) -> None:
        self._connection.close()


class EngineProcess:
    """The engine as a child of the pytest controller; ends when our end of its stdin closes."""

    def __init__(self, settings: dict[str, Any]) -> None:
        """Start it for `settings` (Settings.model_dump). Raises ConfigError when the run directory cannot be written."""
        self._directory = Path(tempfile.mkdtemp(prefix="mlrbench-"))
        self.address = str(self._directory / "engine")
        self.authkey = secrets.token_hex(32)
        run = Path(settings["run"])
        try:
            run.mkdir(parents=True, exist_ok=True)
            self._log = run / "engine.log"
            log = self._log.open("ab")
        except OSError as error:
            shutil.rmtree(self._directory, ignore_errors=True)
            raise ConfigError(f"--mlr-run={run}: cannot be written ({error.strerror}); choose a directory that can") from error
        with log:
            self._process = subprocess.Popen(
                # -P: a json.py in the user's directory must not shadow the standard library; an agent there is still found, last.
                [sys.executable, "-P", "-m", "pytest_mlrbench.engine"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                # Ctrl-C goes to the terminal's process group; the controller decides what it means for the engine.
                start_new_session=True,
                env={**ENVIRONMENT, **os.environ, "PYTHONUNBUFFERED": "1"},
            )
        assert self._process.stdin
        hello = {
            "settings": settings,
            "address": self.address,
            "authkey": self.authkey,
            "path": [*(entry for entry in sys.path if entry), str(Path.cwd())],
        }
        with contextlib.suppress(BrokenPipeError):  # it has died; what it did not say tells
            self._process.stdin.write(json.dumps(hello).encode() + b"\n")
            self._process.stdin.flush()

    def ready(self) -> None:
        """Wait until it listens: half a second in which others can start too.

        Raises ConfigError for settings the engine refuses (a run of other settings, or in use), InfrastructureError otherwise.
        """
        assert self._process.stdout
        line = self._process.stdout.readline()
        said = json.loads(line) if line else {"error": f"the engine did not start; see {self._log}"}
        if "error" in said:
            self.reap()
            raise (ConfigError if said.get("kind") == CONFIG else InfrastructureError)(said["error"])

    def connect(self) -> EngineClient:
        return EngineClient(self.address, self.authkey)

    @property
    def pid(self) -> int:
        return self._process.pid

    def _end(self) -> None:
        """Tell it to end: its stdin closes."""
        if self._process.stdin and not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):  # it is gone already
                self._process.stdin.close()

    def wait(self, timeout: float) -> None:
        """Tell it to end and wait until the run is written and unlocked; kill it when that takes more than `timeout` seconds.

        The process itself goes on for a moment, as Python does to take a thousand modules apart: `reap` waits for that.
        """
        self._end()
        assert self._process.stdout
        until = time.monotonic() + timeout
        while select.select([self._process.stdout], [], [], max(0.0, until - time.monotonic()))[0]:
            line = self._process.stdout.readline()
            if not line or json.loads(line) == ENDED:  # without a line it has ended without a word
                return
        self._process.kill()

    def reap(self) -> None:
        """Wait until the process is gone; kill one that stays."""
        self._end()
        try:
            self._process.wait(REAP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        shutil.rmtree(self._directory, ignore_errors=True)
