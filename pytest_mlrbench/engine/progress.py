"""One line about a running engine: counts, calls, cost, GPUs, time left; the controller and `mlrbench watch` show it."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from ..keys import STAGES

PROGRESS = "progress.json"
"""The engine's last state, in the run directory; not durable, and nothing but `mlrbench watch` reads it."""
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


def progress_line(state: dict[str, Any]) -> str:
    """One line about the engine's counts: done, running and waiting per stage, calls, cost, GPUs, time left."""
    stages = []
    for stage in STAGES:
        counts = state["counts"].get(stage)
        if counts:
            over = sum(counts.get(name, 0) for name in ("done", "failed", "error", "skipped"))
            running, waiting = counts.get("running", 0), counts.get("waiting", 0)
            open_ones = ", ".join(f"{number} {name}" for number, name in ((running, "running"), (waiting, "waiting")) if number)
            stages.append(f"{stage} {over}/{over + running + waiting}" + (f" ({open_ones})" if open_ones else ""))
    parts = [", ".join(stages), f"{state['calls']} calls in flight", f"{state['spent']:.2f} USD"]
    experiments = state.get("experiments", {})
    if experiments.get("gpus"):
        parts.append(f"{experiments['busy']}/{experiments['gpus']} GPUs busy")
    if experiments.get("waiting"):
        parts.append(experiments["waiting"])
    if state.get("left"):
        parts.append(f"about {duration(state['left'])} left")
    return f"mlrbench: {'; '.join(parts)}"


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
