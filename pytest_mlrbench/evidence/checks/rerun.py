"""Re-execution: the rules are in rerun_rules.py, imported where the host ran the recorded commands again."""

from .case import Case, Check, Outcome

NAME = "rerun"


def run(case: Case) -> Outcome:
    """Compare the stored re-execution with the claims."""
    trial = case.subject.trial_dir
    if trial is not None:
        from ..reruns import read_rerun
        from .rerun_rules import judge_rerun

        if (rerun := read_rerun(trial)) is not None:
            return judge_rerun(case, trial, rerun)
    return Outcome(coverage="no evidence: the recorded commands were not run again (--mlr-rerun)")


CHECK = Check(NAME, run)
