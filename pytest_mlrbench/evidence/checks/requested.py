"""What a coder's CLI says it did beside what the model gateway saw its model ask for; asked.py reports the difference."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ..coder_logs import Action
from ..coder_logs.calls import actions_of
from ..events import MODEL_CALLS, UNATTENDED, Event


class Requested(NamedTuple):
    """One session, both sides laid over each other."""

    unasked: tuple[Event, ...]
    """Commands and writes of the CLI's stream that the model never asked for."""
    untold: tuple[Action, ...]
    """Commands and writes that the model asked for and the stream does not tell of; `record` numbers the calls."""
    unexplained: tuple[Event, ...]
    """The host's notes of files that changed while the stream told of no tool at work."""
    note: Event
    """What the gateway saw."""


def requested(events: Sequence[Event]) -> Requested | None:
    """The comparison; None where no CLI was at work, or the gateway left no list of calls (`told_by_cli` says which)."""
    note = next((e for e in reversed(events) if e.kind == "note" and e.tool == MODEL_CALLS and e.source == "gateway"), None)
    if note is None:
        return None
    told = told_by_cli(events)
    open_calls = list(_asked(note.data.get("tool_calls")))
    commands = Counter(_plain(action.command) for action in open_calls if action.command)
    paths = Counter(_path(action) for action in open_calls if not action.command)
    unasked = [event for event in told if not _taken(event, commands, paths)]
    untold = []
    for action in open_calls:  # what is left in the counters was never told
        left, key = (commands, _plain(action.command)) if action.command else (paths, _path(action))
        if left[key] > 0:
            left[key] -= 1
            untold.append(action)
    first = told[0].seq if told else note.seq
    unexplained = [
        e for e in events if e.kind == "note" and e.source == "host" and e.changes and e.seq > first and e.tool != UNATTENDED
    ]
    return Requested(tuple(unasked), tuple(untold), tuple(unexplained), note)


def unconfirmed(events: Sequence[Event]) -> frozenset[int]:
    """`seq` of the commands that a coder's CLI tells while the host looks on, and that its model never asked for by the gateway's
    record: all of them where there is no such record. What they left has no known writer."""
    told = [event for event in told_by_cli(events) if event.watched]
    found = requested(events) if told else None
    unasked = told if found is None else [event for event in found.unasked if event.watched]
    return frozenset(event.seq for event in unasked if event.kind == "command")


def told_by_cli(events: Iterable[Event]) -> list[Event]:
    """The commands and writes that only the CLI's stream tells of."""
    return [event for event in events if event.source == "sandbox" and event.kind in ("command", "write")]


def _asked(calls: Any) -> Iterable[Action]:
    """What each call of the gateway's list would do; read as the coders' own logs are, so that both sides are cut alike."""
    for number, call in enumerate(calls if isinstance(calls, list) else (), 1):
        if not isinstance(call, dict):
            continue
        text = str(call.get("arguments", ""))
        try:
            arguments = json.loads(text)
        except (ValueError, RecursionError):
            arguments = None
        # A tool of free form (Codex's apply_patch) gets a text.
        yield from actions_of(str(call.get("name", "")), arguments if isinstance(arguments, dict) else {"input": text}, number)


def _taken(event: Event, commands: "Counter[str]", paths: "Counter[str]") -> bool:
    """Whether the model asked for it and no other event has used that call up."""
    if event.kind == "command":
        key = _plain(event.command)
        commands[key] -= 1
        return commands[key] >= 0
    path = str(event.data.get("path") or (event.changes[0].path if event.changes else ""))
    # The workspace has another name in the calls: `/workspace/code/run.py`, `./code/run.py`.
    asked = next((key for key, left in paths.items() if left > 0 and (key == path or key.endswith(f"/{path}"))), None)
    if not path or asked is None:
        return False
    paths[asked] -= 1
    return True


def _path(action: Action) -> str:
    path = action.path if action.path.startswith("/") or not action.cwd else f"{action.cwd.rstrip('/')}/{action.path}"
    return path.removeprefix("./")


def _plain(command: str) -> str:
    return "\n".join(line.rstrip() for line in command.strip().splitlines())
