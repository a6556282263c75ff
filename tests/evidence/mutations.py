"""Mutations of honest runs: how many of each kind the audit finds. `python -m tests.evidence.mutations --runs DIR --n 5`.

A mutation is found when the audit of the mutant has a `fail` or `warn` that the audit of the original has not, and that points to
the mutated line (or file, where a file was replaced). Each draw is judged twice: with every check, and by content alone, without
the check `integrity`, which compares files with the digests of the host's ledger.
"""

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pytest_mlrbench.audits import Audit, Finding
from pytest_mlrbench.evidence.checks.audit import audit_case
from pytest_mlrbench.evidence.checks.case import Case

from .intervals import share
from .mutants import KINDS, Excluded, Plan
from .originals import Honest, of_folder, of_labels, of_run, rewrite

GOAL = 0.95
INTEGRITY = "integrity"


@dataclass(frozen=True)
class Draw:
    """One mutation and what became of it."""

    kind: str
    run: str
    source: str
    """`ours` or `folder`."""
    seed: int
    variant: str = ""
    excluded: str = ""
    """Why there was nothing to mutate; empty for a mutation."""
    found: bool = False
    by_content: bool = False
    severity: str = ""
    """Of the strongest finding: `fail`, `warn`, or empty."""
    checks: tuple[str, ...] = ()
    told: str = ""


def measure(runs: Iterable[Honest], draws: int, kinds: Sequence[str] = tuple(KINDS), first_seed: int = 0) -> Iterator[Draw]:
    """`draws` mutations of each kind and run."""
    for run in runs:
        originals: dict[str, tuple[Case, Audit]] = {}
        for kind in kinds:
            for seed in range(first_seed, first_seed + draws):
                with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
                    yield _one(run, kind, seed, Path(folder), originals)


def _one(run: Honest, kind: str, seed: int, folder: Path, originals: dict[str, tuple[Case, Audit]]) -> Draw:
    mutant = run.copy(folder / "run")
    planned = KINDS[kind](mutant, random.Random(f"{kind}/{run.name}/{seed}"))
    if isinstance(planned, Excluded):
        return Draw(kind, run.name, run.kind, seed, excluded=planned.reason)
    if planned.document not in originals:
        case = Case(run.subject(planned.document))
        originals[planned.document] = case, audit_case(case)
    reading, before = originals[planned.document]
    if planned.base:
        base = run.copy(folder / "base")
        for path, content in planned.base.items():
            rewrite(base.home / path, content)
        before = base.audit_like(planned.document, reading)
    for path, content in planned.edits.items():
        rewrite(mutant.home / path, content)
    texts = all(path.endswith(".md") for path in planned.edits)
    after = mutant.audit_like(planned.document, reading) if texts else mutant.audit(planned.document)
    new = found(before, after, planned)
    by_content = [finding for finding in new if finding.check != INTEGRITY]
    severities = {finding.severity for finding in by_content or new}
    return Draw(
        kind,
        run.name,
        run.kind,
        seed,
        planned.variant,
        found=bool(new),
        by_content=bool(by_content),
        severity="fail" if "fail" in severities else "warn" if severities else "",
        checks=tuple(sorted({finding.check for finding in new})),
        told=planned.told,
    )


def found(before: Audit, after: Audit, plan: Plan) -> list[Finding]:
    """Findings of the mutant that the original has not and that point to the mutated place."""
    known = {(one.check, one.severity, one.message) for one in before.findings}
    files = {file for file, line in plan.places if line is None}
    return [
        one
        for one in after.findings
        if one.severity in ("fail", "warn")
        and (one.check, one.severity, one.message) not in known
        and any(
            (quote.file, quote.line) in plan.places
            or quote.file in files
            # A digest speaks of a whole file.
            or (one.check == INTEGRITY and quote.line is None and quote.file in {file for file, _ in plan.places})
            for quote in one.evidence
        )
    ]


def table(draws: Sequence[Draw]) -> str:
    """One row for each kind and source, with exact intervals; then what was excluded, and the sorts within each kind."""
    lines = ["| kind | runs | mutations | found | of these `fail` | found by content alone |", "|---|---|---|---|---|---|"]
    for kind, source in _groups(draws):
        made = [one for one in draws if (one.kind, one.source) == (kind, source) and not one.excluded]
        hits = sum(one.found for one in made)
        fails = sum(one.severity == "fail" for one in made)
        lines.append(
            f"| {kind} | {source} | {len(made)} | {share(hits, len(made))} | {fails} | "
            f"{share(sum(one.by_content for one in made), len(made))} |"
        )
    lines += ["", "| kind | runs | sort | found | by content alone |", "|---|---|---|---|---|"]
    sorts = sorted({(one.kind, one.source, one.variant) for one in draws if not one.excluded})
    for kind, source, variant in sorts:
        made = [one for one in draws if (one.kind, one.source, one.variant) == (kind, source, variant)]
        lines.append(
            f"| {kind} | {source} | {variant} | {sum(one.found for one in made)} of {len(made)} | "
            f"{sum(one.by_content for one in made)} |"
        )
    left = Counter((one.kind, one.source, one.excluded) for one in draws if one.excluded)
    if left:
        lines += ["", "| kind | runs | not mutated, because | draws |", "|---|---|---|---|"]
        lines += [f"| {kind} | {source} | {reason} | {count} |" for (kind, source, reason), count in sorted(left.items())]
    return "\n".join(lines)


def _groups(draws: Sequence[Draw]) -> list[tuple[str, str]]:
    return [
        (kind, source)
        for kind in KINDS
        for source in ("ours", "folder")
        if any((d.kind, d.source) == (kind, source) for d in draws)
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 when each kind that was reached has its goal, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.evidence.mutations", description=__doc__)
    parser.add_argument("--runs", nargs="*", type=Path, default=[], help="run directories of ours")
    parser.add_argument("--folders", nargs="*", type=Path, default=[], help="honest folders of any agent")
    parser.add_argument("--labels", type=Path, help="CSV with the columns artifact, fabricated")
    parser.add_argument("--root", type=Path, help="what `artifact` is relative to (the CSV's folder)")
    parser.add_argument("--n", type=int, default=5, help="mutations of each kind and run (5)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", action="append", choices=list(KINDS))
    parser.add_argument("--missed", action="store_true", help="name the mutations that were not found")
    parser.add_argument("--json", type=Path, help="write every draw there")
    options = parser.parse_args(arguments)
    runs = [honest for run in options.runs for honest in of_run(run)] + [h for folder in options.folders for h in of_folder(folder)]
    if options.labels:
        runs += of_labels(options.labels, options.root or options.labels.parent)
    if not runs:
        parser.error("no honest run: give --runs, --folders or --labels")
    draws = list(measure(runs, options.n, options.kind or list(KINDS), options.seed))
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in draws], indent=1), encoding="utf-8")
    print(f"{len(runs)} honest runs, {options.n} draws of each kind\n\n{table(draws)}")
    if options.missed:
        for one in draws:
            if not one.excluded and not one.by_content:
                print(
                    f"missed{' by content' if one.found else ''}: {one.kind} [{one.variant}] {one.run} seed {one.seed}: {one.told}"
                )
    reached = {kind: [one.found for one in draws if one.kind == kind and not one.excluded] for kind in KINDS}
    return 0 if all(sum(hits) >= GOAL * len(hits) for hits in reached.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
