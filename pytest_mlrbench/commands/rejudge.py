"""`mlrbench rejudge`: new reviews of a run's stored outputs by other judges."""

import argparse
from pathlib import Path

from . import Command
from .judging import EXIT_STATUS, add_options, ask, ending, settings_of_run, values_of


def register(command: Command) -> None:
    """Declare the command."""
    parser = command(
        "rejudge",
        run,
        "New reviews of a run's stored outputs by other judges; nothing else is run, and the run's own scores stay.",
        "mlrbench rejudge mlr-runs/a --mlr-judges=openai/gpt-5 --mlr-stage=idea",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="run directory")
    add_options(parser, "stage", "task")
    parser.epilog = f"{parser.epilog}\n{EXIT_STATUS}"


def run(options: argparse.Namespace) -> int:
    """Ask the judges and say what came of it."""
    from ..engine.lock import RunLock
    from ..engine.rejudging import PURSE, note_in_run, plan_reviews, selected_records
    from ..results.shown import count
    from ..results.store import RunStore

    store = RunStore.open(options.run)
    values = values_of(options)
    settings = settings_of_run(store, values)
    with RunLock(store.root):
        records = selected_records(store, values.many("stage"), values.many("task"))
        plan = plan_reviews(store, settings, records)
        ended = ask(store, settings, plan.questions, plan.lines(str(store.root)), purse=PURSE)
        if ended.answered:
            note_in_run(store, settings, ended.answered, ended.spent)
    made = f"{count(ended.answered, 'review')} added to {store.root} for {ended.money}" if plan.questions else "nothing to ask"
    print(f"{made}; {plan.there} were there")
    for line in ending(ended):
        print(line)
    return ended.code
