"""The model client against a real HTTP server: what litellm sends, which failures are tried again, what is paid and replayed."""

import asyncio
import gc
import warnings
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_mlrbench.errors import InfrastructureError
from pytest_mlrbench.models.api import Request, Response
from pytest_mlrbench.models.budget import Budget
from pytest_mlrbench.models.client import ModelClient, Retries
from pytest_mlrbench.models.limiter import Limiter
from pytest_mlrbench.results.calls import CallLog
from pytest_mlrbench.settings import ModelSettings, Settings
from tests.support.scripted_server import Json, Reply, ScriptedServer

MODEL = "openai/m"
SCHEMA = {
    "type": "object",
    "properties": {"Clarity": {"type": "integer", "minimum": 1, "maximum": 10}},
    "required": ["Clarity"],
    "additionalProperties": False,
}
QUICK = Retries(first_wait=0.01)
TOOL = {
    "type": "function",
    "function": {"name": "bash", "parameters": {"type": "object", "properties": {"command": {"type": "string"}}}},
}


def echo(body: Json) -> Reply:
    """A tool call when there are tools, else a short text."""
    if body.get("tools"):
        return Reply("", (("bash", {"command": "ls"}),), stage="tool")
    return Reply('{"Clarity": 7}', stage="text")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    with ScriptedServer(echo) as running:
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-the-test")
        yield running


def request(text: str = "hello", scope: str = "t/idea", model: str = MODEL, **more: Any) -> Request:
    return Request(model=model, messages=({"role": "user", "content": text},), scope=scope, **more)


def run(
    directory: Path,
    work: Callable[[ModelClient], Awaitable[Any]],
    *,
    own: ModelSettings | None = None,
    retries: Retries = QUICK,
    limiter: Limiter | None = None,
    notices: list[str] | None = None,
    model: str = MODEL,
    **settings: Any,
) -> Any:
    """`work` with a client of its own over the log in `directory`, as one invocation of a run has it."""
    built = Settings(model=model, run=str(directory), model_settings={model: own} if own else {}, **settings)

    async def invocation() -> Any:
        log = CallLog(directory, "engine")
        notice = notices.append if notices is not None else None
        client = ModelClient(built, log, Budget(built.budget), limiter=limiter, retries=retries, notice=notice)
        try:
            async with asyncio.timeout(120):  # a hang is a failure, not an endless test
                return await work(client)
        finally:
            await client.close()
            log.close()

    return asyncio.run(invocation())


def ask(directory: Path, *requests: Request, **more: Any) -> list[Response]:
    async def work(client: ModelClient) -> list[Response]:
        return [await client.complete(one) for one in requests]

    answers: list[Response] = run(directory, work, **more)
    return answers


def test_an_answer_has_text_usage_and_no_invented_price(server: ScriptedServer, tmp_path: Path) -> None:
    [response] = ask(tmp_path, request())
    assert response.text == '{"Clarity": 7}'
    assert response.message == {"role": "assistant", "content": '{"Clarity": 7}'}
    tokens = server.stats()["tokens"]
    assert (response.usage.prompt_tokens, response.usage.completion_tokens) == (tokens["prompt"], tokens["completion"])
    assert response.cost is None
    assert response.started <= response.finished


def test_a_given_price_is_applied_where_none_is_known(server: ScriptedServer, tmp_path: Path) -> None:
    [response] = ask(tmp_path, request(), price=(1000.0, 2_000_000.0))
    usage = response.usage
    assert response.cost == pytest.approx(usage.prompt_tokens * 0.001 + usage.completion_tokens * 2.0)


def test_a_known_price_comes_before_a_given_one(server: ScriptedServer, tmp_path: Path) -> None:
    [response] = ask(tmp_path, request(model="openai/gpt-4o"), model="openai/gpt-4o", price=(1e6, 1e6))
    # gpt-4o: 2.50 USD per million input tokens, 10 USD per million output tokens
    usage = response.usage
    assert response.cost == pytest.approx(usage.prompt_tokens * 2.5e-6 + usage.completion_tokens * 10e-6)


def test_tools_are_sent_and_their_calls_come_back_as_the_model_wrote_them(server: ScriptedServer, tmp_path: Path) -> None:
    [response] = ask(tmp_path, request(tools=(TOOL,)))
    assert server.bodies[0]["tools"] == [TOOL]
    assert set(server.bodies[0]) == {"model", "messages", "tools"}
    assert [(call.name, call.arguments) for call in response.tool_calls] == [("bash", '{"command": "ls"}')]
    assert response.finish_reason == "tool_calls"


def test_a_conversation_with_tool_results_goes_on(server: ScriptedServer, tmp_path: Path) -> None:
    async def converse(client: ModelClient) -> None:
        first = await client.complete(request(tools=(TOOL,)))
        result = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "code results"}
        messages = ({"role": "user", "content": "hello"}, first.message, result)
        await client.complete(Request(model=MODEL, messages=messages, scope="t/idea", tools=(TOOL,)))

    run(tmp_path, converse)
    assert [message["role"] for message in server.bodies[1]["messages"]] == ["user", "assistant", "tool"]
    assert server.bodies[1]["messages"][2]["content"] == "code results"


def test_images_reach_the_server(server: ScriptedServer, tmp_path: Path) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    message = {"role": "user", "content": [{"type": "text", "text": "a figure"}, image]}
    ask(tmp_path, Request(model=MODEL, messages=(message,), scope="t/paper"))
    assert server.stats()["images"] == 1


def test_the_settings_of_a_model_are_sent_and_recorded(server: ScriptedServer, tmp_path: Path) -> None:
    ask(tmp_path, request(), own=ModelSettings(temperature=0.25, max_tokens=77))
    assert (server.bodies[0]["temperature"], server.bodies[0]["max_tokens"]) == (0.25, 77)
    [call] = CallLog(tmp_path, "reader").read()
    assert call.params == {"temperature": 0.25, "max_tokens": 77, "schema_sent": False}


def test_a_setting_that_a_model_does_not_take_is_recorded_as_dropped(server: ScriptedServer, tmp_path: Path) -> None:
    own = ModelSettings(temperature=0.25, reasoning_effort="low")
    ask(tmp_path, request(model="openai/o4-mini"), model="openai/o4-mini", own=own)
    assert "temperature" not in server.bodies[0]
    [call] = CallLog(tmp_path, "reader").read()
    assert call.params == {"reasoning_effort": "low", "schema_sent": False, "dropped": ["temperature"]}


# Structured output


def test_a_schema_is_sent_as_response_format(server: ScriptedServer, tmp_path: Path) -> None:
    ask(tmp_path, request(schema=SCHEMA))
    assert server.bodies[0]["response_format"]["json_schema"]["schema"] == SCHEMA


def test_a_model_told_not_to_take_schemas_gets_none(server: ScriptedServer, tmp_path: Path) -> None:
    ask(tmp_path, request(schema=SCHEMA), own=ModelSettings(schema_output=False))
    assert "response_format" not in server.bodies[0]


def test_a_model_that_refuses_response_format_is_asked_without_and_remembered(server: ScriptedServer, tmp_path: Path) -> None:
    server.fault("no_schema", 10)
    responses = ask(tmp_path, request("a", schema=SCHEMA), request("b", schema=SCHEMA))
    assert ["response_format" in body for body in server.bodies] == [True, False, False]
    assert [response.text for response in responses] == ['{"Clarity": 7}'] * 2
    assert [call.params["schema_sent"] for call in CallLog(tmp_path, "reader").read()] == [False, False]


def test_another_400_is_not_taken_for_a_refused_schema(server: ScriptedServer, tmp_path: Path) -> None:
    server.fault("400")
    with pytest.raises(InfrastructureError, match="Invalid value for one of the parameters"):
        ask(tmp_path, request(schema=SCHEMA))
    assert len(server.bodies) == 1


# Failures


@pytest.mark.parametrize("kind", ["429", "500", "503", "drop", "broken_body", "no_choices"])
def test_a_failure_that_passes_is_tried_again(server: ScriptedServer, tmp_path: Path, kind: str) -> None:
    notices: list[str] = []
    server.fault(kind, 2)
    [response] = ask(tmp_path, request(), notices=notices)
    assert response.text == '{"Clarity": 7}'
    assert (len(server.bodies), len(notices)) == (3, 2)


@pytest.mark.parametrize(
    ("kind", "remedy"), [("400", "settings of this model"), ("401", "check the key"), ("404", "no such model at this provider")]
)
def test_a_refusal_ends_at_once_with_model_reason_and_remedy(
    server: ScriptedServer, tmp_path: Path, kind: str, remedy: str
) -> None:
    server.fault(kind, 10)
    with pytest.raises(InfrastructureError) as caught:
        ask(tmp_path, request())
    text = str(caught.value)
    assert all(part in text for part in (MODEL, kind, remedy))
    assert len(server.bodies) == 1


def test_tries_are_bounded(server: ScriptedServer, tmp_path: Path) -> None:
    server.fault("500", 100)
    with pytest.raises(InfrastructureError, match=r"no answer after 3 tries.*The server had an error"):
        ask(tmp_path, request(), retries=Retries(tries=3, first_wait=0.01))
    assert len(server.bodies) == 3


def test_retry_after_of_the_server_decides_the_wait(server: ScriptedServer, tmp_path: Path) -> None:
    notices: list[str] = []
    server.fault("429", retry_after=0.3)
    ask(tmp_path, request(), notices=notices)
    assert "again in 0.3 s" in notices[0]


def test_a_server_that_hangs_is_given_up_after_the_models_timeout_and_tried_again(server: ScriptedServer, tmp_path: Path) -> None:
    notices: list[str] = []
    server.fault("hang")
    [response] = ask(tmp_path, request(), own=ModelSettings(timeout=2.0), notices=notices)
    assert response.text == '{"Clarity": 7}'
    assert "no answer within 2 s" in notices[0]


def test_nobody_listening_is_an_infrastructure_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-the-test")
    with pytest.raises(InfrastructureError, match="no answer after 2 tries"):
        ask(tmp_path, request(), retries=Retries(tries=2, first_wait=0.01))


def test_no_error_and_no_file_holds_the_key(server: ScriptedServer, tmp_path: Path) -> None:
    server.fault("401")
    with pytest.raises(InfrastructureError) as caught:
        ask(tmp_path, request())
    ask(tmp_path, request())
    assert "sk-secret" not in str(caught.value)
    assert all(b"sk-secret" not in path.read_bytes() for path in tmp_path.iterdir())


# Replay, limits, connections


def test_a_second_invocation_asks_the_server_only_for_what_is_new(server: ScriptedServer, tmp_path: Path) -> None:
    first = ask(tmp_path, request("a"), request("b"))
    second = ask(tmp_path, request("a"), request("b"), request("c"))
    assert server.stats()["total"] == 3
    assert server.stats()["repeated"] == 0
    assert [response.message for response in second[:2]] == [response.message for response in first]
    assert [response.replayed for response in second] == [True, True, False]


@pytest.mark.parametrize("limit", [1, 5])
def test_no_more_requests_are_in_flight_than_the_limiter_allows(server: ScriptedServer, tmp_path: Path, limit: int) -> None:
    server.gather = limit

    async def at_once(client: ModelClient) -> None:
        await asyncio.gather(*(client.complete(request(scope=f"t{number}/idea")) for number in range(4 * limit)))

    run(tmp_path, at_once, limiter=Limiter(limit))
    assert server.stats()["in_flight_max"] == limit


def test_two_hundred_and_fifty_six_calls_can_be_in_flight(server: ScriptedServer, tmp_path: Path) -> None:
    server.gather = 256

    async def at_once(client: ModelClient) -> None:
        await asyncio.gather(*(client.complete(request(scope=f"t{number}/idea")) for number in range(256)))

    run(tmp_path, at_once, limiter=Limiter(256, start=256))
    assert server.stats()["in_flight_max"] == 256


def test_a_second_client_of_the_process_works_after_the_first_was_closed(server: ScriptedServer, tmp_path: Path) -> None:
    gc.collect()  # what other tests of this process left is not of these clients
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        ask(tmp_path / "one", request())
        ask(tmp_path / "two", request())
        gc.collect()
    assert server.stats()["total"] == 2
    assert not [str(one.message) for one in caught if "unclosed" in str(one.message).lower()]
