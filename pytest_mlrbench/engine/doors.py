"""The gateway of one trial, opened where its sandbox can reach it; the runner holds it open while the agent works."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ..coders import load_coder
from ..models.budget import Budget
from ..models.gateway.access import PORT
from ..models.gateway.server import Gateway
from ..results.calls import CallLog
from ..sandboxes.base import Door
from ..settings import Settings

SCOPE = "#gateway"
"""After the trial's key: the scope of the calls that programs in its sandbox make."""

GRACE = 60.0
"""Seconds in which a program may end by itself after its first call was refused for the budget."""


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


def _readable(folder: Path) -> None:
    """The sandbox's user is another than ours. The folder above stays shut: other users of this host get no further than that."""
    folder.mkdir()
    folder.chmod(0o755)


async def until_spent(gateway: Gateway | None, work: Coroutine[Any, Any, str], grace: float = GRACE) -> str:
    """What `work` says of the agent; it is cut `grace` seconds after the budget was spent (`gateway.budget_spent` then says so):
    a program that asks again and again would hold its sandbox until the deadline.
    """
    if gateway is None:
        return await work
    working = asyncio.ensure_future(work)
    spent = asyncio.ensure_future(gateway.ended.wait())
    try:
        await asyncio.wait({working, spent}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            await asyncio.wait({working}, timeout=grace)
        return working.result() if working.done() else "cut: the budget is spent"
    finally:
        working.cancel()
        spent.cancel()
        await asyncio.gather(working, spent, return_exceptions=True)
