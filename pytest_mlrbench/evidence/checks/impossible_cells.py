"""Table cells that state a metric: which metric a row or column is of, and the one number (and its spread) of a cell."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from ...patterns import lazy
from .data import clean
from .documents import Table
from .quantities import Number, numbers_in

KINDS: tuple[tuple[str, str], ...] = (
    ("auroc", r"\b(?:auroc|roc[\s-]*auc|auc[\s-]*roc|area under (?:the )?roc(?: curve)?)\b"),
    ("f1", r"\bf[\s_-]?\{?1\}?(?:[\s-]*(?:score|measure))?\b|\bf[\s-](?:score|measure)\b"),
    ("rmse", r"\b(?:rmse|root[\s-]mean[\s-]squared?[\s-]error)\b"),
    ("mse", r"\b(?:mse|mean[\s-]squared?[\s-]error)\b"),
    ("mae", r"\b(?:mae|mean[\s-]absolute[\s-]error)\b"),
    ("error rate", r"\b(?:error[\s-]rate|misclassification[\s-]rate|classification[\s-]error)\b"),
    ("exact match", r"\bexact[\s-]match\b"),
    ("success rate", r"\b(?:success|solve|completion|resolution)[\s-]rate\b"),
    ("recall at k", r"\b(?:recall|hits?|precision)\s?@\s?\d+\b"),
    ("accuracy", r"\b(?:accuracy|acc)\b"),
    ("precision", r"\bprecision\b"),
    ("recall", r"\brecall\b"),
    ("r2", r"\br[\s-]?(?:²|2|\^\{?2\}?|squared)(?![\w])"),
    ("sd", r"\b(?:std\.?(?: ?dev\.?| ?deviation)?|s\.?d\.?|stdev|standard deviation)(?!\w)"),
    ("minimum", r"\b(?:min|minimum|worst|lowest)\b"),
    ("maximum", r"\b(?:max|maximum|best|highest)\b"),
    ("mean", r"\b(?:mean|average|avg)\b"),
)
"""Name and pattern, the longer ones first: a `balanced accuracy` is an accuracy with the word `balanced` left over."""
_COMPILED = tuple((name, lazy(text)) for name, text in KINDS)
BOUNDED = frozenset(("auroc", "f1", "exact match", "success rate", "recall at k", "accuracy", "precision", "recall"))
"""Between 0 and 1, or 0 and 100 in percent. An error rate is not: speech recognisers insert words."""
COUNTED = frozenset(("error rate", "exact match", "success rate", "accuracy"))
"""A count over the number of cases, where no other word says otherwise."""
_PLAIN = """
the of a on in for test score scores value results result overall final total pct percent percentage top 1
"""
PLAIN = frozenset(_PLAIN.split())
"""Words that tell no two columns apart."""
RELATIVE = lazy(
    r"[δΔ∆+/×]|\\delta|%\s*of\b|\b(?:delta|change|changes|gain|gains|improvement|improved|diff|difference|relative|ratio|drop|increase|decrease|"
    r"reduction|gap|normali[sz]ed|vs|versus|over|times|speed-?up|log|ln|loss|weights?|lambda|threshold|penalty|coefficient|cost|time|"
    r"rank|neg|negative|z|contribution|degradation|error of|per|w/o|without|minus|regret|reward|bonus|lift|adjusted|skill|"
    r"grad\w*|accum\w*)\b",
    re.IGNORECASE,
)
"""A metric with one of these may leave its range: a difference, a multiple, a transformed value."""
ROW_RELATIVE = lazy(
    r"[δΔ∆]|\b(?:delta|changes?|gains?|improvements?|diff|differences?|relative|ratio|drop|increase|decrease|reduction|gap|vs|versus|"
    r"w/o|without|minus|removed?|remove|no|ablat\w*)\b|^\s*[-–−]",
    re.IGNORECASE,
)
"""A row of differences: ablation tables write the loss of accuracy beside `w/o attention`."""
_MARKS = lazy(r"\\(?:text|mathrm|mathbf|textbf|operatorname)\b|\\(?:uparrow|downarrow|%)|[*_`${}]|[↑↓†‡]|<[^<>]{0,20}>")
_JUNK = lazy(r"\\pm|\+/-|±|\\%|%|[*_`${}()\[\]~\s†‡]|\\,|\\mathbf|\\textbf|\\text")


class Metric(NamedTuple):
    """What a header or a row's label says is measured."""

    kind: str
    words: frozenset[str]
    """What else it says, PLAIN left out: `balanced`, `validation`, a data set's name."""
    scale: float | None
    """Upper end of a bounded metric's range as stated: 100 for `(%)`, 1 for `(0-1)`; None when it says neither."""
    text: str


class Cell(NamedTuple):
    """One number of a table with what it is of."""

    metric: Metric
    entity: str
    """The method, model or data set: the other side of the cell."""
    number: Number
    spread: Number | None
    """After a plus-minus sign."""
    line: int
    row: tuple[str, ...]

    @property
    def quote(self) -> str:
        return "| " + " | ".join(self.row) + " |"


@lru_cache(maxsize=4096)
def metric_of(text: str) -> Metric | None:
    """The metric that a header or label names; None for none, or for a difference, ratio or weight of one.

    >>> metric_of("Macro-F1 (%)")
    Metric(kind='f1', words=frozenset({'macro'}), scale=100.0, text='Macro-F1 (%)')
    >>> metric_of("Accuracy gain") is None
    True
    """
    if len(text) > 80:
        return None
    plain = clean(text)
    # The sign of a percent scale must not be lost with the marks, nor a unit in brackets.
    scale = 100.0 if "%" in plain else 1.0 if re.search(r"[\[(]\s*0\s*[-–,]\s*1\s*[\])]", plain) else None
    bare = _MARKS.sub(" ", re.sub(r"[\[(]\s*0\s*[-–,]\s*1\s*[\])]", " ", plain)).lower()
    if RELATIVE.search(plain.replace("+/-", " ").replace("±", " ")) or RELATIVE.search(bare.replace("+/-", " ")):
        return None
    for kind, pattern in _COMPILED:
        if pattern.search(bare):
            rest = pattern.sub(" ", bare, count=1)
            words = frozenset(re.findall(r"[^\W_]+(?:\.\d+)?", rest)) - PLAIN
            return Metric(kind, words, scale, text.strip())
    return None


def numbers_of(cell: str) -> tuple[Number, Number | None] | None:
    """The number of a cell and its spread; None for a cell that holds anything else, such as a signed difference or a fraction.

    >>> [n and n.value for n in numbers_of("**0.91** ± 0.02")]
    [0.91, 0.02]
    """
    bare = clean(cell)
    found = numbers_in(bare.replace("\\pm", "±"))
    if not 1 <= len(found) <= 2 or len(bare) > 60 or bare.startswith("+"):
        return None
    rest = _JUNK.sub("", bare)
    for number in found:
        digits = re.sub(r"[\s%\\]", "", number.text)
        if digits not in rest:
            return None
        rest = rest.replace(digits, "", 1)
    if rest:
        return None
    if len(found) == 2:
        between = bare.replace("\\pm", "±")[found[0].start + len(found[0].text) : found[1].start]
        if not re.search(r"±|\+/-|\(", between):
            return None
        return found[0], found[1] if "(" not in between else None
    return found[0], None


def cells_of(table: Table) -> list[list[Cell]]:
    """The cells of each row (or, in a table whose first column names the metrics, of each column) that state a metric."""
    by_header = [metric_of(column) for column in table.header]
    if sum(metric is not None for metric in by_header[1:]) >= 1:
        return [group for group in _by_column(table, by_header) if group]
    return [group for group in _by_row(table) if group]


def _by_column(table: Table, metrics: list[Metric | None]) -> Iterator[list[Cell]]:
    for row in table.rows:
        entity = clean(row.cells[0]) if row.cells else ""
        if ROW_RELATIVE.search(entity):
            continue
        group = []
        for metric, text in zip(metrics, row.cells, strict=False):
            if metric is not None and (found := numbers_of(text)) is not None:
                group.append(Cell(metric, entity, found[0], found[1], row.line, row.cells))
        yield group


def _by_row(table: Table) -> Iterator[list[Cell]]:
    labelled = [(metric_of(row.cells[0]), row) for row in table.rows if row.cells]
    for index in range(1, len(table.header)):
        column = clean(table.header[index])
        if ROW_RELATIVE.search(column) or re.search(r"\b(?:weight|importance|priority|target|std|sd|p|n)\b", column, re.IGNORECASE):
            continue
        group = []
        for metric, row in labelled:
            if metric is not None and index < len(row.cells) and (found := numbers_of(row.cells[index])) is not None:
                group.append(Cell(metric, column, found[0], found[1], row.line, row.cells))
        yield group
