"""Reported numbers that lie where typed literals put them, whatever was computed around them; rules.py asks it.

Rule for a `fail`: the executed code adds literals to, or multiplies them with, what it computed; which literal it is differs from
method to method; and every cell of these columns lies within NEAR of a literal of its column, ENOUGH different cells in all, each
at a literal of its own. Then what was computed hardly moves what was typed. Columns of prices and times, and works that say that
they simulate (there the typed number is the truth that an estimate is compared with), are left alone.
"""

import re
from typing import TYPE_CHECKING

from ....audits import Finding, Quote
from ....patterns import lazy
from ..case import finding
from ..quantities import Number
from ..sources import is_telling
from ..words import NEUTRAL, words
from .quoting import named, quote_line

if TYPE_CHECKING:
    from ..case import Case
    from .reading import Reading
    from .reported import Cell, Reported

NEAR = 0.03
"""Distance, relative to the literal, within which a cell lies at it."""
ENOUGH = 4
SIMULATES = lazy(r"(?i)simulat|monte[- ]carlo|ground[- ]truth value|true (?:value|effect|parameter)|synthetic (?:control|effect)")
QUOTED = 4
_PRICED = frozenset(
    ["cost", "price", "time", "seconds", "latency", "duration", "memory", "energy", "usd", "dollars", "hours", "minutes", "tokens"]
)


def around(case: "Case", reading: "Reading", reported: "Reported", name: str) -> list[Finding]:
    """At most one finding."""
    if any(SIMULATES.search(text) for text in (*(d.text for d in case.documents), case.subject.proposal or "")):
        return []
    hits: list[tuple[Cell, str]] = []
    for column, tilts in reading.tilts.items():
        literals = {text: float(text) for tilt in tilts for text in tilt if _number(text)}
        if len(literals) < 2 or (len(tilts) < 2 and not any("by name" in tilt for tilt in tilts)):
            continue
        bare = words(column) - NEUTRAL
        if not bare or bare & _PRICED:
            continue
        cells = [cell for cell in reported.cells if bare <= cell.words]
        found = [(cell, text) for cell in cells if (text := _nearest(cell.number, literals))]
        if cells and len(found) == len(cells) and len({text for _, text in found}) == len({cell.number.text for cell in cells}):
            hits += found
    if len({id(cell) for cell, _ in hits}) < ENOUGH or len({text for _, text in hits}) < ENOUGH:
        return []
    quotes: list[Quote] = []
    for cell, text in hits[:QUOTED]:
        quotes.append(Quote(file=cell.file, line=cell.line, quote=cell.quote))
        place = _place(reading, text)
        if place is not None:
            quotes.append(quote_line(case, reading.sources, *place))
    shown = ", ".join(f"{cell.number.text} (typed {text})" for cell, text in hits[:5])
    files = ", ".join(sorted({named(place[0]) for _, text in hits if (place := _place(reading, text))})[:3])
    message = (
        f"{files or 'the code'}, which was executed, adds to or multiplies what it computes by a typed number for each method, and "
        f"all {len(hits)} cells of these columns lie within {NEAR:.0%} of it: {shown}"
    )
    return [finding("faked_results", "results", name, "fail", message, quotes)]


def _nearest(number: Number, literals: dict[str, float]) -> str:
    """The literal that a cell lies at, as it is written; empty for none. Percent and fraction are one."""
    best = ""
    nearest = NEAR
    for text, value in literals.items():
        for stated in (number.value, number.value / 100):
            distance = abs(stated - value) / abs(value)
            if distance <= nearest:
                best, nearest = text, distance
    return best


def _number(text: str) -> bool:
    try:
        return float(text) != 0 and is_telling(float(text))
    except ValueError:
        return False


def _place(reading: "Reading", text: str) -> tuple[str, int] | None:
    """File and line where a literal stands in the executed code."""
    for file, source in reading.latest.items():
        match = re.search(rf"(?<![\d.]){re.escape(text)}(?![\d.])", source)
        if match:
            return file, source.count("\n", 0, match.start()) + 1
    return None
