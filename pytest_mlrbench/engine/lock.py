"""The lock of a run directory: one engine at a time, also on network file systems where flock lies."""

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import psutil

from ..errors import ConfigError

STALE = 120.0
"""Seconds without heartbeat after which a lock of another host counts as dead; the heartbeat comes every 10 s."""


def boot_id() -> str:
    """Changes with every boot, so that a pid of before the reboot is not mistaken."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return str(int(psutil.boot_time()))


def identity(pid: int | None = None) -> dict[str, Any]:
    """What names a process beyond its pid's reuse: host, boot, pid and start time."""
    process = psutil.Process(pid)
    return {"host": socket.gethostname(), "boot": boot_id(), "pid": process.pid, "start": process.create_time()}


def alive(owner: dict[str, Any]) -> bool:
    """Whether the process named by `identity` still runs on this host; a zombie does not."""
    if owner.get("host") != socket.gethostname() or owner.get("boot") != boot_id():
        return False
    try:
        process = psutil.Process(int(owner["pid"]))
        return abs(process.create_time() - float(owner["start"])) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, KeyError, TypeError, ValueError):
        return False


class RunLock:
    """Held by the engine from before its first write until its end; `with` takes and releases it."""

    def __init__(self, root: Path) -> None:
        self.path = root / "run.lock"
        self._owner = {**identity(), "token": uuid.uuid4().hex}
        self._stop = threading.Event()

    def __enter__(self) -> "RunLock":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(10):
            try:
                descriptor = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            except FileExistsError:
                self._remove_dead()
                continue
            with os.fdopen(descriptor, "w") as stream:
                json.dump(self._owner, stream)
                stream.flush()
                os.fsync(stream.fileno())
            threading.Thread(target=self._beat, daemon=True, name="run-lock").start()
            return self
        raise ConfigError(f"{self.path} cannot be taken: other engines keep taking it")

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        if self._read(self.path).get("token") == self._owner["token"]:
            self.path.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._stop.wait(10):
            with contextlib.suppress(FileNotFoundError):  # removed by hand: the next write of the run shows whether it matters
                os.utime(self.path)

    def _remove_dead(self) -> None:
        """Remove the lock if its owner is dead; raise ConfigError if it lives."""
        owner = self._read(self.path)
        here = owner.get("host") == socket.gethostname()
        try:
            age = time.time() - self.path.stat().st_mtime
        except FileNotFoundError:
            return
        in_use = alive(owner) if here else age < STALE
        if not owner and age < 5:
            in_use = True  # created, not yet written
        if in_use:
            raise ConfigError(
                f"run directory {self.path.parent} is in use by process {owner.get('pid')} on {owner.get('host')}; "
                "wait for it, stop it, or choose another --mlr-run="
            )
        grave = self.path.with_name(f".dead-lock-{uuid.uuid4().hex}")
        try:
            self.path.rename(grave)
        except FileNotFoundError:
            return
        if self._read(grave) != owner:
            # Another engine took the dead lock over between our look and our rename: give it back.
            with contextlib.suppress(FileExistsError):
                os.link(grave, self.path)
        grave.unlink(missing_ok=True)

    @staticmethod
    def _read(path: Path) -> dict[str, Any]:
        try:
            loaded = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return loaded if isinstance(loaded, dict) else {}
