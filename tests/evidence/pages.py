"""Tables and numbers of a Markdown text as places that can be rewritten; apart from the product's own reading, on purpose."""

import re
from dataclasses import dataclass

NUMBER = re.compile(r"(?<![\w.,\d])[-−]?\d+(?:\.\d+)?(?![\w\d]|\.\d|,\d)")
DIVIDER = re.compile(r"^\s*\|?(\s*:?-{2,}:?\s*\|)+\s*(:?-{2,}:?)?\s*\|?\s*$")


@dataclass(frozen=True)
class Cell:
    """One number of a table cell; the first of its cell, or the one after a plus-minus sign."""

    line: int
    """0-based."""
    start: int
    end: int
    """Offsets in the line."""
    text: str
    column: int
    spread: bool
    """After a plus-minus sign."""

    @property
    def value(self) -> float:
        return float(self.text.replace("−", "-"))

    @property
    def decimals(self) -> int:
        return len(self.text.partition(".")[2])

    @property
    def coarse(self) -> bool:
        """Fewer than two significant digits: `0.05`, `4`, `0`. Many numbers of a run agree with such a cell by accident."""
        return len(self.text.lstrip("-−").replace(".", "").lstrip("0")) < 2


@dataclass(frozen=True)
class Grid:
    """One table."""

    first: int
    """0-based line of its header."""
    header: list[str]
    rows: list[int]
    """0-based lines of its rows."""


def grids(lines: list[str]) -> list[Grid]:
    """Tables with a header, a divider and at least one row, outside fenced code."""
    found = []
    fenced = False
    for index, line in enumerate(lines):
        fenced ^= line.lstrip().startswith("```")
        if fenced or index == 0 or "|" not in lines[index - 1] or not DIVIDER.match(line):
            continue
        rows = []
        for below in range(index + 1, len(lines)):
            if "|" not in lines[below]:
                break
            rows.append(below)
        if rows:
            found.append(Grid(index - 1, split(lines[index - 1]), rows))
    return found


def split(line: str) -> list[str]:
    """A row's cells without the outer bars."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def cells(lines: list[str], line: int) -> list[Cell]:
    """The numbers of one row, label column left out: of each cell that begins with a number, it and its spread."""
    found: list[Cell] = []
    text = lines[line]
    offset = len(text) - len(text.lstrip().lstrip("|"))
    for column, part in enumerate(text[offset:].rstrip().rstrip("|").split("|")):
        numbers = [(m.start() + offset, m.end() + offset, m.group()) for m in NUMBER.finditer(part)]
        bare = part.strip().strip("*_ ")
        if re.search(r"\d,\s", bare):
            numbers = []  # a list, such as that of the seeds
        if column > 0 and numbers and re.match(r"[-−]?\d", bare) and len(bare) <= 24:
            start, end, number = numbers[0]
            found.append(Cell(line, start, end, number, column, False))
            if len(numbers) > 1 and re.search(r"±|\+/-|\\pm", part):
                start, end, number = numbers[1]
                found.append(Cell(line, start, end, number, column, True))
        offset += len(part) + 1
    return found


def put(lines: list[str], cell: Cell, text: str) -> list[str]:
    """The lines with one number replaced."""
    changed = list(lines)
    changed[cell.line] = changed[cell.line][: cell.start] + text + changed[cell.line][cell.end :]
    return changed
