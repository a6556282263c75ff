"""Helpers for the plugin's tests: a session in a process of its own, as a user starts it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.sessions import environment

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_pytest(tmp_path: Path) -> Run:
    """`run_pytest("--mlr-model=offline", ..., cwd=...)`: pytest in an empty directory, without the keys of this machine."""

    def run(*arguments: str, cwd: Path = tmp_path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        clean = environment(None)
        return subprocess.run(
            [sys.executable, "-m", "pytest", *arguments],
            cwd=cwd,
            env={**clean, **(env or {})},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run
