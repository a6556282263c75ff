"""What Allure gets: of each item under xdist, of the run, and of stored trials without a session."""

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from pytest_mlrbench.reports import allure
from pytest_mlrbench.reports.allure import attach_trial, categories, environment, executor, write_allure_files
from pytest_mlrbench.reports.allure_files import write_results
from tests.support.runs import add, finding, make_run, png, review

PROJECT = """
import json
from pathlib import Path
import pytest
from pytest_mlrbench.errors import AgentFailure, InfrastructureError
from pytest_mlrbench.reports import allure
from pytest_mlrbench.reports.allure import attach_trial

RUN = Path({run!r})
RECORDS = [json.loads(path.read_text()) for path in sorted(RUN.glob("trials/*/*/record.json"))]

@pytest.fixture(params=RECORDS, ids=lambda record: record["task"] + "-" + record["stage"])
def record(request):
    if request.param["status"] == "error":
        attach_trial(request.param, str(RUN))
        raise InfrastructureError(request.param["reason"])
    if request.param["status"] == "skipped":
        pytest.skip(request.param["reason"])
    return request.param

def test_trial(record):
    attach_trial(record, str(RUN))
    for one in record["findings"]:
        if one["severity"] == "fail":
            raise AgentFailure(f"- {{one['check']}} ({{one['type']}}, {{one['scope']}}): {{one['message']}}")
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Ten trials of every outcome."""
    store = make_run(tmp_path_factory.mktemp("allure") / "run")
    judges = ("openai/j1", "openai/j2")
    for task in ("iclr2025_dl4c", "iclr2025_scsl", "iclr2025_wsl"):
        add(store, f"{task}/idea", [review(judge, "idea", {"Overall": 7, "Novelty": None}) for judge in judges])
        bad = task == "iclr2025_wsl"
        add(
            store,
            f"{task}/experiment",
            [review(judge, "experiment", {"Overall": 5}) for judge in judges],
            output={
                "results/results.md": "# \x1b[2J",
                "results/log.txt": "first\n" * 9000 + "last",
                "results/figures/a.png": png(),
            },
            verdict="hallucinated" if bad else "verified",
            support=0.25,
            findings=[finding()] if bad else [],
        )
        add(store, f"{task}/paper", status="error", reason="judge openai/j1 gave no valid review")
    add(store, "iclr2025_wsl/end2end", status="skipped", reason="the budget of 1 USD is spent")
    return store


def results(directory: Path) -> list[dict]:
    return [json.loads(path.read_text()) for path in directory.glob("*-result.json")]


def check_nothing_is_lost(directory: Path) -> None:
    """Ten results with the right statuses, and exactly the attachments they name."""
    found = results(directory)
    assert Counter(one["status"] for one in found) == {"passed": 5, "failed": 1, "broken": 3, "skipped": 1}
    named = [source["source"] for one in found for source in one.get("attachments", [])]
    assert len(named) == len(set(named))
    there = {path.name for path in directory.iterdir() if "-attachment" in path.name}
    assert set(named) <= there
    (failed,) = [one for one in found if one["status"] == "failed"]
    assert [source["name"] for source in failed["attachments"]] == [
        "results/results.md",
        "reviews.json",
        "findings",
        "log.txt (end)",
        "results/figures/a.png",
    ]
    assert {(label["name"], label["value"]) for label in failed["labels"]} >= {
        ("epic", "MLR-Bench"),
        ("feature", "experiment"),
        ("story", "ML Theory"),
        ("parentSuite", "openai/m"),
    }
    steps = {step["name"]: [inner["name"] for inner in step["steps"]] for step in failed["steps"]}
    assert steps == {"openai/j1": ["Overall: 5"], "openai/j2": ["Overall: 5"]}
    excluded = {one["name"]: one.get("excluded") for one in failed["parameters"]}
    assert excluded["Overall"] is True
    assert excluded["support"] is True
    assert not excluded["model"]
    contents = {source["name"]: (directory / source["source"]).read_bytes() for source in failed["attachments"]}
    assert contents["results/figures/a.png"] == png()
    assert contents["results/results.md"] == b"# \\x1b[2J"
    assert contents["log.txt (end)"].endswith(b"last")
    assert len(contents["log.txt (end)"]) == 20_000
    assert b"results/results.md:7: | ours | 0.973 |" in contents["findings"]
    assert len(json.loads(contents["reviews.json"])) == 2


def test_under_xdist_every_item_has_its_result_and_attachments(store, tmp_path):
    (tmp_path / "test_trials.py").write_text(PROJECT.format(run=str(store.root)))
    write_allure_files(tmp_path / "results", store.run()["settings"], str(store.root))
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "--alluredir=results", "test_trials.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stdout + done.stderr
    check_nothing_is_lost(tmp_path / "results")
    assert {"categories.json", "environment.properties", "executor.json"} <= {
        path.name for path in (tmp_path / "results").iterdir()
    }


def test_stored_trials_become_the_same_results_without_a_session(store, tmp_path):
    write_results([store], tmp_path / "results")
    check_nothing_is_lost(tmp_path / "results")


def test_results_of_an_earlier_session_are_left_alone(store, tmp_path):
    (tmp_path / "old-result.json").write_text("{}")
    write_allure_files(tmp_path, store.run()["settings"], str(store.root))
    assert (tmp_path / "old-result.json").read_text() == "{}"


def test_without_an_allure_listener_nothing_is_read(store, monkeypatch, pytestconfig):
    if pytestconfig.getoption("allure_report_dir", None):
        pytest.skip("this session has a listener: --alluredir")
    read = []
    monkeypatch.setattr(allure, "_attach", lambda *given: read.append(given))
    attach_trial(next(store.records()).model_dump(mode="json"), str(store.root))
    assert read == []


def category_of(status: str, message: str) -> str | None:
    """As Allure 2 has it: the whole message must match."""
    for category in categories():
        if status in category["matchedStatuses"] and re.fullmatch(category.get("messageRegex", r"[\s\S]*"), message):
            return str(category["name"])
    return None


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        ("failed", "AgentFailure: t/paper: 1 problem(s)\n- numbers (faked_results, results): typed\n    a.md:7", "Hallucinated"),
        ("failed", "pytest_mlrbench.errors.AgentFailure: t/paper: 1 problem(s)\n- paper.md is missing", "Agent failure"),
        ("broken", "InfrastructureError: Docker does not answer", "Infrastructure"),
        ("skipped", "Skipped: the budget of 1 USD is spent", "Budget spent"),
        ("skipped", "Skipped: its input t/experiment has no usable output: time-out", "Input not usable"),
        ("passed", "", None),
    ],
)
def test_categories_tell_the_kinds_of_bad(status, message, expected):
    assert category_of(status, message) == expected


def test_the_environment_names_the_run_and_no_command():
    shown = environment({"model": "openai/m", "judges": ["a", "b"], "agent_command": "run --key SECRET"}, "/runs/x")
    assert shown["judges"] == "a, b"
    assert shown["run"] == "/runs/x"
    assert "SECRET" not in str(shown)


def test_properties_are_escaped_for_javas_reader(tmp_path):
    write_allure_files(tmp_path, {"model": "m=ü\\x\ny"}, "/runs/x")
    lines = (tmp_path / "environment.properties").read_text("ascii").splitlines()
    assert lines[0] == "model=m=\\u00fc\\\\x\\u000ay"


def test_the_executor_is_the_ci_system_that_runs_it():
    github = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_SERVER_URL": "https://git.example",
        "GITHUB_REPOSITORY": "me/bench",
        "GITHUB_RUN_ID": "77",
        "GITHUB_RUN_NUMBER": "5",
    }
    assert executor(github, "/runs/x") == {
        "name": "GitHub Actions",
        "type": "github",
        "buildUrl": "https://git.example/me/bench/actions/runs/77",
        "buildOrder": 5,
        "buildName": "x",
    }
    assert executor({}, "/runs/x") == {"name": "pytest-mlrbench", "type": "pytest", "buildName": "x"}
