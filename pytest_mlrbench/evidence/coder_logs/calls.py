"""Finds tool calls in the records of a log, and says what each does by its arguments: run a command, write a file, edit one."""

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

from .actions import BEGIN_PATCH, Action, after_patch, hunks, patches

PATHS = ("file_path", "path", "absolute_path", "filename", "target_file", "file", "notebook_path", "TargetFile")
CONTENTS = ("content", "file_text", "contents", "new_contents", "text", "CodeContent")
OLD, NEW = ("old_string", "old_str", "old_text"), ("new_string", "new_str", "new_text")
NAMES = ("name", "tool_name", "tool", "function_name", "toolName", "action")
ARGUMENTS = ("input", "arguments", "args", "parameters", "function_args", "tool_input", "params", "action_input", "kwargs")
COMMANDS = ("command", "cmd", "CommandLine", "script")
FOLDERS = ("workdir", "working_directory", "cwd", "directory", "dir_path")
EDITOR_WORDS = frozenset(("view", "create", "str_replace", "insert", "undo_edit", "write", "edit", "read"))
NO_CALLS = frozenset(("message", "think", "finish", "recall", "null", "system", "change_agent_state"))
"""Actions of event streams that call no tool."""


def call_of(part: dict[str, Any]) -> tuple[str, dict[str, Any], str] | None:
    """(name, arguments, id) when `part` is a tool call."""
    identity = next((str(part[key]) for key in ("call_id", "tool_id", "tool_call_id", "id") if isinstance(part.get(key), str)), "")
    inner = part.get("function") if isinstance(part.get("function"), dict) else part.get("functionCall")
    source = inner if isinstance(inner, dict) else part
    if isinstance(inner, dict) and isinstance(inner.get("id"), str):
        identity = inner["id"]
    name = next((source[key] for key in NAMES if isinstance(source.get(key), str)), "")
    if name == part.get("action"):
        if name in NO_CALLS:
            return None
        if isinstance(part.get("id"), int):
            identity = f"event {part['id']}"
        if isinstance(part.get("observation"), str) and not isinstance(part.get("args"), dict):
            return "action", {"action": name}, identity
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
    if isinstance(action, dict) and any(key in action for key in COMMANDS):
        return str(part.get("type", action.get("kind", "shell"))), action, identity
    command = part.get("command")
    if isinstance(command, (str, list)) and ({"aggregated_output", "exit_code", "cwd", "call_id"} & part.keys()):
        return str(part.get("type", "shell")), part, identity
    changes = part.get("changes")
    if isinstance(changes, (dict, list)) and changes and {"status", "call_id", "auto_approved", "id"} & part.keys():
        return str(part.get("type", "patch")), {"changes": changes}, identity
    return None


def actions_of(name: str, arguments: dict[str, Any], record: int) -> Iterator[Action]:
    """What a call does; nothing for calls that neither run nor write."""
    invocations = arguments.get("invocations")
    if isinstance(invocations, list):
        for one in invocations:
            if isinstance(one, dict) and isinstance(one.get("input"), dict):
                yield from actions_of(str(one.get("tool_name") or one.get("name") or name), one["input"], record)
        return
    for action in _actions(name, arguments, record):
        action.cwd = next((arguments[key] for key in FOLDERS if isinstance(arguments.get(key), str)), "")
        yield action


def _actions(name: str, arguments: dict[str, Any], record: int) -> Iterator[Action]:
    path = next((arguments[key] for key in PATHS if isinstance(arguments.get(key), str)), "")
    content = next((arguments[key] for key in CONTENTS if isinstance(arguments.get(key), str)), None)
    pairs = _pairs(arguments)
    command = next((arguments[key] for key in COMMANDS if isinstance(arguments.get(key), (str, list))), None)
    if path and pairs:
        yield Action(record, name, path=path, edits=pairs)
    elif path and content is not None and (command is None or _edits(command)):
        part = arguments.get("start") not in (None, 0, 1, -1) or arguments.get("end") not in (None, -1)
        yield Action(record, name, path=path, content=None if part else content, touched="update" if part else "")
    elif command is not None and not _edits(command):
        yield from commands(command, name, record)
    elif isinstance(arguments.get("code"), str) and re.search(r"(?i)python|jupyter|code|interpreter", name):
        yield Action(record, name, command=f"python - <<'CELL'\n{arguments['code']}\nCELL")
    elif isinstance(arguments.get("action"), str):
        yield from _typed_action(arguments["action"], name, record)
    else:
        yield from _changes(arguments.get("changes"), name, record)
        for key in ("input", "patch"):
            if isinstance(arguments.get(key), str):
                yield from patches(arguments[key], name, record)


def _pairs(arguments: dict[str, Any]) -> list[tuple[str, str, bool]]:
    edits = arguments.get("edits") if isinstance(arguments.get("edits"), list) else [arguments]
    return [
        (old, new, bool(edit.get("replace_all") or edit.get("allow_multiple")))
        for edit in edits or []
        if isinstance(edit, dict)
        and (old := next((edit[k] for k in OLD if isinstance(edit.get(k), str)), None)) is not None
        and (new := next((edit[k] for k in NEW if isinstance(edit.get(k), str)), None)) is not None
    ]


def _changes(changes: Any, name: str, record: int) -> Iterator[Action]:
    """`{path: change}` with contents or diffs, or a list of paths alone."""
    if isinstance(changes, list):
        for change in changes:
            if isinstance(change, dict) and isinstance(change.get("path"), str) and change.get("kind") != "delete":
                kind = change["kind"].get("type") if isinstance(change.get("kind"), dict) else change.get("kind")
                if isinstance(change.get("diff"), str) and kind == "add":
                    yield Action(record, name, path=change["path"], content=_added(change["diff"]))
                elif isinstance(change.get("diff"), str):
                    yield Action(record, name, path=change["path"], edits=hunks(change["diff"]))
                else:
                    yield Action(record, name, path=change["path"], touched="add" if kind == "add" else "update")
        return
    for target, change in changes.items() if isinstance(changes, dict) else ():
        if not isinstance(change, dict):
            continue
        kind = str(change.get("type", "")) or next((k for k in ("add", "update", "delete") if k in change), "")
        told = change[kind] if isinstance(change.get(kind), dict) else change
        if kind == "add" and isinstance(told.get("content"), str):
            yield Action(record, name, path=str(target), content=told["content"])
        elif kind == "update" and isinstance(told.get("unified_diff"), str):
            moved = told.get("move_path")
            yield Action(record, name, path=moved if isinstance(moved, str) else str(target), edits=hunks(told["unified_diff"]))


def _added(diff: str) -> str:
    """The text of a file that a diff adds; some logs give the bare text instead of a diff."""
    lines = diff.splitlines()
    if any(line.startswith("@@") for line in lines) or (lines and all(line.startswith("+") for line in lines)):
        return "\n".join(x[1:] for x in lines if x.startswith("+") and not x.startswith("+++ ")) + "\n"
    return diff


def _edits(command: Any) -> bool:
    """Whether `command` is an editor tool's verb, not a shell command."""
    return isinstance(command, str) and command in EDITOR_WORDS


def commands(command: str | list[Any], name: str, record: int) -> Iterator[Action]:
    """A shell command; the patches in it are writes, and what it runs beside them is a command."""
    text = command_text(command)
    held = [str(word) for word in command if BEGIN_PATCH in str(word)] if isinstance(command, list) else []
    found = list(patches(held[0] if held else text, name, record))
    yield from found
    rest = after_patch(text) if found else text
    if rest:
        yield Action(record, name, command=rest)


def command_text(command: str | list[Any]) -> str:
    """A command as one would type it, without the shell that was started for it."""
    if isinstance(command, str):
        words = command.split(maxsplit=2)
        if len(words) == 3 and words[0].rpartition("/")[2] in ("bash", "sh", "zsh") and words[1] in ("-lc", "-c"):
            try:
                return shlex.split(command)[2]
            except (ValueError, IndexError):
                return command
        return command
    told = [str(word) for word in command]
    if len(told) == 3 and told[1] in ("-lc", "-c"):
        return told[2]
    return shlex.join(told)


def _typed_action(text: str, name: str, record: int) -> Iterator[Action]:
    """An action typed as a line of shell: an editor command of the scaffold, else a command."""
    if re.match(r"\s*(?:str_replace_editor|edit_anthropic)\s", text) and len(text) < 2**20:
        try:
            words = shlex.split(text)
        except ValueError:
            words = []
        options = {words[i].lstrip("-"): words[i + 1] for i in range(3, len(words) - 1) if words[i].startswith("--")}
        if len(words) > 2:
            pairs = _pairs(options)
            if pairs or "file_text" in options:
                yield Action(record, words[1], path=words[2], content=options.get("file_text"), edits=pairs)
            return
    if text.strip():
        yield Action(record, name, command=text.strip())
