"""Crossref: one work by its DOI, and works by title; lookup.py asks it. Two plain requests: no kept client takes our session."""

import os
from typing import Any
from urllib.parse import quote

from ..errors import InfrastructureError
from .polite import Pace, PoliteSession
from .works import Work, cleaned, doi_id

NAME = "crossref"
URL = "https://api.crossref.org"
URL_VARIABLE = "MLRBENCH_CROSSREF_URL"
"""Environment variable with another place that serves the Crossref REST API."""
MAIL_VARIABLE = "CROSSREF_MAILTO"
"""Environment variable with an address under which Crossref may reach you; it answers such requests from a faster pool."""
PACE = Pace(interval=0.3, tries=2, connect=5.0, read=10.0)
FOUND = 5
"""Works that a search by title asks for."""


class Crossref:
    """One place that serves the Crossref REST API."""

    name = NAME

    def __init__(self, url: str, pace: Pace | None = None) -> None:
        self.url = url.rstrip("/")
        self._session = PoliteSession(NAME, pace or PACE, {})
        self._session.headers["User-Agent"] = "pytest-mlrbench"

    def by_doi(self, doi: str) -> Work | None:
        """The work with this DOI; None when Crossref has none. Raises InfrastructureError as a search does."""
        found = self._get("works", {"filter": f"doi:{doi}", "rows": "1"})
        return next((work for work in found if doi_id(doi) in work.ids), None)

    def by_title(self, title: str) -> list[Work]:
        """Works whose titles are like this one, best first. Raises InfrastructureError as a search does."""
        return self._get("works", {"query.bibliographic": title, "rows": str(FOUND)})

    def _get(self, path: str, parameters: dict[str, str]) -> list[Work]:
        if mail := os.environ.get(MAIL_VARIABLE):
            parameters = {**parameters, "mailto": mail}
        response = self._session.get(f"{self.url}/{quote(path)}", params=parameters)
        try:
            items = response.json()["message"]["items"]
            return [work for item in items if (work := _work(item)) is not None]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InfrastructureError(
                f"{self.url} did not answer as Crossref does ({type(error).__name__}): is {URL_VARIABLE} right?"
            ) from error


def address() -> str:
    """Where Crossref is asked."""
    return os.environ.get(URL_VARIABLE) or URL


def _work(item: dict[str, Any]) -> Work | None:
    titles = item.get("title") or []
    if not titles or not item.get("DOI"):
        return None
    dates = ((item.get("issued") or {}).get("date-parts") or [[None]])[0]
    authors = [f"{one.get('given', '')} {one.get('family', one.get('name', ''))}".strip() for one in item.get("author") or []]
    return Work(
        ids=(doi_id(str(item["DOI"])),),
        title=cleaned(str(titles[0])),
        authors=tuple(name for author in authors if (name := cleaned(author))),
        year=dates[0] if dates and isinstance(dates[0], int) else None,
        venue=cleaned(str((item.get("container-title") or [""])[0])),
    )
