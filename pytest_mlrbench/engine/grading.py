"""The second half of a trial: checks audit the output and, blind to them, the panel reviews it; then the panel is asked, with the
checks' findings before it, what was made up."""

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from ..audits import Audit
from ..judging.form import fill_form, form_protocol, told_dropped
from ..judging.panel import OFFLINE, panel_scores, protocol_of, review
from ..judging.quotes import Exhibits
from ..judging.work import Work, collect_case, collect_work
from ..keys import WITH_EXPERIMENT, TrialKey
from ..models.counting import CountingModels
from ..offload import SHORT, read_if_there
from ..records import JudgeForm, Review, Spent, TrialRecord, audits
from ..results.store import RunStore
from ..search import SOURCES
from ..settings import Settings
from ..stages.rubric import HallucinationRubric, Rubric, load_hallucination_rubric, load_rubric
from ..tasks.catalogue import Task
from .audits import audit_trial
from .resources import Resources

T = TypeVar("T")


def form_judges(settings: Settings, stage: str) -> tuple[str, ...]:
    """Judges that fill in the hallucination form of a stage; none where it claims no results or the check is off."""
    if stage not in WITH_EXPERIMENT or settings.hallucination_check == "off":
        return ()
    return tuple(judge for judge in dict.fromkeys(settings.judges) if judge != OFFLINE)


def form_rubric(settings: Settings) -> HallucinationRubric:
    """The definitions that this run's form is asked with. Raises ConfigError when they are missing or broken."""
    return load_hallucination_rubric(Path(settings.rubrics) if settings.rubrics else None)


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
            audited_job = group.create_task(caught(self._audited(key, base.attempt, task, inputs)))
            reviews_job = group.create_task(caught(self._reviews(key, base.attempt, task, inputs)))
        audited, reviews = audited_job.result(), reviews_job.result()
        if isinstance(audited, Exception):
            raise audited
        if isinstance(reviews, Exception):
            raise reviews
        audit, forms = audited
        verdict = key.stage in WITH_EXPERIMENT
        return base.model_copy(
            update={
                "status": "done",
                "judge_spent": sum([*(one.spent for one in reviews), *(one.spent for one in forms)], Spent()),
                "scores": panel_scores(reviews),
                "mechanical": all(one.mechanical for one in reviews),
                "reviews": reviews,
                "verdict": audit.verdict if verdict else None,
                "support": audit.support if verdict else None,
                "coverage": audit.coverage,
                "findings": audit.findings,
                "forms": forms,
            }
        )

    async def _audited(self, key: TrialKey, attempt: int, task: Task, inputs: dict[str, Path]) -> tuple[Audit, list[JudgeForm]]:
        """What the checks found (audit.json, stored as it is) with what the panel's forms add to it, and the forms."""
        audit = await self._audit(key, inputs)
        if key.stage not in WITH_EXPERIMENT:
            return audit, []
        forms = await self._forms(key, attempt, task, inputs, audit)
        return await asyncio.to_thread(with_forms, audit, forms, self._settings), forms

    async def _audit(self, key: TrialKey, inputs: dict[str, Path]) -> Audit:
        stored = await read_if_there(self._store.audit_file(key), self._store.audit, key)
        if stored is not None:
            return stored
        folders = {stage: str(path) for stage, path in inputs.items()}
        # end2end has no output of its own: it is its chain's paper with the experiment beside it.
        output = inputs["paper"] if key.stage == "end2end" else self._store.output(key)
        # Who searches an index may look references up there too; any other run sends nothing anywhere.
        online = self._settings.search in SOURCES
        trial, today = str(self._store.trial(key)), self._resources.today.isoformat()
        long = key.stage in WITH_EXPERIMENT or _holds_long_text(output)
        found = await self._resources.audit(audit_trial, key.stage, str(output), trial, folders, today, online, long=long)
        audit = audits().validate_python(found)
        await asyncio.to_thread(self._store.write_audit, key, audit)
        return audit

    async def _reviews(self, key: TrialKey, attempt: int, task: Task, inputs: dict[str, Path]) -> list[Review]:
        rubric = load_rubric(key.stage, Path(self._settings.rubrics) if self._settings.rubrics else None)
        work = await asyncio.to_thread(collect_work, key.stage, task, inputs, self._store.output(key), self._store.trial(key))
        wanted = self._asked(self._settings.judges)
        reviews = [self._review(key, attempt, work, rubric, *one) for one in wanted]
        del work  # here and below: calls wait by the hundred, and each has the text in its prompt
        return await together(reviews)

    def _asked(self, judges: Iterable[str]) -> list[tuple[str, int]]:
        return [(judge, repeat) for judge in judges for repeat in range(1, self._settings.judge_repeats + 1)]

    def _review(
        self, key: TrialKey, attempt: int, work: Work, rubric: Rubric, judge: str, repeat: int
    ) -> Coroutine[Any, Any, Review]:
        scope = f"{key}#review:{judge}.r{repeat}" + (f"~{attempt}" if attempt > 1 else "")
        return stored_review(self._store, key, work, rubric, judge, repeat, resources=self._resources, scope=scope)

    async def _forms(self, key: TrialKey, attempt: int, task: Task, inputs: dict[str, Path], audit: Audit) -> list[JudgeForm]:
        wanted = self._asked(form_judges(self._settings, key.stage))
        if not wanted:
            return []
        rubric = form_rubric(self._settings)
        work = await asyncio.to_thread(collect_case, key.stage, task, inputs, self._store.output(key), self._store.trial(key))
        exhibits = Exhibits(work)
        return await together(self._form(key, attempt, work, audit, exhibits, rubric, *one) for one in wanted)

    async def _form(
        self,
        key: TrialKey,
        attempt: int,
        work: Work,
        audit: Audit,
        exhibits: Exhibits,
        rubric: HallucinationRubric,
        judge: str,
        repeat: int,
    ) -> JudgeForm:
        prompts = self._settings.prompts
        which = (key, judge, form_protocol(rubric, prompts), repeat)
        stored = await read_if_there(self._store.form_file(*which), self._store.form, *which)
        if stored is not None:
            return stored
        scope = f"{key}#hallucination:{judge}.r{repeat}" + (f"~{attempt}" if attempt > 1 else "")
        models = CountingModels(self._resources.models())
        today = self._resources.today
        made = await fill_form(
            work, audit, exhibits, rubric, judge, repeat, models=models, scope=scope, today=today, prompts=prompts
        )
        made = made.model_copy(update={"spent": models.spent})
        await asyncio.to_thread(self._store.write_form, key, made)
        return made


def _holds_long_text(output: Path) -> bool:
    return any(file.stat().st_size > SHORT for file in output.iterdir())


async def stored_review(
    store: RunStore,
    key: TrialKey,
    work: Work,
    rubric: Rubric,
    judge: str,
    repeat: int,
    *,
    resources: Resources,
    scope: str,
    added: bool = False,
) -> Review:
    """The review of `judge` that `store` has of this protocol, else a new one, which is stored before anything acts on it.

    Raises as judging.panel.review.
    """
    prompts = resources.settings.prompts
    which = (key, judge, protocol_of(rubric, prompts), repeat)
    stored = await read_if_there(store.review_file(*which), store.review, *which)
    if stored is not None:
        return stored
    models = CountingModels(resources.models())
    making = review(work, rubric, judge, repeat, models=models, scope=scope, today=resources.today, prompts=prompts)
    del work
    made = await making
    made = made.model_copy(update={"spent": models.spent, "added": added})
    await asyncio.to_thread(store.write_review, key, made)
    return made


def with_forms(audit: Audit, forms: list[JudgeForm], settings: Settings) -> Audit:
    """`audit` with the findings, the coverage and the verdict that the panel's forms lead to.

    Judges can make a work `hallucinated`; silence of theirs proves nothing, so they never make one `verified`.
    """
    from ..judging.voices import CHECK, panel_findings

    found = [*panel_findings(forms), *told_dropped(forms)]
    off = settings.hallucination_check == "off"
    why_none = "switched off with --mlr-hallucination-check=off" if off else "no model judge on the panel"
    failing = any(one.severity == "fail" for one in found)
    return replace(
        audit,
        verdict="hallucinated" if failing else audit.verdict,
        coverage={**audit.coverage, CHECK: "done" if forms else f"no evidence: {why_none}"},
        findings=[*audit.findings, *found],
    )


async def together(jobs: Iterable[Awaitable[T]]) -> list[T]:
    """The results of `jobs` in order. When one fails the others go on to their end, so that what they say is stored."""
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(caught(job)) for job in jobs]
    results: list[T] = []
    for one in running:
        found = one.result()
        if isinstance(found, Exception):
            raise found
        results.append(found)
    return results


async def caught(job: Awaitable[T]) -> T | Exception:
    """The result or the error of `job`, so that a task group waits for the siblings of a failed one."""
    try:
        return await job
    except Exception as error:  # noqa: BLE001 - raised again by the caller once all have ended
        return error
