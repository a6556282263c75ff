"""A seventh set by authors who had not read the checks, run once after all rules of the sixth; `python -m` runs it."""

from ..blind import of_families, of_honest
from ..lab import Study
from . import dishonest_a, dishonest_b, dishonest_c, honest_y, honest_z, honest_za, honest_zb


def dishonest_studies() -> list[Study]:
    """None should be verified."""
    return of_families((dishonest_a, dishonest_b, dishonest_c))


def honest_studies() -> list[Study]:
    """None may get a `fail`."""
    return of_honest((honest_y, honest_z, honest_za, honest_zb))
