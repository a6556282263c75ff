"""An OpenAI-protocol chat server on loopback whose answers a script decides; integration, chaos and perf tests start it.

In a test: `with ScriptedServer() as server: ... server.url, server.stats(), server.fault("429", n=2)`. As a process of its own,
which survives the test's client being killed: `python -m tests.support.scripted_server --port 0 --latency 0.5`; it prints one JSON
line with its port and answers GET /stats and POST /faults.
"""

import argparse
import asyncio
import hashlib
import importlib
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiohttp import web

Json = dict[str, Any]

STATUS_FAULTS = {
    "429": "Rate limit reached, slow down",
    "500": "The server had an error while processing your request",
    "503": "The engine is currently overloaded",
    "400": "Invalid value for one of the parameters",
    "401": "Incorrect API key provided",
    "404": "The model does not exist",
}
"""Answers with that HTTP status and message."""

TEXT_FAULTS = {
    "truncated": '{"Consistency": {"score": 7, "justification": "The work is consis',
    "prose": "This is a thoughtful piece of work. I would give it a seven out of ten overall.",
    "null": "null",
    "42": "42",
    "slashes": None,
    "two_objects": None,
    "empty": "",
}
"""Answers with status 200 and this instead of the script's text; None: made from the script's text."""

OTHER_FAULTS = ("hang", "drop", "broken_body", "no_choices", "no_schema")
"""hang: no answer until the client leaves. drop: the connection is cut. broken_body: HTTP body that ends within the JSON.
no_choices: an answer without any. no_schema: 400 that blames response_format, whenever the request has one."""


@dataclass(frozen=True)
class Reply:
    """What a script answers."""

    text: str = ""
    tool_calls: tuple[tuple[str, Json], ...] = ()
    """(tool name, arguments), in order."""
    stage: str = "other"
    """What the script took the request for; only counted."""


class Script(Protocol):
    """Decides the answer by what the request holds; called in the server's thread, must not block."""

    def __call__(self, body: Json) -> Reply: ...


@dataclass
class Fault:
    """A fault for the next `n` requests that it matches."""

    kind: str
    n: int = 1
    model: str | None = None
    stage: str | None = None
    retry_after: float | None = None
    """Seconds for the Retry-After header of a status fault."""


@dataclass
class Stats:
    """What the server saw. `calls` are answers with content; refused and dropped requests are counted apart."""

    requests: int = 0
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    in_flight: int = 0
    in_flight_max: int = 0
    images: int = 0
    schemas: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    digests: list[str] = field(default_factory=list)

    def as_json(self) -> Json:
        by_model: dict[str, dict[str, int]] = {}
        for (model, stage), count in sorted(self.calls.items()):
            by_model.setdefault(model, {})[stage] = count
        return {
            "requests": self.requests,
            "total": self.calls.total(),
            "calls": by_model,
            "faults": dict(self.faults),
            "rejected": self.rejected,
            "in_flight": self.in_flight,
            "in_flight_max": self.in_flight_max,
            "images": self.images,
            "schemas": self.schemas,
            "tokens": {"prompt": self.prompt_tokens, "completion": self.completion_tokens},
            "digests": self.digests,
            "repeated": len(self.digests) - len(set(self.digests)),
        }


class ScriptedServer:
    """The server; `with` runs it in a thread of its own, `serve` in the running event loop."""

    def __init__(
        self, script: Script | None = None, *, latency: float = 0.0, reject_above: int | None = None, port: int = 0
    ) -> None:
        if script is None:
            from tests.support.research_script import answer

            script = answer
        self.script = script
        self.latency = latency
        """Seconds before every answer with content."""
        self.reject_above = reject_above
        """More requests than this in flight are answered 429."""
        self.gather = 0
        """No answer is given before this many requests have been in flight at once: proves concurrency without timing."""
        self.port = port
        self.counted = Stats()
        self.bodies: list[Json] = []
        """Every request body received, in order."""
        self.faults: list[Fault] = []
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ended = asyncio.Event()

    @property
    def url(self) -> str:
        """Base URL for OPENAI_BASE_URL or api_base."""
        return f"http://127.0.0.1:{self.port}/v1"

    def stats(self) -> Json:
        with self._lock:
            return self.counted.as_json()

    def fault(
        self, kind: str, n: int = 1, *, model: str | None = None, stage: str | None = None, retry_after: float | None = None
    ) -> None:
        """Answer the next `n` matching requests with `kind`. Raises ValueError for an unknown kind."""
        known = (*STATUS_FAULTS, *TEXT_FAULTS, *OTHER_FAULTS)
        if kind not in known:
            raise ValueError(f"unknown fault {kind!r}; known: {', '.join(known)}")
        with self._lock:
            self.faults.append(Fault(kind, n, model, stage, retry_after))

    def __enter__(self) -> "ScriptedServer":
        ready = threading.Event()

        async def run() -> None:
            self._loop = asyncio.get_running_loop()
            runner = await self.start()
            ready.set()
            await self._ended.wait()
            await runner.cleanup()

        self._thread = threading.Thread(target=asyncio.run, args=(run(),), name="scripted-server", daemon=True)
        self._thread.start()
        if not ready.wait(10):
            raise RuntimeError("the scripted server did not start within 10 s")
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._loop is not None
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)

    async def start(self) -> web.AppRunner:
        """Listen in the running event loop; the caller cleans the runner up."""
        app = web.Application(client_max_size=256 * 2**20)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/stats", self._stats)
        app.router.add_post("/faults", self._faults)
        # A client that leaves ends its handler; without it a hang would keep `in_flight` up.
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port, backlog=1024)
        await site.start()
        self.port = runner.addresses[0][1]
        return runner

    async def _stats(self, request: web.Request) -> web.Response:
        return web.json_response(self.stats())

    async def _faults(self, request: web.Request) -> web.Response:
        """`{"kind": "429", "n": 3, "model": ..., "stage": ..., "retry_after": 0.1}`, `{"latency": 0.5}`, `{"clear": true}`."""
        body = await request.json()
        try:
            if body.pop("clear", False):
                self.faults.clear()
            self.latency = float(body.pop("latency", self.latency))
            if body:
                self.fault(**body)
        except (TypeError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"pending": sum(fault.n for fault in self.faults), "latency": self.latency})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        with self._lock:
            self.bodies.append(body)
            self.counted.requests += 1
            self.counted.in_flight += 1
            self.counted.in_flight_max = max(self.counted.in_flight_max, self.counted.in_flight)
            crowded = self.reject_above is not None and self.counted.in_flight > self.reject_above
            self.counted.rejected += crowded
        try:
            if crowded:
                return _error(429, STATUS_FAULTS["429"], retry_after=0.05)
            return await self._answer(request, body)
        finally:
            with self._lock:
                self.counted.in_flight -= 1

    async def _answer(self, request: web.Request, body: Json) -> web.StreamResponse:
        reply = self.script(body)
        fault = self._next_fault(body, reply.stage)
        kind = fault.kind if fault else None
        if fault is not None and kind in STATUS_FAULTS:
            return _error(int(fault.kind), STATUS_FAULTS[fault.kind], fault.retry_after)
        if kind == "no_schema":
            return _error(400, "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.")
        if kind == "hang":
            await asyncio.sleep(3600)
        if kind == "drop":
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        while self.counted.in_flight_max < self.gather:
            await asyncio.sleep(0.005)
        if self.latency:
            await asyncio.sleep(self.latency)
        if kind in TEXT_FAULTS:
            reply = Reply(_spoiled(str(kind), reply.text), stage=reply.stage)
        completion = self._completion(body, reply)
        if kind == "no_choices":
            completion["choices"] = []
        text = json.dumps(completion)
        if kind == "broken_body":
            text = text[: len(text) // 2]
        return web.Response(text=text, content_type="application/json")

    def _next_fault(self, body: Json, stage: str) -> Fault | None:
        with self._lock:
            for fault in self.faults:
                if fault.n < 1 or fault.model not in (None, body.get("model")) or fault.stage not in (None, stage):
                    continue
                if fault.kind == "no_schema" and "response_format" not in body:
                    continue
                fault.n -= 1
                self.counted.faults[fault.kind] += 1
                return fault
        return None

    def _completion(self, body: Json, reply: Reply) -> Json:
        message: Json = {"role": "assistant", "content": reply.text or (None if reply.tool_calls else "")}
        if reply.tool_calls:
            message["tool_calls"] = [
                {
                    "id": f"call_{len(body['messages'])}_{number}",
                    "type": "function",
                    "function": {"name": name, "arguments": json.dumps(arguments)},
                }
                for number, (name, arguments) in enumerate(reply.tool_calls)
            ]
        images = sum(part.get("type") == "image_url" for part in parts(body))
        prompt_tokens = len(prompt_text(body)) // 4 + 85 * images + 1
        completion_tokens = len(json.dumps(message)) // 4 + 1
        with self._lock:
            counted = self.counted
            counted.calls[str(body.get("model")), reply.stage] += 1
            counted.images += images
            counted.schemas += "response_format" in body
            counted.prompt_tokens += prompt_tokens
            counted.completion_tokens += completion_tokens
            counted.digests.append(hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest())
            number = len(counted.digests)
        return {
            "id": f"chatcmpl-{number}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": body.get("model"),
            "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if reply.tool_calls else "stop"}],
            "usage": {
                "prompt_tokens": prompt_tokens,
                "completion_tokens": completion_tokens,
                "total_tokens": prompt_tokens + completion_tokens,
            },
        }


def parts(body: Json) -> list[Json]:
    """The content parts of all messages; a plain string is one text part."""
    found: list[Json] = []
    for message in body["messages"]:
        content = message.get("content") or []
        found += [{"type": "text", "text": content}] if isinstance(content, str) else content
    return found


def prompt_text(body: Json) -> str:
    """All text of a request, message by message."""
    return "\n".join(part["text"] for part in parts(body) if part.get("type") == "text")


def _spoiled(kind: str, text: str) -> str:
    if kind == "two_objects":
        return f"{text}\n\n{text}"
    if kind == "slashes":
        scores = json.loads(text)
        for value in scores.values():
            if isinstance(value, dict) and "score" in value:
                value["score"] = f"{value['score']}/10"
        return json.dumps(scores)
    return TEXT_FAULTS[kind] or ""


def _error(status: int, message: str, retry_after: float | None = None) -> web.Response:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    error = {"message": message, "type": "scripted", "param": None, "code": str(status)}
    return web.json_response({"error": error}, status=status, headers=headers)


def main() -> None:
    parser = argparse.ArgumentParser(description="scripted OpenAI-protocol server")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", default="tests.support.research_script:answer", help="module:attr of a Script")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--reject-above", type=int, default=None, help="answer 429 to more requests in flight than this")
    options = parser.parse_args()
    module, _, attribute = options.script.partition(":")
    script = getattr(importlib.import_module(module), attribute)
    server = ScriptedServer(script, latency=options.latency, reject_above=options.reject_above, port=options.port)

    async def serve() -> None:
        await server.start()
        print(json.dumps({"port": server.port, "url": server.url}), flush=True)
        await asyncio.Event().wait()

    try:
        asyncio.run(serve())
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
