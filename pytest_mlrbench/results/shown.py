"""What readers are shown of a trial: outcome, reasons, foreign text made harmless. Stdlib only; workers and reports use it."""

import unicodedata
from collections.abc import Mapping
from typing import Any, Literal

Outcome = Literal["passed", "failed", "error", "skipped"]

OUTCOMES: tuple[Outcome, ...] = ("passed", "failed", "error", "skipped")
"""The outcomes of docs/interface.md, in the order in which reports count them."""

HALLUCINATED = "hallucinated:"
"""What the reason of an item starts with when a finding of severity `fail` made it FAILED; Allure's categories look for it."""

THRESHOLD = "below the threshold:"
"""What the reason starts with when only --mlr-min or --mlr-require made it FAILED."""


def outcome(
    record: Mapping[str, Any], minimum: Mapping[str, float] | None = None, require: str | None = None
) -> tuple[Outcome, list[str]]:
    """The outcome of a trial record (as plain JSON) and why, under the thresholds of --mlr-min and --mlr-require.

    Thresholds apply to what is there: a dimension without a score, or a stage without a verdict, is not below any.
    """
    status = record["status"]
    if status != "done":
        named: Outcome = status
        return named, [record["reason"] or f"the trial ended as {status}, no reason was recorded"]
    reasons = []
    failing = [finding for finding in record["findings"] if finding["severity"] == "fail"]
    if failing:
        counts = f"{len(failing)} finding{'s' if len(failing) > 1 else ''}"
        reasons.append(f"{HALLUCINATED} {counts} of severity fail: " + "; ".join(finding_text(finding) for finding in failing))
    for dimension, least in (minimum or {}).items():
        score = record["scores"].get(dimension)
        if score is not None and score < least:
            reasons.append(f"{THRESHOLD} {dimension} is {score:.2f}, --mlr-min asks for {least:g}")
    if require is not None and record["verdict"] not in (None, require) and not failing:
        reasons.append(f"{THRESHOLD} the verdict is {record['verdict']}, --mlr-require asks for {require}")
    return ("failed" if reasons else "passed"), reasons


def decided(
    status: str,
    failing: bool,
    scores: Mapping[str, float | None],
    verdict: str | None,
    minimum: Mapping[str, float],
    require: str | None,
) -> Outcome:
    """The outcome that `outcome` gives a record, from its numbers alone; `failing`: a finding of severity `fail`."""
    if status != "done":
        named: Outcome = status  # type: ignore[assignment]
        return named
    below = any((score := scores.get(dimension)) is not None and score < least for dimension, least in minimum.items())
    return "failed" if failing or below or (require is not None and verdict not in (None, require)) else "passed"


def finding_text(finding: Mapping[str, Any], *, quotes: int = 1, length: int = 120) -> str:
    """One finding in a line: message, then up to `quotes` places as `file:line "quote"`, each quote `length` characters at most."""
    places = []
    for place in finding["evidence"][:quotes]:
        where = place["file"] + (f":{place['line']}" if place["line"] is not None else "")
        places.append(f'{where} "{shorten(place["quote"], length)}"' if place["quote"] else where)
    message = shorten(finding["message"], 3 * length)
    return plain(f"{message} ({', '.join(places)})" if places else message)


def place_lines(finding: Mapping[str, Any], *, most: int = 4, length: int = 200) -> list[str]:
    """Where a finding's evidence stands, a line each: `file:line: quote`, the quote in one line of `length` characters at most.

    Of more than `most` places the first ones and the last are named: checks quote the claim first and what contradicts it last.
    """
    places = finding["evidence"]
    chosen = list(places) if len(places) <= most else [*places[: most - 1], places[-1]]
    lines = []
    for place in chosen:
        where = place["file"] + (f":{place['line']}" if place["line"] is not None else "")
        lines.append(plain(f"{where}: {shorten(place['quote'], length)}" if place["quote"] else where))
    if len(places) > most:
        lines.insert(most - 1, f"({len(places) - most} more places)")
    return lines


def plain(text: str, *, lines: bool = False) -> str:
    """`text` without anything a terminal or a Markdown cell would obey.

    Control, format (bidirectional overrides, zero width) and surrogate characters become visible escapes such as `\\x1b`;
    line breaks and tabs become one space, or stay with `lines`.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(character, lines) for character in text)


def _visible(character: str, lines: bool) -> str:
    if character in "\n\t":
        return character if lines else " "
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return (
            f"\\x{ord(character):02x}" if ord(character) < 0x100 else character.encode("ascii", "backslashreplace").decode("ascii")
        )
    return character


def shorten(text: str, length: int) -> str:
    """`text` in one line of at most `length` characters, its middle replaced by an ellipsis when it is longer."""
    line = " ".join(text.split())
    if len(line) <= length:
        return line
    head = (length - 1) * 2 // 3
    tail = length - 1 - head
    return f"{line[:head]}…{line[len(line) - tail :]}"


def usd(amount: float) -> str:
    """An amount of USD: two decimals, four below ten cents, so that a cheap call is not shown as free."""
    return f"{amount:.2f} USD" if amount >= 0.1 or amount == 0 else f"{amount:.4f} USD"


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 error`, `1,234 errors`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
