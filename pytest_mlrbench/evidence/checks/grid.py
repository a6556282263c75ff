"""Tables as named values: the rows and columns of a document's tables, and of data that programs left.

Read by the checks on text.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from ...patterns import lazy
from .case import Case
from .data import Fact, clean
from .documents import Document, Table
from .quantities import Number, numbers_in

MAX_GRIDS = 60
"""Tables of one document, or made of data, that are read."""
MAX_CELLS = 4000
_VALUE = lazy(r"^[<>~≈±+\-−–$*_\s(]*[\d.]")
_NOT_LABEL = frozenset(("-", "–", "—", "n/a", "nan", "yes", "no", "✓", "✗", "none"))


class Value(NamedTuple):
    """One number of a table."""

    number: Number
    spread: Number | None
    """What stands after a plus-minus."""
    text: str
    """The cell as written."""
    bold: bool = False


@dataclass(frozen=True)
class Line:
    """One row."""

    labels: tuple[str, ...]
    """Its names, one for each column that names rows."""
    line: int | None
    quote: str
    cells: dict[int, Value] = field(hash=False, compare=False)
    """By index in `Grid.columns`."""


@dataclass
class Grid:
    """One table: rows with names, columns with titles, numbers where they meet."""

    file: str
    section: str
    """Title of the section, or the key above the data."""
    caption: str
    """The lines around the table."""
    columns: tuple[str, ...]
    """Titles as written, `` for columns of names."""
    corner: str
    """Title of the column of names."""
    rows: tuple[Line, ...]
    first_line: int = 0
    from_data: bool = False

    @cached_property
    def measured(self) -> tuple[int, ...]:
        """Indices of columns that hold numbers."""
        return tuple(index for index in range(len(self.columns)) if any(index in row.cells for row in self.rows))

    def partners(self, row: Line, position: int) -> list[Line]:
        """Other rows that differ from `row` in the name at `position` alone."""
        rest = row.labels[:position] + row.labels[position + 1 :]
        return [
            one
            for one in self.rows
            if len(one.labels) == len(row.labels)
            and one.labels[position] != row.labels[position]
            and one.labels[:position] + one.labels[position + 1 :] == rest
        ]


def grids_of(document: Document) -> list[Grid]:
    """The tables of a document, as they are written (see `oriented`)."""
    found = []
    for table in document.tables[:MAX_GRIDS]:
        grid = _grid(document, table)
        if grid is not None:
            found.append(grid)
    return found


def _grid(document: Document, table: Table) -> Grid | None:
    header = table.header
    width = len(header)
    named = [index for index in range(width) if _names_rows(index, table)]
    first = table.rows[0].line
    rows = []
    above: dict[int, str] = {}
    for row in table.rows[: MAX_CELLS // max(width, 1)]:
        labels = []
        for index in named:
            text = clean(row.cells[index]) if index < len(row.cells) else ""
            # An empty name repeats the one above, as in a table with merged cells.
            text = text or (above.get(index, "") if len(named) > 1 else "")
            above[index] = text
            labels.append(text)
        cells = {}
        for index in range(width):
            if index not in named and index < len(row.cells):
                value = cell_value(row.cells[index])
                if value is not None:
                    cells[index] = value
        rows.append(Line(tuple(labels), row.line, "| " + " | ".join(row.cells) + " |", cells))
    if not any(row.cells for row in rows):
        return None
    columns = tuple("" if index in named else _title(header[index]) for index in range(width))
    return Grid(
        document.name, table.section, _caption(document, first, len(table.rows)), columns, header[named[0]], tuple(rows), first - 2
    )


def _title(text: str) -> str:
    """A column's title with its arrow, without emphasis."""
    arrow = "".join(char for char in text if char in "↑↓")
    return (clean(text) + (f" {arrow}" if arrow else "")).strip()


def _names_rows(index: int, table: Table) -> bool:
    if index == 0:
        return True
    cells = [clean(row.cells[index]) for row in table.rows if index < len(row.cells)]
    told = [cell for cell in cells if cell and cell.lower() not in _NOT_LABEL]
    return len(told) > len(cells) / 2 and sum(not _VALUE.match(cell) for cell in told) > len(told) / 2


def cell_value(text: str) -> Value | None:
    """The number of a cell that holds a value and perhaps a spread and a unit; None for text that merely has digits."""
    bare = clean(text)
    if not bare or not _VALUE.match(bare) or len(bare) > 60:
        return None
    numbers = numbers_in(bare)
    if not numbers:
        return None
    spread = numbers[1] if len(numbers) > 1 and re.search(r"±|\\pm|\+/-|\(", bare) else None
    if len(numbers) > 1 and spread is None:
        return None
    return Value(numbers[0], spread, bare, bool(re.match(r"^\s*(\*\*|__|<b>|\\textbf|\$\\mathbf)", text)))


def _caption(document: Document, first: int, count: int) -> str:
    """Up to two lines before and after a table: what it says it shows."""
    before = [
        line
        for line in document.lines[max(0, first - 7) : max(0, first - 3)]
        if line.strip() and "|" not in line and not line.lstrip().startswith(("#", "!"))
    ]
    after = [line for line in document.lines[first - 1 + count : first + 2 + count] if line.strip() and "|" not in line]
    told = [line for line in before[-2:] + after[:1] if re.match(r"\W*(table|tab\.)\b", line, re.I)]
    return " ".join(told or before[-1:])[:400]


def turn(grid: Grid) -> Grid | None:
    """Rows become columns; None where rows have several names, share a name, or number settings."""
    if any(len(row.labels) != 1 or not row.labels[0] for row in grid.rows) or len(grid.rows) > 40:
        return None
    titles = tuple(row.labels[0] for row in grid.rows)
    if len(set(titles)) != len(titles) or all(_VALUE.match(title) for title in titles):
        return None
    rows = []
    for index in grid.measured:
        cells = {place: row.cells[index] for place, row in enumerate(grid.rows) if index in row.cells}
        quote = f"{grid.columns[index]}: " + ", ".join(f"{titles[place]} {value.text}" for place, value in cells.items())
        rows.append(Line((clean(grid.columns[index]),), grid.first_line, quote, cells))
    return Grid(grid.file, grid.section, grid.caption, titles, "", tuple(rows), grid.first_line, grid.from_data) if rows else None


def data_grids(case: Case) -> list[Grid]:
    """Numbers that programs left under two names (`method.metric`), as tables: JSON of dictionaries, rows of a CSV."""
    groups: dict[tuple[str, tuple[str, ...]], dict[str, dict[str, list[Fact]]]] = {}
    for fact in case.pool.facts[:60_000]:
        if fact.how == "value" and fact.file in case.pool.named_files and 2 <= len(fact.names) <= 6:
            names = (
                fact.names[:-1]
                if fact.names[-1].lower() in ("mean", "avg", "average", "value") and len(fact.names) > 2
                else fact.names
            )
            place = groups.setdefault((fact.file, names[:-2]), {})
            place.setdefault(names[-2], {}).setdefault(names[-1], []).append(fact)
    found: list[Grid] = []
    for (file, above), rows in groups.items():
        if len(found) >= MAX_GRIDS:
            break
        if not 2 <= len(rows) <= 60:
            continue
        columns = tuple(dict.fromkeys(column for row in rows.values() for column in row))[:60]
        lines = []
        for name, row in rows.items():
            cells = {}
            for index, column in enumerate(columns):
                facts = row.get(column, [])
                if len(facts) == 1:
                    cells[index] = _of_fact(facts[0])
            one = next(iter(row.values()))[0]
            quote = ", ".join(f"{columns[index]}: {value.text}" for index, value in list(cells.items())[:8])
            lines.append(Line((name,), one.line, f"{name}: {quote}", cells))
        if any(line.cells for line in lines):
            found.append(Grid(file, ".".join(above), "", columns, "", tuple(lines), 0, True))
    return found


def _of_fact(fact: Fact) -> Value:
    text = f"{fact.value:.6g}"
    number = Number(fact.value, abs(fact.value) * 1e-6, 6, 6, False, text, 0)
    return Value(number, None, text)


def apart(a: Number, b: Number) -> bool:
    """Whether two written numbers differ by more than their rounding allows."""
    return abs(a.value - b.value) > (a.ulp + b.ulp) / 2 * (1 + 1e-9)


def shown(values: Iterable[tuple[str, Value]]) -> str:
    """`A 0.83, B 0.79`"""
    return ", ".join(f"{name} {value.text}" for name, value in values)


_ENTITY = lazy(
    r"\b(methods?|models?|approach|algorithm|agents?|systems?|baselines?|variants?|configurations?|strategy|polic(?:y|ies)|name)\b",
    re.I,
)


def oriented(grid: Grid) -> Grid:
    """The table with what is compared in its rows and what it is compared by in its columns."""
    from .measures import direction

    turned = turn(grid)
    if turned is None or _ENTITY.search(grid.corner):
        return grid
    across = sum(direction(grid.columns[index]) != 0 for index in grid.measured)
    down = sum(direction(row.labels[0]) != 0 for row in grid.rows)
    metric = re.search(r"\b(metrics?|measures?|datasets?|tasks?|scores?|benchmarks?|criteri\w+)\b", grid.corner, re.I)
    return turned if down > across or (metric and not across) else grid
