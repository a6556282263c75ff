"""Where the packaged benchmarks, rubrics, prompts and the sandbox image's files lie: in the wheel, or in a source checkout."""

from functools import lru_cache
from pathlib import Path

from .errors import ConfigError

PACKAGE = Path(__file__).resolve().parent


@lru_cache
def resource(name: str) -> Path:
    """Directory `name` (benchmarks, rubrics, prompts, sandbox): `data/` of the wheel, else beside the package in a checkout.

    Raises ConfigError when neither is there (a broken installation).
    """
    for candidate in (PACKAGE / "data" / name, PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise ConfigError(f"the packaged folder {name!r} is missing below {PACKAGE}: reinstall pytest-mlrbench")
