"""The Docker sandbox: one container a trial, commands by exec. The runner opens it through `open_sandbox`."""

import asyncio
import os
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import InfrastructureError
from .base import NOTHING_COUNTED, Door, ExecResult, ExitKind, Sandbox, SandboxSpec, Used
from .cgroups import counted, members, since
from .common import DRAIN_SECONDS, OutputSink, components, died_of, environment, refusal
from .disk import DiskWatch
from .docker_engine import (
    RUN_LABEL,
    TRIAL_LABEL,
    check_docker,
    close_stream,
    connect,
    engine_errors,
    frames,
    plain_socket,
    remove_container,
    remove_dead,
    send,
)
from .docker_scripts import COMMAND, FORWARDER, KEEPER, KEEPER_USER, KILL, OOM_COUNT, WAIT, WRITE
from .egress import PORT, Egress, reach, variables
from .gpu_containers import DEVICES_LABEL
from .gpu_visible import HIDDEN, LISTING, SHOWN, check_visible, worth_asking
from .hardening import TEMPORARY, door_folder, host_config, leaks, probed_addresses
from .owners import owner_labels

__all__ = ["RUN_LABEL", "DockerSandbox", "check_docker", "remove_dead"]

WORKSPACE = "/workspace"

_HOST_GRACE = 15.0
"""Seconds beyond the time-out inside after which the host ends a command itself."""


class DockerSandbox(Sandbox):
    """A container without network, capabilities or writable root; ends with this process even after kill -9."""

    name = "docker"

    def __init__(self, spec: SandboxSpec) -> None:
        super().__init__(spec)
        self._api: Any = None
        self._container = ""
        self._lifeline: Any = None
        self._number = 0
        self._main = 0
        """The container's first process, as this host numbers it."""
        self._oom_kills = 0
        self._volumes: tuple[str, ...] = ()
        """What the image declares as volumes."""
        self._egress: Egress | None = None
        self._doors = spec.doors
        self._env = dict(spec.env)
        self._disk = DiskWatch(spec.workspace, spec.limits, lambda: members(self._main) if self._main else ())
        self._running = 0
        self._idle: asyncio.Task[None] | None = None
        """Watches the disk between commands."""
        self._replacing = asyncio.Lock()
        self._told = ""
        """What the next command's output has to say as well."""
        root = os.getuid() == 0
        self._user = "1000:1000" if root else f"{os.getuid()}:{os.getgid()}"

    @property
    def workspace_inside(self) -> str:
        return WORKSPACE

    async def start(self) -> dict[str, Any]:
        """See Sandbox.start. One container start and one image look-up; no command is run."""
        if not self.spec.image:
            raise InfrastructureError("the Docker sandbox was given no image; run `mlrbench image build` or set --mlr-image=REF")
        self.spec.workspace.mkdir(parents=True, exist_ok=True)
        self._api = await asyncio.to_thread(connect)
        image = await self._call(f"looking for the image {self.spec.image!r}", self._api.inspect_image, self.spec.image)
        self._volumes = tuple((image.get("Config") or {}).get("Volumes") or ())
        if os.getuid() == 0:
            await asyncio.to_thread(_give_to, self.spec.workspace, 1000, 1000)
        try:
            allowed = await self._open_egress() if self.spec.network == "allowlist" else {}
            await self._begin()
        except BaseException:
            await self.close()
            raise
        limits = self.spec.limits
        return {
            **allowed,
            "sandbox": self.name,
            "image": self.spec.image,
            "image_id": image["Id"],
            "network": self.spec.network,
            "user": self._user,
            "memory": limits.memory,
            "cpus": limits.cpus,
            "pids": limits.pids,
            "disk": limits.disk,
            "entries": limits.entries,
            "devices": list(self.spec.devices),
        }

    async def _open_egress(self) -> dict[str, Any]:
        """Start the allowlist's proxy and open a door to it; returns the list, as it is recorded."""
        if self.spec.network_log is None:
            raise InfrastructureError("--mlr-network=allowlist writes what was allowed and refused, but nobody said where to")
        found = await asyncio.to_thread(reach, self.spec.allow_host)
        self._egress = await Egress(self.spec.network_log, found).__aenter__()
        self._doors = (*self.spec.doors, Door(self._egress.socket, PORT))
        inside = variables(found, f"http://127.0.0.1:{PORT}", door_folder(len(self.spec.doors)))
        self._env = {**inside, **self.spec.env}
        return {"allowed_hosts": found.told()}

    async def _begin(self) -> None:
        """Create the container, take hold of its standard input, start it and wait until its main process says so."""
        api = self._api
        self._oom_kills = 0
        creating = asyncio.ensure_future(self._call("creating the container", lambda: api.create_container(**self._settings())))
        try:
            self._container = (await asyncio.shield(creating))["Id"]
            attached = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
            self._lifeline = await self._call("attaching to the container", api.attach_socket, self._container, params=attached)
            await self._call("starting the container", api.start, self._container)
            state = (await self._call("looking at the container", api.inspect_container, self._container))["State"]
            self._main = int(state.get("Pid") or 0)
            said = b""
            async with asyncio.timeout(60):
                stream = plain_socket(self._lifeline)
                asked = () if self.spec.network == "full" else probed_addresses()
                doors = (f"{door.port}={door_folder(number)}/{door.socket.name}" for number, door in enumerate(self._doors))
                told = f"{' '.join(asked)}\n{' '.join(doors)}\n"
                await asyncio.get_running_loop().sock_sendall(stream, told.encode())
                async for chunk in frames(stream):
                    said += chunk
                    if b"ready\n" in said:
                        break
            if b"ready\n" in said:
                if self.spec.network != "full" and (out := leaks(said)):
                    raise InfrastructureError(
                        f"the sandbox of {self.spec.trial} reaches {', '.join(out)} although --mlr-network={self.spec.network} "
                        "shuts that; nothing was run in it. Look at how the Docker engine is set up, or use --mlr-network=full"
                    )
                if worth_asking(self.spec.devices):
                    _, listing = await self._quick([LISTING])
                    check_visible(self.spec.devices, listing, self.spec.trial)
                return
            raise InfrastructureError(
                f"image {self.spec.image} cannot be used: it needs bash, `timeout`, and python3 for a gateway ({said!r})"
            )
        except TimeoutError as error:
            await self._end()
            raise InfrastructureError(f"the container of {self.spec.trial} did not come up within 60 s") from error
        except BaseException:
            # Cancelled or not, the engine makes what it was asked for, and what is not known cannot be removed.
            made: Any = (await asyncio.gather(creating, return_exceptions=True))[0]
            if not isinstance(made, BaseException):
                self._container = made["Id"]
            await self._end()
            raise

    def _settings(self) -> dict[str, Any]:
        limits = self.spec.limits
        # The SDK attaches with StdinOnce only when not detached; that is what ends the main process when we are gone.
        return {
            "image": self.spec.image,
            "name": f"mlrbench-{re.sub(r'[^a-zA-Z0-9_.-]+', '-', self.spec.trial)[:80]}-{secrets.token_hex(4)}",
            "entrypoint": ["bash", "-c", KEEPER, "keeper", FORWARDER],
            "command": [],
            "stdin_open": True,
            "detach": False,
            "user": KEEPER_USER,
            "working_dir": WORKSPACE,
            "environment": {
                **environment(limits),
                "HOME": TEMPORARY,
                "TMPDIR": TEMPORARY,
                "USER": "researcher",
                **(SHOWN if self.spec.devices else HIDDEN),
                **self._env,
            },
            "labels": {
                RUN_LABEL: self.spec.run_id,
                TRIAL_LABEL: self.spec.trial,
                DEVICES_LABEL: ",".join(self.spec.devices),
                **owner_labels(),
            },
            "host_config": self._api.create_host_config(**host_config(self.spec, WORKSPACE, self._volumes, self._doors)),
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
        await self._stop_idle_watch()
        started = time.time()
        cap = self.output_cap
        with OutputSink(output, cap, on_output) as sink:
            reason = refusal(command)
            if reason is not None:
                sink.note(reason)
                return sink.result("exited", 126, started)
            self._number += 1
            tag = str(self._number)
            before = await self._counted()
            script = [COMMAND, "sandbox", f"{timeout:.3f}", command, "stdin" if stdin is not None else ""]
            self._running += 1
            try:
                kind, code = await self._supervised(tag, script, stdin or b"", timeout, sink)
            finally:
                self.put_out += min(sink.total, cap)
                self._running -= 1
                if not self._running:
                    self._idle = asyncio.ensure_future(self._watch_idle())
            if self._told:
                sink.note(self._told)
                self._told = ""
            return sink.result(kind, code, started, since(before, await self._counted()))

    async def _counted(self) -> Used:
        """What the container has used until now, by the kernel's own counters."""
        if not self._main:
            return NOTHING_COUNTED
        used = await asyncio.to_thread(counted, self._main)
        # What comes through a door comes over loopback, which is not counted: 0 would be wrong.
        return replace(used, received_bytes=None) if self._doors else used

    async def _supervised(
        self, tag: str, script: list[str], stdin: bytes, seconds: float, sink: OutputSink
    ) -> tuple[ExitKind, int | None]:
        """Run one command to its end, its time-out or the disk limit; nothing of it is left after the latter two."""
        before = time.monotonic()
        running = asyncio.ensure_future(self._exec(tag, script, stdin, sink.feed))
        disk = asyncio.ensure_future(self._disk.exceeded())
        try:
            await asyncio.wait({running, disk}, timeout=seconds + _HOST_GRACE, return_when=asyncio.FIRST_COMPLETED)
            code = await running if running.done() else None
            if code is None:
                await self._kill(tag, sink)
                await asyncio.wait({running}, timeout=DRAIN_SECONDS)
                if disk.done():
                    sink.note(disk.result())
                    return "killed", None
                return "timeout", None
        except asyncio.CancelledError:
            await asyncio.shield(self._kill(tag, sink))
            raise
        finally:
            for task in (running, disk):
                task.cancel()
            await asyncio.gather(running, disk, return_exceptions=True)
        # A command may itself exit with 124 or 137: only one that used up its time was timed out.
        if code in (124, 137) and time.monotonic() - before >= seconds:
            await self._kill(tag, sink)
            return "timeout", None
        if died_of(code) is None:
            return "exited", code
        return ("oom" if code == 137 and await self._out_of_memory() else "killed"), None

    async def _exec(self, tag: str, script: list[str], stdin: bytes, feed: Callable[[bytes], float]) -> int:
        """Run script[0] in bash, the other items being its arguments; returns the exit status, output goes to `feed`."""
        api = self._api
        made = await self._call(
            "preparing a command",
            lambda: api.exec_create(
                self._container,
                ["bash", "-c", WAIT + script[0], *script[1:]],
                stdin=True,
                user=self._user,
                workdir=WORKSPACE,
                environment={"MLRBENCH_COMMAND": tag},
            ),
        )
        handle = await self._call("starting a command", api.exec_start, made["Id"], socket=True)
        stream = plain_socket(handle)
        sending = asyncio.ensure_future(send(stream, b"\n" + stdin))
        try:
            async for chunk in frames(stream):
                pause = feed(chunk)
                if pause:
                    await asyncio.sleep(pause)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            close_stream(handle)
        while True:
            status = await self._call("reading a command's exit status", api.exec_inspect, made["Id"])
            if not status["Running"]:
                return int(status["ExitCode"])
            await asyncio.sleep(0.05)

    async def _quick(self, script: list[str], stdin: bytes = b"", seconds: float = 60) -> tuple[int, str]:
        """A short script of our own: exit status and output. Raises TimeoutError."""
        said = bytearray()

        def keep(data: bytes) -> float:
            said.extend(data[: 2**16 - len(said)])
            return 0.0

        async with asyncio.timeout(seconds):
            code = await self._exec("host", script, stdin, keep)
        return code, said.decode("utf-8", "replace")

    async def _kill(self, tag: str, sink: OutputSink) -> None:
        """End what command `tag` started. A container too full of processes to do that in is replaced by a fresh one."""
        try:
            code, _ = await self._quick([KILL, "kill", tag], seconds=30)
        except (InfrastructureError, TimeoutError):
            code = 1
        if code != 0:
            await self._end()
            await self._begin()
            sink.note("the container was replaced to end this command: background processes and /tmp are gone")

    async def _watch_idle(self) -> None:
        """Between commands: end what is left running once the workspace holds too much; the next command's output says so."""
        try:
            reason = await self._disk.exceeded()
        except InfrastructureError as error:
            reason = str(error)  # the next command meets it too, and raises it
        async with self._replacing:
            self._told = f"between commands {reason}; the container was replaced: background processes and /tmp are gone"
            await self._end()
            await self._begin()

    async def _stop_idle_watch(self) -> None:
        """Wait for a replacement that is under way. Raises InfrastructureError when it failed."""
        idle, self._idle = self._idle, None
        if idle is None:
            return
        async with self._replacing:
            idle.cancel()
        await asyncio.gather(idle, return_exceptions=True)
        if not idle.cancelled() and (error := idle.exception()) is not None:
            raise error

    async def _out_of_memory(self) -> bool:
        """Whether the kernel killed something for memory since this was last asked (the cgroup's own counter)."""
        _, said = await self._quick([OOM_COUNT])
        counts = [int(word) for word in said.split() if word.isdigit()]
        before, self._oom_kills = self._oom_kills, max(counts, default=self._oom_kills)
        return self._oom_kills > before

    async def write(self, path: str, content: bytes) -> None:
        """See Sandbox.write. Written by the container's own user, so a link can only lead within the container.

        Raises ValueError also when the file cannot be written (a folder of that name, no space).
        """
        target = "/".join(components(path))
        try:
            async with self._replacing:
                code, said = await self._quick([WRITE, "write", "./" + target], stdin=content, seconds=120)
        except TimeoutError as error:
            raise InfrastructureError(f"writing {path!r} in the sandbox took more than 120 s") from error
        if code != 0:
            raise ValueError(f"cannot write {path!r}: {said.strip()[-300:] or f'exit status {code}'}")

    async def close(self) -> None:
        """See Sandbox.close."""
        if self._api is None:
            return
        try:
            if self._idle is not None:
                self._idle.cancel()
                await asyncio.gather(self._idle, return_exceptions=True)
            await self._end()
        finally:
            self._api.close()
            self._api = None
            if self._egress is not None:
                await self._egress.close()

    async def _end(self) -> None:
        container, self._container = self._container, ""
        lifeline, self._lifeline = self._lifeline, None
        if container:
            await self._call(f"removing container {container[:12]}", remove_container, self._api, container)
        if lifeline is not None:
            close_stream(lifeline)

    async def _call(self, doing: str, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """A blocking call of the SDK, off the event loop. Raises InfrastructureError."""

        def call() -> Any:
            with engine_errors(doing):
                return function(*arguments, **named)

        return await asyncio.to_thread(call)


def _give_to(folder: Path, uid: int, gid: int) -> None:
    """Make `folder` and what is in it belong to the sandbox's user; no link is followed. Nothing runs in it at that time."""
    os.chown(folder, uid, gid, follow_symlinks=False)
    for _, folders, files, at in os.fwalk(folder, follow_symlinks=False):
        for name in (*folders, *files):
            os.chown(name, uid, gid, dir_fd=at, follow_symlinks=False)
