"""The workspace of one attempt: what the host puts into it, changed or not, and what it keeps of it; execute.py's."""

import contextlib
import os
import posixpath
import shlex
import shutil
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ..evidence.checks.data import RESULT_SUFFIXES
from ..evidence.checks.subject import files_below, read_bytes
from ..evidence.checks.writers import SOURCE_SUFFIXES
from ..evidence.ledger import Ledger
from ..evidence.reruns import NO_COPY, DataFile, Knob, Left
from ..sandboxes.base import Sandbox
from ..sandboxes.common import components
from ..sandboxes.nofollow import open_folder
from . import changed_data, data
from .seeds import shift_text

if TYPE_CHECKING:
    from .execute import Replayer

HOOK = ".mlrbench"
"""Folder of the workspace with the hook through which bundled data are handed out changed."""
KEPT = 8 * 2**20
"""Bytes of the largest output file of an attempt that is kept."""


@dataclass(frozen=True)
class Change:
    """What is different in one attempt."""

    offset: int = 0
    """Added to every seed; 0 leaves them."""
    data: str = ""
    """permuted, shuffled, truncated or absent; empty leaves the data."""
    env: dict[str, str] = field(default_factory=dict)


class Work:
    """The workspace of one attempt: what the host puts into it, and when."""

    def __init__(self, replayer: "Replayer", change: Change) -> None:
        self._replayer = replayer
        self._plan = replayer.plan
        self._change = change
        self._there: dict[str, str] = {}
        self._data = {one.path: one for one in replayer.data}
        self.knobs: list[Knob] = []
        self.changed: set[str] = set()
        self.placed: set[str] = set()

    def prepare(self, workspace: Path, seq: int) -> None:
        """Everything that the first step is given; the folder is empty and nothing runs in it yet."""
        given = self._plan.given(seq)
        for path, content in self._contents(given):
            target = workspace / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        for folder in self._plan.folders(seq):
            (workspace / folder).mkdir(parents=True, exist_ok=True)
        if self._change.data:
            (workspace / HOOK).mkdir(exist_ok=True)
            shutil.copyfile(changed_data.__file__, workspace / HOOK / "sitecustomize.py")
        self._there = given

    def bundled(self, workspace: Path) -> list[DataFile]:
        """The data of libraries that the programs were given changed, as the hook tells; a program can hide that, not feign it to
        its own good."""
        told = _inside(workspace, f"{HOOK}/{changed_data.TOLD}") or b""
        found: dict[str, DataFile] = {}
        for line in told.decode("utf-8", "replace").splitlines()[:10_000]:
            with contextlib.suppress(ValidationError):
                one = DataFile.model_validate_json(line)
                if one.path.startswith(f"{changed_data.NAME}."):
                    found.setdefault(one.path, one)
        return list(found.values())[:50]

    async def restore(self, ledger: Ledger, sandbox: Sandbox, seq: int) -> None:
        """What was edited or brought since the last step."""
        given = self._plan.given(seq)
        new = {path: digest for path, digest in given.items() if self._there.get(path) != digest}
        folders = self._plan.folders(seq)
        if folders:
            command = "mkdir -p -- " + " ".join(shlex.quote(f"./{folder}") for folder in folders)
            await sandbox.exec(command, timeout=60, output=ledger.trial_dir / "folders.log")
        for path, content in self._contents(new):
            await ledger.write(sandbox, path, content, tool="restored")
        self._there = given

    async def change_made(self, ledger: Ledger, sandbox: Sandbox, seq: int) -> None:
        """Change the data files that the step just made."""
        for one in self._data.values():
            if not self._change.data or one.made_by != seq:
                continue
            content = _inside(self._replayer.workspace, one.path)
            if content is None:
                continue
            new = self._replayer.changed_data(one.path, content, self._change.data)
            self.changed.add(one.path)
            if new is None:
                command = f"rm -f -- {shlex.quote('./' + one.path)}"
                await sandbox.exec(command, timeout=60, output=ledger.trial_dir / "folders.log")
            else:
                await ledger.write(sandbox, one.path, new, tool="restored")

    def _contents(self, wanted: dict[str, str]) -> Iterable[tuple[str, bytes]]:
        for path, digest in wanted.items():
            content = self._plan.content(path, digest) if _sound(path) else None
            if content is None:
                left = Left(what=path, why=NO_COPY)
                if left not in self._plan.left:
                    self._plan.left.append(left)
                continue
            if self._change.offset:
                content, knobs = shift_bytes(path, content, self._change.offset)
                self.knobs += knobs
            one = self._data.get(path)
            if self._change.data and one is not None and one.made_by is None:
                self.changed.add(path)
                changed = self._replayer.changed_data(path, content, self._change.data)
                if changed is None:
                    continue
                content = changed
            self.placed.add(path)
            yield path, content


def shift_bytes(path: str, content: bytes, offset: int) -> tuple[bytes, list[Knob]]:
    if posixpath.splitext(path)[1].lower() not in (*SOURCE_SUFFIXES, ".json") or len(content) > 2**20:
        return content, []
    try:
        text, knobs = shift_text(path, content.decode(), offset)
    except UnicodeDecodeError:
        return content, []
    return (text.encode(), knobs) if knobs else (content, [])


def _inside(workspace: Path, path: str) -> bytes | None:
    """A file of the workspace that a program made, following no link on the way; None for what is no regular file there."""
    parts = components(path)
    try:
        with open_folder(workspace, parts[:-1], make=False) as folder:
            descriptor = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
            with os.fdopen(descriptor, "rb") as file:
                regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
                return file.read(data.MAX_BYTES) if regular else None
    except OSError:
        return None


def _sound(path: str) -> bool:
    """Whether a recorded path can be written again."""
    try:
        return bool(components(path))
    except ValueError:
        return False


def keep(folder: Path, workspace: Path, work: Work) -> list[str]:
    """Copy what the programs of an attempt wrote (files with numbers, of a bounded size) beside its ledger; returns their names."""
    kept: list[str] = []
    for path in files_below(workspace):
        name = path.relative_to(workspace).as_posix()
        ours = name in work.placed or name in work.changed or name.startswith(("inputs/", f"{HOOK}/"))
        if path.suffix.lower() not in RESULT_SUFFIXES or ours or not _sound(name):
            continue
        try:
            small = path.stat().st_size <= KEPT
        except OSError:
            continue
        content = read_bytes(path, KEPT) if small else None
        if content is not None and len(kept) < 500:
            target = folder / "output" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            kept.append(name)
    return sorted(kept)
