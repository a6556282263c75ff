"""Whether a judge differs from people more than people differ from each other, and whether it ranks works as they do.

The test is that of the paper's section 4 (Mann-Whitney U on absolute differences) as its published notebook computes it. Finding no
difference there is no agreement, so rank correlation, kappa and alpha always stand beside it.
"""

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import Any

from .joining import Joined
from .measures import Estimate, Pairs, alpha, difference_of_means, mann_whitney, pooled_mean


@dataclass(frozen=True)
class DimensionAgreement:
    """One dimension; fields up to `alpha` are those of docs/interface.md."""

    n_human_human: int
    """Pairs of reviews of one item by two people."""
    n_human_judge: int
    """People's reviews of items that the judge scored."""
    human_human: Estimate
    """Mean absolute difference of the pairs."""
    human_judge: Estimate
    u: float | None
    """Mann-Whitney U of the pairs' differences against the judge's; None where a side is empty."""
    p: float | None
    """Two-sided."""
    spearman: Estimate
    """Over items: mean of the people against the judge."""
    kappa: Estimate
    """Quadratic-weighted, each person's review against the judge's score."""
    alpha: Estimate
    """Krippendorff's, interval data: all people and the judge."""
    gap: Estimate
    """`human_judge` minus `human_human`."""
    shift: Estimate
    """Judge minus person, signed."""
    alpha_humans: Estimate
    """Krippendorff's alpha of the people alone."""
    items: int

    def contract(self) -> dict[str, Any]:
        """As in docs/interface.md, `agreement --format json`."""
        estimates = {
            "mean_diff_human_human": self.human_human,
            "mean_diff_human_judge": self.human_judge,
            "spearman": self.spearman,
            "kappa_weighted": self.kappa,
            "krippendorff_alpha": self.alpha,
        }
        return {
            "n_human_human": self.n_human_human,
            "n_human_judge": self.n_human_judge,
            "mean_diff_human_human": self.human_human.value,
            "mean_diff_human_judge": self.human_judge.value,
            "mannwhitney_u": self.u,
            "mannwhitney_p": self.p,
            "spearman": self.spearman.value,
            "kappa_weighted": self.kappa.value,
            "krippendorff_alpha": self.alpha.value,
            "ci95": {name: found.ends for name, found in estimates.items() if found.ends is not None},
        }


def agreement(joined: Joined) -> dict[str, DimensionAgreement]:
    """Every compared dimension, in the order of the rubrics. Intervals are drawn over items."""
    return {dimension: _of(joined, dimension) for dimension in joined.dimensions}


def _of(joined: Joined, dimension: str) -> DimensionAgreement:
    reviews: dict[str, dict[str, list[float | None]]] = defaultdict(lambda: defaultdict(list))
    for item, row in joined.rows:
        reviews[item][row.rater].append(row.scores.get(dimension))
    between: dict[str, list[float]] = {}
    against: dict[str, list[float]] = {}
    people: dict[str, list[float]] = {}
    judge: dict[str, float] = {}
    for item, by_rater in reviews.items():
        score = joined.scores[item].get(dimension)
        given = [value for values in by_rater.values() for value in values if value is not None]
        if score is None or not given:
            continue
        people[item], judge[item] = given, score
        against[item] = [abs(value - score) for value in given]
        between[item] = [
            abs(one - other)
            for first, second in combinations(by_rater.values(), 2)
            # The published rule: rows of two people pair up in their order, and only where both have as many.
            if len(first) == len(second)
            for one, other in zip(first, second, strict=True)
            if one is not None and other is not None
        ]
    pairs = [value for values in between.values() for value in values]
    distances = [value for values in against.values() for value in values]
    u, p = mann_whitney(pairs, distances)
    each = Pairs((item, value, judge[item]) for item, values in people.items() for value in values)
    return DimensionAgreement(
        n_human_human=len(pairs),
        n_human_judge=len(distances),
        human_human=pooled_mean(between),
        human_judge=pooled_mean(against),
        u=u,
        p=p,
        spearman=Pairs((item, fmean(values), judge[item]) for item, values in people.items()).spearman(),
        kappa=each.kappa(),
        alpha=alpha((item, [*values, judge[item]]) for item, values in people.items()),
        gap=difference_of_means(between, against),
        shift=each.mean_difference(),
        alpha_humans=alpha(people.items()),
        items=len(people),
    )
