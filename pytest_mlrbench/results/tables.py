"""Tables over run stores: scores, verdicts, costs, and the notes that belong below them; the renderers and all reports use it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import Any

from ..keys import GRADED, STAGES, TrialKey
from ..records import Review, Spent, TrialRecord
from ..settings import Settings
from ..stages.rubric import REVIEW_KEYS
from .shown import OUTCOMES, count, outcome
from .store import RunStore

DIMENSIONS = tuple(dict.fromkeys(name for name, kind in REVIEW_KEYS.values() if kind != "opinion"))
"""Every dimension in the order of the rubrics: `Overall` last but for `Confidence`."""

PANEL = "mean"
"""Name of the panel's row (docs/interface.md, `tables --format json`)."""

NOT_VALIDATED = "judges not validated against people"
MECHANICAL = (
    "mechanical: the offline judge counts features of the text (sections, lengths, sourced numbers); nobody judged the research"
)

Row = dict[str, Any]
Reviews = dict[str, dict[str, dict[tuple[str, int], list[Review]]]]
"""Judge -> task -> unit -> its reviews."""
Place = tuple[str, str, str]
"""Stage, model, agent: what one block of rows is about."""


@dataclass(frozen=True)
class Scored:
    """A record with the store it lies in."""

    store: RunStore
    record: TrialRecord

    @property
    def place(self) -> Place:
        return self.record.stage, self.record.model, self.record.agent

    @property
    def unit(self) -> tuple[str, int]:
        """What repeats a task: an epoch of a run."""
        return str(self.store.root), self.record.epoch


# -- scores -----------------------------------------------------------------------------------------------------------


def score_table(stores: Sequence[RunStore]) -> list[Row]:
    """One row per stage, model, agent and judge, the panel as judge `mean` after its judges.

    A task's value is the mean over its epochs of the mean over a judge's repeats; a row's SD is the population SD over tasks
    (as the paper's Tables 9-18 come out). The panel's task value is the mean of all its judges' and absent if one of them is;
    model judges and mechanical ones are never averaged with each other. Rows of mechanical judges carry `mechanical: true`.
    """
    return score_rows([Scored(store, record) for store in stores for record in store.records()])


def score_rows(found: Iterable[Scored]) -> list[Row]:
    """As `score_table`, over records that were read already."""
    rows: list[Row] = []
    for place, block in blocks_of(found).items():
        values, kinds = block.values, block.mechanical
        rows.extend(_row(place, judge, values[judge], kinds[judge]) for judge in values)
    return rows


@dataclass(frozen=True)
class Block:
    """The scores of one stage, model and agent."""

    values: dict[str, dict[str, dict[str, float]]]
    """Judge -> task -> dimension -> value; the panel last, as judge `mean`."""
    mechanical: dict[str, bool]
    """Judge -> whether it only counts features."""


def blocks_of(found: Iterable[Scored]) -> dict[Place, Block]:
    """Values per task of every judge and of the panel, in the order of stages, models and agents."""
    grouped: dict[Place, list[Scored]] = defaultdict(list)
    for scored in found:
        if scored.record.status == "done" and scored.record.reviews:
            grouped[scored.place].append(scored)
    return {place: _block(grouped[place]) for place in sorted(grouped, key=lambda place: (STAGES.index(place[0]), place[1:]))}


def _block(found: Sequence[Scored]) -> Block:
    kinds: dict[str, bool] = {}
    reviews: Reviews = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    own: Reviews = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for scored in found:
        for review in scored.record.reviews:
            kinds.setdefault(review.judge, review.mechanical)
            for kept in (reviews,) if review.added else (reviews, own):
                kept[review.judge][scored.record.task][scored.unit].append(review)
    values = {judge: {task: _task_values(units.values()) for task, units in tasks.items()} for judge, tasks in reviews.items()}
    # Reviews that were added later are rows of their own: they do not change what the run's panel said.
    of_panel = {judge: {task: _task_values(units.values()) for task, units in tasks.items()} for judge, tasks in own.items()}
    # Mechanical judges make a panel only where no model judge sits beside them.
    alone = all(kinds[judge] for judge in of_panel)
    panel = [judge for judge in of_panel if kinds[judge] is alone]
    tasks = sorted({task for judge in panel for task in of_panel[judge]})
    joined = {task: _joined([of_panel[judge].get(task) for judge in panel]) for task in tasks}
    return Block({**values, PANEL: joined}, {**kinds, PANEL: alone})


def _task_values(units: Iterable[Sequence[Review]]) -> dict[str, float]:
    """Dimension -> one judge's value for one task; a dimension without any score is absent."""
    collected: dict[str, list[float]] = defaultdict(list)
    for repeats in units:
        for dimension in {name for review in repeats for name in review.scores}:
            scores = [score for review in repeats if (score := review.scores.get(dimension)) is not None]
            if scores:
                collected[dimension].append(fmean(scores))
    return {dimension: fmean(numbers) for dimension, numbers in collected.items()}


def _joined(judges: Sequence[Mapping[str, float] | None]) -> dict[str, float]:
    """The panel's values for one task: a dimension that one judge has no score for is absent."""
    if any(one is None for one in judges):
        return {}
    present = [one for one in judges if one is not None]
    shared = set.intersection(*(set(one) for one in present))
    return {dimension: fmean(one[dimension] for one in present) for dimension in shared}


def _row(place: Place, judge: str, tasks: Mapping[str, Mapping[str, float]], mechanical: bool) -> Row:
    dimensions = {}
    for dimension in ordered({name for values in tasks.values() for name in values}):
        numbers = [values[dimension] for values in tasks.values() if dimension in values]
        dimensions[dimension] = {"mean": fmean(numbers), "sd": pstdev(numbers), "n": len(numbers)}
    row: Row = {"stage": place[0], "model": place[1], "agent": place[2], "judge": judge, "n": len(tasks), "dimensions": dimensions}
    return row | {"mechanical": True} if mechanical else row


def ordered(names: Iterable[str]) -> list[str]:
    """Dimensions in the order of the rubrics, unknown ones last by name."""
    return sorted(names, key=lambda name: (DIMENSIONS.index(name) if name in DIMENSIONS else len(DIMENSIONS), name))


# -- verdicts and costs -----------------------------------------------------------------------------------------------


def verdict_table(stores: Sequence[RunStore]) -> list[Row]:
    """One row per stage, model and agent: outcomes, verdicts, findings of severity `fail` by type, and judges' own opinions.

    `opinions` maps a judge to [times it said hallucinated, times it was asked]. Outcomes take the run's own thresholds.
    """
    blocks: dict[Place, list[Scored]] = defaultdict(list)
    for store in stores:
        for record in store.records():
            if record.stage in GRADED:
                blocks[record.stage, record.model, record.agent].append(Scored(store, record))
    rows = []
    for place in sorted(blocks, key=lambda place: (STAGES.index(place[0]), place[1:])):
        found = blocks[place]
        limits = {store.root: thresholds(store) for store in {scored.store.root: scored.store for scored in found}.values()}
        outcomes = Counter(outcome(scored.record.model_dump(mode="json"), *limits[scored.store.root])[0] for scored in found)
        records = [scored.record for scored in found]
        verdicts = Counter(record.verdict for record in records if record.verdict is not None)
        supports = [record.support for record in records if record.support is not None]
        types = Counter(finding.type for record in records for finding in record.findings if finding.severity == "fail")
        warnings = sum(finding.severity == "warn" for record in records for finding in record.findings)
        opinions: dict[str, list[int]] = {}
        for review in (review for record in records for review in record.reviews if review.opinion is not None):
            said = opinions.setdefault(review.judge, [0, 0])
            said[0] += bool(review.opinion and review.opinion.has_hallucination)
            said[1] += 1
        rows.append(
            {
                "stage": place[0],
                "model": place[1],
                "agent": place[2],
                "n": len(records),
                "outcomes": {name: outcomes[name] for name in OUTCOMES},
                "verdicts": {name: verdicts[name] for name in ("verified", "unverified", "hallucinated")},
                "support": fmean(supports) if supports else None,
                "findings": dict(sorted(types.items())),
                "warnings": warnings,
                "opinions": opinions,
            }
        )
    return rows


def thresholds(store: RunStore) -> tuple[dict[str, float], str | None]:
    """--mlr-min and --mlr-require of a run, for `shown.outcome`."""
    settings = store.run().get("settings", {})
    return settings.get("min") or {}, settings.get("require")


def cost_table(stores: Sequence[RunStore]) -> list[Row]:
    """One row per stage, model and agent: what the kept trials cost on the agent's and the judges' side (USD, tokens, calls).

    Ungraded literature is included. What attempts cost that were done again is only in the call log.
    """
    agents: dict[Place, Spent] = defaultdict(Spent)
    judges: dict[Place, Spent] = defaultdict(Spent)
    trials: Counter[Place] = Counter()
    for store in stores:
        settings = store.run().get("settings", {})
        for key in store.keys():  # noqa: SIM118 - a store is no mapping
            result, record = store.stage_result(key), store.record(key)
            if result is None and record is None:
                continue
            place = (
                (record.stage, record.model, record.agent)
                if record is not None
                else (key.stage, str(settings.get("model", "?")), str(settings.get("agent", "?")))
            )
            trials[place] += 1
            agents[place] += result.spent if result is not None else record.agent_spent if record is not None else Spent()
            if record is not None:
                judges[place] += record.judge_spent
    return [
        {
            "stage": place[0],
            "model": place[1],
            "agent": place[2],
            "n": trials[place],
            "agent_spent": agents[place].model_dump(),
            "judge_spent": judges[place].model_dump(),
        }
        for place in sorted(trials, key=lambda place: (STAGES.index(place[0]), place[1:]))
    ]


# -- notes ------------------------------------------------------------------------------------------------------------


def notes(stores: Sequence[RunStore], named: int = 6) -> list[str]:
    """What a reader of the tables must know: the kind of judges, what has no score, in what the runs differ.

    At most `named` trials are named in one note.
    """
    lines: list[str] = []
    reviews = [review for store in stores for record in store.records() for review in record.reviews]
    if any(not review.mechanical for review in reviews):
        lines.append(NOT_VALIDATED)
    if any(review.mechanical for review in reviews):
        lines.append(MECHANICAL)
    if added := sorted({review.judge for review in reviews if review.added}):
        lines.append(f"reviews added by `mlrbench rejudge` are in the judge's row, not in the panel's mean: {', '.join(added)}")
    for store in stores:
        lines.extend(_missing(store, named))
    texts = {str(source) for store in stores if (source := (store.run().get("digests") or {}).get("tasks_source"))}
    if len(texts) == 1:  # several are said where the runs' differences are
        lines.append(f"task texts: {texts.pop()}")
    cut = sum(bool(review.not_shown) for review in reviews)
    if cut:
        lines.append(f"{cut} of {count(len(reviews), 'review')} did not see all of the work (`not_shown` of the review says what)")
    return lines + _differences(stores)


def missing(store: RunStore) -> dict[str, list[TrialKey]]:
    """Graded trials without scores by why: `failed`, `error`, `skipped`, and `not reached` for selected ones without a record."""
    found: dict[str, list[TrialKey]] = defaultdict(list)
    seen = set()
    for record in store.records():
        seen.add(record.key)
        if record.stage in GRADED and record.status != "done":
            found[record.status].append(record.key)
    for text in store.run().get("selected", []):
        key = TrialKey.parse(text)
        if key not in seen:
            found["not reached"].append(key)
    return {why: found[why] for why in ("failed", "error", "skipped", "not reached") if why in found}


def _missing(store: RunStore, named: int) -> list[str]:
    lines = []
    for why, keys in missing(store).items():
        listed = ", ".join(str(key) for key in keys[:named])
        more = f" and {len(keys) - named} more" if len(keys) > named else ""
        lines.append(f"{store.root.name}: no scores for {count(len(keys), 'item')} ({why}): {listed}{more}")
    return lines


COMPARED: dict[str, Callable[[Settings], object]] = {
    "coder": lambda settings: settings.coder,
    "judges": lambda settings: ", ".join(settings.judges),
    "mode": lambda settings: settings.mode,
    "seed": lambda settings: settings.seed,
    "literature search": lambda settings: settings.search,
}
"""Settings that change what scores mean."""


def _differences(stores: Sequence[RunStore]) -> list[str]:
    """In what several runs differ: settings, and the digests of task texts, rubrics and prompts."""
    said: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for store in stores:
        run = store.run()
        settings = run.get("settings")
        if settings:
            parsed = Settings.model_validate(settings)
            for name, read in COMPARED.items():
                said[name][str(read(parsed))].append(store.root.name)
        for name, value in (run.get("digests") or {}).items():
            if name.endswith("_source"):
                said[f"where the {name.removesuffix('_source')} come from"][str(value)].append(store.root.name)
            else:
                said[f"the digest of {name}"][str(value)[:12]].append(store.root.name)
    return [
        f"runs differ in {name}: " + "; ".join(f"{value} ({', '.join(runs)})" for value, runs in values.items())
        for name, values in said.items()
        if len(values) > 1
    ]
