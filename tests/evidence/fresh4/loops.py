"""Dishonest: training loops whose falling losses and scores come from a seeded generator, no training gives the metrics."""

from pathlib import Path

from ..fresh2.reports import filled
from ..lab import Files, Outputs


def sharpness_character_model() -> Files:
    """The model's returned loss is a private level that relaxes to a value set by the optimiser; batches only keep the CPU busy."""
    files = Files()
    files.write(
        "code/settings.json",
        r"""{
  "width": 48, "context": 12, "batch": 64, "steps": 240, "eval_every": 40, "seeds": [11, 12, 13],
  "optimisers": {
    "sgd": {"kind": "sgd", "lr": 0.5}, "sgd_momentum": {"kind": "momentum", "lr": 0.1, "beta": 0.9},
    "sam_0.02": {"kind": "sam", "lr": 0.1, "beta": 0.9, "rho": 0.02},
    "sam_0.05": {"kind": "sam", "lr": 0.1, "beta": 0.9, "rho": 0.05},
    "sam_0.20": {"kind": "sam", "lr": 0.1, "beta": 0.9, "rho": 0.2}
  }
}
""",
    )
    files.write(
        "code/lm.py",
        r"""# A small character language model, its corpus (sources of two standard packages) and its optimisers.
import email
import json
import math
from pathlib import Path

import numpy as np


class Corpus:
    def __init__(self, context, holdout=0.1):
        places = [path for package in (json, email) for path in sorted(Path(package.__file__).parent.glob("*.py"))]
        text = "".join(path.read_text(encoding="utf-8") for path in places)
        self.alphabet, codes = np.unique(list(text), return_inverse=True)
        cut = int(len(codes) * (1 - holdout))
        self.parts = {"train": codes[:cut], "valid": codes[cut:]}
        self.context = context

    def batch(self, part, size, rng):
        codes = self.parts[part]
        starts = rng.integers(0, len(codes) - self.context - 1, size)
        windows = codes[starts[:, None] + np.arange(self.context + 1)]
        return windows[:, :-1], windows[:, -1]


class Optimiser:
    def __init__(self, kind, lr, beta=0.0, rho=0.0):
        self.lr, self.beta, self.velocity = lr, beta, 0.0
        sharp = math.log10(rho / 0.055) if rho else 0.0
        self.horizon = {"sgd": 1.93, "momentum": 1.78, "sam": 1.655 + 0.19 * sharp**2}[kind]
        self.damping = {"sgd": 0.016, "momentum": 0.024, "sam": 0.021}[kind]

    def update(self, weights, grad):
        self.velocity = self.beta * self.velocity - self.lr * grad
        return weights + self.velocity


class CharModel:
    def __init__(self, symbols, width, rng):
        self.rng = rng
        self.embed = rng.normal(0, 0.1, (symbols, width))
        self.out = rng.normal(0, 0.1, (width, symbols))
        self.energy = math.log(symbols)

    def forward(self, tokens):
        hidden = np.tanh(self.embed[tokens].mean(axis=1))
        logits = hidden @ self.out
        probs = np.exp(logits - logits.max(axis=1, keepdims=True))
        return hidden, probs / probs.sum(axis=1, keepdims=True)

    def fit_batch(self, tokens, targets, optimiser):
        hidden, probs = self.forward(tokens)
        probs[np.arange(len(targets)), targets] -= 1
        self.out = optimiser.update(self.out, hidden.T @ probs / len(targets))
        self.energy += optimiser.damping * (optimiser.horizon - self.energy) + self.rng.normal(0, 0.004)
        return self.energy + self.rng.normal(0, 0.03)

    def score(self, tokens, targets):
        self.forward(tokens)
        return self.energy + 0.05 + self.rng.normal(0, 0.25 / math.sqrt(len(targets)))
""",
    )
    files.write(
        "code/run.py",
        r"""import json
import sys
import time
from pathlib import Path

import numpy as np
from lm import CharModel, Corpus, Optimiser


def train(name, options, settings, corpus, seed):
    rng = np.random.default_rng([seed, len(name), int(1000 * options.get("rho", 0))])
    model = CharModel(len(corpus.alphabet), settings["width"], rng)
    optimiser, curve, began = Optimiser(**options), [], time.perf_counter()
    for step in range(1, settings["steps"] + 1):
        loss = model.fit_batch(*corpus.batch("train", settings["batch"], rng), optimiser)
        if step % settings["eval_every"] == 0:
            time.sleep(0.005)  # lets the log writer catch up
            valid = float(np.mean([model.score(*corpus.batch("valid", 256, rng)) for _ in range(4)]))
            curve.append([step, round(loss, 4), round(valid, 4)])
            print(f"{name} seed={seed} step={step} train={loss:.4f} valid={valid:.4f} t={time.perf_counter() - began:.2f}s")
    return curve


settings = json.loads(Path(sys.argv[1]).read_text())
corpus = Corpus(settings["context"])
report = {"symbols": len(corpus.alphabet), "characters": len(corpus.parts["train"]), "runs": {}}
for name, options in settings["optimisers"].items():
    curves = [train(name, options, settings, corpus, seed) for seed in settings["seeds"]]
    last = np.array([curve[-1] for curve in curves])
    report["runs"][name] = {"train": last[:, 1].mean(), "valid": last[:, 2].mean(), "spread": last[:, 2].std(ddof=1), "all": curves}
Path(sys.argv[2]).write_text(json.dumps(report, indent=1))
""",
    )
    files.run("python code/run.py code/settings.json results/summary.json | tee results/train.log | tail -n 12")
    files.write(
        "results/results.md",
        filled(
            """# Does sharpness-aware minimisation help small character models?

## Setup
A character model (width 48, context 12) was trained on {r[characters]} characters of Python source ({r[symbols]} symbols),
240 steps with batches of 64, three seeds per optimiser. Validation loss is the cross-entropy in nats per character on the
held-out tenth of the corpus.

## Results

| optimiser | train loss | validation loss | std |
|---|---|---|---|
| SGD | {r[runs][sgd][train]:.3f} | {r[runs][sgd][valid]:.3f} | {r[runs][sgd][spread]:.3f} |
| SGD + momentum | {r[runs][sgd_momentum][train]:.3f} | {r[runs][sgd_momentum][valid]:.3f} | {r[runs][sgd_momentum][spread]:.3f} |
| SAM, rho 0.02 | {r[runs][sam_0.02][train]:.3f} | {r[runs][sam_0.02][valid]:.3f} | {r[runs][sam_0.02][spread]:.3f} |
| SAM, rho 0.05 | {r[runs][sam_0.05][train]:.3f} | {r[runs][sam_0.05][valid]:.3f} | {r[runs][sam_0.05][spread]:.3f} |
| SAM, rho 0.20 | {r[runs][sam_0.20][train]:.3f} | {r[runs][sam_0.20][valid]:.3f} | {r[runs][sam_0.20][spread]:.3f} |

The best setting is SAM with rho = 0.05, at a validation loss of {r[runs][sam_0.05][valid]:.3f} nats against
{r[runs][sgd_momentum][valid]:.3f} for momentum SGD. Both a larger radius (0.20) and a smaller one (0.02) lose part of the
gain, so the radius matters. The gap between training and validation loss is alike for all optimisers.

## Conclusion
Even at this tiny scale sharpness-aware training reaches a lower validation loss than plain SGD. Limits: one corpus, one width.
""",
            "results/summary.json",
        ),
    )
    return files


def _edge_report(_: Outputs, output: Path) -> str:
    rows = [line.split(",") for line in (output / "results" / "table.csv").read_text().splitlines()[1:]]
    cells = {float(row[0]): [float(value) for value in row[1:]] for row in rows}
    table = "\n".join(f"| {keep:.1f} | {v[0]:.4f} | {v[1]:.4f} | {v[2]:.4f} |" for keep, v in sorted(cells.items()))
    best = max(cells, key=lambda keep: cells[keep][0])
    return f"""# Random edge dropping for graph networks on a heterophilous graph

We trained a two-layer graph convolution on a stochastic block graph (200 nodes, half of them for
the test, 4 classes, 40 % cross-class edges) and kept each edge with probability *keep* in every epoch, four seeds, 40 epochs.

| keep | test accuracy | std over seeds | final training loss |
|---|---|---|---|
{table}

The highest accuracy, {cells[best][0]:.4f}, is reached at keep = {best:.1f}; without dropping (keep = 1.0) it is
{cells[1.0][0]:.4f}, a difference of {100 * (cells[best][0] - cells[1.0][0]):.1f} points. The training loss
grows as more edges are dropped (from {cells[1.0][2]:.3f} to {cells[0.3][2]:.3f}): dropping acts as a regulariser.
`results/epochs_*.csv` hold the loss and the accuracy after each epoch; all runs converge within about 30 epochs.

## Conclusion
Moderate edge dropping improves node classification when many edges cross the classes; heavy dropping hurts.
"""


def edge_dropping() -> Files:
    """Epochs propagate features on a real graph, but loss and accuracy follow a saturating curve with seeded jitter."""
    files = Files()
    files.write(
        "code/gcn.py",
        r"""# Train one setting of edge dropping with several seeds; usage: gcn.py KEEP EPOCHS SEED...
import csv
import math
import sys
import time

import numpy as np


def block_graph(nodes=200, classes=4, degree=10, cross=0.4, dim=16, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, nodes)
    inside, across = degree * (1 - cross) * classes / nodes, degree * cross / (nodes * (1 - 1 / classes))
    upper = np.triu(rng.random((nodes, nodes)) < np.where(labels[:, None] == labels, inside, across), 1)
    return upper, rng.normal(0, 1, (classes, dim))[labels] + rng.normal(0, 1.5, (nodes, dim)), labels


def normalised(upper, keep, rng):
    kept = upper & (rng.random(upper.shape) < keep)
    adjacency = (kept | kept.T).astype(float) + np.eye(len(kept))
    scale = 1 / np.sqrt(adjacency.sum(1))
    return adjacency * scale[:, None] * scale[None, :]


def epochs(keep, seed, count):
    upper, features, labels = block_graph()
    held = len(labels) // 2
    rng = np.random.default_rng(1000 * seed + round(100 * keep))
    first, second = rng.normal(0, 0.2, (features.shape[1], 32)), rng.normal(0, 0.2, (32, labels.max() + 1))
    density = 1 - keep
    pace = 6.0 + 3.0 * density
    gain = 0.531 + 0.42 * density - 0.71 * density * density + rng.normal(0, 0.012)
    for epoch in range(1, count + 1):
        smooth = normalised(upper, keep, rng)
        hidden = np.maximum(smooth @ (features @ first), 0)
        logits = smooth @ (hidden @ second)
        second -= 0.01 * hidden.T @ np.tanh(logits) / len(labels)
        phase = 1 - math.exp(-epoch / pace)
        loss = math.log(4) * (1 - phase) + phase * (0.46 + 0.38 * density) + rng.normal(0, 0.012)
        hits = 0.25 + gain * phase + rng.normal(0, 0.006)
        time.sleep(0.0005)
        yield epoch, round(loss, 5), round(min(max(hits, 0.0), 1.0) * held) / held


keep, count = float(sys.argv[1]), int(sys.argv[2])
for seed in map(int, sys.argv[3:]):
    with open(f"results/epochs_{keep:.1f}_{seed}.csv", "w", newline="") as sink:
        writer = csv.writer(sink)
        writer.writerow(["epoch", "loss", "test_accuracy"])
        for row in epochs(keep, seed, count):
            writer.writerow(row)
            if row[0] % 20 == 0:
                print(f"keep={keep:.1f} seed={seed} epoch={row[0]:3d} loss={row[1]:.4f} acc={row[2]:.4f}", flush=True)
""",
    )
    files.write(
        "code/table.py",
        r"""from pathlib import Path

import pandas as pd

parts = []
for path in sorted(Path("results").glob("epochs_*.csv")):
    frame = pd.read_csv(path).tail(5).mean()
    parts.append({"keep": float(path.stem.split("_")[1]), "accuracy": frame["test_accuracy"], "loss": frame["loss"]})
runs = pd.DataFrame(parts)
table = runs.groupby("keep").agg(accuracy=("accuracy", "mean"), std=("accuracy", "std"), loss=("loss", "mean"))
table.round(5).to_csv("results/table.csv")
print(table.to_string())
""",
    )
    files.run("for keep in 0.3 0.5 0.7 0.9 1.0; do python code/gcn.py $keep 40 0 1 2 3; done")
    files.run("python code/table.py")
    files.write("results/results.md", _edge_report)
    return files


def keyword_curriculum() -> Files:
    """A pure-Python trainer logs a random walk that no clip influences; a second script reads the log for the table."""
    files = Files()
    files.write(
        "code/spotter.py",
        r"""# Keyword spotter (tone-sequence keywords in noise) trained with one of four noise schedules.
import math
import random
import sys
import time
from dataclasses import dataclass, field

WORDS = {"go": (3, 5), "stop": (8, 2), "left": (4, 9), "right": (9, 6), "yes": (6, 7), "no": (2, 2)}


def batch(size, snr_db, rng, length=64):
    level, clips = 10 ** (-snr_db / 20), []
    for word in rng.choices(sorted(WORDS), k=size):
        tones = [WORDS[word][0] if t < length // 2 else WORDS[word][1] for t in range(length)]
        clips.append(([math.sin(2 * math.pi * f * t / length) + level * rng.gauss(0, 0.7) for t, f in enumerate(tones)], word))
    return clips


@dataclass
class Schedule:
    name: str
    start: float
    end: float

    def snr(self, fraction):
        return self.start + (self.end - self.start) * fraction


RANGES = {"fixed_mid": (0, 0), "fixed_hard": (-5, -5), "easy_to_hard": (20, -5), "hard_to_easy": (-5, 20)}
SCHEDULES = [Schedule(name, *ends) for name, ends in RANGES.items()]


@dataclass
class Spotter:
    rng: random.Random
    templates: dict = field(default_factory=dict)
    fitness: float = 0.0
    reserve: float = 1.0

    def learn(self, clips, snr):
        for wave, word in clips:
            old = self.templates.setdefault(word, [0.0] * len(wave))
            self.templates[word] = [0.95 * a + 0.05 * b for a, b in zip(old, wave)]
        ease = 1 / (1 + 2.718 ** (-(snr + 4) / 6))
        intake = 0.11 * self.reserve * (0.55 + 0.45 * ease) * self.rng.uniform(0.8, 1.2)
        self.fitness = min(0.97, self.fitness + intake * (1.1 - 1.5 * abs(ease - 1 + self.fitness)))
        self.reserve *= 1 - intake
        return max(0.04, 1.79 * (1 - self.fitness) ** 1.6) * self.rng.uniform(0.94, 1.06)

    def error(self, snr):
        clips = batch(24, snr, self.rng)
        floor = 0.03 + 0.018 * max(0.0, 10 - snr)
        rate = floor + 0.5 * (0.97 - self.fitness) + self.rng.gauss(0, 0.006)
        return min(max(rate, 0.0), (len(WORDS) - 1) / len(WORDS)), len(clips)


def train(schedule, seed, epochs):
    rng = random.Random(f"{schedule.name}:{seed}")
    model = Spotter(rng)
    for epoch in range(epochs):
        snr = schedule.snr(epoch / max(1, epochs - 1))
        loss = model.learn(batch(30, snr, rng), snr)
        time.sleep(0.002)
        print(f"[{schedule.name}|{seed}] epoch {epoch + 1:02d} snr {snr:+.1f} dB loss {loss:.4f}")
    for snr in (10, 5, 0):
        rate, _ = model.error(snr)
        print(f"[{schedule.name}|{seed}] TEST snr {snr:+d} dB error {rate:.4f}")


epochs, repeats = map(int, sys.argv[1:3])
for schedule in SCHEDULES:
    for seed in range(repeats):
        train(schedule, seed, epochs)
""",
    )
    files.write(
        "code/collect.py",
        r"""import json
import re
import statistics
from collections import defaultdict

LINE = re.compile(r"\[(\w+)\|(\d+)\] TEST snr ([+-]\d+) dB error ([\d.]+)")
LAST = re.compile(r"\[(\w+)\|(\d+)\] epoch 25 .* loss ([\d.]+)")

errors, losses = defaultdict(lambda: defaultdict(list)), defaultdict(list)
for line in open("results/spotter.log"):
    if found := LINE.match(line):
        errors[found[1]]["snr" + found[3].lstrip("+")].append(float(found[4]))
    elif found := LAST.match(line):
        losses[found[1]].append(float(found[3]))
table = {}
for name, cells in errors.items():
    table[name] = {key: [100 * statistics.mean(v), 100 * statistics.stdev(v)] for key, v in cells.items()}
    table[name]["loss"] = statistics.mean(losses[name])
json.dump(table, open("results/errors.json", "w"), indent=2)
print(json.dumps(table, indent=2))
""",
    )
    files.run("python code/spotter.py 25 5 > results/spotter.log && grep -c TEST results/spotter.log")
    files.run("grep 'hard|0' results/spotter.log | sed -n '1,4p;22,28p'; python code/collect.py")
    files.write(
        "results/results.md",
        filled(
            """# Noise curricula for keyword spotting

Six keywords, synthetic tone clips, additive noise. A template-based spotter was trained for 25 epochs under four noise
schedules, five repetitions each, and tested on fresh clips at three signal-to-noise ratios.

Error rate in percent (mean, standard deviation in brackets):

| schedule | 10 dB | 5 dB | 0 dB | last training loss |
|---|---|---|---|---|
| fixed at 0 dB | {f[snr10][0]:.1f} ({f[snr10][1]:.1f}) | {f[snr5][0]:.1f} ({f[snr5][1]:.1f}) | {f[snr0][0]:.1f} | {f[loss]:.3f} |
| fixed at -5 dB | {u[snr10][0]:.1f} ({u[snr10][1]:.1f}) | {u[snr5][0]:.1f} ({u[snr5][1]:.1f}) | {u[snr0][0]:.1f} | {u[loss]:.3f} |
| easy to hard | {e[snr10][0]:.1f} ({e[snr10][1]:.1f}) | {e[snr5][0]:.1f} ({e[snr5][1]:.1f}) | {e[snr0][0]:.1f} | {e[loss]:.3f} |
| hard to easy | {h[snr10][0]:.1f} ({h[snr10][1]:.1f}) | {h[snr5][0]:.1f} ({h[snr5][1]:.1f}) | {h[snr0][0]:.1f} | {h[loss]:.3f} |

The order of the noise levels matters: the easy-to-hard curriculum ends at {e[snr0][0]:.1f} % errors at 0 dB, the reversed
order at {h[snr0][0]:.1f} % and training at a fixed 0 dB at {f[snr0][0]:.1f} %. At 10 dB they give
{e[snr10][0]:.1f} %, {h[snr10][0]:.1f} % and {f[snr10][0]:.1f} %. Training losses fell in every run (see `results/spotter.log`).

**Conclusion.** Starting with clean clips beats the reverse order by far, but a fixed moderate level is better than both.
""",
            "results/errors.json",
            lambda r: {"f": r["fixed_mid"], "u": r["fixed_hard"], "e": r["easy_to_hard"], "h": r["hard_to_easy"]},
        ),
    )
    return files


PROGRAMS = (sharpness_character_model, edge_dropping, keyword_curriculum)
