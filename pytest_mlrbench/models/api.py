"""What a model call is: request, response, what is known of a model. Stdlib and records only; agents, coders, judges use it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..records import Usage

Message = dict[str, Any]
"""A chat message as the OpenAI chat API writes it (role, content, tool_calls, tool_call_id)."""


@dataclass(frozen=True)
class Request:
    """One chat completion to ask for."""

    model: str
    """litellm id, or a name of settings.OFFLINE_MODELS."""
    messages: tuple[Message, ...]
    scope: str
    """Who asks: `TASK/STAGE`, `TASK/STAGE#review:JUDGE.rK`. With its position in the scope and its digest it is the call's key,
    by which a resumed run finds the stored response again."""
    tools: tuple[dict[str, Any], ...] = ()
    """OpenAI function tools."""
    schema: dict[str, Any] | None = None
    """JSON schema the answer should follow; sent as response_format where the provider has it."""
    first: bool = False
    """Goes before waiting calls that are not: one about a finished output, so that trials end before others begin."""
    context: Mapping[str, Any] = field(default_factory=dict)
    """What the offline models read instead of the prompt (see models/offline). Never sent, not part of the digest."""


@dataclass(frozen=True)
class ToolCall:
    """A tool call of the model; `arguments` is the JSON text as the model wrote it (it may be invalid)."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Response:
    """One answer."""

    text: str
    message: Message
    """The assistant message to append to the conversation."""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str = "stop"
    """`stop`, `tool_calls`, `length` (cut by the token limit), `content_filter`."""
    usage: Usage = field(default_factory=Usage)
    cost: float | None = 0.0
    """USD; None when the model's price is not known."""
    replayed: bool = False
    """Taken from the call log of this run, nothing was asked or paid."""
    started: float = 0.0
    finished: float = 0.0


@dataclass(frozen=True)
class ModelInfo:
    """What is known of a model without calling it."""

    context: int
    """Input window in tokens (an assumed 128,000 when unknown)."""
    vision: bool
    schema_output: bool
    priced: bool


class Models(Protocol):
    """What agents, coders and judges need of the client (models.client.ModelClient has it)."""

    async def complete(self, request: Request) -> Response:
        """Answer `request`.

        Raises InfrastructureError when the provider fails after retries or refuses the request, BudgetSpent when the budget
        does not cover another call.
        """
        ...

    def info(self, model: str) -> ModelInfo: ...

    def tokens(self, text: str) -> int:
        """An upper estimate of the tokens of `text`."""
        ...
