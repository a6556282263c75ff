"""Impossible numbers: values that no data can have, whoever measured them; it needs a report or a paper and nothing else.

Rules, each in a module of its own: relations within a table's row (impossible_tables.py: ranges, spreads, RMSE and MAE, F1 and its
parts), counts (impossible_counts.py: GRIM, `45/50 (92%)`), test statistics, intervals and ratings (impossible_statistics.py), and
the accuracies that the run's own files keep (impossible_shares.py).
A `fail` needs every operand stated, and that no way of rounding, averaging or scaling allows the number; what an unusual but honest
reading would explain is a `warn`. Scope follows the document.
"""

from ...audits import Finding
from .case import Case, Check, Outcome
from .impossible_cells import cells_of
from .impossible_counts import judge_counts
from .impossible_statistics import judge_text
from .impossible_tables import judge_tables

NAME = "impossible"


def run(case: Case) -> Outcome:
    """Look for numbers that cannot be in results.md and in the paper."""
    if not case.documents:
        return Outcome(coverage="no evidence: neither results.md nor a readable paper is there")
    findings: list[Finding] = []
    operands = 0
    for document in case.documents:
        findings += judge_tables(document)
        operands += sum(len(group) for table in document.tables for group in cells_of(table))
        for found, checked in (judge_counts(case, document), judge_text(document)):
            findings += found
            operands += checked
    shares, checked = case.shares
    findings += shares
    operands += checked
    if not operands:
        return Outcome(
            coverage="no evidence: no table names a metric of known range, and no sentence states a test or a count with its share"
        )
    return Outcome(findings)


CHECK = Check(NAME, run)
