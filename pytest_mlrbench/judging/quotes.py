"""Looks up what a judge quotes in the files of the work, and says where it stands or why it counts for nothing; form.py calls it.

A quotation counts when its words stand in one file in this order. Not compared are white space and line ends, the shape of
quotation marks and dashes, upper and lower case, Markdown's marks of emphasis, tables and headings, and backslashes. Numbers are
never cut: `0.9` is not found in `0.97`.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from ..evidence.events import EVIDENCE
from ..records import Passage
from ..stages.outputs import TEXT_CAP, NotReadable, clean, read_text
from .work import Part, Work

RULES = "1"
"""Version of these rules: part of the form's protocol."""
SHORTEST = 12
"""Characters of the least quotation, after normalising; a shorter one must be a whole line with a number, as a table row is."""
LEAST_LINE = 3
"""Letters and digits of such a line."""
TELLING = 6
"""Letters and digits that any other quotation must hold: a ruled line is no evidence."""
LONGEST = 4_000
"""Characters of a quotation that is looked up."""
REACH = 1_500
"""Normalised characters from the first to the last fragment of a quotation with an ellipsis."""
MOST_LINES = 40
"""Lines that a quotation is said to cover; a longer one speaks of its beginning."""
SHOWN = 300
"""Characters of a quotation as it is stored."""
READ = 4 * 2**20
"""Bytes of one file that are searched."""
SEARCHED = 32 * 2**20
"""Characters of all files together that are searched."""
CONTEXT = ("proposal", "related_work")
"""Parts that can contradict a work and are not the work."""

_FILE = {"paper": "paper.md", "proposal": "proposal.md", "related_work": "related_work.md"}
_DROPPED = str.maketrans(
    {
        **dict.fromkeys("*_`\\$~", ""),
        **dict.fromkeys("|#>", " "),
        **dict.fromkeys("‘’‚‛′", "'"),
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", ""),
    }
)
_GAP = re.compile(r"\s*[\[(]?\s*\.{3,}\s*[\])]?\s*")
_EVENT = re.compile(r"#(\d+) ")
_SWALLOWED = str.maketrans({"\x08": "\\b", "\x0c": "\\f", "\t": "\\t", "\r": "\\r"})
"""What JSON makes of the `\\b` of an unescaped `\\beta`."""


class NotFound(Exception):
    """A quotation that counts for nothing; the message says why."""


class Exhibits:
    """The files of one work, each read and normalised when a quotation is first looked for in it."""

    def __init__(self, work: Work) -> None:
        self._texts = [_Text(part) for part in work.parts if part.kind != "figure"]

    def find(self, file: str, text: str) -> Passage:
        """Where `text` stands: in the file that is named if it is there, else in the first other one that holds it.

        Raises NotFound.
        """
        wanted = _Wanted.of(text)
        searched = 0
        for candidate in self._order(file):
            searched += len(candidate.lines_text)
            if searched > SEARCHED:
                break
            span = candidate.span(wanted)
            if span is not None:
                return candidate.passage(*span, wanted)
        raise NotFound("quote not found")

    def _order(self, file: str) -> Iterator["_Text"]:
        """All texts, those that `file` may name first, then reports before what they rest on."""
        asked = file.strip().strip("`'\"").removeprefix("./").lstrip("/").casefold()
        named = [one for one in self._texts if one.called(asked)]
        yield from named
        yield from sorted((one for one in self._texts if one not in named), key=lambda one: one.rank)


@dataclass(frozen=True)
class _Wanted:
    """A quotation, normalised."""

    shown: str
    variants: tuple[tuple[str, ...], ...]
    """Ways to read it, each as fragments in order."""
    short: bool
    """Counts as a whole line only."""

    @classmethod
    def of(cls, text: str) -> "_Wanted":
        text = text[:LONGEST]
        readings = dict.fromkeys((text, text.replace("\\n", "\n").replace("\\t", " "), text.translate(_SWALLOWED)))
        whole = tuple((_bare(normalised(reading)),) for reading in readings)
        length = max(len(one[0]) for one in whole)
        letters = _letters(whole[0][0])
        short = length < SHORTEST
        if letters < (LEAST_LINE if short else TELLING) or (short and not re.search(r"\d", whole[0][0])):
            raise NotFound("quote too short")
        gapped: list[tuple[str, ...]] = []
        if not short:
            for (one,) in whole:
                fragments = tuple(bare for part in _GAP.split(one) if (bare := _bare(part)))
                if fragments and fragments != (one,) and all(len(part) >= SHORTEST for part in fragments):
                    gapped.append(fragments)
        return cls(clean(text).strip(), (*whole, *gapped), short)


class _Text:
    """One part of the work."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.file = _FILE.get(part.name, part.name)

    @property
    def rank(self) -> int:
        """Reports, other results, code, the command log, what came before."""
        name = self.part.name
        if name in ("results/results.md", "paper"):
            return 0
        if name in CONTEXT:
            return 4
        return 3 if name == "commands" else {"results": 1, "log": 1, "code": 2}.get(self.part.kind, 4)

    def called(self, asked: str) -> bool:
        """Whether `asked` (case-folded) may mean this part."""
        names = {self.part.name.casefold(), self.file.casefold()}
        if self.part.name == "commands":
            names |= {EVIDENCE, "command log"}
        return asked in names or any(asked.endswith(f"/{name}") or name.endswith(f"/{asked}") for name in names if asked)

    @cached_property
    def lines(self) -> list[str]:
        """As in the file itself where the judge was given only its ends, so that line numbers are the file's."""
        part = self.part
        text = part.text
        if part.path is not None:
            try:
                if part.path.lstat().st_size > TEXT_CAP:
                    text = read_text(part.path.parent, part.path.name, READ).text
            except (OSError, NotReadable):
                pass  # gone or changed since: what was gathered is what the judge saw
        return text.split("\n")

    @cached_property
    def _joined(self) -> tuple[str, list[int], list[int], list[str]]:
        """The normalised text on one line; where each of its lines begins there; the number and the words of each."""
        starts, numbers, kept = [], [], []
        at = 0
        for number, line in enumerate(self.lines, 1):
            words = normalised(line)
            if words:
                starts.append(at)
                numbers.append(number)
                kept.append(words)
                at += len(words) + 1
        return " ".join(kept), starts, numbers, kept

    @property
    def lines_text(self) -> str:
        return self._joined[0]

    def span(self, wanted: _Wanted) -> tuple[int, int] | None:
        """First and last line (1-based) of the first place where `wanted` stands."""
        text, starts, numbers, kept = self._joined
        if wanted.short:
            alone = {one for (one,) in wanted.variants}
            number = next((number for number, line in zip(numbers, kept, strict=True) if _bare(line) in alone), None)
            return None if number is None else (number, number)
        for fragments in wanted.variants:
            found = _places(text, fragments)
            if found is not None:
                first = numbers[bisect_right(starts, found[0]) - 1]
                last = numbers[bisect_right(starts, found[1] - 1) - 1]
                return first, min(last, first + MOST_LINES - 1)
        return None

    def passage(self, first: int, last: int, wanted: _Wanted) -> Passage:
        """The place as a reader finds it; the words are the file's own where they are few."""
        own = "\n".join(self.lines[first - 1 : last]).strip()
        shown = own if len(own) <= SHOWN else wanted.shown
        shown = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}..."
        if self.part.name == "commands":
            return Passage(file=EVIDENCE, line=self._event(first), last=self._event(last), quote=shown)
        return Passage(file=self.file, line=first, last=last, quote=shown)

    def _event(self, line: int) -> int:
        """The number of the event that a line of the command log tells of, which is its line in the ledger."""
        for text in reversed(self.lines[:line]):
            if match := _EVENT.match(text):
                return int(match.group(1))
        return 1


def normalised(text: str) -> str:
    """`text` as quotations are compared."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.translate(_DROPPED).casefold().split())


def _bare(text: str) -> str:
    """Without the marks that a quotation is often ended or set off with."""
    return text.strip(" .,;:'\"")


def _letters(text: str) -> int:
    return sum(char.isalnum() for char in text)


def _places(text: str, fragments: tuple[str, ...]) -> tuple[int, int] | None:
    """Begin and end of `fragments` in `text`, in order and near each other."""
    begin = _place(text, fragments[0], 0)
    while begin is not None:
        end = begin + len(fragments[0])
        for fragment in fragments[1:]:
            at = _place(text, fragment, end)
            if at is None:
                return None  # not behind this place, so not behind a later one
            end = at + len(fragment)
        if end - begin <= REACH or len(fragments) == 1:
            return begin, end
        begin = _place(text, fragments[0], begin + 1)
    return None


def _place(text: str, wanted: str, start: int) -> int | None:
    """The first place from `start` on where `wanted` stands without cutting a word or a number."""
    at = text.find(wanted, start)
    while at >= 0:
        if not _cuts_before(text, at) and not _cuts_after(text, at + len(wanted)):
            return at
        at = text.find(wanted, at + 1)
    return None


def _cuts_before(text: str, at: int) -> bool:
    if at == 0 or not text[at].isalnum():
        return False
    before, earlier = text[at - 1], text[at - 2] if at > 1 else " "
    if not text[at].isdigit():
        return before.isalnum()
    return before.isalnum() or (before in ".," and earlier.isdigit()) or (before in "-." and not earlier.isalnum())


def _cuts_after(text: str, end: int) -> bool:
    if end == len(text):
        return False
    last, after, later = text[end - 1], text[end], text[end + 1 : end + 2]
    if last.isalnum() and after.isalnum():
        return True
    if last.isdigit():
        return after in ".," and later.isdigit()
    return last in ".," and text[end - 2 : end - 1].isdigit() and after.isdigit()
