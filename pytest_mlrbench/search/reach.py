"""Whether a literature source answers from here; the engine asks once, for a run whose user named none."""

import requests

from . import arxiv, openalex

PATIENCE = 4.0
"""Seconds to connect, and again to answer."""
ADDRESSES = {openalex.NAME: openalex.address, arxiv.NAME: arxiv.address}


def why_unreachable(name: str) -> str | None:
    """Why the source `name` does not answer, None when it does; any HTTP answer counts. Raises KeyError for an unknown name."""
    address = ADDRESSES[name]()
    try:
        requests.get(address, timeout=PATIENCE, headers={"User-Agent": "pytest-mlrbench"})
    except requests.RequestException as error:
        return f"{address} does not answer ({type(error).__name__})"
    return None
