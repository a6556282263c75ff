"""`python -m tests.evidence.fresh`: runs the programs of the other hand and prints what the checks say."""

from ..blind import run
from . import dishonest_studies, honest_studies

if __name__ == "__main__":
    run(
        "Programs written after the rules: the dishonest should not be verified, the honest get no fail.",
        dishonest_studies(),
        honest_studies(),
    )
