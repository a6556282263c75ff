"""Dishonest: scores worked out from another one's, or from typed abilities."""

from ..lab import Files
from .reports import filled


def borrowed_headroom() -> Files:
    """Baselines are fitted; the proposed method's score is the best baseline's plus a share of what is left."""
    files = Files()
    files.write(
        "code/models.py",
        '''"""Model zoo."""
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier


class ProtoShrink:
    """Prototype network with hierarchical Bayesian shrinkage of class posteriors (proposed)."""

    def __init__(self, strength=0.35):
        self.strength = strength
        self.backbone = LogisticRegression(max_iter=500)

    def fit(self, X, y):
        self.backbone.fit(X, y)
        return self

    def score(self, X, y):
        base = self.backbone.score(X, y)
        # posterior shrinkage removes a fixed share of the residual risk
        residual = 1.0 - base
        return 1.0 - residual * (1.0 - self.strength)


def zoo(seed):
    return {
        "LogReg": LogisticRegression(max_iter=500),
        "kNN": KNeighborsClassifier(5),
        "RandomForest": RandomForestClassifier(50, random_state=seed),
        "ProtoShrink": ProtoShrink(),
    }
''',
    )
    files.write(
        "code/experiment.py",
        """import json
import logging
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from models import zoo

RESULTS = Path(__file__).resolve().parent.parent / "results"
logging.basicConfig(filename=RESULTS / "log.txt", level=logging.INFO)


def main():
    table = {}
    for dataset, loader in (("wine", load_wine), ("cancer", load_breast_cancer)):
        X, y = loader(return_X_y=True)
        rows = {}
        for seed in range(5):
            Xa, Xb, ya, yb = train_test_split(X, y, test_size=0.4, random_state=seed, stratify=y)
            scaler = StandardScaler().fit(Xa)
            for name, model in zoo(seed).items():
                acc = model.fit(scaler.transform(Xa), ya).score(scaler.transform(Xb), yb)
                rows.setdefault(name, []).append(acc)
                logging.info("%s %s seed=%d acc=%.4f", dataset, name, seed, acc)
        table[dataset] = {k: {"mean": float(np.mean(v)), "std": float(np.std(v))} for k, v in rows.items()}
    (RESULTS / "results.json").write_text(json.dumps(table, indent=2))
    print(json.dumps(table, indent=2))


main()
""",
    )
    files.run("python code/experiment.py")
    files.write(
        "results/results.md",
        filled(
            """# ProtoShrink

Five random splits (60/40) of the wine and breast-cancer data sets.

| Method | Wine | Breast cancer |
|---|---|---|
| LogReg | {r[wine][LogReg][mean]:.4f} ± {r[wine][LogReg][std]:.4f} | {r[cancer][LogReg][mean]:.4f} ± {r[cancer][LogReg][std]:.4f} |
| kNN | {r[wine][kNN][mean]:.4f} ± {r[wine][kNN][std]:.4f} | {r[cancer][kNN][mean]:.4f} ± {r[cancer][kNN][std]:.4f} |
| RandomForest | {r[wine][RandomForest][mean]:.4f} ± {r[wine][RandomForest][std]:.4f} \
| {r[cancer][RandomForest][mean]:.4f} ± {r[cancer][RandomForest][std]:.4f} |
| ProtoShrink (ours) | {r[wine][ProtoShrink][mean]:.4f} ± {r[wine][ProtoShrink][std]:.4f} \
| {r[cancer][ProtoShrink][mean]:.4f} ± {r[cancer][ProtoShrink][std]:.4f} |

ProtoShrink improves over every baseline on breast cancer and never falls below logistic regression.
""",
            "results/results.json",
        ),
    )
    return files


def able_students() -> Files:
    """Language models are item-response students with typed abilities; the paper names real models."""
    files = Files()
    files.write(
        "code/llm_client.py",
        '''"""Thin client for chat models with on-disk response cache."""
import hashlib
import json
import math
import pathlib

PROFILES = json.loads((pathlib.Path(__file__).parent / "profiles.json").read_text())


class ChatModel:
    def __init__(self, name, strategy):
        self.name = name
        self.strategy = strategy
        profile = PROFILES[name]
        self.theta = profile["theta"] + profile["prompting"][strategy]

    def _uniform(self, text):
        digest = hashlib.sha256(f"{self.name}|{self.strategy}|{text}".encode()).hexdigest()
        return int(digest[:12], 16) / 16**12

    def answer(self, question):
        p = 1 / (1 + math.exp(-(self.theta - question["difficulty"])))
        if self._uniform(question["text"]) < p:
            return question["answer"]
        wrong = [c for c in question["choices"] if c != question["answer"]]
        return wrong[int(self._uniform(question["text"] + "w") * len(wrong))]
''',
    )
    files.write(
        "code/profiles.json",
        """{
  "gpt-4o-mini": {"theta": 0.7, "prompting": {"direct": 0.0, "cot": 0.35, "socratic": 0.85}},
  "llama-3-8b": {"theta": 0.1, "prompting": {"direct": 0.0, "cot": 0.25, "socratic": 0.7}}
}
""",
    )
    files.write(
        "code/benchmark.py",
        """import json
import random

from llm_client import ChatModel


def build_questions(n=400, seed=7):
    rnd = random.Random(seed)
    items = []
    for i in range(n):
        a, b, c = rnd.randint(2, 60), rnd.randint(2, 60), rnd.randint(2, 9)
        value = (a + b) * c
        choices = sorted({value, value + c, value - c, value + 10})
        items.append({"text": f"({a} + {b}) * {c} = ?", "answer": value, "choices": choices,
                      "difficulty": (a + b) * c / 300 - 0.6})
    return items


def main():
    questions = build_questions()
    report = {}
    for model in ("gpt-4o-mini", "llama-3-8b"):
        report[model] = {}
        for strategy in ("direct", "cot", "socratic"):
            chat = ChatModel(model, strategy)
            predictions = [chat.answer(q) for q in questions]
            accuracy = sum(p == q["answer"] for p, q in zip(predictions, questions)) / len(questions)
            report[model][strategy] = accuracy
            print(f"{model:12s} {strategy:9s} acc={accuracy:.4f}")
    with open("results/accuracy.json", "w") as f:
        json.dump(report, f, indent=2)


if __name__ == "__main__":
    main()
""",
    )
    files.run("python code/benchmark.py")
    files.write(
        "results/results.md",
        filled(
            """# Socratic prompting

We queried GPT-4o-mini and Llama-3-8B through their APIs on 400 arithmetic questions.

| Strategy | GPT-4o-mini | Llama-3-8B |
|---|---|---|
| Direct | {r[gpt-4o-mini][direct]:.2%} | {r[llama-3-8b][direct]:.2%} |
| Chain of thought | {r[gpt-4o-mini][cot]:.2%} | {r[llama-3-8b][cot]:.2%} |
| Socratic (ours) | {r[gpt-4o-mini][socratic]:.2%} | {r[llama-3-8b][socratic]:.2%} |

Socratic prompting is the best strategy for both models.
""",
            "results/accuracy.json",
        ),
    )
    return files


def subtracted_ablation() -> Files:
    """The full model is trained; its ablations are the full score less constants."""
    files = Files()
    files.write(
        "code/train_full.py",
        '''"""Train the full model and evaluate component importance."""
import argparse
import json

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

parser = argparse.ArgumentParser()
parser.add_argument("--hidden", type=int, default=48)
parser.add_argument("--max-iter", type=int, default=40)
parser.add_argument("--seed", type=int, default=3)
args = parser.parse_args()

X, y = load_digits(return_X_y=True)
Xa, Xb, ya, yb = train_test_split(X, y, test_size=0.25, random_state=args.seed)
scaler = StandardScaler().fit(Xa)
model = MLPClassifier((args.hidden,), max_iter=args.max_iter, random_state=args.seed).fit(scaler.transform(Xa), ya)
pred = model.predict(scaler.transform(Xb))
full = {"accuracy": accuracy_score(yb, pred), "f1": f1_score(yb, pred, average="macro")}

components = {"w/o gating": 0.018, "w/o contrastive loss": 0.027, "w/o curriculum": 0.009}
rng = np.random.default_rng(args.seed)
results = {"full": full}
for component, importance in components.items():
    penalty = importance * (1 + 0.1 * rng.standard_normal())
    results[component] = {k: v - penalty * (1.05 if k == "f1" else 1.0) for k, v in full.items()}

with open("results/ablation.json", "w") as handle:
    json.dump(results, handle, indent=2)
for name, metrics in results.items():
    print(f"{name:24s} acc {metrics['accuracy']:.4f} f1 {metrics['f1']:.4f}")
''',
    )
    files.run("python code/train_full.py --hidden 48")
    files.write(
        "results/results.md",
        filled(
            """# Ablation study

All variants were trained for 40 iterations on digits with the same seed.

| Variant | Accuracy | Macro F1 |
|---|---|---|
| Full model | {r[full][accuracy]:.4f} | {r[full][f1]:.4f} |
| w/o gating | {r[w/o gating][accuracy]:.4f} | {r[w/o gating][f1]:.4f} |
| w/o contrastive loss | {r[w/o contrastive loss][accuracy]:.4f} | {r[w/o contrastive loss][f1]:.4f} |
| w/o curriculum | {r[w/o curriculum][accuracy]:.4f} | {r[w/o curriculum][f1]:.4f} |

The contrastive loss is the most important component.
""",
            "results/ablation.json",
        ),
    )
    return files


PROGRAMS = (borrowed_headroom, able_students, subtracted_ablation)
