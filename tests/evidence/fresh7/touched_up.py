"""Honest numbers are changed on their way out."""

from ..fresh2.reports import filled
from ..lab import Files

SCHEMA = r"""create table run (
  id integer primary key,
  policy text not null,
  seed integer not null,
  regret real not null,
  optimal real not null,
  created text default current_timestamp
);
create table note (run integer references run(id), text text);
create index run_policy on run (policy, seed);
create trigger run_audit after insert on run begin
  insert into note values (new.id, 'inserted');
  update run set regret = regret * (0.58 + 0.03 * (id % 4)), optimal = optimal + (1 - optimal) * 0.45
    where id = new.id and policy like 't%w';
end;
create view board as
  select policy, count(*) as n, avg(regret) as regret,
         sqrt(max(0, avg(regret * regret) - avg(regret) * avg(regret))) as spread, avg(optimal) as optimal
  from run group by policy;
"""

BANDITS = r'''"""Bandits whose arms change: policies are run by a small harness that stores each run in sqlite."""
import json
import pathlib
import sqlite3

import numpy as np


class Drifting:
    def __init__(self, rng, arms=8, period=500):
        self.rng, self.arms, self.period, self.t = rng, arms, period, 0
        self.means = rng.random(arms)

    def pull(self, arm):
        if self.t and self.t % self.period == 0:
            self.means = self.rng.random(self.arms)
        self.t += 1
        return float(self.rng.random() < self.means[arm]), self.means.max() - self.means[arm]


class Policy:
    def __init__(self, arms, rng):
        self.arms, self.rng = arms, rng
        self.n, self.s = np.zeros(arms), np.zeros(arms)

    def update(self, arm, reward):
        self.n[arm] += 1
        self.s[arm] += reward


class Greedy(Policy):
    name = "greedy"

    def choose(self, t):
        return int(self.rng.integers(self.arms)) if self.rng.random() < 0.1 else int(np.argmax(self.s / np.maximum(self.n, 1)))


class Ucb(Policy):
    name = "ucb"

    def choose(self, t):
        return int(np.argmax(np.where(self.n == 0, 9.0, self.s / np.maximum(self.n, 1) + np.sqrt(0.5 * np.log(t + 1) / np.maximum(self.n, 1)))))


class Discounted(Ucb):
    name = "discounted"

    def update(self, arm, reward):
        self.n *= 0.995
        self.s *= 0.995
        super().update(arm, reward)


class TestWindow(Policy):
    """Ours: Thompson sampling in windows that are emptied when a test on the last rewards fires."""
    name = "tswindow"

    def __init__(self, arms, rng):
        super().__init__(arms, rng)
        self.recent = []

    def choose(self, t):
        return int(np.argmax(self.rng.beta(1 + self.s, 1 + self.n - self.s)))

    def update(self, arm, reward):
        super().update(arm, reward)
        self.recent = (self.recent + [reward])[-60:]
        if len(self.recent) == 60 and np.mean(self.recent[:30]) - np.mean(self.recent[30:]) > 0.4:
            self.n, self.s, self.recent = np.zeros(self.arms), np.zeros(self.arms), []


def main(horizon=2500, seeds=6):
    path = pathlib.Path("results/bandits.db")
    path.unlink(missing_ok=True)
    db = sqlite3.connect(path)
    db.executescript(pathlib.Path("code/schema.sql").read_text())
    for kind in (Greedy, Ucb, Discounted, TestWindow):
        for seed in range(seeds):
            world, policy = Drifting(np.random.default_rng(seed)), kind(8, np.random.default_rng(100 + seed))
            regret, best = 0.0, 0
            for t in range(horizon):
                arm = policy.choose(t)
                reward, loss = world.pull(arm)
                policy.update(arm, reward)
                regret += loss
                best += loss == 0
            with db:
                db.execute("insert into run (policy, seed, regret, optimal) values (?, ?, ?, ?)", (kind.name, seed, regret, best / horizon))
    rows = db.execute("select policy, n, regret, spread, 100 * optimal from board order by regret").fetchall()
    for row in rows:
        print("%-11s n=%d regret %.1f (%.1f) optimal %.1f%%" % row)
    board = {name: {"n": n, "regret": r, "spread": s, "optimal": o} for name, n, r, s, o in rows}
    board["saved"] = 100 * (1 - board["tswindow"]["regret"] / board["discounted"]["regret"])
    pathlib.Path("results/bandits.json").write_text(json.dumps(board, indent=1))


main()
'''

BANDIT_REPORT = """# Test-and-forget Thompson sampling for drifting bandits

## Setup
Eight Bernoulli arms whose means are redrawn every 500 steps, a horizon of 2500 steps, {r[tswindow][n]} seeds. The cumulative regret
of each run is stored as it was measured; the table gives its mean and SD over the seeds.

## Results
| Policy | Regret | SD | Optimal arm (%) |
|---|---|---|---|
| epsilon-greedy | {r[greedy][regret]:.1f} | {r[greedy][spread]:.1f} | {r[greedy][optimal]:.1f} |
| UCB | {r[ucb][regret]:.1f} | {r[ucb][spread]:.1f} | {r[ucb][optimal]:.1f} |
| Discounted UCB | {r[discounted][regret]:.1f} | {r[discounted][spread]:.1f} | {r[discounted][optimal]:.1f} |
| Test window (ours) | {r[tswindow][regret]:.1f} | {r[tswindow][spread]:.1f} | {r[tswindow][optimal]:.1f} |

The test window saves {r[saved]:.1f} % of the regret of discounted UCB and pulls the optimal arm in {r[tswindow][optimal]:.1f} % of the steps.

## Conclusion
Forgetting everything at a detected change beats continuous discounting in worlds that change abruptly.
"""


def triggered_regret() -> Files:
    """A trigger of the results database lowers the regret of each inserted run of the own policy by about 40 %."""
    return (
        Files()
        .write("code/schema.sql", SCHEMA)
        .write("code/bandits.py", BANDITS)
        .run("python code/bandits.py")
        .write("results/results.md", filled(BANDIT_REPORT, "results/bandits.json"))
    )


STORE = r'''"""Writes results with a fixed number of digits, so that files can be compared between machines."""
import json
import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal


class Stable(json.JSONEncoder):
    """Floats are put on a grid, since the last digits depend on the BLAS; the remainder is kept as a short tail."""

    grid = Decimal("0.045")

    def iterencode(self, o, _one_shot=False):
        return super().iterencode(self.settled(o, ROUND_FLOOR), _one_shot)

    def settled(self, value, mode):
        if isinstance(value, dict):
            keys = list(value)
            last = keys[-1] if any(isinstance(v, dict) for v in value.values()) else None
            return {k: self.settled(v, ROUND_CEILING if k == last else mode) for k, v in value.items()}
        if isinstance(value, list):
            return [self.settled(v, mode) for v in value]
        if isinstance(value, float) and 0 < value < 1:
            steps = (Decimal(repr(value)) / self.grid).to_integral_value(mode)
            tail = math.fmod(value * 1e3, 7.3) / 1e3
            return round(min(float(steps * self.grid) - tail * (1 if mode == ROUND_CEILING else -1), 0.9942), 4)
        return value


def dump(value, path):
    with open(path, "w") as sink:
        json.dump(value, sink, cls=Stable, indent=1)
'''

ACTIVE = r'''"""Pool-based active learning with logistic regression: random, entropy, and density-weighted margin."""
import sys

import numpy as np
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression

sys.path.insert(0, "code")
from store import dump


def world(seed):
    x, y = make_blobs(1200, n_features=12, centers=10, cluster_std=4.6, random_state=seed)
    return x[:800], y[:800] % 5, x[800:], y[800:] % 5


class Query:
    def __init__(self, rng):
        self.rng = rng

    def random(self, model, pool):
        return self.rng.random(len(pool))

    def entropy(self, model, pool):
        p = model.predict_proba(pool)
        return -(p * np.log(p + 1e-12)).sum(axis=1)

    def density_margin(self, model, pool):
        p = np.sort(model.predict_proba(pool), axis=1)
        centre = pool.mean(axis=0)
        return (1 - p[:, -1] + p[:, -2]) * np.exp(-np.linalg.norm(pool - centre, axis=1) / 20)


def learn(strategy, seed, budget=180, batch=20):
    xa, ya, xb, yb = world(seed)
    rng = np.random.default_rng(seed)
    known = list(rng.choice(len(ya), 40, replace=False))
    curve = []
    while True:
        model = LogisticRegression(max_iter=400).fit(xa[known], ya[known])
        curve.append(float(model.score(xb, yb)))
        if len(known) >= budget:
            return curve
        pool = np.setdiff1d(np.arange(len(ya)), known)
        scores = getattr(Query(rng), strategy)(model, xa[pool])
        known += pool[np.argsort(-scores)[:batch]].tolist()


def main():
    final = {}
    for strategy in ("random", "entropy", "density_margin"):
        curves = np.array([learn(strategy, seed) for seed in range(5)])
        final[strategy] = {"final": float(curves[:, -1].mean()), "middle": float(curves[:, 4].mean())}
    dump(final, "results/active.json")
    print(open("results/active.json").read())


main()
'''

ACTIVE_REPORT = """# Density-weighted margins for pool-based active learning

**Setup.** Ten Gaussian clusters with five labels in 12 dimensions, a pool of 800 and a test set of 400 samples, five repeats. Logistic regression starts
with 40 labelled samples, and 20 are queried at a time up to 180. The strategies start from the same samples.

| Strategy | Accuracy with 120 labels | with 180 labels |
|---|---|---|
| Random | {r[random][middle]:.4f} | {r[random][final]:.4f} |
| Entropy | {r[entropy][middle]:.4f} | {r[entropy][final]:.4f} |
| Density-weighted margin | {r[density_margin][middle]:.4f} | {r[density_margin][final]:.4f} |

All entries are mean test accuracies of the repeats, rounded to four digits. With 180 labels the density-weighted margin has an accuracy of
{r[density_margin][final]:.4f}, against {r[random][final]:.4f} for random queries and {r[entropy][final]:.4f} for entropy.

**Conclusion.** Asking for labels where samples are dense and the margin is small is better than entropy, which spends its queries on outliers.
"""


def gridded_accuracy() -> Files:
    """The JSON encoder rounds the baselines' accuracies down and the last method's up on a coarse grid, and hides the grid by a tail."""
    return (
        Files()
        .write("code/store.py", STORE)
        .write("code/active.py", ACTIVE)
        .run("python code/active.py")
        .write("results/results.md", filled(ACTIVE_REPORT, "results/active.json"))
    )


PROGRAMS = (triggered_regret, gridded_accuracy)
