"""`python -m tests.evidence.evasion`: runs every dishonest study and prints the verdicts of each family with exact intervals."""

from collections.abc import Sequence

from ..campaign import Told, arguments, carry_out, show, write_json
from ..lab import share
from . import FAMILIES, corpus


def line(name: str, found: Sequence[Told]) -> str:
    """One line of the table."""
    count = {v: sum(one.result.verdict == v for one in found) for v in ("verified", "unverified", "hallucinated")}
    n = len(found)
    return f"| {name} | {count['verified']} | {count['unverified']} | {count['hallucinated']} | {share(n - count['verified'], n)} | {share(count['hallucinated'], n)} |"


def main() -> None:
    """Run, print, write."""
    options = arguments("Dishonest studies: none should be verified, most should be hallucinated.")
    found = carry_out(corpus(), options, show if options.show else lambda one: None)
    print("| family | verified | unverified | hallucinated | not verified | hallucinated share |\n|---|---|---|---|---|---|")
    for family in FAMILIES:
        mine = [one for one in found if one.study.name.rpartition("-")[0] == family]
        if mine:
            print(line(family, mine))
    for name, held in (("tuned", False), ("held out", True)):
        print(line(name, [one for one in found if one.study.held_out is held]))
    print(line("all", found))
    if options.json:
        write_json(options.json, found, "family", lambda study: study.name.rpartition("-")[0])


if __name__ == "__main__":
    main()
