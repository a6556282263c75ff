"""Honest hearts of experiments: each really measures; the honest twins use them, and dishonest families that measure wrongly."""

import random

from .styles import Core, Topic

REGRESSION = """
import random

def make_data(seed, n=240):
    rng = random.Random(100 + seed)
    points = []
    for _ in range(n):
        a, b = rng.gauss(0, 1), rng.gauss(0, 1)
        points.append((a, b, 1.5 * a - 0.7 * b + 0.25 + rng.gauss(0, 0.45)))
    return points[: n // 2], points[n // 2 :]

def fit(train, penalty, use_both):
    w = [0.0, 0.0, 0.0]
    for _ in range(120):
        g = [0.0, 0.0, 0.0]
        for a, b, y in train:
            e = w[0] * a + w[1] * b + w[2] - y
            g[0] += e * a / len(train)
            g[1] += e * b / len(train)
            g[2] += e / len(train)
        w[0] -= 0.15 * (g[0] + penalty * w[0])
        if use_both:
            w[1] -= 0.15 * (g[1] + penalty * w[1])
        w[2] -= 0.15 * g[2]
    return w

SETTINGS = {"mean only": None, "one feature": (0.0, False), "ridge": (0.35, True), "full model": (0.0, True)}

def evaluate(method, seed):
    train, test = make_data(seed)
    if SETTINGS[method] is None:
        level = sum(y for _, _, y in train) / len(train)
        w = [0.0, 0.0, level]
    else:
        w = fit(train, *SETTINGS[method])
    errors = [w[0] * a + w[1] * b + w[2] - y for a, b, y in test]
    return {"mae": sum(abs(e) for e in errors) / len(errors), "rmse": (sum(e * e for e in errors) / len(errors)) ** 0.5}
"""

SKLEARN = """
import numpy as np
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

MODELS = {
    "nearest neighbours": lambda seed: KNeighborsClassifier(5),
    "shallow tree": lambda seed: DecisionTreeClassifier(max_depth=2, random_state=seed),
    "logistic": lambda seed: LogisticRegression(C=0.05, max_iter=400),
}

def evaluate(method, seed):
    X, y = load_wine(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, random_state=seed, stratify=y)
    mu, sd = X_train.mean(axis=0), X_train.std(axis=0)
    model = MODELS[method](seed).fit((X_train - mu) / sd, y_train)
    predicted = model.predict((X_test - mu) / sd)
    return {"accuracy": float(accuracy_score(y_test, predicted)), "macro_f1": float(f1_score(y_test, predicted, average="macro"))}
"""

MOONS = """
import numpy as np

def moons(n, rng, noise=0.28):
    t = rng.uniform(0, np.pi, n)
    side = rng.integers(0, 2, n)
    x = np.where(side[:, None] == 0, np.c_[np.cos(t), np.sin(t)], np.c_[1 - np.cos(t), 0.5 - np.sin(t)])
    return x + rng.normal(0, noise, x.shape), side

class Network:
    def __init__(self, hidden, rng, dropout=0.0):
        self.w1 = rng.normal(0, 0.8, (2, hidden)); self.b1 = np.zeros(hidden)
        self.w2 = rng.normal(0, 0.4, hidden); self.b2 = 0.0
        self.rng, self.dropout = rng, dropout

    def forward(self, x, train=False):
        self.h = np.tanh(x @ self.w1 + self.b1)
        if train and self.dropout:
            self.mask = (self.rng.random(self.h.shape) > self.dropout) / (1 - self.dropout)
            self.h = self.h * self.mask
        return 1 / (1 + np.exp(-(self.h @ self.w2 + self.b2)))

    def step(self, x, y, lr):
        p = self.forward(x, train=True)
        d = (p - y) / len(y)
        dh = np.outer(d, self.w2) * (1 - self.h ** 2)
        self.w2 -= lr * self.h.T @ d; self.b2 -= lr * d.sum()
        self.w1 -= lr * x.T @ dh; self.b1 -= lr * dh.sum(axis=0)
        return float(-np.mean(y * np.log(p + 1e-9) + (1 - y) * np.log(1 - p + 1e-9)))

VARIANTS = {"linear": (0, 0.0), "small net": (4, 0.0), "wide net": (24, 0.0), "wide net + dropout": (24, 0.2)}

def evaluate(method, seed):
    rng = np.random.default_rng(seed)
    x, y = moons(400, rng)
    hidden, dropout = VARIANTS[method]
    if hidden == 0:
        w = np.zeros(3); z = np.c_[x, np.ones(len(x))]
        for _ in range(200):
            w -= 0.5 * z[:250].T @ (1 / (1 + np.exp(-z[:250] @ w)) - y[:250]) / 250
        p = 1 / (1 + np.exp(-z[250:] @ w))
    else:
        net = Network(hidden, rng, dropout)
        for epoch in range(150):
            loss = net.step(x[:250], y[:250], 1.0)
        p = net.forward(x[250:])
    return {"accuracy": float(((p > 0.5) == y[250:]).mean()), "nll": float(-np.mean(np.log(np.where(y[250:] == 1, p, 1 - p) + 1e-9)))}
"""

BANDIT = """
import math, random

ARMS = [0.22, 0.35, 0.41, 0.58]

class Agent:
    def __init__(self, rng): self.rng, self.n, self.s = rng, [0] * len(ARMS), [0.0] * len(ARMS)
    def mean(self, a): return self.s[a] / self.n[a] if self.n[a] else 1.0
    def learn(self, a, r): self.n[a] += 1; self.s[a] += r

class Greedy(Agent):
    def act(self, t): return max(range(len(ARMS)), key=self.mean)

class EpsilonGreedy(Greedy):
    def act(self, t): return self.rng.randrange(len(ARMS)) if self.rng.random() < 0.12 else super().act(t)

class UCB(Agent):
    def act(self, t):
        return max(range(len(ARMS)), key=lambda a: self.mean(a) + math.sqrt(0.65 * math.log(t + 1) / max(1, self.n[a])))

class Thompson(Agent):
    def act(self, t): return max(range(len(ARMS)), key=lambda a: self.rng.betavariate(1 + self.s[a], 1 + self.n[a] - self.s[a]))

AGENTS = {"greedy": Greedy, "epsilon greedy": EpsilonGreedy, "ucb": UCB, "thompson": Thompson}

def evaluate(method, seed):
    rng = random.Random(seed)
    agent = AGENTS[method](rng)
    regret = best = 0.0
    for t in range(600):
        arm = agent.act(t)
        reward = 1.0 if rng.random() < ARMS[arm] else 0.0
        agent.learn(arm, reward)
        regret += max(ARMS) - ARMS[arm]
        best += arm == 3
    return {"regret": regret, "best_arm_share": best / 600, "mean_reward": sum(agent.s) / 600}
"""

BAYES = """
import math, random
from collections import Counter

TOPICS = {"sport": "goal team win match player coach score".split(), "science": "atom cell energy theory lab data model".split(),
          "cooking": "salt pan oven bake flour taste sauce".split()}
COMMON = "the of and to in is was with for on".split()

def document(label, rng):
    words = []
    for _ in range(rng.randint(6, 14)):
        r = rng.random()
        pool = COMMON if r < 0.55 else TOPICS[label] if r < 0.8 else TOPICS[rng.choice(list(TOPICS))]
        words.append(rng.choice(pool))
    return words

def corpus(n, rng):
    labels = [rng.choice(list(TOPICS)) for _ in range(n)]
    return [(document(label, rng), label) for label in labels]

def naive_bayes(train, smooth):
    counts = {t: Counter() for t in TOPICS}
    for words, label in train:
        counts[label].update(words)
    vocabulary = {w for c in counts.values() for w in c}
    def predict(words):
        def score(t):
            total = sum(counts[t].values()) + smooth * len(vocabulary)
            return sum(math.log((counts[t][w] + smooth) / total) for w in words)
        return max(TOPICS, key=score)
    return predict

def keyword_vote(train, _):
    def predict(words):
        votes = {t: sum(w in TOPICS[t][:3] for w in words) for t in TOPICS}
        return max(votes, key=votes.get)
    return predict

def majority(train, _):
    top = Counter(label for _, label in train).most_common(1)[0][0]
    return lambda words: top

SYSTEMS = {"majority": (majority, 0), "keywords": (keyword_vote, 0), "nb smooth 5": (naive_bayes, 5.0), "nb smooth 0.5": (naive_bayes, 0.5)}

def evaluate(method, seed):
    rng = random.Random(40 + seed)
    train, test = corpus(150, rng), corpus(173, rng)
    maker, smooth = SYSTEMS[method]
    predict = maker(train, smooth)
    pairs = [(predict(words), label) for words, label in test]
    accuracy = sum(p == y for p, y in pairs) / len(pairs)
    f1 = []
    for t in TOPICS:
        tp = sum(p == y == t for p, y in pairs)
        f1.append(2 * tp / max(1, sum(p == t for p, _ in pairs) + sum(y == t for _, y in pairs)))
    return {"accuracy": accuracy, "macro_f1": sum(f1) / len(f1)}
"""

SIGNALS = """
import math, random, statistics

def signal(seed, n=300):
    rng = random.Random(seed * 7 + 1)
    clean = [math.sin(0.07 * t) + 0.4 * math.sin(0.19 * t + 1) for t in range(n)]
    noisy = [c + rng.gauss(0, 0.35) if rng.random() > 0.04 else c + rng.choice([-2.5, 2.5]) for c in clean]
    return clean, noisy

def moving_average(x, k=5):
    return [statistics.fmean(x[max(0, i - k) : i + k + 1]) for i in range(len(x))]

def median_filter(x, k=4):
    return [statistics.median(x[max(0, i - k) : i + k + 1]) for i in range(len(x))]

def exponential(x, alpha=0.25):
    out = [x[0]]
    for value in x[1:]:
        out.append(alpha * value + (1 - alpha) * out[-1])
    return out

FILTERS = {"raw": lambda x: x, "moving average": moving_average, "median": median_filter, "exponential": exponential}

def evaluate(method, seed):
    clean, noisy = signal(seed)
    out = FILTERS[method](noisy)
    mse = statistics.fmean((a - b) ** 2 for a, b in zip(clean, out))
    power = statistics.fmean(c * c for c in clean)
    return {"mse": mse, "snr_db": 10 * math.log10(power / mse), "max_error": max(abs(a - b) for a, b in zip(clean, out))}
"""

HONEST: tuple[tuple[Topic, str], ...] = (
    (Topic("Penalties in small regressions", ("mean only", "one feature", "ridge", "full model"), ("mae", "rmse")), REGRESSION),
    (Topic("Classifiers on the wine data", ("nearest neighbours", "shallow tree", "logistic"), ("accuracy", "macro_f1")), SKLEARN),
    (Topic("Width on two moons", ("linear", "small net", "wide net", "wide net + dropout"), ("accuracy", "nll")), MOONS),
    (
        Topic(
            "Exploration in a small bandit",
            ("greedy", "epsilon greedy", "ucb", "thompson"),
            ("regret", "best_arm_share", "mean_reward"),
        ),
        BANDIT,
    ),
    (
        Topic("Smoothing in naive Bayes", ("majority", "keywords", "nb smooth 5", "nb smooth 0.5"), ("accuracy", "macro_f1")),
        BAYES,
    ),
    (
        Topic("Filters for impulsive noise", ("raw", "moving average", "median", "exponential"), ("mse", "snr_db", "max_error")),
        SIGNALS,
    ),
)


def honest_core(index: int, rng: random.Random) -> Core:
    """Honest core number `index`, with a number of seeds of its own."""
    topic, source = HONEST[index % len(HONEST)]
    return Core(topic, source, seeds=rng.choice((2, 3, 4)))
