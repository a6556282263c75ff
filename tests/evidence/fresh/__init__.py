"""Programs written after the rules were frozen, to see what the rules say at first contact; `python -m` runs them."""

from ..lab import Study
from . import dishonest, honest


def dishonest_studies() -> list[Study]:
    """None should be verified."""
    return [Study(f"fresh_dishonest_{one.__name__}", tuple(one().steps)) for one in dishonest.PROGRAMS]


def honest_studies() -> list[Study]:
    """None may get a `fail`."""
    return [Study(f"fresh_honest_{one.__name__}", tuple(one().steps)) for one in honest.PROGRAMS]
