"""Side by side: one judge says which of two works on one task is better, without knowing whose they are; engine.comparing calls it.

Which work stands first sways a judge, so every pair is asked twice with the works changed about, and the answers are stored with
their order: the bias is measured, not assumed away.
"""

import asyncio
import json
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from ..errors import ConfigError, InfrastructureError
from ..models.api import Models
from ..records import Order, SideBySide, Winner
from ..stages.prompts import prompt_digest, render
from ..stages.rubric import Dimension, Rubric, plain_schema
from .asking import ANSWER_TOKENS, RETRY_TOKENS, TRIES, ask, shown_task
from .packing import IMAGE_TOKENS, RULES, Packed, pack
from .parsing import parse_answer
from .work import Work

Side = Literal["A", "B", "tie"]
"""A verdict as the judge gives it."""


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


@dataclass(frozen=True)
class Pair:
    """Two works on one task."""

    base: Work
    new: Work

    @property
    def digests(self) -> tuple[str, str]:
        """Of all there is to show of either work."""
        return work_digest(self.base), work_digest(self.new)


def work_digest(work: Work) -> str:
    """sha256 (hex) over a work's parts: texts, and the bytes of figures."""
    digest = sha256()
    for part in work.parts:
        content = part.text.encode("utf-8", "replace")
        if part.kind == "figure" and part.path is not None:
            content = part.path.read_bytes()
        digest.update(f"{part.name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def compared(rubric: Rubric) -> tuple[Dimension, ...]:
    """The dimensions in which works are compared: those with a score; the last, Overall, is `winner`."""
    return tuple(one for one in rubric.dimensions if one.kind in ("score", "overall"))


def pairwise_protocol(rubric: Rubric, prompts_dir: str | None) -> str:
    """sha256 (hex) over the rubric, the prompts, the answer's schema and the packing rules: answers of one protocol are comparable.

    Raises ConfigError when a prompt is missing or broken.
    """
    folder = Path(prompts_dir) if prompts_dir else None
    texts = (prompt_digest("pairwise", folder), prompt_digest("judge_again", folder))
    parts = (rubric.digest, *texts, json.dumps(answer_schema(rubric), sort_keys=True), RULES)
    return sha256("\0".join(parts).encode()).hexdigest()


# The reason comes before the verdicts: a judge that names a winner first only defends it afterwards.
@lru_cache(maxsize=16)
def answer_model(dimensions: tuple[str, ...]) -> type[BaseModel]:
    """The pydantic model of an answer: `reason`, `dimensions` (one verdict each), `winner`."""
    each = create_model("Dimensions", __base__=_Answer, **dict.fromkeys(dimensions, (Side, ...)))  # type: ignore[call-overload]
    reason = Field(description="what decides between the two works, with places in both")
    made: type[BaseModel] = create_model(
        "Comparison", __base__=_Answer, reason=(str, reason), dimensions=(each, ...), winner=(Side, ...)
    )
    return made


def dimension_names(rubric: Rubric) -> tuple[str, ...]:
    """What a judge decides one by one; the whole is `winner`."""
    return tuple(one.name for one in compared(rubric) if one.kind == "score")


def answer_schema(rubric: Rubric) -> dict[str, Any]:
    """JSON schema of an answer without references, so that it can be sent as a strict response format."""
    schema = answer_model(dimension_names(rubric)).model_json_schema()
    plain: dict[str, Any] = plain_schema(schema, schema.get("$defs", {}))
    return plain


def skeleton(rubric: Rubric) -> str:
    """The shape of an answer. Verdicts are null: a judge that copies the shape is refused instead of believed."""
    shape = {
        "reason": "<what decides between the two works, with places in both>",
        "dimensions": dict.fromkeys(dimension_names(rubric)),
        "winner": None,
    }
    return json.dumps(shape, indent=2)


async def compare(
    pair: Pair,
    rubric: Rubric,
    judge: str,
    repeat: int,
    order: Order,
    *,
    models: Models,
    scope: str,
    today: date,
    prompts: str | None,
) -> SideBySide:
    """What `judge` says of `pair` shown in `order`; `spent` is left to the caller.

    Raises InfrastructureError when no answer of TRIES was valid, ConfigError when the window cannot hold both works or a prompt is
    broken, and what `models` raises.
    """
    folder = Path(prompts) if prompts else None
    prompt, images, not_shown = await asyncio.to_thread(_prompt, pair, rubric, judge, order, models, today, folder)
    names = dimension_names(rubric)
    answer, tries = await ask(
        judge,
        prompt,
        images,
        lambda text: parse_answer(text, answer_model(names), "comparison"),
        schema=answer_schema(rubric),
        models=models,
        scope=scope,
        prompts=folder,
        what="comparison",
    )
    said = answer.model_dump()
    whose: dict[Side, Winner] = {"A": "base", "B": "new", "tie": "tie"}
    if order == "new-first":
        whose = {"A": "new", "B": "base", "tie": "tie"}
    return SideBySide(
        judge=judge,
        stage=rubric.stage,
        repeat=repeat,
        order=order,
        protocol=pairwise_protocol(rubric, prompts),
        works=pair.digests,
        winner=whose[said["winner"]],
        dimensions={name: whose[side] for name, side in said["dimensions"].items()},
        reason=said["reason"],
        not_shown=not_shown,
        tries=tries,
    )


def _prompt(
    pair: Pair, rubric: Rubric, judge: str, order: Order, models: Models, today: date, folder: Path | None
) -> tuple[str, list[dict[str, Any]], list[str]]:
    works = (pair.base, pair.new) if order == "base-first" else (pair.new, pair.base)

    def rendered(first: Packed, second: Packed) -> str:
        told = [f"work {name}: {text}" for name, packed in (("A", first), ("B", second)) for text in packed.not_shown]
        shown = (len(first.images), len(second.images))
        return render(
            "pairwise",
            folder,
            rubric=rubric,
            dimensions=compared(rubric),
            task=shown_task(pair.base),
            today=today.isoformat(),
            first=first,
            second=second,
            not_shown=told,
            images=shown if any(shown) else None,
            shape=skeleton(rubric),
            schema=json.dumps(answer_schema(rubric)),
        )

    info = models.info(judge)
    answer = min(ANSWER_TOKENS, info.context // 4) + min((TRIES - 1) * RETRY_TOKENS, info.context // 8)
    around = models.tokens(rendered(*(Packed("-" * 32, "", [], list(work.notes)) for work in works)))
    # What was cut is told in the prompt too; a twentieth is more than the longest list of such sentences takes.
    room = (info.context - answer - around) * 19 // 20
    try:
        packed = _packed(works, room, info.vision, models)
    except ConfigError as error:
        raise ConfigError(
            f"the window of {judge}, {info.context:,} tokens, has no room for two works of {rubric.stage} side by side; choose a "
            "judge with a larger one, or set its real size with --mlr-model-setting=JUDGE:context=TOKENS"
        ) from error
    if any(one.delimiter.casefold() in other.text.casefold() for one, other in (packed, packed[::-1])):
        raise InfrastructureError(f"one of the two works of {rubric.stage} holds the line that frames the other")
    whose = ("base", "new") if order == "base-first" else ("new", "base")
    not_shown = [f"{name}: {text}" for name, one in zip(whose, packed, strict=True) for text in one.not_shown]
    return rendered(*packed), [*packed[0].images, *packed[1].images], not_shown


def _packed(works: tuple[Work, Work], room: int, vision: bool, models: Models) -> tuple[Packed, Packed]:
    """Both works within `room` tokens: half for each, and what one leaves of its half for the other, whatever their order."""

    def packed(work: Work, tokens: int) -> Packed:
        return pack(work, context_tokens=tokens, vision=vision, tokens=models.tokens, reserve=0)

    def size(one: Packed) -> int:
        return models.tokens(one.text) + IMAGE_TOKENS * len(one.images)

    halves = [packed(work, room // 2) for work in works]
    cut = [len(one.not_shown) > len(work.notes) for one, work in zip(halves, works, strict=True)]
    if cut[0] is not cut[1]:
        short = halves[cut.index(False)]
        long = cut.index(True)
        halves[long] = packed(works[long], room - max(size(short), 1))
    return halves[0], halves[1]
