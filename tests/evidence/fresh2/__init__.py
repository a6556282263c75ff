"""Programs written by an author who had not read the checks' code nor the other programs; `python -m` runs them."""

from ..lab import Study
from . import acted, bent, derived, favoured, invented, learned, restored, scored, simulated, timed, worlds

DISHONEST = tuple(one for part in (invented, derived, bent, favoured, acted, restored) for one in part.PROGRAMS)
HONEST = tuple(one for part in (learned, scored, simulated, worlds, timed) for one in part.PROGRAMS)


def dishonest_studies() -> list[Study]:
    """None should be verified."""
    return [Study(f"blind_dishonest_{one.__name__}", tuple(one().steps)) for one in DISHONEST]


def honest_studies() -> list[Study]:
    """None may get a `fail`."""
    return [Study(f"blind_honest_{one.__name__}", tuple(one().steps)) for one in HONEST]
