"""The second half of a trial: the stage's output is audited by the checks and, blind to that, reviewed by the panel."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

from ..evidence.checks import audit_trial
from ..judging.panel import panel_scores, protocol_of, review
from ..judging.work import Work, collect_work
from ..keys import TrialKey
from ..models.counting import CountingModels
from ..records import Audit, Review, Spent, TrialRecord
from ..results.store import RunStore
from ..search import SOURCES
from ..settings import Settings
from ..stages.rubric import Rubric, load_rubric
from ..tasks.catalogue import Task
from .resources import Resources

T = TypeVar("T")

VERDICT_STAGES = ("experiment", "paper", "end2end")
"""Stages with results to verify; ideas and proposals claim none, so they have findings but no verdict."""


class Grader:
    """Audits and reviews for one run; what is stored already is not done or paid again."""

    def __init__(self, settings: Settings, store: RunStore, resources: Resources) -> None:
        self._settings = settings
        self._store = store
        self._resources = resources

    async def grade(self, key: TrialKey, base: TrialRecord, task: Task, inputs: dict[str, Path]) -> TrialRecord:
        """`base` with findings, reviews and scores. Raises InfrastructureError or NotDone when a judge cannot answer."""
        if key.stage == "literature":
            return base.model_copy(update={"status": "done"})
        async with asyncio.TaskGroup() as group:
            audit_job = group.create_task(caught(self._audit(key, inputs)))
            reviews_job = group.create_task(caught(self._reviews(key, base.attempt, task, inputs)))
        audit, reviews = audit_job.result(), reviews_job.result()
        for failed in (audit, reviews):
            if isinstance(failed, Exception):
                raise failed
        assert isinstance(audit, Audit)
        assert isinstance(reviews, list)
        verdict = key.stage in VERDICT_STAGES
        return base.model_copy(
            update={
                "status": "done",
                "judge_spent": sum((one.spent for one in reviews), Spent()),
                "scores": panel_scores(reviews),
                "mechanical": all(one.mechanical for one in reviews),
                "reviews": reviews,
                "verdict": audit.verdict if verdict else None,
                "support": audit.support if verdict else None,
                "coverage": audit.coverage,
                "findings": audit.findings,
            }
        )

    async def _audit(self, key: TrialKey, inputs: dict[str, Path]) -> Audit:
        stored = await asyncio.to_thread(self._store.audit, key)
        if stored is not None:
            return stored
        folders = {stage: str(path) for stage, path in inputs.items()}
        # end2end has no output of its own: it is its chain's paper with the experiment beside it.
        output = inputs["paper"] if key.stage == "end2end" else self._store.output(key)
        # Who searches an index may look references up there too; any other run sends nothing anywhere.
        online = self._settings.search in SOURCES
        found = await self._resources.audit(
            audit_trial, key.stage, str(output), str(self._store.trial(key)), folders, self._resources.today.isoformat(), online
        )
        audit = Audit.model_validate(found)
        await asyncio.to_thread(self._store.write_audit, key, audit)
        return audit

    async def _reviews(self, key: TrialKey, attempt: int, task: Task, inputs: dict[str, Path]) -> list[Review]:
        rubric = load_rubric(key.stage, Path(self._settings.rubrics) if self._settings.rubrics else None)
        work = await asyncio.to_thread(collect_work, key.stage, task, inputs, self._store.output(key), self._store.trial(key))
        wanted = [(judge, repeat) for judge in self._settings.judges for repeat in range(1, self._settings.judge_repeats + 1)]
        async with asyncio.TaskGroup() as group:
            jobs = [group.create_task(caught(self._review(key, attempt, work, rubric, *one))) for one in wanted]
        reviews = []
        for job in jobs:
            found = job.result()
            if isinstance(found, Exception):
                raise found  # every judge has ended; what the others said is stored
            reviews.append(found)
        return reviews

    async def _review(self, key: TrialKey, attempt: int, work: Work, rubric: Rubric, judge: str, repeat: int) -> Review:
        protocol = protocol_of(rubric, self._settings.prompts)
        stored = await asyncio.to_thread(self._store.review, key, judge, protocol, repeat)
        if stored is not None:
            return stored
        scope = f"{key}#review:{judge}.r{repeat}" + (f"~{attempt}" if attempt > 1 else "")
        models = CountingModels(self._resources.models())
        made = await review(
            work, rubric, judge, repeat, models=models, scope=scope, today=self._resources.today, prompts=self._settings.prompts
        )
        made = made.model_copy(update={"spent": models.spent})
        await asyncio.to_thread(self._store.write_review, key, made)
        return made


async def caught(job: Awaitable[T]) -> T | Exception:
    """The result or the error of `job`, so that a task group waits for the siblings of a failed one."""
    try:
        return await job
    except Exception as error:  # noqa: BLE001 - raised again by the caller once all have ended
        return error
