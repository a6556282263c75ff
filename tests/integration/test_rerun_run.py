"""`--mlr-rerun=all` in whole sessions on the local sandbox: what is stored, what survives a kill, what Ctrl-C ends."""

import json
import shutil
from pathlib import Path

import psutil
import pytest

from pytest_mlrbench.cli import main
from pytest_mlrbench.evidence.reruns import RERUN, read_rerun
from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.results.store import RunStore
from tests.support.sessions import Session, run, until

ARGUMENTS = ("--mlr-model=offline", "--mlr-task=iclr2025_dl4c", "--mlr-stage=experiment", "--mlr-rerun=all", "--mlr-run=run")
COMMON = (*ARGUMENTS, "-n", "0", "-p", "no:cacheprovider")
KEY = TrialKey("iclr2025_dl4c", "experiment")


def test_a_fabricated_experiment_has_nothing_that_could_be_run_again(tmp_path: Path):
    code, output = run(tmp_path, *COMMON, "--mlr-model=offline-fabricator")
    assert code == 1, output
    record = RunStore(tmp_path / "run").record(KEY)
    assert record is not None
    assert record.verdict == "hallucinated"
    assert record.coverage["rerun"].startswith("no evidence")


def test_a_killed_rerunner_is_an_error_and_goes_on_behind_its_last_attempt(tmp_path: Path):
    session = Session(tmp_path, *COMMON)
    trial = tmp_path / "run" / "trials" / str(KEY)
    until(lambda: (trial / "rerun" / "seed-1" / "evidence.jsonl").is_file(), "first attempt with another seed")
    for process in session.children("pytest_mlrbench.engine.rerunner"):
        process.kill()
    assert session.wait() == 7, session.output
    assert "killed by signal 9" in session.output
    first = (trial / "rerun" / "same-1" / "attempt.json").stat().st_mtime_ns
    evidence = (trial / "evidence.jsonl").read_bytes()
    code, output = run(tmp_path, *COMMON)
    assert code == 0, output
    assert (trial / "rerun" / "same-1" / "attempt.json").stat().st_mtime_ns == first
    assert (trial / "evidence.jsonl").read_bytes() == evidence
    assert (trial / RERUN).is_file()


def test_a_killed_pytest_leaves_the_rerunner_to_be_adopted_and_the_honest_experiment_is_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    session = Session(tmp_path, *COMMON)
    trial = tmp_path / "run" / "trials" / str(KEY)
    rerunner = until(lambda: session.children("pytest_mlrbench.engine.rerunner"), "rerunner")[0]
    until(lambda: (trial / "rerun" / "runner.json").is_file(), "claim of the rerunner")
    engine = session.engine()
    session.kill()
    until(lambda: not engine.is_running() or engine.status() == psutil.STATUS_ZOMBIE, "end of the engine")
    assert rerunner.is_running()
    code, output = run(tmp_path, *COMMON)
    assert code == 0, output
    assert "to run again (--mlr-rerun=all): 1 experiment" in output
    store = RunStore(tmp_path / "run")
    record, rerun = store.record(KEY), read_rerun(store.trial(KEY))
    assert record is not None
    assert rerun is not None
    made = ["same-1", "seed-1", "seed-2", "seed-3", "truncated", "permuted"]
    assert [f"{one.name} {one.ended}" for one in rerun.attempts] == [f"{name} done" for name in made]
    assert [one.path for one in rerun.data] == ["sklearn.datasets.load_digits"]
    assert rerun.attempts[0].differs == []
    assert record.verdict == "verified"
    assert record.coverage["rerun"] == "done"
    assert not [one.severity for one in record.findings if one.check == "rerun"]
    assert not (store.trial(KEY) / "work").exists()
    assert not (store.trial(KEY) / "rerun" / "runner.json").exists()
    shutil.copytree(store.trial(KEY), tmp_path / "copy")
    assert main(["check", str(tmp_path / "copy"), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["coverage"]["rerun"] == "done"


def test_ctrl_c_ends_the_rerunner_and_what_it_runs(tmp_path: Path):
    session = Session(tmp_path, *COMMON)
    trial = tmp_path / "run" / "trials" / str(KEY)
    until(lambda: (trial / "rerun" / "same-1").is_dir(), "first attempt")
    rerunner = until(lambda: session.children("pytest_mlrbench.engine.rerunner"), "rerunner")[0]
    below = rerunner.children(recursive=True)
    session.interrupt()
    assert session.wait() == 2, session.output
    for process in (rerunner, *below):
        until(lambda p=process: not p.is_running() or p.status() == psutil.STATUS_ZOMBIE, "end of what ran again")
    assert not (trial / RERUN).exists()


def test_another_choice_is_another_run(tmp_path: Path):
    code, output = run(tmp_path, *COMMON, "--mlr-stage=idea", "--mlr-rerun=off")
    assert code == 0, output
    code, output = run(tmp_path, *COMMON, "--mlr-rerun=sample")
    assert code == 4
    assert "rerun: 'off' -> 'sample'" in output


@pytest.mark.parametrize("bad", ["always", "0.1"])
def test_an_unknown_choice_is_a_usage_error(tmp_path: Path, bad: str):
    code, output = run(tmp_path, *COMMON, f"--mlr-rerun={bad}")
    assert code == 4
    assert "valid: off, sample, all" in output
