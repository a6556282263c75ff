"""Tables laid over the run's data by their labels: which facts speak of a row, and which place each column shows; contradiction's.

A *line* is a row of a table, or a column where the methods stand there. A fact speaks of a line when all words of the line's label
stand among the words of its key, its file's path, or the printed line it stands in. What is left of those words, with the
statistic, is the *place* of the fact: `test accuracy of ridge` and `test accuracy of ols` have one place. So a column is understood
by the place that its cells agree with, even where its title has no word in common with the data.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from .data import Fact, clean, row_labels
from .documents import Table
from .quantities import Number, agree, numbers_in
from .words import NEUTRAL, words

MAX_KEYS = 40_000
"""Different keys and printed lines that are indexed; results folders come first in the pool."""
MAX_CONTEXT = 240
"""Characters of a printed line that may name its numbers; longer ones are dumps."""
MAX_LINES = 40
"""Lines of one table that are compared in pairs."""

Place = tuple[str, frozenset[str], int, str]
"""Statistic, words beside the label's, order in a printed line (-1 for a key), suffix of the file."""


class Spot(NamedTuple):
    """One number of a table."""

    number: Number
    line: int
    """1-based, in the document."""
    text: str
    """The whole row, for a quote."""
    row: str
    column: str


@dataclass
class Line:
    """A row (or column) with its label and its numbers by the other side's index and position in the cell."""

    label: str
    words: frozenset[str]
    spots: dict[tuple[int, int], Spot] = field(default_factory=dict)


class Index:
    """Facts by the words that name them."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        ids: dict[tuple[str, tuple[str, ...] | str], int] = {}
        self._words: list[frozenset[str]] = []
        self._suffix: list[str] = []
        self._by_word: dict[str, set[int]] = defaultdict(set)
        self._facts: list[dict[tuple[str, int], Fact | None]] = []
        """Of each key by statistic and order: the fact, or None where a list has many values under one key."""
        for fact in facts:
            if not (fact.names or (fact.context and len(fact.context) <= MAX_CONTEXT)):
                continue
            key = (fact.file, fact.names or fact.context)
            at = ids.get(key)
            if at is None:
                if len(ids) >= MAX_KEYS:
                    break
                at = ids[key] = len(self._facts)
                self._facts.append({})
                self._words.append(_named(fact))
                self._suffix.append(fact.file[fact.file.rfind(".") :])
                for word in self._words[at]:
                    self._by_word[word].add(at)
            there = self._facts[at]
            # A printed line is one key with many numbers, told apart by their order.
            slot = (fact.how, -1 if fact.names else len(there))
            known = there.setdefault(slot, fact)
            if known is not None and known.value != fact.value:
                there[slot] = None

    def speaking_of(self, label: frozenset[str], others: Sequence[frozenset[str]]) -> "Spoken":
        """Facts that bear every word of `label`, but not those of another label of the table that contains it."""
        bearing = self._bearing(label)
        for other in others:
            if label < other:
                bearing = bearing - self._bearing(other)
        places: dict[Place, Fact | None] = {}
        for at in bearing:
            left, suffix = self._words[at] - label, self._suffix[at]
            for (how, order), fact in self._facts[at].items():
                place = (how, left, order, suffix)
                known = places.setdefault(place, fact)
                if fact is None or (known is not None and known.value != fact.value):
                    places[place] = None
        return Spoken({place: fact for place, fact in places.items() if fact is not None}, bool(bearing))

    def bears(self, place: Place, number: Number) -> bool:
        """Whether the data have the number at this place under any label at all."""
        how, left, order, suffix = place
        for at in self._bearing(left):
            fact = self._facts[at].get((how, order)) if self._suffix[at] == suffix else None
            if fact is not None and agree(number, fact.value):
                return True
        return False

    def _bearing(self, label: frozenset[str]) -> set[int]:
        sets = sorted((self._by_word.get(word, set()) for word in label), key=len)
        return set.intersection(*sets) if sets else set()


@dataclass
class Spoken:
    """What the run's data say of one label."""

    places: dict[Place, Fact]
    """Only places with a single value."""
    any: bool
    """Whether anything speaks of it at all."""

    @cached_property
    def _sorted(self) -> list[tuple[float, Place]]:
        return sorted(((abs(fact.value), place) for place, fact in self.places.items()), key=lambda pair: pair[0])

    def hits(self, number: Number) -> set[Place]:
        """Places whose value the number can be."""
        from bisect import bisect_left

        found = set()
        for scale in (1.0, 0.01):
            low = bisect_left(self._sorted, (abs(number.value) - number.ulp) * scale - 1e-12, key=lambda pair: pair[0])
            for value, place in self._sorted[low:]:
                if value > (abs(number.value) + number.ulp) * scale + 1e-12:
                    break
                if agree(number, self.places[place].value):
                    found.add(place)
        return found


def _named(fact: Fact) -> frozenset[str]:
    path = re.sub(r"\.\w{1,5}$", "", fact.file)
    names = [*path.split("/"), *fact.names] if fact.names else [*path.split("/"), re.sub(r"\d[\d.,:]*", " ", fact.context)]
    return frozenset().union(*(words(name) for name in names))


def rows_of(table: Table, *, whole: bool) -> list[Line]:
    """The table's rows, each by all its text cells (`whole`) or by its first cell; those whose labels are no names are left out."""
    lines = []
    for row in table.rows:
        labels = row_labels(row.cells) if whole else (clean(row.cells[0]) if row.cells else "",)
        line = Line(" / ".join(labels), frozenset().union(*(_label_words(label) for label in labels)))
        for column, spot in _spots(table, row.cells, row.line):
            line.spots[column] = spot
        lines.append(line)
    return _distinct(lines)


def columns_of(table: Table) -> list[Line]:
    """The table's columns as lines."""
    return _distinct(_columns(table))


def _label_words(label: str) -> frozenset[str]:
    """Words of a label without its formulas: the data call `Trust ($\\rho$)` trust."""
    bare = re.sub(r"\$[^$]*\$", " ", label)
    return words(bare) or words(label)


def _columns(table: Table) -> list[Line]:
    lines = [Line(clean(title), _label_words(clean(title))) for title in table.header]
    for place, row in enumerate(table.rows):
        for (column, position), spot in _spots(table, row.cells, row.line):
            lines[column].spots[place, position] = spot
    return [line for line in lines if line.spots]


def _spots(table: Table, cells: Sequence[str], line: int) -> Iterable[tuple[tuple[int, int], Spot]]:
    label = clean(cells[0]) if cells else ""
    text = "| " + " | ".join(cells) + " |"
    for column, (title, cell) in enumerate(zip(table.header, cells, strict=False)):
        bare = clean(cell)
        if column == 0 or not re.match(r"^[<>~≈±+\-−–$(]*\s?[\d.]", bare):
            continue
        for position, number in enumerate(numbers_in(bare)[:2]):
            if position == 1 and not re.search(r"±|\+/-|\\pm|\(", bare):
                break
            yield (column, position), Spot(number, line, text, label, clean(title))


def _distinct(lines: list[Line]) -> list[Line]:
    """Lines with a telling label of their own."""
    count: dict[frozenset[str], int] = defaultdict(int)
    for line in lines:
        count[line.words] += 1
    return [line for line in lines if line.spots and count[line.words] == 1 and line.words - NEUTRAL][:MAX_LINES]
