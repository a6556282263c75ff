"""People against a judge: the published rule for pairs, joining sheets and runs, and what cannot be joined."""

import json
from pathlib import Path

import pytest

from pytest_mlrbench.cli import main
from pytest_mlrbench.errors import ConfigError
from pytest_mlrbench.results.agreement.human import agreement
from pytest_mlrbench.results.agreement.joining import Joined, join_runs, join_sheets
from pytest_mlrbench.results.agreement.sheets import read_sheet
from pytest_mlrbench.results.agreement.template import run_code
from pytest_mlrbench.results.agreement.told import human_text
from tests.support.runs import add, make_run, review

HUMAN = """reviewer_id,model_name,workshop_name,Overall
1,claude,iclr2025_wsl,4
1,claude,iclr2025_wsl,6
2,claude,iclr2025_wsl,5
1,claude,iclr2025_dl4c,8
2,claude,iclr2025_dl4c,5
3,claude,iclr2025_dl4c,6
3,claude,iclr2025_scsl,2
"""
JUDGE = """workshop_name,model_name,model,Overall
iclr2025_wsl,claude,A,7
iclr2025_dl4c,claude,A,5.5
iclr2025_scsl,claude,A,3
"""


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder / name


def joined(folder: Path, human: str = HUMAN, judge: str = JUDGE) -> Joined:
    return join_sheets(read_sheet(write(folder, "h.csv", human), "human"), read_sheet(write(folder, "j.csv", judge), "judge"))


def test_the_pairs_of_people_and_the_reviews_by_hand(tmp_path):
    found = agreement(joined(tmp_path))["Overall"]
    # wsl: reviewer 1 has two rows and reviewer 2 one, so they make no pair. dl4c: |8-5|, |8-6|, |5-6|. scsl: one reviewer.
    assert found.n_human_human == 3
    assert found.human_human.value == pytest.approx((3 + 2 + 1) / 3)
    # Against the judge every row counts: 3, 1, 2 (7), 2.5, 0.5, 0.5 (5.5), 1 (3).
    assert found.n_human_judge == 7
    assert found.human_judge.value == pytest.approx(10.5 / 7)
    # U counts pairs' differences above the judge's: 3 beats 2.5, 2, 1, 0.5, 0.5, 1 and ties 3: 6.5;
    # 2 beats 1, 1, 0.5, 0.5 and ties 2: 4.5; 1 beats 0.5 twice and ties 1 twice: 3.
    assert found.u == 14.0
    # People's means 5, 19/3, 2 and the judge's 7, 5.5, 3: ranks 2 3 1 and 3 2 1, so rho = 1 - 6 * 2 / (3 * 8).
    assert found.spearman.value == pytest.approx(0.5)
    # Judge minus person: 3 + 1 + 2 - 2.5 + 0.5 - 0.5 + 1 over 7.
    assert found.shift.value == pytest.approx(4.5 / 7)
    assert found.gap.value == pytest.approx(1.5 - 2)


def test_two_rows_each_pair_up_in_their_order(tmp_path):
    human = HUMAN + "2,claude,iclr2025_wsl,9\n"
    found = agreement(joined(tmp_path, human))["Overall"]
    # wsl now adds |4-5| and |6-9|, not all four combinations.
    assert found.n_human_human == 5
    assert found.human_human.value == pytest.approx((1 + 3 + 3 + 2 + 1) / 5)


def test_the_judges_column_order_and_row_order_change_nothing(tmp_path):
    lines = HUMAN.splitlines(keepends=True)
    one = agreement(joined(tmp_path))["Overall"]
    other = agreement(joined(tmp_path, lines[0] + "".join(lines[4:] + lines[1:4])))["Overall"]
    assert one == other


def test_json_is_that_of_the_contract(tmp_path, capsys):
    sheets = [str(write(tmp_path, "h.csv", HUMAN)), str(write(tmp_path, "j.csv", JUDGE))]
    assert main(["agreement", *sheets, "--format", "json"]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert set(found) == {"dimensions"}
    assert set(found["dimensions"]) == {"Overall"}
    cell = found["dimensions"]["Overall"]
    assert set(cell) == {
        "n_human_human", "n_human_judge", "mean_diff_human_human", "mean_diff_human_judge", "mannwhitney_u", "mannwhitney_p",
        "spearman", "kappa_weighted", "krippendorff_alpha", "ci95",
    }  # fmt: skip
    assert set(cell["ci95"]) <= set(cell)
    assert all(low <= cell[name] <= high for name, (low, high) in cell["ci95"].items())
    assert "reviewer 1 reviewed iclr2025_wsl claude 2 times (lines 2, 3)" in said.err


def test_what_is_not_defined_is_null_in_json(tmp_path, capsys):
    human = "reviewer_id,task,Overall\n1,iclr2025_wsl,5\n1,iclr2025_dl4c,5\n"
    judge = "task,Overall\niclr2025_wsl,5\niclr2025_dl4c,5\n"
    assert main(["agreement", str(write(tmp_path, "h.csv", human)), str(write(tmp_path, "j.csv", judge)), "--format", "json"]) == 0
    cell = json.loads(capsys.readouterr().out)["dimensions"]["Overall"]
    names = ("mean_diff_human_human", "mannwhitney_u", "mannwhitney_p", "spearman", "kappa_weighted", "krippendorff_alpha")
    assert [cell[name] for name in names] == [None] * 6
    assert cell["n_human_human"] == 0
    assert cell["mean_diff_human_judge"] == 0.0


def test_a_constant_judge_passes_the_test_and_is_told_apart_by_the_rest(tmp_path):
    """Why the test alone is not reported: a judge that gives everything 5 is as far from people as they are from each other."""
    tasks = ("iclr2025_wsl", "iclr2025_dl4c", "iclr2025_scsl", "iclr2025_scope", "iclr2025_mldpr", "iclr2025_question")
    human = "reviewer_id,task,Overall\n" + "".join(
        f"1,{task},{2 + place}\n2,{task},{4 + place}\n" for place, task in enumerate(tasks)
    )
    judge = "task,Overall\n" + "".join(f"{task},5\n" for task in tasks)
    made = joined(tmp_path, human, judge)
    found = agreement(made)
    assert found["Overall"].p > 0.05
    assert found["Overall"].spearman.value is None
    assert found["Overall"].kappa.value == pytest.approx(0, abs=0.15)
    text = human_text(made, found)
    assert "No significant difference is not agreement" in text
    assert "it is not shown that the judge ranks items as people do (Overall)" in text


def test_sentences_say_what_the_numbers_show(tmp_path):
    tasks = ("iclr2025_wsl", "iclr2025_dl4c", "iclr2025_scsl", "iclr2025_scope", "iclr2025_mldpr", "iclr2025_question")
    human = "reviewer_id,task,Overall,Clarity\n" + "".join(
        f"{who},{task},{place + 2},{place + 2}\n" for place, task in enumerate(tasks) for who in (1, 2)
    )
    judge = "task,Overall,Clarity\n" + "".join(f"{task},{place + 2},{9 - place}\n" for place, task in enumerate(tasks))
    made = joined(tmp_path, human, judge)
    text = human_text(made, agreement(made))
    assert "the judge ranks items as people do, at least in part (Overall)" in text
    assert "the judge ranks items against people (Clarity)" in text
    # Two people who never differ, a judge off by 7, 5, 3, 1, 1, 3 and so on: the only significant distance is that of Clarity.
    assert "p is below 0.05 in Clarity" in text


def test_several_judges_of_a_sheet_are_a_panel_and_all_are_needed(tmp_path):
    judge = "judge,task,Overall\nj1,iclr2025_wsl,4\nj2,iclr2025_wsl,9\nj1,iclr2025_dl4c,4\nj2,iclr2025_dl4c,6\nj1,iclr2025_scsl,1\n"
    made = joined(tmp_path, HUMAN, judge)
    assert made.scores == {"iclr2025_wsl": {"Overall": 6.5}, "iclr2025_dl4c": {"Overall": 5.0}}
    assert "j.csv: iclr2025_scsl: no review by j2: left out, a panel's mean needs all of its judges" in made.warnings
    assert any("has no score for the items of line 8" in told for told in made.warnings)


def test_equal_rows_of_the_judge_are_one_and_different_ones_an_error(tmp_path):
    assert len(joined(tmp_path, judge=JUDGE + JUDGE.splitlines()[1] + "\n").scores) == 3
    with pytest.raises(ConfigError, match=r"two different reviews of one item: lines 2 and 5 \(iclr2025_wsl claude\)"):
        joined(tmp_path, judge=JUDGE + "iclr2025_wsl,claude,A,2\n")


def test_a_judges_sheet_without_the_model_cannot_serve_two_models(tmp_path):
    human = HUMAN + "1,gemini,iclr2025_wsl,4\n"
    with pytest.raises(ConfigError, match=r"does not say which of several works of iclr2025_wsl it means.* needs a column model"):
        joined(tmp_path, human, "task,Overall\niclr2025_wsl,5\n")
    assert len(joined(tmp_path, judge="task,Overall\niclr2025_wsl,5\n").rows) == 3


def test_nothing_in_common_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="have no item in common"):
        joined(tmp_path, judge="task,model_name,Overall\niclr2025_wsl,gemini,5\n")
    with pytest.raises(ConfigError, match="have no dimension in common: Overall and Clarity"):
        joined(tmp_path, judge="task,Clarity\niclr2025_wsl,5\n")


def test_what_has_no_partner_is_said_and_left_out(tmp_path):
    made = joined(
        tmp_path,
        judge=JUDGE.replace("iclr2025_scsl", "iclr2025_scope")
        .replace("Overall", "Overall,Novelty")
        .replace("\n", ",5\n")
        .replace("Novelty,5", "Novelty"),
    )
    assert len(made.rows) == 6
    told = "\n".join(made.warnings)
    assert "the judge (j.csv) has no score for the items of line 8: left out" in told
    assert "no person reviewed 1 of the judge's items (iclr2025_scope claude): left out" in told
    assert "only on one side, not compared: Novelty" in told


# -- runs -------------------------------------------------------------------------------------------------------------


def scored(root: Path, model: str = "anthropic/claude-3-7-sonnet", stage: str = "end2end", mode: str = "stepwise", **fields):
    store = make_run(root, model=model, mode=mode)
    for task, score in (("iclr2025_wsl", 7), ("iclr2025_dl4c", 5), ("iclr2025_scsl", 3)):
        given = [review(judge, stage, {"Overall": score}) for judge in ("openai/j1", "openai/j2")]
        add(store, f"{task}/{stage}", [one.model_copy(update=fields) for one in given])
    return store


def human_of(folder: Path, text: str = HUMAN):
    return read_sheet(write(folder, "h.csv", text), "human")


def test_a_run_is_the_judge_and_its_model_may_be_named_short(tmp_path):
    made = join_runs(human_of(tmp_path), [scored(tmp_path / "run")])
    assert agreement(made)["Overall"].n_human_judge == 7
    assert made.judge == "mean of openai/j1, openai/j2"
    assert "model 'claude' is read as anthropic/claude-3-7-sonnet" in made.warnings


def test_repeats_are_averaged_before_judges(tmp_path):
    store = make_run(tmp_path / "run", judges=("openai/j1", "openai/j2"))
    scores = [("openai/j1", 1, 2), ("openai/j1", 2, 4), ("openai/j2", 1, 9)]
    add(store, "iclr2025_wsl/end2end", [review(judge, "end2end", {"Overall": score}, repeat=k) for judge, k, score in scores])
    made = join_runs(human_of(tmp_path, "reviewer_id,task,Overall\n1,iclr2025_wsl,6\n"), [store])
    assert list(made.scores.values()) == [{"Overall": 6.0}]


def test_a_work_without_one_judge_or_one_score_is_left_out(tmp_path):
    store = scored(tmp_path / "run")
    add(store, "iclr2025_wsl/end2end", [review("openai/j1", "end2end", {"Overall": 7})])
    add(
        store,
        "iclr2025_dl4c/end2end",
        [review("openai/j1", "end2end", {"Overall": 7}), review("openai/j2", "end2end", {"Overall": None})],
    )
    made = join_runs(human_of(tmp_path), [store])
    assert agreement(made)["Overall"].n_human_judge == 1
    assert any("no review by openai/j2: left out" in told for told in made.warnings)


def test_a_mechanical_judge_is_left_out_beside_model_judges_and_marked_alone(tmp_path):
    store = make_run(tmp_path / "run", judges=("openai/j1", "offline"))
    marks = [review("openai/j1", "end2end", {"Overall": 8}), review("offline", "end2end", {"Overall": 2}, mechanical=True)]
    add(store, "iclr2025_wsl/end2end", marks)
    human = human_of(tmp_path, "reviewer_id,task,Overall\n1,iclr2025_wsl,6\n")
    assert list(join_runs(human, [store]).scores.values()) == [{"Overall": 8.0}]
    add(store, "iclr2025_wsl/end2end", marks[1:])
    alone = join_runs(human, [store])
    assert alone.mechanical
    assert "(mechanical)" in human_text(alone, agreement(alone))


def test_one_judge_alone_can_be_asked_for(tmp_path):
    store = make_run(tmp_path / "run")
    marks = [review("openai/j1", "end2end", {"Overall": 8}), review("offline", "end2end", {"Overall": 2}, mechanical=True)]
    add(store, "iclr2025_wsl/end2end", marks)
    add(store, "iclr2025_dl4c/end2end", marks[:1])
    human = human_of(tmp_path, HUMAN.replace("model_name", "letter"))
    made = join_runs(human, [store], judge="offline")
    assert [*made.scores.values()] == [{"Overall": 2.0}]
    assert made.judge == "offline"


def test_rows_go_to_the_run_of_their_model_and_epoch(tmp_path):
    one, two = scored(tmp_path / "a" / "run"), scored(tmp_path / "b" / "run", "openai/o4-mini")
    add(two, "iclr2025_wsl/end2end.e2", [review(judge, "end2end", {"Overall": 10}) for judge in ("openai/j1", "openai/j2")])
    text = "reviewer_id,model,task,epoch,Overall\n1,claude,iclr2025_wsl,,6\n1,o4-mini,iclr2025_wsl,2,6\n"
    made = join_runs(human_of(tmp_path, text), [one, two])
    assert [made.scores[item]["Overall"] for item, _ in made.rows] == [7.0, 10.0]


def test_a_model_of_no_run_and_a_code_of_no_run_are_errors_that_say_what_is_there(tmp_path):
    store = scored(tmp_path / "run", "openai/o4-mini")
    with pytest.raises(ConfigError, match=r"works of claude; none of them is the model of a run: run is of openai/o4-mini"):
        join_runs(human_of(tmp_path), [store])
    with pytest.raises(ConfigError, match=f"the code abcdef01, which is not given; {run_code(store)} is"):
        join_runs(human_of(tmp_path, "reviewer_id,run,task,Overall\n1,abcdef01,iclr2025_wsl,6\n"), [store])


def test_a_short_name_of_two_runs_is_refused_with_the_line(tmp_path):
    stores = [scored(tmp_path / version, f"anthropic/claude-{version}") for version in ("3", "4")]
    with pytest.raises(ConfigError, match="line 2: model 'claude' can be that of several runs"):
        join_runs(human_of(tmp_path), stores)
    with pytest.raises(ConfigError, match="line 2: which of the 2 runs"):
        join_runs(human_of(tmp_path, "reviewer_id,task,Overall\n1,iclr2025_wsl,6\n"), stores)


def test_of_several_runs_of_a_model_the_one_with_that_work_is_taken(tmp_path):
    stores = [scored(tmp_path / "whole"), scored(tmp_path / "ideas", stage="idea", mode="end2end")]
    made = join_runs(human_of(tmp_path), stores)
    assert len(made.rows) == 7
    assert all("end2end whole" in item for item, _ in made.rows)


def test_a_run_and_its_copy_are_refused(tmp_path):
    stores = [scored(tmp_path / "run"), scored(tmp_path / "copy")]
    with pytest.raises(ConfigError, match=r"are one run twice \(same start, same model\)"):
        join_runs(human_of(tmp_path), stores)


def test_warnings_about_stages_that_nobody_reviewed_are_left_out(tmp_path):
    store = scored(tmp_path / "run")
    add(store, "iclr2025_wsl/idea", [review(judge, "idea", {"Overall": 2}) for judge in ("openai/j1", "openai/j2")])
    add(store, "iclr2025_dl4c/idea", [review("openai/j1", "idea", {"Overall": 2})])
    assert not any("idea" in told for told in join_runs(human_of(tmp_path), [store]).warnings)


def test_the_stage_must_be_told_where_the_run_does_not_settle_it(tmp_path):
    store = scored(tmp_path / "run", stage="idea")
    assert len(join_runs(human_of(tmp_path), [store]).rows) == 7
    add(store, "iclr2025_wsl/paper", [review(judge, "paper", {"Overall": 2}) for judge in ("openai/j1", "openai/j2")])
    with pytest.raises(ConfigError, match="add a column `stage`, or give --stage=S"):
        join_runs(human_of(tmp_path), [store])
    assert [*join_runs(human_of(tmp_path), [store], "paper").scores.values()] == [{"Overall": 2.0}]
    with pytest.raises(ConfigError, match="unknown stage 'papers'"):
        join_runs(human_of(tmp_path), [store], "papers")


def test_stages_are_pooled_only_with_a_warning(tmp_path):
    store = scored(tmp_path / "run", stage="idea")
    add(store, "iclr2025_wsl/paper", [review(judge, "paper", {"Overall": 2}) for judge in ("openai/j1", "openai/j2")])
    human = human_of(tmp_path, "reviewer_id,task,stage,Overall\n1,iclr2025_wsl,idea,6\n1,iclr2025_wsl,paper,6\n")
    made = join_runs(human, [store])
    assert len(made.rows) == 2
    assert any("idea, paper are pooled, though their rubrics differ" in told for told in made.warnings)
    assert len(join_runs(human, [store], "idea").rows) == 1


def test_reviews_made_in_another_way_than_most_are_left_out(tmp_path):
    store = scored(tmp_path / "run")
    record = next(store.records())
    other = [one.model_copy(update={"protocol": "q" * 64, "scores": {"Overall": 1}}) for one in record.reviews]
    store.write_record(record.model_copy(update={"reviews": [*other, *record.reviews]}))
    made = join_runs(human_of(tmp_path), [store])
    assert made.scores == join_runs(human_of(tmp_path), [scored(tmp_path / "plain" / "run")]).scores
    assert any("run: 2 reviews of end2end under another protocol" in told for told in made.warnings)


def test_runs_judged_under_two_protocols_are_warned_about(tmp_path):
    stores = [scored(tmp_path / "a"), scored(tmp_path / "b", "gemini/gemini-2.5-pro", protocol="q" * 64)]
    made = join_runs(human_of(tmp_path, HUMAN + "1,gemini,iclr2025_wsl,4\n"), stores)
    assert any("openai/j1 reviewed end2end under 2 protocols" in told for told in made.warnings)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["h.csv"], "people's scores need a judge's beside them"),
        (["h.csv", "./h.csv"], "people's scores need a judge's beside them"),
        (["h.csv", "j.csv", "j.csv"], "two sheets"),
        (["run", "h.csv"], "people's sheets come first"),
        (["h.csv", "j.csv", "--stage=idea"], "--stage says which stage of a RUN"),
        (["h.csv", "run", "--stage=idea", "--stage=paper"], "--stage once"),
        (["h.csv", "j.csv", "--judge=x"], "--judge picks one judge of a RUN"),
        (["run", "--judge=openai/j1"], "--judge belongs to HUMAN.csv RUN"),
        (["h.csv", "run", "--judge=x"], "no review by 'x'; the runs have reviews by openai/j1, openai/j2"),
        (["h.csv", "j.csv", "--sample=3"], "--sample belongs to --template"),
        (["--template", "h.csv"], "--template needs run directories"),
        (["--template", "run", "--sample=0"], "--sample=0: expected a number"),
        (["nope.csv", "j.csv"], "nope.csv: there is no such file or run directory"),
        (["run", "run"], "is given twice"),
        (["run", "--stage=ideas"], "unknown stage 'ideas'"),
    ],
)
def test_wrong_arguments_are_one_line_and_status_2(tmp_path, monkeypatch, capsys, arguments, told):
    write(tmp_path, "h.csv", HUMAN)
    write(tmp_path, "j.csv", JUDGE)
    scored(tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    assert main(["agreement", *arguments]) == 2
    said = capsys.readouterr()
    assert told in said.err
    assert said.out == ""
    assert said.err.count("\n") == 1
