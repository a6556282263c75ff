"""`mlr-agent`, the scaffold of the paper (section 2.2, Appendix E.1): the model writes, a coder experiments; made by load_agent."""

import asyncio
import base64
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import AgentFailure, ConfigError
from ..models.api import Request, Response
from ..offload import in_thread_if_long
from ..stages.fitting import Piece, fit
from ..stages.outputs import PICTURE_SUFFIXES, Figure, NotReadable, list_files, open_regular, read_figure, read_text, shown_name
from ..stages.prompts import render
from .base import StageContext
from .literature import has_literature, prompts_of, write_literature

ANSWER_TOKENS = 32_000
"""Room for an answer where the model's own limit is not set, at most a quarter of the window."""
IMAGE_TOKENS = 1_700
"""What one image costs at most in a window."""
IMAGES = 8
"""Figures that the paper's model is shown at most."""
FIGURES = 50
"""Figures that are laid beside the paper at most."""
FIGURE_BYTES = 20 * 2**20
"""Largest figure file that is laid beside the paper."""
RAW_FILES = 100
"""Raw result files that the paper's model is given at most."""
MAX_TURNS = 200
"""Model calls of one experiment; the time limit usually ends it first."""

_FENCE = re.compile(r"\A\s*```(markdown|md|)[ \t]*\n(.*?)\n?```\s*\Z", re.DOTALL | re.IGNORECASE)
_OPEN_FENCE = re.compile(r"\A\s*```(?:markdown|md)[ \t]*\n", re.IGNORECASE)
_FENCE_LINE = re.compile(r"^\s*```", re.MULTILINE)


@dataclass(frozen=True)
class ShownLimits:
    """What the prompts say of the sandbox. Only settings, no clock: a resumed experiment must repeat its first request."""

    hours: float
    memory_gib: float
    cpus: float
    gpus: int
    network: str
    workspace: str


@dataclass(frozen=True)
class Materials:
    """What the experiment left for the paper."""

    results: str
    """results.md."""
    log: str
    """results/log.txt."""
    raw: Mapping[str, str]
    """Other text files, name relative to results/ -> text."""
    figures: tuple[str, ...]
    """Figures as they lie beside the paper, `figures/a.png`."""
    not_shown: tuple[str, ...]

    @property
    def files(self) -> dict[str, str]:
        """All texts by their name relative to results/."""
        named = {"results.md": self.results, "log.txt": self.log}
        return {name: text for name, text in named.items() if text} | dict(self.raw)


class MLRAgent:
    """Carries out stages with the model under test; keeps nothing between calls."""

    async def run(self, stage: str, workspace: Path, context: StageContext) -> None:
        """Leave the output of `stage` in `workspace`.

        Raises AgentFailure when the model answers nothing or the experiment runs out of time, ConfigError for an unknown stage or
        coder, and what `context.models` raises.
        """
        match stage:
            case "idea":
                await self._text(context, workspace / "idea.md", "idea", [])
            case "literature":
                await write_literature(workspace, context, self._text)
            case "proposal":
                searched = has_literature(context)
                await self._text(context, workspace / "proposal.md", "proposal", _texts(context, "idea"), searched=searched)
            case "experiment":
                await self._experiment(context)
            case "paper":
                await self._paper(workspace, context)
            case _:
                raise ConfigError(f"mlr-agent has no stage {stage!r}; it does idea, literature, proposal, experiment, paper")

    async def _paper(self, workspace: Path, context: StageContext) -> None:
        materials = await asyncio.to_thread(gather_materials, context.inputs["experiment"], workspace)
        context.not_shown += materials.not_shown
        images = await asyncio.to_thread(self._images, workspace, materials.figures, context)
        raw = [Piece(f"results/{shown_name(name)}", text, 1) for name, text in materials.raw.items()]
        await self._text(
            context,
            workspace / "paper.md",
            "paper",
            [*_texts(context, "proposal"), Piece("results", materials.results, 6), Piece("log", materials.log, 0), *raw],
            images=images,
            offline={"results": materials.files, "figures": list(materials.figures)},
            figures=list(materials.figures),
            figures_shown=bool(images),
            searched=has_literature(context),
        )

    def _images(self, workspace: Path, figures: Sequence[str], context: StageContext) -> list[tuple[str, Figure]]:
        """The figures that the model is shown; what it is not shown is noted."""
        if not figures:
            return []
        if not context.models.info(context.model).vision:
            context.not_shown.append(f"{', '.join(map(shown_name, figures))}: named only, {context.model} takes no images")
            return []
        shown: list[tuple[str, Figure]] = []
        for name in figures:
            if len(shown) == IMAGES:
                context.not_shown.append(f"{shown_name(name)}: not shown as an image, {IMAGES} are the most")
                continue
            try:
                shown.append((name, read_figure(workspace, name)))
            except (OSError, NotReadable) as error:
                context.not_shown.append(f"{shown_name(name)}: {error}")
        return shown

    async def _experiment(self, context: StageContext) -> None:
        from ..coders.base import CoderContext, load_coder

        settings, sandbox, ledger = context.settings, context.sandbox, context.ledger
        if sandbox is None or ledger is None:
            raise ConfigError("the experiment stage needs a sandbox and a ledger, which the runner gives; none was given")
        coder = load_coder(settings.coder)
        limits = ShownLimits(
            hours=settings.stage_timeout("experiment") / 3600,
            memory_gib=sandbox.spec.limits.memory / 2**30,
            cpus=sandbox.spec.limits.cpus,
            gpus=len(sandbox.spec.devices),
            network=sandbox.spec.network,
            workspace=sandbox.workspace_inside,
        )
        # The other half of the window belongs to the conversation that follows.
        window = context.models.info(context.model).context // 2
        prompt = self._prompt(context, "experiment", _texts(context, "proposal"), window, limits=limits)
        outcome = await coder.run(
            CoderContext(
                models=context.models,
                model=context.model,
                scope=context.scope,
                sandbox=sandbox,
                ledger=ledger,
                system=render(coder.system_prompt, prompts_of(context), limits=limits),
                prompt=prompt,
                deadline=context.deadline,
                max_turns=MAX_TURNS,
                gateway=context.gateway,
                context=context.offline("experiment"),
            )
        )
        context.not_shown += outcome.not_shown
        if outcome.reason == "time-out":
            raise AgentFailure(
                f"time-out: the experiment was not finished after {limits.hours:g} h and {outcome.turns} turns of the coder "
                f"{coder.name} (more time: --mlr-timeout=experiment:DURATION)"
            )
        if outcome.reason == "turn limit":
            context.not_shown.append(f"the coder was ended after {outcome.turns} turns, the most it may take")

    async def _text(
        self,
        context: StageContext,
        target: Path,
        template: str,
        pieces: Sequence[Piece],
        *,
        model: str | None = None,
        images: Sequence[tuple[str, Figure]] = (),
        offline: Mapping[str, Any] | None = None,
        **variables: Any,
    ) -> Response:
        """One model call whose answer is the file `target`; the answer."""
        model = model or context.model
        info = context.models.info(model)
        answer = context.settings.for_model(model).max_tokens or ANSWER_TOKENS
        window = info.context - min(answer, info.context // 4) - IMAGE_TOKENS * len(images)
        length = sum(len(piece.text) for piece in pieces)
        prompt = await in_thread_if_long(length, self._prompt, context, template, pieces, window, **variables)
        content: Any = prompt
        if images:
            content = [{"type": "text", "text": prompt}, *(part for name, figure in images for part in _image(name, figure))]
        response = await context.models.complete(
            Request(
                model=model,
                messages=({"role": "user", "content": content},),
                scope=context.scope,
                context={**context.offline(template), **(offline or {})},
            )
        )
        cut = response.finish_reason == "length"
        text = unwrap(response.text, cut=cut)
        if not text.strip():
            why = {
                "length": "its limit on output tokens was spent before",
                "content_filter": "the provider's content filter ended it",
            }
            raise AgentFailure(
                f"{model} answered nothing for {target.name}: {why.get(response.finish_reason, 'the answer is empty')} "
                f"({response.usage.completion_tokens:,} output tokens, finish reason {response.finish_reason})"
            )
        if cut:
            context.not_shown.append(f"{target.name} was cut by the model's limit on output tokens and is used as it came")
        await asyncio.to_thread(_write, target, text)
        return response

    @staticmethod
    def _prompt(context: StageContext, template: str, pieces: Sequence[Piece], window: int, **variables: Any) -> str:
        """The prompt `template` within `window` tokens; what is cut of `pieces` is noted.

        A piece fills the variable of its name; those named `results/...` go together into `raw`.
        """
        raw = [piece.name for piece in pieces if piece.name.startswith("results/")]

        def rendered(texts: Sequence[str]) -> str:
            named = dict(zip([piece.name for piece in pieces], texts, strict=True))
            blocks = "\n\n".join(f"--- {name} ---\n{named.pop(name)}" for name in raw)
            given = {"raw": blocks} if template == "paper" else {}
            return render(
                template, prompts_of(context), task=context.task, today=context.today.isoformat(), **variables, **given, **named
            )

        tokens = context.models.tokens
        around = tokens(rendered([""] * len(pieces)))
        fitted = fit(pieces, max(window - around, 0), tokens)
        context.not_shown += fitted.not_shown
        return rendered(fitted.texts)


def gather_materials(experiment: Path, workspace: Path) -> Materials:
    """Read the experiment's texts and lay its figures into `workspace/figures`, where paper.md's paths lead."""
    listing = list_files(experiment, "results")
    texts: dict[str, str] = {}
    figures: list[str] = []
    not_shown = list(listing.skipped)
    for found in listing.files:
        name = found.path.removeprefix("results/")
        try:
            if found.suffix in PICTURE_SUFFIXES:
                target = name if name.startswith("figures/") else f"figures/{name}"
                if len(figures) == FIGURES or found.size > FIGURE_BYTES:
                    not_shown.append(f"{found.name}: not taken, {FIGURES} figures of {FIGURE_BYTES // 2**20} MiB are the most")
                else:
                    _copy(experiment, found.path, workspace / target)
                    figures.append(target)
            elif name not in ("results.md", "log.txt") and len(texts.keys() - {"results.md", "log.txt"}) == RAW_FILES:
                not_shown.append(f"{found.name}: not shown, {RAW_FILES} raw files are the most")
            elif found.size:
                file = read_text(experiment, found.path)
                texts[name] = file.text
                if file.cut:
                    not_shown.append(f"{found.name}: {file.cut:,} of {file.size:,} bytes not shown")
        except NotReadable as error:
            not_shown.append(f"{found.name}: {error}")
        except OSError as error:
            not_shown.append(f"{found.name}: cannot be read ({error.strerror})")
    return Materials(texts.pop("results.md", ""), texts.pop("log.txt", ""), texts, tuple(figures), tuple(not_shown))


def unwrap(text: str, *, cut: bool = False) -> str:
    """`text` without the ```markdown fence that some models put around a whole document; once, and no other fence.

    `cut`: the answer broke off, so the closing fence may be missing.
    """
    whole = _FENCE.match(text)
    if whole:
        language, inside = whole.groups()
        fences = len(_FENCE_LINE.findall(inside))
        # An odd number inside means that the last one closes a block of the document, not the document; a fence without a
        # language may as well be the document's first block.
        if fences % 2 == 0 and (language or not fences):
            return f"{inside}\n"
    return _OPEN_FENCE.sub("", text, count=1) if cut else text


def _texts(context: StageContext, last: str) -> list[Piece]:
    """Idea, literature and, if `last` says so, proposal; the literature is cut first: it is the longest and matters least."""
    pieces = [
        Piece("idea", context.text("idea", "idea.md"), 4),
        Piece("related_work", context.text("literature", "related_work.md"), 3),
    ]
    return [*pieces, Piece("proposal", context.text("proposal", "proposal.md"), 5)] if last == "proposal" else pieces


def _image(name: str, figure: Figure) -> list[dict[str, Any]]:
    """The name before each image, so that a listed figure without an image shifts nothing."""
    data = base64.b64encode(figure.data).decode("ascii")
    return [
        {"type": "text", "text": f"{name}:"},
        {"type": "image_url", "image_url": {"url": f"data:{figure.media_type};base64,{data}"}},
    ]


def _copy(folder: Path, path: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with open_regular(folder, path) as source, target.open("xb") as file:
        shutil.copyfileobj(source, file)


def _write(target: Path, text: str) -> None:
    # A model can write half a surrogate pair, which is no text in any encoding.
    target.write_bytes(text.encode("utf-8", "replace"))
