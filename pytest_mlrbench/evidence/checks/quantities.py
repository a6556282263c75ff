"""Numbers as people write them in reports, tables and logs, with the precision they claim; for every check on numbers."""

from typing import NamedTuple

from ...patterns import lazy

NUMBER = lazy(
    r"(?<![\w.,])(?P<sign>(?<![\w)\]}])[-+−–]\s?)?(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?:[eE](?P<exp>[-+]?\d{1,3})(?!\w)|\s?(?:\\times|×|\\cdot)\s?10\s?\^\s?\{?(?P<pow>[-+−]?\d{1,3})\}?)?"
    r"(?!\d|\.\d|,\d{3})(?P<percent>\s?\\?%)?"
)
UNIT = lazy(
    r"\\?[, ]?(?P<unit>ms|milliseconds?|[µμu]s|s|secs?|seconds?|min|minutes?|h|hours?|[kKMBG]|million|billion|thousand|[KMG]i?B)\b"
)
UNITS = {
    "ms": (1e-3,),
    "millisecond": (1e-3,),
    "µs": (1e-6,),
    "μs": (1e-6,),
    "us": (1e-6,),
    "s": (1e3,),
    "sec": (1e3,),
    "second": (1e3,),
    "min": (60.0,),
    "minute": (60.0,),
    "h": (3600.0, 60.0),
    "hour": (3600.0, 60.0),
    "k": (1e3,),
    "thousand": (1e3,),
    "M": (1e6,),
    "million": (1e6,),
    "B": (1e9,),
    "G": (1e9,),
    "billion": (1e9,),
    "KB": (1e3, 2.0**10),
    "MB": (1e6, 2.0**20),
    "GB": (1e9, 2.0**30, 2.0**10),
}
"""Unit -> factors to the units that programs print in: seconds, milliseconds, bytes, plain counts."""
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
SUPERSCRIPT = lazy(r"[⁰¹²³⁴⁵⁶⁷⁸⁹]")
DIGIT = lazy(r"\d")
RAISED = lazy(r"(10)([⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,3})")
CLOCK = lazy(r"\d{4}-\d{2}-\d{2}|\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?")


class Number(NamedTuple):
    """One written number."""

    value: float
    ulp: float
    """One unit of its last written digit: 0.01 for `0.85`."""
    digits: int
    """Significant digits as written, leading zeros not counted."""
    decimals: int
    percent: bool
    text: str
    start: int
    """Offset in the line or cell it stands in."""
    line: int = 0
    """1-based; 0 when it stands in no file."""
    exponent: bool = False
    units: tuple[float, ...] = ()
    """Factors to the unit a program may have written it in: 1e-3 for `12.5 ms`, 1e6 for `3.45M`."""

    @property
    def telling(self) -> bool:
        """Precise enough to be looked up: two decimals, or three digits with a decimal point, or a power of ten; not 0, 1, 100."""
        if self.value in (0.0, 1.0, -1.0, 100.0):
            return False
        if self.exponent:
            return self.digits >= 2
        return self.digits >= 2 and (self.decimals >= 2 or (self.decimals == 1 and self.digits >= 3))


def numbers_in(text: str, line: int = 0) -> list[Number]:
    """All numbers of one line; dates and clock times are not numbers.

    >>> [(n.value, n.ulp, n.percent) for n in numbers_in("accuracy 91.25% ± 0.3, loss -1.5e-3 at 12:30:05")]
    [(91.25, 0.01, True), (0.3, 0.1, False), (-0.0015, 0.0001, False)]
    """
    if DIGIT.search(text) is None:
        return []
    if not text.isascii() and SUPERSCRIPT.search(text):
        text = RAISED.sub(lambda match: f"{match[1]}^{match[2].translate(SUPERSCRIPTS)}", text)
    if "\\pm" in text:
        text = text.replace("\\pm", "  ±")
    if ":" in text or "-" in text:
        text = CLOCK.sub(lambda match: "#" * len(match.group()), text)
    found = []
    for match in NUMBER.finditer(text):
        digits = match["digits"].replace(",", "")
        power = int((match["exp"] or match["pow"] or "0").replace("−", "-"))
        decimals = len(digits.partition(".")[2])
        sign = -1.0 if match["sign"] and match["sign"][0] in "-−–" else 1.0
        try:
            value = sign * float(f"{digits}e{power}")
        except (OverflowError, ValueError):
            continue
        if abs(value) > 1e300:
            continue
        significant = len(digits.replace(".", "").lstrip("0"))
        has_power = bool(match["exp"] or match["pow"])
        ulp = 10.0 ** (power - decimals) if abs(power - decimals) < 300 else 0.0
        unit = UNIT.match(text, match.end()) if text[match.end() : match.end() + 2].strip() and not match["percent"] else None
        units = UNITS.get(_unit(unit["unit"]), ()) if unit else ()
        found.append(
            Number(
                value,
                ulp,
                significant,
                decimals,
                bool(match["percent"]),
                match.group().strip(),
                match.start(),
                line,
                has_power,
                units,
            )
        )
    return found


def _unit(text: str) -> str:
    if text in UNITS or text in ("K", "KiB", "MiB", "GiB"):
        return {"K": "k", "KiB": "KB", "MiB": "MB", "GiB": "GB"}.get(text, text)
    return text.removesuffix("s")


def slack(value: float, ulp: float) -> float:
    """How far what rounds to a written number may lie from it: half of its last digit, and what floats lose."""
    return ulp * 0.5 * (1 + 1e-6) + 1e-12 * abs(value)


def agree(claim: Number, value: float) -> bool:
    """Whether `claim` can be `value` rounded, as it stands or in percent, whatever its sign convention says.

    >>> agree(numbers_in("91.3%")[0], 0.9126)
    True
    >>> agree(numbers_in("91.4%")[0], 0.9126)
    False
    """
    for scale in (1.0, 100.0) if not claim.percent else (100.0, 1.0):
        if abs(value * scale - claim.value) <= slack(claim.value, claim.ulp):
            return True
    return False
