"""Stated changes that follow from no two numbers, whatever cells are meant; what names alone cannot tell. Part of arithmetic.

One `warn` for a document. A change in percent or points of a sentence on this work's results is told when no two numbers of one row
or column of any table, nor two of the sentence, give it by any reading, and no table holds the number itself. Silent in documents
without tables of numbers, and on averages: the mean of changes is not the change of two numbers.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ...audits import Finding, Quote
from ...patterns import lazy
from .case import MAX_QUOTES, few, finding
from .changes import Stated, fits
from .data import clean
from .documents import Document, Table
from .measures import direction
from .mentions import Lexicon
from .quantities import Number, agree, numbers_in
from .sentences import Sentence
from .stated_changes import changes_of, spelled

LEAST_NUMBERS = 4
"""Numbers that the tables hold in all, below which the changes have another source."""
MAX_LINE = 40
"""Numbers of one row or column that are paired."""
AVERAGED = lazy(
    r"\b(?:averag\w+|mean|across (?:all|both|the)|overall|(?:each|every) (?:seed|fold|run|task|data ?set)|combined|in total|up to"
    r"|respectively)\b",
    re.IGNORECASE,
)
NOT_MEASURED = lazy(
    r"\b(?:would|could|might|may|should|expect\w*|anticipat\w*|hypothes\w*|aim\w*|target|goal|threshold|confidence|significan\w*|"
    r"typical\w*|previous\w*|prior work|literature|reported (?:by|in)|epochs?|steps|future|budget|noise|if|when|drop-?out|"
    r"learning rate|simulat\w*)\b",
    re.IGNORECASE,
)
METRICS = lazy(r"\b(?:metrics?|measures?|datasets?|tasks?|scores?|benchmarks?|criteri\w+)\b", re.IGNORECASE)
"""Titles of a first column under which each row is another metric."""
BRACKETED = lazy(r"[\w>] ?\( ?<N(\d+)> ?\)")
REST = lazy(r"\b(?:errors?|remaining|gap|mistakes?|fail\w*|misses)\b", re.IGNORECASE)
"""Words by which a percentage may be a cut of what is left to 100."""


def findings(
    document: Document, tables: Sequence[Table], sentences: Sequence[Sentence], lexicon: Lexicon, told: set[int]
) -> list[Finding]:
    """The `warn` on changes of `document`; lines in `told` have a finding of their own. `tables` are those of all documents."""
    # Of nothing any share is possible; the difference to it is the other cell.
    lines = [[cell for cell in line if abs(cell.value) > cell.ulp / 2][:MAX_LINE] for table in tables for line in _lines(table)]
    if sum(len(line) for line in lines) < LEAST_NUMBERS:
        return []
    pairs = [(a, b) for line in lines for index, a in enumerate(line) for b in line[index + 1 :]]
    cells = [number for line in lines for number in line]
    found: list[tuple[str, Quote]] = []
    for sentence in sentences:
        if sentence.line in told or not sentence.of_results or not re.search("%|point", sentence.text):
            continue
        reading = spelled(lexicon.read(sentence.text))
        changes = changes_of(reading, lexicon)
        inside = [reading.numbers[int(index)] for index in BRACKETED.findall(reading.code)]
        # `A (0.30) improves over B (0.20) by P %` names its operands: no other pair is meant, whatever its words are.
        complete = len(changes) == 1 and len(inside) == 2 and not any(number.percent for number in inside)
        if not complete and (AVERAGED.search(sentence.text) or NOT_MEASURED.search(sentence.text)):
            continue
        for change in changes:
            stated = change.stated
            others = inside if complete else [number for number in reading.numbers if number is not stated.number]
            open_ended = stated.rough or stated.bound in ("least", "most", "under")
            if stated.factor or open_ended or (stated.number.value < 1 and not complete):
                continue
            if not REST.search(sentence.text):
                stated = replace(stated, rest=False)
            if _follows(stated, () if complete else pairs, () if complete else cells, others):
                continue
            quote = Quote(file=document.name, line=sentence.line, quote=sentence.text)
            found.append((f"{stated.number.text} in line {sentence.line}", quote))
    if not found:
        return []
    message = (
        f"{len(found)} stated changes of {document.name} follow from no two numbers of a row or column of its tables, nor of the "
        f"sentence: {few(found)}"
    )
    return [
        finding("mathematical_error", document.scope, "arithmetic", "warn", message, [quote for _, quote in found[:MAX_QUOTES]])
    ]


def _lines(table: Table) -> Iterator[list[Number]]:
    """The first numbers of each column; of each row where rows are metrics, or where columns are conditions of one metric."""
    rows = [[numbers_in(clean(cell))[:1] for cell in row.cells] for row in table.rows]
    titles = [direction(clean(title)) for title in table.header[1:]]
    if METRICS.search(table.header[0] if table.header else "") or not any(titles):
        for row in rows:
            yield [number for cell in row for number in cell]
    for column in range(max((len(row) for row in rows), default=0)):
        yield [number for row in rows if column < len(row) for number in row[column]]


def _follows(stated: Stated, pairs: Sequence[tuple[Number, Number]], cells: Sequence[Number], others: Sequence[Number]) -> bool:
    if any(agree(stated.number, abs(cell.value)) for cell in cells):
        return True
    own = [(a, b) for index, a in enumerate(others) for b in others[index + 1 :]]
    # Of the many pairs of a table some cut of a remaining error fits anything: it has to be said by the sentence's own numbers.
    # And rounded, not cut: twice the slack lets twice the pairs fit by accident.
    plain = replace(stated, rest=False, by=True, slack=-0.45 * stated.number.ulp / abs(stated.number.value))
    return any(fits(stated, a, b) for a, b in own) or any(fits(plain, a, b) for a, b in pairs)
