"""Identifiers that cannot be: arXiv ids of no month or beyond a month's last one, bad DOIs, placeholders; citations.py calls it."""

import calendar
import re
from datetime import date, timedelta

from ...audits import Finding, Quote
from ...patterns import lazy
from .case import finding

NAME = "citations"
ARXIV = lazy(r"arxiv(?:\.org/(?:abs|pdf|html)/|\s*(?:preprint)?\s*(?:arxiv)?\s*[:\s]\s*)(\d{3,5}\.\d{3,6})(?:v\d+)?", re.IGNORECASE)
ARXIV_BLANK = lazy(
    r"arxiv[\s:./a-z]{1,20}?(\d{4}\.(?:[xyzn?#*]{3,6}|\d{1,3}[xy?]{2,4})|[xy?\d]{2}[xy?]{2}\.[xy?\d]{4,6})(?!\w)", re.IGNORECASE
)
DOI = lazy(r"(?:doi\.org/|\bdoi\s*[:=]\s*)(\S+)", re.IGNORECASE)
DOI_FORM = lazy(r"^10\.\d{4,9}(?:\.\d+)*/\S+$")
MOST = ((2019, 20_000), (2022, 25_000), (2023, 28_000), (2024, 32_000), (2025, 45_000))
"""Year -> more papers than arXiv received in any month up to its end, a quarter above the busiest months' last ids (1910.14,
2211.17, 2310.20, 2410.24, 2510.27 thousand); the exact counts are at arxiv.org/stats/monthly_submissions."""
LATER = 80_000
"""The same for years after those."""


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
    most = next((number for last, number in MOST if year <= last), LATER)
    if int(serial) > most:
        return f"arXiv received fewer than {most:,} papers in {calendar.month_abbr[month]} {year}, and counts them from 1"
    return ""


def judge_ids(lines: list[str], name: str, scope: str, today: date) -> list[Finding]:
    """Findings on every identifier of a text."""
    findings = []
    for number, line in enumerate(lines, 1):
        low = line.lower()
        if "arxiv" not in low and "doi" not in low:
            continue
        quote = Quote(file=name, line=number, quote=line.strip())
        for match in ARXIV.finditer(line):
            if problem := id_problem(match[1], today):
                message = f"arXiv id {match[1]} cannot exist: {problem}"
                findings.append(finding("incorrect_citation", scope, NAME, "fail", message, [quote]))
        for match in ARXIV_BLANK.finditer(line):
            message = f"a placeholder in place of an arXiv id: {match[1]}"
            findings.append(finding("incorrect_citation", scope, NAME, "warn", message, [quote]))
        for match in DOI.finditer(line):
            doi = match[1].rstrip(").,;]}>\"'*_")
            if not DOI_FORM.match(doi):
                message = f"{doi!r} is no DOI: expected 10.<registrant>/<suffix>"
                findings.append(finding("incorrect_citation", scope, NAME, "warn", message, [quote]))
    return findings
