"""The gate in whole sessions: answer and exit code, repeats, re-judging of the baseline, early looks, baselines it refuses."""

import json
import re
import shutil
from pathlib import Path

import pytest

from pytest_mlrbench.judging.panel import protocol_of
from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.results.gate.repeats import repeat_key, repeats_of
from pytest_mlrbench.results.importing import import_published
from pytest_mlrbench.results.store import RunStore
from pytest_mlrbench.stages.rubric import load_rubric
from tests.support import gated
from tests.support.gated import JUDGED, TASK
from tests.support.once import once
from tests.support.published import make_published
from tests.support.runs import add, finding, make_run, review
from tests.support.scripted_server import ScriptedServer
from tests.support.sessions import run

EXPERIMENT = (*gated.EXPERIMENT, "-n", "0")
IDEAS = (*gated.IDEAS, "-n", "0")


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gated.honest(tmp_path_factory)


@pytest.fixture(scope="module")
def ideas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three ideas of the offline model, as a baseline."""

    def make(folder: Path) -> Path:
        code, output = run(folder, "--mlr-model=offline", *IDEAS, "--mlr-run=base")
        assert code == 0, output
        return folder / "base"

    return once(tmp_path_factory, "gate-ideas", make)


def gate_of(folder: Path, name: str = "new") -> dict:
    return json.loads((folder / name / "gate.json").read_text(encoding="utf-8"))


# -- evidence ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fabricated(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str, Path]:
    return gated.fabricated(tmp_path_factory)


def test_a_fabricator_breaks_the_gate_by_evidence_with_one_task(fabricated):
    code, output, folder = fabricated
    assert code == 8, output
    item = f"{TASK}/experiment"
    assert gate_of(folder)["confirmed"] == [item]
    assert f"gate: reason: {item} is hallucinated and was not in the baseline, confirmed in its repeat too" in output
    assert "exit code 8: the gate is broken" in output


def test_the_repeat_is_a_fresh_experiment_apart_from_the_run(fabricated):
    _, _, folder = fabricated
    store = RunStore(folder / "new")
    key = TrialKey(TASK, "experiment")
    first, again = store.record(key), repeats_of(store).record(repeat_key(key))
    assert first is not None
    assert again is not None
    assert again.verdict == "hallucinated"
    assert again.started > first.finished
    assert again.files["results/results.md"] != first.files["results/results.md"]
    assert {one.stage for one in store.keys_of(TASK)} == {"idea", "literature", "proposal", "experiment"}
    # Its inputs are the run's own, not made anew.
    idea = key.at("idea")
    assert repeats_of(store).stage_result(repeat_key(idea)) == store.stage_result(idea)


def test_the_plan_speaks_of_the_gate_before_the_first_call(fabricated, honest):
    _, output, _ = fabricated
    assert f"mlrbench: gate against {honest}: 1 pair, largest drop 0.5" in output
    assert "newly hallucinated items are repeated until one is again" in output


def test_the_reason_is_on_the_jobs_page_in_the_run_and_in_allure(fabricated):
    _, _, folder = fabricated
    page = (folder / "page.md").read_text(encoding="utf-8")
    assert page.startswith("# The job\n## ❌ MLR-Bench gate: broken")
    assert (folder / "new" / "gate.md").read_text(encoding="utf-8") in page
    assert "| experiment | Overall | 1 | 1 |" in page
    results = [json.loads(path.read_text(encoding="utf-8")) for path in (folder / "allure").glob("*-result.json")]
    (gate,) = [one for one in results if one["name"] == "MLR-Bench gate"]
    assert gate["status"] == "failed"
    assert "confirmed in its repeat too" in gate["statusDetails"]["message"]
    assert (folder / "allure" / gate["attachments"][0]["source"]).read_text(encoding="utf-8").startswith("## ❌")


def test_a_resumed_run_repeats_nothing(fabricated, honest, tmp_path):
    folder = shutil.copytree(fabricated[2], tmp_path / "again")
    key = repeat_key(TrialKey(TASK, "experiment"))
    before = repeats_of(RunStore(folder / "new")).record(key)
    code, output = run(folder, "--mlr-model=offline-fabricator", *EXPERIMENT, "--mlr-run=new", f"--mlr-gate={honest}")
    assert code == 8, output
    assert "nothing to run" in output
    assert repeats_of(RunStore(folder / "new")).record(key) == before


def test_without_a_gate_the_same_run_has_the_usual_exit_code(fabricated, tmp_path):
    folder = shutil.copytree(fabricated[2], tmp_path / "again")
    code, output = run(folder, "--mlr-model=offline-fabricator", *EXPERIMENT, "--mlr-run=new")
    assert code == 1, output
    assert "gate: " not in output


def test_a_repeat_that_cannot_be_made_leaves_the_gate_inconclusive(tmp_path):
    """Stored runs of a model that is refused by now: its finding stands, and nobody can tell whether it would come again."""
    protocol = protocol_of(load_rubric("experiment", None), None)
    for name, found in (("base", []), ("new", [finding()])):
        store = make_run(tmp_path / name, judges=("offline",), search="none", sandbox="local", budget=None)
        verdict = "hallucinated" if found else "verified"
        made = review("offline", "experiment", {"Overall": 7}, mechanical=True)
        scores = [made.model_copy(update={"protocol": protocol})]
        add(store, f"{TASK}/experiment", scores, findings=found, verdict=verdict, support=1.0)
    arguments = ("--mlr-model=openai/m", "--mlr-judges=offline", "--mlr-search=none", "--mlr-sandbox=local", "--mlr-budget=none")
    with ScriptedServer() as server:
        server.fault("401", n=9)
        code, output = run(tmp_path, *arguments, *EXPERIMENT, "--mlr-run=new", "--mlr-gate=base", server=server)
    assert code == 6, output
    assert re.search(rf"{TASK}/experiment is hallucinated and was not in the baseline, unconfirmed: its repeat ended as", output)


def test_of_two_epochs_the_hallucinated_one_is_repeated(honest, fabricated, tmp_path):
    """The baseline has one epoch; the run's first is as honest, its second made up."""
    new = shutil.copytree(fabricated[2] / "new", tmp_path / "new")
    shutil.rmtree(new / "repeats")
    for trial in list((new / "trials" / TASK).iterdir()):
        trial.rename(trial.with_name(f"{trial.name}.e2"))
    shutil.copytree(honest / "trials", new / "trials", dirs_exist_ok=True)
    store, second = RunStore(new), TrialKey(TASK, "experiment", 2)
    record = json.loads((store.trial(second) / "record.json").read_text(encoding="utf-8"))
    (store.trial(second) / "record.json").write_text(json.dumps({**record, "epoch": 2}), encoding="utf-8")
    chosen = (*gated.EXPERIMENT, "-n", "2", "--mlr-epochs=2", "--mlr-run=new", f"--mlr-gate={honest}")
    code, output = run(tmp_path, "--mlr-model=offline-fabricator", *chosen)
    assert code == 8, output
    assert "2 already done; nothing to run" in output
    assert f"gate: reason: {TASK}/experiment is hallucinated and was not in the baseline, " in output
    assert "confirmed in its repeat too" in output
    assert repeat_key(second) in repeats_of(store).keys()  # noqa: SIM118 - a store is no mapping
    assert gate_of(tmp_path)["stages"][0]["n_pairs"] == 1


# -- scores -----------------------------------------------------------------------------------------------------------


def test_the_same_agent_on_three_tasks_is_inconclusive_and_told_not_calibrated(ideas, tmp_path):
    code, output = run(tmp_path, "--mlr-model=offline", *IDEAS, "--mlr-run=new", f"--mlr-gate={ideas}")
    assert code == 6, output
    assert "would decide" in output
    assert "the threshold is not calibrated" in output
    assert "exit code 6: the gate is inconclusive" in output


def test_the_same_agent_holds_within_a_drop_that_three_tasks_can_tell(ideas, tmp_path):
    chosen = ("--mlr-model=offline", *IDEAS, "--mlr-run=new", f"--mlr-gate={ideas}", "--mlr-gate-max-drop=3")
    code, output = run(tmp_path, *chosen)
    assert code == 0, output
    assert gate_of(tmp_path)["verdict"] == "holds"
    assert "gate: holds (largest drop 3 of Overall)" in output


def test_a_missed_threshold_comes_before_the_gate(ideas, tmp_path):
    code, output = run(tmp_path, "--mlr-model=offline", *IDEAS, "--mlr-run=new", f"--mlr-gate={ideas}", "--mlr-min=Overall:10")
    assert code == 1, output


def test_ini_twins_name_the_gate(ideas, tmp_path):
    ini = f"[pytest]\nmlr_model = offline\nmlr_gate = {ideas}\nmlr_gate_max_drop = 3\n"
    (tmp_path / "pytest.ini").write_text(ini, encoding="utf-8")
    code, output = run(tmp_path, *IDEAS, "--mlr-run=new")
    assert code == 0, output
    assert "gate: holds (largest drop 3 of Overall)" in output


# -- judges -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gated.judged(tmp_path_factory)


def test_a_moving_panel_judges_the_baseline_again_once(judged, tmp_path):
    with ScriptedServer() as server:
        chosen = ("--mlr-model=offline", *JUDGED, *IDEAS, "--mlr-run=new", f"--mlr-gate={judged}", "--mlr-gate-max-drop=9")
        code, output = run(tmp_path, *chosen, server=server)
        assert code == 0, output
        assert server.stats()["requests"] == 6, "three new ideas and three of the baseline"
        assert "gate: the baseline is judged again (openai/j1 may have changed: no snapshot is named): 3-4 model calls" in output
        assert run(tmp_path, *chosen, server=server)[0] == 0
        assert server.stats()["requests"] == 6
    again = RunStore(tmp_path / "new" / "rejudged")
    assert [one.reviews[0].judge for one in again.records()] == ["openai/j1"] * 3
    assert gate_of(tmp_path)["stages"][0]["n_pairs"] == 3


def test_the_judges_drift_is_not_the_agents(judged, tmp_path):
    """The baseline was stored with scores that today's panel would not give: it is compared by today's.

    The run has a third task, which this invocation has not selected: it is neither judged again nor compared.
    """
    shutil.copytree(judged, tmp_path / "new")
    base = RunStore(shutil.copytree(judged, tmp_path / "base"))
    for record in list(base.records()):
        higher = [one.model_copy(update={"scores": dict.fromkeys(one.scores, 10)}) for one in record.reviews]
        base.write_record(record.model_copy(update={"reviews": higher}))
    with ScriptedServer() as server:
        chosen = (*IDEAS, "--mlr-task=iclr2025_wsl", "--mlr-task=iclr2025_dl4c")
        code, output = run(tmp_path, "--mlr-model=offline", *JUDGED, *chosen, "--mlr-run=new", "--mlr-gate=base", server=server)
    assert "nothing to run" in output
    assert server.stats()["requests"] == 2
    stage = gate_of(tmp_path)["stages"][0]
    assert (stage["n_pairs"], stage["diff"]) == (2, 0.0), output
    assert stage["base"] < 10
    assert code in (0, 6)


def test_another_panel_is_refused_only_where_judging_again_is_forbidden(ideas, tmp_path):
    with ScriptedServer() as server:
        arguments = ("--mlr-model=offline", *JUDGED, *IDEAS, f"--mlr-gate={ideas}", "--mlr-gate-max-drop=9", "--mlr-run=new")
        code, output = run(tmp_path, *arguments, "--mlr-gate-rejudge=never", server=server)
        assert code == 4
        assert "it had another panel, offline (stage idea)" in output
        assert server.stats()["requests"] == 0
        assert not (tmp_path / "new").exists()
        code, output = run(tmp_path, *arguments, server=server)
    assert code == 0, output


def test_infrastructure_that_leaves_a_pair_unscored_comes_before_the_answer(judged, tmp_path):
    with ScriptedServer() as server:
        server.fault("401", model="j1", stage="judge:idea")
        chosen = ("--mlr-model=offline", *JUDGED, *IDEAS, "--mlr-run=new", f"--mlr-gate={judged}", "--mlr-gate-rejudge=never")
        code, output = run(tmp_path, *chosen, server=server)
    assert code == 7, output
    assert len(gate_of(tmp_path)["infrastructure"]) == 1
    assert "gate: without a score for infrastructure: " in output


# -- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--mlr-gate=nowhere"], "nowhere is not a run directory"),
        (["--mlr-gate=new"], "is this run itself"),
        (["--mlr-gate={ideas}", "--mlr-stage=proposal"], "has no finished trial of the selected tasks, stages and epochs"),
        (["--mlr-gate={ideas}", "--mlr-tasks={texts}"], "gave their agents other task texts"),
        (["--mlr-gate={published}"], "holds 4 runs, give one of them: "),
        (
            ["--mlr-gate={published}/claude-3-7-sonnet-20250219", "--mlr-stage=paper"],
            "other task texts (claude-3-7-sonnet-20250219 does not record its own, new has briefs of pytest-mlrbench)",
        ),
    ],
)
def test_a_baseline_that_cannot_be_one_is_a_usage_error(ideas, tmp_path, arguments, expected):
    texts = tmp_path / "texts"
    texts.mkdir()
    for task in ("iclr2025_dl4c", "iclr2025_scsl", "iclr2025_wsl"):
        (texts / f"{task}.md").write_text("Another text.\n", encoding="utf-8")
    published = tmp_path / "published"
    if any("{published}" in text for text in arguments):
        import_published(make_published(tmp_path / "upstream"), published)
    given = [text.format(ideas=ideas, texts=texts, published=published) for text in arguments]
    stage = [] if any("--mlr-stage" in text for text in arguments) else ["--mlr-stage=idea"]
    code, output = run(tmp_path, "--mlr-model=offline", "--mlr-suite=smoke", *stage, "--mlr-run=new", "-n", "0", *given)
    assert code == 4, output
    assert expected in output
    assert "Traceback" not in output
    assert not (tmp_path / "new").exists()
