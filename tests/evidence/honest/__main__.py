"""`python -m tests.evidence.honest`: runs every honest study and prints fails and the share verified."""

from collections.abc import Sequence

from ..campaign import Told, arguments, carry_out, show, write_json
from ..lab import Study, share
from . import corpus, engineering, learning, simulation


def line(name: str, found: Sequence[Told]) -> str:
    """One line of the table."""
    failed = sum(one.result.verdict == "hallucinated" for one in found)
    verified = sum(one.result.verdict == "verified" for one in found)
    return f"{name:10} {len(found):3} studies: `fail` {share(failed, len(found))}, verified {share(verified, len(found))}"


def style(study: Study) -> str:
    """The layout of a twin, or the module that a study stands in."""
    if study.name.startswith("twin_"):
        return study.name.rpartition("_")[0]
    modules = {"engineering": engineering, "simulation": simulation, "learning": learning}
    return next(name for name, module in modules.items() if any(one.name == study.name for one in module.studies()))


def main() -> None:
    """Run, print, write."""
    options = arguments("Honest studies: none may get a `fail`.")
    found = carry_out(corpus(), options, show if options.show else lambda one: None)
    for name, held in (("tuned", False), ("held out", True)):
        print(line(name, [one for one in found if one.study.held_out is held]))
    print(line("all", found))
    if options.json:
        write_json(options.json, found, "style", style)


if __name__ == "__main__":
    main()
