"""`mlrbench import`: reviews, outputs and costs in the published repository's layout become runs.

A run has one model, one layout has several: each model's stepwise reviews become a run, each end-to-end chain another, and the
inputs that experiments were given a third kind (a pool for --mlr-inputs). With more than one, RUN is a folder of runs that every
reading command takes as all of them (`store.open_runs`).
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..audits import Audit
from ..errors import ConfigError
from ..keys import TrialKey, safe_name
from ..records import Spent, StageResult
from ..stages.stage import missing_outputs
from ..tasks.catalogue import load_tasks
from . import published_files as files
from .imported_run import NOT_RECORDED, Part, put
from .published_layout import Layout, Problem, WorkFolder, agent_of, find_layout, model_names
from .store import FORMAT, file_digests

SEARCH_MODEL = "gpt-4o-search-preview"
"""Who did the published literature reviews (Appendix E.1); the layout has their tokens, not their model."""
SCIENTIST_MODEL = "o4-mini"
"""Model of the AI Scientist V2 runs of Appendix B, where a file does not name one."""

Price = tuple[float, float]


@dataclass(frozen=True)
class Imported:
    """What an import made."""

    run: Path
    parts: tuple[str, ...]
    """Names of the runs in `run`; empty when `run` itself is the only one."""
    reviews: int
    outputs: int
    problems: tuple[Problem, ...]
    """What was not imported, with the reason."""
    notes: tuple[Problem, ...]
    """What was imported, but a reader should know of."""


def import_published(
    source: Path,
    run: Path,
    *,
    other_tasks: bool = False,
    copy: bool = False,
    prices: Mapping[str, Price] | None = None,
    price: Callable[[str], Price | None] | None = None,
    audit: Callable[[Path], Audit] | None = None,
) -> Imported:
    """Make `run` from everything in `source` that has a place in the published layout (`published_layout`).

    Args:
        source: a checkout of the published repository, a part of it, or results in its layout.
        run: a folder that does not exist yet, or an empty one.
        other_tasks: take tasks that MLR-Bench does not have, too.
        copy: copy outputs; otherwise they are hard links where the file system allows it.
        prices: USD per million input and output tokens by model name, before those of 2025 that are known here.
        price: where to look for the price of any other model.
        audit: the checks over one work folder; without it nothing is audited.

    The new run appears in one rename at the end. Raises ConfigError when `source` holds nothing of the layout or `run` is not free.
    """
    if not source.is_dir():
        raise ConfigError(f"{source} is not a folder: give a checkout of the published MLR-Bench repository, or a part of it")
    if run.exists() and (not run.is_dir() or any(run.iterdir())):
        raise ConfigError(f"{run} is there already: an import makes a new run, give another --run=")
    layout = find_layout(source, None if other_tasks else load_tasks())
    if not layout.reviews and not layout.works and not layout.human:
        raise ConfigError(f"{source} has the published layout but no review, output or human score in it: nothing to import")
    run.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=run.parent, prefix=".importing-"))
    try:
        importer = _Importer(layout, staging, run, copy=copy, prices=prices or {}, price=price, audit=audit)
        found = importer.make()
        staging.chmod(0o755)
        if run.exists():
            run.rmdir()
        staging.rename(run)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return found


class _Importer:
    def __init__(
        self,
        layout: Layout,
        staging: Path,
        run: Path,
        *,
        copy: bool,
        prices: Mapping[str, Price],
        price: Callable[[str], Price | None] | None,
        audit: Callable[[Path], Audit] | None,
    ) -> None:
        self._layout = layout
        self._names = model_names(layout)
        self._staging = staging
        self._run = run
        self._copy = copy
        self._prices = [*prices.items(), *files.LIST_PRICES.items()]
        self._price = price
        self._audit = audit
        self._parts: dict[str, Part] = {}
        self._notes: list[Problem] = []
        self._outputs = 0
        self._now = time.time()

    def make(self) -> Imported:
        for work in self._layout.works:
            (self._chain if work.chain else self._steps)(work)
        reviews = self._reviews()
        self._human()
        parts = list(self._parts.values())
        if not parts:
            left = "; ".join(f"{one.path}: {one.reason}" for one in self._layout.problems[:3])
            raise ConfigError(
                f"{self._layout.root}: nothing in it becomes a run{': ' + left if left else ' (only scores of people)'}"
            )
        single = len(parts) == 1
        for part in parts:
            part.write(self._origin(), self._run)
        if single:
            for path in parts[0].root.iterdir():
                path.rename(self._staging / path.name)
            parts[0].root.rmdir()
        else:
            put(self._staging / "run.json", {"format": FORMAT, "parts": [part.name for part in parts], "imported": self._origin()})
        problems, notes = tuple(self._layout.problems), tuple(self._notes)
        told = {"problems": [vars(one) for one in problems], "notes": [vars(one) for one in notes]}
        put(self._staging / "import.json", {**self._origin(), "reviews": reviews, "outputs": self._outputs, **told})
        names = () if single else tuple(part.name for part in parts)
        return Imported(self._run, names, reviews, self._outputs, problems, notes)

    # -- parts --------------------------------------------------------------------------------------------------------

    def _part(self, name: str, *, chain: bool) -> Part:
        """The run that a model's reviews and outputs go to."""
        agent, short = agent_of(name)
        if agent != "mlr-agent":
            model = self._names.full(short) if short else SCIENTIST_MODEL
            return self._made(f"{agent}-{model}", model, agent, "end2end")
        model = self._names.full(name)
        return self._made(f"end2end-{model}" if chain else model, model, agent, "end2end" if chain else "stepwise")

    def _made(self, name: str, model: str, agent: str, mode: str) -> Part:
        if name not in self._parts:
            self._parts[name] = Part(safe_name(name), model, agent, mode, self._staging / safe_name(name), self._now)
        return self._parts[name]

    def _label(self, part: Part, key: TrialKey) -> str:
        """Where another run finds the output of `key`; the pool of inputs always stands beside other runs."""
        return f"{self._run.absolute() / part.name}::{key}"

    # -- outputs ------------------------------------------------------------------------------------------------------

    def _chain(self, work: WorkFolder) -> None:
        part = self._part(work.name, chain=True)
        model = self._price_of(part.model)
        usages = (("idea", "idea", model), ("literature", "lit", self._price_of(SEARCH_MODEL)), ("proposal", "proposal", model))
        for stage, name, price in usages:
            file = "related_work.md" if stage == "literature" else f"{stage}.md"
            self._text(part, work, stage, work.path / file, file, self._usage(work.path / f"{name}_token_usage.json", price))
        self._experiment(part, work)
        paper = work.path / "results" / "paper.md"
        self._text(part, work, "paper", paper, "paper.md", self._usage(work.path / "paper_token_usage.json", model))
        key = TrialKey(work.task, "end2end")
        part.results[key] = StageResult(status="done", started=self._now, finished=self._now)
        for path in sorted(work.path.glob("review_hallucination_*.json")):
            judge = path.stem.removeprefix("review_hallucination_")
            try:
                part.forms[work.task].append(files.read_form(path, judge))
            except files.Malformed as error:
                self._layout.problem(path, str(error))

    def _steps(self, work: WorkFolder) -> None:
        pool = self._made(f"inputs-{work.name}", NOT_RECORDED, "mlr-agent", "end2end")
        given = {}
        for stage, name in (("idea", "idea.md"), ("literature", "related_work.md"), ("proposal", "proposal.md")):
            if (work.path / name).exists():
                self._text(pool, work, stage, work.path / name, name, Spent(unpriced_calls=1))
                given[stage] = self._label(pool, TrialKey(work.task, stage))
        own = self._part(work.name, chain=False)
        key = TrialKey(work.task, "experiment")
        self._experiment(own, work)
        own.inputs[key] = given
        given = {**given, "experiment": self._label(own, key)}
        for path in sorted((work.path / "results").glob("paper*.md")):
            part = self._part(path.stem.removeprefix("paper").removeprefix("_") or work.name, chain=False)
            self._text(part, work, "paper", path, "paper.md", Spent(unpriced_calls=1))
            part.inputs[TrialKey(work.task, "paper")] = given

    def _text(self, part: Part, work: WorkFolder, stage: str, path: Path, name: str, spent: Spent) -> None:
        """The output of a stage that writes one text; a paper's figures beside it, where its links find them."""
        key = TrialKey(work.task, stage)
        if key in part.results:
            self._layout.problem(path, f"another {stage} of {part.name} for {work.task}: the first is kept")
            return
        output = part.store.output(key)
        self._take(path, output / name)
        if stage == "paper":
            for figure in sorted(path.parent.rglob("*")) if path.parent.is_dir() else ():
                if figure.suffix.lower() in (".png", ".jpg", ".jpeg", ".svg", ".pdf", ".gif"):
                    self._take(figure, output / figure.relative_to(path.parent))
        self._ended(part, key, spent)

    def _experiment(self, part: Part, work: WorkFolder) -> None:
        key = TrialKey(work.task, "experiment")
        if key in part.results:
            self._layout.problem(work.path, f"another experiment of {part.name} for {work.task}: the first is kept")
            return
        output = part.store.output(key)
        used = {"results", "task.md", "idea.md", "related_work.md", "proposal.md"}
        for folder in sorted(path for path in work.path.iterdir() if path.is_dir() and path.name.endswith(("_code", "code"))):
            self._take_all(folder, output / "code")
            used.add(folder.name)
        results = work.path / "results"
        self._take_all(results, output / "results", lambda path: path.parent == results and path.match("paper*.md"))
        for name in ("results.md", "log.txt"):  # some agents left them one folder higher
            if not (results / name).exists() and (work.path / name).exists():
                self._take(work.path / name, output / "results" / name)
                used.add(name)
        logs = sorted(work.path.glob("*_output.json*"))
        spent, seconds = Spent(unpriced_calls=1), 0.0
        for path in logs:
            try:
                spent, seconds = files.read_coder(path)
            except files.Malformed as error:
                self._layout.problem(path, str(error))
            self._take(path, output / path.name)
        if not logs:
            self._layout.problem(work.path, "no *_output.json of the coder: what the experiment cost is not known")
        self._ended(part, key, spent, seconds)
        rest = [
            path.name for path in sorted(work.path.iterdir())
            if path.name not in used and not path.name.startswith((".", "review_")) and path not in logs
            and not path.name.endswith("_token_usage.json")
        ]  # fmt: skip
        if rest:
            where = work.path.relative_to(self._layout.root).as_posix()
            self._notes.append(Problem(where, f"no part of the layout, not imported: {', '.join(rest)}"))
        if self._audit is not None and part.results[key].status == "done":
            part.audits[key] = self._audit(work.path)
            if work.chain:
                part.audits[key.at("end2end")] = part.audits[key]

    def _ended(self, part: Part, key: TrialKey, spent: Spent, seconds: float = 0.0) -> None:
        output = part.store.output(key)
        missing = missing_outputs(key.stage, output)
        part.results[key] = StageResult(
            status="failed" if missing else "done",
            reason="; ".join(missing),
            started=self._now - seconds,
            finished=self._now,
            spent=spent,
            files=file_digests(output) if output.is_dir() else {},
            environment={"imported": True} if key.stage == "experiment" else {},
        )
        self._outputs += not missing

    def _usage(self, path: Path, price: Price | None) -> Spent:
        if not path.exists():
            self._layout.problem(path, "missing: what this stage cost is not known")
            return Spent(unpriced_calls=1)
        try:
            return files.read_usage(path, price)
        except files.Malformed as error:
            self._layout.problem(path, str(error))
            return Spent(unpriced_calls=1)

    def _price_of(self, model: str) -> Price | None:
        return files.price_of(model, self._prices) or (self._price(model) if self._price is not None else None)

    def _take_all(self, folder: Path, target: Path, leave: Callable[[Path], bool] = lambda path: False) -> None:
        def refused(error: OSError) -> None:
            self._layout.problem(Path(error.filename), f"cannot be read: {error.strerror}")

        if folder.is_symlink():
            self._layout.problem(folder, "a link, not followed")
            return
        for parent, folders, names in os.walk(folder, onerror=refused, followlinks=False):
            place = Path(parent)
            for name in sorted([*names, *(name for name in folders if (place / name).is_symlink())]):
                if not leave(place / name):
                    self._take(place / name, target / (place / name).relative_to(folder))

    def _take(self, path: Path, target: Path) -> None:
        """Link or copy one regular file; anything else there is a problem, and what is not there is left to `missing_outputs`."""
        if path.is_symlink() or (path.exists() and not path.is_file()):
            self._layout.problem(path, "a link or no regular file, not taken")
            return
        if not path.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        if not self._copy:
            try:
                os.link(path, target)
                return
            except OSError:
                pass  # another file system, or links that the kernel protects: the content counts
        try:
            shutil.copyfile(path, target)
        except OSError as error:
            self._layout.problem(path, f"cannot be read: {error.strerror}")

    # -- reviews ------------------------------------------------------------------------------------------------------

    def _reviews(self) -> int:
        seen: dict[tuple[str, TrialKey, str, str], Path] = {}
        for file in self._layout.reviews:
            part = self._part(file.name, chain=file.stage == "end2end")
            key = TrialKey(file.task, file.stage)
            try:
                review = files.read_review(file.path, file.judge, file.stage, file.variant)
            except files.Malformed as error:
                self._layout.problem(file.path, str(error))
                continue
            first = seen.setdefault((part.name, key, file.judge, file.variant), file.path)
            if first is not file.path:
                where = first.relative_to(self._layout.root).as_posix()
                self._layout.problem(
                    file.path, f"{file.judge} reviewed the {file.stage} of {part.model} already in {where}, which is kept"
                )
                continue
            part.reviews[key].append(review)
        return sum(len(reviews) for part in self._parts.values() for reviews in part.reviews.values())

    # -- people -------------------------------------------------------------------------------------------------------

    def _human(self) -> None:
        for path in self._layout.human:
            try:
                if "hallucination" in path.name.lower():
                    labels, told = files.read_labels(path)
                    self._labelled(labels)
                else:
                    told = files.check_scores(path)
            except files.Malformed as error:
                self._layout.problem(path, str(error))
                continue
            for one in told:
                self._layout.problem(path, one)
            self._take(path, self._staging / "human" / path.name)

    def _labelled(self, labels: Mapping[str, list[dict[str, Any]]]) -> None:
        """Labels name an agent, not its model: they are of the one chain whose works have lists of hallucinations to confirm."""
        tasks = None if not self._layout.works else load_tasks()
        for name, rows in labels.items():
            agent = agent_of(name)[0]
            chains = [part for part in self._parts.values() if part.agent == agent and part.mode == "end2end" and part.forms]
            part = chains[0] if len(chains) == 1 else self._made(f"labels-{agent}", NOT_RECORDED, agent, "end2end")
            taken = f"taken for {part.name}, whose works alone have such lists" if len(chains) == 1 else "joined with no work"
            self._notes.append(Problem("human_eval", f"labels of hallucinations of {name} name no model: {taken}"))
            for row in rows:
                if tasks is not None and row["task"] not in tasks:
                    self._notes.append(Problem("human_eval", f"{name}: {row['task']} is no task of MLR-Bench"))
                part.labels.append(row)

    def _origin(self) -> dict[str, str]:
        return {"from": str(self._layout.root.absolute()), "layout": "the published MLR-Bench repository"}
