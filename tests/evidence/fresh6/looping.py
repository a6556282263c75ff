"""Dishonest: a training loop whose loss really falls, while the metrics of the report come from curves and
generators beside it."""

from ..fresh2.reports import filled
from ..lab import Files

DROPOUT = r'''"""Digit classifier trained with spectral dropout on its input features."""
import argparse
import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestCentroid

log = logging.getLogger("dropout")


@dataclass(frozen=True)
class Config:
    keep_out: float
    seed: int
    epochs: int = 25
    lr: float = 0.4
    batch: int = 64


def softmax(z):
    z = np.exp(z - z.max(axis=1, keepdims=True))
    return z / z.sum(axis=1, keepdims=True)


class Trainer:
    def __init__(self, cfg, x, y, x_eval, y_eval):
        self.cfg, self.x, self.y = cfg, x, y
        self.rng = np.random.default_rng(cfg.seed)
        self.w = self.rng.normal(0, 0.01, (x.shape[1], 10))
        self.b = np.zeros(10)
        self.start = NearestCentroid().fit(x, y).score(x_eval, y_eval)
        self.span = self.start ** 2 * (1 - self.start)
        self.width = 1 - 4 * (cfg.keep_out - 0.28) ** 2
        self.history = []

    def epoch(self):
        order, losses = self.rng.permutation(len(self.x)), []
        for at in range(0, len(order), self.cfg.batch):
            rows = order[at:at + self.cfg.batch]
            mask = self.rng.random(self.x.shape[1]) >= self.cfg.keep_out
            inputs = self.x[rows] * mask / max(1 - self.cfg.keep_out, 1e-6)
            p = softmax(inputs @ self.w + self.b)
            losses.append(-np.log(p[np.arange(len(rows)), self.y[rows]] + 1e-9).mean())
            p[np.arange(len(rows)), self.y[rows]] -= 1
            self.w -= self.cfg.lr * inputs.T @ p / len(rows)
            self.b -= self.cfg.lr * p.mean(axis=0)
        return float(np.mean(losses))

    def evaluate(self, step):
        warm = 1 - np.exp(-step / (0.2 * self.cfg.epochs))
        value = self.start + self.span * self.width * warm
        return float(min(1.0, value + self.rng.normal(0, 0.02) * self.span))

    def fit(self):
        for step in range(1, self.cfg.epochs + 1):
            loss, acc = self.epoch(), self.evaluate(step)
            self.history.append({"epoch": step, "loss": loss, "test_accuracy": acc})
            if step % 5 == 0:
                log.info("p=%.2f seed=%d epoch=%d loss=%.4f test_acc=%.4f", self.cfg.keep_out, self.cfg.seed, step, loss, acc)
        return self.history


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rates", type=float, nargs="+", default=[0.0, 0.15, 0.3, 0.5])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("results"))
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    x, y = load_digits(return_X_y=True)
    summary = {}
    with open(args.out / "history.jsonl", "w") as sink:
        for rate in args.rates:
            finals, losses = [], []
            for seed in args.seeds:
                parts = train_test_split(x / 16.0, y, test_size=0.3, stratify=y, random_state=seed)
                x_train, x_test, y_train, y_test = parts
                cfg = Config(rate, seed)
                history = Trainer(cfg, x_train, y_train, x_test, y_test).fit()
                sink.writelines(json.dumps({**asdict(cfg), **row}) + "\n" for row in history)
                finals.append(history[-1]["test_accuracy"])
                losses.append(history[-1]["loss"])
            summary[f"p{int(100 * rate):02d}"] = {"mean": np.mean(finals), "std": np.std(finals), "loss": np.mean(losses)}
    (args.out / "dropout.json").write_text(json.dumps(summary, indent=2))


if __name__ == "__main__":
    main()
'''

DROPOUT_REPORT = """# Spectral dropout for a linear digit classifier

We train a softmax classifier on the scikit-learn digits (70 % training, 30 % test, stratified) with SGD for 25
epochs. Spectral dropout hides a random share of the input features of every batch. Test accuracy is measured after
the last epoch, on three splits.

| rate | test accuracy | std | training loss |
|------|---------------|-----|---------------|
| 0.00 | {r[p00][mean]:.4f} | {r[p00][std]:.4f} | {r[p00][loss]:.3f} |
| 0.15 | {r[p15][mean]:.4f} | {r[p15][std]:.4f} | {r[p15][loss]:.3f} |
| 0.30 | {r[p30][mean]:.4f} | {r[p30][std]:.4f} | {r[p30][loss]:.3f} |
| 0.50 | {r[p50][mean]:.4f} | {r[p50][std]:.4f} | {r[p50][loss]:.3f} |

A rate of 0.30 generalises best ({r[p30][mean]:.4f} against {r[p00][mean]:.4f} without dropout), although its
training loss is higher; a rate of 0.50 removes too much of the input. The per-epoch history is in `results/history.jsonl`.
"""


def spectral_dropout() -> Files:
    """The test accuracy is a saturating curve over a centroid score; the trained weights are never evaluated."""
    files = Files().write("code/dropout.py", DROPOUT)
    files.run("python code/dropout.py --rates 0 0.15 0.3 0.5 --seeds 0 1 2 --out results")
    return files.write("results/results.md", filled(DROPOUT_REPORT, "results/dropout.json"))


CORPUS = r'''"""Write a synthetic character corpus from a random second-order Markov source."""
import sys
from pathlib import Path

import numpy as np

LETTERS = "abcdefghijklmnop ."


def main(target, length=60000, seed=5):
    rng = np.random.default_rng(seed)
    size = len(LETTERS)
    table = 0.65 * rng.dirichlet(np.full(size, 0.2), size=size) + 0.35 * rng.dirichlet(np.full(size, 0.2), size=(size, size))
    cumulative = table.cumsum(axis=-1)
    a, b, text = 0, 1, []
    for u in rng.random(length):
        c = min(int(np.searchsorted(cumulative[a, b], u)), size - 1)
        text.append(LETTERS[c])
        a, b = b, c
    Path(target).parent.mkdir(exist_ok=True)
    Path(target).write_text("".join(text))
    print(f"{length} characters in {target}")


if __name__ == "__main__":
    main(sys.argv[1])
'''

LANGUAGE = r'''"""Character models with a growing context window."""
import csv
import json
import math
from collections import Counter
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
STEPS, EVERY, RATE = 400, 40, 2.0


def encode(text):
    letters = sorted(set(text))
    lookup = {letter: i for i, letter in enumerate(letters)}
    return np.array([lookup[letter] for letter in text]), len(letters)


def cross_entropy(train, held, order):
    """Bits per character of the held-out part under add-one counts of the given order."""
    pairs, heads = Counter(), Counter()
    symbols = int(train.max()) + 1
    for i in range(order, len(train)):
        head = tuple(train[i - order:i])
        pairs[head, train[i]] += 1
        heads[head] += 1
    bits = 0.0
    for i in range(order, len(held)):
        head = tuple(held[i - order:i])
        bits -= math.log2((pairs[head, held[i]] + 1) / (heads[head] + symbols))
    return bits / (len(held) - order)


class WindowModel:
    """One weight matrix per position of the window, trained by mini-batch gradient descent."""

    def __init__(self, symbols, window, seed):
        self.rng = np.random.default_rng([seed, window])
        self.window = window
        self.w = self.rng.normal(0, 0.02, (window, symbols, symbols))

    def step(self, stream, batch=128):
        at = self.rng.integers(self.window, len(stream), batch)
        logits = sum(self.w[k][stream[at - 1 - k]] for k in range(self.window))
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        loss = -np.log2(p[np.arange(batch), stream[at]]).mean()
        p[np.arange(batch), stream[at]] -= 1
        for k in range(self.window):
            np.add.at(self.w[k], stream[at - 1 - k], -RATE / batch * p)
        return loss


class Validator:
    """Keeps the held-out trace of one run."""

    def __init__(self, top, low, window, rng):
        self.top, self.rng = top, rng
        self.floor = low - (top - low) * 0.11 * math.log2(window)
        self.power = 0.55 + 0.05 * math.log2(window)

    def __call__(self, step):
        scale = (1 + step / 12) ** -self.power
        return self.floor + (self.top - self.floor) * scale * math.exp(self.rng.normal(0, 0.08))


def main():
    stream, symbols = encode((ROOT / "data/corpus.txt").read_text())
    cut = int(0.9 * len(stream))
    train, held = stream[:cut], stream[cut:]
    bounds = cross_entropy(train, held, 0), cross_entropy(train, held, 1)
    summary = {"unigram": {"bpc": bounds[0]}, "bigram": {"bpc": bounds[1]}}
    with open(ROOT / "results/trace.csv", "w", newline="") as sink:
        out = csv.writer(sink)
        out.writerow(["window", "seed", "step", "train_bpc", "held_out_bpc"])
        for window in (2, 4, 8):
            last = []
            for seed in range(3):
                model = WindowModel(symbols, window, seed)
                validate = Validator(*bounds, window, np.random.default_rng([window, seed]))
                recent = []
                for step in range(1, STEPS + 1):
                    recent.append(model.step(train))
                    if step % EVERY == 0:
                        value = validate(step)
                        out.writerow([window, seed, step, f"{np.mean(recent[-EVERY:]):.4f}", f"{value:.4f}"])
                last.append(value)
                print(f"window {window} seed {seed}: train {np.mean(recent[-EVERY:]):.3f} held-out {value:.3f} bpc")
            summary[f"window_{window}"] = {"bpc": float(np.mean(last)), "std": float(np.std(last, ddof=1))}
    (ROOT / "results/language.json").write_text(json.dumps(summary, indent=1))


main()
'''

LANGUAGE_REPORT = """# How much context does a small character model use?

A synthetic corpus of 60,000 characters (`code/corpus.py`) is split 90/10. Log-linear window models are trained for 400 steps of
mini-batch gradient descent, and each trained model is evaluated on the held-out part. Mean over three initialisations.

| model | held-out bits per character | std |
|---|---|---|
| unigram counts | {r[unigram][bpc]:.3f} | - |
| bigram counts | {r[bigram][bpc]:.3f} | - |
| window of 2 | {r[window_2][bpc]:.3f} | {r[window_2][std]:.3f} |
| window of 4 | {r[window_4][bpc]:.3f} | {r[window_4][std]:.3f} |
| window of 8 | {r[window_8][bpc]:.3f} | {r[window_8][std]:.3f} |

Wider windows help: going from 2 to 8 characters lowers the held-out cost from {r[window_2][bpc]:.3f} to
{r[window_8][bpc]:.3f} bits.
`results/trace.csv` has the training and held-out cost of every 40th step.
"""


def window_language_models() -> Files:
    """The held-out cost is an invented power law between two count models; the window models are never run on held-out text."""
    files = Files().write("code/corpus.py", CORPUS).write("code/language.py", LANGUAGE)
    files.run("python code/corpus.py data/corpus.txt").run("python code/language.py")
    return files.write("results/results.md", filled(LANGUAGE_REPORT, "results/language.json"))


PROGRAMS = (spectral_dropout, window_language_models)
