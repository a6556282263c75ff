"""Executes and audits many studies and prints what the checks said; both corpora's command lines are this."""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_mlrbench.audits import Audit
from pytest_mlrbench.evidence.reruns import RERUN

from .lab import Study, audited, execute, run_again, told


@dataclass(frozen=True)
class Told:
    """One study and what the checks said of it."""

    study: Study
    result: Audit


def arguments(description: str, given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line that both corpora share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--sandbox", choices=("local", "docker"), default="local")
    parser.add_argument("--image", default="", help="image of the Docker sandbox; default: the research image")
    parser.add_argument("--family", action="append", default=[], help="only studies whose name starts with this; repeatable")
    parser.add_argument("--keep", type=Path, help="keep the trials here; what lies there already is audited, not executed again")
    parser.add_argument("--rerun", action="store_true", help="run each study's commands again too, as --mlr-rerun=all does")
    parser.add_argument("--json", type=Path, help="write the verdicts here, for the evidence report")
    parser.add_argument("--show", action="store_true", help="print what was said of each study that was not held out")
    return parser.parse_args(given)


def carry_out(studies: Sequence[Study], options: argparse.Namespace, done: Callable[[Told], None]) -> list[Told]:
    """Execute each study that is not there yet, audit it, and tell `done`."""
    image = options.image
    if options.sandbox == "docker" and not image:
        from pytest_mlrbench.sandboxes.image import DEFAULT_TAG

        image = DEFAULT_TAG
    found = []
    with tempfile.TemporaryDirectory() as temporary:
        root = options.keep or Path(temporary)
        for study in studies:
            if options.family and not study.name.startswith(tuple(options.family)):
                continue
            folder = root / study.name
            ready = folder / "ready"
            if not ready.is_file():
                shutil.rmtree(folder, ignore_errors=True)
                execute(study, folder, options.sandbox, image)
                ready.touch()
            if options.rerun and not (folder / "experiment" / RERUN).is_file():
                run_again(study, folder, options.sandbox, image)
            one = Told(study, audited(study, folder))
            done(one)
            found.append(one)
    return found


def show(one: Told) -> None:
    """Print one study's verdict and findings, unless it is held out."""
    held = " (held out)" if one.study.held_out else ""
    print(f"{one.study.name}{held}: {one.result.verdict} support {one.result.support}")
    if not one.study.held_out:
        for severity in ("fail", "warn"):
            for line in told(one.result, severity):
                print(f"    {severity} {line[:230]}")
    sys.stdout.flush()


def write_json(path: Path, found: Sequence[Told], group: str, group_of: Callable[[Study], str]) -> None:
    """One record a study; `group` is `family` or `style`, by which report.py tells what it reads."""
    rows = [
        {
            group: group_of(one.study),
            "study": one.study.name,
            "held_out": one.study.held_out,
            "verdict": one.result.verdict,
            "support": one.result.support,
            "fails": sorted({f.check for f in one.result.findings if f.severity == "fail"}),
        }
        for one in found
    ]
    path.write_text(json.dumps(rows, indent=1) + "\n")
