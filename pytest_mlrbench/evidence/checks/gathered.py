"""Statistics over the files of one kind that a run left, one for each seed, fold or data set: `seed_0.json`, `run2/metrics.csv`."""

import itertools
from collections import defaultdict
from collections.abc import Iterable

from ...patterns import lazy
from .data import Fact, statistics_of

MAX_FILES = 200
"""Files that one group may have."""
MAX_MADE = 20_000
"""Statistics made in all."""
MAX_TAKEN = 400
"""Names of one file that are followed over its group: a report averages results, not every line of a training log."""
NUMBER = lazy(r"run-\d{8}_\d{6}-[a-z0-9]{8}|[0-9a-f]{32}|\d+")
"""A number of a path, or the name by which Weights & Biases or MLflow tell runs apart."""
FOLLOWED = frozenset(("value", "last", "mean", "max", "min"))


def gathered(facts: Iterable[Fact]) -> list[Fact]:
    """Mean, spread and extremes of each name over files whose paths differ in one number only, or in all."""
    by_file: dict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        by_file[fact.file].append(fact)
    groups: dict[str, list[str]] = defaultdict(list)
    for file in by_file:
        for pattern in _patterns(file):
            groups[pattern].append(file)
    found: list[Fact] = []
    for pattern, files in groups.items():
        if 2 <= len(files) <= MAX_FILES and len(found) < MAX_MADE:
            found += _over(pattern, [by_file[file] for file in sorted(files)])
    return found[:MAX_MADE]


def _patterns(file: str) -> list[str]:
    """A path with each of its numbers left open, and with all of them."""
    places = list(NUMBER.finditer(file))[:6]
    one = [f"{file[: m.start()]}*{file[m.end() :]}" for m in places]
    return list(dict.fromkeys([*one, NUMBER.sub("*", file)])) if places else []


def _over(pattern: str, files: list[list[Fact]]) -> list[Fact]:
    values: dict[tuple[tuple[str, ...], str], list[float]] = defaultdict(list)
    for facts in files:
        own: dict[tuple[tuple[str, ...], str], list[float]] = defaultdict(list)
        for fact in facts:
            if fact.how in FOLLOWED and fact.names:
                own[fact.names, fact.how].append(fact.value)
        single = [(key, numbers[0]) for key, numbers in own.items() if len(numbers) == 1]
        for key, number in itertools.islice(single, MAX_TAKEN):
            values[key].append(number)
    found: list[Fact] = []
    for (names, how), numbers in values.items():
        for fact in statistics_of(pattern, names, numbers):
            of = "" if how == "value" else f" of {how}"
            found.append(Fact(fact.value, pattern, names, f"{fact.how}{of} over {len(numbers)} files"))
    return found
