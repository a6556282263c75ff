"""A gateway before a provider of three dialects on loopback, whose answers a test decides."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from pytest_mlrbench.models.budget import Budget
from pytest_mlrbench.models.gateway.server import Gateway
from pytest_mlrbench.results.calls import CallLog
from pytest_mlrbench.settings import Settings

REAL_KEY = "sk-the-real-key-of-the-host"
SCOPE = "t/experiment#gateway"

ANTHROPIC = [
    {"type": "message_start", "message": {"usage": {"input_tokens": 10, "cache_read_input_tokens": 90, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "I run it."}},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "t1", "name": "Bash", "input": {}}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"command": "pyth'}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": 'on run.py"}'}},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 40}},
    {"type": "message_stop"},
]
RESPONSES = [
    {"type": "response.output_text.delta", "delta": "I run it."},
    {
        "type": "response.completed",
        "response": {
            "output": [
                {"type": "message", "content": [{"type": "output_text", "text": "I run it."}]},
                {"type": "function_call", "call_id": "c1", "name": "exec_command", "arguments": '{"cmd": "python run.py"}'},
            ],
            "usage": {"input_tokens": 100, "output_tokens": 40, "input_tokens_details": {"cached_tokens": 90}},
        },
    },
]
CHAT = [
    {"choices": [{"index": 0, "delta": {"content": "I run "}}]},
    {
        "choices": [
            {"index": 0, "delta": {"content": "it.", "tool_calls": [{"index": 0, "id": "c1", "function": {"name": "bash"}}]}}
        ]
    },
    {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": '{"command": "python run.py"}'}}]}}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
    {"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 40, "prompt_tokens_details": {"cached_tokens": 90}}},
]
GEMINI = [
    {"candidates": [{"content": {"parts": [{"text": "I run it."}]}}]},
    {
        "candidates": [
            {
                "content": {"parts": [{"functionCall": {"name": "run_shell_command", "args": {"command": "python run.py"}}}]},
                "finishReason": "STOP",
            }
        ],
        "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 40, "cachedContentTokenCount": 90},
    },
]
HELLO = {"role": "user", "content": "hi"}
CASES = {
    "anthropic": (
        "/anthropic/v1/messages",
        {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "hi"}]},
        ANTHROPIC,
    ),
    "responses": ("/openai/v1/responses", {"model": "gpt-5", "input": [{"role": "user", "content": "hi"}]}, RESPONSES),
    "chat": ("/openai/v1/chat/completions", {"model": "gpt-5", "messages": [{"role": "user", "content": "hi"}]}, CHAT),
    "gemini": (
        "/gemini/v1beta/models/gemini-2.5-pro:streamGenerateContent",
        {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
        GEMINI,
    ),
}
TESTED = {
    "anthropic": "anthropic/claude-sonnet-4-5",
    "responses": "openai/gpt-5",
    "chat": "openai/gpt-5",
    "gemini": "gemini/gemini-2.5-pro",
}


def stream(parts: list[dict[str, Any]]) -> bytes:
    return b"".join(b"data: " + json.dumps(part).encode() + b"\n\n" for part in parts)


class Provider:
    """Answers every path with what the test put there and keeps what it was sent."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.status = 200
        self.body = b"{}"
        self.kind = "text/event-stream"
        self.url = ""
        self.cut = False
        """End the connection after all events but the end of the answer."""
        self.hang = False
        self.error = b'{"error": "busy"}'
        self.gate: asyncio.Event | None = None
        """Everything but the first pieces waits for it."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.path_qs, dict(request.headers), await request.read()))
        if self.status != 200:
            return web.Response(status=self.status, body=self.error, headers={"retry-after": "7"})
        out = web.StreamResponse(headers={"content-type": self.kind})
        await out.prepare(request)
        for start in range(0, len(self.body), 50):  # in pieces that cut lines and characters anywhere
            await out.write(self.body[start : start + 50])
            await asyncio.sleep(0.01 if self.gate else 0)
            if self.gate is not None and start >= 150:
                await self.gate.wait()
        if self.cut:
            await asyncio.sleep(0.05)
            assert request.transport is not None
            request.transport.abort()
            return out
        if self.hang:
            await asyncio.sleep(60)
        await out.write_eof()
        return out


@asynccontextmanager
async def provider_at(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Provider]:
    """A provider to which the environment's base URLs lead, with REAL_KEY."""
    provider = Provider()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", provider.answer)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    for name in ("ANTHROPIC", "OPENAI", "GEMINI"):
        monkeypatch.setenv(f"{name}_API_KEY", REAL_KEY)
        monkeypatch.setenv(f"{name}_API_BASE", provider.url + ("/v1" if name == "OPENAI" else ""))
    for name in ("ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "GOOGLE_GEMINI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    try:
        yield provider
    finally:
        await runner.cleanup()


@asynccontextmanager
async def opened(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    model: str = "anthropic/claude-sonnet-4-5",
    budget: float | None = 5.0,
    left: float = 60.0,
    **more: Any,
) -> AsyncIterator[tuple[Gateway, Provider, aiohttp.ClientSession]]:
    calls = CallLog(tmp_path / "calls", "gateway")
    settings = Settings(model=model, run=str(tmp_path), budget=budget, **more)
    gateway = Gateway(settings, calls, Budget(budget), scope=SCOPE, deadline=time.time() + left)
    await gateway.open_port()
    async with provider_at(monkeypatch) as provider, aiohttp.ClientSession() as session:
        try:
            yield gateway, provider, session
        finally:
            await gateway.close()
            calls.close()


async def post(
    gateway: Gateway, session: aiohttp.ClientSession, path: str, body: object, **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    sent = {"x-api-key": gateway.access.token, **headers}
    async with session.post(gateway.access.base_url + path, json=body, headers=sent) as reply:
        return reply.status, await reply.read(), dict(reply.headers)


def asked_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, body: Any, **more: Any) -> tuple[int, str, Any, Any]:
    """Status and error of one request, what the provider was sent (None when it was not asked), and the gateway's record."""

    async def go() -> tuple[int, str, Any, Any]:
        async with opened(tmp_path, monkeypatch, **more) as (gateway, provider, session):
            provider.body = stream(ANTHROPIC)
            status, said, _ = await post(gateway, session, path, body)
            sent = json.loads(provider.requests[0][2]) if provider.requests else None
            return status, said.decode(), sent, gateway.told()

    return asyncio.run(go())
