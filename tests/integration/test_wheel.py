"""The wheel holds all that a user needs: built from the checkout, run in an empty directory."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.sessions import environment, run

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the built wheel unpacked; dependencies come from this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, env=environment(None), check=False)
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("pytest_mlrbench-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_runs_the_packaged_benchmark_in_an_empty_directory(installed: Path, tmp_path: Path):
    probe = tmp_path / "probe" / "sitecustomize.py"
    probe.parent.mkdir()
    probe.write_text("import pytest_mlrbench, sys\nassert 'site' in pytest_mlrbench.__file__, pytest_mlrbench.__file__\n")
    empty = tmp_path / "empty"
    empty.mkdir()
    env = {"PYTHONPATH": f"{probe.parent}:{installed}"}
    code, output = run(empty, "--mlr-model=offline", "--mlr-suite=smoke", "--mlr-task=iclr2025_dl4c", "-n", "2", env=env)
    assert code == 0, output
    assert "5 passed" in output
    assert "3 verified, 0 unverified, 0 hallucinated" in output
    (run_directory,) = (empty / "mlr-runs").iterdir()
    assert "<html" in (run_directory / "report.html").read_text(encoding="utf-8")[:500].lower()


def test_the_wheel_has_every_task_rubric_and_prompt(installed: Path):
    data = installed / "pytest_mlrbench" / "data"
    for folder in ("benchmarks", "rubrics", "prompts", "sandbox"):
        ours = {
            path.relative_to(ROOT / folder)
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        packed = {path.relative_to(data / folder) for path in (data / folder).rglob("*") if path.is_file()}
        assert ours <= packed
    assert len(list((data / "benchmarks" / "tasks").glob("*.md"))) == 201
