"""The check `impossible`: numbers that no data can have are found, and no report made from real data alarms."""

import math
import random
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_mlrbench.audits import Finding
from pytest_mlrbench.evidence.checks import Case, subject_of_folder
from pytest_mlrbench.evidence.checks.impossible import CHECK
from pytest_mlrbench.evidence.checks.impossible_math import grim, grimmer, sd_limit


def findings(text: str, code: str = "") -> list[Finding]:
    """What the check says of a results.md, with a program beside it."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "results").mkdir()
        (root / "results" / "results.md").write_text(text)
        if code:
            (root / "code").mkdir()
            (root / "code" / "run.py").write_text(code)
        return CHECK.run(Case(subject_of_folder(root))).findings


def severities(text: str, code: str = "") -> list[str]:
    return [found.severity for found in findings(text, code)]


def table(header: str, *rows: str) -> str:
    columns = header.count("|") + 1
    return "\n".join(["# Results", "", f"| {header} |", "|---" * columns + "|", *(f"| {row} |" for row in rows), ""])


EVALUATED = "We tested each prompt once on a test set of 50 questions.\n\n"


def test_accuracies_that_no_count_of_fifty_gives_fail_and_quote_the_count() -> None:
    found = findings(EVALUATED + table("Model | Accuracy (%)", "A | 73.37", "B | 61.73", "C | 58.57", "D | 60.00"))
    assert [one.severity for one in found] == ["fail"]
    assert "60.00" not in found[0].message
    assert "73.37" in found[0].message
    assert any("test set of 50" in quote.quote for quote in found[0].evidence)
    assert found[0].scope == "results"


def test_several_answers_to_a_question_may_have_been_left_unsaid() -> None:
    assert severities(EVALUATED + table("Model | Accuracy (%)", "A | 73.3", "B | 61.5", "C | 58.5")) == ["warn"]  # of 150 and 200


def test_one_such_accuracy_is_a_warning() -> None:
    assert severities(EVALUATED + table("Model | Accuracy (%)", "A | 73.3", "B | 62.0", "C | 58.0")) == ["warn"]


@pytest.mark.parametrize(
    "prefix",
    [
        "A test set of 50 questions, a validation set of 60 questions.\n\n",  # 73.3 = 44/60, 61.7 = 37/60
        "",
        "Test sets of some size; the training set has 50 examples.\n\n",
        "We use a test set of 50 questions on one task and a test set of 120 examples on the other.\n\n",
    ],
)
def test_a_count_that_the_text_explains_is_none(prefix: str) -> None:
    assert severities(prefix + table("Model | Accuracy (%)", "A | 73.3", "B | 61.7", "C | 58.3")) == []


def test_an_average_over_stated_seeds_is_a_count_of_all_of_them() -> None:
    text = "We average over 3 seeds on a test set of 50 questions.\n\n"
    assert severities(text + table("Model | Accuracy (%)", "A | 73.3", "B | 61.3", "C | 58.7")) == []  # 110, 92, 88 of 150
    assert severities(text + table("Model | Accuracy (%)", "A | 73.3", "B | 61.7", "C | 58.7")) == ["warn"]


def test_batches_explain_what_no_count_does() -> None:
    text = EVALUATED + table("Model | Accuracy (%)", "A | 73.37", "B | 61.73", "C | 58.57")
    assert severities(text, "for batch in loader: accuracies.append(correct / len(batch))") == ["warn"]


@pytest.mark.parametrize(
    "name", ["Balanced Accuracy (%)", "Macro accuracy (%)", "F1 (%)", "Worst-Group Accuracy (%)", "Token acc. (%)"]
)
def test_means_over_classes_are_no_counts(name: str) -> None:
    assert severities(EVALUATED + table(f"Model | {name}", "A | 73.3", "B | 61.7", "C | 58.5")) == []


def test_the_count_may_stand_in_a_column() -> None:
    rows = ("A | 7 | 71.4", "B | 7 | 57.1", "C | 7 | 42.9")
    assert severities(table("Model | n_test | Accuracy (%)", *rows)) == []
    assert severities(table("Model | n_test | Accuracy (%)", "A | 7 | 73.3", "B | 7 | 61.7", "C | 7 | 59.1")) == ["fail"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The agent solved 45/50 (92%) of the tasks.", ["fail"]),
        ("It solved 12 out of 17 tasks (76.6%).", ["fail"]),
        ("Success: 76.6% (12/17).", ["fail"]),
        ("It solved 12 out of 17 tasks (70.6%).", []),
        ("It failed on 45/50 (10%).", []),
        ("Accuracy: 9890/10000 (99%)", []),
        ("Train epoch 3/10 (45%)", []),
        ("It solved 12 of 17 tasks, 30% more than before.", []),
        ("See Table 1/2 (30%).", []),
        ("The agent solved 5/10 (95% CI 20-80).", []),
        ("The top 1/5 accuracy (76.1%) is good.", []),
        ("We use a 20/80 split (95%) of Llama 7/13 (62%).", []),
        ("It kept 2 of 6 layers (90%).", []),
    ],
)
def test_a_count_beside_its_share(text: str, expected: list[str]) -> None:
    assert severities(text) == expected


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        ("Model | Accuracy (%)", "A | 103.2", ["fail"]),
        ("Model | Accuracy", "A | 103.2", ["warn"]),
        ("Model | Accuracy (0-1)", "A | 1.32", ["fail"]),
        ("Model | Accuracy gain (%)", "A | 103.2", []),
        ("Model | Accuracy (% of baseline)", "A | 103.2", []),
        ("Model | Word error rate (%)", "A | 103.2", []),
        ("Model | Accuracy", "A | +3.2", []),
        ("Model | R²", "A | 0.91", []),
        ("Model | R²", "A | -3.1", []),
        ("Metric | Weight", "Accuracy | 0.4", []),
        ("Std | Model", "A | -0.2", []),
    ],
)
def test_ranges(header: str, row: str, expected: list[str]) -> None:
    assert severities(table(header, row)) == expected


def test_a_retention_in_percent_of_the_full_model_is_a_warning_at_most() -> None:
    text = "Accuracy is relative to full fine-tuning.\n\n" + table("Model | Accuracy (%)", "full | 100.0", "ours | 103.2")
    assert severities(text) == ["warn"]


def test_a_negative_standard_deviation_fails() -> None:
    assert severities(table("Model | Accuracy (%) | Std", "A | 90.1 | -0.2", "B | 91.0 | 0.3")) == ["fail"]


def test_sd_may_be_a_diffusion_model() -> None:
    assert severities(table("Prompt | SD | SDXL", "A | -0.2 | 0.3", "B | 0.1 | 0.3")) == []


def test_a_spread_that_two_values_cannot_have() -> None:
    rows = table("Model | Accuracy (%)", "A | 95.0 ± 41.0", "B | 91.0 ± 0.3")
    assert severities("Mean and standard deviation.\n\n" + rows) == ["fail"]
    assert severities(rows) == ["warn"]
    assert severities("Standard deviation and 95% CI.\n\n" + rows) == ["warn"]
    assert severities(table("Model | Accuracy (%)", "A | 50.0 ± 50.0")) == []


RIGHT_F1 = ("A | 0.80 | 0.60 | 0.69", "B | 0.70 | 0.70 | 0.70", "C | 0.90 | 0.50 | 0.64")


def test_an_f1_above_what_precision_and_recall_allow_fails_where_the_other_rows_hold() -> None:
    assert severities(table("Model | Precision | Recall | F1", *RIGHT_F1)) == []
    found = findings(table("Model | Precision | Recall | F1", *RIGHT_F1, "D | 0.80 | 0.60 | 0.79"))
    assert [one.severity for one in found] == ["fail"]
    assert "0.6857" in found[0].message
    assert severities(table("Model | Precision | Recall | F1", "D | 0.80 | 0.60 | 0.79")) == ["warn"]


def test_a_macro_f1_below_the_harmonic_mean_is_no_finding() -> None:
    assert severities(table("Model | Precision | Recall | F1", *RIGHT_F1, "D | 0.80 | 0.60 | 0.40")) == []


def test_rmse_below_mae_fails_where_the_other_rows_hold_and_warns_elsewhere() -> None:
    rows = ("A | 0.50 | 0.40", "B | 0.61 | 0.52", "C | 0.33 | 0.30")
    assert severities(table("Model | RMSE | MAE", *rows)) == []
    assert severities(table("Model | RMSE | MAE", *rows, "D | 0.31 | 0.42")) == ["fail"]
    assert severities(table("Model | RMSE | MAE", "D | 0.31 | 0.42", "E | 0.30 | 0.41")) == ["warn", "warn"]
    assert severities(table("Model | Energy RMSE | Force MAE", *rows, "D | 0.31 | 0.42")) == []


def test_rmse_squared_is_at_most_mse() -> None:
    rows = ("A | 0.50 | 0.250", "B | 0.61 | 0.372", "C | 0.33 | 0.109")
    assert severities(table("Model | RMSE | MSE", *rows)) == []
    assert severities(table("Model | RMSE | MSE", *rows, "D | 0.70 | 0.310")) == ["fail"]


def test_accuracy_and_error_rate_make_one() -> None:
    rows = ("A | 91.2 | 8.8", "B | 90.0 | 10.0", "C | 70.5 | 29.5")
    assert severities(table("Model | Accuracy (%) | Error rate (%)", *rows)) == []
    assert severities(table("Model | Accuracy (%) | Error rate (%)", *rows, "D | 80.0 | 30.0")) == ["fail"]


def test_a_mean_outside_its_extremes() -> None:
    rows = ("A | 1.0 | 2.0 | 3.0", "B | 1.0 | 1.5 | 4.0", "C | 0.1 | 0.2 | 0.7")
    assert severities(table("Model | Min | Mean | Max", *rows)) == []
    assert severities(table("Model | Min | Mean | Max", *rows, "D | 1.0 | 5.2 | 3.0")) == ["fail"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The effect is significant, t(38) = 2.10, p = .042.", []),
        ("One-sided, t(38) = 2.10, p = .021.", []),
        ("It is significant, t(38) = 1.10, p = .003.", ["fail"]),
        ("It is significant, $t(38)=1.10$, $p<0.01$.", ["fail"]),
        ("Not so, t(38) = 2.10, p = .045.", ["warn"]),
        ("An ANOVA, F(2, 57) = 3.20, p = 0.048.", []),
        ("An ANOVA, F(2, 57) = 1.20, p = 0.008.", ["fail"]),
        ("χ²(2) = 7.10, p = .029", []),
        ("A test, $\\chi^2(2, N = 100) = 7.10$, $p = .0029$", ["fail"]),
        ("z = 2.10, p = .036", []),
        ("A z-test, z = 0.50, p < .001", ["fail"]),
        ("With the schedule t(1) = 0.5, p = 0.1 we start.", ["warn"]),
        ("r(38) = .31, p = .05", []),
        ("The correlation is r(38) = .11, p = .001", ["fail"]),
        ("t(38) = 12.1, p = 0.000", []),
        ("t(38) = -2.1, p = 0.979", []),
        ("t(38) = 1.10, p = .003 after Bonferroni correction of what, p_adj", []),
        ("t(38) = 1.10, p = .003 by a permutation test", []),
        ("With loss f(3) = 2.0 and p = 3", []),
        ("t(0) = 1.10, p = .003", ["warn"]),
    ],
)
def test_p_values(text: str, expected: list[str]) -> None:
    assert severities(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Accuracy 0.85 (95% CI: 0.80-0.90).", []),
        ("Accuracy 85.0% (95% CI [0.80, 0.90]).", []),
        ("Accuracy 0.95 (95% CI [0.80, 0.90]).", ["warn"]),
        ("Accuracy 0.85 (95% CI [0.90, 0.80]).", ["warn"]),
        ("A scores 0.85 versus 0.80 (95% CI of the difference [0.01, 0.09]).", []),
        ("We report the 95% CI [0.80, 0.90].", []),
    ],
)
def test_intervals(text: str, expected: list[str]) -> None:
    assert severities(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("On a 5-point Likert scale (M = 4.20, SD = 0.77, n = 20).", []),
        ("On a 5-point Likert scale (M = 4.80, SD = 1.90, n = 20).", ["fail"]),
        ("On a 5-point Likert scale (M = 4.23, SD = 0.77, n = 20).", ["warn"]),
        ("Latency (M = 4.23, SD = 0.77, n = 20).", []),
    ],
)
def test_ratings(text: str, expected: list[str]) -> None:
    assert severities(text) == expected


def test_without_a_number_to_check_there_is_no_evidence() -> None:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "results.md").write_text("# Results\n\nNothing came out.\n")
        assert CHECK.run(Case(subject_of_folder(Path(name)))).coverage.startswith("no evidence: ")


# Reports of true data never alarm. Each strategy draws data, computes what a program would print, and prints it in some style.

FORMATS: dict[str, Callable[[float], str]] = {
    "percent": lambda share: f"{100 * share:.1f}",
    "percent 2": lambda share: f"{100 * share:.2f}",
    "percent sign": lambda share: f"{share:.2%}",
    "fraction": lambda share: f"{share:.3f}",
    "fraction 4": lambda share: f"{share:.4f}",
    "cut off": lambda share: f"{math.floor(1000 * share) / 10:.1f}",
}


@settings(max_examples=150, deadline=None)
@given(
    n=st.integers(2, 3000),
    seed=st.integers(0, 10**6),
    style=st.sampled_from(sorted(FORMATS)),
    seeds=st.sampled_from([1, 1, 2, 3, 5, 10]),
    wording=st.sampled_from(["a test set of {n} examples", "{n} test questions", "a test split of {n:,} images"]),
)
def test_true_accuracies_of_counts_never_alarm(n: int, seed: int, style: str, seeds: int, wording: str) -> None:
    rng = random.Random(seed)
    shares = [statistics.fmean(rng.randint(0, n) / n for _ in range(seeds)) for _ in range(4)]
    said = f"Means over {seeds} seeds. " if seeds > 1 else ""
    text = f"{said}We evaluate on {wording.format(n=n)}.\n\n"
    text += table("Model | Accuracy", *(f"m{i} | {FORMATS[style](share)}" for i, share in enumerate(shares)))
    k = rng.randint(0, n)
    text += (
        f"\nThe best one solved {k} of {n} ({FORMATS['percent'](k / n)}%) and failed on {n - k}/{n} ({100 * (1 - k / n):.0f}%).\n"
    )
    assert findings(text) == []


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    digits=st.integers(2, 4),
    classes=st.integers(2, 6),
    averaged=st.sampled_from(["macro", "weighted", "binary"]),
)
def test_true_precision_recall_and_f1_never_alarm(seed: int, digits: int, classes: int, averaged: str) -> None:
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    rng = random.Random(seed)
    classes = 2 if averaged == "binary" else classes
    rows = []
    for index in range(4):
        truth = [rng.randrange(classes) for _ in range(60)]
        guess = [t if rng.random() < 0.6 else rng.randrange(classes) for t in truth]
        p, r, f1, _ = precision_recall_fscore_support(truth, guess, average=averaged, zero_division=0)
        rows.append(f"m{index} | {accuracy_score(truth, guess):.{digits}f} | {p:.{digits}f} | {r:.{digits}f} | {f1:.{digits}f}")
    assert findings(table("Model | Accuracy | Precision | Recall | F1", *rows)) == []


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**6), digits=st.integers(1, 4), runs=st.integers(1, 5), size=st.integers(2, 40))
def test_true_errors_and_spreads_never_alarm(seed: int, digits: int, runs: int, size: int) -> None:
    rng = random.Random(seed)
    rows = []
    for index in range(4):
        scale = 10 ** rng.uniform(-2, 2)
        errors = [[rng.gauss(0, scale) for _ in range(size)] for _ in range(runs)]
        mae = statistics.fmean(statistics.fmean(map(abs, one)) for one in errors)
        mse = statistics.fmean(statistics.fmean(e * e for e in one) for one in errors)
        rmse = statistics.fmean(math.sqrt(statistics.fmean(e * e for e in one)) for one in errors)
        values = [rng.betavariate(0.3, 0.3) for _ in range(max(2, runs))]
        mean, sd = statistics.fmean(values), statistics.stdev(values)
        numbers = [f"{value:.{digits}f}" for value in (mae, rmse, mse, mean, min(values), max(values), sd)]
        rows.append(f"m{index} | " + " | ".join(numbers) + f" | {100 * mean:.{digits}f} ± {100 * sd:.{digits}f}")
    header = "Model | MAE | RMSE | MSE | Mean | Min | Max | Std | Accuracy (%)"
    assert findings("Mean and standard deviation.\n\n" + table(header, *rows)) == []


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    size=st.integers(3, 40),
    digits=st.integers(2, 3),
    side=st.sampled_from(["two-sided", "less", "greater"]),
)
def test_true_tests_and_ratings_never_alarm(seed: int, size: int, digits: int, side: str) -> None:
    from scipy import stats

    rng = random.Random(seed)
    one = [rng.gauss(0, 1) for _ in range(size)]
    two = [rng.gauss(rng.uniform(0, 1), 1) for _ in range(size)]
    t = stats.ttest_ind(one, two, alternative=side)
    f = stats.f_oneway(one, two, [rng.gauss(0, 1) for _ in range(size)])
    r = stats.pearsonr(one, two)
    ratings = [rng.randint(1, 5) for _ in range(size)]
    text = (
        f"t({2 * size - 2}) = {t.statistic:.{digits}f}, p = {t.pvalue:.{digits}f}\n"
        f"F(2, {3 * size - 3}) = {f.statistic:.{digits}f}, p = {f.pvalue:.{digits}f}\n"
        f"r({size - 2}) = {r.statistic:.{digits}f}, p = {r.pvalue:.{digits}f}\n"
        f"On a 5-point Likert scale (M = {statistics.fmean(ratings):.2f}, SD = {statistics.stdev(ratings):.2f}, n = {size}).\n"
    )
    assert findings(text) == []


@given(values=st.lists(st.integers(-5, 12), min_size=2, max_size=40), digits=st.integers(1, 3))
def test_grimmer_allows_every_list_of_integers(values: list[int], digits: int) -> None:
    mean, sd, half = statistics.fmean(values), statistics.stdev(values), 0.5 * 10**-digits + 1e-9
    mean, sd = round(mean, digits), round(sd, digits)
    assert grimmer((mean - half, mean + half), (sd - half, sd + half), len(values))


def test_grim_and_grimmer_refuse_what_no_integers_have() -> None:
    assert not grim(0.9135, 0.9145, 250)
    assert not grimmer((3.445, 3.455), (1.205, 1.215), 19)  # no sum over 19 is 3.45
    assert not grimmer((3.495, 3.505), (0.095, 0.105), 10)  # five of each gives 0.53 at least


def test_the_largest_spread_is_that_of_values_at_both_ends() -> None:
    assert sd_limit((0.5, 0.5), 0, 1, 10) == pytest.approx(statistics.stdev([0] * 5 + [1] * 5))


@pytest.mark.parametrize("piece", ["9", "1 a-", "9/", "(", "1 of ", "95% CI ", "t(3)=", "| 1 ", "test set of ", "$"])
def test_hostile_text_is_read_in_bounded_time(piece: str) -> None:
    """A catastrophic expression would never end here."""
    findings(piece * (60_000 // len(piece)))
