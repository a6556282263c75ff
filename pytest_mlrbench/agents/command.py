"""A black-box agent: one command a stage, run in the sandbox on a workspace that holds what the stage is given; for the runner.

What users rely on (docs/agents.md): task.md, stage.json, inputs/STAGE/, agent/, and the MLR_ variables.
"""

import json
import shutil
import time
from pathlib import Path

from ..errors import AgentFailure, ConfigError, InfrastructureError
from ..evidence.events import BLACK_BOX
from ..sandboxes.base import ExecResult
from ..sandboxes.export import export_workspace
from ..settings import Settings
from ..stages.outputs import clean
from ..stages.stage import STAGES
from .base import StageContext

BRIEF = "task.md"
ABOUT = "stage.json"
INPUTS = "inputs"
AGENT = "agent"
LAID_OUT = frozenset(f"/{name}" for name in (BRIEF, ABOUT, INPUTS, AGENT))
"""What of the workspace is given to the command and no part of its output, as export_workspace skips it."""
CANNOT_START = (126, 127)
"""Exit statuses by which a shell says that a command is not there or cannot be executed."""
SHOWN = 600
"""Characters of the command's last output in the reason of a failure."""


class CommandAgent:
    """Runs its command for every stage."""

    def __init__(self, command: str) -> None:
        self.command = command

    async def run(self, stage: str, workspace: Path, context: StageContext) -> None:
        """Run the command until it ends or the stage's time is up; what it left is for the caller to look at.

        Raises AgentFailure when it does not end with status 0 in time and memory, InfrastructureError when it cannot be started:
        that is nothing the agent did, so a resumed run does the stage again.
        """
        if context.sandbox is None or context.ledger is None:
            raise ConfigError("an agent command needs a sandbox and a ledger, which the runner gives; none was given")
        left = max(1.0, context.deadline - time.time())
        result = await context.ledger.run(context.sandbox, self.command, tool=BLACK_BOX, timeout=left)
        if result.kind == "exited" and result.exit_code in CANNOT_START:
            raise InfrastructureError(
                f"--mlr-agent-command cannot be started in the sandbox (exit status {result.exit_code}): {_tail(result)}. "
                "What it runs has to be in the image (--mlr-image=REF) or among --mlr-agent-files=DIR, as agent/..."
            )
        if why := _failure(stage, context, result):
            raise AgentFailure(f"{why}{f': {said}' if (said := _tail(result)) else ''}")


def _failure(stage: str, context: StageContext, result: ExecResult) -> str:
    match result.kind:
        case "timeout":
            limit = context.settings.stage_timeout(stage)
            return f"time-out: the agent command did not end within {limit:g} s (more time: --mlr-timeout={stage}:DURATION)"
        case "oom":
            return "the agent command ran out of memory (more: --mlr-memory=SIZE)"
        case "killed":
            return "the agent command was killed"
    return f"the agent command ended with exit status {result.exit_code}" if result.exit_code else ""


def _tail(result: ExecResult) -> str:
    return clean(result.output).strip()[-SHOWN:]


def lay_out(stage: str, workspace: Path, context: StageContext) -> list[str]:
    """Put what `stage` is given into the empty `workspace`; returns what of earlier outputs was left out, one sentence each.

    Earlier outputs may come from strangers (--mlr-inputs): only regular files are copied, no link is followed.
    """
    (workspace / BRIEF).write_text(context.task.brief, encoding="utf-8")
    (workspace / ABOUT).write_text(json.dumps(about(stage, context), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (workspace / INPUTS).mkdir()
    left_out = []
    for name, folder in context.inputs.items():
        left_out += [f"{INPUTS}/{name}/{one}" for one in export_workspace(folder, workspace / INPUTS / name, skip=set())]
    bring_files(context.settings, workspace)
    return left_out


def bring_files(settings: Settings, workspace: Path) -> None:
    """Copy what --mlr-agent-files names to agent/ of `workspace`."""
    if settings.agent_files:
        shutil.copytree(settings.agent_files, workspace / AGENT, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))


def about(stage: str, context: StageContext) -> dict[str, object]:
    """stage.json: the stage and its limits, for programs."""
    task, settings = context.task, context.settings
    return {
        "stage": stage,
        "task": {
            "id": task.id,
            "title": task.title,
            "venue": task.venue,
            "year": task.year,
            "category": task.category,
            "topics": list(task.topics),
        },
        "must_leave": list(STAGES[stage].required),
        "inputs": {name: f"{INPUTS}/{name}" for name in context.inputs},
        "model": context.model,
        "seed": context.seed,
        "epoch": context.epoch,
        "today": context.today.isoformat(),
        "deadline": context.deadline,
        "limits": {"memory_bytes": settings.memory, "cpus": settings.cpus, "network": settings.network},
    }


def environment(stage: str, context: StageContext) -> dict[str, str]:
    """The variables that the command finds, with those by which model clients find the gateway, where there is one."""
    return {
        **(context.gateway.environment() if context.gateway is not None else {}),
        "MLR_STAGE": stage,
        "MLR_TASK": context.task.id,
        "MLR_MODEL": context.model,
        "MLR_MODEL_NAME": context.model.rpartition("/")[2],
        "MLR_SEED": str(context.seed),
        "MLR_EPOCH": str(context.epoch),
        "MLR_TODAY": context.today.isoformat(),
        "MLR_DEADLINE": f"{context.deadline:.0f}",
    }
