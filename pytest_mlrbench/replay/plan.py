"""The replay plan: which recorded commands made the final results, and which files the host gives them; execute.py carries it out.

Nothing that a program of the run wrote is given to the re-run, and nothing typed into a results folder: only code, typed or
downloaded data and the task's inputs, each in the version that it had when the command was recorded.
"""

import ast
import hashlib
import posixpath
import re
from dataclasses import dataclass, field
from functools import cached_property

from ..evidence.checks.case import Case
from ..evidence.checks.subject import read_bytes
from ..evidence.checks.writers import WITHOUT_PROGRAM, Writing
from ..evidence.events import Event
from ..evidence.reruns import NO_INSTALL, Knob, Left, Step
from .clocks import clock_decisions, reads_clock

MAX_STEPS = 200
"""Programs of one plan; a longer session is named and not run again."""
CODE_SUFFIXES = frozenset((".py", ".sh", ".r", ".jl", ".js", ".c", ".cpp", ".rb", ".pl"))
RESULT_FOLDERS = frozenset(("results", "result", "figures", "outputs", "logs"))
RESULT_FILES = frozenset(("results.md", "results.json", "claims.json", "log.txt"))
GIVEN_FILE = 256 * 2**20
"""Bytes of the largest file that is put back: what the experiment's output keeps of a file (sandboxes.export)."""
_SETUP = re.compile(
    r"(?:^|[;&|\n(])\s*"
    r"(?:mkdir|cp|mv|ln|tar|unzip|gunzip|rm|rmdir|touch|chmod|curl|wget|git|rsync|install|pip3?|python3? -m pip)\b"
)
_INSTALL = re.compile(r"(?:^|[;&|\n(])\s*(?:pip3?|python3? -m pip|conda|uv|apt|apt-get|npm)\s+(?:pip\s+)?install\b")
_FOLDERS = re.compile(r"(?:^|[;&|\n(])\s*(mkdir\s+(?:-\w+\s+)*[\w./][^;&|\n>()<$`]*)")
_INTO_FILE = re.compile(r"(?<![0-9&>])>{1,2}\s*(?!&|/dev/)[\w./]")
_BACKGROUND = re.compile(r"(?<![&>|<])&(?![&>\d])")
_BUNDLED_DATA = re.compile(
    r"\b(?:sklearn\.datasets|make_(?:classification|regression|blobs|moons|circles|low_rank_matrix|friedman\d|sparse_\w+)\s*\("
    r"|load_(?:iris|digits|wine|breast_cancer|diabetes|linnerud)\s*\()"
)
"""What changed_data.py hands out changed."""
_LIBRARY_DATA = re.compile(
    r"\b(?:torchvision(?:\.datasets|\b)|torchaudio\.datasets|torchtext|torch_geometric\.datasets|keras\.datasets|tensorflow_datasets"
    r"|load_dataset\s*\(|fetch_\w+\s*\(|nltk\.corpus|ogb\.|openml)"
)


def is_result(path: str) -> bool:
    """Whether a file that somebody typed is a result by its place, so that a re-run must not find it."""
    parts = path.lower().split("/")
    return any(part in RESULT_FOLDERS for part in parts[:-1]) or parts[-1] in RESULT_FILES


def is_code(path: str) -> bool:
    return posixpath.splitext(path)[1].lower() in CODE_SUFFIXES


@dataclass
class Plan:
    """What can be run again of one experiment."""

    case: Case
    installs: bool = False
    """The sandbox reaches a package index and is thrown away, so `pip install` is repeated."""
    left: list[Left] = field(default_factory=list)
    lost: list[Left] = field(default_factory=list)
    _decoded: dict[str, str] = field(default_factory=dict)

    @cached_property
    def steps(self) -> list[Step]:
        """All commands to run again, in order; empty when no program left anything that a re-run could show."""
        programs = self._programs()
        if not programs:
            return []
        if len(programs) > MAX_STEPS:
            self.left.append(Left(what=f"{len(programs)} commands", why=f"more than {MAX_STEPS} commands that ran programs"))
            return []
        lean = self._lean(programs)
        if not lean:
            self.left.append(Left(what="the commands", why="no program left a file or an output that the report states"))
            return []
        last = max(lean)
        chosen = []
        for event in self.case.subject.events:
            if event.kind != "command":
                continue
            if event.seq in programs:
                if event.seq > last:
                    continue
                chosen.append(self._step(event, program=True, lean=event.seq in lean))
            elif not event.failed and self._prepares(event):
                chosen.append(self._step(event, program=False, lean=True))
            elif event.seq <= last and (folders := _FOLDERS.findall(_without_heredocs(event.command))):
                # Of a command that failed or typed results, only the empty folders are made: later programs may count on them.
                made = "\n".join(map(str.strip, folders))
                chosen.append(Step(seq=event.seq, command=made, program=False, seconds=0.0, lean=True))
        self._note_lost(programs)
        return chosen

    def _step(self, event: Event, *, program: bool, lean: bool) -> Step:
        command = event.command
        if program and _BACKGROUND.search(_without_heredocs(command)):
            command += "\nwait"  # a program in the background would be ended with the sandbox; here it is waited for
        seconds = (event.finished or 0.0) - (event.started or 0.0)
        if command != event.command:
            seconds = max(seconds, self._until_next(event))
        return Step(seq=event.seq, command=command, program=program, seconds=max(0.0, seconds), lean=lean)

    def _until_next(self, event: Event) -> float:
        """Seconds to the end of the session: what ran in the background may have taken all of it."""
        ends = [other.finished for other in self.case.subject.events if other.finished is not None]
        return (max(ends) if ends else 0.0) - (event.started or 0.0)

    def _programs(self) -> dict[int, Event]:
        """Events that ran a program to its end; what one left outside the workspace (a cache in HOME) nobody sees."""
        found = {}
        for event in self.case.writers.runs:
            if not event.watched:
                continue
            if event.failed:
                how = event.exit_kind if event.exit_kind != "exited" else f"exit status {event.exit_code}"
                self.left.append(Left(what=event.command[:120], why=f"it failed when it was recorded ({how})", seq=event.seq))
            else:
                found[event.seq] = event
        return found

    @cached_property
    def _told(self) -> set[int]:
        """Events whose captured output holds a number that a document states."""
        by_output = {event.output: event.seq for event in self.case.writers.runs if event.output}
        found: set[int] = set()
        for tally in self.case.tallies.values():
            for one in tally.traced:
                if one.source is not None and one.source.file in by_output:
                    found.add(by_output[one.source.file])
        return found

    def _lean(self, programs: dict[int, Event]) -> set[int]:
        """The programs that the final files come from, and what those found there when they began."""
        final: dict[str, Writing] = {}
        for writing in self.case.writers.all:
            if writing.after is None:
                final.pop(writing.path, None)
            elif writing.how == "program":
                final[writing.path] = writing
        needed = {writing.event.seq for writing in final.values() if writing.event.seq in programs}
        needed |= self._told & programs.keys()
        for writing in self.case.writers.all:
            if self._left_running(writing):
                needed |= self._background(writing.event.seq) & programs.keys()
        for seq in sorted(programs, reverse=True):
            if seq in needed:
                own = {change.path for change in programs[seq].changes}
                needed |= {
                    writing.event.seq
                    for path, writing in self._before(seq).items()
                    if writing.how == "program" and path not in own and writing.event.seq in programs
                }
        return needed

    def _before(self, seq: int) -> dict[str, Writing]:
        """Path -> who had written it, as the workspace was when event `seq` began."""
        files: dict[str, Writing] = {}
        for writing in self.case.writers.all:
            if writing.event.seq >= seq:
                break
            if writing.after is None:
                files.pop(writing.path, None)
            else:
                files[writing.path] = writing
        return files

    def _prepares(self, event: Event) -> bool:
        reading = self.case.writers.readings[event.seq]
        if reading.programs:
            return False
        if any(is_result(target) and not is_code(target) for target in reading.typed):
            return False
        if _INSTALL.search(event.command):
            if not self.installs:
                self.left.append(Left(what=event.command[:120], why=NO_INSTALL, seq=event.seq))
            return self.installs
        outside = any(target.startswith("/") for target in reading.typed)
        return bool(_SETUP.search(event.command)) or outside or bool(_INTO_FILE.search(_without_heredocs(event.command)))

    def _note_lost(self, programs: dict[int, Event]) -> None:
        """Files that were there for a program and that no re-run can have."""
        for seq in sorted(programs):
            spoken = programs[seq].command + "\n".join(self._texts(seq).values())
            for path, writing in self._before(seq).items():
                event = writing.event
                if posixpath.splitext(path)[1].lower() in (".log", ".png", ".svg", ".pyc", ".md", ".pdf"):
                    continue
                why = ""
                if writing.how == "program" and event.failed:
                    why = f"event {event.seq}, which failed, had left it for event {seq}"
                elif self._left_running(writing):
                    continue
                elif writing.how != "program" and not self._may_give(writing) and posixpath.basename(path) in spoken:
                    why = f"it lies where results lie and no program wrote it, so it is not given to event {seq}"
                if why and not any(one.what == path for one in self.lost):
                    self.lost.append(Left(what=path, why=why, seq=event.seq))

    # -- what the host gives ------------------------------------------------------------------------------------------

    def given(self, seq: int) -> dict[str, str]:
        """Path -> digest of the files that the host puts in place before event `seq`."""
        files: dict[str, str] = {}
        for writing in self.case.writers.all:
            if writing.event.seq >= seq:
                break
            if writing.after is None or not re.fullmatch(r"[0-9a-f]{64}", writing.after) or not self._may_give(writing):
                files.pop(writing.path, None)
            else:
                files[writing.path] = writing.after
        return files

    def folders(self, seq: int) -> list[str]:
        """Folders that were there when event `seq` began, because files were; an empty one leaves no trace in the ledger."""
        found = {posixpath.dirname(path) for path in self._before(seq) if "\\" not in path} - {""}
        return sorted(folder for folder in found if "__pycache__" not in folder and not folder.startswith("/"))[:200]

    def _may_give(self, writing: Writing) -> bool:
        if is_code(writing.path):
            return True
        if is_result(writing.path) or writing.how == "program" or "__pycache__" in writing.path:
            return False
        return not self._left_running(writing)

    def _left_running(self, writing: Writing) -> bool:
        """Whether what changed while a command without a program ran may be the work of an earlier one in the background."""
        return writing.means == WITHOUT_PROGRAM and bool(self._background(writing.event.seq))

    def _background(self, seq: int) -> set[int]:
        """The earlier events that left a program running."""
        return {started for started in self._started_in_background if started < seq}

    @cached_property
    def _started_in_background(self) -> list[int]:
        """Events whose command goes on after the shell has ended."""
        return [event.seq for event in self.case.writers.runs if _BACKGROUND.search(_without_heredocs(event.command))]

    def content(self, path: str, digest: str) -> bytes | None:
        """The file with this digest: the kept version, or the final file where it is the same."""
        subject = self.case.subject
        kept = subject.version(digest)
        places = [kept] if kept is not None else []
        if subject.experiment is not None:
            places.append(subject.experiment / path)
        for place in places:
            found = read_bytes(place, GIVEN_FILE)
            if found is not None and hashlib.sha256(found).hexdigest() == digest:
                return found
        return None

    # -- what the code says of itself ---------------------------------------------------------------------------------

    @cached_property
    def code(self) -> dict[str, str]:
        """Every program text that a step can run: file (or `command N`) -> text, in the last version given."""
        found: dict[str, str] = {}
        for step in self.steps:
            found.update(self._texts(step.seq))
        return found

    def _texts(self, seq: int) -> dict[str, str]:
        """The program texts that event `seq` can run."""
        found: dict[str, str] = {}
        for path, digest in self.given(seq).items():
            if is_code(path) and digest not in self._decoded and (content := self.content(path, digest)) is not None:
                self._decoded[digest] = content.decode("utf-8", "replace")
            if is_code(path) and digest in self._decoded:
                found[path] = self._decoded[digest]
        reading = self.case.writers.readings[seq]
        found.update(reading.typed)
        found.update({f"command {seq}.{number}": text for number, text in enumerate(reading.inline)})
        return found

    def clocks(self) -> list[Knob]:
        """Where the code (or a command's `timeout`) lets the clock decide."""
        found = [knob for path, text in self.code.items() for knob in clock_decisions(path, text)]
        for step in self.steps:
            if step.program and re.search(r"(?:^|[;&|\s])timeout\s+(?:-\S+\s+)*\d", step.command):
                found.append(Knob(file="evidence.jsonl", line=step.seq, before=step.command[:200], after=""))
        return found

    def times(self) -> bool:
        return any(reads_clock(text) for text in self.code.values())

    def bundled(self) -> list[str]:
        """Calls and imports that bring data which the host can hand out changed, each once."""
        return self._data_of(_BUNDLED_DATA)

    def library_data(self) -> list[str]:
        """Those that bring other data from a library."""
        return self._data_of(_LIBRARY_DATA)

    def _data_of(self, pattern: re.Pattern[str]) -> list[str]:
        found = [match.group().strip("( ") for text in self.code.values() for match in pattern.finditer(text)]
        return list(dict.fromkeys(found))[:10]

    def names_in_code(self) -> str:
        """All string constants of the code and all commands, for the question whether a file or a column is spoken of."""
        parts = [step.command for step in self.steps]
        for path, text in self.code.items():
            try:
                tree = ast.parse(text) if path.endswith(".py") or path.startswith("command ") else None
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                tree = None
            if tree is None:
                parts.append(text)
            else:
                nodes = ast.walk(tree)
                parts += [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        return "\n".join(parts)


def _without_heredocs(command: str) -> str:
    """The command without quoted text and heredoc bodies, where an `&` is no operator."""
    bare = re.sub(r"<<-?\s*(['\"]?)(\w+)\1.*?\n\s*\2\b", "", command, flags=re.DOTALL)
    return re.sub(r"'[^']*'|\"[^\"]*\"", "", bare)
