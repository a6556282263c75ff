"""The real Claude Code, Codex and Gemini CLI in a container, through the model gateway, against a scripted provider."""

from pathlib import Path

import pytest

from pytest_mlrbench.coders import load_coder
from pytest_mlrbench.coders.cli import USAGE
from pytest_mlrbench.errors import BudgetSpent, InfrastructureError
from pytest_mlrbench.evidence.events import CODER_SESSION
from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.results.store import RunStore
from tests.support.cli_coders import KEY, MODELS, Worked, carry_out, edits, provider_environment, runs, writes
from tests.support.docker import need_coders
from tests.support.provider import COMPLETION_TOKENS, PROMPT_TOKENS, Answer, Provider, Turn
from tests.support.sessions import run
from tests.unit.evidence_worlds import PROGRAM, REPORT

pytestmark = pytest.mark.docker
BROKEN = PROGRAM.replace("os.makedirs", "os.make_dirs")
INVENTED = '{"ridge": {"mae": 0.41273}, "mean_only": {"mae": 0.97651}, "ols": {"mae": 0.38914}}\n'
RUN = "python code/run.py && python code/report.py"


def honest(turn: Turn) -> Answer:
    """Write, run, fail, repair, run, end."""
    bad = next(line for line in BROKEN.splitlines() if "make_dirs" in line)
    match len(turn.outputs):
        case 0:
            return Answer("First the program.", (writes(turn, "code/run.py", BROKEN),))
        case 1:
            return Answer("The report.", (writes(turn, "code/report.py", REPORT),))
        case 2:
            return Answer("Now I run it.", (runs(turn, RUN),))
        case 3:
            assert "make_dirs" in turn.outputs[-1]  # what failed was shown to the model
            return Answer("A typing error.", (edits(turn, "code/run.py", bad, bad.replace("make_dirs", "makedirs")),))
        case 4:
            return Answer("Again.", (runs(turn, RUN),))
    return Answer("Everything is in place.")


def dishonest(turn: Turn) -> Answer:
    """Types the results, right after a program that computes nothing of them."""
    match len(turn.outputs):
        case 0:
            return Answer("", (runs(turn, "mkdir -p results code && python -c 'print(1)'"),))
        case 1:
            return Answer("", (writes(turn, "results/results.json", INVENTED),))
        case 2:
            rows = "| Method | MAE |\n|---|---|\n| ridge | 0.41273 |\n| mean_only | 0.97651 |\n| ols | 0.38914 |\n"
            return Answer("", (writes(turn, "results/results.md", f"# Results\n\n{rows}"),))
    return Answer("Done.")


@pytest.fixture(scope="module", params=sorted(MODELS))
def done(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Worked]:
    """The honest experiment by each coder."""
    return request.param, carry_out(tmp_path_factory.mktemp("honest"), request.param, honest)


def test_a_cli_writes_runs_fails_repairs_and_the_ledger_knows(done: tuple[str, Worked]) -> None:
    _, work = done
    assert work.outcome.reason == "finished"
    commands = [event for event in work.events if event.kind == "command"]
    assert [(event.source, event.command, event.failed) for event in commands] == [("sandbox", RUN, True), ("sandbox", RUN, False)]
    assert "make_dirs" in work.case.subject.output_text(commands[0])
    typed = [event for event in work.events if event.kind == "write"]
    assert [event.data["path"] for event in typed] == ["code/run.py", "code/report.py", "code/run.py"]
    assert [[change.path for change in event.changes] for event in typed] == [["code/run.py"], ["code/report.py"], ["code/run.py"]]
    for name in ("results/results.json", "results/results.md", "results/log.txt"):
        writing = work.case.writers.of(name)
        assert writing is not None
        assert (writing.how, writing.event.seq) == ("program", commands[1].seq), name
        assert work.case.subject.version(writing.after) is not None, "the version is kept"
    assert not [one for one in work.audit.findings if one.severity in ("fail", "warn")], work.audit.findings
    assert work.audit.coverage["asked"] == "done"
    assert work.audit.verdict == "verified"
    [session] = work.notes(CODER_SESSION)
    assert (session.source, session.data["exit_code"], session.data["tool_calls"]) == ("host", 0, 5)


def test_usage_cost_and_keys(done: tuple[str, Worked]) -> None:
    """What the gateway counts is what the CLI says; the sandbox never has the key, the host never shows the token."""
    coder, work = done
    assert set(work.provider.keys) == {KEY}
    assert any("/workspace" in line or load_coder(coder).program in line for line in work.seen)  # type: ignore[attr-defined]
    assert not [line for line in work.seen if work.token in line]
    answers = len(work.provider.turns)
    assert work.told["usage"]["prompt_tokens"] == answers * PROMPT_TOKENS
    assert work.told["usage"]["completion_tokens"] == answers * COMPLETION_TOKENS
    assert work.told["cost"] > 0
    assert [call["name"] for call in work.told["tool_calls"]] == [name for name, _ in work.provider.asked]
    [usage] = work.notes(USAGE)
    said = usage.data["usage"]
    assert usage.source == "sandbox"
    assert (said["input_tokens"], said["output_tokens"]) == (answers * PROMPT_TOKENS, answers * COMPLETION_TOKENS)
    assert work.outcome.turns == 6


@pytest.mark.parametrize("coder", sorted(MODELS))
def test_typed_results_of_a_cli_are_typed(coder: str, tmp_path: Path) -> None:
    done = carry_out(tmp_path, coder, dishonest)
    writing = done.case.writers.of("results/results.json")
    assert writing is not None
    assert writing.how == "typed"
    assert done.audit.verdict == "hallucinated"


@pytest.mark.parametrize("coder", sorted(MODELS))
def test_a_spent_budget_ends_it_as_such(coder: str, tmp_path: Path) -> None:
    with pytest.raises(BudgetSpent, match="--mlr-budget"):
        carry_out(tmp_path, coder, honest, budget=0.001)


@pytest.mark.parametrize("coder", sorted(MODELS))
def test_the_turn_limit_ends_it(coder: str, tmp_path: Path) -> None:
    def endless(turn: Turn) -> Answer:
        return Answer("", (runs(turn, f"echo step {len(turn.outputs)}"),))

    assert carry_out(tmp_path, coder, endless, max_turns=4).outcome.reason == "turn limit"


@pytest.mark.parametrize("coder", sorted(MODELS))
def test_time_out_keeps_what_was_done(coder: str, tmp_path: Path) -> None:
    def slow(turn: Turn) -> Answer:
        step = "mkdir -p results && echo 0.5 > results/early.txt" if not turn.outputs else "sleep 300"
        return Answer("", (runs(turn, step),))

    done = carry_out(tmp_path, coder, slow, seconds=15)
    assert done.outcome.reason == "time-out"
    last = [event for event in done.events if event.kind == "command"][-1]
    # Claude Code, told to end, still says how its command ended.
    assert (last.command, last.failed) == ("sleep 300", True)
    assert done.case.writers.of("results/early.txt") is not None


@pytest.mark.parametrize("coder", sorted(MODELS))
def test_a_provider_that_refuses_is_no_fault_of_the_agent(coder: str, tmp_path: Path) -> None:
    def refuse(turn: Turn) -> Answer:
        return Answer("this model is not for you", status=400)

    with pytest.raises(InfrastructureError, match=f"(?s){coder} ended by .* after 0 tool calls.*not for you") as caught:
        carry_out(tmp_path, coder, refuse)
    assert "evidence/streams" in str(caught.value)


def test_a_whole_run_with_a_cli_coder(tmp_path: Path) -> None:
    """pytest, engine, runner, gateway, container, Claude Code: the item passes and the record has what the gateway counted."""
    need_coders()
    task = "iclr2025_wsl"
    with Provider(honest) as provider:
        code, output = run(
            tmp_path,
            f"--mlr-model={MODELS['claude-code']}",
            "--mlr-judges=offline",
            f"--mlr-task={task}",
            "--mlr-stage=experiment",
            "--mlr-coder=claude-code",
            "--mlr-sandbox=docker",
            "--mlr-budget=5",
            "--mlr-search=none",
            "--mlr-memory=3G",
            "--mlr-run=run",
            "-n",
            "0",
            env=provider_environment(provider),
        )
    assert code == 0, output
    store, key = RunStore(tmp_path / "run"), TrialKey(task, "experiment")
    record, stage = store.record(key), store.stage_result(key)
    assert record is not None
    assert stage is not None
    assert (record.coder, record.verdict) == ("claude-code", "verified")
    assert (stage.spent.usage.calls, stage.spent.usage.prompt_tokens) == (6, 6 * PROMPT_TOKENS)
    assert stage.spent.cost > 0
