"""Honest: times, counts and samples."""

from ..lab import Files
from .reports import filled


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


PROGRAMS = (timed_search, ngram_models, score_matching)
