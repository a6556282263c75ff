"""The kernel's counters of a container, in both versions of control groups."""

from pathlib import Path

import pytest

from pytest_mlrbench.sandboxes import cgroups
from pytest_mlrbench.sandboxes.base import Used
from pytest_mlrbench.sandboxes.cgroups import counted, since

NET = """Inter-|   Receive  |  Transmit
 face |bytes    packets |bytes
    lo:      90       1        0
  eth0:     200       2        0
"""


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cgroups, "ROOT", tmp_path / "cgroup")
    monkeypatch.setattr(cgroups, "PROC", tmp_path / "proc")
    return tmp_path


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_version_1(kernel: Path) -> None:
    put(kernel / "proc/7/cgroup", "7:blkio:/docker/x\n2:cpu,cpuacct:/docker/x\n0::/\n")
    put(kernel / "proc/7/net/dev", NET)
    put(kernel / "cgroup/cpu,cpuacct/docker/x/cpuacct.usage", "1500000000\n")
    put(kernel / "cgroup/blkio/docker/x/blkio.throttle.io_service_bytes", "8:0 Read 10\n8:0 Write 5\n8:16 Read 3\nTotal 18\n")
    assert counted(7) == Used(1.5, 13, 200)


def test_version_2(kernel: Path) -> None:
    put(kernel / "proc/7/cgroup", "0::/docker/x\n")
    put(kernel / "cgroup/docker/x/cpu.stat", "usage_usec 2500000\nuser_usec 1\n")
    put(kernel / "cgroup/docker/x/io.stat", "8:0 rbytes=11 wbytes=5 rios=1\n8:16 rbytes=4 wbytes=0\n")
    assert counted(7) == Used(2.5, 15, None)


def test_what_cannot_be_read_is_not_counted(kernel: Path) -> None:
    assert counted(7) == Used()


def test_the_difference_of_two_looks() -> None:
    assert since(Used(1.0, 5, 7), Used(3.5, 9, 7)) == Used(2.5, 4, 0)
    assert since(Used(9.0, None, 7), Used(3.5, 9, 8)) == Used(None, None, 1)
