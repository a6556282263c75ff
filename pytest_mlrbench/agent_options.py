"""What the options of an agent command come to; options.py asks. Stdlib only."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ConfigError

if TYPE_CHECKING:
    from .options import Values

AGENT_ONLY = {
    "coder": "a coder belongs to mlr-agent, the command is its own",
    "search": "the command does its own literature stage",
    "rerun": "what a black box ran is not recorded command by command, so nothing can be run again",
}
"""Options of the built-in scaffold -> why a command has no use for them."""
MOST_AGENT_BYTES = 64 * 2**20


def agent_of(values: "Values") -> dict[str, Any]:
    """Settings `agent`, `agent_command`, `agent_files` and their digest. Raises ConfigError for what does not go together."""
    command, files, name = values.text("agent-command"), values.folder("agent-files"), values.text("agent")
    if command is None:
        if files is not None:
            raise ConfigError("--mlr-agent-files belongs to --mlr-agent-command=CMD, which finds them in agent/; none is given")
        return {"agent": name or "mlr-agent", "agent_command": None, "agent_files": None, "agent_digest": None}
    if not command:
        raise ConfigError("--mlr-agent-command is empty: expected a command such as 'python agent/run.py'")
    if name == "mlr-agent" or ":" in (name or ""):
        raise ConfigError(
            f"--mlr-agent={name}: there is --mlr-agent-command too, so this only names the agent in results: say `my-agent`"
        )
    for option, why in AGENT_ONLY.items():
        if values.text(option) not in (None, "none", "off"):
            raise ConfigError(f"--mlr-{option} does not go with --mlr-agent-command: {why}")
    digest = folder_digest(Path(files)) if files else ""
    label = hashlib.sha256(f"{command}\0{digest}".encode()).hexdigest()[:8]
    return {"agent": name or f"command-{label}", "agent_command": command, "agent_files": files, "agent_digest": digest or None}


def folder_digest(folder: Path) -> str:
    """sha256 over names and contents of the regular files below `folder`: what makes an agent another one when it changes.

    Raises ConfigError above MOST_AGENT_BYTES.
    """
    digest = hashlib.sha256()
    total = 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
        if "__pycache__" in path.parts:
            continue
        total += path.stat().st_size
        if total > MOST_AGENT_BYTES:
            raise ConfigError(
                f"--mlr-agent-files={folder}: more than {MOST_AGENT_BYTES // 2**20} MiB, which would be copied for every stage: "
                "put the agent into an image instead (--mlr-image=REF)"
            )
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{content}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
