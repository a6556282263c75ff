"""The gate's answer in words: lines for the terminal, Markdown for the CI job's page and gate.md."""

from ..comparison.compare import Comparison
from ..comparison.text import comparison_markdown
from ..shown import plain
from .decision import Decision

MOST = 12
"""Reasons, and warnings, in the terminal; gate.md has all."""


def decision_lines(decision: Decision) -> list[str]:
    """What the terminal says, without control characters."""
    head = (
        f"gate: {decision.verdict} (largest drop {decision.max_drop:g} of Overall{f'; {decision.look}' if decision.look else ''})"
    )
    lines = [head]
    for name, told in (("reason", decision.reasons), ("warning", decision.warnings)):
        lines += [f"gate: {name}: {text}" for text in told[:MOST]]
        if len(told) > MOST:
            lines.append(f"gate: {len(told) - MOST} more of kind {name}, see gate.md in the run directory")
    if decision.infrastructure:
        lines.append(f"gate: without a score for infrastructure: {', '.join(decision.infrastructure[:MOST])}")
    lines.append(f"gate: {decision.calibration}")
    return [plain(line) for line in lines]


def decision_markdown(decision: Decision, comparison: Comparison | None = None) -> str:
    """The whole story, for people who look at a CI job; `comparison` adds its tables."""
    sign = {"holds": "✅", "broken": "❌", "inconclusive": "❔"}[decision.verdict]
    look = f" ({decision.look})" if decision.look else ""
    lines = [f"## {sign} MLR-Bench gate: {decision.verdict}{look}", ""]
    lines += [f"- {_safe(text)}" for text in decision.reasons]
    if decision.infrastructure:
        lines.append(f"- without a score for infrastructure: {', '.join(map(_safe, decision.infrastructure))}")
    lines += [f"- largest drop of Overall that is let pass: {decision.max_drop:g}", f"- {_safe(decision.calibration)}"]
    if comparison is None:
        lines += [f"- {_safe(text)}" for text in decision.warnings]
    text = "\n".join(lines) + "\n"
    return text if comparison is None else f"{text}\n{comparison_markdown(comparison)}"


def _safe(text: str) -> str:
    """Reasons may quote a model: no markup of theirs on the page."""
    for special in "\\`*[]|":
        text = text.replace(special, f"\\{special}")
    return plain(text).replace("<", "&lt;").replace(">", "&gt;")
