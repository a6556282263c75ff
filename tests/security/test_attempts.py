"""Every attempt of the table against a real container: it is refused, the next command runs, and the host is as it was."""

import http.server
import re
import secrets
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import psutil
import pytest

from tests.security.attempts import ATTEMPTS, GROUPS, PLACES, RESOURCES, SMALL, TIME, Attempt
from tests.security.box import Box, box, containers
from tests.security.table import parts, table
from tests.support.docker import need_docker

pytestmark = pytest.mark.docker
CANARY = "sk-mlrbench-canary"
SHARED = [one for one in ATTEMPTS if not (one.limits or one.own)]
ALONE = [one for one in ATTEMPTS if one.limits or one.own]


@pytest.fixture(scope="module")
def image() -> str:
    return need_docker()


@pytest.fixture(scope="module")
def places(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Things of the host that a sandbox must not reach: a file, a service on all addresses, an abstract socket, a container."""
    marker = tmp_path_factory.mktemp("host") / "marker"
    marker.write_text("the host's own")
    server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    name = f"mlrbench-{secrets.token_hex(8)}"
    engine = docker.from_env()
    bridge = engine.networks.get("bridge").attrs["IPAM"]["Config"][0].get("Gateway", "172.17.0.1")
    sibling = engine.containers.run(image, ["python3", "-m", "http.server", "8000"], detach=True, remove=True)
    with socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind("\0" + name)
        abstract.listen()
        try:
            sibling.reload()
            address = next(iter(sibling.attrs["NetworkSettings"]["Networks"].values()))["IPAddress"]
            told = dict(zip(PLACES, (str(marker), str(server.server_address[1]), bridge, name, address), strict=True))
            # The same tried from here, where nothing shuts it: an attempt that is refused is refused by the sandbox.
            assert Path(told["marker"]).read_text() == "the host's own"
            socket.create_connection((bridge, int(told["port"])), 5).close()
            yield told
            assert marker.read_text() == "the host's own"
            socket.create_connection(("127.0.0.1", int(told["port"])), 5).close()
        finally:
            sibling.remove(force=True)
            server.shutdown()
            server.server_close()


@pytest.fixture(scope="module")
def shared(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """One container for all attempts that do no damage."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", CANARY)
        with box(tmp_path_factory.mktemp("shared"), image) as made:
            yield made
            assert made.run("echo still here").output == "still here\n"


def refused(one: Attempt, given: Box, places: dict[str, str]) -> None:
    result = given.attempt(one, places)
    assert "GOT IN" not in result.output, result.output
    assert result.kind == one.kind, result
    for pattern in one.seen:
        assert re.search(pattern, result.output, re.MULTILINE), (pattern, result.output)


@pytest.mark.parametrize("one", SHARED, ids=[one.name for one in SHARED])
def test_refused(one: Attempt, shared: Box, places: dict[str, str]) -> None:
    refused(one, shared, places)
    assert shared.run("echo next").output == "next\n"


@pytest.mark.parametrize("one", ALONE, ids=[one.name for one in ALONE])
def test_refused_in_a_container_of_its_own(
    one: Attempt, image: str, places: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_mlrbench.sandboxes.docker._HOST_GRACE", 1.0)
    monkeypatch.setattr("pytest_mlrbench.sandboxes.disk.LOOK_SECONDS", 0.1)
    monkeypatch.setattr("pytest_mlrbench.sandboxes.disk.WALK_SECONDS", 0.3)
    before = psutil.disk_usage(str(tmp_path)).free
    with box(tmp_path, image, **one.limits) as given:
        refused(one, given, places)
        if one in TIME or one in RESOURCES:
            left = given.run(
                "ps -eo pid=,user=,stat=,args= | grep -v -e 'ps -eo' -e grep -e bash -e timeout -e init -e cat || true"
            )
            assert left.output.strip() == "", left.output
        if one.name == "log-flood":
            assert given.output.stat().st_size <= one.limits["output"] + 200
        assert given.run("echo next; rm -rf /workspace/* /tmp/*").output.endswith("next\n")
        run_id = given.sandbox.spec.run_id
    assert containers(run_id) == []
    assert before - psutil.disk_usage(str(tmp_path)).free < 2**30


def test_what_runs_on_between_commands_is_watched_too(image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_mlrbench.sandboxes.disk.LOOK_SECONDS", 0.1)
    monkeypatch.setattr("pytest_mlrbench.sandboxes.disk.WALK_SECONDS", 0.3)
    filling = (
        "(while true; do dd if=/dev/zero of=f$RANDOM bs=1M count=20 2>/dev/null; sleep 0.05; done) >/dev/null 2>&1 & sleep 0.1"
    )
    with box(tmp_path, image, **SMALL) as given:
        assert given.run(filling).kind == "exited"
        first = containers(given.sandbox.spec.run_id)
        given.sleep(4)
        after = given.run("rm -f f*; ps -eo args= | grep -c '[d]d if=' || true")
        assert "between commands killed: the workspace holds more than" in after.output
        assert after.output.startswith("0\n")
        assert containers(given.sandbox.spec.run_id) != first
        assert given.run("echo next").output == "next\n"


def test_the_output_of_many_commands_has_a_limit_as_a_whole(image: str, tmp_path: Path) -> None:
    with box(tmp_path, image, output=2**20, outputs=3 * 2**19) as given:
        sizes = []
        for _ in range(4):
            assert given.run("head -c 2000000 /dev/zero").output_bytes == 2_000_000
            sizes.append(given.output.stat().st_size)
    assert sizes == [2**20, 2**19, 2**16, 2**16]


def test_a_volume_of_the_image_is_no_unwatched_disk(image: str, tmp_path: Path) -> None:
    engine = docker.from_env()
    name = f"mlrbench-test-volume:{secrets.token_hex(4)}"
    made = engine.containers.create(image)
    made.commit(*name.split(":"), changes="VOLUME /data")
    made.remove()
    try:
        with box(tmp_path, name) as given:
            assert given.run("stat -f -c %T /data; df --output=size -B1M /data | tail -1").output.split() == ["tmpfs", "64"]
            [found] = containers(given.sandbox.spec.run_id)
            assert [mount["Type"] for mount in found.attrs["Mounts"] if mount["Destination"] != "/workspace"] in ([], ["tmpfs"])
    finally:
        engine.images.remove(name)


def test_every_attempt_has_a_name_of_its_own_and_says_what_refuses_it() -> None:
    everything = [one for _, attempts in GROUPS for one in attempts]
    assert len({one.name for one in everything}) == len(everything)
    assert len(ATTEMPTS) >= 40
    assert all(one.tries and one.refused_by for one in everything)
    assert all(one.seen or one.kind != "exited" for one in ATTEMPTS)


def test_the_container_is_made_as_the_documents_say(shared: Box) -> None:
    [found] = containers(shared.sandbox.spec.run_id)
    host: dict[str, Any] = found.attrs["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert host["ReadonlyRootfs"]
    assert host["NetworkMode"] == "none"
    assert host["Init"]
    assert host["AutoRemove"]
    assert host["Memory"] == host["MemorySwap"] == 512 * 2**20
    assert host["PidsLimit"] == 128
    assert host["CpuQuota"] == 2 * host["CpuPeriod"]
    assert host["OomScoreAdj"] > 0
    assert host["ShmSize"] == 128 * 2**20
    assert host["LogConfig"]["Type"] == "none"
    assert "no-new-privileges" in host["SecurityOpt"]
    assert any(option.startswith('seccomp={"defaultAction": "SCMP_ACT_ERRNO"') for option in host["SecurityOpt"])
    assert [(mount["Type"], mount["Destination"]) for mount in found.attrs["Mounts"]] == [("bind", "/workspace")]
    assert found.attrs["Config"]["User"] not in ("", "0", "root")
    labels = found.attrs["Config"]["Labels"]
    owner = psutil.Process()
    assert labels["mlrbench.owner_pid"] == str(owner.pid)
    assert labels["mlrbench.owner_start"] == Path(f"/proc/{owner.pid}/stat").read_text().rpartition(")")[2].split()[19]
    assert labels["mlrbench.trial"] == "task/experiment"


def test_the_page_says_what_is_tried_here() -> None:
    assert parts()[1] == table(), "run `python -m tests.security.table`"
