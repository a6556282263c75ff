"""Leave-out figures: thresholds chosen without a task's or a source's folders, verdicts told on these; `python -m` prints counts.

Nothing in the rules is fitted by numbers but four thresholds. Three of them matter on folders without a host's ledger (PRESET_SHARE
needs one): LEFT_BY_HONESTY, SIGNIFICANCE, INFORMATIVE. For each group left out they are chosen from a grid on the others: of the
settings with the fewest honest folders that fail, the one that finds most fabricated ones (of equals, the one nearest to the
product's). The rules themselves were written with all folders in sight; that cannot be left out afterwards.
"""

import csv
import itertools
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pytest_mlrbench.evidence.checks import audit, failure, numbers, provenance, subject_of_folder, tallies
from pytest_mlrbench.evidence.checks.case import Case
from pytest_mlrbench.evidence.checks.documents import Claim
from pytest_mlrbench.evidence.checks.tallies import Tally, Traced

from .lab import share

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
CHECKS = (numbers, provenance, failure)
"""The checks that ask the thresholds."""
GRID = tuple(itertools.product((0.25, 0.3, 0.35, 0.4, 0.5), (0.05, 0.01, 0.001), (0.4, 0.5, 0.6)))
"""LEFT_BY_HONESTY, SIGNIFICANCE, INFORMATIVE."""
PRODUCT = (tallies.LEFT_BY_HONESTY, tallies.SIGNIFICANCE, tallies.INFORMATIVE)
Setting = tuple[float, float, float]


@dataclass
class Remembering(Case):
    """A case that traces each document once, whatever the thresholds are."""

    known: dict[tuple[str, int], list[Traced]] = field(default_factory=dict)

    def trace(self, claims: list[Claim], name: str) -> list[Traced]:
        key = (name, len(claims))
        if key not in self.known:
            self.known[key] = super().trace(claims, name)
        return self.known[key]


@dataclass(frozen=True)
class Folder:
    """One labelled folder and whether it fails under each setting."""

    task: str
    source: str
    fabricated: bool
    fails: dict[Setting, bool]


@contextmanager
def thresholds(setting: Setting) -> Any:
    """The checks with these thresholds."""
    left, significance, informative = setting
    with patch.multiple(tallies, LEFT_BY_HONESTY=left, SIGNIFICANCE=significance, INFORMATIVE=informative):
        yield


def read_folder(row: dict[str, str]) -> Folder:
    """Audit one folder of the labels under every setting."""
    source = Path(row["artifact"]).parent.name
    return read(DATA / "upstream" / row["artifact"], row["task"], source, row["fabricated"] == "yes")


def read(path: Path, task: str, source: str, fabricated: bool) -> Folder:
    """Audit one folder under every setting."""
    subject = subject_of_folder(path, today=date(2026, 11, 23))
    names = {check.NAME for check in CHECKS}
    always = any(f.severity == "fail" and f.scope == "results" and f.check not in names for f in audit(subject).findings)
    kept = Remembering(subject)
    fails = {}
    for setting in GRID:
        with thresholds(setting):
            kept.__dict__["tallies"] = {d.name: Tally(kept.trace(d.claims, d.name)) for d in kept.documents}
            found = [f for check in CHECKS for f in check.run(kept).findings]
            fails[setting] = always or any(f.severity == "fail" and f.scope == "results" for f in found)
    return Folder(task, source, fabricated, fails)


def choose(folders: list[Folder]) -> Setting:
    """The setting with the fewest false alarms, then most found, then nearest to the product's."""

    def merit(setting: Setting) -> tuple[int, int, float]:
        alarms = sum(f.fails[setting] for f in folders if not f.fabricated)
        found = sum(f.fails[setting] for f in folders if f.fabricated)
        return alarms, -found, sum(abs(a - b) for a, b in zip(setting, PRODUCT, strict=True))

    return min(GRID, key=merit)


def leave_out(folders: list[Folder], group: Callable[[Folder], str]) -> list[tuple[str, Setting, list[Folder]]]:
    """For each group: its name, the setting chosen without it, its folders."""
    found = []
    for name in sorted({group(f) for f in folders}):
        inside = [f for f in folders if group(f) == name]
        found.append((name, choose([f for f in folders if group(f) != name]), inside))
    return found


def table(title: str, rows: list[tuple[str, Setting, list[Folder]]]) -> str:
    """Counts only."""
    lines = [f"| left out: {title} | thresholds chosen without it | fabricated found | honest failed |", "|---|---|---|---|"]
    totals = [0, 0, 0, 0]
    for name, setting, inside in rows:
        made = [f.fails[setting] for f in inside if f.fabricated]
        honest = [f.fails[setting] for f in inside if not f.fabricated]
        totals = [a + b for a, b in zip(totals, (sum(made), len(made), sum(honest), len(honest)), strict=True)]
        lines.append(f"| {name} | {', '.join(f'{v:g}' for v in setting)} | {sum(made)}/{len(made)} | {sum(honest)}/{len(honest)} |")
    lines.append(f"| all | | {share(totals[0], totals[1])} | {share(totals[2], totals[3])} |")
    return "\n".join(lines)


def main() -> None:
    """Print both tables; says so and ends where the labelled folders are not there."""
    labels = DATA / "fabrication_labels_dev.csv"
    if not labels.is_file():
        print("the labelled folders are not beside this checkout: nothing to leave out")
        return
    with labels.open(newline="") as file:
        folders = [read_folder(row) for row in csv.DictReader(file) if row["fabricated"] in ("yes", "no")]
    print(table("source", leave_out(folders, lambda f: f.source)))
    print()
    print(table("task", leave_out(folders, lambda f: f.task)))
    alike = [
        s
        for s in GRID
        if all(
            f.fails[s] == f.fails[min(GRID, key=lambda g: sum(abs(a - b) for a, b in zip(g, PRODUCT, strict=True)))]
            for f in folders
        )
    ]
    print(f"\n{len(alike)} of {len(GRID)} settings give every folder the verdict that the product's thresholds give.")


if __name__ == "__main__":
    main()
