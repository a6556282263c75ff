"""Which reported numbers can exist: counts behind a proportion, bounds of an SD, and p-values of test statistics."""

import math
from collections.abc import Iterable
from typing import Literal

from .quantities import Number

SLACK = 1e-9
"""Relative slack of every comparison: the written numbers are decimal, ours are binary."""
Family = Literal["t", "F", "chi2", "z", "r"]


def interval(number: Number) -> tuple[float, float]:
    """The values that may have been written as `number`: rounded, or cut off (some formats truncate).

    A cut moves towards zero, so the far end is one whole unit of the last digit away and the near end half of one.
    """
    far, near = number.ulp, number.ulp / 2
    extra = SLACK * max(1.0, abs(number.value))
    low, high = (far, near) if number.value < 0 else (near, far)
    return number.value - low - extra, number.value + high + extra


def rounded(number: Number) -> tuple[float, float]:
    """As `interval`, for rounding alone."""
    half = number.ulp / 2 + SLACK * max(1.0, abs(number.value))
    return number.value - half, number.value + half


def grim(low: float, high: float, n: int) -> bool:
    """Whether some count k of n gives a mean k/n in [low, high] (Brown and Heathers, 2017).

    >>> grim(0.9135, 0.9145, 250)
    False
    >>> grim(0.9155, 0.9165, 250)
    True
    """
    return math.floor(high * n + SLACK) >= math.ceil(low * n - SLACK)


def grimmer(mean: tuple[float, float], sd: tuple[float, float], n: int) -> bool:
    """Whether n integers can have a mean and an SD (sample or population) in these intervals (Anaya, 2016; Allard, 2018).

    The sum S and the sum of squares Q of integers are integers of the same parity, and Q is at least what S spread evenly gives.
    """
    if n < 2:
        return True
    for total in range(math.ceil(mean[0] * n - SLACK), math.floor(mean[1] * n + SLACK) + 1):
        base, extra = divmod(total, n)
        least = (n - extra) * base * base + extra * (base + 1) ** 2
        for divisor in (n - 1, n):
            low = max(sd[0], 0.0) ** 2 * divisor + total * total / n
            high = sd[1] ** 2 * divisor + total * total / n
            slack = SLACK * max(1.0, high)
            first = max(math.ceil(low - slack), least)
            first += (first - total) % 2
            if first <= high + slack:
                return True
    return False


def sd_limit(mean: tuple[float, float], lowest: float, highest: float, n: int = 2) -> float:
    """The largest sample SD of n values in [lowest, highest] whose mean lies in `mean`.

    The variance is at most (highest - m)(m - lowest), times n/(n-1) for the sample SD (Bhatia and Davis, 2000). n = 2, the default,
    allows most.

    >>> round(sd_limit((0.9, 0.9), 0.0, 1.0), 3)
    0.424
    """
    middle = (lowest + highest) / 2
    nearest = min(max(middle, mean[0]), mean[1])
    return math.sqrt(max(0.0, (highest - nearest) * (nearest - lowest)) * n / (n - 1))


def harmonic(precision: float, recall: float) -> float:
    """F1 of one precision and one recall. For any averages of the three (over classes, seeds, folds, with the same weights) it is
    an upper bound of the mean F1, since the harmonic mean is concave."""
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def p_ranges(family: Family, statistic: Number, freedom: Iterable[float]) -> list[tuple[float, float]]:
    """The p-values that the rounded statistic can have: one-sided in either direction and two-sided tests are all allowed.

    `freedom`: its degrees of freedom, none for z, two for F. Raises ValueError for degrees below 1 and for |r| above 1.
    """
    from scipy import stats  # 1.4 s: only for texts that state a test

    df = tuple(freedom)
    if any(value < 1 for value in df):
        raise ValueError(f"degrees of freedom {df} are below 1")
    low, high = rounded(statistic)
    one_sided = family in ("F", "chi2")
    near = max(0.0, low) if one_sided else 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    far = max(0.0, high) if one_sided else max(-low, high)
    if family == "r" and near > 1:
        raise ValueError("a correlation above 1")

    def tail(value: float) -> float:
        if family == "F":
            return float(stats.f.sf(value, *df))
        if family == "chi2":
            return float(stats.chi2.sf(value, *df))
        if family == "z":
            return float(stats.norm.sf(value))
        if family == "r":
            bound = min(value, 1 - 1e-12)
            value = bound * math.sqrt(df[0] / (1 - bound * bound))
        return float(stats.t.sf(value, df[0]))

    smallest, largest = tail(far), tail(near)
    if one_sided:  # some halve it, for a directed hypothesis
        return [(smallest, largest), (smallest / 2, largest / 2)]
    return [(smallest, largest), (2 * smallest, min(1.0, 2 * largest)), (1 - largest, 1 - smallest)]
