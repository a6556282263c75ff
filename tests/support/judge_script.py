"""The scripted judge: an answer to any JSON schema, its numbers drawn from the request, so that other works get other scores."""

import json
import random
import re
from hashlib import sha256
from typing import Any

from tests.support.scripted_server import Json, Reply, prompt_text

STAGE_BY_KEYS = (
    ("experiment", {"Hallucination"}),
    ("end2end", {"Confidence"}),
    ("proposal", {"Feasibility", "Soundness"}),
    ("idea", {"Feasibility"}),
    ("paper", {"Completeness", "Soundness"}),
)
"""Which stage a review form belongs to: the first whose keys it has (CONTRACT, review keys)."""

FORM_KEYS = {"faked_results", "hallucinated_methodology", "incorrect_citation", "mathematical_error"}
"""The hallucination form, of which these judges find nothing to say."""


def review(body: Json) -> Reply:
    """Fill the schema of response_format, else the last JSON schema or skeleton that the prompt shows."""
    text = prompt_text(body)
    shape = _sent_schema(body) or _shown_schema(text)
    if shape is None:
        raise ValueError(f"a judge's prompt without any form to fill: {text[:200]!r}")
    keys = set(shape.get("properties", {}))
    if keys == FORM_KEYS:
        return Reply(json.dumps({key: [] for key in sorted(keys)}), stage="judge:hallucination")
    stage = next((stage for stage, wanted in STAGE_BY_KEYS if wanted <= keys), "form")
    seed = sha256(json.dumps([body.get("model"), sorted(keys), _work(text)]).encode()).digest()
    return Reply(json.dumps(fill(shape, random.Random(seed), root=shape), indent=1), stage=f"judge:{stage}")


def _work(text: str) -> str:
    """The work between its delimiter lines: the same work gets the same scores whatever the delimiter, the date or the try."""
    named = re.search(r"lines that read `([^`]+)`", text)
    framed = text.split(f"\n{named.group(1)}\n") if named else []
    return framed[1] if len(framed) > 2 else text


def _sent_schema(body: Json) -> Json | None:
    sent = body.get("response_format") or {}
    schema: Json | None = (sent.get("json_schema") or {}).get("schema")
    return schema


def _shown_schema(text: str) -> Json | None:
    for block in reversed(re.findall(r"```json\s*\n(.*?)```", text, re.S)):
        try:
            shown = json.loads(block)
        except ValueError:
            continue
        if isinstance(shown, dict):
            return shown if "properties" in shown else _schema_of(shown)
    return None


def _schema_of(example: Any, key: str = "") -> Json:
    """The schema of a skeleton: null and numbers stand for scores, except for what the contract types otherwise."""
    if isinstance(example, dict):
        return {"type": "object", "properties": {name: _schema_of(value, name) for name, value in example.items()}}
    if isinstance(example, list):
        return {"type": "array", "items": _schema_of(example[0] if example else "", key)}
    if isinstance(example, bool) or key.startswith("has_"):
        return {"type": "boolean"}
    if example is None or isinstance(example, int | float):
        return {"type": "integer", "minimum": 1, "maximum": 5 if key == "Confidence" else 10}
    return {"type": "string"}


def fill(schema: Json, chance: random.Random, *, root: Json, name: str = "answer") -> Any:
    """A value that satisfies `schema`."""
    if "$ref" in schema:
        target: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return fill(target, chance, root=root, name=name)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return chance.choice(schema["enum"])
    for union in ("anyOf", "oneOf"):
        if union in schema:
            choices = [choice for choice in schema[union] if choice.get("type") != "null"]
            return fill(choices[0], chance, root=root, name=name)
    if "allOf" in schema:
        return fill(schema["allOf"][0], chance, root=root, name=name)
    match schema.get("type"):
        case "object":
            return {key: fill(value, chance, root=root, name=key) for key, value in schema.get("properties", {}).items()}
        case "array":
            count = max(schema.get("minItems", 0), min(2, schema.get("maxItems", 2)))
            return [fill(schema.get("items", {"type": "string"}), chance, root=root, name=name) for _ in range(count)]
        case "integer":
            low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
            return chance.randint(low, schema.get("maximum", schema.get("exclusiveMaximum", low + 10) - 1))
        case "number":
            return round(chance.uniform(schema.get("minimum", 0.0), schema.get("maximum", 1.0)), 3)
        case "boolean":
            return chance.random() < 0.2
        case "null":
            return None
    return f"{name}: judged by the scripted server, remark {chance.randrange(10**6)}."
