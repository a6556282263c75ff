"""201 idea trials with two judges each against the scripted server, beside the same work in Inspect AI; `make perf` runs it.

    python -m tests.perf.throughput [--latency 0.5] [--repeats 3] [--skip-inspect]

Inspect AI goes into a virtual environment of its own below .perf/ at first use.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from tests.perf.measure import ROOT, Cost, keyed, pytest_command, run, server, table

INSPECT = "inspect-ai==0.3.285"
JUDGES = "--mlr-judges=openai/j1,openai/j2"


def inspect_python() -> str:
    """Interpreter of the environment that holds Inspect AI."""
    folder = ROOT / ".perf" / "inspect"
    python = folder / "bin" / "python"
    if not (folder / "ready").is_file():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", INSPECT, "openai"], check=True)
        (folder / "ready").touch()
    return str(python)


def ours(
    home: str, concurrency: int, workers: int, latency: float, reject_above: int | None = None
) -> tuple[Cost, dict[str, object]]:
    """`home` is to outlive all runs of a script: ext4 looks at each inode freed in the last seconds before it gives one out, and a
    run begun after an older one was removed pays for that (a tenth of its CPU)."""
    with server(latency=latency, reject_above=reject_above) as (url, stats):
        name = tempfile.mkdtemp(dir=home)
        arguments = pytest_command(
            "--mlr-model=openai/m", JUDGES, "--mlr-stage=idea", "--mlr-budget=none", "--mlr-search=none",
            f"--mlr-concurrency={concurrency}", f"--mlr-run={name}/run", "--mlr-report=none", "-n", str(workers),
            "-p", "no:cacheprovider",
        )  # fmt: skip
        cost = run(arguments, Path(name), keyed(url))
        seen = stats()
        assert seen["total"] == 603, seen
        return cost, seen


def theirs(home: str, concurrency: int, latency: float) -> tuple[Cost, dict[str, object]]:
    with server("tests.perf.inspect_script:answer", latency=latency) as (url, stats):
        name = tempfile.mkdtemp(dir=home)
        command = [inspect_python(), str(ROOT / "tests/perf/inspect_task.py"), str(concurrency), f"{name}/logs"]
        cost = run(command, Path(name), keyed(url))
        seen = stats()
        assert seen["total"] == 603, seen
        return cost, seen


def middle(costs: list[tuple[Cost, dict[str, object]]]) -> tuple[float, float, object]:
    return (
        statistics.median(cost.wall for cost, _ in costs),
        statistics.median(cost.cpu for cost, _ in costs),
        max(int(str(seen["in_flight_max"])) for _, seen in costs),
    )


def compared(home: str, options: argparse.Namespace) -> list[list[str]]:
    """The rows of the table."""
    rows = []
    for concurrency in (32, 128):
        jobs = {f"-n {n}": partial(ours, home, concurrency, n, options.latency) for n in (2, 8)}
        if not options.skip_inspect:
            jobs["Inspect AI"] = partial(theirs, home, concurrency, options.latency)
        found: dict[str, list[tuple[Cost, dict[str, object]]]] = {name: [] for name in jobs}
        for _ in range(options.repeats):  # in turn, so that what else the machine does falls on all alike
            for name, job in jobs.items():
                found[name].append(job())
        medians = {name: middle(costs) for name, costs in found.items()}
        base = medians.get("Inspect AI")
        two = medians["-n 2"]
        for name, (wall, cpu, most) in medians.items():
            against = f"{wall / base[0]:.2f} / {cpu / base[1]:.2f}" if base else "-"
            rows.append([str(concurrency), name, f"{wall:.1f}", f"{cpu:.1f}", str(most), against, f"{wall / two[0]:.2f}"])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--skip-inspect", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        rows = compared(home, options)
    table(
        "201 idea trials, 603 calls",
        rows,
        ["in flight", "what", "wall s", "CPU s", "most in flight", "wall / CPU against Inspect", "wall against -n 2"],
    )


if __name__ == "__main__":
    main()
