"""The gate's early looks: the tasks each one waits for, and the level at which it may decide so that all together keep theirs."""

import math
import random
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

LOOKS = 10
"""Looks of a run at most."""
LEAST_TASKS = 10
"""Tasks more from one look to the next: with 5, Student's t at the first looks let 7 % of drops pass that were to be 5 %."""
MARGIN = 0.85
"""Of the error rate, what several looks use: differences of few tasks are less normal than the levels take them to be, and without
it up to 5.7 % were measured in place of 5 %."""
GRID = 1001
"""Points of the numerical integration; 2001 change no level by more than 1e-5."""
REACH = 8.0
"""SDs below zero from where the integration starts."""


def batches(tasks: Sequence[str], seed: int) -> list[list[str]]:
    """The tasks of each look, in a seeded order of their own: a run that stops early must not have asked one venue only.

    The same tasks and seed give the same batches, so that a resumed run looks at the same places.
    """
    order = sorted(set(tasks))
    random.Random(f"gate {seed}").shuffle(order)  # noqa: S311 - an order, no secret
    looks = max(1, min(LOOKS, len(order) // LEAST_TASKS))
    ends = [round(len(order) * look / looks) for look in range(looks + 1)]
    return [order[begin:end] for begin, end in pairwise(ends)]


def spent(fraction: float, alpha: float) -> float:
    """Of an error rate `alpha`, what looks up to `fraction` of the tasks may have used: in proportion.

    O'Brien-Fleming's spending keeps nearly all for the end and stops late; this one costs some points of power and halves the
    spend where the full suite has more tasks than the question needs (docs/gating.md has the measurement).
    """
    return alpha * min(1.0, fraction)


def levels(fractions: Sequence[float], alpha: float) -> tuple[float, ...]:
    """One-sided nominal level of each look at which all looks together err with probability `alpha` (Lan and DeMets 1983).

    `fractions` are the shares of the tasks seen at the looks, rising to 1. The statistic is taken as normal with independent
    increments; MARGIN pays for what is not.
    """
    rate = alpha * MARGIN if len(fractions) > 1 else alpha
    return _levels(tuple(round(fraction, 9) for fraction in fractions), rate)


@lru_cache(maxsize=256)
def _levels(fractions: tuple[float, ...], alpha: float) -> tuple[float, ...]:
    import numpy
    from scipy.optimize import brentq
    from scipy.stats import norm

    found: list[float] = []
    points, weights, before = numpy.zeros(1), numpy.ones(1), 0.0  # mass of the process that has crossed no boundary yet
    for fraction in fractions:
        step = math.sqrt(fraction - before)
        share = spent(fraction, alpha) - spent(before, alpha)

        def crossing(limit: float, at: object = points, mass: object = weights, scale: float = step, goal: float = share) -> float:
            return float(numpy.sum(mass * norm.sf((limit - at) / scale))) - goal  # type: ignore[operator]

        limit = float(brentq(crossing, 0.0, 12.0))
        found.append(float(norm.sf(limit / math.sqrt(fraction))))
        grid = numpy.linspace(-REACH * math.sqrt(fraction), limit, GRID)
        density = norm.pdf((grid[:, None] - points[None, :]) / step) @ weights / step
        trapezoid = numpy.full(GRID, grid[1] - grid[0])
        trapezoid[[0, -1]] /= 2
        points, weights, before = grid, density * trapezoid, fraction
    return tuple(found)
