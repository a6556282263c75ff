"""The gateway of one trial, opened where its sandbox can reach it; the runner holds it open while the agent works."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ..coders import load_coder
from ..errors import InfrastructureError
from ..models.budget import Budget
from ..models.gateway.access import PORT
from ..models.gateway.server import Gateway
from ..results.calls import CallLog
from ..sandboxes.base import Door
from ..settings import Settings

SCOPE = "#gateway"
"""After the trial's key: the scope of the calls that programs in its sandbox make."""


WORLD = frozenset({"no key", "unreachable", *(f"provider {status}" for status in (401, 402, 403, 408, 429))})
"""Refusals of the gateway that nobody inside can help, beside a provider's own errors (5xx)."""


def wanted(settings: Settings) -> bool:
    """Whether a program in the sandbox calls models by itself."""
    if settings.agent_command is not None:
        return not settings.offline
    return settings.agent == "mlr-agent" and load_coder(settings.coder).needs_gateway


@asynccontextmanager
async def gateway(
    settings: Settings, calls: CallLog, budget: Budget, trial: str, deadline: float
) -> AsyncIterator[tuple[Gateway | None, tuple[Door, ...]]]:
    """The trial's gateway and the doors of its sandbox; None and none where no program in it calls a model.

    `deadline`: Unix time after which it answers no more.
    """
    if not wanted(settings):
        yield None, ()
        return
    made = Gateway(settings, calls, budget, scope=trial + SCOPE, deadline=deadline)
    # Not in the trial's directory: the path of a unix socket has at most 107 bytes. Only the socket lies in `open`.
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="mlrbench-gateway-"))
    try:
        if settings.sandbox == "local":
            await made.open_port()
            yield made, ()
        else:
            socket = folder / "open" / "gateway.sock"
            await asyncio.to_thread(_readable, socket.parent)
            await made.open_socket(socket)
            yield made, (Door(socket, PORT),)
    finally:
        await made.close()
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def blame(gateway: Gateway, reason: str) -> None:
    """Raise where the agent failed for `reason`, but its programs had been refused the calls that they needed.

    BudgetSpent when money was why; InfrastructureError when the world gave not a single answer: after one, who failed cannot be
    told, and it stays with the agent.
    """
    if gateway.budget_spent is not None:
        raise gateway.budget_spent
    world = {why: times for why, times in gateway.refused.items() if why in WORLD or why.startswith("provider 5")}
    if world and not gateway.spent.usage.calls:
        told = ", ".join(f"{why} ({times}x)" for why, times in sorted(world.items()))
        raise InfrastructureError(f"the model gateway got no answer for any call of the agent: {told}. What came of it: {reason}")


def _readable(folder: Path) -> None:
    """The sandbox's user is another than ours."""
    folder.mkdir()
    folder.chmod(0o755)
    folder.parent.chmod(0o711)
