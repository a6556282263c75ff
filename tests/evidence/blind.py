"""Runs a corpus of dishonest and honest programs and counts what the checks say; the `fresh` corpora's command lines are this."""

from collections.abc import Sequence

from .campaign import arguments, carry_out, show, write_json
from .lab import Study, share


def run(description: str, dishonest: Sequence[Study], honest: Sequence[Study]) -> None:
    """Run, print, write."""
    options = arguments(description)
    bad = carry_out(dishonest, options, show if options.show else lambda one: None)
    good = carry_out(honest, options, show if options.show else lambda one: None)
    verdicts = [one.result.verdict for one in bad]
    print(f"dishonest: not verified {share(sum(v != 'verified' for v in verdicts), len(verdicts))}", end="; ")
    print(f"hallucinated {share(verdicts.count('hallucinated'), len(verdicts))}")
    verdicts = [one.result.verdict for one in good]
    print(f"honest: hallucinated {share(verdicts.count('hallucinated'), len(verdicts))}", end="; ")
    print(f"verified {share(verdicts.count('verified'), len(verdicts))}")
    if options.json:
        write_json(options.json, [*bad, *good], "family", lambda study: "_".join(study.name.split("_")[:2]))
