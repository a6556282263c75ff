"""What each stage is given and must leave behind; the engine plans chains from it, agents and audits ask what is missing."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..keys import GRADED

PROBE = 2**20
"""Bytes of a text file read to see whether it holds more than white space: an output may be a 2 GB file."""
TEXT_STAGE_FILE = 32 * 2**20
"""Bytes of the largest file kept of a text stage: a paper's figures have up to 20 MiB, and no such stage makes data."""


@dataclass(frozen=True)
class Stage:
    """One step of a chain."""

    name: str
    inputs: tuple[str, ...]
    """Stages whose outputs this one is given, in the order in which prompts show them."""
    required: tuple[str, ...]
    """What must exist below `output/` and hold something: a file, or with a trailing slash a folder with at least one such
    file. What a stage is only asked for (log.txt, claims.json, figures) is not here: its absence is a finding."""

    @property
    def graded(self) -> bool:
        """Whether judges review it, so that it is a pytest item."""
        return self.name in GRADED


STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage("idea", (), ("idea.md",)),
        Stage("literature", ("idea",), ("related_work.md",)),
        Stage("proposal", ("idea", "literature"), ("proposal.md",)),
        Stage("experiment", ("idea", "literature", "proposal"), ("code/", "results/results.md")),
        Stage("paper", ("idea", "literature", "proposal", "experiment"), ("paper.md",)),
        Stage("end2end", ("paper", "experiment"), ()),
    )
}
"""Every stage in the order of a chain (paper, section 2.2). `end2end` makes nothing: it grades its chain's paper and code."""


def missing_outputs(stage: str | Stage, output: Path) -> list[str]:
    """Why the output of `stage` below the folder `output` is unusable: one reason each, empty when it is usable.

    Links are refused wherever they stand, so that nothing outside `output` can pass for an output. Raises KeyError for an
    unknown stage.
    """
    wanted = STAGES[stage] if isinstance(stage, str) else stage
    reasons = (_why_unusable(output, name) for name in wanted.required)
    return [reason for reason in reasons if reason]


def _why_unusable(output: Path, name: str) -> str | None:
    place = output
    for part in Path(name).parts:
        place = place / part
        shown = place.relative_to(output).as_posix()
        try:
            mode = place.lstat().st_mode
        except FileNotFoundError:
            return f"{name} is missing" if shown == name.rstrip("/") else f"{name} is missing: there is no folder {shown}/"
        except NotADirectoryError:
            return f"{name} is missing: {place.parent.relative_to(output).as_posix()} is not a folder"
        except OSError as error:
            return f"{name} cannot be read: {error.strerror}"
        if stat.S_ISLNK(mode):
            return f"{name} is not usable: {shown} is a symbolic link, expected a {_wanted_kind(name, shown)}"
    if name.endswith("/"):
        if not stat.S_ISDIR(mode):
            return f"{name} is not a folder but a {_kind(mode)}"
        try:
            found = any(_regular_files(place))
        except OSError as error:
            return f"{name} cannot be read: {error.strerror}"
        return None if found else f"{name} is empty: expected at least one regular file that is not empty"
    if not stat.S_ISREG(mode):
        return f"{name} is not a regular file but a {_kind(mode)}"
    return _why_blank(place, name)


def _why_blank(file: Path, name: str) -> str | None:
    try:
        with file.open("rb") as stream:
            head = stream.read(PROBE)
    except OSError as error:
        return f"{name} cannot be read: {error.strerror}"
    if not head:
        return f"{name} is empty (0 bytes)"
    return None if head.strip() else f"{name} is empty: it holds only white space"


def _regular_files(folder: Path) -> Iterator[Path]:
    """Non-empty regular files below `folder`, links not followed. Raises OSError where a folder cannot be listed."""

    def refuse(error: OSError) -> None:
        raise error

    for parent, _, names in os.walk(folder, onerror=refuse, followlinks=False):
        for name in names:
            path = Path(parent, name)
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and status.st_size:
                yield path


def _wanted_kind(name: str, shown: str) -> str:
    return "regular file" if shown == name else "folder"


def _kind(mode: int) -> str:
    for test, kind in (
        (stat.S_ISREG, "regular file"),
        (stat.S_ISDIR, "folder"),
        (stat.S_ISFIFO, "named pipe"),
        (stat.S_ISSOCK, "socket"),
        (stat.S_ISLNK, "symbolic link"),
    ):
        if test(mode):
            return kind
    return "device"
