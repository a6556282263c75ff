"""The runner: a detached process that owns one stage in a sandbox from start to stored output (`python -m ...engine.runner TRIAL`).

Experiments, and with --mlr-agent-command every stage.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any

from ..agents import command, load_agent
from ..agents.base import StageContext
from ..agents.carry import carry_out
from ..errors import InfrastructureError, MLRBenchError, NotDone
from ..evidence.events import GPU_ACTIVITY, MODEL_CALLS, NETWORK
from ..evidence.ledger import Ledger
from ..keys import TrialKey
from ..models.budget import Budget
from ..models.client import ModelClient
from ..models.counting import CountingModels
from ..models.limiter import Limiter
from ..records import Spent, StageResult
from ..results.calls import CallLog
from ..results.store import RunStore, file_digests, write_atomic
from ..sandboxes import open_sandbox
from ..sandboxes.base import Limits, SandboxSpec
from ..sandboxes.common import machine
from ..sandboxes.egress import LOG as NETWORK_LOG
from ..sandboxes.egress import told
from ..sandboxes.export import export_workspace
from ..sandboxes.gpu_activity import watched
from ..settings import Settings
from ..stages.stage import TEXT_STAGE_FILE, missing_outputs
from ..tasks.catalogue import load_tasks
from .detached import TAKEN, clear_attempt, read_owner
from .doors import gateway as opened_gateway
from .doors import until_spent
from .lock import alive, identity
from .pdf_paper import read_paper

INPUT_FOLDER = "inputs"
JUDGED = ("results", "code", "figures")
"""Folders that are kept before all else, should an output pass the limits."""
"""Folder of the workspace with the texts of earlier stages; not part of the experiment's output."""


class Runner:
    """One experiment, or another stage of an agent command."""

    def __init__(self, trial: Path) -> None:
        self.trial = trial
        spec = json.loads((trial / "runner-spec.json").read_text(encoding="utf-8"))
        self.spec: dict[str, Any] = spec
        self.settings = Settings.model_validate(spec["settings"])
        self.key = TrialKey.parse(spec["key"])
        self.store = RunStore(self.settings.run_path)
        self.inputs = {stage: Path(path) for stage, path in spec["inputs"].items()}

    async def run(self) -> StageResult:
        """Carry the stage out and store its output."""
        settings, trial, stage = self.settings, self.trial, self.key.stage
        clear_attempt(trial)
        workspace = trial / "work"
        workspace.mkdir(parents=True)
        calls = CallLog(self.store.calls, f"runner-{self.key.task}-{stage}-{self.key.epoch}")
        budget = Budget(self.spec["budget"], 0.0)
        models = CountingModels(client := ModelClient(settings, calls, budget, limiter=Limiter(1), notice=_say))
        started = time.time()
        context = StageContext(
            task=load_tasks()[self.key.task].with_text(settings.tasks),
            epoch=self.key.epoch,
            seed=settings.seed,
            today=date.fromisoformat(self.spec["today"]),
            inputs=self.inputs,
            models=models,
            model=settings.model,
            scope=str(self.key),
            settings=settings,
            deadline=started + settings.stage_timeout(stage),
            ledger=Ledger(trial, workspace),
        )
        black_box = settings.agent_command is not None
        if black_box:
            context.not_shown += await asyncio.to_thread(command.lay_out, stage, workspace, context)
        else:
            self._copy_inputs(workspace / INPUT_FOLDER)
        held = contextlib.AsyncExitStack()
        gateway, doors = await held.enter_async_context(opened_gateway(settings, calls, budget, str(self.key), context.deadline))
        context.gateway = gateway.access if gateway is not None else None
        sandbox = open_sandbox(
            settings.sandbox,
            SandboxSpec(
                workspace=workspace,
                run_id=str(settings.run_path),
                trial=str(self.key),
                limits=Limits(memory=settings.memory, cpus=settings.cpus),
                image=settings.image,
                network=settings.network,
                allow_host=settings.allow_host,
                network_log=trial / NETWORK_LOG,
                devices=tuple(self.spec["devices"]),
                doors=doors,
                env=command.environment(stage, context) if black_box else {},
            ),
        )
        context.sandbox = sandbox
        try:
            environment = await sandbox.start()
            assert context.ledger is not None
            await context.ledger.note("environment", {**environment, "machine": machine()})
            async with watched(sandbox.spec.devices) as activity:
                agent = load_agent(settings.agent, settings.agent_command)
                reason = await until_spent(gateway, carry_out(agent, stage, workspace, context))
            if activity is not None:
                await context.ledger.note(GPU_ACTIVITY, activity.told())
            if gateway is not None:
                await context.ledger.note(MODEL_CALLS, gateway.told(), source="gateway")
            if settings.network == "allowlist":
                await context.ledger.note(NETWORK, told(trial / NETWORK_LOG))
        finally:
            await sandbox.close()
            await held.aclose()
            await client.close()
            calls.close()
        staging = trial / ".staging"
        given = command.LAID_OUT if black_box else {f"/{INPUT_FOLDER}"}
        most = {} if stage == "experiment" else {"max_file": TEXT_STAGE_FILE}
        left_out = await asyncio.to_thread(export_workspace, workspace, staging, skip=given, first=JUDGED, **most)
        context.not_shown += (from_pdf := await asyncio.to_thread(read_paper, stage, staging))
        if not reason and (missing := missing_outputs(stage, staging)):
            reason = "; ".join([*missing, *from_pdf, *left_out])
        if gateway is not None and gateway.budget_spent is not None:
            raise gateway.budget_spent  # not the agent's fault: its program was refused calls that it wanted
        if reason and gateway is not None and (ended := gateway.ended_by()) is not None:
            raise ended  # nor is this: a provider whose last word was no answer
        self.store.commit_output(self.key, staging)
        result = StageResult.model_validate(
            {
                "status": "failed" if reason else "done",
                "reason": reason,
                "started": started,
                "finished": time.time(),
                "spent": models.spent + (gateway.spent if gateway is not None else Spent()),
                "not_shown": context.not_shown,
                "files": file_digests(self.store.output(self.key)),
                "environment": {**environment, "machine": machine(), "left_out": left_out},
            }
        )
        self.store.write_stage_result(self.key, result)
        shutil.rmtree(workspace, ignore_errors=True)
        return result

    def _copy_inputs(self, folder: Path) -> None:
        folder.mkdir()
        for path in self.inputs.values():
            for file in path.glob("*.md"):
                if file.is_file() and not file.is_symlink():  # a pool of --mlr-inputs may come from strangers
                    shutil.copyfile(file, folder / file.name)


def _say(text: str) -> None:
    print(text, flush=True)


def _claim(trial: Path) -> bool:
    """Write runner.json unless another live runner has; exclusive, so of two starters one goes on."""
    owner = trial / "runner.json"
    for _ in range(3):
        mine = trial / f".runner-{uuid.uuid4().hex}"
        mine.write_text(json.dumps({**identity(), "started": time.time()}), encoding="utf-8")
        try:
            os.link(mine, owner)
        except FileExistsError:
            if alive(read_owner(trial)):
                return False
            with contextlib.suppress(FileNotFoundError):
                owner.rename(trial / f".dead-runner-{uuid.uuid4().hex}")
        else:
            return True
        finally:
            mine.unlink()
    return False


async def _main(trial: Path, work: Callable[[Path], Awaitable[object]], name: str) -> int:
    task = asyncio.current_task()
    assert task is not None
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(signum, task.cancel)
    try:
        await work(trial)
    except asyncio.CancelledError:
        _tell(trial, NotDone(f"{name} was stopped"))
        return 1
    except MLRBenchError as error:
        _tell(trial, error)
        return 1
    except Exception as error:  # noqa: BLE001 - a full disk, a bug of a plugged-in agent: the trial's record must say which
        from .core import outcome_of

        _tell(trial, InfrastructureError(outcome_of(error)[1]))
        return 1
    return 0


def _tell(trial: Path, error: MLRBenchError) -> None:
    """Leave the reason for the engine."""
    _say(f"{type(error).__name__}: {error}")
    with contextlib.suppress(OSError):  # a full disk: the log's tail is then what the engine shows
        write_atomic(trial / "runner-error.json", json.dumps({"kind": type(error).__name__, "message": str(error)}).encode())


def main() -> None:
    main_of(lambda trial: Runner(trial).run(), "the stage")


def main_of(work: Callable[[Path], Awaitable[object]], name: str) -> None:
    """Do `work` in the folder on the command line, as its one live owner; ends the process."""
    trial = Path(sys.argv[1])
    spec = json.loads((trial / "runner-spec.json").read_text(encoding="utf-8"))
    sys.path.extend(entry for entry in spec["path"] if entry not in sys.path)
    if not _claim(trial):
        sys.exit(TAKEN)
    try:
        sys.exit(asyncio.run(_main(trial, work, name)))
    finally:
        (trial / "runner.json").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
