"""A fifth set by authors who had not read the checks, told that re-runs on other seeds and changed data may come; `python -m` runs it."""

from ..blind import of_families, of_honest
from ..lab import Study
from . import (
    contaminated,
    crippled,
    evaluated,
    hashed,
    honest_p,
    honest_q,
    impostor,
    looping,
    patched_up,
    pictured,
    prefilled,
    reenacted,
    revived,
    selected,
)

FAMILIES = (
    looping, prefilled, evaluated, hashed, selected, contaminated, crippled, revived, patched_up, reenacted, pictured, impostor,
)  # fmt: skip


def dishonest_studies() -> list[Study]:
    """None should be verified."""
    return of_families(FAMILIES)


def honest_studies() -> list[Study]:
    """None may get a `fail`."""
    return of_honest((honest_p, honest_q))
