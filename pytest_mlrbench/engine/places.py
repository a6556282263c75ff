"""Which experiment starts next: slots, GPUs, and the longest expected first. detached.py asks for a place for each."""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

POLL = 1.0
"""Seconds between looks at devices that other runs of this host hold: their end is not reported to us."""


class Held(Protocol):
    """A device that is ours until `close`."""

    def close(self) -> None: ...


@dataclass
class Place:
    """What one experiment got."""

    held: dict[str, Held] = field(default_factory=dict)
    """Device -> the hold on it."""

    @property
    def devices(self) -> tuple[str, ...]:
        return tuple(self.held)


class Places:
    """Slots for experiments and the devices that each needs. Used in one event loop.

    List scheduling: whatever is free goes at once to the waiting trial with the longest expected time, so that no long one is
    left for the end (Graham 1969: at most 4/3 - 1/(3m) of the best makespan; near 1 for many trials).
    """

    def __init__(
        self, slots: int, devices: Sequence[str] = (), per_trial: int = 1, lock: Callable[[str], Held | None] | None = None
    ) -> None:
        """At most `slots` experiments at once; with `devices`, `per_trial` of them each, held by `lock` (None: in other hands)."""
        self.slots = slots
        self.devices = tuple(devices)
        self.per_trial = per_trial if devices else 0
        self.running = 0
        self.busy: dict[str, str] = {}
        """Device -> trial that holds it."""
        self._lock = lock
        self._waiting: list[tuple[float, int, str, asyncio.Future[Place]]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._taken_elsewhere: list[str] = []

    @property
    def waiting(self) -> int:
        return sum(not future.done() for *_, future in self._waiting)

    def why(self) -> str:
        """What the waiting trials wait for, for the progress line; empty when none waits."""
        if not self.waiting:
            return ""
        if self.running >= self.slots:
            return f"{self.waiting} experiments wait for one of {self.slots} slots"
        elsewhere = f", {len(self._taken_elsewhere)} held by other runs of this host" if self._taken_elsewhere else ""
        wanted = f"{self.waiting} experiments wait for {self.per_trial} of {len(self.devices)} GPUs"
        return f"{wanted} ({len(self.busy)} in use here{elsewhere})"

    @asynccontextmanager
    async def place(self, trial: str, expected: float) -> AsyncIterator[Place]:
        """Hold a slot and the devices; `expected` in seconds decides who goes first among those that wait."""
        turn: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (-expected, next(self._order), trial, turn))
        # Not at once: trials that begin in the same moment are compared before the first of them takes the place.
        asyncio.get_running_loop().call_soon(self._wake)
        try:
            place = await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._release(turn.result())
            raise
        try:
            yield place
        finally:
            self._release(place)

    def _release(self, place: Place) -> None:
        self.running -= 1
        for device, held in place.held.items():
            self.busy.pop(device, None)
            held.close()
        self._wake()

    def _wake(self) -> None:
        while self._waiting and self.running < self.slots:
            _, _, trial, turn = self._waiting[0]
            if turn.done():
                heapq.heappop(self._waiting)
                continue
            locks = self._take(trial)
            if locks is None:
                break
            heapq.heappop(self._waiting)
            self.running += 1
            turn.set_result(Place(locks))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting and self._taken_elsewhere:
            self._timer = asyncio.get_running_loop().call_later(POLL, self._wake)

    def _take(self, trial: str) -> dict[str, Held] | None:
        """Holds on `per_trial` free devices, or None and nothing held."""
        locks: dict[str, Held] = {}
        self._taken_elsewhere = []
        for device in self.devices:
            if len(locks) == self.per_trial:
                break
            if device in self.busy:
                continue
            held = self._lock(device) if self._lock is not None else Token()
            if held is None:
                self._taken_elsewhere.append(device)
            else:
                locks[device] = held
        if len(locks) < self.per_trial:
            for held in locks.values():
                held.close()
            return None
        self.busy.update(dict.fromkeys(locks, trial))
        return locks


class Token:
    """A device that nobody else can hold (simulations, tests)."""

    def close(self) -> None:
        return
