"""Finds the session logs of a folder and turns their tool calls into events, as the ledger of the host would have them."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ...patterns import lazy
from ..events import Change, ChangeKind, Event
from ..files import files_below, read_bytes, read_text
from .actions import Action
from .reading import read_actions
from .transcript import LOOKS

LIMIT = 32 * 2**20
"""Bytes of one log that are read, half at its head and half at its tail."""
TOTAL = 48 * 2**20
"""Bytes of all logs of a folder that are read."""
SNIFFED = 300
"""Files of a folder that are looked into for tool calls, the upper folders first."""
SNIFF_BYTES = 2**18
SUFFIXES = frozenset((".json", ".jsonl", ".ndjson", ".log", ".txt", ".out", ".traj", ".trajectory"))
TEXT_SUFFIXES = frozenset((".log", ".txt", ".out"))
MARKS = lazy(
    rb'"(?:tool_use|tool_calls|toolCalls|tool_name|functionCall|function_call|function_name|command_execution|file_change|'
    rb'local_shell_call|custom_tool_call|exec_command_begin|arguments|parameters|action|command)"'
)
"""Words that only records of tool calls are likely to hold: a cheap look before a file is parsed."""
SAME_RUN = 0.5
"""Two logs that share this part of the smaller one's calls tell of the same run."""
FILE_NAME = lazy(r"[\w-]{1,100}\.[A-Za-z]\w{0,6}\b")


class CoderLog(NamedTuple):
    """The session logs of one run, read."""

    name: str
    """The main log, as findings quote it: relative to the folder."""
    events: list[Event]
    """Their `data` hold `record` (line or message), `log` (its file), and for commands `answered` and `cut`."""
    texts: dict[str, str]
    """Written contents by sha256, outputs by the events' `output` names."""
    names: frozenset[str] = frozenset()
    """Every file that is a session log of this run, those included that only repeat another."""
    unread: tuple[str, ...] = ()
    """What was not read, for a person."""


@dataclass
class _Candidate:
    name: str
    actions: list[Action]
    ties: int
    """Calls that speak of files of this folder."""
    aside: bool
    """In the results: rather what an experiment about agents recorded."""
    whole: bool = True
    prints: set[str] = field(default_factory=set)

    @property
    def rank(self) -> tuple[bool, int, str]:
        told = sum(bool(a.content is not None or a.edits or a.output) for a in self.actions)
        return (self.aside, -told, self.name)


def find_log(root: Path, results: Path | None = None) -> CoderLog | None:
    """The session logs below `root`: files whose records run or write something that this folder has; None without any.

    Of several, those that tell the same run are read once (the most telling one), and those of other parts of the run are
    joined. A log in `results` counts only where there is no other.
    """
    files = list(files_below(root))
    known = {path.name for path in files}
    unread: list[str] = []
    found = sorted(_candidates(root, files, known, results, unread), key=lambda one: one.rank)
    if not found:
        return None
    chosen = [found[0]]
    names = {found[0].name}
    for other in found[1:]:
        if other.aside and not found[0].aside:
            continue
        names.add(other.name)
        if all(_shared(other, one) < SAME_RUN for one in chosen):
            chosen.append(other)
    chosen.sort(key=lambda one: (next((a.time for a in one.actions if a.time), 0.0), one.name))
    unread += [f"a part of {one.name}: it is longer than {LIMIT >> 20} MB" for one in chosen if not one.whole]
    events, texts = _events(chosen, root)
    return CoderLog(found[0].name, events, texts, frozenset(names), tuple(unread))


def _candidates(root: Path, files: list[Path], known: set[str], results: Path | None, unread: list[str]) -> Iterator[_Candidate]:
    budget = TOTAL
    suspects = [path for path in files if path.suffix.lower() in SUFFIXES][:SNIFFED]
    for path in suspects:
        content = read_bytes(path, SNIFF_BYTES)
        if not content or not _looks_like_calls(path, content):
            continue
        size = path.stat().st_size
        name = path.relative_to(root).as_posix()
        if budget <= 0:
            unread.append(f"{name} ({size >> 20} MB)")
            continue
        limit = min(LIMIT, max(budget, SNIFF_BYTES))
        text = content.decode("utf-8", "replace") if size <= SNIFF_BYTES else read_text(path, limit)
        budget -= len(text)
        actions = read_actions(text)
        if not actions:
            continue
        ties = _ties(actions, known)
        aside = results is not None and results != root and path.is_relative_to(results)
        if ties or (path.parent == root and path.suffix.lower() not in TEXT_SUFFIXES):
            prints = {a.command or f"{a.path}\n{len(a.content or '')}" for a in actions}
            yield _Candidate(name, actions, ties, aside, size <= limit, prints)


def _looks_like_calls(path: Path, content: bytes) -> bool:
    if MARKS.search(content):
        return True
    return path.suffix.lower() in TEXT_SUFFIXES and LOOKS.search(content.decode("utf-8", "replace")) is not None


def _ties(actions: list[Action], known: set[str]) -> int:
    """How many calls write a file that the folder has, or name one in their command."""
    count = 0
    for action in actions[:1000]:
        names = [action.path.rpartition("/")[2]] if action.path else FILE_NAME.findall(action.command[:2000])
        count += any(name in known for name in names)
    return count


def _shared(one: _Candidate, other: _Candidate) -> float:
    smaller = min(len(one.prints), len(other.prints))
    return len(one.prints & other.prints) / smaller if smaller else 0.0


def _events(logs: list[_Candidate], root: Path) -> tuple[list[Event], dict[str, str]]:
    """Events with paths relative to `root`, and every text they speak of; edits are carried out on what was written before."""
    calls = [(log.name, action) for log in logs for action in log.actions]
    prefix = _prefix((_joined(action) for _, action in calls if action.path), root)
    on_disk = _left_by_the_editor([action for _, action in calls], prefix, root)
    events: list[Event] = []
    texts: dict[str, str] = {}
    files: dict[str, str] = {}
    for number, (name, action) in enumerate(calls, 1):
        data: dict[str, Any] = {"record": action.record, "log": name}
        event = partial(Event, number, action.time, "sandbox", tool=action.tool, data=data)
        output = f"{name}#{action.record}.{number}" if action.output else None
        if output:
            texts[output] = action.output
        if action.command:
            code = action.exit_code if action.exit_code is not None else int(action.failed)
            data |= {"answered": action.answered, "cut": action.cut}
            code = code or int(action.failed)
            events.append(event("command", command=action.command, exit_kind="exited", exit_code=code, output=output))
            continue
        path = _relative(_joined(action), prefix)
        before = files.get(path)
        after = action.content if action.content is not None else before
        for old, new, everywhere in action.edits if after is not None else ():
            after = after.replace(old, new) if everywhere else after.replace(old, new, 1) if old else new  # type: ignore[union-attr]
        if action.touched:
            after = on_disk.get(number)
        if action.failed or after is None:
            continue
        files[path] = after
        digest = _digest(after)
        texts[digest] = after
        kind: ChangeKind = "created" if before is None else "modified"
        change = Change(path=path, before=None if before is None else _digest(before), after=digest, size=len(after), kind=kind)
        events.append(event("write", changes=[change]))
    return events, texts


def _left_by_the_editor(actions: list[Action], prefix: str, root: Path) -> dict[int, str]:
    """Texts of files that the log says were written without showing them: number of the last such call -> the file as it is now.

    Only where nothing else can have written it: the editor made it (`add`), and no command came later. Sources excepted: programs
    rarely write those.
    """
    last: dict[str, int] = {}
    made: set[str] = set()
    last_command = 0
    for number, action in enumerate(actions, 1):
        if action.command:
            last_command = number
        elif action.touched and not action.failed:
            path = _relative(_joined(action), prefix)
            made |= {path} if action.touched == "add" else set()
            last[path] = number
    found = {}
    for path, number in last.items():
        source = path.endswith((".py", ".sh", ".ipynb", ".r", ".jl"))
        target = root / path
        if (source or (path in made and number > last_command)) and target.is_file() and (text := read_text(target)):
            found[number] = text
    return found


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _joined(action: Action) -> str:
    return action.path if action.path.startswith("/") or not action.cwd.startswith("/") else f"{action.cwd}/{action.path}"


def _prefix(paths: Iterable[str], root: Path) -> str:
    """The session's own name of the folder that is now `root`: the beginning that most absolute paths share with files here."""
    votes: Counter[str] = Counter()
    for path in [path for path in dict.fromkeys(paths) if path.startswith("/")][:300]:
        parts = path.strip("/").split("/")
        for index in range(1, min(len(parts), 30)):
            try:
                there = (root / "/".join(parts[index:])).is_file()
            except (OSError, ValueError):
                break
            if there:
                votes["/" + "/".join(parts[:index])] += 1
                break
    return votes.most_common(1)[0][0] if votes else ""


def _relative(path: str, prefix: str) -> str:
    if prefix and path.startswith(prefix + "/"):
        path = path[len(prefix) + 1 :]
    return re.sub(r"^(\./|/)+", "", path)
