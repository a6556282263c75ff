"""`mlrbench compare BASE NEW --pairwise`: judges see the outputs of two runs side by side and say whose is better."""

import argparse
import json
from typing import Any

from ..errors import ConfigError
from .judging import EXIT_STATUS, add_options, ask, ending, settings_of_run, tell, values_of

Json = dict[str, Any]


def add_pairwise(parser: argparse.ArgumentParser) -> None:
    """Declare `--pairwise` and the options that belong to it, on the parser of `compare`, which has base, new and format."""
    parser.add_argument(
        "--pairwise",
        action="store_true",
        help="judges see the outputs side by side, not knowing whose they are",
    )
    add_options(parser, "stage", "task", judges_needed=False)
    parser.epilog = f"{parser.epilog}\nwith --pairwise, {EXIT_STATUS}"


def run(options: argparse.Namespace) -> int:
    """Ask the judges, store their answers in the newer run, and say what they come to."""
    from ..engine.comparing import PURSE, plan_pairs
    from ..engine.lock import RunLock
    from ..results.store import RunStore

    base, new = RunStore.open(options.base), RunStore.open(options.new)
    if base.root.resolve() == new.root.resolve():
        raise ConfigError(f"{base.root} and {new.root} are one run: name two")
    values = values_of(options)
    settings = settings_of_run(new, values)
    with RunLock(new.root):
        found = plan_pairs(base, new, settings, values.many("stage"), values.many("task"))
        questions = found.questions()
        ended = ask(new, settings, questions, found.lines(len(questions)), purse=PURSE)
        result = found.result()
        found.store_result(result)
    tell(f"mlrbench: {ended.money} spent; the answers lie in {new.root / 'pairwise'}")
    if options.format == "json":
        print(json.dumps(result, indent=1, ensure_ascii=False))
    else:
        for line in [*_lines(result), *ending(ended)]:
            print(line)
    return ended.code


def _lines(result: Json) -> list[str]:
    """The result for a person."""
    from ..results.shown import count, plain

    repeats = f", {result['repeats']} times each" if result["repeats"] > 1 else ""
    lines = [
        f"{plain(result['new'])} against {plain(result['base'])}, side by side, by {', '.join(result['judges'])}{repeats}",
        "win rate: share of tasks in which the newer run's work is the better one, a tie counts half; [95 % interval over tasks]",
    ]
    for stage, found in result["stages"].items():
        unasked = f", {count(found['n_decided_unasked'], 'pair')} decided without a judge" if found["n_decided_unasked"] else ""
        lines.append(
            f"\n{stage}: {_rate(found)}; {found['won']} won, {found['tied']} tied, {found['lost']} lost of "
            f"{count(found['n_tasks'], 'task')} ({count(found['n_pairs'], 'pair')}{unasked}); sign test p {found['p']:.3g}, "
            f"{found['p_holm']:.3g} corrected over {count(len(result['stages']), 'stage')}"
        )
        if found["dimensions"]:
            lines.append("  " + "; ".join(f"{name} {_rate(one)}" for name, one in found["dimensions"].items()))
        if len(found["judges"]) > 1:
            lines.append("  " + "; ".join(f"{plain(judge)} {_rate(one)}" for judge, one in found["judges"].items()))
    if not result["stages"]:
        lines.append("no pair has all of its answers")
    for judge, bias in result["position"].items():
        lines.append(
            f"position: {plain(judge)} preferred the work that stood first {bias['first']} times, the second {bias['second']}, "
            f"neither {bias['tie']} (p {bias['p']:.3g} of no bias); in {bias['contradicted']} of {count(bias['pairs'], 'pair')} "
            "the order alone decided"
        )
    if result["incomplete"]:
        lines.append(f"left out, an answer is missing: {', '.join(map(plain, result['incomplete']))}")
    for why, keys in result["unpaired"].items():
        lines.append(f"no pair, {plain(why)}: {', '.join(map(plain, keys))}")
    lines += [f"warning: {text}" for text in result["warnings"]]
    return lines


def _rate(found: Json) -> str:
    if found["win_rate"] is None:
        return "not asked"
    low, high = found["ci95"]
    return f"{found['win_rate']:.2f} [{low:.2f}, {high:.2f}]"
