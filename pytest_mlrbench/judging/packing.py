"""Packing: the work as one framed text and its images, within a judge's window; the panel calls it."""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from ..errors import ConfigError
from ..stages.fitting import Piece, fit
from ..stages.outputs import read_figure
from .work import Part, Work

RULES = "1"
"""Version of what is gathered (work.py), cut and framed: part of the review protocol, raised with any change that a judge sees."""

IMAGE_TOKENS = 1_700
"""What one image costs at most in the window of the providers of today (a full-size one; they scale larger ones down)."""
LEAST_SHOWN = 1_000
"""Characters of the text under review without which there is nothing to judge."""

IMAGE_STAGES = ("paper", "end2end")
"""Stages whose judges see the figures; for an experiment they are named only (paper, section 2.3)."""

_UNDER_REVIEW = {"idea": "idea", "proposal": "proposal", "experiment": "results/results.md", "paper": "paper", "end2end": "paper"}


@dataclass(frozen=True)
class Packed:
    """What goes into the prompt."""

    delimiter: str
    """Frames the work, and opens each part's heading."""
    text: str
    images: list[dict[str, Any]]
    """OpenAI content parts (`image_url` with a data URL)."""
    not_shown: list[str]
    """What this judge does not see of the work, one sentence each."""


def pack(work: Work, *, context_tokens: int, vision: bool, tokens: Callable[[str], int], reserve: int) -> Packed:
    """`work` within `context_tokens` less `reserve` tokens for everything else in the window (prompt, answer).

    What is too long loses its middle, in this order: logs; raw results; code; the command log; literature, idea, proposal;
    results.md. Within a step the longest are cut first, to a common length, not below 2,000 characters. If that is not enough, the
    same order goes round again down to nothing, and only then the text under review is cut. The same work gives the same bytes,
    so that a resumed run repeats its request.
    Raises ConfigError when the window leaves no room for the text under review.
    """
    figures = [part for part in work.parts if part.kind == "figure"]
    listed, images, not_shown = _images(work, figures, vision)
    texts = [part for part in work.parts if part.kind != "figure"]
    delimiter = delimiter_of(work, images, [part.text for part in texts])
    count = len(texts) + bool(listed)
    headings = [f"{delimiter} part {number} of {count}: {part.name}\n" for number, part in enumerate(texts, 1)]
    last = f"{delimiter} part {count} of {count}: figures\n{listed}\n" if listed else ""
    budget = context_tokens - reserve - IMAGE_TOKENS * len(images) - tokens("\n".join(headings) + last)
    pieces = [Piece(part.name, part.text, _turn(part, work.stage)) for part in texts]
    fitted = fit(pieces, budget, tokens)
    for part, text in zip(texts, fitted.texts, strict=True):
        if part.name == _UNDER_REVIEW[work.stage] and len(text) < min(len(part.text), LEAST_SHOWN):
            raise ConfigError(
                f"the judge's window of {context_tokens:,} tokens, {reserve:,} of them for prompt and answer, has no room for the "
                f"{work.stage} to be reviewed ({part.name}: {len(part.text):,} characters); choose a judge with a larger one, or "
                "set its real size with --mlr-model-setting=JUDGE:context=TOKENS"
            )
    blocks = [heading + (text or "[not shown]") for heading, text in zip(headings, fitted.texts, strict=True)]
    return Packed(
        delimiter=delimiter,
        text="\n\n".join([*blocks, *([last.rstrip("\n")] if last else [])]),
        images=images,
        not_shown=[*work.notes, *not_shown, *fitted.not_shown],
    )


def delimiter_of(work: Work, images: list[dict[str, Any]], texts: list[str]) -> str:
    """A word that no author can write into the work: it comes from a digest of all that is framed, itself included."""
    digest = sha256(f"{RULES}\0{work.stage}\0".encode())
    for part in work.parts:
        # Lengths keep the bytes of one part from passing for another's.
        content = part.text.encode("utf-8", "replace")
        digest.update(f"{part.name}\0{len(content)}\0".encode())
        digest.update(content)
    for image in images:
        digest.update(image["image_url"]["url"].encode())
    return unused(digest.hexdigest(), texts)


def unused(seed: str, texts: list[str]) -> str:
    """The first delimiter made from `seed` that stands in none of `texts`."""
    number = 0
    while True:
        delimiter = f"WORK-{sha256(f'{seed}:{number}'.encode()).hexdigest()[:24]}"
        if not any(re.search(delimiter, text, re.IGNORECASE) for text in texts):
            return delimiter
        number += 1


def _images(work: Work, figures: list[Part], vision: bool) -> tuple[str, list[dict[str, Any]], list[str]]:
    """The figures by name, as images, and what is not shown of them."""
    if not figures:
        return "", [], []
    attach = vision and work.stage in IMAGE_STAGES
    lines, images = [], []
    for number, part in enumerate(figures, 1):
        assert part.path is not None
        figure = read_figure(part.path.parent, part.path.name)
        size = f"{figure.width} x {figure.height} pixels"
        if attach:
            data = base64.b64encode(figure.data).decode("ascii")
            images.append({"type": "image_url", "image_url": {"url": f"data:{figure.media_type};base64,{data}"}})
        lines.append(f"image {number}: {part.name} ({size})" if attach else f"{part.name} ({size}; its image is not attached)")
    if attach:
        return "\n".join(lines), images, []
    names = ", ".join(part.name for part in figures)
    why = "this judge takes no images" if work.stage in IMAGE_STAGES else f"judges of the {work.stage} stage are given no images"
    return "\n".join(lines), [], [f"{names}: named only, {why}"]


def _turn(part: Part, stage: str) -> int:
    """When a part is cut, lowest first."""
    if part.name == _UNDER_REVIEW[stage]:
        return 9
    if part.name == "commands":
        return 3
    if part.name == "results/results.md":
        return 7
    order = {"log": 0, "results": 1, "code": 2}
    return order.get(part.kind, {"related_work": 4, "idea": 5, "proposal": 6}.get(part.name, 6))
