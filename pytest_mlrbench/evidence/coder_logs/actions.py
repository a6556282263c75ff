"""One tool call of a session log and what it did to files; every reader of logs makes these."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...patterns import lazy

BEGIN_PATCH = "*** Begin Patch"
PATCH_END = lazy(r"(?m)^\*\*\* End Patch[ \t]*$")
CUT = lazy(r"(?i)\b(?:truncated|omitted)\b|output (?:is |was )?too (?:large|long)")
"""How coders say in an output that they show only a part of it."""


@dataclass
class Action:
    """One tool call."""

    record: int
    """1-based: line of a JSONL log or a transcript, message of a JSON one."""
    tool: str
    command: str = ""
    path: str = ""
    content: str | None = None
    """The whole file as it was written."""
    edits: list[tuple[str, str, bool]] = field(default_factory=list)
    """(old, new, everywhere)"""
    touched: str = ""
    """`add` or `update`: the log says that the file was written, not what was written."""
    output: str = ""
    answered: bool = False
    """The log shows a result of this call."""
    cut: bool = False
    """The log shows only a part of the output."""
    failed: bool = False
    exit_code: int | None = None
    declined: bool = False
    """Asked for and never carried out."""
    call: str = ""
    cwd: str = ""
    """Working directory, where the log names one."""
    time: float = 0.0
    """Unix time in seconds; 0 when the log does not say."""


def is_cut(output: str) -> bool:
    """Whether an output says of itself that a part is left out: `[... 300 lines truncated]`, `output too large`."""
    if not any(word in output for word in ("runcated", "mitted", "too l")):
        return False
    for match in itertools.islice(CUT.finditer(output), 100):
        before = output[max(0, match.start() - 60) : match.start()].rpartition("\n")[2]
        if match[0].lower().startswith("output") or re.search(r"\.{3}|[…\[<(]", before):
            return True
    return False


def patches(text: str, tool: str, record: int) -> Iterator[Action]:
    """`*** Begin Patch` texts: files added whole, files edited hunk by hunk."""
    if BEGIN_PATCH not in text:
        return
    text = text[text.index(BEGIN_PATCH) :]
    for part in re.split(r"(?m)^\*\*\* (?=(?:Add|Update|Delete) File: )", text)[1:]:
        head, _, body = part.partition("\n")
        verb, _, target = head.partition(" File: ")
        lines = re.split(r"(?m)^\*\*\* End", body, maxsplit=1)[0].splitlines()
        if verb == "Add":
            added = "\n".join(x[1:] for x in lines if x.startswith("+")) + "\n"
            yield Action(record, tool, path=target.strip(), content=added)
        elif verb == "Update":
            yield Action(record, tool, path=target.strip(), edits=hunks("\n".join(lines)))


def hunks(body: str) -> list[tuple[str, str, bool]]:
    """Old and new text of each hunk of a unified diff or of a patch's `Update File` part."""
    pairs = []
    for hunk in re.split(r"(?m)^@@.*$", body):
        kept = [x for x in hunk.splitlines() if x[:1] in (" ", "+", "-") and not x.startswith(("+++ ", "--- "))]
        old = "\n".join(x[1:] for x in kept if x[0] != "+")
        new = "\n".join(x[1:] for x in kept if x[0] != "-")
        if old or new:
            pairs.append((old, new, False))
    return pairs


def after_patch(command: str) -> str:
    """What a command does beside the patch that it holds: the lines after the patch and its heredoc's end."""
    ends = [match.end() for match in PATCH_END.finditer(command)]
    rest = command[ends[-1] :].lstrip("\"' \n") if ends else ""
    words = rest.split(maxsplit=1)
    if words and re.fullmatch(r"[A-Z_]{1,20}[)\"']*", words[0]):
        rest = words[1] if len(words) > 1 else ""
    return rest.strip().lstrip("&;|\n ").strip()
