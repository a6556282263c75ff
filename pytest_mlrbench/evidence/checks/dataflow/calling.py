"""Calls of functions and classes of the read code, inlined with their arguments; part of the interpreter."""

import ast
from typing import Any

from .expressions import Expressions
from .scope import Scope
from .values import Cls, DictVal, Func, Inst, ListVal, Num, outside

MAX_DEPTH = 16
"""Calls within calls that are followed."""


class Calling(Expressions):
    """Calls what the read code defines."""

    depth: int
    active: list[ast.AST]
    _instances: Any

    def call(self, function: Func, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """The returned value of a function of the read code."""
        node = function.node
        if self.depth >= MAX_DEPTH or self.active.count(node) >= 2:
            return outside()
        scope = Scope(function.scope.file, parent=function.scope, module=function.scope.module)
        if function.owner is not None:
            args = [function.owner, *args]
        self.bind(node.args, args, dict(kwargs), scope, function.scope)
        saved = self.instance
        self.instance = next(self._instances)
        self.depth += 1
        self.active.append(node)
        try:
            if isinstance(node, ast.Lambda):
                return self.eval(node.body, scope)
            self.block(node.body, scope)
        finally:
            self.depth -= 1
            self.active.pop()
            self.instance = saved
        return scope.result if scope.result is not None else Num(py=None)

    def bind(self, spec: ast.arguments, args: list[Any], kwargs: dict[str, Any], scope: Scope, outer: Scope) -> None:
        names = [*spec.posonlyargs, *spec.args]
        defaults = dict(zip([a.arg for a in names][len(names) - len(spec.defaults) :], spec.defaults, strict=True))
        defaults |= {a.arg: d for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if d is not None}
        for index, argument in enumerate([*names, *spec.kwonlyargs]):
            name = argument.arg
            if index < len(names) and index < len(args):
                scope.names[name] = args[index]
            elif name in kwargs:
                scope.names[name] = kwargs.pop(name)
            else:
                scope.names[name] = self.eval(defaults[name], outer) if name in defaults else outside()
        if spec.vararg is not None:
            scope.names[spec.vararg.arg] = ListVal(args[len(names) :])
        if spec.kwarg is not None:
            scope.names[spec.kwarg.arg] = DictVal(dict(kwargs))

    def construct(self, cls: Cls, args: list[Any], kwargs: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
        made = Inst(cls)
        initial = cls.find("__init__")
        if isinstance(initial, Func):
            self.call(Func(initial.node, initial.scope, made), args, kwargs)
            return made
        for name, value in [*zip(cls.fields, args, strict=False), *kwargs.items()]:
            self.store(made, name, value, node, scope)
        return made
