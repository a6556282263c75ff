"""Cross-check of a coder's CLI: did its model ask for what its stream tells, and does a tool call explain each changed file?

The stream comes out of the sandbox, where every program runs as the CLI's own user: a line of it can be forged. The calls that
the gateway saw cannot. Never a `fail`: a job in the background changes files between calls, and the CLI itself may refuse a call.
"""

from ...audits import Finding, Quote, Severity
from ..events import EVIDENCE, Event
from .case import MAX_QUOTES, Case, Check, Outcome, few, finding
from .requested import Requested, requested, told_by_cli

NAME = "asked"
RESULTS = "results/"


def run(case: Case) -> Outcome:
    """Compare the stream with the gateway's calls, and the host's looks with the stream."""
    subject = case.subject
    told = told_by_cli(subject.events) if subject.host_ledger else []
    found = requested(subject.events) if subject.host_ledger else None
    if found is None:
        why = "the gateway left no list of the calls that the model asked for" if told else "no coder's own program was at work"
        return Outcome(coverage=f"no evidence: {why}")
    findings = [*_unasked(case, found), *_untold(found, silent=not told), *_unexplained(found)]
    return Outcome(findings)


def _unasked(case: Case, found: Requested) -> list[Finding]:
    if not found.unasked:
        return []
    places = [(_said(event), _quote(case, event)) for event in found.unasked]
    message = (
        f"the coder's stream tells of {len(places)} actions that its model never asked for through the gateway; "
        f"what they left proves nothing: {few(places)}"
    )
    return [finding("other", "results", NAME, "warn", message, [quote for _, quote in places[:MAX_QUOTES]])]


def _untold(found: Requested, *, silent: bool) -> list[Finding]:
    if not found.untold:
        return []
    where = Quote(file=EVIDENCE, line=found.note.seq)
    named = [(_short(action.command or f"write {action.path}"), where) for action in found.untold]
    message = (
        f"the model asked for {len(named)} actions that the coder's stream does not tell of (refused, cut by the end, or hidden): "
        f"{few(named)}"
    )
    severity: Severity = "warn" if silent else "info"
    quotes = [Quote(file=EVIDENCE, line=found.note.seq, quote=named[0][0])]
    return [finding("other", "results", NAME, severity, message, quotes)]


def _unexplained(found: Requested) -> list[Finding]:
    changed = [
        (change.path, Quote(file=EVIDENCE, line=e.seq, quote=change.path)) for e in found.unexplained for change in e.changes
    ]
    findings = []
    for severity, part in (
        ("warn", [one for one in changed if one[0].startswith(RESULTS)]),
        ("info", [one for one in changed if not one[0].startswith(RESULTS)]),
    ):
        if part:
            message = (
                "files changed while the coder's stream told of no tool at work (a job in the background does that, and so does "
                f"what the stream hides): {few(part)}"
            )
            quotes = [quote for _, quote in part[:MAX_QUOTES]]
            findings.append(finding("other", "results", NAME, severity, message, quotes))  # type: ignore[arg-type]
    return findings


def _said(event: Event) -> str:
    return _short(event.command or f"write {event.data.get('path') or ', '.join(change.path for change in event.changes)}")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 120 else f"{line[:117]}..."


def _quote(case: Case, event: Event) -> Quote:
    file, line = case.subject.place(event)
    return Quote(file=file, line=line, quote=event.command or _said(event))


CHECK = Check(NAME, run)
