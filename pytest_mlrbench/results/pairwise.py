"""What side-by-side answers come to: how often the newer run's work is the better one, how sure that is, and the judges' bias.

`mlrbench compare --pairwise` calls it. A task is the unit: its epochs, judges, repeats and both orders are averaged first, so that
one task asked ten times does not look like ten tasks.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from ..keys import GRADED, TrialKey, safe_name
from ..records import Order, SideBySide, Winner
from .comparison.statistics import holm
from .store import RunStore

ORDERS: tuple[Order, Order] = ("base-first", "new-first")
OVERALL = "Overall"
"""The answer for the works as a whole, `winner`."""
VALUE: dict[Winner, float] = {"base": 0.0, "tie": 0.5, "new": 1.0}
"""What an answer counts for the newer run."""
LEVEL = 0.95

Json = dict[str, Any]


@dataclass(frozen=True)
class Answers:
    """All answers about one pair of trials."""

    key: TrialKey
    answers: Sequence[SideBySide] = ()
    known: Winner | None = None
    """Decided without a judge: one side has no output by its agent's own fault, or both hold the same."""


def base_id(base: RunStore) -> str:
    """How the folder of the answers about `base` is called: its name, and a digest that tells runs of one name apart."""
    run = base.run()
    settings = {name: value for name, value in (run.get("settings") or {}).items() if name != "run"}
    digest = hashlib.sha256(json.dumps([run.get("started"), settings], sort_keys=True).encode()).hexdigest()
    return f"{safe_name(base.root.resolve().name)}-{digest[:8]}"


def summary(found: Sequence[Answers]) -> dict[str, Json]:
    """Stage -> win rates over tasks, overall and by dimension, and by judge (docs/interface.md, `compare --pairwise`).

    `found` holds complete pairs only: every judge, repeat and order, or decided without any.
    """
    stages: dict[str, Json] = {}
    for stage in GRADED:
        pairs = [one for one in found if one.key.stage == stage]
        if not pairs:
            continue
        judges = list(dict.fromkeys(answer.judge for one in pairs for answer in one.answers))
        dimensions = list(dict.fromkeys(name for one in pairs for answer in one.answers for name in answer.dimensions))
        stages[stage] = {
            "n_pairs": len(pairs),
            "n_decided_unasked": sum(one.known is not None for one in pairs),
            **win_rate(_by_task(pairs, OVERALL)),
            "dimensions": {name: win_rate(_by_task([one for one in pairs if one.answers], name)) for name in dimensions},
            "judges": {judge: win_rate(_by_task(pairs, OVERALL, judge)) for judge in judges},
        }
    for stage, p in zip(stages, holm([one["p"] for one in stages.values()]), strict=True):
        stages[stage]["p_holm"] = p
    return stages


def _by_task(pairs: Iterable[Answers], dimension: str, judge: str | None = None) -> dict[str, float]:
    """Task -> what its pairs count for the newer run, 0..1."""
    tasks: dict[str, list[float]] = defaultdict(list)
    for pair in pairs:
        if pair.known is not None:
            tasks[pair.key.task].append(VALUE[pair.known])
            continue
        by_judge: dict[str, list[float]] = defaultdict(list)
        for one in pair.answers:
            if judge in (None, one.judge):
                by_judge[one.judge].append(VALUE[one.winner if dimension == OVERALL else one.dimensions[dimension]])
        if by_judge:
            tasks[pair.key.task].append(fmean(fmean(values) for values in by_judge.values()))
    return {task: fmean(values) for task, values in tasks.items()}


def win_rate(tasks: Mapping[str, float]) -> Json:
    """The mean over tasks of what each counts for the newer run, with interval and test.

    `won` and `lost` are tasks that lie above and below one half. `p` is the exact two-sided sign test over these. `ci95` are
    Clopper and Pearson's limits (1934) with the sum of the tasks' values in place of the number of successes: of all values
    between 0 and 1 with a given mean those of 0 and 1 alone vary most (Hoeffding 1956), so the limits are wide rather than
    narrow, and ten ties do not look like certainty.
    """
    n = len(tasks)
    if not n:
        return {"n_tasks": 0, "won": 0, "tied": 0, "lost": 0, "win_rate": None, "ci95": None, "p": None}
    from scipy.stats import binomtest

    won = sum(value > 0.5 for value in tasks.values())
    lost = sum(value < 0.5 for value in tasks.values())
    p = float(binomtest(won, won + lost).pvalue) if won + lost else 1.0
    rate = fmean(tasks.values())
    return {
        "n_tasks": n,
        "won": won,
        "tied": n - won - lost,
        "lost": lost,
        "win_rate": rate,
        "ci95": list(limits(rate * n, n)),
        "p": p,
    }


def limits(total: float, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Clopper and Pearson's limits for the mean of `n` values between 0 and 1 that add up to `total`."""
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = float(betaincinv(total, n - total + 1, tail)) if total > 0 else 0.0
    high = float(betaincinv(total + 1, n - total, 1 - tail)) if total < n else 1.0
    return low, high


def position_bias(found: Iterable[Answers]) -> dict[str, Json]:
    """Judge -> how often it preferred the work that stood first, and how often the order alone decided.

    Both orders are asked of every pair, so without bias the first is preferred as often as the second, whichever run is better;
    `p` is the exact two-sided test of that. `contradicted` counts pairs (each repeat for itself) whose winner changed sides
    with the order.
    """
    said: dict[str, dict[tuple[TrialKey, int], dict[Order, Winner]]] = defaultdict(lambda: defaultdict(dict))
    for pair in found:
        for one in pair.answers:
            said[one.judge][pair.key, one.repeat][one.order] = one.winner
    from scipy.stats import binomtest

    told: dict[str, Json] = {}
    for judge, pairs in said.items():
        placed = [_place(order, winner) for orders in pairs.values() for order, winner in orders.items()]
        first, second = placed.count("first"), placed.count("second")
        told[judge] = {
            "first": first,
            "second": second,
            "tie": placed.count("tie"),
            "p": float(binomtest(first, first + second).pvalue) if first + second else 1.0,
            "pairs": len(pairs),
            "contradicted": sum(set(orders.values()) == {"base", "new"} for orders in pairs.values()),
        }
    return told


def _place(order: Order, winner: Winner) -> str:
    if winner == "tie":
        return "tie"
    return "first" if order == f"{winner}-first" else "second"
