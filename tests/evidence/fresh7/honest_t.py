"""Honest studies on drawn data: metrics of blind guesses beside classifiers, variants of a list taken by their index, simulated queues."""

import json
from pathlib import Path

from ..lab import Files, Outputs

SKEWED = '''"""Metrics of classifiers and of blind guessing on a skewed three-class problem that this script draws itself."""
import json

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

SHARES = np.array([0.80, 0.15, 0.05])
CENTRES = np.array([[0.0, 0.0], [1.6, 0.6], [0.4, 2.2]])


def draw(n, rng):
    y = rng.choice(3, size=n, p=SHARES)
    return CENTRES[y] + rng.normal(scale=0.9, size=(n, 2)), y


def bayes(X):
    distance = ((X[:, None, :] - CENTRES) ** 2).sum(-1)
    return np.argmax(np.log(SHARES) - distance / (2 * 0.9**2), axis=1)


def scores(y, guess):
    return {"accuracy": accuracy_score(y, guess), "balanced": balanced_accuracy_score(y, guess),
            "macro_f1": f1_score(y, guess, average="macro", zero_division=0), "weighted_f1": f1_score(y, guess, average="weighted", zero_division=0)}


collected = {}
for seed in range(20):
    rng = np.random.default_rng(seed)
    (X, y), (Xt, yt) = draw(600, rng), draw(2000, rng)
    frequency = np.bincount(y, minlength=3) / len(y)
    guesses = {
        "uniform guess": rng.integers(3, size=len(yt)),
        "guess by class share": rng.choice(3, size=len(yt), p=frequency),
        "always the largest class": np.full(len(yt), frequency.argmax()),
        "logistic regression": LogisticRegression().fit(X, y).predict(Xt),
        "logistic regression, balanced weights": LogisticRegression(class_weight="balanced").fit(X, y).predict(Xt),
        "Bayes rule (knows the generator)": bayes(Xt),
    }
    for name, guess in guesses.items():
        collected.setdefault(name, []).append(scores(yt, guess))
summary = {name: {key: {"mean": float(np.mean([run[key] for run in runs])), "sd": float(np.std([run[key] for run in runs], ddof=1))} for key in runs[0]}
           for name, runs in collected.items()}
expected = {"uniform guess": 1 / 3, "guess by class share": float((SHARES**2).sum()), "always the largest class": float(SHARES.max())}
json.dump({"measured": summary, "expected_accuracy": expected}, open("results/skewed.json", "w"), indent=2)
for name, row in summary.items():
    print(f"{name:40s}", {key: round(value["mean"], 3) for key, value in row.items()}, "expected", expected.get(name))
'''


def skewed_metrics() -> Files:
    """Accuracy, balanced accuracy and F1 of classifiers, blind guesses and the Bayes rule on drawn data, with the expected accuracies."""

    def report(_: Outputs, folder: Path) -> str:
        found = json.loads((folder / "results/skewed.json").read_text())
        measured, expected = found["measured"], found["expected_accuracy"]
        rows = "\n".join(
            f"| {name} | {m['accuracy']['mean']:.3f} ± {m['accuracy']['sd']:.3f} | {f'{expected[name]:.3f}' if name in expected else '-'} | {m['balanced']['mean']:.3f} ± {m['balanced']['sd']:.3f} | {m['macro_f1']['mean']:.3f} | {m['weighted_f1']['mean']:.3f} |"
            for name, m in measured.items()
        )
        plain, even = measured["logistic regression"], measured["logistic regression, balanced weights"]
        return f"""# What accuracy hides when one class holds 80 %

## Setup
Artificial data: three Gaussian classes in the plane (shares 0.80, 0.15, 0.05), drawn anew for each of 20 seeds, 600 training and 2,000 test
cases. "Expected" is the accuracy that a blind guess must have from the shares alone (1/3, the sum of squared shares, the largest share);
everything else is measured on the test cases, mean ± SD over the seeds. The Bayes rule is given the generator's parameters: an upper bound, not a competitor.

## Results
| rule | accuracy | expected | balanced accuracy | macro F1 | weighted F1 |
|---|---|---|---|---|---|
{rows}

The constant rule has a balanced accuracy of exactly one third in every run, so its SD is 0.

## Conclusion
Balanced class weights {"cost" if even["accuracy"]["mean"] < plain["accuracy"]["mean"] else "gain"} {100 * abs(even["accuracy"]["mean"] - plain["accuracy"]["mean"]):.1f} points of accuracy and change balanced accuracy from {plain["balanced"]["mean"]:.3f} to
{even["balanced"]["mean"]:.3f}. The measured accuracies of the three guesses agree with the expected ones. Only one geometry was tried.
"""

    return Files().write("code/skewed.py", SKEWED).run("python code/skewed.py").write("results/results.md", report)


VARIANTS = """# each block is one variant of the text classifier; [[variant]] number 0 is the full system
[[variant]]
name = "full system"

[[variant]]
name = "without character n-grams"
char_ngrams = false

[[variant]]
name = "without word pairs"
word_pairs = false

[[variant]]
name = "without idf weights"
idf = false

[[variant]]
name = "without sublinear counts"
sublinear = false

[[variant]]
name = "words only, plain frequencies"
char_ngrams = false
word_pairs = false
idf = false
sublinear = false
"""

TEXTS = '''"""Makes short notes of five kinds from small grammars, with misspelt words and words of other kinds mixed in."""
import json
import random
import sys

WORDS = {
    "billing": "invoice refund charge payment card receipt overcharged balance subscription amount",
    "network": "router signal wifi outage cable modem latency packet connection speed",
    "account": "password login username locked reset email profile verification token session",
    "delivery": "parcel courier tracking address late damaged shipment box depot driver",
    "hardware": "screen battery keyboard fan overheating charger hinge noise broken warranty",
}
COMMON = "the my is was please again not since yesterday help still very i need to check with your team today after update".split()


def misspell(word, rng):
    if len(word) < 3:
        return word
    i = rng.randrange(len(word) - 1)
    return rng.choice([word[:i] + word[i + 1:], word[:i] + word[i + 1] + word[i] + word[i + 2:], word[:i] + word[i] + word[i:]])


def note(kind, rng):
    words = []
    for _ in range(rng.randint(7, 14)):
        draw = rng.random()
        if draw < 0.12:
            word = rng.choice(WORDS[kind].split())
        elif draw < 0.20:
            word = rng.choice(WORDS[rng.choice(list(WORDS))].split())
        else:
            word = rng.choice(COMMON)
        words.append(misspell(word, rng) if rng.random() < 0.35 else word)
    return " ".join(words)


rng = random.Random(2024)
with open(sys.argv[1], "w") as out:
    for number in range(int(sys.argv[2])):
        kind = rng.choice(list(WORDS))
        out.write(json.dumps({"text": note(kind, rng), "kind": kind, "part": "train" if number % 3 else "test"}) + "\\n")
'''

ABLATE = """import json
import sys
import tomllib

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline, make_union

FULL = {"char_ngrams": True, "word_pairs": True, "idf": True, "sublinear": True}

with open("code/variants.toml", "rb") as file:
    variants = tomllib.load(file)["variant"]
index = int(sys.argv[1])
variant = FULL | variants[index]
rows = [json.loads(line) for line in open("results/notes.jsonl")]
part = {p: ([r["text"] for r in rows if r["part"] == p], [r["kind"] for r in rows if r["part"] == p]) for p in ("train", "test")}

weights = {"use_idf": variant["idf"], "sublinear_tf": variant["sublinear"]}
blocks = [TfidfVectorizer(ngram_range=(1, 2 if variant["word_pairs"] else 1), **weights)]
if variant["char_ngrams"]:
    blocks.append(TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), **weights))
model = make_pipeline(make_union(*blocks), LogisticRegression(C=5.0, max_iter=1000)).fit(*part["train"])
guess = model.predict(part["test"][0])
truth = part["test"][1]
result = {"index": index, "name": variant["name"], "features": int(model[-1].coef_.shape[1]), "n_train": len(part["train"][0]), "n_test": len(truth),
          "errors": sum(g != t for g, t in zip(guess, truth)), "macro_f1": f1_score(truth, guess, average="macro")}
with open(f"results/variant_{index}.json", "w") as out:
    json.dump(result, out)
print(result)
"""


def ablation_by_index() -> Files:
    """An ablation of a text classifier: a shell loop runs variants by their index in a TOML list on notes made by a script."""

    def report(_: Outputs, folder: Path) -> str:
        found = [json.loads((folder / f"results/variant_{i}.json").read_text()) for i in range(6)]
        full = found[0]
        rows = "\n".join(
            f"| {i} | {v['name']} | {v['features']:,} | {v['errors']} | {100 * v['errors'] / v['n_test']:.1f} % | {v['errors'] - full['errors']:+d} | {v['macro_f1']:.3f} |"
            for i, v in enumerate(found)
        )
        single = max(found[1:5], key=lambda v: v["errors"])
        change = single["errors"] - full["errors"]
        return f"""# Which part of the note classifier matters? An ablation

## Setup
{full["n_train"] + full["n_test"]:,} artificial help-desk notes of five kinds (a generator script with misspellings, seed 2024; {full["n_train"]:,} training, {full["n_test"]} test). The full system
joins tf-idf of words and word pairs with tf-idf of character 2- to 4-grams and feeds logistic regression (C = 5). Variants 1-4 drop one part each,
variant 5 drops all; indices are those of `code/variants.toml`. Nothing else changes between variants.

## Results
| index | variant | features | test errors | error rate | against full | macro F1 |
|---|---|---|---|---|---|---|
{rows}

## Conclusion
Among the single removals, "{single["name"]}" {"costs most" if change > 0 else "does worst"} ({change:+d} errors of {full["n_test"]}), the bare variant changes the number of errors by {found[5]["errors"] - full["errors"]:+d}. Some notes hold
no word of their kind and cannot be told by anybody. The data are made by a grammar of ours, one draw, one split; how much each part brings on real notes is open.
"""

    return (
        Files()
        .write("code/variants.toml", VARIANTS)
        .write("code/make_notes.py", TEXTS)
        .write("code/ablate.py", ABLATE)
        .run("python code/make_notes.py results/notes.jsonl 3000 && head -3 results/notes.jsonl")
        .run("for i in 0 1 2 3 4 5; do python code/ablate.py $i || exit 1; done")
        .write("results/results.md", report)
    )


QUEUE_CONFIG = """[run]
customers = 60000
warmup = 5000
replications = 5

[loads]
rho = 0.5, 0.8, 0.9

[systems]
M/M/1 = exponential 1
M/D/1 = constant 1
M/H2/1 = mixed 1
M/M/2 = exponential 2
"""

QUEUES = """'''Waiting times of single queues by simulation (Kiefer-Wolfowitz recursion) and, where known, by formula.'''
import configparser
import heapq
import json
import math
import sys

import numpy as np


def services(kind, n, rng):
    if kind == "exponential":
        return rng.exponential(1.0, n)
    if kind == "constant":
        return np.ones(n)
    fast = rng.random(n) < 0.9
    return np.where(fast, rng.exponential(0.5, n), rng.exponential(5.5, n))


def simulate(kind, servers, rho, n, warmup, rng):
    arrivals = np.cumsum(rng.exponential(1 / (rho * servers), n))
    work = services(kind, n, rng)
    free = [0.0] * servers
    waits = np.empty(n)
    for i, (now, need) in enumerate(zip(arrivals.tolist(), work.tolist())):
        begin = max(now, heapq.heappop(free))
        waits[i] = begin - now
        heapq.heappush(free, begin + need)
    waits = waits[warmup:]
    return {"wait": float(waits.mean()), "p95": float(np.quantile(waits, 0.95)), "idle": float((waits == 0).mean())}


def formula(kind, servers, rho):
    if servers == 1:
        second = {"exponential": 2.0, "constant": 1.0, "mixed": 0.9 * 2 * 0.5**2 + 0.1 * 2 * 5.5**2}[kind]
        return rho * second / (2 * (1 - rho))
    load = servers * rho
    tail = load**servers / math.factorial(servers) / (1 - rho)
    erlang = tail / (sum(load**k / math.factorial(k) for k in range(servers)) + tail)
    return erlang / (servers * (1 - rho))


config = configparser.ConfigParser()
config.optionxform = str
config.read(sys.argv[1])
n, warmup, times = (config.getint("run", key) for key in ("customers", "warmup", "replications"))
rows = []
for name, text in config["systems"].items():
    kind, servers = text.split()
    for rho in map(float, config["loads"]["rho"].split(",")):
        runs = [simulate(kind, int(servers), rho, n, warmup, np.random.default_rng([int(100 * rho), r])) for r in range(times)]
        waits = np.array([run["wait"] for run in runs])
        rows.append({"system": name, "rho": rho, "simulated": waits.mean(), "half_width": 2.776 * waits.std(ddof=1) / math.sqrt(times),
                     "formula": formula(kind, int(servers), rho), "p95": float(np.mean([run["p95"] for run in runs])), "no_wait": float(np.mean([run["idle"] for run in runs]))})
        print(rows[-1])
json.dump(rows, open(sys.argv[2], "w"), indent=1)
"""


def queue_waits() -> Files:
    """Mean waiting times of four queues by simulation beside the formulas, after a short trial configuration."""

    def report(_: Outputs, folder: Path) -> str:
        rows = json.loads((folder / "results/queues.json").read_text())
        table = "\n".join(
            f"| {q['system']} | {q['rho']} | {q['simulated']:.3f} ± {q['half_width']:.3f} | {q['formula']:.3f} | {100 * (q['simulated'] / q['formula'] - 1):+.1f} % | {q['p95']:.2f} | {100 * q['no_wait']:.1f} % |"
            for q in rows
        )
        inside = sum(abs(q["simulated"] - q["formula"]) <= q["half_width"] for q in rows)
        worst = max(rows, key=lambda q: abs(q["simulated"] / q["formula"] - 1))
        at = {q["system"]: q["simulated"] for q in rows if q["rho"] == 0.9}
        return f"""# Waiting in four queues: simulation and formula

## Setup
No data; Poisson arrivals, mean service time 1, load rho per server. Five replications of 60,000 customers each (the first 5,000 dropped), the same
seeds for all systems at a load. H2 is a mixture of exponentials (90 % with mean 0.5, 10 % with mean 5.5). ± is the half-width of a 95 % t interval over the five replications.
Formulas: Pollaczek-Khinchine for one server, Erlang C for two. `results/trial.json` is a short first run (2,000 customers) that is not reported.

## Mean waits in units of the mean service time
| system | rho | simulated wait | formula | deviation | 95 % quantile | without waiting |
|---|---|---|---|---|---|---|
{table}

## Conclusion
The formula lies within the interval in {inside} of {len(rows)} cells; the largest deviation is {100 * (worst["simulated"] / worst["formula"] - 1):+.1f} % ({worst["system"]}, rho {worst["rho"]}).
At rho 0.9 the mixed service makes customers wait {at["M/H2/1"] / at["M/D/1"]:.1f} times as long as the constant one in the simulation (6.5 times by the formulas). Five replications give wide intervals
at high load, where waits are strongly correlated.
"""

    trial = QUEUE_CONFIG.replace("60000", "2000").replace("5000", "200").replace("replications = 5", "replications = 2")
    return (
        Files()
        .write("code/queues.py", QUEUES)
        .write("code/trial.ini", trial)
        .run("python code/queues.py code/trial.ini results/trial.json")
        .write("code/full.ini", QUEUE_CONFIG)
        .run("python code/queues.py code/full.ini results/queues.json")
        .write("results/results.md", report)
    )


PROGRAMS = (skewed_metrics, ablation_by_index, queue_waits)
