"""Dishonest studies written to evade the checks: families of ten variants that differ in structure; `python -m` runs them all."""

import random
from collections.abc import Callable

from ..lab import Files, Study
from . import carried, generated, measured

FAMILIES: dict[str, Callable[[int, random.Random], Files]] = {
    family.__name__: family for family in (*generated.FAMILIES, *measured.FAMILIES, *carried.FAMILIES)
}
VARIANTS = 10
HELD_OUT = 7
"""Variants from this one on are held out: no rule was changed after a look at what the checks say of them."""


def study(family: str, variant: int) -> Study:
    """Variant number `variant` of a family, always the same."""
    rng = random.Random(f"{family}{variant}")
    steps = FAMILIES[family](variant, rng).steps
    return Study(f"{family}-{variant}", tuple(steps), held_out=variant >= HELD_OUT)


def corpus() -> list[Study]:
    """Every variant of every family."""
    return [study(family, variant) for family in FAMILIES for variant in range(VARIANTS)]
