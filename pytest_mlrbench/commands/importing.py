"""`mlrbench import`: results and reviews in the published repository's layout become a run."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError
from . import Command

if TYPE_CHECKING:
    from ..audits import Audit

SHOWN = 50
"""Problems that are printed; all of them are in import.json."""


def register(command: Command) -> None:
    parser = command(
        "import",
        run,
        "Results and reviews in the layout of the published MLR-Bench repository become a run.",
        "mlrbench import ~/mlrbench --run=mlr-runs/published",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="holds agent_reviews/, agent_results/ or human_eval/")
    parser.add_argument("--run", type=Path, required=True, metavar="RUN", help="where the run is made; must not exist yet")
    parser.add_argument("--copy", action="store_true", help="copy outputs (default: hard links where possible)")
    parser.add_argument(
        "--check", action="store_true", help="also run the hallucination checks over every experiment (about 1 s each)"
    )
    parser.add_argument("--other-tasks", action="store_true", help="take tasks that MLR-Bench does not have, too")
    parser.add_argument(
        "--price", action="append", default=[], metavar="MODEL=IN,OUT",
        help="USD per million input and output tokens of a model without known price; repeatable",
    )  # fmt: skip
    parser.epilog = f"{parser.epilog}\nexit status: 0 all read, 1 something was left out (listed), 2 nothing was imported"


def run(options: argparse.Namespace) -> int:
    from ..results.importing import import_published
    from ..results.shown import count, plain

    found = import_published(
        options.folder,
        options.run,
        other_tasks=options.other_tasks,
        copy=options.copy,
        prices=dict(map(_price, options.price)),
        price=_listed,
        audit=_audit if options.check else None,
    )
    for kind, listed in (("note", found.notes), ("left out", found.problems)):
        for one in listed[:SHOWN]:
            print(f"{kind}: {plain(one.path)}: {plain(one.reason)}")
        if len(listed) > SHOWN:
            print(f"{kind}: {len(listed) - SHOWN} more, in {options.run / 'import.json'}")
    made = f"{count(len(found.parts), 'run')}: {', '.join(map(plain, found.parts))}" if found.parts else "1 run"
    print(
        f"{options.run}: {count(found.reviews, 'review')}, {count(found.outputs, 'output')}, {len(found.problems)} left out; {made}"
    )
    return 1 if found.problems else 0


def _price(text: str) -> tuple[str, tuple[float, float]]:
    model, _, numbers = text.rpartition("=")
    try:
        sent, received = map(float, numbers.split(","))
    except ValueError:
        sent = received = -1.0
    if not model or sent < 0 or received < 0:
        raise ConfigError(f"--price={text}: expected MODEL=IN,OUT in USD per million tokens, such as o4-mini=1.1,4.4")
    return model, (sent, received)


def _listed(model: str) -> tuple[float, float] | None:
    """The price in litellm's map, which knows only models that can still be called."""
    from ..models.catalog import has_price, map_entry

    entry = map_entry(model) if has_price(model) else None
    return None if entry is None else (entry["input_cost_per_token"] * 1e6, entry["output_cost_per_token"] * 1e6)


def _audit(folder: Path) -> "Audit":
    from ..evidence.checks import audit, subject_of_folder

    return audit(subject_of_folder(folder))
