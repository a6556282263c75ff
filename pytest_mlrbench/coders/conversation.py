"""A coder's conversation, kept within the model's window by letting go of what was said longest ago. bash.py uses it."""

import json
from collections.abc import Sequence
from typing import Any

from ..models.api import Message, Models

KEEP_LAST = 6
"""The last messages are never shortened: the model is about to answer them."""
SHORTEN_TO = 0.6
"""Share of the room that is left filled after shortening: done rarely, so that a provider's prompt cache is of use in between."""
LONG_ARGUMENT = 2000
"""Characters from which an old tool call's argument is shortened."""
MOST_FOR_ANSWER = 16_000
"""Tokens kept free for the answer, or a quarter of the window if that is less."""


class Conversation:
    """The messages of one experiment in the OpenAI chat format."""

    def __init__(self, models: Models, model: str, system: str, prompt: str, tools: Sequence[dict[str, Any]]) -> None:
        self._models = models
        window = models.info(model).context
        self._room = window - min(MOST_FOR_ANSWER, window // 4) - models.tokens(json.dumps(tools))
        self._messages: list[Message] = []
        self._sizes: list[int] = []
        self._outputs = 0
        self._arguments = 0
        self._characters = 0
        if system:
            self.add({"role": "system", "content": system})
        self.add({"role": "user", "content": prompt})
        self._fixed = len(self._messages)

    def add(self, message: Message) -> None:
        message = _well_formed(message)
        self._messages.append(message)
        self._sizes.append(self._size(message))

    def fitted(self) -> tuple[Message, ...]:
        """The messages to send; when the window is full, old command outputs, then long old arguments, give way to a line."""
        if sum(self._sizes) > self._room:
            for shorten in (self._drop_output, self._drop_arguments):
                for index in range(self._fixed, len(self._messages) - KEEP_LAST):
                    if sum(self._sizes) <= SHORTEN_TO * self._room:
                        break
                    self._replace(index, shorten(self._messages[index]))
        return tuple(self._messages)

    def not_shown(self) -> list[str]:
        """What was taken out, for the record."""
        if not self._outputs and not self._arguments:
            return []
        return [
            f"{self._outputs} older command outputs and {self._arguments} older tool arguments ({self._characters} characters) "
            "were taken out of the coder's conversation to fit the model's window"
        ]

    def _replace(self, index: int, message: Message | None) -> None:
        if message is not None:
            self._messages[index] = message
            self._sizes[index] = self._size(message)

    def _drop_output(self, message: Message) -> Message | None:
        """A tool result without its output: the first line, which says how the command ended, stays."""
        content = message.get("content")
        if message.get("role") != "tool" or not isinstance(content, str):
            return None
        first, newline, rest = content.partition("\n")
        if not newline or len(rest) < 200:
            return None
        self._outputs += 1
        self._characters += len(rest)
        return {**message, "content": f"{first}\n[output taken out to save room: {len(rest)} characters]"}

    def _drop_arguments(self, message: Message) -> Message | None:
        """An answer whose long tool arguments (files written) are replaced by a note."""
        calls = message.get("tool_calls")
        if message.get("role") != "assistant" or not calls:
            return None
        shortened = []
        changed = False
        for call in calls:
            arguments = call["function"]["arguments"]
            if isinstance(arguments, str) and len(arguments) > LONG_ARGUMENT:
                changed = True
                self._arguments += 1
                self._characters += len(arguments)
                note = json.dumps(_noted(arguments))
                call = {**call, "function": {**call["function"], "arguments": note}}
            shortened.append(call)
        return {**message, "tool_calls": shortened} if changed else None

    def _size(self, message: Message) -> int:
        """Tokens of a message by the estimate of the models' client."""
        text = json.dumps({key: value for key, value in message.items() if key in ("content", "tool_calls")}, ensure_ascii=False)
        return self._models.tokens(text) + 8


def _well_formed(message: Message) -> Message:
    """An answer whose tool arguments are all JSON objects: some providers refuse a conversation that quotes anything else."""
    calls = message.get("tool_calls")
    if not calls or all(_is_object(call["function"]["arguments"]) for call in calls):
        return message
    mended = [
        call
        if _is_object(text := call["function"]["arguments"])
        else {**call, "function": {**call["function"], "arguments": json.dumps({"not_valid_json": str(text)[:LONG_ARGUMENT]})}}
        for call in calls
    ]
    return {**message, "tool_calls": mended}


def _is_object(text: object) -> bool:
    try:
        return isinstance(text, str) and isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _noted(arguments: str) -> dict[str, Any]:
    """The arguments with long texts replaced by how long they were; short ones, such as a path, stay."""
    try:
        found = json.loads(arguments)
    except (ValueError, RecursionError):
        found = {}
    fields = found.items() if isinstance(found, dict) else ()
    return {
        key: f"[taken out to save room: {len(value)} characters]" if isinstance(value, str) and len(value) > 200 else value
        for key, value in fields
    }
