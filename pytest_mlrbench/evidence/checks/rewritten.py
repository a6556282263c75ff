"""Results that one program wrote and a later one, which measures nothing, wrote again with other values in some rows.

Rule. Both versions of the file are kept, so their cells can be compared by name. The later program read the file (its code or
command names it), uses nothing that learns, draws or brings data, and names no other file that a program made outside the results.
Cells that are the same, rounded, scaled or moved alike in a whole column (units, percent, a common norm), cut off at one bound, or
taken from other cells (the best so far) are no change; nor are values that a program had put out before.
- `fail`: one method's cells stay and another's change, or each method has a rule of its own.
- `warn`: other changes that no rule for the whole column explains. Both cut the support.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ...audits import Finding, Quote
from ...patterns import lazy
from .data import facts_of
from .layout import RESULT_FOLDERS
from .quantities import numbers_in

if TYPE_CHECKING:
    from .case import Case
    from .dataflow.reading import Run
    from .writers import Writing

NAME = "provenance"
SUFFIXES = (".json", ".jsonl", ".csv", ".tsv")
MEASURING = lazy(
    r"\b(?:sklearn|torch\w*|tensorflow|keras|jax|flax|xgboost|lightgbm|catboost|transformers|datasets|statsmodels|gym\w*|networkx)\b"
    r"|\.(?:fit|fit_predict|predict|predict_proba|backward|step|evaluate|generate)\(|\brandom\b|\brandn?\b|_rng\b"
)
"""What learns, brings data, asks a model or simulates."""


class Cell(NamedTuple):
    """One value before and after."""

    names: tuple[str, ...]
    old: float
    new: float
    line: int | None

    @property
    def same(self) -> bool:
        """Unchanged, or with fewer decimals."""
        decimals = len(f"{self.new:.12g}".partition(".")[2].partition("e")[0])
        return math.isclose(self.old, self.new, rel_tol=1e-9) or abs(self.old - self.new) <= 0.5 * 10.0**-decimals * (1 + 1e-9)

    @property
    def label(self) -> str:
        """The first name that is no number and not the column: the method, mostly."""
        return next((name for name in self.names[:-1] if not re.fullmatch(r"[\d.:]*", name)), "")


def told(case: "Case") -> list[Finding]:
    """One finding a file that was rewritten."""
    if not case.subject.host_ledger or case.subject.ledger_problem:
        return []
    found = []
    for path, before, after in _rewritten(case):
        finding_ = _judged(case, path, before, after)
        if finding_ is not None:
            found.append(finding_)
    return found


def _rewritten(case: "Case") -> "Iterator[tuple[str, Writing, Writing]]":
    """(file, its writing by a program that measured, that by an idle one) where the second is the last."""
    versions: dict[str, list[Writing]] = defaultdict(list)
    for writing in case.writers.all:
        if writing.path.lower().endswith(SUFFIXES):
            versions[writing.path].append(writing)
    for path, writings in versions.items():
        last = len(writings)
        while last and writings[last - 1].how == "program" and _idle(case, path, writings[last - 1].event.seq):
            last -= 1
        if 0 < last < len(writings) and writings[last - 1].how == "program":
            yield path, writings[last - 1], writings[-1]


def _idle(case: "Case", path: str, seq: int) -> bool:
    """Whether what event `seq` ran reads the file and has nothing to measure with."""
    runs = [run for run in case.dataflow.runs if run.execution.event is not None and run.execution.event.seq == seq]
    if not any(run.relays for run in runs) or any(run.execution.failed for run in runs):
        return False
    text = "\n".join(part for run in runs for part in _texts(case, run))
    name = path.rpartition("/")[2]
    if name not in text or MEASURING.search(text):
        return False
    made = {w.path for w in case.writers.all if w.how == "program" and w.event.seq < seq and not w.path.endswith((".py", ".pyc"))}
    beside = {*RESULT_FOLDERS, path.rpartition("/")[0].rpartition("/")[2]}
    return all(not beside.isdisjoint(other.split("/")[:-1]) or other.rpartition("/")[2] not in text for other in made)


def _texts(case: "Case", run: "Run") -> Iterator[str]:
    """The script, the modules of the run that it imports, and the command."""
    yield run.execution.text
    imported = set(re.findall(r"^\s*(?:from|import)\s+([\w.]+)", run.execution.text, re.MULTILINE))
    for file, text in case.dataflow.sources.items():
        if file != run.execution.file and file.removesuffix(".py").replace("/", ".").rpartition(".")[2] in imported:
            yield text
    if run.execution.event is not None:
        yield run.execution.event.command


def _judged(case: "Case", path: str, before: "Writing", after: "Writing") -> Finding | None:
    from .case import finding

    columns: dict[str, list[Cell]] = defaultdict(list)
    for cell in _cells(case, path, before, after):
        columns[cell.names[-1]].append(cell)
    wrong = [cells for cells in columns.values() if not _explained(cells)]
    # A value that stood in another row of the file is not measured for this one.
    moved = {round(cell.old, 12) for cells in wrong for cell in cells}
    changed = [cell for cells in wrong for cell in cells if not cell.same]
    changed = [cell for cell in changed if round(cell.new, 12) in moved or not _measured(case, cell, after.event.seq)]
    if not changed:
        return None
    own = any(_own_rules(cells) for cells in wrong)
    shown = "; ".join(f"{'.'.join(cell.names)}: {cell.old:.6g}, now {cell.new:.6g}" for cell in changed[:3])
    kept = sum(cell.same for cells in wrong for cell in cells)
    message = (
        f"{len(changed)} values of {path} that {before.means} had written were changed by {after.means}, which measures nothing, "
        f"{kept} others of these columns were not, and no one rule for all rows explains it: {shown}"
    )
    old, new = (case.subject.place(writing.event) for writing in (before, after))
    quotes = [
        Quote(file=path, line=cell.line, quote=f"{'.'.join(cell.names)}: {cell.new:.6g} ({cell.old:.6g})") for cell in changed[:3]
    ]
    quotes += [Quote(file=file, line=line, quote=w.event.command[:300]) for (file, line), w in ((old, before), (new, after))]
    return finding("faked_results", "results", NAME, "fail" if own else "warn", message, quotes)


def _cells(case: "Case", path: str, before: "Writing", after: "Writing") -> Iterator[Cell]:
    """The values that both versions have under the same names, in the order of the file where names come back."""
    texts = [case.subject.version_text(writing.after) or "" for writing in (before, after)]
    read: list[dict[tuple[str, ...], list[tuple[float, int | None]]]] = []
    for text in texts:
        values: dict[tuple[str, ...], list[tuple[float, int | None]]] = defaultdict(list)
        for fact in facts_of(path, text)[0]:
            if fact.how == "value" and len(fact.names) > 1:
                values[fact.names].append((fact.value, fact.line))
        read.append(values)
    for names, old in read[0].items():
        new = read[1].get(names, [])
        if len(new) == len(old):
            yield from (Cell(names, a, b, line) for (a, _), (b, line) in zip(old, new, strict=True))


def _explained(cells: Sequence[Cell]) -> bool:
    """Whether one rule for the whole column makes the new values of the old ones."""
    changed = [cell for cell in cells if not cell.same]
    if not changed or _affine(cells):
        return True
    if len({cell.new for cell in changed}) == 1 and len(changed) > 1:
        return True  # cut off at a bound
    old = {round(cell.old, 12) for cell in cells}
    taken = all(round(cell.new, 12) in old for cell in changed)
    return taken and sorted(cell.new for cell in cells) != sorted(cell.old for cell in cells)


def _affine(cells: Sequence[Cell]) -> bool:
    """Whether new = a * old + b for all cells, or, of two, new = a * old or new = old + b."""
    low, high = (end(cells, key=lambda cell: cell.old) for end in (min, max))
    if low.old == high.old:
        return len({round(cell.new, 9) for cell in cells}) == 1
    if len({cell.old for cell in cells}) == 2:
        ratios = [cell.new / cell.old if cell.old else math.inf for cell in (low, high)]
        return math.isclose(*ratios, rel_tol=1e-3) or math.isclose(low.new - low.old, high.new - high.old, rel_tol=1e-3)
    slope = (high.new - low.new) / (high.old - low.old)
    reach = max(1e-9, 2e-3 * abs(high.new - low.new))
    return all(abs(low.new + slope * (cell.old - low.old) - cell.new) <= reach for cell in cells)


def _own_rules(cells: Sequence[Cell]) -> bool:
    """Whether one label's values stay and another's change, or several labels have one ratio each, and not the same."""
    by_label: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        by_label[cell.label].append(cell)
    if len(by_label) < 2:
        return False
    kept = {label for label, mine in by_label.items() if all(cell.same for cell in mine)}
    moved = {label for label, mine in by_label.items() if not any(cell.same for cell in mine)}
    if kept and moved:
        return True
    ratios = []
    for mine in by_label.values():
        own = [cell.new / cell.old for cell in mine if cell.old]
        if len(own) > 1 and max(own) - min(own) <= 1e-3 * abs(own[0]):
            ratios.append(own[0])
    return len(ratios) > 1 and max(ratios) - min(ratios) > 1e-2 * abs(ratios[0])


def _measured(case: "Case", cell: Cell, seq: int) -> bool:
    """Whether a program had put the new value out before."""
    return any(case.earlier.measured(number, seq) for number in numbers_in(f"{abs(cell.new):.10g}"))
