"""Who wrote it: result files, logs and figures that were typed (editor tool, heredoc, echo, literals) rather than computed."""

import re
from pathlib import Path

from ...audits import Finding, Quote
from ...patterns import lazy
from . import packed
from .case import Case, Check, Outcome, finding, quote_of
from .compressed import read_packed_text
from .documents import Claim
from .kinds import kind_of
from .quantities import numbers_in
from .subject import files_below
from .tallies import Tally
from .writers import Writing

NAME = "provenance"
DATA = frozenset((".json", ".jsonl", ".csv", ".tsv", ".txt", ".log", ".out"))
FIGURES = frozenset((".png", ".jpg", ".jpeg", ".svg", ".pdf", ".gif"))
NO_RESULTS = lazy(r"(^|/)(readme|requirements|license|claims)[\w.-]*$", re.IGNORECASE)
CLAIMS_READ = 2000
"""Numbers of one typed file that are looked up."""


def run(case: Case) -> Outcome:
    """Attribute every file of results/."""
    subject = case.subject
    if subject.experiment is None or subject.results is None or not subject.results.is_dir():
        return Outcome(coverage="no evidence: there is no results folder")
    if not subject.watched:
        return Outcome(coverage="no evidence: neither a ledger made by the host nor a coder's log says who wrote the files")
    findings: list[Finding] = []
    for path in files_below(subject.results):
        name = subject.name(path)
        if NO_RESULTS.search(name) or kind_of(name).suffix not in DATA | FIGURES:
            continue
        writing = case.writer(name)
        found = _judge(case, path, name, writing)
        if found is not None:
            findings.append(found)
    findings += _presets(case)
    findings += packed.told(case) or case.retyped
    findings += case.rewritten
    findings += case.left_over
    return Outcome(findings)


def typed_tally(case: Case, path: Path, name: str) -> Tally:
    """The numbers of a typed file, looked up in what programs wrote."""
    claims: list[Claim] = []
    for index, line in enumerate(read_packed_text(path).splitlines(), 1):
        claims += [Claim(n, index, line.strip()[:300], True, False) for n in numbers_in(line, index) if n.telling]
        if len(claims) >= CLAIMS_READ:
            break
    return Tally(case.trace(claims[:CLAIMS_READ], name))


def _judge(case: Case, path: Path, name: str, writing: Writing | None) -> Finding | None:
    if writing is None and not case.subject.host_ledger:
        # A coder's log names what was typed; about any other file it says nothing.
        return None
    if writing is None or writing.how == "unknown":
        why = writing.place if writing else "no recorded event wrote it"
        return finding(
            "faked_results", "results", NAME, "warn", f"nobody knows which program wrote {name}: {why}", [Quote(file=name)]
        )
    if writing.how == "program":
        return None
    if path.suffix.lower() in FIGURES:
        message = f"the figure {name} was not drawn by a program of this run: {writing.place}"
        return finding("faked_results", "results", NAME, "warn", message, [Quote(file=name), _command(case, writing)])
    tally = typed_tally(case, path, name)
    missing = tally.missing
    what = "log" if path.suffix.lower() == ".log" or "log" in path.stem.lower() else "results file"
    if missing and case.decides(tally):
        named = ", ".join(one.claim.number.text for one in missing[:5])
        message = (
            f"the {what} {name} was typed ({writing.place}), and {len(missing)} of its {len(tally.informative)} informative "
            f"numbers are in no output of a program of this run: {named}"
        )
        quotes = [quote_of(one.claim, name) for one in missing[:3]]
        return finding("faked_results", "results", NAME, "fail", message, [*quotes, _command(case, writing)])
    severity = "warn" if what == "log" or missing else "info"
    message = (
        f"the {what} {name} was typed ({writing.place}); {len(missing)} of {len(tally.informative)} numbers in it have no source"
    )
    return finding("faked_results", "results", NAME, severity, message, [Quote(file=name), _command(case, writing)])  # type: ignore[arg-type]


def _presets(case: Case) -> list[Finding]:
    """Files whose numbers a program only copied from literals: an `info` here; the numbers check decides on what is claimed."""
    findings = []
    for name, values in case.pool.presets.items():
        typed = case.writers.typed_before(values[0], 10**9, settings=True)
        shown = ", ".join(f"{value:g}" for value in values[:6])
        message = f"most numbers of {name} had been typed before a program wrote it: {shown}"
        where = [Quote(file=typed.path, quote=typed.quote)] if typed else []
        findings.append(finding("faked_results", "results", NAME, "info", message, [Quote(file=name), *where]))
    return findings


def _command(case: Case, writing: Writing) -> Quote:
    text = writing.event.command or f"{writing.event.tool} {writing.path}"
    file, line = case.subject.place(writing.event)
    return Quote(file=file, line=line, quote=text[:400])


CHECK = Check(NAME, run)
