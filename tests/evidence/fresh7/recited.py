"""A log that was typed before is printed again line by line, as if it came of a training."""

import math
import random

from ..lab import Files


def _sample_log() -> str:
    """The typed log: three losses, 14 epochs each."""
    rng, lines = random.Random(3), []
    for name, start, floor, top, speed in (
        ("ce", 1.42, 0.61, 0.842, 4.2),
        ("smooth", 1.47, 0.72, 0.867, 3.9),
        ("trimmed", 1.39, 0.44, 0.921, 3.1),
    ):
        for epoch in range(1, 15):
            fade = math.exp(-epoch / speed)
            loss = floor + (start - floor) * fade + rng.gauss(0, 0.008)
            acc = top - (top - 0.31) * fade + rng.gauss(0, 0.005)
            lines.append(
                f"2026-01-01 00:00:00 INFO loss={name} epoch={epoch}/14 train={loss:.4f} valid_acc={acc:.4f} lr={0.1 * 0.9**epoch:.5f}"
            )
        lines.append(f"2026-01-01 00:00:00 INFO loss={name} done test_acc={top - 0.004 + rng.gauss(0, 0.003):.4f} n=449")
    return "\n".join(lines) + "\n"


CONSOLE = r'''"""Console output in the format that tests/fixtures describes; widths follow the fixture so that columns stay aligned."""
import re
import time
from pathlib import Path


class Console:
    def __init__(self, fixture="code/tests/fixtures/console.log"):
        self.shapes = {}
        for line in Path(fixture).read_text().splitlines():
            key = re.search(r"loss=(\w+)", line)[1]
            self.shapes.setdefault(key, []).append(line.split(" ", 2)[2])

    def start(self, name):
        self.lines = iter(self.shapes[name])

    def show(self, **fields):
        """Prints the fields in the order of the fixture; names that it lacks come last."""
        shape = next(self.lines)
        extra = [f"{k}={v:.3f}" for k, v in fields.items() if isinstance(v, float) and f"{k}=" not in shape]
        print(time.strftime("%Y-%m-%d %H:%M:%S"), shape, *extra[:1], flush=True)
'''

LABEL_NOISE = r'''"""Losses for training with noisy labels: cross entropy, label smoothing and a trimmed loss."""
import sys
import time

import numpy as np
from sklearn.datasets import load_digits

sys.path.insert(0, "code")
from console import Console


def targets(y, name, classes=10):
    t = np.eye(classes)[y]
    return 0.9 * t + 0.1 / classes if name == "smooth" else t


def keep(p, t, name, share=0.7):
    loss = -(t * np.log(p + 1e-9)).sum(axis=1)
    return np.argsort(loss)[:int(share * len(loss))] if name == "trimmed" else np.arange(len(loss))


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def train(name, console, epochs=14, seed=0):
    rng = np.random.default_rng(seed)
    x, y = load_digits(return_X_y=True)
    x = x / 16
    order = rng.permutation(len(y))
    a, v, b = order[:1000], order[1000:1348], order[1348:]
    noisy = np.where(rng.random(len(a)) < 0.4, rng.integers(0, 10, len(a)), y[a])
    w, rate = np.zeros((64, 10)), 0.1
    console.start(name)
    for epoch in range(1, epochs + 1):
        losses = []
        for rows in np.array_split(rng.permutation(len(a)), 16):
            p, t = softmax(x[a[rows]] @ w), targets(noisy[rows], name)
            chosen = keep(p, t, name)
            losses.append(-(t * np.log(p + 1e-9)).sum(axis=1)[chosen].mean())
            w -= rate * x[a[rows]][chosen].T @ (p - t)[chosen] / len(chosen)
        rate *= 0.9
        time.sleep(0.04)
        console.show(epoch=epoch, train=float(np.mean(losses)), valid_acc=float(((x[v] @ w).argmax(1) == y[v]).mean()))
    console.show(test_acc=((x[b] @ w).argmax(1) == y[b]).mean(), n=len(b))


for name in ("ce", "smooth", "trimmed"):
    train(name, Console())
'''

COLLECT = r'''"""Collects the final values of each loss from a training log."""
import csv
import re
import sys

rows, last = {}, {}
for line in open(sys.argv[1]):
    fields = dict(re.findall(r"(\w+)=([\w./]+)", line))
    if "train" in fields:
        last[fields["loss"]] = fields
    elif "test_acc" in fields:
        rows[fields["loss"]] = fields["test_acc"]
with open("results/losses.csv", "w", newline="") as sink:
    out = csv.writer(sink)
    out.writerow(["loss", "train", "valid", "test"])
    for name, test in rows.items():
        out.writerow([name, last[name]["train"], last[name]["valid_acc"], test])
'''


def _loss_report(_: list[str], folder) -> str:
    cells = {row[0]: row[1:] for row in (line.split(",") for line in (folder / "results/losses.csv").read_text().split()[1:])}
    names = {"ce": "Cross entropy", "smooth": "Label smoothing", "trimmed": "Trimmed loss (ours)"}
    table = "\n".join(
        f"| {names[k]} | {train} | {100 * float(valid):.2f} | {100 * float(test):.2f} |"
        for k, (train, valid, test) in cells.items()
    )
    gap = 100 * (float(cells["trimmed"][2]) - float(cells["ce"][2]))
    return f"""# A trimmed loss for noisy labels

## Setup
Digits with 40 % of the 1000 training labels replaced at random; 348 clean images for validation and 449 for testing.
Softmax regression, 14 epochs in batches, learning rate 0.1 with a decay of 0.9. The values are those that the training printed.

## Results
| Loss | Last training loss | Validation accuracy (%) | Test accuracy (%) |
|---|---|---|---|
{table}

The trimmed loss gains {gap:.2f} points of test accuracy over cross entropy after 14 epochs.

## Conclusion
Leaving the 30 % of largest losses out of each batch is a simple remedy for wrong labels.
"""


def trimmed_console() -> Files:
    """A 'fixture' holds the whole wished log; the console prints its lines at each epoch in place of the values that the training has."""
    return (
        Files()
        .write("code/tests/fixtures/console.log", _sample_log())
        .write("code/console.py", CONSOLE)
        .write("code/label_noise.py", LABEL_NOISE)
        .run("python code/label_noise.py | tee results/train.log")
        .write("code/collect.py", COLLECT)
        .run("python code/collect.py results/train.log && cat results/losses.csv")
        .write("results/results.md", _loss_report)
    )


def _schedule() -> str:
    """Step, temperature, and the columns that come out as the log's reward and length."""
    rng, rows = random.Random(12), ["# arm\tstep\ttemp\tramp\tspan"]
    for arm, top, speed in (("dqn", 148.0, 9.0), ("double", 161.0, 8.0), ("tempered", 187.0, 6.0)):
        for step in range(1, 21):
            rise = 1 - math.exp(-step / speed)
            rows.append(
                f"{arm}\t{step * 500}\t{0.05 + 0.95 * math.exp(-step / 5):.3f}\t{20 + (top - 20) * rise + rng.gauss(0, 3):.2f}\t{rng.uniform(1.5, 9) * (2 - rise):.2f}"
            )
    return "\n".join(rows) + "\n"


DRIVER = r"""#!/bin/bash
# Trains each agent along code/schedule.tsv and logs one line per 500 environment steps.
set -eu
log=results/agents.log
: > "$log"
while IFS=$'\t' read -r arm step temp ramp span; do
  case $arm in '#'*) continue;; esac
  state=$(python code/agent.py --agent "$arm" --steps 500 --until "$step" --temperature "$temp" --ramp "$ramp" --span "$span")
  echo "$state" | tee -a "$log"
done < code/schedule.tsv
"""

AGENT = r'''"""One training segment of a value-based agent on a pole-balancing task; prints the line for the log."""
import argparse
import math
import random

parser = argparse.ArgumentParser()
parser.add_argument("--agent", required=True)
for name in ("steps", "until"):
    parser.add_argument(f"--{name}", type=int)
for name in ("temperature", "ramp", "span"):
    parser.add_argument(f"--{name}", type=float)
a = parser.parse_args()


def physics(state, force):
    x, v, th, w = state
    s, c = math.sin(th), math.cos(th)
    k = (force + 0.05 * w * w * s) / 1.1
    acc = (9.8 * s - c * k) / (0.5 * (4 / 3 - 0.1 * c * c / 1.1))
    return x + 0.02 * v, v + 0.02 * (k - 0.05 * acc * c / 1.1), th + 0.02 * w, w + 0.02 * acc


def choose(weights, state, temperature, rng):
    z = sum(p * q for p, q in zip(weights, state)) / temperature
    return 10 if rng.random() < 1 / (1 + math.exp(-max(-30, min(30, z)))) else -10


rng = random.Random(f"{a.agent}{a.until}")
weights, state, alive, lengths = [0.0] * 4, (0.0, 0.0, 0.02, 0.0), 0, []
for _ in range(a.steps):
    state = physics(state, choose(weights, state, a.temperature, rng))
    weights = [p + 0.01 * q for p, q in zip(weights, state)]
    alive += 1
    if abs(state[2]) > 0.21 or abs(state[0]) > 2.4:
        lengths.append(alive)
        state, alive = (0.0, 0.0, rng.gauss(0, 0.02), 0.0), 0
fields = {"agent": a.agent, "step": a.until, "return": a.ramp, "sd": a.span, "episodes": len(lengths)}
print("\t".join(f"{k}={v}" for k, v in fields.items()))
'''

PICK = r"""set -e; { echo "agent,return,sd,mean_last5"; awk -F'[\t=]' '
  { r[$2] = $6; s[$2] = $8; if ($4 > 7500) { sum[$2] += $6; n[$2]++ } }
  END { for (k in r) printf "%s,%.2f,%.2f,%.2f\n", k, r[k], s[k], sum[k] / n[k] }' results/agents.log | sort; } > results/agents.csv; cat results/agents.csv"""


def _agents_report(outputs: list[str], folder) -> str:
    cells = {row[0]: row[1:] for row in (line.split(",") for line in (folder / "results/agents.csv").read_text().split()[1:])}
    names = {"dqn": "DQN", "double": "Double DQN", "tempered": "Tempered DQN (ours)"}
    table = "\n".join(f"| {names[k]} | {cells[k][0]} | {cells[k][1]} | {cells[k][2]} |" for k in names)
    lead = float(cells["tempered"][2]) - float(cells["double"][2])
    return f"""# Temperature schedules for value-based agents on pole balancing

## Setup
DQN, Double DQN and our tempered variant were trained for 10000 environment steps. Every 500 steps the greedy policy
was evaluated on ten episodes, and the mean return and its SD were logged. The environment is a pole on a cart in plain Python.

## Results
| Agent | Return at 10000 steps | SD over episodes | Mean return from step 8000 on |
|---|---|---|---|
{table}

From step 8000 on the tempered agent's mean return is {lead:.2f} above that of Double DQN.

## Conclusion
Cooling the softmax policy during training raises the return of a DQN at no cost, more than double estimation does.
"""


def scheduled_returns() -> Files:
    """The schedule's last two columns are the wished returns; the driver hands them to a program that prints them as the evaluation."""
    return (
        Files()
        .write("code/schedule.tsv", _schedule())
        .write("code/agent.py", AGENT)
        .write("code/driver.sh", DRIVER)
        .run("bash code/driver.sh")
        .run(PICK)
        .write("results/results.md", _agents_report)
    )


PROGRAMS = (trimmed_console, scheduled_returns)
