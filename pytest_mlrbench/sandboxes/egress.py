"""Network `allowlist` on the host's side: which hosts, the proxy's process, its log as evidence. The runner opens it."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from ..errors import InfrastructureError
from .egress_rules import Entry
from .image import pip_settings

PORT = 3128
"""Of the proxy, on the loopback inside."""
LOG = "evidence/network.jsonl"
"""What was allowed and refused, relative to the trial's directory (lines as in egress_proxy)."""
CERTIFICATES = "ca.pem"
"""The host's own certificates beside the socket, where its configuration names some."""
_START_SECONDS = 30.0
_MOST_TOLD = 50
_CERTIFICATE_VARIABLES = (
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
)


@dataclass(frozen=True)
class Reach:
    """What this host's own configuration of pip and the hub names, and what the user added."""

    entries: tuple[Entry, ...]
    indexes: tuple[str, ...] = ()
    """Package indexes, with credentials where the configuration has them: never shown inside."""
    hub: str = ""
    """Address of the model hub, empty where none is known."""
    certificates: str = ""
    """Bundle that the configuration names, empty for the usual one."""

    def told(self) -> dict[str, list[str]]:
        """Source -> `host:ports`, as the run records it."""
        found: dict[str, list[str]] = {}
        for entry in self.entries:
            found.setdefault(entry.source, []).append(f"{entry.host}:{','.join(map(str, entry.ports))}")
        return found


def reach(extra: Iterable[str] = ()) -> Reach:
    """The hosts that `allowlist` lets through; `extra` as --mlr-allow-host takes them. Asks pip, which takes a second."""
    settings = pip_settings()
    indexes = [] if settings.get("no-index", "").lower() in ("true", "1", "yes") else _indexes(settings)
    hub = os.environ.get("HF_ENDPOINT") or _default_hub()
    found = [Entry.of_url(url, "pip") for url in indexes]
    found += [Entry.of_url(hub, "hub")] if hub else []
    entries = dict.fromkeys([*(entry for entry in found if entry is not None), *map(Entry.parse, extra)])
    bundles = (settings.get("cert"), os.environ.get("REQUESTS_CA_BUNDLE"), os.environ.get("SSL_CERT_FILE"))
    return Reach(tuple(entries), tuple(indexes), hub, next((path for path in bundles if path and Path(path).is_file()), ""))


def _indexes(settings: dict[str, str]) -> list[str]:
    urls = (settings.get("index-url") or _default_index()).split() + settings.get("extra-index-url", "").split()
    return [url for url in dict.fromkeys(urls) if url.startswith(("http://", "https://"))]


def _default_index() -> str:
    """The index that pip takes where nothing is configured, in its own words; empty where there is no pip."""
    command = [sys.executable, "-m", "pip", "download", "--help"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    match = re.search(r"--index-url\s.*?\(default\s+(\S+?)\)", said, re.DOTALL)
    return match[1] if match else ""


def _default_hub() -> str:
    """The hub that the Hugging Face client takes where nothing is configured; empty where it is not installed."""
    try:
        from huggingface_hub.constants import ENDPOINT
    except ImportError:
        return ""
    return str(ENDPOINT)


def variables(found: Reach, proxy: str, sockets: str) -> dict[str, str]:
    """Environment of the commands inside: the proxy at URL `proxy`, index and hub as here; `sockets` is where the folder lies."""
    indexes = [_without_credentials(url) for url in found.indexes]
    variables = {
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), proxy),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), "localhost,127.0.0.1,::1"),
        "NODE_USE_ENV_PROXY": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    if indexes:
        variables["PIP_INDEX_URL"] = indexes[0]
        if indexes[1:]:
            variables["PIP_EXTRA_INDEX_URL"] = " ".join(indexes[1:])
    if found.hub:
        variables["HF_ENDPOINT"] = found.hub
    if found.certificates:
        variables |= dict.fromkeys(_CERTIFICATE_VARIABLES, f"{sockets}/{CERTIFICATES}")
    return variables


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


@dataclass
class Visits:
    """Connections to one host that ended alike."""

    host: str
    port: int
    allowed: bool
    reason: str = ""
    times: int = 0
    first: float = 0.0
    last: float = 0.0
    """Unix time in seconds, of the decisions."""
    sent: int = 0
    received: int = 0
    """Bytes, of connections that ended."""


@dataclass
class Egress:
    """One trial's proxy; `async with` starts and ends it."""

    log: Path
    found: Reach
    socket: Path = field(init=False)
    """In a folder of its own, which may be mounted."""
    _folder: Path = field(init=False)
    _process: asyncio.subprocess.Process | None = field(init=False, default=None)

    async def __aenter__(self) -> "Egress":
        """Raises InfrastructureError when the proxy does not start."""
        # Not in the trial's directory: the path of a unix socket has at most 107 bytes.
        self._folder = Path(tempfile.mkdtemp(prefix="mlrbench-egress-"))
        shared = self._folder / "shared"
        shared.mkdir(mode=0o755)
        self.socket = shared / "proxy.sock"
        if self.found.certificates:
            shutil.copyfile(self.found.certificates, shared / CERTIFICATES)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        order: dict[str, Any] = {
            "socket": str(self.socket),
            "folder": str(self._folder),
            "log": str(self.log.resolve()),
            "entries": [entry.as_data() for entry in self.found.entries],
            "indexes": list(self.found.indexes),
            "certificates": self.found.certificates or None,
        }
        try:
            # It reads what strangers send: no key of ours is in its environment.
            kept = {name: value for name in ("PATH", "LANG", "TZ", "TMPDIR", "PYTHONPATH") if (value := os.environ.get(name))}
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "pytest_mlrbench.sandboxes.egress_proxy"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=kept,
                start_new_session=True,
            )
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            async with asyncio.timeout(_START_SECONDS):
                said = await self._process.stdout.readline()
            if said != b"ready\n":
                raise InfrastructureError(f"the allowlist's proxy ended at once ({said!r}); see its message above")
        except (OSError, TimeoutError) as error:
            await self.close()
            raise InfrastructureError(f"the allowlist's proxy did not start: {error or 'no answer'}") from error
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the proxy and remove its socket. Safe to call twice."""
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)


def visits(log: Path) -> list[Visits]:
    """What a proxy's log says, by host, port and decision, the most visited first; empty where there is no log."""
    found: dict[tuple[str, int, bool, str], Visits] = {}
    of: dict[int, Visits] = {}
    try:
        lines = log.read_text(encoding="ascii", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    for text in lines:
        try:
            line = json.loads(text)
        except ValueError:
            continue  # cut by a kill
        if "host" in line:
            key = (line["host"], line["port"], line["allowed"], line["reason"])
            visit = of[line["id"]] = found.setdefault(key, Visits(*key, first=line["time"]))
            visit.times += 1
            visit.last = line["time"]
        elif line.get("id") in of:
            visit = of[line["id"]]
            visit.sent += line["sent"]
            visit.received += line["received"]
    return sorted(found.values(), key=lambda visit: -visit.times)


def told(log: Path) -> dict[str, Any]:
    """`visits` as the ledger's note: at most _MOST_TOLD of them and how many more there were; the whole is in the log."""
    all_of_them = visits(log)
    more = len(all_of_them) - _MOST_TOLD
    return {"visits": [vars(visit) for visit in all_of_them[:_MOST_TOLD]], "more": max(0, more), "log": LOG}
