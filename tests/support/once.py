"""What takes long to make is made once for all xdist workers; `scope="module"` makes it in each."""

import fcntl
import os
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], T]) -> T:
    """What `make` gave for `name` in this test session, in whichever worker; it gets a new folder, and what it returns is pickled.

    Nobody may change what lies in the folder: another worker reads it.
    """
    base = factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        base = base.parent
    stored = base / f"once-{name}.pickle"
    with (base / f"once-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stored.exists():
            value = make(Path(tempfile.mkdtemp(prefix=f"once-{name}-", dir=base)))
            stored.write_bytes(pickle.dumps(value))
        found: T = pickle.loads(stored.read_bytes())
    return found
