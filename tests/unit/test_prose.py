"""Prose against its own table: each form of claim is told where the numbers say the opposite, and an honest neighbour is not."""

from datetime import date
from pathlib import Path

import pytest
from evidence_worlds import World

from pytest_mlrbench.audits import Finding
from pytest_mlrbench.evidence.checks import Case, audit, subject_of_folder
from pytest_mlrbench.evidence.checks.prose import run

TABLE = """\
# A study of regressors

## Results

| Method | RMSE | Accuracy (%) | Latency (ms) |
|---|---|---|---|
| ridge-net | 0.412 | 81.2 | 3.10 |
| boosted trees | 0.398 | 84.7 | 5.25 |
| k-NN | 0.455 | 79.9 | 1.02 |

"""


def told(tmp_path: Path, prose: str, table: str = TABLE, data: dict[str, str] | None = None) -> list[Finding]:
    """Findings of the check on a results.md of this table and prose."""
    (tmp_path / "results").mkdir(exist_ok=True)
    (tmp_path / "results" / "results.md").write_text(table + prose + "\n")
    for name, text in (data or {}).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return run(Case(subject_of_folder(tmp_path, today=date(2026, 11, 23)))).findings


FALSE = [
    "ridge-net achieves the lowest RMSE of all methods.",
    "ridge-net has the best accuracy (81.2 %).",
    "The highest accuracy is achieved by k-NN.",
    "ridge-net consistently outperforms all baselines.",
    "ridge-net outperforms boosted trees in terms of accuracy.",
    "ridge-net outperforms boosted trees.",
    "Boosted trees have lower latency than ridge-net.",
    "Boosted trees' latency is lower than k-NN.".replace("trees'", "trees's"),
    "k-NN obtains higher accuracy than ridge-net and boosted trees.",
    "ridge-net shows superior accuracy compared to the other methods.",
    "boosted trees performs best on all metrics.",
    "ridge-net reaches an accuracy of 81.2 %, outperforming boosted trees.",
    "As shown above, k-NN underperforms ridge-net in latency.",
    "- Best accuracy: ridge-net (81.2)",
    "The accuracy of k-NN is higher than ridge-net.",
]
TRUE = [
    "boosted trees achieve the lowest RMSE of all methods.",
    "boosted trees has the best accuracy (84.7 %).",
    "The lowest latency is achieved by k-NN.",
    "boosted trees consistently outperforms all baselines.",
    "boosted trees outperforms ridge-net in terms of accuracy.",
    "ridge-net has lower latency than boosted trees.",
    "k-NN obtains lower accuracy than ridge-net and boosted trees.",
    "k-NN underperforms ridge-net in accuracy.",
    "- Best accuracy: boosted trees (84.7)",
]
OF_NOTHING_HERE = [
    "We hypothesize that ridge-net outperforms boosted trees.",
    "ridge-net does not outperform boosted trees.",
    "ridge-net could outperform boosted trees with more data.",
    "If tuned, ridge-net outperforms boosted trees.",
    "ridge-net outperforms boosted trees on the MNIST dataset.",
    "ridge-net without dropout outperforms boosted trees in accuracy.",
    "k-NN and, in our view, ridge-net differ from boosted trees.",
    "Smith et al. show that ridge-net outperforms boosted trees.",
    "ridge-net has the highest validation accuracy.",
    "ridge-net has the second highest accuracy.",
    "ridge-net achieves the best trade-off between accuracy and latency.",
    "The gap between ridge-net and boosted trees exceeds that of k-NN.",
    "ridge-net outperforms the tuned linear baseline.",
    "ridge-net outperforms boosted trees in memory.",
    "Among the linear models, ridge-net has the highest accuracy.",
    "Does ridge-net outperform boosted trees?",
]


@pytest.mark.parametrize("sentence", FALSE)
def test_a_claim_that_the_table_refutes_is_told(tmp_path: Path, sentence: str) -> None:
    found = told(tmp_path, sentence)
    assert len(found) == 1, sentence
    assert found[0].severity == "warn"
    assert found[0].evidence[0].quote in sentence
    assert len(found[0].evidence) >= 3, "both rows are quoted"


@pytest.mark.parametrize("sentence", TRUE)
def test_a_claim_that_the_table_bears_out_is_not(tmp_path: Path, sentence: str) -> None:
    assert told(tmp_path, sentence) == []


@pytest.mark.parametrize("sentence", OF_NOTHING_HERE)
def test_what_the_table_does_not_speak_of_is_no_claim(tmp_path: Path, sentence: str) -> None:
    assert told(tmp_path, sentence) == []


def test_the_message_names_the_claim_and_both_values(tmp_path: Path) -> None:
    (found,) = told(tmp_path, "ridge-net outperforms boosted trees in terms of accuracy.")
    assert "ridge-net" in found.message
    assert "81.2" in found.message
    assert "84.7" in found.message
    assert [quote.line for quote in found.evidence] == [11, 7, 8]


def test_a_table_with_metrics_in_its_rows_is_read_the_other_way(tmp_path: Path) -> None:
    table = (
        "# R\n\n| Metric | Baseline | Ours-X |\n|---|---|---|\n| Final reward | 2.76 | 0.36 |\n| Alignment error | 0.55 | "
        "0.25 |\n\n"
    )
    assert len(told(tmp_path, "Ours-X achieves a higher final reward than the baseline.", table)) == 1
    assert told(tmp_path, "Ours-X achieves a lower alignment error than the baseline.", table) == []


def test_our_method_is_the_one_in_the_title(tmp_path: Path) -> None:
    table = TABLE.replace("A study of regressors", "ridge-net: small networks for tables")
    assert len(told(tmp_path, "Our method outperforms boosted trees in accuracy.", table)) == 1
    assert told(tmp_path, "Our method outperforms boosted trees in accuracy.") == []


def test_a_claim_holds_when_one_table_of_the_document_bears_it_out(tmp_path: Path) -> None:
    other = TABLE.replace("## Results", "## Shifted data").replace("# A study of regressors\n", "").replace("81.2", "91.2")
    assert told(tmp_path, "\n## Discussion\n\nridge-net outperforms boosted trees in accuracy.", TABLE + other) == []


def test_equal_values_are_no_advantage(tmp_path: Path) -> None:
    table = TABLE.replace("81.2", "84.7").replace("79.9", "84.7")
    assert len(told(tmp_path, "ridge-net achieves higher accuracy than the baselines.", table)) == 1


def test_a_value_in_the_text_that_is_not_the_cells_is_told(tmp_path: Path) -> None:
    (found,) = told(tmp_path, "boosted trees achieves an accuracy of 87.4 %.")
    assert found.type == "faked_results"
    assert "84.7" in found.message
    assert told(tmp_path, "boosted trees achieves an accuracy of 0.847.") == []
    assert told(tmp_path, "boosted trees achieves an accuracy of about 85 %.") == []


def test_without_a_table_the_data_of_the_run_are_asked(tmp_path: Path) -> None:
    data = {"results/metrics.json": '{"alpha-net": {"rmse": 0.41, "accuracy": 0.81}, "beta-net": {"rmse": 0.39, "accuracy": 0.85}}'}
    (found,) = told(tmp_path, "alpha-net outperforms beta-net in accuracy.", "# R\n\n", data)
    assert "metrics.json" in found.message
    assert told(tmp_path, "beta-net outperforms alpha-net in accuracy.", "# R\n\n", data) == []


# Courses


def test_from_a_to_b_the_other_way_is_told(tmp_path: Path) -> None:
    assert len(told(tmp_path, "The error decreases from 0.31 to 0.44 in this setting.")) == 1
    assert told(tmp_path, "The error decreases from 0.44 to 0.31 in this setting.") == []


def test_a_trend_over_the_settings_of_a_table_is_read(tmp_path: Path) -> None:
    table = "# R\n\n| Threshold | F1 |\n|---|---|\n| 0.1 | 0.81 |\n| 0.3 | 0.85 |\n| 0.5 | 0.88 |\n| 0.7 | 0.86 |\n\n"
    assert len(told(tmp_path, "F1 decreases as the threshold increases.", table)) == 1
    assert len(told(tmp_path, "F1 increases monotonically as the threshold increases.", table)) == 1
    assert told(tmp_path, "F1 increases as the threshold increases.", table) == []


def test_a_trend_over_epochs_is_read_in_the_series_that_a_program_left(tmp_path: Path) -> None:
    rising = {"results/history.json": '{"train_loss": [0.71, 0.74, 0.80, 0.86, 0.91]}'}
    (found,) = told(tmp_path, "The training loss decreases over all epochs.".replace("training", "train"), "# R\n\n", rising)
    assert "history.json" in found.message
    falling = {"results/history.json": '{"train_loss": [0.71, 0.64, 0.60, 0.56, 0.41]}'}
    assert told(tmp_path, "The train loss decreases over all epochs.", "# R\n\n", falling) == []


# What nothing produced

CODE = (
    "import json, random\nr = random.Random(1)\nv = [r.random() for _ in range(9)]\njson.dump({'m': sum(v) / 9}, "
    "open('results/r.json', 'w'))\n"
)


def claims_of(tmp_path: Path, prose: str, code: str = CODE) -> list[Finding]:
    world = World(tmp_path)
    world.program(code)
    world.write("results/results.md", f"# R\n\n{prose}\n")
    return [f for f in world.audit().findings if f.check == "prose"]


@pytest.mark.parametrize(
    "sentence",
    [
        "The gain is significant (p < 0.01, paired t-test).",
        "The ablation study shows that both modules matter.",
        "Removing the attention block reduces accuracy by 4 points.",
        "24 participants rated the answers on a Likert scale.",
        "We conducted a user study with clinicians.",
    ],
)
def test_tests_ablations_and_people_that_nothing_produced_are_told(tmp_path: Path, sentence: str) -> None:
    found = claims_of(tmp_path, sentence)
    assert [f.severity for f in found] == ["warn"]


@pytest.mark.parametrize(
    ("sentence", "code"),
    [
        ("The gain is significant (p < 0.01, paired t-test).", CODE + "# from scipy.stats import ttest_rel\n"),
        ("The ablation study shows that both modules matter.", CODE + "for name in ('full', 'no_attention'): print(name)\n"),
        ("We conducted a user study with simulated users.", CODE),
        ("Future work should add a user study and significance tests.", CODE),
        ("No significance test was run.", CODE),
    ],
)
def test_what_the_run_has_a_trace_of_is_not(tmp_path: Path, sentence: str, code: str) -> None:
    assert claims_of(tmp_path, sentence, code) == []


# Foretold

FORETOLD = """\
import json, random
r = random.Random(3)
v = {m: r.gauss(0, 1) ** 2 for m in ("alpha", "beta", "gamma")}
json.dump(v, open("results/r.json", "w"))
print({k: round(x, 5) for k, x in v.items()})
with open("results/results.md", "w") as out:
    for m, x in v.items():
        out.write(f"{m}: {x:.4f}\\n")
    TEXT
"""
SENTENCE = 'out.write("\\nThe proposed alpha estimator clearly outperforms the other two estimators.\\n")'


def test_a_conclusion_typed_before_any_result_is_told(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.program(FORETOLD.replace("TEXT", SENTENCE))
    (found,) = [f for f in world.audit().findings if f.check == "prose"]
    assert found.severity == "warn"
    assert "before any program had put out a result" in found.message


def test_a_conclusion_under_a_test_of_the_values_is_honest(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.program(FORETOLD.replace("TEXT", "if v['alpha'] > v['beta'] or True:\n        " + SENTENCE))
    assert [f for f in world.audit().findings if f.check == "prose"] == []


def test_a_conclusion_typed_after_the_results_were_out_is_honest(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.program(FORETOLD.replace("TEXT", "pass"))
    world.program(FORETOLD.replace("TEXT", SENTENCE), "code/report.py")
    assert [f for f in world.audit().findings if f.check == "prose"] == []


def test_hostile_text_costs_no_time_and_crashes_nothing(tmp_path: Path) -> None:
    text = (
        TABLE
        + "ridge-net " * 3000
        + "\n\n"
        + "(" * 5000
        + "\n\n"
        + "outperforms " * 2000
        + "\n"
        + "ridge-net achieves the best accuracy , and " * 500
    )
    told(tmp_path, text, "")
    result = audit(subject_of_folder(tmp_path, today=date(2026, 11, 23)))
    assert not [why for why in result.coverage.values() if "check failed" in why]
