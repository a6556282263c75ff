"""The paper's tables from its published reviews: every per-judge mean and population SD that they hold, to two decimals."""

import os
from pathlib import Path
from typing import Any

import pytest

from pytest_mlrbench.results.frequencies import chain_costs, hallucination_table
from pytest_mlrbench.results.importing import Imported, import_published
from pytest_mlrbench.results.reference import PANEL, load_reference, paper_model, reference_value
from pytest_mlrbench.results.render import render
from pytest_mlrbench.results.store import open_runs
from pytest_mlrbench.results.tables import score_table

UPSTREAM = Path(__file__).resolve().parents[3] / "shared" / "data" / "upstream"


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Imported:
    if not UPSTREAM.is_dir():
        reason = f"the published reviews are not here: {UPSTREAM} is missing"
        if os.environ.get("CI") and os.environ.get("MLR_SHARED") != "none":
            pytest.fail(f"{reason}; set MLR_SHARED=none where they cannot be had")
        pytest.skip(reason)
    return import_published(UPSTREAM, tmp_path_factory.mktemp("runs") / "published")


@pytest.fixture(scope="module")
def rows(imported: Imported) -> list[dict[str, Any]]:
    return [row for row in score_table(open_runs([imported.run])) if "protocol" not in row]


def test_nothing_of_the_published_folder_is_left_out(imported: Imported) -> None:
    assert imported.problems == ()
    assert imported.reviews == len(list(UPSTREAM.glob("agent_reviews/**/*.json")))


def test_every_published_value_of_a_judge_comes_out(rows: list[dict[str, Any]]) -> None:
    compared = 0
    for row in rows:
        if row["judge"] == PANEL:
            continue
        for dimension, cell in row["dimensions"].items():
            printed = reference_value(row["stage"], row["model"], row["judge"], dimension, row["agent"])
            if dimension == "Confidence":
                continue
            assert printed is not None, (row["stage"], row["model"], row["judge"], dimension)
            where = f"{printed.source}: {row['stage']} of {row['model']} by {row['judge']}, {dimension}"
            assert f"{cell['mean']:.2f}" == f"{printed.mean:.2f}", where
            if printed.sd is not None:
                assert f"{cell['sd']:.2f}" == f"{printed.sd:.2f}", where
            assert cell["n"] == row["n"] == printed.n, where
            compared += 1
    # Ideas 3 models x 6 dimensions, proposals 3 x 7, papers 2 x 5, end2end 2 x 5, experiments 7; two judges each.
    assert compared == 2 * (18 + 21 + 10 + 10 + 7)


def test_the_reference_has_no_value_of_a_present_model_that_did_not_come_out(rows: list[dict[str, Any]]) -> None:
    present = {(row["stage"], paper_model(row["model"]), row["agent"]) for row in rows}
    made = {
        (row["stage"], paper_model(row["model"]), paper_model(row["judge"]), name)
        for row in rows
        if row["judge"] != PANEL
        for name in row["dimensions"]
    }
    for score in load_reference().scores:
        model = paper_model(score.model)
        if score.judge != PANEL and score.agent == "mlr-agent" and (score.stage, model, score.agent) in present:
            assert (score.stage, model, paper_model(score.judge), score.dimension) in made, score


def test_panel_means_are_the_papers_within_its_rounding(rows: list[dict[str, Any]]) -> None:
    """The paper averages its rounded per-judge values: half a hundredth of each judge, and of the printed mean itself."""
    for row in rows:
        for dimension, cell in row["dimensions"].items():
            printed = reference_value(row["stage"], row["model"], PANEL, dimension, row["agent"])
            if row["judge"] == PANEL and printed is not None:
                assert cell["mean"] == pytest.approx(printed.mean, abs=0.0101), (row["stage"], row["model"], dimension)


def test_costs_of_end_to_end_research_are_the_papers(imported: Imported) -> None:
    printed = {cost.model: cost.usd for cost in load_reference().costs if cost.agent == "mlr-agent"}
    rows = chain_costs(open_runs([imported.run]))
    assert len(rows) == 2
    for row in rows:
        assert f"{row['usd']:.2f}" == f"{printed[paper_model(row['model']) or '']:.2f}"
        assert row["n"] == 10


def test_the_labels_of_people_are_the_rates_of_the_papers_figure(imported: Imported) -> None:
    (people,) = [row for row in hallucination_table(open_runs([imported.run])) if row["who"] == "people"]
    rates = load_reference().hallucination_rates["mlr-agent"]
    # The published file has nine of the ten papers, and the rates are of ten: the missing one had none.
    assert {kind: cell["yes"] * 10 for kind, cell in people["types"].items()} == rates
    assert {cell["n"] for cell in people["types"].values()} == {9}
    assert people["types"]["mathematical_error"]["not_sure"] == 4


def test_the_paper_stands_below_our_rows_and_is_not_called_incomparable(imported: Imported) -> None:
    text = render(open_runs([imported.run]), "md")
    assert "| paper: Ministral-8B | mlr-agent | gemini-2.5-pro-preview-03-25 | 201 | 9.22 ± 0.57 |" in text
    assert "not comparable" not in text
