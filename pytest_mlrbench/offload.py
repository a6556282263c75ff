"""When the event loop does a piece of work itself and when a thread does; the engine, its agents and its judges ask here."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

SHORT = 30_000
"""Characters that a prompt is filled with or an answer read from in a few milliseconds at most."""


async def in_thread_if_long(size: int, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`function(*args, **kwargs)`, which computes on `size` characters and opens no file of a trial.

    In a thread when there are many, so that a text of megabytes does not hold up the loop; here when there are few: a hand-over
    costs half a millisecond, and while Python computes in a thread the loop waits for it all the same.
    """
    if size > SHORT:
        return await asyncio.to_thread(function, *args, **kwargs)
    return function(*args, **kwargs)


async def read_if_there(path: Path, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """`read(*args, **kwargs)` in a thread when `path` exists, else None: one look costs a tenth of a hand-over, and a new trial
    has nothing yet of the five things that a resumed one reads back."""
    if not path.exists():  # noqa: ASYNC240 - the point of this function
        return None
    return await asyncio.to_thread(read, *args, **kwargs)
