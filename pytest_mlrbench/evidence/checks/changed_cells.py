"""Stated changes against the cells that they can speak of: of the named methods and metric, in every table; part of arithmetic.

A change is told when no pair of cells that its sentence can mean gives it, nor their mean, nor two other numbers of the sentence,
nor a cell of a column of changes. What a sentence leaves out (the method, the metric, what it is compared with) is taken from the
sentence before it, from the line that opens its list and from the heading, in that order. Where two of method, metric and rival are
missing then, nothing is told.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ...audits import Finding, Quote
from ...patterns import lazy
from .case import finding
from .changes import Stated, fits
from .documents import Document
from .grid import Grid, Line, Value
from .measures import CHANGE, core, direction
from .mentions import Lexicon, Reading, columns_of, rows_of
from .quantities import Number, agree
from .sentences import Sentence
from .stated_changes import GENERAL, Change, against_of, changes_of, clause_of, operands, spelled
from .words import words

MAX_PAIRS = 60
CARELESS = 0.015
"""Share of a stated change by which it may miss its cells: worked out from values that were rounded on the way."""
MAX_BACK = 12
"""Sentences to look back for the line that opens a list."""
SIGN = lazy(r"%|[x×]|\b(?:points?|pp|percent|times|fold)\b")
_NOT_MEASURED = lazy(
    r"\b(?:would|could|might|may|should|shall|will|expect\w*|anticipat\w*|hypothes\w*|aim(?:s|ed)?|intend\w*|suppos\w*|"
    r"predicted|plan(?:s|ned)?|propos\w+ to|typical(?:ly)?|future|previous(?:ly)? reported|statistical|confidence|initial(?:ly)?|"
    r"(?:first|last|after|at|by|within|during|over|per|each|every|for)(?: \w+){0,3} (?:epochs?|rounds?|iterations?|steps?|examples|"
    r"samples)|early|later|each additional|every|remov\w+|ablat\w+|disabl\w+|exclud\w+|without|omit\w*|drops? out|when|"
    r"from scratch|"
    r"threshold|zero out|learning rate|with \d+ \w*\s?(?:examples|samples|shots?|epochs)|using only|only using|not shown)\b",
    re.I,
)
_WANTED = lazy(r"\b(?:target|goal|proposal|objective|budget)\w*\b[^,;()]{0,30}$")
_AVERAGED = lazy(r"\b(?:average|averaged|averaging|overall|across|all|baselines|others|other methods)\b", re.I)
_QUANTITY = lazy(
    r"\b(?:time|latency|runtime|memory|cost|loss|perplexity|ppl|rmse|mae|mse|mape|nll|params?|parameters|flops|seconds?|ms|gb|mb|energy|"
    r"throughput|tokens?|count|number|size|reward|return|duration|corrections|hours|minutes|speed|overhead|usage|queries)\b",
    re.I,
)
_POINTS_BACK = lazy(r"^(?:this|that|these|it|its|they|which|here)\b", re.I)
_ITEM = lazy(r"^\s*(?:[-*+•]|\d{1,2}[.)]|\([a-z\d]\))\s+")
_RIVALS = lazy(
    r"\b(?:over|than|versus|vs|compared (?:to|with)|relative to|against|beyond|outperform\w*|exceed\w*|surpass\w*|beat\w*)"
    r"(?: (?!<)\S+){0,4}? "
    r"(?:baselines?|best|next|second|strongest|others?|rivals?|alternatives?|competitors?|methods?|approaches|models)\b"
)
_RIVAL = lazy(
    r"\b(?:over|than|versus|vs|compared (?:to|with)|relative to|against|outperform\w*|exceed\w*|surpass\w*|beat\w*)"
    r"(?: (?!and\b)[^\s,;()]+){1,5}"
)
_SUPERLATIVE = lazy(r"\b(?:best|next|second|second-best|next-best|strongest|top)\b")
Pair = tuple[Grid, str, Line, Line, Number, Number]


@dataclass
class Around:
    """What stands around a sentence: names that it may leave out."""

    entities: list[str] = field(default_factory=list)
    against: list[str] = field(default_factory=list)
    metrics: list[frozenset[str]] = field(default_factory=list)
    numbers: list[Number] = field(default_factory=list)
    """Of the sentence that `this` points to."""


@dataclass(frozen=True)
class Meant:
    """What one change can speak of."""

    subjects: list[str]
    against: list[str]
    metrics: list[frozenset[str]]
    rivals: bool
    """It is over unnamed others."""
    borrowed: bool
    """Method or metric stand in another sentence."""


def findings(
    document: Document,
    sentences: Sequence[Sentence],
    grids: Sequence[Grid],
    lexicon: Lexicon,
    data: Callable[[], tuple[Sequence[Grid], Lexicon]],
) -> Iterator[Finding]:
    """Changes that nothing gives. `data` makes tables of the run's data, for sentences of whose names no document has a table."""
    for place, sentence in enumerate(sentences):
        if not SIGN.search(sentence.text) or not sentence.of_results or _NOT_MEASURED.search(sentence.text):
            continue
        reading = spelled(lexicon.read(sentence.text))
        found = changes_of(reading, lexicon)
        if not found:
            continue
        around = _around(sentences, place, lexicon)
        if not around.entities and lexicon.proposed:
            around.entities = [lexicon.proposed]
        told, spoke = _told(document, sentence, reading, found, around, grids)
        yield from told
        if not spoke and not told:
            tables, names = data()
            if tables:
                other = spelled(names.read(sentence.text))
                yield from _told(document, sentence, other, changes_of(other, names), _around(sentences, place, names), tables)[0]


def _told(
    document: Document, sentence: Sentence, reading: Reading, found: list[Change], around: Around, grids: Sequence[Grid]
) -> tuple[list[Finding], bool]:
    """The findings of one sentence, and whether any table could speak of it."""
    told, spoke = [], False
    for change in found:
        if _WANTED.search(reading.code[: change.start]):
            continue
        meant = _by_value(_meant(change, found, reading, around), reading, found, grids, change.foreign)
        pairs = _pairs(grids, meant)
        spoke = spoke or bool(pairs)
        one = _judge(document, sentence, reading, found, change, meant, pairs, around, grids)
        if one is not None:
            told.append(one)
    return told, spoke


def _around(sentences: Sequence[Sentence], place: int, lexicon: Lexicon) -> Around:
    """Names from the sentence before, the opening line of a list, and the heading."""
    sentence, around = sentences[place], Around()
    sources: list[str] = []
    before = sentences[place - 1] if place and sentences[place - 1].section == sentence.section else None
    if before is not None and (_POINTS_BACK.match(sentence.text) or before.line == sentence.line):
        sources.append(before.text)
        if _POINTS_BACK.match(sentence.text):
            reading = lexicon.read(before.text)
            around.numbers = list(operands(reading, changes_of(reading, lexicon)))
    if _ITEM.match(sentence.raw):
        for other in reversed(sentences[max(0, place - MAX_BACK) : place]):
            if not _ITEM.match(other.raw):
                if other.text.rstrip().endswith(":") and other.section == sentence.section:
                    sources.append(other.text)
                break
    sources.append(sentence.section)
    for text in sources:
        reading = lexicon.read(text)
        if not around.entities and reading.entities:
            around.against = against_of(reading)
            around.entities = list(reading.entities)
        if not around.metrics and len(set(reading.metrics)) == 1:
            around.metrics = [reading.metrics[0]]
    return around


def _meant(change: Change, found: list[Change], reading: Reading, around: Around) -> Meant:
    clause = clause_of(reading.code, change.start)
    named = [reading.entities[int(i)] for i in dict.fromkeys(re.findall(r"<E(\d+)>", clause))] or list(reading.entities)
    others = {label for one in found if one is not change for label in (one.subject, one.against) if label}
    others -= {change.subject, change.against}
    rivals = bool(_RIVALS.search(reading.code))
    against = [change.against] if change.against else [label for label in against_of(reading) if label not in others]
    subjects = [change.subject] if change.subject else [x for x in named if x not in against and x not in others]
    borrowed = False
    if not against and not rivals:
        # `A raises it by 75 % over C, while B raises it by 125 %`
        earlier = [one.against for one in found if one.start < change.start and one.against]
        against = [label for label in earlier[-1:] if label not in subjects]
    if not against and not rivals and around.against and not set(around.against) & set(subjects):
        against, borrowed = around.against, True
    if not subjects:
        subjects = [label for label in around.entities if label not in against]
        borrowed = borrowed or bool(subjects)
    metrics = [change.metric] if change.metric else []
    if not metrics and not change.foreign and not reading.metrics and around.metrics:
        metrics, borrowed = around.metrics, True
    return Meant(subjects, against, metrics, rivals, borrowed)


def _by_value(meant: Meant, reading: Reading, found: list[Change], grids: Sequence[Grid], foreign: bool = False) -> Meant:
    """`a score of 0.883, a gain of 2.8 %`: the metric, and the method, by the one column that has this value."""
    if meant.metrics or foreign or not (meant.subjects or meant.against or meant.rivals):
        return meant
    cells = [
        (row, grid.columns[index])
        for number in operands(reading, found)
        if number.digits >= 3
        for grid in grids
        for row in grid.rows
        for index, cell in row.cells.items()
        if agree(number, cell.number.value) and (not meant.subjects or any(label in row.labels for label in meant.subjects))
    ]
    names, labels = {core(column) for _, column in cells}, {row.labels[0] for row, _ in cells if row.labels}
    if len(names) != 1 or (not meant.subjects and len(labels) != 1):
        return meant
    metric = words(cells[0][1])
    return replace(meant, subjects=meant.subjects or sorted(labels), metrics=[metric])


def _pairs(grids: Sequence[Grid], meant: Meant) -> list[Pair]:
    """Pairs of cells of one column: of a method and its rival, or of a method and any other."""
    found: list[Pair] = []
    subjects, against = meant.subjects, meant.against
    if not subjects:
        subjects, against = against, []
    for grid in grids:
        chosen = {i for metric in meant.metrics for i in columns_of(grid, metric)} if meant.metrics else set(grid.measured)
        for place, label in enumerate(subjects):
            rivals = against or (subjects[place + 1 :] if len(subjects) > 1 and not meant.rivals else [])
            if len(subjects) > 1 and not against and not meant.rivals and not rivals:
                continue
            wanted = {id(line) for rival in rivals for line, _ in rows_of(grid, rival)}
            for row, position in rows_of(grid, label):
                for other in grid.partners(row, position):
                    if (rivals and id(other) not in wanted) or CHANGE.search(other.labels[position]):
                        continue
                    for column in sorted(chosen):
                        a, b = row.cells.get(column), other.cells.get(column)
                        if a is not None and b is not None and (meant.metrics or not CHANGE.search(grid.columns[column])):
                            found.append((grid, grid.columns[column], row, other, a.number, b.number))
    return found


def _judge(
    document: Document,
    sentence: Sentence,
    reading: Reading,
    found: list[Change],
    change: Change,
    meant: Meant,
    pairs: list[Pair],
    around: Around,
    grids: Sequence[Grid],
) -> Finding | None:
    one = change.stated
    clause = clause_of(reading.code, change.start)
    if "<U>" in clause:
        return None
    quotes = [Quote(file=document.name, line=sentence.line, quote=sentence.text)]
    if change.pair is not None:
        a, b = change.pair
        listed = any(_stands(a, pair) and _stands(b, pair) for pair in pairs)
        if fits(one, a, b) or (not listed and any(_fits(change, p) for p in pairs)):
            return None
        return _finding(document, f"from {a.text} to {b.text} is {true(a, b)}, but the text says {one.number.text}", quotes)
    own = list(operands(reading, found))[:8] + around.numbers[:8]
    # Values that all stand in the cells at hand say nothing that these do not.
    if own and meant.metrics and meant.against and all(any(_stands(number, pair) for pair in pairs) for number in own):
        own = []
    if any(a.percent == b.percent and fits(one, a, b) for i, a in enumerate(own) for b in own[i + 1 :] if a.value and b.value):
        return None
    if _is_cell(one, grids, meant, change):
        return None
    usable = [pair for pair in pairs if _firm(pair[4]) and _firm(pair[5])]
    told = _listed(change, meant, grids, clause)
    if told:
        if any(_near(one, value.number) for *_, value in told) or (change.against and any(_fits(change, pair) for pair in usable)):
            return None
        grid, row, column, value = told[0]
        quotes.append(Quote(file=grid.file, line=row.line, quote=row.quote))
        message = f"the text states a change of {one.number.text} for {_name(row)}, but its {column} is {value.text}"
        return _finding(document, message, quotes)
    if change.foreign or (not meant.against and any(not GENERAL.search(one[0]) for one in _RIVAL.finditer(clause))):
        return None
    pairs = _best(usable, reading) if meant.rivals and not meant.against else usable
    missing = (not meant.subjects or not (meant.against or meant.rivals or len(meant.subjects) > 1)) + (not meant.metrics)
    if not pairs or missing > 1 or len(pairs) > MAX_PAIRS:
        return None
    if any(_fits(change, pair) for pair in pairs) or (_AVERAGED.search(sentence.text) and _mean_fits(one, usable)):
        return None
    near = [pair for pair in pairs if pair[0].file == document.name] or pairs
    grid, column, first, second, a, b = near[0]
    message = (
        f"the text states a change of {one.number.text} for {', '.join([*meant.subjects, *meant.against])}, but {column} is "
        f"{a.text} for {_name(first)} and {b.text} for {_name(second)}: {true(b, a)}"
    )
    if len({(p[1], p[4].text, p[5].text) for p in near}) > 1:
        message += f"; no other of {len(near)} pairs that it can mean gives it"
    quotes += [Quote(file=grid.file, line=line.line, quote=line.quote) for line in (first, second)]
    return _finding(document, message, quotes)


def _stands(number: Number, pair: Pair) -> bool:
    """The number is one of the two cells."""
    return agree(number, pair[4].value) or agree(number, pair[5].value)


def _name(row: Line) -> str:
    return " / ".join(label for label in row.labels if label)


def _finding(document: Document, message: str, quotes: list[Quote]) -> Finding:
    return finding("mathematical_error", document.scope, "arithmetic", "warn", message, quotes)


def _fits(change: Change, pair: Pair) -> bool:
    """Whether two cells can give the change. A percentage of something with a unit of its own is no difference."""
    _, column, _, _, a, b = pair
    stated = change.stated
    quantity = bool(_QUANTITY.search(f"{column} {change.phrase}")) and not a.percent
    return fits(replace(stated, quantity=quantity, rest=change.of_rest, slack=CARELESS), a, b)


def _is_cell(one: Stated, grids: Sequence[Grid], meant: Meant, change: Change) -> bool:
    """The number stands in the table as it is: in a column or row of changes, or as the value of the metric."""
    for grid in grids:
        titles = {index for index in grid.measured if CHANGE.search(grid.columns[index])}
        named = {i for metric in meant.metrics for i in columns_of(grid, metric)} if meant.metrics else set(grid.measured)
        asked = {word for metric in meant.metrics for word in core(" ".join(sorted(metric)))}
        # `Improvement` is of any metric, `F1 gain` of F1.
        titles = {i for i in titles if not asked or i in named or not _about(grid.columns[i]) or _about(grid.columns[i]) & asked}
        for row in grid.rows:
            changed = any(CHANGE.search(label) for label in row.labels)
            mine = any(label in row.labels for label in (*meant.subjects, *meant.against))
            for index, cell in row.cells.items():
                listed = (index in titles and mine) or (changed and index in named and bool(meant.metrics or meant.subjects))
                if (listed or (mine and index in named and not one.by)) and same(one.number, cell.number):
                    return True
    return False


def _about(title: str) -> frozenset[str]:
    """What a column of changes is of, by its words."""
    return frozenset(word for word in core(title) if not CHANGE.search(word) and word not in ("baseline", "best", "over"))


def same(stated: Number, cell: Number) -> bool:
    """One is the other, rounded or in percent; the sign is a matter of convention."""
    return any(
        abs(abs(stated.value) - abs(cell.value) * scale) <= 0.5 * max(stated.ulp, cell.ulp * scale) * (1 + 1e-6)
        for scale in (1.0, 100.0)
    )


def _listed(change: Change, meant: Meant, grids: Sequence[Grid], clause: str) -> list[tuple[Grid, Line, str, Value]]:
    """Cells of a column `Data reduction (%)` of the named method for `reduces the data by P %`."""
    stem = change.word[:5]
    said = {word[:4] for word in re.findall(r"[a-z]{4,}", clause)}
    cells: list[tuple[Grid, Line, str, Value]] = []
    if len(meant.subjects) != 1 or not stem:
        return []
    for grid in grids:
        by_metric = {i for metric in meant.metrics for i in columns_of(grid, metric) if CHANGE.search(grid.columns[i])}
        for index in grid.measured:
            found = core(grid.columns[index])
            rest = {word for word in found if word[:5] != stem}
            told = (
                not any(columns_of(grid, metric) for metric in meant.metrics)
                and rest
                and rest != found
                and all(word[:4] in said for word in rest)
            )
            if index not in by_metric and not told:
                continue
            rows = [row for row, _ in rows_of(grid, meant.subjects[0]) if index in row.cells]
            cells += [(grid, row, grid.columns[index], row.cells[index]) for row in rows]
    return cells


def _firm(number: Number) -> bool:
    """Not nothing within its rounding: of nothing everything is any share."""
    return abs(number.value) > number.ulp / 2


def _best(pairs: list[Pair], reading: Reading) -> list[Pair]:
    """For `over the best baseline`: the pairs with the best other row, variants of the method counted and not counted."""
    over = _RIVALS.search(reading.code)
    if over is None or not _SUPERLATIVE.search(over.group()):
        return pairs
    groups: dict[tuple[int, str, int], list[Pair]] = {}
    for pair in pairs:
        groups.setdefault((id(pair[0]), pair[1], id(pair[2])), []).append(pair)
    found: list[Pair] = []
    for (_, column, _), group in groups.items():
        sign = direction(column)
        own = group[0][2].labels[0].lower()[:3]
        for chosen in (group, [pair for pair in group if pair[3].labels[0].lower()[:3] != own]):
            if sign == 0:
                found += chosen
            elif chosen:
                best = max(sign * pair[5].value for pair in chosen)
                found += [pair for pair in chosen if sign * pair[5].value == best]
    return found


def _near(stated: Stated, cell: Number) -> bool:
    """The cell's value is the stated one, with what `about` and `nearly` allow."""
    loose = {"about": 0.05, "most": 0.05, "nearly": 0.1, "least": 0.15, "under": 1.0}.get(stated.bound, 0.0)
    return same(stated.number, cell) or abs(abs(stated.number.value) - abs(cell.value)) <= loose * abs(stated.number.value)


def true(a: Number, b: Number) -> str:
    """The change from `a` to `b` in words."""
    change = b.value - a.value
    if a.value == 0:
        return f"a change of {change:.4g}"
    return f"a change of {change:.4g}, or {100 * change / abs(a.value):.4g} %"


def _mean_fits(one: Stated, pairs: list[Pair]) -> bool:
    """The mean of the relative changes, or the change of the means, over columns or rivals of one table."""
    by_grid: dict[int, list[Pair]] = {}
    for pair in pairs:
        by_grid.setdefault(id(pair[0]), []).append(pair)
    value, slack = abs(one.number.value), max(one.number.ulp, 0.02 * abs(one.number.value))
    for chosen in [*by_grid.values(), pairs]:
        told = {(column, a.text, b.text): (a.value, b.value) for _, column, _, _, a, b in chosen if a.value and b.value}
        usable = list(told.values())
        if len(usable) < 2:
            continue
        for scale in (1.0, 100.0):
            means = [
                sum((a - b) / abs(b) for a, b in usable) / len(usable),
                sum((a - b) / abs(a) for a, b in usable) / len(usable),
                sum(a - b for a, b in usable) / len(usable),
                sum(a - b for a, b in usable) / abs(sum(b for _, b in usable) or 1.0),
            ]
            if any(abs(abs(mean * scale) - value) <= slack for mean in means):
                return True
    return False
