"""The scripted coder: writes a small real experiment, runs it, reports the numbers that were fed back, and finishes."""

import json
import random
import re
from hashlib import sha256

from tests.support.scripted_server import Json, Reply

PROGRAM = '''"""Ridge regression against the mean as a predictor, on the diabetes data that scikit-learn ships."""

import csv
import json
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes

ALPHA = @ALPHA@
TEST_SHARE = @TEST_SHARE@
SEEDS = @SEEDS@

results = Path("results")
(results / "figures").mkdir(parents=True, exist_ok=True)
log = (results / "log.txt").open("w")


def say(text):
    line = time.strftime("%Y-%m-%d %H:%M:%S ") + text
    print(line)
    log.write(line + "\\n")


def ridge(x, y, alpha):
    x1 = np.hstack([x, np.ones((len(x), 1))])
    penalty = alpha * np.eye(x1.shape[1])
    penalty[-1, -1] = 0.0
    return np.linalg.solve(x1.T @ x1 + penalty, x1.T @ y)


def rmse(predicted, y):
    return float(np.sqrt(np.mean((predicted - y) ** 2)))


x, y = load_diabetes(return_X_y=True)
x = (x - x.mean(axis=0)) / x.std(axis=0)
rows = []
for seed in SEEDS:
    order = np.random.default_rng(seed).permutation(len(x))
    n_test = int(TEST_SHARE * len(x))
    test, train = order[:n_test], order[n_test:]
    weights = ridge(x[train], y[train], ALPHA)
    predicted = np.hstack([x[test], np.ones((n_test, 1))]) @ weights
    rows.append({"method": "ridge", "seed": seed, "n_test": n_test, "rmse": rmse(predicted, y[test])})
    rows.append({"method": "mean", "seed": seed, "n_test": n_test, "rmse": rmse(np.full(n_test, y[train].mean()), y[test])})
    say(f"seed {seed}: ridge {rows[-2]['rmse']:.4f}, mean {rows[-1]['rmse']:.4f}")

summary = {}
for method in ("ridge", "mean"):
    values = [row["rmse"] for row in rows if row["method"] == method]
    summary[method] = {"rmse_mean": float(np.mean(values)), "rmse_sd": float(np.std(values)), "seeds": len(values)}

(results / "metrics.json").write_text(json.dumps({"summary": summary, "runs": rows}, indent=1))
with (results / "metrics.csv").open("w", newline="") as file:
    writer = csv.DictWriter(file, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
claims = [
    {
        "name": f"test RMSE of {method}, mean over seeds",
        "value": summary[method]["rmse_mean"],
        "file": "results/metrics.json",
        "key": f"summary.{method}.rmse_mean",
        "command": "python code/run.py",
        "dataset": "diabetes",
        "split": "test",
        "n": rows[0]["n_test"],
        "seed": SEEDS,
    }
    for method in summary
]
(results / "claims.json").write_text(json.dumps(claims, indent=1))

figure, axes = plt.subplots(figsize=(4, 3))
for method in summary:
    axes.plot(SEEDS, [row["rmse"] for row in rows if row["method"] == method], marker="o", label=method)
axes.set(title="Test error by seed", xlabel="seed", ylabel="RMSE")
axes.legend()
figure.tight_layout()
figure.savefig(results / "figures" / "rmse.png", dpi=80)

for method, numbers in summary.items():
    say(f"RESULT {method} rmse_mean={numbers['rmse_mean']:.4f} rmse_sd={numbers['rmse_sd']:.4f} seeds={numbers['seeds']}")
'''

README = """# Ridge against the mean

`python code/run.py` (under 10 s, one core; needs numpy, scikit-learn, matplotlib) writes everything below `results/`
except `results.md`.
"""

RUN = "python code/run.py"

RESULT = re.compile(r"RESULT (\w+) rmse_mean=([\d.]+) rmse_sd=([\d.]+) seeds=(\d+)")


def experiment(body: Json) -> Reply:
    """The next step, by how many answers of ours the conversation holds."""
    messages = body["messages"]
    turn = sum(message["role"] == "assistant" for message in messages)
    steps = (_write, _run, _report, _finish)
    return steps[min(turn, len(steps) - 1)](messages)


def _write(messages: list[Json]) -> Reply:
    seed = sha256(json.dumps(messages, sort_keys=True).encode()).digest()
    chance = random.Random(seed)
    program = (
        PROGRAM.replace("@ALPHA@", str(chance.choice([0.1, 1.0, 3.0, 10.0, 30.0])))
        .replace("@TEST_SHARE@", str(chance.choice([0.2, 0.25, 0.3, 0.4])))
        .replace("@SEEDS@", str(sorted(chance.sample(range(1000), 5))))
    )
    heredoc = f"mkdir -p code results && cat > code/run.py <<'END_OF_PROGRAM'\n{program}END_OF_PROGRAM"
    calls = (("bash", {"command": heredoc}), ("write_file", {"path": "code/README.md", "content": README}))
    return Reply("First the program.", calls, stage="experiment")


def _run(messages: list[Json]) -> Reply:
    return Reply("Now I run it.", (("bash", {"command": RUN, "timeout_s": 300}),), stage="experiment")


def _report(messages: list[Json]) -> Reply:
    """results.md from the last tool result: numbers that were not fed back cannot stand in it."""
    output = str(next(message["content"] for message in reversed(messages) if message["role"] == "tool"))
    found = RESULT.findall(output)
    text = _measured(found) if len(found) == 2 else _failed(output)
    return Reply("", (("write_file", {"path": "results/results.md", "content": text}),), stage="experiment")


def _measured(found: list[tuple[str, str, str, str]]) -> str:
    rows = "\n".join(f"| {method} | {mean} | {sd} | {seeds} |" for method, mean, sd, seeds in found)
    means = {method: float(mean) for method, mean, _, _ in found}
    best, worst = sorted(means, key=means.__getitem__)
    return f"""# Results

## Main result

| Method | RMSE (mean) | RMSE (SD) | Seeds |
|---|---|---|---|
{rows}

![Test error by seed](figures/rmse.png)

On the held-out part of the diabetes data, {best} has the lower error than {worst} ({means[best]:.4f} against {means[worst]:.4f}).

## Departures from the proposal

The proposal is reduced to one data set and one linear model, which is what the time allowed.

## Limitations

One small data set; no other learner was tried.
"""


def _failed(output: str) -> str:
    last = (output.strip().splitlines() or ["no output"])[-1][:200]
    return f"""# Results

The program did not finish, so nothing was measured. Its last line of output:

    {last}
"""


def _finish(messages: list[Json]) -> Reply:
    return Reply("", (("finish", {"summary": "The experiment ran and results/results.md reports it."}),), stage="experiment")
