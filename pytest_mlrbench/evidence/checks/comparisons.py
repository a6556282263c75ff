"""The grammar of comparative claims: what a sentence says is higher, lower, better or best, of what and against what.

Used by prose.

It is laid over the strings of mentions.py. A form that it does not know is no claim: it would rather miss than misread.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from ...patterns import lazy
from .mentions import NOUN, Reading
from .sentences import NEGATED, UNSURE

Sense = Literal["higher", "lower", "better", "worse"]
_ADVERB = r"(?:\w+ly|also|both|again|even|far|much|still|further|thus|therefore|always|often)"
_E = r"<E\d+>"
_PAREN = r"(?: \( [^()]{0,60} \))?"
_EN = rf"(?:the )?(?:proposed )?{_E}(?: {NOUN})?{_PAREN}"
_ES = rf"{_EN}(?:(?: ,)?(?: and)? {_EN}){{0,5}}"
_SUBJECT = rf"(?P<subject>{_ES})(?: {_ADVERB})*"
_GENERAL = (
    r"(?:(?:all|both|every|each|any)(?: of)? )?(?:the |its )?(?:<N\d+> )?"
    r"(?:(?:other|remaining|competing|existing|baseline|alternative|compared|evaluated|tested|three|two|four|five|six|strong|"
    r"state-of-the-art) )*"
    r"(?:methods|models|baselines|approaches|variants|agents|algorithms|techniques|competitors|alternatives|strategies|others|"
    r"systems"
    r"|method|model|approach|baseline|alternative)"
)
_OBJECT = rf"(?P<object>{_ES}|{_GENERAL})"
_GET = (
    r"(?:achiev|attain|obtain|yield|show|reach|exhibit|demonstrat|deliver|provid|maintain|record|produc|report|scor|display|offer|"
    r"retain|gain|achiv|register)(?:e|es|ed|s|ing)?|has|had|have|having|is|was|gives|gave"
)
_M = r"(?:overall |average |mean )?<M\d+>"
_MS = rf"{_M}(?: of <N\d+>)?{_PAREN}(?:(?: ,)?(?: and)?(?: the)? {_M}(?: of <N\d+>)?{_PAREN}){{0,6}}"
_FIGURES = r"(?: \( [^()]{0,80} \)| of <N\d+>| at <N\d+>| ,| respectively| in [a-z-]+ing [a-z-]+)*"
_HIGH = r"higher|greater|larger"
_LOW = r"lower|smaller|fewer"
_BETTER = r"better|superior|stronger|improved"
_WORSE = r"worse|inferior|poorer|weaker"
_THAN = r"(?:than|compared (?:to|with)|relative to|over|versus|vs \.|vs)(?: that of| those of)?"
_PAIR = lazy(rf"{_SUBJECT} (?P<verb>outperform|surpass|beat|underperform|exceed)(?:s|es|ed)?(?: {_ADVERB})? {_OBJECT}(?P<rest>.*)")
_MORE = lazy(
    rf"{_SUBJECT} (?:{_GET})(?: an?| the| {_ADVERB})* (?P<sense>{_HIGH}|{_LOW}|{_BETTER}|{_WORSE}) (?P<metrics>{_MS}){_FIGURES} "
    rf"{_THAN} "
    rf"{_OBJECT}(?P<rest>.*)"
)
_OWNED = lazy(
    rf"(?P<subject>(?:the )?{_E}) (?:{NOUN} )?'s (?P<metrics>{_M}){_FIGURES} (?:is|was|remains|remained|stays)(?: {_ADVERB})* "
    rf"(?P<sense>{_HIGH}|{_LOW}|{_BETTER}|{_WORSE}) {_THAN} {_OBJECT}(?P<rest>.*)"
)
_OF = lazy(
    rf"(?P<metrics>{_M}) (?:of|for) (?P<subject>{_EN}){_FIGURES} (?:is|was|remains|remained)(?: {_ADVERB})* "
    rf"(?P<sense>{_HIGH}|{_LOW}|{_BETTER}|{_WORSE}) {_THAN} {_OBJECT}(?P<rest>.*)"
)
_MOST = lazy(
    rf"{_SUBJECT} (?:{_GET})(?: the| {_ADVERB})*(?: overall)? (?P<sense>highest|lowest|best|worst|largest|smallest|greatest|top)"
    rf"(?: overall)? (?P<metrics>{_MS})(?P<rest>.*)"
)
_MOST_BY = lazy(
    rf"(?:the|^) ?(?:overall )?(?P<sense>highest|lowest|best|worst|largest|smallest|greatest) (?:overall "
    rf")?(?P<metrics>{_M}){_FIGURES} "
    rf"(?:(?:is|was|were|are) )?(?:achieved|obtained|attained|reached|observed|recorded|produced|delivered|shown|seen|reported|"
    rf"found) "
    rf"(?:by|for|with|in) (?P<subject>{_EN})(?P<rest>.*)"
)
_ALL = r"(?:all|every|each|both)(?: of)?(?: the| our)?(?: <N\d+>| three| two| four| five| six)?(?: \w+)?"
_THINGS = r"(?:metrics?|measures?|criteria|criterion|dimensions?|indicators?)"
_BEST_ALL = lazy(
    rf"{_SUBJECT} (?:{_GET}|performs?|performed)(?: the| {_ADVERB})* (?:best|highest|superior|strongest|top)(?: overall)?"
    rf"(?: results| performance| scores?| values?| numbers)? (?:on|across|in|for) {_ALL} {_THINGS}(?P<rest>.*)"
)
_EVERY = lazy(rf"^(?: ,)? ?(?:on|across|in|for|over|with respect to) {_ALL} (?P<what>{_THINGS}|\w+)")
_BY = lazy(rf"^(?: ,)? ?(?:in terms of|in|on|for|with respect to|regarding|by) (?:the |both |all )?(?P<metrics>{_MS})(?P<tail>.*)")
_ON_SOMETHING = lazy(r"^(?: ,)? ?(?:on|in|for|under|at|within|during|across|with|when|as|after|before|over|among|by)\b")
_TAIL = lazy(
    r" , (?:suggesting|indicating|demonstrating|confirming|highlighting|showing|reflecting|leading|which|as|particularly|"
    r"especially|with (?:the (?:advantage|gap|largest|most)|an? )|making|supporting)\b.*"
)
_CUT = lazy(
    r" ; | , (?:while|whereas|but|although|though|yet|and <E|however)\b| (?:while|whereas|although|though|despite|but|however) | "
    r"\. | : "
)
_GERUND = lazy(
    rf"{_SUBJECT} (?:{_GET}) (?P<middle>.*?) (?:,|—|–)(?: {_ADVERB})* (?P<verb>outperform|surpass|beat|exceed)(?:t?ing) "
    rf"{_OBJECT}(?P<rest>.*)"
)
_LISTED = lazy(
    rf"^(?:the )?(?P<sense>highest|lowest|best|worst)(?: overall)? (?P<metrics>{_M})(?: \( [^()]{{0,30}} \))? : "
    rf"(?P<subject>{_EN})(?: \W.*|$)(?P<rest>)"
)
_NOT_SUBJECT = lazy(
    r"(?:\b(?:of|than|over|by|between|from|in|on|for|to|with|against|like|using|via|under|without|versus|vs|or|and|than the|among|"
    r"as|"
    r"after|when)|<E\d+>|<U>|[,/&+]) (?:the )?$"
)
_OPEN = lazy(
    r"^(?: [,.;:()]| $|$| (?:on|in|at|for|across|by|with|while|and|but|of|to|among|compared|relative|than|over|followed|as|"
    r"<N\d+>|<E\d+>|overall|respectively|throughout|from|under|between|whereas|although|indicating|suggesting|demonstrating|"
    r"confirming|showing|after|when)\b)"
)
_SUBSET = lazy(
    r"\b(?:among|of) (?:the |all )?(?:<N\d+> )?(?:other )?(?:baselines?|remaining|non|traditional|ablat\w+|variants?)\b|\bamong "
    r"(?:the |all )*(?!the\b|all\b|<|(?:evaluated|compared|tested|methods|models)\b)\w|\bone of\b|\bsecond\b|"
    r"\bnext\b|\bthird\b|\bthan expected\b|\btied\b|\btrade-?off|\bexcept\b|\bratio\b|\bsome\b|\bmost\b|\bmany\b|\bseveral\b|"
    r"\beither\b"
)


# What a clause must hold for the patterns with these words to match: most hold none, and the patterns are dear.
_VERBS = ("outperform", "surpass", "beat", "underperform", "exceed")
_THANS = (" than", " compared ", " relative to", " over ", " versus", " vs")
_SUPERLATIVES = ("highest", "lowest", "best", "worst", "largest", "smallest", "greatest", "superior", "strongest", "top")
_THING_STEMS = ("metric", "measure", "criteri", "dimension", "indicator")


@dataclass(frozen=True)
class Comparison:
    """One claim that a sentence makes."""

    subjects: tuple[str, ...]
    """Labels of the methods of which it is said."""
    objects: tuple[str, ...]
    """Labels of those compared with; empty for all others."""
    sense: Sense
    superlative: bool
    metrics: tuple[frozenset[str], ...] = ()
    """Words of each metric; empty when the sentence names none."""
    phrases: tuple[str, ...] = ()
    universal: bool = False
    """`consistently`, `on all metrics`: one counter-example is enough."""
    said: str = field(default="", compare=False)
    """The claim in the words of the grammar, for messages."""
    every: bool = False
    """`on all metrics`: costs too."""
    single: bool = False
    """The object is one unnamed thing (`the baseline`)."""


def comparisons(reading: Reading) -> Iterator[Comparison]:
    """Every claim of a sentence that the grammar understands."""
    if "<E" not in reading.code:
        return
    listed = _LISTED.search(reading.code)
    if listed:
        yield from _most(reading, listed, False)
        return
    for clause in _CUT.split(reading.code):
        clause = _TAIL.sub("", clause).strip().removeprefix("as expected , ")
        if not clause or len(clause) > 700 or _SUBSET.search(clause) or UNSURE.search(clause) or NEGATED.search(clause):
            continue
        yield from _clause(reading, clause)


def _clause(reading: Reading, clause: str) -> Iterator[Comparison]:
    universal = bool(re.search(r"\b(consistently|uniformly|always|invariably|in every|across the board)\b", clause))
    verb, than = _has(clause, _VERBS), _has(clause, _THANS)
    gerund = _GERUND.search(clause) if verb else None
    if gerund and _is_subject(clause, gerund) and "<E" not in gerund["middle"] + clause[: gerund.start()]:
        claim = _pair(reading, gerund, universal)
        if claim is not None:
            yield claim
            clause = clause[: gerund.end("middle")]
    for pattern in (*((_PAIR,) if verb else ()), *((_MORE, _OWNED, _OF) if than else ())):
        match = pattern.search(clause)
        if match and _is_subject(clause, match):
            claim = _pair(reading, match, universal)
            if claim is not None:
                yield claim
                return
    if not _has(clause, _SUPERLATIVES):
        return
    match = _BEST_ALL.search(clause) if _has(clause, _THING_STEMS) else None
    if match and _is_subject(clause, match):
        yield Comparison(
            _labels(reading, match["subject"]), (), "better", True, universal=True, said="is best on all metrics", every=True
        )
        return
    for pattern in (_MOST, _MOST_BY):
        match = pattern.search(clause)
        if match and (pattern is _MOST_BY or _is_subject(clause, match)) and _OPEN.match(" " + match["rest"].strip()):
            yield from _most(reading, match, universal)
            return


def _has(clause: str, words: tuple[str, ...]) -> bool:
    return any(word in clause for word in words)


def _is_subject(clause: str, match: re.Match[str]) -> bool:
    """What stands before allows the matched name to be the subject."""
    before = clause[: match.start()]
    if re.search(r", (?:the )?$", before) and "<E" not in before and "<U>" not in before:
        return True
    return not _NOT_SUBJECT.search(before) or bool(
        re.search(r"(?:^|, )with (?:the )?$", before) and re.search(r"ing\b", match.group()[:80])
    )


def _most(reading: Reading, match: re.Match[str], universal: bool) -> Iterator[Comparison]:
    sense = {"highest": "higher", "largest": "higher", "greatest": "higher", "lowest": "lower", "smallest": "lower"}
    named: Sense = sense.get(match["sense"], "better" if match["sense"] in ("best", "top") else "worse")  # type: ignore[assignment]
    rest = match["rest"].strip()
    if (
        _ON_SOMETHING.match(rest)
        and not _EVERY.match(rest)
        and not re.match(r"^(?:at|with|of|by) <N|^(?:by|for|with|among) (?:all|<E)", rest)
    ):
        return
    numbers = _indices(match["metrics"], "M")
    yield Comparison(
        _labels(reading, match["subject"]),
        (),
        named,
        True,
        tuple(reading.metrics[i] for i in numbers),
        tuple(reading.phrases[i] for i in numbers),
        universal,
        f"has the {match['sense']}",
    )


def _pair(reading: Reading, match: re.Match[str], universal: bool) -> Comparison | None:
    groups = match.groupdict()
    metrics = _indices(groups.get("metrics") or groups.get("middle") or "", "M")
    rest = (groups.get("rest") or "").strip()
    verb = groups.get("verb")
    if verb:
        sense: Sense = "worse" if verb == "underperform" else "better"
        said = verb + ("ed" if verb != "beat" else "")
    else:
        word = groups["sense"] or ""
        sense = (
            "higher"
            if re.fullmatch(_HIGH, word)
            else "lower"
            if re.fullmatch(_LOW, word)
            else "worse"
            if re.fullmatch(_WORSE, word)
            else "better"
        )
        said = f"has {word}"
    rest = re.sub(
        r"^(?:, )?by (?:up to |about |approximately |over |a \w+ margin|<N\d+>|to|-|percentage|points?|pp|%| |and|respectively|"
        r"relative|"
        r"percent|\( [^()]{0,40} \))*",
        "",
        rest,
    ).strip()
    every = _EVERY.match(rest)
    things = bool(every and re.fullmatch(_THINGS, every["what"]))
    if every:
        universal = True
        if not re.fullmatch(_THINGS, every["what"]) and not metrics and re.search(r"<M", every.group()):
            return None
    elif not metrics:
        by = _BY.match(rest)
        if by:
            metrics = _indices(by["metrics"], "M")
            rest = by["tail"].strip()
            if not _OPEN.match(" " + rest):
                return None
        elif _ON_SOMETHING.match(rest):
            return None
    elif _ON_SOMETHING.match(rest) and not re.match(r"^(?:with|at|by) <N", rest):
        return None
    if not every and rest and not _OPEN.match(" " + rest):
        return None
    objects = _labels(reading, groups["object"] or "")
    if verb == "exceed" and not metrics:
        return None
    single = not objects and not re.search(r"s$|^(?:all|every|each|any|both)", (groups["object"] or "").replace("approaches", "s"))
    return Comparison(
        _labels(reading, groups["subject"]),
        objects,
        sense,
        False,
        tuple(reading.metrics[i] for i in metrics),
        tuple(reading.phrases[i] for i in metrics),
        universal,
        said,
        things,
        single,
    )


def _indices(text: str, kind: str) -> list[int]:
    return [int(found) for found in re.findall(rf"<{kind}(\d+)>", text)]


def _labels(reading: Reading, text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(reading.entities[index] for index in _indices(text, "E")))
