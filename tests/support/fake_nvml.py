"""A fake of NVIDIA's binding `pynvml`, for machines without a GPU: as much of NVML as this package asks."""

import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Gpu:
    """One GPU of the fake machine; what is an iterator gives another value at each look."""

    uuid: str
    instances: Sequence[str] | None = None
    """UUIDs of its MIG instances; None for a GPU that is not divided."""
    can_be_divided: bool = True
    memory: int = 0
    """Bytes in use by programs."""
    reserve: int = 0
    """Bytes that the driver keeps: in use by the first version of NVML's answer only."""
    busy: Iterator[int] | None = None
    """Percent; None: NVML does not tell (MIG)."""
    millijoules: Iterator[int] | None = None


@dataclass
class Machine:
    """The GPUs; a handle is the index of one, or the UUID of an instance."""

    gpus: Sequence[Gpu] = field(default_factory=tuple)
    driver: bool = True
    second_version: bool = True
    """Whether the driver knows nvmlMemory_v2."""


def fake_nvml(machine: Machine) -> types.ModuleType:
    """The module, to be put into sys.modules as `pynvml`."""
    api: Any = types.ModuleType("pynvml")

    class NVMLError(Exception):
        pass

    def init() -> None:
        if not machine.driver:
            raise NVMLError("Driver Not Loaded")

    def gpu_of(handle: int | str) -> Gpu:
        if isinstance(handle, int):
            return machine.gpus[handle]
        return next(gpu for gpu in machine.gpus if gpu.instances and handle in gpu.instances)

    def by_uuid(uuid: str) -> int | str:
        for index, gpu in enumerate(machine.gpus):
            if gpu.uuid == uuid:
                return index
            if uuid in (gpu.instances or ()):
                return uuid
        raise NVMLError("Not Found")

    def mig_mode(handle: int) -> tuple[int, int]:
        gpu = gpu_of(handle)
        if not gpu.can_be_divided:
            raise NVMLError("Not Supported")
        return int(gpu.instances is not None), 0

    def instance(handle: int, place: int) -> str:
        found = gpu_of(handle).instances or ()
        if place >= len(found):
            raise NVMLError("Not Found")
        return found[place]

    def memory(handle: int | str, version: int | None = None) -> types.SimpleNamespace:
        if version is not None and not machine.second_version:
            raise NVMLError("Argument Version Mismatch")
        gpu = gpu_of(handle)
        return types.SimpleNamespace(used=gpu.memory + (gpu.reserve if version is None else 0))

    def utilisation(handle: int | str) -> types.SimpleNamespace:
        return types.SimpleNamespace(gpu=_next(gpu_of(handle).busy))

    def energy(handle: int | str) -> int:
        return _next(gpu_of(handle).millijoules)

    def _next(values: Iterator[int] | None) -> int:
        if values is None:
            raise NVMLError("Not Supported")
        return next(values)

    api.NVMLError = NVMLError
    api.nvmlMemory_v2 = 0x2000028
    api.nvmlInit = init
    api.nvmlShutdown = lambda: None
    api.nvmlDeviceGetCount = lambda: len(machine.gpus)
    api.nvmlDeviceGetHandleByIndex = lambda index: index
    api.nvmlDeviceGetHandleByUUID = by_uuid
    api.nvmlDeviceGetUUID = lambda handle: machine.gpus[handle].uuid.encode() if isinstance(handle, int) else handle
    api.nvmlDeviceGetName = lambda handle: "H100"
    api.nvmlDeviceGetMigMode = mig_mode
    api.nvmlDeviceGetMaxMigDeviceCount = lambda handle: 7
    api.nvmlDeviceGetMigDeviceHandleByIndex = instance
    api.nvmlDeviceGetMemoryInfo = memory
    api.nvmlDeviceGetUtilizationRates = utilisation
    api.nvmlDeviceGetTotalEnergyConsumption = energy
    return api  # type: ignore[no-any-return]


def machine_of(instances: Mapping[int, Sequence[str]] | None = None) -> Machine:
    """Two GPUs, `GPU-0` and `GPU-1`, the second of a kind that cannot be divided; those in `instances` are."""
    divided = instances or {}
    return Machine([Gpu("GPU-0", divided.get(0)), Gpu("GPU-1", divided.get(1), can_be_divided=False)])
