"""Honest: optimisers, bandits, searches of graphs and of formulas."""

from pathlib import Path

from ..fresh2.reports import filled
from ..lab import Files


def descent_benchmark() -> Files:
    """Optimisers on test functions; JSON and a filled report."""
    files = Files()
    files.write(
        "code/functions.py",
        '''"""Test functions with gradients."""
import numpy as np


def rosenbrock(x):
    return float(np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2))


def rosenbrock_grad(x):
    g = np.zeros_like(x)
    d = x[1:] - x[:-1] ** 2
    g[:-1] += -400 * x[:-1] * d - 2 * (1 - x[:-1])
    g[1:] += 200 * d
    return g


SCALES = np.logspace(0, 3, 5)


def ellipsoid(x):
    return float(0.5 * np.sum(SCALES * x**2))


def ellipsoid_grad(x):
    return SCALES * x


PROBLEMS = {"rosenbrock": (rosenbrock, rosenbrock_grad), "ellipsoid": (ellipsoid, ellipsoid_grad)}
''',
    )
    files.write(
        "code/optimise.py",
        '''"""Final objective after 2,000 gradient steps from ten random starts."""
import json

import numpy as np

from functions import PROBLEMS

STEPS = 2000


def gd(x, grad, lr=5e-4):
    for _ in range(STEPS):
        x = x - lr * grad(x)
    return x


def heavy_ball(x, grad, lr=5e-4, beta=0.9):
    v = np.zeros_like(x)
    for _ in range(STEPS):
        v = beta * v - lr * grad(x)
        x = x + v
    return x


def adam(x, grad, lr=0.02, b1=0.9, b2=0.999):
    m, s = np.zeros_like(x), np.zeros_like(x)
    for t in range(1, STEPS + 1):
        g = grad(x)
        m, s = b1 * m + (1 - b1) * g, b2 * s + (1 - b2) * g * g
        x = x - lr * (m / (1 - b1**t)) / (np.sqrt(s / (1 - b2**t)) + 1e-8)
    return x


out = {}
for problem, (f, grad) in PROBLEMS.items():
    for method in (gd, heavy_ball, adam):
        finals = []
        for seed in range(10):
            x0 = np.random.default_rng(seed).uniform(-1.2, 1.2, 5)
            finals.append(f(method(x0, grad)))
        key = f"{problem}_{method.__name__}"
        out[key] = {"median": float(np.median(finals)), "worst": float(np.max(finals))}
        print(f"{key:24s} median {out[key]['median']:.3e} worst {out[key]['worst']:.3e}")
json.dump(out, open("results/optimise.json", "w"), indent=2)
''',
    )
    files.run("python code/optimise.py")
    files.write(
        "results/results.md",
        filled(
            """# First-order methods on two five-dimensional functions

Objective after 2,000 steps, ten random starts; fixed step sizes, not tuned per problem.

| Problem | Method | Median | Worst |
|---|---|---|---|
| Rosenbrock | GD | {r[rosenbrock_gd][median]:.3e} | {r[rosenbrock_gd][worst]:.3e} |
| Rosenbrock | Heavy ball | {r[rosenbrock_heavy_ball][median]:.3e} | {r[rosenbrock_heavy_ball][worst]:.3e} |
| Rosenbrock | Adam | {r[rosenbrock_adam][median]:.3e} | {r[rosenbrock_adam][worst]:.3e} |
| Ellipsoid | GD | {r[ellipsoid_gd][median]:.3e} | {r[ellipsoid_gd][worst]:.3e} |
| Ellipsoid | Heavy ball | {r[ellipsoid_heavy_ball][median]:.3e} | {r[ellipsoid_heavy_ball][worst]:.3e} |
| Ellipsoid | Adam | {r[ellipsoid_adam][median]:.3e} | {r[ellipsoid_adam][worst]:.3e} |
""",
            "results/optimise.json",
        ),
    )
    return files


def bandit_regret() -> Files:
    """Bandit policies on arms with typed means; the report is made by the program, with mean and SD over seeds."""
    files = Files()
    files.write(
        "code/bandits.py",
        '''"""Regret of three policies on Bernoulli bandits. Writes results/results.md itself."""
import math
import random
import statistics

ARMS = {"easy": [0.2, 0.4, 0.8], "hard": [0.50, 0.52, 0.55, 0.58]}
HORIZON, SEEDS = 2000, 12


def greedy(counts, wins, t, rng, eps=0.1):
    if rng.random() < eps or t < len(counts):
        return rng.randrange(len(counts))
    return max(range(len(counts)), key=lambda a: wins[a] / max(1, counts[a]))


def ucb(counts, wins, t, rng):
    for a, n in enumerate(counts):
        if n == 0:
            return a
    return max(range(len(counts)), key=lambda a: wins[a] / counts[a] + math.sqrt(2 * math.log(t + 1) / counts[a]))


def thompson(counts, wins, t, rng):
    return max(range(len(counts)), key=lambda a: rng.betavariate(1 + wins[a], 1 + counts[a] - wins[a]))


def play(policy, arms, seed):
    rng = random.Random(seed)
    counts, wins, regret = [0] * len(arms), [0] * len(arms), 0.0
    for t in range(HORIZON):
        a = policy(counts, wins, t, rng)
        counts[a] += 1
        wins[a] += rng.random() < arms[a]
        regret += max(arms) - arms[a]
    return regret


lines = ["# Regret of simple bandit policies", "",
         f"Simulated Bernoulli arms, horizon {HORIZON}, {SEEDS} seeds; mean ± standard deviation of the cumulative regret.", "",
         "| Policy | Easy | Hard |", "|---|---|---|"]
for name, policy in (("Epsilon-greedy (0.1)", greedy), ("UCB1", ucb), ("Thompson sampling", thompson)):
    cells = []
    for arms in ARMS.values():
        runs = [play(policy, arms, seed) for seed in range(SEEDS)]
        cells.append(f"{statistics.mean(runs):.1f} ± {statistics.stdev(runs):.1f}")
    lines.append(f"| {name} | {cells[0]} | {cells[1]} |")
    print(name, cells)
with open("results/results.md", "w") as f:
    f.write("\\n".join(lines) + "\\n")
''',
    )
    files.run("python code/bandits.py")
    return files


def grid_paths() -> Files:
    """Expansions of path searches on random grids; the coder copies the printed table."""
    files = Files()
    files.write(
        "code/paths.py",
        '''"""Dijkstra, A* and bidirectional search on random grids with obstacles."""
import heapq
import random

N = 60


def grid(seed, density):
    rng = random.Random(seed)
    cells = {(i, j) for i in range(N) for j in range(N) if rng.random() > density}
    return cells | {(0, 0), (N - 1, N - 1)}


def neighbours(cells, p):
    for d in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        q = (p[0] + d[0], p[1] + d[1])
        if q in cells:
            yield q


def search(cells, h):
    start, goal = (0, 0), (N - 1, N - 1)
    queue, best, done = [(h(start), 0, start)], {start: 0}, set()
    while queue:
        _, g, p = heapq.heappop(queue)
        if p in done:
            continue
        done.add(p)
        if p == goal:
            return g, len(done)
        for q in neighbours(cells, p):
            if g + 1 < best.get(q, 10**9):
                best[q] = g + 1
                heapq.heappush(queue, (g + 1 + h(q), g + 1, q))
    return None, len(done)


HEURISTICS = {
    "dijkstra": lambda p: 0,
    "astar": lambda p: 2 * (N - 1) - p[0] - p[1],
    "weighted_astar": lambda p: 1.5 * (2 * (N - 1) - p[0] - p[1]),
}
for density in (0.1, 0.3):
    for name, h in HEURISTICS.items():
        lengths, expanded = [], []
        for seed in range(15):
            length, n = search(grid(seed, density), h)
            if length is not None:
                lengths.append(length)
                expanded.append(n)
        print(f"{density} {name} solved={len(lengths)} length={sum(lengths) / len(lengths):.2f} expanded={sum(expanded) / len(expanded):.1f}")
''',
    )
    files.run("python code/paths.py | tee results/log.txt")

    def typed(outputs: list[str], _: Path) -> str:
        rows = []
        for line in outputs[-1].splitlines():
            density, name, *rest = line.split()
            values = [part.split("=")[1] for part in rest]
            rows.append(f"| {density} | {name.replace('_', ' ')} | {' | '.join(values)} |")
        return (
            "# Node expansions of grid searches\n\nRandom 60 x 60 grids, 15 per density; unsolvable grids are left out.\n\n"
            "| Density | Search | Solved | Path length | Expanded nodes |\n|---|---|---|---|---|\n" + "\n".join(rows) + "\n"
        )

    files.write("results/results.md", typed)
    return files


def formula_search() -> Files:
    """A small genetic program looks for formulas; some targets are not found, and the report says so."""
    files = Files()
    files.write(
        "code/symreg.py",
        '''"""Symbolic regression by tournament evolution of expression trees."""
import json
import math
import random

OPS = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b}
TARGETS = {"quadratic": lambda x: x * x + x, "cubic": lambda x: x**3 - x, "sine": math.sin}
XS = [i / 10 - 2 for i in range(41)]


def random_tree(rng, depth):
    if depth == 0 or rng.random() < 0.25:
        return "x" if rng.random() < 0.7 else round(rng.uniform(-2, 2), 2)
    return (rng.choice(list(OPS)), random_tree(rng, depth - 1), random_tree(rng, depth - 1))


def value(t, x):
    if t == "x":
        return x
    return OPS[t[0]](value(t[1], x), value(t[2], x)) if isinstance(t, tuple) else t


def size(t):
    return 1 + size(t[1]) + size(t[2]) if isinstance(t, tuple) else 1


def mutate(t, rng):
    if not isinstance(t, tuple) or rng.random() < 0.3:
        return random_tree(rng, 2)
    if rng.random() < 0.5:
        return (t[0], mutate(t[1], rng), t[2])
    return (t[0], t[1], mutate(t[2], rng))


def rmse(t, f):
    return math.sqrt(sum((value(t, x) - f(x)) ** 2 for x in XS) / len(XS))


out = {}
for name, f in TARGETS.items():
    finals, sizes = [], []
    for seed in range(4):
        rng = random.Random(seed)
        pop = [random_tree(rng, 3) for _ in range(60)]
        for _ in range(25):
            scored = sorted(pop, key=lambda t: rmse(t, f) + 0.005 * size(t))[:20]
            pop = scored + [m for m in (mutate(rng.choice(scored), rng) for _ in range(40)) if size(m) < 40]
        best = min(pop, key=lambda t: rmse(t, f))
        finals.append(rmse(best, f))
        sizes.append(size(best))
        print(name, seed, f"rmse={finals[-1]:.4f}", best)
    out[name] = {"mean": sum(finals) / 4, "best": min(finals), "found": sum(r < 1e-6 for r in finals), "size": sum(sizes) / 4}
json.dump(out, open("results/symreg.json", "w"), indent=2)
''',
    )
    files.run("python code/symreg.py > results/log.txt; tail -3 results/log.txt")
    files.write(
        "results/results.md",
        filled(
            """# How often does a tiny genetic program find the formula?

Population 60, 25 generations, four seeds per target, 41 points of [-2, 2]. "Found" counts an RMSE below 1e-6.

| Target | Mean RMSE | Best RMSE | Found (of 4) | Mean size |
|---|---|---|---|---|
| x^2 + x | {r[quadratic][mean]:.4f} | {r[quadratic][best]:.4f} | {r[quadratic][found]} | {r[quadratic][size]:.2f} |
| x^3 - x | {r[cubic][mean]:.4f} | {r[cubic][best]:.4f} | {r[cubic][found]} | {r[cubic][size]:.2f} |
| sin x | {r[sine][mean]:.4f} | {r[sine][best]:.4f} | {r[sine][found]} | {r[sine][size]:.2f} |

The operators have no division or sine, so that sin x can only be approximated.
""",
            "results/symreg.json",
        ),
    )
    return files


PROGRAMS = (descent_benchmark, bandit_regret, grid_paths, formula_search)
