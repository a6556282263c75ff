"""The gate's three answers, its looks, what calibrates it, and when a baseline is judged again."""

import math
from pathlib import Path

import pytest

from pytest_mlrbench import options, settings
from pytest_mlrbench.cli import main
from pytest_mlrbench.errors import ConfigError
from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.results.comparison.compare import compare
from pytest_mlrbench.results.gate.calibration import NOT_CALIBRATED, calibration_line, check_same_agent, read_calibration
from pytest_mlrbench.results.gate.decision import Decision, decide
from pytest_mlrbench.results.gate.rejudged import is_moving
from pytest_mlrbench.results.gate.repeats import Repeat, read_repeats, repeat_key, repeats_of
from pytest_mlrbench.results.gate.sequential import MARGIN, batches, levels
from pytest_mlrbench.results.gate.text import decision_lines, decision_markdown
from pytest_mlrbench.results.store import RunStore
from pytest_mlrbench.tasks.catalogue import load_tasks
from tests.support.runs import add, finding, make_run, review

MANY = tuple(sorted(load_tasks()))[:12]
JUDGES = ("openai/j1", "openai/j2")


def trial(store: RunStore, key: str, score: int, **fields: object) -> None:
    stage = TrialKey.parse(key).stage
    add(store, key, [review(judge, stage, {"Overall": score}) for judge in JUDGES], **fields)


def ideas(path: Path, *scores: int) -> RunStore:
    store = make_run(path)
    for task, score in zip(MANY, scores, strict=False):
        trial(store, f"{task}/idea", score)
    return store


def answer(base: RunStore, new: RunStore, repeats: tuple[Repeat, ...] = (), **options: object) -> Decision:
    return decide(compare(base, new), repeats, **options)


def test_equal_scores_of_many_tasks_hold(tmp_path):
    # 12 tasks, two judges: error sqrt(1/12) / sqrt(12) = 0.083; t(0.95, 11) = 1.796: the lower bound is -0.15, above -0.5.
    found = answer(ideas(tmp_path / "a", *[7] * 12), ideas(tmp_path / "b", *[7] * 12))
    assert found.verdict == "holds"
    assert found.stages[0].lower == pytest.approx(-1.796 * math.sqrt(1 / 12 / 12), abs=1e-3)
    assert "lower bound -0.15 above -0.5" in found.reasons[0]


def test_equal_scores_of_three_tasks_are_inconclusive_and_say_how_many_would_decide(tmp_path):
    # Error sqrt(1/12/3) = 0.167, t(0.95, 2) = 2.92: bounds -0.49 to 0.49, just above -0.5 with two judges; 0.4 is not.
    base, new = ideas(tmp_path / "a", *[7] * 3), ideas(tmp_path / "b", *[7] * 3)
    found = answer(base, new, max_drop=0.4)
    assert found.verdict == "inconclusive"
    # ((1.645 + 0.842) x 0.2887 / 0.4)^2 = 3.2: 4 tasks.
    assert found.stages[0].needed == found.stages[0].needed_without_change == 4
    assert "about 4 tasks would decide" in found.reasons[0]
    assert "the limit -0.4 lies within its bounds" in found.reasons[0]


def test_a_drop_beyond_the_limit_and_its_uncertainty_breaks(tmp_path):
    found = answer(ideas(tmp_path / "a", *[7] * 12), ideas(tmp_path / "b", *[6] * 12))
    assert found.verdict == "broken"
    assert "idea: Overall 7.00 to 6.00 (-1.00 over 12 tasks), upper bound -0.85 below -0.5" in found.reasons


def test_a_drop_at_the_limit_is_neither(tmp_path):
    found = answer(ideas(tmp_path / "a", *[7] * 12), ideas(tmp_path / "b", *[7, 6] * 6))
    assert found.verdict == "inconclusive"
    assert found.stages[0].needed is None
    assert "no number of tasks decides" in found.reasons[0]


def test_missing_outputs_break_the_gate_like_bad_ones(tmp_path):
    base, new = ideas(tmp_path / "a", *[7] * 12), ideas(tmp_path / "b", *[7] * 4)
    for task in MANY[4:]:
        add(new, f"{task}/idea", status="failed", reason="idea.md is missing")
    assert answer(base, new).verdict == "broken"


def test_holm_gives_each_further_stage_a_stricter_bound(tmp_path):
    base, new = ideas(tmp_path / "a", *[7] * 12), ideas(tmp_path / "b", *[7] * 12)
    for store in (base, new):
        for task in MANY:
            trial(store, f"{task}/proposal", 7)
    found = answer(base, new)
    # Equal p-values of two stages: the first is tested at 0.05 / 2 (t(0.975, 11) = 2.201), the other at 0.05 (1.796).
    lower = sorted(one.lower for one in found.stages)
    assert lower == pytest.approx([-2.201 * math.sqrt(1 / 144), -1.796 * math.sqrt(1 / 144)], abs=1e-3)
    assert found.verdict == "holds"


def test_one_stage_that_does_not_hold_keeps_the_gate_from_holding(tmp_path):
    base, new = ideas(tmp_path / "a", *[7] * 12), ideas(tmp_path / "b", *[7] * 12)
    for store, score in ((base, 7), (new, 6)):
        for task in MANY[:3]:
            trial(store, f"{task}/proposal", score)
    found = answer(base, new)
    assert {one.stage: one.answer for one in found.stages} == {"idea": "holds", "proposal": "inconclusive"}
    assert found.verdict == "inconclusive"


def audited(store: RunStore, *hallucinated: bool, support: float = 1.0) -> None:
    for task, says in zip(MANY, hallucinated, strict=False):
        verdict = "hallucinated" if says else "verified"
        trial(store, f"{task}/experiment", 7, findings=[finding()] * says, verdict=verdict, support=support)


def pair_of(tmp_path: Path, now: list[bool], support: float = 1.0) -> tuple[RunStore, RunStore]:
    base, new = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    audited(base, *[False] * len(now))
    audited(new, *now, support=support)
    return base, new


ITEM = f"{MANY[0]}/experiment"


def test_one_confirmed_hallucination_breaks_whatever_n_is(tmp_path):
    base, new = pair_of(tmp_path, [True] + [False] * 11)
    found = answer(base, new, (Repeat(ITEM, "confirmed"),))
    assert found.verdict == "broken"
    assert found.reasons[0] == f"{ITEM} is hallucinated and was not in the baseline, confirmed in its repeat too"


def test_an_unconfirmed_hallucination_leaves_the_gate_open_with_the_reason(tmp_path):
    base, new = pair_of(tmp_path, [True] + [False] * 11)
    found = answer(base, new, (Repeat(ITEM, "open", "its repeat ended as skipped: the budget is used up"),))
    assert found.verdict == "inconclusive"
    assert "unconfirmed: its repeat ended as skipped: the budget is used up" in found.reasons[0]


def test_a_clean_repeat_lets_the_scores_decide(tmp_path):
    base, new = pair_of(tmp_path, [True] + [False] * 11)
    found = answer(base, new, (Repeat(ITEM, "clean"),))
    assert found.verdict == "holds"
    assert found.reasons[-1] == f"{ITEM} is hallucinated and was not in the baseline, but its repeat is not"


def test_more_hallucination_than_chance_breaks_without_any_repeat(tmp_path):
    # 6 tasks worse, none better: two-sided 2/64 = 0.031, below 0.05; 5 would be 0.0625.
    base, new = pair_of(tmp_path, [True] * 6 + [False] * 6)
    clean = tuple(Repeat(f"{task}/experiment", "clean") for task in MANY[:6])
    assert answer(base, new, clean).verdict == "broken"
    base, new = pair_of(tmp_path / "five", [True] * 5 + [False] * 7)
    assert answer(base, new, clean[:5]).verdict == "holds"


def test_support_that_falls_beyond_uncertainty_breaks(tmp_path):
    base, new = pair_of(tmp_path, [False] * 12, support=0.8)
    found = answer(base, new)
    assert found.verdict == "broken"
    assert found.reasons[0].startswith("support fell beyond uncertainty: 100% to 80%")


def test_a_headline_number_less_is_no_fall_of_support(tmp_path):
    # One number of twenty: -5 % in each of three tasks, error 0.05 / sqrt(3), t(0.975, 2) = 4.30: upper bound +7 %.
    base, new = pair_of(tmp_path, [False] * 3, support=0.95)
    assert answer(base, new, max_drop=1.0).verdict == "holds"


def test_items_that_were_not_reached_keep_the_gate_open(tmp_path):
    base, new = ideas(tmp_path / "a", *[7] * 12), ideas(tmp_path / "b", *[7] * 11)
    new.write_run({**new.run(), "selected": [f"{task}/idea" for task in MANY]})
    found = answer(base, new)
    assert found.verdict == "inconclusive"
    assert "1 item of the baseline's were selected and not reached" in found.reasons


def test_infrastructure_is_listed_for_the_exit_code(tmp_path):
    base, new = ideas(tmp_path / "a", *[7] * 12), ideas(tmp_path / "b", *[7] * 11)
    add(new, f"{MANY[11]}/idea", status="error", reason="the judge did not answer")
    assert answer(base, new).infrastructure == [f"{MANY[11]}/idea"]


# -- repeats ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected", "why"),
    [
        ({"verdict": "hallucinated", "findings": [finding()]}, "confirmed", ""),
        ({"verdict": "verified"}, "clean", ""),
        ({"status": "error", "reason": "no sandbox"}, "open", "its repeat ended as error: no sandbox"),
        ({"status": "failed", "reason": "no results"}, "open", "its repeat ended as failed: no results"),
        (None, "open", "it was not repeated"),
    ],
)
def test_a_repeat_is_read_from_its_own_store(tmp_path, fields, expected, why):
    run = make_run(tmp_path / "run")
    key = TrialKey(MANY[0], "experiment", 2)
    if fields is not None:
        add(make_run(repeats_of(run).root), repeat_key(key), **fields)
    assert read_repeats(run, [key]) == [Repeat(f"{MANY[0]}/experiment", expected, why)]


def test_a_second_hallucinated_epoch_is_a_repeat(tmp_path):
    run = make_run(tmp_path / "run")
    (found,) = read_repeats(run, [TrialKey(MANY[0], "experiment")], [f"{MANY[0]}/experiment"])
    assert found.answer == "confirmed"


# -- looks ------------------------------------------------------------------------------------------------------------


def test_every_task_is_in_one_batch_and_the_order_is_the_seeds():
    tasks = [f"t{number}" for number in range(201)]
    found = batches(tasks, 0)
    assert sorted(task for batch in found for task in batch) == sorted(tasks)
    assert len(found) == 10
    assert found == batches(list(reversed(tasks)), 0) != batches(tasks, 1)
    assert [len(batch) for batch in batches(tasks[:19], 0)] == [19]
    assert [len(batch) for batch in batches(tasks[:20], 0)] == [10, 10]


def test_one_look_spends_the_whole_error_rate():
    assert levels((1.0,), 0.05) == pytest.approx((0.05,))


def test_the_levels_of_all_looks_keep_the_error_rate():
    """Crossings of a normal process without drift, counted; 0.0425 is what MARGIN leaves of 0.05."""
    import numpy
    from scipy.stats import norm

    fractions = (0.25, 0.5, 0.75, 1.0)
    limits = norm.isf(levels(fractions, 0.05))
    steps = numpy.random.default_rng(3).normal(size=(200_000, 4)) * 0.5
    crossed = (numpy.cumsum(steps, axis=1) / numpy.sqrt(fractions) > limits).any(axis=1).mean()
    # Standard error of the count: sqrt(0.0425 x 0.9575 / 200,000) = 0.00045.
    assert crossed == pytest.approx(0.05 * MARGIN, abs=0.002)


def test_the_first_look_spends_its_share_of_the_rate():
    assert levels((0.5, 1.0), 0.05)[0] == pytest.approx(0.05 * MARGIN / 2, rel=1e-6)


def test_a_look_is_stricter_than_the_whole_run(tmp_path):
    base, new = ideas(tmp_path / "a", *[7] * 12), ideas(tmp_path / "b", *[7] * 12)
    strict = answer(base, new, level=lambda share: share / 10, look="look 1 of 10")
    assert strict.stages[0].lower < answer(base, new).stages[0].lower
    assert "look 1 of 10" in decision_lines(strict)[0]


# -- in words ---------------------------------------------------------------------------------------------------------


def test_the_markdown_obeys_no_markup_of_a_model(tmp_path):
    base, new = pair_of(tmp_path, [True] + [False] * 11)
    found = answer(base, new, (Repeat(ITEM, "open", "<img src=x> [a](javascript:b) \x1b[2J"),))
    text = decision_markdown(found)
    assert "<img" not in text
    assert "[a](" not in text
    assert "\x1b" not in text
    assert "## ❔ MLR-Bench gate: inconclusive" in text
    assert not any("\x1b" in line for line in decision_lines(found))


# -- calibration ------------------------------------------------------------------------------------------------------


def test_without_an_a_a_comparison_the_threshold_is_called_not_calibrated(tmp_path):
    assert calibration_line(ideas(tmp_path / "a", 7), 0.5) == NOT_CALIBRATED


def test_an_a_a_comparison_is_stored_in_the_baseline_and_told(tmp_path, capsys):
    base, again = ideas(tmp_path / "a", *[7, 6] * 6), ideas(tmp_path / "b", *[6, 7] * 6)
    assert main(["compare", str(base.root), str(again.root), "--aa", "--store"]) == 0
    assert "A/A comparison stored in" in capsys.readouterr().err
    stored = read_calibration(base)
    assert stored is not None
    # Differences -1 and +1 in turn: mean 0, sample SD sqrt(12 / 11) = 1.044.
    assert stored.stages["idea"].mean == 0.0
    assert stored.stages["idea"].sd == pytest.approx(math.sqrt(12 / 11))
    line = calibration_line(base, 0.5)
    assert "A/A comparison of" in line
    assert "idea +0.00 (SD 1.04 over 12 tasks)" in line
    assert "it was made for a largest drop of 0.5" in calibration_line(base, 1.0)


def test_another_agent_is_no_a_a_comparison(tmp_path):
    base = ideas(tmp_path / "a", 7)
    other = make_run(tmp_path / "b", model="openai/other")
    trial(other, f"{MANY[0]}/idea", 7)
    with pytest.raises(ConfigError, match="are no A/A comparison, they differ"):
        check_same_agent(base, other)


def test_a_damaged_calibration_is_named(tmp_path):
    base = ideas(tmp_path / "a", 7)
    (base.root / "calibration.json").write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"calibration\.json cannot be read"):
        calibration_line(base, 0.5)


# -- judges -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("judge", "moving"),
    [
        ("gemini/gemini-2.5-pro", True),
        ("anthropic/claude-sonnet-4-5", True),
        ("openai/gpt-5", True),
        ("mistral/mistral-large-latest", True),
        ("openrouter/google/gemini-2.5-pro-preview", True),
        ("anthropic/claude-3-7-sonnet-20250219", False),
        ("gemini/gemini-2.5-pro-preview-03-25", False),
        ("openai/o4-mini-2025-04-16", False),
        ("openai/gpt-4-0613", False),
        ("gemini/gemini-1.5-pro-002", False),
        ("mistral/mistral-large-2411", False),
        ("cohere/command-r-08-2024", False),
        ("vertex_ai/claude-sonnet-4@20250514", False),
        ("bedrock/anthropic.claude-3-5-sonnet-20240620-v1:0", False),
        ("offline", False),
    ],
)
def test_a_judge_without_date_or_snapshot_is_a_moving_alias(judge, moving):
    assert is_moving(judge) is moving


def test_the_default_drop_is_one_number():
    assert options.GATE_MAX_DROP == settings.GATE_MAX_DROP
