"""How long the rest of a run will take, from how long its trials have taken since it was started; the progress line shows it."""

import time
from collections.abc import Callable, Mapping

ENDED = ("done", "failed", "error", "skipped")
LEAST = 3
"""Trials that must have ended before anything is said."""


class Pace:
    """Counts what this invocation itself has brought to an end."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._found = 0

    def found(self) -> None:
        """A trial was finished already by an earlier invocation: it tells nothing of the pace."""
        self._found += 1

    def left(self, counts: Mapping[str, Mapping[str, int]]) -> float | None:
        """Seconds that the open trials will take at the pace so far; None before LEAST have ended or when none is open."""
        ended = sum(stage.get(name, 0) for stage in counts.values() for name in ENDED) - self._found
        still = sum(number for stage in counts.values() for name, number in stage.items() if name not in ENDED)
        if ended < LEAST or still <= 0:
            return None
        return (self._clock() - self._began) * still / ended
