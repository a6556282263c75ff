"""`mlrbench agreement`: people against a judge, the judges of runs against each other, and the form that people fill in."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError

if TYPE_CHECKING:
    from ..results.store import RunStore

WHAT = "How far judges agree with people, with each other and with themselves; a review form for people."
EPILOG = """\
forms:
  mlrbench agreement HUMAN.csv JUDGE.csv    people against a judge's sheet; a merged sheet (Novelty_human, Novelty_llm) stands alone
  mlrbench agreement HUMAN.csv... RUN...    people against the panel of runs
  mlrbench agreement RUN...                 judges against each other; with several runs also drift on the same outputs
  mlrbench agreement --template RUN...      reviews.csv and reviews.html for people to fill in (-o DIR)"""


def register(command: Callable[[str, Callable[[argparse.Namespace], int], str, str], argparse.ArgumentParser]) -> None:
    """Add the command to the parser; `command` is the one of `cli.build_parser`."""
    parser = command("agreement", run, WHAT, "mlrbench agreement reviews-anna.csv reviews-ben.csv mlr-runs/a")
    parser.add_argument(
        "sources", nargs="+", type=Path, metavar="HUMAN.csv|JUDGE.csv|RUN", help="sheets and run directories, see below"
    )
    parser.add_argument("--format", choices=("md", "json"), default="md", help="default: %(default)s")
    parser.add_argument(
        "--stage", action="append", default=[], metavar="S", help="stage that was reviewed; with --template: only this one"
    )
    parser.add_argument("--judge", metavar="ID", help="with HUMAN.csv RUN: this judge instead of the panel")
    parser.add_argument("--template", action="store_true", help="write the form for people instead")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="with --template: where to (default: human-review/ of the first run)"
    )
    parser.add_argument("--sample", type=int, metavar="N", help="with --template: N works of each stage, drawn by --seed")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="with --sample (default: %(default)s)")
    parser.epilog = f"{parser.epilog}\n{EPILOG}"


def run(options: argparse.Namespace) -> int:
    """Do what the arguments say; warnings go to stderr, so that JSON stays JSON."""
    files, folders = _sorted(options.sources)
    if options.template:
        return _template(options, files, folders)
    given = [name for name, value in (("-o", options.output), ("--sample", options.sample)) if value is not None]
    if given:
        raise ConfigError(f"{given[0]} belongs to --template")
    if not files:
        if options.judge:
            raise ConfigError("--judge belongs to HUMAN.csv RUN; runs alone compare all of their judges")
        return _runs(options, folders)
    return _people(options, files, folders)


def _sorted(sources: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Sheets and run directories, sheets first as they were given."""
    missing = [path for path in sources if not path.exists()]
    if missing:
        raise ConfigError(f"{missing[0]}: there is no such file or run directory")
    files = [path for path in sources if not path.is_dir()]
    folders = [path for path in sources if path.is_dir()]
    if files and folders and sources.index(folders[0]) < len(files):
        raise ConfigError("people's sheets come first, then runs: mlrbench agreement HUMAN.csv RUN")
    return files, folders


def _stores(folders: Iterable[Path]) -> "list[RunStore]":
    from ..results.store import open_runs

    return open_runs(folders)


def _people(options: argparse.Namespace, files: Sequence[Path], folders: Sequence[Path]) -> int:
    from ..results.agreement.human import agreement
    from ..results.agreement.joining import join_runs, join_sheets
    from ..results.agreement.sheets import merged, read_sheet
    from ..results.agreement.told import human_text

    if len(options.stage) > 1:
        raise ConfigError("--stage once: the stage that the sheets reviewed")
    if folders:
        human = merged([read_sheet(path, "human") for path in files])
        joined = join_runs(human, _stores(folders), options.stage[0] if options.stage else None, options.judge)
    else:
        if options.judge:
            raise ConfigError("--judge picks one judge of a RUN")
        if options.stage:
            raise ConfigError("--stage says which stage of a RUN was reviewed; with two sheets their own columns do")
        if len(files) > 2:
            raise ConfigError("two sheets, people's and the judge's; sheets of several people go together with a RUN")
        # A sheet of its own holds both sides, as the published merged one: people are not compared with themselves.
        alone = files[0].samefile(files[-1])
        joined = join_sheets(read_sheet(files[0], "human"), read_sheet(files[-1], "judge", alone=alone))
    _warn(joined.warnings)
    found = agreement(joined)
    if options.format == "json":
        _dump({"dimensions": {name: one.contract() for name, one in found.items()}})
    else:
        print(human_text(joined, found), end="")
    return 0


def _runs(options: argparse.Namespace, folders: Sequence[Path]) -> int:
    from ..results.agreement.report import judges_report
    from ..results.agreement.told import runs_text

    sections = judges_report(_stores(folders), options.stage)
    if options.format == "json":
        _dump(sections)
    else:
        print(runs_text(sections), end="")
    return 0


def _template(options: argparse.Namespace, files: Sequence[Path], folders: Sequence[Path]) -> int:
    from ..results.agreement.template import write_template
    from ..results.shown import count

    if files:
        raise ConfigError(f"--template needs run directories, {files[0]} is a file")
    if options.format != "md":
        raise ConfigError("--format has no meaning with --template")
    if options.sample is not None and options.sample < 1:
        raise ConfigError(f"--sample={options.sample}: expected a number of works from 1 on")
    folder = options.output or folders[0] / "human-review"
    sheet, page, number = write_template(_stores(folders), folder, options.stage, options.sample, options.seed)
    print(f"{count(number, 'work')} to review: fill in {page} in a browser, or {sheet}")
    print(f"then: mlrbench agreement REVIEWS.csv {' '.join(map(str, folders))}")
    return 0


def _warn(warnings: Iterable[str]) -> None:
    from ..results.shown import plain

    for warning in dict.fromkeys(warnings):
        print(f"mlrbench: warning: {plain(warning)}", file=sys.stderr)


def _dump(content: Any) -> None:
    print(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False))
