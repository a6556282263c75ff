"""Which experiment starts next: slots, GPUs, and the longest expected first. detached.py asks for a place for each."""

import asyncio
import bisect
import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
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
        self,
        slots: int,
        devices: Sequence[str] = (),
        per_trial: int = 1,
        lock: Callable[[str], Held | None] | None = None,
        refused: Callable[[Sequence[str]], Mapping[str, str]] | None = None,
    ) -> None:
        """At most `slots` experiments at once; with `devices`, `per_trial` of them each, held by `lock` (None: in other hands).

        `refused` says of devices that are free here which must not be taken, and why. It may take its time: it is asked in a
        thread, before the locks are tried, so that a device which it lets pass is taken by one run only.
        """
        self.slots = slots
        self.devices = tuple(devices)
        self.per_trial = per_trial if devices else 0
        self.running = 0
        self.busy: dict[str, str] = {}
        """Device -> trial that holds it."""
        self._lock = lock
        self._refused = refused
        self._waiting: list[_Waiting] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None
        self._look_again = False
        self._elsewhere: dict[str, str] = {}
        """Device that is free here -> why it could not be taken."""

    @property
    def waiting(self) -> int:
        return sum(not one.turn.done() for one in self._waiting)

    def why(self) -> str:
        """What the waiting trials wait for, for the progress line; empty when none waits."""
        if not self.waiting:
            return ""
        if self.running >= self.slots:
            return f"{self.waiting} experiments wait for one of {self.slots} slots"
        reasons: dict[str, list[str]] = {}
        for device, reason in self._elsewhere.items():
            reasons.setdefault(reason, []).append(device)
        elsewhere = "".join(f"; {reason}: {', '.join(devices)}" for reason, devices in reasons.items())
        wanted = f"{self.waiting} experiments wait for {self.per_trial} of {len(self.devices)} GPUs"
        return f"{wanted} ({len(self.busy)} in use here{elsewhere})"

    @asynccontextmanager
    async def place(self, trial: str, expected: float, *, gpus: bool = True) -> AsyncIterator[Place]:
        """Hold a slot and, unless `gpus` is false, the devices; `expected` in seconds decides who goes first among those that wait.

        Raises what `refused` raised when it was asked for this trial.
        """
        turn: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        bisect.insort(self._waiting, _Waiting(-expected, next(self._order), trial, self.per_trial if gpus else 0, turn))
        # Not at once: trials that begin in the same moment are compared before the first of them takes the place.
        asyncio.get_running_loop().call_soon(self._wake)
        try:
            place = await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
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
        """Give what is free; where `refused` has to be asked first, as soon as it has answered."""
        free = [device for device in self.devices if device not in self.busy]
        asked = any(one.devices for one in self._waiting) and self.running < self.slots
        if self._refused is None or not free or not asked:
            self._give({})
        elif self._looking is None:
            self._looking = asyncio.ensure_future(self._look(free))
        else:
            self._look_again = True

    async def _look(self, free: Sequence[str]) -> None:
        assert self._refused is not None
        try:
            refused = await asyncio.to_thread(self._refused, free)
        except Exception as error:  # noqa: BLE001 - it is raised where the device is waited for
            for one in self._waiting:
                if one.devices and not one.turn.done():
                    one.turn.set_exception(error)
            refused = {}
        self._looking = None
        again, self._look_again = self._look_again, False
        # A device that was given back meanwhile was not looked at: the next look tells.
        unseen = {device: "not looked at yet" for device in self.devices if device not in free and device not in self.busy}
        self._give({**refused, **unseen})
        if again or unseen:
            self._wake()

    def _give(self, refused: Mapping[str, str]) -> None:
        """Places to whoever goes first; one that waits for devices holds up none that needs none."""
        self._waiting = [one for one in self._waiting if not one.turn.done()]
        short = False
        for one in list(self._waiting):
            if self.running >= self.slots:
                break
            if one.devices and short:
                continue
            held = self._take(one, refused)
            if held is None:
                short = True
                continue
            self._waiting.remove(one)
            self.running += 1
            one.turn.set_result(Place(held))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if short and self._elsewhere:
            self._timer = asyncio.get_running_loop().call_later(POLL, self._wake)

    def _take(self, one: "_Waiting", refused: Mapping[str, str]) -> dict[str, Held] | None:
        """Holds on as many free devices as `one` needs, or None and nothing held."""
        locks: dict[str, Held] = {}
        elsewhere: dict[str, str] = {}
        for device in self.devices if one.devices else ():
            if len(locks) == one.devices:
                break
            if device in self.busy:
                continue
            if device in refused:
                elsewhere[device] = refused[device]
                continue
            held = self._lock(device) if self._lock is not None else Token()
            if held is None:
                elsewhere[device] = "held by another run of this host"
            else:
                locks[device] = held
        if one.devices:
            self._elsewhere = elsewhere
        if len(locks) < one.devices:
            for held in locks.values():
                held.close()
            return None
        self.busy.update(dict.fromkeys(locks, one.trial))
        return locks


@dataclass(order=True)
class _Waiting:
    """A trial without a place."""

    sooner: float
    """Minus the expected seconds."""
    number: int
    trial: str = field(compare=False)
    devices: int = field(compare=False)
    turn: "asyncio.Future[Place]" = field(compare=False)


class Token:
    """A device that nobody else can hold (simulations, tests)."""

    def close(self) -> None:
        return
