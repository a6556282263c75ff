"""The tables as text: Markdown for people, CSV and JSON for programs; `mlrbench tables` prints what is made here."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from ..errors import ConfigError
from .published import Published, notes_on, published_beside
from .shown import count, plain, usd
from .store import RunStore
from .tables import PANEL, Row, cost_table, notes, ordered, score_table, verdict_table

FORMATS = ("md", "csv", "json")

NAMES = ("Model", "Agent", "Judge", "Stage", "Findings that fail")
"""Columns that hold words."""
VERDICT_HEAD = (
    "Stage", "Model", "n", "passed", "FAILED", "ERROR", "SKIPPED", "verified", "unverified", "hallucinated", "Findings that fail",
)  # fmt: skip
COST_HEAD = ("Stage", "Model", "n", "Agent cost", "Judges' cost", "Tokens in", "Tokens out", "Unpriced calls")


def render(stores: Sequence[RunStore], form: str) -> str:
    """All tables of `stores` as `form`: `md` with verdicts, costs and notes; `csv` and `json` the scores alone.

    Raises ConfigError for another form.
    """
    rows = score_table(stores)
    if form == "json":
        return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"
    if form == "csv":
        return _csv(rows)
    if form == "md":
        return _markdown(stores, rows)
    raise ConfigError(f"unknown table format {form!r}; valid: {', '.join(FORMATS)}")


def _csv(rows: Iterable[Row]) -> str:
    """One line per row and dimension, full precision."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["stage", "model", "agent", "judge", "mechanical", "n", "dimension", "mean", "sd", "dimension_n"])
    for row in rows:
        start = [row["stage"], row["model"], row["agent"], row["judge"], str(row.get("mechanical", False)).lower(), row["n"]]
        for dimension, cell in row["dimensions"].items():
            writer.writerow([*start, dimension, repr(cell["mean"]), repr(cell["sd"]), cell["n"]])
    return stream.getvalue()


def _markdown(stores: Sequence[RunStore], rows: Sequence[Row]) -> str:
    """One table a stage, the paper's numbers below ours, best and worst of several models marked, then verdicts, costs, notes."""
    parts = []
    marked = False
    beside = {(one.stage, one.model, one.agent, one.judge): one for one in published_beside(stores, rows)}
    for stage, block in by_stage(rows).items():
        dimensions = ordered({name for row in block for name in row["dimensions"]})
        marks = extremes(block)
        marked = marked or bool(marks)
        lines = []
        for place, row in enumerate(block):
            judge = row["judge"] + (" (mechanical)" if row.get("mechanical") else "")
            cells = [_cell(row, dimension, marks.get((place, dimension), "")) for dimension in dimensions]
            lines.append([row["model"], row["agent"], judge, str(row["n"]), *cells])
            if (paper := beside.get((stage, row["model"], row["agent"], row["judge"]))) is not None:
                lines.append([paper.label, paper.agent, paper.paper_judge, str(paper.n), *_paper_cells(paper, dimensions)])
        parts.append(_table(stage, ["Model", "Agent", "Judge", "n", *dimensions], lines))
    if not parts:
        parts.append("No scores yet.")
    verdicts = [_verdict_cells(row) for row in verdict_table(stores)]
    if verdicts:
        parts.append(_table("verdicts", VERDICT_HEAD, verdicts))
    costs = [_cost_cells(row) for row in cost_table(stores)]
    if costs:
        parts.append(_table("cost", COST_HEAD, costs))
    below = ["mean ± population SD over tasks"]
    if marked:
        below.append("per judge, the best model is **bold** and the worst _italic_")
    parts.append("\n".join(f"- {plain(note)}" for note in [*below, *notes_on([*beside.values()]), *notes(stores)]))
    return "\n\n".join(parts) + "\n"


def by_stage(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows grouped by stage, in their order."""
    blocks: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        blocks[row["stage"]].append(row)
    return blocks


def extremes(block: Sequence[Row]) -> dict[tuple[int, str], str]:
    """(Index of the row, dimension) -> `best` or `worst`, among the rows of one stage that have the same judge.

    Only where at least two of them differ in two decimals, as they are shown; equal ones share the mark. Confidence is not a
    quality and is never marked.
    """
    marks: dict[tuple[int, str], str] = {}
    judges: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(block):
        judges[row["judge"]].append(index)
    for indices in judges.values():
        for dimension in {name for index in indices for name in block[index]["dimensions"]} - {"Confidence"}:
            shown = {index: f"{cell['mean']:.2f}" for index in indices if (cell := block[index]["dimensions"].get(dimension))}
            best, worst = max(shown.values(), key=float), min(shown.values(), key=float)
            if best != worst:
                marks.update({(index, dimension): "best" for index, value in shown.items() if value == best})
                marks.update({(index, dimension): "worst" for index, value in shown.items() if value == worst})
    return marks


def panel_rows(rows: Iterable[Row]) -> list[Row]:
    """The panel's rows alone."""
    return [row for row in rows if row["judge"] == PANEL]


def _cell(row: Row, dimension: str, mark: str) -> str:
    cell = row["dimensions"].get(dimension)
    if cell is None:
        return "–"
    mean = {"best": "**{}**", "worst": "_{}_"}.get(mark, "{}").format(f"{cell['mean']:.2f}")
    number = f" (n {cell['n']})" if cell["n"] != row["n"] else ""
    return f"{mean} ± {cell['sd']:.2f}{number}"


def _paper_cells(paper: Published, dimensions: Sequence[str]) -> list[str]:
    """What the paper prints, with its own two decimals; it has no SD everywhere."""
    cells = []
    for dimension in dimensions:
        value = paper.values.get(dimension)
        spread = f" ± {value.sd:.2f}" if value is not None and value.sd is not None else ""
        cells.append("–" if value is None else f"{value.mean:.2f}{spread}")
    return cells


def _verdict_cells(row: Row) -> list[str]:
    findings = ", ".join(f"{name} {number}" for name, number in row["findings"].items()) or "–"
    verdicts = row["verdicts"].values()
    told = [str(number) for number in verdicts] if any(verdicts) else ["–"] * 3
    return [row["stage"], row["model"], str(row["n"]), *(str(number) for number in row["outcomes"].values()), *told, findings]


def _cost_cells(row: Row) -> list[str]:
    agent, judges = row["agent_spent"], row["judge_spent"]
    sent, received = (agent["usage"][name] + judges["usage"][name] for name in ("prompt_tokens", "completion_tokens"))
    unpriced = agent["unpriced_calls"] + judges["unpriced_calls"]
    money = [usd(agent["cost"]), usd(judges["cost"])]
    return [row["stage"], row["model"], str(row["n"]), *money, f"{sent:,}", f"{received:,}", str(unpriced)]


def cost_line(agent: Mapping[str, object], judges: Mapping[str, object]) -> str:
    """Two sides' `Spent` (as plain JSON) in one line, calls without a known price said."""
    return f"agent {_spent(agent)}; judges {_spent(judges)}"


def _spent(spent: Mapping[str, object]) -> str:
    usage = spent["usage"]
    assert isinstance(usage, Mapping)
    unpriced = spent["unpriced_calls"]
    assert isinstance(unpriced, int)
    if not usage["calls"]:
        return "no model call"
    tokens = f"{count(usage['calls'], 'call')}, {usage['prompt_tokens']:,} + {usage['completion_tokens']:,} tokens"
    cost = spent["cost"]
    assert isinstance(cost, float | int)
    price = f"{usd(cost)} without {count(unpriced, 'call')} of unknown price" if unpriced else usd(cost)
    return f"{price} ({tokens})"


def _table(title: str, head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table below its heading; columns of names stand left, all others right."""
    rule = ["---" if name in NAMES else "---:" for name in head]
    return "\n".join([f"### {title}", "", *(_line(cells) for cells in (head, rule, *lines))])


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(plain(cell).replace("|", "\\|") for cell in cells) + " |"
