"""Stated arithmetic: what the document's own numbers refute is told, and every other reading of it is not."""

import random
from datetime import date
from pathlib import Path

import pytest

from pytest_mlrbench.audits import Finding
from pytest_mlrbench.evidence.checks import Case, subject_of_folder
from pytest_mlrbench.evidence.checks.arithmetic import run
from pytest_mlrbench.evidence.checks.mathtext import problem

TABLE = """\
# A study

| Method | RMSE | Accuracy |
|---|---|---|
| ridge | 0.5519 | 0.712 |
| lasso | 0.5043 | 0.731 |
| kernel-net | 0.4412 | 0.784 |

"""


def told(tmp_path: Path, prose: str, table: str = TABLE) -> list[Finding]:
    (tmp_path / "results").mkdir(exist_ok=True)
    (tmp_path / "results" / "results.md").write_text(table + prose + "\n")
    return run(Case(subject_of_folder(tmp_path, today=date(2026, 11, 23)))).findings


def severities(found: list[Finding]) -> list[str]:
    return [one.severity for one in found]


@pytest.mark.parametrize(
    "sentence",
    [
        "Accuracy improves from 71.2 to 78.4, a 14.5 % relative gain.",
        "Accuracy rises from 71.2 to 78.4 (a 14.5 % improvement).",
        "On digits the accuracy improves by 14.5 % from 71.2 to 78.4 on the test set.",
        "It solves 12 of 50 tasks (34 %).",
        "A share of 31.5 % (12/50) was solved.",
    ],
)
def test_what_a_sentence_states_in_full_and_wrongly_fails(tmp_path: Path, sentence: str) -> None:
    found = told(tmp_path, sentence)
    assert severities(found) == ["fail"]
    assert found[0].evidence[0].line == 9
    assert found[0].type == "mathematical_error"


@pytest.mark.parametrize(
    "sentence",
    [
        "Accuracy improves from 71.2 to 78.4, a 10.1 % relative gain.",
        "Accuracy improves from 71.2 to 78.4, a gain of 7.2 points.",
        "Accuracy improves from 71.2 to 78.4, a 9.2 % gain.",
        "Accuracy improves from 71.2 to 78.4, a 25 % reduction of the error.",
        "Accuracy improves from 71.2 to 78.4, about a 10 % gain.",
        "Accuracy improves from 0.712 to 0.784 (a 7.2 % improvement).",
        "It solves 12 of 50 tasks (24 %).",
        "It solves 1 of 3 tasks (33.3 %).",
        "It solves 2 of 3 tasks (66 %).",
        "It fails in 12 of 50 tasks (76 % solved).",
        "We ran 5 of 10 seeds (95 % CI).",
        "The data are split 80/10/10 train/validation/test.",
        "The budget is $5 to $10 per task.",
        "It was run on 3/14/2026 (50 % load).",
    ],
)
def test_what_some_reading_makes_right_is_not_told(tmp_path: Path, sentence: str) -> None:
    assert told(tmp_path, sentence) == []


@pytest.mark.parametrize(
    "sentence",
    [
        "Ridge loses 1.3 points from 0 to 40 % noise.",
        "Ridge loses 1.3 points from 10 to 40 % label noise.",
        "Accuracy drops by 1.3 points as the share of masked pixels grows from 20 to 40 %.",
        "Raising the depth from 2 to 8 layers gains 1.3 points.",
        "Raising the sparsity from 20 to 80 % costs a further 1.3 % drop.",
    ],
)
def test_the_ends_of_a_sweep_are_no_operands(tmp_path: Path, sentence: str) -> None:
    assert "fail" not in severities(told(tmp_path, sentence))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("kernel-net reduces RMSE by 20.1 % compared with ridge.", "kernel-net reduces RMSE by 26.1 % compared with ridge."),
        ("kernel-net improves accuracy by 7.2 points over ridge.", "kernel-net improves accuracy by 9.4 points over ridge."),
        ("kernel-net gives a 12.5 % reduction in RMSE over lasso.", "kernel-net gives a 16.5 % reduction in RMSE over lasso."),
        ("lasso achieves 2.7 % higher accuracy than ridge.", "lasso achieves 4.9 % higher accuracy than ridge."),
        ("kernel-net outperforms ridge by 10.1 % in accuracy.", "kernel-net outperforms ridge by 14.1 % in accuracy."),
    ],
)
def test_a_change_between_cells_warns_when_wrong(tmp_path: Path, right: str, wrong: str) -> None:
    assert told(tmp_path, right) == []
    found = told(tmp_path, wrong)
    assert severities(found) == ["warn"]
    assert {quote.line for quote in found[0].evidence} >= {9, 7} or {quote.line for quote in found[0].evidence} >= {9, 6}


def test_broken_percentages_are_found_in_95_of_100_cases(tmp_path: Path) -> None:
    """True sentences about random tables are not told; changed by 15 to 40 % they are."""
    rng = random.Random(11)
    forms = [
        "{a} reduces RMSE by {p:.1f} % compared with {b}.",
        "{a} achieves a {p:.1f}% reduction in RMSE over {b}.",
        "Compared with {b}, {a} lowers RMSE by {p:.1f} %.",
        "{a} improves RMSE by {p:.1f}% relative to {b}.",
        "{a} outperforms {b} by {p:.1f} % in RMSE.",
        "RMSE drops from {y:.3f} ({b}) to {x:.3f} ({a}), a {p:.1f} % relative improvement.",
    ]
    missed, false = [], []
    for case in range(120):
        low, high = sorted(rng.uniform(0.2, 0.9) for _ in range(2))
        names = ["alpha-net", "beta-net"]
        table = (
            f"# T\n\n| Method | RMSE | R2 |\n|---|---|---|\n| alpha-net | {low:.3f} | {rng.uniform(0.3, 0.9):.3f} |\n| "
            f"beta-net | {high:.3f} | 0.512 |\n\n"
        )
        share = 100 * (round(high, 3) - round(low, 3)) / round(high, 3)
        if share < 4:
            continue
        form = forms[case % len(forms)]
        values = {"a": names[0], "b": names[1], "x": low, "y": high}
        right = form.format(p=share, **values)
        broken = form.format(p=share * rng.choice([rng.uniform(1.15, 1.4), rng.uniform(0.6, 0.85)]), **values)
        if told(tmp_path, right, table):
            false.append(right)
        if not told(tmp_path, broken, table):
            missed.append((broken, low, high))
    assert false == []
    assert len(missed) <= 5, missed


def column(rows: list[tuple[str, str, str, str]]) -> str:
    return (
        "# T\n\n| Metric | Base | Ours | Improvement (%) |\n|---|---|---|---|\n"
        + "\n".join(f"| {' | '.join(row)} |" for row in rows)
        + "\n\n"
    )


ROWS = [("A", "10.0", "12.0", "20.0"), ("B", "50.0", "55.0", "10.0"), ("C", "4.00", "5.00", "25.0"), ("D", "80.0", "84.0", "5.0")]


def test_one_wrong_cell_in_a_column_of_changes_fails(tmp_path: Path) -> None:
    assert told(tmp_path, "", column(ROWS)) == []
    assert severities(told(tmp_path, "", column([*ROWS[:3], ("D", "80.0", "84.0", "15.0")]))) == ["fail"]


def test_where_other_rows_do_not_show_the_rule_it_is_a_warning_at_most(tmp_path: Path) -> None:
    assert severities(told(tmp_path, "", column([ROWS[0], ("D", "80.0", "84.0", "15.0")]))) == ["warn"]


def test_means_of_ratios_are_no_error(tmp_path: Path) -> None:
    """Per-seed improvements, averaged: no row follows from the means beside it."""
    rows = [
        ("A", "10.0 ± 1.0", "12.0 ± 0.9", "20.9"),
        ("B", "50.0 ± 4.0", "55.0 ± 3.0", "10.7"),
        ("C", "4.00 ± 0.40", "5.00 ± 0.30", "26.1"),
    ]
    assert told(tmp_path, "", column(rows)) == []


def averages(last: str) -> str:
    rows = ["| x | 0.70 | 0.60 | 0.80 | 10.0 |", "| y | 0.80 | 0.70 | 0.84 | 20.0 |", f"| Average | 0.75 | 0.65 | 0.82 | {last} |"]
    return "# T\n\n| Data | F1 | Recall | AUC | Loss |\n|---|---|---|---|---|\n" + "\n".join(rows) + "\n\n"


def test_a_mean_beside_columns_of_budgets_is_not_theirs(tmp_path: Path) -> None:
    rows = "| none | 0 | 0 | 3.765 |\n| grid | 18 | 1440 | 3.367 |\n| random | 8 | 640 | 3.422 |"
    assert told(tmp_path, "", f"| Search | Fits | Trees | Mean |\n|---|---|---|---|\n{rows}\n\n") == []


def test_an_average_outside_its_parts_fails_where_the_others_are_exact(tmp_path: Path) -> None:
    assert told(tmp_path, "", averages("15.0")) == []
    assert severities(told(tmp_path, "", averages("25.0"))) == ["fail"]
    assert severities(told(tmp_path, "", averages("17.0"))) == ["warn"]


def test_a_bold_value_that_another_beats_warns(tmp_path: Path) -> None:
    table = TABLE.replace("0.5043", "**0.5043**")
    (found,) = told(tmp_path, "", table)
    assert found.severity == "warn"
    assert "0.4412" in found.message
    assert told(tmp_path, "", TABLE.replace("0.4412", "**0.4412**")) == []


def test_a_whole_row_in_bold_is_a_matter_of_style(tmp_path: Path) -> None:
    assert told(tmp_path, "", TABLE.replace("| lasso | 0.5043 | 0.731 |", "| **lasso** | **0.5043** | **0.731** |")) == []


def test_shares_that_do_not_make_a_whole_warn(tmp_path: Path) -> None:
    table = "# T\n\n| Class | Share (%) |\n|---|---|\n| a | 40.0 |\n| b | 35.0 |\n| c | {} |\n\n"
    assert severities(told(tmp_path, "", table.format("31.0"))) == ["warn"]
    assert told(tmp_path, "", table.format("25.0")) == []


@pytest.mark.parametrize(
    "formula",
    [r"\frac{a}{b", r"a}", r"\begin{cases} a", r"\left( a", r"x_{a}_{b}", r"\end{aligned}"],
)
def test_latex_that_cannot_be_set_is_named(formula: str) -> None:
    assert problem(formula)


@pytest.mark.parametrize(
    "formula",
    [
        r"\frac{a}{b} \left[ \{x_i\}_{i=1}^n \right)",
        r"\begin{cases} a & b \\ c & d \end{cases}",
        r"\{y^{(i)}_{1:T}\}_{i=1}^k",
        r"\left\{ \hat{y}_{t-1} \right\}",
        r"50\% \text{ of } x^{2}_{i}",
        r"a_{i} b_{j}",
        r"\leftarrow \Rightarrow \rightarrow x",
    ],
)
def test_latex_that_can_be_set_is_not(formula: str) -> None:
    assert problem(formula) == ""


def test_a_broken_formula_in_a_paper_warns_and_money_does_not(tmp_path: Path) -> None:
    assert severities(told(tmp_path, "We minimise $\\frac{a}{b$ here.")) == ["warn"]
    assert told(tmp_path, "It costs $5 for {a} and $10 for b_{1}.") == []


WIDE = """\
# NOVA: a study

| Method | Avg. Reward | Fit time (s) | Recall@5 |
|---|---|---|---|
| NOVA-full | 0.612 | 18.4 | 0.875 |
| Ridge | 0.553 | 12.3 | 0.755 |
| Lasso | 0.508 | 15.1 | 0.691 |

| Method | Data reduction (%) |
|---|---|
| NOVA-full | 29.0 |
| Ridge | 0.0 |
| Lasso | 20.0 |

"""


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("Compared to Ridge, NOVA-full shows 10.7% higher reward and 15.9% higher recall@5.", ("15.9", "23.9")),
        ("Compared to Ridge, NOVA-full shows:\n- 10.7% higher average reward", ("10.7", "15.7")),
        ("NOVA-full improves recall@5 and average reward by 15.9% and 10.7% over Ridge, respectively.", ("10.7", "16.7")),
        ("NOVA-full gains 15.9% over Ridge and 26.6% over Lasso in recall@5.", ("26.6", "35.1")),
        ("NOVA-full improves recall@5 by about 16% over Ridge.", ("16%", "22%")),
        ("NOVA-full improves recall@5 by up to 26.6%.", ("26.6", "38.1")),
        ("NOVA-full improves recall@5 by over 25% relative to Lasso.", ("25%", "14%")),
        ("NOVA improves recall@5 by 15.9% over Ridge.", ("15.9", "9.3")),
        ("NOVA-full raises the fit time by 49.6% over Ridge.", ("49.6", "61.2")),
        ("NOVA-full reduces the data by 29%.", ("29%", "41%")),
        ("NOVA-full reaches a recall@5 of 0.875. This is a 15.9% gain over the best baseline.", ("15.9", "26.6")),
        ("On recall@5, NOVA-full (0.875) improves over Ridge (0.755) by 15.9 %.", ("15.9", "20.9")),
    ],
)
def test_a_change_is_compared_with_the_cells_that_its_sentence_means(tmp_path: Path, right: str, wrong: tuple[str, str]) -> None:
    assert told(tmp_path, right, WIDE) == []
    assert severities(told(tmp_path, right.replace(*wrong), WIDE)) == ["warn"]


@pytest.mark.parametrize(
    "sentence",
    [
        "NOVA-full gives a 31.3% gain in readability over Ridge.",
        "NOVA-full leads in readability (31.3% improvement) and recall@5 (15.9% improvement) over Ridge.",
        "NOVA-full might improve recall@5 by 40% over Ridge.",
        "The goal was a 40% improvement in recall@5 over Ridge.",
        "Removing the prior of NOVA-full reduces recall@5 by 31.3%.",
        "After 20 epochs NOVA-full is 31.3% better in recall@5 than Ridge.",
        "Recall@5 of NOVA-full rises to 87.5% on the data.",
        "Earlier work (Smith et al., 2020) improves recall@5 by 31.3% over Ridge.",
        "Across the baselines NOVA-full improves recall@5 by 21.3% on average.",
    ],
)
def test_a_change_of_which_the_tables_do_not_speak_is_not_told(tmp_path: Path, sentence: str) -> None:
    assert told(tmp_path, sentence, WIDE) == []


def test_a_change_is_compared_with_the_runs_data_where_no_document_has_a_table_of_its_names(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "scores.json").write_text('{"alpha-net": {"accuracy": 0.842}, "beta-net": {"accuracy": 0.713}}')
    table = "# T\n\n| Setting | Value |\n|---|---|\n| seed | 3 |\n\n"
    assert told(tmp_path, "alpha-net improves accuracy by 18.1 % over beta-net.", table) == []
    (found,) = told(tmp_path, "alpha-net improves accuracy by 25.1 % over beta-net.", table)
    assert "results/scores.json" in {quote.file for quote in found.evidence}


def test_a_rival_of_which_no_name_is_known_leaves_nothing_to_compare_with(tmp_path: Path) -> None:
    assert told(tmp_path, "NOVA-full gains 31.3% over old filters and 26.6% over Lasso in recall@5.", WIDE) == []
