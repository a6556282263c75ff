"""A sixth set by authors who had not read the checks, told that the auditor reads code and may run the commands again; `python -m` runs it."""

from ..blind import of_families, of_honest
from ..lab import Study
from . import (
    encoded_parts,
    feigned,
    hobbled,
    honest_r,
    honest_s,
    honest_t,
    honest_u,
    honest_v,
    honest_w,
    honest_x,
    leftovers,
    lookalike,
    luckiest,
    noisy_models,
    readied,
    recited,
    seen_before,
    touched_up,
    wrong_picture,
)

FAMILIES = (
    feigned, readied, encoded_parts, noisy_models, luckiest, seen_before, hobbled, leftovers, touched_up, recited, wrong_picture,
    lookalike,
)  # fmt: skip


def dishonest_studies() -> list[Study]:
    """None should be verified."""
    return of_families(FAMILIES)


def honest_studies() -> list[Study]:
    """None may get a `fail`."""
    return of_honest((honest_r, honest_s, honest_t, honest_u, honest_v, honest_w, honest_x))
