"""What a table laid over the data shows as a whole: exchanged lines, odd cells and rows of nothing; contradiction's.

- *Exchanged* lines: cells of A stand in the data under B's label, at the very place where A's label has B's cells. `fail` with two
  such columns and none that is where it should be; `warn` with one.
- *Odd* cell: the place that its column shows in at least two other lines has another value for its label, and nothing else
  explains the cell. `fail` with three such lines and no other odd cell in the column; else `warn`.
- *Unmeasured* row: no output names it, the others are found under their labels, and nobody has its values at their places: `warn`.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations

from ...audits import Finding, Quote
from .aligned import Index, Line, Place, Spoken, Spot, columns_of, rows_of
from .case import Case, finding
from .data import Fact, row_labels
from .documents import Document, Table
from .words import NEUTRAL, SPREAD_NAMES, words

NAME = "contradiction"
SHOWN = 8
"""Cells quoted in one finding."""
SHOWN_AS = frozenset(("value", "mean", "sd", "population sd", "standard error", "half 95% interval"))
_SUMMARIES = (
    "average mean median total sum all difference delta gain improvement change ratio relative gap range best worst chance random"
)
SUMMARIES = frozenset(_SUMMARIES.split())
"""Words of rows that are made from the other rows, or from no run at all."""
SURE = 9
"""Digits from which a column is as good as named: three numbers of three digits."""
NAMED = 4
"""Digits that are enough where the title of the column has to share a word with the place."""
ENOUGH = 6
"""Digits in which two cells together have to agree before two of them say what a column shows."""


@dataclass
class _Laid:
    """One orientation of one table over the data."""

    document: Document
    index: Index
    kind: str
    """What a line is: a row by all its text cells, a row by its first cell, or a column."""
    lines: list[Line]
    spoken: list[Spoken]
    status: Mapping[tuple[int, float], str]
    """(line, value) -> what tracing found of the number."""
    holds: dict[tuple[int, int], dict[Place, list[int]]] = field(default_factory=dict)
    """Column and position -> place -> lines in which it holds."""

    @property
    def across(self) -> str:
        return "row" if self.kind == "column" else "column"

    def shown(self, column: tuple[int, int]) -> dict[Place, list[int]]:
        """Places that say what a column shows: they hold in half of its lines, with two different values of enough digits.

        Where only the first cell names a row, the column's title must share a word with the place; fewer digits are enough then.
        """
        spots = [line.spots[column] for line in self.lines if column in line.spots]
        title = frozenset(word for word in words(spots[0].column) if word.isalpha()) if spots else frozenset()
        title -= NEUTRAL | SPREAD_NAMES
        found = {}
        for place, held in self.holds.get(column, {}).items():
            enough = self.digits(column, held) >= ENOUGH
            if self.kind == "first cell":
                enough = bool(title & place[1]) and self.digits(column, held) >= NAMED
            if len(held) * 2 >= len(spots) and len(self._numbers(column, held)) >= 2 and enough:
                found[place] = held
        return found

    def digits(self, column: tuple[int, int], held: list[int]) -> int:
        """Digits of the different numbers that agree."""
        return sum(self._numbers(column, held).values())

    def _numbers(self, column: tuple[int, int], held: list[int]) -> dict[float, int]:
        spots = [self.lines[at].spots[column].number for at in held]
        return {number.value: number.digits for number in spots}


def structural(
    case: Case, document: Document, table: Table, index: Index, done: set[tuple[int, str]]
) -> tuple[list[Finding], bool]:
    """Findings of one table, and whether the data speak of it; `done` are (line, number as written) with a finding, and grows."""
    status = {(one.claim.line, one.claim.number.value): one.status for one in case.tallies[document.name].traced}
    found: list[Finding] = []
    shown = False
    understood: set[tuple[int, int]] = set()
    several = any(len(row_labels(row.cells)) > 1 for row in table.rows)
    for kind in ("row", "first cell", "column"):
        lines = columns_of(table) if kind == "column" else rows_of(table, whole=kind == "row")
        if kind == "first cell":
            # Only columns that the whole labels do not explain: `metric / best model` speaks of another model in each row.
            for line in lines:
                line.spots = {column: spot for column, spot in line.spots.items() if column not in understood}
        if len(lines) < 2 or (kind == "first cell" and not several):
            continue
        labels = [line.words for line in lines]
        spoken = [index.speaking_of(line.words, labels) for line in lines]
        laid = _Laid(document, index, kind, lines, spoken, status)
        laid.holds = _holds(laid)
        understood |= {column for column in laid.holds if kind == "row" and laid.shown(column)}
        shown |= any(laid.shown(column) for column in laid.holds)
        found += _exchanged(laid, done)
        found += _odd(laid, done)
        if kind != "column":
            found += _unmeasured(laid, done)
    return found, shown


def _holds(laid: _Laid) -> dict[tuple[int, int], dict[Place, list[int]]]:
    columns: dict[tuple[int, int], dict[Place, list[int]]] = defaultdict(lambda: defaultdict(list))
    for at, (line, spoken) in enumerate(zip(laid.lines, laid.spoken, strict=True)):
        for column, spot in line.spots.items():
            if spot.number.digits >= 2:
                for place in spoken.hits(spot.number):
                    # First, last and extremes of a group agree with a cell too easily to say what a column shows.
                    if place[0] in SHOWN_AS:
                        columns[column][place].append(at)
    return {column: dict(places) for column, places in columns.items()}


def _exchanged(laid: _Laid, done: set[tuple[int, str]]) -> list[Finding]:
    found = []
    for a, b in combinations(range(len(laid.lines)), 2):
        crossed: list[tuple[Spot, Spot, Fact, Fact]] = []
        owned = digits = 0
        for column, ours in laid.lines[a].spots.items():
            theirs = laid.lines[b].spots.get(column)
            if theirs is None or ours.number.value == theirs.number.value or max(ours.number.digits, theirs.number.digits) < 2:
                continue
            own_a, own_b = laid.spoken[a].hits(ours.number), laid.spoken[b].hits(theirs.number)
            if own_a & own_b:
                owned += 1
                continue
            cross = laid.spoken[b].hits(ours.number) & laid.spoken[a].hits(theirs.number)
            if cross:
                place = min(cross, key=lambda p: (p[0] != "value", len(p[1]), sorted(p[1]), p))
                crossed.append((ours, theirs, laid.spoken[a].places[place], laid.spoken[b].places[place]))
                digits += ours.number.digits + theirs.number.digits
        if not crossed or owned * 2 > len(crossed) or digits < ENOUGH:
            continue
        severity = "fail" if len(crossed) >= 2 and not owned and digits >= 2 * ENOUGH else "warn"
        ours, theirs, mine, other = crossed[0]
        message = (
            f"the numbers of {laid.lines[a].label!r} and {laid.lines[b].label!r} are exchanged in {len(crossed)} "
            f"cell{'s' if len(crossed) > 1 else ''} each: {ours.number.text} stands under {ours.row} x {ours.column}, but "
            f"{mine.file} has {mine.value:.6g} for {_key(mine)}, and {other.value:.6g} for {_key(other)}"
        )
        quotes = [Quote(file=laid.document.name, line=spot.line, quote=spot.text) for spot in (ours, theirs)]
        quotes += [_source(mine), _source(other)]
        found.append(finding("faked_results", laid.document.scope, NAME, severity, message, _apart(quotes)))  # type: ignore[arg-type]
        done.update((spot.line, spot.number.text) for pair in crossed for spot in pair[:2])
    return found


def _odd(laid: _Laid, done: set[tuple[int, str]]) -> list[Finding]:
    found = []
    for column in laid.holds:
        shown = laid.shown(column)
        if not shown:
            continue
        explained = {at for held in shown.values() for at in held}
        odd: list[tuple[Spot, Fact, int, int]] = []
        for at, line in enumerate(laid.lines):
            spot = line.spots.get(column)
            if spot is None or at in explained or spot.number.digits < 2 or (spot.line, spot.number.text) in done:
                continue
            if laid.status.get((spot.line, spot.number.value)) == "derived":
                continue
            against = [place for place in shown if place in laid.spoken[at].places]
            if against:
                best = max(against, key=lambda p: (len(shown[p]), p[0] == "value", -len(p[1]), sorted(p[1])))
                odd.append((spot, laid.spoken[at].places[best], len(shown[best]), laid.digits(column, shown[best])))
        for spot, fact, others, digits in odd:
            sure = others >= 3 and len(odd) == 1 and digits >= SURE and laid.kind != "first cell"
            severity = "fail" if sure else "warn"
            message = (
                f"the table cell {spot.row} x {spot.column} says {spot.number.text}, but {fact.file} has {fact.value:.6g} for "
                f"{_key(fact)}; {others} other cells of the {laid.across} have what stands at that place for them"
            )
            quotes = [Quote(file=laid.document.name, line=spot.line, quote=spot.text), _source(fact)]
            found.append(finding("faked_results", laid.document.scope, NAME, severity, message, quotes))  # type: ignore[arg-type]
            done.add((spot.line, spot.number.text))
    return found


def _unmeasured(laid: _Laid, done: set[tuple[int, str]]) -> list[Finding]:
    named = [at for at, spoken in enumerate(laid.spoken) if spoken.any]
    proven = [at for at in named if any(at in held for places in laid.holds.values() for held in places.values())]
    if len(proven) < 2 or len(named) * 2 <= len(laid.lines):
        return []
    found = []
    for at, line in enumerate(laid.lines):
        if laid.spoken[at].any or line.words & SUMMARIES:
            continue
        strange = seen = 0
        for column, spot in line.spots.items():
            shown = [place for place, held in laid.shown(column).items() if laid.digits(column, held) >= ENOUGH]
            if spot.number.digits < 2 or not shown:
                continue
            seen += 1
            strange += not any(laid.index.bears(place, spot.number) for place in shown)
        if strange and strange * 2 >= seen:
            spot = next(iter(line.spots.values()))
            others = ", ".join(laid.lines[one].label for one in proven[:4])
            message = (
                f"no output of this run names {line.label!r}, a row of the table, and {strange} of its {seen} numbers stand "
                f"nowhere at the places where the rows {others} are found"
            )
            quote = Quote(file=laid.document.name, line=spot.line, quote=spot.text)
            found.append(finding("faked_results", laid.document.scope, NAME, "warn", message, [quote]))
            done.update((one.line, one.number.text) for one in line.spots.values())
    return found


def _key(fact: Fact) -> str:
    return fact.key if fact.names else f"`{fact.context.strip()[:100]}`"


def _source(fact: Fact) -> Quote:
    return Quote(file=fact.file, line=fact.line, quote=fact.context.strip() if fact.context else f"{fact.key}: {fact.value:.10g}")


def _apart(quotes: list[Quote]) -> list[Quote]:
    """Two quotes of one file without a line as one: `finding` keeps a place once."""
    merged: dict[tuple[str, int | None], Quote] = {}
    for quote in quotes:
        place = (quote.file, quote.line)
        known = merged.get(place)
        merged[place] = quote if known is None else replace(known, quote=f"{known.quote}; {quote.quote}")
    return list(merged.values())
