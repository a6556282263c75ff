"""What the leased GPUs did during an experiment, sampled by the host through NVML; the runner notes it in the ledger at the end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

EVERY = 5.0
"""Seconds between samples; NVML's own figure covers the last sixth of a second up to a second."""


@dataclass
class Activity:
    """Of each device: how busy it was, the most memory in use, the energy it took."""

    devices: Sequence[str]
    samples: int = 0
    _busy: dict[str, float] = field(default_factory=dict)
    _most: dict[str, float] = field(default_factory=dict)
    _memory: dict[str, int] = field(default_factory=dict)
    _energy: dict[str, tuple[float, float]] = field(default_factory=dict)

    def sample(self) -> None:
        """Look once. A device that NVML cannot read (a MIG instance has no utilisation) is left out of what it cannot tell."""
        import pynvml  # type: ignore[import-untyped]

        self.samples += 1
        for device in self.devices:
            with contextlib.suppress(pynvml.NVMLError):
                handle = pynvml.nvmlDeviceGetHandleByUUID(device)
                with contextlib.suppress(pynvml.NVMLError):
                    busy = float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)
                    self._busy[device] = self._busy.get(device, 0.0) + busy
                    self._most[device] = max(self._most.get(device, 0.0), busy)
                with contextlib.suppress(pynvml.NVMLError):
                    used = int(pynvml.nvmlDeviceGetMemoryInfo(handle).used)
                    self._memory[device] = max(self._memory.get(device, 0), used)
                with contextlib.suppress(pynvml.NVMLError):
                    joules = pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000
                    first, _ = self._energy.get(device, (joules, joules))
                    self._energy[device] = (first, joules)

    def told(self) -> dict[str, Any]:
        """Device -> utilisation in percent (mean and most), memory in bytes (most), energy in joules; what is known."""
        found: dict[str, Any] = {}
        for device in self.devices:
            one: dict[str, float] = {}
            if device in self._busy and self.samples:
                one["utilisation_mean"] = round(self._busy[device] / self.samples, 2)
                one["utilisation_most"] = self._most[device]
            if device in self._memory:
                one["memory_most"] = self._memory[device]
            if device in self._energy:
                first, last = self._energy[device]
                one["energy"] = round(last - first, 1)
            found[device] = one
        return found


@asynccontextmanager
async def watched(devices: Sequence[str], every: float = EVERY) -> AsyncIterator[Activity | None]:
    """Sample `devices` in the background; None where there are none, or no driver that could tell."""
    if not devices or not await asyncio.to_thread(_driver):
        yield None
        return
    activity = Activity(devices)

    async def look() -> None:
        while True:
            await asyncio.to_thread(activity.sample)
            await asyncio.sleep(every)

    task = asyncio.create_task(look())
    try:
        yield activity
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _driver() -> bool:
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return False
    return True
