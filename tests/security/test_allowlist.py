"""Network `allowlist` in a real container: what is let through, what is refused, what is written down."""

import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
import requests

from pytest_mlrbench.sandboxes.egress import reach, visits
from tests.security.attempts import ALLOWLIST, Attempt
from tests.security.box import Box, box, containers
from tests.support.docker import need_docker

pytestmark = pytest.mark.docker


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def image() -> str:
    return need_docker()


@pytest.fixture(scope="module")
def places() -> Iterator[dict[str, str]]:
    """A web server of the host, which the list names by the bridge's address and nothing else."""
    server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    bridge = docker.from_env().networks.get("bridge").attrs["IPAM"]["Config"][0].get("Gateway", "172.17.0.1")
    yield {"bridge": bridge, "port": str(server.server_address[1])}
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def shared(image: str, places: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    allowed = (f"{places['bridge']}:{places['port']}",)
    with box(tmp_path_factory.mktemp("allowlist"), image, network="allowlist", allow_host=allowed) as made:
        yield made


@pytest.mark.parametrize("one", ALLOWLIST, ids=[one.name for one in ALLOWLIST])
def test_refused(one: Attempt, shared: Box, places: dict[str, str]) -> None:
    result = shared.attempt(one, places)
    assert "GOT IN" not in result.output, result.output
    for pattern in one.seen:
        assert re.search(pattern, result.output), (pattern, result.output)


def test_an_allowed_host_answers_and_both_are_written_down(shared: Box, places: dict[str, str]) -> None:
    url = f"http://{places['bridge']}:{places['port']}/x"
    said = shared.python(f"""
import urllib.request
print(urllib.request.urlopen("{url}", timeout=20).read())
try:
    urllib.request.urlopen("https://written-down.example/", timeout=20)
except OSError as error:
    print(error)
""").output
    assert "b'hello'" in said
    assert "403" in said
    found = {(visit.host, visit.port): visit for visit in visits(shared.folder / "network.jsonl")}
    here = found[places["bridge"], int(places["port"])]
    assert here.allowed
    assert here.received >= 5
    assert not found["written-down.example", 443].allowed
    assert "--mlr-allow-host" in found["written-down.example", 443].reason


def test_the_run_records_the_list_and_the_container_has_no_network(shared: Box, places: dict[str, str]) -> None:
    assert shared.about["allowed_hosts"]["--mlr-allow-host"] == [f"{places['bridge']}:{places['port']}"]
    assert set(shared.about["allowed_hosts"]) <= {"pip", "hub", "--mlr-allow-host"}
    [found] = containers(shared.sandbox.spec.run_id)
    assert found.attrs["HostConfig"]["NetworkMode"] == "none"
    assert {mount["Destination"]: mount["RW"] for mount in found.attrs["Mounts"]} == {"/workspace": True, "/run/mlrbench/0": False}


def test_pip_installs_from_the_index_that_this_machine_uses(image: str, tmp_path: Path) -> None:
    found = reach()
    try:
        requests.get(f"{found.indexes[0].rstrip('/')}/six/", timeout=20, verify=found.certificates or True).raise_for_status()
    except (requests.RequestException, IndexError) as error:
        pytest.skip(f"no package index answers here: {error}")
    with box(tmp_path, image, network="allowlist") as given:
        result = given.run(
            "python3 -m pip install --no-deps --target lib six && PYTHONPATH=lib python3 -c 'import six; print(six.__file__)'", 120
        )
        assert "/workspace/lib/six.py" in result.output, result.output
        log = visits(tmp_path / "network.jsonl")
    assert all(visit.allowed for visit in log)
    assert sum(visit.received for visit in log) > 10_000
