"""What a workspace takes of the disk: counted, and ended when it is too much."""

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from pytest_mlrbench.errors import InfrastructureError
from pytest_mlrbench.sandboxes import disk
from pytest_mlrbench.sandboxes.base import Limits
from pytest_mlrbench.sandboxes.disk import DiskWatch, held, taken

MIB = 2**20


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    made = tmp_path / "ws"
    made.mkdir()
    return made


def fill(path: Path, size: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(size))
    return path


def verdict(
    workspace: Path, limits: Limits, monkeypatch: pytest.MonkeyPatch, processes: Iterable[int] = (), seconds: float = 20
) -> str:
    """What the watch says, looking often; TimeoutError when it has nothing to say."""
    monkeypatch.setattr(disk, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(disk, "WALK_SECONDS", 0.05)
    return asyncio.run(asyncio.wait_for(DiskWatch(workspace, limits, lambda: processes).exceeded(), seconds))


def test_bytes_count_as_they_lie_on_the_disk(workspace: Path) -> None:
    fill(workspace / "a/b/data", 3 * MIB)
    with (workspace / "sparse").open("wb") as file:
        file.truncate(10 * 2**30)
    os.link(workspace / "a/b/data", workspace / "again")
    (workspace / "link").symlink_to("/usr")
    found = taken(workspace, Limits())
    assert 3 * MIB <= found.bytes < 4 * MIB
    assert found.entries == 6
    assert not found.hidden


def test_counting_stops_once_there_are_too_many_entries(workspace: Path) -> None:
    for number in range(30):
        (workspace / str(number)).touch()
    assert taken(workspace, Limits(entries=10)).entries == 11


def test_a_deleted_file_that_is_held_open_counts(workspace: Path) -> None:
    with fill(workspace / "gone", 2 * MIB).open("rb"):
        (workspace / "gone").unlink()
        assert taken(workspace, Limits()).bytes < MIB
        assert held([os.getpid()], workspace) >= 2 * MIB
    assert held([os.getpid()], workspace) == 0


@pytest.mark.parametrize(
    ("limits", "words"), [(Limits(disk=MIB), f"more than the {MIB} bytes"), (Limits(entries=3), "more than the 3 files")]
)
def test_too_much_is_told(workspace: Path, monkeypatch: pytest.MonkeyPatch, limits: Limits, words: str) -> None:
    for number in range(4):
        fill(workspace / str(number), MIB)
    assert words in verdict(workspace, limits, monkeypatch)


def test_hidden_files_are_told_where_processes_are_named(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with fill(workspace / "gone", 2 * MIB).open("rb"):
        (workspace / "gone").unlink()
        assert "bytes it may" in verdict(workspace, Limits(disk=MIB), monkeypatch, [os.getpid()])
        with pytest.raises(TimeoutError):
            verdict(workspace, Limits(disk=MIB), monkeypatch, seconds=0.5)


def test_a_full_disk_is_the_worlds_fault(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "LEAST_FREE", 2**60)
    with pytest.raises(InfrastructureError, match="free some space"):
        verdict(workspace, Limits(), monkeypatch)


def test_a_folder_that_hides_its_content_is_refused_to_who_cannot_look(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(folder: Path, limits: Limits) -> disk.Taken:
        return disk.Taken(hidden="secret")

    monkeypatch.setattr(disk, "taken", unreadable)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "'secret' cannot be listed" in verdict(workspace, Limits(), monkeypatch)
