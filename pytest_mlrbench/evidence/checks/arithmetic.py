"""Mathematical errors: improvements, averages, sums, shares and best values that the document's own numbers refute.

Rule. `fail` needs everything in the document itself and no reading left: `N of M (P %)` with another P; a stated change with both
operands in one sentence (`from 71.2 to 78.4, a 10.1 % gain`) that is not relative to either side, not in points, not of the
remaining error and no factor, whatever was rounded; a cell of a column of changes, averages or sums that is off where at least
three other cells of it are exact. Everything else is a `warn`: changes whose operands stand in a table, because means of ratios
are no ratios of means; changes that no two numbers of a table or sentence give at all; averages outside the range of their
parts; shares that do not add up to 100; bold cells that are not the best; LaTeX that does not parse.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from ...audits import Finding, Quote, Severity
from ...patterns import lazy
from . import changed_cells, columns, mathtext, unfollowed
from .case import Case, Check, Outcome, finding
from .changes import fits
from .documents import Document
from .grid import Grid, data_grids, oriented
from .mentions import Lexicon
from .sentences import Sentence
from .stated_changes import changes_of, spelled

NAME = "arithmetic"
MAX_TOLD = 20
"""Findings of one kind and document."""
_N = r"<N\d+>"
_FROM = lazy(rf"\bfrom (?P<a>{_N}) (?:\w+ )?(?:to|→) (?P<b>{_N})")
_OPERANDS = lazy(
    r" ?(?:$|[.,;:()–—-]|<M|%|(?:in|on|for|with|by|at|of|after|over|across|under|using|an?|the|points?|which|that|representing"
    r"|relative|absolute|percent|is|was|percentage)\b)"
)
"""What may follow the second value of a result; `from 0 to 40 % noise` and `from 2 to 8 layers cost` speak of a condition."""
_COUNTED = lazy(r"\d ?(?:of|out of|/|-|:|–) ?(?:the |all )?\d")
_COUNT = lazy(
    r"(?<![\d.,/])(?P<n>\d{1,7}) ?(?:(?:out )?of|/) ?(?:the |all )?(?P<m>\d{1,7})(?![\d.]*[/\d])(?: [A-Za-z][\w-]*){0,4} "
    r"?[(,=:]{1,2} ?"
    r"(?P<p>\d{1,3}(?:\.\d+)?) ?\\?%(?=\s*[).,;]|$)(?! ?(?:CI|confidence))"
)
_COUNT_BACK = lazy(
    r"(?<![\d.–-])(?P<p>\d{1,3}(?:\.\d+)?) ?\\?% ?\((?P<n>\d{1,7}) ?(?:(?:out )?of|/) ?(?P<m>\d{1,7})(?: [A-Za-z][\w-]*){0,3}\)"
)
_SPLIT = lazy(r"(?<![\d.,/:-])(\d{1,2}(?:[/:–-]\d{1,2}){1,3})(?![\d/:.–-])(?:%)? (?:train\w*|split|\w+/\w+ split|\(train)")
_NOT_PAIR = lazy(r"\bp\s*[<=]|\bconfidence\b|\bCI\b")


def run(case: Case) -> Outcome:
    """Check the arithmetic of results.md and of the paper."""
    if not case.documents:
        return Outcome(coverage="no evidence: there is no results.md and no paper in text form")
    findings: list[Finding] = []

    @cache
    def data() -> tuple[Sequence[Grid], Lexicon]:
        tables = [oriented(grid) for grid in data_grids(case)]
        return tables, Lexicon(tables)

    for passage in case.passages:
        document, sentences = passage.document, passage.sentences
        findings += counts(document, sentences)[:MAX_TOLD]
        certain = stated_in_full(document, sentences, passage.lexicon)
        lines = {quote.line for one in certain for quote in one.evidence}
        others = changed_cells.findings(document, sentences, passage.tables, passage.lexicon, data)
        named = [*certain, *(one for one in others if one.evidence[0].line not in lines)][:MAX_TOLD]
        tables = [table for other in case.documents for table in other.tables]
        told = {quote.line for one in named for quote in one.evidence if quote.file == document.name and quote.line is not None}
        findings += [*named, *unfollowed.findings(document, tables, sentences, passage.lexicon, told)]
        findings += columns.findings(document, passage.grids)[:MAX_TOLD]
        findings += mathtext.findings(document)[:MAX_TOLD]
    return Outcome(findings)


def tell(document: Document, severity: Severity, message: str, quotes: Sequence[Quote]) -> Finding:
    """A finding of this check."""
    return finding("mathematical_error", document.scope, NAME, severity, message, list(quotes))


def counts(document: Document, sentences: Sequence[Sentence]) -> list[Finding]:
    """`N of M (P %)`, and splits that must add up to 100."""
    found = []
    for sentence in sentences:
        text = sentence.text
        if not _COUNTED.search(text):
            continue
        for match in [*_COUNT.finditer(text), *_COUNT_BACK.finditer(text)]:
            n, m, p = int(match["n"]), int(match["m"]), match["p"]
            decimals = len(p.partition(".")[2])
            if m == 0 or n > m or not sentence.of_results:
                continue
            share = 100 * n / m
            # Rounded, cut, or the share of the others.
            if min(abs(float(p) - share), abs(100 - float(p) - share)) > 10.0**-decimals * (1 + 1e-9):
                certain = m >= 2 and abs(float(p) - share) > 1.0 and not _NOT_PAIR.search(text)
                message = f"{n} of {m} is {share:.{decimals + 1}f} %, but the text says {p} %"
                found.append(
                    tell(
                        document,
                        "fail" if certain else "warn",
                        message,
                        [Quote(file=document.name, line=sentence.line, quote=text)],
                    )
                )
        for match in _SPLIT.finditer(text):
            parts = [int(part) for part in re.split(r"[/:–-]", match[1])]
            if len(parts) >= 2 and 90 <= sum(parts) <= 110 and sum(parts) != 100 and all(part % 5 == 0 for part in parts):
                message = f"the parts of the split {match[1]} add up to {sum(parts)}, not to 100"
                found.append(tell(document, "warn", message, [Quote(file=document.name, line=sentence.line, quote=text)]))
    return found


def stated_in_full(document: Document, sentences: Sequence[Sentence], lexicon: Lexicon) -> list[Finding]:
    """Sentences with one change and one `from A to B`, of which no reading is left."""
    found = []
    for sentence in sentences:
        if "from" not in sentence.text or not changed_cells.SIGN.search(sentence.text) or not sentence.of_results:
            continue
        one = _from_to(document, sentence, lexicon)
        if one is not None:
            found.append(one)
    return found


def _from_to(document: Document, sentence: Sentence, lexicon: Lexicon) -> Finding | None:
    """The `fail`: nothing in the sentence but the two values and their change, and that wrong by a tenth at least."""
    reading = spelled(lexicon.read(sentence.text))
    pairs = list(_FROM.finditer(reading.code))
    stated = changes_of(reading, lexicon)
    if len(pairs) != 1 or len(stated) != 1 or "average" in reading.code or "respectively" in reading.code:
        return None
    a, b = (reading.numbers[int(pairs[0][name][2:-1])] for name in ("a", "b"))
    # The reading may be of any kind here: nothing is left to what a metric's name says.
    one, start = replace(stated[0].stated, by=False), stated[0].start
    if one.number in (a, b) or one.bound or fits(one, a, b) or abs(pairs[0].start() - start) > 90:
        return None
    between = reading.code[min(pairs[0].start(), start) : max(pairs[0].end(), start)]
    if re.search(r"[;:]| and | while | whereas | but | when | as | if | once ", between) or len(reading.numbers) != 3:
        return None
    # A sweep's ends are no operands: they have a noun of their own, begin at nothing, or are coarser than the points between them.
    if not _OPERANDS.match(reading.code, pairs[0].end()) or a.value == 0 or (one.points and one.number.ulp < min(a.ulp, b.ulp)):
        return None
    # A per-seed mean of ratios is nearer than a tenth.
    if fits(replace(one, rough=True), a, b):
        return None
    quote = Quote(file=document.name, line=sentence.line, quote=sentence.text)
    message = f"from {a.text} to {b.text} is {changed_cells.true(a, b)}, but the text says {one.number.text}"
    return tell(document, "fail", message, [quote])


CHECK = Check(NAME, run)
