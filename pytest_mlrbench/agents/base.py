"""What an agent is and what it is handed for one stage; the engine and the runner call it, users implement it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ..models.api import Models
from ..settings import Settings
from ..tasks.catalogue import Task

if TYPE_CHECKING:
    from ..evidence.ledger import Ledger
    from ..models.gateway import GatewayAccess
    from ..sandboxes.base import Sandbox


@dataclass
class StageContext:
    """What an agent has for one stage of one trial."""

    task: Task
    """With its text in `brief`."""
    epoch: int
    seed: int
    """Of the run; an agent that samples should derive its seed from this, the task and the epoch."""
    today: date
    inputs: Mapping[str, Path]
    """Stage -> the folder with that stage's output (idea.md, related_work.md, proposal.md, code/ and results/)."""
    models: Models
    """Every model call of the stage goes through it: recorded, counted, within the budget."""
    model: str
    """Model under test."""
    scope: str
    """To be given to every Request of this stage."""
    settings: Settings
    deadline: float
    """Unix time at which the stage is cut."""
    sandbox: "Sandbox | None" = None
    """Experiments, and all stages of an agent command: where code runs; its workspace is the stage's workspace."""
    ledger: "Ledger | None" = None
    """As `sandbox`: records what runs. Commands run outside it leave no evidence."""
    gateway: "GatewayAccess | None" = None
    """How programs inside reach the model under test; None where the coder's own calls go through `models`."""
    not_shown: list[str] = field(default_factory=list)
    """The agent appends one sentence for each thing its model was not given (cut for context, no image input)."""

    def text(self, stage: str, name: str) -> str:
        """An input file's text, empty when that stage left none."""
        folder = self.inputs.get(stage)
        path = folder / name if folder else None
        return path.read_text(encoding="utf-8", errors="replace") if path and path.is_file() else ""

    def offline(self, stage: str) -> dict[str, Any]:
        """What the built-in offline models read in place of a prompt (models/offline)."""
        return {
            "stage": stage,
            "task": {
                "id": self.task.id,
                "title": self.task.title,
                "venue": self.task.venue,
                "year": self.task.year,
                "category": self.task.category,
                "topics": list(self.task.topics),
                "brief": self.task.brief,
            },
            "seed": self.seed,
            "epoch": self.epoch,
            "inputs": {
                "idea": self.text("idea", "idea.md"),
                "related_work": self.text("literature", "related_work.md"),
                "proposal": self.text("proposal", "proposal.md"),
            },
        }


@runtime_checkable
class Agent(Protocol):
    """Carries out stages. One instance serves all trials of a process, so it keeps no state between calls."""

    async def run(self, stage: str, workspace: Path, context: StageContext) -> None:
        """Leave the stage's output in `workspace` (stages.stage.STAGES[stage].required).

        Raise AgentFailure when the agent itself gives up; let InfrastructureError and NotDone of `context.models` through.
        Missing output is the agent's failure, not an exception.
        """
        ...
