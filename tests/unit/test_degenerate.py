"""Degenerate measurements: values that say nothing are told, and small honest studies with their accidents are not."""

import json
import math
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from pytest_mlrbench.audits import Finding
from pytest_mlrbench.evidence.checks import Case, subject_of_folder
from pytest_mlrbench.evidence.checks.degenerate import run


def told(tmp_path: Path, report: str = "# R\n", data: dict[str, str] | None = None) -> list[Finding]:
    (tmp_path / "results").mkdir(exist_ok=True)
    (tmp_path / "results" / "results.md").write_text(report + "\n")
    for name, text in (data or {}).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = run(Case(subject_of_folder(tmp_path, today=date(2026, 11, 23)))).findings
    assert all(one.severity == "warn" and one.evidence for one in found)
    return found


def table(header: str, *rows: str) -> str:
    columns = [f"| {header} |", "|" + "---|" * (header.count("|") + 1)]
    return "\n".join(["# R", "", *columns, *(f"| {row} |" for row in rows), ""])


HONEST = table(
    "Method | Accuracy | AUC | Loss", "a | 0.812 | 0.880 | 0.431", "b | 0.790 | 0.861 | 0.502", "c | 0.833 | 0.901 | 0.398"
)


def test_an_ordinary_table_says_nothing(tmp_path: Path) -> None:
    assert told(tmp_path, HONEST) == []


def test_two_metrics_with_the_same_values_are_told(tmp_path: Path) -> None:
    report = table(
        "Method | Faithfulness score | Reward | Loss",
        "a | 0.812 | 0.812 | 0.431",
        "b | 0.790 | 0.790 | 0.502",
        "c | 0.833 | 0.833 | 0.398",
    )
    (found,) = told(tmp_path, report)
    assert "Faithfulness score and Reward" in found.message


@pytest.mark.parametrize(
    "names", ["Accuracy | Recall", "Accuracy | Micro-F1", "Accuracy | Balanced accuracy", "Precision@1 | Recall@1"]
)
def test_metrics_that_are_equal_by_definition_are_not(tmp_path: Path, names: str) -> None:
    report = table(f"Method | {names}", "a | 0.812 | 0.812", "b | 0.790 | 0.790", "c | 0.833 | 0.833")
    assert told(tmp_path, report) == []


def test_two_methods_equal_in_every_metric_are_told(tmp_path: Path) -> None:
    report = table(
        "Method | Accuracy | AUC | Loss", "a | 0.812 | 0.880 | 0.431", "b | 0.812 | 0.880 | 0.431", "c | 0.833 | 0.901 | 0.398"
    )
    (found,) = told(tmp_path, report)
    assert found.message.startswith("a, b have identical values in all 3 metrics")
    assert [quote.line for quote in found.evidence] == [5, 6]


def test_two_methods_equal_in_one_coarse_metric_are_not(tmp_path: Path) -> None:
    assert told(tmp_path, table("Method | Accuracy | Loss", "a | 0.81 | 0.431", "b | 0.81 | 0.502", "c | 0.83 | 0.398")) == []


def test_a_metric_at_its_bound_for_all_methods_is_told(tmp_path: Path) -> None:
    report = table("Method | Accuracy | ROUGE-L", "a | 1.000 | 0.213", "b | 1.000 | 0.314")
    (found,) = told(tmp_path, report)
    assert "Accuracy (1.000, its bound)" in found.message


def test_settings_that_are_the_same_for_all_are_no_metric(tmp_path: Path) -> None:
    report = table(
        "Method | Seeds | Learning rate | Accuracy", "a | 5 | 0.0010 | 0.812", "b | 5 | 0.0010 | 0.790", "c | 5 | 0.0010 | 0.83"
    )
    assert told(tmp_path, report) == []


def test_spreads_that_are_all_nothing_are_told(tmp_path: Path) -> None:
    zero = table("Method | Accuracy | AUC", "a | 0.812 ± 0.000 | 0.880 ± 0.000", "b | 0.790 ± 0.000 | 0.861 ± 0.000")
    assert len(told(tmp_path, zero)) == 1
    some = zero.replace("0.790 ± 0.000", "0.790 ± 0.011")
    assert told(tmp_path, some) == []


def test_a_value_that_is_no_number_is_told(tmp_path: Path) -> None:
    assert "NaN" in told(tmp_path, table("Method | Accuracy | AUC", "a | 0.812 | nan", "b | 0.790 | 0.861"))[0].message


def test_the_loss_of_guessing_is_told_where_the_classes_are_stated(tmp_path: Path) -> None:
    report = table("Method | Test loss", f"a | {math.log(10):.3f}", "b | 1.873")
    assert told(tmp_path, report) == []
    (found,) = told(tmp_path, report + "\nThe data have 10 classes.\n")
    assert "ln(10)" in found.message


def test_a_course_that_stays_at_the_loss_of_guessing_is_told(tmp_path: Path) -> None:
    course = [math.log(2) + 0.0004 * (-1) ** step for step in range(6)]
    (found,) = told(tmp_path, "# R\n\nBinary classification.\n", {"results/h.json": json.dumps({"val_loss": course})})
    assert "nothing was learned" in found.message
    learned = {"results/h.json": json.dumps({"val_loss": [0.693, 0.60, 0.51, 0.47, 0.44]})}
    assert told(tmp_path, "# R\n\nBinary classification.\n", learned) == []


def test_a_loss_that_never_changes_is_told(tmp_path: Path) -> None:
    (found,) = told(tmp_path, data={"results/h.json": json.dumps({"train_loss": [0.53214] * 8, "lr": [0.001] * 8})})
    assert "train_loss" in found.message
    assert "0.53214" in found.message
    assert told(tmp_path, data={"results/h.json": json.dumps({"train_loss": [0.53, 0.51, 0.51, 0.50], "lr": [0.001] * 4})}) == []


def test_a_share_near_its_bound_may_be_the_same_for_a_few_seeds(tmp_path: Path) -> None:
    """One error of 244 in each of four seeds is no sign of a metric that was not computed."""
    assert told(tmp_path, data={"results/h.json": json.dumps({"accuracy": [0.99591] * 4})}) == []
    (found,) = told(tmp_path, data={"results/h.json": json.dumps({"accuracy": [0.73591] * 4})})
    assert "never changes" in found.message
    (found,) = told(tmp_path, data={"results/h.json": json.dumps({"accuracy": [0.99591] * 12})})
    assert "never changes" in found.message


def test_metrics_and_labels_that_are_missing_are_told(tmp_path: Path) -> None:
    data = {"results/m.json": '{"accuracy": NaN, "n": 3}', "data/d.csv": "text,label\na b c,\nd e f,\ng h i,\n"}
    assert len(told(tmp_path, data=data)) == 2
    data = {"results/m.json": '{"accuracy": 0.5, "n": 3}', "data/d.csv": "text,label\na b c,1\nd e f,0\ng h i,\n"}
    assert told(tmp_path, data=data) == []


# Training rows in the test set


def rows(start: int, stop: int) -> str:
    return "\n".join(f"{math.sin(i):.6f},{math.cos(3 * i):.6f},{i % 2}" for i in range(start, stop))


def test_training_rows_in_the_test_set_are_told(tmp_path: Path) -> None:
    head = "x1,x2,label\n"
    files = {"data/train.csv": head + rows(0, 80), "data/test.csv": head + rows(60, 100)}
    (found,) = told(tmp_path, data=files)
    assert "20 of 40 different rows of data/test.csv" in found.message
    quote, other = found.evidence
    assert (tmp_path / quote.file).read_text().splitlines()[quote.line - 1] == quote.quote  # type: ignore[operator]
    assert (tmp_path / other.file).read_text().splitlines()[other.line - 1] == other.quote  # type: ignore[operator]
    files["data/test.csv"] = head + rows(80, 120)
    assert told(tmp_path, data=files) == []


def test_rows_of_few_values_are_equal_by_accident(tmp_path: Path) -> None:
    coarse = "\n".join(f"red,small,{i % 3},yes,no" for i in range(60))
    assert told(tmp_path, data={"data/train.csv": "a,b,c,d,e\n" + coarse, "data/test.csv": "a,b,c,d,e\n" + coarse}) == []


def test_result_files_of_train_and_test_are_no_data(tmp_path: Path) -> None:
    same = "x1,x2,label\n" + rows(0, 50)
    assert told(tmp_path, data={"results/train_metrics.csv": same, "results/test_metrics.csv": same}) == []


def test_arrays_and_json_splits_are_compared(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    train, test = rng.normal(size=(60, 4)), rng.normal(size=(40, 4))
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data" / "arrays.npz", X_train=train, X_test=test, y_train=np.arange(60), y_test=np.arange(40))
    assert told(tmp_path) == []
    test[:10] = train[:10]
    np.savez(tmp_path / "data" / "arrays.npz", X_train=train, X_test=test)
    (found,) = told(tmp_path)
    assert "10 of 40" in found.message
    assert "X_test" in found.message
    (tmp_path / "data" / "arrays.npz").unlink()
    texts = [f"a question about number {i} and its square" for i in range(60)]
    (found,) = told(tmp_path, data={"data/splits.json": json.dumps({"train": texts[:40], "test": texts[30:]})})
    assert "10 of 30" in found.message


def test_hostile_files_are_not_run_and_crash_nothing(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path(tmp_path / "ran").write_text, ("x",))

    (tmp_path / "data").mkdir()
    evil = np.array([[Evil(), Evil()]] * 12, dtype=object)
    np.savez(tmp_path / "data" / "train.npz", X=evil)
    np.savez(tmp_path / "data" / "test.npz", X=evil)
    data = {"data/train.json": "[" * 100_000, "data/test.json": "{", "results/h.csv": "\0,\n" * 50}
    told(tmp_path, data=data)
    assert not (tmp_path / "ran").exists()
