"""Works that a search returned: their identifiers, putting answers together, ranking, and how a prompt lists them."""

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ..patterns import lazy
from ..stages.outputs import clean
from .terms import Terms

ABSTRACT = 1_500
"""Characters of an abstract that a prompt shows."""
AUTHORS = 10
"""Authors that a prompt names."""
ARXIV = lazy(r"(?:arxiv(?:\.org/(?:abs|pdf|html)/|\s*[:.]\s*|\s+))(\d{4}\.\d{4,5})(?:v\d+)?(?!\d)", re.IGNORECASE)
"""An arXiv id with its name, also inside arXiv's own DOIs (10.48550/arXiv.2401.01234)."""
OPENALEX = lazy(r"openalex\.org/(?:works/)?(W\d+)", re.IGNORECASE)
DOI = lazy(r"(?:doi\.org/|\bdoi\s*:\s*)(10\.\d{4,9}(?:\.\d+)*/[^\s\"'<>\]]+)", re.IGNORECASE)
ADDRESS = lazy(r"https?://[^\s)\]>\"']+", re.IGNORECASE)
_TAG = lazy(r"</?[A-Za-z][^<>]{0,80}>")
"""Indexes keep `<i>`, `<jats:p>` and the like in titles and abstracts; without tags nothing can close a section of a prompt."""
_SMOOTHING = 60
"""Of reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009)."""


@dataclass(frozen=True)
class Work:
    """One work as an index describes it; texts are cleaned, not judged."""

    ids: tuple[str, ...]
    """Machine-readable, the first is the one that prompts show: `arXiv:2401.01234`, `doi:10.1/x`, `https://openalex.org/W1`."""
    title: str
    authors: tuple[str, ...] = ()
    year: int | None = None
    venue: str = ""
    abstract: str = ""
    found_in: tuple[str, ...] = field(default=(), compare=False)
    """Files with the raw answers in which it stands."""

    @property
    def id(self) -> str:
        return self.ids[0]

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> "Work":
        """Inverse of `plain`. Raises TypeError or KeyError for anything else."""
        lists = {name: tuple(data[name]) for name in ("ids", "authors", "found_in")}
        if not lists["ids"]:
            raise TypeError("a work without an identifier")
        return cls(**{**data, **lists})


def arxiv_id(number: str) -> str:
    """`arXiv:2401.01234` for `2401.01234v2`."""
    return f"arXiv:{re.sub(r'v[0-9]+$', '', number)}"


def doi_id(doi: str) -> str:
    """`doi:10.1/x` for any spelling; arXiv's own DOIs become arXiv ids. DOIs do not mind case."""
    bare = re.sub(r"^(https?://(dx\.)?doi\.org/|doi:\s*)", "", doi.strip(), flags=re.IGNORECASE).rstrip(".,;:*_)").lower()
    match = re.fullmatch(r"10\.48550/arxiv\.(\d{4}\.\d{4,5})(v\d+)?", bare)
    return f"arXiv:{match[1]}" if match else f"doi:{bare}"


def identifiers(text: str, *, addresses: bool = False) -> tuple[str, ...]:
    """Every identifier that stands in `text`, each once in the form of `Work.ids`: arXiv ids, DOIs, OpenAlex works.

    `addresses`: web addresses that are none of these too, as search models cite them.
    """
    found: list[tuple[int, str]] = []
    found += [(match.start(1), arxiv_id(match[1])) for match in ARXIV.finditer(text)]
    found += [(match.start(1), doi_id(match[1])) for match in DOI.finditer(text)]
    found += [(match.start(1), f"https://openalex.org/{match[1].upper()}") for match in OPENALEX.finditer(text)]
    if addresses:
        others = (match for match in ADDRESS.finditer(text) if not any(p.search(match[0]) for p in (ARXIV, DOI, OPENALEX)))
        found += [(match.start(), match[0].rstrip(".,;:*_")) for match in others]
    return tuple(dict.fromkeys(identifier for _, identifier in sorted(found)))


def cleaned(text: str | None) -> str:
    """`text` on one line, without markup, entities and hidden characters."""
    return " ".join(clean(_TAG.sub("", html.unescape(text or ""))).split())


def merge(answers: Iterable[Sequence[Work]]) -> tuple[list[Work], dict[str, float]]:
    """Works of several answers, those with an identifier or a title in common as one, in the order in which they first stand; and
    `Work.id` -> its reciprocal rank summed over the answers.

    A preprint and its publication often share nothing but the title.
    """
    kept: list[Work] = []
    score: list[float] = []
    place: dict[str, int] = {}
    for answer in answers:
        for rank, work in enumerate(answer, 1):
            names = [*work.ids, _title_key(work.title)]
            known = next((place[name] for name in names if name in place), None)
            if known is None:
                known = len(kept)
                kept.append(work)
                score.append(0.0)
            else:
                kept[known] = _joined(kept[known], work)
            score[known] += 1 / (_SMOOTHING + rank)
            place.update(dict.fromkeys([*names, *kept[known].ids], known))
    return kept, {work.id: value for work, value in zip(kept, score, strict=True)}


def rank(answers: Iterable[Sequence[Work]], terms: Terms, limit: int) -> list[Work]:
    """The `limit` works nearest to `terms`, best first; those in which no term stands at all are left out.

    An index ranks by citations and full texts too, so what the title and the abstract say comes first: the weights of the terms
    that stand there. Its own ranking decides among equals.
    """
    works, fused = merge(answers)
    near = {work.id: _nearness(work, terms) for work in works}
    return sorted((work for work in works if near[work.id] > 0), key=lambda work: (-near[work.id], -fused[work.id]))[:limit]


def listing(works: Sequence[Work]) -> str:
    """`works` for the literature prompt."""
    return "\n\n".join(_entry(number, work) for number, work in enumerate(works, 1))


def _entry(number: int, work: Work) -> str:
    named = ", ".join(work.authors[:AUTHORS]) + (" et al." if len(work.authors) > AUTHORS else "")
    lines = [
        f"{number}. **{work.title}** ({work.id})",
        f"   Authors: {named or 'not given'}",
        f"   Year: {work.year or 'not given'}" + (f"; published in: {work.venue}" if work.venue else ""),
        f"   Abstract: {_shortened(work.abstract) or 'not given'}",
    ]
    return "\n".join(lines)


def _shortened(text: str) -> str:
    return text if len(text) <= ABSTRACT else text[:ABSTRACT].rsplit(" ", 1)[0] + " ..."


def _title_key(title: str) -> str:
    return "title:" + "".join(character for character in title.casefold() if character.isalnum())


def _joined(first: Work, second: Work) -> Work:
    """One work of two records: all identifiers in the order of their kinds, and what the first lacks from the second."""
    return Work(
        ids=ordered([*first.ids, *second.ids]),
        title=first.title,
        authors=first.authors or second.authors,
        year=first.year or second.year,
        venue=first.venue or second.venue,
        abstract=first.abstract or second.abstract,
        found_in=tuple(dict.fromkeys([*first.found_in, *second.found_in])),
    )


def ordered(ids: Iterable[str]) -> tuple[str, ...]:
    """Each id once: arXiv ids first, which readers can open and checks can date, then DOIs, then the index's own."""
    kinds = ("arXiv:", "doi:", "https://")
    return tuple(sorted(dict.fromkeys(ids), key=lambda one: next(i for i, kind in enumerate(kinds) if one.startswith(kind))))


def _nearness(work: Work, terms: Terms) -> float:
    title, text = _stems(work.title), _stems(f"{work.title} {work.abstract}")
    total = 0.0
    for term, weight in zip(terms.main, terms.weights, strict=True):
        wanted = _stems(term)
        total += weight * ((wanted <= title) + len(wanted & text) / len(wanted))
    if not total:
        total = 0.1 * len(_stems(" ".join(terms.title_words)) & text)
    return round(total, 6)


def _stems(text: str) -> frozenset[str]:
    """Words without a plural's ending, so that `networks` meets `network`."""
    words = re.findall(r"[a-z0-9]+", text.casefold())
    return frozenset(word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in words)
