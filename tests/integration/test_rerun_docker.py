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


def test_an_experiment_in_a_container_is_run_again_in_fresh_ones(tmp_path: Path):
    image, run_id = need_docker(), f"test-{uuid.uuid4().hex}"
    trial, work = tmp_path / "experiment", tmp_path / "experiment" / "work"

    def sandbox(name: str, env: dict[str, str]) -> Sandbox:
        return open_sandbox("docker", SandboxSpec(work, run_id, f"task/experiment-{name}", limits=LIMITS, image=image, env=env))

    async def main() -> Rerun:
        work.mkdir(parents=True)
        ledger = Ledger(trial, work)
        async with sandbox("first", {}) as first:
            environment = {}
            for path, text in (("data/points.csv", POINTS), ("code/run.py", PROGRAM), ("code/report.py", REPORT)):
                await ledger.write(first, path, text.encode(), tool="write_file")
            for name in ("run", "report"):
                result = await ledger.run(first, f"cd /workspace && python code/{name}.py", tool="bash", timeout=120)
                assert result.exit_code == 0, result.output
        shutil.copytree(work, trial / "output")
        subject = subject_of_trial("experiment", trial / "output", trial, {}, date(2026, 11, 26))
        replayer = Replayer(subject, work, sandbox, seed="0", limit=Limit(600), environment=environment)
        return await replayer.run()

    rerun = asyncio.run(main())
    (trial / RERUN).write_text(rerun.model_dump_json())
    assert [f"{one.name} {one.ended}" for one in rerun.attempts[:4]] == [
        "same-1 done", "seed-1 done", "seed-2 done", "seed-3 done",
    ]  # fmt: skip
    assert [one.kind for one in rerun.attempts[4:]] == ["truncated", "permuted"]
    hosts = {(trial / "rerun" / one.name / one.ran[0].output).read_text().strip() for one in rerun.attempts}
    assert len(hosts) == len(rerun.attempts)
    found = audit(subject_of_trial("experiment", trial / "output", trial, {}, date(2026, 11, 26)))
    assert found.coverage["rerun"] == "done"
    assert not [one for one in found.findings if one.check == "rerun" and one.severity != "info"]
    assert not docker.from_env().containers.list(all=True, filters={"label": f"{RUN_LABEL}={run_id}"})
    assert not work.exists()
