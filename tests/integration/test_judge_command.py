"""`mlrbench judge`: a folder that no run of ours made is reviewed by any rubric, shown or kept as a run."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_mlrbench.results.store import RunStore
from pytest_mlrbench.results.tables import score_table
from tests.support.commands import FREE, asked, command, use
from tests.support.runs import make_run, png
from tests.support.scripted_server import ScriptedServer, prompt_text

JUDGES = ("--mlr-judges=openai/j1,openai/j2", FREE)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        use(running, monkeypatch)
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What some agent left."""
    root = tmp_path / "other-agent"
    for name, text in {
        "src/train.py": "print('accuracy', 0.91)\n",
        "results/results.md": "# Results\nAccuracy 0.91.\n",
        "results/data.json": '{"accuracy": 0.91}',
        "paper.md": "# Paper\nWe reach 0.91.\n",
        "review_by_somebody.json": '{"Overall": {"score": 9}}',
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "figures").mkdir()
    (root / "figures" / "bars.png").write_bytes(png())
    return root


def test_reviews_are_printed_and_nothing_is_left_behind(folder, server, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    code, out, err = command(capsys, "judge", folder, "--stage=end2end", *JUDGES)
    assert (code, asked(server)) == (0, {"j1": 1, "j2": 1}), err
    assert "openai/j1" in out
    assert "Soundness" in out
    assert "panel: " in out
    assert "1 files that hold reviews of the work were left out" in out
    assert sorted(tmp_path.rglob("*")) == before


def test_the_judge_reads_the_work_and_no_earlier_review(folder, server, capsys):
    command(capsys, "judge", folder, "--stage=end2end", *JUDGES)
    text = prompt_text(server.bodies[0])
    for words in ("We reach 0.91", "print('accuracy', 0.91)", "Accuracy 0.91.", "figures/bars.png", "authors' own choice"):
        assert words in text
    assert '"score": 9' not in text


def test_with_a_task_its_text_is_shown(folder, server, capsys):
    command(capsys, "judge", folder, "--stage=paper", "--task=iclr2025_wsl", *JUDGES)
    assert "authors' own choice" not in prompt_text(server.bodies[0])
    assert "ICLR 2025" in prompt_text(server.bodies[0])


def test_json_holds_scores_and_reviews(folder, server, capsys):
    code, out, _ = command(capsys, "judge", folder, "--stage=experiment", "--format=json", *JUDGES)
    found = json.loads(out)
    assert code == 0
    assert (found["path"], found["run"], found["task"], found["stage"]) == (str(folder), None, None, "experiment")
    assert [one["judge"] for one in found["reviews"]] == ["openai/j1", "openai/j2"]
    assert found["scores"]["Overall"] == sum(one["scores"]["Overall"] for one in found["reviews"]) / 2


def test_kept_as_a_run_it_is_read_by_tables_reviewed_again_and_resumed(folder, server, capsys, tmp_path):
    run = tmp_path / "kept"
    arguments = ("judge", folder, "--stage=end2end", "--task=iclr2025_wsl", f"--run={run}", "--model=other", *JUDGES)
    code, out, _ = command(capsys, *arguments)
    assert code == 0
    assert f"stored in {run}" in out
    rows = {row["judge"]: row for row in score_table([RunStore.open(run)])}
    assert set(rows) == {"openai/j1", "openai/j2", "mean"}
    assert (rows["mean"]["model"], rows["mean"]["agent"], rows["mean"]["n"]) == ("other", "external", 1)
    assert command(capsys, *arguments)[0] == 0
    assert asked(server) == {"j1": 1, "j2": 1}
    shutil.rmtree(folder)
    code, _, err = command(capsys, "rejudge", run, "--mlr-judges=openai/j3", FREE)
    assert (code, asked(server)["j3"]) == (0, 1), err
    assert prompt_text(server.bodies[-1]).count("print('accuracy', 0.91)") == 1
    code, out, err = command(capsys, "tables", run)
    assert code == 0, err
    assert "openai/j3" in out


def test_several_folders_make_one_run(folder, server, capsys, tmp_path):
    run = tmp_path / "kept"
    other = shutil.copytree(folder, tmp_path / "second")
    (other / "paper.md").write_text("# Another paper\nWe reach 0.92.\n")
    for place, task in ((folder, "iclr2025_wsl"), (other, "iclr2025_dl4c")):
        code, _, err = command(capsys, "judge", place, "--stage=paper", f"--task={task}", f"--run={run}", "--model=other", *JUDGES)
        assert code == 0, err
    assert score_table([RunStore.open(run)])[-1]["n"] == 2
    code, _, err = command(capsys, "judge", other, "--stage=paper", "--task=iclr2025_wsl", f"--run={run}", "--model=other", *JUDGES)
    assert code == 2
    assert "holds another work as iclr2025_wsl/paper" in err


def test_the_budget_and_a_silent_judge_end_it_as_a_run(folder, server, capsys, tmp_path):
    kept = f"--run={tmp_path / 'kept'}"
    base = ("judge", folder, "--stage=paper", kept, "--mlr-judges=openai/j1,openai/j2", "--mlr-concurrency=1", "--mlr-price=1,1")
    assert command(capsys, *base, "--mlr-budget=0.0001")[0] == 9
    server.fault("prose", n=3, model="j2")
    code, out, _ = command(capsys, *base, "--mlr-budget=1")
    assert code == 7
    assert "1 without an answer (exit code 7): free-other-agent/paper by openai/j2" in out
    assert command(capsys, *base, "--mlr-budget=1")[0] == 0
    assert asked(server) == {"j1": 1, "j2": 4}


def test_what_is_not_usable_is_named(folder, server, capsys, tmp_path):
    ours = make_run(tmp_path / "ours")
    (tmp_path / "blank").mkdir()
    for arguments, said in (
        ((tmp_path / "nowhere", "--stage=paper", *JUDGES), "there is no such folder or file"),
        ((folder, "--stage=proposal", *JUDGES), "holds no proposal.md"),
        ((folder, "--stage=paper", "--task=iclr2025_wls", *JUDGES), "close: iclr2025_wsl"),
        ((folder, "--stage=paper", "--paper=nowhere.md", *JUDGES), "--paper=nowhere.md: there is no such file"),
        ((folder, "--stage=paper", f"--run={ours.root}", *JUDGES), "was not made by `mlrbench judge`"),
        ((folder, "--stage=paper", "--epoch=0", *JUDGES), "--epoch=0"),
        ((tmp_path / "blank", "--stage=experiment", f"--run={tmp_path / 'new'}", *JUDGES), "neither code nor results"),
        ((folder, "--stage=paper", "--mlr-judges=nowhere/j"), "unknown model provider"),
    ):
        code, out, err = command(capsys, "judge", *arguments)
        assert (code, out) == (2, ""), arguments
        assert said in err
    assert asked(server) == {}
    assert not (tmp_path / "new").exists()


def test_another_panel_or_model_is_another_run(folder, server, capsys, tmp_path):
    kept = f"--run={tmp_path / 'kept'}"
    assert command(capsys, "judge", folder, "--stage=paper", kept, *JUDGES)[0] == 0
    code, _, err = command(capsys, "judge", folder, "--stage=paper", kept, "--mlr-judges=openai/j9", FREE)
    assert code == 2
    assert "of another model, scaffold or panel" in err
    assert "mlrbench rejudge" in err
