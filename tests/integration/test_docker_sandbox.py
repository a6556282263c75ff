"""The Docker sandbox against a real engine: what is shut, how commands end, and that no container outlives its runner."""

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from pytest_mlrbench.coders import CoderContext, load_coder
from pytest_mlrbench.errors import InfrastructureError
from pytest_mlrbench.evidence.ledger import Ledger
from pytest_mlrbench.models.api import ModelInfo, Request, Response, ToolCall
from pytest_mlrbench.sandboxes import ExecResult, Limits, Sandbox, SandboxSpec, open_sandbox
from pytest_mlrbench.sandboxes.docker import RUN_LABEL, check_docker, remove_dead
from pytest_mlrbench.sandboxes.gpu_containers import DEVICES_LABEL, GpuContainers
from pytest_mlrbench.sandboxes.owners import PID_LABEL, owner_labels
from tests.support.docker import need_docker

pytestmark = pytest.mark.docker
SMALL = Limits(memory=512 * 2**20, cpus=1, pids=64)


@pytest.fixture(scope="module")
def image() -> str:
    return need_docker()


@pytest.fixture
def run_id() -> Iterator[str]:
    """A run of this test's own; what it leaves behind is removed, only that."""
    name = f"test-{uuid.uuid4().hex}"
    yield name
    for left in containers(name):
        left.remove(force=True)


def containers(run_id: str) -> list[Any]:
    found: list[Any] = docker.from_env().containers.list(all=True, filters={"label": f"{RUN_LABEL}={run_id}"}, ignore_removed=True)
    return found


def spec(folder: Path, run_id: str, image: str, limits: Limits = SMALL) -> SandboxSpec:
    return SandboxSpec(workspace=folder / "ws", run_id=run_id, trial="task/experiment", limits=limits, image=image)


def in_sandbox(use: Callable[[Sandbox], Awaitable[None]], given: SandboxSpec) -> None:
    async def main() -> None:
        async with open_sandbox("docker", given) as sandbox:
            await use(sandbox)

    asyncio.run(main())


def outcomes(given: SandboxSpec, *commands: str, timeout: float = 60, stdin: bytes | None = None) -> list[ExecResult]:
    """What the commands give, one after another in one container."""
    found: list[ExecResult] = []

    async def use(sandbox: Sandbox) -> None:
        for command in commands:
            found.append(await sandbox.exec(command, timeout=timeout, output=given.workspace.parent / "out.log", stdin=stdin))

    in_sandbox(use, given)
    return found


def wait_until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.1)


def test_the_research_stack_imports_without_a_network(tmp_path: Path, run_id: str, image: str) -> None:
    packages = "numpy, scipy, pandas, sklearn, matplotlib, seaborn, statsmodels"
    [result] = outcomes(
        spec(tmp_path, run_id, image, Limits(memory=2**31)), f"python -c 'import {packages}; print(1)'", timeout=300
    )
    assert (result.kind, result.exit_code, result.output.strip()) == ("exited", 0, "1")


def test_everything_but_the_workspace_and_tmp_is_shut(tmp_path: Path, run_id: str, image: str) -> None:
    shut = "for f in /x /etc/x /opt/venv/x /usr/bin/x; do touch $f && echo open; done 2>/dev/null"
    command = f"id -u; {shut}; touch here /tmp/there && echo ok"
    network = "cat /proc/net/dev | grep -c : ; grep -E 'CapEff|NoNewPrivs' /proc/self/status"
    first, second = outcomes(spec(tmp_path, run_id, image), command, network)
    uid = os.getuid() or 1000
    assert first.output.split() == [str(uid), "ok"]
    assert (tmp_path / "ws/here").stat().st_uid == uid
    assert second.output.split() == ["1", "CapEff:", "0" * 16, "NoNewPrivs:", "1"]


def test_the_environment_of_the_runner_stays_outside(
    tmp_path: Path, run_id: str, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    [result] = outcomes(spec(tmp_path, run_id, image), "env; cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'")
    assert "HOME=/tmp" in result.output
    assert "sk-secret" not in result.output


def test_output_and_exit_status_come_back(tmp_path: Path, run_id: str, image: str) -> None:
    first, second, third = outcomes(spec(tmp_path, run_id, image), "echo a; echo b >&2; echo c; exit 3", "exit 124", "seq 200000")
    assert (first.kind, first.exit_code, first.output) == ("exited", 3, "a\nb\nc\n")
    assert (second.kind, second.exit_code) == ("exited", 124)
    assert third.output_bytes == (tmp_path / "out.log").stat().st_size == sum(len(str(n)) + 1 for n in range(1, 200_001))


def test_the_host_counts_what_a_command_used(tmp_path: Path, run_id: str, image: str) -> None:
    loop = 'python3 -c "import time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: pass"'
    busy, waiting = (one.used for one in outcomes(spec(tmp_path, run_id, image), loop, "sleep 1"))
    assert busy.cpu_seconds is not None
    assert busy.cpu_seconds >= 0.5
    assert waiting.cpu_seconds is not None
    assert waiting.cpu_seconds < 0.4
    assert busy.received_bytes == 0


def test_the_output_of_short_commands_is_never_lost(tmp_path: Path, run_id: str, image: str) -> None:
    results = outcomes(spec(tmp_path, run_id, image), *["echo hello"] * 30)
    assert {result.output for result in results} == {"hello\n"}


def test_standard_input_is_given_or_empty(tmp_path: Path, run_id: str, image: str) -> None:
    [given] = outcomes(spec(tmp_path, run_id, image), "sha256sum", stdin=b"y" * 300_000)
    [empty] = outcomes(spec(tmp_path, run_id, image), "wc -c")
    assert given.output.split()[0] == hashlib.sha256(b"y" * 300_000).hexdigest()
    assert empty.output.strip() == "0"


def test_signals_and_memory_are_told_apart(tmp_path: Path, run_id: str, image: str) -> None:
    hungry = "python -c 'kept = bytearray(900 * 2**20)'"
    results = outcomes(spec(tmp_path, run_id, image), "kill -KILL $$", hungry, "kill -KILL $$", "echo alive")
    assert [result.kind for result in results] == ["killed", "oom", "killed", "exited"]


def test_a_time_out_ends_what_left_its_session_and_spares_earlier_work(tmp_path: Path, run_id: str, image: str) -> None:
    found: list[ExecResult] = []

    async def use(sandbox: Sandbox) -> None:
        for command, timeout in (
            ("sleep 1111 >/dev/null 2>&1 &", 30),
            ("setsid sleep 2222 & (setsid bash -c 'sleep 2222 & sleep 2222' &); (env -i setsid sleep 2222 &); sleep 2222", 1.5),
            ("ps -eo args= | sort", 30),
        ):
            found.append(await sandbox.exec(command, timeout=timeout, output=tmp_path / "out.log"))

    in_sandbox(use, spec(tmp_path, run_id, image))
    assert found[1].kind == "timeout"
    assert "sleep 1111" in found[2].output
    assert "sleep 2222" not in found[2].output


def test_a_command_that_stops_its_time_out_is_ended_by_the_host(
    tmp_path: Path, run_id: str, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_mlrbench.sandboxes.docker._HOST_GRACE", 1.0)
    stopped, after = outcomes(
        spec(tmp_path, run_id, image), "kill -STOP $PPID; sleep 3333", "ps -eo args= | grep -c '[s]leep 3333'", timeout=2
    )
    assert stopped.kind == "timeout"
    assert after.output.strip() == "0"


def test_a_container_full_of_processes_can_still_be_used_afterwards(tmp_path: Path, run_id: str, image: str) -> None:
    # 40 sleeping processes in a container that takes 24: bounded on both sides.
    full = "for i in $(seq 40); do setsid sleep 600 & done 2>/dev/null; sleep 600"
    limits = Limits(memory=512 * 2**20, cpus=1, pids=24)
    first, second = outcomes(spec(tmp_path, run_id, image, limits), full, "echo alive", timeout=4)
    assert first.kind in ("timeout", "exited")
    assert second.output == "alive\n"


def test_write_stays_in_the_container_whatever_links_say(tmp_path: Path, run_id: str, image: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")

    async def use(sandbox: Sandbox) -> None:
        await sandbox.exec(f"ln -s {victim} link; ln -s {tmp_path} folder; mkfifo pipe", timeout=30, output=tmp_path / "out.log")
        await sandbox.write("link", b"mine")
        await sandbox.write("pipe", b"\0\xff" * 100_000)
        await sandbox.write("new/deep/file", b"")
        for path in ("folder/victim", "../x", "/etc/x", "new"):
            with pytest.raises(ValueError, match=r"path|write"):
                await sandbox.write(path, b"x")

    in_sandbox(use, spec(tmp_path, run_id, image))
    assert victim.read_text() == "untouched"
    workspace = tmp_path / "ws"
    assert (workspace / "link").read_bytes() == b"mine"
    assert (workspace / "pipe").read_bytes() == b"\0\xff" * 100_000
    assert (workspace / "new/deep/file").read_bytes() == b""


def test_close_removes_the_container_and_may_be_called_twice(tmp_path: Path, run_id: str, image: str) -> None:
    async def main() -> None:
        sandbox = open_sandbox("docker", spec(tmp_path, run_id, image))
        about = await sandbox.start()
        assert about["image_id"].startswith("sha256:")
        assert len(containers(run_id)) == 1
        await sandbox.close()
        await sandbox.close()

    asyncio.run(main())
    assert containers(run_id) == []


def test_a_container_that_is_being_created_when_its_runner_is_stopped_is_removed(
    tmp_path: Path, run_id: str, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = threading.Event()
    create = docker.APIClient.create_container

    def told(self: docker.APIClient, *arguments: Any, **named: Any) -> Any:
        asked.set()
        return create(self, *arguments, **named)

    monkeypatch.setattr(docker.APIClient, "create_container", told)

    async def main() -> None:
        sandbox = open_sandbox("docker", spec(tmp_path, run_id, image))
        starting = asyncio.create_task(sandbox.start())
        await asyncio.to_thread(asked.wait, 60)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

    asyncio.run(main())
    assert asked.is_set()
    assert containers(run_id) == []


def test_no_container_outlives_a_runner_that_is_killed(tmp_path: Path, run_id: str, image: str) -> None:
    program = f"""
import asyncio, pathlib
from pytest_mlrbench.sandboxes import SandboxSpec, open_sandbox
async def main():
    folder = pathlib.Path({str(tmp_path)!r})
    given = SandboxSpec(workspace=folder / "ws", run_id={run_id!r}, trial="t", image={image!r})
    async with open_sandbox("docker", given) as sandbox:
        await sandbox.exec("touch begun; setsid sleep 600 & sleep 600", timeout=600, output=folder / "out.log")
asyncio.run(main())
"""
    runner = subprocess.Popen([sys.executable, "-c", program])
    try:
        wait_until((tmp_path / "ws/begun").exists)
        assert len(containers(run_id)) == 1
    finally:
        runner.send_signal(signal.SIGKILL)
        runner.wait()
    wait_until(lambda: containers(run_id) == [])


LEAK = """
import json, sys, docker
from pytest_mlrbench.sandboxes.docker import RUN_LABEL
from pytest_mlrbench.sandboxes.owners import owner_labels
labels = {RUN_LABEL: sys.argv[1], **owner_labels()}
made = docker.from_env().containers.run(sys.argv[2], ["sleep", "600"], detach=True, labels=labels, network_mode="none", init=True)
print(made.id, flush=True)
sys.stdin.read()
"""


def test_remove_dead_takes_the_containers_of_dead_runners_only(run_id: str, image: str) -> None:
    # Not attached to their makers, unlike the sandbox's own: they stay when those die.
    makers = [
        subprocess.Popen([sys.executable, "-c", LEAK, run_id, image], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        dead, living = (str(maker.stdout.readline()).strip() for maker in makers if maker.stdout)
        makers[0].kill()
        makers[0].wait()
        assert remove_dead("test-some-other-run") == []
        removed = remove_dead(run_id)
        assert len(removed) == 1
        assert [container.id for container in containers(run_id)] == [living]
        assert dead != living
    finally:
        for maker in makers:
            maker.kill()
            maker.communicate()


def test_remove_dead_takes_networks_and_volumes_of_dead_runners_only(run_id: str) -> None:
    client = docker.from_env()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    living = {RUN_LABEL: run_id, **owner_labels()}
    dead = {**living, PID_LABEL: str(gone.pid)}
    kept = {"m-living-" + run_id[:16], *(names := {f"m-dead-{kind}-{run_id[:16]}" for kind in ("network", "volume")})}
    try:
        client.networks.create(f"m-dead-network-{run_id[:16]}", labels=dead)
        client.networks.create(f"m-living-{run_id[:16]}", labels=living)
        client.volumes.create(f"m-dead-volume-{run_id[:16]}", labels=dead)
        client.volumes.create(f"m-living-{run_id[:16]}", labels=living)
        assert set(remove_dead(run_id)) == names
        assert [one.name for one in client.networks.list(filters={"label": f"{RUN_LABEL}={run_id}"})] == [f"m-living-{run_id[:16]}"]
        assert [one.name for one in client.volumes.list(filters={"label": f"{RUN_LABEL}={run_id}"})] == [f"m-living-{run_id[:16]}"]
    finally:
        for network in client.networks.list():
            if network.name in kept:
                network.remove()
        for volume in client.volumes.list():
            if volume.name in kept:
                volume.remove()


def test_a_missing_image_says_how_to_get_it(tmp_path: Path, run_id: str, image: str) -> None:
    with pytest.raises(InfrastructureError, match="mlrbench image build"):
        check_docker("mlrbench-no-such-image:none")
    with pytest.raises(InfrastructureError, match="mlrbench image build"):
        outcomes(spec(tmp_path, run_id, "mlrbench-no-such-image:none"), "true")


def test_the_image_holds_no_trace_of_the_machine_that_built_it(tmp_path: Path, run_id: str, image: str) -> None:
    command = (
        "ls -d /build /root/.config/pip /etc/pip.conf 2>/dev/null; find /opt /etc /home /tmp -name 'pip.conf' 2>/dev/null; echo end"
    )
    [result] = outcomes(spec(tmp_path, run_id, image), command)
    assert result.output == "end\n"
    history = json.dumps(docker.from_env().images.get(image).history())
    assert "http://" not in history
    assert "https://" not in history


class TwoTurns:
    """A model that runs one command and reports what it read."""

    async def complete(self, request: Request) -> Response:
        if len(request.messages) == 2:
            return self._call("bash", {"command": "python -c 'print(6 * 7)'"})
        if len(request.messages) == 4:
            number = request.messages[-1]["content"].splitlines()[1]
            return self._call("write_file", {"path": "results/results.md", "content": f"The program printed {number}."})
        return self._call("finish", {"summary": "done"})

    def _call(self, name: str, arguments: dict[str, str]) -> Response:
        call = ToolCall("c", name, json.dumps(arguments))
        quoted = {"id": "c", "type": "function", "function": {"name": name, "arguments": call.arguments}}
        return Response("", {"role": "assistant", "content": None, "tool_calls": [quoted]}, (call,), "tool_calls")

    def info(self, model: str) -> ModelInfo:
        return ModelInfo(100_000, vision=False, schema_output=False, priced=True)

    def tokens(self, text: str) -> int:
        return len(text)


def test_the_bash_coder_works_in_a_container(tmp_path: Path, run_id: str, image: str) -> None:
    given = spec(tmp_path, run_id, image)

    async def use(sandbox: Sandbox) -> None:
        context = CoderContext(
            models=TwoTurns(),
            model="m",
            scope="task/experiment",
            sandbox=sandbox,
            ledger=Ledger(tmp_path / "trial", given.workspace),
            system="s",
            prompt="p",
            deadline=time.time() + 300,
        )
        assert (await load_coder("bash").run(context)).reason == "finished"

    in_sandbox(use, given)
    assert (given.workspace / "results/results.md").read_text() == "The program printed 42."


def test_the_devices_of_a_running_container_are_found_until_it_ends(tmp_path: Path, run_id: str, image: str) -> None:
    """By the label that every container of ours carries: an engine without GPUs starts none that was given one."""
    client = docker.from_env()
    look = GpuContainers(required=True)
    assert "GPU-of-this-test" not in look()
    labels = {RUN_LABEL: run_id, DEVICES_LABEL: "GPU-of-this-test,MIG-of-this-test"}
    stranger = client.containers.run(image, ["sleep", "600"], labels=labels, detach=True, network_mode="none")
    try:
        assert {device: name for device, name in look().items() if device.endswith("-of-this-test")} == {
            "GPU-of-this-test": stranger.name,
            "MIG-of-this-test": stranger.name,
        }
    finally:
        stranger.remove(force=True)
    assert "GPU-of-this-test" not in look()


def test_a_container_without_a_lease_is_told_to_see_no_gpu(tmp_path: Path, run_id: str, image: str) -> None:
    """Where nvidia's runtime is the engine's default, an image of CUDA would else be given all of them."""
    result = outcomes(spec(tmp_path, run_id, image), "echo $NVIDIA_VISIBLE_DEVICES; ls /dev/nvidia* 2>/dev/null | wc -l")[0]
    assert result.output.split() == ["void", "0"]


def test_a_container_that_sees_another_device_is_refused_and_removed(
    tmp_path: Path, run_id: str, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of the runtime, played by a listing inside that shows a device which was not leased."""
    monkeypatch.setattr("pytest_mlrbench.sandboxes.docker.worth_asking", lambda leased: True)
    monkeypatch.setattr("pytest_mlrbench.sandboxes.docker.LISTING", "echo 'GPU 0: H100 (UUID: GPU-another)'")
    with pytest.raises(InfrastructureError, match="sees the GPUs GPU-another, and leased none"):
        outcomes(spec(tmp_path, run_id, image), "true")
    assert containers(run_id) == []
