"""Test statistics beside their p-values, intervals beside their estimates, and means beside SDs, as sentences state them."""

import re
from collections.abc import Iterator

from ...audits import Finding, Quote, Severity
from ...patterns import lazy
from .case import finding
from .documents import Document
from .impossible_math import Family, grimmer, interval, p_ranges, rounded, sd_limit
from .quantities import Number, numbers_in

NAME = "impossible"
_PLAIN = r"(?:\d{1,12}(?:\.\d{1,15})?|\.\d{1,15})"
_VALUE = rf"[-−–]?\s?{_PLAIN}(?:[eE][-+]?\d{{1,3}}|\s?(?:\\times|×)\s?10\^[-−]?\d{{1,3}})?"
TEST = lazy(
    r"(?<![A-Za-z0-9])(?:(?P<name>t|F|r|χ2|χ²|χ\^2|X2|chi2|chi-squared?|chi-square)\s?\(\s?(?P<df>\d+(?:\.\d+)?)"
    r"(?:\s?,\s?(?P<second>(?:[nN]\s?=\s?)?\d+(?:\.\d+)?))?\s?\)|(?P<z>[zZ]))"
    rf"\s?=\s?(?P<value>{_VALUE})\s?[,;]\s?(?:[^.;()\n]{{0,30}}?[,;]\s?)?p(?:-value|-val)?\s?(?P<sign>[=<>≤≥])\s?(?P<p>{_VALUE})"
)
_MARKUP = lazy(r"\\(?:mathrm|text|mathit|textit|left|right|[,;!]|quad)|[$*_{}]|\\(?=\()|(?<=\))\\")
OTHERWISE = lazy(
    r"\b(?:bonferroni|holm|benjamini|fdr|correct(?:ed|ion)|adjusted|permutation|bootstrap\w*|wilcoxon|mann|exact|simulated|bayes\w*|"
    r"greenhouse|tukey)\b",
    re.IGNORECASE,
)
"""Where p is not the plain tail of the statistic."""
TESTING = lazy(
    r"\b(?:tests?|t-tests?|anova|significan\w+|correlat\w+|regress\w+|statistic\w*|p-values?|effects?|hypothes\w+|differ\w*|cohen\w*)\b",
    re.IGNORECASE,
)
"""Words around a test; without one, t(1) = 0.5 may be a schedule and p a probability."""
FAR = 1.5
"""Times by which a p-value must differ for a `fail`, unless it changes sides of 0.05: less is a slip of rounding on the way."""
INTERVAL = lazy(
    rf"(?<![\d./])(?P<estimate>[-−]?{_PLAIN})\s?(?P<unit>%)?\s?[,(\[]{{0,2}}\s?(?:with )?(?:a )?(?:9\d(?:\.\d)?\s?%)\s?"
    rf"(?:ci|c\.i\.|confidence interval)\s?[:=,]?\s?(?:of )?[\[(]?\s?(?P<low>[-−]?{_PLAIN})\s?%?\s?(?:,|–|to|-|;)\s?"
    rf"(?P<high>[-−]?{_PLAIN})\s?%?\s?[\])]",
    re.IGNORECASE,
)
OF_ANOTHER = lazy(
    r"\b(?:difference|diff|delta|improve\w*|versus|vs|effect|gain|gap|compared|than|odds|ratio)\b|[δΔ]", re.IGNORECASE
)
"""The interval may be of a difference while the number before it is of one side."""
SCALE = lazy(r"\b(?:(?P<points>[3-9]|1[01])[\s-]?points?\b|(?P<low>[01])\s?(?:-|–|to)\s?(?P<high>[3-9]|10)\b)", re.IGNORECASE)
MEAN_SD = lazy(
    rf"\bM(?:ean)?\s?=\s?(?P<mean>{_VALUE})\s?[,;]\s?(?:SD|std|s\.d\.)\s?=\s?(?P<sd>{_VALUE})(?:\s?[,;]\s?[nN]\s?=\s?(?P<n>\d{{1,5}}))?"
)
MAX_MATCHES = 300


def judge_text(document: Document) -> tuple[list[Finding], int]:
    """Findings of the sentences of a document, and how many statements were checked."""
    findings: list[Finding] = []
    checked = 0
    scales = _scales(document)
    for number, line in enumerate(document.lines, 1):
        if "=" not in line and "CI" not in line and "onfidence" not in line:
            continue
        plain = _MARKUP.sub("", line.replace("\\chi", "χ").replace("\\,", " "))[:5000]
        for found in (*_tests(plain, document, number), *_intervals(plain), *_means(plain, scales)):
            checked += 1
            if found and len(findings) < MAX_MATCHES:
                severity, message = found
                quote = Quote(file=document.name, line=number, quote=line.strip())
                findings.append(finding("faked_results", document.scope, NAME, severity, message, [quote]))
    return findings, checked


def _number(text: str) -> Number | None:
    found = numbers_in(text.replace(" ", "").replace("\\times", "×"))
    return found[0] if len(found) == 1 else None


def _tests(plain: str, document: Document, line: int) -> Iterator[tuple[Severity, str] | None]:
    """Recompute p from a statistic and its degrees of freedom."""
    for match in TEST.finditer(plain):
        value, stated = _number(match["value"]), _number(match["p"])
        near = " ".join(document.lines[max(0, line - 4) : line + 3])
        if value is None or stated is None or not 0 <= stated.value <= 1 or OTHERWISE.search(near):
            continue
        family: Family = "z" if match["z"] else "chi2" if match["name"][0] in "χXc" else match["name"]  # type: ignore[assignment]
        second = match["second"]
        if (family == "F") != (second is not None and "=" not in second) and family != "chi2":
            continue  # an F needs two degrees of freedom, and t(3, 4) is no test
        freedom = [] if family == "z" else [float(match["df"]), *([float(second)] if family == "F" and second else [])]
        try:
            ranges = p_ranges(family, value, freedom)
        except ValueError:
            yield "warn", f"{match.group()}: no such test exists"
            continue
        found = _judge_p(match.group(), match["sign"], stated, ranges)
        yield ("warn", found[1]) if found and not TESTING.search(near) else found


def _judge_p(text: str, sign: str, stated: Number, ranges: list[tuple[float, float]]) -> tuple[Severity, str] | None:
    low, high = _stated(sign, stated)
    if any(a <= high * (1 + 1e-6) and b >= low * (1 - 1e-6) for a, b in ranges):
        return None
    # The two-sided one is what a reader expects (for F and chi2 the only one).
    near, far = ranges[1] if len(ranges) == 3 else ranges[0]
    spoken = f"{near:.2g}" if f"{near:.2g}" == f"{far:.2g}" else f"{near:.2g} to {far:.2g}"
    message = f"{text.strip()}: this statistic has p = {spoken}, and no one-sided test has the stated one either"
    sides = {b < 0.05 for _, b in ranges[:2]} | {a < 0.05 for a, _ in ranges[:2]}
    other_side = len(sides) == 1 and (high <= 0.05) != sides.pop() and not low < 0.05 < high
    apart = all(a > FAR * high or b < low / FAR for a, b in ranges)
    return ("fail" if other_side or apart else "warn"), message


def _stated(sign: str, p: Number) -> tuple[float, float]:
    """The p-values that `p = .04`, `p < .001` or `p > .05` allow; programs print `p = 0.000` for anything smaller."""
    if sign in "<≤":
        return 0.0, interval(p)[1]
    if sign in ">≥":
        return rounded(p)[0], 1.0
    return max(0.0, interval(p)[0] - p.ulp / 2), interval(p)[1]


def _intervals(plain: str) -> Iterator[tuple[Severity, str] | None]:
    """Confidence intervals that are inverted or exclude the estimate before them."""
    for match in INTERVAL.finditer(plain):
        estimate, low, high = (_number(match[name]) for name in ("estimate", "low", "high"))
        if estimate is None or low is None or high is None or (match["estimate"].startswith("9") and match["unit"]):
            continue
        text = match.group().strip()
        if low.value > high.value + low.ulp:
            yield "warn", f"{text}: the lower end of the interval lies above the upper"
            continue
        before = plain[max(0, match.start() - 120) : match.end() + 60]
        values = [estimate.value * factor for factor in (1.0, 100.0, 0.01)]
        slack = estimate.ulp + low.ulp + high.ulp
        inside = any(low.value - slack <= value <= high.value + slack for value in values)
        if inside or OF_ANOTHER.search(before):
            yield None
        else:
            yield "warn", f"{text}: the interval does not hold its own estimate {estimate.text}"


def _scales(document: Document) -> set[tuple[int, int]]:
    """The rating scales that a document names."""
    found = set()
    for match in SCALE.finditer(document.text):
        around = document.text[max(0, match.start() - 80) : match.end() + 80].lower()
        if not any(word in around for word in ("likert", "scale", "rating", "rated", "point")):
            continue
        found.add((1, int(match["points"])) if match["points"] else (int(match["low"]), int(match["high"])))
    return found


def _means(plain: str, scales: set[tuple[int, int]]) -> Iterator[tuple[Severity, str] | None]:
    """Mean and SD of ratings on the one scale that the document names."""
    for match in MEAN_SD.finditer(plain):
        mean, sd = _number(match["mean"]), _number(match["sd"])
        if mean is None or sd is None or len(scales) != 1:
            continue
        low, high = next(iter(scales))
        n = int(match["n"]) if match["n"] else 0
        text = match.group().strip()
        if not low <= mean.value <= high:
            yield None  # not of this scale
        elif interval(sd)[0] > (limit := sd_limit(interval(mean), low, high, n if n >= 2 else 2)):
            yield "fail", f"{text}: ratings from {low} to {high} with this mean have an SD of {limit:.3g} at most"
        elif 2 <= n <= 10_000 and mean.ulp * n < 1 and not grimmer(interval(mean), interval(sd), n):
            yield "warn", f"{text}: no {n} whole-number ratings have this mean and SD"
        else:
            yield None
