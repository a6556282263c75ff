"""results.pairwise: what side-by-side answers come to, how sure that is, and the bias of the judges."""

import math
import random

import pytest
from scipy.stats import binomtest

from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.records import Order, SideBySide, Winner
from pytest_mlrbench.results.comparison.statistics import holm
from pytest_mlrbench.results.pairwise import Answers, base_id, limits, position_bias, summary, win_rate
from tests.support.runs import make_run


def answer(winner: Winner, order: Order = "base-first", judge: str = "j1", repeat: int = 1, **dimensions: Winner) -> SideBySide:
    return SideBySide(
        judge=judge,
        stage="idea",
        repeat=repeat,
        order=order,
        protocol="p",
        works=("a", "b"),
        winner=winner,
        dimensions=dimensions,
        reason="places",
    )


def both(key: str, first: Winner, second: Winner, judge: str = "j1") -> Answers:
    """A pair with its answers in both orders."""
    return Answers(TrialKey.parse(key), [answer(first, "base-first", judge), answer(second, "new-first", judge)])


def test_whole_wins_have_the_limits_of_clopper_and_pearson() -> None:
    expected = binomtest(7, 10).proportion_ci(0.95, "exact")
    assert limits(7, 10) == pytest.approx((expected.low, expected.high))
    assert limits(0, 4)[0] == 0.0
    assert limits(4, 4)[1] == 1.0


def test_ties_alone_are_no_certainty() -> None:
    found = win_rate(dict.fromkeys("abcdefghij", 0.5))
    assert (found["won"], found["tied"], found["lost"], found["win_rate"], found["p"]) == (0, 10, 0, 0.5, 1.0)
    low, high = found["ci95"]
    assert low < 0.25
    assert high > 0.75


def test_the_sign_test_counts_tasks_that_are_decided() -> None:
    found = win_rate({**dict.fromkeys("abcde", 1.0), "f": 0.5})
    # Five wins of five: two-sided 2 / 2^5.
    assert found["p"] == pytest.approx(1 / 16)
    assert found["win_rate"] == pytest.approx(5.5 / 6)


def test_the_interval_holds_the_true_rate_in_at_least_95_of_100_samples() -> None:
    """Tasks whose four answers lean the same way, as those about one pair do; 2,000 samples of ten tasks."""
    chance = random.Random(7)
    for lean in (0.5, 0.8):
        covered = 0
        for _ in range(2_000):
            values = []
            for _ in range(10):
                task = chance.betavariate(4 * lean, 4 * (1 - lean))
                values.append(sum(chance.random() < task for _ in range(4)) / 4)
            low, high = limits(sum(values), 10)
            covered += low <= lean <= high
        assert covered >= 0.95 * 2_000


def test_no_task_is_no_rate() -> None:
    assert win_rate({})["win_rate"] is None


def test_a_task_counts_once_whatever_its_epochs_and_judges() -> None:
    found = summary(
        [
            both("a/idea", "new", "new"),
            both("a/idea.e2", "new", "new"),
            both("a/idea.e3", "new", "new"),
            both("b/idea", "base", "base"),
        ]
    )["idea"]
    assert (found["n_pairs"], found["n_tasks"], found["win_rate"]) == (4, 2, 0.5)


def test_a_judge_asked_more_often_weighs_no_more() -> None:
    answers = [answer("new", order, "j1", repeat) for repeat in (1, 2, 3) for order in ("base-first", "new-first")]
    answers += [answer("base", order, "j2") for order in ("base-first", "new-first")]
    found = summary([Answers(TrialKey.parse("a/idea"), answers)])["idea"]
    assert found["win_rate"] == 0.5
    assert found["judges"]["j1"]["win_rate"] == 1.0
    assert found["judges"]["j2"]["win_rate"] == 0.0


def test_a_winner_that_follows_the_order_is_a_tie() -> None:
    found = summary([both("a/idea", "base", "new")])["idea"]
    assert (found["won"], found["tied"], found["lost"]) == (0, 1, 0)


def test_what_no_judge_was_asked_has_no_dimensions_but_counts_in_the_whole() -> None:
    asked = Answers(TrialKey.parse("a/idea"), [answer("new", order, Clarity="base") for order in ("base-first", "new-first")])
    found = summary([asked, Answers(TrialKey.parse("b/idea"), known="new")])["idea"]
    assert (found["win_rate"], found["n_tasks"], found["n_decided_unasked"]) == (1.0, 2, 1)
    assert (found["dimensions"]["Clarity"]["win_rate"], found["dimensions"]["Clarity"]["n_tasks"]) == (0.0, 1)


def test_stages_are_apart_and_their_p_corrected_together() -> None:
    pairs = [both(f"t{number}/{stage}", "new", "new") for number in range(6) for stage in ("idea", "proposal")]
    found = summary(pairs)
    assert list(found) == ["idea", "proposal"]
    assert found["idea"]["p"] == pytest.approx(2 / 2**6)
    assert found["idea"]["p_holm"] == pytest.approx(2 * 2 / 2**6)


def test_holm_steps_down_and_stays_in_order() -> None:
    assert holm([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06], nan_ok=True)
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_a_judge_that_prefers_the_first_is_seen() -> None:
    pairs = [both(f"t{number}/idea", "base", "new") for number in range(5)]
    bias = position_bias(pairs)["j1"]
    assert (bias["first"], bias["second"], bias["tie"]) == (10, 0, 0)
    assert (bias["contradicted"], bias["pairs"]) == (5, 5)
    assert bias["p"] == pytest.approx(2 / 2**10)


def test_a_judge_that_prefers_one_run_has_no_bias() -> None:
    bias = position_bias([both(f"t{number}/idea", "new", "new") for number in range(5)])["j1"]
    assert (bias["first"], bias["second"], bias["contradicted"], bias["p"]) == (5, 5, 0, 1.0)
    assert math.isclose(position_bias([both("a/idea", "tie", "tie")])["j1"]["p"], 1.0)


def test_runs_of_one_name_have_folders_of_their_own(tmp_path) -> None:
    first, second = make_run(tmp_path / "x" / "run"), make_run(tmp_path / "y" / "run", model="openai/other")
    assert base_id(first) != base_id(second)
    assert base_id(first) == base_id(make_run(tmp_path / "z" / "run"))
