"""What the panel's forms do to an audit, and which judges are asked for one."""

from dataclasses import replace

import pytest
from test_judging_voices import claim, form

from pytest_mlrbench.audits import Audit, Finding
from pytest_mlrbench.engine.grading import form_judges, with_forms
from pytest_mlrbench.records import DroppedClaim, JudgeForm
from pytest_mlrbench.settings import Settings

JUDGES = ("openai/j1", "openai/j2")
FOUND = Finding(type="other", scope="results", check="outputs", severity="warn", message="an empty log")
AUDIT = Audit(verdict="verified", support=1.0, coverage={"outputs": "done"}, findings=[FOUND])


def settings(**changes: object) -> Settings:
    return Settings.model_validate({"model": "openai/m", "run": "run", "judges": JUDGES, **changes})


def forms(*claims: bool) -> list[JudgeForm]:
    return [form(judge, *([claim()] if said else [])) for judge, said in zip(JUDGES, claims, strict=True)]


@pytest.mark.parametrize(
    ("said", "verdict"), [((True, True), "hallucinated"), ((True, False), "verified"), ((False, False), "verified")]
)
def test_agreement_makes_a_verdict_and_silence_leaves_the_checks_own(said: tuple[bool, bool], verdict: str) -> None:
    changed = with_forms(AUDIT, forms(*said), settings())
    assert changed.verdict == verdict
    assert changed.findings[0] == FOUND
    assert changed.coverage == {"outputs": "done", "judges": "done"}


def test_silent_judges_do_not_verify_what_the_checks_could_not() -> None:
    assert with_forms(replace(AUDIT, verdict="unverified"), forms(False, False), settings()).verdict == "unverified"


def test_silent_judges_do_not_clear_what_the_checks_found() -> None:
    caught = replace(AUDIT, verdict="hallucinated")
    assert with_forms(caught, forms(False, False), settings()).verdict == "hallucinated"


def test_dropped_claims_are_told_after_the_findings() -> None:
    gone = DroppedClaim(type="faked_results", statement="s", why="quote not found")
    changed = with_forms(AUDIT, [form("openai/j1", claim(), dropped=[gone]), form("openai/j2")], settings())
    assert [found.severity for found in changed.findings] == ["warn", "warn", "info"]


@pytest.mark.parametrize(
    ("chosen", "why"),
    [
        (settings(judges=("offline",)), "no evidence: no model judge on the panel"),
        (settings(hallucination_check="off"), "no evidence: switched off with --mlr-hallucination-check=off"),
    ],
)
def test_without_forms_the_coverage_says_why(chosen: Settings, why: str) -> None:
    assert form_judges(chosen, "experiment") == ()
    changed = with_forms(AUDIT, [], chosen)
    assert changed.coverage["judges"] == why
    assert changed.findings == AUDIT.findings


def test_only_model_judges_of_stages_with_results_are_asked() -> None:
    panel = settings(judges=("openai/j1", "offline", "openai/j2"))
    assert [form_judges(panel, stage) for stage in ("idea", "proposal")] == [(), ()]
    assert {form_judges(panel, stage) for stage in ("experiment", "paper", "end2end")} == {JUDGES}
