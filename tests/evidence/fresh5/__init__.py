"""A fourth set by authors who had not read the checks: the twelve families again, two each, written to evade; `python -m` runs it."""

from ..blind import of_families, of_honest
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
    return of_families(FAMILIES)


def honest_studies() -> list[Study]:
    """None may get a `fail`."""
    return of_honest((honest_d, honest_e))
