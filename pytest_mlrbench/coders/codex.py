"""Codex (`@openai/codex`) as a coder; load_coder("codex") makes it. Its options: `codex exec --help`, config.toml in its folder."""

import json
import shlex
from typing import Any

from .cli import Call, CliCoder, Told

OFF = ("apps", "plugins", "remote_plugin", "goals", "browser_use", "computer_use", "skill_search")
"""Features that reach for services of OpenAI's, or start agents of its own."""
WORK = ("command_execution", "file_change", "mcp_tool_call", "web_search")


class Codex(CliCoder):
    """Speaks OpenAI's responses API."""

    name = "codex"
    program = "codex"
    package = "@openai/codex"
    provider = "openai"

    def script(self, call: Call) -> str:
        """See CliCoder.script. Its commands run in login shells, which forget the image's PATH unless the profile restores it."""
        config = f"""model = {json.dumps(call.model)}
model_provider = "mlrbench"
web_search = "disabled"
check_for_update_on_startup = false

[model_providers.mlrbench]
name = "mlrbench"
base_url = {json.dumps(call.gateway.openai)}
env_key = "OPENAI_API_KEY"
wire_api = "responses"

[analytics]
enabled = false

[feedback]
enabled = false

[agents]
enabled = false

[features]
{"".join(f"{name} = false{chr(10)}" for name in OFF)}"""
        return (
            'mkdir -p "$HOME/.codex"\n'
            'printf \'export PATH=%q\\n\' "$PATH" >"$HOME/.bash_profile"\n'
            f"cat >\"$HOME/.codex/config.toml\" <<'END_OF_CONFIG'\n{config}END_OF_CONFIG\n"
            "export OPENAI_API_KEY=$token\n"
            f"exec {self.program} {shlex.join(['exec', '--json', '--skip-git-repo-check', BYPASS, '-'])}"
        )

    def read(self, record: dict[str, Any], told: Told) -> None:
        """See CliCoder.read. The stream does not tell answers apart: each piece of work counts as one, as does the last word."""
        kind = record.get("type")
        item = record.get("item")
        if kind == "item.completed" and isinstance(item, dict):
            told.turns += item.get("type") in WORK
        elif kind == "turn.completed":
            told.ended = True
            told.turns += 1
            told.usage = {"usage": record.get("usage")}
        elif kind == "turn.failed":
            error = record.get("error")
            told.error = str(error.get("message") if isinstance(error, dict) else error)


BYPASS = "--dangerously-bypass-approvals-and-sandbox"
"""The container is the sandbox: nobody is there to approve, and it may start no container of its own."""
