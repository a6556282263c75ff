"""Looks on while a coder's own CLI works in the sandbox: its event stream says what it does, the host sees what that leaves.

The CLI runs commands and writes files by itself, for hours. Its stream is its word: source `sandbox`. What changed in the workspace
the host sees, after every tool call that ended and every few seconds; the changes stand in the event of the call that was open
meanwhile (`data.watched`). What changed while no call was open is a note of its own. coders/cli.py runs a CLI by this.
"""

import asyncio
import hashlib
import json
import posixpath
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InfrastructureError
from ..sandboxes.base import ExecResult, Sandbox
from .coder_logs import Action, Reader
from .events import BETWEEN_CALLS, CODER_SESSION, Change, ChangeKind
from .ledger import Ledger

STREAMS = "evidence/streams"
"""A CLI's whole output, one file a run, below a trial's directory."""
LOOK_SECONDS = 5.0
"""Between two looks at the workspace while nothing is told."""
STDERR = b"stderr: "
MAX_LINE = 16 * 2**20
"""Bytes of one line of the stream that are read; a longer one is left out and counted."""


@dataclass
class Followed:
    """How one run of a CLI went."""

    result: ExecResult | None
    """None when it was ended by `stop`."""
    stopped: str = ""
    """Why `stop` ended it."""
    calls: int = 0
    """Tool calls that its stream told of."""
    stderr: str = ""
    """The end of what it wrote to standard error: lines of the stream that begin with STDERR."""
    unread: int = 0
    """Lines of the stream that were no JSON, or too long."""


@dataclass
class _Open:
    """A tool call that has no result yet; a call may do several things (a patch of several files)."""

    actions: list[Action]
    started: float
    beside: list[str] = field(default_factory=list)
    """Commands that were open at the same time."""


class Follower:
    """One run of a CLI."""

    def __init__(
        self,
        ledger: Ledger,
        sandbox: Sandbox,
        *,
        on_record: Callable[[dict[str, Any]], str] = lambda record: "",
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """`on_record` is shown every record of the stream; a text that it returns ends the CLI for that reason."""
        self._ledger = ledger
        self._sandbox = sandbox
        self._on_record = on_record
        self._look_seconds = look_seconds
        self._reader = Reader()
        self._seen = 0
        """Of the reader's actions."""
        self._open: list[_Open] = []
        self._pending: list[Change] = []
        """Seen by the host, not yet in an event."""
        self._unclaimed = False
        """The last look found no call open, and so it was ever since."""
        self._line = b""
        self._number = 0
        self._stream = ""
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._one = asyncio.Lock()
        self.told = Followed(None)

    async def run(self, command: str, *, timeout: float, stdin: bytes) -> Followed:  # noqa: ASYNC109  (see Sandbox.exec)
        """Run the CLI by `command` to its end. `stdin` is not recorded. Raises InfrastructureError when the sandbox is broken."""
        ledger = self._ledger
        number = len(list((ledger.trial_dir / STREAMS).glob("*.jsonl"))) + 1
        self._stream = f"{STREAMS}/{number:02d}.jsonl"
        await self._between()
        started = time.time()
        running = asyncio.ensure_future(
            self._sandbox.exec(command, timeout=timeout, output=ledger.trial_dir / self._stream, stdin=stdin, on_output=self._take)
        )
        reading = asyncio.ensure_future(self._read(running))
        looking = asyncio.ensure_future(self._look_on())
        ending: dict[str, Any] = {}
        try:
            await asyncio.wait({running})
            try:
                self.told.result = running.result()
            except asyncio.CancelledError:
                if not self.told.stopped:
                    raise
            ending = self._ending()
        except InfrastructureError as error:
            ending = {"error": str(error)}
            raise
        finally:
            # Cancelled from outside: the CLI is ended and what it did is recorded all the same.
            running.cancel()
            looking.cancel()
            await asyncio.gather(running, looking, return_exceptions=True)
            self._lines.put_nowait(None)
            await asyncio.shield(self._end(reading, started, ending or {"exit_kind": "stopped"}))
        return self.told

    def _ending(self) -> dict[str, Any]:
        result = self.told.result
        if result is None:
            return {"exit_kind": "stopped", "why": self.told.stopped}
        used = {name: value for name, value in vars(result.used).items() if value is not None}
        return {"exit_kind": result.kind, "exit_code": result.exit_code, **used}

    async def _end(self, reading: "asyncio.Future[None]", started: float, ending: dict[str, Any]) -> None:
        await reading
        kind = str(ending.get("exit_kind", "killed"))
        for call in list(self._open):
            await self._close(call, unanswered="killed" if kind in ("exited", "stopped") else kind)
        await self._between()
        path = self._ledger.trial_dir / self._stream
        digest = await asyncio.to_thread(_sha256, path) if path.is_file() else None
        data = {**ending, "stream": self._stream, "stream_sha256": digest, "tool_calls": self.told.calls}
        if self.told.unread:
            data["unread_lines"] = self.told.unread
        if self.told.result is not None and path.is_file() and self.told.result.output_bytes > path.stat().st_size:
            data["stream_cut"] = self.told.result.output_bytes
        await self._ledger.append("note", source="host", tool=CODER_SESSION, started=started, finished=time.time(), data=data)

    # -- the stream -----------------------------------------------------------------------------------------------------

    def _take(self, data: bytes) -> None:
        """Bytes of the stream as they come."""
        *whole, self._line = (self._line + data).split(b"\n")
        for line in whole:
            self._lines.put_nowait(line)
        if len(self._line) > MAX_LINE:
            self._line = b"\0"  # the rest of this line is read and is no JSON

    async def _read(self, running: "asyncio.Future[ExecResult]") -> None:
        while (line := await self._lines.get()) is not None:
            await self._record(line, running)
        if self._line:
            await self._record(self._line, running)

    async def _record(self, line: bytes, running: "asyncio.Future[ExecResult]") -> None:
        self._number += 1
        if not line.strip():
            return
        if line.startswith(STDERR):
            self.told.stderr += line.removeprefix(STDERR).decode("utf-8", "replace") + "\n"
            return
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict):
            self.told.unread += 1
            return
        self._reader.feed(self._number, record)
        await self._calls()
        why = self._on_record(record)
        if why and not self.told.stopped and not running.done():
            self.told.stopped = why
            running.cancel()

    async def _calls(self) -> None:
        """Open the calls that are new, close those that are answered."""
        new = self._reader.actions[self._seen :]
        self._seen += len(new)
        now = time.time()
        for action in new:
            same = next((call for call in self._open if action.call and call.actions[0].call == action.call), None)
            if same is not None:
                same.actions.append(action)
                continue
            self.told.calls += 1
            self._open.append(_Open([action], now))
        commands = [action.command for call in self._open for action in call.actions if action.command]
        for call in self._open if new else ():
            own = [action.command for action in call.actions]
            call.beside += [text for text in commands if text not in own and text not in call.beside]
        for call in [call for call in self._open if all(one.answered or one.declined for one in call.actions)]:
            await self._close(call)

    # -- the workspace --------------------------------------------------------------------------------------------------

    async def _look_on(self) -> None:
        """Look every few seconds, so that what is there for a moment is seen."""
        while True:
            await asyncio.sleep(self._look_seconds)
            idle = not self._open
            async with self._one:
                self._pending += await self._ledger.look()
            if not idle or self._open:
                self._unclaimed = False
            elif self._pending and self._unclaimed:
                await self._between()
            else:
                # A call may have begun whose line is still on its way: wait for the next look.
                self._unclaimed = bool(self._pending)

    async def _between(self) -> None:
        """Record what changed while no call was open."""
        async with self._one:
            self._pending += await self._ledger.look()
            changes, between = _merged(self._pending)
            self._pending = []
            self._unclaimed = False
            if changes:
                data = {"versions_between": between} if between else {}
                await self._ledger.append("note", source="host", tool=BETWEEN_CALLS, changes=changes, data=data)

    async def _close(self, call: _Open, *, unanswered: str = "") -> None:
        """Record a call that has ended, with what the host saw change."""
        async with self._one:
            self._pending += await self._ledger.look()
            self._unclaimed = False
            self._open.remove(call)
            finished = time.time()
            runs = [action for action in call.actions if action.command]
            for action in call.actions:
                if action.declined:
                    continue
                data: dict[str, Any] = {"watched": True, "log": self._stream, "record": action.record}
                shared: dict[str, Any] = {"source": "sandbox", "tool": action.tool, "started": call.started, "finished": finished}
                if action.command:
                    # What else was open may claim the rest, unless this is the last command.
                    taken, self._pending = self._pending, []
                    changes, between = _merged(taken)
                    data |= {"answered": action.answered, "cut": action.cut}
                    if call.beside:
                        data["beside"] = call.beside[:20]
                    if between:
                        data["versions_between"] = between
                    code = action.exit_code if action.exit_code is not None else int(action.failed)
                    ended: dict[str, Any] = {"exit_kind": unanswered} if unanswered else {"exit_kind": "exited", "exit_code": code}
                    await self._ledger.append(
                        "command", command=action.command, output_text=action.output, changes=changes, data=data, **ended, **shared
                    )
                    continue
                path = self._relative(action)
                mine = [change for change in self._pending if change.path == path]
                if not mine and (action.failed or unanswered):
                    continue
                if not mine and (same := self._ledger.unchanged(path)) is not None:
                    # Typed again as it was, or seen too early, with the call before: who says that it typed a file has typed it.
                    mine = [same]
                self._pending = [change for change in self._pending if change.path != path]
                changes, between = _merged(mine)
                data["path"] = path
                if action.content is not None:
                    data["sha256"] = hashlib.sha256(action.content.encode("utf-8", "surrogatepass")).hexdigest()
                if between:
                    data["versions_between"] = between
                await self._ledger.append("write", changes=changes, data=data, **shared)
            if not runs and not any(action.command for other in self._open for action in other.actions):
                changes, between = _merged(self._pending)
                self._pending = []
                if changes:
                    await self._ledger.append("note", source="host", tool=BETWEEN_CALLS, changes=changes, data={})

    def _relative(self, action: Action) -> str:
        """The path as the ledger names it: relative to the workspace where it lies in there."""
        root = self._sandbox.workspace_inside.rstrip("/")
        path = posixpath.normpath(posixpath.join(root, action.cwd, action.path))
        return path.removeprefix(root + "/")


def _merged(changes: list[Change]) -> tuple[list[Change], dict[str, list[str]]]:
    """One change a path over several looks, and the digests that a path had in between."""
    first: dict[str, Change] = {}
    between: dict[str, list[str]] = {}
    for change in changes:
        old = first.get(change.path)
        if old is None:
            first[change.path] = change
            continue
        if old.after is not None:
            between.setdefault(change.path, []).append(old.after)
        kind: ChangeKind = "deleted" if change.after is None else "created" if old.before is None else "modified"
        first[change.path] = Change(path=change.path, before=old.before, after=change.after, size=change.size, kind=kind)
    # A change from a digest to itself is one that `Ledger.unchanged` made.
    merged = [change for change in first.values() if change.before or change.after or change.path in between]
    return merged, between


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
