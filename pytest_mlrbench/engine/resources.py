"""What the trials of a run share: model client, budget, slots for stages and experiments, the process pool of the audits."""

import asyncio
import contextlib
import functools
import multiprocessing
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from datetime import date
from typing import Any

from ..errors import ConfigError, InfrastructureError
from ..models.budget import Budget, Share
from ..models.limiter import Limiter
from ..results.calls import CallLog
from ..results.store import RunStore
from ..sandboxes import gpus
from ..sandboxes.gpu_containers import GpuContainers
from ..settings import Settings
from .estimates import Estimates
from .places import Places

EXPERIMENTS_PART = 0.8
"""Of the budget that is left, what running experiments may reserve: papers and judges come after them."""
AUDIT_TIMEOUT = 120.0
"""Seconds one audit may take; hostile artefacts must not hold a run."""
AUDITS = {False: 1, True: max(1, min(4, os.cpu_count() or 1))}
"""Whether they are long -> audits at once. Those of a short text without an experiment take milliseconds, a process 0.4 s."""


class Resources:
    """Shared by all trials of one engine."""

    def __init__(self, settings: Settings, store: RunStore, notice: Callable[[str], None], purse: str = "") -> None:
        """`purse`: the scope whose calls the budget is for; all of the run by default."""
        self.settings = settings
        self.calls = CallLog(store.calls, "engine")
        self.today = date.fromisoformat(store.run()["started"][:10])
        """The day the run began, for prompts and audits: a run resumed on another day sends the same requests, so it replays."""
        self.before = self.calls.spent(purse)
        """Spent by earlier invocations."""
        self.budget = Budget(settings.budget, self.before.cost)
        self.limiter = Limiter(settings.concurrency)
        self.stage_slots = asyncio.Semaphore(settings.concurrency)
        self.estimates = Estimates(settings)
        self._notice = notice
        self._models: Any = None
        self._pools: dict[bool, ProcessPoolExecutor] = {}
        """Of the audits: whether for long ones -> pool."""
        self._auditing = {long: asyncio.Semaphore(workers) for long, workers in AUDITS.items()}
        self._places: Places | None = None

    @property
    def places(self) -> Places:
        """Slots and GPUs of the experiments, looked up when first needed. Raises ConfigError for unusable --mlr-gpus."""
        if self._places is None:
            devices = leasable(self.settings)
            containers = GpuContainers(required=self.settings.sandbox == "docker")
            self._places = Places(
                runner_slots(self.settings, devices),
                devices,
                self.settings.gpus_per_trial,
                gpus.lock,
                functools.partial(gpus.refused, containers=containers),
            )
        return self._places

    def experiments(self) -> dict[str, Any]:
        """For the progress line: GPUs in use and in all, and what waiting experiments wait for."""
        places = self._places
        if places is None:
            return {}
        return {"gpus": len(places.devices), "busy": len(places.busy), "waiting": places.why()}

    def models(self) -> Any:
        """The model client, made when a trial first needs it: it may import litellm."""
        if self._models is None:
            from ..models.client import ModelClient

            self._models = ModelClient(self.settings, self.calls, self.budget, limiter=self.limiter, notice=self._notice)
        return self._models

    async def audit(self, function: Callable[..., dict[str, Any]], *arguments: Any, long: bool) -> dict[str, Any]:
        """`function(*arguments)` in a process of its own: artefacts are hostile and checks are CPU work.

        `long`: it reads an experiment or a long text, see AUDITS. Raises InfrastructureError when it dies or takes longer than
        AUDIT_TIMEOUT.
        """
        loop = asyncio.get_running_loop()
        for last in (False, True):
            async with self._auditing[long]:  # the time that it waits for the others is not its own
                pool = self._audit_pool(long)
                try:
                    async with asyncio.timeout(AUDIT_TIMEOUT):
                        return await loop.run_in_executor(pool, functools.partial(function, *arguments))
                except BrokenProcessPool as error:
                    self._drop_pool(pool)
                    if last:
                        raise InfrastructureError("the process that audits outputs died twice (out of memory?)") from error
                except TimeoutError as error:
                    self._drop_pool(pool)
                    raise InfrastructureError(f"the audit of the output took longer than {AUDIT_TIMEOUT:g} s") from error
        raise AssertionError("unreachable")

    def _audit_pool(self, long: bool) -> ProcessPoolExecutor:
        if long not in self._pools:
            # spawn: the engine has threads, and a forked copy of them could hold a lock for ever.
            self._pools[long] = ProcessPoolExecutor(AUDITS[long], mp_context=multiprocessing.get_context("spawn"))
        return self._pools[long]

    def _drop_pool(self, pool: ProcessPoolExecutor) -> None:
        for long in [long for long, known in self._pools.items() if known is pool]:
            del self._pools[long]
            for process in list(pool._processes.values()):
                process.kill()
        pool.shutdown(wait=False, cancel_futures=True)

    @contextlib.asynccontextmanager
    async def runner_permit(self) -> AsyncIterator[None]:
        """Count a runner's one call in flight towards --mlr-concurrency: it has a client of its own."""
        if self.settings.offline:
            yield
            return
        async with self.limiter.slot(self.settings.model):
            yield

    @contextlib.contextmanager
    def budget_share(self, among: int) -> Iterator[Share | None]:
        """One experiment's part of what is left, equal for the `among` that wait or run; None where money plays no part.

        Raises BudgetSpent when nothing is left.
        """
        if self.settings.offline or self.settings.budget is None:
            yield None
            return
        share = self.budget.share(self.budget.left * EXPERIMENTS_PART / max(1, among))
        try:
            yield share
        finally:
            share.settle(0.0)  # does nothing after the real amount

    async def close(self) -> None:
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)
        if self._models is not None:
            await self._models.close()
        await asyncio.to_thread(self.calls.close)


def leasable(settings: Settings) -> tuple[str, ...]:
    """GPUs that this run may lease; none for the offline models, which compute on the CPU. Raises ConfigError (sandboxes.gpus)."""
    if settings.offline:
        return ()
    devices = gpus.usable(settings.gpus)
    if devices and settings.gpus_per_trial > len(devices):
        raise ConfigError(
            f"--mlr-gpus-per-trial={settings.gpus_per_trial}: only {len(devices)} GPUs can be leased ({', '.join(devices)})"
        )
    return devices


def runner_slots(settings: Settings, devices: Sequence[str] = ()) -> int:
    """Experiments at once: a coder mostly waits for its model, so more than cores allow to compute; bounded by memory and GPUs."""
    import psutil

    if settings.offline:
        return max(1, os.cpu_count() or 1)
    by_memory = int(psutil.virtual_memory().total * 0.8 // settings.memory) or 1
    by_devices = len(devices) // settings.gpus_per_trial if devices else by_memory
    return max(min(2, by_devices), min(2 * (os.cpu_count() or 1), by_memory, by_devices, settings.concurrency))
