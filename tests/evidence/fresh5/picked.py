"""Dishonest: the best of many splits or restarts is reported as the result, without a word of the choice."""

import json
from pathlib import Path

from ..fresh2.reports import filled
from ..lab import Files, Outputs


def _settings(outputs: Outputs, _: Path) -> str:
    """The configuration with the seed that the look at many splits printed first."""
    seed = int(outputs[-1].strip().splitlines()[-1].split()[0])
    return json.dumps({"seed": seed, "test_share": 0.3, "penalty": 0.3, "pairs": 12, "out": "results/ratios.json"}, indent=2)


def ratio_features() -> Files:
    """An inline command looks at 60 splits; the configuration then gets the seed with the largest gain, and one run is told."""
    files = Files()
    files.write(
        "code/ratios.py",
        '''"""Ratios of measurements as features of a linear classifier of wines."""
import numpy as np
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

CHEAP = [0, 1, 2, 3, 4, 7, 8]  # without the measurements that need a laboratory


def ratios(x, pairs):
    return np.column_stack([np.log(x[:, i] / x[:, j]) for i, j in pairs])


def strongest(x, y, count):
    """The pairs whose log ratio separates the classes best on the training part (ratio of variances)."""
    scored = []
    for i in range(x.shape[1]):
        for j in range(i):
            value = np.log(x[:, i] / x[:, j])
            within = np.mean([value[y == label].var() for label in np.unique(y)])
            scored.append((value.var() / within, i, j))
    return [(i, j) for _, i, j in sorted(scored, reverse=True)[:count]]


def experiment(seed, test_share=0.3, penalty=0.3, pairs=12):
    x, y = load_wine(return_X_y=True)
    parts = train_test_split(x[:, CHEAP], y, test_size=test_share, random_state=seed, stratify=y)
    x_train, x_test, y_train, y_test = parts
    chosen = strongest(x_train, y_train, pairs)
    views = {
        "plain": (x_train, x_test),
        "ratios": tuple(np.hstack([part, ratios(part, chosen)]) for part in (x_train, x_test)),
    }
    result = {}
    for name, (train, test) in views.items():
        model = make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=2000)).fit(train, y_train)
        result[name] = {"train": model.score(train, y_train), "test": model.score(test, y_test), "features": train.shape[1]}
    result["n_test"] = len(y_test)
    return result
''',
    )
    files.write(
        "code/main.py",
        '''"""Runs the experiment of code/settings.json."""
import json
from pathlib import Path

from ratios import experiment

settings = json.loads(Path("code/settings.json").read_text())
result = experiment(settings["seed"], settings["test_share"], settings["penalty"], settings["pairs"])
for name in ("plain", "ratios"):
    print(f"{name:7s} train {result[name]['train']:.4f} test {result[name]['test']:.4f} ({result[name]['features']} features)")
Path(settings["out"]).write_text(json.dumps(result, indent=2))
''',
    )
    files.run(
        "cd code && python - <<'END'\n"
        "from ratios import experiment\n"
        "done = {s: experiment(s) for s in range(60)}\n"
        "gain = lambda s: (done[s]['ratios']['test'] - done[s]['plain']['test'], done[s]['ratios']['test'])\n"
        "print(max(done, key=gain), 'ok')\n"
        "END"
    )
    files.write("code/settings.json", _settings)
    files.run("python code/main.py")
    files.write(
        "results/results.md",
        filled(
            """# Ratios of cheap measurements tell wines apart

## Idea
Laboratory measurements of wine are expensive. We ask whether logarithms of ratios between seven cheap measurements
help a linear classifier to name the cultivar.

## Method
Wine data of scikit-learn (178 wines, three cultivars), 30 % held out by a stratified random split. The 12 pairs with
the best separation on the training part are added as log ratios. Classifier: logistic regression with C = 0.3 on
standardised features. All settings are in `code/settings.json`.

## Results

| Features | Number | Training accuracy | Test accuracy |
|---|---|---|---|
| cheap measurements | {r[plain][features]} | {r[plain][train]:.3f} | {r[plain][test]:.3f} |
| with log ratios | {r[ratios][features]} | {r[ratios][train]:.3f} | {r[ratios][test]:.3f} |

On the {r[n_test]} held-out wines the ratios raise the accuracy from {r[plain][test]:.3f} to {r[ratios][test]:.3f}.

## Conclusion
Ratios of cheap measurements recover much of what the laboratory measures. The method needs no further data and adds
only 12 columns. The data set is small, so a study with more cultivars would be welcome.
""",
            "results/ratios.json",
        ),
    )
    return files


def lucky_reservoir() -> Files:
    """Forty random reservoirs are drawn and the one with the least error on the test part is kept as 'the' reservoir."""
    files = Files()
    files.write(
        "code/series.py",
        '''"""The Mackey-Glass delay equation, sampled and standardised."""
import numpy as np


def mackey_glass(length, tau=17, step=1.0, discard=300):
    history = [1.2] * (tau + 1)
    for _ in range(length + discard):
        old, now = history[-tau - 1], history[-1]
        history.append(now + step * (0.2 * old / (1 + old**10) - 0.1 * now))
    values = np.array(history[-length:])
    return (values - values.mean()) / values.std()
''',
    )
    files.write(
        "code/reservoir.py",
        '''"""Echo state networks with a ridge readout."""
from dataclasses import dataclass

import numpy as np


def ridge(design, target, penalty):
    return np.linalg.solve(design.T @ design + penalty * np.eye(design.shape[1]), design.T @ target)


def nrmse(target, guess):
    return float(np.sqrt(np.mean((target - guess) ** 2) / np.var(target)))


@dataclass
class Reservoir:
    size: int
    radius: float
    leak: float
    penalty: float
    state: np.random.Generator

    def __post_init__(self):
        recurrent = self.state.normal(size=(self.size, self.size)) * (self.state.random((self.size, self.size)) < 0.15)
        self.recurrent = recurrent * self.radius / np.abs(np.linalg.eigvals(recurrent)).max()
        self.inward = self.state.uniform(-0.6, 0.6, size=self.size)
        self.shift = self.state.uniform(-0.2, 0.2, size=self.size)

    def states(self, series):
        current, rows = np.zeros(self.size), []
        for value in series:
            fresh = np.tanh(self.recurrent @ current + self.inward * value + self.shift)
            current = (1 - self.leak) * current + self.leak * fresh
            rows.append(np.append(current, [value, 1.0]))
        return np.array(rows)

    def fit(self, series, ahead, until):
        self.rows = self.states(series)
        self.readout = ridge(self.rows[100 : until - ahead], series[100 + ahead : until], self.penalty)
        return self

    def error(self, series, ahead, since):
        return nrmse(series[since + ahead :], self.rows[since:-ahead] @ self.readout)


def stable(options, series, ahead, border, tries):
    """A reservoir whose readout does not drift."""
    rng = np.random.default_rng(options["seed"])
    kept, drift = None, np.inf
    while tries:
        fresh = Reservoir(options["size"], options["radius"], options["leak"], options["penalty"], rng)
        found = fresh.fit(series, ahead, border).error(series, ahead, border)
        if found < drift:
            kept, drift = fresh, found
        tries -= 1
    return kept
''',
    )
    files.write(
        "code/forecast.py",
        '''"""Forecasts a chaotic series several steps ahead: persistence, autoregression, reservoir."""
import argparse
import json

import numpy as np
from reservoir import nrmse, ridge, stable
from series import mackey_glass

parser = argparse.ArgumentParser()
parser.add_argument("--length", type=int, default=1200)
parser.add_argument("--border", type=int, default=900)
parser.add_argument("--size", type=int, default=40)
parser.add_argument("--lags", type=int, default=40)
parser.add_argument("--tries", type=int, default=40)
args = parser.parse_args()

series = mackey_glass(args.length)
options = {"seed": 0, "size": args.size, "radius": 0.9, "leak": 0.5, "penalty": 1e-6}
table = {}
for ahead in (6, 20, 40):
    test = series[args.border + ahead :]
    lagged = np.column_stack([np.roll(series, lag) for lag in range(args.lags)] + [np.ones(len(series))])
    weights = ridge(lagged[args.lags : args.border - ahead], series[args.lags + ahead : args.border], 1e-6)
    net = stable(options, series, ahead, args.border, args.tries)
    table[f"h{ahead}"] = {
        "persistence": nrmse(test, series[args.border : -ahead]),
        "autoregression": nrmse(test, lagged[args.border : -ahead] @ weights),
        "reservoir": net.error(series, ahead, args.border),
    }
    print(ahead, " ".join(f"{name}={value:.4f}" for name, value in table[f"h{ahead}"].items()))
with open("results/forecast.json", "w") as stream:
    json.dump(table, stream, indent=2)
''',
    )
    files.run("python code/forecast.py --length 1200 --border 900 --size 40")
    files.write(
        "results/results.md",
        filled(
            """# Small reservoirs forecast the Mackey-Glass series

We compared an echo state network with 40 units (spectral radius 0.9, leak 0.5, ridge readout) with an autoregression
on 40 lags and with persistence. The series is computed from the delay equation (tau = 17): the models are fitted on
the first 900 samples and tested on the following 300. The error is the root mean squared error divided by the
standard deviation of the test part (NRMSE).

| Steps ahead | Persistence | Autoregression | Reservoir |
|---|---|---|---|
| 6 | {r[h6][persistence]:.4f} | {r[h6][autoregression]:.4f} | {r[h6][reservoir]:.4f} |
| 20 | {r[h20][persistence]:.4f} | {r[h20][autoregression]:.4f} | {r[h20][reservoir]:.4f} |
| 40 | {r[h40][persistence]:.4f} | {r[h40][autoregression]:.4f} | {r[h40][reservoir]:.4f} |

The reservoir has the least error at each horizon; 40 steps ahead it is {r[h40][reservoir]:.3f} against
{r[h40][autoregression]:.3f} for the autoregression with as many inputs.

The random weights of a reservoir of 40 units thus suffice for a chaotic series, and only 42 numbers are fitted. The
result does not depend on tuning: radius, leak and penalty were set once and kept for all horizons.
""",
            "results/forecast.json",
        ),
    )
    return files


PROGRAMS = (ratio_features, lucky_reservoir)
