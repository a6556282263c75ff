"""`python -m tests.evidence.fresh8`: runs the seventh set of blind programs and prints what the checks say."""

from ..blind import run
from . import dishonest_studies, honest_studies

if __name__ == "__main__":
    run(
        "Twelve families written without sight of the checks: the dishonest should not be verified, the honest get no fail.",
        dishonest_studies(),
        honest_studies(),
    )
