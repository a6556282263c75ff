"""HTML tables inside Markdown and HTML texts, with the lines of their rows; `documents` reads them like Markdown tables."""

from html.parser import HTMLParser

from .latex import RawTable

MAX_ROWS = 5000


class _Tables(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[RawTable] = []
        self.rows: list[tuple[tuple[str, ...], int, int]] = []
        self.cells: list[str] = []
        self.cell: list[str] | None = None
        self.span = 1
        self.first = 0
        self.depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.depth += 1
            self.rows = [] if self.depth == 1 else self.rows
        elif tag == "tr" and self.depth:
            self._end_row()
            self.first = self.getpos()[0]
        elif tag in ("td", "th") and self.depth:
            self._end_cell()
            span = dict(attrs).get("colspan") or "1"
            self.span = min(int(span), 30) if span.isdigit() and len(span) < 4 else 1
            self.cell = []

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._end_cell()
        elif tag == "tr":
            self._end_row()
        elif tag == "table" and self.depth:
            self._end_row()
            self.depth -= 1
            if not self.depth and len(self.rows) > 1:
                self.found.append(RawTable(self.rows[0][0], tuple(self.rows[1:MAX_ROWS]), self.rows[0][1]))

    def handle_data(self, data: str) -> None:
        if self.cell is not None:
            self.cell.append(data)

    def _end_cell(self) -> None:
        if self.cell is not None:
            self.cells += [" ".join("".join(self.cell).split())] * self.span
            self.cell, self.span = None, 1

    def _end_row(self) -> None:
        self._end_cell()
        if any(self.cells) and self.depth:
            self.rows.append((tuple(self.cells), self.first, self.getpos()[0]))
        self.cells = []


def tables(text: str) -> list[RawTable]:
    """Every table with a header row and another row; broken HTML gives what could be read."""
    if "<table" not in text.lower():
        return []
    parser = _Tables()
    parser.feed(text)
    parser.close()
    return parser.found
