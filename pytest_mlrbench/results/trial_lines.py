"""A run's trials as far as tables and exports need them, read once and fast.

A record is mostly text (justifications, answers, claims), tables need its numbers: parsing only those takes a third of the time,
and files are read ahead in threads while others are parsed. tests/perf/store_scale.py measures both.
"""

import gc
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ..audits import FindingType, Scope, Severity, Verdict
from ..errors import ConfigError
from ..keys import STAGES, TrialKey
from ..records import Spent, Status
from .checked import check_record
from .store import RunStore

READ_AHEAD = 200
"""Files that a thread reads at a time; three such batches wait at most."""


class _Line(BaseModel):
    """Unlike records these leave out what they do not name, so that pydantic builds no object of it."""

    model_config = ConfigDict(extra="ignore")


class OpinionLine(_Line):
    has_hallucination: bool


class ReviewLine(_Line):
    """Numbers of a `records.Review`."""

    judge: str
    repeat: int = 1
    protocol: str
    scores: dict[str, int | None]
    opinion: OpinionLine | None = None
    mechanical: bool = False
    added: bool = False
    not_shown: list[str] = []
    """Never changed: pydantic copies it."""


class FindingLine(_Line):
    """Kind of a `records.Finding`."""

    type: FindingType
    scope: Scope
    check: str
    severity: Severity


class ClaimLine(_Line):
    type: FindingType
    why: str = ""
    """Of a dropped claim."""


class FormLine(_Line):
    """Kinds of the claims of a `records.JudgeForm`."""

    judge: str
    claims: list[ClaimLine] = []
    dropped: list[ClaimLine] = []


class TrialLine(_Line):
    """Numbers of a `records.TrialRecord`, with the same names."""

    task: str
    stage: str
    epoch: int = 1
    model: str
    agent: str
    status: Status
    reason: str = ""
    over_budget: bool = False
    agent_spent: Spent = Spent()
    judge_spent: Spent = Spent()
    scores: dict[str, float | None] = {}
    reviews: list[ReviewLine] = []
    verdict: Verdict | None = None
    support: float | None = None
    findings: list[FindingLine] = []
    forms: list[FormLine] = []

    @property
    def key(self) -> TrialKey:
        return TrialKey(self.task, self.stage, self.epoch)


@dataclass(frozen=True)
class Unrecorded:
    """A trial without a record whose agent's part has ended: an output that nobody graded, or not yet."""

    key: TrialKey
    spent: Spent


@dataclass(frozen=True)
class Reading:
    """Everything that tables need of one run."""

    store: RunStore
    run: dict[str, Any]
    """run.json."""
    lines: list[TrialLine]
    """In the order of tasks, stages and epochs."""
    unrecorded: list[Unrecorded]


def read_run(store: RunStore) -> Reading:
    """Read a run's records, and the stage results of trials without one.

    Raises ConfigError naming the file that is damaged, or the trial, judge and dimension of a score outside its scale.
    """
    with without_gc():
        return _read_run(store)


@contextmanager
def without_gc() -> Iterator[None]:
    """Hold the cyclic garbage collector: it looks at all records again and again while more are read, and took 60 % of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _read_run(store: RunStore) -> Reading:
    keys = _keys(store)
    root = str(store.root)
    folders = [f"{root}/trials/{key}" for key in keys]
    lines = []
    unrecorded = []
    for key, folder, content in zip(keys, folders, _contents([f"{folder}/record.json" for folder in folders]), strict=True):
        if content is None:
            result = store.stage_result(key)
            if result is not None:
                unrecorded.append(Unrecorded(key, result.spent))
            continue
        line = _parsed(content, key, f"{folder}/record.json")
        if line.status in ("error", "skipped"):
            # The agent's part may have ended in a later attempt than the one that the record tells of.
            result = store.stage_result(key)
            line = line if result is None else line.model_copy(update={"agent_spent": result.spent})
        lines.append(line)
    return Reading(store, store.run(), lines, unrecorded)


def _keys(store: RunStore) -> list[TrialKey]:
    """As `RunStore.keys`, without a Path object a folder."""
    keys = []
    root = store.root / "trials"
    if root.is_dir():
        for task in os.scandir(root):
            if task.is_dir():
                for trial in os.scandir(task):
                    try:
                        keys.append(TrialKey.parse(f"{task.name}/{trial.name}"))
                    except ValueError:
                        continue  # not ours
    order = {stage: place for place, stage in enumerate(STAGES)}
    return sorted(keys, key=lambda key: (key.task, order[key.stage], key.epoch))


def _contents(paths: Sequence[str]) -> Iterator[bytes | None]:
    """What each file holds, in order, read ahead; None for one that is not there."""
    batches = [paths[start : start + READ_AHEAD] for start in range(0, len(paths), READ_AHEAD)]
    with ThreadPoolExecutor(2, thread_name_prefix="records") as threads:
        waiting: deque[Future[list[bytes | None]]] = deque()
        for batch in batches:
            waiting.append(threads.submit(_read, batch))
            if len(waiting) > 3:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def _read(paths: Sequence[str]) -> list[bytes | None]:
    contents: list[bytes | None] = []
    for path in paths:
        try:
            with open(path, "rb", buffering=0) as stream:  # noqa: PTH123 - a Path object a file costs as much as the reading
                contents.append(stream.read())
        except FileNotFoundError:
            contents.append(None)
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    return contents


def _parsed(content: bytes, key: TrialKey, path: str) -> TrialLine:
    try:
        line = TrialLine.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        told = ": ".join(part for part in (".".join(map(str, first["loc"])), first["msg"]) if part)
        raise ConfigError(f"{path} is damaged or of another version: {told}; move it away to redo it") from error
    check_record(line.key, line.reviews, key, path)
    return line
