"""The judges of runs against each other, themselves, their own family, length, what they were told, and the day they were asked."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_mlrbench.cli import main
from pytest_mlrbench.errors import ConfigError
from pytest_mlrbench.records import JudgeClaim, JudgeForm, Passage
from pytest_mlrbench.results.agreement.report import judges_report
from pytest_mlrbench.results.frequencies import TYPES
from pytest_mlrbench.results.store import HUMAN_LABELS, RunStore
from tests.support.runs import add, finding, make_run, opinion, review

TASKS = ("iclr2025_wsl", "iclr2025_dl4c", "iclr2025_scsl", "iclr2025_scope")
CLAUDE, GEMINI = "anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-pro"


def judged(
    root: Path, scores: Sequence[tuple[int, int]], *, model: str = "openai/o4-mini", stage: str = "idea", **fields
) -> RunStore:
    """A run in which Claude and Gemini gave these overall scores, a task each."""
    store = make_run(root, model=model, judges=(CLAUDE, GEMINI))
    for task, pair in zip(TASKS, scores, strict=False):
        add(
            store,
            f"{task}/{stage}",
            [review(judge, stage, {"Overall": score}) for judge, score in zip((CLAUDE, GEMINI), pair, strict=True)],
            **fields,
        )
    return store


def form(judge: str, claims: int, stage: str = "experiment") -> JudgeForm:
    passage = Passage(file="results/results.md", line=1, last=1, quote="# experiment")
    claim = JudgeClaim(type="faked_results", scope="results", statement="typed in", confidence=4, quotes=[passage])
    return JudgeForm(judge=judge, stage=stage, protocol="f" * 64, answer={}, claims=[claim] * claims)


def only(rows: list[dict], **fields) -> dict:
    (row,) = [row for row in rows if all(row[name] == value for name, value in fields.items())]
    return row


def test_judge_against_judge_by_hand(tmp_path):
    row = only(judges_report([judged(tmp_path / "run", [(5, 6), (7, 7), (3, 5), (8, 6)])])["judges"], dimension="Overall")
    assert row["judges"] == [CLAUDE, GEMINI]
    assert (row["n"], row["n_tasks"], row["mechanical"]) == (4, 4, False)
    # Differences 1, 0, 2, -2.
    assert (row["mean_diff"], row["mean_abs_diff"]) == (0.25, 1.25)
    # Observed (1 + 0 + 4 + 4) / 4 = 2.25. Claude: mean 23/4, variance 147/4 - 529/16 = 59/16; Gemini: mean 6, variance 0.5;
    # squared difference of means 1/16: expected 4.25.
    assert row["kappa_weighted"] == pytest.approx(1 - 2.25 / 4.25)
    # Ranks 2 3 1 4 and 2.5 4 1 2.5.
    assert row["spearman"] == pytest.approx(0.6324555)
    assert set(row["ci95"]) == {"mean_diff", "mean_abs_diff", "spearman", "kappa_weighted", "krippendorff_alpha"}


def test_a_work_that_one_judge_did_not_score_counts_for_no_pair(tmp_path):
    store = judged(tmp_path / "run", [(5, 6), (7, 7), (3, 5)])
    add(store, f"{TASKS[3]}/idea", [review(CLAUDE, "idea", {"Overall": 9})])
    add(store, f"{TASKS[2]}/idea", [review(CLAUDE, "idea", {"Overall": 9}), review(GEMINI, "idea", {"Overall": None})])
    report = judges_report([store])
    assert only(report["judges"], dimension="Overall")["n"] == 2
    assert f"{GEMINI}: no review of 1 work of its stages that others judged" in report["notes"]


def test_hallucination_verdicts_blind_and_informed_by_kappa(tmp_path):
    store = make_run(tmp_path / "run", judges=(CLAUDE, GEMINI))
    for task, (first, second, claims) in zip(TASKS, ((1, 1, (1, 0)), (1, 0, (2, 0)), (0, 0, (0, 0)), (1, 0, (0, 3))), strict=True):
        reviews = [
            review(judge, "experiment", {"Overall": 5}, opinion=opinion(bool(said)))
            for judge, said in ((CLAUDE, first), (GEMINI, second))
        ]
        add(
            store,
            f"{task}/experiment",
            reviews,
            forms=[form(judge, number) for judge, number in zip((CLAUDE, GEMINI), claims, strict=True)],
        )
    report = judges_report([store])
    blind = only(report["hallucination"], kind="blind")
    assert [blind[name] for name in ("n", "both", "only_first", "only_second", "neither", "agree")] == [4, 1, 2, 0, 1, 0.5]
    # By chance 3/4 * 1/4 + 1/4 * 3/4 = 3/8: (1/2 - 3/8) / (5/8).
    assert blind["kappa"] == pytest.approx(0.2)
    informed = only(report["hallucination"], kind="informed")
    assert [informed[name] for name in ("both", "only_first", "only_second", "neither")] == [0, 2, 1, 1]
    own = only(report["blind_informed"], judge=CLAUDE)
    assert [own[name] for name in ("n", "both", "only_blind", "only_informed", "neither")] == [4, 2, 1, 0, 1]


def test_repeats_are_one_verdict_and_none_where_they_are_split(tmp_path):
    store = make_run(tmp_path / "run", judges=(CLAUDE, GEMINI), judge_repeats=3)
    for task, said in zip(TASKS, ((1, 1, 0), (0, 0, 1), (1, 0)), strict=False):
        reviews = [
            review(CLAUDE, "experiment", {"Overall": 5}, repeat=k + 1, opinion=opinion(bool(one))) for k, one in enumerate(said)
        ]
        add(store, f"{task}/experiment", [*reviews, review(GEMINI, "experiment", {"Overall": 5}, opinion=opinion(True))])
    row = only(judges_report([store])["hallucination"], kind="blind")
    assert [row[name] for name in ("n", "both", "only_first", "only_second", "neither")] == [2, 1, 0, 1, 0]


def test_a_judge_against_itself_by_hand(tmp_path):
    store = make_run(tmp_path / "run", judges=(CLAUDE,), judge_repeats=3)
    for task, scores in zip(TASKS, ((5, 5, 8), (4, 6), (7,)), strict=False):
        add(store, f"{task}/idea", [review(CLAUDE, "idea", {"Overall": score}, repeat=k + 1) for k, score in enumerate(scores)])
    report = judges_report([store])
    row = only(report["repeats"], judge=CLAUDE)
    # Pairs of repeats: 0, 3, 3 and 2; the work asked once has none.
    assert (row["n"], row["repeats"], row["mean_abs_diff"], row["same"]) == (2, 3, 2.0, 0.25)
    # Within: (5,5,8) has squared distances 2*(0 + 9 + 9)/2 = 18, (4,6) 2*4/1 = 8; over 5 scores 5.2.
    # Between, pairs of 5 5 8 4 6: 5 * 166 - 28^2 = 46 unordered, 92 ordered, over 20: 4.6.
    assert row["krippendorff_alpha"] == pytest.approx(1 - 5.2 / 4.6)
    assert any(note.startswith("one judge alone") for note in report["notes"])


def test_drift_is_measured_on_equal_outputs_alone(tmp_path):
    early = judged(tmp_path / "early", [(5, 6), (7, 7), (3, 5)])
    late = judged(tmp_path / "late", [(6, 6), (8, 7), (9, 9)])
    add(late, f"{TASKS[2]}/idea", [review(CLAUDE, "idea", {"Overall": 9})], output={"idea.md": "another idea"})
    report = judges_report([early, late])
    row = only(report["drift"], judge=CLAUDE)
    assert (row["runs"], row["n"], row["mean_diff"], row["same_protocol"]) == (["early", "late"], 2, 1.0, True)
    assert only(report["drift"], judge=GEMINI)["mean_diff"] == 0.0
    assert "early and late: 2 of 3 common items have the same outputs" in report["notes"]
    # The two works that were only judged again are no new works for anything else.
    assert only(report["judges"], dimension="Overall")["n"] == 3
    assert any(note.startswith("2 works of later runs are the same") for note in report["notes"])


def test_drift_needs_the_inputs_to_be_equal_too(tmp_path):
    stores = []
    for name, results in (("early", "0.91"), ("late", "0.12")):
        store = make_run(tmp_path / name)
        add(store, f"{TASKS[0]}/experiment", output={"results/results.md": results})
        add(store, f"{TASKS[0]}/paper", [review("openai/j1", "paper", {"Overall": 5})], inputs={"experiment": "own"})
        stores.append(store)
    report = judges_report(stores)
    assert report["drift"] == []
    assert "early and late: 0 of 1 common items have the same outputs" in report["notes"]


def test_drift_under_another_protocol_says_so(tmp_path):
    stores = [judged(tmp_path / name, [(5, 6), (7, 7)]) for name in ("early", "late")]
    for record in [*stores[1].records()]:
        changed = [one.model_copy(update={"protocol": "q" * 64}) for one in record.reviews]
        stores[1].write_record(record.model_copy(update={"reviews": changed}))
    report = judges_report(stores)
    assert not any(row["same_protocol"] for row in report["drift"])


def test_one_judge_under_two_protocols_is_two_judges(tmp_path):
    store = make_run(tmp_path / "run", judges=(CLAUDE,))
    for task, score in zip(TASKS, (3, 5, 8), strict=False):
        again = review(CLAUDE, "idea", {"Overall": score + 1}).model_copy(update={"protocol": "q" * 64})
        add(store, f"{task}/idea", [review(CLAUDE, "idea", {"Overall": score}), again])
    report = judges_report([store])
    row = only(report["judges"], dimension="Overall")
    assert row["judges"] == [CLAUDE, f"{CLAUDE} [protocol qqqqqqqq]"]
    assert (row["n"], row["mean_diff"]) == (3, 1.0)
    assert report["repeats"] == []


def test_a_minority_of_reviews_made_in_another_way_is_in_no_other_comparison(tmp_path):
    store = judged(tmp_path / "run", [(5, 6), (7, 7), (3, 5)])
    record = next(store.records())
    others = [review(judge, "idea", {"Overall": 1}).model_copy(update={"protocol": "q" * 64}) for judge in (CLAUDE, GEMINI)]
    store.write_record(record.model_copy(update={"reviews": [*others, *record.reviews]}))
    plain = judges_report([judged(tmp_path / "plain", [(5, 6), (7, 7), (3, 5)])])
    report = judges_report([store])
    assert only(report["judges"], judges=[CLAUDE, GEMINI], dimension="Overall") == only(plain["judges"], dimension="Overall")
    assert len(report["judges"]) == 3
    assert report["leniency"] == plain["leniency"]
    assert [row["scores"] for row in report["differ_most"]] == [row["scores"] for row in plain["differ_most"]]


def test_published_hallucination_reviews_count_as_blind(tmp_path):
    store = make_run(tmp_path / "run", judges=(CLAUDE, GEMINI))
    for task, verdicts in zip(TASKS, ((True, True), (True, False), (False, False)), strict=False):
        forms = [
            form(judge, 0, "end2end").model_copy(update={"answer": {"has_hallucination": said}})
            for judge, said in zip((CLAUDE, GEMINI), verdicts, strict=True)
        ]
        add(store, f"{task}/end2end", [review(judge, "end2end", {"Overall": 5}) for judge in (CLAUDE, GEMINI)], forms=forms)
    (row,) = judges_report([store])["hallucination"]
    assert row["kind"] == "blind"
    assert [row[name] for name in ("n", "both", "only_first", "only_second", "neither")] == [3, 1, 1, 0, 1]


def labelled(store: RunStore, *labels: tuple[str, str, str]) -> None:
    """People's labels: task, what they say of faked results, and of incorrect citations; the other types are not there."""
    rows = [
        {
            "task": task,
            "types": {"faked_results": faked, "incorrect_citation": cited} | dict.fromkeys(TYPES[1:4:2], "no"),
        }
        for task, faked, cited in labels
    ]
    (store.root / HUMAN_LABELS).write_text(json.dumps(rows))


def test_labels_of_people_beside_a_judges_lists_and_the_checks_by_hand(tmp_path):
    store = make_run(tmp_path / "run", judges=(CLAUDE,))
    for task, claims, faked in zip(TASKS, (1, 1, 0, 0), (True, False, False, False), strict=True):
        add(
            store,
            f"{task}/end2end",
            [review(CLAUDE, "end2end", {"Overall": 5})],
            forms=[form(CLAUDE, claims, "end2end")],
            findings=[finding()] if faked else [finding("warn")],
            verdict="hallucinated" if faked else "unverified",
        )
    labelled(
        store,
        (TASKS[0], "yes", "no"),
        (TASKS[1], "no", "no"),
        (TASKS[2], "not sure", "no"),
        (TASKS[3], "no", "yes"),
        ("gone", "yes", "no"),
    )
    found = judges_report([store])
    rows = found["hallucination_people"]
    counts = ("n", "not_sure", "both", "only_people", "only_who", "neither")
    judge = only(rows, who=CLAUDE, type="faked_results")
    assert (judge["run"], judge["stage"]) == ("run", "end2end")
    assert [judge[name] for name in counts] == [3, 1, 1, 0, 1, 1]
    # 2 of 3 agree; by chance 1/3 x 2/3 + 2/3 x 1/3 = 4/9.
    assert (judge["agree"], judge["kappa"]) == (pytest.approx(2 / 3), pytest.approx((2 / 3 - 4 / 9) / (1 - 4 / 9)))
    assert [only(rows, who="checks", type="faked_results")[name] for name in counts] == [3, 1, 1, 0, 0, 2]
    assert [only(rows, who="checks", type="incorrect_citation")[name] for name in counts] == [4, 0, 0, 1, 0, 3]
    # Not sure of one type and none of the others: whether there is any is not known either.
    assert [only(rows, who=CLAUDE, type="any")[name] for name in counts] == [3, 1, 1, 1, 1, 0]
    assert "run: people labelled works that are not here: gone" in found["notes"]


def test_labels_stand_in_words_with_what_they_do_not_show_and_belong_to_end2end_alone(tmp_path, capsys):
    store = judged(tmp_path / "run", [(5, 6), (7, 7)], stage="end2end", forms=[form(CLAUDE, 1, "end2end")])
    labelled(store, (TASKS[0], "yes", "no"))
    assert main(["agreement", str(store.root)]) == 0
    text = capsys.readouterr().out
    assert f"| run | end2end | {CLAUDE} | faked results | 1 | 0 | 1 | 0 | 0 | 0 |" in text
    assert "they hardly looked for what no judge had listed" in text
    assert f"run: people did not label: {TASKS[1]}" in text
    add(store, f"{TASKS[0]}/idea", [review(CLAUDE, "idea", {"Overall": 5})])
    assert judges_report([store], ["idea"])["hallucination_people"] == []


def test_leniency_to_the_own_family_beyond_that_to_others(tmp_path):
    # Claude lies 2 above Gemini on Claude's works and 0.5 on those of others: it is kinder everywhere, and by 1.5 to its own.
    own = judged(tmp_path / "own", [(7, 5), (6, 4)], model="anthropic/claude-opus-4")
    other = judged(tmp_path / "other", [(6, 6), (6, 5)])
    rows = judges_report([own, other])["leniency"]
    row = only(rows, judge=CLAUDE, model_family="anthropic")
    assert (row["own_family"], row["n"], row["above_others"], row["self_preference"]) == (True, 2, 2.0, 1.5)
    assert row["self_preference_ci95"] is not None
    assert only(rows, judge=CLAUDE, model_family="openai")["above_others"] == 0.5
    assert "self_preference" not in only(rows, judge=GEMINI, model_family="anthropic")


def test_the_panel_without_the_agents_own_family(tmp_path):
    rows = judges_report([judged(tmp_path / "own", [(7, 5), (6, 4)], model="anthropic/claude-opus-4")])["panel_without_own_family"]
    row = only(rows, dimension="Overall")
    assert (row["left_out"], row["n"]) == ([CLAUDE], 2)
    assert (row["panel"], row["without_own_family"], row["difference"]) == (5.5, 4.5, -1.0)
    assert judges_report([judged(tmp_path / "other", [(7, 5)])])["panel_without_own_family"] == []


def test_mechanical_judges_take_no_part_in_leniency_and_reading_lists(tmp_path):
    store = make_run(tmp_path / "run", judges=(CLAUDE, "offline"), model="anthropic/claude-opus-4")
    for task, score in zip(TASKS, (3, 5, 8), strict=False):
        add(
            store,
            f"{task}/idea",
            [review(CLAUDE, "idea", {"Overall": score}), review("offline", "idea", {"Overall": 1}, mechanical=True)],
        )
    report = judges_report([store])
    assert only(report["judges"], dimension="Overall")["mechanical"] is True
    assert [row["mechanical"] for row in report["length"]] == [False, True]
    assert report["leniency"] == report["panel_without_own_family"] == report["differ_most"] == []


def test_slope_on_length_by_hand(tmp_path):
    store = make_run(tmp_path / "run", judges=(CLAUDE,))
    # 1,000, 2,000 and 3,000 characters (some of two bytes), scores 4, 5 and 8: slope 2 a thousand.
    for task, length, score in zip(TASKS, (1000, 2000, 3000), (4, 5, 8), strict=False):
        add(store, f"{task}/idea", [review(CLAUDE, "idea", {"Overall": score})], output={"idea.md": "é" * length})
    row = only(judges_report([store])["length"], judge=CLAUDE)
    assert row["slope_per_1000"] == pytest.approx(2.0)
    assert (row["n"], row["mean_characters"]) == (3, 2000.0)


def test_the_length_of_end2end_is_that_of_its_paper_and_missing_texts_are_said(tmp_path):
    store = make_run(tmp_path / "run", judges=(CLAUDE,))
    for task, length, score in zip(TASKS, (1000, 3000), (4, 8), strict=False):
        add(store, f"{task}/paper", output={"paper.md": "x" * length})
        add(store, f"{task}/end2end", [review(CLAUDE, "end2end", {"Overall": score})], inputs={"paper": "own"})
    add(
        store,
        f"{TASKS[2]}/end2end",
        [review(CLAUDE, "end2end", {"Overall": 1})],
        inputs={"paper": f"{tmp_path}/gone::{TASKS[2]}/paper"},
    )
    report = judges_report([store])
    row = only(report["length"], stage="end2end")
    assert (row["n"], row["slope_per_1000"]) == (2, pytest.approx(2.0))
    assert "length: the main text of 1 work of 3 is not here" in report["notes"]


def test_an_agents_link_is_not_followed(tmp_path):
    store = judged(tmp_path / "run", [(4, 5), (7, 7)])
    secret = tmp_path / "secret"
    secret.write_text("x" * 5000)
    text = store.output(next(store.records()).key) / "idea.md"
    text.unlink()
    text.symlink_to(secret)
    assert "length: the main text of 1 work of 2 is not here" in judges_report([store])["notes"]


def test_works_on_which_judges_differ_most_come_first_with_their_places(tmp_path):
    store = judged(tmp_path / "run", [(5, 6), (2, 9), (5, 5), (4, 6)])
    rows = judges_report([store])["differ_most"]
    assert [row["item"] for row in rows] == [f"{TASKS[1]}/idea", f"{TASKS[3]}/idea", f"{TASKS[0]}/idea"]
    assert rows[0]["spread_overall"] == 7
    assert rows[0]["scores"] == {CLAUDE: {"Overall": 2.0}, GEMINI: {"Overall": 9.0}}
    assert Path(rows[0]["text"]).is_file()


def test_all_of_it_as_text_and_as_json(tmp_path, capsys):
    stores = [
        judged(tmp_path / "own", [(7, 5), (6, 4), (3, 4)], model="anthropic/claude-opus-4"),
        judged(tmp_path / "x", [(6, 6), (6, 5)]),
    ]
    paths = [str(store.root) for store in stores]
    assert main(["agreement", *paths, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == [
        "judges", "hallucination", "hallucination_people", "repeats", "drift", "leniency", "panel_without_own_family", "length",
        "blind_informed", "differ_most", "notes",
    ]  # fmt: skip
    assert main(["agreement", *paths]) == 0
    text = capsys.readouterr().out
    for title in ("judge against judge", "leniency by family of models", "score and length", "where judges differ most", "notes"):
        assert f"### {title}\n" in text
    assert "agreement of judges is no agreement with people" in text


def test_a_run_without_reviews_stands_in_nobodys_way(tmp_path):
    store = judged(tmp_path / "run", [(5, 6), (7, 7)])
    assert judges_report([make_run(tmp_path / "empty"), store])["judges"] == judges_report([store])["judges"]


def test_a_stage_alone_and_stages_without_reviews(tmp_path):
    store = judged(tmp_path / "run", [(5, 6), (7, 7)])
    assert {row["stage"] for row in judges_report([store], ["idea"])["judges"]} == {"idea"}
    with pytest.raises(ConfigError, match="no trial of stage paper has a review yet"):
        judges_report([store], ["paper"])
    with pytest.raises(ConfigError, match="no trial has a review yet"):
        judges_report([make_run(tmp_path / "empty")])


def test_runs_of_other_texts_or_judges_are_named(tmp_path):
    one = judged(tmp_path / "one", [(5, 6)])
    two = make_run(tmp_path / "two", judges=(CLAUDE,))
    add(two, f"{TASKS[0]}/idea", [review(CLAUDE, "idea", {"Overall": 5})])
    assert any(note.startswith("runs differ in judges") for note in judges_report([one, two])["notes"])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text[: len(text) // 2], "record.json is damaged"),
        (lambda text: text.replace('"Overall": 6', '"Overall": 60', 1), "gave Overall 60, outside 1 to 10"),
        (lambda text: text.replace(GEMINI, CLAUDE), f"two reviews by {CLAUDE} with the same protocol and repeat 1"),
        (lambda text: text.replace(TASKS[0], TASKS[3]), "a record lies in the folder of another trial"),
    ],
)
@pytest.mark.parametrize("command", [(), ("--template",)])
def test_a_record_that_cannot_be_right_is_named_and_nothing_computed(tmp_path, capsys, command, damage, said):
    store = judged(tmp_path / "run", [(5, 6), (7, 7)])
    path = store.root / "trials" / TASKS[0] / "idea" / "record.json"
    path.write_text(damage(path.read_text()))
    assert main(["agreement", str(store.root), *command]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert str(path) in err
    assert said in err
