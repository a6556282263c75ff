"""Spreads that a document's tables state (after a plus-minus, or in a column of SDs), against the run's data; methodology's.

A spread is *held* where the data have it as one: stored under such a name, or the deviation, standard error or half interval of
values that the run left, in the file (and under the names, or in the printed line) where the mean beside it stands. What is held
nowhere is one `warn` for the document, with the rows. A single one among many of a table may be a rounding of its own.
"""

from collections.abc import Iterator
from itertools import islice

from ...audits import Finding, Quote
from ...patterns import lazy
from .case import Case, finding
from .data import Fact, clean, row_labels
from .documents import Document, Row, Table
from .quantities import Number, agree, numbers_in
from .words import SPREADS, words

NAME = "methodology"
SPREAD_NAME = lazy(
    r"(?i)std|(?:^|[\W_])(?:sd|stdev|stderr|sem|se|ci|ci95|conf\w*|spread|deviation|half|iqr|mad|var|variance|interval|margin)(?:[\W_]|$)"
    r"|standard.?error|std.?err|±"
)
_SPREAD_WORDS = """
std sd stdev stddev stderr sem se ci ci95 conf confidence spread deviation half iqr mad var variance interval margin standard error
err dev mean avg average value
"""
SPREAD_WORDS = frozenset(_SPREAD_WORDS.split())
SPREAD_COLUMN = lazy(
    r"(?i)^(?:std\.?|sd|s\.d\.|stdev|std\.? ?dev\.?|standard deviation|std\.? ?err\.?|seed sd|sd over seeds|sem)\b|\b(?:std"
    r"|sd|stdev|std\.? dev\.?)\)?$|standard deviation"
)
PLUS_MINUS = lazy(r"±|\\pm|\+/-|\+-")
ALONE = 6
"""Spreads of a table beyond which a single one without a source may be a rounding of its own."""
SHOWN = 4
"""Spreads named in the message."""
ROWS = 12
"""Rows quoted in one finding."""


def unheld(case: Case, document: Document, tables: list[Table]) -> list[Finding]:
    """The spreads of these tables of a document that the run's data do not hold, as one finding."""
    if not case.pool.facts or _written_by_program(case, document):
        return []
    missing: list[tuple[Row, Number | None, Number]] = []
    total = 0
    for table in tables:
        stated = list(_stated_spreads(table))
        here = [(row, mean, spread) for row, mean, spread, title in stated if not _held(case, mean, spread, title)]
        if here and not (len(here) == 1 and len(stated) > ALONE):
            missing += here
            total += len(stated)
    if not missing:
        return []
    rows = list({row.line: row for row, _, _ in missing}.values())
    named = ", ".join(repr(" / ".join(row_labels(row.cells)) or clean(row.cells[0])) for row in rows[:ROWS])
    shown = ", ".join(f"{mean.text if mean else ''} ± {spread.text}".strip() for _, mean, spread in missing[:SHOWN])
    message = (
        f"{len(missing)} of {total} spreads in tables of {document.name} are in no data of the run, neither stored nor as a "
        f"deviation of values that it left: {shown}{', ...' if len(missing) > SHOWN else ''}; rows {named}"
    )
    quotes = [Quote(file=document.name, line=row.line, quote="| " + " | ".join(row.cells) + " |") for row in rows[:ROWS]]
    near = next((fact for _, mean, _ in missing if mean and (fact := case.pool.source(mean)) is not None), None)
    if near is not None:
        quotes.append(Quote(file=near.file, line=near.line, quote=f"{near.key}: {near.value:.6g} (no spread of it is there)"))
    return [finding("hallucinated_methodology", document.scope, NAME, "warn", message, quotes)]


def _stated_spreads(table: Table) -> Iterator[tuple[Row, Number | None, Number, frozenset[str]]]:
    """(row, mean, spread, words of the cell's labels and column) of each."""
    for row in table.rows:
        before: Number | None = None
        labels = frozenset().union(*map(words, row_labels(row.cells)))
        for column, cell in zip(table.header, row.cells, strict=False):
            bare = clean(cell)
            numbers = numbers_in(bare, row.line)
            if PLUS_MINUS.search(bare) and len(numbers) >= 2:
                # `0.91 ± 0.02 / 0.88 ± 0.03` states two.
                for index in range(0, len(numbers) - 1, 2):
                    if numbers[index + 1].value != 0:
                        yield row, numbers[index], numbers[index + 1], labels | words(clean(column))
            elif SPREAD_COLUMN.search(clean(column)) and len(numbers) == 1 and numbers[0].value != 0:
                yield row, before, numbers[0], labels
            elif len(numbers) == 1:
                before = numbers[0]


def _held(case: Case, mean: Number | None, spread: Number, title: frozenset[str]) -> bool:
    """Whether the run's data hold the spread: where the mean stands (same file; same line in a text), as a spread."""
    size = abs(spread.value)
    near = _means(case, mean, title) if mean is not None else None
    for fact in _agreeing(case, spread, size):
        if near and fact.file not in {one.file for one in near}:
            continue
        if fact.how in SPREADS:
            if not near or _of_same(fact, near):
                return True
        elif fact.how == "value":
            if any(SPREAD_NAME.search(name) for name in fact.names[-2:]) and (not near or any(_kin(fact, one) for one in near)):
                return True
            if not fact.names and near and any(one.line == fact.line and one.line is not None for one in near):
                return True
            # Two numbers of one text: `"acc": "0.91 ± 0.02"`, or a pair in a list; in a long list any value would be found.
            beside = fact.names and near and any(one.names == fact.names and one.how == "value" for one in near)
            if (
                beside
                and sum(one.names == fact.names and one.file == fact.file for one in case.pool.facts if one.how == "value") <= 4
            ):
                return True
    return False


def _kin(spread: Fact, mean: Fact) -> bool:
    """Whether a stored spread and a value are of the same thing: their names differ in words for statistics only."""
    one, other = (frozenset().union(*map(words, fact.names)) - SPREAD_WORDS for fact in (spread, mean))
    return one <= other or other <= one


def _means(case: Case, mean: Number, title: frozenset[str]) -> list[Fact]:
    """Facts that the mean can be: of those that agree, the ones whose names share most with the cell's."""
    found = list(_agreeing(case, mean, abs(mean.value)))
    shared = [len(title & frozenset().union(*map(words, fact.names))) for fact in found]
    return [fact for fact, count in zip(found, shared, strict=True) if count == max(shared)]


def _agreeing(case: Case, number: Number, size: float) -> Iterator[Fact]:
    """Facts of the pool that the number can be."""
    sized = number._replace(value=size)
    for scale in (1.0, 0.01, 100.0):
        for fact in islice(case.pool.near(size, number.ulp, (scale,)), 400):
            if agree(sized, abs(fact.value)) or agree(sized, abs(fact.value) * 0.01):
                yield fact


def _of_same(fact: Fact, near: list[Fact]) -> bool:
    """Whether a statistic is of the values whose mean (median, ...) is near."""
    return any(
        one.names == fact.names and one.file == fact.file and one.how in ("mean", "median", "value", "last", "max", "min")
        for one in near
    )


def _written_by_program(case: Case, document: Document) -> bool:
    """The document, as it is, was written by a program: its numbers are that program's."""
    import hashlib

    if not case.subject.host_ledger:
        return False
    digest = hashlib.sha256(document.text.encode()).hexdigest()
    writing = case.writers.of(document.name, digest)
    return writing is not None and writing.how == "program" and writing.after == digest
