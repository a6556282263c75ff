"""Judges that do not answer with a review: asked again with the fault named; an error without a score when that does not help."""

import json
from pathlib import Path

import pytest

from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.records import TrialRecord
from pytest_mlrbench.results.store import RunStore
from tests.support.research_script import answer
from tests.support.scripted_server import Json, Reply, ScriptedServer, prompt_text
from tests.support.sessions import run

KEY = TrialKey("iclr2025_wsl", "idea")
ARGUMENTS = ("--mlr-model=openai/m", f"--mlr-task={KEY.task}", "--mlr-stage=idea", "--mlr-budget=none", "--mlr-run=run", "-n", "0")
FAULTS = {"prose": "prose", "null": "null", "number": "42", "slashes": "slashes", "truncated": "truncated", "empty": "empty"}
"""Judge -> what it answers twice before it answers right."""
SAID = {
    "prose": "There is no JSON object in the answer",
    "null": "found null",
    "number": "found 42",
    "slashes": "/10",
    "truncated": "cannot be read",
    "empty": "The answer is empty",
    "different": "holds 2 different reviews",
}
"""Judge -> words of what it is told about its answer."""


def judges_of_two_minds(body: Json) -> Reply:
    """`different` answers with two reviews that differ until it has been told of that twice, `same` with one review twice."""
    reply = answer(body)
    if body["model"] == "same":
        return Reply(f"{reply.text}\n\n{reply.text}", stage=reply.stage)
    if body["model"] == "different" and len(body["messages"]) < 5:
        changed = json.loads(reply.text)
        changed["Clarity"]["score"] = 11 - changed["Clarity"]["score"]
        return Reply(f"{reply.text}\n\n{json.dumps(changed)}", stage=reply.stage)
    return reply


@pytest.fixture(scope="module")
def mended(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str, TrialRecord, ScriptedServer]:
    """One idea before a panel of which all but one judge answer wrongly twice."""
    folder = tmp_path_factory.mktemp("judges")
    panel = [*FAULTS, "different", "same"]
    with ScriptedServer(judges_of_two_minds) as server:
        for judge, kind in FAULTS.items():
            server.fault(kind, n=2, model=judge)
        code, output = run(folder, *ARGUMENTS, "--mlr-judges=" + ",".join(f"openai/{judge}" for judge in panel), server=server)
    record = RunStore(folder / "run").record(KEY)
    assert record is not None, output
    return code, output, record, server


def test_two_wrong_answers_do_not_fail_the_item(mended):
    code, output, record, _ = mended
    assert code == 0, output
    assert record.status == "done"
    assert {review.judge for review in record.reviews} == {f"openai/{judge}" for judge in (*SAID, "same")}
    assert record.scores["Clarity"] == sum(review.scores["Clarity"] for review in record.reviews) / len(record.reviews)


@pytest.mark.parametrize("judge", list(SAID))
def test_the_third_answer_counts_after_the_fault_was_named(mended, judge: str):
    _, _, record, server = mended
    (review,) = [review for review in record.reviews if review.judge == f"openai/{judge}"]
    assert review.tries == 3
    assert review.spent.usage.calls == 3
    asked = [body for body in server.bodies if body["model"] == judge]
    assert [len(body["messages"]) for body in asked] == [1, 3, 5]
    for body in asked[1:]:
        told = body["messages"][-1]
        assert told["role"] == "user"
        assert SAID[judge] in prompt_text({"messages": [told]})


def test_one_review_said_twice_is_one_review(mended):
    _, _, record, _ = mended
    (review,) = [review for review in record.reviews if review.judge == "openai/same"]
    assert review.tries == 1


def test_a_judge_that_never_answers_right_is_an_error_and_only_its_review_is_asked_for_again(tmp_path: Path):
    store = RunStore(tmp_path / "run")
    panel = "--mlr-judges=openai/good,openai/bad"
    with ScriptedServer() as server:
        server.fault("42", n=3, model="bad")
        code, output = run(tmp_path, *ARGUMENTS, panel, server=server)
        assert code == 7, output
        assert "1 error" in output
        assert "judge openai/bad gave no valid review in 3 tries" in output
        record = store.record(KEY)
        assert record is not None
        assert record.status == "error"
        assert record.scores == {}
        assert record.reviews == []

        code, output = run(tmp_path, *ARGUMENTS, panel, server=server)
        assert code == 0, output
        asked = {model: sum(stages.values()) for model, stages in server.stats()["calls"].items()}
    assert asked == {"m": 1, "good": 1, "bad": 4}
    record = store.record(KEY)
    assert record is not None
    assert record.status == "done"
    assert {review.judge: review.tries for review in record.reviews} == {"openai/good": 1, "openai/bad": 1}
