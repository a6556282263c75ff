"""Small experiments that really run and are really run again; the tests of replay and of the check `rerun` use it."""

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Any

from evidence_worlds import TODAY, PlainSandbox, World

from pytest_mlrbench.audits import Audit, Finding
from pytest_mlrbench.evidence.checks import Subject, subject_of_trial
from pytest_mlrbench.evidence.reruns import RERUN, Rerun
from pytest_mlrbench.replay import Limit, Replayer
from pytest_mlrbench.sandboxes.base import Sandbox, SandboxSpec

CSV_HEAD = "height,width,weight,label\n"


def csv_data(rows: int = 120) -> str:
    """A table with two classes that its first column mostly tells apart."""
    lines = []
    for i in range(rows):
        kind = i % 2
        noise = ((i * 7919) % 101) / 50 - 1.0
        lines.append(f"{1.5 * kind + noise:.3f},{((i * 104729) % 97) / 97:.3f},{((i * 31) % 53) / 53:.3f},{kind}")
    return CSV_HEAD + "\n".join(lines) + "\n"


class AgainWorld(World):
    """A world whose experiment can be run again. The experiment works in `work`, which becomes `output` as in a real run."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.work = self.trial / "work"
        shutil.move(self.output, self.work)
        self.ledger.workspace = self.work
        self.sandbox = PlainSandbox(SandboxSpec(self.work, "run", "task/experiment"))
        self.environment: dict[str, Any] = {}

    def finish(self) -> Subject:
        """What the runner does at the end."""
        if not self.output.exists():
            shutil.copytree(self.work, self.output, ignore=shutil.ignore_patterns("inputs", "__pycache__"))
            shutil.rmtree(self.work)
        return subject_of_trial("experiment", self.output, self.trial, {}, TODAY)

    def replayer(self, seconds: float = 600.0) -> Replayer:
        def sandbox(name: str, env: dict[str, str]) -> Sandbox:
            made = PlainSandbox(SandboxSpec(self.work, "run", f"task/experiment-{name}", env=env))
            return made

        return Replayer(
            self.finish(), self.work, sandbox, seed="0 task/experiment", limit=Limit(seconds), environment=self.environment
        )

    def again(self, seconds: float = 600.0) -> Rerun:
        """Run it again and store what came of it."""
        result = asyncio.run(self.replayer(seconds).run())
        (self.trial / RERUN).write_text(result.model_dump_json())
        return result

    def findings(self) -> list[Finding]:
        """Of the check `rerun` alone, without what it only names."""
        return [one for one in self.audited().findings if one.check == "rerun" and one.severity != "info"]

    def audited(self) -> Audit:
        self.finish()
        return super().audit()


def kinds(rerun: Rerun) -> list[str]:
    """Name and end of every attempt."""
    return [f"{one.name}: {one.ended}" for one in rerun.attempts]


def python() -> str:
    return sys.executable
