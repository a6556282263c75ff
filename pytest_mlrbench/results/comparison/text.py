"""A comparison as Markdown for people; `mlrbench compare` prints it and gate.md holds it."""

import math
from collections.abc import Iterable, Sequence

from ..shown import count, plain, usd
from .compare import Comparison, DimensionDifference
from .statistics import Interval, Paired

SCORE_HEAD = (
    "Stage",
    "Dimension",
    "pairs",
    "tasks",
    "base",
    "new",
    "diff",
    "95 % interval",
    "p",
    "p (Holm)",
    "graded in both: n, base, new",
)
NAMES = ("Stage", "Dimension")


def comparison_markdown(comparison: Comparison) -> str:
    """Scores, hallucination, cost and time, and everything to know before believing them."""
    base, new = comparison.base.root, comparison.new.root
    parts = [f"Compared: {plain(str(new))} (new) with {plain(str(base))} (base)"]
    lines = [[stage, name, *_cells(one)] for stage, found in comparison.dimensions.items() for name, one in found.items()]
    parts.append(_table(SCORE_HEAD, lines) if lines else "No pair of trials has a score.")
    parts.append("\n".join(f"- {text}" for text in [*_hallucination(comparison), *_spending(comparison)]))
    parts.append("\n".join(f"- {plain(text)}" for text in [*_explained(comparison), *comparison.warnings]))
    return "\n\n".join(parts) + "\n"


def _cells(one: DimensionDifference) -> list[str]:
    beside = "–" if one.graded is None else f"{one.graded[0]}, {one.graded[1]:.2f}, {one.graded[2]:.2f}"
    numbers = [str(one.n_pairs), str(one.paired.n), f"{one.base:.2f}", f"{one.new:.2f}", f"{one.paired.mean:+.2f}"]
    return [*numbers, _interval(one.paired.interval()), _p(one.p), _p(one.p_holm), beside]


def _interval(ends: Interval, form: str = "+.2f") -> str:
    low, high = (format(end, form) if math.isfinite(end) else ("-∞" if end < 0 else "∞") for end in ends)
    return f"{low} to {high}"


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"


def _hallucination(comparison: Comparison) -> list[str]:
    found = comparison.hallucination
    if found.base_rate is None or found.new_rate is None:
        return ["hallucination: no item was audited in both runs"]
    lines = [
        f"hallucination: {found.base_rate:.0%} of {count(found.n_pairs, 'item')} in base, {found.new_rate:.0%} in new, difference "
        f"{found.new_rate - found.base_rate:+.0%} ({_interval(found.ci95, '+.0%')}); tasks worse {found.tasks_more}, better "
        f"{found.tasks_less}, exact p {_p(found.p)}"
    ]
    for what, items in (("newly hallucinated", found.newly), ("no longer hallucinated", found.gone)):
        if items:
            lines.append(f"{what}: {', '.join(items)}")
    if found.support is not None and found.support_means is not None:
        before, now = found.support_means
        told = f"support: {before:.0%} in base, {now:.0%} in new, difference {found.support.mean:+.1%}"
        lines.append(f"{told} ({_interval(found.support.interval(), '+.1%')}, {count(found.support.n, 'task')})")
    return lines


def _spending(comparison: Comparison) -> list[str]:
    lines = []
    for one in comparison.spending:
        if not (any(one.cost) or any(one.seconds)):
            continue
        money = (
            f"{usd(one.cost[0])} to {usd(one.cost[1])} an item{_change(one.cost_difference, '+.4f')}"
            if any(one.cost)
            else "no cost"
        )
        time = f"{one.seconds[0]:.0f} s to {one.seconds[1]:.0f} s{_change(one.seconds_difference, '+.0f')}"
        lines.append(f"{one.stage}, the agent's part: {money}; {time}")
    return lines


def _change(paired: Paired, form: str) -> str:
    return f" ({paired.mean:{form}}, {_interval(paired.interval(), form)})" if paired.n > 1 else ""


def _explained(comparison: Comparison) -> list[str]:
    failed = dict.fromkeys(("base", "new"), 0)
    for pair in comparison.found.pairs:
        if pair.scored:
            failed["base"] += pair.base.kind == "failed"
            failed["new"] += pair.new.kind == "failed"
    lines = [
        "means, differences and intervals are over tasks, a task's epochs averaged first; intervals are Student's t, p a "
        "permutation of signs over tasks, corrected by Holm over all stages and dimensions shown"
    ]
    if any(failed.values()):
        lines.append(
            f"items without a usable output by the agent's fault count with the lowest score ({failed['base']} in base, "
            f"{failed['new']} in new); means over items graded in both stand in the last column"
        )
    for stage, judges in comparison.found.judges.items():
        if stage in comparison.dimensions:
            lines.append(f"{stage}: judged by {', '.join(judges) or 'nobody'}")
    return lines


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rule = ["---" if name in NAMES else "---:" for name in head]
    return "\n".join("| " + " | ".join(plain(cell).replace("|", "\\|") for cell in cells) + " |" for cells in (head, rule, *lines))
