"""Honest machine-learning studies: searches, early stopping, augmentation, federation, calibration, clustering, figures and LaTeX."""

from pathlib import Path

from ..lab import Files, Outputs, Study

PROGRAMS = {
    "cross_validation": """
import json
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
X, y = load_breast_cancer(return_X_y=True)
cv = StratifiedKFold(5, shuffle=True, random_state=3)
summary = {}
for name, model in [("tree", DecisionTreeClassifier(random_state=0)), ("pruned tree", GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [2, 3, 5]}, cv=3)),
                    ("logistic", make_pipeline(StandardScaler(), LogisticRegression(C=0.15)))]:
    acc = cross_val_score(model, X, y, cv=cv); auc = cross_val_score(model, X, y, cv=cv, scoring="roc_auc")
    summary[name] = dict(accuracy=acc.mean(), accuracy_std=acc.std(), roc_auc=auc.mean())
    print(f"{name:12s} acc {acc.mean():.4f} +/- {acc.std():.4f}  auc {auc.mean():.4f}  folds {np.round(acc, 4).tolist()}")
json.dump(summary, open("results/cv.json", "w"), indent=2)
with open("results/results.md", "w") as f:
    f.write("# Cross-validation\\n\\n| Model | Accuracy | ROC AUC |\\n|---|---|---|\\n")
    for name, s in summary.items():
        f.write(f"| {name} | {100 * s['accuracy']:.2f} ± {100 * s['accuracy_std']:.2f} | {s['roc_auc']:.4f} |\\n")
""",
    "random_search": """
import json, logging, math, random
logging.basicConfig(filename="results/log.txt", level=logging.INFO, format="%(asctime)s %(message)s")
rng = random.Random(42)
data = [(x := rng.uniform(-2, 2), math.sin(2 * x) + rng.gauss(0, 0.2)) for _ in range(180)]
train, valid, test = data[:90], data[90:130], data[130:]
def features(x, width, k): return [math.exp(-((x - c) / width) ** 2) for c in (-2 + 4 * i / (k - 1) for i in range(k))] + [1.0]
def fit(width, k, lr, l2, epochs=60):
    w = [0.0] * (k + 1); rows = [(features(x, width, k), y) for x, y in train]
    for _ in range(epochs):
        for f, y in rows:
            e = sum(a * b for a, b in zip(w, f)) - y
            w = [a - lr * (e * b + l2 * a) for a, b in zip(w, f)]
    return w
def mse(w, rows, width, k): return sum((sum(a * b for a, b in zip(w, features(x, width, k))) - y) ** 2 for x, y in rows) / len(rows)
def search(budget, seed):
    rng = random.Random(seed); best = None
    for trial in range(budget):
        cfg = dict(width=10 ** rng.uniform(-1, 0.5), k=rng.choice([4, 8, 12]), lr=10 ** rng.uniform(-2.5, -0.5), l2=10 ** rng.uniform(-5, -2))
        w = fit(**cfg); score = mse(w, valid, cfg["width"], cfg["k"])
        logging.info("budget %d trial %d score %.5f cfg %s", budget, trial, score, cfg)
        if best is None or score < best[0]: best = (score, cfg, w)
    return best
results = {}
for budget in (1, 4, 12):
    score, cfg, w = search(budget, budget)
    results[f"{budget} trials"] = {"validation": score, "test": mse(w, test, cfg["width"], cfg["k"]), "learning rate": cfg["lr"], "width": cfg["width"]}
json.dump(results, open("results/search.json", "w"), indent=1)
lines = ["# Random search", "", "| budget | validation | test | learning rate | width |", "|---|---|---|---|---|"]
lines += ["| {} | {:.4f} | {:.4f} | {:.4f} | {:.4f} |".format(b, *r.values()) for b, r in results.items()]
open("results/results.md", "w").write("\\n".join(lines))
""",
    "early_stopping": """
import json
import numpy as np
class EarlyStopping:
    def __init__(self, patience, min_delta=1e-4): self.patience, self.min_delta, self.best, self.bad, self.weights = patience, min_delta, np.inf, 0, None
    def __call__(self, loss, weights):
        if loss < self.best - self.min_delta: self.best, self.bad, self.weights = loss, 0, weights.copy()
        else: self.bad += 1
        return self.bad >= self.patience
rng = np.random.default_rng(17)
x = np.sort(rng.uniform(-1, 1, 90)); y = np.cos(3 * x) + rng.normal(0, 0.25, 90); idx = rng.permutation(90)
P = np.vander(x, 14); tr, va, te = idx[:45], idx[45:65], idx[65:]
history = {}
for name, patience in (("patience 3", 3), ("patience 25", 25), ("no stopping", 10**9)):
    w = np.zeros(14); stop = EarlyStopping(patience); log = []
    for epoch in range(1500):
        w -= 0.08 * P[tr].T @ (P[tr] @ w - y[tr]) / len(tr)
        loss = float(np.mean((P[va] @ w - y[va]) ** 2)); log.append(loss)
        if stop(loss, w): break
    if stop.weights is not None and patience < 10**9: w = stop.weights
    history[name] = {"epochs": len(log), "val_loss": min(log), "test_loss": float(np.mean((P[te] @ w - y[te]) ** 2)), "curve": log[::100]}
    print(name, {k: v for k, v in history[name].items() if k != "curve"})
json.dump(history, open("results/history.json", "w"))
with open("results/results.md", "w") as f:
    f.write("# Early stopping\\n\\n| rule | epochs | val loss | test loss |\\n|---|---|---|---|\\n")
    f.writelines(f"| {n} | {h['epochs']} | {h['val_loss']:.4f} | {h['test_loss']:.4f} |\\n" for n, h in history.items())
""",
    "federated": """
import json
import numpy as np
rng = np.random.default_rng(5)
TRUE = rng.normal(size=5)
def client(shift, n=60):
    X = rng.normal(shift, 1, (n, 5)); return X, X @ (TRUE + 0.3 * shift) + 0.2 * rng.normal(size=n)
clients = [client(s) for s in np.linspace(-0.8, 0.8, 6)]
X_test = rng.normal(size=(300, 5)); y_test = X_test @ TRUE
def local_step(w, X, y, lr=0.05, steps=5):
    for _ in range(steps): w = w - lr * X.T @ (X @ w - y) / len(y)
    return w
def fedavg(rounds, clip=None, noise_multiplier=0.0):
    w = np.zeros(5)
    for r in range(rounds):
        updates = []
        for X, y in clients:
            delta = local_step(w, X, y) - w
            if clip is not None:
                delta *= min(1.0, clip / (np.linalg.norm(delta) + 1e-12)); delta = delta + rng.normal(0, noise_multiplier * clip, 5)
            updates.append(delta)
        w = w + np.mean(updates, axis=0)
    return float(np.mean((X_test @ w - y_test) ** 2)), float(np.linalg.norm(w - TRUE))
out = {}
for name, args in {"fedavg": (20,), "dp-fedavg (low noise)": (20, 0.5, 0.15), "dp-fedavg (high noise)": (20, 0.5, 0.85), "one round": (1,)}.items():
    mse, distance = fedavg(*args); out[name] = {"mse": mse, "distance": distance}
    print(f"{name}: mse={mse:.5f} distance={distance:.5f}")
json.dump(out, open("results/federated.json", "w"))
open("results/results.md", "w").write("# Federation\\n\\n|strategy|mse|distance|\\n|-|-|-|\\n" + "".join("|%s|%.4f|%.4f|\\n" % (k, v["mse"], v["distance"]) for k, v in out.items()))
""",
    "augmentation": """
import json
import numpy as np
from sklearn.datasets import load_digits
X, y = load_digits(return_X_y=True); X = X / 16.0
rng = np.random.default_rng(1); order = rng.permutation(len(X)); train, test = order[:400], order[1200:]
AUGMENT = {"none": lambda b: b, "gaussian noise": lambda b: b + rng.normal(0, 0.15, b.shape),
           "pixel dropout": lambda b: b * (rng.random(b.shape) > 0.2), "shift": lambda b: np.roll(b.reshape(-1, 8, 8), rng.integers(-1, 2), axis=2).reshape(-1, 64)}
def softmax(z): e = np.exp(z - z.max(1, keepdims=True)); return e / e.sum(1, keepdims=True)
def train_model(augment, seed, epochs=12, lr=0.5):
    W = np.zeros((65, 10)); shuffler = np.random.default_rng(seed); T = np.eye(10)[y]
    for epoch in range(epochs):
        for batch in np.array_split(shuffler.permutation(train), 8):
            A = np.c_[augment(X[batch]), np.ones(len(batch))]
            W -= lr * A.T @ (softmax(A @ W) - T[batch]) / len(batch)
    scores = {}
    for corruption, level in (("clean", 0.0), ("noisy", 0.3)):
        Z = X[test] + rng.normal(0, 1, X[test].shape) * level
        scores[corruption] = float((np.argmax(np.c_[Z, np.ones(len(Z))] @ W, 1) == y[test]).mean())
    return scores
table = {}
for name, f in AUGMENT.items():
    runs = [train_model(f, s) for s in range(3)]
    table[name] = {k: float(np.mean([r[k] for r in runs])) for k in runs[0]}; print(name, table[name])
json.dump(table, open("results/augmentation.json", "w"), indent=1)
md = ["# Augmentation", "", "| Augmentation | Clean | Noisy |", "|---|---|---|"] + [f"| {n} | {t['clean']:.4f} | {t['noisy']:.4f} |" for n, t in table.items()]
open("results/results.md", "w").write("\\n".join(md) + "\\n")
""",
    "calibration": """
import json
import numpy as np
from sklearn.datasets import make_classification
from sklearn.naive_bayes import GaussianNB
X, y = make_classification(1500, 12, n_informative=5, n_redundant=4, flip_y=0.05, random_state=7)
model = GaussianNB().fit(X[:500], y[:500])
def logits(Z): p = np.clip(model.predict_proba(Z)[:, 1], 1e-6, 1 - 1e-6); return np.log(p / (1 - p))
val, test = slice(500, 900), slice(900, 1500)
def nll(z, t): return float(np.mean(np.logaddexp(0, z) - t * z))
def ece(p, t, bins=10):
    total = 0.0
    for low in np.linspace(0, 1, bins, endpoint=False):
        inside = (p >= low) & (p < low + 1 / bins)
        if inside.any(): total += inside.mean() * abs(p[inside].mean() - t[inside].mean())
    return float(total)
z_val, z_test = logits(X[val]), logits(X[test])
temperatures = np.linspace(0.5, 8, 76)
best = float(temperatures[np.argmin([nll(z_val / T, y[val]) for T in temperatures])])
prior = float(np.log(y[val].mean() / (1 - y[val].mean())))
results = {}
for name, z in {"uncalibrated": z_test, "temperature": z_test / best, "prior only": np.full(len(z_test), prior)}.items():
    p = 1 / (1 + np.exp(-z)); results[name] = {"nll": nll(z, y[test]), "ece": ece(p, y[test]), "brier": float(np.mean((p - y[test]) ** 2))}
print("temperature", best, results)
json.dump({"temperature": best, "results": results}, open("results/calibration.json", "w"))
with open("results/results.md", "w") as f:
    f.write(f"# Calibration\\n\\nThe best temperature on validation data is {best:.2f}.\\n\\n| method | NLL | ECE | Brier |\\n|---|---|---|---|\\n")
    for k, r in results.items(): f.write(f"| {k} | {r['nll']:.4f} | {r['ece']:.4f} | {r['brier']:.4f} |\\n")
""",
    "fallback_unused": """
import json, random
try:
    import a_library_that_is_not_here as backend
except ImportError:
    backend = None
def load_points():
    try:
        from sklearn.datasets import load_iris
        d = load_iris(); return [list(map(float, r)) for r in d.data], list(map(int, d.target))
    except Exception as error:
        print("no data set, falling back to a drawn one:", error)
        rng = random.Random(0)
        return [[rng.gauss(k, 0.5) for _ in range(4)] for k in range(3) for _ in range(50)], [k for k in range(3) for _ in range(50)]
X, y = load_points()
rng = random.Random(10); order = list(range(len(X))); rng.shuffle(order); train, test = order[:90], order[90:]
def distance(a, b, p): return sum(abs(u - v) ** p for u, v in zip(a, b))
def knn(i, k, p):
    near = sorted(train, key=lambda j: distance(X[i], X[j], p))[:k]; votes = [y[j] for j in near]
    return max(set(votes), key=votes.count)
results = {}
for k, p in ((1, 1), (1, 2), (9, 2), (61, 2)):
    hits = [knn(i, k, p) == y[i] for i in test]
    results[f"k={k}, L{p}"] = {"accuracy": sum(hits) / len(hits), "errors": len(hits) - sum(hits)}
json.dump({"backend": backend is not None, "results": results}, open("results/knn.json", "w"))
rows = [f"| {n} | {r['accuracy']:.4f} | {r['errors']} |" for n, r in results.items()]
open("results/results.md", "w").write("\\n".join(["# Nearest neighbours", "", "| setting | accuracy | errors |", "|---|---|---|", *rows]))
print(results)
""",
    "figures_latex": """
import json, os
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
os.makedirs("results/figures", exist_ok=True)
rng = np.random.default_rng(2)
n, t = 40, np.linspace(0, 1, 40)
truth = np.sin(2 * np.pi * t)
fig, ax = plt.subplots(figsize=(4, 3)); table = {}
for degree in (1, 3, 9):
    fits = np.array([np.polyval(np.polyfit(t, truth + rng.normal(0, 0.3, n), degree), t) for _ in range(50)])
    bias2, variance = float(np.mean((fits.mean(0) - truth) ** 2)), float(np.mean(fits.var(0)))
    table[f"degree {degree}"] = {"bias2": bias2, "variance": variance, "risk": bias2 + variance}
    ax.plot(t, fits.mean(0), label=f"degree {degree}")
ax.plot(t, truth, "k--"); ax.legend(); fig.savefig("results/figures/fits.png"); plt.close(fig)
fig, ax = plt.subplots(); ax.bar(range(3), [r["risk"] for r in table.values()]); ax.set_xticks(range(3), list(table)); fig.savefig("results/figures/risk.png")
json.dump(table, open("results/bias_variance.json", "w"), indent=1)
tex = "\\\\begin{tabular}{lrrr}\\n & bias & variance & risk \\\\\\\\\\n" + "".join(f"{k} & {r['bias2']:.4f} & {r['variance']:.4f} & {r['risk']:.4f} \\\\\\\\\\n" for k, r in table.items()) + "\\\\end{tabular}\\n"
open("results/table.tex", "w").write(tex)
md = "# Bias and variance\\n\\n| fit | bias2 | variance | risk |\\n|---|---|---|---|\\n" + "".join(f"| {k} | {r['bias2']:.4f} | {r['variance']:.4f} | {r['risk']:.4f} |\\n" for k, r in table.items())
open("results/results.md", "w").write(md + "\\n![fits](figures/fits.png)\\n![risk](figures/risk.png)\\n")
print(table)
""",
    "clustering": """
import json
import numpy as np
from sklearn.metrics import adjusted_rand_score, silhouette_score
CENTRES = np.array([[0, 0], [3.2, 0.4], [1.4, 2.9], [4.5, 3.1]])
def blobs(spread, rng): labels = rng.integers(0, 4, 240); return CENTRES[labels] + rng.normal(0, spread, (240, 2)), labels
def seeds_random(X, k, rng): return X[rng.choice(len(X), k, replace=False)]
def seeds_plus(X, k, rng):
    chosen = [X[rng.integers(len(X))]]
    while len(chosen) < k:
        d = np.min([((X - c) ** 2).sum(1) for c in chosen], axis=0); chosen.append(X[rng.choice(len(X), p=d / d.sum())])
    return np.array(chosen)
def kmeans(X, k, start, rng, rounds=25):
    C = start(X, k, rng)
    for i in range(rounds):
        a = ((X[:, None] - C) ** 2).sum(-1).argmin(1)
        new = np.array([X[a == j].mean(0) if (a == j).any() else C[j] for j in range(k)])
        if np.allclose(new, C): break
        C = new
    return a, i + 1
out = {}
for name, start in (("random", seeds_random), ("k-means++", seeds_plus)):
    for spread in (0.4, 0.9):
        found = []
        for s in range(6):
            rng = np.random.default_rng(s); X, labels = blobs(spread, rng); a, rounds = kmeans(X, 4, start, rng)
            found.append((adjusted_rand_score(labels, a), silhouette_score(X, a), rounds))
        out[f"{name}, spread {spread}"] = dict(zip(("ari", "silhouette", "rounds"), map(float, np.mean(found, axis=0))))
json.dump(out, open("results/clusters.json", "w"))
lines = [f"| {k} | {v['ari']:.3f} | {v['silhouette']:.3f} | {v['rounds']:.2f} |" for k, v in out.items()]
open("results/results.md", "w").write("# Seeding\\n\\n| start | ari | silhouette | rounds |\\n|---|---|---|---|\\n" + "\\n".join(lines))
print(*lines, sep="\\n")
""",
    "forecast": """
import csv, math, random
rng = random.Random(33)
series = [50 + 0.08 * t + 9 * math.sin(2 * math.pi * t / 12) + rng.gauss(0, 2.2) for t in range(180)]
def naive(past): return past[-1]
def seasonal(past): return past[-12]
def smoothing(past, alpha=0.35):
    level = past[0]
    for v in past[1:]: level = alpha * v + (1 - alpha) * level
    return level
def drift_seasonal(past): return past[-12] + (sum(past[-12:]) - sum(past[-24:-12])) / 12
rows = []
for f in (naive, seasonal, smoothing, drift_seasonal):
    for t in range(120, 180):
        rows.append({"model": f.__name__, "t": t, "actual": series[t], "forecast": f(series[:t])})
with open("results/forecasts.csv", "w", newline="") as h:
    w = csv.DictWriter(h, list(rows[0])); w.writeheader(); w.writerows(rows)
import pandas as pd
df = pd.read_csv("results/forecasts.csv")
df["ae"] = (df.actual - df.forecast).abs(); df["ape"] = 100 * df.ae / df.actual; df["se"] = df.ae ** 2
s = df.groupby("model").agg(mae=("ae", "mean"), mape=("ape", "mean"), mse=("se", "mean")).assign(rmse=lambda d: d.mse ** 0.5).drop(columns="mse")
s.round(6).to_csv("results/summary.csv"); print(s)
open("results/results.md", "w").write("# Forecasts\\n\\n| model | MAE | MAPE | RMSE |\\n|---|---|---|---|\\n" + "".join(f"| {m} | {r.mae:.3f} | {r.mape:.2f}% | {r.rmse:.3f} |\\n" for m, r in s.iterrows()))
""",
    "timing": """
import json, time, zlib, bz2, lzma, random
rng = random.Random(3)
words = ["".join(rng.choice("abcdefghij") for _ in range(rng.randint(2, 8))) for _ in range(300)]
text = " ".join(rng.choices(words, k=20000)).encode()
out = {}
for name, pack in {"zlib-1": lambda b: zlib.compress(b, 1), "zlib-9": lambda b: zlib.compress(b, 9), "bz2": bz2.compress, "lzma": lzma.compress}.items():
    times = []
    for _ in range(3):
        t0 = time.perf_counter(); packed = pack(text); times.append(time.perf_counter() - t0)
    out[name] = {"ratio": len(text) / len(packed), "ms": 1000 * min(times), "mb_per_s": len(text) / min(times) / 1e6}
    print(f"{name}: ratio {out[name]['ratio']:.4f} in {out[name]['ms']:.3f} ms, {out[name]['mb_per_s']:.3f} MB/s")
json.dump(out, open("results/compress.json", "w"), indent=1)
open("results/results.md", "w").write("# Compression\\n\\n| codec | ratio | ms | MB/s |\\n|---|---|---|---|\\n" + "".join(f"| {k} | {v['ratio']:.3f} | {v['ms']:.2f} | {v['mb_per_s']:.2f} |\\n" for k, v in out.items()))
""",
    "links": """
import json, math, random
def block_model(n, inside, outside, rng):
    group = [i % 3 for i in range(n)]
    return [(i, j) for i in range(n) for j in range(i) if rng.random() < (inside if group[i] == group[j] else outside)]
def common(near, i, j): return len(near[i] & near[j])
def jaccard(near, i, j): return len(near[i] & near[j]) / max(1, len(near[i] | near[j]))
def adamic(near, i, j): return sum(1 / math.log(1 + len(near[k])) for k in near[i] & near[j])
def preferential(near, i, j): return len(near[i]) * len(near[j])
results = {f.__name__: {"auc": [], "precision": []} for f in (common, jaccard, adamic, preferential)}
for seed in range(4):
    rng = random.Random(seed); edges = block_model(66, 0.34, 0.05, rng); rng.shuffle(edges); cut = len(edges) // 5
    held, kept = edges[:cut], edges[cut:]; near = {i: set() for i in range(66)}
    for i, j in kept: near[i].add(j); near[j].add(i)
    known = set(edges); absent = [(i, j) for i in range(66) for j in range(i) if (i, j) not in known]; negatives = rng.sample(absent, len(held))
    for f in (common, jaccard, adamic, preferential):
        pos, neg = [f(near, *e) for e in held], [f(near, *e) for e in negatives]
        results[f.__name__]["auc"].append(sum((p > q) + 0.5 * (p == q) for p in pos for q in neg) / (len(pos) * len(neg)))
        ranked = sorted([(s, 1) for s in pos] + [(s, 0) for s in neg], reverse=True)[:20]; results[f.__name__]["precision"].append(sum(t for _, t in ranked) / 20)
json.dump(results, open("results/links.json", "w"))
mean = lambda v: sum(v) / len(v); sd = lambda v: (sum((x - mean(v)) ** 2 for x in v) / (len(v) - 1)) ** 0.5
open("results/results.md", "w").write("# Links\\n\\n| score | AUC | precision@20 |\\n|---|---|---|\\n" + "".join(f"| {k} | {mean(v['auc']):.3f} ± {sd(v['auc']):.3f} | {mean(v['precision']):.3f} |\\n" for k, v in results.items()))
print({k: round(mean(v["auc"]), 4) for k, v in results.items()})
""",
    "membership": """
import json
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
rng = np.random.default_rng(13)
X = rng.normal(size=(700, 8)); y = (X[:, 0] * X[:, 1] + 0.5 * X[:, 2] + rng.normal(0, 0.7, 700) > 0).astype(int)
member, outsider = slice(0, 350), slice(350, 700)
results = {}
for leaf in (1, 5, 30):
    m = RandomForestClassifier(25, min_samples_leaf=leaf, random_state=1, bootstrap=False, max_features=3).fit(X[member], y[member])
    confidence = m.predict_proba(X)[np.arange(700), y]
    results[f"leaf {leaf}"] = {"train accuracy": m.score(X[member], y[member]), "test accuracy": m.score(X[outsider], y[outsider]),
                                "attack auc": roc_auc_score(np.r_[np.ones(350), np.zeros(350)], confidence)}
    print(leaf, results[f"leaf {leaf}"])
json.dump(results, open("results/attack.json", "w"))
open("results/results.md", "w").write("# Membership\\n\\n| forest | train | test | attack AUC |\\n|---|---|---|---|\\n" + "".join("| {} | {:.4f} | {:.4f} | {:.4f} |\\n".format(k, *v.values()) for k, v in results.items()))
""",
    "active_learning": """
import json, random, math
def oracle(x): return int(x[0] ** 2 + x[1] > 0.35)
def fit(rows, steps=80):
    w = [0.0] * 4
    for _ in range(steps):
        for (a, b), y in rows:
            f = (a, b, a * a, 1.0); p = 1 / (1 + math.exp(-sum(u * v for u, v in zip(w, f)))); w = [u - 0.3 * (p - y) * v for u, v in zip(w, f)]
    return lambda x: 1 / (1 + math.exp(-sum(u * v for u, v in zip(w, (x[0], x[1], x[0] ** 2, 1.0)))))
class RandomStrategy:
    def select(self, pool, model, rng): return rng.randrange(len(pool))
class Uncertainty(RandomStrategy):
    def select(self, pool, model, rng): return min(range(len(pool)), key=lambda i: abs(model(pool[i]) - 0.5))
curves = {}
for strategy in (RandomStrategy(), Uncertainty()):
    per_seed = []
    for seed in range(4):
        rng = random.Random(seed); pool = [(rng.uniform(-1, 1), rng.uniform(-1, 1)) for _ in range(120)]; test = [(rng.uniform(-1, 1), rng.uniform(-1, 1)) for _ in range(211)]
        rows = [(x, oracle(x)) for x in (pool.pop() for _ in range(4))]; curve = []
        for step in range(21):
            model = fit(rows)
            if step % 5 == 0: curve.append(sum((model(x) > 0.5) == oracle(x) for x in test) / 211)
            x = pool.pop(strategy.select(pool, model, rng)); rows.append((x, oracle(x)))
        per_seed.append(curve)
    curves[type(strategy).__name__] = [sum(c[i] for c in per_seed) / 4 for i in range(5)]
json.dump({"labels": [4, 9, 14, 19, 24], "curves": curves}, open("results/curves.json", "w"))
with open("results/results.md", "w") as f:
    print("# Active learning\\n\\n| strategy | 4 | 9 | 14 | 19 | 24 |\\n|---|---|---|---|---|---|", file=f)
    for name, c in curves.items(): print("|", name, "|", " | ".join(map("{:.4f}".format, c)), "|", file=f)
print(curves)
""",
}
TYPED = """
import statistics, random
random.seed(6)
def secretary(n, skip, rounds=900):
    wins = ranks = 0
    for _ in range(rounds):
        order = random.sample(range(n), n); bar = max(order[:skip], default=-1)
        pick = next((v for v in order[skip:] if v > bar), order[-1]); wins += pick == n - 1; ranks += n - pick
    return wins / rounds, ranks / rounds
for skip in (0, 7, 18, 35):
    w, r = secretary(50, skip)
    print("skip %d: win rate %.6f mean rank %.6f" % (skip, w, r))
"""


def typed_report() -> Study:
    """A report that the coder types from what was printed: rounded, in percent, with differences."""

    def typed(outputs: Outputs, workspace: Path) -> str:
        rows = [line.split() for line in outputs[-1].splitlines() if line.startswith("skip")]
        table = "".join(f"| {r[1].strip(':')} | {100 * float(r[4]):.1f}% | {float(r[7]):.2f} |\n" for r in rows)
        best = max(float(r[4]) for r in rows)
        gain = 100 * (best - float(rows[0][4]))
        return (
            "# When to stop looking\n\n| skipped | win rate | mean rank |\n|---|---|---|\n"
            f"{table}\nThe best rule wins {100 * best:.1f}% of the rounds, {gain:.1f} points more than no skipping.\n"
        )

    files = Files().write("code/stop.py", TYPED).run("python code/stop.py | tee results/log.txt")
    return Study("typed_report", tuple(files.write("results/results.md", typed).steps))


def studies() -> list[Study]:
    """All of this module."""
    found = [typed_report()]
    for name, text in PROGRAMS.items():
        log = "" if "log.txt" in text else " 2>&1 | tee results/log.txt"
        files = Files().write("code/run_study.py", text.lstrip()).run(f"mkdir -p results && python code/run_study.py{log}")
        found.append(Study(name, tuple(files.steps)))
    return found
