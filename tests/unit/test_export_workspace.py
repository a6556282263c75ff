"""What is copied out of an untrusted workspace, and what is left out with a sentence."""

import os
import threading
from pathlib import Path

import pytest

from pytest_mlrbench.sandboxes.export import MAX_SENTENCES, export_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    made = tmp_path / "ws"
    made.mkdir()
    return made


def export(workspace: Path, **limits: int) -> tuple[list[str], dict[str, bytes]]:
    """The sentences, and the copied files by name."""
    out = workspace.parent / "out"
    said = export_workspace(workspace, out, skip={".cache", "inputs/big"}, **limits)
    assert not any(path.is_symlink() for path in out.rglob("*"))
    return said, {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_regular_files_are_copied_with_their_times(workspace: Path) -> None:
    (workspace / "a/b").mkdir(parents=True)
    (workspace / "a/b/c.txt").write_text("x")
    os.utime(workspace / "a/b/c.txt", (1_000_000, 1_000_000))
    assert export(workspace) == ([], {"a/b/c.txt": b"x"})
    assert (workspace.parent / "out/a/b/c.txt").stat().st_mtime == 1_000_000


def test_a_name_with_a_slash_before_it_is_left_out_at_the_top_only(workspace: Path) -> None:
    for folder in ("inputs", "code/inputs"):
        (workspace / folder).mkdir(parents=True)
        (workspace / folder / "a.txt").write_text("x")
    out = workspace.parent / "out"
    assert export_workspace(workspace, out, skip={"/inputs"}) == []
    assert [path.relative_to(out).as_posix() for path in out.rglob("*.txt")] == ["code/inputs/a.txt"]


def test_links_are_left_out_with_a_sentence(workspace: Path) -> None:
    (workspace / "passwd").symlink_to("/etc/passwd")
    (workspace / "etc").symlink_to("/etc")
    (workspace / "up").symlink_to("..")
    said, files = export(workspace)
    assert files == {}
    assert said == [f"{name}: left out, it is a symbolic link" for name in ("etc", "passwd", "up")]


def test_a_fifo_does_not_hold_the_export(workspace: Path) -> None:
    os.mkfifo(workspace / "pipe")
    said: list[str] = []
    worker = threading.Thread(target=lambda: said.extend(export(workspace)[0]), daemon=True)
    worker.start()
    worker.join(20)
    assert said == ["pipe: left out, it is a FIFO"]


def test_a_huge_sparse_file_is_left_out(workspace: Path) -> None:
    with (workspace / "huge").open("wb") as file:
        file.truncate(2 * 2**30)
    (workspace / "small").write_text("x")
    said, files = export(workspace)
    assert files == {"small": b"x"}
    assert said == [f"huge: left out, it has {2 * 2**30} bytes, most of it holes; at most {256 * 2**20} are kept of a file"]


def test_unsafe_names_are_percent_encoded(workspace: Path) -> None:
    for name in (b"new\nline", b"esc\x1b[2J", b"latin\xff", "right\u202eleft".encode(), b"50%", "Zürich".encode()):
        Path(os.fsdecode(os.fsencode(workspace) + b"/" + name)).write_text("x")
    _, files = export(workspace)
    assert sorted(files) == sorted(["new%0Aline", "esc%1B[2J", "latin%FF", "right%E2%80%AEleft", "50%", "Zürich"])


def test_two_names_that_encode_alike_do_not_overwrite_each_other(workspace: Path) -> None:
    (workspace / "a\nb").write_text("first")
    (workspace / "a%0Ab").write_text("second")
    said, files = export(workspace)
    assert len(files) == 1
    assert len(said) == 1
    assert "exists already" in said[0]


def test_names_made_of_dots_stay_inside(workspace: Path) -> None:
    (workspace / "...").write_text("x")
    (workspace / "..a").mkdir()
    (workspace / "..a/.. ").write_text("y")
    assert export(workspace)[1] == {"...": b"x", "..a/.. ": b"y"}


def test_a_hard_link_to_a_file_outside_is_left_out_and_one_within_is_copied(workspace: Path) -> None:
    (workspace.parent / "secret").write_text("secret")
    os.link(workspace.parent / "secret", workspace / "stolen")
    (workspace / "one").write_text("x")
    os.link(workspace / "one", workspace / "two")
    said, files = export(workspace)
    assert files == {"one": b"x", "two": b"x"}
    assert said == ["stolen: left out, it has a hard link outside the workspace"]


def test_limits_are_kept_and_told(workspace: Path) -> None:
    for name in "abc":
        (workspace / name).write_bytes(b"x" * 10)
    said, files = export(workspace, max_files=2)
    assert sorted(files) == ["a", "b"]
    assert said == ["c: left out, 2 files are kept already"]


def test_the_limit_of_all_bytes_holds(workspace: Path) -> None:
    for name in "abc":
        (workspace / name).write_bytes(b"x" * 10)
    said, files = export(workspace, max_bytes=25)
    assert sum(map(len, files.values())) == 20
    assert "would pass the 25" in said[0]


def test_skipped_names_and_paths_are_not_mentioned(workspace: Path) -> None:
    for path in (".cache/x", "code/.cache/y", "inputs/big", "inputs/small"):
        (workspace / path).parent.mkdir(parents=True, exist_ok=True)
        (workspace / path).write_text("x")
    assert export(workspace) == ([], {"inputs/small": b"x"})


def test_deep_nesting_ends_with_a_sentence(workspace: Path) -> None:
    deep = workspace.joinpath(*["d"] * 60)
    deep.mkdir(parents=True)
    (deep / "file").write_text("x")
    said, files = export(workspace)
    assert files == {}
    assert "nested deeper" in said[0]


def test_the_number_of_sentences_is_bounded(workspace: Path) -> None:
    for number in range(MAX_SENTENCES + 50):
        (workspace / f"link{number}").symlink_to("/etc/passwd")
    said, _ = export(workspace)
    assert len(said) == MAX_SENTENCES + 1
    assert said[-1] == "50 more things were left out"


def test_a_folder_swapped_for_a_link_meanwhile_is_not_followed(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = workspace.parent / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (workspace / "folder").mkdir()
    real = os.open

    def swapping(path: str | bytes | os.PathLike[str], flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == "folder" and not (workspace / "folder").is_symlink():
            (workspace / "folder").rmdir()
            (workspace / "folder").symlink_to(outside)
        return real(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", swapping)
    said, files = export(workspace)
    assert files == {}
    assert (workspace / "folder").is_symlink()
    assert said


def test_an_environment_or_a_cache_does_not_use_up_the_limits_first(workspace: Path) -> None:
    """As `pip install --target` and downloads leave them, with names that sort before what the agent made."""
    made = ["results/results.md", "code/run.py", "code/src/model.py", "notes.md", "data/a.csv"]
    crowd = [f"{folder}/{number}.py" for folder in (".cache", "code/site-packages", "data/.cache", "bin") for number in range(20)]
    for name in (*made, *crowd):
        (workspace / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace / name).write_text("x")
    out = workspace.parent / "out"
    export_workspace(workspace, out, skip=set(), max_files=30, first=("results", "code"))
    kept = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert len(kept) == 30
    assert kept >= {"results/results.md", "code/run.py", "code/src/model.py", "notes.md"}
