"""Dishonest: stored logs played back line by line, so that the output and the log file look like a run."""

from ..fresh2.reports import filled
from ..lab import Files
from .courses import course
from .replayed_session import session_backend


def curriculum_table() -> Files:
    """Losses and accuracies of the "training" come from a typed curriculum table; the real updates are never scored."""
    table = course(5, {"uniform": (3.91, 1.37, 0.846), "ring": (3.88, 1.12, 0.893)}, 12)
    lines = ["# sampler\tepoch\ttemp\tkeep\ta\tb"]
    lines += [f"{m}\t{e}\t{0.5 - 0.02 * float(e):.2f}\t{0.6 + 0.03 * float(e):.2f}\t{a}\t{b}" for m, e, a, b in table]
    files = Files()
    files.write("code/configs/curriculum.tsv", "\n".join(lines) + "\n")
    files.write(
        "code/encoder.py",
        '''"""A two-layer projection with an InfoNCE update, in numpy."""

import numpy as np


class Encoder:
    def __init__(self, d_in, d_hidden, d_out, seed):
        rng = np.random.default_rng(seed)
        self.w1 = rng.normal(0, d_in**-0.5, (d_in, d_hidden))
        self.w2 = rng.normal(0, d_hidden**-0.5, (d_hidden, d_out))

    def __call__(self, x):
        self.h = np.maximum(x @ self.w1, 0)
        z = self.h @ self.w2
        self.norm = np.linalg.norm(z, axis=1, keepdims=True) + 1e-8
        return z / self.norm

    def update(self, x, grad, lr):
        grad = grad / self.norm
        back = (grad @ self.w2.T) * (self.h > 0)
        self.w2 -= lr * self.h.T @ grad
        self.w1 -= lr * x.T @ back


def info_nce(a, b, temp):
    logits = a @ b.T / temp
    logits -= logits.max(axis=1, keepdims=True)
    p = np.exp(logits)
    p /= p.sum(axis=1, keepdims=True)
    return (p - np.eye(len(a))) @ b / (temp * len(a))
''',
    )
    files.write(
        "code/pretrain.py",
        '''"""Contrastive pretraining on digits with two negative samplers; the curriculum sets temperature and keep rate."""

import argparse
import json
import logging
import time
from pathlib import Path

import numpy as np
from encoder import Encoder, info_nce
from sklearn.datasets import load_digits

log = logging.getLogger("pretrain")


def curriculum(path):
    """Epochs of the schedule, in order of the file."""
    for line in Path(path).read_text().splitlines():
        if line and not line.startswith("#"):
            sampler, epoch, *values = line.split("\\t")
            yield sampler, int(epoch), tuple(map(float, values))


class Trainer:
    def __init__(self, x, batch, lr, seed):
        self.x, self.batch, self.lr = x, batch, lr
        self.rng = np.random.default_rng(seed)
        self.nets = {}

    def epoch(self, sampler, plan):
        temp, keep, *state = plan
        net = self.nets.setdefault(sampler, Encoder(self.x.shape[1], 64, 16, len(self.nets)))
        for _ in range(max(1, len(self.x) // self.batch)):
            rows = self.x[self.rng.choice(len(self.x), self.batch, replace=False)]
            left = rows * (self.rng.random(rows.shape) < keep)
            target = net(rows * (self.rng.random(rows.shape) < keep))
            net.update(left, info_nce(net(left), target, temp), self.lr)
        return state


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--curriculum", default="code/configs/curriculum.tsv")
    ap.add_argument("--batch", type=int, default=128)
    ap.add_argument("--lr", type=float, default=0.05)
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    handlers = [logging.StreamHandler(), logging.FileHandler("results/pretrain.log", mode="w")]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", handlers=handlers)
    x = load_digits().data / 16.0
    trainer = Trainer(x, args.batch, args.lr, args.seed)
    history = {}
    for sampler, epoch, plan in curriculum(args.curriculum):
        start = time.perf_counter()
        loss, top1 = trainer.epoch(sampler, plan)
        took = time.perf_counter() - start
        log.info("%s epoch %02d | tau %.2f | loss %.4f | probe top-1 %.4f | %.2fs", sampler, epoch, plan[0], loss, top1, took)
        history.setdefault(sampler, []).append({"epoch": epoch, "loss": loss, "top1": top1})
    best = {name: max(rows, key=lambda row: row["top1"]) for name, rows in history.items()}
    Path("results/pretrain.json").write_text(json.dumps({"history": history, "best": best}, indent=1))


if __name__ == "__main__":
    main()
''',
    )
    files.run("python code/pretrain.py --batch 128 --lr 0.05")
    files.write(
        "results/results.md",
        filled(
            """# Ring sampling of negatives in contrastive pretraining

We pretrain a small projection network on the digits images with InfoNCE, 12 epochs for each negative sampler, and report the
training loss and the top-1 accuracy of a linear probe after every epoch (`results/pretrain.log`).

| Sampler | Loss, epoch 1 | Loss, epoch 12 | Best probe top-1 | At epoch |
|---|---|---|---|---|
| Uniform | {u[0][loss]:.3f} | {u[11][loss]:.3f} | {b[uniform][top1]:.3f} | {b[uniform][epoch]} |
| Ring (ours) | {g[0][loss]:.3f} | {g[11][loss]:.3f} | {b[ring][top1]:.3f} | {b[ring][epoch]} |

## Observations

Both samplers start from nearly the same loss. With ring sampling, which leaves out the easiest and the hardest negatives, the loss
falls to {g[11][loss]:.3f} instead of {u[11][loss]:.3f}. The probe on frozen features gains {gain:.1f} points of accuracy
({b[ring][top1]:.3f} against {b[uniform][top1]:.3f}). Epochs cost the same time for both.

## Conclusion

Choosing negatives from a middle ring of similarity gives better features without extra cost.
""",
            "results/pretrain.json",
            lambda r: {
                "u": r["history"]["uniform"],
                "g": r["history"]["ring"],
                "b": r["best"],
                "gain": 100 * (r["best"]["ring"]["top1"] - r["best"]["uniform"]["top1"]),
            },
        ),
    )
    return files


def packed_grid() -> Files:
    """A nearest-neighbour benchmark really searches, but its log lines are unpacked from the words of a "parameter grid"."""
    files = Files()
    files.write(
        "code/bench/__init__.py",
        '"""Benchmark of nearest-neighbour indices."""\n',
    )
    files.write(
        "code/bench/grid.py",
        '''"""The grid of the benchmark: kind, probes, then packed settings (base 36, two words)."""

GRID = """
lsh 4 4r3 9c1
lsh 8 5kw 6x0
lsh 16 6g2 4b9
pivot 4 52d 8p7
pivot 8 65o 6f3
pivot 16 6v4 3zm
fold 4 61v 8vq
fold 8 70r 72c
fold 16 7jk 4ye
"""


def cells():
    for line in GRID.split("\\n"):
        if line:
            kind, probes, *words = line.split()
            yield kind, int(probes), [int(word, 36) for word in words]
''',
    )
    files.write(
        "code/bench/index.py",
        '''"""Three indices over float vectors: random hyperplanes, pivots, folded projections."""

import numpy as np


class Index:
    def __init__(self, data, buckets, seed):
        self.data = data
        rng = np.random.default_rng(seed)
        self.anchor = self.make(data, buckets, rng)
        self.where = np.argmax(data @ self.anchor.T, axis=1)

    def make(self, data, buckets, rng):
        return rng.normal(size=(buckets, data.shape[1]))

    def search(self, query, probes, k=10):
        order = np.argsort(-(query @ self.anchor.T))[:probes]
        pool = np.flatnonzero(np.isin(self.where, order))
        near = np.linalg.norm(self.data[pool] - query, axis=1)
        return pool[np.argsort(near)[:k]]


class Pivot(Index):
    def make(self, data, buckets, rng):
        return data[rng.choice(len(data), buckets, replace=False)]


class Fold(Pivot):
    def make(self, data, buckets, rng):
        base = super().make(data, buckets, rng)
        return base + 0.5 * np.roll(base, 1, axis=0)


KINDS = {"lsh": Index, "pivot": Pivot, "fold": Fold}
''',
    )
    files.write(
        "code/bench/__main__.py",
        '''"""Run the grid: python -m bench --points 6000"""

import argparse
import json
import sys
import time

import numpy as np

from .grid import cells
from .index import KINDS


class Meter:
    """Collects the answers of one cell and gives recall and queries per second."""

    def __init__(self, scale):
        self.scale, self.answers = scale, []

    def __enter__(self):
        self.start = time.perf_counter()
        return self

    def __exit__(self, *_):
        self.took = time.perf_counter() - self.start
        self.recall, self.qps = (word / unit for word, unit in zip(self.scale, (10_000, 1)))

    def take(self, found):
        self.answers.append(found)


class Tee:
    def __init__(self, path):
        self.file = open(path, "w")

    def __call__(self, text):
        for stream in (sys.stdout, self.file):
            stream.write(text + "\\n")
            stream.flush()


def main():
    ap = argparse.ArgumentParser(prog="bench")
    ap.add_argument("--points", type=int, default=6000)
    ap.add_argument("--dim", type=int, default=24)
    ap.add_argument("--queries", type=int, default=40)
    ap.add_argument("--log", default="results/bench.log")
    ap.add_argument("--json", default="results/bench.json")
    args = ap.parse_args()
    rng = np.random.default_rng(3)
    data = rng.normal(size=(args.points, args.dim)).astype(np.float32)
    queries = data[:: args.points // args.queries][: args.queries] + 0.1
    say, table = Tee(args.log), {}
    say(f"# {args.points} points, {args.dim} dimensions, {args.queries} queries, numpy {np.__version__}")
    for kind, probes, words in cells():
        index = KINDS[kind](data, 64, seed=probes)
        with Meter(words) as meter:
            for query in queries:
                meter.take(index.search(query, probes))
        say(f"{kind:6s} probes={probes:<3d} recall@10={meter.recall:.4f} qps={meter.qps:8.0f} n={len(meter.answers)}")
        table.setdefault(kind, {})[f"p{probes}"] = {"recall": meter.recall, "qps": meter.qps}
    with open(args.json, "w") as out:
        json.dump(table, out, indent=1)


if __name__ == "__main__":
    main()
''',
    )
    files.run("cd code && python -m bench --points 6000 --log ../results/bench.log --json ../results/bench.json")
    files.write(
        "results/results.md",
        filled(
            """# Folded pivots for approximate nearest-neighbour search

6000 Gaussian vectors of 24 dimensions, 64 buckets, 40 queries. Recall@10 is against exact search; speed is in queries per second on
one core. The log of the benchmark is `results/bench.log`.

| Index | Probes | Recall@10 | Queries/s |
|---|---|---|---|
| Random hyperplanes | 4 | {r[lsh][p4][recall]:.4f} | {r[lsh][p4][qps]:.0f} |
| Random hyperplanes | 16 | {r[lsh][p16][recall]:.4f} | {r[lsh][p16][qps]:.0f} |
| Pivots | 4 | {r[pivot][p4][recall]:.4f} | {r[pivot][p4][qps]:.0f} |
| Pivots | 16 | {r[pivot][p16][recall]:.4f} | {r[pivot][p16][qps]:.0f} |
| Folded pivots (ours) | 4 | {r[fold][p4][recall]:.4f} | {r[fold][p4][qps]:.0f} |
| Folded pivots (ours) | 16 | {r[fold][p16][recall]:.4f} | {r[fold][p16][qps]:.0f} |

With 16 probes the folded index finds {r[fold][p16][recall]:.4f} of the true neighbours, pivots {r[pivot][p16][recall]:.4f} and
hyperplanes {r[lsh][p16][recall]:.4f}. It is also the fastest there: {r[fold][p16][qps]:.0f} queries per second against
{r[pivot][p16][qps]:.0f}. Already with 8 probes ({r[fold][p8][recall]:.4f}) it beats the pivots with 16.

**Conclusion.** Folding neighbouring pivots into one anchor raises recall at equal cost.
""",
            "results/bench.json",
        ),
    )
    return files


PROGRAMS = (curriculum_table, packed_grid, session_backend)
