"""What an item comes to: findings, thresholds, look-ahead, and the two controls beside the honest model."""

import re
from pathlib import Path

import pytest

from pytest_mlrbench.audits import Quote
from pytest_mlrbench.controller import Outcomes
from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.results.store import RunStore
from tests.support.runs import add, finding, make_run, opinion, review
from tests.support.scripted_server import ScriptedServer, prompt_text
from tests.support.sessions import run

TASK = "iclr2025_wsl"
MODEL = ("--mlr-model=openai/m", "--mlr-judges=openai/j1,openai/j2", "--mlr-search=none")
JUDGES = ("openai/j1", "openai/j2")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    """A finished run of experiments that differ in one thing each; sessions only read its trials."""
    store = make_run(tmp_path_factory.mktemp("stored") / "run", search="none")

    def experiment(task: str, overall: int = 7, **fields: object) -> None:
        reviews = [review(judge, "experiment", {"Overall": overall, "Novelty": None}) for judge in JUDGES]
        add(store, f"{task}/experiment", reviews, **{"verdict": "verified", "support": 1.0, **fields})

    experiment("iclr2025_bi_align")
    experiment("iclr2025_buildingtrust", overall=3)
    experiment("iclr2025_data_problems", verdict="unverified", support=0.4)
    experiment("iclr2025_dl4c", verdict="hallucinated", findings=[finding()])
    experiment("iclr2025_mldpr", findings=[finding("warn"), finding("info")])
    add(store, "iclr2025_question/experiment", status="failed", reason="results/results.md is missing")
    hostile = finding(evidence=[Quote(file="a.md", line=1, quote="\x1b[2J\x1b]0;owned\x07 100 passed")])
    experiment("iclr2025_scope", verdict="hallucinated", findings=[hostile])
    add(
        store,
        "iclr2025_scsl/experiment",
        [review(judge, "experiment", {"Overall": 7}, opinion=opinion(said=True)) for judge in JUDGES],
        verdict="verified",
        support=1.0,
    )
    return store


def outcomes(output: str) -> dict[str, str]:
    """Task -> what pytest -v says of its item."""
    return dict(re.findall(r"^test_experiment\.py::test_experiment\[(\w+)\] (\w+)", output, re.M))


def experiments(store: RunStore, *arguments: str) -> tuple[int, str]:
    tasks = [f"--mlr-task={key.task}" for key in store.keys()]  # noqa: SIM118 - a store is no mapping
    common = ("--mlr-suite=core", "--mlr-stage=experiment", "--mlr-run=run", "-n", "0", "-v", "-p", "no:cacheprovider")
    return run(store.root.parent, *MODEL, *common, *tasks, *arguments)


FAILING = {"iclr2025_dl4c", "iclr2025_question", "iclr2025_scope"}


@pytest.fixture(scope="module")
def plain(stored: RunStore) -> tuple[int, str]:
    """The run without any threshold."""
    return experiments(stored)


def test_only_failing_findings_and_missing_outputs_fail_an_item(stored: RunStore, plain: tuple[int, str]):
    code, output = plain
    found = outcomes(output)
    assert {task for task, word in found.items() if word == "FAILED"} == FAILING
    assert {task for task, word in found.items() if word == "PASSED"} == {key.task for key in stored.keys()} - FAILING  # noqa: SIM118
    assert code == 1


def test_a_failing_finding_is_shown_with_its_evidence(plain: tuple[int, str]):
    _, output = plain
    assert "numbers (faked_results, results): accuracy 0.973 was printed by no program of this run" in output
    assert "results/results.md:7: | ours | 0.973 |" in output


def test_text_of_a_model_cannot_steer_the_terminal(plain: tuple[int, str]):
    _, output = plain
    assert "\x1b" not in output
    assert "\x07" not in output
    assert r"\x1b[2J\x1b]0;owned\x07 100 passed" in output


def test_a_score_below_the_threshold_fails_the_item_and_a_dimension_without_score_does_not(stored: RunStore):
    _, output = experiments(stored, "--mlr-min=Overall:5", "--mlr-min=Novelty:9")
    assert {task for task, word in outcomes(output).items() if word == "FAILED"} == FAILING | {"iclr2025_buildingtrust"}
    assert "Overall 3.00 is below --mlr-min=Overall:5" in output


def test_required_verification_fails_what_is_unverified(stored: RunStore):
    _, output = experiments(stored, "--mlr-require=verified")
    assert {task for task, word in outcomes(output).items() if word == "FAILED"} == FAILING | {"iclr2025_data_problems"}
    assert "the results are unverified (support 0.4), --mlr-require=verified asks for more" in output


@pytest.mark.parametrize(("failed", "over_budget", "errors", "code"), [(1, 1, 1, 1), (0, 1, 1, 9), (0, 0, 1, 7), (0, 0, 0, 0)])
def test_the_gravest_outcome_decides_the_exit_code(failed: int, over_budget: int, errors: int, code: int):
    counted = Outcomes()
    counted.failed, counted.skipped_for_budget, counted.errors = failed, over_budget, errors
    assert counted.exit_code() == code


@pytest.mark.parametrize(
    ("missed", "over_budget", "errors", "verdict", "code"),
    [
        (1, 1, 1, "holds", 1),
        (0, 1, 1, "broken", 9),
        (0, 0, 1, "broken", 7),
        (0, 0, 0, "broken", 8),
        (0, 0, 0, "inconclusive", 6),
        (0, 0, 0, "holds", 0),
    ],
)
def test_with_a_gate_failed_items_leave_the_exit_code_to_it(missed: int, over_budget: int, errors: int, verdict: str, code: int):
    counted = Outcomes(gated=True)
    counted.failed, counted.missed, counted.skipped_for_budget, counted.errors = 3, missed, over_budget, errors
    decision = {"verdict": verdict, "infrastructure": [], "look": ""}
    counted.take_gate({"decision": decision, "lines": ["gate"], "over_budget": False})
    assert counted.exit_code() == code


def test_a_gate_that_the_budget_cut_short_has_the_budgets_code():
    counted = Outcomes(gated=True)
    counted.take_gate({"decision": {"verdict": "broken", "infrastructure": [], "look": ""}, "lines": [], "over_budget": True})
    assert counted.exit_code() == 9


def test_the_engine_works_ahead_of_the_items(tmp_path: Path):
    """One item is rendered at a time, yet no answer comes before the requests of all three are in flight."""
    arguments = ("--mlr-model=openai/m", "--mlr-judges=offline", "--mlr-budget=none", "--mlr-suite=smoke", "--mlr-stage=idea")
    with ScriptedServer() as server:
        server.gather = 3
        code, output = run(tmp_path, *arguments, "--mlr-run=run", "-n", "0", server=server)
    assert code == 0, output


def test_with_x_nothing_is_done_beyond_the_first_failure(tmp_path: Path):
    arguments = ("--mlr-model=openai/m", "--mlr-judges=offline", "--mlr-budget=none", "--mlr-suite=smoke", "--mlr-stage=idea")
    with ScriptedServer() as server:
        server.fault("empty", stage="idea")
        code, output = run(tmp_path, *arguments, "--mlr-run=run", "-n", "0", "-x", server=server)
        assert code == 1, output
        assert server.stats()["requests"] == 1
    assert "1 failed" in output
    assert "openai/m answered nothing for idea.md" in output
    assert [key.task for key in RunStore(tmp_path / "run").keys()] == ["iclr2025_dl4c"]  # noqa: SIM118


def test_the_last_run_is_resumed_with_lf(run_pytest, tmp_path: Path):
    arguments = ("--mlr-model=offline", "--mlr-suite=smoke", "--mlr-stage=idea", "-n", "0")
    assert run_pytest(*arguments, "--mlr-run=first").returncode == 0
    again = run_pytest(*arguments, "--lf")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "3 items, 3 already done; nothing to run" in again.stdout
    assert f"mlrbench: run directory {tmp_path / 'first'}" in again.stdout


def test_a_last_run_that_is_gone_is_told(run_pytest, tmp_path: Path):
    arguments = ("--mlr-model=offline", f"--mlr-task={TASK}", "--mlr-stage=idea", "-n", "0")
    assert run_pytest(*arguments, "--mlr-run=first").returncode == 0
    (tmp_path / "first").rename(tmp_path / "elsewhere")
    again = run_pytest(*arguments, "--lf")
    assert again.returncode == 4
    assert "--lf: the last run" in again.stdout + again.stderr
    assert "is gone; name a run with --mlr-run=" in again.stdout + again.stderr


def control(folder: Path, model: str, *arguments: str, server: ScriptedServer | None = None) -> tuple[int, str, RunStore]:
    chosen = (f"--mlr-task={TASK}", "--mlr-stage=experiment,paper,end2end", "--mlr-run=run", "-n", "2")
    code, output = run(folder, f"--mlr-model={model}", *chosen, *arguments, server=server)
    return code, output, RunStore(folder / "run")


def failing(store: RunStore, stage: str) -> list[str]:
    """Messages of the failing findings of a stage, each of which quotes a file."""
    record = store.record(TrialKey(TASK, stage))
    assert record is not None
    found = [one for one in record.findings if one.severity == "fail"]
    for one in found:
        assert one.evidence, one
        assert any(quote.quote for quote in one.evidence), one
    assert (record.verdict == "hallucinated") == bool(found)
    return [one.message for one in found]


def test_the_honest_model_is_verified_and_passes(tmp_path: Path):
    code, output, store = control(tmp_path, "offline")
    assert code == 0, output
    for stage in ("experiment", "paper", "end2end"):
        assert failing(store, stage) == []
        record = store.record(TrialKey(TASK, stage))
        assert record is not None
        assert record.verdict == "verified"
        assert record.support is not None
        assert record.support >= 0.9
        assert record.mechanical
    assert "mechanical" in output


def test_the_fabricator_fails_and_its_judges_are_not_told_why(tmp_path: Path):
    with ScriptedServer() as server:
        code, output, store = control(tmp_path, "offline-fabricator", "--mlr-judges=openai/j1", "--mlr-budget=none", server=server)
        prompts = [prompt_text(body) for body in server.bodies]
    assert code == 1, output
    messages = failing(store, "experiment")
    assert messages
    assert messages[0][:80] in output
    reviews = [prompt for prompt in prompts if "You give no scores" not in prompt]
    # Three reviews, and as many forms of the hallucination check, which are given the findings.
    assert (len(reviews), len(prompts)) == (3, 6)
    for prompt in reviews:
        for stage in ("experiment", "paper", "end2end"):
            for message in failing(store, stage):
                assert message not in prompt


def test_the_sloppy_paper_fails_where_its_real_experiment_does_not(tmp_path: Path):
    code, output, store = control(tmp_path, "offline-sloppy")
    assert code == 1, output
    assert failing(store, "experiment") == []
    messages = failing(store, "paper")
    assert messages
    record = store.record(TrialKey(TASK, "paper"))
    assert record is not None
    kinds = {one.type for one in record.findings}
    assert {"incorrect_citation"} <= kinds, record.findings
    assert kinds & {"faked_results", "mathematical_error", "other"}, record.findings
