"""The call log: every model call of a run, durable before it is used; the model client writes it, resume and reports read it."""

import asyncio
import json
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from sys import intern
from typing import BinaryIO, NamedTuple

from ..errors import InfrastructureError
from ..keys import safe_name
from ..records import Spent, Usage
from .call_format import (
    BLOB_PREFIX,
    CALL_PREFIX,
    Call,
    Json,
    StoredRequest,
    StoredResponse,
    covers,
    dump,
    read_response,
    read_segment,
    store_request,
)

__all__ = ["Call", "CallLog", "StoredRequest", "StoredResponse", "store_request"]


class _Place(NamedTuple):
    segment: Path
    offset: int
    length: int


@dataclass
class _Queued:
    """A call on its way to the disk."""

    key: tuple[str, int, str]
    line: bytes
    blobs: dict[str, bytes]
    usage: Usage
    cost: float | None
    done: "Future[None]" = field(default_factory=Future)

    def settle(self, failure: Exception | None) -> None:
        if not self.done.set_running_or_notify_cancel():
            return  # the caller was cancelled meanwhile; the call is written all the same
        if failure is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(failure)


class CallLog:
    """The calls of one run, below `directory`; this process appends to a segment of its own and reads everybody's.

    A segment is `<writer>-<pid>-<UTC time>.jsonl` with blob lines `{"blob": sha256, "body": ...}` (each once a segment) and call
    lines that name them. A line that was cut by a kill is passed over; whoever writes next has another segment.
    """

    def __init__(self, directory: Path, writer: str) -> None:
        """Open the log and index what is there. `writer` is `engine` or the runner's name."""
        self.directory = directory
        self.writer = writer
        self.damaged = 0
        """Complete lines that could not be read."""
        self._places: dict[tuple[str, int, str], _Place] = {}
        self._spent: dict[str, Spent] = {}
        self._read_until: dict[Path, int] = {}
        self._queue: list[_Queued] = []
        # Guards the queue, the index and the totals, which the writing thread and the callers share.
        self._lock = threading.Lock()
        self._draining = False
        self._closed = False
        # One thread: the interpreter joins it at exit, so what was handed over is written even when the event loop is gone.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="call-log")
        self._segment: _Segment | None = None
        self._own: set[Path] = set()
        self.refresh()

    def refresh(self) -> None:
        """Take in what other processes have appended since."""
        for segment in self._segments():
            if segment not in self._own and segment.stat().st_size > self._read_until.get(segment, 0):
                self._scan(segment)

    def _segments(self) -> list[Path]:
        """All segments, oldest first by the time in their names, whoever wrote them."""
        return sorted(self.directory.glob("*.jsonl"), key=lambda path: path.name.rpartition("-")[2])

    def _scan(self, segment: Path) -> None:
        with segment.open("rb") as file:
            offset = file.seek(self._read_until.get(segment, 0))
            for line in file:
                if not line.endswith(b"\n"):
                    break  # cut by a kill, or still being written
                if not line.startswith(BLOB_PREFIX):
                    self._take(segment, offset, line)
                offset += len(line)
        self._read_until[segment] = offset

    def _take(self, segment: Path, offset: int, line: bytes) -> None:
        try:
            call = json.loads(line)["call"]
            key = (intern(call["scope"]), int(call["ordinal"]), str(call["digest"]))
            usage, cost = Usage(**call["usage"]), call["cost"]
        except (ValueError, KeyError, TypeError):
            self.damaged += 1
            return
        self._index(key, _Place(segment, offset, len(line)), usage, cost)

    def _index(self, key: tuple[str, int, str], place: _Place, usage: Usage, cost: float | None) -> None:
        with self._lock:
            self._places[key] = place
            spent = Spent(usage=usage, cost=cost or 0.0, unpriced_calls=int(cost is None))
            self._spent[key[0]] = self._spent[key[0]] + spent if key[0] in self._spent else spent

    def find(self, scope: str, ordinal: int, digest: str) -> StoredResponse | None:
        """The answer that this run already has to this request at this place of the scope."""
        place = self._places.get((scope, ordinal, digest))
        if place is None:
            return None
        with place.segment.open("rb") as file:
            file.seek(place.offset)
            return read_response(json.loads(file.read(place.length))["call"])

    def spent(self, prefix: str = "", *, exact: bool = False) -> Spent:
        """What the calls of all processes have used; of one scope and those below it, or with `exact` of that scope alone."""
        self.refresh()
        with self._lock:
            scopes = list(self._spent.items())
        return sum((spent for scope, spent in scopes if covers(prefix, scope, exact)), Spent())

    def read(self, prefix: str = "") -> Iterator[Call]:
        """Every whole call below `prefix` with its request resolved: segment by segment, each in the order of writing."""
        for segment in self._segments():
            yield from read_segment(segment, prefix)

    async def append(
        self,
        *,
        scope: str,
        ordinal: int,
        model: str,
        request: StoredRequest,
        params: Json,
        response: StoredResponse,
    ) -> None:
        """Write one call; returns when it is on disk. It is written even if the caller is cancelled while it waits.

        Raises InfrastructureError when the disk refuses it.
        """
        call = {
            "scope": scope,
            "ordinal": ordinal,
            "digest": request.digest,
            "model": model,
            "params": params,
            "request": request.refs,
            "message": response.message,
            "finish_reason": response.finish_reason,
            "usage": response.usage.model_dump(),
            "cost": response.cost,
            "started": response.started,
            "finished": response.finished,
        }
        line = CALL_PREFIX + dump(call) + b"}\n"
        queued = _Queued((intern(scope), ordinal, request.digest), line, request.blobs, response.usage, response.cost)
        self._hand_over(queued)
        await asyncio.wrap_future(queued.done)

    def close(self) -> None:
        """Write what is queued and end; later appends are refused. Safe to call twice."""
        with self._lock:
            self._closed = True
        self._thread.shutdown(wait=True)
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    def _hand_over(self, queued: _Queued) -> None:
        with self._lock:
            if self._closed:
                raise InfrastructureError(f"the call log {self.directory} is closed: no model call may end after its run has ended")
            self._queue.append(queued)
            if not self._draining:
                self._draining = True
                self._thread.submit(self._drain)

    def _drain(self) -> None:
        """In the writing thread: one write and one fsync for all that is queued, until nothing is."""
        while True:
            with self._lock:
                batch, self._queue = self._queue, []
                if not batch:
                    self._draining = False
                    return
            failure: Exception | None = InfrastructureError(f"the call log {self.directory} stopped writing")
            try:
                self._write(batch)
                failure = None
            except OSError as error:
                failure = InfrastructureError(
                    f"cannot write the call log in {self.directory}: {error}. Make room or repair the disk, then resume the run"
                )
            finally:
                for queued in batch:
                    queued.settle(failure)

    def _write(self, batch: list[_Queued]) -> None:
        segment = self._segment
        if segment is None:
            segment = self._segment = _Segment.create(self.directory, self.writer)
            self._own.add(segment.path)
        try:
            places = segment.append(batch)
        except OSError:
            # After a failed write or fsync nobody knows what the file holds: the next batch gets a segment of its own.
            self._segment = None
            segment.close()
            raise
        for queued, place in zip(batch, places, strict=True):
            self._index(queued.key, place, queued.usage, queued.cost)


class _Segment:
    """The file this process appends to; used in the writing thread only."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self._file = file
        self._offset = 0
        self._blobs: set[bytes] = set()

    @classmethod
    def create(cls, directory: Path, writer: str) -> "_Segment":
        directory.mkdir(parents=True, exist_ok=True)
        while True:
            seconds, rest = divmod(time.time_ns(), 10**9)
            now = time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds))
            path = directory / f"{safe_name(writer)}-{os.getpid()}-{now}.{rest:09d}.jsonl"
            try:
                file = path.open("xb", buffering=0)
            except FileExistsError:
                continue
            # The name has to survive a power cut as well, else the fsync of the content is worth nothing.
            folder = os.open(directory, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
            return cls(path, file)

    def append(self, batch: list[_Queued]) -> list[_Place]:
        lines: list[bytes] = []
        places: list[_Place] = []
        offset = self._offset
        for queued in batch:
            for digest, line in queued.blobs.items():
                known = bytes.fromhex(digest)
                if known not in self._blobs:
                    self._blobs.add(known)
                    lines.append(line)
                    offset += len(line)
            places.append(_Place(self.path, offset, len(queued.line)))
            lines.append(queued.line)
            offset += len(queued.line)
        rest = memoryview(b"".join(lines))
        while rest:
            rest = rest[self._file.write(rest) :]
        os.fsync(self._file.fileno())
        self._offset = offset
        return places

    def close(self) -> None:
        self._file.close()
