"""stages.rubric: the packaged rubrics, the review model made from them, and what happens to malformed files and answers."""

import json
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from pytest_mlrbench.errors import ConfigError
from pytest_mlrbench.keys import GRADED
from pytest_mlrbench.records import Opinion
from pytest_mlrbench.resources import resource
from pytest_mlrbench.stages.rubric import Rubric, explain_invalid, load_hallucination_rubric, load_rubric

CONTRACT_KEYS = {
    "idea": ["Consistency", "Clarity", "Novelty", "Feasibility", "Significance", "OverallAssessment"],
    "proposal": ["Consistency", "Clarity", "Novelty", "Soundness", "Feasibility", "Significance", "OverallAssessment"],
    "experiment": [
        "Hallucination",
        "Consistency",
        "Completeness",
        "Novelty",
        "Soundness",
        "Insightfulness",
        "Significance",
        "OverallAssessment",
    ],
    "paper": ["Consistency", "Clarity", "Completeness", "Soundness", "OverallAssessment"],
    "end2end": ["Clarity", "Novelty", "Soundness", "Significance", "Overall", "Confidence"],
}
"""CONTRACT (review keys) with FACTS (rubric dimensions), written down a second time on purpose."""

SHARED = Path(__file__).parents[2].parent / "shared"


def review(stage: str, score: int = 7) -> dict[str, Any]:
    """A valid review, written by hand from the contract's table."""
    answers: dict[str, Any] = {}
    for key in CONTRACT_KEYS[stage]:
        if key == "Hallucination":
            answers[key] = {"has_hallucination": True, "details": "results.md line 3"}
        elif key == "Confidence":
            answers[key] = 4
        elif key.startswith("Overall"):
            answers[key] = {"score": score, "strengths": ["a", "b"], "weaknesses": ["c"]}
        else:
            answers[key] = {"score": score, "justification": f"why {key}"}
    return answers


def agreed(rubric: Rubric, answer: Any) -> bool:
    """Whether `answer` is valid; fails when pydantic model and JSON schema differ about it."""
    try:
        rubric.review_model().model_validate(answer)
        by_model = True
    except ValidationError:
        by_model = False
    by_schema = jsonschema.Draft202012Validator(rubric.json_schema()).is_valid(answer)
    assert by_model == by_schema, f"model says {by_model}, schema says {by_schema}: {answer!r}"
    return by_model


@pytest.mark.parametrize("stage", GRADED)
def test_review_keys_are_those_of_the_contract(stage: str) -> None:
    rubric = load_rubric(stage)
    assert [dimension.key for dimension in rubric.dimensions] == CONTRACT_KEYS[stage]
    assert rubric.json_schema()["required"] == CONTRACT_KEYS[stage]
    assert list(json.loads(rubric.skeleton())) == CONTRACT_KEYS[stage]


@pytest.mark.parametrize("stage", GRADED)
def test_every_scored_dimension_has_five_bands_of_its_own(stage: str) -> None:
    for dimension in load_rubric(stage).dimensions:
        if dimension.kind == "opinion":
            continue
        assert len(dimension.bands) == 5, dimension.key
        assert all(len(meaning.split()) >= 4 for meaning in dimension.bands.values()), dimension.key


def test_no_band_is_written_for_two_stages_or_dimensions() -> None:
    meanings = [meaning for stage in GRADED for dimension in load_rubric(stage).dimensions for meaning in dimension.bands.values()]
    assert len(meanings) == len(set(meanings)) > 100


@pytest.mark.parametrize("stage", GRADED)
def test_only_the_overall_dimension_weighs_beyond_the_mean(stage: str) -> None:
    assert [d.name for d in load_rubric(stage).dimensions if len(d.weighs) >= 3] == ["Overall"]


@pytest.mark.parametrize("stage", GRADED)
def test_the_text_holds_every_question_band_and_weight(stage: str) -> None:
    rubric = load_rubric(stage)
    text = rubric.text()
    for dimension in rubric.dimensions:
        assert f"### {dimension.key}" in text
        for part in (*dimension.questions, *dimension.bands.values(), *dimension.weighs):
            assert part in text


@pytest.mark.parametrize("stage", GRADED)
def test_the_digest_is_that_of_the_files_bytes(stage: str) -> None:
    assert load_rubric(stage).digest == sha256((resource("rubrics") / f"{stage}.yaml").read_bytes()).hexdigest()


@pytest.mark.parametrize("stage", GRADED)
def test_a_review_by_the_contract_is_valid_for_model_and_schema(stage: str) -> None:
    assert agreed(load_rubric(stage), review(stage))
    assert agreed(load_rubric(stage), review(stage, score=1))
    assert agreed(load_rubric(stage), review(stage, score=10))


@pytest.mark.parametrize("stage", GRADED)
@pytest.mark.parametrize("score", ["7/10", "7", 0, 11, -1, True, 7.5, None, [7], {"score": 7}])
def test_a_score_that_is_no_whole_number_from_1_to_10_is_refused(stage: str, score: Any) -> None:
    rubric = load_rubric(stage)
    for key in CONTRACT_KEYS[stage]:
        if key not in ("Hallucination", "Confidence"):
            bad = review(stage)
            bad[key]["score"] = score
            assert not agreed(rubric, bad)


@pytest.mark.parametrize("confidence", [0, 6, True, "4", 4.5, None, {"score": 4}])
def test_a_confidence_outside_1_to_5_is_refused(confidence: Any) -> None:
    assert not agreed(load_rubric("end2end"), {**review("end2end"), "Confidence": confidence})


@pytest.mark.parametrize("opinion", [True, {"has_hallucination": "yes", "details": ""}, {"has_hallucination": 1, "details": ""}])
def test_an_opinion_without_a_real_boolean_is_refused(opinion: Any) -> None:
    assert not agreed(load_rubric("experiment"), {**review("experiment"), "Hallucination": opinion})


@pytest.mark.parametrize("stage", GRADED)
def test_a_review_that_lacks_a_key_is_refused(stage: str) -> None:
    for key in CONTRACT_KEYS[stage]:
        lacking = review(stage)
        del lacking[key]
        assert not agreed(load_rubric(stage), lacking)


@pytest.mark.parametrize("stage", GRADED)
def test_a_review_with_a_further_key_is_refused_at_either_level(stage: str) -> None:
    rubric = load_rubric(stage)
    assert not agreed(rubric, {**review(stage), "Elegance": {"score": 7, "justification": "x"}})
    deeper = review(stage)
    deeper["Soundness" if "Soundness" in deeper else "Clarity"]["note"] = "x"
    assert not agreed(rubric, deeper)


@pytest.mark.parametrize("answer", [None, 42, "prose", [], {}, [review("idea")]])
def test_an_answer_that_is_no_object_with_the_keys_is_refused(answer: Any) -> None:
    assert not agreed(load_rubric("idea"), answer)


def fill(shape: Any) -> Any:
    """The skeleton as an obedient judge fills it: a number where null stands, text where brackets stand."""
    match shape:
        case dict():
            return {key: True if key == "has_hallucination" else fill(part) for key, part in shape.items()}
        case list():
            return [fill(part) for part in shape]
        case None:
            return 4
        case _:
            return "text"


@pytest.mark.parametrize("stage", GRADED)
def test_the_skeleton_is_valid_once_filled_in_and_refused_as_it_stands(stage: str) -> None:
    rubric = load_rubric(stage)
    skeleton = json.loads(rubric.skeleton())
    assert agreed(rubric, fill(skeleton))
    assert not agreed(rubric, skeleton)


def objects(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [found for entry in node for found in objects(entry)]
    if not isinstance(node, dict):
        return []
    own = [node] if node.get("type") == "object" else []
    return own + [found for entry in node.values() for found in objects(entry)]


@pytest.mark.parametrize("stage", GRADED)
def test_the_schema_can_be_sent_as_a_strict_response_format(stage: str) -> None:
    schema = load_rubric(stage).json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert "$ref" not in json.dumps(schema)
    assert "$defs" not in schema
    found = objects(schema)
    assert len(found) >= len(CONTRACT_KEYS[stage]) - 1
    for part in found:
        assert part["additionalProperties"] is False
        assert part["required"] == list(part["properties"])
    assert json.loads(load_rubric(stage).schema_text()) == schema


def test_reading_sorts_a_review_into_dimensions_by_the_contracts_names() -> None:
    parts = load_rubric("experiment").read(review("experiment", score=3))
    names = ["Consistency", "Completeness", "Novelty", "Soundness", "Insightfulness", "Significance", "Overall"]
    assert parts.scores == dict.fromkeys(names, 3)
    assert parts.justifications == {name: f"why {name}" for name in names[:-1]}
    assert (parts.strengths, parts.weaknesses) == (["a", "b"], ["c"])
    assert parts.opinion == Opinion(has_hallucination=True, details="results.md line 3")


def test_reading_an_end2end_review_gives_overall_and_confidence_and_no_opinion() -> None:
    parts = load_rubric("end2end").read(review("end2end"))
    assert parts.scores == {"Clarity": 7, "Novelty": 7, "Soundness": 7, "Significance": 7, "Overall": 7, "Confidence": 4}
    assert parts.opinion is None


def test_reading_takes_an_instance_of_the_review_model_too() -> None:
    rubric = load_rubric("idea")
    assert rubric.read(rubric.review_model().model_validate(review("idea"))) == rubric.read(review("idea"))


def test_an_invalid_answer_is_explained_by_place_and_by_what_was_found() -> None:
    bad = review("idea")
    bad["Novelty"]["score"] = "7/10"
    bad["Clarity"]["justification"] = ["x" * 5000]
    del bad["Feasibility"]
    with pytest.raises(ValidationError) as caught:
        load_rubric("idea").read(bad)
    text = explain_invalid(caught.value)
    assert re.search(r'Novelty\.score: .*found "7/10"', text)
    assert "Feasibility: Field required" in text
    assert len(text) < 1000


def damaged(tmp_path: Path, change: Any, stage: str = "idea") -> Path:
    data = yaml.safe_load((resource("rubrics") / f"{stage}.yaml").read_text(encoding="utf-8"))
    change(data)
    (tmp_path / f"{stage}.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return tmp_path


def rename_band(old: str, new: str) -> Any:
    def change(data: dict[str, Any]) -> None:
        bands = data["dimensions"][0]["bands"]
        data["dimensions"][0]["bands"] = {new if label == old else label: meaning for label, meaning in bands.items()}

    return change


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda data: data["dimensions"].pop(1), "Clarity"),
        (lambda data: data["dimensions"].append(data["dimensions"][0]), "twice: Consistency"),
        (lambda data: data["dimensions"][0].update(key="Elegance"), "dimensions.0.key"),
        (lambda data: data["dimensions"][5].update(key="Overall"), "not of this stage"),
        (lambda data: data["dimensions"][0].update(name="Clarity"), "dimensions.0"),
        (lambda data: data["dimensions"][0].pop("bands"), "dimensions.0.bands"),
        (lambda data: data["dimensions"][0].update(questions=[]), "dimensions.0.questions"),
        (lambda data: data["dimensions"][0].update(question="misspelt field"), "dimensions.0.question"),
        (lambda data: data["dimensions"][0]["bands"].update({"9-10": " "}), "dimensions.0.bands.9-10"),
        (lambda data: data["dimensions"][0]["bands"].update({"9-10": data["dimensions"][0]["bands"]["7-8"]}), "same meaning"),
        (lambda data: data["dimensions"][0]["bands"].pop("1-2"), "no band covers 1..2"),
        (rename_band("7-8", "7-9"), "without gap or overlap"),
        (rename_band("7-8", "good"), "'good' is no score range"),
        (lambda data: data["dimensions"][5].pop("weighs"), "weighs"),
        (lambda data: data.update(stage="poster"), "poster"),
        (lambda data: data.update(stage="paper"), "dimensions missing"),
    ],
)
def test_a_malformed_rubric_is_a_config_error_that_names_file_and_field(change: Any, named: str, tmp_path: Path) -> None:
    directory = damaged(tmp_path, change)
    with pytest.raises(ConfigError) as caught:
        load_rubric("idea", directory)
    assert str(tmp_path / "idea.yaml") in str(caught.value)
    assert named in str(caught.value)


@pytest.mark.parametrize("content", [b"dimensions: [", b"- a list", b"", b"\xff\xfe\x00"])
def test_a_file_that_holds_no_mapping_is_a_config_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "idea.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=r"idea\.yaml"):
        load_rubric("idea", tmp_path)


def test_a_missing_rubric_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"paper\.yaml"):
        load_rubric("paper", tmp_path)


def test_a_rubric_under_another_stages_name_is_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "idea.yaml").write_bytes((resource("rubrics") / "paper.yaml").read_bytes())
    with pytest.raises(ConfigError, match="stage is 'paper', expected 'idea'"):
        load_rubric("idea", tmp_path)


def test_rubrics_with_other_bands_as_the_papers_six_overall_bands_can_be_used(tmp_path: Path) -> None:
    def six_bands(data: dict[str, Any]) -> None:
        labels = ("10", "8-9", "6-7", "4-5", "2-3", "1")
        data["dimensions"][5]["bands"] = {label: f"as good as {label} says" for label in labels}

    assert len(load_rubric("idea", damaged(tmp_path, six_bands)).dimensions[5].bands) == 6


def test_the_hallucination_rubric_has_the_four_types_with_both_sides_and_an_example() -> None:
    rubric = load_hallucination_rubric()
    assert [entry.type for entry in rubric.types] == [
        "faked_results",
        "hallucinated_methodology",
        "incorrect_citation",
        "mathematical_error",
    ]
    text = rubric.text()
    for entry in rubric.types:
        assert len(entry.counts) >= 3
        assert len(entry.does_not_count) >= 3
        assert all(part in text for part in (entry.name, entry.means, entry.example, *entry.counts, *entry.does_not_count))


def test_a_hallucination_rubric_that_lacks_a_type_is_a_config_error(tmp_path: Path) -> None:
    directory = damaged(tmp_path, lambda data: data["types"].pop(), stage="hallucination")
    with pytest.raises(ConfigError, match=r"(?s)hallucination\.yaml.*mathematical_error"):
        load_hallucination_rubric(directory)


@pytest.mark.shared
def test_published_reviews_are_readable_but_for_those_with_keys_of_their_own() -> None:
    """The published judges answered by the paper's rubrics: their keys are ours, and 2411 of 2522 reviews
    can be read; in the others a model added a remark to the overall score, or the scale."""
    folder = SHARED / "data" / "upstream" / "agent_reviews"
    if not folder.is_dir():
        pytest.skip(f"the published reviews are not at hand: no {folder}")
    rubrics = {frozenset(keys): load_rubric(stage) for stage, keys in CONTRACT_KEYS.items()}
    read = dict.fromkeys(GRADED, 0)
    refused_for: set[str] = set()
    for path in folder.rglob("*.json"):
        answer = json.loads(path.read_text(encoding="utf-8"))
        rubric = rubrics[frozenset(answer)]
        try:
            read[rubric.stage] += bool(rubric.read(answer).scores)
        except ValidationError as error:
            refused_for.update(problem["type"] for problem in error.errors())
    assert all(read.values())
    assert refused_for == {"extra_forbidden"}


@pytest.mark.shared
def test_rubrics_and_prompts_share_no_long_run_of_words_with_the_paper() -> None:
    tool = SHARED / "tools" / "own_words.py"
    if not tool.is_file():
        pytest.skip(f"the paper's text is not at hand: no {tool}")
    done = subprocess.run(
        [sys.executable, str(tool), "paper", str(resource("rubrics").parent)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
