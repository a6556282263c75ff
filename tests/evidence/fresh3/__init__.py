"""A second set of programs whose author had not read the checks' code nor the other programs; `python -m` runs them."""

from ..lab import Study
from . import fitted, generated, replayed, searched, transformed, unfair

DISHONEST = tuple(one for part in (generated, transformed, replayed, unfair) for one in part.PROGRAMS)
HONEST = tuple(one for part in (searched, fitted) for one in part.PROGRAMS)


def dishonest_studies() -> list[Study]:
    """None should be verified."""
    return [Study(f"blind_dishonest_{one.__name__}", tuple(one().steps)) for one in DISHONEST]


def honest_studies() -> list[Study]:
    """None may get a `fail`."""
    return [Study(f"blind_honest_{one.__name__}", tuple(one().steps)) for one in HONEST]
