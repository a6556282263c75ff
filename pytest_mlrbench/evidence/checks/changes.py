"""What a stated change can mean (a share of either side, points, the remaining error, a factor), and whether two values fit it.

Used by arithmetic. Every written number stands for the interval that it may have been rounded or cut from, so a change is wrong
only when no reading of it reaches the stated one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .quantities import Number

Bound = Literal["", "about", "least", "most", "nearly", "under"]
"""What stands before a number: nothing, `about`, `over`, `up to`, `nearly`, `less than`."""


@dataclass(frozen=True)
class Stated:
    """A change as written."""

    number: Number
    points: bool = False
    """It says `points`, `pp` or `absolute`: no relative reading."""
    relative: bool = False
    """It says `relative`: no reading in points."""
    rough: bool = False
    """`about`, `nearly`, `more than`: a tenth of it is allowed."""
    factor: bool = False
    """`2.3x`, `times`."""
    bound: Bound = ""
    by: bool = False
    """`improves by P %`, `P % higher`: a change, never the ratio of the two values."""
    slack: float = 0.0
    """Share of the number that is allowed besides its rounding."""
    rest: bool = True
    """May be a cut of the error that is left: from 71.2 to 78.4 % it is 7.2 of 28.8."""
    quantity: bool = False
    """Of something with a unit of its own (seconds, a loss): a percentage is no difference of it, and there is no rest to 100."""


def fits(stated: Stated, a: Number, b: Number) -> bool:
    """Whether the change from `a` to `b`, or back, can be what is stated; the sign is a matter of convention.

    >>> from .quantities import numbers_in
    >>> change = lambda text, a, b: fits(Stated(numbers_in(text)[0]), numbers_in(a)[0], numbers_in(b)[0])
    >>> [change(text, "71.2", "78.4") for text in ("10.1%", "7.2%", "9.2%", "12.5%")]
    [True, True, True, False]
    """
    value = abs(stated.number.value)
    slack = stated.number.ulp * (1 + 1e-9) + (0.1 * value if stated.rough else 0.0) + stated.slack * value
    below, above = _allowed(stated)
    if value <= stated.number.ulp * 1.001:
        # A last digit of 1 may have been rounded up from its half, or cut; a whole unit below it everything is 0.
        below -= stated.number.ulp / 2
    return any(low <= value + slack + above and value - slack - below <= high for low, high in meanings(stated, a, b))


def _allowed(stated: Stated) -> tuple[float, float]:
    """How far below and above the number the true change may lie for what stands before it."""
    value = abs(stated.number.value)
    if stated.bound in ("about", "most"):
        return 0.05 * value, 0.05 * value
    if stated.bound == "nearly":
        return 0.1 * value, 0.0
    if stated.bound == "under":
        return value, 0.0
    if stated.bound == "least":
        # `over 30 %` of 38 %: up to the next of its kind.
        step = next((step for step in (10, 5) if value and value % step == 0), 1)
        return 0.0, max(0.15 * value, step)
    return 0.0, 0.0


def meanings(stated: Stated, a: Number, b: Number) -> Iterator[tuple[float, float]]:
    """Intervals of what the change can be."""
    a_low, a_high = _interval(a)
    b_low, b_high = _interval(b)
    low, high = _difference(a_low, a_high, b_low, b_high)
    if not stated.relative and not stated.factor and (stated.points or not stated.quantity):
        for scale in (1.0, 100.0):
            yield low * scale, high * scale
    if stated.points:
        return
    for base_low, base_high in ((a_low, a_high), (b_low, b_high)):
        yield from _share(low, high, base_low, base_high)
    for whole in (1.0, 100.0) if stated.rest and not stated.quantity and not stated.factor else ():
        # A relative cut of the error that is left: from 71.2 to 78.4 % it is 7.2 of 28.8.
        for rest_low, rest_high in ((whole - a_high, whole - a_low), (whole - b_high, whole - b_low)):
            if rest_low > 0:
                yield from _share(low, high, rest_low, rest_high)
    if stated.by and not stated.factor:
        return
    for top_low, top_high, low_base, high_base in ((a_low, a_high, b_low, b_high), (b_low, b_high, a_low, a_high)):
        if low_base > 0 or high_base < 0:
            ratios = [abs(top / base) for top in (top_low, top_high) for base in (low_base, high_base)]
            yield min(ratios), max(ratios)
            yield 100 * min(ratios), 100 * max(ratios)


def _interval(number: Number) -> tuple[float, float]:
    """What the number may have been rounded from."""
    half = number.ulp / 2
    return number.value - half, number.value + half


def _difference(a_low: float, a_high: float, b_low: float, b_high: float) -> tuple[float, float]:
    low, high = b_low - a_high, b_high - a_low
    if low <= 0 <= high:
        return 0.0, max(-low, high)
    return min(abs(low), abs(high)), max(abs(low), abs(high))


def _share(low: float, high: float, base_low: float, base_high: float) -> Iterator[tuple[float, float]]:
    smallest, largest = sorted((abs(base_low), abs(base_high)))
    if base_low * base_high <= 0 or smallest == 0:
        # A base that may be nothing: any share is possible.
        yield 0.0, float("inf")
        return
    yield 100 * low / largest, 100 * high / smallest
    yield low / largest, high / smallest
