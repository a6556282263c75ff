"""Tables over run stores: scores, verdicts, costs; the renderers and all reports use it, with `notes` below."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any, Generic, TypeVar

from ..keys import GRADED, STAGES
from ..records import Spent, TrialRecord, Usage
from ..stages.rubric import REVIEW_KEYS
from .shown import OUTCOMES, Outcome, decided
from .store import RunStore
from .trial_lines import Reading, TrialLine, read_run

DIMENSIONS = tuple(dict.fromkeys(name for name, kind in REVIEW_KEYS.values() if kind != "opinion"))
"""Every dimension in the order of the rubrics: `Overall` last but for `Confidence`."""

PANEL = "mean"
"""Name of the panel's row (docs/interface.md, `tables --format json`)."""

Row = dict[str, Any]
Place = tuple[str, str, str, str]
"""Stage, model, agent, and the run's name where several runs have that stage, model and agent: what one block of rows is about."""
Sources = Sequence["RunStore | Reading"]
"""Runs; one that was read already is not read again."""


Kept = TypeVar("Kept", TrialRecord, TrialLine)


@dataclass(frozen=True)
class Scored(Generic[Kept]):
    """A record, or its numbers, with the store it lies in."""

    store: RunStore
    record: Kept

    @property
    def place(self) -> tuple[str, str, str]:
        """Stage, model, agent."""
        return self.record.stage, self.record.model, self.record.agent


def readings(sources: Sources) -> list[Reading]:
    """Everything that tables need of `sources`, each read once. Raises ConfigError as `trial_lines.read_run`."""
    return [read_run(source) if isinstance(source, RunStore) else source for source in sources]


# -- scores -----------------------------------------------------------------------------------------------------------


def score_table(sources: Sources) -> list[Row]:
    """One row per stage, model, agent and judge, the panel as judge `mean` after its judges.

    A task's value is the mean over its epochs of the mean over a judge's repeats; a row's SD is the population SD over tasks
    (as the paper's Tables 9-18 come out). `ci95` maps a dimension to the bootstrap interval of its mean over tasks
    (`statistics.bootstrap_mean_ci`; absent for one task). The panel's task value is the mean of all its judges' and absent if one
    of them is; model judges and mechanical ones are never averaged with each other. Rows of mechanical judges carry
    `mechanical: true`.

    What does not belong together is not averaged: two runs of the same stage, model and agent have rows of their own, with `run`;
    reviews of another protocol than most have rows of their own, with `protocol`, and their judge's name says so.
    """
    return score_rows(scored(sources))


def scored(sources: Sources) -> list[Scored[TrialLine]]:
    """All records of `sources`."""
    return [Scored(reading.store, line) for reading in readings(sources) for line in reading.lines]


def score_rows(found: Iterable[Scored[Any]], *, intervals: bool = True) -> list[Row]:
    """As `score_table`, over records that were read already; without `intervals` no `ci95` is computed (and numpy not imported)."""
    return block_rows(blocks_of(found), intervals=intervals)


def block_rows(blocks: "Mapping[Place, Block]", *, intervals: bool = True) -> list[Row]:
    """As `score_rows`, over blocks."""
    return [_row(place, judge, block, intervals) for place, block in blocks.items() for judge in block.values]


@dataclass(frozen=True)
class Block:
    """The scores of one stage, model and agent (and run)."""

    values: dict[str, dict[str, dict[str, float]]]
    """Judge -> task -> dimension -> value; the panel last, as judge `mean`."""
    mechanical: dict[str, bool]
    """Judge -> whether it only counts features."""
    main: str
    """Protocols of all other rows: blocks in which they differ are not to be compared."""
    protocols: dict[str, str]
    """Judge -> what its reviews were made by, for those that are not of the block's main protocol."""
    seats: tuple[str, ...]
    """Who the panel `mean` is of: means of other judges say nothing of the works."""


def blocks_of(found: Iterable[Scored[Any]]) -> dict[Place, Block]:
    """Values per task of every judge and of the panel, in the order of stages, models, agents and runs."""
    grouped: dict[tuple[str, str, str], dict[Path, list[Scored[Any]]]] = defaultdict(lambda: defaultdict(list))
    for one in found:
        if one.record.status == "done" and one.record.reviews:
            grouped[one.place][one.store.root].append(one)
    blocks = {}
    for place in sorted(grouped, key=lambda place: (STAGES.index(place[0]), place[1:])):
        names = run_names(grouped[place])
        for root, part in grouped[place].items():
            blocks[*place, names[root] if len(names) > 1 else ""] = _block(part)
    return blocks


def run_names(roots: Iterable[Path]) -> dict[Path, str]:
    """Short names of runs, their whole paths where two have the same name."""
    given = list(roots)
    names = Counter(root.name for root in given)
    return {root: root.name if names[root.name] == 1 else str(root) for root in given}


def told_apart(found: Iterable[tuple[tuple[str, str, str], Path]]) -> dict[tuple[tuple[str, str, str], Path], Place]:
    """(Stage, model, agent) and run -> where its rows stand, in the order of stages, models, agents and runs."""
    roots: dict[tuple[str, str, str], dict[Path, None]] = defaultdict(dict)
    for place, root in found:
        roots[place][root] = None
    return {
        (place, root): (*place, run_names(roots[place])[root] if len(roots[place]) > 1 else "")
        for place in sorted(roots, key=lambda place: (STAGES.index(place[0]), place[1:]))
        for root in roots[place]
    }


def placed(place: Place) -> Row:
    """What every row says of where it stands."""
    return {"stage": place[0], "model": place[1], "agent": place[2], **({"run": place[3]} if place[3] else {})}


def _block(found: Sequence[Scored[Any]]) -> Block:
    reviews: dict[tuple[str, str], dict[str, dict[int, list[Mapping[str, int | None]]]]] = {}
    given: dict[tuple[str, str], dict[str, dict[int, list[Mapping[str, int | None]]]]] = {}
    """By the run's own panel."""
    kinds: dict[str, bool] = {}
    for one in found:
        task, epoch = one.record.task, one.record.epoch
        for review in one.record.reviews:
            kinds.setdefault(review.judge, review.mechanical)
            # Reviews that were added later are in the judge's own row: they do not change what the run's panel said.
            for kept in (reviews,) if review.added else (reviews, given):
                tasks = kept.setdefault((review.judge, review.protocol), {})
                tasks.setdefault(task, {}).setdefault(epoch, []).append(review.scores)
    counts = {
        place: (sum(map(len, given.get(place, {}).values())), sum(map(len, tasks.values()))) for place, tasks in reviews.items()
    }
    labels = _protocols(found[0].store.run(), counts, kinds) if len({protocol for _, protocol in reviews}) > 1 else {}
    values: dict[str, dict[str, dict[str, float]]] = {}
    mechanical: dict[str, bool] = {}
    protocols: dict[str, str] = {}
    sitting: tuple[str, ...] = ()
    for label in dict.fromkeys(["", *labels.values()]):
        judges = {judge: tasks for (judge, protocol), tasks in reviews.items() if labels.get((judge, protocol), "") == label}
        suffix = f" [{label}]" if label else ""
        own = {judge: {task: _task_values(units.values()) for task, units in tasks.items()} for judge, tasks in judges.items()}
        seats = {
            judge: {task: _task_values(units.values()) for task, units in tasks.items()}
            for (judge, protocol), tasks in given.items()
            if labels.get((judge, protocol), "") == label
        }
        # Mechanical judges make a panel only where no model judge sits beside them.
        alone = all(kinds[judge] for judge in seats)
        panel = [tasks for judge, tasks in seats.items() if kinds[judge] is alone]
        if not label:
            sitting = tuple(sorted(judge for judge in seats if kinds[judge] is alone))
        joined = {
            task: _joined([tasks.get(task) for tasks in panel]) for task in sorted({task for tasks in panel for task in tasks})
        }
        for judge, valued in [*own.items(), *([(PANEL, joined)] if seats else [])]:
            values[judge + suffix] = valued
            mechanical[judge + suffix] = alone if judge == PANEL else kinds[judge]
            if label:
                protocols[judge + suffix] = label
    main = ", ".join(sorted({place[1] for place in reviews if place not in labels}))
    return Block(values, mechanical, main, protocols, sitting)


def _protocols(
    run: Mapping[str, Any], counts: Mapping[tuple[str, str], tuple[int, int]], kinds: Mapping[str, bool]
) -> dict[tuple[str, str], str]:
    """(Judge, protocol) -> name of the protocol, for all but the one that most reviews of model (or of mechanical) judges have.

    `counts` has how many reviews each judge and protocol has, those of the run's own panel (which come first, however many were
    added later) and all; the earliest first, which wins where two are equally many.
    """
    totals: dict[bool, dict[str, tuple[int, int]]] = defaultdict(dict)
    for (judge, protocol), (own, every) in counts.items():
        before = totals[kinds[judge]].get(protocol, (0, 0))
        totals[kinds[judge]][protocol] = (before[0] + own, before[1] + every)
    main = {kind: max(counted.items(), key=lambda one: one[1])[0] for kind, counted in totals.items()}
    named = (run.get("imported") or {}).get("protocols") or {}
    return {
        (judge, protocol): str(named.get(protocol, f"protocol {protocol[:8]}"))
        for judge, protocol in counts
        if protocol != main[kinds[judge]]
    }


def protocol_labels(reading: Reading) -> dict[tuple[str, str, str], str]:
    """(Stage, judge, protocol) -> what `score_table` adds to the judge's name, for reviews of another protocol than most."""
    counts: dict[str, dict[tuple[str, str], tuple[int, int]]] = defaultdict(dict)
    kinds: dict[str, dict[str, bool]] = defaultdict(dict)
    for line in reading.lines:
        if line.status == "done":
            for review in line.reviews:
                own, every = counts[line.stage].get((review.judge, review.protocol), (0, 0))
                counts[line.stage][review.judge, review.protocol] = (own + (not review.added), every + 1)
                kinds[line.stage].setdefault(review.judge, review.mechanical)
    return {
        (stage, *place): label for stage in counts for place, label in _protocols(reading.run, counts[stage], kinds[stage]).items()
    }


def _task_values(units: Iterable[Sequence[Mapping[str, int | None]]]) -> dict[str, float]:
    """Dimension -> one judge's value for one task; a dimension without any score is absent."""
    collected: dict[str, list[float]] = defaultdict(list)
    for repeats in units:
        if len(repeats) == 1:  # as most are: a mean of one would take most of the time of a large table
            for dimension, score in repeats[0].items():
                if score is not None:
                    collected[dimension].append(score)
            continue
        for dimension in {name for scores in repeats for name in scores}:
            numbers = [score for scores in repeats if (score := scores.get(dimension)) is not None]
            if numbers:
                collected[dimension].append(fmean(numbers))
    return {dimension: fmean(numbers) for dimension, numbers in collected.items()}


def _joined(judges: Sequence[Mapping[str, float] | None]) -> dict[str, float]:
    """The panel's values for one task: a dimension that one judge has no score for is absent."""
    present = [one for one in judges if one is not None]
    if len(present) < len(judges):
        return {}
    first, *others = present
    return {name: fmean(one[name] for one in present) for name in first if all(name in one for one in others)}


def _row(place: Place, judge: str, block: Block, intervals: bool) -> Row:
    tasks = block.values[judge]
    names = ordered({name for values in tasks.values() for name in values})
    columns = [{task: values[name] for task, values in tasks.items() if name in values} for name in names]
    dimensions = {
        name: {"mean": fmean(column.values()), "sd": pstdev(column.values()), "n": len(column)}
        for name, column in zip(names, columns, strict=True)
    }
    row: Row = {"stage": place[0], "model": place[1], "agent": place[2], "judge": judge, "n": len(tasks), "dimensions": dimensions}
    ends: dict[str, list[float]] = {}
    if intervals:
        from .statistics import bootstrap_mean_cis

        ends = {name: one.ends for name, one in zip(names, bootstrap_mean_cis(columns), strict=True) if one is not None}
    extra = {"ci95": ends, "run": place[3], "protocol": block.protocols.get(judge, ""), "mechanical": block.mechanical[judge]}
    return row | {name: value for name, value in extra.items() if value}


def ordered(names: Iterable[str]) -> list[str]:
    """Dimensions in the order of the rubrics, unknown ones last by name."""
    return sorted(names, key=lambda name: (DIMENSIONS.index(name) if name in DIMENSIONS else len(DIMENSIONS), name))


# -- verdicts and costs -----------------------------------------------------------------------------------------------


def verdict_table(sources: Sources) -> list[Row]:
    """One row per `Place`: outcomes, verdicts, findings of severity `fail` by type, and judges' own opinions.

    `opinions` maps a judge to [times it said hallucinated, times it was asked]. Outcomes take the run's own thresholds.
    """
    blocks: dict[tuple[tuple[str, str, str], Path], list[tuple[TrialLine, Outcome]]] = defaultdict(list)
    for reading in readings(sources):
        limits = _thresholds(reading.run)
        for line in reading.lines:
            if line.stage in GRADED:
                where = (line.stage, line.model, line.agent), reading.store.root
                blocks[where].append((line, _outcome(line, *limits)))
    rows = []
    for where, place in told_apart(blocks).items():
        lines = [line for line, _ in blocks[where]]
        outcomes = Counter(what for _, what in blocks[where])
        verdicts = Counter(line.verdict for line in lines if line.verdict is not None)
        supports = [line.support for line in lines if line.support is not None]
        types = Counter(finding.type for line in lines for finding in line.findings if finding.severity == "fail")
        warnings = sum(finding.severity == "warn" for line in lines for finding in line.findings)
        opinions: dict[str, list[int]] = {}
        for line in lines:
            for review in line.reviews:
                if review.opinion is not None:
                    said = opinions.setdefault(review.judge, [0, 0])
                    said[0] += review.opinion.has_hallucination
                    said[1] += 1
        rows.append(
            {
                **placed(place),
                "n": len(lines),
                "outcomes": {name: outcomes[name] for name in OUTCOMES},
                "verdicts": {name: verdicts[name] for name in ("verified", "unverified", "hallucinated")},
                "support": fmean(supports) if supports else None,
                "findings": dict(sorted(types.items())),
                "warnings": warnings,
                "opinions": opinions,
            }
        )
    return rows


def _outcome(line: TrialLine, minimum: Mapping[str, float], require: str | None) -> Outcome:
    return decided(line.status, any(one.severity == "fail" for one in line.findings), line.scores, line.verdict, minimum, require)


def thresholds(store: RunStore) -> tuple[dict[str, float], str | None]:
    """--mlr-min and --mlr-require of a run, for `shown.outcome`."""
    return _thresholds(store.run())


def _thresholds(run: Mapping[str, Any]) -> tuple[dict[str, float], str | None]:
    settings = run.get("settings", {})
    return settings.get("min") or {}, settings.get("require")


def cost_table(sources: Sources) -> list[Row]:
    """One row per `Place`: what the kept trials cost on the agent's and the judges' side (USD, tokens, calls).

    Ungraded literature is included. What attempts cost that were done again is only in the call log.
    """
    agents: dict[tuple[tuple[str, str, str], Path], Sum] = defaultdict(Sum)
    judges: dict[tuple[tuple[str, str, str], Path], Sum] = defaultdict(Sum)
    trials: Counter[tuple[tuple[str, str, str], Path]] = Counter()
    for reading in readings(sources):
        settings = reading.run.get("settings", {})
        for line in reading.lines:
            where = (line.stage, line.model, line.agent), reading.store.root
            trials[where] += 1
            agents[where].add(line.agent_spent)
            judges[where].add(line.judge_spent)
        for other in reading.unrecorded:
            where = (other.key.stage, str(settings.get("model", "?")), str(settings.get("agent", "?"))), reading.store.root
            trials[where] += 1
            agents[where].add(other.spent)
    return [
        {
            **placed(place),
            "n": trials[where],
            "agent_spent": agents[where].spent().model_dump(),
            "judge_spent": judges[where].spent().model_dump(),
        }
        for where, place in told_apart(trials).items()
    ]


USAGE = tuple(Usage.model_fields)
TOKENS = attrgetter(*USAGE)


class Sum:
    """A sum of `Spent`: adding frozen models one by one takes longer than reading them."""

    def __init__(self) -> None:
        self._tokens = [0] * len(USAGE)
        self._cost = 0.0
        self._unpriced = 0

    def add(self, spent: Spent) -> None:
        usage = spent.usage
        if usage.calls:
            self._tokens = [before + number for before, number in zip(self._tokens, TOKENS(usage), strict=True)]
        self._cost += spent.cost
        self._unpriced += spent.unpriced_calls

    def spent(self) -> Spent:
        usage = Usage(**dict(zip(USAGE, self._tokens, strict=True)))
        return Spent(usage=usage, cost=self._cost, unpriced_calls=self._unpriced)
