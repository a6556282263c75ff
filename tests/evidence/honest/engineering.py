"""Honest studies of many engineering styles: notebooks, configs, registries, processes, checkpoints, Makefiles, databases."""

import json
from pathlib import Path

from ..lab import Files, Outputs, Study

CELLS = (
    """
import numpy as np
rng = np.random.default_rng(3)
X = rng.normal(size=(240, 6)); w = np.array([1.2, -0.6, 0.0, 0.3, 0.0, 0.9])
y = (X @ w + rng.normal(0, 0.8, 240) > 0).astype(int)
train, test = slice(0, 160), slice(160, 240)
""",
    """
def logistic(X, y, l2=0.0, steps=300, lr=0.3):
    w = np.zeros(X.shape[1])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-X @ w))
        w -= lr * (X.T @ (p - y) / len(y) + l2 * w)
    return w
scores = {}
for name, l2 in [("no penalty", 0.0), ("weak penalty", 0.015), ("strong penalty", 0.45)]:
    w_hat = logistic(X[train], y[train], l2)
    p = 1 / (1 + np.exp(-X[test] @ w_hat))
    scores[name] = {"accuracy": float(((p > 0.5) == y[test]).mean()),
                    "log loss": float(-np.mean(np.log(np.where(y[test] == 1, p, 1 - p))))}
scores
""",
    """
import pandas as pd
frame = pd.DataFrame(scores).T
frame.to_csv("results/scores.csv")
print(frame.round(4).to_string())
with open("results/results.md", "w") as f:
    f.write("# Penalties\\n\\n| setting | accuracy | log loss |\\n|---|---|---|\\n")
    for name, row in frame.iterrows():
        f.write(f"| {name} | {row['accuracy']:.4f} | {row['log loss']:.4f} |\\n")
""",
)


def notebook() -> Study:
    cells = [{"cell_type": "code", "source": c.strip(), "outputs": [], "metadata": {}, "execution_count": None} for c in CELLS]
    runner = (
        "import json, sys\nspace = {}\nfor cell in json.load(open(sys.argv[1]))['cells']:\n"
        "    if cell['cell_type'] == 'code':\n        exec(compile(cell['source'], 'cell', 'exec'), space)\n"
    )
    book = json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}, indent=1)
    files = Files().write("code/study.ipynb", book).write("code/nbrun.py", runner)
    return Study("notebook", tuple(files.run("python code/nbrun.py code/study.ipynb | tee results/log.txt").steps))


YAML = """model:
  kind: ridge
  alpha: 0.25
data:
  n: 300
  noise: 0.35
seeds: [1, 2, 3]
"""
HYDRA = """
import sys, yaml, json, os
import numpy as np

def override(cfg, text):
    path, _, value = text.partition("=")
    node = cfg
    *parents, last = path.split(".")
    for p in parents:
        node = node[p]
    node[last] = yaml.safe_load(value)

def solve(cfg, seed):
    rng = np.random.default_rng(seed)
    n = cfg["data"]["n"]
    X = rng.normal(size=(n, 10)); beta = rng.normal(size=10)
    y = X @ beta + cfg["data"]["noise"] * rng.normal(size=n)
    k = n // 2
    kind, alpha = cfg["model"]["kind"], cfg["model"]["alpha"]
    if kind == "ridge":
        b = np.linalg.solve(X[:k].T @ X[:k] + alpha * k * np.eye(10), X[:k].T @ y[:k])
    elif kind == "ols":
        b = np.linalg.lstsq(X[:k], y[:k], rcond=None)[0]
    else:
        b = np.zeros(10)
    e = y[k:] - X[k:] @ b
    return {"rmse": float(np.sqrt(np.mean(e ** 2))), "r2": float(1 - np.sum(e ** 2) / np.sum((y[k:] - y[k:].mean()) ** 2))}

cfg = yaml.safe_load(open("code/conf/base.yaml"))
for text in sys.argv[2:]:
    override(cfg, text)
rows = [solve(cfg, s) for s in cfg["seeds"]]
out = {k: {"mean": float(np.mean([r[k] for r in rows])), "std": float(np.std([r[k] for r in rows]))} for k in rows[0]}
os.makedirs("results/runs", exist_ok=True)
json.dump({"config": cfg, "metrics": out}, open(f"results/runs/{sys.argv[1]}.json", "w"), indent=1)
print(sys.argv[1], out)
"""
HYDRA_REPORT = """
import json, glob, os
rows = []
for path in sorted(glob.glob("results/runs/*.json")):
    m = json.load(open(path))["metrics"]
    rows.append((os.path.basename(path)[:-5], m))
with open("results/results.md", "w") as f:
    f.write("# Sweep\\n\\n| run | rmse | r2 |\\n|---|---|---|\\n")
    for name, m in rows:
        f.write(f"| {name} | {m['rmse']['mean']:.4f} ± {m['rmse']['std']:.4f} | {m['r2']['mean']:.4f} ± {m['r2']['std']:.4f} |\\n")
"""


def hydra_like() -> Study:
    files = Files().write("code/conf/base.yaml", YAML).write("code/sweep.py", HYDRA).write("code/table.py", HYDRA_REPORT)
    files.run("python code/sweep.py ridge_default | tee -a results/log.txt")
    files.run("python code/sweep.py ridge_strong model.alpha=1.75 | tee -a results/log.txt")
    files.run("python code/sweep.py ols model.kind=ols data.noise=0.35 | tee -a results/log.txt && python code/table.py")
    return Study("hydra_like", tuple(files.steps))


REGISTRY = """
import json, math, random
REGISTRY = {}
def register(name, **defaults):
    def deco(cls):
        REGISTRY[name] = (cls, defaults)
        return cls
    return deco

class Optimizer:
    def __init__(self, lr=0.01, **kw): self.lr = lr; self.kw = kw; self.state = {}
    def update(self, x, g): raise NotImplementedError

@register("sgd", lr=0.0015)
class SGD(Optimizer):
    def update(self, x, g): return [a - self.lr * b for a, b in zip(x, g)]

@register("momentum", lr=0.0012, beta=0.85)
class Momentum(Optimizer):
    def update(self, x, g):
        v = self.state.get("v", [0.0] * len(x))
        v = [self.kw["beta"] * a + b for a, b in zip(v, g)]
        self.state["v"] = v
        return [a - self.lr * b for a, b in zip(x, v)]

@register("adam", lr=0.035, b1=0.9, b2=0.98)
class Adam(Optimizer):
    def update(self, x, g):
        t = self.state["t"] = self.state.get("t", 0) + 1
        m = self.state.get("m", [0.0] * len(x)); v = self.state.get("v", [0.0] * len(x))
        b1, b2 = self.kw["b1"], self.kw["b2"]
        m = [b1 * a + (1 - b1) * b for a, b in zip(m, g)]; v = [b2 * a + (1 - b2) * b * b for a, b in zip(v, g)]
        self.state.update(m=m, v=v)
        return [a - self.lr * (mi / (1 - b1 ** t)) / (math.sqrt(vi / (1 - b2 ** t)) + 1e-8) for a, mi, vi in zip(x, m, v)]

def rosenbrock(x): return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
def gradient(x): return [-2 * (1 - x[0]) - 400 * x[0] * (x[1] - x[0] ** 2), 200 * (x[1] - x[0] ** 2)]

results = {}
for name, (cls, defaults) in REGISTRY.items():
    finals, steps = [], []
    for seed in range(5):
        rng = random.Random(seed)
        x = [rng.uniform(-1.5, 1.5), rng.uniform(-0.5, 1.5)]
        opt = cls(**defaults); hit = 1500
        for t in range(1500):
            x = opt.update(x, gradient(x))
            if rosenbrock(x) < 0.05 and hit == 1500:
                hit = t
        finals.append(rosenbrock(x)); steps.append(hit)
    results[name] = {"final value": sum(finals) / 5, "worst": max(finals), "steps to 0.05": sum(steps) / 5}
    print(name, results[name])
json.dump(results, open("results/registry.json", "w"), indent=1)
cols = list(results["sgd"])
open("results/results.md", "w").write("# Optimisers\\n\\n| optimiser | " + " | ".join(cols) + " |\\n" + "|---" * 4 + "|\\n" + "\\n".join(
    "| " + n + " | " + " | ".join(f"{r[c]:.4f}" for c in cols) + " |" for n, r in results.items()))
"""
PROCESSES = """
import json, math, os, random, time
from multiprocessing import Pool

def ising(args):
    temperature, seed = args
    rng = random.Random(f"{temperature}{seed}")
    n = 10
    grid = [[rng.choice((-1, 1)) for _ in range(n)] for _ in range(n)]
    energy = magnet = count = 0.0
    for sweep in range(60):
        for _ in range(n * n):
            i, j = rng.randrange(n), rng.randrange(n)
            near = grid[(i + 1) % n][j] + grid[i - 1][j] + grid[i][(j + 1) % n] + grid[i][j - 1]
            delta = 2 * grid[i][j] * near
            if delta <= 0 or rng.random() < math.exp(-delta / temperature):
                grid[i][j] *= -1
        if sweep >= 30:
            magnet += abs(sum(map(sum, grid))) / n ** 2
            energy -= sum(grid[i][j] * (grid[i - 1][j] + grid[i][j - 1]) for i in range(n) for j in range(n)) / n ** 2
            count += 1
    return temperature, magnet / count, energy / count

if __name__ == "__main__":
    started = time.time()
    jobs = [(t, s) for t in (1.5, 2.27, 3.5) for s in range(3)]
    with Pool(2) as pool:
        rows = pool.map(ising, jobs)
    table = {}
    for t, m, e in rows:
        table.setdefault(f"T = {t}", []).append((m, e))
    out = {k: {"magnetisation": sum(a for a, _ in v) / len(v), "energy": sum(b for _, b in v) / len(v)} for k, v in table.items()}
    json.dump(out, open("results/ising.json", "w"))
    with open("results/log.txt", "w") as log:
        for row in rows:
            print("T=%.2f m=%.4f e=%.4f" % row, file=log)
        print(f"took {time.time() - started:.2f} s with {os.cpu_count()} cores", file=log)
    with open("results/results.md", "w") as f:
        f.write("# Ising\\n\\n| | magnetisation | energy |\\n|---|---|---|\\n")
        for k, r in out.items():
            f.write(f"| {k} | {r['magnetisation']:.4f} | {r['energy']:.4f} |\\n")
"""
CHECKPOINT = """
import json, os, sys
import numpy as np
STATE = "results/state.npz"
LIMIT = int(sys.argv[1])
rng = np.random.default_rng(8)
X = rng.normal(size=(400, 5)); t = np.sin(X[:, 0]) + 0.5 * X[:, 1] * X[:, 2] + 0.15 * rng.normal(size=400)
if os.path.exists(STATE):
    saved = np.load(STATE); W1, W2, epoch, curve = saved["W1"], saved["W2"], int(saved["epoch"]), list(saved["curve"])
    print("resumed at epoch", epoch)
else:
    init = np.random.default_rng(1)
    W1, W2, epoch, curve = init.normal(0, 0.6, (5, 16)), init.normal(0, 0.3, 16), 0, []
while epoch < LIMIT:
    h = np.tanh(X[:300] @ W1); e = h @ W2 - t[:300]
    g2 = h.T @ e / 300; g1 = X[:300].T @ (np.outer(e, W2) * (1 - h ** 2)) / 300
    W1, W2 = W1 - 0.25 * g1, W2 - 0.25 * g2
    epoch += 1
    if epoch % 20 == 0:
        v = np.tanh(X[300:] @ W1) @ W2 - t[300:]
        curve.append([epoch, float(np.mean(e ** 2)), float(np.mean(v ** 2))])
        print(f"epoch {epoch} train mse {curve[-1][1]:.5f} validation mse {curve[-1][2]:.5f}")
np.savez(STATE, W1=W1, W2=W2, epoch=epoch, curve=curve)
if epoch >= 200:
    best = min(curve, key=lambda c: c[2])
    json.dump({"final": {"train_mse": curve[-1][1], "validation_mse": curve[-1][2]},
               "best": {"train_mse": best[1], "validation_mse": best[2]}}, open("results/summary.json", "w"))
    with open("results/results.md", "w") as f:
        f.write("# Resumed training\\n\\n| point | train mse | validation mse |\\n|---|---|---|\\n")
        for name, c in (("first", curve[0]), ("best", best), ("final", curve[-1])):
            f.write("| %s | %.5f | %.5f |\\n" % (name, c[1], c[2]))
"""
MAKEFILE = "all: results/results.md\n\nresults/%.json: code/sort.py\n\tpython code/sort.py $* > $@\n\nresults/results.md: results/quick.json results/merge.json results/heap.json code/join.py\n\tpython code/join.py results/quick.json results/merge.json results/heap.json > $@\n"
SORTING = """
import heapq, json, random, sys
count = 0
class Item:
    def __init__(self, v): self.v = v
    def __lt__(self, other):
        global count
        count += 1
        return self.v < other.v
def quick(a):
    if len(a) < 2: return a
    p, rest = a[0], a[1:]
    low = [x for x in rest if x < p]; high = [x for x in rest if not x < p]
    return quick(low) + [p] + quick(high)
def merge(a):
    if len(a) < 2: return a
    m = len(a) // 2; x, y = merge(a[:m]), merge(a[m:]); out = []
    while x and y: out.append(x.pop(0) if x[0] < y[0] else y.pop(0))
    return out + x + y
def heap(a):
    a = list(a); heapq.heapify(a)
    return [heapq.heappop(a) for _ in range(len(a))]
rng = random.Random(5); out = {}
for kind in ("random", "nearly sorted"):
    per = []
    for _ in range(7):
        v = [rng.random() for _ in range(150)]
        if kind != "random":
            v.sort(); i, j = rng.randrange(150), rng.randrange(150); v[i], v[j] = v[j], v[i]
        count = 0
        result = globals()[sys.argv[1]]([Item(x) for x in v])
        assert [r.v for r in result] == sorted(v)
        per.append(count / 150)
    out[kind] = sum(per) / len(per)
print(json.dumps(out))
"""
JOIN = """
import json, os, sys
print("# Comparisons per element\\n\\n| algorithm | random | nearly sorted |\\n|---|---|---|")
for path in sys.argv[1:]:
    d = json.load(open(path))
    print(f"| {os.path.basename(path)[:-5]} | {d['random']:.3f} | {d['nearly sorted']:.3f} |")
"""
ENVIRONMENT = """
import os, random
p, n, method = float(os.environ["EDGE_P"]), int(os.environ.get("NODES", "60")), os.environ["METHOD"]
sizes, steps = [], []
for seed in range(6):
    rng = random.Random(seed)
    near = {i: set() for i in range(n)}
    for i in range(n):
        for j in range(i):
            if rng.random() < p: near[i].add(j); near[j].add(i)
    seen, frontier, taken, visits = {0}, [0], 0, 0
    while frontier:
        node = frontier.pop(0 if method == "bfs" else -1); taken = max(taken, len(frontier)); visits += len(near[node])
        for other in near[node] - seen: seen.add(other); frontier.append(other)
    sizes.append(len(seen) / n); steps.append(taken)
print(f"{method},{p},{sum(sizes)/6:.5f},{sum(steps)/6:.5f}")
"""
BASH = """#!/bin/bash
echo "method,p,reached,peak_frontier" > results/graph.csv
for p in 0.02 0.035 0.08; do
  for m in bfs dfs; do
    METHOD=$m EDGE_P=$p python code/search.py | tee -a results/log.txt >> results/graph.csv
  done
done
awk -F, 'BEGIN {print "# Search\\n\\n| method | p | reached | peak frontier |\\n|---|---|---|---|"} NR>1 {printf "| %s | %s | %.4f | %.3f |\\n", $1, $2, $3, $4}' results/graph.csv > results/results.md
"""
TRAINERS = """
import json, random
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

@dataclass
class TrainingConfig:
    learning_rate: float = 0.25
    epochs: int = 30
    patience: int = 4
    seed: int = 11

@dataclass
class Metrics:
    loss: list = field(default_factory=list)
    val_error: list = field(default_factory=list)
    def best(self): return min(self.val_error)

class BaseTrainer(ABC):
    def __init__(self, config):
        self.config, self.metrics, self.rng = config, Metrics(), random.Random(config.seed)
        self.w = [0.0] * 7
    @abstractmethod
    def gradient(self, x, y): ...
    def predict(self, x): return 1 if sum(a * b for a, b in zip(self.w, x)) > 0 else -1
    def fit(self, train, val):
        best, wait = 1.0, 0
        for epoch in range(self.config.epochs):
            self.rng.shuffle(train); total = 0.0
            for x, y in train:
                loss, g = self.gradient(x, y); total += loss
                self.w = [w - self.config.learning_rate / (1 + epoch) * d for w, d in zip(self.w, g)]
            self.metrics.loss.append(total / len(train))
            self.metrics.val_error.append(sum(self.predict(x) != y for x, y in val) / len(val))
            print(f"{type(self).__name__} epoch {epoch:02d} loss {self.metrics.loss[-1]:.4f} val {self.metrics.val_error[-1]:.4f}")
            if self.metrics.val_error[-1] < best - 1e-9: best, wait = self.metrics.val_error[-1], 0
            else:
                wait += 1
                if wait >= self.config.patience: break
        return self

class PerceptronTrainer(BaseTrainer):
    def gradient(self, x, y):
        m = y * sum(a * b for a, b in zip(self.w, x))
        return (max(0.0, -m), [-y * v for v in x] if m <= 0 else [0.0] * len(x))

class HingeTrainer(BaseTrainer):
    def gradient(self, x, y):
        m = y * sum(a * b for a, b in zip(self.w, x))
        return (max(0.0, 1 - m), [(-y * v if m < 1 else 0.0) + 0.015 * w for v, w in zip(x, self.w)])

class SquaredTrainer(BaseTrainer):
    def gradient(self, x, y):
        e = sum(a * b for a, b in zip(self.w, x)) - y
        return (e * e, [0.12 * e * v for v in x])

def data(n, rng):
    rows = []
    for _ in range(n):
        x = [rng.gauss(0, 1) for _ in range(6)]
        y = 1 if 0.9 * x[0] - 1.1 * x[1] + 0.4 * x[2] + rng.gauss(0, 0.6) > 0 else -1
        rows.append((x + [1.0], y))
    return rows

rng = random.Random(2)
train, val, test = data(200, rng), data(83, rng), data(197, rng)
results = {}
for cls in (PerceptronTrainer, HingeTrainer, SquaredTrainer):
    trainer = cls(TrainingConfig()).fit(list(train), val)
    results[cls.__name__] = {"test_error": sum(trainer.predict(x) != y for x, y in test) / len(test),
        "best_val_error": trainer.metrics.best(), "last_loss": trainer.metrics.loss[-1], "epochs": len(trainer.metrics.loss)}
json.dump(results, open("results/trainers.json", "w"), indent=2)
with open("results/results.md", "w") as f:
    print("# Losses\\n", file=f)
    print("| trainer | test error | best val error | last loss | epochs |", "|---|---|---|---|---|", sep="\\n", file=f)
    for k, r in results.items():
        print(f"| {k} | {r['test_error']:.4f} | {r['best_val_error']:.4f} | {r['last_loss']:.4f} | {r['epochs']} |", file=f)
"""
TESTCASES = """
import json, random, unittest
RESULTS = {}
def lcs(a, b):
    row = [0] * (len(b) + 1)
    for x in a:
        last = 0
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], last + 1 if x == y else max(row[j], row[j - 1])
    return row[-1]
def mutate(text, rate, rng):
    return "".join(rng.choice("acgt") if rng.random() < rate else c for c in text)
class SimilarityExperiment(unittest.TestCase):
    def setUp(self): self.rng = random.Random(12)
    def measure(self, rate):
        scores = []
        for _ in range(15):
            a = "".join(self.rng.choice("acgt") for _ in range(80)); b = mutate(a, rate, self.rng)
            scores.append((lcs(a, b) / 80, sum(x == y for x, y in zip(a, b)) / 80))
        RESULTS[f"rate {rate}"] = {"lcs": sum(s for s, _ in scores) / 15, "identity": sum(s for _, s in scores) / 15}
        self.assertGreaterEqual(RESULTS[f"rate {rate}"]["lcs"], RESULTS[f"rate {rate}"]["identity"])
    def test_low(self): self.measure(0.05)
    def test_middle(self): self.measure(0.25)
    def test_high(self): self.measure(0.65)
def tearDownModule():
    json.dump(RESULTS, open("results/similarity.json", "w"))
    lines = ["| mutation | lcs | identity |", "|---|---|---|"] + [f"| {k} | {v['lcs']:.4f} | {v['identity']:.4f} |" for k, v in RESULTS.items()]
    open("results/results.md", "w").write("# Similarity\\n\\n" + "\\n".join(lines) + "\\n")
if __name__ == "__main__":
    unittest.main()
"""
ASYNC = """
import asyncio, json, random, heapq
async def client(name, rng, queue, rate, horizon):
    clock = 0.0
    while clock < horizon:
        clock += rng.expovariate(rate)
        await queue.put((clock, name))
async def server(queue, done, service, rng, policy):
    free, waits = 0.0, []
    jobs = []
    while not done.is_set() or not queue.empty():
        try: jobs.append(queue.get_nowait())
        except asyncio.QueueEmpty: await asyncio.sleep(0)
    jobs.sort(key=lambda j: (j[0], j[1]) if policy == "fifo" else (int(j[0] / 5), j[1], j[0]))
    for arrival, _ in jobs:
        start = max(free, arrival); waits.append(start - arrival); free = start + rng.expovariate(service)
    return waits
async def experiment(policy, seed):
    rng = random.Random(seed); queue, done = asyncio.Queue(), asyncio.Event()
    work = asyncio.create_task(server(queue, done, 1.25, rng, policy))
    await asyncio.gather(*(client(f"c{i}", rng, queue, 0.33, 120) for i in range(3)))
    done.set()
    return await work
async def main():
    results = {}
    for policy in ("fifo", "batched"):
        found = await asyncio.gather(*(experiment(policy, s) for s in range(4)))
        waits = sorted(w for one in found for w in one)
        results[policy] = {"mean wait": sum(waits) / len(waits), "p95 wait": waits[int(0.95 * len(waits))], "jobs": len(waits)}
    json.dump(results, open("results/waits.json", "w"))
    text = "# Waiting\\n\\n| policy | mean wait | p95 wait | jobs |\\n|---|---|---|---|\\n"
    text += "".join(f"| {k} | {v['mean wait']:.4f} | {v['p95 wait']:.4f} | {v['jobs']} |\\n" for k, v in results.items())
    open("results/results.md", "w").write(text)
asyncio.run(main())
"""


def one(name: str, text: str, command: str = "python code/run.py | tee results/log.txt") -> Study:
    return Study(name, tuple(Files().write("code/run.py", text).run(command).steps))


def checkpoint() -> Study:
    files = Files().write("code/resume.py", CHECKPOINT)
    return Study(
        "checkpoint",
        tuple(files.run("python code/resume.py 80 >> results/log.txt").run("python code/resume.py 240 >> results/log.txt").steps),
    )


def makefile() -> Study:
    files = Files().write("Makefile", MAKEFILE).write("code/sort.py", SORTING).write("code/join.py", JOIN)
    return Study("makefile", tuple(files.run("make 2>&1 | tee results/log.txt").steps))


def bash_loops() -> Study:
    files = Files().write("code/search.py", ENVIRONMENT).write("run_all.sh", BASH)
    return Study("bash_loops", tuple(files.run("chmod +x run_all.sh && ./run_all.sh").steps))


def heredoc_inline() -> Study:
    """Everything in `python - <<EOF`, the report in another one."""
    first = """mkdir -p results && python - <<'EOF' | tee results/log.txt
import json, random
rng = random.Random(21)
def collatz(n):
    steps = 0
    while n != 1: n = n // 2 if n % 2 == 0 else 3 * n + 1; steps += 1
    return steps
out = {}
for name, low, high in (("small", 2, 400), ("middle", 400, 9000), ("large", 9000, 900000)):
    found = [collatz(rng.randrange(low, high)) for _ in range(130)]
    out[name] = {"mean steps": sum(found) / 130, "longest": max(found)}
    print(name, out[name])
json.dump(out, open("results/collatz.json", "w"))
EOF"""
    second = """python - <<'EOF' > results/results.md
import json
d = json.load(open("results/collatz.json"))
print("# Collatz\\n\\n| range | mean steps | longest |\\n|---|---|---|")
for k, v in d.items(): print(f"| {k} | {v['mean steps']:.4f} | {v['longest']} |")
EOF"""
    return Study("heredoc_inline", tuple(Files().run(first).run(second).steps))


def mended() -> Study:
    """A first run that fails by a fault, mended by the editor, and a second one that measures."""
    good = PROCESSES.replace("ising", "spins")
    bad = good.replace("rng.randrange(n), rng.randrange(n)", "rng.randrange(n), rng.randrange(m)")
    files = Files().write("code/run.py", bad).run("python code/run.py", may_fail=True)
    return Study("mended", tuple(files.write("code/run.py", good).run("python code/run.py").steps))


def edited_config() -> Study:
    """The same program under settings that `sed` changes; the coder types the report from what was printed."""
    program = """
import json, random, sys
cfg = json.load(open("code/settings.json"))
rng = random.Random(cfg["seed"])
def walk(n, drift):
    x = top = 0.0
    for _ in range(n): x += rng.gauss(drift, cfg["sd"]); top = max(top, x)
    return x, top
ends = [walk(cfg["steps"], cfg["drift"]) for _ in range(120)]
mean = sum(e for e, _ in ends) / 120
print(json.dumps({"drift": cfg["drift"], "mean_end": mean, "sd_end": (sum((e - mean) ** 2 for e, _ in ends) / 119) ** 0.5,
                  "mean_top": sum(t for _, t in ends) / 120}))
"""

    def typed(outputs: Outputs, workspace: Path) -> str:
        rows = [json.loads(text.strip().splitlines()[-1]) for text in outputs]
        lines = [f"| {r['drift']} | {r['mean_end']:.3f} | {r['sd_end']:.3f} | {r['mean_top']:.3f} |" for r in rows]
        gain = rows[1]["mean_end"] - rows[0]["mean_end"]
        head = "# Drifting walks\n\n| drift | mean end | sd end | mean top |\n|---|---|---|---|\n"
        return head + "\n".join(lines) + f"\n\nThe larger drift moves the mean end by {gain:.2f}.\n"

    files = Files().write("code/settings.json", json.dumps({"seed": 4, "steps": 90, "drift": 0.05, "sd": 0.75}))
    files.write("code/walk.py", program).run("python code/walk.py | tee -a results/log.txt")
    files.run('sed -i \'s/"drift": 0.05/"drift": 0.15/\' code/settings.json && python code/walk.py | tee -a results/log.txt')
    return Study("edited_config", tuple(files.write("results/results.md", typed).steps))


def studies() -> list[Study]:
    """All of this module."""
    return [
        notebook(),
        hydra_like(),
        one("registry", REGISTRY),
        one("processes", PROCESSES, "python code/run.py"),
        checkpoint(),
        makefile(),
        bash_loops(),
        one("trainers", TRAINERS),
        one("testcases", TESTCASES, "python code/run.py 2>&1 | tee results/log.txt"),
        one("async", ASYNC),
        heredoc_inline(),
        mended(),
        edited_config(),
    ]
