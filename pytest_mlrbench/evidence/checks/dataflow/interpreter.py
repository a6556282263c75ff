"""Reads a program as it would run, on abstract values: statements, branches, loops and calls; the rules ask it for its sinks."""

import ast
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..sources import is_telling
from ..syntax import parse
from .figures import Plotted
from .flow import Flow
from .scope import MAX_STEPS, Exhausted, Scope
from .values import (
    MAX_ITEMS,
    UNKNOWN,
    Cls,
    DictVal,
    Ext,
    Func,
    Inst,
    ListVal,
    Module,
    Num,
    Root,
    elements,
    flipped,
    join,
    merge,
    outside,
    scalar,
)

MEASURING = frozenset(
    ("sklearn", "scipy", "numpy", "torch", "torchmetrics", "evaluate", "statistics", "math", "random", "transformers")
)
"""Libraries whose functions measure or draw."""
MAX_SOURCE = 1 << 20
"""Characters of one module."""


@dataclass
class Sink:
    """A number put under a name, or written into a text."""

    file: str
    line: int
    names: tuple[str, ...]
    """Key, attribute or argument; for a text, the names in the expression."""
    value: Num
    uncertain: bool
    """It stands in a branch about which nothing is known (an error handler, a test of a measured value)."""
    text: bool = False
    """Written into a text."""


@dataclass
class Program:
    """What one execution may read."""

    sources: Callable[[str, str], "tuple[str, str] | None"]
    """(module name, importing file) -> file and text of a module of the run."""
    arguments: list[str] = field(default_factory=list)
    data: Callable[[str], "tuple[str, str | None] | None"] = lambda _: None
    """Path as the program opens it -> name and text of a file that was typed, not made by a program; no text for bytes."""
    made: Callable[[str], bool] = lambda _: False
    """Whether a program of the run wrote the file that it opens there."""
    matching: Callable[[str], str | None] = lambda _: None
    """Pattern of paths -> one of the files that match it, when a program of the run wrote all of them."""
    lost: Callable[[str], bool] = lambda _: False
    """Whether no file of the workspace ever had such a path."""
    own: Callable[[str], bool] = lambda _: False
    """Whether there was no such file before this execution, which wrote it."""


class Interpreter(Flow):
    """One execution of one script."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.sinks: list[Sink] = []
        self.measured: set[str] = set()
        self.shown: set[str] = set()
        self.counted: set[str] = set()
        self.sampled: set[str] = set()
        self.plots: list[Plotted] = []
        self.real: set[str] = set()
        """Names of computed numbers in which something beside literals and draws met."""
        self.drawn: set[str] = set()
        """Names of computed numbers in which draws alone met each other."""
        self.patched: list[tuple[str, int, str]] = []
        """Functions of libraries that the code replaces by its own."""
        self.relays = False
        self.opened: dict[tuple[str, int, int], set[str]] = {}
        """Place where a file is read -> what it was: typed, made by a program, its own, lost, or not known."""
        self.tilted: dict[str, dict[frozenset[str], tuple[str, int]]] = {}
        """Name of computed numbers -> what had bent them -> where, first, in code that certainly ran; line 0 if in none."""
        self.tilted_text: dict[str, dict[frozenset[str], tuple[str, int]]] = {}
        """The same of what was written into texts."""
        self.texts: list[tuple[str, int, str]] = []
        self.consumed: set[tuple[str, int, int]] = set()
        self.settings: set[tuple[str, int, int]] = set()
        self.unread: list[tuple[str, int, str]] = []
        self.children: list[tuple[str, str, int]] = []
        self.modules: dict[str, Module] = {}
        self.steps = 0
        self.depth = 0
        self.uncertain = 0
        self.caught = 0
        """Bodies of `try` that are being read whose errors a handler answers with something else."""
        self.passes = 1
        self.inexact = 0
        self.controls: list[Num] = []
        self.outcomes: dict[tuple[str, int, int], set[bool]] = {}
        """Place of a test -> what it came out as."""
        self.active: list[ast.AST] = []
        self._found: dict[tuple[str, str], tuple[str, str] | None] = {}
        """What the program's `sources` said: an import inside a function is executed at every call."""
        self.handlers: dict[type[ast.AST], Any] = {}
        self._instances = itertools.count(1)
        self.instance = 0
        self.complete = True

    def run(self, file: str, text: str) -> None:
        """Read the script `file` as `__main__`. Text that is no Python is named as unread."""
        tree = self.parse(file, text)
        if tree is None:
            return
        scope = Scope(file)
        scope.module = scope
        scope.names["__name__"] = Num(py="__main__")
        scope.names["__file__"] = Num(py=file)
        try:
            self.block(tree.body, scope)
        except (Exhausted, RecursionError):
            self.complete = False

    def parse(self, file: str, text: str) -> ast.Module | None:
        """The module's tree; None, named as unread, when it is no Python or too long to be a program."""
        if len(text) > MAX_SOURCE:
            self.unread.append((file, 1, f"a program of {len(text)} characters"))
            return None
        try:
            return parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            self.unread.append((file, 1, "no valid Python"))
            return None

    # Statements

    def block(self, body: list[ast.stmt], scope: Scope) -> bool:
        """Execute statements in order; True when what follows is certainly not reached."""
        for node in body:  # noqa: SIM110 - at every level of every call, and a generator costs more than the statement
            if self.statement(node, scope):
                return True
        return False

    def statement(self, node: ast.stmt, scope: Scope) -> bool:
        handler = self.handlers.get(node.__class__) or self.handler("do", node.__class__)
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise Exhausted
        return bool(handler(node, scope))

    def handler(self, prefix: str, kind: type[ast.AST]) -> Any:
        """The method for a kind of node, looked up once."""
        self.handlers[kind] = getattr(self, f"{prefix}_{kind.__name__}", _skip if prefix == "do" else _unknown)
        return self.handlers[kind]

    def do_Expr(self, node: ast.Expr, scope: Scope) -> None:
        self.eval(node.value, scope)

    def do_FunctionDef(self, node: Any, scope: Scope) -> None:
        scope.set(node.name, Func(node, scope))

    do_AsyncFunctionDef = do_FunctionDef

    def do_ClassDef(self, node: ast.ClassDef, scope: Scope) -> None:
        bases = [self.eval(base, scope) for base in node.bases]
        inner = Scope(scope.file, parent=scope, module=scope.module)
        fields = [s.target.id for s in node.body if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)]
        quiet = ("object", "abc.ABC", "enum.Enum", "typing.NamedTuple", "typing.Generic", "typing.Protocol")
        known = all(isinstance(b, Cls) or (isinstance(b, Ext) and b.name in quiet) for b in bases)
        outside_base = not known or any(isinstance(b, Cls) and b.outside for b in bases)
        for base in bases:
            if isinstance(base, Cls):
                fields = [*base.fields, *fields]
        self.block(node.body, inner)
        scope.set(node.name, Cls(node.name, inner, bases, fields, outside_base))

    def do_Import(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            name = alias.name if alias.asname else alias.name.partition(".")[0]
            scope.set(alias.asname or name, self.load(name, scope.file))
            if name != alias.name:
                self.load(alias.name, scope.file)

    def do_ImportFrom(self, node: ast.ImportFrom, scope: Scope) -> None:
        base = "." * node.level + (node.module or "")
        module = self.load(base, scope.file)
        for alias in node.names:
            if alias.name == "*":
                if isinstance(module, Module):
                    scope.names.update({k: v for k, v in module.scope.names.items() if k not in ("__name__", "__file__")})
                continue
            found = module.scope.names.get(alias.name) if isinstance(module, Module) else None
            if found is None:
                joint = "" if base.endswith(".") or not base else "."
                found = self.load(f"{base}{joint}{alias.name}", scope.file)
            scope.set(alias.asname or alias.name, found)

    def load(self, name: str, importer: str) -> Any:
        """The module `name` of the run, read once; a library when the run has no such file."""
        if (name, importer) not in self._found:
            self._found[name, importer] = self.program.sources(name, importer)
        found = self._found[name, importer]
        if found is None:
            return Ext(name.lstrip("."))
        file, text = found
        if file not in self.modules:
            scope = Scope(file)
            scope.module = scope
            scope.names["__name__"] = Num(py=name)
            scope.names["__file__"] = Num(py=file)
            self.modules[file] = Module(scope, file)
            tree = self.parse(file, text)
            if tree is not None:
                self.block(tree.body, scope)
        return self.modules[file]

    def do_Assign(self, node: ast.Assign, scope: Scope) -> None:
        value = self.eval(node.value, scope)
        for target in node.targets:
            self.assign(target, value, scope)

    def do_AnnAssign(self, node: ast.AnnAssign, scope: Scope) -> None:
        if node.value is not None:
            self.assign(node.target, self.eval(node.value, scope), scope)

    def do_AugAssign(self, node: ast.AugAssign, scope: Scope) -> None:
        old = self.eval(node.target, scope)
        new = self.eval(node.value, scope)
        if isinstance(old, ListVal) and isinstance(node.op, ast.Add):
            old.items = [*old.items, *(new.items if isinstance(new, ListVal) else [elements(new)])][:MAX_ITEMS]
            return
        value = self.binary(node.op, old, new)
        # Counting under a measured test or over measured members measures; under a coin it is the coin's.
        control = merge(self.controls)
        if isinstance(value, Num) and not (isinstance(new, Num) and new.draws):
            # A bonus to a measured number is a number or follows from a measured one; all else is counted.
            bent = isinstance(new, Num) and isinstance(old, Num) and old.computed and (new.computed or new.py is not UNKNOWN)
            tilted = value.tilted if bent else frozenset[str]()
            drawn = value.simulated and (control.simulated or not control.computed)
            value = Num(value.roots | control.roots, value.computed or control.computed, value.by_name or control.by_name)
            value.tilted, value.simulated = tilted, drawn
        self.assign(node.target, value, scope)

    def assign(self, target: ast.expr, value: Any, scope: Scope) -> None:
        if isinstance(target, ast.Name):
            scope.set(target.id, value)
        elif isinstance(target, (ast.Tuple, ast.List)):
            star = next((i for i, one in enumerate(target.elts) if isinstance(one, ast.Starred)), None)
            if star is not None and isinstance(value, ListVal) and value.exact and len(value.items) >= len(target.elts) - 1:
                # `first, *rest, last`: each gets its own members.
                after = len(target.elts) - star - 1
                end = len(value.items) - after
                value = ListVal([*value.items[:star], ListVal(value.items[star:end]), *value.items[end:]])
                whole = [one.value if isinstance(one, ast.Starred) else one for one in target.elts]
                for one, item in zip(whole, value.items, strict=True):
                    self.assign(one, item, scope)
                return
            for index, one in enumerate(target.elts):
                if isinstance(one, ast.Starred):
                    self.assign(one.value, ListVal([elements(value)], False), scope)
                elif isinstance(value, ListVal) and value.exact and index < len(value.items):
                    self.assign(one, value.items[index], scope)
                else:
                    self.assign(one, elements(value), scope)
        elif isinstance(target, ast.Attribute):
            self.store(self.eval(target.value, scope), target.attr, value, target, scope, attribute=True)
        elif isinstance(target, ast.Subscript):
            key = self.eval(target.slice, scope)
            self.store(self.eval(target.value, scope), self.key_of(key), value, target, scope)

    def store(self, holder: Any, key: Any, value: Any, node: ast.expr, scope: Scope, attribute: bool = False) -> None:
        """Put `value` under `key`; a name makes it a sink."""
        if isinstance(key, str):
            self.sink(scope, node, (key,), value)
            if isinstance(value, (ListVal, DictVal)) and not value.label:
                value.label = key
        elif isinstance(holder, (ListVal, DictVal)) and holder.label:
            self.sink(scope, node, (holder.label,), value)
        if isinstance(holder, Inst):
            old = holder.attributes.get(key) if self.uncertain else None
            holder.attributes[key] = self.differ(old, value) if old is not None else value
        elif isinstance(holder, DictVal):
            if key is UNKNOWN:
                holder.rest = join(holder.rest, value)
            else:
                old = holder.items.get(key) if self.uncertain else None
                holder.items[key] = join(old, value)
        elif isinstance(holder, ListVal):
            if isinstance(key, int) and holder.exact and -len(holder.items) <= key < len(holder.items):
                holder.items[key] = value
            else:
                holder.items.append(value)
                holder.exact = False
        elif isinstance(holder, Num) and not attribute and isinstance(value, Num):
            holder.roots = frozenset() if value.computed else holder.roots | value.roots
            holder.computed |= value.computed
            holder.py = UNKNOWN
        elif isinstance(holder, (Cls, Module)):
            holder.scope.names[key] = value
        elif isinstance(holder, Ext) and isinstance(value, (Func, Cls, Inst)) and holder.name.partition(".")[0] in MEASURING:
            self.patched.append((scope.file, getattr(node, "lineno", 0), f"{holder.name}.{key}"))

    def differ(self, old: Any, new: Any) -> Any:
        """What a number is after a branch about which nothing is known: a choice by a measured value measures."""
        found = join(old, new)
        control = merge(self.controls)
        alt = found.alt if isinstance(found, Num) else frozenset[Root]()
        if isinstance(found, Num) and isinstance(old, Num) and isinstance(new, Num) and (old != new or old.py is UNKNOWN):
            # A name chose among numbers only where their literals differ; the same draws summed up in two ways are no preset.
            named = control.by_name and _literals(old) != _literals(new)
            simulated = control.simulated and (found.simulated or not found.computed)
            # A coin that decides between two different draws makes a mixture: data, not a metric.
            mixed = bool(control.draws and old.draws - new.draws and new.draws - old.draws)
            simulated |= mixed and not found.computed and not control.computed
            computed = found.computed or control.computed or mixed
            # Held within a typed range by a test of what was measured.
            tilted = found.tilted if control.computed else frozenset[str]()
            found = Num(found.roots | control.roots, computed, found.by_name or named, UNKNOWN, computed and simulated)
            if computed:
                found.tilted = tilted
                found.alt = frozenset[Root]() if control.computed else alt
                found.roots = frozenset()
        elif control.by_name and isinstance(found, (ListVal, DictVal)):
            return join(old, new, by_name=True)
        elif isinstance(found, ListVal) and control.computed and isinstance(old, ListVal) and scalar(found).draws:
            return ListVal([Num(computed=True, simulated=control.simulated)], False)
        if isinstance(found, Num) and isinstance(old, Num) and isinstance(new, Num):
            return flipped(found, control, (old, new))
        return found

    def sink(self, scope: Scope, node: ast.AST, names: tuple[str, ...], value: Any, *, text: bool = False) -> None:
        """Note a number under a name: a generated one as a sink, any other as measured."""
        if not isinstance(value, (Num, ListVal)):
            return
        whole = scalar(value)
        if whole.computed and whole.alt and not text:
            self.sinks.append(Sink(scope.file, getattr(node, "lineno", 0), names, Num(whole.alt, by_name=True), True, text))
        if isinstance(value, ListVal) and not any(isinstance(item, (Num, ListVal)) for item in value.items):
            return
        if whole.computed:
            for name in names:
                places = (self.tilted_text if text else self.tilted).setdefault(name, {})
                if not places.get(whole.tilted, ("", 0))[1]:
                    places[whole.tilted] = (scope.file, 0 if self.uncertain else getattr(node, "lineno", 0))
        if whole.computed:
            (self.shown if text else self.measured).update(names)
            (self.drawn if whole.simulated else self.real).update(names)
        elif whole.py is UNKNOWN and not whole.text and not placed(whole):
            (self.sampled if whole.draws else self.counted).update(names)
        if not whole.computed and whole.roots and not whole.text and not isinstance(whole.py, (str, bool)):
            self.sinks.append(Sink(scope.file, getattr(node, "lineno", 0), names, whole, self.uncertain > 0, text))


def placed(value: Num) -> bool:
    """Whether literals tell where a made number lies: a fraction beside a draw, a telling literal without one."""
    literals = [root.text for root in value.roots if root.kind == "literal"]
    return any(_origin(text) or (value.draws and not text.lstrip("-").isdigit()) for text in literals)


def _origin(text: str) -> bool:
    """Whether a literal is more than a setting such as 0.5 or 25.0; a typed file's name or `environment` stands for its numbers."""
    try:
        return is_telling(float(text))
    except ValueError:
        return bool(text)


def _literals(value: Num) -> set[str]:
    return {root.text for root in value.roots if root.kind == "literal"}


def _skip(node: ast.stmt, scope: Scope) -> bool:
    """A statement that changes no value."""
    return False


def _unknown(node: ast.expr, scope: Scope) -> Num:
    """An expression that is not read."""
    return outside()
