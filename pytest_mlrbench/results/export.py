"""One row per score as a file that statistics packages read; `mlrbench export` calls it."""

import csv
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from ..errors import ConfigError
from ..keys import GRADED
from ..tasks.catalogue import load_tasks
from .tables import Sources, ordered, protocol_labels, readings, run_names

COLUMNS = (
    "run", "model", "agent", "task", "category", "venue", "year", "stage", "epoch", "judge", "repeat", "dimension", "score",
)  # fmt: skip
"""The columns of docs/interface.md, in their order."""

Values = tuple[str | int | None, ...]


def export(sources: Sources, path: Path) -> int:
    """Write every score of every judge of `sources` to `path` and return how many rows that were.

    The suffix of `path` says how: `.csv`, `.json` (a list of objects) or `.parquet`. A dimension a judge could not score is a
    row with an empty score. Category, venue and year are empty for a task that is not in the catalogue. A review made by another
    protocol than most (`tables.score_table`) has that in its judge's name, as the tables have it.

    Raises ConfigError for another suffix, for `.parquet` without pyarrow, when `path` cannot be written, and for damaged records.
    """
    writers: dict[str, Callable[[Iterable[Values], Path], None]] = {".csv": _csv, ".json": _json, ".parquet": _parquet}
    write = writers.get(path.suffix.lower())
    if write is None:
        raise ConfigError(f"{path} has the suffix {path.suffix!r}, which says no format; valid: {', '.join(writers)}")
    read = readings(sources)
    number = 0

    def counted() -> Iterator[Values]:
        nonlocal number
        for values in score_values(read):
            number += 1
            yield values

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
        os.close(descriptor)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}; choose another -o") from error
    temporary = Path(name)
    try:
        write(counted(), temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}; choose another -o") from error
    finally:
        temporary.unlink(missing_ok=True)
    return number


def score_values(sources: Sources) -> Iterator[Values]:
    """The rows, values in the order of COLUMNS; in the order of runs, tasks, stages, epochs, judges and dimensions."""
    tasks = load_tasks()
    read = readings(sources)
    names = run_names(reading.store.root.resolve() for reading in read)
    for reading in read:
        run = names[reading.store.root.resolve()]
        labels = protocol_labels(reading)
        for line in reading.lines:
            if line.stage not in GRADED:
                continue
            task = tasks.get(line.task)
            about = (task.category, task.venue, task.year) if task else (None, None, None)
            start = (run, line.model, line.agent, line.task, *about, line.stage, line.epoch)
            for review in line.reviews:
                label = labels.get((line.stage, review.judge, review.protocol))
                judge = f"{review.judge} [{label}]" if label else review.judge
                for dimension in ordered(review.scores):
                    yield (*start, judge, review.repeat, dimension, review.scores[dimension])


def _csv(rows: Iterable[Values], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def _json(rows: Iterable[Values], path: Path) -> None:
    with path.open("w", encoding="utf-8") as stream:
        stream.write("[")
        for number, values in enumerate(rows):
            stream.write(",\n " if number else "\n ")
            stream.write(json.dumps(dict(zip(COLUMNS, values, strict=True)), ensure_ascii=False))
        stream.write("\n]\n")


def _parquet(rows: Iterable[Values], path: Path) -> None:
    if find_spec("pyarrow") is None:
        raise ConfigError("writing Parquet needs pyarrow, which is not installed: pip install 'pytest-mlrbench[parquet]'")
    import pandas

    whole = {"year": "Int64", "epoch": "Int64", "repeat": "Int64", "score": "Int64"}
    pandas.DataFrame(list(rows), columns=list(COLUMNS)).astype(whole).to_parquet(path, index=False, engine="pyarrow")
