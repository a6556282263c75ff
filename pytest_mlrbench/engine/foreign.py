"""A folder that no run of ours made, laid out as trials of a run so that it is judged as they are; `mlrbench judge` calls it.

Where the parts lie in another agent's folder is found as `mlrbench check` finds it. What is copied is what a judge may read: no
link is followed, and reviews that lie in the folder are left out, so that nobody's scores reach the judge.
"""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from ..errors import ConfigError
from ..evidence.checks import subject_of_folder
from ..keys import WITH_EXPERIMENT, TrialKey
from ..records import StageResult, TrialRecord
from ..results.store import RunStore, file_digests
from ..settings import Settings
from ..stages.outputs import FIGURE_BYTES, IMAGE_SUFFIXES, list_files
from ..stages.stage import STAGES, missing_outputs
from .rejudging import SOURCE

ORIGIN = "mlrbench judge"
"""`origin` in the run.json of a run that this module made."""
MOST_BYTES = 256 * 2**20
"""Of one part of a folder that are copied: checkpoints and data sets are nothing that a judge reads."""
MOST_OF_FILE = 32 * 2**20
MOST_SENTENCES = 20
"""About what was left out of one part."""
TEXTS = {"idea": "idea.md", "literature": "related_work.md", "proposal": "proposal.md"}
"""Stage -> the text that is looked for at the top of the folder."""
NOT_WORK = ("idea.md", "related_work.md", "proposal.md", "task.md", "tasks.md")
"""Texts at the top of a folder that are no part of an experiment."""
REVIEW_NAME = re.compile(r"(?i)^(?:.*[_-])?(?:meta_?)?reviews?(?:[_-].*)?\.(?:json|jsonl|md|txt|csv|ya?ml)$")
RESULT_SUFFIXES = frozenset({".md", ".json", ".jsonl", ".csv", ".tsv", ".txt", ".log", *IMAGE_SUFFIXES})
"""Of a folder without a folder of results: what counts as results, everything else as code."""
FIGURE_FOLDERS = ("", "figures", "figs", "images", "img", "plots")
"""Beside the paper, where its figures are looked for."""


@dataclass(frozen=True)
class Parts:
    """Where the parts of the work lie; None: there is none."""

    root: Path | None
    """The folder; None for a text alone."""
    text: Path | None = None
    """The idea, the proposal or the paper; of an experiment the paper that is no part of it."""
    code: Path | None = None
    results: Path | None = None
    report: Path | None = None
    log: Path | None = None


@dataclass
class Laid:
    """What was laid out for one trial."""

    outputs: dict[str, Path] = field(default_factory=dict)
    """Stage -> its output folder, still beside the trials."""
    not_shown: list[str] = field(default_factory=list)
    """What of the folder no judge will see, one sentence each."""

    @property
    def digest(self) -> str:
        """sha256 (hex) over all files: the same folder read the same way."""
        digest = sha256()
        for stage, folder in sorted(self.outputs.items()):
            digest.update(repr((stage, sorted(file_digests(folder).items()))).encode())
        return digest.hexdigest()


def parts_of(path: Path, stage: str, given: Mapping[str, Path | None]) -> Parts:
    """The parts of `path`, a folder or one text, that `stage` is about; `given` overrules what would be found.

    Raises ConfigError when the text or the experiment that is to be judged is not there.
    """
    path = path.absolute()
    given = {name: one.absolute() for name, one in given.items() if one is not None}
    if path.is_file():
        if stage == "experiment":
            raise ConfigError(f"{path} is a file: an experiment is a folder with code and results")
        return Parts(None, path)
    if not path.is_dir():
        raise ConfigError(f"{path}: there is no such folder or file")
    if stage in ("idea", "proposal"):
        text = given.get("paper") or path / TEXTS[stage]
        if not text.is_file():
            raise ConfigError(f"{path} holds no {TEXTS[stage]}: name the {stage} itself, `mlrbench judge FILE --stage={stage}`")
        return Parts(path, text)
    found = subject_of_folder(path, given.get("paper"), given.get("code"), given.get("results"), given.get("log"))
    if found.paper is None and stage != "experiment":
        raise ConfigError(f"{path} holds no paper that can be found: name it with --paper=")
    return Parts(path, found.paper, found.code, found.results, found.report, found.log)


def lay_out(parts: Parts, stage: str, folder: Path) -> Laid:
    """Copy the work below `folder`, one output folder a stage, as a trial of `stage` and its inputs have them.

    Raises ConfigError when what is to be judged cannot be read.
    """
    laid = Laid()

    def output(name: str) -> Path:
        laid.outputs[name] = folder / name
        laid.outputs[name].mkdir(parents=True)
        return laid.outputs[name]

    if stage in ("idea", "proposal"):
        assert parts.text is not None
        (output(stage) / TEXTS[stage]).write_text(_text(parts.text, laid), encoding="utf-8")
    if stage in WITH_EXPERIMENT and parts.root is not None:
        _experiment(parts, output("experiment"), laid)
    if stage in ("paper", "end2end"):
        assert parts.text is not None
        target = output("paper")
        (target / "paper.md").write_text(_text(parts.text, laid), encoding="utf-8")
        _figures(parts, target)
    for name in STAGES[stage].inputs:
        if parts.root is not None and name in TEXTS and (parts.root / TEXTS[name]).is_file():
            (output(name) / TEXTS[name]).write_text(_text(parts.root / TEXTS[name], laid), encoding="utf-8")
    if stage == "end2end":
        output(stage)
    reasons = missing_outputs(stage, laid.outputs[stage]) if stage != "experiment" else _no_experiment(laid.outputs[stage])
    if reasons:
        raise ConfigError(f"{parts.root or parts.text}: there is no {stage} to judge: {'; '.join(reasons)}")
    return laid


def _no_experiment(output: Path) -> list[str]:
    """An experiment of another agent may lack a report; without any file there is nothing."""
    return [] if list_files(output).files else ["neither code nor results were found"]


def _text(path: Path, laid: Laid) -> str:
    """A text as Markdown. Raises ConfigError for a file that holds none."""
    if path.is_symlink() or not path.is_file():
        raise ConfigError(f"{path} is no regular file")
    if path.suffix.lower() == ".pdf":
        from ..evidence.checks.pdf import read_pdf

        pages = read_pdf(path)
        if not pages.text.strip():
            raise ConfigError(f"{path}: no text could be read ({pages.problem or 'its pages hold pictures only'})")
        cut = f"; {pages.problem}" if pages.problem else ""
        laid.not_shown.append(f"paper: read from a PDF: its figures are missing, its tables and formulas are lines of text{cut}")
        return str(pages.text)
    content = path.read_bytes()[:MOST_OF_FILE]
    if b"\0" in content:
        raise ConfigError(f"{path} is no text: expected Markdown, LaTeX, plain text or a PDF")
    if path.suffix.lower() == ".tex":
        laid.not_shown.append("paper: LaTeX source; files that it includes are not shown")
    return content.decode("utf-8", "replace")


def _experiment(parts: Parts, output: Path, laid: Laid) -> None:
    """Code below `code/`, results below `results/`, whatever they are called in the folder."""
    assert parts.root is not None
    code, results = parts.code or parts.root, parts.results or parts.root
    left_out = _reviews(parts.root)
    if left_out:
        laid.not_shown.append(f"{len(left_out)} files that hold reviews of the work were left out")
    named = {*(parts.root / name for name in NOT_WORK), *left_out, *([parts.text] if parts.text else [])}
    for source, target, other in ((code, output / "code", results), (results, output / "results", code)):
        if source == results == code and target.name == "results":
            continue  # told apart below, by their names
        inside = other != source and other.is_relative_to(source)
        skipped = named | ({other} if inside else set())
        laid.not_shown += _copy(source, target, skipped)
    if code == results:
        for found in list_files(output, "code").files:
            if found.suffix in RESULT_SUFFIXES:
                inner = output / "results" / Path(found.path).relative_to("code")
                inner.parent.mkdir(parents=True, exist_ok=True)
                (output / found.path).rename(inner)
    for path, name in ((parts.report, "results.md"), (parts.log, "log.txt")):
        wanted = output / "results" / name
        if path is not None and path.is_file() and not path.is_symlink() and not wanted.exists():
            wanted.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, wanted)


def _copy(source: Path, target: Path, skipped: set[Path]) -> list[str]:
    """Copy what `source` holds but for the files and folders `skipped`; one sentence for each thing that is not copied.

    Unlike the export of a live sandbox this keeps files with several hard links: copies of repositories are made of them.
    """
    if source in skipped:
        return []
    listing = list_files(source)
    left_out = [f"{target.name}/{sentence}" for sentence in listing.skipped]
    total = 0
    for found in listing.files:
        path = source / found.path
        if path in skipped or any(folder in skipped for folder in path.parents):
            continue
        total += found.size
        if found.size > MOST_OF_FILE or total > MOST_BYTES:
            total -= found.size
            left_out.append(f"{target.name}/{found.name}: left out, {found.size:,} bytes")
            continue
        inner = target / found.path
        inner.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(path, inner, follow_symlinks=False)
        except OSError as error:
            left_out.append(f"{target.name}/{found.name}: left out, it cannot be read ({error.strerror})")
    if len(left_out) > MOST_SENTENCES:
        return [*left_out[:MOST_SENTENCES], f"{target.name}/: {len(left_out) - MOST_SENTENCES} more things were left out"]
    return left_out


def _reviews(root: Path) -> set[Path]:
    return {root / found.path for found in list_files(root).files if REVIEW_NAME.match(Path(found.path).name)}


def _figures(parts: Parts, target: Path) -> None:
    """PNG and JPEG files beside the paper; those of the results are found with the results."""
    if parts.root is None or parts.text is None:
        return
    beside = parts.text.parent
    for name in FIGURE_FOLDERS:
        folder = beside / name
        if not folder.is_dir() or folder.is_symlink():
            continue
        for entry in sorted(os.scandir(folder), key=lambda one: one.name):
            path = Path(entry.path)
            if path.suffix.lower() not in IMAGE_SUFFIXES or not entry.is_file(follow_symlinks=False):
                continue
            if entry.stat(follow_symlinks=False).st_size <= FIGURE_BYTES:
                (target / "figures").mkdir(exist_ok=True)
                shutil.copyfile(path, target / "figures" / path.name, follow_symlinks=False)


def settle(store: RunStore, settings: Settings, key: TrialKey, parts: Parts) -> TrialRecord:
    """The record of `key` for the work that `parts` name: the stored one if that is of the same work, else a new one, unreviewed.

    Raises ConfigError when `key` is another work's, or there is nothing to judge.
    """
    stage = key.stage
    store.root.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=store.root, prefix=".laying-"))
    try:
        laid = lay_out(parts, stage, staging)
        stored = store.record(key)
        if stored is not None:
            source = stored.environment.get(SOURCE, {})
            if source.get("digest") != laid.digest:
                raise ConfigError(
                    f"{store.root} holds another work as {key} (of {source.get('path')}): give this another --epoch=, --task= or "
                    "--run="
                )
            return stored
        new = {name for name in laid.outputs if not store.output(key.at(name)).exists()}
        # What another stage of the same work has laid out already is the same; anything else is another work's.
        taken = [
            name
            for name in laid.outputs
            if name not in new and file_digests(store.output(key.at(name))) != file_digests(laid.outputs[name])
        ]
        if taken:
            raise ConfigError(f"{store.root} holds the {', '.join(taken)} of another work on this task: give another --epoch=")
        now = time.time()
        digest = laid.digest
        for name in sorted(new):
            store.trial(key.at(name)).mkdir(parents=True, exist_ok=True)
            store.commit_output(key.at(name), laid.outputs[name])
        record = TrialRecord(
            task=key.task,
            stage=key.stage,
            epoch=key.epoch,
            model=settings.model,
            agent=settings.agent,
            status="done",
            inputs={name: "own" for name in STAGES[stage].inputs if name in laid.outputs},
            started=now,
            finished=now,
            files=file_digests(store.output(key)),
            environment={SOURCE: {"path": str(parts.root or parts.text), "digest": digest, "not_shown": laid.not_shown}},
        )
        result = StageResult(status="done", started=now, finished=now, files=record.files, environment=record.environment)
        store.write_stage_result(key, result)
        store.write_record(record)
        return record
    finally:
        shutil.rmtree(staging, ignore_errors=True)
