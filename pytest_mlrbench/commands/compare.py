"""`mlrbench compare BASE NEW`: two runs side by side, and what the gate would say of them."""

import argparse
import json
import sys
from pathlib import Path

from ..errors import ConfigError
from . import pairwise


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("base", type=Path, metavar="BASE", help="run directory of the baseline")
    parser.add_argument("new", type=Path, metavar="NEW", help="run directory to compare with it")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: %(default)s (Markdown)")
    parser.add_argument(
        "--max-drop",
        type=float,
        metavar="X",
        help="largest drop of Overall that the verdict lets pass, default 0.5",
    )
    parser.add_argument(
        "--aa", action="store_true", help="both are runs of the same agent: the difference is noise, and calibrates the gate"
    )
    parser.add_argument("--store", action="store_true", help="with --aa: keep the result in BASE, where the gate looks for it")
    pairwise.add_pairwise(parser)


def run(options: argparse.Namespace) -> int:
    """Print the comparison; warnings of the JSON form go to stderr. Raises ConfigError for runs that cannot be compared."""
    if options.pairwise:
        return pairwise.run(options)
    from ..results.comparison.compare import compare
    from ..results.comparison.text import comparison_markdown
    from ..results.gate.calibration import calibration_line, calibration_of, check_same_agent, store_calibration
    from ..results.gate.decision import decide
    from ..results.gate.rejudged import rejudged_of
    from ..results.gate.repeats import read_repeats
    from ..results.gate.text import decision_markdown
    from ..results.shown import plain
    from ..results.store import RunStore
    from ..results.trial_lines import without_gc
    from ..settings import GATE_MAX_DROP

    max_drop = GATE_MAX_DROP if options.max_drop is None else options.max_drop
    if not 0 < max_drop <= 9:
        raise ConfigError(f"--max-drop={options.max_drop}: expected a number above 0 and up to 9")
    if options.store and not options.aa:
        raise ConfigError("--store belongs to --aa: only a comparison of an agent with itself calibrates the gate")
    base, new = RunStore.open(options.base), RunStore.open(options.new)
    with without_gc():
        comparison = compare(base, new, rejudged_of(new, base))
    if options.aa:
        check_same_agent(base, new)
    made_up = comparison.hallucination
    decision = decide(
        comparison,
        read_repeats(new, made_up.newly_keys, made_up.repeated),
        max_drop=max_drop,
        calibration=calibration_line(base, max_drop),
    )
    if options.store:
        path = store_calibration(base, calibration_of(comparison, max_drop, decision.verdict))
        print(f"A/A comparison stored in {path}", file=sys.stderr)
    if options.format == "json":
        for text in decision.warnings:
            print(f"mlrbench: warning: {plain(text)}", file=sys.stderr)
        print(json.dumps(comparison.as_json(decision.verdict), indent=1, ensure_ascii=False))
    else:
        print(f"{decision_markdown(decision)}\n{comparison_markdown(comparison)}", end="")
    return 0
