"""After failure: a program failed, and what it should have measured was then typed."""

from ...audits import Finding, Quote
from ..events import Event
from .case import Case, Check, Outcome, finding, output_tail, quote_of
from .provenance import DATA, NO_RESULTS, typed_tally
from .subject import files_below

NAME = "after_failure"


def run(case: Case) -> Outcome:
    """Look for typed results after a failed run that no later program made good."""
    subject = case.subject
    if not subject.watched or subject.results is None or subject.experiment is None:
        return Outcome(coverage="no evidence: neither a ledger nor the coder's log says which commands failed")
    failed = [event for event in case.writers.runs if event.failed]
    if not failed:
        return Outcome()
    findings: list[Finding] = []
    for path in files_below(subject.results):
        name = subject.name(path)
        if path.suffix.lower() not in DATA | {".md"} or NO_RESULTS.search(name):
            continue
        writing = case.writer(name)
        if writing is None or writing.how != "typed":
            continue
        before = [event for event in failed if event.seq <= writing.event.seq]
        if not before:
            continue
        tally = case.tallies[name] if name in case.tallies else typed_tally(case, path, name)
        if not tally.missing or not case.decides(tally):
            continue
        last = before[-1]
        message = (
            f"a run failed ({_ending(last)}), and {name} was then typed ({writing.place}) with {len(tally.missing)} numbers "
            "that no program of this run wrote"
        )
        quotes = [
            Quote(file=subject.place(last)[0], line=subject.place(last)[1], quote=last.command[:300]),
            Quote(file=last.output or subject.place(last)[0], quote=output_tail(case, last)),
            *(quote_of(one.claim, name) for one in tally.missing[:3]),
        ]
        findings.append(finding("faked_results", "results", NAME, "fail", message, quotes))
    return Outcome(findings)


def _ending(event: Event) -> str:
    return f"exit status {event.exit_code}" if event.exit_kind == "exited" else str(event.exit_kind)


CHECK = Check(NAME, run)
