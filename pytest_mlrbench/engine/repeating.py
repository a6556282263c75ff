"""One repeat of an item that is newly hallucinated, in a run directory of its own below the run's; the gate asks for it."""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import InfrastructureError
from ..evidence.reruns import ATTEMPTS, RERUN
from ..judging.panel import OFFLINE
from ..judging.voices import CHECK
from ..keys import STAGES as STAGE_NAMES
from ..keys import TrialKey
from ..records import TrialRecord
from ..results.calls import CallLog
from ..results.gate.repeats import FROM, read_repeats, repeat_key, repeats_of
from ..results.store import RunStore
from ..settings import Settings
from .baseline import input_folder
from .core import Engine, fresh_directory
from .resources import Resources
from .sources import Chain, Sources

KEPT = ("stage.json", "evidence.jsonl", RERUN)
"""Files of a trial directory that an audit of what follows reads."""
KEPT_FOLDERS = ("output", "evidence", ATTEMPTS)
"""Likewise. What a re-run of an experiment came to is taken over: a repeated paper must not have it run again."""


class Repeating:
    """The repeats of one run: they share its budget and its limits, and nothing else."""

    def __init__(self, settings: Settings, run: RunStore, resources: Resources, notice: Callable[[str], None]) -> None:
        self._settings = settings
        self._run = run
        self._resources = resources
        self._notice = notice
        self.current: TrialKey | None = None
        """The item that is being repeated."""
        self.stop_runners = False
        """Set before the gate is cancelled where the user ended the run: the experiment of a repeat ends too."""
        self.store = repeats_of(run)
        if self.store.calls.is_dir():  # what an earlier invocation has paid for them
            resources.budget.add(CallLog(self.store.calls, "repeats").spent().cost)

    async def confirm(self, keys: Sequence[TrialKey], repeated: Sequence[str]) -> None:
        """Repeat the items of `keys` one after another until one is hallucinated again: one is enough to break the gate.

        What ended a repeat is in its record, in `repeats/`.
        """
        order = sorted(keys, key=lambda key: (STAGE_NAMES.index(key.stage), key.task, key.epoch))
        for key in order:
            known = await asyncio.to_thread(read_repeats, self._run, order, repeated)
            if any(one.answer == "confirmed" for one in known):
                return
            if next(one for one in known if one.item == str(key._replace(epoch=1))).answer == "open":
                self._notice(f"gate: {key} is hallucinated and was not in the baseline: it is repeated")
                chain = {other.stage for other in keys if (other.task, other.epoch) == (key.task, key.epoch)}
                self.current = key
                await self._repeat(key, chain)
                self.current = None

    async def _repeat(self, key: TrialKey, hallucinated: set[str]) -> None:
        record = await asyncio.to_thread(self._run.record, key)
        assert record is not None  # it is hallucinated, so it was graded
        settings = self._described(record)
        await asyncio.to_thread(self._write_run, settings)
        first = FROM.get(key.stage, key.stage)
        if key.stage == "end2end" and "paper" in hallucinated and "experiment" not in hallucinated:
            first = "paper"
        try:
            drawn = await asyncio.to_thread(self._drawn, key, record)
            if drawn is None:
                await asyncio.to_thread(self._lay_out, key, first)
        except (OSError, InfrastructureError) as error:
            failed = {"status": "error", "reason": f"its inputs cannot be taken over: {error}", "epoch": repeat_key(key).epoch}
            empty: dict[str, Any] = {"findings": [], "reviews": [], "forms": [], "verdict": None, "scores": {}}
            await asyncio.to_thread(self.store.write_record, record.model_copy(update={**failed, **empty}))
            return
        resources = Resources(settings, self.store, self._notice)
        resources.budget, resources.limiter = self._resources.budget, self._resources.limiter
        engine = Engine(settings, self.store, resources, self._notice, Sources(settings, drawn))
        try:
            await engine.result(repeat_key(key))
        finally:
            await engine.close(stop_runners=self.stop_runners)

    def _described(self, record: TrialRecord) -> Settings:
        """The run's settings for its repeats. Their judges are asked only where judges made the finding."""
        by_checks = any(one.severity == "fail" and one.check != CHECK for one in record.findings)
        judges = (OFFLINE,) if by_checks else self._settings.judges
        return self._settings.model_copy(update={"run": str(self.store.root), "gate": None, "judges": judges})

    def _write_run(self, settings: Settings) -> None:
        described = {
            **self._run.run(),
            "settings": settings.model_dump(mode="json"),
            "selected": [],
            "repeats_of": str(self._run.root),
        }
        self.store.write_run(described)

    def _drawn(self, key: TrialKey, record: TrialRecord) -> Chain | None:
        """The chain of the pool that the trial was given; None where its inputs are its run's own. Raises InfrastructureError."""
        labels = {stage: label for stage, label in record.inputs.items() if label != "own"}
        for stage in labels:
            if not (folder := input_folder(self._run, key, record, stage)).is_dir():
                raise InfrastructureError(f"{folder} is gone")
        return Chain.of(next(iter(labels.values()))) if labels else None

    def _lay_out(self, key: TrialKey, first: str) -> None:
        """Copy the outputs of the stages before `first` to where the repeat looks for its inputs."""
        for stage in STAGE_NAMES[: STAGE_NAMES.index(first)]:
            target = self.store.trial(repeat_key(key.at(stage)))
            if (target / "stage.json").exists():
                continue
            source = self._run.trial(key.at(stage))
            if not (source / "stage.json").exists():
                continue  # it is not there: the repeat makes its own
            staging = target.with_name(f".{target.name}.copying")
            fresh_directory(staging)
            for name in KEPT:
                if (source / name).is_file():
                    shutil.copyfile(source / name, staging / name)
            for name in KEPT_FOLDERS:
                if (source / name).is_dir():
                    shutil.copytree(source / name, staging / name, symlinks=True)
            shutil.rmtree(target, ignore_errors=True)
            staging.rename(target)
