"""What the run itself speaks of (executed code, commands, outputs, data, file names), searched for the names a document states."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ...patterns import lazy
from .compressed import read_packed_text
from .documents import Document
from .known import Known, flexible, letters, squeezed
from .subject import files_below, read_text

if TYPE_CHECKING:
    from .case import Case

FILE_BYTES = 128 * 1024
"""Bytes read of one output or data file: names stand at its head."""
CODE_CHARACTERS = 400_000
"""Characters of one program that are searched for numbers."""
DOCUMENT_CHARACTERS = 500_000
"""Characters of one document that are read sentence by sentence."""
ALL_BYTES = 3 * 2**20
NOT_OURS = lazy(
    r"related|background|introduction|reference|bibliograph|future|limitation|broader|motivation|acknowledg|prior work|literature"
    r"|next steps|recommend|outlook|threats",
    re.IGNORECASE,
)
"""Titles of sections that speak of other work, or of work not done."""
HEDGE = lazy(
    r"\b(?:future|could|would|should|might|may\b|can be|such as|e\.g|for example|for instance|similar to|unlike|plan(?:s"
    r"|ned)?\b|intend"
    r"|not\b|n't\b|never|no\b|without|instead|beyond|rather than|real[- ]world|inspired|pre-?trained on|et al|previous|prior"
    r"|existing"
    r"|earlier|(?:full|large|bigger|larger)[- ]scale|extend|remains?|ideally|unavailable|fail(?:ed|s)?\b|excluded|omitted|skipped"
    r"|stand-?in|instead of|analog|proxy|like\b|-like|-style|inspired|mimic|resembl)",
    re.IGNORECASE,
)
"""Words by which a sentence speaks of what was not done here, or compares."""

PROSE = lazy(
    r"(?:\"\"\"(?:[^\"]|\"(?!\"\"))*\"\"\"|'''(?:[^']|'(?!''))*''')|\"[^\"\n]{1,2000}\"|'[^'\n]{1,2000}'|#[^\n]*",
)
"""Strings and comments of Python source."""


@dataclass
class Spoken:
    """The run's own words."""

    case: "Case"
    _found: dict[str, tuple[str, int, str] | None] = field(default_factory=dict)

    @cached_property
    def code(self) -> dict[str, str]:
        """Executed files and commands, as far as their text is known."""
        subject, writers = self.case.subject, self.case.writers
        texts = dict(self.case.dataflow.sources)
        for event in writers.runs:
            texts[f"command {event.seq}"] = event.command
        if not subject.watched:
            # Nothing says what was executed: every program of the folder may have been.
            for path in self._files((".py", ".sh", ".ipynb", ".r", ".jl")):
                texts[subject.name(path)] = read_text(path, FILE_BYTES)
        # Settings and programs in other languages, where a command or executed code says their file name.
        said = "\n".join(texts.values())
        for path in self._files(
            (".yaml", ".yml", ".toml", ".cfg", ".ini", ".json", ".r", ".jl", ".sh", ".ipynb", ".c", ".cpp", ".js")
        ):
            if path.name in said and path.name not in ("results.json", "claims.json"):
                texts.setdefault(subject.name(path), read_text(path, FILE_BYTES))
        return texts

    @cached_property
    def doing(self) -> dict[str, str]:
        """As `code`, without comments and without text of several words: what is only printed loads nothing."""
        return {
            name: PROSE.sub(_kept, text) if name.endswith((".py", ".ipynb")) or "/command " in f"/{name}" else text
            for name, text in self.code.items()
        }

    @cached_property
    def numbers(self) -> set[float]:
        """Every number that stands in executed code and commands."""
        found: set[float] = set()
        for text in self.code.values():
            for match in re.finditer(r"(?<![\w.])\d[\d_]*(?:\.\d+)?(?:e[-+]?\d{1,3})?", text[:CODE_CHARACTERS]):
                try:
                    found.add(float(match.group().replace("_", "")))
                except (ValueError, OverflowError):
                    continue
        return found

    @cached_property
    def unread(self) -> bool:
        """A part of what was executed cannot be read."""
        return bool(self.case.dataflow.unread)

    @cached_property
    def files(self) -> list[Path]:
        """Regular files of the experiment."""
        root = self.case.subject.experiment
        return [] if root is None else list(files_below(root))

    def _files(self, suffixes: tuple[str, ...]) -> list[Path]:
        return [path for path in self.files if path.suffix.lower() in suffixes]

    @cached_property
    def rest(self) -> dict[str, str]:
        """Outputs and data that programs wrote, without the documents under judgement."""
        subject, budget = self.case.subject, ALL_BYTES
        documents = {document.name for document in self.case.documents}
        texts: dict[str, str] = {}
        for event in subject.events:
            # An editor's answer repeats what was typed; only what a program printed is its word.
            if event.kind == "command" and event.output and budget > 0:
                text = self._output(event.output)
                lines = text.splitlines()
                text = "\n".join("" if line.strip() in self.case.writers.typed_lines else line for line in lines)
                budget -= len(text)
                texts[event.output] = text
        for name in sorted(self.case.pool.files):
            if name in documents or name in texts or name.endswith(".md") or subject.experiment is None or budget <= 0:
                continue
            text = read_packed_text(subject.experiment / name, FILE_BYTES)
            budget -= len(text)
            texts[name] = text
        return texts

    def _output(self, name: str) -> str:
        """The head of a captured output."""
        subject = self.case.subject
        if name in subject.texts:
            return subject.texts[name][:FILE_BYTES]
        return read_text(subject.trial_dir / name, FILE_BYTES) if subject.trial_dir is not None else ""

    @cached_property
    def paths(self) -> str:
        """Every file name of the experiment."""
        return "\n".join(map(self.case.subject.name, self.files[:5000]))

    @cached_property
    def _texts(self) -> list[tuple[str, str, str]]:
        """(file, text, its letters and digits alone) of all that is searched."""
        found = [*self.code.items(), *self.rest.items(), ("file names", self.paths)]
        return [(file, text, squeezed(text)) for file, text in found]

    def place(self, name: str) -> tuple[str, int, str] | None:
        """(file, line, text) where executed code, an output or a data file says `name`; None when none does."""
        if name not in self._found:
            self._found[name] = self._search(name)
        return self._found[name]

    def _search(self, name: str) -> tuple[str, int, str] | None:
        pattern: re.Pattern[str] | None = None
        piece = letters(name)
        for file, text, plain in self._texts:
            # A plain search first: most names stand in no text, and it is a hundred times faster.
            if piece not in plain:
                continue
            pattern = pattern or re.compile(flexible(name), re.IGNORECASE)
            match = pattern.search(text)
            if match is not None:
                start = text.rfind("\n", 0, match.start()) + 1
                line = text[start : start + 300].partition("\n")[0]
                return file, text.count("\n", 0, match.start()) + 1, line.strip()
        return None

    def knows(self, one: Known) -> tuple[str, int, str] | None:
        """Where the run names a known data set or model, by any of its names or signs."""
        for name in (*one.names, *one.signs):
            found = self.place(name) if re.search(r"[A-Za-z0-9]", name) else None
            if found is not None:
                return found
        return None

    def loads(self, one: Known) -> bool:
        """Whether executed code, not only text that it prints, or a file name bears one of the names or signs."""
        for name in (*one.names, *one.signs):
            pattern = re.compile(flexible(name), re.IGNORECASE)
            if any(pattern.search(text) for text in self.doing.values()) or pattern.search(self.paths):
                return True
        return False

    def in_code(self, names: tuple[str, ...]) -> tuple[str, int, str] | None:
        """Where executed code says one of `names`."""
        for name in names:
            pattern = re.compile(flexible(name), re.IGNORECASE)
            for file, text in self.code.items():
                match = pattern.search(text)
                if match is not None:
                    start = text.rfind("\n", 0, match.start()) + 1
                    line = text[start : start + 300].partition("\n")[0]
                    return file, text.count("\n", 0, match.start()) + 1, line.strip()
        return None


def _kept(match: re.Match[str]) -> str:
    """A string of one word (a key, a path, a name on a hub) stays; text and comments go."""
    text = match.group()
    return " " if text.startswith("#") or " " in text.strip("\"' ") else text


@lru_cache(maxsize=16)
def own_lines(document: Document) -> tuple[tuple[int, str, str], ...]:
    """(line, text, section titles) of what a document says of its own work: no related work, limits, plans or code blocks."""
    return tuple(_own_lines(document))


def _own_lines(document: Document) -> Iterator[tuple[int, str, str]]:
    titles: list[tuple[int, str]] = []
    fenced = False
    budget = DOCUMENT_CHARACTERS
    for number, line in enumerate(document.lines, 1):
        budget -= len(line) + 1
        if budget < 0:
            return
        if line.lstrip().startswith("```"):
            fenced = not fenced
            continue
        heading = re.match(r"^(#{1,6})\s+(.{1,200})|^\*\*([^*]{3,60})\*\*:?\s*$", line)
        if heading and not fenced:
            level = len(heading[1]) if heading[1] else 7
            titles = [one for one in titles if one[0] < level] + [(level, heading[2] or heading[3])]
        path = " / ".join(title for level, title in titles if level > 1)
        # `Limitations and Future Work` closes what it opens; a conclusion that also names the future is still a conclusion.
        if fenced or not line.strip() or (NOT_OURS.search(path) and "conclusion" not in path.lower()):
            continue
        yield number, line, path


def sentences(line: str) -> Iterator[str]:
    """The sentences of one line (a paragraph, a list item, a table row)."""
    yield from (part for part in re.split(r"(?<=[.!?;])\s+(?=[A-Z(*])", line[:8000]) if part.strip())
