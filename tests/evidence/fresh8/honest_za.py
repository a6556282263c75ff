"""Honest studies: control on a windy grid, bandits with a leaderboard, forecasts of many series of different lengths."""

import csv
import json
import re
import sqlite3
from pathlib import Path

from ..lab import Files, Outputs

GRID = '''"""A grid with wind (upward push in some columns) and a pit; an episode ends at the goal or after 200 steps."""
WIND = [0, 0, 0, 1, 1, 1, 2, 2, 1, 0]
ROWS, COLUMNS, START, GOAL = 7, 10, (3, 0), (3, 7)
PITS = {(5, 4), (5, 5)}
MOVES = [(-1, 0), (1, 0), (0, -1), (0, 1)]

class WindyGrid:
    def reset(self):
        self.at, self.steps = START, 0
        return self.at
    def step(self, action, rng):
        wind = WIND[self.at[1]]
        if wind and rng.random() < 0.2:
            wind -= 1
        row = min(max(self.at[0] + MOVES[action][0] - wind, 0), ROWS - 1)
        column = min(max(self.at[1] + MOVES[action][1], 0), COLUMNS - 1)
        self.at, self.steps = (row, column), self.steps + 1
        reward = -1.0
        if self.at in PITS:
            self.at, reward = START, -20.0
        return self.at, reward, self.at == GOAL, self.steps >= 200
'''

AGENTS = '''"""Q-learning, SARSA, expected SARSA and double Q-learning on the windy grid; results go to a database."""
import argparse, random, sqlite3
from collections import defaultdict
from windy import WindyGrid

class Agent:
    def __init__(self, kind, alpha, epsilon, rng):
        self.kind, self.alpha, self.epsilon, self.rng = kind, alpha, epsilon, rng
        self.tables = [defaultdict(lambda: [0.0] * 4) for _ in range(2 if kind == "double_q" else 1)]

    def values(self, state):
        return [sum(parts) for parts in zip(*(table[state] for table in self.tables))]

    def act(self, state, epsilon):
        if self.rng.random() < epsilon:
            return self.rng.randrange(4)
        values = self.values(state)
        top = max(values)
        return self.rng.choice([a for a in range(4) if values[a] == top])

    def learn(self, state, action, reward, after, chosen, done):
        table = other = self.tables[0]
        if self.kind == "double_q":
            table, other = self.rng.sample(self.tables, 2)
        if done:
            target = reward
        elif self.kind == "sarsa":
            target = reward + table[after][chosen]
        elif self.kind == "expected_sarsa":
            values = table[after]
            target = reward + (1 - self.epsilon) * max(values) + self.epsilon * sum(values) / 4
        else:
            best = max(range(4), key=table[after].__getitem__)
            target = reward + other[after][best]
        table[state][action] += self.alpha * (target - table[state][action])

def episode(agent, world, rng, epsilon, learning):
    state, total, done, late = world.reset(), 0.0, False, False
    action = agent.act(state, epsilon)
    while not (done or late):
        after, reward, done, late = world.step(action, rng)
        chosen = agent.act(after, epsilon)
        if learning:
            agent.learn(state, action, reward, after, chosen, done)
        state, action, total = after, chosen, total + reward
    return total, world.steps, done

parser = argparse.ArgumentParser()
parser.add_argument("kind", choices=["q", "sarsa", "expected_sarsa", "double_q"])
parser.add_argument("--seeds", type=int, default=10)
parser.add_argument("--episodes", type=int, default=800)
parser.add_argument("--alpha", type=float, default=0.4)
parser.add_argument("--epsilon", type=float, default=0.1)
parser.add_argument("--db", default="results/windy.db")
args = parser.parse_args()
base = sqlite3.connect(args.db)
base.execute("create table if not exists runs(kind text, alpha real, seed integer, train_return real, greedy_return real,"
             " greedy_steps real, reached integer, tests integer, primary key (kind, alpha, seed))")
for seed in range(args.seeds):
    rng = random.Random(seed)
    agent, world = Agent(args.kind, args.alpha, args.epsilon, rng), WindyGrid()
    returns = [episode(agent, world, rng, args.epsilon, True)[0] for _ in range(args.episodes)]
    shown = [episode(agent, world, rng, 0.0, False) for _ in range(40)]
    base.execute("insert or replace into runs values (?, ?, ?, ?, ?, ?, ?, ?)",
                 (args.kind, args.alpha, seed, sum(returns[-100:]) / 100, sum(r for r, _, _ in shown) / 40,
                  sum(s for _, s, _ in shown) / 40, sum(d for _, _, d in shown), len(shown)))
base.commit()
query = "select avg(train_return), avg(greedy_return) from runs where kind = ? and alpha = ?"
print(args.kind, args.alpha, "%.2f %.2f" % base.execute(query, (args.kind, args.alpha)).fetchone())
'''


def _grid_report(_: Outputs, output: Path) -> str:
    base = sqlite3.connect(output / "results/windy.db")
    found = list(
        base.execute("""select kind, alpha, avg(train_return), avg(greedy_return), avg(greedy_steps), sum(reached), sum(tests),
        min(greedy_return), max(greedy_return), count(*) from runs group by kind, alpha order by avg(greedy_return) desc""")
    )
    base.close()
    main = "".join(
        f"| {k} | {a:g} | {t:.2f} | {g:.2f} | {s:.1f} | {100 * d / n:.1f} % | {low:.1f} to {high:.1f} |\n"
        for k, a, t, g, s, d, n, low, high, _ in found
    )
    by_alpha = {(row[0], row[1]): row[3] for row in found}
    best, worst = found[0], found[-1]
    shift = "".join(
        f"| {k} | {by_alpha[k, 0.1]:.2f} | {by_alpha[k, 0.4]:.2f} | {by_alpha[k, 0.4] - by_alpha[k, 0.1]:+.2f} |\n"
        for k in ("q", "sarsa", "expected_sarsa", "double_q")
    )
    return f"""# Tabular control on a windy grid with pits

## Setup
A 7x10 grid with an upward wind that weakens by one with probability 0.2, -1 for each step, -20 and a return to the start for a pit,
episodes of at most 200 steps. Every agent learns for 800 episodes with epsilon 0.1 and no discount, with step sizes 0.1 and 0.4, ten
seeds (0 to 9). After that its greedy policy is played 40 times without learning. "Return while learning" is over the last 100 episodes
and includes exploration. `double_q` keeps two tables and updates one of them at a step, so each table sees half of the updates; the
others keep one.

## Leaderboard, sorted by greedy return (means over {best[9]} seeds)

| Agent | Step size | Return while learning | Greedy return | Greedy steps | Reached the goal | Range of greedy return over seeds |
|---|---|---|---|---|---|---|
{main}
## Effect of the step size on the greedy return

| Agent | 0.1 | 0.4 | Change |
|---|---|---|---|
{shift}
The best row is {best[0]} with step size {best[1]:g}: {best[3]:.2f}. The worst is {worst[0]} with {worst[1]:g}: {worst[3]:.2f}, and its
greedy policy reached the goal in {worst[5]} of {worst[6]} plays.

## Limits
One small world. A greedy policy that walks in a circle costs 200 steps, so single bad seeds move the means much (see the ranges).
Episodes cut at 200 steps are learned from as if they went on. Two step sizes are no tuning.

## Conclusion
The order depends on the step size and on a few seeds with circular policies; this comparison does not support a general ranking of the
agents.
"""


def windy_grid_db() -> Files:
    """Four tabular agents on a grid world, a shell loop over two step sizes, a sorted table read from a database."""
    files = Files().write("code/windy.py", GRID).write("code/agents.py", AGENTS)
    files.run("python code/agents.py q --seeds 1 --episodes 50 --db /tmp/try_windy.db; rm -f /tmp/try_windy.db")
    files.run(
        "for k in q sarsa expected_sarsa double_q; do for a in 0.1 0.4; do python code/agents.py $k --alpha $a || exit 1; done; done"
    )
    return files.write("results/results.md", _grid_report)


BANDITS = '''"""Regret of bandit rules on Bernoulli arms; all rules meet the same problems and the same table of would-be rewards."""
import json, math, sys
import numpy as np

class Rule:
    def __init__(self, arms, rng):
        self.rng, self.n, self.s = rng, np.zeros(arms), np.zeros(arms)
    def update(self, arm, reward):
        self.n[arm] += 1
        self.s[arm] += reward
    def mean(self):
        return self.s / np.maximum(self.n, 1)

class Greedy(Rule):
    c = 5.0
    def pick(self, t):
        if t < len(self.n):
            return t
        if self.rng.random() < min(1.0, self.c / t):
            return int(self.rng.integers(len(self.n)))
        return int(np.argmax(self.mean()))

class Fixed(Greedy):
    def pick(self, t):
        if t < len(self.n):
            return t
        return int(self.rng.integers(len(self.n))) if self.rng.random() < 0.1 else int(np.argmax(self.mean()))

class Ucb(Rule):
    def pick(self, t):
        if t < len(self.n):
            return t
        return int(np.argmax(self.mean() + np.sqrt(2 * math.log(t + 1) / self.n)))

class Thompson(Rule):
    def pick(self, t):
        return int(np.argmax(self.rng.beta(1 + self.s, 1 + self.n - self.s)))

class Boltzmann(Rule):
    temperature = 0.1
    def pick(self, t):
        weights = np.exp((self.mean() - self.mean().max()) / self.temperature)
        return int(self.rng.choice(len(self.n), p=weights / weights.sum()))

RULES = {"decayed epsilon-greedy": Greedy, "epsilon-greedy 0.1": Fixed, "UCB1": Ucb, "Thompson sampling": Thompson,
         "Boltzmann 0.1": Boltzmann}
def play(rule, means, table):
    regret = 0.0
    for t in range(len(table)):
        arm = rule.pick(t)
        rule.update(arm, table[t, arm])
        regret += means.max() - means[arm]
    return regret, rule.n[means.argmax()] / len(table)

horizon, problems, arms = (int(value) for value in sys.argv[1:4])
records = []
for number in range(problems):
    draw = np.random.default_rng([55, number])
    means = draw.uniform(0.1, 0.9, arms)
    table = (draw.random((horizon, arms)) < means).astype(float)
    for index, (name, kind) in enumerate(RULES.items()):
        regret, share = play(kind(arms, np.random.default_rng([56, number, index])), means, table)
        records.append({"rule": name, "problem": number, "regret": float(regret), "best_arm_share": float(share)})
print(f"{'rule':24s} regret  sd     best arm")
board = []
for name in RULES:
    own = [record for record in records if record["rule"] == name]
    regrets = np.array([record["regret"] for record in own])
    share = 100 * np.mean([record["best_arm_share"] for record in own])
    board.append((regrets.mean(), regrets.std(ddof=1), share, np.median(regrets), name))
for mean, sd, share, median, name in sorted(board):
    print(f"{name:24s} {mean:6.2f} {sd:6.2f} {share:5.1f}% median {median:6.2f}")
json.dump(records, open(f"results/bandits_T{horizon}.json", "w"))
'''


def _bandit_report(outputs: Outputs, output: Path) -> str:
    boards = []
    for text in outputs[-2:]:
        boards.append(re.findall(r"^(.+?)\s+([\d.]+)\s+([\d.]+)\s+([\d.]+)% median\s+([\d.]+)$", text, re.M))
    tables = [
        "".join(
            f"| {i} | {name} | {mean} | {sd} | {median} | {share} |\n" for i, (name, mean, sd, share, median) in enumerate(board, 1)
        )
        for board in boards
    ]
    first, long = ({row[0]: float(row[1]) for row in board} for board in boards)
    ucb, top = long["UCB1"], boards[1][0][0]
    records = json.loads((output / "results/bandits_T1500.json").read_text())
    by = {(record["rule"], record["problem"]): record["regret"] for record in records}
    wins = sum(by["Thompson sampling", k] < by["UCB1", k] for k in range(40))
    return f"""# Five bandit rules on Bernoulli arms

## Setup
40 problems with 8 arms; the arms' means are uniform on 0.1 to 0.9. For each problem the reward of every arm at every step is drawn in
advance, so all rules meet the same luck. Regret is the sum of the gaps between the best mean and the mean of the chosen arm
(pseudo-regret). No parameter was tuned: c = 5, epsilon = 0.1, temperature = 0.1 are what we started with. The two epsilon rules and UCB1
begin with one pull of each arm; Thompson sampling and Boltzmann do not.

## Horizon 300 (sorted by mean regret)

| Place | Rule | Mean regret | SD over problems | Median | Best arm chosen (%) |
|---|---|---|---|---|---|
{tables[0]}
## Horizon 1500 (sorted by mean regret)

| Place | Rule | Mean regret | SD over problems | Median | Best arm chosen (%) |
|---|---|---|---|---|---|
{tables[1]}
At 1500 steps {top} has a mean regret of {long[top]:.2f}, {100 * (1 - long[top] / ucb):.0f} % less than UCB1 ({ucb:.2f}). Thompson sampling
has less regret than UCB1 on {wins} of 40 problems. From 300 to 1500 steps the regret of UCB1 grows by a factor of
{ucb / first["UCB1"]:.2f}, that of Thompson sampling by {long["Thompson sampling"] / first["Thompson sampling"]:.2f}.

## Limits
The problems of the two horizons have the same arms, but they are separate runs. The gaps are wide on average, which favours greedy rules;
problems with close arms would look otherwise. SDs are between problems and say little of the error of the paired differences.

## Conclusion
With uniform means and short horizons UCB1's bonus explores too much; Thompson sampling is a safe choice without a parameter.
"""


def bandit_board() -> Files:
    """Bandit rules on shared tables of rewards; the report types the printed leaderboards of two horizons."""
    files = (
        Files().write("code/bandits.py", BANDITS).run("cd code && mkdir -p results && python bandits.py 50 3 4 && rm -r results")
    )
    files.run("python code/bandits.py 300 40 8").run("python code/bandits.py 1500 40 8")
    return files.write("results/results.md", _bandit_report)


SERIES = '''"""Generated monthly, daily (weekly season) and quarterly series: trend, season, wandering level and noise on purpose."""
import numpy as np

KINDS = {"monthly": (12, (96, 180), 14), "weekly": (7, (120, 260), 10), "quarterly": (4, (48, 100), 8)}

def series(kind, seed):
    period, (low, high), number = KINDS[kind]
    rng = np.random.default_rng([seed, period])
    for _ in range(number):
        t = np.arange(rng.integers(low, high))
        season = rng.normal(0, 8, period)[t % period]
        trend = rng.normal(0, 0.15) * t
        wander = np.cumsum(rng.normal(0, rng.uniform(0.2, 1.5), len(t)))
        yield 100 + trend + season + wander + rng.normal(0, 3, len(t))
'''

FORECAST = '''"""MASE of forecasting methods over rolling origins in the last part of each series."""
import csv, tomllib
import numpy as np
from sklearn.linear_model import Ridge
from series import KINDS, series
def naive(y, period, h):
    return np.repeat(y[-1], h)
def seasonal_naive(y, period, h):
    return y[len(y) - period + np.arange(h) % period]
def drift(y, period, h):
    return y[-1] + (y[-1] - y[0]) / (len(y) - 1) * np.arange(1, h + 1)
def holt_winters(y, period, h, alpha=0.4, beta=0.05, gamma=0.2):
    season = list(y[:period] - y[:period].mean())
    level, slope = y[:period].mean(), (y[period:2 * period].mean() - y[:period].mean()) / period
    for i, value in enumerate(y):
        old, s = level, season[i % period]
        level = alpha * (value - s) + (1 - alpha) * (level + slope)
        slope = beta * (level - old) + (1 - beta) * slope
        season[i % period] = gamma * (value - level) + (1 - gamma) * s
    return np.array([level + (k + 1) * slope + season[(len(y) + k) % period] for k in range(h)])
def ridge_lags(y, period, h):
    lags = period + 1
    mean = y.mean()
    z = y - mean
    x = np.array([z[i - lags:i] for i in range(lags, len(z))])
    model = Ridge(alpha=10.0).fit(x, z[lags:])
    window, out = list(z[-lags:]), []
    for _ in range(h):
        out.append(float(model.predict([window[-lags:]])[0]))
        window.append(out[-1])
    return np.array(out) + mean

METHODS = {f.__name__: f for f in (naive, seasonal_naive, drift, holt_winters, ridge_lags)}

config = tomllib.load(open("code/forecast.toml", "rb"))
with open("results/mase.csv", "w", newline="") as file:
    out = csv.writer(file)
    out.writerow(["kind", "series", "length", "method", "origins", "mase"])
    for kind in KINDS:
        period = KINDS[kind][0]
        for number, y in enumerate(series(kind, config["seed"])):
            origins = range(len(y) - config["origins"] - config["horizon"] + 1, len(y) - config["horizon"] + 1)
            for name, method in METHODS.items():
                errors = []
                for origin in origins:
                    past, future = y[:origin], y[origin:origin + config["horizon"]]
                    scale = np.abs(past[period:] - past[:-period]).mean()
                    errors.append(np.abs(method(past, period, config["horizon"]) - future).mean() / scale)
                out.writerow([kind, number, len(y), name, len(errors), round(float(np.mean(errors)), 4)])
        print(kind, "done")
'''


def _forecast_report(_: Outputs, output: Path) -> str:
    with (output / "results/mase.csv").open() as file:
        rows = list(csv.DictReader(file))
    kinds, methods = (list(dict.fromkeys(row[key] for row in rows)) for key in ("kind", "method"))
    sizes = {kind: len({row["series"] for row in rows if row["kind"] == kind}) for kind in kinds}
    mean = {
        (k, m): sum(float(r["mase"]) for r in rows if (r["kind"], r["method"]) == (k, m)) / sizes[k] for k in kinds for m in methods
    }
    plain = {m: sum(mean[k, m] for k in kinds) / len(kinds) for m in methods}
    pooled = {m: sum(sizes[k] * mean[k, m] for k in kinds) / sum(sizes.values()) for m in methods}
    board = sorted(methods, key=lambda m: pooled[m])
    table = "".join(
        f"| {m} | {' | '.join(f'{mean[k, m]:.3f}' for k in kinds)} | {plain[m]:.3f} | {pooled[m]:.3f} | "
        f"{100 * (1 - pooled[m] / pooled['seasonal_naive']):+.1f} % |\n"
        for m in board
    )
    return f"""# Simple forecasts of seasonal series

## Setup
Generated series ({", ".join(f"{sizes[k]} {k}" for k in kinds)}) of different lengths with trend, season, wandering level and noise.
Forecast horizon 6, 12 rolling origins at the end of each series; every method is fitted on what precedes the origin. The error is MASE,
scaled by the in-sample seasonal naive error, lower is better. Holt-Winters uses fixed smoothing weights (0.4, 0.05, 0.2), ridge has
penalty 10 and period + 1 lags; neither was tuned. A first run had horizon 12; three years ahead is too far for quarterly series, so we
ran everything again with 6.

## MASE by kind of series, sorted by the mean over all series

| Method | {" | ".join(kinds)} | Mean of kinds | Mean of series | Better than seasonal naive |
|---|{"---|" * (len(kinds) + 3)}
{table}
"Mean of kinds" counts each kind once; "Mean of series" counts each of the {sum(sizes.values())} series once. The last column compares
means of series.

{board[0]} has the lowest mean of series, {pooled[board[0]]:.3f}, before {board[1]} with {pooled[board[1]]:.3f}.

## Limits
The generator has additive seasons and a linear trend, for which Holt-Winters is made; real series break and have outliers. Rolling
origins of one series overlap. One seed of the generator and no intervals.

## Conclusion
On such series the methods that know the season and follow the level are ahead; plain naive and drift forecasts miss the season.
"""


def forecasts_of_lengths() -> Files:
    """Forecasts with a TOML configuration; means of kinds and of series and gains are worked out in the report from a CSV."""
    files = Files().write("code/series.py", SERIES).write("code/forecast.toml", "seed = 11\nhorizon = 12\norigins = 12\n")
    files.write("code/forecast.py", FORECAST).run("PYTHONPATH=code python code/forecast.py")
    files.run("sed -i 's/^horizon = .*/horizon = 6/' code/forecast.toml && PYTHONPATH=code python code/forecast.py")
    files.write("look.py", "import pandas as pd\nprint(pd.read_csv('results/mase.csv').groupby('method').mase.describe())\n")
    files.run("python look.py; rm look.py")
    return files.write("results/results.md", _forecast_report)


PROGRAMS = (windy_grid_db, bandit_board, forecasts_of_lengths)
