"""A search as the literature stage sees it: queries asked narrow to wide, cached, ranked, and every raw answer kept."""

import hashlib
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from ..errors import ConfigError
from ..results.store import write_atomic
from .pace import Pace
from .terms import Terms, terms_of
from .trace import RETRIEVED
from .works import Work, merge, rank

SINCE = 2023
"""First year of publication that is searched."""
WANTED = 10
"""Works below which a wider query is asked in any case."""
KEPT = 25
"""Works that are kept at most; with fewer, wider queries are asked as long as there are any."""
ASKED = 50
"""Works that one query asks for: a page costs the same whatever it holds."""
FRESH_DAYS = 30
"""An answer in the cache that is older is asked for again: indexes grow."""
FORMAT = 1
"""Of the cache's files."""


class Source(Protocol):
    """An index of works."""

    name: str
    url: str

    def query(self, all_of: tuple[str, ...], any_of: tuple[str, ...]) -> str: ...

    def ask(self, query: str, since: int, limit: int) -> tuple[str, Any, list[Work]]: ...


@dataclass(frozen=True)
class Answer:
    """What one query brought."""

    query: str
    url: str
    """The address that was asked; it holds no key."""
    asked: str
    """UTC time of the request; older than the run's when it came from the cache."""
    cached: bool
    raw: Any
    """As it came: JSON of OpenAlex, the text of arXiv's Atom feed."""
    works: tuple[Work, ...]


@dataclass(frozen=True)
class Found:
    """What a search for an idea brought."""

    source: str
    since: int
    terms: Terms
    answers: tuple[Answer, ...]
    works: tuple[Work, ...]
    """Best first, KEPT at most, each once."""
    cache_problem: str = ""
    """Why answers could not be kept in the cache."""

    def files(self) -> dict[str, bytes]:
        """What is stored beside related_work.md: each raw answer, and `retrieved.json` that leads from an identifier to them."""
        contents = {
            f"{number}.json": {
                "source": self.source,
                "query": answer.query,
                "url": answer.url,
                "asked": answer.asked,
                "cached": answer.cached,
                "answer": answer.raw,
            }
            for number, answer in enumerate(self.answers, 1)
        }
        summary = {
            "source": self.source,
            "since": self.since,
            "title": self.terms.title,
            "terms": self.terms.main,
            "queries": [
                {"file": name, "query": content["query"], "returned": len(answer.works)}
                for (name, content), answer in zip(contents.items(), self.answers, strict=True)
            ],
            "cache_problem": self.cache_problem,
            "works": [work.plain() for work in self.works],
        }
        return {
            name: json.dumps(content, indent=1, ensure_ascii=False).encode("utf-8", "replace")
            for name, content in {**contents, RETRIEVED: summary}.items()
        }


class Search:
    """One source in this process. Its queries are asked one after the other in a thread of its own, so that a pace holds for all
    trials and no thread of the event loop's pool waits for it."""

    def __init__(self, source: Source, cache: Path) -> None:
        self.source = source
        self.cache = cache / "search" / source.name
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"mlr-{source.name}")

    def submit(self, idea: str, since: int = SINCE) -> "Future[Found]":
        """`find`, in the search's own thread."""
        return self._thread.submit(self.find, idea, since)

    def find(self, idea: str, since: int = SINCE) -> Found:
        """Works for an idea in Markdown, published in `since` or later.

        An idea without a word to search for finds nothing. Raises InfrastructureError when the source cannot be reached or refuses.
        """
        terms = terms_of(idea)
        answers: list[Answer] = []
        problem = ""
        for number, (all_of, any_of) in enumerate(terms.queries):
            if number and len(merge(answer.works for answer in answers)[0]) >= (KEPT if number == 1 else WANTED):
                break
            answer, trouble = self._answer(self.source.query(all_of, any_of), since)
            answers.append(answer)
            problem = problem or trouble
        named = [
            [Work(**{**vars(work), "found_in": (f"{number}.json",)}) for work in answer.works]
            for number, answer in enumerate(answers, 1)
        ]
        return Found(self.source.name, since, terms, tuple(answers), tuple(rank(named, terms, KEPT)), problem)

    def _answer(self, query: str, since: int) -> tuple[Answer, str]:
        """The answer to one query, and why it could not be kept."""
        key = [FORMAT, self.source.name, self.source.url, query, since, ASKED]
        path = self.cache / f"{hashlib.sha256(json.dumps(key).encode()).hexdigest()}.json"
        kept = _read(path, query)
        if kept is not None:
            return kept, ""
        asked = datetime.now(UTC).isoformat(timespec="seconds")
        url, raw, works = self.source.ask(query, since, ASKED)
        answer = Answer(query, url, asked, False, raw, tuple(works))
        content = {"query": query, "url": url, "asked": asked, "raw": raw, "works": [work.plain() for work in works]}
        try:
            write_atomic(path, json.dumps(content, ensure_ascii=False).encode("utf-8", "replace"))
        except OSError as error:
            return answer, f"{path.parent} cannot be written ({error.strerror}); set XDG_CACHE_HOME"
        return answer, ""


def _read(path: Path, query: str) -> Answer | None:
    """A kept answer; None when there is none, it is older than FRESH_DAYS, or it is damaged and has to be replaced."""
    try:
        content = json.loads(path.read_bytes())
        age = datetime.now(UTC) - datetime.fromisoformat(content["asked"])
        works = tuple(Work.from_plain(work) for work in content["works"])
        if age.days >= FRESH_DAYS or content["query"] != query:
            return None
        return Answer(query, content["url"], content["asked"], True, content["raw"], works)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def cache_directory() -> Path:
    """Where answers are kept: `pytest-mlrbench` below XDG_CACHE_HOME, or the platform's cache folder."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    if Path(named).is_absolute():
        return Path(named) / "pytest-mlrbench"
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "pytest-mlrbench"


def open_search(name: str, cache_dir: Path, pace: Pace | None = None) -> Search:
    """The search called `name` (openalex, arxiv), one for a process, address and cache folder: all who search share its pace.

    Raises ConfigError for another name.
    """
    from . import arxiv, openalex

    known: dict[str, tuple[Callable[[], str], Callable[[str, Pace | None], Source]]] = {
        openalex.NAME: (openalex.address, openalex.OpenAlex),
        arxiv.NAME: (arxiv.address, arxiv.Arxiv),
    }
    if name not in known:
        raise ConfigError(f"--mlr-search={name}: unknown source; valid: {', '.join(known)}, none, or a model that searches")
    address, make = known[name]
    return _opened(make, address(), cache_dir, pace)


@lru_cache(maxsize=16)
def _opened(make: Callable[[str, Pace | None], Source], url: str, cache_dir: Path, pace: Pace | None) -> Search:
    return Search(make(url, pace), cache_dir)
