"""Wall time and CPU of whole process trees, tables of ratios; every script of this folder uses it."""

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.support.sessions import environment

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Cost:
    """What one command took."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds of user and system time of the command and all descendants that were waited for."""
    code: int
    output: str


def run(command: Sequence[str], cwd: Path, env: dict[str, str], *, allowed: Sequence[int] = (0,)) -> Cost:
    """Run `command` to its end. Raises RuntimeError with its last lines when its exit status is not `allowed`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if done.returncode not in allowed:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout[-3000:]}")
    return Cost(wall, cpu, done.returncode, done.stdout)


def pytest_command(*arguments: str) -> list[str]:
    """Without the plugins of the project's own tests, which `pip install pytest-mlrbench` does not bring: hypothesis alone takes
    0.8 s in every process."""
    return [sys.executable, "-m", "pytest", "-q", "-p", "no:hypothesispytest", "-p", "no:timeout", *arguments]


def plain_environment(**extra: str) -> dict[str, str]:
    """Without keys; the project importable from this checkout, its bytecode kept as a user's Python keeps it. The plugins that
    `environment` leaves out of our own tests' sessions are `pytest_command`'s choice here: one of them, anyio's, users have."""
    found = {**environment(None), "PYTHONPATH": str(ROOT), **extra}
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTEST_ADDOPTS"):
        found.pop(name, None)
    return found


@contextmanager
def server(script: str = "tests.support.research_script:answer", *, latency: float = 0.5, reject_above: int | None = None):  # type: ignore[no-untyped-def]
    """The scripted server in a process of its own; yields its base URL and a function that reads its counters."""
    import urllib.request

    limit = [] if reject_above is None else [f"--reject-above={reject_above}"]
    command = [sys.executable, "-m", "tests.support.scripted_server", "--script", script, f"--latency={latency}", *limit]
    process = subprocess.Popen(command, cwd=ROOT, env=plain_environment(), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]

        def stats() -> dict[str, Any]:
            with urllib.request.urlopen(url.replace("/v1", "/stats")) as answer:
                return dict(json.load(answer))

        yield url, stats
    finally:
        process.terminate()
        process.wait()


def keyed(url: str, **extra: str) -> dict[str, str]:
    """The environment of a client of the scripted server."""
    return plain_environment(OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=url, OPENAI_API_BASE=url, **extra)


def machine() -> str:
    """One line for every table."""
    names = ("pytest", "pytest-xdist", "litellm")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    load = os.getloadavg()[0]
    python = platform.python_version()
    python = platform.python_version()
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {python}, {versions}; load {load:.1f} at the end"


def table(title: str, rows: Sequence[Sequence[str]], head: Sequence[str]) -> None:
    """Print a Markdown table, and the machine under it."""
    print(f"\n## {title}\n")
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)
    print(f"\n{machine()}", flush=True)
