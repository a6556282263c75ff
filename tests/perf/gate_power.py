"""What the gate can detect: simulated from a folder of published reviews; prints the tables of docs/gating.md.

    python -m tests.perf.gate_power ../shared/data/upstream/agent_reviews

Differences of two runs of one agent are drawn from the differences of two models on the same task, less their mean: runs of one
agent differ less, so what comes out errs on the side of caution. Where a stage has one model only, two draws of it are taken. Only
aggregate figures are printed.
"""

import argparse
import json
import math
from collections import defaultdict
from itertools import combinations
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from pytest_mlrbench.results.comparison.statistics import Paired, by_task, rounding_error
from pytest_mlrbench.results.gate.decision import ALPHA
from pytest_mlrbench.results.gate.sequential import batches, levels
from pytest_mlrbench.settings import GATE_MAX_DROP

Floats = NDArray[np.float64]

STAGES = {
    "idea": ("idea_proposal_reviews_*", "idea/idea_*.json"),
    "proposal": ("idea_proposal_reviews_*", "proposal/proposal_*.json"),
    "experiment": ("subset_reviews_*", "experiments/*.json"),
    "paper": ("subset_reviews_*", "paper/*.json"),
    "end2end": ("subset_reviews_*", "review_*.json"),
}
SIZES, EPOCHS = (10, 50, 201), (1, 2, 4)
POWER = 0.8
DRAWN = 20_000
JUDGES = 2


def overall(path: Path) -> float | None:
    """The Overall score of one review."""
    try:
        review = json.loads(path.read_text(encoding="utf-8"))
        found = review.get("OverallAssessment") or review.get("Overall")
        return float(found["score"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def panel(folder: Path, stage: str) -> dict[str, dict[str, float]]:
    """Model -> task -> mean Overall of all judges; only tasks that all of them scored."""
    judges, files = STAGES[stage]
    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    count = 0
    for judge in sorted(folder.glob(judges)):
        count += 1
        for task in sorted(path for path in judge.iterdir() if path.is_dir()):
            for path in sorted(task.glob(files)):
                if "no_code" not in path.stem and (score := overall(path)) is not None:
                    scores[path.stem][task.name].append(score)
    return {model: {task: fmean(one) for task, one in tasks.items() if len(one) == count} for model, tasks in scores.items()}


def pool_of(models: dict[str, dict[str, float]], chance: np.random.Generator) -> Floats:
    """Centred differences of Overall between two models on one task."""
    found: list[float] = []
    for one, two in combinations(models, 2):
        differences = [models[one][task] - models[two][task] for task in models[one].keys() & models[two].keys()]
        found += [value - fmean(differences) for value in sorted(differences)]
    if not found:
        (scores,) = (np.array(sorted(tasks.values())) for tasks in models.values())
        draws = chance.choice(scores, (2, 5000))
        found = list(draws[0] - draws[1])
    return np.array([*found, *(-value for value in found)])  # which model came first means nothing


def drawn(pool: Floats, n: int, k: int, chance: np.random.Generator, number: int = DRAWN) -> Floats:
    """`number` runs of `n` task differences, each the mean of `k` epochs."""
    return chance.choice(pool, (number, n, k)).mean(axis=2)


def reach(values: Floats, alpha: float, k: int) -> tuple[Floats, Floats]:
    """Mean over tasks, and how far a one-sided bound lies from it (as comparison.statistics.Paired has it)."""
    n = values.shape[1]
    error = np.maximum(values.std(axis=1, ddof=1), rounding_error(JUDGES) / math.sqrt(k)) / math.sqrt(n)
    return values.mean(axis=1), t.ppf(1 - alpha, n - 1) * error


def check_reach(pool: Floats, chance: np.random.Generator) -> None:
    """The fast formula is the gate's own."""
    for values in drawn(pool, 10, 2, chance, 50):
        mean, far = reach(values[None, :], ALPHA, 2)
        pairs = {str(index): [value, value] for index, value in enumerate(values)}
        paired: Paired = by_task(pairs, error=rounding_error(JUDGES))
        assert math.isclose(paired.bounds(ALPHA)[0], mean[0] - far[0], abs_tol=1e-9)


def fixed(pool: Floats, chance: np.random.Generator) -> list[list[str]]:
    """For each n and k: detectable drop, drop that breaks, chance to hold unchanged, and both errors."""
    rows = []
    for n in SIZES:
        for k in EPOCHS:
            mean, far = reach(drawn(pool, n, k, chance), ALPHA, k)
            detectable = float(np.quantile(mean + far, POWER))
            rows.append(
                [
                    str(n),
                    str(k),
                    f"{detectable:.2f}",
                    f"{detectable + GATE_MAX_DROP:.2f}",
                    f"{np.mean(mean - far > -GATE_MAX_DROP):.0%}",
                    f"{np.mean(mean + far < -GATE_MAX_DROP):.1%}",
                    f"{np.mean(mean - far > 0):.1%}",
                ]
            )
    return rows


def looked(values: Floats, drop: float, limit: float) -> tuple[Floats, Floats]:
    """Of runs that are `drop` worse: the answer (1 holds, -1 broken, 0 open) and the share of tasks it took, looked at in steps."""
    n = values.shape[1]
    ends = np.cumsum([len(batch) for batch in batches([str(index) for index in range(n)], 0)])
    spread = levels([end / n for end in ends], ALPHA)
    answer, share = np.zeros(len(values)), np.ones(len(values))
    for end, alpha in zip(ends, spread, strict=True):
        mean, far = reach(values[:, :end] - drop, alpha, 1)
        for sign, hit in ((1.0, mean - far > -limit), (-1.0, mean + far < -limit)):
            now = hit & (answer == 0)
            answer[now], share[now] = sign, end / n
    return answer, share


def sequential(pool: Floats, n: int, limit: float, chance: np.random.Generator) -> list[str]:
    """One row: power and spend of the sequential form beside the fixed one, unchanged and at twice the limit, and both errors."""
    values = drawn(pool, n, 1, chance)
    mean, far = reach(values, ALPHA, 1)
    same, spent = looked(values, 0.0, limit)
    worse, spent_worse = looked(values, 2 * limit, limit)
    at_limit, _ = looked(values, limit, limit)
    return [
        f"{np.mean(mean - far > -limit):.0%}",
        f"{np.mean(same > 0):.0%}",
        f"{spent.mean():.0%}",
        f"{np.mean(worse < 0):.0%}",
        f"{spent_worse.mean():.0%}",
        f"{np.mean(at_limit > 0):.1%}",
        f"{np.mean(at_limit < 0):.1%}",
        f"{np.mean(same < 0):.1%}",
    ]


def whole_suite(pools: dict[str, Floats], n: int, chance: np.random.Generator) -> tuple[float, float]:
    """All stages together under Holm, nothing changed: how often the gate is broken and how often it holds."""
    above, below = [], []
    for pool in pools.values():
        values = drawn(pool, n, 1, chance)
        mean, far = reach(values, ALPHA, 1)
        error = far / t.ppf(1 - ALPHA, n - 1)
        above.append(t.sf((mean + GATE_MAX_DROP) / error, n - 1))
        below.append(t.cdf((mean + GATE_MAX_DROP) / error, n - 1))
    steps = ALPHA / np.arange(len(pools), 0, -1)
    holds = (np.sort(np.array(above).T, axis=1) <= steps).all(axis=1)
    return float(np.mean(np.array(below).min(axis=0) <= ALPHA / len(pools))), float(np.mean(holds))


def table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---:" for _ in head], *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    chance = np.random.default_rng(0)
    pools: dict[str, Floats] = {}
    rows = []
    for stage in STAGES:
        models = panel(folder, stage)
        pools[stage] = pool_of(models, chance)
        spreads = [stdev(tasks.values()) for tasks in models.values()]
        shared = [(sorted(models[one].keys() & models[two].keys()), one, two) for one, two in combinations(models, 2)]
        ties = [
            float(np.corrcoef([models[one][x] for x in tasks], [models[two][x] for x in tasks])[0, 1]) for tasks, one, two in shared
        ]
        means = [fmean(tasks.values()) for tasks in models.values()]
        apart = [abs(one - two) for one, two in combinations(means, 2)]
        rows.append(
            [
                stage,
                str(len(models)),
                str(len(next(iter(models.values())))),
                f"{fmean(spreads):.2f}",
                f"{fmean(ties):.2f}" if ties else "-",
                f"{pools[stage].std():.2f}",
                f"{min(apart):.2f}-{max(apart):.2f}" if apart else "-",
            ]
        )
    check_reach(pools["idea"], chance)
    print(table(["stage", "models", "tasks", "SD", "r", "SD of the difference", "models' means apart"], rows))
    for stage, pool in pools.items():
        head = ["n", "epochs", "detectable", "breaks", "holds unchanged", "broken unchanged", "holds at the limit"]
        print(f"\n{stage}\n{table(head, fixed(pool, chance))}")
    print("\nall stages, unchanged: n, broken, holds")
    for n in SIZES:
        broken, holds = whole_suite(pools, n, chance)
        print(f"{n} {broken:.2%} {holds:.0%}")
    head = [
        "stage", "n", "limit", "fixed power", "power", "spend unchanged", "found at twice the limit", "spend there",
        "holds at the limit", "broken at the limit", "broken unchanged",
    ]  # fmt: skip
    cases = [
        (stage, n, limit)
        for stage in ("idea", "proposal", "experiment", "end2end")
        for n, limit in ((201, GATE_MAX_DROP), (50, GATE_MAX_DROP), (50, 1.0), (20, 1.0))
    ]
    print(
        "\n"
        + table(head, [[stage, str(n), f"{limit:g}", *sequential(pools[stage], n, limit, chance)] for stage, n, limit in cases])
    )
    print("\nat a limit set so that the fixed form has this power (idea, 201)")
    idea = pools["idea"]
    mean, far = reach(drawn(idea, 201, 1, chance), ALPHA, 1)
    rows = []
    for power in (0.8, 0.9, 0.95, 0.99, 0.999):
        limit = float(np.quantile(far - mean, power))
        rows.append(["idea", "201", f"{limit:.3f}", *sequential(idea, 201, limit, chance)])
    print(table(head, rows))
    print("\nevidence, unchanged: items, rate, false alarm of one confirmed repeat, with two baseline epochs")
    for n in (10, 30):
        for rate in (0.0, 0.01, 0.03, 0.05, 0.1, 0.3):
            one, two = (1 - (1 - (1 - rate) ** epochs * rate**2) ** n for epochs in (1, 2))
            print(f"{n} {rate:.0%} {one:.1%} {two:.1%}")
    supports = chance.beta(8, 2, (2, DRAWN, 10))
    differences = supports[0] - supports[1]
    error = np.maximum(differences.std(axis=1, ddof=1), 0.05) / math.sqrt(10)
    print(f"\nsupport unchanged (beta 8, 2; n 10): {np.mean(differences.mean(axis=1) + t.ppf(0.975, 9) * error < 0):.2%}")


if __name__ == "__main__":
    main()
