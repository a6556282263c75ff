"""Allure through a whole session under xdist: every item, whatever it came to, has its labels, steps and attachments."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pytest_mlrbench.tasks.catalogue import load_tasks
from tests.support.agents import IDEAS
from tests.support.sessions import run

ROOT = Path(__file__).parents[2]
CHOSEN = ("iclr2025_bi_align", "iclr2025_question", "iclr2025_agenticai")
"""By tests.support.agents: no idea, a usable idea with links beside it, a service that is down."""
assert set(CHOSEN) <= set(IDEAS)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results directory of a session in which items pass, fail, are skipped and are errors."""
    folder = tmp_path_factory.mktemp("allure")
    (folder / "results").mkdir()
    (folder / "results" / "history-result.json").write_text("{}")
    tasks = [f"--mlr-task={task}" for task in CHOSEN]
    agent = ("--mlr-agent=tests.support.agents:Misbehaving", "--mlr-stage=idea,proposal", "--mlr-run=run")
    code, output = run(
        folder, "--mlr-model=offline", *agent, *tasks, "--alluredir=results", "-n", "2", env={"PYTHONPATH": str(ROOT)}
    )
    assert code == 1, output
    assert "1 failed, 2 passed, 2 skipped, 1 error" in output
    return folder / "results"


@pytest.fixture(scope="module")
def found(results: Path) -> list[dict[str, Any]]:
    return [one for path in results.glob("*-result.json") if (one := json.loads(path.read_text()))]


def test_every_item_has_one_result_of_its_kind(found: list[dict[str, Any]]):
    assert Counter(one["status"] for one in found) == {"passed": 2, "failed": 1, "broken": 1, "skipped": 2}
    assert len({one["historyId"] for one in found}) == 6


def test_every_item_is_labelled_also_where_it_has_no_scores(found: list[dict[str, Any]]):
    for one in found:
        labels = {label["name"]: label["value"] for label in one["labels"]}
        assert labels["epic"] == "MLR-Bench", one["fullName"]
        assert labels["feature"] in ("idea", "proposal")
        task = one["name"].partition("[")[2].rstrip("]")
        assert labels["story"] == load_tasks()[task].category
        assert labels["parentSuite"] == "offline"


def test_a_graded_item_has_a_step_for_its_judge_and_its_output_attached(results: Path, found: list[dict[str, Any]]):
    (idea,) = [one for one in found if one["status"] == "passed" and {"name": "feature", "value": "idea"} in one["labels"]]
    judges = {step["name"]: [inner["name"] for inner in step.get("steps", [])] for step in idea["steps"]}
    assert set(judges) == {"offline (mechanical)"}
    assert any(name.startswith("Overall: ") for name in judges["offline (mechanical)"])
    attached = {one["name"]: results / one["source"] for one in idea["attachments"]}
    assert attached["idea.md"].read_text().strip()
    assert "reviews.json" in attached


def test_scores_do_not_break_the_history_of_an_item(found: list[dict[str, Any]]):
    for one in found:
        scores = [parameter for parameter in one["parameters"] if parameter["name"] in ("Overall", "Clarity", "Consistency")]
        assert bool(scores) == (one["status"] == "passed")
        assert all(parameter["excluded"] for parameter in scores)


def test_all_that_is_named_is_there_and_nothing_of_the_host(results: Path, found: list[dict[str, Any]]):
    sources = [attachment["source"] for path in results.glob("*.json") for attachment in _attachments(json.loads(path.read_text()))]
    assert len(sources) == len(set(sources)) >= 4
    for source in sources:
        content = (results / source).read_bytes()
        assert b"root:" not in content


def test_the_run_is_described_and_earlier_results_are_left(results: Path):
    assert "Hallucinated" in {one["name"] for one in json.loads((results / "categories.json").read_text())}
    assert "model=offline" in (results / "environment.properties").read_text().splitlines()
    assert json.loads((results / "executor.json").read_text())["buildName"] == "run"
    assert (results / "history-result.json").read_text() == "{}"


def _attachments(one: Any) -> list[dict[str, str]]:
    """Attachments at any depth of a result or container."""
    if isinstance(one, list):
        return [found for part in one for found in _attachments(part)]
    if not isinstance(one, dict):
        return []
    return [
        *one.get("attachments", []),
        *(found for name, part in one.items() if name != "attachments" for found in _attachments(part)),
    ]
