"""Honest studies: pruned and quantised networks, labels made noisy with unequal classes, an ablation of a text model's parts."""

import json
import statistics
from pathlib import Path
from typing import Any

from ..fresh2.reports import filled
from ..lab import Files, Outputs

NETWORK = '''"""A digit network in numpy, trained once for each seed and kept in a cache for the compression study."""
import os, pickle
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
CACHE = "results/cache"
def load(seed):
    data = load_digits()
    return train_test_split((data.data / 16).astype(np.float32), data.target, test_size=0.3, random_state=seed, stratify=data.target)
def predict(p, x):
    for w, b in p[:-1]:
        x = np.maximum(x @ w + b, 0)
    return (x @ p[-1][0] + p[-1][1]).argmax(1)
def fit(p, x, y, epochs, rng, masks=None, peak=0.05):
    """Adam with an exponentially falling rate; masked weights stay zero."""
    moments = [[np.zeros_like(part) for part in layer for _ in range(2)] for layer in p]
    t = 0
    for epoch in range(epochs):
        rate = peak * 0.1 * np.exp(-2.0 * epoch / epochs)
        for rows in np.array_split(rng.permutation(len(x)), len(x) // 64):
            t += 1
            values = [x[rows]]
            for w, b in p[:-1]:
                values.append(np.maximum(values[-1] @ w + b, 0))
            z = values[-1] @ p[-1][0] + p[-1][1]
            delta = np.exp(z - z.max(1, keepdims=True))
            delta /= delta.sum(1, keepdims=True)
            delta[np.arange(len(rows)), y[rows]] -= 1
            delta /= len(rows)
            for k in reversed(range(len(p))):
                gradients = values[k].T @ delta, delta.sum(0)
                delta = (delta @ p[k][0].T) * (values[k] > 0)
                for i, g in enumerate(gradients):
                    m, v = moments[k][2 * i], moments[k][2 * i + 1]
                    m += 0.1 * (g - m)
                    v += 0.01 * (g * g - v)
                    p[k][i] -= (rate * (m / (1 - 0.9 ** t)) / (np.sqrt(v / (1 - 0.99 ** t)) + 1e-8)).astype(np.float32)
                if masks:
                    p[k][0] *= masks[k]
    return p
def trained(seed, widths=(64, 96, 48, 10)):
    os.makedirs(CACHE, exist_ok=True)
    path = f"{CACHE}/net_{seed}.pkl"
    if os.path.exists(path):
        return pickle.load(open(path, "rb"))
    rng = np.random.default_rng(seed)
    x, _, y, _ = load(seed)
    p = [[rng.normal(0, np.sqrt(2 / a), (a, b)).astype(np.float32), np.zeros(b, np.float32)] for a, b in zip(widths, widths[1:])]
    fit(p, x, y, 25, rng)
    pickle.dump(p, open(path, "wb"))
    return p
'''

COMPRESS = '''"""Sizes and errors of pruned and quantised copies of the cached networks."""
import copy, json, zlib
import numpy as np
from network import fit, load, predict, trained
SEEDS = [21, 22, 23, 24]
def quantised(p, bits):
    """Symmetric per layer; what is stored is integer levels and one scale."""
    stored, back = b"", []
    for w, b in p:
        scale = np.abs(w).max() / (2 ** (bits - 1) - 1)
        levels = np.round(w / scale).astype(np.int8)
        if bits == 4:
            flat = (levels.ravel() + 8).astype(np.uint8)
            stored += (flat[0::2] << 4 | flat[1::2]).tobytes()
        else:
            stored += levels.tobytes()
        stored += np.float32(scale).tobytes() + b.tobytes()
        back.append([levels.astype(np.float32) * scale, b])
    return back, stored
def raw(p):
    return b"".join(w.tobytes() + b.tobytes() for w, b in p)
def pruned(p, share, tune, seed):
    p = copy.deepcopy(p)
    masks = [(np.abs(w) >= np.quantile(np.abs(w), share)).astype(np.float32) for w, _ in p]
    for layer, mask in zip(p, masks):
        layer[0] *= mask
    if tune:
        x, _, y, _ = load(seed)
        fit(p, x, y, 5, np.random.default_rng(seed + 100), masks, peak=0.02)
    return p

table = {}
for seed in SEEDS:
    _, x_test, _, y_test = load(seed)
    net = trained(seed)
    kinds = {"float32": (net, raw(net)), "int8": quantised(net, 8), "int4": quantised(net, 4)}
    for share in (0.5, 0.8, 0.9):
        for tune in (False, True):
            thin = pruned(net, share, tune, seed)
            kinds[f"prune {share:.0%}" + (" + tuning" if tune else "")] = (thin, raw(thin))
            if share == 0.8 and tune:
                kinds["prune 80% + tuning + int8"] = quantised(thin, 8)
    for name, (p, stored) in kinds.items():
        cell = table.setdefault(name, {"wrong": [], "bytes": [], "deflated": []})
        cell["wrong"].append(int((predict(p, x_test) != y_test).sum()))
        cell["bytes"].append(len(stored))
        cell["deflated"].append(len(zlib.compress(stored, 9)))
    print(seed, {name: cell["wrong"][-1] for name, cell in table.items()})
json.dump({"seeds": SEEDS, "test_images": len(y_test), "variants": table}, open("results/compression.json", "w"))
'''


def _compression_report(_: Outputs, output: Path) -> str:
    found = json.loads((output / "results/compression.json").read_text())
    variants, images, number = found["variants"], found["test_images"], len(found["seeds"])
    base = variants["float32"]

    def error(name: str) -> float:
        return 100 * sum(variants[name]["wrong"]) / (number * images)

    rows = ""
    for name, cell in variants.items():
        packed = statistics.mean(cell["deflated"])
        rows += f"| {name} | {sum(cell['wrong'])} | {error(name):.2f} | {cell['bytes'][0]:,} | {packed:,.0f} | "
        rows += f"{statistics.mean(base['deflated']) / packed:.2f} | {8 * packed / (base['bytes'][0] / 4):.2f} |\n"
    combined = "prune 80% + tuning + int8"
    parameters = base["bytes"][0] // 4
    return f"""# Pruning and quantising a small digit network

## Setup
A network with three layers (64-96-48-10, {parameters} parameters, float32) in numpy, trained with Adam and an exponentially falling
rate for 25 epochs, seeds {", ".join(map(str, found["seeds"]))} (split and weights), {images} test images for each. All variants of a seed
start from the same cached network. Pruning zeroes the smallest weights of each layer; "+ tuning" trains the rest for 5 more epochs, which
the other variants do not get. Quantisation is symmetric with one scale for each layer, without any tuning. Biases stay float32.

## Results

| Variant | Wrong (sum of {number * images}) | Error % | Bytes | Deflated (mean) | Ratio | Bits per parameter |
|---|---|---|---|---|---|---|
{rows}
"Bytes" is what the arrays need before deflate; pruned arrays are stored dense, so only deflate makes them smaller. "Ratio" is that of the
deflated float32 bytes to the variant's, and bits per parameter are of deflated bytes.

The float32 networks err in {error("float32"):.2f} % of cases and int8 in {error("int8"):.2f} %. At 90 % sparsity the error is
{error("prune 90%"):.2f} % without and {error("prune 90% + tuning"):.2f} % with tuning. `{combined}` takes {statistics.mean(variants[combined]["deflated"]):,.0f} bytes deflated.

## Limits
No variant that is tuned without being pruned was run, so part of the effect of tuning may be plain extra training. Test images of
different seeds overlap. Speed was not measured, and dense storage with deflate is not what sparse kernels need.

## Conclusion
int8 costs next to nothing here. Strong pruning needs tuning; with int8 it gives the smallest files of all variants tried, but int4 alone is
nearly as small and errs less than half as often.
"""


def compression_cached() -> Files:
    """Pruned and quantised networks from a cache; ratios and bits per parameter are worked out in the report from bytes."""
    files = Files().write("code/network.py", NETWORK)
    files.run(
        "PYTHONPATH=code python -c 'from network import *; x, t, y, u = load(21); print((predict(trained(21), t) == u).mean())'"
    )
    files.write("code/compress.py", COMPRESS).run("python code/compress.py").run("ls -l results results/cache")
    return files.write("results/results.md", _compression_report)


UNEQUAL = '''"""Unequal classes with labels made noisy on purpose in training: plain, weighted and resampled learners."""
import argparse, json, pathlib
import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, average_precision_score, balanced_accuracy_score, f1_score
from sklearn.model_selection import train_test_split
def data(seed):
    x, y = make_classification(n_samples=3000, n_features=16, n_informative=8, weights=[0.9], class_sep=0.9, flip_y=0, random_state=seed)
    return train_test_split(x, y, test_size=0.4, stratify=y, random_state=seed)
def flip(y, rate, rng):
    """Each training label is flipped with the given probability; test labels are left alone."""
    hit = rng.random(len(y)) < rate
    return np.where(hit, 1 - y, y), int(hit.sum())
def upsample(x, y, rng):
    small = np.flatnonzero(y == 1)
    extra = rng.choice(small, max(0, int((y == 0).sum()) - len(small)))
    return np.vstack([x, x[extra]]), np.concatenate([y, y[extra]])
def learner(name, weight, seed):
    if name == "logistic":
        return LogisticRegression(max_iter=1000, class_weight=weight)
    return HistGradientBoostingClassifier(max_iter=25, max_leaf_nodes=15, class_weight=weight, random_state=seed)

parser = argparse.ArgumentParser()
parser.add_argument("--noise", type=float, nargs="+", default=[0.0, 0.05, 0.15])
parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101, 102, 103, 104])
args, lines = parser.parse_args(), []
for rate in args.noise:
    for seed in args.seeds:
        x_train, x_test, y_train, y_test = data(seed)
        y_noisy, flipped = flip(y_train, rate, np.random.default_rng([seed, 1]))
        for name in ("logistic", "boosting"):
            for treatment in ("plain", "weighted", "upsampled"):
                x, y = (x_train, y_noisy) if treatment != "upsampled" else upsample(x_train, y_noisy, np.random.default_rng([seed, 2]))
                model = learner(name, "balanced" if treatment == "weighted" else None, seed).fit(x, y)
                said = model.predict(x_test)
                lines.append({"noise": rate, "seed": seed, "flipped": flipped, "model": name, "treatment": treatment,
                              "accuracy": accuracy_score(y_test, said), "balanced_accuracy": balanced_accuracy_score(y_test, said),
                              "f1": f1_score(y_test, said), "ap": average_precision_score(y_test, model.predict_proba(x_test)[:, 1])})
pathlib.Path("results/runs.jsonl").write_text("".join(json.dumps(line) + "\\n" for line in lines))
print(len(lines), "runs")
'''

SUMMARY = """import pandas as pd
runs = pd.read_json("results/runs.jsonl", lines=True)
keys = ["noise", "model", "treatment"]
mean = runs.groupby(keys)[["accuracy", "balanced_accuracy", "f1", "ap"]].mean()
mean["bacc_sd"] = runs.groupby(keys).balanced_accuracy.std()
mean.round(3).reset_index().to_json("results/summary.json", orient="records", indent=1)
print(mean.round(3).to_string())
"""


def _unequal_report(_: Outputs, output: Path) -> str:
    cells: list[dict[str, Any]] = json.loads((output / "results/summary.json").read_text())
    runs = [json.loads(line) for line in (output / "results/runs.jsonl").read_text().splitlines()]
    at = {(cell["noise"], cell["model"], cell["treatment"]): cell for cell in cells}
    flips = statistics.mean(run["flipped"] for run in runs if run["noise"] == 0.15)
    rows = ""
    for model in ("logistic", "boosting"):
        for treatment in ("plain", "weighted", "upsampled"):
            three = [at[noise, model, treatment] for noise in (0.0, 0.05, 0.15)]
            shown = " | ".join(f"{c['balanced_accuracy']:.3f} ± {c['bacc_sd']:.3f}" for c in three)
            rows += f"| {model} | {treatment} | {shown} |\n"
    more = "".join(
        f"| {m} | {t} | {at[0.15, m, t]['accuracy']:.3f} | {at[0.15, m, t]['f1']:.3f} | {at[0.15, m, t]['ap']:.3f} |\n"
        for m in ("logistic", "boosting")
        for t in ("plain", "weighted", "upsampled")
    )
    plain, weighted = at[0.15, "boosting", "plain"], at[0.15, "boosting", "weighted"]
    return f"""# Rare classes and noisy labels: does weighting still help?

## Setup
Generated data: 3000 rows, 16 features, about 10 % positives, 60/40 stratified split, seeds 100 to 104. On purpose we flip each *training*
label with probability 0, 0.05 or 0.15 (at 0.15 that was {flips:.1f} of 1800 labels on average); test labels are never changed. "weighted"
is `class_weight="balanced"`, "upsampled" repeats positives until the training classes are equal. The learners' other settings are the
same in all rows. The threshold is 0.5 everywhere.

## Balanced accuracy (mean ± SD of 5 seeds)

| Model | Treatment | no noise | 5 % | 15 % |
|---|---|---|---|---|
{rows}
## Other measures at 15 % noise

| Model | Treatment | Accuracy | F1 | Average precision |
|---|---|---|---|---|
{more}
With 15 % noise plain boosting has a balanced accuracy of {plain["balanced_accuracy"]:.3f} and weighted boosting
{weighted["balanced_accuracy"]:.3f}; at the same time plain accuracy is {plain["accuracy"]:.3f} against {weighted["accuracy"]:.3f}.

## Limits
Weighting and upsampling move the effective threshold, which balanced accuracy rewards and accuracy punishes; a tuned threshold was not
tried. Symmetric flips are a simple kind of noise: where positives are rare they make far more wrong positives than wrong negatives. Five
seeds.

## Conclusion
Which treatment is better depends on the measure: balanced accuracy speaks for weighting under noise, accuracy against it. We recommend
neither without saying what errors cost.
"""


def unequal_and_flipped() -> Files:
    """Training labels flipped on purpose with unequal classes; balanced accuracy beside plain, summary by pandas."""
    files = (
        Files()
        .write("code/unequal.py", UNEQUAL)
        .run("python code/unequal.py --noise 0.15 --seeds 1 && head -n 2 results/runs.jsonl")
    )
    files.run("python code/unequal.py").write("code/summary.py", SUMMARY).run("python code/summary.py")
    return files.write("results/results.md", _unequal_report)


REVIEWS = '''"""Short made-up reviews of three kinds of goods; the opinion is carried by words, negations and exclamation marks."""
import random
GOOD = "great lovely solid quick bright handy tidy superb fair neat".split()
BAD = "poor weak noisy slow dull clumsy messy awful flimsy dim".split()
THINGS = {"lamps": "bulb shade switch cord base".split(), "bags": "strap zip pocket lining seam".split(),
          "radios": "speaker dial antenna battery sound".split()}
FILL = "i bought this last week and so far the whole family uses it every day at home or on trips".split()

def review(rng, domain):
    label = rng.random() < 0.5
    words = []
    for _ in range(rng.randint(2, 4)):
        own = rng.random() < 0.72
        good = label == own
        thing = rng.choice(THINGS[domain])
        if rng.random() < 0.35:
            words += ["the", thing, "is", "not", rng.choice(BAD if good else GOOD)]
        else:
            words += ["the", thing, "is", rng.choice(GOOD if good else BAD)]
        words += rng.sample(FILL, rng.randint(1, 4))
    text = " ".join(words)
    return (text + "!" * rng.randint(1, 2) if rng.random() < (0.4 if label else 0.2) else text + "."), int(label)

def corpus(domain, number, seed):
    rng = random.Random(f"{domain}-{seed}")
    texts, labels = zip(*(review(rng, domain) for _ in range(number)))
    return list(texts), list(labels)
'''

ABLATE = '''import json, sys
import numpy as np
from reviews import corpus
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression
PARTS = ["bigrams", "negation", "tfidf", "marks"]
SIZES = {"lamps": (400, 300), "bags": (250, 200), "radios": (120, 500)}
def negated(text):
    """`not slow` becomes `not_slow`."""
    return text.replace(" not ", " not_")
def features(train, test, on):
    if "negation" in on:
        train, test = [negated(t) for t in train], [negated(t) for t in test]
    counter = CountVectorizer(ngram_range=(1, 2) if "bigrams" in on else (1, 1), token_pattern=r"[a-z_]+")
    blocks = [counter.fit_transform(train), counter.transform(test)]
    if "tfidf" in on:
        scale = TfidfTransformer(sublinear_tf=True).fit(blocks[0])
        blocks = [scale.transform(block) for block in blocks]
    if "marks" in on:
        blocks = [hstack([block, csr_matrix(np.array([[t.count("!")] for t in texts], float))]).tocsr()
                  for block, texts in zip(blocks, (train, test))]
    return blocks
def correct(domain, seed, on):
    train_size, test_size = SIZES[domain]
    texts, labels = corpus(domain, train_size + test_size, seed)
    x, x_test = features(texts[:train_size], texts[train_size:], on)
    model = LogisticRegression(max_iter=500, C=1.0).fit(x, labels[:train_size])
    return int((model.predict(x_test) == np.array(labels[train_size:])).sum())

variants = {"full": PARTS, **{f"no {part}": [p for p in PARTS if p != part] for part in PARTS}, "words only": []}
seeds = list(range(int(sys.argv[1])))
hits = {name: {domain: [correct(domain, seed, on) for seed in seeds] for domain in SIZES} for name, on in variants.items()}
json.dump({"seeds": seeds, "test_size": {domain: size for domain, (_, size) in SIZES.items()}, "correct": hits},
          open("results/ablation.json", "w"), indent=1)
for name, by in hits.items():
    print(f"{name:12s}", *(f"{domain} {100 * np.mean(values) / SIZES[domain][1]:.1f}" for domain, values in by.items()))
'''

ABLATION_REPORT = """# Which parts of a bag-of-words opinion model matter?

## Setup
Made-up reviews of lamps, bags and radios (`code/reviews.py`; 400, 250 and 120 for training, {r[test_size][lamps]}, {r[test_size][bags]}
and {r[test_size][radios]} for testing), corpora of {n} seeds (0 to {last}). About 28 % of single opinions in a review contradict its
label by design, so no model can be perfect. The model is always logistic regression with C = 1. The full model has word bigrams, joined
negations (`not_slow`), tf-idf with logarithmic counts and the number of exclamation marks; each row of the ablation leaves out one part
and is trained anew.

## Accuracy in percent

| Variant | lamps | bags | radios | mean of domains | all test reviews | against full |
|---|---|---|---|---|---|---|
{rows}
"mean of domains" gives the three domains the same weight, "all test reviews" counts each review once. The last column is in points of
"all test reviews".

The full model is right in {full_sum} of {total} cases ({full:.2f} %). The part whose removal costs most is: {worst} ({drop:.2f} points).

## Limits
The reviews come from a template in which negation and marks carry the label by construction, so the sizes of effects do not carry over to
real reviews. C was not tuned for each variant. A first look with 2 seeds preceded the {n} seeds shown.

## Conclusion
The full model is not the best one: leaving out bigrams changes the accuracy by {bigrams:+.2f} points, and only joined negations are clearly
worth keeping. Without any of the four parts {words:.2f} points are lost against the full model, more than any single part costs.
"""


def _ablation_rows(found: dict[str, Any]) -> dict[str, Any]:
    sizes, number = found["test_size"], len(found["seeds"])
    total = number * sum(sizes.values())
    pooled = {name: 100 * sum(map(sum, by.values())) / total for name, by in found["correct"].items()}
    rows = []
    for name, by in found["correct"].items():
        shares = [100 * sum(by[domain]) / (number * sizes[domain]) for domain in sizes]
        change = f"{pooled[name] - pooled['full']:+.2f}" if name != "full" else "-"
        single = " | ".join(f"{s:.1f}" for s in shares)
        rows.append(f"| {name} | {single} | {statistics.mean(shares):.2f} | {pooled[name]:.2f} | {change} |")
    worst = min((name for name in pooled if name.startswith("no ")), key=lambda name: pooled[name])
    full_sum = sum(map(sum, found["correct"]["full"].values()))
    return {
        "rows": "\n".join(rows) + "\n",
        "n": number,
        "last": number - 1,
        "total": total,
        "full": pooled["full"],
        "full_sum": full_sum,
        "worst": worst.removeprefix("no "),
        "drop": pooled["full"] - pooled[worst],
        "bigrams": pooled["no bigrams"] - pooled["full"],
        "words": pooled["full"] - pooled["words only"],
    }


def review_ablation() -> Files:
    """Ablation of a text model on three domains of different sizes; means by domain and by review from counts."""
    files = Files().write("code/reviews.py", REVIEWS)
    files.run("cd code && python - <<'E'\nfrom reviews import corpus\nprint(*zip(*corpus('bags', 4, 0)), sep='\\n')\nE")
    files.write("code/ablate.py", ABLATE).run("python code/ablate.py 2").run("python code/ablate.py 10")
    return files.write("results/results.md", filled(ABLATION_REPORT, "results/ablation.json", _ablation_rows))


PROGRAMS = (compression_cached, unequal_and_flipped, review_ablation)
