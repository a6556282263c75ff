"""Changed copies of data files: labels permuted, columns shuffled, rows left out. Pure functions of bytes; execute.py puts them.

CSV, TSV, JSON, JSON lines, npy and npz are read and written again. Nothing is unpickled; a file that cannot be read strictly is
no data file for this purpose.
"""

import csv
import io
import json
import random
import re
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".npz", ".npy")
MAX_BYTES = 64 * 2**20
LABEL = re.compile(
    r"^(?:y|labels?|targets?|class|classes|outcome|gold|ground_truth)(?:_(?:train|test|val|valid|dev|ids?))?$", re.IGNORECASE
)
"""Names of a label column or array: what scikit-learn, torchvision and the hubs call it."""
_LABEL_PREFIX = re.compile(r"^(?:train|test|val|valid|dev)_(?:y|labels?|targets?)$", re.IGNORECASE)
MIN_ROWS = 4
CLASSES = 100
MAX_UNPACKED = 512 * 2**20
"""Bytes that the arrays of one npz may unpack to."""
UNREADABLE = (ValueError, TypeError, OSError, RecursionError, MemoryError, EOFError, KeyError, csv.Error, zipfile.BadZipFile)
"""What a file that is not what its name says can raise."""


@dataclass(frozen=True)
class Shape:
    """What a data file holds."""

    rows: int
    label: str
    majority: float | None = None
    """Share (0..1) of the most frequent label; None without a label, or where it has more than CLASSES values."""


def is_label(name: str) -> bool:
    return bool(LABEL.match(name.strip()) or _LABEL_PREFIX.match(name.strip()))


def shape(path: str, content: bytes) -> Shape | None:
    """Rows and label of a data file; None for what cannot be read, or has fewer than MIN_ROWS rows."""
    try:
        table = _read(path, content)
    except UNREADABLE:
        return None
    if table is None:
        return None
    rows = max((len(values) for values in table.columns.values()), default=0)
    if rows < MIN_ROWS:
        return None
    label = next((name for name in table.columns if is_label(name)), "")
    return Shape(rows, label, _majority(table.columns[label]) if label else None)


def _majority(labels: Any) -> float | None:
    counts = Counter(str(one) for one in labels)
    return max(counts.values()) / len(labels) if counts and len(counts) <= CLASSES else None


def permuted(path: str, content: bytes, seed: int) -> bytes:
    """The file with its label columns permuted over the rows, the rest untouched."""
    return _changed(path, content, lambda name, values, rng: _permutation(values, rng) if is_label(name) else values, seed)


def shuffled(path: str, content: bytes, seed: int) -> bytes:
    """The file with every column permuted by itself: each keeps its values, and no row belongs together."""
    return _changed(path, content, lambda _, values, rng: _permutation(values, rng), seed)


def truncated(path: str, content: bytes, seed: int) -> bytes:
    """The file with every second row left out, so that a program that reads only the first rows sees others too."""
    return _changed(path, content, lambda _, values, __: values[::2], seed)


def _permutation(values: Any, rng: random.Random) -> Any:
    """Another order, in which something differs wherever the values differ at all."""
    order = list(range(len(values)))
    for _ in range(5):
        rng.shuffle(order)
        moved = [values[index] for index in order]
        if any(repr(a) != repr(b) for a, b in zip(moved, values, strict=True)):
            break
    if isinstance(values, list):
        return [values[index] for index in order]
    return values[order]  # a numpy array


@dataclass
class _Table:
    """Columns of equal or different length, and how to write them again."""

    columns: dict[str, Any]
    write: Callable[[dict[str, Any]], bytes]


def _changed(path: str, content: bytes, change: Callable[[str, Any, random.Random], Any], seed: int) -> bytes:
    table = _read(path, content)
    if table is None:
        raise ValueError(f"{path} is no data file that can be changed")
    rng = random.Random(seed)  # noqa: S311 - reproducible, not secret
    return table.write({name: change(name, values, rng) for name, values in table.columns.items()})


def _read(path: str, content: bytes) -> _Table | None:
    suffix = path[path.rfind(".") :].lower()
    if suffix in (".csv", ".tsv"):
        return _csv(content, "\t" if suffix == ".tsv" else ",")
    if suffix == ".jsonl":
        return _records([json.loads(line) for line in content.decode().splitlines() if line.strip()], lines=True)
    if suffix == ".json":
        return _json(json.loads(content.decode()))
    if suffix in (".npz", ".npy"):
        return _numpy(content, npz=suffix == ".npz")
    return None


def _csv(content: bytes, delimiter: str) -> _Table | None:
    rows = [row for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=delimiter) if row]
    if not rows or len(rows[0]) < 1 or any(len(row) != len(rows[0]) for row in rows):
        return None
    named = not any(_is_number(cell) for cell in rows[0])
    names = [f"{index}\0{cell}" for index, cell in enumerate(rows[0])] if named else [f"{index}\0" for index in range(len(rows[0]))]
    body = rows[1:] if named else rows

    def write(columns: dict[str, Any]) -> bytes:
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
        if named:
            writer.writerow(rows[0])
        writer.writerows(zip(*(columns[name.partition("\0")[2] or name] for name in names), strict=True))
        return text.getvalue().encode()

    titles = [name.partition("\0")[2] or name for name in names]
    if len(set(titles)) != len(titles):
        return None
    return _Table({title: [row[index] for row in body] for index, title in enumerate(titles)}, write)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _records(records: list[Any], *, lines: bool) -> _Table | None:
    if not records or not all(isinstance(record, dict) for record in records):
        return None
    names = list(records[0])
    if any(list(record) != names for record in records):
        return None

    def write(columns: dict[str, Any]) -> bytes:
        rows = [dict(zip(names, values, strict=True)) for values in zip(*(columns[name] for name in names), strict=True)]
        return "".join(json.dumps(row) + "\n" for row in rows).encode() if lines else json.dumps(rows).encode()

    return _Table({name: [record[name] for record in records] for name in names}, write)


def _json(root: Any) -> _Table | None:
    if isinstance(root, list):
        return _records(root, lines=False)
    if not isinstance(root, dict):
        return None
    columns = {name: values for name, values in root.items() if isinstance(values, list) and len(values) >= MIN_ROWS}
    if not columns:
        return None
    return _Table(columns, lambda changed: json.dumps({**root, **changed}).encode())


def _numpy(content: bytes, *, npz: bool) -> _Table | None:
    import numpy as np

    if npz and sum(item.file_size for item in zipfile.ZipFile(io.BytesIO(content)).infolist()) > MAX_UNPACKED:
        return None
    loaded = np.load(io.BytesIO(content), allow_pickle=False)
    arrays = {name: loaded[name] for name in loaded.files} if npz else {"array": loaded}

    def write(columns: dict[str, Any]) -> bytes:
        target = io.BytesIO()
        whole = {**arrays, **columns}
        if npz:
            np.savez(target, **whole)
        else:
            np.save(target, whole["array"], allow_pickle=False)
        return target.getvalue()

    rows = {name: array for name, array in arrays.items() if array.ndim >= 1 and len(array) >= MIN_ROWS}
    return _Table(rows, write) if rows else None
