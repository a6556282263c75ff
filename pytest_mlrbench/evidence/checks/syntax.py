"""Syntax trees of the run's programs, parsed once a text, and what stands in them; every check that reads code uses it."""

import ast
from collections.abc import Iterator
from functools import lru_cache

KEPT = 2000
"""Parts of an expression from which on a walk is not kept: in a chain of thousands each link would keep all behind it."""


@lru_cache(maxsize=128)
def parse(text: str) -> ast.Module:
    """The tree of a program, the same for every reader: not to be changed. Raises as ast.parse (SyntaxError, ValueError, ...)."""
    return ast.parse(text)


def walk(node: ast.AST) -> list[ast.AST]:
    """As ast.walk, without the contexts (Load, Store), which say nothing; kept at the node, for many checks ask for the same."""
    found: list[ast.AST] | None = node.__dict__.get("_walked")
    if found is None:
        found = [node]
        for one in found:
            found.extend(children(one))
        if len(found) < KEPT or isinstance(node, ast.mod | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            node.__dict__["_walked"] = found
    return found


def children(node: ast.AST) -> Iterator[ast.AST]:
    """As ast.iter_child_nodes, without the contexts."""
    for name in node._fields:
        value = node.__dict__.get(name)
        if isinstance(value, ast.AST):
            if name != "ctx":
                yield value
        elif isinstance(value, list):
            for one in value:
                if isinstance(one, ast.AST):
                    yield one


def last_name(node: ast.AST) -> str:
    """The last part of a name (`fit` of `model.fit`); empty for anything else."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def gives_up(handler: list[ast.stmt]) -> bool:
    """Whether the body of an `except` ends the program or passes the error on."""
    last = handler[-1]
    if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call):
        return ast.unparse(last.value.func) in ("exit", "quit", "sys.exit", "os._exit", "parser.error")
    return isinstance(last, ast.Raise)
