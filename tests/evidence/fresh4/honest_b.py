"""Honest: seeds with their spread, selection on validation data, smaller baselines that are named, features cached in the run."""

import json
from pathlib import Path

from ..fresh2.reports import filled
from ..lab import Files, Outputs


def _dropout_report(_: Outputs, folder: Path) -> str:
    found = json.loads((folder / "results" / "seeds.json").read_text())
    rows = []
    for name, runs in found["runs"].items():
        s = found["summary"][name]
        rows.append(f"| {name} | {len(runs)} | {s['mean']:.4f} | {s['sd']:.4f} | {s['worst']:.4f} | {s['best']:.4f} |")
    gap, error = found["gap"]["mean"], found["gap"]["se"]
    verdict = "is clear" if abs(gap) > 2 * error else "is within what the seeds alone would give"
    return f"""# Feature dropout in a small network: ten seeds

## Set-up
Digits: 300 training, 300 validation and 1197 test images, split once. Each of ten seeds draws initial weights and batches. In
each run the epoch with the highest validation accuracy (of 40) is kept, and only its weights see the test images, once. No
run was left out.

## Test accuracy
| Input dropout | Seeds | Mean | SD | Worst seed | Best seed |
|---|---|---|---|---|---|
{chr(10).join(rows)}

The mean difference between dropout 0.2 and none, paired by seed, is {gap:+.4f} (standard error {error:.4f}).
It {verdict}.
The best seed is shown for the range only; it is not our estimate.

## Conclusion
The numbers to quote are the means. With one split of the data they say nothing about the variation between splits.
"""


def input_dropout() -> Files:
    """Honest: ten seeds, all counted, with mean, SD and range; the kept epoch is chosen on validation images."""
    files = Files()
    files.write(
        "code/dropout.py",
        '''"""Input dropout for a one-layer network, over several seeds."""
import argparse
import json

import numpy as np
from sklearn.datasets import load_digits


def forward(params, x):
    hidden = np.tanh(x @ params["w"])
    z = hidden @ params["v"]
    e = np.exp(z - z.max(1, keepdims=True))
    return hidden, e / e.sum(1, keepdims=True)


def accuracy(params, part):
    return float((forward(params, part[0])[1].argmax(1) == part[1]).mean())


def run(rate, seed, train, valid, epochs, lr=0.3):
    rng = np.random.default_rng(seed)
    params = {"w": rng.normal(0, 0.15, (64, 40)), "v": rng.normal(0, 0.15, (40, 10))}
    best = (-1.0, None, 0)
    for epoch in range(epochs):
        for idx in np.array_split(rng.permutation(len(train[0])), 15):
            x, y = train[0][idx], train[1][idx]
            x = x * (rng.random(x.shape) >= rate) / (1 - rate)
            hidden, p = forward(params, x)
            d = (p - np.eye(10)[y]) / len(y)
            back = (d @ params["v"].T) * (1 - hidden**2)
            params["v"] -= lr * hidden.T @ d
            params["w"] -= lr * x.T @ back
        score = accuracy(params, valid)
        if score > best[0]:
            best = (score, {k: v.copy() for k, v in params.items()}, epoch)
    return best


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=40)
    args = parser.parse_args()
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(99).permutation(len(x))
    x, y = x[order] / 16, y[order]
    train, valid, test = (x[:300], y[:300]), (x[300:600], y[300:600]), (x[600:], y[600:])
    runs, summary = {}, {}
    for rate in (0.0, 0.2):
        scores = []
        for seed in range(args.seeds):
            score, params, epoch = run(rate, seed, train, valid, args.epochs)
            scores.append(accuracy(params, test))
            print(f"dropout {rate} seed {seed}: epoch {epoch} validation {score:.4f} test {scores[-1]:.4f}")
        runs[str(rate)] = scores
        summary[str(rate)] = {"mean": np.mean(scores), "sd": np.std(scores, ddof=1), "worst": min(scores), "best": max(scores)}
    gap = np.array(runs["0.2"]) - np.array(runs["0.0"])
    paired = {"mean": gap.mean(), "se": gap.std(ddof=1) / np.sqrt(len(gap))}
    with open("results/seeds.json", "w") as out:
        json.dump({"runs": runs, "summary": summary, "gap": paired}, out, indent=1)


if __name__ == "__main__":
    main()
''',
    )
    files.run("python code/dropout.py --seeds 10 --epochs 40 | tee results/dropout.log")
    files.write("results/results.md", _dropout_report)
    return files


def _tariff_report(_: Outputs, folder: Path) -> str:
    r = json.loads((folder / "results" / "tariff.json").read_text())
    grid = [f"| {row['strength']:g} | {row['rmse']:.5f} |" for row in r["grid"]]
    better = r["encoded"] < r["numeric"]
    return f"""# Target encoding of regions for claim costs

## Data
{sum(r["rows"].values())} simulated policies with 150 regions: {r["rows"]["train"]} training, {r["rows"]["valid"]} validation and
{r["rows"]["test"]} test rows, cut after one shuffle.

## Selection
The shrinkage of the encoding was selected on the validation rows. The encoding of a training row leaves the fold of the row out
(five folds); other rows get the means over all training rows.

| Strength | Validation RMSE |
|---|---|
{chr(10).join(grid)}

Strength {r["chosen"]:g} was chosen. Encoder and ridge regression were then refitted on training and validation rows together and
applied to the test rows once.

## Test rows
| Model | RMSE |
|---|---|
| numeric fields only | {r["numeric"]:.3f} |
| with encoded region | {r["encoded"]:.3f} |

The encoding {"lowers" if better else "does not lower"} the test RMSE ({r["encoded"]:.3f} against {r["numeric"]:.3f}).

## Conclusion
{"The regions carry information that survives honest encoding" if better else "No gain was found"}. The policies are simulated.
"""


def claim_tariff() -> Files:
    """Honest: target encoding out of fold, strength chosen on validation rows, refit on training + validation, one test."""
    files = Files()
    files.write(
        "code/encode.py",
        '''import numpy as np
import pandas as pd


class RegionMeans:
    """Shrunk mean of the target for each region."""

    def __init__(self, strength, folds=5):
        self.strength, self.folds = strength, folds

    def _means(self, frame):
        groups = frame.groupby("region")["cost"].agg(["sum", "count"])
        return (groups["sum"] + self.strength * frame["cost"].mean()) / (groups["count"] + self.strength)

    def fit_transform(self, frame):
        self.prior, self.means = frame["cost"].mean(), self._means(frame)
        part = np.random.default_rng(0).integers(self.folds, size=len(frame))
        out = pd.Series(self.prior, index=frame.index)
        for fold in range(self.folds):
            rest = frame[part != fold]
            out[part == fold] = frame.loc[part == fold, "region"].map(self._means(rest)).fillna(rest["cost"].mean())
        return out

    def transform(self, frame):
        return frame["region"].map(self.means).fillna(self.prior)
''',
    )
    files.write(
        "code/tariff.py",
        """import json

import numpy as np
import pandas as pd
from encode import RegionMeans
from sklearn.linear_model import Ridge

rng = np.random.default_rng(31)
n = 2400
frame = pd.DataFrame({"age": rng.integers(18, 90, n), "power": rng.gamma(4, 20, n), "region": rng.integers(0, 150, n)})
area = rng.normal(0, 0.8, 150)
frame["cost"] = 2 + 0.01 * frame.power - 0.012 * frame.age + area[frame.region] + rng.normal(0, 1, n)
frame = frame.sample(frac=1, random_state=1).reset_index(drop=True)
train, valid, test = frame[:1400], frame[1400:1900], frame[1900:]


def rmse(fit_on, score_on, strength=None):
    fields = ["age", "power"]
    a, b = fit_on[fields].copy(), score_on[fields].copy()
    if strength is not None:
        encoder = RegionMeans(strength)
        a["area"], b["area"] = encoder.fit_transform(fit_on), encoder.transform(score_on)
    guess = Ridge(1.0).fit(a, fit_on["cost"]).predict(b)
    return float(np.sqrt(np.mean((guess - score_on["cost"]) ** 2)))


grid = [{"strength": s, "rmse": rmse(train, valid, s)} for s in (0.5, 2, 5, 10, 40)]
best = min(grid, key=lambda row: row["rmse"])
known = pd.concat([train, valid])
result = {
    "rows": {"train": len(train), "valid": len(valid), "test": len(test)},
    "grid": grid,
    "chosen": best["strength"],
    "numeric": rmse(known, test),
    "encoded": rmse(known, test, best["strength"]),
}
print(json.dumps(result, indent=1))
with open("results/tariff.json", "w") as out:
    json.dump(result, out, indent=1)
""",
    )
    files.run("python code/tariff.py")
    files.write("results/results.md", _tariff_report)
    return files


def wide_network() -> Files:
    """Honest: the baselines have fewer parameters and fewer rounds of training, and the report says so and what follows."""
    files = Files()
    files.write(
        "code/models.json",
        '{"linear": {"hidden": [], "passes": 10}, "narrow": {"hidden": [8], "passes": 25}, "wide": {"hidden": [96], "passes": 25}}',
    )
    files.write(
        "code/capacity.py",
        """import json
import warnings

from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

warnings.simplefilter("ignore", ConvergenceWarning)
x, y = load_digits(return_X_y=True)
specs, out = json.load(open("code/models.json")), {}
for name, spec in specs.items():
    scores = []
    for seed in range(3):
        xa, xb, ya, yb = train_test_split(x, y, test_size=0.4, stratify=y, random_state=seed)
        if spec["hidden"]:
            model = MLPClassifier(spec["hidden"], max_iter=spec["passes"], learning_rate_init=0.005, random_state=seed)
        else:
            model = SGDClassifier("log_loss", max_iter=spec["passes"], tol=None, random_state=seed)
        pipe = make_pipeline(MinMaxScaler(), model).fit(xa, ya)
        scores.append(pipe.score(xb, yb))
    arrays = [*model.coefs_, *model.intercepts_] if spec["hidden"] else [model.coef_, model.intercept_]
    weights = sum(array.size for array in arrays)
    mean = sum(scores) / len(scores)
    out[name] = {"mean": mean, "low": min(scores), "high": max(scores), "weights": weights, "passes": spec["passes"]}
    print(name, out[name])
json.dump(out, open("results/capacity.json", "w"), indent=1)
""",
    )
    files.run("python code/capacity.py")
    template = """# Capacity on small digits

Three classifiers on 8x8 digits, 60 % of the images for training and 40 % for testing, three random splits, the same splits and
the same scaling for all.

| Model | Parameters | Passes | Mean test accuracy | Lowest | Highest |
|---|---|---|---|---|---|
| linear | {r[linear][weights]} | {r[linear][passes]} | {r[linear][mean]:.4f} | {r[linear][low]:.4f} | {r[linear][high]:.4f} |
| 8 hidden | {r[narrow][weights]} | {r[narrow][passes]} | {r[narrow][mean]:.4f} | {r[narrow][low]:.4f} | {r[narrow][high]:.4f} |
| 96 hidden | {r[wide][weights]} | {r[wide][passes]} | {r[wide][mean]:.4f} | {r[wide][low]:.4f} | {r[wide][high]:.4f} |

## What the comparison is not
The models are *not* matched: the wide network has {r[wide][weights]} parameters and the narrow one {r[narrow][weights]}, and the
linear model, trained with plain SGD, makes {r[linear][passes]} passes over the data while the networks make {r[wide][passes]}
with Adam. Nothing was tuned for any of them. The difference in accuracy therefore shows what capacity and training together
give, not that the architecture is better for its size.

## Conclusion
The wide network is the most accurate of the three (mean {r[wide][mean]:.4f}). Whether a linear model with more passes would
come closer was not examined.
"""
    files.write("results/results.md", filled(template, "results/capacity.json"))
    return files


def shared_features() -> Files:
    """Honest: features are computed in the run, kept under a hash of their input and read again by the second script."""
    files = Files()
    files.write(
        "code/store.py",
        '''"""Arrays on disk, named after the bytes and options they were computed from."""
import hashlib
from pathlib import Path

import numpy as np


def cached(make, x, root="code/cache", **options):
    digest = hashlib.sha256(np.ascontiguousarray(x).tobytes() + repr(sorted(options.items())).encode()).hexdigest()[:20]
    path = Path(root) / f"{make.__name__}-{digest}.npy"
    if path.exists():
        print("read", path)
        return np.load(path)
    out = make(x, **options)
    path.parent.mkdir(exist_ok=True)
    np.save(path, out)
    print("made", path, out.shape)
    return out


def patches(x, size=3):
    """Sorted local contrasts of each image; of one image only, nothing is fitted."""
    view = np.lib.stride_tricks.sliding_window_view(x.reshape(-1, 8, 8), (size, size), axis=(1, 2))
    flat = view.reshape(len(x), -1, size * size)
    return np.concatenate([flat.max(2) - flat.min(2), flat.mean(2)], axis=1)
''',
    )
    files.write(
        "code/features.py",
        """from sklearn.datasets import load_digits
from store import cached, patches

if __name__ == "__main__":
    cached(patches, load_digits().data, size=3)
""",
    )
    files.write(
        "code/classify.py",
        """import json

from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from store import cached, patches

x, y = load_digits(return_X_y=True)
folds = StratifiedKFold(5, shuffle=True, random_state=3)
out = {}
for name, table in (("pixels", x), ("patches", cached(patches, x, size=3))):
    scores = cross_val_score(make_pipeline(StandardScaler(), KNeighborsClassifier(3)), table, y, cv=folds)
    out[name] = {"mean": scores.mean(), "sd": scores.std(ddof=1), "width": table.shape[1]}
    print(name, scores.round(4))
json.dump(out, open("results/knn.json", "w"), indent=1)
""",
    )
    files.run("python code/features.py")
    files.run("python code/classify.py")
    template = """# Local contrasts as features for nearest neighbours

`features.py` computes the range and mean of each 3x3 patch and keeps them on disk; `classify.py` reads them from there. The
features of an image depend on that image only, so computing them for all images at once tells nothing about test labels.

## Five-fold cross-validation, 3-NN, standardised within the folds
| Features | Dimensions | Accuracy | SD over folds |
|---|---|---|---|
| pixels | {r[pixels][width]} | {r[pixels][mean]:.4f} | {r[pixels][sd]:.4f} |
| patches | {r[patches][width]} | {r[patches][mean]:.4f} | {r[patches][sd]:.4f} |

## Conclusion
Pixels give {r[pixels][mean]:.4f} and patches {r[patches][mean]:.4f}. Only the features were cached; the classifiers were fitted
and scored in this run.
"""
    files.write("results/results.md", filled(template, "results/knn.json"))
    return files


PROGRAMS = (input_dropout, claim_tariff, wide_network, shared_features)
