"""Reports and papers (Markdown, LaTeX, text of a PDF) taken apart: tables with their lines, sections, the numbers they claim."""

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from markdown_it import MarkdownIt

from ...patterns import lazy
from . import htmltables, latex
from .quantities import Number, numbers_in

HEADLINE = lazy(r"\b(abstract|conclusions?|concluding|summary|key (results|findings)|main results)\b", re.IGNORECASE)
REFERENCES = lazy(r"^\W*(\d+\W*)?(references|bibliography)\b", re.IGNORECASE)
NOT_CLAIMS = lazy(
    r"!?\[[^\]]*\]\([^)]*\)|`[^`]*`|</?[a-zA-Z][^<>]{0,300}>|https?://\S+|(?:arxiv|doi)[:\s]\s*\S+|\b10\.\d{4,9}/\S+|\[\d+(?:\s*[,–-]\s*\d+)*\]"
    r"|\b(?:section|sec\.|table|tables|figure|fig\.|eq\.|equation|appendix|chapter|python|cuda|version|v)\s*~?\(?[A-Z]?\d+(?:\.\d+)*",
    re.IGNORECASE,
)


MAX_LINE = 20_000
"""Characters of one line that are read for claims."""


class Row(NamedTuple):
    """One row of a table."""

    cells: tuple[str, ...]
    line: int
    """1-based line in the document."""


class Table(NamedTuple):
    """One table with a header."""

    header: tuple[str, ...]
    rows: tuple[Row, ...]
    section: str
    """Title of the section it stands in."""


class Claim(NamedTuple):
    """A number that a document states."""

    number: Number
    line: int
    quote: str
    """The line it stands in."""
    headline: bool
    """In a table, the abstract or the conclusion."""
    in_table: bool


@dataclass(eq=False)
class Document:
    """One text, parsed once: LaTeX when its name ends in .tex, Markdown (with HTML tables) otherwise."""

    name: str
    """As findings name the file."""
    text: str
    scope: str
    """`results` or `paper`."""
    pages: tuple[int, ...] = ()
    """Page of each line, for the text of a PDF: what a finding then gives as line."""
    tables: list[Table] = field(init=False, default_factory=list)
    _section_of: dict[int, str] = field(init=False, default_factory=dict)
    _ignored: set[int] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.lines = self.text.splitlines()
        self.is_latex = self.name.lower().endswith(".tex")
        self._readable = latex.readable(self.text) if self.is_latex else self.lines
        self._table_lines: set[int] = set()
        self._parse()

    def place(self, line: int | None) -> int | None:
        """The line, or the page where the text is a PDF's, by which a reader finds a line of `text`."""
        return self.pages[line - 1] if self.pages and line is not None and 0 < line <= len(self.pages) else line

    def _parse(self) -> None:
        tokens = MarkdownIt("commonmark").enable("table").parse("\n".join(self._readable))
        titles: list[tuple[int, str]] = []
        header: tuple[str, ...] = ()
        rows: list[Row] = []
        cells: list[str] = []
        line = 0
        for position, token in enumerate(tokens):
            if token.type == "heading_open" and token.map:
                titles.append((token.map[0], tokens[position + 1].content))
                self._ignored.add(token.map[0] + 1)
            elif token.type == "fence" and token.map:
                self._ignored.update(range(token.map[0] + 1, token.map[1] + 1))
            elif token.type == "table_open":
                header, rows = (), []
            elif token.type == "tr_open":
                cells = []
                line = token.map[0] + 1 if token.map else 0
            elif token.type in ("th_open", "td_open"):
                cells.append(tokens[position + 1].content.strip())
            elif token.type == "tr_close":
                if not header:
                    header = tuple(cells)
                else:
                    rows.append(Row(tuple(cells), line))
            elif token.type == "table_close" and rows:
                self.tables.append(Table(header, tuple(rows), titles[-1][1] if titles else ""))
                self._table_lines.update(row.line for row in rows)
        current = ""
        starts = dict(titles)
        for index in range(len(self.lines)):
            current = starts.get(index, current)
            self._section_of[index + 1] = current
        for raw in latex.tables(self.text) if self.is_latex else htmltables.tables(self.text):
            found = tuple(Row(cells, first) for cells, first, _ in raw.rows)
            self.tables.append(Table(raw.header, found, self.section(raw.line)))
            self._table_lines.update(line for _, first, last in raw.rows for line in range(first, last + 1))

    def section(self, line: int) -> str:
        """Title of the section that `line` (1-based) stands in."""
        return self._section_of.get(line, "")

    @cached_property
    def claims(self) -> list[Claim]:
        """Every telling number outside code, references, links and numbering, in reading order."""
        found = []
        in_references = False
        for index, (raw, readable) in enumerate(zip(self.lines, self._readable, strict=True), 1):
            if self._section_of.get(index - 1, "") != self.section(index) or index == 1:
                in_references = bool(REFERENCES.match(self.section(index)))
            if in_references or index in self._ignored:
                continue
            masked = NOT_CLAIMS.sub(lambda match: " " * len(match.group()), readable[:MAX_LINE])
            in_table = index in self._table_lines
            headline = in_table or bool(HEADLINE.search(self.section(index)))
            found += [
                Claim(number, index, raw.strip()[:300], headline, in_table)
                for number in numbers_in(masked, index)
                if number.telling
            ]
        return found
