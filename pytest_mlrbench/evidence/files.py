"""Bounded reading of folders that nobody vouches for: the walk over files, content at head and tail; no link is followed."""

import os
import stat
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from ..sandboxes.export import TOOL_FOLDERS

TEXT_LIMIT = 8 * 2**20
"""Bytes of one text that are read; a longer one is read at its head and tail."""
MAX_FILES = 20_000
MAX_OF_FOLDER = 2_000
"""Files of one folder that are looked at, the first by name: a folder of samples must not push out the results beside it."""
MAX_ENTRIES = 200_000
"""Directory entries that are read in one walk."""
MAX_DEPTH = 40
SKIPPED_FOLDERS = TOOL_FOLDERS | {".git", ".venv", ".ipynb_checkpoints"}


def read_bytes(path: Path, limit: int = TEXT_LIMIT) -> bytes | None:
    """Content of a regular file, its head and tail when longer than `limit`; None for anything else, links included."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        try:
            if status.st_size <= limit:
                return file.read(limit)
            head = file.read(limit // 2)
            file.seek(-(limit // 2), os.SEEK_END)
            return head + b"\n" + file.read(limit // 2)
        except OSError:
            return None


def read_text(path: Path, limit: int = TEXT_LIMIT) -> str:
    """As `read_bytes`, decoded with replacement; empty for what cannot be read."""
    content = read_bytes(path, limit)
    return content.decode("utf-8", "replace") if content else ""


def files_below(root: Path) -> Iterator[Path]:
    """Regular files below `root`, upper folders first and by name in each, MAX_FILES at most, following no link."""
    count = entries_read = 0
    pending = deque([(str(root), 0)])
    while pending and count < MAX_FILES and entries_read < MAX_ENTRIES:
        folder, depth = pending.popleft()
        files: list[str] = []
        folders: list[str] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    entries_read += 1
                    if entry.is_dir(follow_symlinks=False):
                        if entry.name not in SKIPPED_FOLDERS and depth < MAX_DEPTH:
                            folders.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        files.append(entry.path)
                    if entries_read >= MAX_ENTRIES:
                        break
        except OSError:
            pass
        pending.extend((path, depth + 1) for path in sorted(folders))
        for path in sorted(files)[: min(MAX_OF_FOLDER, MAX_FILES - count)]:
            count += 1
            yield Path(path)
