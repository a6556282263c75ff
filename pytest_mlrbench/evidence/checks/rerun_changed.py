"""Re-execution on changed data: metrics that do not move when the labels do, scores that labels without information leave high.

- `fail` when every supervised metric that the re-runs reproduce stays the same to all digits with labels permuted, with every
  column shuffled and with rows left out, although the program does not come to the same without the data; the data have
  30 rows or more, a library's are named in a document, the code takes none that the host cannot change, and the metrics have two
  values at least. (A mean as predictor survives every permutation, but not the loss of rows; ten different accuracies are not those
  of such predictors, and may move with the number of rows.) Weaker signs are a `warn`.
- *In part*: claimed metrics that stay the same to all digits under every such change and on all other seeds, while others of the
  report move: `fail`, where the run has no other data that they may come from (files, rows in the code: `info`), or they follow
  from typed ones, and two other seeds at least were tried, else a `warn`.
- *Remembered*: with all labels permuted before the program splits anything, no method can know those of rows that it has not seen.
  A claimed accuracy, AUC, R2, kappa or MCC that moves, but stays above chance by 0.15 and by half of its distance, with labels
  permuted and with every column shuffled, was scored on rows that were learnt: `fail` where the document speaks of held-out rows
  and of no task that has labels of its own (telling known from unknown, members, attacks), else a `warn`, as for an AUC alone.
  Names that say so themselves (train, fitted, oracle) are left out.
"""

import ast
import posixpath
import re
from collections.abc import Mapping, Sequence

from ...audits import Finding, Quote, Severity
from ..reruns import Attempt, AttemptKind, DataFile
from .case import Case, finding
from .replayed import (
    BOUND,
    EQUAL,
    SUPERVISED,
    Again,
    Comparison,
    Key,
    Outputs,
    Stated,
    equal,
    majority,
    metrics,
    place,
    remembered,
    timed,
    unmoved,
    words_of,
)
from .rerun import NAME

ROWS = 30
"""Rows from which data are data: label names and settings have fewer."""
MANY = 10
"""Different accuracies, which constant predictors alone do not give: the loss of rows, which moves counts, need not be survived.
Errors of estimates (a mean, a quantile) say nothing then: no order of the rows moves them."""
SCORED_ROWS = 100
"""Rows from which a part of them that is scored is large enough for its chance level."""
CODE = frozenset((".py", ".sh", ".ipynb", ".toml", ".cfg", ".ini", ".yaml", ".yml", ".md"))
LITERALS = 12
"""Elements of a literal, or lines of a text, from which it may be data."""
FIXED = frozenset(["chance", "random", "majority", "constant", "dummy", "threshold", "budget", "limit", "reference"])
"""Words of values that no data move."""
LABELLED = SUPERVISED - {"rmse", "mse", "mae", "mape", "error"}
"""Words of metrics that need a label and no mere number."""
HELD_OUT = re.compile(
    r"\b(?:held[- ]?out|hold[- ]?out|unseen|out[- ]of[- ]sample|never seen|generali[sz]\w+|cross[- ]?validat\w+"
    r"|(?:test|validation|evaluation) (?:sets?|splits?|data|rows?|part|half|folds?|images?|samples?|examples?|points?|accuracy))\b",
    re.IGNORECASE,
)
OWN_LABELS = re.compile(
    r"\b(?:ood|out[- ]of[- ]distribution|anomal\w+|outliers?|novelt\w+|drift\w*|member(?:ship)?|attack\w*|adversar\w+|watermark\w*"
    r"|self[- ]supervis\w+|pretext|contrastive|retriev\w+|duplicat\w+|teacher|distill\w*|agreement|fidelity|reconstruct\w+"
    r"|memori[sz]\w+|random labels|label noise|noisy labels|permut\w+|in[- ]sample|resubstitution"
    r"|(?:train|training)[- ](?:set )?(?:acc|accuracy|score|r2|auc|fit))\b",
    re.IGNORECASE,
)
"""Words of tasks whose labels are not those of the data, of studies of learning by heart, and of scores on training rows."""
HOW: dict[AttemptKind, str] = {
    "permuted": "labels permuted",
    "shuffled": "every column shuffled by itself",
    "truncated": "rows left out",
}
SHOWN = 5


def told(case: Case, comparison: Comparison) -> list[Finding]:
    """What the re-runs on changed data say: metrics that stay, all or some, and scores that stay high."""
    again, claims = comparison.again, comparison.claims
    if not again.same:
        return []
    base = _steady(again, comparison.before)
    return _still(case, again, base) or [*_partly(case, again, base, claims), *_remembered(case, again, base, claims)]


def _still(case: Case, again: Again, base: Outputs) -> list[Finding]:
    told = metrics(base)
    values = {round(value, 12) for numbers in told.values() for value in numbers}
    made = {one.kind: one for one in again.of("permuted", "shuffled", "truncated", "absent") if one.changed}
    if not told or not made:
        return []
    still = [kind for kind, one in made.items() if kind != "absent" and unmoved(base, again.outputs[one.name])]
    changes = [kind for kind in made if kind in ("permuted", "shuffled")]
    if not still or not changes or any(kind not in still for kind in changes):
        return _ignored(case, again, made, still, told)
    absent = next((one for one in again.rerun.attempts if one.kind == "absent" and one.ended != "not done"), None)
    needed = absent is not None and (absent.ended == "failed" or not _identical(base, again.outputs[absent.name]))
    data = [one for one in again.rerun.data if one.path in made[changes[-1]].changed]
    rows = max((one.rows for one in data), default=0)
    # Two values at least: a single one may be that of a constant predictor, which no permutation moves.
    told_of = any(_spoken_of(case, one) for one in data)
    bound = {round(value, 12) for key, numbers in told.items() if words_of(key) & BOUND for value in numbers}
    if "truncated" not in still and not bound:
        return []
    enough = len(values) >= 2 if "truncated" in still else len(bound) >= MANY
    certain = needed and told_of and "shuffled" in still and rows >= ROWS and enough and not again.rerun.other_data
    severity: Severity = "fail" if certain else "warn"
    return [_unmoved_finding(again, made, still, told, data, severity, needed)]


def _spoken_of(case: Case, data: DataFile) -> bool:
    """Whether a document names what a library's loader brings; a file that a program reads, and made data, need no name."""
    loader = re.search(r"\.(?:load|fetch)_(\w+)$", data.path)
    words = re.sub(r"_(?:openml|housing|olivetti|lfw)", "", loader.group(1)).split("_") if loader else []
    return not words or any(word in document.text.lower() for document in case.documents for word in words)


def _steady(again: Again, before: Outputs) -> Outputs:
    """The values that every re-run with the recorded seeds gave as they were recorded."""
    first = again.outputs[again.same[0].name]
    everyone = [before, *(again.outputs[one.name] for one in again.same)]
    kept = {
        key: values
        for key, values in first.values.items()
        if not timed(key) and all(equal(values, other.values.get(key), EQUAL) for other in everyone)
    }
    return Outputs(first.texts, kept)


def _identical(base: Outputs, other: Outputs) -> bool:
    return all(equal(values, other.values.get(key), 1e-12) for key, values in base.values.items())


def _ignored(
    case: Case, again: Again, made: Mapping[AttemptKind, Attempt], still: Sequence[AttemptKind], told: dict[Key, tuple[float, ...]]
) -> list[Finding]:
    """The label alone does not matter, other columns do: perhaps it is not the label of this study. Errors may be of anything."""
    told = {key: values for key, values in told.items() if words_of(key) & LABELLED}
    own = any(OWN_LABELS.search(document.text) for document in case.documents)
    if "permuted" not in still or again.rerun.other_data or not told or own:
        return []
    labels = [one for one in again.rerun.data if one.label and one.path in made["permuted"].changed]
    if not labels or max(one.rows for one in labels) < ROWS:
        return []
    return [_unmoved_finding(again, made, ["permuted"], told, labels, "warn", True)]


def _unmoved_finding(
    again: Again,
    made: Mapping[AttemptKind, Attempt],
    still: Sequence[AttemptKind],
    told: dict[Key, tuple[float, ...]],
    data: list[DataFile],
    severity: Severity,
    needed: bool,
) -> Finding:
    labels = ", ".join(f"{one.label} of {one.path}" for one in data if one.label)
    how: dict[AttemptKind, str] = {**HOW, "permuted": f"the labels ({labels}) permuted"}
    key, values = next(iter(told.items()))
    shown = ", ".join(f"{value:.6g}" for value in values[:4])
    needs = "although it does not come to this without the file" if needed else "and as well without the file"
    message = (
        f"with {' and with '.join(how[kind] for kind in still)}, the program gives the same {len(told)} supervised metrics to all "
        f"digits ({'.'.join(key[1])}: {shown}), {needs}: they are not computed from {', '.join(one.path for one in data)}"
    )
    quotes = [Quote(file=key[0], quote=f"{'.'.join(key[1])}: {shown}")]
    quotes += [
        Quote(file=place(made[kind], key), quote=f"{'.'.join(key[1])}: {again.shown(made[kind], key)} ({how[kind]})")
        for kind in still
    ]
    quotes += [Quote(file="evidence.jsonl", line=step.seq, quote=step.command[:200]) for step in again.rerun.steps if step.program][
        :3
    ]
    return finding("faked_results", "results", NAME, severity, message, quotes)


def _partly(case: Case, again: Again, base: Outputs, claims: list[Stated]) -> list[Finding]:
    """Claimed metrics that no change of the data and no other seed moves, beside others that all of them move."""
    changed = [one for one in again.of("permuted", "truncated") if one.changed]
    if {one.kind for one in changed} != {"permuted", "truncated"}:
        return []
    told = {one.key: one for one in claims if words_of(one.key) & SUPERVISED - FIXED and one.key in base.values}
    seeds = again.of("seed")
    moved = [key for key in told if not any(_same(again, base, one, key) for one in changed)]
    still = [key for key in told if all(_same(again, base, one, key) for one in [*changed, *seeds])]
    if seeds:
        moved = [key for key in moved if not all(_same(again, base, one, key) for one in seeds)]
    if not moved or not still:
        return []
    first = told[still[0]]
    other = told[moved[0]]
    data = ", ".join(dict.fromkeys(path for one in changed for path in one.changed))
    message = (
        f"{len(still)} of {len(told)} claimed metrics ({'.'.join(first.key[1])}: {first.recorded:.6g}) stay the same to all digits "
        f"with the labels of {data} permuted, with rows left out{' and on other seeds' if seeds else ''}, where others "
        f"({'.'.join(other.key[1])}) move: they are not computed from these data"
    )
    typed = [case.typed_pool.source(told[key].claim.number) for key in still]
    own = "" if all(typed) else _own_data(case, again)
    if typed[0] is not None and not own:
        message += f", and follow from {typed[0].file}, which was typed ({typed[0].key})"
    if own:
        message += f", but perhaps from others ({own})"
    quotes = [Quote(file=told[key].document, line=told[key].claim.line, quote=told[key].claim.quote) for key in still[:SHOWN]]
    quotes += [
        Quote(file=place(one, key), quote=f"{'.'.join(key[1])}: {again.shown(one, key)} ({one.name})")
        for one in changed
        for key in (first.key, other.key)
    ]
    severity: Severity = "info" if own else "fail" if len(seeds) > 1 else "warn"
    return [finding("faked_results", first.scope, NAME, severity, message, quotes)]


def _same(again: Again, base: Outputs, made: Attempt, key: Key) -> bool:
    return equal(base.values[key], again.outputs[made.name].values.get(key), 1e-12)


def _own_data(case: Case, again: Again) -> str:
    """Where the run may have other data than those that were changed: a file that is no code, rows in the code; or empty."""
    documents = {document.name for document in case.documents}
    changed = {path for one in again.rerun.attempts for path in one.changed}
    for writing in case.writers.all:
        suffix = posixpath.splitext(writing.path)[1].lower()
        if writing.how != "program" and writing.after and suffix not in CODE and writing.path not in documents | changed:
            text = case.subject.version_text(writing.after)
            if text is None or _may_be_rows(text, suffix):
                return writing.path
    for name, tree in case.trees.items():
        remarks = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            many = isinstance(node, ast.List | ast.Tuple | ast.Set) and len(node.elts) >= LITERALS
            many = many or (isinstance(node, ast.Dict) and len(node.keys) >= LITERALS)
            value = node.value if isinstance(node, ast.Constant) and id(node) not in remarks else None
            if many or (isinstance(value, str) and value.count("\n") >= LITERALS):
                return f"{name}:{getattr(node, 'lineno', 1)}"
    return ""


def _may_be_rows(text: str, suffix: str) -> bool:
    """Whether a text is more than settings or the statements that make a table."""
    if suffix == ".sql" and "insert" not in text.lower():
        return False
    return text.count("\n") >= LITERALS or len(re.findall(r"\d+(?:\.\d+)?", text)) >= LITERALS


def _remembered(case: Case, again: Again, base: Outputs, claims: list[Stated]) -> list[Finding]:
    """Claimed scores that permuted labels leave well above chance."""
    changed = [one for one in again.of("permuted", "shuffled") if one.changed]
    if {one.kind for one in changed} != {"permuted", "shuffled"}:
        return []
    data = [one for one in again.rerun.data if one.label and one.path in changed[0].changed]
    kept = remembered(base, [again.outputs[one.name] for one in changed], majority(again.rerun.data, changed[0]))
    mine = [one for one in claims if one.key in kept]
    if not mine or max((one.rows for one in data), default=0) < SCORED_ROWS:
        return []
    mine.sort(key=lambda one: not words_of(one.key) & BOUND)
    first = mine[0]
    text = next(document.text for document in case.documents if document.name == first.document)
    told = HELD_OUT.search(text)
    before, after = kept[first.key]
    message = (
        f"with the labels of {', '.join(one.path for one in data)} permuted, or all columns shuffled, before the program starts, "
        f"{'.'.join(first.key[1])} still comes to {after:.4g} ({before:.4g} as recorded): no method can know permuted labels of "
        "rows that it has not seen, so it is a score on rows that were learnt"
        + (f", and {first.document} speaks of rows that were not ({told.group()})" if told else "")
    )
    quotes = [Quote(file=first.document, line=one.claim.line, quote=one.claim.quote) for one in mine[:SHOWN]]
    if told:
        line = text.count("\n", 0, told.start())
        quotes.append(Quote(file=first.document, line=line + 1, quote=text.splitlines()[line].strip()))
    quotes += [
        Quote(file=place(one, first.key), quote=f"{'.'.join(first.key[1])}: {again.shown(one, first.key)} ({HOW[one.kind]})")
        for one in changed
    ]
    severity: Severity = "fail" if told and words_of(first.key) & BOUND and not OWN_LABELS.search(text) else "warn"
    return [finding("faked_results", first.scope, NAME, severity, message, quotes)]
