"""Collection: which items there are, what they are called, and that an unused plugin is not there."""

import subprocess
import sys
from pathlib import Path

import pytest


def ids(result) -> list[str]:
    return [line for line in result.stdout.splitlines() if "::" in line]


def test_smoke_is_three_tasks_in_five_stages(run_pytest):
    found = ids(run_pytest("--mlr-model=offline", "--mlr-suite=smoke", "--collect-only", "-q"))
    assert len(found) == 15
    assert found[0] == "test_idea.py::test_idea[iclr2025_dl4c]"
    assert found[-1] == "test_end2end.py::test_end2end[iclr2025_wsl]"


@pytest.mark.parametrize(("suite", "items"), [("core", 50), ("paper", 432), ("full", 1005)])
def test_suites_have_the_documented_size(run_pytest, suite, items):
    result = run_pytest("--mlr-model=offline", f"--mlr-suite={suite}", "--collect-only", "-q")
    assert f"{items} tests collected" in result.stdout


def test_full_is_the_default_suite(run_pytest):
    assert "1005 tests collected" in run_pytest("--mlr-model=offline", "--collect-only", "-q").stdout


def test_epochs_multiply_items_and_mark_their_ids(run_pytest):
    chosen = ("--mlr-task=iclr2025_wsl", "--mlr-stage=idea", "--mlr-epochs=2")
    result = run_pytest("--mlr-model=offline", *chosen, "--collect-only", "-q")
    assert ids(result) == ["test_idea.py::test_idea[iclr2025_wsl]", "test_idea.py::test_idea[iclr2025_wsl-e2]"]


def test_markers_and_keywords_select(run_pytest):
    by_marker = run_pytest("--mlr-model=offline", "--mlr-suite=smoke", "-m", "idea or paper", "--collect-only", "-q")
    assert "6/15 tests collected (9 deselected)" in by_marker.stdout
    by_word = run_pytest("--mlr-model=offline", "--mlr-suite=smoke", "-k", "wsl", "--collect-only", "-q")
    assert "5/15 tests collected (10 deselected)" in by_word.stdout


def test_a_printed_node_id_can_be_typed_back(run_pytest):
    result = run_pytest("--mlr-model=offline", "--collect-only", "-q", "test_idea.py::test_idea[iclr2025_wsl]")
    assert ids(result) == ["test_idea.py::test_idea[iclr2025_wsl]"]


def test_workers_collect_the_packaged_benchmark_too(run_pytest):
    result = run_pytest("--mlr-model=offline", "--mlr-suite=smoke", "--mlr-stage=idea", "-n", "2", "-v")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "3 passed" in result.stdout


def test_collecting_imports_no_sdk_and_starts_no_engine(run_pytest, tmp_path: Path):
    (tmp_path / "conftest.py").write_text(
        "import sys\n"
        "def pytest_sessionfinish():\n"
        "    heavy = {'litellm', 'docker', 'scipy', 'pandas', 'numpy', 'pydantic', 'yaml', 'sklearn', 'jinja2'}\n"
        "    print('HEAVY', sorted(heavy & set(sys.modules)))\n",
        encoding="utf-8",
    )
    result = run_pytest("--mlr-model=offline", "--collect-only", "-q", "-s")
    assert "HEAVY []" in result.stdout
    assert not (tmp_path / "mlr-runs").exists()


def test_without_a_model_the_plugin_is_not_there(run_pytest, tmp_path: Path):
    (tmp_path / "test_mine.py").write_text(
        "def test_mine(pytestconfig):\n    assert not pytestconfig.pluginmanager.hasplugin('mlrbench-items')\n"
    )
    result = run_pytest("-v")
    assert result.returncode == 0
    assert "test_mine.py::test_mine PASSED" in result.stdout
    assert "mlrbench:" not in result.stdout
    assert not (tmp_path / "mlr-runs").exists()


def test_installed_but_unused_imports_nothing_of_others():
    code = (
        "import sys, pytest, json, hashlib, difflib\nbefore = set(sys.modules)\nimport pytest_mlrbench.plugin\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new - set(sys.stdlib_module_names) - {'pytest_mlrbench'}))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_plugin_can_be_switched_off(run_pytest, tmp_path: Path):
    (tmp_path / "test_mine.py").write_text("def test_mine():\n    pass\n")
    assert run_pytest("-p", "no:mlrbench").returncode == 0
    refused = run_pytest("-p", "no:mlrbench", "--mlr-model=offline")
    assert refused.returncode == 4
    assert "--mlr-model" in refused.stderr


def test_own_tests_named_on_the_command_line_can_use_the_fixture(run_pytest, tmp_path: Path):
    (tmp_path / "test_own.py").write_text(
        "import pytest\n@pytest.mark.idea\ndef test_short(mlr_trial):\n"
        "    assert len((mlr_trial.output / 'idea.md').read_text().split()) <= 220\n"
    )
    result = run_pytest("--mlr-model=offline", "--mlr-task=iclr2025_wsl", "test_own.py", "-v")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "test_own.py::test_short[iclr2025_wsl] PASSED" in result.stdout


def test_a_test_that_asks_for_a_trial_without_naming_its_stage_is_told_so(run_pytest, tmp_path: Path):
    (tmp_path / "test_own.py").write_text("def test_short(mlr_trial):\n    pass\n")
    result = run_pytest("--mlr-model=offline", "test_own.py", "--collect-only")
    assert "needs exactly one stage marker" in result.stdout + result.stderr
