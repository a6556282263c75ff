"""Which GPUs a run may use and who holds them now; the engine leases them to runners, `doctor` and the preflight ask too."""

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ConfigError
from ..hostlocks import HostLock, hold


@dataclass(frozen=True)
class Device:
    """One GPU or MIG instance."""

    index: str
    """As CUDA counts them: `0`; `0:1` for the second MIG instance of the first GPU."""
    uuid: str
    name: str = ""


MEMORY_FLOOR = 512 * 2**20
"""Bytes in use on a device from which somebody works there: a display takes less, a CUDA context with a model more."""


def list_devices() -> list[Device]:
    """All devices of this host by NVML; empty without a driver."""
    import pynvml  # type: ignore[import-untyped]

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        found: list[Device] = []
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            whole = Device(str(index), _text(pynvml.nvmlDeviceGetUUID(handle)), _text(pynvml.nvmlDeviceGetName(handle)))
            found += _instances(pynvml, handle, index) or [whole]
        return found
    finally:
        pynvml.nvmlShutdown()


def _instances(api: Any, handle: Any, index: int) -> list[Device]:
    """MIG instances of a GPU: where it is divided, only they can be used."""
    try:
        if not api.nvmlDeviceGetMigMode(handle)[0]:
            return []
        count = api.nvmlDeviceGetMaxMigDeviceCount(handle)
    except api.NVMLError:
        return []  # a GPU that cannot be divided
    found = []
    for place in range(count):
        try:
            instance = api.nvmlDeviceGetMigDeviceHandleByIndex(handle, place)
            found.append(Device(f"{index}:{place}", _text(api.nvmlDeviceGetUUID(instance)), _text(api.nvmlDeviceGetName(instance))))
        except api.NVMLError:
            continue  # a place without an instance
    return found


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def usable(
    wanted: Sequence[str], environ: Mapping[str, str] | None = None, devices: Callable[[], list[Device]] = list_devices
) -> tuple[str, ...]:
    """The ids that a run may lease: those of `wanted` (`auto`, `none`, or ids and indices) that CUDA_VISIBLE_DEVICES lets us see.

    UUIDs where NVML knows the device. Where it knows none (no driver here), named ids are taken as they are. Raises ConfigError
    for one that is not there or not ours to use.
    """
    if tuple(wanted) == ("none",):
        return ()
    environ = os.environ if environ is None else environ
    present = devices()
    shown = environ.get("CUDA_VISIBLE_DEVICES")
    allowed = present
    if shown is not None and present:
        # CUDA stops at the first entry that it does not know.
        allowed = []
        for token in _tokens(shown):
            device = _find(token, present)
            if device is None:
                break
            allowed.append(device)
    if tuple(wanted) == ("auto",):
        return tuple(device.uuid for device in allowed)
    if not present:
        hidden = [token for token in wanted if shown is not None and token not in _tokens(shown)]
        if hidden:
            raise ConfigError(f"--mlr-gpus={','.join(hidden)}: not among CUDA_VISIBLE_DEVICES={shown}")
        return tuple(wanted)
    found = []
    for token in wanted:
        device = _find(token, allowed)
        if device is None:
            known = ", ".join(f"{one.index} ({one.uuid})" for one in allowed) or "none"
            why = f" (CUDA_VISIBLE_DEVICES={shown})" if shown is not None else ""
            raise ConfigError(f"--mlr-gpus={token}: no such device to use; usable: {known}{why}")
        found.append(device.uuid)
    return tuple(dict.fromkeys(found))


def _tokens(text: str) -> list[str]:
    return [token.strip() for token in text.split(",") if token.strip()]


def _find(token: str, devices: Sequence[Device]) -> Device | None:
    """By index, UUID, or an unambiguous beginning of one, as CUDA reads its variable."""
    exact = [device for device in devices if token in (device.index, device.uuid)]
    begun = exact or [device for device in devices if not token.isdigit() and device.uuid.startswith(token)]
    return begun[0] if len(begun) == 1 else None


def lock(device: str) -> HostLock | None:
    """Hold `device` for this host, None when another process holds it. Raises ConfigError where no lock can be made."""
    return hold(f"GPU {device}")


def memory_used(devices: Sequence[str]) -> dict[str, int]:
    """Bytes in use on each of `devices` (UUIDs) that NVML knows, without what the driver keeps for itself where it tells that."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return {}
    found = {}
    try:
        for device in devices:
            with contextlib.suppress(pynvml.NVMLError):  # a token, or a device that fell off the bus: its user will say so
                found[device] = _used(pynvml, pynvml.nvmlDeviceGetHandleByUUID(device))
    finally:
        pynvml.nvmlShutdown()
    return found


def _used(api: Any, handle: Any) -> int:
    """The first version of NVML's answer counts the driver's own reserve, some hundred MiB of an idle data centre GPU, as used."""
    try:
        return int(api.nvmlDeviceGetMemoryInfo(handle, version=api.nvmlMemory_v2).used)
    except (api.NVMLError, AttributeError):
        return int(api.nvmlDeviceGetMemoryInfo(handle).used)


def refused(devices: Sequence[str], containers: Callable[[], Mapping[str, str]]) -> dict[str, str]:
    """Device -> why it must not be leased although nobody locked it: a container has it, or its memory is in use.

    `containers` tells which container has which device (gpu_containers). What this run itself leased is for the caller to leave
    out: its own experiments fill their devices' memory.
    """
    if not devices:
        return {}
    found = {
        device: f"{used / 2**30:.1f} GiB in use by others" for device, used in memory_used(devices).items() if used > MEMORY_FLOOR
    }
    return found | {device: f"in container {name}" for device, name in containers().items() if device in devices}
