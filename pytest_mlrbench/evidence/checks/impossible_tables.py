"""Relations that hold within one row of a table whatever was measured: ranges, spreads, RMSE and MAE, precision, recall and F1."""

import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ...audits import Finding, Quote, Severity
from ...patterns import lazy
from .case import finding
from .documents import Document
from .impossible_cells import BOUNDED, Cell, cells_of
from .impossible_math import harmonic, interval, sd_limit

NAME = "impossible"
ALIKE = 2
"""Other rows of the table for which a relation must hold before the one that breaks it is a `fail`: a table in which none or one
holds may use its names otherwise (an MAE of other units, macro precision beside micro F1)."""
NEVER_ABOVE = frozenset(("auroc", "f1", "exact match", "recall at k", "accuracy", "recall"))
"""Bounded metrics whose name means nothing else: a completion rate of a plan, the precision of a scale may be above 100 %."""
OF_A_BASE = lazy(r"\b(?:relative|normali[sz]ed|retention|retained|compared (?:to|with)|percent of|% of)\b", re.IGNORECASE)
OTHER_SPREADS = ("confidence interval", "95% ci", "95\\% ci", "2 std", "two standard", "2σ", "3σ", "2\\sigma")
SD_SAID = ("std", "standard deviation", "stdev", "s.d.", "± sd", "±sd")


class Broken(NamedTuple):
    """One group of cells in which a relation does not hold."""

    message: str
    cells: tuple[Cell, ...]


Relation = Callable[[dict[str, Cell]], str | None]
"""Cells of one group by kind -> `""` where it holds, why not where it does not, None where the cells it needs are not there."""


def judge_tables(document: Document) -> list[Finding]:
    """Findings of all tables of a document."""
    findings: list[Finding] = []
    for table in document.tables:
        groups = cells_of(table)
        every = [cell for group in groups for cell in group]
        findings += _ranges(document, every)
        findings += _spreads(document, every)
        for relation in (_rmse_mae, _rmse_mse, _f1, _errors, _extremes):
            findings += _relation(document, groups, relation)
    return findings


def _finding(document: Document, severity: Severity, message: str, cells: Sequence[Cell]) -> Finding:
    quotes = [Quote(file=document.name, line=cell.line, quote=cell.quote) for cell in cells]
    return finding("faked_results", document.scope, NAME, severity, message, quotes)


def _ranges(document: Document, cells: list[Cell]) -> list[Finding]:
    """Bounded metrics outside their range."""
    findings = []
    for cell in cells:
        metric, number = cell.metric, cell.number
        if metric.kind not in BOUNDED and metric.kind != "r2":
            continue
        # Without a stated scale the number may be a percentage, so that only more than 100 cannot be.
        percent = number.percent or metric.scale == 100.0
        top = 100.0 if percent or metric.scale is None else 1.0
        where = f"{metric.text} of {cell.entity}" if cell.entity else metric.text
        if interval(number)[0] > top:
            told = percent or metric.scale == 1.0
            message = f"{where} is {number.text}: it cannot be above {top:g}{'' if told else ' even in percent'}"
            around = " ".join(document.lines[max(0, cell.line - 40) : cell.line + 10])
            sure = told and metric.kind in NEVER_ABOVE and not OF_A_BASE.search(around)
            findings.append(_finding(document, "fail" if sure else "warn", message, [cell]))
        elif top == 100.0 and not percent and 1 < number.value <= 2 and number.decimals >= 2 and _fractions(cell, cells):
            message = f"{where} is {number.text}, above 1, while the same metric is stated as fractions elsewhere in the table"
            findings.append(_finding(document, "warn", message, [cell]))
        elif metric.kind in BOUNDED and interval(number)[1] < 0:
            findings.append(_finding(document, "warn", f"{where} is {number.text}: it cannot be negative", [cell]))
    for cell in cells:
        if cell.metric.kind in ("mse", "rmse", "mae") and interval(cell.number)[1] < 0 and not cell.number.percent:
            others = [one for one in cells if one.metric == cell.metric]
            if any(one.number.value > 0 for one in others):  # all negative: the sign convention of maximisers
                message = f"{cell.metric.text} of {cell.entity} is {cell.number.text}: no error of this kind is negative"
                findings.append(_finding(document, "warn", message, [cell]))
    return findings


def _fractions(cell: Cell, cells: list[Cell]) -> bool:
    """Whether most other values of this metric are fractions too large to be small percentages."""
    others = [one.number for one in cells if one.metric == cell.metric and one is not cell]
    return len(others) >= 2 and all(0.5 <= one.value <= 1 and not one.percent for one in others)


def _spreads(document: Document, cells: list[Cell]) -> list[Finding]:
    """Spreads that no values in a bounded metric's range have, and negative ones."""
    findings = []
    text = document.text.lower()
    said = any(word in text for word in SD_SAID)
    other = any(word in text for word in OTHER_SPREADS)
    for cell in cells:
        if cell.metric.kind == "sd" and not cell.metric.words and interval(cell.number)[1] < 0 and _is_spread(cell, cells):
            message = f"the standard deviation {cell.number.text} of {cell.entity} is negative"
            findings.append(_finding(document, "fail", message, [cell]))
        spread, number = cell.spread, cell.number
        if spread is None or cell.metric.kind not in BOUNDED or number.value < 0:
            continue
        # Whichever scale it is: a small mean in percent leaves more room than the same number as a fraction.
        told = number.percent or cell.metric.scale == 100.0
        scales = [100.0] if told or number.value > 1 else [1.0] if cell.metric.scale == 1.0 else [1.0, 100.0]
        limits = [(scale, sd_limit(interval(number), 0.0, scale)) for scale in scales if interval(number)[0] <= scale]
        least = interval(spread)[0]
        if limits and all(least > limit for _, limit in limits):
            scale, limit = limits[-1]
            message = (
                f"{cell.metric.text} of {cell.entity} is {number.text} ± {spread.text}, but values between 0 and {scale:g} with "
                f"that mean have a standard deviation of {limit:.3g} at most, even if they are only two"
            )
            findings.append(_finding(document, "fail" if said and not other else "warn", message, [cell]))
    return findings


def _is_spread(cell: Cell, cells: list[Cell]) -> bool:
    """Whether `SD` beside a mean is meant; spelled out it can be nothing else, but `SD` is a diffusion model too."""
    return not re.fullmatch(r"\W*s\.?d\.?\W*", cell.metric.text, re.IGNORECASE) or any(one.metric.kind == "mean" for one in cells)


def _relation(document: Document, groups: list[list[Cell]], relation: Relation) -> list[Finding]:
    held = 0
    broken: list[Broken] = []
    for group in groups:
        words = {cell.metric.words for cell in group}
        for same in words:
            cells: dict[str, Cell] = {}
            for cell in group:
                if cell.metric.words == same:
                    cells.setdefault(cell.metric.kind, cell)
            said = relation(cells)
            if said:
                broken.append(Broken(said, tuple(cells.values())))
            elif said is not None:
                held += 1
    findings = []
    for one in broken:
        alone = held >= ALIKE and held >= 2 * len(broken)
        tail = f"; it holds in the {held} other rows of the table" if alone else ""
        findings.append(_finding(document, "fail" if alone else "warn", one.message + tail, one.cells[:4]))
    return findings


def _rmse_mae(cells: dict[str, Cell]) -> str | None:
    """RMSE is at least MAE on the same errors, and so are their means."""
    if not {"rmse", "mae"} <= cells.keys() or _mixed(cells, "rmse", "mae"):
        return None
    rmse, mae = cells["rmse"], cells["mae"]
    if interval(rmse.number)[1] >= interval(mae.number)[0] or mae.number.value <= 0 or rmse.number.value <= 0:
        return ""
    return f"{rmse.entity}: RMSE {rmse.number.text} is below MAE {mae.number.text}; no errors have that"


def _rmse_mse(cells: dict[str, Cell]) -> str | None:
    """The square of RMSE is MSE; of means over seeds it is at most that."""
    if not {"rmse", "mse"} <= cells.keys() or _mixed(cells, "rmse", "mse"):
        return None
    rmse, mse = cells["rmse"], cells["mse"]
    if max(0.0, interval(rmse.number)[0]) ** 2 <= interval(mse.number)[1] or rmse.number.value <= 0 or mse.number.value <= 0:
        return ""
    square = rmse.number.value**2
    return f"{rmse.entity}: RMSE {rmse.number.text} squared is {square:.4g}, more than MSE {mse.number.text}"


def _f1(cells: dict[str, Cell]) -> str | None:
    """F1 is the harmonic mean, or less for averages over classes or seeds; rows that are less say nothing of the others."""
    if not {"precision", "recall", "f1"} <= cells.keys() or _mixed(cells, "precision", "recall", "f1"):
        return None
    precision, recall, f1 = (cells[name].number for name in ("precision", "recall", "f1"))
    values = (precision.value, recall.value, f1.value)
    if min(values) < 0 or min(values) <= 1 < max(values):  # fractions beside percentages
        return None
    middle, exact = (precision.value + recall.value) / 2, harmonic(precision.value, recall.value)
    low = harmonic(max(0.0, interval(precision)[0]), max(0.0, interval(recall)[0]))
    high = harmonic(interval(precision)[1], interval(recall)[1])
    if interval(f1)[0] > high:
        return (
            f"{cells['f1'].entity}: F1 {f1.text} is above the harmonic mean {exact:.4g} of precision {precision.text} and recall "
            f"{recall.text}, which no class, seed or average of them can have"
        )
    # Where precision and recall are alike, any mean of them fits, and of other averages too: such a row vouches for nothing.
    return "" if interval(f1)[1] >= low and middle - exact > f1.ulp else None


def _errors(cells: dict[str, Cell]) -> str | None:
    """Accuracy and error rate make up one."""
    if not {"accuracy", "error rate"} <= cells.keys() or _mixed(cells, "accuracy", "error rate"):
        return None
    accuracy, error = cells["accuracy"], cells["error rate"]
    total = accuracy.number.value + error.number.value
    slack = accuracy.number.ulp + error.number.ulp
    if min(accuracy.number.value, error.number.value) <= 1 < max(accuracy.number.value, error.number.value) < total < 99:
        return None  # a fraction beside a percentage
    for whole in (1.0, 100.0):
        if abs(total - whole) <= slack * (1 + 1e-6):
            return ""
    return f"{accuracy.entity}: accuracy {accuracy.number.text} and error rate {error.number.text} add up to {total:.6g}"


def _extremes(cells: dict[str, Cell]) -> str | None:
    """A mean lies between minimum and maximum, and the SD is bounded by their distance."""
    if not {"minimum", "maximum"} <= cells.keys() or not {"mean", "sd"} & cells.keys() or _mixed(cells, *cells):
        return None
    lowest, highest = cells["minimum"].number, cells["maximum"].number
    if lowest.value > highest.value:  # `worst` and `best` of a loss
        return None
    if "mean" in cells:
        mean = cells["mean"].number
        if interval(mean)[1] < interval(lowest)[0] or interval(mean)[0] > interval(highest)[1]:
            return f"{cells['mean'].entity}: the mean {mean.text} lies outside minimum {lowest.text} and maximum {highest.text}"
    if "sd" in cells:
        limit = (interval(highest)[1] - interval(lowest)[0]) / math.sqrt(2)
        if interval(cells["sd"].number)[0] > limit:
            return (
                f"{cells['sd'].entity}: no values between {lowest.text} and {highest.text} have a standard deviation of "
                f"{cells['sd'].number.text}; {limit:.3g} is the most, for two values"
            )
    return ""


def _mixed(cells: dict[str, Cell], *kinds: str) -> bool:
    """Whether one is in percent and another is not."""
    numbers = [cells[kind] for kind in kinds if kind in cells]
    return len({one.number.percent or one.metric.scale == 100.0 for one in numbers}) > 1
