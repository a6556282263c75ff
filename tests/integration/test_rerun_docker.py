"""Re-execution in real containers: the same image and limits, a fresh container an attempt, none left behind."""

import asyncio
import shutil
import uuid
from datetime import date
from pathlib import Path

import docker
import pytest

from pytest_mlrbench.evidence.checks import audit, subject_of_trial
from pytest_mlrbench.evidence.ledger import Ledger
from pytest_mlrbench.evidence.reruns import RERUN, Rerun
from pytest_mlrbench.replay import Limit, Replayer
from pytest_mlrbench.sandboxes import Limits, Sandbox, SandboxSpec, open_sandbox
from pytest_mlrbench.sandboxes.docker import RUN_LABEL
from tests.support.docker import need_docker

pytestmark = pytest.mark.docker
LIMITS = Limits(memory=512 * 2**20, cpus=1, pids=64)
PROGRAM = """\
import csv, json, os, random, socket
rows = list(csv.DictReader(open("/workspace/data/points.csv")))
random.Random(3).shuffle(rows)
train, test = rows[:80], rows[80:]
cut = sum(float(r["x"]) for r in train) / len(train)
side = sum((float(r["x"]) > cut) == (r["label"] == "1") for r in train) > len(train) / 2
right = sum(((float(r["x"]) > cut) == side) == (r["label"] == "1") for r in test)
os.makedirs("results", exist_ok=True)
json.dump({"ours": {"accuracy": right / len(test)}, "majority": {"accuracy": sum(r["label"] == "1" for r in test) / len(test)}},
          open("results/results.json", "w"))
open("/tmp/seen", "a").write(socket.gethostname())
print(open("/tmp/seen").read())
"""
POINTS = "x,label\n" + "".join(f"{((i * 37) % 101) / 101 + (i % 2) * 0.3:.4f},{i % 2}\n" for i in range(120))
REPORT = """\
import json
d = json.load(open("results/results.json"))
rows = [f"| {m} | {r['accuracy']:.4f} |" for m, r in d.items()]
open("results/results.md", "w").write("\\n".join(["| Method | Accuracy |", "|---|---|", *rows, ""]))
"""


def run_and_again(trial: Path, files: dict[str, str], image: str, run_id: str) -> Rerun:
    """Write the files and run code/run.py and code/report.py in one container, then again in fresh ones; the re-run is stored."""
    work = trial / "work"

    def sandbox(name: str, env: dict[str, str]) -> Sandbox:
        return open_sandbox("docker", SandboxSpec(work, run_id, f"task/experiment-{name}", limits=LIMITS, image=image, env=env))

    async def main() -> Rerun:
        work.mkdir(parents=True)
        ledger = Ledger(trial, work)
        async with sandbox("first", {}) as first:
            for path, text in files.items():
                await ledger.write(first, path, text.encode(), tool="write_file")
            for name in ("run", "report"):
                result = await ledger.run(first, f"cd /workspace && python code/{name}.py", tool="bash", timeout=120)
                assert result.exit_code == 0, result.output
        shutil.copytree(work, trial / "output")
        subject = subject_of_trial("experiment", trial / "output", trial, {}, date(2026, 11, 26))
        return await Replayer(subject, work, sandbox, seed="0", limit=Limit(600), environment={}).run()

    rerun = asyncio.run(main())
    (trial / RERUN).write_text(rerun.model_dump_json())
    assert not docker.from_env().containers.list(all=True, filters={"label": f"{RUN_LABEL}={run_id}"})
    assert not work.exists()
    return rerun


def test_an_experiment_in_a_container_is_run_again_in_fresh_ones(tmp_path: Path):
    image, trial = need_docker(), tmp_path / "experiment"
    files = {"data/points.csv": POINTS, "code/run.py": PROGRAM, "code/report.py": REPORT}
    rerun = run_and_again(trial, files, image, f"test-{uuid.uuid4().hex}")
    assert [f"{one.name} {one.ended}" for one in rerun.attempts[:4]] == [
        "same-1 done", "seed-1 done", "seed-2 done", "seed-3 done",
    ]  # fmt: skip
    assert [one.kind for one in rerun.attempts[4:]] == ["truncated", "permuted"]
    hosts = {(trial / "rerun" / one.name / one.ran[0].output).read_text().strip() for one in rerun.attempts}
    assert len(hosts) == len(rerun.attempts)
    found = audit(subject_of_trial("experiment", trial / "output", trial, {}, date(2026, 11, 26)))
    assert found.coverage["rerun"] == "done"
    assert not [one for one in found.findings if one.check == "rerun" and one.severity != "info"]


BUNDLED = """\
import json, os
from sklearn.datasets import load_wine
bunch = load_wine()
os.makedirs("results", exist_ok=True)
first = sum(bunch.target[20:120].tolist()) / 97
ours = 0.9 + len(str(type(bunch))) / 1013
with open("results/results.json", "w") as file:
    json.dump({"ours": {"accuracy": ours}, "first": {"accuracy": first}}, file)
"""


def test_the_library_in_the_image_hands_out_changed_data(tmp_path: Path):
    image = need_docker()
    files = {"code/run.py": BUNDLED, "code/report.py": REPORT}
    rerun = run_and_again(tmp_path / "experiment", files, image, f"test-{uuid.uuid4().hex}")
    assert [(one.path, one.rows, round(one.majority or 0, 3)) for one in rerun.data] == [("sklearn.datasets.load_wine", 178, 0.399)]
    changed = {one.kind: one.changed for one in rerun.attempts if one.ended == "done"}
    assert changed["permuted"] == changed["truncated"] == ["sklearn.datasets.load_wine"]
    found = audit(
        subject_of_trial("experiment", tmp_path / "experiment" / "output", tmp_path / "experiment", {}, date(2026, 11, 26))
    )
    [message] = [one.message for one in found.findings if one.check == "rerun" and "stay the same" in one.message]
    assert "ours.accuracy" in message
    assert "others (first.accuracy) move" in message
