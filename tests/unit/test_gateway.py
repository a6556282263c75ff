"""The model gateway against a provider of three dialects on loopback: what passes, what is counted, what is refused."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from pytest_mlrbench.engine.doors import until_spent
from pytest_mlrbench.errors import InfrastructureError
from pytest_mlrbench.models.gateway.answers import read
from pytest_mlrbench.models.gateway.server import Gateway
from pytest_mlrbench.results.calls import CallLog
from tests.support.gateway import (
    ANTHROPIC,
    CASES,
    CHAT,
    GEMINI,
    HELLO,
    REAL_KEY,
    RESPONSES,
    SCOPE,
    TESTED,
    asked_of,
    opened,
    post,
    stream,
)


@pytest.mark.parametrize("case", CASES)
def test_a_stream_reaches_the_client_byte_for_byte_and_is_counted(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, body, parts = CASES[case]

    async def go() -> None:
        async with opened(tmp_path, monkeypatch, model=TESTED[case]) as (gateway, provider, session):
            provider.body = stream(parts)
            status, said, _ = await post(gateway, session, path, {**body, "stream": True})
            assert (status, said) == (200, provider.body)
            usage = gateway.spent.usage
            assert (usage.calls, usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (1, 100, 40, 90)
            assert gateway.spent.cost > 0
            assert gateway.spent.unpriced_calls == 0
            (asked,) = gateway.asked
            assert json.loads(asked["arguments"]).popitem()[1] == "python run.py"

    asyncio.run(go())
    (call,) = CallLog(tmp_path / "calls", "reader").read(SCOPE)
    assert call.response.message["body"] == stream(parts).decode()
    assert call.response.message["content"] == "I run it."
    assert call.response.finish_reason == "tool_calls"


def test_the_provider_gets_the_real_key_and_nothing_of_the_clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        async with opened(tmp_path, monkeypatch) as (gateway, provider, session):
            provider.body = stream(ANTHROPIC)
            token = gateway.access.token
            path, body, _ = CASES["anthropic"]
            status, said, headers = await post(
                gateway, session, path + "?beta=true&key=x", body, Cookie="a=b", **{"anthropic-beta": "tools-1", "Host": "evil"}
            )
            assert status == 200
            ((at, seen, content),) = provider.requests
            assert at == "/v1/messages?beta=true"
            assert seen["x-api-key"] == REAL_KEY
            assert seen["anthropic-beta"] == "tools-1"
            assert "Cookie" not in seen
            assert token not in json.dumps([at, seen]) + content.decode()
            assert REAL_KEY not in said.decode() + json.dumps(headers)

    asyncio.run(go())
    assert REAL_KEY not in b"".join(path.read_bytes() for path in (tmp_path / "calls").iterdir()).decode()


@pytest.mark.parametrize(
    ("method", "path", "token", "status"),
    [
        ("POST", "/anthropic/v1/messages", "wrong", 401),
        ("POST", "/anthropic/v1/messages", "", 401),
        ("POST", "/anthropic/v1/files", None, 404),
        ("GET", "/openai/v1/models", None, 404),
        ("POST", "/openai/v1/../admin", None, 404),
        ("POST", "/gemini/v1beta/models/a/b:generateContent", None, 404),
        ("POST", "/", None, 404),
    ],
)
def test_what_is_no_call_of_this_trial_is_refused(
    method: str, path: str, token: str | None, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def go() -> None:
        async with opened(tmp_path, monkeypatch) as (gateway, provider, session):
            headers = {"authorization": f"Bearer {gateway.access.token if token is None else token}"}
            async with session.request(method, gateway.access.base_url + path, json={"model": "x"}, headers=headers) as reply:
                assert reply.status == status
                assert "error" in await reply.json()
            assert provider.requests == []

    asyncio.run(go())


def test_a_model_without_a_price_is_refused_while_there_is_a_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(budget: float | None) -> tuple[int, int]:
        async with opened(tmp_path, monkeypatch, budget=budget) as (gateway, provider, session):
            provider.body = stream(ANTHROPIC)
            path, body, _ = CASES["anthropic"]
            status, _, _ = await post(gateway, session, path, {**body, "model": "claude-of-nobody"})
            return status, len(provider.requests)

    assert asyncio.run(ask(5.0)) == (403, 0)
    assert asyncio.run(ask(None)) == (200, 1)


def test_a_spent_budget_refuses_in_words_that_no_client_tries_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        async with opened(tmp_path, monkeypatch, budget=0.0000001) as (gateway, provider, session):
            provider.body = stream(ANTHROPIC)
            path, body, _ = CASES["anthropic"]
            assert (await post(gateway, session, path, body))[0] == 200
            status, said, headers = await post(gateway, session, path, body)
            assert status == 403
            assert "budget" in json.loads(said)["error"]["message"]
            assert headers["x-should-retry"] == "false"
            assert gateway.budget_spent is not None
            assert len(provider.requests) == 1

    asyncio.run(go())


def test_a_resumed_experiment_gets_stored_answers_while_its_requests_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, body, parts = CASES["anthropic"]

    async def go(first: bool) -> None:
        async with opened(tmp_path, monkeypatch) as (gateway, provider, session):
            provider.body = stream(parts)
            for session_name in ("one", "two"):
                status, said, headers = await post(gateway, session, path, {**body, "metadata": {"user_id": session_name}})
                assert (status, said, headers["Content-Type"]) == (200, stream(parts), "text/event-stream")
            assert len(provider.requests) == (2 if first else 0)
            assert gateway.spent.usage.calls == 2
            provider.body = stream(parts[:-1])
            await post(gateway, session, path, {**body, "system": f"another, first: {first}"})
            assert len(provider.requests) == (3 if first else 1)

    asyncio.run(go(True))
    asyncio.run(go(False))


def test_after_the_deadline_nothing_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        async with opened(tmp_path, monkeypatch, left=-1) as (gateway, provider, session):
            path, body, _ = CASES["anthropic"]
            assert (await post(gateway, session, path, body))[0] == 403
            assert provider.requests == []

    asyncio.run(go())


def test_a_busy_provider_is_heard_by_the_client_and_nothing_is_booked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        async with opened(tmp_path, monkeypatch) as (gateway, provider, session):
            provider.status = 429
            path, body, _ = CASES["anthropic"]
            status, _, headers = await post(gateway, session, path, body)
            assert (status, headers["Retry-After"]) == (429, "7")
            assert gateway.spent.usage.calls == 0
            provider.status, provider.body = 200, stream(ANTHROPIC)
            assert (await post(gateway, session, path, body))[0] == 200
            assert gateway.told()["refused"] == {"provider 429": 1}

    asyncio.run(go())


def test_whole_answers_are_read_as_streams_are() -> None:
    message = {
        "type": "message",
        "content": [{"type": "text", "text": "hi"}, {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "ls"}}],
        "stop_reason": "max_tokens",
        "usage": {"input_tokens": 5, "cache_creation_input_tokens": 7, "output_tokens": 2},
    }
    found = read("anthropic", json.dumps(message).encode(), False)
    assert (found.text, found.finish_reason, found.cache_written) == ("hi", "length", 7)
    assert found.usage is not None
    assert found.usage.prompt_tokens == 12
    assert found.tool_calls == [{"id": "t", "name": "Bash", "arguments": '{"command": "ls"}'}]
    listed = read("gemini", json.dumps(GEMINI).encode(), False)
    assert listed.usage is not None
    assert listed.usage.completion_tokens == 40
    chat = {
        "choices": [{"message": {"content": "x"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1},
    }
    whole = read("openai", json.dumps(chat).encode(), False)
    assert whole.text == "x"
    assert whole.usage is not None
    assert whole.usage.prompt_tokens == 3


@pytest.mark.parametrize("body", [b"", b"[1, 2]", b"no json", b'{"usage": 3, "choices": [{}]}'])
def test_an_answer_that_makes_no_sense_counts_nothing(body: bytes) -> None:
    for dialect in ("anthropic", "openai", "gemini"):
        assert read(dialect, body, False).tool_calls == []
        assert read(dialect, body, True).usage is None


def test_an_answer_cut_by_the_provider_is_booked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        async with opened(tmp_path, monkeypatch) as (gateway, provider, session):
            provider.body = stream(ANTHROPIC)
            provider.cut = True
            path, body, _ = CASES["anthropic"]
            with pytest.raises(aiohttp.ClientError):
                await post(gateway, session, path, body)
            assert gateway.spent.usage.prompt_tokens == 100
            assert gateway.told()["refused"] == {"cut": 1}

    asyncio.run(go())


def test_the_deadline_ends_an_answer_and_books_what_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        async with opened(tmp_path, monkeypatch, left=2.0) as (gateway, provider, session):
            provider.body = stream(ANTHROPIC)
            provider.hang = True
            path, body, _ = CASES["anthropic"]
            with pytest.raises(aiohttp.ClientError):
                await post(gateway, session, path, body)
            assert gateway.spent.usage.prompt_tokens == 100

    asyncio.run(go())


def test_a_socket_serves_a_client_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        async with opened(tmp_path, monkeypatch) as (gateway, provider, _):
            provider.body = stream(ANTHROPIC)
            other = Gateway(gateway._settings, gateway._calls, gateway._budget, scope="t/other", deadline=time.time() + 60)
            socket = tmp_path / "gateway.sock"
            await other.open_socket(socket)
            try:
                assert socket.stat().st_mode & 0o777 == 0o666
                connector = aiohttp.UnixConnector(str(socket))
                async with aiohttp.ClientSession(connector=connector) as session:
                    path, body, _ = CASES["anthropic"]
                    status, _, _ = await post(other, session, path, body)
                    assert status == 200
                    # One trial's token opens no other's gateway.
                    assert (await post(gateway, session, path, body))[0] == 401
            finally:
                await other.close()
            assert not socket.exists()

    asyncio.run(go())


def test_no_key_is_left_in_what_a_provider_says_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        async with opened(tmp_path, monkeypatch) as (gateway, provider, session):
            provider.status, provider.error = 401, f'{{"error": "no such key: {REAL_KEY}"}}'.encode()
            path, body, _ = CASES["anthropic"]
            assert (await post(gateway, session, path, body))[:2] == (401, b'{"error": "no such key: <key>"}')

    asyncio.run(go())


def test_tokens_are_counted_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"model": "claude-sonnet-4-5", "messages": [HELLO]}
    status, _, sent, told = asked_of(tmp_path, monkeypatch, "/anthropic/v1/messages/count_tokens", body)
    assert (status, sent, told["usage"]["calls"]) == (200, body, 0)


@asynccontextmanager
async def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Any, Any, Any, bytes]]:
    """Gateway, provider, an answer and its first piece; the rest comes when `provider.gate` is set."""
    async with opened(tmp_path, monkeypatch) as (gateway, provider, session):
        provider.body, provider.gate = stream(ANTHROPIC), asyncio.Event()
        path, body, _ = CASES["anthropic"]
        headers = {"x-api-key": gateway.access.token}
        async with session.post(gateway.access.base_url + path, json=body, headers=headers) as reply:
            yield gateway, provider, reply, await asyncio.wait_for(reply.content.readany(), 20)


def test_a_piece_of_an_answer_is_passed_on_before_the_rest_has_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        async with begun(tmp_path, monkeypatch) as (_, provider, reply, first):
            assert provider.body.startswith(first)
            provider.gate.set()
            assert first + await reply.read() == provider.body

    asyncio.run(go())


def test_an_answer_is_on_disk_before_its_end_reaches_the_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        async with opened(tmp_path, monkeypatch) as (gateway, provider, session):
            provider.body = stream(ANTHROPIC)
            path, body, _ = CASES["anthropic"]
            await post(gateway, session, path, body)
            (call,) = CallLog(tmp_path / "calls", "reader").read(SCOPE)
            assert call.response.message["body"] == provider.body.decode()

    asyncio.run(go())


def test_a_request_beyond_the_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_mlrbench.models.gateway.server.MAX_REQUEST", 1000)
    body = {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "x" * 2000}]}
    status, said, sent, _ = asked_of(tmp_path, monkeypatch, "/anthropic/v1/messages", body)
    assert (status, sent, json.loads(said)["error"]["type"]) == (413, None, "request_too_large")


def test_work_that_goes_on_after_the_budget_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut: list[bool] = []

    async def endless() -> str:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cut.append(True)
            raise
        return ""

    async def ends() -> str:
        return "no results"

    async def go() -> None:
        async with opened(tmp_path, monkeypatch, budget=0.0000001) as (gateway, provider, session):
            provider.body = stream(ANTHROPIC)
            working = asyncio.create_task(until_spent(gateway, endless(), grace=0.01))
            path, body, _ = CASES["anthropic"]
            await post(gateway, session, path, body)
            assert not working.done()
            await post(gateway, session, path, body)
            assert "budget" in await asyncio.wait_for(working, 20)
            assert cut == [True]
            assert await until_spent(gateway, ends()) == "no results"
        assert await until_spent(None, ends()) == "no results"

    asyncio.run(go())


def test_an_answer_whose_client_has_gone_is_read_to_its_end_and_booked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        async with begun(tmp_path, monkeypatch) as (gateway, provider, reply, _):
            reply.close()
            await asyncio.sleep(0.1)
            provider.gate.set()
            async with asyncio.timeout(20):
                while not gateway.spent.usage.calls:
                    await asyncio.sleep(0.01)
            assert gateway.spent.usage.completion_tokens == 40

    asyncio.run(go())


WHOLE = {
    "anthropic": {
        "type": "message",
        "content": [{"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "python run.py"}}],
        "usage": {"input_tokens": 10, "cache_read_input_tokens": 90, "output_tokens": 40},
    },
    "responses": RESPONSES[1]["response"],
    "chat": {
        "choices": [
            {"message": {"tool_calls": [{"id": "c1", "function": {"name": "bash", "arguments": '{"command": "python run.py"}'}}]}}
        ],
        "usage": CHAT[-1]["usage"],
    },
    "gemini": GEMINI[1],
}


@pytest.mark.parametrize("case", CASES)
def test_a_whole_answer_is_passed_on_and_counted(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, body, _ = CASES[case]

    async def go() -> None:
        async with opened(tmp_path, monkeypatch, model=TESTED[case]) as (gateway, provider, session):
            provider.body, provider.kind = json.dumps(WHOLE[case]).encode(), "application/json"
            at = path.replace("streamGenerateContent", "generateContent")
            status, said, headers = await post(gateway, session, at, body)
            assert (status, said, headers["Content-Type"]) == (200, provider.body, "application/json")
            usage = gateway.spent.usage
            assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (100, 40, 90)
            assert gateway.spent.cost > 0
            assert [json.loads(one["arguments"]).popitem()[1] for one in gateway.told()["tool_calls"]] == ["python run.py"]

    asyncio.run(go())


def test_what_ended_a_program_is_the_hosts_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        async with opened(tmp_path, monkeypatch) as (gateway, provider, session):
            path, body, _ = CASES["anthropic"]
            ended_by = gateway.access.ended_by
            provider.status = 400
            await post(gateway, session, path, body)
            assert ended_by() is None  # about what was asked: a program inside can bring that about
            provider.status = 529
            await post(gateway, session, path, body)
            assert isinstance(ended_by(), InfrastructureError)
            assert "529" in str(ended_by())
            provider.status, provider.body = 200, stream(ANTHROPIC)
            await post(gateway, session, path, body)
            assert ended_by() is None

    asyncio.run(go())
