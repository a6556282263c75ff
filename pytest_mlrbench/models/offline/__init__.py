"""The built-in models that call no language model: `offline` and its controls. ModelClient asks them instead of litellm."""

import json
import time
from typing import Any

from ...errors import InfrastructureError
from ...records import Usage
from ...settings import OFFLINE_MODELS
from ..api import Request, Response, ToolCall

__all__ = ["OfflineModels"]


class OfflineModels:
    """A deterministic policy. It reads `Request.context`, and in the experiment stage the conversation, never the prompt.

    `context` holds `stage`, `task` (id, title, venue, year, category, topics, brief), `seed`, `epoch`, `inputs` (stage -> text);
    for the paper also `results` (path below results/ -> text) and `figures` (paths).
    """

    async def complete(self, request: Request) -> Response:
        """Answer `request` at no cost.

        Raises InfrastructureError for a model or a stage that it does not know, or a context without `stage` and `task`.
        """
        started = time.time()
        if request.model not in OFFLINE_MODELS:
            raise InfrastructureError(f"no offline model {request.model!r}; there are {', '.join(OFFLINE_MODELS)}")
        stage = request.context.get("stage")
        if stage is None or "task" not in request.context:
            raise InfrastructureError(
                f"{request.model} answers by context, and the request of {request.scope} has none: it can carry out stages, "
                "not answer free prompts (as a judge use --mlr-judges=offline)"
            )
        if stage == "experiment":
            from .coder import answer

            return _calls(answer(request.model, request.context, request.messages), len(request.messages), started)
        return _answer(self._text(request, str(stage)), started)

    @staticmethod
    def _text(request: Request, stage: str) -> str:
        from . import controls, paper, texts

        context = request.context
        if stage == "idea":
            return texts.idea(context)
        if stage == "literature":
            return texts.related_work(context)
        if stage == "proposal":
            return texts.proposal(context)
        if stage == "paper":
            written = paper.paper(context)
            return controls.alter(written, context) if request.model == "offline-sloppy" else written
        raise InfrastructureError(f"{request.model} carries out idea, literature, proposal, experiment and paper, not {stage!r}")


def _answer(text: str, started: float) -> Response:
    message = {"role": "assistant", "content": text}
    return Response(text=text, message=message, usage=Usage(calls=1), cost=0.0, started=started, finished=time.time())


def _calls(calls: list[tuple[str, dict[str, Any]]], turn: int, started: float) -> Response:
    """An answer that asks for tools; call ids are unique in the conversation because `turn` grows."""
    made = tuple(ToolCall(f"call_{turn}_{i}", name, json.dumps(arguments)) for i, (name, arguments) in enumerate(calls))
    message = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}} for c in made],
    }
    return Response("", message, made, "tool_calls", Usage(calls=1), 0.0, started=started, finished=time.time())
