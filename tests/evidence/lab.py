"""Runs a study (a coder's writes and commands) in a sandbox with the real ledger, and audits what it left; both corpora use it."""

import asyncio
import math
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from pytest_mlrbench.audits import Audit
from pytest_mlrbench.evidence.checks import Subject, audit, subject_of_trial
from pytest_mlrbench.evidence.ledger import Ledger
from pytest_mlrbench.evidence.reruns import RERUN
from pytest_mlrbench.replay import Limit, Replayer
from pytest_mlrbench.sandboxes import Limits, SandboxSpec, open_sandbox
from pytest_mlrbench.sandboxes.base import Sandbox

TODAY = date(2026, 11, 23)
LIMITS = Limits(memory=2 * 2**30, cpus=2, pids=128)
SECONDS = 120
"""Limit of one command; the studies need about a second."""
Outputs = list[str]
Typing = Callable[[Outputs, Path], str]
"""Makes the text that the coder types, of the outputs of the commands so far and of the workspace."""


@dataclass(frozen=True)
class Step:
    """One thing that the coder does."""

    command: str = ""
    """Executed by its shell tool; empty for a file typed by its editor tool."""
    path: str = ""
    text: str | Typing = ""
    may_fail: bool = False


@dataclass(frozen=True)
class Study:
    """One whole run."""

    name: str
    steps: tuple[Step, ...]
    held_out: bool = False
    """No rule was changed after a look at what the checks say of it."""
    proposal: str = ""


@dataclass
class Files:
    """Steps being put together."""

    steps: list[Step] = field(default_factory=list)

    def write(self, path: str, text: str | Typing) -> "Files":
        self.steps.append(Step(path=path, text=text))
        return self

    def run(self, command: str, may_fail: bool = False) -> "Files":
        self.steps.append(Step(command=command, may_fail=may_fail))
        return self


def execute(study: Study, folder: Path, sandbox: str = "local", image: str = "") -> None:
    """Carry out the study in `folder`. Raises AssertionError when a command that should succeed fails."""
    asyncio.run(_execute(study, folder, sandbox, image))


async def _execute(study: Study, folder: Path, kind: str, image: str) -> None:
    trial = folder / "experiment"
    work = trial / "work"
    work.mkdir(parents=True)
    if study.proposal:
        (folder / "proposal").mkdir()
        (folder / "proposal" / "proposal.md").write_text(study.proposal)
    spec = SandboxSpec(work, "evidence-tests", "task/experiment", limits=LIMITS, image=image)
    outputs: Outputs = []
    async with open_sandbox(kind, spec) as sandbox:
        ledger = Ledger(trial, work)
        await ledger.run(sandbox, "mkdir -p code results", tool="bash", timeout=SECONDS)
        for step in study.steps:
            if step.command:
                result = await ledger.run(sandbox, step.command, tool="bash", timeout=SECONDS)
                outputs.append(result.output)
                assert step.may_fail or (result.kind, result.exit_code) == ("exited", 0), (study.name, step.command, result.output)
            else:
                text = step.text if isinstance(step.text, str) else step.text(outputs, work)
                await ledger.write(sandbox, step.path, text.encode(), tool="write_file")
    work.rename(trial / "output")


def run_again(study: Study, folder: Path, sandbox: str = "local", image: str = "") -> None:
    """Run an executed study's commands again, as `--mlr-rerun` does, and store what came of it beside its ledger."""
    trial = folder / "experiment"
    work = trial / "work"

    def another(name: str, env: dict[str, str]) -> Sandbox:
        return open_sandbox(sandbox, SandboxSpec(work, "evidence-tests", f"task/{name}", limits=LIMITS, image=image, env=env))

    replayer = Replayer(_subject(study, folder), work, another, seed=study.name, limit=Limit(10 * SECONDS), environment={})
    (trial / RERUN).write_text(asyncio.run(replayer.run()).model_dump_json(indent=1))
    shutil.rmtree(work, ignore_errors=True)


def _subject(study: Study, folder: Path) -> Subject:
    inputs = {"proposal": folder / "proposal"} if study.proposal else {}
    return subject_of_trial("experiment", folder / "experiment" / "output", folder / "experiment", inputs, TODAY)


def audited(study: Study, folder: Path) -> Audit:
    """The audit of an executed study."""
    return audit(_subject(study, folder))


def told(result: Audit, severity: str = "fail") -> list[str]:
    """Findings of a severity, one line each."""
    return [f"{found.check}: {found.message}" for found in result.findings if found.severity == severity]


def interval(hits: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """The exact (Clopper-Pearson) confidence interval of a share.

    >>> [round(end, 3) for end in interval(18, 19)]
    [0.74, 0.999]
    """
    alpha = (1 - level) / 2
    low = 0.0 if hits == 0 else _solve(lambda p: _at_least(hits, trials, p), alpha)
    high = 1.0 if hits == trials else _solve(lambda p: _at_least(hits + 1, trials, p), 1 - alpha)
    return low, high


def _at_least(hits: int, trials: int, share: float) -> float:
    return math.fsum(math.comb(trials, k) * share**k * (1 - share) ** (trials - k) for k in range(hits, trials + 1))


def _solve(rising: Callable[[float], float], wanted: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < wanted else (low, middle)
    return (low + high) / 2


def share(hits: int, trials: int) -> str:
    """`9/10 (90 %, 55-100 %)`."""
    if not trials:
        return "0/0"
    low, high = interval(hits, trials)
    return f"{hits}/{trials} ({100 * hits / trials:.0f} %, {100 * low:.0f}-{100 * high:.0f} %)"


def named(studies: Iterable[Study]) -> dict[str, Study]:
    return {study.name: study for study in studies}
