"""Attributes, subscripts and comprehensions of the read code on abstract values; part of the interpreter."""

import ast
from typing import Any

from .library import Library
from .scope import Scope
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
    elements,
    join,
    looped,
    merge,
    met,
    outside,
    scalar,
)

NESTED_MEMBERS = 150
"""Members of nested comprehensions and loops together that are taken one by one."""
WHOLE = Num(py=None)
"""Key of the rows or columns that a slice takes."""
SIZES = frozenset(("shape", "size", "ndim"))
"""Attributes that say how much data there is: like a length, they measure nothing."""


class Access(Library):
    """Looks into containers, instances and modules."""

    def on_Attribute(self, node: ast.Attribute, scope: Scope) -> Any:
        return self.attribute(self.eval(node.value, scope), node.attr)

    def attribute(self, holder: Any, name: str) -> Any:
        if isinstance(holder, Inst):
            if name in holder.attributes:
                return holder.attributes[name]
            found = holder.cls.find(name)
            if isinstance(found, Func):
                decorators = {getattr(d, "id", getattr(d, "attr", "")) for d in getattr(found.node, "decorator_list", [])}
                if decorators & {"property", "cached_property"}:
                    return self.call(Func(found.node, found.scope, holder), [], {})
                owner = None if "staticmethod" in decorators else holder.cls if "classmethod" in decorators else holder
                return Func(found.node, found.scope, owner)
            return found if found is not None else outside()
        if isinstance(holder, Cls):
            found = holder.find(name)
            decorators = {getattr(d, "id", "") for d in getattr(getattr(found, "node", None), "decorator_list", [])}
            if isinstance(found, Func) and "classmethod" in decorators:
                return Func(found.node, found.scope, holder)
            if isinstance(found, Num):
                # A member of an enumeration: its name stands for it.
                return found
            return found if found is not None else outside()
        if isinstance(holder, Module):
            found = holder.scope.names.get(name)
            return found if found is not None else self.load(f"{holder.scope.names['__name__'].py}.{name}", holder.file)
        if isinstance(holder, Ext):
            return self.library_attribute(holder, name)
        if isinstance(holder, DictVal) and name in holder.items:
            return holder.items[name]
        if isinstance(holder, tuple) and holder[0] == "super":
            for base in holder[1].cls.bases:
                found = base.find(name) if isinstance(base, Cls) else None
                if isinstance(found, Func):
                    return Func(found.node, found.scope, holder[1])
            return outside()
        if name in SIZES and isinstance(holder, (Num, ListVal)):
            return Num()
        return ("bound", holder, name)

    def on_Subscript(self, node: ast.Subscript, scope: Scope) -> Any:
        holder = self.eval(node.value, scope)
        if isinstance(node.slice, ast.Slice):
            if isinstance(holder, ListVal):
                parts = [self.eval(p, scope) if p is not None else Num(py=None) for p in (node.slice.lower, node.slice.upper)]
                step = node.slice.step is None
                if holder.exact and step and all(isinstance(p, Num) and isinstance(p.py, (int, type(None))) for p in parts):
                    return ListVal(holder.items[parts[0].py : parts[1].py], True)
                return ListVal(list(holder.items), False)
            return holder
        return self.index(holder, self.eval(node.slice, scope))

    def on_Slice(self, node: ast.Slice, scope: Scope) -> Any:
        """A part of `array[a:b, j]`."""
        for bound in (node.lower, node.upper, node.step):
            self.eval(bound, scope)
        return WHOLE

    def index(self, holder: Any, key: Any, default: Any = None) -> Any:
        """`holder[key]`, or `holder.get(key, default)`."""
        known = self.key_of(key)
        if isinstance(holder, DictVal):
            if known is not UNKNOWN and known in holder.items:
                return holder.items[known]
            if known is not UNKNOWN and holder.rest is None:
                if default is not None:
                    return default
                if holder.factory is not None:
                    made = self.apply(holder.factory, [], {}, None, None)
                    holder.items[known] = made
                    return made
            if known is UNKNOWN and default is None and holder.factory is not None and not holder.items:
                if holder.rest is None:
                    holder.rest = self.apply(holder.factory, [], {}, None, None)
                return holder.rest
            found = default if holder.rest is None or default is None else join(holder.rest, default)
            found = found if found is not None else holder.rest
            # One of several literals picked by a name: that is what a preset of a method is.
            for one in holder.items.values():
                found = join(found, one, by_name=True)
            if isinstance(key, Num) and key.computed and isinstance(found, Num) and not key.by_name and not _texts(holder):
                return Num(computed=True)
            return found if found is not None else outside()
        if isinstance(holder, ListVal) and isinstance(key, ListVal):
            # `array[i, j]`; of `array[:, j]` any row is looked into.
            found = holder
            for part in key.items:
                part = Num() if part is WHOLE else part
                found = self.index(found, part) if isinstance(found, ListVal) else found
            return found
        if isinstance(holder, ListVal):
            if isinstance(known, int) and holder.exact and -len(holder.items) <= known < len(holder.items):
                return holder.items[known]
            found = elements(holder)
            if isinstance(key, Num) and isinstance(found, Num):
                if key.computed:
                    return outside()
                if key.draws and not holder.exact:
                    # A look into a table that the program fills (a hash table, a grid) at a drawn place.
                    return met()
                return merge((found, Num(key.roots, False, key.by_name)), concrete=False)
            return found
        if isinstance(holder, Num):
            index = scalar(key)
            if holder.computed or index.computed or (index.draws and holder.draws):
                return outside()
            return Num(holder.roots | index.roots, False, holder.by_name)
        if isinstance(holder, Ext) and holder.typed:
            return Num(holder.typed)
        if isinstance(holder, tuple) and isinstance(holder[1], Num) and holder[2] in ("loc", "iloc", "at", "iat", "values"):
            # A place in a table of which only the file is known.
            return Num(holder[1].roots, holder[1].computed)
        return outside()

    def key_of(self, key: Any) -> Any:
        if isinstance(key, Num) and isinstance(key.py, (str, int, float, bool)):
            return key.py
        if isinstance(key, Ext) and key.path:
            return key.path
        if isinstance(key, ListVal) and key.exact and all(isinstance(self.key_of(i), (str, int)) for i in key.items):
            texts = [self.key_of(i) for i in key.items if isinstance(self.key_of(i), str)]
            return texts[-1] if texts else UNKNOWN
        return UNKNOWN

    def on_ListComp(self, node: Any, scope: Scope) -> Any:
        inner = Scope(scope.file, parent=scope, module=scope.module)
        made = ListVal()
        made.exact = self._comprehend(node.generators, inner, lambda: made.items.append(self.eval(node.elt, inner)))
        del made.items[MAX_ITEMS:]
        return made

    on_SetComp = on_ListComp
    on_GeneratorExp = on_ListComp

    def on_DictComp(self, node: ast.DictComp, scope: Scope) -> Any:
        inner = Scope(scope.file, parent=scope, module=scope.module)
        made = DictVal()

        def put() -> None:
            key = self.key_of(self.eval(node.key, inner))
            self.store(made, key, self.eval(node.value, inner), node.value, inner)

        self._comprehend(node.generators, inner, put)
        return made

    def _comprehend(self, generators: list[ast.comprehension], scope: Scope, put: Any) -> bool:
        """Call `put` once for each combination of members; False when the members are not all known."""
        if not generators:
            put()
            return True
        first, *others = generators
        source = self.eval(first.iter, scope)
        members, exact = self.members(source)
        over = looped(source) if isinstance(source, (Num, ListVal)) else Num()
        if not exact or len(members) * self.passes > NESTED_MEMBERS:
            members, exact = [elements(ListVal(members, False))], False
        saved_passes = self.passes
        self.passes *= max(1, len(members))
        self.controls.append(Num(computed=over.computed))
        loose = not exact
        self.inexact += loose
        for member in members:
            self.assign(first.target, member, scope)
            pushed = 0
            keep = True
            for test in first.ifs:
                value = self.eval(test, scope)
                truth = self.truth(value)
                keep &= truth is not False
                exact &= truth is not None
                self.controls.append(scalar(value) if isinstance(value, (Num, ListVal, DictVal)) else outside())
                pushed += 1
            if keep:
                exact &= self._comprehend(others, scope, put)
            del self.controls[len(self.controls) - pushed :]
        self.inexact -= loose
        self.controls.pop()
        self.passes = saved_passes
        return exact


def _texts(holder: DictVal) -> bool:
    return any(isinstance(key, str) for key in holder.items)
