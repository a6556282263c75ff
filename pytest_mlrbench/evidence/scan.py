"""The host's look at a workspace that may be hostile: what lies there, by digest; the ledger calls it after every event."""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_ENTRIES = 100_000
"""Entries of one scan; what is beyond is not looked at and the scan says so."""
WHOLE = 256 * 2**20
"""Bytes up to which a file is hashed whole; beyond, its first and last EDGE and its size."""
EDGE = 4 * 2**20
KEEP = 2**20
"""Result and source files below this many bytes are kept, every version."""
KEPT_SUFFIXES = frozenset(
    {".json", ".jsonl", ".csv", ".tsv", ".txt", ".md", ".log", ".png", ".svg", ".npz", ".ipynb"}
    | {".py", ".sh", ".r", ".jl", ".yaml", ".yml", ".toml", ".cfg"}
)
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


def scan(root: Path, before: Scan | None = None, versions: Path | None = None) -> Scan:
    """Look at everything below `root`, following no link and opening only regular files.

    Files whose stamp stands in `before` keep their digest unread. New content of kept suffixes below KEEP bytes is copied to
    `versions/<sha256>`. Never raises for what lies in the workspace: what cannot be read is recorded as `unread:`.
    """
    known = before.files if before else {}
    files: dict[str, Seen] = {}
    for count, entry in enumerate(_walk(root), 1):
        if count > MAX_ENTRIES:
            return Scan(files, truncated=True)
        if isinstance(entry, tuple):
            files[entry[0]] = Seen((0, 0, 0, 0), f"unread:{entry[1]}", 0)
            continue
        name = _printable(os.path.relpath(entry.path, root))
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
            files[name] = Seen(stamp, _digest(entry.path, status, versions), status.st_size)
    return Scan(files)


def _walk(root: Path) -> Iterator["os.DirEntry[str] | tuple[str, str]"]:
    """Every entry below `root` that is no directory, and (path, error) for directories that cannot be listed."""
    pending = [str(root)]
    while pending:
        folder = pending.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            yield _printable(os.path.relpath(folder, root)), error.strerror or type(error).__name__
            continue
        for entry in entries:
            try:
                is_folder = entry.is_dir(follow_symlinks=False)
            except OSError:
                is_folder = False
            if is_folder:
                pending.append(entry.path)
            else:
                yield entry


def _digest(path: str, status: os.stat_result, versions: Path | None) -> str:
    if stat.S_ISLNK(status.st_mode):
        try:
            return "link:" + hashlib.sha256(os.fsencode(os.readlink(path))).hexdigest()  # noqa: PTH115 (bytes of a hostile name)
        except OSError as error:
            return f"unread:{error.strerror}"
    if not stat.S_ISREG(status.st_mode):
        return f"special:{stat.S_IFMT(status.st_mode):o}"
    try:
        # O_NONBLOCK and the second look by fstat: the entry may have become a FIFO or a link since it was listed.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
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
            if versions is not None and now.st_size < KEEP and Path(path).suffix.lower() in KEPT_SUFFIXES:
                content = file.read(KEEP)
                digest = hashlib.sha256(content).hexdigest()
                _keep(versions / digest, content)
                return digest
            return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            return f"unread:{error.strerror}"


def _keep(target: Path, content: bytes) -> None:
    """Store one version, complete or not at all."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    part.write_bytes(content)
    part.replace(target)


def _printable(name: str) -> str:
    """Undecodable bytes as `\\udcXX`, so that the name can be stored and shown."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
