"""The pytest plugin's entry point: hooks only. Without --mlr-model it declares its options and markers and does nothing else."""

import atexit
import gc

import pytest

from . import options
from .errors import ConfigError
from .keys import GRADED


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    for stage in GRADED:
        config.addinivalue_line("markers", f"{stage}: MLR-Bench items of the stage {stage}")
    if options.model_of(config) is None:
        return
    # The interpreter's last collections go through all that the run has imported, a tenth of a second, and free what ends anyhow.
    atexit.register(gc.freeze)
    from .worker import Items

    workerinput = getattr(config, "workerinput", None)
    try:
        if workerinput is not None:
            config.pluginmanager.register(Items(config, workerinput["mlrbench"]), "mlrbench-items")
            return
        from .controller import Controller

        config.pluginmanager.register(Controller(config), "mlrbench-controller")
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from error
