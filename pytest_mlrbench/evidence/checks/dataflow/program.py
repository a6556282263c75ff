"""What was executed: scripts, their text at that time, their arguments and the modules they import; the rules read these."""

import fnmatch
import itertools
import json
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from ....patterns import lazy
from ...events import Event
from ...files import SKIPPED_FOLDERS
from ..case import Case
from ..shell import INTERPRETERS, SHELLS, read_command
from ..subject import files_below, read_text

MAX_EXECUTIONS = 24
"""Different executions of one run that are read, the last ones first: they left the results."""
MAX_SOURCES = 200
"""Source files in which a search path is looked for."""
PYTHON = lazy(r"^(?:.*/)?(?:i?python[\d.]*|uv|accelerate|torchrun)$")
_PYTHONPATH = lazy(r"\bPYTHONPATH=[\"']?([^\s\"';&|]+)")
_SYS_PATH = lazy(r"\bsys\.path\.(?:insert|append|extend)\(([^\n]*)\)")
_LITERAL = lazy(r"[\"']([\w./-]*)[\"']")
_TOP = lazy(r"^(?:\$\{?PWD\}?|\$\(pwd\)|`pwd`|/workspace|\.{1,2}|/)(?:/|$)")
"""The workspace's own name, in front of a folder of it."""
NOT_SOURCES = frozenset((".png", ".jpg", ".npz", ".pt", ".pth", ".pkl"))


class Execution(NamedTuple):
    """One script that was run."""

    file: str
    text: str
    arguments: tuple[str, ...] = ()
    event: Event | None = None
    """None: nothing says that it was run; it is the folder's entry point."""
    failed: bool = False


@dataclass
class Executed:
    """The programs of one subject."""

    case: Case
    missing: list[tuple[str, Event]] = field(default_factory=list)
    """Scripts whose text is nowhere."""

    @cached_property
    def history(self) -> dict[str, list[tuple[int, str]]]:
        """Source file -> (event, digest) of every version that is known."""
        found: dict[str, list[tuple[int, str]]] = {}
        for event in self.case.subject.events:
            for change in event.changes:
                if change.after is not None and posixpath.splitext(change.path)[1].lower() in (".py", ".sh", ".ipynb", ""):
                    found.setdefault(change.path, []).append((event.seq, change.after))
        return found

    @cached_property
    def typed(self) -> dict[str, list[tuple[int, str]]]:
        """Source file -> (event, text) as a command typed it; it may be gone when the command ends."""
        found: dict[str, list[tuple[int, str]]] = {}
        for seq, reading in self.case.writers.readings.items():
            for target, text in reading.typed.items():
                if target.endswith((".py", ".sh")):
                    found.setdefault(re.sub(r"^(\.\./|/)+", "", target), []).append((seq, text))
        return found

    @cached_property
    def on_disk(self) -> dict[str, str]:
        """Source files of the folder: name -> absolute path."""
        root = self.case.subject.experiment
        found = {}
        for path in files_below(root) if root is not None else ():
            if path.suffix.lower() in (".py", ".sh", ".ipynb"):
                found[path.relative_to(root).as_posix()] = str(path)  # type: ignore[arg-type]
        return found

    @cached_property
    def names(self) -> dict[str, list[str]]:
        """Base name -> source files that bear it."""
        found: dict[str, list[str]] = {}
        for name in dict.fromkeys([*self.on_disk, *self.history, *self.typed]):
            found.setdefault(posixpath.basename(name), []).append(name)
        return found

    def folder(self, command: str) -> str:
        """The folder of the workspace that `command` changes into; empty for its top."""
        folders = {posixpath.dirname(name) for name in (*self.on_disk, *self.history)} - {""}
        for target in reversed(re.findall(r"(?:^|[;&|]|\n)\s*cd\s+[\"']?([^\s\"';&|]+)", command)):
            parts = posixpath.normpath(target).strip("/").split("/")
            for index in range(len(parts)):
                if "/".join(parts[index:]) in folders:
                    return "/".join(parts[index:])
        return ""

    def find(self, wanted: str, near: str = "") -> str | None:
        """The known source file that the path `wanted` of a command or an import means; of several, the one nearest to `near`."""
        wanted = _inside(wanted)
        candidates = self.names.get(posixpath.basename(wanted), [])
        fitting = [c for c in candidates if c == wanted or c.endswith(f"/{wanted}") or wanted.endswith(f"/{c}")]
        folder = posixpath.dirname(near)
        return min(fitting, key=lambda c: (posixpath.dirname(c) != folder, c.count("/"), c), default=None)

    def text(self, name: str, seq: int) -> str | None:
        """The source file as it was when event `seq` ran."""
        subject = self.case.subject
        versions = [(s, t) for s, t in self.typed.get(name, []) if s <= seq]
        for number, digest in self.history.get(name, []):
            if number <= seq and (text := subject.version_text(digest)) is not None:
                versions.append((number, text))
        if versions:
            # Of one command, what it left counts before what it typed first: it may have gone on typing.
            return max(reversed(versions), key=lambda version: version[0])[1]
        from pathlib import Path

        return read_text(Path(self.on_disk[name])) if name in self.on_disk else None

    def data(self, path: str, script: str, seq: int) -> tuple[str, str | None] | None:
        """Name and text of a data file that was typed (by an editor tool or in a command) before event `seq`.

        The text is None when it is not readable as such: bytes that were typed as base64, a file that the ledger did not keep.
        """
        for name in dict.fromkeys(_places(path, script)):
            last = next((w for w in reversed(self.case.writers.all) if w.path == name and w.event.seq <= seq), None)
            if last is not None and last.how == "typed":
                text = self.case.subject.version_text(last.after)
                typed = self.case.writers.readings.get(last.event.seq)
                if text is None and typed is not None:
                    text = typed.typed.get(name)
                return (name, text)
            if last is not None:
                return None
        for number, reading in reversed(self.case.writers.readings.items()):
            # A file outside the workspace leaves no change behind; the command that typed it is known.
            if number <= seq and path in reading.typed:
                return (path, reading.typed[path])
        return None

    def made(self, path: str, script: str, seq: int) -> bool:
        """Whether a program of this run wrote the file before event `seq`."""
        places = _places(path, script)
        # What the only program of a command reads of that command's own files, it wrote itself.
        reading = self.case.writers.readings.get(seq)
        last = seq if reading is None or len(reading.programs) != 1 else seq - 1
        return any(w.path in places and w.how == "program" and w.event.seq <= last for w in self.case.writers.all)

    def own(self, path: str, script: str, seq: int) -> bool:
        """Whether the program of event `seq`, its only one, was the first to write the file."""
        places = _places(path, script)
        reading = self.case.writers.readings.get(seq)
        first = next((writing for writing in self.case.writers.all if writing.path in places), None)
        alone = reading is not None and len(reading.programs) == 1
        return alone and first is not None and first.how == "program" and first.event.seq == seq

    @cached_property
    def _base_names(self) -> set[str]:
        """Names of all files that the workspace holds or ever held."""
        root = self.case.subject.experiment
        here = (path.name for path in files_below(root)) if root is not None else ()
        changed = (posixpath.basename(change.path) for event in self.case.subject.events for change in event.changes)
        return {*here, *changed}

    def matching(self, pattern: str, script: str, seq: int) -> str | None:
        """One of the files that match the pattern of a path before event `seq`, when programs of the run wrote all of them or all
        of them were typed."""
        wanted = _inside(pattern)
        there = {change.path: change.after for event in self.case.subject.events if event.seq < seq for change in event.changes}
        match = (path for path, after in there.items() if fnmatch.fnmatch(path, wanted) or path.endswith(f"/{wanted}"))
        found = sorted(path for path in match if there[path] is not None)
        made = [self.made(path, script, seq) for path in found]
        alike = all(made) or not (any(made) or any(self.data(path, script, seq) is None for path in found))
        return found[0] if found and alike else None

    def lost(self, path: str) -> bool:
        """Whether the path leads into the workspace, and no file there ever had its name."""
        steps = posixpath.normpath(path).split("/")
        # One step up is still inside for a program that runs in a folder of the workspace.
        inside = not path.startswith(("/", "~")) and steps.count("..") <= 1 and "?" not in path
        return inside and steps[-1] not in self._base_names

    def module(self, name: str, importer: str, seq: int) -> tuple[str, str] | None:
        """File and text of the module `name` that `importer` imports, when it is of this run."""
        dots = len(name) - len(name.lstrip("."))
        bare = name.lstrip(".").replace(".", "/")
        folder = posixpath.dirname(importer)
        for _ in range(dots - 1):
            folder = posixpath.dirname(folder)
        places = [folder] if dots else list(dict.fromkeys([folder, posixpath.dirname(folder), "", "code", "src"]))
        found = next(self._lying(bare, places, seq), None)
        if found is not None or dots:
            return found
        # Only the search path may lead to it.
        return next((one for one in self._lying(bare, self._path_folders, seq) if self._is_own(one[0])), None)

    def _is_own(self, path: str) -> bool:
        """Whether a module is the run's; of what lies among installed packages, only what the agent typed is."""
        if SKIPPED_FOLDERS.isdisjoint(path.split("/")):
            return True
        return any(one.path == path and one.how == "typed" for one in self.case.writers.all)

    def _lying(self, bare: str, places: Iterable[str], seq: int) -> Iterator[tuple[str, str]]:
        """File and text of every module `bare` (a path without suffix; empty for the folder's own) that lies in one of `places`."""
        for place in places:
            for tail in (f"{bare}.py", f"{bare}/__init__.py") if bare else ("__init__.py",):
                path = posixpath.join(place, tail)
                known = path in self.on_disk or path in self.history or path in self.typed
                if known and (text := self.text(path, seq)) is not None:
                    yield path, text

    @cached_property
    def _path_folders(self) -> list[str]:
        """Folders of the workspace that a command or a program puts on Python's search path."""
        commands = [event.command for event in self.case.writers.runs]
        own = (
            name
            for name in dict.fromkeys([*self.typed, *self.history, *self.on_disk])
            if SKIPPED_FOLDERS.isdisjoint(name.split("/"))
        )
        texts = [text for name in itertools.islice(own, MAX_SOURCES) if (text := self.text(name, 10**9))]
        said = [
            word
            for text in (*commands, *texts)
            if "PYTHONPATH" in text
            for found in _PYTHONPATH.findall(text)
            for word in found.split(":")
        ]
        said += ["/".join(_LITERAL.findall(call)) for text in texts if "sys.path" in text for call in _SYS_PATH.findall(text)]
        known = sorted({posixpath.dirname(name) for name in (*self.on_disk, *self.history, *self.typed)} - {""})
        found: list[str] = []
        for word in said:
            while (shorter := _TOP.sub("", word, count=1)) != word:
                word = shorter
            word = posixpath.normpath(word)
            found += [folder for folder in known if folder == word or folder.endswith(f"/{word}")]
        return list(dict.fromkeys(found))

    def executions(self) -> list[Execution]:
        """Every different execution, the last first; without any record, the folder's entry points."""
        found: list[Execution] = []
        subject = self.case.subject
        for event in self.case.writers.runs:
            if event.source == "gateway":
                continue
            reading = self.case.writers.readings[event.seq]
            near = f"{self.folder(event.command)}/x"
            for program in reading.programs:
                found += self._program(program, event, event.failed, near, 0)
            inline = posixpath.join(posixpath.dirname(near), f"command {event.seq}")
            found += [Execution(inline, code, (), event, event.failed) for code in reading.inline]
        if not found and not subject.watched:
            found = [
                Execution(name, text)
                for name, path in self.on_disk.items()
                if name.endswith(".py") and "__main__" in (text := _read(path)) and "test" not in posixpath.basename(name)
            ]
        unique: dict[tuple[str, tuple[str, ...], str], Execution] = {}
        for one in found:
            key = (one.file, one.arguments, one.text)
            if key not in unique or unique[key].failed:
                unique.pop(key, None)
                unique[key] = one
        return list(reversed(unique.values()))[:MAX_EXECUTIONS]

    def _program(self, program: str, event: Event, failed: bool, near: str, depth: int) -> list[Execution]:
        words = program.split()
        while words and ("=" in words[0] and not words[0].startswith("-")):
            words = words[1:]
        if not words or depth > 4:
            return []
        name = posixpath.basename(words[0])
        if name in SHELLS or words[0].endswith(".sh") or name in ("source", "."):
            script = next((word for word in words if word.endswith(".sh")), None)
            return self._shell(script, event, failed, depth) if script else []
        if words[0].endswith(".py"):
            return self._script(words[0], words[1:], event, failed, near)
        if INTERPRETERS.match(name) or PYTHON.match(words[0]):
            for index, word in enumerate(words[1:], 1):
                if word == "-m" and index + 1 < len(words):
                    module = words[index + 1].replace(".", "/")
                    rest = words[index + 2 :]
                    if self.find(f"{module}.py", near) or self.find(f"{module}/__main__.py", near):
                        name = f"{module}.py" if self.find(f"{module}.py", near) else f"{module}/__main__.py"
                        return self._script(name, rest, event, failed, near)
                    inner = next((i for i, w in enumerate(rest) if w.endswith(".py")), None)
                    return self._script(rest[inner], rest[inner + 1 :], event, failed, near) if inner is not None else []
                if word.endswith(".py"):
                    return self._script(word, words[index + 1 :], event, failed, near)
                if word in ("-c", "-", "-e"):
                    return []
            if len(words) == 1 and self.case.writers.readings[event.seq].inline:
                return []
        if name in ("jupyter", "papermill"):
            notebook = next((word for word in words if word.endswith(".ipynb")), None)
            return self._script(notebook, [], event, failed, near) if notebook else []
        known = self.find(words[0]) if "/" in words[0] else None
        if known and not known.endswith(".py"):
            return self._shell(known, event, failed, depth)
        # A program of the workspace that is no text, or one of another language: it may do anything.
        if (words[0].startswith(("./", "../")) or INTERPRETERS.match(name)) and not failed:
            self.missing.append((program[:80], event))
        return []

    def _shell(self, script: str, event: Event, failed: bool, depth: int) -> list[Execution]:
        name = self.find(script)
        text = self.text(name, event.seq) if name is not None else None
        if name is None or text is None:
            if not failed:
                self.missing.append((script, event))
            return []
        reading = read_command(text)
        found = [one for program in reading.programs for one in self._program(program, event, failed, name, depth + 1)]
        return [*found, *(Execution(name, code, (), event, failed) for code in reading.inline)]

    def _script(self, script: str, arguments: list[str], event: Event, failed: bool, near: str) -> list[Execution]:
        name = self.find(script, near)
        text = self.text(name, event.seq) if name is not None else None
        if name is None or text is None:
            if not failed:
                self.missing.append((script, event))
            return []
        if name.endswith(".ipynb"):
            text = notebook_code(text)
        return [Execution(name, text, tuple(word for word in arguments if word not in (">", "2>&1", "&")), event, failed)]

    def child(self, command: str, parent: Execution) -> list[Execution]:
        """Scripts that a program of the run starts itself."""
        if parent.event is None:
            return []
        return self._program(command, parent.event, parent.failed, parent.file, 1)


def _places(path: str, script: str) -> tuple[str, str]:
    """Where the path that a script opens may lead: from the top of the workspace, and from the script's folder."""
    wanted = _inside(path)
    return wanted, posixpath.join(posixpath.dirname(script), wanted)


def _inside(path: str) -> str:
    """A path as the workspace names it, whatever leads there."""
    return re.sub(r"^(?:\.{1,2}/|/)+", "", posixpath.normpath(path))


def notebook_code(text: str) -> str:
    """The code cells of a notebook as one script; lines that are no Python (`%`, `!`) left out."""
    try:
        cells = json.loads(text).get("cells", [])
    except (ValueError, AttributeError, RecursionError):
        return ""
    parts = []
    for cell in cells:
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = cell.get("source", "")
            parts.append("".join(source) if isinstance(source, list) else str(source))
    return "\n".join("pass" if line.lstrip()[:1] in ("%", "!") else line for line in "\n".join(parts).splitlines())


def _read(path: str) -> str:
    from pathlib import Path

    return read_text(Path(path))
