"""Peak memory and time of the engine as trials grow; `make perf` runs it.

    python -m tests.perf.memory [--factors 1,4,16]

A run of idea trials whose ideas are 200 KB each (the scripted server pads them), with one judge; the engine's resident set is
sampled while it runs.
"""

import argparse
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import psutil

from tests.perf.measure import keyed, pytest_command, server, table
from tests.support.research_script import answer as research
from tests.support.scripted_server import Json, Reply

PADDING = ("Further reasons are given at length. " * 28 + "\n") * 195
"""About 200 KB of Markdown."""


def padded(body: Json) -> Reply:
    """The research script's answer; an idea is made 200 KB long."""
    reply = research(body)
    return Reply(f"{reply.text}\n{PADDING}", stage=reply.stage) if reply.stage == "idea" else reply


def measured(epochs: int) -> tuple[float, float, int]:
    """Seconds, peak MB of the engine, trials."""
    with tempfile.TemporaryDirectory() as name, server("tests.perf.memory:padded", latency=0.0) as (url, _):
        command = pytest_command(
            "--mlr-model=openai/m", "--mlr-judges=openai/j1", "--mlr-stage=idea", "--mlr-budget=none", "--mlr-search=none",
            "--mlr-venue=ICLR", f"--mlr-epochs={epochs}", f"--mlr-run={name}/run", "--mlr-report=none", "-n", "2",
            "-p", "no:cacheprovider",
        )  # fmt: skip
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=name, env=keyed(url), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        peak = [0.0]
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(0.1):
                try:
                    for child in psutil.Process(process.pid).children(recursive=True):
                        if "pytest_mlrbench.engine" in " ".join(child.cmdline()):
                            peak[0] = max(peak[0], child.memory_info().rss / 2**20)
                except psutil.Error:
                    continue  # it has just ended

        watcher = threading.Thread(target=watch)
        watcher.start()
        code = process.wait()
        ended.set()
        watcher.join()
        trials = len(list(Path(name, "run", "trials").glob("*/idea*/record.json")))
        if code not in (0, 1):
            raise RuntimeError(f"the session ended with {code}")
        return time.perf_counter() - began, peak[0], trials


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--factors", default="1,4,16", help="epochs of the 68 ICLR tasks")
    options = parser.parse_args()
    rows = []
    for factor in map(int, options.factors.split(",")):
        seconds, peak, trials = measured(factor)
        rows.append([str(trials), f"{seconds:.1f}", f"{1000 * seconds / trials:.1f}", f"{peak:.0f}"])
    table("Engine with outputs of 200 KB", rows, ["trials", "wall s", "ms a trial", "peak MB"])


if __name__ == "__main__":
    main()
