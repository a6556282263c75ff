"""Rubrics: what a judge scores, read from YAML, and the one review model that prompt, JSON schema and parsing are made from.

The judges (model and offline) and the panel call this.
"""

import json
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)

from ..audits import FindingType
from ..errors import ConfigError
from ..records import Frozen, Opinion
from ..resources import resource

Kind = Literal["score", "overall", "opinion", "confidence"]
"""How a dimension is answered: a score with its justification; the overall score with strengths and weaknesses; a boolean
opinion with details; a bare number of how sure the judge is."""

_SCORED = (
    "Consistency",
    "Clarity",
    "Novelty",
    "Feasibility",
    "Completeness",
    "Soundness",
    "Insightfulness",
    "Significance",
)

REVIEW_KEYS: dict[str, tuple[str, Kind]] = {
    **{name: (name, "score") for name in _SCORED},
    "OverallAssessment": ("Overall", "overall"),
    "Overall": ("Overall", "overall"),
    "Hallucination": ("Hallucination", "opinion"),
    "Confidence": ("Confidence", "confidence"),
}
"""Key in a review -> dimension and kind (docs/interface.md, review keys)."""

STAGE_KEYS: dict[str, frozenset[str]] = {
    "idea": frozenset({"Consistency", "Clarity", "Novelty", "Feasibility", "Significance", "OverallAssessment"}),
    "proposal": frozenset({"Consistency", "Clarity", "Novelty", "Soundness", "Feasibility", "Significance", "OverallAssessment"}),
    "experiment": frozenset(
        {
            "Hallucination",
            "Consistency",
            "Completeness",
            "Novelty",
            "Soundness",
            "Insightfulness",
            "Significance",
            "OverallAssessment",
        }
    ),
    "paper": frozenset({"Consistency", "Clarity", "Completeness", "Soundness", "OverallAssessment"}),
    "end2end": frozenset({"Clarity", "Novelty", "Soundness", "Significance", "Overall", "Confidence"}),
}
"""Graded stage -> the keys of its review (paper, Tables 24-28; where Table 1 marks fewer for coding, Table 26 holds). Other
rubric texts are welcome, other dimensions are not: tables and comparisons rest on these."""

SCALES: dict[Kind, tuple[int, int]] = {"score": (1, 10), "overall": (1, 10), "confidence": (1, 5)}

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_File = TypeVar("_File", bound=BaseModel)


class Dimension(Frozen):
    """One thing a judge speaks of."""

    key: Text
    """Its key in a review, one of REVIEW_KEYS."""
    name: Text
    """The dimension's name in records and tables."""
    questions: tuple[Text, ...] = Field(min_length=1)
    bands: dict[Text, Text]
    """Score range (`9-10`, or `5` for a single score), best first -> what a work of that band is like. Together they cover the
    scale once. For an opinion: `true` and `false`."""
    weighs: tuple[Text, ...] = ()
    """Overall only: what counts beyond the mean of the other dimensions."""

    @property
    def kind(self) -> Kind:
        return REVIEW_KEYS[self.key][1]

    @field_validator("key")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in REVIEW_KEYS:
            raise ValueError(f"unknown review key; valid: {', '.join(REVIEW_KEYS)}")
        return value

    @model_validator(mode="after")
    def _fits_its_key(self) -> "Dimension":
        name, kind = REVIEW_KEYS[self.key]
        if self.name != name:
            raise ValueError(f"name is {self.name!r}, expected {name!r} for the review key {self.key!r}")
        if bool(self.weighs) != (kind == "overall"):
            raise ValueError("`weighs` belongs to the overall dimension and to no other")
        if kind == "opinion":
            if set(self.bands) != {"true", "false"}:
                raise ValueError(f'bands are {", ".join(self.bands)}, expected "true" and "false" in quotes')
        elif (problem := _uncovered(tuple(self.bands), *SCALES[kind])) is not None:
            raise ValueError(problem)
        meanings = {meaning.casefold() for meaning in self.bands.values()}
        if len(meanings) < len(self.bands):
            raise ValueError("two bands have the same meaning, a judge could not tell them apart")
        return self


def _uncovered(labels: tuple[str, ...], lowest: int, highest: int) -> str | None:
    """Why the bands `labels`, best first, are no division of lowest..highest; None when they are."""
    expected = highest
    for label in labels:
        low, dash, high = label.partition("-")
        if not low.isdecimal() or (dash and not high.isdecimal()):
            return f"band {label!r} is no score range, expected LOW-HIGH or one score, in quotes"
        if int(high or low) != expected or int(low) > expected:
            return f"band {label!r} should end at {expected}: bands go from {highest} down to {lowest} without gap or overlap"
        expected = int(low) - 1
    return None if expected == lowest - 1 else f"no band covers {lowest}..{expected}"


@dataclass(frozen=True)
class ReviewParts:
    """A valid review, sorted into what records.Review stores."""

    scores: dict[str, int | None]
    """Dimension -> 1..10, Confidence 1..5; never None from a model judge."""
    justifications: dict[str, str]
    """Dimension -> why; Overall and Confidence have none of their own."""
    strengths: list[str] = field(default_factory=list)
    weaknesses: list[str] = field(default_factory=list)
    opinion: Opinion | None = None


class Rubric(Frozen):
    """What a judge of one stage scores."""

    stage: Text
    work: Text
    """What lies before the judge and what it is held against."""
    dimensions: tuple[Dimension, ...]
    digest: Text
    """sha256 of the file's bytes."""

    @model_validator(mode="after")
    def _whole(self) -> "Rubric":
        if self.stage not in STAGE_KEYS:
            raise ValueError(f"unknown graded stage {self.stage!r}; valid: {', '.join(STAGE_KEYS)}")
        keys = [dimension.key for dimension in self.dimensions]
        wanted = STAGE_KEYS[self.stage]
        problems = {
            "missing": wanted - set(keys),
            "not of this stage": set(keys) - wanted,
            "twice": {key for key in keys if keys.count(key) > 1},
        }
        if any(problems.values()):
            named = (f"{problem}: {', '.join(sorted(found))}" for problem, found in problems.items() if found)
            raise ValueError(f"dimensions {'; '.join(named)}")
        return self

    def text(self) -> str:
        """The rubric in Markdown, for a prompt."""
        return "\n\n".join(_dimension_text(dimension) for dimension in self.dimensions)

    def review_model(self) -> type[BaseModel]:
        """The pydantic model of a review: strict types, no further keys, every key required."""
        return _review_model(self.stage, tuple(dimension.key for dimension in self.dimensions))

    def json_schema(self) -> dict[str, Any]:
        """JSON schema of `review_model`, without references, so that it can be sent as a strict response format."""
        return _review_schema(self.review_model())

    def schema_text(self) -> str:
        """`json_schema` on one line, for a prompt; its keys in the rubric's order."""
        return _schema_text(self.review_model())

    def skeleton(self) -> str:
        """The shape of a review as JSON. Scores and booleans stand as null: a number would anchor the judge, and a judge that
        copies the shape gets refused instead of believed."""
        return _skeleton(self.review_model())

    def read(self, parsed: object) -> ReviewParts:
        """Sort a judge's answer: JSON data, or an instance of `review_model`.

        Raises pydantic.ValidationError when it is no valid review (`explain_invalid` says why in words).
        """
        review = self.review_model().model_validate(parsed).model_dump()
        scores: dict[str, int | None] = {}
        justifications: dict[str, str] = {}
        strengths: list[str] = []
        weaknesses: list[str] = []
        opinion = None
        for dimension in self.dimensions:
            answer = review[dimension.key]
            match dimension.kind:
                case "score":
                    scores[dimension.name] = answer["score"]
                    justifications[dimension.name] = answer["justification"]
                case "overall":
                    scores[dimension.name] = answer["score"]
                    strengths, weaknesses = answer["strengths"], answer["weaknesses"]
                case "confidence":
                    scores[dimension.name] = answer
                case "opinion":
                    opinion = Opinion(**answer)
        return ReviewParts(scores, justifications, strengths, weaknesses, opinion)


class HallucinationType(Frozen):
    """One of the four kinds of the paper's Appendix C."""

    type: FindingType
    name: Text
    means: Text
    counts: tuple[Text, ...] = Field(min_length=1)
    does_not_count: tuple[Text, ...] = Field(min_length=1)
    example: Text


class HallucinationRubric(Frozen):
    """What counts as hallucinated, type by type."""

    evidence: tuple[Text, ...] = Field(min_length=1)
    """Rules for every type: what an accusation has to show."""
    types: tuple[HallucinationType, ...]
    digest: Text

    @model_validator(mode="after")
    def _four(self) -> "HallucinationRubric":
        wanted = {"faked_results", "hallucinated_methodology", "incorrect_citation", "mathematical_error"}
        found = [entry.type for entry in self.types]
        if set(found) != wanted or len(found) != len(wanted):
            raise ValueError(f"types are {', '.join(found)}, expected each of {', '.join(sorted(wanted))} once")
        return self

    def text(self) -> str:
        """The rubric in Markdown, for a prompt."""
        blocks = ["\n".join(f"- {rule}" for rule in self.evidence)]
        for entry in self.types:
            blocks.append(
                f"### {entry.name} (`{entry.type}`)\n{entry.means}\n\nCounts:\n"
                + "\n".join(f"- {case}" for case in entry.counts)
                + "\n\nDoes not count:\n"
                + "\n".join(f"- {case}" for case in entry.does_not_count)
                + f"\n\nFor instance: {entry.example}"
            )
        return "\n\n".join(blocks)


def load_rubric(stage: str, directory: Path | None = None) -> Rubric:
    """The rubric of a graded stage from `directory` (the packaged ones when None).

    Raises ConfigError naming the file and the field when it is missing or malformed.
    """
    path = (directory or resource("rubrics")) / f"{stage}.yaml"
    rubric = _load(path, Rubric)
    if rubric.stage != stage:
        raise ConfigError(f"{path}: stage is {rubric.stage!r}, expected {stage!r} as the file's name says")
    return rubric


def load_hallucination_rubric(directory: Path | None = None) -> HallucinationRubric:
    """The four hallucination types from `directory` (the packaged ones when None). Raises ConfigError as load_rubric does."""
    return _load((directory or resource("rubrics")) / "hallucination.yaml", HallucinationRubric)


def explain_invalid(error: ValidationError, whole: str = "the answer") -> str:
    """What is wrong with a judge's answer (or another `whole`), one line a problem; what was found is shortened."""
    lines = []
    for problem in error.errors(include_url=False, include_context=False):
        place = ".".join(str(step) for step in problem["loc"]) or whole
        # A validator's own message says what it found, and a missing key's input is everything around it.
        told = problem["type"] in ("missing", "value_error")
        lines.append(f"- {place}: {problem['msg']}" + ("" if told else f", found {_short(problem['input'])}"))
    return "\n".join(lines)


def _load(path: Path, model: type[_File]) -> _File:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read the rubric {path}: {error.strerror}; a folder of rubrics holds STAGE.yaml") from error
    found = _parsed(path, content, model)
    assert isinstance(found, model)
    return found


@lru_cache(maxsize=32)
def _parsed(path: Path, content: bytes, model: type[BaseModel]) -> BaseModel:
    """Kept by the file's bytes: a run asks for the same rubric at every review, and reading YAML takes some 5 ms."""
    import yaml

    try:
        data = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: expected a mapping with the fields of a rubric, found {type(data).__name__}")
    try:
        return model.model_validate({**data, "digest": sha256(content).hexdigest()})
    except ValidationError as error:
        raise ConfigError(f"{path} is not a usable rubric:\n{explain_invalid(error, 'the file')}") from error


def _dimension_text(dimension: Dimension) -> str:
    heading = f"### {dimension.key}" + (" (true or false)" if dimension.kind == "opinion" else "")
    if dimension.kind in SCALES:
        low, high = SCALES[dimension.kind]
        heading += f" (whole number from {low} to {high}, {high} is best)"
    lines = [heading, *dimension.questions, ""]
    lines += [f"- **{label}**: {meaning}" for label, meaning in dimension.bands.items()]
    if dimension.weighs:
        lines += ["", "Beyond the mean of the dimensions above, weigh:", *(f"- {point}" for point in dimension.weighs)]
    return "\n".join(lines)


class _Answer(BaseModel):
    """Base of what a judge sends: true is no number, "7" is none either, and an unknown key is an error."""

    model_config = ConfigDict(strict=True, extra="forbid")


# In each part the reasons come before the number: a model that writes its score first only defends it afterwards.
class _Scored(_Answer):
    justification: str = Field(description="why this band and not the one above or below, with places in the work")
    score: int = Field(ge=1, le=10)


class _OverallScored(_Answer):
    strengths: list[str] = Field(description="one strength an entry, each with its place in the work")
    weaknesses: list[str] = Field(description="one weakness an entry, each with its place in the work")
    score: int = Field(ge=1, le=10)


class _Opined(_Answer):
    details: str = Field(description="what is invented and where it stands, or what shows that nothing is")
    has_hallucination: bool


@lru_cache(maxsize=16)
def _review_model(stage: str, keys: tuple[str, ...]) -> type[BaseModel]:
    types: dict[Kind, Any] = {
        "score": _Scored,
        "overall": _OverallScored,
        "opinion": _Opined,
        "confidence": Annotated[int, Field(ge=1, le=5)],
    }
    fields: dict[str, Any] = {key: (types[REVIEW_KEYS[key][1]], ...) for key in keys}
    return create_model(f"{stage.capitalize()}Review", __base__=_Answer, **fields)


@lru_cache(maxsize=16)
def _review_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Of pydantic's schema, which takes milliseconds to make; not to be changed by who gets it."""
    schema = model.model_json_schema()
    plain: dict[str, Any] = plain_schema(schema, schema.get("$defs", {}))
    return plain


@lru_cache(maxsize=16)
def _schema_text(model: type[BaseModel]) -> str:
    return json.dumps(_review_schema(model))


@lru_cache(maxsize=16)
def _skeleton(model: type[BaseModel]) -> str:
    return json.dumps(_shape(_review_schema(model)), indent=2)


def plain_schema(node: Any, definitions: dict[str, Any]) -> Any:
    """`node` of a JSON schema with references replaced by what they name, and without pydantic's titles and docstrings."""
    if isinstance(node, list):
        return [plain_schema(entry, definitions) for entry in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return plain_schema(definitions[node["$ref"].rpartition("/")[2]], definitions)
    plain = {name: plain_schema(value, definitions) for name, value in node.items() if name not in ("$defs", "title")}
    if plain.get("type") == "object":
        plain.pop("description", None)
    return plain


def _shape(schema: dict[str, Any], hint: str = "") -> Any:
    hint = schema.get("description", hint)
    match schema["type"]:
        case "object":
            return {name: _shape(part) for name, part in schema["properties"].items()}
        case "array":
            return [_shape(schema["items"], hint)]
        case "string":
            return f"<{hint}>"
        case _:
            return None


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= 80 else f"{text[:80]}... ({len(text)} characters)"
