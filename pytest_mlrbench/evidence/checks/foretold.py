"""Conclusions that stood in a program as text before any result existed, and went into the report whatever came out.

Part of prose.
"""

import ast
import re
from collections.abc import Iterator

from ...audits import Finding, Quote
from ...patterns import lazy
from .case import Case, finding
from .data import facts_of
from .sentences import NEGATED, UNSURE, plain_text, sentences_of
from .sources import is_telling
from .syntax import parse

_CONCLUDES = lazy(
    r"\b(outperform(?:s|ed)?|(?:significant|consistent|substantial|clear)(?:ly)? (?:better|higher|lower|improve\w*|reduc\w+|"
    r"gains?)|"
    r"better than|(?:higher|lower|superior) \w+(?: \w+)? (?:than|compared)|achiev\w+ (?:the )?(?:best|highest|lowest|better|"
    r"higher|lower|superior)|"
    r"(?:results|experiments?|evaluation|findings|study|studies) (?:show|demonstrate|indicate|confirm|support)s?)\b",
    re.I,
)
MIN_LENGTH = 40
"""Characters: shorter texts are headings and labels."""
MIN_RESULTS = 3
"""Telling numbers in an output before which nothing can have been known."""


def findings(case: Case) -> list[Finding]:
    """One finding a program file."""
    report = case.report
    subject = case.subject
    if report is None or not subject.watched or not subject.events:
        return []
    first = _first_result(case)
    if first is None:
        return []
    stated = _bare(report.text)
    heads = [_bare(sentence.text)[:24] for sentence in sentences_of(report) if _CONCLUDES.search(sentence.text)]
    found = []
    for file, source in case.dataflow.sources.items():
        bare = _bare(source)
        if not any(head in bare for head in heads):
            continue
        wanted = {
            index for index, line in enumerate(source.splitlines(), 1) if (b := _bare(line)) and any(head in b for head in heads)
        }
        told = [(line, text) for line, text in _conclusions(source, wanted) if _bare(text) in stated]
        early = [(line, text, seq) for line, text in told if (seq := _typed_at(case, text)) is not None and seq < first]
        if not early:
            continue
        _line, text, seq = early[0]
        event = next(one for one in subject.events if one.seq == first)
        message = (
            f"{len(early)} conclusion{'s' if len(early) > 1 else ''} of {report.name} stood as fixed text in {file} (event {seq}) "
            f"before any "
            f"program had put out a result (event {first}), and no test of a value decides about "
            f"{'them' if len(early) > 1 else 'it'}"
        )
        lines = source.splitlines()
        quotes = [
            Quote(file=file, line=at, quote=lines[at - 1].strip() if 0 < at <= len(lines) else part) for at, part, _ in early[:3]
        ]
        quotes += [Quote(file=report.name, line=at, quote=report.lines[at - 1]) for at in [_line_of(report.lines, text)] if at]
        place = subject.place(event)
        quotes.append(Quote(file=place[0], line=place[1], quote=event.command[:300]))
        found.append(finding("hallucinated_methodology", "results", "prose", "warn", message, quotes))
    return found


def _conclusions(source: str, wanted: set[int]) -> Iterator[tuple[int, str]]:
    """Line and text of each sentence in a literal that concludes something and stands under no condition on a value.

    Only statements that cover one of the `wanted` lines are looked at.
    """
    try:
        tree = parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    pending: list[tuple[ast.AST, bool]] = [(tree, False)]
    count = 0
    while pending and count < 200_000:
        node, decided = pending.pop()
        count += 1
        if isinstance(node, ast.stmt) and not any(node.lineno <= line <= (node.end_lineno or node.lineno) for line in wanted):
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) >= MIN_LENGTH and not decided:
            for offset, raw in enumerate(node.value.splitlines()):
                for part in re.split(r"(?<=[.!?])\s+(?=[A-Z])", plain_text(raw)):
                    if len(part) >= MIN_LENGTH and _CONCLUDES.search(part) and not UNSURE.search(part) and not NEGATED.search(part):
                        yield node.lineno + (offset if (node.end_lineno or 0) > node.lineno else 0), part
        if isinstance(node, ast.JoinedStr):
            # Only sentences that end before the first computed part are fixed: `the {best} method wins` is decided by a value.
            head = node.values[0] if node.values else None
            if isinstance(head, ast.Constant) and isinstance(head.value, str):
                kept = head.value if len(node.values) == 1 else re.sub(r"(?s)(^|[.!?]\s)(?:(?![.!?]\s).)*$", r"\1", head.value)
                pending.append((ast.copy_location(ast.Constant(kept), node), decided))
            continue
        for name, value in ast.iter_fields(node):
            branch = (isinstance(node, (ast.If, ast.IfExp)) and name != "test" and not _is_main(node)) or isinstance(
                node, (ast.Match, ast.ExceptHandler)
            )
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
                    pending.append((child, decided or branch))


def _is_main(node: ast.AST) -> bool:
    """`if __name__ == "__main__"` decides nothing about values; neither does a test that a file or option is there."""
    test = ast.unparse(node.test) if isinstance(node, (ast.If, ast.IfExp)) else ""
    return "__name__" in test or "exists(" in test or test.startswith("args.")


def _first_result(case: Case) -> int | None:
    """The first event in which a program put out results: telling numbers in its output or in a file that it wrote."""
    for event in case.writers.runs:
        if event.failed:
            continue
        texts = [(event.output or "", case.subject.output_text(event))] if event.output else []
        texts += [
            (writing.path, case.subject.version_text(writing.after) or "")
            for writing in case.writers.all
            if writing.event.seq == event.seq
            and writing.how == "program"
            and writing.path.endswith((".json", ".csv", ".md", ".txt", ".log"))
        ]
        for name, text in texts:
            if sum(is_telling(fact.value) for fact in facts_of(name, text[:200_000])[0]) >= MIN_RESULTS:
                return event.seq
    return None


def _typed_at(case: Case, text: str) -> int | None:
    """The first event that typed this sentence into a file."""
    wanted = _bare(text)[:200]
    for event in case.subject.events:
        contents = list(case.writers.readings[event.seq].typed.values()) if event.seq in case.writers.readings else []
        if event.kind == "write":
            contents += [case.subject.version_text(change.after) or "" for change in event.changes]
        elif event.kind == "command":
            contents.append(event.command)
        if any(wanted in _bare(content) for content in contents):
            return event.seq
    return None


def _bare(text: str) -> str:
    return re.sub(r"[\s*_`\\\"']+", "", text)


def _line_of(lines: list[str], text: str) -> int | None:
    wanted = _bare(text)[:60]
    return next((index for index, line in enumerate(lines, 1) if wanted in _bare(line)), None)
