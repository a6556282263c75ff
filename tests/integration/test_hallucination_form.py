"""The hallucination form in whole runs: what the panel says fails an item or not, is stored, is paid once, and stays apart from the
graded reviews."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_mlrbench.audits import Finding
from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.records import TrialRecord
from pytest_mlrbench.results.store import RunStore
from tests.support.judge_script import FORM_KEYS
from tests.support.once import once
from tests.support.research_script import answer
from tests.support.scripted_server import Json, Reply, Script, ScriptedServer, prompt_text
from tests.support.sessions import Session, run, until

KEY = TrialKey("iclr2025_wsl", "experiment")
PANEL = "--mlr-judges=openai/j1,openai/j2"
ARGUMENTS = (f"--mlr-task={KEY.task}", "--mlr-stage=experiment", "--mlr-sandbox=local", "--mlr-run=run", "-n", "0")
MODEL = ("--mlr-model=openai/m", "--mlr-budget=none", "--mlr-search=none")
ROW = re.compile(r"^\| ridge \| .*\|$", re.M)
LINE = "weights = ridge(x[train], y[train], ALPHA)"
FORM = "judge:hallucination"

Claims = Callable[[str], list[Json]]


def claim(*quotes: tuple[str, str], contradicts: tuple[str, str] | None = None) -> Json:
    return {
        "quotes": [{"file": file, "text": text} for file, text in quotes],
        "contradicts": {"file": contradicts[0], "text": contradicts[1]} if contradicts else None,
        "statement": "The ridge row was never measured.",
        "scope": "results",
        "confidence": 5,
    }


def accuse(text: str) -> list[Json]:
    """A claim whose quotes stand in the files that the prompt shows."""
    row = ROW.search(text)
    assert row is not None
    return [claim(("results/results.md", row.group()), contradicts=("code/run.py", LINE))]


def invent(text: str) -> list[Json]:
    return [
        claim(("results/results.md", "| ridge | 0.123 | 0.004 | 17 |"), contradicts=("code/run.py", LINE)),
        claim(("results/results.md", "we typed all of these numbers by hand")),
    ]


def judges(**saying: Claims) -> Script:
    """The usual script, but for the forms of the judges that are named."""

    def script(body: Json) -> Reply:
        reply = answer(body)
        if reply.stage == FORM and body["model"] in saying:
            said = {**{key: [] for key in sorted(FORM_KEYS)}, "faked_results": saying[body["model"]](prompt_text(body))}
            return Reply(json.dumps(said), stage=FORM)
        return reply

    return script


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Json]]:
    """A finished run of one honest experiment whose judges found nothing."""

    def make(folder: Path) -> tuple[Path, list[Json]]:
        with ScriptedServer() as server:
            code, output = run(folder, *MODEL, PANEL, *ARGUMENTS, server=server)
            assert code == 0, output
            return folder, server.bodies

    return once(tmp_path_factory, "form-quiet", make)


@pytest.fixture
def ungraded(quiet: tuple[Path, list[Json]], tmp_path: Path) -> Path:
    """That run before any judge was asked."""
    shutil.copytree(quiet[0] / "run", tmp_path / "run")
    trial = RunStore(tmp_path / "run").trial(KEY)
    (trial / "record.json").unlink()
    shutil.rmtree(trial / "reviews")
    shutil.rmtree(tmp_path / "run" / "calls")
    return tmp_path


def graded(folder: Path, script: Script, panel: str = PANEL) -> tuple[int, str, TrialRecord, dict[str, Any]]:
    with ScriptedServer(script) as server:
        code, output = run(folder, *MODEL, panel, *ARGUMENTS, server=server)
        record = RunStore(folder / "run").record(KEY)
        assert record is not None, output
        return code, output, record, server.stats()


def of_judges(record: TrialRecord) -> list[Finding]:
    return [found for found in record.findings if found.check == "judges"]


def test_judges_with_nothing_to_say_change_nothing_and_are_paid_for(quiet):
    record = RunStore(quiet[0] / "run").record(KEY)
    assert record is not None
    assert record.verdict == "verified"
    assert record.coverage["judges"] == "done"
    assert of_judges(record) == []
    assert [(form.judge, form.claims, form.dropped) for form in record.forms] == [("openai/j1", [], []), ("openai/j2", [], [])]
    assert record.judge_spent.usage.calls == 4
    assert record.judge_spent.cost == sum(one.spent.cost for one in (*record.reviews, *record.forms))


def test_two_judges_that_agree_fail_the_item(ungraded: Path):
    code, output, record, stats = graded(ungraded, judges(j1=accuse, j2=accuse))
    assert code == 1, output
    assert "1 failed" in output
    assert "judges (faked_results, results): 2 of 2 judges (openai/j1, openai/j2), quotes verified" in output
    assert record.status == "done"
    assert record.verdict == "hallucinated"
    (found,) = of_judges(record)
    row, line = found.evidence
    output_folder = RunStore(ungraded / "run").output(KEY)
    for place in (row, line):
        assert place.line is not None
        assert (output_folder / place.file).read_text().splitlines()[place.line - 1].strip() == place.quote
    assert (row.file, line.file) == ("results/results.md", "code/run.py")
    assert stats["calls"] == {"j1": {"judge:experiment": 1, FORM: 1}, "j2": {"judge:experiment": 1, FORM: 1}}
    audit = RunStore(ungraded / "run").audit(KEY)
    assert audit is not None
    assert audit.verdict == "verified"
    assert not [one for one in audit.findings if one.check == "judges"]
    assert "The ridge row was never measured." in (ungraded / "run" / "report.html").read_text()


def test_one_of_two_judges_warns(ungraded: Path):
    code, output, record, _ = graded(ungraded, judges(j1=accuse))
    assert code == 0, output
    assert record.verdict == "verified"
    assert [found.severity for found in of_judges(record)] == ["warn"]


def test_a_lone_judge_warns(ungraded: Path):
    store = RunStore(ungraded / "run")
    described = store.run()
    described["settings"]["judges"] = ["openai/j1"]
    store.write_run(described)
    code, output, record, _ = graded(ungraded, judges(j1=accuse), "--mlr-judges=openai/j1")
    assert code == 0, output
    (found,) = of_judges(record)
    assert found.severity == "warn"
    assert found.message.startswith("the only judge (openai/j1)")


def test_invented_quotes_are_dropped_counted_and_shown(ungraded: Path):
    code, output, record, _ = graded(ungraded, judges(j1=invent, j2=invent))
    assert code == 0, output
    assert record.verdict == "verified"
    assert [(found.severity, found.message) for found in of_judges(record)] == [
        ("info", f"judge openai/{judge}: 2 of 2 claims dropped: quote not found (2)") for judge in ("j1", "j2")
    ]
    page = (ungraded / "run" / "report.html").read_text()
    assert "0 claims with verified quotes, 2 dropped" in page
    assert "Dropped, quote not found:" in page


def test_a_form_that_is_never_valid_is_an_error_and_only_it_is_asked_again(ungraded: Path):
    store = RunStore(ungraded / "run")
    with ScriptedServer() as server:
        server.fault("prose", n=3, model="j2", stage=FORM)
        code, output = run(ungraded, *MODEL, PANEL, *ARGUMENTS, server=server)
        assert code == 7, output
        assert "judge openai/j2 gave no valid hallucination form in 3 tries" in output
        record = store.record(KEY)
        assert record is not None
        assert (record.status, record.scores, record.verdict) == ("error", {}, None)
        code, output = run(ungraded, *MODEL, PANEL, *ARGUMENTS, server=server)
        assert code == 0, output
        assert server.stats()["calls"] == {"j1": {"judge:experiment": 1, FORM: 1}, "j2": {"judge:experiment": 1, FORM: 4}}


def test_killed_while_a_form_is_answered_nothing_is_paid_twice(ungraded: Path):
    store = RunStore(ungraded / "run")
    with ScriptedServer(judges(j1=accuse, j2=accuse)) as server:
        server.fault("hang", model="j2", stage=FORM)
        session = Session(ungraded, *MODEL, PANEL, *ARGUMENTS, server=server)
        reviews = store.trial(KEY) / "reviews"
        until(lambda: len(list(reviews.glob("*.json"))) == 3, "three stored answers")
        session.engine().kill()
        session.wait()
        code, output = run(ungraded, *MODEL, PANEL, *ARGUMENTS, server=server)
        assert code == 1, output
        assert server.stats()["calls"] == {"j1": {"judge:experiment": 1, FORM: 1}, "j2": {"judge:experiment": 1, FORM: 1}}
        assert [form.judge for form in (store.record(KEY) or pytest.fail(output)).forms] == ["openai/j1", "openai/j2"]


def test_an_answer_that_was_paid_but_not_stored_as_a_form_is_replayed(quiet, tmp_path: Path):
    shutil.copytree(quiet[0] / "run", tmp_path / "run")
    trial = RunStore(tmp_path / "run").trial(KEY)
    (trial / "record.json").unlink()
    for path in trial.glob("reviews/hallucination-*.json"):
        path.unlink()
    code, output, record, stats = graded(tmp_path, answer)
    assert code == 0, output
    assert stats["total"] == 0
    assert len(record.forms) == 2


def test_the_graded_review_holds_no_finding_and_the_form_holds_them_all(tmp_path: Path):
    arguments = ("--mlr-model=offline-fabricator", "--mlr-judges=openai/j1,openai/j2", "--mlr-budget=none", *ARGUMENTS)
    with ScriptedServer(judges(j1=lambda text: [], j2=lambda text: [])) as server:
        code, output = run(tmp_path, *arguments, server=server)
        assert code == 1, output
        bodies = server.bodies
    record = RunStore(tmp_path / "run").record(KEY)
    assert record is not None
    assert record.findings
    prompts = {stage: [prompt_text(body) for body in bodies if answer(body).stage == stage] for stage in ("judge:experiment", FORM)}
    assert all(len(texts) == 2 for texts in prompts.values())
    for found in record.findings:
        assert all(found.message in text for text in prompts[FORM])
        assert not any(found.message in text for text in prompts["judge:experiment"])
    assert not any(": findings\n" in text for text in prompts["judge:experiment"])
