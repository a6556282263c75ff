"""The tables as text: Markdown for people, CSV and JSON for programs; `mlrbench tables` prints what is made here."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from ..errors import ConfigError
from .frequencies import TYPES, chain_costs, hallucination_table, published_rates
from .notes import notes
from .paired import difference_table
from .published import Published, notes_on, published_beside
from .shown import count, plain, usd
from .store import RunStore
from .tables import PANEL, Block, Place, Row, Sources, block_rows, blocks_of, cost_table, ordered, readings, scored, verdict_table

FORMATS = ("md", "csv", "json")

LEAST_MARKED = 6
"""Tasks below which no difference is marked: that all of five tasks agree happens by chance in 6 % of cases (sign test)."""

NAMES = ("Model", "Agent", "Judge", "Stage", "Findings that fail", "Run", "Against", "Who")
"""Columns that hold words."""
VERDICT_HEAD = (
    "Stage", "Model", "n", "passed", "FAILED", "ERROR", "SKIPPED", "verified", "unverified", "hallucinated", "Findings that fail",
)  # fmt: skip
COST_HEAD = ("Stage", "Model", "n", "Agent cost", "Judges' cost", "Tokens in", "Tokens out", "Unpriced calls")


def render(stores: Sequence[RunStore], form: str) -> str:
    """All tables of `stores` as `form`: `md` with verdicts, costs and notes; `csv` and `json` the scores alone.

    Raises ConfigError for another form.
    """
    if form not in FORMATS:
        raise ConfigError(f"unknown table format {form!r}; valid: {', '.join(FORMATS)}")
    read = readings(stores)
    blocks = blocks_of(scored(read))
    rows = block_rows(blocks)
    if form == "json":
        return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"
    if form == "csv":
        return _csv(rows, published_beside(stores, rows))
    return _markdown(stores, read, blocks, rows)


def _place(row: Row) -> tuple[str, str, str, str, str]:
    return row["stage"], row["model"], row["agent"], row["judge"], row.get("run", "")


def _csv(rows: Iterable[Row], published: Iterable[Published]) -> str:
    """One line per row and dimension, full precision, with the paper's printed value where it has one."""
    beside = {one.place: one.values for one in published}
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    head = [
        "stage",
        "model",
        "agent",
        "judge",
        "mechanical",
        "n",
        "dimension",
        "mean",
        "sd",
        "dimension_n",
        "ci95_low",
        "ci95_high",
    ]
    writer.writerow([*head, "run", "protocol", "paper_mean", "paper_sd"])
    for row in rows:
        start = [row["stage"], row["model"], row["agent"], row["judge"], str(row.get("mechanical", False)).lower(), row["n"]]
        for dimension, cell in row["dimensions"].items():
            paper = beside.get(_place(row), {}).get(dimension)
            printed = (paper.mean, "" if paper.sd is None else paper.sd) if paper is not None else ("", "")
            ends = [repr(end) for end in row.get("ci95", {}).get(dimension, [])] or ["", ""]
            numbers = [repr(cell["mean"]), repr(cell["sd"]), cell["n"], *ends]
            writer.writerow([*start, dimension, *numbers, row.get("run", ""), row.get("protocol", ""), *printed])
    return stream.getvalue()


def _markdown(stores: Sequence[RunStore], read: Sources, blocks: Mapping[Place, Block], rows: Sequence[Row]) -> str:
    """One table a stage, the paper's numbers below ours, best and worst of several models marked, then verdicts, costs, notes."""
    parts = []
    marked = False
    beside = {one.place: one for one in published_beside(stores, rows)}
    differences = by_stage(difference_table(blocks))
    for stage, block in by_stage(rows).items():
        dimensions = ordered({name for row in block for name in row["dimensions"]})
        marks = extremes(block, blocks)
        marked = marked or bool(marks)
        runs = any(row.get("run") for row in block)
        lines = []
        for place, row in enumerate(block):
            judge = row["judge"] + (" (mechanical)" if row.get("mechanical") else "")
            cells = [_cell(row, dimension, marks.get((place, dimension), "")) for dimension in dimensions]
            lines.append([row["model"], row["agent"], *([row.get("run", "")] if runs else []), judge, str(row["n"]), *cells])
            if (paper := beside.get(_place(row))) is not None:
                numbers = [paper.paper_judge, str(paper.n), *_paper_cells(paper, dimensions)]
                lines.append([paper.label, paper.agent, *([""] if runs else []), *numbers])
        parts.append(_table(stage, ["Model", "Agent", *(["Run"] if runs else []), "Judge", "n", *dimensions], lines))
        if stage in differences:
            parts.append(_differences(stage, differences[stage], dimensions))
    if not parts:
        parts.append("No scores yet.")
    verdicts = [_verdict_cells(row) for row in verdict_table(read)]
    if verdicts:
        parts.append(_table("verdicts", VERDICT_HEAD, verdicts))
    hallucinated = hallucination_table(read)
    if hallucinated:
        parts.append(_hallucinations(hallucinated))
    costs = [_cost_cells(row) for row in cost_table(read)]
    if costs:
        parts.append(_table("cost", COST_HEAD, costs))
    below = ["mean ± population SD over tasks [95 % interval of the mean: bootstrap over tasks, which are all that it speaks of]"]
    if marked:
        below.append("per judge, the best row is **bold** and the worst _italic_")
    if differences:
        below.append(
            "paired differences: task by task, on the tasks of both; **bold** where the interval of six tasks or more leaves out 0"
        )
    if hallucinated:
        below.append("hallucinations: works in which a type was found, of those looked at; `not sure` counts for neither side")
    chains = chain_costs(read)
    for row in chains:
        whose = row["model"] if sum(other["model"] == row["model"] for other in chains) == 1 else _whose(row)
        unpriced = f" without {count(row['unpriced_calls'], 'call')} of unknown price" if row["unpriced_calls"] else ""
        below.append(f"{whose}: one task from idea to paper cost the agent {usd(row['usd'])}{unpriced} (mean of {row['n']})")
    parts.append("\n".join(f"- {plain(note)}" for note in [*below, *notes_on([*beside.values()]), *notes(read, blocks=blocks)]))
    return "\n\n".join(parts) + "\n"


def by_stage(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows grouped by stage, in their order."""
    blocks: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        blocks[row["stage"]].append(row)
    return blocks


def extremes(block: Sequence[Row], blocks: Mapping[Place, Block] | None = None) -> dict[tuple[int, str], str]:
    """(Index of the row, dimension) -> `best` or `worst`, among the rows of one stage that have the same judge.

    Only where at least two of them differ in two decimals, as they are shown; equal ones share the mark. Confidence is not a
    quality and is never marked. Given the `blocks` of the rows, those judged by different protocols are not ranked either, nor are
    means of different judges.
    """
    marks: dict[tuple[int, str], str] = {}
    judges: dict[tuple[str, str, tuple[str, ...]], list[int]] = defaultdict(list)
    for index, row in enumerate(block):
        of = blocks[row["stage"], row["model"], row["agent"], row.get("run", "")] if blocks is not None else None
        seats = of.seats if of is not None and row["judge"] == PANEL else ()
        judges[row["judge"], of.main if of is not None else "", seats].append(index)
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
    ends = row.get("ci95", {}).get(dimension)
    interval = f" [{ends[0]:.2f}, {ends[1]:.2f}]" if ends is not None else ""
    return f"{mean} ± {cell['sd']:.2f}{interval}{number}"


def _differences(stage: str, rows: Sequence[Row], dimensions: Sequence[str]) -> str:
    lines = []
    for row in rows:
        lines.append([_whose(row), row["agent"], row["against"], str(row["n"]), *(_difference(row, one) for one in dimensions)])
    return _table(f"{stage}: paired differences of the panel", ["Model", "Agent", "Against", "n", *dimensions], lines)


def _difference(row: Row, dimension: str) -> str:
    cell = row["dimensions"].get(dimension)
    if cell is None:
        return "–"
    ends = cell["ci95"]
    number = f" (n {cell['n']})" if cell["n"] != row["n"] else ""
    if ends is None:
        return f"{cell['diff']:+.2f}{number}"
    mark = "**{}**" if cell["n"] >= LEAST_MARKED and (ends[0] > 0 or ends[1] < 0) else "{}"
    return mark.format(f"{cell['diff']:+.2f}") + f" [{ends[0]:+.2f}, {ends[1]:+.2f}]{number}"


def _hallucinations(rows: Sequence[Row]) -> str:
    """Fig. 6 as counts, and the paper's own percentages below."""
    lines = []
    for row in rows:
        lines.append([row["stage"], _whose(row), row["agent"], row["who"], str(row["n"]), *map(_found, row["types"].values())])
    for paper in published_rates([row for row in rows if row["stage"] == "end2end"]):
        rates = [f"{paper['rates'][kind]} %" for kind in TYPES]
        lines.append(["end2end", "paper: Fig. 6", paper["agent"], "judges, then people", "10", *rates])
    head = ["Stage", "Model", "Agent", "Who", "n", *(kind.replace("_", " ") for kind in TYPES)]
    return _table("hallucinations by type", head, lines)


def _found(cell: Mapping[str, int]) -> str:
    unsure = f", {cell['not_sure']} not sure" if cell["not_sure"] else ""
    return f"{cell['yes']} of {cell['n']}{unsure}"


def _whose(row: Row) -> str:
    """The model, and the run where several have it."""
    return " ".join(part for part in (row["model"], row.get("run")) if part)


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
    return [row["stage"], _whose(row), str(row["n"]), *(str(number) for number in row["outcomes"].values()), *told, findings]


def _cost_cells(row: Row) -> list[str]:
    agent, judges = row["agent_spent"], row["judge_spent"]
    sent, received = (agent["usage"][name] + judges["usage"][name] for name in ("prompt_tokens", "completion_tokens"))
    unpriced = agent["unpriced_calls"] + judges["unpriced_calls"]
    money = [usd(one["cost"]) if one["cost"] or not one["unpriced_calls"] else "not known" for one in (agent, judges)]
    return [row["stage"], _whose(row), str(row["n"]), *money, f"{sent:,}", f"{received:,}", str(unpriced)]


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
