"""Where code runs one function on several seeds and keeps the best result: read from the syntax of one module; part of seeds.

Rule. The runs are calls of a function of the same code that differ in an argument for its seed. The best is kept by `max`, `min`
or `sorted` over them, by a comparison with what was kept before, or by running again until the score will do. A choice by what
speaks of validation, of training or of an objective is honest, and so is a list whose mean is reported as well.
"""

import ast
from collections.abc import Iterator

from ...patterns import lazy
from .syntax import last_name, walk

SEED = lazy(r"(?i)seed|random_state|^rng|restart|repeat|retry|attempt|^rep$")
HONEST = lazy(
    r"(?i)(?:^|[^a-z])(?:val|valid|validation|dev|cv|inner|train|training|inertia|objective|energy|elbo|log_?likelihood|likelihood"
    r"|fitness|stress|residual)(?![a-z])"
)
_PICKS = frozenset(("max", "min", "sorted", "nlargest", "nsmallest", "nanmax", "nanmin", "amax", "amin"))
_GENERATORS = frozenset(("default_rng", "RandomState", "Random", "seed", "manual_seed", "PCG64", "SeedSequence", "PRNGKey"))
_MEANS = frozenset(("mean", "fmean", "average", "median", "std", "stdev", "nanmean", "sum"))


def chosen(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, what is kept).

    >>> code = "def run(m, seed): ...\\ndef best(m):\\n    return max((run(m, s) for s in range(9)), key=lambda r: r['acc'])"
    >>> list(chosen(ast.parse(code)))
    [(3, 'the max of 9 runs of `run` on different seeds')]
    """
    functions = {one.name: one for one in walk(tree) if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))}
    for body in [tree.body, *(one.body for one in functions.values())]:
        yield from _picked(body, functions)
        yield from _again(body, functions)


def _own(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """What stands in these statements, functions defined in them left out."""
    for node in body:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield from walk(node)


def _seeded(call: ast.AST, names: set[str], functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef]) -> str:
    """The function that is called with one of `names` in the place of its seed; empty when it is no such call."""
    if not isinstance(call, ast.Call):
        return ""
    name = call.func.id if isinstance(call.func, ast.Name) else call.func.attr if isinstance(call.func, ast.Attribute) else ""
    known = functions.get(name)
    if known is None:
        return ""
    parameters = [one.arg for one in (*known.args.posonlyargs, *known.args.args)]
    if parameters[:1] in (["self"], ["cls"]):
        parameters = parameters[1:]
    given = [*zip(parameters, call.args, strict=False), *((one.arg or "", one.value) for one in call.keywords)]
    varying = [parameter for parameter, value in given if _names(value) & names]
    return name if varying and all(_is_seed(parameter, known, functions) for parameter in varying) else ""


def _is_seed(
    parameter: str,
    function: ast.FunctionDef | ast.AsyncFunctionDef,
    functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef],
    depth: int = 0,
) -> bool:
    """Whether a parameter is a seed by its name, or is given to a generator, here or in a function that gets it."""
    if SEED.search(parameter):
        return True
    for call in walk(function):
        if not isinstance(call, ast.Call):
            continue
        plain = [one for one in call.args if isinstance(one, ast.Name) and one.id == parameter]
        named = [one.arg or "" for one in call.keywords if isinstance(one.value, ast.Name) and one.value.id == parameter]
        if (plain and last_name(call.func) in _GENERATORS) or any(SEED.search(one) for one in named):
            return True
        other = functions.get(last_name(call.func))
        if other is not None and other is not function and depth < 2:
            places = [one.arg for one in (*other.args.posonlyargs, *other.args.args)]
            given = [places[index] for index, one in enumerate(call.args) if one in plain and index < len(places)]
            if any(_is_seed(one, other, functions, depth + 1) for one in [*given, *named]):
                return True
    return False


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in walk(node) if isinstance(one, ast.Name)}


def _picked(body: list[ast.stmt], functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef]) -> Iterator[tuple[int, str]]:
    """`max(run(m, s) for s in seeds)`, also when the list has a name first."""
    lists: dict[str, tuple[str, str]] = {}
    for node in _own(body):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            found = _listed(node.value, functions)
            if found:
                lists[node.targets[0].id] = found
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            lists.update(_appended(node, functions))
    means = {
        name
        for node in _own(body)
        if isinstance(node, ast.Call) and last_name(node.func) in _MEANS
        for argument in node.args
        for name in _names(argument)
    }
    for node in _own(body):
        if not isinstance(node, ast.Call) or last_name(node.func) not in _PICKS or not node.args:
            continue
        source = node.args[-1] if last_name(node.func).startswith("n") and len(node.args) > 1 else node.args[0]
        found = _listed(source, functions) or lists.get(source.id if isinstance(source, ast.Name) else "", ())
        found = found or _keyed(node, source, body, functions)
        if isinstance(source, (ast.GeneratorExp, ast.ListComp)) and not found and isinstance(source.generators[0].iter, ast.Name):
            found = lists.get(source.generators[0].iter.id, ())
        if not found or (_names(source) & means) or HONEST.search(ast.unparse(node)):
            continue
        name, count = found
        if last_name(node.func) != "sorted" or _first_taken(node, body):
            yield node.lineno, f"the {last_name(node.func)} of {count + ' ' if count else ''}runs of `{name}` on different seeds"


def _keyed(
    call: ast.Call, source: ast.expr, body: list[ast.stmt], functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef]
) -> tuple[str, str] | tuple[()]:
    """Function and number of runs of `max(range(90), key=score)`, where the score is that of a run on this seed."""
    key = next((one.value for one in call.keywords if one.arg == "key"), None)
    if isinstance(source, ast.Name):
        assigned = (one for one in _own(body) if isinstance(one, ast.Assign) and _names(ast.Tuple(elts=one.targets)) == {source.id})
        source = next((one.value for one in assigned), source)
    if not isinstance(source, ast.Call) or last_name(source.func) != "range":
        return ()
    if isinstance(key, ast.Lambda):
        over = {one.arg for one in key.args.args}
        name = next((name for part in walk(key.body) if (name := _seeded(part, over, functions))), "")
        return (name, _count(source)) if name else ()
    known = functions.get(key.id) if isinstance(key, ast.Name) else None
    if known is None or not known.args.args or not _is_seed(known.args.args[0].arg, known, functions):
        return ()
    return known.name, _count(source)


def _first_taken(call: ast.Call, body: list[ast.stmt]) -> bool:
    """Whether of a sorted list one end is taken."""
    for node in _own(body):
        if isinstance(node, ast.Subscript) and node.value is call:
            text = ast.unparse(node.slice)
            return text in ("0", "-1") or text.startswith(("-", ":"))
    return False


def _listed(node: ast.expr, functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef]) -> tuple[str, str] | tuple[()]:
    """Function and number of runs of a comprehension over seeds."""
    if not isinstance(node, (ast.ListComp, ast.GeneratorExp)) or len(node.generators) != 1:
        return ()
    over = _names(node.generators[0].target)
    for part in walk(node.elt):
        name = _seeded(part, over, functions)
        if name:
            return name, _count(node.generators[0].iter)
    return ()


def _appended(
    loop: ast.For | ast.AsyncFor, functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef]
) -> Iterator[tuple[str, tuple[str, str]]]:
    over = _names(loop.target)
    made = {
        one.targets[0].id: name
        for one in loop.body
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name) and (name := _seeded(one.value, over, functions))
    }
    for one in walk(loop):
        if isinstance(one, ast.Call) and last_name(one.func) == "append" and isinstance(one.func, ast.Attribute) and one.args:
            holder = one.func.value
            names = [made[n] for n in _names(one.args[0]) if n in made] or [
                name for part in walk(one.args[0]) if (name := _seeded(part, over, functions))
            ]
            if names and isinstance(holder, ast.Name):
                yield holder.id, (names[0], _count(loop.iter))


def _count(node: ast.expr) -> str:
    if isinstance(node, ast.Call) and last_name(node.func) == "range" and node.args and isinstance(node.args[-1], ast.Constant):
        return str(node.args[-1].value) if len(node.args) == 1 else ""
    return ""


def _again(body: list[ast.stmt], functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef]) -> Iterator[tuple[int, str]]:
    """`if other["acc"] > found["acc"]: found = other` in a loop over seeds, and a loop that runs again until the score will do."""
    for loop in _own(body):
        if not isinstance(loop, (ast.For, ast.AsyncFor, ast.While)):
            continue
        over = _names(loop.target) if not isinstance(loop, ast.While) else _counted(loop)
        made: dict[str, str] = {}
        for node in walk(loop):
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                name = _seeded(node.value, over, functions)
                if name:
                    made[node.targets[0].id] = name
        if isinstance(loop, ast.While):
            tests = [one for one in walk(loop.test) if isinstance(one, ast.Compare)]
            tests += [
                test
                for one in walk(loop)
                if isinstance(one, ast.If) and any(isinstance(part, ast.Break) for part in one.body)
                for test in walk(one.test)
                if isinstance(test, ast.Compare)
            ]
            for test in tests:
                if _names(test) & made.keys() and not HONEST.search(ast.unparse(test)):
                    name = made[next(iter(_names(test) & made.keys()))]
                    yield loop.lineno, f"the first run of `{name}` whose score will do, of as many seeds as it takes"
                    break
            continue
        for node in walk(loop):
            if not isinstance(node, ast.If) or HONEST.search(ast.unparse(node.test)):
                continue
            compares = [one for one in walk(node.test) if isinstance(one, ast.Compare)]
            if not any(isinstance(op, (ast.Gt, ast.GtE, ast.Lt, ast.LtE)) for one in compares for op in one.ops):
                continue
            for kept in node.body:
                if not isinstance(kept, ast.Assign) or not isinstance(kept.targets[0], ast.Name):
                    continue
                names = {kept.targets[0].id, kept.value.id} if isinstance(kept.value, ast.Name) else set()
                if isinstance(kept.value, ast.Name) and kept.value.id in made and names <= _names(node.test):
                    yield kept.lineno, f"the best of the runs of `{made[kept.value.id]}` on different seeds"


def _counted(loop: ast.While) -> set[str]:
    """Names that grow in a loop."""
    return {one.target.id for one in walk(loop) if isinstance(one, ast.AugAssign) and isinstance(one.target, ast.Name)}
