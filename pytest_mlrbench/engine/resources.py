"""What the trials of a run share: model client, budget, slots for stages and experiments, the process pool of the audits."""

import asyncio
import contextlib
import functools
import multiprocessing
import os
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from datetime import date
from typing import Any

from ..errors import InfrastructureError
from ..models.budget import Budget, Share
from ..models.limiter import Limiter
from ..results.calls import CallLog
from ..results.store import RunStore
from ..settings import Settings

EXPERIMENTS_PART = 0.8
"""Of the budget that is left, what running experiments may reserve: papers and judges come after them."""
AUDIT_TIMEOUT = 120.0
"""Seconds one audit may take; hostile artefacts must not hold a run."""


class Resources:
    """Shared by all trials of one engine."""

    def __init__(self, settings: Settings, store: RunStore, notice: Callable[[str], None]) -> None:
        self.settings = settings
        self.calls = CallLog(store.calls, "engine")
        self.today = date.fromisoformat(store.run()["started"][:10])
        """The day the run began, for prompts and audits: a run resumed on another day sends the same requests, so it replays."""
        self.before = self.calls.spent()
        """Spent by earlier invocations of this run."""
        self.budget = Budget(settings.budget, self.before.cost)
        self.limiter = Limiter(settings.concurrency)
        self.stage_slots = asyncio.Semaphore(settings.concurrency)
        self.runner_slots = asyncio.Semaphore(runner_slots(settings))
        self._notice = notice
        self._models: Any = None
        self._pool: ProcessPoolExecutor | None = None

    def models(self) -> Any:
        """The model client, made when a trial first needs it: it may import litellm."""
        if self._models is None:
            from ..models.client import ModelClient

            self._models = ModelClient(self.settings, self.calls, self.budget, limiter=self.limiter, notice=self._notice)
        return self._models

    async def audit(self, function: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
        """`function(*arguments)` in a process of its own: artefacts are hostile and checks are CPU work.

        Raises InfrastructureError when it dies or takes longer than AUDIT_TIMEOUT.
        """
        loop = asyncio.get_running_loop()
        for last in (False, True):
            pool = self._audit_pool()
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

    def _audit_pool(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # spawn: the engine has threads, and a forked copy of them could hold a lock for ever.
            workers = max(1, min(4, os.cpu_count() or 1))
            self._pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
        return self._pool

    def _drop_pool(self, pool: ProcessPoolExecutor) -> None:
        if self._pool is pool:
            self._pool = None
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
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        if self._models is not None:
            await self._models.close()
        await asyncio.to_thread(self.calls.close)


def runner_slots(settings: Settings) -> int:
    """Experiments at once: a coder mostly waits for its model, so more than cores allow to compute; bounded by memory."""
    import psutil

    if settings.offline:
        return max(1, os.cpu_count() or 1)
    by_memory = int(psutil.virtual_memory().total * 0.8 // settings.memory) or 1
    return max(2, min(2 * (os.cpu_count() or 1), by_memory, settings.concurrency))
