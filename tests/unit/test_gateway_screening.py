"""What of a request reaches a provider: the models, tools and addresses that a program in the sandbox may name."""

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_mlrbench.models import pricing
from pytest_mlrbench.models.budget import Budget
from pytest_mlrbench.models.gateway.screening import choices
from pytest_mlrbench.models.gateway.server import Gateway
from pytest_mlrbench.settings import Settings
from tests.support.gateway import CASES, HELLO, TESTED, asked_of


@pytest.mark.parametrize(
    ("tested", "asked", "served"),
    [
        ("anthropic/claude-sonnet-4-5", "claude-haiku-4-5", True),
        ("anthropic/claude-haiku-4-5", "claude-sonnet-4-5", False),
        ("gemini/gemini-2.5-pro", "claude-haiku-4-5", False),
        ("openai/claude-sonnet-4-5", "claude-sonnet-4-5", False),
    ],
)
def test_beside_the_model_under_test_only_a_cheaper_one_of_its_provider_is_asked(
    tested: str, asked: str, served: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"model": asked, "messages": [HELLO]}
    status, said, sent, told = asked_of(tmp_path, monkeypatch, "/anthropic/v1/messages", body, model=tested)
    assert (status, sent is not None) == ((200, True) if served else (403, False))
    if served:
        assert told["models"] == {f"anthropic/{asked}": 1}
    else:
        assert tested in json.loads(said)["error"]["message"]
        assert told["refused"] == {"model": 1}


def test_an_agent_command_may_be_made_of_several_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"model": "claude-sonnet-4-5", "messages": [HELLO]}
    more = {"model": "gemini/gemini-2.5-flash", "agent_command": "./agent"}
    assert asked_of(tmp_path, monkeypatch, "/anthropic/v1/messages", body, **more)[0] == 200


WEB = {"type": "web_search_20250305", "name": "web_search"}
BASH = {"name": "Bash", "input_schema": {"type": "object"}}


def test_tools_and_prices_of_the_providers_own_are_taken_out_of_a_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"service_tier": "priority", "speed": "fast", "mcp_servers": [{"url": "https://out.example"}]}
    body = {"model": "claude-sonnet-4-5", "messages": [HELLO], "tools": [WEB, BASH], "system": "s", **extra}
    status, _, sent, told = asked_of(tmp_path, monkeypatch, "/anthropic/v1/messages", body)
    assert status == 200
    assert sent == {"model": "claude-sonnet-4-5", "messages": [HELLO], "tools": [BASH], "system": "s"}
    assert told["removed"] == {"web_search_20250305": 1, "service_tier": 1, "speed": 1, "mcp_servers": 1}


PICTURE = "https://out.example/?data=secret"


@pytest.mark.parametrize(
    ("case", "change", "word"),
    [
        ("anthropic", {"tools": [WEB]}, "web_search"),
        ("anthropic", {"messages": [{"role": "user", "content": [{"type": "image", "source": {"url": PICTURE}}]}]}, PICTURE),
        ("chat", {"n": 64}, "64 answers"),
        ("chat", {"messages": [{"role": "user", "content": [{"image_url": {"url": PICTURE}}]}]}, PICTURE),
        ("responses", {"background": True}, "background"),
        ("responses", {"tools": [{"type": "mcp", "server_url": PICTURE}]}, "mcp"),
        ("responses", {"tools": [{"type": "shell", "environment": {"type": "container_auto"}}]}, "shell"),
        ("responses", {"input": [{"content": [{"type": "input_image", "image_url": " " + PICTURE}]}]}, PICTURE),
        ("gemini", {"tools": [{"googleSearch": {}}]}, "googleSearch"),
        ("gemini", {"generationConfig": {"candidateCount": 64}}, "64 answers"),
        ("gemini", {"contents": [{"parts": [{"fileData": {"fileUri": "gs://bucket/x"}}]}]}, "gs://bucket/x"),
    ],
)
def test_a_request_that_would_use_the_providers_network_or_is_not_counted_is_refused(
    case: str, change: dict[str, Any], word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, body, _ = CASES[case]
    status, said, sent, told = asked_of(tmp_path, monkeypatch, path, {**body, **change}, model=TESTED[case])
    assert (status, sent, told["refused"]) == (403, None, {"content": 1})
    assert word in json.loads(said)["error"]["message"]


def test_contents_and_arguments_are_no_addresses_to_fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [
        {"type": "text", "text": PICTURE},
        {"type": "image", "source": {"type": "base64", "data": "aGk="}},
        {"type": "tool_use", "id": "t", "name": "Fetch", "input": {"url": PICTURE}},
    ]
    body = {"model": "claude-sonnet-4-5", "messages": [{"role": "assistant", "content": parts}]}
    assert asked_of(tmp_path, monkeypatch, "/anthropic/v1/messages", body)[0] == 200


def test_a_sandbox_with_the_whole_network_may_name_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": [{"source": {"url": PICTURE}}]}]}
    assert asked_of(tmp_path, monkeypatch, "/anthropic/v1/messages", body, network="full")[0] == 200


@pytest.mark.parametrize(
    ("prices", "said"), [((1.0, 5.0), False), ((2.0, 1.0), True), ((0.5, 6.0), True), ((0.5, 1.0), False), (None, False)]
)
def test_a_model_is_dearer_by_its_input_or_its_output(
    prices: tuple[float, float] | None, said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"other": prices, "tested": (1.0, 5.0)}
    monkeypatch.setattr(pricing, "_per_token", lambda model, settings: known[model])
    assert pricing.dearer("other", "tested", Settings(model="tested", run="r")) is said


def test_every_answer_that_a_request_asks_for_is_expected_to_cost() -> None:
    assert choices({"n": 3}) == choices({"generationConfig": {"candidateCount": 3}}) == 3
    assert choices({}) == choices({"n": "many"}) == choices({"n": 0}) == 1
    settings = Settings(model="anthropic/claude-sonnet-4-5", run="r")
    gateway = Gateway(settings, None, Budget(1.0), scope="t", deadline=0.0)  # type: ignore[arg-type]
    once, thrice = (gateway._estimate("anthropic/claude-sonnet-4-5", 0, {"n": answers}) for answers in (1, 3))
    assert thrice == pytest.approx(3 * once)
    assert once > 0
