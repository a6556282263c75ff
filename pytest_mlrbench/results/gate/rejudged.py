"""The baseline judged again: when that is needed, and where the new reviews of its outputs lie."""

import re

from ..store import RunStore

REJUDGED = "rejudged"
"""Folder of the new run with the baseline's re-judged trials: a run directory without outputs."""
BASELINE = "rejudged_of"
"""Key of its run.json: the baseline's directory."""

_SNAPSHOT = re.compile(
    r"""
    (?<!\d)20\d\d-?(0[1-9]|1[0-2])-?([0-2]\d|3[01])(?!\d)      # 20250929, 2025-04-16
    | -(0[1-9]|1[0-2])-?([0-2]\d|3[01])(?!\d)                  # gpt-4-0613, gemini-2.5-pro-preview-03-25
    | -(0[1-9]|1[0-2])-20\d\d(?!\d)                            # command-r-08-2024
    | -2[3-9](0[1-9]|1[0-2])(?!\d)                             # mistral-large-2411
    | -0\d\d(?!\d)                                             # gemini-1.5-pro-002
    | -v\d+(:\d+)?$                                            # anthropic.claude-...-v1:0 on Bedrock
    | @(sha256:)?[0-9a-f]{6,}                                  # a digest
    """,
    re.VERBOSE,
)


def is_moving(judge: str) -> bool:
    """Whether `judge` is an alias whose weights a provider may replace: its id names no date, snapshot number or digest.

    A version that is part of the name (`gemini-2.5-pro`, `claude-sonnet-4-5`) is no snapshot. The offline judge is part of this
    package and moves with its version only.

    >>> is_moving("anthropic/claude-sonnet-4-5"), is_moving("anthropic/claude-sonnet-4-5-20250929")
    (True, False)
    """
    return judge != "offline" and _SNAPSHOT.search(judge.rpartition("/")[2]) is None


def rejudged_store(run: RunStore) -> RunStore:
    """Where `run` keeps the baseline's new reviews; it need not exist."""
    return RunStore(run.root / REJUDGED)


def rejudged_of(run: RunStore, base: RunStore) -> RunStore | None:
    """The new reviews of `base` that `run` holds; None when it has none of that baseline."""
    store = rejudged_store(run)
    if not store.run_file.is_file():
        return None
    return store if store.run().get(BASELINE) == str(base.root.resolve()) else None
