"""References against what the literature stage found: by identifier or title, in its section and in every raw answer it stored."""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ...audits import Finding, Quote
from ...patterns import lazy
from ...search.trace import FOLDER, RETRIEVED
from ...search.works import Work, identifiers
from .case import MAX_QUOTES, few, finding
from .references import Entry, folded, title_words
from .subject import read_bytes, read_text

NAME = "citations"
SECTION = "related_work.md"
MAX_RAW = 16 * 2**20
"""Bytes of one stored answer."""
MAX_ANSWERS = 12
LEAST = 12
"""Letters of a title that say something; `BERT` stands in every text."""
NEAR = 0.7
"""Share of common words from which two titles are taken for one: citations drop or change a word."""
OTHER = 0.25
"""Share of a work's title words in an entry below which the entry speaks of something else."""
_TITLE_LINES = lazy(
    r"\*\*title\*\*\s*:?\s*(.{8,300})|^\s*(?:#{2,6}|\d{1,3}[.)])\s+\**(.{8,300})|^\s*[-*]\s+\*\*(.{8,300}?)\*\*",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True)
class Literature:
    """What a literature stage left in its folder."""

    folder: Path

    @cached_property
    def section(self) -> str:
        return read_text(self.folder / SECTION)

    @cached_property
    def works(self) -> tuple[Work, ...]:
        """The works that a search of ours gave to the model, as the index has them; none for other agents' folders."""
        found = []
        content = _json(self.folder / FOLDER / RETRIEVED)
        for plain in content.get("works", []) if isinstance(content, dict) and isinstance(content.get("works"), list) else []:
            try:
                found.append(Work.from_plain(plain))
            except (TypeError, KeyError, ValueError):
                continue
        return tuple(found)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """Every text of section and answers."""
        texts = [self.section]
        folder = self.folder / FOLDER
        names = sorted(path for path in folder.glob("*.json") if path.name != "cited.json") if folder.is_dir() else []
        for path in names[:MAX_ANSWERS]:
            texts += list(_strings(_json(path)))
        return tuple(texts)

    @cached_property
    def ids(self) -> frozenset[str]:
        return frozenset(one.lower() for text in self.texts for one in identifiers(text))

    @cached_property
    def letters(self) -> str:
        """All texts, folded: a title that stands in it was found."""
        return " ".join(folded(html.unescape(text)) for text in self.texts)

    @cached_property
    def titles(self) -> tuple[str, ...]:
        """Every title that can be told to be one."""
        found = [work.title for work in self.works]
        for match in _TITLE_LINES.finditer(self.section):
            found.append(
                re.sub(r"\((?:arxiv|doi)[^)]*\)?", " ", next(group for group in match.groups() if group), flags=re.IGNORECASE)
            )
        return tuple(title for title in found if len(title_words(title)) >= 3)

    @property
    def known(self) -> bool:
        """Whether there is something to compare with: a section that names works, or answers of a search."""
        return bool(self.works or self.ids or len(self.titles) >= 3)

    def holds(self, entry: Entry) -> bool:
        """Whether the entry's identifier or title was found by the stage."""
        if any(one.lower() in self.ids for one in entry.ids):
            return True
        title = folded(entry.title)
        if len(title) >= LEAST:
            if title in self.letters:
                return True
            return any(_alike(entry.title, other) for other in self.titles)
        # No part of the entry can be told to be its title: whether a whole title stands in it.
        text = folded(entry.text)
        return any(folded(other) in text for other in self.titles)


def _alike(one: str, other: str) -> bool:
    """Whether two titles are of one work: mostly the same words, or one is the other without its subtitle."""
    words, others = title_words(one), title_words(other)
    if len(words & others) >= NEAR * len(words | others):
        return True
    short, long = sorted((folded(one), folded(other)), key=len)
    return len(short) >= LEAST and long.startswith(short)


def speaks_of(entry: Entry, work: Work) -> bool:
    """Whether the entry can be a citation of `work`: its title, or any of its authors.

    Papers are renamed between versions, so that an other title alone is no proof.
    """
    words = title_words(work.title)
    if not words or len(words & title_words(entry.plain)) / len(words) >= OTHER:
        return True
    # Every part of a name: which of them is the surname depends on the country.
    parts = {folded(part) for author in work.authors for part in author.split() if len(part) >= 3}
    return not work.authors or bool(parts & {folded(word) for word in re.split(r"[\s,.;:&()]+", entry.plain)})


def judge_retrieved(entries: list[Entry], literature: Literature, scope: str) -> list[Finding]:
    """One `warn` for the entries that the stage never found; `fail` for each identifier under which the index has another paper."""
    findings: list[Finding] = []
    unknown: list[tuple[str, Quote]] = []
    by_id = {one.lower(): work for work in literature.works for one in work.ids}
    named = tried = ""
    for entry in entries:
        quote = Quote(file=entry.file, line=entry.line, quote=entry.text)
        works = [by_id[one.lower()] for one in entry.own_ids if one.lower() in by_id]
        wrong = next((work for work in works if not speaks_of(entry, work)), None)
        if wrong is not None and entry.marked and len(title_words(entry.title)) >= 3:
            findings.append(wrong_title(entry, wrong, scope, f"{FOLDER}/{RETRIEVED}"))
        elif not literature.holds(entry):
            named = entry.title or " ".join(entry.text.split()[:8])
            tried = f"neither {entry.ids[0]} nor its title is" if entry.ids else "its title is not"
            unknown.append((repr(short(named)), quote))
    if len(unknown) == 1:
        message = f"{named!r} was not retrieved: {tried} in what the literature stage found"
        findings.append(finding("incorrect_citation", scope, NAME, "warn", message, [unknown[0][1]]))
    elif unknown:
        message = (
            f"{len(unknown)} of {len(entries)} references were not retrieved: neither identifier nor title is in what the "
            f"literature stage found: {few(unknown)}"
        )
        findings.append(finding("incorrect_citation", scope, NAME, "warn", message, [quote for _, quote in unknown[:MAX_QUOTES]]))
    return findings


def short(title: str) -> str:
    """A title cut to a length at which it can still be told from others."""
    return title if len(title) <= 60 else f"{title[:57].rstrip()}..."


def wrong_title(entry: Entry, work: Work, scope: str, source: str) -> Finding:
    """The `fail` for an identifier that belongs to another paper."""
    shared = next((one for one in entry.ids if one.lower() in {other.lower() for other in work.ids}), work.id)
    message = f"{shared} is not {entry.title!r} but {work.title!r} by {', '.join(work.authors[:3]) or 'others'}"
    quotes = [
        Quote(file=entry.file, line=entry.line, quote=entry.text),
        Quote(file=source, quote=f"{shared}: {work.title}. {', '.join(work.authors[:5])} ({work.year})"),
    ]
    return finding("incorrect_citation", scope, NAME, "fail", message, quotes)


def _json(path: Path) -> object:
    content = read_bytes(path, MAX_RAW)
    if content is None or len(content) >= MAX_RAW:
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _strings(value: object) -> Iterator[str]:
    pending, seen = [value], 0
    while pending and seen < 200_000:
        one = pending.pop()
        seen += 1
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            # An inverted abstract has a word for each key: nothing of use, and the most of an answer.
            pending.extend(item for key, item in one.items() if key != "abstract_inverted_index")
        elif isinstance(one, list):
            pending.extend(one)
