"""The model gateway from inside a real container: the provider's key stays outside, the budget holds, the token dies."""

import asyncio
import http.server
import json
import re
import threading
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from pytest_mlrbench.models.budget import Budget
from pytest_mlrbench.models.gateway.access import PORT
from pytest_mlrbench.models.gateway.server import Gateway
from pytest_mlrbench.results.calls import CallLog
from pytest_mlrbench.sandboxes import Door
from pytest_mlrbench.settings import Settings
from tests.security.attempts import GATEWAY, Attempt
from tests.security.box import Box, box
from tests.support.docker import need_docker

pytestmark = pytest.mark.docker
REAL_KEY = "sk-the-hosts-real-key"
COST = (1000 * 3 + 1000 * 15) / 1e6
"""USD of one answer at list price: 1000 tokens each way, 3 and 15 USD per million."""
BUDGET = 12.5 * COST


class Provider(http.server.BaseHTTPRequestHandler):
    """Answers as the Messages API does; keeps the keys that it was sent."""

    keys: list[str | None] = []  # noqa: RUF012 - of the one server of this module

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.keys.append(self.headers["x-api-key"])
        time.sleep(0.05)  # so that calls overlap
        usage = {"input_tokens": 1000, "output_tokens": 1000}
        said = {"type": "message", "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn", "usage": usage}
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Open:
    """A gateway on an event loop of its own, as the runner's goes on while a command runs."""

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._calls = CallLog(folder / "calls", "gateway")
        settings = Settings(model="anthropic/claude-sonnet-4-5", run=str(folder), budget=BUDGET)
        self.budget = Budget(BUDGET)
        self.gateway = Gateway(settings, self._calls, self.budget, scope="t/experiment#gateway", deadline=time.time() + 600)
        (folder / "open").mkdir()
        (folder / "open").chmod(0o755)
        self.door = Door(folder / "open" / "gateway.sock", PORT)
        self._do(self.gateway.open_socket(self.door.socket))

    def _do(self, work: Coroutine[Any, Any, object]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def close(self) -> None:
        self._do(self.gateway.close())

    def end(self) -> None:
        self.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._calls.close()


@pytest.fixture(scope="module")
def image() -> str:
    return need_docker()


def serve(handler: type[http.server.BaseHTTPRequestHandler], address: str) -> http.server.ThreadingHTTPServer:
    server = http.server.ThreadingHTTPServer((address, 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(scope="module")
def thief() -> Iterator[http.server.ThreadingHTTPServer]:
    """A server of the attacker's that the host could reach, and that nobody must ask."""

    class Thief(Provider):
        keys: list[str | None] = []  # noqa: RUF012

    server = serve(Thief, "0.0.0.0")
    yield server
    server.shutdown()
    server.server_close()
    assert Thief.keys == []


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    provider = serve(Provider, "127.0.0.1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANTHROPIC_API_KEY", REAL_KEY)
        patch.setenv("ANTHROPIC_API_BASE", f"http://127.0.0.1:{provider.server_address[1]}")
        made = Open(tmp_path_factory.mktemp("gateway"))
        yield made
        made.end()
    provider.shutdown()
    provider.server_close()


@pytest.fixture(scope="module")
def shared(image: str, opened: Open, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    env = opened.gateway.access.environment()
    with box(tmp_path_factory.mktemp("box"), image, doors=(opened.door,), env=env) as made:
        yield made


@pytest.mark.parametrize("one", GATEWAY, ids=[one.name for one in GATEWAY])
def test_refused(one: Attempt, shared: Box, thief: http.server.ThreadingHTTPServer) -> None:
    tried(one, shared, thief)


def tried(one: Attempt, shared: Box, thief: http.server.ThreadingHTTPServer) -> None:
    bridge = docker.from_env().networks.get("bridge").attrs["IPAM"]["Config"][0].get("Gateway", "172.17.0.1")
    result = shared.attempt(one, {"bridge": bridge, "port": str(thief.server_address[1])})
    assert "GOT IN" not in result.output, result.output
    for pattern in one.seen:
        assert re.search(pattern, result.output, re.MULTILINE), (pattern, result.output)


def test_what_was_spent_stayed_within_one_call_of_the_budget(
    opened: Open, shared: Box, thief: http.server.ThreadingHTTPServer
) -> None:
    if not opened.gateway.refused["budget"]:  # another worker of xdist has taken the attempt that spends it
        tried(next(one for one in GATEWAY if one.name == "overspending"), shared, thief)
    assert set(Provider.keys) == {REAL_KEY}
    assert opened.budget.spent == pytest.approx(len(Provider.keys) * COST)
    assert opened.budget.spent <= BUDGET + COST
    assert opened.gateway.refused["budget"] > 20


def test_the_token_dies_with_the_trial(opened: Open, shared: Box) -> None:
    before = len(Provider.keys)
    opened.close()
    result = shared.python(
        "import http.client\n"
        "try:\n"
        "    one = http.client.HTTPConnection('127.0.0.1', 8377, timeout=5)\n"
        "    one.request('POST', '/anthropic/v1/messages', '{}', {'x-api-key': os.environ['ANTHROPIC_API_KEY']})\n"
        "    print('GOT IN', one.getresponse().status)\n"
        "except OSError as error:\n"
        "    print('refused:', type(error).__name__)\n"
    )
    assert "refused: " in result.output, result.output
    assert len(Provider.keys) == before
