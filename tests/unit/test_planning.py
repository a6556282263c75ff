"""The plan: what an invocation is about to do, counted from the store alone, and what its inputs are."""

from collections import Counter
from pathlib import Path

import pytest

from pytest_mlrbench.engine.core import rerun_chosen
from pytest_mlrbench.engine.planning import expected, make_plan, provenance
from pytest_mlrbench.engine.preflight import preflight
from pytest_mlrbench.engine.sources import Sources
from pytest_mlrbench.errors import ConfigError, NotDone
from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.records import Spent, StageResult, TrialRecord
from pytest_mlrbench.resources import resource
from pytest_mlrbench.results.store import RunStore
from pytest_mlrbench.settings import Settings
from pytest_mlrbench.stages.rubric import load_hallucination_rubric

TASK = "iclr2025_wsl"
OUTPUTS = {"idea": "idea.md", "literature": "related_work.md", "proposal": "proposal.md"}


def settings(run: Path, **changes) -> Settings:
    return Settings(**{"model": "openai/o4-mini", "judges": ("openai/gpt-4o",), "run": str(run), "sandbox": "local", **changes})


def plan_of(chosen: Settings, *keys: TrialKey):
    return make_plan(chosen, RunStore(chosen.run_path), Sources(chosen), keys, Spent())


def finish(store: RunStore, key: TrialKey, text: str = "text") -> None:
    """The trial's output is made."""
    store.output(key).mkdir(parents=True)
    (store.output(key) / OUTPUTS[key.stage]).write_text(text)
    store.write_stage_result(key, StageResult(status="done", started=1.0, finished=2.0, files={OUTPUTS[key.stage]: text}))


def test_inputs_that_nobody_selected_are_made_but_not_judged(tmp_path):
    plan = plan_of(settings(tmp_path), TrialKey(TASK, "end2end"))
    assert plan.make == Counter(idea=1, literature=1, proposal=1, experiment=1, paper=1)
    assert plan.grade == Counter(end2end=1)


def test_shared_inputs_are_counted_once(tmp_path):
    plan = plan_of(settings(tmp_path), *(TrialKey(TASK, stage) for stage in ("idea", "proposal", "paper")))
    assert plan.make["idea"] == 1
    assert plan.make["experiment"] == 1


def test_what_is_stored_is_not_planned_again(tmp_path):
    store = RunStore(tmp_path)
    finish(store, TrialKey(TASK, "idea"))
    ended = {"model": "m", "agent": "a", "started": 1.0, "finished": 2.0}
    store.write_record(TrialRecord(task=TASK, stage="idea", status="done", **ended))
    store.write_record(TrialRecord(task=TASK, stage="proposal", status="error", **ended))
    plan = plan_of(settings(tmp_path), TrialKey(TASK, "idea"), TrialKey(TASK, "proposal"))
    assert plan.done == 1
    assert plan.make == Counter(literature=1, proposal=1)
    assert plan.grade == Counter(proposal=1)


def test_a_finished_run_plans_nothing(tmp_path):
    RunStore(tmp_path).write_record(
        TrialRecord(task=TASK, stage="idea", status="failed", model="m", agent="a", started=1.0, finished=2.0)
    )
    plan = plan_of(settings(tmp_path), TrialKey(TASK, "idea"))
    assert not plan.needs_models
    assert "nothing to run" in plan.lines[0]


def test_expected_cost_is_tokens_times_list_price(tmp_path):
    chosen = settings(tmp_path, price=(2.0, 4.0), model="openai/unlisted-model", judges=("openai/unlisted-judge",))
    outlook = expected(chosen, plan_of(chosen, TrialKey(TASK, "idea")))
    cost = outlook.cost
    # The agent: one call, 700-1,500 tokens in, 300-4,000 out. One review, up to 1.2 with retries: 2,500-4,000 in, 800-4,000 out.
    assert outlook.calls == pytest.approx((2, 2.2))
    assert cost[0] == pytest.approx((700 * 2 + 300 * 4 + 2500 * 2 + 800 * 4) / 1e6)
    assert cost[1] == pytest.approx((1500 * 2 + 4000 * 4 + 4000 * 2 + 4000 * 4) / 1e6)
    assert not outlook.unpriced


def test_a_stage_with_results_is_asked_a_form_as_well_unless_that_is_off(tmp_path):
    chosen = settings(tmp_path, price=(2.0, 4.0), model="offline", judges=("offline", "openai/unlisted-judge"), judge_repeats=2)
    outlook = expected(chosen, plan_of(chosen, TrialKey(TASK, "experiment")))
    cost = outlook.cost
    # Two repeats, each one review and one form, both 20,000-120,000 tokens in; out 800-4,000 and 200-4,000; up to 1.2 with retries.
    assert outlook.calls == pytest.approx((4, 4.8))
    assert cost[0] == pytest.approx(2 * (2 * 20_000 * 2 + (800 + 200) * 4) / 1e6)
    assert cost[1] == pytest.approx(2 * (2 * 120_000 * 2 + 2 * 4_000 * 4) / 1e6)
    off = chosen.model_copy(update={"hallucination_check": "off"})
    assert expected(off, plan_of(off, TrialKey(TASK, "experiment"))).calls == pytest.approx((2, 2.4))


def test_the_forms_definitions_and_prompt_belong_to_the_run_where_it_is_asked(tmp_path):
    asked = provenance(settings(tmp_path), [TrialKey(TASK, "paper")])
    assert asked["rubric hallucination"] == load_hallucination_rubric().digest
    assert "prompt hallucination" in asked
    assert "rubric hallucination" not in provenance(settings(tmp_path), [TrialKey(TASK, "idea")])
    assert "rubric hallucination" not in provenance(settings(tmp_path, judges=("offline",)), [TrialKey(TASK, "paper")])


def test_a_prompt_folder_without_the_form_is_told_before_the_run(tmp_path):
    for path in resource("prompts").glob("*.j2"):
        if path.name != "hallucination.md.j2":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    chosen = settings(tmp_path / "run", prompts=str(tmp_path))
    with pytest.raises(ConfigError, match="no prompt 'hallucination'"):
        provenance(chosen, [TrialKey(TASK, "experiment")])
    assert provenance(chosen.model_copy(update={"hallucination_check": "off"}), [TrialKey(TASK, "experiment")])


def test_models_without_a_known_price_are_named_not_counted_as_free(tmp_path):
    chosen = settings(tmp_path, model="openai/unlisted-model")
    plan = plan_of(chosen, TrialKey(TASK, "idea"))
    assert list(expected(chosen, plan).unpriced) == ["openai/unlisted-model"]
    assert any("no price known for openai/unlisted-model" in line for line in plan.lines)


def test_provenance_changes_with_the_texts(tmp_path):
    own = provenance(settings(tmp_path), [TrialKey(TASK, "idea")])
    (tmp_path / f"{TASK}.md").write_text("Another text.")
    other = provenance(settings(tmp_path, tasks=str(tmp_path)), [TrialKey(TASK, "idea")])
    assert own["tasks"] != other["tasks"]
    assert own["rubric idea"] == other["rubric idea"]


class TestDraw:
    """Stepwise inputs: one chain a trial, drawn by (seed, task, stage, epoch) among the complete ones in digest order."""

    def pool(self, tmp_path: Path, runs: int) -> list[str]:
        for number in range(runs):
            store = RunStore(tmp_path / f"source{number}")
            store.write_run({"settings": {}})
            for stage in ("idea", "literature"):
                finish(store, TrialKey(TASK, stage), f"{stage} {number}")
        return [str(tmp_path / f"source{number}") for number in range(runs)]

    def drawn(self, tmp_path: Path, pool: list[str], seed: int = 0, epoch: int = 1) -> str:
        chosen = settings(tmp_path / "run", inputs=tuple(pool), seed=seed)
        return Sources(chosen).draw(TrialKey(TASK, "proposal", epoch)).store.root.name

    def test_does_not_depend_on_the_order_in_which_the_pool_is_named(self, tmp_path):
        pool = self.pool(tmp_path, 4)
        assert self.drawn(tmp_path, pool) == self.drawn(tmp_path, pool[::-1])

    def test_depends_on_seed_and_epoch_and_reaches_every_chain(self, tmp_path):
        pool = self.pool(tmp_path, 3)
        assert {self.drawn(tmp_path, pool, seed) for seed in range(30)} == {"source0", "source1", "source2"}
        assert {self.drawn(tmp_path, pool, epoch=epoch) for epoch in range(1, 30)} == {"source0", "source1", "source2"}

    def test_leaves_incomplete_chains_out(self, tmp_path):
        pool = self.pool(tmp_path, 2)
        (RunStore(tmp_path / "source0").output(TrialKey(TASK, "idea")) / "idea.md").write_text("")
        assert {self.drawn(tmp_path, pool, seed) for seed in range(20)} == {"source1"}

    def test_says_which_stages_are_missing_when_no_chain_is_complete(self, tmp_path):
        chosen = settings(tmp_path / "run", inputs=tuple(self.pool(tmp_path, 1)))
        with pytest.raises(NotDone, match=r"complete chain \(idea, literature, proposal\) for iclr2025_wsl"):
            Sources(chosen).draw(TrialKey(TASK, "experiment"))

    def test_a_pool_with_end2end_mode_is_refused(self, tmp_path):
        with pytest.raises(ConfigError, match="--mlr-inputs belongs to --mlr-mode=stepwise"):
            Sources(settings(tmp_path / "run", inputs=tuple(self.pool(tmp_path, 1)), mode="end2end"))


def test_experiments_to_run_again_are_counted_with_their_hours_until_they_are(tmp_path):
    chosen = settings(tmp_path, rerun="all", timeout={"experiment": 7200.0})
    keys = (TrialKey(TASK, "experiment"), TrialKey(TASK, "paper"), TrialKey("iclr2025_dl4c", "idea"))
    plan = plan_of(chosen, *keys)
    assert plan.rerun == 1
    assert "mlrbench: to run again (--mlr-rerun=all): 1 experiment, 2.0 h of sandbox time at most" in plan.lines
    trial = RunStore(tmp_path).trial(keys[0])
    trial.mkdir(parents=True)
    (trial / "rerun.json").write_text("{}")
    assert plan_of(chosen, *keys).rerun == 0
    assert plan_of(settings(tmp_path), *keys).rerun == 0


def test_a_sample_is_one_in_ten_the_same_every_time_and_another_for_another_seed(tmp_path):
    keys = [TrialKey(f"task{number}", "experiment") for number in range(2000)]

    def drawn(seed: int) -> list[TrialKey]:
        chosen = settings(tmp_path, rerun="sample", seed=seed)
        return [key for key in keys if rerun_chosen(chosen, key)]

    assert drawn(0) == drawn(0) != drawn(1)
    assert 150 < len(drawn(0)) < 250  # binomial(2000, 0.1): 200, SD 13.4


def test_of_an_agent_command_only_the_judges_calls_are_foreseen(tmp_path):
    own = plan_of(settings(tmp_path, agent="mine", agent_command="run me"), TrialKey(TASK, "idea"))
    built_in = plan_of(settings(tmp_path), TrialKey(TASK, "idea"))
    assert expected(settings(tmp_path, agent_command="run me"), own).calls[0] == 1
    assert expected(settings(tmp_path), built_in).calls[0] == 2
    text = "\n".join(own.lines)
    assert "agent mine, a command of its own, sandbox local" in text
    assert "what the agent command will ask of its model nobody knows" in text
    assert "coder" not in text


def test_an_agent_command_that_cannot_reach_its_model_is_told_before_the_run(tmp_path, monkeypatch):
    for name in ("OPENAI_API_KEY", "DEEPSEEK_API_KEY"):
        monkeypatch.setenv(name, "sk-test")

    def warnings(model: str, command: str | None = "true") -> str:
        chosen = settings(tmp_path, model=model, agent_command=command)
        return "\n".join(preflight(chosen, plan_of(chosen, TrialKey(TASK, "idea"))))

    assert "the command cannot reach deepseek/deepseek-chat by it" in warnings("deepseek/deepseek-chat")
    assert "cannot reach" not in warnings("openai/o4-mini")
    assert "cannot reach" not in warnings("deepseek/deepseek-chat", None)
    assert "runs on this machine as you, without a container" in warnings("openai/o4-mini"), "a text stage of a command too"
    assert "without a container" not in warnings("openai/o4-mini", None)
