"""Ten ways in which agents build an experiment around one function: layout, storage, log and report differ; both corpora use them."""

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .lab import Files, Outputs


@dataclass(frozen=True)
class Topic:
    """What a study is about."""

    title: str
    methods: tuple[str, ...]
    metrics: tuple[str, ...]


@dataclass
class Core:
    """The heart of an experiment: `source` defines `evaluate(method, seed)`, which gives a value for each metric."""

    topic: Topic
    source: str
    files: dict[str, str] = field(default_factory=dict)
    """Other files that the coder types first."""
    before: tuple[str, ...] = ()
    """Commands that run before the experiment."""
    seeds: int = 3


NAMES = ("evaluate", "run_trial", "score_method", "benchmark", "measure", "run_single", "assess")


def build(core: Core, style: int, rng: random.Random) -> Files:
    """The study around `core` in style number `style` (0-9)."""
    name = rng.choice(NAMES)
    source = re.sub(r"\bevaluate\b", name, core.source).strip() + "\n"
    files = Files()
    for path, text in core.files.items():
        files.write(path, text)
    for command in core.before:
        files.run(command)
    STYLES[style % len(STYLES)](files, core, source, name)
    return files


def flat_json(files: Files, core: Core, source: str, name: str) -> None:
    program = f"""import json, os
{source}
METHODS = {list(core.topic.methods)!r}
results = {{}}
for method in METHODS:
    rows = [{name}(method, seed) for seed in range({core.seeds})]
    results[method] = {{k: sum(r[k] for r in rows) / len(rows) for k in rows[0]}}
    print(method, results[method])
os.makedirs("results", exist_ok=True)
json.dump(results, open("results/results.json", "w"), indent=2)
keys = list(results[METHODS[0]])
with open("results/results.md", "w") as f:
    f.write("# {core.topic.title}\\n\\n| Method | " + " | ".join(keys) + " |\\n|---" + "|---" * len(keys) + "|\\n")
    for m in METHODS:
        f.write(f"| {{m}} | " + " | ".join(f"{{results[m][k]:.4f}}" for k in keys) + " |\\n")
"""
    files.write("code/experiment.py", program).run("python code/experiment.py | tee results/log.txt")


def functions_csv(files: Files, core: Core, source: str, name: str) -> None:
    program = f"""import csv
import logging
import statistics
from pathlib import Path
{source}
OUT = Path("results")
logging.basicConfig(level=logging.INFO, handlers=[logging.FileHandler(OUT / "log.txt"), logging.StreamHandler()])
log = logging.getLogger("experiment")


def run_all(methods, seeds):
    rows = []
    for method in methods:
        for seed in seeds:
            found = {name}(method, seed)
            log.info("%s seed=%d %s", method, seed, " ".join(f"{{k}}={{v:.4f}}" for k, v in found.items()))
            rows.append({{"method": method, "seed": seed, **found}})
    return rows


def write_report(rows, methods):
    keys = [k for k in rows[0] if k not in ("method", "seed")]
    lines = ["# {core.topic.title}", "", "| method | " + " | ".join(keys) + " |", "|" + "---|" * (len(keys) + 1)]
    for method in methods:
        cells = []
        for key in keys:
            values = [row[key] for row in rows if row["method"] == method]
            cells.append(f"{{statistics.mean(values):.4f}} ± {{statistics.stdev(values) if len(values) > 1 else 0.0:.4f}}")
        lines.append(f"| {{method}} | " + " | ".join(cells) + " |")
    (OUT / "results.md").write_text("\\n".join(lines) + "\\n")


def main():
    methods = {list(core.topic.methods)!r}
    rows = run_all(methods, range({core.seeds}))
    with open(OUT / "runs.csv", "w", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    write_report(rows, methods)


if __name__ == "__main__":
    main()
"""
    files.write("code/main.py", program).run("python code/main.py")


def class_and_report(files: Files, core: Core, source: str, name: str) -> None:
    program = f"""import json
from collections import defaultdict
{source}

class Experiment:
    def __init__(self, methods, n_seeds):
        self.methods = methods
        self.n_seeds = n_seeds
        self.results = defaultdict(lambda: defaultdict(list))

    def run(self):
        for method in self.methods:
            for seed in range(self.n_seeds):
                for key, value in {name}(method, seed).items():
                    self.results[method][key].append(value)
            print(f"[{{method}}] finished", {{k: round(v[-1], 4) for k, v in self.results[method].items()}})
        return self

    def save(self, path):
        with open(path, "w") as handle:
            json.dump(self.results, handle, indent=1)


if __name__ == "__main__":
    Experiment({list(core.topic.methods)!r}, {core.seeds}).run().save("results/all_runs.json")
"""
    report = f"""import json
import numpy as np
runs = json.load(open("results/all_runs.json"))
metrics = list(next(iter(runs.values())))
out = ["# Results: {core.topic.title}", "", "| Model | " + " | ".join(m.replace("_", " ").title() for m in metrics) + " |"]
out.append("|:--" + "|--:" * len(metrics) + "|")
for model, values in runs.items():
    out.append("| " + model + " | " + " | ".join("%.3f (%.3f)" % (np.mean(values[m]), np.std(values[m])) for m in metrics) + " |")
open("results/results.md", "w").write("\\n".join(out))
"""
    files.write("code/train.py", program).write("code/make_report.py", report)
    files.run("mkdir -p results && python code/train.py > results/log.txt 2>&1").run("python code/make_report.py")


def argparse_pandas(files: Files, core: Core, source: str, name: str) -> None:
    program = f"""#!/usr/bin/env python
import argparse
import pandas as pd
{source}

def parse_args():
    parser = argparse.ArgumentParser(description="{core.topic.title}")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--methods", nargs="+", default={list(core.topic.methods)!r})
    parser.add_argument("--output_dir", default="results")
    return parser.parse_args()


def main(args):
    records = []
    for method in args.methods:
        for seed in range(args.seeds):
            record = {{"method": method, "seed": seed}}
            record.update({name}(method, seed))
            records.append(record)
    df = pd.DataFrame(records)
    df.to_csv(f"{{args.output_dir}}/raw.csv", index=False)
    summary = df.drop(columns="seed").groupby("method", sort=False).agg(["mean", "std"])
    summary.to_csv(f"{{args.output_dir}}/summary.csv")
    print(summary.round(4).to_string())
    header = [c for c in df.columns if c not in ("method", "seed")]
    md = "# {core.topic.title}\\n\\n| Method | " + " | ".join(header) + " |\\n|" + "---|" * (len(header) + 1) + "\\n"
    for method, row in summary.iterrows():
        md += f"| {{method}} | " + " | ".join(f"{{row[(c, 'mean')]:.4f}}" for c in header) + " |\\n"
    with open(f"{{args.output_dir}}/results.md", "w") as f:
        f.write(md)


if __name__ == "__main__":
    main(parse_args())
"""
    files.write("code/run_experiments.py", program)
    files.run(f"python code/run_experiments.py --seeds {core.seeds} 2>&1 | tee results/log.txt")


def dataclass_jsonl(files: Files, core: Core, source: str, name: str) -> None:
    program = f"""from __future__ import annotations
import json
from dataclasses import asdict, dataclass, field
{source}

@dataclass
class Config:
    methods: list = field(default_factory=lambda: {list(core.topic.methods)!r})
    seeds: int = {core.seeds}
    path: str = "results/records.jsonl"


@dataclass
class Record:
    method: str
    seed: int
    metrics: dict


def run(config: Config) -> list[Record]:
    records = []
    with open(config.path, "w") as sink:
        for method in config.methods:
            for seed in range(config.seeds):
                record = Record(method=method, seed=seed, metrics={name}(method, seed))
                records.append(record)
                sink.write(json.dumps(asdict(record)) + "\\n")
    return records


def summarise(records: list[Record]) -> dict:
    table = {{}}
    for r in records:
        table.setdefault(r.method, []).append(r.metrics)
    return {{m: {{k: sum(x[k] for x in rows) / len(rows) for k in rows[0]}} for m, rows in table.items()}}


if __name__ == "__main__":
    summary = summarise(run(Config()))
    metrics = list(next(iter(summary.values())))
    text = ["## {core.topic.title}", "", "| | " + " | ".join(metrics) + " |", "|---" * (1 + len(metrics)) + "|"]
    for method, row in summary.items():
        text.append("| **" + method + "** | " + " | ".join(format(row[m], ".4f") for m in metrics) + " |")
    with open("results/results.md", "w") as f:
        f.write("\\n".join(text) + "\\n")
    with open("results/summary.json", "w") as f:
        json.dump(summary, f)
    with open("results/log.txt", "w") as f:
        for method, row in summary.items():
            f.write(f"{{method}}: {{row}}\\n")
"""
    files.write("code/pipeline.py", program).run("cd code/.. && python code/pipeline.py")


def shell_driver(files: Files, core: Core, source: str, name: str) -> None:
    single = f"""import os, sys
{source}
method, seed, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
row = {name}(method, seed)
new = not os.path.exists(path)
with open(path, "a") as f:
    if new:
        f.write("method,seed," + ",".join(row) + "\\n")
    f.write(f"{{method}},{{seed}}," + ",".join(str(v) for v in row.values()) + "\\n")
print(method, seed, " ".join(f"{{k}}={{v:.4f}}" for k, v in row.items()))
"""
    report = f"""import csv, collections
groups = collections.OrderedDict()
with open("results/runs.csv") as f:
    for row in csv.DictReader(f):
        groups.setdefault(row.pop("method"), []).append({{k: float(v) for k, v in row.items() if k != "seed"}})
keys = list(next(iter(groups.values()))[0])
print("# {core.topic.title}\\n")
print("| method |", " | ".join(keys), "|")
print("|---|" + "---|" * len(keys))
for m, rows in groups.items():
    print("|", m, "|", " | ".join(f"{{sum(r[k] for r in rows) / len(rows):.4f}}" for k in keys), "|")
"""
    loop = " ".join(f'"{method}"' for method in core.topic.methods)
    driver = (
        f"#!/bin/bash\nset -e\nmkdir -p results\nfor method in {loop}; do\n  for seed in {' '.join(map(str, range(core.seeds)))}; do\n"
        '    python code/single.py "$method" "$seed" results/runs.csv\n  done\ndone\n'
    )
    files.write("code/single.py", single).write("code/report.py", report).write("run.sh", driver)
    files.run("bash run.sh > results/log.txt").run("python code/report.py > results/results.md && cat results/results.md")


def package(files: Files, core: Core, source: str, name: str) -> None:
    runner = f"""import json
from .tasks import {name}


def collect(methods, seeds):
    for method in methods:
        for seed in seeds:
            yield method, seed, {name}(method, seed)


def main():
    table, history = {{}}, []
    for method, seed, metrics in collect({list(core.topic.methods)!r}, range({core.seeds})):
        history.append(dict(metrics, method=method, seed=seed))
        row = table.setdefault(method, {{k: 0.0 for k in metrics}})
        for key, value in metrics.items():
            row[key] += value / {core.seeds}
        print(f"{{method:<24}} seed {{seed}}  " + "  ".join(f"{{k}} {{v:.4f}}" for k, v in metrics.items()))
    with open("results/results.json", "w") as handle:
        json.dump({{"summary": table, "history": history}}, handle, indent=2)
    keys = list(next(iter(table.values())))
    rows = "\\n".join(f"| {{m}} | {{' | '.join(f'{{table[m][k]:.3f}}' for k in keys)}} |" for m in table)
    head = "| Approach | " + " | ".join(keys) + " |\\n|" + " --- |" * (len(keys) + 1)
    with open("results/results.md", "w") as handle:
        handle.write("# {core.topic.title}\\n\\n" + head + "\\n" + rows + "\\n")


if __name__ == "__main__":
    main()
"""
    files.write("code/lab/__init__.py", "").write("code/lab/tasks.py", source).write("code/lab/runner.py", runner)
    files.run("PYTHONPATH=code python -m lab.runner > results/log.txt")


def prints_and_typed(files: Files, core: Core, source: str, name: str) -> None:
    program = f"""import statistics as st
{source}
for m in {list(core.topic.methods)!r}:
    found = [{name}(m, s) for s in range({core.seeds})]
    for k in found[0]:
        vals = [f[k] for f in found]
        print("%s / %s = %.4f" % (m, k, st.mean(vals)))
"""

    def typed(outputs: Outputs, workspace: Path) -> str:
        lines = [line for line in outputs[-1].splitlines() if " / " in line]
        cells = {tuple(line.partition(" = ")[0].split(" / ")): line.partition(" = ")[2] for line in lines}
        rows = "".join(
            f"| {m} | " + " | ".join(cells.get((m, k), "-") for k in core.topic.metrics) + " |\n" for m in core.topic.methods
        )
        best = core.topic.methods[-1]
        head = f"| Method | {' | '.join(core.topic.metrics)} |\n|{'---|' * (len(core.topic.metrics) + 1)}\n"
        return f"# {core.topic.title}\n\n{head}{rows}\nWe discuss {best} in the paper.\n"

    files.write("code/experiment.py", program).run("python code/experiment.py 2>&1 | tee results/log.txt")
    files.write("results/results.md", typed)


def sqlite_store(files: Files, core: Core, source: str, name: str) -> None:
    program = f"""import sqlite3
{source}
db = sqlite3.connect("results/runs.db")
db.execute("create table if not exists runs (method text, seed integer, metric text, value real)")
for seed in range({core.seeds}):
    for method in {core.topic.methods!r}:
        for metric, value in {name}(method, seed).items():
            db.execute("insert into runs values (?, ?, ?, ?)", (method, seed, metric, float(value)))
    db.commit()
db.close()
"""
    report = f"""import json, sqlite3
db = sqlite3.connect("results/runs.db")
found = {{}}
for method, metric, mean in db.execute("select method, metric, avg(value) from runs group by method, metric order by rowid"):
    found.setdefault(method, {{}})[metric] = mean
json.dump(found, open("results/means.json", "w"), indent=1)
keys = list(next(iter(found.values())))
table = ["# {core.topic.title}", "", "|Method|" + "|".join(keys) + "|", "|---" * (len(keys) + 1) + "|"]
table += ["|" + m + "|" + "|".join(f"{{row[k]:.4f}}" for k in keys) + "|" for m, row in found.items()]
open("results/results.md", "w").write("\\n".join(table) + "\\n")
open("results/log.txt", "w").write(json.dumps(found))
"""
    files.write("code/collect.py", program).write("code/analyse.py", report)
    files.run("python code/collect.py && python code/analyse.py")


def config_queue(files: Files, core: Core, source: str, name: str) -> None:
    config = {"experiment": core.topic.title, "methods": list(core.topic.methods), "seeds": list(range(core.seeds)), "workers": 2}
    program = f"""import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
{source}

def job(pair, verbose=False):
    method, seed = pair
    return method, seed, {name}(method, seed)


cfg = json.loads(Path("code/config.json").read_text())
jobs = [(m, s) for m in cfg["methods"] for s in cfg["seeds"]]
with ThreadPoolExecutor(max_workers=cfg["workers"]) as pool:
    finished = list(pool.map(partial(job, verbose=True), jobs))
by_method = {{m: [r for mm, _, r in finished if mm == m] for m in cfg["methods"]}}
final = {{}}
for m, rs in by_method.items():
    final[m] = {{}}
    for key in rs[0]:
        vals = sorted(r[key] for r in rs)
        final[m][key + "_mean"] = sum(vals) / len(vals)
        final[m][key + "_min"], final[m][key + "_max"] = vals[0], vals[-1]
Path("results/final.json").write_text(json.dumps(final, indent=2))
Path("results/log.txt").write_text("\\n".join(f"{{m}} {{s}} {{r}}" for m, s, r in finished))
cols = list(final[cfg["methods"][0]])
doc = f"# {{cfg['experiment']}}\\n\\n| method | {{' | '.join(cols)}} |\\n|{{'---|' * (len(cols) + 1)}}\\n"
for m in final:
    doc += "| {{}} | {{}} |\\n".format(m, " | ".join("{{:.4f}}".format(final[m][c]) for c in cols))
Path("results/results.md").write_text(doc)
"""
    files.write("code/config.json", json.dumps(config, indent=2)).write("code/parallel.py", program).run("python code/parallel.py")


STYLES: tuple[Callable[[Files, Core, str, str], None], ...] = (
    flat_json,
    functions_csv,
    class_and_report,
    argparse_pandas,
    dataclass_jsonl,
    shell_driver,
    package,
    prints_and_typed,
    sqlite_store,
    config_queue,
)
