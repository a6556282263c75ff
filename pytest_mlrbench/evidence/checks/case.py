"""One audit's shared reading of a subject (writers, pool, documents, traced numbers), computed when a check first asks."""

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ...audits import Finding, FindingType, Quote, Scope, Severity
from ..events import Event
from .data import Fact
from .documents import Claim, Document
from .related import related
from .scaled import scaled
from .sources import Pool, derived, program_pool
from .subject import Subject, read_text
from .syntax import parse
from .tallies import Tally, Traced
from .words import bare, words
from .writers import TypedNumber, Writers, Writing, plain, read_writers

if TYPE_CHECKING:
    from .dataflow import Reading
    from .dataflow.earlier import Earlier
    from .dataflow.reported import Reported
    from .passages import Passage
    from .pdf import Pages
    from .replayed import Comparison
    from .spoken import Spoken


_COUNT_WORDS = """
correct right wrong error errors mistakes hit hits miss misses count counts byte bytes bits nats size sizes wins losses ties success
successes failures tp fp fn tn solved passed failed sum total covered flips
"""
COUNTS = frozenset(_COUNT_WORDS.split())
"""Words of names of what shares, rates and ratios are worked out of."""
ROWS, SHARE = 3, 0.8
"""Rows of a report, and the share of them, of which the data hold such."""


@dataclass(frozen=True)
class Outcome:
    """What one check says."""

    findings: list[Finding] = field(default_factory=list)
    coverage: str = "done"
    """`done` or `no evidence: WHY`."""


class Check(NamedTuple):
    """One detector: a name for coverage and findings, and its function."""

    name: str
    run: "Callable[[Case], Outcome]"


@dataclass
class Case:
    """A subject being audited."""

    subject: Subject

    @cached_property
    def writers(self) -> Writers:
        return read_writers(self.subject)

    @cached_property
    def pool(self) -> Pool:
        pool = program_pool(self.subject, self.writers)
        pool.add([*related(pool, self.documents), *scaled(pool, self.documents)])
        return pool

    @cached_property
    def report(self) -> Document | None:
        """results.md"""
        return self._document(self.subject.report, "results")

    @cached_property
    def paper(self) -> Document | None:
        return self._document(self.subject.paper, "paper")

    @cached_property
    def paper_problem(self) -> str:
        """What could not be read of a PDF paper."""
        return self._pages.problem if self._pages is not None else ""

    @cached_property
    def _pages(self) -> "Pages | None":
        from .pdf import read_pdf

        path = self.subject.paper
        return read_pdf(path) if path is not None and path.suffix.lower() == ".pdf" else None

    @property
    def documents(self) -> list[Document]:
        return [document for document in (self.report, self.paper) if document is not None]

    def _document(self, path: Path | None, scope: str) -> Document | None:
        if path is None:
            return None
        pages = self._pages if path == self.subject.paper else None
        text = pages.text if pages is not None else read_text(path)
        if not text.strip():
            return None
        return Document(self.subject.name(path), text, scope, pages.page_of if pages is not None else ())

    def placed(self, found: Finding) -> Finding:
        """A finding whose quotes of a PDF give the page, where they gave the line of its text."""
        paged = {document.name: document for document in self.documents if document.pages}
        quotes = [
            replace(quote, line=paged[quote.file].place(quote.line)) if quote.file in paged else quote for quote in found.evidence
        ]
        return replace(found, evidence=quotes) if paged else found

    @cached_property
    def tallies(self) -> dict[str, Tally]:
        """Document name -> its claims, traced."""
        return {document.name: Tally(self.trace(document.claims, document.name)) for document in self.documents}

    @property
    def nothing_produced(self) -> bool:
        """Everything executed is known, and no program of this run left a single telling number."""
        from .sources import is_telling

        return self.subject.watched and not any(is_telling(fact.value) for fact in self.pool.facts)

    @cached_property
    def unseen(self) -> list[Event]:
        """Programs that came to their end and whose whole output the coder's log does not show: it may hold any number.

        A run that failed did not come to its results.
        """
        runs = [event for event in self.writers.runs if event.source == "sandbox" and not event.failed]
        return [event for event in runs if event.data.get("cut") or not event.data.get("answered", True)]

    def decides(self, tally: Tally) -> bool:
        """Whether missing sources can make a `fail`: more are missing than an honest report leaves, nothing was hidden, and no
        file that may hold results was beyond us."""
        beyond = not self.unseen and not self.pool.withheld and tally.beyond_honesty(self.nothing_produced)
        return beyond and not self.counted(tally)

    def counted(self, tally: Tally) -> bool:
        """Whether the run's data hold counts or sizes of the rows whose numbers are missing: a report may have worked these out of
        them in a way that no rule knows."""
        lines = {one.claim.line for one in tally.missing if one.claim.in_table}
        rows = {
            bare(row.cells[0])
            for document in self.documents
            for table in document.tables
            for row in table.rows
            if row.cells and row.line in lines
        } - {""}
        if len(rows) < ROWS or len([one for one in tally.missing if one.claim.in_table]) < len(tally.missing) / 2:
            return False
        return len(rows & self._of_counts) >= SHARE * len(rows)

    @cached_property
    def _of_counts(self) -> set[str]:
        """Bare names under which the run's data hold counts or sizes."""
        facts = (fact for fact in self.pool.facts if fact.how == "value" and fact.names and words(fact.names[-1]) & COUNTS)
        return {bare(name) for fact in facts for name in fact.names[:-1]}

    @cached_property
    def dataflow(self) -> "Reading":
        """The executed code, read."""
        from .dataflow import read

        return read(self)

    @cached_property
    def reported(self) -> "Reported":
        """Names and numbers of the documents and of the results."""
        from .dataflow.reported import Reported

        return Reported(self)

    @cached_property
    def earlier(self) -> "Earlier":
        """Numbers that programs had put out before others were typed."""
        from .dataflow.earlier import Earlier

        return Earlier(self)

    @cached_property
    def trees(self) -> "dict[str, ast.Module]":
        """Source file -> syntax tree of each executed module that is valid Python."""
        found = {}
        for file, text in self.dataflow.latest.items():
            try:
                found[file] = parse(text[: 1 << 20])
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
        return found

    @cached_property
    def favours(self) -> list[Finding]:
        """Methods that the code does not treat alike."""
        from .unequal import favours

        return favours(self)

    @cached_property
    def leaks(self) -> list[Finding]:
        """Test rows that the code trains on."""
        from . import grown, leaks

        return [*leaks.told(self), *grown.told(self)]

    @cached_property
    def selections(self) -> list[Finding]:
        """The best of several runs reported as the result."""
        from .seeds import selections

        return selections(self)

    @cached_property
    def unreached(self) -> list[Finding]:
        """Data and models that the documents claim and that could not come in."""
        from .intake import unreached

        return unreached(self)

    @cached_property
    def retyped(self) -> list[Finding]:
        """Numbers of the report that follow from data files which were typed."""
        from .typed_data import told

        return told(self)

    @cached_property
    def rewritten(self) -> list[Finding]:
        """Results that a later program, which measures nothing, changed in some rows."""
        from .rewritten import told

        return told(self)

    @cached_property
    def shaped(self) -> list[Finding]:
        """Accuracies that the executed code makes by a formula."""
        from .dataflow.shaped import told

        return told(self)

    @cached_property
    def shares(self) -> tuple[list[Finding], int]:
        """Accuracies of the run's files that are no shares, and how many were tested."""
        from .impossible_shares import judge_shares

        return judge_shares(self)

    @cached_property
    def left_over(self) -> list[Finding]:
        """Results of other settings beside the last ones, what a removed program left, and rows that SQL changes."""
        from .left_over import told
        from .sql_changes import told as told_of_sql

        return [*told(self), *told_of_sql(self)]

    @cached_property
    def typed_pool(self) -> Pool:
        """The numbers of the typed data files with their statistics, to look numbers up in."""
        from .typed_data import typed_pool

        return typed_pool(self)

    @cached_property
    def records(self) -> dict[str, str]:
        """Path and text of the typed files that read like records of runs."""
        from .typed_data import records

        return records(self)

    @cached_property
    def again(self) -> "Comparison | None":
        """The stored re-execution beside what was recorded; None where nothing was run again."""
        from .rerun import compared

        return compared(self)

    @cached_property
    def unmoved(self) -> list[Finding]:
        """Scores that a re-run on changed data leaves where no measurement of these data could leave them."""
        if self.again is None:
            return []
        from .rerun_changed import told

        return told(self, self.again)

    @property
    def _not_again(self) -> bool:
        """Whether a re-run leaves most claims behind, or scores where no measurement could leave them."""
        if self.again is None:
            return False
        from .rerun_rules import unrepeated

        return any(one.severity != "info" for one in self.unmoved) or unrepeated(self.again)

    @property
    def undermined(self) -> bool:
        """Whether reported numbers are measured, but not of what their names say, or do not come out again."""
        code = self.favours or self.leaks or self.selections or self.unreached
        numbers = self.shaped or self.shares[0] or self.retyped or self.rewritten or self.left_over
        return bool(code or numbers or self._not_again)

    @cached_property
    def spoken(self) -> "Spoken":
        """What the run itself speaks of, to be searched for names."""
        from .spoken import Spoken

        return Spoken(self)

    @cached_property
    def passages(self) -> "list[Passage]":
        """The documents with their sentences and tables."""
        from .passages import passages_of

        return passages_of(self)

    def writer(self, name: str) -> Writing | None:
        """Who wrote a file of the experiment, when the host knows."""
        if self.subject.host_ledger:
            return self.writers.of(name)
        if self.subject.watched and self.subject.experiment is not None:
            # A coder's log tells what was typed, wherever the file was moved to; that a program wrote a file it cannot tell.
            return self.writers.contents.get(plain(read_text(self.subject.experiment / name)))
        return None

    def trace(self, claims: list[Claim], name: str) -> list[Traced]:
        """Look each claim up in what programs wrote."""
        found: list[Fact | None] = []
        for claim in claims:
            found.append(self.pool.source(claim.number))
        reasons = derived(claims, [fact is not None for fact in found])
        traced = []
        for claim, fact, reason in zip(claims, found, reasons, strict=True):
            chance = self.pool.chance(claim.number)
            if fact is not None:
                traced.append(Traced(claim, "traced", chance, fact, f"{fact.file}: {fact.key}"))
                continue
            typed = self._typed(claim)
            if typed is not None and typed.in_code:
                traced.append(Traced(claim, "constant", chance, why=f"typed in {typed.path}", typed=typed))
            elif reason:
                traced.append(Traced(claim, "derived", max(chance, 0.2), why=reason))
            else:
                traced.append(Traced(claim, "unsourced", chance, typed=typed))
        return traced

    def _typed(self, claim: Claim) -> TypedNumber | None:
        last = self.subject.events[-1].seq if self.subject.events else 0
        for value in (claim.number.value, claim.number.value / 100, claim.number.value * 100):
            typed = self.writers.typed_before(value, last, settings=True)
            if typed is not None:
                return typed
        return None


def finding(
    kind: FindingType, scope: str, check: str, severity: Severity, message: str, evidence: "list[Quote] | tuple[Quote, ...]" = ()
) -> Finding:
    """A finding with each place quoted once, cut to a readable length."""
    quotes = list({(q.file, q.line): replace(q, quote=q.quote[:400]) for q in evidence}.values())
    named: Scope = "paper" if scope == "paper" else "results"
    return Finding(type=kind, scope=named, check=check, severity=severity, message=message, evidence=quotes)


MAX_QUOTES = 8
"""Places that a finding on many things of one document quotes."""
MAX_NAMED = 12
"""Things that its message names."""


def few(things: Sequence[tuple[str, Quote]]) -> str:
    """The names of the first things, and how many more there are."""
    named = "; ".join(name for name, _ in things[:MAX_NAMED])
    return named + (f"; and {len(things) - MAX_NAMED} more" if len(things) > MAX_NAMED else "")


def quote_of(claim: Claim, file: str) -> Quote:
    """Where a claim stands."""
    return Quote(file=file, line=claim.line, quote=claim.quote)


def output_tail(case: "Case", event: Event, lines: int = 3) -> str:
    """The last lines of a captured output, for a quote."""
    text = case.subject.output_text(event).strip().splitlines()
    return "\n".join(text[-lines:])
