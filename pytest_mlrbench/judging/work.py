"""The work a judge reviews, gathered from stored outputs in a fixed order; called by the engine, read by both kinds of judge."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Literal

from ..errors import AgentFailure, InfrastructureError
from ..offload import SHORT
from ..stages.outputs import (
    IMAGE_SUFFIXES,
    PICTURE_SUFFIXES,
    Found,
    NotReadable,
    list_files,
    read_figure,
    read_text,
    shown_name,
)
from ..tasks.catalogue import Task
from .commands import command_log

Kind = Literal["text", "code", "results", "log", "figure"]

FIGURES = 8
"""Images a judge is given at most."""
FOLDER_TEXT = 4_000_000
"""Characters of code, and as many of results, that are gathered: more than any model's window holds."""
NAMED = 20
"""Left-out files of one folder that are named one by one; the rest are counted."""

_FILES = {"idea": "idea.md", "related_work": "related_work.md", "proposal": "proposal.md", "paper": "paper.md"}
_RESULT_ORDER = (".md", ".json", ".jsonl", ".csv", ".tsv", ".txt", ".log")


@dataclass(frozen=True)
class Part:
    """One text or file of the work."""

    name: str
    """`idea`, `related_work`, `proposal`, `paper`, `code/<file>`, `results/<file>`, `commands` (command log), `figures/<file>`.
    Files are percent-encoded, so that a name is safe to print anywhere."""
    kind: Kind
    text: str = ""
    path: Path | None = None
    """Where the file lies; the only content of a figure. None for what is no single file (`commands`)."""


@dataclass(frozen=True)
class Work:
    """Everything of one chain that a stage's judge may see, and nothing of what the checks found."""

    stage: str
    task_title: str
    task_brief: str
    topics: tuple[str, ...]
    parts: tuple[Part, ...]
    venue: str = ""
    year: int = 0
    category: str = ""
    notes: tuple[str, ...] = ()
    """What was left out while gathering (binary files, links, overlong files), one sentence each."""

    @property
    def length(self) -> int:
        """Characters of its texts; a figure counts as a long text, for a prompt reads its file."""
        return sum(SHORT + 1 if part.kind == "figure" else len(part.text) for part in self.parts)

    def part(self, name: str) -> Part | None:
        """The part called `name`, or None."""
        return next((part for part in self.parts if part.name == name), None)


def collect_case(stage: str, task: Task, inputs: Mapping[str, Path], output: Path, trial_dir: Path) -> Work:
    """What the hallucination form of `stage` (experiment, paper, end2end) is answered from; arguments and errors as collect_work.

    Unlike a graded review, that of a paper sees the code as well; figures, which cannot be quoted, are left out.
    """
    gather = _Gather()
    if stage == "paper":
        gather.document("related_work", inputs["literature"])
    if "proposal" in inputs:
        gather.document("proposal", inputs["proposal"])
    if stage != "experiment":
        gather.document("paper", output if stage == "paper" else inputs["paper"], own=True)
    experiment = output if stage == "experiment" else inputs["experiment"]
    gather.code(experiment)
    gather.results(experiment)
    gather.commands(trial_dir if stage == "experiment" else experiment.parent)
    return _work(stage, task, gather)


def collect_work(stage: str, task: Task, inputs: Mapping[str, Path], output: Path, trial_dir: Path) -> Work:
    """What a judge of `stage` sees, in a fixed order, from the stored `output` and the `inputs` folders (stage -> folder).

    `trial_dir` holds the command log of an experiment under review; that of an experiment among the inputs lies beside its output.
    Raises AgentFailure when the text under review is no text, InfrastructureError when it is gone or the command log is damaged.
    """
    gather = _Gather()
    experiment = output if stage == "experiment" else inputs.get("experiment") if stage in ("paper", "end2end") else None
    if stage in ("proposal", "experiment", "paper"):
        gather.document("idea", inputs["idea"])
        gather.document("related_work", inputs["literature"])
    if stage in ("experiment", "paper"):
        gather.document("proposal", inputs["proposal"])
    if stage in ("idea", "proposal"):
        gather.document(stage, output, own=True)
    if stage == "end2end":
        gather.document("paper", inputs["paper"], own=True)
    if experiment is not None:
        if stage != "paper":
            gather.code(experiment)
        gather.results(experiment)
        gather.commands(trial_dir if stage == "experiment" else experiment.parent)
    if stage == "paper":
        gather.document("paper", output, own=True)
    if experiment is not None:
        paper = {"paper": output, "end2end": inputs.get("paper")}.get(stage)
        gather.figures([*([(paper, "")] if paper else []), (experiment, "results")])
    return _work(stage, task, gather)


@dataclass
class _Gather:
    parts: list[Part] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def document(self, name: str, folder: Path, *, own: bool = False) -> None:
        """A stage's Markdown. A missing one is an error only if it is under review."""
        try:
            file = read_text(folder, _FILES[name])
        except NotReadable as error:
            if own:
                raise AgentFailure(
                    f"{_FILES[name]} is no text: expected Markdown in UTF-8, found a file that is {error}"
                ) from error
            self.notes.append(f"{name}: {error}")
        except OSError as error:
            if own:
                raise InfrastructureError(
                    f"the text to be reviewed cannot be read: {folder / _FILES[name]}: {error.strerror}; "
                    "remove the trial's directory to have the stage done again"
                ) from error
            self.notes.append(f"{name}: there is none")
        else:
            self.parts.append(Part(name, "text", file.text, folder / _FILES[name]))
            self._say_cut(name, file.cut, file.size)

    def code(self, folder: Path) -> None:
        """Everything that is text outside results/; in the agreed layout that is code/."""
        listing = list_files(folder)
        self._few(line for line in listing.skipped if not line.startswith("results/"))
        files = [found for found in listing.files if not found.path.startswith("results/") and found.suffix not in PICTURE_SUFFIXES]
        files.sort(key=lambda found: not found.path.startswith("code/"))
        self._texts(folder, files, lambda found: "code")

    def results(self, folder: Path) -> None:
        """results.md and every other text below results/."""
        listing = list_files(folder, "results")
        self._few(listing.skipped)
        files = sorted((found for found in listing.files if found.suffix not in PICTURE_SUFFIXES), key=_result_rank)
        self._texts(folder, files, lambda found: "log" if _is_log(found) else "results")

    def commands(self, trial_dir: Path) -> None:
        """What the ledger recorded."""
        text = command_log(trial_dir)
        if text:
            self.parts.append(Part("commands", "log", text))
        else:
            self.notes.append("commands: no log of the executed commands was recorded")

    def figures(self, places: list[tuple[Path, str]]) -> None:
        """PNG and JPEG files of `places` (folder, part of it), those that the paper shows first, each picture once."""
        paper = next((part.text for part in self.parts if part.name == "paper"), "")
        found = [
            (folder, file)
            for folder, inside in places
            for file in list_files(folder, inside).files
            if file.suffix in PICTURE_SUFFIXES
        ]
        first = {name: paper.find(name) for name in {PurePosixPath(file.path).name for _, file in found}}
        found.sort(key=lambda pair: at if (at := first[PurePosixPath(pair[1].path).name]) >= 0 else len(paper))
        seen: set[str] = set()
        names: set[str] = set()
        left_out: dict[str, str] = {}
        for folder, file in found:
            name = _figure_name(file)
            if file.suffix not in IMAGE_SUFFIXES:
                left_out[name] = "not a PNG or JPEG image, not shown"
                continue
            try:
                digest = sha256(read_figure(folder, file.path).data).hexdigest()
            except (OSError, NotReadable) as error:
                left_out[name] = _why(error)
                continue
            if digest in seen:
                continue
            if len(names) == FIGURES:
                left_out[name] = f"not shown, {FIGURES} figures are the most"
                continue
            seen.add(digest)
            # Two different pictures of one name: the second keeps its whole path.
            name = name if name not in names else f"figures/{file.name}"
            names.add(name)
            self.parts.append(Part(name, "figure", path=folder / file.path))
        self._few(f"{name}: {why}" for name, why in left_out.items())

    def _texts(self, folder: Path, files: Iterable[Found], kind: Callable[[Found], Kind]) -> None:
        total = 0
        left_out: list[str] = []
        for found in files:
            if not found.size:
                left_out.append(f"{found.name}: an empty file")
                continue
            if total >= FOLDER_TEXT:
                left_out.append(f"{found.name}: not shown ({found.size:,} bytes), there is too much before it")
                continue
            try:
                file = read_text(folder, found.path)
            except (OSError, NotReadable) as error:
                left_out.append(f"{found.name}: {_why(error)} ({found.size:,} bytes)")
                continue
            total += len(file.text)
            self.parts.append(Part(found.name, kind(found), file.text, folder / found.path))
            self._say_cut(found.name, file.cut, file.size)
        self._few(left_out)

    def _few(self, sentences: Iterable[str]) -> None:
        """Keep the list a reader's: a folder of checkpoints is one fact, not a thousand."""
        lines = list(sentences)
        self.notes += lines[:NAMED]
        if len(lines) > NAMED:
            self.notes.append(f"{len(lines) - NAMED} more files beside {lines[NAMED - 1].split(':')[0]} are not shown either")

    def _say_cut(self, name: str, cut: int, size: int) -> None:
        if cut:
            self.notes.append(f"{name}: {cut:,} of {size:,} bytes not shown")


def _result_rank(found: Found) -> tuple[bool, int, str]:
    """results.md first, then by kind of file: what a person would open first."""
    rank = _RESULT_ORDER.index(found.suffix) if found.suffix in _RESULT_ORDER else len(_RESULT_ORDER)
    return found.path != "results/results.md", rank, found.path


def _is_log(found: Found) -> bool:
    return found.suffix == ".log" or PurePosixPath(found.path).stem.lower().startswith("log")


def _figure_name(found: Found) -> str:
    """`results/figures/a.png` and, copied beside the paper, `figures/a.png` are both `figures/a.png`."""
    path = found.path.removeprefix("results/").removeprefix("figures/")
    return f"figures/{shown_name(path)}"


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, NotReadable) else "cannot be opened, not shown"


def _work(stage: str, task: Task, gather: _Gather) -> Work:
    return Work(
        stage=stage,
        task_title=task.title,
        task_brief=task.brief,
        topics=task.topics,
        parts=tuple(gather.parts),
        venue=task.venue,
        year=task.year,
        category=task.category,
        notes=tuple(gather.notes),
    )
