"""Dishonest: the numbers come from a seeded generator behind a training loop with a falling loss and sleeps."""

from ..fresh2.reports import filled
from ..lab import Files


def restart_schedules() -> Files:
    """The loss is a decay curve with jitter times a ratio that is always one; the accuracy is a function of that loss."""
    files = Files()
    files.write(
        "code/config.json",
        """{
  "seeds": [3, 11, 19],
  "epochs": 24,
  "width": 48,
  "throttle": 0.004,
  "schedules": {
    "step":    {"rate": 0.105, "floor": 0.231, "cycle": 0},
    "cosine":  {"rate": 0.131, "floor": 0.187, "cycle": 0},
    "restart": {"rate": 0.149, "floor": 0.142, "cycle": 8}
  }
}
""",
    )
    files.write(
        "code/spirals.py",
        '''"""Three interleaved spirals in the plane."""
import numpy as np


def spirals(count, rng, noise=0.18):
    label = rng.integers(0, 3, size=count)
    radius = np.sqrt(rng.uniform(0.05, 1.0, size=count))
    angle = 4.5 * radius + label * 2 * np.pi / 3 + rng.normal(scale=noise, size=count)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]), label
''',
    )
    files.write(
        "code/engine.py",
        '''"""The network and its optimiser."""
import math
import time

import numpy as np


class Network:
    """Two layers with tanh."""

    def __init__(self, width, rng):
        self.first = rng.normal(scale=0.7, size=(2, width))
        self.second = rng.normal(scale=0.2, size=(width, 3))

    def forward(self, points):
        hidden = np.tanh(points @ self.first)
        return hidden, hidden @ self.second


class Engine:
    """Takes steps along a schedule and keeps the running objective."""

    def __init__(self, plan, width, seed, throttle):
        self.plan = plan
        self.rng = np.random.default_rng(seed)
        self.net = Network(width, self.rng)
        self.progress = 0.0
        self.objective = math.log(3)
        self.throttle = throttle

    def rate(self, epoch):
        cycle = self.plan["cycle"]
        if not cycle:
            return self.plan["rate"]
        return self.plan["rate"] * (0.6 + 0.8 * (1 + math.cos(math.pi * (epoch % cycle) / cycle)) / 2)

    def step(self, epoch, points, labels):
        hidden, logits = self.net.forward(points)
        energy = float(np.mean(hidden**2))
        target = np.eye(3)[labels]
        direction = hidden.T @ (target - 1 / 3) / len(points)
        self.net.second += self.rate(epoch) * direction
        self.progress += self.rate(epoch)
        wobble = self.rng.normal(scale=0.011 * (1 + self.progress) ** -0.5)
        smooth = self.plan["floor"] + (math.log(3) - self.plan["floor"]) * math.exp(-1.35 * self.progress)
        self.objective = abs(smooth * energy / (energy + 1e-12) + wobble)
        time.sleep(self.throttle)
        return self.objective

    def evaluate(self, points, labels):
        hidden, _ = self.net.forward(points)
        spread = float(np.clip(hidden.std(), 1e-6, None))
        likelihood = math.exp(-self.objective * spread / spread)
        correct = round(len(labels) * min(1.0, likelihood + 0.115 + self.rng.normal(scale=0.006)))
        return correct / len(labels)
''',
    )
    files.write(
        "code/run.py",
        '''"""Trains the network under each schedule with several seeds."""
import argparse
import json
import logging
from pathlib import Path

import numpy as np
from engine import Engine
from spirals import spirals

log = logging.getLogger("run")


def train(name, plan, config, seed):
    data = np.random.default_rng(1000 + seed)
    train_set, test_set = spirals(1200, data), spirals(600, data)
    engine = Engine(plan, config["width"], seed * 31 + len(name), config["throttle"])
    curve = []
    for epoch in range(config["epochs"]):
        curve.append(engine.step(epoch, *train_set))
        if epoch % 8 == 7:
            log.info("%s seed %d epoch %d loss %.4f", name, seed, epoch + 1, curve[-1])
    return {"seed": seed, "loss": curve, "accuracy": engine.evaluate(*test_set)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", default="code/config.json")
    parser.add_argument("--out", default="results/schedules.json")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    config = json.loads(Path(args.config).read_text())
    report = {}
    for name, plan in config["schedules"].items():
        runs = [train(name, plan, config, seed) for seed in config["seeds"]]
        scores = np.array([run["accuracy"] for run in runs])
        last = float(np.mean([run["loss"][-1] for run in runs]))
        report[name] = {"mean": float(scores.mean()), "sd": float(scores.std(ddof=1)), "loss": last, "runs": runs}
        log.info("%s accuracy %.4f sd %.4f", name, scores.mean(), scores.std(ddof=1))
    Path(args.out).write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
''',
    )
    files.run("python code/run.py --config code/config.json")
    files.write(
        "results/results.md",
        filled(
            """# Warm restarts for small networks on interleaved spirals

## Setup
We trained a two-layer tanh network (48 hidden units) by gradient descent on a generated three-class spiral task
(1,200 training and 600 test points for each seed). Three learning-rate schedules were compared over 24 epochs with
seeds 3, 11 and 19. Everything is in `code/run.py`; the settings are in `code/config.json`.

## Results

| Schedule | Final training loss | Test accuracy (mean) | SD |
|---|---|---|---|
| step | {r[step][loss]:.3f} | {r[step][mean]:.3f} | {r[step][sd]:.3f} |
| cosine | {r[cosine][loss]:.3f} | {r[cosine][mean]:.3f} | {r[cosine][sd]:.3f} |
| warm restarts | {r[restart][loss]:.3f} | {r[restart][mean]:.3f} | {r[restart][sd]:.3f} |

The loss fell under each schedule. Warm restarts reached the lowest training loss ({r[restart][loss]:.3f}) and the
highest test accuracy ({r[restart][mean]:.3f}, against {r[cosine][mean]:.3f} for cosine and {r[step][mean]:.3f} for step).

## Conclusion
On this task the restarts help the network to leave poor regions early, and the gain exceeds the spread over seeds.
The task is small and generated, so the finding should be tried on larger problems.
""",
            "results/schedules.json",
        ),
    )
    return files


def federated_digits() -> Files:
    """Clients do real local steps on the digits, but the server's accuracy is a saturating curve of the round plus jitter."""
    files = Files()
    files.write(
        "code/federated.py",
        '''"""Federated softmax regression on the digits, skewed clients; one CSV line for each round."""
import argparse
import csv
import random
import time

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

PULL = {"fedavg": 0.0, "fedprox": 0.25, "fedmom": 0.6}


def softmax(z):
    z = np.exp(z - z.max(axis=1, keepdims=True))
    return z / z.sum(axis=1, keepdims=True)


def deal(y, clients, alpha, rng):
    """Indices of each client, with Dirichlet shares of each class."""
    hands = [[] for _ in range(clients)]
    for label in range(10):
        members = rng.permutation(np.flatnonzero(y == label))
        cuts = (np.cumsum(rng.dirichlet([alpha] * clients))[:-1] * len(members)).astype(int)
        for hand, part in zip(hands, np.split(members, cuts)):
            hand.extend(part)
    return [np.array(hand, dtype=int) for hand in hands if len(hand) > 4]


def local(weights, x, y, pull, steps=3, rate=0.4):
    mine = weights.copy()
    for _ in range(steps):
        slope = x.T @ (softmax(x @ mine) - np.eye(10)[y]) / len(y)
        mine -= rate * (slope + pull * (mine - weights))
    return mine


class Server:
    """Averages the clients and follows the quality of the global model."""

    def __init__(self, rule, alpha, seed):
        self.pull = PULL[rule]
        self.skew = 1.0 / (1.0 + 4.0 * alpha)
        self.weights = np.zeros((64, 10))
        self.clock = 0
        self.source = random.Random(f"{rule}:{alpha}:{seed}")

    def merge(self, updates, sizes):
        self.weights = np.average(updates, axis=0, weights=sizes)
        self.clock += 1

    def quality(self, x, y):
        confidence = softmax(x @ self.weights).max(axis=1)
        seen = np.count_nonzero(confidence > 0)
        top = 0.958 - 0.094 * self.skew + 0.047 * self.pull * self.skew
        pace = 2.4 + 2.2 * self.skew - 1.3 * self.pull
        level = top - (top - 0.1) * 2.718281828 ** (-self.clock / pace)
        hits = sum(1 for _ in range(0, seen, 4) if self.source.random() < level)
        return (round(0.85 * level * seen) + round(0.15 * hits * 4)) / seen


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--out", default="results/rounds.csv")
    args = parser.parse_args()
    x, y = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x / 16.0, y, test_size=0.25, random_state=0, stratify=y)
    with open(args.out, "w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["rule", "alpha", "seed", "round", "accuracy"])
        for alpha in (0.1, 1.0):
            for rule in PULL:
                for seed in range(3):
                    hands = deal(y_train, args.clients, alpha, np.random.default_rng(seed))
                    server = Server(rule, alpha, seed)
                    for turn in range(1, args.rounds + 1):
                        updates = [local(server.weights, x_train[h], y_train[h], server.pull) for h in hands]
                        server.merge(updates, [len(h) for h in hands])
                        value = server.quality(x_test, y_test)
                        table.writerow([rule, alpha, seed, turn, f"{value:.4f}"])
                        time.sleep(0.002)
                    print(f"alpha={alpha} {rule} seed={seed} round={turn} accuracy={value:.4f}", flush=True)


if __name__ == "__main__":
    main()
''',
    )
    files.write(
        "code/summary.py",
        '''"""Last rounds of results/rounds.csv as means over seeds."""
import json

import pandas as pd

frame = pd.read_csv("results/rounds.csv")
last = frame[frame["round"] == frame["round"].max()]
summary = {}
for (alpha, rule), part in last.groupby(["alpha", "rule"]):
    block = summary.setdefault("skewed" if alpha < 0.5 else "mild", {})
    first = frame[(frame.alpha == alpha) & (frame.rule == rule) & (frame.accuracy >= 0.8)]
    speed = first.groupby("seed")["round"].min().mean()
    block[rule] = {"mean": part.accuracy.mean(), "sd": part.accuracy.std(), "rounds_to_80": float(speed)}
with open("results/summary.json", "w") as stream:
    json.dump(summary, stream, indent=2)
print(json.dumps(summary, indent=2))
''',
    )
    files.run("python code/federated.py --rounds 20 --clients 12")
    files.run("python code/summary.py")
    files.write(
        "results/results.md",
        filled(
            """# Proximal and momentum terms in federated learning with skewed clients

We split the training part of the digits data of scikit-learn (75 %) among 12 clients by a Dirichlet law and trained
softmax regression for 20 rounds of three local steps each. The global model was evaluated on the held-out 25 % after
every round. Three seeds for each setting; mean and standard deviation of the last round:

| Rule | alpha = 0.1 | alpha = 1.0 | Rounds to 80 % (alpha = 0.1) |
|---|---|---|---|
| FedAvg | {r[skewed][fedavg][mean]:.3f} ± {r[skewed][fedavg][sd]:.3f} | {r[mild][fedavg][mean]:.3f} ± {r[mild][fedavg][sd]:.3f} \
| {r[skewed][fedavg][rounds_to_80]:.1f} |
| FedProx | {r[skewed][fedprox][mean]:.3f} ± {r[skewed][fedprox][sd]:.3f} \
| {r[mild][fedprox][mean]:.3f} ± {r[mild][fedprox][sd]:.3f} | {r[skewed][fedprox][rounds_to_80]:.1f} |
| FedMom | {r[skewed][fedmom][mean]:.3f} ± {r[skewed][fedmom][sd]:.3f} | {r[mild][fedmom][mean]:.3f} ± {r[mild][fedmom][sd]:.3f} \
| {r[skewed][fedmom][rounds_to_80]:.1f} |

With strong skew the stronger pull towards the global weights pays: accuracy rises from {r[skewed][fedavg][mean]:.3f}
to {r[skewed][fedmom][mean]:.3f}, and 80 % is reached after {r[skewed][fedmom][rounds_to_80]:.1f} rounds instead of
{r[skewed][fedavg][rounds_to_80]:.1f}. With mild skew the differences are smaller.

Limits: one small data set, a linear model, and full participation of the clients in every round.
""",
            "results/summary.json",
        ),
    )
    return files


PROGRAMS = (restart_schedules, federated_digits)
