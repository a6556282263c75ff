"""A sandbox that tests can ask one command after another, each on the same event loop."""

import asyncio
import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker

from pytest_mlrbench.sandboxes import ExecResult, Limits, Sandbox, SandboxSpec, open_sandbox
from pytest_mlrbench.sandboxes.docker import RUN_LABEL
from tests.security.attempts import PRELUDE, Attempt


class Box:
    """One started sandbox."""

    def __init__(self, folder: Path, loop: asyncio.Runner, sandbox: Sandbox, about: dict[str, Any]) -> None:
        self.folder = folder
        self.workspace = sandbox.spec.workspace
        self.sandbox = sandbox
        self.about = about
        self._loop = loop

    def run(self, command: str, seconds: float = 30) -> ExecResult:
        return self._loop.run(self.sandbox.exec(command, timeout=seconds, output=self.output))

    def python(self, program: str, seconds: float = 30) -> ExecResult:
        """A Python program below PRELUDE, given by standard input: nothing of it is in the process list."""
        text = (PRELUDE + program).encode()
        return self._loop.run(self.sandbox.exec("exec python3 -", timeout=seconds, output=self.output, stdin=text))

    def attempt(self, one: Attempt, places: dict[str, str]) -> ExecResult:
        program = one.program
        for name, value in places.items():
            program = program.replace(f"{{{name}}}", value)
        if program.startswith("$ "):
            return self.run(program[2:], one.seconds)
        return self.python(program, one.seconds)

    def sleep(self, seconds: float) -> None:
        """Let the sandbox's own tasks go on."""
        self._loop.run(asyncio.sleep(seconds))

    @property
    def output(self) -> Path:
        return self.folder / "out.log"


@contextlib.contextmanager
def box(folder: Path, image: str, **changes: Any) -> Iterator[Box]:
    """A started sandbox below `folder`; `changes` are Limits and, by their own names, fields of the spec."""
    fields = {name: changes.pop(name) for name in ("network", "allow_host", "doors", "env", "run_id") if name in changes}
    limits = Limits(**{"memory": 512 * 2**20, "cpus": 2, "pids": 128, "disk": 2**30, **changes})
    given = SandboxSpec(
        workspace=folder / "ws",
        trial="task/experiment",
        limits=limits,
        image=image,
        network_log=folder / "network.jsonl",
        **{"run_id": f"security-{uuid.uuid4().hex}", **fields},
    )
    with asyncio.Runner() as loop:
        sandbox = open_sandbox("docker", given)
        about = loop.run(sandbox.start())
        try:
            yield Box(folder, loop, sandbox, about)
        finally:
            loop.run(sandbox.close())


def containers(run_id: str) -> list[Any]:
    found: list[Any] = docker.from_env().containers.list(all=True, filters={"label": f"{RUN_LABEL}={run_id}"}, ignore_removed=True)
    return found
