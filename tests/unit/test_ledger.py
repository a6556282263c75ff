"""The ledger: what a command or an editor tool left is recorded by the host, durably, whatever the workspace holds."""

import asyncio
import hashlib
import json
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from evidence_worlds import World

from pytest_mlrbench.errors import InfrastructureError
from pytest_mlrbench.evidence import scan as scanning
from pytest_mlrbench.evidence.events import UNATTENDED, read_events
from pytest_mlrbench.evidence.ledger import Ledger
from pytest_mlrbench.evidence.scan import scan
from pytest_mlrbench.sandboxes.base import ExecResult


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def changes(world: World, seq: int) -> dict[str, str]:
    return {change.path: change.kind for change in world.events()[seq - 1].changes}


def test_a_command_is_recorded_with_its_output_exit_status_and_changed_files(tmp_path: Path) -> None:
    world = World(tmp_path)
    result = world.run("echo hello; echo 0.5 > results/a.txt; exit 3")
    (event,) = world.events()
    assert result.exit_code == 3
    assert (event.seq, event.source, event.kind, event.tool, event.exit_kind, event.exit_code) == (
        1,
        "host",
        "command",
        "bash",
        "exited",
        3,
    )
    assert event.output == "evidence/outputs/0001.log"
    assert (world.trial / event.output).read_text() == "hello\n"
    assert event.output_sha256 == digest("hello\n")
    assert event.output_bytes == 6
    assert event.started is not None
    assert event.finished is not None
    assert event.started <= event.finished
    assert event.failed
    (change,) = event.changes
    assert (change.path, change.before, change.after, change.size, change.kind) == (
        "results/a.txt",
        None,
        digest("0.5\n"),
        4,
        "created",
    )


def test_modified_and_deleted_files_carry_both_digests(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run("echo 1 > a.txt; echo 1 > b.txt")
    world.run("echo 2 > a.txt; rm b.txt")
    modified, deleted = world.events()[1].changes
    assert (modified.path, modified.kind, modified.before, modified.after) == ("a.txt", "modified", digest("1\n"), digest("2\n"))
    assert (deleted.path, deleted.kind, deleted.before, deleted.after) == ("b.txt", "deleted", digest("1\n"), None)


def test_an_editor_tool_is_a_write_event(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write("code/x.py", "print(1)\n")
    (event,) = world.events()
    assert (event.kind, event.tool, event.data["path"]) == ("write", "write_file", "code/x.py")
    assert [change.path for change in event.changes] == ["code/x.py"]


def test_a_write_that_leaves_the_workspace_is_refused_and_leaves_no_event(tmp_path: Path) -> None:
    world = World(tmp_path)
    with pytest.raises(ValueError, match="leaves the workspace"):
        world.write("../outside.txt", "x")
    assert world.events() == []


def test_every_version_of_a_result_file_is_kept(tmp_path: Path) -> None:
    world = World(tmp_path)
    for text in ("first", "second"):
        world.write("results/results.json", text)
    versions = world.trial / "evidence" / "versions"
    assert {path.name: path.read_text() for path in versions.iterdir()} == {digest("first"): "first", digest("second"): "second"}


def test_files_that_are_no_results_or_too_large_are_digested_but_not_kept(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run("head -c 2000000 /dev/zero > results/big.json; head -c 10 /dev/zero > model.bin")
    assert set(changes(world, 1)) == {"results/big.json", "model.bin"}
    assert not (world.trial / "evidence" / "versions").exists()


def test_a_reverted_mtime_does_not_hide_a_change(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run("echo 1 > a.txt; touch -d 2020-01-01 a.txt")
    world.run("echo 2 > a.txt; touch -d 2020-01-01 a.txt")
    assert changes(world, 2) == {"a.txt": "modified"}


def test_hostile_entries_are_recorded_without_being_opened_or_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    world = World(tmp_path)
    world.run(f"mkfifo pipe; ln -s {secret} link; ln -s . loop; printf x > $'new\\nline.txt'; printf x > $'bad\\xff.txt'")
    events = world.events()
    after = {change.path: change.after or "" for change in events[0].changes}
    assert after["pipe"].startswith("special:")
    assert after["link"].startswith("link:")
    assert after["loop"].startswith("link:")
    assert after["new\nline.txt"] == digest("x")
    assert after["bad\\udcff.txt"] == digest("x")
    assert digest("secret") not in (world.trial / "evidence.jsonl").read_text()


def test_a_directory_that_cannot_be_listed_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    real = scanning.open_folder

    def refuse(root: Path, parts: tuple[str, ...]) -> AbstractContextManager[int]:
        if parts == ("closed",):
            raise PermissionError(13, "Permission denied")
        return real(root, parts)

    monkeypatch.setattr(scanning, "open_folder", refuse)
    assert scan(tmp_path).files["closed"].digest == "unread:Permission denied"


def test_a_huge_file_is_digested_by_its_edges_and_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "WHOLE", 100)
    monkeypatch.setattr(scanning, "EDGE", 10)
    (tmp_path / "huge.bin").write_bytes(b"a" * 200)
    first = scan(tmp_path).files["huge.bin"].digest
    (tmp_path / "huge.bin").write_bytes(b"a" * 201)
    assert first.startswith("edges:")
    assert scan(tmp_path).files["huge.bin"].digest != first


def test_a_tree_with_too_many_entries_is_cut_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "MAX_ENTRIES", 3)
    world = World(tmp_path)
    world.run("for i in 1 2 3 4 5; do echo $i > $i.txt; done")
    (event,) = world.events()
    assert len(event.changes) == 3
    assert event.data["truncated"] is True


def test_folders_too_deep_to_open_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "MAX_DEPTH", 2)
    (tmp_path / "a/b/c").mkdir(parents=True)
    (tmp_path / "a/b/seen").touch()
    (tmp_path / "a/b/c/unseen").touch()
    files = scan(tmp_path).files
    assert set(files) == {"a/b/seen", "a/b/c"}
    assert files["a/b/c"].digest == "unread:folders are nested deeper than 2"


def test_a_folder_swapped_for_a_link_while_it_is_scanned_leads_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = tmp_path / "host"
    host.mkdir()
    (host / "keys.txt").write_text("the host's own")
    workspace = tmp_path / "ws"
    (workspace / "place").mkdir(parents=True)
    (workspace / "place/keys.txt").write_text("mine")
    real = scanning.open_folder

    def swap(root: Path, parts: tuple[str, ...]) -> AbstractContextManager[int]:
        if parts == ("place",):
            (workspace / "place").rename(workspace / "moved")
            (workspace / "place").symlink_to(host)
        return real(root, parts)

    monkeypatch.setattr(scanning, "open_folder", swap)
    files = scan(workspace, versions=tmp_path / "versions").files
    assert files["place"].digest.startswith("unread:")
    assert not (tmp_path / "versions").exists()


def test_kept_versions_have_a_limit_and_the_event_says_what_was_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "MOST_KEPT", 25)
    world = World(tmp_path)
    world.run("for i in 1 2 3 4; do printf 'ten bytes%s' $i > $i.txt; done")
    (event,) = world.events()
    assert event.data["versions_not_kept"] == 2
    assert all(change.after and not change.after.startswith("unread") for change in event.changes)


def test_an_unchanged_file_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("x")
    first = scan(tmp_path)
    monkeypatch.setattr(scanning, "_digest", lambda *_: pytest.fail("read again"))
    assert scan(tmp_path, first) == first


def test_a_reopened_ledger_goes_on_and_first_names_what_changed_meanwhile(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run("echo 1 > a.txt; echo 1 > b.txt")
    (world.output / "a.txt").write_text("changed while nobody looked\n")
    (world.output / "b.txt").unlink()
    world.ledger = Ledger(world.trial, world.output)
    world.run("echo 1 > c.txt")
    first, note, last = world.events()
    assert [event.seq for event in (first, note, last)] == [1, 2, 3]
    assert (note.source, note.kind, note.tool) == ("host", "note", UNATTENDED)
    assert {change.path: change.kind for change in note.changes} == {"a.txt": "modified", "b.txt": "deleted"}
    assert [change.path for change in last.changes] == ["c.txt"]


def test_a_reopened_ledger_without_changes_adds_no_event(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run("echo 1 > a.txt")
    asyncio.run(Ledger.open(world.trial, world.output))
    assert len(world.events()) == 1


@pytest.mark.parametrize("torn", [b'{"seq": 2, "ti', b'{"seq": 2}\n'])
def test_a_torn_last_line_is_left_out_named_and_cut_on_reopening(tmp_path: Path, torn: bytes) -> None:
    world = World(tmp_path)
    world.run("true")
    path = world.trial / "evidence.jsonl"
    path.write_bytes(path.read_bytes() + torn)
    events, problem = read_events(path)
    assert len(events) == 1
    assert "left out" in problem
    world.ledger = Ledger(world.trial, world.output)
    world.run("true")
    events, problem = read_events(path)
    assert [event.seq for event in events] == [1, 2, 3]
    assert problem == ""
    assert "left out" in events[1].data["ledger"]


def test_a_damaged_line_in_the_middle_is_an_infrastructure_error(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run("true")
    world.run("true")
    path = world.trial / "evidence.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(["{not json", lines[1], ""]))
    with pytest.raises(InfrastructureError, match="line 1 is not an event"):
        read_events(path)


def test_no_file_is_no_events(tmp_path: Path) -> None:
    assert read_events(tmp_path / "evidence.jsonl") == ([], "")


def test_each_line_is_ascii_json(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run("echo 'grüße \u2028' > 'ü.txt'")
    for line in (world.trial / "evidence.jsonl").read_bytes().splitlines():
        line.decode("ascii")
        json.loads(line)


def test_a_broken_sandbox_is_recorded_as_a_note_and_raised(tmp_path: Path) -> None:
    world = World(tmp_path)

    async def broken(*_: object, **__: object) -> ExecResult:
        raise InfrastructureError("engine gone")

    world.sandbox.exec = broken  # type: ignore[method-assign]
    with pytest.raises(InfrastructureError, match="engine gone"):
        world.run("echo 1")
    (event,) = world.events()
    assert (event.kind, event.tool, event.data["error"]) == ("note", "sandbox failed", "engine gone")


def test_notes_and_the_environment_are_events(tmp_path: Path) -> None:
    world = World(tmp_path)
    asyncio.run(world.ledger.note("environment", {"image": "abc"}))
    asyncio.run(Ledger(world.trial, world.output).note("gpu", {"busy": 0.5}))
    assert [(event.kind, event.tool, event.data) for event in world.events()] == [
        ("environment", "", {"image": "abc"}),
        ("note", "gpu", {"busy": 0.5}),
    ]
