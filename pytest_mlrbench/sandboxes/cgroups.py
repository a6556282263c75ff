"""What the processes of a container have used, by the kernel's counters of its control group; read by the Docker sandbox.

Not by the engine's `stats`: it answers once a second, which two looks around each command would wait for.
"""

from pathlib import Path
from typing import Any

from .base import Used

ROOT = Path("/sys/fs/cgroup")
PROC = Path("/proc")


def counted(pid: int) -> Used:
    """What the control group of process `pid` has used until now; None for what cannot be read (an engine on another machine)."""
    groups = _groups(pid)
    return Used(_cpu_seconds(groups), _read_bytes(groups), _received_bytes(pid))


def members(pid: int) -> tuple[int, ...]:
    """All processes of the control group of process `pid`, as this host numbers them; none where that cannot be read."""
    groups = _groups(pid)
    folder = groups.get("pids") or groups.get("")
    return tuple(int(line) for line in _text(folder / "cgroup.procs").split() if line.isdigit()) if folder else ()


def since(before: Used, after: Used) -> Used:
    """The difference of two counts; None where either is missing or the container was replaced in between."""

    def grown(first: float | None, last: float | None) -> Any:
        return last - first if first is not None and last is not None and last >= first else None

    cpu = grown(before.cpu_seconds, after.cpu_seconds)
    return Used(
        None if cpu is None else round(cpu, 3),
        grown(before.read_bytes, after.read_bytes),
        grown(before.received_bytes, after.received_bytes),
    )


def _groups(pid: int) -> dict[str, Path]:
    """Controller -> folder; the one of version 2 has an empty name."""
    found = {}
    for line in _text(PROC / str(pid) / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        for name in controllers.split(","):
            found[name] = (ROOT / controllers if controllers else ROOT) / path.lstrip("/")
    return found


def _cpu_seconds(groups: dict[str, Path]) -> float | None:
    if "cpuacct" in groups and (nanoseconds := _text(groups["cpuacct"] / "cpuacct.usage").strip()).isdigit():
        return int(nanoseconds) / 1e9
    for line in _text(groups[""] / "cpu.stat").splitlines() if "" in groups else ():
        name, _, value = line.partition(" ")
        if name == "usage_usec" and value.isdigit():
            return int(value) / 1e6
    return None


def _read_bytes(groups: dict[str, Path]) -> int | None:
    """Of all devices together."""
    if "blkio" in groups and (text := _text(groups["blkio"] / "blkio.throttle.io_service_bytes")):
        return sum(int(words[2]) for line in text.splitlines() if len(words := line.split()) == 3 and words[1] == "Read")
    if "" in groups and (text := _text(groups[""] / "io.stat")):
        return sum(int(word[7:]) for word in text.split() if word.startswith("rbytes="))
    return None


def _received_bytes(pid: int) -> int | None:
    """By the interfaces of the process's network namespace, the loopback left out."""
    lines = _text(PROC / str(pid) / "net" / "dev").splitlines()[2:]
    counts = [int(fields.split()[0]) for name, _, fields in (line.partition(":") for line in lines) if name.strip() != "lo"]
    return sum(counts) if lines else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
