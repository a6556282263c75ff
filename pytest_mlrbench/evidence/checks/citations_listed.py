"""What the text cites against what its list holds: numbers, keys, and authors with years; citations.py calls it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ...audits import Finding, Quote
from ...patterns import lazy
from .case import finding
from .references import YEAR, Entry, References, folded

NAME = "citations"
NUMERIC = lazy(r"(?<!!)\\?\[(\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*)\\?\](?!\()")
FOOTNOTE = lazy(r"\[\^(\d{1,3})\](?!:)")
PANDOC = lazy(r"\[([^\[\]\n]{0,200}?@[^\[\]\n]{1,200})\](?!\()")
PANDOC_KEY = lazy(r"(?<![\w.])-?@([A-Za-z][\w:.+/-]{1,60})")
LATEX = lazy(r"\\(?:[Cc]ite[a-z]*|parencite|textcite|autocite)\*?(?:\[[^\]\n]{0,60}\]){0,2}\{([^{}\n]{1,400})\}")
_NAME = r"(?:(?:van|von|de|der|den|di|da|del|la|le|al|el|bin|ten|Van|Von|De|Di|La|Le)\s){0,2}[A-ZÀ-Ž][\w'’‑-]{1,40}"
NARRATIVE = lazy(rf"(?<!\w)({_NAME})(?:\s(?:et\sal\.?|(?:and|&)\s(?:{_NAME}|colleagues))(?:’s|'s)?),?\s?[(\[]({YEAR})[a-z]?[)\],;]")
IN_BRACKETS = lazy(r"[(\[]([^()\[\]\n]{3,400})[)\]]")
ONE_BRACKETED = lazy(
    rf"^(?:(?:e\.g\.,?|see|cf\.|i\.e\.,?|and|also|by|from|following|as in)\s+){{0,2}}({_NAME})"
    rf"(?:(?:,\s{_NAME}){{0,4}},?\s(?:and|&)\s{_NAME}|\set\sal\.?)?,?\s({YEAR})[a-z]?"
    rf"(?:,\s?({YEAR})[a-z]?)?(?:,\s?(?:p|pp|sec|ch)\.?\s?\S+)?$"
)
_NO_AUTHORS = """
January February March April May June July August September October November December Spring Summer Autumn Fall Winter
NeurIPS ICML ICLR CVPR ICCV ECCV ACL EMNLP NAACL AAAI IJCAI KDD SIGIR Figure Table Section Appendix Version Accessed Since Retrieved
Updated Published Released Copyright Python Windows Ubuntu ImageNet COCO Proceedings In Early Late Mid Year Until
"""
NO_AUTHORS = frozenset(folded(word) for word in _NO_AUTHORS.split())
"""Capitalised words that stand before a year and are no author."""
MAX_SHOWN = 10


@dataclass
class Cited:
    """Where a text first cites what."""

    numbers: dict[int, int] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    authors: dict[tuple[str, int], tuple[int, str]] = field(default_factory=dict)
    """(first author, folded; year) -> line, as written."""


def cited_in(body: list[str]) -> Cited:
    """Citations of the text before the reference list, code and formulas left out."""
    cited = Cited()
    fenced = False
    for index, raw in enumerate(body, 1):
        if raw.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
            continue
        if fenced or not raw.strip():
            continue
        line = re.sub(r"`[^`]*`|\$[^$]*\$|\\\([^\n]*?\\\)", " ", raw[:10_000])
        for key in _numbers(line):
            cited.numbers.setdefault(key, index)
        for match in LATEX.finditer(line):
            for named in match[1].split(","):
                cited.keys.setdefault(named.strip(), index)
        for group in PANDOC.finditer(line):
            for one in PANDOC_KEY.finditer(group[1]):
                cited.keys.setdefault(one[1].rstrip(".:"), index)
        for name, year, text in _authors(line):
            if folded(name) not in NO_AUTHORS:
                cited.authors.setdefault((folded(name), year), (index, text))
    return cited


def _numbers(line: str) -> Iterator[int]:
    for match in FOOTNOTE.finditer(line):
        yield int(match[1])
    for match in NUMERIC.finditer(line):
        for part in re.split("[,;]", match[1]):
            low, _, high = re.sub(r"\s", "", part).replace("–", "-").partition("-")
            if low.isdigit() and (not high or high.isdigit()) and int(high or low) - int(low) < 50:
                yield from range(int(low), int(high or low) + 1)


def _authors(line: str) -> Iterator[tuple[str, int, str]]:
    """(first author, year, as written) of `Doe et al. (2023)` and `(Doe & Roe, 2023; Poe, 2021)`."""
    for match in NARRATIVE.finditer(line):
        yield match[1].split()[-1], int(match[2]), match.group().rstrip(",;")
    for group in IN_BRACKETS.finditer(line):
        for part in group[1].split(";"):
            one = ONE_BRACKETED.match(part.strip())
            if one and ("," in part or "et al" in part or "&" in part):
                for year in one.groups()[1:]:
                    if year:
                        yield one[1].split()[-1], int(year), part.strip()


def judge_lists(body: list[str], references: References, files: list[Entry], name: str, scope: str) -> list[Finding]:
    """Cited but not listed (`warn`), listed but never cited (`info`). `files`: the entries of .bib files beside the text."""
    entries = references.entries
    cited = cited_in(body)
    findings = _numbered(cited, entries, body, name, scope)
    keyed = [entry for entry in (*entries, *files) if entry.key]
    listed = {entry.key for entry in keyed}
    if listed and cited.keys:
        for key in [key for key in cited.keys if key not in listed][:MAX_SHOWN]:
            message = f"{key} is cited, but is none of the {len(listed)} keys of the references"
            findings.append(_at(body, cited.keys[key], message, name, scope))
    by_author = [*entries, *files]
    if by_author and cited.authors:
        findings += _by_author(cited, by_author, body, name, scope)
    return findings


def _at(body: list[str], line: int, message: str, name: str, scope: str) -> Finding:
    quote = Quote(file=name, line=line, quote=body[line - 1].strip())
    return finding("incorrect_citation", scope, NAME, "warn", message, [quote])


def _numbered(cited: Cited, entries: tuple[Entry, ...], body: list[str], name: str, scope: str) -> list[Finding]:
    listed: dict[int, Entry] = {}
    for entry in entries:
        if entry.number is not None:
            listed.setdefault(entry.number, entry)
    if not listed:
        return []
    findings = []
    for key in sorted(cited.numbers.keys() - listed.keys() - {0}):
        message = f"[{key}] is cited, but the references end without it ({len(listed)} entries)"
        findings.append(_at(body, cited.numbers[key], message, name, scope))
    unused = sorted(listed.keys() - cited.numbers.keys())
    if cited.numbers and unused:
        findings.append(_unused([listed[key] for key in unused], len(listed), ", ".join(map(str, unused[:10])), scope))
    return findings


def _by_author(cited: Cited, entries: list[Entry], body: list[str], name: str, scope: str) -> list[Finding]:
    """An entry is meant when it names the author; a year beside it may differ by one (preprint and publication)."""
    findings: list[Finding] = []
    used: set[int] = set()
    texts = [folded(entry.text) for entry in entries]
    for (author, year), (line, text) in cited.authors.items():
        named = [index for index, plain in enumerate(texts) if author in plain]
        meant = [index for index in named if entries[index].year is None or abs((entries[index].year or 0) - year) <= 1]
        used.update(meant or named)
        if len(findings) >= MAX_SHOWN or meant:
            continue
        if named:
            found = entries[named[0]]
            message = f"({text}) is cited, but the list has this author only with {found.year}"
            extra = Quote(file=found.file, line=found.line, quote=found.text)
            one = _at(body, line, message, name, scope)
            findings.append(replace(one, evidence=[*one.evidence, extra]))
        else:
            message = f"({text}) is cited, but no listed reference is by this author ({len(entries)} entries)"
            findings.append(_at(body, line, message, name, scope))
    plain = [entry for entry in entries if entry.number is None and not entry.key]
    unused = [entry for index, entry in enumerate(entries) if index not in used and entry in plain]
    if plain and unused:
        named_ones = ", ".join(" ".join(entry.text.split()[:3]) for entry in unused[:5])
        findings.append(_unused(unused, len(plain), named_ones, scope))
    return findings


def _unused(entries: list[Entry], total: int, named: str, scope: str) -> Finding:
    quotes = [Quote(file=entry.file, line=entry.line, quote=entry.text) for entry in entries[:3]]
    message = f"{len(entries)} of {total} listed references are never cited: {named}"
    return finding("incorrect_citation", scope, NAME, "info", message, quotes)
