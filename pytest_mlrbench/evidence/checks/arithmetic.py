"""Mathematical errors: improvements, averages, sums, shares and best values that the document's own numbers refute.

Rule. `fail` needs everything in the document itself and no reading left: `N of M (P %)` with another P; a stated change with both
operands in one sentence (`from 71.2 to 78.4, a 10.1 % gain`) that is not relative to either side, not in points, not of the
remaining error and no factor, whatever was rounded; a cell of a column of changes, averages or sums that is off where at least
three other cells of it are exact. Everything else is a `warn`: changes whose operands stand in a table, because means of ratios
are no ratios of means; averages outside the range of their parts; shares that do not add up to 100; bold cells that are not the
best; LaTeX that does not parse.
"""

import re
from collections.abc import Sequence

from ...records import Finding, Quote, Severity
from . import columns, mathtext
from .case import Case, Check, Outcome, finding
from .changes import Stated, fits
from .documents import Document
from .grid import Grid, Line
from .measures import CHANGE
from .mentions import Lexicon, Reading, columns_of, rows_of
from .quantities import Number
from .sentences import Sentence

NAME = "arithmetic"
MAX_TOLD = 20
"""Findings of one kind and document."""
_N = r"<N\d+>"
_UNIT = r"(?:(?: -| –)? ?(?P<unit>percentage points?|absolute points?|points?|pp|p\.p\.|percent|relative|absolute))?"
_ROUGH = (
    r"(?P<rough>about|approximately|around|nearly|almost|roughly|over|more than|up to|at least|some|~|≈|>|≥|<|under|less "
    r"than|at most)?"
)
_WORD = (
    r"(?:improv\w*|gains?|increas\w*|reduc\w*|decreas\w*|drop\w*|declin\w*|degradation|higher|lower(?:s|ed|ing)?|better|worse|"
    r"faster|slower|lift|boost\w*|savings?|less|more|fewer|smaller|larger|outperform\w*|exceed\w*|surpass\w*|fell|rose|cut\w*|"
    r"advantage|margin|speed-?up|difference|gap)"
)
_CHANGES = re.compile(r"%|\b(?:points?|pp|percent)\b")
_FROM = re.compile(rf"\bfrom (?P<a>{_N}) (?:\w+ )?(?:to|→) (?P<b>{_N})")
_OF_CHANGE = re.compile(
    rf"{_ROUGH} ?(?P<n>{_N}){_UNIT} (?:(?:relative|absolute|overall|average|net) )?(?P<word>{_WORD})|"
    rf"(?P<word2>{_WORD}) (?:(?!<N)\S+ ){{0,8}}?(?:by|of) (?:an? |{_ROUGH.replace('rough', 'rough3')} "
    rf"?)?(?P<n2>{_N}){_UNIT.replace('unit', 'unit2')}|"
    rf"\( (?:an? )?{_ROUGH.replace('rough', 'rough2')} ?(?P<n3>{_N}){_UNIT.replace('unit', 'unit3')} (?:relative |absolute "
    rf")?(?P<word3>{_WORD})?"
)
_COUNTED = re.compile(r"\d ?(?:of|out of|/|-|:|–) ?(?:the |all )?\d")
_COUNT = re.compile(
    r"(?<![\d.,/])(?P<n>\d{1,7}) ?(?:(?:out )?of|/) ?(?:the |all )?(?P<m>\d{1,7})(?![\d.]*[/\d])(?: [A-Za-z][\w-]*){0,4} "
    r"?[(,=:]{1,2} ?"
    r"(?P<p>\d{1,3}(?:\.\d+)?) ?\\?%(?=\s*[).,;]|$)(?! ?(?:CI|confidence))"
)
_COUNT_BACK = re.compile(
    r"(?<![\d.–-])(?P<p>\d{1,3}(?:\.\d+)?) ?\\?% ?\((?P<n>\d{1,7}) ?(?:(?:out )?of|/) ?(?P<m>\d{1,7})(?: [A-Za-z][\w-]*){0,3}\)"
)
_SPLIT = re.compile(r"(?<![\d.,/:-])(\d{1,2}(?:[/:–-]\d{1,2}){1,3})(?![\d/:.–-])(?:%)? (?:train\w*|split|\w+/\w+ split|\(train)")
_NOT_PAIR = re.compile(r"\bp\s*[<=]|\bconfidence\b|\bCI\b")


def run(case: Case) -> Outcome:
    """Check the arithmetic of results.md and of the paper."""
    if not case.documents:
        return Outcome(coverage="no evidence: there is no results.md and no paper in text form")
    findings: list[Finding] = []
    for passage in case.passages:
        document, sentences = passage.document, passage.sentences
        findings += counts(document, sentences)[:MAX_TOLD]
        findings += changes(document, sentences, passage.tables, passage.lexicon)[:MAX_TOLD]
        findings += columns.findings(document, passage.grids)[:MAX_TOLD]
        findings += mathtext.findings(document)[:MAX_TOLD]
    return Outcome(findings)


def tell(document: Document, severity: Severity, message: str, quotes: Sequence[Quote]) -> Finding:
    """A finding of this check."""
    return finding("mathematical_error", document.scope, NAME, severity, message, list(quotes))


def counts(document: Document, sentences: Sequence[Sentence]) -> list[Finding]:
    """`N of M (P %)`, and splits that must add up to 100."""
    found = []
    for sentence in sentences:
        text = sentence.text
        if not _COUNTED.search(text):
            continue
        for match in [*_COUNT.finditer(text), *_COUNT_BACK.finditer(text)]:
            n, m, p = int(match["n"]), int(match["m"]), match["p"]
            decimals = len(p.partition(".")[2])
            if m == 0 or n > m or not sentence.of_results:
                continue
            share = 100 * n / m
            # Rounded, cut, or the share of the others.
            if min(abs(float(p) - share), abs(100 - float(p) - share)) > 10.0**-decimals * (1 + 1e-9):
                certain = m >= 2 and abs(float(p) - share) > 1.0 and not _NOT_PAIR.search(text)
                message = f"{n} of {m} is {share:.{decimals + 1}f} %, but the text says {p} %"
                found.append(
                    tell(
                        document,
                        "fail" if certain else "warn",
                        message,
                        [Quote(file=document.name, line=sentence.line, quote=text)],
                    )
                )
        for match in _SPLIT.finditer(text):
            parts = [int(part) for part in re.split(r"[/:–-]", match[1])]
            if len(parts) >= 2 and 90 <= sum(parts) <= 110 and sum(parts) != 100 and all(part % 5 == 0 for part in parts):
                message = f"the parts of the split {match[1]} add up to {sum(parts)}, not to 100"
                found.append(tell(document, "warn", message, [Quote(file=document.name, line=sentence.line, quote=text)]))
    return found


def changes(document: Document, sentences: Sequence[Sentence], grids: Sequence[Grid], lexicon: Lexicon) -> list[Finding]:
    """Stated improvements, against two values of the sentence or of a table."""
    found = []
    for sentence in sentences:
        if not any(char.isdigit() for char in sentence.text) or not _CHANGES.search(sentence.text) or not sentence.of_results:
            continue
        reading = lexicon.read(sentence.text)
        one = _from_to(document, sentence, reading) or _by_table(document, sentence, reading, grids)
        if one is not None:
            found.append(one)
    return found


def _stated(reading: Reading) -> list[tuple[Stated, int, str]]:
    """The changes that a sentence states: each with its place in the coded text and the word that says what it is."""
    found = []
    for match in _OF_CHANGE.finditer(reading.code):
        index = next(match[name] for name in ("n", "n2", "n3") if match[name])
        number = reading.numbers[int(index[2:-1])]
        unit = match["unit"] or match["unit2"] or match["unit3"] or ""
        word = match["word"] or match["word2"] or match["word3"] or ""
        points = "point" in unit or unit in ("pp", "p.p.", "absolute") or "absolute" in match.group()
        if not number.percent and not points and unit != "percent":
            continue
        if match["n3"] and not word and not points and not re.search(rf"{_WORD} $", reading.code[: match.start()]):
            continue
        if re.match(rf" ?(?:[-–—]|to) {_N}", reading.code[match.end() :]) or re.search(
            rf"{_N} ?(?:[-–—]|to) $", reading.code[: reading.code.index(index)]
        ):
            continue
        lead = reading.code[max(0, reading.code.index(index) - 24) : reading.code.index(index)]
        rough = bool(re.search(rf"(?:{_ROUGH[10:-2]}) ?$", lead))
        relative = "relative" in match.group()
        found.append((Stated(number, points and not relative, relative and not points, rough), match.start(), word))
    return found


def _from_to(document: Document, sentence: Sentence, reading: Reading) -> Finding | None:
    """A sentence with one change and one `from A to B`."""
    pairs = list(_FROM.finditer(reading.code))
    stated = _stated(reading)
    if len(pairs) != 1 or len(stated) != 1 or "average" in reading.code or "respectively" in reading.code:
        return None
    a, b = (reading.numbers[int(pairs[0][name][2:-1])] for name in ("a", "b"))
    one = stated[0][0]
    if one.number in (a, b) or fits(one, a, b) or abs(pairs[0].start() - stated[0][1]) > 90:
        return None
    between = reading.code[min(pairs[0].start(), stated[0][1]) : max(pairs[0].end(), stated[0][1])]
    quote = Quote(file=document.name, line=sentence.line, quote=sentence.text)
    message = f"from {a.text} to {b.text} is {_true(a, b)}, but the text says {one.number.text}"
    certain = (
        not one.rough
        and not re.search(r"[;:]| and | while | whereas | but ", between)
        and len(reading.numbers) == 3
        and _far(one, a, b)
    )
    return tell(document, "fail" if certain else "warn", message, [quote])


def _far(one: Stated, a: Number, b: Number) -> bool:
    """Wrong by a tenth at least: a per-seed mean of ratios is nearer than that."""
    return not fits(Stated(one.number, one.points, one.relative, True), a, b)


def _true(a: Number, b: Number) -> str:
    change = b.value - a.value
    if a.value == 0:
        return f"a change of {change:.4g}"
    return f"a change of {change:.4g}, or {100 * change / abs(a.value):.4g} %"


def _by_table(document: Document, sentence: Sentence, reading: Reading, grids: Sequence[Grid]) -> Finding | None:
    """A change between named methods or of a named metric: no pair of cells that it can speak of gives it."""
    stated = [one for one in _stated(reading) if not re.search(r"\bto [-–]?$", reading.code[: one[1]])]
    if (
        len(stated) != 1
        or "<E" not in reading.code
        or re.search(r"\brespectively\b|\b(?:initial|epoch|round|iteration)\b", reading.code)
    ):
        return None
    one = stated[0][0]
    if _within(one, reading):
        return None
    clause = _clause(reading.code, stated[0][1])
    labels = [reading.entities[int(i)] for i in dict.fromkeys(re.findall(r"<E(\d+)>", clause))]
    metrics = _metric(reading, stated[0])
    if not labels or "<U>" in clause or (len(labels) < 2 and not metrics):
        return None
    pairs = []
    for grid in grids:
        pairs += _pairs(grid, labels, metrics)
    own = [pair for pair in pairs if pair[0].file == document.name] or pairs
    said = [grid.columns[i] for grid in grids for metric in metrics for i in columns_of(grid, metric)]
    if any(CHANGE.search(name) for name in said) or any(_value(one, a) or _value(one, b) for *_, a, b in pairs):
        return None
    if not own or len(own) > 40 or any(fits(one, a, b) for _, _, _, _, a, b in pairs) or _mean_fits(one, pairs):
        return None
    grid, column, first, second, a, b = own[0]
    message = (
        f"the text states a change of {one.number.text} for {', '.join(labels)}, but {column} is {a.text} for {first.labels[0]} "
        f"and {b.text} for "
        f"{second.labels[0]}: {_true(b, a)}"
    )
    quotes = [Quote(file=document.name, line=sentence.line, quote=sentence.text)]
    quotes += [Quote(file=grid.file, line=line.line, quote=line.quote) for line in (first, second)]
    return tell(document, "warn", message, quotes)


def _metric(reading: Reading, stated: tuple[Stated, int, str]) -> list[frozenset[str]]:
    """The metric that a change belongs to: `a gain of 3 % in M`, else `reduces M by 3 %`; none when neither is there."""
    code = reading.code
    place = code.index(stated[2], stated[1]) if stated[2] else stated[1]
    near = r"(?: (?:in|of|on))?(?: the)?(?: \w+)? <M(\d+)>"
    after = re.search(rf"^{_WORD}(?: \w+ly)?{near}", code[place:])
    after = after or re.search(rf"^{_WORD} (?:by|of) (?:\w+ ){{0,2}}<N\d+>(?: \w+)? in(?: the)?(?: \w+)? <M(\d+)>", code[place:])
    after = after or re.search(rf"^{_WORD} .{{0,30}}<N\d+>(?: \w+)? in(?: the)?(?: \w+)? <M(\d+)>", code[place:])
    before = re.findall(r"<M(\d+)>", _clause(code, stated[1])[: len(code[:place]) + 1])
    if after:
        return [reading.metrics[int(after[1])]]
    return [reading.metrics[int(before[-1])]] if len(before) == 1 else []


def _within(one: Stated, reading: Reading) -> bool:
    """Two numbers of the sentence itself give the change."""
    others = [number for number in reading.numbers if number is not one.number][:8]
    return any(
        a.percent == b.percent and fits(one, a, b) for i, a in enumerate(others) for b in others[i + 1 :] if a.value and b.value
    )


def _clause(code: str, place: int) -> str:
    """The part of a sentence that the change stands in."""
    start = max((match.end() for match in re.finditer(r" ; | \. | , (?:while|whereas|but)\b", code[:place])), default=0)
    end = re.search(r" ; | \. |, (?:while|whereas|but)\b", code[place:])
    return code[start : place + end.start() if end else len(code)]


def _value(one: Stated, cell: Number) -> bool:
    """The number is a value of the table and no change."""
    slack = max(one.number.ulp, 1e-9)
    return any(abs(abs(one.number.value) - abs(cell.value) * scale) <= slack for scale in (1.0, 100.0))


Pair = tuple[Grid, str, Line, Line, Number, Number]


def _pairs(grid: Grid, labels: list[str], metrics: list[frozenset[str]]) -> list[Pair]:
    """Pairs of cells of one column: of two named methods, or of a named one and any other."""
    found = []
    chosen = {index for metric in metrics for index in columns_of(grid, metric)} if metrics else set(grid.measured)
    for column in sorted(chosen):
        if CHANGE.search(grid.columns[column]) and not metrics:
            continue
        for row, position in rows_of(grid, labels[0]):
            wanted = {id(line) for label in labels[1:] for line, _ in rows_of(grid, label)}
            partners = grid.partners(row, position)
            for other in [line for line in partners if id(line) in wanted] if len(labels) > 1 else partners:
                a, b = row.cells.get(column), other.cells.get(column)
                if a is not None and b is not None:
                    found.append((grid, grid.columns[column], row, other, a.number, b.number))
    return found


def _mean_fits(one: Stated, pairs: list[Pair]) -> bool:
    """The mean of the relative changes, or the change of the means, over columns or rivals of one table."""
    by_grid: dict[int, list[Pair]] = {}
    for pair in pairs:
        by_grid.setdefault(id(pair[0]), []).append(pair)
    value, slack = abs(one.number.value), max(one.number.ulp, 0.02 * abs(one.number.value))
    for chosen in [*by_grid.values(), pairs]:
        usable = [(a.value, b.value) for *_, a, b in chosen if a.value and b.value]
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


CHECK = Check(NAME, run)
