"""Who wrote each file: reads the ledger's events once and says which were typed and which a program made; most checks ask here."""

import hashlib
import posixpath
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ..events import UNATTENDED, Event
from .arrays import MAX_BYTES
from .compressed import expand
from .kinds import kind_of
from .quantities import Number, numbers_in
from .requested import unconfirmed
from .shell import Reading, read_command, same_file
from .subject import Subject, read_bytes

SOURCE_SUFFIXES = frozenset(
    (".py", ".sh", ".r", ".jl", ".yaml", ".yml", ".toml", ".cfg", ".ini", ".ipynb", ".sql", ".js", ".c", ".cpp", ".rb", ".pl")
)
WITHOUT_PROGRAM = "shell command without a program"
"""`Writing.means` of what changed while only commands like `head a > b` or `sleep 60` ran."""
UNASKED = "told by the coder's stream, and in no answer of its model that the gateway saw"
"""`Writing.means` of what a coder's CLI tells without its model having asked for it: a program inside may write into the stream."""
CLAIM_SECONDS = 5.0
"""A look of the host at the workspace comes this much after a call of a coder's CLI has ended, at most."""
How = Literal["typed", "program", "copied", "unknown"]


class Writing(NamedTuple):
    """One event's hand in one file."""

    path: str
    how: How
    event: Event
    means: str
    """For a reader: `write_file`, `typed by a shell command`, `python code/run.py`."""
    after: str | None
    """Digest it left."""

    @property
    def place(self) -> str:
        log, record = self.event.data.get("log"), self.event.data.get("record")
        return f"{log}:{record} ({self.means})" if log else f"event {self.event.seq} ({self.means})"


class TypedNumber(NamedTuple):
    """Where a number was first typed."""

    seq: int
    path: str
    quote: str
    in_code: bool
    """Typed into source code or configuration, not into a document or data file."""
    digits: int


@dataclass
class Writers:
    """The ledger, read."""

    last: dict[str, Writing] = field(default_factory=dict)
    """Path -> who left it as it is."""
    all: list[Writing] = field(default_factory=list)
    typed: dict[float, list[TypedNumber]] = field(default_factory=dict)
    """Number (10 significant digits) -> the first time it was typed into a document and into code."""
    typed_lines: set[str] = field(default_factory=set)
    """Lines of typed documents: where a captured output shows them again, they are no output of a program."""
    runs: list[Event] = field(default_factory=list)
    """Events that ran a program."""
    readings: dict[int, Reading] = field(default_factory=dict)
    _ascending: list[float] = field(default_factory=list)
    contents: dict[str, Writing] = field(default_factory=dict)
    """Typed text (see `plain`) -> who typed it; only of a coder's log, which does not say what became of a file."""

    def of(self, path: str, digest: str | None = None) -> Writing | None:
        """The last writer of `path`; None when the ledger never saw it (or, with `digest`, never saw this content)."""
        writing = self.last.get(path)
        if writing is not None and digest is not None and writing.after not in (None, digest):
            return None
        return writing

    def rounded_from(self, value: float, seq: int) -> bool:
        """Whether a number that had been typed with more digits when event `seq` ended is `value` once it is rounded; three digits
        at least, for fewer are met by accident."""
        shown = f"{abs(value):.10g}"
        decimals = len(shown.partition(".")[2])
        if "e" in shown or len(shown.replace(".", "").strip("0")) < 3:
            return False
        if len(self._ascending) != len(self.typed):
            self._ascending = sorted(self.typed)
        reach = 0.5 * 10.0**-decimals * (1 + 1e-9)
        near = self._ascending[bisect_left(self._ascending, value - reach) : bisect_right(self._ascending, value + reach)]
        return any(typed.seq <= seq for number in near for typed in self.typed[number])

    def typed_before(self, value: float, seq: int, *, settings: bool = False) -> TypedNumber | None:
        """Where `value` had been typed when event `seq` ended: such a number was not computed by that event.

        Two-digit literals in code (0.1, 0.25) are settings by rule, so unless `settings` only three digits and more count there.
        """
        for typed in self.typed.get(_key(value), ()):
            if typed.seq <= seq and (settings or typed.digits >= 3 or not typed.in_code):
                return typed
        return None


def read_writers(subject: Subject) -> Writers:
    """Attribute every change of the ledger. Only events that the host itself saw can name a program as writer."""
    writers = Writers()
    by_digest: dict[str, Writing] = {}
    unproven = unconfirmed(subject.events)
    for event in subject.events:
        reading = read_command(event.command) if event.kind == "command" else Reading()
        writers.readings[event.seq] = reading
        if event.kind == "command":
            _type_text(writers, event.seq, "command", event.command, in_code=True)
            if reading.programs:
                writers.runs.append(event)
        for target, text in reading.typed.items():
            _type_text(writers, event.seq, target, text, in_code=_is_source(target))
            if event.source == "sandbox" and event.watched:
                _claim(writers, event, target)
            elif event.source == "sandbox":
                typed = Writing(target, "typed", event, "typed by a shell command", None)
                writers.all.append(typed)
                if plain(text):
                    writers.contents[plain(text)] = typed
        for change in event.changes:
            if event.seq in unproven:
                writing = Writing(change.path, "unknown", event, UNASKED, change.after)
            else:
                writing = _packed(subject, reading, change.path, change.after, by_digest) or _attribute(
                    event, reading, change.path, change.after, by_digest
                )
            writers.all.append(writing)
            writers.last[change.path] = writing
            if change.after and writing.how != "copied":
                by_digest.setdefault(change.after, writing)
            shown = (
                event.kind == "command"
                and event.watched
                and writing.how in ("typed", "copied")
                and reading.copies <= reading.arranges
            )
            if shown and _is_data(change.path) and (shaped := subject.version_text(change.after)) is not None:
                # What awk, sed or a shell loop made was computed by no program that can be read: a later copy of it neither.
                _type_text(writers, event.seq, change.path, shaped, in_code=False)
            if event.kind == "write" and (written := subject.version_text(change.after)) is not None:
                _type_text(writers, event.seq, change.path, written, in_code=_is_source(change.path))
                if event.source == "sandbox" and plain(written):
                    writers.contents[plain(written)] = writing
    return writers


def _packed(subject: Subject, reading: Reading, path: str, after: str | None, by_digest: dict[str, Writing]) -> Writing | None:
    """A file that a command packed (`gzip log.txt`) is by who wrote what is in it; None where that is not known, or not so."""
    packing = kind_of(path).packing
    if not packing or not reading.copies or reading.programs or subject.experiment is None:
        return None
    content = read_bytes(subject.experiment / path, MAX_BYTES) or b""
    if hashlib.sha256(content).hexdigest() != after:
        return None
    held = expand(packing, content, MAX_BYTES)
    origin = None if held.problem else by_digest.get(hashlib.sha256(held.content).hexdigest())
    return origin and Writing(path, origin.how, origin.event, f"packed copy of {origin.path}: {origin.means}", after)


def _attribute(event: Event, reading: Reading, path: str, after: str | None, by_digest: dict[str, Writing]) -> Writing:
    if event.kind == "write":
        return Writing(path, "typed", event, event.tool or "an editor tool", after)
    if event.kind != "command" or not event.watched:
        means = UNATTENDED if event.tool == UNATTENDED else f"seen by the {event.source} only"
        return Writing(path, "unknown", event, means, after)
    beside = [read_command(str(command)) for command in event.data.get("beside", ())]
    if any(same_file(target, path) for one in (reading, *beside) for target in one.typed):
        return Writing(path, "typed", event, "typed by a shell command", after)
    if any(one.copies or one.edits or one.decodes for one in beside):
        return Writing(path, "unknown", event, "several commands ran at once", after)
    origin = by_digest.get(after or "")
    if origin is not None and origin.path != path and (reading.copies or not reading.programs):
        return Writing(path, origin.how, origin.event, f"copy of {origin.path}: {origin.means}", after)
    if reading.programs:
        return Writing(path, "program", event, reading.programs[-1], after)
    if reading.decodes:
        return Writing(path, "typed", event, "decoded by a shell command", after)
    if reading.edits:
        return Writing(path, "typed", event, "edited in place by a shell command", after)
    return Writing(path, "copied" if reading.copies else "typed", event, WITHOUT_PROGRAM, after)


def _claim(writers: Writers, event: Event, target: str) -> None:
    """A command of a coder's CLI types `target`, and the host may have seen that with the call before: the CLI goes on at once."""
    if any(same_file(target, change.path) for change in event.changes):
        return
    for path, writing in list(writers.last.items()):
        just_before = (event.started or event.time) - (writing.event.finished or writing.event.time) <= CLAIM_SECONDS
        if writing.event.source == "sandbox" and just_before and same_file(target, path):
            writers.last[path] = Writing(path, "typed", event, "typed by a shell command", writing.after)


def plain(text: str) -> str:
    """A text without the differences that an editor or `echo` makes: ends of lines, blank lines at its ends."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _type_text(writers: Writers, seq: int, path: str, text: str, *, in_code: bool) -> None:
    # In code and data a comma stands between two numbers; in prose it may stand inside one.
    prose = path.lower().endswith((".md", ".tex", ".html"))
    for number, line in enumerate(text.splitlines(), 1):
        for found in numbers_in(line if prose else line.replace(",", ", "), number):
            if found.telling:
                typed = TypedNumber(seq, path, line.strip()[:300], in_code, _true_digits(found))
                known = writers.typed.setdefault(_key(found.value), [])
                if not any(old.in_code == in_code for old in known):
                    known.append(typed)
        if not in_code and line.strip():
            writers.typed_lines.add(line.strip())


def _true_digits(number: Number) -> int:
    """Significant digits without trailing zeros: 0.8500 says no more than 0.85."""
    return len(f"{abs(number.value):.12g}".replace(".", "").lstrip("0").rstrip("0"))


def _key(value: float) -> float:
    return float(f"{value:.10g}")


def _is_data(path: str) -> bool:
    return posixpath.splitext(path)[1].lower() in (".txt", ".csv", ".tsv", ".json", ".jsonl", ".dat", ".out")


def _is_source(path: str) -> bool:
    return posixpath.splitext(path)[1].lower() in SOURCE_SUFFIXES
