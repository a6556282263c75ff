"""Who owns a container: the labels a runner puts on it, and whether that runner still lives. docker.py uses it."""

import os
from collections.abc import Mapping
from pathlib import Path

PID_LABEL = "mlrbench.owner_pid"
START_LABEL = "mlrbench.owner_start"
NAMESPACE_LABEL = "mlrbench.owner_namespace"
OWNER_LABELS = (PID_LABEL, START_LABEL, NAMESPACE_LABEL)


def owner_labels() -> dict[str, str]:
    """Labels that name this process: its pid, when it started, and the machine and PID namespace in which that pid counts."""
    return {PID_LABEL: str(os.getpid()), START_LABEL: _start(os.getpid()) or "", NAMESPACE_LABEL: _namespace()}


def is_alive(labels: Mapping[str, str], state: str = "running") -> bool:
    """Whether the owner of a container with these labels still lives; True as well where that cannot be known from here.

    `state` is Docker's word for the container. Another PID namespace of this machine cannot be seen into. An owner of another
    boot is dead or on another machine that shares the engine: its container is spared unless it has ended.
    """
    boot, _, namespace = labels.get(NAMESPACE_LABEL, "").partition("/")
    here_boot, _, here_namespace = _namespace().partition("/")
    if not boot or not here_boot or not labels.get(PID_LABEL, "").isdigit():
        return True
    if boot != here_boot:
        return state not in ("exited", "dead")
    return namespace != here_namespace or _start(int(labels[PID_LABEL])) == labels.get(START_LABEL)


def _namespace() -> str:
    """`BOOT_ID/PID_NAMESPACE`; empty where the system does not tell (no Linux)."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _start(pid: int) -> str | None:
    """Start of a process in clock ticks since boot (proc(5), stat field 22), None when there is none or it is a zombie.

    Ticks, because a start time computed from the wall clock moves when that clock is set.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]
