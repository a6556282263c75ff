"""What a sandbox is; the runner and the coders use it through this, docker.py and local.py are the two kinds."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

ExitKind = Literal["exited", "timeout", "oom", "killed"]

LEAST_OUTPUT = 64 * 2**10
"""Bytes of a command's output that are kept however much earlier commands put out."""


@dataclass(frozen=True)
class Limits:
    """What one sandbox may use."""

    memory: int = 16 * 2**30
    """Bytes, swap included."""
    cpus: float = 4.0
    pids: int = 512
    output: int = 64 * 2**20
    """Bytes of one command's output kept on disk; what is beyond is dropped and counted."""
    outputs: int = 2 * 2**30
    """Bytes of all commands' outputs kept on disk; once they are used up, LEAST_OUTPUT of each is."""
    disk: int = 20 * 2**30
    """Bytes the workspace may hold."""
    entries: int = 500_000
    """Files and folders the workspace may hold."""


@dataclass(frozen=True)
class Used:
    """What a command used, as the host counted it; None where it could not."""

    cpu_seconds: float | None = None
    """User and system time of all its processes. In a container also of what earlier commands left running there."""
    read_bytes: int | None = None
    """From block devices: what lies in the page cache is not counted."""
    received_bytes: int | None = None
    """From the network."""


NOTHING_COUNTED = Used()


@dataclass(frozen=True)
class ExecResult:
    """How one command ended."""

    kind: ExitKind
    exit_code: int | None
    """None unless `kind` is `exited`."""
    output: str
    """stdout and stderr as they came, decoded with replacement: head and tail when longer than the cap for a reader."""
    output_bytes: int
    """Length of the whole output, dropped bytes included."""
    started: float
    finished: float
    """Unix time, seconds, by the host's clock."""
    used: Used = NOTHING_COUNTED


@dataclass(frozen=True)
class Door:
    """One service of the host that a sandbox reaches although it has no network: a unix socket, as a port of its loopback."""

    socket: Path
    """Host path. The folder it lies in is mounted read-only: nothing else may lie there that programs inside must not read. The
    sandbox's user is another than the host's, so the folder must be open to all (0755) and so must the socket (0666)."""
    port: int
    """On 127.0.0.1 inside."""


@dataclass
class SandboxSpec:
    """What the runner asks for."""

    workspace: Path
    """Host directory; the sandbox sees it as its only writable place beside its temporary directory."""
    run_id: str
    trial: str
    limits: Limits = field(default_factory=Limits)
    image: str = ""
    network: Literal["none", "allowlist", "full"] = "none"
    allow_host: tuple[str, ...] = ()
    """Hosts that `allowlist` lets through besides the package index and the model hub."""
    network_log: Path | None = None
    """Where `allowlist` writes what was allowed and refused (egress.LOG); needed with it."""
    doors: tuple[Door, ...] = ()
    """Docker only."""
    env: dict[str, str] = field(default_factory=dict)
    """Visible to everything inside: never a secret."""
    devices: tuple[str, ...] = ()
    """GPU device ids leased for this trial."""


class Sandbox(ABC):
    """One started sandbox; `async with` starts and removes it."""

    name: str

    def __init__(self, spec: SandboxSpec) -> None:
        self.spec = spec
        self.put_out = 0
        """Bytes of output kept of all commands so far."""

    @property
    def output_cap(self) -> int:
        """Bytes kept of the next command's output."""
        limits = self.spec.limits
        return min(limits.output, max(LEAST_OUTPUT, limits.outputs - self.put_out))

    @property
    @abstractmethod
    def workspace_inside(self) -> str:
        """Path of the workspace as a command in the sandbox sees it."""

    @abstractmethod
    async def start(self) -> dict[str, Any]:
        """Start it; returns what is recorded about it (kind, image digest, limits, network). Raises InfrastructureError."""

    @abstractmethod
    async def exec(
        self,
        command: str,
        *,
        timeout: float,  # noqa: ASYNC109 - seconds inside the sandbox, where asyncio.timeout does not reach
        output: Path,
        stdin: bytes | None = None,
        on_output: Callable[[bytes], None] | None = None,
    ) -> ExecResult:
        """Run `command` by `bash -c` in the workspace, the whole output going to the host file `output`.

        Nothing the command started outlives a time-out. A command's own failure is a result, never an exception; raises
        InfrastructureError only when the sandbox itself is broken.
        """

    @abstractmethod
    async def write(self, path: str, content: bytes) -> None:
        """Write a file of the workspace (relative path) as the sandbox's own user, so that no link can lead outside.

        Raises ValueError for a path that leaves the workspace.
        """

    @abstractmethod
    async def close(self) -> None:
        """Stop everything in it and remove it. Safe to call twice."""

    async def __aenter__(self) -> "Sandbox":
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()
