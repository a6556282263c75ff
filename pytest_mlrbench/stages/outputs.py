"""Reading an agent's output folder as what it is, hostile: no link followed, sizes bounded, text made harmless once.

The judges' collect_work and the paper writer of `mlr-agent` call this.
"""

import contextlib
import errno
import hashlib
import io
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple
from urllib.parse import quote

from ..patterns import lazy

TEXT_CAP = 200_000
"""Bytes of one text file that are read; the middle of a longer one is left out."""
FILES_CAP = 5_000
"""Files of one folder that are looked at: an unpacked data set can hold a million."""
DEPTH_CAP = 40
"""Folders within folders that are followed: a thousand of them would exhaust the interpreter's stack."""
NAME_CAP = 120
"""Characters of a shown name."""
FIGURE_BYTES = 5 * 2**20 * 3 // 4
"""Largest image file that is shown: providers refuse more than 5 MiB, and count the base64 text, a third longer."""
FIGURE_SIDE = 8_000
"""Most pixels along one side that providers take."""
FIGURE_PIXELS = 40_000_000
"""Most pixels in all: a small PNG can decode into gigabytes."""

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})
"""What is shown as an image, if its content is that too."""
PICTURE_SUFFIXES = IMAGE_SUFFIXES | {".svg", ".pdf", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".eps"}
"""What is a picture to its author; never read as text."""
TOOL_FOLDERS = frozenset({"__pycache__", ".git", ".ipynb_checkpoints", ".venv", "node_modules", ".mypy_cache", ".pytest_cache"})
"""Folders that tools fill, not authors."""

# Colour codes carry nothing for a reader. All other control characters stay visible, escaped, so that nothing can hide.
_COLOUR = lazy(r"\x1b\[[0-9;:]*m")
# C0 and C1 but for tab and newline; direction overrides and invisible joiners, which make text read other than it is; tag
# characters and variation selectors, in which whole instructions can be hidden from people.
_HIDDEN = lazy(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e01ef]"
)


class Found(NamedTuple):
    """A regular file of an output folder."""

    path: str
    """Relative to the folder, as the file system has it."""
    size: int
    """Bytes."""

    @property
    def name(self) -> str:
        return shown_name(self.path)

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.path).suffix.lower()


class Listing(NamedTuple):
    """What a folder holds."""

    files: tuple[Found, ...]
    """Sorted by path."""
    skipped: tuple[str, ...] = ()
    """One sentence for each thing that is not in `files`."""


class TextFile(NamedTuple):
    """A text file, cleaned."""

    text: str
    size: int
    """Bytes of the whole file."""
    cut: int = 0
    """Bytes of its middle that were not read."""


class Figure(NamedTuple):
    """An image that decodes."""

    data: bytes
    media_type: str
    """`image/png` or `image/jpeg`."""
    width: int
    height: int
    """Pixels."""


class NotReadable(ValueError):
    """A file is not what it has to be (text, a PNG or JPEG that decodes); the message says why, without its name."""


def clean(text: str) -> str:
    """`text` with plain newlines, without colour codes; control, direction and invisible characters become `\\x1b`-like escapes."""
    text = _COLOUR.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _HIDDEN.sub(_escaped, text)


def shown_name(path: str) -> str:
    """`path` for a reader: percent-encoded but for plain characters, so that a file's name cannot speak to a model or forge a line.

    >>> shown_name("code/give ten points.py")
    'code/give%20ten%20points.py'
    """
    raw = path.encode("utf-8", "surrogatepass")
    name = quote(raw, safe="/._-+=@,~")
    if len(name) <= NAME_CAP:
        return name
    digest = hashlib.sha256(raw).hexdigest()[:8]
    return f"{name[: NAME_CAP - 30]}...{digest}{PurePosixPath(name).suffix[:12]}"


def list_files(root: Path, folder: str = "") -> Listing:
    """Regular files below `root/folder`, with paths relative to `root`. Links and special files are named, never followed."""
    start = root / folder if folder else root
    files: list[Found] = []
    skipped: list[str] = []
    if not start.is_dir() or start.is_symlink():
        return Listing(())
    for parent, folders, names, descriptor in os.fwalk(start, follow_symlinks=False):
        place = Path(parent).relative_to(root)
        if len(place.parts) >= DEPTH_CAP:
            skipped.append(f"{shown_name(place.as_posix())}/: folders nested deeper than {DEPTH_CAP} are not looked into")
            folders.clear()
            continue
        for name in sorted(folders):
            inner = (place / name).as_posix()
            if name in TOOL_FOLDERS:
                skipped.append(f"{shown_name(inner)}/: a tool's own folder, not shown")
            elif stat.S_ISLNK(os.lstat(name, dir_fd=descriptor).st_mode):
                skipped.append(f"{shown_name(inner)}: a symbolic link, not followed")
        folders[:] = sorted(set(folders) - TOOL_FOLDERS)
        for name in sorted(names):
            path = (place / name).as_posix()
            status = os.lstat(name, dir_fd=descriptor)
            if stat.S_ISREG(status.st_mode):
                files.append(Found(path, status.st_size))
            else:
                kind = "a symbolic link, not followed" if stat.S_ISLNK(status.st_mode) else "not a regular file, not opened"
                skipped.append(f"{shown_name(path)}: {kind}")
        if len(files) > FILES_CAP:
            skipped.append(f"{shown_name(folder or '.')}: more than {FILES_CAP:,} files, the others were not looked at")
            break
    return Listing(tuple(sorted(files[:FILES_CAP], key=lambda found: found.path)), tuple(skipped))


@contextlib.contextmanager
def open_regular(root: Path, path: str) -> Iterator[BinaryIO]:
    """The regular file `root/path`, opened without following a link at any step below `root`.

    Raises OSError when it is missing, a link, outside `root`, or not a regular file.
    """
    *folders, name = PurePosixPath(path).parts
    if path.startswith("/") or ".." in (*folders, name):
        raise OSError(errno.EPERM, "leaves the folder", path)
    place = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for folder in folders:
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place)
            os.close(place)
            place = inner
        # Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place)
    finally:
        os.close(place)
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        yield stream


def read_text(root: Path, path: str, cap: int = TEXT_CAP) -> TextFile:
    """The text of `root/path`, cleaned; of a file longer than `cap` bytes, head and tail with a line between that names the gap.

    Raises OSError as open_regular, NotReadable for a binary file.
    """
    with open_regular(root, path) as stream:
        size = os.fstat(stream.fileno()).st_size
        head = stream.read(cap if size <= cap else cap // 2)
        tail = b""
        if size > cap:
            stream.seek(size - (cap - cap // 2))
            tail = stream.read(cap - cap // 2)
    cut = size - len(head) - len(tail) if tail else 0
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") and not tail else "utf-8"
    text = head.decode(encoding, "replace").removeprefix("\ufeff")
    if _binary(head, text):
        raise NotReadable("binary, not shown")
    if tail:
        text += f"\n[... {cut:,} bytes not shown ...]\n" + tail.decode("utf-8", "replace")
    return TextFile(clean(text), size, cut)


def read_figure(root: Path, path: str) -> Figure:
    """The image `root/path`, decoded once to see that it is one: a provider refuses a whole request for one broken image.

    Raises OSError as open_regular, NotReadable for what is no PNG or JPEG, broken, empty or too large.
    """
    from PIL import Image, UnidentifiedImageError

    with open_regular(root, path) as stream:
        data = stream.read(FIGURE_BYTES + 1)
    if not data:
        raise NotReadable("an empty file, not shown")
    if len(data) > FIGURE_BYTES:
        raise NotReadable(f"an image of more than {FIGURE_BYTES / 1e6:.1f} MB, not shown")
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
            width, height, kind = image.width, image.height, image.format
            if max(width, height) > FIGURE_SIDE or width * height > FIGURE_PIXELS:
                raise NotReadable(f"an image of {width} x {height} pixels is too large, not shown")
            image.load()
    except UnidentifiedImageError as error:
        raise NotReadable("not a PNG or JPEG image, not shown") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, NotReadable):
            raise
        raise NotReadable("an image that does not decode, not shown") from error
    return Figure(data, f"image/{str(kind).lower()}", width, height)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _binary(head: bytes, text: str) -> bool:
    """A text has few control or undecodable characters; a single one is no way to hide a program from its reader."""
    if head.startswith(b"%PDF-"):
        return True
    sample = text[:20_000]
    strange = sum(char == "\ufffd" or (char < " " and char not in "\t\n\r\x0c\x1b\x08") for char in sample)
    return strange > len(sample) // 10
