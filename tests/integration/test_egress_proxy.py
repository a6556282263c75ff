"""The allowlist's proxy as a process, with real sockets: what it carries, what it refuses, what it writes down, and its end."""

import asyncio
import http.server
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import psutil
import pytest

from pytest_mlrbench.sandboxes.egress import Egress, Reach, told, visits
from pytest_mlrbench.sandboxes.egress_rules import Entry


class Answer(http.server.BaseHTTPRequestHandler):
    """A small web server; `/simple/pip/` says that its files lie on other hosts."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = f"you asked for {self.path}".encode()
        if self.path == "/simple/pip/":
            files = [{"url": "https://files.example/pip-1.whl"}, {"url": "http://127.0.0.1:9/pip-1.tar.gz"}]
            body = json.dumps({"files": files, "home": "https://home.example/about"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[int]:
    """Port of a web server on loopback."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def through(log: Path, found: Reach, use: Callable[[Path], Awaitable[None]]) -> None:
    async def main() -> None:
        async with Egress(log, found) as egress:
            await use(egress.socket)
        assert not egress.socket.exists()

    asyncio.run(main())


async def say(path: Path, *requests: bytes) -> list[bytes]:
    """What comes back for each request on one connection; empty once the connection has ended."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    answers = []
    for request in requests:
        writer.write(request)
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            answers.append(error.partial if isinstance(error, asyncio.IncompleteReadError) else b"")
            continue
        length = next((int(line.split(b":")[1]) for line in head.splitlines() if line.lower().startswith(b"content-length")), 0)
        answers.append(head + await reader.readexactly(length))
    writer.close()
    return answers


def get(url: str, host: str) -> bytes:
    return f"GET {url} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


def test_allowed_hosts_answer_and_everything_else_is_refused_and_written_down(tmp_path: Path, web: int) -> None:
    log = tmp_path / "evidence/network.jsonl"

    async def use(path: Path) -> None:
        [answer] = await say(path, get(f"http://127.0.0.1:{web}/one", "127.0.0.1"))
        assert answer.endswith(b"you asked for /one")
        [opened, inner] = await say(
            path, f"CONNECT 127.0.0.1:{web} HTTP/1.1\r\nHost: 127.0.0.1:{web}\r\n\r\n".encode(), get("/two", "127.0.0.1")
        )
        assert opened.startswith(b"HTTP/1.1 200")
        assert inner.endswith(b"you asked for /two")
        for request in (
            b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
            get("http://secret.evil.example/x", "127.0.0.1"),
            get(f"http://localhost:{web}/", "localhost"),
            b"CONNECT 169.254.169.254:80 HTTP/1.1\r\n\r\n",
        ):
            [refused] = await say(path, request)
            assert refused.startswith(b"HTTP/1.1 403")
            assert b"--mlr-allow-host" in refused
        for request in (get("/", "127.0.0.1"), b"\x16\x03\x01 no HTTP at all\r\n\r\n", b"CONNECT :443 HTTP/1.1\r\n\r\n"):
            [answer] = await say(path, request)
            assert not answer.startswith(b"HTTP/1.1 2")

    through(log, Reach((Entry.parse(f"127.0.0.1:{web}"),)), use)
    found = {(visit.host, visit.port): visit for visit in visits(log)}
    carried = found["127.0.0.1", web]
    assert (carried.allowed, carried.times) == (True, 2)
    assert carried.received > len("you asked for /one") + len("you asked for /two")
    assert carried.sent > 60
    assert not found["evil.example", 443].allowed
    assert found["secret.evil.example", 80].received == 0
    assert "not on the list" in found["169.254.169.254", 80].reason
    assert told(log)["visits"][0]["times"] == 2


def test_a_kept_connection_leads_to_its_first_host_only(tmp_path: Path, web: int) -> None:
    async def use(path: Path) -> None:
        here = get(f"http://127.0.0.1:{web}/one", "127.0.0.1")
        first, again, other = await say(path, here, here, get("http://evil.example/", "evil.example"))
        assert first.endswith(b"/one")
        assert again.endswith(b"/one")
        assert other.startswith(b"HTTP/1.1 403")

    through(tmp_path / "log", Reach((Entry.parse(f"127.0.0.1:{web}"),)), use)


def test_the_index_is_asked_where_its_files_lie(tmp_path: Path, web: int) -> None:
    index = f"http://127.0.0.1:{web}/simple"
    entry = Entry.of_url(index, "pip")
    assert entry is not None

    async def use(path: Path) -> None:
        # Names that the index gave are allowed and looked up: there is no such host here, and nothing listens at that port.
        [unknown] = await say(path, b"CONNECT files.example:443 HTTP/1.1\r\n\r\n")
        assert b"has no address" in unknown
        [closed] = await say(path, b"CONNECT 127.0.0.1:9 HTTP/1.1\r\n\r\n")
        assert closed.startswith(b"HTTP/1.1 502")
        [other] = await say(path, b"CONNECT home.example:443 HTTP/1.1\r\n\r\n")
        assert b"not on the list" in other

    through(tmp_path / "log", Reach((entry,), (index,)), use)


def test_neither_side_is_read_while_the_other_does_not_take_it(tmp_path: Path) -> None:
    amount = 256 * 2**20
    listener = socket.create_server(("127.0.0.1", 0))
    written = 0

    def flood() -> None:
        nonlocal written
        taken, _ = listener.accept()
        with taken:
            piece = bytes(2**18)
            while written < amount:
                try:
                    written += taken.send(piece)
                except OSError:
                    return

    threading.Thread(target=flood, daemon=True).start()
    port = listener.getsockname()[1]

    async def use(path: Path) -> None:
        _, writer = await asyncio.open_unix_connection(str(path), limit=2**10)
        writer.write(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode())
        before = -1
        while before != written:  # until the flood stands still: nobody reads here
            before = written
            await asyncio.sleep(1.0)
        assert 0 < written < amount // 4
        writer.close()

    through(tmp_path / "log", Reach((Entry.parse(f"127.0.0.1:{port}"),)), use)
    listener.close()


def test_a_large_answer_is_not_held_in_memory(tmp_path: Path) -> None:
    amount = 300 * 2**20
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        taken, _ = listener.accept()
        with taken:
            taken.recv(4096)
            taken.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {amount}\r\n\r\n".encode())
            for _ in range(amount // 2**20):
                taken.sendall(bytes(2**20))

    threading.Thread(target=answer, daemon=True).start()
    port = listener.getsockname()[1]

    async def main() -> None:
        async with Egress(tmp_path / "log", Reach((Entry.parse(f"127.0.0.1:{port}"),))) as egress:
            assert egress._process is not None
            proxy = psutil.Process(egress._process.pid)
            before = proxy.memory_info().rss
            reader, writer = await asyncio.open_unix_connection(str(egress.socket))
            writer.write(get(f"http://127.0.0.1:{port}/", "127.0.0.1"))
            await reader.readuntil(b"\r\n\r\n")
            async with asyncio.timeout(30):
                for _ in range(amount // 2**20):
                    await reader.readexactly(2**20)
            assert proxy.memory_info().rss - before < 100 * 2**20
            writer.close()

    asyncio.run(main())
    listener.close()


@pytest.mark.parametrize(
    "head",
    [
        b"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nX: ",
        b"POST http://127.0.0.1:{port}/ HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
        b"GET http://127.0.0.1:{port}/ HTTP/1.1\r\n\r\nPOST http://127.0.0.1:{port}/ HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n",
        b"GET http://",
    ],
    ids=["head", "body", "later body", "name"],
)
def test_an_endless_request_is_not_taken(tmp_path: Path, web: int, head: bytes) -> None:
    async def use(path: Path) -> None:
        _, writer = await asyncio.open_unix_connection(str(path))
        sent = 0
        try:
            for request in head.replace(b"{port}", str(web).encode()).partition(b"\r\n\r\nPOST"):
                writer.write(request)
                await writer.drain()
                await asyncio.sleep(0.2)
            async with asyncio.timeout(20):
                while sent < 2**26:
                    writer.write(b"a" * 2**16)
                    await writer.drain()
                    sent += 2**16
        except ConnectionError:
            pass
        assert sent < 2**25
        writer.close()

    through(tmp_path / "log", Reach((Entry.parse(f"127.0.0.1:{web}"),)), use)


OWNER = """
import asyncio, sys
from pathlib import Path
from pytest_mlrbench.sandboxes.egress import Egress, Reach
async def main():
    async with Egress(Path(sys.argv[1]), Reach(())) as egress:
        print(egress._process.pid, egress._folder, flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


def test_no_proxy_outlives_a_runner_that_is_killed(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pid, folder = owner.stdout.readline().split()
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    end = time.monotonic() + 20
    while psutil.pid_exists(int(pid)) and psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end, "the proxy is still there"
        time.sleep(0.05)
    assert not Path(folder).exists()


def test_the_proxy_holds_no_key_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")

    async def main() -> None:
        async with Egress(tmp_path / "log", Reach(())) as egress:
            assert egress._process is not None
            environment = Path(f"/proc/{egress._process.pid}/environ").read_bytes()
            assert b"sk-secret" not in environment
            assert egress._folder.stat().st_mode & 0o077 == 0

    asyncio.run(main())
