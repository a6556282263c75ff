"""Two runs side by side: which pairs there are, asking the judges about them, and what is stored; `compare --pairwise` calls it.

The answers lie in the newer run, below `pairwise/`; the base run is only read.
"""

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ConfigError, MLRBenchError
from ..judging.pairwise import Pair, compare, pairwise_protocol
from ..judging.panel import OFFLINE
from ..keys import TrialKey
from ..models.counting import CountingModels
from ..records import Order, SideBySide, TrialRecord, Winner
from ..results.pairwise import ORDERS, Answers, base_id, position_bias, summary
from ..results.shown import count
from ..results.store import RunStore, write_atomic
from ..settings import Settings
from ..stages.rubric import Rubric, load_rubric
from ..tasks.catalogue import Task
from .afterwards import Question, past_refused
from .planning import JUDGE_IN
from .rejudging import selected_records, task_named, work_of
from .resources import Resources

PURSE = "pairwise"
"""Scope of all calls of comparisons, in the newer run's call log."""
NO_PAIR = {"error": "no score for infrastructure", "skipped": "not done"}
"""Status of a side -> why it makes no pair; an absent record is `not in` that run."""


@dataclass
class Comparing:
    """The pairs of two runs."""

    base: RunStore
    new: RunStore
    settings: Settings
    pairs: list["TrialPair"] = field(default_factory=list)
    unpaired: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Why -> trials that make no pair."""
    warnings: list[str] = field(default_factory=list)

    def questions(self) -> list[Question]:
        """What is not answered yet. Reads the works of every pair: only they tell whether stored answers still hold."""
        return [question for pair in self.pairs for question in pair.questions()]

    def lines(self, asked: int) -> list[str]:
        """The plan for `asked` questions, but for calls and cost."""
        judges = ", ".join(self.settings.judges)
        decided = sum(pair.known is not None for pair in self.pairs)
        told = [
            f"mlrbench: {self.new.root} against {self.base.root}: {count(len(self.pairs), 'pair')}, {decided} of them decided by a "
            f"failed side or equal outputs; {asked} answers to get from {judges}, each pair in both orders"
        ]
        told += [f"mlrbench: not compared, {why}: {count(len(keys), 'trial')}" for why, keys in self.unpaired.items()]
        return [*told, *(f"mlrbench: warning: {text}" for text in self.warnings)]

    def result(self) -> dict[str, Any]:
        """What the stored answers come to (docs/interface.md, `compare --pairwise`)."""
        found = [pair.answers() for pair in self.pairs]
        complete = [one for one in found if one is not None]
        return {
            "base": str(self.base.root),
            "new": str(self.new.root),
            "judges": list(self.settings.judges),
            "repeats": self.settings.judge_repeats,
            "stages": summary(complete),
            "position": position_bias(complete),
            "incomplete": [str(pair.key) for pair, one in zip(self.pairs, found, strict=True) if one is None],
            "unpaired": dict(self.unpaired),
            "warnings": self.warnings,
        }

    def store_result(self, result: dict[str, Any]) -> None:
        """Leave `result` beside the answers."""
        folder = self.new.comparisons(base_id(self.base))
        write_atomic(folder / "summary.json", json.dumps(result, indent=1, ensure_ascii=False).encode())


def plan_pairs(base: RunStore, new: RunStore, settings: Settings, stages: Sequence[str], tasks: Sequence[str]) -> Comparing:
    """The trials that both runs have, of these stages and task globs.

    A side that FAILED by its agent's own fault loses to one that has an output: leaving it out would reward failing. Raises
    ConfigError when there is nothing to compare, or a judge cannot compare.
    """
    if OFFLINE in settings.judges:
        raise ConfigError("--mlr-judges=offline: counts features of one text and cannot compare two; name model judges")
    found = Comparing(base, new, settings)
    sides = [{record.key: record for record in selected_records(store, stages, tasks)} for store in (base, new)]
    texts: dict[str, Task] = {}
    rubrics: dict[str, Rubric] = {}
    for key in dict.fromkeys([*sides[0], *sides[1]]):
        records = [side.get(key) for side in sides]
        whys = [
            f"not in {store.root}" if record is None else f"{NO_PAIR[record.status]} in {store.root}"
            for store, record in zip((base, new), records, strict=True)
            if record is None or record.status in NO_PAIR
        ]
        if whys:
            found.unpaired[whys[0]].append(str(key))
            continue
        if key.stage not in rubrics:
            rubrics[key.stage] = load_rubric(key.stage, Path(settings.rubrics) if settings.rubrics else None)
        if key.task not in texts:
            texts[key.task] = task_named(key.task, new, settings)
        first, second = records
        assert first is not None
        assert second is not None
        found.pairs.append(TrialPair(base, new, first, second, texts[key.task], rubrics[key.stage], settings))
    if not found.pairs:
        raise ConfigError(
            f"{base.root} and {new.root} have no trial in common that could be compared: " + "; ".join(found.unpaired)
        )
    found.warnings = _warnings(base, new)
    return found


def _warnings(base: RunStore, new: RunStore) -> list[str]:
    digests = [store.run().get("digests") or {} for store in (base, new)]
    warnings = []
    if digests[0].get("tasks_source") != digests[1].get("tasks_source"):
        warnings.append(
            "the agents of the two runs read other task texts; the judges are shown those of the newer run, against which the base "
            "was not written"
        )
    return warnings


def _decided(base: TrialRecord, new: TrialRecord) -> Winner | None:
    if "failed" not in (base.status, new.status):
        return None
    if base.status == new.status:
        return "tie"
    return "new" if base.status == "failed" else "base"


class TrialPair:
    """One trial of both runs."""

    def __init__(
        self,
        base: RunStore,
        new: RunStore,
        base_record: TrialRecord,
        new_record: TrialRecord,
        task: Task,
        rubric: Rubric,
        settings: Settings,
    ) -> None:
        self.key: TrialKey = new_record.key
        self.known = _decided(base_record, new_record)
        self._stores = (base, new)
        self._records = (base_record, new_record)
        self._task = task
        self._rubric = rubric
        self._settings = settings
        self._id = base_id(base)
        self._protocol = pairwise_protocol(rubric, settings.prompts)
        self._pair: Pair | None = None
        self._digests: tuple[str, str] | None = None
        self._open = 0
        self._reading = asyncio.Lock()

    def _wanted(self) -> list[tuple[str, int, Order]]:
        repeats = range(1, self._settings.judge_repeats + 1)
        return [(judge, repeat, order) for judge in self._settings.judges for repeat in repeats for order in ORDERS]

    def _stored(self, judge: str, repeat: int, order: Order) -> SideBySide | None:
        return self._stores[1].comparison(self._id, self.key, judge, self._protocol, repeat, order)

    def questions(self) -> list[Question]:
        """The wanted answers that are not there; none about a pair that is decided without a judge."""
        if self.known is None:
            # A work that cannot be read is told by its questions, which cannot be asked.
            with contextlib.suppress(MLRBenchError):
                self._read()
        if self.known is not None:
            return []
        open_ones = [one for one in self._wanted() if not self._holds(self._stored(*one))]
        self._open = len(open_ones)
        return [self._question(*one) for one in open_ones]

    def _read(self) -> Pair:
        works = [work_of(store, record, self._task) for store, record in zip(self._stores, self._records, strict=True)]
        pair = Pair(works[0], works[1])
        self._digests = pair.digests
        if self._digests[0] == self._digests[1]:
            self.known = "tie"
        return pair

    def _holds(self, stored: SideBySide | None) -> bool:
        return stored is not None and stored.works == self._digests

    def _question(self, judge: str, repeat: int, order: Order) -> Question:
        name = f"{self.key}, {order}, by {judge}" + (f", repeat {repeat}" if repeat > 1 else "")
        low, high = JUDGE_IN[self.key.stage]

        async def ask(resources: Resources) -> None:
            try:
                await self._ask(judge, repeat, order, resources)
            finally:
                self._open -= 1
                if not self._open:
                    self._pair = None  # two papers with code may be megabytes, and a run has hundreds

        return Question(name, self.key.stage, judge, (2 * low, 2 * high), ask)

    async def _ask(self, judge: str, repeat: int, order: Order, resources: Resources) -> None:
        pair = await self._works()

        async def side_by_side(scope: str) -> SideBySide:
            models = CountingModels(resources.models())
            about = (pair, self._rubric, judge, repeat, order)
            prompts = self._settings.prompts
            made = await compare(*about, models=models, scope=scope, today=resources.today, prompts=prompts)
            return made.model_copy(update={"spent": models.spent})

        made = await past_refused(resources, f"{PURSE}/{self._id}/{self.key}#{judge}.r{repeat}.{order}", side_by_side)
        await asyncio.to_thread(self._stores[1].write_comparison, self._id, self.key, made)

    async def _works(self) -> Pair:
        async with self._reading:
            if self._pair is None:
                self._pair = await asyncio.to_thread(self._read)
            return self._pair

    def answers(self) -> Answers | None:
        """All answers about this pair, None while one is missing or speaks of other works."""
        if self.known is not None:
            return Answers(self.key, known=self.known)
        found = [self._stored(*one) for one in self._wanted()]
        complete = [one for one in found if one is not None and self._holds(one)]
        return Answers(self.key, complete) if len(complete) == len(found) else None
