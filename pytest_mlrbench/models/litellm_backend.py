"""One try of one chat completion through litellm, its answer and its failures in our own words; the model client calls it."""

import asyncio
import hashlib
import importlib.util
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import InfrastructureError
from ..records import Usage
from ..settings import Settings
from .api import Message, Request
from .catalog import has_price, load_litellm, map_entry, model_info, provider_of
from .limiter import Quota
from .openai_chat import NoAnswer, OpenAIChat
from .quiet import logging_argument
from .rate_headers import quota, retry_after

DEFAULT_TIMEOUT = 600.0
"""Seconds for one call where the settings say nothing: reasoning models think for minutes."""

SHOWN = 300
"""Characters of a provider's message that an error repeats."""

OVERLOAD = frozenset((429, 503, 529))
"""HTTP statuses that ask for less at once; 529 is Anthropic's `overloaded_error`."""

FINISH_REASONS = ("stop", "tool_calls", "length", "content_filter")

REMEDIES = {
    400: "the provider refuses the request: see its message, and the settings of this model",
    401: "check the key in the environment (`mlrbench doctor` names the variable)",
    403: "the key has no access to this model: ask for it, or use another model",
    404: "no such model at this provider: check the id, and the base URL if you set one",
    413: "the request is too large for this provider: set the model's context lower",
    422: "the provider refuses the request: see its message, and the settings of this model",
}


class TransientError(Exception):
    """A failure that may pass: 429, 5xx, a lost connection, a time-out, an answer that cannot be read."""

    def __init__(
        self, reason: str, retry_after: float | None = None, *, overload: bool = False, quota: Quota | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after
        """Seconds the provider asks to wait."""
        self.overload = overload
        """Refused for load, so that fewer calls at once may help."""
        self.quota = quota


@dataclass(frozen=True)
class Answer:
    """What one try brought."""

    message: Message
    finish_reason: str
    usage: Usage
    cost: float | None
    params: dict[str, Any] = field(default_factory=dict)
    """What was sent beside messages and tools; `dropped` names settings that this model does not take."""
    quota: Quota | None = None
    """What the provider's headers say is left."""


class LiteLLMBackend:
    """litellm's asynchronous completion with its own retries, callbacks and telemetry off."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._litellm: Any = None
        self._openai: OpenAIChat | None = None
        self._loading = asyncio.Lock()
        self._no_schema: set[str] = set()
        """Models that have refused response_format."""
        self._dropped: dict[str, list[str]] = {}
        self._accounts: dict[str, str] = {}

    async def load(self) -> Any:
        """litellm; the first import takes seconds, in a thread so that the event loop goes on."""
        async with self._loading:
            if self._litellm is None:
                self._litellm = await asyncio.to_thread(load_litellm)
                self._openai = OpenAIChat(self._litellm)
        return self._litellm

    async def send(self, request: Request) -> Answer:
        """One try. Raises TransientError, or InfrastructureError where another try would end the same."""
        litellm = await self.load()
        params = self._params(request)
        if request.schema is not None and request.model not in self._no_schema and self._schema_output(request.model):
            try:
                return await self._try(litellm, request, {**params, "response_format": _response_format(request.schema)})
            except litellm.exceptions.BadRequestError as error:
                if not re.search(r"response_format|json_schema|structured.output|response_schema|output_format", str(error), re.I):
                    raise self.refusal(request.model, error) from error
                self._no_schema.add(request.model)
        try:
            return await self._try(litellm, request, params)
        except litellm.exceptions.BadRequestError as error:
            raise self.refusal(request.model, error) from error

    async def _try(self, litellm: Any, request: Request, params: dict[str, Any]) -> Answer:
        import openai

        limit = self._settings.for_model(request.model).timeout or DEFAULT_TIMEOUT
        messages = [{name: part for name, part in one.items() if name != "annotations"} for one in request.messages]
        try:
            # litellm's own limit is between bytes; a server that drips would pass it for ever.
            async with asyncio.timeout(limit):
                if (posted := await self._post(request, messages, params)) is not None:
                    return self._answer(request, posted[0], params, quota(posted[1]))
                response = await litellm.acompletion(
                    model=request.model,
                    messages=messages,
                    **logging_argument(request.model, messages),
                    timeout=limit,
                    num_retries=0,
                    max_retries=0,
                    drop_params=True,
                    **(self._tools(request) if request.tools else {}),
                    **params,
                )
        except (TimeoutError, litellm.exceptions.Timeout) as error:
            raise TransientError(f"no answer within {limit:g} s") from error
        except litellm.exceptions.BadRequestError:
            raise
        except NoAnswer as error:
            raise TransientError(f"connection: {shorten(str(error))}") from error
        except openai.APIError as error:  # the root of litellm's own exceptions
            raise self._failure(request.model, error) from error
        if response is None:  # what litellm 1.110 returns where the parameters were refused without those it can leave out, too
            raise InfrastructureError(f"{request.model}: the provider answered 422 twice. What to do: {REMEDIES[422]}")
        headers = (getattr(response, "_hidden_params", None) or {}).get("additional_headers") or {}
        return self._answer(request, response, params, quota(headers))

    async def _post(
        self, request: Request, messages: list[Message], params: dict[str, Any]
    ) -> tuple[Any, Mapping[str, object]] | None:
        """litellm's response object and the provider's headers; None where the call is litellm's own to make."""
        assert self._openai is not None
        tools = {"tools": list(request.tools)} if request.tools else {}
        body = self._openai.body(request.model, messages, {**params, **tools})
        return None if body is None else await self._openai.post(body)

    def _tools(self, request: Request) -> dict[str, Any]:
        sent: dict[str, Any] = {"tools": list(request.tools)}
        # litellm 1.106 looks for MCP tools among them with a module that is not installed with it, and every call with tools
        # ended as "No module named 'mcp'"; its own calls skip that by this argument. Versions without that module would send it.
        if importlib.util.find_spec("litellm.responses.mcp.chat_completions_handler") is not None:
            sent["_skip_mcp_handler"] = True
        return sent

    def _failure(self, model: str, error: Any) -> Exception:
        status = getattr(error, "status_code", None)
        if isinstance(status, int) and 400 <= status < 500 and status not in (408, 409, 425, 429):
            return self.refusal(model, error)
        headers = (
            getattr(error, "litellm_response_headers", None) or getattr(getattr(error, "response", None), "headers", None) or {}
        )
        return TransientError(
            f"{status or 'connection'}: {shorten(str(error))}",
            retry_after(headers),
            overload=status in OVERLOAD,
            quota=quota(headers),
        )

    def refusal(self, model: str, error: Any) -> InfrastructureError:
        """The error of a request that would be refused again."""
        status = int(getattr(error, "status_code", 400) or 400)
        remedy = REMEDIES.get(status, "see the provider's message")
        if type(error).__name__ == "ContextWindowExceededError":
            remedy = "the request is longer than the model's window: set its context with --mlr-model-setting"
        return InfrastructureError(f"{model}: the provider answered {status}: {shorten(str(error))}. What to do: {remedy}")

    def _schema_output(self, model: str) -> bool:
        return model_info(model, self._settings).schema_output

    def _params(self, request: Request) -> dict[str, Any]:
        """The settings of this model that litellm will really send; what the model does not take is named in `dropped`."""
        own = self._settings.for_model(request.model)
        asked = {
            name: value
            for name, value in (
                ("temperature", own.temperature),
                ("reasoning_effort", own.reasoning_effort),
                ("max_tokens", own.max_tokens),
            )
            if value is not None
        }
        if request.model not in self._dropped:
            self._dropped[request.model] = [name for name, value in asked.items() if self._is_dropped(request.model, name, value)]
        return {name: value for name, value in asked.items() if name not in self._dropped[request.model]}

    def _is_dropped(self, model: str, name: str, value: object) -> bool:
        """litellm drops what a model does not take without telling: see whether the setting changes what it would send."""
        name_at_provider, provider, *_ = self._litellm.get_llm_provider(model)

        def sent(**params: object) -> Any:
            return self._litellm.get_optional_params(
                model=name_at_provider, custom_llm_provider=provider, drop_params=True, **params
            )

        try:
            return bool(sent() == sent(**{name: value}))
        except Exception:  # noqa: BLE001 - a value that litellm refuses here it refuses in the call too, and there it says why
            return False

    def _answer(self, request: Request, response: Any, params: dict[str, Any], left: Quota | None) -> Answer:
        if not response.choices:
            raise TransientError("an answer without any choice")
        choice = response.choices[0]
        usage = _usage(getattr(response, "usage", None))
        message = _message(choice.message)
        reason = choice.finish_reason if choice.finish_reason in FINISH_REASONS else "stop"
        if message.get("tool_calls") and reason == "stop":
            reason = "tool_calls"
        recorded = {name: value for name, value in params.items() if name != "response_format"}
        recorded["schema_sent"] = "response_format" in params
        if dropped := self._dropped.get(request.model):
            recorded["dropped"] = dropped
        return Answer(message, reason, usage, self._cost(request.model, response, usage), recorded, left)

    def _cost(self, model: str, response: Any, usage: Usage) -> float | None:
        """USD by litellm's price map, by --mlr-price where that has none, else None."""
        if not usage.prompt_tokens and not usage.completion_tokens:
            return None  # the provider reports no usage: a cost of 0 would be a guess
        if has_price(model):
            try:
                return float(self._litellm.completion_cost(completion_response=response, model=model))
            except Exception:  # noqa: BLE001 - litellm raises anything here; an answer that is paid must not be lost for its price
                return self.estimate(model, usage.prompt_tokens, usage.completion_tokens)
        if self._settings.price is None:
            return None
        price_in, price_out = self._settings.price
        return (usage.prompt_tokens * price_in + usage.completion_tokens * price_out) / 1e6

    def estimate(self, model: str, prompt_tokens: int, completion_tokens: int) -> float:
        """USD that a call of this size would cost, 0 where no price is known."""
        if self._settings.price is not None and not has_price(model):
            price_in, price_out = self._settings.price[0] / 1e6, self._settings.price[1] / 1e6
        else:
            entry = map_entry(model) or {}
            price_in = entry.get("input_cost_per_token") or 0.0
            price_out = entry.get("output_cost_per_token") or 0.0
        return prompt_tokens * price_in + completion_tokens * price_out

    def account(self, model: str) -> str:
        """The provider and a digest of its key: models that share both share one rate limit."""
        if model not in self._accounts:
            provider = provider_of(model) or model
            keys = [value for name, value in sorted(os.environ.items()) if name.startswith(provider.upper()) and "KEY" in name]
            digest = hashlib.sha256("\0".join(keys).encode()).hexdigest()[:12]
            self._accounts[model] = f"{provider}-{digest}"
        return self._accounts[model]

    async def close(self) -> None:
        """Close the HTTP clients that litellm keeps. Safe to call twice."""
        if self._openai is not None:
            await self._openai.close()
        if self._litellm is not None:
            await self._litellm.close_litellm_async_clients()
            # litellm leaves the closed clients in its cache, where the next client of this process would find them.
            self._litellm.in_memory_llm_clients_cache.flush_cache()


def _response_format(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}


def _message(raw: Any) -> Message:
    """The assistant message as it goes back into the conversation: only what providers take."""
    text = readable(raw.content or "")
    calls = []
    for number, call in enumerate(raw.tool_calls or []):
        entry = {
            "id": call.id or f"call_{number}",
            "type": "function",
            "function": {"name": readable(call.function.name or ""), "arguments": readable(call.function.arguments or "")},
        }
        # Gemini's thought signatures: its next answer is refused without them.
        if fields := getattr(call, "provider_specific_fields", None):
            entry["provider_specific_fields"] = fields
        calls.append(entry)
    message: Message = {"role": "assistant", "content": text if text or not calls else None}
    if calls:
        message["tool_calls"] = calls
    # What a search model read (`url_citation`s); kept for the literature stage, taken back by no provider.
    if notes := getattr(raw, "annotations", None):
        message["annotations"] = [dict(note) for note in notes]
    # Claude's signed thoughts: with tools it refuses a conversation that left them out.
    if blocks := getattr(raw, "thinking_blocks", None):
        message["thinking_blocks"] = [dict(block) for block in blocks]
    return message


def _usage(raw: Any) -> Usage:
    def count(holder: Any, name: str) -> int:
        value = getattr(holder, name, None)
        return max(0, value) if isinstance(value, int) else 0

    return Usage(
        calls=1,
        prompt_tokens=count(raw, "prompt_tokens"),
        completion_tokens=count(raw, "completion_tokens"),
        reasoning_tokens=count(getattr(raw, "completion_tokens_details", None), "reasoning_tokens"),
        cached_tokens=count(getattr(raw, "prompt_tokens_details", None), "cached_tokens"),
    )


def readable(text: str) -> str:
    """`text` without lone surrogates, which JSON can bring in and no file or request can take out again."""
    return text.encode("utf-8", "replace").decode("utf-8") if not text.isascii() else text


def shorten(text: str) -> str:
    """A provider's message on one line, without keys, cut to SHOWN characters."""
    for name, value in os.environ.items():
        if len(value) >= 8 and re.search(r"KEY|TOKEN|SECRET|PASSWORD", name):
            text = text.replace(value, f"<{name}>")
    text = re.sub(r"(?i)\b(sk|pk|key|bearer)([-_ =:]+)[\w*.\-]{6,}", r"\1\2<removed>", text)
    text = re.sub(r"^(litellm\.\w+: )?(\w+Error: )?", "", " ".join(text.split()))
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
