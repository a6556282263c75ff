"""The engine's heart: every output and record of a run made once, with look-ahead and limits; service.py puts it on a socket."""

import asyncio
import contextlib
import errno
import hashlib
import shutil
import time
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from ..agents import load_agent
from ..agents.base import StageContext
from ..agents.carry import carry_out
from ..errors import AgentFailure, BudgetSpent, ConfigError, InfrastructureError, NotDone
from ..keys import STAGES as STAGE_NAMES
from ..keys import WITH_EXPERIMENT, TrialKey
from ..models.counting import CountingModels
from ..offload import read_if_there
from ..records import StageResult, TrialRecord
from ..results.store import FINISHED, RunStore, file_digests
from ..sandboxes.export import export_workspace
from ..settings import Settings
from ..stages.stage import STAGES, TEXT_STAGE_FILE, missing_outputs
from ..tasks.catalogue import Task, load_tasks
from .detached import Detached
from .grading import Grader
from .pdf_paper import read_paper
from .progress import Pace
from .resources import Resources
from .sources import Sources

BEGUN_AT_ONCE = 4
"""Trials begun before others get a turn: the first calls are on their way while the last trials of a large run are begun."""
RERUN_ONE_IN = 10
"""--mlr-rerun=sample runs one experiment in so many again."""


class Engine:
    """All trials of one run. Lives in one event loop."""

    def __init__(
        self,
        settings: Settings,
        store: RunStore,
        resources: Resources,
        notice: Callable[[str], None],
        sources: Sources | None = None,
    ) -> None:
        self.settings = settings
        self.store = store
        self.resources = resources
        self.sources = sources or Sources(settings)
        self.notice = notice
        self.counts: dict[str, Counter[str]] = {stage: Counter() for stage in STAGE_NAMES}
        """Stage -> how many selected trials are waiting, running, done, failed, error, skipped."""
        self.pace = Pace()
        self.admit: Callable[[TrialKey], Awaitable[None]] | None = None
        """Asked before a trial begins; may wait, or raise NotDone (a sequential gate)."""
        self._agent = load_agent(settings.agent, settings.agent_command)
        self._grader = Grader(settings, store, resources)
        self._detached = Detached(settings, store, resources)
        self._starting: set[asyncio.Task[None]] = set()
        self._outputs: dict[TrialKey, asyncio.Task[StageResult]] = {}
        self._reruns: dict[TrialKey, asyncio.Task[None]] = {}
        self._records: dict[TrialKey, asyncio.Task[TrialRecord]] = {}
        """Records in the making, and those that the disk did not take; all others are in the store."""
        self._stored: set[TrialKey] = set()
        self._tasks: dict[str, Task] = {}

    # -- single flight ------------------------------------------------------------------------------------------------

    def start(self, keys: Sequence[TrialKey]) -> None:
        """Begin all of `keys`; earlier ones get slots first."""
        task = asyncio.create_task(self._begin(keys), name="start")
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _begin(self, keys: Sequence[TrialKey]) -> None:
        for number, key in enumerate(keys, 1):
            if key not in self._stored:
                self._flight(key)
            if number % BEGUN_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def result(self, key: TrialKey) -> TrialRecord:
        """The finished record of `key`, making it if need be; the world's faults are in its status, not raised."""
        if key in self._stored:
            stored = await asyncio.to_thread(self.store.record, key)
            if stored is None:
                raise InfrastructureError(f"the record of {key} was removed from {self.store.root} while the run went on")
            return stored
        return await asyncio.shield(self._flight(key))

    def _flight(self, key: TrialKey) -> asyncio.Task[TrialRecord]:
        if key not in self._records:
            task = self._records[key] = asyncio.create_task(self._record(key), name=f"record {key}")
            task.add_done_callback(lambda _: self._records.pop(key) if key in self._stored else None)
            self.counts[key.stage]["waiting"] += 1
        return self._records[key]

    async def output(self, key: TrialKey) -> StageResult:
        """How the agent's part of `key` ended, carrying it out if need be."""
        if key not in self._outputs:
            self._outputs[key] = asyncio.create_task(self._output(key), name=f"output {key}")
        return await asyncio.shield(self._outputs[key])

    async def close(self, *, stop_runners: bool) -> None:
        """Cancel what is in flight; stop the runners, or leave them to be adopted."""
        tasks = [*self._starting, *self._records.values(), *self._outputs.values(), *self._reruns.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if stop_runners:
            await self._detached.stop_all()
        await self.resources.close()

    # -- a record -----------------------------------------------------------------------------------------------------

    async def _record(self, key: TrialKey) -> TrialRecord:
        stored = await read_if_there(self.store.record_file(key), self.store.record, key)
        if stored is not None and stored.status in FINISHED:
            self._count(key, "waiting", stored.status)
            self.pace.found()
            self._stored.add(key)
            return stored
        started = time.time()
        base = TrialRecord(
            task=key.task,
            stage=key.stage,
            epoch=key.epoch,
            model=self.settings.model,
            agent=self.settings.agent,
            coder=self.settings.coder if self.settings.agent_command is None and key.stage in WITH_EXPERIMENT else None,
            status="error",
            attempt=stored.attempt + 1 if stored is not None else 1,
            started=started,
            finished=started,
        )
        result: StageResult | None = None
        try:
            if self.admit is not None:
                await self.admit(key)
            inputs, labels = await self.inputs(key)
            base = base.model_copy(update={"inputs": labels})
            result = await self.output(key)
            self._count(key, "waiting", "running")
            base = base.model_copy(
                update={
                    "agent_spent": result.spent,
                    "not_shown": result.not_shown,
                    "files": result.files,
                    "environment": result.environment,
                    "started": result.started,
                }
            )
            if result.status == "done":
                await self._rerun(key)
                task = self.task(key.task)
                record = await self._grader.grade(key, base, task, inputs)
            else:
                ended = {"status": result.status, "reason": result.reason, "over_budget": result.over_budget}
                record = base.model_copy(update=ended)
        except Exception as error:  # noqa: BLE001 - one trial's fault must not end the others; it is in the record
            status, reason = outcome_of(error)
            over = isinstance(error, BudgetSpent)
            record = base.model_copy(update={"status": status, "reason": reason, "over_budget": over})
        total = record.agent_spent + record.judge_spent
        record = record.model_copy(update={"finished": time.time(), "usage": total.usage, "cost": total.cost})
        self._count(key, "running" if result is not None else "waiting", record.status)
        try:
            await asyncio.to_thread(self.store.write_record, record)
            self._stored.add(key)
        except OSError as error:
            record = record.model_copy(update={"status": "error", "reason": outcome_of(error)[1]})
        return record

    def _count(self, key: TrialKey, before: str, after: str) -> None:
        self.counts[key.stage][before] -= 1
        self.counts[key.stage][after] += 1

    def task(self, name: str) -> Task:
        """The task with its text, read once: agent and judges of a run have the same one, whatever becomes of the file."""
        if name not in self._tasks:
            task = load_tasks().get(name)
            if task is None:
                raise ConfigError(f"unknown task {name!r}; `mlrbench tasks` lists all")
            self._tasks[name] = task.with_text(self.settings.tasks)
        return self._tasks[name]

    async def _rerun(self, key: TrialKey) -> None:
        """Run the experiment of `key`'s chain again where that was asked for; its audit, and its paper's, read what came of it."""
        experiment = key.at("experiment")
        own = key.stage == "experiment" or (key.stage in ("paper", "end2end") and self.sources.own)
        if not own or not rerun_chosen(self.settings, experiment):
            return
        if experiment not in self._reruns:
            self._reruns[experiment] = asyncio.create_task(self._run_again(experiment), name=f"rerun {experiment}")
        await asyncio.shield(self._reruns[experiment])

    async def _run_again(self, key: TrialKey) -> None:
        if (await self.output(key)).status == "done":
            await self._detached.rerun(key, (await self.inputs(key))[0])

    # -- inputs and output --------------------------------------------------------------------------------------------

    async def inputs(self, key: TrialKey) -> tuple[dict[str, Path], dict[str, str]]:
        """Folders and labels of the inputs. Raises NotDone when one has no usable output."""
        needed = STAGES[key.stage].inputs
        if not self.sources.own and key.stage not in ("idea", "end2end"):
            chain = await asyncio.to_thread(self.sources.draw, key)
            keys = {stage: TrialKey(key.task, stage, chain.epoch) for stage in needed}
            return (
                {stage: chain.store.output(source) for stage, source in keys.items()},
                {stage: chain.label(key.task, stage) for stage in needed},
            )
        for stage in needed:
            source = key.at(stage)
            made = await self.output(source)
            if made.status != "done" and (made.status != "failed" or missing_outputs(stage, self.store.output(source))):
                # No item of its own tells of an ungraded input that the world made fail.
                silent = made.status == "error" and not STAGES[stage].graded
                kind = BudgetSpent if made.over_budget else InfrastructureError if silent else NotDone
                raise kind(f"its input {source} has no usable output: {made.reason}")
        return {stage: self.store.output(key.at(stage)) for stage in needed}, dict.fromkeys(needed, "own")

    async def _output(self, key: TrialKey) -> StageResult:
        stored = await read_if_there(self.store.stage_file(key), self.store.stage_result, key)
        if stored is not None and stored.status in FINISHED:
            return stored
        started = time.time()
        try:
            inputs, _ = await self.inputs(key)
            if key.stage == "end2end":
                result = StageResult(status="done", started=started, finished=time.time())
                await asyncio.to_thread(self.store.write_stage_result, key, result)
                return result
            elif key.stage == "experiment" or self.settings.agent_command is not None:
                return await self._detached.run(key, inputs)
            return await self._carry_out(key, inputs)
        except Exception as error:  # noqa: BLE001 - the trials that need this output are told why it is missing
            status, reason = outcome_of(error)
            over = isinstance(error, BudgetSpent)
            return StageResult.model_validate(
                {"status": status, "reason": reason, "over_budget": over, "started": started, "finished": time.time()}
            )

    async def _carry_out(self, key: TrialKey, inputs: dict[str, Path]) -> StageResult:
        """A model stage, in this process: what may be kept of the agent's workspace becomes the output in one rename."""
        trial = self.store.trial(key)
        workspace, staging = trial / "work", trial / ".staging"
        await asyncio.to_thread(fresh_directory, workspace)
        async with self.resources.stage_slots:
            started = time.time()
            models = CountingModels(self.resources.models())
            context = StageContext(
                task=self.task(key.task),
                epoch=key.epoch,
                seed=self.settings.seed,
                today=self.resources.today,
                inputs=inputs,
                models=models,
                model=self.settings.model,
                scope=str(key),
                settings=self.settings,
                deadline=started + self.settings.stage_timeout(key.stage),
            )
            reason = await carry_out(self._agent, key.stage, workspace, context)
        return await asyncio.to_thread(self._kept, key, workspace, staging, reason, started, context, models)

    def _kept(
        self,
        key: TrialKey,
        workspace: Path,
        staging: Path,
        reason: str,
        started: float,
        context: StageContext,
        models: CountingModels,
    ) -> StageResult:
        """What may be kept of `workspace`, in place, and how it ended; in one thread, for each hand-over costs the loop more than
        the small files."""
        remove_tree(staging)
        left_out = export_workspace(workspace, staging, skip=set(), max_file=TEXT_STAGE_FILE)
        context.not_shown += (from_pdf := read_paper(key.stage, staging))
        if not reason and (missing := missing_outputs(key.stage, staging)):
            reason = "; ".join([*missing, *from_pdf, *left_out])
        files = file_digests(staging)
        self.store.commit_output(key, staging)
        shutil.rmtree(workspace, ignore_errors=True)
        result = StageResult.model_validate(
            {
                "status": "failed" if reason else "done",
                "reason": reason,
                "started": started,
                "finished": time.time(),
                "spent": models.spent,
                "not_shown": context.not_shown,
                "files": files,
                "environment": {"left_out": left_out} if left_out else {},
            }
        )
        self.store.write_stage_result(key, result)
        return result


def rerun_chosen(settings: Settings, key: TrialKey) -> bool:
    """Whether --mlr-rerun speaks of this experiment; `sample` draws one in RERUN_ONE_IN by the run's seed and the trial's key."""
    if settings.rerun != "sample":
        return settings.rerun == "all"
    drawn = hashlib.sha256(f"rerun {settings.seed} {key}".encode()).digest()
    return int.from_bytes(drawn[:8], "big") % RERUN_ONE_IN == 0


def fresh_directory(path: Path) -> None:
    """An empty directory at `path`, whatever an interrupted attempt left there."""
    remove_tree(path)
    path.mkdir(parents=True)


def remove_tree(path: Path) -> None:
    """`path` and all below it are gone. Raises OSError when they cannot be removed."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path)


def outcome_of(error: BaseException) -> tuple[str, str]:
    """Status and reason of a trial that ended with `error` (docs/interface.md, an item's outcome)."""
    if isinstance(error, NotDone):
        return "skipped", str(error)
    if isinstance(error, AgentFailure):
        return "failed", str(error)
    if isinstance(error, InfrastructureError | ConfigError):
        return "error", str(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            "error",
            f"no space left for the run ({error.filename or 'unknown file'}): free some and run again with the same --mlr-run=",
        )
    where = traceback.format_exception(error)
    return "error", f"{type(error).__name__}: {error} (a fault of pytest-mlrbench or of a plugged-in agent)\n" + "".join(where[-6:])
