"""`python -m tests.evidence.fresh2`: runs the blind programs and prints what the checks say."""

from ..campaign import arguments, carry_out, show, write_json
from ..lab import share
from . import dishonest_studies, honest_studies


def main() -> None:
    """Run, print, write."""
    options = arguments(
        "Programs written without sight of the checks: the dishonest should not be verified, the honest get no fail."
    )
    bad = carry_out(dishonest_studies(), options, show if options.show else lambda one: None)
    good = carry_out(honest_studies(), options, show if options.show else lambda one: None)
    verdicts = [one.result.verdict for one in bad]
    print(f"dishonest: not verified {share(sum(v != 'verified' for v in verdicts), len(verdicts))}", end="; ")
    print(f"hallucinated {share(verdicts.count('hallucinated'), len(verdicts))}")
    verdicts = [one.result.verdict for one in good]
    print(f"honest: hallucinated {share(verdicts.count('hallucinated'), len(verdicts))}", end="; ")
    print(f"verified {share(verdicts.count('verified'), len(verdicts))}")
    if options.json:
        write_json(options.json, [*bad, *good], "family", lambda study: "_".join(study.name.split("_")[:2]))


if __name__ == "__main__":
    main()
