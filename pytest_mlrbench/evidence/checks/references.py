"""Reference lists taken apart, in the styles that papers in Markdown have; citations.py and its helpers use the entries."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ...patterns import lazy
from ...search.works import identifiers
from .documents import REFERENCES

MAX_ENTRIES = 400
MAX_ENTRY = 3000
"""Characters of one entry."""
MAX_BIBTEX = 100_000
"""Characters of BibTeX that are parsed."""
YEAR = r"(?:19[5-9]\d|20\d{2})"
_NUMBERED = lazy(r"^\s{0,3}(?:[-*•]\s+)?(?:\\?\[(\d{1,3})\\?\]:?|\((\d{1,3})\)|(\d{1,3})[.)])\s+(?=\S)")
_KEYED = lazy(
    r"^\s{0,3}(?:[-*•]\s+)?(?:\\?\[@?([^\]\n]{2,60})\\?\]:?(?!\()|\\bibitem(?:\[[^\]]{0,80}\])?\{([^}]{1,80})\})\s*(?=\S)"
)
_FOOTNOTE = lazy(r"^\s{0,3}\[\^([^\]]{1,40})\]:\s*")
_BULLET = lazy(r"^\s{0,3}[-*•+]\s+(?=\S)")
_HEADING = lazy(r"^\s{0,3}(#{1,6})\s|^\s*\*\*[^*]{2,60}\*\*:?\s*$|^\\(?:section|chapter)\*?\{")
_AUTHOR_START = lazy(
    r"^\s{0,3}[*_]{0,2}(?:[A-ZÀ-Ž][\w'’‑-]+,\s|(?:[A-ZÀ-Ž]\.[\s-]?){1,3}(?:\w+\s)?[A-ZÀ-Ž]|"
    r"[A-ZÀ-Ž][\w'’‑-]+(?:\s[\w.'’‑-]+){0,4}(?:,|\.|\s\())"
)
_QUOTED = lazy(r"[“\"]([^”\"]{8,300})[”\"]|``([^']{8,300})''|‘([^’]{15,300})’")
_ITALIC = lazy(r"(?<![\w*_])[*_]{1,2}([^*_\n]{12,300})[*_]{1,2}(?![\w*_])")
_LINK = lazy(r"(?<!!)\[([^\]\n]{12,300})\]\(")
_AFTER_YEAR = lazy(rf"[(\[,.]\s?{YEAR}[a-z]?(?:,\s\w+)?\s?[)\],.:]{{1,2}}\s*(.{{8,400}})")
_COLON = lazy(r"^[^:]{3,400}?(?:[A-ZÀ-Ž]\.|al\.?):\s+(.{8,400})")
_INITIALS = lazy(r"^(?:[A-ZÀ-Ž][\w'’‑-]+ (?:[A-ZÀ-Ž]\.){1,3},? ?){1,40}(?:et al\.? )?([A-ZÀ-Ž0-9“].{8,400})")
_PLACES = lazy(
    r"arxiv|proceedings|conference|journal|transactions|advances in|neurips|icml|iclr|lecture notes|workshop|springer|ieee|acm",
    re.IGNORECASE,
)
_STOP = """
a an the of for in on and or to with from by via at is are as its using towards toward into
"""
STOP = frozenset(_STOP.split())


@dataclass(frozen=True)
class Entry:
    """One listed reference."""

    text: str
    line: int
    file: str
    number: int | None = None
    key: str = ""
    """BibTeX key, or the label in brackets."""
    given_title: str = ""
    """Title as a BibTeX field says it."""
    given_year: int | None = None
    given_authors: str = ""

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """As `Work.ids` has them."""
        return identifiers(self.text)

    @cached_property
    def own_ids(self) -> tuple[str, ...]:
        """`ids`, where there is one of each kind at most: an entry with two may speak of another work as well."""
        kinds = [one.partition(":")[0] for one in self.ids]
        return self.ids if len(set(kinds)) == len(kinds) else ()

    @cached_property
    def plain(self) -> str:
        """The text without web addresses and identifiers."""
        text = re.sub(r"https?://\S+|(?:arxiv|doi)\s*[:.]?\s*\S*\d\S*", " ", self.text, flags=re.IGNORECASE)
        return " ".join(text.split())

    @cached_property
    def title(self) -> str:
        return self.given_title or _title(self.plain)[0]

    @cached_property
    def marked(self) -> bool:
        """Whether the title is certain: a field, in quotes, in italics, or the sentence after the year."""
        return bool(self.given_title) or _title(self.plain)[1]

    @cached_property
    def year(self) -> int | None:
        """Year of publication: in brackets behind the authors, else the last one that stands alone."""
        if self.given_year is not None:
            return self.given_year
        outside = self.plain.replace(self.title, " ") if self.title else self.plain
        if bracketed := re.search(rf"[(\[]\s?({YEAR})[a-z]?(?:,\s[^)\]]{{1,20}})?\s?[)\]]", outside):
            return int(bracketed[1])
        alone = re.findall(rf"(?<![\w.:/–-])({YEAR})[a-z]?(?![\w–/-]|\.\d)", outside)
        return int(alone[-1]) if alone else None

    @cached_property
    def head(self) -> str:
        """What stands before title and year: the authors."""
        if self.given_authors:
            return self.given_authors
        ends = [len(self.plain)]
        if self.title and (place := self.plain.find(self.title[:40])) > 0:
            ends.append(place)
        if match := re.search(rf"[(\[,.]\s?{YEAR}", self.plain):
            ends.append(match.start())
        return self.plain[: min(ends)]

    @cached_property
    def surnames(self) -> frozenset[str]:
        """Every capitalised word of the author part, folded: surnames and what looks like them."""
        return frozenset(folded(word) for word in re.findall(r"[^\W\d_][\w'’‑-]+", self.head) if word[0].isupper())


class References(NamedTuple):
    """The reference list of a text."""

    entries: tuple[Entry, ...]
    body_end: int
    """Lines (from the top) that belong to the text and not to the list."""
    after: int
    """First line (0-based) behind the list."""


def folded(text: str) -> str:
    """For comparison: no case, no accents, letters and digits only.

    >>> folded("Müller-Franzes")
    'mullerfranzes'
    """
    flat = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in flat if char.isalnum() and not unicodedata.combining(char))


def title_words(text: str) -> frozenset[str]:
    """Words that tell titles apart, folded and without plural endings."""
    flat = unicodedata.normalize("NFKD", text.casefold())
    flat = "".join(char for char in flat if not unicodedata.combining(char))
    words = (word[:-1] if len(word) > 3 and word.endswith("s") else word for word in re.findall(r"[a-z0-9]+", flat))
    return frozenset(words) - STOP


def references_of(text: str, name: str) -> References:
    """The last reference list of a Markdown or LaTeX text; without one, `body_end` is the whole text."""
    lines = text.splitlines()
    start = _start(lines)
    if start is None:
        return References(tuple(_bibtex(text, name, 0))[:MAX_ENTRIES], len(lines), len(lines))
    end = _end(lines, start)
    block = lines[start + 1 : end]
    entries = _bibtex("\n".join(block), name, start + 1) if any(line.lstrip().startswith("@") for line in block) else []
    return References(tuple(entries or _listed(block, name, start + 1))[:MAX_ENTRIES], start, end)


def _start(lines: list[str]) -> int | None:
    """Line of the list's heading: a Markdown or LaTeX heading, a bold line, or the word alone above something like an entry."""
    for index in range(len(lines) - 1, -1, -1):
        line = lines[index].strip()
        if len(line) > 60 or not line:
            continue
        bare = re.sub(r"^\\(?:section|chapter)\*?\{|[#*_:}]", " ", line).strip()
        if line.startswith("\\begin{thebibliography}"):
            return index
        if not REFERENCES.match(bare):
            continue
        if _HEADING.match(lines[index]):
            return index
        rest = next((one for one in lines[index + 1 : index + 4] if one.strip()), "")
        if re.fullmatch(r"\W*(?:\d+\W*)?(?:references|bibliography)\W*", bare, re.IGNORECASE) and (
            _NUMBERED.match(rest) or _KEYED.match(rest) or _BULLET.match(rest) or _AUTHOR_START.match(rest)
        ):
            return index
    return None


def _end(lines: list[str], start: int) -> int:
    for index in range(start + 1, len(lines)):
        if _HEADING.match(lines[index]) and not _NUMBERED.match(lines[index]):
            return index
    return len(lines)


def _listed(block: list[str], name: str, offset: int) -> list[Entry]:
    """Entries of a list that is numbered, keyed, bulleted, or set in paragraphs."""
    marked = [
        index for index, line in enumerate(block) if any(form.match(line) for form in (_NUMBERED, _KEYED, _FOOTNOTE, _BULLET))
    ]
    starts = set(marked)
    if not marked:
        blank = True
        dense = sum(bool(line.strip()) for line in block) > 1.5 * (1 + sum(not line.strip() for line in block))
        for index, line in enumerate(block):
            if line.strip() and (blank or (dense and _AUTHOR_START.match(line))):
                starts.add(index)
            blank = not line.strip()
    entries: list[Entry] = []
    current: list[str] = []
    first = 0
    for index, line in enumerate([*block, ""]):
        if index in starts or index == len(block):
            if current:
                entries.append(_entry(current, name, offset + first + 1))
            current, first = ([line] if index < len(block) else []), index
        elif current and line.strip() and not line.lstrip().startswith(("```", "\\end{", "---", "***")):
            current.append(line)
    # A paragraph without a year or an identifier is a remark: `None: no search was made.`
    return [entry for entry in entries if entry.text and (marked or entry.year or entry.ids)]


def _entry(lines: list[str], name: str, line: int) -> Entry:
    raw = " ".join(part.strip() for part in lines)[:MAX_ENTRY]
    number, key = None, ""
    if match := _NUMBERED.match(raw):
        number = int(match[1] or match[2] or match[3])
    elif match := _FOOTNOTE.match(raw):
        number, key = (int(match[1]), "") if match[1].isdigit() else (None, match[1])
    elif match := _KEYED.match(raw):
        key = (match[1] or match[2]).strip()
    else:
        match = _BULLET.match(raw)
    return Entry((raw[match.end() :] if match else raw).strip(), line, name, number, key)


def bibtex_file(text: str, name: str) -> list[Entry]:
    """Entries of a .bib file."""
    return _bibtex(text, name, 0)[:MAX_ENTRIES]


def _bibtex(text: str, name: str, offset: int) -> list[Entry]:
    if not re.search(r"^\s*@[A-Za-z]+\s*\{[^,\s]+\s*,", text, re.MULTILINE):
        return []
    import logging

    from bibtexparser.entrypoint import parse_string

    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)
    entries = []
    for one in parse_string(text[:MAX_BIBTEX]).entries[:MAX_ENTRIES]:
        fields = {key.lower(): _unbraced(str(value.value)) for key, value in one.fields_dict.items()}
        raw = " ".join(f"{key}: {value}" for key, value in fields.items())[:MAX_ENTRY]
        if re.fullmatch(r"\d{4}\.\d{4,5}(?:v\d+)?", fields.get("eprint", "")):
            raw += f" arXiv:{fields['eprint']}"
        year = re.search(YEAR, fields.get("year", "") or fields.get("date", ""))
        authors = fields.get("author", "").replace(" and ", ", ")
        line = offset + (one.start_line or 0) + 1
        entries.append(Entry(raw, line, name, None, one.key, fields.get("title", ""), int(year[0]) if year else None, authors))
    return entries


def _unbraced(value: str) -> str:
    return " ".join(re.sub(r"[{}]", "", re.sub(r"\\[`'^\"~=.uvHcdbt]\s?\{?([A-Za-z])\}?", r"\1", value)).split()).strip('"')


def _title(plain: str) -> tuple[str, bool]:
    """The title of an entry and whether it is marked as one; empty where no part of it can be told to be the title."""
    for form in (_QUOTED, _LINK):
        if match := form.search(plain):
            return _trimmed(next(group for group in match.groups() if group)), True
    # `Authors (2023). Title. Venue.`: the year stands in front, and what is set in italics may be the venue.
    if (match := _AFTER_YEAR.search(plain)) and match.start() < 0.85 * len(plain) and re.search(r"[^\W\d_]{3}", match[1]):
        after = match[1].strip()
        if (italic := _ITALIC.match(after)) is not None:
            return _trimmed(italic[1]), True
        return _trimmed(_sentence(after)), True
    for match in _ITALIC.finditer(plain):
        if not _PLACES.search(match[1]):
            return _trimmed(match[1]), True
    # `Author, A., et al.: Title.`, `Author A.B., Author C. Title.`, `A. Author and B. Author. Title.`
    for form in (_COLON, _INITIALS):
        if match := form.match(plain):
            return _trimmed(_sentence(match[1])), False
    match = re.match(r"^(.{3,600}?(?:et al\.?|[^\W\d_]{2,}|\betc))\.\s+(?=[A-Z0-9“])(.{8,400})", plain)
    if match and not re.search(r"\b(?:of|the|for|with|in|on)\s", match[1]):
        return _trimmed(_sentence(match[2])), False
    return "", False


def _sentence(text: str) -> str:
    """Up to the full stop that ends the title: one behind a word of two letters at least, or a question mark."""
    match = re.search(r"(?:(?<=[^\W_]{2})|(?<=-\d))(?<!\bvs)[.](?=\s|$)|(?<=[)\]\"”’*_])[.](?=\s|$)|[?!](?=\s)", text)
    return text[: match.start()] if match else text


def _trimmed(text: str) -> str:
    bare = re.sub(r"[.,]?\s*\b(?:arxiv|in)(?: preprint)?\s*$", "", text, flags=re.IGNORECASE)
    return " ".join(bare.split()).strip(" .,;:*_\"“”'’")
