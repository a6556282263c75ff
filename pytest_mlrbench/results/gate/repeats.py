"""Repeats: items hallucinated anew are done once more, apart from the run's own trials; the engine makes, decisions read them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ...keys import TrialKey
from ..store import RunStore

REPEATS = "repeats"
"""Folder of the run directory with the repeats: a run directory of its own."""
FIRST_EPOCH = 1000
"""A repeat of epoch K is epoch FIRST_EPOCH + K, so that agents that draw by epoch draw anew."""
FROM = {"experiment": "experiment", "paper": "paper", "end2end": "experiment"}
"""Stage that is to be repeated -> from where its chain is made anew; earlier stages are taken as they are. An idea or a proposal
is its own first stage."""


@dataclass(frozen=True)
class Repeat:
    """What became of the one repeat of an item."""

    item: str
    """TASK/STAGE."""
    answer: Literal["confirmed", "clean", "open"]
    """confirmed: hallucinated again. clean: not again. open: no repeat could tell."""
    why: str = ""
    """For `open`: what is missing."""


def repeats_of(run: RunStore) -> RunStore:
    """The store of a run's repeats; it need not exist."""
    return RunStore(run.root / REPEATS)


def repeat_key(key: TrialKey) -> TrialKey:
    """The trial that repeats `key`."""
    return key._replace(epoch=FIRST_EPOCH + key.epoch)


def read_repeats(run: RunStore, keys: Sequence[TrialKey], repeated: Sequence[str] = ()) -> list[Repeat]:
    """What repeats say of `keys`; those of `repeated` were hallucinated in a second epoch, which is a repeat in itself."""
    store = repeats_of(run)
    return [_read(store, key, repeated) for key in keys]


def _read(store: RunStore, key: TrialKey, repeated: Sequence[str]) -> Repeat:
    item = str(key._replace(epoch=1))
    if item in repeated:
        return Repeat(item, "confirmed", "in a second epoch")
    record = store.record(repeat_key(key))
    if record is None:
        return Repeat(item, "open", "it was not repeated")
    if record.status != "done":
        return Repeat(item, "open", f"its repeat ended as {record.status}: {record.reason}")
    again = record.verdict == "hallucinated" or any(one.severity == "fail" for one in record.findings)
    return Repeat(item, "confirmed" if again else "clean")
