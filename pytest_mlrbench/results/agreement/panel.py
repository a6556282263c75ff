"""How far judges of runs agree: with each other on scores and hallucination, with themselves when asked again, and where least."""

from collections.abc import Callable, Iterable, Sequence
from statistics import fmean

from ..tables import ordered
from .measures import Pairs, alpha, pooled_mean
from .works import Row, Work, by_stage, judge_pairs_of, judges_of, measured

MOST_LISTED = 10
"""Works of one stage that are listed for a reader."""


def judge_pairs(works: Iterable[Work]) -> list[Row]:
    """Judge against judge: a row for each stage, two judges and dimension. Differences are second minus first."""
    rows: list[Row] = []
    for stage, those in by_stage(works):
        for first, second in judge_pairs_of(those):
            for dimension in _dimensions(those):
                both = [
                    (work.task, one, other)
                    for work in those
                    if (one := work.score(first, dimension)) is not None and (other := work.score(second, dimension)) is not None
                ]
                if not both:
                    continue
                pairs = Pairs(both)
                rows.append(
                    {
                        "stage": stage,
                        "judges": [first, second],
                        "mechanical": any(
                            work.mechanical(judge) for work in those for judge in (first, second) if judge in work.reviews
                        ),
                        "dimension": dimension,
                        "n": pairs.n,
                        "n_tasks": pairs.units,
                        **measured(
                            mean_diff=pairs.mean_difference(),
                            mean_abs_diff=pairs.mean_distance(),
                            spearman=pairs.spearman(),
                            kappa_weighted=pairs.kappa(),
                            krippendorff_alpha=pairs.alpha(),
                        ),
                    }
                )
    return rows


def verdict_pairs(works: Iterable[Work]) -> list[Row]:
    """Judge against judge on whether a work is hallucinated: blind (the boolean of a graded review) and informed (the form)."""
    rows: list[Row] = []
    for stage, those in by_stage(works):
        for first, second in judge_pairs_of(those):
            said: dict[str, Callable[[Work, str], bool | None]] = {"blind": Work.opinion, "informed": Work.informed}
            for kind, verdict in said.items():
                both = [
                    (work.task, float(one), float(other))
                    for work in those
                    if (one := verdict(work, first)) is not None and (other := verdict(work, second)) is not None
                ]
                if both:
                    counted = verdict_counts(both, ("both", "only_first", "only_second", "neither"))
                    rows.append({"stage": stage, "judges": [first, second], "kind": kind, **counted})
    return rows


def verdict_counts(both: Sequence[tuple[str, float, float]], names: Sequence[str]) -> Row:
    """Of (task, one verdict, other verdict): the four counts under `names`, and kappa."""
    pairs = Pairs(both)
    return {"n": pairs.n, **dict(zip(names, pairs.counts(), strict=True)), **measured(agree=pairs.agree(), kappa=pairs.kappa())}


def repeats(works: Iterable[Work]) -> list[Row]:
    """A judge against itself (--mlr-judge-repeats): how far its repeats of one work lie apart."""
    rows: list[Row] = []
    for stage, those in by_stage(works):
        for judge in judges_of(those):
            for dimension in _dimensions(those):
                scores: dict[Work, list[float]] = {}
                for work in those:
                    given = [score for one in work.reviews.get(judge, []) if (score := one.scores.get(dimension)) is not None]
                    if len(given) > 1:
                        scores[work] = [float(score) for score in given]
                if not scores:
                    continue
                distances: dict[str, list[float]] = {}
                for work, numbers in scores.items():
                    distances.setdefault(work.task, []).extend(_distances(numbers))
                same = {task: [float(value == 0) for value in values] for task, values in distances.items()}
                units = [(work.task, numbers) for work, numbers in scores.items()]
                rows.append(
                    {
                        "stage": stage,
                        "judge": judge,
                        "mechanical": any(work.mechanical(judge) for work in scores),
                        "dimension": dimension,
                        "n": len(scores),
                        "repeats": max(map(len, scores.values())),
                        **measured(
                            mean_abs_diff=pooled_mean(distances),
                            same=pooled_mean(same),
                            krippendorff_alpha=alpha(units),
                        ),
                    }
                )
    return rows


def differ_most(works: Iterable[Work], most: int = MOST_LISTED) -> list[Row]:
    """Works on which model judges lie furthest apart on Overall, then on any dimension, for a person to read."""
    rows: list[Row] = []
    for stage, those in by_stage(works):
        found = []
        for work in those:
            judges = [judge for judge in judges_of([work]) if not work.mechanical(judge)]
            spreads: dict[str, float] = {}
            for dimension in set(_dimensions(those)) - {"Confidence"}:
                scores = [score for judge in judges if (score := work.score(judge, dimension)) is not None]
                if len(scores) > 1:
                    spreads[dimension] = max(scores) - min(scores)
            if any(spreads.values()):
                found.append((spreads.get("Overall", 0.0), fmean(spreads.values()), work, judges, spreads))
        found.sort(key=lambda one: (-one[0], -one[1], str(one[2].store.root), one[2].record.key))
        for overall, mean, work, judges, spreads in found[:most]:
            rows.append(
                {
                    "run": work.store.root.name,
                    "item": str(work.record.key),
                    "stage": stage,
                    "spread_overall": overall,
                    "spread_mean": mean,
                    "widest": max(sorted(spreads), key=lambda name: spreads[name]),
                    "scores": {
                        judge: {name: work.score(judge, name) for name in ordered(work.reviews[judge][0].scores)}
                        for judge in judges
                    },
                    "text": str(work.text) if work.text else None,
                    "reviews": str(work.store.trial(work.record.key) / "reviews"),
                }
            )
    return rows


def _dimensions(works: Iterable[Work]) -> list[str]:
    return ordered({name for work in works for reviews in work.reviews.values() for review in reviews for name in review.scores})


def _distances(scores: Sequence[float]) -> list[float]:
    return [abs(one - other) for index, one in enumerate(scores) for other in scores[index + 1 :]]
