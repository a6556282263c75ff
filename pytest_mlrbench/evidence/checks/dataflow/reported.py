"""What the report states, by name and number: tables, prose and data files of the results; the data-flow rules compare with it."""

import re
from collections import defaultdict
from functools import cached_property
from typing import NamedTuple

from ..case import Case
from ..data import Fact, row_labels
from ..documents import Document
from ..measures import SHARES
from ..quantities import Number, agree, numbers_in
from ..words import NEUTRAL, words

UNITS = frozenset(("ms", "s", "sec", "secs", "seconds", "gb", "mb", "kb", "pct", "percent", "score", "avg", "mean"))
"""Words of a name that say how a number is written, not what it is of."""


class Cell(NamedTuple):
    """One number of a table of the report."""

    number: Number
    file: str
    line: int
    quote: str
    words: frozenset[str]
    """Of its row's labels and of its column."""


class Reported:
    """Names and numbers of the report's tables and of the data files in the results."""

    def __init__(self, case: Case) -> None:
        self.documents: list[Document] = case.documents
        self.columns: set[frozenset[str]] = set()
        self.rows: set[frozenset[str]] = set()
        self.first: set[frozenset[str]] = set()
        """Titles of the columns that name the rows."""
        for document in self.documents:
            for table in document.tables:
                self.first |= {words(c) - NEUTRAL for c in table.header[:1] if words(c) - NEUTRAL}
                self.columns |= {words(c) - NEUTRAL for c in table.header if words(c) - NEUTRAL}
                self.rows |= {words(row.cells[0]) - NEUTRAL for row in table.rows if row.cells and words(row.cells[0]) - NEUTRAL}
        self.keys: set[frozenset[str]] = set()
        results, root = case.subject.results, case.subject.experiment
        inside = f"{results.relative_to(root).as_posix()}/" if results is not None and root is not None and results != root else ""
        for fact in case.pool.facts:
            # Data sets of the run may well be drawn; only what lies among the results is a result.
            if fact.names and fact.file.startswith(inside):
                last = words(fact.names[-1]) - NEUTRAL
                if last:
                    self.keys.add(last)
        self.prose = [_phrase(line) for document in self.documents if document.scope == "results" for line in document.lines]
        self.values: dict[frozenset[str], list[Fact]] = defaultdict(list)
        for fact in case.pool.facts:
            if fact.names and fact.how == "value" and inside and fact.file.startswith(inside):
                self.values[words(fact.names[-1])].append(fact)
        self.claims = [claim.number for claim in (case.report.claims if case.report is not None else [])]
        self.cells: list[Cell] = []
        for document in self.documents:
            if document.scope != "results":
                continue
            for table in document.tables:
                for row in table.rows:
                    labels = frozenset().union(*(words(label) for label in row_labels(row.cells)))
                    quote = document.lines[row.line - 1].strip() if 0 < row.line <= len(document.lines) else ""
                    for column, text in list(zip(table.header, row.cells, strict=False))[1:]:
                        for number in numbers_in(text):
                            if number.telling:
                                self.cells.append(Cell(number, document.name, row.line, quote, (labels | words(column)) - NEUTRAL))

    @cached_property
    def swept(self) -> frozenset[float]:
        """Numbers in the labels of rows and the titles of columns."""
        tables = [table for document in self.documents for table in document.tables]
        cells = [cell for t in tables for cell in (*t.header, *(row.cells[0] for row in t.rows if row.cells))]
        return frozenset(number.value for cell in cells for number in numbers_in(cell))

    def precise(self, file: str) -> list[Cell]:
        """Cells of a document's tables with three digits or more."""
        return [cell for cell in self.cells if cell.file == file and cell.number.digits >= 3]

    def cell(self, names: tuple[str, ...], value: float) -> "Cell | None":
        """A cell of the report's tables that states `value` in a row or column that shares a word with `names`."""
        spoken = frozenset().union(*(words(name) for name in names)) - NEUTRAL
        for cell in self.cells:
            if agree(cell.number, value) and spoken & cell.words:
                return cell
        return None

    def link(self, names: tuple[str, ...], *, text: bool) -> str:
        """The name under which the report, or a data file of the results, states such a number; empty when none does."""
        for name in names:
            bare = words(name) - NEUTRAL
            if not bare or all(word[0].isdigit() for word in bare):
                continue
            for known in (self.columns, self.rows, self.keys)[: 2 if text and not bare & SHARES else 3]:
                if bare in known:
                    return name
            if len(bare) > 1 or not text:
                for known in (self.columns, self.rows):
                    # `accuracy_mean` and "Accuracy (%)", `base_accuracy` and "Accuracy": one holds the other.
                    if any(len(other & bare) >= max(1, min(len(other), len(bare))) and _close(other, bare) for other in known):
                        return name
            phrase = _phrase(name)
            if len(phrase.split()) >= 2 and any(f" {phrase} " in f" {line} " for line in self.prose):
                return name
        return ""

    def stored(self, name: str, value: float) -> Fact | None:
        """The entry of a data file in the results with this key and value, when the report states the value as well."""
        for fact in self.values.get(words(name), ()):
            if fact.value == value and any(number.telling and agree(number, value) for number in self.claims):
                return fact
        return None


def _phrase(text: str) -> str:
    """A name or a line as plain words, units left out: `time_per_token_ms` is "time per token"."""
    split = re.findall(r"[a-z]+|\d+", re.sub(r"([a-z])([A-Z])", r"\1 \2", text).lower())
    return " ".join(word for word in split if word not in UNITS)


def _close(a: frozenset[str], b: frozenset[str]) -> bool:
    return len(a ^ b) <= 1 and bool(a & b)
