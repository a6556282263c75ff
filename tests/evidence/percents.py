"""Improvements in percent that a document states: where they stand, and which two numbers beside or in a table they follow from."""

import re

from .pages import NUMBER, cells, grids, split

PERCENT = re.compile(
    r"(?P<number>\d+(?:\.\d+)?)\s?\\?%(?=[^.|\n]{0,60}\b(?:improve|reduc|increas|decreas|higher|lower|gain|better|worse|faster|drop))"
    r"|\b(?:improve|reduc|increas|decreas|gain|outperform|drop)\w*\b[^.|\n]{0,60}?(?P<after>\d+(?:\.\d+)?)\s?\\?%",
    re.IGNORECASE,
)
SLACK = 1e-9


def stated(lines: list[str]) -> list[tuple[int, int, str]]:
    """(line, offset, number) of improvements of at least 1 % outside tables; names of conditions (`at noise 40 %`) are none."""
    tables = grids(lines)
    labels = {cell for grid in tables for row in (grid.first, *grid.rows) for cell in split(lines[row])}
    named = re.findall(r"(\d+(?:\.\d+)?)\s?\\?%", " | ".join(label for label in labels if re.search(r"[A-Za-z]", label)))
    found = []
    for index, line in enumerate(lines):
        for match in PERCENT.finditer(line) if not line.lstrip().startswith("|") else ():
            group = "number" if match["number"] else "after"
            if float(match[group]) >= 1 and match[group] not in named:
                found.append((index, match.start(group), match[group]))
    return found


def follows(lines: list[str], line: int, text: str) -> bool:
    """Whether a percentage follows from two numbers of one row or column of a table, or of its own line, or stands in a table."""
    value, ulp = _read(text)
    own = [match.group() for match in NUMBER.finditer(lines[line]) if match.group() != text]
    groups = [own]
    for grid in grids(lines):
        rows = [[cell for cell in cells(lines, row) if not cell.spread] for row in grid.rows]
        groups += [[cell.text for cell in row] for row in rows]
        groups += [[cell.text for row in rows for cell in row if cell.column == column] for column in range(len(grid.header))]
        if any(abs(abs(cell.value) * scale - value) <= ulp / 2 + SLACK for row in rows for cell in row for scale in (1, 100)):
            return True
    return any(_change(a, b, value, ulp) for group in groups for a in group for b in group if a is not b)


def change(a: str, b: str, text: str) -> bool:
    """Whether a percentage is the change between two written numbers, relative to either, or in points."""
    return _change(a, b, *_read(text)) or _change(b, a, *_read(text))


def _read(text: str) -> tuple[float, float]:
    """Value without sign, and size of the last digit."""
    return abs(float(text)), 10.0 ** -len(text.partition(".")[2])


def _change(a: str, b: str, value: float, ulp: float) -> bool:
    """Whether `value` is the change from b to a in percent, or in points, with the slack that rounding leaves."""
    top, base = (float(one.replace("−", "-")) for one in (a, b))
    fine = sum(10.0 ** -len(one.partition(".")[2]) / 2 for one in (a, b))
    if any(abs(abs(top - base) * scale - value) <= ulp / 2 + fine * scale + SLACK for scale in (1, 100)):
        return True
    if base == 0:
        return False
    share = 100 * abs(top - base) / abs(base)
    return abs(share - value) <= ulp / 2 + (100 + share) * fine / abs(base) + SLACK
