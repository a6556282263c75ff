"""Runs every check over one subject in a fixed order and decides the verdict; called by the engine and `mlrbench check`."""

import traceback
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

from ...audits import Audit, Finding, Verdict
from ...errors import InfrastructureError
from . import citations
from .case import Case, Check, finding
from .subject import Subject, subject_of_trial

TEXT_CHECKS: tuple[Check, ...] = (citations.CHECK,)
"""For stages that come before any result."""
VERIFIED = 0.9
"""Support from which a work without `fail` on host evidence is `verified` (CONTRACT)."""


def audit(subject: Subject, extra: Iterable[Check] = ()) -> Audit:
    """Run the checks. One that crashes is `no evidence` and an `info` finding that names the error: never a pass, never a `fail`.

    For idea and proposal only the citations are checked, and the verdict means nothing; literature is not checked.
    """
    return audit_case(Case(subject), extra)


def audit_case(case: Case, extra: Iterable[Check] = ()) -> Audit:
    """`audit` of a reading that may be shared in part with another audit."""
    subject = case.subject
    whole = subject.stage not in ("literature", "idea", "proposal")
    chosen = _all_checks() if whole else () if subject.stage == "literature" else TEXT_CHECKS
    coverage: dict[str, str] = {}
    findings: list[Finding] = []
    for check in (*chosen, *extra):
        try:
            outcome = check.run(case)
        except Exception as error:  # noqa: BLE001 (hostile input must not hide behind a crash; it is named instead)
            at = traceback.extract_tb(error.__traceback__)[-1]
            why = f"{type(error).__name__}: {error} ({Path(at.filename).name}:{at.lineno})"
            coverage[check.name] = f"no evidence: check failed: {why}"
            findings.append(finding("other", "results", check.name, "info", f"the check itself failed, and says nothing: {why}"))
            continue
        coverage[check.name] = outcome.coverage
        findings += [case.placed(found) for found in outcome.findings]
    supported: float | None = None
    if whole:
        from . import numbers

        try:
            supported = numbers.support(case)
        except Exception as error:  # noqa: BLE001 (as above)
            coverage["support"] = f"no evidence: check failed: {type(error).__name__}: {error}"
    return Audit(
        verdict=verdict(findings, supported, subject.host_ledger and not subject.ledger_problem),
        support=None if supported is None else round(supported, 4),
        coverage=coverage,
        findings=findings,
    )


def _all_checks() -> tuple[Check, ...]:
    """Imported with the first work that has results: a run of ideas alone never pays for their hundred modules."""
    from .registry import CHECKS

    return CHECKS


def verdict(findings: Iterable[Finding], support: float | None, host_evidence: bool) -> Verdict:
    """`hallucinated` exactly when a finding is a `fail`; `verified` needs support of 0.9 on a whole ledger made by the host."""
    if any(found.severity == "fail" for found in findings):
        return "hallucinated"
    return "verified" if host_evidence and support is not None and support >= VERIFIED else "unverified"


def audit_trial(
    stage: str, output: str, trial_dir: str, inputs: dict[str, str], today: str, online: bool = False
) -> dict[str, Any]:
    """`audit` of one of our trials with picklable arguments and result, for a process pool; `today` is an ISO date.

    `online`: references may be looked up in public indexes.

    A ledger that was changed after it was written is evidence lost: the audit then says so and goes on without it.
    """
    paths = {name: Path(path) for name, path in inputs.items()}
    day = date.fromisoformat(today)
    try:
        subject = subject_of_trial(stage, Path(output), Path(trial_dir), paths, day)
        return asdict(audit(replace(subject, online=online)))
    except InfrastructureError as error:
        subject = subject_of_trial(stage, Path(output), Path(trial_dir), paths, day, ledger=False)
        result = audit(replace(subject, ledger_problem=str(error), online=online))
        note = finding("other", "results", "ledger", "warn", f"the ledger cannot be read: {error}")
        return asdict(replace(result, findings=[*result.findings, note]))
