"""`mlrbench check`: the hallucination audit of a folder that no run of ours made."""

import argparse
import gc
import json
from dataclasses import asdict, replace
from pathlib import Path

from ..errors import ConfigError
from . import Command

EXIT_VERDICT = {"verified": 0, "unverified": 3, "hallucinated": 1}
"""docs/interface.md, command line."""


def register(command: Command) -> None:
    """Declare the command."""
    check = command(
        "check", run, "Hallucination audit of any agent's output folder.", "mlrbench check my-agent/out --paper out/paper.md"
    )
    check.add_argument("folder", type=Path, metavar="DIR", help="what the agent left: code, results, paper")
    for part, what in (("paper", "file"), ("code", "folder"), ("results", "folder"), ("log", "file")):
        check.add_argument(
            f"--{part}", type=Path, metavar=what.upper(), help=f"the {what} that holds the {part}, where its name does not tell"
        )
    check.add_argument(
        "--online",
        action="store_true",
        help="look references up in arXiv, OpenAlex and Crossref; without it nothing is sent anywhere",
    )
    check.add_argument("--format", choices=("text", "json"), default="text", help="default: %(default)s")
    check.add_argument("--all", action="store_true", help="every warning and remark, not the first three of a kind")
    check.epilog = f"{check.epilog}\nexit status: 0 verified, 3 unverified, 1 hallucinated, 2 not usable"


def run(options: argparse.Namespace) -> int:
    """Audit the folder and print what was found."""
    # A process of a second: what its imports make stays, and what the reading makes is seldom garbage. A tenth of the time.
    gc.set_threshold(1_000_000, 20, 100)
    from ..evidence.checks import audit, subject_of_folder
    from ..evidence.checks.layout import nothing_usable

    if not options.folder.is_dir():
        raise ConfigError(f"{options.folder} is not a folder: give the one that holds the agent's code, results and paper")
    parts: dict[str, Path | None] = {name: getattr(options, name) for name in ("paper", "code", "results", "log")}
    for name, path in parts.items():
        if path is not None and not path.exists():
            raise ConfigError(f"--{name}={path}: there is no such {'folder' if name in ('code', 'results') else 'file'}")
    if why := nothing_usable(options.folder, parts.values()):
        raise ConfigError(
            f"{options.folder}: there is nothing to check: {why}; where the parts lie elsewhere, give --paper, --code, "
            "--results or --log"
        )
    subject = subject_of_folder(options.folder, parts["paper"], parts["code"], parts["results"], parts["log"])
    found = audit(replace(subject, online=options.online))
    if options.format == "json":
        print(json.dumps({"path": str(options.folder), **asdict(found)}, indent=1, ensure_ascii=False))
    else:
        from ..results.findings import audit_lines

        print("\n".join(audit_lines(str(options.folder), found, whole=options.all)))
    return EXIT_VERDICT[found.verdict]
