"""Prose against its own table: comparative and trend claims whose table or data say the opposite.

And claims that nothing produced.

Rule (always `warn`: prose is). A sentence is laid under a grammar (comparisons.py) that knows `A outperforms B in M`, `A has the
lowest M`, `best on all metrics` and their kin; its names are those of the document's tables, or of data that programs left. A
claim is told when every table that can speak of it contradicts it beyond rounding: first the tables of the sentence's own
section, else those of the document, else the data. Hedged, negated and others' claims are left out, and so is every form that the
grammar does not know. Whether more is better is read from the metric's name or arrow; where that is not known, `better` says
nothing.
"""

import re
from collections.abc import Sequence

from ...audits import Finding, Quote
from ...patterns import lazy
from . import foretold, stated, trends, unproduced
from .case import Case, Check, Outcome, finding
from .comparisons import Comparison, comparisons
from .documents import Document
from .grid import Grid
from .mentions import Lexicon
from .sentences import Sentence
from .weigh import Against, weigh

NAME = "prose"
MAX_TOLD = 20
"""Findings of one kind and document."""
_COMPARES = lazy(
    r"perform|exceed|surpass|beat|higher|lower|greater|larger|smaller|fewer|better|worse|superior|inferior|best|worst|highest|"
    r"lowest|largest|smallest",
    re.I,
)
_CONDITION = lazy(
    r"\b(?:on|in|for|under|at|within|during|across) (?:the )?((?:[\w@-]+ ){1,4}?)(?:dataset|data set|domain|scenario|environment|"
    r"setting|task|"
    r"condition|regime|group|category|subset|split|benchmark|case|class|level|phase|stage|distribution|shift|budget|ratio)s?\b",
    re.I,
)
_GENERIC_WORDS = """
all every each both these this our the different multiple various three two four five most evaluated tested any experimental
several main same first given above six ten entire whole considered of test a an in baseline
"""
_GENERIC = frozenset(_GENERIC_WORDS.split())


def run(case: Case) -> Outcome:
    """Read the prose of results.md and of the paper."""
    if not case.documents:
        return Outcome(coverage="no evidence: there is no results.md and no paper in text form")
    findings: list[Finding] = []
    for passage in case.passages:
        document, sentences = passage.document, passage.sentences
        findings += _compared(document, sentences, passage.tables, passage.lexicon)[:MAX_TOLD]
        findings += stated.findings(document, sentences, passage.tables, passage.lexicon)[:MAX_TOLD]
        findings += trends.findings(case, document, sentences, passage.tables, passage.lexicon)[:MAX_TOLD]
        findings += unproduced.findings(case, document, sentences)[:MAX_TOLD]
    findings += foretold.findings(case)[:MAX_TOLD]
    if not findings and not any(passage.tables for passage in case.passages):
        return Outcome(coverage="no evidence: no document has a table, and no data of the run have names")
    return Outcome(findings)


def _compared(document: Document, sentences: Sequence[Sentence], grids: Sequence[Grid], lexicon: Lexicon) -> list[Finding]:
    found = []
    for sentence in sentences:
        if not _COMPARES.search(sentence.text) or not sentence.of_results:
            continue
        reading = lexicon.read(sentence.text)
        for claim in comparisons(reading):
            verdicts = []
            for grid in candidates(sentence, grids, document, claim):
                weighed = weigh(claim, grid)
                if weighed.spoke:
                    verdicts.append((grid, weighed.against))
            if verdicts and all(against for _, against in verdicts):
                found.append(_finding(document, sentence, claim, *verdicts[0]))
    return found


def candidates(sentence: Sentence, grids: Sequence[Grid], document: Document, claim: Comparison | None = None) -> list[Grid]:
    """The tables that a sentence can speak of: those of its section when they know its names, else the document's.

    A sentence that names a condition (`on the OOD split`) speaks of tables that name it too, and of none when no table does.
    """
    fitting = [grid for grid in grids if claim is None or weigh(claim, grid).spoke]
    own = [grid for grid in fitting if grid.file == document.name]
    near = [grid for grid in own if grid.section == sentence.section and sentence.section]
    chosen = near or own or fitting
    for match in _CONDITION.finditer(sentence.text):
        told = set(re.findall(r"[a-z0-9]+", match[1].lower())) - _GENERIC
        if not told or re.match(r"\s*(?:all|every|each|both|these|this|our)\b", match[1], re.I):
            continue
        chosen = [grid for grid in chosen if told <= _said_of(grid)]
    return chosen


def _said_of(grid: Grid) -> set[str]:
    """Words of a table's section and caption."""
    return set(re.findall(r"[a-z0-9]+", f"{grid.section} {grid.caption}".lower().replace("_", " ")))


def _finding(document: Document, sentence: Sentence, claim: Comparison, grid: Grid, against: list[Against]) -> Finding:
    chosen = sorted(against, key=lambda one: one.tie)[:3]
    strict = {(one.column, one.subject): one for one in chosen}
    values = "; ".join(
        f"{one.column}: {one.subject} {one.mine.text}, {one.rival} {one.other.text}" + (" (equal)" if one.tie else "")
        for one in strict.values()
    )
    what = f"{' and '.join(claim.subjects)} {claim.said} {', '.join(claim.phrases)}".strip()
    over = f" over {', '.join(claim.objects)}" if claim.objects else "" if claim.superlative else " over all others"
    where = f"{grid.file} has" if grid.from_data else "the table says"
    message = f"the text says that {what}{over}{' throughout' if claim.universal else ''}, but {where} {values}"
    quotes = [Quote(file=document.name, line=sentence.line, quote=sentence.text)]
    for one in chosen[:2]:
        quotes += [Quote(file=grid.file, line=line.line, quote=line.quote) for line in one.lines]
    return finding("hallucinated_methodology", document.scope, NAME, "warn", message, quotes)


CHECK = Check(NAME, run)
