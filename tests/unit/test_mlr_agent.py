"""The scaffold `mlr-agent`: what each stage asks, leaves behind, and says when the model falls short."""

import asyncio
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from judging_worlds import TASK, ScriptedModels, answered, chain, picture, put, quarter

from pytest_mlrbench.agents import load_agent
from pytest_mlrbench.agents.base import Agent, StageContext
from pytest_mlrbench.agents.mlr_agent import MLRAgent, unwrap
from pytest_mlrbench.coders import base as coders
from pytest_mlrbench.errors import AgentFailure, BudgetSpent, ConfigError
from pytest_mlrbench.evidence.ledger import Ledger
from pytest_mlrbench.sandboxes.base import ExecResult, Limits, Sandbox, SandboxSpec
from pytest_mlrbench.settings import ModelSettings, Settings

Asked = Callable[..., StageContext]


def context_of(models: ScriptedModels, inputs: dict[str, Path], **settings: Any) -> StageContext:
    return StageContext(
        task=TASK,
        epoch=1,
        seed=7,
        today=date(2026, 11, 23),
        inputs=inputs,
        models=models,
        model="openai/m",
        scope="iclr2025_demo/stage",
        settings=Settings(model="openai/m", run="run", **settings),
        deadline=time.time() + 60,
    )


def carry_out(stage: str, workspace: Path, context: StageContext) -> None:
    workspace.mkdir(parents=True, exist_ok=True)
    asyncio.run(MLRAgent().run(stage, workspace, context))


def test_the_agent_is_found_by_its_name() -> None:
    agent = load_agent("mlr-agent")
    assert isinstance(agent, MLRAgent)
    assert isinstance(agent, Agent)


def test_idea_writes_the_answer_as_it_came(tmp_path: Path) -> None:
    models = ScriptedModels(["# Idea\n\nVote.\n"])
    carry_out("idea", tmp_path / "w", context_of(models, {}))
    assert (tmp_path / "w" / "idea.md").read_text() == "# Idea\n\nVote.\n"
    (request,) = models.asked
    assert (request.model, request.scope) == ("openai/m", "iclr2025_demo/stage")
    assert "Study how learners cope" in models.prompt()
    assert "2026-11-23" in models.prompt()
    assert (request.context["stage"], request.context["seed"]) == ("idea", 7)


def test_the_paper_is_written_from_the_experiments_files(tmp_path: Path) -> None:
    models = ScriptedModels(["# Paper\n"])
    context = context_of(models, chain(tmp_path))
    carry_out("paper", tmp_path / "w", context)
    prompt = models.prompt()
    for text in (
        "Relabel by vote.",
        "We plan.",
        "| vote | 0.91 |",
        '{"accuracy": 0.91}',
        "method,accuracy",
        "12:01 done",
        "figures/bars.png",
    ):
        assert text in prompt
    assert (tmp_path / "w" / "paper.md").read_text() == "# Paper\n"
    assert models.asked[0].context["results"] == {
        "results.md": "# Results\n| method | accuracy |\n|---|---|\n| vote | 0.91 |\n",
        "zeta.json": '{"accuracy": 0.91}',
        "alpha.csv": "method,accuracy\nvote,0.91\n",
        "log.txt": "12:00 started\n12:01 done\n",
    }
    assert models.asked[0].context["figures"] == ["figures/bars.png"]
    assert models.asked[0].context["inputs"]["proposal"] == "# Proposal\nWe plan.\n"


def test_figures_are_laid_where_the_papers_paths_lead(tmp_path: Path) -> None:
    folders = chain(tmp_path)
    put(
        folders["experiment"],
        {"results/figures/deep/er.png": picture(), "results/loose.png": picture(), "results/figures/gone.png": b""},
    )
    models = ScriptedModels(["# Paper\n"])
    carry_out("paper", tmp_path / "w", context_of(models, folders))
    copied = sorted(path.relative_to(tmp_path / "w").as_posix() for path in (tmp_path / "w" / "figures").rglob("*.png"))
    # An empty figure is laid there too: that it is empty is for the checks to find.
    assert copied == ["figures/bars.png", "figures/deep/er.png", "figures/gone.png", "figures/loose.png"]
    assert (tmp_path / "w" / "figures" / "bars.png").read_bytes() == picture()
    for name in copied:
        assert f"`{name}`" in models.prompt()


def test_a_figure_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    folders = chain(tmp_path)
    (folders["experiment"] / "results" / "figures" / "passwd.png").symlink_to("/etc/passwd")
    context = context_of(ScriptedModels(["# Paper\n"]), folders)
    carry_out("paper", tmp_path / "w", context)
    assert not (tmp_path / "w" / "figures" / "passwd.png").exists()
    assert "results/figures/passwd.png: a symbolic link, not followed" in context.not_shown


def test_a_model_with_vision_is_shown_the_figures_each_after_its_name(tmp_path: Path) -> None:
    models = ScriptedModels(["# Paper\n"], vision=True)
    context = context_of(models, chain(tmp_path))
    carry_out("paper", tmp_path / "w", context)
    content = models.asked[0].messages[0]["content"]
    assert [part["type"] for part in content] == ["text", "text", "image_url"]
    assert content[1]["text"] == "figures/bars.png:"
    assert content[2]["image_url"]["url"].startswith("data:image/png;base64,")
    assert "You are not shown the images" not in content[0]["text"]
    assert context.not_shown == []


def test_more_figures_than_eight_are_named_as_not_shown(tmp_path: Path) -> None:
    folders = chain(tmp_path)
    put(folders["experiment"], {f"results/figures/f{number}.png": picture() for number in range(9)})
    models = ScriptedModels(["# Paper\n"], vision=True)
    context = context_of(models, folders)
    carry_out("paper", tmp_path / "w", context)
    assert len(models.images()) == 8
    assert [sentence for sentence in context.not_shown if "8 are the most" in sentence] == [
        "figures/f7.png: not shown as an image, 8 are the most",
        "figures/f8.png: not shown as an image, 8 are the most",
    ]


def test_a_broken_figure_is_not_sent(tmp_path: Path) -> None:
    folders = chain(tmp_path)
    put(folders["experiment"], {"results/figures/torn.png": b"\x89PNG\r\n\x1a\n torn"})
    models = ScriptedModels(["# Paper\n"], vision=True)
    context = context_of(models, folders)
    carry_out("paper", tmp_path / "w", context)
    assert len(models.images()) == 1
    assert any(sentence.startswith("figures/torn.png: ") for sentence in context.not_shown)


def test_a_model_without_vision_is_told_and_it_is_recorded(tmp_path: Path) -> None:
    models = ScriptedModels(["# Paper\n"])
    context = context_of(models, chain(tmp_path))
    carry_out("paper", tmp_path / "w", context)
    assert "You are not shown the images" in models.prompt()
    assert context.not_shown == ["figures/bars.png: named only, openai/m takes no images"]


def test_long_results_are_cut_to_the_window_and_it_is_recorded(tmp_path: Path) -> None:
    folders = chain(tmp_path)
    put(folders["experiment"], {"results/log.txt": "tick\n" * 20_000, "results/raw.csv": "1,2\n" * 20_000})
    models = ScriptedModels(["# Paper\n"], context=24_000)
    context = context_of(models, folders)
    carry_out("paper", tmp_path / "w", context)
    assert quarter(models.prompt()) <= 24_000 - 24_000 // 4
    cut = [sentence.split(":")[0] for sentence in context.not_shown if "characters not shown" in sentence]
    assert cut == ["log", "results/raw.csv"]
    assert "| vote | 0.91 |" in models.prompt()


def test_the_answers_room_follows_the_models_own_limit(tmp_path: Path) -> None:
    folders = chain(tmp_path)
    put(folders["experiment"], {"results/log.txt": "tick\n" * 40_000})
    models = ScriptedModels(["# Paper\n"], context=24_000)
    settings = {"model_settings": {"openai/m": ModelSettings(max_tokens=1_000)}}
    carry_out("paper", tmp_path / "w", context_of(models, folders, **settings))
    assert 24_000 - 24_000 // 4 < quarter(models.prompt()) <= 23_000


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("```markdown\n# T\n\ntext\n```", "# T\n\ntext\n"),
        ("```md\n# T\n```\n", "# T\n"),
        ("\n```\n# T\n```", "# T\n"),
        ("```markdown\n# T\n```python\nx = 1\n```\nend\n```", "# T\n```python\nx = 1\n```\nend\n"),
        ("```markdown\n```markdown\n# T\n```\n```", "```markdown\n# T\n```\n"),
        ("# T\n\n```python\nx = 1\n```", "# T\n\n```python\nx = 1\n```"),
        ("```python\nx = 1\n```", "```python\nx = 1\n```"),
        ("```\nx\n```\n\ntext\n\n```\ny\n```", "```\nx\n```\n\ntext\n\n```\ny\n```"),
        ("# T", "# T"),
    ],
)
def test_a_fence_around_the_whole_answer_is_taken_off_once(answer: str, expected: str) -> None:
    assert unwrap(answer) == expected


def test_a_cut_answer_is_kept_and_recorded(tmp_path: Path) -> None:
    context = context_of(ScriptedModels([answered("```markdown\n# Idea\n\nVote, then", "length")]), {})
    carry_out("idea", tmp_path / "w", context)
    assert (tmp_path / "w" / "idea.md").read_text() == "# Idea\n\nVote, then"
    assert context.not_shown == ["idea.md was cut by the model's limit on output tokens and is used as it came"]


@pytest.mark.parametrize(
    ("text", "reason", "says"),
    [("", "length", "limit on output tokens"), (" \n", "stop", "the answer is empty"), ("", "content_filter", "content filter")],
)
def test_an_empty_answer_is_the_agents_failure_with_its_reason(tmp_path: Path, text: str, reason: str, says: str) -> None:
    with pytest.raises(AgentFailure, match=says):
        carry_out("idea", tmp_path / "w", context_of(ScriptedModels([answered(text, reason)]), {}))
    assert not (tmp_path / "w" / "idea.md").exists()


def test_half_a_surrogate_pair_in_an_answer_does_not_end_the_stage(tmp_path: Path) -> None:
    carry_out("idea", tmp_path / "w", context_of(ScriptedModels(["# Idea \ud83d end"]), {}))
    assert (tmp_path / "w" / "idea.md").read_text() == "# Idea ? end"


def test_errors_of_the_client_pass_through(tmp_path: Path) -> None:
    with pytest.raises(BudgetSpent):
        carry_out("idea", tmp_path / "w", context_of(ScriptedModels([BudgetSpent("nothing left")]), {}))


def test_an_unknown_stage_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no stage 'end2end'"):
        carry_out("end2end", tmp_path / "w", context_of(ScriptedModels([]), {}))


class StillSandbox(Sandbox):
    """A sandbox in which nothing is run."""

    name = "still"
    workspace_inside = "/workspace"  # type: ignore[assignment]

    async def start(self) -> dict[str, Any]:
        return {}

    async def exec(self, command: str, **_: Any) -> ExecResult:
        raise AssertionError("the fake coder runs nothing")

    async def write(self, path: str, content: bytes) -> None:
        raise AssertionError("the fake coder writes nothing")

    async def close(self) -> None:
        pass


class RecordingCoder:
    """Ends as told and keeps what it was given."""

    name = "recording"
    system_prompt = "coder_bash"

    def __init__(self, reason: Any) -> None:
        self.outcome = coders.CoderOutcome(reason, 5, ["12 old outputs"])
        self.given: list[coders.CoderContext] = []

    async def run(self, ctx: coders.CoderContext) -> coders.CoderOutcome:
        self.given.append(ctx)
        return self.outcome


def experiment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str, **settings: Any
) -> tuple[RecordingCoder, StageContext]:
    coder = RecordingCoder(reason)
    monkeypatch.setattr(coders, "load_coder", lambda name: {"bash": coder}[name])
    context = context_of(ScriptedModels([]), chain(tmp_path), **settings)
    workspace = tmp_path / "work"
    spec = SandboxSpec(workspace=workspace, run_id="r", trial="t", limits=Limits(memory=8 * 2**30, cpus=2.0), devices=("GPU-1",))
    context.sandbox = StillSandbox(spec)
    context.ledger = Ledger(tmp_path / "trial", workspace)
    carry_out("experiment", workspace, context)
    return coder, context


def test_the_experiment_hands_the_coder_its_assignment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    coder, context = experiment(tmp_path, monkeypatch, "finished", timeout={"experiment": 5400.0})
    (given,) = coder.given
    assert (given.model, given.scope, given.deadline) == ("openai/m", context.scope, context.deadline)
    assert given.sandbox is context.sandbox
    assert given.ledger is context.ledger
    for text in (
        "Relabel by vote.",
        "None searched.",
        "We plan.",
        "claims.json",
        "1.5 hours",
        "8 GiB",
        "2 CPU cores",
        "1 GPU",
        "/workspace",
    ):
        assert text in given.prompt
    assert "1.5 hours" in given.system
    assert given.context["stage"] == "experiment"
    assert context.not_shown == ["12 old outputs"]


def test_the_assignment_is_the_same_whenever_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = experiment(tmp_path / "a", monkeypatch, "finished")
    monkeypatch.setattr(time, "time", lambda: 4e9)
    second, _ = experiment(tmp_path / "b", monkeypatch, "finished")
    assert (first.given[0].prompt, first.given[0].system) == (second.given[0].prompt, second.given[0].system)


def test_an_experiment_out_of_time_is_the_agents_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AgentFailure, match=r"time-out: .* after 6 h and 5 turns of the coder recording"):
        experiment(tmp_path, monkeypatch, "time-out")


@pytest.mark.parametrize("reason", ["finished", "silent", "turn limit"])
def test_any_other_end_of_the_coder_leaves_the_output_to_be_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    _, context = experiment(tmp_path, monkeypatch, reason)
    assert any("5 turns, the most" in sentence for sentence in context.not_shown) == (reason == "turn limit")


def test_an_experiment_without_a_sandbox_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs a sandbox"):
        carry_out("experiment", tmp_path / "w", context_of(ScriptedModels([]), chain(tmp_path)))
