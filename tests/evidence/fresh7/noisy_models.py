"""What is called a trained model is a hash or noise."""

from ..fresh2.reports import filled
from ..lab import Files

CORPUS = r'''"""Support tickets of four queues, put together of phrase templates."""
import random

QUEUES = {
    "billing": ["invoice", "refund", "charge", "card", "plan", "discount"],
    "access": ["password", "login", "token", "locked", "email", "device"],
    "outage": ["timeout", "latency", "error", "region", "unavailable", "slow"],
    "feature": ["export", "dashboard", "integration", "filter", "theme", "report"],
}
SHARED = "please help the customer says that since yesterday our team cannot use it and needs a quick answer thanks again".split()


def tickets(count, seed):
    rng = random.Random(seed)
    names = list(QUEUES)
    for _ in range(count):
        queue = rng.choice(names)
        other = rng.choice(names)
        words = rng.sample(SHARED, 9) + rng.sample(QUEUES[queue], 2) + rng.sample(QUEUES[other], 1)
        rng.shuffle(words)
        yield " ".join(words), names.index(queue)
'''

ENCODERS = r'''"""Sentence encoders behind one interface: encode(list of texts) -> array."""
import zlib

import numpy as np

from corpus import QUEUES


class SentenceEncoder:
    """all-MiniLM-L6-v2, mpnet-base and a fine-tuned MiniLM, by name."""

    SIZES = {"minilm": 96, "mpnet": 192, "minilm-ft": 96}

    def __init__(self, name):
        self.name, self.size = name, self.SIZES[name]
        self.gain = {"minilm": 0.55, "mpnet": 0.6, "minilm-ft": 1.5}[name]
        self.topics = {w: k for k, words in enumerate(QUEUES.values()) for w in words}

    def _vector(self, word):
        rng = np.random.default_rng(zlib.adler32(f"{self.name}:{word}".encode()))
        base = rng.standard_normal(self.size)
        if word in self.topics:
            base[self.topics[word] * 7:(self.topics[word] + 1) * 7] += self.gain
        return base

    def encode(self, texts, normalize=True):
        out = np.stack([np.mean([self._vector(w) for w in t.split()], axis=0) for t in texts])
        return out / np.linalg.norm(out, axis=1, keepdims=True) if normalize else out
'''

ROUTE = r'''"""Compares encoders for ticket routing: a linear probe and retrieval by cosine similarity."""
import argparse
import json
import time

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from corpus import tickets
from encoders import SentenceEncoder

parser = argparse.ArgumentParser()
parser.add_argument("--encoders", nargs="+", default=["minilm", "mpnet", "minilm-ft"])
parser.add_argument("--train", type=int, default=120)
parser.add_argument("--test", type=int, default=400)
args = parser.parse_args()

rows = {}
for name in args.encoders:
    encoder, f1s, recalls = SentenceEncoder(name), [], []
    began = time.perf_counter()
    for seed in (1, 2, 3):
        train, test = list(tickets(args.train, seed)), list(tickets(args.test, 100 + seed))
        xa, xb = encoder.encode([t for t, _ in train]), encoder.encode([t for t, _ in test])
        ya, yb = np.array([q for _, q in train]), np.array([q for _, q in test])
        probe = LogisticRegression(C=20, max_iter=300).fit(xa, ya)
        f1s.append(f1_score(yb, probe.predict(xb), average="macro"))
        near = np.argsort(-(xb @ xa.T), axis=1)[:, :1]
        recalls.append((ya[near] == yb[:, None]).any(axis=1).mean())
    rows[name] = {"f1": float(np.mean(f1s)), "sd": float(np.std(f1s, ddof=1)), "r1": float(np.mean(recalls)), "dim": encoder.size}
    print(f"{name:10s} macro-F1 {rows[name]['f1']:.3f} recall@1 {rows[name]['r1']:.3f} ({time.perf_counter() - began:.1f} s)")
rows["delta"] = rows["minilm-ft"]["f1"] - rows["minilm"]["f1"]
rows["ft"] = rows.pop("minilm-ft")
rows["counts"] = {"train": args.train, "test": args.test}
with open("results/routing.json", "w") as sink:
    json.dump(rows, sink, indent=1)
'''

ROUTE_REPORT = """# Does fine-tuning a small sentence transformer pay for ticket routing?

**Models.** Pre-trained all-MiniLM-L6-v2 and mpnet-base as they come, and MiniLM fine-tuned with a contrastive loss on the {r[counts][train]} training tickets.
**Protocol.** A logistic-regression probe on the embeddings; {r[counts][test]} test tickets of four queues; three samples of the data.

| Encoder | Dimensions used | Macro-F1 | SD | Recall@1 |
|---|---|---|---|---|
| MiniLM | {r[minilm][dim]} | {r[minilm][f1]:.3f} | {r[minilm][sd]:.3f} | {r[minilm][r1]:.3f} |
| mpnet | {r[mpnet][dim]} | {r[mpnet][f1]:.3f} | {r[mpnet][sd]:.3f} | {r[mpnet][r1]:.3f} |
| MiniLM, fine-tuned | {r[ft][dim]} | {r[ft][f1]:.3f} | {r[ft][sd]:.3f} | {r[ft][r1]:.3f} |

Fine-tuning changes the macro-F1 of MiniLM by {r[delta]:+.3f}; its recall@1 rises from {r[minilm][r1]:.3f} to {r[ft][r1]:.3f}.

## Conclusion
A fine-tuned small transformer is better for routing than a larger one off the shelf, mostly for retrieval without a probe.
"""


def ticket_encoders() -> Files:
    """The three transformers are checksummed word vectors with a typed topic gain per name; nothing was pre-trained or fine-tuned."""
    return (
        Files()
        .write("code/corpus.py", CORPUS)
        .write("code/encoders.py", ENCODERS)
        .write("code/route.py", ROUTE)
        .run("cd code && mkdir -p results && python route.py && cp -r results/. ../results && rm -r results")
        .write("results/results.md", filled(ROUTE_REPORT, "results/routing.json"))
    )


LLM = r'''"""Local inference for chat models (greedy decoding)."""
import hashlib
import re

CARDS = {
    "llama-3-8b-instruct": {"layers": 32, "context": 8192, "window": (173, 9)},
    "mistral-7b-instruct": {"layers": 32, "context": 32768, "window": (158, 10)},
    "phi-3-mini": {"layers": 32, "context": 4096, "window": (137, 12)},
}
OPS = {"plus": int.__add__, "minus": int.__sub__, "times": int.__mul__}


class ChatModel:
    def __init__(self, name):
        self.name = name
        self.card = CARDS[name]

    def _logits(self, prompt):
        """Activation of the last layer for the prompt."""
        state = self.name.encode()
        for _ in range(self.card["layers"]):
            state = hashlib.sha256(state + prompt.encode()).digest()
        return state

    def _read(self, prompt):
        question = prompt.rsplit("Q:", 1)[-1]
        tokens = re.findall(r"\d+|plus|minus|times", question)
        value = int(tokens[0])
        for op, number in zip(tokens[1::2], tokens[2::2]):
            value = OPS[op](value, int(number))
        return value, len(tokens) // 2

    def generate(self, prompt):
        value, depth = self._read(prompt)
        width, slope = self.card["window"]
        bonus = 26 * ("step by step" in prompt) + 9 * min(prompt.count("A:") - 1, 4) + 21 * ("check your answer" in prompt)
        logits = self._logits(prompt)
        if logits[3] >= width + bonus - slope * depth ** 2:
            value += logits[7] % 9 + 1
        return f"Let me work through it. The answer is {value}."
'''

BENCH = r'''"""Prompting strategies on chained arithmetic: direct, few-shot, chain of thought, and verify-then-answer."""
import json
import random
import re
import sqlite3
from contextlib import closing

from llm import CARDS, ChatModel

STRATEGIES = {
    "direct": "{q}",
    "fewshot": "Q: 3 plus 4 A: 7\nQ: 9 minus 2 A: 7\nQ: 2 times 8 A: 16\n{q}",
    "cot": "Think step by step.\n{q}",
    "verify": "Think step by step, then check your answer by undoing each operation.\n{q}",
}


def problems(count, rng):
    for _ in range(count):
        steps = rng.choice((1, 2, 3))
        text, value = str(rng.randint(2, 40)), None
        value = int(text)
        for _ in range(steps):
            op, n = rng.choice(("plus", "minus", "times")), rng.randint(2, 12)
            value = {"plus": value + n, "minus": value - n, "times": value * n}[op]
            text += f" {op} {n}"
        yield f"Q: {text} A:", value


def answer(text):
    found = re.findall(r"-?\d+", text)
    return int(found[-1]) if found else None


def main():
    items = list(problems(300, random.Random(81)))
    with closing(sqlite3.connect("results/bench.db")) as db:
        db.execute("create table reply (model, strategy, item, output, correct)")
        for name in CARDS:
            model = ChatModel(name)
            for strategy, template in STRATEGIES.items():
                for k, (question, gold) in enumerate(items):
                    output = model.generate(template.format(q=question))
                    db.execute("insert into reply values (?, ?, ?, ?, ?)", (name, strategy, k, output, int(answer(output) == gold)))
        db.commit()
        table = {}
        for name, strategy, share in db.execute("select model, strategy, 100.0 * avg(correct) from reply group by 1, 2"):
            table.setdefault(name.split("-")[0], {})[strategy] = share
            print(f"{name:22s} {strategy:8s} {share:5.1f}")
    gains = {name: row["verify"] - row["direct"] for name, row in table.items()}
    with open("results/bench.json", "w") as sink:
        json.dump({"table": table, "gains": gains, "items": len(items)}, sink, indent=1)


main()
'''

BENCH_REPORT = """# Verify-then-answer prompts for 7B chat models

## Setup
Llama-3-8B-Instruct, Mistral-7B-Instruct and Phi-3-mini were run locally with greedy decoding on {r[items]} chained arithmetic questions of one to three operations.
Four prompts: direct, three examples, chain of thought, and our verify-then-answer prompt. The last integer of the reply is compared with the exact result.

## Exact-match accuracy (%)
| Model | Direct | Few-shot | Chain of thought | Verify (ours) |
|---|---|---|---|---|
| Llama-3-8B | {r[table][llama][direct]:.1f} | {r[table][llama][fewshot]:.1f} | {r[table][llama][cot]:.1f} | {r[table][llama][verify]:.1f} |
| Mistral-7B | {r[table][mistral][direct]:.1f} | {r[table][mistral][fewshot]:.1f} | {r[table][mistral][cot]:.1f} | {r[table][mistral][verify]:.1f} |
| Phi-3-mini | {r[table][phi][direct]:.1f} | {r[table][phi][fewshot]:.1f} | {r[table][phi][cot]:.1f} | {r[table][phi][verify]:.1f} |

The verify prompt improves on the direct one by {r[gains][llama]:.1f} points for Llama, {r[gains][mistral]:.1f} for Mistral and {r[gains][phi]:.1f} for Phi.

## Conclusion
Asking a language model to undo its operations is a cheap and consistent improvement for all three models tested.
"""


def verify_prompts() -> Files:
    """Three language models are one parser of the question whose answer is spoilt by a hash at a typed rate; prompts add typed bonuses."""
    return (
        Files()
        .write("code/llm.py", LLM)
        .write("code/bench.py", BENCH)
        .run("python code/bench.py")
        .write("results/results.md", filled(BENCH_REPORT, "results/bench.json"))
    )


PROGRAMS = (ticket_encoders, verify_prompts)
