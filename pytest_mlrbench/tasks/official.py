"""The published task texts for `--mlr-tasks=DIR`, fetched and checked; `mlrbench tasks fetch` and `tasks verify` call it."""

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from ..errors import ConfigError
from .catalogue import Task, load_tasks

if TYPE_CHECKING:
    from urllib3 import PoolManager

COMMIT = "806a203"
"""The published repository's state whose digests the catalogue records."""
LOCATION = f"https://raw.githubusercontent.com/chchenhui/mlrbench/{COMMIT}/tasks"
LOCATION_VARIABLE = "MLRBENCH_TASKS_URL"
"""Environment variable with another place that serves `<id>.md`, for instance a mirror."""

AT_ONCE = 8
CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
"""Longest silence of the server; the texts are a few kilobytes."""
LONGEST_WAIT = 30
"""Seconds between two tries, even if the server asks for more: somebody sits before the command."""


@dataclass(frozen=True)
class Fetched:
    """What became of one task's text."""

    task: str
    status: Literal["fetched", "kept", "failed"]
    """`kept`: the right text was there already and nothing was asked for."""
    message: str = ""
    """Why it failed, and what to do."""


@dataclass(frozen=True)
class Verification:
    """How a folder of texts compares with the recorded digests; ids in catalogue order."""

    directory: Path
    ok: tuple[str, ...]
    changed: tuple[str, ...]
    line_endings: tuple[str, ...]
    """Those of `changed` that differ in line endings only, as a checkout on Windows makes them."""
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    """File names `*.md` that are no task."""

    @property
    def complete(self) -> bool:
        """Every task is there as published."""
        return not self.changed and not self.missing


def cache_directory() -> Path:
    """Where `tasks fetch` puts the texts when no folder is named: below XDG_CACHE_HOME, or the platform's cache folder."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    if Path(named).is_absolute():  # the XDG specification wants relative values ignored
        base = Path(named)
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path.home() / ".cache"
    return base / "pytest-mlrbench" / f"tasks-{COMMIT}"


def fetch(
    destination: Path,
    *,
    base: str | None = None,
    tasks: Iterable[str] | None = None,
    progress: Callable[[Fetched], None] | None = None,
    retries: int = 3,
    backoff: float = 0.5,
) -> list[Fetched]:
    """Bring the published texts of `tasks` (default: all) into `destination`, eight at once; one result each, in the order asked.

    `base` is the URL below which `<id>.md` lies (default: $MLRBENCH_TASKS_URL, else LOCATION). A file with the recorded digest
    is kept, so a broken-off fetch goes on where it stopped; any other is replaced, and only by a text with the recorded digest.
    `progress` is told each result as it comes, in this thread. A request is repeated at most `retries` times, after connection
    faults, a body cut short and the answers 429, 500, 502, 503 and 504; it waits `backoff` * 2**k seconds, or what the server
    asks, and LONGEST_WAIT at most.

    What goes wrong with one text is in its result; when no connection comes about at all, the rest is not tried. Raises
    ConfigError for an id that is no task, for a base that is no http(s) URL and when `destination` cannot be written.
    """
    known = load_tasks()
    wanted = list(dict.fromkeys(tasks if tasks is not None else known))
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ConfigError(f"no such task: {', '.join(unknown)} (`mlrbench tasks list` names all {len(known)})")
    location = (base or os.environ.get(LOCATION_VARIABLE) or LOCATION).rstrip("/")
    if urlsplit(location).scheme not in ("http", "https") or not urlsplit(location).hostname:
        raise ConfigError(
            f"task texts cannot be fetched from {location!r}: expected an http or https URL ({LOCATION_VARIABLE} sets it)"
        )
    try:
        destination.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{destination} cannot hold the task texts: {error}") from error

    results: dict[str, Fetched] = {}
    unreachable = Event()
    http = _http(location, retries, backoff)
    try:
        with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="mlr-fetch") as pool:
            waiting = [
                pool.submit(_fetch_one, http, location, known[name], destination / f"{name}.md", unreachable) for name in wanted
            ]
            try:
                for future in as_completed(waiting):
                    result = future.result()
                    results[result.task] = result
                    if progress is not None:
                        progress(result)
            except BaseException:
                # A full disk or Ctrl-C: what has not started would only delay the message.
                for future in waiting:
                    future.cancel()
                raise
    except OSError as error:
        raise ConfigError(
            f"{destination} cannot hold the task texts: {error}; free the disk or name another folder, then run again"
        ) from error
    finally:
        http.clear()
    return [results[name] for name in wanted]


def verify(directory: Path) -> Verification:
    """Compare each task's `<id>.md` in `directory` with the digest of the published text.

    Raises ConfigError when `directory` is no folder or a file in it cannot be read.
    """
    if not directory.is_dir():
        raise ConfigError(f"{directory} is no folder: expected one with <id>.md for each task (`mlrbench tasks fetch` makes it)")
    known = load_tasks()
    ok, changed, line_endings, missing = [], [], [], []
    for task in known.values():
        path = directory / f"{task.id}.md"
        if not path.is_file():
            missing.append(task.id)
            continue
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error}") from error
        if _digest(content) == task.sha256:
            ok.append(task.id)
            continue
        changed.append(task.id)
        if _digest(content.replace(b"\r\n", b"\n")) == task.sha256:
            line_endings.append(task.id)
    unknown = sorted(path.name for path in directory.glob("*.md") if path.stem not in known)
    return Verification(directory, tuple(ok), tuple(changed), tuple(line_endings), tuple(missing), tuple(unknown))


def _http(location: str, retries: int, backoff: float) -> "PoolManager":
    """urllib3 rather than httpx or requests: its Retry also covers a body cut short, which theirs leave to the caller."""
    from urllib.request import getproxies, proxy_bypass

    import urllib3

    parts = urlsplit(location)
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    again = urllib3.Retry(
        total=retries,
        redirect=5,
        backoff_factor=backoff,
        backoff_max=LONGEST_WAIT,
        retry_after_max=LONGEST_WAIT,
        status_forcelist=(429, 500, 502, 503, 504),
        raise_on_status=False,
    )
    headers = {"User-Agent": "pytest-mlrbench"}
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(parts.hostname or ""):
        return urllib3.ProxyManager(proxy, maxsize=AT_ONCE, timeout=timeout, retries=again, headers=headers)
    return urllib3.PoolManager(maxsize=AT_ONCE, timeout=timeout, retries=again, headers=headers)


def _fetch_one(http: "PoolManager", location: str, task: Task, path: Path, unreachable: Event) -> Fetched:
    """Raises OSError when `path` cannot be written; everything else that goes wrong is in the result.

    `unreachable` is set once no connection comes about: 201 texts that wait for four time-outs each take a quarter of an hour.
    """
    from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError, ProxyError, SSLError

    if path.is_file() and _digest(path.read_bytes()) == task.sha256:
        return Fetched(task.id, "kept")
    url = f"{location}/{task.id}.md"
    if unreachable.is_set():
        return Fetched(task.id, "failed", f"{url} was not asked for: no connection to {urlsplit(location).hostname} came about")
    try:
        response = http.request("GET", url)
    except HTTPError as error:
        if isinstance(error, MaxRetryError) and isinstance(
            error.reason, (NewConnectionError, ConnectTimeoutError, ProxyError, SSLError)
        ):
            unreachable.set()
        return Fetched(task.id, "failed", f"{url} did not come: {error}; run the same command again to go on with what is missing")
    if response.status != 200:
        return Fetched(
            task.id, "failed", f"{url} answered {response.status}, expected 200: is {location} the folder of the task texts?"
        )
    digest = _digest(response.data)
    if digest != task.sha256:
        return Fetched(
            task.id,
            "failed",
            f"{url} has sha256 {digest}, expected {task.sha256}: the place serves another version of the text; it was not kept",
        )
    _write_atomic(path, response.data)
    return Fetched(task.id, "fetched")


def _write_atomic(path: Path, content: bytes) -> None:
    """Under its name the file is whole or not there, so that `kept` can trust its digest and a reader never sees a part."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".fetching-")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
