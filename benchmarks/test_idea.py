"""MLR-Bench, stage `idea`: one item a task and epoch."""

import pytest


@pytest.mark.idea
def test_idea(mlr_trial):
    """The agent's idea is usable, is graded by the panel, and no check finds it hallucinated."""
    mlr_trial.check()
