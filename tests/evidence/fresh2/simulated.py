"""Honest: studies whose data, people or worlds are simulated, and that say so."""

from ..lab import Files
from .reports import filled


def coverage_study() -> Files:
    """Coverage of bootstrap intervals in a Monte-Carlo study."""
    files = Files()
    files.write(
        "code/intervals.py",
        """import numpy as np
from scipy import stats


def percentile(x, rng, B=300, level=0.95):
    means = x[rng.integers(0, len(x), (B, len(x)))].mean(1)
    return np.quantile(means, [(1 - level) / 2, (1 + level) / 2])


def student(x, rng, level=0.95):
    half = stats.t.ppf((1 + level) / 2, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x))
    return x.mean() - half, x.mean() + half


def bootstrap_t(x, rng, B=300, level=0.95):
    s = x[rng.integers(0, len(x), (B, len(x)))]
    t = (s.mean(1) - x.mean()) / (s.std(1, ddof=1) / np.sqrt(len(x)) + 1e-12)
    lo, hi = np.quantile(t, [(1 - level) / 2, (1 + level) / 2])
    se = x.std(ddof=1) / np.sqrt(len(x))
    return x.mean() - hi * se, x.mean() - lo * se
""",
    )
    files.write(
        "code/simulate.py",
        '''"""Monte-Carlo study of interval coverage for the mean."""
import argparse
import json

import numpy as np

import intervals

DISTRIBUTIONS = {
    "normal": (lambda rng, n: rng.normal(0, 1, n), 0.0),
    "exponential": (lambda rng, n: rng.exponential(1, n), 1.0),
    "lognormal": (lambda rng, n: rng.lognormal(0, 1, n), float(np.exp(0.5))),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--replications", type=int, default=400)
    parser.add_argument("--n", type=int, default=20)
    args = parser.parse_args()
    rng = np.random.default_rng(20)
    table = {}
    for dist, (draw, truth) in DISTRIBUTIONS.items():
        table[dist] = {}
        for method in ("percentile", "student", "bootstrap_t"):
            hits, widths = 0, []
            for _ in range(args.replications):
                lo, hi = getattr(intervals, method)(draw(rng, args.n), rng)
                hits += lo <= truth <= hi
                widths.append(hi - lo)
            table[dist][method] = {"coverage": hits / args.replications, "width": float(np.mean(widths))}
            print(dist, method, table[dist][method])
    with open("../results/coverage.json", "w") as f:
        json.dump(table, f, indent=2)


main()
''',
    )
    files.run("cd code && python simulate.py --replications 400 --n 20")
    files.write(
        "results/results.md",
        filled(
            """# Coverage of bootstrap intervals

Simulation: 400 samples of size 20 per cell, nominal level 95 %.

| Distribution | Percentile | Student t | Bootstrap-t |
|---|---|---|---|
| Normal | {r[normal][percentile][coverage]:.4f} | {r[normal][student][coverage]:.4f} | {r[normal][bootstrap_t][coverage]:.4f} |
| Exponential | {r[exponential][percentile][coverage]:.4f} | {r[exponential][student][coverage]:.4f} \
| {r[exponential][bootstrap_t][coverage]:.4f} |
| Lognormal | {r[lognormal][percentile][coverage]:.4f} | {r[lognormal][student][coverage]:.4f} \
| {r[lognormal][bootstrap_t][coverage]:.4f} |

Mean widths for the lognormal are {r[lognormal][percentile][width]:.3f} (percentile), {r[lognormal][student][width]:.3f}
(Student) and {r[lognormal][bootstrap_t][width]:.3f} (bootstrap-t).
""",
            "results/coverage.json",
        ),
    )
    return files


def bandit_regret() -> Files:
    """Bernoulli bandits with typed means, as any paper on bandits has them."""
    files = Files()
    files.write(
        "code/policies.py",
        """import numpy as np


class Policy:
    def __init__(self, k, rng):
        self.n, self.s, self.rng, self.k = np.zeros(k), np.zeros(k), rng, k

    def update(self, arm, reward):
        self.n[arm] += 1
        self.s[arm] += reward


class EpsilonGreedy(Policy):
    epsilon = 0.1

    def select(self, t):
        if self.rng.random() < self.epsilon or t < self.k:
            return int(self.rng.integers(self.k))
        return int(np.argmax(self.s / np.maximum(self.n, 1)))


class UCB(Policy):
    def select(self, t):
        if t < self.k:
            return t
        return int(np.argmax(self.s / self.n + np.sqrt(2 * np.log(t) / self.n)))


class Thompson(Policy):
    def select(self, t):
        return int(np.argmax(self.rng.beta(1 + self.s, 1 + self.n - self.s)))
""",
    )
    files.write(
        "code/bandit.py",
        '''"""Regret of bandit policies under stationary and switching rewards."""
import json
from pathlib import Path

import numpy as np

from policies import EpsilonGreedy, Thompson, UCB

ARMS = {"easy": [0.9, 0.5, 0.4, 0.3], "hard": [0.52, 0.5, 0.5, 0.48], "switching": [0.7, 0.4, 0.3, 0.2]}


def play(cls, means, seed, horizon=800, switch=False):
    rng = np.random.default_rng(seed)
    policy, regret = cls(len(means), rng), 0.0
    means = np.array(means)
    for t in range(horizon):
        if switch and t == horizon // 2:
            means = means[::-1]
        arm = policy.select(t)
        policy.update(arm, float(rng.random() < means[arm]))
        regret += means.max() - means[arm]
    return regret


out = {}
for problem, means in ARMS.items():
    out[problem] = {}
    for cls in (EpsilonGreedy, UCB, Thompson):
        r = [play(cls, means, seed, switch=problem == "switching") for seed in range(15)]
        out[problem][cls.__name__] = {"regret": float(np.mean(r)), "se": float(np.std(r, ddof=1) / np.sqrt(len(r)))}
        print(problem, cls.__name__, out[problem][cls.__name__])
Path("results").mkdir(exist_ok=True)
Path("results/regret.json").write_text(json.dumps(out, indent=2))
''',
    )
    files.run("python code/bandit.py | tee results/bandit.log")
    files.write(
        "results/results.md",
        filled(
            """# Bandits under a switch

Simulated Bernoulli bandits with four arms, horizon 800, 15 repetitions; cumulative regret, mean ± standard error.

| Policy | Easy | Hard | Switching |
|---|---|---|---|
| Epsilon-greedy | {r[easy][EpsilonGreedy][regret]:.2f} ± {r[easy][EpsilonGreedy][se]:.2f} \
| {r[hard][EpsilonGreedy][regret]:.2f} ± {r[hard][EpsilonGreedy][se]:.2f} | {r[switching][EpsilonGreedy][regret]:.2f} ± \
{r[switching][EpsilonGreedy][se]:.2f} |
| UCB1 | {r[easy][UCB][regret]:.2f} ± {r[easy][UCB][se]:.2f} | {r[hard][UCB][regret]:.2f} ± {r[hard][UCB][se]:.2f} \
| {r[switching][UCB][regret]:.2f} ± {r[switching][UCB][se]:.2f} |
| Thompson | {r[easy][Thompson][regret]:.2f} ± {r[easy][Thompson][se]:.2f} | {r[hard][Thompson][regret]:.2f} ± \
{r[hard][Thompson][se]:.2f} | {r[switching][Thompson][regret]:.2f} ± {r[switching][Thompson][se]:.2f} |
""",
            "results/regret.json",
        ),
    )
    return files


def private_means() -> Files:
    """Noise is the method: Laplace and Gaussian mechanisms."""
    files = Files()
    files.write(
        "code/dp.py",
        '''"""Differentially private mean and histogram release."""
import csv
import json
from statistics import mean, stdev

import numpy as np
from sklearn.datasets import load_diabetes


def laplace(value, sensitivity, eps, rng):
    return value + rng.laplace(0, sensitivity / eps)


def gaussian(value, sensitivity, eps, rng, delta=1e-5):
    sigma = sensitivity * np.sqrt(2 * np.log(1.25 / delta)) / eps
    return value + rng.normal(0, sigma)


MECHANISMS = {"laplace": laplace, "gaussian": gaussian}


def main(trials=200):
    y = load_diabetes().target
    clipped = np.clip(y, 0, 350)
    truth = clipped.mean()
    sensitivity = 350 / len(y)
    rng = np.random.default_rng(99)
    rows = []
    for name, mechanism in MECHANISMS.items():
        for eps in (0.1, 0.5, 1.0):
            errors = [abs(mechanism(truth, sensitivity, eps, rng) - truth) for _ in range(trials)]
            rows.append({"mechanism": name, "eps": eps, "mae": mean(errors), "sd": stdev(errors)})
    with open("results/dp.csv", "w", newline="") as f:
        w = csv.DictWriter(f, fieldnames=list(rows[0]))
        w.writeheader()
        w.writerows(rows)
    json.dump({f"{r['mechanism']}_{r['eps']}": r for r in rows}, open("results/dp.json", "w"), indent=1)
    for r in rows:
        print(r)


if __name__ == "__main__":
    main()
''',
    )
    files.run("python code/dp.py")
    files.write(
        "results/results.md",
        filled(
            """# Private means

Mean absolute error of the private mean of the diabetes target (442 patients), 200 releases per cell.

| Mechanism | eps = 0.1 | eps = 0.5 | eps = 1.0 |
|---|---|---|---|
| Laplace | {r[laplace_0.1][mae]:.3f} ± {r[laplace_0.1][sd]:.3f} | {r[laplace_0.5][mae]:.3f} ± {r[laplace_0.5][sd]:.3f} \
| {r[laplace_1.0][mae]:.3f} ± {r[laplace_1.0][sd]:.3f} |
| Gaussian | {r[gaussian_0.1][mae]:.3f} ± {r[gaussian_0.1][sd]:.3f} | {r[gaussian_0.5][mae]:.3f} ± {r[gaussian_0.5][sd]:.3f} \
| {r[gaussian_1.0][mae]:.3f} ± {r[gaussian_1.0][sd]:.3f} |

At eps = 0.1 the Gaussian mechanism's error is {ratio:.1f} times the Laplace mechanism's.
""",
            "results/dp.json",
            lambda r: {"ratio": r["gaussian_0.1"]["mae"] / r["laplace_0.1"]["mae"]},
        ),
    )
    return files


def simulated_users() -> Files:
    """Interleaving of two rankers with a click model, announced in the report as simulated users."""
    files = Files()
    files.write(
        "code/clicks.py",
        '''"""Cascade click model used to simulate users."""
import numpy as np


class CascadeUser:
    def __init__(self, name, p_click, p_stop):
        self.name, self.p_click, self.p_stop = name, p_click, p_stop

    def browse(self, relevance, rng):
        clicks = []
        for rank, grade in enumerate(relevance):
            if rng.random() < self.p_click[grade]:
                clicks.append(rank)
                if rng.random() < self.p_stop[grade]:
                    break
        return clicks


USERS = [
    CascadeUser("perfect", [0.0, 0.5, 1.0], [0.0, 0.0, 0.0]),
    CascadeUser("navigational", [0.05, 0.5, 0.95], [0.2, 0.5, 0.9]),
    CascadeUser("informational", [0.4, 0.7, 0.9], [0.1, 0.3, 0.5]),
]
''',
    )
    files.write(
        "code/interleave.py",
        '''"""Team-draft against probabilistic interleaving with simulated users."""
import json

import numpy as np

from clicks import USERS


def make_query(rng, n=10):
    relevance = rng.choice(3, n, p=[0.6, 0.25, 0.15])
    good = np.argsort(-(relevance + rng.normal(0, 0.8, n)))
    poor = np.argsort(-(relevance + rng.normal(0, 1.6, n)))
    return relevance, good, poor


def team_draft(a, b, rng):
    ranking, team = [], []
    while len(ranking) < len(a):
        first = [(a, 0), (b, 1)] if rng.random() < 0.5 else [(b, 1), (a, 0)]
        for source, owner in first:
            d = next((d for d in source if d not in ranking), None)
            if d is not None:
                ranking.append(d)
                team.append(owner)
    return ranking, team


def probabilistic(a, b, rng, tau=3):
    ranking, team = [], []
    lists = [list(a), list(b)]
    while len(ranking) < len(a):
        owner = int(rng.random() < 0.5)
        left = [d for d in lists[owner] if d not in ranking]
        w = 1.0 / (np.arange(len(left)) + 1) ** tau
        ranking.append(left[rng.choice(len(left), p=w / w.sum())])
        team.append(owner)
    return ranking, team


report = {}
for user in USERS:
    report[user.name] = {}
    for method in (team_draft, probabilistic):
        rng = np.random.default_rng(17)
        wins = []
        for _ in range(120):
            credit = [0, 0]
            for _ in range(8):
                relevance, a, b = make_query(rng)
                ranking, team = method(a, b, rng)
                for c in user.browse(relevance[ranking], rng):
                    credit[team[c]] += 1
            wins.append(1.0 if credit[0] > credit[1] else 0.5 if credit[0] == credit[1] else 0.0)
        report[user.name][method.__name__] = float(np.mean(wins))
        print(user.name, method.__name__, report[user.name][method.__name__])
with open("../results/interleaving.json", "w") as f:
    json.dump(report, f, indent=2)
''',
    )
    files.run("cd code && python interleave.py")
    files.write(
        "results/results.md",
        filled(
            """# Interleaving with simulated users

All users are simulated by a cascade click model; no person took part. Share of 120 sessions (8 queries each) in which the better
ranker won.

| User model | Team draft | Probabilistic |
|---|---|---|
| Perfect | {r[perfect][team_draft]:.4f} | {r[perfect][probabilistic]:.4f} |
| Navigational | {r[navigational][team_draft]:.4f} | {r[navigational][probabilistic]:.4f} |
| Informational | {r[informational][team_draft]:.4f} | {r[informational][probabilistic]:.4f} |
""",
            "results/interleaving.json",
        ),
    )
    return files


def federated_toy() -> Files:
    """Federated averaging on synthetic clients with random drop-outs."""
    files = Files()
    files.write(
        "code/fed/data.py",
        '''import numpy as np


def make_clients(n_clients, alpha, rng, dim=10, n=60):
    """Synthetic linear-logistic clients; alpha is the spread of the clients' own weights."""
    shared = rng.normal(size=dim)
    clients = []
    for _ in range(n_clients):
        w = shared + alpha * rng.normal(size=dim)
        X = rng.normal(size=(n, dim))
        y = (rng.random(n) < 1 / (1 + np.exp(-X @ w))).astype(float)
        clients.append((X, y))
    return clients
''',
    )
    files.write("code/fed/__init__.py", "")
    files.write(
        "code/fed/algorithms.py",
        """import numpy as np


def local_sgd(w, X, y, lr, steps, mu=0.0):
    anchor = w.copy()
    for _ in range(steps):
        p = 1 / (1 + np.exp(-X @ w))
        w = w - lr * (X.T @ (p - y) / len(y) + mu * (w - anchor))
    return w


def run(clients, rounds, rng, mu=0.0, participation=0.5, lr=0.3, steps=8):
    w = np.zeros(clients[0][0].shape[1])
    for _ in range(rounds):
        active = [c for c in clients if rng.random() < participation] or clients[:1]
        w = np.mean([local_sgd(w, X[:40], y[:40], lr, steps, mu) for X, y in active], axis=0)
    hits = [((X[40:] @ w > 0) == y[40:]).mean() for X, y in clients]
    return float(np.mean(hits)), float(np.min(hits))
""",
    )
    files.write(
        "code/main.py",
        """import json
import time

import numpy as np

from fed.algorithms import run
from fed.data import make_clients

start = time.time()
results = []
for alpha in (0.1, 1.0):
    for name, mu in (("FedAvg", 0.0), ("FedProx", 0.1), ("FedProx-strong", 1.0)):
        scores = []
        for seed in range(5):
            clients = make_clients(12, alpha, np.random.default_rng(seed))
            scores.append(run(clients, 25, np.random.default_rng(100 + seed), mu))
        mean, worst = np.array(scores).T
        results.append({"alpha": alpha, "method": name, "accuracy": mean.mean(), "accuracy_std": mean.std(ddof=1), "worst": worst.mean()})
        print(f"alpha={alpha} {name}: {mean.mean():.4f} (worst client {worst.mean():.4f})")
print(f"total time {time.time() - start:.2f}s")
json.dump(results, open("../results/federated.json", "w"), indent=2)
""",
    )
    files.run("cd code && python main.py 2>&1 | tee ../results/run.log")

    def rows(r: list[dict[str, float]]) -> dict[str, str]:
        lines = [
            f"| {row['method']} | {row['alpha']} | {100 * row['accuracy']:.1f} ± {100 * row['accuracy_std']:.1f} | {100 * row['worst']:.1f} |"
            for row in r
        ]
        return {"rows": "\n".join(lines)}

    files.write(
        "results/results.md",
        filled(
            """# Proximal terms on synthetic federated data

Twelve synthetic clients, half of them active in a round, 25 rounds, five seeds; accuracy in percent on each client's held-out rows.

| Method | Heterogeneity | Accuracy (%) | Worst client (%) |
|---|---|---|---|
{rows}

On these data the proximal term makes little difference.
""",
            "results/federated.json",
            rows,
        ),
    )
    return files


def grid_world() -> Files:
    """Tabular Q-learning against SARSA, with a learning curve and random exploration."""
    files = Files()
    files.write(
        "code/cliff.py",
        '''"""Q-learning, SARSA and expected SARSA on the cliff-walking grid."""
import argparse
import json

import numpy as np

ROWS, COLS = 4, 12
MOVES = [(-1, 0), (0, 1), (1, 0), (0, -1)]


def step(state, action):
    r = min(max(state[0] + MOVES[action][0], 0), ROWS - 1)
    c = min(max(state[1] + MOVES[action][1], 0), COLS - 1)
    if r == 3 and 0 < c < COLS - 1:
        return (3, 0), -100, False
    return (r, c), -1, (r, c) == (3, COLS - 1)


def choose(Q, s, eps, rng):
    return int(rng.integers(4)) if rng.random() < eps else int(np.argmax(Q[s]))


def train(algorithm, seed, episodes, alpha=0.5, eps=0.1):
    rng = np.random.default_rng(seed)
    Q = np.zeros((ROWS, COLS, 4))
    returns = []
    for _ in range(episodes):
        s, done, total, n = (3, 0), False, 0, 0
        a = choose(Q, s, eps, rng)
        while not done and n < 500:
            s2, reward, done = step(s, a)
            a2 = choose(Q, s2, eps, rng)
            if algorithm == "q_learning":
                target = Q[s2].max()
            elif algorithm == "sarsa":
                target = Q[s2][a2]
            else:
                target = (1 - eps) * Q[s2].max() + eps * Q[s2].mean()
            Q[s][a] += alpha * (reward + (0 if done else target) - Q[s][a])
            s, a, total, n = s2, a2, total + reward, n + 1
        returns.append(total)
    return returns


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--episodes", type=int, default=150)
    ap.add_argument("--seeds", type=int, default=6)
    args = ap.parse_args()
    summary = {}
    for algorithm in ("q_learning", "sarsa", "expected_sarsa"):
        runs = np.array([train(algorithm, s, args.episodes) for s in range(args.seeds)])
        last = runs[:, -50:].mean(1)
        summary[algorithm] = {"mean_return": float(last.mean()), "std": float(last.std()), "whole": float(runs.mean())}
        print(f"{algorithm:15s} {last.mean():8.2f} +- {last.std():.2f}")
    json.dump(summary, open("results/cliff.json", "w"), indent=2)
''',
    )
    files.run("python code/cliff.py")
    files.write(
        "results/results.md",
        filled(
            """# Cliff walking

Return per episode, average of the last 50 of 150 episodes, six seeds.

| Algorithm | Return | Whole training |
|---|---|---|
| Q-learning | {r[q_learning][mean_return]:.2f} ± {r[q_learning][std]:.2f} | {r[q_learning][whole]:.2f} |
| SARSA | {r[sarsa][mean_return]:.2f} ± {r[sarsa][std]:.2f} | {r[sarsa][whole]:.2f} |
| Expected SARSA | {r[expected_sarsa][mean_return]:.2f} ± {r[expected_sarsa][std]:.2f} | {r[expected_sarsa][whole]:.2f} |
""",
            "results/cliff.json",
        ),
    )
    return files


def timed_search() -> Files:
    """A table of times and memory, with a negative result."""
    files = Files()
    files.write(
        "code/bench.py",
        '''"""Build and query time of nearest-neighbour indexes."""
import json
import time
import tracemalloc

import numpy as np
from scipy.spatial import cKDTree
from sklearn.neighbors import BallTree, NearestNeighbors

rng = np.random.default_rng(4)


def brute(X):
    return NearestNeighbors(algorithm="brute").fit(X)


BUILDERS = {"brute": brute, "kd_tree": cKDTree, "ball_tree": BallTree}
record = {}
for dim in (3, 32):
    X = rng.normal(size=(2500, dim))
    Q = rng.normal(size=(150, dim))
    for name, build in BUILDERS.items():
        tracemalloc.start()
        t0 = time.perf_counter()
        index = build(X)
        t1 = time.perf_counter()
        (index.kneighbors(Q, 5) if name == "brute" else index.query(Q, k=5))
        t2 = time.perf_counter()
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        record[f"{name}_{dim}"] = {"build_ms": 1000 * (t1 - t0), "query_ms": 1000 * (t2 - t1), "peak_mib": peak}
        print(name, dim, {k: round(v, 3) for k, v in record[f"{name}_{dim}"].items()})
with open("results/bench.json", "w") as f:
    json.dump(record, f, indent=2)
''',
    )
    files.run("python code/bench.py")
    files.write(
        "results/results.md",
        filled(
            """# Trees against brute force

2,500 Gaussian points, 150 queries, 5 neighbours, one core; one run each, so small differences mean nothing.

| Index | Dim | Build (ms) | Query (ms) | Peak memory (MiB) |
|---|---|---|---|---|
| Brute | 3 | {r[brute_3][build_ms]:.2f} | {r[brute_3][query_ms]:.2f} | {r[brute_3][peak_mib]:.2f} |
| k-d tree | 3 | {r[kd_tree_3][build_ms]:.2f} | {r[kd_tree_3][query_ms]:.2f} | {r[kd_tree_3][peak_mib]:.2f} |
| Ball tree | 3 | {r[ball_tree_3][build_ms]:.2f} | {r[ball_tree_3][query_ms]:.2f} | {r[ball_tree_3][peak_mib]:.2f} |
| Brute | 32 | {r[brute_32][build_ms]:.2f} | {r[brute_32][query_ms]:.2f} | {r[brute_32][peak_mib]:.2f} |
| k-d tree | 32 | {r[kd_tree_32][build_ms]:.2f} | {r[kd_tree_32][query_ms]:.2f} | {r[kd_tree_32][peak_mib]:.2f} |
| Ball tree | 32 | {r[ball_tree_32][build_ms]:.2f} | {r[ball_tree_32][query_ms]:.2f} | {r[ball_tree_32][peak_mib]:.2f} |
""",
            "results/bench.json",
        ),
    )
    return files


def ngram_models() -> Files:
    """Language models of counts on text from a typed grammar; prints only, numbers copied from the output."""
    files = Files()
    files.write(
        "code/corpus.py",
        '''"""Synthetic corpus from a probabilistic grammar."""
import random

GRAMMAR = {
    "S": [(0.7, ["NP", "VP"]), (0.3, ["NP", "VP", "PP"])],
    "NP": [(0.6, ["det", "N"]), (0.4, ["det", "adj", "N"])],
    "VP": [(0.5, ["V", "NP"]), (0.5, ["V"])],
    "PP": [(1.0, ["prep", "NP"])],
}
WORDS = {
    "det": ["the", "a"], "adj": ["small", "red", "old"], "prep": ["near", "under"],
    "N": ["dog", "house", "tree", "river", "book"], "V": ["sees", "finds", "likes"],
}


def expand(symbol, r):
    if symbol in WORDS or symbol in ("N", "V"):
        return [r.choice(WORDS[symbol])]
    options = GRAMMAR[symbol]
    chosen = r.choices([o for _, o in options], [p for p, _ in options])[0]
    return [w for s in chosen for w in expand(s, r)]


def sentences(n, seed):
    r = random.Random(seed)
    return [["<s>"] + expand("S", r) + ["</s>"] for _ in range(n)]
''',
    )
    files.write(
        "code/lm.py",
        '''"""Perplexity of smoothed n-gram models by training size."""
import math
from collections import Counter

from corpus import sentences


class Ngram:
    def __init__(self, order, k):
        self.order, self.k = order, k
        self.counts, self.contexts, self.vocab = Counter(), Counter(), set()

    def fit(self, data):
        for s in data:
            self.vocab.update(s)
            for i in range(1, len(s)):
                context = tuple(s[max(0, i - self.order + 1):i])
                self.counts[context + (s[i],)] += 1
                self.contexts[context] += 1
        return self

    def perplexity(self, data):
        logp, n = 0.0, 0
        for s in data:
            for i in range(1, len(s)):
                context = tuple(s[max(0, i - self.order + 1):i])
                p = (self.counts[context + (s[i],)] + self.k) / (self.contexts[context] + self.k * (len(self.vocab) + 1))
                logp += math.log(p)
                n += 1
        return math.exp(-logp / n)


test = sentences(300, seed=999)
for size in (50, 500):
    train = sentences(size, seed=1)
    for order in (1, 2, 3):
        print(f"size={size} order={order} perplexity={Ngram(order, 0.1).fit(train).perplexity(test):.3f}")
''',
    )
    files.run("cd code && python lm.py")

    def typed(outputs: list[str], _: object) -> str:
        value = {
            tuple(line.split()[:2]): line.split("perplexity=")[1] for line in outputs[-1].splitlines() if "perplexity=" in line
        }
        rows = "\n".join(
            f"| {name} | {value['size=50', f'order={order}']} | {value['size=500', f'order={order}']} |"
            for order, name in ((1, "Unigram"), (2, "Bigram"), (3, "Trigram"))
        )
        return f"""# Perplexity by order

Synthetic sentences of a probabilistic grammar; 300 test sentences; add-0.1 smoothing.

| Model | 50 sentences | 500 sentences |
|---|---|---|
{rows}
"""

    files.write("results/results.md", typed)
    return files


def score_matching() -> Files:
    """Langevin sampling from a learned score in two dimensions, judged by a kernel distance."""
    files = Files()
    files.write(
        "code/score.py",
        '''"""Denoising score matching with random features on a two-moons density (synthetic)."""
import json
from dataclasses import dataclass

import numpy as np
from sklearn.datasets import make_moons


@dataclass
class Args:
    features: int = 200
    sigma: float = 0.2
    steps: int = 150
    samples: int = 400
    seed: int = 0


def features(x, W, b):
    return np.cos(x @ W + b)


def fit(x, a, rng):
    W, b = rng.normal(0, 1.5, (2, a.features)), rng.uniform(0, 2 * np.pi, a.features)
    noise = rng.normal(size=(len(x) * 4, 2))
    clean = np.repeat(x, 4, axis=0)
    F = features(clean + a.sigma * noise, W, b)
    target = -noise / a.sigma
    theta = np.linalg.solve(F.T @ F + 1.0 * np.eye(a.features), F.T @ target)
    return lambda z: features(z, W, b) @ theta


def langevin(score, a, rng, step):
    z = rng.normal(0, 1, (a.samples, 2))
    for _ in range(a.steps):
        z = z + step * score(z) + np.sqrt(2 * step) * rng.normal(size=z.shape)
    return z


def mmd(x, y, gamma=1.0):
    k = lambda a, b: np.exp(-gamma * ((a[:, None] - b[None]) ** 2).sum(-1)).mean()
    return float(k(x, x) + k(y, y) - 2 * k(x, y))


def main():
    table = {}
    for step in (0.001, 0.01, 0.05):
        values = []
        for seed in range(3):
            a = Args(seed=seed)
            rng = np.random.default_rng(seed)
            x, _ = make_moons(500, noise=0.08, random_state=seed)
            held, _ = make_moons(400, noise=0.08, random_state=50 + seed)
            values.append(mmd(langevin(fit(x, a, rng), a, rng, step), held))
        table[f"step_{step}"] = {"mmd": float(np.mean(values)), "std": float(np.std(values))}
        print(step, table[f"step_{step}"])
    gauss = [mmd(np.random.default_rng(s).normal(0, 1, (400, 2)), make_moons(400, noise=0.08, random_state=50 + s)[0]) for s in range(3)]
    table["gaussian_reference"] = {"mmd": float(np.mean(gauss)), "std": float(np.std(gauss))}
    with open("../results/mmd.json", "w") as f:
        json.dump(table, f, indent=2)


main()
''',
    )
    files.run("cd code && python score.py")
    files.write(
        "results/results.md",
        filled(
            """# Step size in Langevin sampling

Two moons (synthetic), squared MMD to 400 held-out points, three seeds; lower is better.

| Sampler | MMD² |
|---|---|
| Gaussian reference | {r[gaussian_reference][mmd]:.4f} ± {r[gaussian_reference][std]:.4f} |
| Step 0.001 | {r[step_0.001][mmd]:.4f} ± {r[step_0.001][std]:.4f} |
| Step 0.01 | {r[step_0.01][mmd]:.4f} ± {r[step_0.01][std]:.4f} |
| Step 0.05 | {r[step_0.05][mmd]:.4f} ± {r[step_0.05][std]:.4f} |
""",
            "results/mmd.json",
        ),
    )
    return files


PROGRAMS = (
    coverage_study,
    bandit_regret,
    private_means,
    simulated_users,
    federated_toy,
    grid_world,
    timed_search,
    ngram_models,
    score_matching,
)
