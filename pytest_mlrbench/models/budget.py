"""What a run may spend: one Budget a run, asked by the model client before every call."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..errors import BudgetSpent


class Budget:
    """USD that may be spent. Used in one event loop.

    A call's cost is known only after it, so many calls in flight could overrun the limit together: each is let in with an
    estimate, and close to the limit a call waits until those in flight have told their real cost.
    """

    def __init__(self, limit: float | None, spent: float = 0.0) -> None:
        """`limit` in USD (None: no limit); `spent`: what a resumed run has spent already."""
        self.limit = limit
        self.spent = spent
        self._shares = 0.0
        self._in_flight: dict[object, float] = {}
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def left(self) -> float:
        """USD that is neither spent nor given away in shares; infinite without a limit."""
        return float("inf") if self.limit is None else max(0.0, self.limit - self.spent - self._shares)

    def check(self) -> None:
        """Raises BudgetSpent when nothing is left."""
        if self.left > 0.0:
            return
        shares = f" and {self._shares:.4f} USD reserved for experiments that are running" if self._shares else ""
        raise BudgetSpent(
            f"the budget of {self.limit:g} USD is used up: {self.spent:.4f} USD spent{shares}; "
            f"resume the run with a higher --mlr-budget=USD (or --mlr-budget=none)"
        )

    def add(self, cost: float | None) -> None:
        """Book the cost of a call in USD (None: its price is not known)."""
        self.spent += cost or 0.0

    def share(self, amount: float) -> "Share":
        """Set `amount` USD aside for another process (an experiment's runner), or what is left if that is less.

        Raises BudgetSpent when nothing is left.
        """
        self.check()
        return Share(self, min(amount, self.left))

    @asynccontextmanager
    async def admit(self, estimate: float) -> AsyncIterator[None]:
        """Let a call in that may cost about `estimate` USD; `add` its real cost inside the block.

        Raises BudgetSpent when nothing is left.
        """
        self.check()
        # With nothing in flight a call always goes: an estimate above what is left would wait for nobody.
        while self._in_flight and sum(self._in_flight.values()) + estimate > self.left:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            finally:
                if turn in self._waiting:
                    self._waiting.remove(turn)
            self.check()
        ticket = object()
        self._in_flight[ticket] = estimate
        try:
            yield
        finally:
            del self._in_flight[ticket]
            self._wake()

    def _wake(self) -> None:
        # All of them look again: how much is left, and whether they fit, differs from one to the next.
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)


class Share:
    """Part of a budget that a runner spends on its own account."""

    def __init__(self, budget: Budget, amount: float) -> None:
        self.amount = amount
        """USD; infinite when the budget has no limit and none was asked for."""
        self._budget = budget
        self._settled = False
        budget._shares += amount

    def settle(self, spent: float) -> None:
        """The runner has ended and spent `spent` USD: book it and give the rest back. A second time does nothing."""
        if self._settled:
            return
        self._settled = True
        self._budget._shares -= self.amount
        self._budget.add(spent)
        self._budget._wake()
