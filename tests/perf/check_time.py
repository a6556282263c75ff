"""Time of `mlrbench check` a folder on one core: `make perf FOLDERS="a b"`, or run it with folders; it asserts nothing.

Each folder is checked by the command itself, start-up included. A folder of junk of about 2 GB is made beside them (`--no-junk`
leaves it out): a huge log, an endless one-line JSON, a binary of 1.6 GB, 100,000 files, folders 300 deep, and a small run in it.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def junk(root: Path, files: int) -> Path:
    """The folder of junk, with a run of two programs inside it."""
    (root / "code").mkdir(parents=True)
    (root / "results").mkdir()
    (root / "code" / "run.py").write_text("import json\njson.dump({'ridge': {'mae': 0.4127}}, open('results/out.json', 'w'))\n")
    (root / "results" / "out.json").write_text(json.dumps({"ridge": {"mae": 0.41271, "rmse": 0.55193}}))
    (root / "results" / "results.md").write_text("| method | mae | rmse |\n|---|---|---|\n| ridge | 0.4127 | 0.5519 |\n")
    call = {"type": "tool_use", "id": "1", "name": "Bash", "input": {"command": "python code/run.py"}}
    (root / "session.jsonl").write_text(json.dumps(call) + "\n" + json.dumps({"tool_use_id": "1", "content": "saved"}) + "\n")
    line = "step {0} loss {1:.6f} accuracy {2:.4f} at 2026-01-05 09:07:10\n"
    block = "".join(line.format(i, 1 / (i + 1), i / 5000) for i in range(5000))
    with (root / "train.log").open("w") as log:
        for _ in range(900):
            log.write(block)
    with (root / "results" / "endless.json").open("w") as endless:
        endless.write('{"values": [')
        for _ in range(150):
            endless.write("0.123456, " * 100_000)
    with (root / "weights.bin").open("wb") as binary:
        binary.truncate(1600 * 2**20)
    with (root / "session2.jsonl").open("w") as log:
        record = (
            json.dumps({"type": "tool_use", "name": "Bash", "input": {"command": "python run.py"}, "output": "x" * 1000}) + "\n"
        )
        for _ in range(100):
            log.write(record * 1000)
    many = root / "data" / "samples"
    many.mkdir(parents=True)
    for number in range(files):
        (many / f"{number:06d}.txt").touch()
    deep = root
    for _ in range(300):
        deep = deep / "deep"
        deep.mkdir()
    return root


def timed(folder: Path) -> tuple[float, float, int, str]:
    """Wall and CPU seconds, peak memory in MB, and how the check ended."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    command = [sys.executable, "-m", "pytest_mlrbench.cli", "check", str(folder), "--format", "json"]
    # As for any user: Python keeps the bytecode of an editable install from its second start on.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    wall = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        ending = json.loads(done.stdout)["verdict"]
    except (ValueError, KeyError):
        ending = f"exit {done.returncode}: {done.stderr.strip()[-200:]}"
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, after.ru_maxrss // 1024, ending


def main() -> int:
    """Print a line a folder, then median and maximum."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--no-junk", action="store_true")
    parser.add_argument("--junk-files", type=int, default=100_000, help="files in one folder of the junk (default: %(default)s)")
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print("  wall    CPU  memory  folder")
    times = []
    for folder in options.folders:
        wall, cpu, memory, ending = timed(folder)
        times.append((wall, cpu))
        print(f"{wall:5.2f}s {cpu:5.2f}s {memory:5d}MB  {folder}: {ending}", flush=True)
    for name, column in (("wall", 0), ("CPU", 1)) if times else ():
        values = [one[column] for one in times]
        print(f"{name}: median {statistics.median(values):.2f} s, maximum {max(values):.2f} s over {len(values)} folders")
    if not options.no_junk:
        with tempfile.TemporaryDirectory() as place:
            wall, cpu, memory, ending = timed(junk(Path(place) / "junk", options.junk_files))
            print(f"{wall:5.2f}s {cpu:5.2f}s   2 GB of junk with {options.junk_files} files: {ending} (peak of all: {memory} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
