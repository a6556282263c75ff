"""One row per score: columns, formats, empty scores, and errors that say what to do."""

import csv
import json

import pytest

from pytest_mlrbench.errors import ConfigError
from pytest_mlrbench.results import export as exporting
from pytest_mlrbench.results.export import COLUMNS, export
from tests.support.runs import add, make_run, review


@pytest.fixture
def store(tmp_path):
    store = make_run(tmp_path / "my-run")
    add(
        store,
        "iclr2025_wsl/idea",
        [review("openai/j1", "idea", {"Overall": 7, "Novelty": None}), review("openai/j2", "idea", {"Overall": 4})],
    )
    add(
        store,
        "iclr2025_wsl/idea.e2",
        [review("openai/j1", "idea", {"Overall": 6}), review("openai/j1", "idea", {"Overall": 5}, repeat=2)],
    )
    add(store, "iclr2025_wsl/literature")
    return store


def test_csv_has_the_columns_of_the_contract_and_a_row_per_score(store, tmp_path):
    assert export([store], tmp_path / "x.csv") == 5
    with (tmp_path / "x.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == list(COLUMNS)
    assert list(rows[0].values()) == [
        "my-run", "openai/m", "mlr-agent", "iclr2025_wsl", "ML Theory", "ICLR", "2025",
        "idea", "1", "openai/j1", "1", "Novelty", "",
    ]  # fmt: skip
    assert [(row["epoch"], row["judge"], row["repeat"], row["dimension"], row["score"]) for row in rows[1:]] == [
        ("1", "openai/j1", "1", "Overall", "7"),
        ("1", "openai/j2", "1", "Overall", "4"),
        ("2", "openai/j1", "1", "Overall", "6"),
        ("2", "openai/j1", "2", "Overall", "5"),
    ]


def test_json_keeps_null_scores_and_numbers(store, tmp_path):
    export([store], tmp_path / "x.json")
    rows = json.loads((tmp_path / "x.json").read_text())
    assert len(rows) == 5
    assert rows[0]["score"] is None
    assert rows[1]["score"] == 7
    assert rows[1]["year"] == 2025


def test_a_task_that_is_not_in_the_catalogue_has_empty_places(tmp_path):
    store = make_run(tmp_path / "run")
    add(store, "my,own\ntask/idea", [review("j", "idea", {"Overall": 5})])
    export([store], tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(newline="") as stream:
        (row,) = list(csv.DictReader(stream))
    assert row["task"] == "my,own\ntask"
    assert (row["category"], row["venue"], row["year"]) == ("", "", "")


def test_an_unknown_suffix_lists_the_valid_ones_and_writes_nothing(store, tmp_path):
    with pytest.raises(ConfigError, match=r"\.csv, \.json, \.parquet"):
        export([store], tmp_path / "x.xlsx")
    assert not (tmp_path / "x.xlsx").exists()


def test_parquet_without_pyarrow_says_how_to_get_it(store, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pytest-mlrbench\[parquet\]"):
        export([store], tmp_path / "x.parquet")


def test_parquet_reads_back_as_it_was_exported(store, tmp_path):
    pytest.importorskip("pyarrow")
    import pandas

    export([store], tmp_path / "x.parquet")
    frame = pandas.read_parquet(tmp_path / "x.parquet")
    assert list(frame.columns) == list(COLUMNS)
    assert frame["score"].tolist()[1:] == [7, 4, 6, 5]
    assert frame["score"].isna().tolist() == [True, False, False, False, False]


def test_a_place_that_cannot_be_written_is_a_config_error(store, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match="choose another -o"):
        export([store], tmp_path / "file" / "x.csv")
