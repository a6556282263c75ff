"""The ledger: runs a coder's commands and writes in the sandbox and records, by the host, what each of them left. The runner's."""

import asyncio
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import InfrastructureError
from ..sandboxes.base import ExecResult, Sandbox
from .events import EVIDENCE, OUTPUTS, UNATTENDED, VERSIONS, Change, Event, Kind, Source, line_of, read_events
from .scan import KEEP, Scan, Seen, Versions, scan


class Ledger:
    """One experiment's record. Use `await Ledger.open(...)`, or make one and `await ledger.begin()`; the first use begins it."""

    def __init__(self, trial_dir: Path, workspace: Path) -> None:
        self.trial_dir = trial_dir
        self.workspace = workspace
        self.path = trial_dir / EVIDENCE
        self._seen: Scan | None = None
        self._seq = 0
        self._lock = asyncio.Lock()

    @classmethod
    async def open(cls, trial_dir: Path, workspace: Path) -> "Ledger":
        """A ledger that has begun (see `begin`)."""
        ledger = cls(trial_dir, workspace)
        await ledger.begin()
        return ledger

    async def begin(self) -> None:
        """Take the first look at the workspace. After a restart the numbering goes on, and what changed meanwhile is a note."""
        async with self._lock:
            await self._begin()

    async def run(
        self,
        sandbox: Sandbox,
        command: str,
        *,
        tool: str,
        timeout: float,  # noqa: ASYNC109 (the sandbox kills what runs over it; a cancelled task would leave it running)
        on_output: Callable[[bytes], None] | None = None,
    ) -> ExecResult:
        """Execute `command` in `sandbox` and record it: output, exit, and the files that are different afterwards.

        `timeout` in seconds. Raises InfrastructureError when the sandbox is broken; that attempt is recorded as a note.
        """
        async with self._lock:
            await self._begin()
            output = f"{OUTPUTS}/{self._seq + 1:04d}.log"
            target = self.trial_dir / output
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                result = await sandbox.exec(command, timeout=timeout, output=target, on_output=on_output)
            except InfrastructureError as error:
                changes = await self._look()
                self._append("note", tool="sandbox failed", command=command, changes=changes, data={"error": str(error)})
                raise
            changes = await self._look()
            digest = await asyncio.to_thread(_sha256, target) if target.is_file() else None
            self._append(
                "command",
                tool=tool,
                command=command,
                exit_kind=result.kind,
                exit_code=result.exit_code,
                started=result.started,
                finished=result.finished,
                output=output if digest else None,
                output_bytes=result.output_bytes,
                output_sha256=digest,
                changes=changes,
                data={name: value for name, value in vars(result.used).items() if value is not None},
            )
            return result

    async def write(self, sandbox: Sandbox, path: str, content: bytes, *, tool: str) -> None:
        """Write a file of the workspace as an editor tool does, and record that it was typed.

        Raises ValueError for a path that leaves the workspace (nothing is recorded: nothing happened).
        """
        async with self._lock:
            await self._begin()
            started = time.time()
            digest = hashlib.sha256(content).hexdigest()
            await sandbox.write(path, content)
            if len(content) < KEEP:
                # Whatever its name ends in: numbers that were typed into it are no measurement later.
                await asyncio.to_thread(Versions(self.trial_dir / VERSIONS).keep, digest, content)
            changes = await self._look()
            self._append(
                "write",
                tool=tool,
                started=started,
                finished=time.time(),
                changes=changes,
                data={"path": path, "sha256": digest},
            )

    async def note(self, kind: str, data: dict[str, Any] | None = None, *, source: Source = "host") -> None:
        """Record something that `source` knows (`environment` becomes an event of that kind; anything else a note of this name)."""
        async with self._lock:
            await self._begin()
            if kind == "environment":
                self._append("environment", data=data or {}, source=source)
            else:
                self._append("note", tool=kind, data=data or {}, source=source)

    async def look(self) -> list[Change]:
        """What changed in the workspace since the last look; for `append`, which has to name it."""
        async with self._lock:
            await self._begin()
            return await self._look()

    def unchanged(self, path: str) -> Change | None:
        """A file as the last look saw it, as a change from its digest to itself; None when it was not there."""
        seen = self._seen.files.get(path) if self._seen is not None else None
        return Change(path=path, before=seen.digest, after=seen.digest, size=seen.size, kind="modified") if seen else None

    async def append(self, kind: Kind, *, source: Source, output_text: str = "", **fields: Any) -> None:
        """Record an event that was looked on (following.py); `output_text` is kept as its output."""
        async with self._lock:
            await self._begin()
            if output_text:
                content = output_text.encode("utf-8", "replace")
                name = f"{OUTPUTS}/{self._seq + 1:04d}.log"
                target = self.trial_dir / name
                target.parent.mkdir(parents=True, exist_ok=True)
                await asyncio.to_thread(target.write_bytes, content)
                fields |= {"output": name, "output_bytes": len(content), "output_sha256": hashlib.sha256(content).hexdigest()}
            self._append(kind, source=source, **fields)

    async def _begin(self) -> None:
        if self._seen is not None:
            return
        self.trial_dir.mkdir(parents=True, exist_ok=True)
        events, problem = await asyncio.to_thread(read_events, self.path)
        if problem:
            self._cut_torn_line()
        self._seq = events[-1].seq if events else 0
        before = _replay(events)
        changes = await self._look(before)
        if changes or problem:
            self._append("note", tool=UNATTENDED, changes=changes, data={"ledger": problem} if problem else {})

    async def _look(self, digests: dict[str, str] | None = None) -> list[Change]:
        """Scan now and return what differs from the last scan (or from `digests`, after a restart)."""
        before = self._seen
        now = await asyncio.to_thread(scan, self.workspace, before, self.trial_dir / VERSIONS)
        self._seen = now
        old = digests if digests is not None else {name: seen.digest for name, seen in before.files.items()} if before else {}
        return _differences(old, now)

    def _append(self, kind: Kind, **fields: Any) -> None:
        """Write one event and wait until it is on the disk: nothing may act on what the ledger could lose."""
        data = fields.pop("data", {})
        if self._seen is not None and self._seen.truncated:
            data |= {"truncated": True}
        if self._seen is not None and self._seen.unkept:
            data |= {"versions_not_kept": self._seen.unkept}
        fields.setdefault("source", "host")
        event = Event(seq=self._seq + 1, time=time.time(), kind=kind, data=data, **fields)
        new = not self.path.exists()
        with self.path.open("ab") as file:
            file.write(line_of(event))
            file.flush()
            os.fsync(file.fileno())
        if new:
            _sync_folder(self.trial_dir)
        self._seq = event.seq

    def _cut_torn_line(self) -> None:
        """Remove what follows the last whole, valid line, or the next event would be glued to it."""
        raw = self.path.read_bytes()
        keep = raw.rfind(b"\n") + 1
        events, _ = read_events(self.path)
        lines = raw[:keep].splitlines(keepends=True)[: len(events)]
        with self.path.open("r+b") as file:
            file.truncate(sum(map(len, lines)))
            os.fsync(file.fileno())


def _replay(events: list[Event]) -> dict[str, str]:
    """Path -> digest as the recorded events left the workspace."""
    files: dict[str, str] = {}
    for event in events:
        for change in event.changes:
            if change.after is None:
                files.pop(change.path, None)
            else:
                files[change.path] = change.after
    return files


def _differences(old: dict[str, str], now: Scan) -> list[Change]:
    changes = []
    for name, seen in sorted(now.files.items()):
        if name not in old:
            changes.append(_change(name, None, seen))
        elif old[name] != seen.digest:
            changes.append(_change(name, old[name], seen))
    if not now.truncated:
        gone = sorted(old.keys() - now.files.keys())
        changes += [Change(path=name, before=old[name], after=None, size=0, kind="deleted") for name in gone]
    return changes


def _change(name: str, before: str | None, seen: Seen) -> Change:
    return Change(path=name, before=before, after=seen.digest, size=seen.size, kind="modified" if before else "created")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
