"""Reading review sheets: CSV files with a row a review, as people and spreadsheets write them; errors come with line numbers.

The published human study's three files, the template of this package, and sheets of one's own with the same columns are read.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Literal

from ...errors import ConfigError
from ...keys import GRADED
from ...stages.rubric import REVIEW_KEYS, SCALES, STAGE_KEYS
from ...tasks.catalogue import load_tasks
from ..tables import DIMENSIONS

Side = Literal["human", "judge"]

NAMED = 8
"""Lines that one message names; the others are counted."""
CONFIDENCE = "Confidence"
"""How sure a reviewer is of the own review: checked when it is there, never compared."""

_COLUMNS: dict[str, tuple[str, ...]] = {
    "task": ("workshop_name", "task"),
    # The published sheets have both: model_name says whose work it is, model is a letter.
    "model": ("model_name", "model"),
    "stage": ("stage",),
    "epoch": ("epoch",),
    "run": ("run",),
    "reviewer": ("reviewer_id", "reviewer"),
    "judge": ("judge",),
}
_SUFFIXES: dict[Side, tuple[str, ...]] = {"human": ("_human", ""), "judge": ("_llm", "_judge", "")}
_KINDS = {name.casefold(): pair for name, pair in REVIEW_KEYS.items() if pair[1] != "opinion"}


@dataclass(frozen=True)
class Item:
    """What was reviewed; None for what a sheet does not say."""

    task: str
    model: str | None = None
    stage: str | None = None
    epoch: int | None = None
    run: str | None = None
    """The run's code in a template (template.run_code), which names no model."""

    def __str__(self) -> str:
        said = [self.task, self.stage, self.model, f"epoch {self.epoch}" if self.epoch not in (None, 1) else None, self.run]
        return " ".join(text for text in said if text)


@dataclass(frozen=True)
class SheetRow:
    """One review."""

    line: int
    """Where it begins, 1-based."""
    rater: str
    """Reviewer, or judge; empty for a judge's sheet that names none."""
    item: Item
    scores: Mapping[str, float]
    """Dimension -> score; a dimension left empty is absent."""


@dataclass
class Sheet:
    """A file of reviews."""

    path: Path
    rows: list[SheetRow] = field(default_factory=list)
    dimensions: tuple[str, ...] = ()
    """Compared ones, in the order of the rubrics."""
    fields: frozenset[str] = frozenset()
    """Fields of Item that the sheet has a column for."""
    warnings: list[str] = field(default_factory=list)


def read_sheet(path: Path, side: Side, *, alone: bool = False) -> Sheet:
    """The reviews in `path`.

    Separators `,` `;` and tab, a byte order mark, and with `;` decimal commas are understood. `side` decides which columns of a
    merged sheet are read (`Novelty_human` or `Novelty_llm`); with `alone` the sheet has to hold both. Raises ConfigError, with line
    numbers, for what is no such sheet: missing or double columns, cells that are no score or off the scale, rows without task or
    reviewer, no row at all.
    """
    text, warnings = _text(path)
    header, lines = _split(path, text)
    columns = _columns(path, header, side, alone)
    sheet = Sheet(path, warnings=warnings)
    sheet.fields = frozenset(columns.places) - {"reviewer", "judge"}
    sheet.dimensions = tuple(name for name in DIMENSIONS if name in columns.dimensions and name != CONFIDENCE)
    problems: list[str] = []
    unfilled: list[int] = []
    for line, cells in lines:
        try:
            row = columns.row(line, cells)
        except ValueError as error:
            problems.append(f"line {line}: {error}")
            continue
        if row is None:
            unfilled.append(line)
        else:
            sheet.rows.append(row)
    if problems:
        raise ConfigError(f"{path}: {_few(problems, '; ')}")
    if unfilled:
        sheet.warnings.append(f"{path.name}: rows without any score are left out: {lines_text(unfilled)}")
    if not sheet.rows:
        raise ConfigError(f"{path} has a header and no review below it")
    sheet.warnings.extend(_told(sheet, side))
    return sheet


def merged(sheets: Sequence[Sheet]) -> Sheet:
    """Several people's sheets as one; a reviewer who reviewed one work in two of them is warned about."""
    if len(sheets) == 1:
        return sheets[0]
    whole = Sheet(Path(", ".join(sheet.path.name for sheet in sheets)))
    whole.fields = frozenset().union(*(sheet.fields for sheet in sheets))
    whole.dimensions = tuple(name for name in DIMENSIONS if any(name in sheet.dimensions for sheet in sheets))
    seen: dict[tuple[str, Item], Sheet] = {}
    for sheet in sheets:
        whole.rows += sheet.rows
        whole.warnings += sheet.warnings
        for row in sheet.rows:
            earlier = seen.setdefault((row.rater, row.item), sheet)
            if earlier is not sheet:
                whole.warnings.append(
                    f"reviewer {row.rater} reviewed {row.item} in {earlier.path.name} and in {sheet.path.name} (line {row.line}): "
                    "two people of one name, or one file twice?"
                )
    return whole


def lines_text(lines: Iterable[int]) -> str:
    """`line 4`, `lines 4, 7 and 12 more`."""
    listed = sorted(lines)
    return f"line{'s' if len(listed) > 1 else ''} {_few([str(line) for line in listed], ', ')}"


def _few(texts: Sequence[str], between: str) -> str:
    more = f" and {len(texts) - NAMED} more" if len(texts) > NAMED else ""
    return between.join(texts[:NAMED]) + more


def _text(path: Path) -> tuple[str, list[str]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    if content[:4] in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        raise ConfigError(f"{path} is a spreadsheet, not CSV: save it as CSV (UTF-8) and give that file")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", "replace"), []
    if b"\0" in content:
        raise ConfigError(f"{path} is no text: expected a CSV file")
    try:
        return content.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace"), [f"{path.name}: not UTF-8, read as Windows-1252"]


def _split(path: Path, text: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header's cells, and (first line, cells) of each row below that is not blank."""
    start = 1
    hint = re.match(r"sep=(.)\r?\n", text)  # written by spreadsheets so that others of them split alike
    if hint:
        text, start = text[hint.end() :], 2
    separator = hint[1] if hint else separator_of(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    found: list[tuple[int, list[str]]] = []
    before = 0
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                found.append((before + start, [cell.strip() for cell in cells]))
            before = reader.line_num
    except csv.Error as error:
        raise ConfigError(f"{path}, line {before + start}: no CSV: {error}") from error
    if not found:
        raise ConfigError(f"{path} is empty: expected a header and a row a review")
    header = found[0][1]
    ragged = [f"line {line} has {len(cells)}" for line, cells in found[1:] if len(cells) != len(header)]
    if ragged:
        raise ConfigError(f"{path}: {len(header)} columns in the header, but {_few(ragged, ', ')}")
    if separator == ";":
        found[1:] = [(line, [with_point(cell) for cell in cells]) for line, cells in found[1:]]
    return header, found[1:]


def separator_of(text: str) -> str:
    """What separates the cells of a CSV file, told from its header."""
    return max(",;\t", key=text.lstrip("\r\n").partition("\n")[0].count)


def with_point(cell: str) -> str:
    """`cell` with a decimal point where it is a number with a decimal comma."""
    return re.sub(r"^(\d+),(\d+)$", r"\1.\2", cell)


@dataclass(frozen=True)
class _Columns:
    side: Side
    places: Mapping[str, int]
    """Field -> index of its column."""
    dimensions: Mapping[str, int]

    def row(self, line: int, cells: Sequence[str]) -> SheetRow | None:
        """The review in `cells`, None when no score is filled in. Raises ValueError with what is wrong."""
        scores: dict[str, float] = {}
        problems = []
        for name, place in self.dimensions.items():
            if cells[place].casefold() in _EMPTY:
                continue
            try:
                scores[name] = _score(name, cells[place])
            except ValueError as error:
                problems.append(str(error))
        if problems:
            raise ValueError(", ".join(problems))
        if not scores:
            return None
        said = {name: cells[place] for name, place in self.places.items()}
        if not said["task"]:
            raise ValueError("no task")
        rater = said.get("reviewer" if self.side == "human" else "judge", "")
        if self.side == "human" and not rater:
            raise ValueError("scores without a reviewer: who gave them?")
        stage = said.get("stage") or None
        if stage is not None and stage not in GRADED:
            raise ValueError(f"unknown stage {stage!r}; valid: {', '.join(GRADED)}")
        epoch = said.get("epoch") or None
        if epoch is not None and not (epoch.isascii() and epoch.isdecimal() and int(epoch) > 0):
            raise ValueError(f"epoch is {epoch!r}, expected 1, 2, ...")
        item = Item(said["task"], said.get("model") or None, stage, int(epoch) if epoch else None, said.get("run") or None)
        return SheetRow(line, rater, item, scores)


_EMPTY = frozenset({"", "-", "–", "na", "n/a", "nan", "none", "null"})
"""What people and programs write into the cell of a score that was not given."""


def _score(name: str, text: str) -> float:
    low, high = SCALES["confidence" if name == CONFIDENCE else "score"]
    try:
        value = float(text) if "_" not in text else float("nan")  # 1_0 is a slip, not Python's ten
    except ValueError:
        value = float("nan")
    if not isfinite(value) or not low <= value <= high:
        raise ValueError(f"{name} is {text[:40]!r}, expected a number from {low} to {high}")
    return value


def _columns(path: Path, header: Sequence[str], side: Side, alone: bool) -> _Columns:
    names = [name.casefold() for name in header]
    double = sorted({name for name in names if name and names.count(name) > 1})
    if double:
        raise ConfigError(f"{path}, line 1: columns that are there twice: {', '.join(double)}")
    places = {
        name: next(names.index(column) for column in wanted if column in names)
        for name, wanted in _COLUMNS.items()
        if any(column in names for column in wanted)
    }
    dimensions: dict[str, int] = {}
    for suffix in [suffix for suffix in _SUFFIXES[side] if suffix or not alone]:
        for key, (dimension, _) in _KINDS.items():
            if key + suffix in names:
                dimensions.setdefault(dimension, names.index(key + suffix))
    missing = [" or ".join(_COLUMNS[name]) for name in ("task", *(["reviewer"] if side == "human" else [])) if name not in places]
    if not set(dimensions) - {CONFIDENCE}:
        if alone:
            raise ConfigError(
                f"{path}: people's scores need a judge's beside them: mlrbench agreement {path.name} JUDGE.csv, or a RUN"
            )
        missing.append("a column a dimension (Novelty, Clarity, ...)")
    if missing:
        long = {"dimension", "score"} <= set(names)
        hint = "; this is an export with a row a score: give the run directory itself" if long else ""
        if any(name.startswith("is_hallucinated") for name in names):
            hint = "; these are labels of hallucinations: `mlrbench import` reads them, then: mlrbench agreement RUN"
        raise ConfigError(f"{path}, line 1: missing columns: {'; '.join(missing)}. Found: {', '.join(header)[:300]}{hint}")
    return _Columns(side, places, dimensions)


def _asked(dimension: str, stage: str | None) -> bool:
    """Whether the rubric of `stage` has `dimension`; any may have where the sheet does not say the stage."""
    return stage is None or dimension in {REVIEW_KEYS[key][0] for key in STAGE_KEYS[stage]}


def _told(sheet: Sheet, side: Side) -> list[str]:
    """Warnings about rows that are no errors."""
    told = []
    name = sheet.path.name
    if side == "human":
        seen: dict[tuple[str, Item], list[int]] = {}
        for row in sheet.rows:
            seen.setdefault((row.rater, row.item), []).append(row.line)
        for (rater, item), lines in seen.items():
            if len(lines) > 1:
                told.append(
                    f"{name}: reviewer {rater} reviewed {item} {len(lines)} times ({lines_text(lines)}): the rows count one by one "
                    "against the judge; against another reviewer only where that one has as many rows"
                )
        for one, other in pairwise(sorted({row.rater for row in sheet.rows}, key=lambda text: (text.casefold(), text))):
            if one.casefold() == other.casefold():
                told.append(f"{name}: reviewers {one!r} and {other!r} differ in case alone; they count as two people")
    known = load_tasks()
    strange: dict[str, list[int]] = {}
    for row in sheet.rows:
        if row.item.task not in known:
            strange.setdefault(row.item.task, []).append(row.line)
    for task, lines in list(strange.items())[:NAMED]:
        told.append(f"{name}: {task!r} is no task of the catalogue ({lines_text(lines)})")
    if len(strange) > NAMED:
        told.append(f"{name}: {len(strange) - NAMED} more names that are no task of the catalogue")
    empty = {
        dimension: lines
        for dimension in sheet.dimensions
        if (lines := [row.line for row in sheet.rows if dimension not in row.scores and _asked(dimension, row.item.stage)])
    }
    for dimension, lines in empty.items():
        told.append(f"{name}: {dimension} is empty in {lines_text(lines)}")
    return told
