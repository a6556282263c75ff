"""LaTeX papers: the text with its line numbers kept, and the tables; `documents` reads them like Markdown."""

import re
from bisect import bisect_right
from typing import NamedTuple

from ...patterns import lazy

COMMENT = lazy(r"(?<!\\)%.*$")
TITLE = lazy(
    r"\\(?P<level>part|chapter|(?:sub){0,2}section|paragraph)\*?\s*(?:\[[^\]]*\])?\{(?P<title>[^{}]*(?:\{[^{}]*\}[^{}]*)*)\}"
)
LEVELS = {"part": 1, "chapter": 1, "section": 2, "subsection": 3, "subsubsection": 4, "paragraph": 5}
VERBATIM = lazy(r"\\(begin|end)\{(?:verbatim|lstlisting|minted|algorithmic)\*?\}")
NOT_TEXT = lazy(
    r"\\(?:cite\w*|[cCv]?ref|eqref|autoref|label|url|input|include|bibliography\w*|usepackage|documentclass|vspace|hspace|cmidrule|"
    r"setlength|includegraphics|bibitem|begin|end|resizebox|scalebox|geometry|pagestyle|color|definecolor|href|multicolumn|multirow|rule|"
    r"addtolength|newcommand|renewcommand|cline|raisebox|linespread|fontsize)\*?(?:\s*\([^()]{0,40}\))?(?:\s*\[[^\][]{0,200}\])*"
    r"(?:\s*\{[^{}]{0,400}\})?(?:\s*\[[^\][]{0,200}\])*"
    r"|-?\d*\.?\d+\s*(?:cm|mm|pt|in|em|ex|bp|\\\w*(?:width|height|skip|sep))\b"
)
"""Commands whose arguments are no claims: sources, lengths, names of columns."""
WRAPPER = lazy(
    r"\\(?:text\w*|emph|underline|math\w*|bm|boldsymbol|mbox|num|makecell|best|second|uline|small|tiny|ensuremath)\s*\{([^{}]*)\}"
)
SPAN = lazy(r"\\multicolumn\s*\{\s*(\d{1,2})\s*\}\s*\{[^{}]*\}\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
STACK = lazy(r"\\multirow\s*(?:\[[^\]]*\])?\s*\{[^{}]*\}\s*(?:\[[^\]]*\])?\s*\{[^{}]*\}\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
TABLE = lazy(r"\\begin\{(tabular[xy*]?|longtable|tabulary)\}")
RULES = lazy(
    r"\\(?:toprule|midrule|bottomrule|hline|specialrule|addlinespace|cmidrule|cline)(?:\s*\([^)]*\))?(?:\s*\[[^\]]*\])?(?:\s*\{[^{}]*\})*"
)
MAX_TABLES = 200


class RawTable(NamedTuple):
    """Cells as text, each row with its first and last line (1-based)."""

    header: tuple[str, ...]
    rows: tuple[tuple[tuple[str, ...], int, int], ...]
    line: int


def readable(text: str) -> list[str]:
    """The lines of a LaTeX text as Markdown would have them: titles with `#`, code fenced, what is no text blanked."""
    lines = [COMMENT.sub("", line[:10_000]) for line in text.splitlines()]
    start = next((i for i, line in enumerate(lines) if "\\begin{document}" in line), -1)
    kept: list[str] = []
    for index, line in enumerate(lines):
        if index <= start:
            kept.append("")
        elif title := TITLE.search(line):
            kept.append(f"{'#' * LEVELS[title['level']]} {bare(title['title'])}")
        elif "\\begin{abstract}" in line:
            kept.append("## Abstract")
        elif "\\begin{thebibliography}" in line or "\\bibliography{" in line or "\\printbibliography" in line:
            kept.append("## References")
        elif VERBATIM.search(line):
            kept.append("```")
        else:
            shown = NOT_TEXT.sub(" ", line) if "\\" in line or "cm" in line else line
            kept.append(shown.replace("~", " ").strip())
    return kept


def tables(text: str) -> list[RawTable]:
    """Every tabular of a text that has a header and a row."""
    text = "\n".join(COMMENT.sub("", line) for line in text.splitlines())
    starts = [0, *(m.end() for m in re.finditer("\n", text))]
    found = []
    for begin in list(TABLE.finditer(text))[:MAX_TABLES]:
        end = text.find(f"\\end{{{begin[1]}}}", begin.end())
        if end < 0:
            continue
        body = _after_columns(text, begin.end(), 2 if begin[1] != "tabular" and begin[1] != "longtable" else 1)
        table = _table(text, body, end, starts)
        if table is not None:
            found.append(table)
    return found


def _after_columns(text: str, position: int, groups: int) -> int:
    """Where a table's body begins: after its optional and braced arguments."""
    for _ in range(groups):
        match = re.compile(r"\s*(?:\[[^\]]{0,20}\]\s*)?").match(text, position)
        position = match.end() if match else position
        if text[position : position + 1] != "{":
            return position
        depth = 0
        for offset in range(position, min(position + 500, len(text))):
            depth += {"{": 1, "}": -1}.get(text[offset], 0)
            if depth == 0:
                position = offset + 1
                break
    return position


def _table(text: str, begin: int, end: int, starts: list[int]) -> RawTable | None:
    rows: list[tuple[tuple[str, ...], int, int]] = []
    position = begin
    above: list[str] = []
    for part in re.split(r"\\\\(?:\s*\[[^\]]{0,20}\])?|\\tabularnewline", text[begin:end]):
        lead = re.compile(rf"(?:\s|{RULES.pattern})*").match(part)
        first = position + (lead.end() if lead else 0)
        lines = bisect_right(starts, first), bisect_right(starts, position + len(part.rstrip()))
        found = text.find(part, position, end) if part else position
        position = max(found, position) + len(part)
        match = re.compile(r"\\\\(?:\s*\[[^\]]{0,20}\])?|\\tabularnewline").match(text, position)
        position = match.end() if match else position
        cells = _cells(RULES.sub(" ", part))
        if not any(cells):
            continue
        # A label that spans rows stands in the first of them only.
        if cells and not cells[0] and above and above[0]:
            cells[0] = above[0]
        above = [cells[0]] if "\\multirow" in part else above if cells[0] == (above[0] if above else None) else []
        rows.append((tuple(cells), *lines))
    if len(rows) < 2:
        return None
    header, body = _header(rows)
    return RawTable(header, tuple(body), rows[0][1]) if body else None


def _header(rows: list[tuple[tuple[str, ...], int, int]]) -> tuple[tuple[str, ...], list[tuple[tuple[str, ...], int, int]]]:
    """Titles of the columns: the rows before the first with a number beside its label, joined column by column."""
    count = next((i for i, row in enumerate(rows[:4]) if any(re.search(r"\d", cell) for cell in row[0][1:])), 1) or 1
    width = max(len(row[0]) for row in rows[:count])
    parts = [[row[0][i] for row in rows[:count] if i < len(row[0]) and row[0][i]] for i in range(width)]
    return tuple(" ".join(dict.fromkeys(part)) for part in parts), rows[count:]


def _cells(row: str) -> list[str]:
    cells: list[str] = []
    for cell in re.split(r"(?<!\\)&", row):
        span = SPAN.search(cell)
        content = bare(SPAN.sub(lambda m: m[2], STACK.sub(lambda m: m[1], cell)))
        cells += [content] * (min(int(span[1]), 30) if span else 1)
    return cells


def bare(cell: str) -> str:
    """A cell without commands."""
    for _ in range(6):
        simpler = WRAPPER.sub(r"\1", cell)
        if simpler == cell:
            break
        cell = simpler
    cell = cell.replace("\\pm", "±").replace("\\%", "%").replace("\\times", "×").replace("\\_", "_").replace("\\&", "&")
    cell = re.sub(r"\\(?:cite\w*|ref|label|footnote\w*|cellcolor|rowcolor|textcolor|color)\s*(?:\[[^\]]*\])?\{[^{}]*\}", "", cell)
    cell = re.sub(r"\\[a-zA-Z]+\s?", " ", cell)
    return re.sub(r"\s+", " ", re.sub(r"[{}$~^]|(?<=\d)_", " ", cell)).strip()
