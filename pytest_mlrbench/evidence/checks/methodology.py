"""Methodology: rows, spreads, settings and sizes that a document states, against what was executed and what it left.

Rule for a `fail`: a row of a results table (a) whose name no executed code, output or data of the run says, (b) whose
informative numbers, two at least, are in no output of a program and in nothing derived from the table, while (c) most numbers
of the table's other rows are, on the host's ledger with all executed code readable. Rows of other people's results (a citation,
human, chance level, reported) and of differences or averages are left out. Everything else is a `warn`: a row with numbers of
unknown source, a spread (± or a column of SDs) of which the run's data hold none, and settings, seeds and sizes that contradict
the code's own.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ...records import Finding, Quote, Severity
from .case import INFORMATIVE, Case, Check, Outcome, finding
from .data import Fact, clean, row_labels
from .documents import Document, Row, Table
from .quantities import Number, agree, numbers_in
from .settings import contradicted
from .words import words

NAME = "methodology"
SPREADS = frozenset(("sd", "population sd", "standard error", "half 95% interval"))
SPREAD_NAME = re.compile(
    r"(?i)std|(?:^|[\W_])(?:sd|stdev|stderr|sem|se|ci|ci95|conf\w*|spread|deviation|half|iqr|mad|var|variance|interval|margin)(?:[\W_]|$)"
    r"|standard.?error|std.?err|±"
)
_SPREAD_WORDS = """
std sd stdev stddev stderr sem se ci ci95 conf confidence spread deviation half iqr mad var variance interval margin standard error
err dev mean avg average value
"""
SPREAD_WORDS = frozenset(_SPREAD_WORDS.split())
SPREAD_COLUMN = re.compile(
    r"(?i)^(?:std\.?|sd|s\.d\.|stdev|std\.? ?dev\.?|standard deviation|std\.? ?err\.?|seed sd|sd over seeds|sem)\b|\b(?:std"
    r"|sd|stdev|std\.? dev\.?)\)?$|standard deviation"
)
PLUS_MINUS = re.compile(r"±|\\pm|\+/-|\+-")
NOT_RUN = re.compile(
    r"\[\d+\]|et al|\(\d{4}\)|\b(?:reported|published|literature|humans?|chance|random guess\w*|(?:upper|lower) bound|theor\w+)\b"
    r"|^\W*(?:avg|average|mean|median|overall|total|improv\w*|delta|Δ|diff\w*|gains?|ratio|change|reduction|relative|best|worst|min"
    r"|max|std|sd|p-?values?)\b(?![ _-]only)",
    re.IGNORECASE,
)
"""Labels of rows that nobody claims to have run."""
SETTING_COLUMN = re.compile(r"(?i)^(?:values?|settings?|descriptions?|choices?|details?|config\w*|options?)$")
"""Title of the second of two columns in a table that reports no measurements."""
_COMMON = """
baseline baselines model models method methods ours our proposed approach system the a an of and with without no on in for to by
full standard simple plain only set data test train based version default variant our new old high low medium small large
"""
COMMON = frozenset(_COMMON.split())
SHOWN = 4
MAX_ROWS = 400
"""Rows of one document's tables that are looked at: a report shows no more."""
ALONE = 6
"""Spreads of a table beyond which a single one without a source may be a rounding of its own."""
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
        rows = MAX_ROWS
        for table in document.tables:
            rows -= len(table.rows)
            if rows >= 0:
                findings += _rows(case, document, table)
                findings += _spreads(case, document, table)
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


# Spreads -------------------------------------------------------------------------------------------------------------------------


def _spreads(case: Case, document: Document, table: Table) -> list[Finding]:
    """Spreads that a table states and that the run's data do not hold."""
    stated = list(_stated_spreads(table))
    if not stated or not case.pool.facts or _written_by_program(case, document):
        return []
    missing = [(row, mean, spread) for row, mean, spread, title in stated if not _held(case, mean, spread, title)]
    if not missing or (len(missing) == 1 and len(stated) > ALONE):
        return []
    shown = ", ".join(f"{mean.text if mean else ''} ± {spread.text}" for _, mean, spread in missing[:SHOWN])
    message = (
        f"{len(missing)} of {len(stated)} spreads in a table of {document.name} are in no data of the run, neither stored nor as a "
        f"deviation of values that it left: {shown}"
    )
    rows = list(dict.fromkeys(row for row, _, _ in missing))
    quotes = [Quote(file=document.name, line=row.line, quote="| " + " | ".join(row.cells) + " |") for row in rows[:SHOWN]]
    near = next((fact for _, mean, _ in missing if mean and (fact := case.pool.source(mean)) is not None), None)
    if near is not None:
        quotes.append(Quote(file=near.file, line=near.line, quote=f"{near.key}: {near.value:.6g} (no spread of it is there)"))
    return [finding("hallucinated_methodology", document.scope, NAME, "warn", message, quotes)]


def _stated_spreads(table: Table) -> Iterator[tuple[Row, Number | None, Number, frozenset[str]]]:
    """(row, mean, spread, words of the cell's labels and column) of each."""
    for row in table.rows:
        before: Number | None = None
        labels = frozenset().union(*map(words, row_labels(row.cells)))
        for column, cell in zip(table.header, row.cells, strict=False):
            bare = clean(cell)
            numbers = numbers_in(bare, row.line)
            if PLUS_MINUS.search(bare) and len(numbers) >= 2:
                # `0.91 ± 0.02 / 0.88 ± 0.03` states two.
                for index in range(0, len(numbers) - 1, 2):
                    if numbers[index + 1].value != 0:
                        yield row, numbers[index], numbers[index + 1], labels | words(clean(column))
            elif SPREAD_COLUMN.search(clean(column)) and len(numbers) == 1 and numbers[0].value != 0:
                yield row, before, numbers[0], labels
            elif len(numbers) == 1:
                before = numbers[0]


def _held(case: Case, mean: Number | None, spread: Number, title: frozenset[str]) -> bool:
    """Whether the run's data hold the spread: where the mean stands (same file; same line in a text), as a spread."""
    size = abs(spread.value)
    near = _means(case, mean, title) if mean is not None else None
    for fact in _agreeing(case, spread, size):
        if near and fact.file not in {one.file for one in near}:
            continue
        if fact.how in SPREADS:
            if not near or _of_same(fact, near):
                return True
        elif fact.how == "value":
            if any(SPREAD_NAME.search(name) for name in fact.names[-2:]) and (not near or any(_kin(fact, one) for one in near)):
                return True
            if not fact.names and near and any(one.line == fact.line and one.line is not None for one in near):
                return True
            # Two numbers of one text: `"acc": "0.91 ± 0.02"`, or a pair in a list; in a long list any value would be found.
            beside = fact.names and near and any(one.names == fact.names and one.how == "value" for one in near)
            if (
                beside
                and sum(one.names == fact.names and one.file == fact.file for one in case.pool.facts if one.how == "value") <= 4
            ):
                return True
    return False


def _kin(spread: Fact, mean: Fact) -> bool:
    """Whether a stored spread and a value are of the same thing: their names differ in words for statistics only."""
    one, other = (frozenset().union(*map(words, fact.names)) - SPREAD_WORDS for fact in (spread, mean))
    return one <= other or other <= one


def _means(case: Case, mean: Number, title: frozenset[str]) -> list[Fact]:
    """Facts that the mean can be: of those that agree, the ones whose names share most with the cell's."""
    found = list(_agreeing(case, mean, abs(mean.value)))
    shared = [len(title & frozenset().union(*map(words, fact.names))) for fact in found]
    return [fact for fact, count in zip(found, shared, strict=True) if count == max(shared)]


def _agreeing(case: Case, number: Number, size: float) -> Iterator[Fact]:
    """Facts of the pool that the number can be."""
    import numpy as np

    pool = case.pool._values()
    for scale in (1.0, 0.01, 100.0):
        slack = number.ulp * 0.5 * (1 + 1e-6) + 1e-12 * size
        low, high = np.searchsorted(pool, [(size - slack) * scale, (size + slack) * scale])
        for index in range(int(low), min(int(high) + 1, len(pool), int(low) + 400)):
            fact = case.pool.facts[int(case.pool._order[index])]
            if agree(
                Number(size, number.ulp, number.digits, number.decimals, number.percent, number.text, 0), abs(fact.value)
            ) or agree(
                Number(size, number.ulp, number.digits, number.decimals, number.percent, number.text, 0), abs(fact.value) * 0.01
            ):
                yield fact


def _of_same(fact: Fact, near: list[Fact]) -> bool:
    """Whether a statistic is of the values whose mean (median, ...) is near."""
    return any(
        one.names == fact.names and one.file == fact.file and one.how in ("mean", "median", "value", "last", "max", "min")
        for one in near
    )


def _written_by_program(case: Case, document: Document) -> bool:
    """The document, as it is, was written by a program: its numbers are that program's."""
    import hashlib

    if not case.subject.host_ledger:
        return False
    digest = hashlib.sha256(document.text.encode()).hexdigest()
    writing = case.writers.of(document.name, digest)
    return writing is not None and writing.how == "program" and writing.after == digest


CHECK = Check(NAME, run)
