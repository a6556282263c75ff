"""The mechanical judge (`--mlr-judges=offline`): scores from counted features, or null with the reason; called by the panel.

A score is 1 + 9 x the mean of its features, rounded half up; each feature lies between 0 and 1 and grows with what it counts, so a
score never falls when more of it is there. The features count, they understand nothing: a well-formed falsehood scores as a
well-formed truth. Which feature speaks for which dimension stands in `_speaking`.
"""

import math
import re
from collections.abc import Sequence
from typing import Protocol

from ..errors import InfrastructureError
from ..records import Review
from . import features
from .features import Measured
from .work import Work

JUDGE = "offline"

UNSPEAKABLE = {
    "Novelty": "nothing mechanical can tell whether a thought is new",
    "Significance": "nothing mechanical can tell whether a result matters",
    "Insightfulness": "nothing mechanical can tell whether a reading of results is insightful",
}
"""Dimensions that stay null, with the reason."""

OWN = {"idea": "idea", "proposal": "proposal", "experiment": "results/results.md", "paper": "paper", "end2end": "paper"}
"""Stage -> the part that is under review."""

MEANS = {
    "data": r"data ?sets?\b|\bdata\b|benchmark|corpus",
    "baselines": r"baseline|compar",
    "a measure": r"metric|accuracy|error|score|measure|recall|coverage|loss",
    "repeats": r"seed|repeat|replicat|\bruns?\b|folds?\b",
    "resources": r"comput|gpu|core|hour|minute|second|memory|budget|small",
}
"""What a plan needs that can be carried out."""

DESIGN = {
    "baselines": r"baseline",
    "held-out data": r"test (set|split|case|image|data|time)|held[- ]out|cross[- ]valid|\bsplit\b",
    "repeats": r"seed|repeat|replicat",
    "a spread": r"standard (deviation|error)|confidence interval|variance|bootstrap|±",
    "a rule for differences": r"paired|significan|hypothesis|null|two standard|twice",
}
"""What a design needs whose outcome can be believed."""

SPREAD = {"a spread": r"±|\bSD\b|standard (deviation|error)|confidence interval|\bCI\b|\\pm"}


class _Dimension(Protocol):
    @property
    def name(self) -> str: ...


class RubricLike(Protocol):
    """What this judge needs of a rubric (stages.rubric.Rubric has it)."""

    @property
    def stage(self) -> str: ...

    @property
    def dimensions(self) -> Sequence[_Dimension]: ...


def review_offline(work: Work, rubric: RubricLike, *, repeat: int, protocol: str) -> Review:
    """The mechanical review of `work`; equal for every repeat.

    Raises InfrastructureError when the part under review is missing or empty: such a trial has failed before it is judged.
    """
    own = work.part(OWN[rubric.stage])
    if own is None or not own.text.strip():
        raise InfrastructureError(f"the offline judge was given no {OWN[rubric.stage]} to review for stage {rubric.stage}")
    speaking = _speaking(work, own.text, rubric.stage)
    scores: dict[str, int | None] = {}
    justifications: dict[str, str] = {}
    for dimension in rubric.dimensions:
        name = dimension.name
        if name in ("Overall", "Confidence", "Hallucination"):
            continue
        measured = speaking.get(name, [])
        scores[name] = score(measured)
        details = "; ".join(detail for _, detail in measured)
        missing = UNSPEAKABLE.get(name, f"no mechanical feature speaks of {name} at this stage")
        justifications[name] = f"mechanical: {details}" if measured else missing
    names = [dimension.name for dimension in rubric.dimensions]
    if "Overall" in names:
        scores["Overall"], justifications["Overall"] = _overall(scores)
    if "Confidence" in names:
        scores["Confidence"] = 1
        justifications["Confidence"] = "a mechanical judge understands nothing of what it counts"
    unique = {detail: share for measured in speaking.values() for share, detail in measured}
    return Review(
        judge=JUDGE,
        stage=rubric.stage,
        repeat=repeat,
        protocol=protocol,
        scores=scores,
        justifications=justifications,
        strengths=[detail for detail, share in unique.items() if share == 1],
        weaknesses=[detail for detail, share in unique.items() if share < 0.5],
        mechanical=True,
        not_shown=["figures are checked for existing, not looked at"] if any(p.kind == "figure" for p in work.parts) else [],
    )


def score(measured: Sequence[Measured]) -> int | None:
    """1 + 9 x the mean of the features, rounded half up; None without a feature.

    >>> score([(1.0, "all sections"), (0.5, "half the length")])
    8
    """
    if not measured:
        return None
    return _rounded(1 + 9 * sum(share for share, _ in measured) / len(measured))


def _rounded(value: float) -> int:
    """Half up; the nudge keeps sums of thirds from falling just below a half."""
    return math.floor(value + 0.5 + 1e-9)


def _overall(scores: dict[str, int | None]) -> tuple[int | None, str]:
    known = [value for value in scores.values() if value is not None]
    if not known:
        return None, "no dimension of this stage could be scored mechanically"
    return _rounded(sum(known) / len(known)), f"mechanical: mean of the {len(known)} dimensions with a score, rounded"


def _speaking(work: Work, text: str, stage: str) -> dict[str, list[Measured]]:
    """Dimension -> the features that speak for it; a feature that does not apply (no formula, no figure) is left out."""
    kind = "paper" if stage == "end2end" else stage
    sections = features.sections(text, kind)
    clarity = _there(sections, features.sentences(text), features.latex(text))
    if kind == "idea":
        return {
            "Consistency": [features.coverage(text, work)],
            "Clarity": [*clarity, features.length(text, kind)],
            "Feasibility": [features.mentions(text, MEANS)],
        }
    if kind == "proposal":
        return {
            "Consistency": [features.coverage(text, work), *_carried(text, work, "idea")],
            "Clarity": [*clarity, features.length(text, kind)],
            "Soundness": _there(features.mentions(text, DESIGN), features.latex(text)),
            "Feasibility": [features.mentions(text, MEANS)],
        }
    own = OWN[stage]
    sources = [part.text for part in work.parts if part.kind in ("results", "log") and part.name not in (own, "commands")]
    sourced = features.sourced(text, sources)
    figures = features.figures(text, work)
    # A figure that is not shown is missing from the whole, but makes nothing less sound.
    completeness = [sections, features.length(text, kind), figures or (0.0, "no figure is shown")]
    return {
        "Consistency": [sourced, *_carried(text, work, "proposal"), *([features.coverage(text, work)] if kind == "paper" else [])],
        "Clarity": clarity,
        "Completeness": [*completeness, _left_behind(work)] if kind == "experiment" else completeness,
        "Soundness": _there(sourced, features.mentions(text, SPREAD), figures),
    }


def _there(*measured: Measured | None) -> list[Measured]:
    return [feature for feature in measured if feature is not None]


def _carried(text: str, work: Work, name: str) -> list[Measured]:
    """Nothing when the earlier text was not given: its absence is not this work's fault."""
    earlier = work.part(name)
    return [features.carried(text, earlier.text, name)] if earlier is not None and earlier.text.strip() else []


def _left_behind(work: Work) -> Measured:
    """Share of what an experiment must leave: programs, raw results, claims, log, figures."""
    left = {
        "code": any(part.kind == "code" and part.text.strip() for part in work.parts),
        "raw results": any(re.search(r"(?<!claims)\.(json|csv|tsv)$", part.name) and part.text.strip() for part in work.parts),
        "claims.json": _filled(work, "results/claims.json"),
        "log.txt": _filled(work, "results/log.txt"),
        "figures": any(part.kind == "figure" and part.path and features.is_image(part.path) for part in work.parts),
    }
    missing = [name for name, there in left.items() if not there]
    detail = f"{len(left) - len(missing)} of {len(left)} things an experiment leaves" + (
        f" (no {', '.join(missing)})" if missing else ""
    )
    return 1 - len(missing) / len(left), detail


def _filled(work: Work, name: str) -> bool:
    part = work.part(name)
    return part is not None and bool(part.text.strip())
