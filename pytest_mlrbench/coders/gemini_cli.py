"""Gemini CLI (`@google/gemini-cli`) as a coder; load_coder("gemini-cli") makes it. Its options: `gemini --help`, settings.json."""

import json
import shlex
from typing import Any

from .cli import Call, CliCoder, Told

EXCLUDED = ("google_web_search", "web_fetch", "invoke_agent", "enter_plan_mode", "activate_skill", "save_memory", "ask_user")
"""Tools it does without: the web (the provider would fetch past --mlr-network), agents of its own, a person to ask."""


class GeminiCli(CliCoder):
    """Speaks Google's generateContent API."""

    name = "gemini-cli"
    program = "gemini"
    package = "@google/gemini-cli"
    provider = "gemini"

    def script(self, call: Call) -> str:
        """See CliCoder.script. A command may be silent all the time there is: its own limit is 5 minutes."""
        settings = {
            "security": {"auth": {"selectedType": "gemini-api-key"}},
            "telemetry": {"enabled": False},
            "privacy": {"usageStatisticsEnabled": False},
            "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
            "model": {"maxSessionTurns": call.max_turns},
            "tools": {
                "exclude": list(EXCLUDED),
                "shell": {"enableInteractiveShell": False, "inactivityTimeout": max(1, int(call.seconds))},
            },
        }
        options = ["--yolo", "--skip-trust", "--output-format", "stream-json", "--model", call.model]
        return (
            'mkdir -p "$HOME/.gemini"\n'
            f"cat >\"$HOME/.gemini/settings.json\" <<'END_OF_SETTINGS'\n{json.dumps(settings, indent=1)}\nEND_OF_SETTINGS\n"
            f"export GOOGLE_GEMINI_BASE_URL={shlex.quote(call.gateway.gemini)}\n"
            "export GEMINI_API_KEY=$token\n"
            f"exec {self.program} {shlex.join(options)}"
        )

    def read(self, record: dict[str, Any], told: Told) -> None:
        """See CliCoder.read. Each tool call counts as an answer, and so does the last word."""
        kind = record.get("type")
        if kind == "tool_use":
            told.turns += 1
        elif kind == "error" and record.get("severity") == "error":
            told.error = str(record.get("message"))
        elif kind == "result":
            told.ended = True
            told.turns += 1
            told.usage = {"usage": record.get("stats")}
            error = record.get("error")
            if record.get("status") != "success":
                told.error = str(error.get("message") if isinstance(error, dict) else error or record.get("status"))
                told.limit = "FatalTurnLimited" in str(error)
