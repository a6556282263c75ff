"""The network of a sandbox: shut, and asked from inside whether it is; open with `full`, and what that means."""

import http.server
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from pytest_mlrbench.errors import InfrastructureError
from pytest_mlrbench.sandboxes import hardening
from pytest_mlrbench.sandboxes.base import SandboxSpec
from tests.security.box import box, containers
from tests.support.docker import need_docker

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def image() -> str:
    return need_docker()


@pytest.fixture
def service() -> Iterator[str]:
    """A service of the host on all its addresses, as the bridge shows it: `address:port`."""
    server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    bridge = docker.from_env().networks.get("bridge").attrs["IPAM"]["Config"][0].get("Gateway", "172.17.0.1")
    yield f"{bridge}:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_sandbox_that_reaches_the_network_is_refused_before_anything_runs(
    image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leaky(spec: SandboxSpec, *others: Any) -> dict[str, Any]:
        return {**hardening.host_config(spec, *others), "network_mode": "bridge"}

    monkeypatch.setattr("pytest_mlrbench.sandboxes.docker.host_config", leaky)
    run_id = f"security-{uuid.uuid4().hex}"
    with pytest.raises(InfrastructureError) as told, box(tmp_path, image, run_id=run_id):
        pass
    for what in ("169.254.169.254", "198.51.100.1", "interface eth0", "--mlr-network=none", "nothing was run"):
        assert what in str(told.value)
    assert containers(run_id) == []


def test_the_addresses_that_are_asked_for_do_not_show_inside(image: str, tmp_path: Path) -> None:
    own = [address for address in hardening.probed_addresses() if address not in hardening._PUBLIC + hardening._METADATA]
    assert own
    with box(tmp_path, image) as given:
        seen = given.run("cat /proc/*/cmdline /proc/*/environ 2>/dev/null | tr '\\0' ' '; env").output
    assert not any(address in seen for address in own)


def test_full_reaches_the_hosts_own_services_as_the_documents_warn(image: str, tmp_path: Path, service: str) -> None:
    host, port = service.split(":")
    with box(tmp_path, image, network="full") as given:
        assert given.about["network"] == "full"
        result = given.python(f'attempt("service", connect, "{host}", {port})')
    assert "GOT IN: service" in result.output
