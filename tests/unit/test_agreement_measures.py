"""Measures of agreement: worked out by hand, held against packages that have them, undefined where nothing is told apart."""

import itertools
from random import Random

import krippendorff
import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import linregress, rankdata, spearmanr
from sklearn.metrics import cohen_kappa_score

from pytest_mlrbench.results.agreement.families import family, same_model
from pytest_mlrbench.results.agreement.measures import (
    NOTHING,
    Pairs,
    alpha,
    difference_of_means,
    mann_whitney,
    pooled_mean,
)
from pytest_mlrbench.results.statistics import bootstrap_ci

HALVES = st.integers(2, 20).map(lambda number: number / 2)
"""Scores of a panel of two: 1, 1.5, ... 10."""


def pairs_of(first, second):
    return Pairs(zip(itertools.count(), first, second, strict=False))


def test_quadratic_kappa_of_four_pairs_by_hand():
    # Pairs (1,1) (1,2) (2,2) (3,1). Observed squared distances 0, 1, 0, 4: mean 5/4.
    # First: mean 7/4, variance 15/4 - 49/16 = 11/16; second: mean 3/2, variance 10/4 - 9/4 = 1/4; (7/4 - 3/2)^2 = 1/16.
    # Expected 11/16 + 4/16 + 1/16 = 1, so kappa = 1 - 5/4.
    assert pairs_of([1, 1, 2, 3], [1, 2, 2, 1]).kappa().value == pytest.approx(-0.25)


def test_cohens_kappa_of_ten_verdicts_by_hand():
    # One says yes of 8 of 10, the other of 1, which is among the 8; they agree on 1 + 2 = 3 of 10.
    # By chance they would on 0.8 * 0.1 + 0.2 * 0.9 = 0.26, so kappa = (0.3 - 0.26) / 0.74.
    pairs = pairs_of([1] * 8 + [0] * 2, [1] + [0] * 9)
    assert pairs.kappa().value == pytest.approx(0.04 / 0.74)
    assert pairs.counts() == (1, 7, 0, 2)


def test_alpha_of_three_units_by_hand():
    # Units (1, 2), (3, 3, 3), (5): the last has one score and counts for nothing.
    # Within: (1-2)^2 in both orders / (2-1) = 2, over n = 5 scores: 0.4. All ordered pairs of 1,2,3,3,3: squared differences
    # 2*(1 + 3*4 + 3*1) = 32, over 5*4: 1.6. alpha = 1 - 0.4 / 1.6.
    assert alpha([("a", [1, 2]), ("b", [3, 3, 3]), ("c", [5])]).value == pytest.approx(0.75)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(HALVES, HALVES), min_size=2, max_size=25))
def test_kappa_is_scikit_learns(scores):
    first, second = (numpy.array(side) for side in zip(*scores, strict=True))
    ours = pairs_of(first, second).kappa().value
    if len({*first, *second}) == 1:
        assert ours is None
        return
    # Every half point is a label, else weights would count the labels that occur instead of points.
    theirs = cohen_kappa_score((first * 2).astype(int), (second * 2).astype(int), labels=range(2, 21), weights="quadratic")
    assert ours == pytest.approx(theirs, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(HALVES, min_size=1, max_size=4), min_size=2, max_size=15))
def test_alpha_is_krippendorffs(units):
    pairable = [unit for unit in units if len(unit) > 1]
    if len({score for unit in pairable for score in unit}) < 2:
        assert alpha(enumerate(units)) == NOTHING
        return
    table = numpy.full((4, len(units)), numpy.nan)
    for column, unit in enumerate(units):
        table[: len(unit), column] = unit
    theirs = krippendorff.alpha(reliability_data=table, level_of_measurement="interval")
    assert alpha(enumerate(units)).value == pytest.approx(theirs, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(HALVES, HALVES), min_size=3, max_size=25))
def test_rank_correlation_is_scipys(scores):
    first, second = (numpy.array(side) for side in zip(*scores, strict=True))
    if len(set(first)) > 1 and len(set(second)) > 1:
        assert pairs_of(first, second).spearman().value == pytest.approx(spearmanr(first, second).statistic, abs=1e-9)
    else:
        assert pairs_of(first, second).spearman() == NOTHING


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(HALVES, HALVES), min_size=3, max_size=12).filter(lambda scores: len({one for one, _ in scores}) > 1))
def test_slope_is_scipys(scores):
    first, second = zip(*scores, strict=True)
    assert pairs_of(first, second).slope().value == pytest.approx(linregress(first, second).slope, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(HALVES, HALVES), min_size=2, max_size=10))
def test_two_raters_alike_agree_wholly_and_their_order_does_not_matter(scores):
    first, second = (list(side) for side in zip(*scores, strict=True))
    same = pairs_of(first, first)
    if len(set(first)) > 1:
        assert same.kappa().value == pytest.approx(1)
        assert same.alpha().value == pytest.approx(1)
        assert same.spearman().value == pytest.approx(1)
    one, other = pairs_of(first, second), pairs_of(second, first)
    for measure in ("kappa", "alpha", "spearman"):
        here, there = getattr(one, measure)(), getattr(other, measure)()
        assert (here.value is None) == (there.value is None)
        assert here.value == pytest.approx(there.value)


def test_intervals_are_the_same_whatever_the_order_of_the_pairs():
    pairs = [("a", 3, 4), ("b", 5, 5), ("c", 7, 5), ("d", 2, 2), ("a", 4, 4), ("e", 6, 8)]
    assert Pairs(pairs).kappa() == Pairs(reversed(pairs)).kappa()
    assert Pairs(pairs).kappa().low is not None


@pytest.mark.parametrize("sizes", [[1] * 9, [2] * 6, [1, 3, 2, 1, 2]])
@pytest.mark.parametrize("measure", ["spearman", "kappa", "mean_distance"])
def test_intervals_are_those_of_the_one_bootstrap_of_this_package(sizes, measure):
    scores = itertools.cycle([(3, 4), (5, 5), (7, 5), (2, 2), (6, 8), (4, 1), (9, 7)])
    units = [[next(scores) for _ in range(size)] for size in sizes]
    found = getattr(Pairs((place, *pair) for place, unit in enumerate(units) for pair in unit), measure)()

    def plainly(drawn):
        return getattr(_Pooled([pair for unit in drawn for pair in unit]), measure)()

    expected = bootstrap_ci(units, plainly)
    assert (found.value, found.low, found.high) == pytest.approx((expected.estimate, expected.low, expected.high))


class _Pooled:
    """The measures again, from the pairs themselves."""

    def __init__(self, pairs):
        self.first, self.second = (numpy.array(side, dtype=float) for side in zip(*pairs, strict=True))

    def mean_distance(self):
        return abs(self.first - self.second).mean()

    def kappa(self):
        every = [(one - other) ** 2 for one in self.first for other in self.second]
        return 1 - ((self.first - self.second) ** 2).mean() / numpy.mean(every) if any(every) else float("nan")

    def spearman(self):
        one, other = (rankdata(side) for side in (self.first, self.second))
        return numpy.corrcoef(one, other)[0, 1] if one.std() and other.std() else float("nan")


def test_a_unit_is_drawn_with_all_of_its_pairs():
    # Ten tasks of ten equal epochs hold no more than ten tasks: as wide an interval as with one epoch each.
    tasks = [(task, 0.0, float(task % 4)) for task in range(10)]
    assert Pairs(tasks * 10).mean_difference() == Pairs(tasks).mean_difference()
    loose = Pairs((index, *pair[1:]) for index, pair in enumerate(tasks * 10)).mean_difference()
    assert loose.high - loose.low < 0.5 * (Pairs(tasks).mean_difference().high - Pairs(tasks).mean_difference().low)


def test_pooled_mean_counts_values_and_not_units():
    assert pooled_mean({"a": [1, 1, 1], "b": [5], "c": []}).value == 2.0
    assert pooled_mean({"a": []}) == NOTHING
    assert pooled_mean({}) == NOTHING


def test_difference_of_means_draws_units_with_both_sides():
    # Every unit's second side is one above its first: the difference is 1 in every draw, whatever the units.
    first = {unit: [float(unit % 5)] for unit in range(12)}
    found = difference_of_means(first, {unit: [values[0] + 1] for unit, values in first.items()})
    assert (found.value, found.low, found.high) == pytest.approx((1, 1, 1))


@pytest.mark.parametrize("measure", ["kappa", "spearman", "slope", "alpha"])
def test_equal_scores_have_no_agreement_to_measure(measure):
    assert getattr(pairs_of([5, 5, 5], [5, 5, 5]), measure)() == NOTHING


def test_one_unit_has_a_value_and_no_interval():
    found = pairs_of([3], [5]).mean_difference()
    assert (found.value, found.ends) == (2.0, None)


def test_u_by_hand():
    # Of 2 x 3 pairs, 1 beats none; 4 beats 2 and 3 and ties with 4: 2.5.
    assert mann_whitney([1, 4], [2, 3, 4])[0] == 2.5
    assert mann_whitney([], [1.0]) == (None, None)


@pytest.mark.parametrize(
    ("model", "maker"),
    [
        ("anthropic/claude-3-7-sonnet-20250219", "anthropic"),
        ("bedrock/us.anthropic.claude-sonnet-4-5-v1:0", "anthropic"),
        ("vertex_ai/claude-opus-4", "anthropic"),
        ("gemini/gemini-2.5-pro", "google"),
        ("o4-mini-2025-04-16", "openai"),
        ("azure/gpt-5", "openai"),
        ("openai/brand-new", "openai"),
        ("openrouter/qwen/qwen3-235b-a22b", "alibaba"),
        ("deepseek/deepseek-r1-distill-qwen-32b", "deepseek"),
        ("mistral/ministral-8b", "mistral"),
        ("azure/my-deployment", None),
        ("offline", None),
    ],
)
def test_families_are_read_from_ids(model, maker):
    assert family(model) == maker


@pytest.mark.parametrize(
    ("said", "model", "same"),
    [
        ("claude", "anthropic/claude-3-7-sonnet-20250219", True),
        ("o4-mini", "openai/o4-mini-2025-04-16", True),
        ("Gemini", "gemini/gemini-2.5-pro", True),
        ("gpt-4", "openai/gpt-4o", False),
        ("claude-3-7-sonnet", "anthropic/claude-3-5-sonnet", False),
        ("a/m", "b/m", True),
    ],
)
def test_a_model_may_be_named_by_its_first_words(said, model, same):
    assert same_model(said, model) is same


def test_a_judge_that_says_the_same_of_everything_agrees_neither_more_nor_less_than_by_chance():
    # Kappa is 0 in every sample; sums of 7.3 made it -2e-16 with an interval below 0 in a tenth of such cases.
    for seed in range(60):
        scores = Random(seed).choices(range(1, 11), k=3 + seed // 2)
        found = Pairs((item, score, 7.3) for item, score in enumerate(scores)).kappa()
        assert found.leaves_zero_open, (seed, found)
        assert found.value in (0.0, None)
