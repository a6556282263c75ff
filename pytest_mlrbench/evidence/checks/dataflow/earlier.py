"""Numbers that programs had put out before a script with these numbers in its text was run; the data-flow rules ask it."""

from functools import cached_property
from typing import TYPE_CHECKING

from ..case import Case
from ..data import facts_of
from ..quantities import Number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BYTES = 16 * 2**20
"""Bytes of outputs and files that are read."""


class Earlier:
    """A script may repeat what another program measured: a table typed from measured numbers is honest."""

    def __init__(self, case: Case) -> None:
        self.case = case

    @cached_property
    def _facts(self) -> "tuple[NDArray[np.float64], NDArray[np.int64]]":
        import numpy as np

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
                found += [(fact.value, seq) for fact in facts_of(name, text)[0]]
        return np.abs(np.array([v for v, _ in found], dtype=np.float64)), np.array([s for _, s in found], dtype=np.int64)

    def measured(self, number: Number, seq: int) -> bool:
        """Whether a program put `number` out before event `seq`, and nobody had typed it until then."""
        import numpy as np

        values, seqs = self._facts
        wanted = abs(number.value)
        slack = number.ulp * 0.5 * (1 + 1e-6) + 1e-12 * wanted
        near = np.zeros(len(values), dtype=bool)
        for scale in (1.0, 100.0):
            near |= np.abs(values * scale - wanted) <= slack
        for index in np.nonzero(near & (seqs < seq))[0][:50]:
            typed = self.case.writers.typed_before(number.value, int(seqs[index]), settings=True)
            if typed is None:
                return True
        return False
