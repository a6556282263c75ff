"""Degenerate measurements (always `warn`): numbers that a program may well have put out, and that say nothing.

Told are, in tables of the documents: two metrics of the same values (but for pairs that are equal by definition), two methods
equal in every metric, a metric that is at its bound or equal for all methods, spreads that are all 0, values that are missing. In
the data of the run: a loss of ln(classes), that of a guess, where the number of classes is stated; a loss or score that never
changes over the epochs; metrics and label columns that are all missing. And, where the files are there, rows of the training set
in the test set (splits.py).
"""

import math
import re
from collections.abc import Iterable, Sequence

from ...audits import Finding, FindingType, Quote
from ...patterns import lazy
from . import splits
from .case import Case, Check, Outcome, finding
from .documents import Document
from .grid import Grid, Line, oriented
from .measures import CHANGE, HIGHER, LOWER, direction
from .subject import read_text
from .trends import series_of
from .words import words

NAME = "degenerate"
MAX_TOLD = 12
"""Findings of one document."""
_SAME_BY_DEFINITION_WORDS = """
accuracy recall precision f1 micro weighted balanced top hit hits mrr map success pass exact match em auc sensitivity tpr
rate error
"""
_SAME_BY_DEFINITION = frozenset(_SAME_BY_DEFINITION_WORDS.split())
_AT_ONE = frozenset(("precision", "recall", "1"))
"""With one answer and one right one they are the same."""
_AVERAGING = frozenset(["balanced", "bal", "macro", "micro", "weighted"])
"""Ways to average that are equal on balanced classes."""
_NOT_MEASURED = lazy(
    r"\b(?:n|k|seeds?|epochs?|params?|parameters|steps?|samples?|size|layers?|dim\w*|budget|batch|rank|id|count|number|trials?|"
    r"runs?|year|tasks?|total|max\w*|min\w*|"
    r"lr|learning rate|threshold|temperature|folds?|classes|heads?|iterations?|rounds?|date|weight|lambda|alpha|beta)\b|#",
    re.I,
)
_CLASSES = lazy(r"(?<![\d.,-])(\d{1,4})[ -](?:way\b|class(?:es)?\b|categor(?:y|ies)\b|labels\b)", re.I)
_CLASSES_CODE = lazy(r"\b(?:num|n)_?(?:classes|labels|categories)\s*[=:]\s*(\d{1,5})\b", re.I)
_LOSS = lazy(r"\b(?:loss|nll|cross[ _-]?entropy|log[ _-]?loss|ce)\b", re.I)
_NAN = lazy(r"^(?:nan|\[nan\]|n/a \(nan\)|inf|-inf)%?(?: ± nan)?$", re.I)
_LABEL = lazy(r"^(?:labels?|targets?|y|class(?:es)?|ground_?truth|gold)$", re.I)
MIN_SERIES = 4
"""Values of a course that never changes."""
FEW = 8
NEAR_BOUND = 0.02
"""In fewer values than FEW, a share so near to its bound may be the same: each of a few seeds makes one error, or none."""


def run(case: Case) -> Outcome:
    """Look for measurements that say nothing."""
    passages = case.passages
    shared = splits.overlaps(case.subject)
    if not any(passage.grids for passage in passages) and not case.pool.facts and not shared and not case.leaks:
        return Outcome(coverage="no evidence: no document has a table, and no program left data")
    findings: list[Finding] = []
    told: set[str] = set()
    for passage in passages:
        document = passage.document
        found: list[Finding] = []
        for grid in passage.grids:
            turned = oriented(grid)
            found += _tables(document, turned)
            found += _missing(document, grid)
        fresh = []
        for one in found:
            # Both documents often print one table: it is told once.
            key = re.sub(r"[\W_]+", "", one.message.lower())
            if key not in told:
                told.add(key)
                fresh.append(one)
        findings += fresh[:MAX_TOLD]
    findings += _guesses(case)
    findings += _flat(case)
    findings += _missing_data(case)
    findings += [_tell("other", "results", message, quotes) for message, quotes in shared]
    findings += case.leaks
    return Outcome(findings)


def _tell(kind: FindingType, scope: str, message: str, quotes: Sequence[Quote]) -> Finding:
    return finding(kind, scope, NAME, "warn", message, list(quotes))


def _quotes(document: Document, lines: Iterable[Line]) -> list[Quote]:
    return [Quote(file=document.name, line=line.line, quote=line.quote) for line in lines]


def _tables(document: Document, grid: Grid) -> list[Finding]:
    rows = [
        row
        for row in grid.rows
        if row.cells
        and not re.match(r"\W*(?:std|sd|difference|delta|improvement|p-?value)", row.labels[0] if row.labels else "", re.I)
    ]
    metrics = [
        index
        for index in grid.measured
        if not _worked_out(grid.columns[index])
        and (direction(grid.columns[index]) != 0 or not _NOT_MEASURED.search(grid.columns[index]))
    ]
    if len(rows) < 2 or not metrics or not any(direction(grid.columns[index]) for index in metrics):
        return []
    settings = all(re.match(r"^[\d.,%]+$", row.labels[0]) for row in rows if row.labels)
    found = _twins(document, grid, rows, metrics)
    if not settings and not grid.from_data:
        found += _equal_rows(document, grid, rows, metrics)
    found += _constant(document, grid, rows, metrics)
    spreads = [
        value for row in rows for value in row.cells.values() if value.spread is not None and "±" in value.text.replace("\\pm", "±")
    ]
    if len(spreads) >= 4 and all(
        value.spread is not None and value.spread.value == 0 and value.spread.decimals >= 2 for value in spreads
    ):
        message = f"all {len(spreads)} spreads of the table are exactly 0: its repetitions did not vary"
        found.append(_tell("other", document.scope, message, _quotes(document, rows[:4])))
    return found


def _worked_out(name: str) -> bool:
    """A column of changes against others; `Memory reduction` is a metric of its own."""
    return bool(CHANGE.search(name)) and direction(CHANGE.sub(" ", name)) == 0


def _twins(document: Document, grid: Grid, rows: list[Line], metrics: list[int]) -> list[Finding]:
    """Two metrics of the same values: a metric compared with itself."""
    found = []
    for place, a in enumerate(metrics):
        for b in metrics[place + 1 :]:
            pairs = [(row.cells[a], row.cells[b]) for row in rows if a in row.cells and b in row.cells]
            values = {one.number.value for one, _ in pairs}
            if (
                len(pairs) < 3
                or len(values) < 3
                or any(one.number.value != other.number.value or one.number.digits < 3 for one, other in pairs)
            ):
                continue
            names = words(grid.columns[a]) | words(grid.columns[b])
            apart = words(grid.columns[a]) ^ words(grid.columns[b])
            if apart & _AVERAGING or names >= _AT_ONE or (apart == names and names & _SAME_BY_DEFINITION):
                continue
            message = (
                f"{grid.columns[a]} and {grid.columns[b]} have the same {len(values)} different values in all {len(pairs)} "
                f"rows: one quantity under two names"
            )
            found.append(_tell("other", document.scope, message, _quotes(document, rows[:4])))
    return found


def _equal_rows(document: Document, grid: Grid, rows: list[Line], metrics: list[int]) -> list[Finding]:
    """Methods that are equal in every metric."""
    groups: dict[tuple[object, ...], list[Line]] = {}
    for row in rows:
        values = tuple((index, row.cells[index].number.value) for index in metrics if index in row.cells)
        telling = {value for _, value in values if value not in (0.0, 1.0, 100.0)}
        precise = [index for index in metrics if index in row.cells and row.cells[index].number.digits >= 3]
        if len(values) >= 2 and len(telling) >= 2 and len(precise) >= 2:
            groups.setdefault((row.labels[1:], values), []).append(row)
    found = []
    for members in groups.values():
        names = list(dict.fromkeys(row.labels[0] for row in members))
        if len(names) >= 2:
            message = (
                f"{', '.join(names[:5])} have identical values in all {sum(i in members[0].cells for i in metrics)} metrics of "
                f"the table: nothing tells them apart"
            )
            found.append(_tell("other", document.scope, message, _quotes(document, members[:4])))
    return found


def _constant(document: Document, grid: Grid, rows: list[Line], metrics: list[int]) -> list[Finding]:
    """Metrics that are the same for all methods, at their bound or elsewhere: one finding a table."""
    told = []
    for index in metrics:
        cells = [row.cells[index] for row in rows if index in row.cells]
        values = {cell.number.value for cell in cells}
        if (
            len(cells) < 2
            or len(cells) < len(rows)
            or len(values) != 1
            or not any(cell.number.decimals >= 2 or cell.number.percent for cell in cells)
        ):
            continue
        bound = next(iter(values)) in (0.0, 1.0, 100.0)
        if bound or (len(cells) >= 3 and direction(grid.columns[index])):
            told.append(f"{grid.columns[index]} ({cells[0].text}{', its bound' if bound else ''})")
    if not told:
        return []
    message = f"{', '.join(told)}: the same for all {len(rows)} rows of the table; it tells nothing apart, or was never measured"
    return [_tell("other", document.scope, message, _quotes(document, rows[:4]))]


def _missing(document: Document, grid: Grid) -> list[Finding]:
    """Cells that say `nan`."""
    lines = [line for line in grid.rows if re.search(r"\|\s*\**(?:nan|inf)\**%?\s*(?:±\s*nan\s*)?\|", line.quote, re.I)]
    if not lines:
        return []
    message = (
        f"{len(lines)} row{'s' * (len(lines) > 1)} of the table hold{'s' * (len(lines) == 1)} a metric that is no number "
        f"(NaN): it was not measured"
    )
    return [_tell("other", document.scope, message, _quotes(document, lines[:4]))]


def _guesses(case: Case) -> list[Finding]:
    """A loss of ln(classes): that of guessing, where the document, the proposal or the code states the number of classes."""
    counts: dict[int, Quote] = {}
    for document in case.documents:
        for line, text in enumerate(document.lines, 1):
            for match in _CLASSES.finditer(text):
                counts.setdefault(int(match[1]), Quote(file=document.name, line=line, quote=text.strip()))
            if re.search(r"\bbinary classif", text, re.I):
                counts.setdefault(2, Quote(file=document.name, line=line, quote=text.strip()))
    for file, source in case.dataflow.sources.items():
        for match in _CLASSES_CODE.finditer(source):
            line = source.count("\n", 0, match.start()) + 1
            counts.setdefault(int(match[1]), Quote(file=file, line=line, quote=source.splitlines()[line - 1].strip()))
    counts = {count: quote for count, quote in counts.items() if count >= 2}
    if not counts:
        return []
    found = []
    for passage in case.passages:
        for grid in passage.grids:
            for row in grid.rows:
                for index, value in row.cells.items():
                    named = f"{grid.columns[index]} {row.labels[0] if row.labels else ''}"
                    for count, quote in counts.items():
                        if (
                            _LOSS.search(named)
                            and value.number.digits >= 3
                            and abs(value.number.value - math.log(count)) <= value.number.ulp * 0.501
                        ):
                            message = (
                                f"{grid.columns[index]} of {' / '.join(row.labels)} is {value.text} = ln({count}), the loss "
                                f"of guessing among {count} classes"
                            )
                            found.append(
                                _tell("other", passage.document.scope, message, [*_quotes(passage.document, [row]), quote])
                            )
    for series in series_of(case):
        name = " ".join(series.names).replace("_", " ")
        if not _LOSS.search(name) or len(series.values) < MIN_SERIES:
            continue
        for count, quote in counts.items():
            # A network that learns leaves the loss of guessing by more than this within an epoch.
            if all(abs(value - math.log(count)) <= 0.004 * math.log(count) for value in series.values):
                shown = ", ".join(f"{value:.5g}" for value in series.values[:8])
                message = (
                    f"{'.'.join(series.names)} stays at ln({count}) = {math.log(count):.4f} through all "
                    f"{len(series.values)} values: nothing was learned"
                )
                found.append(
                    _tell("other", "results", message, [Quote(file=series.file, line=series.facts[0].line, quote=shown), quote])
                )
    return found[:MAX_TOLD]


def _flat(case: Case) -> list[Finding]:
    """A loss or score that never changes over a course: one finding a file."""
    flat: dict[str, list[tuple[str, float, int, int | None]]] = {}
    for series in series_of(case):
        name = series.names[-1]
        values = series.values
        if len(values) >= MIN_SERIES and len(set(values)) == 1 and _is_metric(name) and not _few_errors(values):
            flat.setdefault(series.file, []).append((".".join(series.names), values[0], len(values), series.facts[0].line))
    found = []
    for file, told in flat.items():
        losses = [one for one in told if _LOSS.search(one[0].replace("_", " ")) and one[1] != 0.0]
        chosen = losses or [one for one in told if one[1] not in (0.0, 1.0, 100.0)] or told
        name, value, count, _line = chosen[0]
        more = f", and {len(told) - 1} other series of it" if len(told) > 1 else ""
        message = f"{name} of {file} is {value:.6g} in all {count} values{more}: it never changes"
        found.append(
            _tell(
                "other",
                "results",
                message,
                [Quote(file=file, line=line, quote=f"{key}: {v:.6g} x {n}") for key, v, n, line in chosen[:1]],
            )
        )
    return found[:MAX_TOLD]


def _few_errors(values: Sequence[float]) -> bool:
    value = abs(values[0]) / (1 if abs(values[0]) <= 1 else 100)
    return len(values) < FEW and (value <= NEAR_BOUND or abs(1 - value) <= NEAR_BOUND)


def _is_metric(name: str) -> bool:
    found = words(name)
    return (
        bool(found & (HIGHER | LOWER))
        and not _NOT_MEASURED.search(name.replace("_", " "))
        and not found & {"time", "memory", "cost", "latency", "std", "sd"}
    )


def _missing_data(case: Case) -> list[Finding]:
    """Metrics in result files that are NaN, and label columns without a label."""
    root = case.subject.experiment
    if root is None:
        return []
    found = []
    for name in sorted(case.pool.named_files)[:200]:
        if not name.endswith((".json", ".jsonl", ".csv", ".tsv")):
            continue
        text = read_text(root / name)
        if name.endswith((".csv", ".tsv")):
            found += _empty_columns(name, text, "\t" if name.endswith(".tsv") else ",")
            continue
        missing = [
            match for match in re.finditer(r'"([^"\n]{1,80})"\s*:\s*(?:NaN|-?Infinity)\b', text[:2_000_000]) if _is_metric(match[1])
        ]
        if missing:
            line = text.count("\n", 0, missing[0].start()) + 1
            message = (
                f"{name} holds {len(missing)} metric{'s' * (len(missing) > 1)} that {'are' if len(missing) > 1 else 'is'} "
                f"no number (NaN)"
            )
            found.append(_tell("other", "results", message, [Quote(file=name, line=line, quote=missing[0].group())]))
    return found[:MAX_TOLD]


def _empty_columns(name: str, text: str, delimiter: str) -> list[Finding]:
    """Columns of labels or metrics in which no row has a value."""
    import csv
    import io
    import itertools

    try:
        rows = list(itertools.islice(csv.reader(io.StringIO(text.replace("\0", "")), delimiter=delimiter), 5000))
    except csv.Error:
        return []
    if len(rows) < 4:
        return []
    found = []
    for index, title in enumerate(rows[0]):
        cells = [row[index].strip().lower() for row in rows[1:] if index < len(row)]
        empty = bool(cells) and all(cell in ("", "nan", "none", "null", "na", "n/a") for cell in cells)
        if empty and (_LABEL.match(title.strip()) or _is_metric(title)) and len(cells) >= 3:
            message = f"the column {title} of {name} has no value in any of its {len(cells)} rows"
            found.append(
                _tell(
                    "other",
                    "results",
                    message,
                    [Quote(file=name, line=1, quote=",".join(rows[0])), Quote(file=name, line=2, quote=",".join(rows[1]))],
                )
            )
    return found


CHECK = Check(NAME, run)
