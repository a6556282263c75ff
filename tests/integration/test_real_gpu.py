"""What only a machine with a GPU can show: NVML's own answers, and a container that sees the leased device alone."""

import asyncio
import uuid
from pathlib import Path

import pytest

from pytest_mlrbench.errors import InfrastructureError
from pytest_mlrbench.sandboxes import ExecResult, SandboxSpec, open_sandbox
from pytest_mlrbench.sandboxes.gpu_activity import Activity
from pytest_mlrbench.sandboxes.gpus import Device, memory_used, usable
from tests.support.docker import need_docker
from tests.support.gpus import need_gpu

pytestmark = pytest.mark.gpu


@pytest.fixture
def devices() -> list[Device]:
    return need_gpu()


def test_every_device_can_be_leased_by_its_uuid_and_its_memory_is_known(devices: list[Device]) -> None:
    ids = tuple(device.uuid for device in devices)
    assert all(one.startswith(("GPU-", "MIG-")) for one in ids)
    assert usable(("auto",), {}) == ids
    assert memory_used(ids).keys() == set(ids)


def test_utilisation_memory_and_energy_are_sampled(devices: list[Device]) -> None:
    whole = [device.uuid for device in devices if device.uuid.startswith("GPU-")]
    if not whole:
        pytest.skip("all GPUs of this machine are divided: NVML tells neither utilisation nor energy of an instance")
    activity = Activity(whole)
    for _ in range(2):
        activity.sample()
    for told in activity.told().values():
        assert told.keys() == {"utilisation_mean", "utilisation_most", "memory_most", "energy"}
        assert told["energy"] >= 0.0


@pytest.mark.docker
def test_a_container_sees_the_leased_device_alone(devices: list[Device], tmp_path: Path) -> None:
    image = need_docker()
    found: list[ExecResult] = []

    async def listed() -> None:
        spec = SandboxSpec(tmp_path / "ws", f"test-{uuid.uuid4().hex}", "t/experiment", image=image, devices=(devices[0].uuid,))
        async with open_sandbox("docker", spec) as sandbox:
            found.append(await sandbox.exec("nvidia-smi -L", timeout=60, output=tmp_path / "out.log"))

    try:
        asyncio.run(listed())
    except InfrastructureError as error:
        if "could not select device driver" in str(error):
            pytest.skip(f"Docker has no runtime for GPUs here: {error}")
        raise
    assert devices[0].uuid in found[0].output
    assert not [other for other in devices[1:] if other.uuid in found[0].output]
