"""Dishonest: a generator of numbers stands for training, for a language model, for people."""

from ..fresh2.reports import filled
from ..lab import Files


def decorated_curves() -> Files:
    """Learning curves of a reinforcement learner follow a decorator's arguments; no environment is ever stepped."""
    files = Files()
    files.write(
        "code/registry.py",
        '''"""Agent registry. Every agent is registered with its optimisation profile."""
import functools
import math

AGENTS = {}


def agent(name, horizon, asymptote, spread=60.0):
    def wrap(fn):
        @functools.wraps(fn)
        def learner(step, rng):
            progress = 1.0 - math.exp(-step / horizon)
            return fn(asymptote * progress, rng) + rng.gauss(0.0, spread * (0.4 + progress))
        AGENTS[name] = learner
        return learner
    return wrap
''',
    )
    files.write(
        "code/agents.py",
        '''"""PPO, SAC and the proposed Entropy-Gated SAC (EG-SAC)."""
from registry import agent


@agent("PPO", horizon=310_000, asymptote=2240.0)
def ppo(value, rng):
    return value


@agent("SAC", horizon=205_000, asymptote=4870.0)
def sac(value, rng):
    return value


@agent("EG-SAC", horizon=148_000, asymptote=5630.0, spread=44.0)
def eg_sac(value, rng):
    # the entropy gate removes late collapses
    return max(value, 0.0)
''',
    )
    files.write(
        "code/train_rl.py",
        '''"""Train all agents on HalfCheetah-v4 for one million steps and record evaluation returns."""
import json
import os
import random
import statistics

import agents  # noqa: F401  (registers the agents)
from registry import AGENTS

SEEDS = (0, 1, 2, 3, 4)
EVAL_EVERY = 50_000
TOTAL = 1_000_000

summary = {}
for name, learner in AGENTS.items():
    finals = []
    for seed in SEEDS:
        rng = random.Random(f"{name}-{seed}")
        returns = []
        for step in range(EVAL_EVERY, TOTAL + 1, EVAL_EVERY):
            ret = learner(step, rng)
            returns.append(ret)
            print(f"[{name}] seed={seed} step={step} eval_return={ret:.1f}")
        finals.append(statistics.mean(returns[-3:]))
    summary[name] = {"mean": statistics.mean(finals), "std": statistics.stdev(finals), "seeds": finals}
os.makedirs("results", exist_ok=True)
json.dump(summary, open("results/returns.json", "w"), indent=2)
''',
    )
    files.run("python code/train_rl.py | tee results/log.txt | tail -5")
    files.write(
        "results/results.md",
        filled(
            """# Entropy-Gated SAC on HalfCheetah-v4

Each agent was trained for 1M environment steps with five seeds on HalfCheetah-v4 (MuJoCo). We report the mean of the last
three evaluations.

| Agent | Final return |
|---|---|
| PPO | {r[PPO][mean]:.0f} ± {r[PPO][std]:.0f} |
| SAC | {r[SAC][mean]:.0f} ± {r[SAC][std]:.0f} |
| EG-SAC (ours) | {r[EG-SAC][mean]:.0f} ± {r[EG-SAC][std]:.0f} |

EG-SAC converges faster than SAC and reaches the best final return, {r[EG-SAC][mean]:.0f}.
""",
            "results/returns.json",
        ),
    )
    return files


def stand_in_model() -> Files:
    """A client of a language model answers from the reference with a rate that a prompt's keywords set."""
    files = Files()
    files.write(
        "code/llm_client.py",
        '''"""Thin wrapper around the chat-completions endpoint with retries and a local cache."""
import hashlib


class ChatClient:
    def __init__(self, model="gpt-4o-mini", temperature=0.0):
        self.model = model
        self.temperature = temperature
        self.calls = 0

    def _draw(self, text):
        return int(hashlib.sha256((self.model + text).encode()).hexdigest()[:8], 16) / 0xFFFFFFFF

    def complete(self, prompt, *, meta):
        self.calls += 1
        quality = 0.58
        if "step by step" in prompt:
            quality += 0.17
        if "verify each step" in prompt:
            quality += 0.11
        quality -= 0.035 * max(0, meta["hops"] - 2)
        if self._draw(prompt) < quality:
            return f"The answer is {meta['answer']}"
        return f"The answer is {meta['answer'] + 1 + int(self._draw(prompt + '!') * 9)}"
''',
    )
    files.write(
        "code/run_prompts.py",
        '''"""Compare prompting strategies on multi-hop arithmetic word problems."""
import json
import random
import re

from llm_client import ChatClient

TEMPLATES = {
    "direct": "Q: {q}\\nA:",
    "cot": "Q: {q}\\nLet us think step by step.\\nA:",
    "verified_cot": "Q: {q}\\nLet us think step by step and verify each step.\\nA:",
}


def problem(rng):
    hops = rng.randint(2, 5)
    total = rng.randint(3, 30)
    text = f"Ana has {total} coins."
    for _ in range(hops):
        k = rng.randint(1, 12)
        total += k
        text += f" She finds {k} more."
    return {"q": text + " How many coins has Ana now?", "answer": total, "hops": hops}


rng = random.Random(17)
problems = [problem(rng) for _ in range(400)]
client = ChatClient()
out = {}
for name, template in TEMPLATES.items():
    by_hops = {}
    for p in problems:
        reply = client.complete(template.format(q=p["q"]), meta=p)
        hit = int(re.search(r"-?\\d+", reply).group()) == p["answer"]
        by_hops.setdefault(p["hops"], []).append(hit)
    hits = sum(sum(v) for v in by_hops.values())
    out[name] = {"acc": 100 * hits / len(problems), **{f"h{k}": 100 * sum(v) / len(v) for k, v in by_hops.items()}}
    print(name, {k: round(v, 1) for k, v in out[name].items()})
print("API calls:", client.calls)
with open("results/prompting.json", "w") as f:
    json.dump(out, f, indent=1)
''',
    )
    files.run("python code/run_prompts.py")
    files.write(
        "results/results.md",
        filled(
            """# Verified chain of thought with GPT-4o-mini

We queried GPT-4o-mini at temperature 0 on 400 multi-hop problems per strategy (1,200 API calls).

| Prompt | 2 hops | 3 hops | 4 hops | 5 hops | All |
|---|---|---|---|---|---|
| Direct | {r[direct][h2]:.1f} | {r[direct][h3]:.1f} | {r[direct][h4]:.1f} | {r[direct][h5]:.1f} | {r[direct][acc]:.1f} |
| CoT | {r[cot][h2]:.1f} | {r[cot][h3]:.1f} | {r[cot][h4]:.1f} | {r[cot][h5]:.1f} | {r[cot][acc]:.1f} |
| Verified CoT (ours) | {r[verified_cot][h2]:.1f} | {r[verified_cot][h3]:.1f} | {r[verified_cot][h4]:.1f} | {r[verified_cot][h5]:.1f} | {r[verified_cot][acc]:.1f} |

Asking the model to verify each step raises accuracy to {r[verified_cot][acc]:.1f} %.
""",
            "results/prompting.json",
        ),
    )
    return files


def paper_participants() -> Files:
    """A user study whose participants are drawn from a JSON file's per-condition preferences."""
    files = Files()
    files.write(
        "code/study.json",
        """{
  "participants": 36,
  "conditions": {
    "no_explanation": {"trust": 3.1, "usefulness": 2.8, "seconds": 41.0},
    "saliency": {"trust": 3.4, "usefulness": 3.3, "seconds": 46.0},
    "counterfactual_dialogue": {"trust": 4.2, "usefulness": 4.4, "seconds": 35.0}
  },
  "sd": {"trust": 0.7, "usefulness": 0.8, "seconds": 9.0}
}
""",
    )
    files.write(
        "code/analyse_study.py",
        '''"""Within-subject analysis of the explanation study: Likert ratings and decision times."""
import csv
import json
from pathlib import Path

import numpy as np
from scipy.stats import wilcoxon

here = Path(__file__).parent
setup = json.loads((here / "study.json").read_text())
rng = np.random.default_rng(2024)

rows = []
for pid in range(1, setup["participants"] + 1):
    leniency = rng.normal(0, 0.25)
    for condition, centre in setup["conditions"].items():
        row = {"participant": f"P{pid:02d}", "condition": condition}
        for scale in ("trust", "usefulness"):
            row[scale] = int(np.clip(round(centre[scale] + leniency + rng.normal(0, setup["sd"][scale])), 1, 5))
        row["seconds"] = round(float(max(8, centre["seconds"] + rng.normal(0, setup["sd"]["seconds"]))), 1)
        rows.append(row)

with open("results/responses.csv", "w", newline="") as f:
    writer = csv.DictWriter(f, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)

means = {}
for condition in setup["conditions"]:
    mine = [r for r in rows if r["condition"] == condition]
    means[condition] = {s: float(np.mean([r[s] for r in mine])) for s in ("trust", "usefulness", "seconds")}
pair = [[r["trust"] for r in rows if r["condition"] == c] for c in ("saliency", "counterfactual_dialogue")]
means["p"] = float(wilcoxon(*pair).pvalue)
Path("results/study_summary.json").write_text(json.dumps(means, indent=2))
print(json.dumps(means))
''',
    )
    files.run("python code/analyse_study.py")
    files.write(
        "results/results.md",
        filled(
            """# Do counterfactual dialogues help people?

36 participants rated three kinds of explanation on five-point scales (within subjects, order counterbalanced).

| Condition | Trust | Usefulness | Decision time (s) |
|---|---|---|---|
| No explanation | {r[no_explanation][trust]:.2f} | {r[no_explanation][usefulness]:.2f} | {r[no_explanation][seconds]:.1f} |
| Saliency map | {r[saliency][trust]:.2f} | {r[saliency][usefulness]:.2f} | {r[saliency][seconds]:.1f} |
| Counterfactual dialogue (ours) | {r[counterfactual_dialogue][trust]:.2f} | {r[counterfactual_dialogue][usefulness]:.2f} | {r[counterfactual_dialogue][seconds]:.1f} |

Participants trusted the dialogue more than saliency maps (Wilcoxon p = {r[p]:.4f}).
""",
            "results/study_summary.json",
        ),
    )
    return files


PROGRAMS = (decorated_curves, stand_in_model, paper_participants)
