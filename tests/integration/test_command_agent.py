"""A black-box agent (--mlr-agent-command): what its stages are given, what becomes of what they leave, and how they end."""

import json
import re
from pathlib import Path

import pytest

from pytest_mlrbench.engine.detached import live_runners, stop_runners
from pytest_mlrbench.evidence.events import BLACK_BOX, MODEL_CALLS, read_events
from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.records import TrialRecord
from pytest_mlrbench.results.store import RunStore
from tests.support.docker import need_docker
from tests.support.scripted_server import ScriptedServer
from tests.support.sessions import MODEL, Session, run, until

DOCS = Path(__file__).parents[2] / "docs" / "agents.md"
TASK = "iclr2025_wsl"
OFFLINE = ("--mlr-model=offline", f"--mlr-task={TASK}", "--mlr-run=run")
LOCAL = (*OFFLINE, "--mlr-sandbox=local")

SPY = """\
mkdir -p seen code results
env | sort >seen/variables
find . -type f | sort >seen/files
cp stage.json seen/
pwd >seen/place; id -u >>seen/place
for name in idea related_work proposal paper; do echo "# $MLR_STAGE" >$name.md; done
mkdir -p code/inputs && echo 'print(1)' >code/inputs/a.py
echo '# Results' >results/results.md
"""
"""Writes down what it finds, and what every stage must leave."""


def record_of(folder: Path, stage: str) -> TrialRecord:
    record = RunStore(folder / "run").record(TrialKey(TASK, stage))
    assert record is not None
    return record


def output_of(folder: Path, stage: str) -> Path:
    return RunStore(folder / "run").output(TrialKey(TASK, stage))


def documented(folder: Path) -> None:
    """The files of the command that docs/agents.md shows."""
    text = DOCS.read_text(encoding="utf-8")
    for name in ("run.py", "coin.py"):
        shown = re.search(rf"`my_agent/{name}`[^\n]*\n\n```python\n(.*?)```", text, re.DOTALL)
        assert shown, name
        (folder / "my_agent").mkdir(exist_ok=True)
        (folder / "my_agent" / name).write_text(shown[1], encoding="utf-8")


def test_the_documented_command_carries_a_chain_out(tmp_path: Path) -> None:
    documented(tmp_path)
    chosen = ("--mlr-agent=coin", "--mlr-agent-command=python agent/run.py", "--mlr-agent-files=my_agent")
    code, output = run(tmp_path, *LOCAL, *chosen)
    assert code == 0, output
    records = {record.stage: record for record in RunStore(tmp_path / "run").records()}
    assert records.keys() == {"idea", "proposal", "experiment", "paper", "end2end"}
    experiment = records["experiment"]
    assert (experiment.agent, experiment.coder, experiment.status) == ("coin", None, "done")
    assert experiment.files.keys() == {"code/coin.py", "results/results.json", "results/results.md"}
    assert experiment.verdict == "unverified", "a program wrote the results, but nobody saw how"
    events, _ = read_events(RunStore(tmp_path / "run").trial(TrialKey(TASK, "experiment")) / "evidence.jsonl")
    commands = [event for event in events if event.kind == "command"]
    assert [(event.tool, event.command, event.exit_code) for event in commands] == [(BLACK_BOX, "python agent/run.py", 0)]
    assert "results/results.json" in {change.path for change in commands[0].changes}


def check_what_was_seen(folder: Path) -> None:
    """What SPY found in the paper stage, the last of the chain."""
    seen = output_of(folder, "paper") / "seen"
    variables = dict(line.split("=", 1) for line in (seen / "variables").read_text().splitlines() if "=" in line)
    about = json.loads((seen / "stage.json").read_text())
    assert (variables["MLR_STAGE"], variables["MLR_TASK"], variables["MLR_MODEL"]) == ("paper", TASK, "offline")
    assert (variables["MLR_SEED"], variables["MLR_EPOCH"]) == ("7", "1")
    assert float(variables["MLR_DEADLINE"]) == pytest.approx(about["deadline"], abs=1.0)
    assert about["must_leave"] == ["paper.md"]
    assert about["task"]["id"] == TASK
    files = (seen / "files").read_text().splitlines()
    given = {"./task.md", "./stage.json", "./inputs/idea/idea.md", "./inputs/literature/related_work.md"}
    assert given | {"./inputs/proposal/proposal.md", "./inputs/experiment/results/results.md"} <= set(files)
    left = {path.relative_to(output_of(folder, "experiment")).as_posix() for path in output_of(folder, "experiment").rglob("*.*")}
    assert "code/inputs/a.py" in left, "only the top folder of that name is given, and no output"
    assert not left & {"task.md", "stage.json", "inputs/idea/idea.md"}


def test_a_stage_is_given_its_task_its_inputs_and_its_limits(tmp_path: Path) -> None:
    code, output = run(tmp_path, *LOCAL, "--mlr-stage=paper", "--mlr-seed=7", f"--mlr-agent-command={SPY}")
    assert code in (0, 1), output  # the paper says nothing, which its judges may hold against it
    check_what_was_seen(tmp_path)


@pytest.mark.docker
def test_the_documented_command_works_in_a_container_and_reaches_its_model_by_the_gateway(tmp_path: Path) -> None:
    need_docker()
    documented(tmp_path)
    chosen = (*MODEL, f"--mlr-task={TASK}", "--mlr-run=run", "--mlr-stage=proposal,experiment", "--mlr-hallucination-check=off")
    with ScriptedServer() as server:
        command = ("--mlr-agent-command=python3 agent/run.py", "--mlr-agent-files=my_agent")
        code, output = run(tmp_path, *chosen, *command, server=server)
        asked = [body for body in server.bodies if body["model"] == "m"]
    assert code == 0, output
    store = RunStore(tmp_path / "run")
    assert len(asked) == 2, "idea and proposal; the experiment asks nothing"
    assert "research idea of at most 200 words" in json.dumps(asked[0])
    proposal = store.stage_result(TrialKey(TASK, "proposal"))
    assert proposal is not None
    assert (proposal.environment["sandbox"], proposal.spent.usage.calls) == ("docker", 1)
    assert record_of(tmp_path, "experiment").status == "done"
    leaked = [path for path in store.root.rglob("*") if path.is_file() and b"sk-test" in path.read_bytes()]
    assert leaked == [], "the real key stays with the host"
    events, _ = read_events(store.trial(TrialKey(TASK, "proposal")) / "evidence.jsonl")
    assert [event.source for event in events if event.kind == "note" and event.tool == MODEL_CALLS] == ["gateway"]


def test_without_an_answer_from_the_provider_it_is_the_worlds_fault(tmp_path: Path) -> None:
    documented(tmp_path)
    chosen = (*MODEL, f"--mlr-task={TASK}", "--mlr-run=run", "--mlr-stage=idea", "--mlr-sandbox=local")
    command = ("--mlr-agent-command=python agent/run.py", "--mlr-agent-files=my_agent")
    with ScriptedServer() as server:
        server.fault("500", n=1, model="m")
        code, output = run(tmp_path, *chosen, *command, server=server)
        assert code == 7, output
        record = record_of(tmp_path, "idea")
        assert record.status == "error"
        assert "500" in record.reason
        code, output = run(tmp_path, *chosen, *command, server=server)
    assert code == 0, output
    assert record_of(tmp_path, "idea").agent_spent.usage.calls == 1


@pytest.mark.parametrize(
    ("command", "options", "status", "reason"),
    [
        ("echo half done; exit 3", (), "failed", "ended with exit status 3: half done"),
        ("sleep 60", ("--mlr-timeout=idea:1s",), "failed", "time-out: the agent command did not end within 1 s"),
        ("true", (), "failed", "idea.md is missing"),
        ("true; no-such-agent --go", (), "error", "cannot be started in the sandbox (exit status 127)"),
    ],
)
def test_how_a_command_can_fail(tmp_path: Path, command: str, options: tuple[str, ...], status: str, reason: str) -> None:
    code, output = run(tmp_path, *LOCAL, "--mlr-stage=idea", f"--mlr-agent-command={command}", *options)
    assert code == (1 if status == "failed" else 7), output
    record = record_of(tmp_path, "idea")
    assert record.status == status
    assert reason in record.reason


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("if true", "bash cannot read it: bash: -c: line"),
        ("A=1 no-such-agent --go", "there is no program no-such-agent in the local sandbox"),
        ("agent/start.sh", "there is no program agent/start.sh in the local sandbox: bring it with --mlr-agent-files=DIR"),
        ("python3 agent/start.py", "there is no file agent/start.py in the local sandbox"),
    ],
)
def test_a_command_that_cannot_start_ends_the_run_before_the_first_trial(tmp_path: Path, command: str, said: str) -> None:
    code, output = run(tmp_path, *LOCAL, "--mlr-stage=idea", f"--mlr-agent-command={command}")
    assert code == 4, output
    assert f"--mlr-agent-command: {said}" in output
    assert RunStore(tmp_path / "run").keys() == []
    assert [*(tmp_path / "run").glob(".preflight-*")] == []


@pytest.mark.docker
def test_a_file_of_this_machine_is_not_in_the_image(tmp_path: Path) -> None:
    need_docker()
    (tmp_path / "agent.py").write_text("print(1)\n")
    code, output = run(tmp_path, *OFFLINE, "--mlr-stage=idea", f"--mlr-agent-command=python3 {tmp_path}/agent.py")
    assert code == 4, output
    assert f"there is no file {tmp_path}/agent.py in the image" in output


def test_another_command_or_other_files_are_another_agent(tmp_path: Path) -> None:
    documented(tmp_path)
    chosen = ("--mlr-stage=idea", "--mlr-agent-files=my_agent")
    command = "--mlr-agent-command=python agent/run.py"
    code, output = run(tmp_path, *LOCAL, *chosen, command)
    assert code == 0, output
    name = record_of(tmp_path, "idea").agent
    assert re.fullmatch(r"command-[0-9a-f]{8}", name)
    code, output = run(tmp_path, *LOCAL, *chosen, command)
    assert code == 0, output
    assert record_of(tmp_path, "idea").attempt == 1
    code, output = run(tmp_path, *LOCAL, *chosen, f"{command} --fast")
    assert code == 4, output
    assert "agent_command" in output
    (tmp_path / "my_agent" / "run.py").write_text("print('another one')\n")
    code, output = run(tmp_path, *LOCAL, *chosen, command)
    assert code == 4, output
    assert "agent_digest" in output


def test_a_text_stage_that_runs_is_stopped_as_an_experiment_is(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "run")
    command = "--mlr-agent-command=echo begun >begun; sleep 300"
    session = Session(tmp_path, *LOCAL, "--mlr-stage=idea", command)
    trial = store.trial(TrialKey(TASK, "idea"))
    until(lambda: (trial / "work" / "begun").is_file(), "beginning")
    assert [key.stage for key, _ in live_runners(store)] == ["idea"]
    assert stop_runners(store) == 1
    assert session.wait() == 0, session.output
    record = record_of(tmp_path, "idea")
    assert (record.status, record.reason) == ("skipped", "the stage was stopped")


def test_a_stage_that_survives_its_engine_is_adopted(tmp_path: Path) -> None:
    command = "--mlr-agent-command=echo once >>../../../../../starts; sleep 4; echo '# Idea' >idea.md"
    session = Session(tmp_path, *LOCAL, "--mlr-stage=idea", command)
    until(lambda: (tmp_path / "starts").is_file(), "beginning")
    engine = session.engine()
    engine.kill()
    session.kill()
    code, output = run(tmp_path, *LOCAL, "--mlr-stage=idea", command)
    assert code == 0, output
    assert (tmp_path / "starts").read_text() == "once\n"


PDF = """\
mkdir -p results code
for name in idea related_work proposal; do echo '# Text' >$name.md; done
if [ $MLR_STAGE = experiment ]; then
  echo 'print(1)' >code/a.py; echo '# Results' >results/results.md; mkdir paper; cp agent/paper.pdf paper/
fi
if [ $MLR_STAGE = paper ]; then cp -r inputs/experiment/paper/. .; fi
"""
"""Does everything in one go and keeps the paper for its stage."""


def write_pdf(path: Path, lines: list[str]) -> None:
    """A page with these lines, as a PDF that holds text."""
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.figure import Figure

    figure = Figure()
    for number, line in enumerate(lines):
        figure.text(0.1, 0.9 - 0.1 * number, line)
    FigureCanvasPdf(figure).print_pdf(path)


def test_a_paper_may_be_a_pdf_and_may_wait_beside_the_experiment(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    write_pdf(tmp_path / "files" / "paper.pdf", ["Abstract", "We flip coins and count what falls."])
    chosen = ("--mlr-stage=paper", "--mlr-agent-files=files", f"--mlr-agent-command={PDF}")
    code, output = run(tmp_path, *LOCAL, *chosen)
    assert code in (0, 1), output
    record = record_of(tmp_path, "paper")
    assert record.status == "done", record.reason
    assert {"paper.pdf", "paper.md"} <= record.files.keys()
    assert "We flip coins and count what falls." in (output_of(tmp_path, "paper") / "paper.md").read_text()
    assert any("paper.md was read from paper.pdf" in sentence for sentence in record.not_shown)


def test_a_pdf_without_text_is_no_paper(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "paper.pdf").write_bytes(b"%PDF-1.7\nbroken")
    chosen = ("--mlr-stage=paper", "--mlr-agent-files=files", f"--mlr-agent-command={PDF}")
    code, output = run(tmp_path, *LOCAL, *chosen)
    assert code == 1, output
    record = record_of(tmp_path, "paper")
    assert record.status == "failed"
    assert "paper.md is missing" in record.reason
    assert "paper.pdf: no text could be read" in record.reason


CLASS = """\
import shutil
from pathlib import Path


class Typesetter:
    async def run(self, stage, workspace, context):
        for name in ("idea", "related_work", "proposal"):
            (workspace / f"{name}.md").write_text("# Text")
        for folder in ("code", "results"):
            (workspace / folder).mkdir()
        (workspace / "code" / "a.py").write_text("print(1)")
        (workspace / "results" / "results.md").write_text("# Results")
        if stage == "paper":
            shutil.copyfile("files/paper.pdf", workspace / "paper.pdf")
"""


def test_a_class_may_leave_a_pdf_too(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    write_pdf(tmp_path / "files" / "paper.pdf", ["We flip coins and count what falls."])
    (tmp_path / "typesetter.py").write_text(CLASS, encoding="utf-8")
    code, output = run(tmp_path, *LOCAL, "--mlr-stage=paper", "--mlr-agent=typesetter:Typesetter")
    assert code in (0, 1), output
    assert "We flip coins" in (output_of(tmp_path, "paper") / "paper.md").read_text()
    assert any("read from paper.pdf" in sentence for sentence in record_of(tmp_path, "paper").not_shown)
