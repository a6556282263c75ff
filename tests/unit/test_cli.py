"""The command line: what each command prints, its exit status, and errors in one line."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_mlrbench import doctor
from pytest_mlrbench.audits import Audit
from pytest_mlrbench.cli import build_parser, main
from pytest_mlrbench.engine.lock import identity
from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.results.gate.repeats import repeats_of
from tests.support.runs import add, finding, make_run, review

COMMANDS = ("tables", "agreement", "export", "report", "tasks", "check", "watch", "stop", "clean", "doctor", "image", "init")


@pytest.fixture
def store(tmp_path):
    store = make_run(tmp_path / "run")
    add(store, "iclr2025_wsl/idea", [review(judge, "idea", {"Overall": 7}) for judge in ("openai/j1", "openai/j2")])
    return store


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command, capsys):
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args([command, "--help"])
    assert ended.value.code == 0
    assert f"example: mlrbench {command}" in capsys.readouterr().out


def test_tables_prints_the_contracts_json(store, capsys):
    assert main(["tables", str(store.root), "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["judge"] for row in rows] == ["openai/j1", "openai/j2", "mean"]
    assert rows[2] == {
        "stage": "idea",
        "model": "openai/m",
        "agent": "mlr-agent",
        "judge": "mean",
        "n": 1,
        "dimensions": {"Overall": {"mean": 7.0, "sd": 0.0, "n": 1}},
    }


def test_an_error_is_one_line_on_stderr_and_status_2(tmp_path, capsys):
    assert main(["tables", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "is not a run directory" in said.err


def test_export_says_how_many_scores_went_where(store, tmp_path, capsys):
    assert main(["export", str(store.root), "-o", str(tmp_path / "x.csv")]) == 0
    assert capsys.readouterr().out == f"2 scores in {tmp_path / 'x.csv'}\n"


def test_report_lies_in_the_run_or_where_it_is_asked(store, tmp_path):
    assert main(["report", str(store.root)]) == 0
    assert (store.root / "report.html").is_file()
    assert main(["report", str(store.root), "-o", str(tmp_path / "out"), "--allure"]) == 0
    assert (tmp_path / "out/report.html").is_file()
    assert len(list((tmp_path / "out/allure-results").glob("*-result.json"))) == 1


def test_tasks_lists_all_and_shows_one(capsys):
    from pytest_mlrbench.tasks.catalogue import load_tasks

    assert main(["tasks"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(load_tasks())
    assert main(["tasks", "show", "iclr2025_wsl"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("iclr2025_wsl: Neural Network Weights as a New Data Modality\nICLR 2025, ML Theory")
    assert main(["tasks", "show", "iclr2025_wls"]) == 2
    assert "iclr2025_wsl" in capsys.readouterr().err
    assert main(["tasks", "show"]) == 2


def agents_folder(tmp_path: Path, accuracy: str) -> Path:
    """What some agent left: a result file and a report that claims `accuracy`."""
    folder = tmp_path / "agent"
    (folder / "results").mkdir(parents=True)
    (folder / "code").mkdir()
    (folder / "code/run.py").write_text("print(1)\n")
    (folder / "results/results.json").write_text(json.dumps({"ours": {"accuracy": 0.8714}, "baseline": {"accuracy": 0.8125}}))
    (folder / "results/results.md").write_text(
        f"# Results\n\n| method | accuracy |\n|---|---|\n| ours | {accuracy} |\n| baseline | 0.8125 |\n"
    )
    return folder


def test_check_of_a_folder_without_host_evidence_is_unverified(tmp_path, capsys):
    assert main(["check", str(agents_folder(tmp_path, "0.8714")), "--format", "json"]) == 3
    told = json.loads(capsys.readouterr().out)
    assert told["verdict"] == "unverified"
    assert set(told) == {"path", "verdict", "support", "coverage", "findings"}


def test_check_of_an_altered_table_is_hallucinated_with_its_evidence(tmp_path, capsys):
    assert main(["check", str(agents_folder(tmp_path, "0.9614"))]) == 1
    said = capsys.readouterr().out
    assert "hallucinated" in said
    assert "0.9614" in said
    assert "0.8714" in said


def test_check_of_verified_work_ends_with_0(tmp_path, capsys, monkeypatch):
    from pytest_mlrbench.evidence import checks

    monkeypatch.setattr(
        checks, "audit", lambda subject: Audit(verdict="verified", support=1.0, coverage={"numbers": "done"}, findings=[])
    )
    assert main(["check", str(agents_folder(tmp_path, "0.8714"))]) == 0
    assert "verified (100% of the headline numbers traced)" in capsys.readouterr().out


def test_check_shows_findings_worst_first_without_control_characters(tmp_path, capsys, monkeypatch):
    from pytest_mlrbench.evidence import checks

    found = Audit(
        verdict="hallucinated",
        support=None,
        coverage={},
        findings=[finding("info", message="later"), finding(message="first \x1b[2J")],
    )
    monkeypatch.setattr(checks, "audit", lambda subject: found)
    assert main(["check", str(agents_folder(tmp_path, "0.8714"))]) == 1
    said = capsys.readouterr().out
    assert said.index("first \\x1b[2J") < said.index("later")
    assert "\x1b" not in said


@pytest.mark.parametrize("arguments", [["missing"], ["empty"], ["agent", "--paper", "nowhere.md"]])
def test_check_of_what_is_not_usable_ends_with_2(tmp_path, arguments, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    agents_folder(tmp_path, "0.8714")
    (tmp_path / "empty").mkdir()
    assert main(["check", *arguments]) == 2
    assert capsys.readouterr().err.startswith("mlrbench: ")


@pytest.mark.parametrize("repeat", [False, True], ids=["the run's", "a gate's repeat"])
def test_stop_ends_the_experiments_that_are_alive(store, capsys, repeat):
    add(store, "iclr2025_wsl/experiment", status="error", reason="the engine was killed")
    runner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        trial = (repeats_of(store) if repeat else store).trial(TrialKey("iclr2025_wsl", "experiment"))
        trial.mkdir(parents=True, exist_ok=True)
        (trial / "runner.json").write_text(json.dumps(identity(runner.pid)))
        assert main(["stop", str(store.root)]) == 0
        assert runner.wait(timeout=30) == -signal.SIGTERM
    finally:
        runner.kill()
        runner.wait()
    assert "stopped 1 runner of" in capsys.readouterr().out


def test_watch_counts_what_is_done_and_ends_when_no_engine_lives(store, capsys):
    store.write_run({**store.run(), "selected": ["iclr2025_wsl/idea", "iclr2025_scsl/idea"]})
    assert main(["watch", str(store.root)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert "idea 1/2" in line
    assert "finished 2026-05-28T21:00:00+00:00" in line


def test_watch_shows_what_the_living_engine_says(store, capsys):
    from pytest_mlrbench.watching import Watch

    state = {"counts": {"idea": {"done": 1, "running": 1}}, "calls": 9, "spent": 0.25, "experiments": {}, "left": None}
    path = store.root / "progress.json"
    path.write_text(json.dumps({"time": time.time(), **state}))
    assert "calls in flight" not in Watch(store).look()[0]  # nobody lives who could mean it
    (store.root / "run.lock").write_text(json.dumps(identity(os.getpid())))
    assert "idea 1/2 (1 running); 9 calls in flight; 0.25 USD" in Watch(store).look()[0]
    path.write_text(json.dumps({"time": time.time() - 60, **state}))
    assert "calls in flight" not in Watch(store).look()[0]


def test_watch_goes_on_while_the_engine_lives(store, capsys):
    from pytest_mlrbench.watching import Watch

    (store.root / "run.lock").write_text(json.dumps(identity(os.getpid())))
    watch = Watch(store)
    assert watch.look()[1] is False
    add(store, "iclr2025_scsl/idea", status="error", reason="x")
    store.write_run({**store.run(), "selected": ["iclr2025_wsl/idea", "iclr2025_scsl/idea"]})
    assert "idea 1/2 (1 error)" in watch.look()[0]
    (store.root / "run.lock").write_text(json.dumps({**identity(os.getpid()), "start": 1.0}))
    assert watch.look()[1] is True


def test_clean_names_what_it_removed(capsys, monkeypatch):
    from pytest_mlrbench.sandboxes import docker

    monkeypatch.setattr(docker, "remove_dead", lambda: ["mlrbench-a"])
    assert main(["clean"]) == 0
    assert capsys.readouterr().out == "removed mlrbench-a\n1 thing of dead runs removed\n"


def test_image_build_hands_its_options_on_and_fails_with_2(capsys, monkeypatch):
    from pytest_mlrbench.sandboxes import image

    given = []
    monkeypatch.setattr(image, "main", lambda arguments: given.append(arguments) or 1)
    assert main(["image", "build", "--base", "python:3.12", "--if-changed"]) == 2
    assert given == [["--base", "python:3.12", "--if-changed"]]


def test_doctor_names_keys_but_never_shows_them(capsys, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    assert main(["doctor"]) in (0, 1)
    said = capsys.readouterr().out
    assert "ok       OPENAI_API_KEY: set" in said
    assert "MISSING  ANTHROPIC_API_KEY: not set" in said
    assert "sk-very-secret" not in said


def test_doctor_tells_how_to_get_a_package_that_is_missing(monkeypatch):
    monkeypatch.setattr(
        doctor.metadata, "requires", lambda name: ["no-such-package-here>=2", "pytest>=9999", "x>1; extra == 'test'"]
    )
    missing, old = doctor._packages()
    assert (missing.ok, missing.remedy) == (False, "pip install 'no-such-package-here>=2'")
    assert old.ok is False


def test_doctor_fails_only_for_what_every_run_needs(monkeypatch, capsys):
    needed, optional = (doctor.Finding(name, False, "gone", "get it", needed=name == "python") for name in ("python", "docker"))
    monkeypatch.setattr(doctor, "examine", lambda: [optional])
    assert main(["doctor"]) == 0
    monkeypatch.setattr(doctor, "examine", lambda: [optional, needed])
    assert main(["doctor"]) == 1
    assert "get it" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("model", "keys"),
    [
        ("offline", []),
        ("o4-mini", ["OPENAI_API_KEY", "GEMINI_API_KEY", "ANTHROPIC_API_KEY"]),
        ("gemini/gemini-2.5-pro", ["GEMINI_API_KEY", "ANTHROPIC_API_KEY"]),
    ],
)
def test_init_writes_a_project_that_reads_and_takes_the_models_keys(tmp_path, model, keys):
    import configparser

    import yaml

    assert main(["init", str(tmp_path / "new"), "--model", model]) == 0
    ini = configparser.ConfigParser()
    ini.read(tmp_path / "new/pytest.ini")
    assert ini["pytest"]["mlr_model"] == model
    workflow = yaml.safe_load((tmp_path / "new/.github/workflows/mlrbench.yml").read_text())
    (step,) = [step for step in workflow["jobs"]["benchmark"]["steps"] if "pytest --mlr-run" in step.get("run", "")]
    assert list(step.get("env", {})) == keys
    assert all(value == f"${{{{ secrets.{name} }}}}" for name, value in step.get("env", {}).items())


def test_init_overwrites_nothing(tmp_path, capsys):
    (tmp_path / "pytest.ini").write_text("mine")
    assert main(["init", str(tmp_path)]) == 2
    assert (tmp_path / "pytest.ini").read_text() == "mine"
    assert not (tmp_path / ".github").exists()
    assert "not overwritten" in capsys.readouterr().err


def test_help_imports_no_heavy_library():
    heavy = "{'litellm', 'docker', 'pandas', 'scipy', 'sklearn', 'matplotlib', 'jinja2', 'pydantic'}"
    code = f"import sys\nfrom pytest_mlrbench.cli import build_parser\nbuild_parser()\nprint(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_check_imports_no_pydantic_and_no_other_command(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "results.md").write_text("| method | accuracy |\n|---|---|\n| ridge | 0.91 |\n")
    (tmp_path / "run.py").write_text("print(0.5)\n")
    heavy = "{'pydantic', 'numpy', 'asyncio', 'pytest_mlrbench.records', 'pytest_mlrbench.commands.judge'}"
    code = f"import sys\nfrom pytest_mlrbench.cli import main\nmain(['check', {str(tmp_path)!r}])\n"
    code += f"print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "verified" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
