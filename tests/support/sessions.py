"""A user's pytest session in a process of its own, against the scripted server; integration and chaos tests start and kill it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from pytest_mlrbench.records import TrialRecord
from pytest_mlrbench.results.store import RunStore
from tests.support.scripted_server import ScriptedServer

MODEL = ("--mlr-model=openai/m", "--mlr-judges=openai/j1,openai/j2", "--mlr-budget=none", "--mlr-search=none")
PATIENCE = 120.0
"""Seconds until something that should happen counts as not happening."""
UNUSED = "-p no:hypothesispytest -p no:timeout -p no:anyio"
"""Plugins that no session here needs: hypothesis and timeout are this project's own tests' (0.8 s in every process); anyio's comes
with litellm (0.1 s), so what measures a user's session has it (tests.perf.measure)."""


def environment(server: ScriptedServer | None, **extra: str) -> dict[str, str]:
    """This machine's environment without its keys; with a key and an address for the scripted server."""
    # As for any user, bytecode is kept: compiling the package anew in every process would double what a session costs.
    left_out = ("PYTEST_", "PYTHONDONTWRITEBYTECODE")
    clean = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY") and not name.startswith(left_out)}
    if server is not None:
        clean |= {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": server.url, "OPENAI_API_BASE": server.url}
    return {**clean, "COLUMNS": "200", "PYTEST_ADDOPTS": UNUSED, **extra}


class Session:
    """One `pytest ...` of a user."""

    def __init__(self, cwd: Path, *arguments: str, server: ScriptedServer | None = None, env: dict[str, str] | None = None) -> None:
        self.log = cwd / "session.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pytest", *arguments],
                cwd=cwd,
                env=environment(server, **(env or {})),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # A machine that starts its CI in the background has it ignored, and that is inherited.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )

    def wait(self, timeout: float = 300) -> int:
        return self.process.wait(timeout)

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def children(self, part: str) -> list[psutil.Process]:
        """Descendants whose command line holds `part`."""
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if any(part in word for word in process.cmdline()):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def engine(self) -> psutil.Process:
        return until(lambda: self.children("pytest_mlrbench.engine"), "an engine")[0]

    def interrupt(self) -> None:
        """Ctrl-C: SIGINT to the foreground process group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def kill(self) -> None:
        """kill -9 of pytest alone."""
        self.process.kill()
        self.process.wait()


def run(cwd: Path, *arguments: str, server: ScriptedServer | None = None, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code and output of a whole session."""
    session = Session(cwd, *arguments, server=server, env=env)
    code = session.wait()
    output = session.output
    session.log.unlink()
    return code, output


def until(condition: Callable[[], Any], what: str) -> Any:
    """The first true value of `condition`; fails when there is none within PATIENCE."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"there was no {what} within {PATIENCE:g} s")


def outcome(store: RunStore) -> dict[str, Any]:
    """What a run came to, without times: to compare a disturbed run with an undisturbed one.

    The scripted judges score by a digest of what they are shown, and from the experiment on that holds run times: there only
    which dimensions were scored can be the same.
    """

    def scores(record: TrialRecord, found: dict[str, Any]) -> Any:
        return found if record.stage in ("idea", "proposal") else sorted(found)

    return {
        str(record.key): {
            "status": record.status,
            "scores": scores(record, record.scores),
            "verdict": record.verdict,
            "findings": [(finding.check, finding.severity, finding.message) for finding in record.findings],
            "reviews": {review.judge: scores(record, review.scores) for review in record.reviews},
        }
        for record in store.records()
    }


def records(store: RunStore) -> dict[str, Any]:
    """record.json by trial key, as plain JSON."""
    trials = store.keys()
    return {str(key): json.loads((store.trial(key) / "record.json").read_text()) for key in trials if store.record(key)}
