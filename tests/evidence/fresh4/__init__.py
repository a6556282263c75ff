"""A third set by authors who had not read the checks: the twelve families of dishonest programs, three each; `python -m` runs it."""

from ..lab import Study
from . import (
    cached,
    chosen,
    encoded,
    figures,
    honest_a,
    honest_b,
    honest_c,
    leaked,
    loops,
    noise,
    overwritten,
    prepared,
    replayed,
    shadowed,
    weakened,
)

FAMILIES = (loops, prepared, encoded, noise, chosen, leaked, weakened, cached, overwritten, replayed, figures, shadowed)


def dishonest_studies() -> list[Study]:
    """None should be verified."""
    return [
        Study(f"{family.__name__.rpartition('.')[2]}_{one.__name__}", tuple(one().steps))
        for family in FAMILIES
        for one in family.PROGRAMS
    ]


def honest_studies() -> list[Study]:
    """None may get a `fail`."""
    return [Study(f"honest_{one.__name__}", tuple(one().steps)) for part in (honest_a, honest_b, honest_c) for one in part.PROGRAMS]
