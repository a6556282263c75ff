"""Suites and selection: which trials an invocation is about. Stdlib only: every xdist worker runs it while collecting."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ..errors import ConfigError
from ..keys import GRADED, TrialKey
from .catalogue import CATEGORIES, VENUES, load_tasks

SMOKE = ("iclr2025_dl4c", "iclr2025_scsl", "iclr2025_wsl")
CORE = (
    "iclr2025_bi_align",
    "iclr2025_buildingtrust",
    "iclr2025_data_problems",
    "iclr2025_dl4c",
    "iclr2025_mldpr",
    "iclr2025_question",
    "iclr2025_scope",
    "iclr2025_scsl",
    "iclr2025_verifai",
    "iclr2025_wsl",
)
"""The ten tasks of the paper's Table 7."""
SUITES = ("smoke", "core", "paper", "full")


@dataclass(frozen=True)
class Selection:
    """What --mlr-suite, --mlr-task, --mlr-stage, --mlr-category, --mlr-venue, --mlr-year and --mlr-epochs ask for."""

    suite: str = "full"
    task: tuple[str, ...] = ()
    stage: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    venue: tuple[str, ...] = ()
    year: tuple[int, ...] = ()
    epochs: int = 1

    def trials(self, stage: str) -> list[TrialKey]:
        """The selected trials of one graded stage, tasks in catalogue order, epochs innermost.

        Raises ConfigError when a filter names nothing that exists.
        """
        if self.stage and stage not in self.stage:
            return []
        return [TrialKey(task, stage, epoch) for task in self._tasks(stage) for epoch in range(1, self.epochs + 1)]

    def _tasks(self, stage: str) -> list[str]:
        tasks = load_tasks()
        names: Iterable[str] = {
            "smoke": SMOKE,
            "core": CORE,
            "paper": tuple(tasks) if stage in ("idea", "proposal") else CORE,
            "full": tuple(tasks),
        }[self.suite]
        return [
            name
            for name in names
            if (not self.task or any(fnmatchcase(name, pattern) for pattern in self.task))
            and (not self.category or tasks[name].category in self.category)
            and (not self.venue or tasks[name].venue in self.venue)
            and (not self.year or tasks[name].year in self.year)
        ]

    def check(self) -> None:
        """Raise ConfigError for a value that can select nothing, listing the valid ones."""
        tasks = load_tasks()
        _known("--mlr-suite", [self.suite], SUITES)
        _known("--mlr-stage", self.stage, GRADED)
        _known("--mlr-category", self.category, CATEGORIES)
        _known("--mlr-venue", self.venue, VENUES)
        _known("--mlr-year", [str(year) for year in self.year], sorted({str(task.year) for task in tasks.values()}))
        for pattern in self.task:
            if not any(fnmatchcase(name, pattern) for name in tasks):
                from difflib import get_close_matches

                near = get_close_matches(pattern, tasks, n=3, cutoff=0.4)
                hint = f"; close: {', '.join(near)}" if near else ""
                raise ConfigError(f"--mlr-task={pattern}: no task has that name{hint} (`mlrbench tasks` lists all {len(tasks)})")
        if self.epochs < 1:
            raise ConfigError(f"--mlr-epochs={self.epochs}: expected 1 or more")
        if not any(self._tasks(stage) for stage in (self.stage or GRADED)):
            raise ConfigError("the filters --mlr-suite, --mlr-task, --mlr-category, --mlr-venue and --mlr-year leave no task")


def _known(option: str, values: Sequence[str], valid: Sequence[str]) -> None:
    for value in values:
        if value not in valid:
            raise ConfigError(f"{option}={value}: unknown; valid: {', '.join(valid)}")
