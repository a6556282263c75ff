"""The summary at the end of a pytest run as plain lines; the controller writes them to the terminal."""

import io
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from ..audits import Finding
from ..keys import TrialKey
from ..records import Spent, TrialRecord
from ..results.notes import notes
from ..results.render import cost_line, panel_rows
from ..results.shown import HALLUCINATED, OUTCOMES, count, outcome, place_lines, plain, shorten, usd
from ..results.store import RunStore
from ..results.tables import Scored, ordered, score_rows, thresholds
from ..settings import RESUME_MAY_DIFFER, Settings

MOST = 8
"""How many reasons, and how many findings, are shown; the HTML report has them all."""


def summary_lines(
    store: RunStore,
    keys: Sequence[TrialKey],
    *,
    width: int = 100,
    spent: Spent | float | None = None,
    report: Path | str | None = None,
    resume: str | None = None,
    unanswered: str = "",
) -> list[str]:
    """What the user reads after the run: scores by stage, verdicts, reasons, cost, notes, and where everything lies.

    `keys` are the selected trials, `width` the columns of the terminal. `spent` is what the whole run has paid so far (a
    `Spent` of the call log, or USD), which is more than its kept trials cost when attempts were done again. `report` is the
    path of the HTML report if one was written, `resume` the command that goes on (made from run.json when None),
    `unanswered` what besides items was left undone. The lines are plain text: no colour, no control characters.
    """
    records = {key: record for key in keys if (record := store.record(key)) is not None}
    limits = thresholds(store)
    outcomes = {key: outcome(record.model_dump(mode="json"), *limits) for key, record in records.items()}
    lines = _scores([Scored(store, record) for record in records.values()], width)
    lines += _verdicts(records.values(), outcomes.values())
    for name in ("error", "skipped", "failed"):
        lines += _reasons(name, {key: why for key, (what, why) in outcomes.items() if what == name}, records)
    lines += _findings(records)
    lines += _cost(store, records, spent)
    lines += [f"note: {note}" for note in notes([store])]
    if report:
        lines.append(f"report: {report}")
    lines.append(f"run directory: {store.root}")
    lines += _resume(store, keys, records, resume, unanswered)
    return [plain(line) for line in lines]


def _scores(found: Sequence[Scored[TrialRecord]], width: int) -> list[str]:
    """The panel's means: a line per stage, or where that is too wide a column per stage."""
    rows = panel_rows(score_rows(found, intervals=False))
    if not rows:
        return ["no scores"]
    dimensions = ordered({name for row in rows for name in row["dimensions"]})
    stages = [row["stage"] + (" (mechanical)" if row.get("mechanical") else "") for row in rows]
    counts = [str(row["n"]) for row in rows]
    cells = [[_cell(row["dimensions"].get(name)) for name in dimensions] for row in rows]
    wide = _table(["stage", "n", *dimensions], [[stages[i], counts[i], *cells[i]] for i in range(len(rows))])
    if max(map(len, wide)) <= width:
        return wide
    marks = [row["stage"] + ("*" if row.get("mechanical") else "") for row in rows]
    across = [[name, *(cells[i][j] for i in range(len(rows)))] for j, name in enumerate(dimensions)]
    return _table(["mean", *marks], [["n", *counts], *across])


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> list[str]:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for place, name in enumerate(head):
        table.add_column(name, justify="right" if place else "left", no_wrap=True)
    for line in lines:
        table.add_row(*line)
    stream = io.StringIO()
    # Wide enough for every column, and never a colour: whoever writes the lines knows what the terminal can do.
    Console(file=stream, width=1000, color_system=None, force_terminal=False, legacy_windows=False).print(table)
    return [line.rstrip() for line in stream.getvalue().splitlines() if line.strip()]


def _cell(cell: Mapping[str, float] | None) -> str:
    return "-" if cell is None else f"{cell['mean']:.2f}"


def _verdicts(records: Iterable[TrialRecord], outcomes: Iterable[tuple[str, list[str]]]) -> list[str]:
    found = Counter(what for what, _ in outcomes)
    parts = [f"{found[name]} {name if name == 'passed' else name.upper()}" for name in OUTCOMES if found[name]]
    verdicts = Counter(record.verdict for record in records if record.verdict is not None)
    lines = [f"outcomes: {', '.join(parts)}"] if parts else []
    if verdicts:
        lines.append("verdicts: " + ", ".join(f"{verdicts[name]} {name}" for name in ("verified", "unverified", "hallucinated")))
    return lines


def _reasons(name: str, why: Mapping[TrialKey, list[str]], records: Mapping[TrialKey, TrialRecord]) -> list[str]:
    """Equal reasons once, with how many items have them and the first of them; findings have lines of their own."""
    grouped: dict[str, list[TrialKey]] = defaultdict(list)
    for key, reasons in why.items():
        for reason in reasons:
            if not (name == "failed" and reason.startswith(HALLUCINATED)):
                # The trial's own name in a reason would keep equal reasons apart.
                grouped[shorten(reason.partition("\n")[0].replace(str(key), "the trial"), 300)].append(key)
    lines = []
    for reason, keys in sorted(grouped.items(), key=lambda entry: -len(entry[1]))[:MOST]:
        others = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
        lines.append(f"{name.upper()} {len(keys)}x ({keys[0]}{others}): {reason}")
    if len(grouped) > MOST:
        lines.append(f"{name.upper()}: {count(len(grouped) - MOST, 'other reason')}, see the report")
    return lines


def _findings(records: Mapping[TrialKey, TrialRecord]) -> list[str]:
    """Findings that fail, each with the places that it quotes, then how many warnings the report has."""
    findings = [(key, finding) for key, record in records.items() for finding in record.findings]
    failing: list[tuple[TrialKey, Finding]] = [(key, finding) for key, finding in findings if finding.severity == "fail"]
    lines = []
    for key, finding in failing[:MOST]:
        lines.append(f"finding {key} [{finding.check}]: {shorten(finding.message, 360)}")
        lines += [f"    {place}" for place in place_lines(asdict(finding), length=120)]
    if len(failing) > MOST:
        lines.append(f"finding: {len(failing) - MOST} more of severity fail, see the report")
    warnings = sum(finding.severity == "warn" for _, finding in findings)
    if warnings:
        lines.append(f"warnings: {count(warnings, 'finding')} of severity warn, see the report")
    return lines


def _cost(store: RunStore, records: Mapping[TrialKey, TrialRecord], spent: Spent | float | None) -> list[str]:
    """What agent and judges cost in the run's trials, inputs that were made for them included; then what the run paid in all."""
    agent, judges = Spent(), Spent()
    for key in store.keys():  # noqa: SIM118 - a store is no mapping
        result = store.stage_result(key)
        agent += result.spent if result is not None else Spent()
        record = records.get(key) or store.record(key)
        judges += record.judge_spent if record is not None else Spent()
    lines = [f"cost: {cost_line(agent.model_dump(), judges.model_dump())}"]
    kept = agent.cost + judges.cost
    paid = spent.cost if isinstance(spent, Spent) else spent
    if paid is not None and paid - kept > 0.00005:
        lines.append(
            f"cost: the run has paid {usd(paid)} in all, {usd(paid - kept)} of it for attempts that are not kept or still open"
        )
    return lines


def _resume(
    store: RunStore, keys: Sequence[TrialKey], records: Mapping[TrialKey, TrialRecord], command: str | None, unanswered: str
) -> list[str]:
    """The command that goes on with what is undone: no record yet, ERROR or SKIPPED, and what is `unanswered`."""
    undone = [key for key in keys if key not in records or records[key].status in ("error", "skipped")]
    unreached = sum(key not in records for key in undone)
    detail = f" ({unreached} not reached)" if unreached else ""
    left = [f"{count(len(undone), 'item')} left undone{detail}"] if undone else []
    left += [unanswered] if unanswered else []
    return [f"{'; '.join(left)}; resume with: {command or resume_command(store)}"] if left else []


SAID_ON_RESUME = frozenset({"suite", "task", "stage", "category", "venue", "year", "epochs", "budget", "price"})
"""What may differ on resume but selects the items or pays for them, so that the command repeats it."""
REPEATED = ("task", "category", "venue", "year")
"""Options that are given once a value; other lists are joined by commas."""


def resume_command(store: RunStore) -> str:
    """The shell command that takes the run up again with its own settings, limits and thresholds left to the user.

    Raises ConfigError when run.json cannot be read.
    """
    settings = store.run().get("settings", {})
    arguments = [f"--mlr-model={settings.get('model', '')}", f"--mlr-run={store.root}"]
    for name, field in Settings.model_fields.items():
        value, default = settings.get(name), field.get_default(call_default_factory=True)
        if name in ("model", "run") or (name in RESUME_MAY_DIFFER and name not in SAID_ON_RESUME):
            continue
        # run.json holds lists where the model has tuples.
        if (list(default) if isinstance(default, tuple) else default) != value and name in settings:
            arguments += _options(f"--mlr-{name.replace('_', '-')}", name, value)
    return "pytest " + " ".join(shlex.quote(argument) for argument in arguments)


def _options(option: str, name: str, value: Any) -> list[str]:
    if name == "model_settings":
        told = [(model, key, one) for model, known in value.items() for key, one in known.items() if one is not None]
        return [f"--mlr-model-setting={model}:{key}={one}" for model, key, one in told]
    if isinstance(value, list):
        return [f"{option}={one}" for one in value] if name in REPEATED else [f"{option}={','.join(map(str, value))}"]
    return [f"{option}={'none' if value is None else value}"]
