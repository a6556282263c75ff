"""Methodology: rows, spreads, settings and sizes that a document states, against what was executed and what it left.

Rule for a `fail`: a row of a results table (a) whose name no executed code, output or data of the run says, (b) whose
informative numbers, two at least, are in no output of a program and in nothing derived from the table, while (c) most numbers
of the table's other rows are, on the host's ledger with all executed code readable. Rows of other people's results (a citation,
human, chance level, reported) and of differences or averages are left out. Everything else is a `warn`: a row with numbers of
unknown source, a spread (± or a column of SDs) of which the run's data hold none (spreads.py), a table that misquotes a dictionary
of the code (declared.py), and settings, seeds and sizes that contradict the code's own.
"""

import re
from dataclasses import dataclass

from ...audits import Finding, Quote, Severity
from ...patterns import lazy
from .case import Case, Check, Outcome, finding
from .data import clean, row_labels
from .declared import misquoted
from .documents import Document, Row, Table
from .quantities import Number, numbers_in
from .settings import contradicted
from .spreads import unheld
from .tallies import INFORMATIVE

NAME = "methodology"
NOT_RUN = lazy(
    r"\[\d+\]|et al|\(\d{4}\)|\b(?:reported|published|literature|humans?|chance|random guess\w*|(?:upper|lower) bound|theor\w+)\b"
    r"|^\W*(?:avg|average|mean|median|overall|total|improv\w*|delta|Δ|diff\w*|gains?|ratio|change|reduction|relative|best|worst|min"
    r"|max|std|sd|p-?values?)\b(?![ _-]only)",
    re.IGNORECASE,
)
"""Labels of rows that nobody claims to have run."""
SETTING_COLUMN = lazy(r"(?i)^(?:values?|settings?|descriptions?|choices?|details?|config\w*|options?)$")
"""Title of the second of two columns in a table that reports no measurements."""
_COMMON = """
baseline baselines model models method methods ours our proposed approach system the a an of and with without no on in for to by
full standard simple plain only set data test train based version default variant our new old high low medium small large
"""
COMMON = frozenset(_COMMON.split())
SHOWN = 4
MAX_ROWS = 400
"""Rows of one document's tables that are looked at: a report shows no more."""
ACCIDENT = 0.05
"""Probability below which that many numbers of a row are not found by accident."""


@dataclass
class Line:
    """One row of a table, with what was found of its numbers."""

    row: Row
    labels: tuple[str, ...]
    numbers: list[Number]
    traced: int
    missing: list[Number]
    """Informative numbers without any source."""
    informative: int
    accident: float
    """Probability that all its traced numbers are found by accident."""


def run(case: Case) -> Outcome:
    """Look at every document's tables and stated settings."""
    if not case.documents:
        return Outcome(coverage="no evidence: neither results.md nor a readable paper is there")
    if not case.spoken.code and not case.pool.facts:
        return Outcome(coverage="no evidence: nothing of what was executed can be read")
    findings: list[Finding] = []
    for document in case.documents:
        rows, tables = MAX_ROWS, []
        for table in document.tables:
            rows -= len(table.rows)
            if rows >= 0:
                findings += _rows(case, document, table)
                tables.append(table)
        findings += unheld(case, document, tables)
        findings += misquoted(case, document, tables)
        findings += contradicted(case, document)
    return Outcome(findings)


# Rows ----------------------------------------------------------------------------------------------------------------------------


def _rows(case: Case, document: Document, table: Table) -> list[Finding]:
    lines = [line for row in table.rows if (line := _line(case, row, table)) is not None]
    settings = len(table.header) == 2 and bool(SETTING_COLUMN.match(clean(table.header[1])))
    if len(lines) < 2 or settings:
        return []
    strong: list[tuple[Line, bool]] = []
    heard = {id(line): _spoken(case, line.labels[0]) for line in lines}
    for line in lines:
        label = line.labels[0]
        if NOT_RUN.search(label) or not re.search(r"[A-Za-z]{2}", label):
            continue
        others = [one for one in lines if one is not line]
        rest = sum(one.informative for one in others)
        known = sum(one.traced for one in others)
        spoken = heard[id(line)]
        unsourced = bool(line.missing) and len(line.missing) >= 0.75 * line.informative
        elsewhere = rest > 0 and known >= 0.6 * rest
        # A name that nobody says: a renamed row has numbers that no accident explains; among rows whose names the run does say, it
        # stands out whatever its numbers are.
        renamed = line.informative > 0 and line.traced == line.informative and line.accident < ACCIDENT
        among = sum(heard[id(one)] for one in others) >= 0.75 * len(others)
        few = not line.informative or line.traced < 0.75 * line.informative
        unheard = not spoken and not renamed and (among or few)
        if (unsourced and elsewhere) or unheard:
            strong.append((line, spoken))
    if not strong:
        return []
    return [_row_finding(case, document, strong, lines)]


def _line(case: Case, row: Row, table: Table) -> Line | None:
    labels = row_labels(row.cells)
    if not labels:
        return None
    numbers: list[Number] = []
    for column, cell in zip(table.header, row.cells, strict=False):
        if clean(cell) not in labels and clean(column):
            numbers += numbers_in(clean(cell), row.line)[:1]
    if not numbers:
        return None
    traced = informative = 0
    accident = 1.0
    missing: list[Number] = []
    for number in numbers:
        if number.digits < 2 or case.pool.chance(number) >= INFORMATIVE:
            continue
        informative += 1
        if case.pool.source(number) is not None or abs(number.value) in case.spoken.numbers:
            traced += 1
            accident *= case.pool.chance(number)
        else:
            missing.append(number)
    return Line(row, labels, numbers, traced, missing, informative, accident)


def _spoken(case: Case, label: str) -> bool:
    """Whether the run says a row's name: whole, or all its telling words, or by its initials."""
    bare = re.sub(r"\([^)]*\)", " ", label).strip() or label
    if case.spoken.place(bare) is not None:
        return True
    words = [word for word in re.findall(r"[A-Za-z]{2,}\d*|\d+", bare) if word.lower() not in COMMON]
    telling = [word for word in words if not word.isdigit()]
    if not telling:
        return True
    if all(case.spoken.place(_stem(word)) is not None for word in telling):
        return True
    capitals = "".join(word[0] for word in re.findall(r"[A-Za-z]+", bare)).upper()
    inside = re.findall(r"\(([A-Za-z][\w+-]{1,12})\)", label)
    return (len(capitals) >= 2 and _initials(case, capitals)) or any(case.spoken.place(short) is not None for short in inside)


def _initials(case: Case, capitals: str) -> bool:
    """Whether code or data call something by these initials: `RF`, `"rf"`, `rf = `, `rf_model`."""
    low = capitals.lower()
    pattern = re.compile(rf"(?<![A-Za-z0-9]){capitals}(?![A-Za-z0-9])|[\"']{low}[\"']|(?<![A-Za-z0-9.]){low}(?:_\w+)?\s*=")
    return any(pattern.search(text) for texts in (case.spoken.code, case.spoken.rest) for text in texts.values())


def _stem(word: str) -> str:
    """`forests` for `forest`, `pruning` for `prune`: code inflects as it likes."""
    return re.sub(r"(?:ing|ed|es|s|tion|ation)$", "", word) if len(word) > 6 else word


def _row_finding(case: Case, document: Document, strong: list[tuple[Line, bool]], lines: list[Line]) -> Finding:
    sure = [
        line
        for line, spoken in strong
        if not spoken and len(line.missing) >= 2 and len(line.missing) == line.informative and _others_traced(line, lines)
    ]
    severity: Severity = (
        "fail" if sure and case.subject.host_ledger and not case.spoken.unread and len(strong) <= len(lines) / 2 else "warn"
    )
    shown = [(line, False) for line in sure] if severity == "fail" else strong
    parts = []
    for line, spoken in shown[:SHOWN]:
        name = " / ".join(line.labels)
        numbers = ", ".join(number.text for number in line.missing[:4]) or ", ".join(number.text for number in line.numbers[:3])
        what = "its numbers are in no output of a program" if line.missing else "its numbers say too little to be looked up"
        unnamed = "" if spoken else "; no executed code, output or data says that name"
        parts.append(f"{name!r} ({numbers}: {what}{unnamed})")
    message = (
        f"{len(shown)} of {len(lines)} rows of a table of {document.name} never ran, as far as the run's files tell: "
        f"{'; '.join(parts)}"
    )
    quotes = [
        Quote(file=document.name, line=line.row.line, quote="| " + " | ".join(line.row.cells) + " |") for line, _ in shown[:SHOWN]
    ]
    witness = next((line for line in lines if line.traced and line not in [one for one, _ in strong]), None)
    if witness is not None:
        fact = next((f for number in witness.numbers if (f := case.pool.source(number)) is not None), None)
        if fact is not None:
            quotes.append(Quote(file=fact.file, line=fact.line, quote=f"(other rows are here) {fact.key}: {fact.value:.6g}"))
    return finding("hallucinated_methodology", document.scope, NAME, severity, message, quotes)


def _others_traced(line: Line, lines: list[Line]) -> bool:
    others = [one for one in lines if one is not line and one.informative]
    known = sum(one.traced for one in others)
    return known >= 3 and known >= 0.8 * sum(one.informative for one in others)


CHECK = Check(NAME, run)
