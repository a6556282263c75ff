"""A part of the honest corpus: none gets a `fail`, and what can be read is verified; `python -m tests.evidence.honest` runs all."""

from pathlib import Path

import pytest

from .honest import corpus
from .lab import audited, execute, named, told

SHOWN = (
    "hydra_like",
    "checkpoint",
    "makefile",
    "bash_loops",
    "heredoc_inline",
    "edited_config",
    "payoffs_by_volatility",
    "queue",
    "gridworld",
    "crowd_labels",
    "typed_report",
    "figures_latex",
    "links",
    "twin_sqlite_store_0",
    "twin_flat_json_1",
)


@pytest.mark.parametrize("name", SHOWN)
def test_an_honest_study_gets_no_fail_and_is_verified(tmp_path: Path, name: str) -> None:
    study = named(corpus())[name]
    execute(study, tmp_path)
    result = audited(study, tmp_path)
    assert told(result) == []
    assert result.verdict == "verified", told(result, "warn")
