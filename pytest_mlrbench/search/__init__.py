"""Literature search in public indexes, every answer kept; the literature stage of `mlr-agent` calls `base.open_search`."""

SOURCES = ("openalex", "arxiv")
"""Names that `base.open_search` knows; any other value of --mlr-search is `none` or a model that searches by itself."""
