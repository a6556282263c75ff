"""The published human study and reviews beside the checkout: the notebook's numbers come out, and so does what they do not show."""

import json
import os
from pathlib import Path

import pytest

from pytest_mlrbench.cli import main
from pytest_mlrbench.records import Opinion
from pytest_mlrbench.results.agreement.report import judges_report
from pytest_mlrbench.results.importing import import_published
from pytest_mlrbench.results.store import open_runs
from tests.support.runs import add, make_run, review

UPSTREAM = Path(__file__).resolve().parents[3] / "shared" / "data" / "upstream"
STUDY = UPSTREAM / "human_eval"

NOTEBOOK = {
    "Novelty": (662.5, 0.568827),
    "Clarity": (525.5, 0.052853),
    "Soundness": (630.5, 0.372652),
    "Significance": (603.0, 0.241145),
    "Overall": (692.0, 0.782697),
}
"""U and p as the published notebook prints them."""


@pytest.fixture(autouse=True)
def _published() -> None:
    if not STUDY.is_dir():
        reason = f"the published human study is not here: {STUDY} is missing"
        if os.environ.get("CI") and os.environ.get("MLR_SHARED") != "none":
            pytest.fail(f"{reason}; set MLR_SHARED=none where it cannot be had")
        pytest.skip(reason)


@pytest.mark.parametrize(
    "files",
    [
        ["merge_data.csv"],
        ["human_review.csv", "llm_judge.csv"],
        ["merge_data.csv", "llm_judge.csv"],
        ["human_review.csv", "merge_data.csv"],
    ],
)
def test_the_published_tests_come_out_to_six_digits(files, capsys):
    assert main(["agreement", *(str(STUDY / name) for name in files), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["dimensions"]
    assert {name: (cell["mannwhitney_u"], round(cell["mannwhitney_p"], 6)) for name, cell in found.items()} == NOTEBOOK
    assert {(cell["n_human_human"], cell["n_human_judge"]) for cell in found.values()} == {(24, 60)}
    # No significant difference, and no agreement: over the 30 papers the judge's ranks run against people's, if anything.
    assert found["Overall"]["spearman"] == pytest.approx(-0.18, abs=0.005)
    for measure in ("spearman", "kappa_weighted"):
        low, high = found["Overall"]["ci95"][measure]
        assert low < 0 < high


def test_the_published_study_in_words(capsys):
    assert main(["agreement", str(STUDY / "merge_data.csv")]) == 0
    said = capsys.readouterr()
    assert "30 items, 60 reviews by 8 people" in said.out
    assert "No significant difference is not agreement" in said.out
    assert (
        "it is not shown that the judge ranks items as people do (Clarity, Novelty, Soundness, Significance, Overall)" in said.out
    )
    # Below 0.05 or not, the judge is further from people than they are from each other.
    assert "its interval excludes 0 in Clarity" in said.out
    assert said.err.count("2 times (lines") == 3


def test_the_published_judges_agree_on_hallucination_no_more_than_by_chance(tmp_path):
    store = make_run(tmp_path / "run")
    said: dict[str, dict[str, bool]] = {}
    for folder in UPSTREAM.glob("agent_reviews/subset_reviews_*"):
        for file in folder.glob("*/experiments/claude.json"):
            answer = json.loads(file.read_text())["Hallucination"]["has_hallucination"]
            said.setdefault(file.parent.parent.name, {})[folder.name.removeprefix("subset_reviews_")] = answer
    for task, verdicts in said.items():
        reviews = [
            review(judge, "experiment", {"Overall": 5}, opinion=Opinion(has_hallucination=verdict, details=""))
            for judge, verdict in verdicts.items()
        ]
        add(store, f"{task}/experiment", reviews)
    (row,) = judges_report([store])["hallucination"]
    assert (row["n"], row["both"] + row["neither"]) == (10, 3)
    assert row["kappa"] == pytest.approx(0.05, abs=0.005)


def test_the_labels_of_people_stand_beside_the_lists_they_were_to_look_up(tmp_path):
    run = import_published(UPSTREAM, tmp_path / "published").run
    rows = {(row["who"], row["type"]): row for row in judges_report(open_runs([run]), ["end2end"])["hallucination_people"]}
    counts = ("n", "not_sure", "both", "only_people", "only_who", "neither")
    # Counted by hand in the ten review_hallucination_*.json of each judge and the nine lines of the CSV file.
    assert [rows["claude-3-7-sonnet-20250219", "faked_results"][name] for name in counts] == [9, 0, 8, 0, 1, 0]
    assert [rows["gemini-2.5-pro-preview", "faked_results"][name] for name in counts] == [9, 0, 7, 1, 0, 1]
    assert [rows["gemini-2.5-pro-preview", "mathematical_error"][name] for name in counts] == [5, 4, 0, 0, 3, 2]
    assert rows["gemini-2.5-pro-preview", "faked_results"]["kappa"] == pytest.approx((8 / 9 - 58 / 81) / (1 - 58 / 81))
    assert "checks" not in {who for who, _ in rows}
