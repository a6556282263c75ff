"""However the items are spread over workers, the run is the same; a worker that dies costs its one item."""

from pathlib import Path
from typing import Any

import pytest

from pytest_mlrbench.results.store import RunStore
from tests.support.sessions import outcome

IDEAS = ("--mlr-model=offline", "--mlr-suite=smoke", "--mlr-stage=idea", "--mlr-run=run", "-p", "no:cacheprovider")

DIES = """
import os
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    if "scsl" in item.name or item.name == "test_mine":
        os._exit(9)
"""
"""A plugin under which a worker dies in the middle of an item."""

SEES_LESS = """
import os

def pytest_collection_modifyitems(items):
    if os.environ.get("PYTEST_XDIST_WORKER") == "gw1":
        del items[-1]
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the three ideas come to without any worker."""
    from tests.support.sessions import run

    folder = tmp_path_factory.mktemp("alone")
    code, output = run(folder, *IDEAS, "-n", "0")
    assert code == 0, output
    return outcome(RunStore(folder / "run"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("-p", "no:xdist"),
        ("-n", "2", "--dist", "load"),
        ("-n", "2", "--dist", "worksteal"),
        ("-n", "8"),
    ],
    ids=" ".join,
)
def test_the_run_is_the_same_whatever_carries_the_items(run_pytest, tmp_path: Path, alone, arguments: tuple[str, ...]):
    result = run_pytest(*IDEAS, *arguments)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "3 passed" in result.stdout
    assert result.stdout.count("to judge: 3 by offline") == 1
    assert outcome(RunStore(tmp_path / "run")) == alone


def test_a_worker_that_dies_under_an_item_makes_it_an_error_and_the_others_pass(run_pytest, tmp_path: Path, alone):
    (tmp_path / "dies.py").write_text(DIES)
    result = run_pytest(*IDEAS, "-n", "2", "-p", "dies", env={"PYTHONPATH": str(tmp_path)})
    assert result.returncode == 7, result.stdout + result.stderr
    assert "2 passed, 1 error" in result.stdout
    assert "exit code 7: infrastructure left 1 items without a score" in result.stdout
    assert outcome(RunStore(tmp_path / "run")) == alone
    again = run_pytest(*IDEAS, "-n", "2")
    assert again.returncode == 0
    assert "3 already done; nothing to run" in again.stdout


def test_a_users_own_test_that_kills_its_worker_is_a_failure(run_pytest, tmp_path: Path):
    (tmp_path / "dies.py").write_text(DIES)
    (tmp_path / "test_own.py").write_text("def test_mine():\n    pass\n")
    result = run_pytest(*IDEAS, "-n", "2", "-p", "dies", "test_own.py", env={"PYTHONPATH": str(tmp_path)})
    assert result.returncode == 1, result.stdout + result.stderr


def test_workers_that_collect_different_items_end_the_session_with_the_reason(run_pytest, tmp_path: Path):
    (tmp_path / "less.py").write_text(SEES_LESS)
    result = run_pytest(*IDEAS, "-n", "2", "-p", "less", env={"PYTHONPATH": str(tmp_path)})
    assert result.returncode == 3, result.stdout + result.stderr
    assert "the workers collected different items; do they see the same files and options?" in result.stdout
    assert not (tmp_path / "run" / "trials").exists()
