"""What one line of `evidence.jsonl` says; written by the ledger, read by the checks, the runner and the judges' command log."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ..audits import STRICT
from ..errors import InfrastructureError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Source = Literal["host", "gateway", "sandbox"]
"""Who saw it: the host itself, the model gateway, or a program inside the sandbox (weakest)."""
Kind = Literal["command", "write", "note", "environment"]
"""command: executed in the sandbox. write: an editor tool typed a file. note and environment: said by the host."""
ChangeKind = Literal["created", "modified", "deleted"]

BLACK_BOX = "agent command"
"""`tool` of the one command by which a black-box agent does a whole stage: what ran inside it nobody recorded."""
EVIDENCE = "evidence.jsonl"
"""The ledger's file in a trial's directory."""
OUTPUTS = "evidence/outputs"
"""Captured command outputs, one file an event, below a trial's directory."""
VERSIONS = "evidence/versions"
"""Every version of result and source files, named by digest, below a trial's directory."""
UNATTENDED = "unattended changes"
"""The note that names what changed while no ledger was looking: before the first event, or while the runner was down."""
GPU_ACTIVITY = "gpu activity"
"""The note that says what the leased GPUs did meanwhile (sandboxes.gpu_activity)."""
MODEL_CALLS = "model calls"
"""The note with what the model gateway saw: usage, cost, refusals, and every tool call that the model asked for."""
CODER_SESSION = "coder session"
"""The note on one run of a coder's CLI: how it ended, its whole stream, what it says it used (following.py)."""
BETWEEN_CALLS = "changes between tool calls"
"""The note that names what changed while a coder's CLI said that no tool was at work."""
NETWORK = "network"
"""The note that says which hosts the allowlist's proxy let through and refused, with times and bytes (sandboxes.egress)."""


@dataclass(frozen=True)
class Change:
    """One file of the workspace that an event left different."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = STRICT

    path: str
    """Relative to the workspace, `/` between its parts, undecodable bytes as surrogate escapes written `\\udcXX`."""
    before: str | None
    """Digest before the event; None when the file was not there."""
    after: str | None
    """Digest after the event; None when the file is gone. Starts with `unread:` when the host could not read it."""
    size: int
    """Bytes after the event."""
    kind: ChangeKind


@dataclass(frozen=True)
class Event:
    """One thing that happened in an experiment."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = STRICT

    seq: int
    """1-based, without gaps."""
    time: float
    """Unix time in seconds when the line was written."""
    source: Source
    kind: Kind
    tool: str = ""
    """Name of the coder's tool (`bash`, `write_file`); for a note, what it says (`unattended changes`)."""
    command: str = ""
    exit_kind: str | None = None
    """exited, timeout, oom or killed (sandboxes.base.ExitKind); None for what is not a command."""
    exit_code: int | None = None
    started: float | None = None
    finished: float | None = None
    """Unix time in seconds by the host's clock."""
    output: str | None = None
    """File with the captured output, relative to the trial's directory."""
    output_bytes: int = 0
    """Length of the whole output, dropped bytes included."""
    output_sha256: str | None = None
    """Digest of the kept file."""
    changes: list[Change] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    """What a note or an environment event holds."""

    @property
    def watched(self) -> bool:
        """Whether the host itself saw what files it left: it ran the command, or looked on while a coder's CLI did."""
        return self.source == "host" or bool(self.data.get("watched"))

    @property
    def failed(self) -> bool:
        """A command that did not end with exit status 0."""
        return self.kind == "command" and (self.exit_kind != "exited" or self.exit_code != 0)


@cache
def _adapter() -> "TypeAdapter[Event]":
    """Validates and writes events; whoever only makes some, of an agent's own log, imports no pydantic."""
    from pydantic import TypeAdapter

    return TypeAdapter(Event)


def read_events(path: Path) -> tuple[list[Event], str]:
    """All events of `path` and what was wrong with its end (empty when nothing was).

    A writer killed in the middle of a line leaves a torn last line: it is left out and named. A missing file is no events.
    Raises InfrastructureError for a damaged line before the last, which no crash of ours can leave.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return [], ""
    from pydantic import ValidationError

    *lines, rest = raw.split(b"\n")
    events: list[Event] = []
    for number, line in enumerate(lines, 1):
        try:
            events.append(_adapter().validate_json(line))
        except ValidationError as error:
            if number == len(lines) and not rest:
                return events, f"line {number} of {path.name} is damaged and was left out"
            raise InfrastructureError(
                f"{path}: line {number} is not an event ({error.errors()[0]['msg']}); the ledger was changed after it was written: "
                "remove the trial's directory to do it again"
            ) from error
    return events, f"the last line of {path.name} was cut ({len(rest)} bytes) and was left out" if rest else ""


def line_of(event: Event) -> bytes:
    """`event` as one line of the ledger, ASCII only, so that no name from a hostile workspace can break the file."""
    return json.dumps(_adapter().dump_python(event, mode="json", exclude_defaults=True), ensure_ascii=True).encode("ascii") + b"\n"
