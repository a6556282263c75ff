"""Names of trials: the key (task, stage, epoch), shared by pytest items, engine and store. Stdlib only, workers import it."""

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote

STAGES = ("idea", "literature", "proposal", "experiment", "paper", "end2end")
"""Every stage in the order of a chain; `literature` is ungraded, `end2end` grades the chain's paper with its code."""

GRADED = ("idea", "proposal", "experiment", "paper", "end2end")
"""The stages that are pytest items."""

WITH_EXPERIMENT = ("experiment", "paper", "end2end")
"""Those that rest on an experiment: they are audited for made-up results and have a verdict."""


class TrialKey(NamedTuple):
    """What one trial is called: unit of work, storage and resume."""

    task: str
    stage: str
    epoch: int = 1

    def __str__(self) -> str:
        """`task/stage`, with `.eK` from the second epoch on; also the trial's folder below `trials/`."""
        suffix = f".e{self.epoch}" if self.epoch > 1 else ""
        return f"{safe_name(self.task)}/{self.stage}{suffix}"

    @property
    def item_id(self) -> str:
        """The parameter id of the pytest item: `task` or `task-eK`."""
        return f"{self.task}-e{self.epoch}" if self.epoch > 1 else self.task

    def at(self, stage: str) -> "TrialKey":
        """The trial of another stage in the same chain."""
        return self._replace(stage=stage)

    @classmethod
    def parse(cls, text: str) -> "TrialKey":
        """Inverse of `str`. Raises ValueError for anything else."""
        task, slash, rest = text.partition("/")
        stage, _, epoch = rest.partition(".e")
        if not slash or stage not in STAGES or (epoch and not epoch.isdigit()):
            raise ValueError(f"not a trial key: {text!r} (expected TASK/STAGE or TASK/STAGE.eK)")
        return cls(unquote(task), stage, int(epoch or 1))


@lru_cache(maxsize=4096)
def safe_name(text: str) -> str:
    """`text` as one percent-encoded path component (model ids hold `/`, task names may hold anything).

    >>> safe_name("openai/gpt-5")
    'openai%2Fgpt-5'
    """
    encoded = quote(text, safe="-_+@=, ")
    return encoded.replace(".", "%2E") if set(encoded) <= {"."} else encoded
