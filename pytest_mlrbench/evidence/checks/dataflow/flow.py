"""Branches, loops and returns of the read code on abstract values; part of the interpreter."""

import ast
from collections.abc import Callable
from typing import Any

from ..syntax import gives_up
from .calling import Calling
from .scope import Scope
from .values import (
    UNKNOWN,
    Cls,
    DictVal,
    Func,
    Inst,
    ListVal,
    Module,
    Num,
    elements,
    looped,
    outside,
    scalar,
)

UNROLLED = 12
"""Members of a known list that a loop takes one by one; of a longer one, two passes over any member."""
NESTED = 150
"""Passes of nested loops together that are taken one by one."""


class Flow(Calling):
    """Executes the statements that decide what is executed."""

    # What the interpreter provides.
    caught: int
    outcomes: dict[tuple[str, int, int], set[bool]]
    block: Callable[[list[ast.stmt], Scope], bool]

    def do_If(self, node: ast.If, scope: Scope) -> bool:
        test = self.eval(node.test, scope)
        cond = scalar(test) if isinstance(test, (Num, ListVal, DictVal)) else outside()
        truth = self.truth(test)
        self.outcome(node.test, scope, truth, cond)
        if truth is not None:
            return self.block(node.body if truth else node.orelse, scope)
        self.branches(cond, [node.body, node.orelse], scope)
        return False

    def outcome(self, test: ast.expr, scope: Scope, truth: bool | None, cond: Num) -> None:
        """Note how a test came out; one on a name that is not known here comes out both ways for some method."""
        found = {truth} if truth is not None else {True, False} if cond.by_name and not cond.computed else set[bool]()
        self.outcomes.setdefault((scope.file, test.lineno, test.col_offset), set()).update(found)

    def truth(self, value: Any) -> bool | None:
        """Whether a condition certainly holds; None when it is not known."""
        if isinstance(value, Num):
            return bool(value.py) if value.py is not UNKNOWN and not value.computed else None
        if isinstance(value, (ListVal, DictVal)):
            if isinstance(value, ListVal) and value.items:
                return True
            return True if isinstance(value, DictVal) and value.items else None
        return True if isinstance(value, (Func, Cls, Inst, Module)) else None

    def branches(self, cond: Num, bodies: list[list[ast.stmt]], scope: Scope, *, error: bool = False) -> None:
        """Execute each body on its own names and join them; numbers that differ were chosen by `cond`."""
        before = scope.names
        after: list[dict[str, Any]] = []
        certain_choice = not cond.computed and (cond.by_name or bool(cond.roots)) and not error
        self.controls.append(cond)
        for body in bodies:
            scope.names = dict(before)
            # A choice by a name or a coin is taken for some method or draw; any other branch may never have run.
            self.uncertain += 0 if certain_choice or not body else 1
            try:
                stopped = self.block(body, scope)
            finally:
                self.uncertain -= 0 if certain_choice or not body else 1
            if not stopped:
                after.append(scope.names)
        names: dict[str, Any] = {}
        for found in after or [before]:
            for name, value in found.items():
                names[name] = self.differ(names[name], value) if name in names and names[name] is not value else value
        self.controls.pop()
        scope.names = names

    def do_For(self, node: Any, scope: Scope) -> bool:
        source = self.eval(node.iter, scope)
        members, exact = self.members(source)
        over = looped(source) if isinstance(source, (Num, ListVal)) else Num(computed=not isinstance(source, DictVal))
        saved, passes = self.instance, self.passes
        self.controls.append(Num(computed=over.computed))
        if exact and len(members) * self.passes <= NESTED and len(members) <= UNROLLED:
            self.passes *= max(1, len(members))
        else:
            members = [elements(ListVal(members, False))] * 2 if len(members) != 1 else members * 2
            self.inexact += 1
            exact = False
        for member in members:
            self.instance = next(self._instances)
            self.assign(node.target, member, scope)
            if self.block(node.body, scope):
                break
        self.inexact -= 0 if exact else 1
        self.controls.pop()
        self.instance, self.passes = saved, passes
        self.block(node.orelse, scope)
        return False

    do_AsyncFor = do_For

    def do_While(self, node: ast.While, scope: Scope) -> bool:
        saved = self.instance
        self.inexact += 1
        for _ in range(2):
            self.instance = next(self._instances)
            test = self.eval(node.test, scope)
            self.controls.append(Num(computed=isinstance(test, Num) and test.computed))
            self.block(node.body, scope)
            self.controls.pop()
        self.inexact -= 1
        self.instance = saved
        return False

    def do_With(self, node: Any, scope: Scope) -> bool:
        managers: list[Any] = []
        for item in node.items:
            value = self.eval(item.context_expr, scope)
            if isinstance(value, Inst) and isinstance(value.cls.find("__enter__"), Func):
                managers.append(value)
                value = self.call(self.attribute(value, "__enter__"), [], {})
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value, scope)
        stopped = self.block(node.body, scope)
        for manager in reversed(managers):
            if isinstance(manager.cls.find("__exit__"), Func):
                self.call(self.attribute(manager, "__exit__"), [Num(py=None)] * 3, {})
        return stopped

    do_AsyncWith = do_With

    def do_Try(self, node: Any, scope: Scope) -> bool:
        caught = any(not gives_up(handler.body) for handler in node.handlers)
        self.caught += caught
        self.block(node.body, scope)
        self.caught -= caught
        for handler in node.handlers:
            if handler.name:
                scope.names[handler.name] = outside()
            self.branches(outside(), [[], handler.body], scope, error=True)
        self.block(node.orelse, scope)
        return self.block(node.finalbody, scope)

    do_TryStar = do_Try

    def do_Match(self, node: Any, scope: Scope) -> None:
        subject = self.eval(node.subject, scope)
        cond = scalar(subject) if isinstance(subject, Num) else outside()
        self.branches(Num(cond.roots, cond.computed, by_name=True), [case.body for case in node.cases], scope)

    def do_Return(self, node: ast.Return, scope: Scope) -> bool:
        value = self.eval(node.value, scope) if node.value is not None else Num(py=None)
        scope.result = self.differ(scope.result, value) if scope.result is not None else value
        return True

    def do_Raise(self, node: ast.Raise, scope: Scope) -> bool:
        return True

    def do_Continue(self, node: ast.Continue, scope: Scope) -> bool:
        # Only of its own pass, and only on some members: what follows is read as well.
        return False

    def do_Global(self, node: ast.Global, scope: Scope) -> None:
        scope.globals.update(node.names)
