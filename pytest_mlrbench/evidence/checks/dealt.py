"""Values that are sorted apart from their names and then dealt out to names: read from the syntax of a module; part of `unequal`.

Rule. `zip` puts beside names what `sorted`, `.sort()` or `np.sort` (without a key) made of the values of a mapping, or of values
that were made one by one for these very names: which value is whose is lost, and the first name gets the lowest or the highest.
Places beside values (`zip(range(9), sorted(scores))`, quantiles) are honest.
"""

import ast
from collections.abc import Iterator

from .syntax import last_name, walk

_SORTS = frozenset(["sorted", "sort"])
_PLACES = frozenset(["range", "linspace", "arange", "count", "enumerate", "quantile", "percentile", "sorted", "sort"])


def dealt(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, what is dealt out).

    >>> list(dealt(ast.parse("def board(names, runs):\\n    return dict(zip(names, sorted(mean(v) for v in runs.values())))")))
    [(2, 'sorts `(mean(v) for v in runs.values())` and deals the values out to `names` in that order')]
    """
    told: set[int] = set()
    for body in [*(one for one in walk(tree) if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))), tree]:
        held = _held(body)
        for call in walk(body):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "zip" and len(call.args) == 2:
                for names, values in (call.args, call.args[::-1]):
                    source = _sorted(values, held)
                    if source is None or _places(names, held) or not _nameless(source, names, held) or call.lineno in told:
                        continue
                    told.add(call.lineno)
                    made, dealt_to = ast.unparse(source)[:80], ast.unparse(names)[:40]
                    yield call.lineno, f"sorts `{made}` and deals the values out to `{dealt_to}` in that order"


def _held(body: ast.AST) -> dict[str, ast.expr]:
    """Name -> what it was assigned; a list that is sorted in place is sorted from then on."""
    held: dict[str, ast.expr] = {}
    for node in walk(body):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            held[node.targets[0].id] = node.value
    for node in walk(body):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
            holder = node.value.func.value
            plain = not any(one.arg == "key" for one in node.value.keywords)
            if node.value.func.attr == "sort" and plain and isinstance(holder, ast.Name) and holder.id in held:
                before = held[holder.id]
                held[holder.id] = ast.Call(func=ast.Name(id="sorted"), args=[before], keywords=[])
    return held


def _sorted(node: ast.expr, held: dict[str, ast.expr]) -> ast.expr | None:
    """What was sorted, without a key, to give `node`; None where nothing was."""
    if isinstance(node, ast.Name):
        node = held.get(node.id, node)
    while isinstance(node, ast.Subscript):  # [::-1]
        node = node.value
    if not isinstance(node, ast.Call) or not node.args or any(one.arg == "key" for one in node.keywords):
        return None
    if last_name(node.func) == "reversed":
        return _sorted(node.args[0], held)
    return node.args[0] if last_name(node.func) in _SORTS else None


def _places(node: ast.expr, held: dict[str, ast.expr]) -> bool:
    """Whether `node` gives places or numbers, or is sorted as well."""
    if isinstance(node, ast.Name):
        node = held.get(node.id, node)
    if isinstance(node, ast.Call):
        return last_name(node.func) in _PLACES and not any(one.arg == "key" for one in node.keywords)
    if isinstance(node, (ast.List, ast.Tuple)):
        return not any(isinstance(one, ast.Constant) and isinstance(one.value, str) for one in node.elts)
    return not isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.ListComp))


def _nameless(source: ast.expr, names: ast.expr, held: dict[str, ast.expr]) -> bool:
    """Whether the sorted values are a mapping's without its keys, or were made for `names` one by one."""
    if isinstance(source, ast.Name):
        source = held.get(source.id, source)
    if isinstance(source, ast.Call) and last_name(source.func) == "list" and source.args:
        source = source.args[0]
    if isinstance(source, ast.Call):
        return last_name(source.func) == "values"
    if not isinstance(source, (ast.ListComp, ast.GeneratorExp)) or len(source.generators) != 1:
        return False
    over = source.generators[0].iter
    if isinstance(over, ast.Call):
        return last_name(over.func) == "values"
    return ast.unparse(over) == ast.unparse(names)
