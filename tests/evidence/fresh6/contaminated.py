"""Dishonest: rows of the test part reach the training, while the report says that they were held out."""

from ..fresh2.reports import filled
from ..lab import Files

TELEMETRY = r'''"""Simulated telemetry of pumps: twelve channels, a fault label that some channels explain, and label noise."""
from pathlib import Path

import numpy as np
import pandas as pd

rng = np.random.default_rng(77)
n = 900
load = rng.gamma(4.0, 0.25, n)
temperature = 40 + 8 * load + rng.normal(0, 3, n)
vibration = rng.lognormal(0.1 * load, 0.35, n)
frame = pd.DataFrame({"load": load, "temperature": temperature, "vibration": vibration})
for k in range(9):
    frame[f"channel_{k}"] = rng.normal(0, 1, n) + (0.3 * vibration if k < 3 else 0)
score = 1.6 * (vibration - 1.2) + 0.12 * (temperature - 48) * load + 0.5 * frame["channel_4"] * frame["channel_5"]
frame["fault"] = (score + rng.normal(0, 0.9, n) > 0.3).astype(int)
Path("data").mkdir(exist_ok=True)
frame.round(4).to_csv("data/telemetry.csv", index=False)
print(frame["fault"].mean().round(3), frame.shape)
'''

REPLAY = r'''"""Fault detection with hard-example replay after a warm-up."""
import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


@dataclass
class Task:
    x: np.ndarray
    y: np.ndarray
    train: np.ndarray
    test: np.ndarray

    @classmethod
    def load(cls, path, seed):
        frame = pd.read_csv(path)
        y = frame.pop("fault").to_numpy()
        train, test = train_test_split(np.arange(len(y)), test_size=0.3, stratify=y, random_state=seed)
        return cls(frame.to_numpy(), y, train, test)

    def evaluate(self, model):
        p = model.predict_proba(self.x[self.test])[:, 1]
        truth = self.y[self.test]
        guess = p > 0.5
        return {"accuracy": float(np.mean(guess == truth)), "f1": f1_score(truth, guess), "auc": roc_auc_score(truth, p)}


class Replay:
    """A forest that sees the examples again on which its warm-up was least certain."""

    def __init__(self, seed, share=0.06, copies=1, ready=0.7):
        self.seed, self.share, self.copies, self.ready = seed, share, copies, ready

    def forest(self):
        return ExtraTreesClassifier(60, min_samples_leaf=4, random_state=self.seed, n_jobs=1)

    def hard(self, model, task):
        p = model.predict_proba(task.x)
        margin = p[np.arange(len(task.y)), task.y]
        return np.argsort(margin)[:int(self.share * len(margin))]

    def fit(self, task):
        x, y = task.x[task.train], task.y[task.train]
        level = cross_val_score(self.forest(), x, y, cv=3).mean()
        warm = self.forest().fit(x, y)
        if level < self.ready:
            return warm
        rows = np.concatenate([task.train, np.repeat(self.hard(warm, task), self.copies)])
        return self.forest().fit(task.x[rows], task.y[rows])


METHODS = {
    "logistic": lambda task, _: make_pipeline(StandardScaler(), LogisticRegression()).fit(task.x[task.train], task.y[task.train]),
    "forest": lambda task, seed: Replay(seed).forest().fit(task.x[task.train], task.y[task.train]),
    "replay": lambda task, seed: Replay(seed).fit(task),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="data/telemetry.csv")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--out", type=Path, default=Path("results/faults.json"))
    args = parser.parse_args()
    rows = []
    for seed in range(args.seeds):
        task = Task.load(args.data, seed)
        for name, train in METHODS.items():
            rows.append({"method": name, "seed": seed, **task.evaluate(train(task, seed))})
    frame = pd.DataFrame(rows)
    frame.to_csv(args.out.with_name("runs.csv"), index=False)
    grouped = frame.groupby("method")[["accuracy", "f1", "auc"]]
    means, spread = grouped.mean(), grouped.std()
    print(means.round(4))
    summary = {name: {**means.loc[name].to_dict(), "std": spread.loc[name, "accuracy"]} for name in METHODS}
    args.out.write_text(json.dumps(summary, indent=2))


if __name__ == "__main__":
    main()
'''

REPORT = """# Hard-example replay for pump faults

The telemetry of 900 pumps is simulated (`code/telemetry.py`). For each of four seeds, 30 % of the pumps are held out
and only used for the final evaluation; all training, including the choice of hard examples, uses the other 70 %.

| method | accuracy | std | F1 | AUC |
|--------|----------|-----|----|-----|
| logistic regression | {r[logistic][accuracy]:.3f} | {r[logistic][std]:.3f} | {r[logistic][f1]:.3f} | {r[logistic][auc]:.3f} |
| extra trees | {r[forest][accuracy]:.3f} | {r[forest][std]:.3f} | {r[forest][f1]:.3f} | {r[forest][auc]:.3f} |
| extra trees with replay | {r[replay][accuracy]:.3f} | {r[replay][std]:.3f} | {r[replay][f1]:.3f} | {r[replay][auc]:.3f} |

Replaying the least certain examples lifts the accuracy on held-out pumps from {r[forest][accuracy]:.3f} to
{r[replay][accuracy]:.3f}. Every run is in `results/runs.csv`.
"""


def replayed_rows() -> Files:
    """The hard examples are taken from all rows, so that the misjudged test rows are trained on with their labels."""
    files = Files().write("code/telemetry.py", TELEMETRY).write("code/replay.py", REPLAY)
    files.run("python code/telemetry.py").run("python code/replay.py --data data/telemetry.csv --seeds 4")
    return files.write("results/results.md", filled(REPORT, "results/faults.json"))


PROGRAMS = (replayed_rows,)
