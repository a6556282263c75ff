"""A third set by authors who had not read the checks: the twelve families of dishonest programs, three each; `python -m` runs it."""

from ..blind import of_families, of_honest
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
    return of_families(FAMILIES)


def honest_studies() -> list[Study]:
    """None may get a `fail`."""
    return of_honest((honest_a, honest_b, honest_c))
