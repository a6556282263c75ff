"""Finds the seeds of a program, in its command and in its code, and shifts them; execute.py runs the result on other seeds.

A seed is known by what it is called or given to, never by its value: `--seed 3`, `SEED = 42`, `np.random.seed(42)`,
`default_rng(7)`, `random_state=0`, `for seed in range(5)`. Every seed found is shifted by the same offset, so that seeds that
differ still differ and a list of k seeds is a list of k others.
"""

import ast
import re
from collections.abc import Iterator

from ..evidence.reruns import Knob

MAX_SEED = 2**32 - 1
"""numpy takes no larger one; a shift that would pass it goes down instead."""
_NAME = re.compile(
    r"(?:^|_)(?:seeds?|random_state|randomseed)(?:_?\d+)?$|^seeds?_(?:list|base|offset|start|values|data|model|split|train|test|init)$",
    re.IGNORECASE,
)
_COUNT = re.compile(r"^(?:n|num|number|count|n_of)_|_(?:count|num)$", re.IGNORECASE)
"""`n_seeds = 5` is a number of seeds."""
_SEEDER_NAMES = """
seed manual_seed manual_seed_all default_rng RandomState Random SeedSequence set_seed set_seeds fix_seed seed_all seed_everything
set_random_seed PRNGKey PCG64 Philox MT19937 SFC64
"""
_SEEDERS = frozenset(_SEEDER_NAMES.split())
_ARGUMENT = re.compile(
    r"(?P<flag>(?<![\w-])--?(?!n[-_]|num[-_])[\w-]*(?:seeds?|random[-_]state)[\w-]*)(?P<between>[ =]+)"
    r"(?P<values>\d+(?:[ ,]\d+)*)(?![\w.])",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"(?P<flag>(?<![\w-])\w*SEED)(?P<between>=)(?P<values>\d+)(?![\w.])")
_SETTING = re.compile(
    r"^(?P<flag>[\s{,-]*[\"']?(?!n_|num_)\w*(?:seeds?|random_state)[\"']?)(?P<between>\s*[:=]\s*\[?\s*)"
    r"(?P<values>\d+(?:\s*,\s*\d+)*)(?![\w.])",
    re.IGNORECASE | re.MULTILINE,
)
_WRAP = '(lambda s: s + {offset} if hasattr(s, "__index__") else f"{{s}} {offset}" if isinstance(s, str) else s)'
"""Shifts a seed that only the running program knows; None and generators stay."""
CONFIGURATIONS = (".yaml", ".yml", ".toml", ".ini", ".cfg", ".json")


def shifted(seed: int, offset: int) -> int:
    """The other seed; within what numpy takes."""
    return seed + offset if seed + offset <= MAX_SEED else seed - offset


def shift_command(command: str, offset: int, seq: int) -> tuple[str, list[Knob]]:
    """A command with the seeds among its arguments and variables shifted.

    >>> shift_command("python run.py --seed 3 --n-seeds 5", 1000, 7)[0]
    'python run.py --seed 1003 --n-seeds 5'
    """
    knobs: list[Knob] = []

    def change(match: re.Match[str]) -> str:
        if _COUNT.search(match["flag"].lstrip("-").replace("-", "_")):
            return match.group()
        values = re.sub(r"\d+", lambda number: str(shifted(int(number.group()), offset)), match["values"])
        after = f"{match['flag']}{match['between']}{values}"
        knobs.append(Knob(file="evidence.jsonl", line=seq, before=match.group().strip(), after=after.strip()))
        return after

    return _VARIABLE.sub(change, _ARGUMENT.sub(change, command)), knobs


def shift_text(file: str, text: str, offset: int) -> tuple[str, list[Knob]]:
    """Code or configuration with its seeds shifted; unchanged where there is none or the text cannot be read."""
    if file.endswith(".py") or file.startswith("command "):
        return _shift_code(file, text, offset)
    if file.endswith(CONFIGURATIONS):
        return _shift_settings(file, text, offset)
    if file.endswith(".sh"):
        changed, knobs = shift_command(text, offset, 0)
        return changed, [knob.model_copy(update={"file": file, "line": _line(text, knob.before)}) for knob in knobs]
    return text, []


def _line(text: str, part: str) -> int:
    return text.count("\n", 0, max(0, text.find(part))) + 1


def _shift_settings(file: str, text: str, offset: int) -> tuple[str, list[Knob]]:
    knobs: list[Knob] = []

    def change(match: re.Match[str]) -> str:
        values = re.sub(r"\d+", lambda number: str(shifted(int(number.group()), offset)), match["values"])
        after = f"{match['flag']}{match['between']}{values}"
        line = text.count("\n", 0, match.start("values")) + 1
        knobs.append(Knob(file=file, line=line, before=match.group().strip(" \n{,"), after=after.strip(" \n{,")))
        return after

    return _SETTING.sub(change, text), knobs


def _shift_code(file: str, text: str, offset: int) -> tuple[str, list[Knob]]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return text, []
    found = {(node.lineno, node.col_offset): node for value in _seeds(tree) for node in _numbers(value)}
    if not found:
        found = {(node.lineno, node.col_offset): node for node in _given(tree)}
    if not found:
        return text, []
    # col_offset counts bytes of UTF-8.
    lines = [line.encode() for line in text.splitlines(keepends=True)]
    if not text.endswith("\n"):
        lines.append(b"")
    before = list(lines)
    changed: set[int] = set()
    for (line, column), node in sorted(found.items(), reverse=True):
        row = lines[line - 1]
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            new = str(shifted(node.value, offset)).encode()
        elif isinstance(node, _Bound):  # range(k) -> range(offset, offset + k)
            new = f"{offset}, {offset} + ".encode() + row[column : node.end_col_offset]
        else:
            new = _WRAP.format(offset=offset).encode() + b"(" + row[column : node.end_col_offset] + b")"
        lines[line - 1] = row[:column] + new + row[node.end_col_offset :]
        changed.add(line)
    result = b"".join(lines).decode()
    try:
        ast.parse(result)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return text, []
    knobs = [Knob(file=file, line=line, before=_shown(before[line - 1]), after=_shown(lines[line - 1])) for line in sorted(changed)]
    return result, knobs


def _shown(line: bytes) -> str:
    return line.decode().strip()[:200]


def _seeds(tree: ast.AST) -> Iterator[ast.expr]:
    """Expressions that are seeds or lists of seeds."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if node.value is not None and any(_is_seed(target) for target in targets):
                yield node.value
        elif isinstance(node, (ast.For, ast.comprehension)) and _is_seed(node.target):
            yield node.iter
        elif isinstance(node, ast.Call):
            yield from _of_call(node)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str) and _named(key.value):
                    yield value
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield from _defaults(node.args)


_RUNNING = (ast.Name, ast.Attribute, ast.BinOp, ast.JoinedStr, ast.Call)


def _given(tree: ast.AST) -> Iterator[ast.expr]:
    """What is given to a generator as its seed, where nothing of the file is called one: `random.Random(i)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for value in _of_call(node):
                if value.lineno == value.end_lineno and isinstance(
                    value, (ast.Name, ast.Attribute, ast.BinOp, ast.JoinedStr, ast.Call)
                ):
                    yield value


def _of_call(node: ast.Call) -> Iterator[ast.expr]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else ""
    if name in _SEEDERS and node.args:
        yield node.args[0]
    argparse = name in ("add_argument", "option", "Option", "add_option") and any(
        isinstance(part, ast.Constant) and isinstance(part.value, str) and _named(part.value.lstrip("-").replace("-", "_"))
        for part in node.args
    )
    for keyword in node.keywords:
        if keyword.arg is not None and (_named(keyword.arg) or (argparse and keyword.arg == "default")):
            yield keyword.value


def _defaults(arguments: ast.arguments) -> Iterator[ast.expr]:
    positional = [*arguments.posonlyargs, *arguments.args]
    for argument, default in zip(reversed(positional), reversed(arguments.defaults), strict=False):
        if _named(argument.arg):
            yield default
    for argument, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if value is not None and _named(argument.arg):
            yield value


def _named(name: str) -> bool:
    return bool(_NAME.search(name)) and not _COUNT.search(name)


def _is_seed(target: ast.expr) -> bool:
    if isinstance(target, ast.Attribute):
        return _named(target.attr)
    if isinstance(target, ast.Tuple):
        return any(_is_seed(part) for part in target.elts)
    return isinstance(target, ast.Name) and _named(target.id)


def _numbers(value: ast.expr) -> Iterator[ast.expr]:
    """The whole numbers in a seed expression; for range(k) its bound, that _shift_code makes two of."""
    if isinstance(value, ast.Constant):
        if type(value.value) is int and value.value >= 0:
            yield value
    elif isinstance(value, (ast.List, ast.Tuple, ast.Set)):
        for part in value.elts:
            yield from _numbers(part)
    elif isinstance(value, ast.BinOp):
        # SEED + 1: the name is shifted where it is set; 1000 + i: the constant is the seed's base.
        if isinstance(value.op, ast.Add) and not any(isinstance(n, ast.Name) and _named(n.id) for n in ast.walk(value)):
            for part in (value.left, value.right):
                if isinstance(part, ast.Constant):
                    yield from _numbers(part)
                    return
    elif isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        if value.func.id == "range" and value.args:
            if len(value.args) == 1 and value.args[0].lineno == value.args[0].end_lineno:
                yield _Bound(value.args[0])
            elif len(value.args) >= 2:
                yield from (n for part in value.args[:2] for n in _numbers(part))
        elif value.func.id in ("enumerate", "list", "tuple", "sorted", "tqdm") and value.args:
            yield from _numbers(value.args[0])


class _Bound(ast.expr):
    """The bound of a range(k), which is a number of seeds and no seed."""

    def __init__(self, bound: ast.expr) -> None:
        super().__init__()
        self.lineno, self.col_offset = bound.lineno, bound.col_offset
        self.end_lineno, self.end_col_offset = bound.end_lineno, bound.end_col_offset
