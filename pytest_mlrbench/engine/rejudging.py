"""New reviews of stored outputs by other judges; `mlrbench rejudge` and `mlrbench judge` call it, nothing but judges is run.

Scores are decided by the panel that a run was made with. What other judges say later stands in the record's `reviews`, marked
`added`, and changes neither its `scores` nor what the trial cost. A trial that no judge has reviewed yet (a folder of another
agent) is graded by the judges that are asked first: they are its panel.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from ..errors import ConfigError, InfrastructureError
from ..judging.panel import OFFLINE, panel_scores, protocol_of
from ..judging.work import Work, collect_work
from ..keys import GRADED, TrialKey
from ..records import Review, Spent, TrialRecord
from ..results.imported_run import NO_REVIEW, output_published
from ..results.shown import count
from ..results.store import RunStore
from ..settings import Settings
from ..stages.rubric import Rubric, load_rubric
from ..stages.stage import STAGES
from ..tasks.catalogue import Task, load_tasks
from .afterwards import Question, past_refused
from .grading import stored_review
from .planning import JUDGE_IN
from .resources import Resources

PURSE = "rejudge"
"""Scope of all calls of `mlrbench rejudge` and `judge`."""
FREE = "free-"
"""How the name of a task begins that is none of the catalogue: work whose authors chose their subject, or whose task is unknown."""
SOURCE = "source"
"""Key in a record's environment: where a folder that no run of ours made came from (engine.foreign)."""


def free_task(name: str, year: int) -> Task:
    """The neutral task of a work without one: it asks for nothing but what the work itself sets out to do."""
    return Task(
        id=name,
        title="A subject of the authors' own choice",
        venue="Machine learning",
        year=year,
        category="any topic",
        category_source="assigned",
        brief=(
            "There is no task text for this work: its authors chose what to study, or their task is not known here. Where the "
            "rubric asks about the task, hold the work against the question that it sets itself, and against nothing else."
        ),
    )


def task_named(name: str, store: RunStore, settings: Settings) -> Task:
    """The task of a trial of `store` with its text. Raises ConfigError for one that is neither ours nor free."""
    if name.startswith(FREE):
        return free_task(name, int(store.run()["started"][:4]))
    task = load_tasks().get(name)
    if task is None:
        raise ConfigError(f"unknown task {name!r}: its text is needed to judge its outputs; `mlrbench tasks` lists all")
    return task.with_text(settings.tasks)


def work_of(store: RunStore, record: TrialRecord, task: Task) -> Work:
    """What a judge of `record` sees, from the outputs as they are stored.

    Raises InfrastructureError when an input of it is gone, and what collect_work raises.
    """
    key = record.key
    inputs = {stage: store.output(key.at(stage)) for stage in STAGES[key.stage].inputs}
    for stage, label in record.inputs.items():
        if label != "own":
            run, separator, name = label.rpartition("::")
            if not separator:
                raise InfrastructureError(f"{key}: its input {stage} is called {label!r}, expected `own` or RUN::TASK/STAGE")
            inputs[stage] = RunStore(Path(run)).output(TrialKey.parse(name))
        if not inputs[stage].is_dir():
            raise InfrastructureError(f"{key}: its input {stage} is gone: there is no {inputs[stage]}")
    work = collect_work(key.stage, task, inputs, store.output(key), store.trial(key))
    told = record.environment.get(SOURCE, {}).get("not_shown", [])
    return replace(work, notes=(*told, *work.notes))


@dataclass(frozen=True)
class Rejudging:
    """What is to be asked about one run."""

    questions: list[Question]
    there: int
    """Reviews that the records hold already."""
    left_out: dict[TrialKey, str]
    """Selected trials without an output to review, with their status."""
    trials: int
    """Trials that are reviewed."""
    judges: tuple[str, ...] = field(default=())

    def lines(self, where: str) -> list[str]:
        """The plan, but for calls and cost; `where` the trials lie."""
        head = f"mlrbench: {count(self.trials, 'trial')} of {where}; reviews by {', '.join(self.judges)}"
        told = [f"{head}: {len(self.questions)} to make, {self.there} already there"]
        if self.left_out:
            whys = ", ".join(f"{why} {list(self.left_out.values()).count(why)}" for why in dict.fromkeys(self.left_out.values()))
            told.append(f"mlrbench: {count(len(self.left_out), 'trial')} left out, not graded: {whys}")
        return told


def selected_records(store: RunStore, stages: Sequence[str], tasks: Sequence[str]) -> list[TrialRecord]:
    """Graded records of `store` of these stages and task globs (all when empty). Raises ConfigError when there is none."""
    for stage in stages:
        if stage not in GRADED:
            raise ConfigError(f"--mlr-stage={stage}: unknown; valid: {', '.join(GRADED)}")
    records = [record for record in store.records() if record.stage in GRADED]
    for pattern in tasks:
        if not any(fnmatchcase(record.task, pattern) for record in records):
            raise ConfigError(f"--mlr-task={pattern}: {store.root} has no task of that name")
    found = [
        record
        for record in records
        if (not stages or record.stage in stages) and (not tasks or any(fnmatchcase(record.task, one) for one in tasks))
    ]
    if not found:
        among = ", ".join(dict.fromkeys(record.stage for record in records)) or "no stage"
        raise ConfigError(f"{store.root} has no such trial to judge; it has records of {among}")
    return found


def plan_reviews(store: RunStore, settings: Settings, records: Sequence[TrialRecord]) -> Rejudging:
    """The reviews of settings.judges that `records` lack.

    Raises ConfigError where a task or rubric cannot be read, or a judge has reviewed a trial by another protocol already.
    """
    texts: dict[str, Task] = {}
    rubrics: dict[str, Rubric] = {}
    questions: list[Question] = []
    there = trials = 0
    left_out: dict[TrialKey, str] = {}
    for record in records:
        if why := _not_reviewable(record):
            left_out[record.key] = why
            continue
        trials += 1
        if record.task not in texts:
            texts[record.task] = task_named(record.task, store, settings)
        if record.stage not in rubrics:
            rubrics[record.stage] = load_rubric(record.stage, Path(settings.rubrics) if settings.rubrics else None)
        protocol = protocol_of(rubrics[record.stage], settings.prompts)
        trial = _Trial(store, record, texts[record.task], rubrics[record.stage], settings)
        for judge in settings.judges:
            for repeat in range(1, settings.judge_repeats + 1):
                if any((one.judge, one.repeat, one.protocol) == (judge, repeat, protocol) for one in record.reviews):
                    there += 1
                    continue
                _refuse_other_protocol(record, judge, protocol)
                questions.append(trial.question(judge, repeat))
    return Rejudging(questions, there, left_out, trials, settings.judges)


def _not_reviewable(record: TrialRecord) -> str:
    """Why no judge can be asked about `record`; empty where one can, as about an imported output that nobody reviewed."""
    if not output_published(record):
        return "output not published"
    return "" if record.status == "done" or record.reason == NO_REVIEW else record.status


def _refuse_other_protocol(record: TrialRecord, judge: str, protocol: str) -> None:
    """Tables would take two wordings for repeats of one."""
    if any(one.judge == judge and one.protocol != protocol for one in record.reviews):
        raise ConfigError(
            f"{judge} has reviewed {record.key} already, with another rubric, prompt or version: reviews of two wordings cannot be "
            "mixed in one run. Give the run's own --mlr-rubrics= and --mlr-prompts=, or judge a copy of the run"
        )


class _Trial:
    """One trial under review; its record is changed by one review at a time."""

    def __init__(self, store: RunStore, record: TrialRecord, task: Task, rubric: Rubric, settings: Settings) -> None:
        self._store = store
        self._record = record
        self._task = task
        self._rubric = rubric
        self._ungraded = not record.reviews
        self._wanted = [(judge, repeat) for judge in settings.judges for repeat in range(1, settings.judge_repeats + 1)]
        self._made: list[Review] = []
        self._writing = asyncio.Lock()

    def question(self, judge: str, repeat: int) -> Question:
        key = self._record.key
        name = f"{key} by {judge}" + (f", repeat {repeat}" if repeat > 1 else "")

        async def ask(resources: Resources) -> None:
            work = await asyncio.to_thread(work_of, self._store, self._record, self._task)

            async def review(scope: str) -> Review:
                added = not self._ungraded
                about = (self._store, key, work, self._rubric, judge, repeat)
                return await stored_review(*about, resources=resources, scope=scope, added=added)

            made = await past_refused(resources, f"{PURSE}/{key}#review:{judge}.r{repeat}", review)
            async with self._writing:
                await asyncio.to_thread(self._keep, made)

        return Question(name, key.stage, judge, (0, 0) if judge == OFFLINE else JUDGE_IN[key.stage], ask)

    def _keep(self, made: Review) -> None:
        self._made.append(made)
        if not self._ungraded:
            own = [one for one in self._record.reviews if not one.added]
            added = sorted([*(one for one in self._record.reviews if one.added), made], key=lambda one: (one.judge, one.repeat))
            self._record = self._record.model_copy(update={"reviews": [*own, *added]})
            self._store.write_record(self._record)
        elif len(self._made) == len(self._wanted):
            made_in_order = sorted(self._made, key=lambda one: self._wanted.index((one.judge, one.repeat)))
            self._store.write_record(graded(self._record, made_in_order))


def graded(record: TrialRecord, reviews: Sequence[Review]) -> TrialRecord:
    """`record`, which no judge had reviewed, with its panel's reviews and scores."""
    spent = sum((one.spent for one in reviews), Spent())
    total = record.agent_spent + spent
    return record.model_copy(
        update={
            "status": "done",
            "reason": "",
            "reviews": list(reviews),
            "scores": panel_scores(reviews),
            "mechanical": all(one.mechanical for one in reviews),
            "judge_spent": spent,
            "usage": total.usage,
            "cost": total.cost,
        }
    )


def note_in_run(store: RunStore, settings: Settings, ended: int, spent: float) -> None:
    """Write down in run.json that these judges were asked, when, and what it cost."""
    run = store.run()
    entry = {
        "judges": list(settings.judges),
        "repeats": settings.judge_repeats,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "reviews": ended,
        "cost": spent,
    }
    store.write_run({**run, "rejudged": [*run.get("rejudged", []), entry]})
