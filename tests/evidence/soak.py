"""The soak: many offline runs of different seeds through the product itself, each audited; none may fail. `make soak` calls it.

One run is one task of the core suite in one seed: its experiment really runs (local sandbox, the host's ledger) and a paper is
written about it. Runs that are there already are kept, so it can be stopped and started again, and after a change of the checks
only the audits are done again.
"""

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pytest_mlrbench.audits import Audit

from .intervals import share
from .originals import Honest, of_run

TASKS = 10
"""Of the core suite."""


@dataclass
class Audited:
    """One experiment or paper of one run."""

    run: str
    document: str
    verdict: str
    support: float | None
    crashed: list[str]
    """Checks that raised an error."""
    fails: list[str] = field(default_factory=list)
    warns: list[str] = field(default_factory=list)


def make(folder: Path, seed: int, workers: int) -> Path:
    """The run directory of one seed, made by pytest as a user would; raises RuntimeError with pytest's last lines."""
    run = folder / f"seed-{seed}"
    if _complete(run):
        return run
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--mlr-model=offline", "--mlr-suite=core"]
    command += ["--mlr-stage=experiment", "--mlr-stage=paper", f"--mlr-seed={seed}", f"--mlr-run={run.resolve()}", f"-n={workers}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not _complete(run):
        raise RuntimeError(f"seed {seed}: pytest ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return run


def _complete(run: Path) -> bool:
    records = [path for stage in ("experiment", "paper") for path in run.glob(f"trials/*/{stage}/record.json")]
    done: list[bool] = [json.loads(path.read_text(encoding="utf-8"))["status"] == "done" for path in records]
    return sum(done) == 2 * TASKS


def audits(run: Path) -> Iterator[Audited]:
    """Experiment and paper of every task of a run, with the checks as they are now."""
    for honest in of_run(run):
        for document in ("report", "paper"):
            if document == "report" or honest.papers is not None:
                yield _told(honest, document, honest.audit(document))


def _told(honest: Honest, document: str, audit: Audit) -> Audited:
    def named(severity: str) -> list[str]:
        return [f"[{one.check}] {one.message}" for one in audit.findings if one.severity == severity]

    crashed = [f"{check}: {why}" for check, why in audit.coverage.items() if "check failed" in why]
    return Audited(honest.name, document, audit.verdict, audit.support, crashed, named("fail"), named("warn"))


def summary(audited: Sequence[Audited]) -> str:
    """Counts with exact intervals, then each sort of alarm once with an example."""
    runs = {one.run for one in audited}
    failed = {one.run for one in audited if one.fails}
    lines = [
        f"{len(runs)} offline runs, {len(audited)} audits",
        f"runs with a `fail`: {share(len(failed), len(runs))}",
        f"runs with a `warn`: {share(len({one.run for one in audited if one.warns}), len(runs))}",
        f"audits `verified`: {share(sum(one.verdict == 'verified' for one in audited), len(audited))}",
        f"checks that raised an error: {sum(len(one.crashed) for one in audited)}",
    ]
    for severity in ("fails", "warns", "crashed"):
        told = [(text.partition("]")[0], one, text) for one in audited for text in getattr(one, severity)]
        for check, count in Counter(check for check, _, _ in told).most_common():
            _, one, text = next(entry for entry in told if entry[0] == check)
            lines.append(f"{severity} {count}x, for instance in {one.run} ({one.document}): {text[:300]}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 when no audit has a `fail` and no check crashed."""
    parser = argparse.ArgumentParser(prog="python -m tests.evidence.soak", description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="experiments to make and audit, ten a seed (200)")
    parser.add_argument("--dir", type=Path, default=Path("mlr-runs/soak"), help="where run directories are kept")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2, help="pytest workers (2)")
    parser.add_argument("--no-make", action="store_true", help="audit only what is there")
    parser.add_argument("--json", type=Path, help="write every audit there")
    options = parser.parse_args(arguments)
    options.dir.mkdir(parents=True, exist_ok=True)
    audited: list[Audited] = []
    for seed in range(options.first_seed, options.first_seed + -(-options.runs // TASKS)):
        run = options.dir / f"seed-{seed}"
        if options.no_make and not _complete(run):
            continue
        audited += audits(make(options.dir, seed, options.workers))
        bad = sum(bool(one.fails) for one in audited)
        print(f"seed {seed}: {len(audited) // 2} runs audited, {bad} audits with a fail", flush=True)
        if options.json:
            options.json.write_text(json.dumps([asdict(one) for one in audited], indent=1), encoding="utf-8")
    print(summary(audited))
    return 1 if any(one.fails or one.crashed for one in audited) or not audited else 0


if __name__ == "__main__":
    sys.exit(main())
