"""A provider's API, on a unix socket or a port, whose answers a script decides: what the coders' own CLIs speak, streamed.

Anthropic messages, OpenAI responses, Gemini generateContent. The script sees a conversation in one form, whatever the protocol.
"""

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

Json = dict[str, Any]
PROMPT_TOKENS, COMPLETION_TOKENS = 1200, 80
"""What every answer says it used."""


@dataclass
class Turn:
    """What the model is asked."""

    dialect: str
    """anthropic, openai or gemini."""
    model: str
    outputs: list[str]
    """Results of the tool calls so far, in order."""
    tools: list[str]
    """Names of the tools offered."""
    body: Json


@dataclass
class Answer:
    """What the model says."""

    text: str = ""
    calls: tuple[tuple[str, Json], ...] = ()
    status: int = 200
    """Not 200: the text is the error's message."""


Script = Callable[[Turn], Answer]


@dataclass
class Provider:
    """`with Provider(script, socket=path)`: serves in a thread of its own until the block ends."""

    script: Script
    socket: Path | None = None
    url: str = ""
    turns: list[Turn] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    """Of every request, as the client sent it."""
    asked: list[tuple[str, Json]] = field(default_factory=list)
    """Every tool call that was asked for."""

    def __enter__(self) -> "Provider":
        ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)

    def _serve(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        runner = self._loop.run_until_complete(self._start())
        ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _start(self) -> web.AppRunner:
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        if self.socket is not None:
            await web.UnixSite(runner, str(self.socket)).start()
            self.socket.chmod(0o666)
        else:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        headers = request.headers
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        self.keys.append(headers.get("x-api-key") or headers.get("x-goog-api-key") or bearer)
        path = request.path
        if request.method != "POST":
            return web.json_response({"error": {"message": f"no {request.method} {path}"}}, status=404)
        body = await request.json()
        if path.endswith("/count_tokens"):
            return web.json_response({"input_tokens": PROMPT_TOKENS})
        if path.endswith(":countTokens"):
            return web.json_response({"totalTokens": PROMPT_TOKENS})
        dialect = "anthropic" if path.endswith("/messages") else "openai" if path.endswith("/responses") else "gemini"
        turn = {"anthropic": _anthropic_turn, "openai": _openai_turn, "gemini": _gemini_turn}[dialect](body, path)
        self.turns.append(turn)
        # Side requests (titles, summaries, who speaks next) offer no tools: the script is not asked.
        answer = self.script(turn) if turn.tools else Answer("ok")
        if answer.status != 200:
            error = {"type": "invalid_request_error", "message": answer.text, "code": answer.status, "status": "PERMISSION_DENIED"}
            return web.json_response({"type": "error", "error": error}, status=answer.status)
        self.asked += answer.calls
        number = len(self.turns)
        streamed = body.get("stream") or "stream" in path
        events = {"anthropic": _anthropic, "openai": _openai, "gemini": _gemini}[dialect](answer, turn.model, number)
        if not streamed:
            return web.json_response(_whole(dialect, events))
        out = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await out.prepare(request)
        for event in events:
            name = f"event: {event['type']}\n" if "type" in event else ""
            await out.write(f"{name}data: {json.dumps(event)}\n\n".encode())
        await out.write_eof()
        return out


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    return "\n".join(str(part.get("text", part)) if isinstance(part, dict) else str(part) for part in parts)


def _anthropic_turn(body: Json, path: str) -> Turn:
    outputs = [
        _text(part.get("content", ""))
        for message in body["messages"]
        if isinstance(message["content"], list)
        for part in message["content"]
        if part.get("type") == "tool_result"
    ]
    return Turn("anthropic", body["model"], outputs, [tool["name"] for tool in body.get("tools", [])], body)


def _openai_turn(body: Json, path: str) -> Turn:
    outputs = [_text(item.get("output", "")) for item in body["input"] if str(item.get("type")).endswith("call_output")]
    return Turn("openai", body["model"], outputs, [tool.get("name", tool["type"]) for tool in body.get("tools", [])], body)


def _gemini_turn(body: Json, path: str) -> Turn:
    outputs = [
        _text(part["functionResponse"]["response"].get("output", part["functionResponse"]["response"].get("error", "")))
        for content in body["contents"]
        for part in content.get("parts", [])
        if "functionResponse" in part
    ]
    tools = [one["name"] for tool in body.get("tools", []) for one in tool.get("functionDeclarations", [])]
    return Turn("gemini", path.rpartition("/")[2].partition(":")[0], outputs, tools, body)


def _anthropic(answer: Answer, model: str, number: int) -> list[Json]:
    blocks: list[tuple[Json, Json]] = []
    if answer.text:
        blocks.append(({"type": "text", "text": ""}, {"type": "text_delta", "text": answer.text}))
    for index, (name, arguments) in enumerate(answer.calls):
        start = {"type": "tool_use", "id": f"toolu_{number:03d}{index:02d}", "name": name, "input": {}}
        blocks.append((start, {"type": "input_json_delta", "partial_json": json.dumps(arguments)}))
    usage = {"input_tokens": PROMPT_TOKENS, "output_tokens": 1, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    message = {"id": f"msg_{number:04d}", "type": "message", "role": "assistant", "model": model, "content": [], "usage": usage}
    events: list[Json] = [{"type": "message_start", "message": {**message, "stop_reason": None, "stop_sequence": None}}]
    for index, (start, delta) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    stop = "tool_use" if answer.calls else "end_turn"
    told = {"output_tokens": COMPLETION_TOKENS}
    events.append({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": told})
    return [*events, {"type": "message_stop"}]


def _openai(answer: Answer, model: str, number: int) -> list[Json]:
    items: list[Json] = []
    if answer.text:
        content = [{"type": "output_text", "text": answer.text, "annotations": []}]
        items.append({"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed", "content": content})
    for index, (name, arguments) in enumerate(answer.calls):
        shared = {"id": f"fc_{number}_{index}", "call_id": f"call_{number:03d}{index:02d}", "name": name, "status": "completed"}
        items.append({"type": "function_call", "arguments": json.dumps(arguments), **shared})
    usage = {"input_tokens": PROMPT_TOKENS, "output_tokens": COMPLETION_TOKENS, "total_tokens": PROMPT_TOKENS + COMPLETION_TOKENS}
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    response = {"id": f"resp_{number}", "object": "response", "model": model, "status": "in_progress", "output": []}
    events: list[Json] = [{"type": "response.created", "response": response}]
    for index, item in enumerate(items):
        events.append({"type": "response.output_item.added", "output_index": index, "item": item})
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    done = {**response, "status": "completed", "output": items, "usage": {**usage, **details}}
    return [*events, {"type": "response.completed", "response": done}]


def _gemini(answer: Answer, model: str, number: int) -> list[Json]:
    parts: list[Json] = [{"text": answer.text}] if answer.text else []
    for index, (name, arguments) in enumerate(answer.calls):
        parts.append({"functionCall": {"id": f"g{number}-{index}", "name": name, "args": arguments}})
    usage = {
        "promptTokenCount": PROMPT_TOKENS,
        "candidatesTokenCount": COMPLETION_TOKENS,
        "totalTokenCount": PROMPT_TOKENS + COMPLETION_TOKENS,
    }
    candidate = {"content": {"role": "model", "parts": parts}, "index": 0, "finishReason": "STOP"}
    return [{"candidates": [candidate], "usageMetadata": usage, "modelVersion": model, "responseId": f"r{number}"}]


def _whole(dialect: str, events: list[Json]) -> Json:
    if dialect == "gemini":
        return events[0]
    if dialect == "openai":
        response: Json = events[-1]["response"]
        return response
    message: Json = dict(events[0]["message"])
    for event in events:
        if event["type"] == "content_block_delta" and event["delta"]["type"] == "text_delta":
            message["content"] = [{"type": "text", "text": event["delta"]["text"]}]
    return {**message, "stop_reason": "end_turn"}
