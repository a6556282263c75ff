"""Columns of a report that are a value of the run's data times a constant: accuracies from counts, bits from nats, ratios of sizes.

Rule. The rows of a table of a document bear names of the data, and for three rows or more, with three different numbers of three
digits, one constant `k` gives every number of the column from the row's value `v` (a value, or a mean, spread or end of values) as
`k v`, `k / v`, `1 - k v` or `100 - k v`, to the last written digit. Then the column was worked out from these values. `k v` counts
only where the values are whole (counts, bytes) or `k` is far from 1: a column 5 % above the data is no unit. A column of fewer
different numbers counts where its constant is one that another column showed.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from .data import Fact
from .documents import Document
from .quantities import Number
from .related import columns_of, missing
from .sources import Pool
from .words import bare

NAMED = 20_000
"""Facts with names that are looked at."""
ROWS = 3
NEAR = (0.2, 5.0)
"""A constant between these turns measured fractions into something else."""
KINDS = ("k v", "k / v", "1 - k v", "100 - k v")


class Column(NamedTuple):
    """Numbers of one column by the bare names of their rows."""

    cells: dict[str, Number]


class Constant(NamedTuple):
    """What one constant may be, from the numbers' last digits."""

    kind: str
    low: float
    high: float

    @property
    def there(self) -> bool:
        return 0 < self.low <= self.high


def scaled(pool: Pool, documents: Iterable[Document]) -> list[Fact]:
    """The numbers of columns that are worked out so, as facts of the file they come from."""
    cells = ({row: number for row, number in column if row} for document in documents for column in columns_of(document))
    columns = [Column(one) for one in cells if len(one) >= ROWS and missing(pool, one.values()) >= 2]
    if not columns:
        return []
    groups = _groups(pool, frozenset().union(*(column.cells for column in columns)))
    whole = _whole(pool)
    known: list[Constant] = []
    found: list[Fact] = []
    # Columns with many different numbers first: they show the constants.
    for column in sorted(columns, key=lambda one: -len({number.text for number in one.cells.values()})):
        for (file, how, names), values in groups.items():
            if not column.cells.keys() <= values.keys():
                continue
            constant = _constant(column, values, (file, names[-1]) in whole, known)
            if constant is not None:
                known.append(constant)
                middle = math.sqrt(constant.low * constant.high)
                for row in column.cells:
                    found.append(Fact(_value(constant.kind, middle, values[row]), file, (*names, row), f"{constant.kind} of {how}"))
                break
    return found


def _groups(pool: Pool, rows: frozenset[str]) -> dict[tuple[str, str, tuple[str, ...]], dict[str, float]]:
    """File, statistic and names without that of a row -> the row's bare name -> value; the last version of a file comes first."""
    found: dict[tuple[str, str, tuple[str, ...]], dict[str, float]] = defaultdict(dict)
    for fact in pool.facts[:NAMED]:
        for place, name in enumerate(fact.names[:-1]):
            if (row := bare(name)) in rows:
                found[fact.file, fact.how, (*fact.names[:place], *fact.names[place + 1 :])].setdefault(row, fact.value)
    return {key: values for key, values in found.items() if len(values) >= ROWS}


def _whole(pool: Pool) -> set[tuple[str, str]]:
    """(file, last name) of values that are whole numbers."""
    kinds: dict[tuple[str, str], bool] = {}
    for fact in pool.facts[:NAMED]:
        if fact.names and fact.how == "value":
            key = (fact.file, fact.names[-1])
            kinds[key] = kinds.get(key, True) and fact.value.is_integer()
    return {key for key, is_whole in kinds.items() if is_whole}


def _constant(column: Column, values: dict[str, float], whole: bool, known: list[Constant]) -> Constant | None:
    different = len({number.text for number in column.cells.values()})
    for kind in KINDS:
        low, high = 0.0, math.inf
        for row, number in column.cells.items():
            ends = _ends(kind, number, values[row])
            if ends is None:
                break
            low, high = max(low, ends[0]), min(high, ends[1])
        else:
            constant = Constant(kind, low, high)
            if not constant.there or (kind != "k / v" and not whole and NEAR[0] < low < NEAR[1]):
                continue
            if different >= ROWS or any(one.kind == kind and one.low <= high and low <= one.high for one in known):
                return constant
    return None


def _ends(kind: str, number: Number, value: float) -> tuple[float, float] | None:
    """Between what the constant lies, by one row; None where that says nothing."""
    half = number.ulp * 0.5 * (1 + 1e-9)
    low, high = number.value - half, number.value + half
    if kind.startswith("1"):
        total = 100.0 if kind.startswith("100") else 1.0
        low, high = total - high, total - low
    if value <= 0 or high <= 0:
        return None
    return (low * value, high * value) if kind == "k / v" else (low / value, high / value)


def _value(kind: str, constant: float, value: float) -> float:
    if kind == "k / v":
        return constant / value
    if kind.startswith("1"):
        return (100.0 if kind.startswith("100") else 1.0) - constant * value
    return constant * value
