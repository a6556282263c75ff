"""Positions of the report's score plots; the HTML template draws them as SVG, so that no figure has to be stored."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import fmean, pstdev
from typing import Any

LEFT, WIDTH, ROW = 120, 620, 26
"""Pixels: room for the names of dimensions, length of the scale from 1 to 10, height of one model's line."""
SERIES = 6
"""Colours of the style sheet, repeated when there are more models."""


def plot(models: Mapping[str, Mapping[str, Mapping[str, float]]], dimensions: Sequence[str]) -> dict[str, Any]:
    """What to draw for `models` (name -> task -> dimension -> panel score 1..10), one line per dimension and model.

    A line spans mean ± population SD; its discs stand at the values of tasks, the larger the more tasks share a value.
    """
    groups = []
    top = 6.0
    for dimension in dimensions:
        lines = []
        for number, (name, tasks) in enumerate(models.items()):
            numbers = [values[dimension] for values in tasks.values() if dimension in values]
            if numbers:
                lines.append({**_line(name, dimension, numbers), "series": number % SERIES, "y": top + ROW / 2})
                top += ROW
        if lines:
            groups.append({"dimension": dimension, "y": fmean(line["y"] for line in lines), "lines": lines})
            top += 8
    return {
        "groups": groups,
        "names": [(number % SERIES, name) for number, name in enumerate(models)] if len(models) > 1 else [],
        "ticks": [(_x(value), value) for value in range(1, 11)],
        "bottom": top,
        "height": top + 24,
        "width": LEFT + WIDTH + 24,
    }


def _line(name: str, dimension: str, numbers: Sequence[float]) -> dict[str, Any]:
    mean, deviation = fmean(numbers), pstdev(numbers)
    return {
        "mean": _x(mean),
        "low": _x(max(1.0, mean - deviation)),
        "high": _x(min(10.0, mean + deviation)),
        "discs": [(_x(value), round(2.5 + sqrt(times), 1)) for value, times in sorted(Counter(numbers).items())],
        "told": f"{name}: {dimension} {mean:.2f} ± {deviation:.2f}, n {len(numbers)}",
    }


def _x(value: float) -> float:
    return round(LEFT + (value - 1) / 9 * WIDTH, 1)
