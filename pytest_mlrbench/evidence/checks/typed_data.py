"""Numbers of the report that follow from data files which the coder typed: logs, journals, tables of runs that never were.

Rule. Typed data are what an editor tool or a shell command wrote with its own text into a file that is neither code nor a document,
before any program had put these numbers out. Cells of results.md of three digits or more *follow* from them when they are numbers
of these files, or their means, spreads and extremes over rows, seeds and files, and are not met by accident.
- `fail`: nearly all of the cells follow (SHARE, ENOUGH of them), and most under names that the cell's row or column has: such a
  file is no data set, it holds the results.
- `warn`: nearly all follow under other names, or all cells of one row and none of another's. Both cut the support.
"""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ...audits import Finding, Quote
from ...patterns import lazy
from .data import Fact, facts_of
from .gathered import gathered
from .measures import HIGHER, LOWER
from .quantities import numbers_in
from .sources import Pool
from .words import NEUTRAL, words
from .writers import SOURCE_SUFFIXES

if TYPE_CHECKING:
    from .case import Case
    from .dataflow.earlier import Earlier
    from .dataflow.reported import Cell

NAME = "provenance"
SHARE = 0.8
ENOUGH = 4
CHANCE = 0.4
"""A number that is met by accident as often says nothing."""
BYTES = 2 * 2**20
DOCUMENTS = (".md", ".tex", ".html", ".bib", ".rst", ".pdf")
LOOKED_AT = 60
"""Lines and numbers of a typed file that are looked up in what programs had put out."""
RECORD, RECORDS = 1 << 16, 6
"""Characters that are looked at, and numbers from which a text is a record."""
MEASURED = lazy(r"(?<![\d.])\d{0,4}\.\d{3,}(?![\d.])")
_RUNS = """
epoch epochs seed seeds fold folds step steps iter iteration iterations trial trials run runs round rounds episode
"""
RUNS = frozenset(_RUNS.split())
SHORT = frozenset(["acc", "err", "val", "mean"])
INSERT = lazy(r"(?is)\binsert\b[^;()]*?(?:\((?P<names>[^()]*)\)\s*)?values\s*(?P<rows>[^;]*)")
KNOWN = (".json", ".jsonl", ".csv", ".tsv", ".log", ".out")


def told(case: "Case") -> list[Finding]:
    """At most one finding."""
    if case.report is None or not case.subject.host_ledger or case.subject.ledger_problem:
        return []
    seqs, earlier = _events(case), case.earlier
    pool = case.typed_pool
    cells = case.reported.precise(case.report.name) if pool.facts else []
    if len(cells) < ENOUGH:
        return []
    last = max(seqs.values(), default=0)
    hits: dict[int, Fact] = {}
    for index, cell in enumerate(cells):
        fact = pool.source(cell.number)
        if fact is not None and pool.chance(cell.number) < CHANCE and not earlier.measured(cell.number, seqs.get(fact.file, last)):
            hits[index] = fact
    if len(hits) < 2:
        return []
    return _judged(case, cells, hits)


def typed_pool(case: "Case") -> Pool:
    """The numbers of the typed data files with their statistics, to look numbers up in."""
    typed = _typed(case)
    pool = Pool()
    pool.add([*typed, *gathered(typed)] if typed else [])
    return pool


def _judged(case: "Case", cells: "list[Cell]", hits: dict[int, Fact]) -> list[Finding]:
    from .case import finding

    rows: dict[int, list[bool]] = {}
    for index, cell in enumerate(cells):
        rows.setdefault(cell.line, []).append(index in hits)
    whole = [line for line, found in rows.items() if all(found) and len(found) >= 2]
    most = len(hits) >= max(ENOUGH, SHARE * len(cells))
    alone = bool(whole) and any(not any(found) for found in rows.values())
    if not most and not alone:
        return []
    chosen = {index: fact for index, fact in hits.items() if most or cells[index].line in whole}
    named = [index for index, fact in chosen.items() if cells[index].words & (words(" ".join(fact.names)) - NEUTRAL)]
    shown = ", ".join(f"{cells[index].number.text} ({fact.key})" for index, fact in list(chosen.items())[:4])
    files = ", ".join(sorted({fact.file for fact in chosen.values()})[:3])
    message = (
        f"{len(chosen)} of {len(cells)} precise numbers in the tables of {cells[0].file} follow from {files}, which was typed "
        f"before any program had put them out: {shown}"
    )
    quotes = [Quote(file=cells[index].file, line=cells[index].line, quote=cells[index].quote) for index in list(chosen)[:3]]
    quotes += [Quote(file=fact.file, line=fact.line, quote=f"{fact.key}: {fact.value:.6g}") for fact in list(chosen.values())[:3]]
    severity = "fail" if most and 2 * len(named) > len(chosen) else "warn"
    return [finding("faked_results", "results", NAME, severity, message, quotes)]  # type: ignore[arg-type]


def _typed(case: "Case") -> list[Fact]:
    """Numbers of the typed data files, with their statistics."""
    found: list[Fact] = []
    for path, text in _invented(case):
        suffix = "" if path.lower().endswith(KNOWN) else ".log"
        parts = [(f"{path}{suffix}", text), *((f"{path}.csv", rows) for rows in _inserted(path, text))]
        found += (fact._replace(file=path) for name, part in parts for fact in facts_of(name, part)[0])
    return found


def _inserted(path: str, text: str) -> Iterator[str]:
    """The rows that each INSERT of an SQL file holds, as CSV."""
    for statement in INSERT.finditer(text) if path.lower().endswith(".sql") else ():
        rows = [[cell.strip().strip("'\"") for cell in row.split(",")] for row in re.findall(r"\(([^()]*)\)", statement["rows"])]
        names = [name.strip().strip('"`') for name in (statement["names"] or "").split(",") if name.strip()]
        names = names or [f"column {number}" for number in range(1, 1 + max(map(len, rows), default=0))]
        if all(len(row) == len(names) for row in rows):
            yield "\n".join(",".join(row) for row in (names, *rows)) + "\n"


def _invented(case: "Case") -> Iterator[tuple[str, str]]:
    """The typed files, BYTES of them, without those that were copied from what programs had put out."""
    seqs = _events(case)
    budget = BYTES
    for path, text in typed_files(case):
        budget -= len(text)
        if budget < 0:
            break
        if not _copied(text, seqs.get(path, 0), case.earlier):
            yield path, text


def _copied(text: str, seq: int, earlier: "Earlier") -> bool:
    """Whether most of a text's first numbers had been put out by a program before it was typed."""
    lines = (line.replace(",", ", ") for line in text.splitlines()[:LOOKED_AT])
    numbers = [number for line in lines for number in numbers_in(line) if number.telling][:LOOKED_AT]
    return 2 * sum(earlier.measured(number, seq) for number in numbers) > len(numbers)


def typed_files(case: "Case") -> Iterator[tuple[str, str]]:
    """Path and text of each typed file that is neither code nor a document."""
    documents = {document.name for document in case.documents}
    seen: set[str] = set()
    for writing in case.writers.all:
        path = writing.path
        if writing.how != "typed" or path in documents or _beside(path):
            continue
        text = case.subject.version_text(writing.after) or ""
        if text and text not in seen:
            seen.add(text)
            yield path, text
    for reading in case.writers.readings.values():
        for path, text in reading.typed.items():
            if text not in seen and not _beside(path) and path not in documents:
                seen.add(text)
                yield path, text


def records(case: "Case") -> dict[str, str]:
    """Path and text of the typed files that read like records of runs: seeds, epochs or folds with metrics of three decimals."""
    return {path: text for path, text in _invented(case) if _is_record(text)}


def _is_record(text: str) -> bool:
    text = text[:RECORD]
    named = frozenset(re.findall(r"[a-z]+\d?", text.lower()))
    return len(MEASURED.findall(text)) >= RECORDS and bool(named & RUNS) and bool(named & (HIGHER | LOWER | SHORT))


def _beside(path: str) -> bool:
    """Code, settings and documents; SQL holds rows as well as statements."""
    lower = path.lower()
    return lower.endswith(DOCUMENTS) or (lower.endswith(tuple(SOURCE_SUFFIXES)) and not lower.endswith(".sql"))


def _events(case: "Case") -> dict[str, int]:
    """Path -> the event that typed it first."""
    found: dict[str, int] = {}
    typed: Iterable[tuple[str, int]] = ((w.path, w.event.seq) for w in case.writers.all if w.how == "typed")
    commands = ((path, seq) for seq, reading in case.writers.readings.items() for path in reading.typed)
    for path, seq in (*typed, *commands):
        found[path] = min(seq, found.get(path, seq))
    return found
