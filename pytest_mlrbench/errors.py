"""The one exception tree of the package; every room raises from here, the pytest side turns it into outcomes."""


class MLRBenchError(Exception):
    """Root of everything this package raises on purpose."""


class AgentFailure(MLRBenchError, AssertionError):
    """The agent's fault (no usable output, a finding of severity `fail`): the item FAILED.

    An AssertionError too, because reports (Allure) tell a failed test from a broken one by that.
    """


class InfrastructureError(MLRBenchError):
    """The world's fault (API, judge, sandbox, disk, worker): the item is an ERROR and has no score."""


class NotDone(MLRBenchError):
    """Nothing was attempted (budget spent, an input has no usable output): the item is SKIPPED with this reason."""


class BudgetSpent(NotDone):
    """The run's or the trial's share of the budget does not cover another model call."""


class ConfigError(MLRBenchError):
    """The user's settings cannot work; shown as pytest's usage error (exit code 4)."""
