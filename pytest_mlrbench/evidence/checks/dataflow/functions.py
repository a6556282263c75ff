"""Builtins and library functions whose meaning the data-flow reading knows one by one; part of the interpreter."""

import ast
from dataclasses import dataclass, field, replace
from typing import Any

from .files import Files
from .values import (
    UNKNOWN,
    DictVal,
    Ext,
    Func,
    Inst,
    ListVal,
    Num,
    Root,
    elements,
    join,
    outside,
)

RANGE = 12
"""Numbers of a range that are taken one by one."""


@dataclass(slots=True)
class Parser:
    """An argparse parser of the read code."""

    values: dict[str, Any] = field(default_factory=dict)


class Functions(Files):
    """Calls by full name: `call_module_function`."""

    def call_builtins_print(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        for value, part in zip(args, node.args if node is not None else [], strict=False):
            if isinstance(value, (Num, ListVal)) and not isinstance(part, (ast.JoinedStr, ast.Constant)):
                self.sink(scope, part, identifiers(part), value, text=True)
        return Num(py=None)

    def call_builtins_range(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        limits = [a.py if isinstance(a, Num) else UNKNOWN for a in args]
        if all(isinstance(one, int) for one in limits) and limits and (len(limits) < 3 or limits[2]):
            found = range(*limits)  # type: ignore[arg-type]
            if len(found) <= RANGE:
                return ListVal([Num(py=i) for i in found])
        return ListVal([Num(computed=any(isinstance(a, Num) and a.computed for a in args))], False)

    def call_builtins_enumerate(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        items, exact = self.members(args[0]) if args else ([], True)
        return ListVal([ListVal([Num(py=i if exact else UNKNOWN), item]) for i, item in enumerate(items)], exact)

    def call_builtins_zip(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        found = [self.members(value) for value in args]
        if found and all(exact for _, exact in found):
            return ListVal([ListVal(list(row)) for row in zip(*(items for items, _ in found), strict=False)])
        return ListVal([ListVal([elements(ListVal(items, False)) for items, _ in found])], False)

    def call_itertools_product(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        """Any member of each."""
        return ListVal([ListVal([elements(ListVal(self.members(value)[0], False)) for value in args])], False)

    def call_itertools_islice(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        return ListVal(list(self.members(args[0])[0]), False) if args else outside()

    call_itertools_cycle = call_itertools_islice

    def call_builtins_map(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        if len(args) < 2:
            return outside()
        items, exact = self.members(args[1])
        items = items if exact and len(items) <= RANGE else [elements(ListVal(items, False))]
        return ListVal([self.apply(args[0], [item], {}, node, scope) for item in items], exact)

    def call_builtins_dict(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        made = self._same(args) if args and isinstance(args[0], DictVal) else DictVal()
        if args and isinstance(args[0], ListVal):
            for item in args[0].items:
                if isinstance(item, ListVal) and len(item.items) == 2:
                    self.store(made, self.key_of(item.items[0]), item.items[1], node, scope)
                elif isinstance(item, Num) and item.generated:
                    made.rest = join(made.rest, item)  # `dict(part.split("=") for part in ...)` of a text that was typed
        for key, value in kwargs.items():
            self.store(made, key, value, node, scope)
        return made

    call_types_SimpleNamespace = call_builtins_dict
    call_argparse_Namespace = call_builtins_dict
    call_collections_Counter = call_builtins_dict

    def call_collections_defaultdict(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        return DictVal(factory=args[0] if args and isinstance(args[0], (Func, Ext)) else None)

    def call_builtins_getattr(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        if len(args) > 1 and isinstance(self.key_of(args[1]), str):
            return self.attribute(args[0], self.key_of(args[1]))
        return outside()

    def call_builtins_setattr(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        if len(args) > 2:
            self.store(args[0], self.key_of(args[1]), args[2], node, scope)
        return Num(py=None)

    def call_builtins_super(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        me = scope.get("self") if scope is not None else None
        return ("super", me, "") if isinstance(me, Inst) else outside()

    def call_builtins_isinstance(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        types = {"ListVal": ("list", "tuple", "set"), "DictVal": ("dict",)}
        wanted = args[1].name.rpartition(".")[2] if len(args) > 1 and isinstance(args[1], Ext) else ""
        kind = type(args[0]).__name__ if args else ""
        if wanted and kind in types:
            return Num(py=wanted in types[kind])
        if wanted and isinstance(args[0], Num) and args[0].py is not UNKNOWN:
            return Num(py=type(args[0].py).__name__ == wanted)
        return outside()

    def call_builtins_next(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        """The first member of what is known, any member of a search."""
        if args and isinstance(args[0], ListVal):
            first = args[0].exact and args[0].items
            return args[0].items[0] if first else named_choice(args[0])
        return args[0] if args else outside()

    def call_dataclasses_field(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        if "default_factory" in kwargs:
            return self.apply(kwargs["default_factory"], [], {}, node, scope)
        return kwargs.get("default", outside())

    def call_builtins_float(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        """A number that stands as text in the code is a literal as well."""
        text = args[0].py if len(args) == 1 and isinstance(args[0], Num) else None
        if isinstance(text, str) and node is not None:
            try:
                value = float(text)
            except ValueError:
                return outside()
            root = Root("literal", scope.file, node.lineno, node.col_offset, text.strip())
            return Num(frozenset((root, *args[0].roots)), py=value)
        found = self._fold("builtins.float", "float", args)
        found = found if found is not None else self._numeric("builtins.float", "float", args, kwargs, node, scope)
        # What was a text is a number from here on.
        return replace(found, text=False) if isinstance(found, Num) and found.text else found

    def call_builtins_exec(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        code = args[0].py if args and isinstance(args[0], Num) else UNKNOWN
        if isinstance(code, bytes):
            code = code.decode("utf-8", "replace")
        if not isinstance(code, str):
            self.unread.append((scope.file, node.lineno, "exec"))
            return outside()
        try:
            tree = ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            self.unread.append((scope.file, node.lineno, "exec"))
            return outside()
        for part in ast.walk(tree):
            # A finding quotes the line of the file, which is that of the exec.
            if hasattr(part, "lineno"):
                part.lineno = node.lineno
        if len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr):
            return self.eval(tree.body[0].value, scope)
        self.block(tree.body, scope)
        return Num(py=None)

    call_builtins_eval = call_builtins_exec

    def call_builtins_compile(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        return args[0] if args else outside()

    def call_importlib_import_module(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        name = self.key_of(args[0]) if args else UNKNOWN
        return self.load(name, scope.file) if isinstance(name, str) else outside()

    call_builtins___import__ = call_importlib_import_module

    def call_argparse_ArgumentParser(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        return Parser()

    def call_pandas_DataFrame(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        value = args[0] if args else kwargs.get("data", DictVal())
        names = kwargs.get("columns")
        row = elements(value) if isinstance(value, ListVal) and isinstance(names, ListVal) else None
        if isinstance(row, ListVal) and row.exact and isinstance(names, ListVal) and len(row.items) == len(names.items):
            made = DictVal()
            for name, item in zip(names.items, row.items, strict=True):
                self.store(made, self.key_of(name), item, node, scope)
            return made
        if isinstance(value, ListVal):
            found: Any = None
            for item in value.items:
                found = join(found, item)
            value = found if isinstance(found, DictVal) else value
        return value if isinstance(value, (DictVal, ListVal, Num)) else outside()


def named_choice(values: ListVal) -> Any:
    """Any member of a list that was searched: of different literals, one that a name chose."""
    found: Any = None
    for item in values.items:
        found = join(found, item, by_name=True)
    return found if found is not None else outside()


def identifiers(node: ast.AST) -> tuple[str, ...]:
    """Names and keys that an expression speaks of."""
    found: list[str] = []
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            found.append(part.id)
        elif isinstance(part, ast.Attribute):
            found.append(part.attr)
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            found.append(part.value)
    return tuple(dict.fromkeys(found))
