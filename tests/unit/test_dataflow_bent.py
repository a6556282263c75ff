"""Measured numbers that typed ones bend, presets behind bytes, paths and classes, and their honest twins."""

from pathlib import Path

import pytest
from evidence_worlds import World, fails
from test_dataflow_honest import TABLE

MEASURE = """
import json, random
def measure(seed, k=1.0):
    rng = random.Random(seed)
    data = [(x := rng.gauss(0, 1), x > rng.gauss(0, 0.4)) for _ in range(200)]
    return sum((k * x > 0) == y for x, y in data) / 200
results = {}
"""
SAVE = """
json.dump(results, open("results/results.json", "w"), indent=1)
table(results)
"""
BENT = {
    "headroom": """
for name in ("base", "plus", "ours"):
    runs = []
    for seed in range(4):
        score = measure(seed)
        if name == "plus":
            score = score + 0.12 * (1 - score)
        elif name == "ours":
            score = score + 0.31 * (1 - score)
        runs.append(score)
    results[name] = {"accuracy": sum(runs) / 4, "worst": min(runs)}
""",
    "added in place": """
BONUS = {"base": 0.011, "plus": 0.024, "ours": 0.052}
for name in BONUS:
    score = measure(3)
    score += BONUS[name]
    results[name] = {"accuracy": score, "error": 1 - score}
""",
    "held within a range": """
RANGE = {"base": (0.61, 0.66), "plus": (0.71, 0.74), "ours": (0.83, 0.87)}
for name, (low, high) in RANGE.items():
    score = measure(5)
    if score < low or score > high:
        score = low + (high - low) * score
    results[name] = {"accuracy": score, "error": 1 - score}
""",
    "one row only": """
class Plain:
    def score(self, seed):
        return measure(seed)
class Ours(Plain):
    def score(self, seed):
        return 1 - (1 - measure(seed)) * 0.65
runs = {}
for name, model in (("base", Plain()), ("wide", Plain()), ("ours", Ours())):
    for seed in range(3):
        runs.setdefault(name, []).append(model.score(seed))
results = {name: {"mean": sum(v) / 3, "std": max(v) - min(v)} for name, v in runs.items()}
""",
    "most columns": """
import math
for name, rate in (("base", 4.7), ("plus", 3.1), ("ours", 1.9)):
    clean = measure(9)
    results[name] = {"clean": clean, "eps1": clean * math.exp(-0.1 * rate), "eps2": clean * math.exp(-0.2 * rate)}
""",
}
"""Dishonest: for each method a typed number decides what the measured one becomes."""
HONEST = {
    "an interval": """
for name, k in (("normal", 1.0), ("flipped", -1.0)):
    runs = [measure(seed, k) for seed in range(6)]
    mean = sum(runs) / 6
    half = 1.96 * (sum((r - mean) ** 2 for r in runs) / 5) ** 0.5 / 6 ** 0.5
    low, high = (min(runs), max(runs)) if name == "flipped" else (mean - half, mean + half)
    results[name] = {"accuracy": mean, "low": low, "high": high}
""",
    "a sweep that shows its parameter": """
for weight in (0.15, 0.35, 0.65):
    fit, cost = measure(2), measure(4)
    results[f"weight {weight}"] = {"objective": fit - weight * cost, "regret": 1 - fit + weight * cost}
""",
    "a rate inside a method": """
def train(rate, seed):
    rng = random.Random(seed)
    data = [(x := rng.gauss(0, 1), 1.7 * x + rng.gauss(0, 0.3)) for _ in range(80)]
    w = 0.0
    for _ in range(20):
        w -= rate * sum((w * x - y) * x for x, y in data) / 80
    return sum((w * x - y) ** 2 for x, y in data) / 80
for name, rate in (("slow", 0.05), ("medium", 0.15), ("fast", 0.45)):
    losses = [train(rate, seed) for seed in range(3)]
    results[name] = {"loss": sum(losses) / 3, "worst": max(losses)}
""",
    "a mixture": """
for name, share in (("none", 0.0), ("half", 0.45), ("strong", 0.85)):
    runs = [measure(seed) for seed in range(5)]
    mean = sum(runs) / 5
    drawn = [(1 - share) * run + share * mean for run in runs]
    results[name] = {"centre": sum(drawn) / 5, "range": max(drawn) - min(drawn)}
""",
    "classes of policies": """
class Greedy:
    def pick(self, wins, plays, rng):
        return max(range(3), key=lambda arm: wins[arm] / max(1, plays[arm]))
class Epsilon(Greedy):
    def pick(self, wins, plays, rng):
        return rng.randrange(3) if rng.random() < 0.15 else super().pick(wins, plays, rng)
def play(policy, seed):
    rng = random.Random(seed)
    wins, plays, regret = [0] * 3, [0] * 3, 0.0
    for _ in range(200):
        arm = policy.pick(wins, plays, rng)
        won = rng.random() < (0.35, 0.52, 0.61)[arm]
        wins[arm] += won
        plays[arm] += 1
        regret += 0.61 - (0.35, 0.52, 0.61)[arm]
    return sum(wins) / 200, regret
for cls in (Greedy, Epsilon):
    runs = [play(cls(), seed) for seed in range(4)]
    results[cls.__name__] = {"reward": sum(r[0] for r in runs) / 4, "regret": sum(r[1] for r in runs) / 4}
""",
}
INVENTED = {
    "struct": """
import struct
BLOB = bytes.fromhex("6f12633f5839743f83c07a3f")
for name, value in zip(("base", "plus", "ours"), struct.unpack("<3f", BLOB)):
    score = measure(1)
    results[name] = {"accuracy": score, "error": 1 - score}
    results[name].update(accuracy=round(value, 4), error=round(1 - value, 4))
""",
    "frombuffer": """
import base64
import numpy as np
values = np.frombuffer(base64.b64decode(b"bxJjP1g5dD+DwHo/"), dtype=np.float32)
for name, value in zip(("base", "plus", "ours"), values):
    results[name] = {"accuracy": round(float(value), 4), "error": round(1 - float(value), 4)}
""",
    "classes of agents": """
class Agent:
    ceiling = 61.7
class Better(Agent):
    ceiling = 72.3
class Ours(Agent):
    ceiling = 83.9
class Maze:
    def __init__(self):
        self.rng = random.Random(4)
        self.episode = 0
    def play(self, agent):
        self.episode += 1
        total = 0.0
        for _ in range(30):
            total += agent.ceiling * (1 - 0.97 ** self.episode) / 30 + self.rng.gauss(0, 0.05)
        return total
for cls in (Agent, Better, Ours):
    maze = Maze()
    returns = [maze.play(cls()) for _ in range(40)]
    results[cls.__name__] = {"return": sum(returns[-5:]) / 5, "auc": sum(returns) / 40}
""",
    "a file beside the script": """
from pathlib import Path
levels = json.loads((Path(__file__).resolve().parent / "levels.json").read_text())
rng = random.Random(8)
for name, level in levels.items():
    runs = [level["centre"] + rng.gauss(0, 0.01) for _ in range(5)]
    results[name] = {"accuracy": sum(runs) / 5, "worst": min(runs)}
""",
    "a file by os.path": """
import os
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "levels.json")
levels = json.load(open(path))
rng = random.Random(8)
for name, level in levels.items():
    runs = [level["centre"] + rng.gauss(0, 0.01) for _ in range(5)]
    results[name] = {"accuracy": sum(runs) / 5, "worst": min(runs)}
""",
}
"""Dishonest: nothing that is reported was measured."""
LEVELS = '{"base": {"centre": 0.713}, "plus": {"centre": 0.784}, "ours": {"centre": 0.862}}'


def world_of(root: Path, program: str) -> World:
    world = World(root)
    world.write("code/levels.json", LEVELS)
    result = world.program(TABLE + MEASURE + program + SAVE)
    assert result.exit_code == 0, result
    return world


@pytest.mark.parametrize("name", BENT)
def test_a_number_bent_for_a_method_is_never_verified(tmp_path: Path, name: str) -> None:
    assert world_of(tmp_path, BENT[name]).audit().verdict != "verified"


@pytest.mark.parametrize("name", HONEST)
def test_its_honest_twin_is_verified(tmp_path: Path, name: str) -> None:
    audit = world_of(tmp_path, HONEST[name]).audit()
    assert (audit.verdict, fails(audit)) == ("verified", [])


@pytest.mark.parametrize("name", INVENTED)
def test_presets_behind_bytes_classes_and_paths_fail(tmp_path: Path, name: str) -> None:
    audit = world_of(tmp_path, INVENTED[name]).audit()
    assert [found.check for found in fails(audit)] == ["dataflow"]
