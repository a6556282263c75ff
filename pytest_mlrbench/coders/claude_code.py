"""Claude Code (`@anthropic-ai/claude-code`) as a coder; load_coder("claude-code") makes it. Its options: `claude --help`."""

import shlex
from typing import Any

from .cli import Call, CliCoder, Told

TOOLS = "Bash,Edit,Glob,Grep,NotebookEdit,Read,TodoWrite,Write"
"""What it may use. Left out: the web (the provider would fetch past --mlr-network), agents of its own and timers."""


class ClaudeCode(CliCoder):
    """Speaks Anthropic's messages API."""

    name = "claude-code"
    program = "claude"
    package = "@anthropic-ai/claude-code"
    provider = "anthropic"

    def script(self, call: Call) -> str:
        """See CliCoder.script. A command may take all the time there is: its own limit is 10 minutes."""
        milliseconds = int(call.seconds * 1000)
        environment = {
            "ANTHROPIC_BASE_URL": call.gateway.anthropic,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_TELEMETRY": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
            "IS_SANDBOX": "1",
            "BASH_DEFAULT_TIMEOUT_MS": str(min(900_000, milliseconds)),
            "BASH_MAX_TIMEOUT_MS": str(milliseconds),
        }
        options = [
            "--print",
            "--output-format",
            "stream-json",
            "--verbose",
            "--dangerously-skip-permissions",
            "--strict-mcp-config",
        ]
        options += ["--model", call.model, "--max-turns", str(call.max_turns), "--tools", TOOLS]
        return f"{exported(environment)}\nexport ANTHROPIC_API_KEY=$token\nexec {self.program} {shlex.join(options)}"

    def read(self, record: dict[str, Any], told: Told) -> None:
        """See CliCoder.read. An answer comes in several records of one message id; the last record sums up."""
        message = record.get("message")
        if record.get("type") == "assistant" and isinstance(message, dict):
            told.seen.add(str(message.get("id")))
            told.turns = len(told.seen)
        elif record.get("type") == "result":
            told.ended = True
            told.usage = {
                "cost": record.get("total_cost_usd"),
                "usage": record.get("usage"),
                "by_model": record.get("modelUsage"),
                "num_turns": record.get("num_turns"),
            }
            told.limit = record.get("subtype") == "error_max_turns"
            if record.get("is_error") and not told.limit:
                told.error = str(record.get("result") or record.get("errors") or record.get("subtype"))


def exported(environment: dict[str, str]) -> str:
    """One `export` line a variable."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in environment.items())
