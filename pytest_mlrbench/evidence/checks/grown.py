"""Rows made of other rows before the split: copies, interpolations, resampled rows of one array on both sides; part of degenerate.

Rule. In one body of statements an array gets rows that are made of its own (`np.vstack([x, made])` where `made` is worked out of
`x`, `fit_resample`, or a function of the run that does so with an argument), and is split into training and test rows afterwards:
an original may then be trained on and its copy scored on. Silent is the check where the split is told groups, where the added rows
are not made of the array itself, where the array grows in its columns, and where the report says that copies were made before.
"""

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...audits import Finding, Quote
from ...patterns import lazy
from .syntax import walk

if TYPE_CHECKING:
    from .case import Case

_JOINS = frozenset(("vstack", "concatenate", "concat", "cat", "r_", "row_stack"))
_RESAMPLES = frozenset(("fit_resample", "fit_sample"))
_SPLITS = frozenset(("train_test_split", "split", "random_split", "cross_val_score", "cross_validate", "cross_val_predict"))
_SAYS = lazy(r"(?i)(?:before|prior to) (?:the )?split|groups?\b.{0,40}\bfolds?\b|copies of (?:a|one) \w+ stay")


def told(case: "Case") -> list[Finding]:
    """One finding for each executed file that splits an array after it has grown out of itself."""
    from .case import finding

    if not case.documents or any(_SAYS.search(document.text) for document in case.documents):
        return []
    growers = {name for tree in case.trees.values() for name in _growers(tree)}
    found: list[Finding] = []
    for file, tree in case.trees.items():
        lines = case.dataflow.latest[file].splitlines()
        for grew, split, name in grown(tree, growers):
            message = (
                f"{file}, which was executed, adds rows made of the rows of {name} to it and splits it into training and test rows "
                "afterwards: a row may be trained on and its copy scored on"
            )
            quotes = [Quote(file=file, line=n, quote=lines[n - 1].strip()) for n in (grew, split) if 0 < n <= len(lines)]
            found.append(finding("faked_results", "results", "degenerate", "warn", message, quotes))
            break
    return found[:6]


def grown(tree: ast.Module, growers: set[str]) -> Iterator[tuple[int, int, str]]:
    """(line where it grows, line of the split, name of the array).

    >>> code = "more = x[rare] + noise\\nx = np.vstack([x, more])\\na, b = train_test_split(x)"
    >>> list(grown(ast.parse(code), set()))
    [(2, 3, 'x')]
    """
    for body in _bodies(tree):
        made: dict[str, set[str]] = {}
        """Name -> the names that it was worked out of."""
        grew: dict[str, int] = {}
        for node in body:
            if isinstance(node, ast.Assign) and not _compound(node):
                for names, value in _pairs(node):
                    used = _reached(value, made)
                    source = _grows(value, made, growers)
                    for name in names:
                        if source:
                            grew[name] = node.lineno
                        elif name in grew and name not in used:
                            del grew[name]
                        made[name] = used
            for call in walk(node):
                if isinstance(call, ast.Call) and _name(call.func) in _SPLITS and not any(k.arg == "groups" for k in call.keywords):
                    hit = next(
                        (a.id for a in call.args if isinstance(a, ast.Name) and grew.get(a.id, node.lineno) < node.lineno), None
                    )
                    if hit is not None:
                        yield grew[hit], node.lineno, hit
                        return


def _bodies(tree: ast.Module) -> Iterator[list[ast.stmt]]:
    """The module's statements and those of each function, branches and loops laid flat."""
    for scope in (tree, *(node for node in walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))):
        flat: list[ast.stmt] = []
        pending = list(reversed(scope.body))
        while pending:
            node = pending.pop()
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            inner = [one for part in ("body", "orelse", "finalbody") for one in getattr(node, part, [])]
            if inner:
                pending.extend(reversed(inner))
            else:
                flat.append(node)
        yield flat


def _pairs(node: ast.Assign) -> Iterator[tuple[list[str], ast.expr]]:
    """Names and what they get; `a, b = f(a), f(b)` is two assignments."""
    for target in node.targets:
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple) and len(target.elts) == len(node.value.elts):
            for one, value in zip(target.elts, node.value.elts, strict=True):
                yield [name.id for name in walk(one) if isinstance(name, ast.Name)], value
        else:
            yield [name.id for name in walk(target) if isinstance(name, ast.Name)], node.value


def _compound(node: ast.Assign) -> bool:
    return not all(isinstance(target, ast.Name | ast.Tuple | ast.List) for target in node.targets)


def _reached(node: ast.expr, made: dict[str, set[str]]) -> set[str]:
    """Names that an expression is worked out of, directly or by way of others."""
    names = {one.id for one in walk(node) if isinstance(one, ast.Name)}
    return names.union(*(made.get(name, set()) for name in names))


def _grows(value: ast.expr, made: dict[str, set[str]], growers: set[str]) -> bool:
    """Whether a value is an array with rows made of its own."""
    if not isinstance(value, ast.Call):
        return False
    name = _name(value.func)
    if name in _RESAMPLES or (name in growers and bool(value.args)):
        return True
    if name not in _JOINS or any(k.arg in ("axis", "dim") and not _zero(k.value) for k in value.keywords):
        return False
    parts = value.args[0].elts if value.args and isinstance(value.args[0], ast.List | ast.Tuple) else []
    whole = {part.id for part in parts if isinstance(part, ast.Name)}
    others = [(_reached(part, made), part) for part in parts]
    return any(
        root in reached and not (isinstance(part, ast.Name) and part.id == root) for root in whole for reached, part in others
    )


def _growers(tree: ast.Module) -> Iterator[str]:
    """Functions that give an argument back with rows made of its own."""
    for function in (node for node in walk(tree) if isinstance(node, ast.FunctionDef)):
        made: dict[str, set[str]] = {}
        for node in function.body:
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    for name in (one.id for one in walk(target) if isinstance(one, ast.Name)):
                        made[name] = _reached(node.value, made)
            if isinstance(node, ast.Return) and node.value is not None:
                parts = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
                if any(_grows(part, made, set()) for part in parts):
                    yield function.name


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _zero(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 0
