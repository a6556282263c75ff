"""Shared part of a study: arguments, log, records per seed and every file below results/ (run_experiment.py calls it)."""

# mypy: disable-error-code="import-untyped,import-not-found"

import argparse
import csv
import json
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import matplotlib
import numpy
import sklearn
from aggregate import DIGITS, assemble, claims, key_of
from threadpoolctl import threadpool_limits

matplotlib.use("Agg")
import matplotlib.pyplot as plt

RESULTS = Path("results")


@dataclass(frozen=True)
class Design:
    """What a study compares. Keys are the labels in lower case with underscores, so that tables and JSON can be matched."""

    study: str
    title: str
    dataset: str
    split: str
    condition_name: str
    """What the conditions vary, for instance `label noise`."""
    conditions: dict[str, float]
    """Label of a condition -> its value for the study's own use."""
    evaluated: tuple[int, ...]
    """Examples behind one value (one seed) in each condition."""
    methods: tuple[str, ...]
    """Labels; the baselines first, the proposed variant last."""
    metrics: dict[str, tuple[str, str]]
    """Metric key -> (label, `higher` or `lower` is better); the first one is primary."""


class Recorder:
    """Log and measurements of one run."""

    def __init__(self, design: Design, seeds: list[int]) -> None:
        self.design = design
        self.seeds = seeds
        self.command = " ".join(["python", *sys.orig_argv[1:]])
        self.raw: dict[str, dict[str, dict[str, list[float]]]] = {}
        (RESULTS / "figures").mkdir(parents=True, exist_ok=True)
        self._log = (RESULTS / "log.txt").open("w", encoding="utf-8")

    def log(self, text: str) -> None:
        """One line with the current UTC time, on the screen and in results/log.txt."""
        line = f"{datetime.now(timezone.utc).isoformat(timespec='milliseconds')} {text}"  # noqa: UP017  (a sandbox may have Python 3.10)
        print(line, flush=True)
        self._log.write(line + "\n")
        self._log.flush()

    def add(self, method: str, condition: str, **values: float) -> None:
        """Store what one method measured in one condition with the current seed (call it in the order of the seeds)."""
        cell = self.raw.setdefault(key_of(method), {}).setdefault(key_of(condition), {})
        for metric, value in values.items():
            cell.setdefault(metric, []).append(round(float(value), DIGITS))
        shown = ", ".join(f"{metric}={value:.4f}" for metric, value in values.items())
        self.log(f"{method} | {condition} | {shown}")

    def finish(self) -> None:
        """Aggregate and write results.json, results.csv, claims.json and the figures."""
        document = self._document()
        write_json(RESULTS / "results.json", document)
        self._write_csv()
        write_json(RESULTS / "claims.json", claims(document))
        for metric in self.design.metrics:
            self._figure(document, metric)
        self.log(f"wrote {', '.join(sorted(p.name for p in RESULTS.iterdir()))}")
        self._log.close()

    def _document(self) -> dict[str, Any]:
        design = self.design
        document: dict[str, Any] = assemble(
            raw=self.raw,
            about={
                "study": design.study,
                "title": design.title,
                "dataset": design.dataset,
                "split": design.split,
                "command": self.command,
                "seeds": self.seeds,
                "condition_name": design.condition_name,
                "conditions": {key_of(label): label for label in design.conditions},
                "evaluated": dict(zip(map(key_of, design.conditions), design.evaluated, strict=True)),
                "methods": {key_of(label): label for label in design.methods},
                "proposed": key_of(design.methods[-1]),
                "metrics": {metric: {"label": label, "better": better} for metric, (label, better) in design.metrics.items()},
                "primary": next(iter(design.metrics)),
                "figures": {
                    f"figures/{metric}.png": f"{label} by {design.condition_name}" for metric, (label, _) in design.metrics.items()
                },
            },
        )
        return document

    def _write_csv(self) -> None:
        metrics = list(self.design.metrics)
        with (RESULTS / "results.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["method", "condition", "seed", *metrics])
            for method, conditions in self.raw.items():
                for condition, cell in conditions.items():
                    for i, seed in enumerate(self.seeds):
                        writer.writerow([method, condition, seed, *(cell[metric][i] for metric in metrics)])

    def _figure(self, document: dict[str, Any], metric: str) -> None:
        """Mean of each method in each condition with its SD over seeds, and the seeds themselves as points."""
        figure, axes = plt.subplots(figsize=(6.4, 4.0))
        methods, conditions = document["methods"], document["conditions"]
        width = 0.8 / len(methods)
        for i, (method, label) in enumerate(methods.items()):
            cells = [document["aggregated"][method][c][metric] for c in conditions]
            places = [x + (i - (len(methods) - 1) / 2) * width for x in range(len(conditions))]
            axes.bar(places, [c["mean"] for c in cells], width, yerr=[c["sd"] for c in cells], capsize=2, alpha=0.75, label=label)
            for place, condition in zip(places, conditions, strict=True):
                values = document["raw"][method][condition][metric]
                axes.plot([place] * len(values), values, "k.", markersize=2)
        axes.set_xticks(range(len(conditions)), list(conditions.values()))
        axes.set_xlabel(document["condition_name"])
        axes.set_ylabel(document["metrics"][metric]["label"])
        axes.set_title(f"{document['dataset']}: mean and SD over {len(self.seeds)} seeds")
        axes.legend(fontsize=7)
        figure.tight_layout()
        figure.savefig(RESULTS / "figures" / f"{metric}.png", dpi=90)
        plt.close(figure)


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def main(design: Design, one_seed: Callable[[Recorder, int], None]) -> None:
    """Run `one_seed` for each seed and write everything below results/."""
    parser = argparse.ArgumentParser(description=design.title)
    parser.add_argument("--seed", type=int, default=0, help="first seed; repeat i uses seed + i")
    parser.add_argument("--repeats", type=int, default=4, help="number of seeds, at least 3 (default 4)")
    arguments = parser.parse_args()
    if arguments.repeats < 3:
        parser.error(f"--repeats is {arguments.repeats}; a spread needs at least 3 seeds")
    seeds = [arguments.seed + i for i in range(arguments.repeats)]
    recorder = Recorder(design, seeds)
    recorder.log(f"Python {platform.python_version()}, numpy {numpy.__version__}, scikit-learn {sklearn.__version__}")
    recorder.log(f"start {recorder.command} | {design.study} on {design.dataset} | seeds {seeds}")
    # On two shared cores, threads that wait for each other made a study of 3 s last 50 s; the matrices are too small to gain.
    with threadpool_limits(limits=1):
        for seed in seeds:
            recorder.log(f"seed {seed}")
            one_seed(recorder, seed)
    recorder.finish()
