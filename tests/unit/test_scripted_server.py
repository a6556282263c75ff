"""The scripted model server: what tests rely on when they count its calls, read its numbers or ask it for faults."""

import json
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pytest_mlrbench.stages.prompts import render
from pytest_mlrbench.stages.rubric import load_rubric
from tests.support.coder_script import RESULT
from tests.support.research_script import answer
from tests.support.scripted_server import Json, Reply, ScriptedServer

ROOT = Path(__file__).parents[2]


def post(url: str, body: Json) -> Json:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as response:
        parsed: Json = json.load(response)
    return parsed


def chat(server: ScriptedServer, text: str = "hello", **more: Any) -> Json:
    body = {"model": "m", "messages": [{"role": "user", "content": text}], **more}
    return post(f"{server.url}/chat/completions", body)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def task() -> dict[str, Any]:
    return {
        "id": "iclr2025_dl4c",
        "title": "Deep Learning for Code",
        "venue": "ICLR",
        "year": 2025,
        "category": "LLM/VLM",
        "topics": ["agents for programming", "benchmarks"],
        "brief": "How models write and repair programs.",
    }


def judge_prompt(stage: str, work: str, delimiter: str = "=-=-77-=-=", today: str = "2026-11-23") -> str:
    rubric = load_rubric(stage)
    return render("judge", rubric=rubric, today=today, delimiter=delimiter, work=work, not_shown=[], images=0)


def as_body(prompt: str, **more: Any) -> Json:
    return {"model": "j", "messages": [{"role": "user", "content": prompt}], **more}


def test_stats_tell_calls_by_model_and_stage_and_which_requests_were_repeated(server: ScriptedServer) -> None:
    chat(server, "one")
    chat(server, "two")
    chat(server, "one")
    stats = server.stats()
    assert stats["calls"] == {"m": {"other": 3}}
    assert stats["repeated"] == 1
    assert stats["tokens"]["prompt"] > 0


def test_images_and_schemas_are_counted(server: ScriptedServer) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    content = [{"type": "text", "text": "a figure"}, image, image]
    schema = {"type": "object", "properties": {"Clarity": {"type": "integer", "minimum": 1, "maximum": 10}}}
    response_format = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    body = {"model": "m", "messages": [{"role": "user", "content": content}], "response_format": response_format}
    post(f"{server.url}/chat/completions", body)
    assert (server.stats()["images"], server.stats()["schemas"]) == (2, 1)


@pytest.mark.parametrize("kind", ["429", "500", "503", "400", "401", "404"])
def test_a_status_fault_hits_the_next_n_requests_and_is_no_call(server: ScriptedServer, kind: str) -> None:
    server.fault(kind, 2, retry_after=3)
    for _ in range(2):
        with pytest.raises(urllib.error.HTTPError) as caught:
            chat(server)
        assert caught.value.code == int(kind)
        assert caught.value.headers["Retry-After"] == "3"
    chat(server)
    stats = server.stats()
    assert (stats["total"], stats["requests"], stats["faults"]) == (1, 3, {kind: 2})


def test_a_dropped_connection_gives_no_answer(server: ScriptedServer) -> None:
    server.fault("drop")
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        chat(server)


@pytest.mark.parametrize(("kind", "text"), [("null", "null"), ("42", "42"), ("empty", ""), ("prose", "This is a thoughtful")])
def test_a_text_fault_replaces_the_answer(server: ScriptedServer, kind: str, text: str) -> None:
    server.fault(kind)
    assert chat(server)["choices"][0]["message"]["content"].startswith(text)


@pytest.mark.parametrize(("kind", "is_json"), [("truncated", False), ("two_objects", False), ("slashes", True)])
def test_a_spoiled_review_cannot_be_used(server: ScriptedServer, kind: str, is_json: bool) -> None:
    server.fault(kind)
    text = chat(server, judge_prompt("idea", "An idea."))["choices"][0]["message"]["content"]
    if is_json:
        with pytest.raises(ValueError, match="Consistency"):
            load_rubric("idea").review_model().model_validate_json(text)
    else:
        with pytest.raises(ValueError, match=r"Extra data|Unterminated|Expecting"):
            json.loads(text)


def test_a_fault_for_a_stage_leaves_other_requests_alone(server: ScriptedServer) -> None:
    server.fault("500", stage="judge:idea")
    chat(server, "not a judge")
    with pytest.raises(urllib.error.HTTPError):
        chat(server, judge_prompt("idea", "An idea."))


def test_more_requests_in_flight_than_allowed_are_rejected() -> None:
    def status(server: ScriptedServer) -> int:
        try:
            chat(server)
        except urllib.error.HTTPError as error:
            return error.code
        return 200

    with ScriptedServer(lambda body: Reply("ok"), reject_above=2) as server, ThreadPoolExecutor(6) as pool:
        server.gather = 3
        statuses = list(pool.map(status, [server] * 6))
        assert statuses.count(429) == server.stats()["rejected"] > 0
        assert statuses.count(200) == server.stats()["total"]
        assert server.stats()["in_flight_max"] > 2


def test_as_a_process_it_prints_its_port_and_takes_faults_over_http() -> None:
    command = [sys.executable, "-m", "tests.support.scripted_server", "--latency", "0.01"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            started = json.loads(process.stdout.readline())
            base = started["url"].removesuffix("/v1")
            post(f"{base}/faults", {"kind": "429", "n": 1})
            with pytest.raises(urllib.error.HTTPError):
                post(f"{base}/v1/chat/completions", as_body("hello"))
            with urllib.request.urlopen(f"{base}/stats", timeout=20) as response:
                assert json.load(response)["faults"] == {"429": 1}
        finally:
            process.kill()


@pytest.mark.parametrize("stage", ["idea", "proposal", "experiment", "paper", "end2end"])
@pytest.mark.parametrize("structured", [True, False])
def test_a_review_satisfies_the_rubric_of_its_stage(stage: str, structured: bool) -> None:
    rubric = load_rubric(stage)
    schema = rubric.json_schema()
    more = {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}} if structured else {}
    reply = answer(as_body(judge_prompt(stage, "The work."), **more))
    assert reply.stage == f"judge:{stage}"
    jsonschema.validate(json.loads(reply.text), schema)
    rubric.review_model().model_validate_json(reply.text)


def test_scores_depend_on_the_work_and_the_judge_but_not_on_delimiter_or_date() -> None:
    first = answer(as_body(judge_prompt("idea", "One idea."))).text
    assert answer(as_body(judge_prompt("idea", "One idea.", "#=#", "2027-01-01"))).text == first
    assert answer(as_body(judge_prompt("idea", "Another idea."))).text != first
    assert answer({**as_body(judge_prompt("idea", "One idea.")), "model": "k"}).text != first


def prompts(task: dict[str, Any]) -> dict[str, str]:
    results = "# Results\n\n| Method | RMSE | SD |\n|---|---|---|\n| ridge | 54.3217 | 1.2 |\n| mean | 77.1098 | 2 |\n"
    common: dict[str, Any] = {"task": task, "today": "2026-11-23"}
    given: dict[str, Any] = {**common, "idea": "An idea.", "related_work": "1. **Ridge** (arXiv:2001.00001)", "searched": True}
    return {
        "idea": render("idea", **common),
        "literature": render("literature", **common, idea="An idea.", retrieved="- **Ridge** (arXiv:2001.00001)"),
        "proposal": render("proposal", **given),
        "paper": render(
            "paper",
            **given,
            proposal="A plan.",
            results=results,
            raw="{}",
            log="",
            figures=["figures/rmse.png"],
            figures_shown=False,
        ),
    }


@pytest.mark.parametrize("stage", ["idea", "literature", "proposal", "paper"])
def test_the_prompt_of_each_stage_is_recognised_and_answered_about_its_task(task: dict[str, Any], stage: str) -> None:
    reply = answer(as_body(prompts(task)[stage]))
    assert reply.stage == stage
    assert "Deep Learning for Code" in reply.text or stage == "literature"


def test_the_idea_keeps_to_its_200_words(task: dict[str, Any]) -> None:
    assert len(answer(as_body(prompts(task)["idea"])).text.split()) <= 200


def test_the_paper_takes_numbers_figures_and_works_from_its_prompt(task: dict[str, Any]) -> None:
    text = answer(as_body(prompts(task)["paper"])).text
    assert "ridge has the lowest error, 54.3217, and mean the highest, 77.1098" in text
    assert "(figures/rmse.png)" in text
    assert "arXiv:2001.00001" in text
    assert answer(as_body(prompts(task)["paper"].replace("54.3217", "99.9"))).text.count("54.3217") == 0


TOOLS = [{"type": "function", "function": {"name": name}} for name in ("bash", "write_file", "finish")]


def converse(workspace: Path, prompt: str, spoil: str = "") -> list[str]:
    """Carry the scripted coder's tool calls out in `workspace`; the tools it used. `spoil` replaces python in its commands."""
    messages: list[Json] = [{"role": "system", "content": "tools"}, {"role": "user", "content": prompt}]
    used: list[str] = []
    while len(messages) < 30:
        reply = answer({"model": "m", "messages": messages, "tools": TOOLS})
        messages.append({"role": "assistant", "content": reply.text})
        for name, arguments in reply.tool_calls:
            used.append(name)
            if name == "finish":
                return used
            if name == "write_file":
                path = workspace / arguments["path"]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(arguments["content"])
                output = "written"
            else:
                command = arguments["command"].replace("python code/run.py", spoil or f"{sys.executable} code/run.py")
                done = subprocess.run(
                    ["bash", "-c", command], cwd=workspace, capture_output=True, text=True, timeout=120, check=False
                )
                output = f"exit status {done.returncode}\n{done.stdout}{done.stderr}"
            messages.append({"role": "tool", "tool_call_id": "x", "content": output})
    raise AssertionError("the scripted coder did not finish")


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_coder_runs_a_real_experiment_and_reports_the_numbers_that_were_fed_back(tmp_path: Path) -> None:
    assert converse(tmp_path, "Do it.") == ["bash", "write_file", "bash", "write_file", "finish"]
    results = tmp_path / "results"
    summary = json.loads((results / "metrics.json").read_text())["summary"]
    report = (results / "results.md").read_text()
    for method in ("ridge", "mean"):
        assert f"| {method} | {summary[method]['rmse_mean']:.4f} | {summary[method]['rmse_sd']:.4f} |" in report
    assert summary["ridge"]["rmse_mean"] < summary["mean"]["rmse_mean"]
    claims = json.loads((results / "claims.json").read_text())
    assert [claim["value"] for claim in claims] == [summary[method]["rmse_mean"] for method in ("ridge", "mean")]
    assert len(RESULT.findall((results / "log.txt").read_text())) == 2
    assert (results / "figures" / "rmse.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_coder_reports_a_failed_run_as_failed(tmp_path: Path) -> None:
    converse(tmp_path, "Do it.", spoil="python3 -c 'raise SystemExit(\"no such data\")'")
    report = (tmp_path / "results" / "results.md").read_text()
    assert "nothing was measured" in report
    assert "no such data" in report
