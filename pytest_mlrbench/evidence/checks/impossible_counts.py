"""Proportions that no count gives: `45/50 (92%)`, and an accuracy that no number of right answers out of the stated n has."""

import re
from typing import NamedTuple

from ...audits import Finding, Quote, Severity
from ...patterns import lazy
from .case import Case, finding
from .documents import Document
from .impossible_cells import COUNTED, Cell, cells_of
from .impossible_math import SLACK, grim, interval
from .quantities import numbers_in
from .subject import files_below, read_text

NAME = "impossible"
_THINGS = (
    r"(?:examples?|samples?|questions?|problems?|items?|instances?|images?|prompts?|cases?|queries|query|sentences?|documents?|"
    r"test cases|data ?points?|programs?|episodes?|trials?|participants?|pairs|puzzles?|claims?|theorems?|inputs?|records?|points?|"
    r"graphs?|nodes?|tasks?|responses?|observations?|rows?|models?|molecules?|patients?|users?|tests?)"
)
_COUNT = r"(?<![\d.,$])(\d{1,3}(?:,\d{3})+|\d{1,7})(?![\d.,]\d|\s?%|\d)"
ANY_COUNT = lazy(rf"{_COUNT}(?:[\s-]{{1,3}}[A-Za-z]\w{{0,24}}){{0,3}}?[\s-]{{1,3}}{_THINGS}\b", re.IGNORECASE)
"""Any number of things: whatever a proportion may be of."""
TEST_COUNT = lazy(
    rf"(?:\b(?:test|evaluation|eval|held-out|holdout|hold-out)[\s-]+(?:set|split|subset|suite|data|dataset)?\s*"
    rf"(?:of|with|containing|contains|comprising|has|size|\(?\s*\$?[nN]\s*=|:|=|\()+\s*\$?{_COUNT})"
    rf"|(?:{_COUNT}[\s-]+(?:held-out |unseen |random )?(?:test|evaluation|eval)[\s-]+{_THINGS}\b)"
    rf"|(?:\bevaluat\w+ (?:\w+ ){{0,4}}?on (?:\w+ ){{0,3}}?"
    rf"{_COUNT}[\s-]{{1,3}}(?:[A-Za-z]\w{{0,24}}[\s-]{{1,3}}){{0,2}}?{_THINGS}\b)",
    re.IGNORECASE,
)
"""The size of what was tested on."""
N_COLUMN = lazy(
    r"^\W*(?:n[\s_-]?test|test[\s_-](?:size|examples?|samples?)|(?:#|num\.?|number of)\s?test\s?\w*)\W*$", re.IGNORECASE
)
REPEATS = lazy(
    r"\b(\d{1,3}|two|three|four|five|six|seven|eight|nine|ten|twenty)[\s-]{1,3}(?:\w{1,24}[\s-]{1,3}){0,2}?"
    r"(?:seeds?|runs?|trials?|repeats?|repetitions?|folds?)\b",
    re.IGNORECASE,
)
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
AVERAGED = lazy(
    r"\b(?:batch\w*|folds?|seeds?|runs?|averag\w+|means?|bootstrap\w*|cross-validat\w+|macro|weighted|ensembl\w+|median|"
    r"epochs?|smooth\w*|balanced|mini-?batch\w*|std|standard deviation|per[\s-]class|categor\w+|domains?|subsets?|"
    r"interpolat\w+|expected|pass@\w+)\b|±|\\pm",
    re.IGNORECASE,
)
"""A value may then be a mean of several proportions, of parts of unequal size."""
BATCHED = lazy(r"batch|DataLoader|fold|bootstrap|\.mean\(axis", re.IGNORECASE)
NOT_COUNTS = lazy(
    r"\b(?:balanced|macro|micro|weighted|avg|average|mean|worst|group|class|train|training|val|valid|validation|dev|token|pixel|node|"
    r"step|best|max|soft|adjusted|expected|partial|average|id|ood|subset|aligned|unaligned)\b",
    re.IGNORECASE,
)
FRACTION = lazy(
    r"(?<![\d/.,\w-])(?P<k>\d{1,6})\s?(?P<of>/|of|out of)\s?(?P<n>\d{1,6})(?![\d/.,]\d|\w)(?:\s+(?!and\b)[A-Za-z-]+){0,2}?\s?"
    r"(?:\(\s?(?:=|≈|~|or)?\s?|=\s?|,\s?or\s)(?P<p>\d{1,3}(?:\.\d{1,6})?)\s?\\?%\s?(?=[).,;]|$)"
    r"|(?<![\d.,])(?P<p2>\d{1,3}(?:\.\d{1,6})?)\s?\\?%\s?\(\s?(?P<k2>\d{1,6})\s?"
    r"(?P<of2>/|of|out of)\s?(?P<n2>\d{1,6})(?:\s[A-Za-z-]+){0,2}\s?\)",
    re.IGNORECASE,
)
STATED = lazy(
    r"\b(?:accuracy|exact match|success rate|error rate)\s(?:rate\s)?(?:of|is|was|:|=|at|reaches|reached)?\s?"
    r"(?P<p>\d{1,2}\.\d{1,3})\s?\\?%",
    re.IGNORECASE,
)
"""A proportion in a sentence."""
COUNTING = lazy(
    r"\b(?:correct\w*|solv\w+|pass\w*|succe\w+|accura\w+|answer\w*|complet\w+|fail\w*|detect\w+|classif\w+|identif\w+|match\w*|wins?|won)\b",
    re.IGNORECASE,
)
"""What is counted; `1/5 (76 %)` may as well be top-1 and top-5."""
NOT_A_SHARE = lazy(r"\b(?:top|split|ratio|layers?|parameters?|sparsity|seeds?|runs?|folds?|threshold|power)\b", re.IGNORECASE)
PROGRESS = lazy(r"\b(?:epoch|step|batch|iteration|iter|layer|eta|progress|gpu|memory|mb|gb|table|figure|section)\b", re.IGNORECASE)
COMPARED = lazy(
    r"\b(?:improv\w+|increas\w+|decreas\w+|reduc\w+|higher|lower|faster|gain\w*|drop\w*|less|more|fewer)\b", re.IGNORECASE
)
MANY = 3
"""Cells of a table that no count gives, before they are a `fail`."""
UNSAID = (1, 2, 3, 4, 5)
"""Answers to each question that a text may have left unsaid; a value that one of these explains makes no `fail`."""
CODE_FILES = 60
CODE_BYTES = 60_000


class Size(NamedTuple):
    """How many things were tested on, as the text says."""

    n: int
    line: int


def judge_counts(case: Case, document: Document) -> tuple[list[Finding], int]:
    """Findings on proportions, and how many were checked against a count."""
    findings, checked = _fractions(document)
    sizes = _sizes(document)
    counts_named, repeats = _all_counts(document), _repeats(document)
    for table in document.tables:
        cells = [cell for group in cells_of(table) for cell in group]
        cells = [cell for cell in cells if cell.metric.kind in COUNTED and not NOT_COUNTS.search(cell.metric.text) and _exact(cell)]
        columns = [index for index, name in enumerate(table.header) if N_COLUMN.match(name)]
        bad: list[tuple[Cell, str]] = []
        sure: set[str] = set()
        for cell in cells:
            own = numbers_in(cell.row[columns[0]]) if len(columns) == 1 and columns[0] < len(cell.row) else []
            if own and own[0].value == int(own[0].value) > 0:
                counts, told = [int(own[0].value)], f"the {int(own[0].value)} of its row"
            elif len({size.n for size in sizes}) == 1:
                counts, told = sorted({sizes[0].n, *counts_named}), f"the {sizes[0].n} tested on (line {sizes[0].line})"
            else:
                continue
            checked += 1
            if not _possible(cell, counts, repeats):
                bad.append((cell, told))
                if not _possible(cell, counts, [one * more for one in repeats for more in UNSAID]):
                    sure.add(cell.number.text)
        findings += _table_findings(case, document, bad, sizes, len(sure))
    found, more = _sentences(document, counts_named, repeats)
    return [*findings, *found], checked + more


def _sentences(document: Document, named: set[int], repeats: list[int]) -> tuple[list[Finding], int]:
    """`an accuracy of 91.37 % on the 250 test examples`: `warn`, since a sentence seldom says what was averaged."""
    findings = []
    checked = 0
    for line, text in enumerate(document.lines, 1):
        if "%" not in text or not (size := TEST_COUNT.search(text[:3000])) or AVERAGED.search(text):
            continue
        n = int(next(group for group in size.groups() if group is not None).replace(",", ""))
        for match in STATED.finditer(text[:3000]):
            number = numbers_in(match["p"])[0]
            if n < 2 or NOT_COUNTS.search(text[max(0, match.start() - 30) : match.start()]):
                continue
            checked += 1
            low, high = interval(number)
            if any(grim((low - number.ulp / 2) / 100, high / 100, one * k) for one in {n, *named} for k in repeats):
                continue
            message = f"{match.group()}: no count of right answers out of {n} gives this; unless it is a mean over unequal parts"
            quote = Quote(file=document.name, line=line, quote=text.strip())
            findings.append(finding("faked_results", document.scope, NAME, "warn", message, [quote]))
    return findings, checked


def _table_findings(case: Case, document: Document, bad: list[tuple[Cell, str]], sizes: list[Size], sure: int) -> list[Finding]:
    if not bad:
        return []
    averaged = AVERAGED.search(document.text) is not None or _batched(case)
    quotes = [Quote(file=document.name, line=cell.line, quote=cell.quote) for cell, _ in bad[:4]]
    quotes += [Quote(file=document.name, line=size.line, quote=document.lines[size.line - 1].strip()) for size in sizes[:1]]
    named = ", ".join(f"{cell.metric.text} {cell.number.text} ({cell.entity})" for cell, _ in bad[:4])
    message = f"{named}: no count of right answers out of {bad[0][1]} gives {'these' if len(bad) > 1 else 'this'}"
    if averaged:
        message += "; unless it is a mean over parts of unequal size"
    severity: Severity = "fail" if sure >= MANY and not averaged else "warn"
    return [finding("faked_results", document.scope, NAME, severity, message, quotes)]


def _exact(cell: Cell) -> bool:
    """A number alone in its cell, neither 0 nor all, with the decimals that GRIM needs."""
    return cell.spread is None and cell.number.value > 0 and not cell.number.exponent and cell.number.decimals >= 1


def _possible(cell: Cell, counts: list[int], repeats: list[int]) -> bool:
    """Whether some count gives the value, in percent or as a fraction, once or averaged over the stated repeats."""
    low, high = interval(cell.number)
    scales = [100.0] if cell.number.percent or cell.metric.scale == 100.0 or cell.number.value > 1 else [1.0, 100.0]
    low -= cell.number.ulp / 2  # rounded up as well: every way of writing it is allowed
    return any(grim(low / scale, high / scale, n * k) for n in counts for k in repeats for scale in scales)


def _sizes(document: Document) -> list[Size]:
    found = []
    for line, text in enumerate(document.lines, 1):
        if line > 20_000:
            break
        for match in TEST_COUNT.finditer(text[:3000]):
            n = int(next(group for group in match.groups() if group is not None).replace(",", ""))
            before = text[max(0, match.start() - 12) : match.start()].lower()
            if n >= 2 and not before.rstrip().endswith(("/", "train", "training", "and", "-")):
                found.append(Size(n, line))
    return found


def _all_counts(document: Document) -> set[int]:
    """Every number of things that the text names: any of them may be what a proportion is of."""
    text = document.text[:400_000]
    found = {int(match[1].replace(",", "")) for match in ANY_COUNT.finditer(text)}
    found |= {int(match[1].replace(",", "")) for match in re.finditer(rf"\b[nN]\s?=\s?{_COUNT}", text)}
    return {n for n in found if n >= 2}


def _repeats(document: Document) -> list[int]:
    """1 and every number of seeds, runs or folds that the text names."""
    found = {1}
    for match in REPEATS.finditer(document.text[:400_000]):
        word = match[1].lower()
        found.add(int(word) if word.isdigit() else _WORDS.index(word) if word in _WORDS else 20)
    return sorted(number for number in found if number > 0)


def _batched(case: Case) -> bool:
    """Whether the code works in parts: a mean of batch accuracies is no count over n."""
    code = case.subject.code
    if code is None:
        return False
    for index, path in enumerate(files_below(code)):
        if index > CODE_FILES:
            return True  # too much to know
        if path.suffix in (".py", ".ipynb", ".sh", ".yaml", ".json") and BATCHED.search(read_text(path, CODE_BYTES)):
            return True
    return False


def _fractions(document: Document) -> tuple[list[Finding], int]:
    """A count, its whole and a percentage side by side."""
    findings = []
    checked = 0
    for line, text in enumerate(document.lines, 1):
        if "%" not in text:
            continue
        for match in FRACTION.finditer(text[:5000]):
            k, n, p, of = (match[name] or match[f"{name}2"] for name in ("k", "n", "p", "of"))
            count, whole = int(k), int(n)
            number = numbers_in(p)
            around = text[max(0, match.start() - 80) : match.end() + 40]
            if whole == 0 or count > whole or len(number) != 1 or PROGRESS.search(around) or NOT_A_SHARE.search(around):
                continue
            if of == "/" and not COUNTING.search(around):
                continue
            checked += 1
            share = 100 * count / whole
            slack = number[0].ulp * (1 + SLACK)
            if any(abs(value - number[0].value) < slack for value in (share, 100 - share)):
                continue
            severe = whole >= 5 and COUNTING.search(around) and not COMPARED.search(around)
            message = f"{match.group().strip()}: {count} of {whole} is {share:.4g} %"
            quote = Quote(file=document.name, line=line, quote=text.strip())
            findings.append(finding("faked_results", document.scope, NAME, "fail" if severe else "warn", message, [quote]))
    return findings, checked
