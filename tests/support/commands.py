"""Commands of `mlrbench` against the scripted server: in this process, or in one that can be killed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_mlrbench.cli import main
from pytest_mlrbench.results.store import RunStore
from tests.support.runs import add, make_run, review
from tests.support.scripted_server import ScriptedServer
from tests.support.sessions import environment

TASKS = ("iclr2025_dl4c", "iclr2025_scsl", "iclr2025_wsl")
FREE = "--mlr-budget=none"


def use(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the models of `openai/` be the server's."""
    for name in ("OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.setenv(name, server.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of one command in this process."""
    capsys.readouterr()
    code = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def start(cwd: Path, server: ScriptedServer, *arguments: str) -> subprocess.Popen[bytes]:
    """The command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "pytest_mlrbench.cli", *arguments],
        cwd=cwd,
        env=environment(server),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def ideas(root: Path, texts: dict[str, str], *, scores: tuple[int, int] = (4, 6), **settings: Any) -> RunStore:
    """A run with one idea a task, reviewed by j1 and j2."""
    store = make_run(root, **settings)
    for task, text in texts.items():
        reviews = [review(f"openai/j{number}", "idea", {"Overall": score}) for number, score in enumerate(scores, 1)]
        add(store, f"{task}/idea", reviews, output={"idea.md": text})
    return store


def asked(server: ScriptedServer) -> dict[str, int]:
    """Model -> answers it gave."""
    return {model: sum(stages.values()) for model, stages in server.stats()["calls"].items()}


def record(store: RunStore, key: str) -> dict[str, Any]:
    """record.json as plain JSON."""
    loaded: dict[str, Any] = json.loads((store.root / "trials" / key / "record.json").read_text())
    return loaded
