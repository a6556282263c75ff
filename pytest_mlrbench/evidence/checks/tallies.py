"""How the numbers of a document fared: each with what was found of it, and what a set of them says; checks on numbers ask here."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from .data import Fact
from .documents import Claim
from .sources import tail
from .writers import TypedNumber

LEFT_BY_HONESTY = 0.35
"""Share of precise numbers that an honest report may leave without a source that we find: derivations over several files, numbers
of cited work, settings. Published runs whose tables were measured leave 30-42 % (FACTS, `58-70 % found`)."""
SIGNIFICANCE = 0.01
"""A document is unsourced above honesty when so many missing numbers have a smaller probability than this."""
INFORMATIVE = 0.5
"""A number found by accident more often than this says nothing either way."""

Status = Literal["traced", "derived", "constant", "unsourced"]


class Traced(NamedTuple):
    """A claim and what was found of it."""

    claim: Claim
    status: Status
    chance: float
    """Probability that a made-up number of this size and precision is found."""
    source: Fact | None = None
    why: str = ""
    typed: TypedNumber | None = None

    @property
    def weight(self) -> float:
        return 1.0 - self.chance

    @property
    def setting(self) -> bool:
        """A constant of the code that a report may well name."""
        digits = self.typed.digits if self.typed is not None else 0
        return self.status == "constant" and (digits <= 2 or not self.claim.in_table)


@dataclass
class Tally:
    """How a set of claims fared."""

    traced: list[Traced]
    """All of them, in reading order."""

    @cached_property
    def informative(self) -> list[Traced]:
        """Claims that say something: not found by accident most of the time, and no settings unless settings are most of them.

        A setting has two digits at most (0.05), or stands outside tables.
        """
        said = [one for one in self.traced if one.chance < INFORMATIVE]
        measured = [one for one in said if not one.setting]
        return said if len(said) - len(measured) > len(measured) else measured

    @cached_property
    def missing(self) -> list[Traced]:
        return [one for one in self.informative if one.status in ("unsourced", "constant")]

    @property
    def probability(self) -> float:
        """Of so many missing numbers or more in an honest report."""
        return tail(len(self.missing), len(self.informative), LEFT_BY_HONESTY) if self.missing else 1.0

    def beyond_honesty(self, nothing_produced: bool) -> bool:
        """The rule for a `fail`: see numbers.py."""
        if nothing_produced and len(self.missing) >= 3:
            return True
        return self.probability < SIGNIFICANCE
