"""Comparisons of the read code on abstract values; part of the interpreter."""

import ast
import operator
from typing import Any

from .access import Access
from .scope import Scope
from .values import (
    UNKNOWN,
    Cls,
    DictVal,
    Ext,
    Inst,
    ListVal,
    Num,
    agreement,
    merge,
    outside,
    scalar,
)

COMPARISONS: dict[type, Any] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


class Comparing(Access):
    """Evaluates `a == b`, `a in b` and the like."""

    def on_Compare(self, node: ast.Compare, scope: Scope) -> Any:
        operands = [self.eval(part, scope) for part in (node.left, *node.comparators)]
        parts = [scalar(one) if isinstance(one, (Num, ListVal, DictVal)) else Num() for one in operands]
        if any(isinstance(one, (Ext, Cls)) and not isinstance(one, Inst) for one in operands[:1]) and len(operands) < 2:
            return outside()
        if len(parts) == 2 and isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
            found = agreement(*parts)
            if found is not None:
                return found
        both = merge(parts, concrete=False)
        drawn = [part.draws for part in parts if part.draws]
        name = any(isinstance(part.py, str) for part in parts) or any(_is_texts(one) for one in operands)
        py: Any = UNKNOWN
        if len(operands) == 2:
            py = self._compare(node.ops[0], operands[0], operands[1])
        if name and py is UNKNOWN and not drawn:
            # A name not known here is one of the methods: the literals behind the test are chosen by it.
            return Num(frozenset(), False, by_name=True)
        if not both.computed and any(part.bent and len(part.draws) > 1 for part in parts):
            # `x ** 2 + y ** 2 <= 1`: an event of geometry, which no setting places.
            return Num(computed=True, simulated=True)
        if len(drawn) > 1 or both.computed:
            return Num(computed=True, py=py, simulated=not both.computed or both.simulated)
        if drawn:
            self.settings.update(root.place for root in both.roots if root.kind != "draw")
        return Num(both.roots if drawn else frozenset(), False, name or both.by_name, py)

    def _compare(self, op: ast.cmpop, left: Any, right: Any) -> Any:
        if isinstance(op, (ast.In, ast.NotIn)):
            if not isinstance(left, Num) or left.py is UNKNOWN:
                return UNKNOWN
            members: list[Any]
            if isinstance(right, Num) and isinstance(right.py, str) and isinstance(left.py, str):
                found = left.py in right.py
                return found if isinstance(op, ast.In) else not found
            if isinstance(right, ListVal) and right.exact and all(isinstance(i, Num) and i.py is not UNKNOWN for i in right.items):
                members = [i.py for i in right.items]
            elif isinstance(right, DictVal) and right.rest is None and not self.uncertain and not self.inexact:
                members = list(right.items)
            else:
                return UNKNOWN
            return (left.py in members) if isinstance(op, ast.In) else (left.py not in members)
        if isinstance(op, (ast.Is, ast.IsNot)):
            if isinstance(right, Num) and right.py is None:
                if isinstance(left, Num) and (left.computed or (left.py is UNKNOWN)):
                    return UNKNOWN if left.computed else isinstance(op, ast.IsNot)
                none = isinstance(left, Num) and left.py is None
                return none if isinstance(op, ast.Is) else not none
            return UNKNOWN
        if isinstance(left, Num) and isinstance(right, Num) and left.py is not UNKNOWN and right.py is not UNKNOWN:
            if left.computed or right.computed:
                return UNKNOWN
            function = COMPARISONS.get(type(op))
            try:
                return bool(function(left.py, right.py)) if function is not None else UNKNOWN
            except TypeError:
                return UNKNOWN
        return UNKNOWN


def _is_texts(value: Any) -> bool:
    return (
        isinstance(value, ListVal) and bool(value.items) and all(isinstance(i, Num) and isinstance(i.py, str) for i in value.items)
    )
