"""Locks that all runs of this host share: kernel locks on files, free again when the last process that holds one ends, however."""

import fcntl
import os
import tempfile
from hashlib import sha256
from pathlib import Path

from .errors import ConfigError

FOLDER = "MLRBENCH_LOCKS"
"""Environment variable with the folder of the locks; by default one in the temporary directory, open to all users of the host."""


class HostLock:
    """A name held by this process and by those that inherit `descriptor`."""

    def __init__(self, name: str, descriptor: int) -> None:
        self.name = name
        self.descriptor = descriptor

    def close(self) -> None:
        """Give this process's hold up; one that inherited the descriptor keeps its own."""
        os.close(self.descriptor)


def hold(name: str) -> HostLock | None:
    """Hold `name` on this host, None while another process holds it. Raises ConfigError where no lock can be made.

    flock lies on some network file systems; the temporary directory is local.
    """
    folder = Path(os.environ.get(FOLDER) or Path(tempfile.gettempdir()) / "mlrbench-locks")
    path = folder / sha256(name.encode()).hexdigest()[:32]
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o1777)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        raise ConfigError(f"{name} cannot be held: {path}: {error.strerror}; set {FOLDER} to a folder of this machine") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return HostLock(name, descriptor)
