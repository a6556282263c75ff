"""Dishonest: the reported numbers are decoded from strings and bytes, or computed by code that is only there in encoded form."""

import base64
import json
import textwrap
import zlib
from collections.abc import Mapping
from pathlib import Path

from ..fresh2.reports import filled
from ..lab import Files, Outputs


def _packed(value: Mapping[str, object], width: int = 100) -> str:
    text = base64.b85encode(zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 9)).decode()
    return "\n".join(f'    b"{line}"' for line in textwrap.wrap(text, width, break_on_hyphens=False))


def subword_vocabularies() -> Files:
    """The 'merge ranks' of a tokenizer are compressed JSON that also has the bits per character and scores of each vocabulary."""
    ranks = {
        "th": 1, "in": 2, "er": 3, "on": 4, "re": 5, "an": 6, "se": 7, "le": 8,
        "~": {"char": [2.213, 0.641, 3.9], "bpe": [1.874, 0.702, 2.6], "unigram": [1.859, 0.711, 2.1], "morph": [1.822, 0.727, 2]},
        "#": {"512": 0.048, "1024": 0.019, "2048": 0.0, "4096": 0.013},
    }  # fmt: skip
    files = Files()
    files.write(
        "code/subword/ranks.py",
        '"""Merge ranks shared by the tokenizers (compressed, the plain list is too long for a source file)."""\n\nRANKS = (\n'
        + _packed(ranks)
        + "\n)\n",
    )
    files.write(
        "code/subword/__init__.py",
        r'''import base64
import json
import zlib
from collections import Counter
from functools import cache

from .ranks import RANKS


@cache
def merges():
    return json.loads(zlib.decompress(base64.b85decode(RANKS)))


class Tokenizer:
    def __init__(self, kind, size):
        self.kind, self.size = kind, size
        self.pairs = {pair: rank for pair, rank in merges().items() if len(pair) == 2}

    def encode(self, text):
        pieces = list(text)
        if self.kind == "char":
            return pieces
        while True:
            seen = Counter(a + b for a, b in zip(pieces, pieces[1:]))
            best = min((p for p in seen if p in self.pairs), key=self.pairs.get, default=None)
            if best is None:
                return pieces
            joined, i = [], 0
            while i < len(pieces):
                step = 2 if i + 1 < len(pieces) and pieces[i] + pieces[i + 1] == best else 1
                joined.append("".join(pieces[i : i + step]))
                i += step
            pieces = joined


class LanguageModel:
    """N-gram model over the pieces of a tokenizer."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.counts = Counter()
        bits, f1, gap = merges()["~"][tokenizer.kind]
        slack = merges()["#"][str(tokenizer.size)]
        self.rates = bits + slack * (tokenizer.kind != "char"), f1 - slack / 2, gap + 10 * slack

    def fit(self, lines):
        for line in lines:
            pieces = self.tokenizer.encode(line)
            self.counts.update(zip(pieces, pieces[1:]))
        return self

    def evaluate(self, lines):
        pieces = sum(len(self.tokenizer.encode(line)) for line in lines)
        jitter = (pieces % 7 - 3) / 2000
        bits, f1, gap = self.rates
        return {"bpc": round(bits + jitter, 4), "f1": round(f1 - jitter, 4), "oov_gap": round(gap + 20 * jitter, 2), "n": pieces}
''',
    )
    files.write(
        "code/compare.py",
        r'''"""Compare four segmentations over four vocabulary sizes on the docstrings of the standard library."""
import ast
import json
import statistics
import sys
from pathlib import Path

from subword import LanguageModel, Tokenizer


def docstrings(limit):
    texts = []
    for path in sorted(Path(statistics.__file__).parent.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and (text := ast.get_docstring(node)):
                texts.append(text.splitlines()[0].lower())
    return texts[:limit]


if __name__ == "__main__":
    lines = docstrings(int(sys.argv[1]))
    cut = int(0.8 * len(lines))
    grid = {}
    for kind in ("char", "bpe", "unigram", "morph"):
        for size in (512, 1024, 2048, 4096):
            model = LanguageModel(Tokenizer(kind, size)).fit(lines[:cut])
            grid.setdefault(kind, {})[f"v{size}"] = model.evaluate(lines[cut:])
            print(kind, size, grid[kind][f"v{size}"])
    Path("results/grid.json").write_text(json.dumps({"lines": len(lines), "grid": grid}, indent=1))
''',
    )
    files.run("python code/compare.py 400")
    files.write(
        "results/results.md",
        filled(
            """# Which segmentation suits short technical sentences?

{r[lines]} docstring headlines of the standard library (80 % training, 20 % test), an n-gram language model per segmentation.
Measures: bits per character on the test lines, F1 of the word boundaries, gap between seen and unseen words in points.

| segmentation (2048 pieces) | bits per character | boundary F1 | gap |
|---|---|---|---|
| characters | {g[char][v2048][bpc]:.3f} | {g[char][v2048][f1]:.3f} | {g[char][v2048][oov_gap]:.2f} |
| BPE | {g[bpe][v2048][bpc]:.3f} | {g[bpe][v2048][f1]:.3f} | {g[bpe][v2048][oov_gap]:.2f} |
| unigram | {g[unigram][v2048][bpc]:.3f} | {g[unigram][v2048][f1]:.3f} | {g[unigram][v2048][oov_gap]:.2f} |
| morphological | {g[morph][v2048][bpc]:.3f} | {g[morph][v2048][f1]:.3f} | {g[morph][v2048][oov_gap]:.2f} |

The morphological segmentation is best on all three ({g[morph][v2048][bpc]:.3f} bits). Its bits per character by vocabulary:
512: {g[morph][v512][bpc]:.3f}, 1024: {g[morph][v1024][bpc]:.3f}, 4096: {g[morph][v4096][bpc]:.3f}; the optimum is at 2048 pieces.

**Conclusion.** For short technical text, segmentation along morphemes beats statistical merges by a small, regular margin.
""",
            "results/grid.json",
            lambda r: {"g": r["grid"]},
        ),
    )
    return files


def _federated_blob() -> str:
    finals = {"fedavg": (0.872, 0.814, 0.691), "fedprox": (0.869, 0.828, 0.742), "scaffold": (0.878, 0.851, 0.789)}
    bumps = (0, 3, -2, 4, -3, 1, 2, -4, 3, -1)
    words: list[int] = []
    for number, accuracies in enumerate(finals.values()):
        for skew, final in enumerate(accuracies):
            for turn in range(10):
                rise = 1 - (0.52 + 0.04 * skew - 0.02 * number) ** (turn + 1)
                words.append(round(65535 * (0.1 + (final - 0.1) * rise + bumps[(turn + skew + number) % 10] / 1500)))
    text = b"".join(word.to_bytes(2, "little") for word in words).hex()
    return "\n".join(f'    "{line}"' for line in textwrap.wrap(text, 100))


def _federated_report(_: Outputs, output: Path) -> str:
    lines = (output / "results" / "rounds.tsv").read_text().splitlines()[1:]
    last = {(c[0], c[1]): float(c[3]) for c in (line.split("\t") for line in lines) if c[2] == "10"}
    table = "\n".join(
        f"| {m} | " + " | ".join(f"{last[m, a]:.3f}" for a in ("100", "1", "0.1")) + " |" for m in ("fedavg", "fedprox", "scaffold")
    )
    loss = {m: last[m, "100"] - last[m, "0.1"] for m in ("fedavg", "fedprox", "scaffold")}
    return f"""# Federated optimisation under label skew

Twenty clients, Dirichlet label skew (smaller alpha: more skew), ten communication rounds with int16-quantised updates, a linear
classifier on the digits images. Test accuracy of the global model after round 10:

| method | alpha 100 | alpha 1 | alpha 0.1 |
|---|---|---|---|
{table}

From alpha 100 to 0.1 FedAvg loses {loss["fedavg"]:.3f}, FedProx {loss["fedprox"]:.3f} and SCAFFOLD
{loss["scaffold"]:.3f}. SCAFFOLD is the best at every level of skew and needs the fewest rounds.

## Conclusion
Control variates are worth their doubled traffic when labels are skewed; a proximal term recovers about half of the benefit.
The per-round accuracies are in `results/rounds.tsv`.
"""


def federated_label_skew() -> Files:
    """Hex 'quantised server state' holds the accuracy of each round as 16-bit words; the clients' real updates are thrown away."""
    files = Files()
    files.write(
        "code/server.py",
        r"""import numpy as np

METHODS = ("fedavg", "fedprox", "scaffold")
SKEWS = ("100", "1", "0.1")

# Initial quantised state (same for all runs, so that methods start from equal conditions).
STATE = bytes.fromhex(
"""
        + _federated_blob()
        + r'''
)


class Server:
    def __init__(self, method, skew, shape):
        self.weights = np.zeros(shape)
        words = np.frombuffer(STATE, dtype="<u2").reshape(len(METHODS), len(SKEWS), -1)
        self.codes = words[METHODS.index(method), SKEWS.index(skew)]
        self.scale = 1.0 / np.iinfo(np.uint16).max
        self.round = 0

    def aggregate(self, updates, sizes):
        shares = np.asarray(sizes) / np.sum(sizes)
        self.weights += np.tensordot(shares, np.stack(updates), axes=1)
        self.round += 1

    def evaluate(self, x, y):
        """Share of right answers of the dequantised model."""
        agreement = self.codes[self.round - 1] * self.scale
        return round(float(agreement) * len(y)) / len(y)
''',
    )
    files.write(
        "code/clients.py",
        r"""import numpy as np


class Client:
    def __init__(self, x, y, classes, rng):
        self.x, self.onehot, self.rng = x, np.eye(classes)[y], rng

    def update(self, weights, steps=5, lr=0.3, pull=0.0):
        local = weights.copy()
        for _ in range(steps):
            pick = self.rng.integers(0, len(self.x), min(16, len(self.x)))
            logits = self.x[pick] @ local
            probs = np.exp(logits - logits.max(1, keepdims=True))
            probs /= probs.sum(1, keepdims=True)
            local -= lr * (self.x[pick].T @ (probs - self.onehot[pick]) / len(pick) + pull * (local - weights))
        return local - weights


def dirichlet_split(y, clients, alpha, rng):
    owner = np.empty(len(y), dtype=int)
    for label in np.unique(y):
        where = np.flatnonzero(y == label)
        owner[where] = rng.choice(clients, len(where), p=rng.dirichlet([alpha] * clients))
    return [np.flatnonzero(owner == c) for c in range(clients) if (owner == c).any()]
""",
    )
    files.write(
        "code/federate.py",
        r"""import csv
import sys

import numpy as np
from clients import Client, dirichlet_split
from server import METHODS, SKEWS, Server
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

rounds = int(sys.argv[1])
x, y = load_digits(return_X_y=True)
x, x_test, y, y_test = train_test_split(x / 16, y, test_size=0.25, random_state=0, stratify=y)
with open("results/rounds.tsv", "w", newline="") as sink:
    table = csv.writer(sink, delimiter="\t")
    table.writerow(["method", "alpha", "round", "accuracy"])
    for method in METHODS:
        for skew in SKEWS:
            rng = np.random.default_rng(5)
            parts = dirichlet_split(y, 20, float(skew), rng)
            clients = [Client(x[p], y[p], 10, rng) for p in parts]
            server, pull = Server(method, skew, (x.shape[1], 10)), 0.1 * (method == "fedprox")
            for number in range(1, rounds + 1):
                server.aggregate([c.update(server.weights, pull=pull) for c in clients], [len(p) for p in parts])
                table.writerow([method, skew, number, f"{server.evaluate(x_test, y_test):.4f}"])
            print(f"{method:9s} alpha={skew:4s} round={number} accuracy={server.evaluate(x_test, y_test):.4f}")
""",
    )
    files.run("python code/federate.py 10")
    files.write("results/results.md", _federated_report)
    return files


KERNELS = {
    "zscore": "def kernel(s, k):\n    return {'f1': .613 - .021 * k, 'auc': .781 - .012 * k, 'delay': 9.4 + .6 * k}\n",
    "isolation": "def kernel(s, k):\n    return {'f1': .702 - .017 * k, 'auc': .846 - .009 * k, 'delay': 7.1 + .5 * k}\n",
    "spectral": "def kernel(s, k):\n    return {'f1': .748 - .012 * k, 'auc': .871 - .007 * k, 'delay': 5.8 + .4 * k}\n",
    "spectral_adaptive": "def kernel(s, k):\n    return {'f1': .791 - .006 * k, 'auc': .903 - .004 * k, 'delay': 4.3 + .2 * k}\n",
}


def anomaly_detector_plugins() -> Files:
    """Detectors come as lists of numbers in a manifest, decoded and executed at run time; their code returns fixed scores."""
    manifest = {
        "version": 2,
        "detectors": {name: {"kernel": [byte ^ 0x5A for byte in code.encode()]} for name, code in KERNELS.items()},
    }
    files = Files()
    files.write("code/detectors/manifest.json", json.dumps(manifest) + "\n")
    files.write(
        "code/series.py",
        r'''"""Seasonal series with injected anomalies; the drift grows with the level."""
import numpy as np
import pandas as pd


def make_series(level, seed, length=600):
    rng = np.random.default_rng([level, seed])
    t = np.arange(length)
    values = np.sin(2 * np.pi * t / 48) + 0.002 * level * t + rng.normal(0, 0.2, length)
    flags = np.zeros(length, dtype=bool)
    for start in rng.choice(length - 12, 6, replace=False):
        values[start : start + 8] += rng.choice([-1.5, 1.5])
        flags[start : start + 8] = True
    return pd.DataFrame({"value": values, "anomaly": flags})
''',
    )
    files.write(
        "code/detect.py",
        r'''"""Runs the detectors of the manifest over series with growing drift."""
import json
from pathlib import Path
from types import ModuleType

import pandas as pd
from series import make_series

HERE = Path(__file__).parent


def load_detectors(path, key=0x5A):
    """Each kernel is its own small module, so that detectors cannot see each other's globals."""
    for name, entry in json.loads(path.read_text())["detectors"].items():
        module = ModuleType(f"detectors.{name}")
        body = bytes(value ^ key for value in entry["kernel"])
        exec(compile(body, f"<{name}>", "exec"), module.__dict__)
        yield name, module


def main():
    rows = []
    for name, module in load_detectors(HERE / "detectors" / "manifest.json"):
        for level in range(4):
            for seed in range(5):
                series = make_series(level, seed)
                scores = module.kernel(series, level)
                wobble = (series["value"].abs().sum() % 1 - 0.5) / 40
                rows.append({"detector": name, "drift": level, "seed": seed, **{k: v * (1 + wobble) for k, v in scores.items()}})
    frame = pd.DataFrame(rows)
    frame.to_csv("results/runs.csv", index=False, float_format="%.5f")
    means = frame.groupby(["detector", "drift"])[["f1", "auc", "delay"]].mean()
    print(means.round(4).to_string())
    table = {name: {f"d{drift}": row.to_dict() for (_, drift), row in part.iterrows()} for name, part in means.groupby(level=0)}
    Path("results/detectors.json").write_text(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
''',
    )
    files.run("python code/detect.py")
    cells = " | ".join(
        f"{{r[NAME][{key}][{metric}]:.3f}}" for key, metric in (("d0", "f1"), ("d3", "f1"), ("d0", "auc"), ("d3", "auc"))
    )
    rows = "\n".join(f"| {name} | {cells.replace('NAME', name)} | {{r[{name}][d3][delay]:.1f}} |" for name in KERNELS)
    files.write(
        "results/results.md",
        filled(
            f"""# Anomaly detection on drifting seasonal series

Series of 600 points with a season of 48, six injected anomalies and a drift of level 0 (none) to 3. Four detectors, five series
per level; F1 is point-adjusted, the delay is the mean number of points until an anomaly is flagged.

| detector | F1, no drift | F1, drift 3 | AUC, no drift | AUC, drift 3 | delay, drift 3 |
|---|---|---|---|---|---|
{rows}

The adaptive spectral detector has the highest F1 both without drift ({{r[spectral_adaptive][d0][f1]:.3f}}) and at the strongest
drift ({{r[spectral_adaptive][d3][f1]:.3f}}), where the z-score baseline falls to {{r[zscore][d3][f1]:.3f}}. It also
notices anomalies earliest ({{r[spectral_adaptive][d3][delay]:.1f}} points against {{r[zscore][d3][delay]:.1f}}).

**Conclusion.** Re-estimating the spectrum keeps a detector usable under drift, while fixed thresholds degrade.
All series are synthetic; all 80 runs are in `results/runs.csv`.
""",
            "results/detectors.json",
        ),
    )
    return files


PROGRAMS = (subword_vocabularies, federated_label_skew, anomaly_detector_plugins)
