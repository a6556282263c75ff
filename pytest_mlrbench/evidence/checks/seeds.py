"""Seed ledger: one program run several times with different outcomes, or many seeds in a loop, and the best reported.

Always a `warn`. Runs: on the host's ledger, executions of one entry point whose text did not change, which ended well and
differ in nothing but numbers of their arguments (seeds), and left different values under the same names. The report gives the
values of one of them alone, these are the best of all, and the document says nothing of several runs. The last run is what
everybody reports, so it counts from three runs on. Loops: executed code keeps the maximum (or minimum) of a score over a loop
on seeds, runs or restarts, the score is made on test data, not on validation data, and no document speaks of a best or of a
choice; or averages one end of the sorted runs, and no document says that a part of them was kept (topped.py). Seeds typed after a
program had tried many: tried_seeds.py.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from ...audits import Finding, Quote
from ...patterns import lazy
from ..events import Event
from .case import Case, Check, Outcome, finding
from .chosen import chosen
from .data import facts_of
from .quantities import agree, numbers_in
from .sources import is_telling
from .subject import TEXT_LIMIT, read_text
from .syntax import parse, walk
from .topped import ORDERING, topped
from .tried_seeds import tried

NAME = "seeds"
# Both are laid over texts in lower case: ignoring case took four times as long.
SAYS = lazy(
    r"\bbest[- ]of\b|\bbest (?:of|over|among|across|run|seed|trial|result)|max(?:imum|imal)? (?:of|over|across)"
    r"|min(?:imum)? (?:over|across)|highest (?:of|over|across|run|seed)"
    r"|(?:over|across|of|from) (?:all |the )?(?:\w+ )?(?:seeds|runs|trials|restarts|repetitions|repeats)|best seed|best run"
    r"|\bselected\b.{0,40}\b(?:seed|run)|cherry"
    r"|re-?ran|re-?run|repeated (?:the )?(?:run|experiment)|restarts?|several runs|multiple runs|lucky"
)
"""A document that says one of these speaks of its runs."""
SAYS_BEST = lazy(
    r"\bbest[- ]of\b|\bbest (?:of|over|among|across|run|seed|trial|result)|(?:max|min)(?:imum|imal)? (?:of|over|across)"
    r"|highest (?:of|over|across|run|seed)|lowest (?:of|over|across|run|seed)|\bselected\b.{0,40}\b(?:seed|run)|cherry"
    r"|re-?ran|re-?run|restarts?\b|retr(?:y|ies)|lucky|random search|hyper-?parameter search"
)
"""A document that says one of these says that the best was chosen; that it averages over seeds says nothing of a choice."""
_FEW = r"(?:best|top|highest|lowest)[- ](?:half|quarter|third|two|three|four|five|six|seven|eight|ten|\d+)"
_RUNS = r"\b(?:seeds?|runs?|trials?|initiali[sz]ations?)\b"
SAYS_KEPT = lazy(
    rf"\b{_FEW}\b(?: \w+)? (?:of|out of|from|among)\b|\b(?:mean|average|averag\w+)(?: \w+){{0,3}} {_FEW}\b(?! accurac)"
    rf"|\b(?:best|top|highest|lowest)[- ](?:\w+ )?{_RUNS}|\btrimmed|{_RUNS}.{{0,40}}\b(?:dropped|discarded|excluded|removed)\b"
    rf"|\b(?:drop|drops|dropped|dropping|discard\w*|exclud\w*|remov\w*)\b.{{0,40}}{_RUNS}"
)
"""A document that says one of these says that a part of the runs was kept."""
SEED_NAME = lazy(r"(?i)seed|restart|^run$|^runs$|^run_|_run$|trial|repeat|attempt|^rep$")
LOOP = lazy(r"(?im)^\s*for\b[^\n]*(?:seed|restart|trial|run|rep|attempt)")
TEST_NAME = lazy(r"(?i)test|held_?out|eval(?!uator)")
VALIDATION = lazy(r"(?i)val(?:id(?:ation)?)?(?:$|_|[^a-z])|(?:^|_)dev(?:$|_)|(?:^|_)cv(?:$|_)|cross_val|train(?!er)|loss")
LOWER_BETTER = lazy(
    r"(?i)loss|error|err\b|mae|mse|rmse|perplexity|ppl|fid|wer|cer|regret|brier|ece|latency|time|cost|distance|violation"
)
SETTING = lazy(r"(?i)seed|epoch|step|iter|lr|rate|size|alpha|lambda|time|second|date|version|port|pid|hour|minute")
MAX_RUNS, MAX_NAMES, MAX_CLAIMS = 60, 60, 300
"""Bounds on what is compared with what: executions, named values of each, numbers of a document."""


class Outcomes(NamedTuple):
    """One execution and the named values it left."""

    event: Event
    values: dict[str, float]
    source: dict[str, tuple[str, int | None]]
    """Value's name -> file and line it stands in."""


def run(case: Case) -> Outcome:
    """Look for chosen runs in the ledger and for chosen seeds in the code."""
    if not case.documents:
        return Outcome(coverage="no evidence: neither results.md nor a readable paper is there")
    if not case.subject.host_ledger and not case.dataflow.read:
        return Outcome(coverage="no evidence: no ledger kept the versions of result files, and no executed program can be read")
    return Outcome(case.selections)


def selections(case: Case) -> list[Finding]:
    """The best of several runs reported without a word of the others; the support is cut by these."""
    if not case.documents:
        return []
    findings = _loops(case)
    if case.subject.host_ledger:
        chosen_runs = (_chosen(case, entry, outcomes) for entry, outcomes in _repeated(case).items())
        findings += [found for found in chosen_runs if found is not None]
        if not any(SAYS_BEST.search(document.text.lower()) for document in case.documents):
            scope = case.documents[0].scope
            findings += [finding("faked_results", scope, NAME, "warn", message, quotes) for message, quotes in tried(case)]
    return findings


# Runs ----------------------------------------------------------------------------------------------------------------------------


def _repeated(case: Case) -> dict[str, list[Outcomes]]:
    """Entry point with its arguments but for numbers -> its successful runs, as long as no source file changed between them."""
    groups: dict[str, list[Outcomes]] = defaultdict(list)
    edition = 0
    for event in case.subject.events[-4000:]:
        if event.kind == "write" and any(
            change.path.endswith((".py", ".sh", ".ipynb", ".yaml", ".yml")) for change in event.changes
        ):
            edition += 1
        if event.kind != "command" or not event.watched or event.failed:
            continue
        reading = case.writers.readings.get(event.seq)
        if reading is None or len(reading.programs) != 1 or reading.inline:
            continue
        command = re.sub(r"(?<=[=\s])-?\d+(?:\.\d+)?\b", "#", reading.programs[0])
        if sum(map(len, groups.values())) < MAX_RUNS:
            groups[f"{edition} {command}"].append(_outcomes(case, event))
    return {name.partition(" ")[2]: runs for name, runs in groups.items() if len(runs) >= 2}


def _outcomes(case: Case, event: Event) -> Outcomes:
    values: dict[str, float] = {}
    source: dict[str, tuple[str, int | None]] = {}

    def add(name: str, value: float, file: str, line: int | None) -> None:
        if is_telling(value) and not SETTING.search(name) and len(values) < 400:
            values.setdefault(name, value)
            source.setdefault(name, (file, line))

    for change in event.changes:
        if change.after is None or not change.path.endswith((".json", ".csv", ".tsv")):
            continue
        kept = case.subject.version(change.after)
        if kept is not None:
            for fact in facts_of(change.path, read_text(kept, TEXT_LIMIT // 8))[0]:
                if fact.how == "value" and fact.names:
                    add(f"{change.path}: {fact.key}", fact.value, change.path, fact.line)
    for number, line in enumerate(case.subject.output_text(event)[-50_000:].splitlines(), 1):
        found = numbers_in(line)
        if found and len(line) < 300:
            shape = re.sub(r"\d+(?:\.\d+)?", "#", line.strip())
            for index, one in enumerate(found[:6]):
                add(f"{shape} ({index})", one.value, event.output or "", number)
    return Outcomes(event, values, source)


def _chosen(case: Case, entry: str, runs: list[Outcomes]) -> Finding | None:
    """A finding when a document reports one run's values alone, and they are the best of all."""
    names = [name for name in runs[0].values if all(name in one.values for one in runs)]
    names = [name for name in names if len({one.values[name] for one in runs}) > 1][:MAX_NAMES]
    for document in case.documents:
        if SAYS.search(document.text.lower()):
            continue
        votes: dict[int, list[str]] = defaultdict(list)
        for claim in document.claims[:MAX_CLAIMS]:
            for name in names:
                fitting = [index for index, one in enumerate(runs) if agree(claim.number, one.values[name])]
                if len(fitting) == 1 and name not in votes[fitting[0]]:
                    votes[fitting[0]].append(name)
        votes = {index: found for index, found in votes.items() if found}
        if len(votes) != 1:
            continue
        index, reported = next(iter(votes.items()))
        if index == len(runs) - 1 and len(runs) < 3:
            continue
        best = [name for name in reported if _is_best(name, index, runs)]
        if len(best) <= len(reported) / 2:
            # An earlier run that was gone back to was chosen for something: for one of its methods, perhaps.
            best = _best_of_one(reported, best) if index < len(runs) - 1 and len(runs) >= 3 else []
        if not best:
            continue
        name = best[0]
        listed = ", ".join(f"event {one.event.seq}: {one.values[name]:.6g}" for one in runs[:12])
        message = (
            f"`{entry[:120]}` ran {len(runs)} times with different outcomes ({listed} for {name}); {document.name} reports the "
            f"best one (event {runs[index].event.seq}) and says nothing of the others"
        )
        quotes = []
        claim_of = next((c for c in document.claims if agree(c.number, runs[index].values[name])), None)
        if claim_of is not None:
            quotes.append(Quote(file=document.name, line=claim_of.line, quote=claim_of.quote))
        for one in runs[:5]:
            file, line = case.subject.place(one.event)
            quotes.append(Quote(file=file, line=line, quote=f"{one.event.command[:120]} -> {one.values[name]:.6g}"))
        return finding("faked_results", document.scope, NAME, "warn", message, quotes)
    return None


def _best_of_one(reported: list[str], best: list[str]) -> list[str]:
    """The values of a method that is best in more than half of its metrics."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in reported:
        groups[name.rpartition(".")[0]].append(name)
    for names in groups.values():
        found = [name for name in names if name in best]
        if len(names) >= 2 and len(found) > len(names) / 2:
            return found
    return []


def _is_best(name: str, index: int, runs: list[Outcomes]) -> bool:
    values = [one.values[name] for one in runs]
    wanted = min(values) if LOWER_BETTER.search(name) else max(values)
    return values[index] == wanted


# Loops ---------------------------------------------------------------------------------------------------------------------------


def _loops(case: Case) -> list[Finding]:
    texts = [document.text.lower() for document in case.documents]
    said = any(map(SAYS.search, texts))
    told_best = any(map(SAYS_BEST.search, texts))
    told_kept = told_best or any(map(SAYS_KEPT.search, texts))
    for file, tree in case.trees.items():
        text = case.dataflow.latest[file]
        found = [] if told_best else [one for one in chosen(tree) if not (told_kept and one[1].startswith("the sorted "))]
        if not told_kept and any(word in text for word in ORDERING):
            found += topped(tree)
        if not said and LOOP.search(text):
            found += best_of(text)
        for line, what in found:
            document = case.documents[0]
            lines = text.splitlines()
            message = f"{file} keeps {what}, and no document says that its result is the best of several"
            quotes = [Quote(file=file, line=line, quote=lines[line - 1].strip() if line <= len(lines) else "")]
            if document.claims:
                claim = document.claims[0]
                quotes.append(Quote(file=document.name, line=claim.line, quote=claim.quote))
            return [finding("faked_results", document.scope, NAME, "warn", message, quotes)]
    return []


def best_of(text: str) -> Iterator[tuple[int, str]]:
    """(line, what) where code keeps the best of a test score over seeds.

    >>> list(best_of("for seed in range(9):\\n    acc = fit(seed).score(X_test, y)\\n    best = max(best, acc)\\nprint(best)"))
    [(3, 'the max of `acc` over the loop on `seed`')]
    """
    try:
        tree = parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in walk(tree):
        if isinstance(node, ast.For) and _over_seeds(node):
            yield from _kept(node)
        body = getattr(node, "body", None)
        if isinstance(body, list):
            yield from _collected(body)


def _over_seeds(node: ast.For) -> bool:
    names = [one.id for one in walk(node.target) if isinstance(one, ast.Name)]
    names += [one.id for one in walk(node.iter) if isinstance(one, ast.Name)]
    return any(SEED_NAME.search(name) for name in names)


def _kept(loop: ast.For) -> Iterator[tuple[int, str]]:
    """`best = max(best, score)` and `if score > best: best = score` in a loop on seeds."""
    over = ast.unparse(loop.target)
    for node in walk(loop):
        if isinstance(node, ast.For) and node is not loop:
            continue
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name):
            target = ast.unparse(node.targets[0])
            if node.value.func.id in ("max", "min") and len(node.value.args) == 2:
                arguments = [ast.unparse(one) for one in node.value.args]
                if target in arguments:
                    score = next((one for one in arguments if one != target), "")
                    if _on_test(score, loop):
                        yield node.lineno, f"the {node.value.func.id} of `{score}` over the loop on `{over}`"
        if isinstance(node, ast.If) and isinstance(node.test, (ast.Compare, ast.BoolOp)):
            compares = [one for one in walk(node.test) if isinstance(one, ast.Compare)]
            for compare in compares:
                if not isinstance(compare.ops[0], (ast.Gt, ast.GtE, ast.Lt, ast.LtE)):
                    continue
                left, right = ast.unparse(compare.left), ast.unparse(compare.comparators[0])
                for statement in node.body:
                    if isinstance(statement, ast.Assign) and isinstance(
                        statement.targets[0], (ast.Name, ast.Subscript, ast.Attribute)
                    ):
                        target = ast.unparse(statement.targets[0])
                        score = left if target == right else right if target == left else ""
                        if score and ast.unparse(statement.value) == score and _on_test(score, loop):
                            yield statement.lineno, f"the best of `{score}` over the loop on `{over}`"


def _collected(body: list[ast.stmt]) -> Iterator[tuple[int, str]]:
    """`scores.append(score)` in a loop on seeds, and then `max(scores)`, without any mean of them."""
    for index, loop in enumerate(body):
        if not isinstance(loop, ast.For) or not _over_seeds(loop):
            continue
        lists: dict[str, str] = {}
        for node in walk(loop):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "append" and node.args:
                lists[ast.unparse(node.func.value)] = ast.unparse(node.args[0])
        after = "\n".join(ast.unparse(one) for one in body[index + 1 :])
        for name, score in lists.items():
            if not _on_test(score, loop) or re.search(
                rf"(?:mean|median|sum|std|average)\(\s*(?:np\.array\()?{re.escape(name)}\b", after
            ):
                continue
            for statement in body[index + 1 :]:
                for node in walk(statement):
                    if not isinstance(node, ast.Call) or not node.args or ast.unparse(node.args[0]) != name:
                        continue
                    function = ast.unparse(node.func)
                    if function in ("max", "np.max", "numpy.max", "min", "np.min", "numpy.min"):
                        yield node.lineno, f"the {function} of `{name}` over the loop on `{ast.unparse(loop.target)}`"


def _on_test(score: str, loop: ast.For) -> bool:
    """Whether a score is made on test data: its name or what it is assigned from says so, and nothing speaks of validation."""
    text = score
    for node in walk(loop):
        if isinstance(node, ast.Assign) and any(ast.unparse(target) == score for target in node.targets):
            text += " " + ast.unparse(node.value)
    return bool(TEST_NAME.search(text)) and not VALIDATION.search(text)


CHECK = Check(NAME, run)
