"""People's labels of types of hallucination, as imported with published results, beside the judges' lists and our own checks."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from ...keys import TrialKey
from ...records import JudgeForm, TrialRecord
from ..frequencies import CHECKS, TYPES, claimed, labels_of
from ..store import RunStore
from .panel import verdict_counts
from .works import Row

STAGE = "end2end"
"""What the labels are about: the paper of a chain with its code (Appendix C)."""
ANY = "any"
"""Whether any of the types was found."""


def people_and_others(stores: Sequence[RunStore], stages: Sequence[str] = ()) -> tuple[list[Row], list[str]]:
    """A row for each run with labels, judge (or `checks`) and type of hallucination, after all types that of any; and notes.

    A label belongs to the end-to-end work of its task in its run. What people were not sure of is in no pair, and counted. A judge
    has found a type when most of its forms list it, the checks when a finding of severity `fail` has it.
    """
    rows: list[Row] = []
    notes: list[str] = []
    for store in stores if STAGE in (stages or (STAGE,)) else ():
        labels = labels_of(store)
        if not labels:
            continue
        records = {record.task: record for record in store.records() if record.key == TrialKey(record.task, STAGE)}
        named = {task for task, _ in labels}
        for what, tasks in (
            ("people labelled works that are not here", named - set(records)),
            ("people did not label", set(records) - named),
        ):
            if tasks:
                notes.append(f"{store.root.name}: {what}: {', '.join(sorted(tasks))}")
        found = {task: _found(record) for task, record in records.items()}
        for who in dict.fromkeys(name for by in found.values() for name in by):
            for kind in (*TYPES, ANY):
                said = [(task, _label(types, kind), by[who]) for task, types in labels if who in (by := found.get(task, {}))]
                known = [(task, float(label), float(_has(types, kind))) for task, label, types in said if label is not None]
                if known:
                    counted = verdict_counts(known, ("both", "only_people", "only_who", "neither"))
                    place = {"run": store.root.name, "stage": STAGE, "who": who, "type": kind}
                    rows.append({**place, "not_sure": len(said) - len(known), **counted})
    return rows, notes


def _found(record: TrialRecord) -> dict[str, set[str]]:
    """Who looked -> the types that it found."""
    forms: dict[str, list[JudgeForm]] = defaultdict(list)
    for form in record.forms:
        forms[form.judge].append(form)
    found: dict[str, set[str]] = {judge: {*claimed(given)} for judge, given in forms.items()}
    if record.verdict is not None:
        found[CHECKS] = {one.type for one in record.findings if one.severity == "fail" and one.check != "judges"}
    return found


def _label(types: Mapping[str, str], kind: str) -> bool | None:
    """What people said; None where they were not sure."""
    said = [types.get(one) for one in (TYPES if kind == ANY else (kind,))]
    return True if "yes" in said else False if set(said) == {"no"} else None


def _has(types: set[str], kind: str) -> bool:
    return bool(types & set(TYPES)) if kind == ANY else kind in types
