"""The local sandbox: commands on this machine as this user, tidied but not locked in. For the offline models, or on request.

It keeps honest programs from harming each other (own home and temporary directory, limits, nothing outlives its time-out, no
key in the environment). It is no wall against a hostile one: whatever this user may read or write, a command may too.
"""

import asyncio
import contextlib
import json
import os
import shlex
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import InfrastructureError
from .base import ExecResult, ExitKind, Sandbox, SandboxSpec, Used
from .common import DRAIN_SECONDS, OutputSink, components, died_of, environment, refusal
from .disk import DiskWatch
from .nofollow import open_folder

_SUPERVISOR = Path(__file__).with_name("supervisor.py")
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
"""Where commands find programs, beside the folder of this interpreter."""
_MOST_CPU_SECONDS = 2**31 - 1


class LocalSandbox(Sandbox):
    """Commands as child processes, each under a supervisor that can end everything it started."""

    name = "local"

    def __init__(self, spec: SandboxSpec) -> None:
        super().__init__(spec)
        self._workspace = spec.workspace.resolve()
        self._private = self._workspace.parent / f".{self._workspace.name}.private"
        self._shell = ""
        self._supervisors: list[asyncio.subprocess.Process] = []

    @property
    def workspace_inside(self) -> str:
        return str(self._workspace)

    async def start(self) -> dict[str, Any]:
        """See Sandbox.start."""
        self._shell = shutil.which("bash") or ""
        if not self._shell or sys.platform != "linux":
            raise InfrastructureError("the local sandbox needs Linux with bash in PATH; use --mlr-sandbox=docker")
        try:
            self._workspace.mkdir(parents=True, exist_ok=True)
            for name in ("home", "tmp", "bin"):
                (self._private / name).mkdir(parents=True, exist_ok=True, mode=0o700)
            self._private.chmod(0o700)
            self._provide_python()
        except OSError as error:
            raise InfrastructureError(f"cannot prepare the workspace {self._workspace}: {error}") from error
        limits = self.spec.limits
        return {
            "sandbox": self.name,
            "python": sys.executable,
            "network": "full",
            "memory": limits.memory,
            "cpus": limits.cpus,
            "pids": limits.pids,
            "disk": limits.disk,
            "devices": list(self.spec.devices),
        }

    def _provide_python(self) -> None:
        """See to it that `python` is this interpreter also where its folder has only a `python3.11`."""
        if Path(sys.executable).with_name("python").exists():
            return
        # A wrapper, as a link would lose the virtual environment that python finds by the path it was called by.
        wrapper = self._private / "bin" / "python"
        wrapper.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
        wrapper.chmod(0o700)

    def _environment(self) -> dict[str, str]:
        """All that a command sees of our environment: no variable is passed on, so no key can leak."""
        return {
            **environment(self.spec.limits),
            "PATH": f"{self._private / 'bin'}:{Path(sys.executable).parent}:{SYSTEM_PATH}",
            "HOME": str(self._private / "home"),
            "TMPDIR": str(self._private / "tmp"),
            "USER": "researcher",
            "CUDA_VISIBLE_DEVICES": ",".join(self.spec.devices),
            **self.spec.env,
        }

    async def exec(
        self,
        command: str,
        *,
        timeout: float,  # noqa: ASYNC109  (see Sandbox.exec)
        output: Path,
        stdin: bytes | None = None,
        on_output: Callable[[bytes], None] | None = None,
    ) -> ExecResult:
        """See Sandbox.exec. What a command leaves running in the background lives on until `close`, unless it timed out."""
        if not self._shell:
            raise InfrastructureError("the local sandbox was not started")
        started = time.time()
        cap = self.output_cap
        with OutputSink(output, cap, on_output) as sink:
            reason = refusal(command)
            if reason is not None:
                sink.note(reason)
                return sink.result("exited", 126, started)
            with contextlib.ExitStack() as files:
                reader, writer = os.pipe()
                source = -1
                files.callback(os.close, reader)
                try:
                    if stdin is not None:
                        content = files.enter_context(tempfile.TemporaryFile())
                        content.write(stdin)
                        content.seek(0)
                        source = content.fileno()
                    supervisor = await self._supervise(command, timeout, writer, source)
                finally:
                    os.close(writer)
                kind, code, used = await self._supervised(supervisor, reader, sink)
            self.put_out += min(sink.total, cap)
            return sink.result(kind, code, started, used)

    async def _supervise(self, command: str, seconds: float, writer: int, source: int) -> asyncio.subprocess.Process:
        limits = self.spec.limits
        try:
            supervisor = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-S",
                str(_SUPERVISOR),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                pass_fds=(writer, source) if source >= 0 else (writer,),
                env=self._environment(),
                start_new_session=True,
            )
        except OSError as error:
            raise InfrastructureError(f"cannot start a command: {error}") from error
        self._supervisors.append(supervisor)
        order = {
            "shell": self._shell,
            "command": command,
            "folder": str(self._workspace),
            "output": writer,
            "stdin": source,
            "timeout": seconds,
            "memory": limits.memory,
            "pids": limits.pids,
            "file_bytes": limits.disk,
            "cpu_seconds": min(_MOST_CPU_SECONDS, int(seconds * max(1.0, limits.cpus)) + 60),
        }
        assert supervisor.stdin is not None
        supervisor.stdin.write(json.dumps(order).encode() + b"\n")
        return supervisor

    async def _supervised(
        self, supervisor: asyncio.subprocess.Process, reader: int, sink: OutputSink
    ) -> tuple[ExitKind, int | None, Used]:
        """Read the command's output until it has ended or is ended."""
        assert supervisor.stdout is not None
        assert supervisor.stdin is not None
        reading = asyncio.ensure_future(_read(reader, sink))
        ending = asyncio.ensure_future(supervisor.stdout.readline())
        disk = asyncio.ensure_future(DiskWatch(self._workspace, self.spec.limits).exceeded())
        try:
            await asyncio.wait({ending, disk}, return_when=asyncio.FIRST_COMPLETED)
            if not ending.done():
                supervisor.stdin.write(b"k")
            report = await ending
            await asyncio.wait({reading}, timeout=DRAIN_SECONDS)
            if disk.done():
                sink.note(disk.result())
        except asyncio.CancelledError:
            supervisor.stdin.close()
            raise
        finally:
            for task in (reading, ending, disk):
                task.cancel()
            await asyncio.gather(reading, ending, disk, return_exceptions=True)
        if not report:
            await asyncio.to_thread(_kill_by_home, self._private)
            code = await supervisor.wait()
            if code >= 0:
                raise InfrastructureError(
                    f"the supervisor of a local command failed with exit status {code}; see its message above"
                )
            sink.note("the supervisor of this command was killed")
            return "killed", None, Used()
        ended = json.loads(report)
        kind: ExitKind = ended["kind"]
        if kind == "exited" and died_of(ended["code"]) is not None:
            kind = "killed"
        return kind, ended["code"], Used(ended["cpu_seconds"], ended["read_bytes"])

    async def write(self, path: str, content: bytes) -> None:
        """See Sandbox.write. No link on the way is followed.

        Raises ValueError also when the file cannot be written (a link or a file among its folders, a folder of that name).
        """
        parts = components(path)
        await asyncio.to_thread(self._write, parts, content)

    def _write(self, parts: tuple[str, ...], content: bytes) -> None:
        try:
            with open_folder(self._workspace, parts[:-1], make=True) as folder:
                with contextlib.suppress(FileNotFoundError):
                    if not stat.S_ISREG(os.stat(parts[-1], dir_fd=folder, follow_symlinks=False).st_mode):
                        os.unlink(parts[-1], dir_fd=folder)
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK
                with os.fdopen(os.open(parts[-1], flags, 0o644, dir_fd=folder), "wb") as file:
                    file.write(content)
        except OSError as error:
            raise ValueError(f"cannot write {'/'.join(parts)!r}: {error.strerror}") from error

    async def close(self) -> None:
        """See Sandbox.close. The private home and temporary directory go too."""
        for supervisor in self._supervisors:
            if supervisor.stdin is not None:
                supervisor.stdin.close()
        for supervisor in self._supervisors:
            try:
                await asyncio.wait_for(supervisor.wait(), 30)
            except TimeoutError as error:
                # The supervisor goes on killing: ending it would leave what it watches alone with the machine.
                raise InfrastructureError(
                    f"processes of {self.spec.trial} do not end; they hang below supervisor {supervisor.pid}"
                ) from error
        if self._shell:
            await asyncio.to_thread(_kill_by_home, self._private)
            await asyncio.to_thread(_remove_tree, self._private)
        self._supervisors.clear()
        self._shell = ""


async def _read(reader: int, sink: OutputSink) -> None:
    """Feed the sink from a pipe until its end."""
    loop = asyncio.get_running_loop()
    stream = asyncio.StreamReader(limit=2**17)
    # The transport owns its descriptor; ours is closed by the caller.
    pipe = os.fdopen(os.dup(reader), "rb", buffering=0)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), pipe)
    try:
        while data := await stream.read(2**16):
            pause = sink.feed(data)
            if pause:
                await asyncio.sleep(pause)
    finally:
        transport.close()


def _kill_by_home(private: Path) -> None:
    """Kill what carries this sandbox's HOME in its environment: the last resort where a supervisor was killed itself."""
    import psutil

    for _ in range(50):
        found = False
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get("HOME") == str(private / "home") and process.status() != psutil.STATUS_ZOMBIE:
                    process.kill()
                    found = True
        if not found:
            return
        time.sleep(0.02)


def _remove_tree(folder: Path) -> None:
    """Remove a folder that a command may have made unreadable. Raises InfrastructureError when something of it stays."""
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        return
    # fwalk opens a folder after it was listed here, so each is made readable before its turn.
    for _, folders, _, at in os.fwalk(folder, follow_symlinks=False):
        for name in folders:
            if stat.S_ISDIR(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode):
                os.chmod(name, 0o700, dir_fd=at)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise InfrastructureError(f"cannot remove {folder}: {error}; remove it by hand") from error
