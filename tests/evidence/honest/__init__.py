"""Honest studies of other styles than the data-flow tests, and honest twins of the evasion corpus's layouts; `python -m` runs them all."""

import random
from dataclasses import replace

from ..cores import HONEST, honest_core
from ..lab import Study
from ..styles import STYLES, build
from . import engineering, learning, simulation


def twins() -> list[Study]:
    """Each layout of the evasion corpus around hearts that really measure: the layout must not be what is found."""
    found = []
    for style in range(len(STYLES)):
        for turn in range(2):
            rng = random.Random(f"twin{style}{turn}")
            index = (style + 3 * turn) % len(HONEST)
            name = f"twin_{STYLES[style].__name__}_{turn}"
            found.append(Study(name, tuple(build(honest_core(index, rng), style, rng).steps)))
    return found


def corpus() -> list[Study]:
    """All honest studies; each third one is held out."""
    listed = [*engineering.studies(), *simulation.studies(), *learning.studies(), *twins()]
    return [replace(study, held_out=index % 3 == 2) for index, study in enumerate(listed)]
