"""What kind of output a file is, by its name: how it is packed, what it holds then, and which results we do not read."""

from typing import NamedTuple

from ...patterns import lazy

PACKED = frozenset((".gz", ".bz2", ".xz"))
EVENTS = ".tfevents"
"""TensorBoard's event files, `events.out.tfevents.1700000000.host`."""
METRIC = ".mlflow"
"""Files of MLflow's file store, one a metric: a line `timestamp value step` for each value."""
CLOSED = {
    ".h5": "HDF5",
    ".hdf5": "HDF5",
    ".zst": "zstd",
    ".wandb": "the binary log of Weights & Biases",
    ".db": "a database",
    ".sqlite": "a database",
    ".sqlite3": "a database",
}
"""Kinds of results that another program could read and this one does not."""
_EVENTS = lazy(r"(?:^|\.)tfevents\.\d")
_METRIC = lazy(r"(?:^|/)(?:m-)?[0-9a-f]{32}/metrics/(.+)$")


class Kind(NamedTuple):
    """A file's suffix without its packing, and that: `.csv` and `.gz`. Both may be empty."""

    suffix: str
    packing: str = ""


def kind_of(path: str) -> Kind:
    """The kind of a file of this path (with `/`).

    >>> kind_of("results/Log.TXT.gz")
    Kind(suffix='.txt', packing='.gz')
    >>> kind_of("runs/a/events.out.tfevents.1700000000.host.7.0").suffix
    '.tfevents'
    >>> kind_of("mlruns/0/0123456789abcdef0123456789abcdef/metrics/val/acc.top1").suffix
    '.mlflow'
    """
    if metric_of(path):
        return Kind(METRIC)
    packing = _suffix(path)
    if packing not in PACKED:
        return Kind(_suffix(path))
    return Kind(_suffix(path[: -len(packing)]), packing)


def metric_of(path: str) -> str:
    """The metric that a file of MLflow's store is of; empty for any other file."""
    found = _METRIC.search(path) if "/metrics/" in path else None
    return found[1] if found else ""


def _suffix(path: str) -> str:
    name = path[path.rfind("/") + 1 :]
    if "tfevents" in name and _EVENTS.search(name) and not name.endswith(tuple(PACKED)):
        return EVENTS
    return name[name.rfind(".") :].lower() if "." in name else ""
