"""The gate of a run: checks the baseline first, has it judged again and new hallucinations repeated, looks early, and decides."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..errors import ConfigError, MLRBenchError, NotDone
from ..keys import WITH_EXPERIMENT, TrialKey
from ..models.catalog import check_model
from ..results.comparison.compare import Comparison, compare
from ..results.comparison.pairs import differing
from ..results.gate.calibration import calibration_line
from ..results.gate.decision import Decision, decide
from ..results.gate.repeats import read_repeats
from ..results.gate.sequential import batches, levels
from ..results.gate.text import decision_lines, decision_markdown
from ..results.shown import count
from ..results.store import FINISHED, RunStore, write_atomic
from ..settings import Settings
from .baseline import Rejudging
from .core import Engine, outcome_of
from .planning import Plan, expected
from .repeating import Repeating
from .resources import Resources

GATE_JSON, GATE_MARKDOWN = "gate.json", "gate.md"
"""The answer, in the run directory."""


class Gate:
    """One run against its baseline."""

    def __init__(
        self, settings: Settings, store: RunStore, resources: Resources, engine: Engine, notice: Callable[[str], None]
    ) -> None:
        """Raises ConfigError when --mlr-gate is no run, or the run itself."""
        assert settings.gate is not None
        self._settings = settings
        self._store = store
        self._engine = engine
        self._notice = notice
        try:
            self._base = RunStore.open(Path(settings.gate))
        except ConfigError as error:
            raise ConfigError(f"--mlr-gate: {error}") from error
        if self._base.root.resolve() == store.root.resolve():
            raise ConfigError(f"--mlr-gate={settings.gate}: is this run itself; name another run as the baseline")
        self._rejudging = Rejudging(settings, self._base, store, resources)
        self._repeating = Repeating(settings, store, resources, notice)
        self._selected: frozenset[TrialKey] = frozenset()
        self._keys: list[TrialKey] = []
        """Selected trials that the baseline has too."""
        self._batches: list[list[str]] = []
        self._released: dict[str, asyncio.Event] = {}
        """Task -> set when its trials may begin; only with looks."""
        self._rest = asyncio.Event()
        self._seen: set[str] = set()
        self._decided: tuple[Decision, Comparison] | None = None
        """By an early look."""
        self._driver: asyncio.Task[None] | None = None
        self._finishing: asyncio.Task[Any] | None = None
        """The one that waits for the answer."""
        self._over_budget = False

    @property
    def sequential(self) -> bool:
        return self._settings.gate_sequential == "on"

    # -- before the first call ----------------------------------------------------------------------------------------

    def plan(self, keys: Sequence[TrialKey]) -> list[str]:
        """Lines for the plan. Raises ConfigError where the runs cannot be compared; run.json must hold the selection."""
        self._selected = frozenset(keys)
        scored = {record.key for record in self._base.records() if record.status in FINISHED}
        self._keys = [key for key in keys if key in scored]
        if not self._keys:
            raise ConfigError(
                f"--mlr-gate={self._settings.gate}: has no finished trial of the selected tasks, stages and epochs; choose the "
                "same --mlr-suite, --mlr-task and --mlr-stage as the baseline"
            )
        differing(self._base, self._store)
        self._rejudging.plan(self._keys)
        self._check_panel()
        self._batches = batches([key.task for key in self._keys], self._settings.seed)
        alone = len(keys) - len(self._keys)
        without = f"; {count(alone, 'selected item')} without a counterpart there" if alone else ""
        pairs, drop = count(len(self._keys), "pair"), self._settings.gate_max_drop
        lines = [f"mlrbench: gate against {self._base.root}: {pairs}, largest drop {drop:g}{without}"]
        if todo := self._rejudging.to_do():
            problems = [one.message for judge in self._settings.judges for one in check_model(judge, self._settings) if one.fatal]
            if problems:
                raise ConfigError("the gate's baseline has to be judged again:\n" + "\n".join(f"  - {text}" for text in problems))
            again = Plan(todo, 0, Counter(), Counter(key.stage for key in todo))
            settings = self._settings.model_copy(update={"hallucination_check": "off"})
            lines.append(f"mlrbench: gate: the baseline is judged again ({self._rejudging.reason}): {_costs(settings, again)}")
        audited = {key.stage for key in self._keys} & set(WITH_EXPERIMENT)
        if audited:
            repeat = Plan((), 0, Counter(experiment=1, paper=1), Counter())
            price = "no model call" if self._settings.offline else f"for one {_costs(self._settings, repeat)}"
            lines.append(f"mlrbench: gate: newly hallucinated items are repeated until one is again: {price}")
        if self.sequential and len(self._batches) > 1:
            sizes = ", ".join(str(len(batch)) for batch in self._batches)
            looks = f"{len(self._batches)} looks, {sizes} tasks more each"
            lines.append(f"mlrbench: gate: {looks}; what is left is skipped once it decides")
        for name in (GATE_JSON, GATE_MARKDOWN):  # an earlier invocation's answer is not this one's, should this be cut short
            (self._store.root / name).unlink(missing_ok=True)
        return lines

    def _check_panel(self) -> None:
        """Without re-judging the baseline's own reviews must be of this panel and protocol; known before anything is paid."""
        if self._settings.gate_rejudge != "never":
            return
        for stage in dict.fromkeys(key.stage for key in self._keys):
            records = [record for key in self._keys if key.stage == stage and (record := self._base.record(key)) is not None]
            problem = self._rejudging.mismatch(stage, [review for record in records for review in record.reviews])
            if problem:
                raise ConfigError(
                    f"--mlr-gate={self._settings.gate}: {problem} (stage {stage}), so its scores cannot be compared with this "
                    "run's; leave out --mlr-gate-rejudge=never to have it judged again"
                )

    # -- while it runs ------------------------------------------------------------------------------------------------

    def start(self, keys: Sequence[TrialKey]) -> None:
        """Begin the run's trials look by look; call it in the loop, in place of Engine.start. Only for a sequential gate."""
        self._released = {task: asyncio.Event() for batch in self._batches for task in batch}
        self._engine.admit = self.admit
        self._driver = asyncio.create_task(self._drive(keys), name="gate")

    async def admit(self, key: TrialKey) -> None:
        """Wait until the gate lets `key` begin. Raises NotDone when it has its answer without it."""
        await self._released.get(key.task, self._rest).wait()
        if self._decided is not None and key.task not in self._seen:
            decision = self._decided[0]
            told = f"the gate has its answer without it: {decision.verdict} ({decision.look})"
            raise NotDone(f"{told}; a run with --mlr-gate-sequential=off does it")

    async def _drive(self, keys: Sequence[TrialKey]) -> None:
        try:
            for number, batch in enumerate(self._batches, 1):
                self._seen |= set(batch)
                now = [key for key in keys if key.task in batch]
                for task in batch:
                    self._released[task].set()
                self._engine.start(now)
                await asyncio.gather(*(self._engine.result(key) for key in now))
                if number < len(self._batches):
                    decision, comparison = await self._look(number)
                    self._notice(f"gate: {decision.look}: {decision.verdict}")
                    if decision.verdict != "inconclusive":
                        self._decided = decision, comparison
                        break
        finally:
            for event in (*self._released.values(), self._rest):
                event.set()
            self._engine.start(keys)

    async def _look(self, number: int) -> tuple[Decision, Comparison]:
        """The answer after the first `number` batches, at the level of that look."""
        total = sum(len(batch) for batch in self._batches)
        done = [sum(len(batch) for batch in self._batches[:look]) / total for look in range(1, len(self._batches) + 1)]
        tasks = {task for batch in self._batches[:number] for task in batch}
        look = f"look {number} of {len(self._batches)}, {len(tasks)} of {total} tasks"
        return await self._answer(tasks, lambda share: levels(done, share)[number - 1], look)

    async def _answer(
        self, tasks: set[str] | None, level: Callable[[float], float] = lambda share: share, look: str = ""
    ) -> tuple[Decision, Comparison]:
        chosen = [key for key in self._keys if tasks is None or key.task in tasks]
        self._over_budget |= await self._rejudging.judge(chosen)
        rejudged = self._rejudging.store if self._rejudging.keys else None
        comparison = await asyncio.to_thread(compare, self._base, self._store, rejudged, tasks, self._selected)
        made_up = comparison.hallucination
        await self._repeating.confirm(made_up.newly_keys, made_up.repeated)

        def answer() -> Decision:
            return decide(
                comparison,
                read_repeats(self._store, made_up.newly_keys, made_up.repeated),
                max_drop=self._settings.gate_max_drop,
                calibration=calibration_line(self._base, self._settings.gate_max_drop),
                level=level,
                look=look,
            )

        return await asyncio.to_thread(answer), comparison

    # -- at the end ---------------------------------------------------------------------------------------------------

    async def finish(self) -> dict[str, Any]:
        """Decide, leave gate.json and gate.md in the run directory, and say it: `decision`, `lines`, `markdown`, `over_budget`."""
        comparison: Comparison | None = None
        self._finishing = asyncio.current_task()
        try:
            if self._driver is not None:
                await self._driver
            if self._decided is not None:
                decision, comparison = self._decided
            elif self._driver is not None and len(self._batches) > 1:
                decision, comparison = await self._look(len(self._batches))
            else:
                decision, comparison = await self._answer(None)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run's results stand, and the gate says why it is open
            decision = self._unknown(str(error) if isinstance(error, MLRBenchError) else outcome_of(error)[1])
        markdown = decision_markdown(decision, comparison)
        await asyncio.to_thread(write_atomic, self._store.root / GATE_JSON, decision.model_dump_json(indent=1).encode())
        await asyncio.to_thread(write_atomic, self._store.root / GATE_MARKDOWN, markdown.encode())
        return {
            "decision": decision.model_dump(mode="json"),
            "lines": decision_lines(decision),
            "markdown": markdown,
            "over_budget": self._over_budget,
        }

    def _unknown(self, error: str) -> Decision:
        return Decision(
            verdict="inconclusive",
            reasons=[f"the gate could not be decided: {error}"],
            max_drop=self._settings.gate_max_drop,
            stages=[],
            confirmed=[],
            open={},
            clean=[],
            infrastructure=[],
            warnings=[],
            calibration=calibration_line(self._base, self._settings.gate_max_drop),
        )

    def unfinished(self) -> str:
        """What a gate that is interrupted now lacks beside the run's own items, for a person; empty where that is nothing."""
        if self._repeating.current is not None:
            return f"the repeat of {self._repeating.current}"
        left = len(self._rejudging.to_do())
        return f"new reviews of {left} of the baseline's {count(len(self._rejudging.keys), 'output')}" if left else ""

    async def close(self, *, stop_runners: bool) -> None:
        """End what it is at: nothing of it may begin once the run's own work is being stopped."""
        self._repeating.stop_runners = stop_runners
        tasks = [task for task in (self._driver, self._finishing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _costs(settings: Settings, plan: Plan) -> str:
    """What `plan` is expected to take."""
    outlook = expected(settings, plan)
    if not outlook.calls[1]:
        return "no model call"
    unpriced = f", no price known for {', '.join(outlook.unpriced)}" if outlook.unpriced else ""
    money = f", {outlook.cost[0]:.2f}-{outlook.cost[1]:.2f} USD" if outlook.cost[1] else ""
    return f"{outlook.calls[0]:.0f}-{outlook.calls[1]:.0f} model calls{money}{unpriced}"
