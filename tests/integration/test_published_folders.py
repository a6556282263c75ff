"""The audit over 30 published runs that two readers labelled: of 19 fabricated ones 18 at least fail, no honest one."""

import csv
import os
from datetime import date
from pathlib import Path

import pytest

from pytest_mlrbench.audits import Audit
from pytest_mlrbench.evidence.checks import audit, subject_of_folder
from tests.support.once import once

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
LABELS = DATA / "fabrication_labels_dev.csv"


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str, Audit]]:
    """(artifact, fabricated, audit) of every labelled folder."""
    if not LABELS.is_file():
        reason = f"the labelled published runs are not here: {LABELS} is missing"
        if os.environ.get("CI") and os.environ.get("MLR_SHARED") != "none":
            pytest.fail(f"{reason}; set MLR_SHARED=none where they cannot be had")
        pytest.skip(reason)
    return once(tmp_path_factory, "published", lambda _: audits())


def audits() -> list[tuple[str, str, Audit]]:
    with LABELS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    found = []
    for row in rows:
        folder = DATA / "upstream" / row["artifact"]
        assert folder.is_dir(), folder
        found.append((row["artifact"], row["fabricated"], audit(subject_of_folder(folder, today=date(2026, 11, 23)))))
    return found


def _results_fail(result: Audit) -> bool:
    return any(finding.severity == "fail" and finding.scope == "results" for finding in result.findings)


def test_no_honest_run_fails(audited: list[tuple[str, str, Audit]]) -> None:
    honest = [(name, result) for name, label, result in audited if label == "no"]
    assert len(honest) == 10
    assert [name for name, result in honest if _results_fail(result)] == []


def test_of_19_fabricated_runs_at_most_one_is_missed(audited: list[tuple[str, str, Audit]]) -> None:
    fabricated = [(name, result) for name, label, result in audited if label == "yes"]
    assert len(fabricated) == 19
    missed = [name for name, result in fabricated if not _results_fail(result)]
    assert len(missed) <= 1, missed


def test_no_check_crashes_and_no_folder_without_a_ledger_is_verified(audited: list[tuple[str, str, Audit]]) -> None:
    for name, _, result in audited:
        assert result.verdict != "verified", name
        assert not [why for why in result.coverage.values() if "check failed" in why], name


def test_every_fail_quotes_places_that_are_there(audited: list[tuple[str, str, Audit]]) -> None:
    """A quoted line of code stands in the file as published, or in the log, which also holds versions that were replaced later."""
    for name, _, result in audited:
        folder = DATA / "upstream" / name
        logs = "".join(path.read_text(errors="replace") for path in folder.glob("*.json"))
        for finding in result.findings:
            if finding.severity != "fail":
                continue
            assert finding.evidence, (name, finding.message)
            for quote in finding.evidence:
                path = folder / quote.file.partition("#")[0]
                assert path.is_file() or Path(quote.file).name in logs, (name, quote.file)
