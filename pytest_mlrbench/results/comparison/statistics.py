"""The statistics of paired runs: intervals over tasks, a permutation test, Holm's correction, tests of paired yes and no."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import overload

LEVEL = 0.95
"""Of the two-sided intervals that are shown."""
RESAMPLES = 9_999
"""Random sign flips of the permutation test where all of them are too many (14 tasks and more)."""

AT_ONCE = 5_000_000
"""Numbers that the permutation test holds at once (40 MB)."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class Paired:
    """Differences new - base, one a task: a task's epochs stand or fall together, so the task is the unit."""

    differences: tuple[float, ...]
    """One a task, the mean over its epochs, in the order of tasks."""
    least_error: float = 0.0
    """Least standard error of the mean that the scale itself allows."""
    span: Interval = (-math.inf, math.inf)
    """Between what a difference can lie."""

    @property
    def n(self) -> int:
        """Tasks."""
        return len(self.differences)

    @property
    def mean(self) -> float:
        return fmean(self.differences)

    @property
    def sd(self) -> float:
        """Sample SD over tasks, not below what `least_error` stands for; 0 for one task without such a floor."""
        own = stdev(self.differences) if self.n > 1 else 0.0
        return max(own, self.least_error * math.sqrt(self.n))

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        return self.sd / math.sqrt(self.n)

    def bounds(self, alpha: float) -> Interval:
        """Lower and upper bound of the mean, each of which it passes with probability `alpha` (Student's t over tasks).

        One task says nothing of the spread: the bounds are then those of the scale.
        """
        if self.n < 2:
            return self.span
        from scipy.stats import t

        reach = float(t.ppf(1 - alpha, self.n - 1)) * self.error
        return max(self.mean - reach, self.span[0]), min(self.mean + reach, self.span[1])

    def interval(self, level: float = LEVEL) -> Interval:
        """Two-sided interval of the mean."""
        return self.bounds((1 - level) / 2)

    def p_below(self, limit: float) -> float:
        """One-sided p of the hypothesis that the true mean is at or below `limit`: small where it lies above."""
        if self.n < 2:
            return 1.0
        from scipy.stats import t

        if self.error == 0.0:
            return 0.0 if self.mean > limit else 1.0
        return float(t.sf((self.mean - limit) / self.error, self.n - 1))

    def p_above(self, limit: float) -> float:
        """One-sided p of the hypothesis that the true mean is at or above `limit`."""
        return Paired(tuple(-value for value in self.differences), self.least_error).p_below(-limit)

    def p_permutation(self) -> float:
        """Two-sided p of no difference: each task's sign is flipped, in all ways or in RESAMPLES random ones."""
        if self.n < 2 or not any(self.differences):
            return 1.0
        import numpy

        values = numpy.array(self.differences)
        least = abs(values.sum()) - 1e-9 * abs(values).sum()  # sums of equal parts in another order may differ in the last bit
        if 2**self.n <= RESAMPLES:
            flipped = 1 - 2 * (numpy.arange(2**self.n)[:, None] >> numpy.arange(self.n) & 1)
            return float((abs(flipped @ values) >= least).mean())
        chance = numpy.random.default_rng(0)
        as_far, left = 1, RESAMPLES  # the signs as they are count as one of the flips (Phipson and Smyth 2010)
        while left:
            rows = min(left, max(1, AT_ONCE // self.n))
            bits = numpy.frombuffer(chance.bytes(-(-rows * self.n // 8)), dtype=numpy.uint8)
            signs = numpy.unpackbits(bits, count=rows * self.n).reshape(rows, self.n)
            # A flip subtracts a value twice.
            as_far += int((abs(values.sum() - 2 * (signs @ values)) >= least).sum())
            left -= rows
        return as_far / (RESAMPLES + 1)


def by_task(pairs: Mapping[str, Sequence[float]], *, error: float = 0.0, span: Interval = (-math.inf, math.inf)) -> Paired:
    """Differences per task from those of its epochs; `error` is the least SD of one epoch's difference.

    Scores are whole numbers: equal ones in three tasks are no proof that nothing varies. A whole number is uncertain by a
    variance of 1/12 (uniform within its unit), and that much is left in the standard error whatever the scores are.
    """
    n = len(pairs)
    least = math.sqrt(sum(error**2 / len(values) for values in pairs.values())) / n if n else 0.0
    return Paired(tuple(fmean(values) for values in pairs.values()), least, span)


def rounding_error(judges: float) -> float:
    """SD that whole-number scores leave in the difference of two means over `judges` reviews (by_task: `error`)."""
    return math.sqrt(2 / 12 / judges)


@overload
def holm(p_values: Sequence[float]) -> list[float]: ...


@overload
def holm(p_values: Sequence[float | None]) -> list[float | None]: ...


def holm(p_values: Sequence[float | None]) -> list[float] | list[float | None]:
    """Holm's step-down adjusted p-values, in the order given (Holm 1979); None stays None and counts for nothing.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    known = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, index) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * p))
        adjusted[index] = highest
    return adjusted


def exact_p(more: int, less: int) -> float:
    """McNemar's exact two-sided p: of `more + less` pairs that differ, `more` do so in one direction.

    >>> exact_p(5, 0)
    0.0625
    """
    if more + less == 0:
        return 1.0
    from scipy.stats import binomtest

    return float(binomtest(more, more + less, 0.5).pvalue)


def difference_of_shares(more: float, less: float, n: int) -> Interval:
    """95 % interval of (more - less) / n for `n` pairs of yes and no (Agresti and Min 2005: half a pair added to each cell).

    `more` and `less` may be fractions where a pair is a task with several stages.
    """
    more, less, total = more + 0.5, less + 0.5, n + 2
    middle = (more - less) / total
    reach = 1.959964 * math.sqrt(max(0.0, more + less - (more - less) ** 2 / total)) / total
    return max(-1.0, middle - reach), min(1.0, middle + reach)


def tasks_needed(sd: float, margin: float, alpha: float, power: float = 0.8) -> int | None:
    """Tasks with which a difference `margin` away from the limit is told from it; None where no number would do.

    Normal approximation: ((z of 1 - alpha + z of power) x sd / margin)^2, at least 2.
    """
    if margin <= 0 or sd <= 0:
        return None if margin <= 0 else 2
    from scipy.stats import norm

    wanted = math.ceil(((float(norm.ppf(1 - alpha)) + float(norm.ppf(power))) * sd / margin) ** 2)
    return max(2, wanted)
