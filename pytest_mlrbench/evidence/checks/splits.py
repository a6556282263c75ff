"""Rows of the training set in the test set, where the run kept both as files: CSV, JSON, JSON lines and npz; part of degenerate.

Nothing is unpickled, sizes are bounded, and only exact copies of whole rows count. Rows of few values are equal by accident, so
sets whose own rows repeat are left out.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from ...audits import Quote
from ...patterns import lazy
from .subject import Subject, files_below, read_text

MAX_BYTES = 8 * 2**20
"""A file larger than this is not read."""
BUDGET = 24 * 2**20
"""Bytes read of one subject."""
MAX_ROWS = 50_000
MIN_ROWS = 10
MIN_SHARE = 0.05
"""Share of different test rows that stand in the training set before it is told."""
REPEATS = 0.02
"""Share of rows that may repeat within a set whose rows are telling."""
_TRAIN = lazy(r"(?:^|[_./\s-])(?:train|training|trn)(?=[_.\s-]|$)", re.I)
_TEST = lazy(r"(?:^|[_./\s-])(?:test|testing|tst|holdout|held_?out|eval)(?=[_.\s-]|$)", re.I)
_NOT_DATA = lazy(r"result|metric|log|pred|history|loss|config|setting|summary|curve|score|report|stat", re.I)
_SUFFIXES = (".csv", ".tsv", ".jsonl", ".json", ".npz")


def overlaps(subject: Subject) -> list[tuple[str, list[Quote]]]:
    """A message and quotes for each pair of sets that share rows."""
    root = subject.experiment
    if root is None:
        return []
    files = [path for path in files_below(root) if path.suffix.lower() in _SUFFIXES and not _NOT_DATA.search(path.stem)]
    named = [path for path in files if _TRAIN.search(path.stem) or _TEST.search(path.stem)]
    budget = BUDGET
    found: list[tuple[str, list[Quote]]] = []
    by_key: dict[tuple[str, str, str], dict[str, Path]] = {}
    for path in named:
        kind = "train" if _TRAIN.search(path.stem) else "test"
        rest = (_TRAIN if kind == "train" else _TEST).sub("_", path.stem, count=1).strip("_-. ").lower()
        by_key.setdefault((str(path.parent), rest, path.suffix.lower()), {})[kind] = path
    for pair in by_key.values():
        if len(pair) == 2 and all(path.stat().st_size <= MAX_BYTES for path in pair.values()) and budget > 0:
            budget -= sum(path.stat().st_size for path in pair.values())
            train, test = _rows(pair["train"]), _rows(pair["test"])
            found += _compare(subject.name(pair["train"]), train, subject.name(pair["test"]), test)
    for path in files:
        if path in named or path.suffix.lower() not in (".npz", ".json") or path.stat().st_size > MAX_BYTES or budget <= 0:
            continue
        if path.suffix.lower() == ".json" and not re.search(r"split|data|fold", path.stem, re.I):
            continue
        budget -= path.stat().st_size
        name = subject.name(path)
        for train_key, train, test_key, test in _inside(path):
            found += _compare(f"{train_key} of {name}", train, f"{test_key} of {name}", test, name)
    return found[:6]


def _compare(train_name: str, train: list[str], test_name: str, test: list[str], file: str = "") -> list[tuple[str, list[Quote]]]:
    if min(len(train), len(test)) < MIN_ROWS or not _telling(train) or not _telling(test):
        return []
    known = set(train)
    different = set(test) - {""}
    shared = different & known
    if len(shared) < max(3, MIN_SHARE * len(different)):
        return []
    one = sorted(shared)[0]
    message = (
        f"{len(shared)} of {len(different)} different rows of {test_name} stand word for word in {train_name}: training "
        f"rows are in the test set"
    )
    quotes = [Quote(file=file or test_name, line=None if file else test.index(one) + 1, quote=one[:200])]
    if not file:
        quotes.append(Quote(file=train_name, line=train.index(one) + 1, quote=one[:200]))
    return [(message, quotes)]


def _telling(rows: list[str]) -> bool:
    """Rows that do not repeat by themselves, and hold more than a few characters."""
    filled = [row for row in rows if row]
    return bool(filled) and len(set(filled)) >= (1 - REPEATS) * len(filled) and sum(map(len, filled)) / len(filled) >= 12


def _rows(path: Path) -> list[str]:
    """Rows of a file by line; the header of a CSV and a leading row number are left out."""
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return next((rows for _, rows in _arrays(path)), [])
    text = read_text(path, MAX_BYTES + 1)
    if suffix == ".json":
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            return []
        return [_canonical(item) for item in data[:MAX_ROWS]] if isinstance(data, list) else []
    lines = text.splitlines()[: MAX_ROWS + 1]
    if suffix == ".jsonl":
        return [line.strip() for line in lines]
    cut = [re.sub(r"^\d+[,\t]", "", line) for line in lines[1:]]
    numbered = all(re.match(rf"^{index}[,\t]", line) for index, line in list(enumerate(lines[1:]))[:20])
    return ["", *(cut if numbered else lines[1:])]


def _inside(path: Path) -> Iterator[tuple[str, list[str], str, list[str]]]:
    """Sets of one file: `X_train` and `X_test` of an npz, `train` and `test` of a JSON object."""
    sets: dict[str, list[str]] = {}
    if path.suffix.lower() == ".npz":
        sets = dict(_arrays(path))
    else:
        try:
            data = json.loads(read_text(path, MAX_BYTES + 1))
        except (ValueError, RecursionError):
            return
        if isinstance(data, dict):
            sets = {
                str(key): [_canonical(item) for item in value[:MAX_ROWS]] for key, value in data.items() if isinstance(value, list)
            }
    for train in [key for key in sets if _TRAIN.search(key)]:
        rest = _TRAIN.sub("_", train, count=1).strip("_- .").lower()
        for test in [key for key in sets if _TEST.search(key) and _TEST.sub("_", key, count=1).strip("_- .").lower() == rest]:
            yield train, sets[train], test, sets[test]


def _arrays(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Two-dimensional arrays of an npz as rows of text. Pickled content is refused."""
    import zipfile

    import numpy as np

    try:
        with zipfile.ZipFile(path) as archive:
            if sum(item.file_size for item in archive.infolist()) > 4 * MAX_BYTES:
                return
        with np.load(path, allow_pickle=False) as data:
            for name in data.files:
                try:
                    array = data[name]
                except ValueError:
                    continue
                if array.ndim >= 2 and array.shape[0] <= MAX_ROWS and array.size // max(array.shape[0], 1) >= 2:
                    flat = np.ascontiguousarray(array.reshape(array.shape[0], -1))
                    yield name, [row.tobytes().hex() for row in flat]
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, KeyError, NotImplementedError):
        return


def _canonical(item: object) -> str:
    return json.dumps(item, sort_keys=True, ensure_ascii=False)[:20_000]
