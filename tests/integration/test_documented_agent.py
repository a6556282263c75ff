"""The agent that docs/agents.md shows works as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

from pytest_mlrbench.results.store import RunStore
from tests.support.scripted_server import ScriptedServer
from tests.support.sessions import MODEL, environment, run

DOCS = Path(__file__).parents[2] / "docs" / "agents.md"


def test_the_documented_agent_carries_a_chain_out(tmp_path: Path):
    example = re.search(r"```python\n(from pytest_mlrbench\.agents.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert example
    (tmp_path / "my_agent.py").write_text(example[1], encoding="utf-8")
    chosen = ("--mlr-task=iclr2025_wsl", "--mlr-agent=my_agent:TwoDrafts", "--mlr-sandbox=local", "--mlr-run=run")
    with ScriptedServer() as server:
        code, output = run(tmp_path, *MODEL, *chosen, server=server)
    assert code == 0, output
    record = {record.stage: record for record in RunStore(tmp_path / "run").records()}["experiment"]
    assert record.verdict == "verified", record
    assert "code/run.py" in record.files


def test_a_file_of_the_user_does_not_shadow_the_standard_library(tmp_path: Path):
    (tmp_path / "statistics.py").write_text("raise RuntimeError('the user has a file of that name')\n")
    pytest_script = Path(sys.executable).with_name("pytest")  # `python -m pytest` would put the directory first by itself
    command = [pytest_script, "--mlr-model=offline", "--mlr-task=iclr2025_wsl", "--mlr-stage=idea"]
    result = subprocess.run(command, cwd=tmp_path, env=environment(None), capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
