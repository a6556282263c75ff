"""What the gate's repeat of an item takes over from the run that it repeats."""

from pathlib import Path
from types import SimpleNamespace

from pytest_mlrbench.engine.repeating import Repeating
from pytest_mlrbench.evidence.reruns import ATTEMPTS, RERUN
from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.results.gate.repeats import repeat_key, repeats_of
from pytest_mlrbench.settings import Settings
from tests.support.runs import add, make_run

PAPER = TrialKey("iclr2025_dl4c", "paper")


def test_a_repeated_paper_takes_its_experiment_over_with_what_a_re_run_of_it_came_to(tmp_path: Path):
    run = make_run(tmp_path / "run")
    for stage in ("idea", "proposal", "experiment", "paper"):
        add(run, PAPER.at(stage), output={"x.md": stage})
    experiment = run.trial(PAPER.at("experiment"))
    (experiment / RERUN).write_text("{}")
    (experiment / ATTEMPTS / "same-1").mkdir(parents=True)
    (experiment / ATTEMPTS / "same-1" / "evidence.jsonl").write_text("")
    repeating = Repeating(Settings(model="offline", run=str(run.root)), run, SimpleNamespace(), print)  # type: ignore[arg-type]
    repeating._lay_out(PAPER, "paper")
    copied = repeats_of(run).trial(repeat_key(PAPER.at("experiment")))
    assert (copied / "output" / "x.md").read_text() == "experiment"
    assert (copied / RERUN).is_file()
    assert (copied / ATTEMPTS / "same-1" / "evidence.jsonl").is_file()
    assert not repeats_of(run).trial(repeat_key(PAPER)).exists()
