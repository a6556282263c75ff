"""One task through all five gradings: scripted models and judges over HTTP, the built-in coder's commands in a real container."""

import base64
import json
import re
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import docker
import pytest

from pytest_mlrbench.evidence.events import EVIDENCE, Event, read_events
from pytest_mlrbench.keys import GRADED, TrialKey
from pytest_mlrbench.records import TrialRecord
from pytest_mlrbench.results.calls import CallLog
from pytest_mlrbench.results.store import RunStore
from pytest_mlrbench.sandboxes.docker import RUN_LABEL
from tests.support.coder_script import RESULT, RUN
from tests.support.docker import need_docker
from tests.support.research_script import answer
from tests.support.scripted_server import Json, Reply, ScriptedServer, parts, prompt_text
from tests.support.sessions import run

TASK = "iclr2025_wsl"
KEY = "sk-canary-7c1e55d0a9"
"""The provider's key: must be nowhere but in the environment of engine and runners."""
LOOK = "echo container $(cat /etc/hostname) user $(id -u); env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'"
"""What the agent does first: shows where it is, and every environment variable it can reach."""
JUDGES = ("openai/j1", "openai/j2")
JUDGE_FILES = ["openai%2Fj1", "openai%2Fj2"]


def curious(body: Json) -> Reply:
    """The usual small agent, whose first turn looks around in the sandbox as well."""
    reply = answer(body)
    if reply.stage == "experiment" and not any(message["role"] == "assistant" for message in body["messages"]):
        return Reply(reply.text, (("bash", {"command": LOOK}), *reply.tool_calls), stage=reply.stage)
    return reply


@dataclass
class Finished:
    """The session and all that is left of it."""

    code: int
    output: str
    store: RunStore
    bodies: list[Json]
    """Every request the server saw."""
    stats: Json

    def record(self, stage: str) -> TrialRecord:
        found = self.store.record(TrialKey(TASK, stage))
        assert found is not None, self.output
        return found

    def asked(self, model: str, stage: str) -> list[Json]:
        """Requests of `model` for the stage, by what the script takes them for."""
        return [body for body in self.bodies if body["model"] == model and answer(body).stage == stage]

    @property
    def trial(self) -> Path:
        return self.store.trial(TrialKey(TASK, "experiment"))

    @property
    def events(self) -> list[Event]:
        events, problem = read_events(self.trial / EVIDENCE)
        assert not problem
        return events

    def printed(self, event: Event) -> str:
        assert event.output is not None
        return (self.trial / event.output).read_text()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    need_docker()
    folder = tmp_path_factory.mktemp("whole")
    with ScriptedServer(curious) as server:
        server.fault("503", n=2, model="m", stage="paper")
        code, output = run(
            folder,
            "--mlr-model=openai/m",
            f"--mlr-judges={','.join(JUDGES)}",
            "--mlr-suite=core",
            f"--mlr-task={TASK}",
            "--mlr-coder=bash",
            "--mlr-sandbox=docker",
            "--mlr-budget=none",
            "--mlr-search=none",
            "--mlr-memory=2G",
            "--mlr-model-setting=openai/m:vision=yes",
            "--mlr-model-setting=openai/j1:vision=yes",
            "--mlr-run=run",
            "-n",
            "8",
            server=server,
            env={"OPENAI_API_KEY": KEY},
        )
        return Finished(code, output, RunStore(folder / "run"), server.bodies, server.stats())


pytestmark = pytest.mark.docker


def test_all_five_gradings_pass(finished: Finished):
    assert finished.code == 0, finished.output
    assert "5 passed" in finished.output
    for stage in GRADED:
        record = finished.record(stage)
        assert record.status == "done"
        assert {review.judge for review in record.reviews} == set(JUDGES)
        assert None not in record.scores.values()


def test_a_call_that_is_tried_again_is_told_on_a_line_of_its_own(finished: Finished):
    """Among the dots of the items; the wait before the second try is longer than the time between two looks for news."""
    ours = [line for line in finished.output.splitlines() if "mlrbench: " in line]
    assert any(line.startswith(f"mlrbench: {TASK}/paper: openai/m try 1 of 6 failed, again in ") for line in ours), ours
    assert all(line.startswith("mlrbench: ") for line in ours), ours
    assert "Exception in thread" not in finished.output
    assert len(finished.asked("m", "paper")) == 3


def test_each_call_was_made_once(finished: Finished):
    """idea, proposal, paper and four turns of the coder; five reviews and three hallucination forms by each of two judges."""
    assert finished.stats["total"] == 7 + 10 + 6
    assert finished.stats["repeated"] == 0
    assert len(list(CallLog(finished.store.calls, "test").read())) == 7 + 10 + 6


def test_the_agents_commands_ran_in_a_container(finished: Finished):
    look = next(event for event in finished.events if event.command == LOOK)
    assert look.source == "host"
    shown = finished.printed(look)
    host, user = re.findall(r"^container (\S+) user (\d+)$", shown, re.M)[0]
    assert host != Path("/etc/hostname").read_text().strip()
    assert user != "0"


def test_the_experiment_was_executed_and_its_files_came_from_that_command(finished: Finished):
    (command,) = [event for event in finished.events if event.command == RUN]
    assert (command.exit_kind, command.exit_code) == ("exited", 0)
    assert {change.path for change in command.changes} >= {"results/metrics.json", "results/metrics.csv", "results/claims.json"}
    for change in command.changes:
        stored = finished.trial / "output" / change.path
        assert sha256(stored.read_bytes()).hexdigest() == change.after


def test_the_commands_output_was_fed_back_and_the_report_used_its_numbers(finished: Finished):
    (command,) = [event for event in finished.events if event.command == RUN]
    lines = RESULT.findall(finished.printed(command))
    assert len(lines) == 2
    last = finished.asked("m", "experiment")[-1]
    told = [str(message["content"]) for message in last["messages"] if message["role"] == "tool"]
    assert any(RESULT.findall(text) == lines for text in told)
    report = (finished.trial / "output" / "results" / "results.md").read_text()
    measured = json.loads((finished.trial / "output" / "results" / "metrics.json").read_text())["summary"]
    for method, mean, _, _ in lines:
        assert f"| {method} | {mean} |" in report
        assert float(mean) == pytest.approx(measured[method]["rmse_mean"], abs=1e-4)


def test_results_made_by_the_runs_own_programs_are_verified(finished: Finished):
    for stage in ("experiment", "paper", "end2end"):
        record = finished.record(stage)
        assert record.verdict == "verified"
        assert record.support is not None
        assert record.support >= 0.9
    assert finished.record("idea").verdict is None


def test_the_run_directory_is_laid_out_as_documented(finished: Finished):
    described = finished.store.run()
    assert described["started"] <= described["finished"]
    assert described["settings"]["model"] == "openai/m"
    assert {"tasks", "rubric idea", "rubric end2end", "prompt idea"} <= described["digests"].keys()
    outputs = {"idea": "idea.md", "literature": "related_work.md", "proposal": "proposal.md", "paper": "paper.md"}
    for stage, name in outputs.items():
        assert (finished.store.root / "trials" / TASK / stage / "output" / name).read_text().strip()
    made = {path.relative_to(finished.trial / "output").as_posix() for path in (finished.trial / "output").rglob("*")}
    assert made >= {"code/run.py", "results/results.md", "results/log.txt", "results/claims.json", "results/figures/rmse.png"}
    assert "inputs" not in made
    for stage in GRADED:
        folder = finished.store.root / "trials" / TASK / stage
        names = sorted(path.name for path in (folder / "reviews").iterdir())
        forms = [f"hallucination-{judge}" for judge in JUDGE_FILES] if stage in ("experiment", "paper", "end2end") else []
        assert [re.sub(r"-[0-9a-f]{12}\.json$", "", name) for name in names] == [*forms, *JUDGE_FILES]
        assert json.loads((folder / "record.json").read_text())["status"] == "done"
    assert not (finished.store.root / "run.lock").exists()


def test_the_report_is_one_file_that_loads_nothing(finished: Finished):
    page = (finished.store.root / "report.html").read_text()
    assert TASK in page
    assert not re.findall(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//[^"'\s>]+\.(?:js|css|png|svg|woff2?)""", page)
    assert "<script src" not in page


def test_figures_reach_the_paper_writer_and_the_judges_that_take_images(finished: Finished):
    drawn = (finished.trial / "output" / "results" / "figures" / "rmse.png").read_bytes()

    def images(body: Json) -> list[bytes]:
        urls = [part["image_url"]["url"] for part in parts(body) if part["type"] == "image_url"]
        return [base64.b64decode(url.removeprefix("data:image/png;base64,")) for url in urls]

    for writer in finished.asked("m", "paper"):
        assert images(writer) == [drawn]
    for stage in ("paper", "end2end"):
        (body,) = finished.asked("j1", f"judge:{stage}")
        assert images(body) == [drawn]
    assert not [body for body in finished.bodies if body["model"] == "j2" and images(body)]


def test_a_judge_without_images_is_marked_as_not_having_seen_them(finished: Finished):
    seen = {review.judge: review.not_shown for review in finished.record("paper").reviews}
    assert seen["openai/j1"] == []
    assert any("rmse.png" in text and "no images" in text for text in seen["openai/j2"])
    (body,) = finished.asked("j2", "judge:paper")
    assert "this judge takes no images" in prompt_text(body)


def test_judges_are_asked_for_their_form_by_schema_and_date(finished: Finished):
    started = finished.store.run()["started"][:10]
    for judge in ("j1", "j2"):
        for stage in GRADED:
            (body,) = finished.asked(judge, f"judge:{stage}")
            schema: dict[str, Any] = body["response_format"]["json_schema"]["schema"]
            assert ("Overall" if stage == "end2end" else "OverallAssessment") in schema["properties"]
            assert started in prompt_text(body)
    assert not [body for body in finished.bodies if body["model"] == "m" and "response_format" in body]


def test_the_key_is_neither_in_the_run_nor_in_the_sandbox_nor_printed(finished: Finished):
    look = next(event for event in finished.events if event.command == LOOK)
    shown = finished.printed(look)
    assert "HOME=" in shown
    assert KEY not in shown
    assert not re.findall(r"^\w*(?:API_KEY|TOKEN|SECRET)\w*=", shown, re.M)
    assert KEY not in finished.output
    holding = [path for path in finished.store.root.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert holding == []


def test_the_container_of_the_run_is_gone(finished: Finished):
    """By the engine's own record of this run's containers: at least one was made, and each was destroyed."""
    record = finished.record("experiment")
    client = docker.from_env()
    label = f"{RUN_LABEL}={finished.store.root}"
    since, until = int(record.started) - 5, int(time.time()) + 1
    seen = list(client.events(since=since, until=until, filters={"type": "container", "label": label}, decode=True))
    created = {event["id"] for event in seen if event["Action"] == "create"}
    assert created
    assert created == {event["id"] for event in seen if event["Action"] == "destroy"}
    client.close()
