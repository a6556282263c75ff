"""Finds in a sentence the methods, metrics and numbers that tables name, so that a grammar can be laid over it.

For prose and arithmetic.

A sentence becomes a string of lower-case words in which a method of a table is `<E3>`, a method that the table has not is `<U>`,
a metric `<M1>` and a number `<N0>`: `our ridge (0.42) beats OLS in RMSE` is `our <E0> ( <N0> ) beats <E1> in <M0>`.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from ...patterns import lazy
from .grid import Grid, Line
from .measures import CHANGE, FILLERS, MARKS, TURNED, core, direction
from .quantities import Number, numbers_in
from .words import words

NOUN = (
    r"(?:model|method|baseline|approach|agent|variant|policy|strategy|configuration|system|framework|version|algorithm|"
    r"classifier|network|estimator|condition)"
)
_FOLLOWED = lazy(rf"\s+{NOUN}\b(?!s)", re.I)
_PLURAL = lazy(rf"[ -]+(?:{NOUN}s|approaches|policies|strategies)\b", re.I)
_OTHER_THING = lazy(r"^\s*(?:w/o|without|variants?\b|ablation|minus|plus|\+|-?based\b|with (?!(?:an?|the|its|only)\b|\d))", re.I)
_OTHER_BEFORE = lazy(
    r"\b(?:vanilla|non|fine-?tuned|modified|original|simplified|simple|basic|(?!under)un\w+ed|improved|naive|pre-?trained|deep|"
    r"than just)[ -]$",
    re.I,
)
_TOKEN = lazy(r"['’]s\b|[A-Za-z][\w@/²-]*|\S")
_LONG = lazy(
    r"\b(?:(mean reciprocal rank)|(root[- ]mean[- ]squared?[- ]error)|(mean[- ]absolute[- ]error)|(mean[- ]squared?[- ]error)|"
    r"(area under the (?:roc )?curve))"
    r"(?: \((?:MRR|RMSE|MAE|MSE|AUC|AUROC)\))?",
    re.I,
)
_SHORT = ("MRR", "RMSE", "MAE", "MSE", "AUC")
_STANDS_ALONE = lazy(
    r"\s*(?:$|[.,;:()—–]|'s\b|(?:and|or|in|on|at|for|by|with|than|to|is|was|has|had|over|from|as|while|but|across|under|compared|"
    r"relative|"
    r"also|only|both|consistently|significantly|slightly|clearly|respectively)\b|(?:\w+ly )?(?:achiev|attain|obtain|yield|show|"
    r"reach|reduc|improv|"
    r"outperform|surpass|exceed|beat|underperform|lower|rais|increas|decreas|cut|gain|give|gave|perform|deliver|exhibit|"
    r"demonstrat|record|"
    r"report|scor|produc|provid|maintain|remain|win|drop|lose|lost)\w*\b)"
)
_COMMON_WORDS = """
full static online offline hybrid standard random none all simple base default original attention linear adaptive mean median
global local small large medium low high fast slow greedy uniform combined proposed ours other total single multi basic
direct naive human control treatment model method average best worst true false yes no on off with without early late train
test clean noisy easy hard dynamic fixed learned dense sparse deep shallow weighted balanced text image audio data set time
context memory token input output both
"""
_COMMON = frozenset(_COMMON_WORDS.split())
"""Words that a table uses as a label and a text as a word."""
MAX_NAMES = 300
MAX_PHRASE = 5
"""Words of a metric's name."""
CLOSED = frozenset(
    [
        "the",
        "a",
        "an",
        "of",
        "its",
        "their",
        "and",
        "or",
        "in",
        "on",
        "at",
        "for",
        "by",
        "with",
        "than",
        "to",
        "is",
        "was",
        "value",
        "values",
    ]
)
"""Words that neither begin nor end a metric's name."""


class Reading(NamedTuple):
    """A sentence with its mentions."""

    code: str
    entities: tuple[str, ...]
    """Row labels, as the tables write them; `<E0>` is the first."""
    metrics: tuple[frozenset[str], ...]
    """Words of the metric phrases."""
    phrases: tuple[str, ...]
    """The same as written."""
    numbers: tuple[Number, ...]


@dataclass
class Lexicon:
    """The names that the tables of one document (or data) use."""

    grids: Sequence[Grid]
    title: str = ""
    """Title of the document: a method whose name stands in it is the proposed one."""
    _variants: dict[str, str] = field(init=False, default_factory=dict)
    """Lower-case letters and digits of a way to write a label -> label; `` when two labels share it."""

    _read: dict[str, Reading] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        labels: dict[str, None] = {}
        for grid in self.grids:
            for row in grid.rows:
                for label in row.labels:
                    # `Score Filtering` is a method where its column is titled so, and a metric elsewhere.
                    method = direction(label) == 0 or bool(re.search(rf"\b{NOUN}s?\b", grid.corner, re.I))
                    if re.search(r"[A-Za-z]{2}", label) and len(label) < 60 and not CHANGE.search(label) and method:
                        labels.setdefault(label)
        firsts = Counter(first for label in labels if (first := _first(label)))
        for label in list(labels)[:MAX_NAMES]:
            # `AGT` for `AGT-MLM` where no other label begins with it.
            short = [_first(label)] if firsts[_first(label)] == 1 else []
            for variant in (*_ways(label), *short):
                key = _key(variant)
                known = self._variants.setdefault(key, label)
                if _key(known) != _key(label):
                    exact = [one for one in (known, label) if _key(one) == key]
                    self._variants[key] = exact[0] if len(exact) == 1 else ""

    @cached_property
    def _names(self) -> re.Pattern[str] | None:
        told = set(self._variants.values()) - {""}
        ways = {shape for label in told for way in _ways(label) if (shape := _shape(way))}
        ways |= {shape for label in told if self._variants.get(_key(_first(label))) == label and (shape := _shape(_first(label)))}
        if not ways:
            return None
        return re.compile(rf"(?<![\w@-])(?:{'|'.join(sorted(ways, key=len, reverse=True))})(?![\w@])", re.I)

    @cached_property
    def _numbered(self) -> re.Pattern[str] | None:
        """Titles of columns that hold a number (`keep 5 %`): it is a part of the name."""
        titles = {grid.columns[index] for grid in self.grids for index in grid.measured}
        shapes = {
            r"\s*".join(re.escape(part) for part in re.findall(r"\d+(?:\.\d+)?|[^\W\d]+|[^\w\s]", title))
            for title in titles
            if re.match(
                r"^(?:[A-Za-z][\w-]*(?: [\w-]+){0,3} )?\d+(?:\.\d+)?(?: ?%| [a-z]+)$|^[A-Za-z][\w-]*(?: [\w-]+){0,3} \d+$", title
            )
        }
        return (
            re.compile(rf"(?<![\w-])(?:{'|'.join(sorted(shapes, key=len, reverse=True)[:MAX_NAMES])})(?!\w)", re.I)
            if shapes
            else None
        )

    @cached_property
    def columns(self) -> list[frozenset[str]]:
        """Core words of every column."""
        found = {core(grid.columns[index]) for grid in self.grids for index in grid.measured}
        return [one for one in found if one]

    @cached_property
    def _vocabulary(self) -> frozenset[str]:
        return frozenset().union(*self.columns)

    def _may_open(self, word: str) -> bool:
        """Whether a metric's name can begin with this word."""
        return word[0].isalpha() and word not in CLOSED and (word in FILLERS or bool(core(word) & self._vocabulary))

    @cached_property
    def proposed(self) -> str:
        """The label of the proposed method, when the title or a mark names exactly one; else empty."""
        labels = {row.labels[0] for grid in self.grids for row in grid.rows if row.labels}
        told = {label for label in labels if _shape(label) and re.search(rf"(?<![\w-]){_shape(label)}(?![\w-])", self.title, re.I)}
        told = {label for label in told if not re.fullmatch(r"[a-z]+", label)}
        return told.pop() if len(told) == 1 else ""

    def read(self, text: str) -> Reading:
        """Encode a sentence."""
        if text not in self._read:
            self._read[text] = self._encode(_LONG.sub(_shorten, text))
        return self._read[text]

    def _encode(self, text: str) -> Reading:
        entities: list[str] = []
        spans: list[tuple[int, int, str]] = []
        if self._numbered is not None:
            spans += [(match.start(), match.end(), "<T>") for match in self._numbered.finditer(text)]
        if self._names is not None:
            for match in self._names.finditer(text):
                if any(start < match.end() and match.start() < end for start, end, code in spans if code == "<T>"):
                    continue
                label = self._variants.get(_key(match.group()), "")
                code = self._judge(text, match, label)
                if code == "E":
                    if label not in entities:
                        entities.append(label)
                    spans.append((match.start(), match.end(), f"<E{entities.index(label)}>"))
                elif code == "U":
                    spans.append((match.start(), match.end(), "<U>"))
        if self.proposed:
            for match in re.finditer(rf"\b(?:our|the proposed) (?:proposed )?{NOUN}\b", text, re.I):
                if not any(start < match.end() and match.start() < end for start, end, _ in spans):
                    if self.proposed not in entities:
                        entities.append(self.proposed)
                    spans.append((match.start(), match.end(), f"<E{entities.index(self.proposed)}>"))
        spans.sort()
        covered = "".join(text)
        for start, end, _ in spans:
            covered = covered[:start] + "\0" * (end - start) + covered[end:]
        # The 5 of `Recall@5` is a part of its name.
        numbers = [n for n in numbers_in(covered) if n.text and not covered[: n.start].endswith("@")]
        for index, number in enumerate(numbers):
            length = len(number.text)
            start = number.start + (len(covered[number.start :]) - len(covered[number.start :].lstrip()))
            spans.append((start, start + length, f"<N{index}>"))
        spans.sort()
        pieces: list[str] = []
        raw: list[str] = []
        at = 0
        for start, end, code in [*spans, (len(text), len(text), "")]:
            if start < at:
                continue
            for token in _TOKEN.findall(text[at:start]):
                pieces.append(token.lower().replace("’", "'"))
                raw.append(token)
            if code:
                pieces.append(code)
                raw.append(text[start:end])
            at = end
        metrics: list[frozenset[str]] = []
        phrases: list[str] = []
        coded = self._mark(pieces, raw, metrics, phrases)
        return Reading(" ".join(coded), tuple(entities), tuple(metrics), tuple(phrases), tuple(numbers))

    def _judge(self, text: str, match: re.Match[str], label: str) -> str:
        """`E` for a mention of a method, `U` for something of a similar name, `` for a common word."""
        if not label:
            return "U"
        after = text[match.end() : match.end() + 40]
        before = text[max(0, match.start() - 20) : match.start()]
        said = match.group()
        if re.fullmatch(r"[a-z]+", said) and not _FOLLOWED.match(after):
            # `ridge` is a name where no noun follows (`ridge loss` is none); `full` never is without one.
            named = re.search(r"\bthe $", before) if said == "baseline" else said not in _COMMON and _STANDS_ALONE.match(after)
            if not named:
                return ""
        if _PLURAL.match(after) or after.startswith("-"):
            return "U"
        if _OTHER_THING.match(after) or (_OTHER_BEFORE.search(before) and not _OTHER_BEFORE.search(label[:1])):
            return "U"
        return "E"

    def _mark(self, pieces: list[str], raw: list[str], metrics: list[frozenset[str]], phrases: list[str]) -> list[str]:
        """Replace metric phrases: the longest run of words, all of which one column's name has."""
        coded: list[str] = []
        index = 0
        while index < len(pieces):
            if pieces[index] == "<T>":
                coded.append(f"<M{len(metrics)}>")
                metrics.append(words(raw[index]))
                phrases.append(raw[index])
                index += 1
                continue
            reach = min(MAX_PHRASE, len(pieces) - index) if self._may_open(pieces[index]) else 0
            for length in range(reach, 0, -1):
                run = pieces[index : index + length]
                if any(part.startswith("<") or not part[0].isalpha() for part in run) or run[-1] in CLOSED:
                    continue
                found = core(" ".join(raw[index : index + length]))
                if found and not found <= FILLERS and any(found <= column for column in self.columns) and _is_metric(run, found):
                    coded.append(f"<M{len(metrics)}>")
                    metrics.append(words(" ".join(raw[index : index + length])))
                    phrases.append(" ".join(raw[index : index + length]))
                    index += length
                    break
            else:
                coded.append(pieces[index])
                index += 1
        return coded


def _shorten(match: re.Match[str]) -> str:
    return next(short for short, long in zip(_SHORT, match.groups(), strict=True) if long)


def _is_metric(run: list[str], found: frozenset[str]) -> bool:
    """A single common word is a metric only when it is known as one."""
    return len(found) > 1 or direction(" ".join(run)) != 0 or not re.fullmatch(r"[a-z]+", run[-1])


def columns_of(grid: Grid, metric: frozenset[str]) -> tuple[int, ...]:
    """The columns that a metric phrase can mean: the one of exactly its words, else all that have them."""
    wanted = core(" ".join(sorted(metric)))
    named = {
        index: core(grid.columns[index]) for index in grid.measured if not CHANGE.search(grid.columns[index]) or wanted & TURNED
    }
    exact = tuple(index for index, found in named.items() if found == wanted)
    chosen = exact or tuple(index for index, found in named.items() if wanted <= found)
    marked = metric & MARKS
    told = tuple(index for index in chosen if marked <= words(grid.columns[index])) if marked else ()
    return told or chosen


def rows_of(grid: Grid, label: str) -> list[tuple[Line, int]]:
    """Rows that bear a label, with the position of the label among their names."""
    key = _key(label)
    return [
        (row, place)
        for row in grid.rows
        for place, one in enumerate(row.labels)
        if _key(one) == key or key in map(_key, _ways(one))
    ]


def _key(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.lower())


def _shape(label: str) -> str:
    parts = re.findall(r"[A-Za-z]+|\d+(?:\.\d+)?|[^\W\d_]+", label)
    return r"[\s_–/()-]{0,3}".join(re.escape(part) for part in parts) if parts and sum(map(len, parts)) > 1 else ""


def _first(label: str) -> str:
    """The part before the first blank or dash of a label of several, if it is written like a name: `AGT` of `AGT-MLM`."""
    first, mark, _ = re.sub(r"[\s_-]+", "\0", label.strip()).partition("\0")
    return first if mark and len(first) >= 3 and sum(char.isupper() for char in first) >= 2 and not first[-1].isdigit() else ""


def _ways(label: str) -> list[str]:
    """How a label may be written: whole, without its remark in parentheses, without a citation mark."""
    plain = re.sub(r"\s*\[\d+(?:\s*,\s*\d+)*\]", "", label).strip()
    bare = re.sub(r"\s*\([^)]*\)", "", plain).strip()
    inner = re.findall(r"\(([A-Za-z][\w-]{2,20})\)", plain)
    return list(dict.fromkeys(way for way in (plain, bare, *inner) if len(way) > 1 and words(way)))
