"""Honest studies of learning by acting and of curves fitted to measurements."""

import csv
import json
import statistics
from pathlib import Path

from ..fresh2.reports import filled
from ..lab import Files, Outputs

BANDIT_POLICIES = '''import math

import numpy as np


class Policy:
    def __init__(self, arms, horizon, rng):
        self.n, self.total, self.rng, self.horizon = np.zeros(arms), np.zeros(arms), rng, horizon

    def learn(self, arm, reward):
        self.n[arm] += 1
        self.total[arm] += reward


class Uniform(Policy):
    def choose(self, t):
        return int(self.rng.integers(len(self.n)))


class EpsilonGreedy(Policy):
    epsilon = 0.1

    def choose(self, t):
        if t < len(self.n):
            return t
        if self.rng.random() < self.epsilon:
            return int(self.rng.integers(len(self.n)))
        return int(np.argmax(self.total / self.n))


class ExploreThenCommit(Policy):
    def choose(self, t):
        first = 20 * len(self.n)
        return t % len(self.n) if t < first else int(np.argmax(self.total / self.n))


class UCB1(Policy):
    def choose(self, t):
        if t < len(self.n):
            return t
        return int(np.argmax(self.total / self.n + np.sqrt(2 * math.log(t) / self.n)))


class Thompson(Policy):
    def choose(self, t):
        return int(np.argmax(self.rng.beta(1 + self.total, 1 + self.n - self.total)))


class Oracle(Policy):
    """Told the best arm by the experiment; its regret is zero by construction."""
    best = None

    def choose(self, t):
        return self.best
'''

BANDIT_RUN = """import csv
import sys

import numpy as np
from policies import EpsilonGreedy, ExploreThenCommit, Oracle, Thompson, UCB1, Uniform

horizon, repeats = int(sys.argv[1]), int(sys.argv[2])
with open("results/regret.csv", "w", newline="") as out:
    table = csv.writer(out)
    table.writerow(["policy", "repeat", "reward", "pseudo_regret", "best_arm_share"])
    for repeat in range(repeats):
        means = np.random.default_rng([repeat, 0]).uniform(0.1, 0.9, size=6)
        for kind in (Uniform, ExploreThenCommit, EpsilonGreedy, UCB1, Thompson, Oracle):
            rng = np.random.default_rng([repeat, 1])
            policy = kind(len(means), horizon, np.random.default_rng([repeat, 2]))
            if kind is Oracle:
                policy.best = int(means.argmax())
            reward = 0
            for t in range(horizon):
                arm = policy.choose(t)
                hit = float(rng.random() < means[arm])
                policy.learn(arm, hit)
                reward += hit
            table.writerow([kind.__name__, repeat, reward, float(policy.n @ (means.max() - means)), policy.n[means.argmax()] / horizon])
        if repeat % 10 == 9:
            print("repeat", repeat + 1, "of", repeats, flush=True)
"""

BANDIT_TABLE = """import pandas as pd

runs = pd.read_csv("results/regret.csv")
grouped = runs.groupby("policy")
table = pd.DataFrame({
    "median_regret": grouped.pseudo_regret.median(),
    "q25": grouped.pseudo_regret.quantile(0.25),
    "q75": grouped.pseudo_regret.quantile(0.75),
    "mean_regret": grouped.pseudo_regret.mean(),
    "worst": grouped.pseudo_regret.max(),
    "mean_reward": grouped.reward.mean(),
    "best_arm_percent": 100 * grouped.best_arm_share.mean(),
}).sort_values("median_regret")
table.round(1).to_csv("results/ranking.csv")
print(table.round(1).to_string())
"""


def bandit_quantiles() -> Files:
    """Bandit policies sorted by the median regret of forty runs, an oracle with zero regret and uniform choice as the ends of the scale."""

    def report(_: Outputs, folder: Path) -> str:
        rows = list(csv.DictReader((folder / "results/ranking.csv").open()))
        table = "\n".join(
            f"| {i} | {r['policy']} | {r['median_regret']} | {r['q25']}-{r['q75']} | {r['mean_regret']} | {r['worst']} | {r['mean_reward']} | {r['best_arm_percent']} % |"
            for i, r in enumerate(rows)
        )
        byname = {r["policy"]: r for r in rows}
        best, second = rows[1], rows[2]
        return f"""# Six ways to play a six-armed bandit

## Setup
Bernoulli arms with means drawn from U(0.1, 0.9) anew for each of 40 repeats; horizon 2,000; all policies meet the same arms and
the same stream of random numbers for the rewards. Regret is the pseudo-regret (pulls times gap, no noise). Epsilon is 0.1, exploring-then-committing
pulls each arm 20 times; nothing was tuned. The oracle is told the best arm: zero regret by construction, it only marks the end of the scale.
Rows are sorted by the median over repeats. An earlier run with horizon 200 and 3 repeats was overwritten.

## Results
| # | policy | median regret | quartiles | mean regret | worst run | mean reward | pulls of the best arm |
|---|---|---|---|---|---|---|---|
{table}

## Conclusion
{best["policy"]} has the lowest median regret of the policies that must learn ({best["median_regret"]}), followed by {second["policy"]} ({second["median_regret"]}); choosing at random costs
{byname["Uniform"]["median_regret"]}. The worst run of exploring-then-committing ({byname["ExploreThenCommit"]["worst"]}) and that of Thompson sampling ({byname["Thompson"]["worst"]}) are not far apart. One horizon, one prior of arms.
"""

    return (
        Files()
        .write("code/policies.py", BANDIT_POLICIES)
        .write("code/run_bandits.py", BANDIT_RUN)
        .write("code/rank.py", BANDIT_TABLE)
        .run("python code/run_bandits.py 200 3 && python code/rank.py")
        .run("python code/run_bandits.py 2000 40")
        .run("python code/rank.py")
        .write("results/results.md", report)
    )


GRID = '''"""A windy walk along a cliff, and three ways of learning it."""
import numpy as np

ROWS, COLUMNS, MOVES = 4, 10, ((-1, 0), (0, 1), (1, 0), (0, -1))
START, GOAL = (3, 0), (3, 9)


def step(state, action, rng):
    if rng.random() < 0.1:
        action = int(rng.integers(4))
    r = min(max(state[0] + MOVES[action][0], 0), ROWS - 1)
    c = min(max(state[1] + MOVES[action][1], 0), COLUMNS - 1)
    if r == 3 and 0 < c < 9:
        return START, -50.0, False
    return (r, c), -1.0, (r, c) == GOAL


def learn(method, episodes, seed, alpha=0.3, epsilon=0.1, cap=300):
    rng = np.random.default_rng(seed)
    Q = np.zeros((ROWS, COLUMNS, 4))

    def act(s):
        return int(rng.integers(4)) if rng.random() < epsilon else int(np.argmax(Q[s]))

    returns = []
    for _ in range(episodes):
        s, total, done, count = START, 0.0, False, 0
        a = act(s)
        while not done and count < cap:
            s2, reward, done = step(s, a, rng)
            a2 = act(s2)
            if method == "sarsa":
                value = Q[s2][a2]
            elif method == "expected_sarsa":
                value = (1 - epsilon) * Q[s2].max() + epsilon * Q[s2].mean()
            else:
                value = Q[s2].max()
            Q[s][a] += alpha * (reward + (0.0 if done else value) - Q[s][a])
            s, a, total, count = s2, a2, total + reward, count + 1
        returns.append(total)
    return Q, returns


def play(Q, episodes, seed, cap=300):
    rng = np.random.default_rng(seed)
    scores, falls = [], 0
    for _ in range(episodes):
        s, total, done, count = START, 0.0, False, 0
        while not done and count < cap:
            s, reward, done = step(s, int(np.argmax(Q[s])), rng)
            falls += reward == -50.0
            total, count = total + reward, count + 1
        scores.append(total)
    return float(np.mean(scores)), falls / episodes


def optimal(sweeps=400):
    """Value iteration with the known chances; gives the table of an agent that need not learn."""
    V = np.zeros((ROWS, COLUMNS))
    for _ in range(sweeps):
        Q = np.full((ROWS, COLUMNS, 4), 0.0)
        for r in range(ROWS):
            for c in range(COLUMNS):
                if (r, c) == GOAL:
                    continue
                sure = []
                for a in range(4):
                    rr, cc = min(max(r + MOVES[a][0], 0), ROWS - 1), min(max(c + MOVES[a][1], 0), COLUMNS - 1)
                    sure.append(-50.0 + V[START] if rr == 3 and 0 < cc < 9 else -1.0 + V[rr, cc])
                Q[r, c] = 0.9 * np.array(sure) + 0.1 * np.mean(sure)
        V = Q.max(-1)
    return Q, float(V[START])
'''

GRID_RUN = """import json

import numpy as np
from cliff import learn, optimal, play

EPISODES, WINDOW, SEEDS = 600, 50, range(8)
summary = {}
for method in ("q_learning", "sarsa", "expected_sarsa"):
    early, late, greedy, falls = [], [], [], []
    for seed in SEEDS:
        Q, returns = learn(method, EPISODES, seed)
        smooth = np.convolve(returns, np.ones(WINDOW) / WINDOW, mode="valid")
        early.append(smooth[50])
        late.append(smooth[-1])
        score, fell = play(Q, 200, 1000 + seed)
        greedy.append(score)
        falls.append(fell)
    summary[method] = {"early": round(float(np.mean(early)), 2), "late": round(float(np.mean(late)), 2), "late_sd": round(float(np.std(late, ddof=1)), 2),
                       "greedy": round(float(np.mean(greedy)), 2), "greedy_median": round(float(np.median(greedy)), 2), "falls": round(float(np.mean(falls)), 3)}
    print(method, summary[method])
Q, value = optimal()
scores, falls = zip(*(play(Q, 200, 1000 + seed) for seed in SEEDS))
summary["optimal"] = {"value": round(value, 2), "greedy": round(float(np.mean(scores)), 2), "greedy_median": round(float(np.median(scores)), 2), "falls": round(float(np.mean(falls)), 3)}
print("optimal", summary["optimal"])
json.dump(summary, open("results/cliff.json", "w"), indent=1)
"""


def cliff_walk() -> Files:
    """Three temporal-difference methods on a cliff walk: moving averages while learning, greedy play afterwards, value iteration as the bound."""
    report = """# Learning to walk along a cliff

## Setup
A 4x10 grid world; 10 % of the moves are replaced by a random one; -1 a step, -50 and back to the start for a fall; episodes end at the goal or
after 300 steps. Three methods, each with step size 0.3, epsilon 0.1, 600 episodes, 8 seeds, no discount, nothing tuned. "Early" and "late" are returns
while learning (exploration included), as moving averages over 50 episodes: over episodes 51-100 and over the last 50. "Greedy" plays the learnt
table 200 times without exploration. Value iteration knows the chances of the grid and is the bound, not a competitor.

## Results (means over 8 seeds)
| method | early return | late return | SD of late | greedy return | median of seeds | falls per greedy episode |
|---|---|---|---|---|---|---|
| Q-learning | {r[q_learning][early]} | {r[q_learning][late]} | {r[q_learning][late_sd]} | {r[q_learning][greedy]} | {r[q_learning][greedy_median]} | {r[q_learning][falls]} |
| SARSA | {r[sarsa][early]} | {r[sarsa][late]} | {r[sarsa][late_sd]} | {r[sarsa][greedy]} | {r[sarsa][greedy_median]} | {r[sarsa][falls]} |
| expected SARSA | {r[expected_sarsa][early]} | {r[expected_sarsa][late]} | {r[expected_sarsa][late_sd]} | {r[expected_sarsa][greedy]} | {r[expected_sarsa][greedy_median]} | {r[expected_sarsa][falls]} |
| value iteration (knows the grid) | - | - | - | {r[optimal][greedy]} | {r[optimal][greedy_median]} | {r[optimal][falls]} |

The value of the start by value iteration is {r[optimal][value]}; the measured {r[optimal][greedy]} of its greedy play agrees up to chance.

## Conclusion
While learning, {online} collects most at the end ({top}); in greedy play {greedy} comes nearest to the bound ({near}).
The late returns differ by less than their SDs over seeds. Constant step sizes and one grid; other step sizes may change the order.
"""

    def more(r: dict) -> dict:
        names = {"q_learning": "Q-learning", "sarsa": "SARSA", "expected_sarsa": "expected SARSA"}
        online, greedy = max(names, key=lambda m: r[m]["late"]), max(names, key=lambda m: r[m]["greedy"])
        return {"online": names[online], "top": r[online]["late"], "greedy": names[greedy], "near": r[greedy]["greedy"]}

    return (
        Files()
        .write("code/cliff.py", GRID)
        .write("code/main.py", GRID_RUN)
        .run("cd code && python -c 'from cliff import learn; print(learn(\"sarsa\", 20, 0)[1])'")
        .run("python code/main.py")
        .write("results/results.md", filled(report, "results/cliff.json", more))
    )


CURVE = '''"""Measure the learning curve of a classifier, then fit curves to its smaller sizes and look at the larger ones."""
import json
import pathlib
import sys

import numpy as np
from scipy.optimize import curve_fit
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

SIZES = [50, 80, 120, 180, 270, 400, 600, 900, 1200]
MODELS = {
    "power": (lambda n, a, b, c: a * n**-b + c, (3.0, 0.7, 0.0), ([0, 0, 0], [50, 3, 1])),
    "exponential": (lambda n, a, b, c: a * np.exp(-b * n) + c, (0.3, 0.01, 0.02), ([0, 0, 0], [5, 1, 1])),
    "logarithm": (lambda n, a, b: a - b * np.log(n), (0.5, 0.05), ([-5, 0], [5, 5])),
}


def measure():
    X, y = load_digits(return_X_y=True)
    curve = []
    for n in SIZES:
        errors = []
        for seed in range(10):
            X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=n, test_size=500, stratify=y, random_state=seed)
            errors.append(1 - SVC(gamma=0.001, C=10).fit(X_train, y_train).score(X_test, y_test))
        curve.append({"n": n, "error": float(np.mean(errors)), "sd": float(np.std(errors, ddof=1))})
    return curve


def fit(curve, last):
    n = np.array([p["n"] for p in curve], float)
    e = np.array([p["error"] for p in curve])
    used = n <= last
    found = {}
    for name, (shape, start, bounds) in MODELS.items():
        values, _ = curve_fit(shape, n[used], e[used], p0=start, bounds=bounds, maxfev=20000)
        ahead = shape(n[~used], *values)
        found[name] = {"parameters": values.tolist(), "rmse_fitted": float(np.sqrt(np.mean((shape(n[used], *values) - e[used]) ** 2))),
                       "predicted": dict(zip(map(str, n[~used].astype(int)), ahead.tolist())), "rmse_ahead": float(np.sqrt(np.mean((ahead - e[~used]) ** 2)))}
    return found


store = pathlib.Path("results/curve.json")
if "--measure" in sys.argv:
    store.write_text(json.dumps(measure(), indent=1))
found = fit(json.loads(store.read_text()), 400)
pathlib.Path("results/fits.json").write_text(json.dumps(found, indent=1))
for name, values in found.items():
    print(name, {key: np.round(list(value.values()) if isinstance(value, dict) else value, 5) for key, value in values.items()})
'''


def fitted_curves() -> Files:
    """Error curves fitted to the measured small sizes and compared with the measured large ones; measured and extrapolated values are told apart."""

    def report(_: Outputs, folder: Path) -> str:
        curve = json.loads((folder / "results/curve.json").read_text())
        fits = json.loads((folder / "results/fits.json").read_text())
        ahead = [p for p in curve if p["n"] > 400]
        measured = "\n".join(f"| {p['n']} | {p['error']:.4f} | {p['sd']:.4f} | {'yes' if p['n'] <= 400 else 'no'} |" for p in curve)
        names = {"power": "a n^-b + c", "exponential": "a exp(-b n) + c", "logarithm": "a - b ln n"}
        rows = "\n".join(
            f"| {name}: {names[name]} | {', '.join(f'{v:.4g}' for v in f['parameters'])} | {f['rmse_fitted']:.5f} | "
            + " | ".join(f"{f['predicted'][str(p['n'])]:.4f}" for p in ahead)
            + f" | {f['rmse_ahead']:.5f} |"
            for name, f in fits.items()
        )
        best = min(fits, key=lambda name: fits[name]["rmse_ahead"])
        inner = min(fits, key=lambda name: fits[name]["rmse_fitted"])
        return f"""# Extrapolating the learning curve of a digit classifier

## Setup
RBF SVM (gamma 0.001, C 10, not tuned) on the digits; for each of {len(curve)} training sizes ten stratified draws (seeds 0-9), 500 test images each. Three curves are
fitted by least squares to the mean errors of the sizes up to 400 and then **extrapolated** to 600, 900 and 1,200, which were measured too.
The measurements are kept in `results/curve.json`; refitting reads them back.

## Measured test error
| n | mean error | SD of ten draws | used for the fit |
|---|---|---|---|
{measured}

## Fits and extrapolations (calculated, not measured)
| curve | parameters | RMSE on fitted sizes | {" | ".join(f"n = {p['n']}" for p in ahead)} | RMSE ahead |
|---|---|---|{"---|" * len(ahead)}---|
{rows}
| measured | - | - | {" | ".join(f"{p['error']:.4f}" for p in ahead)} | - |

A negative error is what the formula gives and of course impossible. On average the SD of a point is {statistics.mean(p["sd"] for p in curve):.4f}.

## Conclusion
The {inner} curve fits the six small sizes best, the {best} curve extrapolates best (RMSE {fits[best]["rmse_ahead"]:.4f}). Six points and three parameters leave little room; one model, one data set.
"""

    return (
        Files()
        .write("code/curve.py", CURVE)
        .run("python code/curve.py --measure")
        .run("python code/curve.py")
        .write("results/results.md", report)
    )


PROGRAMS = (bandit_quantiles, cliff_walk, fitted_curves)
