"""Runs that several tests of the gate stand on; each is made once a session, and nobody may change it (copy it first)."""

from pathlib import Path

import pytest

from tests.support.once import once
from tests.support.scripted_server import ScriptedServer
from tests.support.sessions import run

TASK = "iclr2025_wsl"
EXPERIMENT = ("--mlr-stage=experiment", f"--mlr-task={TASK}")
IDEAS = ("--mlr-suite=smoke", "--mlr-stage=idea")
MANY = ("--mlr-venue=ICLR", "--mlr-year=2025", "--mlr-stage=idea")
JUDGED = ("--mlr-judges=openai/j1", "--mlr-budget=none")
"""A judge whose id names no snapshot, behind the scripted server."""


def _baseline(factory: pytest.TempPathFactory, name: str, *arguments: str) -> Path:
    """A run of the offline model, `base`."""

    def make(folder: Path) -> Path:
        code, output = run(folder, "--mlr-model=offline", *arguments, "--mlr-run=base")
        assert code == 0, output
        return folder / "base"

    return once(factory, name, make)


def honest(factory: pytest.TempPathFactory) -> Path:
    """The offline model's experiment, as a baseline."""
    return _baseline(factory, "gate-honest", *EXPERIMENT, "-n", "0")


def fabricated(factory: pytest.TempPathFactory) -> tuple[int, str, Path]:
    """The fabricator's `new` against the honest baseline, as a CI job: exit code, output and folder."""
    base = honest(factory)

    def make(folder: Path) -> tuple[int, str, Path]:
        env = {"GITHUB_STEP_SUMMARY": str(folder / "page.md")}
        (folder / "page.md").write_text("# The job\n", encoding="utf-8")
        chosen = (*EXPERIMENT, "-n", "0", "--mlr-run=new", f"--mlr-gate={base}", "--alluredir=allure")
        code, output = run(folder, "--mlr-model=offline-fabricator", *chosen, env=env)
        return code, output, folder

    return once(factory, "gate-fabricated", make)


def many(factory: pytest.TempPathFactory) -> Path:
    """37 ideas of the offline model, as a baseline for early looks."""
    return _baseline(factory, "gate-many", *MANY, "-n", "2")


def judged(factory: pytest.TempPathFactory) -> Path:
    """Three ideas of the offline model that JUDGED's panel has reviewed, as a baseline."""

    def make(folder: Path) -> Path:
        with ScriptedServer() as server:
            code, output = run(folder, "--mlr-model=offline", *JUDGED, *IDEAS, "-n", "0", "--mlr-run=base", server=server)
        assert code == 0, output
        return folder / "base"

    return once(factory, "gate-judged", make)
