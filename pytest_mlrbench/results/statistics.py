"""Bootstrap confidence intervals over tasks; tables, agreement, comparison and the gate take every interval from here.

Public: `bootstrap_mean_ci` (mean over tasks), `paired_difference_ci` (difference of two runs on the same tasks) and `bootstrap_ci`
(any statistic). A task is the unit that is drawn: its epochs and repeats go with it, so that one task asked ten times does not look
like ten tasks. Equal input, seed and number of draws give equal numbers, whatever the order of the tasks.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite, sqrt
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Floats = NDArray[numpy.float64]

Unit = TypeVar("Unit")
Values = Mapping[str, "float | Sequence[float]"]
"""Task -> its value, or its values in several epochs."""

LEVEL = 0.95
DRAWS = 10_000
SEED = 0

MOST_DRAWN = 2_000
"""Tasks above which the mean's interval is taken from the normal distribution: draws from bounded scores give the same two decimals
there, for a hundred times the time."""
LEAST_DEFINED = 0.9
"""Share of draws in which a statistic must be defined: the others alone would be a sample that was picked by its result."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval."""

    estimate: float
    low: float
    high: float
    level: float
    """Two-sided, 0..1; `low` alone is a one-sided bound of level `(1 + level) / 2`."""
    n: int
    """Tasks (or other units) that were drawn from."""

    @property
    def ends(self) -> list[float]:
        """`[low, high]`, as in JSON."""
        return [self.low, self.high]


def bootstrap_mean_ci(values_by_task: Values, *, seed: int = SEED, level: float = LEVEL, draws: int = DRAWS) -> Interval | None:
    """The mean over tasks, each task counting once with the mean of its values, and its interval.

    Args:
        values_by_task: task -> value, or values of several epochs. A task without values is an error: leave it out.
        seed: of the draws.
        level: two-sided, above 0 and below 1.
        draws: samples of tasks, drawn with replacement.

    Returns:
        None with fewer than two tasks: one task says nothing on how tasks differ.

    Raises:
        ValueError: for an empty list of values, a value that is not finite, or a level outside 0..1.

    The percentiles are those of the expanded percentile interval (Hesterberg, What Teachers Should Know About the Bootstrap, 2015,
    section 5.3): a plain percentile interval over ten tasks is too narrow by the factor sqrt(9/10) and by normal instead of t.
    """
    (found,) = bootstrap_mean_cis([values_by_task], seed=seed, level=level, draws=draws)
    return found


def paired_difference_ci(
    base: Values, new: Values, *, seed: int = SEED, level: float = LEVEL, draws: int = DRAWS
) -> Interval | None:
    """The mean over tasks of `new` minus `base`, and its interval: a task is drawn with both of its sides.

    Only tasks that are in both count; `n` says how many. Arguments, None and errors otherwise as in `bootstrap_mean_ci`.
    """
    return bootstrap_mean_ci(
        {task: _mean(task, new[task]) - _mean(task, base[task]) for task in base if task in new},
        seed=seed,
        level=level,
        draws=draws,
    )


def bootstrap_mean_cis(
    columns: Sequence[Values], *, seed: int = SEED, level: float = LEVEL, draws: int = DRAWS
) -> list[Interval | None]:
    """As `bootstrap_mean_ci` for each of `columns`; columns of equally many tasks share their draws, and are drawn at once."""
    import numpy

    if not 0 < level < 1:
        raise ValueError(f"level {level!r}: a confidence level lies between 0 and 1")
    values = [numpy.array([_mean(task, column[task]) for task in sorted(column)]) for column in columns]
    found: list[Interval | None] = [None] * len(values)
    by_size: dict[int, list[int]] = defaultdict(list)
    for place, column in enumerate(values):
        if len(column) > 1:
            by_size[len(column)].append(place)
    for n, places in by_size.items():
        estimates = [float(values[place].mean()) for place in places]
        # Drawn around the mean, so that equal values give an interval of exactly no width.
        centred = numpy.stack([values[place] - estimate for place, estimate in zip(places, estimates, strict=True)], axis=1)
        if n > MOST_DRAWN:
            half = _normal_quantile(0.5 + level / 2) * centred.std(axis=0) / sqrt(n)
            low, high = -half, half
        else:
            tail = _expanded_tail((1 - level) / 2, n)
            low, high = numpy.quantile(_weights(n, seed, draws) @ centred, [tail, 1 - tail], axis=0)
        for place, estimate, down, up in zip(places, estimates, low, high, strict=True):
            found[place] = Interval(estimate, estimate + float(down), estimate + float(up), level, n)
    return found


def bootstrap_ci(
    units: Sequence[Unit],
    statistic: Callable[[Sequence[Unit]], float],
    *,
    seed: int = SEED,
    level: float = LEVEL,
    draws: int = 2_000,
) -> Interval | None:
    """Any statistic of `units` (tasks with all that belongs to them) and its percentile interval.

    `statistic` gets as many units as there are, drawn with replacement in the order of `units`; it returns NaN where it is not
    defined (a correlation of equal values). None with fewer than two units, where the statistic of the units themselves is not
    defined, or where it is defined in less than `LEAST_DEFINED` of the draws.
    """
    import numpy

    n = len(units)
    if n < 2:
        return None
    estimate = float(statistic(units))
    if not isfinite(estimate):
        return None
    generator = numpy.random.default_rng([seed, n])
    drawn = numpy.array([statistic([units[index] for index in row]) for row in generator.integers(n, size=(draws, n))], dtype=float)
    defined = drawn[numpy.isfinite(drawn)]
    if len(defined) < LEAST_DEFINED * draws:
        return None
    low, high = numpy.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, float(low), float(high), level, n)


def _mean(task: str, values: "float | Sequence[float]") -> float:
    numbers = [values] if isinstance(values, int | float) else [*values]
    if not numbers or not all(map(isfinite, numbers)):
        raise ValueError(f"{task}: {numbers!r} has no mean; leave tasks without a finite score out and say how many they are")
    return sum(numbers) / len(numbers)


@lru_cache(maxsize=8)
def _weights(n: int, seed: int, draws: int) -> "Floats":
    """A row a draw: how often each of `n` tasks was drawn, divided by `n`."""
    import numpy

    generator: Any = numpy.random.default_rng([seed, n])
    weights: Floats = generator.multinomial(n, numpy.full(n, 1 / n), size=draws) / n
    return weights


def _expanded_tail(tail: float, n: int) -> float:
    """The percentile that is `tail` of a t distribution of `n` - 1 degrees, in units of a bootstrap's own (smaller) spread."""
    from scipy.special import ndtr, stdtrit

    return float(ndtr(sqrt(n / (n - 1)) * stdtrit(n - 1, tail)))


def _normal_quantile(share: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(share))
