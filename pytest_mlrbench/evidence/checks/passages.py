"""Each document with its sentences, its tables and the names that both use: read once for prose, arithmetic and degenerate."""

from typing import NamedTuple

from .case import Case
from .documents import Document
from .grid import Grid, data_grids, grids_of, oriented
from .mentions import Lexicon
from .sentences import Sentence, sentences_of


class Passage(NamedTuple):
    """One document."""

    document: Document
    sentences: list[Sentence]
    grids: list[Grid]
    """Its tables as they are written."""
    tables: list[Grid]
    """What its sentences can speak of, methods in rows: its own tables, those of other documents, or else data of the run."""
    lexicon: Lexicon


def passages_of(case: Case) -> list[Passage]:
    """All documents of a case."""
    written = {document.name: grids_of(document) for document in case.documents}
    turned = {name: [oriented(grid) for grid in grids] for name, grids in written.items()}
    data = [] if any(written.values()) else [oriented(grid) for grid in data_grids(case)]
    found = []
    for document in case.documents:
        tables = [
            *turned[document.name],
            *(grid for name, grids in turned.items() if name != document.name for grid in grids),
            *data,
        ]
        found.append(Passage(document, sentences_of(document), written[document.name], tables, Lexicon(tables, title_of(document))))
    return found


def title_of(document: Document) -> str:
    """The first heading, or the first line."""
    for line in document.lines[:30]:
        if line.startswith("# ") or line.lower().startswith("title:"):
            return line
    return next((line for line in document.lines[:5] if line.strip()), "")
