"""The allowlist's proxy: a process of its own that carries a sandbox's HTTP(S) to the hosts on the list (proxy.py, with our rules).

egress.py starts it. Standard input: one line of JSON (`Order`), then nothing; its end ends this process, so that no proxy outlives
its runner. Standard output: `ready`. What was allowed and refused goes to the order's log as it happens, one JSON object a line:
`{"id", "time", "host", "port", "allowed", "reason"}` when it is decided, `{"id", "finished", "sent", "received"}` at its end.
"""

import argparse
import itertools
import json
import os
import re
import shutil
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, TypedDict

from proxy.common.flag import FlagParser
from proxy.common.types import SelectableEvents
from proxy.core.work import start_threaded_work
from proxy.http import HttpProtocolHandler
from proxy.http.exception import HttpProtocolException, HttpRequestRejected
from proxy.http.parser import HttpParser, httpParserStates, httpParserTypes
from proxy.http.proxy import HttpProxyBasePlugin, HttpProxyPlugin

from .egress_rules import Decision, Entry, decide, is_public, resolve

MOST_CONNECTIONS = 128
MOST_WAITING = 64
"""Pieces of at most 128 KiB kept for a side that does not read; beyond, the other side is not read either."""
MOST_HEAD = 64 * 2**10
MOST_REQUEST = 4 * 2**20
"""Bytes of a request that is not tunnelled, which is held until it is complete, and of its head."""
MOST_LINES = 20_000
"""Lines of the log; what is beyond is only counted."""
IDLE_SECONDS = 600
LEARN_SECONDS = 15.0
_MOST_NAME = 253
"""Of a host (RFC 1035)."""
_MOST_PAGE = 8 * 2**20
_FILE = re.compile(r"https?://[^\s\"'<>#]+\.(?:whl|tar\.gz|zip)")
_SIMPLE = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"


class Order(TypedDict):
    """What is asked of one proxy."""

    socket: str
    """Path of the unix socket to listen on."""
    folder: str
    """What is removed at the end, the socket in it: the runner may have been killed."""
    log: str
    entries: list[dict[str, Any]]
    """Fields of Entry."""
    indexes: list[str]
    """Package indexes, each asked once where its files lie; with credentials where the host's configuration has them."""
    certificates: str | None
    """Bundle for asking them, None for the usual one."""


class Log:
    """The file with what was allowed and refused."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="ascii")
        self._lock = threading.Lock()
        self._lines = 0
        self.dropped = 0

    def write(self, line: dict[str, Any]) -> None:
        with self._lock:
            if self._lines >= MOST_LINES:
                self.dropped += 1
                return
            self._lines += 1
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()

    def close(self) -> None:
        with self._lock:
            if self.dropped:
                self._file.write(json.dumps({"dropped": self.dropped}) + "\n")
            self._file.close()


class Hosts:
    """The list, and what the package indexes add to it."""

    def __init__(self, order: Order) -> None:
        self.entries = [Entry(**{**entry, "ports": tuple(entry["ports"])}) for entry in order["entries"]]
        self.learnt: list[Entry] = []
        self._order = order
        self._learning = threading.Thread(target=self._learn, daemon=True)
        self._learning.start()

    def decide(self, host: str, port: int) -> Decision:
        if not any(entry.covers(host, port) for entry in self.entries):
            self._learning.join(LEARN_SECONDS)
        return decide([*self.entries, *self.learnt], host, port)

    def _learn(self) -> None:
        for index in self._order["indexes"]:
            self.learnt += file_hosts(index, self._order["certificates"])


def file_hosts(index: str, certificates: str | None) -> list[Entry]:
    """Where `index` says that the files of a package lie (PEP 503, PEP 691): often another host than its own.

    Such a host may have an address of an inner network only if the index itself has one, as a mirror in a company does.
    """
    import requests

    try:
        answer = requests.get(
            f"{index.rstrip('/')}/pip/", headers={"Accept": _SIMPLE}, timeout=(10, 10), verify=certificates or True, stream=True
        )
        answer.raise_for_status()
        page = answer.raw.read(_MOST_PAGE, decode_content=True).decode("utf-8", "replace")
        inner = not all(map(is_public, resolve(Entry.parse(answer.url.split("/")[2].rpartition("@")[2]).host, 443)))
    except (requests.RequestException, OSError, ValueError) as error:
        print(f"the package index was not told where its files lie: {type(error).__name__}", file=sys.stderr, flush=True)
        return []
    found = (Entry.of_url(url, "index", private=inner) for url in set(_FILE.findall(page)))
    return list(dict.fromkeys(entry for entry in found if entry is not None))


class Rules(HttpProxyBasePlugin):
    """Decides before anything is looked up or connected to."""

    host = ""
    port = 0
    decision = Decision("no host was named")
    number = 0
    received = 0

    def before_upstream_connection(self, request: HttpParser) -> HttpParser:
        self.host, self.port = _target(request)
        fits = len(self.host) <= _MOST_NAME
        self.decision = self.flags.hosts.decide(self.host, self.port) if fits else Decision("the name of the host is too long")
        self.number = next(self.flags.numbers)
        self.flags.log.write(
            {
                "id": self.number,
                "time": time.time(),
                "host": self.host[:_MOST_NAME],
                "port": self.port,
                "allowed": self.decision.allowed,
                "reason": self.decision.reason,
            }
        )
        if not self.decision.allowed:
            body = f"mlrbench sandbox: {self.decision.reason}\n".encode()
            raise HttpRequestRejected(403, reason=b"Forbidden", headers={b"Content-Type": b"text/plain"}, body=body)
        return request

    def resolve_dns(self, host: str, port: int) -> tuple[str | None, Any]:
        return self.decision.address, None

    def handle_upstream_chunk(self, chunk: memoryview) -> memoryview:
        self.received += len(chunk)
        return chunk

    def handle_client_request(self, request: HttpParser) -> HttpParser:
        # A later request on a kept connection goes to the host of the first.
        if _target(request) != (self.host, self.port):
            raise HttpRequestRejected(403, reason=b"Forbidden", body=b"mlrbench sandbox: one host for each connection\n")
        return request


def _target(request: HttpParser) -> tuple[str, int]:
    return (request.host or b"").decode("ascii", "replace").lower().strip("[]").removesuffix("."), request.port or 0


class Unparsed(HttpParser):
    """Takes the place of the parser of answers, which would hold a whole download in memory."""

    def parse(self, raw: memoryview, allowed_url_schemes: list[bytes] | None = None) -> None:
        self.total_size += len(raw)


class Carrier(HttpProxyPlugin):
    """Counts what goes through, and stops reading the host while the sandbox does not take what it was sent."""

    sent = 0
    _held = 0
    """Bytes of a later request on a kept connection that is not complete yet."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.response = Unparsed(httpParserTypes.RESPONSE_PARSER)

    async def get_descriptors(self) -> tuple[list[int], list[int]]:
        reads, writes = await super().get_descriptors()
        return ([] if len(self.client.buffer) > MOST_WAITING else reads), writes

    def on_client_data(self, raw: memoryview) -> None:
        self.sent += len(raw)
        self._held += len(raw)
        if not self.request.is_https_tunnel and self._held > MOST_REQUEST:
            raise HttpProtocolException("a request that is not tunnelled is too large")
        super().on_client_data(raw)
        if self.pipeline_request is None:
            self._held = 0

    def access_log(self, log_attrs: dict[str, Any]) -> None:
        rules = self.plugins[Rules.__qualname__]
        assert isinstance(rules, Rules)
        if rules.decision.allowed:
            sent = self.sent + (0 if self.request.is_https_tunnel else self.request.total_size)
            self.flags.log.write({"id": rules.number, "finished": time.time(), "sent": sent, "received": rules.received})


class Handler(HttpProtocolHandler):
    """Stops reading the sandbox while the host does not take what it was sent, and takes no endless request."""

    _taken = 0

    def handle_data(self, data: memoryview) -> bool | None:
        if data is not None and not self.request.is_complete:
            self._taken += len(data)
            if self._taken > (MOST_HEAD if self.request.state < httpParserStates.HEADERS_COMPLETE else MOST_REQUEST):
                return True
        return super().handle_data(data)

    async def get_events(self) -> SelectableEvents:
        events = await super().get_events()
        upstream = self.plugin.upstream if isinstance(self.plugin, Carrier) else None
        if upstream is not None and len(upstream.buffer) > MOST_WAITING:
            events.pop(self.work.connection.fileno(), None)
        return events


def serve(order: Order) -> None:
    """Listen until standard input ends."""
    log = Log(Path(order["log"]))
    with tempfile.TemporaryDirectory(prefix="mlrbench-proxy-") as folder:
        flags = FlagParser.initialize(
            ["--disable-http-proxy", "--threaded", "--log-level", "CRITICAL", "--cache-dir", folder],
            plugins=[Carrier, Rules],
            work_klass=Handler,
            data_dir=folder,
            timeout=IDLE_SECONDS,
        )
        flags.log, flags.hosts, flags.numbers = log, Hosts(order), itertools.count(1)
        threading.stack_size(512 * 2**10)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(order["socket"])
            os.chmod(order["socket"], 0o666)  # noqa: PTH101, S103 - the sandbox's user is another than ours; the folder above is ours alone
            listener.listen(MOST_CONNECTIONS)
            threading.Thread(target=_accept, args=(listener, flags), daemon=True).start()
            print("ready", flush=True)
            while os.read(0, 2**12):
                pass
    log.close()


def _accept(listener: socket.socket, flags: argparse.Namespace) -> None:
    live: list[threading.Thread] = []
    while True:
        connection, _ = listener.accept()
        while len(live := [thread for thread in live if thread.is_alive()]) >= MOST_CONNECTIONS:
            time.sleep(0.05)
        live.append(start_threaded_work(flags, connection, None)[1])


def main() -> None:
    with os.fdopen(os.dup(0), "rb", buffering=0) as stream:
        order = json.loads(stream.readline())
    try:
        serve(order)
    finally:
        shutil.rmtree(order["folder"], ignore_errors=True)
    os._exit(0)  # connections in flight end with their runner


if __name__ == "__main__":
    main()
