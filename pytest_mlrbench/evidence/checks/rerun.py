"""Re-execution: the rules are in rerun_rules.py and rerun_changed.py, imported where the host ran the recorded commands again."""

from typing import TYPE_CHECKING

from .case import Case, Check, Outcome

if TYPE_CHECKING:
    from .replayed import Comparison

NAME = "rerun"


def compared(case: Case) -> "Comparison | None":
    """What the host stored of a re-execution, beside what was recorded."""
    trial = case.subject.trial_dir
    if trial is not None:
        from ..reruns import read_rerun
        from .replayed import compare

        if (rerun := read_rerun(trial)) is not None:
            return compare(case, trial, rerun)
    return None


def run(case: Case) -> Outcome:
    """Compare the stored re-execution with the claims."""
    if case.again is None:
        return Outcome(coverage="no evidence: the recorded commands were not run again (--mlr-rerun)")
    from .rerun_rules import judge_rerun

    return judge_rerun(case, case.again)


CHECK = Check(NAME, run)
