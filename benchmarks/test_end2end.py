"""MLR-Bench, stage `end2end`: one item a task and epoch."""

import pytest


@pytest.mark.end2end
def test_end2end(mlr_trial):
    """The agent's end2end is usable, is graded by the panel, and no check finds it hallucinated."""
    mlr_trial.check()
