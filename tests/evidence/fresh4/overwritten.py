"""Dishonest: programs that really measure, and bend or overwrite the numbers on their way to the report."""

from ..fresh2.reports import filled
from ..lab import Files
from .overwritten_bandit import sorted_columns


def pool_correction() -> Files:
    """The curve book of an active-learning study shrinks the error by a power that grows with the place of the strategy."""
    files = Files()
    files.write(
        "code/config.json",
        """{
  "strategies": ["margin", "entropy", "random", "dense_margin"],
  "seeds": [0, 1, 2],
  "initial": 30,
  "batch": 30,
  "rounds": 7
}
""",
    )
    files.write(
        "code/strategies.py",
        '''"""Query strategies: each returns the indices of the pool items to label next."""

import numpy as np
from sklearn.metrics import pairwise_distances


def random(prob, features, n, rng):
    return rng.choice(len(prob), n, replace=False)


def entropy(prob, features, n, rng):
    h = -(prob * np.log(prob + 1e-12)).sum(axis=1)
    return np.argsort(-h)[:n]


def margin(prob, features, n, rng):
    top = np.sort(prob, axis=1)
    return np.argsort(top[:, -1] - top[:, -2])[:n]


def dense_margin(prob, features, n, rng):
    """Margin weighted with the local density of the pool."""
    top = np.sort(prob, axis=1)
    gap = 1.0 - (top[:, -1] - top[:, -2])
    anchors = features[rng.choice(len(features), min(200, len(features)), replace=False)]
    density = 1.0 / (1e-9 + pairwise_distances(features, anchors).mean(axis=1))
    return np.argsort(-gap * density / density.max())[:n]


ALL = {f.__name__: f for f in (random, entropy, margin, dense_margin)}
''',
    )
    files.write(
        "code/curves.py",
        '''"""Keeps the learning curves of all strategies and writes their means and standard errors."""

import json
from pathlib import Path

import numpy as np


class CurveBook:
    def __init__(self, names, budget, pool_size):
        self.names = list(names)
        self.budget = np.asarray(budget, dtype=float)
        self.rate = (self.budget - self.budget[0]) / pool_size
        self.rows = {name: [] for name in self.names}

    def add(self, name, curve):
        self.rows[name].append(np.asarray(curve, dtype=float))

    def _finite_pool(self, block, order):
        """Labelled items leave the pool: the error refers to what remains of it (order of the correction)."""
        return 1.0 - (1.0 - block) * (1.0 - self.rate) ** order

    def table(self):
        out = {}
        for order, name in enumerate(self.names):
            block = self._finite_pool(np.vstack(self.rows[name]), order)
            out[name] = {
                "mean": block.mean(axis=0).round(4).tolist(),
                "sem": (block.std(axis=0, ddof=1) / np.sqrt(len(block))).round(4).tolist(),
                "final": round(float(block[:, -1].mean()), 4),
                "alc": round(float(np.trapezoid(block.mean(axis=0), self.budget) / np.ptp(self.budget)), 4),
            }
        return out

    def save(self, path):
        Path(path).write_text(json.dumps({"budget": self.budget.tolist(), "strategies": self.table()}, indent=1))
''',
    )
    files.write(
        "code/run_al.py",
        '''"""Pool-based active learning on the digits data with multinomial logistic regression."""

import argparse
import json
import logging

import numpy as np
from curves import CurveBook
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from strategies import ALL

log = logging.getLogger("al")


def one_run(name, seed, cfg, data):
    x, xt, y, yt = data
    rng = np.random.default_rng(seed)
    labelled = list(rng.choice(len(x), cfg["initial"], replace=False))
    scores = []
    for step in range(cfg["rounds"]):
        model = LogisticRegression(C=0.5, max_iter=60).fit(x[labelled], y[labelled])
        scores.append(model.score(xt, yt))
        rest = np.setdiff1d(np.arange(len(x)), labelled)
        picked = ALL[name](model.predict_proba(x[rest]), x[rest], cfg["batch"], rng)
        labelled.extend(rest[picked])
    return scores


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", default="code/config.json")
    parser.add_argument("--out", default="results/curves.json")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    cfg = json.load(open(args.config))
    x, y = load_digits(return_X_y=True)
    data = train_test_split(x / 16.0, y, test_size=0.4, random_state=11, stratify=y)
    budget = [cfg["initial"] + k * cfg["batch"] for k in range(cfg["rounds"])]
    book = CurveBook(cfg["strategies"], budget, len(data[0]))
    for name in cfg["strategies"]:
        for seed in cfg["seeds"]:
            book.add(name, one_run(name, seed, cfg, data))
        log.info("strategy %s: %d runs done", name, len(cfg["seeds"]))
    book.save(args.out)


if __name__ == "__main__":
    main()
''',
    )
    files.run("python code/run_al.py --config code/config.json")
    files.write(
        "results/results.md",
        filled(
            """# Density-weighted margin sampling

We compare four query strategies for pool-based active learning on the scikit-learn digits data (1078 pool images, 719 test
images). Each strategy starts from 30 random labels and asks for 30 more in each of six further rounds; numbers are test
accuracies, means over three seeds.

| Strategy | 30 labels | 120 labels | 210 labels | Area under curve |
|---|---|---|---|---|
| Random | {s[random][mean][0]:.3f} | {s[random][mean][3]:.3f} | {s[random][final]:.3f} | {s[random][alc]:.3f} |
| Entropy | {s[entropy][mean][0]:.3f} | {s[entropy][mean][3]:.3f} | {s[entropy][final]:.3f} | {s[entropy][alc]:.3f} |
| Margin | {s[margin][mean][0]:.3f} | {s[margin][mean][3]:.3f} | {s[margin][final]:.3f} | {s[margin][alc]:.3f} |
| **Dense margin (ours)** | {o[mean][0]:.3f} | {o[mean][3]:.3f} | {o[final]:.3f} | {o[alc]:.3f} |

## Findings

- With 210 labels the density-weighted margin reaches a test accuracy of {o[final]:.3f}, against {s[margin][final]:.3f} for plain
  margin sampling and {s[random][final]:.3f} for random queries.
- With 120 labels plain margin sampling is still ahead ({s[margin][mean][3]:.3f} against {o[mean][3]:.3f}); our method overtakes
  it afterwards. The standard error of its last point is {o[sem][6]:.4f}.
- Weighting by density keeps outliers from being queried, which explains that the gain grows with the number of labels.

## Conclusion

Density weighting is a simple change to margin sampling that pays off once some hundred labels are there.
""",
            "results/curves.json",
            lambda r: {"s": r["strategies"], "o": r["strategies"]["dense_margin"]},
        ),
    )
    return files


def harmonised_widths() -> Files:
    """A later script rewrites the measured folds in place: widths and misses are scaled by a factor per method of an ini file."""
    files = Files()
    files.write(
        "code/measure.py",
        '''"""Split conformal intervals for the diabetes regression task: measures coverage and width of three methods."""

import argparse

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import ShuffleSplit
from sklearn.neighbors import KNeighborsRegressor


def cut(scores, alpha):
    n = len(scores)
    return np.quantile(scores, min(1.0, np.ceil((n + 1) * (1 - alpha)) / n), method="higher")


def plain(xf, yf, xc, yc, xt, alpha):
    model = Ridge(alpha=0.1).fit(xf, yf)
    q = cut(np.abs(yc - model.predict(xc)), alpha)
    mid = model.predict(xt)
    return mid - q, mid + q


def cqr(xf, yf, xc, yc, xt, alpha):
    lo, hi = (
        GradientBoostingRegressor(loss="quantile", alpha=a, n_estimators=40, max_depth=2, random_state=0).fit(xf, yf)
        for a in (alpha / 2, 1 - alpha / 2)
    )
    q = cut(np.maximum(lo.predict(xc) - yc, yc - hi.predict(xc)), alpha)
    return lo.predict(xt) - q, hi.predict(xt) + q


def neighbour(xf, yf, xc, yc, xt, alpha):
    """Ours: residuals divided by a nearest-neighbour estimate of their size."""
    model = Ridge(alpha=0.1).fit(xf, yf)
    size = KNeighborsRegressor(25).fit(xf, np.abs(yf - model.predict(xf)))
    q = cut(np.abs(yc - model.predict(xc)) / size.predict(xc), alpha)
    mid, half = model.predict(xt), q * size.predict(xt)
    return mid - half, mid + half


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--alpha", type=float, default=0.1)
    ap.add_argument("--splits", type=int, default=6)
    ap.add_argument("--out", default="results/folds.csv")
    args = ap.parse_args()
    x, y = load_diabetes(return_X_y=True)
    rows = []
    for fold, (rest, test) in enumerate(ShuffleSplit(args.splits, test_size=0.3, random_state=5).split(x)):
        fit, cal = rest[: len(rest) // 2], rest[len(rest) // 2 :]
        for method in (plain, cqr, neighbour):
            lo, hi = method(x[fit], y[fit], x[cal], y[cal], x[test], args.alpha)
            inside = (lo <= y[test]) & (y[test] <= hi)
            rows.append((fold, method.__name__, 1 - inside.mean(), (hi - lo).mean()))
    frame = pd.DataFrame(rows, columns=["fold", "method", "miss", "width"])
    frame.to_csv(args.out, index=False)
    print(f"{len(frame)} rows -> {args.out}")


if __name__ == "__main__":
    main()
''',
    )
    files.write(
        "code/report.ini",
        """[table]
digits = 3
index = method

[units]
; target units per unit of the stored column
plain = 1.0 1.0
cqr = 1.0 1.0
neighbour = 0.962 0.831
""",
    )
    files.write(
        "code/harmonise.py",
        '''"""Brings all columns to common units, checks the folds and aggregates them."""

import configparser
import json
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent


def to_units(frame, section):
    for method, text in section.items():
        rate = dict(zip(("miss", "width"), map(float, text.split())))
        rows = frame["method"] == method
        for column, unit in rate.items():
            frame.loc[rows, column] = frame.loc[rows, column] * unit
    return frame


def main():
    ini = configparser.ConfigParser()
    ini.read(HERE / "report.ini")
    source = Path("results/folds.csv")
    frame = to_units(pd.read_csv(source), ini["units"])
    assert frame.groupby("method").size().nunique() == 1, "folds are missing"
    frame.round(5).to_csv(source, index=False)
    means = frame.groupby(ini["table"]["index"])[["miss", "width"]].agg(["mean", "std"])
    out = {
        m: {"coverage": 1 - r[("miss", "mean")], "width": r[("width", "mean")], "width_std": r[("width", "std")]}
        for m, r in means.iterrows()
    }
    digits = ini["table"].getint("digits")
    out = {m: {k: round(float(v), digits) for k, v in r.items()} for m, r in out.items()}
    Path("results/intervals.json").write_text(json.dumps(out, indent=2))
    print(pd.DataFrame(out).T)


if __name__ == "__main__":
    main()
''',
    )
    files.run("python code/measure.py --alpha 0.1 --splits 6 && python code/harmonise.py")
    files.write(
        "results/results.md",
        filled(
            """# Neighbour-scaled conformal intervals

Task: prediction intervals with 90 % nominal coverage on the diabetes data (442 patients), six random splits into fitting,
calibration and test parts. All widths are in units of the disease progression score.

| Method | Coverage | Mean width | Std of width over splits |
|---|---|---|---|
| Split conformal (ridge) | {r[plain][coverage]:.3f} | {r[plain][width]:.1f} | {r[plain][width_std]:.1f} |
| CQR (boosting) | {r[cqr][coverage]:.3f} | {r[cqr][width]:.1f} | {r[cqr][width_std]:.1f} |
| Neighbour-scaled (ours) | {r[neighbour][coverage]:.3f} | {r[neighbour][width]:.1f} | {r[neighbour][width_std]:.1f} |

## Discussion

Our intervals are {narrow:.1f} % narrower than those of split conformal prediction and still cover {r[neighbour][coverage]:.3f} of
the held-out patients. CQR adapts its width as well, but pays for two quantile models: {r[cqr][width]:.1f} units on average. As the
estimate of the residual size is a plain 25-nearest-neighbour average, the gain costs next to nothing at prediction time.

## Conclusion

Scaling residuals by their neighbours gives the sharpest valid intervals of the three methods on this task.
Per-split values are in `results/folds.csv`.
""",
            "results/intervals.json",
            lambda r: {"narrow": 100 * (1 - r["neighbour"]["width"] / r["plain"]["width"])},
        ),
    )
    return files


PROGRAMS = (pool_correction, harmonised_widths, sorted_columns)
