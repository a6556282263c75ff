"""The local sandbox: what a command sees, how it ends, and that nothing of it stays."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from pytest_mlrbench.errors import ConfigError
from pytest_mlrbench.sandboxes import ExecResult, Limits, Sandbox, SandboxSpec, open_sandbox
from pytest_mlrbench.sandboxes.common import READER_BYTES

Use = Callable[[Sandbox], Awaitable[None]]


def in_sandbox(folder: Path, use: Use, *, limits: Limits | None = None) -> None:
    async def main() -> None:
        spec = SandboxSpec(workspace=folder / "ws", run_id="run", trial="t/experiment", limits=limits or Limits(cpus=2))
        async with open_sandbox("local", spec) as sandbox:
            await use(sandbox)

    asyncio.run(main())


def outcome(
    folder: Path, command: str, *, timeout: float = 30, limits: Limits | None = None, stdin: bytes | None = None
) -> ExecResult:
    found: list[ExecResult] = []

    async def use(sandbox: Sandbox) -> None:
        found.append(await sandbox.exec(command, timeout=timeout, output=folder / "out.log", stdin=stdin))

    in_sandbox(folder, use, limits=limits)
    return found[0]


def carrying(mark: str) -> list[int]:
    """Processes whose environment holds MARK=`mark`."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MARK") == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def test_an_unknown_kind_names_the_valid_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="docker, local"):
        open_sandbox("podman", SandboxSpec(workspace=tmp_path, run_id="r", trial="t"))


def test_a_command_runs_in_the_workspace_and_its_output_is_kept(tmp_path: Path) -> None:
    result = outcome(tmp_path, "pwd; echo error >&2; exit 3")
    assert (result.kind, result.exit_code) == ("exited", 3)
    assert result.output == f"{(tmp_path / 'ws').resolve()}\nerror\n"
    assert (tmp_path / "out.log").read_text() == result.output
    assert result.output_bytes == len(result.output)


BUSY = 'python -c "import time\nend = time.process_time() + 0.4\nwhile time.process_time() < end: pass"'


def test_processor_time_is_counted_and_waiting_is_not(tmp_path: Path) -> None:
    busy, waiting = outcome(tmp_path, BUSY).used, outcome(tmp_path, "sleep 0.6").used
    assert busy.cpu_seconds is not None
    assert busy.cpu_seconds >= 0.4
    assert waiting.cpu_seconds is not None
    assert waiting.cpu_seconds < 0.3


def test_no_variable_of_the_caller_reaches_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("ANYTHING_ELSE", "sk-secret")
    result = outcome(tmp_path, "env; cat /proc/$$/environ /proc/$PPID/environ | tr '\\0' '\\n'")
    assert "sk-secret" not in result.output
    assert f"HOME={tmp_path}" in result.output.replace(str(tmp_path.resolve()), str(tmp_path))


@pytest.mark.parametrize(("devices", "shown"), [((), ""), (("GPU-a", "MIG-b"), "GPU-a,MIG-b")])
def test_a_command_is_shown_the_leased_devices_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, devices: tuple[str, ...], shown: str
) -> None:
    """CUDA takes an unset variable as all devices of the machine, an empty one as none."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    said: list[ExecResult] = []

    async def main() -> None:
        spec = SandboxSpec(workspace=tmp_path / "ws", run_id="run", trial="t/experiment", devices=devices)
        async with open_sandbox("local", spec) as sandbox:
            said.append(await sandbox.exec('echo "<${CUDA_VISIBLE_DEVICES-unset}>"', timeout=30, output=tmp_path / "out.log"))

    asyncio.run(main())
    assert said[0].output == f"<{shown}>\n"


def test_python_is_the_running_interpreter(tmp_path: Path) -> None:
    result = outcome(tmp_path, "python -c 'import sys, sklearn; print(sys.prefix)'", timeout=120)
    assert result.output.strip() == sys.prefix


def test_home_and_temporary_directory_are_private_and_go_at_the_end(tmp_path: Path) -> None:
    result = outcome(tmp_path, 'touch "$HOME/x" "$TMPDIR/y" && mkdir "$TMPDIR/locked" && chmod 0 "$TMPDIR/locked" && echo "$HOME"')
    assert result.exit_code == 0
    home = Path(result.output.strip())
    assert home.is_relative_to(tmp_path.resolve())
    assert not home.parent.exists()


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("exit 124", "exited"),
        ("exit 1", "exited"),
        ("kill -KILL $$", "killed"),
        ("kill -SEGV $$", "killed"),
        ("exit 137", "killed"),
    ],
)
def test_ways_of_ending_are_told_apart(tmp_path: Path, command: str, kind: str) -> None:
    result = outcome(tmp_path, command)
    assert result.kind == kind
    assert (result.exit_code is None) == (kind != "exited")


def test_a_time_out_ends_what_left_its_session(tmp_path: Path) -> None:
    mark = f"session-{os.getpid()}-{time.time_ns()}"
    command = (
        f"export MARK={mark}; setsid sleep 600 & (setsid bash -c 'sleep 600 & sleep 600' &) ; (env -i sleep 601 &) ; sleep 600"
    )
    left: list[list[int]] = []
    result: list[ExecResult] = []

    async def use(sandbox: Sandbox) -> None:
        result.append(await sandbox.exec(command, timeout=1, output=tmp_path / "out.log"))
        left.append(carrying(mark))

    in_sandbox(tmp_path, use)
    assert result[0].kind == "timeout"
    assert left == [[]]


def test_a_time_out_spares_what_an_earlier_command_left_running(tmp_path: Path) -> None:
    mark = f"earlier-{os.getpid()}-{time.time_ns()}"
    seen: list[int] = []

    async def use(sandbox: Sandbox) -> None:
        await sandbox.exec(f"MARK={mark} sleep 600 >/dev/null 2>&1 &", timeout=20, output=tmp_path / "1.log")
        assert (await sandbox.exec("sleep 600", timeout=0.5, output=tmp_path / "2.log")).kind == "timeout"
        seen.append(len(carrying(mark)))

    in_sandbox(tmp_path, use)
    assert seen == [1]
    assert carrying(mark) == []


def test_too_many_processes_are_ended_all_together(tmp_path: Path) -> None:
    # 60 sleeping processes at most, each in a session of its own: enough to pass the limit, harmless if nothing ended them.
    mark = f"many-{os.getpid()}-{time.time_ns()}"
    command = f"export MARK={mark}; for i in $(seq 60); do setsid sleep 60 & done; sleep 60"
    result = outcome(tmp_path, command, timeout=30, limits=Limits(cpus=1, pids=20))
    assert result.kind == "killed"
    assert carrying(mark) == []


def test_memory_beyond_the_limit_is_oom(tmp_path: Path) -> None:
    command = "python -c 'import time; kept = bytearray(300 * 2**20); time.sleep(60)'"
    assert outcome(tmp_path, command, limits=Limits(memory=100 * 2**20)).kind == "oom"


def test_threads_of_numpy_start_under_the_memory_limit(tmp_path: Path) -> None:
    command = "OPENBLAS_NUM_THREADS=16 python -c 'import numpy; a = numpy.ones((300, 300)); print((a @ a).sum())'"
    result = outcome(tmp_path, command, limits=Limits(memory=1024 * 2**20), timeout=120)
    assert (result.kind, result.output.strip()) == ("exited", "27000000.0")


def test_a_file_beyond_the_disk_limit_cannot_be_written(tmp_path: Path) -> None:
    result = outcome(tmp_path, "head -c 3000000 /dev/zero > big; echo $?; stat -c %s big", limits=Limits(disk=2**20))
    status, size = result.output.split()[-2:]
    assert status != "0"
    assert int(size) <= 2**20


def test_output_beyond_the_cap_is_dropped_and_counted(tmp_path: Path) -> None:
    result = outcome(tmp_path, "echo first; seq 100000; echo last", limits=Limits(output=10_000))
    assert (tmp_path / "out.log").stat().st_size == 10_000
    assert result.output_bytes == len("first\nlast\n") + sum(len(str(n)) + 1 for n in range(1, 100_001))
    assert result.output.startswith("first\n")
    assert result.output.endswith("last\n")
    assert "bytes not shown" in result.output
    assert len(result.output) < READER_BYTES + 100


def test_output_of_many_bytes_is_shown_whole_below_the_readers_cap(tmp_path: Path) -> None:
    result = outcome(tmp_path, f"head -c {READER_BYTES} /dev/zero | tr '\\0' x")
    assert result.output == "x" * READER_BYTES


def test_standard_input_is_given_or_empty(tmp_path: Path) -> None:
    assert outcome(tmp_path, "wc -c", stdin=b"y" * 200_000).output.strip() == "200000"
    assert outcome(tmp_path, "wc -c").output.strip() == "0"


def test_a_command_longer_than_the_system_takes_is_refused_with_the_reason(tmp_path: Path) -> None:
    result = outcome(tmp_path, "echo " + "x" * 140_000)
    assert (result.kind, result.exit_code) == ("exited", 126)
    assert "write a file first" in result.output


def test_write_replaces_a_link_instead_of_following_it(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")

    async def use(sandbox: Sandbox) -> None:
        await sandbox.exec(f"ln -s {victim} link; mkfifo pipe", timeout=20, output=tmp_path / "out.log")
        await sandbox.write("link", b"mine")
        await sandbox.write("pipe", b"mine")
        await sandbox.write("new/folder/file", b"mine")

    in_sandbox(tmp_path, use)
    assert victim.read_text() == "untouched"
    assert [(tmp_path / "ws" / name).read_bytes() for name in ("link", "pipe", "new/folder/file")] == [b"mine"] * 3


@pytest.mark.parametrize("path", ["../out", "/etc/out", "a/../../out", "", "a\nb", "folder/", "out/side"])
def test_write_refuses_what_leaves_the_workspace(tmp_path: Path, path: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()

    async def use(sandbox: Sandbox) -> None:
        await sandbox.exec(f"ln -s {outside} out", timeout=20, output=tmp_path / "out.log")
        with pytest.raises(ValueError, match=r"write|path"):
            await sandbox.write(path, b"x")

    in_sandbox(tmp_path, use)
    assert list(outside.iterdir()) == []


def test_a_command_ends_when_its_runner_is_killed(tmp_path: Path) -> None:
    mark = f"runner-{os.getpid()}-{time.time_ns()}"
    program = f"""
import asyncio, pathlib
from pytest_mlrbench.sandboxes import SandboxSpec, open_sandbox
async def main():
    folder = pathlib.Path({str(tmp_path)!r})
    async with open_sandbox("local", SandboxSpec(workspace=folder / "ws", run_id="r", trial="t")) as sandbox:
        await sandbox.exec("export MARK={mark}; (setsid sleep 600 &); sleep 600", timeout=600, output=folder / "out.log")
asyncio.run(main())
"""
    runner = subprocess.Popen([sys.executable, "-c", program])
    try:
        wait_until(lambda: len(carrying(mark)) >= 2)
    finally:
        runner.send_signal(signal.SIGKILL)
        runner.wait()
    wait_until(lambda: not carrying(mark))


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.05)
