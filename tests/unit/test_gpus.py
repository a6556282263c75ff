"""Devices a run may lease, by a fake NVML, and the locks that keep two runs apart and do not outlive their holder."""

import asyncio
import os
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest

from pytest_mlrbench.errors import ConfigError
from pytest_mlrbench.hostlocks import FOLDER
from pytest_mlrbench.sandboxes.gpu_activity import Activity, watched
from pytest_mlrbench.sandboxes.gpus import Device, list_devices, lock, usable

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


def fake_nvml(instances: dict[int, list[str]]) -> types.ModuleType:
    """Two GPUs, of which those in `instances` are divided."""
    api = types.ModuleType("pynvml")

    class NVMLError(Exception):
        pass

    def mig_handle(handle: int, place: int) -> str:
        found = instances[handle]
        if place >= len(found):
            raise NVMLError("not found")
        return found[place]

    def mig_mode(handle: int) -> tuple[int, int]:
        if handle == 1:
            raise NVMLError("not supported")
        return (int(handle in instances), 0)

    api.NVMLError = NVMLError  # type: ignore[attr-defined]
    api.nvmlInit = api.nvmlShutdown = lambda: None  # type: ignore[attr-defined]
    api.nvmlDeviceGetCount = lambda: 2  # type: ignore[attr-defined]
    api.nvmlDeviceGetHandleByIndex = lambda index: index  # type: ignore[attr-defined]
    api.nvmlDeviceGetUUID = lambda handle: handle if isinstance(handle, str) else f"GPU-{handle}".encode()  # type: ignore[attr-defined]
    api.nvmlDeviceGetName = lambda handle: "H100"  # type: ignore[attr-defined]
    api.nvmlDeviceGetMigMode = mig_mode  # type: ignore[attr-defined]
    api.nvmlDeviceGetMaxMigDeviceCount = lambda handle: 7  # type: ignore[attr-defined]
    api.nvmlDeviceGetMigDeviceHandleByIndex = mig_handle  # type: ignore[attr-defined]
    return api


def test_nvml_lists_gpus_and_in_their_place_mig_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml({}))
    assert [device.uuid for device in list_devices()] == ["GPU-0", "GPU-1"]
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml({0: ["MIG-x", "MIG-y"]}))
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
    api = fake_nvml({})
    busy = {"GPU-a": iter([0, 80, 40]), "GPU-b": iter([0, 0, 0])}
    joules = {"GPU-a": iter([1000, 4000, 9000]), "GPU-b": iter([5, 5, 5])}
    api.nvmlDeviceGetHandleByUUID = lambda device: device  # type: ignore[attr-defined]
    api.nvmlDeviceGetUtilizationRates = lambda device: types.SimpleNamespace(gpu=next(busy[device]))  # type: ignore[attr-defined]
    api.nvmlDeviceGetMemoryInfo = lambda device: types.SimpleNamespace(used=7)  # type: ignore[attr-defined]
    api.nvmlDeviceGetTotalEnergyConsumption = lambda device: next(joules[device])  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pynvml", api)
    activity = Activity(("GPU-a", "GPU-b"))
    for _ in range(3):
        activity.sample()
    assert activity.told() == {
        "GPU-a": {"utilisation_mean": 40.0, "utilisation_most": 80.0, "memory_most": 7, "energy": 8.0},
        "GPU-b": {"utilisation_mean": 0.0, "utilisation_most": 0.0, "memory_most": 7, "energy": 0.0},
    }


def test_without_devices_or_driver_nothing_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    async def activity(devices: tuple[str, ...]) -> Activity | None:
        async with watched(devices, every=0.001) as found:
            return found

    assert asyncio.run(activity(())) is None
    api = fake_nvml({})

    def no_driver() -> None:
        raise api.NVMLError("driver not loaded")  # type: ignore[attr-defined]

    api.nvmlInit = no_driver  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pynvml", api)
    assert asyncio.run(activity(("GPU-a",))) is None
