"""Clocks: when a run was recorded and how long, and the times and durations that logs, data and documents state; `timing` asks."""

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ...patterns import lazy
from ..events import EVIDENCE
from .case import Case
from .subject import read_text

QUARTER = 900.0
"""Seconds: every time zone is a whole number of these away from every other."""
ZONES = 56
"""Quarters of an hour that two zones can lie apart either way (14 h)."""
STAMP = lazy(
    r"(?P<date>(?P<y>20\d\d)[-/](?P<m>0?[1-9]|1[0-2])[-/](?P<d>[0-2]?\d|3[01]))[T ,_]{1,2}"
    r"(?P<h>[01]\d|2[0-3]):(?P<min>[0-5]\d)(?::(?P<s>[0-5]\d)(?:[.,](?P<f>\d{1,9}))?)?\s?(?P<zone>Z\b|[+-][01]\d:?[0-5]\d\b)?"
)
"""2025-05-10 06:51:50,117 and its kin."""
NAMED_STAMP = lazy(
    r"\b(?P<mon>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.? +(?P<d>\d{1,2}),? +(?:(?P<y1>20\d\d),? +)?"
    r"(?P<h>\d{1,2}):(?P<min>[0-5]\d):(?P<s>[0-5]\d)(?: ?(?P<half>[AP]M))?(?: +(?P<zone>[A-Z]{2,5}"
    r"|[+-]\d{2,4}))?(?: +(?P<y2>20\d\d))?"
)
"""Wed May  7 06:03:15 PM +08 2025, Jan 05 2026 12:00:01."""
CLOCK_ONLY = lazy(r"^\W{0,2}(?P<h>[01]?\d|2[0-3]):(?P<min>[0-5]\d):(?P<s>[0-5]\d)(?:[.,]\d+)?\W")
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
MONTHS = {name: number for number, name in enumerate(_MONTHS.split(), 1)}
UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_UNIT = r"(?P<unit>days?|hours?|hrs?|minutes?|mins?|seconds?|secs?|(?-i:[hms])|milliseconds?|msecs?|ms)(?![A-Za-z/])"
AMOUNT = lazy(rf"(?<![\w.])(?P<n>\d+(?:,\d{{3}})*(?:\.\d+)?)\s?-?{_UNIT}", re.IGNORECASE)
COLONS = lazy(r"(?<![\d:.-])(?P<h>\d{1,3}):(?P<min>[0-5]\d):(?P<s>[0-5]\d)(?:\.\d+)?(?![\d:])")


class Session(NamedTuple):
    """When and how long a run was recorded."""

    seconds: float
    """From the first to the last record; nothing of the run can have lasted longer."""
    host: bool
    """By the host's clock; else by the coder's own log."""
    file: str
    line: int | None
    quote: str
    start: float | None = None
    end: float | None = None
    """Unix time in seconds; None when only the length is known."""

    @property
    def limit(self) -> float:
        """A duration in seconds that is beyond doubt: half as much again, and ten minutes for what ran on after the last record."""
        return 1.5 * self.seconds + 600.0

    @property
    def told(self) -> str:
        """For a message."""
        return f"the whole recorded run lasted {spell(self.seconds)}" + ("" if self.host else " by the coder's own log")


class Moment(NamedTuple):
    """A time of day with its date, as written."""

    time: float
    """Unix time in seconds, read as UTC when no zone is written."""
    zoned: bool


class Duration(NamedTuple):
    """A duration as written."""

    seconds: float
    text: str
    start: int
    end: int


def session_of(case: Case) -> Session | None:
    """The run's own clock: the host's ledger, time stamps of the coder's log, or the length that such a log states."""
    subject = case.subject
    if subject.host_ledger:
        # What was written while no ledger looked is outside: the first event is a note on what was there before.
        events = [event for event in subject.events if event.kind in ("command", "write") and event.watched]
        starts = [event.started if event.started is not None else event.time for event in events]
        ends = [event.finished if event.finished is not None else event.time for event in events]
        if not starts:
            return None
        start, end = min(starts), max(ends)
        last = max(events, key=lambda event: event.seq)
        quote = f"first event started {written(start)}, last one ended {written(end)} (UTC, host)"
        return Session(max(0.0, end - start), True, EVIDENCE, last.seq, quote, start, end)
    if not subject.log_name:
        return None
    times = sorted(event.time for event in subject.events if event.time > 1e9)
    if len(times) >= 2 and times[-1] > times[0]:
        last = max(subject.events, key=lambda event: event.time)
        file, line = subject.place(last)
        quote = f"first tool call {written(times[0])}, last one {written(times[-1])} (UTC, the coder's log)"
        return Session(times[-1] - times[0], False, file, line, quote, times[0], times[-1])
    return _stated_length(case)


# Literals first, and the start of the name looked for behind them: as one pattern it stops at every quotation mark of a log.
_LENGTHS = tuple(
    lazy(rf'{word}(?:_time)?(?P<unit>_ms|Ms|_s|_sec|_seconds)"\s*:\s*(?P<n>\d+(?:\.\d+)?)') for word in ("duration", "elapsed")
)
_NAME_STARTS = lazy(r'(?<!\\)"(?:total_)?(?:wall_)?\Z')


def _stated_length(case: Case) -> Session | None:
    """The length that a log without time stamps states in its own records (a `duration_ms` beside a cost): all of them added up."""
    root = case.subject.experiment
    if root is None:
        return None
    text = read_text(root / case.subject.log_name)
    total, quote, start = 0.0, "", 0
    for match in sorted((found for length in _LENGTHS for found in length.finditer(text)), key=lambda found: found.start()):
        if name := _NAME_STARTS.search(text, max(0, match.start() - 14), match.start()):
            total += float(match["n"]) / (1000 if match["unit"] in ("_ms", "Ms") else 1)
            start, quote = name.start(), name.group() + match.group()
    return Session(total, False, case.subject.log_name, text.count("\n", 0, start) + 1, quote) if total >= 30 else None


def written(time: float) -> str:
    """A Unix time as a reader knows it; the bare number when it is no date.

    >>> written(0.0)
    '1970-01-01 00:00:00'
    """
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return f"{time:.0f}"


def spell(seconds: float) -> str:
    """A duration as a reader says it.

    >>> spell(26677), spell(4.2)
    ('7.41 h', '4.2 s')
    """
    for unit, size in (("days", 86400 * 2), ("h", 3600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{seconds / UNITS[unit[0]]:.3g} {unit}"
    return f"{seconds:.3g} s"


def moment(line: str) -> Moment | None:
    """The first date with a time of day in the first 120 characters of `line`."""
    head = line[:120]
    if ":" not in head:
        return None
    match = STAMP.search(head)
    try:
        if match is not None:
            day = datetime(int(match["y"]), int(match["m"]), int(match["d"]), int(match["h"]), int(match["min"]), tzinfo=UTC)
            fraction = float(f"0.{match['f']}") if match["f"] else 0.0
            return Moment(day.timestamp() + int(match["s"] or 0) + fraction - _offset(match["zone"]), bool(match["zone"]))
        match = NAMED_STAMP.search(head)
        year = match and (match["y1"] or match["y2"])
        if match is not None and year:
            hour = int(match["h"]) % 12 + (12 if match["half"] == "PM" else 0) if match["half"] else int(match["h"])
            day = datetime(int(year), MONTHS[match["mon"]], int(match["d"]), hour, int(match["min"]), tzinfo=UTC)
            zoned = bool(match["zone"]) and match["zone"] in ("UTC", "GMT")
            return Moment(day.timestamp() + int(match["s"]), zoned)
    except ValueError:
        return None
    return None


def _offset(zone: str | None) -> float:
    if not zone or zone == "Z":
        return 0.0
    digits = zone[1:].replace(":", "")
    return (int(digits[:2]) * 3600 + int(digits[2:4] or 0) * 60) * (-1 if zone[0] == "-" else 1)


def clock_seconds(line: str) -> float | None:
    """Seconds since midnight (or since a start) that a line without a date begins with: `[00:12:33] epoch 3`."""
    match = CLOCK_ONLY.match(line[:40])
    return int(match["h"]) * 3600.0 + int(match["min"]) * 60 + int(match["s"]) if match else None


def fits(session: Session, first: Moment, last: Moment, slack: float = 120.0) -> bool:
    """Whether the interval lies inside the session, in some time zone when none is written.

    A container's clock agrees with the host's, but its zone may be another: a shift by whole quarters of an hour is allowed.
    """
    if session.start is None or session.end is None:
        return True
    # A coder's log tells when its last call began, and the program of that call may have run on.
    after = slack if session.host else slack + 600.0
    for quarter in (0,) if first.zoned else range(-ZONES, ZONES + 1):
        shift = quarter * QUARTER
        if first.time + shift >= session.start - slack and last.time + shift <= session.end + after:
            return True
    return False


def days_apart(session: Session, moment: Moment) -> float:
    """Days from the session to `moment`, whatever its zone (0 when it can be inside)."""
    if session.start is None or session.end is None:
        return 0.0
    far = max(session.start - moment.time, moment.time - session.end) - ZONES * QUARTER
    return max(0.0, far) / 86400


def durations(text: str) -> Iterator[Duration]:
    """Durations in a line: `3h 12m`, `4523 s`, `12.3s`, `2 hours and 5 minutes`, `01h:18m:47s`, `00:12:33`; neighbours add up.

    >>> [(d.seconds, d.text) for d in durations("done in 7h 24m 37s, each epoch 12.5 s, total 01:02:03")]
    [(26677.0, '7h 24m 37s'), (12.5, '12.5 s'), (3723.0, '01:02:03')]
    """
    open_one: Duration | None = None
    last_unit = 0.0
    for match in AMOUNT.finditer(text[:4000]):
        unit = _unit(match["unit"])
        seconds = float(match["n"].replace(",", "")) * unit
        if open_one is not None and unit < last_unit and re.fullmatch(r"[\s:,]*(?:and)?\s*", text[open_one.end : match.start()]):
            open_one = Duration(open_one.seconds + seconds, text[open_one.start : match.end()], open_one.start, match.end())
        else:
            if open_one is not None:
                yield open_one
            open_one = Duration(seconds, match.group(), match.start(), match.end())
        last_unit = unit
    if open_one is not None:
        yield open_one
    if text.count(":") >= 2 and not STAMP.search(text) and not NAMED_STAMP.search(text):
        for match in COLONS.finditer(text[:4000]):
            seconds = int(match["h"]) * 3600.0 + int(match["min"]) * 60 + int(match["s"])
            yield Duration(seconds, match.group(), match.start(), match.end())


def _unit(word: str) -> float:
    word = word.lower()
    if word in ("ms", "msec", "msecs") or word.startswith("milli"):
        return UNITS["ms"]
    return UNITS[word[0]]


def span(moments: list[Moment]) -> float:
    """Seconds between the first and the last of several."""
    return max(one.time for one in moments) - min(one.time for one in moments)


def unrolled(seconds: list[float]) -> float:
    """Length in seconds of a run of clock times without dates, each smaller one taken for the next day.

    >>> unrolled([86390.0, 5.0, 15.0]) == timedelta(seconds=25).total_seconds()
    True
    """
    total = 0.0
    day = timedelta(days=1).total_seconds()
    for before, after in itertools.pairwise(seconds):
        total += after - before if after >= before else after - before + day
    return total
