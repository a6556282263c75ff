"""Copies what a trial left in its untrusted workspace into the run store; the runner calls it once the sandbox is closed."""

import os
import stat
import unicodedata
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from .nofollow import FOLDER_FLAGS

MAX_DEPTH = 40
MAX_ENTRIES = 100_000
MAX_SENTENCES = 200
_CHUNK = 2**20
TOOL_FOLDERS = frozenset({"__pycache__", "node_modules", "site-packages", "venv"})
"""Folders that tools fill with thousands of files; hidden folders are such too."""
_UNSAFE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Unicode categories: control, format (bidirectional marks), surrogate (bytes not UTF-8), private, unassigned, line separators."""


def export_workspace(
    workspace: Path,
    destination: Path,
    *,
    skip: Set[str],
    max_files: int = 5000,
    max_bytes: int = 2 * 2**30,
    max_file: int = 256 * 2**20,
    first: Sequence[str] = (),
) -> list[str]:
    """Copy the regular files of `workspace` to `destination` (made if absent; existing files are not overwritten).

    Nothing else is copied: no link, device, FIFO or socket, and no file with a hard link outside the workspace. No link is
    followed, even if one is swapped in while this runs. Names that a reader or a shell could trip over (control characters,
    not UTF-8) are percent-encoded. Times of change are kept, as the evidence checks read them.
    Of each folder files come first, then folders, those of tools (hidden ones, `site-packages`) last: an environment or a cache
    must not use the limits up before what the agent made.

    Args:
        skip: names (at any depth) and paths (`/name` for one at the top) of the workspace that are left out without a word.
        max_files: most files copied.
        max_bytes: most bytes copied in all.
        max_file: most bytes of one file; a sparse file counts as long as it says it is.
        first: names at the top that are copied before all others, in this order.

    Returns:
        One sentence for each thing left out, at most MAX_SENTENCES and one for the rest.

    Raises:
        OSError: the workspace cannot be opened or the destination not be written.
    """
    job = _Export(destination, frozenset(skip), max_files, max_bytes, max_file, tuple(first))
    root = os.open(workspace, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        device = os.fstat(root).st_dev
        job.count_links(root, (), device)
        job.entries = 0
        job.left_out.clear()
        destination.mkdir(parents=True, exist_ok=True)
        job.copy_folder(root, (), device)
    finally:
        os.close(root)
    if len(job.left_out) > MAX_SENTENCES:
        more = len(job.left_out) - MAX_SENTENCES
        return [*job.left_out[:MAX_SENTENCES], f"{more} more things were left out"]
    return job.left_out


def safe_component(name: str) -> str:
    """`name` with control and formatting characters, line separators and bytes that are not UTF-8 percent-encoded.

    >>> safe_component("a" + chr(10) + "b")
    'a%0Ab'
    """
    return "".join(_encoded(letter) if unicodedata.category(letter) in _UNSAFE else letter for letter in name)


def _encoded(letter: str) -> str:
    return "".join(f"%{byte:02X}" for byte in os.fsencode(letter))


@dataclass
class _Export:
    destination: Path
    skip: frozenset[str]
    max_files: int
    max_bytes: int
    max_file: int
    first: tuple[str, ...]
    left_out: list[str] = field(default_factory=list)
    links: Counter[tuple[int, int]] = field(default_factory=Counter)
    """(device, inode) of files with several names -> names seen inside the workspace."""
    entries: int = 0
    files: int = 0
    bytes: int = 0

    def _say(self, parts: tuple[str, ...], why: str) -> None:
        self.left_out.append(f"{'/'.join(map(safe_component, parts))}: {why}")

    def _listing(self, folder: int, parts: tuple[str, ...]) -> list[tuple[str, os.stat_result]]:
        """Names and status of a folder's entries, in the order of their importance, without what `skip` names."""
        found = []
        try:
            names = sorted(os.listdir(folder))
        except OSError as error:
            self._say(parts, f"left out, it cannot be listed ({error.strerror})")
            return []
        for name in names:
            if name in self.skip or f"/{'/'.join((*parts, name))}" in self.skip or "/".join((*parts, name)) in self.skip:
                continue
            self.entries += 1
            if self.entries > MAX_ENTRIES:
                self._say(parts, f"the rest of it is left out, there are more than {MAX_ENTRIES} entries in all")
                break
            try:
                found.append((name, os.stat(name, dir_fd=folder, follow_symlinks=False)))
            except OSError as error:
                self._say((*parts, name), f"left out, it cannot be read ({error.strerror})")
        return sorted(found, key=lambda entry: self._turn(parts, *entry))

    def _turn(self, parts: tuple[str, ...], name: str, status: os.stat_result) -> tuple[int, int, str]:
        chosen = self.first.index(name) if not parts and name in self.first else len(self.first)
        folder = stat.S_ISDIR(status.st_mode)
        return chosen, folder + (folder and (name.startswith(".") or name in TOOL_FOLDERS)), name

    def _enter(self, folder: int, parts: tuple[str, ...], status: os.stat_result, device: int) -> int | None:
        """Descriptor of a folder below, or None with the reason said."""
        if len(parts) > MAX_DEPTH:
            self._say(parts, f"left out, folders are nested deeper than {MAX_DEPTH}")
        elif status.st_dev != device:
            self._say(parts, "left out, it is on another file system")
        else:
            try:
                return os.open(parts[-1], FOLDER_FLAGS, dir_fd=folder)
            except OSError as error:
                self._say(parts, f"left out, it cannot be opened ({error.strerror})")
        return None

    def count_links(self, folder: int, parts: tuple[str, ...], device: int) -> None:
        """First pass: how many names of each multiply linked file lie inside the workspace."""
        for name, status in self._listing(folder, parts):
            if stat.S_ISDIR(status.st_mode):
                below = self._enter(folder, (*parts, name), status, device)
                if below is not None:
                    try:
                        self.count_links(below, (*parts, name), device)
                    finally:
                        os.close(below)
            elif stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
                self.links[status.st_dev, status.st_ino] += 1

    def copy_folder(self, folder: int, parts: tuple[str, ...], device: int) -> None:
        """Second pass: copy."""
        for name, status in self._listing(folder, parts):
            path = (*parts, name)
            if stat.S_ISDIR(status.st_mode):
                below = self._enter(folder, path, status, device)
                if below is not None:
                    try:
                        self.copy_folder(below, path, device)
                    finally:
                        os.close(below)
            elif stat.S_ISREG(status.st_mode):
                self._copy_file(folder, path)
            else:
                self._say(path, f"left out, it is {_kind(status.st_mode)}")

    def _copy_file(self, folder: int, path: tuple[str, ...]) -> None:
        try:
            # O_NONBLOCK: a FIFO swapped in after the listing must not hold us.
            source = os.open(path[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        except OSError as error:
            self._say(path, f"left out, it cannot be opened ({error.strerror})")
            return
        try:
            status = os.fstat(source)
            reason = self._refuse(status)
            if reason is None:
                reason = self._transfer(source, status, path)
            if reason is not None:
                self._say(path, f"left out, {reason}")
        finally:
            os.close(source)

    def _refuse(self, status: os.stat_result) -> str | None:
        if not stat.S_ISREG(status.st_mode):
            return f"it is {_kind(status.st_mode)}"
        if status.st_nlink > 1 and self.links[status.st_dev, status.st_ino] < status.st_nlink:
            return "it has a hard link outside the workspace"
        if status.st_size > self.max_file:
            sparse = ", most of it holes" if status.st_blocks * 512 < status.st_size // 2 else ""
            return f"it has {status.st_size} bytes{sparse}; at most {self.max_file} are kept of a file"
        if self.files >= self.max_files:
            return f"{self.max_files} files are kept already"
        if self.bytes + status.st_size > self.max_bytes:
            return f"with its {status.st_size} bytes the workspace would pass the {self.max_bytes} that are kept"
        return None

    def _transfer(self, source: int, status: os.stat_result, path: tuple[str, ...]) -> str | None:
        """Copy an opened file; the reason when that is not possible."""
        target = self.destination.joinpath(*map(safe_component, path))
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            out = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        except FileExistsError:
            return f"{target.name!r} exists already"
        except OSError as error:
            if error.errno is not None and error.strerror and len(os.fsencode(target.name)) > 255:
                return f"its name is too long ({error.strerror})"
            raise
        try:
            left = status.st_size
            while left > 0 and (chunk := os.read(source, min(_CHUNK, left))):
                view = memoryview(chunk)
                while view:
                    view = view[os.write(out, view) :]
                left -= len(chunk)
        finally:
            os.close(out)
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
        self.files += 1
        self.bytes += status.st_size
        return None


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
        stat.S_IFBLK: "a block device",
        stat.S_IFCHR: "a character device",
    }
    return kinds.get(stat.S_IFMT(mode), "no regular file")
