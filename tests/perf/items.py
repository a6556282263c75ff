"""What 1005 items cost: collected, and served from a finished run, beside as many empty pytest items; `make perf` runs it.

python -m tests.perf.items [--repeats 5]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from pytest_mlrbench.keys import GRADED, TrialKey
from pytest_mlrbench.records import StageResult, TrialRecord
from pytest_mlrbench.results.store import RunStore
from pytest_mlrbench.settings import Settings
from pytest_mlrbench.tasks.catalogue import load_tasks
from tests.perf.measure import plain_environment, pytest_command, run, table

EMPTY = """
import pytest
@pytest.mark.parametrize("number", range(1005))
def test_empty(number):
    pass
"""


def finished_run(root: Path) -> None:
    """A run of the offline model in which all 1005 trials are done."""
    settings = Settings(model="offline", run=str(root), search="none", judges=("offline",), sandbox="local", suite="full")
    store = RunStore(root)
    started = "2026-01-01T00:00:00+00:00"
    dumped = settings.model_dump(mode="json")
    store.write_run({"settings": dumped, "versions": {}, "started": started, "resumed": [], "finished": started})
    for task in load_tasks():
        for stage in GRADED:
            key = TrialKey(task, stage, 1)
            store.trial(key).mkdir(parents=True)
            record = TrialRecord(
                task=task, stage=stage, model="offline", agent="mlr-agent", status="done", started=1.0, finished=2.0,
                scores={"Overall": 6.0}, verdict="verified" if stage in ("experiment", "paper", "end2end") else None, support=1.0,
            )  # fmt: skip
            (store.trial(key) / "record.json").write_text(record.model_dump_json())
            (store.trial(key) / "stage.json").write_text(StageResult(status="done", started=1.0, finished=2.0).model_dump_json())


def unused() -> list[str]:
    """Milliseconds of importing the plugin beside pytest, and third-party modules that came with it."""
    code = """
import json, sys, time, pytest, _pytest.config
before = set(sys.modules)
began = time.perf_counter()
import pytest_mlrbench.plugin
ms = (time.perf_counter() - began) * 1000
new = {name.partition(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names) - {"pytest_mlrbench"}
print(json.dumps([ms, sorted(new)]))
"""
    found = [json.loads(subprocess.check_output([sys.executable, "-c", code], env=plain_environment())) for _ in range(7)]
    return [f"{statistics.median(ms for ms, _ in found):.1f} ms", ", ".join(found[0][1]) or "none"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_empty.py").write_text(EMPTY)
        finished_run(folder / "run")
        env = plain_environment()
        off = ("-p", "no:cacheprovider")
        mlr = ("--mlr-model=offline", f"--mlr-run={folder}/run", "--mlr-report=none")
        jobs = {
            "1005 empty items, collected": pytest_command("--collect-only", "test_empty.py", "-p", "no:mlrbench", *off),
            "1005 items, collected": pytest_command("--collect-only", "--mlr-model=offline", *off),
            "1005 empty items, -n 0": pytest_command("test_empty.py", "-p", "no:mlrbench", *off),
            "1005 items served from a finished run, -n 0": pytest_command(*mlr, *off),
        }
        walls: dict[str, list[float]] = {job: [] for job in jobs}
        for _ in range(options.repeats):
            for job, command in jobs.items():
                walls[job].append(run(command, folder, env).wall)
    medians = {job: statistics.median(times) for job, times in walls.items()}
    names = list(jobs)
    rows = []
    for empty, full in zip(names[::2], names[1::2], strict=True):
        rows.append([empty, f"{medians[empty]:.2f}", ""])
        rows.append([full, f"{medians[full]:.2f}", f"{medians[full] / medians[empty]:.2f}"])
    rows.append(["installed but unused: import", *unused()])
    table("Items", rows, ["what", "wall s (median)", "against empty items; third-party modules"])


if __name__ == "__main__":
    main()
