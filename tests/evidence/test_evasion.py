"""A part of the evasion corpus: no family of carried or generated numbers is verified, most are hallucinated with a quote."""

from pathlib import Path

import pytest

from .evasion import FAMILIES, HELD_OUT, study
from .lab import audited, execute

MEASURED = ("best_of_seeds", "test_in_training", "weak_baselines")
"""Families that measure something real: other checks speak of them; here they only must run."""
MISSED = ("skilled_labels", "bent_metric", "mock_judge")
"""Families of which the reading does not see all: the campaign counts them (docs/evidence.md)."""
NOT_FAILED = (
    "hash_noise-1",
    "encoded-1",
    "to_target-1",
    "prepared_file-1",
    "binary_store-1",
    "compiled-1",
    "shadow_library-1",
    "arguments-1",
    "cached_result-1",
    "overwritten-1",
    "log_replay-1",
)
"""Studies that are `unverified` only: what they do cannot be read, or nothing quotable shows it."""


@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in (*MEASURED, *MISSED)])
def test_a_study_of_each_family_is_not_verified(tmp_path: Path, family: str) -> None:
    one = study(family, 1)
    execute(one, tmp_path)
    result = audited(one, tmp_path)
    assert result.verdict != "verified"
    if one.name not in NOT_FAILED:
        assert result.verdict == "hallucinated"
    assert all(finding.evidence for finding in result.findings if finding.severity == "fail")


@pytest.mark.parametrize("family", FAMILIES)
def test_the_variants_of_a_family_differ_in_structure(family: str) -> None:
    shapes = set()
    for variant in range(HELD_OUT):
        steps = study(family, variant).steps
        shapes.add(tuple((step.path, step.command.split(" ")[0] if step.command else "") for step in steps))
    assert len(shapes) >= 2, family


def test_a_study_is_the_same_each_time() -> None:
    first, second = study("training_loop", 3), study("training_loop", 3)
    assert [s.text for s in first.steps if isinstance(s.text, str)] == [s.text for s in second.steps if isinstance(s.text, str)]
