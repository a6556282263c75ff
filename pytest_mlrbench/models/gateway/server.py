"""The gateway: an HTTP server of the runner that only its own sandbox reaches; it adds the real key, counts, records, stops."""

import asyncio
import hmac
import json
import secrets
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import BudgetSpent, InfrastructureError, MLRBenchError
from ...records import Spent, Usage
from ...results.calls import CallLog, StoredRequest, StoredResponse, store_request
from ...settings import Settings
from ..budget import Budget
from ..catalog import has_price, load_litellm, provider_of
from ..client import EXPECTED_COMPLETION
from ..pricing import cost_of, dearer
from .access import PORT, GatewayAccess
from .answers import Read, read
from .dialects import DIALECTS, ROOTS, Dialect, token_of
from .screening import Refused, choices, screen

if TYPE_CHECKING:
    from aiohttp import ClientResponse, web

Json = dict[str, Any]

MAX_REQUEST = 32 * 2**20
"""Bytes of one request: the most that any of the providers takes (Anthropic)."""
MAX_ERROR = 2**20
"""Bytes of a provider's error."""
REPEATED = "<key>"
"""In a provider's error, where the key was."""
AT_ONCE = 8
"""Requests that are served at the same time, so that a program cannot fill the runner's memory; others wait."""
MAX_ANSWER = 64 * 2**20
"""Bytes of one answer that are kept and counted; no provider sends so much."""
SENT = frozenset({"content-type", "accept", "anthropic-version", "anthropic-beta", "openai-beta", "user-agent"})
"""Headers of the client that reach the provider; its own credentials and cookies never do."""
QUERY = frozenset({"alt", "beta"})
"""Query parameters of the client that reach the provider: Google takes keys, projects and methods among the others."""
WORLD = frozenset({401, 402, 403, 408, 429})
"""A provider's refusals that are not about what was asked, beside 5xx."""
RETURNED = ("content-type", "retry-after", "retry-after-ms", "x-should-retry", "request-id", "x-request-id")
"""Headers of the provider that reach the client, beside its rate limits."""


class Gateway:
    """One trial's gateway. `open_socket` or `open_port`, then `access` says where it is; `close` ends the token with it."""

    def __init__(self, settings: Settings, calls: CallLog, budget: Budget, *, scope: str, deadline: float) -> None:
        """`budget`: the trial's share; `scope`: of its calls in the log; `deadline`: Unix time after which nothing is asked."""
        self._settings = settings
        self._calls = calls
        self._budget = budget
        self._scope = scope
        self._deadline = deadline
        self._token = secrets.token_urlsafe(32)
        self._served: Counter[str] = Counter()
        """Request digest -> how often it was answered: the ordinal by which a resumed run finds an answer again."""
        self._runner: Any = None
        self._session: Any = None
        self._loading: asyncio.Future[Any] | None = None
        self._socket: Path | None = None
        self._port = PORT
        self._places = asyncio.Semaphore(AT_ONCE)
        self.spent = Spent()
        """Of this attempt, replayed answers included."""
        self.budget_spent: BudgetSpent | None = None
        """Set when a call was refused for it."""
        self.ended = asyncio.Event()
        """Set with it: no further call of this trial is made."""
        self.asked: list[Json] = []
        """Every tool call that the model asked for: `{"time", "model", "name", "arguments"}`, in the order of the answers."""
        self._trouble = ""
        """What the provider's last word was, where it was no answer and no program inside can help it."""
        self.refused: Counter[str] = Counter()
        """Why requests were refused here, or the provider's status -> how often."""
        self.removed: Counter[str] = Counter()
        """What was taken out of requests (screening) -> how often."""
        self.models: Counter[str] = Counter()
        """litellm id -> how many answers it gave."""

    # -- life ---------------------------------------------------------------------------------------------------------

    @property
    def access(self) -> GatewayAccess:
        """What to tell the sandbox; with a socket, the port of the container's loopback that leads to it."""
        return GatewayAccess(f"http://127.0.0.1:{self._port}", self._token, self.ended_by)

    def ended_by(self) -> MLRBenchError | None:
        """See GatewayAccess.ended_by."""
        if self.budget_spent is not None:
            return self.budget_spent
        return InfrastructureError(self._trouble) if self._trouble else None

    async def open_socket(self, path: Path) -> None:
        """Listen on a unix socket that any user may write to: the sandbox's is another, and the token decides who is served."""
        from aiohttp import web

        self._socket = path
        await self._open()
        await web.UnixSite(self._runner, str(path)).start()
        await asyncio.to_thread(path.chmod, 0o666)

    async def open_port(self) -> None:
        """Listen on a free port of this host's loopback, for the local sandbox."""
        from aiohttp import web

        await self._open()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]

    async def _open(self) -> None:
        import aiohttp
        from aiohttp import web

        # Its import takes seconds, in which the sandbox starts.
        self._loading = asyncio.ensure_future(asyncio.to_thread(load_litellm))
        self._session = aiohttp.ClientSession(trust_env=True, auto_decompress=True, timeout=aiohttp.ClientTimeout(total=None))
        app = web.Application(client_max_size=MAX_REQUEST)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()

    async def close(self) -> None:
        """Refuse what comes, end what is open. Safe to call twice, and before it was opened."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._session is not None:
            await self._session.close()
            self._session = None
        if self._loading is not None:
            await asyncio.gather(self._loading, return_exceptions=True)
        if self._socket is not None:
            self._socket.unlink(missing_ok=True)

    def told(self) -> Json:
        """What the ledger records of it at the end."""
        return {
            "usage": self.spent.usage.model_dump(),
            "cost": self.spent.cost,
            "unpriced_calls": self.spent.unpriced_calls,
            "tool_calls": self.asked,
            "refused": dict(self.refused),
            "removed": dict(self.removed),
            "models": dict(self.models),
        }

    # -- a request ----------------------------------------------------------------------------------------------------

    async def _handle(self, request: "web.Request") -> "web.StreamResponse":
        async with self._places:
            return await self._serve(request)

    async def _serve(self, request: "web.Request") -> "web.StreamResponse":
        name = next((name for name, root in ROOTS.items() if request.path.startswith(root + "/")), None)
        dialect = DIALECTS[name or "anthropic"]
        path = request.path.removeprefix(ROOTS[name]) if name else ""
        if not hmac.compare_digest(token_of(request.headers, request.query).encode(), self._token.encode()):
            return self._refuse(dialect, 401, "token", "the key is not this trial's token: programs here reach models by it alone")
        if name is None or request.method != "POST" or not (dialect.answers.fullmatch(path) or dialect.counts.fullmatch(path)):
            return self._refuse(dialect, 404, "path", f"the model gateway does not serve {request.method} {request.path[:200]}")
        left = self._deadline - time.time()
        if left <= 0:
            return self._refuse(dialect, 403, "deadline", "the experiment's time is up: no further model call is made")
        key = dialect.key()
        if key is None:
            why = f"the host has no key for {dialect.name}: set {' or '.join(dialect.keys)} where pytest runs"
            self._trouble = why
            return self._refuse(dialect, 403, "no key", why)
        from aiohttp import web

        try:
            content = await request.read()
            body = json.loads(content)
        except web.HTTPRequestEntityTooLarge:
            return self._refuse(dialect, 413, "size", f"the request has more than {MAX_REQUEST // 2**20} MiB")
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            return self._refuse(dialect, 400, "no JSON", "the request's body is no JSON object")
        headers = {name: value for name, value in request.headers.items() if name.lower() in SENT}
        headers[dialect.header] = dialect.prefix + key
        headers["accept-encoding"] = "identity"
        query = {name: value for name, value in request.query.items() if name in QUERY}
        try:
            async with asyncio.timeout(left):
                if dialect.counts.fullmatch(path):
                    return await self._pass_on(request, dialect, path, query, headers, content)
                return await self._ask(request, dialect, path, query, headers, body)
        except TimeoutError:
            return self._refuse(dialect, 403, "deadline", "the experiment's time is up: the call was ended")

    def _refuse(self, dialect: Dialect, status: int, why: str, message: str) -> "web.Response":
        from aiohttp import web

        self.refused[why] += 1
        # The clients of Anthropic and OpenAI try again unless told not to; nothing here would come out differently.
        headers = {"x-should-retry": "false"}
        return web.Response(
            status=status, body=dialect.error(status, f"mlrbench: {message}"), content_type="application/json", headers=headers
        )

    def _model(self, dialect: Dialect, path: str, body: Json) -> tuple[str, str]:
        """litellm id of the model asked for, and why it is refused (empty when it is not). Imports litellm."""
        bare = dialect.bare_model(path, body)
        if not bare:
            return "", "the request names no model"
        tested = self._settings.model
        if bare == tested.rpartition("/")[2] and provider_of(tested) == dialect.name:
            return tested, ""
        model = f"{dialect.name}/{bare}"
        # A coder asks small models for titles and the like. A larger one would do the work of the model under test. An agent
        # command is judged as a whole, with whatever models it is made of.
        if self._settings.agent_command is None and (provider_of(tested) != dialect.name or dearer(model, tested, self._settings)):
            return model, f"{model} is not the model under test, {tested}, nor a cheaper one of its provider"
        if self._settings.budget is not None and not has_price(model):
            return model, f"the price of {model} is not known and the run has a budget; the model under test is {tested}"
        return model, ""

    async def _ask(
        self, request: "web.Request", dialect: Dialect, path: str, query: dict[str, str], headers: dict[str, str], body: Json
    ) -> "web.StreamResponse":
        await asyncio.shield(self._loading)  # type: ignore[arg-type]
        model, why = await asyncio.to_thread(self._model, dialect, path, body)
        if why:
            return self._refuse(dialect, 403, "model", why)
        try:
            screened = screen(dialect, body, addresses=self._settings.network == "full")
        except Refused as error:
            return self._refuse(dialect, 403, "content", str(error))
        body = screened.body
        self.removed.update(screened.removed)
        if path == "/chat/completions" and body.get("stream"):
            # Without it a streamed answer says nothing of its tokens.
            body = {**body, "stream_options": {**(body.get("stream_options") or {}), "include_usage": True}}
        stored = _stored(dialect, model, path, body)
        ordinal = self._served[stored.digest]
        self._served[stored.digest] += 1
        found = await asyncio.to_thread(self._calls.find, self._scope, ordinal, stored.digest)
        if found is not None:
            return self._again(found, model)
        content = json.dumps(body).encode()
        try:
            async with self._budget.admit(self._estimate(model, len(content), body)):
                answer = await self._pass_on(request, dialect, path, query, headers, content, (model, stored, ordinal))
        except BudgetSpent as error:
            self._served[stored.digest] -= 1
            self.budget_spent = error
            self.ended.set()
            return self._refuse(dialect, 403, "budget", str(error))
        if answer.status >= 400:
            self._served[stored.digest] -= 1
        return answer

    def _estimate(self, model: str, size: int, body: Json) -> float:
        usage = Usage(prompt_tokens=size // 4, completion_tokens=EXPECTED_COMPLETION * choices(body))
        return cost_of(model, usage, self._settings) or 0.0

    def _again(self, found: StoredResponse, model: str) -> "web.Response":
        """A stored answer, byte for byte."""
        from aiohttp import web

        self._count(found.usage, found.cost, model, found.message.get("tool_calls") or [])
        kind = str(found.message.get("content_type", "application/json"))
        return web.Response(body=str(found.message.get("body", "")).encode(), headers={"content-type": kind})

    async def _pass_on(
        self,
        request: "web.Request",
        dialect: Dialect,
        path: str,
        query: dict[str, str],
        headers: dict[str, str],
        content: bytes,
        recorded: tuple[str, StoredRequest, int] | None = None,
    ) -> "web.StreamResponse":
        """The provider's answer as it comes; its last piece waits until the call is on disk."""
        import aiohttp
        from aiohttp import web

        started = time.time()
        url = dialect.base() + path
        try:
            async with self._session.post(url, params=query, data=content, headers=headers, allow_redirects=False) as reply:
                if reply.status != 200 or recorded is None:
                    self.refused.update([f"provider {reply.status}"] if reply.status != 200 else [])
                    if recorded is not None and (reply.status in WORLD or reply.status >= 500):
                        self._trouble = f"{recorded[0]}: the last call through the model gateway was answered {reply.status}"
                    # A provider may repeat the key that it does not like.
                    said = (await _start_of(reply)).replace((dialect.key() or REPEATED).encode(), REPEATED.encode())
                    return web.Response(status=reply.status, body=said, headers=_returned(reply))
                return await self._streamed(request, reply, dialect, recorded, started)
        except aiohttp.ClientError as error:
            return self._refuse_gateway(dialect, f"{dialect.name} cannot be reached: {type(error).__name__}: {error}")
        except InfrastructureError as error:  # the call log's disk
            return self._refuse_gateway(dialect, str(error))

    async def _streamed(
        self,
        request: "web.Request",
        reply: "ClientResponse",
        dialect: Dialect,
        recorded: tuple[str, StoredRequest, int],
        started: float,
    ) -> "web.StreamResponse":
        import aiohttp
        from aiohttp import web

        out = web.StreamResponse(headers=_returned(reply))
        kept = bytearray()
        held = b""
        whole = False
        await _write(out, b"", request)
        try:
            async for piece in reply.content.iter_any():
                kept += piece[: MAX_ANSWER - len(kept)]
                await _write(out, held, request)
                held = piece
            whole = True
        except aiohttp.ClientError:  # told by the cut answer; what came of it is paid
            self.refused["cut"] += 1
        except asyncio.CancelledError:  # the deadline
            await asyncio.shield(self._record(dialect, recorded, bytes(kept), reply.content_type, started))
            if request.transport is not None:
                request.transport.abort()
            raise
        await self._record(dialect, recorded, bytes(kept), reply.content_type, started)
        await _write(out, held, request, last=whole)
        if not whole and request.transport is not None:
            request.transport.abort()
        return out

    def _refuse_gateway(self, dialect: Dialect, message: str) -> "web.Response":
        from aiohttp import web

        self.refused["unreachable"] += 1
        self._trouble = message
        return web.Response(status=502, body=dialect.error(502, f"mlrbench: {message}"), content_type="application/json")

    async def _record(
        self, dialect: Dialect, recorded: tuple[str, StoredRequest, int], body: bytes, content_type: str, started: float
    ) -> None:
        model, stored, ordinal = recorded
        streamed = content_type == "text/event-stream"
        said: Read = read(dialect.name, body, streamed)
        cost = await asyncio.to_thread(cost_of, model, said.usage, self._settings, said.cache_written)
        usage = said.usage or Usage(calls=1)
        self._budget.add(cost)
        self._count(usage, cost, model, said.tool_calls)
        message: Json = {"role": "assistant", "content": said.text or None, "content_type": content_type}
        if said.tool_calls:
            message["tool_calls"] = said.tool_calls
        message["body"] = body.decode("utf-8", "replace")
        await self._calls.append(
            scope=self._scope,
            ordinal=ordinal,
            model=model,
            request=stored,
            params={"gateway": dialect.name, "streamed": streamed},
            response=StoredResponse(message, said.finish_reason, usage, cost, started, time.time()),
        )

    def _count(self, usage: Usage, cost: float | None, model: str, calls: list[Json]) -> None:
        self._trouble = ""
        self.spent += Spent(usage=usage, cost=cost or 0.0, unpriced_calls=int(cost is None))
        self.models[model] += 1
        now = time.time()
        self.asked += [{"time": now, "model": model, "name": call["name"], "arguments": call["arguments"]} for call in calls]


def _stored(dialect: Dialect, model: str, path: str, body: Json) -> StoredRequest:
    """The request by content, without what names the client's session."""
    kept = {name: value for name, value in body.items() if name not in dialect.volatile}
    history = kept.pop("input" if path == "/responses" else dialect.history, [])
    tools = kept.pop("tools", None) or []
    messages = [one if isinstance(one, dict) else {"content": one} for one in (history if isinstance(history, list) else [history])]
    # What stands beside the conversation (system text, limits) is kept with it, once.
    return store_request(model, ({"path": path, "request": kept}, *messages), tuple(tools), None, {})


async def _start_of(reply: "ClientResponse") -> bytes:
    """Its body, cut to MAX_ERROR bytes."""
    kept = b""
    async for piece in reply.content.iter_any():
        kept += piece
        if len(kept) >= MAX_ERROR:
            break
    return kept[:MAX_ERROR]


def _returned(reply: "ClientResponse") -> dict[str, str]:
    return {
        name: value for name, value in reply.headers.items() if name.lower() in RETURNED or "ratelimit" in name.lower()
    }  # lengths and encodings are this server's own


async def _write(out: "web.StreamResponse", piece: bytes, request: "web.Request", *, last: bool = False) -> None:
    """Send a piece; a client that has gone leaves the answer to be read to its end, for it is paid."""
    try:
        if not out.prepared:
            await out.prepare(request)
        if piece:
            await out.write(piece)
        if last:
            await out.write_eof()
    except ConnectionError:
        return
