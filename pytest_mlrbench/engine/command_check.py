"""Whether an agent command can start at all, asked in a sandbox of its own before the first trial; the preflight calls it."""

import asyncio
import re
import shlex
import tempfile
from itertools import dropwhile
from pathlib import Path

from ..agents.command import AGENT, bring_files
from ..errors import InfrastructureError
from ..sandboxes import open_sandbox
from ..sandboxes.base import SandboxSpec
from ..sandboxes.common import COMMAND_BYTES
from ..settings import Settings
from ..stages.outputs import clean

SECONDS = 30.0
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
INTERPRETERS = re.compile(r"(?:python[\d.]*|bash|sh|node|perl|ruby|Rscript|julia)")
"""Programs whose first argument, if it is no option, is a file to run."""
_PLAIN = re.compile(r"[\w./+-]+")


def command_problems(settings: Settings) -> list[str]:
    """What keeps the command from starting: its syntax, its program or a file of it that is not in the sandbox.

    Starts and removes one sandbox, so it is to be asked when that can be had; not in a thread with a running event loop.
    """
    assert settings.agent_command is not None
    try:
        return asyncio.run(_look(settings, settings.agent_command))
    except InfrastructureError as error:
        return [str(error)]


async def _look(settings: Settings, command: str) -> list[str]:
    most = COMMAND_BYTES // 2  # it is quoted below
    if len(command.encode()) > most:
        return [
            f"--mlr-agent-command: {len(command.encode()):,} bytes, at most {most:,}: put it into a script of --mlr-agent-files=DIR"
        ]
    program, files = _named(command)
    lines = [f"bash -n -c {shlex.quote(command)} 2>&1 | sed -n '1s/^/syntax /p'"]
    if program:
        lines.append(f"type -t -- {shlex.quote(program)} > /dev/null || echo program {shlex.quote(program)}")
    lines += [f"[ -e {shlex.quote(file)} ] || echo file {shlex.quote(file)}" for file in files]
    settings.run_path.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.run_path, prefix=".preflight-", ignore_cleanup_errors=True) as folder:
        workspace = Path(folder) / "work"
        workspace.mkdir()
        bring_files(settings, workspace)
        spec = SandboxSpec(workspace=workspace, run_id=str(settings.run_path), trial="preflight", image=settings.image)
        async with open_sandbox(settings.sandbox, spec) as sandbox:
            result = await sandbox.exec("\n".join(lines), timeout=SECONDS, output=Path(folder) / "output.log")
    where = f"the image {settings.image}" if settings.sandbox == "docker" else "the local sandbox"
    remedy = "bring it with --mlr-agent-files=DIR, as agent/..., or in an image of yours (--mlr-image=REF)"
    told = {
        "syntax": "--mlr-agent-command: bash cannot read it: {}",
        "program": f"--mlr-agent-command: there is no program {{}} in {where}: {remedy}",
        "file": f"--mlr-agent-command: there is no file {{}} in {where}: {remedy}",
    }
    found = [line.partition(" ") for line in clean(result.output).splitlines()]
    return [told[kind].format(what) for kind, _, what in found if kind in told]


def _named(command: str) -> tuple[str, list[str]]:
    """The first word that is no assignment, where it is a plain name, and files that the command surely wants to find: the script
    below agent/ that an interpreter is started with, and absolute paths of files of this machine, which is not the sandbox."""
    try:
        words = shlex.split(command)
    except ValueError:
        return "", []  # bash says what is wrong with it
    words = list(dropwhile(_ASSIGNMENT.match, words))
    program = words[0] if words and _PLAIN.fullmatch(words[0]) else ""
    files = [word for word in words[1:] if word.startswith("/") and _PLAIN.fullmatch(word) and Path(word).is_file()]
    script = words[1] if len(words) > 1 and INTERPRETERS.fullmatch(program) else ""
    if script.startswith(f"{AGENT}/") and _PLAIN.fullmatch(script):
        files.append(script)
    return program, list(dict.fromkeys(files))
