"""An audit as lines for a terminal: verdict, each finding with its places, what each check had; `mlrbench check` prints them."""

import shutil
import textwrap
from collections import Counter
from collections.abc import Iterator

from ..audits import Audit, Finding, Quote, Severity
from .shown import plain

SEVERITIES: tuple[Severity, ...] = ("fail", "warn", "info")
SHOWN = 3
"""Warnings and remarks of one check and kind that are printed; every `fail` is."""
MAX_WIDTH = 132
QUOTE_LINES = 6
"""Lines of one quote that are printed."""


def audit_lines(folder: str, found: Audit, *, whole: bool = False) -> Iterator[str]:
    """The lines, `fail` first. `whole` prints every warning and remark, not the first three of a check and kind."""
    width = min(shutil.get_terminal_size((MAX_WIDTH, 24)).columns, MAX_WIDTH)
    counts = Counter(finding.severity for finding in found.findings)
    told = ", ".join(f"{counts[name]} {name}" for name in SEVERITIES if counts[name]) or "no findings"
    support = "no headline number to trace" if found.support is None else f"{found.support:.0%} of the headline numbers traced"
    yield f"{plain(folder)}: {found.verdict} ({support}); {told}"
    kinds: Counter[tuple[str, str, str]] = Counter()
    hidden: Counter[tuple[str, str, str]] = Counter()
    for finding in sorted(found.findings, key=lambda one: SEVERITIES.index(one.severity)):
        kind = (finding.severity, finding.check, finding.scope)
        kinds[kind] += 1
        if finding.severity != "fail" and kinds[kind] > SHOWN and not whole:
            hidden[kind] += 1
            continue
        yield from _finding(finding, width)
    if hidden:
        yield ""
        for (severity, check, scope), count in hidden.items():
            yield f"{count} more {severity} of {check}, {scope} (--all shows them)"
    yield ""
    yield "checks:"
    length = max(map(len, found.coverage), default=0)
    for check, coverage in found.coverage.items():
        yield from _wrapped(f"  {check:{length}}  ", plain(coverage), width)


def _finding(finding: Finding, width: int) -> Iterator[str]:
    yield ""
    yield from _wrapped(
        f"{finding.severity.upper()} ", f"[{finding.check}, {finding.scope}, {finding.type}] {plain(finding.message)}", width, 5
    )
    for place in finding.evidence:
        yield from _place(place, width)


def _place(place: Quote, width: int) -> Iterator[str]:
    """`file:line` and the quote, on one line where it fits."""
    where = f"     {_where(place)}"
    quoted = [one.rstrip() for one in plain(place.quote, lines=True).splitlines() if one.strip()]
    if len(quoted) == 1 and len(where) + 2 + len(quoted[0].strip()) <= width:
        yield f"{where}  {quoted[0].strip()}"
        return
    yield where
    for one in quoted[:QUOTE_LINES]:
        yield from _wrapped("       ", one, width, 9)
    if len(quoted) > QUOTE_LINES:
        yield f"       ... {len(quoted) - QUOTE_LINES} more lines"


def _where(place: Quote) -> str:
    """`file:line`; a page for a PDF; for what a call of a session log printed, the call's line."""
    file, _, call = plain(place.file).partition("#")
    if call and place.line is None:
        return f"{file}:{call.partition('.')[0]} (what it printed)"
    if place.line is None:
        return plain(place.file)
    return f"{plain(place.file)}, page {place.line}" if file.lower().endswith(".pdf") else f"{plain(place.file)}:{place.line}"


def _wrapped(lead: str, text: str, width: int, indent: int | None = None) -> list[str]:
    """`text` after `lead`, its further lines below it; words are not broken, so that paths can be copied."""
    return textwrap.wrap(
        text,
        max(width, 60),
        initial_indent=lead,
        subsequent_indent=" " * (len(lead) if indent is None else indent),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [lead.rstrip()]
