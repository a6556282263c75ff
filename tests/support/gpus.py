"""Decides whether a test that needs a GPU can run: skips with the reason where this machine has none."""

import pytest

from pytest_mlrbench.sandboxes.gpus import Device, list_devices


def need_gpu() -> list[Device]:
    """The devices of this machine; ends the test where NVML finds none."""
    found = list_devices()
    if not found:
        pytest.skip("no GPU here: NVML finds no driver or no device")
    return found
