"""Whether a container sees exactly the GPUs that its trial leased; docker.py asks before anything is run in it."""

import re
from collections.abc import Sequence
from pathlib import Path

from ..errors import InfrastructureError

LISTING = "nvidia-smi -L 2>&1 || ls /dev/nvidia[0-9]* 2>/dev/null"
"""Run inside: the driver's own list by UUID, else the device nodes that are there without its tools."""
HIDDEN = {"NVIDIA_VISIBLE_DEVICES": "void"}
"""For a container that leased none: where nvidia's runtime is the engine's default, an image of CUDA would be given all."""
SHOWN = {"NVIDIA_DRIVER_CAPABILITIES": "compute,utility"}
"""For one that leased some: without `utility` there is no nvidia-smi inside, and nothing could be asserted."""

_GPU = re.compile(r"^GPU \d+:.*\(UUID: (GPU-[^)]+)\)")
_INSTANCE = re.compile(r"^\s+MIG .*\(UUID: (MIG-[^)]+)\)")
_NODE = re.compile(r"^/dev/nvidia\d+$")


def worth_asking(leased: Sequence[str]) -> bool:
    """Whether there is anything to see: leased devices, or nodes on this host that should not show."""
    return bool(leased) or any(Path("/dev").glob("nvidia[0-9]*"))


def visible(listing: str) -> set[str]:
    """What `nvidia-smi -L` lists: UUIDs of GPUs, and of a divided GPU those of its instances; else paths of device nodes.

    >>> visible("GPU 0: A (UUID: GPU-a)" + chr(10) + "  MIG 1g.10gb Device 0: (UUID: MIG-b)")
    {'MIG-b'}
    """
    found: list[str] = []
    whole = ""
    for line in listing.splitlines():
        if match := _GPU.match(line):
            whole = match[1]
            found.append(whole)
        elif match := _INSTANCE.match(line):
            found = [one for one in found if one != whole]
            found.append(match[1])
        elif _NODE.match(line.strip()):
            found.append(line.strip())
    return set(found)


def check_visible(leased: Sequence[str], listing: str, trial: str) -> None:
    """Raise InfrastructureError unless the container of `trial`, which says `listing`, sees all of `leased` and nothing else."""
    seen = visible(listing)
    if seen == set(leased):
        return
    wanted = ", ".join(leased) or "none"
    said = "" if seen else f"; it said: {listing.strip()[:300] or 'nothing'}"
    raise InfrastructureError(
        f"the sandbox of {trial} sees the GPUs {', '.join(sorted(seen)) or 'none'}, and leased {wanted}{said}. "
        "Nothing was run in it. Look at how the container runtime for GPUs is set up (docs/gpus.md), or use --mlr-gpus=none"
    )
