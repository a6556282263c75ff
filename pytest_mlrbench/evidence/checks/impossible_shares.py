"""Shares that are none: accuracies of the run's own files, at full precision, that no whole number of right answers gives.

Rule. An accuracy over n cases, or its mean over runs on as many, is a fraction of whole numbers, and a file that keeps all digits
shows which: 0.9638888888888889 is 347/360. What a formula gave is near no such fraction: of numbers in (0, 1) one in a thousand
is, to the last digit, one with a denominator up to 2,000,000, among which are the means of five folds of 359 and 360 cases.
What the run keeps under a name of an accuracy with 14 digits or more is tested where a document states a number of that file.
- None is a share: `fail` from twelve different values on, `warn` from three on; `warn` too where three are none and fewer are.
- One method's are none and those of two others are, of up to 50,000 cases: `fail` from four different values on, else `warn`.
Where a document or the code speaks of an average that is no share (balanced, macro, weighted, smoothed, over data sets), nothing is
told. Numbers of float32 and rounded ones show nothing.
"""

import struct
from collections import defaultdict
from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from ...audits import Finding, Quote, Severity
from ...patterns import lazy
from .measures import OTHERS, SHARES
from .sources import SCALES
from .words import words

if TYPE_CHECKING:
    from .case import Case
    from .data import Fact

NAME = "impossible"
LARGEST = 2_000_000
"""Cases, over all runs, of which a value may be a share."""
SAME_CASES = 50_000
"""Cases of which the values of other methods are shares, where they speak against one that is none."""
SLACK = 4e-16
"""Error of a few operations on numbers up to 1."""
DIGITS = 14
"""Significant digits from which on a number is a fraction of its own."""
TESTED = 400
"""Values tested in one audit."""
ALONE, SURE_ALONE = 3, 12
BESIDE, SURE_BESIDE = 2, 4
_PLAIN_WORDS = """
test val valid validation eval evaluation dev overall mean final clean best last classification model total heldout held out robust
adversarial ood id distribution worst group rate zero few shot exact match question answer answers node graph link image images
"""
PLAIN = frozenset(_PLAIN_WORDS.split())
"""Words that leave a share what it is; `adaptation accuracy` may be any measure between 0 and 1."""
AVERAGES = lazy(
    r"(?i)(?:balanced|macro|weighted|smoothed|moving[- ]average|expected|geometric|harmonic|interpolat\w*|bootstrap\w*|adjusted|"
    r"corrected)(?:[- ]\w+){0,2}[- ](?:accurac|success|hit)|"
    r"(?:accurac|success)\w*[^.|\n]{0,40}\b(?:weighted|macro|smoothed|per[- ]class|class[- ]wise)|moving average|\bEMA\b|"
    r"(?:averag|mean)\w* (?:over|across|of) (?:\w+ ){0,3}"
    r"(?:data ?sets?|tasks|domains|batches|subsets|groups|clients|users|categories)"
)
"""What a document says of values that are no counts, or averages over unequal numbers of cases."""
WEIGHED = lazy(r"balanced_accuracy|np\.average|numpy\.average|\bema\b|bootstrap|np\.interp")
"""The same in code."""


class Tested(NamedTuple):
    """One value under the name of an accuracy."""

    fact: "Fact"
    cases: int
    """The least number of cases of which it is a share; 0 when it is none."""


def judge_shares(case: "Case") -> tuple[list[Finding], int]:
    """Findings, and how many values were tested.

    >>> cases_of(347 / 360), cases_of(0.9152239171164751)
    (360, 0)
    """
    tested = [Tested(fact, cases_of(fact.value)) for fact in _precise(case.pool.facts)]
    bad = [one for one in tested if not one.cases]
    if not bad or _averaged(case) or not _stated(case, bad):
        return [], len(tested)
    if found := list(_beside(tested)):
        return found, len(tested)
    if len(bad) < ALONE or 2 * len(bad) <= len(tested):
        return [], len(tested)
    alone = len(bad) == len(tested)
    what = f"none of {'the ' if alone else ''}{len(bad)} accuracies that the run keeps at full precision"
    return [_tell("fail" if alone and len(bad) >= SURE_ALONE else "warn", what, "", bad)], len(tested)


def _beside(tested: list[Tested]) -> Iterable[Finding]:
    """One method's values that are no shares, beside others' that are shares of one number of cases."""
    for file in dict.fromkeys(one.fact.file for one in tested):
        methods: dict[tuple[str, ...], list[Tested]] = defaultdict(list)
        for one in tested:
            if one.fact.file == file:
                methods[tuple(name for name in one.fact.names if not name.isdigit())].append(one)
        wrong = {names: ones for names, ones in methods.items() if not any(one.cases for one in ones)}
        right = {names: ones for names, ones in methods.items() if all(0 < one.cases <= SAME_CASES for one in ones)}
        if len(right) < 2 or len(wrong) + len(right) < len(methods):
            continue
        bad = [one for ones in wrong.values() for one in ones]
        if len(bad) >= BESIDE:
            good = next(iter(right.values()))[0]
            beside = f", where {good.fact.key} is a share of {good.cases}"
            what = f"{len(bad)} accuracies of {', '.join('.'.join(names) for names in list(wrong)[:3])}"
            yield _tell("fail" if len(wrong) == 1 and len(bad) >= SURE_BESIDE else "warn", what, beside, [*bad[:4], good])


def cases_of(value: float) -> int:
    """The least number of cases, at most LARGEST, of which a value (a share, or a percentage) is a share; 0 when there is none."""
    share = value / 100 if value > 1 else value
    near = Fraction(share).limit_denominator(LARGEST)
    return near.denominator if abs(float(near) - share) <= SLACK else 0


def _precise(facts: "Iterable[Fact]") -> "list[Fact]":
    """Different values under names of accuracies that keep all their digits."""
    found: dict[float, Fact] = {}
    for fact in facts:
        if fact.how == "value" and fact.names and fact.value not in found and _whole(fact.value) and _accuracy(fact.names):
            found[fact.value] = fact
            if len(found) == TESTED:
                break
    return list(found.values())


def _accuracy(names: tuple[str, ...]) -> bool:
    told: list[frozenset[str]] = [frozenset(word for word in words(name) if not word[0].isdigit()) for name in names]
    if any(one & OTHERS for one in told):
        return False
    return any(bool(one & SHARES) and not one - SHARES - PLAIN for one in told)


def _whole(value: float) -> bool:
    if not 0 < value < 100 or len(repr(value).partition("e")[0].replace(".", "").lstrip("0")) < DIGITS:
        return False
    return bool(struct.unpack("f", struct.pack("f", value))[0] != value)


def _averaged(case: "Case") -> bool:
    said = any(AVERAGES.search(document.text) for document in case.documents)
    return said or any(WEIGHED.search(text) for text in case.dataflow.latest.values())


def _stated(case: "Case", bad: list[Tested]) -> bool:
    """Whether a document states a number that stands in a file with such values, or is their mean."""
    files = {one.fact.file for one in bad}
    numbers = (claim.number for document in case.documents for claim in document.claims if claim.number.digits >= 3)
    return any(fact.file in files for one in numbers for fact in case.pool.near(abs(one.value), one.ulp, SCALES))


def _tell(severity: Severity, what: str, beside: str, shown: list[Tested]) -> Finding:
    from .case import finding

    quotes = [Quote(file=one.fact.file, line=one.fact.line, quote=f"{one.fact.key}: {one.fact.value!r}") for one in shown[:5]]
    message = (
        f"{what} is the share of a whole number of right answers, whatever the number of cases up to {LARGEST:,} "
        f"({shown[0].fact.key} is {shown[0].fact.value!r}){beside}: they were not counted"
    )
    return finding("faked_results", "results", NAME, severity, message, quotes)
