"""What a recorded shell command does: which files its text types, which programs it runs. Parsed by tree-sitter's Bash grammar."""

import posixpath
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from ...patterns import lazy

if TYPE_CHECKING:
    from tree_sitter import Node

_QUIET = """
cd ls mkdir rmdir rm touch chmod chown pwd which whereis type export set unset true false : test [ [[ sleep wait kill jobs
pip pip3 conda apt apt-get npm uv git tree du df free nvidia-smi uname whoami hostname date env printenv ps top id ulimit history
alias read shopt trap exit return break continue seq local declare pushd popd ln stat file sha256sum md5sum lscpu nproc source .
"""
QUIET = frozenset(_QUIET.split())
"""Commands that compute nothing and show no result."""
_SHOWING = "cat head tail less more grep egrep rg find wc sort uniq cut tr diff echo printf tee nl tac column jq sed awk xxd"
SHOWING = frozenset(_SHOWING.split())
"""Commands that show or rearrange text that is there already, or in their own text."""
DECODING = frozenset(("base64", "base32", "xxd", "uudecode"))
"""Commands that turn typed text into bytes: what they leave was typed."""
COPYING = frozenset(
    ("cp", "mv", "install", "rsync", "tar", "unzip", "gzip", "gunzip", "bzip2", "bunzip2", "xz", "unxz", "curl", "wget")
)
WRAPPERS = frozenset(("timeout", "nohup", "time", "env", "nice", "stdbuf", "xargs", "sudo", "exec", "setsid", "command"))
SHELLS = frozenset(("bash", "sh", "zsh", "dash"))
INTERPRETERS = lazy(r"^(python[\d.]*|ipython|perl|ruby|node|Rscript|R|julia|octave|php)$")


@dataclass
class Reading:
    """One command, read."""

    typed: dict[str, str] = field(default_factory=dict)
    """File that the command's own text fills (heredoc, echo, printf, tee) -> that text; paths as the workspace sees them."""
    programs: list[str] = field(default_factory=list)
    """Commands that run a program, in order."""
    inline: list[str] = field(default_factory=list)
    """Code given to an interpreter on the command line or by a heredoc."""
    copies: bool = False
    """Copies, moves, unpacks or downloads files."""
    arranges: bool = False
    """Text that a filter (sed, awk, cat) wrote into a file."""
    decodes: bool = False
    """Turns text into bytes (base64 -d and its kin)."""
    edits: bool = False
    """Edits files in place (sed -i and its kin)."""


@lru_cache(maxsize=4096)
def read_command(command: str) -> Reading:
    """Read `command`. Text that is no valid shell is read as far as the grammar gets, never an exception."""
    reading = Reading()
    _Reader(reading).run(command, ".", 0)
    return reading


class _Reader:
    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.folder = "."

    def run(self, command: str, folder: str, depth: int) -> None:
        import tree_sitter_bash
        from tree_sitter import Language, Parser

        self.depth = depth
        self.folder = folder
        # The grammar takes `EOF;` for the delimiter of `<<EOF; python x.py` and would lose the program; `&&` it reads.
        command = re.sub(r"(<<-?\s*(['\"]?)\w+\2)\s*;(?=[^\n]*\S)", r"\1 && ", command)
        tree = Parser(Language(tree_sitter_bash.language())).parse(command.encode("utf-8", "replace"))
        pending = [tree.root_node]
        # Depth first in reading order without recursion: a hostile command may nest thousands deep.
        while pending:
            node = pending.pop()
            if node.type == "redirected_statement":
                pending.extend(reversed(self._redirected(node)))
            elif node.type == "command":
                self._command(node, "", [])
                pending.extend(reversed(_substitutions(node)))
            else:
                pending.extend(reversed(node.children))

    def _redirected(self, node: "Node") -> "list[Node]":
        """Handle `command > file <<EOF`; returns what is left to visit (pipelines and lists keep their inner commands)."""
        body = ""
        targets = []
        heredocs = [child for child in node.children if child.type in ("heredoc_redirect", "herestring_redirect")]
        for child in heredocs:
            body += "".join(_text(c) for c in child.children if c.type in ("heredoc_body", "string", "raw_string"))
        for child in (*node.children, *(inner for heredoc in heredocs for inner in heredoc.children)):
            if child.type == "file_redirect":
                operator = next((c.type for c in child.children if ">" in c.type or "<" in c.type), "")
                if ">" in operator and "&" not in operator.removeprefix("&"):
                    targets.append(_word(child.children[-1]))
        left: list[Node] = []
        for inner in (inner for heredoc in heredocs for inner in heredoc.children):
            # What follows `<<EOF` on its line: `| tee file` takes the text, `&& program` is a command of its own.
            if inner.type == "pipeline" and inner.children and inner.children[0].type == "|":
                # `cat <<EOF | tee file` types the text; `python - <<EOF | tee file` runs it, and tee gets what it prints.
                first = node.child_by_field_name("body") or node.children[0]
                flows = first.type == "command" and _words(first)[:1] in (["cat"], ["echo"], ["printf"])
                self._last_command(inner, body if flows else "", targets)
                targets = []
            elif inner.type in ("pipeline", "command", "list", "redirected_statement"):
                left.append(inner)
        inner_node = node.child_by_field_name("body") or (node.children[0] if node.children else None)
        if inner_node is None:
            return left
        if inner_node.type == "command":
            self._command(inner_node, body, targets)
            return [*_substitutions(inner_node), *left]
        self._last_command(inner_node, body, targets)
        return left

    def _last_command(self, node: "Node", body: str, targets: list[str]) -> None:
        """The redirection of a list or pipeline belongs to its last command; the others stand for themselves."""
        commands = [c for c in _descend(node) if c.type in ("command", "redirected_statement")]
        text = body
        for index, child in enumerate(commands):
            last = index == len(commands) - 1
            if child.type == "redirected_statement":
                for other in self._redirected(child):
                    if other.type == "command":
                        self._command(other, "", [])
            elif node.type == "pipeline":
                # `cat <<EOF | tee file` and `echo x | tee file`: the text flows on to the last command.
                words = _words(child)
                if index == 0 and words and words[0] in ("echo", "printf"):
                    text = " ".join(words[1:])
                self._command(child, text if last or index == 0 else "", targets if last else [])
            else:
                self._command(child, body if last else "", targets if last else [])

    def _command(self, node: "Node", body: str, targets: list[str]) -> None:
        words = _words(node)
        targets = [self._path(target) for target in targets]
        if not words:
            return
        words = _unwrapped(words)
        name = posixpath.basename(words[0]) if words else ""
        reading = self.reading
        if name == "cd":
            self.folder = posixpath.normpath(posixpath.join(self.folder, words[1])) if len(words) > 1 else "."
        elif name in SHELLS and "-c" in words[1:-1] and self.depth < 4:
            _Reader(reading).run(words[words.index("-c") + 1], self.folder, self.depth + 1)
        elif name == "eval" and self.depth < 4:
            _Reader(reading).run(" ".join(words[1:]), self.folder, self.depth + 1)
        elif name in ("source", ".") and len(words) > 1 and posixpath.basename(words[1]) != "activate":
            reading.programs.append(" ".join(words)[:400])
        elif name in SHELLS and body and len(words) == 1 and self.depth < 4:
            _Reader(reading).run(body, self.folder, self.depth + 1)
        elif INTERPRETERS.match(name):
            if len(words) > 1 and words[1] in ("--version", "-V", "-h", "--help"):
                return
            code = words[2] if len(words) > 2 and words[1] in ("-c", "-e") else body
            if code and (len(words) == 1 or words[1] in ("-c", "-e", "-")):
                reading.inline.append(code)
            if words[1:3] in (["-m", "pip"], ["-m", "venv"], ["-m", "py_compile"]):
                return
            reading.programs.append(" ".join(words)[:400])
        elif name in SHOWING:
            self._showing(name, words, body, targets)
        elif name in COPYING:
            reading.copies = True
        elif name in DECODING:
            reading.decodes = True
        elif name not in QUIET:
            reading.programs.append(" ".join(words)[:400])

    def _showing(self, name: str, words: list[str], body: str, targets: list[str]) -> None:
        text = " ".join(words[1:]) if name in ("echo", "printf") else body
        if name == "tee":
            targets = [*targets, *(self._path(word) for word in words[1:] if not word.startswith("-"))]
        if name in ("sed", "perl") and any(word.startswith("-i") or word == "--in-place" for word in words):
            self.reading.edits = True
        # What `echo $(python x.py)` writes comes from the program; numbers in the command's own text count as typed anyway.
        if text and name in ("echo", "printf", "cat", "tee") and not ("$(" in text and name in ("echo", "printf")):
            for target in targets:
                if target != "/dev/null":
                    self.reading.typed[target] = self.reading.typed.get(target, "") + text + "\n"
        elif name in ("sed", "awk", "cat", "tee") and targets and not body:
            self.reading.copies = True
            self.reading.arranges = True

    def _path(self, word: str) -> str:
        return posixpath.normpath(posixpath.join(self.folder, word))


def same_file(target: str, changed: str) -> bool:
    """Whether the path a command wrote to can be the workspace's `changed` (commands also use absolute paths and `..`)."""
    target = re.sub(r"^(\.\./)+", "", target)
    return target == changed or target.endswith("/" + changed) or changed.endswith("/" + target.lstrip("/"))


def _unwrapped(words: list[str]) -> list[str]:
    """`timeout -k 5 60 env A=1 python x.py` -> `python x.py`."""
    while words and words[0] in WRAPPERS and len(words) > 1:
        words = words[1:]
        while words and (words[0].startswith("-") or re.fullmatch(r"[\d.]+[smhd]?|\w+=.*", words[0], re.DOTALL)):
            words = words[1:]
    return words


def _descend(node: "Node") -> "list[Node]":
    """Commands and redirected statements below `node`, outermost only, in reading order."""
    if node.type in ("command", "redirected_statement"):
        return [node]
    found = []
    pending = [node]
    while pending:
        current = pending.pop()
        if current.type in ("command", "redirected_statement") and current is not node:
            found.append(current)
        else:
            pending.extend(reversed(current.children))
    return found


def _substitutions(node: "Node") -> "list[Node]":
    """`$(...)` and `<(...)` inside a command."""
    found = []
    pending = list(node.children)
    while pending:
        current = pending.pop()
        if current.type in ("command_substitution", "process_substitution"):
            found.append(current)
        else:
            pending.extend(current.children)
    return found


def _words(node: "Node") -> list[str]:
    return [
        _word(child) for child in node.children if child.type not in ("variable_assignment", "file_redirect", "heredoc_redirect")
    ]


def _word(node: "Node") -> str:
    if node.type == "command_name" and node.children:
        node = node.children[0]
    text = _text(node)
    if node.type == "raw_string":
        return text[1:-1]
    if node.type == "string":
        return re.sub(r'\\(["\\$`])', r"\1", text[1:-1])
    return text.strip("\"'")


def _text(node: "Node") -> str:
    return (node.text or b"").decode("utf-8", "replace")
