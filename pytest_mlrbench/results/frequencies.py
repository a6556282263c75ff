"""How often each type of hallucination was found, by whom (as in Fig. 6), and what a task cost in all (as in Table 6)."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path

from ..audits import FindingType
from ..errors import ConfigError
from ..keys import GRADED
from ..records import JudgeForm
from .published_files import NOT_LOOKED_UP
from .reference import load_reference, paper_model
from .store import HUMAN_LABELS, RunStore
from .tables import Place, Row, Sources, placed, readings, told_apart
from .trial_lines import FormLine, TrialLine

TYPES = ("faked_results", "hallucinated_methodology", "incorrect_citation", "mathematical_error")
"""The four types of Fig. 6; findings of type `other` are counted in the verdict table."""

CHECKS = "checks"
PANEL_FINDINGS = "panel, looked up"
"""What the panel's forms came to, quotations looked up (check `judges`)."""
PEOPLE = "people"
NOT_NAMED = "not recorded"
"""Model of people's labels that no imported work belongs to (`importing.NOT_RECORDED`)."""
CHAIN = ("idea", "literature", "proposal", "experiment", "paper")
"""Stages whose costs make up one end-to-end task (Table 6)."""

Where = tuple[tuple[str, str, str], Path]
"""Stage, model, agent; and the run."""


def hallucination_table(sources: Sources) -> list[Row]:
    """One row per `Place` and who looked: works looked at (`n`), and of each type in how many works it was found.

    `types` maps a type to `{"yes", "not_sure", "n"}`; only people can be not sure, and such a work counts neither as yes nor as no.
    The checks and the panel count works with a finding of severity `fail`; a judge's row counts works with a claim of its own
    form, those of imported forms as they were made, with quotations that nobody looked up.

    Raises ConfigError when a file of people's labels is damaged.
    """
    blocks: dict[Where, list[TrialLine]] = defaultdict(list)
    looked_up: dict[Where, list[TrialLine]] = defaultdict(list)
    rows: list[Row] = []
    labels: dict[Where, list[Mapping[str, str]]] = defaultdict(list)
    for reading in readings(sources):
        root = reading.store.root
        for line in reading.lines:
            if line.stage in GRADED and (line.verdict is not None or line.forms):
                where = (line.stage, line.model, line.agent), root
                blocks[where].append(line)
                if line.forms and line.verdict is not None and not reading.run.get("imported"):
                    looked_up[where].append(line)
        settings = reading.run.get("settings", {})
        if found := labels_of(reading.store):
            place = ("end2end", str(settings.get("model", "?")), str(settings.get("agent", "?")))
            labels[place, root] = [types for _, types in found]
    for where, named in told_apart([*blocks, *labels]).items():
        lines = blocks.get(where, [])
        checked = [line for line in lines if line.verdict is not None]
        for who, own, asked in ((CHECKS, False, checked), (PANEL_FINDINGS, True, looked_up.get(where, []))):
            fails = [[one for one in line.findings if one.severity == "fail" and (one.check == "judges") is own] for line in asked]
            rows += _row(named, who, [{one.type for one in listed} for listed in fails])
        for judge in dict.fromkeys(form.judge for line in lines for form in line.forms):
            given = [[form for form in line.forms if form.judge == judge] for line in lines]
            rows += _row(named, judge, [claimed(forms) for forms in given if forms])
        rows += _people(named, labels.get(where, []))
    return rows


def _row(place: Place, who: str, found: Sequence[Set[str]]) -> list[Row]:
    if not found:
        return []
    counts = Counter(kind for kinds in found for kind in kinds)
    types = {kind: {"yes": counts[kind], "not_sure": 0, "n": len(found)} for kind in TYPES}
    return [{**placed(place), "who": who, "n": len(found), "types": types}]


def _people(place: Place, labels: Sequence[Mapping[str, str]]) -> list[Row]:
    if not labels:
        return []
    types = {}
    for kind in TYPES:
        said = Counter(one[kind] for one in labels if kind in one)
        types[kind] = {"yes": said["yes"], "not_sure": said["not sure"], "n": said.total()}
    return [{**placed(place), "who": PEOPLE, "n": len(labels), "types": types}]


def claimed(forms: Sequence[JudgeForm | FormLine]) -> set[FindingType]:
    """The types that one judge finds in a work: those that more than half of its forms (its repeats) list.

    Claims that stand count, and those of an imported form as they were made.
    """
    counts: Counter[FindingType] = Counter()
    for form in forms:
        counts.update({one.type for one in form.claims} | {gone.type for gone in form.dropped if gone.why == NOT_LOOKED_UP})
    return {kind for kind, number in counts.items() if 2 * number > len(forms)}


def labels_of(store: RunStore) -> list[tuple[str, dict[str, str]]]:
    """(Task, type -> `yes`, `no` or `not sure`) of each work that people labelled in an imported run, none in any other.

    Raises ConfigError when the file is damaged.
    """
    path = store.root / HUMAN_LABELS
    if not path.is_file():
        return []
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
        return [(str(one["task"]), {str(kind): str(said) for kind, said in one["types"].items()}) for one in loaded]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(f"{path} cannot be read ({error!r}): import the labels again") from error


def published_rates(rows: Iterable[Row]) -> list[Row]:
    """Fig. 6 for the agents of `rows` that have a model of the paper: percent of ten papers, found by judges and people."""
    rates = load_reference().hallucination_rates
    agents = dict.fromkeys(row["agent"] for row in rows if paper_model(row["model"]) is not None or row["model"] == NOT_NAMED)
    return [{"agent": agent, "rates": dict(rates[agent])} for agent in agents if agent in rates]


def chain_costs(sources: Sources) -> list[Row]:
    """What the agent's side of one task cost from idea to paper, a row a run: `usd` is the mean over `n` tasks.

    Only tasks of which every stage of the chain was done by the run itself count; costs of judges are not in it.
    """
    rows = []
    for reading in readings(sources):
        found: dict[tuple[str, int], dict[str, tuple[float, int]]] = defaultdict(dict)
        for line in reading.lines:
            found[line.task, line.epoch][line.stage] = (line.agent_spent.cost, line.agent_spent.unpriced_calls)
        for other in reading.unrecorded:
            found[other.key.task, other.key.epoch][other.key.stage] = (other.spent.cost, other.spent.unpriced_calls)
        whole = [stages for stages in found.values() if all(stage in stages for stage in CHAIN)]
        costs = [sum(stages[stage][0] for stage in CHAIN) for stages in whole]
        if costs and any(costs):
            settings = reading.run.get("settings", {})
            rows.append(
                {
                    "run": reading.store.root.name,
                    "model": settings.get("model", "?"),
                    "agent": settings.get("agent", "?"),
                    "usd": sum(costs) / len(costs),
                    "n": len(costs),
                    "unpriced_calls": sum(stages[stage][1] for stages in whole for stage in CHAIN),
                }
            )
    return rows
