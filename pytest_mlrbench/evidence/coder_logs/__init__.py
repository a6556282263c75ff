"""Reads a coding agent's own session logs (Claude Code, Codex, Gemini CLI and their kin) into events; `subject_of_folder` asks.

A log is told apart by the shape of its records only: a tool call is a name with arguments, a command is an argument `command`,
a written file is a path with a content. Who wrote the log makes no difference. Its events have source `sandbox`: an agent's log is
the agent's word, good enough to quote against it, never good enough to verify it, unless the host looked on (evidence.following).

`texts` cuts a file into records, `transcript` reads what a CLI printed for people, `calls` finds tool calls in records, `reading`
joins calls with their results, `session` turns a folder's logs into events.
"""

from .actions import Action
from .calls import actions_of
from .reading import Reader, read_actions
from .session import CoderLog, find_log

__all__ = ["Action", "CoderLog", "Reader", "actions_of", "find_log", "read_actions"]
