"""What a coder is, what it is handed for one experiment and how it ended; agents call it. bash.py is the built-in one, cli.py runs
the coding agents that come as programs of their own."""

import importlib
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from ..errors import ConfigError
from ..models.api import Models

if TYPE_CHECKING:
    from ..evidence.ledger import Ledger
    from ..models.gateway import GatewayAccess
    from ..sandboxes.base import Sandbox

REPORT = "results/results.md"
"""The file without which an experiment has no output (stages.stage)."""

Reason = Literal["finished", "silent", "time-out", "turn limit"]


@dataclass(frozen=True)
class CoderContext:
    """What a coder has for one experiment."""

    models: Models
    """Every model call goes through it: recorded, counted, within the budget."""
    model: str
    scope: str
    """To be given to every Request of this experiment."""
    sandbox: "Sandbox"
    """Started. Commands run through `ledger`, never through it directly: what the ledger has not seen is no evidence."""
    ledger: "Ledger"
    system: str
    """System prompt of the coder."""
    prompt: str
    """The assignment."""
    deadline: float
    """Unix time, seconds: no command and no model call goes on beyond it."""
    max_turns: int = 200
    """Most answers asked of the model."""
    gateway: "GatewayAccess | None" = None
    """How programs inside reach the model under test; None where the coder's own calls go through `models`."""
    context: Mapping[str, Any] = field(default_factory=dict)
    """What the offline models read in place of the prompt."""


@dataclass(frozen=True)
class CoderOutcome:
    """How a coder ended. Whether it left something usable is for the stage to see."""

    reason: Reason
    """finished: it said so, or stopped talking with the report in place. silent: stopped without one."""
    turns: int
    """Answers the model gave."""
    not_shown: list[str] = field(default_factory=list)
    """What the model was not given (cut for its window), one sentence each."""


@runtime_checkable
class Coder(Protocol):
    """A coding agent. One instance may serve several experiments, so it keeps no state between runs."""

    name: str
    needs_gateway: bool
    """Its program inside the sandbox calls the model itself."""
    system_prompt: str
    """Prompt template of CoderContext.system."""

    async def run(self, ctx: CoderContext) -> CoderOutcome:
        """Carry out the experiment in the sandbox.

        Lets InfrastructureError and BudgetSpent of models and sandbox through; a model that behaves badly is an outcome.
        """
        ...


def has_report(sandbox: "Sandbox") -> bool:
    """Whether the report is there, as a file with something in it and not as a link somewhere else."""
    try:
        status = (sandbox.spec.workspace / REPORT).lstat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size > 0


_CODERS = {
    "bash": ("bash", "BashCoder"),
    "claude-code": ("claude_code", "ClaudeCode"),
    "codex": ("codex", "Codex"),
    "gemini-cli": ("gemini_cli", "GeminiCli"),
}
"""Name -> module of this package and class in it; imported when it is chosen."""


def load_coder(name: str) -> Coder:
    """The coder called `name`. Raises ConfigError that names the valid ones."""
    if name not in _CODERS:
        raise ConfigError(f"unknown coder {name!r}; valid: {', '.join(sorted(_CODERS))}")
    module, kind = _CODERS[name]
    coder: Coder = getattr(importlib.import_module(f".{module}", __package__), kind)()
    return coder
