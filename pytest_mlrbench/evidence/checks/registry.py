"""Every check of a work with results, in the order of reports; audit.py runs them, `make evidence-report` measures them."""

from . import (
    arithmetic,
    citations,
    claims,
    contradiction,
    dataflow,
    degenerate,
    failure,
    impossible,
    integrity,
    methodology,
    numbers,
    outputs,
    prose,
    provenance,
    reading,
    rerun,
    seeds,
    timing,
    unequal,
    work,
)
from .case import Check

CHECKS: tuple[Check, ...] = (
    claims.CHECK,
    contradiction.CHECK,
    rerun.CHECK,
    numbers.CHECK,
    provenance.CHECK,
    integrity.CHECK,
    failure.CHECK,
    dataflow.CHECK,
    outputs.CHECK,
    impossible.CHECK,
    timing.CHECK,
    work.CHECK,
    methodology.CHECK,
    seeds.CHECK,
    unequal.CHECK,
    citations.CHECK,
    arithmetic.CHECK,
    prose.CHECK,
    degenerate.CHECK,
    reading.CHECK,
)
"""Strongest evidence first: the order of findings in every report."""
