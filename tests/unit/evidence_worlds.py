"""Small experiments that really run, recorded by the ledger; the tests of ledger and checks build their worlds with it."""

import asyncio
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from pytest_mlrbench.audits import Audit, Finding
from pytest_mlrbench.evidence.checks import audit, subject_of_trial
from pytest_mlrbench.evidence.events import Event, read_events
from pytest_mlrbench.evidence.ledger import Ledger
from pytest_mlrbench.sandboxes.base import ExecResult, Sandbox, SandboxSpec, Used

TODAY = date(2026, 11, 23)

PROGRAM = """\
import json, random, statistics
rng = random.Random(7)
points = [(x := rng.gauss(0, 1), x * 2 + rng.gauss(0, 1)) for _ in range(400)]
raw = {}
for method, slope in (("ridge", 1.9), ("mean_only", 0.0), ("ols", 2.0)):
    raw[method] = {}
    for metric in ("mae", "rmse"):
        values = []
        for seed in range(5):
            part = random.Random(seed).sample(points, 200)
            errors = [abs(y - slope * x) for x, y in part]
            values.append(statistics.fmean(errors) if metric == "mae" else statistics.fmean(e * e for e in errors) ** 0.5)
        raw[method][metric] = values
means = {m: {k: {"mean": statistics.fmean(v), "sd": statistics.stdev(v)} for k, v in row.items()} for m, row in raw.items()}
import os
os.makedirs("results", exist_ok=True)
json.dump({"raw": raw, "aggregated": means}, open("results/results.json", "w"), indent=1)
with open("results/log.txt", "w") as log:
    for method, row in raw.items():
        for seed, value in enumerate(row["mae"]):
            print(f"{method} seed {seed} mae {value:.6f}", file=log)
print("done", {m: round(r["mae"]["mean"], 6) for m, r in means.items()})
"""
"""An honest study: three methods, two metrics, five seeds."""

REPORT = """\
import json
d = json.load(open("results/results.json"))["aggregated"]
cell = "{mean:.4f} ± {sd:.4f}".format
rows = [f"| {m} | {cell(**r['mae'])} | {cell(**r['rmse'])} |" for m, r in d.items()]
text = ["# Results", "", "| Method | MAE | RMSE |", "|---|---|---|", *rows, ""]
open("results/results.md", "w").write("\\n".join(text))
"""


class PlainSandbox(Sandbox):
    """Runs commands on the host in the workspace: trusted commands of these tests only."""

    name = "plain"
    used = Used()
    """What every command is said to have used."""

    @property
    def workspace_inside(self) -> str:
        return str(self.spec.workspace)

    async def start(self) -> dict[str, Any]:
        return {"kind": self.name}

    async def exec(
        self,
        command: str,
        *,
        timeout: float,
        output: Path,
        stdin: bytes | None = None,
        on_output: Callable[[bytes], None] | None = None,
    ) -> ExecResult:
        started = time.time()
        with output.open("wb") as file:
            done = await asyncio.to_thread(
                subprocess.run,
                ["bash", "-c", command],
                cwd=self.spec.workspace,
                stdout=file,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                timeout=timeout,
                check=False,
            )
        text = output.read_bytes()
        return ExecResult("exited", done.returncode, text.decode(errors="replace"), len(text), started, time.time(), self.used)

    async def write(self, path: str, content: bytes) -> None:
        target = self.spec.workspace / path
        if not target.resolve().is_relative_to(self.spec.workspace.resolve()):
            raise ValueError(f"{path!r} leaves the workspace")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    async def close(self) -> None:
        return


class World:
    """One experiment trial in `root`: commands and writes go through a real ledger."""

    def __init__(self, root: Path) -> None:
        self.trial = root / "experiment"
        self.output = self.trial / "output"
        self.output.mkdir(parents=True)
        (self.output / "results").mkdir()
        (self.output / "code").mkdir()
        self.root = root
        self.ledger = Ledger(self.trial, self.output)
        self.sandbox = PlainSandbox(SandboxSpec(self.output, "run", "task/experiment"))

    def run(self, command: str) -> ExecResult:
        """Execute by the coder's bash tool; `python` is this interpreter."""
        command = textwrap.dedent(command)
        path = Path(sys.executable).parent
        with_python = f'export PATH="{path}:$PATH"\n{command}'
        return asyncio.run(Ledger.run(self.ledger, self.sandbox, with_python, tool="bash", timeout=60))

    def write(self, path: str, text: str) -> None:
        """Type a file by the coder's editor tool."""
        asyncio.run(self.ledger.write(self.sandbox, path, text.encode(), tool="write_file"))

    def program(self, text: str = PROGRAM, name: str = "code/run.py", arguments: str = "") -> ExecResult:
        """Type a program and run it."""
        self.write(name, text)
        return self.run(f"python {name} {arguments}")

    def events(self) -> list[Event]:
        return read_events(self.trial / "evidence.jsonl")[0]

    def text(self, path: str) -> str:
        return (self.output / path).read_text()

    def audit(self, paper: str | None = None, literature: str | None = None) -> Audit:
        """The experiment's audit, or with `paper` that of a paper about it."""
        inputs = {}
        if literature is not None:
            folder = self.root / "literature" / "output"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "related_work.md").write_text(literature)
            inputs["literature"] = folder
        if paper is None:
            return audit(subject_of_trial("experiment", self.output, self.trial, inputs, TODAY))
        folder = self.root / "paper" / "output"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "paper.md").write_text(paper)
        return audit(subject_of_trial("paper", folder, folder.parent, inputs | {"experiment": self.output}, TODAY))


def fails(result: Audit, check: str | None = None) -> list[Finding]:
    """Findings of severity `fail`, of one check or of all."""
    return [f for f in result.findings if f.severity == "fail" and check in (None, f.check)]


def honest(root: Path) -> World:
    """A world in which PROGRAM measured and REPORT wrote results.md."""
    world = World(root)
    world.program()
    world.program(REPORT, "code/report.py")
    return world
