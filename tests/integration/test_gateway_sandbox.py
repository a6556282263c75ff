"""The model gateway from inside a sandbox: a program with no network and no key asks its model and reaches nothing else."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from pytest_mlrbench.engine import doors
from pytest_mlrbench.models.budget import Budget
from pytest_mlrbench.models.gateway.server import Gateway
from pytest_mlrbench.results.calls import CallLog
from pytest_mlrbench.sandboxes import Limits, Sandbox, SandboxSpec, open_sandbox
from pytest_mlrbench.settings import Settings
from tests.support.docker import need_docker
from tests.support.gateway import ANTHROPIC, REAL_KEY, provider_at, stream

MODEL = "anthropic/claude-sonnet-4-5"
PROGRAM = """
import json, sys, urllib.error, urllib.request
url, token = sys.argv[1:]
body = {"model": "claude-sonnet-4-5", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
headers = {"x-api-key": token, "content-type": "application/json"}
asked = urllib.request.Request(url + "/v1/messages", json.dumps(body).encode(), headers)
try:
    print(urllib.request.urlopen(asked, timeout=20).read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
"""

Run = Callable[..., Awaitable[str]]


@asynccontextmanager
async def opened(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: str = "", budget: float | None = 5.0
) -> AsyncIterator[tuple[Gateway, Run, Any]]:
    """The gateway of a trial as the runner opens it, and its sandbox: what a command in it says."""
    monkeypatch.setattr(doors, "wanted", lambda settings: True)  # no coder of this test's own needs one
    calls = CallLog(tmp_path / "calls", "gateway")
    settings = Settings(model=MODEL, run=str(tmp_path), budget=budget, sandbox=kind)
    async with (
        provider_at(monkeypatch) as provider,
        doors.gateway(settings, calls, Budget(budget), "t/experiment", time.time() + 120) as (gateway, given),
    ):
        assert gateway is not None
        provider.body = stream(ANTHROPIC)
        spec = SandboxSpec(
            workspace=tmp_path / "ws",
            run_id=f"gateway-{tmp_path.name}",
            trial="t/experiment",
            limits=Limits(memory=2**29, cpus=1, pids=64),
            image=image,
            doors=given,
        )
        sandbox: Sandbox
        async with open_sandbox(kind, spec) as sandbox:
            await sandbox.write("ask.py", PROGRAM.encode())

            async def run(command: str) -> str:
                return (await sandbox.exec(command, timeout=60, output=tmp_path / "out.log")).output

            yield gateway, run, provider
    calls.close()


def ask(gateway: Gateway, token: str | None = None) -> str:
    access = gateway.access
    return f"python3 ask.py {access.anthropic} {access.token if token is None else token}"


@pytest.mark.docker
def test_a_container_without_a_network_asks_its_model_and_reaches_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = need_docker()
    told: dict[str, str] = {}

    async def go() -> None:
        async with opened("docker", tmp_path, monkeypatch, image, budget=0.0000001) as (gateway, run, provider):
            port = provider.url.rpartition(":")[2]
            told["wrong"] = await run(ask(gateway, "not-the-token"))
            told["first"] = await run(ask(gateway))
            told["second"] = await run(ask(gateway))
            told["interfaces"] = await run("cut -d: -f1 -s /proc/net/dev | tr -d ' '")
            told["provider"] = await run(f"python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", {port}), 3)'")
            told["doors"] = await run("find /run/mlrbench -type f -o -type s; touch /run/mlrbench/0/mine")
            told["seen"] = await run(
                "cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\0' ' '; env; grep -rs sk- /run/mlrbench"
            )
            told["killed"] = await run("kill -9 -1")
            told["after"] = await run(ask(gateway))
            assert [headers["x-api-key"] for _, headers, _ in provider.requests] == [REAL_KEY]
            assert gateway.ended.is_set()
            socket = gateway._socket
            assert socket is not None
            # Other users of this host do not get as far as the socket.
            assert socket.parent.parent.stat().st_mode & 0o077 == 0
        assert not socket.parent.parent.exists()

    asyncio.run(go())
    assert told["first"].strip() == stream(ANTHROPIC).decode().strip()
    assert told["wrong"].startswith("401 ")
    for later in ("second", "after"):  # the budget is spent, and the way to the gateway outlives what a command does
        assert told[later].startswith("403 "), told[later]
        assert "budget" in json.loads(told[later][4:])["error"]["message"]
    assert told["interfaces"].split() == ["lo"]
    assert "refused" in told["provider"]
    assert told["doors"].splitlines()[0] == "/run/mlrbench/0/gateway.sock"
    assert "Read-only file system" in told["doors"]
    assert REAL_KEY not in told["seen"]


def test_the_local_sandbox_has_its_gateway_on_loopback_without_a_key_in_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def go() -> None:
        async with opened("local", tmp_path, monkeypatch) as (gateway, run, provider):
            assert (await run(ask(gateway))).strip() == provider.body.decode().strip()
            assert REAL_KEY not in await run("env")
            url = gateway.access.base_url
            assert gateway.told()["tool_calls"][0]["arguments"] == '{"command": "python run.py"}'
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorError):  # it dies with the trial
                await session.post(url + "/anthropic/v1/messages", json={})

    asyncio.run(go())
