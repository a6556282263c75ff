"""What of a request may reach a provider: nothing that has its machines use the network, or that costs what is not counted."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .dialects import Dialect, Json

MOST_CHOICES = 8
"""Answers to one request (`n`, `candidateCount`), each of which is paid."""

OWN_TOOLS = {
    "anthropic": re.compile(r"custom|(bash|text_editor|computer|memory|tool_search_tool)_\w+"),
    "openai": re.compile(r"function|custom|namespace|tool_search|local_shell|shell|apply_patch|computer\w*"),
    "gemini": re.compile(r"functionDeclarations|function_declarations|computerUse|computer_use"),
}
"""Kinds of tools that the client itself carries out. All others run on the provider's machines (web search, fetching of pages, MCP
servers, code), reach the network from there, and cost more than tokens."""

TAKEN_OUT = ("service_tier", "speed", "inference_geo", "mcp_servers", "container", "web_search_options")
"""Fields of a request: the first three change the price of a token, the others are tools by another name."""

ADDRESS = re.compile(r"\s*(https?|ftp|gs|s3)://", re.I)
ADDRESSES = ("url", "image_url", "file_url", "fileUri", "file_uri")
"""Fields of a message that name a file for the provider to fetch, or hold it as `data:`."""
ARGUMENTS = ("input", "args", "response", "arguments")
"""Fields of a message's part with what tools were given or said, which nobody fetches."""


@dataclass(frozen=True)
class Screened:
    """A request that may go on."""

    body: Json
    removed: tuple[str, ...] = ()
    """Names of the fields and kinds of tools that were taken out."""


class Refused(Exception):
    """Why a request may not go on; its text is for the client."""


def screen(dialect: Dialect, body: Json, *, addresses: bool) -> Screened:
    """`body` without what the provider would do beyond answering. `addresses`: whether messages may name files to fetch.

    Raises Refused where the rest would be another request than was meant.
    """
    if body.get("background"):
        raise Refused("`background` is not served: an answer that is fetched later is not counted")
    choices = _choices(body)
    if choices > MOST_CHOICES:
        raise Refused(f"{choices} answers to one request are too many: {MOST_CHOICES} are the most")
    if not addresses and (found := next(_addresses(dialect, body), None)):
        raise Refused(
            f"a message names an address to fetch ({found[:100]}), and this sandbox has no such network; send the content itself"
        )
    removed = [name for name in TAKEN_OUT if body.get(name) is not None]
    kept = {name: value for name, value in body.items() if name not in TAKEN_OUT}
    tools = body.get("tools")
    if isinstance(tools, list) and tools:
        own, foreign = _tools(dialect, tools)
        if foreign and not own:
            raise Refused(
                f"the tools {', '.join(foreign)} run on the provider's machines and reach the network: they are not served"
            )
        kept["tools"] = own
        removed += foreign
    return Screened(kept, tuple(removed))


def choices(body: Json) -> int:
    """How many answers a request asks for, 1 where it does not say."""
    return max(1, _choices(body))


def _choices(body: Json) -> int:
    config = body.get("generationConfig") or body.get("generation_config")
    nested = config if isinstance(config, dict) else {}
    told = [body.get("n"), nested.get("candidateCount"), nested.get("candidate_count")]
    return max((one for one in told if isinstance(one, int)), default=1)


def _tools(dialect: Dialect, tools: list[Any]) -> tuple[list[Any], list[str]]:
    """Those that the client carries out, and the kinds of the others."""
    pattern = OWN_TOOLS[dialect.name]
    own: list[Any] = []
    foreign: list[str] = []
    for tool in tools:
        if not isinstance(tool, dict):
            foreign.append("unknown")
        elif dialect.name == "gemini":
            mine = {name: value for name, value in tool.items() if pattern.fullmatch(name)}
            foreign += [name for name in tool if name not in mine]
            own += [mine] if mine else []
        elif _is_own(pattern, tool):
            own.append(tool)
        else:
            foreign.append(str(tool.get("type"))[:40])
    return own, foreign


def _is_own(pattern: re.Pattern[str], tool: Json) -> bool:
    environment = tool.get("environment")
    if isinstance(environment, dict) and environment.get("type") != "local":
        return False  # OpenAI's shell in a container of its own
    kind = tool.get("type", "custom")
    return isinstance(kind, str) and pattern.fullmatch(kind) is not None


def _addresses(dialect: Dialect, body: Json) -> Iterator[str]:
    """What messages ask the provider to fetch."""
    left: list[Any] = [body.get(name) for name in {dialect.history, "input", "instructions", "system", "systemInstruction"}]
    while left:
        at = left.pop()
        if isinstance(at, list):
            left += at
        elif isinstance(at, dict):
            for name, value in at.items():
                if name in ADDRESSES and isinstance(value, str):
                    if ADDRESS.match(value):
                        yield value.strip()
                elif name not in ARGUMENTS:
                    left.append(value)
