"""The rerunner: a detached process that runs one experiment's commands again (`python -m ...engine.rerunner TRIAL/rerun`).

It lives and ends as the runner does: claimed by runner.json in its own folder, adopted by the next engine, ended by SIGTERM, its
containers never outliving it. What it leaves is `rerun.json` in the trial's directory; finished attempts survive a kill.
"""

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

from ..errors import InfrastructureError
from ..evidence.checks import subject_of_trial
from ..evidence.reruns import ATTEMPTS, RERUN, Rerun
from ..keys import TrialKey
from ..replay import Limit, Replayer
from ..results.store import RunStore, write_atomic
from ..sandboxes import open_sandbox
from ..sandboxes.base import Limits, Sandbox, SandboxSpec
from ..sandboxes.common import machine
from ..sandboxes.egress import LOG as NETWORK_LOG
from ..settings import Settings
from .runner import main_of


class Rerunner:
    """One re-execution."""

    def __init__(self, home: Path) -> None:
        spec: dict[str, Any] = json.loads((home / "runner-spec.json").read_text(encoding="utf-8"))
        self.trial = home.parent
        self.settings = Settings.model_validate(spec["settings"])
        self.key = TrialKey.parse(spec["key"])
        self.today = date.fromisoformat(spec["today"])
        self.store = RunStore(self.settings.run_path)
        self.inputs = {stage: Path(path) for stage, path in spec["inputs"].items()}
        self.devices = tuple(spec["devices"])

    async def run(self) -> Rerun:
        """Make the attempts and store what came of them. Raises InfrastructureError."""
        stage = self.store.stage_result(self.key)
        if stage is None:
            raise InfrastructureError(f"{self.key} has no stored result to run again")
        settings = self.settings
        subject = subject_of_trial("experiment", self.store.output(self.key), self.trial, self.inputs, self.today)
        replayer = Replayer(
            subject,
            self.trial / "work",
            self._sandbox,
            seed=f"{settings.seed} {self.key}",
            limit=Limit(settings.stage_timeout("experiment")),
            environment={**stage.environment, "machine": stage.environment.get("machine", machine())},
            installs=settings.sandbox == "docker" and settings.network != "none",
            save=write_atomic,
        )
        result = await replayer.run()
        write_atomic(self.trial / RERUN, result.model_dump_json(indent=1).encode())
        shutil.rmtree(self.trial / "work", ignore_errors=True)
        return result

    def _sandbox(self, name: str, env: dict[str, str]) -> Sandbox:
        """As the experiment's own: kind, image, limits, network."""
        settings = self.settings
        return open_sandbox(
            settings.sandbox,
            SandboxSpec(
                workspace=self.trial / "work",
                run_id=str(settings.run_path),
                trial=f"{self.key}-rerun-{name}",
                limits=Limits(memory=settings.memory, cpus=settings.cpus),
                image=settings.image,
                network=settings.network,
                allow_host=settings.allow_host,
                network_log=self.trial / ATTEMPTS / name / NETWORK_LOG,
                devices=self.devices,
                env=env,
            ),
        )


def main() -> None:
    main_of(lambda home: Rerunner(home).run(), "the re-execution")


if __name__ == "__main__":
    main()
