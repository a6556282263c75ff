"""stages.prompts: every template renders with what its callers give, and its mistakes are told."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest
from jinja2 import meta

from pytest_mlrbench.errors import ConfigError
from pytest_mlrbench.judging.form import SKELETON, form_schema
from pytest_mlrbench.judging.packing import Packed
from pytest_mlrbench.judging.pairwise import answer_schema, compared, skeleton
from pytest_mlrbench.keys import GRADED
from pytest_mlrbench.resources import resource
from pytest_mlrbench.stages.prompts import prompt_digest, render
from pytest_mlrbench.stages.rubric import load_hallucination_rubric, load_rubric
from pytest_mlrbench.tasks.catalogue import load_tasks


@dataclass(frozen=True)
class FakeTask:
    """A task as the catalogue gives it; each value is a marker that is looked for in the prompt."""

    id: str = "iclr2025_marked"
    title: str = "TITLE Neural weights as data"
    venue: str = "VENUE"
    year: int = 2025
    category: str = "CATEGORY"
    topics: list[str] = field(default_factory=lambda: ["TOPIC one", "TOPIC two"])
    brief: str = "BRIEF of the task, with {{ braces }} and <tags>."


def limits(**changes: Any) -> SimpleNamespace:
    values = {"hours": 6.0, "memory_gib": 16.0, "cpus": 3.5, "gpus": 0, "network": "none", "workspace": "/WORKSPACE"}
    return SimpleNamespace(**{**values, **changes})


TODAY = "2026-11-23"
COMMON: dict[str, Any] = {"task": FakeTask(), "today": TODAY}
IDEA = {"idea": "IDEA text"}
LITERATURE = {"related_work": "LITERATURE text"}
GIVEN: dict[str, dict[str, Any]] = {
    "idea": COMMON,
    "literature": {**COMMON, **IDEA, "retrieved": "- RETRIEVED work (arXiv:2401.00001)"},
    "literature_none": COMMON,
    "literature_empty": {**COMMON, "source": "openalex", "since": 2023, "queries": ['"label noise" OR "relabeling"']},
    "literature_by_model": {**COMMON, **IDEA},
    "proposal": {**COMMON, **IDEA, **LITERATURE, "searched": True},
    "experiment": {**COMMON, **IDEA, **LITERATURE, "proposal": "PROPOSAL text", "limits": limits()},
    "paper": {
        **COMMON,
        **IDEA,
        **LITERATURE,
        "proposal": "PROPOSAL text",
        "results": "RESULTS text",
        "raw": "RAW text",
        "log": "LOG text",
        "figures": ["figures/a.png", "figures/b.png"],
        "figures_shown": True,
        "searched": True,
    },
    "coder_bash": {"limits": limits()},
    "coder_cli": {"limits": limits()},
    "hallucination": {
        **COMMON,
        "rubric": load_hallucination_rubric(),
        "delimiter": "=====f3a9c1=====",
        "work": "WORK under suspicion",
        "not_shown": ["CUT file"],
        "shape": SKELETON,
        "schema": json.dumps(form_schema()),
    },
    "pairwise": {
        **COMMON,
        "rubric": load_rubric("paper"),
        "dimensions": compared(load_rubric("paper")),
        "first": Packed("=====first=====", "FIRST work", [], []),
        "second": Packed("=====second=====", "SECOND work", [], []),
        "not_shown": ["work A: CUT file"],
        "images": (2, 1),
        "shape": skeleton(load_rubric("paper")),
        "schema": json.dumps(answer_schema(load_rubric("paper"))),
    },
    "judge_again": {"errors": "- Novelty.score: ERRORS text"},
}
"""Prompt -> what its callers give."""


def judge_variables(stage: str, **changes: Any) -> dict[str, Any]:
    values = {
        "rubric": load_rubric(stage),
        "today": TODAY,
        "delimiter": "=====f3a9c1=====",
        "work": "WORK under review",
        "not_shown": [],
        "images": 0,
    }
    return {**values, **changes}


def all_calls() -> list[Any]:
    calls = [pytest.param(name, given, id=name) for name, given in GIVEN.items()]
    return calls + [pytest.param("judge", judge_variables(stage), id=f"judge-{stage}") for stage in GRADED]


@pytest.mark.parametrize(("name", "given"), all_calls())
def test_a_prompt_renders_with_what_its_callers_give_and_leaves_nothing_open(name: str, given: dict[str, Any]) -> None:
    text = render(name, **given)
    assert len(text) > 100
    assert "Undefined" not in text
    assert not re.search(r"\{%|%\}|\{#|#\}", text)
    assert re.findall(r"\{\{.*?\}\}", text.replace(FakeTask().brief, "")) == []
    assert not re.search(r"\bNone\b", text)
    assert "``" not in text.replace("```", ""), "an empty code span: a variable was left empty"


@pytest.mark.parametrize(
    ("name", "given"), [(name, given) for name, given in GIVEN.items() if name not in ("literature_none", "literature_empty")]
)
def test_every_text_that_is_given_stands_in_the_prompt_word_for_word(name: str, given: dict[str, Any]) -> None:
    text = render(name, **given)
    for value in given.values():
        if isinstance(value, str):
            assert value in text
    if "task" in given:
        task = given["task"]
        assert all(part in text for part in (task.title, task.venue, str(task.year), task.category, task.brief, *task.topics))


@pytest.mark.parametrize(("name", "given"), all_calls())
def test_a_missing_variable_is_an_error_that_names_it_with_template_and_line(name: str, given: dict[str, Any]) -> None:
    for absent in given:
        rest = {key: value for key, value in given.items() if key != absent}
        with pytest.raises(ConfigError, match=rf"\.md\.j2, line \d+: '{absent}' is undefined"):
            render(name, **rest)


def test_a_task_of_the_catalogue_is_what_the_prompts_expect() -> None:
    task = load_tasks()["iclr2025_wsl"].with_text()
    text = render("idea", task=task, today=TODAY)
    assert task.title in text
    assert len(task.brief) > 500
    assert task.brief.strip() in text


def test_no_template_asks_for_more_than_its_callers_give() -> None:
    environment = jinja2.Environment(autoescape=False)
    known = {**GIVEN, "judge": {**judge_variables("idea"), "task": None}}
    found = {
        path.name.removesuffix(".md.j2"): path for path in resource("prompts").glob("*.md.j2") if not path.name.startswith("_")
    }
    assert set(found) == set(known)
    for name, path in found.items():
        tree = environment.parse(path.read_text(encoding="utf-8"))
        asked = set(meta.find_undeclared_variables(tree)) - {"task"}
        assert asked <= set(known[name]), name


def test_text_in_a_variable_is_never_read_as_a_template() -> None:
    text = render("literature", **{**GIVEN["literature"], "idea": "{{ 7 * 7 }} {% include 'idea.md.j2' %}"})
    assert "{{ 7 * 7 }} {% include 'idea.md.j2' %}" in text
    assert "49" not in text


# --- the judge -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", GRADED)
def test_the_judges_schema_skeleton_and_rubric_are_generated_from_the_rubric(stage: str) -> None:
    rubric = load_rubric(stage)
    text = render("judge", **judge_variables(stage))
    skeleton, schema = (json.loads(block) for block in re.findall(r"```json\n(.*?)\n```", text, flags=re.S))
    assert schema == rubric.json_schema()
    assert list(schema["properties"]) == list(skeleton) == list(rubric.review_model().model_fields)
    assert rubric.text() in text
    assert rubric.work in text


def test_the_work_stands_between_exactly_two_lines_of_the_delimiter() -> None:
    variables = judge_variables("paper", work="first line\nlast line")
    lines = render("judge", **variables).splitlines()
    first, second = (index for index, line in enumerate(lines) if line == variables["delimiter"])
    assert lines[first + 1 : second] == ["first line", "last line"]


def test_the_judge_is_told_the_date_what_it_cannot_see_and_how_many_images_it_gets() -> None:
    text = render("judge", **judge_variables("end2end", not_shown=["Figure b.png was too large."], images=2))
    assert TODAY in text
    assert "could not check" in text
    assert "- Figure b.png was too large." in text
    assert "2 figures of the work are attached" in text
    bare = render("judge", **judge_variables("end2end"))
    assert "could not check" not in bare
    assert "attached" not in bare


def test_the_judge_sees_the_task_outside_the_frame_where_it_is_given() -> None:
    variables = judge_variables("idea", task=FakeTask())
    head = render("judge", **variables).split("\n" + variables["delimiter"] + "\n")[0]
    assert FakeTask().brief in head
    assert FakeTask().brief not in render("judge", **judge_variables("idea"))


# --- what the stages ask for -----------------------------------------------------------------------------------------------


def section(text: str, after: str) -> str:
    """What follows the last closing tag of what the model is given: the assignment itself."""
    return text.rpartition(after)[2]


def test_without_a_search_nothing_asks_for_citations() -> None:
    for name in ("proposal", "paper"):
        with_search, without = (render(name, **{**GIVEN[name], "searched": searched}) for searched in (True, False))
        assert re.search(r"Cite (prior work )?only", with_search)
        assert not re.search(r"Cite (prior work )?only", without)
        assert re.search(r"Give no citations|Cite nothing", without)


def test_the_literature_section_without_a_search_says_so_and_lists_no_work() -> None:
    text = render("literature_none", **COMMON)
    assert "No literature search was made" in text
    assert not re.search(r"arXiv|doi|et al", text, flags=re.I)


def test_the_paper_has_nine_sections_with_or_without_a_search() -> None:
    for searched in (True, False):
        text = render("paper", **{**GIVEN["paper"], "searched": searched})
        assert re.findall(r"^(\d)\. `#", text, flags=re.M) == list("123456789")
        wanted = "Abstract,Introduction,Related Work,Methodology,Experiment Setup,Experiment Results,Analysis,Conclusion,References"
        assert re.findall(r"`## ([A-Z][A-Za-z ]+)`", text) == wanted.split(",")


def test_the_paper_lists_figures_as_given_and_says_whether_they_are_shown() -> None:
    shown = render("paper", **GIVEN["paper"])
    assert "- `figures/a.png`\n- `figures/b.png`\n" in shown
    assert "images are attached" in shown
    blind = render("paper", **{**GIVEN["paper"], "figures_shown": False})
    assert "not shown the images" in blind
    none = render("paper", **{**GIVEN["paper"], "figures": []})
    assert "Show no figure" in none
    assert ".png" not in none
    assert "attached" not in none


def test_the_proposal_lists_as_many_sections_as_it_announces() -> None:
    text = render("proposal", **GIVEN["proposal"])
    assert "It has four sections" in text
    assert re.findall(r"^(\d)\. `#", text, flags=re.M) == list("1234")


@pytest.mark.parametrize(
    "requirement",
    [
        "code/README.md",
        "results/results.md",
        "results/log.txt",
        "results/claims.json",
        "results/figures/",
        "baselines",
        "training and validation loss",
        "axis labels",
        "legend",
        "GPU",
        "set-up",
        "discussion",
        "limitations",
        "departure",
        "8 billion",
        "1 MB",
        "stated subset",
        "hypothesis",
        "Write no paper",
        "Never simulate a result",
        "A failure is reported as a failure",
        *[f'"{key}"' for key in ("name", "value", "file", "key", "command", "dataset", "split", "n", "seed")],
    ],
)
def test_the_experiment_asks_for_every_requirement(requirement: str) -> None:
    text = " ".join(section(render("experiment", **GIVEN["experiment"]), "</proposal>").split())
    assert requirement in text


def test_the_claims_example_is_json_with_the_nine_keys() -> None:
    (example,) = re.findall(r"```json\n(.*?)\n```", render("experiment", **GIVEN["experiment"]), flags=re.S)
    (claim,) = json.loads(example)
    assert list(claim) == ["name", "value", "file", "key", "command", "dataset", "split", "n", "seed"]


@pytest.mark.parametrize("name", ["experiment", "coder_bash", "coder_cli"])
def test_the_limits_are_told_as_they_are(name: str) -> None:
    def with_limits(**changes: Any) -> str:
        return render(name, **{**GIVEN[name], "limits": limits(**changes)})

    text = with_limits()
    assert all(part in text for part in ("6 hours", "3.5 CPU cores", "16 GiB", "/WORKSPACE"))
    assert re.search(r"\b2 GPUs", with_limits(gpus=2))
    assert re.search(r"\b1 GPU\b", with_limits(gpus=1))
    assert re.search(r"\b[Nn]o GPU", text)


def test_the_experiment_offers_downloads_only_with_a_network() -> None:
    offers = [
        "downloaded" in render("experiment", **{**GIVEN["experiment"], "limits": limits(network=network)})
        for network in ("none", "full")
    ]
    assert offers == [False, True]


# --- templates of the user -------------------------------------------------------------------------------------------------


def test_a_missing_template_is_an_error_that_lists_those_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "idea.md.j2").write_text("x")
    with pytest.raises(ConfigError, match=r"no prompt 'paper'.*found: idea\)"):
        render("paper", tmp_path)
    with pytest.raises(ConfigError, match="no prompt 'paper'"):
        prompt_digest("paper", tmp_path)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\nb\n{% if x %}", 3),
        ("a\n{{ x.absent }}", 2),
        ("{{ x | nofilter }}", 1),
        ("a\n\n{{ 'a' + 1 }}", 3),
        ("{{ 1 / 0 }}", 1),
        ("{{ ''.__class__.__mro__ }}", 1),
    ],
)
def test_a_broken_template_is_an_error_with_its_line(text: str, line: int, tmp_path: Path) -> None:
    (tmp_path / "idea.md.j2").write_text(text)
    with pytest.raises(ConfigError, match=rf"idea\.md\.j2, line {line}: "):
        render("idea", tmp_path, x="text")


def test_a_template_that_includes_an_absent_one_is_an_error_that_names_both(tmp_path: Path) -> None:
    (tmp_path / "idea.md.j2").write_text("{% include '_gone.md.j2' %}")
    for call in (render, prompt_digest):
        with pytest.raises(ConfigError, match=r"idea\.md\.j2 includes '_gone\.md\.j2'"):
            call("idea", tmp_path)


def test_a_changed_template_is_used_at_once(tmp_path: Path) -> None:
    template = tmp_path / "idea.md.j2"
    template.write_text("old {{ today }}")
    assert render("idea", tmp_path, today=TODAY) == f"old {TODAY}"
    template.write_text("quite new {{ today }}")
    assert render("idea", tmp_path, today=TODAY) == f"quite new {TODAY}"


def test_the_digest_follows_the_template_and_what_it_includes_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "idea.md.j2").write_text("a {% include '_part.md.j2' %}")
    (tmp_path / "_part.md.j2").write_text("b")
    (tmp_path / "paper.md.j2").write_text("c")
    digests = [prompt_digest("idea", tmp_path)]
    (tmp_path / "paper.md.j2").write_text("changed")
    assert prompt_digest("idea", tmp_path) == digests[0]
    (tmp_path / "_part.md.j2").write_text("changed")
    digests.append(prompt_digest("idea", tmp_path))
    (tmp_path / "idea.md.j2").write_text("changed {% include '_part.md.j2' %}")
    digests.append(prompt_digest("idea", tmp_path))
    assert len(set(digests)) == 3


def test_an_include_by_a_computed_name_has_no_digest(tmp_path: Path) -> None:
    (tmp_path / "idea.md.j2").write_text("{% include today %}")
    with pytest.raises(ConfigError, match="computed name"):
        prompt_digest("idea", tmp_path)
