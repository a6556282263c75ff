"""Whether a work exists: by arXiv id, DOI, OpenAlex id or title, in arXiv, OpenAlex and Crossref, answers kept on disk.

The `citations` check asks, from any number of processes at once: a lock file for each source keeps its pace for all of them.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import InfrastructureError
from ..results.store import write_atomic
from . import arxiv, crossref, openalex
from .base import FRESH_DAYS, cache_directory
from .pace import Pace
from .works import Work

FORMAT = 1
"""Of the cache's files."""
BATCH = 40
"""Identifiers that one request asks for."""
TRIES = 2
"""A look-up is no part of the work: it gives up sooner than a search."""


class Lookup:
    """The sources that may be asked. Not to be shared between threads.

    Where any address is set by its environment variable, only the sources with one are asked: who names mirrors has no way, or no
    wish, to reach the rest.
    """

    def __init__(self, cache: Path | None = None, pace: Pace | None = None, seconds: float = 600.0) -> None:
        """`seconds`: after so long no further request is made."""
        self._until = time.monotonic() + seconds
        self._cache = (cache or cache_directory()) / "lookup"
        named = {one.NAME: one for one in (arxiv, openalex, crossref) if os.environ.get(one.URL_VARIABLE)}
        self.sources: tuple[str, ...] = tuple(named) or (arxiv.NAME, openalex.NAME, crossref.NAME)
        self._arxiv = arxiv.Arxiv(arxiv.address(), pace or _hasty(arxiv.PACE))
        self._openalex = openalex.OpenAlex(openalex.address(), pace or _hasty(openalex.PACE))
        self._crossref = crossref.Crossref(crossref.address(), pace or crossref.PACE)
        self._interval = {
            arxiv.NAME: (pace or arxiv.PACE).interval,
            openalex.NAME: (pace or openalex.PACE).interval,
            crossref.NAME: (pace or crossref.PACE).interval,
        }

    def by_ids(self, ids: Sequence[str]) -> dict[str, Work | None]:
        """Identifier (as `Work.ids` has it) -> its work, None where the sources that could know it have none.

        An identifier that no source could be asked for is left out. Raises InfrastructureError when a source does not answer.
        """
        found: dict[str, Work | None] = {}
        numbers = [one for one in ids if one.startswith("arXiv:")]
        if arxiv.NAME in self.sources:
            found |= self._batched(arxiv.NAME, numbers, lambda part: self._arxiv.by_id([one[6:] for one in part]))
        others = [one for one in ids if not one.startswith("arXiv:")]
        if openalex.NAME in self.sources:
            found |= self._batched(openalex.NAME, others, self._openalex.by_id)
        if crossref.NAME in self.sources:
            for one in others:
                if one.startswith("doi:") and found.get(one) is None:
                    works = self._kept(crossref.NAME, one, partial(self._by_doi, one))
                    found[one] = works[0] if works else None
        return found

    def by_title(self, title: str) -> list[Work]:
        """Works with a title like this one, from every source that searches titles, each source's best first.

        Raises InfrastructureError when a source does not answer.
        """
        found: list[Work] = []
        if openalex.NAME in self.sources:
            found += self._kept(openalex.NAME, f"title:{title}", lambda: self._openalex.by_title(title))
        if crossref.NAME in self.sources and not found:
            found += self._kept(crossref.NAME, f"title:{title}", lambda: self._crossref.by_title(title))
        return found

    def _by_doi(self, identifier: str) -> list[Work]:
        return _some(self._crossref.by_doi(identifier.removeprefix("doi:")))

    def _batched(self, source: str, ids: list[str], ask: Callable[[list[str]], list[Work]]) -> dict[str, Work | None]:
        """Each identifier's work, the ones that are not in the cache asked for together."""
        found: dict[str, Work | None] = {}
        wanted = []
        for one in ids:
            kept = self._read(source, one)
            if kept is None:
                wanted.append(one)
            else:
                found[one] = kept[0] if kept else None
        for start in range(0, len(wanted), BATCH):
            part = wanted[start : start + BATCH]
            with self._turn(source):
                works = ask(part)
            by_id = {one.lower(): work for work in works for one in work.ids}
            for one in part:
                found[one] = by_id.get(one.lower())
                self._write(source, one, _some(found[one]))
        return found

    def _kept(self, source: str, key: str, ask: Callable[[], list[Work]]) -> list[Work]:
        kept = self._read(source, key)
        if kept is None:
            with self._turn(source):
                kept = ask()
            self._write(source, key, kept)
        return kept

    @contextlib.contextmanager
    def _turn(self, source: str) -> Iterator[None]:
        """One process at a time, and none sooner than the source's interval after the one before."""
        import fcntl

        self._cache.mkdir(parents=True, exist_ok=True)
        with (self._cache / f"{source}.lock").open("a") as lock:
            while True:
                if time.monotonic() > self._until:
                    raise InfrastructureError("looking references up took too long")
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    time.sleep(0.05)
            since = time.time() - os.fstat(lock.fileno()).st_mtime
            if 0 <= since < self._interval[source]:
                time.sleep(self._interval[source] - since)
            try:
                yield
            finally:
                os.utime(lock.fileno())

    def _path(self, source: str, key: str) -> Path:
        url = {arxiv.NAME: self._arxiv.url, openalex.NAME: self._openalex.url, crossref.NAME: self._crossref.url}[source]
        return self._cache / f"{hashlib.sha256(json.dumps([FORMAT, source, url, key]).encode()).hexdigest()}.json"

    def _read(self, source: str, key: str) -> list[Work] | None:
        """What was answered before; None when nothing was, it is older than FRESH_DAYS, or it is damaged."""
        try:
            content: Any = json.loads(self._path(source, key).read_bytes())
            if content["key"] != key or (datetime.now(UTC) - datetime.fromisoformat(content["asked"])).days >= FRESH_DAYS:
                return None
            return [Work.from_plain(plain) for plain in content["works"]]
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def _write(self, source: str, key: str, works: list[Work]) -> None:
        asked = datetime.now(UTC).isoformat(timespec="seconds")
        plain = [{**work.plain(), "abstract": ""} for work in works]
        content = json.dumps({"key": key, "asked": asked, "works": plain}, ensure_ascii=False).encode("utf-8", "replace")
        with contextlib.suppress(OSError):  # a cache that cannot be written costs a request next time, nothing else
            write_atomic(self._path(source, key), content)


def _some(work: Work | None) -> list[Work]:
    return [work] if work is not None else []


def _hasty(pace: Pace) -> Pace:
    return Pace(interval=pace.interval, backoff=pace.backoff, tries=TRIES, connect=5.0, read=10.0)


def why(error: InfrastructureError) -> str:
    """The reason of an error, without the remedies that are of use to a search only."""
    return str(error).partition("; ")[0]
