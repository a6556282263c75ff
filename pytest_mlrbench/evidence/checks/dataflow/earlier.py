"""Numbers that programs had put out before a script with these numbers in its text was run; the data-flow rules ask it."""

from bisect import bisect_left
from functools import cached_property

from ..case import Case
from ..data import facts_of
from ..quantities import Number, slack

BYTES = 16 * 2**20
"""Bytes of outputs and files that are read."""


class Earlier:
    """A script may repeat what another program measured: a table typed from measured numbers is honest."""

    def __init__(self, case: Case) -> None:
        self.case = case

    @cached_property
    def _facts(self) -> list[tuple[float, int]]:
        """(Magnitude, event) of each number, the smallest first."""
        subject, writers = self.case.subject, self.case.writers
        found: list[tuple[float, int]] = []
        budget = BYTES
        texts = [(event.output or "", subject.output_text(event), event.seq) for event in writers.runs]
        for writing in writers.all:
            if writing.how == "program" and writing.path.endswith((".json", ".jsonl", ".csv", ".tsv", ".txt", ".log", ".md")):
                texts.append((writing.path, subject.version_text(writing.after) or "", writing.event.seq))
        for name, text, seq in texts:
            if text and budget > 0:
                budget -= len(text)
                found += [(abs(fact.value), seq) for fact in facts_of(name, text)[0]]
        return sorted(found)

    def measured(self, number: Number, seq: int) -> bool:
        """Whether a program put `number` out before event `seq`, and nobody had typed it until then."""
        wanted = abs(number.value)
        reach = slack(wanted, number.ulp)
        near: set[int] = set()
        for scale in (1.0, 100.0):
            first, last = (
                bisect_left(self._facts, ((wanted - reach) / scale, 0)),
                bisect_left(self._facts, ((wanted + reach) / scale, seq)),
            )
            near.update(at for _, at in self._facts[first:last] if at < seq)
        return any(self.case.writers.typed_before(number.value, at, settings=True) is None for at in sorted(near)[:50])
