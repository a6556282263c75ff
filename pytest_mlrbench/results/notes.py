"""What a reader of tables must know: the kind of judges, what has no score, and in what runs differ; every report ends with it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from ..keys import GRADED, TrialKey
from ..settings import Settings
from ..tasks.catalogue import load_tasks
from .shown import count
from .store import RunStore
from .tables import PANEL, Block, Place, Sources, blocks_of, readings, run_names, scored
from .trial_lines import Reading

NOT_VALIDATED = "judges not validated against people"
MECHANICAL = (
    "mechanical: the offline judge counts features of the text (sections, lengths, sourced numbers); nobody judged the research"
)


def notes(sources: Sources, named: int = 6, blocks: Mapping[Place, Block] | None = None) -> list[str]:
    """What a reader of the tables must know: the kind of judges, what has no score, in what the runs differ.

    At most `named` trials are named in one note. `blocks` of the sources need not be made again.
    """
    lines: list[str] = []
    read = readings(sources)
    reviews = [review for reading in read for line in reading.lines for review in line.reviews]
    if any(not review.mechanical for review in reviews):
        lines.append(NOT_VALIDATED)
    if any(review.mechanical for review in reviews):
        lines.append(MECHANICAL)
    for reading in read:
        lines.extend(_missing(reading, named))
    lines += _uneven(read, blocks if blocks is not None else blocks_of(scored(read)), named)
    texts = {str(source) for reading in read if (source := (reading.run.get("digests") or {}).get("tasks_source"))}
    if len(texts) == 1:  # several are said where the runs' differences are
        lines.append(f"task texts: {texts.pop()}")
    origins = dict.fromkeys(str(origin.get("from")) for reading in read if (origin := reading.run.get("imported")))
    if origins:
        lines.append(f"imported from {', '.join(origins)}: which task texts, rubrics and prompts were used is not recorded there")
    if added := sorted({review.judge for review in reviews if review.added}):
        lines.append(f"reviews added by `mlrbench rejudge` are in the judge's row, not in the panel's mean: {', '.join(added)}")
    cut = sum(bool(review.not_shown) for review in reviews)
    if cut:
        lines.append(f"{cut} of {count(len(reviews), 'review')} did not see all of the work (`not_shown` of the review says what)")
    return lines + _differences(read)


def missing(source: RunStore | Reading) -> dict[str, list[TrialKey]]:
    """Graded trials without scores by why: `failed`, `error`, `skipped`, and `not reached` for selected ones without a record."""
    (reading,) = readings([source])
    found: dict[str, list[TrialKey]] = defaultdict(list)
    seen = set()
    for line in reading.lines:
        seen.add(line.key)
        if line.stage in GRADED and line.status != "done":
            found[line.status].append(line.key)
    found["not reached"] = [key for key in reading.store.selected() if key not in seen]
    return {why: found[why] for why in ("failed", "error", "skipped", "not reached") if found[why]}


def _missing(reading: Reading, named: int) -> list[str]:
    return [
        f"{reading.store.root.name}: no scores for {count(len(keys), 'item')} ({why}): {_listed(map(str, keys), named)}"
        for why, keys in missing(reading).items()
    ]


def _uneven(read: Sequence[Reading], blocks: Mapping[Place, Block], named: int) -> list[str]:
    """Tasks that the catalogue does not have, judges that lack tasks of their panel, rows of one stage over different tasks."""
    lines = []
    known = load_tasks()
    strange = sorted({line.task for reading in read for line in reading.lines if line.task not in known})
    if strange:
        lines.append(f"{count(len(strange), 'task')} not of MLR-Bench: {_listed(strange, named)}")
    stages: dict[str, dict[str, set[str]]] = defaultdict(dict)
    for place, block in blocks.items():
        tasks = set(block.values[PANEL]) if PANEL in block.values else set()
        what = f"{place[0]} of {place[1]}" + (f" in {place[3]}" if place[3] else "")
        stages[place[0]][what] = tasks
        for judge, values in block.values.items():
            lacking = sorted(tasks - set(values))
            if lacking and judge not in block.protocols:
                lines.append(f"{what}: no review by {judge} for {count(len(lacking), 'task')}: {_listed(lacking, named)}")
        other = {judge: label for judge, label in block.protocols.items() if not judge.startswith(f"{PANEL} [")}
        if other:
            lines.append(f"{what}: reviews made in another way are rows of their own and in no other mean: {', '.join(other)}")
    judged: dict[str, set[str]] = defaultdict(set)
    panels: dict[str, dict[tuple[str, ...], None]] = defaultdict(dict)
    for place, block in blocks.items():
        judged[place[0]].add(block.main)
        if block.seats:
            panels[place[0]][block.seats] = None
    lines += [
        f"{stage}: means of different panels are not compared: {'; '.join(map(', '.join, seats))}"
        for stage, seats in panels.items()
        if len(seats) > 1
    ]
    lines += [
        f"{stage}: rows were judged by different rubrics or prompts: none is marked as best, none compared with another"
        for stage, mains in judged.items()
        if len(mains) > 1
    ]
    for stage, rows in stages.items():
        shared = set.intersection(*rows.values())
        if any(tasks != shared for tasks in rows.values()):
            sizes = ", ".join(f"{len(tasks)} ({what})" for what, tasks in rows.items())
            lines.append(f"{stage}: rows are over different tasks, {len(shared)} of them in all: {sizes}")
    return lines


def _listed(names: Iterable[str], named: int) -> str:
    found = list(names)
    return ", ".join(found[:named]) + (f" and {len(found) - named} more" if len(found) > named else "")


COMPARED: dict[str, Callable[[Settings], object]] = {
    "coder": lambda settings: settings.coder,
    "judges": lambda settings: ", ".join(settings.judges),
    "mode": lambda settings: settings.mode,
    "seed": lambda settings: settings.seed,
    "literature search": lambda settings: settings.search,
}
"""Settings that change what scores mean."""


def _differences(found: Sequence[Reading]) -> list[str]:
    """In what several runs differ: settings, and the digests of task texts, rubrics and prompts."""
    said: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    names = run_names(reading.store.root for reading in found)
    for reading in found:
        run, name_of_run = reading.run, names[reading.store.root]
        parsed = reading.store.settings() if not run.get("imported") else None
        if parsed is not None:
            for name, read in COMPARED.items():
                said[name][str(read(parsed))].append(name_of_run)
        for name, value in (run.get("digests") or {}).items():
            if name.endswith("_source"):
                said[f"where the {name.removesuffix('_source')} come from"][str(value)].append(name_of_run)
            else:
                said[f"the digest of {name}"][str(value)[:12]].append(name_of_run)
    return [
        f"runs differ in {name}: " + "; ".join(f"{value} ({', '.join(runs)})" for value, runs in values.items())
        for name, values in said.items()
        if len(values) > 1
    ]
