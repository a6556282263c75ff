"""What a container of ours may do and reach, and the probe that asks from inside whether it is so; docker.py uses both."""

import json
from typing import Any

from ..resources import resource
from .base import Door, SandboxSpec

TEMPORARY = "/tmp"  # noqa: S108  (a tmpfs of the container's own)

OPEN_FILES = 16_384
"""Descriptors of one process: data loaders need thousands, an engine's default may be a million. Set by each command itself: an
engine that may use fewer refuses to start a container with more."""
TEMPORARY_FILES = 200_000
"""Names below /tmp: each costs kernel memory, not workspace."""
OOM_SCORE = 500
"""The kernel ends a container before it ends the runner when the whole machine is short of memory (proc(5), -1000 to 1000)."""

PROBE = """
IFS=' ' read -r -a asked
for address in "${asked[@]}"; do
  (exec 3<>"/dev/udp/$address/53") 2>/dev/null && echo "open: $address"
done
if [ ${#asked[@]} -gt 0 ]; then
  while IFS=: read -r name _; do
    case ${name// /} in lo|Inter-*|face*|"") ;; *) echo "open: interface ${name// /}" ;; esac
  done </proc/net/dev
  type getent >/dev/null 2>&1 && timeout 2 getent hosts example.com >/dev/null && echo "open: names (DNS)"
fi
"""
"""Reads the addresses from standard input, as arguments would show this host's own to every program inside. Connecting a datagram
socket sends nothing: it succeeds exactly where the container has a route to the address."""

_PUBLIC = ("198.51.100.1", "203.0.113.1", "2001:db8::1", "2000::1")
"""Addresses that only a default route leads to (RFC 5737 and RFC 3849 keep them free)."""
_METADATA = ("169.254.169.254", "fd00:ec2::254", "100.100.100.200")
"""Where clouds answer with the machine's own credentials."""
_MOST_ADDRESSES = 40


def door_folder(number: int) -> str:
    """Where the folder of the spec's door `number` lies inside."""
    return f"/run/mlrbench/{number}"


def host_config(spec: SandboxSpec, workspace: str, volumes: tuple[str, ...], doors: tuple[Door, ...]) -> dict[str, Any]:
    """Arguments of the SDK's create_host_config for a container of `spec`; `volumes` are those that the image declares.

    There is no limit on processes per user (RLIMIT_NPROC): the kernel counts it over all containers of that user, so one trial
    could starve the others. The control group's limit holds for each container alone.
    """
    from docker.types import DeviceRequest, LogConfig, Mount, Ulimit

    limits = spec.limits
    share = max(2**26, limits.memory // 4)
    scratch = f"rw,nosuid,nodev,mode=1777,size={2**26},nr_inodes={TEMPORARY_FILES // 10}"
    return {
        "auto_remove": True,
        "init": True,
        "network_mode": "bridge" if spec.network == "full" else "none",
        "ipc_mode": "private",
        "mounts": [
            Mount(workspace, str(spec.workspace.resolve()), type="bind"),
            *(
                Mount(door_folder(number), str(door.socket.parent.resolve()), type="bind", read_only=True)
                for number, door in enumerate(doors)
            ),
        ],
        "read_only": True,
        "tmpfs": {
            # A volume of the image would be a place on this host's disk that nobody watches.
            **dict.fromkeys((volume for volume in volumes if volume.rstrip("/") not in (workspace, TEMPORARY)), scratch),
            TEMPORARY: f"rw,exec,nosuid,nodev,mode=1777,size={share},nr_inodes={TEMPORARY_FILES}",
        },
        "shm_size": share,
        "mem_limit": limits.memory,
        "memswap_limit": limits.memory,
        "oom_score_adj": OOM_SCORE,
        # A quota, because nano_cpus is refused when the machine has fewer CPUs than that.
        "cpu_period": 100_000,
        "cpu_quota": int(limits.cpus * 100_000),
        "pids_limit": limits.pids,
        "ulimits": [
            Ulimit(name="core", soft=0, hard=0),
            Ulimit(name="fsize", soft=limits.disk, hard=limits.disk),
        ],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges", f"seccomp={seccomp_profile()}"],
        "log_config": LogConfig(type="none"),
        "device_requests": [DeviceRequest(device_ids=list(spec.devices), capabilities=[["gpu"]])] if spec.devices else None,
    }


def seccomp_profile() -> str:
    """The system calls a container may make, as the engine takes it. The client sends it: no file on the engine's side is read."""
    return json.dumps(json.loads((resource("sandbox") / "seccomp.json").read_text(encoding="utf-8")))


def probed_addresses() -> tuple[str, ...]:
    """What a container without a network must have no way to: the internet, clouds' metadata, all addresses of this host."""
    import socket

    import psutil

    own = [
        address.address.partition("%")[0]
        for found in psutil.net_if_addrs().values()
        for address in found
        if address.family in (socket.AF_INET, socket.AF_INET6) and not address.address.startswith(("127.", "::1"))
    ]
    return (*_PUBLIC, *_METADATA, *own)[:_MOST_ADDRESSES]


def leaks(said: bytes) -> list[str]:
    """What the probe's output says is open."""
    return [line.removeprefix("open: ") for line in said.decode("utf-8", "replace").splitlines() if line.startswith("open: ")]
