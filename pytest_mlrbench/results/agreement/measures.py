"""Measures of agreement between raters with bootstrap intervals; all other modules of this package take their numbers from here.

Kappa and alpha are written out, not taken from scikit-learn and krippendorff: each is needed 2,000 times an interval, where those
packages need a minute for one run of five stages and these forms a second. Tests hold them equal to the two packages.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from typing import TYPE_CHECKING, TypeVar

from ..statistics import bootstrap_ci

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Floats = NDArray[numpy.float64]
    Indices = NDArray[numpy.int64]

Key = TypeVar("Key", bound=Hashable)

Statistic = Callable[["Indices"], float]
"""Indices of the drawn units -> the value; NaN where it is not defined."""


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


def estimate(units: int, statistic: Statistic) -> Estimate:
    """`statistic` of `units` units, with the percentile interval over 2,000 seeded draws of units with replacement."""
    import numpy

    if not units:
        return NOTHING
    value = statistic(numpy.arange(units))
    if not isfinite(value):
        return NOTHING
    found = bootstrap_ci(range(units), lambda drawn: statistic(numpy.asarray(drawn)))
    return Estimate(value) if found is None else Estimate(value, found.low, found.high)


def pooled_mean(by_unit: Mapping[Key, Sequence[float]]) -> Estimate:
    """The mean of all values, each counting once; a unit is drawn with all of its values, none included."""
    import numpy

    sums = numpy.array([sum(values) for values in by_unit.values()])
    counts = numpy.array([len(values) for values in by_unit.values()])

    def mean(drawn: "Indices") -> float:
        number = counts[drawn].sum()
        return float(sums[drawn].sum() / number) if number else nan

    return estimate(len(by_unit), mean)


def difference_of_means(first: Mapping[Key, Sequence[float]], second: Mapping[Key, Sequence[float]]) -> Estimate:
    """Pooled mean of `second` minus that of `first`; a unit is drawn with its values of both sides."""
    import numpy

    units = list(dict.fromkeys([*first, *second]))
    sides = [
        (numpy.array([sum(side.get(unit, ())) for unit in units]), numpy.array([len(side.get(unit, ())) for unit in units]))
        for side in (first, second)
    ]

    def difference(drawn: "Indices") -> float:
        numbers = [counts[drawn].sum() for _, counts in sides]
        if not all(numbers):
            return nan
        one, other = (float(sums[drawn].sum() / number) for (sums, _), number in zip(sides, numbers, strict=True))
        return other - one

    return estimate(len(units), difference)


class Pairs:
    """Scores that two raters gave the same things, grouped by the unit that is drawn (a paper, a task with its epochs)."""

    def __init__(self, pairs: Iterable[tuple[Hashable, float, float]]) -> None:
        """`pairs`: unit, score of the first, score of the second."""
        import numpy

        listed = sorted(pairs, key=lambda pair: str(pair[0]))  # the draws do not depend on the order in which files were read
        self._first = numpy.array([pair[1] for pair in listed], dtype=float)
        self._second = numpy.array([pair[2] for pair in listed], dtype=float)
        rows: dict[Hashable, list[int]] = {}
        for index, (unit, _, _) in enumerate(listed):
            rows.setdefault(unit, []).append(index)
        self._rows = [numpy.array(indices) for indices in rows.values()]
        self._single = len(rows) == len(listed)
        self.n = len(listed)
        """Pairs."""
        self.units = len(rows)

    def of(self, measure: "Callable[[Floats, Floats], float]") -> Estimate:
        """`measure` of the two raters' scores."""
        import numpy

        def statistic(drawn: "Indices") -> float:
            rows = drawn if self._single else numpy.concatenate([self._rows[unit] for unit in drawn])
            return measure(self._first[rows], self._second[rows])

        return estimate(self.units, statistic)

    def mean_difference(self) -> Estimate:
        """Second minus first."""
        return self.of(lambda first, second: float((second - first).mean()))

    def mean_distance(self) -> Estimate:
        """Mean absolute difference."""
        return self.of(lambda first, second: float(abs(second - first).mean()))

    def spearman(self) -> Estimate:
        """Rank correlation."""
        return self.of(rank_correlation)

    def kappa(self) -> Estimate:
        """Quadratic-weighted kappa; of 0/1 verdicts this is Cohen's kappa."""
        return self.of(quadratic_kappa)

    def slope(self) -> Estimate:
        """Least-squares slope of the second on the first."""
        return self.of(_slope)

    def alpha(self) -> Estimate:
        """Krippendorff's alpha of the two raters."""
        import numpy

        if self._single:
            units = range(self.n)
            return alpha({unit: [self._first[unit], self._second[unit]] for unit in units})

        def of(first: "Floats", second: "Floats") -> float:
            both = numpy.stack([first, second])
            return _alpha(numpy.full(len(first), 2), both.sum(axis=0), (both**2).sum(axis=0))

        return self.of(of)

    def counts(self) -> tuple[int, int, int, int]:
        """Of 0/1 verdicts: both, only the first, only the second, neither."""
        first, second = self._first > 0, self._second > 0
        return (
            int((first & second).sum()),
            int((first & ~second).sum()),
            int((~first & second).sum()),
            int((~first & ~second).sum()),
        )


def quadratic_kappa(first: "Floats", second: "Floats") -> float:
    """Cohen's kappa with weights (a - b)^2, for scores of any step: panel means lie between the whole numbers.

    1 - observed / expected, where the expected squared distance is that of independent draws from the two raters' own scores:
    variance + variance + squared difference of means. NaN when all scores are equal: nothing was told apart.
    """
    if not len(first):
        return nan
    observed = float(((first - second) ** 2).mean())
    expected = float(first.var() + second.var() + (first.mean() - second.mean()) ** 2)
    return 1 - observed / expected if expected > 1e-12 else nan


def rank_correlation(first: "Floats", second: "Floats") -> float:
    """Spearman's rho; NaN where one side's scores are all equal."""
    import numpy
    from scipy.stats import rankdata

    if len(first) < 2:
        return nan
    one, other = (rankdata(side) - (len(side) + 1) / 2 for side in (first, second))
    spread = float(numpy.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / spread if spread else nan


def _slope(first: "Floats", second: "Floats") -> float:
    if len(first) < 2:
        return nan
    centred = first - first.mean()
    spread = float(centred @ centred)
    return float(centred @ (second - second.mean())) / spread if spread > 1e-12 else nan


def alpha(by_unit: Mapping[Key, Sequence[float]]) -> Estimate:
    """Krippendorff's alpha for interval data over any number of raters; units with fewer than two scores count for nothing.

    NaN-like (None) when all scores are equal.
    """
    import numpy

    units = [values for _, values in sorted(by_unit.items(), key=lambda item: str(item[0])) if len(values) > 1]
    number = numpy.array([len(values) for values in units])
    sums = numpy.array([sum(values) for values in units], dtype=float)
    squares = numpy.array([sum(value**2 for value in values) for values in units], dtype=float)
    return estimate(len(units), lambda drawn: _alpha(number[drawn], sums[drawn], squares[drawn]))


def _alpha(number: "Indices", sums: "Floats", squares: "Floats") -> float:
    """From each unit's number of scores, their sum and the sum of their squares."""
    total = int(number.sum())
    if total < 2:
        return nan
    within = float(((number * squares - sums**2) / (number - 1)).sum()) / total
    between = float(total * squares.sum() - sums.sum() ** 2) / (total * (total - 1))
    return 1 - within / between if between > 1e-12 else nan


def mann_whitney(first: Sequence[float], second: Sequence[float]) -> tuple[float | None, float | None]:
    """U of `first` and the two-sided p by scipy's own choice of method; None where a side is empty, p also where all values tie."""
    from scipy.stats import mannwhitneyu

    if not first or not second:
        return None, None
    if len({*first, *second}) == 1:
        return len(first) * len(second) / 2, None
    found = mannwhitneyu(first, second, alternative="two-sided")
    return float(found.statistic), float(found.pvalue)
