"""The built-in coder for any model with tool calls: a loop of bash, write_file and finish. load_coder("bash") makes it."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from ..models.api import Message, Request, Response, ToolCall
from ..sandboxes.base import ExecResult
from ..stages.fitting import middle_out
from .arguments import BadArguments, number_argument, parse_arguments, text_argument
from .base import CoderContext, CoderOutcome, Reason, has_report
from .conversation import Conversation

SHOWN = 12_000
"""Characters of one command's output that the model is shown."""
DEFAULT_SECONDS = 900.0
"""Time-out of a command for which the model asks none."""
MAX_COMMAND = 100_000
MAX_CONTENT = 2**20
MAX_CALLS = 16
"""Tool calls carried out of one answer."""
MAX_CUT_ANSWERS = 3
"""Answers in a row that may be cut by the token limit before the model counts as silent."""

NUDGE = (
    "That answer held no tool call, so nothing was done. Go on with `bash` or `write_file`, or call `finish` if everything that "
    "was asked for is in place."
)
CUT = "That answer was cut by the limit of tokens for one answer. Do less at once: shorter files, one tool call at a time."


def _tool(name: str, description: str, properties: dict[str, tuple[str, str]], required: list[str]) -> Message:
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": {key: {"type": kind, "description": about} for key, (kind, about) in properties.items()},
                "required": required,
            },
        },
    }


TOOLS = (
    _tool(
        "bash",
        "Run a command by `bash -c` in the workspace and wait for it. Returns exit status, duration and output.",
        {
            "command": ("string", "The command; at most 100,000 characters."),
            "timeout_s": ("number", f"Seconds after which it is killed; {DEFAULT_SECONDS:.0f} if not given."),
        },
        ["command"],
    ),
    _tool(
        "write_file",
        "Write a whole text file, replacing what was there.",
        {"path": ("string", "Path relative to the workspace."), "content": ("string", "The file's text; at most 1 MiB.")},
        ["path", "content"],
    ),
    _tool(
        "finish", "End the work. Call it once, when everything is in place.", {"summary": ("string", "What was done.")}, ["summary"]
    ),
)


class BashCoder:
    """Works for any model that makes tool calls."""

    name = "bash"
    needs_gateway = False
    system_prompt = "coder_bash"

    async def run(self, ctx: CoderContext) -> CoderOutcome:
        """See Coder.run."""
        return await _Session(ctx).run()


class _Session:
    """One experiment's conversation."""

    def __init__(self, ctx: CoderContext) -> None:
        self.ctx = ctx
        self.conversation = Conversation(ctx.models, ctx.model, ctx.system, ctx.prompt, TOOLS)
        self.given = max(0.0, ctx.deadline - time.time())
        self.finished = False
        self.cut_outputs = 0
        self.cut_characters = 0
        self.tools: dict[str, Callable[[dict[str, object]], Awaitable[str]]] = {
            "bash": self._bash,
            "write_file": self._write_file,
            "finish": self._finish,
        }

    @property
    def left(self) -> float:
        """Seconds to the deadline."""
        return self.ctx.deadline - time.time()

    async def run(self) -> CoderOutcome:
        silent = cut = turns = 0
        while turns < self.ctx.max_turns:
            response = await self._ask()
            if response is None:
                return self._outcome("time-out", turns)
            turns += 1
            self.conversation.add(response.message)
            if response.tool_calls:
                silent = cut = 0
                await self._carry_out(response)
                if self.finished:
                    return self._outcome("finished", turns)
                if self.left <= 0:
                    return self._outcome("time-out", turns)
            elif response.finish_reason == "length" and cut < MAX_CUT_ANSWERS:
                cut += 1
                self.conversation.add({"role": "user", "content": CUT})
            elif silent == 0:
                silent = 1
                self.conversation.add({"role": "user", "content": NUDGE})
            else:
                return self._outcome("finished" if await asyncio.to_thread(has_report, self.ctx.sandbox) else "silent", turns)
        return self._outcome("turn limit", turns)

    async def _ask(self) -> Response | None:
        """The model's next answer, None when the time is up."""
        if self.left <= 0:
            return None
        request = Request(
            model=self.ctx.model,
            messages=self.conversation.fitted(),
            scope=self.ctx.scope,
            tools=TOOLS,
            context=self.ctx.context,
        )
        asking = asyncio.ensure_future(self.ctx.models.complete(request))
        try:
            done, _ = await asyncio.wait({asking}, timeout=self.left)
            return await asking if done else None
        finally:
            asking.cancel()

    async def _carry_out(self, response: Response) -> None:
        """Do the tool calls of one answer in order; each gets its result, which some providers insist on."""
        last = len(response.tool_calls) - 1
        for number, call in enumerate(response.tool_calls):
            if self.finished:
                return
            if number >= MAX_CALLS:
                result = f"Not done: at most {MAX_CALLS} tool calls of one answer are carried out."
            elif self.left <= 0:
                result = "Not done: the time is up."
            else:
                result = await self._do(call, whole=response.finish_reason != "length" or number < last)
            self.conversation.add({"role": "tool", "tool_call_id": call.id, "content": result})

    async def _do(self, call: ToolCall, *, whole: bool) -> str:
        """One tool call's result; a bad call is told to the model. `whole` is False for a call the token limit may have cut."""
        tool = self.tools.get(call.name)
        if tool is None:
            return f"Error: there is no tool {call.name[:80]!r}; the tools are {', '.join(self.tools)}."
        try:
            return await tool(parse_arguments(call.arguments, repair=whole))
        except BadArguments as error:
            hint = "" if whole else f" {CUT}"
            return f"Error: {error}{hint}"

    async def _bash(self, arguments: dict[str, object]) -> str:
        command = text_argument(arguments, "command", MAX_COMMAND)
        asked = number_argument(arguments, "timeout_s", DEFAULT_SECONDS)
        seconds = min(asked, max(1.0, self.left))
        result = await self.ctx.ledger.run(self.ctx.sandbox, command, tool="bash", timeout=seconds)
        shown, removed = middle_out(result.output, SHOWN)
        removed += max(0, result.output_bytes - len(result.output.encode("utf-8", "replace")))
        if removed:
            self.cut_outputs += 1
            self.cut_characters += removed
        return f"{self._status(result, seconds, asked)}\n{shown if shown.strip() else '(no output)'}"

    def _status(self, result: ExecResult, seconds: float, asked: float) -> str:
        """The first line of a command's result. Times are coarse, so that a run cut short asks the same again and is replayed."""
        ways = {
            "exited": f"exit status: {result.exit_code}",
            "timeout": f"timed out: killed after {seconds:.0f} s",
            "oom": "killed: out of memory",
            "killed": "killed by a signal",
        }
        parts = [ways[result.kind], f"duration: {_coarse(result.finished - result.started)}"]
        if seconds < asked and result.kind == "timeout":
            parts.append("that was all the time left")
        if self.left < max(600.0, self.given / 4):
            parts.append(f"time left: {max(0, int(self.left // 60))} min")
        return f"[{'; '.join(parts)}]"

    async def _write_file(self, arguments: dict[str, object]) -> str:
        path = text_argument(arguments, "path", 1024)
        content = text_argument(arguments, "content", MAX_CONTENT, empty=True)
        inside = self.ctx.sandbox.workspace_inside.rstrip("/") + "/"
        data = content.encode()
        try:
            await self.ctx.ledger.write(self.ctx.sandbox, path.removeprefix(inside), data, tool="write_file")
        except ValueError as error:
            raise BadArguments(str(error)) from error
        return f"Wrote {len(data)} bytes to {path.removeprefix(inside)}."

    async def _finish(self, arguments: dict[str, object]) -> str:
        self.finished = True
        return "The work is ended."

    def _outcome(self, reason: Reason, turns: int) -> CoderOutcome:
        not_shown = self.conversation.not_shown()
        if self.cut_outputs:
            not_shown.append(
                f"the output of {self.cut_outputs} commands was cut to {SHOWN} characters each ({self.cut_characters} left out)"
            )
        return CoderOutcome(reason, turns, not_shown)


def _coarse(seconds: float) -> str:
    """A duration to one digit: `under 10 s`, `about 40 s`, `about 3 min`, `about 2 h`."""
    if seconds < 10:
        return "under 10 s"
    if seconds < 95:
        return f"about {round(seconds, -1):.0f} s"
    if seconds < 95 * 60:
        minutes = seconds / 60
        return f"about {minutes:.0f} min" if minutes < 10 else f"about {round(minutes, -1):.0f} min"
    return f"about {seconds / 3600:.0f} h"
