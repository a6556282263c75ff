"""Runs one command of the local sandbox and ends all of it: started by local.py as a process of its own, stdlib only.

Standard input: one line of JSON (see `Order`), then nothing; a byte `k` or its end means "kill everything". Standard output: one
line of JSON {"kind", "code", "cpu_seconds", "read_bytes"} when the command has ended. Being the subreaper (prctl(2)) of whatever
the command starts, it finds processes that left their session, and stays until the last of them is gone.
"""

import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple, TypedDict

PR_SET_CHILD_SUBREAPER = 36
LOOK_SECONDS = 0.1
"""How often memory and the number of processes are looked at."""
THREADS_PER_PROCESS = 8
"""RLIMIT_NPROC counts threads, the order counts processes."""


class Order(TypedDict):
    """What is asked of one supervisor."""

    shell: str
    command: str
    folder: str
    output: int
    """File descriptor for both output streams."""
    stdin: int
    """File descriptor, or -1 for nothing to read."""
    timeout: float
    memory: int
    """Bytes of memory not shared with other processes, all processes of the command together."""
    pids: int
    file_bytes: int
    cpu_seconds: int


def main() -> int:
    """Run the command of the order on standard input. 0 when all of it has ended by itself, 1 when it was killed."""
    # Unbuffered and byte by byte: what follows the line is a signal to be seen by select.
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return 1
        line += byte
    order: Order = json.loads(line)
    if sys.platform == "linux" and ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    child = os.fork()
    if child == 0:
        _become(order)
    os.close(order["output"])
    return _watch(order, child, wake)


def _become(order: Order) -> None:
    """The forked child: limits, streams, then the shell in place of this program."""
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        # No limit of address space: every thread of numpy's BLAS reserves far more than it uses.
        _limit(resource.RLIMIT_CORE, 0)
        _limit(resource.RLIMIT_FSIZE, order["file_bytes"])
        _limit(resource.RLIMIT_CPU, order["cpu_seconds"])
        # Counts all threads of the user, so it starts from what runs now. It does not hold for root: there only _watch counts.
        _limit(resource.RLIMIT_NPROC, _tasks_of_user() + THREADS_PER_PROCESS * order["pids"])
        source = order["stdin"] if order["stdin"] >= 0 else os.open(os.devnull, os.O_RDONLY)
        os.dup2(source, 0)
        os.dup2(order["output"], 1)
        os.dup2(order["output"], 2)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        os.chdir(order["folder"])
        os.execv(order["shell"], [order["shell"], "-c", order["command"]])  # noqa: S606  (it is a shell)
    except OSError as error:
        os.write(2, f"[sandbox: cannot start the command: {error}]\n".encode())
    finally:
        os._exit(126)


def _limit(what: int, value: int) -> None:
    hard = resource.getrlimit(what)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (value, value))


def _watch(order: Order, child: int, wake: int) -> int:
    """Wait for the command, its time-out, a limit or the order to kill."""
    deadline = time.monotonic() + order["timeout"]
    next_look = time.monotonic() + LOOK_SECONDS
    reported = False
    while True:
        status, left = _reap(child)
        if status is not None:
            code = os.waitstatus_to_exitcode(status)
            _report("killed" if code < 0 else "exited", 128 - code if code < 0 else code)
            reported = True
        if not left:
            return 0
        now = time.monotonic()
        why = "timeout" if not reported and now >= deadline else None
        if why is None and now >= next_look:
            next_look = now + LOOK_SECONDS
            why = _beyond(order)
        pause = min(next_look, deadline) - now if not reported else next_look - now
        if why is None:
            ready, _, _ = select.select([0, wake], [], [], max(0.0, pause))
            if wake in ready:
                os.read(wake, 512)
            if 0 in ready:
                os.read(0, 1)
                why = "killed"
        if why is not None:
            _kill_all()
            if not reported:
                _report(why, 128 + signal.SIGKILL)
            return 1


def _reap(child: int) -> tuple[int | None, bool]:
    """Collect what has ended: the wait status of `child` if that is among it, and whether any process is left."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found, False
        if pid == 0:
            return found, True
        if pid == child:
            found = status


def _report(kind: str, code: int) -> None:
    # Of all that has ended: what the command left running in the background is not in it.
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = {
        "kind": kind,
        "code": code,
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 3),
        "read_bytes": used.ru_inblock * 512,
    }
    try:
        os.write(1, json.dumps(told).encode() + b"\n")
    except BrokenPipeError:
        return  # nobody listens any more; the end of standard input will say so too


def _beyond(order: Order) -> str | None:
    """`oom` or `killed` when the command is beyond its memory or its number of processes."""
    processes = _descendants()
    if len(processes) > order["pids"]:
        return "killed"
    page = os.sysconf("SC_PAGE_SIZE")
    used = 0
    for process in processes:
        try:
            fields = Path(f"/proc/{process.pid}/statm").read_text().split()
        except OSError:
            continue  # it has ended meanwhile
        used += (int(fields[1]) - int(fields[2])) * page
    return "oom" if used > order["memory"] else None


def _kill_all() -> None:
    """Kill all descendants until none is left; gives up only with this process, so nothing is ever left unwatched.

    Whole process groups, because the kernel kills a group at once: one process after another loses the race with a program
    that multiplies.
    """
    pause = 0.002
    while True:
        processes = _descendants()
        # A child that has not called setsid yet is still in our own group.
        targets = {-process.group if process.group != os.getpgrp() else process.pid for process in processes}
        for target in targets:
            try:
                os.kill(target, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue  # ended meanwhile, or set-user-id: that one can only be waited for
        if not _reap(0)[1]:
            return
        time.sleep(pause)
        pause = min(2 * pause, 0.1)


class Process(NamedTuple):
    """A line of the process table."""

    pid: int
    parent: int
    group: int


def _descendants() -> list[Process]:
    """Everything below this process that still runs, by parent links (orphans hang below their subreaper: this process)."""
    children: dict[int, list[Process]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123  (thousands of them, as fast as can be)
                    fields = file.read().rpartition(b")")[2].split()
            except OSError:
                continue  # it has ended meanwhile
            # Zombies stay in: what hangs below one is reparented only when it is gone.
            process = Process(int(name), int(fields[1]), int(fields[2]))
            children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    pending = list(children.get(os.getpid(), []))
    while pending:
        process = pending.pop()
        found.append(process)
        pending += children.get(process.pid, [])
    return found


def _tasks_of_user() -> int:
    """Threads that run under this user id now: what RLIMIT_NPROC counts from."""
    count = 0
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit():
            try:
                if os.stat(f"/proc/{name}").st_uid == os.getuid():  # noqa: PTH116  (as above)
                    count += len(os.listdir(f"/proc/{name}/task"))  # noqa: PTH208
            except OSError:
                continue  # it has ended meanwhile
    return count


if __name__ == "__main__":
    sys.exit(main())
