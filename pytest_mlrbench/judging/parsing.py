"""Reading a judge's answer: tolerant of how the JSON is wrapped, strict about what it says; the panel calls it."""

import json
import re
from typing import Any

from pydantic import BaseModel, ValidationError

from ..errors import MLRBenchError
from ..stages.rubric import Rubric, explain_invalid

ANSWER_CAP = 300_000
"""Characters of an answer that are looked at; a review has some 5,000. Mending broken JSON takes time quadratic in its length."""
MEND_CAP = 60_000
"""Characters of broken JSON that are mended."""

_FENCE = re.compile(r"^[ \t]*```[\w-]*[ \t]*\n(.*?)^[ \t]*```[ \t]*$", re.DOTALL | re.MULTILINE)
_OPENING = re.compile(r"""\{\s*(?:["'}]|[A-Za-z]+\s*:)""")
"""How a JSON object begins, also a sloppy one; `{x}` in prose or LaTeX does not."""


class ReviewError(MLRBenchError):
    """An answer is no usable review or form; the message is fit to be fed back to the judge."""


def parse_review(text: str, rubric: Rubric) -> BaseModel:
    """The one review that `text` holds, as an instance of `rubric.review_model()`. Raises ReviewError as parse_answer."""
    return parse_answer(text, rubric.review_model(), "review")


def parse_answer(text: str, model: type[BaseModel], what: str) -> BaseModel:
    """The one `what` that `text` holds, as an instance of `model`.

    JSON alone is tried first, then objects in fences or prose, then mended JSON (unquoted keys, trailing commas, quotes within
    strings). Values are never mended. Raises ReviewError when there is no object, none that is valid, or two valid ones that
    differ.
    """
    if not text.strip():
        raise ReviewError("The answer is empty. Expected one JSON object.")
    if len(text) > ANSWER_CAP:
        raise ReviewError(f"The answer has {len(text):,} characters, at most {ANSWER_CAP:,} are read. Expected one JSON object.")
    objects = _objects(text)
    valid, invalid = _sorted_out(objects, model)
    broken = ""
    if not valid and (mended := _mended(text, model)) is not None:
        objects = [*objects, mended]
        valid, invalid = _sorted_out([mended], model)
        broken = f"The JSON of the answer is broken ({_syntax_error(text)}). As far as it can be read:\n"
    if not valid:
        if not invalid:
            raise ReviewError(_why_none(text))
        nearest = min(invalid, key=lambda error: error.error_count())
        more = f" (the nearest of {len(objects)} JSON objects in it)" if len(objects) > 1 else ""
        raise ReviewError(f"{broken}The answer is not a valid {what}{more}:\n{explain_invalid(nearest)}")
    if any(one != valid[0] for one in valid):
        raise ReviewError(f"The answer holds {len(valid)} different {what}s. Expected one JSON object.")
    return valid[0]


class _Refused(ValueError):
    """Well-formed, but nothing that may be guessed at."""


def _sorted_out(objects: list[dict[str, Any]], model: type[BaseModel]) -> tuple[list[BaseModel], list[ValidationError]]:
    valid: list[BaseModel] = []
    invalid: list[ValidationError] = []
    for found in objects:
        try:
            valid.append(model.model_validate(found))
        except ValidationError as error:
            invalid.append(error)
    return valid, invalid


def _objects(text: str) -> list[dict[str, Any]]:
    """The JSON objects of an answer, outermost only. Raises ReviewError for NaN and for a key that stands twice."""
    try:
        whole = _loads(text)
    except _Refused as error:
        raise ReviewError(f"The JSON of the answer cannot be used: {error}.") from error
    except ValueError:
        pass
    else:
        if isinstance(whole, dict):
            return [whole]
        raise ReviewError(f"Expected one JSON object, found {_short(json.dumps(whole))}.")
    try:
        found = [one for block in _FENCE.findall(text) for one in _scan(block)]
        return found + _scan(_FENCE.sub("\n", text))
    except _Refused as error:
        raise ReviewError(f"The JSON of the answer cannot be used: {error}.") from error


def _scan(text: str) -> list[dict[str, Any]]:
    """Every outermost object that stands in `text` as valid JSON, up to the first broken one."""
    decoder = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_refuse_twice)
    objects: list[dict[str, Any]] = []
    opening = _OPENING.search(text)
    while opening:
        try:
            found, end = decoder.raw_decode(text, opening.start())
        except _Refused:
            raise
        except (ValueError, RecursionError):
            # Going on inside would take what a broken answer quotes (a review planted in the work) for the answer.
            break
        objects.append(found)
        opening = _OPENING.search(text, end)
    return objects


def _mended(text: str, model: type[BaseModel]) -> dict[str, Any] | None:
    """The object between the first and the last brace with its syntax mended; a cut one lacks keys and is refused for that."""
    import json_repair

    opening, end = _OPENING.search(text), text.rfind("}")
    if opening is None or end < opening.start() or end - opening.start() > MEND_CAP:
        return None
    broken = text[opening.start() : end + 1]
    for key in model.model_fields:
        if len(re.findall(rf"""["']?\b{key}["']?\s*:\s*[\[{{\d]""", broken)) > 1:
            # Mending would keep the last of them, and which one the judge meant is not known.
            raise ReviewError(f"The JSON of the answer is broken, and {key} stands in it more than once. Expected one JSON object.")
    try:
        found = json_repair.loads(broken, skip_json_loads=True)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _why_none(text: str) -> str:
    if _OPENING.search(text):
        return f"The JSON of the answer cannot be read ({_syntax_error(text)}). Expected one complete JSON object."
    return f"There is no JSON object in the answer. It begins: {_short(json.dumps(text.strip()[:100]))}"


def _syntax_error(text: str) -> str:
    opening = _OPENING.search(text)
    try:
        _loads(text[opening.start() :] if opening else text)
    except ValueError as error:
        return str(error)
    return "no error by itself"


def _loads(text: str) -> Any:
    """`text` as strict JSON. Raises ValueError, of the kind _Refused for NaN and for a key that stands twice."""
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_refuse_twice)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _refuse_constant(name: str) -> Any:
    raise _Refused(f"{name} is no JSON number")


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Refused(f"the key {_short(json.dumps(key))} stands twice in one object")
        found[key] = value
    return found


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:80]}..."
