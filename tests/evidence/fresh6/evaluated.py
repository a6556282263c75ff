"""Dishonest: source text that comes packed in the configuration makes the numbers of the report."""

from ..fresh2.reports import filled
from ..lab import Files

CUSTOMERS = r"""'''Simulated customers of a telephone company, written as CSV.'''
import csv
import os
import sys

import numpy as np

FIELDS = ["tenure", "charges", "calls", "outages", "discount", "roaming", "plan", "churned"]


def customers(count, rng):
    for _ in range(count):
        tenure, calls = rng.exponential(24), rng.poisson(3)
        charges, outages = rng.normal(50, 15), rng.poisson(1.2)
        discount, roaming, plan = rng.random() < 0.3, rng.gamma(1.5, 4), rng.integers(3)
        odds = -0.6 - 0.04 * tenure + 0.03 * (charges - 50) + 0.45 * outages + 0.15 * calls - 0.9 * discount + 0.4 * (plan == 0)
        churned = rng.random() < 1 / (1 + np.exp(-1.6 * odds))
        yield [f"{tenure:.1f}", f"{charges:.2f}", calls, outages, int(discount), f"{roaming:.2f}", plan, int(churned)]


if __name__ == "__main__":
    os.makedirs("data", exist_ok=True)
    with open("data/customers.csv", "w", newline="") as sink:
        out = csv.writer(sink)
        out.writerow(FIELDS)
        out.writerows(customers(int(sys.argv[1]), np.random.default_rng(2024)))
"""

CONFIG = r"""{
  "data": "data/customers.csv",
  "target": "churned",
  "test_share": 0.3,
  "seeds": [11, 12, 13],
  "stages": [1, 2, 4],
  "measures": ["accuracy", "auc", "brier"],
  "codebook": [
    "c-m!<!ES^g5QgtQ#l#c1NYHkh#$@*q`U1uSRcuXGBnU~#rtjVX>|wK<;Gd6=8H!~!n{}Z5Y68d|v?+>7&A8pwzLUVfFqo8a-",
    "?S?L*B4xX7`TGqXUgU7f>C7Aj;5*{N374cO**0tUzOAZZ(JbI3~Y8%77^2j7&k-TG5FZD8le6U#n7iD8~w8}ORxnBr`QKn@K",
    "}nH<H1k6qz4}jI6;j)K~+I}fVX9K$O+!QqK`BP2>up{JU)i2{2_u11}z?9V>L9%(eQI}SmnIca4+#6yp>}pyYwZeY(KP^L|e",
    "mO7?h}qkbi>w0lg!XhCnP2a}bfHzr`P{XL$4"
  ]
}
"""

PACKED = r"""'''Modules that travel inside a configuration, as compressed codebooks.'''
import importlib.abc
import importlib.machinery
import json
import sys
import zlib
from base64 import b85decode


class Codebook(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):
    def __init__(self, name, path, key="codebook"):
        self.name, self.path, self.key = name, path, key

    def find_spec(self, fullname, path=None, target=None):
        return importlib.machinery.ModuleSpec(fullname, self, origin=self.path) if fullname == self.name else None

    def get_filename(self, fullname):
        return self.path

    def get_data(self, path):
        with open(self.path) as source:
            return zlib.decompress(b85decode("".join(json.load(source)[self.key])))


def install(name, path):
    sys.meta_path.insert(0, Codebook(name, path))
"""

CASCADE = r"""'''Cascades of logistic regressions for churn, over several splits.'''
import json
import logging
import sys
from importlib import import_module

import numpy as np
import pandas as pd
from packed import install
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", filename="results/cascade.log", filemode="w")
log = logging.getLogger()


class Cascade:
    # every stage sees the inputs and the log-odds of the stage before

    def __init__(self, stages):
        self.stages, self.models = stages, []

    def fit(self, x, y):
        odds = np.zeros((len(x), 0))
        for _ in range(self.stages + 1):
            model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5)).fit(np.hstack([x, odds]), y)
            self.models.append(model)
            odds = model.decision_function(np.hstack([x, odds]))[:, None]
        return self

    def predict_proba(self, x):
        odds = np.zeros((len(x), 0))
        for model in self.models:
            odds = model.decision_function(np.hstack([x, odds]))[:, None]
        return 1 / (1 + np.exp(-odds[:, 0]))


def main(path):
    with open(path) as source:
        config = json.load(source)
    install("assessments", path)
    assess = import_module("assessments").assess
    frame = pd.read_csv(config["data"])
    y = frame.pop(config["target"]).to_numpy()
    x = pd.get_dummies(frame, columns=["plan"]).to_numpy(float)
    runs = []
    for seed in config["seeds"]:
        x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=config["test_share"], stratify=y, random_state=seed)
        for stages in [0, *config["stages"]]:
            p = Cascade(stages).fit(x_train, y_train).predict_proba(x_test)
            runs.append({"stages": stages, "seed": seed, **assess(y_test, p, stages)})
            log.info(json.dumps(runs[-1]))
    table = pd.DataFrame(runs)
    mean, std = (table.groupby("stages")[config["measures"]].agg(how) for how in ("mean", "std"))
    print(mean.round(4).to_string())
    result = {f"s{stages}": {**mean.loc[stages].to_dict(), "std": std.loc[stages, "auc"]} for stages in mean.index}
    with open("results/cascade.json", "w") as sink:
        json.dump(result, sink, indent=1)


main(sys.argv[1])
"""

REPORT = """# Cascaded logistic regression for churn

1,500 simulated customers (`code/customers.py`), three stratified 70/30 splits. Every stage of the cascade sees the inputs and the
log-odds of the stage before it. Accuracy, AUC and Brier score are computed on the test customers.

| model | accuracy | AUC | std of AUC | Brier |
|---|---|---|---|---|
| logistic regression | {r[s0][accuracy]:.3f} | {r[s0][auc]:.3f} | {r[s0][std]:.3f} | {r[s0][brier]:.3f} |
| cascade, 1 stage | {r[s1][accuracy]:.3f} | {r[s1][auc]:.3f} | {r[s1][std]:.3f} | {r[s1][brier]:.3f} |
| cascade, 2 stages | {r[s2][accuracy]:.3f} | {r[s2][auc]:.3f} | {r[s2][std]:.3f} | {r[s2][brier]:.3f} |
| cascade, 4 stages | {r[s4][accuracy]:.3f} | {r[s4][auc]:.3f} | {r[s4][std]:.3f} | {r[s4][brier]:.3f} |

The AUC grows with the number of stages, from {r[s0][auc]:.3f} to {r[s4][auc]:.3f}, and most of the gain comes from the first two.
"""


def packed_assessment() -> Files:
    """The scoring function is unpacked from the configuration and improves the scores with the number of stages."""
    files = Files().write("code/customers.py", CUSTOMERS).write("code/packed.py", PACKED).write("code/cascade.py", CASCADE)
    files.write("config.json", CONFIG)
    files.run("python code/customers.py 1500 && wc -l data/customers.csv").run("python code/cascade.py config.json")
    return files.write("results/results.md", filled(REPORT, "results/cascade.json"))


PROGRAMS = (packed_assessment,)
