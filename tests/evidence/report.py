"""Measures the checks on labelled corpora and writes the tables of docs/evidence.md. `make evidence-report CORPUS="DIR..."`.

A corpus is a directory with a CSV (columns `artifact`, a folder below it, and `fabricated`: yes, no, anything else is left out of
the counts; optionally `task` and `source`), or with the subfolders `honest/` and `fabricated/`, whose folders are the works.
`--json` adds what the scripts for mutations, soak, evasion and honest programs wrote.
"""

import argparse
import csv
import json
import re
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_mlrbench.audits import Audit
from pytest_mlrbench.evidence.checks import audit, subject_of_folder
from pytest_mlrbench.evidence.checks.registry import CHECKS

from . import held_out
from .intervals import share
from .mutations import Draw
from .mutations import table as mutation_table
from .originals import TODAY
from .soak import Audited
from .soak import summary as soak_summary

BEGIN, END = "<!-- measured: begin (make evidence-report) -->", "<!-- measured: end -->"
SOURCES = ("source", "coder", "agent")
"""Columns of a labels CSV that may say which group a folder is of."""


@dataclass(frozen=True)
class Work:
    """One audited folder of a corpus."""

    name: str
    label: str
    """yes (fabricated), no (honest), or what else the labels say."""
    task: str
    source: str
    """The group that it came with: a column of the labels, or the folder above it."""
    audit: Audit
    folder: Path = Path()
    seconds: float = 0.0
    """Processor time of the audit, the start of Python not included."""

    def has(self, severity: str, check: str | None = None, scope: str | None = None) -> bool:
        return any(
            one.severity == severity and check in (None, one.check) and scope in (None, one.scope) for one in self.audit.findings
        )


def works(corpus: Path) -> Iterator[Work]:
    """Every folder of a corpus, audited. Raises ValueError for a directory that is no corpus or lacks a folder that it names."""
    for name, label, folder, task, source in _listed(corpus):
        started = time.process_time()
        result = audit(subject_of_folder(folder, today=TODAY))
        yield Work(name, label, task, source, result, folder, time.process_time() - started)


def _listed(corpus: Path) -> list[tuple[str, str, Path, str, str]]:
    found = []
    for labels in sorted(corpus.glob("*.csv")):
        with labels.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        if not rows or not {"artifact", "fabricated"} <= rows[0].keys():
            continue
        for row in rows:
            places = [corpus / row["artifact"], *sorted(corpus.glob(f"*/{row['artifact']}"))]
            folder = next((place for place in places if place.is_dir()), None)
            if folder is None:
                raise ValueError(f"{labels}: there is no folder {row['artifact']!r} below {corpus}")
            source = next((row[name] for name in SOURCES if row.get(name)), Path(row["artifact"]).parent.as_posix())
            found.append((row["artifact"], row["fabricated"], folder, row.get("task") or folder.name, source))
    for label, name in (("no", "honest"), ("yes", "fabricated")):
        for folder in sorted(path for path in (corpus / name).glob("*") if path.is_dir()):
            found.append((f"{name}/{folder.name}", label, folder, folder.name, corpus.name))
    if not found:
        raise ValueError(f"{corpus} is no corpus: it has no CSV with `artifact` and `fabricated`, and no honest/ or fabricated/")
    return found


def overall(found: Sequence[Work]) -> str:
    """Hits and false alarms of the whole audit."""
    bad, good = _labelled(found, "yes"), _labelled(found, "no")
    times = [one.seconds for one in found]
    lines = [
        "| what | result |",
        "|---|---|",
        f"| fabricated works with a `fail` of scope `results` | {_count(bad, 'fail', scope='results')} |",
        f"| honest works with a `fail` of scope `results` | {_count(good, 'fail', scope='results')} |",
        f"| honest works with a `fail` of scope `paper` | {_count(good, 'fail', scope='paper')} |",
        f"| fabricated works `verified` | {share(sum(one.audit.verdict == 'verified' for one in bad), len(bad))} |",
        f"| works of another label, not counted | {len(found) - len(bad) - len(good)} |",
        f"| processor time of an audit | median {statistics.median(times):.2f} s, longest {max(times):.2f} s |",
    ]
    return "\n".join(lines)


def by_check(found: Sequence[Work]) -> str:
    """For each check on how many fabricated and honest works it spoke, and on how many it had what it needed.

    What each can and cannot see stands in the table of checks of the same page, and nowhere else; `described` looks for it there.
    """
    bad, good = _labelled(found, "yes"), _labelled(found, "no")
    lines = [
        "| check | had evidence | `fail` on fabricated | `fail` on honest | `warn` on fabricated | `warn` on honest |",
        "|---|---|---|---|---|---|",
    ]
    for check in CHECKS:
        reached = sum(one.audit.coverage.get(check.name) == "done" for one in found)
        cells = [_count(group, severity, check.name) for severity in ("fail", "warn") for group in (bad, good)]
        lines.append(f"| `{check.name}` | {reached} of {len(found)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def by_group(found: Sequence[Work]) -> str:
    """Hits and false alarms for each task and source: what a rule tuned on the others would have to show on this one."""
    lines = ["| group | fabricated with a `fail` of scope `results` | honest with one |", "|---|---|---|"]
    for kind in ("task", "source"):
        groups: dict[str, list[Work]] = defaultdict(list)
        for one in found:
            groups[getattr(one, kind)].append(one)
        for name, members in sorted(groups.items()):
            bad, good = _labelled(members, "yes"), _labelled(members, "no")
            lines.append(f"| {kind} {name} | {_count(bad, 'fail', scope='results')} | {_count(good, 'fail', scope='results')} |")
    return "\n".join(lines)


def left_out(found: Sequence[Work]) -> str:
    """The thresholds chosen without each source, and without each task, and the verdicts that they give on what was left out."""
    labelled = [one for one in found if one.label in ("yes", "no")]
    read = [held_out.read(one.folder, one.task, one.source, one.label == "yes") for one in labelled]
    by_source = held_out.table("source", held_out.leave_out(read, lambda folder: folder.source))
    return f"{by_source}\n\n{held_out.table('task', held_out.leave_out(read, lambda folder: folder.task))}"


def _labelled(found: Iterable[Work], label: str) -> list[Work]:
    return [one for one in found if one.label == label]


def _count(group: Sequence[Work], severity: str, check: str | None = None, scope: str | None = None) -> str:
    return share(sum(one.has(severity, check, scope) for one in group), len(group))


def section(path: Path) -> str:
    """What one of the other scripts measured, as Markdown. Raises ValueError for a file of none of them."""
    content: Any = json.loads(path.read_text(encoding="utf-8"))
    rows = content if isinstance(content, list) else content.get("results") if isinstance(content, dict) else None
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], dict):
        raise ValueError(f"{path} holds no list of results")
    if {"kind", "run", "by_content"} <= rows[0].keys():
        draws = [Draw(**{**row, "checks": tuple(row["checks"])}) for row in rows]
        return f"### Mutations\n\n{mutation_table(draws)}"
    if {"run", "document", "fails"} <= rows[0].keys():
        lines = soak_summary([Audited(**row) for row in rows]).splitlines()
        return "### Soak\n\n" + "\n".join(f"- {line}" for line in lines)
    named = next((name for name in ("family", "style", "study") if name in rows[0]), None)
    if named is not None and "verdict" in rows[0]:
        return f"### Programs ({path.stem})\n\n{_programs(rows, named)}"
    raise ValueError(f"{path}: results with the keys {', '.join(sorted(rows[0]))} are of no script that is known here")


_PARTS = (("held out: no rule was changed after a look at them", True), ("looked at", False))


def _programs(rows: Sequence[dict[str, Any]], named: str) -> str:
    groups: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        # The studies of one family are numbered.
        groups[re.sub(r"[_/ -]?\d+$", "", str(row[named]))].append(str(row["verdict"]))
    parts = [("all", rows)]
    if any(row.get("held_out") for row in rows):
        parts += [(name, [row for row in rows if bool(row.get("held_out")) == held]) for name, held in _PARTS]
    whole = [(name, [str(row["verdict"]) for row in part]) for name, part in parts]
    lines = ["| family or style | programs | not `verified` | `hallucinated` |", "|---|---|---|---|"]
    for name, verdicts in [*sorted(groups.items()), *whole]:
        count = len(verdicts)
        free = share(sum(v != "verified" for v in verdicts), count)
        lines.append(f"| {name} | {count} | {free} | {share(verdicts.count('hallucinated'), count)} |")
    return "\n".join(lines)


def described(docs: str) -> list[str]:
    """Checks without a row in the table that says what each can and cannot see."""
    rows = set(re.findall(r"^\| `([\w-]+)`[^|]*\|", docs.partition(BEGIN)[0], re.MULTILINE))
    return [check.name for check in CHECKS if check.name not in rows]


def written(docs: str, body: str) -> str:
    """`docs` with `body` between the markers; they are put at the end where they are missing."""
    if BEGIN not in docs or END not in docs:
        docs = f"{docs.rstrip()}\n\n{BEGIN}\n{END}\n"
    head, _, rest = docs.partition(BEGIN)
    return f"{head}{BEGIN}\n\n{body.strip()}\n\n{END}{rest.partition(END)[2]}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 when written, 1 when a check stands in no row of the table of checks, 2 for a corpus that cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m tests.evidence.report", description=__doc__)
    parser.add_argument("corpus", nargs="*", type=Path, help="corpus directories")
    parser.add_argument("--json", nargs="*", type=Path, default=[], help="results of the other scripts")
    parser.add_argument("--docs", type=Path, default=Path("docs/evidence.md"), help="file to write into (docs/evidence.md)")
    parser.add_argument("--groups", action="store_true", help="write the table of tasks and sources too (it is always printed)")
    parser.add_argument("--left-out", action="store_true", help="choose the thresholds with each task and source left out")
    options = parser.parse_args(arguments)
    try:
        found = [one for corpus in options.corpus for one in works(corpus)]
        sections = [section(path) for path in options.json]
    except (OSError, ValueError, TypeError) as error:
        print(f"evidence-report: {error}", file=sys.stderr)
        return 2
    if not found and not sections:
        print('evidence-report: nothing to measure; give CORPUS="DIR..." or RESULTS="FILE..."', file=sys.stderr)
        return 2
    body = []
    if found:
        body += [f"### Labelled works ({len(found)})", overall(found), "### By check", by_check(found)]
        if options.left_out:
            body += ["### Thresholds chosen with a group left out", left_out(found)]
        print(by_group(found))
        if options.groups:
            body += ["### By task and source", by_group(found)]
    docs = options.docs.read_text(encoding="utf-8")
    options.docs.write_text(written(docs, "\n\n".join([*body, *sections])), encoding="utf-8")
    print(f"written: {options.docs}")
    for name in (missing := described(docs)):
        print(f"evidence-report: {options.docs} does not say what the check `{name}` can and cannot see", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
