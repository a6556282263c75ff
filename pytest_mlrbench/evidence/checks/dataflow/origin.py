"""How much of what is reported the executed code is seen to compute: the support of the numbers is weighed by it (numbers.py).

Rule. A reported name (column, row or key of the results) counts as *made* when the executed code puts under it only numbers made of
literals and draws, and as *computed* when it puts a computed one there as well. The weight is cut when more names are made than
computed, or a program that computes nothing at all wrote drawn numbers; when a part of the code cannot be read; and when a module of
the run is imported under a library's name. It never makes a finding of severity `fail`: a literal may be a setting.
"""

from typing import TYPE_CHECKING

from ..contradiction import NEUTRAL, words
from .reported import Reported

if TYPE_CHECKING:
    from ..case import Case

CUT = 0.5
"""Share of the support that is left: below `verified`."""


def weight(case: "Case") -> float:
    """1, or CUT when the reading shows that the numbers need not have been computed."""
    reading = case.dataflow
    if reading.unread or reading.shadowed:
        return CUT
    made, computed = reported_names(case)
    if len(made) > len(computed):
        return CUT
    for execution, sinks, computes in reading.runs:
        if not computes and not execution.failed and any(sink.value.draws and not sink.uncertain for sink in sinks):
            return CUT
    return 1.0


def reported_names(case: "Case") -> tuple[set[frozenset[str]], set[frozenset[str]]]:
    """Reported names under which the executed code puts made numbers only, and those under which it puts computed ones."""
    reading = case.dataflow
    reported = Reported(case)
    computed: set[frozenset[str]] = set()
    for names, text in ((reading.measured, False), (reading.shown, True)):
        for name in names:
            if reported.link((name,), text=text):
                computed.add(words(name) - NEUTRAL)
    made: set[frozenset[str]] = set()
    for sink, execution in reading.sinks:
        if execution.failed or not any(root.kind != "scale" and not root.text.lstrip("-").isdigit() for root in sink.value.roots):
            continue
        name = reported.link(sink.names, text=sink.text)
        if name:
            made.add(words(name) - NEUTRAL)
    return made - computed, computed
