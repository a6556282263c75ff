"""Shares that a formula makes: accuracies which the executed code computes by a curve, a random number or typed numbers.

Rule. An accuracy, a hit rate or an F1 is a count divided by another. Where every number that the executed code puts under such a
name was, after all that was computed, added to or multiplied by a typed number, bent by `exp`, `tanh` or a power, or drawn around
what was computed, it was not counted, whatever it was made of. A comparison, a sum or a mean of many ends what was there before:
logits are bent, the share of right answers is not. `fail` where typed numbers are among it in code that certainly ran, and the
documents speak of no simulation, noise or correction; else `warn`.
"""

from typing import TYPE_CHECKING

from ....audits import Finding, Quote
from ....patterns import lazy
from ..admitting import SIMULATED
from ..case import finding
from ..measures import OTHERS, SHARES
from ..words import words
from .quoting import named, quote_line
from .values import CURVE, DRAW

if TYPE_CHECKING:
    from ..case import Case

NAME = "dataflow"
RATES = SHARES | frozenset(["f1", "precision", "recall", "auc", "auroc", "hits"])
"""Words of names of counts divided by counts."""
CORRECTED = lazy(
    r"(?i)nois[ey]|perturb|differential(?:ly)? priva|smooth|moving average|\bEMA\b|normali[sz]ed (?:accuracy|score|success|f1)|"
    r"correct(?:ed|ion) for|chance[- ]corrected|calibrat|scaling law|fitted curve|extrapolat|adjusted"
)
"""What a document says of values that are honestly no counts."""
SHOWN = 3


def told(case: "Case") -> list[Finding]:
    """At most one finding."""
    reading, reported = case.dataflow, case.reported
    found: dict[str, dict[frozenset[str], tuple[str, int]]] = {}
    swept = reported.swept
    for name in dict.fromkeys([*reading.tilts, *reading.tilts_in_text]):
        tilts = {**reading.tilts_in_text.get(name, {}), **reading.tilts.get(name, {})}
        rate = words(name) & RATES
        if not rate or words(name) & OTHERS:
            continue
        if not reported.link((name,), text=False) and not any(
            word in document.text.lower() for document in case.documents for word in rate
        ):
            continue
        # The parameter of a sweep, which stands in a label, bends nothing, and whole numbers are counts of cases.
        bent = {frozenset(t for t in tilt if not _number(t) or _bends(t, swept)): place for tilt, place in tilts.items()}
        if all(bent):
            found[name] = bent
    if not found:
        return []
    texts = [*(document.text for document in case.documents), case.subject.proposal or ""]
    said = any(SIMULATED.search(text) or CORRECTED.search(text) for text in texts)
    sure = any(line and any(_number(t) for t in tilt) for bent in found.values() for tilt, (_, line) in bent.items())
    quotes: list[Quote] = []
    for bent in found.values():
        for file, line in list(bent.values())[:SHOWN]:
            if line:
                quotes.append(quote_line(case, reading.sources, file, line))
    kinds = {part for bent in found.values() for tilt in bent for part in tilt if part != "by name"}
    parts = sorted(kinds, key=lambda part: (not _number(part), part))
    files = sorted({named(file) for bent in found.values() for file, _ in bent.values()})
    message = (
        f"{', '.join(files[:SHOWN])}, which was executed, makes what it puts under {', '.join(sorted(found)[:4])} by a formula "
        f"({', '.join(parts[:6])}) of what it computed: nothing was counted"
    )
    return [finding("faked_results", "results", NAME, "fail" if sure and not said else "warn", message, quotes)]


def _bends(text: str, swept: frozenset[float]) -> bool:
    return not text.lstrip("-").isdigit() and float(text) not in swept


def _number(text: str) -> bool:
    return text not in (CURVE, DRAW, "by name")
