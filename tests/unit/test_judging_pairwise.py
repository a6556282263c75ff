"""judging.pairwise: what a judge is shown of two works, in which order, and how its answer is read."""

import asyncio
import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from judging_worlds import Answer, ScriptedModels, picture, put

from pytest_mlrbench.errors import ConfigError, InfrastructureError
from pytest_mlrbench.judging.pairwise import Pair, answer_schema, compare, dimension_names, pairwise_protocol, work_digest
from pytest_mlrbench.judging.work import Part, Work
from pytest_mlrbench.records import Order, SideBySide
from pytest_mlrbench.resources import resource
from pytest_mlrbench.stages.rubric import load_rubric

IDEA = load_rubric("idea")


def work(text: str, stage: str = "idea", *parts: Part) -> Work:
    return Work(stage, "Demonstrations", "Study wrong labels.", (), (Part(stage, "text", text), *parts), "ICLR", 2025, "Others")


PAIR = Pair(work("# Base idea\nVote.\n"), work("# New idea\nWeigh.\n"))


def said(winner: str | None, stage: str = "idea", **dimensions: str) -> str:
    names = dimension_names(load_rubric(stage))
    return json.dumps(
        {"reason": "section 2", "dimensions": {name: dimensions.get(name, "tie") for name in names}, "winner": winner}
    )


def ask(
    *answers: Answer, pair: Pair = PAIR, order: Order = "base-first", stage: str = "idea", **world: object
) -> tuple[SideBySide, ScriptedModels]:
    models = ScriptedModels(answers, **world)  # type: ignore[arg-type]
    rubric = load_rubric(stage)
    made = compare(pair, rubric, "openai/j1", 1, order, models=models, scope="pairwise/x", today=date(2026, 11, 23), prompts=None)
    return asyncio.run(made), models


@pytest.mark.parametrize(
    ("order", "side", "whose"),
    [
        ("base-first", "A", "base"),
        ("base-first", "B", "new"),
        ("new-first", "A", "new"),
        ("new-first", "B", "base"),
        ("new-first", "tie", "tie"),
    ],
)
def test_a_side_is_read_as_the_run_that_stood_there(order: Order, side: str, whose: str) -> None:
    made, _ = ask(said(side, Clarity=side), order=order)
    assert made.winner == whose
    assert made.dimensions["Clarity"] == whose
    assert made.dimensions["Novelty"] == "tie"
    assert (made.order, made.reason, made.tries) == (order, "section 2", 1)


def test_the_works_change_places_and_nothing_else(tmp_path: Path) -> None:
    prompts = [ask(said("tie"), order=order)[1].prompt() for order in ("base-first", "new-first")]
    places = [(prompt.index("# Base idea"), prompt.index("# New idea")) for prompt in prompts]
    assert places[0][0] < places[0][1]
    assert places[1][0] > places[1][1]
    assert sorted(prompts[0]) == sorted(prompts[1])


def test_nothing_tells_whose_a_work_is() -> None:
    text = ask(said("tie"))[1].prompt().replace("# Base idea", "").replace("# New idea", "").lower()
    assert "base" not in text.replace("based", "").replace("baseline", "")
    assert "newer" not in text


def test_each_work_stands_between_lines_of_its_own() -> None:
    prompt = ask(said("tie"))[1].prompt()
    first, second = (line.split(" ")[0] for line in prompt.split("\n") if line.endswith("part 1 of 1: idea"))
    assert first != second
    assert prompt.split(f"\n{first}\n")[1].endswith("Vote.\n")
    assert prompt.split(f"\n{second}\n")[1].endswith("Weigh.\n")


def test_an_answer_without_a_verdict_is_asked_for_again() -> None:
    made, models = ask(said(None), said("both"), said("B"))
    assert (made.winner, made.tries) == ("new", 3)
    assert "winner" in models.prompt(1)


def test_a_judge_that_never_answers_right_gives_no_verdict() -> None:
    with pytest.raises(InfrastructureError, match="no valid comparison in 3 tries"):
        ask("A is better", "A", "null")


def test_the_answer_is_what_the_schema_asks_and_scores_are_not_asked() -> None:
    schema = answer_schema(load_rubric("end2end"))
    assert list(schema["properties"]) == ["reason", "dimensions", "winner"]
    assert list(schema["properties"]["dimensions"]["properties"]) == ["Clarity", "Novelty", "Soundness", "Significance"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["dimensions"]["additionalProperties"] is False
    assert "1 to 10" not in ask(said("tie"))[1].prompt()


@pytest.mark.parametrize("order", ["base-first", "new-first"])
def test_both_works_are_cut_alike_whichever_stands_first(order: Order) -> None:
    long = Pair(work("short\n"), work("long line of a long idea\n" * 8_000))
    made, models = ask(said("tie"), pair=long, order=order, context=40_000)
    assert "short" in models.prompt()
    assert [text.split(":")[0] for text in made.not_shown] == ["new"]
    # The short work leaves its half to the long one: 40,000 tokens less the answer's 15,000 hold far more than a half of them.
    assert models.prompt().count("long line of a long idea") > 3_000


def test_two_long_works_get_half_each() -> None:
    pair = Pair(work("first long idea\n" * 9_000), work("second long idea\n" * 9_000))
    made, models = ask(said("tie"), pair=pair, context=40_000)
    assert {text.split(":")[0] for text in made.not_shown} == {"base", "new"}
    shown = [models.prompt().count(text) for text in ("first long idea", "second long idea")]
    assert shown[0] == pytest.approx(shown[1], rel=0.1)


def test_a_window_too_small_for_two_works_is_the_users_to_solve() -> None:
    pair = Pair(work("first long idea\n" * 9_000), work("second long idea\n" * 9_000))
    with pytest.raises(ConfigError, match="the window of openai/j1, 2,000 tokens, has no room for two works of idea"):
        ask(said("tie"), pair=pair, context=2_000)


def test_images_come_in_the_order_of_the_works(tmp_path: Path) -> None:
    put(tmp_path, {"red.png": picture(), "blue.png": picture(colour=(0, 0, 200))})
    base = work("base paper", "paper", Part("figures/red.png", "figure", path=tmp_path / "red.png"))
    new = work("new paper", "paper", Part("figures/blue.png", "figure", path=tmp_path / "blue.png"))
    pictures = {}
    for order in ("base-first", "new-first"):
        _, models = ask(said("tie", "paper"), pair=Pair(base, new), order=order, stage="paper", vision=True)
        assert "Of the 2 attached images the first 1 belong to work A" in models.prompt()
        pictures[order] = models.images()
    assert len(pictures["base-first"]) == 2
    assert pictures["base-first"] == pictures["new-first"][::-1]


def test_a_works_digest_follows_texts_and_pictures(tmp_path: Path) -> None:
    put(tmp_path, {"a.png": picture()})
    figure = Part("figures/a.png", "figure", path=tmp_path / "a.png")
    one = work("paper", "paper", figure)
    before = work_digest(one)
    assert before == work_digest(replace(one, notes=("a note",)))
    assert before != work_digest(work("paper!", "paper", figure))
    put(tmp_path, {"a.png": picture(colour=(0, 0, 0))})
    assert before != work_digest(one)


def test_another_prompt_is_another_protocol(tmp_path: Path) -> None:
    for path in resource("prompts").glob("*.j2"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert pairwise_protocol(IDEA, str(tmp_path)) == pairwise_protocol(IDEA, None)
    with (tmp_path / "pairwise.md.j2").open("a") as stream:
        stream.write("More.\n")
    assert pairwise_protocol(IDEA, str(tmp_path)) != pairwise_protocol(IDEA, None)
    (tmp_path / "pairwise.md.j2").unlink()
    with pytest.raises(ConfigError, match="no prompt 'pairwise'"):
        pairwise_protocol(IDEA, str(tmp_path))
