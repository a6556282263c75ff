"""`mlrbench compare --pairwise`: two runs side by side, each pair in both orders, blind, resumable, within a budget."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_mlrbench.engine.lock import RunLock
from pytest_mlrbench.results.store import RunStore
from tests.support.commands import FREE, TASKS, asked, command, ideas, use
from tests.support.runs import add, make_run
from tests.support.scripted_server import Json, Reply, ScriptedServer, prompt_text

DIMENSIONS = ("Consistency", "Clarity", "Novelty", "Feasibility", "Significance")
JUDGE = ("--mlr-judges=openai/j3", FREE)


def verdict(winner: str) -> Reply:
    said = {"reason": "section 1", "dimensions": dict.fromkeys(DIMENSIONS, winner), "winner": winner}
    return Reply(json.dumps(said), stage="pairwise")


def prefers(word: str) -> Callable[[Json], Reply]:
    """A judge that takes the work with `word` in it, and a tie where both or none has it."""

    def script(body: Json) -> Reply:
        text = prompt_text(body)
        marks = re.findall(r"(?:Work A stands between two lines|work B between two) that read `([^`]+)`", text)
        works = [text.split(f"\n{mark}\n")[1] for mark in marks]
        has = [word in work for work in works]
        return verdict("tie" if has[0] is has[1] else "A" if has[0] else "B")

    return script


def first_always(body: Json) -> Reply:
    return verdict("A")


@pytest.fixture
def runs(tmp_path: Path) -> tuple[RunStore, RunStore]:
    """Three ideas each; two of the newer run's hold GOOD, the third is as the base's."""
    base = ideas(tmp_path / "base", {task: f"# Idea\nPlain words on {task}.\n" for task in TASKS})
    texts = {task: f"# Idea\nGOOD words on {task}.\n" for task in TASKS[:2]} | {TASKS[2]: f"# Idea\nPlain words on {TASKS[2]}.\n"}
    return base, ideas(tmp_path / "new", texts, model="openai/n")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ScriptedServer]]:
    """Starts a server with a script."""
    running: list[ScriptedServer] = []

    def start(script: Any) -> ScriptedServer:
        server = ScriptedServer(script).__enter__()
        running.append(server)
        use(server, monkeypatch)
        return server

    yield start
    for server in running:
        server.__exit__()


def pairwise(capsys: pytest.CaptureFixture[str], runs: tuple[RunStore, RunStore], *arguments: str) -> tuple[int, Any, str]:
    code, out, err = command(capsys, "compare", runs[0].root, runs[1].root, "--pairwise", "--format", "json", *arguments)
    return code, json.loads(out) if out else None, err


def test_the_better_run_wins_and_equal_outputs_are_a_tie_that_nobody_is_asked(runs, served, capsys):
    server = served(prefers("GOOD"))
    code, found, err = pairwise(capsys, runs, *JUDGE)
    assert code == 0, err
    assert asked(server) == {"j3": 4}
    stage = found["stages"]["idea"]
    assert (stage["won"], stage["tied"], stage["lost"], stage["n_pairs"], stage["n_decided_unasked"]) == (2, 1, 0, 3, 1)
    assert stage["win_rate"] == pytest.approx(2.5 / 3)
    assert stage["dimensions"]["Novelty"]["win_rate"] == 1.0
    assert found["position"]["openai/j3"] == {"first": 2, "second": 2, "tie": 0, "p": 1.0, "pairs": 2, "contradicted": 0}
    assert (found["incomplete"], found["unpaired"], found["warnings"]) == ([], {}, [])
    stored = json.loads(next(runs[1].root.glob("pairwise/base-*/summary.json")).read_text())
    assert stored == found
    assert not (runs[0].root / "pairwise").exists()


def test_turned_about_the_same_judge_says_the_opposite(runs, served, capsys):
    served(prefers("GOOD"))
    _, found, _ = pairwise(capsys, runs[::-1], *JUDGE)
    assert (found["stages"]["idea"]["won"], found["stages"]["idea"]["lost"]) == (0, 2)


def test_a_judge_that_takes_the_first_decides_nothing_and_is_named(runs, served, capsys):
    served(first_always)
    code, found, _ = pairwise(capsys, runs, *JUDGE)
    assert code == 0
    assert found["stages"]["idea"]["win_rate"] == 0.5
    assert found["position"]["openai/j3"]["first"] == 4
    assert found["position"]["openai/j3"]["contradicted"] == 2
    _, out, _ = command(capsys, "compare", runs[0].root, runs[1].root, "--pairwise", *JUDGE)
    assert "openai/j3 preferred the work that stood first 4 times, the second 0, neither 0" in out
    assert "in 2 of 2 pairs the order alone decided" in out
    assert "idea: 0.50 [" in out


def test_without_judges_named_the_newer_runs_panel_is_asked(runs, served, capsys):
    server = served(prefers("GOOD"))
    _, found, _ = pairwise(capsys, runs, FREE)
    assert found["judges"] == ["openai/j1", "openai/j2"]
    assert asked(server) == {"j1": 4, "j2": 4}
    assert set(found["stages"]["idea"]["judges"]) == {"openai/j1", "openai/j2"}


def test_no_request_names_a_run_or_a_model(runs, served, capsys):
    server = served(prefers("GOOD"))
    pairwise(capsys, runs, *JUDGE)
    for body in server.bodies:
        text = prompt_text(body)
        assert not re.search(r"openai/[mn]\b|mlr-agent|\bnew\b.{0,20}\brun\b|\bbase\b", text)


def test_the_budget_ends_it_with_9_and_what_is_whole_is_counted(runs, served, capsys):
    server = served(prefers("GOOD"))
    limited = ("--mlr-judges=openai/j3", "--mlr-price=1,1", "--mlr-concurrency=1")
    code, found, _ = pairwise(capsys, runs, *limited, "--mlr-budget=0.004")
    cut = asked(server)["j3"]
    assert code == 9
    assert 2 <= cut < 4
    assert found["incomplete"] == [f"{TASKS[1]}/idea"]
    # The third pair is equal, so it is whole without a call.
    assert found["stages"]["idea"]["n_pairs"] == 2
    code, found, _ = pairwise(capsys, runs, *limited, "--mlr-budget=1")
    assert (code, asked(server)["j3"], found["incomplete"]) == (0, 4, [])
    assert server.stats()["repeated"] == 0


def test_a_judge_that_gives_no_verdict_ends_with_7_and_is_asked_again_alone(runs, served, capsys):
    server = served(prefers("GOOD"))
    server.fault("prose", n=3)
    code, found, err = pairwise(capsys, runs, *JUDGE, "--mlr-concurrency=1")
    assert code == 7
    assert found["incomplete"] == [f"{TASKS[0]}/idea"]
    assert "gave no valid comparison in 3 tries" in err
    code, found, _ = pairwise(capsys, runs, *JUDGE)
    assert (code, found["incomplete"], asked(server)["j3"]) == (0, [], 3 + 4)


def test_answers_about_other_texts_are_not_used_again(runs, served, capsys):
    server = served(prefers("GOOD"))
    pairwise(capsys, runs, *JUDGE)
    path = runs[0].root / "trials" / TASKS[0] / "idea" / "output" / "idea.md"
    path.write_text("# Idea\nGOOD words now.\n")
    code, found, _ = pairwise(capsys, runs, *JUDGE)
    assert code == 0
    assert asked(server)["j3"] == 6
    assert (found["stages"]["idea"]["won"], found["stages"]["idea"]["tied"]) == (1, 2)


def test_a_failed_side_loses_and_an_unfinished_one_is_no_pair(runs, served, capsys):
    served(prefers("GOOD"))
    base, new = runs
    add(new, f"{TASKS[0]}/idea", status="failed", reason="idea.md is missing")
    add(base, f"{TASKS[1]}/idea", status="error", reason="the judge was down")
    add(new, f"{TASKS[2]}/idea.e2")
    code, found, err = pairwise(capsys, runs, *JUDGE)
    assert code == 0
    assert (found["stages"]["idea"]["won"], found["stages"]["idea"]["tied"], found["stages"]["idea"]["lost"]) == (0, 1, 1)
    assert found["unpaired"] == {
        f"no score for infrastructure in {base.root}": [f"{TASKS[1]}/idea"],
        f"not in {base.root}": [f"{TASKS[2]}/idea.e2"],
    }
    assert "2 of them decided by a failed side or equal outputs" in err


def test_other_task_texts_are_a_warning(runs, served, capsys):
    served(prefers("GOOD"))
    run = runs[0].run()
    runs[0].write_run({**run, "digests": {**run["digests"], "tasks_source": "texts/"}})
    _, found, err = pairwise(capsys, runs, *JUDGE)
    assert "read other task texts" in found["warnings"][0]
    assert "read other task texts" in err


def test_what_cannot_be_compared_is_named(runs, served, capsys, tmp_path):
    server = served(prefers("GOOD"))
    base, new = runs
    other = make_run(tmp_path / "other")
    add(other, "iclr2025_bi_align/idea")
    for arguments, said in (
        ((base, base, *JUDGE), "are one run: name two"),
        ((base, new, "--mlr-judges=offline"), "cannot compare two"),
        ((base, other, *JUDGE), "have no trial in common"),
        ((base, new, "--mlr-stage=paper", *JUDGE), "has no such trial to judge"),
        ((base, new, "--mlr-judges=openai/j3"), "the price of 'openai/j3' is not known"),
    ):
        roots = [one.root for one in arguments[:2]]
        code, out, err = command(capsys, "compare", *roots, "--pairwise", *arguments[2:])
        assert (code, out) == (2, ""), arguments
        assert said in err
    with RunLock(new.root):
        code, _, err = command(capsys, "compare", base.root, new.root, "--pairwise", *JUDGE)
    assert code == 2
    assert "is in use by process" in err
    assert asked(server) == {}
