"""The gate's answer: evidence first, then scores; a pure function of a comparison, so that a stored run can be gated again."""

from collections.abc import Callable, Sequence
from typing import Literal

from ...records import Frozen
from ...settings import GATE_MAX_DROP
from ..comparison.compare import Comparison
from ..comparison.statistics import tasks_needed
from ..shown import count
from .repeats import Repeat

Verdict = Literal["holds", "broken", "inconclusive"]
Level = Callable[[float], float]
"""Error rate over the whole run -> one-sided level of this look."""

ALPHA = 0.05
"""One-sided error rate of each statement about scores."""
ALPHA_EVIDENCE = 0.025
"""Of each of the two tests of evidence (support, more hallucinated tasks): together at most ALPHA false alarms."""
QUALITY = "Overall"
_NEW = "is hallucinated and was not in the baseline"


class StageAnswer(Frozen):
    """What the scores of one stage say."""

    stage: str
    n_pairs: int
    n_tasks: int
    base: float
    new: float
    diff: float
    lower: float
    """Lower one-sided bound of the difference, at the level that Holm's procedure gives this stage."""
    upper: float
    """Upper one-sided bound, likewise."""
    answer: Verdict
    needed: int | None
    """For inconclusive: tasks that would decide with 80 % power if the true difference is the observed one; None if none would."""
    needed_without_change: int | None
    """The same if in truth nothing changed."""


class Decision(Frozen):
    """The gate's answer with its reasons."""

    verdict: Verdict
    reasons: list[str]
    """Why, gravest first; one sentence each."""
    max_drop: float
    stages: list[StageAnswer]
    confirmed: list[str]
    """TASK/STAGE hallucinated anew and again in its repeat."""
    open: dict[str, str]
    """TASK/STAGE hallucinated anew -> why no repeat could tell."""
    clean: list[str]
    """TASK/STAGE hallucinated anew whose repeat was not."""
    infrastructure: list[str]
    """Trials that are no pair because infrastructure left the new run's side without a score."""
    warnings: list[str]
    calibration: str
    """What is known of the threshold."""
    look: str = ""
    """Which look of a sequential run decided; empty for a whole run."""


def decide(
    comparison: Comparison,
    repeats: Sequence[Repeat],
    *,
    max_drop: float = GATE_MAX_DROP,
    calibration: str = "",
    level: Level = lambda share: share,
    look: str = "",
) -> Decision:
    """The answer to whether the new run is worse than the baseline by more than `max_drop`.

    broken: an item is newly hallucinated and its repeat again; or more tasks are hallucinated, or support is lower, than chance
    explains; or for a stage the upper bound of the difference of Overall lies below -max_drop. holds: the lower bound lies above
    it for every stage, Holm's correction over stages, and no newly hallucinated item is left open. Else inconclusive.
    `level` spreads an error rate over the looks of a sequential run.
    """
    stages = _stages(comparison, max_drop, level)
    evidence = _evidence(comparison, repeats, level)
    worse = [_broken_reason(one, max_drop) for one in stages if one.answer == "broken"]
    undecided = [_open_reason(one, max_drop) for one in stages if one.answer == "inconclusive"]
    confirmed = any(one.answer == "confirmed" for one in repeats)
    unclear = [] if confirmed else [f"{one.item} {_NEW}, unconfirmed: {one.why}" for one in repeats if one.answer == "open"]
    others = [one.item for one in repeats if one.answer == "open"] if confirmed else []
    clean = [one.item for one in repeats if one.answer == "clean"]
    unreached = sum(pair.new.record is None for pair in comparison.found.pairs)
    unclear += [f"{count(unreached, 'item')} of the baseline's were selected and not reached"] if unreached else []
    reasons: list[str]
    verdict: Verdict
    if evidence or worse:
        verdict, reasons = "broken", [*evidence, *worse, *unclear]
        reasons += [f"not repeated, for one is enough: {item} {_NEW}" for item in others]
    elif unclear or undecided or not stages:
        nothing = [] if stages else [f"no pair of trials has a score of {QUALITY}"]
        verdict, reasons = "inconclusive", [*unclear, *nothing, *undecided]
    else:
        verdict = "holds"
        reasons = [f"{one.stage}: {QUALITY} {_told(one)}, lower bound {one.lower:+.2f} above {-max_drop:+g}" for one in stages]
    reasons += [f"{item} {_NEW}, but its repeat is not" for item in clean]
    return Decision(
        verdict=verdict,
        reasons=reasons,
        max_drop=max_drop,
        stages=stages,
        confirmed=[one.item for one in repeats if one.answer == "confirmed"],
        open={one.item: one.why for one in repeats if one.answer == "open"},
        clean=clean,
        infrastructure=[str(pair.key) for pair in comparison.found.unscored if pair.new.infrastructure],
        warnings=comparison.warnings,
        calibration=calibration,
        look=look,
    )


def _evidence(comparison: Comparison, repeats: Sequence[Repeat], level: Level) -> list[str]:
    found = []
    made_up = comparison.hallucination
    for one in repeats:
        if one.answer == "confirmed":
            how = one.why or "in its repeat too"
            found.append(f"{one.item} {_NEW}, confirmed {how}")
    if made_up.tasks_more > made_up.tasks_less and made_up.p <= 2 * level(ALPHA_EVIDENCE):
        found.append(
            f"more is hallucinated than chance explains: {made_up.tasks_more} tasks worse, {made_up.tasks_less} better "
            f"(exact p {made_up.p:.4f}; {made_up.base_rate:.0%} of items before, {made_up.new_rate:.0%} now)"
        )
    if made_up.support is not None and made_up.support_means is not None:
        upper = made_up.support.bounds(level(ALPHA_EVIDENCE))[1]
        if made_up.support.n > 1 and upper < 0:
            before, now = made_up.support_means
            found.append(
                f"support fell beyond uncertainty: {before:.0%} to {now:.0%} of the headline numbers traced, over "
                f"{count(made_up.support.n, 'task')}, upper bound of the difference {upper:+.1%}"
            )
    return found


def _stages(comparison: Comparison, max_drop: float, level: Level) -> list[StageAnswer]:
    found = [(stage, one[QUALITY]) for stage, one in comparison.dimensions.items() if QUALITY in one]
    above = [one.paired.p_below(-max_drop) for _, one in found]
    below = [one.paired.p_above(-max_drop) for _, one in found]
    shares = [_shares(above), _shares(below)]
    better, worse = _rejected(above, level), _rejected(below, level)
    answers = []
    for index, (stage, one) in enumerate(found):
        lower = one.paired.bounds(level(ALPHA * shares[0][index]))[0]
        upper = one.paired.bounds(level(ALPHA * shares[1][index]))[1]
        alpha = level(ALPHA) / len(found)
        answers.append(
            StageAnswer(
                stage=stage,
                n_pairs=one.n_pairs,
                n_tasks=one.paired.n,
                base=one.base,
                new=one.new,
                diff=one.paired.mean,
                lower=lower,
                upper=upper,
                answer="broken" if worse[index] else "holds" if better[index] else "inconclusive",
                needed=tasks_needed(one.paired.sd, abs(max_drop + one.paired.mean), alpha),
                needed_without_change=tasks_needed(one.paired.sd, max_drop, alpha),
            )
        )
    return answers


def _shares(p_values: Sequence[float]) -> list[float]:
    """Of the error rate, what Holm's step-down procedure gives each hypothesis."""
    ranks = {index: rank for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index]))}
    return [1 / (len(p_values) - ranks[index]) for index in range(len(p_values))]


def _rejected(p_values: Sequence[float], level: Level) -> list[bool]:
    """Which hypotheses Holm's procedure rejects when each step's level is that of this look."""
    shares = _shares(p_values)
    rejected = [False] * len(p_values)
    for index in sorted(range(len(p_values)), key=lambda index: p_values[index]):
        if p_values[index] > level(ALPHA * shares[index]):
            break
        rejected[index] = True
    return rejected


def _told(one: StageAnswer) -> str:
    return f"{one.base:.2f} to {one.new:.2f} ({one.diff:+.2f} over {count(one.n_tasks, 'task')})"


def _broken_reason(one: StageAnswer, max_drop: float) -> str:
    return f"{one.stage}: {QUALITY} {_told(one)}, upper bound {one.upper:+.2f} below {-max_drop:+g}"


def _open_reason(one: StageAnswer, max_drop: float) -> str:
    told = (
        f"{one.stage}: {QUALITY} {_told(one)}, the limit {-max_drop:+g} lies within its bounds {one.lower:+.2f} to {one.upper:+.2f}"
    )
    if one.n_tasks < 2:
        return f"{told}; one task says nothing of the spread, take two or more"
    if one.needed is None:
        return f"{told}; the difference is the limit itself, no number of tasks decides"
    epochs = -(-one.needed // one.n_tasks)
    more = f"{told}; about {count(one.needed, 'task')} would decide if this difference is the true one"
    if epochs > 1:
        more += f" (or these with {epochs} epochs, where it is the runs and not the tasks that differ)"
    if one.needed_without_change is not None:
        more += f", {one.needed_without_change} if nothing changed"
    return more
