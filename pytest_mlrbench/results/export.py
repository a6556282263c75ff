"""One row per score as a file that statistics packages read; `mlrbench export` calls it."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..keys import GRADED
from ..tasks.catalogue import load_tasks
from .store import RunStore, write_atomic
from .tables import ordered

COLUMNS = (
    "run", "model", "agent", "task", "category", "venue", "year", "stage", "epoch", "judge", "repeat", "dimension", "score",
)  # fmt: skip
"""The columns of docs/interface.md, in their order."""

Row = dict[str, Any]


def export(store: RunStore, path: Path) -> int:
    """Write every score of every judge of `store` to `path` and return how many rows that were.

    The suffix of `path` says how: `.csv`, `.json` (a list of objects) or `.parquet`. A dimension a judge could not score is a
    row with an empty score. Category, venue and year are empty for a task that is not in the catalogue.

    Raises ConfigError for another suffix, for `.parquet` without pyarrow, and when `path` cannot be written.
    """
    writers: dict[str, Callable[[list[Row]], bytes]] = {".csv": _csv, ".json": _json, ".parquet": _parquet}
    write = writers.get(path.suffix.lower())
    if write is None:
        raise ConfigError(f"{path} has the suffix {path.suffix!r}, which says no format; valid: {', '.join(writers)}")
    rows = list(score_lines(store))
    content = write(rows)
    try:
        write_atomic(path, content)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}; choose another -o") from error
    return len(rows)


def score_lines(store: RunStore) -> Iterator[Row]:
    """The rows, in the order of tasks, stages, epochs, judges and dimensions."""
    tasks = load_tasks()
    run = store.root.resolve().name
    for record in store.records():
        if record.stage not in GRADED:
            continue
        task = tasks.get(record.task)
        for review in record.reviews:
            for dimension in ordered(review.scores):
                values = (
                    run,
                    record.model,
                    record.agent,
                    record.task,
                    task.category if task else None,
                    task.venue if task else None,
                    task.year if task else None,
                    record.stage,
                    record.epoch,
                    review.judge,
                    review.repeat,
                    dimension,
                    review.scores[dimension],
                )
                yield dict(zip(COLUMNS, values, strict=True))


def _csv(rows: list[Row]) -> bytes:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()


def _json(rows: list[Row]) -> bytes:
    return json.dumps(rows, indent=1, ensure_ascii=False).encode()


def _parquet(rows: list[Row]) -> bytes:
    if find_spec("pyarrow") is None:
        raise ConfigError("writing Parquet needs pyarrow, which is not installed: pip install 'pytest-mlrbench[parquet]'")
    import pandas

    whole = {"year": "Int64", "epoch": "Int64", "repeat": "Int64", "score": "Int64"}
    stream = io.BytesIO()
    pandas.DataFrame(rows, columns=list(COLUMNS)).astype(whole).to_parquet(stream, index=False, engine="pyarrow")
    return stream.getvalue()
