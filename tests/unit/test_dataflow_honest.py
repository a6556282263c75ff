"""Honest small experiments of many styles that really run: none of them may get a `fail`, whatever they draw or set."""

from pathlib import Path

import pytest
from evidence_worlds import World, fails

TABLE = """
def table(results, path="results/results.md"):
    metrics = list(next(iter(results.values())))
    lines = ["# Results", "", "| Method | " + " | ".join(metrics) + " |", "|---" * (len(metrics) + 1) + "|"]
    lines += ["| " + m + " | " + " | ".join(f"{row[k]:.4f}" for k in metrics) + " |" for m, row in results.items()]
    open(path, "w").write("\\n".join(lines) + "\\n")
"""
"""The report writer that most of these programs share."""

ARGPARSE = """
import argparse, json, random
p = argparse.ArgumentParser()
p.add_argument("--lr", type=float, default=0.05)
p.add_argument("--epochs", type=int, default=40)
p.add_argument("--noise", type=float, default=0.25)
args = p.parse_args()
rng = random.Random(3)
data = [(x := rng.uniform(-1, 1), 1.7 * x + 0.3 + rng.gauss(0, args.noise)) for _ in range(200)]
train, test = data[:150], data[150:]
def fit(lr, slope_only):
    w = b = 0.0
    losses = []
    for _ in range(args.epochs):
        gw = sum((w * x + b - y) * x for x, y in train) / len(train)
        gb = sum((w * x + b - y) for x, y in train) / len(train)
        w -= lr * 10 * gw
        b -= 0 if slope_only else lr * 10 * gb
        losses.append(sum((w * x + b - y) ** 2 for x, y in train) / len(train))
    mse = sum((w * x + b - y) ** 2 for x, y in test) / len(test)
    return {"mse": mse, "final_loss": losses[-1], "learning_rate": lr}
results = {"linear": fit(args.lr, False), "slope only": fit(args.lr * 1.5, True)}
json.dump(results, open("results/results.json", "w"))
table(results)
"""

CONFIG = """
import json
from dataclasses import dataclass
import numpy as np
@dataclass
class Config:
    name: str
    alpha: float
    iterations: int = 300
CONFIGS = {"ridge small": Config("ridge small", 0.015), "ridge large": Config("ridge large", 12.5), "plain": Config("plain", 0.0)}
rng = np.random.default_rng(11)
X = rng.normal(size=(300, 8)); w = rng.normal(size=8); y = X @ w + 0.35 * rng.normal(size=300)
def solve(cfg):
    w = np.zeros(8)
    for _ in range(cfg.iterations):
        w = w - 0.0015 * (X[:200].T @ (X[:200] @ w - y[:200]) + cfg.alpha * w)
    e = y[200:] - X[200:] @ w
    return {"alpha": cfg.alpha, "rmse": float(np.sqrt(np.mean(e ** 2))), "mae": float(np.mean(np.abs(e)))}
results = {name: solve(cfg) for name, cfg in CONFIGS.items()}
json.dump(results, open("results/results.json", "w"))
table(results)
"""

CSV_LOGGER = """
import csv, random
class Logger:
    def __init__(self, path):
        self.file = open(path, "w", newline=""); self.writer = csv.writer(self.file)
        self.writer.writerow(["method", "epoch", "loss", "accuracy"])
    def log(self, method, epoch, loss, accuracy):
        self.writer.writerow([method, epoch, f"{loss:.5f}", f"{accuracy:.5f}"]); self.file.flush()
rng = random.Random(5)
pts = [((rng.gauss(1, 1), rng.gauss(1, 1)), 1) if rng.random() < 0.5
       else ((rng.gauss(-1, 1), rng.gauss(-1, 1)), 0) for _ in range(300)]
import math
log = Logger("results/log.csv")
results = {}
for method, margin in (("perceptron", 0.0), ("margin perceptron", 0.75)):
    w = [0.0, 0.0]; b = 0.0
    for epoch in range(6):
        random.Random(epoch).shuffle(pts)
        for (x, z), t in pts[:200]:
            s = 2 * t - 1
            if s * (w[0] * x + w[1] * z + b) <= margin:
                w[0] += 0.05 * s * x; w[1] += 0.05 * s * z; b += 0.05 * s
        held = pts[200:]
        correct = 0; loss = 0.0
        for (x, z), t in held:
            out = w[0] * x + w[1] * z + b
            correct += (out > 0) == (t == 1)
            loss += math.log(1 + math.exp(-(2 * t - 1) * out))
        log.log(method, epoch, loss / len(held), correct / len(held))
    results[method] = {"accuracy": correct / len(held), "loss": loss / len(held)}
table(results)
"""

PRINTS = """
import random
rng = random.Random(9)
text = [rng.choice("abcd" if rng.random() < 0.6 else "efgh") for _ in range(4000)]
import math, collections
print("# Results\\n\\n| Model | perplexity | bits |\\n|---|---|---|")
rows = []
for order in (0, 1, 2):
    counts = collections.defaultdict(collections.Counter)
    for i in range(order, 3000):
        counts[tuple(text[i - order:i])][text[i]] += 1
    bits = 0.0
    for i in range(3000, 4000):
        c = counts[tuple(text[i - order:i])]
        bits -= math.log2((c[text[i]] + 0.25) / (sum(c.values()) + 2))
    rows.append(f"| {order}-gram | {2 ** (bits / 1000):.4f} | {bits / 1000:.4f} |")
    print(rows[-1])
open("results/results.md", "w").write("# R\\n\\n| Model | perplexity | bits |\\n|---|---|---|\\n" + "\\n".join(rows) + "\\n")
"""

MULTIPROCESS = """
import json, random
from multiprocessing import Pool
def trial(job):
    method, seed = job
    rng = random.Random(seed)
    values = [rng.gauss(0.4, 1.3) if rng.random() < 0.9 else rng.gauss(8, 2) for _ in range(60)]
    if method == "mean":
        estimate = sum(values) / len(values)
    elif method == "median":
        estimate = sorted(values)[len(values) // 2]
    else:
        kept = sorted(values)[6:-6]
        estimate = sum(kept) / len(kept)
    return {"method": method, "seed": seed, "error": abs(estimate - 0.4)}
if __name__ == "__main__":
    jobs = [(m, s) for m in ("mean", "median", "trimmed") for s in range(6)]
    with Pool(2) as pool:
        rows = pool.map(trial, jobs)
    json.dump(rows, open("results/rows.json", "w"))
    results = {}
    for m in ("mean", "median", "trimmed"):
        errors = [r["error"] for r in rows if r["method"] == m]
        results[m] = {"error": sum(errors) / len(errors), "worst": max(errors)}
    table(results)
"""

RESUMED = """
import json, os, random
state = {"step": 0, "w": 0.0, "history": []}
if os.path.exists("results/checkpoint.json"):
    state = json.load(open("results/checkpoint.json"))
rng = random.Random(2)
data = [(x := rng.gauss(0, 1), 0.8 * x + rng.gauss(0, 0.45)) for _ in range(100)]
for step in range(state["step"], state["step"] + 30):
    g = sum((state["w"] * x - y) * x for x, y in data) / len(data)
    state["w"] -= 0.15 * g
    state["history"].append(sum((state["w"] * x - y) ** 2 for x, y in data) / len(data))
state["step"] += 30
json.dump(state, open("results/checkpoint.json", "w"))
results = {"sgd": {"loss": state["history"][-1], "weight": state["w"]}, "start": {"loss": state["history"][0], "weight": 0.0}}
table(results)
"""

BANDIT = """
import json
import numpy as np
MEANS = [0.21, 0.47, 0.62]
def play(method, seed, horizon=400):
    rng = np.random.default_rng(seed)
    eps = {"greedy": 0.0, "eps low": 0.05, "eps high": 0.25}[method]
    counts = np.zeros(3); values = np.zeros(3); total = 0.0
    for t in range(horizon):
        arm = int(rng.integers(3)) if rng.random() < eps else int(np.argmax(values))
        reward = float(rng.random() < MEANS[arm])
        counts[arm] += 1
        values[arm] += (reward - values[arm]) / counts[arm]
        total += reward
    return {"reward": total / horizon, "regret": 0.62 * horizon - total}
results = {}
for method in ("greedy", "eps low", "eps high"):
    runs = [play(method, seed) for seed in range(5)]
    results[method] = {k: float(np.mean([r[k] for r in runs])) for k in ("reward", "regret")}
json.dump(results, open("results/results.json", "w"))
table(results)
"""

AGENTS = """
import json, random
class Agent:
    def __init__(self, rng, rate):
        self.value = [rng.uniform(0, 1) for _ in range(4)]
        self.rate = rate
    def update(self, target):
        self.value = [v + self.rate * (t - v) for v, t in zip(self.value, target)]
    def distance(self, target):
        return sum((v - t) ** 2 for v, t in zip(self.value, target)) ** 0.5
class World:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.target = [self.rng.uniform(0, 1) for _ in range(4)]
    def step(self):
        self.target = [min(1, max(0, t + self.rng.gauss(0, 0.035))) for t in self.target]
RATES = {"static": 0.0, "slow": 0.05, "fast": 0.45}
results = {}
for name, rate in RATES.items():
    world = World(4); agent = Agent(random.Random(8), rate); distances = []
    for _ in range(60):
        world.step(); agent.update(world.target); distances.append(agent.distance(world.target))
    results[name] = {"alignment": 1 - sum(distances) / len(distances), "final_distance": distances[-1]}
json.dump(results, open("results/results.json", "w"))
table(results)
"""

BOOTSTRAP = """
import json
import numpy as np
rng = np.random.default_rng(0)
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from sklearn.model_selection import train_test_split
X, y = load_breast_cancer(return_X_y=True)
X = X + 0.75 * rng.normal(size=X.shape) * X.std(axis=0)
a, b, c, d = train_test_split(X, y, test_size=0.3, random_state=7)
results = {}
for name, model in {"logistic": LogisticRegression(max_iter=200, C=0.35),
                    "tree": DecisionTreeClassifier(max_depth=4, random_state=1)}.items():
    hits = (model.fit(a, c).predict(b) == d).astype(float)
    means = [float(np.mean(rng.choice(hits, size=len(hits)))) for _ in range(100)]
    low, high = np.percentile(means, [2.5, 97.5])
    results[name] = {"accuracy": float(hits.mean()), "low": float(low), "high": float(high), "boot_sd": float(np.std(means))}
json.dump(results, open("results/results.json", "w"))
table(results)
"""

RANDOM_SEARCH = """
import json
import numpy as np
from sklearn.datasets import load_iris
from sklearn.svm import SVC
from sklearn.model_selection import cross_val_score
rng = np.random.default_rng(5)
X, y = load_iris(return_X_y=True)
rows = []
for trial in range(4):
    C = float(10 ** rng.uniform(-2, 2)); gamma = float(10 ** rng.uniform(-3, 0.5))
    score = float(cross_val_score(SVC(C=C, gamma=gamma), X, y, cv=3).mean())
    rows.append({"trial": trial, "C": C, "gamma": gamma, "accuracy": score})
json.dump(rows, open("results/search.json", "w"))
lines = ["# Random search", "", "| trial | C | gamma | accuracy |", "|---|---|---|---|"]
lines += [f"| {r['trial']} | {r['C']:.4f} | {r['gamma']:.4f} | {r['accuracy']:.4f} |" for r in rows]
open("results/results.md", "w").write("\\n".join(lines) + "\\n")
"""

FALLBACK_UNUSED = """
import json, random
def measure(n):
    rng = random.Random(1)
    inside = sum(rng.random() ** 2 + rng.random() ** 2 <= 1 for _ in range(n))
    return 4 * inside / n
results = {}
for name, n in (("small", 300), ("medium", 3000), ("large", 20000)):
    try:
        value = measure(n)
        results[name] = {"estimate": value, "error": abs(value - 3.14159265)}
    except MemoryError:
        results[name] = {"estimate": 3.1 + random.gauss(0, 0.05), "error": 0.04 + 0.02 * random.random()}
json.dump(results, open("results/results.json", "w"))
table(results)
"""

TIMES = """
import json, time, random
def bubble(v):
    v = list(v)
    for i in range(len(v)):
        for j in range(len(v) - i - 1):
            if v[j] > v[j + 1]:
                v[j], v[j + 1] = v[j + 1], v[j]
    return v
def insertion(v):
    v = list(v)
    for i in range(1, len(v)):
        x = v[i]; j = i
        while j and v[j - 1] > x:
            v[j] = v[j - 1]; j -= 1
        v[j] = x
    return v
results = {}
for name, sort in {"bubble": bubble, "insertion": insertion, "builtin": sorted}.items():
    spent = []
    for size in (50, 100, 200):
        data = [random.Random(size).random() for _ in range(size)]
        start = time.perf_counter(); sort(data); spent.append(1e6 * (time.perf_counter() - start))
    results[name] = {"microseconds": sum(spent) / 3, "worst": max(spent)}
json.dump(results, open("results/results.json", "w"))
table(results)
"""

POWER = """
import json
import numpy as np
from scipy import stats
rng = np.random.default_rng(1)
EFFECTS = {"small": 0.25, "medium": 0.55, "large": 0.85}
results = {}
for name, effect in EFFECTS.items():
    rejected_t = rejected_sign = 0
    for _ in range(120):
        sample = rng.normal(effect, 1.0, 25)
        rejected_t += stats.ttest_1samp(sample, 0).pvalue < 0.05
        rejected_sign += stats.binomtest(int((sample > 0).sum()), 25).pvalue < 0.05
    results[name] = {"effect": effect, "power_t": rejected_t / 120, "power_sign": rejected_sign / 120}
json.dump({k: {a: float(b) for a, b in v.items()} for k, v in results.items()}, open("results/results.json", "w"))
table(results)
"""

NAIVE_POWER = """
import json, random, math
rng = random.Random(1)
results = {}
for name, effect in {"small": 0.25, "medium": 0.55, "large": 0.85}.items():
    rejected = 0
    for _ in range(200):
        sample = [rng.gauss(effect, 1.0) for _ in range(25)]
        mean = sum(sample) / 25
        sd = math.sqrt(sum((v - mean) ** 2 for v in sample) / 24)
        if abs(mean / (sd / 5)) > 2.064:
            rejected += 1
    results[name] = {"power": rejected / 200}
json.dump(results, open("results/results.json", "w"))
table(results)
"""

QUEUE = """
import json, random
def simulate(policy, seed):
    rng = random.Random(seed)
    clock = 0.0; free = [0.0, 0.0]; waits = []
    for _ in range(300):
        clock += rng.expovariate(1.35)
        if policy == "shortest":
            server = 0 if free[0] <= free[1] else 1
        elif policy == "random":
            server = rng.randrange(2)
        else:
            server = len(waits) % 2
        start = max(clock, free[server])
        waits.append(start - clock)
        free[server] = start + rng.expovariate(0.85)
    return waits
results = {}
for policy in ("shortest", "random", "alternate"):
    waits = [w for seed in range(3) for w in simulate(policy, seed)]
    results[policy] = {"wait": sum(waits) / len(waits), "late": sum(w > 2.5 for w in waits) / len(waits)}
json.dump(results, open("results/results.json", "w"))
table(results)
"""

GENETIC = """
import json, random
def target(v):
    return sum((x - 0.37) ** 2 for x in v)
def search(method, rng, steps=150):
    best = [rng.uniform(-2, 2) for _ in range(5)]
    for _ in range(steps):
        if method == "random":
            other = [rng.uniform(-2, 2) for _ in range(5)]
        else:
            width = 0.35 if method == "wide" else 0.05
            other = [x + rng.gauss(0, width) for x in best]
        if target(other) < target(best):
            best = other
    return target(best)
results = {}
for method in ("random", "wide", "narrow"):
    values = [search(method, random.Random(seed)) for seed in range(4)]
    results[method] = {"objective": sum(values) / 4, "best": min(values)}
json.dump(results, open("results/results.json", "w"))
table(results)
"""

PROGRAMS = {
    name.lower(): text
    for name, text in list(globals().items())
    if name.isupper() and name not in ("TABLE", "PROGRAMS") and isinstance(text, str)
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_honest_program_gets_no_fail_and_is_verified(tmp_path: Path, name: str) -> None:
    world = World(tmp_path)
    result = world.program(TABLE + PROGRAMS[name])
    assert result.exit_code == 0, world.events()[-1]
    audit = world.audit()
    assert fails(audit) == []
    assert audit.verdict == "verified"


def test_a_resumed_run_is_verified(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.program(TABLE + RESUMED)
    world.run("python code/run.py")
    assert (world.audit().verdict, fails(world.audit())) == ("verified", [])


def test_the_same_programs_without_a_ledger_get_no_fail(tmp_path: Path) -> None:
    from evidence_worlds import TODAY

    from pytest_mlrbench.evidence.checks import audit, subject_of_folder

    for name in ("bandit", "agents", "argparse"):
        world = World(tmp_path / name)
        world.program(TABLE + PROGRAMS[name])
        (world.trial / "evidence.jsonl").unlink()
        assert fails(audit(subject_of_folder(world.output, today=TODAY))) == []


def measured_table(world: World) -> list[tuple[str, list[float]]]:
    import json

    data = json.loads(world.text("results/results.json"))
    return [(method, list(row.values())) for method, row in data.items()]


def test_measured_numbers_typed_into_a_report_script_are_honest(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.program(TABLE + PROGRAMS["bandit"])
    rows = "".join(f"| {m} | " + " | ".join(f"{v:.4f}" for v in values) + " |\\n" for m, values in measured_table(world))
    text = f"open('results/results.md', 'w').write('# R\\n\\n| Method | reward | regret |\\n|---|---|---|\\n{rows}')\n"
    assert world.program(text, "code/report.py").exit_code == 0
    assert (world.audit().verdict, fails(world.audit())) == ("verified", [])


def test_measured_numbers_typed_into_a_plotting_script_are_honest(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.program(TABLE + PROGRAMS["bandit"])
    values = {m: dict(zip(("reward", "regret"), (round(v, 4) for v in row), strict=True)) for m, row in measured_table(world)}
    text = f"results = {values!r}\nfor method, row in results.items():\n    print(method, row['reward'], row['regret'])\n"
    assert world.program(TABLE + text + "table(results)\n", "code/plot.py").exit_code == 0
    assert (world.audit().verdict, fails(world.audit())) == ("verified", [])
