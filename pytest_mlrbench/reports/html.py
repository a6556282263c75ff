"""The self-contained HTML report of one or several runs; the controller and `mlrbench report` write it."""

import base64
import os
import stat
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..errors import ConfigError
from ..keys import GRADED, STAGES, TrialKey
from ..records import Spent, TrialRecord
from ..results.notes import notes
from ..results.published import Published, notes_on, published_beside
from ..results.reference import load_reference
from ..results.render import by_stage, cost_line, extremes
from ..results.shown import HALLUCINATED, OUTCOMES, outcome, plain
from ..results.store import RunStore, write_atomic
from ..results.tables import PANEL, Row, Scored, blocks_of, cost_table, ordered, score_rows, thresholds, verdict_table
from ..settings import Settings
from ..tasks.catalogue import load_tasks
from .plot import plot

FIGURE_LIMIT = 400_000
"""Bytes of a figure that is still inlined; a larger one is linked."""
FIGURES_LIMIT = 2_700_000
"""Bytes of all inlined figures together: base64 adds a third, and the report is to stay below 5 MB."""
FIGURES_EACH = 6
"""Inlined figures of one trial."""
EXCERPT = 5_000
"""Characters of a trial's main output that are shown in place."""
MAIN_OUTPUT = {"idea": "idea.md", "proposal": "proposal.md", "experiment": "results/results.md", "paper": "paper.md"}
IMAGES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
"""Magic bytes of what is inlined. SVG is not: it is a document of its own."""
SEVERITIES = ("fail", "warn", "info")


def write_html(stores: Sequence[RunStore], path: Path) -> Path:
    """Write the report of `stores` to `path` and return `path`.

    One file that needs nothing else: no script, no network, figures inlined up to a limit; output files are linked relative
    to `path`. All foreign text is escaped. Raises ConfigError when there is no run or `path` cannot be written.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    if not stores:
        raise ConfigError("a report needs at least one run directory")
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Escaping stops markup; control and bidirectional characters are made visible here, once for every value.
        finalize=lambda value: plain(value, lines=True) if isinstance(value, str) and not isinstance(value, Markup) else value,
    )
    page = environment.get_template("report.html.j2").render(_Report(stores, path).content())
    try:
        write_atomic(path, page.encode("utf-8", "replace"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}; choose another place with -o") from error
    return path


class _Report:
    """Collects what the template shows."""

    def __init__(self, stores: Sequence[RunStore], path: Path) -> None:
        self.stores = stores
        self.folder = path.resolve().parent
        self.inlined = 0
        """Bytes of figures inlined so far."""
        self.shown: dict[str, str] = {}
        """sha256 of an inlined figure -> anchor of the trial that shows it."""

    def content(self) -> dict[str, Any]:
        found = [Scored(store, record) for store in self.stores for record in store.records() if record.stage in GRADED]
        found.sort(key=lambda scored: (STAGES.index(scored.record.stage), scored.record.model, scored.record.key))
        limits = {store.root: thresholds(store) for store in self.stores}
        trials = [self._trial(f"t{number}", scored, *limits[scored.store.root]) for number, scored in enumerate(found, 1)]
        outcomes = Counter(trial["outcome"] for trial in trials)
        verdicts = verdict_table(self.stores)
        costs = cost_table(self.stores)
        rows = score_rows(found)
        paper = published_beside(self.stores, rows)
        return {
            "title": " · ".join(dict.fromkeys(str(_settings(store).get("model", store.root.name)) for store in self.stores)),
            "written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "runs": [self._run(store) for store in self.stores],
            "several": len({scored.place[1:] for scored in found}) > 1,
            "notes": notes(self.stores),
            "scores": _scores(found, rows, paper),
            "paper_notes": notes_on(paper),
            "not_reproduced": load_reference().not_reproduced if paper else (),
            "outcomes": [(name, outcomes[name]) for name in OUTCOMES],
            "verdicts": verdicts,
            "counted": {
                name: sum(row["verdicts"][name] for row in verdicts) for name in ("verified", "unverified", "hallucinated")
            },
            "costs": costs,
            "cost_total": cost_line(*(_total(costs, side) for side in ("agent_spent", "judge_spent"))),
            "failing": [(trial, one) for trial in trials for one in trial["findings"] if one["severity"] == "fail"],
            "trials": {stage: [trial for trial in trials if trial["stage"] == stage] for stage in GRADED},
        }

    # -- a run --------------------------------------------------------------------------------------------------------

    def _run(self, store: RunStore) -> dict[str, Any]:
        run, settings = store.run(), _settings(store)
        defaults = Settings(model="", run="").model_dump(mode="json")
        return {
            "name": store.root.resolve().name,
            "href": self._href(store.root),
            "model": settings.get("model", "?"),
            "agent": settings.get("agent_command") or settings.get("agent", "?"),
            "coder": settings.get("coder", "?"),
            "judges": ", ".join(settings.get("judges", [])) or "?",
            "started": run.get("started") or "?",
            "finished": run.get("finished") or "now (not finished)",
            "resumed": len(run.get("resumed") or []),
            "versions": run.get("versions") or {},
            "digests": run.get("digests") or {},
            "settings": [(name, value, defaults.get(name) != value) for name, value in settings.items()],
        }

    # -- a trial ------------------------------------------------------------------------------------------------------

    def _trial(self, anchor: str, scored: Scored[TrialRecord], minimum: Mapping[str, float], require: str | None) -> dict[str, Any]:
        store, record = scored.store, scored.record
        task = load_tasks().get(record.task)
        what, reasons = outcome(record.model_dump(mode="json"), minimum, require)
        output = store.output(record.key)
        files = [(name, self._href(output / name)) for name in sorted(record.files) if _below(output, name)]
        findings = sorted(record.findings, key=lambda one: SEVERITIES.index(one.severity))
        taken = ("stage", "model", "verdict", "support", "not_shown", "mechanical", "coverage", "environment", "attempt")
        return {
            **{name: getattr(record, name) for name in taken},
            "anchor": anchor,
            "task": record.key.item_id,
            "title": task.title if task else "",
            "category": task.category if task else "",
            "run": store.root.resolve().name,
            "outcome": what,
            # The findings stand below with their evidence.
            "reasons": [reason for reason in reasons if not reason.startswith(HALLUCINATED)],
            "overall": record.scores.get("Overall"),
            "scores": [
                (name, record.scores[name], [one.scores.get(name) for one in record.reviews]) for name in ordered(record.scores)
            ],
            "reviews": [
                {
                    **one.model_dump(),
                    "dimensions": [(name, one.scores[name], one.justifications.get(name, "")) for name in ordered(one.scores)],
                }
                for one in record.reviews
            ],
            "findings": [asdict(one) for one in findings],
            "forms": [one.model_dump() for one in record.forms],
            "minutes": (record.finished - record.started) / 60,
            "cost": record.agent_spent.cost + record.judge_spent.cost,
            "cost_line": cost_line(record.agent_spent.model_dump(), record.judge_spent.model_dump()),
            "folder": self._href(store.trial(record.key)),
            "files": files,
            "figures": self._figures(anchor, record, output),
            "excerpt": self._excerpt(output, record),
            "chain": self._chain(store, record),
        }

    def _chain(self, store: RunStore, record: TrialRecord) -> list[tuple[str, str, str | None]]:
        """Stage, source and link of every input; a source in another run is linked there."""
        links: list[tuple[str, str, str | None]] = []
        for stage, source in record.inputs.items():
            folder, separator, place = source.partition("::")
            if not separator:
                links.append((stage, source, self._href(store.trial(record.key.at(stage)))))
                continue
            try:
                links.append((stage, source, self._href(RunStore(Path(folder)).trial(TrialKey.parse(place)))))
            except ValueError:
                links.append((stage, source, None))
        return links

    def _href(self, path: Path) -> str:
        """Relative link; starts with a dot so that no name can be read as a scheme."""
        relative = os.path.relpath(path.resolve(), self.folder)
        return quote(relative if relative.startswith("..") else f"./{relative}", safe="/-_.~")

    def _excerpt(self, output: Path, record: TrialRecord) -> dict[str, Any] | None:
        name = MAIN_OUTPUT.get(record.stage)
        content = _read(output, name, 4 * EXCERPT) if name in record.files else None
        if name is None or content is None:
            return None
        text = content.decode("utf-8", "replace")
        return {"name": name, "text": text[:EXCERPT], "cut": len(text) > EXCERPT, "href": self._href(output / name)}

    def _figures(self, anchor: str, record: TrialRecord, output: Path) -> list[dict[str, Any]]:
        """The trial's images: inlined, or `elsewhere` for one that another trial shows, or only linked."""
        figures: list[dict[str, Any]] = []
        for name, digest in sorted(record.files.items()):
            if not name.lower().endswith((".png", ".jpg", ".jpeg")) or not _below(output, name):
                continue
            figure = {"name": name, "href": self._href(output / name), "data": None, "elsewhere": self.shown.get(digest)}
            if figure["elsewhere"] is None and sum(one["data"] is not None for one in figures) < FIGURES_EACH:
                content = _read(output, name, FIGURE_LIMIT + 1)
                kind = next((kind for magic, kind in IMAGES.items() if content is not None and content.startswith(magic)), None)
                if content and kind and len(content) <= FIGURE_LIMIT and self.inlined + len(content) <= FIGURES_LIMIT:
                    self.inlined += len(content)
                    self.shown[digest] = anchor
                    figure["data"] = f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
            figures.append(figure)
        return figures


def _settings(store: RunStore) -> dict[str, Any]:
    settings = store.run().get("settings", {})
    return settings if isinstance(settings, dict) else {}


def _total(costs: Sequence[Mapping[str, Any]], side: str) -> dict[str, Any]:
    return sum((Spent.model_validate(row[side]) for row in costs), Spent()).model_dump()


def _below(output: Path, name: str) -> bool:
    """Whether `name` really lies below `output`, links resolved."""
    return (output / name).resolve().is_relative_to(output.resolve())


def _read(output: Path, name: str | None, limit: int) -> bytes | None:
    """At most `limit` bytes of a regular file below `output`; None for anything else, links included."""
    if name is None or not _below(output, name):
        return None
    try:
        descriptor = os.open(output / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read(limit) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None


def _scores(found: Sequence[Scored[TrialRecord]], rows: Sequence[Row], paper: Sequence[Published]) -> list[dict[str, Any]]:
    """One block a stage: its table, the paper's numbers below ours, and its plot."""
    blocks = blocks_of(found)
    beside = {one.place: one for one in paper}
    tables = []
    for stage, block in by_stage(rows).items():
        dimensions = ordered({name for row in block for name in row["dimensions"]})
        marks = extremes(block, blocks)
        lines: list[dict[str, Any]] = []
        for place, row in enumerate(block):
            cells = [(_cell(row, name), marks.get((place, name), "")) for name in dimensions]
            kind = {
                "run": row.get("run", ""),
                "panel": row["judge"] == PANEL,
                "mechanical": row.get("mechanical", False),
                "source": None,
            }
            lines.append({**row, **kind, "cells": cells})
            if (one := beside.get((stage, row["model"], row["agent"], row["judge"], row.get("run", "")))) is not None:
                lines.append(_paper_line(one, dimensions))
        own = {
            f"{place[1]} ({', '.join(filter(None, place[2:]))})": block.values[PANEL]
            for place, block in blocks.items()
            if place[0] == stage and PANEL in block.values
        }
        tables.append({"stage": stage, "dimensions": dimensions, "rows": lines, "plot": plot(own, dimensions)})
    return tables


def _cell(row: Row, name: str) -> dict[str, Any] | None:
    cell = row["dimensions"].get(name)
    return None if cell is None else {**cell, "ci95": row.get("ci95", {}).get(name)}


def _paper_line(one: Published, dimensions: Sequence[str]) -> dict[str, Any]:
    values = {name: {"mean": cell.mean, "sd": cell.sd, "n": cell.n, "ci95": None} for name, cell in one.values.items()}
    named = {"model": one.label, "agent": one.agent, "judge": one.paper_judge, "n": one.n, "source": one.source}
    return {
        **named,
        "run": "",
        "panel": one.judge == PANEL,
        "mechanical": False,
        "cells": [(values.get(name), "") for name in dimensions],
    }
