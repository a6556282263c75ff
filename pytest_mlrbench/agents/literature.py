"""The literature stage of `mlr-agent` (paper, Table 20): search, keep what came, let a model sum it up; mlr_agent.py calls it."""

import asyncio
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ..models.api import Response
from ..search import SOURCES
from ..search.base import cache_directory, open_search
from ..search.trace import FOLDER, READ_BY_MODEL
from ..search.works import identifiers, listing
from ..stages.fitting import Piece
from ..stages.outputs import clean
from ..stages.prompts import render
from .base import StageContext

OUTPUT = "related_work.md"


class WriteText(Protocol):
    """One model call whose answer is a file (MLRAgent._text)."""

    async def __call__(
        self,
        context: StageContext,
        target: Path,
        template: str,
        pieces: Sequence[Piece],
        *,
        model: str | None = None,
        offline: dict[str, Any] | None = None,
    ) -> Response: ...


async def write_literature(workspace: Path, context: StageContext, write_text: WriteText) -> None:
    """Leave related_work.md, and below search/ what it rests on.

    A source is searched by this program before a model sums up what came. A search model searches itself: what it read is known as
    far as its provider says so (`annotations` of the answer). What a model cites without having been given it stays in the text and
    is named in cited.json: to judge that is for the checks. Raises InfrastructureError when a source does not answer, and what a
    model call raises.
    """
    source, target = context.settings.search, workspace / OUTPUT
    idea = context.text("idea", "idea.md")
    if source == "none":
        await asyncio.to_thread(_write, target, _without_model(context, "literature_none"))
        return
    if source not in SOURCES:
        response = await write_text(context, target, "literature_by_model", [Piece("idea", idea, 0)], model=source)
        read = response.message.get("annotations")
        await asyncio.to_thread(_keep, workspace / FOLDER, {READ_BY_MODEL: _json({"model": source, "annotations": read})})
        await asyncio.to_thread(_note_citations, workspace, identifiers(_json(read), addresses=True) if read else None)
        return
    found = await asyncio.wrap_future(open_search(source, cache_directory()).submit(idea))
    await asyncio.to_thread(_keep, workspace / FOLDER, found.files())
    if found.works:
        pieces = [Piece("idea", idea, 1), Piece("retrieved", listing(found.works), 0)]
        await write_text(context, target, "literature", pieces, offline={"retrieved": [work.plain() for work in found.works]})
    else:
        queries = [answer.query for answer in found.answers]
        text = _without_model(context, "literature_empty", source=source, since=found.since, queries=queries)
        await asyncio.to_thread(_write, target, text)
    await asyncio.to_thread(_note_citations, workspace, [one for work in found.works for one in work.ids])


def has_literature(context: StageContext) -> bool:
    """Whether the related work that this stage was given lists works that can be cited.

    The text decides and not this run's setting: in stepwise mode it may come from a run that searched otherwise.
    """
    return bool(identifiers(context.text("literature", OUTPUT), addresses=True))


def prompts_of(context: StageContext) -> Path | None:
    """The folder of --mlr-prompts, None for the packaged prompts."""
    return Path(context.settings.prompts) if context.settings.prompts else None


def _without_model(context: StageContext, template: str, **variables: Any) -> str:
    return render(template, prompts_of(context), task=context.task, today=context.today.isoformat(), **variables)


def _keep(folder: Path, files: Mapping[str, bytes | str]) -> None:
    """For a source before a model is asked, so that nothing is cited of which no answer is on disk."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "replace"))


def _note_citations(workspace: Path, retrieved: Iterable[str] | None) -> None:
    """search/cited.json: every identifier of related_work.md, and those that are not among the `retrieved` (null: nobody knows)."""
    cited = identifiers(clean((workspace / OUTPUT).read_text(encoding="utf-8", errors="replace")), addresses=True)
    known = None if retrieved is None else {_bare(one) for one in retrieved}
    missing = None if known is None else [one for one in cited if _bare(one) not in known]
    _keep(workspace / FOLDER, {"cited.json": _json({"cited": cited, "not_retrieved": missing})})


def _bare(identifier: str) -> str:
    """An identifier for comparison: search services add their name to the addresses they cite."""
    return re.sub(r"\?utm_source=[^&]*$", "", identifier).rstrip("/").casefold()


def _json(content: object) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False)


def _write(target: Path, text: str) -> None:
    target.write_bytes(text.encode("utf-8", "replace"))
