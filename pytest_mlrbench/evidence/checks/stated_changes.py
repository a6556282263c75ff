"""The grammar of stated changes: every `P %`, `P points` and `P times` of a sentence that is a change, of what and against what.

Used by arithmetic, over the strings of mentions.py. A number is taken for a change only where a word (`improves ... by`, `higher`,
`a drop of`) or its sign says so; `rises to P %` is a value and none.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...patterns import lazy
from .changes import Bound, Stated
from .measures import FILLERS, core
from .mentions import CLOSED, Lexicon, Reading
from .quantities import Number

N = r"<N\d+>"
WORD = (
    r"(?:improv\w*|gains?|increas\w*|reduc\w*|decreas\w*|drop\w*|declin\w*|degrad\w*|higher|lower(?:s|ed|ing)?|better|worse|"
    r"faster|slower|lift\w*|boost\w*|sav(?:es?|ed|ings?)|less|more|fewer|smaller|larger|greater|outperform\w*|exceed\w*|surpass\w*|"
    r"beat\w*|fell|falls|rose|rises|rais(?:es|ed|ing)|cut\w*|advantage|margin|speed-?ups?|enhanc\w*|short\w+|superior\w*|worsen\w*|"
    r"difference|gap)"
)
_NOUN = (
    r"(?:improvements?|gains?|increases?|reductions?|decreases?|drops?|declines?|degradation|lift|boost|savings?|advantage|margin|"
    r"speed-?ups?|difference|gap)"
)
_KIND = r"(?:relative|absolute|overall|average|mean|net|further|additional|statistically|significant|total|consistent)"
_POINTS = r"(?:percentage points?|absolute points?|points?|pp|p \. p \.|percent points?|absolute)"
_UNIT = lazy(rf"(?: ?[-–])? ?(?:(?P<points>{_POINTS})|(?P<percent>percent)|(?P<factor>[x×]|times|fold|- fold))(?![\w])")
_ROUGH: tuple[tuple[str, Bound], ...] = (
    (r"up to|as much as|as many as|a maximum of|maximum", "most"),
    (r"over|more than|at least|>|≥|> =|exceeding|above|no less than", "least"),
    (r"nearly|almost|close to|just under|just below", "nearly"),
    (r"under|less than|at most|<|≤|below|within|fewer than|no more than", "under"),
    (r"about|approximately|approx \.|around|roughly|some|~|≈|\\ approx|circa|an estimated|\\ sim", "about"),
)
_BEFORE = tuple((lazy(rf"(?:^| )(?:an? )?(?:{words})(?: an?)? \$?$"), bound) for words, bound in _ROUGH)
_ANY_ROUGH = "|".join(words for words, _ in _ROUGH)
_STEP = r"(?: (?:\( <N\d+> \)|(?!<N)[^\s;]+))"
_BY = lazy(
    rf"\b(?P<word>{WORD})(?P<between>{_STEP}{{0,12}}?) (?P<by>by|of)(?: (?:an?|the))?(?: {_KIND})*(?: (?:{_ANY_ROUGH}))?(?: an?)? $"
)
_JUST = lazy(
    rf"\b(?P<word>gains?|gained|saves?|saved|drops?|dropped|loses?|lost|adds?|added)(?P<between>)(?: (?:{_ANY_ROUGH}))?(?: an?)? $"
)
_VERSUS = lazy(r"outperform|exceed|surpass|beat")
_WITH = lazy(rf"\b(?P<word>{_NOUN})(?P<between>) (?:was|is|were|are|:|=)(?: (?:{_ANY_ROUGH}))? $")
_AFTER = lazy(rf"^(?: {_KIND})*(?P<between>(?: (?!<N|and\b|or\b)[\w<>@/-]+){{0,3}}?)(?: {_KIND})* (?P<word>{_NOUN})\b")
_DIRECT = lazy(rf"^(?: {_KIND})* (?P<word>{WORD})\b")
_OPENED = lazy(rf"(?:\b(?P<word>{WORD})(?P<between>(?: (?!<N)[^\s;,()]+){{0,6}}) |[\w>] )\((?: an?)?(?: (?:{_ANY_ROUGH}))? $")
_NOT_CHANGE = lazy(
    r"\b(?:(?<!up )to|from|at|reach\w*|only|top|remain\w*|attain\w*)(?: (?:about|approximately|around|roughly|"
    r"over|~|nearly))? [-–]?$"
)
GENERAL = lazy(r"<[EN]\d+>|\b(?:baselines?|best|others?|rivals?|competitors?|alternatives?|methods?|models?|approach(?:es)?|all)\b")
"""A rival that is named, or that is any; one of which no table has a row leaves nothing to compare with."""
_REST = lazy(r"\b(?:errors?|fail\w*|remaining|mistakes?|misses|gap|miss-?rate|wrong)\b")
_AIM = lazy(r"\b(?:target|goal|threshold|baseline|budget|level|rate|value|score)s?$")
_RANGE = lazy(r"^ ?(?:[-–—]|to|and) (?=<N)")
_LINK = lazy(r"^ ?(?:,|and|or|, and|/|&)(?: (?:by|of|an?|the))*(?: (?:" + _ANY_ROUGH + r"))? $")
_REFERENCE = (
    r"(?:over|than|versus|vs \.|vs|compared (?:to|with)|relative to|against|above|below|in comparison (?:to|with)|beyond)"
    r"(?: (?:that of|those of))?"
)
_NAMED = rf"\b{_REFERENCE} (?P<lead>(?:(?!<|,|;|\()\S+ ){{0,4}}?)(?:[(,] )?<E(?P<e>\d+)>"
_AGAINST = lazy(_NAMED)
_AGAINST_VERB = lazy(
    r"\b(?:outperform\w*|surpass\w*|exceed\w*|beat\w*|underperform\w*)(?: \w+ly)? (?:(?!<|,)\S+ ){0,3}?<E(?P<e>\d+)>"
)
_FOR = lazy(r"^ (?:for|with|by|using|under) (?:the )?<E(?P<e>\d+)>")
_FILL = r"(?:the|its|their|overall|average|mean|both|relative|absolute|total|final|in|of|on|for|to|terms)"
_ENDS = frozenset(
    [
        "compared",
        "over",
        "relative",
        "across",
        "while",
        "versus",
        "vs",
        "from",
        "as",
        "when",
        "but",
        "against",
        "respectively",
        "that",
    ]
)
"""Words before which a metric's name ends."""
_CUT = lazy(r" ; | \. | , (?:while|whereas|but|although)\b| (?:while|whereas|but) ")
_AND = r"(?: ,)?(?: and| or| &| /)?(?: the| its| their| overall| average| mean)* "
_METRICS = lazy(rf"<M(\d+)>(?:{_AND}<M(\d+)>)?(?:{_AND}<M(\d+)>)?(?:{_AND}<M(\d+)>)?(?:{_AND}<M(\d+)>)?")
_ENTITIES = lazy(r"<E(\d+)>(?:(?: ,)?(?: and| or| &| /) <E(\d+)>|(?: ,)(?: and)? <E(\d+)>)+")
MAX_CHANGES = 12
"""Changes of one sentence."""


@dataclass(frozen=True)
class Change:
    """One stated change."""

    stated: Stated
    index: int
    """Of its number in the reading."""
    start: int
    end: int
    """Offsets in the coded text, word and unit included at the end."""
    word: str
    metric: frozenset[str] = frozenset()
    """Words of the metric that stands beside it; empty when none does."""
    phrase: str = ""
    subject: str = ""
    """The method that stands beside it (`P % for A`), or in its place of a list."""
    against: str = ""
    """The method that it is over."""
    first: bool = True
    """No continuation of a list."""
    pair: tuple[Number, Number] | None = None
    """The two values that stand beside it."""
    foreign: bool = False
    """What stands beside it is no metric of any table: `a 5 % gain in readability`."""
    of_rest: bool = False
    """The sentence speaks of errors: it may be a cut of what is left to 100 %."""
    ranged: bool = False
    """One bound of `between P and Q %`."""


def spelled(reading: Reading) -> Reading:
    """The same with the last word of metrics that are changes by name behind them: `<M0> reduction` for `data reduction`."""
    code = reading.code
    for index, phrase in enumerate(reading.phrases):
        last = phrase.lower().split()[-1]
        if re.fullmatch(_NOUN, last):
            code = code.replace(f"<M{index}>", f"<M{index}> {last}")
    return reading if code == reading.code else reading._replace(code=code)


def changes_of(reading: Reading, lexicon: Lexicon) -> list[Change]:
    """The changes of a sentence, in order."""
    code = reading.code
    found: list[Change] = []
    places = [(match.start(), match.end(), int(match.group()[2:-1])) for match in re.finditer(N, code)]
    for position, (start, end, index) in enumerate(places):
        if index >= len(reading.numbers) or len(found) >= MAX_CHANGES:
            continue
        one = _change(reading, lexicon, start, end, index, found[-1] if found else None)
        if one is None and position + 1 < len(places):
            one = _shares_a_word(reading, lexicon, places, position)
        if one is not None:
            found.append(one)
    return _in_lists(reading, _with_pairs(reading, _beside(reading, found)))


def _shares_a_word(reading: Reading, lexicon: Lexicon, places: list[tuple[int, int, int]], position: int) -> Change | None:
    """`P and Q % improvements`, `P-Q %`: the first has its word from the second."""
    start, end, index = places[position]
    next_start, next_end, next_index = places[position + 1]
    between = reading.code[end:next_start]
    unit = _UNIT.match(between)
    between = between[unit.end() :] if unit else between
    ranged = bool(_RANGE.match(between)) and not re.match(r"^ and ", between)
    if not (ranged or _LINK.match(between)) or next_index >= len(reading.numbers):
        return None
    later = _change(reading, lexicon, next_start, next_end, next_index, None)
    number = reading.numbers[index]
    # `12-15 %`: a dash is no sign.
    if later is None or not (number.percent or ranged or later.stated.points):
        return None
    if later.start <= end:
        return None
    return replace(later, stated=replace(later.stated, number=number), index=index, start=start, end=end, ranged=ranged)


def _change(reading: Reading, lexicon: Lexicon, start: int, end: int, index: int, last: Change | None) -> Change | None:
    code, number = reading.code, reading.numbers[index]
    before, after = code[:start], code[end:]
    unit = _UNIT.match(after)
    points, factor = bool(unit and unit["points"]), bool(unit and unit["factor"])
    if unit:
        after = after[unit.end() :]
    if not (number.percent or unit) or (factor and number.value < 1):
        return None
    bound: Bound = next((kind for pattern, kind in _BEFORE if pattern.search(before)), "")
    linked = last is not None and bool(_LINK.match(_without_target(code[last.end : start])))
    ranged = last is not None and bool(re.search(r" ?(?:[-–—]|to) ?$", before)) and last.ranged
    if re.search(r"\bbetween (?:<N\d+>)(?: \w+){0,2} and $", before) or (
        re.match(r"^ ?(?:and|[-–—]) <N", after) and re.search(r"\bbetween $", before)
    ):
        ranged = True
    if _NOT_CHANGE.search(before) and not ranged and not linked:
        return None
    by = _BY.search(before[-260:]) or _WITH.search(before[-80:]) or _JUST.search(before[-60:])
    if by and by.re is _BY and by["by"] == "of" and (_VERSUS.match(by["word"]) or _AIM.search(by["between"])):
        by = None  # `exceeding the target of 20 %` states no change
    direct = _DIRECT.match(after)
    ahead = direct or _AFTER.match(after)
    opened = _OPENED.search(before[-160:])
    # A sign makes a change of a number that stands before a metric or alone in parentheses.
    signed = bool(re.match(r"[-+−–]", number.text)) and number.percent
    word, phrase, metric = "", "", frozenset[str]()
    if ahead:
        word = ahead["word"]
        if not direct:
            metric, phrase = _metric_in(ahead["between"], reading, lexicon)
        if not metric:
            rest = after[ahead.end() :]
            metric, phrase = _metric_after(rest, reading, lexicon)
        after = after[ahead.end() :]
    elif by:
        word = by["word"]
        metric, phrase = _metric_in(by["between"], reading, lexicon, last=True)
        if not metric:
            metric, phrase = _metric_after(after, reading, lexicon, plain=False)
    elif (
        opened and (opened["word"] or signed) and re.match(r"^ (?:[),;(]|relative|absolute|for|in|on|over|with|compared|vs)", after)
    ):
        word = opened["word"] or ""
        metric, phrase = _metric_in(opened["between"] or "", reading, lexicon, last=True)
        if not word and not metric and not _metric_in(before[-60:].rpartition("(")[0], reading, lexicon, last=True)[0]:
            return None
        if not metric:
            metric, phrase = _metric_in(before[-60:].rpartition("(")[0], reading, lexicon, last=True)
    elif signed and number.text[0] == "+" and re.match(r"^ (?:\w+ ){0,2}<M\d+>", after):
        metric, phrase = _metric_after(after, reading, lexicon)
    elif (linked or ranged) and last is not None:
        word = last.word
        beside = re.match(r"^ ([a-z<][\w<>@-]*)", after)
        named = bool(beside and beside[1] not in CLOSED and beside[1] not in _ENDS and not beside[1].startswith("<N"))
        metric, phrase = _metric_after(after, reading, lexicon, plain=named)
        if named and not metric:
            return None  # `+10 % mAP` where no table has a mAP
        if not metric and not re.search(r"<E\d+>", code[last.end : start]) and not ranged:
            metric, phrase = frozenset(), ""
        elif not metric:
            metric, phrase = last.metric, last.phrase
    else:
        return None
    unknown = "" if metric else _beside_it(before, after, by["between"] if by and not ahead else "")
    said = f"{code[max(0, start - 30) : start]}{after[:12]}{code[end : len(code) - len(after)]}"
    relative = "relative" in said and "relative to" not in said
    absolute = points or "absolute" in said
    stated = Stated(number, absolute and not relative, relative and not absolute, bound=bound, factor=factor, by=bool(by or ahead))
    tail = _CUT.split(after)[0].partition("<N")[0]
    against = _AGAINST.search(tail[:120])
    own = _FOR.match(after)
    stranger = re.match(rf"^ {_REFERENCE}(?: (?!<|,|and\b|in\b|on\b)[^\s;()]+)+(?= and | , | \.| in | on |$)", after)
    return Change(
        stated,
        index,
        start,
        len(code) - len(after),
        word,
        metric,
        phrase,
        reading.entities[int(own["e"])] if own else "",
        reading.entities[int(against["e"])] if against else "",
        first=not (linked or ranged),
        foreign=bool(unknown) or bool(stranger and not against and not GENERAL.search(stranger[0])),
        of_rest=bool(_REST.search(code)),
        ranged=ranged,
    )


def _beside_it(before: str, after: str, between: str) -> str:
    """Words that name what changes and that no table has: before `by`, before a parenthesis, or after `in`."""
    inner = re.sub(rf" (?:{_REFERENCE}|on|for|in|of|across|with)\b.*", "", f" {between.strip()}")
    parenthesis = re.search(
        r"(?:^|[,;:] |and |across |in |of )((?:(?!<|,|and\b|in\b|of\b|across\b)[a-z][\w-]* ){1,3})\((?: an?)?(?: [a-z~]+)? $",
        before,
    )
    told = parenthesis[1] if parenthesis else inner
    following = re.match(r"^ (?:in|of)((?: (?!<)[a-z][\w-]*){1,4})", after)
    words = [*told.split(), *(following[1].split() if following else [])]
    if "<" in told:
        return ""
    return " ".join(word for word in words if word.isalpha() and word not in _VAGUE and not re.fullmatch(WORD, word))


_VAGUE = (
    CLOSED
    | FILLERS
    | _ENDS
    | frozenset(
        [
            "it",
            "this",
            "them",
            "both",
            "each",
            "all",
            "significantly",
            "substantially",
            "representing",
            "more",
            "modest",
            "about",
            "up",
        ]
    )
)


def _without_target(between: str) -> str:
    """`over A and`, `for A and`, ` in M and`: what belongs to the number before a link is no hindrance."""
    between = re.sub(rf"^ {_REFERENCE}(?: (?!<|,|and\b)[^\s;()]+){{1,5}}(?= and )", "", between, count=1)
    return re.sub(
        rf"^(?: {_REFERENCE}| for| in| on| by| with)?(?: (?!<|,|and\b)\S+){{0,3}} <[EM]\d+>(?: (?!<|,|and\b)\w+){{0,2}}",
        "",
        between,
        count=1,
    )


def _metric_after(code: str, reading: Reading, lexicon: Lexicon, plain: bool = True) -> tuple[frozenset[str], str]:
    """The metric that directly follows: `P % higher M`, `a P % gain in M`; words of a column's name too where they must be one."""
    match = re.match(rf"^(?P<lead>(?: {_FILL}| \w+ly)*)(?: {_KIND})? <M(?P<m>\d+)>", code)
    if match and (match["lead"] or plain):
        index = int(match["m"])
        return reading.metrics[index], reading.phrases[index]
    lead = re.match(rf"^(?: {_FILL})*", code)
    if lead is None or not (plain or re.search(r" (?:in|of|on|for)\b", lead.group())):
        return frozenset(), ""
    return _loose(code[lead.end() :].split()[:4], lexicon)


def _metric_in(between: str, reading: Reading, lexicon: Lexicon, last: bool = False) -> tuple[frozenset[str], str]:
    """The metric between a word and its number: `improves M by P %`."""
    found = re.findall(r"<M(\d+)>", between)
    if found:
        if len(found) > 1:
            return frozenset(), ""
        index = int(found[0])
        return reading.metrics[index], reading.phrases[index]
    words = re.sub(rf"^(?: {_FILL})+", "", f" {between.strip()}").split()
    return _loose(words, lexicon) if not last or len(words) <= 4 else (frozenset(), "")


def _loose(words: list[str], lexicon: Lexicon) -> tuple[frozenset[str], str]:
    """Words up to a preposition or mark that name columns, whether or not they are known as a metric."""
    kept: list[str] = []
    for word in words:
        if not re.match(r"^[a-z][\w@-]*$", word) or word in CLOSED or word in _ENDS:
            break
        kept.append(word)
    while kept and kept[-1] in FILLERS:
        kept.pop()
    phrase = " ".join(kept)
    wanted = core(phrase) if kept else frozenset()
    if wanted and any(wanted <= column for column in lexicon.columns):
        return frozenset(re.findall(r"[a-z0-9@]+", phrase)), phrase
    return frozenset(), ""


def _beside(reading: Reading, found: list[Change]) -> list[Change]:
    """Metrics from what stands before, where nothing beside the number names one: the only one of the clause."""
    given = []
    for place, one in enumerate(found):
        if not one.metric and not one.foreign:
            start = max([match.end() for match in _CUT.finditer(reading.code[: one.start])], default=0)
            earlier = [other.end for other in found[:place] if other.first]
            near = re.findall(r"<M(\d+)>", reading.code[max([start, *earlier]) : one.start])
            whole = near or re.findall(r"<M(\d+)>", reading.code[start : one.start])
            if not whole and not one.foreign:
                everywhere = re.findall(r"<M(\d+)>", reading.code)
                whole = everywhere if len({core(" ".join(reading.metrics[int(i)])) for i in everywhere}) == 1 else []
                whole = whole[:1]
            told = {reading.metrics[int(i)] for i in whole}
            if len(told) == 1:
                one = replace(one, metric=reading.metrics[int(whole[0])], phrase=reading.phrases[int(whole[0])])
            elif (not whole and place and not one.first and found[place - 1].metric) or (
                not whole and place and _same_clause(reading.code[found[place - 1].end : one.start])
            ):
                one = replace(one, metric=found[place - 1].metric, phrase=found[place - 1].phrase)
        given.append(one)
    return given


def _same_clause(between: str) -> bool:
    """`a P % gain in M over A and Q % over B`"""
    return len(between) < 60 and "<M" not in between and not _CUT.search(between) and bool(re.search(r"\band\b|,", between))


def _in_lists(reading: Reading, found: list[Change]) -> list[Change]:
    """`M1 and M2 by P and Q %`, `A and B ... by P and Q %`: as many names as numbers, each with its own."""
    groups: list[list[int]] = []
    for place, one in enumerate(found):
        if one.first or not groups:
            groups.append([place])
        else:
            groups[-1].append(place)
    changed = list(found)
    for group in groups:
        if len(group) < 2 or found[group[0]].ranged:
            continue
        start = found[group[0]].start
        before, after = reading.code[max(0, start - 260) : start], reading.code[found[group[-1]].end :][:120]
        names = _run(_METRICS, before, len(group), last=True) or _run(_METRICS, after, len(group), last=False)
        if names:
            for place, index in zip(group, names, strict=True):
                changed[place] = replace(
                    changed[place], metric=reading.metrics[index], phrase=reading.phrases[index], foreign=False
                )
        methods = _run(_ENTITIES, before, len(group), last=True) or _run(_ENTITIES, after, len(group), last=False)
        if methods and not any(found[place].subject for place in group):
            over = bool(
                re.search(
                    rf"\b(?:{_REFERENCE}|(?:{_VERSUS.pattern})\w*) (?:(?!<)\S+ ){{0,3}}$",
                    (before + after).partition(f"<E{methods[0]}>")[0],
                )
            )
            for place, index in zip(group, methods, strict=True):
                label = reading.entities[index]
                changed[place] = replace(
                    changed[place], subject="" if over else label, against=label if over else changed[place].against
                )
    return changed


def _run(pattern: re.Pattern[str], code: str, count: int, last: bool) -> list[int]:
    """The numbers of the names in a list of exactly `count`: the last such list of `code`, or the first."""
    kind = "M" if pattern is _METRICS else "E"
    lists = [re.findall(rf"<{kind}(\d+)>", match.group()) for match in pattern.finditer(code)]
    fitting = [[int(i) for i in one] for one in lists if len(set(one)) == count == len(one)]
    return (fitting[-1] if last else fitting[0]) if fitting else []


_FROM_TO = lazy(
    rf"\b(?:from|between) (?P<a>{N})(?: (?!<|,|;)[^\s()]+){{0,4}}(?: <E\d+>)?(?: \))? (?:to|→) (?:(?!<)\S+ ){{0,2}}?(?P<b>{N})"
)
_ARROW = lazy(rf"(?P<a>{N}) ?(?:→|- >|vs \.|vs|versus|compared (?:to|with)) (?:(?!<N|,|;)\S+ ){{0,3}}?(?P<b>{N})")
_OWN = lazy(rf"<E\d+>(?: (?!<|,|;|\()\S+)? \( (?P<a>{N}) \) (?:(?!<N|;)\S+ ){{1,12}}?<E\d+>(?: (?!<|,|;|\()\S+)? \( (?P<b>{N}) \)")


def _with_pairs(reading: Reading, found: list[Change]) -> list[Change]:
    """The two values that a sentence gives for a change: `from A to B`, `A vs B`, `x (A) ... y (B)`."""
    taken = {one.index for one in found}
    pairs: list[tuple[int, int, Number, Number]] = []
    for pattern in (_FROM_TO, _ARROW, _OWN):
        for match in pattern.finditer(reading.code):
            indices = [int(match[name][2:-1]) for name in ("a", "b")]
            inside = re.findall(N, match.group())
            if (
                not taken & set(indices)
                and len(inside) == 2
                and not any(match.start() < p[1] and p[0] < match.end() for p in pairs)
            ):
                pairs.append((match.start(), match.end(), reading.numbers[indices[0]], reading.numbers[indices[1]]))
    pairs.sort(key=lambda pair: pair[0])
    if not pairs or len(pairs) > len(found):
        return found
    if len(found) == 1:
        start, end, a, b = pairs[0]
        one = found[0]
        between = reading.code[min(end, one.end) : max(start, one.start)]
        return found if len(between) > 160 or re.search(rf"\b{WORD}\b|<M\d+> {_NOUN}\b", between) else [replace(one, pair=(a, b))]
    given = []
    for place, one in enumerate(found):
        after = found[place + 1].start if place + 1 < len(found) else len(reading.code)
        before = found[place - 1].end if place else 0
        behind = [pair for pair in pairs if one.end <= pair[0] < after]
        ahead = [pair for pair in pairs if before <= pair[0] and pair[1] <= one.start]
        # All pairs on one side of their changes, or none is told.
        every_behind = pairs[0][0] > found[0].start
        mine = behind if every_behind else ahead
        given.append(replace(one, pair=(mine[0][2], mine[0][3])) if len(mine) == 1 else one)
    return given


def against_of(reading: Reading) -> list[str]:
    """Methods that the sentence compares with: after `over`, `compared to`, `outperforms`."""
    found = [match["e"] for pattern in (_AGAINST, _AGAINST_VERB) for match in pattern.finditer(reading.code)]
    return list(dict.fromkeys(reading.entities[int(index)] for index in found))


def clause_of(code: str, place: int) -> str:
    """The part of a sentence that a change stands in."""
    start = max((match.end() for match in _CUT.finditer(code[:place])), default=0)
    end = _CUT.search(code[place:])
    return code[start : place + end.start() if end else len(code)]


def operands(reading: Reading, found: list[Change]) -> Iterator[Number]:
    """Numbers of the sentence that are no changes."""
    taken = {one.index for one in found}
    yield from (number for index, number in enumerate(reading.numbers) if index not in taken)
