"""What a hostile workspace tries on its way out to the host: links, devices, names, sizes, archives, races; and the ledger."""

import contextlib
import json
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_mlrbench.evidence.events import read_events
from pytest_mlrbench.evidence.ledger import Ledger
from pytest_mlrbench.sandboxes.export import export_workspace
from tests.security.attempts import LEAVING
from tests.security.box import Box, box
from tests.support.docker import need_docker

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def image() -> str:
    return need_docker()


@pytest.fixture(scope="module")
def shared(image: str, tmp_path_factory: pytest.TempPathFactory):
    with box(tmp_path_factory.mktemp("leaving"), image) as made:
        yield made


@dataclass
class Exported:
    """What came out."""

    folder: Path
    said: list[str]

    @property
    def names(self) -> set[str]:
        return {path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if not path.is_dir()}

    def why(self, name: str) -> str:
        return next((line for line in self.said if line.startswith(name + ": ")), "")


def exported(given: Box, out: Path, **limits: int) -> Exported:
    """The workspace, exported while nothing may hold it for longer than a minute."""
    said: list[str] = []
    worker = threading.Thread(target=lambda: said.extend(export_workspace(given.workspace, out, skip=set(), **limits)), daemon=True)
    worker.start()
    worker.join(60)
    assert not worker.is_alive(), "the export hangs"
    for path in out.rglob("*"):
        status = path.lstat()
        assert stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
        assert status.st_mode & 0o7000 == 0
    return Exported(out, said)


CHECKS: dict[str, Callable[[Exported], bool]] = {
    "symlinks": lambda out: (
        out.names == {"kept"} and all("symbolic link" in out.why(name) for name in ("file", "folder", "up", "self"))
    ),
    "hard-links": lambda out: out.names == {"kept", "one", "two"},
    "fifo": lambda out: out.names == {"kept"} and "a FIFO" in out.why("pipe"),
    "unix-socket": lambda out: out.names == {"kept"} and "a socket" in out.why("door"),
    "device": lambda out: out.names == {"kept"},
    "names": lambda out: (
        "kept" in out.names
        and len(out.names) == 7
        and all(name.isprintable() and "\u202e" not in name for name in out.names)
        and not any(part in (".", "..") for name in out.names for part in name.split("/"))
    ),
    "sparse-files": lambda out: out.names == {"kept"} and "most of it holes" in out.why("sparse"),
    "many-files": lambda out: len(out.names) == 300 and any("are kept already" in line for line in out.said),
    "deep-folders": lambda out: "kept" in out.names and any("nested deeper" in line for line in out.said),
    "archives": lambda out: (
        out.names == {"kept", "bomb.npz", "bomb.gz", "climb.tar"}
        and sum(path.stat().st_size for path in out.folder.iterdir()) < 2 * 2**20
    ),
    "set-uid-file": lambda out: out.names == {"kept", "sh"},
}


@pytest.mark.parametrize("one", LEAVING, ids=[one.name for one in LEAVING])
def test_only_regular_files_with_safe_names_leave(one, shared: Box, tmp_path: Path) -> None:
    assert shared.run("find . -mindepth 1 -delete; echo mine > kept").exit_code == 0
    result = shared.attempt(one, {})
    assert (result.kind, result.exit_code) == ("exited", 0), result.output
    assert "GOT IN" not in result.output
    assert CHECKS[one.name](exported(shared, tmp_path / "out", max_files=300))


def test_every_attempt_to_leave_is_checked() -> None:
    assert set(CHECKS) == {one.name for one in LEAVING}


def test_a_folder_swapped_for_a_link_while_the_host_copies_leads_nowhere(image: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("the host's own")
    swapping = (
        f"mkdir real; echo mine > real/key; ln -s {secret} link; echo ready > kept; "
        "(while true; do mv -T real place; mv -T place real; mv -T link place; mv -T place link; done) >/dev/null 2>&1 &"
    )
    with box(tmp_path / "box", image) as given:
        assert given.run(swapping).exit_code == 0
        for number in range(30):
            out = exported(given, tmp_path / f"out{number}")
            assert all(path.read_text() != "the host's own" for path in out.folder.rglob("*") if path.is_file())
            given._loop.run(_write_into(given, "place/key"))
        assert (secret / "key").read_text() == "the host's own"
        assert len(list(secret.iterdir())) == 1


async def _write_into(given: Box, path: str) -> None:
    with contextlib.suppress(ValueError):  # the folder was a link, or gone, at that moment
        await given.sandbox.write(path, b"from the host")


def test_no_program_can_write_an_event_of_the_ledger(image: str, tmp_path: Path) -> None:
    """It lies outside the workspace; what a program writes is a change of a file, and its printed events are output."""
    trial = tmp_path / "trial"
    event = json.dumps({"seq": 1, "time": 1.0, "source": "host", "kind": "command", "command": "train", "exit_kind": "exited"})
    places = "evidence.jsonl ../evidence.jsonl /trial/evidence.jsonl"
    forging = f"echo '{event}' | tee {places} 2>/dev/null; touch -d 2020-01-01 old"
    with box(tmp_path / "box", image) as given:

        async def forge() -> None:
            ledger = Ledger(trial, given.workspace)
            await ledger.run(given.sandbox, forging, tool="bash", timeout=30)

        given._loop.run(forge())
    events, problem = read_events(trial / "evidence.jsonl")
    assert not problem
    assert [(one.seq, one.source, one.command) for one in events if one.kind == "command"] == [(1, "host", forging)]
    assert {change.path for change in events[-1].changes} == {"evidence.jsonl", "old"}
    assert events[-1].time > 1.7e9
    assert [path.name for path in (trial / "evidence" / "outputs").iterdir()] == ["0001.log"]
