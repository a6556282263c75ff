"""Whose reviews of two runs are compared: judges of both, by the same rubric, on the same trials."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from ...errors import ConfigError
from ..trial_lines import ReviewLine, TrialLine

Seats = dict[str, str]
"""Judge -> the protocol of those of its reviews that are compared."""


def compared_judges(
    stage: str, ours: Sequence[TrialLine], theirs: Sequence[TrialLine], roots: tuple[Path, Path]
) -> tuple[Seats, list[str]]:
    """The judges to compare a stage by, from its graded trials in both runs, and what to warn of.

    Of a judge that reviewed by several protocols the one is taken that most trials of both runs have, the run's own before one that
    was added. A judge that `mlrbench rejudge` let review a part of the trials only is left out where another reviewed all:
    the trials that it did not see would have no score. Raises ConfigError for no judge in common, or none with a rubric in common.
    """
    known = [_protocols(ours), _protocols(theirs)]
    if not known[0] or not known[1]:  # nothing graded on one side: whoever graded the other
        return {judge: _most(found, found) for judge, found in (known[0] or known[1]).items()}, []
    common = [judge for judge in known[0] if judge in known[1]]
    if not common:
        raise ConfigError(
            f"stage {stage} was judged by {', '.join(known[0])} in {roots[0]} and by {', '.join(known[1])} in {roots[1]}: "
            "no judge in common, so no difference of theirs is the agents'; have one judged again by the other's panel"
        )
    seats = {judge: _most(known[0][judge], known[1][judge]) for judge in common if known[0][judge].keys() & known[1][judge].keys()}
    if not seats:
        raise ConfigError(
            f"stage {stage} was judged by other rubrics or judge prompts in {roots[0]} than in {roots[1]} (their protocols "
            "differ): scores cannot be compared; have one of them judged again with the other's --mlr-rubrics and --mlr-prompts"
        )
    whole = {
        judge: protocol
        for judge, protocol in seats.items()
        if known[0][judge][protocol] == len(ours) and known[1][judge][protocol] == len(theirs)
    }
    return whole or seats, _told(stage, known, seats, whole, len(ours) + len(theirs))


def _told(stage: str, known: Sequence[Mapping[str, Counter[str]]], seats: Seats, whole: Seats, graded: int) -> list[str]:
    kept = ", ".join(whole or seats)
    told = []
    if alone := [judge for judge in dict.fromkeys([*known[0], *known[1]]) if not (judge in known[0] and judge in known[1])]:
        told.append(f"stage {stage}: only judges of both runs are compared ({kept}), not {', '.join(alone)}")
    for judge in known[0]:
        if judge not in known[1]:
            continue
        if judge not in seats:
            told.append(
                f"stage {stage}: {judge} judged by other rubrics or prompts in one run than in the other, and is not compared"
            )
        elif whole and judge not in whole:
            number = known[0][judge][seats[judge]] + known[1][judge][seats[judge]]
            told.append(
                f"stage {stage}: {judge} reviewed only {number} of the {graded} graded trials by one rubric, and is not compared"
            )
        elif len(known[0][judge] | known[1][judge]) > 1:
            told.append(
                f"stage {stage}: {judge} has reviews by several rubrics or prompts; those of {seats[judge][:8]} are compared"
            )
    return told


def _protocols(lines: Sequence[TrialLine]) -> dict[str, Counter[str]]:
    """Judge -> protocol -> trials, the run's own before added ones; mechanical judges only where no model judge sits beside them
    (as the panel's mean has it)."""
    reviews = [(place, one) for place, line in enumerate(lines) for one in line.reviews]
    counted = [one for one in reviews if not one[1].mechanical] or reviews
    seen: set[tuple[str, str, int]] = set()
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for place, review in sorted(counted, key=lambda one: one[1].added):
        at = (review.judge, review.protocol, place)
        if at not in seen:
            seen.add(at)
            found[review.judge][review.protocol] += 1
    return found


def _most(ours: Counter[str], theirs: Counter[str]) -> str:
    """The protocol that most trials of both sides have, the first of those in `ours`."""
    return max((protocol for protocol in ours if protocol in theirs), key=lambda protocol: min(ours[protocol], theirs[protocol]))


def panel_means(reviews: Sequence[ReviewLine], judges: Mapping[str, str]) -> dict[str, float]:
    """Dimension -> mean over `judges` (judge -> protocol) of each one's mean over repeats; a dimension that one of them did not
    score is absent."""
    means: list[dict[str, float]] = []
    for judge, protocol in judges.items():
        own: dict[str, list[float]] = defaultdict(list)
        for review in reviews:
            if review.judge == judge and review.protocol == protocol:
                for name, score in review.scores.items():
                    if score is not None:
                        own[name].append(score)
        means.append({name: fmean(scores) for name, scores in own.items()})
    shared = set.intersection(*(set(one) for one in means)) if means else set()
    return {name: fmean(one[name] for one in means) for name in shared}
