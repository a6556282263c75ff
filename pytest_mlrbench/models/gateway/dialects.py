"""The three APIs that coders speak: which calls pass, where to, with whose key, how a refusal reads; server.py routes by it."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Name = Literal["anthropic", "openai", "gemini"]
Json = dict[str, Any]


@dataclass(frozen=True)
class Dialect:
    """One provider's API."""

    name: Name
    """As litellm calls the provider."""
    default: str
    """Base URL when the environment names none."""
    bases: tuple[str, ...]
    """Environment variables with another base URL, the first that is set wins (as litellm reads them)."""
    keys: tuple[str, ...]
    """Environment variables with the key."""
    answers: re.Pattern[str]
    """Paths below the base that ask the model; a group `model` where the model is part of the path."""
    counts: re.Pattern[str]
    """Paths that count tokens: passed on, they cost nothing."""
    header: str
    """Header that carries the key."""
    prefix: str = ""
    """Before the key in it."""
    history: str = "messages"
    """Field of the request with the conversation."""
    volatile: tuple[str, ...] = field(default=())
    """Fields that name the client's session: left out of what identifies a request."""

    def base(self, environ: Mapping[str, str] | None = None) -> str:
        """Where the provider is, without a slash at its end."""
        environ = os.environ if environ is None else environ
        return next((found for name in self.bases if (found := environ.get(name))), self.default).rstrip("/")

    def key(self, environ: Mapping[str, str] | None = None) -> str | None:
        """The real key; None when there is none."""
        environ = os.environ if environ is None else environ
        return next((found for name in self.keys if (found := environ.get(name))), None)

    def error(self, status: int, message: str) -> bytes:
        """A refusal as this provider's clients read one."""
        kind = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 413: "request_too_large"}.get(
            status, "api_error" if status >= 500 else "invalid_request_error"
        )
        body: Json = {"type": "error", "error": {"type": kind, "message": message}}
        if self.name == "openai":
            body = {"error": {"type": kind, "message": message, "code": kind, "param": None}}
        elif self.name == "gemini":
            body = {"error": {"code": status, "message": message, "status": kind.upper()}}
        return json.dumps(body).encode()

    def bare_model(self, path: str, body: Json) -> str:
        """The model that a request asks, as this provider calls it; empty when it names none."""
        match = self.answers.fullmatch(path)
        named = match.groupdict().get("model") if match else None
        asked = named or body.get("model")
        return asked.removeprefix("models/") if isinstance(asked, str) else ""


_GEMINI = r"/v1(?:alpha|beta)?/models/(?P<model>[\w.\-]{1,100}):"

DIALECTS: dict[str, Dialect] = {
    one.name: one
    for one in (
        Dialect(
            "anthropic",
            "https://api.anthropic.com",
            ("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"),
            ("ANTHROPIC_API_KEY",),
            re.compile(r"/v1/messages"),
            re.compile(r"/v1/messages/count_tokens"),
            "x-api-key",
            volatile=("metadata",),
        ),
        Dialect(
            "openai",
            "https://api.openai.com/v1",
            ("OPENAI_BASE_URL", "OPENAI_API_BASE"),
            ("OPENAI_API_KEY",),
            re.compile(r"/chat/completions|/responses"),
            re.compile(r"/responses/input_tokens"),
            "authorization",
            "Bearer ",
            volatile=("metadata", "client_metadata", "prompt_cache_key", "safety_identifier", "user"),
        ),
        Dialect(
            "gemini",
            "https://generativelanguage.googleapis.com",
            ("GEMINI_API_BASE", "GOOGLE_GEMINI_BASE_URL"),
            ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
            re.compile(_GEMINI + r"(?:generateContent|streamGenerateContent)"),
            re.compile(_GEMINI + r"countTokens"),
            "x-goog-api-key",
            history="contents",
        ),
    )
}
"""By the first part of the gateway's path; the openai base ends in /v1, which is part of that path too (GatewayAccess.openai)."""

ROOTS = {"anthropic": "/anthropic", "openai": "/openai/v1", "gemini": "/gemini"}


def token_of(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    """The token that a client sent where its provider's key would be; empty when none."""
    for name in ("x-api-key", "x-goog-api-key"):
        if name in headers:
            return headers[name]
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else query.get("key", "")
