"""One experiment by a real coder's CLI in a container, through the model gateway, against a scripted provider."""

import asyncio
import shutil
import time
import uuid
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import docker
import pytest

from pytest_mlrbench.audits import Audit
from pytest_mlrbench.coders import CoderContext, CoderOutcome, load_coder
from pytest_mlrbench.engine.doors import gateway as opened_gateway
from pytest_mlrbench.evidence.checks import audit, subject_of_trial
from pytest_mlrbench.evidence.checks.case import Case
from pytest_mlrbench.evidence.events import EVIDENCE, MODEL_CALLS, Event, read_events
from pytest_mlrbench.evidence.ledger import Ledger
from pytest_mlrbench.models.budget import Budget
from pytest_mlrbench.results.calls import CallLog
from pytest_mlrbench.sandboxes import Limits, SandboxSpec, open_sandbox
from pytest_mlrbench.sandboxes.docker import RUN_LABEL
from pytest_mlrbench.settings import Settings
from tests.support.docker import need_coders
from tests.support.provider import Answer, Provider, Script, Turn

LIMITS = Limits(memory=3 * 2**30, cpus=2, pids=512)
KEY = "sk-the-real-key-of-the-host"
MODELS = {"claude-code": "anthropic/claude-sonnet-4-5", "codex": "openai/gpt-5-codex", "gemini-cli": "gemini/gemini-2.5-pro"}


def writes(turn: Turn, path: str, content: str) -> tuple[str, dict[str, Any]]:
    """The call by which this CLI's model makes a file."""
    if turn.dialect == "openai":
        added = "".join(f"+{line}\n" for line in content.splitlines())
        patch = f"*** Begin Patch\n*** Add File: {path}\n{added}*** End Patch"
        return "exec_command", {"cmd": f"apply_patch <<'END_OF_PATCH'\n{patch}\nEND_OF_PATCH"}
    return {"anthropic": "Write", "gemini": "write_file"}[turn.dialect], {"file_path": f"/workspace/{path}", "content": content}


def edits(turn: Turn, path: str, old: str, new: str) -> tuple[str, dict[str, Any]]:
    """The call by which it changes one; `old` is a whole line for Codex."""
    if turn.dialect == "openai":
        patch = f"*** Begin Patch\n*** Update File: {path}\n@@\n-{old}\n+{new}\n*** End Patch"
        return "exec_command", {"cmd": f"apply_patch <<'END_OF_PATCH'\n{patch}\nEND_OF_PATCH"}
    arguments = {"file_path": f"/workspace/{path}", "old_string": old, "new_string": new}
    return ("Edit", arguments) if turn.dialect == "anthropic" else ("replace", {**arguments, "instruction": "mend the call"})


def runs(turn: Turn, command: str) -> tuple[str, dict[str, Any]]:
    if turn.dialect == "openai":
        return "exec_command", {"cmd": command, "yield_time_ms": 30_000}
    return {"anthropic": "Bash", "gemini": "run_shell_command"}[turn.dialect], {"command": command, "description": "go on"}


@dataclass
class Worked:
    """What one experiment left."""

    outcome: CoderOutcome
    events: list[Event]
    audit: Audit
    case: Case
    provider: Provider
    told: dict[str, Any]
    """What the gateway says."""
    token: str
    seen: list[str] = field(default_factory=list)
    """Command lines of this host's processes while the CLI ran."""

    def notes(self, tool: str) -> list[Event]:
        return [event for event in self.events if event.kind == "note" and event.tool == tool]


def command_lines() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:
            continue
    return found


def carry_out(
    folder: Path, coder: str, script: Script, *, budget: float | None = None, seconds: float = 120, max_turns: int = 50
) -> Worked:
    """Let `coder` carry one experiment out in `folder`, as the runner does."""
    image, run_id, trial = need_coders(), f"test-{uuid.uuid4().hex}", folder / "experiment"
    trial.mkdir()
    seen: list[str] = []

    def looking(turn: Turn) -> Answer:
        if len(turn.outputs) == 1:
            seen.extend(command_lines())
        return script(turn)

    settings = Settings(model=MODELS[coder], coder=coder, sandbox="docker", run=str(folder), budget=budget, image=image)

    async def main() -> tuple[CoderOutcome, dict[str, Any], str]:
        calls = CallLog(folder / "calls", "runner")
        deadline = time.time() + seconds
        async with AsyncExitStack() as held:
            opened = opened_gateway(settings, calls, Budget(budget, 0.0), "t/experiment", deadline)
            gateway, doors = await held.enter_async_context(opened)
            assert gateway is not None
            spec = SandboxSpec(trial / "work", run_id, "t/experiment", limits=LIMITS, image=image, doors=doors)
            sandbox = await held.enter_async_context(open_sandbox("docker", spec))
            ledger = Ledger(trial, trial / "work")
            await ledger.note("environment", {"sandbox": "docker", "network": "none", "devices": []})
            context = CoderContext(
                models=None,  # type: ignore[arg-type]  # a CLI calls through the gateway
                model=settings.model,
                scope="t/experiment",
                sandbox=sandbox,
                ledger=ledger,
                system="You work alone.",
                prompt="Compare three estimators.",
                deadline=deadline,
                max_turns=max_turns,
                gateway=gateway.access,
            )
            try:
                outcome = await load_coder(coder).run(context)
            finally:
                await ledger.note(MODEL_CALLS, gateway.told(), source="gateway")
            return outcome, gateway.told(), gateway.access.token

    with Provider(looking) as provider, pytest.MonkeyPatch.context() as patch:
        for name, value in provider_environment(provider).items():
            patch.setenv(name, value)
        outcome, told, token = asyncio.run(main())
    assert not docker.from_env().containers.list(all=True, filters={"label": f"{RUN_LABEL}={run_id}"})
    shutil.copytree(trial / "work", trial / "output")
    subject = subject_of_trial("experiment", trial / "output", trial, {}, date(2026, 11, 26))
    events, problem = read_events(trial / EVIDENCE)
    assert not problem
    return Worked(outcome, events, audit(subject), Case(subject), provider, told, token, seen)


def provider_environment(provider: Provider) -> dict[str, str]:
    bases = {"ANTHROPIC": provider.url, "OPENAI": f"{provider.url}/v1", "GEMINI": provider.url}
    return {f"{name}_API_BASE": url for name, url in bases.items()} | {f"{name}_API_KEY": KEY for name in bases}
