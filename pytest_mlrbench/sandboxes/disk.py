"""Watches what a workspace takes of the disk: bytes, entries, files deleted while open. Both kinds of sandbox use it."""

import asyncio
import os
import stat
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import InfrastructureError
from .base import Limits

LOOK_SECONDS = 0.5
"""How often the file system is asked what is free: one system call, which tells when a walk is worth its time."""
WALK_SECONDS = 5.0
"""How often the workspace is walked at least; rarer in large trees, sooner when the disk fills."""
LEAST_FREE = 256 * 2**20
"""Bytes below which the file system counts as full: what holds them may be out of our sight (see `held`)."""
_MOST_DESCRIPTORS = 200_000


@dataclass(frozen=True)
class Taken:
    """What a workspace holds."""

    bytes: int = 0
    """On disk (blocks, so a sparse file counts what it holds; a file of several names counts once)."""
    entries: int = 0
    """Files, folders, links and whatever else has a name."""
    hidden: str = ""
    """A folder that could not be listed; empty where all could."""


def taken(folder: Path, limits: Limits) -> Taken:
    """What lies below `folder`; no link is followed. Stops when a limit is passed; what vanishes meanwhile counts nothing."""
    size = entries = 0
    hidden = ""
    linked: set[int] = set()
    pending = [str(folder)]
    while pending and size <= limits.disk and entries <= limits.entries:
        place = pending.pop()
        try:
            with os.scandir(place) as found:
                for entry in found:
                    entries += 1
                    if entries > limits.entries:
                        break
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(status.st_mode):
                        pending.append(entry.path)
                    elif status.st_nlink > 1:
                        if status.st_ino in linked:
                            continue
                        linked.add(status.st_ino)
                    size += status.st_blocks * 512
        except PermissionError:
            hidden = os.path.relpath(place, folder)
        except OSError:
            continue  # a tree that changes while it is read: the next look sees the rest
    return Taken(size, entries, hidden)


def held(pids: Iterable[int], folder: Path) -> int:
    """Bytes on the file system of `folder` in files without a name that processes `pids` hold open.

    A process that cannot be looked at (not ours, or shielded by prctl) and memory maps count nothing.
    """
    device = folder.stat().st_dev
    seen: dict[int, int] = {}
    looked = 0
    for pid in pids:
        place = f"/proc/{pid}/fd"
        try:
            names = os.listdir(place)  # noqa: PTH208 - thousands of names, of which no Path is needed
        except OSError:
            continue
        for name in names:
            looked += 1
            if looked > _MOST_DESCRIPTORS:
                return sum(seen.values())
            try:
                status = os.stat(f"{place}/{name}")  # noqa: PTH116
            except OSError:
                continue
            if status.st_dev == device and status.st_nlink == 0 and stat.S_ISREG(status.st_mode):
                seen[status.st_ino] = status.st_blocks * 512
    return sum(seen.values())


class DiskWatch:
    """Looks after one workspace, whichever command runs."""

    def __init__(self, workspace: Path, limits: Limits, processes: Callable[[], Iterable[int]] = tuple) -> None:
        self.workspace = workspace
        self.limits = limits
        self._processes = processes
        """Process numbers, on this host, of what runs in the sandbox."""
        self._used = 0

    async def exceeded(self) -> str:
        """Returns a sentence once the workspace holds more than it may. Raises InfrastructureError when the disk is full.

        Waits first, so that a quick `rm` can still make room in a workspace that is too full.
        """
        free, names = await asyncio.to_thread(_free, self.workspace)
        walked, cost = time.monotonic(), 0.0
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            free_now, names_now = await asyncio.to_thread(_free, self.workspace)
            if free_now < LEAST_FREE:
                raise InfrastructureError(
                    f"the disk of {self.workspace} has {free_now} bytes left, the sandbox stops below {LEAST_FREE}: free some space"
                )
            waited = time.monotonic() - walked
            # What others write counts here too: that costs a walk, never a command.
            room = max(0, self.limits.disk - self._used) or self.limits.disk
            near = free - free_now > room or names - names_now > self.limits.entries
            if waited < 20 * cost or (waited < WALK_SECONDS and not near):
                continue
            started = time.monotonic()
            reason = await asyncio.to_thread(self._look)
            walked = time.monotonic()
            cost = walked - started
            free, names = free_now, names_now
            if reason:
                return reason

    def _look(self) -> str:
        """Why the workspace is too full, empty when it is not."""
        now = taken(self.workspace, self.limits)
        if now.hidden and os.geteuid() != 0:
            return f"killed: the folder {now.hidden!r} cannot be listed, so that nobody knows what it holds"
        self._used = now.bytes + held(self._processes(), self.workspace)
        if self._used > self.limits.disk:
            return f"killed: the workspace holds more than the {self.limits.disk} bytes it may"
        if now.entries > self.limits.entries:
            return f"killed: the workspace holds more than the {self.limits.entries} files it may"
        return ""


def _free(folder: Path) -> tuple[int, int]:
    """Bytes and names that the file system of `folder` still has room for."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize, status.f_favail
