"""Tables that repeat a dictionary of the executed code (weights, thresholds), and do so wrongly in a few rows; methodology's.

Rule: a table with one column of numbers, three rows or more of which are keys of one dictionary literal. Where more than half of
these rows say the literal's value, no literal agrees with all of them, and the others say something else, these are a `warn`.
"""

from collections.abc import Iterator

from ...audits import Finding, Quote
from ...patterns import lazy
from .case import Case, finding
from .data import clean
from .documents import Document, Row, Table
from .quantities import Number, agree, numbers_in
from .words import words

NAME = "methodology"
_LITERAL = lazy(r"\{([^{}]{10,4000})\}")
_PAIR = lazy(r"[\"']([A-Za-z][\w .-]{0,60})[\"']\s*:\s*(-?\d{1,9}(?:\.\d{1,12})?)\s*(?=[,}#\n]|$)")
LEAST = 3
"""Rows that have to be keys of one literal."""
CHARACTERS = 200_000
"""Of one program."""

Literal = tuple[str, int, dict[frozenset[str], tuple[str, float]]]
"""File, line, and words of each key -> as written, value."""


def misquoted(case: Case, document: Document, tables: list[Table]) -> list[Finding]:
    """Rows whose number is not the one that the code's dictionary gives to their name."""
    stated = [rows for table in tables if len(rows := _rows(table)) >= LEAST]
    if not stated:
        return []
    literals = list(_literals(case))
    findings = []
    for rows in stated:
        best: tuple[int, Literal, list[tuple[Row, Number]]] | None = None
        for literal in literals:
            known = [(row, number) for row, number in rows if words(clean(row.cells[0])) in literal[2]]
            wrong = [(row, number) for row, number in known if not _same(row, number, literal)]
            right = len(known) - len(wrong)
            if len(known) >= LEAST and right > len(wrong) and (best is None or (right, -len(wrong)) > (best[0], -len(best[2]))):
                best = right, literal, wrong
        if best is not None and best[2]:
            findings.append(_finding(document, *best))
    return findings


def _rows(table: Table) -> list[tuple[Row, Number]]:
    """Label and number of a table with one number a row; none for other tables."""
    found = []
    for row in table.rows:
        numbers = [number for cell in row.cells[1:] for number in numbers_in(clean(cell), row.line)]
        if len(row.cells) != 2 or len(numbers) != 1:
            return []
        found.append((row, numbers[0]))
    return found


def _literals(case: Case) -> Iterator[Literal]:
    for file, text in case.spoken.code.items():
        source = text[:CHARACTERS]
        for match in _LITERAL.finditer(source):
            pairs = {words(key): (key, float(value)) for key, value in _PAIR.findall(match[1])}
            if len(pairs) >= LEAST:
                yield file, source.count("\n", 0, match.start()) + 1, pairs


def _same(row: Row, number: Number, literal: Literal) -> bool:
    value = literal[2][words(clean(row.cells[0]))][1]
    return any(agree(number, value * scale) for scale in (1.0, 100.0, 0.01))


def _finding(document: Document, right: int, literal: Literal, wrong: list[tuple[Row, Number]]) -> Finding:
    file, line, pairs = literal
    said = [(row, number, *pairs[words(clean(row.cells[0]))]) for row, number in wrong]
    shown = "; ".join(f"{clean(row.cells[0])} {number.text}, but {value:g} in {file}" for row, number, _, value in said[:4])
    message = f"{len(wrong)} rows of a table of {document.name} are not what the code has ({right} other rows are): {shown}"
    quotes = [Quote(file=document.name, line=row.line, quote="| " + " | ".join(row.cells) + " |") for row, *_ in said[:4]]
    quotes.append(Quote(file=file, line=line, quote=", ".join(f"{key!r}: {value:g}" for _, _, key, value in said[:4])))
    return finding("hallucinated_methodology", document.scope, NAME, "warn", message, quotes)
