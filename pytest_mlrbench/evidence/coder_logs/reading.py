"""Joins the tool calls of a log with their results, in order, whatever the log's shape."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ...patterns import lazy
from .actions import Action, is_cut
from .calls import actions_of, call_of
from .texts import documents
from .transcript import transcript

MAX_CALLS = 6_000
"""Calls of one log that are read: a session of a day has a few hundred."""
MAX_PARTS = 5000
"""Dictionaries looked at in one record."""
IDS = ("tool_use_id", "tool_call_id", "call_id", "tool_id", "id")
RESULTS = ("content", "output", "result", "response", "aggregated_output", "formatted_output", "observation")
FLAT = ("text", "output", "llmContent", "functionResponse", "stdout", "stderr", "error", "message", "result", "response", "content")
SESSIONS = ("session_id", "bash_id", "shell_id", "task_id", "process_id", "sessionId")
EXIT = lazy(r"(?im)^\s*\[?(?:process |command )?(?:finished with )?(?:exit|exited with)[ _](?:code|status):?\s*(-?\d+)")
RAISED = lazy(r"^(?:\w+\.)*\w*(?:Error|Exception|Interrupt)\b(?::|$)")
SESSION = lazy(r"(?i)\b(?:session|background|shell|process|task|command)[^\n]{0,60}?\bID:? ?([\w-]{1,64})")
DECLINED = frozenset(("declined", "rejected", "cancelled", "canceled"))
FAILED = frozenset(("error", "failed", "failure"))
ENDED = frozenset(("completed", "success", *FAILED))
TIMES = ("timestamp", "time", "created_at", "ts", "event.timestamp", "startTime")


def read_actions(text: str) -> list[Action]:
    """The tool calls of a log with their outputs, in order; empty for any other text."""
    best: list[Action] = []
    for records in documents(text):
        found = Reader().read(records)
        best = found if len(found) > len(best) else best
    return best or transcript(text)


@dataclass
class Reader:
    """State of one reading; `feed` takes a log that is still being written."""

    actions: list[Action] = field(default_factory=list)
    """Every call so far; results are added as they come."""
    by_id: dict[str, list[Action]] = field(default_factory=dict)
    waiting: list[tuple[str, list[Action]]] = field(default_factory=list)
    """(tool, actions) of calls without an id and without a result."""
    sessions: dict[str, Action] = field(default_factory=dict)
    """Commands that went on in the background, by the session's id."""

    def read(self, records: Iterable[tuple[int, Any]]) -> list[Action]:
        for number, record in records:
            if len(self.actions) >= MAX_CALLS:
                break
            self.feed(number, record)
        return [action for action in self.actions if not action.declined]

    def feed(self, number: int, record: Any) -> None:
        """Take the next record, a parsed JSON document."""
        stamp = time_of(record)
        for part in _dicts(record):
            call = call_of(part)
            if call is not None:
                self._call(part, call, number, time_of(part) or stamp)
            else:
                self._result(part)

    def _call(self, part: dict[str, Any], call: tuple[str, dict[str, Any], str], number: int, stamp: float) -> None:
        name, arguments, identity = call
        answered = self.by_id.get(identity) if identity else None
        if answered is None:
            made = list(actions_of(name, arguments, number))
            for action in made:
                action.call, action.time = identity, stamp
            self.actions += made
            answered = made or self._session(arguments)
            if identity:
                self.by_id[identity] = answered
            else:
                self.waiting.append((name, answered))
        attach(part, answered)
        self._remember(answered)

    def _session(self, arguments: dict[str, Any]) -> list[Action]:
        """The background command that a later call asks about."""
        asked = [str(arguments[key]) for key in SESSIONS if isinstance(arguments.get(key), (str, int))]
        return [self.sessions[key] for key in asked if key in self.sessions]

    def _remember(self, actions: list[Action]) -> None:
        for action in actions:
            if action.command and (told := SESSION.search(action.output[:2000])):
                self.sessions.setdefault(told[1], action)

    def _result(self, part: dict[str, Any]) -> None:
        identity = next((str(part[key]) for key in IDS if isinstance(part.get(key), str)), "")
        if isinstance(part.get("cause"), int):
            identity = f"event {part['cause']}"
        answered = self.by_id.get(identity, [])
        response = part.get("functionResponse")
        if isinstance(response, dict):
            answered = self.by_id.get(str(response.get("id", "")), []) or self._next(str(response.get("name", "")))
            part = response
        if answered and (any(key in part for key in (*RESULTS, "stdout", "error")) or str(part.get("status", "")).lower() in ENDED):
            attach(part, answered)
            self._remember(answered)

    def _next(self, name: str) -> list[Action]:
        """The oldest call of this tool that has no result yet."""
        for index, (tool, actions) in enumerate(self.waiting):
            if tool == name:
                del self.waiting[index]
                return actions
        return []


def _dicts(record: Any) -> Iterator[dict[str, Any]]:
    """Dictionaries of a record, outer before inner, in order; arguments of calls are not looked into."""
    pending = [record]
    count = 0
    while pending and count < MAX_PARTS:
        value = pending.pop()
        count += 1
        if isinstance(value, dict):
            yield value
            inner = [] if call_of(value) is not None else list(value.values())
            pending.extend(reversed([item for item in inner if isinstance(item, (dict, list))]))
        elif isinstance(value, list):
            pending.extend(reversed([item for item in value if isinstance(item, (dict, list))]))


def attach(part: dict[str, Any], actions: list[Action]) -> None:
    """Give the calls the result that stands in `part`, if one does."""
    keys = [key for key in (*RESULTS, "stdout", "stderr", "error") if key in part]
    running = str(part.get("status", "")).lower() in ("in_progress", "inprogress", "executing", "scheduled", "pending")
    told = bool(keys) or "success" in part or "exit_code" in part or str(part.get("status", "")).lower() in ENDED
    if not actions or not told or running:
        return
    texts = list(dict.fromkeys(one for key in keys if (one := flat(part[key]))))
    metadata: Any = part.get("extras") if isinstance(part.get("extras"), dict) else part.get("metadata")
    for index, text in enumerate(texts):
        inner = _object(text)
        if isinstance(inner.get("output"), str):
            texts[index], metadata = inner["output"], inner.get("metadata", metadata)
    text = "\n".join(texts)
    code = _exit_code(part, metadata, text)
    status = str(part.get("status", "")).lower()
    failed = bool(part.get("is_error")) or status in FAILED or part.get("success") is False or (code or 0) != 0
    last = next((line for line in reversed(text[-2000:].splitlines()) if line.strip()), "")
    failed |= code is None and "Traceback (most recent call last)" in text and bool(RAISED.match(last.strip()))
    for action in actions:
        if text and text not in action.output:
            action.output = f"{action.output}\n{text}" if action.output else text
        # A written file has no output: that it is done is all there is to say of it.
        action.answered = action.answered or bool(keys) or (bool(action.path) and status in ENDED)
        action.cut = action.cut or is_cut(text)
        action.failed = action.failed or failed
        action.exit_code = code if code is not None else action.exit_code
        action.declined = action.declined or status in DECLINED


def _exit_code(part: dict[str, Any], metadata: Any, text: str) -> int | None:
    places = [part]
    if isinstance(metadata, dict):
        places += [metadata, *(value for value in metadata.values() if isinstance(value, dict))]
    for place in places:
        for key in ("exit_code", "exitCode", "returncode"):
            code = place.get(key)
            if isinstance(code, int) and not isinstance(code, bool):
                return code
    told = EXIT.search(text[:400])
    if told is None and text.startswith(("Command:", "Output:")):
        told = EXIT.search(text[-300:])
    return int(told[1]) if told else None


def _object(text: str) -> dict[str, Any]:
    if text.startswith("{"):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}
    return {}


def flat(value: Any, depth: int = 0) -> str:
    """The text of a result, however it is wrapped."""
    if isinstance(value, str):
        return value
    if depth > 20:
        return ""
    if isinstance(value, dict):
        return "\n".join(text for key in FLAT if key in value and (text := flat(value[key], depth + 1)))
    if isinstance(value, list):
        return "\n".join(flat(item, depth + 1) for item in value)
    return ""


def time_of(record: Any) -> float:
    """Unix time in seconds that a record names; 0 when it names none. Numbers above 1e11 are milliseconds."""
    if not isinstance(record, dict):
        return 0.0
    value = next((record[k] for k in TIMES if k in record), 0)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value) / (1000 if value > 1e11 else 1)
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except (ValueError, OverflowError):
        return 0.0
