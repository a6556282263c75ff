"""Cuts the text of a log into numbered JSON records: one document, a document a line, or documents one after the other."""

import json
import re
from collections.abc import Generator, Iterator
from typing import Any

from ...patterns import lazy

MAX_FAILURES = 200
"""Places where a document was looked for in vain before a text is given up (each costs at most one reading of the rest)."""
MAX_FAILED_BYTES = 64 * 2**20
"""Bytes that may be read in vain."""
LISTS = (
    "trajectory",
    "messages",
    "history",
    "events",
    "items",
    "contents",
    "steps",
    "turns",
    "output",
    "entries",
    "records",
    "conversation",
    "log",
)
"""Keys under which a document keeps its list of records."""
OPENS = lazy(r"(?m)^[ \t]*[\[{]")


def documents(text: str) -> list[list[tuple[int, Any]]]:
    """Readings of a text: each a list of (number, record). A document with several lists of records gives one reading for each.

    Numbers are lines where each record has its own, else positions in the list, from 1. Text that is no JSON gives none.
    """
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        lines = list(_lines(text))
        return [lines] if lines else []
    if isinstance(whole, list):
        return [list(enumerate(whole, 1))]
    if isinstance(whole, dict):
        found = [list(enumerate(whole[key], 1)) for key in LISTS if isinstance(whole.get(key), list)]
        return found or [[(1, whole)]]
    return []


def _lines(text: str) -> Iterator[tuple[int, Any]]:
    """A document a line; where lines are no documents, those that begin at the start of a line and span several."""
    good = 0
    bad = 0
    kept: list[tuple[int, Any]] = []
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if bare[:1] not in ("{", "["):
            continue
        try:
            value = json.loads(bare)
        except (ValueError, RecursionError):
            bad += 1
            continue
        if isinstance(value, (dict, list)):
            good += isinstance(value, dict)
            kept.append((number, value))
    if good and good >= bad:
        yield from kept
        return
    spread = list(_spread(text))
    # Pretty-printed documents have short lists and empty objects on lines of their own: the longer reading is the right one.
    yield from spread if spread else kept


def _spread(text: str) -> Iterator[tuple[int, Any]]:
    decoder = json.JSONDecoder()
    position = line = 0
    counted = 0
    failures = wasted = 0
    while failures < MAX_FAILURES and wasted < MAX_FAILED_BYTES:
        match = OPENS.search(text, position)
        if match is None:
            return
        start = match.end() - 1
        line += text.count("\n", counted, start)
        counted = start
        try:
            value, position = decoder.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            failures += 1
            wasted += max(getattr(error, "pos", start) - start, 1)
            if text[start] == "[":
                # A list that was cut: its elements may still be whole.
                position = yield from _elements(decoder, text, start + 1, line + 1)
            position = max(position, match.end())
            continue
        if isinstance(value, dict):
            yield line + 1, value
        elif isinstance(value, list):
            for item in value:
                yield line + 1, item


def _elements(decoder: json.JSONDecoder, text: str, position: int, line: int) -> Generator[tuple[int, Any], None, int]:
    """The whole elements at the beginning of a cut list, numbered in order; returns where they end."""
    gap = re.compile(r"[\s,]*")
    number = 0
    while True:
        match = gap.match(text, position)
        start = match.end() if match else position
        if text[start : start + 1] != "{":
            return position
        try:
            value, position = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            return start + 1
        number += 1
        yield number, value
