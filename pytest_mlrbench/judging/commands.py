"""The command log as a judge reads it: what was executed or typed in the sandbox, from the host's ledger; for work.py."""

import json
from collections.abc import Sequence
from pathlib import Path

from ..evidence.events import EVIDENCE, Change, Event, read_events
from ..stages.fitting import middle_out
from ..stages.outputs import clean, open_regular, shown_name

COMMAND = 4_000
"""Characters of one command: a heredoc can hold a whole program, which is shown with the code already."""
OUTPUT = 2_000
"""Bytes at the end of one command's output."""
CHANGES = 20
"""Changed files named for one event."""
DATA = 1_000
"""Characters of what a note or an environment event holds."""
LOG = 400_000
"""Characters of the whole log; its middle is left out beyond."""


def command_log(trial_dir: Path) -> str:
    """The events below `trial_dir` in words; empty when nothing was recorded. Raises InfrastructureError for a damaged ledger."""
    events, problem = read_events(trial_dir / EVIDENCE)
    if not events:
        return ""
    blocks = [_block(trial_dir, event) for event in events]
    return middle_out("\n\n".join([*blocks, *([f"({problem})"] if problem else [])]), LOG)[0]


def _block(trial_dir: Path, event: Event) -> str:
    lines = [f"#{event.seq} {_what(event)}"]
    if event.command:
        command = middle_out(clean(event.command), COMMAND)[0]
        lines += [f"$ {line}" for line in command.split("\n")]
    if event.changes:
        lines.append(f"changed files: {_changes(event.changes)}")
    if event.kind == "command":
        lines += _output(trial_dir, event)
    elif event.kind in ("note", "environment") and event.data:
        lines.append(middle_out(json.dumps(event.data, sort_keys=True, ensure_ascii=True), DATA)[0])
    return "\n".join(lines)


def _what(event: Event) -> str:
    tool = shown_name(event.tool)
    seen = "" if event.source == "host" else f", reported by the {event.source}"
    if event.kind == "write":
        return f"file typed with {tool}: {shown_name(str(event.data.get('path', '?')))}{seen}"
    if event.kind != "command":
        return f"{event.kind}{f': {clean(event.tool)}' if event.tool else ''}{seen}"
    ended = f"exit status {event.exit_code}" if event.exit_kind == "exited" else f"ended by {event.exit_kind}"
    took = f", {event.finished - event.started:.1f} s" if event.started is not None and event.finished is not None else ""
    return f"command ({tool}), {ended}{took}{seen}"


def _changes(changes: Sequence[Change]) -> str:
    named = [f"{shown_name(change.path)} ({change.kind}, {change.size:,} bytes)" for change in changes[:CHANGES]]
    more = len(changes) - len(named)
    return "; ".join([*named, *([f"and {more:,} more"] if more > 0 else [])])


def _output(trial_dir: Path, event: Event) -> list[str]:
    if not event.output_bytes:
        return ["no output"]
    try:
        if event.output is None:
            raise FileNotFoundError
        with open_regular(trial_dir, event.output) as stream:
            kept = stream.seek(0, 2)
            stream.seek(max(kept - OUTPUT, 0))
            raw = stream.read(OUTPUT)
    except OSError:
        return [f"output: {event.output_bytes:,} bytes, not kept"]
    whole = event.output_bytes <= len(raw)
    if not whole:
        raw = raw[raw.find(b"\n", 0, OUTPUT // 2) + 1 :]  # a torn first line would read as something that was not printed
    part = "output" if whole else "end of the output"
    # The bar marks what a program printed: without it, output could pass for the next entry of the log.
    lines = clean(raw.decode("utf-8", "replace")).rstrip("\n").split("\n")
    return [f"{part} ({event.output_bytes:,} bytes):", *(f"| {line}" for line in lines)]
