"""The gate's repeats in a run with --mlr-inputs: a trial is repeated with what it was given, not with what would be drawn now."""

import json
import shutil
from pathlib import Path

import pytest

from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.records import TrialRecord
from pytest_mlrbench.results.gate.repeats import repeat_key, repeats_of
from pytest_mlrbench.results.store import RunStore, file_digests
from tests.support import gated
from tests.support.once import once
from tests.support.sessions import run

SEED = 9
"""With two chains to draw from, epochs 1 and 1001 of the paper, and of the experiment, get different ones."""


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two runs with a chain of honest work, the second about an idea in other words."""
    honest = gated.honest(tmp_path_factory)

    def make(folder: Path) -> list[Path]:
        runs = [shutil.copytree(honest, folder / name) for name in ("one", "two")]
        store, key = RunStore(runs[1]), TrialKey(gated.TASK, "idea")
        result = store.stage_result(key)
        assert result is not None
        text = store.output(key) / "idea.md"
        text.write_text(text.read_text(encoding="utf-8") + "\nIn other words.\n", encoding="utf-8")
        store.write_stage_result(key, result.model_copy(update={"files": file_digests(store.output(key))}))
        return runs

    return once(tmp_path_factory, "gate-pool", make)


def gated_run(folder: Path, pool: list[Path], stage: str, model: str, base: Path) -> tuple[TrialRecord, TrialRecord]:
    """The trial of a run whose gate broke, and its repeat."""
    chosen = (f"--mlr-stage={stage}", f"--mlr-task={gated.TASK}", f"--mlr-inputs={','.join(map(str, pool))}", f"--mlr-seed={SEED}")
    code, output = run(folder, f"--mlr-model={model}", *chosen, "-n", "0", "--mlr-run=new", f"--mlr-gate={base}")
    assert code == 8, output
    store, key = RunStore(folder / "new"), TrialKey(gated.TASK, stage)
    assert json.loads((store.root / "gate.json").read_text(encoding="utf-8"))["confirmed"] == [str(key)]
    trial, repeat = store.record(key), repeats_of(store).record(repeat_key(key))
    assert trial is not None
    assert repeat is not None
    assert repeats_of(store).keys() == [repeat_key(key)], "nothing else was made for the repeat"
    return trial, repeat


def test_a_paper_is_written_again_upon_the_same_experiment_of_the_pool(pool: list[Path], tmp_path: Path):
    chosen = ("--mlr-stage=paper", f"--mlr-task={gated.TASK}", f"--mlr-inputs={pool[0]}", "-n", "0", "--mlr-run=base")
    code, output = run(tmp_path, "--mlr-model=offline", *chosen)
    assert code == 0, output
    trial, repeat = gated_run(tmp_path, pool, "paper", "offline-sloppy", tmp_path / "base")
    assert trial.inputs["experiment"] in [f"{one}::{gated.TASK}/experiment" for one in pool]
    assert repeat.inputs == trial.inputs


def test_an_experiment_is_done_again_with_the_same_inputs_of_the_pool(
    pool: list[Path], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
):
    trial, repeat = gated_run(tmp_path, pool, "experiment", "offline-fabricator", gated.honest(tmp_path_factory))
    assert trial.inputs["idea"] in [f"{one}::{gated.TASK}/idea" for one in pool]
    assert repeat.inputs == trial.inputs
