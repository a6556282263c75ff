"""Coding agents that come as a program of their own: run without a person in the sandbox, through the model gateway, looked on by
the host. claude_code.py, codex.py and gemini_cli.py say how each is called and what its event stream means."""

import asyncio
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, InfrastructureError
from ..evidence.following import STDERR, Followed, Follower
from .base import CoderContext, CoderOutcome, has_report

if TYPE_CHECKING:
    from ..models.gateway import GatewayAccess

USAGE = "coder usage"
"""The note with what the CLI itself says it used; the gateway's own count stands in the note on model calls."""
TURNS = "turn limit"
"""Why a CLI was ended that does not count turns itself."""

TIME_REFUSED = "mlrbench: the experiment's time is up"
"""How the gateway's refusal begins (models.gateway.server), as a CLI repeats it. Forged, it is a failure all the same."""
ENDINGS = {"timeout": "its time-out", "oom": "the memory limit", "killed": "a signal"}
TAIL = 1500
"""Characters of standard error that an error quotes."""


@dataclass
class Told:
    """What a CLI's stream has said so far."""

    turns: int = 0
    """Answers of the model, as far as the stream tells them apart."""
    usage: dict[str, Any] = field(default_factory=dict)
    """Tokens and cost in the CLI's own words."""
    ended: bool = False
    """It said that it came to its end."""
    error: str = ""
    """What it says went wrong."""
    limit: bool = False
    """It ended because of its turn limit."""
    seen: set[str] = field(default_factory=set)
    """Ids of answers that were counted."""


@dataclass(frozen=True)
class Call:
    """What a CLI is started with."""

    model: str
    """As the provider names it."""
    gateway: "GatewayAccess"
    seconds: float
    """Until the deadline."""
    max_turns: int


class CliCoder(ABC):
    """One CLI. Keeps no state between runs."""

    name: str
    program: str
    """Command in the image's PATH."""
    package: str
    """On the npm registry."""
    provider: str
    """litellm's name of the one provider whose API it speaks."""
    needs_gateway = True
    system_prompt = "coder_cli"

    @abstractmethod
    def script(self, call: Call) -> str:
        """Bash that starts the CLI: `$token` holds the gateway's token, the assignment comes by standard input. HOME and TMPDIR are
        empty folders outside the workspace. Nothing secret stands in it: any process of the host can read it."""

    @abstractmethod
    def read(self, record: dict[str, Any], told: Told) -> None:
        """Take one record of the event stream."""

    async def run(self, ctx: CoderContext) -> CoderOutcome:
        """See Coder.run."""
        if ctx.gateway is None:
            raise ConfigError(f"the coder {self.name} calls its model through the gateway, and none was opened for this experiment")
        left = ctx.deadline - time.time()
        if left <= 0:
            return CoderOutcome("time-out", 0)
        told = Told()

        def on_record(record: dict[str, Any]) -> str:
            self.read(record, told)
            return TURNS if told.turns > ctx.max_turns else ""

        call = Call(ctx.model.rpartition("/")[2], ctx.gateway, left, ctx.max_turns)
        assignment = f"{ctx.system}\n\n{ctx.prompt}" if ctx.system else ctx.prompt
        follower = Follower(ctx.ledger, ctx.sandbox, on_record=on_record)
        followed = await follower.run(
            _wrapped(self.script(call)), timeout=left, stdin=f"{ctx.gateway.token}\n{assignment}".encode()
        )
        if told.usage:
            await ctx.ledger.note(USAGE, {"coder": self.name, "turns": told.turns, **told.usage}, source="sandbox")
        return await self._outcome(ctx, told, followed)

    async def _outcome(self, ctx: CoderContext, told: Told, followed: Followed) -> CoderOutcome:
        result = followed.result
        turns = min(told.turns, ctx.max_turns)
        if (result is not None and result.kind == "timeout") or TIME_REFUSED in told.error:
            return CoderOutcome("time-out", turns)
        if followed.stopped or told.limit:
            return CoderOutcome("turn limit", turns)
        assert result is not None
        failed = result.kind != "exited" or result.exit_code != 0 or bool(told.error)
        # By the host's word: any program inside can write into the stream that the budget or the provider ended the work.
        if failed and (why := ctx.gateway.ended_by() if ctx.gateway is not None else None) is not None:
            raise why
        if failed and not followed.calls and result.kind == "exited":
            raise InfrastructureError(self._failure(told, followed))
        finished = told.ended and await asyncio.to_thread(has_report, ctx.sandbox)
        said = f": {told.error[:TAIL]}" if told.error else ""
        notes = [] if not failed else [f"{self.name} ended by {_ending(followed)} after {followed.calls} tool calls{said}"]
        if followed.unread:
            notes.append(f"{followed.unread} lines of the event stream of {self.name} could not be read")
        return CoderOutcome("finished" if finished else "silent", turns, notes)

    def _failure(self, told: Told, followed: Followed) -> str:
        shown = followed.stderr.strip()[-TAIL:]
        result = followed.result
        if not shown and result is not None:
            shown = result.output.strip()[-TAIL:]
        hint = (
            f"the image lacks it: run `mlrbench image build`, or install {self.package} where --mlr-sandbox=local finds it"
            if result is not None and result.exit_code in (126, 127)
            else "the note on model calls in evidence.jsonl says what its model calls came to; evidence/streams holds what it told"
        )
        why = f": {told.error[:TAIL]}" if told.error else ""
        return f"{self.name} ended by {_ending(followed)} after {followed.calls} tool calls{why}. {hint}.\n{shown}".rstrip()


def _ending(followed: Followed) -> str:
    result = followed.result
    if result is None:
        return followed.stopped
    return f"exit status {result.exit_code}" if result.kind == "exited" else ENDINGS[result.kind]


def _wrapped(script: str) -> str:
    """`script` with the token read, a home of its own, and its standard error shown after its stream."""
    return f"""
IFS= read -r token
export TMPDIR="$HOME/coder-tmp" HOME="$HOME/coder"
mkdir -p "$HOME" "$TMPDIR"
(
{script}
) 2>"$HOME/stderr.log"
status=$?
echo
tail -c 4000 "$HOME/stderr.log" | tr '\\r' '\\n' | sed 's/^/{STDERR.decode()}/'
exit $status
"""
