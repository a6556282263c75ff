"""Claims about a course (`the loss decreases over the epochs`, `F1 falls as the threshold grows`, `rises from 0.8 to 0.7`).

Part of prose.

Three readings: against the two numbers of the sentence itself, against a table whose rows are settings of one parameter, and
against the series that programs left (lists in JSON, columns of a CSV).
"""

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...audits import Finding, Quote
from ...patterns import lazy
from .case import Case, finding
from .data import Fact
from .documents import Document
from .grid import Grid, Line
from .measures import FILLERS, core, direction
from .mentions import Lexicon, columns_of
from .quantities import Number
from .sentences import Sentence
from .words import words

_UP = r"increas(?:e|es|ed|ing)|r[io]se[sn]?|rising|gr[eo]w(?:s|n|ing)?|climb(?:s|ed|ing)?"
_DOWN = r"decreas(?:e|es|ed|ing)|drop(?:s|ped|ping)?|f[ae]ll(?:s|en|ing)?|declin(?:e|es|ed|ing)|shr[iua]nk(?:s|ing)?"
_BETTER = r"improv(?:e|es|ed|ing)"
_WORSE = r"degrad(?:e|es|ed|ing)|deteriorat(?:e|es|ed|ing)|worsen(?:s|ed|ing)?"
_MOVES = lazy(rf"\b(?:(?P<up>{_UP})|(?P<down>{_DOWN})|(?P<better>{_BETTER})|(?P<worse>{_WORSE}))\b")
_STRICT = lazy(r"\bmonoton\w*|\bstrictly\b|\b(?:with|at|in|after|across) (?:each|every|all)\b|\bevery epoch\b")
_FROM_TO = lazy(r"\bfrom (?P<a><N\d+>) to (?P<b><N\d+>)(?! [-–]?fold)")
_TIME = lazy(
    r"\b(?:over|across|throughout|during|with|through|in|after) (?:(?:the|all|every|each|successive|subsequent|course|of|<N\d+>) )*"
    r"(?:training|epochs?|iterations?|rounds?|steps|time|episodes?)\b"
)
_SERIES = lazy(r"\b(loss|error|accuracy|reward|perplexity|f1|auc|return|rmse|mse|mae|regret|nll)\b")
_ORDER = frozenset(("epoch", "step", "round", "iteration", "iter", "episode", "t", "time"))
MIN_SERIES = 3


class Series(NamedTuple):
    """Values in the order in which a program left them."""

    file: str
    names: tuple[str, ...]
    facts: tuple[Fact, ...]

    @property
    def values(self) -> list[float]:
        return [fact.value for fact in self.facts]


def findings(
    case: Case, document: Document, sentences: Sequence[Sentence], grids: Sequence[Grid], lexicon: Lexicon
) -> list[Finding]:
    """Trend claims that the numbers contradict."""
    found = []
    for sentence in sentences:
        if not _MOVES.search(sentence.text.lower()) or not sentence.sure:
            continue
        reading = lexicon.read(sentence.text)
        one = (
            _own_numbers(document, sentence, reading.code, reading.numbers)
            or _settings(document, sentence, reading.code, reading.metrics, grids)
            or _course(case, document, sentence, reading.code, reading.phrases)
        )
        if one is not None:
            found.append(one)
    return found


def _own_numbers(document: Document, sentence: Sentence, code: str, numbers: Sequence[Number]) -> Finding | None:
    for match in _FROM_TO.finditer(code):
        before = re.split(r" [;:.] | , (?:and|while|whereas|but)\b| which | whereas | while ", code[: match.start()])[-1]
        moves = list(_MOVES.finditer(before))
        if len(moves) != 1 or len(before[moves[0].end() :].split()) > 7:
            continue
        move = moves[0]
        a, b = numbers[int(match["a"][2:-1])], numbers[int(match["b"][2:-1])]
        if (a.percent != b.percent and a.percent) or min(a.value, b.value) < 0 or re.match(r" (?:times|x)\b", code[match.end() :]):
            continue
        sign = 1 if move["up"] else -1 if move["down"] else 0
        if sign and (b.value - a.value) * sign < 0:
            message = f"the text says that something {move.group()} from {a.text} to {b.text}, which is the other way"
            return _tell(document, sentence, message, [])
    return None


def _settings(
    document: Document, sentence: Sentence, code: str, metrics: Sequence[frozenset[str]], grids: Sequence[Grid]
) -> Finding | None:
    """`M falls as P grows`, by a table whose rows are values of P in rising order."""
    verdicts: list[tuple[Grid, int, tuple[tuple[Line, Number], tuple[Line, Number]], str] | None] = []
    for grid in grids:
        axis = _axis(grid)
        named = core(grid.corner) if axis else frozenset()
        if not axis or not named:
            continue
        corner = "|".join(re.escape(word) for word in sorted(named, key=len, reverse=True) if len(word) > 2 or not word.isascii())
        if not corner:
            continue
        course = re.search(
            rf"\b(?:as|with|when) (?:the |an? )?(?:(?:\w+ ){{0,3}}(?:{corner})s?(?: \w+){{0,2}} (?P<up>increases|grows|rises|is "
            rf"increased)\b|"
            rf"(?P<more>increasing|larger|higher|growing|more|greater) (?:\w+ ){{0,2}}(?:{corner})s?\b)",
            code,
        )
        move = re.search(
            rf"<M(\d+)>(?: \w+ly)* (?:(?P<up>{_UP})|(?P<down>{_DOWN})|(?P<better>{_BETTER})|(?P<worse>{_WORSE}))\b", code
        )
        if not course or not move or len(_MOVES.findall(code)) > 2:
            continue
        for column in columns_of(grid, metrics[int(move[1])]):
            values = [(line, line.cells[column].number) for line in axis if column in line.cells]
            better = direction(grid.columns[column])
            sign = 1 if move["up"] else -1 if move["down"] else better if move["better"] else -better
            if len(values) < MIN_SERIES or not sign:
                verdicts.append(None)
                continue
            steps = [(b[1].value - a[1].value) * sign for a, b in itertools.pairwise(values)]
            wrong = next((i for i, step in enumerate(steps) if step < 0), None) if _STRICT.search(code) else None
            if (values[-1][1].value - values[0][1].value) * sign < 0:
                pair = (values[0], values[-1])
            elif wrong is not None:
                pair = (values[wrong], values[wrong + 1])
            else:
                verdicts.append(None)
                continue
            verdicts.append((grid, column, pair, move.group().split()[-1]))
    told = [verdict for verdict in verdicts if verdict is not None]
    if not told or len(told) < len(verdicts):
        return None
    grid, column, (first, last), verb = told[0]
    message = (
        f"the text says that {grid.columns[column]} {verb} as {grid.corner} grows, but the table has {first[1].text} at "
        f"{first[0].labels[0]} "
        f"and {last[1].text} at {last[0].labels[0]}"
    )
    return _tell(
        document, sentence, message, [Quote(file=grid.file, line=line.line, quote=line.quote) for line, _ in (first, last)]
    )


def _axis(grid: Grid) -> list[Line]:
    """The rows in rising order of a numeric name; empty when rows are no settings."""
    try:
        keyed = sorted(
            (float(re.sub(r"[%$,\s]|^\w+\s*=", "", row.labels[0])), index)
            for index, row in enumerate(grid.rows)
            if len(row.labels) == 1
        )
    except ValueError:
        return []
    return [grid.rows[index] for _, index in keyed] if len(keyed) == len(grid.rows) >= MIN_SERIES else []


def _course(case: Case, document: Document, sentence: Sentence, code: str, phrases: Sequence[str]) -> Finding | None:
    """`the training loss decreases over all epochs`, by the series of that name."""
    for index, phrase in enumerate(phrases):
        code = code.replace(f"<M{index}>", phrase.lower())
    match = re.search(
        rf"(?P<what>(?:[\w-]+ ){{0,3}}{_SERIES.pattern})(?: \w+ly| also| all)* (?:(?P<up>{_UP})|(?P<down>{_DOWN})|"
        rf"(?P<better>{_BETTER}))\b(?P<rest>.*)",
        code,
    )
    if match is None or not _TIME.search(match["rest"][:80]) or len(_MOVES.findall(code)) > 1:
        return None
    told = words(match["what"]) - FILLERS - {"the", "both", "model", "models", "we", "that", "as", "and"}
    verdicts = []
    for series in series_of(case):
        known = frozenset().union(*(words(name) for name in series.names))
        if not told <= known:
            continue
        better = direction(series.names[-1])
        sign = 1 if match["up"] else -1 if match["down"] else better
        values = series.values
        wrong = next((i for i in range(len(values) - 1) if (values[i + 1] - values[i]) * sign < 0), None)
        if sign and (values[-1] - values[0]) * sign < 0:
            verdicts.append((series, values[0], values[-1]))
        elif sign and wrong is not None and _STRICT.search(code):
            verdicts.append((series, values[wrong], values[wrong + 1]))
        else:
            return None
    if not verdicts:
        return None
    series, a, b = verdicts[0]
    message = (
        f"the text says that the {match['what'].strip()} moves one way, but {series.file} has {a:.5g} and later {b:.5g} for "
        f"{'.'.join(series.names)}"
    )
    shown = ", ".join(f"{value:.5g}" for value in series.values[:12])
    return _tell(
        document,
        sentence,
        message,
        [Quote(file=series.file, line=series.facts[0].line, quote=f"{'.'.join(series.names)}: {shown}")],
    )


def series_of(case: Case) -> Iterator[Series]:
    """Values that a program left in order under one name, of files whose epochs (where told) rise."""
    groups: dict[tuple[str, tuple[str, ...]], list[Fact]] = defaultdict(list)
    for fact in case.pool.facts[:200_000]:
        if fact.how == "value" and fact.names and fact.file in case.pool.named_files and not fact.file.endswith(".md"):
            groups[fact.file, fact.names].append(fact)
    mixed = {
        file
        for (file, names), facts in groups.items()
        if names[-1].lower() in _ORDER and any(b.value <= a.value for a, b in itertools.pairwise(facts))
    }
    for (file, names), facts in groups.items():
        # Where a value is one of the names, rows were grouped by the values themselves.
        grouped = any(_as_number(name) == fact.value for name in names for fact in facts[:1])
        if file not in mixed and len(facts) >= MIN_SERIES and names[-1].lower() not in _ORDER and not grouped:
            yield Series(file, names, tuple(facts))


def _as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _tell(document: Document, sentence: Sentence, message: str, quotes: list[Quote]) -> Finding:
    place = Quote(file=document.name, line=sentence.line, quote=sentence.text)
    return finding("hallucinated_methodology", document.scope, "prose", "warn", message, [place, *quotes])
