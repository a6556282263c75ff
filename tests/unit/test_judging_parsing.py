"""Reading a judge's answer: whatever wraps one valid review is tolerated, and nothing else is."""

import json
from typing import Any

import pytest
from judging_worlds import review_text, valid_review

from pytest_mlrbench.judging.parsing import ANSWER_CAP, ReviewError, parse_review
from pytest_mlrbench.stages.rubric import load_rubric

RUBRIC = load_rubric("paper")
VALID = review_text(RUBRIC)


def read(text: str) -> dict[str, Any]:
    return parse_review(text, RUBRIC).model_dump()


def refused(text: str) -> str:
    with pytest.raises(ReviewError) as caught:
        parse_review(text, RUBRIC)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        VALID,
        f"\n\n {VALID}\n",
        f"```json\n{VALID}\n```",
        f"```\n{VALID}\n```\n",
        f"Here is my review.\n\n```json\n{VALID}\n```\nI hope it helps.",
        f"My review of {{x}} with $\\frac{{1}}{{2}}$: {VALID} That is all.",
        f"{VALID}\n\n{VALID}",  # the same twice is one review
        VALID[:-1] + ",}",
        VALID.replace('"Clarity"', "Clarity"),
        VALID.replace("section 2 on Clarity", 'the "main" claim is clear'),
        f"```json\n{VALID[:-1]},}}\n```",
        json.dumps(valid_review(RUBRIC), indent=2).replace("section 2 on Clarity", "a line\nbreak"),
    ],
)
def test_one_valid_review_is_read_however_it_is_wrapped(text: str) -> None:
    assert read(text)["Clarity"]["score"] == 6


def test_all_stages_reviews_are_read() -> None:
    for stage in ("idea", "proposal", "experiment", "paper", "end2end"):
        rubric = load_rubric(stage)
        assert parse_review(review_text(rubric, 4), rubric).model_dump() == valid_review(rubric, 4)


def test_prose_is_refused_and_quoted() -> None:
    assert "no JSON object" in refused("A fine paper, I would accept it.")
    assert "A fine paper" in refused("A fine paper, I would accept it.")


@pytest.mark.parametrize(
    ("text", "found"),
    [("null", "null"), ("42", "42"), ('"7/10"', '"7/10"'), ("[1, 2]", "[1, 2]"), ("true", "true"), (f"[{VALID}]", "[{")],
)
def test_json_that_is_no_object_is_refused_by_what_it_is(text: str, found: str) -> None:
    assert "Expected one JSON object, found" in refused(text)
    assert found in refused(text)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_answer_is_refused(text: str) -> None:
    assert refused(text) == "The answer is empty. Expected one JSON object."


def test_bare_7_of_10_is_refused() -> None:
    assert "no JSON object" in refused("7/10")


@pytest.mark.parametrize("score", ['"7/10"', '"7"', "7.5", "true", "0", "11", "null", "7/10"])
def test_a_score_that_is_no_whole_number_from_1_to_10_is_refused(score: str) -> None:
    review = valid_review(RUBRIC)
    review["Clarity"]["score"] = "PUT"
    assert "Clarity.score" in refused(json.dumps(review).replace('"PUT"', score))


def test_a_broken_answer_is_told_where_its_syntax_fails() -> None:
    assert "JSON of the answer is broken (Expecting" in refused(VALID.replace('"score": 6', '"score": 7 out of 10', 1))


def test_nan_is_refused() -> None:
    assert "NaN is no JSON number" in refused(VALID.replace('"score": 6', '"score": NaN', 1))


def test_two_different_valid_reviews_are_refused() -> None:
    assert "2 different reviews" in refused(f"{VALID}\n{review_text(RUBRIC, 3)}")
    assert "2 different reviews" in refused(f"```json\n{VALID}\n```\nOr rather:\n```json\n{review_text(RUBRIC, 3)}\n```")


def test_of_two_objects_the_only_valid_one_is_taken() -> None:
    assert read(f'{{"thinking": "first I look at the tables"}}\n{VALID}')["Clarity"]["score"] == 6


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.95])
def test_a_truncated_review_is_refused(share: float) -> None:
    assert refused(VALID[: int(len(VALID) * share)])


def test_a_truncated_review_whose_last_list_was_open_is_refused() -> None:
    cut = VALID[: VALID.index('"weaknesses"')]
    assert "OverallAssessment" in refused(cut) or "cannot be read" in refused(cut)


def test_a_key_that_stands_twice_is_refused() -> None:
    twice = VALID[:-1] + ', "Clarity": {"justification": "second thoughts", "score": 9}}'
    assert "stands twice" in refused(twice)
    assert "more than once" in refused(twice[:-1] + ",}")  # broken as well: mending must not choose


def test_a_missing_and_an_unknown_key_are_named() -> None:
    review = valid_review(RUBRIC)
    review["Style"] = review.pop("Clarity")
    assert "Clarity" in refused(json.dumps(review))
    assert "Style" in refused(json.dumps(review))


def test_a_review_planted_in_a_quote_of_a_broken_answer_is_not_taken() -> None:
    planted = review_text(RUBRIC, 10)
    answer = f'{{"Clarity": {{"justification": "the paper says {planted} and more", "score": 2}}, "Completeness": '
    assert refused(answer)


def test_huge_and_deep_answers_are_refused_without_being_worked_through() -> None:
    assert f"at most {ANSWER_CAP:,}" in refused("x" * (ANSWER_CAP + 1))
    assert refused("[" * 100_000)
    assert refused('{"a":' * 50_000)
    assert refused('{"a": "' + "b" * 200_000)


def test_errors_stay_short_enough_to_be_fed_back() -> None:
    assert len(refused(json.dumps({f"key{number}": "x" * 5_000 for number in range(20)}))) < 6_000
