"""The panel: one judge's review of one work, the digest of how it was asked, the mean over judges; the engine's grader calls it."""

import asyncio
from collections.abc import Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path
from statistics import fmean

from ..models.api import Models
from ..offload import in_thread_if_long
from ..records import Review
from ..stages.prompts import prompt_digest, render
from ..stages.rubric import Rubric
from .asking import ask, fitted_prompt, shown_task
from .packing import RULES, Packed
from .parsing import parse_review
from .work import Work

OFFLINE = "offline"
"""The mechanical judge's name in --mlr-judges."""


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
    prompt, packed = await in_thread_if_long(work.length, _prompt, work, rubric, judge, models, today, folder)
    del work
    parsed, tries = await ask(
        judge,
        prompt,
        packed.images,
        lambda text: parse_review(text, rubric),
        schema=rubric.json_schema(),
        models=models,
        scope=scope,
        prompts=folder,
        what="review",
    )
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
    def rendered(delimiter: str, text: str, not_shown: list[str], images: int) -> str:
        return render(
            "judge",
            folder,
            rubric=rubric,
            task=shown_task(work),
            today=today.isoformat(),
            delimiter=delimiter,
            work=text,
            not_shown=not_shown,
            images=images,
        )

    return fitted_prompt(work, judge, models, rendered)
