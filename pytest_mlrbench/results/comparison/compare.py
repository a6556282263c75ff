"""What the difference of two runs is: per stage and dimension, in hallucination and support, in cost and time."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from ...keys import GRADED, WITH_EXPERIMENT, TrialKey
from ..store import RunStore
from ..tables import ordered
from .pairs import LOWEST, Pair, Pairs, Side, read_pairs
from .statistics import Interval, Paired, by_task, difference_of_shares, exact_p, holm, rounding_error

NO_QUALITY = "Confidence"
"""A judge's confidence says nothing of the work: a missing output has none."""
SUPPORT_ERROR = 0.05
"""Least SD of a difference in support: a headline number more or less of some twenty is no change."""


@dataclass(frozen=True)
class DimensionDifference:
    """One dimension of one stage."""

    n_pairs: int
    """Trials in both runs that have a score, or failed by the agent's fault."""
    base: float
    """Mean over tasks, with LOWEST for what the agent failed to make."""
    new: float
    paired: Paired
    p: float
    """Two-sided permutation p over tasks, as it is."""
    p_holm: float
    """The same, corrected over all stages and dimensions of the comparison."""
    graded: tuple[int, float, float] | None
    """Beside it: trials graded in both, and their means in base and new; None without any."""


@dataclass(frozen=True)
class HallucinationDifference:
    """Items that are hallucinated, of those audited in both runs."""

    n_pairs: int
    base_rate: float | None
    """Mean over tasks of the share of hallucinated items; None without a pair."""
    new_rate: float | None
    newly: tuple[str, ...]
    """TASK/STAGE hallucinated in an epoch of the new run and in none of the baseline's."""
    newly_keys: tuple[TrialKey, ...]
    """The trial that shows it: of each of `newly`, the first hallucinated epoch."""
    repeated: tuple[str, ...]
    """Those of `newly` that are hallucinated in two or more epochs of the new run: each confirms the other."""
    gone: tuple[str, ...]
    """TASK/STAGE of the other direction."""
    ci95: Interval
    p: float
    """Exact two-sided p over tasks that differ: stages of one chain stand or fall together."""
    tasks_more: int
    tasks_less: int
    support: Paired | None
    """Difference of support over tasks; None without a pair that has one."""
    support_means: tuple[float, float] | None


@dataclass(frozen=True)
class Spending:
    """What a trial took, over pairs."""

    stage: str
    n_pairs: int
    cost: tuple[float, float]
    """USD of the agent's side, mean in base and new."""
    cost_difference: Paired
    seconds: tuple[float, float]
    """Of the agent's part, mean in base and new."""
    seconds_difference: Paired


@dataclass(frozen=True)
class Comparison:
    """Two runs side by side."""

    base: RunStore
    new: RunStore
    found: Pairs
    dimensions: Mapping[str, Mapping[str, DimensionDifference]]
    """Stage -> dimension."""
    hallucination: HallucinationDifference
    spending: tuple[Spending, ...]

    @property
    def warnings(self) -> list[str]:
        """What a reader must know before believing a number."""
        lost = [f"{pair.key}: {side} is {one.why}" for pair in self.found.unscored for side, one in _unscored(pair)]
        return [*self.found.warnings, *(f"no pair: {text}" for text in lost)]

    def as_json(self, verdict: str) -> dict[str, Any]:
        """As docs/interface.md has it (`compare --format json`)."""
        made_up = self.hallucination
        return {
            "verdict": verdict,
            "dimensions": {
                stage: {
                    name: {
                        "n_pairs": one.n_pairs,
                        "base": one.base,
                        "new": one.new,
                        "diff": one.paired.mean,
                        "ci95": list(one.paired.interval()),
                        "p": one.p_holm,
                    }
                    for name, one in found.items()
                }
                for stage, found in self.dimensions.items()
            },
            "hallucination": {
                "base_rate": made_up.base_rate,
                "new_rate": made_up.new_rate,
                "newly": list(made_up.newly),
                "diff": None if made_up.base_rate is None or made_up.new_rate is None else made_up.new_rate - made_up.base_rate,
                "ci95": list(made_up.ci95),
            },
        }


def _unscored(pair: Pair) -> list[tuple[str, Side]]:
    return [(name, side) for name, side in (("the baseline", pair.base), ("the new run", pair.new)) if side.kind == "unscored"]


def compare(
    base: RunStore,
    new: RunStore,
    rejudged: RunStore | None = None,
    only: Collection[str] | None = None,
    selected: Collection[TrialKey] | None = None,
) -> Comparison:
    """The comparison of two runs; arguments and errors as read_pairs."""
    found = read_pairs(base, new, rejudged, only, selected)
    scored = [pair for pair in found.pairs if pair.scored]
    dimensions: dict[str, dict[str, DimensionDifference]] = {}
    for stage in GRADED:
        pairs = [pair for pair in scored if pair.key.stage == stage]
        names = ordered({name for pair in pairs for side in (pair.base, pair.new) for name in side.scores})
        error = rounding_error(max(1.0, found.reviews.get(stage, 1.0)))
        made = {name: one for name in names if (one := _dimension(pairs, name, error)) is not None}
        if made:
            dimensions[stage] = made
    places = [(stage, name) for stage, made in dimensions.items() for name in made]
    for (stage, name), adjusted in zip(places, holm([dimensions[stage][name].p for stage, name in places]), strict=True):
        dimensions[stage][name] = _with_holm(dimensions[stage][name], adjusted)
    return Comparison(base, new, found, dimensions, _hallucination(found), tuple(_spending(base, new, scored)))


def _with_holm(one: DimensionDifference, adjusted: float) -> DimensionDifference:
    return DimensionDifference(one.n_pairs, one.base, one.new, one.paired, one.p, adjusted, one.graded)


def _dimension(pairs: Sequence[Pair], name: str, error: float) -> DimensionDifference | None:
    values: dict[str, list[tuple[float, float]]] = defaultdict(list)
    graded: list[tuple[float, float]] = []
    for pair in pairs:
        base, new = _value(pair.base, name), _value(pair.new, name)
        if base is None or new is None:
            continue
        values[pair.key.task].append((base, new))
        if pair.base.kind == pair.new.kind == "graded":
            graded.append((base, new))
    if not values:
        return None
    widest = 4.0 if name == NO_QUALITY else 9.0
    paired = by_task(_differences(values), error=error, span=(-widest, widest))
    p = paired.p_permutation()
    beside = (len(graded), fmean(one[0] for one in graded), fmean(one[1] for one in graded)) if graded else None
    count = sum(len(one) for one in values.values())
    return DimensionDifference(count, _mean(values, 0), _mean(values, 1), paired, p, p, beside)


def _value(side: Side, name: str) -> float | None:
    if side.kind == "failed":
        return None if name == NO_QUALITY else LOWEST
    return side.scores.get(name)


def _differences(values: Mapping[str, Sequence[tuple[float, float]]]) -> dict[str, list[float]]:
    return {task: [new - base for base, new in pairs] for task, pairs in values.items()}


def _mean(values: Mapping[str, Sequence[tuple[float, float]]], side: int) -> float:
    return fmean(fmean(pair[side] for pair in pairs) for pairs in values.values())


def _hallucination(found: Pairs) -> HallucinationDifference:
    said: dict[str, list[tuple[float, float]]] = defaultdict(list)
    supports: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for pair in found.pairs:
        base, new = pair.base.hallucinated, pair.new.hallucinated
        unknown = None in (base, new) if pair.key.stage in WITH_EXPERIMENT else not (base or new)
        if unknown or _ungraded(pair):
            continue  # an idea has no verdict: it counts where a finding fails it
        said[pair.key.task].append((float(bool(base)), float(bool(new))))
        if pair.base.support is not None and pair.new.support is not None:
            supports[pair.key.task].append((pair.base.support, pair.new.support))
    differences = {task: fmean(one) for task, one in _differences(said).items()}
    more, less = sum(one > 0 for one in differences.values()), sum(one < 0 for one in differences.values())
    gained = sum(fmean(max(0.0, new - base) for base, new in one) for one in said.values())
    lost = sum(fmean(max(0.0, base - new) for base, new in one) for one in said.values())
    before, after = found.hallucinated
    in_both = [item for item in before if item in after]
    newly = [item for item in in_both if after[item] and not before[item]]
    gone = [item for item in in_both if before[item] and not after[item]]
    return HallucinationDifference(
        n_pairs=sum(len(one) for one in said.values()),
        base_rate=_mean(said, 0) if said else None,
        new_rate=_mean(said, 1) if said else None,
        newly=tuple(newly),
        newly_keys=tuple(after[item][0] for item in newly),
        repeated=tuple(item for item in newly if len(after[item]) > 1),
        gone=tuple(gone),
        ci95=difference_of_shares(gained, lost, len(said)) if said else (-1.0, 1.0),
        p=exact_p(more, less),
        tasks_more=more,
        tasks_less=less,
        support=by_task(_differences(supports), error=SUPPORT_ERROR, span=(-1.0, 1.0)) if supports else None,
        support_means=(_mean(supports, 0), _mean(supports, 1)) if supports else None,
    )


def _ungraded(pair: Pair) -> bool:
    """One side has no output to audit: nothing can be said of it."""
    return any(side.record is None or side.record.status != "done" for side in (pair.base, pair.new))


def _spending(base: RunStore, new: RunStore, pairs: Sequence[Pair]) -> list[Spending]:
    found = []
    for stage in GRADED:
        chosen = [pair for pair in pairs if pair.key.stage == stage]
        if not chosen:
            continue
        costs = _each(chosen, lambda side: side.record.agent_spent.cost if side.record else 0.0)
        seconds: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for pair in chosen:
            took = [_seconds(store, pair) for store in (base, new)]
            seconds[pair.key.task].append((took[0], took[1]))
        found.append(
            Spending(
                stage,
                len(chosen),
                (_mean(costs, 0), _mean(costs, 1)),
                by_task(_differences(costs)),
                (_mean(seconds, 0), _mean(seconds, 1)),
                by_task(_differences(seconds)),
            )
        )
    return found


def _each(pairs: Sequence[Pair], read: Callable[[Side], float]) -> dict[str, list[tuple[float, float]]]:
    values: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for pair in pairs:
        values[pair.key.task].append((read(pair.base), read(pair.new)))
    return values


def _seconds(store: RunStore, pair: Pair) -> float:
    result = store.stage_result(pair.key)
    return result.finished - result.started if result is not None else 0.0
