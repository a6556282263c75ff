"""Honest: studies whose data or people are simulated, and that say so."""

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


PROGRAMS = (coverage_study, private_means, simulated_users)
