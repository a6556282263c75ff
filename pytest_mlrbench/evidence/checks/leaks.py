"""Test rows that the executed code trains on and then scores on, by the names and slices of one function; part of degenerate.

Rule. In one function (or the methods of one class) a model is fitted on data that hold a held-out part, and the same model is then
used on that part. Held out is what a split gives as test data, what is named so, or the tail of an array. Data meet when the code
names them: the whole array beside its part, slices whose bounds overlap, training and test rows put together. The answers must go
in as well: the labels' held-out part is an argument, or the rows hold their label. Scalers, vectorisers and clustering, which see
no label, evaluation sets given beside the training set, and bounds that cannot be compared are left alone.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...audits import Finding, Quote
from ...patterns import lazy
from .syntax import children, last_name, walk

if TYPE_CHECKING:
    from .case import Case

_TEST = lazy(r"(?i)(?:^|_|\.)(?:test|tst|te|held_?out|holdout|unseen)(?:$|_|\d)|^test|test$")
_TRAIN = lazy(r"(?i)(?:^|_|\.)(?:train|training|trn|tr|fit)(?:$|_|\d)|^train|train$")
_FITS = lazy(r"^_*(?:fit|train|partial_fit|learn|step|update|optimi[sz]e|fit_model|train_model|train_\w+|fit_\w+)$")
_NO_MODEL = lazy(
    r"(?i)vocab|token|vector|scal|encod|pca|normali|standard|embed|stat|count|plot|len|concat|stack|shuffl|split|list|set|sorted|sum"
    r"|mean|std|range|zip|print|loader|index|graph|hash|transform|impute|tf_?idf|kmeans|cluster|select|dedup|describe|save|dump|write|append|eval|metric|retriev|score|report|compar|visual"
)
_PASSES_WORDS = """
r_ c_ array asarray tensor concatenate vstack hstack concat stack append chain list tuple astype reshape ravel flatten to float copy
from_numpy numpy cpu cuda contiguous permutation permuted shuffle sample choice transform as_tensor Tensor clone detach zip
"""
_PASSES = frozenset(_PASSES_WORDS.split())
"""Calls whose result has the rows that go in; of any other call the result is new data."""

Atom = tuple[str, str | int | None, str | int | None]
"""Root array, lower and upper bound; a part that is no slice has a text as its lower and upper bound."""


@dataclass
class _Reading:
    """Names of one function and what was fitted so far."""

    held: dict[str, frozenset[Atom]] = field(default_factory=dict)
    fitted: dict[str, tuple[ast.AST, list[frozenset[Atom]]]] = field(default_factory=dict)
    """Model's name -> the call that fitted it last, with the data of each argument."""


def told(case: "Case") -> list[Finding]:
    """One finding for each executed file that trains on what it scores on."""
    from .case import finding

    found: list[Finding] = []
    if not case.documents:
        return found
    for file, tree in case.trees.items():
        lines = case.dataflow.latest[file].splitlines()
        for fit, score, data in leaks(tree):
            message = f"{file}, which was executed, fits a model on data that hold {data}, and then scores the model on it"
            quotes = [Quote(file=file, line=n, quote=lines[n - 1].strip()) for n in (fit, score) if 0 < n <= len(lines)]
            found.append(finding("faked_results", "results", "degenerate", "warn", message, quotes))
            break
    return found[:6]


def leaks(tree: ast.Module) -> Iterator[tuple[int, int, str]]:
    """(line of the fit, line of the score, the data that are in both).

    >>> code = "def run(x, y):\\n    m = Net()\\n    m.fit(x, y)\\n    return (m.predict(x[80:]) == y[80:]).mean()"
    >>> list(leaks(ast.parse(code)))
    [(3, 4, 'x[80:]')]
    """
    scopes: list[ast.Module | ast.ClassDef] = [tree, *(node for node in walk(tree) if isinstance(node, ast.ClassDef))]
    for scope in scopes:
        shared: dict[str, frozenset[Atom]] = {}
        for body in _bodies(scope):
            reading = _Reading(dict(shared))
            yield from _block(body, reading)
            shared.update({name: atoms for name, atoms in reading.held.items() if name.startswith("self.")})


def _bodies(scope: ast.Module | ast.ClassDef) -> Iterator[list[ast.stmt]]:
    if isinstance(scope, ast.Module):
        yield [one for one in scope.body if not isinstance(one, ast.ClassDef)]
        classes = {id(part) for one in walk(scope) if isinstance(one, ast.ClassDef) for part in walk(one)}
        for node in walk(scope):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and id(node) not in classes:
                yield node.body
    else:
        for node in scope.body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield node.body


def _block(body: list[ast.stmt], reading: _Reading) -> Iterator[tuple[int, int, str]]:
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        yield from _scored(node, reading)
        _fits(node, reading)
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            _assign(node.targets[0], node.value, reading, node.lineno)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            _assign(node.target, node.value, reading, node.lineno)
        elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
            name = _name(node.target)
            if name in reading.held:
                reading.held[name] |= _atoms(node.value, reading)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
            name = _name(node.value.func.value)
            if node.value.func.attr == "extend" and name in reading.held and node.value.args:
                reading.held[name] |= _atoms(node.value.args[0], reading)
        for inner in ("body", "orelse", "finalbody"):
            part = getattr(node, inner, None)
            if isinstance(part, list) and part and isinstance(part[0], ast.stmt):
                yield from _block(part, reading)


def _own(node: ast.stmt) -> Iterator[ast.AST]:
    """The expressions of a statement, without the statements inside it."""
    for child in children(node):
        if not isinstance(child, (ast.stmt, ast.ExceptHandler)):
            yield from walk(child)


# Fits and scores -----------------------------------------------------------------------------------------------------------------


def _fits(node: ast.stmt, reading: _Reading) -> None:
    targets = [name for one in getattr(node, "targets", []) for name in _names(one)]
    for call in _own(node):
        if not isinstance(call, ast.Call) or not call.args:
            continue
        function = call.func
        last = function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
        owner = _name(function.value) if isinstance(function, ast.Attribute) else ""
        if _NO_MODEL.search(last) or _NO_MODEL.search(owner):
            continue
        data = [_atoms(one, reading) for one in call.args if not isinstance(one, ast.Starred)]
        if not _FITS.match(last) and not (targets and any(_mixed(atoms) for atoms in data)):
            continue
        if not any(data):
            continue
        models = [*targets, *([owner] if owner else [])]
        for model in models:
            reading.fitted[model] = (call, data)


def _mixed(atoms: frozenset[Atom]) -> bool:
    """Training and test rows together in one argument."""
    return any(_TEST.search(root) or low == "test part" for root, low, _ in atoms) and any(
        _TRAIN.search(root) or low == "train part" for root, low, _ in atoms
    )


def _scored(node: ast.stmt, reading: _Reading) -> Iterator[tuple[int, int, str]]:
    if not reading.fitted:
        return
    parts = list(_own(node))
    spoken = {_name(one) for one in parts if isinstance(one, (ast.Name, ast.Attribute))}
    for model in [name for name in reading.fitted if name in spoken]:
        call, data = reading.fitted[model]
        if any(part is call for part in parts):
            continue
        for expression, rows in _used(node, parts, model):
            part = {atom for atom in _atoms(expression, reading) if _held_out(atom)}
            # What stands beside the training set in a call, such as an evaluation set, is not trained on.
            given = [atoms for atoms in data if atoms]
            met = any(_holds(one, atom) for one in given[0] for atom in part)
            if met and (rows if len(given) == 1 else _answered(given, part)):
                del reading.fitted[model]
                yield getattr(call, "lineno", 0), getattr(expression, "lineno", 0), ast.unparse(expression)[:80]
                break


def _used(node: ast.stmt, parts: list[ast.AST], model: str) -> Iterator[tuple[ast.expr, bool]]:
    """Data on which the model is used, and whether they are rows that hold their label."""
    for one in parts:
        if isinstance(one, ast.Call) and model in {_name(part) for part in walk(one.func)}:
            for argument in one.args:
                yield argument, False
        elif isinstance(one, ast.comprehension) and isinstance(one.target, ast.Tuple):
            yield one.iter, True
        elif isinstance(one, ast.BinOp) and isinstance(one.op, ast.MatMult) and model in _names(one.right):
            yield one.left, False
    if isinstance(node, (ast.For, ast.AsyncFor)) and isinstance(node.target, ast.Tuple):
        yield node.iter, True


def _answered(data: list[frozenset[Atom]], part: set[Atom]) -> bool:
    """Whether a further argument, the labels, holds the same part of its own array."""
    specs = {(low, high) for _, low, high in part}
    first = {root for root, _, _ in data[0]}
    for atoms in data[1:]:
        for root, low, high in atoms:
            if "@" in root or (root in first and not _TEST.search(root)):
                continue
            if (low, high) in ((None, None), *specs) or any(_holds((root, low, high), (root, *spec)) for spec in specs):
                return True
    return False


def _held_out(atom: Atom) -> bool:
    root, low, high = atom
    if low == "test part":
        return True
    if low is None and high is None:
        return bool(_TEST.search(root))
    if isinstance(low, int):
        return low > 0
    return isinstance(low, str) and not low.startswith(("-", "train part", "["))


def _holds(fitted: Atom, part: Atom) -> bool:
    """Whether data that were fitted hold (some of) a held-out part."""
    if fitted[0] != part[0]:
        return False
    if fitted[1:] == (None, None) or fitted[1:] == part[1:]:
        return True
    low, high = fitted[1] or 0, fitted[2]
    start, end = part[1] or 0, part[2]
    if not isinstance(low, int) or not isinstance(start, int) or low < 0 or start < 0:
        return False
    if not isinstance(high, int | None) or not isinstance(end, int | None) or (high or 0) < 0 or (end or 0) < 0:
        return False
    first, last = max(low, start), min(10**12 if high is None else high, 10**12 if end is None else end)
    return first < last


# Data ----------------------------------------------------------------------------------------------------------------------------


def _assign(target: ast.expr, value: ast.expr, reading: _Reading, line: int) -> None:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        for one, part in zip(target.elts, value.elts, strict=True):
            _assign(one, part, reading, line)
        return
    if isinstance(target, ast.Tuple) and isinstance(value, ast.IfExp) and isinstance(value.body, ast.Tuple):
        _assign(target, value.body, reading, line)
        first = dict(reading.held)
        _assign(target, value.orelse, reading, line)
        for name in _names(target):
            reading.held[name] = reading.held.get(name, frozenset()) | first.get(name, frozenset())
        return
    if isinstance(target, ast.Tuple):
        _split(target, value, reading, line)
        return
    name = _name(target)
    if isinstance(target, ast.Subscript):
        # What gets new members is data of its own: labels that were masked are no labels.
        holder = _name(target.value)
        if holder in reading.held:
            reading.held[holder] = frozenset(((f"{holder}@{line}", None, None),))
        return
    if name:
        atoms = _atoms(value, reading)
        # What is made of data in a way that is not followed, such as masked labels, is other data.
        known = {root for one in reading.held.values() for root, _, _ in one} | reading.held.keys()
        derived = not atoms and any(one in known for one in _names(value))
        reading.held[name] = atoms or frozenset(((f"{name}@{line}" if derived else name, None, None),))


def _split(target: ast.Tuple, value: ast.expr, reading: _Reading, line: int) -> None:
    """`train, test = split(data)` gives parts of the data; of several arrays each in turn, as scikit-learn does."""
    names = [_name(one) for one in target.elts]
    # A pair within the tuple: `(x_train, y_train), (x_test, y_test) = load()`.
    inner = [part for one in target.elts if isinstance(one, ast.Tuple) for part in _names(one)]
    for name in inner:
        reading.held[name] = frozenset(((name, None, None),))
    sources = [_atoms(one, reading) for one in value.args] if isinstance(value, ast.Call) else []
    sources = [atoms for atoms in sources if atoms]
    kinds = ["test part" if _TEST.search(n) else "train part" if _TRAIN.search(n) else "" for n in names]
    paired = {"test part", "train part"} <= set(kinds)
    for index, name in enumerate(names):
        if not name:
            continue
        source = sources[min(index // 2, len(sources) - 1)] if sources and paired else frozenset()
        if source and kinds[index]:
            reading.held[name] = frozenset((root, kinds[index], f"line {line}") for root, _, _ in source)
        else:
            reading.held[name] = frozenset(((name, None, None),))


def _atoms(node: ast.expr, reading: _Reading) -> frozenset[Atom]:
    """What data an expression is made of, row by row."""
    if isinstance(node, (ast.Name, ast.Attribute)):
        name = _name(node)
        if name in reading.held:
            return reading.held[name]
        if isinstance(node, ast.Attribute) and node.attr in ("T", "values", "data", "x", "y"):
            return _atoms(node.value, reading)
        return frozenset(((name, None, None),)) if name else frozenset()
    if isinstance(node, ast.Subscript):
        return _sliced(node, reading)
    if isinstance(node, ast.Call):
        last = last_name(node.func)
        if last not in _PASSES:
            return frozenset()
        parts: list[ast.expr] = list(node.args)
        if isinstance(node.func, ast.Attribute):
            parts.append(node.func.value)
        return _union(parts, reading)
    if isinstance(node, ast.IfExp):
        return _union((node.body, node.orelse), reading)
    if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
        return _union([one.iter for one in node.generators], reading)
    if isinstance(node, (ast.BinOp, ast.Tuple, ast.List, ast.Starred, ast.UnaryOp, ast.Compare)):
        return _union([part for part in children(node) if isinstance(part, ast.expr)], reading)
    return frozenset()


def _sliced(node: ast.Subscript, reading: _Reading) -> frozenset[Atom]:
    if last_name(node.value) in ("r_", "c_"):
        return _union(node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice], reading)
    whole = _atoms(node.value, reading)
    index = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) and node.slice.elts else node.slice
    if not isinstance(index, ast.Slice):
        text = f"[{ast.unparse(index)[:60]}]"
        return frozenset((_root(atom), text, text) for atom in whole)
    low, high = (_bound(one) for one in (index.lower, index.upper))
    if low is None and high is None:
        return whole
    return frozenset((_root(atom), low, high) for atom in whole)


def _root(atom: Atom) -> str:
    """A part's part is a part of the part."""
    return atom[0] if atom[1:] == (None, None) else f"{atom[0]}[{atom[1]}:{atom[2]}]"


def _bound(node: ast.expr | None) -> str | int | None:
    if node is None or (isinstance(node, ast.Constant) and node.value == 0):
        return None
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, int) else ast.unparse(node)[:60]


def _union(parts: Iterable[ast.expr], reading: _Reading) -> frozenset[Atom]:
    found: frozenset[Atom] = frozenset()
    for part in parts:
        found |= _atoms(part, reading)
    return found


def _name(node: ast.AST) -> str:
    """`x` or `self.x`; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return ""


def _names(node: ast.AST) -> list[str]:
    return [name for one in walk(node) if (name := _name(one))]
