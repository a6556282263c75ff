"""What the commands that ask judges share: their --mlr-* options, the settings of a stored run, and the asking itself."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from ..options import (
    OPTION,
    Values,
    budget_of,
    check_judges,
    host_concurrency_of,
    model_settings_of,
    price_of,
)

if TYPE_CHECKING:
    from ..engine.afterwards import Ended, Question
    from ..results.store import RunStore
    from ..settings import Settings

PANEL = ("judges", "judge-repeats", "budget", "price", "concurrency", "host-concurrency", "model-setting", "rubrics", "prompts")
"""Options that say who judges, how, and for how much."""
HELP = {"budget": "what these answers may cost, earlier invocations of the command on this run included, or none (50)"}
"""Help of options that mean something else here than in a run."""
EXIT_STATUS = "exit status: 0 all answered, 9 the budget ended it, 7 a judge gave no answer, 2 not usable; the same command goes on"


def add_options(parser: argparse.ArgumentParser, *more: str, judges_needed: bool = True) -> None:
    """Declare PANEL and the options `more`, as pytest has them but without ini twins."""
    for name in (*PANEL, *more):
        option = OPTION[name]
        parser.add_argument(
            option.flag,
            action="append" if option.many else "store",
            dest=option.dest,
            metavar=option.metavar,
            help=HELP.get(name, option.help),
            required=judges_needed and name == "judges",
        )


class CommandLine:
    """The parsed command line as options.Values reads it."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options

    def getoption(self, name: str, default: Any = None, /) -> Any:
        return getattr(self._options, name, default)

    def getini(self, name: str, /) -> Any:
        return None


def values_of(options: argparse.Namespace) -> Values:
    """What the user asked for, by option name."""
    return Values(CommandLine(options))


def judging_settings(values: Values, **base: Any) -> "Settings":
    """The settings `base` with the judges and limits that `values` ask for; what they leave open stays as in `base`.

    Raises ConfigError for a value that cannot be meant, and for settings of another version.
    """
    from pydantic import ValidationError

    from ..settings import Settings

    judges = values.many("judges") or tuple(base.get("judges") or ())
    check_judges(judges)
    changes = {
        "judges": judges,
        "judge_repeats": values.number("judge-repeats", 1, int, 1),
        "hallucination_check": "off",
        "budget": budget_of(values),
        "price": price_of(values) or base.get("price"),
        "concurrency": values.number("concurrency", 128, int, 1),
        "host_concurrency": host_concurrency_of(values),
        "rubrics": values.folder("rubrics") or base.get("rubrics"),
        "prompts": values.folder("prompts") or base.get("prompts"),
        "model_settings": {**(base.get("model_settings") or {}), **model_settings_of(values)},
    }
    try:
        return Settings.model_validate({**base, **changes})
    except ValidationError as error:
        raise ConfigError(f"the run's settings cannot be read: {error.errors()[0]['msg']} at {error.errors()[0]['loc']}") from error


def settings_of_run(store: "RunStore", values: Values) -> "Settings":
    """As judging_settings, on the settings that `store` was made with."""
    stored = store.run().get("settings")
    if not isinstance(stored, dict):
        raise ConfigError(f"{store.run_file} holds no settings: what its judges read cannot be made again")
    return judging_settings(values, **{**stored, "run": str(store.root.absolute())})


def tell(line: str) -> None:
    """A line for the person who waits: results go to stdout, all else to stderr."""
    from ..results.shown import plain

    print(plain(line), file=sys.stderr, flush=True)


def ask(store: "RunStore", settings: "Settings", questions: "Sequence[Question]", lines: Sequence[str], *, purse: str) -> "Ended":
    """Show the plan, look for what is missing, then ask. Raises ConfigError before the first call where it cannot work."""
    import asyncio

    from ..engine.afterwards import Ended, ask_all, expecting
    from ..engine.preflight import judges_preflight

    for line in lines:
        tell(line)
    if not questions:
        return Ended()
    for line in [expecting(questions, settings, store, purse), *judges_preflight(settings)]:
        tell(line)
    try:
        return asyncio.run(ask_all(questions, settings, store, purse=purse, tell=tell))
    except KeyboardInterrupt:
        tell("mlrbench: interrupted; what was answered is stored, and the same command goes on behind it")
        raise


def ending(ended: "Ended") -> list[str]:
    """What a person has to know of how it ended, where not everything was answered."""
    lines = []
    if ended.over_budget:
        lines.append(
            f"exit code {ended.code}: the budget ended it, {len(ended.over_budget)} questions were not asked; go on with a higher "
            "--mlr-budget="
        )
    if ended.failed:
        lines.append(f"{len(ended.failed)} without an answer (exit code {ended.code}): {', '.join(list(ended.failed)[:6])}")
    return lines
