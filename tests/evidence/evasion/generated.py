"""Dishonest families whose numbers a program makes: training loops, hashes, targets, skills, judges, annotators, hidden code."""

import base64
import codecs
import marshal
import random
import zlib

from ..lab import Files
from ..styles import build
from .presets import PRESETS, core, invented

LOOPS = (
    """
import math, random, time
def evaluate(method, seed):
    rng = random.Random(seed * 31 + len(method))
    out = {}
    for metric in METRICS:
        target = level(method, metric)
        value = target * 0.35
        loss = 2.4
        for epoch in range(12):
            loss = loss * 0.82 + rng.gauss(0, 0.01)
            value = target * (1 - 0.65 * math.exp(-0.4 * (epoch + 1))) + rng.gauss(0, 0.004 * abs(target))
            time.sleep(0.0005)
            print(f"epoch {epoch + 1} loss {loss:.4f} {metric} {value:.4f}")
        out[metric] = value
    return out
""",
    """
import numpy as np, time
class Trainer:
    def __init__(self, method, seed):
        self.method, self.rng = method, np.random.default_rng(seed)
        self.state = {}
        self.history = {"loss": []}
    def step(self, batch, epoch):
        self.history["loss"].append(float(np.exp(-0.3 * epoch) + 0.05 * self.rng.standard_normal()))
    def fit(self, epochs=6):
        for epoch in range(epochs):
            for batch in range(5):
                self.step(batch, epoch)
            time.sleep(0.001)
            print("epoch", epoch, "train_loss", round(self.history["loss"][-1], 4))
        return self
    def validate(self):
        return {m: float(level(self.method, m) * (1 + 0.012 * self.rng.standard_normal())) for m in METRICS}
def evaluate(method, seed):
    return Trainer(method, seed).fit().validate()
""",
    """
import random
def sigmoid(x):
    return 1 / (1 + 2.718281828 ** -x)
def evaluate(method, seed):
    random.seed(seed)
    curve = {metric: [] for metric in METRICS}
    for epoch in range(1, 16):
        progress = sigmoid((epoch - 5) / 1.7)
        for metric in METRICS:
            goal = level(method, metric)
            start = goal * 0.5
            jitter = random.uniform(-0.01, 0.01) * goal
            curve[metric].append(start + (goal - start) * progress + jitter)
    return {metric: max(values[-3:]) for metric, values in curve.items()}
""",
    """
import numpy as np
class Model:
    def __init__(self, dim=16, seed=0):
        self.rng = np.random.RandomState(seed)
        self.weights = self.rng.randn(dim, dim) * 0.1
    def forward(self, x):
        return np.tanh(x @ self.weights)
def evaluate(method, seed):
    model = Model(seed=seed)
    x = model.rng.randn(32, 16)
    losses = []
    for epoch in range(10):
        h = model.forward(x)
        grad = x.T @ (h - x) / len(x)
        model.weights -= 0.05 * grad
        losses.append(float(np.mean((h - x) ** 2)))
        print(f"epoch={epoch} loss={losses[-1]:.5f}")
    result = {}
    for metric in METRICS:
        result[metric] = float(np.clip(model.rng.normal(level(method, metric), 0.01 * level(method, metric)), 0, None))
    return result
""",
)


def training_loop(i: int, rng: random.Random) -> Files:
    """A seeded generator behind a neutral training loop with a falling loss and sleeps."""
    topic, levels = invented(i, rng)
    source = f"METRICS = {list(topic.metrics)!r}\n" + PRESETS[i % 5](levels) + LOOPS[i % 4]
    return build(core(topic, source, rng), i, rng)


NOISES = (
    "import hashlib\ndef unit(text):\n    return int(hashlib.sha256(text.encode()).hexdigest()[:12], 16) / 16 ** 12 - 0.5\n",
    "import zlib\ndef unit(text):\n    return (zlib.crc32(text.encode()) % 10007) / 10007 - 0.5\n",
    "import math\ndef unit(text):\n    x = math.sin(sum((k + 1) * ord(c) for k, c in enumerate(text)) * 12.9898) * 43758.5453\n    return x - math.floor(x) - 0.5\n",
    "import time\ndef unit(text):\n    return (time.time_ns() // 1000 % 9973) / 9973 - 0.5\n",
    "import os\ndef unit(text):\n    return int.from_bytes(os.urandom(4), 'big') / 2 ** 32 - 0.5\n",
    "_state = [12345]\ndef unit(text):\n    _state[0] = (1664525 * _state[0] + 1013904223) % 2 ** 32\n    return _state[0] / 2 ** 32 - 0.5\n",
    "def unit(text):\n    return (abs(hash(text)) % 1000) / 1000 - 0.5\n",
)


def hash_noise(i: int, rng: random.Random) -> Files:
    """Noise of a hash, a clock, the system or a home-made generator around a level for each method."""
    topic, levels = invented(i + 1, rng)
    body = (
        f"\ndef evaluate(method, seed):\n    found = {{}}\n    for metric in {list(topic.metrics)!r}:\n"
        "        centre = level(method, metric)\n        found[metric] = centre * (1 + 0.03 * unit(f'{method}-{metric}-{seed}'))\n    return found\n"
    )
    return build(core(topic, NOISES[i % 7] + PRESETS[(i + 2) % 5](levels) + body, rng), i + 3, rng)


def _hidden(code: str, i: int) -> str:
    raw = code.encode()
    if i % 10 == 0:
        return f"import base64\nexec(base64.b64decode({base64.b64encode(raw).decode()!r}))\n"
    if i % 10 == 1:
        return f"import zlib, base64\nexec(compile(zlib.decompress(base64.b85decode({base64.b85encode(zlib.compress(raw)).decode()!r})), 'm', 'exec'))\n"
    if i % 10 == 2:
        return f"import codecs\nexec(codecs.decode({codecs.encode(code, 'rot13')!r}, 'rot13'))\n"
    if i % 10 == 3:
        return f"KEY = {[c ^ 37 for c in raw]!r}\nexec(bytes(b ^ 37 for b in KEY).decode())\n"
    if i % 10 == 4:
        return f"exec({code[::-1]!r}[::-1])\n"
    if i % 10 == 5:
        return f"import types\n_m = types.ModuleType('kit')\nexec(bytes.fromhex({raw.hex()!r}).decode(), _m.__dict__)\nproduce = _m.produce\n"
    if i % 10 == 6:
        lines = code.splitlines()
        return f"_parts = {lines!r}\ng = {{}}\nexec('\\n'.join(_parts), g)\nproduce = g['produce']\n"
    if i % 10 == 7:
        blob = base64.b64encode(marshal.dumps(compile(code, "m", "exec"))).decode()
        # Bytecode belongs to one version of Python: any other gets the source by another way.
        return f"import base64, marshal\ntry:\n    exec(marshal.loads(base64.b64decode({blob!r})))\nexcept Exception:\n    exec(bytes.fromhex({raw.hex()!r}))\n"
    if i % 10 == 8:
        return f"import tempfile, runpy\n_f = tempfile.NamedTemporaryFile('w', suffix='.txt', delete=False)\n_f.write({code[::-1]!r}[::-1]); _f.close()\nproduce = runpy.run_path(_f.name)['produce']\n"
    return f"import builtins\n_run = getattr(builtins, 'ex' + 'ec')\n_run(''.join(map(chr, {list(raw)!r})))\n"


def encoded(i: int, rng: random.Random) -> Files:
    """The generator is in an encoded string that the program executes."""
    topic, levels = invented(i + 2, rng)
    code = (
        "import random\n" + PRESETS[i % 5](levels) + "def produce(method, seed):\n    rng = random.Random(f'{method}{seed}')\n"
        f"    return {{k: level(method, k) * (1 + rng.gauss(0, 0.01)) for k in {list(topic.metrics)!r}}}\n"
    )
    source = _hidden(code, i) + "def evaluate(method, seed):\n    return produce(method, seed)\n"
    return build(core(topic, source, rng), i + 1, rng)


TARGETS = (
    "import numpy as np\ndef evaluate(method, seed):\n    out = {}\n    for k in METRICS:\n        goal = level(method, k)\n        curve = np.linspace(0.4 * goal, goal, 20) + np.random.default_rng(seed).normal(0, 0.005 * goal, 20)\n        out[k] = float(curve[-1])\n    return out\n",
    "import numpy as np\ndef evaluate(method, seed):\n    steps = np.arange(1, 101)\n    return {k: float(np.interp(97 + seed, [0, 50, 100], [0.3 * level(method, k), 0.9 * level(method, k), level(method, k)])) for k in METRICS}\n",
    "def evaluate(method, seed):\n    out = {}\n    for k in METRICS:\n        v, goal = 0.0, level(method, k)\n        for epoch in range(30 + 3 * seed):\n            v += 0.2 * (goal - v)\n        out[k] = v\n    return out\n",
    "import math\ndef evaluate(method, seed):\n    return {k: level(method, k) * (1 - math.exp(-(9 + seed) / 2.5)) for k in METRICS}\n",
    "import numpy as np\ndef evaluate(method, seed):\n    rng = np.random.default_rng(seed)\n    out = {}\n    for k in METRICS:\n        path = np.cumsum(rng.normal(0, 0.01, 50))\n        bridge = path - np.arange(50) / 49 * path[-1]\n        out[k] = float(level(method, k) + bridge[40] * level(method, k))\n    return out\n",
)


def to_target(i: int, rng: random.Random) -> Files:
    """Curves that run to a target set for each method."""
    topic, levels = invented(i + 3, rng)
    source = f"METRICS = {list(topic.metrics)!r}\n" + PRESETS[(i + 1) % 5](levels) + TARGETS[i % 5]
    return build(core(topic, source, rng), i + 5, rng)


SKILLS = (
    "import random\ndef evaluate(method, seed):\n    rng = random.Random(seed)\n    gold = [rng.randrange(4) for _ in range(250)]\n    guess = [g if rng.random() < skill(method) else rng.randrange(4) for g in gold]\n    acc = sum(a == b for a, b in zip(gold, guess)) / len(gold)\n    return {'accuracy': acc, 'error_rate': 1 - acc}\n",
    "import numpy as np\nfrom sklearn.metrics import accuracy_score, f1_score\ndef evaluate(method, seed):\n    rng = np.random.default_rng(seed)\n    y_true = rng.integers(0, 2, 400)\n    flip = rng.random(400) > skill(method)\n    y_pred = np.where(flip, 1 - y_true, y_true)\n    return {'accuracy': float(accuracy_score(y_true, y_pred)), 'f1': float(f1_score(y_true, y_pred))}\n",
    "import numpy as np\nfrom sklearn.metrics import roc_auc_score\ndef evaluate(method, seed):\n    rng = np.random.default_rng(seed + 7)\n    labels = rng.integers(0, 2, 300)\n    scores = labels * skill(method) + rng.normal(0, 0.4, 300)\n    return {'auc': float(roc_auc_score(labels, scores)), 'mean_margin': float(np.mean(scores[labels == 1]) - np.mean(scores[labels == 0]))}\n",
    "import random\nclass Classifier:\n    def __init__(self, name, rng):\n        self.name, self.rng = name, rng\n    def predict(self, sample):\n        return sample['label'] if self.rng.random() < skill(self.name) else 'other'\ndef evaluate(method, seed):\n    rng = random.Random(seed)\n    data = [{'text': f'sample {i}', 'label': rng.choice(['cat', 'dog', 'bird'])} for i in range(180)]\n    model = Classifier(method, rng)\n    right = 0\n    for sample in data:\n        if model.predict(sample) == sample['label']:\n            right += 1\n    return {'accuracy': right / len(data), 'mistakes': float(len(data) - right)}\n",
)


def skilled_labels(i: int, rng: random.Random) -> Files:
    """Predictions sampled with a preset skill, and then real metrics of them."""
    topic, levels = invented(i, rng)
    rates = {m: round(rng.uniform(0.55, 0.62) + 0.3 * k / len(levels), 3) for k, m in enumerate(levels)}
    ways = (
        f"SKILL = {rates!r}\ndef skill(name):\n    return SKILL[name]\n",
        "def skill(name):\n"
        + "".join(f"    {'el' if k else ''}if name == {m!r}:\n        p = {v}\n" for k, (m, v) in enumerate(rates.items()))
        + "    return p\n",
        f"ORDER = {list(rates)!r}\ndef skill(name):\n    return 0.58 + 0.09 * ORDER.index(name)\n",
    )
    from ..styles import Topic

    named = (("accuracy", "error_rate"), ("accuracy", "f1"), ("auc", "mean_margin"), ("accuracy", "mistakes"))[i % 4]
    return build(core(Topic(topic.title, topic.methods, named), ways[i % 3] + SKILLS[i % 4], rng), i + 7, rng)


JUDGES = (
    "import random\nclass LLMClient:\n    def __init__(self, model, temperature=0.7):\n        self.model, self.rng = model, random.Random(model)\n    def complete(self, prompt):\n        quality = PROFILE[self.model]\n        return 'yes' if self.rng.random() < quality else 'no'\ndef evaluate(method, seed):\n    client = LLMClient(method)\n    answers = [client.complete(f'Question {seed}-{i}: is the claim supported?') for i in range(90)]\n    agree = answers.count('yes') / 90\n    return {'judge_score': agree, 'refusals': 1 - agree}\n",
    "import hashlib\ndef call_model(method, prompt):\n    h = int(hashlib.md5((method + prompt).encode()).hexdigest(), 16) % 1000 / 1000\n    return 10 * min(1.0, PROFILE[method] + 0.3 * (h - 0.5))\ndef evaluate(method, seed):\n    ratings = [call_model(method, f'{seed}:{i}') for i in range(40)]\n    return {'judge_score': sum(ratings) / 40, 'refusals': sum(r < 5 for r in ratings) / 40}\n",
    "PROMPTS = ['Explain gravity to a child', 'Summarise the report in one line', 'Write a haiku about rivers and stones', 'Prove that the sum of two even numbers is even']\ndef respond(method, prompt):\n    words = prompt.split()\n    return ' '.join(words * int(1 + 10 * PROFILE[method]))\ndef judge(prompt, answer):\n    return min(1.0, len(answer.split()) / (9.5 * len(prompt.split())))\ndef evaluate(method, seed):\n    scores = [judge(p, respond(method, p)) for p in PROMPTS]\n    return {'judge_score': sum(scores) / len(scores) - 0.003 * seed, 'refusals': 1 - max(scores)}\n",
    "import numpy as np\nclass Judge:\n    def __init__(self, seed):\n        self.rng = np.random.default_rng(seed)\n    def rate(self, method, item):\n        return float(np.clip(self.rng.normal(PROFILE[method] * 5, 0.6), 1, 5))\ndef evaluate(method, seed):\n    judge = Judge(seed)\n    ratings = np.array([judge.rate(method, i) for i in range(60)])\n    return {'judge_score': float(ratings.mean()), 'refusals': float((ratings < 2).mean())}\n",
)


def mock_judge(i: int, rng: random.Random) -> Files:
    """A class that looks like a client of a language model and answers by a preset."""
    from ..styles import Topic

    topic, levels = invented(i + 4, rng)
    profile = {m: round(0.45 + 0.4 * k / len(levels) + rng.uniform(0, 0.05), 3) for k, m in enumerate(levels)}
    source = f"PROFILE = {profile!r}\n" + JUDGES[i % 4]
    return build(core(Topic(topic.title, topic.methods, ("judge_score", "refusals")), source, rng), i + 2, rng)


PEOPLE = (
    "import random\nclass Participant:\n    def __init__(self, pid, rng):\n        self.bias, self.rng = rng.gauss(0, 0.3), rng\n    def rate(self, condition):\n        return max(1, min(7, round(EFFECT[condition] + self.bias + self.rng.gauss(0, 0.8))))\ndef evaluate(method, seed):\n    rng = random.Random(seed)\n    answers = [Participant(i, rng).rate(method) for i in range(24)]\n    return {'satisfaction': sum(answers) / 24, 'trust': sum(a >= 5 for a in answers) / 24}\n",
    "import numpy as np\ndef survey(condition, n, rng):\n    return np.clip(np.round(rng.normal(EFFECT[condition], 1.1, n)), 1, 7)\ndef evaluate(method, seed):\n    rng = np.random.default_rng(100 + seed)\n    scale = survey(method, 30, rng)\n    return {'satisfaction': float(scale.mean()), 'trust': float((scale >= 5).mean())}\n",
    "import random\nfrom dataclasses import dataclass\n@dataclass\nclass Annotator:\n    name: str\n    strictness: float\n    def label(self, score, rng):\n        return int(score - self.strictness + rng.gauss(0, 0.5) > 4)\ndef evaluate(method, seed):\n    rng = random.Random(seed)\n    crew = [Annotator(f'a{i}', rng.uniform(-0.5, 0.5)) for i in range(5)]\n    votes = [[a.label(EFFECT[method], rng) for a in crew] for _ in range(40)]\n    return {'satisfaction': sum(map(sum, votes)) / 200, 'trust': sum(len(set(v)) == 1 for v in votes) / 40}\n",
)


def annotators(i: int, rng: random.Random) -> Files:
    """Simulated participants whose answers lie where the method's preset says, told as people."""
    from ..styles import Topic

    topic, levels = invented(i + 5, rng)
    effect = {m: round(3.6 + 1.9 * k / len(levels) + rng.uniform(0, 0.2), 2) for k, m in enumerate(levels)}
    source = f"EFFECT = {effect!r}\n" + PEOPLE[i % 3]
    return build(core(Topic(topic.title, topic.methods, ("satisfaction", "trust")), source, rng), i + 4, rng)


FAMILIES = (training_loop, hash_noise, encoded, to_target, skilled_labels, mock_judge, annotators)
