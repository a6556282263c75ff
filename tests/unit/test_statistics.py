"""Bootstrap intervals over tasks."""

from statistics import NormalDist

import pytest

from pytest_mlrbench.results.statistics import (
    MOST_DRAWN,
    Interval,
    bootstrap_ci,
    bootstrap_mean_ci,
    bootstrap_mean_cis,
    paired_difference_ci,
)


def tasks(*values: float) -> dict[str, float]:
    return {f"t{place:05}": value for place, value in enumerate(values)}


def of(found: Interval | None) -> Interval:
    assert found is not None
    return found


def test_the_interval_holds_the_mean_and_narrows_with_more_tasks() -> None:
    few, many = of(bootstrap_mean_ci(tasks(*[4, 5, 6, 7, 8] * 2))), of(bootstrap_mean_ci(tasks(*[4, 5, 6, 7, 8] * 40)))
    assert few.estimate == many.estimate == 6
    assert few.low < many.low < 6 < many.high < few.high
    assert (few.n, many.n) == (10, 200)


def test_ten_tasks_get_the_width_of_a_t_interval_not_the_bootstraps_own() -> None:
    # Population SD 1.4142, so s = 1.4907 and the half width of a t interval is 2.262 * 1.4907 / sqrt(10) = 1.066;
    # a plain percentile interval has 1.96 * 1.4142 / sqrt(10) = 0.877.
    found = of(bootstrap_mean_ci(tasks(*[4, 5, 6, 7, 8] * 2)))
    assert (found.high - found.low) / 2 == pytest.approx(1.066, abs=0.1)


def test_the_interval_covers_the_true_mean_as_often_as_it_says() -> None:
    import numpy

    generator = numpy.random.default_rng(5)
    samples = generator.choice([3, 4, 5, 6, 7, 8], p=[0.1, 0.25, 0.3, 0.2, 0.1, 0.05], size=(1000, 10))  # mean 5.1
    found = bootstrap_mean_cis([tasks(*map(float, sample)) for sample in samples], draws=1000)
    assert sum(of(one).low <= 5.1 <= of(one).high for one in found) / 1000 == pytest.approx(0.95, abs=0.02)


def test_equal_seeds_give_equal_intervals_in_any_order_of_tasks() -> None:
    values = tasks(3, 9, 4, 7, 5, 5, 8)
    turned = dict(reversed(values.items()))
    assert bootstrap_mean_ci(values, seed=3) == bootstrap_mean_ci(turned, seed=3) != bootstrap_mean_ci(values, seed=4)


def test_epochs_belong_to_their_task_and_add_no_tasks() -> None:
    single = bootstrap_mean_ci(tasks(4, 6, 8))
    assert bootstrap_mean_ci({"t00000": [4, 4, 4, 4], "t00001": [5, 7], "t00002": [8]}) == single


def test_a_higher_level_is_wider() -> None:
    values = tasks(3, 9, 4, 7, 5, 5, 8)
    assert of(bootstrap_mean_ci(values, level=0.99)).low < of(bootstrap_mean_ci(values, level=0.9)).low


def test_equal_values_have_an_interval_of_no_width() -> None:
    assert of(bootstrap_mean_ci(tasks(7.1, 7.1, 7.1))).ends == [7.1, 7.1]


def test_one_task_has_no_interval() -> None:
    assert bootstrap_mean_ci(tasks(7)) is None
    assert bootstrap_mean_ci({}) is None
    assert paired_difference_ci(tasks(7), tasks(8, 9)) is None


def test_many_tasks_take_the_normal_interval_that_draws_would_give() -> None:
    values = [4.0, 5.0, 6.0, 7.0, 8.0]
    drawn = of(bootstrap_mean_ci(tasks(*values * (MOST_DRAWN // 5))))
    above = of(bootstrap_mean_ci(tasks(*values * (MOST_DRAWN // 5 + 1))))
    assert above.n == MOST_DRAWN + 5
    assert above.low == pytest.approx(drawn.low, abs=0.005)
    assert above.high == pytest.approx(drawn.high, abs=0.005)
    assert above.high - 6 == pytest.approx(NormalDist().inv_cdf(0.975) * 2**0.5 / 2005**0.5)


def test_a_paired_difference_takes_out_what_tasks_differ_in() -> None:
    base = tasks(1, 3, 5, 7, 9)
    new = tasks(1.5, 3.4, 5.6, 7.5, 9.5)
    paired = of(paired_difference_ci(base, new))
    assert paired.estimate == pytest.approx(0.5)
    assert 0.4 <= paired.low < 0.5 < paired.high <= 0.6


def test_a_paired_difference_counts_tasks_of_both_runs_only() -> None:
    assert of(paired_difference_ci({"a": 1, "b": 2, "c": 9}, {"a": [2, 4], "b": 2, "d": 0})) == of(
        bootstrap_mean_ci({"a": 2, "b": 0})
    )


@pytest.mark.parametrize("values", [[], [float("nan")], [1.0, float("inf")]])
def test_a_task_without_a_finite_value_is_an_error_that_names_it(values: list[float]) -> None:
    with pytest.raises(ValueError, match="iclr2025_wsl"):
        bootstrap_mean_ci({"a": 1, "iclr2025_wsl": values})


@pytest.mark.parametrize("level", [0, 1, 95])
def test_a_level_outside_0_to_1_is_an_error(level: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        bootstrap_mean_ci(tasks(1, 2), level=level)


def test_any_statistic_has_an_interval_of_drawn_units() -> None:
    found = of(bootstrap_ci([1.0, 2.0, 3.0, 4.0, 50.0], max))
    assert found.estimate == found.high == 50
    assert found.low < 50


def test_a_statistic_that_most_draws_do_not_define_has_no_interval() -> None:
    def share_of_two(units: object) -> float:
        assert isinstance(units, list)
        return float("nan") if len(set(units)) < 3 else 1.0

    assert bootstrap_ci([1, 2, 3], share_of_two) is None  # three different of three: 6 of 27 draws
    assert bootstrap_ci([1, 1, 1], share_of_two) is None
