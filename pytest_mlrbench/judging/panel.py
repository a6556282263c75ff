"""The panel: one judge's review of one work, the digest of how it was asked, the mean over judges; the engine's grader calls it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from statistics import fmean

from ..errors import InfrastructureError
from ..models.api import Message, Models, Request, Response
from ..records import Review
from ..stages.prompts import prompt_digest, render
from ..stages.rubric import Rubric
from .packing import RULES, Packed, pack
from .parsing import ReviewError, parse_review
from .work import Work

OFFLINE = "offline"
"""The mechanical judge's name in --mlr-judges."""
TRIES = 3
"""Model calls for one review."""
ANSWER_TOKENS = 12_000
"""Room for one review with what a model reasons before it, at most a quarter of the window."""
RETRY_TOKENS = 3_000
"""Room for an invalid answer and what is said about it, per further try."""
ECHO = 4_000
"""Characters of an invalid answer that are put back into the conversation."""


@dataclass(frozen=True)
class ShownTask:
    """What the judge prompt reads of a task."""

    title: str
    venue: str
    year: int
    category: str
    topics: tuple[str, ...]
    brief: str


def protocol_of(rubric: Rubric, prompts_dir: str | None) -> str:
    """sha256 (hex) over rubric, judge prompts and packing rules: reviews of one protocol are comparable.

    Raises ConfigError when a judge prompt is missing or broken.
    """
    folder = Path(prompts_dir) if prompts_dir else None
    parts = (rubric.digest, prompt_digest("judge", folder), prompt_digest("judge_again", folder), RULES)
    return sha256("\0".join(parts).encode()).hexdigest()


async def review(
    work: Work,
    rubric: Rubric,
    judge: str,
    repeat: int,
    *,
    models: Models,
    scope: str,
    today: date,
    prompts: str | None,
) -> Review:
    """What `judge` says of `work`; `spent` is left to the caller, who counts the calls of `models`.

    Repeats ask the same: they differ by `scope` alone. Raises InfrastructureError when no answer of TRIES was a valid review,
    ConfigError when the judge's window cannot hold the work or a prompt is broken, and what `models` raises.
    """
    protocol = protocol_of(rubric, prompts)
    if judge == OFFLINE:
        from .offline import review_offline

        made = await asyncio.to_thread(review_offline, work, rubric, repeat=repeat, protocol=protocol)
        return made.model_copy(update={"not_shown": [*work.notes, *made.not_shown]})
    folder = Path(prompts) if prompts else None
    prompt, packed = await asyncio.to_thread(_prompt, work, rubric, judge, models, today, folder)
    content = [{"type": "text", "text": prompt}, *packed.images] if packed.images else prompt
    messages: list[Message] = [{"role": "user", "content": content}]
    errors = ""
    for tries in range(1, TRIES + 1):
        request = Request(model=judge, messages=tuple(messages), scope=scope, schema=rubric.json_schema())
        response = await models.complete(request)
        try:
            parsed = await asyncio.to_thread(parse_review, response.text, rubric)
        except ReviewError as error:
            errors = _cut_or(error, response)
            messages += [
                {"role": "assistant", "content": response.text[:ECHO].strip() or "(an empty answer)"},
                {"role": "user", "content": render("judge_again", folder, errors=errors)},
            ]
            continue
        parts = rubric.read(parsed)
        return Review(
            judge=judge,
            stage=rubric.stage,
            repeat=repeat,
            protocol=protocol,
            scores=parts.scores,
            justifications=parts.justifications,
            strengths=parts.strengths,
            weaknesses=parts.weaknesses,
            opinion=parts.opinion,
            answer=parsed.model_dump(by_alias=True),
            not_shown=packed.not_shown,
            tries=tries,
        )
    raise InfrastructureError(f"judge {judge} gave no valid review in {TRIES} tries; the last: {errors}")


def panel_scores(reviews: Sequence[Review]) -> dict[str, float | None]:
    """Dimension -> mean over judges of each judge's mean over its repeats; None where any of them has no score.

    Mechanical reviews count features and are never averaged with a model's: beside model judges they are left out.
    """
    counted = [one for one in reviews if not one.mechanical] or list(reviews)
    judges = dict.fromkeys(one.judge for one in counted)
    dimensions = dict.fromkeys(name for one in counted for name in one.scores)
    return {
        name: _mean([_mean([one.scores.get(name) for one in counted if one.judge == judge]) for judge in judges])
        for name in dimensions
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None


def _prompt(work: Work, rubric: Rubric, judge: str, models: Models, today: date, folder: Path | None) -> tuple[str, Packed]:
    """The whole prompt, packed so that it, its images, the answer and two more tries fit the judge's window."""
    info = models.info(judge)
    answer = min(ANSWER_TOKENS, info.context // 4) + min((TRIES - 1) * RETRY_TOKENS, info.context // 8)
    task = ShownTask(work.task_title, work.venue, work.year, work.category, work.topics, work.task_brief)

    def rendered(delimiter: str, text: str, not_shown: list[str], images: int) -> str:
        return render(
            "judge",
            folder,
            rubric=rubric,
            task=task,
            today=today.isoformat(),
            delimiter=delimiter,
            work=text,
            not_shown=not_shown,
            images=images,
        )

    around = models.tokens(rendered("-" * 32, "", list(work.notes), 1))
    packed = pack(work, context_tokens=info.context, vision=info.vision, tokens=models.tokens, reserve=answer + around)
    # What was cut is told in the prompt too, and the telling takes room that may have to be cut for again.
    told = models.tokens("\n- ".join(packed.not_shown[len(work.notes) :]))
    if packed.not_shown[len(work.notes) :]:
        packed = pack(
            work, context_tokens=info.context, vision=info.vision, tokens=models.tokens, reserve=answer + around + 2 * told
        )
    return rendered(packed.delimiter, packed.text, packed.not_shown, len(packed.images)), packed


def _cut_or(error: ReviewError, response: Response) -> str:
    """What was wrong with the answer; one cut by the token limit says so, for its JSON errors are only the consequence."""
    if response.finish_reason == "length":
        return f"The answer was cut by the limit on its length after {len(response.text):,} characters: be briefer. {error}"
    if response.finish_reason == "content_filter":
        return f"The provider's content filter ended the answer. {error}"
    return str(error)
