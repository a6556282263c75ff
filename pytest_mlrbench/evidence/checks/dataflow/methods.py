"""Methods of lists, dictionaries, numbers, texts and argument parsers on abstract values; part of the interpreter."""

from typing import TYPE_CHECKING, Any

from . import names as known
from .functions import identifiers
from .values import (
    MAX_ITEMS,
    MAX_TEXT,
    UNKNOWN,
    DictVal,
    Ext,
    ListVal,
    Num,
    Root,
    agreement,
    elements,
    join,
    merge,
    met,
    outside,
    scalar,
)

if TYPE_CHECKING:
    from .functions import Parser
    from .library import Library


def of_list(it: "Library", holder: ListVal, name: str, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
    """A method of a list, set, queue or array."""
    if name in ("append", "add", "appendleft", "insert", "put") and args:
        value = args[-1]
        control = merge(it.controls)
        tested = it.uncertain or control.roots or control.by_name
        if isinstance(value, Num) and tested and not value.draws:
            # Which literal is appended was decided by a measured test, or by a coin.
            value = Num(value.roots | control.roots, value.computed or control.computed, value.by_name or control.by_name, value.py)
        if len(holder.items) < MAX_ITEMS:
            holder.items.append(value)
        else:
            holder.items[-1] = join(holder.items[-1], value)
        holder.exact = holder.exact and not it.inexact and not it.uncertain
        if holder.label and node is not None:
            it.sink(scope, node, (holder.label,), value)
        return Num(py=None)
    if name in ("extend", "update") and args:
        items, exact = it.members(args[0])
        holder.items = [*holder.items, *items][:MAX_ITEMS]
        holder.exact &= exact and not it.inexact and not it.uncertain
        if holder.label and node is not None:
            it.sink(scope, node, (holder.label,), ListVal(items))
        return Num(py=None)
    if name in ("sort", "reverse", "clear", "remove"):
        holder.exact = False
        return Num(py=None)
    if name == "copy":
        return ListVal(list(holder.items), holder.exact, holder.label)
    if name in ("pop", "popleft", "get", "result", "squeeze", "reshape", "flatten"):
        return elements(holder) if name in ("pop", "popleft") else holder
    if name in known.PASSING:
        folded = it._fold(name, name, [holder])
        return folded if folded is not None else scalar(holder)
    whole = scalar(holder)
    if name == "count" and args and isinstance(args[0], Num) and (found := agreement(whole, args[0])) is not None:
        return found
    return outside() if whole.draws or whole.computed else Num(whole.roots)


def of_dict(it: "Library", holder: DictVal, name: str, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
    """A method of a dictionary; what a data frame does with its columns keeps them."""
    if name == "get" and args:
        return it.index(holder, args[0], args[1] if len(args) > 1 else Num(py=None))
    if name == "items":
        found = [ListVal([Num(py=key), value]) for key, value in holder.items.items()]
        if holder.rest is not None:
            found.append(ListVal([Num(), holder.rest]))
        return ListVal(found, holder.rest is None and not it.inexact)
    if name == "values":
        return ListVal([*holder.items.values(), *([holder.rest] if holder.rest is not None else [])], holder.rest is None)
    if name == "keys":
        return ListVal([Num(py=key) for key in holder.items], holder.rest is None)
    if name == "setdefault" and args:
        key = it.key_of(args[0])
        if key not in holder.items:
            it.store(holder, key, args[1] if len(args) > 1 else Num(py=None), node, scope)
        return it.index(holder, args[0])
    if name == "update":
        for source in [*args, DictVal(dict(kwargs))]:
            if isinstance(source, DictVal):
                for key, value in source.items.items():
                    it.store(holder, key, value, node, scope)
        return Num(py=None)
    if name in ("pop", "popitem"):
        return it.index(holder, args[0]) if args else outside()
    if name == "copy":
        return DictVal(dict(holder.items), holder.rest, holder.label, holder.factory)
    return holder


def of_number(it: "Library", holder: Num, name: str, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
    """A method of a number, an array or a text whose origins are known."""
    values = [*args, *kwargs.values()]
    certain = all(isinstance(v, Num) and v.py is not UNKNOWN for v in values)
    if isinstance(holder.py, (str, bytes)) and name in known.TEXTUAL and name != "format" and certain:
        try:
            found = getattr(holder.py, name)(*(v.py for v in args))
        except (TypeError, ValueError, AttributeError, LookupError):
            return Num(holder.roots)
        if isinstance(found, list):
            return ListVal([Num(holder.roots, py=part) for part in found[:MAX_ITEMS]])
        # A text that doubles in every pass of a loop must not fill the memory.
        return Num(holder.roots, py=found if not isinstance(found, (str, bytes)) or len(found) <= MAX_TEXT else UNKNOWN)
    if name in ("read", "read_text") and isinstance(holder.py, (str, bytes)):
        return holder
    if name in ("format", "join"):
        for value, part in zip(args, node.args if node is not None else [], strict=False):
            if isinstance(value, Num) and name == "format":
                it.sink(scope, part, identifiers(part), value, text=True)
        for key, value in kwargs.items():
            if isinstance(value, Num):
                it.sink(scope, node, (key,), value, text=True)
        joined = merge([holder, *(scalar(v) for v in values if isinstance(v, (Num, ListVal, DictVal)))], concrete=False)
        joined.text = True
        return joined
    whole = merge([holder, *(scalar(v) for v in values if isinstance(v, (Num, ListVal, DictVal)))], concrete=False)
    if name in known.AVERAGING and holder.bent == 2:
        return met()
    if name in ("argmax", "argmin", "argsort", "dot", "matmul", "mm", "fit", "predict"):
        return outside() if whole.draws or whole.computed else whole
    return Num(holder.roots, False, holder.by_name, bent=holder.bent)


def of_parser(it: "Library", holder: "Parser", name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """argparse: what the recorded command line gives, else the default."""
    if name in ("add_argument_group", "add_mutually_exclusive_group"):
        return holder
    if name == "set_defaults":
        holder.values.update(kwargs)
        return Num(py=None)
    if name in ("parse_args", "parse_known_args"):
        found = DictVal(dict(holder.values))
        return ListVal([found, outside()]) if name == "parse_known_args" else found
    if name == "add_argument":
        flags = [a.py for a in args if isinstance(a, Num) and isinstance(a.py, str)]
        if flags:
            long = next((f for f in flags if f.startswith("--")), flags[0])
            target = it.key_of(kwargs["dest"]) if "dest" in kwargs else long.lstrip("-").replace("-", "_")
            holder.values[str(target)] = _argument(it, flags, kwargs)
        return Num(py=None)
    return outside()


def _argument(it: "Library", flags: list[str], kwargs: dict[str, Any]) -> Any:
    action = it.key_of(kwargs["action"]) if "action" in kwargs else ""
    given: list[str] = list(it.program.arguments)
    default = kwargs.get("default")
    if action in ("store_true", "store_false"):
        there = any(flag in given for flag in flags)
        return Num(py=there if action == "store_true" else not there)
    for index, word in enumerate(given):
        flag, equal, value = word.partition("=")
        if flag in flags:
            values = [value] if equal else []
            if not equal:
                for other in given[index + 1 :]:
                    if other.startswith("--") or (values and "nargs" not in kwargs):
                        break
                    values.append(other)
            made = [_typed(text, kwargs.get("type")) for text in values]
            return ListVal(made) if "nargs" in kwargs else made[0] if made else outside()
    if default is not None:
        return default
    return outside() if not flags[0].startswith("-") else Num(py=None)


def _typed(text: str, kind: Any) -> Num:
    if "$" in text or "?" in text:
        return Num()
    name = kind.name.rpartition(".")[2] if isinstance(kind, Ext) else "str"
    try:
        value: Any = {"int": int, "float": float}.get(name, str)(text)
    except ValueError:
        return Num(py=text)
    roots = frozenset((Root("literal", "command line", 1, 0, text),)) if isinstance(value, (int, float)) else frozenset()
    return Num(roots, py=value)
