"""The host's look at a workspace that may be hostile: what lies there, by digest; the ledger calls it after every event."""

import contextlib
import hashlib
import os
import stat
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from ..sandboxes.nofollow import open_folder

MAX_ENTRIES = 100_000
"""Entries of one scan; what is beyond is not looked at and the scan says so."""
WHOLE = 256 * 2**20
"""Bytes up to which a file is hashed whole; beyond, its first and last EDGE and its size."""
EDGE = 4 * 2**20
MAX_DEPTH = 100
MOST_KEPT = 4 * 2**30
"""Bytes of all kept versions of a trial."""
KEEP = 2**20
"""Result and source files below this many bytes are kept, every version."""
_KEPT_SUFFIXES = """
.json .jsonl .csv .tsv .txt .md .log .png .svg .npz .ipynb
.py .sh .r .jl .yaml .yml .toml .cfg .ini .conf .sql .xml .dat .ndjson .lst .in
"""
KEPT_SUFFIXES = frozenset(_KEPT_SUFFIXES.split())
"""Result-like files, and the source texts that say how a result was made."""


@dataclass(frozen=True)
class Seen:
    """One file as a scan saw it."""

    stamp: tuple[int, int, int, int]
    """Size, mtime and ctime in ns, inode: unchanged means that it is not read again."""
    digest: str
    """sha256; `edges:` and a digest of head, tail and size for huge files; `link:` and the target's digest; `special:` and the
    kind; `unread:` and the error."""
    size: int


@dataclass(frozen=True)
class Scan:
    """A workspace at one moment."""

    files: dict[str, Seen]
    """Path relative to the workspace -> file. Directories are not listed."""
    truncated: bool = False
    """There were more than MAX_ENTRIES entries."""
    unkept: int = 0
    """New versions that MOST_KEPT left no room for."""


def scan(root: Path, before: Scan | None = None, versions: Path | None = None) -> Scan:
    """Look at everything below `root`, following no link and opening only regular files.

    Files whose stamp stands in `before` keep their digest unread. New content of kept suffixes below KEEP bytes is copied to
    `versions/<sha256>`. Never raises for what lies in the workspace: what cannot be read is recorded as `unread:`.
    """
    known = before.files if before else {}
    kept = Versions(versions) if versions is not None else None
    files: dict[str, Seen] = {}
    truncated = False
    with contextlib.closing(_walk(root)) as found:
        for count, (name, entry, folder) in enumerate(found, 1):
            if count > MAX_ENTRIES:
                truncated = True
                break
            if isinstance(entry, str):
                files[name] = Seen((0, 0, 0, 0), f"unread:{entry}", 0)
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError as error:
                files[name] = Seen((0, 0, 0, 0), f"unread:{error.strerror}", 0)
                continue
            stamp = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
            old = known.get(name)
            if old is not None and old.stamp == stamp and not old.digest.startswith("unread:"):
                files[name] = old
            else:
                files[name] = Seen(stamp, _digest(entry.name, folder, status, kept), status.st_size)
    return Scan(files, truncated, kept.refused if kept else 0)


def _walk(root: Path) -> Generator[tuple[str, "os.DirEntry[str] | str", int], None, None]:
    """Name, entry and its folder's descriptor of every entry below `root` that is no directory; for directories that cannot be
    listed the error in place of the entry. Folders are opened one below the other: one swapped for a link leads nowhere."""
    pending: list[tuple[str, ...]] = [()]
    seen = 0
    while pending and seen <= MAX_ENTRIES:
        parts = pending.pop()
        place = _printable("/".join(parts))
        if len(parts) > MAX_DEPTH:
            yield place, f"folders are nested deeper than {MAX_DEPTH}", -1
            continue
        with contextlib.ExitStack() as held:
            try:
                folder = held.enter_context(open_folder(root, parts))
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError as error:
                yield place, error.strerror or type(error).__name__, -1
                continue
            for entry in entries:
                seen += 1
                try:
                    is_folder = entry.is_dir(follow_symlinks=False)
                except OSError:
                    is_folder = False
                if is_folder:
                    pending.append((*parts, entry.name))
                else:
                    yield f"{place}/{_printable(entry.name)}" if place else _printable(entry.name), entry, folder


class Versions:
    """The folder of kept versions, with a limit: a program that rewrites its files must not fill the host's disk by it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bytes: int | None = None
        self.refused = 0
        """Versions that were not kept for want of room."""

    def keep(self, digest: str, content: bytes) -> None:
        """Store one version, complete or not at all."""
        target = self._folder / digest
        if target.exists():
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._bytes is None:
            with os.scandir(self._folder) as kept:
                self._bytes = sum(entry.stat().st_size for entry in kept)
        if self._bytes + len(content) > MOST_KEPT:
            self.refused += 1
            return
        self._bytes += len(content)
        part = target.with_name(f"{target.name}.{os.getpid()}.part")
        part.write_bytes(content)
        part.replace(target)


def _digest(name: str, folder: int, status: os.stat_result, versions: Versions | None) -> str:
    if stat.S_ISLNK(status.st_mode):
        try:
            return "link:" + hashlib.sha256(os.fsencode(os.readlink(name, dir_fd=folder))).hexdigest()
        except OSError as error:
            return f"unread:{error.strerror}"
    if not stat.S_ISREG(status.st_mode):
        return f"special:{stat.S_IFMT(status.st_mode):o}"
    try:
        # O_NONBLOCK and the second look by fstat: the entry may have become a FIFO or a link since it was listed.
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        return f"unread:{error.strerror}"
    with os.fdopen(descriptor, "rb") as file:
        try:
            now = os.fstat(descriptor)
            if not stat.S_ISREG(now.st_mode):
                return f"special:{stat.S_IFMT(now.st_mode):o}"
            if now.st_size > WHOLE:
                head = file.read(EDGE)
                file.seek(-EDGE, os.SEEK_END)
                return "edges:" + hashlib.sha256(head + file.read(EDGE) + str(now.st_size).encode()).hexdigest()
            if versions is not None and now.st_size < KEEP and Path(name).suffix.lower() in KEPT_SUFFIXES:
                content = file.read(KEEP)
                digest = hashlib.sha256(content).hexdigest()
                versions.keep(digest, content)
                return digest
            return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            return f"unread:{error.strerror}"


def _printable(name: str) -> str:
    """Undecodable bytes as `\\udcXX`, so that the name can be stored and shown."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
