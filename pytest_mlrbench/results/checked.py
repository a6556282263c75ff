"""What a record must keep to before anything is computed from it; all readers of runs go through here."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from ..errors import ConfigError
from ..keys import TrialKey
from ..stages.rubric import REVIEW_KEYS, SCALES

RANGES: dict[str, tuple[int, int]] = {name: SCALES[kind] for name, kind in REVIEW_KEYS.values() if kind != "opinion"}
"""Dimension -> lowest and highest score."""


class Reviewed(Protocol):
    """A review, or its numbers."""

    @property
    def judge(self) -> str: ...
    @property
    def protocol(self) -> str: ...
    @property
    def repeat(self) -> int: ...
    @property
    def scores(self) -> Mapping[str, int | None]: ...


def check_record(found: TrialKey, reviews: Sequence[Reviewed], key: TrialKey, path: str) -> None:
    """Raises ConfigError, naming `path`, for a record about `found` that lies where that of `key` should, and for reviews with a
    score outside its scale, or two of one judge, protocol and repeat."""
    if found != key:
        raise ConfigError(f"{path} is about {found}: a record lies in the folder of another trial")
    seen = set()
    for review in reviews:
        for name, score in review.scores.items():
            low, high = RANGES.get(name, (1, 10))
            if score is not None and not low <= score <= high:
                raise ConfigError(f"{path}: {review.judge} gave {name} {score}, outside {low} to {high}")
        place = (review.judge, review.protocol, review.repeat)
        if place in seen:
            raise ConfigError(f"{path}: two reviews by {review.judge} with the same protocol and repeat {review.repeat}")
        seen.add(place)
