"""Which identifiers a finished literature stage was given by its search, read from its output; for checks of later stages."""

import json
from pathlib import Path

from ..stages.outputs import open_regular
from .works import identifiers

FOLDER = "search"
"""Below the stage's output."""
RETRIEVED = "retrieved.json"
READ_BY_MODEL = "model.json"
LIMIT = 16 * 2**20
"""Bytes: 25 works take some 60 kB. The folder may be any agent's."""


def retrieved(literature: Path) -> frozenset[str] | None:
    """Every identifier (in the form of `Work.ids`, addresses for a search model) that the search of the literature stage with the
    output folder `literature` returned; None where nothing reliable is recorded of it.

    An empty set says that a search was made and brought nothing.
    """
    found = _load(literature, RETRIEVED)
    if isinstance(found, dict) and isinstance(works := found.get("works"), list):
        ids = [work.get("ids") for work in works if isinstance(work, dict)]
        return frozenset(one for each in ids if isinstance(each, list) for one in each if isinstance(one, str))
    read = _load(literature, READ_BY_MODEL)
    if isinstance(read, dict) and read.get("annotations"):
        return frozenset(identifiers(json.dumps(read["annotations"], ensure_ascii=False), addresses=True))
    return None


def _load(literature: Path, name: str) -> object:
    """The JSON of a regular file, None for anything else."""
    try:
        with open_regular(literature, f"{FOLDER}/{name}") as stream:
            content = stream.read(LIMIT + 1)
        return None if len(content) > LIMIT else json.loads(content)
    except (OSError, ValueError, RecursionError):
        return None
