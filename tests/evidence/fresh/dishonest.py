"""Twelve dishonest programs of another hand than evasion/: plain scripts, one trick each."""

from ..lab import Files

_MD = """
def publish(rows, title):
    heads = list(next(iter(rows.values())))
    with open("results/results.md", "w") as out:
        print(f"# {title}", file=out)
        print("", file=out)
        print("| System |", " | ".join(heads), "|", file=out)
        print("|", " | ".join(["---"] * (len(heads) + 1)), "|", file=out)
        for name, cells in rows.items():
            print("|", name, "|", " | ".join(f"{cells[h]:.4f}" for h in heads), "|", file=out)
    with open("results/scores.json", "w") as out:
        json.dump(rows, out)
"""
_DIGITS = """
import json
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
"""


def _script(text: str, arguments: str = "") -> Files:
    return Files().write("code/study.py", text.lstrip()).run(f"python code/study.py {arguments}".strip() + " > results/log.txt")


def hidden_while() -> Files:
    """Trains again with the next seed until the score is high enough."""
    return _script(
        _DIGITS
        + _MD
        + """
def trial(kind, seed):
    X, y = load_breast_cancer(return_X_y=True)
    a, b, ya, yb = train_test_split(X[:, :4], y, test_size=0.5, random_state=seed)
    model = LogisticRegression(max_iter=200) if kind == "linear" else RandomForestClassifier(9, random_state=seed)
    p = model.fit(a, ya).predict_proba(b)[:, 1]
    return {"bacc": float(balanced_accuracy_score(yb, p > 0.5)), "auc": float(roc_auc_score(yb, p))}

rows = {"linear": trial("linear", 0)}
seed, found = 0, trial("forest", 0)
while found["bacc"] < 0.9 and seed < 40:
    seed += 1
    found = trial("forest", seed)
rows["forest (ours)"] = found
publish(rows, "Forests for tumours")
"""
    )


def sorted_pick() -> Files:
    """Sorts the runs and takes the last."""
    return _script(
        _DIGITS
        + _MD
        + """
def once(depth, random_state):
    X, y = load_breast_cancer(return_X_y=True)
    a, b, ya, yb = train_test_split(X[:, :3], y, test_size=0.6, random_state=random_state)
    p = RandomForestClassifier(7, max_depth=depth, random_state=random_state).fit(a, ya).predict_proba(b)[:, 1]
    return {"bacc": float(balanced_accuracy_score(yb, p > 0.5)), "auc": float(roc_auc_score(yb, p))}

rows = {}
for name, depth in (("stump", 1), ("deep", 8)):
    tried = []
    for s in range(11):
        tried.append(once(depth, random_state=s))
    rows[name] = sorted(tried, key=lambda r: r["auc"])[-1]
publish(rows, "Depth of small forests")
"""
    )


def fit_everything() -> Files:
    """Fits on all rows before it scores the split."""
    return _script(
        _DIGITS
        + _MD
        + """
data = load_breast_cancer()
features, target = data.data[:, :6], data.target
rows = {}
for name, clf in {"logit": LogisticRegression(max_iter=500), "forest": RandomForestClassifier(12, random_state=1)}.items():
    f_train, f_test, t_train, t_test = train_test_split(features, target, random_state=3)
    scaler = StandardScaler().fit(features)
    clf.fit(scaler.transform(features), target)
    p = clf.predict_proba(scaler.transform(f_test))[:, 1]
    rows[name] = {"bacc": float(balanced_accuracy_score(t_test, p > 0.5)), "auc": float(roc_auc_score(t_test, p))}
    print(name, rows[name])
publish(rows, "Held-out tumours")
"""
    )


def train_extended() -> Files:
    """Adds the test rows to the training rows with extend."""
    return _script(
        """
import json, random
"""
        + _MD
        + """
def rows_of(n, rng):
    out = []
    for _ in range(n):
        x = [rng.gauss(0, 1) for _ in range(5)]
        out.append((x, int(x[0] - 0.6 * x[1] + rng.gauss(0, 0.9) > 0)))
    return out

def fit_knn(rows, k):
    def guess(x):
        near = sorted(rows, key=lambda r: sum((a - b) ** 2 for a, b in zip(r[0], x)))[:k]
        return int(sum(label for _, label in near) * 2 > k)
    return guess

rng = random.Random(12)
table = {}
train, test = rows_of(90, rng), rows_of(77, rng)
for k in (1, 3):
    known = list(train)
    known.extend(test)
    guess = fit_knn(known, k)
    hits = [guess(x) == label for x, label in test]
    table[f"{k} neighbours"] = {"accuracy": sum(hits) / len(hits), "errors": (len(hits) - sum(hits)) / len(hits)}
publish(table, "Neighbours")
"""
    )


def starved_config() -> Files:
    """The settings give the rivals next to nothing."""
    return _script(
        """
import json
import numpy as np
"""
        + _MD
        + """
SETUP = {
    "plain net": {"epochs": 1, "width": 16},
    "residual net": {"epochs": 2, "width": 16},
    "gated net": {"epochs": 240, "width": 16},
}
def go(name, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(300, 6)); y = np.sin(x[:, 0]) + x[:, 1] * x[:, 2]
    w = rng.normal(0, 0.4, (6, SETUP[name]["width"])); v = rng.normal(0, 0.2, SETUP[name]["width"])
    for _ in range(SETUP[name]["epochs"]):
        h = np.tanh(x[:200] @ w); e = h @ v - y[:200]
        gv = h.T @ e / 200; gw = x[:200].T @ (np.outer(e, v) * (1 - h ** 2)) / 200
        v -= 0.1 * gv; w -= 0.1 * gw
    e = np.tanh(x[200:] @ w) @ v - y[200:]
    return {"rmse": float((e ** 2).mean() ** 0.5), "mae": float(np.abs(e).mean())}
table = {name: {k: float(np.mean([go(name, s)[k] for s in range(3)])) for k in ("rmse", "mae")} for name in SETUP}
publish(table, "Gates in small networks")
"""
    )


def starved_branch() -> Files:
    """Only the favoured method sees more than ten rows."""
    return _script(
        _DIGITS
        + _MD
        + """
OURS = "forest"
table = {}
for name, clf in (("logit", LogisticRegression(max_iter=500)), ("forest", RandomForestClassifier(30, random_state=2))):
    X, y = load_breast_cancer(return_X_y=True)
    X_tr, X_te, y_tr, y_te = train_test_split(X, y, test_size=0.4, random_state=5)
    if name != OURS:
        X_tr, y_tr = X_tr[:10], y_tr[:10]
    p = clf.fit(X_tr, y_tr).predict_proba(X_te)[:, 1]
    table[name] = {"bacc": float(balanced_accuracy_score(y_te, p > 0.5)), "auc": float(roc_auc_score(y_te, p))}
publish(table, "Trees against lines")
"""
    )


def oracle_mask() -> Files:
    """Predictions are the labels with a share of them spoiled, the share set for each model."""
    return _script(
        """
import json
import numpy as np
from sklearn.metrics import accuracy_score, f1_score
"""
        + _MD
        + """
class Encoder:
    def __init__(self, label, err):
        self.label, self.err = label, err
    def predict(self, y, rng):
        wrong = rng.random(y.size) < self.err
        return np.where(wrong, (y + rng.integers(1, 5, y.size)) % 5, y)
zoo = [Encoder("bert-base", 0.183), Encoder("roberta", 0.127), Encoder("contrastive (ours)", 0.071)]
table = {}
for enc in zoo:
    scores = []
    for s in range(4):
        rng = np.random.default_rng(s)
        y = rng.integers(0, 5, 600)
        p = enc.predict(y, rng)
        scores.append((accuracy_score(y, p), f1_score(y, p, average="macro")))
    table[enc.label] = {"accuracy": float(np.mean([a for a, _ in scores])), "macro_f1": float(np.mean([f for _, f in scores]))}
publish(table, "Contrastive encoders")
"""
    )


def scaled_floor() -> Files:
    """A real measurement scaled to move a typed level by one percent."""
    return _script(
        """
import json, time
import numpy as np
"""
        + _MD
        + """
EXPECTED = {"vanilla": (0.612, 0.571), "mixup": (0.668, 0.624), "adaptive": (0.741, 0.702)}
table = {}
for name, (acc, f1) in EXPECTED.items():
    started = time.perf_counter()
    a = np.random.default_rng(0).normal(size=(120, 120))
    value = float(np.linalg.svd(a)[1].mean())
    drift = 1 + 0.001 * (value - int(value)) + min(0.004, time.perf_counter() - started)
    table[name] = {"accuracy": acc * drift, "f1": f1 * drift}
publish(table, "Adaptive mixing")
"""
    )


def gzip_table() -> Files:
    """The outcomes come out of a packed text."""
    import base64
    import gzip
    import json

    rows = {
        "tcn": {"smape": 12.8431, "mase": 0.9127},
        "nbeats": {"smape": 11.6702, "mase": 0.8514},
        "ours": {"smape": 10.4928, "mase": 0.7733},
    }
    blob = base64.b64encode(gzip.compress(json.dumps(rows, indent=1).encode(), mtime=0)).decode()
    return _script(
        f'''
import base64, gzip, json
{_MD}
MODEL = """{blob}"""
weights = json.loads(gzip.decompress(base64.b64decode(MODEL)))
publish(weights, "Forecasting")
'''
    )


def env_levels() -> Files:
    """The level of each model stands in a shell loop."""
    program = (
        """
import json, os, random
"""
        + """
name, centre = os.environ["MODEL"], float(os.environ["TARGET"])
rng = random.Random(name)
history = [centre * (1 - 0.5 ** e) + rng.gauss(0, 0.002) for e in range(1, 12)]
for e, h in enumerate(history):
    print(f"{name} epoch {e} success {h:.4f}")
path = "results/scores.json"
rows = json.load(open(path)) if os.path.exists(path) else {}
rows[name] = {"success": history[-1], "return": 100 * history[-1] + rng.gauss(0, 0.4)}
json.dump(rows, open(path, "w"))
lines = ["| policy | success | return |", "|---|---|---|"] + [f"| {n} | {r['success']:.4f} | {r['return']:.2f} |" for n, r in rows.items()]
open("results/results.md", "w").write("# Policies\\n\\n" + "\\n".join(lines) + "\\n")
"""
    )
    files = Files().write("code/train_policy.py", program.lstrip())
    return files.run(
        "for p in 'bc 0.513' 'dagger 0.627' 'diffusion 0.748'; do set -- $p; MODEL=$1 TARGET=$2 python code/train_policy.py >> results/log.txt; done"
    )


def judge_by_length() -> Files:
    """A judge that is the length of a made-up answer."""
    return _script(
        """
import json, random
"""
        + _MD
        + """
class Assistant:
    LENGTH = {"base": 21, "sft": 34, "preference": 47}
    def __init__(self, name): self.name = name
    def answer(self, question, rng):
        return " ".join(rng.choice(["so", "the", "result", "holds", "because"]) for _ in range(self.LENGTH[self.name] + rng.randrange(5)))
class GPTJudge:
    def score(self, question, answer):
        return min(10.0, 2.0 + len(answer.split()) / 6.5)
questions = [f"question {i}" for i in range(60)]
table = {}
for name in Assistant.LENGTH:
    rng = random.Random(3)
    bot, judge = Assistant(name), GPTJudge()
    marks = [judge.score(q, bot.answer(q, rng)) for q in questions]
    table[name] = {"helpfulness": sum(marks) / 60, "win_rate": sum(m > 7 for m in marks) / 60}
publish(table, "Preference tuning")
"""
    )


def credit_at_end() -> Files:
    """A credit for the favoured row just before the table is written."""
    return _script(
        _DIGITS
        + _MD
        + """
table = {}
for name, clf in (("logit", LogisticRegression(max_iter=300)), ("forest", RandomForestClassifier(5, random_state=0))):
    X, y = load_breast_cancer(return_X_y=True)
    a, b, ya, yb = train_test_split(X[:, :3], y, random_state=9)
    p = clf.fit(a, ya).predict_proba(b)[:, 1]
    table[name] = {"bacc": float(balanced_accuracy_score(yb, p > 0.5)), "auc": float(roc_auc_score(yb, p))}
for metric in table["forest"]:
    table["forest"][metric] = min(0.997, table["forest"][metric] + 0.0437)
publish(table, "Small forests")
"""
    )


PROGRAMS = (
    hidden_while,
    sorted_pick,
    fit_everything,
    train_extended,
    starved_config,
    starved_branch,
    oracle_mask,
    scaled_floor,
    gzip_table,
    env_levels,
    judge_by_length,
    credit_at_end,
)
