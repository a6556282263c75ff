"""arXiv through the arxiv package: queries, and its results as our works; base.py opens it."""

import os
from typing import Any

from ..errors import InfrastructureError
from .polite import Pace, PoliteSession
from .works import Work, arxiv_id, cleaned, doi_id, ordered

NAME = "arxiv"
URL = "https://export.arxiv.org/api/query"
URL_VARIABLE = "MLRBENCH_ARXIV_URL"
"""Environment variable with another place that serves arXiv's query API."""
PACE = Pace(interval=3.0, backoff=3.0)
HINTS = {400: "this is a fault of pytest-mlrbench's query", 403: "arXiv refuses this machine for now: try again later"}


class Arxiv:
    """One place that serves arXiv's query API."""

    name = NAME

    def __init__(self, url: str, pace: Pace | None = None) -> None:
        self.url = url.rstrip("?")
        self._session = PoliteSession(NAME, pace or PACE, HINTS)

    def query(self, all_of: tuple[str, ...], any_of: tuple[str, ...]) -> str:
        """The search expression over all fields."""
        either = " OR ".join(f'all:"{term}"' for term in any_of)
        return " AND ".join([*(f'all:"{term}"' for term in all_of), f"({either})"])

    def ask(self, query: str, since: int, limit: int) -> tuple[str, Any, list[Work]]:
        """Address, raw answer (Atom) and works of one search from the year `since` on, best first.

        Raises InfrastructureError when arXiv cannot be reached, refuses, or answers something else.
        """
        import arxiv  # type: ignore[import-untyped]

        search = arxiv.Search(f"({query}) AND submittedDate:[{since}01010000 TO 209912312359]", max_results=limit)
        answer, works = self._ask(search, limit, query)
        return str(answer.url), answer.text, works

    def by_id(self, numbers: list[str]) -> list[Work]:
        """The works with these ids (`2401.01234`), those that arXiv has. Raises InfrastructureError as `ask` does."""
        import arxiv

        return self._ask(arxiv.Search(id_list=numbers, max_results=len(numbers)), len(numbers), ", ".join(numbers))[1]

    def _ask(self, search: Any, limit: int, query: str) -> tuple[Any, list[Work]]:
        import arxiv

        # The package's own session has no time-outs, its retries do not spare a 400 and do not read Retry-After. It offers no way
        # to hand it another one, so its attribute is set; the pace and the retries are the session's.
        client = arxiv.Client(page_size=limit, delay_seconds=0.0, num_retries=0)
        client.query_url_format = self.url + "?{}"
        client._session = self._session
        try:
            results = list(client.results(search))
        except (arxiv.ArxivError, ValueError, TypeError) as error:
            raise InfrastructureError(
                f"{self.url} did not answer as arXiv does ({type(error).__name__}: {error}): is {URL_VARIABLE} right?"
            ) from error
        answer = self._session.answer
        assert answer is not None
        # The package reads whatever it can of anything, a page on maintenance too, as a feed without entries.
        if b"<feed" not in answer.content[:4096]:
            raise InfrastructureError(
                f"{self.url} answered something that is no Atom feed ({answer.headers.get('Content-Type', 'no type')}, "
                f"{len(answer.content):,} bytes): is {URL_VARIABLE} right, or is arXiv under maintenance?"
            )
        for result in results:
            if "/api/errors" in result.entry_id:
                raise InfrastructureError(f"{self.url} refused the query {query!r}: {cleaned(result.summary)}")
        return answer, [_work(result) for result in results]


def address() -> str:
    """Where arXiv is asked."""
    return os.environ.get(URL_VARIABLE) or URL


def _work(result: Any) -> Work:
    ids = [arxiv_id(result.get_short_id()), *([doi_id(result.doi)] if result.doi else [])]
    return Work(
        ids=ordered(ids),
        title=cleaned(result.title),
        authors=tuple(name for author in result.authors if (name := cleaned(author.name))),
        year=result.published.year,
        venue=cleaned(result.journal_ref),
        abstract=cleaned(result.summary),
    )
