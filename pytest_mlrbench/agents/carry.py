"""Carries one stage out with an agent and says whose fault a failure is; the engine and the runner call it."""

import asyncio
import errno
import traceback
from pathlib import Path

from ..errors import AgentFailure, MLRBenchError
from . import NAMES
from .base import Agent, StageContext

CODER_MARGIN = (1.02, 30.0)
"""The built-in scaffold's coder and a command stop at their deadline by themselves; this factor and these seconds
only catch one that does not."""


async def carry_out(agent: Agent, stage: str, workspace: Path, context: StageContext) -> str:
    """Run `stage` within its time limit; returns why the agent failed, empty when it did not.

    An exception of a user's own agent is the agent's failure. What the models, the sandbox or a full disk raise comes through,
    and so does a fault of the built-in scaffold.
    """
    limit = context.settings.stage_timeout(stage)
    command = context.settings.agent_command is not None
    own = context.settings.agent not in NAMES and not command
    margin = CODER_MARGIN if command or (stage == "experiment" and not own) else (1.0, 0.0)
    try:
        async with asyncio.timeout(limit * margin[0] + margin[1]) as clock:
            await agent.run(stage, workspace, context)
    except AgentFailure as error:
        return str(error)
    except MLRBenchError:
        raise
    except Exception as error:
        if clock.expired():
            return f"the agent did not finish the stage within {limit:g} s (--mlr-timeout={stage}:...)"
        if not own or (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)):
            raise
        frames = "".join(traceback.format_tb(error.__traceback__)[-3:])
        return f"{type(error).__name__}: {error} (raised by the agent {context.settings.agent})\n{frames}".rstrip()
    return ""
