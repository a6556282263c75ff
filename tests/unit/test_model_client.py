"""The model client without a network: replay, retries, budget, limits, and what the catalogue knows of models."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_mlrbench.errors import BudgetSpent, InfrastructureError
from pytest_mlrbench.models import catalog
from pytest_mlrbench.models.api import Request, Response, ToolCall
from pytest_mlrbench.models.budget import Budget
from pytest_mlrbench.models.client import ModelClient, Retries
from pytest_mlrbench.models.limiter import Limiter
from pytest_mlrbench.models.litellm_backend import Answer, TransientError, readable, shorten
from pytest_mlrbench.records import Usage
from pytest_mlrbench.results.calls import CallLog
from pytest_mlrbench.settings import ModelSettings, Settings

Step = Answer | Exception


def answer(text: str = "yes", cost: float | None = 0.5) -> Answer:
    usage = Usage(calls=1, prompt_tokens=10, completion_tokens=2)
    return Answer({"role": "assistant", "content": text}, "stop", usage, cost, {"schema_sent": False})


class Scripted:
    """A backend that gives one step after the other; the last one for ever."""

    def __init__(self, *steps: Step, estimate: float = 0.0) -> None:
        self.steps = list(steps)
        self.sent: list[Request] = []
        self.guess = estimate

    async def load(self) -> None: ...

    async def send(self, request: Request) -> Answer:
        self.sent.append(request)
        await asyncio.sleep(0)
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Exception):
            raise step
        return step

    def estimate(self, model: str, prompt_tokens: int, completion_tokens: int) -> float:
        return self.guess

    def account(self, model: str) -> str:
        return model.partition("/")[0]

    async def close(self) -> None: ...


class World:
    """A client over a scripted backend, its notices and the seconds it would have slept."""

    def __init__(self, directory: Path, backend: Scripted, budget: float | None = None, spent: float = 0.0, **more: Any) -> None:
        self.backend = backend
        self.notices: list[str] = []
        self.slept: list[float] = []
        self.calls = CallLog(directory, "engine")
        self.budget = Budget(budget, spent)
        settings = Settings(model="openai/m", run=str(directory))

        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        self.client = ModelClient(
            settings, self.calls, self.budget, notice=self.notices.append, backend=backend, sleep=sleep, **more
        )

    def ask(self, *texts: str, scope: str = "t/idea") -> list[Response]:
        async def all_of_them() -> list[Response]:
            return [await self.client.complete(request(text, scope)) for text in texts]

        return asyncio.run(all_of_them())


def request(text: str, scope: str = "t/idea", model: str = "openai/m") -> Request:
    return Request(model=model, messages=({"role": "user", "content": text},), scope=scope)


# Replay


def test_a_reopened_run_replays_its_calls_without_asking_or_paying(tmp_path: Path) -> None:
    first = World(tmp_path, Scripted(answer("one"), answer("two")))
    asked = first.ask("a", "b")
    again = World(tmp_path, Scripted(answer("never")))
    replayed = again.ask("a", "b")
    assert [response.text for response in replayed] == ["one", "two"]
    assert [response.message for response in replayed] == [response.message for response in asked]
    assert all(response.replayed for response in replayed)
    assert not any(response.replayed for response in asked)
    assert (again.backend.sent, again.budget.spent) == ([], 0.0)


def test_the_first_changed_request_of_a_scope_is_asked_anew(tmp_path: Path) -> None:
    World(tmp_path, Scripted(answer("one"), answer("two"))).ask("a", "b")
    again = World(tmp_path, Scripted(answer("new")))
    assert [response.text for response in again.ask("a", "c")] == ["one", "new"]
    assert len(again.backend.sent) == 1


def test_the_same_request_asked_twice_in_a_scope_is_two_calls(tmp_path: Path) -> None:
    world = World(tmp_path, Scripted(answer("one"), answer("two")))
    assert [response.text for response in world.ask("a", "a")] == ["one", "two"]
    again = World(tmp_path, Scripted(answer("never")))
    assert [response.text for response in again.ask("a", "a")] == ["one", "two"]


def test_a_scope_that_is_restarted_in_the_same_process_replays(tmp_path: Path) -> None:
    world = World(tmp_path, Scripted(answer("one"), answer("two")))
    world.ask("a")
    world.client.restart("t/idea")
    [response] = world.ask("a")
    assert (response.text, response.replayed) == ("one", True)


def test_replay_needs_no_budget(tmp_path: Path) -> None:
    World(tmp_path, Scripted(answer("one"))).ask("a")
    again = World(tmp_path, Scripted(answer("never")), budget=1.0, spent=1.0)
    assert again.ask("a")[0].text == "one"
    with pytest.raises(BudgetSpent):
        again.ask("b")


def test_tool_calls_survive_the_log(tmp_path: Path) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "bash", "arguments": '{"command": "ls'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    World(tmp_path, Scripted(Answer(message, "tool_calls", Usage(), 0.0))).ask("a")
    [response] = World(tmp_path, Scripted(answer())).ask("a")
    assert response.tool_calls == (ToolCall("c1", "bash", '{"command": "ls'),)
    assert (response.text, response.finish_reason, response.message) == ("", "tool_calls", message)


# Retries


def test_failures_that_may_pass_are_tried_again_with_growing_waits_and_their_reasons_are_kept(tmp_path: Path) -> None:
    world = World(tmp_path, Scripted(TransientError("500: down"), TransientError("503: busy"), answer("there")))
    [response] = world.ask("a")
    assert response.text == "there"
    assert 1.0 <= world.slept[0] <= 1.5
    assert 2.0 <= world.slept[1] <= 3.0
    assert "500: down" in world.notices[0]
    assert "t/idea" in world.notices[0]
    [call] = world.calls.read()
    assert call.params["retries"] == ["500: down", "503: busy"]


def test_retry_after_is_honoured(tmp_path: Path) -> None:
    world = World(tmp_path, Scripted(TransientError("429: slow down", 42.0), answer()))
    world.ask("a")
    assert world.slept == [42.0]


def test_after_the_last_try_the_error_names_the_model_and_the_reason(tmp_path: Path) -> None:
    world = World(tmp_path, Scripted(TransientError("500: down")), retries=Retries(tries=3))
    with pytest.raises(InfrastructureError, match=r"openai/m: no answer after 3 tries.*500: down"):
        world.ask("a")
    assert len(world.backend.sent) == 3


def test_no_wait_goes_beyond_the_patience_of_a_call(tmp_path: Path) -> None:
    world = World(tmp_path, Scripted(TransientError("429: come back tomorrow", 86_400.0)))
    with pytest.raises(InfrastructureError, match="asks to wait 86400 s"):
        world.ask("a")
    assert (len(world.backend.sent), world.slept) == (1, [])


def test_a_refusal_is_not_tried_again(tmp_path: Path) -> None:
    world = World(tmp_path, Scripted(InfrastructureError("openai/m: the provider answered 401")))
    with pytest.raises(InfrastructureError, match="401"):
        world.ask("a")
    assert len(world.backend.sent) == 1


def test_a_failed_call_leaves_no_line_and_no_cost(tmp_path: Path) -> None:
    world = World(tmp_path, Scripted(InfrastructureError("refused")), budget=1.0)
    with pytest.raises(InfrastructureError):
        world.ask("a")
    assert (list(world.calls.read()), world.budget.spent) == ([], 0.0)


def test_an_answer_is_on_disk_before_it_is_returned(tmp_path: Path) -> None:
    world = World(tmp_path, Scripted(answer("one")))

    async def ask_and_look() -> list[Any]:
        await world.client.complete(request("a"))
        return [call.response.message["content"] for call in CallLog(tmp_path, "reader").read()]

    assert asyncio.run(ask_and_look()) == ["one"]


def test_a_call_cancelled_in_flight_gives_its_slot_and_its_place_in_the_budget_back(tmp_path: Path) -> None:
    class Hanging(Scripted):
        async def send(self, request: Request) -> Answer:
            if not self.sent:
                self.sent.append(request)
                await asyncio.Event().wait()
            return await super().send(request)

    world = World(tmp_path, Hanging(answer("free"), estimate=1.0), budget=1.0, limiter=Limiter(1))

    async def cancel_then_ask() -> Response:
        task = asyncio.create_task(world.client.complete(request("a")))
        while not world.backend.sent:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(30):
            return await world.client.complete(request("b", "t/other"))

    assert asyncio.run(cancel_then_ask()).text == "free"
    assert [call.scope for call in world.calls.read()] == ["t/other"]


# Budget and limits


def test_cost_is_booked_and_the_next_call_is_refused_when_nothing_is_left(tmp_path: Path) -> None:
    world = World(tmp_path, Scripted(answer(cost=0.6)), budget=1.0)
    world.ask("a", "b")
    assert world.budget.spent == pytest.approx(1.2)
    with pytest.raises(BudgetSpent, match="--mlr-budget"):
        world.ask("c")
    assert len(world.backend.sent) == 2


def test_many_calls_at_once_overrun_the_budget_by_no_more_than_one(tmp_path: Path) -> None:
    world = World(tmp_path, Scripted(answer(cost=0.3), estimate=0.3), budget=1.0)

    async def at_once() -> list[Any]:
        calls = [world.client.complete(request("a", f"t{number}/idea")) for number in range(20)]
        return await asyncio.gather(*calls, return_exceptions=True)

    results = asyncio.run(at_once())
    assert sum(isinstance(result, Response) for result in results) == 4
    assert sum(isinstance(result, BudgetSpent) for result in results) == 16
    assert world.budget.spent == pytest.approx(1.2)


def test_an_estimate_above_the_whole_budget_does_not_block_the_only_call(tmp_path: Path) -> None:
    world = World(tmp_path, Scripted(answer(cost=0.1), estimate=99.0), budget=1.0)
    assert len(world.ask("a", "b")) == 2


def test_no_limit_never_refuses(tmp_path: Path) -> None:
    world = World(tmp_path, Scripted(answer(cost=1e6), estimate=1e6), budget=None)
    assert len(world.ask("a", "b", "c")) == 3


def test_a_call_without_a_known_price_costs_none_and_is_counted(tmp_path: Path) -> None:
    world = World(tmp_path, Scripted(answer(cost=None)))
    assert world.ask("a")[0].cost is None
    assert world.calls.spent().unpriced_calls == 1


def test_a_share_is_taken_from_the_budget_until_it_is_settled() -> None:
    budget = Budget(10.0)
    share = budget.share(6.0)
    assert budget.left == 4.0
    assert budget.share(100.0).amount == 4.0
    with pytest.raises(BudgetSpent, match="reserved for experiments"):
        budget.check()
    share.settle(1.5)
    share.settle(1.5)
    assert (budget.left, budget.spent) == (4.5, 1.5)


def test_no_more_calls_are_in_flight_than_the_limiter_has_slots(tmp_path: Path) -> None:
    class Watching(Scripted):
        now = 0
        highest = 0

        async def send(self, request: Request) -> Answer:
            self.now += 1
            self.highest = max(self.highest, self.now)
            for _ in range(5):
                await asyncio.sleep(0)
            self.now -= 1
            return answer()

    backend = Watching(answer())
    world = World(tmp_path, backend, limiter=Limiter(3))

    async def at_once() -> None:
        await asyncio.gather(*(world.client.complete(request("a", f"t{number}/idea")) for number in range(12)))

    asyncio.run(at_once())
    assert backend.highest == 3


# What is known of models


def settings(**more: Any) -> Settings:
    return Settings(model="openai/m", run="r", **more)


def test_a_known_model_has_its_window_vision_and_price() -> None:
    info = catalog.model_info("anthropic/claude-sonnet-4-5", settings())
    assert (info.context, info.vision, info.schema_output, info.priced) == (200_000, True, True, True)


def test_an_unknown_model_has_assumed_values_and_its_settings_come_first() -> None:
    plain = catalog.model_info("openai/m", settings())
    assert (plain.context, plain.vision, plain.schema_output, plain.priced) == (128_000, False, True, False)
    own = {"openai/m": ModelSettings(context=9000, vision=True, schema_output=False)}
    told = catalog.model_info("openai/m", settings(model_settings=own, price=(1.0, 2.0)))
    assert (told.context, told.vision, told.schema_output, told.priced) == (9000, True, False, True)


def test_nothing_is_imported_to_know_an_offline_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def imported() -> None:
        raise AssertionError("litellm was imported for an offline model")

    monkeypatch.setattr(catalog, "load_litellm", imported)
    assert catalog.check_model("offline", settings()) == []
    assert catalog.model_info("offline", settings()).priced


def found(model: str, **more: Any) -> list[tuple[bool, str]]:
    return [(problem.fatal, problem.message) for problem in catalog.check_model(model, settings(**more))]


@pytest.mark.parametrize("model", ["nosuchprovider/m", "nosuchmodel", ""])
def test_an_unknown_provider_is_fatal_and_told_how_an_id_looks(model: str) -> None:
    [(fatal, message)] = found(model)
    assert fatal
    assert "PROVIDER/MODEL" in message


def test_an_unknown_model_of_a_known_provider_is_a_warning_with_what_comes_close(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "x")
    monkeypatch.delenv("ANTHROPIC_API_BASE", raising=False)
    [(fatal, message)] = found("anthropic/claude-sonnet-4-55", budget=None)
    assert not fatal
    assert "claude-sonnet-4-5" in message.partition("did you mean")[2]


@pytest.mark.parametrize(
    ("model", "variables"),
    [("o4-mini", ["OPENAI_API_KEY"]), ("gemini/gemini-2.5-pro", ["GEMINI_API_KEY", "GOOGLE_API_KEY"])],
)
def test_a_missing_key_is_fatal_and_its_variable_is_named(
    model: str, variables: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in variables:
        monkeypatch.delenv(name, raising=False)
    [(fatal, message)] = found(model)
    assert fatal
    assert all(name in message for name in variables)
    monkeypatch.setenv(variables[0], "k")
    assert found(model) == []


def test_a_budget_needs_a_price(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    [(fatal, message)] = found("openai/m", budget=5.0)
    assert fatal
    assert "--mlr-price" in message
    assert found("openai/m", budget=None) == []
    assert found("openai/m", budget=5.0, price=(1.0, 1.0)) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "word " * 500,
        "x = [1, 2, 3]\n" * 200,
        "ridge,17,0.83251,1.2e-05\n" * 100,
        "机器学习" * 200,
        Path(catalog.__file__).read_text(),
    ],
    ids=["empty", "words", "code", "csv", "chinese", "module"],
)
def test_the_token_estimate_is_above_a_real_count_but_within_its_reach(text: str) -> None:
    counted = len(catalog.load_litellm().encode(model="gpt-4o", text=text))
    assert counted <= catalog.tokens(text) <= 2.2 * counted + 1


# What providers say


@pytest.mark.parametrize(
    "hide",
    [
        lambda key: f"Incorrect API key provided: {key}",
        lambda key: f"Authorization: Bearer {key} was refused",
        lambda key: f"https://host/v1?key={key}&x=1",
    ],
)
def test_no_key_is_left_in_a_providers_message(hide: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "qwertyuiop-1234")
    assert "qwertyuiop" not in shorten(hide("qwertyuiop-1234"))
    assert "abcdefghijk" not in shorten(hide("sk-abcdefghijk1234"))


def test_a_providers_message_is_cut_to_one_short_line() -> None:
    assert len(shorten("a\nb " * 1000)) == 300
    assert "\n" not in shorten("a\nb")


def test_lone_surrogates_do_not_enter() -> None:
    assert readable("a\ud800b") == "a?b"
    assert readable("Grüße") == "Grüße"
