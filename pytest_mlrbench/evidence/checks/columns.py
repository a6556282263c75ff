"""Tables that work something out: columns of changes, rows of averages and sums, shares, bold values; part of arithmetic."""

import re
from collections.abc import Sequence

from ...audits import Finding, Quote, Severity
from ...patterns import lazy
from .case import finding
from .changes import Stated, fits
from .documents import Document
from .grid import Grid, Line, Value, apart, oriented
from .measures import CHANGE, direction
from .quantities import Number

ENOUGH = 3
"""Other cells of a column that must be exact before one that is not is certainly wrong."""
_AVERAGE = lazy(r"^\W*(?:overall |grand |macro[- ]?)?(?:average|mean|avg\.?|avg)\W*(?:\(.*\))?$", re.I)
_TOTAL = lazy(r"^\W*(?:grand )?(?:total|sum)\W*$", re.I)
_SHARE = lazy(
    r"\b(?:share|proportion|percentage of (?:total|all)|distribution|breakdown|fraction of (?:total|all)|% of (?:total|all))\b",
    re.I,
)
_INSIDE = lazy(r"\b(?:count|seeds?|epochs?|std|sd|params?|parameters|rank|size|n|time)\b", re.I)


def findings(document: Document, grids: Sequence[Grid]) -> list[Finding]:
    """What the tables of one document get wrong by themselves."""
    found: list[Finding] = []
    for grid in grids:
        found += _changes(document, grid)
        found += _averages(document, grid)
        found += _shares(document, grid)
        found += _bold(document, oriented(grid))
    return found


def _tell(document: Document, severity: Severity, message: str, lines: Sequence[Line]) -> Finding:
    quotes = [Quote(file=document.name, line=line.line, quote=line.quote) for line in lines]
    return finding("mathematical_error", document.scope, "arithmetic", severity, message, quotes)


def _changes(document: Document, grid: Grid) -> list[Finding]:
    """A column of changes between two other columns: the pair that explains most rows, and the rows that it does not."""
    found = []
    for index in grid.measured:
        title = grid.columns[index]
        if not CHANGE.search(title) or len(grid.measured) < 3:
            continue
        before = [other for other in grid.measured if other != index and not CHANGE.search(grid.columns[other])]
        best: tuple[int, int, int] | None = None
        for i, a in enumerate(before[:12]):
            for b in before[i + 1 : 12]:
                held = sum(_row_fits(row, index, a, b) is True for row in grid.rows)
                if best is None or held > best[0]:
                    best = (held, a, b)
        if best is None:
            continue
        held, a, b = best
        broken = [row for row in grid.rows if _row_fits(row, index, a, b) is False]
        # Where the pair explains little it is not the pair, unless no other is there.
        if not broken or (held < 2 * len(broken) and not (len(before) == 2 and held >= len(broken) and held)):
            continue
        for row in broken:
            spread = any(row.cells[i].spread is not None for i in (a, b))
            certain = held >= ENOUGH and held >= 3 * len(broken) and not spread
            first, second = row.cells[a].number, row.cells[b].number
            change = 100 * (second.value - first.value) / abs(first.value) if first.value else float("nan")
            message = (
                f"the table gives {row.cells[index].text} as {title} of {' / '.join(row.labels)}, but {grid.columns[a]} "
                f"{first.text} and "
                f"{grid.columns[b]} {second.text} make {second.value - first.value:.4g} or {change:.4g} %; {held} other rows are "
                f"right"
            )
            found.append(_tell(document, "fail" if certain else "warn", message, [row]))
    return found


def _row_fits(row: Line, index: int, a: int, b: int) -> bool | None:
    if index not in row.cells or a not in row.cells or b not in row.cells:
        return None
    stated = row.cells[index].number
    if stated.value == 0 and row.cells[a].number.value == row.cells[b].number.value:
        return True
    factor = bool(re.search(r"[x×]$", row.cells[index].text))
    return fits(Stated(stated, factor=factor), row.cells[a].number, row.cells[b].number)


def _averages(document: Document, grid: Grid) -> list[Finding]:
    """Rows and columns named average, mean, total or sum."""
    found = []
    for row in grid.rows:
        label = row.labels[0] if row.labels else ""
        kind = "average" if _AVERAGE.match(label) else "total" if _TOTAL.match(label) else ""
        others = [one for one in grid.rows if one is not row and one.labels[1:] == row.labels[1:] and not _worked_out(one)]
        if kind and len(others) >= 2:
            parts = {index: [one.cells[index].number for one in others if index in one.cells] for index in row.cells}
            found += _judge(
                document,
                kind,
                {index: (row.cells[index], numbers, grid.columns[index]) for index, numbers in parts.items()},
                row,
                others,
            )
    for index in grid.measured:
        kind = "average" if _AVERAGE.match(grid.columns[index]) else "total" if _TOTAL.match(grid.columns[index]) else ""
        before = [
            other
            for other in grid.measured
            if other < index and not _INSIDE.search(grid.columns[other]) and not CHANGE.search(grid.columns[other])
        ]
        if not kind or len(before) < 2:
            continue
        entries = {
            place: (row.cells[index], [row.cells[other].number for other in before], " / ".join(row.labels))
            for place, row in enumerate(grid.rows)
            if index in row.cells and all(other in row.cells for other in before)
        }
        if all(_outside(value.number, parts) for value, parts, _ in entries.values()):
            # The mean of something else, such as of the runs, beside columns of budgets.
            continue
        for place, entry in entries.items():
            rest = {other: value for other, value in entries.items() if other != place}
            found += _judge(document, kind, {place: entry}, grid.rows[place], [], rest)
    return found


def _worked_out(row: Line) -> bool:
    return bool(row.labels) and bool(
        _AVERAGE.match(row.labels[0])
        or _TOTAL.match(row.labels[0])
        or re.match(r"\W*(std|sd|min|max|median)\b", row.labels[0], re.I)
    )


Entry = tuple[Value, list[Number], str]


def _judge(
    document: Document,
    kind: str,
    entries: dict[int, Entry],
    row: Line,
    others: Sequence[Line],
    more: dict[int, Entry] | None = None,
) -> list[Finding]:
    everything = {**entries, **(more or {})}
    right = sum(_is(kind, value.number, parts) for value, parts, _ in everything.values())
    found = []
    for value, parts, name in entries.values():
        if len(parts) < 2 or _is(kind, value.number, parts):
            continue
        true = sum(part.value for part in parts) / (len(parts) if kind == "average" else 1)
        outside = _outside(value.number, parts)
        certain = right >= ENOUGH and right >= 3 * (len(everything) - right)
        if certain or (kind == "average" and outside and all(part.percent == value.number.percent for part in parts)):
            shown = ", ".join(part.text for part in parts[:6])
            message = f"the table gives {value.text} as the {kind} of {shown} ({name}), which is {true:.5g}"
            found.append(_tell(document, "fail" if certain and outside else "warn", message, [row, *others[:6]]))
    return found


def _outside(stated: Number, parts: Sequence[Number]) -> bool:
    """Whether an average lies beyond all of its parts."""
    values = [part.value for part in parts]
    return bool(values) and not min(values) - stated.ulp <= stated.value <= max(values) + stated.ulp


def _is(kind: str, stated: Number, parts: Sequence[Number]) -> bool:
    if len(parts) < 2:
        return True
    total = sum(part.value for part in parts)
    slack = sum(part.ulp for part in parts) / 2
    count = len(parts) if kind == "average" else 1
    return abs(total / count - stated.value) <= slack / count + stated.ulp * (1 + 1e-9)


def _shares(document: Document, grid: Grid) -> list[Finding]:
    found = []
    for index in grid.measured:
        title = grid.columns[index]
        rows = [row for row in grid.rows if index in row.cells and not _worked_out(row)]
        if not _SHARE.search(title) or len(rows) < 3 or not all("%" in title or row.cells[index].number.percent for row in rows):
            continue
        total = sum(row.cells[index].number.value for row in rows)
        slack = sum(row.cells[index].number.ulp for row in rows)
        if slack < abs(total - 100) <= 12:
            found.append(_tell(document, "warn", f"the shares of {title} add up to {total:.4g}, not to 100", rows[:8]))
    return found


def _bold(document: Document, grid: Grid) -> list[Finding]:
    """A bold value that another beats, where whole rows are not bold."""
    found = []
    for index in grid.measured:
        name = grid.columns[index]
        better = direction(name)
        marked = [row for row in grid.rows if index in row.cells and row.cells[index].bold]
        groups = {row.labels[1:] for row in grid.rows}
        if len(marked) != 1 or len(groups) != 1 or len(grid.rows) < 3 or all(value.bold for value in marked[0].cells.values()):
            continue
        mine = marked[0].cells[index]
        rest = [row for row in grid.rows if row is not marked[0] and index in row.cells]
        higher = [
            row for row in rest if row.cells[index].number.value > mine.number.value and apart(row.cells[index].number, mine.number)
        ]
        lower = [
            row for row in rest if row.cells[index].number.value < mine.number.value and apart(row.cells[index].number, mine.number)
        ]
        beaten = higher if better > 0 else lower if better < 0 else higher if higher and lower else []
        if beaten:
            message = (
                f"the table marks {mine.text} of {marked[0].labels[0]} as the best {name}, but {beaten[0].labels[0]} has "
                f"{beaten[0].cells[index].text}"
            )
            found.append(_tell(document, "warn", message, [marked[0], beaten[0]]))
    return found
