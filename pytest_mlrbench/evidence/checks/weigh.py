"""Holds a comparative claim against one table: which values contradict it, and whether the table can speak of it at all.

For prose.
"""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from .comparisons import Comparison
from .grid import Grid, Line, Value, apart
from .measures import HIGHER, LOWER, direction
from .mentions import columns_of, rows_of
from .words import words

_COSTS_WORDS = """
time latency memory cost runtime flops energy throughput speed overhead size parameters params iterations steps
"""
COSTS = frozenset(_COSTS_WORDS.split())
"""What `outperforms` alone does not speak of."""
_NO_RIVALS = frozenset(
    ["oracle", "upper", "bound", "human", "humans", "ideal", "optimal", "truth", "full", "groundtruth", "chance", "target"]
)
"""Rows that nobody claims to beat."""


class Against(NamedTuple):
    """Two values that contradict a claim."""

    column: str
    subject: str
    mine: Value
    rival: str
    other: Value
    lines: tuple[Line, Line]
    tie: bool = False


@dataclass
class Weighed:
    """What a table says to a claim."""

    against: list[Against] = field(default_factory=list)
    """Why the claim is false by this table; empty when it is not."""
    spoke: bool = False
    """The table has the methods and metrics of the claim."""


def weigh(claim: Comparison, grid: Grid) -> Weighed:
    """Read `claim` by `grid`. Where a name is unclear every meaning must contradict it."""
    found = Weighed()
    for subject in claim.subjects:
        for phrase in claim.metrics or (frozenset(),):
            one = _one(claim, grid, subject, phrase)
            found.spoke |= one.spoke
            found.against += one.against
    return found


def _one(claim: Comparison, grid: Grid, subject: str, phrase: frozenset[str]) -> Weighed:
    if phrase:
        columns = columns_of(grid, phrase)
    else:
        columns = tuple(
            index
            for index in grid.measured
            if direction(grid.columns[index]) and (claim.every or not words(grid.columns[index]) & COSTS)
        )
        if not columns and captioned(grid):
            # Columns are data sets, and the caption names the one metric.
            columns = grid.measured if claim.sense in ("better", "worse") else ()
    places = rows_of(grid, subject)
    if not columns or not places:
        return Weighed()
    told: list[tuple[list[Against], int]] = []
    for row, position in places:
        rivals = _rivals(claim, grid, row, position, subject)
        if not rivals:
            continue
        for column in columns:
            sign = _sign(claim, grid, column)
            mine = row.cells.get(column)
            if sign == 0 or mine is None:
                continue
            bad: list[Against] = []
            ties: list[Against] = []
            count = 0
            for rival in rivals:
                other = rival.cells.get(column)
                if other is None:
                    continue
                count += 1
                against = Against(grid.columns[column], row.labels[position], mine, rival.labels[position], other, (row, rival))
                if apart(mine.number, other.number):
                    if (mine.number.value - other.number.value) * sign < 0:
                        bad.append(against)
                elif mine.number.value == other.number.value and mine.number.digits >= 2 and not claim.superlative:
                    ties.append(_tie(against))
            if count:
                if ties and len(ties) == count:
                    bad = ties
                told.append((bad, count))
    if not told:
        return Weighed()
    bad_all = [against for bad, _ in told for against in bad]
    whole = all(_false(claim, bad, count) for bad, count in told)
    if claim.universal and not phrase:
        # One metric, one group of rows suffices; ties are only told when nothing but ties is there.
        strict = [against for against in bad_all if not against.tie]
        return Weighed(strict if strict else bad_all if whole else [], True)
    if claim.universal and len(columns) == 1:
        strict = [against for against in bad_all if not against.tie]
        return Weighed(strict if strict else bad_all if whole else [], True)
    return Weighed(bad_all if whole else [], True)


def _tie(against: Against) -> Against:
    return Against(against.column, against.subject, against.mine, against.rival, against.other, against.lines, True)


def _false(claim: Comparison, bad: list[Against], count: int) -> bool:
    """Whether one column's values contradict the claim: one better rival for `best` and `all`, each for a named few."""
    if not bad:
        return False
    if claim.superlative or not claim.objects:
        return True
    return len(bad) == count or len(claim.objects) > 1


def _rivals(claim: Comparison, grid: Grid, row: Line, position: int, subject: str) -> list[Line]:
    partners = grid.partners(row, position)
    if claim.objects:
        wanted = {id(line) for label in claim.objects for line, place in rows_of(grid, label) if place == position}
        found = [line for line in partners if id(line) in wanted]
        named = {label for label in claim.objects if rows_of(grid, label)}
        return found if len(named) == len(claim.objects) else []
    others = {label for label in claim.subjects if label != subject}
    found = [line for line in partners if not _related(line.labels[position], subject) and line.labels[position] not in others]
    if claim.superlative:
        # Of variants of one method one may be the best: `A has the highest accuracy` is then still false.
        found = [line for line in partners if line.labels[position] not in others and not words(line.labels[position]) & _NO_RIVALS]
    else:
        found = [line for line in found if not words(line.labels[position]) & _NO_RIVALS]
    return [] if claim.single and len(found) != 1 else found


def _related(label: str, subject: str) -> bool:
    """Variants of one method share its name."""
    a, b = words(label), words(subject)
    return (
        a <= b
        or b <= a
        or (label.split("_")[0].split(" ")[0].split("-")[0].lower() == subject.split("_")[0].split(" ")[0].split("-")[0].lower())
    )


def captioned(grid: Grid) -> int:
    """The direction of a caption's one metric, for a table whose columns name none: data sets, tasks."""
    told = words(grid.caption) & (HIGHER | LOWER)
    if (
        len(told) != 1
        or not re.match(r"\W*(?:table|tab\.)", grid.caption, re.I)
        or any(direction(grid.columns[i]) for i in grid.measured)
    ):
        return 0
    return direction(next(iter(told)))


def _sign(claim: Comparison, grid: Grid, column: int) -> int:
    """1 when the claim says that the subject's number is the larger one, -1 the smaller, 0 when the names do not tell."""
    if claim.sense == "higher":
        return 1
    if claim.sense == "lower":
        return -1
    name = grid.columns[column]
    better = direction(name) or captioned(grid)
    return better if claim.sense == "better" else -better
