"""Sentences of a document outside tables, code and references, with the line each begins in; the checks on prose read them."""

import re
from dataclasses import dataclass
from functools import cached_property

from ...patterns import lazy
from .documents import REFERENCES, Document

MAX_SENTENCES = 4000
MAX_LENGTH = 900
"""Characters of one sentence that are read."""
_END = lazy(r"(?<=[.!?])[)\"'*_]{0,3}\s+(?=[A-Z\"'(*\[$\\`]|\d+\.\s)")
_SHORT = lazy(r"(?:\b(?:e\.g|i\.e|vs|fig|figs|eq|sec|tab|al|avg|approx|resp|cf|no|etc|ref|dr|w\.r\.t)|\b[A-Z])\.$", re.I)
_ITEM = lazy(r"^\s*(?:[-*+•]|\d{1,2}[.)]|\([a-z\d]\))\s+")
OTHERS_WORK = lazy(
    r"\bet al\b|\(\s*[A-Z][\w'’.-]+(?:\s+(?:and|&)\s+[A-Z][\w'’-]+)?,?\s+(?:19|20)\d\d\)|\((?:19|20)\d\d[a-z]?\)|\bprior (?:work|"
    r"studies)\b"
    r"|\brelated work\b|\brecent (?:work|studies|advances)\b|\bthe literature\b",
    re.I,
)
UNSURE = lazy(
    r"\b(would|could|might|may|should|shall|will|expect\w*|anticipat\w*|hypothes\w*|aim(?:s|ed)?|goal|objective|intend\w*|whether|"
    r"if|"
    r"suppose|assum\w*|predict(?:s|ed)? that|ideally|potential(?:ly)?|promis\w+|future|can|conjectur\w*|unless|suggest\w*|likely|"
    r"plan(?:s|ned)?|propos\w+ to|seek\w*|try|tries|in theory|theoretically|in principle|target\w*)\b",
    re.I,
)
NEGATED = lazy(
    r"\b(not|n't|never|neither|nor|fail(?:s|ed)? to|cannot|contrary|rather than|unlike|no (?:significant|clear|measurable|"
    r"evidence)|"
    r"without|except\w*|apart from|aside from|although|nearly|almost|roughly|comparable|similar|competitive)\b|n['’]t\b",
    re.I,
)


@dataclass(frozen=True)
class Sentence:
    """One sentence."""

    text: str
    """Without emphasis, links and footnote marks; white space is one blank."""
    line: int
    """1-based line it begins in."""
    section: str
    """Title of its section."""
    raw: str
    """The line it begins in, as written."""

    @cached_property
    def of_results(self) -> bool:
        """It may state what was measured: no others' work, no plan, no method section."""
        return not (OTHERS_WORK.search(self.text) or self.text.endswith("?") or REFERENCES.match(self.section))

    @cached_property
    def sure(self) -> bool:
        """States something as measured, not hoped, doubted or denied."""
        return self.of_results and not UNSURE.search(self.text) and not NEGATED.search(self.text)


def sentences_of(document: Document) -> list[Sentence]:
    """All sentences in reading order."""
    table_lines = {row.line for table in document.tables for row in table.rows}
    table_lines |= {table.rows[0].line - back for table in document.tables for back in (1, 2)}
    found: list[Sentence] = []
    block: list[tuple[int, str]] = []
    in_references = False
    fenced = False
    for index, raw in enumerate(document.lines, 1):
        if raw.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
            _close(document, block, found)
            continue
        if raw.lstrip().startswith("#"):
            in_references = bool(REFERENCES.match(raw.lstrip("# ")))
        if (
            fenced
            or in_references
            or index in table_lines
            or not raw.strip()
            or raw.lstrip().startswith(("#", "|", "!", "<", "$$"))
        ):
            _close(document, block, found)
            continue
        if _ITEM.match(raw):
            _close(document, block, found)
        block.append((index, raw))
        if len(found) > MAX_SENTENCES:
            break
    _close(document, block, found)
    return found


def _close(document: Document, block: list[tuple[int, str]], found: list[Sentence]) -> None:
    """Cut a paragraph into sentences."""
    if not block:
        return
    text = ""
    starts: list[tuple[int, int]] = []
    for number, raw in block:
        starts.append((len(text), number))
        text += plain_text(raw) + " "
    block.clear()
    begin = 0
    pieces = []
    for match in _END.finditer(text):
        if not _SHORT.search(text[begin : match.start()]):
            pieces.append((begin, match.start()))
            begin = match.end()
    pieces.append((begin, len(text)))
    for start, end in pieces:
        piece = re.sub(r"\s+", " ", text[start:end]).strip()
        if len(piece) > 12:
            line = [number for place, number in starts if place <= start + 1][-1]
            raw = document.lines[line - 1].strip()
            found.append(Sentence(piece[:MAX_LENGTH], line, document.section(line), raw if len(raw) <= 380 else piece[:380]))


def plain_text(raw: str) -> str:
    """A line without Markdown: emphasis, code marks, links, citation marks and images go, their words stay.

    >>> plain_text("- **Result**: `ridge` wins [3], see [here](http://x.y)")
    'Result: ridge wins, see here'
    """
    text = _ITEM.sub("", raw)
    text = re.sub(r"!\[[^\]]{0,300}\]\([^)]{0,500}\)", " ", text)
    text = re.sub(r"\[([^\]]{0,300})\]\([^)]{0,500}\)", r"\1", text)
    text = re.sub(r"\s*\[\d+(?:\s*[,–-]\s*\d+)*\]", "", text)
    text = re.sub(r"\*\*|__|`|(?<![\w*])\*(?=\S)|(?<=\S)\*(?![\w*])|(?<!\w)_(?=\S)|(?<=\S)_(?!\w)", "", text)
    return text.replace("\\%", "%").replace("\\_", "_").strip()
