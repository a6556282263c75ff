"""Columns of a report that are worked out from two values of each record of the run's data: bits per byte, error rates, savings.

Rule. A *record* is what lies side by side in a data file: the values of one line, or of one entry. A column of a table of a
document is such a relation (`a / b`, `8 a / b`, `1 - a / b`, `a / b - 1`, `a - b`, of two keys a and b) when each of its numbers of
three digits or more stands in what programs wrote or is the relation's value in a record, and the relation gives four of them at
least, and four fifths. The relation's values then are sources like the means of a column. No number is looked up so alone: of the
quotients of all values some would fit anything.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, permutations
from typing import NamedTuple

from .data import Fact
from .documents import Document
from .gathered import NUMBER
from .quantities import Number, numbers_in
from .sources import SCALES, Pool
from .words import bare

RECORDS, KEYS, KINDS = 200, 8, 20
"""Records of one kind (of more, as of a log's steps, no table shows each), keys of one record, and kinds that are related."""
LEAST, SHARE = 4, 0.8
"""Numbers of a column that a relation gives at least, and their share of the column."""
RELATIONS: dict[str, Callable[[float, float], float]] = {
    "{} / {}": lambda a, b: a / b,
    "8 * {} / {}": lambda a, b: 8 * a / b,
    "1 - {} / {}": lambda a, b: 1 - a / b,
    "{} / {} - 1": lambda a, b: a / b - 1,
    "{} - {}": lambda a, b: a - b,
}


class Record(NamedTuple):
    """Values that lie side by side."""

    file: str
    names: tuple[str, ...]
    values: dict[str, float]


def related(pool: Pool, documents: Iterable[Document]) -> list[Fact]:
    """The values of the relations that columns of the documents show."""
    numbers = ([number for _, number in column] for document in documents for column in columns_of(document))
    columns = [column for column in numbers if len(column) >= LEAST and missing(pool, column) >= 2]
    if not columns:
        return []
    found: dict[tuple[str, str, float], Fact] = {}
    for records in _records(pool):
        keys = list(dict.fromkeys(key for record in records for key in record.values))[:KEYS]
        for a, b in permutations(keys, 2):
            for text, relation in RELATIONS.items():
                made = list(_made(records, a, b, text.format(a, b), relation))
                if len(made) >= LEAST and any(_shown(pool, column, made) for column in columns):
                    found.update(((fact.file, fact.how, fact.value), fact) for fact in made)
    return list(found.values())


def columns_of(document: Document) -> Iterator[list[tuple[str, Number]]]:
    """The numbers of three digits or more of each column of a document's tables, with the bare names of their rows."""
    for table in document.tables:
        for index in range(1, len(table.header)):
            cells = [(bare(row.cells[0]), numbers_in(row.cells[index])[:1]) for row in table.rows if index < len(row.cells)]
            yield [(row, number) for row, cell in cells for number in cell if number.digits >= 3]


def missing(pool: Pool, column: Iterable[Number]) -> int:
    """How many numbers of a column stand in nothing that programs wrote."""
    return sum(pool.source(number) is None for number in column)


def _records(pool: Pool) -> Iterator[list[Record]]:
    """Records of two keys or more, by kind: of one file, or of files whose paths differ in numbers."""
    sides: dict[tuple[str, tuple[str, ...], int | None], dict[str, float]] = defaultdict(dict)
    for fact in pool.facts:
        if fact.how == "value" and fact.names:
            sides[fact.file, fact.names[:-1], fact.line].setdefault(fact.names[-1], fact.value)
    kinds: dict[str, list[Record]] = defaultdict(list)
    for (file, names, _), values in sides.items():
        kind = kinds[NUMBER.sub("*", file)]
        if len(values) >= 2 and len(kind) <= RECORDS:
            kind.append(Record(file, names, values))
    yield from islice((kind for kind in kinds.values() if LEAST <= len(kind) <= RECORDS), KINDS)


def _made(records: list[Record], a: str, b: str, how: str, relation: Callable[[float, float], float]) -> Iterator[Fact]:
    for record in records:
        if a in record.values and b in record.values:
            try:
                value = relation(record.values[a], record.values[b])
            except (ZeroDivisionError, OverflowError):
                continue
            if math.isfinite(value):
                yield Fact(value, record.file, record.names, how)


def _shown(pool: Pool, column: list[Number], made: list[Fact]) -> bool:
    """Whether a column is this relation, but for numbers that stand somewhere else."""
    own = Pool()
    own.add(made)
    given = [any(True for _ in own.near(abs(number.value), number.ulp, SCALES)) for number in column]
    if sum(given) < max(LEAST, SHARE * len(column)):
        return False
    return all(there or pool.source(number) is not None for number, there in zip(column, given, strict=True))
