"""Literature search in public indexes, every answer kept; the literature stage of `mlr-agent` calls `open_search`."""

from .base import SINCE, Found, Search, cache_directory, open_search
from .pace import Pace
from .trace import retrieved
from .works import Work, identifiers, listing

SOURCES = ("openalex", "arxiv")
"""Names that `open_search` knows; any other value of --mlr-search is `none` or a model that searches by itself."""

__all__ = [
    "SINCE",
    "SOURCES",
    "Found",
    "Pace",
    "Search",
    "Work",
    "cache_directory",
    "identifiers",
    "listing",
    "open_search",
    "retrieved",
]
