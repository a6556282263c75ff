"""Time and peak memory of tables and export as a run store grows; `make perf` runs it.

    python -m tests.perf.store_scale [--trials 1000,10000,100000] [--text 300] [--commands tables,export,compare]

Generates run stores of that many trials (201 tasks, five stages, as many epochs as it takes, two judges, each justification of
`--text` characters: 100,000 trials are 1.24 million scores and 2 GB of records), then runs each command on each in a process of its
own; compare is of that store and a second one of the same trials. Wanted: time in proportion to trials, and a million scores in
tables within 10 s and 2 GB; the exit status is 1 where tables need more for their scores, in CPU time as well as by the clock. A
store that is there already (`--keep DIR`) is used again.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from pytest_mlrbench.keys import GRADED, TrialKey
from pytest_mlrbench.records import Review, Spent, TrialRecord, Usage
from pytest_mlrbench.stages.rubric import REVIEW_KEYS, STAGE_KEYS
from pytest_mlrbench.tasks.catalogue import load_tasks
from tests.perf.measure import ROOT, plain_environment, table
from tests.support.runs import make_run

JUDGES = ("openai/j1", "openai/j2")
SECONDS_A_MILLION = 10.0
"""Wanted of `tables` for a million scores."""
MEMORY = 2 * 2**30
"""Bytes, likewise."""


@dataclass(frozen=True)
class Taken:
    """What one command took."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds of user and system time: what counts on a machine that others use too."""
    memory: int
    """Bytes of resident set at its peak."""


def generate(root: Path, trials: int, text: int, seed: int) -> int:
    """A run store of `trials` trials at `root`, the scores drawn from `seed`; returns its number of scores."""
    store = make_run(root, judges=JUDGES, epochs=-(-trials // (len(load_tasks()) * len(GRADED))))
    random = Random(seed)
    templates = {stage: _template(stage, text) for stage in GRADED}
    scores = made = 0
    for epoch in range(1, trials + 1):
        for task in load_tasks():
            for stage in GRADED:
                if made == trials:
                    return scores
                record = templates[stage]
                record |= {"task": task, "epoch": epoch}
                for review in record["reviews"]:
                    review["scores"] = {name: random.randint(3, 9) if name != "Confidence" else 4 for name in review["scores"]}
                    scores += len(review["scores"])
                folder = store.trial(TrialKey(task, stage, epoch))
                folder.mkdir(parents=True)
                (folder / "record.json").write_text(json.dumps(record, indent=1))
                made += 1
    return scores


def _template(stage: str, text: int) -> dict:
    names = [REVIEW_KEYS[key][0] for key in sorted(STAGE_KEYS[stage]) if REVIEW_KEYS[key][1] != "opinion"]
    why = ("The reasons for this score are given at some length. " * (text // 50 + 1))[:text]
    spent = Spent(usage=Usage(calls=3, prompt_tokens=9000, completion_tokens=2000), cost=0.05)
    reviews = [
        Review(
            judge=judge, stage=stage, protocol="p" * 64, scores=dict.fromkeys(names, 5), justifications=dict.fromkeys(names, why),
            strengths=[why[:80]] * 4, weaknesses=[why[:80]] * 4, spent=spent,
            answer={name: {"score": 5, "justification": why} for name in names},
        )
        for judge in JUDGES
    ]  # fmt: skip
    record = TrialRecord(
        task="t", stage=stage, model="openai/m", agent="mlr-agent", status="done", started=0.0, finished=1.0, reviews=reviews,
        agent_spent=spent, judge_spent=spent + spent, scores=dict.fromkeys(names, 5.0),
        verdict="verified" if stage in ("experiment", "paper", "end2end") else None,
    )  # fmt: skip
    return record.model_dump(mode="json")


def measured(arguments: Sequence[str]) -> Taken:
    """`mlrbench ARGUMENTS`, its output thrown away. Raises RuntimeError when it fails."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "pytest_mlrbench.cli", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, env=plain_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        assert process.stderr is not None
        raise RuntimeError(f"{' '.join(command)}: exit {process.returncode}\n{process.stderr.read()[-2000:].decode()}")
    return Taken(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def _commands(root: Path, second: Path, folder: Path) -> dict[str, list[str]]:
    return {
        "tables": ["tables", str(root)],
        "tables-json": ["tables", str(root), "--format", "json"],
        "export": ["export", str(root), "-o", str(folder / "scores.csv")],
        "compare": ["compare", str(root), str(second)],
    }


def _made(root: Path, trials: int, text: int, seed: int) -> int:
    """Scores of the store at `root`, which is generated where it is not there."""
    count = root / "scores"
    if not count.is_file():
        count.write_text(str(generate(root, trials, text, seed)))
    return int(count.read_text())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", default="1000,10000,100000")
    parser.add_argument("--text", type=int, default=300, help="characters of a justification (default: %(default)s)")
    parser.add_argument("--commands", default="tables,export,compare", help="of: tables, tables-json, export, compare")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where the stores stay for the next time")
    options = parser.parse_args()
    rows = []
    good = True
    with tempfile.TemporaryDirectory() as name:
        for trials in map(int, options.trials.split(",")):
            root = (options.keep or Path(name)) / f"store-{trials}-{options.text}"
            second = root.with_name(f"{root.name}-again")
            scores = _made(root, trials, options.text, trials)
            if "compare" in options.commands.split(","):
                _made(second, trials, options.text, trials + 1)
            commands = _commands(root, second, Path(name))
            for command in options.commands.split(","):
                taken = measured(commands[command])
                allowed = max(SECONDS_A_MILLION * scores / 1e6, 5.0)
                within = min(taken.wall, taken.cpu) <= allowed and taken.memory <= MEMORY * max(scores / 1e6, 1)
                good = good and (within or not command.startswith("tables"))
                times = [f"{taken.wall:.1f} s", f"{taken.cpu:.1f} s", f"{1e6 * taken.cpu / trials:.0f} us"]
                size = f"{taken.memory / 2**20:,.0f} MB"
                rows.append([f"{trials:,}", f"{scores:,}", command, *times, size, "yes" if within else "NO"])
    head = ["trials", "scores", "command", "time", "CPU", "CPU a trial", "peak memory", "within 10 s and 2 GB a million scores"]
    table(f"run stores, {options.text} characters a justification", rows, head)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
