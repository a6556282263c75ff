"""Figures that show what no program measured: every number that a script plots is drawn around literals or typed; rules.py asks it.

Rule for a `fail`: a script that was executed and left a picture among the results puts out no computed number at all, and what it
plots is drawn around telling literals, or is three or more telling literals that no program had put out before. A picture that a
script with measured numbers draws is never told, whatever else it shows.
"""

from typing import TYPE_CHECKING, NamedTuple

from ....audits import Finding, Quote
from ..case import finding
from ..quantities import numbers_in
from ..sources import is_telling
from .quoting import named, quote_line
from .values import Num

if TYPE_CHECKING:
    from ..case import Case
    from .reading import Reading

PICTURES = (".png", ".jpg", ".jpeg", ".svg", ".pdf", ".gif")
ENOUGH = 3
"""Telling literals that make a figure of typed numbers."""


class Plotted(NamedTuple):
    """One argument of a plotting call."""

    file: str
    line: int
    value: Num


def invented(case: "Case", reading: "Reading", name: str) -> list[Finding]:
    """A finding for each script that drew such a figure."""
    found = []
    earlier = case.earlier
    for execution, plots in reading.plots:
        event = execution.event
        pictures = [c.path for c in event.changes if c.after and c.path.lower().endswith(PICTURES)] if event is not None else []
        if event is None or execution.failed or not pictures or any(one.value.computed for one in plots):
            continue
        drawn = [one for one in plots if one.value.draws and _literals(one.value)]
        typed = {text: one for one in plots if not one.value.draws for text in _literals(one.value)}
        typed = {text: one for text, one in typed.items() if not any(earlier.measured(n, event.seq) for n in numbers_in(text))}
        if not drawn and len(typed) < ENOUGH:
            continue
        chosen = drawn or list(typed.values())
        what = "draws from a random generator around typed numbers" if drawn else "has as typed numbers"
        shown = ", ".join(pictures[:3])
        message = f"{named(chosen[0].file)}, which was executed, {what} all that {shown} shows; no measured number enters"
        place = case.subject.place(event)
        quotes = [quote_line(case, reading.sources, one.file, one.line) for one in chosen[:3]]
        quotes.append(Quote(file=place[0], line=place[1], quote=event.command[:300]))
        found.append(finding("faked_results", "results", name, "fail", message, quotes))
    return found


def _literals(value: Num) -> list[str]:
    found = []
    for root in value.roots:
        try:
            if root.kind == "literal" and is_telling(float(root.text)):
                found.append(root.text)
        except ValueError:
            continue
    return found
