"""The panel: asking a judge, feeding errors back, giving up with a reason, and the mean over judges."""

import asyncio
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from judging_worlds import ScriptedModels, answered, picture, put, quarter, review_text

from pytest_mlrbench.errors import BudgetSpent, ConfigError, InfrastructureError
from pytest_mlrbench.judging.panel import panel_scores, protocol_of, review
from pytest_mlrbench.judging.work import Part, Work
from pytest_mlrbench.records import Review
from pytest_mlrbench.resources import resource
from pytest_mlrbench.stages.rubric import load_rubric

IDEA = load_rubric("idea")
VALID = review_text(IDEA)
WORK = Work(
    "idea",
    "Demonstrations",
    "Study wrong labels.",
    ("label noise",),
    (Part("idea", "text", "# Idea\nVote.\n"),),
    "ICLR",
    2025,
    "Others",
)


def ask(
    models: ScriptedModels, work: Work = WORK, judge: str = "openai/j1", repeat: int = 1, scope: str = "t/idea#review:openai/j1.r1"
) -> Review:
    rubric = load_rubric(work.stage)
    return asyncio.run(review(work, rubric, judge, repeat, models=models, scope=scope, today=date(2026, 11, 23), prompts=None))


def scored(judge: str, repeat: int = 1, *, mechanical: bool = False, **scores: int | None) -> Review:
    return Review(judge=judge, stage="idea", repeat=repeat, protocol="p", scores=scores, mechanical=mechanical)


def test_a_valid_answer_becomes_a_review() -> None:
    made = ask(ScriptedModels([VALID]), repeat=2)
    assert (made.judge, made.stage, made.repeat, made.tries, made.mechanical) == ("openai/j1", "idea", 2, 1, False)
    assert made.scores == dict.fromkeys(("Consistency", "Clarity", "Novelty", "Feasibility", "Significance", "Overall"), 6)
    assert made.justifications["Novelty"] == "section 2 on Novelty"
    assert (made.strengths, made.weaknesses) == (["measured"], ["small"])
    assert made.protocol == protocol_of(IDEA, None)


def test_an_experiment_judges_opinion_is_kept_apart_from_its_scores() -> None:
    work = replace(WORK, stage="experiment", parts=(Part("results/results.md", "results", "# R\n"),))
    made = ask(ScriptedModels([review_text(load_rubric("experiment"))]), work)
    assert made.opinion is not None
    assert made.opinion.has_hallucination is False
    assert "Hallucination" not in made.scores


def test_the_request_carries_scope_schema_date_task_and_framed_work() -> None:
    models = ScriptedModels([VALID])
    ask(models)
    (request,) = models.asked
    assert request.scope == "t/idea#review:openai/j1.r1"
    assert request.model == "openai/j1"
    assert request.schema == IDEA.json_schema()
    prompt = models.prompt()
    assert "2026-11-23" in prompt
    assert "Study wrong labels." in prompt
    heading = next(line for line in prompt.split("\n") if line.endswith("part 1 of 1: idea"))
    delimiter = heading.split(" ")[0]
    before, work, after = prompt.split(f"\n{delimiter}\n")
    assert "# Idea\nVote." in work
    assert "Vote." not in before + after


def test_the_same_work_is_asked_in_the_same_words() -> None:
    models = ScriptedModels([VALID, VALID])
    ask(models)
    ask(models, repeat=2, scope="t/idea#review:openai/j1.r2")
    assert models.asked[0].messages == models.asked[1].messages
    assert models.asked[0].scope != models.asked[1].scope


def test_an_invalid_answer_is_fed_back_with_its_errors() -> None:
    models = ScriptedModels(["I would give it 7/10.", VALID.replace('"score": 6', '"score": "6"', 1), VALID])
    made = ask(models)
    assert made.tries == 3
    roles = [message["role"] for message in models.asked[2].messages]
    assert roles == ["user", "assistant", "user", "assistant", "user"]
    assert models.asked[2].messages[1]["content"] == "I would give it 7/10."
    assert "no JSON object" in models.asked[2].messages[2]["content"]
    assert "Consistency.score" in models.prompt(2)


def test_three_invalid_answers_are_an_infrastructure_error_with_the_reason() -> None:
    models = ScriptedModels(["no", "null", "42"])
    with pytest.raises(InfrastructureError, match=r"judge openai/j1 gave no valid review in 3 tries; the last: .*found 42"):
        ask(models)
    assert len(models.asked) == 3


def test_an_answer_cut_by_its_length_says_so() -> None:
    cut = answered(VALID[:200], "length")
    with pytest.raises(InfrastructureError, match="cut by the limit on its length after 200 characters"):
        ask(ScriptedModels([cut, cut, cut]))


def test_an_empty_answer_is_not_sent_back_as_an_empty_message() -> None:
    models = ScriptedModels([answered("", "content_filter"), VALID])
    ask(models)
    assert models.asked[1].messages[1]["content"] == "(an empty answer)"
    assert "content filter" in models.prompt(1)


def test_a_long_invalid_answer_is_not_sent_back_whole() -> None:
    models = ScriptedModels(["blah " * 50_000, VALID])
    ask(models)
    assert len(models.asked[1].messages[1]["content"]) <= 4_000


@pytest.mark.parametrize("error", [BudgetSpent("nothing left"), InfrastructureError("provider down")])
def test_errors_of_the_client_pass_through(error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)):
        ask(ScriptedModels([error]))


def test_a_judge_with_vision_sees_the_figures_of_a_paper(tmp_path: Path) -> None:
    put(tmp_path, {"a.png": picture()})
    work = replace(
        WORK, stage="paper", parts=(Part("paper", "text", "# P\n"), Part("figures/a.png", "figure", path=tmp_path / "a.png"))
    )
    answer = review_text(load_rubric("paper"))
    seeing, blind = ScriptedModels([answer], vision=True), ScriptedModels([answer])
    assert ask(seeing, work).not_shown == []
    assert len(seeing.images()) == 1
    assert "1 figure of the work is attached" in seeing.prompt()
    assert ask(blind, work).not_shown == ["figures/a.png: named only, this judge takes no images"]
    assert blind.images() == []
    assert "this judge takes no images" in blind.prompt()


def test_what_was_cut_for_the_window_is_in_prompt_and_review_and_the_prompt_fits() -> None:
    parts = [Part(f"code/file{number:03}.py", "code", f"x{number} = 1\n" * 400) for number in range(120)]
    work = replace(WORK, stage="experiment", parts=(*parts, Part("results/results.md", "results", "# R\n" * 50)))
    models = ScriptedModels([review_text(load_rubric("experiment"))], context=32_000)
    made = ask(models, work)
    assert len(made.not_shown) > 100
    assert all(sentence in models.prompt() for sentence in made.not_shown)
    assert quarter(models.prompt()) <= 32_000 - 32_000 // 4


def test_a_window_too_small_for_the_work_is_a_config_error_before_any_call() -> None:
    models = ScriptedModels([], context=2_000)
    with pytest.raises(ConfigError, match="context=TOKENS"):
        ask(models, replace(WORK, parts=(Part("idea", "text", "word " * 5_000),)))
    assert models.asked == []


def test_the_offline_judge_asks_no_model_and_is_marked_mechanical() -> None:
    models = ScriptedModels([])
    made = ask(models, replace(WORK, notes=("idea: a note",)), judge="offline")
    assert made.mechanical
    assert made.not_shown[0] == "idea: a note"
    assert made.protocol == protocol_of(IDEA, None)


def test_the_protocol_follows_rubric_and_prompts(tmp_path: Path) -> None:
    for path in resource("prompts").glob("*.j2"):
        put(tmp_path, {path.name: path.read_bytes()})
    same = protocol_of(IDEA, str(tmp_path))
    assert same == protocol_of(IDEA, None)
    assert protocol_of(load_rubric("paper"), None) != same
    (tmp_path / "judge_again.md.j2").write_text("Again: {{ errors }}")
    assert protocol_of(IDEA, str(tmp_path)) != same


def test_the_panel_is_the_mean_over_judges() -> None:
    scores = panel_scores([scored("a", Novelty=8, Overall=6), scored("b", Novelty=5, Overall=7)])
    assert scores == {"Novelty": 6.5, "Overall": 6.5}


def test_a_judges_repeats_are_averaged_first() -> None:
    # a: (9 + 5) / 2 = 7, b: 3; over all three reviews it would be 17/3.
    assert panel_scores([scored("a", Overall=9), scored("a", 2, Overall=5), scored("b", Overall=3)]) == {"Overall": 5.0}


def test_a_dimension_that_one_judge_lacks_has_no_panel_score() -> None:
    assert panel_scores([scored("a", Novelty=8, Overall=6), scored("b", Novelty=None, Overall=7)]) == {
        "Novelty": None,
        "Overall": 6.5,
    }
    assert panel_scores([scored("a", Novelty=8), scored("b", Overall=7)]) == {"Novelty": None, "Overall": None}


def test_a_mechanical_review_is_never_averaged_with_a_models() -> None:
    assert panel_scores([scored("a", Overall=6), scored("offline", mechanical=True, Overall=2)]) == {"Overall": 6.0}


def test_a_mechanical_panel_has_its_own_scores() -> None:
    assert panel_scores([scored("offline", mechanical=True, Clarity=7, Novelty=None)]) == {"Clarity": 7.0, "Novelty": None}
