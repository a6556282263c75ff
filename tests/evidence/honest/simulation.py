"""Honest simulation and statistics studies: what they draw and set by name is their subject, and what they report is worked out."""

from ..lab import Files, Study

WRITE = """
def write_table(title, results, first="method"):
    import json
    json.dump(results, open("results/results.json", "w"), indent=1)
    keys = list(next(iter(results.values())))
    with open("results/results.md", "w") as out:
        out.write(f"# {title}\\n\\n| {first} | {' | '.join(keys)} |\\n|{'---|' * (len(keys) + 1)}\\n")
        for name, row in results.items():
            out.write(f"| {name} | " + " | ".join(f"{row[k]:.4f}" for k in keys) + " |\\n")
            print(name, row)
"""

PROGRAMS = {
    "bootstrap": """
import numpy as np
rng = np.random.default_rng(0)
skewed = rng.lognormal(0.3, 0.9, 120)
def interval(x, statistic, kind, B=300):
    stats = np.array([statistic(rng.choice(x, len(x))) for _ in range(B)])
    if kind == "percentile":
        return np.percentile(stats, [2.5, 97.5])
    centre, sd = statistic(x), stats.std(ddof=1)
    return np.array([centre - 1.96 * sd, centre + 1.96 * sd])
results = {}
for kind in ("percentile", "normal"):
    for label, f in (("mean", np.mean), ("median", np.median)):
        low, high = interval(skewed, f, kind)
        covered = 0
        truth = float(np.exp(0.3 + 0.9 ** 2 / 2)) if label == "mean" else float(np.exp(0.3))
        for _ in range(25):
            x = rng.lognormal(0.3, 0.9, 60)
            a, b = interval(x, f, kind, 80)
            covered += a <= truth <= b
        results[f"{kind} / {label}"] = {"low": float(low), "high": float(high), "width": float(high - low), "coverage": covered / 25}
write_table("Bootstrap intervals", results, "interval")
""",
    "permutation": """
import random, statistics
rng = random.Random(14)
def permutation_p(a, b, n=400):
    seen = abs(statistics.fmean(a) - statistics.fmean(b)); pool = a + b; hits = 0
    for _ in range(n):
        rng.shuffle(pool)
        hits += abs(statistics.fmean(pool[:len(a)]) - statistics.fmean(pool[len(a):])) >= seen
    return (hits + 1) / (n + 1)
results = {}
for label, effect in (("no effect", 0.0), ("small effect", 0.35), ("large effect", 1.1)):
    ps, ds = [], []
    for _ in range(12):
        a = [rng.gauss(0, 1) for _ in range(25)]; b = [rng.gauss(effect, 1) for _ in range(25)]
        ps.append(permutation_p(a, b)); ds.append(statistics.fmean(b) - statistics.fmean(a))
    results[label] = {"median_p": statistics.median(ps), "rejected": sum(p < 0.05 for p in ps) / 12, "difference": statistics.fmean(ds)}
write_table("Permutation tests", results, "setting")
""",
    "power": """
import math, random
EFFECTS = {"d = 0.2": 0.2, "d = 0.5": 0.5, "d = 0.8": 0.8}
def z_test(a, b):
    ma, mb = sum(a) / len(a), sum(b) / len(b)
    va = sum((x - ma) ** 2 for x in a) / (len(a) - 1); vb = sum((x - mb) ** 2 for x in b) / (len(b) - 1)
    z = (mb - ma) / math.sqrt(va / len(a) + vb / len(b))
    return math.erfc(abs(z) / math.sqrt(2))
results = {}
for name, d in EFFECTS.items():
    row = {}
    for n in (15, 40, 90):
        rng = random.Random(n)
        hits = sum(z_test([rng.gauss(0, 1) for _ in range(n)], [rng.gauss(d, 1) for _ in range(n)]) < 0.05 for _ in range(150))
        row[f"n={n}"] = hits / 150
    results[name] = row
write_table("Power of a two-sample test", results, "effect")
""",
    "queue": """
import random
POLICIES = {"one fast server": (1, 2.2), "two slow servers": (2, 1.1), "three slower servers": (3, 0.74)}
def simulate(servers, rate, seed, n=1500, arrivals=1.75):
    rng = random.Random(seed); free = [0.0] * servers; clock = 0.0; waits = []; busy = 0.0
    for _ in range(n):
        clock += rng.expovariate(arrivals)
        k = free.index(min(free)); start = max(clock, free[k]); service = rng.expovariate(rate)
        waits.append(start - clock); free[k] = start + service; busy += service
    return sum(waits) / n, busy / (max(free) * servers), sum(w > 0 for w in waits) / n
results = {}
for name, (c, mu) in POLICIES.items():
    runs = [simulate(c, mu, s) for s in range(4)]
    results[name] = {"mean_wait": sum(r[0] for r in runs) / 4, "utilisation": sum(r[1] for r in runs) / 4, "delayed": sum(r[2] for r in runs) / 4}
write_table("Servers", results, "design")
""",
    "options_by_volatility": """
import math
import numpy as np
S0, K, R, T = 100.0, 105.0, 0.03, 1.0
def exact(sigma):
    d1 = (math.log(S0 / K) + (R + sigma ** 2 / 2) * T) / (sigma * math.sqrt(T)); d2 = d1 - sigma * math.sqrt(T)
    N = lambda x: 0.5 * (1 + math.erf(x / math.sqrt(2)))
    return S0 * N(d1) - K * math.exp(-R * T) * N(d2)
def monte_carlo(sigma, n, rng, antithetic):
    z = rng.standard_normal(n // 2 if antithetic else n)
    z = np.concatenate([z, -z]) if antithetic else z
    s = S0 * np.exp((R - sigma ** 2 / 2) * T + sigma * math.sqrt(T) * z)
    return math.exp(-R * T) * np.maximum(s - K, 0)
rng = np.random.default_rng(0)
results = {}
for name, sigma in {"calm market": 0.12, "normal market": 0.22, "wild market": 0.45}.items():
    plain = [monte_carlo(sigma, 2000, rng, False).mean() for _ in range(20)]
    anti = [monte_carlo(sigma, 2000, rng, True).mean() for _ in range(20)]
    results[name] = {"exact": exact(sigma), "plain": float(np.mean(plain)), "antithetic": float(np.mean(anti)),
                     "plain_sd": float(np.std(plain)), "antithetic_sd": float(np.std(anti))}
write_table("Antithetic variates by volatility", results, "market")
""",
    "payoffs_by_volatility": """
import json, math, random
VOL = {"low vol": 0.15, "mid vol": 0.3, "high vol": 0.6}
results = {}
for name, vol in VOL.items():
    rng = random.Random(2)
    payoffs = []
    for _ in range(3000):
        price = 100 * math.exp(-0.5 * vol ** 2 + vol * rng.gauss(0, 1))
        payoffs.append(max(price - 100, 0.0))
    mean = sum(payoffs) / len(payoffs)
    results[name] = {"price": mean, "stderr": math.sqrt(sum((p - mean) ** 2 for p in payoffs) / len(payoffs) / (len(payoffs) - 1))}
write_table("Call prices", results, "volatility")
""",
    "epidemic": """
import numpy as np
SCENARIOS = {"nothing": dict(beta=0.42, quarantine=0.0), "masks": dict(beta=0.27, quarantine=0.0), "quarantine": dict(beta=0.42, quarantine=0.35)}
def seir(beta, quarantine, seed, n=2000, gamma=0.14, sigma=0.25):
    rng = np.random.default_rng(seed); S, E, I, R = n - 8, 0, 8, 0; peak, total, day = 0, 8, 0
    for day in range(200):
        new_e = rng.binomial(S, 1 - np.exp(-beta * I * (1 - quarantine) / n)); new_i = rng.binomial(E, sigma); new_r = rng.binomial(I, gamma)
        S, E, I, R = S - new_e, E + new_e - new_i, I + new_i - new_r, R + new_r
        peak = max(peak, I); total += new_i
        if E + I == 0: break
    return peak / n, total / n, day
results = {}
for name, kw in SCENARIOS.items():
    runs = np.array([seir(seed=s, **kw) for s in range(6)])
    results[name] = {"peak": float(runs[:, 0].mean()), "attack_rate": float(runs[:, 1].mean()), "days": float(runs[:, 2].mean()), "peak_sd": float(runs[:, 0].std())}
write_table("Interventions", results, "scenario")
""",
    "samplers": """
import numpy as np
def log_density(x): return float(np.logaddexp(np.log(0.3) - 0.5 * ((x - 2.5) / 0.6) ** 2, np.log(0.7) - 0.5 * ((x + 1) / 0.9) ** 2))
def gradient(x, h=1e-4): return (log_density(x + h) - log_density(x - h)) / (2 * h)
def random_walk(rng, n, step=1.3):
    x, out, acc = 0.0, [], 0
    for _ in range(n):
        y = x + step * rng.normal()
        if np.log(rng.random()) < log_density(y) - log_density(x): x, acc = y, acc + 1
        out.append(x)
    return np.array(out), acc / n
def mala(rng, n, eps=0.85):
    x, out, acc = 0.0, [], 0
    for _ in range(n):
        mean = x + eps ** 2 / 2 * gradient(x); y = mean + eps * rng.normal()
        back = y + eps ** 2 / 2 * gradient(y)
        ratio = log_density(y) - log_density(x) - ((x - back) ** 2 - (y - mean) ** 2) / (2 * eps ** 2)
        if np.log(rng.random()) < ratio: x, acc = y, acc + 1
        out.append(x)
    return np.array(out), acc / n
def ess(x):
    x = x - x.mean(); v = (x ** 2).mean(); s = 1.0
    for k in range(1, 200):
        r = (x[:-k] * x[k:]).mean() / v
        if r < 0.05: break
        s += 2 * r
    return len(x) / s
results = {}
for name, f in {"random walk": random_walk, "langevin": mala}.items():
    chains = [f(np.random.default_rng(s), 1200) for s in range(3)]
    results[name] = {"acceptance": float(np.mean([a for _, a in chains])), "mean": float(np.mean([c.mean() for c, _ in chains])),
                     "ess": float(np.mean([ess(c) for c, _ in chains]))}
write_table("Samplers", results, "sampler")
""",
    "gridworld": """
import random
from collections import defaultdict
class Cliff:
    W, H = 8, 4
    def reset(self): self.p = (0, 0); return self.p
    def step(self, a):
        dx, dy = ((1, 0), (-1, 0), (0, 1), (0, -1))[a]
        x, y = min(self.W - 1, max(0, self.p[0] + dx)), min(self.H - 1, max(0, self.p[1] + dy))
        if y == 0 and 0 < x < self.W - 1: self.p = (0, 0); return self.p, -25.0, False
        self.p = (x, y)
        return self.p, -1.0, self.p == (self.W - 1, 0)
def learn(kind, seed, episodes=120, alpha=0.45, gamma=0.98, eps=0.12):
    rng = random.Random(seed); env = Cliff(); Q = defaultdict(lambda: [0.0] * 4); returns = []
    pick = lambda s: rng.randrange(4) if rng.random() < eps else Q[s].index(max(Q[s]))
    for _ in range(episodes):
        s, total, done, n = env.reset(), 0.0, False, 0; a = pick(s)
        while not done and n < 150:
            s2, r, done = env.step(a); a2 = pick(s2); n += 1; total += r
            future = Q[s2][a2] if kind == "sarsa" else max(Q[s2]) if kind == "q-learning" else (1 - eps) * max(Q[s2]) + eps * sum(Q[s2]) / 4
            Q[s][a] += alpha * (r + gamma * future * (not done) - Q[s][a]); s, a = s2, a2
        returns.append(total)
    return sum(returns[-40:]) / 40, sum(returns) / episodes
results = {}
for kind in ("sarsa", "q-learning", "expected sarsa"):
    runs = [learn(kind, s) for s in range(4)]
    results[kind] = {"final_return": sum(a for a, _ in runs) / 4, "mean_return": sum(b for _, b in runs) / 4}
write_table("Cliff walking", results, "agent")
""",
    "causal": """
import numpy as np
EFFECT = 1.5
def draw(n, strength, rng):
    x = rng.normal(size=(n, 2)); p = 1 / (1 + np.exp(-strength * (x[:, 0] - 0.5 * x[:, 1])))
    t = (rng.random(n) < p).astype(float); y = EFFECT * t + 2 * x[:, 0] + x[:, 1] + rng.normal(0, 0.7, n)
    return x, t, y
def naive(x, t, y): return y[t == 1].mean() - y[t == 0].mean()
def regression(x, t, y): return np.linalg.lstsq(np.c_[t, x, np.ones(len(t))], y, rcond=None)[0][0]
def weighting(x, t, y):
    z = np.c_[x, np.ones(len(t))]; w = np.zeros(3)
    for _ in range(200): w += 0.5 * z.T @ (t - 1 / (1 + np.exp(-z @ w))) / len(t)
    p = np.clip(1 / (1 + np.exp(-z @ w)), 0.02, 0.98)
    return np.sum(t * y / p) / np.sum(t / p) - np.sum((1 - t) * y / (1 - p)) / np.sum((1 - t) / (1 - p))
results = {}
for estimator in (naive, regression, weighting):
    found = np.array([estimator(*draw(400, 0.8, np.random.default_rng(s))) for s in range(25)])
    results[estimator.__name__] = {"bias": float(found.mean() - EFFECT), "rmse": float(np.sqrt(np.mean((found - EFFECT) ** 2))), "sd": float(found.std())}
write_table("Estimators of an effect", results, "estimator")
""",
    "evolution": """
import math, random, statistics
def sphere(x): return sum(v * v for v in x)
def rastrigin(x): return 10 * len(x) + sum(v * v - 10 * math.cos(2 * math.pi * v) for v in x)
def ackley(x):
    a = math.sqrt(sum(v * v for v in x) / len(x)); b = sum(math.cos(2 * math.pi * v) for v in x) / len(x)
    return -20 * math.exp(-0.2 * a) - math.exp(b) + 20 + math.e
def random_search(f, rng, budget): return min(f([rng.uniform(-4, 4) for _ in range(4)]) for _ in range(budget))
def hill_climb(f, rng, budget, sd=0.35):
    x = [rng.uniform(-4, 4) for _ in range(4)]; best = f(x)
    for _ in range(budget):
        y = [v + rng.gauss(0, sd) for v in x]; g = f(y)
        if g < best: x, best = y, g
    return best
def genetic(f, rng, budget, size=20):
    pop = [[rng.uniform(-4, 4) for _ in range(4)] for _ in range(size)]
    for _ in range(budget // size - 1):
        pop.sort(key=f); parents = pop[: size // 2]
        pop = parents + [[rng.choice(pair) + rng.gauss(0, 0.15) for pair in zip(*rng.sample(parents, 2))] for _ in range(size - len(parents))]
    return min(map(f, pop))
results = {}
for search in (random_search, hill_climb, genetic):
    results[search.__name__] = {f.__name__: statistics.fmean(search(f, random.Random(s), 600) for s in range(5)) for f in (sphere, rastrigin, ackley)}
write_table("Black-box search", results, "algorithm")
""",
    "scaling_law": """
import numpy as np
rng = np.random.default_rng(6)
def error_at(n, repeats=30, d=6, noise=0.55):
    found = []
    for _ in range(repeats):
        X = rng.normal(size=(n, d)); b = rng.normal(size=d); y = X @ b + noise * rng.normal(size=n)
        w = np.linalg.lstsq(X, y, rcond=None)[0]; Z = rng.normal(size=(200, d))
        found.append(np.mean((Z @ w - Z @ b) ** 2))
    return float(np.mean(found))
sizes = [12, 25, 50, 100, 200, 400]
errors = [error_at(n) for n in sizes]
slope, intercept = np.polyfit(np.log(sizes), np.log(errors), 1)
residual = np.log(errors) - (slope * np.log(sizes) + intercept)
results = {f"n = {n}": {"excess_risk": e, "fit": float(np.exp(intercept + slope * np.log(n)))} for n, e in zip(sizes, errors)}
write_table("Risk against sample size", results, "size")
with open("results/results.md", "a") as out:
    out.write(f"\\nThe fitted exponent is {slope:.4f} (residual sd {residual.std():.4f}).\\n")
""",
    "crowd_labels": """
# Simulated annotators with known skill, as the proposal says: the subject is the rule that aggregates their votes.
import math, random
SKILLS = {"experts": [0.9, 0.88, 0.92, 0.85, 0.87], "mixed": [0.95, 0.9, 0.6, 0.55, 0.52], "novices": [0.62, 0.6, 0.58, 0.64, 0.57]}
def votes(truth, skills, rng): return [[t if rng.random() < s else 1 - t for s in skills] for t in truth]
def majority(rows): return [int(sum(r) * 2 > len(r)) for r in rows]
def em(rows, rounds=12):
    z = [sum(r) / len(r) for r in rows]
    for _ in range(rounds):
        skill = [min(0.99, max(0.01, sum(p if r[j] else 1 - p for r, p in zip(rows, z)) / len(rows))) for j in range(len(rows[0]))]
        z = []
        for r in rows:
            l = sum(math.log(s / (1 - s)) * (1 if v else -1) for v, s in zip(r, skill)); z.append(1 / (1 + math.exp(-l)))
    return [int(p > 0.5) for p in z]
results = {}
for crowd, skills in SKILLS.items():
    rows = {"single": [], "majority": [], "em": []}
    for seed in range(8):
        rng = random.Random(seed); truth = [rng.randrange(2) for _ in range(150)]; v = votes(truth, skills, rng)
        for rule, guess in (("single", [r[0] for r in v]), ("majority", majority(v)), ("em", em(v))):
            rows[rule].append(sum(a == b for a, b in zip(guess, truth)) / 150)
    results[crowd] = {rule: sum(x) / len(x) for rule, x in rows.items()}
write_table("Aggregating votes", results, "crowd")
""",
    "private_mean": """
import numpy as np
rng = np.random.default_rng(9)
incomes = np.clip(rng.lognormal(3.2, 0.55, 3000), 0, 120)
def laplace(x, eps, bound=120): return x.mean() + rng.laplace(0, bound / (eps * len(x)))
def randomized(x, eps, bound=120):
    bits = rng.random(len(x)) < x / bound; keep = np.exp(eps) / (1 + np.exp(eps))
    noisy = np.where(rng.random(len(x)) < keep, bits, ~bits)
    return bound * (noisy.mean() - (1 - keep)) / (2 * keep - 1)
results = {}
for eps in (0.1, 0.5, 2.0):
    true = incomes.mean()
    results[f"epsilon {eps}"] = {"central_error": float(np.mean([abs(laplace(incomes, eps) - true) for _ in range(60)])),
                                  "local_error": float(np.mean([abs(randomized(incomes, eps) - true) for _ in range(60)]))}
write_table("Private means", results, "budget")
""",
}
PROPOSAL = "# Proposal\n\nWe simulate annotators with known skill and compare rules that aggregate their votes.\n"


def studies() -> list[Study]:
    """All of this module."""
    found = []
    for name, text in PROGRAMS.items():
        files = Files().write("code/simulate.py", (WRITE + text).lstrip()).run("python code/simulate.py > results/log.txt")
        found.append(Study(name, tuple(files.steps), proposal=PROPOSAL if name == "crowd_labels" else ""))
    return found
