"""What cannot work is told before the first call, with the name of what is missing and the remedy; a full disk loses nothing."""

import itertools
import json
import shutil
import threading
from pathlib import Path

import pytest

from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.resources import resource
from pytest_mlrbench.results.store import RunStore
from tests.support.disks import mounted
from tests.support.research_script import answer
from tests.support.scripted_server import Json, Reply, ScriptedServer
from tests.support.sessions import MODEL, Session, run, until

KEY = TrialKey("iclr2025_wsl", "idea")
IDEA = (f"--mlr-task={KEY.task}", "--mlr-stage=idea", "-n", "0", "-p", "no:cacheprovider")
OFFLINE = ("--mlr-model=offline", *IDEA)
NOBODY = "tcp://127.0.0.1:9"
"""No Docker engine listens on the discard port."""


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str, Path]:
    """A run in which everything is wrong that the preflight can know."""
    folder = tmp_path_factory.mktemp("refused")
    code, output = run(
        folder,
        "--mlr-model=nosuchprovider/m",
        "--mlr-judges=openai/j1,anthropic/claude-sonnet-4-5",
        "--mlr-suite=smoke",
        "--mlr-run=run",
        "-n",
        "0",
        env={"DOCKER_HOST": NOBODY},
    )
    return code, output, folder / "run"


@pytest.mark.parametrize(
    "told",
    [
        "unknown model provider in 'nosuchprovider/m': expected a litellm id, PROVIDER/MODEL",
        "no key for 'openai/j1': set OPENAI_API_KEY in the environment",
        "no key for 'anthropic/claude-sonnet-4-5': set ANTHROPIC_API_KEY in the environment",
        "the price of 'openai/j1' is not known, so the budget of 50 USD cannot be kept: give --mlr-price=IN,OUT",
        f"Docker does not answer at {NOBODY}; start it or use --mlr-sandbox=local",
    ],
)
def test_the_preflight_names_all_that_is_missing_at_once(refused, told: str):
    code, output, _ = refused
    assert code == 4, output
    assert told in output
    assert "Traceback" not in output


def test_a_refused_new_run_leaves_nothing_behind(refused):
    _, output, folder = refused
    assert not folder.exists()
    assert "MLR-Bench ==" not in output


def test_a_run_that_never_began_can_be_begun_with_corrected_settings(tmp_path: Path):
    """The folder was there before, so it stays; what the refused session noted in it binds nobody."""
    (tmp_path / "run").mkdir()
    code, output = run(tmp_path, "--mlr-model=nosuchprovider/m", *IDEA, "--mlr-run=run")
    assert code == 4, output
    assert (tmp_path / "run" / "run.json").exists()
    code, output = run(tmp_path, *OFFLINE, "--mlr-run=run")
    assert code == 0, output
    assert RunStore(tmp_path / "run").run()["settings"]["model"] == "offline"


def test_of_two_sessions_that_begin_one_run_at_the_same_moment_one_does_it(tmp_path: Path):
    arguments = (*MODEL, *IDEA, f"--mlr-run={tmp_path / 'run'}")
    with ScriptedServer() as server:
        server.gather = 10**6  # no answer until we say so
        folders = [tmp_path / "a", tmp_path / "b"]
        for folder in folders:
            folder.mkdir()
        sessions = [Session(folder, *arguments, server=server) for folder in folders]
        loser = until(lambda: [one for one in sessions if one.process.poll() is not None], "session that was refused")[0]
        (winner,) = [one for one in sessions if one is not loser]
        assert loser.wait() == 4, loser.output
        assert "is in use by process" in loser.output
        server.gather = 0
        assert winner.wait() == 0, winner.output
    record = RunStore(tmp_path / "run").record(KEY)
    assert record is not None
    assert record.status == "done"


def test_a_panel_that_works_with_the_keys_present_is_proposed(tmp_path: Path):
    code, output = run(tmp_path, "--mlr-model=openai/o4-mini", *IDEA, "--mlr-run=run", env={"OPENAI_API_KEY": "sk-test"})
    assert code == 4, output
    assert "set GOOGLE_API_KEY or GEMINI_API_KEY in the environment" in output
    assert "with the keys that are set, this panel works: --mlr-judges=openai/gpt-5" in output


@pytest.mark.docker
def test_a_missing_image_is_named_with_the_command_that_builds_it(tmp_path: Path):
    from tests.support.docker import need_docker

    need_docker()
    arguments = ("--mlr-task=iclr2025_wsl", "--mlr-stage=experiment", "--mlr-run=run", "-n", "0")
    code, output = run(tmp_path, "--mlr-model=offline", "--mlr-sandbox=docker", "--mlr-image=mlrbench-no-such-image:9", *arguments)
    assert code == 4, output
    assert "mlrbench-no-such-image:9" in output
    assert "mlrbench image build" in output


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"format": 1, "settings": {', "run.json cannot be read"),
        ("[]", "run.json holds no object"),
        ('{"format": 1}', "run.json is damaged, it holds no settings"),
        ('{"format": 99, "settings": {}}', "has format 99, this version reads up to 1: upgrade pytest-mlrbench"),
    ],
)
def test_a_damaged_run_file_is_refused_and_not_overwritten(tmp_path: Path, content: str, told: str):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text(content)
    code, output = run(tmp_path, *OFFLINE, "--mlr-run=run")
    assert code == 4, output
    assert told in output
    assert (tmp_path / "run" / "run.json").read_text() == content


def test_a_damaged_record_names_its_file_and_the_remedy(tmp_path: Path):
    code, output = run(tmp_path, *OFFLINE, "--mlr-run=run")
    assert code == 0, output
    record = RunStore(tmp_path / "run").trial(KEY) / "record.json"
    record.write_text(record.read_text()[:100])
    code, output = run(tmp_path, *OFFLINE, "--mlr-run=run")
    assert code == 4, output
    assert f"{record} is damaged or of another version" in output
    assert "move it away to redo it" in output
    record.rename(tmp_path / "away.json")
    code, output = run(tmp_path, *OFFLINE, "--mlr-run=run")
    assert code == 0, output


def test_a_run_directory_in_use_is_refused_by_the_name_of_its_owner(tmp_path: Path):
    arguments = (*MODEL, *IDEA, "--mlr-run=run")
    with ScriptedServer() as server:
        server.fault("hang")
        busy = Session(tmp_path, *arguments, server=server)
        until(lambda: server.stats()["in_flight"], "request that hangs")
        owner = json.loads((tmp_path / "run" / "run.lock").read_text())["pid"]
        (tmp_path / "second").mkdir()
        code, output = run(tmp_path / "second", *arguments[:-1], f"--mlr-run={tmp_path / 'run'}", server=server)
        busy.interrupt()
        assert busy.wait() == 2, busy.output
    assert code == 4, output
    assert f"run directory {tmp_path / 'run'} is in use by process {owner} on " in output


@pytest.mark.parametrize(
    ("text", "told"),
    [(None, "cannot be read"), ("---\nid: iclr2025_wsl\n---\n\n", "is empty below its front matter")],
)
def test_a_task_without_text_is_named(tmp_path: Path, text: str | None, told: str):
    (tmp_path / "texts").mkdir()
    file = tmp_path / "texts" / "iclr2025_wsl.md"
    if text is not None:
        file.write_text(text)
    code, output = run(tmp_path, *OFFLINE, "--mlr-tasks=texts", "--mlr-run=run")
    assert code == 4, output
    assert f"task iclr2025_wsl has no text: {file} {told}" in output


def test_a_read_only_place_is_refused(tmp_path: Path):
    with mounted(tmp_path / "disk", "size=1M,ro") as disk:
        code, output = run(tmp_path, *OFFLINE, f"--mlr-run={disk / 'run'}")
    assert code == 4, output
    assert f"--mlr-run={disk / 'run'}: cannot be written (Read-only file system)" in output


def test_a_finished_run_on_a_read_only_disk_is_refused_without_a_traceback(tmp_path: Path):
    code, output = run(tmp_path, *OFFLINE, "--mlr-run=run")
    assert code == 0, output
    with mounted(tmp_path / "disk", "size=64M") as disk:
        shutil.copytree(tmp_path / "run", disk / "run")
        import subprocess

        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        code, output = run(tmp_path, *OFFLINE, f"--mlr-run={disk / 'run'}")
    assert code == 4, output
    assert "Read-only file system" in output
    assert "Traceback" not in output


def test_too_little_space_is_told_before_the_first_call(tmp_path: Path):
    with mounted(tmp_path / "disk", "size=8M") as disk:
        code, output = run(tmp_path, *OFFLINE, f"--mlr-run={disk / 'run'}")
    assert code == 4, output
    assert "8 MiB free for --mlr-run=" in output
    assert "free 500 MiB or choose another place" in output


def test_a_disk_that_fills_up_is_an_error_and_what_was_paid_is_not_paid_again(tmp_path: Path):
    """The disk runs out of inodes while the judge answers: memory for bytes would be too dear."""
    ballast = tmp_path / "disk" / "ballast"
    once = threading.Lock()

    def filling(body: Json) -> Reply:
        reply = answer(body)
        if reply.stage == "judge:idea" and once.acquire(blocking=False):
            ballast.mkdir()
            for number in itertools.count():
                try:
                    (ballast / str(number)).touch()
                except OSError:
                    break
        return reply

    with mounted(tmp_path / "disk", "size=600M,nr_inodes=200") as disk, ScriptedServer(filling) as server:
        arguments = ("--mlr-model=openai/m", "--mlr-judges=openai/j1", "--mlr-budget=none", *IDEA, f"--mlr-run={disk / 'run'}")
        code, output = run(tmp_path, *arguments, server=server)
        assert code == 7, output
        assert "no space left for the run" in output
        assert "INTERNALERROR" not in output
        shutil.rmtree(ballast)
        code, output = run(tmp_path, *arguments, server=server)
        assert code == 0, output
        assert server.stats()["calls"] == {"m": {"idea": 1}, "j1": {"judge:idea": 1}}
        record = RunStore(disk / "run").record(KEY)
        assert record is not None
        assert record.scores["Overall"] is not None


def test_a_report_that_cannot_be_written_costs_neither_summary_nor_exit_code(tmp_path: Path):
    (tmp_path / "file").write_text("not a folder")
    code, output = run(tmp_path, *OFFLINE, "--mlr-run=run", "--mlr-report=file/report.html")
    assert code == 0, output
    assert "no report: file/report.html cannot be written" in output
    assert "outcomes: 1 passed" in output
    assert "Traceback" not in output


def test_a_run_is_not_continued_with_prompts_or_rubrics_of_another_wording(tmp_path: Path):
    for name in ("prompts", "rubrics"):
        shutil.copytree(resource(name), tmp_path / name)
    arguments = (*OFFLINE, "--mlr-run=run", "--mlr-prompts=prompts", "--mlr-rubrics=rubrics")
    assert run(tmp_path, *arguments)[0] == 0
    for path in (tmp_path / "prompts" / "idea.md.j2", tmp_path / "rubrics" / "idea.yaml"):
        path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    code, output = run(tmp_path, *arguments)
    assert code == 0, output  # a finished run asks nobody
    code, output = run(tmp_path, *arguments, "--mlr-epochs=2")
    assert code == 4
    assert "prompt idea, rubric idea" in output
    assert RunStore(tmp_path / "run").record(KEY) is not None
