"""What openai_chat posts and makes of answers is what litellm's own completion posts and makes of them, case by case."""

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pytest_mlrbench.errors import InfrastructureError
from pytest_mlrbench.models.api import Request
from pytest_mlrbench.models.litellm_backend import LiteLLMBackend, TransientError
from pytest_mlrbench.models.openai_chat import OpenAIChat
from pytest_mlrbench.settings import ModelSettings, Settings

Json = dict[str, Any]
COMPARED = ("authorization", "openai-organization", "openai-project", "content-type")
TOOLS = (
    {"type": "function", "function": {"name": "bash", "parameters": {"type": "object", "properties": {"c": {"type": "string"}}}}},
)
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
CALL = {"id": "c1", "type": "function", "function": {"name": "bash", "arguments": '{"c": "ls"}'}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
USER = {"role": "user", "content": "hello"}


@dataclass
class Peer:
    """A server that gives one answer to everything and keeps what it got."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    got: list[tuple[str, dict[str, str | None], Json]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    state = Peer(body=answer())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            state.got.append((self.path, {name: self.headers.get(name) for name in COMPARED}, body))
            self.send_response(state.status)
            for name, value in {
                "content-type": "application/json",
                "content-length": str(len(state.body)),
                **state.headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(state.body)

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        state.url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("OPENAI_BASE_URL", f"{state.url}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-test")
        yield state
        server.shutdown()


def answer(message: Json | None = None, *, finish: str | None = "stop", **more: Any) -> bytes:
    said = {"role": "assistant", "content": "yes", **(message or {})}
    whole = {
        "id": "x",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "m-2026",
        "choices": [{"index": 0, "message": said, "finish_reason": finish}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17},
        **more,
    }
    return json.dumps(whole).encode()


def asked(messages: tuple[Json, ...] = (USER,), model: str = "openai/m", **more: Any) -> Request:
    return Request(model=model, messages=messages, scope="t/idea", **more)


def both(peer: Peer, request: Request, monkeypatch: pytest.MonkeyPatch, own: ModelSettings | None = None) -> tuple[Any, Any]:
    """What openai_chat and what litellm make of `request`: requests the peer got, and the answer or the failure."""
    settings = Settings(model=request.model, run="unused", model_settings={request.model: own} if own else {})

    async def once() -> Any:
        backend = LiteLLMBackend(settings)
        try:
            return await backend.send(request)
        except (TransientError, InfrastructureError) as error:
            return error
        finally:
            await backend.close()

    posts: list[Any] = []
    post = OpenAIChat.post

    async def counted(self: OpenAIChat, body: Json) -> Any:
        posts.append(body)
        return await post(self, body)

    monkeypatch.setattr(OpenAIChat, "post", counted)
    made = asyncio.run(once())
    ours = list(peer.got), made
    assert posts, "the call did not go through openai_chat"
    peer.got.clear()
    monkeypatch.setattr(OpenAIChat, "body", lambda *args: None)
    posts.clear()
    made = asyncio.run(once())
    assert not posts
    return ours, (list(peer.got), made)


def alike(ours: Any, theirs: Any) -> None:
    assert ours[0] == theirs[0]
    assert ours[1] == theirs[1]


REQUESTS = {
    "plain": asked(),
    "other letters": asked(({"role": "user", "content": "Grüße, 你好, \U0001f600 \u2028"},)),
    "history": asked(
        (
            {"role": "system", "content": "be brief"},
            USER,
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "a.py"},
        ),
        tools=TOOLS,
    ),
    "image": asked(({"role": "user", "content": [{"type": "text", "text": "see"}, IMAGE]},)),
    "tools": asked(tools=TOOLS),
    "schema": asked(schema=SCHEMA),
    "bare name": asked(model="gpt-4o", schema=SCHEMA),
    "reasoning": asked(model="openai/o4-mini", schema=SCHEMA),
    "gpt-5": asked(model="gpt-5.2"),
}


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("own", [None, ModelSettings(temperature=0.3, max_tokens=50, reasoning_effort="low")], ids=["", "settings"])
def test_the_same_is_posted(peer: Peer, monkeypatch: pytest.MonkeyPatch, name: str, own: ModelSettings | None) -> None:
    ours, theirs = both(peer, REQUESTS[name], monkeypatch, own)
    assert len(ours[0]) == 1
    assert not isinstance(ours[1], Exception)
    alike(ours, theirs)


ANSWERS = {
    "text": answer(),
    "thoughts in the text": answer({"content": "<think>hm</think>\n\nyes"}),
    "thoughts beside it": answer({"reasoning_content": "hm"}),
    "tool calls": answer({"content": None, "tool_calls": [CALL]}, finish="tool_calls"),
    "tool calls that stop": answer({"content": "", "tool_calls": [CALL, {**CALL, "id": "c2"}]}),
    "cut": answer({"content": "ye"}, finish="length"),
    "filtered": answer({"content": None, "refusal": "no"}, finish="content_filter"),
    "no reason": answer(finish=None),
    "no usage": answer(usage=None),
    "details": answer(
        usage={
            "prompt_tokens": 12,
            "completion_tokens": 5,
            "total_tokens": 17,
            "completion_tokens_details": {"reasoning_tokens": 3},
            "prompt_tokens_details": {"cached_tokens": 8},
        }
    ),
    "pages read": answer({"annotations": [{"type": "url_citation", "url_citation": {"url": "u", "title": "t"}}]}),
    "lone surrogate": answer({"content": "a\ud800b"}),
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("model", ["openai/m", "gpt-4o"])
def test_the_same_is_read(peer: Peer, monkeypatch: pytest.MonkeyPatch, name: str, model: str) -> None:
    peer.body = ANSWERS[name]
    peer.headers = {"x-ratelimit-remaining-requests": "7", "x-ratelimit-reset-requests": "2s"}
    ours, theirs = both(peer, asked(model=model), monkeypatch)
    assert ours[1].quota is not None
    alike(ours, theirs)


def said(message: str, kind: str = "invalid_request_error", code: str | None = None) -> bytes:
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}}).encode()


FAILURES = {
    "bad request": (400, said("Invalid value")),
    "too long": (400, said("This model's maximum context length is 10 tokens", code="context_length_exceeded")),
    "key": (401, said("Incorrect API key provided", code="invalid_api_key")),
    "access": (403, said("not for you")),
    "model": (404, said("The model does not exist", code="model_not_found")),
    "size": (413, said("too large")),
    "parameters": (422, said("unprocessable")),
    "rate": (429, said("slow down", "requests", "rate_limit_exceeded")),
    "server": (500, said("oh", "server_error")),
    "overload": (503, said("overloaded", "server_error")),
    "a page": (502, b"<html>bad gateway</html>"),
    "no JSON": (200, b"<html>hello</html>"),
    "no answer": (200, b"null"),
    "no choices": (200, answer(choices=[])),
    "an error": (200, answer(error={"message": "provider down", "code": 502})),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_the_same_one(peer: Peer, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    peer.status, peer.body = FAILURES[name]
    peer.headers = {"retry-after": "3"}
    (_, ours), (_, theirs) = both(peer, asked(), monkeypatch)
    assert isinstance(ours, Exception)
    assert type(ours) is type(theirs)
    if isinstance(ours, TransientError):
        seen = [(one.overload, one.retry_after if peer.status != 200 else None, one.quota) for one in (ours, theirs)]
    else:  # what it is about, and what to do
        seen = [
            (str(one).partition(": ")[0], f"answered {peer.status}" in str(one), str(one).partition("What to do")[2])
            for one in (ours, theirs)
        ]
    assert seen[0] == seen[1]


def test_no_room_for_an_answer_is_litellms_to_read(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    peer.status = 400
    peer.body = said("Could not finish the message because max_tokens or model output limit was reached. Please try again.")
    ours, theirs = both(peer, asked(model="gpt-5.2"), monkeypatch)
    assert (len(ours[0]), len(theirs[0])) == (2, 1)
    assert (ours[1].finish_reason, ours[1].message) == ("length", {"role": "assistant", "content": ""})
    assert ours[1].finish_reason == theirs[1].finish_reason


def test_whose_account_pays_is_told(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"OPENAI_ORG_ID": "org-1", "OPENAI_PROJECT_ID": "proj-1"}.items():
        monkeypatch.setenv(name, value)
    ours, theirs = both(peer, asked(), monkeypatch)
    assert ours[0][0][1]["openai-organization"] == "org-1"
    alike(ours, theirs)


def test_a_proxy_of_the_environment_is_used(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://provider.invalid/v1")
    monkeypatch.setenv("http_proxy", peer.url)
    monkeypatch.delenv("no_proxy", raising=False)
    ours, theirs = both(peer, asked(), monkeypatch)
    assert ours[0][0][0] == "http://provider.invalid/v1/chat/completions"
    alike(ours, theirs)


@pytest.mark.parametrize(
    "model", ["openai/o3-pro", "openai/responses/gpt-4o", "hosted_vllm/m", "gemini/gemini-2.5-pro", "deepseek/deepseek-chat"]
)
def test_other_interfaces_and_providers_are_left_to_litellm(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_mlrbench.models.catalog import load_litellm

    monkeypatch.setenv("DEEPSEEK_API_KEY", "k")
    assert OpenAIChat(load_litellm()).body(model, [dict(USER)], {}) is None
