"""Devices a run may lease, by a fake NVML, and the locks that keep two runs apart and do not outlive their holder."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_mlrbench.errors import ConfigError, InfrastructureError
from pytest_mlrbench.hostlocks import FOLDER
from pytest_mlrbench.sandboxes.gpu_activity import Activity, watched
from pytest_mlrbench.sandboxes.gpu_containers import DEVICES_LABEL, devices_of
from pytest_mlrbench.sandboxes.gpu_visible import check_visible
from pytest_mlrbench.sandboxes.gpus import MEMORY_FLOOR, Device, list_devices, lock, refused, usable
from tests.support.fake_nvml import Gpu, Machine, fake_nvml, machine_of

TWO = [Device("0", "GPU-aaa", "H100"), Device("1", "GPU-bbb", "H100")]


def choose(wanted: str, environ: dict[str, str] | None = None, devices: list[Device] = TWO) -> tuple[str, ...]:
    return usable(tuple(wanted.split(",")), environ or {}, lambda: devices)


@pytest.mark.parametrize(
    ("wanted", "environ", "expected"),
    [
        ("auto", {}, ("GPU-aaa", "GPU-bbb")),
        ("none", {}, ()),
        ("1", {}, ("GPU-bbb",)),
        ("GPU-b", {}, ("GPU-bbb",)),
        ("1,GPU-bbb", {}, ("GPU-bbb",)),
        ("auto", {"CUDA_VISIBLE_DEVICES": "1"}, ("GPU-bbb",)),
        ("auto", {"CUDA_VISIBLE_DEVICES": "GPU-aaa"}, ("GPU-aaa",)),
        ("auto", {"CUDA_VISIBLE_DEVICES": ""}, ()),
        ("auto", {"CUDA_VISIBLE_DEVICES": "0,7,1"}, ("GPU-aaa",)),
    ],
)
def test_only_what_the_caller_may_see(wanted: str, environ: dict[str, str], expected: tuple[str, ...]) -> None:
    assert choose(wanted, environ) == expected


@pytest.mark.parametrize(("wanted", "environ"), [("7", {}), ("GPU-", {}), ("0", {"CUDA_VISIBLE_DEVICES": "1"})])
def test_a_device_that_is_not_ours_is_refused_by_name(wanted: str, environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=f"--mlr-gpus={wanted}: no such device"):
        choose(wanted, environ)


def test_without_a_driver_named_ids_are_tokens() -> None:
    assert choose("x,y", devices=[]) == ("x", "y")
    assert choose("auto", devices=[]) == ()
    with pytest.raises(ConfigError, match="not among CUDA_VISIBLE_DEVICES=x"):
        choose("x,y", {"CUDA_VISIBLE_DEVICES": "x"}, devices=[])


def test_nvml_lists_gpus_and_in_their_place_mig_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(machine_of()))
    assert [device.uuid for device in list_devices()] == ["GPU-0", "GPU-1"]
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(machine_of({0: ["MIG-x", "MIG-y"]})))
    assert [(device.index, device.uuid) for device in list_devices()] == [("0:0", "MIG-x"), ("0:1", "MIG-y"), ("1", "GPU-1")]


@pytest.fixture
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER, str(tmp_path / "locks"))
    return tmp_path / "locks"


def test_a_device_is_held_by_one(locks: Path) -> None:
    first = lock("GPU-aaa")
    assert first is not None
    assert lock("GPU-aaa") is None
    other = lock("GPU-bbb")
    assert other is not None
    first.close()
    again = lock("GPU-aaa")
    assert again is not None
    for held in (other, again):
        held.close()


def test_a_heir_holds_it_until_it_is_killed(locks: Path) -> None:
    held = lock("GPU-aaa")
    assert held is not None
    heir = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], pass_fds=[held.descriptor])
    held.close()
    try:
        assert lock("GPU-aaa") is None
    finally:
        os.kill(heir.pid, signal.SIGKILL)
        heir.wait()
    again = lock("GPU-aaa")
    assert again is not None
    again.close()


def test_a_folder_where_no_lock_can_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(FOLDER, str(tmp_path / "file"))
    with pytest.raises(ConfigError, match=FOLDER):
        lock("GPU-aaa")


def test_what_leased_gpus_did_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    working = Gpu("GPU-a", memory=7, busy=iter([0, 80, 40]), millijoules=iter([1000, 4000, 9000]))
    idle = Gpu("GPU-b", memory=7, busy=iter([0, 0, 0]), millijoules=iter([5, 5, 5]))
    divided = Gpu("GPU-c", instances=["MIG-x"], memory=9)
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(Machine([working, idle, divided])))
    activity = Activity(("GPU-a", "GPU-b", "MIG-x"))
    for _ in range(3):
        activity.sample()
    assert activity.told() == {
        "GPU-a": {"utilisation_mean": 40.0, "utilisation_most": 80.0, "memory_most": 7, "energy": 8.0},
        "GPU-b": {"utilisation_mean": 0.0, "utilisation_most": 0.0, "memory_most": 7, "energy": 0.0},
        "MIG-x": {"memory_most": 9},
    }


def test_without_devices_or_driver_nothing_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    async def activity(devices: tuple[str, ...]) -> Activity | None:
        async with watched(devices, every=0.001) as found:
            return found

    assert asyncio.run(activity(())) is None
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(Machine(driver=False)))
    assert asyncio.run(activity(("GPU-a",))) is None


def test_a_device_whose_memory_others_use_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver's own reserve and a display do not count; without a driver, or for a token, nothing is known."""
    used = Gpu("GPU-used", memory=3 * 2**30)
    display = Gpu("GPU-display", memory=MEMORY_FLOOR // 2, reserve=600 * 2**20)
    divided = Gpu("GPU-parent", instances=["MIG-used"], memory=2 * MEMORY_FLOOR)
    machine = Machine([used, display, divided])
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(machine))
    asked = ("GPU-used", "GPU-display", "MIG-used", "token")
    assert refused(asked, dict) == {"GPU-used": "3.0 GiB in use by others", "MIG-used": "1.0 GiB in use by others"}
    machine.second_version = False
    assert "GPU-display" in refused(asked, dict), "an old driver counts its reserve as used"
    machine.driver = False
    assert refused(asked, dict) == {}


def test_a_device_of_a_container_is_refused_and_the_container_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(machine_of()))
    held = {"GPU-0": "trainer", "GPU-9": "another host's"}
    assert refused(("GPU-0", "GPU-1"), lambda: held) == {"GPU-0": "in container trainer"}


HOST = [Device("0", "GPU-a"), Device("1:0", "MIG-x"), Device("1:1", "MIG-y")]


@pytest.mark.parametrize(
    ("inspected", "held"),
    [
        ({}, ()),
        ({"HostConfig": {"DeviceRequests": [{"DeviceIDs": ["GPU-a"], "Capabilities": [["gpu"]]}]}}, ("GPU-a",)),
        ({"HostConfig": {"DeviceRequests": [{"DeviceIDs": ["1:1"], "Capabilities": [["gpu", "utility"]]}]}}, ("MIG-y",)),
        ({"HostConfig": {"DeviceRequests": [{"Count": -1, "Capabilities": [["gpu"]]}]}}, ("GPU-a", "MIG-x", "MIG-y")),
        ({"HostConfig": {"DeviceRequests": [{"Count": 1, "DeviceIDs": None, "Capabilities": [["gpu"]]}]}}, ("GPU-a",)),
        ({"HostConfig": {"DeviceRequests": [{"Count": 2, "Capabilities": [["tpu"]]}]}}, ()),
        ({"HostConfig": {"DeviceRequests": [{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=1"]}]}}, ("MIG-x", "MIG-y")),
        ({"HostConfig": {"DeviceRequests": [{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=all"]}]}}, ("GPU-a", "MIG-x", "MIG-y")),
        ({"HostConfig": {"Runtime": "nvidia"}, "Config": {"Env": ["NVIDIA_VISIBLE_DEVICES=0,MIG-y"]}}, ("GPU-a", "MIG-y")),
        ({"HostConfig": {"Runtime": "nvidia"}, "Config": {"Env": ["NVIDIA_VISIBLE_DEVICES=void"]}}, ()),
        ({"HostConfig": {"Runtime": "runc"}, "Config": {"Env": ["NVIDIA_VISIBLE_DEVICES=all"]}}, ()),
        ({"HostConfig": {"Devices": [{"PathOnHost": "/dev/nvidia0"}, {"PathOnHost": "/dev/nvidiactl"}]}}, ("GPU-a",)),
        ({"Config": {"Labels": {DEVICES_LABEL: "x,MIG-x"}}}, ("x", "MIG-x")),
    ],
)
def test_the_devices_of_a_container_as_docker_inspect_tells_them(inspected: dict[str, object], held: tuple[str, ...]) -> None:
    assert devices_of(inspected, HOST) == held


WHOLE = "GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-a)\nGPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-b)\n"
DIVIDED = "GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-a)\n  MIG 3g.20gb     Device  0: (UUID: MIG-x)\n"


@pytest.mark.parametrize(
    ("leased", "listing"),
    [(("GPU-b", "GPU-a"), WHOLE), (("MIG-x",), DIVIDED), ((), ""), ((), "bash: nvidia-smi: command not found\n")],
)
def test_a_container_that_sees_what_was_leased_goes_on(leased: tuple[str, ...], listing: str) -> None:
    check_visible(leased, listing, "t/experiment")


@pytest.mark.parametrize(
    ("leased", "listing", "seen"),
    [
        (("GPU-a",), WHOLE, "GPU-a, GPU-b"),
        (("GPU-a", "GPU-c"), WHOLE, "GPU-a, GPU-b"),
        (("GPU-a",), DIVIDED, "MIG-x"),
        (("GPU-a",), "bash: nvidia-smi: command not found\n", "none"),
        ((), "bash: nvidia-smi: command not found\n/dev/nvidia0\n", "/dev/nvidia0"),
        ((), WHOLE, "GPU-a, GPU-b"),
    ],
)
def test_a_container_that_sees_other_devices_is_not_used(leased: tuple[str, ...], listing: str, seen: str) -> None:
    with pytest.raises(InfrastructureError, match=f"sees the GPUs {seen}, and leased"):
        check_visible(leased, listing, "t/experiment")
