"""The engine's side of what runs in sandboxes: start a detached runner, or adopt one that an earlier engine left alive."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from .. import errors
from ..errors import BudgetSpent, InfrastructureError, MLRBenchError
from ..evidence.reruns import ATTEMPTS, RERUN
from ..hostlocks import HostLock
from ..keys import TrialKey
from ..records import StageResult
from ..results.shown import usd
from ..results.store import RunStore, write_atomic
from ..settings import Settings
from .lock import alive, identity
from .places import Place
from .resources import Resources

Result = TypeVar("Result")

POLL = 0.1
"""Seconds between looks at a runner (an adopted one is not our child, so its end is not reported to us)."""
GRACE = 15.0
"""Seconds a runner has to remove its container after SIGTERM."""
TAKEN = 3
"""Exit status of a runner that found another one alive for its trial."""


class Detached:
    """All experiments of one engine; of an agent command all stages."""

    def __init__(self, settings: Settings, store: RunStore, resources: Resources) -> None:
        self._settings = settings
        self._store = store
        self._resources = resources
        calls = resources.calls
        self._paid_before = {key: calls.spent(str(key)).cost for key, _ in live_runners(store)}
        """Of the runners that an earlier engine left alive, what this engine's budget has counted already."""
        self._started: list[subprocess.Popen[bytes]] = []
        """Processes of this engine that may still run; one that was only just started has not claimed its trial yet."""
        self._waiting = 0
        """Experiments that wait or run; each gets an equal share of what is left."""

    async def run(self, key: TrialKey, inputs: dict[str, Path]) -> StageResult:
        """The experiment's result. Raises what ended the runner: InfrastructureError, NotDone or ConfigError."""
        self._waiting += 1
        try:
            async with self._place(key, self._store.trial(key)) as place, self._resources.runner_permit():
                with self._resources.budget_share(self._waiting) as share:
                    paid = self._paid_before.get(key, self._resources.calls.spent(str(key)).cost)
                    try:
                        return await self._run(key, inputs, share.amount if share else None, place)
                    except BudgetSpent as error:
                        if share is None or self._settings.budget is None:
                            raise
                        raise BudgetSpent(  # the runner knows its share only
                            f"its share of {usd(share.amount)} of the budget of {usd(self._settings.budget)} is used up; "
                            "resume the run with a higher --mlr-budget=USD (or --mlr-budget=none)"
                        ) from error
                    finally:
                        cost = await asyncio.to_thread(lambda: self._resources.calls.spent(str(key)).cost)
                        if share:
                            share.settle(cost - paid)
                        else:
                            self._resources.budget.add(cost - paid)
        finally:
            self._waiting -= 1

    @contextlib.asynccontextmanager
    async def _place(self, key: TrialKey, home: Path) -> AsyncIterator[Place]:
        """A slot and GPUs for a process in `home`; one that an earlier engine left alive there has its own."""
        if alive(read_owner(home)):
            yield Place()
            return
        expected = await asyncio.to_thread(self._resources.estimates.seconds, key)
        async with self._resources.places.place(str(key), expected, gpus=key.stage == "experiment") as place:
            yield place

    async def rerun(self, key: TrialKey, inputs: dict[str, Path]) -> None:
        """See to it that `rerun.json` of a done experiment is there. Raises what ended the rerunner."""
        home = self._store.trial(key) / ATTEMPTS
        done = home.parent / RERUN
        if await asyncio.to_thread(done.exists):
            return
        async with self._place(key, home) as place:
            await asyncio.to_thread(home.mkdir, exist_ok=True)
            await self._carried("rerunner", home, lambda: done.exists() or None, key, inputs, None, place)

    async def _run(self, key: TrialKey, inputs: dict[str, Path], share: float | None, place: Place) -> StageResult:
        trial = self._store.trial(key)
        return await self._carried("runner", trial, lambda: self._store.stage_result(key), key, inputs, share, place)

    async def _carried(
        self,
        module: str,
        trial: Path,
        look: Callable[[], Result | None],
        key: TrialKey,
        inputs: dict[str, Path],
        share: float | None,
        place: Place,
    ) -> Result:
        """What `look` finds once a process of `module` has done its work in `trial`: a new one, or one that lives already."""
        status = TAKEN
        for _ in range(3):
            result = await asyncio.to_thread(look)
            if result is not None:
                return result
            owner = read_owner(trial)
            if alive(owner):
                while alive(owner):  # noqa: ASYNC110 - another process ends it, no event tells us
                    await asyncio.sleep(POLL)
                if (trial / "runner-error.json").exists():
                    break
                continue  # it left its result, or was killed and is started anew
            status = await self._start(module, trial, key, inputs, share, place)
            if status != TAKEN:
                break
        result = await asyncio.to_thread(look)
        if result is None:
            raise _failure(trial, status)
        return result

    async def _start(
        self, module: str, trial: Path, key: TrialKey, inputs: dict[str, Path], share: float | None, place: Place
    ) -> int:
        spec = {
            "settings": self._settings.model_dump(mode="json"),
            "key": str(key),
            "inputs": {stage: str(path) for stage, path in inputs.items()},
            "budget": share,
            "devices": place.devices,
            "today": self._resources.today.isoformat(),
            "path": [*(entry for entry in sys.path if entry), str(Path.cwd())],
        }
        (trial / "runner-error.json").unlink(missing_ok=True)
        await asyncio.to_thread(write_atomic, trial / "runner-spec.json", json.dumps(spec).encode())
        with (trial / "runner.log").open("wb") as log:
            # A session of its own: neither the terminal's Ctrl-C nor its hang-up reaches the experiment.
            # Not asyncio's subprocess: its transport kills the child when the engine's loop closes.
            process = subprocess.Popen(  # noqa: ASYNC220
                [sys.executable, "-P", "-m", f"pytest_mlrbench.engine.{module}", str(trial)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                # The runner holds the locks of its GPUs too: leased while it lives, whatever becomes of this engine.
                pass_fds=[held.descriptor for held in place.held.values() if isinstance(held, HostLock)],
            )
        self._started.append(process)
        while (status := process.poll()) is None:  # noqa: ASYNC110 - see above
            await asyncio.sleep(POLL)
        self._started.remove(process)
        return status

    async def stop_all(self) -> None:
        """End every live runner of this run; each removes its container."""
        started = [identity(process.pid) for process in self._started if process.poll() is None]
        await asyncio.to_thread(stop_runners, self._store, started)


def read_owner(trial: Path) -> dict[str, Any]:
    """runner.json of a trial directory, empty when there is none."""
    try:
        owner = json.loads((trial / "runner.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return owner if isinstance(owner, dict) else {}


def live_runners(store: RunStore) -> list[tuple[TrialKey, dict[str, Any]]]:
    """Trial and `runner.json` of every runner and rerunner of this run that still runs on this host."""
    keys = store.keys()
    owners = [(key, read_owner(home)) for key in keys for home in (store.trial(key), store.trial(key) / ATTEMPTS)]
    return [(key, owner) for key, owner in owners if owner and alive(owner)]


def stop_runners(store: RunStore, started: Sequence[dict[str, Any]] = ()) -> int:
    """SIGTERM every live runner, SIGKILL what is left after GRACE; returns how many there were.

    `started` names processes (lock.identity) beside those that have claimed a trial of `store`.
    """
    # One signal each: a second would cut short what a runner does about the first.
    owners = list({owner["pid"]: owner for owner in [*started, *(owner for _, owner in live_runners(store))]}.values())
    for signum in (signal.SIGTERM, signal.SIGKILL):
        for owner in owners:
            if alive(owner):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(owner["pid"]), signum)
        end = time.monotonic() + GRACE
        while time.monotonic() < end and any(alive(owner) for owner in owners):
            time.sleep(0.05)
    return len(owners)


def _failure(trial: Path, status: int) -> Exception:
    """What ended the runner of `trial` without a result."""
    try:
        told = json.loads((trial / "runner-error.json").read_text(encoding="utf-8"))
        kind = getattr(errors, told["kind"], InfrastructureError)
        assert issubclass(kind, MLRBenchError)
        return kind(told["message"])
    except (OSError, ValueError, KeyError):
        pass  # it had no time to say
    try:
        tail = (trial / "runner.log").read_text(encoding="utf-8", errors="replace")[-800:].strip()
    except OSError:
        tail = ""
    name = trial.parent.name if trial.name == ATTEMPTS else trial.name
    how = f"killed by signal {-status}" if status < 0 else f"ended with status {status}"
    who = "rerunner" if trial.name == ATTEMPTS else "runner"
    return InfrastructureError(
        f"the {who} of {name} was {how}; run again with the same --mlr-run= to redo it" + (f"\n{tail}" if tail else "")
    )


def clear_attempt(trial: Path) -> None:
    """Remove what a cut attempt left: its evidence would contradict the next attempt's."""
    for name in ("work", "evidence", ".staging", ATTEMPTS):
        shutil.rmtree(trial / name, ignore_errors=True)
    for name in ("evidence.jsonl", RERUN):
        (trial / name).unlink(missing_ok=True)
