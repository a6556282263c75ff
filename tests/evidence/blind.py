"""Runs a corpus of dishonest and honest programs and counts what the checks say; the `fresh` corpora's command lines are this."""

from collections.abc import Iterable, Sequence
from types import ModuleType

from .campaign import arguments, carry_out, show, write_json
from .lab import Study, share


def of_families(families: Iterable[ModuleType]) -> list[Study]:
    """The programs of modules of one family each, by the module's name."""
    named = ((family.__name__.rpartition(".")[2], one) for family in families for one in family.PROGRAMS)
    return [Study(f"{family}_{one.__name__}", tuple(one().steps)) for family, one in named]


def of_honest(parts: Iterable[ModuleType]) -> list[Study]:
    """The programs of modules of honest ones."""
    return [Study(f"honest_{one.__name__}", tuple(one().steps)) for part in parts for one in part.PROGRAMS]


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
