"""The pool of numbers that programs wrote, the look-up of a claimed number in it, and how often that succeeds by accident."""

import hashlib
import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...patterns import lazy
from .arrays import ARRAY_SUFFIXES, MAX_BYTES, Unreadable, Withheld
from .compressed import Unpacked, shortened, unpacked
from .data import RESULT_SUFFIXES, Fact, array_facts, facts_of
from .documents import Claim
from .gathered import gathered
from .kinds import CLOSED, EVENTS, kind_of
from .quantities import Number, slack
from .subject import TEXT_LIMIT, Subject, files_below, read_bytes, read_text
from .writers import Writers, plain

BYTES = 24 * 2**20
"""Bytes of outputs read for one audit; result folders come first, so that junk cannot push them out."""
MAX_FACTS = 250_000
"""Numbers of one audit, statistics included."""
TOP_SUFFIXES = frozenset(
    (".csv", ".tsv", ".log", ".out", ".err", ".npy", ".npz", ".parquet", ".feather", ".pkl", ".pickle", ".ipynb", EVENTS, *CLOSED)
)
"""Files at the top of a folder without a ledger that a program left, not the harness."""
_INPUTS = lazy(r"(?:[^/]+/)?(?:data|datasets?|inputs?|\.?cache)/", re.IGNORECASE)
PRESET_SHARE = 0.6
"""A file or output in which this share of the telling numbers (three at least) had been typed before is no measurement."""
STEPS = [sign * (0.02 + 0.022 * step) for step in range(16) for sign in (1, -1)]
"""By what part a number is moved to learn how dense the pool is around it: 2 to 35 %."""
SCALES = (1.0, 100.0, 0.01)
"""As it stands, a share as percent, percent as a share."""


@dataclass
class Pool:
    """Numbers with a source, ready to be searched."""

    facts: list[Fact] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    named_files: set[str] = field(default_factory=set)
    """Files whose numbers carry names (JSON, CSV, printed tables)."""
    constants: int = 0
    """Numbers that a program wrote but that had been typed before."""
    unread: list[str] = field(default_factory=list)
    """Files that were not read, or not whole, with the reason."""
    withheld: list[str] = field(default_factory=list)
    """Those of them whose numbers another program could read: what is not found may stand there."""
    presets: dict[str, list[float]] = field(default_factory=dict)
    """Files most of whose numbers stood as literals in code or documents before the program wrote them."""
    _sorted: list[float] | None = None
    _order: list[int] = field(default_factory=list)

    def add(self, facts: Iterable[Fact]) -> None:
        before = len(self.facts)
        self.facts.extend(facts)
        if len(self.facts) > before:
            self._sorted = None

    def _values(self) -> list[float]:
        """Magnitudes in ascending order; `_order` says whose they are. (numpy would take longer to import than to sort.)"""
        if self._sorted is None:
            values = [abs(fact.value) for fact in self.facts]
            self._order = sorted(range(len(values)), key=values.__getitem__)
            self._sorted = [values[index] for index in self._order]
        return self._sorted

    def near(self, size: float, ulp: float, scales: Iterable[float]) -> Iterator[Fact]:
        """Facts that a number of this magnitude and last digit can be in one of `scales`, scale by scale (sign ignored)."""
        pool = self._values()
        reach = slack(size, ulp)
        for scale in scales:
            for index in range(bisect_left(pool, (size - reach) * scale), bisect_right(pool, (size + reach) * scale)):
                yield self.facts[self._order[index]]

    def source(self, number: Number) -> Fact | None:
        """A fact that the number can be, plain values before statistics."""
        best: Fact | None = None
        for fact in self.near(abs(number.value), number.ulp, (*SCALES, *number.units)):
            if fact.how == "value":
                return fact
            best = best or fact
        return best

    def chance(self, number: Number) -> float:
        """How likely a number of this size and precision would be found although nobody measured it (0..1).

        The claim itself is moved by 2 to 35 % in 32 steps and each is looked up: a dense pool, or a claim of few digits, finds
        most of them, and then finding the real one says little.
        """
        if not self.facts:
            return 0.0
        moved = {number.value * (1 + step) for step in STEPS}
        if number.ulp > 0:
            moved = {round(value / number.ulp) * number.ulp for value in moved}
        told = [value for value in moved if abs(value - number.value) > 1.5 * number.ulp]
        scales = (*SCALES, *number.units)
        found = sum(any(True for _ in self.near(abs(value), number.ulp, scales)) for value in told)
        return found / len(told) if told else 1.0


def program_pool(subject: Subject, writers: Writers, exclude: str | None = None) -> Pool:
    """Numbers that programs of this run wrote: final files, earlier versions and captured outputs.

    With a host ledger only what a command with a program wrote counts, and a number that had been typed before that command
    ended does not (it was not computed). Without one, every data file below the folder counts. `exclude` leaves out one file.
    """
    pool = Pool()
    if subject.experiment is None:
        return pool
    if not subject.host_ledger:
        _plain_pool(subject, writers, pool, exclude)
        _printed(subject, writers, pool)
        pool.add(gathered(pool.facts))
        return pool
    budget = BYTES
    seen: set[str] = set()
    for writing in sorted(writers.all, key=lambda w: (w is not writers.last.get(w.path), w.event.seq)):
        if writing.how != "program" or writing.path == exclude or writing.after is None or writing.after in seen:
            continue
        kept = subject.version(writing.after)
        final = subject.experiment / writing.path
        suffix, packing = kind_of(writing.path)
        last = writers.last.get(writing.path) is writing
        if last and (closed := _closed(suffix, packing, final)):
            _withhold(pool, writing.path, closed)
            continue
        if (suffix in ARRAY_SUFFIXES or (packing and suffix in RESULT_SUFFIXES)) and budget > 0:
            held = _unpacked(pool, writing.path, _as_recorded(kept or final, writing.after))
            budget -= _cost(suffix, held)
            seen.add(writing.after)
            _add(pool, writers, writing.path, _facts(pool, writing.path, held), writing.event.seq)
            continue
        if kept is None and last and suffix in RESULT_SUFFIXES:
            content = read_bytes(final)
            whole = content is not None and (len(content) > TEXT_LIMIT or hashlib.sha256(content).hexdigest() == writing.after)
            text = content.decode("utf-8", "replace") if content and whole else ""
        else:
            text = read_text(kept) if kept is not None and suffix in RESULT_SUFFIXES else ""
        if text and budget > 0:
            budget -= len(text)
            seen.add(writing.after)
            _add(pool, writers, writing.path, facts_of(writing.path, text), writing.event.seq)
    for event in writers.runs:
        if event.output and subject.trial_dir is not None and budget > 0:
            text = read_text(subject.trial_dir / event.output)
            lines = ["" if line.strip() in writers.typed_lines else line for line in text.splitlines()]
            budget -= len(text)
            _add(pool, writers, event.output, facts_of(event.output, "\n".join(lines)), event.seq)
    pool.add(gathered(pool.facts))
    return pool


def _as_recorded(path: Path, digest: str) -> bytes:
    """A file's content if it is still the one of this digest."""
    content = read_bytes(path, MAX_BYTES) or b""
    return content if hashlib.sha256(content).hexdigest() == digest else b""


def _closed(suffix: str, packing: str, path: Path) -> str:
    """Why the numbers of this file, which may hold results, are beyond us; empty when they are not."""
    if suffix in CLOSED:
        return f"{CLOSED[suffix]} is not read" if path.is_file() else ""
    size = path.stat().st_size if (suffix in ARRAY_SUFFIXES or packing) and path.is_file() else 0
    return f"it has {size >> 20} MB" if size > MAX_BYTES and suffix in RESULT_SUFFIXES | ARRAY_SUFFIXES else ""


def _withhold(pool: Pool, name: str, why: str) -> None:
    """A file that may hold results, unless it lies where programs find their data."""
    pool.unread.append(f"{name}: {why}")
    if not _INPUTS.match(name):
        pool.withheld.append(name)


def _cost(suffix: str, held: Unpacked) -> int:
    """What of the budget reading a file takes: a bomb must not push out the files behind it."""
    return len(held.content) if suffix in ARRAY_SUFFIXES and not held.more else min(len(held.content), TEXT_LIMIT)


def _unpacked(pool: Pool, name: str, content: bytes) -> Unpacked:
    """What is in a file; one that does not give all of it is named."""
    held = unpacked(name, content)
    if held.more:
        _withhold(pool, name, held.problem)
    elif held.problem and content:
        pool.unread.append(f"{name}: {held.problem}")
    return held


def _facts(pool: Pool, name: str, held: Unpacked) -> tuple[list[Fact], bool]:
    """Numbers of a file and whether they carry names; a binary one that is not read, or not whole, is named."""
    if kind_of(name).suffix not in ARRAY_SUFFIXES:
        return facts_of(name, shortened(held.content).decode("utf-8", "replace")) if held.content else ([], False)
    facts: list[Fact] = []
    try:
        # A part of an array file is none.
        for fact in array_facts(name, held.content) if held.content and not held.more else ():
            facts.append(fact)
    except Withheld as error:
        _withhold(pool, name, str(error))
    except Unreadable as error:
        pool.unread.append(f"{name}: {error}")
    return facts, bool(facts)


def _add(pool: Pool, writers: Writers, name: str, read: tuple[list[Fact], bool], seq: int) -> None:
    """What of a file's facts the event `seq` computed."""
    facts, named = read
    telling = {fact.value for fact in facts if fact.how == "value" and is_telling(fact.value)}
    literals = {value for value in telling if writers.typed_before(value, seq, settings=True) is not None}
    # Two-digit literals in code are settings, unless most of what a program wrote stands in its code: then it computed nothing,
    # and what it wrote with fewer digits is no measurement either.
    presets = len(literals) >= 3 and len(literals) >= PRESET_SHARE * len(telling)
    computed: list[Fact] = []
    for fact in facts:
        typed = fact.how == "value" and writers.typed_before(fact.value, seq, settings=presets) is not None
        if typed or (presets and fact.how == "value" and writers.rounded_from(fact.value, seq)):
            pool.constants += 1
        elif not (fact.how != "value" and presets):
            computed.append(fact)
    pool.add(computed)
    pool.files.add(name)
    if presets:
        pool.presets[name] = sorted(literals)
    if named:
        pool.named_files.add(name)


def is_telling(value: float) -> bool:
    """Not a whole number, and more than one significant digit: 0.5 and 0.001 are settings of every second program."""
    return not float(value).is_integer() and len(f"{abs(value):.10g}".replace(".", "").strip("0")) >= 2


def _printed(subject: Subject, writers: Writers, pool: Pool) -> None:
    """What programs printed, as a coder's log shows it; a line that had been typed into a document is no output of a program."""
    budget = BYTES
    seen: set[str] = set()
    for event in writers.runs:
        text = subject.output_text(event) if event.output else ""
        if event.output and text and budget > 0 and text not in seen and len(pool.facts) < MAX_FACTS:
            budget -= len(text)
            seen.add(text)
            kept = ["" if line.strip() in writers.typed_lines else line for line in text.splitlines()]
            pool.add(facts_of(event.output, "\n".join(kept))[0])
            pool.files.add(event.output)


def _plain_pool(subject: Subject, writers: Writers, pool: Pool, exclude: str | None) -> None:
    """Data files of a folder without a ledger: below its folders anything, at its top only logs and tables.

    A session record or a review at the top is the harness's file, and would repeat what the agent typed.
    """
    root = subject.experiment
    if root is None:
        return
    results = subject.results
    readable = (RESULT_SUFFIXES | ARRAY_SUFFIXES | CLOSED.keys()) - {".md", ".html", ".tex"}
    start = len(root.as_posix()) + 1
    files = [path for path in files_below(root) if kind_of(path.as_posix()[start:]).suffix in readable]
    files.sort(key=lambda path: (results is None or not path.is_relative_to(results), len(path.parts), str(path)))
    budget = BYTES
    for path in files:
        top = path.parent == root and results != root
        name = subject.name(path)
        suffix, packing = kind_of(name)
        if name == exclude or name in subject.logs or (top and suffix not in TOP_SUFFIXES and path != subject.log):
            continue
        if path.name == "claims.json":
            continue
        if budget <= 0 or len(pool.facts) >= MAX_FACTS:
            pool.unread.append(f"{name}: enough other data was read before")
            continue
        if closed := _closed(suffix, packing, path):
            _withhold(pool, name, closed)
            continue
        if suffix in ARRAY_SUFFIXES or packing:
            held = _unpacked(pool, name, read_bytes(path, MAX_BYTES) or b"")
            budget -= _cost(suffix, held)
            if suffix not in ARRAY_SUFFIXES and _was_typed(writers, shortened(held.content).decode("utf-8", "replace")):
                continue
            facts, named = _facts(pool, name, held)
            pool.add(facts)
            pool.files |= {name} if facts else set()
            pool.named_files |= {name} if named else set()
            continue
        text = read_text(path)
        budget -= len(text)
        if len(text) >= TEXT_LIMIT:
            pool.unread.append(f"{name}: read at its head and tail only")
        if _was_typed(writers, text):
            continue
        facts, named = facts_of(name, text)
        pool.add(facts)
        pool.files.add(name)
        if named:
            pool.named_files.add(name)


def _was_typed(writers: Writers, text: str) -> bool:
    return bool(writers.contents) and plain(text) in writers.contents


def tail(successes: int, trials: int, share: float) -> float:
    """P(X >= successes) for X binomial(trials, share), exactly (scipy.stats would cost 1.4 s of import in each pool process)."""
    return math.fsum(math.comb(trials, k) * share**k * (1 - share) ** (trials - k) for k in range(successes, trials + 1))


def derived(claims: Sequence[Claim], found: Sequence[bool]) -> list[str]:
    """For each claim not found: how it follows from other, found claims of the same document (empty when it does not).

    Differences, ratios and relative changes in percent of two found numbers of one table, with the slack that their own
    rounding leaves. Only tables feed it: any number follows from some pair of a long text.
    """
    by_line: dict[int, list[Claim]] = {}
    for claim, ok in zip(claims, found, strict=True):
        if ok and claim.in_table:
            by_line.setdefault(claim.line, []).append(claim)
    pairs: list[tuple[Claim, Claim]] = []
    lines = sorted(by_line)
    for index, line in enumerate(lines):
        row = by_line[line]
        pairs += [(a, b) for i, a in enumerate(row) for b in row[i + 1 :]]
        for other in lines[index + 1 : index + 40]:
            pairs += list(zip(row, by_line[other], strict=False))
        if len(pairs) > 5000:
            break
    reasons = []
    for claim, ok in zip(claims, found, strict=True):
        reasons.append("" if ok else next((text for a, b in pairs if (text := _follows(claim.number, a.number, b.number))), ""))
    return reasons


def _follows(claim: Number, a: Number, b: Number) -> str:
    value = abs(claim.value)
    slack = claim.ulp / 2
    difference = abs(a.value - b.value)
    rounding = (a.ulp + b.ulp) / 2
    for scale in (1.0, 100.0):
        if abs(difference * scale - value) <= slack + rounding * scale * 0.5:
            return f"difference of {a.text} and {b.text}"
    for top, bottom in ((a, b), (b, a)):
        if bottom.value == 0:
            continue
        size = abs(bottom.value)
        relative = (rounding + abs(difference / size) * bottom.ulp / 2) / size
        if abs(100 * difference / size - value) <= slack + 100 * relative * 0.5:
            return f"relative change from {bottom.text} to {top.text}"
        ratio = abs(top.value / size)
        if abs(ratio - value) <= slack + (top.ulp / 2 + ratio * bottom.ulp / 2) / size * 0.5:
            return f"ratio of {top.text} and {bottom.text}"
    return ""
