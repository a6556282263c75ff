"""Stepwise mode: a stage's inputs come from chains drawn from a pool of runs, the draw is repeatable and its outcome recorded."""

from collections import Counter
from pathlib import Path

import pytest

from pytest_mlrbench.records import TrialRecord
from pytest_mlrbench.results.store import RunStore
from pytest_mlrbench.tasks.suites import SMOKE
from tests.support.runs import add, finding, make_run
from tests.support.scripted_server import Json, ScriptedServer, prompt_text
from tests.support.sessions import run

COMMON = (
    "--mlr-suite=smoke",
    "--mlr-judges=offline",
    "--mlr-search=none",
    "--mlr-budget=none",
    "--mlr-epochs=3",
    "--mlr-stage=proposal,paper",
)


def chain(store: RunStore, task: str, mark: str, *, literature: bool = True) -> None:
    """An idea, and the literature to it, of `task` in the run `store`; `mark` stands in both texts."""
    text = f"# An idea\n\n## Motivation\n\nMarked {mark}-{task}.\n\n## Main Idea\n\nCompare with a linear model.\n"
    add(store, f"{task}/idea", output={"idea.md": text}, findings=[finding()] if mark == "alpha" else [])
    if literature:
        add(store, f"{task}/literature", output={"related_work.md": f"## Related Papers\n\nMarked {mark}-{task}.\n"})


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two runs with a chain a task, the first of them full of failing findings, and a third whose chains are not complete."""
    folder = tmp_path_factory.mktemp("pool")
    for mark in ("alpha", "beta", "gamma"):
        store = make_run(folder / mark)
        for task in SMOKE:
            chain(store, task, mark, literature=mark != "gamma")
    return ",".join(str(folder / mark) for mark in ("alpha", "beta", "gamma"))


@pytest.fixture(scope="module")
def drawn(pool: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str, RunStore, list[Json]]:
    folder = tmp_path_factory.mktemp("drawn")
    with ScriptedServer() as server:
        code, output = run(
            folder, "--mlr-model=openai/m", *COMMON, f"--mlr-inputs={pool}", "--mlr-run=run", "-n", "2", server=server
        )
        return code, output, RunStore(folder / "run"), server.bodies


def proposals(store: RunStore) -> dict[str, TrialRecord]:
    return {str(record.key): record for record in store.records() if record.stage == "proposal"}


def draws(store: RunStore) -> dict[str, str]:
    """Trial -> the run its inputs came from."""
    found = {}
    for key, record in proposals(store).items():
        roots = {label.partition("::")[0] for label in record.inputs.values()}
        assert len(roots) == 1, f"{key}: the inputs of one trial come from one chain: {record.inputs}"
        found[key] = Path(roots.pop()).name
    return found


def test_every_trial_gets_one_whole_chain_and_says_which(drawn):
    _, output, store, bodies = drawn
    found = proposals(store)
    assert len(found) == 9, output
    asked = [prompt_text(body) for body in bodies]
    for record in found.values():
        assert record.status == "done"
        assert set(record.inputs) == {"idea", "literature"}
        for stage, label in record.inputs.items():
            assert label.endswith(f"::{record.task}/{stage}")
    told = Counter(f"Marked {name}-{found[key].task}." for key, name in draws(store).items())
    assert len(asked) == 9
    assert {mark: sum(mark in text for text in asked) for mark in told} == told


def test_findings_do_not_keep_a_chain_out_of_the_draw_but_a_missing_output_does(drawn):
    _, _, store, _ = drawn
    assert set(draws(store).values()) == {"alpha", "beta"}


def test_epochs_of_one_task_are_drawn_apart(drawn):
    _, _, store, _ = drawn
    found = draws(store)
    assert any(len({found[f"{task}/proposal{suffix}"] for suffix in ("", ".e2", ".e3")}) > 1 for task in SMOKE)


def test_the_draw_is_the_same_for_another_model_and_another_order_of_the_pool(drawn, pool: str, tmp_path: Path):
    _, _, store, _ = drawn
    turned = ",".join(reversed(pool.split(",")))
    code, output = run(tmp_path, "--mlr-model=offline", *COMMON, f"--mlr-inputs={turned}", "--mlr-run=run", "-n", "0")
    assert code == 0, output
    assert draws(RunStore(tmp_path / "run")) == draws(store)


def test_another_seed_draws_otherwise(drawn, pool: str, tmp_path: Path):
    _, _, store, _ = drawn
    code, output = run(tmp_path, "--mlr-model=offline", *COMMON, f"--mlr-inputs={pool}", "--mlr-seed=1", "--mlr-run=run", "-n", "0")
    assert code == 0, output
    assert draws(RunStore(tmp_path / "run")) != draws(store)


def test_a_stage_for_which_no_chain_is_complete_is_skipped_with_the_reason(drawn):
    code, output, store, _ = drawn
    papers = [record for record in store.records() if record.stage == "paper"]
    assert len(papers) == 9
    for record in papers:
        assert record.status == "skipped"
        assert record.reason == (
            f"no run of --mlr-inputs has a complete chain (idea, literature, proposal, experiment) for {record.task}"
        )
        assert not record.over_budget
    assert "9 passed, 9 skipped" in output
    assert code == 0


def test_end2end_items_are_deselected_with_a_notice(pool: str, tmp_path: Path):
    code, output = run(
        tmp_path, "--mlr-model=offline", "--mlr-suite=smoke", f"--mlr-inputs={pool}", "--collect-only", "-q", "-o", "addopts="
    )
    assert code == 0, output
    assert "12 tests collected" in output
    assert "test_end2end" not in output
    code, output = run(tmp_path, "--mlr-model=offline", "--mlr-suite=smoke", f"--mlr-inputs={pool}", "--collect-only")
    assert "stepwise with --mlr-inputs: end2end items are deselected" in output


def test_a_pool_in_end2end_mode_is_refused(pool: str, tmp_path: Path):
    code, output = run(tmp_path, "--mlr-model=offline", *COMMON, "--mlr-mode=end2end", f"--mlr-inputs={pool}", "--mlr-run=run")
    assert code == 4, output
    assert "--mlr-inputs belongs to --mlr-mode=stepwise" in output
