"""Files that the read code opens and texts that it takes apart, with what is known of them; part of the interpreter."""

import csv
import json
import posixpath
import struct
from typing import Any

from .values import (
    MAX_ITEMS,
    PACKED_TEXT,
    UNKNOWN,
    DictVal,
    Ext,
    ListVal,
    Num,
    Root,
    outside,
    typed_text,
)

MAX_YAML = 20_000
"""Characters of a YAML file that are read: its parser takes 50 ms for so many."""
PACKED = {"float64": "d", "f8": "d", "float": "d", "float32": "f", "f4": "f", "float16": "e", "f2": "e", "uint8": "B", "u1": "B"}
PACKED |= {"int64": "q", "i8": "q", "int32": "i", "i4": "i", "int16": "h", "i2": "h", "uint16": "H", "u2": "H"}
"""Types of numpy's packed numbers as `struct` has them."""
NOTHING: frozenset[Root] = frozenset()


class Files:
    """Calls by full name, `call_module_function`, of what reads files and parses texts."""

    # What the interpreter and the expressions provide.
    program: Any
    sinks: list[Any]
    texts: list[tuple[str, int, str]]
    consumed: set[tuple[str, int, int]]
    settings: set[tuple[str, int, int]]
    unread: list[tuple[str, int, str]]
    children: list[tuple[str, str, int]]
    controls: list[Num]
    passes: int
    plots: list[Any]
    relays: bool
    inexact: int
    uncertain: int
    caught: int
    opened: dict[tuple[str, int, int], set[str]]
    instance: int
    step: Any
    eval: Any
    sink: Any
    store: Any
    call: Any
    apply: Any
    load: Any
    block: Any
    assign: Any
    attribute: Any
    index: Any
    key_of: Any
    truth: Any
    binary: Any
    construct: Any
    consume: Any
    outcome: Any
    differ: Any

    members: Any
    _same: Any
    _fold: Any
    _numeric: Any

    def call_builtins_open(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        path = self.key_of(args[0]) if args else UNKNOWN
        mode = self.key_of(args[1]) if len(args) > 1 else self.key_of(kwargs["mode"]) if "mode" in kwargs else "r"
        return self.typed_file(path, node, scope) if mode in ("r", "rt", "rb") else outside()

    def call_glob_glob(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        """One path for all of them, where a program of the run wrote each."""
        pattern = self.key_of(args[0]) if args else UNKNOWN
        found = self.program.matching(pattern) if isinstance(pattern, str) else None
        return ListVal([Num(py=found)] if found else [outside()], False)

    call_glob_iglob = call_glob_glob

    def typed_file(self, path: Any, node: Any, scope: Any) -> Any:
        """The text of a file that was typed: its numbers are literals like those of the code. Typed bytes cannot be read."""
        found = self.program.data(path) if isinstance(path, str) else None
        made = found is None and isinstance(path, str) and self.program.made(path)
        if node is not None:
            what = "typed" if found is not None else "made" if made else self._absent(path)
            self.opened.setdefault((scope.file, node.lineno, node.col_offset), set()).add(what)
        if found is None:
            self.relays |= made
            return outside()
        if found[1] is None:
            self.unread.append((scope.file, node.lineno if node is not None else 1, f"{path}, which no program made,"))
            return outside()
        # How a number comes out of the text may not be understood; that it came from there is.
        root = Root("literal", scope.file, node.lineno if node is not None else 1, 0, found[0])
        return Num(frozenset((root,)), py=found[1])

    def _absent(self, path: Any) -> str:
        """What is known of a file that was not there when the execution began; empty for nothing."""
        if not isinstance(path, str):
            return ""
        return "own" if self.program.own(path) else "lost" if (self.caught or self.uncertain) and self.program.lost(path) else ""

    def _typed_bytes(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        found = self.typed_file(self.key_of(args[0]), node, scope) if args and isinstance(args[0], (Num, Ext)) else outside()
        return found if not found.computed else Ext("stored", made=True)

    call_numpy_load = _typed_bytes

    def call_sqlite3_connect(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        """A database is read where it is asked for rows: library.py."""
        before = self.relays
        found = self._typed_bytes(args, kwargs, node, scope)
        made, self.relays = self.relays and not before, before
        return Ext("made rows", made=True) if made and isinstance(found, Ext) else found

    call_joblib_load = _typed_bytes
    call_torch_load = _typed_bytes
    call_pandas_read_pickle = _typed_bytes
    call_numpy_loadtxt = _typed_bytes
    call_numpy_genfromtxt = _typed_bytes

    def call_pandas_read_csv(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        found = self._typed_bytes(args, kwargs, node, scope)
        return Num(found.roots) if isinstance(found, Num) else outside()

    call_pandas_read_json = call_pandas_read_csv

    def call_os_path_join(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        """Paths are put together as long as all of their parts are known."""
        parts = [self.key_of(value) for value in args]
        return Num(py=posixpath.join(*parts)) if parts and all(isinstance(part, str) for part in parts) else outside()

    def call_os_path_dirname(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        path = self.key_of(args[0]) if args else UNKNOWN
        return Num(py=posixpath.dirname(path)) if isinstance(path, str) else outside()

    def call_os_path_abspath(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        path = self.key_of(args[0]) if args else UNKNOWN
        return Num(py=path) if isinstance(path, str) else outside()

    call_os_path_realpath = call_os_path_abspath

    def call_pathlib_Path(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        path = self.key_of(args[0]) if len(args) == 1 else UNKNOWN
        return Ext("pathlib.Path", made=True, path=path if isinstance(path, str) else "")

    def call_json_load(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        return self.call_json_loads(args, kwargs, node, scope)

    def call_yaml_safe_load(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        """A typed YAML file is read as JSON is."""
        import yaml

        text = self.key_of(args[0]) if args else UNKNOWN
        if not isinstance(text, str):
            return outside()
        try:
            return self._literal(yaml.safe_load(text[:MAX_YAML]), node, scope)
        except (yaml.YAMLError, ValueError, RecursionError):
            return outside()

    call_yaml_load = call_yaml_safe_load

    def call_re_compile(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        return Ext("re.compile", made=True)

    def call_csv_DictReader(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        text = self.key_of(args[0]) if args else UNKNOWN
        if not isinstance(text, str):
            return outside()
        rows = list(csv.DictReader(text.splitlines()[:MAX_ITEMS]))
        roots = args[0].roots
        return ListVal([DictVal({str(k): Num(roots, py=v) for k, v in row.items() if isinstance(v, str)}) for row in rows])

    def call_json_loads(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        text = args[0].py if args and isinstance(args[0], Num) else UNKNOWN
        if not isinstance(text, (str, bytes)):
            taken = typed_text(args)
            return Num(taken) if taken else outside()
        try:
            return self._literal(json.loads(text), node, scope, packed_text(args[0].roots))
        except (ValueError, RecursionError):
            return outside()

    def _literal(self, value: Any, node: Any, scope: Any, packed: frozenset[Root] = NOTHING) -> Any:
        """Numbers, lists and dictionaries that stand in a text: literals, and of that text where it is a packed one."""
        if isinstance(value, dict):
            made = DictVal()
            for key, item in value.items():
                self.store(made, str(key), self._literal(item, node, scope, packed), node, scope)
            return made
        if isinstance(value, list):
            return ListVal([self._literal(item, node, scope, packed) for item in value[:MAX_ITEMS]])
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return Num(packed | {Root("literal", scope.file, node.lineno, node.col_offset, repr(value))}, py=value)
        return Num(py=value)

    def call_struct_unpack(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        """Numbers that stand in the code as bytes are literals."""
        form, data = (a.py if isinstance(a, Num) else UNKNOWN for a in (*args[:2], UNKNOWN, UNKNOWN)[:2])
        if not isinstance(form, str) or not isinstance(data, bytes) or node is None:
            return outside()
        try:
            return self._literal(list(struct.unpack(form, data)), node, scope, args[1].roots)
        except struct.error:
            return outside()

    def call_numpy_frombuffer(self, args: list[Any], kwargs: dict[str, Any], node: Any, scope: Any) -> Any:
        """As `struct.unpack`, of numbers of one kind."""
        data = args[0].py if args and isinstance(args[0], Num) else UNKNOWN
        kind = args[1] if len(args) > 1 else kwargs.get("dtype", Num(py="float64"))
        named = kind.name.rpartition(".")[2] if isinstance(kind, Ext) else kind.py if isinstance(kind, Num) else ""
        code = PACKED.get(str(named).lstrip("<=|"))
        if not isinstance(data, bytes) or code is None or len(data) % struct.calcsize(code):
            return outside()
        return self._literal([value for (value,) in struct.iter_unpack(f"<{code}", data)], node, scope, args[0].roots)


def packed_text(roots: frozenset[Root]) -> frozenset[Root]:
    """Those of the roots that are texts of the code which may hold numbers."""
    return frozenset(root for root in roots if root.text.startswith(PACKED_TEXT))
