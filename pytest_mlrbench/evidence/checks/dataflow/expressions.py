"""Expressions of the read code on abstract values; the interpreter is made of these and of its statements."""

import ast
import operator
import posixpath
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from ..sources import is_telling
from .comparing import Comparing
from .functions import identifiers
from .scope import MAX_STEPS, Exhausted, Scope
from .values import (
    CURVE,
    DRAW,
    MAX_ITEMS,
    PACKED_TEXT,
    UNKNOWN,
    Cls,
    DictVal,
    Ext,
    Func,
    Inst,
    ListVal,
    Num,
    Root,
    cut,
    elements,
    join,
    merge,
    met,
    outside,
    scalar,
    spread,
)

OPERATORS: dict[type, Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
PACKED = 8
"""Digits of a text, or bytes, from which on it may be data; a longer word may be so with fewer."""
TRIVIAL = (0, 1, -1, 2, 100, 1000)
"""Literals of every second formula: they are no origin."""

CRITICAL = frozenset(("1.28", "1.282", "1.64", "1.645", "1.96", "1.95996", "1.959964", "2.326", "2.33", "2.57", "2.576", "2.58"))
"""Quantiles of the normal distribution: an interval's ends are bent by no one."""


class Expressions(Comparing):
    """Evaluates one expression."""

    # What the interpreter provides.
    steps: int
    handlers: dict[type[ast.AST], Any]
    handler: Callable[[str, type[ast.AST]], Any]
    at: Scope | None = None
    """Scope of the arithmetic that is being evaluated."""

    def eval(self, node: ast.expr | None, scope: Scope) -> Any:
        if node is None:
            return Num(py=None)
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise Exhausted
        return (self.handlers.get(node.__class__) or self.handler("on", node.__class__))(node, scope)

    def on_Constant(self, node: ast.Constant, scope: Scope) -> Any:
        value = node.value
        if isinstance(value, (str, bytes)):
            if isinstance(value, str) and _has_digit(value):
                self.texts.append((scope.file, node.lineno, value))
            return Num(_packed(scope.file, node, value), py=value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            if value in TRIVIAL:
                return Num(py=value)
            return Num(_typed(scope.file, node.lineno, node.col_offset, repr(value)), py=value)
        return Num(py=value if value is None or isinstance(value, bool) else UNKNOWN)

    def on_Name(self, node: ast.Name, scope: Scope) -> Any:
        found = scope.get(node.id)
        return found if found is not None else Ext(f"builtins.{node.id}")

    def on_BinOp(self, node: ast.BinOp, scope: Scope) -> Any:
        left, right = self.eval(node.left, scope), self.eval(node.right, scope)
        if isinstance(left, ListVal) and isinstance(right, ListVal) and isinstance(node.op, ast.Add):
            return ListVal([*left.items, *right.items][:MAX_ITEMS], left.exact and right.exact)
        if isinstance(left, ListVal) and isinstance(node.op, ast.Mult) and isinstance(right, Num):
            if isinstance(right.py, int) and 0 <= right.py * len(left.items) <= MAX_ITEMS:
                return ListVal(left.items * right.py, left.exact)
            return ListVal(list(left.items), False)
        if (
            isinstance(node.op, ast.Div)
            and isinstance(left, Ext)
            and left.path
            and isinstance(right, Num)
            and isinstance(right.py, str)
        ):
            return Ext(left.name, made=True, path=posixpath.join(left.path, right.py))
        if isinstance(node.op, ast.MatMult):
            both = merge((scalar(left), scalar(right)), concrete=False)
            return (met() if not both.computed or both.simulated else outside()) if both.draws or both.computed else both
        self.at = scope
        return self.binary(node.op, left, right, node)

    def formatted(self, values: Any, node: ast.BinOp | None) -> None:
        """The numbers that `%` writes into a text."""
        if node is None or self.at is None:
            return
        parts = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
        items = values.items if isinstance(node.right, ast.Tuple) and isinstance(values, ListVal) else [values]
        for part, item in zip(parts, items, strict=False):
            if isinstance(item, (Num, ListVal)):
                self.sink(self.at, part, identifiers(part), item, text=True)

    def binary(self, op: ast.operator, left: Any, right: Any, node: ast.BinOp | None = None) -> Any:
        """Arithmetic. A measured operand makes the other an input; a draw that meets itself again is a computation."""
        left, right = _owner(left), _owner(right)
        if not isinstance(left, (Num, ListVal, DictVal)) or not isinstance(right, (Num, ListVal, DictVal)):
            return outside()
        if isinstance(left, Num) and isinstance(left.py, str) and isinstance(op, ast.Mod):
            # `"%.3f" % value` writes a text.
            self.formatted(right, node)
            return self._texted(op, left, scalar(right))
        if isinstance(left, ListVal) and left.items and isinstance(right, Num) and not right.computed:
            # An array: each of its members by itself.
            return ListVal([self.binary(op, item, right) for item in left.items], left.exact)
        if isinstance(right, ListVal) and right.items and isinstance(left, Num) and not left.computed and not left.text:
            return ListVal([self.binary(op, left, item) for item in right.items], right.exact)
        a, b = scalar(left), scalar(right)
        if a.text or b.text or isinstance(a.py, str) or isinstance(b.py, str):
            return self._texted(op, a, b)
        if a.computed or b.computed:
            simulated = (a.simulated or not a.computed) and (b.simulated or not b.computed)
            self.consume(a, draws=not simulated)
            self.consume(b, draws=not simulated)
            if simulated:
                made = met()
                made.tilted = self.bent(op, a, b) if not (a.draws or b.draws) else frozenset[str]()
                return made
            # A plain number beside it leaves a value that may be generated on another path what it is.
            alone = a if not (b.computed or b.draws) else b if not (a.computed or a.draws) else None
            found = outside(alone.alt if alone is not None else frozenset())
            found.tilted = self.bent(op, a, b)
            return found
        if a.draws & b.draws or (isinstance(op, ast.Sub) and (_truth(a, b) or _estimate(a, b) or _estimate(b, a))):
            return met()
        if isinstance(op, ast.Sub) and a.sampled and b.sampled:
            # The difference of two samples' means is a statistic of a test.
            return met()
        if a.draws or b.draws:
            self.settings.update(root.place for root in a.roots | b.roots if root.kind == "literal")
        py: Any = UNKNOWN
        function = OPERATORS.get(type(op))
        if function is not None and a.py is not UNKNOWN and b.py is not UNKNOWN:
            try:
                if not (isinstance(op, ast.Pow) and isinstance(b.py, (int, float)) and abs(b.py) > 64):
                    py = function(a.py, b.py)
            except (TypeError, ValueError, ArithmeticError):
                py = UNKNOWN
            if isinstance(py, complex) or (isinstance(py, str) and len(py) > 20_000) or (isinstance(py, int) and abs(py) > 1e40):
                py = UNKNOWN
        if isinstance(op, (ast.Mult, ast.Div)) and (a.centred or b.centred) and not (a.draws and b.draws):
            # Noise made wider or narrower.
            wide, width = (a, b) if a.centred else (b, a)
            return Num(cut(wide.roots | spread(width)), False, wide.by_name, py, centred=True, bent=max(a.bent, b.bent))
        if isinstance(op, (ast.Div, ast.FloorDiv)) and a.draws and isinstance(b.py, int) and abs(b.py) >= 10:
            # Divided by a count: that sets no place, it only makes a mean.
            return Num(a.roots, False, a.by_name, py, bent=a.bent)
        centred = a.centred and b.centred
        # `1 / (1 + exp(-x))` runs along with x: a sigmoid is no integrand.
        bent = max(a.bent, b.bent) if a.draws or not isinstance(op, ast.Div) else 0
        if isinstance(op, ast.Pow) and (a.draws or b.draws):
            bent = max(1, bent)
        return Num(cut(a.roots | b.roots), False, a.by_name or b.by_name, py, centred=centred, bent=bent)

    def bent(self, op: ast.operator, a: Num, b: Num) -> frozenset[str]:
        """The literals that arithmetic adds to computed numbers or multiplies them with, of which one at least is computed."""
        if a.computed and b.computed:
            # `score + 0.21 * (1 - score)`. Where two computed values are multiplied, or mixed as in `(1 - w) * a + w * b`, the
            # literal is a part of a method.
            return a.tilted ^ b.tilted if isinstance(op, (ast.Add, ast.Sub)) else frozenset()
        measured, other = (a, b) if a.computed else (b, a)
        if isinstance(op, ast.Pow):
            return measured.tilted & {CURVE, DRAW} | {CURVE}
        if not isinstance(op, (ast.Add, ast.Sub, ast.Mult, ast.Div)):
            return frozenset()
        bonus = frozenset(root.text for root in other.roots if root.kind == "literal" and _telling(root.text)) - CRITICAL
        if other.draws:
            bonus |= {DRAW}
        return measured.tilted | bonus | (frozenset(("by name",)) if bonus and other.by_name else frozenset())

    def _texted(self, op: ast.operator, a: Num, b: Num) -> Num:
        """Texts put together."""
        found = merge((a, b), concrete=False)
        found.text = True
        if isinstance(op, ast.Add) and isinstance(a.py, str) and isinstance(b.py, str) and len(a.py) + len(b.py) < 20_000:
            found.py = a.py + b.py
        return found

    def consume(self, value: Any, *, draws: bool = True) -> None:
        """These roots went into a computation: they are inputs. A draw only of a computation that reaches outside the draws."""
        self.consumed.update(root.place for root in scalar(value).roots if draws or root.kind == "literal")

    def on_UnaryOp(self, node: ast.UnaryOp, scope: Scope) -> Any:
        value = self.eval(node.operand, scope)
        if isinstance(node.op, ast.Not):
            truth = self.truth(value)
            whole = scalar(value)
            return Num(whole.roots, whole.computed, whole.by_name, UNKNOWN if truth is None else not truth)
        if isinstance(value, Num) and isinstance(node.op, ast.USub) and isinstance(value.py, (int, float)):
            return Num(value.roots, value.computed, value.by_name, -value.py)
        return elements(value) if isinstance(value, Num) else outside() if not isinstance(value, ListVal) else scalar(value)

    def on_BoolOp(self, node: ast.BoolOp, scope: Scope) -> Any:
        values: list[Any] = []
        stop_at = isinstance(node.op, ast.Or)
        for part in node.values:
            value = self.eval(part, scope)
            truth = self.truth(value)
            values.append(value)
            if truth is stop_at:
                return value if len(values) == 1 else self._any(values)
            if truth is not None and len(values) < len(node.values):
                values.pop()
        return self._any(values) if values else Num()

    def _any(self, values: list[Any]) -> Any:
        if all(isinstance(value, Num) for value in values):
            return merge(values)
        found = None
        for value in values:
            found = join(found, value)
        return found

    def on_IfExp(self, node: ast.IfExp, scope: Scope) -> Any:
        test = self.eval(node.test, scope)
        truth = self.truth(test)
        cond = scalar(test) if isinstance(test, (Num, ListVal, DictVal)) else outside()
        self.outcome(node.test, scope, truth, cond)
        if truth is not None:
            return self.eval(node.body if truth else node.orelse, scope)
        self.controls.append(cond)
        self.uncertain += cond.computed
        value = self.eval(node.body, scope)
        other = self.eval(node.orelse, scope)
        self.uncertain -= cond.computed
        found = self.differ(value, other)
        self.controls.pop()
        return found

    def on_JoinedStr(self, node: ast.JoinedStr, scope: Scope) -> Any:
        parts: list[Num] = []
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                value = self.eval(part.value, scope)
                whole = scalar(value) if isinstance(value, (Num, ListVal, DictVal)) else Num()
                parts.append(whole)
                if part.format_spec is not None or (whole.roots and not isinstance(whole.py, str)):
                    self.sink(scope, part, identifiers(part.value), whole, text=True)
            elif isinstance(part, ast.Constant) and isinstance(part.value, str) and any(c.isdigit() for c in part.value):
                self.texts.append((scope.file, node.lineno, part.value))
        known = all(isinstance(p, ast.Constant) for p in node.values)
        if not known and all(p.py is not UNKNOWN for p in parts):
            values = iter(parts)
            text = ""
            for part in node.values:
                if isinstance(part, ast.Constant):
                    text += str(part.value)
                else:
                    shown = str(next(values).py)
                    # A formatted number is not worked out: how many digits are shown does not matter here.
                    text += shown if isinstance(part, ast.FormattedValue) and part.format_spec is None else "?"
            py = text if len(text) <= 20_000 else UNKNOWN
            return Num(merge(parts).roots, merge(parts).computed, False, py, text=True)
        found_text = merge(parts, concrete=False)
        found_text.text = True
        return found_text

    def on_Dict(self, node: ast.Dict, scope: Scope) -> Any:
        made = DictVal()
        for key, item in zip(node.keys, node.values, strict=True):
            value = self.eval(item, scope)
            if key is None:
                if isinstance(value, DictVal):
                    made.items.update(value.items)
                continue
            known = self.key_of(self.eval(key, scope))
            self.store(made, known, value, item, scope)
        return made

    def on_List(self, node: Any, scope: Scope) -> Any:
        made = ListVal()
        for item in node.elts[:MAX_ITEMS]:
            if isinstance(item, ast.Starred):
                value = self.eval(item.value, scope)
                members, exact = self.members(value)
                made.items += members
                made.exact &= exact
            else:
                made.items.append(self.eval(item, scope))
        return made

    on_Tuple = on_List
    on_Set = on_List

    def on_Lambda(self, node: ast.Lambda, scope: Scope) -> Any:
        return Func(node, scope)

    def on_Await(self, node: ast.Await, scope: Scope) -> Any:
        return self.eval(node.value, scope)

    def on_NamedExpr(self, node: ast.NamedExpr, scope: Scope) -> Any:
        value = self.eval(node.value, scope)
        self.assign(node.target, value, scope)
        return value

    def on_Yield(self, node: ast.Yield, scope: Scope) -> Any:
        value = self.eval(node.value, scope)
        if not isinstance(scope.result, ListVal):
            scope.result = ListVal([], False)
        scope.result.items.append(value)
        return outside()

    def on_Starred(self, node: ast.Starred, scope: Scope) -> Any:
        return self.eval(node.value, scope)

    def on_Call(self, node: ast.Call, scope: Scope) -> Any:
        function = self.eval(node.func, scope)
        args: list[Any] = []
        for argument in node.args:
            value = self.eval(argument, scope)
            if isinstance(argument, ast.Starred):
                members, exact = self.members(value)
                args += members if exact else [elements(value)]
            else:
                args.append(value)
        kwargs: dict[str, Any] = {}
        for keyword in node.keywords:
            value = self.eval(keyword.value, scope)
            if keyword.arg is not None:
                kwargs[keyword.arg] = value
            elif isinstance(value, DictVal):
                kwargs.update({str(k): v for k, v in value.items.items()})
        return self.apply(function, args, kwargs, node, scope)

    def apply(self, function: Any, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        """The result of a call."""
        if isinstance(function, Func):
            return self.call(function, args, kwargs)
        if isinstance(function, Cls):
            return self.construct(function, args, kwargs, node, scope) if node is not None else outside()
        if isinstance(function, tuple):
            return self.method(function[1], function[2], args, kwargs, node, scope)
        if isinstance(function, Ext):
            return self.library_call(function, args, kwargs, node, scope)
        if isinstance(function, Inst):
            found = function.cls.find("__call__") or (None if not function.cls.outside else function.cls.find("forward"))
            if isinstance(found, Func):
                return self.call(Func(found.node, found.scope, function), args, kwargs)
        for value in (*args, *kwargs.values()):
            self.consume(value)
        return outside()


@lru_cache(maxsize=8192)
def _typed(file: str, line: int, column: int, text: str) -> frozenset[Root]:
    """The origin of a literal: one object, however often a loop comes by."""
    return frozenset((Root("literal", file, line, column, text),))


def _owner(value: Any) -> Any:
    """An attribute that is not known, as its owner: it is made of what that is made of."""
    bound = isinstance(value, tuple) and len(value) == 3 and value[0] == "bound"
    return value[1] if bound and isinstance(value[1], (Num, ListVal)) else value


def _packed(file: str, node: ast.Constant, value: str | bytes) -> frozenset[Root]:
    """The origin of a text that may hold numbers in a form of its own: eight digits in it, or bytes."""
    many = len(value) >= PACKED if isinstance(value, bytes) else len(value) >= 3 * PACKED and _holds(value)
    return _typed(file, node.lineno, node.col_offset, f"{PACKED_TEXT}{len(value)} characters") if many else frozenset()


@lru_cache(maxsize=8192)
def _holds(text: str) -> bool:
    """Many digits, or one long word of small and capital letters and digits, as base64 is."""
    digits = sum(char.isdigit() for char in text)
    mixed = digits > 0 and len(text) >= 4 * PACKED and text != text.lower() and text != text.upper()
    return digits >= PACKED or (mixed and not any(char.isspace() for char in text))


@lru_cache(maxsize=8192)
def _has_digit(text: str) -> bool:
    return any(char.isdigit() for char in text)


def _telling(text: str) -> bool:
    """Whether a literal is more than a setting such as 0.5 or 100."""
    try:
        return is_telling(float(text))
    except ValueError:
        return False


def _estimate(a: Num, b: Num) -> bool:
    """Whether `a` is a curved function of draws, such as an integrand, and `b` a literal: how far an estimate is from the truth."""
    return bool(a.draws and a.bent and not b.draws and any(root.kind == "literal" for root in b.roots))


def _truth(a: Num, b: Num) -> bool:
    """Whether one side is drawn and the other is worked out of the very literals that it was drawn from: an estimate's error."""
    left, right = ({root.place for root in side.roots if root.kind == "literal"} for side in (a, b))
    return bool(left & right) and bool(a.draws) != bool(b.draws)
