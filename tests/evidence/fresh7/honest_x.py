"""Honest studies without data (compressors, quadrature) and of groups of unequal sizes whose features are memoised."""

import csv
import json
import math
import statistics
from pathlib import Path

from ..lab import Files, Outputs

PACK = '''import bz2
import heapq
import json
import lzma
import math
import random
import time
import zlib
from collections import Counter


def corpus():
    """Five byte strings of different kinds and sizes; all are generated."""
    r = random.Random(8)
    words = ["".join(r.choices("etaoinshrdlucm", k=r.randint(2, 9))) for _ in range(800)]
    weights = [1 / (i + 1) for i in range(800)]
    walk, level = bytearray(), 128
    for _ in range(60000):
        level = max(0, min(255, level + r.randint(-2, 2)))
        walk.append(level)
    return {
        "prose": " ".join(r.choices(words, weights, k=30000)).encode(),
        "log": "\\n".join(f"2024-03-{1 + i // 400:02d} host{r.randint(1, 9)} GET /item/{r.randint(1, 500)} {r.choice([200, 200, 200, 404])} {r.randint(5, 90)}ms" for i in range(3000)).encode(),
        "walk": bytes(walk),
        "skewed": bytes(r.choices(range(16), [2.0**-i for i in range(16)], k=40000)),
        "noise": r.randbytes(20000),
    }


def entropy(data):
    return -sum(n / len(data) * math.log2(n / len(data)) for n in Counter(data).values())


def huffman(data):
    """Bytes of an order-0 Huffman code with a table of 256 code lengths."""
    heap = [(n, i, [s]) for i, (s, n) in enumerate(Counter(data).items())]
    length = Counter()
    heapq.heapify(heap)
    while len(heap) > 1:
        (n, i, a), (m, _, b) = heapq.heappop(heap), heapq.heappop(heap)
        for s in a + b:
            length[s] += 1
        heapq.heappush(heap, (n + m, i, a + b))
    return 256 + math.ceil(sum(length[s] * n for s, n in Counter(data).items()) / 8)


def checked(pack, unpack):
    def size(data):
        packed = pack(data)
        assert unpack(packed) == data
        return len(packed)
    return size


CODERS = {
    "stored": len,
    "Huffman": huffman,
    "zlib -1": checked(lambda d: zlib.compress(d, 1), zlib.decompress),
    "zlib -9": checked(lambda d: zlib.compress(d, 9), zlib.decompress),
    "bz2 -9": checked(bz2.compress, bz2.decompress),
    "lzma": checked(lzma.compress, lzma.decompress),
    "delta + zlib -9": lambda d: len(zlib.compress(bytes((b - a) % 256 for a, b in zip(b"\\0" + d, d)), 9)),
}
rows = []
for name, data in corpus().items():
    sizes = {}
    for coder, size in CODERS.items():
        start = time.perf_counter()
        sizes[coder] = size(data)
        rows.append({"file": name, "raw": len(data), "entropy": entropy(data), "coder": coder, "bytes": sizes[coder], "ms": 1000 * (time.perf_counter() - start)})
    print(name, len(data), sizes)
with open("results/sizes.jsonl", "w") as out:
    out.writelines(json.dumps(row) + "\\n" for row in rows)
'''


def compression_ratios() -> Files:
    """Sizes under general coders, a Huffman code and the order-0 entropy; the pooled ratio and the mean of ratios are both given."""

    def report(_: Outputs, folder: Path) -> str:
        rows = [json.loads(line) for line in (folder / "results/sizes.jsonl").read_text().splitlines()]
        files = {row["file"]: row for row in rows}
        coders = list(dict.fromkeys(row["coder"] for row in rows))
        size = {(row["coder"], row["file"]): row["bytes"] for row in rows}
        raw = sum(row["raw"] for row in files.values())
        pooled = {c: raw / sum(size[c, f] for f in files) for c in coders}
        plain = {c: statistics.mean(files[f]["raw"] / size[c, f] for f in files) for c in coders}
        order = sorted(coders, key=lambda c: -pooled[c])
        table = "\n".join(
            f"| {c} | "
            + " | ".join(f"{8 * size[c, f] / files[f]['raw']:.3f}" for f in files)
            + f" | {pooled[c]:.2f} | {plain[c]:.2f} | {1 - 1 / pooled[c]:.1%} |"
            for c in order
        )
        bound = " | ".join(f"{row['entropy']:.3f}" for row in files.values())
        excess = 8 * size["Huffman", "skewed"] / files["skewed"]["raw"] - files["skewed"]["entropy"]
        return f"""# General compressors on five kinds of bytes

## Setup
Five generated files ({", ".join(f"{f} {row['raw']:,} bytes" for f, row in files.items())}; seed 8). zlib, bz2 and lzma come from the standard library and were checked by unpacking;
Huffman is our own count of an order-0 code with 256 bytes for the table (no bit stream is written); "delta" replaces bytes by differences before zlib and is invertible. Sizes are exact, so there is nothing
to repeat.

## Bits per byte and ratios, sorted by the pooled ratio
| coder | {" | ".join(files)} | pooled ratio | mean of ratios | space saved |
|---|{"---|" * len(files)}---|---|---|
{table}
| order-0 entropy (bound for Huffman) | {bound} | - | - | - |

The pooled ratio is {raw:,} bytes over the sum of packed sizes, so large files count more; the mean of ratios weighs files alike. Stored data have
8 bits and a ratio of 1 by definition; on noise all the others add some bytes.

## Conclusion
{order[0]} has the best pooled ratio ({pooled[order[0]]:.2f}), by the mean of ratios {max(plain, key=lambda c: plain[c])} is best ({max(plain.values()):.2f}). On the skewed file Huffman is {excess:.3f} bits above the entropy,
table included. The files are made by simple rules; real files have longer structure.
"""

    return Files().write("code/pack.py", PACK).run("python code/pack.py").write("results/results.md", report)


QUAD_INIT = '"""Quadrature rules and test integrals."""\n'

QUAD_RULES = """'''Rules on [0, 1] that return an estimate and count how often they call the integrand.'''
import numpy as np
from scipy.stats import qmc


class Counted:
    def __init__(self, f):
        self.f, self.calls = f, 0

    def __call__(self, x):
        self.calls += np.size(x)
        return self.f(x)


def midpoint(f, n, rng):
    return float(f((np.arange(n) + 0.5) / n).mean())


def simpson(f, n, rng):
    n -= 1 - n % 2
    x = np.linspace(0, 1, n)
    w = np.ones(n)
    w[1:-1:2], w[2:-1:2] = 4, 2
    return float(w @ f(x) / (3 * (n - 1)))


def gauss(f, n, rng):
    x, w = np.polynomial.legendre.leggauss(n)
    return float(w @ f((x + 1) / 2) / 2)


def monte_carlo(f, n, rng):
    return float(f(rng.random(n)).mean())


def sobol(f, n, rng):
    return float(f(qmc.Sobol(1, rng=rng).random(n)[:, 0]).mean())


DETERMINISTIC = {"midpoint": midpoint, "Simpson": simpson, "Gauss-Legendre": gauss}
RANDOM = {"Monte Carlo": monte_carlo, "scrambled Sobol": sobol}
"""

QUAD_PROBLEMS = """import math

import numpy as np

PROBLEMS = {
    "exp": (np.exp, math.e - 1),
    "kink": (lambda x: np.abs(x - 1 / math.pi), (1 / math.pi**2 + (1 - 1 / math.pi) ** 2) / 2),
    "sqrt": (np.sqrt, 2 / 3),
    "wave": (lambda x: np.cos(40 * x), math.sin(40) / 40),
}
"""

QUAD_MAIN = """import csv
import math
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from quadlib.problems import PROBLEMS
from quadlib.rules import DETERMINISTIC, RANDOM, Counted

SIZES = [8, 16, 32, 64, 128, 256, 512]
REPEATS = 50


def main():
    rows = []
    for problem, (f, exact) in PROBLEMS.items():
        for rule, method in (DETERMINISTIC | RANDOM).items():
            for n in SIZES:
                repeats = REPEATS if rule in RANDOM else 1
                counted = Counted(f)
                errors = [method(counted, n, np.random.default_rng([n, r])) - exact for r in range(repeats)]
                rms = math.sqrt(math.fsum(e * e for e in errors) / repeats)
                rows.append({"problem": problem, "rule": rule, "n": n, "calls": counted.calls // repeats, "repeats": repeats, "rms_error": repr(rms)})
    with open("results/quadrature.csv", "w", newline="") as out:
        table = csv.DictWriter(out, rows[0])
        table.writeheader()
        table.writerows(rows)
    slopes = []
    for problem in PROBLEMS:
        for rule in DETERMINISTIC | RANDOM:
            points = [(r["calls"], float(r["rms_error"])) for r in rows if (r["problem"], r["rule"]) == (problem, rule)]
            usable = [(c, e) for c, e in points if e > 1e-12]
            slope = np.polyfit(*np.log(np.array(usable)).T, 1)[0] if len(usable) >= 4 else math.nan
            slopes.append([problem, rule, len(usable), repr(float(-slope))])
    with open("results/orders.csv", "w", newline="") as out:
        csv.writer(out).writerows([["problem", "rule", "points", "order"], *slopes])
    print(f"{len(rows)} estimates, {sum(r['repeats'] for r in rows)} integrations")


if __name__ == "__main__":
    main()
"""


def quadrature_orders() -> Files:
    """Errors and fitted orders of five quadrature rules on integrals with known values; no data at all; a local package holds the rules."""

    def report(_: Outputs, folder: Path) -> str:
        errors = list(csv.DictReader((folder / "results/quadrature.csv").open()))
        orders = list(csv.DictReader((folder / "results/orders.csv").open()))
        rules = list(dict.fromkeys(row["rule"] for row in errors))
        problems = list(dict.fromkeys(row["problem"] for row in errors))
        at = {(row["problem"], row["rule"], row["n"]): float(row["rms_error"]) for row in errors}
        order = {(row["problem"], row["rule"]): float(row["order"]) for row in orders}
        big = "\n".join(f"| {rule} | " + " | ".join(f"{at[p, rule, '512']:.1e}" for p in problems) + " |" for rule in rules)
        small = "\n".join(f"| {rule} | " + " | ".join(f"{at[p, rule, '32']:.1e}" for p in problems) + " |" for rule in rules)
        slopes = "\n".join(
            f"| {rule} | " + " | ".join("-" if math.isnan(order[p, rule]) else f"{order[p, rule]:.2f}" for p in problems) + " |"
            for rule in rules
        )
        head = f"| rule | {' | '.join(problems)} |\n|---|{'---|' * len(problems)}\n"
        return f"""# How fast do quadrature rules converge?

## Setup
A numerical study without data: exp(x), |x - 1/pi|, sqrt(x) and cos(40 x) on [0, 1], whose integrals are known. The rules get n = 8, 16, ..., 512 points (Simpson takes the odd number below: n - 1). The
random rules are the root mean square error of 50 repeats (seeds by n and repeat), the others are run once, since nothing in them is random. The order is the negative slope of a straight line fitted to
log error against log calls; errors below 1e-12 are rounding and left out, and with fewer than four points no order is given. Those orders are fits, not theory.

## Error at n = 32
{head}{small}

## Error at n = 512
{head}{big}

## Fitted order
{head}{slopes}

## Conclusion
On exp, Simpson converges with order {order["exp", "Simpson"]:.2f} and the midpoint rule with {order["exp", "midpoint"]:.2f}; at the kink Simpson falls to {order["kink", "Simpson"]:.2f}. Plain Monte Carlo stays near one half on all four
({", ".join(f"{order[p, 'Monte Carlo']:.2f}" for p in problems)}). Orders on cos(40 x) mix the range in which the wave is not yet resolved with the one in which it is.
"""

    return (
        Files()
        .write("code/quadlib/__init__.py", QUAD_INIT)
        .write("code/quadlib/rules.py", QUAD_RULES)
        .write("code/quadlib/problems.py", QUAD_PROBLEMS)
        .write("code/main.py", QUAD_MAIN)
        .run(
            "python -c \"import sys; sys.path.insert(0, 'code'); from quadlib.rules import gauss; import numpy as np; print(gauss(np.exp, 6, None))\""
        )
        .run("python code/main.py && cat results/orders.csv")
        .write("results/results.md", report)
    )


SENSORS = """'''Simulates ten people with a wrist sensor: unequal numbers of windows, own habits, five activities.'''
import numpy as np

ACTIVITIES = ("rest", "walk", "run", "stairs", "cycle")
RATE = np.array([0.0, 1.8, 2.7, 1.5, 1.1])
POWER = np.array([0.05, 1.0, 2.2, 1.1, 0.5])


def person(number, seed=31):
    rng = np.random.default_rng([seed, number])
    n = int(rng.integers(40, 260))
    y = rng.choice(5, size=n, p=rng.dirichlet(np.full(5, 3.0)))
    pace, strength, t = rng.normal(1, 0.12), rng.normal(1, 0.2), np.arange(128) / 32
    rate = RATE[y] * pace * rng.normal(1, 0.06, n)
    wave = np.sin(2 * np.pi * rate[:, None] * t + rng.uniform(0, 6.28, (n, 1)))
    bump = np.where(y[:, None] == 3, 0.5 * np.abs(wave), 0)
    return POWER[y, None] * strength * wave + bump + rng.normal(0, 0.5, (n, 128)), y
"""

SENSOR_FEATURES = """import joblib
import numpy as np
from sensors import person

memory = joblib.Memory("results/.cache", verbose=0)


@memory.cache
def describe(number, kind):
    windows, y = person(number)
    print(f"  computing {kind} of person {number}")
    moments = np.column_stack([windows.mean(1), windows.std(1), np.abs(np.diff(windows, axis=1)).mean(1)])
    if kind == "moments":
        return moments, y
    spectrum = np.log1p(np.abs(np.fft.rfft(windows, axis=1))[:, :24])
    return (spectrum if kind == "spectrum" else np.hstack([moments, spectrum])), y
"""

SENSOR_EVAL = """import json
import sys

import numpy as np
from features import describe
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

PEOPLE = range(10)
MODELS = {
    "most frequent": lambda: DummyClassifier(),
    "logistic": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
    "forest": lambda: RandomForestClassifier(80, random_state=0),
}
path = "results/people.json"
try:
    with open(path) as file:
        table = json.load(file)
except FileNotFoundError:
    table = {}
for kind in sys.argv[1:]:
    data = [describe(number, kind) for number in PEOPLE]
    for name, make in MODELS.items():
        rows = []
        for left_out in PEOPLE:
            X, y = (np.concatenate(part) for part in zip(*(data[p] for p in PEOPLE if p != left_out)))
            Xt, yt = data[left_out]
            guess = make().fit(X, y).predict(Xt)
            rows.append({"person": left_out, "n": len(yt), "hits": int((guess == yt).sum()), "balanced": float(balanced_accuracy_score(yt, guess))})
        table[f"{kind}/{name}"] = rows
        print(f"{kind:9s} {name:14s} mean of people {np.mean([r['hits'] / r['n'] for r in rows]):.4f} pooled {sum(r['hits'] for r in rows) / sum(r['n'] for r in rows):.4f}")
with open(path, "w") as file:
    json.dump(table, file, indent=1)
"""


def people_left_out() -> Files:
    """Leave-one-person-out on simulated sensor windows with memoised features; mean over people, median and pooled accuracy of unequal folds."""

    def report(_: Outputs, folder: Path) -> str:
        table = json.loads((folder / "results/people.json").read_text())
        lines, pooled = [], {}
        for key, rows in table.items():
            kind, model = key.split("/")
            each = [r["hits"] / r["n"] for r in rows]
            pooled[key] = sum(r["hits"] for r in rows) / sum(r["n"] for r in rows)
            lines.append(
                f"| {kind} | {model} | {100 * pooled[key]:.1f} % | {100 * statistics.mean(each):.1f} ± {100 * statistics.stdev(each):.1f} % | {100 * statistics.median(each):.1f} % | {100 * min(each):.1f} % | {100 * statistics.mean(r['balanced'] for r in rows):.1f} % |"
            )
        sizes = sorted(r["n"] for r in rows)
        best = max(pooled, key=lambda key: pooled[key])
        gain = 100 * (pooled["both/logistic"] - pooled["spectrum/logistic"])
        return f"""# Recognising activities of people not seen in training

## Setup
Simulated wrist-sensor windows (`code/sensors.py`, seed 31): ten people with {sizes[0]} to {sizes[-1]} windows each ({sum(sizes):,} together), own pace, strength and mix of five activities. Every person is
left out once, so the folds are unequal: "pooled" is all hits by all windows, "mean of people" weighs people alike (± SD over people). Features are memoised with
joblib: a first command did the moments, a second one all three sets, reading the moments from the cache. Library defaults, 80 trees.

## Results
| features | model | pooled | mean of people | median | worst person | mean balanced accuracy |
|---|---|---|---|---|---|---|
{chr(10).join(lines)}

"Most frequent" does not look at the features, so its rows agree.

## Conclusion
The best pooled accuracy is that of {best.replace("both", "both feature sets").replace("/", " with ")} ({100 * pooled[best]:.1f} %). Adding moments to the spectrum changes the logistic model by {gain:+.1f} points. The people are simulated and only ten;
the SD over people says how far the means can be trusted.
"""

    return (
        Files()
        .write("code/sensors.py", SENSORS)
        .write("code/features.py", SENSOR_FEATURES)
        .write("code/evaluate.py", SENSOR_EVAL)
        .run("python code/evaluate.py moments")
        .run("python code/evaluate.py moments spectrum both")
        .write("results/results.md", report)
    )


PROGRAMS = (compression_ratios, quadrature_orders, people_left_out)
