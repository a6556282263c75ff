"""OpenAI's chat protocol, posted as it is; the litellm backend asks here before it asks litellm's own completion.

litellm knows which models of `openai/` speak it, what becomes of their parameters and messages, and how answers and refusals read:
it is asked for all of that. What is left out is the HTTP stack below it (the OpenAI SDK on httpx on aiohttp) and the work of its
logging, which are five sixths of what a call costs (docs/performance.md).
"""

import inspect
import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast
from urllib.request import getproxies

from .gateway.dialects import DIALECTS

if TYPE_CHECKING:
    from ssl import SSLContext

    import aiohttp

PROVIDER = "openai"
NO_ROOM = b"could not finish the message because max_tokens or model output limit was reached"
"""Of a 400 that litellm turns into an answer that was cut before its first token; after a 422 it leaves parameters out."""


class NoAnswer(Exception):
    """The connection was refused or lost, or what came is no answer."""


class OpenAIChat:
    """Posts chat completions to `OPENAI_BASE_URL`. One for a process, in one event loop."""

    def __init__(self, litellm: Any) -> None:
        self._litellm = litellm
        self._session: aiohttp.ClientSession | None = None
        self._kinds: dict[str, tuple[str, Any, dict[str, Any]] | None] = {}
        """Model and parameters -> what `_kind` says of such calls: a run has a few of them."""

    def body(self, model: str, messages: list[dict[str, Any]], params: dict[str, Any]) -> dict[str, Any] | None:
        """What litellm would post for this call; None where it would do something else than post it to `/chat/completions`."""
        kind = f"{model} {json.dumps(params)}"
        if kind not in self._kinds:
            self._kinds[kind] = self._kind(model, params)
        known = self._kinds[kind]
        if known is None:
            return None
        name, config, mapped = known
        messages = self._litellm.utils.validate_and_fix_openai_messages(messages=messages)
        body: dict[str, Any] = config.transform_request(name, messages, dict(mapped), {"custom_llm_provider": PROVIDER}, {})
        return body

    def _kind(self, model: str, params: dict[str, Any]) -> tuple[str, Any, dict[str, Any]] | None:
        """Of calls to this model with these parameters: its name at the provider, litellm's transformation, what to send."""
        litellm = self._litellm
        name, provider, key, base = litellm.get_llm_provider(model)
        # A key or an address that litellm names: one of the hosts that have environment variables of their own.
        if provider != PROVIDER or key or base or self._bridged(name, params):
            return None
        mapped = litellm.get_optional_params(model=name, custom_llm_provider=PROVIDER, drop_params=True, stream=None, **params)
        if mapped.pop("extra_body", None) or mapped.get("extra_headers"):
            return None
        config = litellm.utils.ProviderConfigManager.get_provider_chat_config(name, litellm.LlmProviders(PROVIDER))
        return None if config is None else (name, config, mapped)

    async def post(self, body: dict[str, Any]) -> tuple[Any, Mapping[str, str]] | None:
        """litellm's response object and the headers; None where litellm makes an answer of the provider's refusal.

        Raises NoAnswer, or litellm's exception for the HTTP status.
        """
        import aiohttp

        dialect = DIALECTS[PROVIDER]
        headers = {"content-type": "application/json", dialect.header: f"{dialect.prefix}{dialect.key() or ''}", **_organization()}
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        try:
            async with self._open().post(f"{dialect.base()}/chat/completions", data=content, headers=headers) as reply:
                answer = await reply.read()
                status, answered = reply.status, reply.headers
        except (aiohttp.ClientError, OSError) as error:
            raise NoAnswer(f"{type(error).__name__}: {error}") from error
        if status == 422 or (status == 400 and NO_ROOM in answer.lower()):
            return None
        if status != 200:
            raise self._refusal(body["model"], status, answer, answered)
        try:
            return self._read(answer, body["model"]), answered
        except Exception as error:  # litellm raises anything for an answer that is none
            raise NoAnswer(f"an answer that cannot be read: {type(error).__name__}: {error}") from error

    def _read(self, answer: bytes, model: str) -> Any:
        return self._litellm.utils.convert_to_model_response_object(
            response_object=json.loads(answer), model_response_object=self._litellm.ModelResponse(model=model)
        )

    def _refusal(self, model: str, status: int, answer: bytes, headers: Mapping[str, str]) -> Exception:
        """What litellm raises for this answer."""
        import httpx
        import openai
        from litellm.llms.openai.common_utils import OpenAIError

        response = httpx.Response(status, headers=dict(headers), request=httpx.Request("POST", DIALECTS[PROVIDER].base()))
        told = OpenAIError(status_code=status, message=answer.decode("utf-8", "replace"), response=response)
        try:
            mapped = self._litellm.exception_type(model=model, original_exception=told, custom_llm_provider=PROVIDER)
        except openai.APIError as error:  # the root of litellm's exceptions; most are raised, not returned
            mapped = error
        assert isinstance(mapped, Exception)
        return mapped

    def _open(self) -> "aiohttp.ClientSession":
        if self._session is None:
            import aiohttp
            from litellm.llms.custom_httpx.http_handler import get_ssl_configuration

            self._session = aiohttp.ClientSession(
                # How many are in flight is the limiter's word, and how long one may take its caller's. Many servers close what is
                # idle for five seconds, and a request that meets the close is lost.
                connector=aiohttp.TCPConnector(
                    limit=0, keepalive_timeout=4.0, ssl=cast("SSLContext | bool", get_ssl_configuration())
                ),
                timeout=aiohttp.ClientTimeout(total=None),
                # Where there is no proxy, each call would look for a .netrc in a thread.
                trust_env=bool(getproxies()),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    async def close(self) -> None:
        """Close the connections. Safe to call twice."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _bridged(self, name: str, params: dict[str, Any]) -> bool:
        """Whether litellm would go to another interface than chat completions."""
        check = self._litellm.main.responses_api_bridge_check
        known = {"model": name, "custom_llm_provider": PROVIDER, "api_base": DIALECTS[PROVIDER].base(), **params}
        # Versions differ in what they look at: what a version does not ask for does not count in its own completion.
        found, _ = check(**{one: known[one] for one in inspect.signature(check).parameters if one in known})
        return bool(found.get("mode") == "responses")


def _organization() -> dict[str, str]:
    """Whose account pays, as litellm and the SDK read it from the environment."""
    organization = os.environ.get("OPENAI_ORGANIZATION") or os.environ.get("OPENAI_ORG_ID")
    named = {"openai-organization": organization, "openai-project": os.environ.get("OPENAI_PROJECT_ID")}
    return {name: value for name, value in named.items() if value}
