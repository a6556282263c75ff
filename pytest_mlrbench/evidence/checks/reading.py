"""Reading: which parts of the work are there and could be read; what is missing is named: silence is not innocence."""

from .case import Case, Check, Outcome
from .layout import SOURCES
from .subject import files_below

NAME = "reading"
SHOWN = 4
"""Files named in the coverage."""


def run(case: Case) -> Outcome:
    """Name what is not there and what was not read; never a finding."""
    subject = case.subject
    missing: list[str] = []
    if subject.experiment is not None and not subject.host_ledger:
        if not any(path.suffix.lower() in SOURCES for path in files_below(subject.experiment)):
            missing.append("no code")
        if not case.pool.files:
            missing.append("no data file or output with numbers")
        if not subject.events:
            missing.append("no session log of the coder")
    if not case.documents:
        missing.append("no readable report or paper")
    unread = [*subject.unread, *case.pool.unread]
    if case.paper_problem and subject.paper is not None:
        unread.append(f"{subject.name(subject.paper)}: {case.paper_problem}")
    if case.paper is not None and case.paper.pages:
        unread.append(f"tables of {case.paper.name} (a PDF's are read as lines of text; a line number is a page)")
    if case.unseen:
        shown = subject.log_name or "the coder's own stream"
        unread.append(f"the whole output of {len(case.unseen)} programs, which {shown} does not show")
    if len(unread) > SHOWN:
        unread = [*unread[:SHOWN], f"{len(unread) - SHOWN} more"]
    told = [*([f"there is {', '.join(missing)}"] if missing else []), *([f"not read: {'; '.join(unread)}"] if unread else [])]
    return Outcome(coverage=f"no evidence: {'; '.join(told)}" if told else "done")


CHECK = Check(NAME, run)
