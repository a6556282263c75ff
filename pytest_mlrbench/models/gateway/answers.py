"""What a provider's answer says, whole or as a stream of events: text, tool calls, usage; the gateway counts by this."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ...records import Usage

Json = dict[str, Any]


@dataclass
class Read:
    """One answer."""

    text: str = ""
    tool_calls: list[Json] = field(default_factory=list)
    """`{"id", "name", "arguments"}`, the arguments as JSON text."""
    finish_reason: str = "stop"
    usage: Usage | None = None
    """None when the provider told none."""
    cache_written: int = 0
    """Prompt tokens that were written to the provider's cache, which has a price of its own."""


def read(dialect: str, body: bytes, streamed: bool) -> Read:
    """The answer in `body`. What cannot be read leaves fields empty: the client gets the bytes whatever we make of them."""
    parts = list(events(body)) if streamed else _whole(body)
    found = Read()
    try:
        {"anthropic": _anthropic, "gemini": _gemini, "openai": _openai}[dialect](parts, found)
    except (AttributeError, TypeError):
        return Read()  # JSON of another shape
    if found.tool_calls and found.finish_reason == "stop":
        found.finish_reason = "tool_calls"
    return found


def events(body: bytes) -> Iterator[Json]:
    """The JSON objects of a stream of server-sent events (`data:` lines)."""
    for block in body.replace(b"\r\n", b"\n").split(b"\n\n"):
        data = b"\n".join(line[5:].strip() for line in block.split(b"\n") if line.startswith(b"data:"))
        try:
            found = json.loads(data) if data and data != b"[DONE]" else None
        except ValueError:
            continue  # a stream that was cut
        if isinstance(found, dict):
            yield found


def _whole(body: bytes) -> list[Json]:
    try:
        found = json.loads(body)
    except ValueError:
        return []
    # Gemini streams a JSON list when it is not asked for events.
    return [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict)]


def _count(holder: Any, name: str) -> int:
    value = holder.get(name) if isinstance(holder, dict) else None
    return max(0, value) if isinstance(value, int) and not isinstance(value, bool) else 0


def _anthropic(parts: list[Json], found: Read) -> None:
    usage: Json = {}
    blocks: dict[int, Json] = {}
    for part in parts:
        kind = part.get("type")
        if kind == "message":
            blocks = dict(enumerate(part.get("content") or []))
            usage, found.finish_reason = part.get("usage") or {}, _reason(part.get("stop_reason"))
        elif kind == "message_start":
            usage = dict((part.get("message") or {}).get("usage") or {})
        elif kind == "content_block_start":
            blocks[part.get("index", 0)] = {**(part.get("content_block") or {}), "pieces": ""}
        elif kind == "content_block_delta":
            block, delta = blocks.setdefault(part.get("index", 0), {"pieces": ""}), part.get("delta") or {}
            block["pieces"] = block.get("pieces", "") + (delta.get("partial_json") or delta.get("text") or "")
        elif kind == "message_delta":
            usage.update({name: value for name, value in (part.get("usage") or {}).items() if value is not None})
            found.finish_reason = _reason((part.get("delta") or {}).get("stop_reason"))
    for _, block in sorted(blocks.items()):
        if block.get("type") == "text":
            found.text += (block.get("text") or "") + block.get("pieces", "")
        elif block.get("type") == "tool_use":
            arguments = block.get("pieces") or json.dumps(block.get("input") or {})
            found.tool_calls.append({"id": block.get("id", ""), "name": block.get("name", ""), "arguments": arguments})
    if usage:
        cached, found.cache_written = _count(usage, "cache_read_input_tokens"), _count(usage, "cache_creation_input_tokens")
        found.usage = Usage(
            calls=1,
            # Anthropic counts what came from the cache apart; everybody else, and our records, within.
            prompt_tokens=_count(usage, "input_tokens") + cached + found.cache_written,
            completion_tokens=_count(usage, "output_tokens"),
            cached_tokens=cached,
        )


def _gemini(parts: list[Json], found: Read) -> None:
    usage: Json = {}
    for part in parts:
        usage = part.get("usageMetadata") or usage
        for candidate in part.get("candidates") or []:
            if candidate.get("finishReason"):
                found.finish_reason = _reason(candidate["finishReason"])
            for piece in (candidate.get("content") or {}).get("parts") or []:
                if isinstance(call := piece.get("functionCall"), dict):
                    made = {"id": call.get("id", ""), "name": call.get("name", ""), "arguments": json.dumps(call.get("args") or {})}
                    found.tool_calls.append(made)
                elif not piece.get("thought"):
                    found.text += piece.get("text") or ""
    if usage:
        thoughts = _count(usage, "thoughtsTokenCount")
        found.usage = Usage(
            calls=1,
            prompt_tokens=_count(usage, "promptTokenCount") + _count(usage, "toolUsePromptTokenCount"),
            completion_tokens=_count(usage, "candidatesTokenCount") + thoughts,
            reasoning_tokens=thoughts,
            cached_tokens=_count(usage, "cachedContentTokenCount"),
        )


def _openai(parts: list[Json], found: Read) -> None:
    usage: Json = {}
    calls: dict[int, Json] = {}
    for part in parts:
        if isinstance(part.get("response"), dict):  # an event of the responses API
            part = part["response"] if str(part.get("type", "")).startswith(("response.completed", "response.incomplete")) else {}
        usage = part.get("usage") or usage
        for item in part.get("output") or []:
            _output_item(item, found)
        if (part.get("incomplete_details") or {}).get("reason") == "max_output_tokens":
            found.finish_reason = "length"
        for choice in part.get("choices") or []:
            message = choice.get("message") or choice.get("delta") or {}
            found.text += message.get("content") or ""
            found.finish_reason = _reason(choice.get("finish_reason")) if choice.get("finish_reason") else found.finish_reason
            for place, call in enumerate(message.get("tool_calls") or []):
                one = calls.setdefault(call.get("index", place), {"id": "", "name": "", "arguments": ""})
                function = call.get("function") or {}
                one["id"] += call.get("id") or ""
                one["name"] += function.get("name") or ""
                one["arguments"] += function.get("arguments") or ""
    found.tool_calls += [call for _, call in sorted(calls.items())]
    if usage:
        prompt = "prompt_tokens" if "prompt_tokens" in usage else "input_tokens"
        completion = "completion_tokens" if "completion_tokens" in usage else "output_tokens"
        found.usage = Usage(
            calls=1,
            prompt_tokens=_count(usage, prompt),
            completion_tokens=_count(usage, completion),
            reasoning_tokens=_count(usage.get(f"{completion}_details"), "reasoning_tokens"),
            cached_tokens=_count(usage.get(f"{prompt}_details"), "cached_tokens"),
        )


def _output_item(item: Json, found: Read) -> None:
    """One item of the responses API's output."""
    kind = str(item.get("type", ""))
    if kind == "message":
        found.text += "".join(piece.get("text") or "" for piece in item.get("content") or [])
    elif kind.endswith("_call"):
        arguments = item.get("arguments") or item.get("input") or json.dumps(item.get("action") or {})
        found.tool_calls.append({"id": item.get("call_id", ""), "name": item.get("name") or kind, "arguments": str(arguments)})


def _reason(told: Any) -> str:
    """In the words of records: stop, tool_calls, length, content_filter."""
    said = str(told or "stop").lower()
    if said in ("max_tokens", "length"):
        return "length"
    if said in ("tool_use", "tool_calls"):
        return "tool_calls"
    return "content_filter" if said in ("refusal", "safety", "content_filter") else "stop"
