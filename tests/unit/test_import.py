"""`mlrbench import`: the published layout becomes runs, and whatever cannot be read is listed with its reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_mlrbench.cli import main
from pytest_mlrbench.errors import ConfigError
from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.results.frequencies import chain_costs, hallucination_table
from pytest_mlrbench.results.importing import Imported, import_published
from pytest_mlrbench.results.store import RunStore, open_runs
from pytest_mlrbench.results.tables import score_table
from pytest_mlrbench.stages.stage import missing_outputs
from tests.support.published import CLAUDE, GEMINI, O4, TASKS, answer, make_published, make_work, put


@pytest.fixture
def published(tmp_path: Path) -> Path:
    return make_published(tmp_path / "published")


def imported(published: Path, **options: Any) -> Imported:
    return import_published(published, published.parent / "run", **options)


def part(found: Imported, name: str) -> RunStore:
    assert name in found.parts
    return RunStore.open(found.run / name)


def cell(found: Imported, stage: str, model: str, judge: str, dimension: str = "Overall") -> dict[str, Any]:
    rows = score_table(open_runs([found.run]))
    (row,) = [row for row in rows if (row["stage"], row["model"], row["judge"]) == (stage, model, judge)]
    value: dict[str, Any] = row["dimensions"][dimension]
    return value


def problems(found: Imported) -> dict[str, str]:
    return {one.path: one.reason for one in found.problems}


# -- what is there ----------------------------------------------------------------------------------------------------


def test_every_review_has_its_judge_stage_model_and_task(published: Path) -> None:
    found = imported(published)
    assert found.problems == ()
    assert found.reviews == 2 * 2 * 7
    assert set(found.parts) == {CLAUDE, O4, f"end2end-{O4}", "inputs-claude"}
    for stage, model in (("idea", CLAUDE), ("proposal", CLAUDE), ("experiment", CLAUDE), ("paper", CLAUDE), ("paper", O4)):
        assert cell(found, stage, model, GEMINI) == {"mean": 4.0, "sd": 0.0, "n": 2}
        assert cell(found, stage, model, "mean")["mean"] == 6.0
    record = part(found, CLAUDE).record(TrialKey(TASKS[0], "experiment"))
    assert record is not None
    assert record.reviews[0].opinion is not None
    assert record.reviews[0].opinion.has_hallucination
    assert record.reviews[0].answer == answer("experiment", {GEMINI: 4, CLAUDE: 8}[record.reviews[0].judge])


def test_a_short_model_name_is_the_full_one_that_it_begins(published: Path) -> None:
    found = imported(published)
    assert cell(found, "end2end", O4, "mean")["n"] == 2
    assert part(found, CLAUDE).run()["settings"]["model"] == CLAUDE


def test_reviews_without_the_code_are_in_no_other_mean(published: Path) -> None:
    found = imported(published)
    assert cell(found, "end2end", O4, GEMINI)["mean"] == 4.0
    assert cell(found, "end2end", O4, f"{GEMINI} [no_code]")["mean"] == 5.0
    record = part(found, f"end2end-{O4}").record(TrialKey(TASKS[0], "end2end"))
    assert record is not None
    assert record.scores["Overall"] == 6.0


def test_outputs_are_usable_inputs_of_other_trials(published: Path) -> None:
    found = imported(published)
    chain, own, pool = part(found, f"end2end-{O4}"), part(found, CLAUDE), part(found, "inputs-claude")
    for store, stages in (
        (chain, ("idea", "literature", "proposal", "experiment", "paper")),
        (own, ("experiment", "paper")),
        (pool, ("idea", "literature", "proposal")),
        (part(found, O4), ("paper",)),
    ):
        for stage in stages:
            key = TrialKey(TASKS[0], stage)
            result = store.stage_result(key)
            assert result is not None
            assert result.status == "done"
            assert missing_outputs(stage, store.output(key)) == []
    assert (own.output(TrialKey(TASKS[0], "paper")) / "paper.md").read_text() == f"# paper paper_{CLAUDE}.md\n"
    assert (own.output(TrialKey(TASKS[0], "paper")) / "plot.png").is_file()
    names = {path.name for path in (own.output(TrialKey(TASKS[0], "experiment")) / "results").iterdir()}
    assert names == {"results.md", "log.txt", "plot.png"}
    record = own.record(TrialKey(TASKS[0], "experiment"))
    assert record is not None
    source, _, trial = record.inputs["proposal"].partition("::")
    assert RunStore.open(Path(source)).output(TrialKey.parse(trial)) == pool.output(TrialKey(TASKS[0], "proposal"))


def test_outputs_are_linked_or_copied(published: Path) -> None:
    source = published / "agent_results" / "end2end_o4-mini" / TASKS[0] / "idea.md"
    linked = part(imported(published), f"end2end-{O4}").output(TrialKey(TASKS[0], "idea")) / "idea.md"
    copied_run = import_published(published, published.parent / "copy", copy=True)
    copied = part(copied_run, f"end2end-{O4}").output(TrialKey(TASKS[0], "idea")) / "idea.md"
    assert linked.samefile(source)
    assert not copied.samefile(source)
    assert copied.read_bytes() == source.read_bytes()


def test_costs_are_tokens_at_list_price_and_the_coders_own(published: Path) -> None:
    (row,) = chain_costs(open_runs([imported(published).run]))
    # o4-mini: 3 x (0.1 x 1.1 + 0.01 x 4.4); literature: 0.1 x 2.5 + 0.01 x 10; the coder says 1.50.
    assert row["usd"] == pytest.approx(3 * 0.154 + 0.35 + 1.5)
    assert (row["model"], row["n"], row["unpriced_calls"]) == (O4, 2, 0)


def test_a_given_price_comes_before_the_listed_one_and_an_unknown_one_is_said(published: Path) -> None:
    found = imported(published, prices={"o4-mini": (0.0, 0.0)})
    assert chain_costs(open_runs([found.run]))[0]["usd"] == pytest.approx(0.35 + 1.5)
    make_work(published / "agent_results" / "end2end_new-model" / TASKS[0])
    found = import_published(published, published.parent / "second")
    (row,) = [row for row in chain_costs(open_runs([found.run])) if row["model"] == "new-model"]
    assert row["unpriced_calls"] == 3
    found = import_published(published, published.parent / "third", price=lambda model: (1.0, 1.0))
    (row,) = [row for row in chain_costs(open_runs([found.run])) if row["model"] == "new-model"]
    assert row["usd"] == pytest.approx(3 * 0.11 + 0.35 + 1.5)


def test_what_a_stepwise_trial_cost_is_not_known_rather_than_nothing(published: Path) -> None:
    record = part(imported(published), CLAUDE).record(TrialKey(TASKS[0], "idea"))
    assert record is not None
    assert record.agent_spent.unpriced_calls == 1
    assert record.judge_spent.unpriced_calls == 2


def test_hallucinations_are_counted_by_judge_and_by_people_with_not_sure_apart(published: Path) -> None:
    rows = {row["who"]: row for row in hallucination_table(open_runs([imported(published).run]))}
    assert rows["people"]["n"] == 2
    assert rows["people"]["types"]["faked_results"] == {"yes": 2, "not_sure": 0, "n": 2}
    assert rows["people"]["types"]["incorrect_citation"] == {"yes": 1, "not_sure": 1, "n": 2}
    assert rows["people"]["types"]["mathematical_error"] == {"yes": 0, "not_sure": 2, "n": 2}
    assert rows[GEMINI]["types"]["faked_results"] == {"yes": 2, "not_sure": 0, "n": 2}
    assert rows[GEMINI]["types"]["hallucinated_methodology"]["yes"] == 0
    assert rows["people"]["model"] == O4


def test_sheets_of_people_are_read_as_a_spreadsheet_of_another_country_writes_them(published: Path) -> None:
    human = published / "human_eval"
    labels = human / "Hallucination Check.csv"
    labels.write_bytes(b"\xef\xbb\xbf" + labels.read_bytes().replace(b",", b" ; ").replace(b"\n", b"\r\n"))
    put(human / "ours.csv", "Reviewer;task;novelty\n1;iclr2025_wsl;7,5\n2;iclr2025_wsl;12\n")
    found = imported(published)
    assert [one.reason for one in found.problems] == ["line 3: novelty is '12', expected 1 to 10"]
    rows = {row["who"]: row for row in hallucination_table(open_runs([found.run]))}
    assert rows["people"]["types"]["incorrect_citation"] == {"yes": 1, "not_sure": 1, "n": 2}


def test_whose_works_the_labels_of_people_are_taken_to_be_is_said(published: Path) -> None:
    said = "labels of hallucinations of MLR Agent name no model: "
    (note,) = [one.reason for one in imported(published).notes if "labels" in one.reason]
    assert note == f"{said}taken for end2end-{O4}, whose works alone have such lists"
    make_work(published / "agent_results" / "end2end_claude" / TASKS[0])
    (note,) = [one.reason for one in import_published(published, published.parent / "two").notes if "labels" in one.reason]
    assert note == f"{said}joined with no work"


def test_one_model_becomes_one_run(tmp_path: Path) -> None:
    put(tmp_path / "mine/agent_reviews/idea_proposal_reviews_j/iclr2025_wsl/idea/idea_m.json", answer("idea", 7))
    found = import_published(tmp_path / "mine", tmp_path / "run")
    assert found.parts == ()
    store = RunStore.open(tmp_path / "run")
    assert [str(record.key) for record in store.records()] == ["iclr2025_wsl/idea"]
    assert store.run()["settings"]["model"] == "m"


def test_a_folder_of_runs_is_read_as_all_of_them_and_never_as_one(published: Path) -> None:
    found = imported(published)
    assert len(open_runs([found.run])) == 4
    with pytest.raises(ConfigError, match=r"holds 4 runs, give one of them: .*inputs-claude"):
        RunStore.open(found.run)
    with pytest.raises(ConfigError, match="given twice"):
        open_runs([found.run, found.run / CLAUDE])


def test_ai_scientist_is_another_agent(published: Path) -> None:
    put(published / f"agent_reviews/subset_reviews_{GEMINI}/{TASKS[0]}/review_ai_scientist_v2.json", answer("end2end", 5))
    rows = score_table(open_runs([imported(published).run]))
    assert [row["model"] for row in rows if row["agent"] == "ai-scientist-v2"] == ["o4-mini", "o4-mini"]


def test_checks_run_over_works_on_request(published: Path) -> None:
    from pytest_mlrbench.commands.importing import _audit

    store = part(imported(published, audit=_audit), f"end2end-{O4}")
    record = store.record(TrialKey(TASKS[0], "end2end"))
    assert record is not None
    assert record.verdict in ("unverified", "hallucinated")
    assert store.audit(TrialKey(TASKS[0], "experiment")) is not None


# -- what is wrong ----------------------------------------------------------------------------------------------------


def idea_file(published: Path, task: str = TASKS[0]) -> Path:
    return published / "agent_reviews" / f"idea_proposal_reviews_{GEMINI}" / task / "idea" / f"idea_{CLAUDE}.json"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "not JSON"),
        ('{"Clarity": ', "not JSON"),
        ("[1, 2]", "no JSON object"),
        ({name: value for name, value in answer("idea", 5).items() if name != "Clarity"}, "without Clarity"),
        (
            answer("idea", 5) | {"Clarity": {"score": 11, "justification": "!"}},
            "Clarity is 11, expected a whole number from 1",
        ),
        (answer("idea", 5) | {"Clarity": {"score": 7.5}}, "Clarity is 7.5"),
        (answer("idea", 5) | {"Clarity": {"score": "high"}}, "Clarity is 'high'"),
        (answer("idea", 5) | {"Clarity": {"score": True}}, "Clarity is True"),
        (answer("idea", 5) | {"Clarity": {"score": None}}, "Clarity is None"),
        ('{"Clarity": {"score": NaN}}', "without"),
        (answer("idea", 5) | {"OverallAssessment": "good"}, "OverallAssessment is 'good'"),
        (json.dumps(answer("idea", 5))[:-1] + ', "Clarity": {"score": 9}}', "Clarity is there twice"),
    ],
)
def test_a_malformed_review_is_listed_with_its_reason_and_left_out(published: Path, content: Any, reason: str) -> None:
    put(idea_file(published), content)
    found = imported(published)
    path = f"agent_reviews/idea_proposal_reviews_{GEMINI}/{TASKS[0]}/idea/idea_{CLAUDE}.json"
    assert reason in problems(found)[path]
    assert cell(found, "idea", CLAUDE, GEMINI)["n"] == 1
    # One judge of two is left for that task: no mean of the panel is made of it.
    assert cell(found, "idea", CLAUDE, "mean")["n"] == 1


def test_a_whole_score_written_with_a_point_is_read(published: Path) -> None:
    put(idea_file(published), answer("idea", 5) | {"Clarity": {"score": 7.0}})
    assert imported(published).problems == ()


def test_files_that_have_no_place_are_listed(published: Path) -> None:
    reviews = published / "agent_reviews"
    put(reviews / "notes.txt", "x")
    put(reviews / f"subset_reviews_{GEMINI}" / TASKS[0] / "summary.csv", "x")
    put(reviews / f"subset_reviews_{GEMINI}" / TASKS[0] / "paper" / "o4.txt", "x")
    put(reviews / f"subset_reviews_{GEMINI}" / "iclr2025_wsl_old" / "review_claude.json", answer("end2end", 5))
    put(published / "agent_results" / "end2end_o4-mini" / "readme.md", "x")
    put(published / "human_eval" / "notes.docx", "x")
    listed = problems(imported(published))
    assert set(listed) == {
        "agent_reviews/notes.txt",
        f"agent_reviews/subset_reviews_{GEMINI}/{TASKS[0]}/summary.csv",
        f"agent_reviews/subset_reviews_{GEMINI}/{TASKS[0]}/paper/o4.txt",
        f"agent_reviews/subset_reviews_{GEMINI}/iclr2025_wsl_old",
        "agent_results/end2end_o4-mini/readme.md",
        "human_eval/notes.docx",
    }
    assert "no task of MLR-Bench" in listed[f"agent_reviews/subset_reviews_{GEMINI}/iclr2025_wsl_old"]


def test_what_names_no_model_is_listed_and_leaves_the_others_readable(published: Path) -> None:
    reviews = published / "agent_reviews" / f"idea_proposal_reviews_{GEMINI}" / TASKS[0] / "idea"
    subset = published / "agent_reviews" / f"subset_reviews_{GEMINI}" / TASKS[0]
    for path in (reviews / "idea_.json", reviews / "idea_...json"):
        put(path, answer("idea", 5))
    put(subset / "review__no_code.json", answer("end2end", 5))
    make_work(published / "agent_results" / "end2end_" / TASKS[0])
    found = imported(published)
    assert len(found.problems) == 4
    assert "" not in found.parts
    assert len(open_runs([found.run])) == len(found.parts)


def test_a_coders_log_that_nests_without_end_is_listed(published: Path) -> None:
    put(published / "agent_results" / "end2end_o4-mini" / TASKS[0] / "claude_output.json", "[" * 200_000)
    assert "neither JSON nor JSON lines" in str(imported(published).problems)


def test_other_tasks_are_taken_when_asked_for_and_named_below_tables(published: Path) -> None:
    from pytest_mlrbench.results.notes import notes

    put(published / f"agent_reviews/idea_proposal_reviews_{GEMINI}/my_task/idea/idea_{CLAUDE}.json", answer("idea", 5))
    assert "my_task" in str(imported(published).problems)
    found = import_published(published, published.parent / "all", other_tasks=True)
    assert found.problems == ()
    told = notes(open_runs([found.run]))
    assert "1 task not of MLR-Bench: my_task" in told
    assert f"idea of {CLAUDE}: no review by {CLAUDE} for 1 task: my_task" in told


def test_two_reviews_by_one_judge_of_one_work_are_not_averaged(published: Path) -> None:
    other = published / f"agent_reviews/subset_reviews_{GEMINI}/{TASKS[0]}/review_{O4}.json"
    put(other, answer("end2end", 10))
    found = imported(published)
    assert cell(found, "end2end", O4, GEMINI)["mean"] in (4.0, 7.0)  # the first file in order counts for its task
    (reason,) = problems(found).values()
    assert "reviewed the end2end" in reason
    assert "already in" in reason


def test_malformed_usage_logs_forms_and_labels_are_listed(published: Path) -> None:
    work = published / "agent_results" / "end2end_o4-mini" / TASKS[0]
    put(work / "idea_token_usage.json", {"prompt_tokens": -1})
    (work / "paper_token_usage.json").unlink()
    put(work / "claude_output.json", [{"role": "user"}])
    put(work / f"review_hallucination_{GEMINI}.json", {"hallucinations": "none"})
    labels = published / "human_eval" / "Hallucination Check.csv"
    first = labels.read_text().splitlines()
    labels.write_text("\n".join([*first, first[1], "MLR Agent,iclr2025_scsl,Maybe,No,No,No"]))
    put(published / "human_eval" / "human_review.csv", "reviewer_id,workshop_name,Novelty\n1,iclr2025_wsl,12\n")
    listed = [f"{one.path}: {one.reason}" for one in imported(published).problems]
    for expected in (
        "idea_token_usage.json: no token count prompt_tokens or input_tokens",
        "paper_token_usage.json: missing",
        "claude_output.json: no cost at the end",
        f"review_hallucination_{GEMINI}.json: no list `hallucinations`",
        "Hallucination Check.csv: line 4: MLR Agent and iclr2025_dl4c stand there twice",
        "Hallucination Check.csv: line 5: expected Yes, No or Not Sure",
        "human_review.csv: line 2: Novelty is '12', expected 1 to 10",
    ):
        assert any(expected in one for one in listed), expected
    assert len(listed) == 7


def test_links_are_not_followed(published: Path) -> None:
    work = published / "agent_results" / "end2end_o4-mini" / TASKS[0]
    secret = published.parent / "secret.txt"
    secret.write_text("secret")
    (work / "claude_code" / "stolen.txt").symlink_to(secret)
    (work / "claude_code" / "folder").symlink_to(published.parent)
    idea_file(published).unlink()
    idea_file(published).symlink_to(secret)
    found = imported(published)
    assert sorted(problems(found).values()) == ["a link or no regular file, not taken"] * 2 + ["no regular file"]
    assert not list(found.run.rglob("stolen.txt"))


def test_an_unusable_output_is_a_failed_stage(published: Path) -> None:
    put(published / "agent_results" / "end2end_o4-mini" / TASKS[0] / "proposal.md", "  \n")
    result = part(imported(published), f"end2end-{O4}").stage_result(TrialKey(TASKS[0], "proposal"))
    assert result is not None
    assert (result.status, result.reason) == ("failed", "proposal.md is empty: it holds only white space")


@pytest.mark.parametrize("what", ["missing", "other", "empty"])
def test_a_folder_without_the_layout_is_an_error(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "folder"
    if what != "missing":
        (folder / ("agent_reviews" if what == "empty" else "src")).mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"not a folder|not in the layout|nothing to import"):
        import_published(folder, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_that_is_there_is_never_written_over(published: Path) -> None:
    (published.parent / "run").mkdir()
    imported(published)
    with pytest.raises(ConfigError, match="is there already"):
        imported(published)


def test_a_failed_import_leaves_nothing(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_mlrbench.results.imported_run import Part

    def full_disk(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Part, "write", full_disk)
    with pytest.raises(OSError, match="no space left"):
        imported(published)
    assert [path.name for path in published.parent.iterdir()] == ["published"]


# -- the command ------------------------------------------------------------------------------------------------------


def test_the_command_lists_what_it_left_out_and_says_so_with_its_status(
    published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = str(published.parent / "good"), str(published.parent / "bad")
    assert main(["import", str(published), f"--run={good}"]) == 0
    assert "28 reviews, 22 outputs, 0 left out; 4 runs" in capsys.readouterr().out
    put(idea_file(published), "{")
    assert main(["import", str(published), f"--run={bad}"]) == 1
    out = capsys.readouterr().out
    assert f"left out: agent_reviews/idea_proposal_reviews_{GEMINI}/{TASKS[0]}/idea/idea_{CLAUDE}.json: not JSON" in out
    listed = json.loads((published.parent / "bad" / "import.json").read_text())
    assert len(listed["problems"]) == 1


@pytest.mark.parametrize("price", ["o4-mini", "o4-mini=1", "o4-mini=a,b", "=1,2", "o4-mini=-1,2"])
def test_a_bad_price_is_an_error_that_shows_the_form(published: Path, price: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(published), f"--run={published.parent / 'run'}", f"--price={price}"]) == 2
    assert "expected MODEL=IN,OUT" in capsys.readouterr().err


def test_every_reading_command_takes_the_folder_of_runs(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(imported(published).run)
    assert main(["tables", run]) == 0
    out = capsys.readouterr().out
    assert "| end2end | o4-mini-2025-04-16 | mlr-agent | people | 2 | 2 of 2 |" in out
    assert "mean of 2)" in out
    assert main(["export", run, "-o", str(published.parent / "scores.csv")]) == 0
    assert main(["report", run, "-o", str(published.parent / "report")]) == 0
    assert main(["watch", run, "--once"]) == 2
    assert "holds 4 runs" in capsys.readouterr().err
