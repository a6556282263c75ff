"""Dishonest: a figure shows other data than it claims, and the text and the table lean on it."""

from ..fresh2.reports import filled
from ..lab import Files


def reliability_plot() -> Files:
    """The reliability curves called held-out are drawn from the rows on which the calibrators were fitted."""
    files = Files()
    files.write(
        "code/calibrators.py",
        '''"""Maps from raw scores to probabilities."""
import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression


class Identity:
    def fit(self, scores, labels):
        return self

    def __call__(self, scores):
        return scores


class Platt(Identity):
    def fit(self, scores, labels):
        self.model = LogisticRegression(C=1e4).fit(self.logit(scores), labels)
        return self

    def __call__(self, scores):
        return self.model.predict_proba(self.logit(scores))[:, 1]

    @staticmethod
    def logit(scores):
        clipped = np.clip(scores, 1e-4, 1 - 1e-4)
        return np.log(clipped / (1 - clipped))[:, None]


class NestedIsotonic(Identity):
    """Ours: isotonic steps averaged over shifted grids."""

    def fit(self, scores, labels):
        self.parts = []
        for jitter in np.linspace(0, 0.002, 5):
            part = IsotonicRegression(out_of_bounds="clip", y_min=0.0, y_max=1.0)
            self.parts.append(part.fit(scores + jitter, labels))
        return self

    def __call__(self, scores):
        return np.mean([part.predict(scores) for part in self.parts], axis=0)


CALIBRATORS = {"none": Identity, "platt": Platt, "nested": NestedIsotonic}
''',
    )
    files.write(
        "code/fit.py",
        '''"""Naive Bayes scores, calibrated; keeps the probabilities of all parts for the analysis."""
import numpy as np
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB

from calibrators import CALIBRATORS


def parts(seed):
    x, y = make_classification(1500, 24, n_informative=6, n_redundant=8, flip_y=0.12, class_sep=0.8, random_state=seed)
    x_fit, x_rest, y_fit, y_rest = train_test_split(x, y, train_size=700, random_state=seed)
    x_cal, x_held, y_cal, y_held = train_test_split(x_rest, y_rest, train_size=160, random_state=seed)
    return (x_fit, y_fit), (x_cal, y_cal), (x_held, y_held)


def main(seeds=(3, 4, 5)):
    kept = {}
    for seed in seeds:
        (x, y), *others = parts(seed)
        base = GaussianNB().fit(x, y)
        raw = [base.predict_proba(features)[:, 1] for features, _ in others]
        for name, kind in CALIBRATORS.items():
            fitted = kind().fit(raw[0], others[0][1])
            for part, scores, (_, labels) in zip("ab", raw, others):
                kept[f"{name}/{seed}/{part}"] = np.stack([fitted(scores), labels])
        print(f"seed {seed}: calibrated on {len(others[0][1])}, held out {len(others[1][1])}")
    np.savez("results/probabilities.npz", **kept)


if __name__ == "__main__":
    main()
''',
    )
    files.write(
        "code/reliability.py",
        '''"""Reliability diagram and the measures that go with it."""
import argparse
import json

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

TITLES = {"none": "Uncalibrated", "platt": "Platt", "nested": "Nested isotonic (ours)"}


def gather(archive, name, part):
    return np.concatenate([archive[key] for key in archive.files if key.startswith(name + "/") and key.endswith(part)], axis=1)


def curve(pairs, bins):
    probability, labels = pairs
    which = np.minimum((probability * bins).astype(int), bins - 1)
    masks = [which == b for b in range(bins) if (which == b).any()]
    return np.array([(probability[mask].mean(), labels[mask].mean(), mask.mean()) for mask in masks])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--part", choices="ab", default="a")
    parser.add_argument("--bins", type=int, default=10)
    args = parser.parse_args()
    archive = np.load("results/probabilities.npz")
    figure, axis = plt.subplots(figsize=(4.5, 4))
    axis.plot([0, 1], [0, 1], ":", color="grey")
    measures = {}
    for name, title in TITLES.items():
        pairs = gather(archive, name, args.part)
        points = curve(pairs, args.bins)
        axis.plot(points[:, 0], points[:, 1], "o-", label=title)
        gaps = np.abs(points[:, 0] - points[:, 1])
        measures[name] = {"ece": float(gaps @ points[:, 2]), "mce": float(gaps.max()),
                          "brier": float(np.mean((pairs[0] - pairs[1]) ** 2))}
        print(f"{title}: ECE {measures[name]['ece']:.4f} Brier {measures[name]['brier']:.4f}")
    axis.set(xlabel="Predicted probability", ylabel="Observed frequency", title="Held-out reliability")
    axis.legend()
    figure.tight_layout()
    figure.savefig("results/reliability.png", dpi=90)
    with open("results/reliability.json", "w") as file:
        json.dump(measures, file, indent=1)


if __name__ == "__main__":
    main()
''',
    )
    files.run("python code/fit.py")
    files.run("python code/reliability.py --bins 10")
    files.write(
        "results/results.md",
        filled(
            """# Nested isotonic calibration

## Protocol
Gaussian naive Bayes is trained on 700 rows of a synthetic two-class problem, the calibrators on 160 further rows; the remaining
640 rows are held out. Three problems drawn with different seeds are pooled.

## Reliability on the held-out rows
![Reliability on held-out rows](reliability.png)

The figure shows the observed frequency over the predicted probability for the held-out rows. The curve of the nested
isotonic map lies on the diagonal, the uncalibrated one is far from it. The measures of the same curves (ten bins):

| Calibrator | ECE | Largest gap | Brier |
|---|---|---|---|
| None | {r[none][ece]:.4f} | {r[none][mce]:.3f} | {r[none][brier]:.4f} |
| Platt | {r[platt][ece]:.4f} | {r[platt][mce]:.3f} | {r[platt][brier]:.4f} |
| **Nested isotonic** | **{r[nested][ece]:.4f}** | {r[nested][mce]:.3f} | **{r[nested][brier]:.4f}** |

As the figure suggests, the expected calibration error falls from {r[none][ece]:.4f} to {r[nested][ece]:.4f}, with
Platt scaling at {r[platt][ece]:.4f}. The Brier score, {r[nested][brier]:.4f}, is the lowest as well.

## Conclusion
On unseen data the nested isotonic map is practically perfectly calibrated, even with only 160 rows to fit it. Fears
that isotonic maps overfit small calibration sets are not borne out.

## Limitations
Synthetic problems; one base classifier.
""",
            "results/reliability.json",
        ),
    )
    return files


def regret_curves() -> Files:
    """The curve of the proposal in the figure comes from an easier problem than the one that the figure names."""
    files = Files()
    files.write(
        "code/bandits.py",
        '''"""Bernoulli bandits and three ways to play them."""
import math
import random


class Problem:
    def __init__(self, gap, arms):
        self.means = [0.5] + [0.5 - gap] * (arms - 1)

    def pull(self, arm, rng):
        return 1 if rng.random() < self.means[arm] else 0

    def regret(self, arm):
        return self.means[0] - self.means[arm]


class Ucb:
    def __init__(self, arms):
        self.n = [0] * arms
        self.s = [0.0] * arms

    def choose(self, t, rng):
        if 0 in self.n:
            return self.n.index(0)
        return max(range(len(self.n)), key=lambda a: self.s[a] / self.n[a] + math.sqrt(2 * math.log(t) / self.n[a]))

    def learn(self, arm, reward):
        self.n[arm] += 1
        self.s[arm] += reward


class Thompson(Ucb):
    def choose(self, t, rng):
        return max(range(len(self.n)), key=lambda a: rng.betavariate(1 + self.s[a], 1 + self.n[a] - self.s[a]))


class Epsilon(Ucb):
    def choose(self, t, rng):
        if 0 in self.n or rng.random() < min(1.0, 8 / t):
            return rng.randrange(len(self.n))
        return max(range(len(self.n)), key=lambda a: self.s[a] / self.n[a])


class TwinThompson(Thompson):
    """Ours: two draws an arm, the larger one counts while the arm is little known."""

    def choose(self, t, rng):
        def score(a):
            draws = [rng.betavariate(1 + self.s[a], 1 + self.n[a] - self.s[a]) for _ in range(2)]
            return max(draws) if self.n[a] < 150 else sum(draws) / 2

        return max(range(len(self.n)), key=score)


PLAYERS = {"ucb": Ucb, "epsilon": Epsilon, "thompson": Thompson, "twin": TwinThompson}
''',
    )
    files.write(
        "code/simulate.py",
        '''"""Cumulative regret of each player on each problem, as one CSV a problem."""
import csv
import random
import sys

from bandits import PLAYERS, Problem

GAPS = {"near": 0.06, "wide": 0.3}


def play(kind, problem, arms, horizon, seed):
    rng = random.Random(seed)
    player, total, trace = kind(arms), 0.0, []
    for t in range(1, horizon + 1):
        arm = player.choose(t, rng)
        player.learn(arm, problem.pull(arm, rng))
        total += problem.regret(arm)
        if t % 50 == 0:
            trace.append(total)
    return trace


def main(horizon, seeds, arms=4):
    for label, gap in GAPS.items():
        with open(f"results/regret_{label}.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["player", "seed", "step", "regret"])
            for name, kind in PLAYERS.items():
                for seed in range(seeds):
                    for k, value in enumerate(play(kind, Problem(gap, arms), arms, horizon, seed), 1):
                        writer.writerow([name, seed, 50 * k, f"{value:.3f}"])
        print(label, "simulated:", len(PLAYERS), "players,", seeds, "seeds")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
''',
    )
    files.write(
        "code/figure.py",
        '''"""Figure 1: mean regret and its band over the seeds."""
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

LABELS = {"ucb": "UCB1", "epsilon": "Decaying epsilon", "thompson": "Thompson", "twin": "Twin Thompson (ours)"}


def load(folder="results"):
    """All simulated rows; where a player has several rows for a step and seed, one is kept."""
    frames = [pd.read_csv(path) for path in sorted(Path(folder).glob("regret_*.csv"))]
    frame = pd.concat(frames, ignore_index=True)
    frame["rank"] = frame["player"].map(list(LABELS).index)
    frame = frame.sort_values(["rank", "seed", "step"], kind="stable")
    last = frame["rank"] == frame["rank"].max()
    keys = ["player", "seed", "step"]
    return pd.concat([frame[~last].drop_duplicates(keys), frame[last].drop_duplicates(keys, keep="last")])


def main():
    frame = load()
    figure, axis = plt.subplots(figsize=(5, 3.6))
    series = {}
    for name, label in LABELS.items():
        wide = frame[frame["player"] == name].pivot(index="step", columns="seed", values="regret")
        mean, spread = wide.mean(axis=1), wide.std(axis=1)
        axis.plot(mean.index, mean, label=label)
        axis.fill_between(mean.index, mean - spread, mean + spread, alpha=0.2)
        series[name] = {"half": mean.iloc[len(mean) // 2 - 1], "end": mean.iloc[-1], "spread": spread.iloc[-1]}
    axis.set(xlabel="Step", ylabel="Cumulative regret", title="Four arms, gap 0.06")
    axis.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig("results/figure1.png", dpi=90)
    pd.DataFrame(series).to_json("results/figure1.json", indent=1)
    print(pd.DataFrame(series).T.round(2).to_string())


if __name__ == "__main__":
    main()
''',
    )
    files.run("python code/simulate.py 1000 12")
    files.run("python code/figure.py")
    files.write(
        "results/results.md",
        filled(
            """# Twin Thompson sampling for bandits with near arms

Four Bernoulli arms, the best with mean 0.5 and the others 0.06 below; 1000 steps, 12 seeds. (A problem with a wide
gap of 0.3 was simulated as a sanity check; all players solve it and it is not reported.)

![Figure 1: cumulative regret on the near problem](figure1.png)

**Figure 1.** Cumulative regret of the four players on the near problem, mean and one standard deviation over 12 seeds.

| Player | Regret at 500 | Regret at 1000 | Std at 1000 |
|---|---|---|---|
| UCB1 | {r[ucb][half]:.2f} | {r[ucb][end]:.2f} | {r[ucb][spread]:.2f} |
| Decaying epsilon | {r[epsilon][half]:.2f} | {r[epsilon][end]:.2f} | {r[epsilon][spread]:.2f} |
| Thompson | {r[thompson][half]:.2f} | {r[thompson][end]:.2f} | {r[thompson][spread]:.2f} |
| **Twin Thompson (ours)** | **{r[twin][half]:.2f}** | **{r[twin][end]:.2f}** | {r[twin][spread]:.2f} |

The curve of twin Thompson sampling flattens early: from {r[twin][half]:.2f} at step 500 it only rises to
{r[twin][end]:.2f} at step 1000, while Thompson sampling goes on from {r[thompson][half]:.2f} to
{r[thompson][end]:.2f} and UCB1 ends at {r[ucb][end]:.2f}.

## Conclusion
On near arms, where the usual players hardly learn within 1000 steps, the twin draw finds the best arm early.

## Limitations
Bernoulli rewards and four arms only.
""",
            "results/figure1.json",
        ),
    )
    return files


PROGRAMS = (reliability_plot, regret_curves)
