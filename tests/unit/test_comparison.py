"""Two runs compared: pairs, what counts as what, intervals and tests with values worked out by hand, and what is refused."""

import json
import math
from pathlib import Path

import pytest

from pytest_mlrbench.cli import main
from pytest_mlrbench.errors import ConfigError
from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.records import Review
from pytest_mlrbench.results.comparison.compare import Comparison, compare
from pytest_mlrbench.results.comparison.statistics import (
    by_task,
    difference_of_shares,
    exact_p,
    holm,
    rounding_error,
    tasks_needed,
)
from pytest_mlrbench.results.comparison.text import comparison_markdown
from pytest_mlrbench.results.store import RunStore
from tests.support.runs import add, finding, make_run, review, spent

TASKS = ("iclr2025_dl4c", "iclr2025_scsl", "iclr2025_wsl", "iclr2025_question")
JUDGES = ("openai/j1", "openai/j2")


def reviews(stage: str, first: int, second: int | None = None, **fields: object) -> list[Review]:
    """Both judges' Overall; one number is what both gave."""
    scores = (first, first if second is None else second)
    return [review(judge, stage, {"Overall": score}, **fields) for judge, score in zip(JUDGES, scores, strict=True)]


def run_of(path: Path, scores: dict[str, int | None], stage: str = "idea", **settings: object) -> RunStore:
    """A run with one trial a key; None is an item that failed by the agent's fault."""
    store = make_run(path, **settings)
    for key, score in scores.items():
        name = f"{key.partition('.')[0]}/{stage}{key[key.find('.') :] if '.' in key else ''}"
        if score is None:
            add(store, name, status="failed", reason="idea.md is missing")
        else:
            add(store, name, reviews(stage, score))
    select(store)
    return store


def select(store: RunStore, *more: str) -> None:
    store.write_run({**store.run(), "selected": [*(str(key) for key in store.keys()), *more]})  # noqa: SIM118


def overall(found: Comparison, stage: str = "idea"):
    return found.dimensions[stage]["Overall"]


# -- statistics -------------------------------------------------------------------------------------------------------


def test_the_interval_is_students_t_over_tasks():
    # 1, 2, 3: mean 2, SD 1, standard error 1/sqrt(3), t(0.975, 2) = 4.30265.
    paired = by_task({"a": [1.0], "b": [2.0], "c": [3.0]})
    reach = 4.30265 / math.sqrt(3)
    assert paired.interval() == pytest.approx((2 - reach, 2 + reach), abs=1e-4)


def test_a_tasks_epochs_are_one_observation():
    # Task a: mean of 0 and 2 = 1. Three tasks, not four pairs: mean (1 + 2 + 3) / 3 = 2, as above.
    paired = by_task({"a": [0.0, 2.0], "b": [2.0], "c": [3.0]})
    assert paired.n == 3
    assert paired.mean == pytest.approx(2.0)


def test_the_permutation_p_counts_all_flips_of_signs():
    # 1, 2, 3, -1: sum 5 of at most 7. Of 16 flips the sum is 7 once, 5 twice (1 or -1 the other way), and as often negative: 6/16.
    assert by_task({"a": [1.0], "b": [2.0], "c": [3.0], "d": [-1.0]}).p_permutation() == pytest.approx(6 / 16)


def test_many_tasks_are_flipped_at_random_to_the_same_p_as_scipys():
    import numpy
    from scipy.stats import permutation_test

    values = [0.5, -1.0, 0.5, 1.0, 0.0, 1.5, -0.5, 1.0, 0.5, -1.0, 2.0, 0.0, 0.5, 1.0, -0.5, 0.5]
    p = by_task({str(place): [value] for place, value in enumerate(values)}).p_permutation()
    whole = permutation_test((values,), numpy.mean, permutation_type="samples", n_resamples=2**16, vectorized=True)
    # Error of 9,999 draws at p = 0.05: 0.002.
    assert p == pytest.approx(whole.pvalue, abs=0.01)


def test_no_difference_anywhere_has_p_one():
    assert by_task({"a": [0.0], "b": [0.0]}).p_permutation() == 1.0


def test_equal_differences_leave_the_error_of_whole_numbers():
    # Two judges: each mean is uncertain by 1/12/2, a difference by twice that: SD sqrt(1/12) = 0.2887; over 4 tasks 0.1443.
    assert rounding_error(2) == pytest.approx(math.sqrt(1 / 12))
    paired = by_task({name: [-1.0] for name in "abcd"}, error=rounding_error(2))
    assert paired.error == pytest.approx(math.sqrt(1 / 12) / 2)
    low, high = paired.interval()
    assert low < -1 < high


def test_the_error_of_whole_numbers_is_no_addition_to_a_spread_that_is_seen():
    seen = by_task({"a": [1.0], "b": [2.0], "c": [3.0]}, error=0.1)
    assert seen.error == pytest.approx(1 / math.sqrt(3))


def test_one_task_says_nothing_of_the_spread():
    paired = by_task({"a": [3.0]}, span=(-9.0, 9.0))
    assert paired.interval() == (-9.0, 9.0)
    assert paired.p_below(0.0) == paired.p_above(0.0) == paired.p_permutation() == 1.0


def test_holm_multiplies_by_what_is_left_and_never_falls():
    # Sorted 0.01 x 3 = 0.03, 0.03 x 2 = 0.06, 0.04 x 1 = 0.04 which may not be below 0.06.
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


def test_the_exact_test_of_pairs_is_the_sign_test_of_those_that_differ():
    # 5 of 5 in one direction: 2 x 1/32. 3 against 3: certain. None: 1.
    assert exact_p(5, 0) == pytest.approx(0.0625)
    assert exact_p(3, 3) == 1.0
    assert exact_p(0, 0) == 1.0


def test_the_interval_of_shares_adds_half_a_pair_to_each_cell():
    # 4 gained, 1 lost of 10: (4.5 - 1.5) / 12 = 0.25; error sqrt(6 - 9/12) / 12 = 0.19094; reach 1.96 x that.
    low, high = difference_of_shares(4, 1, 10)
    assert (low, high) == pytest.approx((0.25 - 1.959964 * 0.190941, 0.25 + 1.959964 * 0.190941), abs=1e-5)


def test_tasks_needed_is_the_usual_formula():
    # (1.6449 + 0.8416)^2 x 1 / 0.5^2 = 24.73: 25 tasks.
    assert tasks_needed(1.0, 0.5, 0.05) == 25
    assert tasks_needed(1.0, 0.0, 0.05) is None


# -- what counts as what ----------------------------------------------------------------------------------------------


def test_runs_are_paired_by_task(tmp_path):
    base = run_of(tmp_path / "a", dict(zip(TASKS, (5, 6, 7, 8), strict=True)))
    new = run_of(tmp_path / "b", dict(zip(TASKS, (4, 4, 4, 9), strict=True)))
    found = overall(compare(base, new))
    # Differences -1, -2, -3, +1: mean -1.25; means 6.5 and 5.25.
    assert (found.n_pairs, found.base, found.new) == (4, 6.5, 5.25)
    assert sorted(found.paired.differences) == [-3.0, -2.0, -1.0, 1.0]
    assert found.paired.mean == pytest.approx(-1.25)


def test_an_item_failed_by_the_agent_counts_with_the_lowest_score_and_the_graded_mean_stands_beside(tmp_path):
    base = run_of(tmp_path / "a", dict.fromkeys(TASKS, 7))
    new = run_of(tmp_path / "b", {**dict.fromkeys(TASKS, 7), TASKS[0]: None})
    found = overall(compare(base, new))
    # (1 + 7 + 7 + 7) / 4 = 5.5 against 7; graded in both: 3, means 7 and 7.
    assert (found.n_pairs, found.new, found.paired.mean) == (4, 5.5, -1.5)
    assert found.graded == (3, 7.0, 7.0)
    assert "count with the lowest score (0 in base, 1 in new)" in comparison_markdown(compare(base, new))


def test_what_a_failed_input_leaves_undone_failed_too(tmp_path):
    base = run_of(tmp_path / "a", dict.fromkeys(TASKS, 7), "proposal")
    new = run_of(tmp_path / "b", dict.fromkeys(TASKS[1:], 7), "proposal")
    add(new, f"{TASKS[0]}/idea", status="failed", reason="idea.md is missing")
    add(new, f"{TASKS[0]}/proposal", status="skipped", reason="its input has no usable output")
    found = compare(base, new)
    assert overall(found, "proposal").n_pairs == 4
    assert overall(found, "proposal").new == 5.5
    assert not found.found.unscored


@pytest.mark.parametrize(("status", "reason"), [("error", "the judge did not answer"), ("skipped", "the budget is spent")])
def test_what_infrastructure_or_budget_left_unscored_is_no_pair_and_is_listed(tmp_path, status, reason):
    base = run_of(tmp_path / "a", dict.fromkeys(TASKS, 7))
    new = run_of(tmp_path / "b", dict.fromkeys(TASKS[1:], 7))
    add(new, f"{TASKS[0]}/idea", status=status, reason=reason, over_budget=status == "skipped")
    found = compare(base, new)
    assert overall(found).n_pairs == 3
    assert f"no pair: {TASKS[0]}/idea: the new run is {status}: {reason}" in found.warnings


def test_a_selected_item_without_a_record_is_listed(tmp_path):
    base = run_of(tmp_path / "a", dict.fromkeys(TASKS, 7))
    new = run_of(tmp_path / "b", dict.fromkeys(TASKS[1:], 7))
    select(new, f"{TASKS[0]}/idea")
    assert f"no pair: {TASKS[0]}/idea: the new run is not reached" in compare(base, new).warnings


def test_epochs_are_paired_and_clustered_by_task(tmp_path):
    first = {TASKS[0]: 5, f"{TASKS[0]}.e2": 5, TASKS[1]: 6, f"{TASKS[1]}.e2": 6}
    second = {TASKS[0]: 5, f"{TASKS[0]}.e2": 7, TASKS[1]: 7, f"{TASKS[1]}.e2": 9}
    found = overall(compare(run_of(tmp_path / "a", first), run_of(tmp_path / "b", second)))
    # Per task: (0 + 2) / 2 = 1 and (1 + 3) / 2 = 2.
    assert found.n_pairs == 4
    assert sorted(found.paired.differences) == [1.0, 2.0]


def test_only_judges_of_both_runs_are_compared(tmp_path):
    base, new = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    for task in TASKS:
        add(base, f"{task}/idea", reviews("idea", 6, 2))
        add(new, f"{task}/idea", [review(judge, "idea", {"Overall": 6}) for judge in ("openai/j1", "openai/j3")])
    found = compare(base, new)
    assert overall(found).base == overall(found).new == 6.0
    assert any("only judges of both runs are compared (openai/j1), not openai/j2, openai/j3" in text for text in found.warnings)


def test_a_mechanical_judge_is_not_compared_beside_model_judges(tmp_path):
    base, new = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    for store in (base, new):
        for task in TASKS:
            mechanical = review("offline", "idea", {"Overall": 10}, mechanical=True)
            add(store, f"{task}/idea", [*reviews("idea", 6), mechanical])
    assert overall(compare(base, new)).base == 6.0


@pytest.mark.parametrize(("judged", "base_mean"), [(4, 5.0), (3, 7.0)])
def test_new_reviews_of_the_baseline_count_for_a_whole_stage_or_not_at_all(tmp_path, judged, base_mean):
    base, new = run_of(tmp_path / "a", dict.fromkeys(TASKS, 7)), run_of(tmp_path / "b", dict.fromkeys(TASKS, 7))
    again = run_of(tmp_path / "again", dict.fromkeys(TASKS[:judged], 5))
    found = compare(base, new, again)
    assert overall(found).base == base_mean
    told = "the baseline's 4 outputs are compared by new reviews" if judged == 4 else "only 3 of the baseline's 4 outputs"
    assert any(told in text for text in found.warnings)


# -- hallucination ----------------------------------------------------------------------------------------------------


def experiment(store: RunStore, task: str, hallucinated: bool, support: float = 1.0, epoch: int = 1) -> None:
    suffix = f".e{epoch}" if epoch > 1 else ""
    add(
        store,
        f"{task}/experiment{suffix}",
        reviews("experiment", 6),
        findings=[finding()] if hallucinated else [],
        verdict="hallucinated" if hallucinated else "verified",
        support=support,
    )


def test_hallucination_is_compared_pair_by_pair(tmp_path):
    base, new = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    for task, before, now in zip(TASKS, (False, False, True, False), (True, True, False, False), strict=True):
        experiment(base, task, before)
        experiment(new, task, now, support=0.5 if now else 1.0)
    found = compare(base, new).hallucination
    assert found.n_pairs == 4
    assert (found.base_rate, found.new_rate) == (0.25, 0.5)
    assert set(found.newly) == {f"{TASKS[0]}/experiment", f"{TASKS[1]}/experiment"}
    assert found.gone == (f"{TASKS[2]}/experiment",)
    # 2 tasks worse and 1 better: two-sided sign test of 2 in 3 is 1.
    assert (found.tasks_more, found.tasks_less, found.p) == (2, 1, 1.0)
    assert found.ci95[0] < 0.25 < found.ci95[1]
    assert found.support is not None
    assert found.support.mean == pytest.approx(-0.25)


def test_what_one_run_did_not_audit_is_not_taken_for_clean(tmp_path):
    base, new = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    for task in TASKS[:2]:
        add(base, f"{task}/experiment", reviews("experiment", 6))  # as an import without --check leaves it
        experiment(new, task, hallucinated=True)
    experiment(base, TASKS[2], hallucinated=False)
    experiment(new, TASKS[2], hallucinated=False)
    compared = compare(base, new)
    found = compared.hallucination
    assert (found.n_pairs, found.base_rate, found.new_rate, found.newly) == (1, 0.0, 0.0, ())
    told = f"audited for made-up results in b only, not compared in that: {TASKS[0]}/experiment, {TASKS[1]}/experiment"
    assert told in compared.warnings


def test_stages_of_one_chain_are_one_task_in_the_exact_test(tmp_path):
    base, new = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    for store, fails in ((base, False), (new, True)):
        for stage in ("experiment", "paper", "end2end"):
            verdict = "hallucinated" if fails else "verified"
            add(store, f"{TASKS[0]}/{stage}", reviews(stage, 6), findings=[finding()] * fails, verdict=verdict, support=1.0)
    found = compare(base, new).hallucination
    assert (found.n_pairs, found.tasks_more, found.p) == (3, 1, 1.0)


def test_newly_means_in_no_epoch_of_the_baseline(tmp_path):
    base, new = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    for epoch in (1, 2):
        experiment(base, TASKS[0], hallucinated=epoch == 2, epoch=epoch)
        experiment(new, TASKS[0], hallucinated=epoch == 1, epoch=epoch)
        experiment(base, TASKS[1], hallucinated=False, epoch=epoch)
        experiment(new, TASKS[1], hallucinated=True, epoch=epoch)
    found = compare(base, new).hallucination
    assert found.newly == (f"{TASKS[1]}/experiment",)
    assert found.repeated == found.newly
    assert found.newly_keys == (TrialKey(TASKS[1], "experiment"),)


def test_epochs_of_one_run_alone_tell_what_is_new_too(tmp_path):
    base, new = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    for task, before, now in (
        (TASKS[0], (False, True), (True,)),  # came and went before
        (TASKS[1], (False,), (False, True)),
        (TASKS[2], (False,), (True, True)),
        (TASKS[3], (True,), (False, True)),  # not gone
    ):
        for store, epochs in ((base, before), (new, now)):
            for number, hallucinated in enumerate(epochs, 1):
                experiment(store, task, hallucinated, epoch=number)
    found = compare(base, new).hallucination
    assert found.n_pairs == 4, "shares are of pairs"
    assert set(found.newly_keys) == {TrialKey(TASKS[1], "experiment", 2), TrialKey(TASKS[2], "experiment")}
    assert found.repeated == (f"{TASKS[2]}/experiment",)
    assert found.gone == ()


def test_a_hallucinated_item_that_the_baseline_lacks_is_named(tmp_path):
    base, new = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    experiment(base, TASKS[0], hallucinated=False)
    experiment(new, TASKS[0], hallucinated=False)
    experiment(new, TASKS[1], hallucinated=True)
    experiment(new, TASKS[2], hallucinated=False)
    found = compare(base, new)
    assert found.hallucination.newly == ()
    assert f"hallucinated in b, and nothing in a to compare with: {TASKS[1]}/experiment" in found.warnings


# -- refused ----------------------------------------------------------------------------------------------------------


def test_a_run_is_not_compared_with_itself(tmp_path):
    store = run_of(tmp_path / "a", dict.fromkeys(TASKS, 7))
    with pytest.raises(ConfigError, match="is compared with itself"):
        compare(store, RunStore(tmp_path / "x" / ".." / "a"))


def test_runs_without_a_trial_in_common_are_refused(tmp_path):
    base, new = run_of(tmp_path / "a", {TASKS[0]: 7}), run_of(tmp_path / "b", {TASKS[1]: 7})
    with pytest.raises(ConfigError, match="have no trial in common"):
        compare(base, new)


def test_other_tasks_are_left_out_and_named(tmp_path):
    base, new = run_of(tmp_path / "a", dict.fromkeys(TASKS, 7)), run_of(tmp_path / "b", dict.fromkeys(TASKS[:2], 7))
    found = compare(base, new)
    assert overall(found).n_pairs == 2
    assert any(text.startswith("only in a, not compared: ") and TASKS[2] in text for text in found.warnings)


def test_other_rubrics_are_refused(tmp_path):
    base, new = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    add(base, f"{TASKS[0]}/idea", reviews("idea", 6))
    add(new, f"{TASKS[0]}/idea", [one.model_copy(update={"protocol": "q" * 64}) for one in reviews("idea", 6)])
    with pytest.raises(ConfigError, match=r"stage idea was judged by other rubrics or judge prompts .*protocols"):
        compare(base, new)


def test_other_judges_are_refused(tmp_path):
    base, new = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    add(base, f"{TASKS[0]}/idea", [review("openai/j1", "idea", {"Overall": 6})])
    add(new, f"{TASKS[0]}/idea", [review("openai/j2", "idea", {"Overall": 6})])
    with pytest.raises(ConfigError, match="no judge in common"):
        compare(base, new)


def other_rubric(one: Review) -> Review:
    """The same scores by another rubric, added later."""
    return one.model_copy(update={"protocol": "q" * 64, "added": True})


def test_reviews_added_by_another_rubric_are_not_averaged_with_the_runs_own(tmp_path):
    base, new = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    for task in TASKS:
        add(base, f"{task}/idea", reviews("idea", 6))
        add(new, f"{task}/idea", [*map(other_rubric, reviews("idea", 2)), *reviews("idea", 7)])
    found = compare(base, new)
    assert overall(found).new == 7
    assert found.found.reviews["idea"] == 2
    both = compare(new, run_of(tmp_path / "c", dict.fromkeys(TASKS, 7)))
    assert overall(both).base == 7


def test_of_two_rubrics_in_both_runs_the_runs_own_is_compared_and_said(tmp_path):
    runs = [make_run(tmp_path / name) for name in "ab"]
    for score, store in zip((6, 7), runs, strict=True):
        for task in TASKS:
            add(store, f"{task}/idea", [*map(other_rubric, reviews("idea", 2)), *reviews("idea", score)])
    found = compare(*runs)
    assert (overall(found).base, overall(found).new) == (6, 7)
    assert any(
        "openai/j1 has reviews by several rubrics or prompts; those of pppppppp are compared" in text for text in found.warnings
    )


def test_a_judge_that_saw_a_part_of_the_trials_only_costs_no_pairs(tmp_path):
    runs = [make_run(tmp_path / name) for name in "ab"]
    for score, store in zip((6, 7), runs, strict=True):
        for place, task in enumerate(TASKS):
            late = review("openai/late", "idea", {"Overall": 1}, added=True)
            add(store, f"{task}/idea", [*reviews("idea", score), *([late] if place == 0 else [])])
    found = compare(*runs)
    assert overall(found).n_pairs == len(TASKS)
    assert (overall(found).base, overall(found).new) == (6, 7)
    assert "stage idea: openai/late reviewed only 2 of the 8 graded trials by one rubric, and is not compared" in found.warnings


def test_a_judge_with_another_rubric_in_one_run_is_left_out_beside_one_that_has_the_same(tmp_path):
    base, new = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    for task in TASKS:
        add(base, f"{task}/idea", reviews("idea", 6, 9))
        first, second = reviews("idea", 7, 1)
        add(new, f"{task}/idea", [first, other_rubric(second)])
    found = compare(base, new)
    assert (overall(found).base, overall(found).new) == (6, 7)
    assert any("openai/j2 judged by other rubrics or prompts" in text for text in found.warnings)


def test_a_score_outside_its_scale_is_no_number_to_compare(tmp_path):
    base, new = run_of(tmp_path / "a", {TASKS[0]: 7}), make_run(tmp_path / "b")
    add(new, f"{TASKS[0]}/idea", reviews("idea", 11))
    with pytest.raises(ConfigError, match=r"openai/j1 gave Overall 11, outside 1 to 10"):
        compare(base, new)


@pytest.mark.parametrize("change", [{"tasks_source": "/texts"}, {"tasks": "c" * 64}])
def test_other_task_texts_are_refused(tmp_path, change):
    base, new = run_of(tmp_path / "a", {TASKS[0]: 7}), run_of(tmp_path / "b", {TASKS[0]: 7})
    run = new.run()
    new.write_run({**run, "digests": {**run["digests"], **change}})
    with pytest.raises(ConfigError, match="gave their agents other task texts"):
        compare(base, new)


def test_a_run_that_does_not_know_its_task_texts_is_refused_and_told_so(tmp_path):
    """Published results that were imported."""
    base, new = run_of(tmp_path / "a", {TASKS[0]: 7}), run_of(tmp_path / "b", {TASKS[0]: 7})
    base.write_run({**base.run(), "digests": {}})
    with pytest.raises(ConfigError, match=r"other task texts \(a does not record its own, b has briefs of pytest-mlrbench\)"):
        compare(base, new)


def test_only_what_was_selected_counts_of_the_new_run(tmp_path):
    base, new = run_of(tmp_path / "a", dict.fromkeys(TASKS, 7)), run_of(tmp_path / "b", dict.fromkeys(TASKS, 7))
    found = compare(base, new, selected={TrialKey(task, "idea") for task in TASKS[:2]})
    assert overall(found).n_pairs == 2
    assert f"only in a, not compared: {TASKS[3]}/idea, {TASKS[2]}/idea" in found.warnings


def test_settings_that_change_what_scores_mean_are_told(tmp_path):
    base = run_of(tmp_path / "a", {TASKS[0]: 7}, seed=1)
    new = run_of(tmp_path / "b", {TASKS[0]: 7}, seed=2)
    assert "the runs differ in seed: 1 against 2" in compare(base, new).warnings


# -- the command ------------------------------------------------------------------------------------------------------


def test_the_json_has_the_shape_of_the_interface(tmp_path, capsys):
    base = run_of(tmp_path / "a", dict(zip(TASKS, (5, 6, 7, 8), strict=True)))
    new = run_of(tmp_path / "b", dict(zip(TASKS, (4, 4, 4, 9), strict=True)))
    for store, fails in ((base, False), (new, True)):
        experiment(store, TASKS[0], fails)
    assert main(["compare", str(base.root), str(new.root), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"verdict", "dimensions", "hallucination"}
    assert found["verdict"] == "inconclusive"
    cell = found["dimensions"]["idea"]["Overall"]
    assert set(cell) == {"n_pairs", "base", "new", "diff", "ci95", "p"}
    assert (cell["n_pairs"], cell["base"], cell["new"], cell["diff"]) == (4, 6.5, 5.25, -1.25)
    assert cell["ci95"][0] < -1.25 < cell["ci95"][1]
    # Flips of -1, -2, -3, 1 with |sum| >= 5: 6 of 16; two tests, so Holm doubles it at most.
    assert 6 / 16 <= cell["p"] <= 12 / 16
    assert set(found["hallucination"]) == {"base_rate", "new_rate", "newly", "diff", "ci95"}
    assert found["hallucination"]["newly"] == [f"{TASKS[0]}/experiment"]
    assert (found["hallucination"]["base_rate"], found["hallucination"]["new_rate"]) == (0.0, 1.0)


def test_warnings_do_not_disturb_the_json(tmp_path, capsys):
    base, new = run_of(tmp_path / "a", dict.fromkeys(TASKS, 7)), run_of(tmp_path / "b", dict.fromkeys(TASKS[:2], 7))
    assert main(["compare", str(base.root), str(new.root), "--format", "json"]) == 0
    told = capsys.readouterr()
    json.loads(told.out)
    assert "mlrbench: warning: only in a, not compared" in told.err


def test_the_text_says_scores_cost_and_time(tmp_path, capsys):
    base, new = run_of(tmp_path / "a", dict.fromkeys(TASKS, 7)), run_of(tmp_path / "b", {})
    for task in TASKS:
        add(new, f"{task}/idea", reviews("idea", 6), agent_spent=spent(cost=0.5))
    assert main(["compare", str(base.root), str(new.root)]) == 0
    text = capsys.readouterr().out
    assert "| idea | Overall | 4 | 4 | 7.00 | 6.00 | -1.00 |" in text
    assert "idea, the agent's part: 0.30 USD to 0.50 USD an item" in text
    assert "idea: judged by openai/j1, openai/j2" in text


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nowhere", "nowhere"], "is not a run directory"),
        (["{a}", "{a}"], "is compared with itself"),
        (["{a}", "{b}", "--max-drop", "0"], "--max-drop=0.0: expected a number above 0"),
        (["{a}", "{b}", "--max-drop", "nan"], "--max-drop=nan: expected a number above 0"),
        (["{a}", "{b}", "--store"], "--store belongs to --aa"),
    ],
)
def test_what_cannot_be_compared_is_one_line(tmp_path, capsys, arguments, expected):
    for name in "ab":
        run_of(tmp_path / name, {TASKS[0]: 7})
    named = [text.format(a=tmp_path / "a", b=tmp_path / "b") for text in arguments]
    assert main(["compare", *named]) == 2
    assert expected in capsys.readouterr().err
