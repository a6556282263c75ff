"""What the two kinds of sandbox share: the output of a command, its way of ending, paths, environment."""

import os
import platform
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from .base import NOTHING_COUNTED, ExecResult, ExitKind, Limits, Used

READER_BYTES = 64 * 2**10
"""Most bytes of output in ExecResult.output; the whole of it (up to Limits.output) is in the file."""

COMMAND_BYTES = 128 * 2**10 - 1
"""Linux takes at most 128 KiB, its final zero included, as one argument (MAX_ARG_STRLEN in execve(2))."""

DRAIN_SECONDS = 2.0
"""How long output is still read after a command ended while something it left running holds its output open; as dockerd does."""

_DROPPED_PER_SECOND = 32 * 2**20
"""Bytes a second read beyond the cap, where output is only counted: `yes` must not keep a core busy for hours."""


class OutputSink:
    """Takes a command's output as it comes: to a file up to a cap, to a listener, and head and tail for a reader."""

    def __init__(self, path: Path, cap: int, on_output: Callable[[bytes], None] | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb")
        self._cap = cap
        self._on_output = on_output
        self._head = bytearray()
        self._tail = bytearray()
        self.total = 0
        """Bytes seen, dropped ones included."""

    def feed(self, data: bytes) -> float:
        """Take `data`; returns the seconds to wait before reading more (0 below the cap)."""
        kept = data[: max(0, self._cap - self.total)]
        self.total += len(data)
        if kept:
            self._file.write(kept)
            self._file.flush()
            if self._on_output is not None:
                self._on_output(kept)
        room = READER_BYTES // 2 - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        self._tail += data
        if len(self._tail) > READER_BYTES:
            del self._tail[: -READER_BYTES // 2]
        return 0.0 if kept else len(data) / _DROPPED_PER_SECOND

    def note(self, sentence: str) -> None:
        """Add a sentence of the sandbox itself on a line of its own, in the file too."""
        line = f"\n[sandbox: {sentence}]\n".encode()
        self._file.write(line)
        self._tail += line
        self.total += len(line)

    def text(self) -> str:
        """Head and tail, decoded with replacement, with what lies between counted."""
        tail = bytes(self._tail[-READER_BYTES // 2 :])
        between = self.total - len(self._head) - len(tail)
        if between <= 0:
            return (bytes(self._head) + tail).decode("utf-8", "replace")
        cut = f"\n[... {between} bytes not shown ...]\n"
        return bytes(self._head).decode("utf-8", "replace") + cut + tail.decode("utf-8", "replace")

    def result(self, kind: ExitKind, exit_code: int | None, started: float, used: Used = NOTHING_COUNTED) -> ExecResult:
        return ExecResult(
            kind=kind,
            exit_code=exit_code if kind == "exited" else None,
            output=self.text(),
            output_bytes=self.total,
            started=started,
            finished=time.time(),
            used=used,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()


def died_of(code: int) -> signal.Signals | None:
    """The signal that a shell's exit status (128 + number) speaks of, None for an ordinary status."""
    try:
        return signal.Signals(code - 128) if code > 128 else None
    except ValueError:
        return None


def refusal(command: str) -> str | None:
    """Why `command` cannot be started at all, None when it can."""
    try:
        size = len(command.encode())
    except UnicodeEncodeError:
        return "the command holds half a surrogate pair, which is no text"
    if size > COMMAND_BYTES:
        return f"the command has {size} bytes, the system takes {COMMAND_BYTES}: write a file first and run that"
    if "\0" in command:
        return "the command holds a NUL character"
    return None


def components(path: str) -> tuple[str, ...]:
    """The parts of a path relative to the workspace.

    Raises ValueError for a path that leaves the workspace, names nothing, or holds control characters.
    """
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if path.startswith("/") or ".." in parts:
        raise ValueError(f"path {path!r} leaves the workspace: give a path relative to it, without '..'")
    if not parts or path.endswith("/"):
        raise ValueError(f"path {path!r} names no file")
    if not path.isprintable():
        raise ValueError(f"path {path!r} holds control characters")
    if any(len(os.fsencode(part)) > 255 for part in parts) or len(os.fsencode(path)) > 1024:
        raise ValueError(f"path {path[:60]!r}... is too long (255 bytes a name, 1024 in all)")
    return parts


def environment(limits: Limits) -> dict[str, str]:
    """Variables every command gets; threads as the sandbox may use and the machine has (4 on 2 cores ran 16 times slower).

    A thread that waits for the others sleeps: experiments share the machine, and waiting in a loop takes from all of them what
    each then waits for (docs/performance.md).
    """
    threads = str(max(1, min(int(limits.cpus), os.cpu_count() or 1)))
    return {
        "LANG": "C.UTF-8",
        "MPLBACKEND": "Agg",
        "PYTHONUNBUFFERED": "1",
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_MAX_THREADS"), threads),
        "OMP_WAIT_POLICY": "PASSIVE",
        "OPENBLAS_THREAD_TIMEOUT": "4",  # its least: 2^4 cycles
    }


def machine() -> str:
    """The processor, as the kernel names it: results to the last digit may depend on it (vector widths, order of sums)."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.lower().startswith(("model name", "cpu part", "cpu model")))
    return next(names, "") or platform.machine()
