"""The panel rule: how many judges, with which quotations, make a claim a `fail`, a `warn` or an `info`."""

from typing import Any

import pytest

from pytest_mlrbench.audits import Finding
from pytest_mlrbench.judging.form import told_dropped
from pytest_mlrbench.judging.voices import panel_findings, severity
from pytest_mlrbench.records import DroppedClaim, JudgeClaim, JudgeForm, Passage


def at(file: str, line: int, last: int | None = None, quote: str = "quoted") -> Passage:
    return Passage(file=file, line=line, last=last or line, quote=quote)


ROW = at("results/results.md", 7, quote="| ours | 0.97 |")
CODE = at("code/run.py", 4, quote="return 0.97 + random.gauss(0, 0.01)")


def claim(*quotes: Passage, contradicts: Passage | None = CODE, **fields: Any) -> JudgeClaim:
    return JudgeClaim.model_validate(
        {
            "type": "faked_results",
            "scope": "results",
            "statement": "drawn, not measured",
            "confidence": 5,
            "quotes": list(quotes) or [ROW],
            "contradicts": contradicts,
            **fields,
        }
    )


def form(judge: str, *claims: JudgeClaim, repeat: int = 1, **fields: Any) -> JudgeForm:
    return JudgeForm(judge=judge, stage="experiment", repeat=repeat, protocol="p", answer={}, claims=list(claims), **fields)


def panel(*said: JudgeClaim | None) -> list[Finding]:
    """One judge an entry; None has nothing to say."""
    return panel_findings([form(f"openai/j{number}", *([one] if one else [])) for number, one in enumerate(said, 1)])


def levels(findings: list[Finding]) -> list[str]:
    return [found.severity for found in findings]


@pytest.mark.parametrize(
    ("judges", "agree", "level"),
    [
        (1, 1, "warn"),
        (2, 1, "warn"),
        (2, 2, "fail"),
        (3, 1, "warn"),
        (3, 2, "fail"),
        (3, 3, "fail"),
        (4, 2, "warn"),
        (4, 3, "fail"),
        (5, 2, "warn"),
        (5, 3, "fail"),
    ],
)
def test_how_many_of_how_many_judges_make_a_fail(judges: int, agree: int, level: str) -> None:
    assert severity(agree, agree, judges) == level
    findings = panel(*[claim()] * agree, *[None] * (judges - agree))
    assert levels(findings) == [level]
    assert findings[0].check == "judges"
    assert all(f"openai/j{number}" in findings[0].message for number in range(1, agree + 1))


def test_silence_of_all_is_no_finding() -> None:
    assert panel(None, None, None) == []


def test_a_fail_quotes_the_statement_and_what_contradicts_it() -> None:
    (found,) = panel(claim(), claim())
    assert [(place.file, place.line) for place in found.evidence] == [("results/results.md", 7), ("code/run.py", 4)]
    assert found.evidence[1].quote == "return 0.97 + random.gauss(0, 0.01)"
    assert found.message == "2 of 2 judges (openai/j1, openai/j2), quotes verified: drawn, not measured"


@pytest.mark.parametrize(
    "weak",
    [
        claim(contradicts=None),
        claim(confidence=3),
        claim(at("code/run.py", 1), contradicts=CODE),
        claim(at("evidence.jsonl", 3), contradicts=CODE),
    ],
    ids=["nothing contradicts", "unsure", "code alone", "never reported"],
)
def test_agreement_without_what_a_reader_can_verify_warns(weak: JudgeClaim) -> None:
    assert levels(panel(weak, weak, weak)) == ["warn"]
    assert levels(panel(claim(), weak)) in (["warn"], ["warn", "warn"])


def test_claims_about_different_places_do_not_add_up() -> None:
    one, other = claim(ROW, contradicts=CODE), claim(at("results/results.md", 30), contradicts=at("code/run.py", 90))
    assert levels(panel(one, other)) == ["warn", "warn"]


def test_claims_of_different_types_do_not_add_up() -> None:
    assert levels(panel(claim(), claim(type="hallucinated_methodology"))) == ["warn", "warn"]


def test_passages_that_overlap_in_one_line_are_one_place() -> None:
    one = claim(at("results/results.md", 5, 7), contradicts=at("code/run.py", 10, 20))
    other = claim(at("results/results.md", 7, 9), contradicts=at("code/run.py", 24))
    assert levels(panel(one, other)) == ["fail"]


def test_agreement_on_the_row_for_different_reasons_warns() -> None:
    one, other = claim(contradicts=at("code/run.py", 10)), claim(contradicts=at("code/run.py", 60))
    third = claim(contradicts=at("results/metrics.json", 10))
    (found,) = panel(one, other, third)
    assert found.severity == "warn"
    assert "3 of 3 judges" in found.message
    assert "1 of them sure and with the same contradicting source" in found.message
    assert levels(panel(one, other, claim(contradicts=at("code/run.py", 15)))) == ["fail"]


def test_two_rows_that_both_quote_are_no_common_contradiction() -> None:
    rows = (at("results/results.md", 5), at("results/results.md", 7))
    one, other = claim(*rows, contradicts=at("code/run.py", 10)), claim(*rows, contradicts=at("code/run.py", 60))
    assert levels(panel(one, other)) == ["warn"]


def test_common_lines_of_code_alone_are_nothing_that_was_reported() -> None:
    def about(row: int) -> JudgeClaim:
        return claim(at("results/results.md", row), at("code/run.py", 4), contradicts=at("code/run.py", 8))

    assert levels(panel(about(5), about(50))) == ["warn"]


def test_who_quotes_what_the_other_way_round_agrees_all_the_same() -> None:
    assert levels(panel(claim(ROW, contradicts=CODE), claim(CODE, contradicts=ROW))) == ["fail"]


def test_a_chain_of_claims_without_a_common_line_is_no_majority() -> None:
    first = claim(at("results/results.md", 1, 5), contradicts=at("code/a.py", 1))
    middle = claim(at("results/results.md", 5, 10), contradicts=at("code/a.py", 1 + 30))
    last = claim(at("results/results.md", 10, 15), contradicts=at("code/a.py", 35))
    assert levels(panel(first, middle, last)) == ["fail", "warn"]  # two of three share a line, never three
    assert levels(panel(first, middle, last, None)) == ["warn", "warn"]


def test_one_silent_judge_does_not_stop_a_majority() -> None:
    """What an instruction in the work to report nothing can reach: the judges that obey it, no others."""
    assert levels(panel(claim(), None, claim())) == ["fail"]


@pytest.mark.parametrize(("said", "level"), [(1, "info"), (2, "warn"), (3, "warn")])
def test_repeats_of_a_lone_judge_are_one_voice_by_majority(said: int, level: str) -> None:
    forms = [form("openai/j1", *([claim()] if repeat <= said else []), repeat=repeat) for repeat in (1, 2, 3)]
    assert levels(panel_findings(forms)) == [level]


def test_two_judges_agree_only_when_most_repeats_of_each_do() -> None:
    def forms(first: int, second: int) -> list[JudgeForm]:
        return [
            form(judge, *([claim()] if repeat <= said else []), repeat=repeat)
            for judge, said in (("openai/j1", first), ("openai/j2", second))
            for repeat in (1, 2, 3)
        ]

    assert levels(panel_findings(forms(2, 2))) == ["fail"]
    assert levels(panel_findings(forms(3, 1))) == ["warn"]
    assert levels(panel_findings(forms(1, 1))) == ["info"]


def test_many_claims_of_one_judge_about_one_line_are_one_voice() -> None:
    assert levels(panel_findings([form("openai/j1", claim(), claim(), claim()), form("openai/j2")])) == ["warn"]


def test_one_model_under_two_providers_is_one_voice() -> None:
    forms = [form("openai/gpt-x", claim()), form("openrouter/openai/gpt-x", claim())]
    (found,) = panel_findings(forms)
    assert found.severity == "warn"
    assert "the only judge (openai/gpt-x)" in found.message


def test_scope_is_results_only_where_most_of_the_telling_claims_say_so() -> None:
    assert panel(claim(), claim(), claim(scope="paper"))[0].scope == "results"
    assert panel(claim(), claim(scope="paper"))[0].scope == "paper"


def test_strongest_findings_come_first() -> None:
    weak = claim(at("results/log.txt", 3), contradicts=None)
    forms = [form("openai/j1", weak, claim()), form("openai/j2", claim())]
    assert levels(panel_findings(forms)) == ["fail", "warn"]


def test_dropped_claims_are_counted_a_judge_over_its_repeats() -> None:
    gone = DroppedClaim(type="faked_results", statement="s", why="quote not found")
    short = gone.model_copy(update={"why": "quote too short"})
    forms = [
        form("openai/j1", claim(), dropped=[gone, short]),
        form("openai/j1", claim(), dropped=[gone], repeat=2),
        form("openai/j2", claim()),
    ]
    (found,) = told_dropped(forms)
    assert (found.severity, found.check) == ("info", "judges")
    assert found.message == "judge openai/j1: 3 of 5 claims dropped: quote not found (2), quote too short (1)"
