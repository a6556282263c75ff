"""Asked for: did the model ask for what the coder's CLI says it did? By the gateway's record of every tool call in the answers.

A coder's own CLI tells its tool calls in a stream, which a program in the sandbox might write into. The gateway stands outside: it
saw every answer of the model. A command or a written file of the stream that no answer asked for (or not as often) is a `warn`.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ...records import Finding, Quote
from ..coder_logs import Action, actions_of
from ..events import Event
from ..ledger import MODEL_CALLS
from .case import Case, Check, Outcome, finding

NAME = "asked"
MAX_FINDINGS = 10


def run(case: Case) -> Outcome:
    """Compare the stream's events with the gateway's tool calls."""
    told = [event for event in case.subject.events if event.source == "sandbox" and event.watched]
    if not told:
        return Outcome(coverage="no evidence: no coder's own CLI was looked on")
    notes = [event for event in case.subject.events if event.source == "gateway" and event.tool == MODEL_CALLS]
    if not notes:
        return Outcome(coverage="no evidence: the gateway left no record of what the model asked for")
    asked = Counter(_named(action) for note in notes for action in _asked(note))
    findings: list[Finding] = []
    left = 0
    for event in told:
        if event.kind not in ("command", "write"):
            continue
        name = _same(event.command) if event.kind == "command" else _file(str(event.data.get("path", "")))
        if asked[name] > 0:
            asked[name] -= 1
            continue
        left += 1
        if len(findings) < MAX_FINDINGS:
            findings.append(_finding(case, event))
    if left > len(findings):
        message = f"{left - len(findings)} more tool calls of the coder's stream are in no answer of the model"
        findings.append(finding("other", "results", NAME, "warn", message))
    return Outcome(findings)


def _asked(note: Event) -> Iterator[Action]:
    calls = note.data.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        if not isinstance(call, dict):
            continue
        arguments: Any = call.get("arguments")
        if isinstance(arguments, str):
            try:
                arguments = json.loads(arguments)
            except (ValueError, RecursionError):
                arguments = {"input": arguments}  # a free-form tool: a patch
        if isinstance(arguments, dict):
            yield from actions_of(str(call.get("name", "")), arguments, 0)


def _named(action: Action) -> str:
    return _same(action.command) if action.command else _file(action.path)


def _same(command: str) -> str:
    return f"$ {' '.join(command.split())}"


def _file(path: str) -> str:
    """The last part: a model may name a file from where it stands."""
    return path.rpartition("/")[2]


def _finding(case: Case, event: Event) -> Finding:
    what = f"the command `{event.command[:120]}`" if event.kind == "command" else f"the file {event.data.get('path')}"
    message = f"the coder's stream tells of {what}, which no answer of the model asked for (so often), by the gateway's record"
    file, line = case.subject.place(event)
    quote = event.command or str(event.data.get("path", ""))
    return finding("other", "results", NAME, "warn", message, [Quote(file=file, line=line, quote=quote)])


CHECK = Check(NAME, run)
