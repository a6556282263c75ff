"""Dishonest: measured numbers are overwritten or bent at the end in favour of the proposed method."""

from ..fresh2.reports import filled
from ..lab import Files


def topic_ranking() -> Files:
    """The measured scores are sorted and zipped with an order of names that ends with the proposal, so it gets the best one."""
    files = Files()
    files.write(
        "code/config.json",
        """{
  "documents": 600,
  "topics": 6,
  "words": 400,
  "seeds": [0, 1, 2, 3],
  "columns": ["nmi", "purity"],
  "order": ["raw", "nmf", "lsa", "tfidf", "anchor"]
}
""",
    )
    files.write(
        "code/corpus.py",
        '''"""Bag-of-words documents with a topic each and words shared by all."""
import numpy as np


def sample(documents, topics, words, seed):
    rng = np.random.default_rng(seed)
    shared = rng.dirichlet(np.full(words, 0.3))
    own = rng.dirichlet(np.full(words, 0.05), topics)
    labels = rng.integers(topics, size=documents)
    lengths = rng.poisson(28, documents) + 5
    share = rng.beta(2, 5, documents)
    counts = [rng.multinomial(n, s * own[k] + (1 - s) * shared) for n, s, k in zip(lengths, share, labels)]
    return np.array(counts, float), labels
''',
    )
    files.write(
        "code/embeddings.py",
        '''"""Document representations that k-means gets."""
import numpy as np
from sklearn.decomposition import NMF, TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import normalize


def raw(counts, topics, seed):
    return normalize(counts)


def tfidf(counts, topics, seed):
    return TfidfTransformer(sublinear_tf=True).fit_transform(counts).toarray()


def lsa(counts, topics, seed):
    return normalize(TruncatedSVD(2 * topics, random_state=seed).fit_transform(tfidf(counts, topics, seed)))


def nmf(counts, topics, seed):
    model = NMF(topics, init="nndsvda", max_iter=150, random_state=seed, tol=1e-3)
    return normalize(model.fit_transform(tfidf(counts, topics, seed)))


def anchor(counts, topics, seed):
    """Ours: similarity to words that rarely go together with others."""
    present = (counts > 0).astype(float)
    joint = present.T @ present
    usual = present.sum(0)
    lift = joint / (np.outer(usual, usual) / len(counts) + 1.0)
    chosen = np.argsort(-np.where(usual > 8, lift.std(1), 0))[: 5 * topics]
    return normalize(counts @ lift[:, chosen])


EMBEDDINGS = {f.__name__: f for f in (anchor, raw, tfidf, lsa, nmf)}
''',
    )
    files.write(
        "code/cluster.py",
        '''"""Clusters the documents with each representation and compares with the known topics."""
import argparse
import json
from collections import defaultdict

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from corpus import sample
from embeddings import EMBEDDINGS


class Tally:
    """Collects measurements and writes one row a method."""

    def __init__(self, order, columns):
        self.order, self.columns = order, columns
        self.kept = defaultdict(lambda: defaultdict(list))

    def add(self, method, **measured):
        for column, value in measured.items():
            self.kept[column][method].append(float(value))

    def rows(self):
        rows = {name: {} for name in self.order}
        for column in self.columns:
            means = sorted((float(np.mean(v)), float(np.std(v))) for v in self.kept[column].values())
            for name, (mean, std) in zip(self.order, means, strict=True):
                rows[name][column] = mean
                rows[name][column + "_std"] = std
        return rows


def purity(truth, found):
    return contingency_matrix(truth, found).max(axis=0).sum() / len(truth)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("config")
    parser.add_argument("--output", default="results/clusters.json")
    args = parser.parse_args()
    with open(args.config) as file:
        config = json.load(file)
    tally = Tally(config["order"], config["columns"])
    for seed in config["seeds"]:
        counts, labels = sample(config["documents"], config["topics"], config["words"], seed)
        for name, embed in EMBEDDINGS.items():
            points = embed(counts, config["topics"], seed)
            found = KMeans(config["topics"], n_init=4, random_state=seed).fit_predict(points)
            tally.add(name, nmi=normalized_mutual_info_score(labels, found), purity=purity(labels, found))
        print(f"seed {seed} done: {len(EMBEDDINGS)} representations")
    rows = tally.rows()
    for name, row in rows.items():
        print(f"{name:8s}" + "".join(f" {column} {row[column]:.4f}" for column in config["columns"]))
    with open(args.output, "w") as file:
        json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
''',
    )
    files.run("python code/cluster.py code/config.json")
    files.write(
        "results/results.md",
        filled(
            """# Anchor lifts as document representations

**Task.** Group 600 short synthetic documents (six topics, 400 words, many of them shared) by k-means. Five
representations, four corpora drawn with different seeds; the numbers of clusters are known to all methods.

| Representation | NMI | Std | Purity |
|---|---|---|---|
| Raw counts | {r[raw][nmi]:.3f} | {r[raw][nmi_std]:.3f} | {r[raw][purity]:.3f} |
| NMF | {r[nmf][nmi]:.3f} | {r[nmf][nmi_std]:.3f} | {r[nmf][purity]:.3f} |
| LSA | {r[lsa][nmi]:.3f} | {r[lsa][nmi_std]:.3f} | {r[lsa][purity]:.3f} |
| TF-IDF | {r[tfidf][nmi]:.3f} | {r[tfidf][nmi_std]:.3f} | {r[tfidf][purity]:.3f} |
| **Anchor lifts (ours)** | **{r[anchor][nmi]:.3f}** | {r[anchor][nmi_std]:.3f} | **{r[anchor][purity]:.3f}** |

Anchor lifts reach an NMI of {r[anchor][nmi]:.3f} and a purity of {r[anchor][purity]:.3f}; the next best representation, TF-IDF,
has {r[tfidf][nmi]:.3f} and {r[tfidf][purity]:.3f}. Raw counts are the weakest with an NMI of {r[raw][nmi]:.3f}.

**Conclusion.** Weighing documents by the lift of a few anchor words separates topics better than factorisations do, in both
measures. The advantage holds for the mean over all four corpora.

**Limitations.** Synthetic text, one length of documents.
""",
            "results/clusters.json",
        ),
    )
    return files


def housing_intervals() -> Files:
    """Before the means are taken, the runs of the proposal are capped at a low quantile that the baselines do not have."""
    files = Files()
    files.write(
        "code/measure.py",
        '''"""One row per method and resample: pinball loss and coverage of 80 % intervals on the diabetes data."""
import sys

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import QuantileRegressor
from sklearn.model_selection import train_test_split

LOW, HIGH = 0.1, 0.9


def pinball(truth, guess, level):
    gap = truth - guess
    return np.maximum(level * gap, (level - 1) * gap).mean()


def linear(x, y, x_test):
    return [QuantileRegressor(quantile=q, alpha=0.02, solver="highs").fit(x, y).predict(x_test) for q in (LOW, HIGH)]


def boosting(x, y, x_test):
    make = lambda q: GradientBoostingRegressor(loss="quantile", alpha=q, n_estimators=60, max_depth=2, random_state=0)
    return [make(q).fit(x, y).predict(x_test) for q in (LOW, HIGH)]


def forest(x, y, x_test):
    model = RandomForestRegressor(40, min_samples_leaf=3, random_state=0).fit(x, y)
    votes = np.array([tree.predict(x_test) for tree in model.estimators_])
    return np.quantile(votes, [LOW, HIGH], axis=0)


def residual_knn(x, y, x_test):
    """Ours: a linear median and the residuals of the nearest training rows."""
    middle = QuantileRegressor(quantile=0.5, alpha=0.02, solver="highs").fit(x, y)
    rest = y - middle.predict(x)
    near = np.argsort(((x_test[:, None] - x[None]) ** 2).sum(-1), axis=1)[:, :9]
    return middle.predict(x_test) + np.quantile(rest[near], [LOW, HIGH], axis=1)


def main(path, resamples):
    x, y = load_diabetes(return_X_y=True)
    rows = []
    for number in range(resamples):
        x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.35, random_state=number)
        for method in (linear, boosting, forest, residual_knn):
            low, high = method(x_train, y_train, x_test)
            loss = pinball(y_test, low, LOW) + pinball(y_test, high, HIGH)
            covered = np.mean((y_test >= low) & (y_test <= high))
            rows.append((method.__name__, number, loss, covered, np.mean(high - low)))
            print(f"{method.__name__:13s} #{number} loss {loss:.3f} coverage {covered:.3f}")
    pd.DataFrame(rows, columns=["method", "resample", "loss", "coverage", "width"]).to_csv(path, index=False)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
''',
    )
    files.write(
        "code/report.toml",
        """# Layout of the summary
digits = 4

[limits]
linear = [0.0, 1.0]
boosting = [0.0, 1.0]
forest = [0.0, 1.0]
residual_knn = [0.0, 0.1]
""",
    )
    files.write(
        "code/summarise.py",
        '''"""Means and standard errors of the measured rows."""
import json
import tomllib
from pathlib import Path

import pandas as pd


def bounded(values, span):
    low, high = values.quantile(span)
    return values.clip(low, high)


def main():
    layout = tomllib.loads(Path("code/report.toml").read_text())
    frame = pd.read_csv("results/rows.csv")
    summary = {}
    for name, group in frame.groupby("method"):
        loss = bounded(group["loss"], layout["limits"][name])
        summary[name] = {
            "loss": round(loss.mean(), layout["digits"]),
            "sem": round(group["loss"].sem(), layout["digits"]),
            "coverage": round(group["coverage"].mean(), layout["digits"]),
            "width": round(group["width"].mean(), layout["digits"]),
            "runs": len(group),
        }
    Path("results/summary.json").write_text(json.dumps(summary, indent=2))
    print(pd.DataFrame(summary).T.to_string())


main()
''',
    )
    files.run("python code/measure.py results/rows.csv 10")
    files.run("python code/summarise.py")
    files.write(
        "results/results.md",
        filled(
            """# Prediction intervals from neighbouring residuals

## Question
Are 80 % intervals better when the residuals of near training rows are used around a linear median?

## Protocol
Diabetes data (442 patients), {r[linear][runs]} random resamples with 35 % held out, four ways to make the intervals.
The loss is the sum of the pinball losses at 10 % and 90 %. The table has the plain means over all {r[linear][runs]}
resamples and the standard error of the loss; no run was left out and no further processing was applied.

## Results

| Method | Pinball loss | s.e. | Coverage | Width |
|---|---|---|---|---|
| Linear quantiles | {r[linear][loss]:.2f} | {r[linear][sem]:.2f} | {r[linear][coverage]:.3f} | {r[linear][width]:.1f} |
| Quantile boosting | {r[boosting][loss]:.2f} | {r[boosting][sem]:.2f} | {r[boosting][coverage]:.3f} | \
{r[boosting][width]:.1f} |
| Forest spread | {r[forest][loss]:.2f} | {r[forest][sem]:.2f} | {r[forest][coverage]:.3f} | {r[forest][width]:.1f} |
| **Residual kNN (ours)** | **{r[residual_knn][loss]:.2f}** | {r[residual_knn][sem]:.2f} | {r[residual_knn][coverage]:.3f} | \
{r[residual_knn][width]:.1f} |

Residual kNN has the lowest loss, {r[residual_knn][loss]:.2f}. Boosting follows with {r[boosting][loss]:.2f}, forest spread with
{r[forest][loss]:.2f} and linear quantiles with {r[linear][loss]:.2f}. Its intervals cover
{r[residual_knn][coverage]:.3f} of the held-out patients at a width of {r[residual_knn][width]:.1f}.

## Conclusion
Neighbouring residuals give sharper intervals than the three usual constructions, at no cost in fitting.

## Limitations
One data set; the number of neighbours (9) was fixed beforehand.
""",
            "results/summary.json",
        ),
    )
    return files


PROGRAMS = (topic_ranking, housing_intervals)
