"""Methods of one table that the executed code does not treat alike, and no document says so (always `warn`; the support is cut).

Rule, of executed code. *By method* is a test against the name of a reported row, or a test that came out both ways within one
execution. Told is, by method:
- a training loop, or an argument such as `epochs`, of literal lengths that differ by a factor of TIMES or more; the same for
  entries of literal dictionaries that bear the names of reported rows;
- the training data whole for one and cut to a literal number of rows for the other, or labels that are shuffled for one;
- the code of another reported row run under this one's name, where the table has three rows or more;
- a prediction counted as right because of the method's name;
- values that are sorted apart from their names and dealt out to names (dealt.py).
Silent is the check where a document, the proposal or the rows' names speak of budgets, subsets or shuffling, as a study of
these does, and where only evaluation is repeated.
"""

import ast
import re
from collections.abc import Iterator

from ...audits import Finding, Quote
from ...patterns import lazy
from .case import Case, Check, Outcome, finding
from .dealt import dealt
from .syntax import last_name, walk
from .words import bare

NAME = "unequal"
TIMES = 10
"""Budgets that differ by less are a choice that methods may need."""
FEW_ROWS = 64
"""A training set cut to more rows than this is not told: it may be all that a slow method can take."""
_BUDGET = lazy(
    r"(?i)^(?:n_?|num_?|max_?|total_?)?(?:epochs?|steps?|iter(?:s|ations?)?|updates?|rounds?|train_?steps?|estimators|budget)$"
)
_TRAINS = lazy(r"^(?:step|backward|update|fit|partial_fit|learn|train\w*|sgd\w*|apply_gradients)$")
_SHUFFLES = frozenset(["permutation", "permuted", "shuffle", "shuffled", "sample", "choice", "randint", "integers", "randperm"])
_LABELS = lazy(r"(?i)^(?:ys?|labels?|targets?|gold|answers?)(?:$|_)|_(?:y|labels?|targets?)$")
_SAYS_BUDGET = lazy(
    r"(?i)budget|few[- ]shot|zero[- ]shot|\bearly[- ]stop|under-?trained|untrained|training (?:time|length)"
    r"|number of (?:training )?(?:steps|epochs|iterations|updates)"
    r"|\b\d+ (?:training )?(?:steps|epochs|iterations|updates)"
    r"|(?:short|fewer|less|longer) (?:training|steps|epochs)|convergence|warm"
)
_SAYS_DATA = lazy(
    r"(?i)subset|subsampl|few[- ]shot|low[- ]data|less data|data[- ](?:efficien|budget|scarc)"
    r"|sample[- ](?:size|efficien)|learning curve"
    r"|fraction of|\b\d+ (?:training )?(?:rows|samples|examples|documents)"
    r"|training set size|\d ?% of the (?:training|data)|coreset"
)
_SAYS_SHUFFLE = lazy(r"(?i)shuffl|permut|random(?:i[sz]ed)? label|label noise|control task|sanity|chance")
_NEVER = lazy(r"(?!)")
_SAYS_ORACLE = lazy(r"(?i)oracle|upper bound|ceiling|human|teacher|gold")


def run(case: Case) -> Outcome:
    """The findings, which the case keeps: the support is cut by them."""
    if not case.documents:
        return Outcome(coverage="no evidence: neither results.md nor a readable paper is there")
    if not case.dataflow.read:
        return Outcome(coverage="no evidence: no Python program that was executed can be read")
    return Outcome(case.favours)


def favours(case: Case) -> list[Finding]:
    """One finding for each place of the executed code that favours a method."""
    rows = reported_rows(case)
    if len(rows) < 2:
        return []
    said = "\n".join([*(document.text for document in case.documents), case.subject.proposal or "", *rows.values()])
    found: list[Finding] = []
    for file, tree in case.trees.items():
        both = {(line, column) for name, line, column in case.dataflow.both_ways if name == file}
        lines = case.dataflow.latest[file].splitlines()
        ways = [*_Reader(tree, rows, both).favours(), *((line, what, _NEVER) for line, what in dealt(tree))]
        for line, what, announced in ways:
            if announced.search(said):
                continue
            row = next(iter(rows.values()))
            document = case.documents[0]
            at = next((n for n, text in enumerate(document.lines, 1) if row in text), None)
            quotes = [Quote(file=file, line=line, quote=lines[line - 1].strip() if 0 < line <= len(lines) else "")]
            quotes.append(Quote(file=document.name, line=at, quote=document.lines[at - 1].strip() if at else row))
            message = f"{file}, which was executed, {what}; no document says so, and its table compares the methods as equals"
            found.append(finding("faked_results", "results", NAME, "warn", message, quotes))
    return found[:6]


def reported_rows(case: Case) -> dict[str, str]:
    """Names of the rows of the documents' tables: bare -> as written."""
    found: dict[str, str] = {}
    for document in case.documents:
        for table in document.tables:
            for row in table.rows:
                text = row.cells[0].strip(" *`_") if row.cells else ""
                if bare(text) and not bare(text).isdigit():
                    found.setdefault(bare(text), text)
    return found


class _Reader:
    """One module."""

    def __init__(self, tree: ast.Module, rows: dict[str, str], both: set[tuple[int, int]]) -> None:
        self.tree, self.rows, self.both = tree, rows, both
        self.named: set[str] = set()
        """Names of the module that stand for rows: `OURS = "full model"`, `BASELINES = [...]`."""
        for node in tree.body:
            if not isinstance(node, ast.Assign) or not isinstance(node.value, (ast.Constant, ast.List, ast.Tuple, ast.Set)):
                continue
            if any(isinstance(one, ast.Constant) and self._is_row(one) for one in walk(node.value)):
                self.named.update(one.id for one in node.targets if isinstance(one, ast.Name))

    def _is_row(self, node: ast.Constant) -> bool:
        return isinstance(node.value, str) and bare(node.value) in self.rows

    def favours(self) -> Iterator[tuple[int, str, re.Pattern[str]]]:
        """(line, what the code does, what a document that announces it would say)."""
        seen: set[int] = set()
        for node in walk(self.tree):
            for line, what, announced in self._told(node):
                if line not in seen:
                    seen.add(line)
                    yield line, what, announced

    def _told(self, node: ast.AST) -> Iterator[tuple[int, str, re.Pattern[str]]]:
        if isinstance(node, (ast.For, ast.AsyncFor)) and _call(node.iter) == "range" and _trains(node):
            for argument in node.iter.args:  # type: ignore[attr-defined]
                yield from self._budget(argument, "trains")
        elif isinstance(node, ast.keyword) and node.arg and _BUDGET.match(node.arg):
            yield from self._budget(node.value, f"gives `{node.arg}`")
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and _BUDGET.match(last_name(node.targets[0])):
            yield from self._budget(node.value, f"sets `{last_name(node.targets[0])}`")
        elif isinstance(node, ast.Dict):
            yield from self._entries(node)
        elif isinstance(node, ast.If) and self._names_row(node.test):
            yield from self._branches(node)
        elif isinstance(node, ast.IfExp) and self._names_row(node.test):
            yield from self._data(node.body, node.orelse, node.lineno)
            yield from self._other_method(node)
        elif isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
            yield from self._credit(node)

    def _credit(self, node: ast.BoolOp) -> Iterator[tuple[int, str, re.Pattern[str]]]:
        if any(_compares(one) for one in node.values) and any(self._names_row(one) for one in node.values):
            yield node.lineno, f"counts as right what its method's name makes right (`{ast.unparse(node)[:90]}`)", _SAYS_ORACLE

    def _by_method(self, test: ast.expr) -> bool:
        """Of a test that names no row, that it came out both ways is known."""
        return self._names_row(test) or (test.lineno, test.col_offset) in self.both

    def _names_row(self, test: ast.expr) -> bool:
        """Whether something is compared with the name of a reported row."""
        for node in walk(test):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Eq, ast.NotEq, ast.In, ast.NotIn)):
                for one in (node.left, *node.comparators):
                    if isinstance(one, ast.Name) and one.id in self.named:
                        return True
                    if any(isinstance(part, ast.Constant) and self._is_row(part) for part in walk(one)):
                        return True
        return False

    def _budget(self, value: ast.expr, does: str) -> Iterator[tuple[int, str, re.Pattern[str]]]:
        if not isinstance(value, ast.IfExp) or not self._by_method(value.test):
            return
        sizes = [one.value for one in (value.body, value.orelse) if isinstance(one, ast.Constant) and isinstance(one.value, int)]
        yield from self._differ(sizes, does, value.lineno)

    def _differ(self, sizes: list[int], does: str, line: int) -> Iterator[tuple[int, str, re.Pattern[str]]]:
        sizes = [one for one in sizes if one > 0]
        if len(sizes) > 1 and max(sizes) >= TIMES * min(sizes):
            yield line, f"{does} {min(sizes)} for some methods and {max(sizes)} for another", _SAYS_BUDGET

    def _entries(self, node: ast.Dict) -> Iterator[tuple[int, str, re.Pattern[str]]]:
        """`{"baseline": {"epochs": 2}, "ours": {"epochs": 200}}`"""
        sizes: dict[str, list[int]] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if not (isinstance(key, ast.Constant) and isinstance(key.value, str) and bare(key.value) in self.rows):
                continue
            pairs: list[tuple[str, ast.expr]] = []
            if isinstance(value, ast.Dict):
                inner = zip(value.keys, value.values, strict=True)
                pairs = [(k.value, v) for k, v in inner if isinstance(k, ast.Constant) and isinstance(k.value, str)]
            elif isinstance(value, ast.Call):
                pairs = [(one.arg, one.value) for one in value.keywords if one.arg]
            for name, size in pairs:
                if _BUDGET.match(name) and isinstance(size, ast.Constant) and isinstance(size.value, int):
                    sizes.setdefault(name, []).append(size.value)
        for name, found in sizes.items():
            yield from self._differ(found, f"sets `{name}` to", node.lineno)

    def _branches(self, node: ast.If) -> Iterator[tuple[int, str, re.Pattern[str]]]:
        """`if method == "ours": epochs = 200` with `else` or with what was set before."""
        first, second = (_assigned(body) for body in (node.body, node.orelse))
        for name, value in first.items():
            other = second.get(name)
            if other is None:
                continue
            if _BUDGET.match(name):
                sizes = [one.value for one in (value, other) if isinstance(one, ast.Constant) and isinstance(one.value, int)]
                yield from self._differ(sizes, f"sets `{name}` to", node.lineno)
            yield from self._data(value, other, value.lineno)
        if not node.orelse:
            for name, value in first.items():
                before = ast.Name(id=name)
                yield from self._data(before, value, value.lineno)

    def _data(self, first: ast.expr, second: ast.expr, line: int) -> Iterator[tuple[int, str, re.Pattern[str]]]:
        for whole, part in ((first, second), (second, first)):
            if isinstance(part, ast.Call) and _call(part) == "slice" and isinstance(whole, ast.Call) and _call(whole) == "slice":
                ends = [one.value for one in part.args if isinstance(one, ast.Constant) and isinstance(one.value, int)]
                everything = all(isinstance(one, ast.Constant) and one.value is None for one in whole.args)
                if everything and ends and 0 < ends[-1] <= FEW_ROWS:
                    yield line, f"gives some methods {ends[-1]} rows and another all of them", _SAYS_DATA
            if (
                isinstance(part, ast.Subscript)
                and isinstance(part.slice, ast.Slice)
                and ast.unparse(part.value) == ast.unparse(whole)
            ):
                end = part.slice.upper
                if isinstance(end, ast.Constant) and isinstance(end.value, int) and 0 < end.value <= FEW_ROWS:
                    what = f"gives some methods {end.value} rows of `{ast.unparse(whole)[:40]}` and another all of them"
                    yield line, what, _SAYS_DATA
            if _shuffled(part) and not _shuffled(whole):
                what = f"shuffles the labels of some methods (`{ast.unparse(part)[:70]}`) and not of another"
                yield line, what, _SAYS_SHUFFLE

    def _other_method(self, node: ast.IfExp) -> Iterator[tuple[int, str, re.Pattern[str]]]:
        tested = {ast.unparse(one.left) for one in walk(node.test) if isinstance(one, ast.Compare)}
        for same, other in ((node.body, node.orelse), (node.orelse, node.body)):
            if not (isinstance(other, ast.Constant) and self._is_row(other)) or len(self.rows) <= 2:
                continue
            if ast.unparse(same) in tested:
                what = f"runs the code of {other.value!r} under the names of other methods (`{ast.unparse(node)[:80]}`)"
                yield node.lineno, what, _NEVER


def _trains(loop: ast.AST) -> bool:
    """Whether a loop changes what it learns; one that only evaluates may be shorter for a method without chance."""
    for node in walk(loop):
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Sub):
            return True
        if isinstance(node, ast.Call) and _TRAINS.match(_call(node)):
            return True
    return False


def _shuffled(node: ast.expr) -> bool:
    """Whether an expression shuffles labels."""
    for one in walk(node):
        if isinstance(one, ast.Call) and _call(one) in _SHUFFLES:
            names = [part.id for argument in one.args for part in walk(argument) if isinstance(part, ast.Name)]
            if any(_LABELS.search(name) for name in names):
                return True
    return False


def _compares(node: ast.expr) -> bool:
    """`a == b` of two values, neither of which is typed."""
    return (
        isinstance(node, ast.Compare)
        and isinstance(node.ops[0], ast.Eq)
        and not any(isinstance(one, ast.Constant) for one in (node.left, *node.comparators))
    )


def _assigned(body: list[ast.stmt]) -> dict[str, ast.expr]:
    """What each name gets, also in `a, b = a[:9], b[:9]`."""
    found: dict[str, ast.expr] = {}
    for one in body:
        if not isinstance(one, ast.Assign) or len(one.targets) != 1:
            continue
        target, value = one.targets[0], one.value
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            found.update((last_name(t), v) for t, v in zip(target.elts, value.elts, strict=True) if last_name(t))
        elif last_name(target):
            found[last_name(target)] = value
    return found


def _call(node: ast.expr) -> str:
    """The last name of the function that is called."""
    return last_name(node.func) if isinstance(node, ast.Call) else ""


CHECK = Check(NAME, run)
