"""MLR-Bench, stage `experiment`: one item a task and epoch."""

import pytest


@pytest.mark.experiment
def test_experiment(mlr_trial):
    """The agent's experiment is usable, is graded by the panel, and no check finds it hallucinated."""
    mlr_trial.check()
