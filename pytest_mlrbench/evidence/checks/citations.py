"""Citations: ids that cannot exist, malformed DOIs, placeholder authors, and keys cited but not listed or never retrieved."""

import calendar
import re
from datetime import date, timedelta

from ...records import Finding, Quote
from .case import Case, Check, Outcome, finding
from .documents import REFERENCES
from .subject import read_text

NAME = "citations"
ARXIV = re.compile(
    r"arxiv(?:\.org/(?:abs|pdf|html)/|\s*(?:preprint)?\s*(?:arxiv)?\s*[:\s]\s*)(\d{3,5}\.\d{3,6})(?:v\d+)?", re.IGNORECASE
)
DOI = re.compile(r"(?:doi\.org/|\bdoi\s*[:=]\s*)(\S+)", re.IGNORECASE)
DOI_FORM = re.compile(r"^10\.\d{4,9}(?:\.\d+)*/\S+$")
PLACEHOLDER = re.compile(
    r"\b(first author|second author|author ?(?:one|two|[A-C1-3])\b|author names?|lastname|surname, f|john doe|jane doe|doe, j\.|"
    r"placeholder|citation needed|to appear|tbd|xxxx|et al\.?, n\.d\.)",
    re.IGNORECASE,
)
NUMERIC = re.compile(r"(?<!!)\[(\d{1,3}(?:\s*[,–-]\s*\d{1,3})*)\](?!\()")
ENTRY = re.compile(r"^\s*(?:[-*]\s*)?(?:\[(\d{1,3})\]|(\d{1,3})[.)])\s+\S")


def run(case: Case) -> Outcome:
    """Check the citations of whatever text the stage has written."""
    subject = case.subject
    names = {"idea": ["idea.md"], "literature": ["related_work.md"], "proposal": ["proposal.md"]}.get(subject.stage)
    findings: list[Finding] = []
    if names is not None:
        texts = [(name, read_text(subject.output / name), "paper") for name in names]
    else:
        texts = [(document.name, document.text, document.scope) for document in case.documents]
    if not any(text for _, text, _ in texts):
        return Outcome(coverage="no evidence: there is no readable text")
    for name, text, scope in texts:
        lines = text.splitlines()
        for number, line in enumerate(lines, 1):
            findings += _ids(line, number, name, scope, subject.today, subject.retrieved_ids)
        findings += _listed(lines, name, scope)
    return Outcome(findings)


def id_problem(arxiv_id: str, today: date) -> str:
    """Why no paper can have this arXiv id on `today`; empty when one can. Ids are YYMM.number: 4 digits to 1412, 5 from 1501,
    the first ones from 0704 (arXiv identifier scheme)."""
    head, _, serial = arxiv_id.partition(".")
    if len(head) != 4:
        return "its first part is not year and month"
    year, month = 2000 + int(head[:2]), int(head[2:])
    if not 1 <= month <= 12:
        return f"there is no month {head[2:]}"
    if (year, month) < (2007, 4):
        return "ids of this form begin with 0704"
    wanted = 5 if (year, month) >= (2015, 1) else 4
    if len(serial) != wanted:
        return f"ids of {calendar.month_abbr[month]} {year} have {wanted} digits after the point, not {len(serial)}"
    if int(serial) == 0:
        return "numbers begin with 1"
    latest = today + timedelta(days=1)  # the month may already have begun elsewhere
    if (year, month) > (latest.year, latest.month):
        return f"{calendar.month_abbr[month]} {year} lies in the future of {today.isoformat()}"
    return ""


def _ids(line: str, number: int, name: str, scope: str, today: date, retrieved: frozenset[str]) -> list[Finding]:
    findings = []
    quote = Quote(file=name, line=number, quote=line.strip())
    for match in ARXIV.finditer(line):
        problem = id_problem(match[1], today)
        if problem:
            message = f"arXiv id {match[1]} cannot exist: {problem}"
            findings.append(finding("incorrect_citation", scope, NAME, "fail", message, [quote]))
        elif retrieved and match[1] not in retrieved:
            message = f"arXiv id {match[1]} was not among the {len(retrieved)} that the literature stage retrieved"
            findings.append(finding("incorrect_citation", scope, NAME, "warn", message, [quote]))
    for match in DOI.finditer(line):
        doi = match[1].rstrip(").,;]}>\"'*_")
        if not DOI_FORM.match(doi):
            message = f"{doi!r} is no DOI: expected 10.<registrant>/<suffix>"
            findings.append(finding("incorrect_citation", scope, NAME, "warn", message, [quote]))
    return findings


def _listed(lines: list[str], name: str, scope: str) -> list[Finding]:
    """Compare `[7]` in the text with the numbered entries of the reference section; look for placeholder authors there."""
    start = next(
        (i for i, line in enumerate(lines) if re.match(r"^(#+|\*\*)", line) and REFERENCES.match(line.lstrip("#* "))), None
    )
    body = lines if start is None else lines[:start]
    listed: dict[int, int] = {}
    findings = []
    for index in range(start + 1 if start is not None else len(lines), len(lines)):
        if match := ENTRY.match(lines[index]):
            listed.setdefault(int(match[1] or match[2]), index + 1)
        if placeholder := PLACEHOLDER.search(lines[index]):
            quote = Quote(file=name, line=index + 1, quote=lines[index].strip())
            message = f"a reference with a placeholder: {placeholder[0]!r}"
            findings.append(finding("incorrect_citation", scope, NAME, "warn", message, [quote]))
    cited: dict[int, int] = {}
    for index, line in enumerate(body, 1):
        for match in NUMERIC.finditer(re.sub(r"`[^`]*`|\$[^$]*\$", "", line)):
            for part in match[1].split(","):
                low, _, high = re.sub(r"\s", "", part).replace("–", "-").partition("-")
                if low.isdigit() and (not high or high.isdigit()) and int(high or low) - int(low) < 50:
                    for key in range(int(low), int(high or low) + 1):
                        cited.setdefault(key, index)
    if listed:
        for key in sorted(cited.keys() - listed.keys() - {0}):
            quote = Quote(file=name, line=cited[key], quote=body[cited[key] - 1].strip())
            message = f"[{key}] is cited, but the references end without it ({len(listed)} entries)"
            findings.append(finding("incorrect_citation", scope, NAME, "warn", message, [quote]))
        if cited and (unused := sorted(listed.keys() - cited.keys())):
            quotes = [Quote(file=name, line=listed[key], quote=lines[listed[key] - 1].strip()) for key in unused[:3]]
            message = f"{len(unused)} of {len(listed)} listed references are never cited: {', '.join(map(str, unused[:10]))}"
            findings.append(finding("incorrect_citation", scope, NAME, "info", message, quotes))
    return findings


CHECK = Check(NAME, run)
