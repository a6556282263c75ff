"""What an audit says: findings, the places that bear them out, the verdict. Frozen, no behaviour, without pydantic.

`mlrbench check` makes and prints these and nothing else that is stored, so it imports no pydantic; records.py, which holds them,
validates them as it does its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

Verdict = Literal["verified", "unverified", "hallucinated"]
Severity = Literal["fail", "warn", "info"]
FindingType = Literal["faked_results", "hallucinated_methodology", "incorrect_citation", "mathematical_error", "other"]
Scope = Literal["results", "paper"]

STRICT: Mapping[str, Any] = {"extra": "forbid"}
"""For pydantic, where it reads one of these: unknown keys are refused, as records.Frozen does."""


@dataclass(frozen=True)
class Quote:
    """Evidence a reader can look up: a place and what stands there."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = STRICT

    file: str
    """Relative to the audited folder."""
    line: int | None = None
    """1-based; None for binary files and whole-file statements."""
    quote: str = ""


@dataclass(frozen=True)
class Finding:
    """What one hallucination check found."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = STRICT

    type: FindingType
    scope: Scope
    check: str
    severity: Severity
    message: str
    evidence: list[Quote] = field(default_factory=list)


@dataclass(frozen=True)
class Audit:
    """All checks over one output folder (docs/interface.md: `check --format json` without `path`)."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = STRICT

    verdict: Verdict
    support: float | None
    """Share 0..1 of headline numbers traced to output that a program of this run wrote; None when there are none."""
    coverage: dict[str, str]
    """Check name -> `done` or `no evidence: WHY`."""
    findings: list[Finding]
