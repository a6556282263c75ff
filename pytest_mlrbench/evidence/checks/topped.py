"""Where code sorts the results of several seeds and averages one end of them: read from the syntax of one module; part of seeds.

Rule. Runs are a list made in a loop or comprehension whose variable goes into seeds and nowhere else (`random_state=`,
`default_rng`, `manual_seed`, the parameter of a function that does so, or one that is called a seed). They are put in order
(`sort`, `argsort`, `partition`, `topk`, `nlargest`), one end is cut off, and what is left is averaged. Silent where the mean of
all of them, or the other end too, is taken; where the order is that of validation or training scores, of times or of a tail that
is the measure.
"""

import ast
from collections.abc import Iterable, Iterator

from ...patterns import lazy
from .chosen import HONEST, SEED
from .syntax import last_name, walk

ORDERING = ("sort", "partition", "topk", "nlargest", "nsmallest")
"""Code in which none of these stands puts nothing in order."""
VALIDATION = lazy(r"(?i)(?:(?<![a-z])|(?<=[xy]))(?:val|valid|validation|dev|cv|inner)(?![a-z])")
MEASURE = lazy(r"(?i)cvar|worst|tail|shortfall|quantile|(?:^|[^a-z])(?:latenc\w*|times?|timings?|elapsed|seconds|secs|ms)(?![a-z])")
_SINKS = lazy(
    r"(?i)^(?:default_rng|RandomState|SeedSequence|Random|Generator|PRNGKey|seed|s?random_seed|manual_seed(?:_all)?"
    r"|set_(?:random_)?seeds?|seed_(?:everything|all)|fix_seeds?)$"
)
_ORDERS = frozenset(("sorted", "sort", "argsort", "partition", "argpartition", "sort_values"))
_ENDS = {"nlargest": "tail", "topk": "tail", "tail": "tail", "nsmallest": "head", "head": "head"}
_SAME = frozenset(("array", "asarray", "list", "tuple", "tensor", "as_tensor", "Series", "DataFrame", "flip", "reversed", "stack"))
_MEANS = frozenset(("mean", "fmean", "average", "median", "std", "stdev", "nanmean", "nanmedian", "nanstd", "sum", "describe"))
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def topped(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, what is averaged).

    >>> code = "def run(i): return fit(random_state=i)\\nruns = [run(i) for i in range(20)]\\nprint(np.sort(runs)[-5:].mean())"
    >>> list(topped(ast.parse(code)))
    [(3, 'the mean of one end of the sorted runs `runs` on different seeds')]
    """
    functions = {one.name: one for one in walk(tree) if isinstance(one, _Function)}
    seeded: dict[str, set[str]] = {}
    for _ in range(3):
        # A function that hands its seed on to another is known one round later.
        for name, one in functions.items():
            seeded[name] = {p for p in _parameters(one) if SEED.search(p) or _flows(one.body, {p}, functions, seeded)}
    for body in [tree.body, *(one.body for one in functions.values())]:
        yield from _Body(body, functions, seeded).found()


class _Body:
    """The statements of one scope: which of its names are runs, which are runs in order, and what is left of them."""

    def __init__(self, body: list[ast.stmt], functions: dict[str, _Function], seeded: dict[str, set[str]]) -> None:
        self.functions, self.seeded = functions, seeded
        self.nodes = [part for one in body if not isinstance(one, (_Function, ast.ClassDef)) for part in walk(one)]
        self.runs: set[str] = set()
        self.ordered: dict[str, str] = {}
        """A name of ordered runs -> what the runs are called."""
        for node in self.nodes:
            if isinstance(node, (ast.For, ast.AsyncFor)) and _flows(node.body, _names(node.target), functions, seeded):
                self.runs.update(key for key in _appended(node.body) if self._anew(key, node))
        for _ in range(2):
            for node in self.nodes:
                if isinstance(node, ast.Assign) and len(node.targets) == 1 and (key := _key(node.targets[0])):
                    if self.base(node.value):
                        self.runs.add(key)
                    elif base := self.order(node.value):
                        self.ordered[key] = base
                elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and last_name(node.value.func) == "sort":
                    # `runs.sort()` puts the list itself in order.
                    base = self.order(node.value)
                    if base and isinstance(node.value.func, ast.Attribute) and (key := _key(node.value.func.value)):
                        self.ordered[key] = base

    def _anew(self, key: str, loop: ast.AST) -> bool:
        """Whether each loop around begins the list anew: else it is of more than seeds (settings, methods)."""
        around = [one for one in self.nodes if isinstance(one, (ast.For, ast.While)) and one is not loop and loop in walk(one)]
        begun = [{_key(to) for part in walk(one) if isinstance(part, ast.Assign) for to in part.targets} for one in around]
        return key.endswith("[]") or all(key in names for names in begun)

    def base(self, node: ast.expr) -> str:
        """What runs are called, if this is a list of them; empty otherwise."""
        if isinstance(node, (ast.ListComp, ast.GeneratorExp)) and len(node.generators) == 1 and not node.generators[0].ifs:
            if _flows([node.elt], _names(node.generators[0].target), self.functions, self.seeded):
                return "" if self._validates(node.elt) else "of " + next(iter(_called(node.elt)), "one program")
            return self.base(node.generators[0].iter)
        if isinstance(node, ast.Call) and last_name(node.func) in _SAME and node.args:
            return self.base(node.args[0])
        if isinstance(node, ast.UnaryOp) or (isinstance(node, ast.Attribute) and node.attr in ("values", "T")):
            return self.base(node.operand if isinstance(node, ast.UnaryOp) else node.value)
        key = _key(node)
        return key if key in self.runs else ""

    def order(self, node: ast.expr) -> str:
        """What runs are called, if this is a list of them put in order, or of their places."""
        if isinstance(node, ast.Call):
            name = last_name(node.func)
            if name in _ORDERS:
                sources = [*node.args[:1], *([node.func.value] if isinstance(node.func, ast.Attribute) else [])]
                key = " ".join(ast.unparse(one.value) for one in node.keywords)
                base = next((found for one in sources if (found := self.base(one))), "")
                return "" if HONEST.search(f"{base} {key}") or MEASURE.search(f"{base} {key}") else base
            return self.order(node.args[0]) if name in _SAME and node.args else ""
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice) and node.slice.lower is node.slice.upper is None:
            return self.order(node.value)
        return self.ordered.get(_key(node), "")

    def end(self, node: ast.AST) -> tuple[str, str]:
        """What runs are called, and which end of them this is; empty when it is none."""
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            lower, upper = node.slice.lower, node.slice.upper
            if (lower is None) != (upper is None):
                return self.order(node.value), "tail" if upper is None else "head"
        if isinstance(node, ast.Call) and (end := _ENDS.get(last_name(node.func))):
            sources = list(node.args)
            if isinstance(node.func, ast.Attribute):
                sources.append(node.func.value)
            if end in ("head", "tail") and last_name(node.func) == end:
                return next((found for one in sources if (found := self.order(one))), ""), end
            text = " ".join(ast.unparse(one.value) for one in node.keywords)
            base = next((found for one in sources if (found := self.base(one))), "")
            one = any(isinstance(given, ast.Constant) and given.value == 1 for given in node.args)
            return ("" if one or HONEST.search(f"{base} {text}") or MEASURE.search(f"{base} {text}") else base), end
        return "", ""

    def found(self) -> Iterator[tuple[int, str]]:
        """Ends that are averaged, of runs that are not averaged otherwise."""
        ends = {id(node): (node, *self.end(node)) for node in self.nodes if self.end(node)[0]}
        if not ends:
            return
        both = {base for _, base, end in ends.values() if any(b == base and e != end for _, b, e in ends.values())}
        left: dict[str, set[int]] = {}
        """A name that holds what is left -> the ends it holds."""
        for _ in range(3):
            for node in self.nodes:
                if isinstance(node, ast.Assign) and len(node.targets) == 1 and (key := _key(node.targets[0])):
                    held = self._held(node.value, ends, left)
                    if held:
                        left[key] = left.get(key, set()) | held
        averaged: set[int] = set()
        whole: set[str] = set()
        for node in self.nodes:
            if not isinstance(node, ast.Call) or last_name(node.func) not in _MEANS:
                continue
            given = [*node.args, *([node.func.value] if isinstance(node.func, ast.Attribute) else [])]
            for one in given:
                held = self._held(one, ends, left)
                averaged |= held
                if not held:
                    whole |= {key for part in walk(one) if (key := _key(part))}
        for node, base, _ in ends.values():
            own = {key for key, of in self.ordered.items() if of == base} | {base}
            if id(node) in averaged and base not in both and not own & whole and not self._measured(node):
                name = base.removeprefix("of ") if base.startswith("of ") else base
                yield getattr(node, "lineno", 1), f"the mean of one end of the sorted runs `{name}` on different seeds"

    def _held(self, node: ast.expr, ends: dict[int, tuple[ast.AST, str, str]], left: dict[str, set[int]]) -> set[int]:
        held = {id(part) for part in walk(node) if id(part) in ends}
        for part in walk(node):
            held |= left.get(_key(part), set())
        return held

    def _measured(self, end: ast.AST) -> bool:
        """Whether the tail is what is measured: what it is called says so."""
        return any(
            MEASURE.search(ast.unparse(node.targets[0]))
            for node in self.nodes
            if isinstance(node, ast.Assign) and any(part is end for part in walk(node.value))
        )

    def _validates(self, elt: ast.expr) -> bool:
        """Whether what is listed is a score on validation data: it says so, or what its function returns does."""
        returned = [
            ast.unparse(part.value)
            for name in _called(elt)
            if name in self.functions
            for part in walk(self.functions[name])
            if isinstance(part, ast.Return) and part.value is not None
        ]
        return any(VALIDATION.search(text) for text in [ast.unparse(elt), *returned])


def _flows(nodes: Iterable[ast.AST], start: set[str], functions: dict[str, _Function], seeded: dict[str, set[str]]) -> bool:
    """Whether names go into seeds and nowhere else, but for what is printed, compared or kept beside a result."""
    parts = [part for node in nodes for part in walk(node)]
    names, said, sunk = set(start), set[int](), False
    for part in parts:
        # `s = 100 + seed`
        if not isinstance(part, ast.Assign) or not isinstance(part.value, (ast.BinOp, ast.Name)) or not _names(part.value) & names:
            continue
        if isinstance(part.targets[0], ast.Name):
            names.add(part.targets[0].id)
            said |= _ids(part.value)
    for part in parts:
        if isinstance(part, ast.Call):
            for sink in _sinks(part, functions, seeded):
                sunk = sunk or bool(_names(sink) & names)
                said |= _ids(sink)
            if last_name(part.func) in ("print", "info", "debug"):
                said |= _ids(part)
        elif isinstance(part, (ast.JoinedStr, ast.Compare)):
            said |= _ids(part)
        elif isinstance(part, ast.Dict):
            said |= {id(one) for one in (*part.keys, *part.values) if isinstance(one, ast.Name)}
        elif isinstance(part, ast.Tuple):
            said |= {id(one) for one in part.elts if isinstance(one, ast.Name)}
        elif isinstance(part, ast.Subscript) and isinstance(part.ctx, ast.Store):
            said |= _ids(part.slice)
    used = (one for one in parts if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load) and one.id in names)
    return sunk and all(id(one) in said for one in used)


def _sinks(call: ast.Call, functions: dict[str, _Function], seeded: dict[str, set[str]]) -> Iterator[ast.expr]:
    """What a call takes as a seed."""
    name = last_name(call.func)
    known = seeded.get(name, set())
    yield from (one.value for one in call.keywords if one.arg and (SEED.search(one.arg) or one.arg in known))
    if name in functions:
        yield from (value for one, value in zip(_parameters(functions[name]), call.args, strict=False) if one in known)
    elif _SINKS.search(name):
        yield from call.args


def _parameters(function: _Function) -> list[str]:
    found = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
    return found[1:] if found[:1] in (["self"], ["cls"]) else found


def _appended(body: list[ast.stmt]) -> Iterator[str]:
    """Lists that grow by one a run: what an inner loop adds is of something else as well."""
    for node in body:
        if isinstance(node, (ast.With, ast.If, ast.Try)):
            yield from _appended(node.body)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and last_name(node.value.func) == "append":
            scored = " ".join(ast.unparse(one) for one in node.value.args)
            made = " ".join(
                ast.unparse(one.value)
                for one in body
                if isinstance(one, ast.Assign) and any(_key(t) == scored for t in one.targets)
            )
            if isinstance(node.value.func, ast.Attribute) and not VALIDATION.search(f"{scored} {made}"):
                yield _key(node.value.func.value)


def _called(node: ast.expr) -> list[str]:
    return [last_name(one.func) for one in walk(node) if isinstance(one, ast.Call)]


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in walk(node) if isinstance(one, ast.Name)}


def _ids(node: ast.AST) -> set[int]:
    return {id(one) for one in walk(node)}


def _key(node: ast.AST) -> str:
    """`runs` for `runs`, `runs[]` for an element of it by whatever name; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Subscript) and not isinstance(node.slice, (ast.Slice, ast.Tuple)):
        inner = _key(node.value)
        return f"{inner}[]" if inner else ""
    return ""
