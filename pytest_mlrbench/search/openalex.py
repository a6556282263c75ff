"""OpenAlex through pyalex: queries, and its works as ours; base.py opens it."""

import os
import re
from typing import Any
from urllib.parse import urlsplit

from ..errors import InfrastructureError
from .polite import Pace, PoliteSession
from .works import ADDRESS, ARXIV, Work, arxiv_id, cleaned, doi_id, ordered

NAME = "openalex"
URL = "https://api.openalex.org"
URL_VARIABLE = "MLRBENCH_OPENALEX_URL"
"""Environment variable with another place that serves the OpenAlex API, for instance a mirror."""
KEY_VARIABLE = "OPENALEX_API_KEY"
"""Environment variable with an API key: free, and needed since February 2026 for more than a few dozen searches a day."""
MAIL_VARIABLE = "OPENALEX_MAILTO"
"""Environment variable with an address under which OpenAlex may reach who searches."""
PACE = Pace(interval=0.2)
_KEY_HINT = f"set {KEY_VARIABLE} (a free key from openalex.org/settings/api)"
HINTS = {
    401: _KEY_HINT,
    403: _KEY_HINT,
    409: f"the day's allowance may be spent: {_KEY_HINT}",
    429: f"the day's allowance may be spent: {_KEY_HINT}, or go on tomorrow with the same --mlr-run=",
}
FIELDS = (
    "id", "doi", "title", "publication_year", "authorships", "abstract_inverted_index", "primary_location", "best_oa_location",
    "cited_by_count", "relevance_score", "type",
)  # fmt: skip


class OpenAlex:
    """One place that serves the OpenAlex API."""

    name = NAME

    def __init__(self, url: str, pace: Pace | None = None) -> None:
        self.url = url.rstrip("/")
        self._session = PoliteSession(NAME, pace or PACE, HINTS)

    def query(self, all_of: tuple[str, ...], any_of: tuple[str, ...]) -> str:
        """The search expression: phrases in quotes, since words side by side would all have to stand in a work."""
        either = " OR ".join(f'"{term}"' for term in any_of)
        both = [f'"{term}"' for term in all_of]
        return " AND ".join([*both, f"({either})"]) if both else either

    def ask(self, query: str, since: int, limit: int) -> tuple[str, Any, list[Work]]:
        """Address, raw answer (JSON) and works of one search from the year `since` on, best first.

        Raises InfrastructureError when OpenAlex cannot be reached, refuses, or answers something else.
        """
        works = _works(self.url, self._session)
        works = works.search(query).filter(from_publication_date=f"{since}-01-01", is_retracted=False)
        answer, found = self._ask(works, limit)
        return str(answer.url), answer.json(), found

    def by_id(self, ids: list[str]) -> list[Work]:
        """The works with these DOIs or OpenAlex ids (as `Work.ids` has them), those that OpenAlex has; retracted ones too.

        Raises InfrastructureError as `ask` does.
        """
        found: list[Work] = []
        dois = [one.removeprefix("doi:") for one in ids if one.startswith("doi:") and "|" not in one and "," not in one]
        own = [one.rpartition("/")[2] for one in ids if one.startswith("https://openalex.org/")]
        for name, values in (("doi", dois), ("openalex", own)):
            if values:
                found += self._ask(_works(self.url, self._session).filter(**{name: "|".join(values)}), len(values))[1]
        return found

    def by_title(self, title: str) -> list[Work]:
        """Works with these words in the title, best first. Raises InfrastructureError as `ask` does."""
        words = " ".join(re.findall(r"[^\W_]+", title))
        return self._ask(_works(self.url, self._session).search_filter(title=words), 5)[1] if words else []

    def _ask(self, works: Any, limit: int) -> tuple[Any, list[Work]]:
        try:
            found = works.select(list(FIELDS)).get(per_page=limit)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InfrastructureError(
                f"{self.url} did not answer as OpenAlex does ({type(error).__name__}: {error}): is {URL_VARIABLE} right?"
            ) from error
        answer = self._session.answer
        assert answer is not None
        read = [_work(entry) for entry in found]
        return answer, [work for work in read if work is not None]


def address() -> str:
    """Where OpenAlex is asked."""
    return os.environ.get(URL_VARIABLE) or URL


def _works(url: str, session: PoliteSession) -> Any:
    """pyalex's query builder on our address and session.

    pyalex 0.21 writes api.openalex.org into every address, whatever its `openalex_url` says, and makes a session without time-outs
    for each request; the one method that sends is replaced for both. Its identification stays: it takes key and mail address
    from its global settings and puts them into headers, so neither can get into a stored address.
    """
    import pyalex  # type: ignore[import-untyped]

    pyalex.config.api_key = os.environ.get(KEY_VARIABLE) or None
    pyalex.config.email = os.environ.get(MAIL_VARIABLE) or None
    pyalex.config.user_agent = "pytest-mlrbench"

    class Works(pyalex.Works):  # type: ignore[misc]  # pyalex makes the path from the class's name
        def _get_from_url(self, address: str, _: object = None) -> Any:
            parts = urlsplit(address)
            return super()._get_from_url(f"{url}{parts.path}?{parts.query}", session)

    return Works()


def _work(entry: Any) -> Work | None:
    """One of OpenAlex's works; None without a title, which nobody could cite."""
    title = cleaned(_text(entry.get("title")))
    own = re.search(r"W\d+$", _text(entry.get("id")))
    if not title or own is None:
        return None
    ids = [f"https://openalex.org/{own[0]}"]
    if doi := _text(entry.get("doi")):
        ids.append(doi_id(doi))
    places = [place for name in ("primary_location", "best_oa_location") if isinstance(place := entry.get(name), dict)]
    addresses = " ".join(_text(place.get(name)) for place in places for name in ("landing_page_url", "pdf_url"))
    ids += [arxiv_id(match[1]) for found in ADDRESS.findall(addresses) if (match := ARXIV.search(found))]
    authors = [(authorship.get("author") or {}).get("display_name") for authorship in entry.get("authorships") or []]
    year = entry.get("publication_year")
    return Work(
        ids=ordered(ids),
        title=title,
        authors=tuple(name for author in authors if (name := cleaned(_text(author)))),
        year=year if isinstance(year, int) else None,
        venue=cleaned(next((_text((place.get("source") or {}).get("display_name")) for place in places), "")),
        abstract=cleaned(entry["abstract"] if entry.get("abstract_inverted_index") else ""),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
