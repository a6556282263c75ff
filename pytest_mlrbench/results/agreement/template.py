"""The form for people: a CSV to fill in and a page with rubric and works beside it; `mlrbench agreement` reads the CSV back.

Reviewers are blind as the judges are: neither file names model, scores or findings. Only the folder a link leads to may.
"""

import csv
import io
import os
from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

from ...errors import ConfigError
from ...keys import GRADED
from ...records import TrialRecord
from ...stages.outputs import NotReadable, list_files, read_text, shown_name
from ...stages.rubric import SCALES, Rubric, load_rubric
from ...tasks.catalogue import load_tasks
from ..imported_run import NO_REVIEW, output_published
from ..shown import plain
from ..store import RunStore, write_atomic
from ..tables import ordered
from .works import source

COMMENTS = "comments"
KEYS = ("reviewer_id", "run", "task", "stage", "epoch")
SHEET, PAGE = "reviews.csv", "reviews.html"

TEXT = 120_000
"""Bytes of one document on the page; the middle of a longer one is left out, its file is linked."""
FILES = 200
"""Files of one work that are listed."""
NOT_LINKED = frozenset({".html", ".htm", ".xhtml", ".xml", ".svg", ".mhtml", ".pdf"})
"""What a browser would run or what may call out: the agent's, so it is named and not linked."""

_DOCUMENTS: dict[str, tuple[tuple[str, str], ...]] = {
    "idea": (("idea", "idea.md"),),
    "proposal": (("proposal", "proposal.md"), ("idea", "idea.md"), ("literature", "related_work.md")),
    "experiment": (
        ("experiment", "results/results.md"),
        ("proposal", "proposal.md"),
        ("idea", "idea.md"),
        ("literature", "related_work.md"),
    ),
    "paper": (
        ("paper", "paper.md"),
        ("experiment", "results/results.md"),
        ("proposal", "proposal.md"),
        ("literature", "related_work.md"),
    ),
    "end2end": (("paper", "paper.md"), ("experiment", "results/results.md")),
}
"""Stage -> (stage of the file, file), the one under review first: what the judges see as text (judging/work.py)."""
_FOLDERS: dict[str, tuple[str, ...]] = {
    "idea": (),
    "proposal": (),
    "experiment": ("experiment",),
    "paper": ("experiment", "paper"),
    "end2end": ("experiment", "paper"),
}
"""Stage -> whose files are linked."""


def run_code(store: RunStore) -> str:
    """Eight characters that name a run and not its model: they stay when its folder is moved or the run resumed."""
    run = store.run()
    settings = run.get("settings") or {}
    said = [run.get("started"), *(settings.get(name) for name in ("model", "agent", "mode", "seed"))]
    return sha256("\0".join(map(str, said)).encode()).hexdigest()[:8]


def codes_of(stores: Sequence[RunStore]) -> dict[str, RunStore]:
    """Code -> run. Raises ConfigError for two runs of one code, such as a run and its copy."""
    codes: dict[str, RunStore] = {}
    for store in stores:
        earlier = codes.setdefault(run_code(store), store)
        if earlier is not store:
            raise ConfigError(f"{earlier.root} and {store.root} are one run twice (same start, same model): give one of them")
    return codes


def write_template(
    stores: Sequence[RunStore], folder: Path, stages: Sequence[str] = (), sample: int | None = None, seed: int = 0
) -> tuple[Path, Path, int]:
    """Write `reviews.csv` and `reviews.html` for the works of `stores` to `folder`; the two paths and how many works that are.

    `stages` narrows to these; `sample` draws that many works of each stage by `seed`. Raises ConfigError when there is no such
    work or none was published, when the CSV is there already (it may hold reviews), and when `folder` cannot be written.
    """
    wrong = sorted(set(stages) - set(GRADED))
    if wrong:
        raise ConfigError(f"unknown stage {wrong[0]!r}; valid: {', '.join(GRADED)}")
    sheet, page = folder / SHEET, folder / PAGE
    if sheet.exists():
        raise ConfigError(f"{sheet} is there already and may hold reviews: move it away, or give another folder with -o")
    codes_of(stores)
    chosen = _chosen(stores, stages, sample, seed)
    rubrics = {(store.root, record.stage): _rubric(store, record.stage) for store, record in chosen}
    dimensions = ordered({one.name for rubric in rubrics.values() for one in rubric.dimensions if one.kind in SCALES})
    rows = [{"run": run_code(store), "task": record.task, "stage": record.stage, "epoch": record.epoch} for store, record in chosen]
    columns = [*KEYS, *dimensions, COMMENTS]
    works = [_Shown(store, record, rubrics[store.root, record.stage], folder).content() for store, record in chosen]
    try:
        write_atomic(page, _html(works, rubrics.values(), columns).encode())
        write_atomic(sheet, _csv(columns, rows))
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror}; choose another -o") from error
    return sheet, page, len(rows)


def _chosen(stores: Sequence[RunStore], stages: Sequence[str], sample: int | None, seed: int) -> list[tuple[RunStore, TrialRecord]]:
    found = [
        (store, record)
        for store in stores
        for record in store.records()
        if (record.status == "done" or record.reason == NO_REVIEW) and record.stage in (stages or GRADED)
    ]
    whose = ", ".join(str(store.root) for store in stores)
    if not found:
        told = f" of stage {', '.join(stages)}" if stages else ""
        raise ConfigError(f"{whose}: no finished work{told} to review")
    found = [(store, record) for store, record in found if output_published(record)]
    if not found:
        raise ConfigError(f"{whose}: its works were published with their reviews alone, there is nothing to read")
    found.sort(key=lambda one: (GRADED.index(one[1].stage), one[1].task, one[1].epoch, run_code(one[0])))
    if sample is None:
        return found
    kept = []
    for stage in GRADED:
        those = [one for one in found if one[1].stage == stage]
        drawn = set(Random(seed).sample(range(len(those)), min(sample, len(those))))  # noqa: S311 - a sample, no secret
        kept += [one for index, one in enumerate(those) if index in drawn]
    return kept


def _rubric(store: RunStore, stage: str) -> Rubric:
    folder = (store.run().get("settings") or {}).get("rubrics")
    return load_rubric(stage, Path(folder) if folder else None)


def _csv(columns: Sequence[str], rows: Iterable[dict[str, object]]) -> bytes:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    # With the mark, spreadsheets read UTF-8 as such.
    return b"\xef\xbb\xbf" + stream.getvalue().encode()


class _Shown:
    """One work on the page."""

    def __init__(self, store: RunStore, record: TrialRecord, rubric: Rubric, folder: Path) -> None:
        self._store = store
        self._record = record
        self._rubric = rubric
        self._folder = folder

    def content(self) -> dict[str, Any]:
        record = self._record
        task = load_tasks().get(record.task)
        texts = (self._store.run().get("settings") or {}).get("tasks")
        brief = ""
        if task is not None:
            try:
                brief = task.with_text(texts).brief
            except ConfigError as error:
                brief = f"[{error}]"
        return {
            "row": {"run": run_code(self._store), "task": record.task, "stage": record.stage, "epoch": str(record.epoch)},
            "title": task.title if task else "",
            "brief": brief,
            "documents": [self._document(*place) for place in _DOCUMENTS[record.stage]],
            "files": [link for stage in _FOLDERS[record.stage] for link in self._links(stage)],
            "inputs": [(one.name, *SCALES[one.kind]) for one in self._rubric.dimensions if one.kind in SCALES],
            "rubric": self._rubric.digest,
        }

    def _document(self, stage: str, name: str) -> dict[str, str]:
        place = source(self._store, self._record, stage)
        if place is None:
            return {"name": name, "text": "", "missing": "not here"}
        try:
            return {"name": name, "text": read_text(place[0].output(place[1]), name, TEXT).text, "missing": ""}
        except (OSError, NotReadable) as error:
            return {"name": name, "text": "", "missing": str(error) if isinstance(error, NotReadable) else "cannot be read"}

    def _links(self, stage: str) -> list[tuple[str, str]]:
        """Name and link of each file; no link where opening it would let the agent's file run in the reader's browser."""
        place = source(self._store, self._record, stage)
        if place is None:
            return []
        root = place[0].output(place[1])
        shown = {name for _, name in _DOCUMENTS[self._record.stage]}
        base = Path(os.path.relpath(root.resolve(), self._folder.resolve())).as_posix()
        files = [found for found in list_files(root).files if found.path not in shown]
        return [
            (shown_name(found.path), "" if found.suffix in NOT_LINKED else f"{quote(base)}/{quote(os.fsencode(found.path))}")
            for found in files[:FILES]
        ]


def _html(works: Sequence[dict[str, Any]], rubrics: Iterable[Rubric], columns: Sequence[str]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    here = Path(__file__).parent
    script = (here / "template.js").read_text(encoding="utf-8")
    environment = Environment(
        loader=FileSystemLoader(here),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: plain(value, lines=True) if isinstance(value, str) and not isinstance(value, Markup) else value,
    )
    return environment.get_template(
        "template.html.j2"
    ).render(
        works=works,
        rubrics=list({rubric.digest: rubric for rubric in rubrics}.values()),
        columns=columns,
        script=Markup(script),  # noqa: S704 - our own file, allowed by its digest and nothing else
        script_digest=b64encode(sha256(script.encode()).digest()).decode(),
        page_id=sha256(repr([work["row"] for work in works]).encode()).hexdigest()[:16],
    )
