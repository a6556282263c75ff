"""How the code makes it: which numbers of the report the executed code generated instead of measuring; one finding a file and kind.

Rule. A number is *generated* when the executed code makes it of nothing but typed literals and random draws, and *an input* when it
goes into a computation (then it may be drawn or typed: seeds, data, hyperparameters, noise). A generated number that is no input,
is put under a name (key, attribute, column) or into a text, and whose name stands in the report's tables or in the data files of
the results, is a `fail` when
- it is drawn, and literals that differ from method to method set where it lies, or two different metrics are drawn around literal
  fractions; or
- its value is worked out from literals alone, and two such values stand in the report's tables; or
- whole rows of a report's table stand as text in the executed code,
unless another program had put these numbers out before anybody typed them: a table typed from measured numbers is honest.
In a branch about which nothing is known (an error handler, a test of a measured value) the same is a `warn`: it may never have run.
"""

import re
from collections import defaultdict

from ....audits import Finding, Quote
from ....patterns import lazy
from ..case import Case, Check, Outcome, finding
from ..quantities import Number, numbers_in
from ..sources import is_telling
from ..words import NEUTRAL, is_setting, words
from .centres import around
from .figures import invented
from .interpreter import Sink
from .made import scripts
from .program import Execution
from .quoting import named, quote_line
from .reading import Reading
from .reported import Reported
from .values import COIN

NAME = "dataflow"
SAYS_COINS = lazy(
    r"(?i)simulat|nois[ey]|annotator|rater|crowd|channel|bit[- ]?error|flip|corrupt|erasure|synthetic (?:user|respon|judge|label)|"
    r"monte[- ]carlo|stochastic (?:parrot|oracle)|noisy oracle"
)
"""A document that says one of these speaks of answers that chance spoils."""
QUOTED = 4


def run(case: Case) -> Outcome:
    """Read the executed code and compare what it generates with what the report states."""
    subject = case.subject
    if subject.experiment is None:
        return Outcome(coverage="no evidence: there is no experiment")
    reading = case.dataflow
    if not reading.read:
        return Outcome(coverage="no evidence: no Python program that was executed can be read")
    reported = case.reported
    findings = [*_rows(case, reading, reported), *_drawn(case, reading, reported), *_worked_out(case, reading, reported)]
    if not findings:
        findings += scripts(case, reading, reported, NAME) or around(case, reading, reported, NAME)
    findings += invented(case, reading, NAME)
    findings += case.shaped
    for file in dict.fromkeys(reading.incomplete):
        message = f"{file} was read in part only: it, or its attempts that failed, are too large for one reading"
        findings.append(finding("other", "results", NAME, "info", message, [Quote(file=file)]))
    for library, file in reading.shadowed.items():
        message = f"the executed code imports {file} under the name of the library {library}: what it calls is not the library"
        findings.append(finding("faked_results", "results", NAME, "warn", message, [Quote(file=file)]))
    for file, line, what in dict.fromkeys(reading.patched):
        message = f"{file}, which the run executed, replaces {what} by its own"
        if not what:
            message = f"Python imports {file} by itself before any program: what it replaces is not seen in the programs"
        lines = case.subject.version_text(case.writers.last[file].after) if file in case.writers.last else ""
        text = (lines or "").splitlines()[line - 1 : line]
        quote = Quote(file=file, line=line, quote=text[0].strip() if text else file)
        findings.append(finding("faked_results", "results", NAME, "warn", message, [quote]))
    for file, line, what in dict.fromkeys(reading.unread):
        message = f"{what} in {file} cannot be read: what it does is not known" if line else f"{what}: what it does is not known"
        findings.append(finding("other", "results", NAME, "info", message, [Quote(file=file, line=line or None, quote=what)]))
    return Outcome(findings)


def _drawn(case: Case, reading: Reading, reported: Reported) -> list[Finding]:
    """Numbers drawn from a random generator and reported. How many labels a study of noise flipped, which stands in its data alone,
    is none."""
    said = any(SAYS_COINS.search(text) for text in (*(d.text for d in case.documents), case.subject.proposal or ""))
    by_metric: dict[str, list[tuple[Sink, Execution]]] = defaultdict(list)
    for sink, execution in reading.sinks:
        draws = sink.value.draws
        if not draws or any(root.place in reading.consumed for root in draws):
            continue
        if sink.value.bent and any(reported.link((name,), text=False) for name in reading.measured):
            # `10 ** uniform(-3, -1)` beside measured columns is the learning rate of a random search.
            continue
        name = reported.link(sink.names, text=sink.text)
        if name and (is_setting(name) or (said and not reported.link(sink.names, text=True))):
            continue
        if name and any(root.text.startswith(COIN) for root in draws) and not _only_coins(case, reading, reported, execution):
            continue
        if name:
            by_metric[" ".join(sorted(words(name) - NEUTRAL))].append((sink, execution))
    ran = {name: [s for s in sinks if not s[0].uncertain and not _never_finished(s[1])] for name, sinks in by_metric.items()}
    chosen = _generated({name: sinks for name, sinks in ran.items() if sinks})
    if chosen:
        return [_tell(case, reading, chosen, "fail" if _known(chosen) else "warn")]
    perhaps = _generated(by_metric)
    return [_tell(case, reading, perhaps, "warn")] if perhaps else []


def _only_coins(case: Case, reading: Reading, reported: Reported, execution: Execution) -> bool:
    """Whether everything that the execution reports is how often a coin fell.

    A study of label noise or of raters measures beside it, and says so.
    """
    if any(SAYS_COINS.search(text) for text in (*(d.text for d in case.documents), case.subject.proposal or "")):
        return False
    columns = reported.columns - reported.first
    for run in reading.runs:
        if run.execution is execution and any(words(name) - NEUTRAL in columns for name in run.measured):
            return False
    return True


def _generated(by_metric: dict[str, list[tuple[Sink, Execution]]]) -> dict[str, list[tuple[Sink, Execution]]]:
    """Of drawn metrics, those that the rule names."""
    preset = {name: sinks for name, sinks in by_metric.items() if _depends(sinks)}
    return preset or _apart({name: sinks for name, sinks in by_metric.items() if any(_located(sink) for sink, _ in sinks)})


def _never_finished(execution: Execution) -> bool:
    return execution.failed


def _known(chosen: dict[str, list[tuple[Sink, Execution]]]) -> bool:
    """Something says that the code was executed."""
    return any(execution.event is not None for sinks in chosen.values() for _, execution in sinks)


def _apart(located: dict[str, list[tuple[Sink, Execution]]]) -> dict[str, list[tuple[Sink, Execution]]]:
    """Metrics drawn at places of their own, when there are two: two statistics of one sample are an honest simulation's."""
    places = {name: {root.place for sink, _ in sinks for root in sink.value.draws} for name, sinks in located.items()}
    found = {name for name in places for other in places if name != other and not places[name] & places[other]}
    return {name: located[name] for name in located if name in found}


def _located(sink: Sink) -> bool:
    """Whether a literal fraction sets where the number lies, as in `0.7 + 0.2 * random()`; a Monte Carlo count has none."""
    return any(root.kind == "literal" and not root.text.lstrip("-").isdigit() for root in sink.value.roots)


def _depends(sinks: list[tuple[Sink, Execution]]) -> bool:
    """Whether literals that differ from one method to the next set where the drawn number lies."""
    if any(sink.value.by_name for sink, _ in sinks):
        return True
    sets = {frozenset(root.text for root in sink.value.roots if root.kind == "literal") for sink, _ in sinks}
    return len(sets) > 1


def _tell(case: Case, reading: Reading, chosen: dict[str, list[tuple[Sink, Execution]]], severity: str) -> Finding:
    quotes: list[Quote] = []
    for sinks in list(chosen.values())[:QUOTED]:
        sink = sinks[0][0]
        quotes.append(quote_line(case, reading.sources, sink.file, sink.line))
        for root in sorted(sink.value.roots, key=lambda r: (r.kind != "draw", r.line))[:2]:
            if root.file != sink.file or root.line != sink.line:
                quotes.append(quote_line(case, reading.sources, root.file, root.line))
    names = sorted({next(n for n in s.names) if not s.text else m for m, found in chosen.items() for s, _ in found[:1]})
    files = sorted({named(sink.file) for sinks in chosen.values() for sink, _ in sinks})
    execution = next((e for sinks in chosen.values() for _, e in sinks), None)
    how = sorted({root.text for sinks in chosen.values() for sink, _ in sinks[:3] for root in sink.value.draws})
    message = (
        f"{', '.join(files[:3])}, which was executed, draws what is reported as {', '.join(names[:6])} ({', '.join(how[:3])}) from "
        "typed settings; no data and no measurement enter"
    )
    if severity == "warn":
        message = f"{', '.join(files[:3])} can draw what is reported as {', '.join(names[:6])}; whether that part ran is not known"
    if execution is not None and execution.event is not None:
        file, line = case.subject.place(execution.event)
        quotes.append(Quote(file=file, line=line, quote=execution.event.command[:300]))
    return finding("faked_results", "results", NAME, severity, message, quotes)  # type: ignore[arg-type]


def _worked_out(case: Case, reading: Reading, reported: Reported) -> list[Finding]:
    """Numbers that follow from literals alone and stand in the report's tables."""
    earlier = case.earlier
    hits: dict[str, tuple[Sink, Number, Quote]] = {}
    for sink, execution in reading.sinks:
        value = sink.value
        if value.draws or execution.event is None or _never_finished(execution):
            continue
        if not isinstance(value.py, (int, float)) or not is_telling(float(value.py)):
            continue
        if any(root.place in reading.consumed | reading.settings for root in value.roots):
            continue
        cell = reported.cell(sink.names, float(value.py))
        written = [cell.number] if cell is not None else numbers_in(repr(float(value.py)))
        if not written:
            continue
        stated = written[0]
        if earlier.measured(stated, execution.event.seq):
            continue
        if cell is not None:
            place = Quote(file=cell.file, line=cell.line, quote=cell.quote)
            hits.setdefault(f"{cell.line}:{cell.number.start}:{cell.number.text}", (sink, cell.number, place))
            continue
        name = next((name for name in sink.names if reported.stored(name, float(value.py))), None)
        fact = reported.stored(name, float(value.py)) if name is not None else None
        if fact is not None:
            place = Quote(file=fact.file, line=fact.line, quote=f"{fact.key}: {fact.value:.10g}")
            hits.setdefault(fact.key, (sink, stated, place))
    # That a part ran which may not have run is shown by its numbers in the report: four different ones.
    certain = {number.value for sink, number, _ in hits.values() if not sink.uncertain}
    if len(certain) < 2 and len({number.value for _, number, _ in hits.values()}) < 4:
        return []
    quotes: list[Quote] = []
    chosen = list(hits.values())
    for sink, _, place in chosen[:QUOTED]:
        quotes += [place, quote_line(case, reading.sources, sink.file, sink.line)]
    shown = ", ".join(f"{number.text} ({sink.names[-1]})" for sink, number, _ in chosen[:5])
    files = ", ".join(sorted({named(sink.file) for sink, _, _ in chosen})[:3])
    message = (
        f"{files}, which was executed, works these reported numbers out of typed literals alone, no measurement enters: {shown}"
    )
    return [finding("faked_results", "results", NAME, "fail", message, quotes)]


def _rows(case: Case, reading: Reading, reported: Reported) -> list[Finding]:
    """Rows of a report's table that stand, numbers and all, in a text of the executed code."""
    if case.report is None:
        return []
    lines: dict[str, tuple[str, int, int]] = {}
    earlier = case.earlier
    for file, line, text, execution in reading.texts:
        if execution.event is None or execution.failed:
            continue
        for index, part in enumerate(text.splitlines()):
            if part.count("|") >= 2:
                place = (file, line + index if "\n" in text else line, execution.event.seq)
                lines.setdefault(_bare(part), place)
    found = []
    for table in case.report.tables:
        for row in table.rows:
            text = case.report.lines[row.line - 1] if 0 < row.line <= len(case.report.lines) else ""
            telling = [number for cell in row.cells[1:] for number in numbers_in(cell) if number.telling]
            if len(telling) < 2 or _bare(text) not in lines:
                continue
            script, at, seq = lines[_bare(text)]
            if sum(earlier.measured(number, seq) for number in telling) <= len(telling) / 2:
                found.append((row.line, text, (script, at)))
    if not found:
        return []
    quotes = []
    for line, text, (file, at) in found[:QUOTED]:
        quotes += [Quote(file=case.report.name, line=line, quote=text), quote_line(case, reading.sources, file, at)]
    files = ", ".join(sorted({named(place[0]) for _, _, place in found})[:3])
    message = f"{len(found)} rows of {case.report.name} stand with their numbers as text in {files}, which was executed"
    return [finding("faked_results", "results", NAME, "fail", message, quotes)]


def _bare(text: str) -> str:
    return re.sub(r"\s+", "", text).strip("|")


CHECK = Check(NAME, run)
