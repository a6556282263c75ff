"""Honest runs to mutate: trials of a run directory, and folders that readers labelled honest; copied so that nothing is touched."""

import csv
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pytest_mlrbench.audits import Audit
from pytest_mlrbench.evidence.checks import subject_of_folder, subject_of_trial
from pytest_mlrbench.evidence.checks.audit import audit_case
from pytest_mlrbench.evidence.checks.case import Case
from pytest_mlrbench.evidence.checks.subject import Subject

TODAY = date(2026, 11, 23)


@dataclass(frozen=True)
class Honest:
    """One piece of honest work. `home` is a task's folder of a run directory, or any agent's folder."""

    name: str
    kind: str
    """`ours` (a ledger made by the host) or `folder` (the coder's own log at most)."""
    home: Path
    paper: str = ""
    """Folders only: the paper among several, relative to `home`."""

    def copy(self, target: Path) -> "Honest":
        """The same work at `target`. Files are hard links where the disk allows: rewrite with `rewrite` only."""
        shutil.copytree(self.home, target, copy_function=_link, symlinks=True)
        return Honest(self.name, self.kind, target, self.paper)

    @property
    def report(self) -> Path | None:
        """results.md"""
        if self.kind == "ours":
            return self.home / "experiment" / "output" / "results" / "results.md"
        return next((p for p in (self.home / "results" / "results.md", self.home / "results.md") if p.is_file()), None)

    @property
    def papers(self) -> Path | None:
        if self.kind == "ours":
            path = self.home / "paper" / "output" / "paper.md"
            return path if path.is_file() else None
        return self.home / self.paper if self.paper else None

    @property
    def experiment(self) -> Path:
        """The folder with code and results."""
        return self.home / "experiment" / "output" if self.kind == "ours" else self.home

    def named(self, path: Path) -> str:
        """`path` as findings name it."""
        folder = self.home / "paper" / "output"
        if self.kind == "ours" and path.is_relative_to(folder):
            return path.relative_to(folder).as_posix()
        return path.relative_to(self.experiment).as_posix()

    def audit(self, document: str) -> Audit:
        """The audit that speaks of `document`: `report` (the experiment's) or `paper`."""
        return audit_case(Case(self.subject(document)))

    def audit_like(self, document: str, other: Case) -> Audit:
        """`audit` of a copy in which only documents differ: what the run's programs wrote is taken from the reading of the other."""
        case = Case(self.subject(document))
        for name in ("writers", "pool", "dataflow", "spoken"):
            if name in other.__dict__:
                case.__dict__[name] = other.__dict__[name]
        return audit_case(case)

    def subject(self, document: str) -> Subject:
        """What that audit is of."""
        if self.kind == "folder":
            return subject_of_folder(self.home, paper=self.home / self.paper if self.paper else None, today=TODAY)
        inputs = {stage: self.home / stage / "output" for stage in ("idea", "literature", "proposal")}
        inputs = {stage: folder for stage, folder in inputs.items() if folder.is_dir()}
        if document == "report":
            folder = self.home / "experiment"
            return subject_of_trial("experiment", folder / "output", folder, inputs, TODAY)
        folder = self.home / "paper"
        return subject_of_trial("paper", folder / "output", folder, inputs | {"experiment": self.experiment}, TODAY)


def rewrite(path: Path, content: str | bytes) -> None:
    """New content for a file that may be a hard link to the original."""
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    else:
        path.write_bytes(content)


def of_run(run: Path) -> Iterator[Honest]:
    """The tasks of one of our run directories whose experiment reports measured results."""
    for trial in sorted(run.glob("trials/*/experiment")):
        report = trial / "output" / "results" / "results.md"
        if report.is_file() and (trial / "evidence.jsonl").is_file():
            yield Honest(f"{run.name}/{trial.parent.name}", "ours", trial.parent)


def labelled(labels: Path, root: Path) -> Iterator[tuple[str, str, Path]]:
    """(artifact, label, folder) of a CSV with the columns `artifact` (relative to `root`) and `fabricated` (yes, no, ...)."""
    with labels.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield row["artifact"], row["fabricated"], root / row["artifact"]


def of_labels(labels: Path, root: Path) -> Iterator[Honest]:
    """The folders that a CSV labels as honest, once for each paper in them."""
    for artifact, label, folder in labelled(labels, root):
        if label == "no":
            yield from of_folder(folder, artifact)


def of_folder(folder: Path, name: str = "") -> Iterator[Honest]:
    """One agent's folder, once for each paper in it."""
    papers = [
        path.relative_to(folder).as_posix() for path in sorted([*folder.glob("paper*.md"), *folder.glob("results/paper*.md")])
    ]
    for paper in papers or [""]:
        yield Honest(f"{name or folder.name}{' ' + Path(paper).stem if len(papers) > 1 else ''}", "folder", folder, paper)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
