"""Differences between the panel's rows of one stage, task by task: whether a mark of best says more than chance."""

from collections import defaultdict
from collections.abc import Mapping

from .statistics import paired_difference_ci
from .tables import PANEL, Block, Place, Row, ordered


def difference_table(blocks: Mapping[Place, Block]) -> list[Row]:
    """One row per stage and panel against another of the same stage, on the tasks that both have.

    Two panels are shown as the second minus the first, of more each minus the one with the highest Overall. A row is
    `{"stage", "model", "agent", "run", "against", "n", "dimensions": {NAME: {"diff", "ci95", "n"}}}`; `ci95` is None for one task.
    Where its ends have the same sign the difference is larger than what tasks differ by; intervals are not corrected for their
    number. Only panels of the same judges are compared, and none with one that used another rubric or other prompts.
    """
    stages: dict[tuple[str, tuple[str, ...], str], dict[Place, dict[str, dict[str, float]]]] = defaultdict(dict)
    for place, block in blocks.items():
        if PANEL in block.values:
            stages[place[0], block.seats, block.main][place] = block.values[PANEL]
    rows = []
    for (stage, _, _), panels in stages.items():
        if len(panels) < 2:
            continue
        first = next(iter(panels)) if len(panels) == 2 else max(panels, key=lambda place: _overall(panels[place]))
        rows += [_row(stage, place, first, panels) for place in panels if place != first]
    return [row for row in rows if row["n"]]


def _row(stage: str, place: Place, first: Place, panels: dict[Place, dict[str, dict[str, float]]]) -> Row:
    base, new = panels[first], panels[place]
    names = ordered({name for values in new.values() for name in values} & {name for values in base.values() for name in values})
    dimensions = {}
    for name in names:
        sides = [{task: values[name] for task, values in side.items() if name in values} for side in (base, new)]
        shared = [task for task in sides[0] if task in sides[1]]
        if shared:
            found = paired_difference_ci(*sides)
            mean = sum(sides[1][task] - sides[0][task] for task in shared) / len(shared)
            dimensions[name] = {"diff": mean, "ci95": found.ends if found is not None else None, "n": len(shared)}
    return {
        "stage": stage, "model": place[1], "agent": place[2], "run": place[3], "against": called(first),
        "n": len([task for task in new if task in base]), "dimensions": dimensions,
    }  # fmt: skip


def called(place: Place) -> str:
    """The name of a panel's row, as short as the table allows."""
    return " ".join(part for part in (place[1], place[2] if place[2] != "mlr-agent" else "", place[3]) if part)


def _overall(values: dict[str, dict[str, float]]) -> float:
    scores = [one["Overall"] for one in values.values() if "Overall" in one]
    return sum(scores) / len(scores) if scores else 0.0
