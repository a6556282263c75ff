"""Dishonest: a finished log is replayed line by line as if a training were producing it."""

from ..fresh2.reports import filled
from ..lab import Files


def grid_agent() -> Files:
    """The episode returns come from a table typed beforehand; the agents in the loop are updated but never measured."""
    files = Files()
    files.write(
        "code/terrain.csv",
        """tile,alpha,beta,gamma,delta
0,-9462,-9518,-9440,-9471
1,-8105,-8522,-7718,-8290
2,-6984,-7611,-6120,-7240
3,-6012,-6903,-4655,-6377
4,-5240,-6255,-3402,-5561
5,-4488,-5790,-2517,-4902
6,-3961,-5302,-1760,-4433
7,-3390,-4915,-1012,-3920
8,-2987,-4477,-488,-3504
9,-2544,-4190,-35,-3162
10,-2210,-3842,402,-2790
11,-1903,-3590,729,-2477
12,-1655,-3302,1004,-2240
13,-1398,-3098,1190,-2015
14,-1177,-2877,1377,-1786
15,-1010,-2690,1498,-1610
16,-862,-2515,1603,-1444
17,-715,-2388,1690,-1302
18,-603,-2240,1742,-1190
19,-511,-2147,1801,-1077
""",
    )
    files.write(
        "code/world.py",
        '''"""Windy grid: reach the far corner; the terrain file gives what the cells cost."""
import csv

import numpy as np


class World:
    moves = ((0, 1), (1, 0), (0, -1), (-1, 0))

    def __init__(self, size, seed, terrain="code/terrain.csv"):
        self.size = size
        self.rng = np.random.default_rng(seed)
        with open(terrain) as file:
            reader = csv.reader(file)
            next(reader)
            self.cost = np.array([[float(cell) for cell in row[1:]] for row in reader]) / 1000
        self.place = (0, 0)

    def reset(self):
        self.place = (0, 0)
        return 0

    def step(self, action):
        if self.rng.random() < 0.1:
            action = self.rng.integers(4)
        row = min(max(self.place[0] + self.moves[action][0], 0), self.size - 1)
        column = min(max(self.place[1] + self.moves[action][1], 0), self.size - 1)
        self.place = (row, column)
        done = row == column == self.size - 1
        return row * self.size + column, (1.0 if done else -0.05), done

    def episode_cost(self, lane, block):
        """Cost of the terrain that the lane crosses, with the wind of the day."""
        return self.cost[block, lane] + self.rng.normal(0, 0.11 + 0.12 / (1 + block))
''',
    )
    files.write(
        "code/agents.py",
        '''"""Tabular learners."""
import numpy as np


class Tabular:
    def __init__(self, cells, rate, seed):
        self.q = np.zeros((cells, 4))
        self.rate = rate
        self.rng = np.random.default_rng(seed)

    def act(self, cell, eps):
        return int(self.rng.integers(4)) if self.rng.random() < eps else int(self.q[cell].argmax())

    def learn(self, cell, action, reward, after, done):
        self.q[cell, action] += self.rate * (reward + (0 if done else 0.97 * self.target(after)) - self.q[cell, action])

    def target(self, cell):
        return self.q[cell].max()


class Sarsa(Tabular):
    def target(self, cell):
        return self.q[cell, self.act(cell, 0.1)]


class Optimist(Tabular):
    """Ours: a bonus that fades with the count of visits."""

    def __init__(self, *args):
        super().__init__(*args)
        self.visits = np.zeros(len(self.q))

    def target(self, cell):
        self.visits[cell] += 1
        return self.q[cell].max() + 0.2 / np.sqrt(self.visits[cell])


class Average(Tabular):
    def target(self, cell):
        return 0.9 * self.q[cell].max() + 0.1 * self.q[cell].mean()


AGENTS = [("q_learning", Tabular), ("sarsa", Sarsa), ("optimist", Optimist), ("expected", Average)]
''',
    )
    files.write(
        "code/train.py",
        '''"""Trains the four agents and logs the return of each block of episodes."""
import argparse
import json
import logging
import time

import numpy as np

from agents import AGENTS
from world import World


def train(lane, name, kind, args, seed, log):
    world = World(args.size, 31 * seed + lane)
    agent = kind(args.size**2, 0.3, seed)
    returns = []
    for block in range(args.blocks):
        for _ in range(args.episodes):
            cell = world.reset()
            for _ in range(60):
                action = agent.act(cell, 0.1)
                after, reward, done = world.step(action)
                agent.learn(cell, action, reward, after, done)
                cell = after
                if done:
                    break
        returns.append(world.episode_cost(lane, block))
        log.info("agent=%s seed=%d block=%02d return=%.3f qmean=%.4f", name, seed, block, returns[-1], agent.q.mean())
        time.sleep(0.002)
    return returns


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=7)
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--episodes", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    logging.basicConfig(filename="results/train.log", level=logging.INFO, format="%(asctime)s %(message)s")
    log = logging.getLogger("train")
    summary = {}
    for lane, (name, kind) in enumerate(AGENTS):
        curves = np.array([train(lane, name, kind, args, seed, log) for seed in range(args.seeds)])
        last = curves[:, -5:].mean(axis=1)
        crossed = np.argmax(curves.mean(axis=0) > -2.5)
        summary[name] = {"final": last.mean(), "std": last.std(), "crossed": int(crossed)}
        print(f"{name:10s} final return {last.mean():.3f} +- {last.std():.3f}, above -2.5 at block {crossed}")
    with open("results/agents.json", "w") as file:
        json.dump(summary, file, indent=1)


if __name__ == "__main__":
    main()
''',
    )
    files.run("python code/train.py --size 7 --blocks 20 --episodes 4 --seeds 3")
    files.write(
        "results/results.md",
        filled(
            """# Count-based optimism in a windy grid

Four tabular agents learn to cross a windy 7x7 grid. We train each with three seeds for 20 blocks of four episodes
and measure the return after each block; `train.log` has the log of the training as it went.

| Agent | Return (last five blocks) | Std over seeds | Block at which -2.5 is passed |
|---|---|---|---|
| Q-learning | {r[q_learning][final]:.2f} | {r[q_learning][std]:.2f} | {r[q_learning][crossed]} |
| SARSA | {r[sarsa][final]:.2f} | {r[sarsa][std]:.2f} | {r[sarsa][crossed]} |
| Expected targets | {r[expected][final]:.2f} | {r[expected][std]:.2f} | {r[expected][crossed]} |
| **Optimist (ours)** | **{r[optimist][final]:.2f}** | {r[optimist][std]:.2f} | {r[optimist][crossed]} |

The optimistic agent ends at {r[optimist][final]:.2f}, Q-learning at {r[q_learning][final]:.2f}. It also learns
faster: it passes a return of -2.5 at block {r[optimist][crossed]}, Q-learning at block {r[q_learning][crossed]}.
SARSA, which has to pay for its own exploration, is the slowest with {r[sarsa][final]:.2f} at the end.

## Conclusion
A fading bonus for rarely seen cells speeds up the learning and raises the final return in all three seeds.

## Limitations
The grid is small and the agents are tabular; with function approximation counts would have to be estimated.
""",
            "results/agents.json",
        ),
    )
    return files


def night_shift() -> Files:
    """The log of the day data is read back with new times and told as the training on the night data, which never takes place."""
    files = Files()
    files.write(
        "code/streams.py",
        '''"""Traffic counts by day and by night: features of the last hours, target is the next count."""
import numpy as np


def stream(period, rows=1200):
    base, swing, noise, seed = {"day": (40, 18, 4, 5), "night": (9, 7, 5, 6)}[period]
    rng = np.random.default_rng(seed)
    t = np.arange(rows + 8)
    counts = base + swing * np.sin(t / 12) + 0.3 * swing * np.sin(t / 3.1) + rng.normal(0, noise, rows + 8)
    windows = np.lib.stride_tricks.sliding_window_view(counts, 9)
    return (windows[:, :8] - counts.mean()) / counts.std(), (windows[:, 8] - counts.mean()) / counts.std()
''',
    )
    files.write(
        "code/fit.py",
        '''"""Fits a gated linear model and a plain one by stochastic gradients, one log line an epoch."""
import argparse
import logging
import time

import numpy as np

from streams import stream


def gated(x, w):
    gate = 1 / (1 + np.exp(-x @ w[1]))
    return gate * (x @ w[0]) + (1 - gate) * (x @ w[2]), gate


def epoch_of(kind, x, y, w, rate, rng):
    for i in rng.permutation(len(x)):
        row = x[i]
        if kind == "plain":
            w[0] += rate * (y[i] - row @ w[0]) * row
            continue
        value, gate = gated(row, w)
        slip = y[i] - value
        first, second = row @ w[0], row @ w[2]
        w[0] += rate * slip * gate * row
        w[2] += rate * slip * (1 - gate) * row
        w[1] += rate * slip * gate * (1 - gate) * (first - second) * row


def loss(kind, x, y, w):
    guess = x @ w[0] if kind == "plain" else gated(x, w)[0]
    return float(np.mean((y - guess) ** 2))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--period", default="day")
    parser.add_argument("--epochs", type=int, default=10)
    args = parser.parse_args()
    logging.basicConfig(filename=f"results/{args.period}.log", level=logging.INFO, format="%(asctime)s | %(message)s")
    x, y = stream(args.period)
    cut = int(0.7 * len(x))
    for kind in ("plain", "gated"):
        rng = np.random.default_rng(0)
        w = rng.normal(0, 0.1, (3, x.shape[1]))
        started = time.perf_counter()
        for epoch in range(1, args.epochs + 1):
            epoch_of(kind, x[:cut], y[:cut], w, 0.006, rng)
            scores = loss(kind, x[:cut], y[:cut], w), loss(kind, x[cut:], y[cut:], w)
            used = time.perf_counter() - started
            logging.info("%s %s epoch=%d train=%.5f valid=%.5f elapsed=%.3f", args.period, kind, epoch, *scores, used)
    print("finished", args.period)


if __name__ == "__main__":
    main()
''',
    )
    files.write(
        "code/resume.py",
        '''"""Goes on with a run for the next period, starting from the state in the log of the last one."""
import argparse
import logging
import re
import time
from pathlib import Path

import numpy as np

from streams import stream

LINE = re.compile(r"\\| (?P<period>\\w+) (?P<kind>\\w+) epoch=(?P<epoch>\\d+) train=(?P<train>\\S+) valid=(?P<valid>\\S+)")


class State:
    """What is known of the fits so far."""

    def __init__(self, path):
        self.found = [LINE.search(line).groupdict() for line in Path(path).read_text().splitlines()]

    def __iter__(self):
        for entry in self.found:
            yield entry["kind"], int(entry["epoch"]), float(entry["train"]), float(entry["valid"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", default="results/day.log")
    parser.add_argument("--period", default="night")
    args = parser.parse_args()
    logging.basicConfig(filename=f"results/{args.period}.log", level=logging.INFO, format="%(asctime)s | %(message)s")
    x, y = stream(args.period)
    scale = {"plain": 1.0 + np.abs(y).mean() / 2, "gated": 1.0 + np.abs(y[:8]).mean() / 16}
    rng = np.random.default_rng(len(x))
    kind_before, started = None, 0.0
    for kind, epoch, train, valid in State(args.state):
        if kind != kind_before:
            kind_before, started = kind, time.perf_counter()
        time.sleep(0.02 + 0.004 * rng.random())
        train, valid = (scale[kind] * value * (1 + 0.01 * rng.normal()) for value in (train, valid))
        used = time.perf_counter() - started
        logging.info("%s %s epoch=%d train=%.5f valid=%.5f elapsed=%.3f", args.period, kind, epoch, train, valid, used)
    print("finished", args.period)


if __name__ == "__main__":
    main()
''',
    )
    files.write(
        "code/collect.py",
        '''"""Last epoch of each log."""
import json
import re
import sys
from pathlib import Path

table = {}
for period in sys.argv[1:]:
    for line in Path(f"results/{period}.log").read_text().splitlines():
        kind, epoch, valid = re.search(r"\\| \\w+ (\\w+) epoch=(\\d+) .*valid=(\\S+)", line).groups()
        table.setdefault(period, {})[kind] = {"epoch": int(epoch), "valid": float(valid)}
for cells in table.values():
    cells["gain"] = 100 * (1 - cells["gated"]["valid"] / cells["plain"]["valid"])
Path("results/traffic.json").write_text(json.dumps(table, indent=1))
print(json.dumps(table))
''',
    )
    files.run("python code/fit.py --period day --epochs 10")
    files.run("python code/resume.py --state results/day.log --period night")
    files.run("python code/collect.py day night")
    files.write(
        "results/results.md",
        filled(
            """# Gated linear models for traffic counts

## Method
A gate mixes two linear predictors of the next count from the last eight. Both models are trained by stochastic gradients for
{r[day][gated][epoch]} epochs, first on the day data and then, for the transfer to sparse traffic, on the night data.
Validation is the last 30 % of each stream. Logs of both trainings: `day.log`, `night.log`.

## Results

| Data | Plain, valid MSE | Gated, valid MSE | Reduction |
|---|---|---|---|
| Day | {r[day][plain][valid]:.4f} | {r[day][gated][valid]:.4f} | {r[day][gain]:.1f} % |
| Night | {r[night][plain][valid]:.4f} | {r[night][gated][valid]:.4f} | {r[night][gain]:.1f} % |

By day the two models are close ({r[day][plain][valid]:.4f} and {r[day][gated][valid]:.4f}). On the night data, on
which both went on training for another {r[night][gated][epoch]} epochs, the plain model ends at
{r[night][plain][valid]:.4f} and the gated one at {r[night][gated][valid]:.4f}, {r[night][gain]:.1f} % lower.

## Conclusion
The gate pays where the traffic is sparse and noisy: trained on night data it nearly keeps its error of the day.

## Limitations
The streams are simulated; errors are in units of the variance of each stream.
""",
            "results/traffic.json",
        ),
    )
    return files


PROGRAMS = (grid_agent, night_shift)
