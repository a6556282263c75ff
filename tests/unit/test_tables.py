"""Score, verdict and cost tables: the arithmetic that the paper's tables rest on, and what is said below them."""

import csv
import io
import json
from pathlib import Path
from statistics import pstdev

import pytest

from pytest_mlrbench.errors import ConfigError
from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.records import JudgeClaim, JudgeForm, Passage
from pytest_mlrbench.reports.html import write_html
from pytest_mlrbench.results.export import COLUMNS, score_values
from pytest_mlrbench.results.frequencies import hallucination_table
from pytest_mlrbench.results.notes import notes
from pytest_mlrbench.results.paired import difference_table
from pytest_mlrbench.results.render import extremes, render
from pytest_mlrbench.results.shown import outcome, plain, shorten
from pytest_mlrbench.results.store import RunStore, open_runs
from pytest_mlrbench.results.tables import blocks_of, cost_table, score_table, scored, verdict_table
from pytest_mlrbench.tasks.catalogue import load_tasks
from tests.support.runs import add, finding, make_run, opinion, review

TASKS = ("iclr2025_dl4c", "iclr2025_scsl", "iclr2025_wsl")


def row_of(rows: list[dict], judge: str, **fields: str) -> dict:
    (found,) = [row for row in rows if row["judge"] == judge and all(row[name] == value for name, value in fields.items())]
    return found


def overall(store: RunStore, task: str, first: int | None, second: int | None, **fields: object) -> None:
    """An idea of `task` that two judges gave these overall scores."""
    scores = (("openai/j1", first), ("openai/j2", second))
    add(store, f"{task}/idea", [review(judge, "idea", {"Overall": score}) for judge, score in scores], **fields)


def test_a_judges_sd_is_the_population_sd_over_tasks(tmp_path):
    store = make_run(tmp_path / "run")
    for task, score in zip(TASKS, (4, 6, 8), strict=True):
        overall(store, task, score, 5)
    cell = row_of(score_table([store]), "openai/j1")["dimensions"]["Overall"]
    # mean 6, squared deviations 4 + 0 + 4 over 3 tasks: sqrt(8/3); the sample SD would be 2.
    assert cell == {"mean": 6.0, "sd": pytest.approx((8 / 3) ** 0.5), "n": 3}


def test_the_panels_sd_is_over_the_averages_of_its_judges(tmp_path):
    store = make_run(tmp_path / "run")
    for task, (first, second) in zip(TASKS, ((2, 8), (4, 6), (9, 9)), strict=True):
        overall(store, task, first, second)
    row = row_of(score_table([store]), "mean")
    # Task averages 5, 5, 9.
    assert row["dimensions"]["Overall"]["mean"] == pytest.approx(19 / 3)
    assert row["dimensions"]["Overall"]["sd"] == pytest.approx(pstdev([5, 5, 9]))
    assert row["n"] == 3


def test_repeats_are_averaged_per_epoch_before_epochs_are_averaged_per_task(tmp_path):
    store = make_run(tmp_path / "run", judges=("openai/j1",), judge_repeats=2)
    add(store, "iclr2025_wsl/idea", [review("openai/j1", "idea", {"Overall": score}, repeat=k) for k, score in ((1, 2), (2, 4))])
    add(store, "iclr2025_wsl/idea.e2", [review("openai/j1", "idea", {"Overall": 9})])
    cell = row_of(score_table([store]), "openai/j1")["dimensions"]["Overall"]
    # (mean(2, 4) + 9) / 2; averaging all three reviews would give 5.
    assert cell == {"mean": 6.0, "sd": 0.0, "n": 1}


def test_a_panel_mean_needs_all_of_its_judges(tmp_path):
    store = make_run(tmp_path / "run")
    overall(store, TASKS[0], 4, 8)
    overall(store, TASKS[1], 9, None)
    rows = score_table([store])
    assert row_of(rows, "openai/j1")["dimensions"]["Overall"]["n"] == 2
    assert row_of(rows, "mean")["dimensions"]["Overall"] == {"mean": 6.0, "sd": 0.0, "n": 1}


def test_mechanical_reviews_are_marked_and_never_averaged_with_model_judges(tmp_path):
    store = make_run(tmp_path / "run", judges=("openai/j1", "offline"))
    add(
        store,
        "iclr2025_wsl/idea",
        [review("openai/j1", "idea", {"Clarity": 8}), review("offline", "idea", {"Clarity": 2}, mechanical=True)],
    )
    rows = score_table([store])
    assert row_of(rows, "offline")["mechanical"] is True
    assert row_of(rows, "mean")["dimensions"]["Clarity"]["mean"] == 8.0
    assert "mechanical" not in row_of(rows, "mean")


def test_a_panel_of_only_the_offline_judge_has_a_marked_mean(tmp_path):
    store = make_run(tmp_path / "run", model="offline", judges=("offline",))
    add(store, "iclr2025_wsl/idea", [review("offline", "idea", {"Clarity": 6, "Novelty": None}, mechanical=True)])
    row = row_of(score_table([store]), "mean")
    assert row["mechanical"] is True
    assert set(row["dimensions"]) == {"Clarity"}
    assert any(note.startswith("mechanical") for note in notes([store]))
    assert "judges not validated against people" not in notes([store])


def test_dimensions_stand_in_the_order_of_the_rubrics(tmp_path):
    store = make_run(tmp_path / "run", judges=("openai/j1",))
    scores = dict.fromkeys(("Confidence", "Overall", "Significance", "Novelty", "Clarity", "Soundness"), 4)
    add(store, "iclr2025_wsl/end2end", [review("openai/j1", "end2end", scores)])
    names = list(score_table([store])[0]["dimensions"])
    assert names == ["Clarity", "Novelty", "Soundness", "Significance", "Overall", "Confidence"]


def test_rows_are_ordered_by_stage_and_model_with_the_panel_last(tmp_path):
    stores = [make_run(tmp_path / name, model=name) for name in ("b", "a")]
    for store in stores:
        for stage in ("paper", "idea"):
            add(store, f"iclr2025_wsl/{stage}", [review(judge, stage, {"Overall": 5}) for judge in ("j2", "j1")])
    found = [(row["stage"], row["model"], row["judge"]) for row in score_table(stores)]
    expected = [(stage, model, judge) for stage in ("idea", "paper") for model in ("a", "b") for judge in ("j2", "j1", "mean")]
    assert found == expected


def test_errors_have_no_scores_and_are_counted_and_named(tmp_path):
    store = make_run(tmp_path / "run")
    overall(store, TASKS[0], 4, 8)
    add(store, f"{TASKS[1]}/idea", status="error", reason="the judge answered prose")
    store.write_run({**store.run(), "selected": [f"{task}/idea" for task in TASKS]})
    assert row_of(score_table([store]), "mean")["n"] == 1
    below = notes([store])
    assert any("(error): iclr2025_scsl/idea" in note for note in below)
    assert any("(not reached): iclr2025_wsl/idea" in note for note in below)


def test_notes_say_in_which_texts_and_settings_runs_differ(tmp_path):
    stores = [make_run(tmp_path / name, seed=seed) for name, seed in (("one", 0), ("two", 1))]
    stores[1].write_run({**stores[1].run(), "digests": {**stores[1].run()["digests"], "rubric idea": "c" * 64, "tasks": "d" * 64}})
    stores[0].write_run({**stores[0].run(), "digests": {**stores[0].run()["digests"], "rubric idea": "e" * 64}})
    told = "\n".join(notes(stores))
    assert "differ in seed: 0 (one); 1 (two)" in told
    assert "digest of rubric idea: eeeeeeeeeeee (one); cccccccccccc (two)" in told
    assert "digest of tasks: aaaaaaaaaaaa (one); dddddddddddd (two)" in told
    assert "prompts" not in told


def test_markdown_marks_best_and_worst_only_where_models_are_compared(tmp_path):
    good, bad = (make_run(tmp_path / name, model=name) for name in ("good", "bad"))
    overall(good, TASKS[0], 8, 8)
    assert "**" not in render([good], "md")
    overall(bad, TASKS[0], 3, 3)
    text = render([good, bad], "md")
    assert "| good | mlr-agent | mean | 1 | **8.00** ± 0.00 |" in text
    assert "| bad | mlr-agent | mean | 1 | _3.00_ ± 0.00 |" in text


def test_equal_means_and_confidence_are_not_marked():
    def row(overall: float, confidence: float) -> dict:
        cells = {name: {"mean": mean, "sd": 0.0, "n": 1} for name, mean in (("Overall", overall), ("Confidence", confidence))}
        return {"judge": "j", "dimensions": cells}

    assert extremes([row(7.001, 3.0), row(7.0, 5.0)]) == {}
    assert extremes([row(7.0, 3.0), row(8.0, 5.0)]) == {(1, "Overall"): "best", (0, "Overall"): "worst"}


def test_a_model_name_cannot_break_a_markdown_row(tmp_path):
    store = make_run(tmp_path / "run", model="evil|x\n| y \x1b[31m")
    overall(store, TASKS[0], 5, 5)
    lines = render([store], "md").splitlines()
    (line,) = [line for line in lines if "mean" in line and "evil" in line]
    assert "evil\\|x \\| y \\x1b[31m" in line


def test_csv_and_json_hold_full_precision(tmp_path):
    store = make_run(tmp_path / "run")
    for task, score in zip(TASKS, (4, 5, 5), strict=True):
        overall(store, task, score, score)
    rows = score_table([store])
    assert json.loads(render([store], "json")) == rows
    lines = list(csv.DictReader(io.StringIO(render([store], "csv"))))
    assert float(lines[0]["mean"]) == rows[0]["dimensions"]["Overall"]["mean"] == 14 / 3


# -- what does not belong together ------------------------------------------------------------------------------------


def test_two_runs_of_one_model_have_rows_of_their_own(tmp_path):
    for name, score in (("base", 4), ("new", 8)):
        overall(make_run(tmp_path / name), TASKS[0], score, score)
    stores = [RunStore(tmp_path / name) for name in ("base", "new")]
    rows = [row for row in score_table(stores) if row["judge"] == "mean"]
    assert [(row["run"], row["dimensions"]["Overall"]["mean"]) for row in rows] == [("base", 4.0), ("new", 8.0)]
    assert "run" not in score_table(stores[:1])[0]
    text = render(stores, "md")
    assert "| openai/m | mlr-agent | base | mean | 1 | _4.00_ ± 0.00 |" in text
    assert "| openai/m new | mlr-agent | openai/m base | 1 | +4.00 |" in text


def test_reviews_of_another_protocol_are_in_no_mean_but_their_own(tmp_path):
    store = make_run(tmp_path / "run")
    for task in TASKS[:2]:
        overall(store, task, 4, 8)
    scores = [("openai/j1", 1, "q" * 64), ("openai/j1", 5, "p" * 64), ("openai/j2", 9, "p" * 64)]
    judged = [review(judge, "idea", {"Overall": score}).model_copy(update={"protocol": used}) for judge, score, used in scores]
    add(store, f"{TASKS[2]}/idea", judged)
    rows = score_table([store])
    assert row_of(rows, "openai/j1")["dimensions"]["Overall"]["mean"] == pytest.approx((4 + 4 + 5) / 3)
    assert row_of(rows, "mean")["n"] == 3
    other = row_of(rows, "openai/j1 [protocol qqqqqqqq]")
    assert (other["protocol"], other["n"], other["dimensions"]["Overall"]["mean"]) == ("protocol qqqqqqqq", 1, 1.0)
    assert any("made in another way" in note for note in notes([store]))


def test_rows_of_different_rubrics_are_neither_marked_nor_compared(tmp_path):
    stores = [make_run(tmp_path / name, model=name) for name in ("a", "b")]
    for store, score, protocol in zip(stores, (4, 8), "pq", strict=True):
        judged = review("openai/j1", "idea", {"Overall": score}).model_copy(update={"protocol": protocol * 64})
        for task in TASKS:
            add(store, f"{task}/idea", [judged])
    text = render(stores, "md")
    assert "| a | mlr-agent | mean | 3 | 4.00 ± 0.00" in text
    assert "### idea: paired differences of the panel" not in text
    assert "idea: rows were judged by different rubrics or prompts" in text


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("settings", {"model": "m", "run": "r", "warp": 9}, "settings.warp"),
        ("selected", ["nonsense"], "`selected`: not a trial key"),
        ("selected", [3], "`selected`"),
        ("parts", ["../elsewhere"], "`parts`"),
    ],
)
def test_a_damaged_run_file_is_an_error_that_names_the_place(tmp_path, field, value, message):
    store = make_run(tmp_path / "run")
    overall(store, TASKS[0], 4, 8)
    store.write_run({**store.run(), field: value})
    with pytest.raises(ConfigError, match=rf"run.json is damaged.*{message}"):
        render(open_runs([store.root]), "md")


def test_rows_over_different_tasks_are_said(tmp_path):
    stores = [make_run(tmp_path / name, model=name) for name in ("a", "b")]
    for task in TASKS:
        overall(stores[0], task, 4, 8)
    overall(stores[1], TASKS[0], 4, 8)
    assert "idea: rows are over different tasks, 1 of them in all: 3 (idea of a), 1 (idea of b)" in notes(stores)
    assert not any("different tasks" in note for note in notes(stores[:1]))


def test_a_judge_that_lacks_tasks_of_its_panel_is_said(tmp_path):
    store = make_run(tmp_path / "run")
    overall(store, TASKS[0], 4, 8)
    add(store, f"{TASKS[1]}/idea", [review("openai/j1", "idea", {"Overall": 4})])
    assert f"idea of openai/m: no review by openai/j2 for 1 task: {TASKS[1]}" in notes([store])


def test_unknown_tasks_are_said(tmp_path):
    store = make_run(tmp_path / "run")
    overall(store, "my_own_task", 4, 8)
    assert "1 task not of MLR-Bench: my_own_task" in notes([store])


@pytest.mark.parametrize(("dimension", "score"), [("Overall", 11), ("Overall", 0), ("Confidence", 6)])
def test_a_score_outside_its_scale_is_an_error_that_names_it(tmp_path, dimension, score):
    store = make_run(tmp_path / "run")
    add(store, f"{TASKS[0]}/end2end", [review("openai/j1", "end2end", {dimension: score})])
    with pytest.raises(ConfigError, match=rf"{TASKS[0]}/end2end/record.json: openai/j1 gave {dimension} {score}, outside 1 to"):
        score_table([store])


def test_two_reviews_by_one_judge_are_an_error_unless_they_are_repeats(tmp_path):
    store = make_run(tmp_path / "run")
    add(store, f"{TASKS[0]}/idea", [review("openai/j1", "idea", {"Overall": 4})] * 2)
    with pytest.raises(ConfigError, match="two reviews by openai/j1 with the same protocol and repeat 1"):
        score_table([store])


@pytest.mark.parametrize("content", ["", "{", "[]", '{"task": "x"}'])
def test_a_damaged_record_is_an_error_that_names_the_file(tmp_path, content):
    store = make_run(tmp_path / "run")
    overall(store, TASKS[0], 4, 8)
    (store.root / "trials" / TASKS[0] / "idea" / "record.json").write_text(content)
    with pytest.raises(ConfigError, match=r"idea/record.json is damaged or of another version"):
        score_table([store])


def test_a_record_in_the_folder_of_another_trial_is_an_error(tmp_path):
    store = make_run(tmp_path / "run")
    overall(store, TASKS[0], 4, 8)
    (store.root / "trials" / TASKS[0]).rename(store.root / "trials" / TASKS[1])
    with pytest.raises(ConfigError, match=rf"{TASKS[1]}/idea/record.json is about {TASKS[0]}/idea"):
        score_table([store])


# -- uncertainty ------------------------------------------------------------------------------------------------------


def test_intervals_stand_beside_means_and_in_json_and_csv(tmp_path):
    store = make_run(tmp_path / "run")
    for task, score in zip(TASKS, (4, 6, 8), strict=True):
        overall(store, task, score, score)
    (row,) = [row for row in score_table([store]) if row["judge"] == "mean"]
    low, high = row["ci95"]["Overall"]
    assert 4 <= low < 6 < high <= 8
    assert f"| 6.00 ± 1.63 [{low:.2f}, {high:.2f}] |" in render([store], "md")
    (line,) = [line for line in csv.DictReader(io.StringIO(render([store], "csv"))) if line["judge"] == "mean"]
    assert (float(line["ci95_low"]), float(line["ci95_high"])) == (low, high)


def test_epochs_of_a_task_do_not_narrow_its_interval(tmp_path):
    def interval(name: str, epochs: int) -> list[float]:
        store = make_run(tmp_path / name)
        for task, score in zip(TASKS, (4, 6, 8), strict=True):
            for epoch in range(1, epochs + 1):
                add(store, TrialKey(task, "idea", epoch), [review("openai/j1", "idea", {"Overall": score})])
        return row_of(score_table([store]), "mean")["ci95"]["Overall"]

    assert interval("once", 1) == interval("often", 8)


def test_reviews_added_by_other_rubrics_leave_the_run_its_panel_however_many_they_are(tmp_path):
    store = make_run(tmp_path / "run", judges=("openai/j1",))
    own = review("openai/j1", "idea", {"Overall": 5})
    more = [
        review(f"openai/j{number}", "idea", {"Overall": 8}, added=True).model_copy(update={"protocol": "q" * 64})
        for number in (2, 3)
    ]
    add(store, f"{TASKS[0]}/idea", [own, *more], scores={"Overall": 5})
    rows = {row["judge"]: row["dimensions"]["Overall"]["mean"] for row in score_table([store])}
    assert rows == {"openai/j1": 5, "mean": 5, "openai/j2 [protocol qqqqqqqq]": 8, "openai/j3 [protocol qqqqqqqq]": 8}
    assert {values[COLUMNS.index("judge")] for values in score_values([store])} == set(rows) - {"mean"}
    assert write_html([store], tmp_path / "report.html").is_file()


def test_differences_are_paired_by_task(tmp_path):
    for name, scores in (("base", (2, 5, 8)), ("new", (3, 6, 9))):
        for task, score in zip(TASKS, scores, strict=True):
            overall(make_run(tmp_path / name) if task == TASKS[0] else RunStore(tmp_path / name), task, score, score)
    (row,) = difference_table(blocks_of(scored([RunStore(tmp_path / "base"), RunStore(tmp_path / "new")])))
    # Each task is better by one: no task speaks against it, however much tasks differ among each other.
    assert row["dimensions"]["Overall"] == {"diff": 1.0, "ci95": [1.0, 1.0], "n": 3}
    assert (row["run"], row["against"], row["n"]) == ("new", "openai/m base", 3)


def test_means_of_different_panels_are_not_compared_and_those_of_their_common_judge_are(tmp_path):
    both, one = make_run(tmp_path / "both", model="a"), make_run(tmp_path / "one", model="b", judges=("openai/j1",))
    for task in TASKS:
        overall(both, task, 4, 10)
        add(one, f"{task}/idea", [review("openai/j1", "idea", {"Overall": 5})])
    text = render([both, one], "md")
    assert "paired differences of the panel" not in text
    assert "| a | mlr-agent | mean | 3 | 7.00 ±" in text
    assert "| b | mlr-agent | openai/j1 | 3 | **5.00** ±" in text
    assert "idea: means of different panels are not compared: openai/j1, openai/j2; openai/j1" in text


def test_a_difference_is_marked_from_six_tasks_on(tmp_path):
    def text(number: int) -> str:
        stores = [make_run(tmp_path / f"{name}{number}", model=name) for name in ("a", "b")]
        for task in [*load_tasks()][:number]:
            for store, score in zip(stores, (4, 8), strict=True):
                overall(store, task, score, score)
        return render(stores, "md")

    assert "| b | mlr-agent | a | 5 | +4.00 [+4.00, +4.00] |" in text(5)
    assert "| b | mlr-agent | a | 6 | **+4.00** [+4.00, +4.00] |" in text(6)


def test_of_three_models_each_is_compared_with_the_best(tmp_path):
    stores = [make_run(tmp_path / name, model=name) for name in ("a", "b", "c")]
    for store, score in zip(stores, (4, 8, 6), strict=True):
        for task in TASKS:
            overall(store, task, score, score)
    rows = difference_table(blocks_of(scored(stores)))
    assert [(row["model"], row["against"], row["dimensions"]["Overall"]["diff"]) for row in rows] == [
        ("a", "b", -4.0),
        ("c", "b", -2.0),
    ]


def test_an_unknown_format_is_an_error_that_lists_the_valid_ones(tmp_path):
    with pytest.raises(ConfigError, match="md, csv, json"):
        render([make_run(tmp_path / "run")], "xlsx")


def test_verdicts_outcomes_and_findings_are_counted_per_stage_and_model(tmp_path):
    store = make_run(tmp_path / "run")
    judged = [
        review("openai/j1", "experiment", {"Overall": 6}, opinion=opinion(True)),
        review("openai/j2", "experiment", {"Overall": 6}),
    ]
    add(store, f"{TASKS[0]}/experiment", judged, verdict="hallucinated", support=0.2, findings=[finding(), finding("warn")])
    add(store, f"{TASKS[1]}/experiment", judged, verdict="verified", support=1.0)
    add(store, f"{TASKS[2]}/experiment", status="skipped", reason="budget spent")
    (row,) = verdict_table([store])
    assert row["outcomes"] == {"passed": 1, "failed": 1, "error": 0, "skipped": 1}
    assert row["verdicts"] == {"verified": 1, "unverified": 0, "hallucinated": 1}
    assert row["findings"] == {"faked_results": 1}
    assert row["warnings"] == 1
    assert row["support"] == pytest.approx(0.6)
    assert row["opinions"] == {"openai/j1": [2, 2]}


def test_two_runs_of_one_model_have_verdicts_hallucinations_and_costs_of_their_own(tmp_path):
    stores = [make_run(tmp_path / name) for name in ("before", "after")]
    for store, found in zip(stores, ([], [finding()]), strict=True):
        verdict = "hallucinated" if found else "verified"
        reviews = [review("openai/j1", "experiment", {"Overall": 6})]
        add(store, f"{TASKS[0]}/experiment", reviews, verdict=verdict, findings=found)
    assert [(row["run"], row["n"], row["verdicts"]["hallucinated"]) for row in verdict_table(stores)] == [
        ("before", 1, 0),
        ("after", 1, 1),
    ]
    counted = [(row["run"], row["types"]["faked_results"]["yes"], row["n"]) for row in hallucination_table(stores)]
    assert counted == [("before", 0, 1), ("after", 1, 1)]
    assert [(row["run"], row["n"]) for row in cost_table(stores)] == [("before", 1), ("after", 1)]
    text = render(stores, "md")
    assert "| experiment | openai/m before | 1 | 1 | 0 |" in text
    assert "| experiment | openai/m after | mlr-agent | checks | 1 | 1 of 1 |" in text
    page = write_html(stores, tmp_path / "report.html").read_text()
    assert 'openai/m <span class="soft small">after</span>' in page
    assert "run" not in verdict_table(stores[:1])[0]


def test_a_judges_repeated_forms_are_one_work_with_what_most_of_them_list(tmp_path):
    def form(*types: str) -> JudgeForm:
        claims = [
            JudgeClaim(
                type=kind, scope="paper", statement="so", confidence=4, quotes=[Passage(file="paper.md", line=1, last=1, quote="x")]
            )
            for kind in types
        ]
        return JudgeForm(judge="openai/j1", stage="paper", protocol="f" * 64, answer={}, claims=claims)

    store = make_run(tmp_path / "run")
    forms = [form("faked_results", "other"), form("faked_results", "incorrect_citation"), form("mathematical_error")]
    add(store, f"{TASKS[0]}/paper", [review("openai/j1", "paper", {"Overall": 6})], forms=forms)
    (row,) = hallucination_table([store])
    assert row["n"] == 1
    assert [kind for kind, cell in row["types"].items() if cell["yes"]] == ["faked_results"]


def test_thresholds_of_the_run_make_outcomes_failed_but_leave_scores(tmp_path):
    store = make_run(tmp_path / "run", min={"Overall": 6.0})
    overall(store, TASKS[0], 5, 5)
    (row,) = verdict_table([store])
    assert row["outcomes"]["failed"] == 1
    assert row_of(score_table([store]), "mean")["dimensions"]["Overall"]["mean"] == 5.0


def test_costs_are_split_by_side_and_include_ungraded_literature(tmp_path):
    store = make_run(tmp_path / "run")
    overall(store, TASKS[0], 5, 5)
    add(store, f"{TASKS[0]}/literature")
    rows = {row["stage"]: row for row in cost_table([store])}
    assert list(rows) == ["idea", "literature"]
    assert rows["idea"]["agent_spent"]["cost"] == pytest.approx(0.3)
    assert rows["idea"]["judge_spent"]["cost"] == pytest.approx(0.1)
    assert rows["literature"]["agent_spent"]["usage"]["calls"] == 3


def test_an_empty_run_renders_without_scores(tmp_path):
    store = make_run(tmp_path / "run")
    assert score_table([store]) == []
    assert "No scores yet." in render([store], "md")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "passed"),
        ({"findings": [finding("warn")]}, "passed"),
        ({"findings": [finding()]}, "failed"),
        ({"status": "failed", "reason": "paper.md is missing"}, "failed"),
        ({"status": "error", "reason": "no Docker"}, "error"),
        ({"status": "skipped", "reason": "budget spent"}, "skipped"),
    ],
)
def test_outcome_follows_the_contract(tmp_path: Path, fields, expected):
    record = add(make_run(tmp_path / "run"), f"{TASKS[0]}/experiment", [review("j", "experiment", {"Overall": 5})], **fields)
    assert outcome(record.model_dump(mode="json"))[0] == expected


@pytest.mark.parametrize(("verdict", "expected"), [("verified", "passed"), ("unverified", "failed"), (None, "passed")])
def test_require_verified_fails_only_a_verdict_that_is_another(tmp_path, verdict, expected):
    record = add(make_run(tmp_path / "run"), f"{TASKS[0]}/experiment", [review("j", "experiment", {"Overall": 5})], verdict=verdict)
    assert outcome(record.model_dump(mode="json"), {}, "verified")[0] == expected


def test_a_dimension_without_a_score_is_not_below_a_threshold(tmp_path):
    record = add(make_run(tmp_path / "run"), f"{TASKS[0]}/idea", [review("offline", "idea", {"Novelty": None}, mechanical=True)])
    assert outcome(record.model_dump(mode="json"), {"Novelty": 9.0, "Soundness": 9.0}) == ("passed", [])


def test_plain_shows_what_a_terminal_would_obey():
    assert plain("a\x1b[2Jb\x9bc\u202ed\x00") == "a\\x1b[2Jb\\x9bc\\u202ed\\x00"
    assert plain("two\nlines") == "two lines"
    assert plain("two\nlines\r", lines=True) == "two\nlines\\x0d"
    assert plain("Müller ± 0.5 ≥ 漢字") == "Müller ± 0.5 ≥ 漢字"


def test_shorten_keeps_head_and_tail_within_the_length():
    short = shorten("start " + "x" * 500 + " end", 40)
    assert len(short) == 40
    assert short.startswith("start")
    assert short.endswith(" end")


def test_the_task_texts_that_a_run_used_are_named(tmp_path):
    store = RunStore(tmp_path)
    store.write_run({"settings": {}, "digests": {"tasks_source": "/some/texts", "tasks": "0" * 64}})
    assert "task texts: /some/texts" in notes([store])
