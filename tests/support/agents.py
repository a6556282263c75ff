"""Agents for tests, given as --mlr-agent=tests.support.agents:NAME: each task of the core suite gets one kind of misbehaviour."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from pytest_mlrbench.agents.base import StageContext
from pytest_mlrbench.agents.mlr_agent import MLRAgent
from pytest_mlrbench.errors import AgentFailure, InfrastructureError

SECRET = Path("/etc/passwd")
"""A file of the host that must never be copied into a run."""
HUGE = 2 * 2**30
"""Bytes of a sparse file that takes no disk."""

Behaviour = Callable[[Path], Awaitable[None]]


class Misbehaving:
    """Spoils the idea, each task in its own way; carries every other stage out as mlr-agent does."""

    async def run(self, stage: str, workspace: Path, context: StageContext) -> None:
        await MLRAgent().run(stage, workspace, context)
        if stage == "idea":
            await IDEAS[context.task.id](workspace)


class Experimenter:
    """Spoils the experiment, each task in its own way; carries every other stage out as mlr-agent does."""

    async def run(self, stage: str, workspace: Path, context: StageContext) -> None:
        if stage != "experiment":
            await MLRAgent().run(stage, workspace, context)
            return
        (workspace / "code").mkdir()
        (workspace / "code" / "run.py").write_text("print(0.5)\n")
        (workspace / "results").mkdir()
        (workspace / "results" / "results.md").write_text("# Results\n\nNothing was measured.\n")
        await EXPERIMENTS[context.task.id](workspace)


async def no_output(workspace: Path) -> None:
    (workspace / "idea.md").unlink()


async def empty_output(workspace: Path) -> None:
    (workspace / "idea.md").write_text(" \n\n")


async def huge_output(workspace: Path) -> None:
    _huge(workspace / "idea.md")


async def huge_beside(workspace: Path) -> None:
    _huge(workspace / "weights.bin")


async def link_as_output(workspace: Path) -> None:
    (workspace / "idea.md").unlink()
    (workspace / "idea.md").symlink_to(SECRET)


async def link_beside(workspace: Path) -> None:
    """A usable idea, and beside it links that whoever copies or shows the folder must not follow."""
    (workspace / "notes.md").symlink_to(SECRET)
    (workspace / "etc").symlink_to(SECRET.parent, target_is_directory=True)


async def newline_in_a_name(workspace: Path) -> None:
    (workspace / "notes\n1 passed \x1b[2J.md").write_text("a name that would forge a line\n")


async def gives_up(workspace: Path) -> None:
    raise AgentFailure("this topic is not for me")


async def breaks(workspace: Path) -> None:
    raise ZeroDivisionError("a bug of the agent")


async def loses_its_service(workspace: Path) -> None:
    raise InfrastructureError("the data service of the agent is down")


async def sleeps(workspace: Path) -> None:
    await asyncio.sleep(3600)


async def huge_result(workspace: Path) -> None:
    _huge(workspace / "results" / "predictions.npy")


async def link_as_result(workspace: Path) -> None:
    (workspace / "results" / "results.md").unlink()
    (workspace / "results" / "results.md").symlink_to(SECRET)


async def link_in_results(workspace: Path) -> None:
    (workspace / "results" / "accounts.txt").symlink_to(SECRET)


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(HUGE)


IDEAS: dict[str, Behaviour] = {
    "iclr2025_bi_align": no_output,
    "iclr2025_buildingtrust": empty_output,
    "iclr2025_data_problems": huge_output,
    "iclr2025_dl4c": huge_beside,
    "iclr2025_mldpr": link_as_output,
    "iclr2025_question": link_beside,
    "iclr2025_scope": newline_in_a_name,
    "iclr2025_scsl": gives_up,
    "iclr2025_verifai": breaks,
    "iclr2025_wsl": sleeps,
    "iclr2025_agenticai": loses_its_service,
}
"""Task -> what happens to its idea; the last is not in the core suite."""

EXPERIMENTS: dict[str, Behaviour] = {
    "iclr2025_bi_align": gives_up,
    "iclr2025_buildingtrust": breaks,
    "iclr2025_data_problems": huge_result,
    "iclr2025_mldpr": link_as_result,
    "iclr2025_question": link_in_results,
    "iclr2025_wsl": loses_its_service,
}
"""Task -> what happens to its experiment."""
