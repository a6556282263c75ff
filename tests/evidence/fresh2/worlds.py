"""Honest: agents in simulated worlds."""

from ..lab import Files
from .reports import filled


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


PROGRAMS = (bandit_regret, federated_toy, grid_world)
