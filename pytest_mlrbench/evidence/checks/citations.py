"""Citations: what is listed against what can exist, what is cited, and what the literature stage found.

Rules: identifiers that cannot be (citations_ids.py); cited but not listed and the reverse (citations_listed.py); entries that the
literature stage never found, by identifier and title (citations_retrieved.py); years, duplicates and placeholders (here); and,
where the caller allows the network, title, authors and year against arXiv, OpenAlex and Crossref (citations_online.py). A `fail`
says that an identifier cannot exist, or belongs to another paper by other people. What nobody found is a `warn`, what could not be
asked `info`.
"""

import re
from collections import defaultdict
from datetime import date

from ...audits import Finding, Quote
from ...patterns import lazy
from .case import Case, Check, Outcome, finding
from .citations_ids import id_problem, judge_ids
from .citations_listed import judge_lists
from .citations_online import judge_online
from .citations_retrieved import Literature, judge_retrieved
from .references import Entry, bibtex_file, folded, references_of, title_words
from .subject import read_text

__all__ = ["CHECK", "NAME", "id_problem", "run"]

NAME = "citations"
PLACEHOLDER = lazy(
    r"\b(first author|second author|author ?(?:one|two|[A-C1-3])\b|author names?|authors? n\.?a\.?|lastname|surname, f|"
    r"john doe|jane doe|doe, j\.|j\. doe|placeholder|citation needed|to appear|tbd|xxxx|et al\.?, n\.d\.)",
    re.IGNORECASE,
)
MAX_BIB_FILES = 5
SERIAL = lazy(r"^(?:0?12345?|23456|34567|45678|56789|67890|78901|89012|90123|01234|98765|87654|76543|65432|54321)$")
"""Serial numbers of arXiv ids that count up or down: fewer than one in a thousand by chance."""
MANY_SERIALS = 3


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
    literature = Literature(subject.literature) if subject.literature is not None else None
    for name, text, scope in texts:
        lines = text.splitlines()
        references = references_of(text, name)
        entries = list(references.entries)
        files = _bib_files(case) if scope == "paper" and re.search(r"@|\\cite", text) else []
        findings += judge_ids(lines, name, scope, subject.today)
        findings += _placeholders(entries, scope)
        findings += _years(entries, scope, subject.today)
        findings += _duplicates(entries, scope)
        findings += _serials(entries, scope)
        findings += judge_lists(lines[: references.body_end], references, files, name, scope)
        if literature is not None and literature.known:
            findings += judge_retrieved(entries, literature, scope)
        if subject.online:
            unknown = [entry for entry in entries if literature is None or not literature.known or not literature.holds(entry)]
            findings += judge_online(unknown, scope, subject.today)
    return Outcome(findings)


def _bib_files(case: Case) -> list[Entry]:
    """Entries of the .bib files beside the paper."""
    folders = dict.fromkeys(path for path in (case.subject.output, case.subject.results) if path is not None and path.is_dir())
    paths = [path for folder in folders for path in sorted(folder.glob("*.bib"))][:MAX_BIB_FILES]
    return [entry for path in paths for entry in bibtex_file(read_text(path), case.subject.name(path))]


def _quote(entry: Entry) -> Quote:
    return Quote(file=entry.file, line=entry.line, quote=entry.text)


def _placeholders(entries: list[Entry], scope: str) -> list[Finding]:
    findings = []
    for entry in entries:
        # A title may well speak of placeholders; then its author part does not.
        outside = entry.text.replace(entry.title, " ") if entry.title else entry.text
        if match := PLACEHOLDER.search(outside):
            message = f"a reference with a placeholder: {match[0]!r}"
            findings.append(finding("incorrect_citation", scope, NAME, "warn", message, [_quote(entry)]))
    return findings


def _years(entries: list[Entry], scope: str, today: date) -> list[Finding]:
    """Years of publication that have not come yet."""
    findings = []
    for entry in entries:
        if entry.year is not None and entry.year > today.year:
            message = f"a reference of {entry.year}, which lies in the future of {today.isoformat()}"
            findings.append(finding("incorrect_citation", scope, NAME, "warn", message, [_quote(entry)]))
    return findings


def _duplicates(entries: list[Entry], scope: str) -> list[Finding]:
    """One title with two years; one identifier with two titles."""
    findings = []
    by_title: dict[str, list[Entry]] = defaultdict(list)
    by_id: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if len(folded(entry.title)) >= 15:
            by_title[folded(entry.title)].append(entry)
        for one in entry.own_ids:
            by_id[one.lower()].append(entry)
    for same in by_title.values():
        years = sorted({entry.year for entry in same if entry.year is not None})
        if len(same) > 1 and len(years) > 1:
            message = f"{same[0].title!r} is listed {len(same)} times, with the years {', '.join(map(str, years))}"
            findings.append(finding("incorrect_citation", scope, NAME, "warn", message, [_quote(entry) for entry in same]))
    for one, same in by_id.items():
        first, others = same[0], same[1:]
        for other in others:
            words, others_words = title_words(first.title), title_words(other.title)
            if min(len(words), len(others_words)) < 3 or not (first.marked and other.marked):
                continue
            # The author parts decide as well: papers are renamed.
            if not words & others_words and not first.surnames & other.surnames:
                message = f"{one} cannot be both {first.title!r} and {other.title!r}"
                findings.append(finding("incorrect_citation", scope, NAME, "fail", message, [_quote(first), _quote(other)]))
    return findings


def _serials(entries: list[Entry], scope: str) -> list[Finding]:
    """Several arXiv ids whose numbers count 12345, 23456, 34567: as people type them, not as arXiv gives them."""
    typed = [
        entry for entry in entries if any(one.startswith("arXiv:") and SERIAL.match(one.partition(".")[2]) for one in entry.ids)
    ]
    if len(typed) < MANY_SERIALS:
        return []
    message = (
        f"{len(typed)} of {len(entries)} references have arXiv numbers that count up or down (12345, 23456); fewer than one in a "
        "thousand does by chance"
    )
    return [finding("incorrect_citation", scope, NAME, "warn", message, [_quote(entry) for entry in typed[:5]])]


CHECK = Check(NAME, run)
