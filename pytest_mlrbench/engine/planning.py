"""What a run is about to do: trials to make and already made, calls and cost expected; shown before the first call."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..errors import ConfigError
from ..evidence.reruns import RERUN
from ..judging.form import form_protocol
from ..keys import STAGES as STAGE_NAMES
from ..keys import WITH_EXPERIMENT, TrialKey
from ..models.catalog import map_entry
from ..records import Spent
from ..results.shown import usd
from ..results.store import FINISHED, RunStore
from ..settings import Settings
from ..stages.prompts import prompt_digest, prompt_names
from ..stages.rubric import load_rubric
from ..stages.stage import STAGES
from ..tasks.catalogue import load_tasks, task_digest
from .core import rerun_chosen
from .grading import form_judges, form_rubric
from .sources import Sources

Range = tuple[float, float]

CALLS: dict[str, Range] = {
    "idea": (1, 1),
    "literature": (1, 1),
    "proposal": (1, 1),
    "experiment": (15, 80),
    "paper": (1, 1),
    "end2end": (0, 0),
}
"""Model calls of the agent in one trial, fewest and most to expect: one a text stage, the turns of a coding session."""
TOKENS_IN: dict[str, Range] = {
    "idea": (700, 1_500),
    "literature": (1_000, 8_000),
    "proposal": (2_000, 8_000),
    "experiment": (100_000, 2_000_000),
    "paper": (8_000, 60_000),
    "end2end": (0, 0),
}
"""Tokens sent by the agent in one trial."""
TOKENS_OUT: dict[str, Range] = {
    "idea": (300, 4_000),
    "literature": (1_500, 6_000),
    "proposal": (3_000, 12_000),
    "experiment": (10_000, 80_000),
    "paper": (5_000, 20_000),
    "end2end": (0, 0),
}
JUDGE_IN: dict[str, Range] = {
    "idea": (2_500, 4_000),
    "proposal": (6_000, 15_000),
    "experiment": (20_000, 120_000),
    "paper": (20_000, 100_000),
    "end2end": (25_000, 150_000),
}
JUDGE_OUT: Range = (800, 4_000)
JUDGE_CALLS: Range = (1, 1.2)
"""Calls for one answer: some judges have to be asked again."""
FORM_IN: dict[str, Range] = {
    "experiment": (20_000, 120_000),
    "paper": (25_000, 150_000),
    "end2end": (25_000, 150_000),
}
"""Tokens of one hallucination form: definitions, findings, code, results and the command log; no figures."""
FORM_OUT: Range = (200, 4_000)


@dataclass(frozen=True)
class Plan:
    """The outlook of one invocation."""

    selected: Sequence[TrialKey]
    done: int
    """Selected trials whose record is finished."""
    make: Counter[str]
    """Stage -> trials whose output has to be made, inputs that were not selected included."""
    grade: Counter[str]
    """Stage -> trials to be judged and audited."""
    rerun: int = 0
    """Experiments that --mlr-rerun chose and that have not been run again."""
    lines: list[str] = field(default_factory=list)

    @property
    def needs_models(self) -> bool:
        return bool(self.make or self.grade)


def make_plan(settings: Settings, store: RunStore, sources: Sources, keys: Sequence[TrialKey], before: Spent) -> Plan:
    """The plan for `keys`; reads only the store."""
    todo = [key for key in keys if not _finished(store, key)]
    grade = Counter(key.stage for key in todo)
    outputs: dict[TrialKey, None] = {}

    def need(key: TrialKey) -> None:
        if key in outputs or _made(store, key):
            return
        if key.stage == "end2end" or sources.own:
            for stage in STAGES[key.stage].inputs:
                need(key.at(stage))
        outputs[key] = None

    for key in todo:
        need(key)
    make = Counter(key.stage for key in outputs if key.stage != "end2end")
    stages = WITH_EXPERIMENT if sources.own else ("experiment",)
    chains = {key.at("experiment") for key in todo if key.stage in stages}
    again = sum(rerun_chosen(settings, key) and not (store.trial(key) / RERUN).exists() for key in chains)
    plan = Plan(keys, len(keys) - len(todo), make, grade, again)
    return replace(plan, lines=_lines(settings, plan, before))


def _finished(store: RunStore, key: TrialKey) -> bool:
    return store.finished(key) is not None


def _made(store: RunStore, key: TrialKey) -> bool:
    result = store.stage_result(key)
    return result is not None and result.status in FINISHED


def _lines(settings: Settings, plan: Plan, before: Spent) -> list[str]:
    head = f"mlrbench: {len(plan.selected)} item{'s' * (len(plan.selected) != 1)}, {plan.done} already done"
    if not plan.needs_models:
        return [f"{head}; nothing to run in {settings.run}"]
    making = ", ".join(f"{stage} {plan.make[stage]}" for stage in STAGE_NAMES if plan.make[stage]) or "nothing new"
    judges = ", ".join(settings.judges)
    who = f"coder {settings.coder}" if settings.agent_command is None else "a command of its own"
    lines = [
        f"{head}; to make: {making}; to judge: {sum(plan.grade.values())} by {judges}",
        f"mlrbench: model {settings.model}, agent {settings.agent}, {who}, sandbox {settings.sandbox}, "
        f"mode {settings.mode}, texts {'ours' if not settings.tasks else settings.tasks}; run {settings.run}",
    ]
    if again := plan.rerun:
        hours = again * settings.stage_timeout("experiment") / 3600
        few = f"{again} experiment{'s' * (again != 1)}"
        lines.append(f"mlrbench: to run again (--mlr-rerun={settings.rerun}): {few}, {hours:.1f} h of sandbox time at most")
    if settings.agent_command is not None and plan.make and not settings.offline:
        lines.append("mlrbench: what the agent command will ask of its model nobody knows: what follows is for the judges alone")
    return [*lines, expected(settings, plan).line(before)]


class Outlook:
    """Calls and cost (USD) to expect, as (least, most)."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.calls: Range = (0.0, 0.0)
        self.cost: Range = (0.0, 0.0)
        self.unpriced: dict[str, None] = {}
        """Models whose price is not known."""

    def add(self, model: str, times: float, counted: Range, tokens_in: Range, tokens_out: Range) -> None:
        """`times` times between `counted[0]` and `counted[1]` calls, which read and write so many tokens in all."""
        rate = price(model, self._settings)
        self.calls = (self.calls[0] + times * counted[0], self.calls[1] + times * counted[1])
        if rate is not None:
            least, most = ((tokens_in[end] * rate[0] + tokens_out[end] * rate[1]) / 1e6 for end in (0, 1))
            self.cost = (self.cost[0] + times * least, self.cost[1] + times * most)
        elif times and counted[1]:
            self.unpriced[model] = None

    def line(self, before: Spent) -> str:
        """What to expect beside the budget, of which `before` is spent."""
        if self.calls[1] == 0:
            return "mlrbench: no model call expected, cost 0.00 USD"
        limit = self._settings.budget
        budget = "no budget limit" if limit is None else f"budget {usd(limit)}, {usd(before.cost)} spent before"
        unpriced = f"no price known for {', '.join(self.unpriced)}"
        known = f"{self.cost[0]:.2f}-{self.cost[1]:.2f} USD" + (f" ({unpriced})" if self.unpriced else "")
        money = known if self.cost[1] or not self.unpriced else unpriced
        return f"mlrbench: expecting {self.calls[0]:.0f}-{self.calls[1]:.0f} model calls, {money}; {budget}"


def expected(settings: Settings, plan: Plan) -> Outlook:
    """What `plan` will ask of models."""
    outlook = Outlook(settings)
    for stage, number in plan.make.items():
        model = settings.literature_model if stage == "literature" else settings.model
        if settings.offline or model is None or settings.agent_command is not None:
            continue
        outlook.add(model, number, CALLS[stage], TOKENS_IN[stage], TOKENS_OUT[stage])
    for stage, number in plan.grade.items():
        for judge in settings.judges:
            if judge != "offline":
                outlook.add(judge, number * settings.judge_repeats, JUDGE_CALLS, JUDGE_IN[stage], JUDGE_OUT)
        for judge in form_judges(settings, stage):
            outlook.add(judge, number * settings.judge_repeats, JUDGE_CALLS, FORM_IN[stage], FORM_OUT)
    return outlook


def price(model: str, settings: Settings) -> Range | None:
    """USD per million input and output tokens; None when it is not known."""
    entry = map_entry(model)
    if entry is not None and "input_cost_per_token" in entry and "output_cost_per_token" in entry:
        return entry["input_cost_per_token"] * 1e6, entry["output_cost_per_token"] * 1e6
    return settings.price


def provenance(settings: Settings, keys: Sequence[TrialKey]) -> dict[str, str]:
    """Digests of the texts this run gives to agents and judges."""
    names = sorted({key.task for key in keys})
    tasks = load_tasks()
    found: dict[str, str] = {"tasks_source": settings.tasks or "briefs of pytest-mlrbench"}
    try:
        found["tasks"] = task_digest([tasks[name].with_text(settings.tasks) for name in names])
    except KeyError as error:
        raise ConfigError(f"unknown task {error}; `mlrbench tasks` lists all") from error
    return {**found, **text_digests(settings, sorted({key.stage for key in keys}))}


def text_digests(settings: Settings, stages: Sequence[str]) -> dict[str, str]:
    """Digests of the rubrics of `stages` and of all prompts. Raises ConfigError for one that is missing or broken."""
    found: dict[str, str] = {}
    rubrics = Path(settings.rubrics) if settings.rubrics else None
    for stage in stages:
        found[f"rubric {stage}"] = load_rubric(stage, rubrics).digest
        if form_judges(settings, stage):
            found["rubric hallucination"] = form_rubric(settings).digest
            form_protocol(form_rubric(settings), settings.prompts)  # a missing prompt is told now, not after the experiments
    prompts = Path(settings.prompts) if settings.prompts else None
    for name in prompt_names(prompts):
        found[f"prompt {name}"] = prompt_digest(name, prompts)
    return found
