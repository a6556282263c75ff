"""How much of what is reported the executed code is seen to compute: the support of the numbers is weighed by it (numbers.py).

Rule. A reported name (column, row or key of the results) counts as *made* when the executed code puts under it only numbers made of
literals and draws, and as *computed* when it puts a computed one there as well; a script that reads what the others wrote computes
no more than they do. The weight is cut when more names are made than computed, or a program that computes nothing at all wrote
drawn numbers; when the reported numbers follow from draws alone under documents that speak of training or data and of nothing
simulated; when a part of the code cannot be read; and when a module of the run is imported under a library's name, or a function
of a library is replaced. It never makes a finding of severity `fail`: a literal may be a setting.
"""

from typing import TYPE_CHECKING

from ..admitting import MADE, SIMULATED, WORLD
from ..sources import is_telling
from ..words import NEUTRAL, is_setting, words
from .figures import PICTURES
from .interpreter import Sink
from .reading import differ_by_name
from .reported import Reported
from .values import CURVE, DRAW

if TYPE_CHECKING:
    from ..case import Case
    from .reading import Run

TIMES = frozenset(
    ("time", "seconds", "second", "elapsed", "runtime", "duration", "wall", "took", "start", "began", "perf", "counter")
)
"""Words of names of times: a clock measures, whatever else was drawn."""

CUT = 0.5
"""Share of the support that is left: below `verified`."""
HALF = 0.5
"""Share of the reported names that must be seen to be computed. The rest may be settings and labels."""


def weight(case: "Case") -> float:
    """1, or CUT when the reading shows that the numbers need not have been computed."""
    reading = case.dataflow
    if not reading.read:
        return 1.0
    if reading.unread or reading.shadowed or reading.patched or _typed_figure(case):
        return CUT
    reported = case.reported
    if computed_share(case, reported) < HALF or _bent(case, reported) or _drawn_alone(case, reported):
        return CUT
    for run in reading.runs:
        if not computes(run) and not run.execution.failed and any(sink.value.draws and not sink.uncertain for sink in run.sinks):
            return CUT
    return 1.0


def computes(run: "Run") -> bool:
    """Whether an execution named or wrote any number that is not made of literals and draws alone; a count under a name that gets
    made numbers as well is no measurement."""
    made = {name for sink in run.sinks if _tells(sink) for name in sink.names}
    return bool(run.measured or run.shown or run.counted - made or run.sampled)


def _drawn_alone(case: "Case", reported: Reported) -> bool:
    """Whether the reported numbers that are computed are computed of draws alone, as in a simulation, and the documents speak of
    things of the world or of training and nowhere of anything simulated."""
    reading = case.dataflow
    runs = reading.first_hand
    computed = {name for run in runs for name in run.measured | run.shown if not words(name) <= TIMES}
    real, alone = (set[str]().union(*(getattr(run, kind) for run in runs)) for kind in ("real", "drawn"))
    told = {name for name in computed if reported.link((name,), text=False)}
    # The rows of a data set may bear the name of a metric: `train`, `valid`.
    drawn = bool(told - real) and told <= alone if told else bool(computed) and not computed & real
    texts = [document.text for document in case.documents]
    return drawn and any(map(WORLD.search, texts)) and not any(SIMULATED.search(text) or MADE.search(text) for text in texts)


def _typed_figure(case: "Case") -> bool:
    """Whether a picture among the results was typed: as text, or as base64 that a command decoded."""
    return any(w.how == "typed" and path.lower().endswith(PICTURES) for path, w in case.writers.last.items())


def _tilts(case: "Case", reported: Reported) -> dict[str, set[frozenset[str]]]:
    """Name -> the literals that bend the computed numbers under it.

    A literal that stands in a row's label or a column's title is the parameter of a sweep, and bends nothing.
    """
    return {
        name: {frozenset(t for t in tilt - {CURVE, DRAW} if t == "by name" or float(t) not in reported.swept) for tilt in tilts}
        for name, tilts in case.dataflow.tilts.items()
    }


def _bent(case: "Case", reported: Reported) -> bool:
    """Whether one method's numbers are measured and then bent by a literal and the others' are not, or most metrics are bent by
    another literal for each method.
    """
    bent: set[frozenset[str]] = set()
    plain: set[frozenset[str]] = set()
    metrics = {True: 0, False: 0}
    for name, tilts in _tilts(case, reported).items():
        bare = words(name) - NEUTRAL
        if bare and any(bare <= row for row in reported.rows):
            (bent if frozenset() not in tilts else plain).add(bare)
        elif reported.link((name,), text=False):
            metrics[len(tilts) > 1 and frozenset() not in tilts] += 1
    return bool(bent and plain) or metrics[True] > metrics[False]


def computed_share(case: "Case", reported: Reported) -> float:
    """Share of the reported names about which the code tells anything, that it computes; of the columns, else of all names."""
    made, computed = reported_names(case, reported)
    tables = reported.columns | reported.first
    for among in (reported.columns - reported.first, tables | reported.rows | reported.keys):
        of_made, of_computed = ({n for n in names if _among(n, among)} for names in (made, computed))
        if of_made or of_computed:
            return len(of_computed) / len(of_made | of_computed)
    # Nothing that the report names is seen: the names of variables are not those of the report. Then it counts what was written.
    reading = case.dataflow
    if any(_tells(sink) for sink, execution in reading.sinks if not execution.failed and sink.text):
        return 0.0
    if any(computes(run) for run in reading.runs if run.execution.file not in reading.relays):
        return 1.0
    # Names of the report that got numbers of which nothing bad is seen, such as ratings that start at 1500.
    plain = (sink for sink, execution in reading.sinks if not execution.failed and not sink.text and not _tells(sink))
    return 1.0 if any(reported.link(sink.names, text=False) for sink in plain) else 0.0


def _among(name: frozenset[str], known: set[frozenset[str]]) -> bool:
    return any(name == other or name <= other or other <= name for other in known)


def reported_names(case: "Case", reported: Reported) -> tuple[set[frozenset[str]], set[frozenset[str]]]:
    """Reported names under which the executed code puts made numbers only, and those under which it puts computed ones."""
    reading = case.dataflow
    computed: set[frozenset[str]] = set()
    # A script that reads what the others wrote measures no more than they do.
    sources = reading.first_hand
    runs = sources if sources and not any(computes(run) for run in sources) else reading.runs
    measured, shown = (set[str]().union(*(getattr(run, kind) for run in runs)) for kind in ("measured", "shown"))
    # A count under a name that gets made numbers as well is one of these whose literal tells nothing, such as 0.9.
    typed = {name for sink, execution in reading.sinks if not execution.failed and _tells(sink) for name in sink.names}
    counted = set[str]().union(*((run.counted - typed) | run.sampled for run in runs))
    for names, text in ((measured, False), (shown, True), (counted, True)):
        for name in names:
            if reported.link((name,), text=text):
                computed.add(words(name) - NEUTRAL)
    made: set[frozenset[str]] = set()
    used = reading.consumed | reading.settings
    for sink, execution in reading.sinks:
        if execution.failed or not _tells(sink) or (not sink.value.draws and any(root.place in used for root in sink.value.roots)):
            continue
        name = reported.link(sink.names, text=sink.text)
        if name and not is_setting(name):
            made.add(words(name) - NEUTRAL)
    tilted = {
        words(name) - NEUTRAL
        for name, tilts in _tilts(case, reported).items()
        if differ_by_name(tilts) and reported.link((name,), text=False)
    }
    return (made - computed) | tilted, computed - tilted


def _tells(sink: Sink) -> bool:
    """Whether a made number is more than a setting."""
    literals = [root.text for root in sink.value.roots if root.kind == "literal"]
    return any(_telling(text) or (sink.value.draws and not text.lstrip("-").isdigit()) for text in literals)


def _telling(text: str) -> bool:
    """Whether a literal is more than a setting such as 0.5 or 25.0; the name of a typed file stands for its numbers."""
    try:
        return is_telling(float(text))
    except ValueError:
        return text not in ("", "environment", "command line")
