"""The summary after a pytest run: what it says, and that it is plain text of the terminal's width."""

import shlex

import pytest

from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.reports.terminal import resume_command, summary_lines
from tests.support.runs import add, finding, make_run, review, spent

IDEA = {"Consistency": 8, "Clarity": 7, "Novelty": 6, "Feasibility": 5, "Significance": 4, "Overall": 6}


@pytest.fixture
def store(tmp_path):
    store = make_run(tmp_path / "run", suite="smoke")
    add(store, "iclr2025_wsl/idea", [review(judge, "idea", IDEA) for judge in ("openai/j1", "openai/j2")])
    return store


def told(store, keys=None, **options):
    return summary_lines(store, store.keys() if keys is None else keys, **options)


def test_the_table_has_a_line_per_stage_where_it_fits(store):
    lines = told(store, width=100)
    assert lines[0].split() == ["stage", "n", *IDEA]
    assert lines[2].split() == ["idea", "1", "8.00", "7.00", "6.00", "5.00", "4.00", "6.00"]


def test_the_table_turns_to_a_column_per_stage_in_a_narrow_terminal(store):
    lines = told(store, width=40)
    table = lines[: next(place for place, line in enumerate(lines) if line.startswith("outcomes"))]
    assert table[0].split() == ["mean", "idea"]
    assert ["Novelty", "6.00"] in [line.split() for line in table]
    assert max(map(len, table)) <= 40


def test_only_selected_trials_are_summed_up(store):
    add(store, "iclr2025_scsl/idea", [review(judge, "idea", {"Overall": 1}) for judge in ("openai/j1", "openai/j2")])
    lines = told(store, [TrialKey("iclr2025_wsl", "idea")])
    assert "outcomes: 1 passed" in lines


def test_equal_reasons_are_grouped_and_counted(store):
    for task in ("iclr2025_dl4c", "iclr2025_scsl"):
        add(store, f"{task}/idea", status="error", reason="judge openai/j1 gave no valid review in 3 tries\ntraceback")
        add(store, f"{task}/paper", status="skipped", reason=f"its input {task}/experiment has no usable output")
    lines = told(store)
    assert "ERROR 2x (iclr2025_dl4c/idea and 1 more): judge openai/j1 gave no valid review in 3 tries" in lines
    assert "outcomes: 1 passed, 2 ERROR, 2 SKIPPED" in lines


def test_failing_findings_stand_with_file_line_and_quote(store):
    judged = [review(judge, "experiment", {"Overall": 5}) for judge in ("openai/j1", "openai/j2")]
    long = finding(evidence=[{"file": "results/results.md", "line": 7, "quote": "x" * 1000}])
    add(
        store,
        "iclr2025_wsl/experiment",
        judged,
        verdict="hallucinated",
        support=0.1,
        findings=[long, finding("warn", message="only a warning")],
    )
    lines = told(store)
    (at,) = [at for at, line in enumerate(lines) if line.startswith("finding")]
    assert lines[at].startswith("finding iclr2025_wsl/experiment [numbers]: accuracy 0.973")
    assert lines[at + 1].startswith("    results/results.md:7: xxx")
    assert len(lines[at + 1]) < 160
    assert "verdicts: 0 verified, 0 unverified, 1 hallucinated" in lines
    assert "warnings: 1 finding of severity warn, see the report" in lines
    assert not any("only a warning" in line for line in lines)


def test_a_finding_names_the_source_that_contradicts_it_even_after_many_places(store):
    places = [{"file": "results/results.md", "line": line, "quote": f"| row {line} |"} for line in range(1, 8)]
    source = {"file": "results/results.json", "line": 182, "quote": "ridge.mae: 0.51"}
    add(store, "iclr2025_wsl/experiment", verdict="hallucinated", findings=[finding(evidence=[*places, source])])
    lines = told(store)
    assert "    results/results.md:1: | row 1 |" in lines
    assert "    (4 more places)" in lines
    assert "    results/results.json:182: ridge.mae: 0.51" in lines


def test_the_cost_line_tells_agent_from_judges_and_names_unpriced_calls(store):
    add(store, "iclr2025_dl4c/idea", [review("openai/j1", "idea", IDEA, spent=spent(unpriced=1, cost=0.0))])
    (line,) = [line for line in told(store) if line.startswith("cost")]
    assert line == (
        "cost: agent 0.60 USD (6 calls, 6,000 + 1,200 tokens); "
        "judges 0.10 USD without 1 call of unknown price (3 calls, 3,000 + 600 tokens)"
    )


def test_what_was_paid_beyond_the_kept_trials_is_said(store):
    assert "cost: the run has paid 1.40 USD in all, 1.00 USD of it for attempts that are not kept or still open" in told(
        store, spent=spent(cost=1.4)
    )
    assert sum(line.startswith("cost") for line in told(store, spent=spent(cost=0.4))) == 1


def test_model_text_cannot_steer_the_terminal(store):
    add(store, "iclr2025_dl4c/idea", status="error", reason="\x1b]0;owned\x07\x1b[2J[/bold] gone")
    lines = told(store)
    assert not any(not character.isprintable() for line in lines for character in line)
    assert any("\\x1b[2J[/bold] gone" in line for line in lines)


def test_undone_items_come_with_the_command_that_goes_on(store):
    add(store, "iclr2025_dl4c/idea", status="skipped", reason="budget spent")
    keys = [*store.keys(), TrialKey("iclr2025_scsl", "idea")]
    line = told(store, keys)[-1]
    assert line.startswith("2 items left undone (1 not reached); resume with: pytest ")
    assert f"--mlr-run={store.root}" in line
    assert not any("resume with" in text for text in told(store, [TrialKey("iclr2025_wsl", "idea")]))


def test_the_resume_command_repeats_what_the_run_was_started_with(tmp_path):
    store = make_run(
        tmp_path / "my run",
        model="openai/m",
        judges=("openai/j1", "openai/j2"),
        suite="core",
        task=("iclr2025_*", "icml*"),
        stage=("idea", "paper"),
        seed=3,
        budget=None,
        sandbox="local",
        model_settings={"openai/m": {"temperature": 0.5}},
    )
    words = shlex.split(resume_command(store))
    assert words[:3] == ["pytest", "--mlr-model=openai/m", f"--mlr-run={tmp_path / 'my run'}"]
    assert sorted(words[3:]) == sorted(
        [
            "--mlr-judges=openai/j1,openai/j2",
            "--mlr-suite=core",
            "--mlr-task=iclr2025_*",
            "--mlr-task=icml*",
            "--mlr-stage=idea,paper",
            "--mlr-seed=3",
            "--mlr-budget=none",
            "--mlr-sandbox=local",
            "--mlr-model-setting=openai/m:temperature=0.5",
        ]
    )


def test_report_and_run_directory_are_named(store, tmp_path):
    lines = told(store, report=tmp_path / "report.html")
    assert f"report: {tmp_path / 'report.html'}" in lines
    assert f"run directory: {store.root}" in lines


def test_a_run_without_any_score_says_so(tmp_path):
    store = make_run(tmp_path / "run")
    assert told(store, [TrialKey("iclr2025_wsl", "idea")])[0] == "no scores"
