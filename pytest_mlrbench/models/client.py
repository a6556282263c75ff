"""ModelClient: the one way to a language model, for engine and runners: replay, budget, limits, retries, call log."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import InfrastructureError
from ..results.calls import CallLog, StoredRequest, StoredResponse, store_request
from ..settings import OFFLINE_MODELS, Settings
from .api import ModelInfo, Request, Response, ToolCall
from .budget import Budget
from .catalog import model_info, tokens
from .host_limit import HostLimit
from .limiter import Limiter
from .litellm_backend import Answer, LiteLLMBackend, TransientError

EXPECTED_COMPLETION = 2000
"""Tokens of an answer assumed when its cost is estimated before it is known: the mean of a stage's text is near it."""

KEPT_REQUEST = 40_000
"""Bytes of a stored request that a waiting call holds on to: with a hundred calls in flight 4 MB."""


@dataclass(frozen=True)
class Retries:
    """How long a call is tried on failures that may pass."""

    tries: int = 6
    first_wait: float = 1.0
    """Seconds before the second try; doubled each time, with up to half of it added at random so that calls spread."""
    longest_wait: float = 60.0
    patience: float = 300.0
    """Seconds of waiting between the tries of one call, in all."""


class Backend(Protocol):
    """What carries a call out; litellm_backend has the one for every real model."""

    async def load(self) -> object:
        """Import what it needs."""
        ...

    async def send(self, request: Request) -> Answer:
        """One try. Raises TransientError when another try may succeed, InfrastructureError when not."""
        ...

    def estimate(self, model: str, prompt_tokens: int, completion_tokens: int) -> float:
        """USD a call of this size costs, 0 when no price is known."""
        ...

    def account(self, model: str) -> str:
        """What shares one rate limit with `model`: the provider and its key."""
        ...

    async def close(self) -> None: ...


class _Offline(Protocol):
    async def complete(self, request: Request) -> Response: ...


class ModelClient:
    """Implements models.api.Models. One for a process, in one event loop."""

    def __init__(
        self,
        settings: Settings,
        calls: CallLog,
        budget: Budget,
        *,
        limiter: Limiter | None = None,
        retries: Retries = Retries(),
        notice: Callable[[str], None] | None = None,
        backend: Backend | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`limiter` defaults to settings.concurrency calls; `notice` is told why a call is tried again, in one line."""
        self._settings = settings
        self._calls = calls
        self._budget = budget
        self._limiter = limiter or Limiter(settings.concurrency)
        self._host = HostLimit(settings.host_concurrency)
        self._retries = retries
        self._notice = notice or (lambda text: None)
        self._backend: Backend = backend or LiteLLMBackend(settings)
        self._sleep = sleep
        self._offline: _Offline | None = None
        self._ordinals: Counter[str] = Counter()
        self._waits = random.Random()  # noqa: S311 - spreads retries, decides nothing

    def restart(self, scope: str) -> None:
        """Count the calls of `scope` from the beginning again: a stage that is begun anew replays what it has asked before."""
        self._ordinals.pop(scope, None)

    async def complete(self, request: Request) -> Response:
        """Answer `request`: from the call log when this run has asked it at this place before, else by the model.

        Raises InfrastructureError when the provider fails after retries or refuses the request, BudgetSpent when nothing is left.
        """
        ordinal = self._ordinals[request.scope]
        self._ordinals[request.scope] += 1
        asked = self._settings.for_model(request.model).model_dump(include={"temperature", "reasoning_effort", "max_tokens"})
        stored = store_request(request.model, request.messages, request.tools, request.schema, asked)
        found = self._calls.find(request.scope, ordinal, stored.digest)
        if found is not None:
            return _response(found, replayed=True)
        if request.model in OFFLINE_MODELS:
            return await self._complete_offline(request, ordinal, stored)
        await self._backend.load()
        size = sum(map(len, stored.blobs.values()))
        estimate = self._backend.estimate(request.model, size // 4, EXPECTED_COMPLETION)
        # A long one is a second text of the request for each call that waits: made again when there is an answer.
        kept = stored if size <= KEPT_REQUEST else None
        del stored
        async with self._budget.admit(estimate):
            answer, started, reasons = await self._insist(request)
            response = StoredResponse(answer.message, answer.finish_reason, answer.usage, answer.cost, started, time.time())
            params: dict[str, Any] = {**answer.params, **({"retries": reasons} if reasons else {})}
            if kept is None:
                kept = store_request(request.model, request.messages, request.tools, request.schema, asked)
            await self._record(request, ordinal, kept, params, response)
        return _response(response, replayed=False)

    async def _complete_offline(self, request: Request, ordinal: int, stored: StoredRequest) -> Response:
        if self._offline is None:
            from .offline import OfflineModels

            self._offline = OfflineModels()
        answer = await self._offline.complete(request)
        response = StoredResponse(
            answer.message,
            answer.finish_reason,
            answer.usage,
            answer.cost,
            answer.started or time.time(),
            answer.finished or time.time(),
        )
        await self._record(request, ordinal, stored, {}, response)
        return _response(response, replayed=False)

    async def _record(
        self, request: Request, ordinal: int, stored: StoredRequest, params: dict[str, Any], response: StoredResponse
    ) -> None:
        # The money is gone whether or not the caller still waits or the disk takes the line.
        self._budget.add(response.cost)
        await self._calls.append(
            scope=request.scope, ordinal=ordinal, model=request.model, request=stored, params=params, response=response
        )

    async def _insist(self, request: Request) -> tuple[Answer, float, list[str]]:
        """Try until there is an answer: with its start and the reasons of the tries before."""
        rules = self._retries
        reasons: list[str] = []
        waited = 0.0
        while True:
            account = self._backend.account(request.model)
            async with self._limiter.slot(account, first=request.first) as slot, self._host.place(account):
                started = time.time()
                try:
                    answer = await self._backend.send(request)
                except TransientError as error:
                    failure = error
                    if error.overload:
                        slot.rejected(error.retry_after, error.quota)
                else:
                    slot.answered(answer.quota)
                    return answer, started, reasons
            reasons.append(failure.reason)
            backoff = min(rules.longest_wait, rules.first_wait * 2 ** (len(reasons) - 1))
            wait = max(backoff * self._waits.uniform(1.0, 1.5), failure.retry_after or 0.0)
            if len(reasons) >= rules.tries or waited + wait > rules.patience:
                raise _given_up(request, reasons, waited, failure) from failure
            self._notice(
                f"{request.scope}: {request.model} try {len(reasons)} of {rules.tries} failed, again in {wait:.1f} s: {failure}"
            )
            await self._sleep(wait)
            waited += wait

    def info(self, model: str) -> ModelInfo:
        """What is known of `model` without calling it."""
        return model_info(model, self._settings)

    def tokens(self, text: str) -> int:
        """An upper estimate of the tokens of `text`."""
        return tokens(text)

    async def close(self) -> None:
        """Close the connections; the call log and the budget belong to the caller."""
        await self._backend.close()


def _given_up(request: Request, reasons: list[str], waited: float, last: TransientError) -> InfrastructureError:
    asked = f" (the provider asks to wait {last.retry_after:.0f} s)" if last.retry_after else ""
    return InfrastructureError(
        f"{request.model}: no answer after {len(reasons)} tries and {waited:.0f} s of waiting{asked}; the last: {last.reason}. "
        f"Resume the run when the provider answers again; --mlr-concurrency lowers the load"
    )


def _response(stored: StoredResponse, *, replayed: bool) -> Response:
    message = stored.message
    content = message.get("content")
    return Response(
        text=content if isinstance(content, str) else "",
        message=message,
        tool_calls=tuple(
            ToolCall(call["id"], call["function"]["name"], call["function"]["arguments"])
            for call in message.get("tool_calls") or ()
        ),
        finish_reason=stored.finish_reason,
        usage=stored.usage,
        cost=stored.cost,
        replayed=replayed,
        started=stored.started,
        finished=stored.finished,
    )
