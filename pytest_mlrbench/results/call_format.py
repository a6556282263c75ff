"""How the call log writes a call down: requests by content, one JSON line each; calls.py writes these lines and reads them back."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..errors import InfrastructureError
from ..records import Usage

Json = dict[str, Any]

BLOB_PREFIX = b'{"blob":'
CALL_PREFIX = b'{"call":'
BOUNDARIES = "/#:"
"""What may follow a prefix of scopes: `T/idea` covers `T/idea#review:j.r1` but not `T/idea.e2`."""


@dataclass(frozen=True)
class StoredRequest:
    """A request by content: what the log writes for it and the digest that resume looks for."""

    digest: str
    """sha256 over model, messages, tools, schema and the asked settings."""
    refs: Json
    """Digests of messages, tools and schema."""
    blobs: dict[str, bytes]
    """Digest -> the line that holds the content."""


@dataclass(frozen=True)
class StoredResponse:
    """An answer as the provider gave it."""

    message: Json
    """The assistant message, as it goes back into the conversation."""
    finish_reason: str
    usage: Usage
    cost: float | None
    """USD; None when the model's price is not known."""
    started: float
    finished: float
    """Unix time, seconds."""


@dataclass(frozen=True)
class Call:
    """One call with everything it said and heard."""

    scope: str
    ordinal: int
    """Position in the scope, from 0."""
    digest: str
    model: str
    params: Json
    """What was really sent beside messages and tools, and what happened on the way (`retries`, `dropped`)."""
    messages: tuple[Json, ...]
    tools: tuple[Json, ...]
    schema: Json | None
    response: StoredResponse


def dump(value: object) -> bytes:
    """One canonical JSON line: sorted keys and ASCII, so that equal values have equal bytes and a lone surrogate survives."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def store_request(
    model: str, messages: tuple[Json, ...], tools: tuple[Json, ...], schema: Json | None, params: Json
) -> StoredRequest:
    """Split a request into blobs, one for each message and one for each part of a message that is a list (images, long texts)."""
    blobs: dict[str, bytes] = {}

    def blob(body: object, parts: list[str] | None = None) -> str:
        content = dump({"body": body} if parts is None else {"body": body, "parts": parts})
        digest = sha256(content).hexdigest()
        blobs[digest] = BLOB_PREFIX + f'"{digest}",'.encode() + content[1:] + b"\n"
        return digest

    def message(body: Json) -> str:
        content = body.get("content")
        if not isinstance(content, list):
            return blob(body)
        return blob({key: value for key, value in body.items() if key != "content"}, [blob(part) for part in content])

    refs: Json = {"messages": [message(one) for one in messages]}
    if tools:
        refs["tools"] = blob(list(tools))
    if schema is not None:
        refs["schema"] = blob(schema)
    return StoredRequest(sha256(dump([model, params, refs])).hexdigest(), refs, blobs)


def covers(prefix: str, scope: str, exact: bool) -> bool:
    if exact or scope == prefix:
        return scope == prefix
    return scope.startswith(prefix) and (not prefix or prefix[-1] in BOUNDARIES or scope[len(prefix)] in BOUNDARIES)


def read_response(call: Json) -> StoredResponse:
    return StoredResponse(
        message=call["message"],
        finish_reason=call["finish_reason"],
        usage=Usage(**call["usage"]),
        cost=call["cost"],
        started=call["started"],
        finished=call["finished"],
    )


def read_segment(segment: Path, prefix: str) -> Iterator[Call]:
    blobs: dict[str, int] = {}
    with segment.open("rb") as file, segment.open("rb") as lookup:

        def blob(digest: str) -> Any:
            try:
                lookup.seek(blobs[digest])
                line = json.loads(lookup.readline())
            except (KeyError, ValueError):
                raise InfrastructureError(
                    f"{segment}: content {digest[:12]} of a call is missing or damaged; restore the file or remove that call's line"
                ) from None
            if "parts" in line:
                return line["body"] | {"content": [blob(part) for part in line["parts"]]}
            return line["body"]

        offset = 0
        for line in file:
            if not line.endswith(b"\n"):
                return
            if line.startswith(BLOB_PREFIX):
                blobs[line[9:73].decode("ascii", "replace")] = offset
            else:
                try:
                    call = json.loads(line)["call"]
                    refs = call["request"]
                    wanted = covers(prefix, call["scope"], exact=False)
                except (ValueError, KeyError, TypeError):
                    wanted = False  # counted by CallLog.damaged
                if wanted:
                    yield Call(
                        scope=call["scope"],
                        ordinal=call["ordinal"],
                        digest=call["digest"],
                        model=call["model"],
                        params=call["params"],
                        messages=tuple(blob(digest) for digest in refs["messages"]),
                        tools=tuple(blob(refs["tools"])) if "tools" in refs else (),
                        schema=blob(refs["schema"]) if "schema" in refs else None,
                        response=read_response(call),
                    )
            offset += len(line)
