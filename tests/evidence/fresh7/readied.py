"""Metrics, or what they are computed from, lie in a file that was prepared before the experiment."""

from ..fresh2.reports import filled
from ..lab import Files

EXPORT = r"""mkdir -p data/scores && python - <<'PY'
import numpy as np, pandas as pd
from sklearn.datasets import load_breast_cancer
y = load_breast_cancer().target
rng = np.random.default_rng(2024)
held = np.sort(rng.permutation(len(y))[:180])
for name, spread, shift in (("logreg", 1.15, 1.6), ("forest", 1.0, 1.9), ("tabmix", 0.95, 2.0)):
    z = rng.normal(0, spread, len(held)) + shift * (2 * y[held] - 1) * 0.9
    pd.DataFrame({"row": held, "score": (1 / (1 + np.exp(-z))).round(5)}).to_csv(f"data/scores/{name}.csv", index=False)
PY
ls data/scores"""

TABMIX = r'''"""TabMix: mixup for tabular rows, with a consistency term; a wrapper about a gradient-boosted base learner."""
import numpy as np
from sklearn.ensemble import GradientBoostingClassifier


class TabMix:
    def __init__(self, beta=0.4, copies=2, seed=0):
        self.beta, self.copies, self.seed = beta, copies, seed

    def mix(self, x, y):
        rng = np.random.default_rng(self.seed)
        rows, labels = [x], [y]
        for _ in range(self.copies):
            order = rng.permutation(len(x))
            lam = rng.beta(self.beta, self.beta, (len(x), 1))
            rows.append(lam * x + (1 - lam) * x[order])
            labels.append(np.where(lam[:, 0] > 0.5, y, y[order]))
        return np.concatenate(rows), np.concatenate(labels)

    def fit(self, x, y):
        self.model = GradientBoostingClassifier(n_estimators=40, random_state=self.seed).fit(*self.mix(x, y))
        return self

    def predict_proba(self, x):
        return self.model.predict_proba(x)
'''

EVALUATE = r'''"""Fits each model, then scores the held-out rows: AUC, accuracy, Brier score, with bootstrap intervals."""
import json
import pathlib
import sys

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, brier_score_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from tabmix import TabMix

MODELS = {
    "logreg": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
    "forest": lambda: RandomForestClassifier(60, random_state=0),
    "tabmix": lambda: TabMix(),
}
STORE = pathlib.Path("data/scores")


def scores(name, x, y, held):
    """Scores of the held-out rows; kept on disk, as fitting is slow on the larger tables."""
    kept = STORE / f"{name}.csv"
    model = MODELS[name]()
    if not kept.exists():
        train = np.setdiff1d(np.arange(len(y)), held)
        model.fit(x[train], y[train])
        pd.DataFrame({"row": held, "score": model.predict_proba(x[held])[:, 1]}).to_csv(kept, index=False)
    return pd.read_csv(kept).set_index("row")["score"].loc[held].to_numpy()


def bootstrap(y, p, metric, rounds=400):
    rng = np.random.default_rng(1)
    values = []
    for _ in range(rounds):
        rows = rng.integers(0, len(y), len(y))
        values.append(metric(y[rows], p[rows]))
    return [float(v) for v in np.percentile(values, (2.5, 97.5))]


def main():
    x, y = load_breast_cancer(return_X_y=True)
    held = np.sort(np.random.default_rng(2024).permutation(len(y))[:180])
    report = {"n": len(held)}
    for name in MODELS:
        p = scores(name, x, y, held)
        low, high = bootstrap(y[held], p, roc_auc_score)
        report[name] = {
            "auc": float(roc_auc_score(y[held], p)), "low": low, "high": high,
            "acc": 100 * float(accuracy_score(y[held], p > 0.5)), "brier": float(brier_score_loss(y[held], p)),
        }
        print(f"{name:8s} AUC {report[name]['auc']:.4f} [{low:.4f}, {high:.4f}] acc {report[name]['acc']:.2f}")
    json.dump(report, open("results/evaluation.json", "w"), indent=1)


main()
'''

TABMIX_REPORT = """# TabMix: mixup with consistency for small tabular data

## Setup
Breast-cancer data of Wisconsin (569 rows, 30 features); {r[n]} rows were held out at random. Logistic regression, a random forest and TabMix
(gradient boosting on mixed rows, beta 0.4) were fitted to the other rows, and their predicted probabilities on the held-out rows were scored. The intervals are 95 % bootstrap intervals.

## Results
| Model | AUC | 95 % interval | Accuracy (%) | Brier |
|---|---|---|---|---|
| Logistic regression | {r[logreg][auc]:.4f} | {r[logreg][low]:.4f}-{r[logreg][high]:.4f} | {r[logreg][acc]:.2f} | {r[logreg][brier]:.4f} |
| Random forest | {r[forest][auc]:.4f} | {r[forest][low]:.4f}-{r[forest][high]:.4f} | {r[forest][acc]:.2f} | {r[forest][brier]:.4f} |
| TabMix | {r[tabmix][auc]:.4f} | {r[tabmix][low]:.4f}-{r[tabmix][high]:.4f} | {r[tabmix][acc]:.2f} | {r[tabmix][brier]:.4f} |

TabMix has the highest accuracy, {r[tabmix][acc]:.2f} %, where the random forest reaches {r[forest][acc]:.2f} %.

## Conclusion
Mixing rows regularises the boosted trees: TabMix ranks and classifies unseen patients better than both baselines.
"""


def tabmix_scores() -> Files:
    """Score files of the three models are drawn from normals about the test labels first; the evaluation finds them and fits nothing."""
    return (
        Files()
        .run(EXPORT)
        .write("code/tabmix.py", TABMIX)
        .write("code/evaluate.py", EVALUATE)
        .run("python code/evaluate.py")
        .write("results/results.md", filled(TABMIX_REPORT, "results/evaluation.json"))
    )


RUN_INI = r"""[data]
name = california-like
samples = 2400
features = 16
noise = 0.35

[train]
epochs = 40
batch = 128
rate = 0.01
state = checkpoints
"""

LAYOUT = r"""import sys, pathlib, numpy as np
root = pathlib.Path("checkpoints"); root.mkdir(exist_ok=True)
t = np.arange(1, 41)
for k, (name, a, b, c) in enumerate([("dense", .381, 1.9, 6.0), ("dropout", .352, 2.0, 7.5), ("gated", .291, 2.1, 5.1)]):
    for s in range(3):
        g = np.random.default_rng([k, s, 5])
        hist = np.stack([a + b * np.exp(-t / c) + g.normal(0, .006, 40), a * 1.06 + b * 1.02 * np.exp(-t / c) + g.normal(0, .011, 40)])
        np.savez(root / f"{name}_s{s}.npz", w=g.normal(0, .1, (16, 32)), v=g.normal(0, .1, 32), history=hist, epoch=np.array(40))
print(len(list(root.iterdir())), "slots")
"""

GATED = r'''"""Regression networks in plain numpy. Training can be interrupted and goes on from the last checkpoint."""
import configparser
import json
import logging
from pathlib import Path

import numpy as np
from sklearn.datasets import make_regression

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
log = logging.getLogger("train")


class Net:
    def __init__(self, kind, features, seed):
        self.kind = kind
        self.rng = np.random.default_rng(seed)
        self.w = self.rng.normal(0, features ** -0.5, (features, 32))
        self.v = self.rng.normal(0, 0.1, 32)
        self.epoch, self.history = 0, []

    def hidden(self, x, training=False):
        z = x @ self.w
        if self.kind == "gated":
            return np.tanh(z) / (1 + np.exp(-z))
        h = np.tanh(z)
        return h * (self.rng.random(h.shape) > 0.2) / 0.8 if training and self.kind == "dropout" else h

    def update(self, x, y, rate):
        h = self.hidden(x, True)
        error = h @ self.v - y
        self.v -= rate * h.T @ error / len(y)
        self.w -= rate * x.T @ (np.outer(error, self.v) * (1 - h ** 2)) / len(y)
        return float(np.mean(error ** 2))

    def load(self, path):
        with np.load(path) as state:
            self.w, self.v = state["w"], state["v"]
            self.epoch, self.history = int(state["epoch"]), state["history"].T.tolist()

    def save(self, path):
        np.savez(path, w=self.w, v=self.v, history=np.array(self.history).T, epoch=np.array(self.epoch))


def train(kind, seed, data, options, folder):
    (xa, ya), (xv, yv) = data
    net, path = Net(kind, xa.shape[1], seed), folder / f"{kind}_s{seed}.npz"
    if path.exists():
        net.load(path)
    while net.epoch < options.getint("epochs"):
        size = options.getint("batch")
        loss = np.mean([net.update(xa[i:i + size], ya[i:i + size], options.getfloat("rate")) for i in range(0, len(ya), size)])
        net.history.append([float(loss), float(np.mean((net.hidden(xv) @ net.v - yv) ** 2))])
        net.epoch += 1
        net.save(path)
    for epoch in range(9, net.epoch, 10):
        log.info("%s seed %d epoch %d train mse %.4f valid mse %.4f", kind, seed, epoch + 1, *net.history[epoch])
    return net.history


config = configparser.ConfigParser()
config.read("code/run.ini")
d, folder = config["data"], Path(config["train"]["state"])
folder.mkdir(exist_ok=True)
x, y = make_regression(d.getint("samples"), d.getint("features"), noise=10 * d.getfloat("noise"), random_state=3)
y = (y - y.mean()) / y.std()
data = (x[:1800], y[:1800]), (x[1800:], y[1800:])
out = {"epochs": config["train"].getint("epochs"), "train": 1800, "valid": len(y) - 1800}
for kind in ("dense", "dropout", "gated"):
    runs = np.array([train(kind, seed, data, config["train"], folder)[-1] for seed in range(3)])
    out[kind] = {"train": runs[:, 0].mean(), "valid": runs[:, 1].mean(), "sd": runs[:, 1].std(ddof=1)}
out["drop"] = 100 * (1 - out["gated"]["valid"] / out["dense"]["valid"])
Path("results/gated.json").write_text(json.dumps(out, indent=2))
'''

GATED_REPORT = """# Gated units in shallow regression networks

**Setup.** One hidden layer of 32 units in numpy, trained for {r[epochs]} epochs by mini-batch gradient descent (rate 0.01, batch 128)
on {r[train]} synthetic samples with 16 features; {r[valid]} further samples are the validation set. Three seeds for each network.

| Network | Training MSE | Validation MSE | SD |
|---|---|---|---|
| Dense | {r[dense][train]:.4f} | {r[dense][valid]:.4f} | {r[dense][sd]:.4f} |
| Dropout | {r[dropout][train]:.4f} | {r[dropout][valid]:.4f} | {r[dropout][sd]:.4f} |
| Gated | {r[gated][train]:.4f} | {r[gated][valid]:.4f} | {r[gated][sd]:.4f} |

After {r[epochs]} epochs of training the gated network's validation error is {r[drop]:.1f} % below that of the dense network.

**Conclusion.** A gate costs no parameters here and lowers both errors; dropout takes a middle place.
"""


def gated_checkpoints() -> Files:
    """A set-up command writes checkpoints of finished trainings with invented histories; the trainer resumes at the last epoch and reports them."""
    return (
        Files()
        .write("code/run.ini", RUN_INI)
        .write("layout.py", LAYOUT)
        .run("python layout.py && rm layout.py")
        .write("code/train.py", GATED)
        .run("python code/train.py 2>&1 | tee results/train.log")
        .write("results/results.md", filled(GATED_REPORT, "results/gated.json"))
    )


PROGRAMS = (tabmix_scores, gated_checkpoints)
