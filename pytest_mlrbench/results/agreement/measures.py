"""Measures of agreement between raters with bootstrap intervals; all other modules of this package take their numbers from here.

Kappa and alpha are written out, not taken from scikit-learn and krippendorff: an interval needs each 2,000 times, for which those
packages take a minute a run of five stages, and sums over units a second. Tests hold the values equal to the two packages, and the
intervals to `results.statistics.bootstrap_ci`, which draws the same units one sample after the other.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar

from ..statistics import LEAST_DEFINED, LEVEL, SEED

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Floats = NDArray[numpy.float64]
    Indices = NDArray[numpy.int64]

Key = TypeVar("Key", bound=Hashable)

DRAWS = 2_000
"""Samples of units behind an interval, as in `bootstrap_ci`."""
CHUNK = 2_000_000
"""Drawn units, or values, that are looked at at once: 16 MB an array."""
TINY = 1e-12
"""Spread below which scores are all equal, and value below which there is none, but for rounding."""


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float | None
    """None where it is not defined: no data, or scores that are all equal."""
    low: float | None = None
    high: float | None = None

    @property
    def ends(self) -> list[float] | None:
        """`[low, high]`, as in JSON; None where there is no interval."""
        return None if self.low is None or self.high is None else [self.low, self.high]

    @property
    def leaves_zero_open(self) -> bool:
        """Whether 0 is in the interval, or there is none."""
        return self.low is None or self.high is None or self.low <= 0 <= self.high


NOTHING = Estimate(None)


def estimate(units: int, statistic: "Callable[[Indices], Floats]", held: int = 0) -> Estimate:
    """A statistic of `units` units, with the percentile interval over `DRAWS` seeded draws of units with replacement.

    `statistic` gets a row of unit indices for each sample and returns a value for each, NaN where it is not defined. No interval
    with fewer than two units, or where less than `LEAST_DEFINED` of the samples have a value. `held` says how many values the
    units hold together, where that is more than their number: samples are drawn in pieces that fit into memory.
    """
    import numpy

    if not units:
        return NOTHING
    value = _exact_zero(float(statistic(numpy.arange(units)[None, :])[0]))
    if not isfinite(value):
        return NOTHING
    if units < 2:
        return Estimate(value)
    drawn = numpy.random.default_rng([SEED, units]).integers(units, size=(DRAWS, units))
    step = max(1, CHUNK // max(units, held))
    values = numpy.concatenate([statistic(drawn[start : start + step]) for start in range(0, DRAWS, step)])
    defined = values[numpy.isfinite(values)]
    if len(defined) < LEAST_DEFINED * DRAWS:
        return Estimate(value)
    low, high = numpy.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, _exact_zero(float(low)), _exact_zero(float(high)))


def _exact_zero(value: float) -> float:
    """0 for what is 0 but for rounding: an interval from 1e-15 on would leave 0 out."""
    return 0.0 if abs(value) < TINY else value


def _of_sums(rows: Sequence[Sequence[float]], measure: "Callable[..., Floats]") -> Estimate:
    """`measure` of the columns' totals over drawn units; `rows` holds each unit's own sums."""
    import numpy

    sums = numpy.array(rows, dtype=float)
    units = len(rows)

    def statistic(drawn: "Indices") -> "Floats":
        places = drawn + units * numpy.arange(len(drawn))[:, None]
        times = numpy.bincount(places.ravel(), minlength=units * len(drawn)).reshape(len(drawn), units)
        with numpy.errstate(divide="ignore", invalid="ignore"):
            found: Floats = measure(*(times @ sums).T)
        return found

    return estimate(units, statistic)


def _grouped(pairs: Iterable[tuple[Key, Any]]) -> list[list[Any]]:
    """What belongs to each unit, units in an order that does not depend on how files were read."""
    units: dict[Key, list[Any]] = {}
    for unit, what in pairs:
        units.setdefault(unit, []).append(what)
    return [units[unit] for unit in sorted(units, key=str)]


def pooled_mean(by_unit: Mapping[Key, Sequence[float]]) -> Estimate:
    """The mean of all values, each counting once; a unit is drawn with all of its values, none included."""
    rows = [(len(values), sum(values)) for values in _values(by_unit)]
    return _of_sums(rows, lambda number, total: total / number)


def difference_of_means(first: Mapping[Key, Sequence[float]], second: Mapping[Key, Sequence[float]]) -> Estimate:
    """Pooled mean of `second` minus that of `first`; a unit is drawn with its values of both sides."""
    units = sorted({*first, *second}, key=str)
    rows = [[part for side in (first, second) for part in (len(side.get(unit, ())), sum(side.get(unit, ())))] for unit in units]
    return _of_sums(rows, lambda n, total, other_n, other: other / other_n - total / n)


def _values(by_unit: Mapping[Key, Sequence[float]]) -> list[Sequence[float]]:
    return [by_unit[unit] for unit in sorted(by_unit, key=str)]


class Pairs:
    """Scores that two raters gave the same things, grouped by the unit that is drawn (a paper, a task with its epochs)."""

    def __init__(self, pairs: Iterable[tuple[Hashable, float, float]]) -> None:
        """`pairs`: unit, score of the first, score of the second."""
        self._units = [sorted(unit) for unit in _grouped((unit, (float(first), float(second))) for unit, first, second in pairs)]
        self.n = sum(map(len, self._units))
        """Pairs."""
        self.units = len(self._units)

    def _sums(self, row: Callable[[float, float], Sequence[float]], measure: "Callable[..., Floats]") -> Estimate:
        rows = [[sum(column) for column in zip(*(row(*pair) for pair in unit), strict=True)] for unit in self._units]
        return _of_sums(rows, measure)

    def mean_difference(self) -> Estimate:
        """Second minus first."""
        return self._sums(lambda first, second: (1, second - first), lambda n, total: total / n)

    def mean_distance(self) -> Estimate:
        """Mean absolute difference."""
        return self._sums(lambda first, second: (1, abs(second - first)), lambda n, total: total / n)

    def kappa(self) -> Estimate:
        """Cohen's kappa with weights (a - b)^2, for scores of any step (panel means too); of 0/1 verdicts this is plain kappa.

        1 - observed / expected, the expected being the mean squared distance of independent draws from the two raters' own scores.
        Not defined when all scores are equal: nothing was told apart.
        """
        import numpy

        def measure(n: "Floats", one: "Floats", other: "Floats", squares: "Floats", distance: "Floats") -> "Floats":
            expected = squares / n - 2 * (one / n) * (other / n)
            return numpy.where(expected > TINY, 1 - distance / n / expected, numpy.nan)

        return self._sums(lambda one, other: (1, one, other, one**2 + other**2, (one - other) ** 2), measure)

    def alpha(self) -> Estimate:
        """Krippendorff's alpha of the two raters, interval data."""
        return self._sums(lambda *scores: _alpha_row(scores), _alpha)

    def slope(self) -> Estimate:
        """Least-squares slope of the second on the first."""
        import numpy

        def measure(n: "Floats", one: "Floats", other: "Floats", squares: "Floats", products: "Floats") -> "Floats":
            spread = squares / n - (one / n) ** 2
            return numpy.where(spread > TINY, (products / n - (one / n) * (other / n)) / spread, numpy.nan)

        return self._sums(lambda one, other: (1, one, other, one**2, one * other), measure)

    def spearman(self) -> Estimate:
        """Rank correlation."""
        import numpy

        flat = numpy.array([pair for unit in self._units for pair in unit]).reshape(-1, 2)
        ends = numpy.cumsum([0, *map(len, self._units)])
        rows = [numpy.arange(start, end) for start, end in pairwise(ends)]
        sizes = {len(row) for row in rows}

        def statistic(drawn: "Indices") -> "Floats":
            if len(sizes) == 1:
                taken = numpy.array(rows)[drawn].reshape(len(drawn), -1)
                return rank_correlation(flat[taken, 0], flat[taken, 1])
            # Units of different sizes make samples of different sizes: one after the other.
            each = (numpy.concatenate([rows[unit] for unit in sample]) for sample in drawn)
            return numpy.array([rank_correlation(flat[taken, 0][None], flat[taken, 1][None])[0] for taken in each])

        return estimate(self.units, statistic, self.n)

    def counts(self) -> tuple[int, int, int, int]:
        """Of 0/1 verdicts: both, only the first, only the second, neither."""
        said = [(first > 0, second > 0) for unit in self._units for first, second in unit]
        both, only_first, only_second, neither = (
            said.count(pair) for pair in ((True, True), (True, False), (False, True), (False, False))
        )
        return both, only_first, only_second, neither

    def agree(self) -> Estimate:
        """Share of pairs that are equal."""
        return self._sums(lambda first, second: (1, float(first == second)), lambda n, total: total / n)


def rank_correlation(first: "Floats", second: "Floats") -> "Floats":
    """Spearman's rho of each row; NaN where one side's scores are all equal."""
    import numpy
    from scipy.stats import rankdata

    middle = (first.shape[1] + 1) / 2
    one, other = (rankdata(side, axis=1) - middle for side in (first, second))
    spread = numpy.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    with numpy.errstate(divide="ignore", invalid="ignore"):
        found: Floats = numpy.where(spread > TINY, (one * other).sum(axis=1) / spread, numpy.nan)
    return found


def alpha(units: Iterable[tuple[Key, Sequence[float]]]) -> Estimate:
    """Krippendorff's alpha for interval data over any number of raters.

    `units`: what is drawn (a task, or the work itself) and all scores of one work. A work with fewer than two scores counts for
    nothing. Not defined when all scores are equal.
    """
    rows = [
        [sum(column) for column in zip(*map(_alpha_row, works), strict=True)]
        for works in _grouped((unit, scores) for unit, scores in units if len(scores) > 1)
    ]
    return _of_sums(rows, _alpha) if rows else NOTHING


def _alpha_row(scores: Sequence[float]) -> tuple[float, ...]:
    """Of one work: number of scores, sum, sum of squares, squared distances of all ordered pairs / 2 / (number - 1)."""
    number, total, squares = len(scores), sum(scores), sum(score**2 for score in scores)
    return number, total, squares, (number * squares - total**2) / (number - 1)


def _alpha(number: "Floats", total: "Floats", squares: "Floats", within: "Floats") -> "Floats":
    import numpy

    between = (number * squares - total**2) / (number * (number - 1))
    return numpy.where(between > TINY, 1 - within / number / between, numpy.nan)


def mann_whitney(first: Sequence[float], second: Sequence[float]) -> tuple[float | None, float | None]:
    """U of `first` and the two-sided p by scipy's own choice of method; None where a side is empty."""
    from scipy.stats import mannwhitneyu

    if not first or not second:
        return None, None
    found = mannwhitneyu(first, second, alternative="two-sided")
    return float(found.statistic), float(found.pvalue)
