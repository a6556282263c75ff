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

import posixpath
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from ....audits import Finding, Quote
from ....patterns import lazy
from ..case import Case, Check, Outcome, finding
from ..quantities import Number, numbers_in
from ..sources import is_telling
from ..words import NEUTRAL, words
from .centres import around
from .earlier import Earlier
from .figures import Plotted, invented
from .interpreter import Interpreter, Program, Sink
from .made import scripts
from .program import Executed, Execution
from .quoting import named, quote_line
from .reported import Reported
from .values import COIN

NAME = "dataflow"
_LIBRARIES = """
numpy scipy pandas sklearn torch torchvision tensorflow keras jax transformers matplotlib seaborn statsmodels xgboost lightgbm
datasets evaluate accelerate peft trl diffusers openai anthropic timm torchmetrics lightning pytorch_lightning networkx faiss
gymnasium nltk spacy statistics random math json csv time hashlib sqlite3 pickle subprocess collections itertools functools
"""
LIBRARIES = frozenset(_LIBRARIES.split())
"""Names under which a reader of the code expects the library, not a module of the run."""
SAYS_COINS = lazy(
    r"(?i)simulat|nois[ey]|annotator|rater|crowd|channel|bit[- ]?error|flip|corrupt|erasure|synthetic (?:user|respon|judge|label)|"
    r"monte[- ]carlo|stochastic (?:parrot|oracle)|noisy oracle"
)
"""A document that says one of these speaks of answers that chance spoils."""
AT_START = ("sitecustomize.py", "usercustomize.py")
"""Modules that Python imports before any program."""
MAX_STEPS_ALL = 240_000
"""Syntax nodes visited in all for one folder."""
MAX_STEPS_FAILED = 40_000
"""Of them, those after which no further execution that failed is read: mostly it is the same script on its way to working."""
QUOTED = 4


class Run(NamedTuple):
    """What one execution put out."""

    execution: Execution
    sinks: list[Sink]
    measured: set[str]
    shown: set[str]
    counted: set[str]
    sampled: set[str]
    relays: bool
    real: set[str]
    drawn: set[str]

    @property
    def computes(self) -> bool:
        """Whether it named or wrote any number that is not made of literals and draws alone."""
        return bool(self.measured or self.shown or self.counted or self.sampled)


@dataclass
class Reading:
    """All executions of a subject, read."""

    sinks: list[tuple[Sink, Execution]] = field(default_factory=list)
    texts: list[tuple[str, int, str, Execution]] = field(default_factory=list)
    measured: set[str] = field(default_factory=set)
    shown: set[str] = field(default_factory=set)
    """Names in expressions of computed numbers that were written into texts."""
    counted: set[str] = field(default_factory=set)
    """Names of numbers that are made of nothing that tells where they come from: counts, sums of rewards, statistics of draws."""
    relays: set[str] = field(default_factory=set)
    """Scripts that read what another program of the run had written."""
    plots: list[tuple[Execution, list[Plotted]]] = field(default_factory=list)
    """Each execution that plots, and what."""
    tilts: dict[str, set[frozenset[str]]] = field(default_factory=dict)
    """Name -> the literals that had been added or multiplied to the computed numbers put under it."""
    runs: list["Run"] = field(default_factory=list)
    """Each execution by itself."""
    patched: list[tuple[str, int, str]] = field(default_factory=list)
    """(file, line, function of a library) that executed code replaces by its own."""
    shadowed: dict[str, str] = field(default_factory=dict)
    """Library name -> the module of the run that is imported in its place."""
    consumed: set[tuple[str, int, int]] = field(default_factory=set)
    settings: set[tuple[str, int, int]] = field(default_factory=set)
    """Literals that set where drawn numbers lie: told by the rule on drawn numbers, and honest as the settings of a simulation."""
    opened: dict[tuple[str, int, int], set[str]] = field(default_factory=dict)
    """Place where a file is read -> what it was in each execution (interpreter.py)."""
    unread: list[tuple[str, int, str]] = field(default_factory=list)
    both_ways: set[tuple[str, int, int]] = field(default_factory=set)
    """Places of tests that came out true and false within one execution."""
    sources: dict[str, str] = field(default_factory=dict)
    latest: dict[str, str] = field(default_factory=dict)
    """Source file -> its text when it last ran to its end."""
    incomplete: list[str] = field(default_factory=list)
    read: int = 0


def differ_by_name(tilts: set[frozenset[str]]) -> bool:
    """Whether measured numbers of one name got different literals added or multiplied: a bonus for a method."""
    return len(tilts) > 1 or any("by name" in tilt for tilt in tilts)


def read(case: Case) -> Reading:
    """Read every program that was executed, and those that it started."""
    executed = Executed(case)
    found = Reading()
    pending = executed.executions()
    seen = {(one.file, one.arguments, one.text) for one in pending}
    steps = failed_steps = 0
    while pending and steps < MAX_STEPS_ALL:
        one = pending.pop(0)
        if one.failed and failed_steps > MAX_STEPS_FAILED:
            found.incomplete.append(one.file)
            continue
        seq = one.event.seq if one.event is not None else 10**9

        def sources(name: str, importer: str, one: Execution = one, seq: int = seq) -> tuple[str, str] | None:
            module = executed.module(name, importer or one.file, seq)
            if module is not None:
                if name.partition(".")[0] in LIBRARIES:
                    found.shadowed.setdefault(name.partition(".")[0], module[0])
                found.sources[module[0]] = module[1]
                if not one.failed:
                    found.latest.setdefault(module[0], module[1])
            return module

        found.sources[one.file] = one.text
        if not one.failed:
            found.latest.setdefault(one.file, one.text)

        def data(path: str, one: Execution = one, seq: int = seq) -> tuple[str, str | None] | None:
            return executed.data(path, one.file, seq)

        def made(path: str, one: Execution = one, seq: int = seq) -> bool:
            return executed.made(path, one.file, seq)

        def matching(pattern: str, one: Execution = one, seq: int = seq) -> str | None:
            return executed.matching(pattern, one.file, seq)

        reader = Interpreter(Program(sources, list(one.arguments), data, made, matching, executed.lost))
        reader.run(one.file, one.text)
        steps += reader.steps
        failed_steps += reader.steps if one.failed else 0
        found.read += 1
        found.sinks += [(sink, one) for sink in reader.sinks]
        found.texts += [(*text, one) for text in reader.texts]
        found.measured |= reader.measured
        found.shown |= reader.shown
        found.counted |= reader.counted | reader.sampled
        for name, tilts in reader.tilted.items():
            found.tilts.setdefault(name, set()).update(tilts)
        found.runs.append(
            Run(
                one,
                reader.sinks,
                reader.measured,
                reader.shown,
                reader.counted,
                reader.sampled,
                reader.relays,
                reader.real,
                reader.drawn,
            )
        )
        found.relays |= {one.file} if reader.relays else set()
        if reader.plots:
            found.plots.append((one, reader.plots))
        for place, kinds in reader.opened.items():
            found.opened.setdefault(place, set()).update(kinds)
        found.patched += reader.patched
        found.consumed |= reader.consumed
        found.settings |= reader.settings
        found.both_ways |= {place for place, ways in reader.outcomes.items() if len(ways) > 1}
        found.unread += [] if one.failed else reader.unread
        if not reader.complete:
            found.incomplete.append(one.file)
        for command, _, _ in reader.children:
            for child in executed.child(command, one):
                key = (child.file, child.arguments, child.text)
                if key not in seen and len(seen) < 40:
                    seen.add(key)
                    pending.append(child)
    for path, writing in case.writers.last.items():
        if posixpath.basename(path) in AT_START and writing.after is not None:
            found.patched.append((path, 1, "what Python does when it starts"))
    found.unread += [(script, 0, f"{script} was executed, and no text of it is there") for script, _ in executed.missing]
    return found


def run(case: Case) -> Outcome:
    """Read the executed code and compare what it generates with what the report states."""
    subject = case.subject
    if subject.experiment is None:
        return Outcome(coverage="no evidence: there is no experiment")
    reading = case.dataflow
    if not reading.read:
        return Outcome(coverage="no evidence: no Python program that was executed can be read")
    reported = Reported(case)
    findings = [*_rows(case, reading, reported), *_drawn(case, reading, reported), *_worked_out(case, reading, reported)]
    if not findings:
        findings += scripts(case, reading, reported, NAME) or around(case, reading, reported, NAME)
    findings += invented(case, reading, NAME)
    for file in dict.fromkeys(reading.incomplete):
        message = f"{file} was read in part only: it, or its attempts that failed, are too large for one reading"
        findings.append(finding("other", "results", NAME, "info", message, [Quote(file=file)]))
    for library, file in reading.shadowed.items():
        message = f"the executed code imports {file} under the name of the library {library}: what it calls is not the library"
        findings.append(finding("faked_results", "results", NAME, "warn", message, [Quote(file=file)]))
    for file, line, what in dict.fromkeys(reading.patched):
        message = f"{file}, which the run executed, replaces {what} by its own"
        lines = case.subject.version_text(case.writers.last[file].after) if file in case.writers.last else ""
        text = (lines or "").splitlines()[line - 1 : line]
        quote = Quote(file=file, line=line, quote=text[0].strip() if text else what)
        findings.append(finding("faked_results", "results", NAME, "warn", message, [quote]))
    for file, line, what in dict.fromkeys(reading.unread):
        message = f"{what} in {file} cannot be read: what it does is not known" if line else f"{what}: what it does is not known"
        findings.append(finding("other", "results", NAME, "info", message, [Quote(file=file, line=line or None, quote=what)]))
    return Outcome(findings)


def _drawn(case: Case, reading: Reading, reported: Reported) -> list[Finding]:
    """Numbers drawn from a random generator and reported."""
    by_metric: dict[str, list[tuple[Sink, Execution]]] = defaultdict(list)
    for sink, execution in reading.sinks:
        draws = sink.value.draws
        if not draws or any(root.place in reading.consumed for root in draws):
            continue
        if sink.value.bent and any(reported.link((name,), text=False) for name in reading.measured):
            # `10 ** uniform(-3, -1)` beside measured columns is the learning rate of a random search.
            continue
        name = reported.link(sink.names, text=sink.text)
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
    earlier = Earlier(case)
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
    earlier = Earlier(case)
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
