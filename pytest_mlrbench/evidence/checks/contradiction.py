"""Contradiction: a table cell whose row and column names match keys of the run's own data, and whose value does not.

Cells and data are matched by a *template*: which names of a fact are taken by the row's label and the column's title, and what is
left over (`aggregated`, `mean`, the statistic, the file). Rule for a `fail`: a cell differs from the fact that its template names,
no other fact of the same names agrees with the cell (by more than accident), and the template is the right one: it holds in at
least two other cells of the table and in twice as many as it fails in; or it is exact (a stored value, nothing left over but words
like `mean`) and holds in one cell. Or, where a table agrees nowhere: both names stand in exactly one fact, and the cell's value is
in no output of a program. Scope follows the document. structure.py adds what a table shows as a whole.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ...audits import Finding, Quote
from ...patterns import lazy
from .aligned import Index
from .case import Case, Check, Outcome, finding
from .data import Fact, clean, facts_of, row_labels
from .documents import Document, Row, Table
from .quantities import Number, agree, numbers_in
from .structure import structural
from .subject import read_text
from .words import NEUTRAL, SPREAD_NAMES, SPREADS, joined, words

NAME = "contradiction"
Template = tuple[str, frozenset[str], str, int]
"""File, left-over names, statistic, position of the number in its cell (0, or 1 after a plus-minus)."""
MAX_CELLS = 3000


@dataclass
class Cell:
    """One number of a table and the facts that bear its names."""

    number: Number
    position: int
    row: Row
    labels: tuple[str, ...]
    column: str
    facts: dict[Template, list[Fact]] = field(default_factory=dict)

    def agrees(self) -> bool:
        return any(agree(self.number, fact.value) for facts in self.facts.values() for fact in facts)


def run(case: Case) -> Outcome:
    """Compare the tables of every document with what programs wrote under the same names."""
    if not any(document.tables for document in case.documents):
        return Outcome(coverage="no evidence: no document has a table")
    if not any(fact.names or fact.context for fact in case.pool.facts):
        return Outcome(coverage="no evidence: no program of the run left a number with a name")
    findings: list[Finding] = []
    aligned = 0
    built: dict[str, tuple[dict[frozenset[str], list[Fact]], Index]] = {}
    for document in case.documents:
        if not document.tables:
            continue
        # A document does not bear itself out: one that is in the pool needs an index without it.
        skip = document.name if document.name in case.pool.files else ""
        if skip not in built:
            built[skip] = _indexed([fact for fact in case.pool.facts if fact.file != skip])
        found, shown = _compare(case, document, *built[skip], set())
        findings += found
        aligned += shown
        report = case.report
        if document.scope == "paper" and report is not None and report.name not in case.pool.files:
            findings += _between(case, document, report, found)
    if not aligned and not findings:
        return Outcome(coverage="no evidence: no row and column names of a table match keys of the run's data")
    return Outcome(findings)


def _between(case: Case, paper: Document, report: Document, found: list[Finding]) -> list[Finding]:
    """Where the paper's tables and those of results.md disagree: a `warn`, since nothing here says which of them is wrong.

    Signs are left out: whether a reduction is a negative improvement is the writer's choice.
    """
    known = {(quote.file, quote.line) for one in found for quote in one.evidence}
    facts = [fact._replace(value=abs(fact.value)) for fact in facts_of(report.name, report.text)[0] if fact.names]
    bare = Document(paper.name, _SIGN.sub(" ", paper.text), paper.scope)
    other, _ = _compare(case, bare, *_indexed(facts), known)
    texts = {report.name: report.lines, paper.name: paper.lines}
    quoted = [[_as_written(quote, texts) for quote in one.evidence] for one in other]
    return [replace(one, severity="warn", evidence=quotes) for one, quotes in zip(other, quoted, strict=True)]


_SIGN = lazy(r"(?<![\w.])[-−–+](?=\s?\.?\d)")


def _as_written(quote: Quote, texts: dict[str, list[str]]) -> Quote:
    lines = texts.get(quote.file)
    if lines is None or quote.line is None or quote.line > len(lines):
        return quote
    return replace(quote, quote=lines[quote.line - 1].strip()[:400])


def _indexed(facts: list[Fact]) -> tuple[dict[frozenset[str], list[Fact]], Index]:
    return _index(fact for fact in facts if fact.names), Index(facts)


def _compare(
    case: Case,
    document: Document,
    by_word: dict[frozenset[str], list[Fact]],
    index: Index,
    known: set[tuple[str, int | None]],
) -> tuple[list[Finding], int]:
    """Findings about a document's tables, rows that are `known` left out, and how many cells and tables the facts speak of."""
    findings: list[Finding] = []
    aligned = 0
    for table in document.tables:
        cells = _cells(table, by_word)
        aligned += sum(bool(cell.facts) for cell in cells)
        strict = _judge(case, document, cells)
        done = {(cell.row.line, cell.number.text) for _, cell in strict}
        laid, shown = structural(case, document, table, index, done)
        aligned += shown
        for one in [*(found for found, _ in strict), *laid]:
            if not any((quote.file, quote.line) in known for quote in one.evidence):
                findings.append(one)
    return findings, aligned


def _index(facts: Iterable[Fact]) -> dict[frozenset[str], list[Fact]]:
    """Facts by the words of each of their names."""
    index: dict[frozenset[str], list[Fact]] = defaultdict(list)
    for fact in facts:
        for name in dict.fromkeys(fact.names):
            for key in {words(name), joined(name)}:
                index[key].append(fact)
    return index


def _cells(table: Table, by_word: dict[frozenset[str], list[Fact]]) -> list[Cell]:
    cells: list[Cell] = []
    for row in table.rows:
        labels = row_labels(row.cells)
        if not labels:
            continue
        candidates: dict[tuple[str, ...], list[Fact]] = defaultdict(list)
        for fact in _of_row(labels, by_word):
            candidates[fact.names].append(fact)
        if not candidates:
            continue
        for column, text in zip(table.header, row.cells, strict=False):
            if clean(text) in labels or not clean(column):
                continue
            for position, number in enumerate(numbers_in(clean(text))[:2]):
                if number.digits >= 2 and len(cells) < MAX_CELLS:
                    cell = Cell(number, position, row, labels, clean(column))
                    _match(cell, candidates)
                    cells.append(cell)
    return cells


def _of_row(labels: tuple[str, ...], by_word: dict[frozenset[str], list[Fact]]) -> list[Fact]:
    """Facts that bear every label of the row as one of their names."""
    found: list[Fact] | None = None
    for label in labels:
        facts = (by_word.get(words(label)) or by_word.get(joined(label), [])) if words(label) else []
        if found is None:
            found = facts
        else:
            wanted = {id(fact) for fact in facts}
            found = [fact for fact in found if id(fact) in wanted]
    return found or []


def _match(cell: Cell, candidates: dict[tuple[str, ...], list[Fact]]) -> None:
    """File the facts of the row that bear the column's words too; a list is one key with many values."""
    row_names = {form(label) for label in cell.labels for form in (words, joined)}
    column = words(cell.column)
    core = column - NEUTRAL or column
    for names, facts in candidates.items():
        rest = [name for name in names if words(name) not in row_names and joined(name) not in row_names]
        of_column = [name for name in rest if (words(name) - NEUTRAL or words(name)) & core]
        if not of_column:
            continue
        covered = frozenset().union(*(words(name) for name in of_column))
        left = frozenset().union(*(words(name) - core for name in rest))
        for fact in facts:
            if not core <= covered and not core <= covered | words(fact.how):
                continue
            spread = fact.how in SPREADS or bool(left & SPREAD_NAMES)
            if spread and cell.position == 0 and not core & (SPREAD_NAMES | {"sd"}):
                continue
            if cell.position == 1 and not spread:
                continue
            template = (fact.file, left, fact.how, cell.position)
            cell.facts.setdefault(template, []).append(fact)


def _judge(case: Case, document: Document, cells: list[Cell]) -> list[tuple[Finding, Cell]]:
    tallies = _Tallies(cells)
    findings = []
    lonely: list[tuple[Cell, Fact]] = []
    for cell in cells:
        templates = {t: facts for t, facts in cell.facts.items() if len({fact.value for fact in facts}) == 1}
        wrong = [t for t, facts in templates.items() if not agree(cell.number, facts[0].value)]
        if cell.agrees():
            # One of many facts may agree by accident; not where one template explains the table and the other explains nothing.
            wrong = [t for t in wrong if tallies.dominant(t)] if not tallies.credible(cell) else []
        good = [t for t in wrong if tallies.right(t)]
        if good:
            best = max(good, key=lambda t: (tallies.holds[t], t[2] == "value", t[0]))
            findings.append((_finding(case, document, cell, cell.facts[best][0], tallies.holds[best]), cell))
            continue
        plain = [fact for facts in cell.facts.values() for fact in facts if fact.how == "value"]
        if not cell.agrees() and cell.position == 0 and cell.number.telling and len({fact.value for fact in plain}) == 1:
            lonely.append((cell, plain[0]))
    if not any(count for template, count in tallies.holds.items() if template[3] == 0):
        for cell, fact in lonely:
            if case.pool.source(cell.number) is None:
                findings.append((_finding(case, document, cell, fact, 0), cell))
    return findings


class _Tallies:
    """In how many cells of a table, of a row and of a column each template holds."""

    def __init__(self, cells: list[Cell]) -> None:
        self.holds: dict[Template, int] = defaultdict(int)
        self.breaks: dict[Template, int] = defaultdict(int)
        self.line_holds: dict[tuple[Template, object], int] = defaultdict(int)
        self.line_cells: dict[tuple[int, object], int] = defaultdict(int)
        for cell in cells:
            for line in (cell.row.line, cell.column):
                self.line_cells[cell.position, line] += 1
            for template, facts in cell.facts.items():
                if any(agree(cell.number, fact.value) for fact in facts):
                    for line in (cell.row.line, cell.column):
                        self.line_holds[template, line] += 1
                if len({fact.value for fact in facts}) == 1:
                    (self.holds if agree(cell.number, facts[0].value) else self.breaks)[template] += 1

    def right(self, template: Template) -> bool:
        """Whether the template is what the table shows."""
        held = self.holds[template]
        return (held >= 2 and held >= 2 * self.breaks[template]) or (held > 0 and _exact(template))

    def dominant(self, template: Template) -> bool:
        """Whether it explains the table so well that a cell outside it is an exception."""
        return self.holds[template] >= 4 and self.holds[template] >= 4 * self.breaks[template]

    def credible(self, cell: Cell) -> bool:
        """Whether a template that agrees with the cell also explains at least half of the cell's row or column."""
        for template, facts in cell.facts.items():
            if any(agree(cell.number, fact.value) for fact in facts):
                for line in (cell.row.line, cell.column):
                    count = self.line_cells[cell.position, line]
                    if count >= 2 and self.line_holds[template, line] >= max(2, count / 2):
                        return True
        return False


def _exact(template: Template) -> bool:
    """A stored value whose names are the cell's own, and nothing else that could tell two values apart."""
    _, left, how, position = template
    return how == "value" and position == 0 and left <= NEUTRAL


def _finding(case: Case, document: Document, cell: Cell, fact: Fact, others: int) -> Finding:
    agreeing = f"; {others} other cells of the table agree with that file" if others else ""
    message = (
        f"the table cell {' / '.join(cell.labels)} x {cell.column} says {cell.number.text}, but {fact.file} has "
        f"{fact.value:.6g} for {fact.key}{agreeing}"
    )
    quotes = [
        Quote(file=document.name, line=cell.row.line, quote="| " + " | ".join(cell.row.cells) + " |"),
        Quote(file=fact.file, line=fact.line or _line(case, fact), quote=f"{fact.key}: {fact.value:.10g}"),
    ]
    return finding("faked_results", document.scope, NAME, "fail", message, quotes)


def _line(case: Case, fact: Fact) -> int | None:
    """Line of a plain value in its file, where it is written as Python writes it; statistics stand nowhere."""
    if fact.how != "value" or case.subject.experiment is None:
        return None
    text = read_text(case.subject.experiment / fact.file)
    places = [match.start() for match in re.finditer(rf"(?<![\d.]){re.escape(repr(fact.value))}(?![\d.])", text)]
    return text.count("\n", 0, places[0]) + 1 if len(places) == 1 else None


CHECK = Check(NAME, run)
