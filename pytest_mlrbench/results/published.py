"""The paper's numbers beside a run's own, with every difference named; the Markdown tables and the HTML report show them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError
from ..keys import WITH_EXPERIMENT
from ..settings import ModelSettings, Settings
from ..tasks.catalogue import load_tasks, task_digest
from ..tasks.official import verify
from .reference import PANEL, PublishedScore, load_reference, paper_model, reference_values
from .store import RunStore
from .tables import Row

BRIEFS = "briefs of pytest-mlrbench"
"""`tasks_source` of a run on our own texts (engine/planning.py, provenance)."""
PAPER_SEARCH = "gpt-4o-search-preview"
"""Who did the paper's literature reviews (Appendix E.1)."""
WITH_LITERATURE = ("proposal", *WITH_EXPERIMENT)


@dataclass(frozen=True)
class Published:
    """What the paper prints for one row of `score_table`."""

    stage: str
    model: str
    """As in the row."""
    agent: str
    judge: str
    """As in the row."""
    paper_model: str
    paper_judge: str
    """`mean` or the id of the judge's model as the paper used it."""
    source: str
    run: str
    """As in the row; empty where no two runs have the same stage, model and agent."""
    n: int
    values: Mapping[str, PublishedScore]
    """By dimension."""
    differences: tuple[str, ...]
    """Why the row and these values are not comparable; empty when nothing is known to differ."""

    @property
    def place(self) -> tuple[str, str, str, str, str]:
        """Which row of `score_table` this stands below."""
        return self.stage, self.model, self.agent, self.judge, self.run

    @property
    def label(self) -> str:
        return f"paper: {self.paper_model}{' (not comparable)' if self.differences else ''}"


def published_beside(stores: Sequence[RunStore], rows: Iterable[Row]) -> list[Published]:
    """For each of `rows` (of `score_table` over `stores`) that the paper has numbers for: those numbers.

    No rank and no difference of scores is computed: the paper's rubrics and prompts are known by their wording, not by a digest of
    this package, so what differs can only be named. Rows of mechanical judges have none: nobody judged.
    """
    found = []
    for row in rows:
        # Reviews made in another way than the row's main ones (without the code) are nothing that the paper prints.
        none = row.get("mechanical") or row.get("protocol")
        cells = () if none else reference_values(row["stage"], row["model"], row["judge"], None, row["agent"])
        if not cells:
            continue
        # Of a judge that the paper used in two snapshots, the first printed.
        cells = tuple(cell for cell in cells if cell.judge == cells[0].judge)
        sources = tuple(dict.fromkeys(cell.source for cell in cells))
        found.append(
            Published(
                **{name: row[name] for name in ("stage", "model", "agent", "judge")},
                paper_model=cells[0].model,
                paper_judge=cells[0].judge,
                source=", ".join(sources),
                run=row.get("run", ""),
                n=cells[0].n,
                values={cell.dimension: cell for cell in cells},
                differences=_differences(stores, row, cells[0]),
            )
        )
    return found


def notes_on(published: Sequence[Published]) -> list[str]:
    """What belongs below tables that show `published`: where it stands, each difference once with the rows that it concerns, which
    SDs nobody can repeat, and what the research cost."""
    if not published:
        return []
    reference = load_reference()
    places: dict[str, dict[str, None]] = defaultdict(dict)
    for one in published:
        for text in one.differences:
            places[text][f"{one.stage} of {one.model}"] = None
    everywhere = list(dict.fromkeys(f"{one.stage} of {one.model}" for one in published))
    sources = ", ".join(dict.fromkeys(source for one in published for source in one.source.split(", ")))
    lines = [f"paper: {reference.citation}, {sources}; it is given no rank, and no difference of scores is computed"]
    for text, where in places.items():
        shown = "all rows" if list(where) == everywhere else ", ".join(where)
        lines.append(f"not comparable with the paper ({shown}): {text}")
    if any(one.judge == PANEL and any(cell.sd is not None for cell in one.values.values()) for one in published):
        lines += [f"paper: {entry.claim}: {entry.found}" for entry in reference.not_reproduced if entry.id == "averaged_sd"]
    # Table 8 prints a cost of Table 6 again.
    for cost in {(cost.model, cost.agent): cost for cost in reversed(reference.costs)}.values():
        if any((one.stage, one.agent, one.paper_model) == ("end2end", cost.agent, cost.model) for one in published):
            lines.append(f"paper: end-to-end research with {cost.model} cost {cost.usd:.2f} USD a task ({cost.source})")
    return list(dict.fromkeys(lines))


def _differences(stores: Sequence[RunStore], row: Row, cell: PublishedScore) -> tuple[str, ...]:
    told: dict[str, None] = {}
    for store in stores:
        run = store.run()
        if row.get("run") not in (None, store.root.name, str(store.root)):
            continue
        if run.get("imported"):
            # The published reviews themselves, or others of their layout: what made them is not recorded (a note says so).
            if run["settings"]["model"] == row["model"] and row["n"] != cell.n:
                told[f"tasks: {row['n']} scored; the paper's {cell.n}"] = None
            continue
        settings = store.settings()
        if settings is None:
            told["settings: not recorded by this run"] = None
            continue
        if (settings.model, settings.agent) == (row["model"], row["agent"]):
            told.update(dict.fromkeys(_of_run(store, run, settings, row, cell)))
    return tuple(told)


def _of_run(store: RunStore, run: Mapping[str, object], settings: Settings, row: Row, cell: PublishedScore) -> Iterable[str]:
    digests = run.get("digests")
    yield from _texts(store, digests if isinstance(digests, dict) else {}, row)
    yield f"rubrics: {settings.rubrics or 'worded anew by this package'}, not the paper's texts as far as is known"
    yield f"prompts: {settings.prompts or 'worded anew by this package'}, not the paper's texts as far as is known"
    if row["judge"] == PANEL:
        theirs = _panel(cell)
        if {paper_model(judge) or judge for judge in settings.judges} != {paper_model(judge) or judge for judge in theirs}:
            yield f"judges: {', '.join(settings.judges)}; the paper's {', '.join(theirs)}"
        elif any(judge.rpartition("/")[2] not in theirs for judge in settings.judges):
            yield f"judges: other snapshots than the paper's {', '.join(theirs)}"
    elif row["judge"].rpartition("/")[2] != cell.judge:
        yield f"judge: {row['judge']}; the paper's {cell.judge}"
    if row["stage"] in WITH_EXPERIMENT and cell.coder is not None and settings.coder != cell.coder:
        yield f"coder: {settings.coder}; the paper's {cell.coder}"
    if row["stage"] in WITH_LITERATURE and settings.search.rpartition("/")[2] != PAPER_SEARCH:
        yield f"literature: {settings.search}; the paper's {PAPER_SEARCH}"
    needed = load_reference().settings.get(cell.model)
    if needed is not None and not _as_needed(needed, settings):
        own = settings.for_model(settings.model).model_dump(exclude_none=True)
        said = ", ".join(f"{name} {value}" for name, value in own.items()) or "default settings"
        yield f"model: {settings.model} with {said}; the paper's {needed}"
    if row["n"] != cell.n:
        yield f"tasks: {row['n']} scored; the paper's {cell.n}"


def _texts(store: RunStore, digests: Mapping[str, object], row: Row) -> Iterable[str]:
    """Whether the agents read the published texts: only texts that can still be compared with the recorded digests count."""
    source = digests.get("tasks_source")
    if source == BRIEFS:
        yield "task texts: our briefs; the paper's agents read the published calls"
        return
    folder = Path(str(source))
    selected = {key.task for key in store.selected()}
    names = sorted(selected or {record.task for record in store.records()})
    try:
        tasks = load_tasks()
        published = set(verify(folder).ok)
        same = task_digest([tasks[name].with_text(str(folder)) for name in names]) == digests.get("tasks")
    except (ConfigError, KeyError):
        published, same = set(), False
    if not same or not published.issuperset(names):
        yield f"task texts: {source}, not verified as the published ones"


def _panel(cell: PublishedScore) -> tuple[str, ...]:
    """The paper's judges behind the mean of `cell`."""
    cells = (
        score
        for score in load_reference().scores
        if (score.stage, score.model, score.agent) == (cell.stage, cell.model, cell.agent)
    )
    return tuple(dict.fromkeys(score.judge for score in cells if score.judge != PANEL and score.dimension == cell.dimension))


def _as_needed(needed: str, settings: Settings) -> bool:
    """Whether the run's own settings of its model say what the paper's setting asks for: all words of model and effort."""
    own: ModelSettings = settings.for_model(settings.model)
    version, _, effort = needed.partition(" with reasoning effort ")
    return settings.model.rpartition("/")[2] == version and own.reasoning_effort == effort
