"""What the checks look at: one output folder with its ledger, made from a trial or from any agent's folder; read with bounds."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from ..coder_logs import find_log
from ..events import BLACK_BOX, EVIDENCE, VERSIONS, Event, read_events
from ..files import TEXT_LIMIT, files_below, read_bytes, read_text
from .layout import find_parts

__all__ = ["TEXT_LIMIT", "Subject", "files_below", "read_bytes", "read_text", "subject_of_folder", "subject_of_trial"]


@dataclass(frozen=True)
class Subject:
    """One piece of work under audit. Every path may be missing on disk; what is there is untrusted."""

    stage: str
    output: Path
    """Folder of the graded output: idea.md, proposal.md, paper.md, or the experiment's code/ and results/."""
    experiment: Path | None
    """Folder with the experiment's code and results; None for stages before it."""
    code: Path | None = None
    results: Path | None = None
    report: Path | None = None
    """results.md"""
    paper: Path | None = None
    log: Path | None = None
    events: list[Event] = field(default_factory=list)
    host_ledger: bool = False
    """A ledger that the host made is there and whole."""
    ledger_problem: str = ""
    log_name: str = ""
    """The coder's own session log that `events` were read from, when there is no ledger."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """What that log shows: written contents by digest, outputs by the events' `output`."""
    logs: frozenset[str] = frozenset()
    """Every session log of the coder in the folder, as findings name it: the agent's word, never a source of numbers."""
    unread: tuple[str, ...] = ()
    """What of the folder was not read, for a person."""
    trial_dir: Path | None = None
    """The experiment's trial directory, with captured outputs and file versions."""
    proposal: str = ""
    literature: Path | None = None
    """Folder with the literature stage's related_work.md and what its search stored."""
    online: bool = False
    """References may be looked up in public indexes."""
    today: date = field(default_factory=date.today)

    def name(self, path: Path) -> str:
        """`path` as a finding names it: relative to the folder that holds it."""
        for root in (self.experiment, self.output, self.trial_dir):
            if root is not None and path.is_relative_to(root):
                return path.relative_to(root).as_posix()
        return path.name

    @property
    def watched(self) -> bool:
        """Something tells what was written and executed: the host's ledger, or the coder's own log."""
        return self.host_ledger or bool(self.log_name and self.events)

    def place(self, event: Event) -> tuple[str, int]:
        """File and line by which a reader finds an event."""
        if event.source != "sandbox":
            return EVIDENCE, event.seq
        return str(event.data.get("log") or self.log_name), int(event.data.get("record", event.seq))

    def version_text(self, digest: str | None) -> str | None:
        """The text of the version with this digest, kept by the ledger or shown by the coder's log."""
        if digest is not None and digest in self.texts:
            return self.texts[digest]
        kept = self.version(digest)
        return read_text(kept) if kept is not None else None

    def output_text(self, event: Event) -> str:
        """What a command printed."""
        if event.output is None:
            return ""
        if event.output in self.texts:
            return self.texts[event.output]
        return read_text(self.trial_dir / event.output) if self.trial_dir is not None else ""

    def version(self, digest: str | None) -> Path | None:
        """The kept version with this digest, if the ledger kept it."""
        if self.trial_dir is None or digest is None or not re.fullmatch(r"[0-9a-f]{64}", digest):
            return None
        path = self.trial_dir / VERSIONS / digest
        return path if path.is_file() else None


def subject_of_trial(
    stage: str, output: Path, trial_dir: Path, inputs: Mapping[str, Path], today: date, ledger: bool = True
) -> Subject:
    """The subject of one of our trials.

    `inputs` maps a stage to its output folder (a trial directory with an `output` folder does as well). For `paper` and
    `end2end`, `inputs["experiment"]` is the experiment that the paper speaks of.
    Without `ledger` it is read as if no ledger were there. Raises InfrastructureError for a damaged ledger.
    """
    folders = {name: path / "output" if (path / "output").is_dir() else path for name, path in inputs.items()}
    if stage == "end2end" and not (output / "paper.md").is_file() and "paper" in folders:
        output = folders["paper"]
    literature = folders.get("literature")
    proposal = folders.get("proposal")
    shared = {
        "proposal": read_text(proposal / "proposal.md") if proposal else "",
        "literature": literature,
    }
    if stage in ("idea", "literature", "proposal"):
        return Subject(stage, output, None, today=today, **shared)  # type: ignore[arg-type]
    experiment = output if stage == "experiment" else folders.get("experiment")
    home = trial_dir if stage == "experiment" else experiment.parent if experiment is not None else None
    events, problem = read_events(home / EVIDENCE) if home is not None and ledger else ([], "")
    results = experiment / "results" if experiment is not None else None
    opaque = _opaque(events)
    session = find_log(experiment, results) if opaque and experiment is not None else None
    if opaque:
        events = session.events if session is not None else []
    return Subject(
        stage,
        output,
        experiment,
        code=experiment / "code" if experiment is not None else None,
        results=results,
        report=results / "results.md" if results is not None else None,
        paper=None if stage == "experiment" else output / "paper.md",
        log=results / "log.txt" if results is not None else None,
        events=events,
        host_ledger=any(event.source == "host" for event in events),
        ledger_problem=problem,
        log_name=session.name if session is not None else "",
        texts=session.texts if session is not None else {},
        logs=session.names if session is not None else frozenset(),
        unread=session.unread if session is not None else (),
        trial_dir=home,
        today=today,
        **shared,  # type: ignore[arg-type]
    )


def subject_of_folder(
    path: Path,
    paper: Path | None = None,
    code: Path | None = None,
    results: Path | None = None,
    log: Path | None = None,
    today: date | None = None,
) -> Subject:
    """The subject of any agent's folder: parts that are not given are looked for by their usual names.

    A folder that is a trial of ours (evidence.jsonl beside `output/`) is read with its ledger; in any other one, the coder's
    session logs (see coder_logs) say what was written and executed, as far as the coder's word goes.
    """
    today = today or date.today()
    home = path if (path / EVIDENCE).is_file() else path.parent if (path.parent / EVIDENCE).is_file() else None
    root = path / "output" if home == path and (path / "output").is_dir() else path
    if home is not None and path.name not in ("output", home.name):
        home = None
    events, problem = read_events(home / EVIDENCE) if home is not None else ([], "")
    if _opaque(events):
        events = []
    found = find_parts(root, paper, code, results, log)
    related = root / "related_work.md"
    session = find_log(root, found.results) if not events else None
    if session is not None:
        events = session.events
    return Subject(
        "end2end" if found.paper is not None else "experiment",
        root,
        root,
        code=found.code,
        results=found.results,
        report=found.report,
        paper=found.paper,
        log=found.log,
        events=events,
        host_ledger=any(event.source == "host" for event in events),
        ledger_problem=problem,
        log_name=session.name if session is not None else "",
        texts=session.texts if session is not None else {},
        logs=session.names if session is not None else frozenset(),
        unread=session.unread if session is not None else (),
        trial_dir=home,
        proposal=read_text(root / "proposal.md"),
        literature=root if related.is_file() else None,
        today=today,
    )


def _opaque(events: list[Event]) -> bool:
    """Whether one opaque command wrote everything: that it ran says nothing of how, and what is left is the word of the agent's own
    session log. Only the host says so: a coder's tool of that name must not blind the checks."""
    return any(event.tool == BLACK_BOX and event.source == "host" for event in events)
