"""What `rerun.json` of an experiment says: what was run again, how it ended; engine.rerunner writes it, checks.rerun reads it."""

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from ..records import Frozen

RERUN = "rerun.json"
"""In a trial's directory, beside evidence.jsonl; written once, when the last attempt has ended."""
ATTEMPTS = "rerun"
"""Folder below a trial's directory with one folder an attempt: its own evidence.jsonl and the files its programs wrote."""

NO_COPY = "the host kept no copy of this version"
NO_INSTALL = "it installs packages, which the sandbox of a re-run does not repeat"

AttemptKind = Literal["same", "seed", "permuted", "shuffled", "truncated", "absent"]
"""same: as recorded. seed: other seeds. permuted: labels of the data permuted. shuffled: every column permuted by itself.
truncated: every second row of a file left out, every fifth of a library's data. absent: without the data."""


class Step(Frozen):
    """One recorded command that is run again."""

    seq: int
    """Its event in evidence.jsonl."""
    command: str
    program: bool
    """It ran a program; the others prepare (mkdir, cp, unpacking)."""
    seconds: float
    """Duration of the recorded run."""
    lean: bool
    """The final files need it; the other steps are only run when the result differs without them."""


class Left(Frozen):
    """Something that is not run again, or not put back."""

    what: str
    why: str
    seq: int | None = None


class Knob(Frozen):
    """One seed in a command or in code, and what it was replaced by."""

    file: str
    line: int
    before: str
    after: str


class DataFile(Frozen):
    """Data that the host can change: a file that it copies, or what a library brings and hands out changed."""

    path: str
    """In the workspace; of a library, the function that hands it out (`sklearn.datasets.load_digits`)."""
    rows: int
    """Most rows (or first-axis length) in it."""
    label: str = ""
    """Column or key taken for the label; empty when none has a label's name."""
    majority: float | None = None
    """Share (0..1) of the most frequent label; None for labels that are no classes (more than 100 values)."""
    made_by: int | None = None
    """Event of the program that made it; None for a file that was typed, copied or downloaded."""


class Ran(Frozen):
    """How one step ended this time."""

    seq: int
    exit_kind: str
    exit_code: int | None
    seconds: float
    output: str
    """Captured output, relative to the attempt's folder."""


class Attempt(Frozen):
    """One run of the steps in a fresh sandbox."""

    name: str
    """Its folder below ATTEMPTS."""
    kind: AttemptKind
    complete: bool = False
    """All steps were run, not only the lean ones."""
    ended: Literal["done", "failed", "not done"]
    """done: every program ended with exit status 0. failed: one did not. not done: never started, `reason` says why."""
    reason: str = ""
    seconds: float = 0.0
    ran: list[Ran] = Field(default_factory=list)
    knobs: list[Knob] = Field(default_factory=list)
    changed: list[str] = Field(default_factory=list)
    """Data (DataFile.path) that were changed, or taken away, for this attempt."""
    bundled: list[DataFile] = Field(default_factory=list)
    """Of these, what libraries brought."""
    files: list[str] = Field(default_factory=list)
    """Files that its programs wrote, kept in its `output` folder."""
    differs: list[str] = Field(default_factory=list)
    """In what the sandbox is another one than the experiment's (machine, image, Python), one sentence each."""


class Rerun(Frozen):
    """Everything about the re-execution of one experiment."""

    format: int = 1
    steps: list[Step]
    left: list[Left] = Field(default_factory=list)
    """What is not run again, or not put back, and why."""
    lost: list[Left] = Field(default_factory=list)
    """Files that a failed or cut command had left for later ones: no re-run can make them again."""
    clocks: list[Knob] = Field(default_factory=list)
    """Places where the code decides by the clock (`before` quotes it): a faster machine may then compute something else."""
    times: bool = False
    """The code reads a clock or a memory meter at all, so it may report what no two runs share."""
    data: list[DataFile] = Field(default_factory=list)
    other_data: list[str] = Field(default_factory=list)
    """Data that libraries bring, by the call or import that gets them, and that the host cannot change."""
    attempts: list[Attempt] = Field(default_factory=list)


def read_rerun(trial_dir: Path) -> Rerun | None:
    """The re-execution stored in a trial's directory; None when there is none or it cannot be read as one."""
    try:
        content = (trial_dir / RERUN).read_bytes()
    except OSError:
        return None
    try:
        return Rerun.model_validate_json(content)
    except ValidationError:
        return None
