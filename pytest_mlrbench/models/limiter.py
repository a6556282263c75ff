"""How many calls are in flight: a window per account that the provider's answers widen and narrow, under one cap for the run."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

START = 32
"""Calls in flight with which an account begins: what every large provider lets a paying customer do."""
GROWTH = 0.5
"""Places gained by an answer while the window is full and nothing was ever rejected: half as many again in one round trip, so that
the first burst over an unknown limit has a third of its calls rejected at most."""
HOLD = 4
"""Round trips without growth after a rejection; doubled when the place gained next was rejected again."""
LONGEST_HOLD = 64
LONGEST_PAUSE = 120.0
"""Seconds that a provider's header can hold an account; a longer Retry-After is for the caller of that one request."""


@dataclass(frozen=True)
class Quota:
    """What a provider's headers say is left until its counter begins anew."""

    remaining: int
    """Requests."""
    reset: float
    """Seconds until then."""


@dataclass
class Window:
    """The calls of one account: grows by answers, cut to what was in flight when a call was rejected (as TCP, RFC 5681)."""

    size: float
    active: int = 0
    answers: int = 0
    """Since the last cut."""
    hold: int = 0
    """Round trips to wait before growing; 0 until the first rejection."""
    floor: float = 1.0
    """The least that the rejections of one burst leave."""
    cut_at: int = 0
    """Number of calls that had been let in at the last cut: the rejections of those before it belong to the same burst."""
    entered: int = 0
    paused_until: float = 0.0
    remaining: float = float("inf")
    """Requests that the provider's headers still allow until `reset_at`."""
    reset_at: float = 0.0
    waiting: tuple[deque["asyncio.Future[Slot]"], deque["asyncio.Future[Slot]"]] = field(default_factory=lambda: (deque(), deque()))
    """Those that go first, and the others."""

    def open(self, now: float) -> bool:
        """Whether another call may go now."""
        if now < self.paused_until or self.active >= int(self.size):
            return False
        return self.remaining >= 1 or now >= self.reset_at

    def opens_at(self, now: float) -> float | None:
        """When a closed window opens by the clock alone; None when only the end of a call opens it."""
        times = [self.paused_until] if now < self.paused_until else []
        if self.remaining < 1 and now < self.reset_at:
            times.append(self.reset_at)
        return max(times) if times else None


class Slot:
    """One call's place; the caller tells how the call went."""

    def __init__(self, window: Window, clock: Callable[[], float]) -> None:
        self._window = window
        self._clock = clock
        self._number = window.entered
        self._full = window.active >= int(window.size)

    def answered(self, quota: Quota | None = None) -> None:
        """The provider answered. Only a full window learns from it that there may be room for more."""
        window = self._window
        window.answers += 1
        self._limit(quota)
        if not self._full:
            return
        if not window.hold:
            window.size += GROWTH
        elif window.answers > window.hold * window.size:
            window.size += 1 / window.size

    def rejected(self, retry_after: float | None = None, quota: Quota | None = None) -> None:
        """The provider refused for load (429, 503, 529): narrow to what it was carrying, and wait as long as it asks."""
        window = self._window
        now = self._clock()
        if self._number > window.cut_at:
            probed = window.hold and window.answers < 2 * window.hold * window.size
            window.hold = min(LONGEST_HOLD, 2 * window.hold) if probed else HOLD
            window.floor = max(1.0, window.size / 2)
            window.cut_at = window.entered
            window.answers = 0
        # A burst's rejections come faster than answers: when the last of them is here, what is left in flight is what was taken.
        window.size = max(window.floor, min(window.size, window.active - 1.0))
        if retry_after:
            window.paused_until = max(window.paused_until, now + min(retry_after, LONGEST_PAUSE))
        self._limit(quota)

    def _limit(self, quota: Quota | None) -> None:
        if quota is not None:
            self._window.remaining = quota.remaining
            self._window.reset_at = self._clock() + min(quota.reset, LONGEST_PAUSE)


class Limiter:
    """Model calls in flight in the whole run, whatever -n is. Used in one event loop."""

    def __init__(self, limit: int, *, start: int = START, clock: Callable[[], float] = time.monotonic) -> None:
        """`limit`: most calls of all accounts together; `start`: with how many an account begins."""
        self.limit = limit
        self._start = float(min(start, limit))
        self.active = 0
        """Calls in flight now, for the progress line."""
        self.windows: dict[str, Window] = {}
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def slot(self, account: str, *, first: bool = False) -> AsyncIterator[Slot]:
        """Hold a place for one try of one call of `account` (models that share a key and its rate limit).

        `first`: before those that wait without it.
        """
        window = self.windows.get(account)
        if window is None:
            window = self.windows[account] = Window(self._start)
        slot = await self._enter(window, window.waiting[0 if first else 1])
        try:
            yield slot
        finally:
            window.active -= 1
            self.active -= 1
            self._wake()

    async def _enter(self, window: Window, queue: deque["asyncio.Future[Slot]"]) -> Slot:
        if not any(window.waiting) and self.active < self.limit and window.open(self._clock()):
            return self._take(window)
        turn: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        self._wake()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # the place was given in the same moment: hand it on
                window.active -= 1
                self.active -= 1
                self._wake()
            elif turn in queue:
                queue.remove(turn)
            raise

    def _take(self, window: Window) -> Slot:
        """A place. Made here, not when its waiter runs: others have been let in by then, and would count as before it."""
        now = self._clock()
        window.active += 1
        window.entered += 1
        if now >= window.reset_at:
            window.remaining = float("inf")
        window.remaining -= 1
        self.active += 1
        return Slot(window, self._clock)

    def _wake(self) -> None:
        """Give free places to waiting calls: of the accounts that may send, the one with the fewest in flight first, so that a
        slow provider cannot hold the run's places."""
        now = self._clock()
        while self.active < self.limit:
            ready = [window for window in self.windows.values() if any(window.waiting) and window.open(now)]
            if not ready:
                break
            window = min(ready, key=lambda one: one.active)
            turn = (window.waiting[0] or window.waiting[1]).popleft()
            if not turn.done():
                turn.set_result(self._take(window))
        times = [at for window in self.windows.values() if any(window.waiting) and (at := window.opens_at(now)) is not None]
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if times:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, min(times) - now), self._wake)
