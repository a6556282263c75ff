"""Values that a sentence gives for a method and a metric, against the cell of the table that bears these names; part of prose."""

import re
from collections.abc import Sequence

from ...audits import Finding, Quote
from ...patterns import lazy
from .case import finding
from .comparisons import _E, _EN, _GET, _M
from .documents import Document
from .grid import Grid, Line, Value
from .mentions import Lexicon, columns_of, rows_of
from .quantities import Number, agree
from .sentences import UNSURE, Sentence

_LEAD = (
    r"(?: an?| the| its| overall| average| mean| final| highest| lowest| best| higher| lower| strong| perfect| high| low| \w+ly)*"
)
_HAS = lazy(
    rf"(?P<subject>{_E})(?: model| method| approach| baseline| agent)? (?:{_GET}){_LEAD} (?P<metric>{_M}) (?:of|:|=|\() "
    rf"(?P<number><N\d+>)"
)
_FOR = lazy(rf"(?P<metric>{_M}) (?:of|at|was|is|=) (?P<number><N\d+>) (?:for|by|with) (?P<subject>{_EN})")
_OF = lazy(rf"(?P<metric>{_M}) (?:of|for) (?P<subject>{_EN}) (?:is|was|reached|reaches|at|=) (?P<number><N\d+>)")
_ROUGH = lazy(
    r"\b(?:about|approximately|around|nearly|almost|roughly|over|above|below|under|up to|at least|at most|more than|less than|"
    r"close to|from|between|to|by)$|[~≈<>≥≤–]$"
)
_CONDITION = lazy(
    r"\b(?:dataset|domain|scenario|environment|setting|condition|epochs?|seeds?|folds?|rounds?|iterations?|steps?|subset|split|"
    r"group|class|"
    r"category|level|after|initial\w*|peak|range|between|individual|only|when|early|late|per|threshold|lambda|size|ablation|"
    r"removing|"
    r"without|train\w*|validation|previous\w*|prior|original|published|reported in|example)\b",
    re.I,
)


def findings(document: Document, sentences: Sequence[Sentence], grids: Sequence[Grid], lexicon: Lexicon) -> list[Finding]:
    """Tell a value that no table gives for its method and metric. Rounding, percent and the sign are allowed."""
    found = []
    for sentence in sentences:
        if (
            not sentence.of_results
            or not any(char.isdigit() for char in sentence.text)
            or UNSURE.search(sentence.text)
            or _CONDITION.search(sentence.text)
        ):
            continue
        reading = lexicon.read(sentence.text)
        for pattern in (_HAS, _FOR, _OF):
            for match in pattern.finditer(reading.code):
                number = reading.numbers[int(match["number"][2:-1])]
                before = reading.code[: match.start("number")].rstrip(" (")
                subject = re.search(r"<E(\d+)>", match["subject"])
                if (
                    subject is None
                    or number.digits < 2
                    or _ROUGH.search(before)
                    or re.match(r" ?[-–]", reading.code[match.end("number") :])
                ):
                    continue
                label = reading.entities[int(subject[1])]
                index = int(match["metric"][2:-1])
                cells = _cells(label, reading.metrics[index], grids)
                if (
                    cells
                    and not any(_same(number, value) for _, _, _, value in cells)
                    and len({grid.section for grid, *_ in cells}) == 1
                ):
                    found.append(_finding(document, sentence, number, label, cells))
    return found


def _cells(label: str, metric: frozenset[str], grids: Sequence[Grid]) -> list[tuple[Grid, Line, str, Value]]:
    return [
        (grid, row, grid.columns[column], row.cells[column])
        for grid in grids
        for column in columns_of(grid, metric)
        for row, _ in rows_of(grid, label)
        if column in row.cells
    ]


def _same(stated: Number, value: Value) -> bool:
    """Either number may be the coarser one, cut instead of rounded, or in percent."""
    cell = value.number
    for scale in (1.0, 100.0, 0.01):
        if abs(abs(cell.value) * scale - abs(stated.value)) <= max(stated.ulp, cell.ulp * scale) * (1 + 1e-6):
            return True
    return agree(stated, cell.value)


def _finding(
    document: Document, sentence: Sentence, number: Number, label: str, cells: list[tuple[Grid, Line, str, Value]]
) -> Finding:
    grid, row, column, value = cells[0]
    where = f"{grid.file} has" if grid.from_data else "the table says"
    message = f"the text gives {number.text} as {column} of {label}, but {where} {value.text}"
    quotes = [
        Quote(file=document.name, line=sentence.line, quote=sentence.text),
        Quote(file=grid.file, line=row.line, quote=row.quote),
    ]
    return finding("faked_results", document.scope, "prose", "warn", message, quotes)
