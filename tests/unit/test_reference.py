"""results.reference: the paper's numbers, pinned by sums that a typo would break and by the published reviews themselves."""

import json
import os
from collections import defaultdict
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import pytest

from pytest_mlrbench.errors import ConfigError
from pytest_mlrbench.keys import GRADED
from pytest_mlrbench.results.reference import (
    PublishedScore,
    load_reference,
    paper_model,
    read_reference,
    reference_value,
    reference_values,
)
from pytest_mlrbench.stages.rubric import REVIEW_KEYS
from pytest_mlrbench.tasks.catalogue import CATEGORIES

UPSTREAM = Path(__file__).resolve().parents[3] / "shared" / "data" / "upstream"
ROUNDING = 0.005 + 1e-9
"""Half of the last printed digit."""
SIX = ("Ministral-8B", "Deepseek-R1", "Claude-3.7-Sonnet", "Qwen3-235B-A22B", "o4-mini-high", "Gemini-2.5-Pro-Preview")
THREE = ("o4-mini-high", "Gemini-2.5-Pro-Preview", "Claude-3.7-Sonnet")


@pytest.fixture(scope="module")
def upstream() -> Path:
    if not UPSTREAM.is_dir():
        reason = f"the published data are not at {UPSTREAM}"
        if os.environ.get("CI") and os.environ.get("MLR_SHARED") != "none":
            pytest.fail(f"{reason}; set MLR_SHARED=none where they cannot be had")
        pytest.skip(reason)
    return UPSTREAM


def table(source: str) -> dict[tuple[str, str, str], PublishedScore]:
    """Agent, model, dimension -> cell of one table or figure."""
    return {(score.agent, score.model, score.dimension): score for score in load_reference().scores if score.source == source}


@pytest.mark.parametrize(
    ("source", "stage", "models", "dimensions", "n"),
    [
        ("Table 3", "idea", SIX, 6, 201),
        ("Table 4", "proposal", SIX, 7, 201),
        ("Table 5", "paper", THREE, 5, 10),
        ("Table 6", "end2end", THREE, 5, 10),
        ("Table 9", "idea", SIX, 6, 201),
        ("Table 10", "idea", SIX, 6, 201),
        ("Table 11", "proposal", SIX, 7, 201),
        ("Table 12", "proposal", SIX, 7, 201),
        ("Table 13", "paper", THREE, 5, 10),
        ("Table 14", "paper", THREE, 5, 10),
        ("Table 15", "end2end", THREE, 5, 10),
        ("Table 16", "end2end", THREE, 5, 10),
        ("Table 8", "end2end", ("o4-mini", "o4-mini-high"), 5, 10),
        ("Table 17", "end2end", ("o4-mini", "o4-mini-high"), 5, 10),
        ("Table 18", "end2end", ("o4-mini", "o4-mini-high"), 5, 10),
    ],
)
def test_every_table_has_all_its_rows_and_columns(
    source: str, stage: str, models: tuple[str, ...], dimensions: int, n: int
) -> None:
    cells = table(source)
    assert {score.stage for score in cells.values()} == {stage}
    assert {score.n for score in cells.values()} == {n}
    assert tuple(dict.fromkeys(score.model for score in cells.values())) == models
    assert len(cells) == len(models) * dimensions


@pytest.mark.parametrize(
    ("averaged", "gemini", "claude"),
    [
        ("Table 3", "Table 9", "Table 10"),
        ("Table 4", "Table 11", "Table 12"),
        ("Table 5", "Table 13", "Table 14"),
        ("Table 6", "Table 15", "Table 16"),
        ("Table 8", "Table 17", "Table 18"),
    ],
)
def test_an_averaged_table_is_the_mean_of_its_two_judges_tables(averaged: str, gemini: str, claude: str) -> None:
    for place, score in table(averaged).items():
        first, second = table(gemini)[place], table(claude)[place]
        # The judges' cells are rounded too, so the mean of two of them may be off by half a digit more.
        assert abs(score.mean - (first.mean + second.mean) / 2) <= ROUNDING, place
        assert score.judge == "mean"
        assert first.judge.startswith("gemini-2.5-pro-preview")
        assert second.judge == "claude-3-7-sonnet-20250219"


@pytest.mark.parametrize(("again", "first"), [("Table 8", "Table 6"), ("Table 17", "Table 15"), ("Table 18", "Table 16")])
def test_the_scaffold_comparison_prints_the_same_row_for_mlr_agent(again: str, first: str) -> None:
    rows = {place: score for place, score in table(again).items() if place[0] == "mlr-agent"}
    assert len(rows) == 5
    for place, score in rows.items():
        assert (score.mean, score.sd) == (table(first)[place].mean, table(first)[place].sd)


@pytest.mark.parametrize(
    ("source", "means", "sds"),
    # Sums over all cells, taken from the text of the paper and not from our files.
    [
        ("Table 3", 288.75, 13.76),
        ("Table 4", 334.96, 19.13),
        ("Table 5", 100.50, 12.43),
        ("Table 6", 82.25, 10.39),
        ("Table 8", 53.40, 7.54),
        ("Table 9", 293.17, 21.38),
        ("Table 10", 284.14, 16.77),
        ("Table 11", 338.87, 25.19),
        ("Table 12", 330.85, 13.81),
        ("Table 13", 88.90, 22.00),
        ("Table 14", 112.10, 12.94),
        ("Table 15", 68.50, 18.96),
        ("Table 16", 96.00, 8.99),
        ("Table 17", 50.70, 13.16),
        ("Table 18", 56.10, 6.87),
    ],
)
def test_means_and_standard_deviations_of_a_table_add_up(source: str, means: float, sds: float) -> None:
    assert sum(score.mean for score in table(source).values()) == pytest.approx(means, abs=1e-6)
    assert sum(score.sd or 0.0 for score in table(source).values()) == pytest.approx(sds, abs=1e-6)


def test_fig_3_has_its_fourteen_means_in_the_order_of_its_bars() -> None:
    bars = list(table_in_order("Fig. 3"))
    assert [score.mean for score in bars] == [4.70, 4.30, 4.40, 2.80, 3.10, 2.80, 3.00, 8.80, 7.70, 6.90, 6.70, 5.90, 6.60, 6.90]
    assert [score.dimension for score in bars[:7]] == [
        "Consistency",
        "Completeness",
        "Novelty",
        "Soundness",
        "Insightfulness",
        "Significance",
        "Overall",
    ]
    assert [score.dimension for score in bars[7:]] == [score.dimension for score in bars[:7]]
    assert all(score.sd is None and score.n == 10 and score.stage == "experiment" for score in bars)


def table_in_order(source: str) -> list[PublishedScore]:
    return [score for score in load_reference().scores if score.source == source]


def test_every_dimension_and_stage_is_one_the_rubrics_know() -> None:
    known = {name for name, _ in REVIEW_KEYS.values()}
    assert {score.dimension for score in load_reference().scores} <= known
    assert {score.stage for score in load_reference().scores} == set(GRADED)


def test_costs_are_those_of_tables_6_and_8() -> None:
    assert [(cost.source, cost.agent, cost.model, cost.usd) for cost in load_reference().costs] == [
        ("Table 6", "mlr-agent", "o4-mini-high", 1.15),
        ("Table 6", "mlr-agent", "Gemini-2.5-Pro-Preview", 1.24),
        ("Table 6", "mlr-agent", "Claude-3.7-Sonnet", 2.40),
        ("Table 8", "ai-scientist-v2", "o4-mini", 1.88),
        ("Table 8", "mlr-agent", "o4-mini-high", 1.15),
    ]


def test_category_counts_cover_the_nine_categories_and_add_up_to_201() -> None:
    counts = load_reference().category_counts
    assert tuple(counts) == CATEGORIES
    assert sum(counts.values()) == 201


def test_the_judge_panel_gave_soundness_3_73_over_the_thirty_papers() -> None:
    # Section 5 of the paper says 3.73; Table 6 has ten papers of each of three models.
    cells = [score.mean for place, score in table("Table 6").items() if place[2] == "Soundness"]
    assert round(fmean(cells), 2) == 3.73


def test_hallucination_rates_are_tenths_of_ten_papers() -> None:
    rates = load_reference().hallucination_rates
    assert {agent: list(of.values()) for agent, of in rates.items()} == {
        "ai-scientist-v2": [100, 90, 30, 10],
        "mlr-agent": [80, 60, 50, 0],
    }


def test_every_unreproduced_statement_says_claim_finding_and_what_we_do_instead() -> None:
    entries = load_reference().not_reproduced
    assert len({entry.id for entry in entries}) == len(entries) >= 6
    for entry in entries:
        assert all(text and "\n" not in text for text in (entry.source, entry.claim, entry.found, entry.ours)), entry.id


# -- looking values up ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("openai/o4-mini", "o4-mini-high"),
        ("o4-mini-2025-04-16", "o4-mini-high"),
        ("anthropic/claude-3-7-sonnet-20250219", "Claude-3.7-Sonnet"),
        ("openrouter/anthropic/claude-3.7-sonnet", "Claude-3.7-Sonnet"),
        ("gemini/gemini-2.5-pro-preview-05-06", "Gemini-2.5-Pro-Preview"),
        ("deepseek/deepseek-reasoner", "Deepseek-R1"),
        ("mistral/ministral-8b-latest", "Ministral-8B"),
        ("openai/o4-mini-deep-research", None),
        ("gemini/gemini-2.5-flash", None),
        ("offline", None),
    ],
)
def test_a_model_id_is_matched_to_the_papers_model(model: str, name: str | None) -> None:
    assert paper_model(model) == name


def test_the_papers_own_model_names_match_themselves() -> None:
    assert [paper_model(name) for name in SIX] == list(SIX)


def test_a_panel_value_is_found_by_model_id() -> None:
    value = reference_value("end2end", "anthropic/claude-3-7-sonnet-20250219", "mean", "Overall")
    assert value is not None
    assert (value.mean, value.sd, value.n, value.source, value.coder) == (4.70, 1.22, 10, "Table 6", "claude-code")


def test_a_judge_fits_whatever_its_snapshot_and_the_value_names_the_papers() -> None:
    value = reference_value("idea", "Ministral-8B", "gemini/gemini-2.5-pro-preview-06-05", "Novelty")
    assert value is not None
    assert (value.mean, value.judge) == (6.57, "gemini-2.5-pro-preview-03-25")


def test_a_judge_the_paper_did_not_use_has_no_value() -> None:
    assert reference_value("idea", "Ministral-8B", "openai/gpt-5", "Novelty") is None
    assert reference_values(stage="idea", judge="openai/o4-mini") == ()


def test_a_model_the_paper_did_not_test_has_no_value() -> None:
    assert reference_values(model="offline") == ()
    assert reference_value("paper", "Deepseek-R1", "mean", "Overall") is None


def test_a_cell_printed_twice_is_returned_once() -> None:
    values = reference_values(stage="end2end", model="o4-mini", judge="mean")
    assert [(value.dimension, value.source) for value in values] == [
        (name, "Table 6") for name in ("Clarity", "Novelty", "Soundness", "Significance", "Overall")
    ]


def test_the_other_scaffold_is_left_out_unless_asked_for() -> None:
    assert {value.agent for value in reference_values()} == {"mlr-agent"}
    assert {value.agent for value in reference_values(agent=None)} == {"mlr-agent", "ai-scientist-v2"}
    value = reference_value("end2end", "o4-mini", "mean", "Overall", agent="ai-scientist-v2")
    assert value is not None
    assert (value.mean, value.coder) == (4.25, None)


def test_the_panels_experiment_scores_are_made_from_fig_3_and_say_so() -> None:
    value = reference_value("experiment", "claude-3-7-sonnet-20250219", "mean", "Overall")
    assert value is not None
    assert (value.mean, value.sd, value.source) == (4.95, None, "mean of the 2 judges of Fig. 3")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "scores.yaml").write_text("tables: [}", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"scores\.yaml cannot be read"):
        read_reference(tmp_path)


def test_a_row_with_a_missing_cell_is_refused(tmp_path: Path) -> None:
    (tmp_path / "scores.yaml").write_text(
        "source: x\nmodels: {}\nsettings: {}\ntables:\n"
        "- {source: T, stage: idea, judge: mean, n: 1, dimensions: [Clarity, Overall], rows: [{model: m, values: [[1, 2]]}]}\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError, match="shorter"):
        read_reference(tmp_path)


# -- against the published reviews ------------------------------------------------------------------------------------

FILES = {
    # source: (folder of reviews, {model: file pattern})
    "Table 9": (
        "idea_proposal_reviews_gemini-2.5-pro-preview-03-25",
        {
            "Ministral-8B": "idea/idea_ministral-8b",
            "Deepseek-R1": "idea/idea_deepseek-r1",
            "Claude-3.7-Sonnet": "idea/idea_claude-3-7-*",
        },
    ),
    "Table 12": (
        "idea_proposal_reviews_claude-3-7-sonnet-20250219",
        {
            "Ministral-8B": "proposal/proposal_ministral-8b",
            "Deepseek-R1": "proposal/proposal_deepseek-r1",
            "Claude-3.7-Sonnet": "proposal/proposal_claude-3-7-*",
        },
    ),
    "Table 13": (
        "subset_reviews_gemini-2.5-pro-preview",
        {"o4-mini-high": "paper/o4-mini-*", "Claude-3.7-Sonnet": "paper/claude-3-7-*"},
    ),
    "Table 14": ("subset_reviews_claude-3-7-sonnet-20250219", {"o4-mini-high": "paper/o4-mini-*"}),
    "Table 15": ("subset_reviews_gemini-2.5-pro-preview", {"o4-mini-high": "review_o4-mini", "Claude-3.7-Sonnet": "review_claude"}),
    "Table 16": (
        "subset_reviews_claude-3-7-sonnet-20250219",
        {"o4-mini-high": "review_o4-mini", "Claude-3.7-Sonnet": "review_claude"},
    ),
}


def scores_of(folder: Path, pattern: str) -> dict[str, list[float]]:
    """Dimension -> scores of the reviews that fit."""
    found: dict[str, list[float]] = defaultdict(list)
    for path in sorted(folder.glob(f"*/{pattern}.json")):
        review: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for key, value in review.items():
            if isinstance(value, dict) and "score" in value:
                found["Overall" if key == "OverallAssessment" else key].append(float(value["score"]))
    return found


@pytest.mark.shared
@pytest.mark.parametrize("source", FILES)
def test_per_judge_means_and_population_sds_come_out_of_the_published_reviews(source: str, upstream: Path) -> None:
    folder, models = FILES[source]
    for model, pattern in models.items():
        found = scores_of(upstream / "agent_reviews" / folder, pattern)
        for (_, name, dimension), cell in table(source).items():
            if name != model:
                continue
            assert len(found[dimension]) == cell.n
            assert abs(fmean(found[dimension]) - cell.mean) <= ROUNDING, (model, dimension)
            assert cell.sd is not None
            assert abs(pstdev(found[dimension]) - cell.sd) <= ROUNDING, (model, dimension)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("judge", "folder"),
    [
        ("gemini-2.5-pro-preview", "subset_reviews_gemini-2.5-pro-preview"),
        ("claude-3-7-sonnet-20250219", "subset_reviews_claude-3-7-sonnet-20250219"),
    ],
)
def test_fig_3_comes_out_of_the_published_reviews(judge: str, folder: str, upstream: Path) -> None:
    found = scores_of(upstream / "agent_reviews" / folder, "experiments/claude")
    for score in table_in_order("Fig. 3"):
        if score.judge == judge:
            assert fmean(found[score.dimension]) == pytest.approx(score.mean, abs=ROUNDING)


@pytest.mark.shared
def test_the_human_study_comes_out_as_the_notes_say(upstream: Path) -> None:
    import csv

    from scipy.stats import mannwhitneyu

    with (upstream / "human_eval" / "merge_data.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    papers: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        papers[row["model_name"], row["workshop_name"]].append(row)
    for dimension, expected in load_reference().human_study.items():
        human, judge = f"{dimension}_human", f"{dimension}_llm"
        people = [abs(float(a[human]) - float(b[human])) for a, b in (pair for pair in papers.values() if len(pair) == 2)]
        panel = [abs(float(row[human]) - float(row[judge])) for row in rows]
        assert (len(people), len(panel)) == load_reference().human_pairs
        test = mannwhitneyu(people, panel, alternative="two-sided")
        assert test.statistic == expected.u
        assert round(float(test.pvalue), 6) == expected.p_recomputed
        assert abs(expected.p - expected.p_recomputed) > 0.001
