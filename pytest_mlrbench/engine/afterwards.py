"""Judging apart from a run: what `mlrbench rejudge`, `judge` and `compare --pairwise` share, from the outlook to how it ended.

Each asks questions of judges about stored outputs, in its own process, under the lock of the run that keeps the answers.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ..errors import BudgetSpent, InfrastructureError
from ..judging.asking import TRIES
from ..judging.panel import OFFLINE
from ..results.calls import CallLog
from ..results.shown import count, usd
from ..results.store import RunStore
from ..settings import Settings
from .core import outcome_of
from .planning import JUDGE_CALLS, JUDGE_OUT, Outlook, Range
from .progress import Pace, progress_line
from .resources import Resources

EXIT_UNANSWERED, EXIT_BUDGET = 7, 9
"""As a run's exit codes (docs/interface.md)."""
PROGRESS_EVERY = 15.0
"""Seconds between two lines of progress."""

Tell = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True)
class Question:
    """One answer that one judge is to give."""

    name: str
    """What a message calls it: `TASK/STAGE by JUDGE`."""
    stage: str
    judge: str
    tokens_in: Range
    """Tokens that it is expected to send."""
    ask: Callable[[Resources], Awaitable[None]]
    """Gets the answer, from what is stored where that is enough, and stores it."""


@dataclass
class Ended:
    """How the questions ended."""

    answered: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    """Question -> why it has no answer."""
    over_budget: list[str] = field(default_factory=list)
    """Questions that the budget did not cover."""
    spent: float = 0.0
    """USD that this invocation spent."""
    unpriced: int = 0
    """Its calls of models without a known price, which are missing from `spent`."""

    @property
    def code(self) -> int:
        """Exit status: 9 when the budget ended it, 7 when a question has no answer, else 0."""
        return EXIT_BUDGET if self.over_budget else EXIT_UNANSWERED if self.failed else 0

    @property
    def money(self) -> str:
        """What it cost, for a person."""
        calls = f"{count(self.unpriced, 'call')} of models without a known price"
        if self.unpriced and not self.spent:
            return f"an unknown cost ({calls})"
        return f"{usd(self.spent)} and {calls}" if self.unpriced else usd(self.spent)


def expecting(questions: Sequence[Question], settings: Settings, store: RunStore, purse: str) -> str:
    """The line about calls, cost and budget."""
    outlook = Outlook(settings)
    for question in questions:
        if question.judge != OFFLINE:
            outlook.add(question.judge, 1, JUDGE_CALLS, question.tokens_in, JUDGE_OUT)
    return outlook.line(CallLog(store.calls, "outlook").spent(purse))


async def past_refused(resources: Resources, scope: str, ask: Callable[[str], Awaitable[T]]) -> T:
    """`ask` with `scope`, or with the next one where an earlier invocation got nothing but invalid answers.

    A scope's stored answers are replayed, so that a cut question costs nothing again; three that were refused would be refused for
    ever. Raises what `ask` raises.
    """
    attempt = 1
    while True:
        name = scope if attempt == 1 else f"{scope}~{attempt}"
        used_up = resources.calls.spent(name, exact=True).usage.calls >= TRIES
        try:
            return await ask(name)
        except InfrastructureError:
            if not used_up:
                raise
        attempt += 1


async def ask_all(questions: Sequence[Question], settings: Settings, store: RunStore, *, purse: str, tell: Tell) -> Ended:
    """Ask all of `questions`, settings.concurrency at once; one that fails does not end the others.

    `purse` is the scope below which the questions' calls are logged: the budget is for these, earlier invocations' included.
    """
    resources = Resources(settings, store, tell, purse)
    before = resources.budget.spent
    at_once = asyncio.Semaphore(settings.concurrency)
    counts: dict[str, Counter[str]] = {}
    for question in questions:
        counts.setdefault(question.stage, Counter())["waiting"] += 1
    pace = Pace()
    ended = Ended()

    async def ask(question: Question) -> None:
        counted = counts[question.stage]
        async with at_once:
            counted.update({"waiting": -1, "running": 1})
            status = "done"
            try:
                await question.ask(resources)
                ended.answered += 1
            except BudgetSpent:
                status = "skipped"
                ended.over_budget.append(question.name)
            except Exception as error:  # noqa: BLE001 - one question's fault must not end the others; it is reported
                status = "error"
                ended.failed[question.name] = outcome_of(error)[1]
                tell(f"mlrbench: {question.name}: {ended.failed[question.name]}")
            counted.update({"running": -1, status: 1})

    async def report() -> None:
        while True:
            await asyncio.sleep(PROGRESS_EVERY)
            state = {"counts": counts, "calls": resources.limiter.active, "spent": resources.budget.spent - before}
            tell(progress_line({**state, "left": pace.left(counts)}))

    reporting = asyncio.create_task(report())
    try:
        async with asyncio.TaskGroup() as group:
            for question in questions:
                group.create_task(ask(question))
    finally:
        reporting.cancel()
        ended.spent = resources.budget.spent - before
        ended.unpriced = resources.calls.spent(purse).unpriced_calls - resources.before.unpriced_calls
        await resources.close()
    return ended
