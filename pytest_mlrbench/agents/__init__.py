"""Agents: who carries the stages out. `mlr-agent` is the paper's scaffold; users bring their own as `module:attr`."""

import importlib
from typing import TYPE_CHECKING

from ..errors import ConfigError

if TYPE_CHECKING:
    from .base import Agent

NAMES = ("mlr-agent",)


def load_agent(name: str, command: str | None = None) -> "Agent":
    """The agent that runs `command`, or that called `name`, or the object at `module:attr` (a class is made without arguments).

    Raises ConfigError when there is none, it cannot be imported, or it has no `run`.
    """
    if command is not None:
        from .command import CommandAgent

        return CommandAgent(command)
    if name == "mlr-agent":
        from .mlr_agent import MLRAgent

        return MLRAgent()
    module, colon, attribute = name.partition(":")
    if not colon:
        raise ConfigError(
            f"--mlr-agent={name}: unknown; valid: {', '.join(NAMES)}, or your own as module:attr, or --mlr-agent-command=CMD"
        )
    try:
        found = getattr(importlib.import_module(module), attribute)
        agent = found() if isinstance(found, type) else found
    except Exception as error:
        raise ConfigError(
            f"--mlr-agent={name}: cannot be loaded ({type(error).__name__}: {error}); is it on the Python path?"
        ) from error
    if not callable(getattr(agent, "run", None)):
        raise ConfigError(f"--mlr-agent={name}: has no method `run(stage, workspace, context)` (see docs/agents.md)")
    return agent  # type: ignore[no-any-return]
