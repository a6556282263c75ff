"""MLR-Bench, stage `proposal`: one item a task and epoch."""

import pytest


@pytest.mark.proposal
def test_proposal(mlr_trial):
    """The agent's proposal is usable, is graded by the panel, and no check finds it hallucinated."""
    mlr_trial.check()
