"""Runs a replay plan in fresh sandboxes: as recorded, on other seeds, on changed data; the engine's rerunner calls it.

It records and decides nothing: what a difference means is the check's word (checks/rerun_rules.py). Which attempts are made
depends on the earlier ones only to save time: a result that came out again needs no second look.
"""

import json
import os
import posixpath
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..evidence.checks import replayed
from ..evidence.checks.case import Case
from ..evidence.checks.subject import Subject
from ..evidence.events import read_events
from ..evidence.ledger import Ledger
from ..evidence.reruns import ATTEMPTS, Attempt, AttemptKind, DataFile, Knob, Left, Ran, Rerun, Step
from ..sandboxes.base import ExecResult, Sandbox
from ..sandboxes.common import machine
from . import changed_data, data
from .plan import Plan, is_code, is_result
from .seeds import shift_command, shift_text
from .workspace import HOOK, Change, Work, keep, shift_bytes

SEEDS = 3
"""Other seeds that are tried."""
FACTOR, MARGIN = 3.0, 60.0
"""A command may take so many times its recorded duration, and so many seconds more (another load, a cold cache)."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_MAX_THREADS"), "1")
"""The last confirmation computes on one thread: what changes with the order of sums is no contradiction."""
_SETTINGS = "package config settings params hparams tsconfig claims"
NOT_DATA = frozenset(f"{name}.json" for name in _SETTINGS.split())


@dataclass(frozen=True)
class Limit:
    """How long a re-execution may take."""

    seconds: float
    """All attempts together."""
    factor: float = FACTOR
    margin: float = MARGIN


class Replayer:
    """The re-execution of one experiment."""

    def __init__(
        self,
        subject: Subject,
        workspace: Path,
        make_sandbox: Callable[[str, dict[str, str]], Sandbox],
        *,
        seed: str,
        limit: Limit,
        environment: dict[str, Any],
        installs: bool = False,
        save: Callable[[Path, bytes], object] = Path.write_bytes,
    ) -> None:
        """`workspace` is where the experiment itself worked, so that absolute paths in code hold. `make_sandbox` gets an attempt's
        name and variables. `seed` feeds the choice of seeds and permutations; `environment` is what the experiment's sandbox said
        of itself. `save` writes a file so that a killed process leaves it whole or not at all.
        """
        assert subject.trial_dir is not None
        self.trial = subject.trial_dir
        self.workspace = workspace
        self.case = Case(subject)
        self.plan = Plan(self.case, installs=installs)
        self._make_sandbox = make_sandbox
        self._limit = limit
        self._environment = environment
        self._save = save
        self._seed = seed
        self._rng = random.Random(f"rerun {seed}")  # noqa: S311 - a choice to be repeated, no secret
        self._spent = 0.0
        self.attempts: list[Attempt] = []

    async def run(self) -> Rerun:
        """Make all attempts. Raises InfrastructureError when a sandbox is broken."""
        steps = self.plan.steps
        self.data = self._data_files() if steps else []
        if steps:
            await self._same()
            if self.attempts[0].ended == "done":
                await self._seeds()
                await self._interventions()
        return Rerun(
            steps=steps,
            left=self.plan.left,
            lost=self.plan.lost,
            clocks=self.plan.clocks(),
            times=self.plan.times(),
            data=self.data,
            other_data=self._other_data(),
            attempts=self.attempts,
        )

    def _other_data(self) -> list[str]:
        """Data of libraries that no attempt could change; the hook tells of what it did."""
        bundled = [] if any(one.bundled for one in self.attempts) else self.plan.bundled()
        return [*self.plan.library_data(), *bundled]

    # -- which attempts -----------------------------------------------------------------------------------------------

    async def _same(self) -> None:
        """As recorded; where a claim does not come out again, with every step, and on one thread."""
        first = await self._attempt("same-1", "same", Change())
        if first.ended == "not done" or (first.ended == "done" and not replayed.differs(self.case, self.trial, first)):
            return
        whole = all(step.lean for step in self.plan.steps)
        if first.ended == "failed" and whole:
            return
        second = await self._attempt("same-2", "same", Change(), complete=True)
        if not whole and second.ended == "done" and not replayed.differs(self.case, self.trial, second):
            return
        if second.ended == "done":
            await self._attempt("same-3", "same", Change(env=ONE_THREAD), complete=True)
            if not whole:
                await self._attempt("same-4", "same", Change(), complete=True)

    async def _seeds(self) -> None:
        offsets = self._rng.sample(range(1_000, 100_000), SEEDS)
        for number, offset in enumerate(offsets, 1):
            if not self._shifts(offset):
                why = "no seed was found in the commands, the code or the configuration"
                self.plan.left.append(Left(what="other seeds", why=why))
                return
            await self._attempt(f"seed-{number}", "seed", Change(offset=offset), complete=self._complete)

    def _shifts(self, offset: int) -> bool:
        """Whether any seed is found."""
        knobs = [knob for step in self.plan.steps for knob in self._command(step, Change(offset=offset))[1]]
        for step in self.plan.steps:
            for path, digest in self.plan.given(step.seq).items():
                if not knobs and (content := self.plan.content(path, digest)) is not None:
                    knobs += shift_bytes(path, content, offset)[1]
        return bool(knobs)

    async def _interventions(self) -> None:
        bundled = self.plan.bundled()
        if not self.data and not bundled:
            why = "no data file of the workspace is read by the commands and can be copied"
            others = self.plan.library_data()
            if others:
                why += f" (the data come from {', '.join(others[:3])})"
            self.plan.left.append(Left(what="changed data", why=why))
            return
        base = replayed.of_attempt(self.trial, self._base)
        still: list[AttemptKind] = []
        high = False
        kinds: tuple[AttemptKind, ...] = ("truncated", "permuted", "shuffled")
        for kind in kinds:
            if kind == "permuted" and not bundled and not any(one.label for one in self.data):
                continue
            if kind == "shuffled" and "permuted" in [one.kind for one in self.attempts] and "permuted" not in still and not high:
                continue
            made = await self._attempt(kind, kind, Change(data=kind), complete=self._complete)
            if made.ended != "done" or not made.changed:
                continue
            outputs = replayed.of_attempt(self.trial, made)
            if replayed.unmoved(base, outputs):
                still.append(kind)
            elif kind == "permuted":
                high = bool(replayed.remembered(base, [outputs], replayed.majority(self.data, made)))
        if still:
            await self._attempt("absent", "absent", Change(data="absent"), complete=self._complete)

    @property
    def _base(self) -> Attempt:
        """The last attempt that ran as recorded: others are compared with it."""
        return [one for one in self.attempts if one.kind == "same" and one.ended == "done"][-1]

    @property
    def _complete(self) -> bool:
        return self._base.complete

    # -- one attempt --------------------------------------------------------------------------------------------------

    async def _attempt(self, name: str, kind: AttemptKind, change: Change, *, complete: bool = False) -> Attempt:
        """One attempt, or the stored one of an earlier process that was killed after it."""
        complete = complete or all(step.lean for step in self.plan.steps)
        folder = self.trial / ATTEMPTS / name
        stored = folder / "attempt.json"
        try:
            made = Attempt.model_validate_json(stored.read_bytes())
        except (OSError, ValueError):
            steps = [step for step in self.plan.steps if complete or step.lean]
            expected = sum(step.seconds for step in steps if step.program)
            if expected > self._limit.seconds - self._spent:
                why = f"it would take {expected:.0f} s or more; {max(0.0, self._limit.seconds - self._spent):.0f} s were left"
                made = Attempt(name=name, kind=kind, complete=complete, ended="not done", reason=why)
            else:
                made = await self._run(folder, name, kind, change, steps, complete)
                self._save(stored, made.model_dump_json(indent=1).encode())
        self._spent += made.seconds
        self.attempts.append(made)
        self.data += [one for one in made.bundled if one.rows and all(other.path != one.path for other in self.data)]
        return made

    async def _run(self, folder: Path, name: str, kind: AttemptKind, change: Change, steps: list[Step], complete: bool) -> Attempt:
        started = time.monotonic()
        for place in (folder, self.workspace):
            shutil.rmtree(place, ignore_errors=True)
            os.makedirs(place)  # noqa: PTH103 - of this process alone, nothing to wait for
        work = Work(self, change)
        work.prepare(self.workspace, steps[0].seq)
        ledger = Ledger(folder, self.workspace)
        sandbox = self._make_sandbox(name, change.env)
        ran: list[Ran] = []
        reason = ""
        try:
            said = await sandbox.start()
            for step in steps:
                await work.restore(ledger, sandbox, step.seq)
                command, knobs = self._command(step, change)
                work.knobs += knobs
                left = self._limit.seconds - self._spent - (time.monotonic() - started)
                if left <= 1:
                    reason = "the time for re-execution was used up"
                    break
                timeout = min(left, self._limit.factor * step.seconds + self._limit.margin)
                result = await ledger.run(sandbox, command, tool="rerun", timeout=timeout)
                if step.program:
                    ran.append(_ran(step, result, read_events(ledger.path)[0][-1].output or ""))
                    if result.kind != "exited" or result.exit_code != 0:
                        how = f"exit status {result.exit_code}" if result.kind == "exited" else result.kind
                        last = result.output.strip().splitlines()
                        reason = f"event {step.seq} ended with {how}: {last[-1][:300] if last else 'no output'}"
                        break
                    await work.change_made(ledger, sandbox, step.seq)
        finally:
            await sandbox.close()
        bundled = work.bundled(self.workspace)
        files = keep(folder, self.workspace, work)
        shutil.rmtree(folder / "evidence" / "versions", ignore_errors=True)
        shutil.rmtree(self.workspace, ignore_errors=True)
        return Attempt(
            name=name,
            kind=kind,
            complete=complete,
            ended="failed" if reason else "done",
            reason=reason,
            seconds=round(time.monotonic() - started, 3),
            ran=ran,
            knobs=_unique(work.knobs),
            changed=sorted({*work.changed, *(one.path for one in bundled)}),
            bundled=bundled,
            files=files,
            differs=_differences(self._environment, {**said, "machine": machine()}),
        )

    def _command(self, step: Step, change: Change) -> tuple[str, list[Knob]]:
        """The command to run, with its seeds and those of code that it types shifted, or with the hook for bundled data."""
        if change.data and step.program:
            number = self._number(changed_data.NAME)
            path = f'PYTHONPATH="$PWD/{HOOK}${{PYTHONPATH:+:$PYTHONPATH}}"'
            return f"export {path} MLRBENCH_CHANGE='{change.data} {number}'\n{step.command}", []
        if not change.offset:
            return step.command, []
        command, knobs = shift_command(step.command, change.offset, step.seq)
        reading = self.case.writers.readings[step.seq]
        typed = [(target, text) for target, text in reading.typed.items() if is_code(target)]
        typed += [(f"command {step.seq}", text) for text in reading.inline]
        for target, text in typed:
            body = text.strip("\n")
            new, found = shift_text(target, body, change.offset)
            if found and command.count(body) == 1:
                command = command.replace(body, new)
                knobs += found
        return command, knobs

    # -- data ---------------------------------------------------------------------------------------------------------

    def _data_files(self) -> list[DataFile]:
        """Data files that a step is given, or that one step makes for a later one, and of which code or a command speaks."""
        spoken = self.plan.names_in_code()
        found: dict[str, DataFile] = {}
        for step in self.plan.steps:
            for path, digest in self.plan.given(step.seq).items():
                if path not in found and self._may_be_data(path, spoken):
                    content = self.plan.content(path, digest)
                    if content is not None and (shape := _shape(path, content)) is not None:
                        found[path] = DataFile(path=path, **asdict(shape))
        programs = [step.seq for step in self.plan.steps if step.program]
        for writing in self.case.writers.all:
            path, seq = writing.path, writing.event.seq
            made = writing.how == "program" and seq in programs[:-1] and path not in found
            if made and writing.after is not None and self._may_be_data(path, spoken):
                content = self.plan.content(path, writing.after)
                if content is not None and (shape := _shape(path, content)) is not None:
                    found[path] = DataFile(path=path, made_by=seq, **asdict(shape))
        return list(found.values())

    def _may_be_data(self, path: str, spoken: str) -> bool:
        name = posixpath.basename(path)
        suffix = posixpath.splitext(name)[1].lower()
        if suffix not in data.SUFFIXES or name in NOT_DATA or is_result(path) or path.startswith("inputs/"):
            return False
        folder = posixpath.basename(posixpath.dirname(path))
        pattern = bool(folder) and f"*{suffix}" in spoken and folder in spoken
        return name in spoken or pattern or (posixpath.splitext(name)[0] in spoken and suffix in spoken)

    def _number(self, path: str) -> int:
        """Which permutation it is."""
        return random.Random(f"{self._seed} {path}").getrandbits(32)  # noqa: S311

    def changed_data(self, path: str, content: bytes, how: str) -> bytes | None:
        """The data file as an attempt gets it; None for not at all."""
        if how == "absent":
            return None
        change = {"permuted": data.permuted, "shuffled": data.shuffled, "truncated": data.truncated}[how]
        try:
            return change(path, content, self._number(path))
        except data.UNREADABLE:
            return content  # a program wrote something else into it this time


def _shape(path: str, content: bytes) -> data.Shape | None:
    return data.shape(path, content) if 0 < len(content) <= data.MAX_BYTES else None


def _ran(step: Step, result: ExecResult, output: str) -> Ran:
    seconds = round(result.finished - result.started, 3)
    return Ran(seq=step.seq, exit_kind=result.kind, exit_code=result.exit_code, seconds=seconds, output=output)


def _differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """In what a sandbox is another one, by what it says of itself; limits and devices do not count."""
    names = [name for name in ("sandbox", "machine", "python", "image_id") if name in before and name in now]
    return [f"{name}: {before[name]} then, {now[name]} now" for name in names if json.dumps(before[name]) != json.dumps(now[name])]


def _unique(knobs: list[Knob]) -> list[Knob]:
    return list({(knob.file, knob.line, knob.before): knob for knob in knobs}.values())[:50]
