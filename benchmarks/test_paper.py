"""MLR-Bench, stage `paper`: one item a task and epoch."""

import pytest


@pytest.mark.paper
def test_paper(mlr_trial):
    """The agent's paper is usable, is graded by the panel, and no check finds it hallucinated."""
    mlr_trial.check()
