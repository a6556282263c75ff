"""Calls of libraries and methods of values on abstract values; part of the interpreter."""

import base64
import codecs
import posixpath
import zlib
from dataclasses import replace
from typing import Any

from . import names as known
from .figures import Plotted
from .functions import Functions, Parser, identifiers
from .methods import of_dict, of_list, of_number, of_parser
from .values import (
    CURVE,
    DRAW,
    UNKNOWN,
    DictVal,
    Ext,
    Func,
    Inst,
    ListVal,
    Module,
    Num,
    Root,
    agreement,
    elements,
    flipped,
    merge,
    met,
    outside,
    scalar,
    spread,
    typed_text,
)

DECODERS: dict[str, Any] = {
    "base64.b64decode": base64.b64decode,
    "base64.b32decode": base64.b32decode,
    "base64.b85decode": base64.b85decode,
    "base64.b16decode": base64.b16decode,
    "codecs.decode": codecs.decode,
    "zlib.decompress": lambda data: zlib.decompressobj().decompress(data, 1 << 20),
    "builtins.bytes.fromhex": bytes.fromhex,
}
"""What unpacks a text that stands in the code, so that it can be read."""


class Library(Functions):
    """Meaning of calls outside the read code."""

    def members(self, value: Any) -> tuple[list[Any], bool]:
        """What a loop over `value` takes, and whether these are all, in order."""
        if isinstance(value, ListVal):
            return list(value.items), value.exact
        if isinstance(value, DictVal):
            if value.rest is None and value.items:
                return [Num(py=key) for key in value.items], not self.inexact
            return [elements(value)], False
        return [elements(value)], False

    def library_attribute(self, holder: Ext, name: str) -> Any:
        if holder.path and name == "parent":
            return Ext(holder.name, made=True, path=posixpath.dirname(holder.path) or ".")
        if holder.made:
            return ("bound", holder, name)
        if (holder.name, name) == ("sys", "argv"):
            words = [Num(py="script"), *(self._word(word) for word in self.program.arguments)]
            return ListVal(words)
        if (holder.name, name) == ("os", "environ"):
            return DictVal(rest=Num(frozenset((Root("literal", "command line", 1, 0, "environment"),))))
        if holder.name in ("numpy.random", "random") or not holder.name:
            return Ext(f"{holder.name}.{name}")
        found = (
            self.load(f"{holder.name}.{name}", "")
            if holder.name.count(".") < 1 and not holder.name.startswith("builtins")
            else None
        )
        return found if isinstance(found, Module) else Ext(f"{holder.name}.{name}")

    def _word(self, word: str) -> Num:
        """A word of the recorded command line: typed, whatever becomes of it."""
        known_word = "$" not in word and "?" not in word
        root = Root("literal", "command line", 1, 0, word if known_word else "command line")
        return Num(frozenset((root,)), py=word if known_word else UNKNOWN)

    def draw(self, name: str, node: Any, scope: Any, used: list[Any]) -> Num:
        """A new random number whose distribution is given by `used`."""
        parts = [scalar(value) for value in used]
        whole = merge(parts, concrete=False)
        if whole.computed and name == "hash":
            # A hash of anything is as good as drawn: of a name that is not known as well.
            whole, parts = Num(), []
        if whole.computed:
            made = outside()
            made.tilted = whole.tilted | {DRAW}
            return made
        self.settings.update(root.place for root in whole.roots if root.kind != "draw")
        at = (scope.file, node.lineno, node.col_offset) if node is not None and scope is not None else ("", 0, 0)
        last = name.rpartition(".")[2]
        root = Root("draw", at[0], at[1], at[2], name.removeprefix("builtins."), self.instance)
        if last not in known.CENTRED:
            return Num(whole.roots | {root}, False, whole.by_name)
        first = parts[0] if parts and last != "standard_t" else Num(py=0)
        spreads = frozenset[Root]().union(*(spread(part) for part in parts if part is not first))
        return Num(first.roots | spreads | {root}, False, first.by_name, centred=not first.roots and first.py in (0, UNKNOWN))

    def library_call(self, function: Ext, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        name = function.name
        if function.made:
            return self.method(function, "__call__", args, kwargs, node, scope)
        last = name.rpartition(".")[2]
        if name in known.GENERATORS:
            return Ext(name, made=True)
        if name.startswith(known.RANDOM_MODULES) or name in known.TORCH_DRAWS:
            return self._random(name, last, args, kwargs, node, scope)
        if name.startswith(known.HASHES):
            return self.draw("hash", node, scope, args)
        special = getattr(self, f"call_{name.replace('.', '_')}", None)
        if special is not None:
            return special(args, kwargs, node, scope)
        if name in DECODERS and args and isinstance(args[0], Num) and isinstance(args[0].py, (str, bytes)):
            try:
                decoded = DECODERS[name](*(a.py for a in args if isinstance(a, Num) and a.py is not UNKNOWN))
            except (ValueError, TypeError, LookupError, zlib.error):
                return outside()
            return Num(args[0].roots, py=decoded)
        if name.startswith("tqdm") and args:
            return args[0]
        if name in known.SAME:
            return self._same(args)
        folded = self._fold(name, last, args)
        if folded is not None:
            return folded
        if name in known.NEUTRAL_CALLS:
            return Num()
        # A pattern says where to look, and is no number's origin.
        if name.startswith(known.PARSING) and (taken := typed_text(args[1:] if name.startswith("re.") else args)):
            return Num(taken)
        if name.startswith(known.NUMERIC) or name.startswith("builtins."):
            return self._numeric(name, last, args, kwargs, node, scope)
        return self._foreign(name, last, args, kwargs, node, scope)

    def _random(self, name: str, last: str, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        if last in known.DRAWING:
            if name.startswith("scipy.stats.") and last != "rvs":
                return outside()
            plain = (
                last in ("rand", "randn", "random", "random_sample", "standard_normal", "ranf", "urandom")
                or name in known.TORCH_DRAWS
            )
            # Whatever order the keywords come in, the place of the distribution is its first argument.
            place = [kwargs[k] for k in ("loc", "mean", "mu", "low", "a") if k in kwargs and not args]
            if not args and not place and kwargs:
                place = [Num(py=0)]
            rest = [v for k, v in kwargs.items() if k not in ("size", "k", "dtype", "loc", "mean", "mu", "low", "a")]
            used = [] if plain else [*place, *args[:2], *rest]
            return self.draw(name, node, scope, used)
        if last in known.CHOOSING:
            return self._choose(name, last, args, kwargs, node, scope)
        if name.startswith("scipy.stats."):
            whole = merge((scalar(a) for a in args), concrete=False)
            return outside() if whole.draws or whole.computed else Num(whole.roots)
        return outside()

    def _choose(self, name: str, last: str, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        weights = [kwargs[k] for k in ("p", "weights", "cum_weights") if k in kwargs]
        if args and isinstance(args[0], ListVal) and not any(isinstance(i, Num) for i in args[0].items):
            return elements(args[0]) if last == "choice" else ListVal(list(args[0].items), False)
        population = scalar(args[0]) if args else Num()
        if population.computed or population.draws or (args and not isinstance(args[0], (Num, ListVal))):
            return outside() if last == "choice" else ListVal([outside()], False)
        if not population.roots and not weights:
            # Names, indices: nothing that a number would be made of.
            at = (scope.file, node.lineno, node.col_offset) if node is not None and scope is not None else ("", 0, 0)
            one = Num(picked=frozenset((at,)))
            return one if last == "choice" else ListVal([one], False)
        return self.draw(name, node, scope, [population, *weights])

    def _same(self, args: list[Any]) -> Any:
        if not args:
            return ListVal()
        value = args[0]
        if isinstance(value, ListVal):
            return ListVal(list(value.items), value.exact, value.label)
        if isinstance(value, DictVal):
            return DictVal(dict(value.items), value.rest, value.label, value.factory)
        return value

    def _fold(self, name: str, last: str, args: list[Any]) -> Any:
        """A known result of known arguments."""
        if args and all(isinstance(a, Num) and a.py is not UNKNOWN and not a.computed for a in args) and name in known.FOLDED:
            whole = merge(args, concrete=False)
            try:
                return Num(whole.roots, False, whole.by_name, known.FOLDED[name](*(a.py for a in args)))
            except (TypeError, ValueError, ArithmeticError):
                return Num(whole.roots, False, whole.by_name)
        if len(args) == 1 and last in known.REDUCED and isinstance(args[0], ListVal) and args[0].exact and args[0].items:
            items = args[0].items
            whole = scalar(args[0])
            if last == "len":
                return Num(py=len(items))
            if all(isinstance(i, Num) and isinstance(i.py, (int, float)) for i in items):
                try:
                    return Num(whole.roots, whole.computed, whole.by_name, known.REDUCED[last]([i.py for i in items]))
                except (TypeError, ValueError, ArithmeticError):
                    return Num(whole.roots, whole.computed, whole.by_name)
        return None

    def _numeric(self, name: str, last: str, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        """A numeric function or builtin: made of its arguments, or a computation when draws meet in it."""
        values = [*args, *(v for k, v in kwargs.items() if k in ("default", "initial", "a_min", "a_max", "weights"))]
        if not all(isinstance(v, (Num, ListVal, DictVal)) for v in values):
            return outside()
        whole = merge((scalar(v) for v in values), concrete=False)
        if last in known.AVERAGING and whole.bent == 2 and not whole.computed and not _few(args):
            # The mean of many payoffs, each a cut-off curve of a draw: an integral by Monte Carlo, which no setting tells.
            return met()
        if last == "where" and len(values) == 3:
            flipped(whole, scalar(values[0]), [scalar(value) for value in values[1:]])
        if last in known.KINKED and whole.bent:
            whole.bent = 2
        elif last in known.BENDING and whole.draws:
            whole.bent = max(1, whole.bent)
        if last in known.AVERAGING and whole.draws and len(args) == 1 and isinstance(args[0], ListVal) and not args[0].exact:
            whole.sampled = True
        if last in known.CURVES and whole.computed:
            whole.tilted |= {CURVE}
        if last in known.SPREADING and whole.draws:
            return Num(whole.draws | spread(whole), False, whole.by_name)
        if last in known.PASSING or name in (
            "builtins.float",
            "builtins.int",
            "builtins.str",
            "builtins.bool",
            "builtins.divmod",
        ):
            return whole
        if name == "builtins.int.from_bytes" and args and isinstance(args[0], Num):
            # The order of the bytes is a text; the number is not.
            return replace(args[0], text=False, py=UNKNOWN)
        if name.startswith("builtins."):
            return outside()
        return outside() if whole.draws or whole.computed else whole

    def call_builtins_max(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        """The largest; of things without a number of their own, chosen by a drawn or measured key, it is a measured choice."""
        last = "max"
        if "key" in kwargs and len(args) == 1:
            members, _ = self.members(args[0])
            if members and all(isinstance(m, Num) and not m.roots and not m.computed for m in members):
                keys = [self.apply(kwargs["key"], [member], {}, node, scope) for member in members[: known.KEYED]]
                found = merge((scalar(key) for key in keys if isinstance(key, (Num, ListVal, DictVal))), concrete=False)
                if found.computed or found.draws:
                    return met() if found.simulated or not found.computed else outside()
        folded = self._fold(f"builtins.{last}", last, args)
        return folded if folded is not None else self._numeric(f"builtins.{last}", last, args, kwargs, node, scope)

    def call_builtins_min(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        """As `max`, but that known numbers give the smallest."""
        if "key" in kwargs:
            return self.call_builtins_max(args, kwargs, node, scope)
        folded = self._fold("builtins.min", "min", args)
        return folded if folded is not None else self._numeric("builtins.min", "min", args, kwargs, node, scope)

    def _foreign(self, name: str, last: str, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        """A call of a library of which nothing is known: what goes in is an input, what comes out is not claimed about."""
        parts = [scalar(value) for value in args[:2] if isinstance(value, (Num, ListVal))]
        found = agreement(*parts) if len(parts) == 2 else None
        if found is not None:
            return found
        for value in (*args, *kwargs.values()):
            if isinstance(value, Func):
                given = kwargs.get("args")
                self.call(value, given.items if isinstance(given, ListVal) else [elements(a) for a in args if a is not value], {})
        if name.startswith(("subprocess.", "os.system", "os.popen")) and args:
            self._child(args[0], node, scope)
        if name.startswith(known.UNREADABLE) and node is not None:
            self.unread.append((scope.file, node.lineno, name))
        self.relays |= any(isinstance(value, Ext) and value.name == "made rows" for value in args)
        if last in known.PLOTTING and node is not None:
            self._plotted(args, node, scope)
        if not name.startswith(known.REPORTING):
            for value in (*args, *kwargs.values()):
                if isinstance(value, (Num, ListVal, DictVal)):
                    self.consume(value)
        return Ext(name, made=True) if last[:1].isupper() or last == "getLogger" else outside()

    def _plotted(self, args: list[Any], node: Any, scope: Any) -> None:
        for value in args:
            if isinstance(value, (Num, ListVal)):
                whole = scalar(value)
                if whole.roots or whole.computed:
                    self.plots.append(Plotted(scope.file, node.lineno, whole))

    def _child(self, command: Any, node: Any, scope: Any) -> None:
        parts = [self.key_of(item) for item in command.items] if isinstance(command, ListVal) else [self.key_of(command)]
        text = " ".join(str(part) if isinstance(part, str) else "?" for part in parts)
        if ".py" in text or ".sh" in text:
            self.children.append((text.replace("? ", "python ", 1) if text.startswith("? ") else text, scope.file, node.lineno))

    # Methods

    def method(self, holder: Any, name: str, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        """The result of `holder.name(...)` for what is not an instance of a read class."""
        if isinstance(holder, Inst) and name == "":
            return outside()
        if isinstance(holder, Parser):
            return of_parser(self, holder, name, args, kwargs)
        if isinstance(holder, ListVal):
            return of_list(self, holder, name, args, kwargs, node, scope)
        if isinstance(holder, DictVal):
            return of_dict(self, holder, name, args, kwargs, node, scope)
        if isinstance(holder, Num) and not holder.computed:
            return of_number(self, holder, name, args, kwargs, node, scope)
        if isinstance(holder, Num) and name in known.PASSING and (holder.simulated or holder.tilted):
            return replace(holder, py=UNKNOWN)
        if isinstance(holder, Ext) and holder.name in known.GENERATORS:
            return self._random(f"{holder.name.rpartition('.')[0]}.{name}", name, args, kwargs, node, scope)
        if isinstance(holder, Ext) and holder.made:
            if holder.name == "re.compile" and (taken := typed_text(args)):
                return Num(taken)
            if holder.path and name in ("resolve", "absolute", "expanduser"):
                return holder
            if holder.path and name in ("glob", "rglob") and args and isinstance(pattern := self.key_of(args[0]), str):
                found = self.program.matching(posixpath.join(holder.path, pattern))
                return ListVal([Ext(holder.name, made=True, path=found)] if found else [outside()], False)
            if holder.path and name in ("read_text", "read_bytes", "open"):
                mode = self.key_of(args[0]) if args else self.key_of(kwargs["mode"]) if "mode" in kwargs else "r"
                return self.typed_file(holder.path, node, scope) if name != "open" or mode in ("r", "rt", "rb") else outside()
            paths = [value.py for value in args if isinstance(value, Num) and isinstance(value.py, str)]
            if name.startswith("read") and len(paths) == 1 and self.program.data(paths[0]) is not None:
                holder.typed = self.typed_file(paths[0], node, scope).roots
            elif holder.typed and not args[2:]:
                # What a parser gives of a file that was typed was typed.
                return Num(holder.typed)
        if isinstance(holder, Ext) and holder.name == "made rows":
            asked = self.key_of(args[0]) if args else UNKNOWN
            self.relays |= name.startswith("execute") and (not isinstance(asked, str) or "select" in asked.lower())
            return holder if name == "cursor" else outside()
        for value in args:
            if isinstance(value, Func) and name in (
                "map",
                "imap",
                "starmap",
                "imap_unordered",
                "submit",
                "apply",
                "apply_async",
                "run",
            ):
                given = [elements(a) if name not in ("submit", "apply", "run") else a for a in args if a is not value]
                result = self.call(value, given, kwargs)
                return ListVal([result], False) if "map" in name else result
        if name in known.PLOTTING and node is not None:
            self._plotted(args, node, scope)
        shows = name in known.WRITING or (isinstance(holder, Ext) and holder.name.startswith(known.REPORTING))
        for value, part in zip(args, node.args if node is not None else [], strict=False):
            if not isinstance(value, (Num, ListVal, DictVal)):
                continue
            if not shows:
                self.consume(value)
            elif name in known.LOGGING and part is not node.args[0] and isinstance(value, Num):
                # `log.info("loss %.4f", loss)` writes a text.
                self.sink(scope, part, identifiers(part), value, text=True)
            elif isinstance(value, ListVal) and name.startswith("write"):
                for item, one in zip(value.items, getattr(part, "elts", [part] * len(value.items)), strict=False):
                    if isinstance(item, Num):
                        self.sink(scope, one, identifiers(one), item, text=True)
        if not shows:
            for value in kwargs.values():
                if isinstance(value, (Num, ListVal, DictVal)):
                    self.consume(value)
        return outside()


def _few(args: list[Any]) -> bool:
    """Whether a function gets a known list of few members: a mean over five seeds is no integral."""
    return len(args) == 1 and isinstance(args[0], ListVal) and args[0].exact
