"""The HTTP session under both client libraries: one request at a time, paced, with time-outs and bounded retries."""

import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from ..errors import InfrastructureError
from .pace import Pace

__all__ = ["Pace", "PoliteSession"]

SHOWN = 300
"""Characters of a refusal's body that the error repeats."""
DOWN_FOR = 60.0
"""Seconds during which a source that could not be reached is not tried again: a run on a machine without network would
otherwise wait for every time-out of every task."""
WITHOUT = "or run without a literature search: --mlr-search=none"


class _Patient(Retry):
    """urllib3 makes the second try at once; a paced source must not see that."""

    def __init__(self, *arguments: Any, least: float = 0.0, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.least = least

    def new(self, **named: Any) -> "_Patient":
        return super().new(least=self.least, **named)

    def get_backoff_time(self) -> float:
        return max(self.least, super().get_backoff_time())


class PoliteSession(requests.Session):
    """What pyalex and arxiv are given in place of their own sessions, which have no time-outs.

    Answers other than 200 and connections that do not come about are raised as InfrastructureError, so the libraries only see
    what they can read. Not to be shared between threads.
    """

    def __init__(self, source: str, pace: Pace, hints: dict[int, str]) -> None:
        """`hints`: status -> what to do about it."""
        super().__init__()
        self._source, self._pace, self._hints = source, pace, hints
        self._last = 0.0
        self._down: tuple[float, str] | None = None
        self.answer: requests.Response | None = None
        """The last answer of status 200."""
        retry = _Patient(
            total=pace.tries - 1,
            redirect=5,
            backoff_factor=pace.backoff,
            backoff_max=pace.longest,
            retry_after_max=int(pace.longest),
            status_forcelist=(429, 500, 502, 503, 504),
            raise_on_status=False,
            least=max(pace.interval, pace.backoff),
        )
        for scheme in ("https://", "http://"):
            self.mount(scheme, HTTPAdapter(max_retries=retry))

    def send(self, request: requests.PreparedRequest, **named: Any) -> requests.Response:
        """As requests does, and as the class says."""
        if self._down is not None and time.monotonic() - self._down[0] < DOWN_FOR:
            raise InfrastructureError(self._down[1])
        time.sleep(max(0.0, self._last + self._pace.interval - time.monotonic()))
        place = (request.url or "").partition("?")[0]
        try:
            response = super().send(request, **{**named, "timeout": (self._pace.connect, self._pace.read)})
        except requests.RequestException as error:
            unreached = isinstance(error, requests.ConnectionError | requests.Timeout)
            what = f"did not reach {place} in {self._pace.tries} tries" if unreached else f"got no whole answer from {place}"
            message = (
                f"the literature search ({self._source}) {what}: {_reason(error)}; check the network and HTTPS_PROXY, {WITHOUT}"
            )
            if unreached:
                self._down = (time.monotonic(), message)
            raise InfrastructureError(message) from error
        finally:
            self._last = time.monotonic()
        self._down = None
        if response.status_code == 200:
            self.answer = response
        elif not response.is_redirect:
            said = " ".join(response.text.split())[:SHOWN]
            hint = self._hints.get(response.status_code, "try again later")
            raise InfrastructureError(
                f"the literature search ({self._source}): {place} answered {response.status_code}, expected 200"
                f"{f' ({said})' if said else ''}; {hint}, {WITHOUT}"
            )
        return response


def _reason(error: requests.RequestException) -> str:
    """The innermost cause, without the object addresses that urllib3 puts around it."""
    cause: BaseException = error
    while (inner := getattr(cause, "reason", None) or cause.__cause__ or (cause.args[0] if cause.args else None)) is not None:
        if not isinstance(inner, BaseException):
            break
        cause = inner
    text = str(cause).rpartition(">: ")[2] or type(cause).__name__
    return " ".join(text.split())[:SHOWN]
