"""An upper limit that all runs of this host keep together for one key (--mlr-host-concurrency); the model client asks."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..hostlocks import HostLock, hold

WAIT = (0.02, 0.2)
"""Seconds between looks at a full house, the first and the longest; spread at random so that runs do not look in step."""


class HostLimit:
    """`limit` places an account on this host; without a limit it costs nothing."""

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self._random = random.Random()  # noqa: S311 - spreads looks, decides nothing

    @asynccontextmanager
    async def place(self, account: str) -> AsyncIterator[None]:
        """Hold one of the account's places for one try of one call. Raises ConfigError where no lock can be made."""
        if self.limit is None:
            yield
            return
        lock = await self._take(account, self.limit)
        try:
            yield
        finally:
            lock.close()

    async def _take(self, account: str, limit: int) -> HostLock:
        wait = WAIT[0]
        while True:
            first = self._random.randrange(limit)
            for number in range(limit):
                lock = hold(f"calls of {account}, place {(first + number) % limit}")
                if lock is not None:
                    return lock
            await asyncio.sleep(wait * self._random.uniform(0.5, 1.5))
            wait = min(WAIT[1], wait * 1.5)
