"""Reads what a coder's CLI printed for people: a line that says `exec` and a command, its end, its output, and patches.

Three layouts: an item a stamped line (`[time] exec bash -lc '...' in /dir`), an item after a bare word (`exec`, `codex`, `file
update`), and `$ command` with `command.stdout (code: 0, ...)`. A transcript shows the first lines of an output only.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime

from ...patterns import lazy
from .actions import Action, hunks, is_cut
from .calls import commands

SHOWN_LINES = 20
"""Lines of an output that such a transcript shows at most; an output of so many was probably longer."""
MAX_COMMAND_LINES = 3000
ANSI = lazy(r"\x1b\[[0-9;]*[A-Za-z]")
STAMP = lazy(r"^\[(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z?)\] ?")
ENDS = lazy(
    r"^(?P<command>.*?)(?: (?P<good>succeeded)| exited (?P<code>-?\d+)) in (?P<took>[\d.]+ ?m?s|\d+m ?\d+s)\b:?\s*$", re.DOTALL
)
END_LINE = lazy(r"(?: succeeded| exited -?\d+) in [\d.]+[^\n]{0,12}s:?\s*$")
IN_FOLDER = lazy(r" in (/[^\n]*?)$")
PATCHED = lazy(r"^apply_patch\([^)\n]*\) exited (-?\d+) in ")
FILE = lazy(r"^(?P<verb>[AMD]) (?P<path>[^\s].*?)(?: -> (?P<moved>.+))?$")
MARKS = frozenset(
    (
        "exec",
        "codex",
        "thinking",
        "user",
        "tokens used",
        "file update",
        "file update:",
        "Plan update",
        "turn diff:",
        "task interrupted",
    )
)
QUIET = lazy(r"^command\.stdout(?: \((?:code: (-?\d+))?[^)\n]*\))?$")
LOOKS = lazy(r"(?m)^(?:\[[\dT:.Z-]{19,}\] )?exec(?: \S|$)|^command\.stdout(?: \(|$)")


def transcript(text: str) -> list[Action]:
    """The commands and patches of a transcript; empty for any other text."""
    if LOOKS.search(text) is None:
        return []
    lines = [ANSI.sub("", line) if "\x1b" in line else line for line in text.splitlines()]
    if any(QUIET.match(line) for line in lines):
        return list(_quiet(lines))
    stamped = any(STAMP.match(line) and STAMP.sub("", line).startswith("exec ") for line in lines)
    return list(_stamped(lines) if stamped else _marked(lines))


def _until(lines: list[str], start: int, stop: Callable[[str], bool], limit: int = 10**9) -> int:
    end = start
    while end < len(lines) and end - start < limit and not stop(lines[end]):
        end += 1
    return end


def _stamped(lines: list[str]) -> Iterator[Action]:
    """`[time] exec CMD in DIR`, `[time] CMD succeeded in 12ms:` and the output up to the next stamp."""
    is_stamp = STAMP.match
    position = 0
    open_commands: list[tuple[str, list[Action]]] = []
    open_patches: list[Action] = []
    while position < len(lines):
        stamp = STAMP.match(lines[position])
        if stamp is None:
            position += 1
            continue
        end = _until(lines, position + 1, lambda line: is_stamp(line) is not None)
        item = [STAMP.sub("", lines[position]), *lines[position + 1 : end]]
        when = _when(stamp[1])
        number = position + 1
        position = end
        if item[0].startswith("exec "):
            command, folder = _command("\n".join(item)[5:])
            made = list(commands(command, "exec", number))
            for action in made:
                action.time, action.cwd = when, folder
            open_commands.append((command, made))
            yield from made
        elif item[0].startswith("apply_patch auto_approved"):
            open_patches = list(_patch(item[1:], number, when))
            yield from open_patches
        elif told := PATCHED.match(item[0]):
            for action in open_patches:
                action.answered, action.failed = True, told[1] != "0"
        elif open_commands:
            size = next((i for i, line in enumerate(item[:MAX_COMMAND_LINES], 1) if END_LINE.search(line)), 0)
            if size and (told := ENDS.match("\n".join(item[:size]))):
                _finish(open_commands, told["command"], told["code"] or "0", item[size:])


def _finish(open_commands: list[tuple[str, list[Action]]], command: str, code: str, output: list[str]) -> None:
    """Give the oldest open command of this text its output; a shortened name fits by its beginning."""
    index = next((i for i, (text, _) in enumerate(open_commands) if text == command), None)
    if index is None:
        index = next((i for i, (text, _) in enumerate(open_commands) if text.startswith(command.split(" ")[0])), None)
    if index is not None:
        for action in open_commands.pop(index)[1]:
            _answer(action, code, output)


def _answer(action: Action, code: str, output: list[str]) -> None:
    action.answered = True
    action.output = "\n".join(output).strip("\n")
    action.exit_code = int(code)
    action.failed = code != "0"
    action.cut = len(output) >= SHOWN_LINES or is_cut(action.output)


def _marked(lines: list[str]) -> Iterator[Action]:
    """`exec`, then `CMD in DIR succeeded in 12ms:` and at most 20 lines of output; `file update` and the patch."""
    position = 0
    open_patches: list[Action] = []
    while position < len(lines):
        line = lines[position]
        number = position + 1
        position += 1
        if line == "exec":
            end = _until(lines, position, lambda one: END_LINE.search(one) is not None or one in MARKS, MAX_COMMAND_LINES)
            head = "\n".join(lines[position : end + 1])
            told = ENDS.match(head)
            command, folder = _command(told["command"] if told else "\n".join(lines[position:end]))
            made = list(commands(command, "exec", number))
            position = end
            if told:
                after = _until(lines, end + 1, _is_mark, SHOWN_LINES)
                for action in made:
                    _answer(action, told["code"] or "0", lines[end + 1 : after])
                position = after
            for action in made:
                action.cwd = folder
            yield from made
        elif line == "file update" or line.startswith("apply_patch auto_approved"):
            end = _until(lines, position, lambda one: PATCHED.match(one) is not None or one in MARKS)
            open_patches = list(_patch(lines[position:end], number, 0.0))
            position = end
            yield from open_patches
        elif told := PATCHED.match(line):
            for action in open_patches:
                action.answered, action.failed = True, told[1] != "0"


def _is_mark(line: str) -> bool:
    return (
        line in MARKS
        or PATCHED.match(line) is not None
        or line.startswith(("ERROR: ", "mcp: ", "tool ", "apply_patch auto_approved"))
    )


def _command(text: str) -> tuple[str, str]:
    """A command line and the folder after its last ` in `."""
    folder = IN_FOLDER.search(text)
    return (text[: folder.start()], folder[1].strip()) if folder else (text, "")


def _patch(lines: list[str], number: int, when: float) -> Iterator[Action]:
    """`A path` and the file's lines, `M path` and a diff."""
    starts = [i for i, line in enumerate(lines) if (m := FILE.match(line)) and re.search(r"[/.]", m["path"])]
    for index, start in enumerate(starts):
        head = FILE.match(lines[start])
        body = lines[start + 1 : starts[index + 1] if index + 1 < len(starts) else len(lines)]
        if head is None or head["verb"] == "D":
            continue
        path = head["moved"] or head["path"]
        if head["verb"] == "A":
            yield Action(number, "apply_patch", path=path, content="\n".join(body) + "\n", time=when)
        else:
            yield Action(number, "apply_patch", path=path, edits=hunks("\n".join(body)), time=when)


def _quiet(lines: list[str]) -> Iterator[Action]:
    """`$ CMD`, then `command.stdout (code: 0, duration: 1s)` and the result as JSON."""
    from .reading import attach

    position = 0
    while position < len(lines):
        number = position + 1
        if not lines[position].startswith("$ "):
            position += 1
            continue
        end = _until(lines, position + 1, lambda line: QUIET.match(line) is not None or line.startswith("$ "), MAX_COMMAND_LINES)
        told = QUIET.match(lines[end]) if end < len(lines) else None
        command = "\n".join(lines[position : end if told else position + 1])[2:]
        made = list(commands(command, "shell", number))
        position = end
        if told:
            after = _until(lines, end + 1, lambda line: line.startswith("$ ") or QUIET.match(line) is not None)
            # What the model said follows on lines of its own; the result is one line of JSON, or text.
            result = (
                lines[end + 1] if lines[end + 1 : end + 2] and lines[end + 1].startswith("{") else "\n".join(lines[end + 1 : after])
            )
            attach({"output": result, **({"exit_code": int(told[1])} if told[1] else {})}, made)
            position = after
        yield from made


def _when(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0
