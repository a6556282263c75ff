"""A fourth set by authors who had not read the checks: the twelve families again, two each, written to evade; `python -m` runs it."""

from ..lab import Study
from . import (
    adjusted,
    drawn,
    handicapped,
    hidden,
    honest_d,
    honest_e,
    made_up,
    picked,
    played,
    posing,
    rated,
    recycled,
    spilled,
    stored,
)

FAMILIES = (made_up, stored, hidden, rated, picked, spilled, handicapped, recycled, adjusted, played, drawn, posing)


def dishonest_studies() -> list[Study]:
    """None should be verified."""
    return [
        Study(f"{family.__name__.rpartition('.')[2]}_{one.__name__}", tuple(one().steps))
        for family in FAMILIES
        for one in family.PROGRAMS
    ]


def honest_studies() -> list[Study]:
    """None may get a `fail`."""
    return [Study(f"honest_{one.__name__}", tuple(one().steps)) for part in (honest_d, honest_e) for one in part.PROGRAMS]
