"""The run store: the directory of one run as docs/interface.md lays it out; the engine writes it, everything else reads it."""

import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from glob import escape
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ..audits import Audit
from ..errors import ConfigError
from ..keys import STAGES, TrialKey, safe_name
from ..records import JudgeForm, Order, Review, SideBySide, StageResult, TrialRecord, audits
from ..settings import Settings

Record = TypeVar("Record")

FORMAT = 1
"""Version of the run directory's layout, in run.json; a reader refuses a higher one."""

FINISHED = ("done", "failed")
"""States that a resumed run keeps; errors and skips are done again."""

HUMAN_LABELS = "human_labels.json"
"""In an imported run: people's verdicts on types of hallucination, `[{"task", "types": {TYPE: "yes"|"no"|"not sure"}}]`."""


def write_atomic(path: Path, content: bytes, *, settled: bool = True) -> None:
    """Replace `path` so that after a crash it holds the old or the new content, never a part; the content is on disk on return.

    Unless `settled`, a power failure may still undo the replacement: for what is made again from the call log at no cost.
    """
    name = os.fspath(path.parent / f".writing-{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        descriptor = os.open(name, flags, 0o644)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(name, flags, 0o644)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(name, path)  # noqa: PTH105 - hundreds a second, a Path costs more than the call
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    if settled:
        sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make renames inside `path` durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_digests(folder: Path) -> dict[str, str]:
    """Regular files below `folder` -> sha256 hex, sorted by relative path."""
    digests: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        with path.open("rb") as stream:
            digests[path.relative_to(folder).as_posix()] = hashlib.file_digest(stream, "sha256").hexdigest()
    return digests


class RunStore:
    """One run directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def open(cls, root: Path) -> "RunStore":
        """An existing run. Raises ConfigError when `root` is not one, or of a newer format."""
        store = cls(root)
        if not store.run_file.is_file():
            raise ConfigError(
                f"{root} is not a run directory: it has no run.json (runs lie in mlr-runs/ unless --mlr-run= said otherwise)"
            )
        found = store.run().get("format")
        if not isinstance(found, int) or found > FORMAT:
            raise ConfigError(f"{root} has format {found!r}, this version reads up to {FORMAT}: upgrade pytest-mlrbench")
        parts = store.parts()
        if parts:
            raise ConfigError(f"{root} holds {len(parts)} runs, give one of them: {', '.join(str(root / name) for name in parts)}")
        return store

    def parts(self) -> list[str]:
        """Names of the runs in this folder when it is one of several (`mlrbench import`); empty for a run."""
        names = self.run().get("parts", [])
        if not isinstance(names, list) or not all(isinstance(name, str) and name == safe_name(name) for name in names):
            raise ConfigError(f"{self.run_file} is damaged: `parts` is no list of folder names")
        return names

    # -- the run ------------------------------------------------------------------------------------------------------

    @property
    def run_file(self) -> Path:
        return self.root / "run.json"

    @property
    def calls(self) -> Path:
        """Directory of the model call log (results.calls)."""
        return self.root / "calls"

    def run(self) -> dict[str, Any]:
        """run.json. Raises ConfigError when it cannot be read."""
        try:
            loaded = json.loads(self.run_file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{self.run_file} cannot be read: {error}") from error
        if not isinstance(loaded, dict):
            raise ConfigError(f"{self.run_file} holds no object: it was not written by pytest-mlrbench")
        return loaded

    def settings(self) -> Settings | None:
        """The settings in run.json; None where it has none. Raises ConfigError when they are not of this version."""
        stored = self.run().get("settings")
        if not stored:
            return None
        try:
            return Settings.model_validate(stored)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise ConfigError(f"{self.run_file} is damaged or of another version: settings.{where}: {first['msg']}") from error

    def selected(self) -> list[TrialKey]:
        """The trials that the run was to do. Raises ConfigError for what is no trial."""
        try:
            return [TrialKey.parse(text) for text in self.run().get("selected", [])]
        except (ValueError, TypeError, AttributeError) as error:
            raise ConfigError(f"{self.run_file} is damaged: `selected`: {error}") from error

    def write_run(self, content: Mapping[str, Any]) -> None:
        write_atomic(self.run_file, json.dumps({"format": FORMAT, **content}, indent=1, ensure_ascii=False).encode())

    # -- trials -------------------------------------------------------------------------------------------------------

    def trial(self, key: TrialKey) -> Path:
        """The trial's directory."""
        return Path(f"{self.root}/trials/{key}")

    def output(self, key: TrialKey) -> Path:
        return self.trial(key) / "output"

    def keys(self) -> list[TrialKey]:
        """Trials that have a directory, in the order of tasks, stages, epochs."""
        return self._keys("*/*")

    def keys_of(self, task: str) -> list[TrialKey]:
        """As `keys`, of one task."""
        return self._keys(f"{escape(safe_name(task))}/*")

    def _keys(self, pattern: str) -> list[TrialKey]:
        found = []
        for folder in (self.root / "trials").glob(pattern):
            try:
                found.append(TrialKey.parse(f"{folder.parent.name}/{folder.name}"))
            except ValueError:
                continue  # not ours: editors and operating systems leave files everywhere
        return sorted(found, key=lambda key: (key.task, STAGES.index(key.stage), key.epoch))

    def record_file(self, key: TrialKey) -> Path:
        return self.trial(key) / "record.json"

    def record(self, key: TrialKey) -> TrialRecord | None:
        """The finished trial's record; None while there is none."""
        return _load(TrialRecord.model_validate_json, self.record_file(key))

    def finished(self, key: TrialKey) -> dict[str, Any] | None:
        """The record of a trial that a resumed run keeps, as it lies on disk: a thousand of them are not validated to be served.

        Raises ConfigError for one that is no JSON.
        """
        try:
            record = json.loads(self.record_file(key).read_bytes())
        except FileNotFoundError:
            return None
        except ValueError:
            record = self.record(key)  # says what is wrong with it
        return record if isinstance(record, dict) and record.get("status") in FINISHED else None

    def records(self) -> Iterator[TrialRecord]:
        """All records, in the order of `keys`. Raises ConfigError for one that numbers cannot be taken from (`checked`)."""
        from .checked import check_record  # with the rubrics, which a worker that reads one record has no use for

        for key in self.keys():
            record = self.record(key)
            if record is not None:
                check_record(record.key, record.reviews, key, str(self.record_file(key)))
                yield record

    def write_record(self, record: TrialRecord) -> None:
        _dump(record, self.record_file(record.key))

    def stage_file(self, key: TrialKey) -> Path:
        return self.trial(key) / "stage.json"

    def stage_result(self, key: TrialKey) -> StageResult | None:
        """How the agent's part ended; None while it has not."""
        return _load(StageResult.model_validate_json, self.stage_file(key))

    def write_stage_result(self, key: TrialKey, result: StageResult) -> None:
        _dump(result, self.stage_file(key), settled=True)

    def audit_file(self, key: TrialKey) -> Path:
        return self.trial(key) / "audit.json"

    def audit(self, key: TrialKey) -> Audit | None:
        return _load(audits().validate_json, self.audit_file(key))

    def write_audit(self, key: TrialKey, audit: Audit) -> None:
        _dump(audit, self.audit_file(key))

    def review_file(self, key: TrialKey, judge: str, protocol: str, repeat: int = 1) -> Path:
        suffix = f".r{repeat}" if repeat > 1 else ""
        return self.trial(key) / "reviews" / f"{safe_name(judge)}-{protocol[:12]}{suffix}.json"

    def review(self, key: TrialKey, judge: str, protocol: str, repeat: int = 1) -> Review | None:
        return _load(Review.model_validate_json, self.review_file(key, judge, protocol, repeat))

    def write_review(self, key: TrialKey, review: Review) -> None:
        _dump(review, self.review_file(key, review.judge, review.protocol, review.repeat))

    def form_file(self, key: TrialKey, judge: str, protocol: str, repeat: int = 1) -> Path:
        review = self.review_file(key, judge, protocol, repeat)
        return review.with_name(f"hallucination-{review.name}")

    def form(self, key: TrialKey, judge: str, protocol: str, repeat: int = 1) -> JudgeForm | None:
        return _load(JudgeForm.model_validate_json, self.form_file(key, judge, protocol, repeat))

    def write_form(self, key: TrialKey, form: JudgeForm) -> None:
        _dump(form, self.form_file(key, form.judge, form.protocol, form.repeat))

    # -- comparisons with another run ---------------------------------------------------------------------------------

    def comparisons(self, base: str) -> Path:
        """Folder of the side-by-side answers about this run and the run that is called `base` (results.pairwise)."""
        return self.root / "pairwise" / base

    def _comparison_file(self, base: str, key: TrialKey, judge: str, protocol: str, repeat: int, order: Order) -> Path:
        name = self.review_file(key, judge, protocol, repeat).stem
        return self.comparisons(base) / str(key) / f"{name}.{order}.json"

    def comparison(self, base: str, key: TrialKey, judge: str, protocol: str, repeat: int, order: Order) -> SideBySide | None:
        return _load(SideBySide.model_validate_json, self._comparison_file(base, key, judge, protocol, repeat, order))

    def write_comparison(self, base: str, key: TrialKey, one: SideBySide) -> None:
        _dump(one, self._comparison_file(base, key, one.judge, one.protocol, one.repeat, one.order))

    # -- outputs ------------------------------------------------------------------------------------------------------

    def commit_output(self, key: TrialKey, staged: Path) -> None:
        """Put the finished folder `staged` (same file system) in place as the trial's output."""
        target = self.output(key)
        if target.exists():
            # Left by an attempt that was killed between this rename and stage.json: nothing has used it.
            target.rename(Path(tempfile.mkdtemp(dir=self.trial(key), prefix=".replaced-")) / "output")
        staged.rename(target)
        sync_directory(self.trial(key))


def open_runs(roots: Iterable[Path]) -> list[RunStore]:
    """The runs in `roots`, a folder of several as all of them. Raises ConfigError as `RunStore.open`, or for one named twice."""
    stores: list[RunStore] = []
    for root in roots:
        store = RunStore(root)
        parts = store.parts() if store.run_file.is_file() else []
        stores += [RunStore.open(root / name) for name in parts] if parts else [RunStore.open(root)]
    seen: set[Path] = set()
    for store in stores:
        if (place := store.root.resolve()) in seen:
            raise ConfigError(f"{store.root} is given twice: its trials would count twice")
        seen.add(place)
    return stores


def _load(read: Callable[[bytes], Record], path: Path) -> Record | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return read(content)
    except ValidationError as error:
        raise ConfigError(
            f"{path} is damaged or of another version: {error.errors()[0]['msg']}; move it away to redo it"
        ) from error


def _dump(record: BaseModel | Audit, path: Path, *, settled: bool = False) -> None:
    """What judging and checking give follows from outputs and stored calls; only an experiment's end must be `settled`."""
    content = audits().dump_json(record, indent=1) if isinstance(record, Audit) else record.model_dump_json(indent=1).encode()
    write_atomic(path, content, settled=settled)
