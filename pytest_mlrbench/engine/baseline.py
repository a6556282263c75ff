"""The baseline's stored outputs judged again by this run's panel, so that a judge's drift is not taken for the agent's."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from ..errors import BudgetSpent, InfrastructureError
from ..judging.panel import panel_scores, protocol_of, review
from ..judging.work import Work, collect_work
from ..keys import TrialKey
from ..models.counting import CountingModels
from ..records import Review, Spent, TrialRecord
from ..results.gate.rejudged import BASELINE, is_moving, rejudged_store
from ..results.store import RunStore
from ..settings import Settings
from ..stages.rubric import Rubric, load_rubric
from ..stages.stage import STAGES
from ..tasks.catalogue import load_tasks
from .grading import together
from .resources import Resources
from .sources import Chain


class Rejudging:
    """New reviews of one baseline by the panel of one run."""

    def __init__(self, settings: Settings, base: RunStore, run: RunStore, resources: Resources) -> None:
        self._settings = settings
        self._base = base
        self._resources = resources
        self.store = rejudged_store(run)
        self.reason = ""
        """Why it is done, for the plan; empty where it is not."""
        self.keys: list[TrialKey] = []
        """Trials of the baseline to be judged again."""

    def plan(self, keys: Sequence[TrialKey]) -> None:
        """Settle which of `keys`, trials of the baseline, are judged again, and why."""
        if self._settings.gate_rejudge == "never":
            return
        records = {key: record for key in keys if (record := self._base.record(key)) is not None and record.status == "done"}
        moving = [judge for judge in self._settings.judges if is_moving(judge)]
        stages: dict[str, str] = {}
        for stage in {key.stage for key in records}:
            known = [review for key, record in records.items() if key.stage == stage for review in record.reviews]
            other = self.mismatch(stage, known)
            if self._settings.gate_rejudge == "always":
                stages[stage] = "--mlr-gate-rejudge=always"
            elif moving:
                stages[stage] = f"{', '.join(moving)} may have changed: no snapshot is named"
            elif other:
                stages[stage] = other
        self.keys = [key for key in records if key.stage in stages]
        self.reason = "; ".join(dict.fromkeys(stages.values()))

    def to_do(self) -> list[TrialKey]:
        """What of `keys` is not judged yet."""
        return [key for key in self.keys if (record := self.store.record(key)) is None or record.status != "done"]

    async def judge(self, keys: Sequence[TrialKey]) -> bool:
        """Judge again what of `keys` is planned and not done; returns whether the budget ended it.

        A trial that cannot be judged gets a record that says why, so that it is no pair.
        """
        wanted = set(keys)
        todo = [key for key in await asyncio.to_thread(self.to_do) if key in wanted]
        if todo and not self.store.run_file.exists():
            described = {**self._base.run(), BASELINE: str(self._base.root.resolve()), "finished": None}
            await asyncio.to_thread(self.store.write_run, described)
        records = await together(self._judge(key) for key in todo)
        return any(record.over_budget for record in records)

    def mismatch(self, stage: str, reviews: Sequence[Review]) -> str:
        """Why `reviews` are not what this run's panel would give; empty when they may be."""
        if {one.judge for one in reviews} != set(self._settings.judges) and reviews:
            return f"it had another panel, {', '.join(sorted({one.judge for one in reviews}))}"
        if any(one.protocol != protocol_of(self._rubric(stage), self._settings.prompts) for one in reviews):
            return "it was judged by another rubric or prompt"
        return ""

    def _rubric(self, stage: str) -> Rubric:
        return load_rubric(stage, Path(self._settings.rubrics) if self._settings.rubrics else None)

    async def _judge(self, key: TrialKey) -> TrialRecord:
        from .core import outcome_of

        record = await asyncio.to_thread(self._base.record, key)
        assert record is not None  # `plan` has read it
        rubric = self._rubric(key.stage)
        try:
            async with self._resources.stage_slots:
                work = await asyncio.to_thread(self._work, key, record)
                settings = self._settings
                asked = [(judge, repeat) for judge in settings.judges for repeat in range(1, settings.judge_repeats + 1)]
                reviews = await together(self._review(key, work, rubric, *one) for one in asked)
            fields = {
                "reviews": reviews,
                "scores": panel_scores(reviews),
                "mechanical": all(one.mechanical for one in reviews),
                "judge_spent": sum((one.spent for one in reviews), Spent()),
            }
        except Exception as error:  # noqa: BLE001 - one trial's fault must not end the others; it is in the record
            status, reason = outcome_of(error)
            # Nothing that ends a re-judging is the agent's fault: its output was graded before.
            status = "error" if status == "failed" else status
            reason = f"its stored output could not be judged again: {reason}"
            over = isinstance(error, BudgetSpent)
            fields = {"status": status, "reason": reason, "over_budget": over, "reviews": [], "scores": {}}
        made = record.model_copy(update={**fields, "forms": [], "finished": time.time()})
        await asyncio.to_thread(self.store.write_record, made)
        return made

    def _work(self, key: TrialKey, record: TrialRecord) -> Work:
        inputs = {stage: input_folder(self._base, key, record, stage) for stage in STAGES[key.stage].inputs}
        output = self._base.output(key)
        if key.stage != "end2end" and not output.is_dir():
            raise InfrastructureError(f"{output} is gone")
        task = load_tasks()[key.task].with_text(self._settings.tasks)
        return collect_work(key.stage, task, inputs, output, self._base.trial(key))

    async def _review(self, key: TrialKey, work: Work, rubric: Rubric, judge: str, repeat: int) -> Review:
        models = CountingModels(self._resources.models())
        scope = f"rejudge:{key}#review:{judge}.r{repeat}"
        today, prompts = self._resources.today, self._settings.prompts
        made = await review(work, rubric, judge, repeat, models=models, scope=scope, today=today, prompts=prompts)
        return made.model_copy(update={"spent": models.spent})


def input_folder(store: RunStore, key: TrialKey, record: TrialRecord, stage: str) -> Path:
    """Where the output of `stage` lies that the trial `key` of `store` was given."""
    label = record.inputs.get(stage, "own")
    if label == "own":
        return store.output(key.at(stage))
    chain = Chain.of(label)
    return chain.store.output(TrialKey(key.task, stage, chain.epoch))
