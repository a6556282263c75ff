"""Asking a judge: a prompt that fits its window, further tries with the fault named; panel.py and form.py call it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel

from ..errors import InfrastructureError
from ..models.api import Message, Models, Request, Response
from ..offload import in_thread_if_long
from ..stages.prompts import render
from .packing import Packed, pack
from .parsing import ReviewError
from .work import Work

TRIES = 3
"""Model calls for one answer."""
ANSWER_TOKENS = 12_000
"""Room for one answer with what a model reasons before it, at most a quarter of the window."""
RETRY_TOKENS = 3_000
"""Room for an invalid answer and what is said about it, per further try."""
ECHO = 4_000
"""Characters of an invalid answer that are put back into the conversation."""


@dataclass(frozen=True)
class ShownTask:
    """What a judge's prompt reads of a task."""

    title: str
    venue: str
    year: int
    category: str
    topics: tuple[str, ...]
    brief: str


def shown_task(work: Work) -> ShownTask:
    """The task that `work` answers."""
    return ShownTask(work.task_title, work.venue, work.year, work.category, work.topics, work.task_brief)


class Rendered(Protocol):
    """The prompt around a packed work."""

    def __call__(self, delimiter: str, text: str, not_shown: list[str], images: int) -> str: ...


def fitted_prompt(work: Work, judge: str, models: Models, rendered: Rendered) -> tuple[str, Packed]:
    """The whole prompt, packed so that it, its images, the answer and two more tries fit the judge's window.

    Raises ConfigError when the window leaves no room for what is under review.
    """
    info = models.info(judge)
    answer = min(ANSWER_TOKENS, info.context // 4) + min((TRIES - 1) * RETRY_TOKENS, info.context // 8)
    around = models.tokens(rendered("-" * 32, "", list(work.notes), 1))
    packed = pack(work, context_tokens=info.context, vision=info.vision, tokens=models.tokens, reserve=answer + around)
    # What was cut is told in the prompt too, and the telling takes room that may have to be cut for again.
    told = models.tokens("\n- ".join(packed.not_shown[len(work.notes) :]))
    if packed.not_shown[len(work.notes) :]:
        packed = pack(
            work, context_tokens=info.context, vision=info.vision, tokens=models.tokens, reserve=answer + around + 2 * told
        )
    # The prompt has the text now: what waits for its call should not hold it twice.
    return rendered(packed.delimiter, packed.text, packed.not_shown, len(packed.images)), replace(packed, text="")


async def ask(
    judge: str,
    prompt: str,
    images: Sequence[dict[str, Any]],
    read: Callable[[str], BaseModel],
    *,
    schema: dict[str, Any],
    models: Models,
    scope: str,
    prompts: Path | None,
    what: str,
) -> tuple[BaseModel, int]:
    """The first answer that `read` accepts, and which try it was.

    `read` raises ReviewError for an answer that is no valid `what`; the judge is told why and asked again. Raises
    InfrastructureError when TRIES answers were not valid, and what `models` raises.
    """
    content = [{"type": "text", "text": prompt}, *images] if images else prompt
    messages: list[Message] = [{"role": "user", "content": content}]
    errors = ""
    for tries in range(1, TRIES + 1):
        response = await models.complete(Request(model=judge, messages=tuple(messages), scope=scope, schema=schema, first=True))
        try:
            return await in_thread_if_long(len(response.text), read, response.text), tries
        except ReviewError as error:
            errors = _cut_or(error, response)
            messages += [
                {"role": "assistant", "content": response.text[:ECHO].strip() or "(an empty answer)"},
                {"role": "user", "content": render("judge_again", prompts, errors=errors)},
            ]
    raise InfrastructureError(f"judge {judge} gave no valid {what} in {TRIES} tries; the last: {errors}")


def _cut_or(error: ReviewError, response: Response) -> str:
    """What was wrong with the answer; one cut by the token limit says so, for its JSON errors are only the consequence."""
    if response.finish_reason == "length":
        return f"The answer was cut by the limit on its length after {len(response.text):,} characters: be briefer. {error}"
    if response.finish_reason == "content_filter":
        return f"The provider's content filter ended the answer. {error}"
    return str(error)
