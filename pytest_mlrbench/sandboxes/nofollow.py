"""Opens folders of an untrusted tree by descriptors, so that no link is followed even if swapped in. local and export use it."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextlib.contextmanager
def open_folder(root: Path, parts: tuple[str, ...], *, make: bool = False) -> Iterator[int]:
    """Descriptor of the folder `parts` below `root`, made on the way if `make`.

    `root` itself is trusted and may be a link. Raises OSError (ENOTDIR or ELOOP) when a part is a link or a file.
    """
    current = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=current)
            below = os.open(part, FOLDER_FLAGS, dir_fd=current)
            os.close(current)
            current = below
        yield current
    finally:
        os.close(current)
