"""All that the judges of runs show about themselves, as one object: the JSON of `mlrbench agreement RUN...`."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from ...errors import ConfigError
from ...keys import GRADED
from ..shown import count
from ..store import RunStore
from . import bias, panel, people
from .works import Work, judges_of, works_of


def judges_report(stores: Sequence[RunStore], stages: Sequence[str] = ()) -> dict[str, Any]:
    """The sections of docs/interface.md over `stores`, `stages` alone where some are named.

    Raises ConfigError when no trial has a review, a stage is unknown, or a run is given twice.
    """
    wrong = sorted(set(stages) - set(GRADED))
    if wrong:
        raise ConfigError(f"unknown stage {wrong[0]!r}; valid: {', '.join(GRADED)}")
    places = [store.root.resolve() for store in stores]
    double = next((place for place in places if places.count(place) > 1), None)
    if double is not None:
        raise ConfigError(f"{double} is given twice: a run cannot be compared with itself")
    works = works_of(stores, stages, once=len(stores) > 1)
    if not works:
        told = f"no trial of stage {', '.join(stages)}" if stages else "no trial"
        raise ConfigError(f"{', '.join(str(store.root) for store in stores)}: {told} has a review yet, there is nothing to compare")
    again = len(works_of(stores, stages)) - len(works)
    drift, drift_notes = bias.drift(stores, stages) if len(stores) > 1 else ([], [])
    labelled, label_notes = people.people_and_others(stores, stages)
    return {
        "judges": panel.judge_pairs(works),
        "hallucination": panel.verdict_pairs(works),
        "hallucination_people": labelled,
        "repeats": panel.repeats(works),
        "drift": drift,
        "leniency": bias.leniency(works),
        "panel_without_own_family": bias.without_own_family(works),
        "length": bias.length_slopes(works),
        "blind_informed": bias.blind_informed(works),
        "differ_most": panel.differ_most(works),
        "notes": [*_notes(works, again), *label_notes, *drift_notes, *_differences(stores)],
    }


def _differences(stores: Sequence[RunStore]) -> list[str]:
    """In what the runs differ that changes what their scores mean."""
    said: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for store in stores:
        run = store.run()
        judges = (run.get("settings") or {}).get("judges")
        if judges:
            said["judges"][", ".join(judges)].append(store.root.name)
        for name, value in (run.get("digests") or {}).items():
            said[name.replace("_", " ")][str(value)[:60]].append(store.root.name)
    return [
        f"runs differ in {name}: " + "; ".join(f"{value} ({', '.join(names)})" for value, names in values.items())
        for name, values in said.items()
        if len(values) > 1
    ]


def _notes(works: Sequence[Work], again: int) -> list[str]:
    notes = ["intervals: 95 %, seeded bootstrap over tasks, 2,000 draws; a task is drawn with its epochs and models"]
    notes.append("a value without an interval is that of one task, or is not defined in a tenth of the draws and more")
    if again:
        notes.append(f"{count(again, 'work')} of later runs are the same as in an earlier one: they count for drift alone")
    judges = judges_of(works)
    if len(judges) < 2:
        notes.append(f"one judge alone ({judges[0]}): nothing to compare it with; `mlrbench rejudge` adds another")
    if not any(len(reviews) > 1 for work in works for reviews in work.reviews.values()):
        notes.append("every work was judged once by each judge: --mlr-judge-repeats=K shows how far a judge differs from itself")
    if any(work.mechanical(judge) for work in works for judge in work.reviews):
        notes.append(
            "mechanical judges count features of the text: they take no part in leniency, panel means and the list of works to read"
        )
    unread = sum(work.text is None for work in works)
    if unread:
        notes.append(f"length: the main text of {count(unread, 'work')} of {len(works)} is not here")
    if not any(work.record.forms for work in works):
        notes.append("no hallucination form was filled in, so there are no informed verdicts")
    for judge in judges:
        stages = {work.stage for work in works if judge in work.reviews}
        absent = sum(judge not in work.reviews for work in works if work.stage in stages)
        if absent:
            notes.append(f"{judge}: no review of {count(absent, 'work')} of its stages that others judged")
    return notes
