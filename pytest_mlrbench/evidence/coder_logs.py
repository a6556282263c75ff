"""Reads a coding agent's own session log (Claude Code, Codex, Gemini CLI and their kin) into events; `subject_of_folder` asks.

The log is told apart by the shape of its records only: a tool call is a name with arguments, a command is an argument `command`,
a written file is a path with a content. Who wrote the log makes no difference. Its events have source `sandbox`: an agent's log is
the agent's word, good enough to quote against it, never good enough to verify it.
"""

import hashlib
import json
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .events import Change, Event

LIMIT = 64 * 2**20
"""Bytes of one log that are read."""
MAX_CALLS = 20_000
PATHS = ("file_path", "path", "absolute_path", "filename", "target_file", "file")
CONTENTS = ("content", "file_text", "contents", "new_contents", "text")
OLD, NEW = ("old_string", "old_str", "old_text"), ("new_string", "new_str", "new_text")
ARGUMENTS = ("input", "arguments", "args", "parameters")
IDS = ("tool_use_id", "tool_call_id", "call_id", "tool_id", "id")
RESULTS = ("content", "output", "result", "response", "aggregated_output")
EDITOR_WORDS = frozenset(("view", "create", "str_replace", "insert", "undo_edit", "write", "edit", "read"))
EXIT = re.compile(r"(?im)^\s*(?:process )?(?:exit|exited with)[ _](?:code|status):?\s*(\d+)")
RAISED = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception|Interrupt)\b(?::|$)")


@dataclass
class Action:
    """One tool call of the log."""

    record: int
    """1-based: line of a JSONL log, message of a JSON one."""
    tool: str
    command: str = ""
    path: str = ""
    content: str | None = None
    edits: list[tuple[str, str, bool]] = field(default_factory=list)
    """(old, new, everywhere)"""
    output: str = ""
    failed: bool = False
    call: str = ""
    time: float = 0.0


@dataclass(frozen=True)
class CoderLog:
    """A session log, read."""

    name: str
    """File name, as findings quote it."""
    events: list[Event]
    texts: dict[str, str]
    """Written contents by sha256, outputs by the events' `output` names."""


def find_log(root: Path) -> CoderLog | None:
    """The session log at the top of `root`: the JSON or JSONL file with the most tool calls that run or write something."""
    best: tuple[int, str, list[Action]] = (0, "", [])
    for path in sorted([*root.glob("*.json"), *root.glob("*.jsonl"), *root.glob("*.ndjson")]):
        if path.is_symlink() or not path.is_file() or path.stat().st_size > LIMIT:
            continue
        actions = read_actions(path.read_text(encoding="utf-8", errors="replace"))
        if len(actions) > best[0]:
            best = (len(actions), path.name, actions)
    return _as_log(best[1], best[2], root) if best[0] else None


def read_actions(text: str) -> list[Action]:
    """The tool calls of a log with their outputs, in order; empty for any other text."""
    actions: list[Action] = []
    by_id: dict[str, list[Action]] = {}
    pending: list[Action] = []
    for number, record in _records(text):
        stamp = _time(record)
        for part in _dicts(record):
            call = _call(part)
            if call is not None and len(actions) < MAX_CALLS:
                name, arguments, identity = call
                known = by_id.get(identity, []) if identity else []
                made = [] if known else list(_actions(name, arguments, number))
                for action in made:
                    action.call, action.time = identity, stamp
                actions += made
                pending += made
                if identity:
                    by_id.setdefault(identity, []).extend(made)
                _own_result(part, made or known)
                continue
            identity = next((str(part[key]) for key in IDS if isinstance(part.get(key), str)), "")
            answered = by_id.get(identity, [])
            if not answered and "functionResponse" in part and pending:
                answered = [pending[-1]]
                part = part["functionResponse"] if isinstance(part["functionResponse"], dict) else {}
            if answered and any(key in part for key in (*RESULTS, "stdout")):
                _own_result(part, answered)
    return actions


def _records(text: str) -> Iterator[tuple[int, Any]]:
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        for number, line in enumerate(text.splitlines(), 1):
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError):
                continue
        return
    if isinstance(whole, dict):
        whole = next(
            (v for k in ("messages", "history", "events", "items", "contents") if isinstance(v := whole.get(k), list)), [whole]
        )
    if isinstance(whole, list):
        yield from enumerate(whole, 1)


def _dicts(record: Any) -> Iterator[dict[str, Any]]:
    """Dictionaries of a record, outer before inner, in order; arguments of calls are not looked into."""
    pending = [record]
    count = 0
    while pending and count < 5000:
        value = pending.pop()
        count += 1
        if isinstance(value, dict):
            yield value
            inner = [] if _call(value) is not None else list(value.values())
            pending.extend(reversed([item for item in inner if isinstance(item, (dict, list))]))
        elif isinstance(value, list):
            pending.extend(reversed([item for item in value if isinstance(item, (dict, list))]))


def _call(part: dict[str, Any]) -> tuple[str, dict[str, Any], str] | None:
    """(name, arguments, id) when `part` is a tool call."""
    identity = next((str(part[key]) for key in ("call_id", "tool_id", "id") if isinstance(part.get(key), str)), "")
    inner = part.get("function") if isinstance(part.get("function"), dict) else part.get("functionCall")
    source = inner if isinstance(inner, dict) else part
    name = next((source[key] for key in ("name", "tool_name", "tool") if isinstance(source.get(key), str)), "")
    for key in ARGUMENTS:
        arguments = source.get(key)
        if isinstance(arguments, str) and name:
            try:
                arguments = json.loads(arguments)
            except (ValueError, RecursionError):
                arguments = {"input": arguments}
        if isinstance(arguments, dict) and name:
            return name, arguments, identity
    action = part.get("action")
    if isinstance(action, dict) and "command" in action:
        return str(part.get("type", "shell")), action, identity
    command = part.get("command")
    if isinstance(command, (str, list)) and ({"aggregated_output", "exit_code", "cwd", "call_id"} & part.keys()):
        return str(part.get("type", "shell")), part, identity
    changes = part.get("changes")
    if isinstance(changes, (dict, list)) and changes and {"status", "call_id", "auto_approved", "id"} & part.keys():
        return str(part.get("type", "patch")), {"changes": changes}, identity
    return None


def _actions(name: str, arguments: dict[str, Any], record: int) -> Iterator[Action]:
    """What a call does, by its arguments: runs a command, writes a file, edits one; nothing else is of interest."""
    invocations = arguments.get("invocations")
    if isinstance(invocations, list):
        for one in invocations:
            if isinstance(one, dict) and isinstance(one.get("input"), dict):
                yield from _actions(str(one.get("tool_name") or one.get("name") or name), one["input"], record)
        return
    path = next((arguments[key] for key in PATHS if isinstance(arguments.get(key), str)), "")
    content = next((arguments[key] for key in CONTENTS if isinstance(arguments.get(key), str)), None)
    edits = arguments.get("edits") if isinstance(arguments.get("edits"), list) else [arguments]
    pairs = [
        (old, new, bool(edit.get("replace_all")))
        for edit in edits or []
        if isinstance(edit, dict)
        and (old := next((edit[k] for k in OLD if isinstance(edit.get(k), str)), None)) is not None
        and (new := next((edit[k] for k in NEW if isinstance(edit.get(k), str)), None)) is not None
    ]
    command = arguments.get("command", arguments.get("cmd"))
    if path and pairs:
        yield Action(record, name, path=path, edits=pairs)
    elif path and content is not None and (command is None or _edits(command)):
        yield Action(record, name, path=path, content=content)
    elif isinstance(command, (str, list)) and not _edits(command):
        text = _command_text(command)
        patches = list(_patches(text, name, record))
        yield from patches
        if not patches:
            yield Action(record, name, command=text)
    else:
        changes = arguments.get("changes")
        if isinstance(changes, dict):
            for target, change in changes.items():
                added = change.get("add") if isinstance(change, dict) else None
                if isinstance(added, dict) and isinstance(added.get("content"), str):
                    yield Action(record, name, path=str(target), content=added["content"])
        for key in ("input", "patch"):
            if isinstance(arguments.get(key), str):
                yield from _patches(arguments[key], name, record)


def _edits(command: Any) -> bool:
    """Whether `command` is an editor tool's verb, not a shell command."""
    return isinstance(command, str) and command in EDITOR_WORDS


def _command_text(command: str | list[Any]) -> str:
    if isinstance(command, str):
        words = command.split(maxsplit=2)
        if len(words) == 3 and words[0].rpartition("/")[2] in ("bash", "sh", "zsh") and words[1] in ("-lc", "-c"):
            try:
                return shlex.split(command)[2]
            except (ValueError, IndexError):
                return command
        return command
    words = [str(word) for word in command]
    if len(words) == 3 and words[1] in ("-lc", "-c"):
        return words[2]
    return shlex.join(words)


def _patches(text: str, name: str, record: int) -> Iterator[Action]:
    """`*** Begin Patch` texts: files added whole, files edited hunk by hunk."""
    if "*** Begin Patch" not in text:
        return
    for part in re.split(r"(?m)^\*\*\* (?=(?:Add|Update|Delete) File: )", text)[1:]:
        head, _, body = part.partition("\n")
        verb, _, target = head.partition(" File: ")
        body = body.partition("*** End")[0]
        lines = body.splitlines()
        if verb == "Add":
            yield Action(record, name, path=target.strip(), content="\n".join(x[1:] for x in lines if x.startswith("+")) + "\n")
        elif verb == "Update":
            pairs = []
            for hunk in re.split(r"(?m)^@@.*$", body):
                kept = [x for x in hunk.splitlines() if x[:1] in (" ", "+", "-")]
                old = "\n".join(x[1:] for x in kept if x[0] != "+")
                new = "\n".join(x[1:] for x in kept if x[0] != "-")
                if old or new:
                    pairs.append((old, new, False))
            yield Action(record, name, path=target.strip(), edits=pairs)


def _own_result(part: dict[str, Any], actions: Iterable[Action]) -> None:
    """Attach an output that stands in `part` to the calls it answers."""
    found = [_flat(part[key]) for key in (*RESULTS, "stdout", "stderr") if key in part]
    text = "\n".join(one for one in found if one)
    code = part.get("exit_code")
    metadata = part.get("metadata")
    if text.startswith("{"):
        try:
            inner = json.loads(text)
        except (ValueError, RecursionError):
            inner = None
        if isinstance(inner, dict) and isinstance(inner.get("output"), str):
            text, metadata = inner["output"], inner.get("metadata", metadata)
    if code is None and isinstance(metadata, dict):
        code = metadata.get("exit_code")
    told = EXIT.search(text[:400])
    failed = bool(part.get("is_error")) or str(part.get("status", "")).lower() in ("error", "failed", "failure")
    failed |= isinstance(code, int) and code != 0
    failed |= told is not None and told[1] != "0"
    last = next((line for line in reversed(text.splitlines()) if line.strip()), "")
    failed |= "Traceback (most recent call last)" in text and bool(RAISED.match(last.strip()))
    for action in actions:
        action.output = f"{action.output}\n{text}" if action.output and text else text or action.output
        action.failed |= failed


def _flat(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "\n".join(
            _flat(value[k]) for k in ("text", "output", "llmContent", "stdout", "stderr", "error", *RESULTS[2:4]) if k in value
        )
    if isinstance(value, list):
        return "\n".join(_flat(item) for item in value)
    return ""


def _time(record: Any) -> float:
    from datetime import datetime

    value = (
        next((record[k] for k in ("timestamp", "time", "created_at", "ts") if k in record), 0) if isinstance(record, dict) else 0
    )
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value) / (1000 if value > 1e11 else 1)
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        return 0.0


def _as_log(name: str, actions: list[Action], root: Path) -> CoderLog:
    """Events with paths relative to `root`, and every text they speak of; edits are carried out on what was written before."""
    prefix = _prefix((a.path for a in actions if a.path.startswith("/")), root)
    events: list[Event] = []
    texts: dict[str, str] = {}
    files: dict[str, str] = {}
    for number, action in enumerate(actions, 1):
        shared = {"seq": number, "time": action.time, "source": "sandbox", "tool": action.tool, "data": {"record": action.record}}
        output = f"{name}#{action.record}.{number}" if action.output else None
        if output:
            texts[output] = action.output
        if action.command:
            code = 1 if action.failed else 0
            events.append(
                Event(kind="command", command=action.command, exit_kind="exited", exit_code=code, output=output, **shared)
            )
            continue
        path = _relative(action.path, prefix)
        before = files.get(path)
        after = action.content if action.content is not None else before
        for old, new, everywhere in action.edits if after is not None else ():
            after = after.replace(old, new) if everywhere else after.replace(old, new, 1) if old else new  # type: ignore[union-attr]
        if action.failed or after is None:
            continue
        files[path] = after
        digest = hashlib.sha256(after.encode("utf-8", "surrogatepass")).hexdigest()
        texts[digest] = after
        kind = "created" if before is None else "modified"
        old_digest = hashlib.sha256(before.encode("utf-8", "surrogatepass")).hexdigest() if before is not None else None
        change = Change(path=path, before=old_digest, after=digest, size=len(after), kind=kind)
        events.append(Event(kind="write", changes=[change], **shared))
    return CoderLog(name, events, texts)


def _prefix(paths: Iterable[str], root: Path) -> str:
    """The session's own name of the folder that is now `root`: the beginning that most absolute paths share with files here."""
    votes: Counter[str] = Counter()
    for path in list(dict.fromkeys(paths))[:300]:
        parts = path.strip("/").split("/")
        for index in range(1, len(parts)):
            if (root / "/".join(parts[index:])).is_file():
                votes["/" + "/".join(parts[:index])] += 1
                break
    return votes.most_common(1)[0][0] if votes else ""


def _relative(path: str, prefix: str) -> str:
    if prefix and path.startswith(prefix + "/"):
        path = path[len(prefix) + 1 :]
    return re.sub(r"^(\./|/)+", "", path)
