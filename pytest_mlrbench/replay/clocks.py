"""Where a program lets the clock decide, or measures time and memory: no two runs need agree there. Called by plan.py."""

import ast
import re

from ..evidence.reruns import Knob

CLOCKS = frozenset(
    ("time", "perf_counter", "monotonic", "process_time", "perf_counter_ns", "time_ns", "monotonic_ns", "now", "utcnow")
)
_MEASURES = re.compile(
    r"\b(?:perf_counter|process_time|monotonic|time\.time|timeit|getrusage|tracemalloc|psutil|max_memory_allocated|cpu_count"
    r"|datetime\.(?:now|utcnow)|getpid|urandom|uuid[14]|gethostname)\b"
)
_LIMITS = re.compile(r"^(?:timeout|time_limit|max_time|time_budget|max_seconds|max_runtime|time_left_for_this_task|deadline)\w*$")
_NAMES = re.compile(
    r"(?:^|_)(?:elapsed|deadline|time_left|time_limit|time_budget|max_seconds|time_remaining)(?:_|$)", re.IGNORECASE
)


def reads_clock(text: str) -> bool:
    """Whether the code reads a clock, a memory meter or an identity of the machine at all."""
    return bool(_MEASURES.search(text))


def clock_decisions(file: str, text: str) -> list[Knob]:
    """Comparisons of a clock with something, and time limits given to a call: the work then depends on the machine's speed."""
    if not text or not (file.endswith(".py") or file.startswith("command ")):
        return []
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    timed = _names_from_clocks(tree)
    lines = text.splitlines()
    found: dict[int, Knob] = {}
    for node in ast.walk(tree):
        decides = isinstance(node, ast.Compare) and any(_is_clock(part, timed) for part in ast.walk(node))
        limit = isinstance(node, ast.keyword) and node.arg is not None and bool(_LIMITS.match(node.arg))
        if limit and isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant) and node.value.value is None:
            limit = False
        alarm = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("alarm", "setitimer")
        if decides or limit or alarm:
            line = int(getattr(node, "lineno", 0) or 0)
            if 0 < line <= len(lines):
                found[line] = Knob(file=file, line=line, before=lines[line - 1].strip()[:200], after="")
    return list(found.values())[:10]


def _names_from_clocks(tree: ast.AST) -> set[str]:
    """Names that are assigned from an expression with a clock in it."""
    names: set[str] = set()
    for _ in range(2):  # start = time(); spent = time() - start: the second round finds what follows from the first
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and _spans(node.value, names):
                names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def _spans(node: ast.AST, timed: set[str]) -> bool:
    """Whether an expression is a moment or a span of time by its own arithmetic, and not something that only holds one."""
    if isinstance(node, ast.BinOp):
        return _spans(node.left, timed) or _spans(node.right, timed)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("round", "float", "int"):
        return any(_spans(part, timed) for part in node.args)
    return _is_clock(node, timed)


def _is_clock(node: ast.AST, timed: set[str]) -> bool:
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else ""
        return name in CLOCKS
    return isinstance(node, ast.Name) and (node.id in timed or bool(_NAMES.search(node.id)))
