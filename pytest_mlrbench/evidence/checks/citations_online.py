"""References looked up in arXiv, OpenAlex and Crossref, where the caller allows the network; citations.py calls it.

An identifier that belongs to another paper by other people is a `fail`; what no index knows, and wrong years and authors, are
`warn`; what could not be asked is `info`.
"""

from datetime import date

from ...audits import Finding, Quote
from ...errors import InfrastructureError
from ...search.works import Work
from .case import finding
from .citations_ids import id_problem
from .citations_retrieved import speaks_of, wrong_title
from .references import Entry, folded, title_words

NAME = "citations"
MAX_TITLES = 40
"""Titles that are searched for one text: an index without a key answers about a hundred searches a day."""
MAX_SECONDS = 40.0
"""After so long nothing more is asked: the audit of a trial itself has two minutes."""
SAME = 0.75
"""Share of common title words from which a found work is the one meant."""
YEARS = 1
"""Years by which preprint and publication may differ without a word."""


def judge_online(entries: list[Entry], scope: str, today: date) -> list[Finding]:
    """Findings on what the indexes say of these entries."""
    from ...search.lookup import Lookup, why

    if not entries:
        return []
    lookup = Lookup(seconds=MAX_SECONDS)
    findings: list[Finding] = []
    ids = [one for entry in entries for one in entry.ids if not (one.startswith("arXiv:") and id_problem(one[6:], today))]
    asked = left = 0
    try:
        found = lookup.by_ids(list(dict.fromkeys(ids)))
        for entry in entries:
            known = [one for one in entry.ids if one in found]
            works = [work for one in known if (work := found[one]) is not None]
            if works:
                # An entry with several identifiers is about the work that it speaks of.
                findings += _compare(entry, next((work for work in works if speaks_of(entry, work)), works[0]), scope)
            elif known:
                message = f"{', '.join(known)}: {_named(lookup.sources)} know no work with this identifier"
                findings.append(finding("incorrect_citation", scope, NAME, "warn", message, [_quote(entry)]))
            elif len(title_words(entry.title)) < 3 or asked >= MAX_TITLES:
                left += 1
            else:
                asked += 1
                findings += _by_title(entry, lookup.by_title(entry.title), scope, lookup.sources)
        if left:
            message = f"{left} of {len(entries)} references were not looked up: no title can be told in them, or there are too many"
            findings.append(finding("incorrect_citation", scope, NAME, "info", message))
    except (InfrastructureError, OSError) as error:
        reason = why(error) if isinstance(error, InfrastructureError) else str(error)
        message = f"references were not all looked up: no network, or an index that does not answer ({reason})"
        findings.append(finding("incorrect_citation", scope, NAME, "info", message))
    return findings


def _compare(entry: Entry, work: Work, scope: str) -> list[Finding]:
    """The entry with the work that its identifier leads to."""
    if not speaks_of(entry, work):
        if entry.own_ids and entry.marked and len(title_words(entry.title)) >= 3:
            return [wrong_title(entry, work, scope, work.id)]
        message = f"{work.id} is {work.title!r} by {', '.join(work.authors[:3])}, of which the reference says nothing"
        return [finding("incorrect_citation", scope, NAME, "warn", message, [_quote(entry)])]
    return _details(entry, work, scope)


def _by_title(entry: Entry, works: list[Work], scope: str, sources: tuple[str, ...]) -> list[Finding]:
    words = title_words(entry.title)
    same = [work for work in works if _share(words, title_words(work.title)) >= SAME]
    if not same:
        message = f"no work with the title {entry.title!r} is known to {_named(sources)}"
        return [finding("incorrect_citation", scope, NAME, "warn", message, [_quote(entry)])]
    # Of several with that title, the one that fits best is meant.
    best = min((_details(entry, work, scope) for work in same), key=len)
    return best


def _details(entry: Entry, work: Work, scope: str) -> list[Finding]:
    """Year and authors, `warn`."""
    findings = []
    there = Quote(file=work.id, quote=f"{work.title}. {', '.join(work.authors[:5])} ({work.year})")
    if entry.year is not None and work.year is not None and abs(entry.year - work.year) > YEARS:
        message = f"{entry.title or work.title!r} is of {work.year}, not {entry.year}"
        findings.append(finding("incorrect_citation", scope, NAME, "warn", message, [_quote(entry), there]))
    names = [folded(author.split()[-1]) for author in work.authors if author.split()]
    plain = folded(entry.text)
    if names and entry.surnames and not any(name in plain for name in names if len(name) >= 2):
        message = f"{entry.title or work.title!r} is by {', '.join(work.authors[:3])}, none of whom the reference names"
        findings.append(finding("incorrect_citation", scope, NAME, "warn", message, [_quote(entry), there]))
    return findings


def _share(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one and other else 0.0


def _named(sources: tuple[str, ...]) -> str:
    spoken = [{"arxiv": "arXiv", "openalex": "OpenAlex", "crossref": "Crossref"}[one] for one in sources]
    return " and ".join([", ".join(spoken[:-1]), spoken[-1]] if len(spoken) > 1 else spoken)


def _quote(entry: Entry) -> Quote:
    return Quote(file=entry.file, line=entry.line, quote=entry.text)
