"""What programs left in data files and text: every number with its names, and the means, spreads and extremes of its groups."""

import csv
import io
import itertools
import json
import math
import re
import statistics
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from .arrays import MAX_VALUES, series_of
from .documents import Document
from .kinds import METRIC, kind_of, metric_of
from .quantities import Number, numbers_in

MAX_LEAVES = 50_000
"""Numbers read from one file."""
MAX_FACTS = 20_000
"""Aggregates made from one file."""
MAX_GROUPING = 4
"""Columns that rows are grouped by."""
MAX_VISITED = 500_000
"""Values of one document that are looked at, those without numbers included (YAML may repeat one value without end)."""
MAX_INNER = 64
"""Members of an object or list inside a record that are read."""
MAX_LINE = 100_000
"""Characters of one line of free text that are read."""
REPEATED = 50
"""A printed line that comes back in other numbers so often at most is a result by seed or fold, not a step of training."""
TEXT_SUFFIXES = frozenset((".txt", ".log", ".out", ".err"))
RESULT_SUFFIXES = TEXT_SUFFIXES | frozenset(
    (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".md", ".ipynb", ".yaml", ".yml", ".toml", ".html", ".tex", METRIC)
)


class Fact(NamedTuple):
    """A number that stands in a file, or a simple statistic of numbers there."""

    value: float
    file: str
    names: tuple[str, ...]
    """Keys of the JSON path, or group values and column: what the number is of."""
    how: str
    """`value`, or the statistic: mean, sd, population sd, median, min, max, first, last."""
    line: int | None = None
    context: str = ""
    """Of a number without names: the printed line it stands in."""

    @property
    def key(self) -> str:
        path = ".".join(self.names)
        return path if self.how == "value" else f"{self.how} of {path}"


def facts_of(name: str, text: str) -> tuple[list[Fact], bool]:
    """Facts of one file and whether they carry names (False for logs and other free text). Unreadable content gives none."""
    suffix = kind_of(name).suffix
    if suffix == ".ipynb":
        printed, tables = notebook_outputs(text)
        return _text_facts(name, printed) + _table_facts(name, tables), bool(tables)
    if suffix in (".json", ".yaml", ".yml", ".toml"):
        root = _document(suffix, text)
        return (_json_facts(name, root), True) if root is not None else (_text_facts(name, text), False)
    if suffix in (".jsonl", ".ndjson"):
        return _records_facts(name, [_flat(record) for record in _json_lines(text)], ()), True
    if suffix == METRIC:
        return _metric_facts(name, text), True
    if suffix in (".csv", ".tsv"):
        return _csv_facts(name, text, "\t" if suffix == ".tsv" else ","), True
    if suffix in (".md", ".html", ".tex"):
        return _table_facts(name, text) + _text_facts(name, re.sub(r"<[^<>]{0,300}>", " ", text)), True
    return _text_facts(name, text), False


def array_facts(name: str, content: bytes) -> Iterator[Fact]:
    """Facts of a binary file (see arrays.py). Raises arrays.Unreadable with the reason, after the facts of what was read."""
    count = 0
    for names, values in series_of(kind_of(name).suffix, content):
        finite = [value for value in values if math.isfinite(value)]
        facts: list[Fact] = []
        if len(finite) <= MAX_VALUES:
            facts = [Fact(value, name, names, "value") for value in finite[: MAX_LEAVES - count]]
        if count + len(facts) < MAX_LEAVES:
            facts += statistics_of(name, names, finite)
        count += len(facts)
        yield from facts


def _metric_facts(name: str, text: str) -> list[Fact]:
    """Values of a metric that MLflow logged: lines `timestamp value step`."""
    names = (metric_of(name),)
    facts: list[Fact] = []
    for line, row in enumerate(text.splitlines()[:MAX_LEAVES], 1):
        parts = row.split()
        value = _cell(parts[1]) if len(parts) > 1 else ""
        if isinstance(value, float):
            facts.append(Fact(value, name, names, "value", line, row[:300]))
    return facts + statistics_of(name, names, [fact.value for fact in facts])


def _document(suffix: str, text: str) -> Any:
    """The document's root; None when it cannot be read."""
    try:
        if suffix == ".json":
            return json.loads(text)
        if suffix == ".toml":
            import tomllib

            return tomllib.loads(text)
        return _yaml(text) if len(text) < 2**20 else None
    except (ValueError, RecursionError, TypeError, AttributeError):
        return None


def _yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 (a safe loader)
    except yaml.YAMLError:
        return None


def notebook_outputs(text: str) -> tuple[str, str]:
    """What the cells of a notebook printed, and the HTML tables among it; what was typed into the cells is not read."""
    try:
        cells = json.loads(text)["cells"]
        outputs = [output for cell in cells for output in cell.get("outputs", ())]
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return "", ""
    printed: list[str] = []
    tables: list[str] = []
    for output in outputs:
        data = output.get("data") if isinstance(output, dict) else None
        shown = data if isinstance(data, dict) else {}
        for value in (output.get("text") if isinstance(output, dict) else None, shown.get("text/plain")):
            printed.append("".join(map(str, value)) if isinstance(value, list) else str(value or ""))
        html = shown.get("text/html")
        tables.append("".join(map(str, html)) if isinstance(html, list) else str(html or ""))
    return "\n".join(printed), "\n\n".join(one for one in tables if "<table" in one)


def _json_lines(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value


def _json_facts(name: str, root: Any) -> list[Fact]:
    facts: list[Fact] = []
    leaves: list[tuple[tuple[str, ...], float]] = []
    pending: list[tuple[tuple[str, ...], Any]] = [((), root)]
    visited = 0
    while pending and len(leaves) < MAX_LEAVES and len(facts) < MAX_LEAVES and visited < MAX_VISITED:
        path, value = pending.pop()
        visited += 1
        if isinstance(value, dict):
            pending.extend((((*path, str(key))), item) for key, item in reversed(value.items()))
        elif isinstance(value, list):
            records = [item for item in value if isinstance(item, dict)]
            numbers = [float(item) for item in value if _is_number(item)]
            if records:
                facts += _records_facts(name, records[:MAX_LEAVES], path)
                pending.extend((path, item) for item in records if any(isinstance(v, (dict, list)) for v in item.values()))
            elif numbers:
                facts += [Fact(number, name, path, "value") for number in numbers[:MAX_LEAVES]]
                facts += statistics_of(name, path, numbers)
            pending.extend(((*path, str(index)), item) for index, item in enumerate(value) if isinstance(item, list))
        elif _is_number(value):
            leaves.append((path, float(value)))
        elif isinstance(value, str) and len(value) < 10_000:
            facts += [Fact(number.value, name, path, "value") for number in numbers_in(value)]
    facts += [Fact(value, name, path, "value") for path, value in leaves]
    return facts + _sibling_facts(name, leaves)


def _sibling_facts(name: str, leaves: list[tuple[tuple[str, ...], float]]) -> list[Fact]:
    """Statistics over leaves whose paths differ in one key only: seeds, folds, data sets."""
    groups: dict[tuple[int, tuple[str, ...]], list[float]] = {}
    for path, value in leaves[: MAX_FACTS // 4]:
        for index in range(len(path)):
            groups.setdefault((index, (*path[:index], *path[index + 1 :])), []).append(value)
    facts: list[Fact] = []
    for (_, rest), values in groups.items():
        if len(values) > 1:
            facts += statistics_of(name, rest, values)
        if len(facts) > MAX_FACTS:
            break
    return facts


def _csv_facts(name: str, text: str, delimiter: str) -> list[Fact]:
    reader = csv.reader(io.StringIO(text.replace("\0", "")), delimiter=delimiter)
    try:
        rows = list(itertools.islice(reader, MAX_LEAVES))
    except csv.Error:
        return _text_facts(name, text)
    if len(rows) < 2:
        return _text_facts(name, text)
    header = [cell.strip() or f"column {index}" for index, cell in enumerate(rows[0])]
    records: list[dict[str, Any]] = []
    for line, row in enumerate(rows[1:], 2):
        record: dict[str, Any] = {"": line}
        record.update({column: _cell(cell) for column, cell in zip(header, row, strict=False)})
        records.append(record)
    return _records_facts(name, records, ())


def _cell(text: str) -> float | str:
    try:
        value = float(text)
    except ValueError:
        return text.strip()
    return value if math.isfinite(value) else text.strip()


def _flat(record: dict[str, Any], before: str = "", depth: int = 0) -> dict[str, Any]:
    """A record whose inner objects and short lists of numbers are columns of their own: `correct.60`, `curve.0`."""
    found: dict[str, Any] = {}
    for key, value in itertools.islice(record.items(), MAX_INNER):
        if isinstance(value, dict) and depth < 4:
            found.update(_flat(value, f"{before}{key}.", depth + 1))
        elif isinstance(value, list) and len(value) <= MAX_INNER:
            found.update({f"{before}{key}.{index}": item for index, item in enumerate(value) if _is_number(item)})
        else:
            found[before + key] = value
    return found


def _records_facts(name: str, records: list[dict[str, Any]], path: tuple[str, ...]) -> list[Fact]:
    """Each number of each row, named by the row's text cells, and statistics of each column over rows grouped by their labels."""
    if not records:
        return []
    columns = list(dict.fromkeys(itertools.chain.from_iterable(record.keys() for record in records[:1000])))
    columns = [column for column in columns if column != ""]
    labels = [column for column in columns if _is_label(column, records)]
    metrics = [column for column in columns if any(_is_number(record.get(column)) for record in records)]
    facts: list[Fact] = []
    for record in records:
        names = tuple(str(record[c]) for c in labels if isinstance(record.get(c), (str, int, float)) and c in record)
        for column in metrics:
            value = record.get(column)
            if isinstance(value, (int, float)) and _is_number(value):
                facts.append(Fact(float(value), name, (*path, *names, column), "value", record.get("")))
        for column, value in record.items():
            if isinstance(value, str) and column not in labels:
                facts += [Fact(n.value, name, (*path, *names, column), "value", record.get("")) for n in numbers_in(value[:2000])]
        if len(facts) > MAX_LEAVES:
            break
    made = 0
    for size in range(min(len(labels), MAX_GROUPING) + 1):
        for by in itertools.combinations(labels[:MAX_GROUPING], size):
            groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
            for record in records:
                groups.setdefault(tuple(_label(record.get(column)) for column in by), []).append(record)
            for values, members in groups.items():
                for column in metrics:
                    if len(members) > 1 and column not in by and made < MAX_FACTS:
                        numbers = [float(member[column]) for member in members if _is_number(member.get(column))]
                        new = statistics_of(name, (*path, *values, column), numbers)
                        made += len(new)
                        facts += new
    return facts


def _is_label(column: str, records: list[dict[str, Any]]) -> bool:
    """Text, or a number with few different values each of which comes back (a seed, a noise level, k)."""
    values = [record.get(column) for record in records]
    if any(isinstance(value, str) and value and not _looks_long(value) for value in values):
        return True
    numbers = [value for value in values if _is_number(value)]
    different = len(set(numbers))
    return 1 < different <= min(20, len(numbers) // 2)


def _looks_long(value: str) -> bool:
    return len(value) > 80


def _label(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def statistics_of(name: str, names: tuple[str, ...], values: list[float]) -> list[Fact]:
    """Mean, median, spreads and extremes of two numbers or more; none of fewer."""
    if len(values) < 2:
        return []
    mean = math.fsum(values) / len(values)
    found = {
        "mean": mean,
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
        "first": values[0],
        "last": values[-1],
    }
    try:
        squares = math.fsum((value - mean) ** 2 for value in values)
        found["sd"] = math.sqrt(squares / (len(values) - 1))
        found["population sd"] = math.sqrt(squares / len(values))
        found["standard error"] = found["sd"] / math.sqrt(len(values))
        found["half 95% interval"] = 1.96 * found["standard error"]
    except OverflowError:
        pass
    return [Fact(value, name, names, how) for how, value in found.items() if math.isfinite(value)]


def _text_facts(name: str, text: str) -> list[Fact]:
    """Numbers of free text, and statistics of a printed line that comes back with other numbers: a result of each seed."""
    facts: list[Fact] = []
    repeated: dict[str, list[list[Number]]] = {}
    for index, line in enumerate(text.splitlines(), 1):
        if len(facts) > MAX_LEAVES:
            return facts
        numbers = numbers_in(line[:MAX_LINE])
        facts += [Fact(number.value, name, (), "value", index, line) for number in numbers]
        if 0 < len(numbers) <= 12 and len(line) < 300:
            repeated.setdefault(re.sub(r"[-+]?\d[\d.,eE+-]*|\s+", "#", line), []).append(numbers)
    for lines in repeated.values():
        if 2 <= len(lines) <= REPEATED and len({len(line) for line in lines}) == 1:
            for column in zip(*lines, strict=True):
                if any(number.decimals >= 2 for number in column):
                    facts += statistics_of(name, (), [number.value for number in column])
    return facts


def _table_facts(name: str, text: str) -> list[Fact]:
    """Cells of a Markdown table that a program printed, named by row labels, column and section."""
    facts: list[Fact] = []
    for table in Document(name, text, "results").tables:
        # Two tables of one report often have the same rows and columns: the section (its metric, its data set) tells them apart.
        section = (table.section,) if table.section else ()
        for row in table.rows:
            labels = row_labels(row.cells)
            for column, cell in zip(table.header, row.cells, strict=False):
                for position, number in enumerate(numbers_in(cell)):
                    how = "value" if position == 0 else "sd"
                    facts.append(Fact(number.value, name, (*labels, clean(column), *section), how, row.line))
    return facts


def row_labels(cells: Iterable[str]) -> tuple[str, ...]:
    """The cells of a table row that name it: text cells, and a number in its first column."""
    labels = []
    for index, cell in enumerate(cells):
        bare = clean(cell)
        if (
            bare
            and (index == 0 or not re.match(r"^[<>~≈±+\-−–]?\s?[\d.]", bare))
            and bare.lower() not in ("-", "–", "n/a", "nan", "yes", "no")
        ):
            labels.append(bare)
    return tuple(labels)


def clean(cell: str) -> str:
    """A table cell without Markdown emphasis, footnote marks and remarks such as `(ours)`."""
    bare = re.sub(r"[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}", "", cell) if "*" in cell or "`" in cell else cell
    return re.sub(r"\((ours|proposed|baseline|ref\.?)\)|[†‡↑↓]", "", bare, flags=re.IGNORECASE).strip()


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
