"""The paper's numbers beside a run's own: which are shown, what is named as different, and that nothing is ranked against them."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_mlrbench.engine.planning import provenance
from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.records import Review
from pytest_mlrbench.reports.html import write_html
from pytest_mlrbench.results.published import BRIEFS, Published, notes_on, published_beside
from pytest_mlrbench.results.render import render
from pytest_mlrbench.results.store import RunStore
from pytest_mlrbench.results.tables import score_table
from pytest_mlrbench.settings import ModelSettings, Settings
from pytest_mlrbench.tasks import official
from pytest_mlrbench.tasks.catalogue import load_tasks, task_digest
from tests.support.runs import add, make_run, review

PANEL = ("gemini/gemini-2.5-pro-preview-03-25", "anthropic/claude-3-7-sonnet-20250219")
HIGH = {"openai/o4-mini-2025-04-16": ModelSettings(reasoning_effort="high")}


def scored(
    root: Path, stage: str = "idea", model: str = "openai/o4-mini", judges: tuple[str, ...] = PANEL, **settings: Any
) -> RunStore:
    store = make_run(root, model=model, judges=judges, **settings)
    add(store, f"iclr2025_wsl/{stage}", [reviewed(judge, stage) for judge in judges])
    return store


def reviewed(judge: str, stage: str) -> Review:
    return review(judge, stage, {"Overall": 9, "Clarity": 9})


def beside(store: RunStore) -> dict[str, Published]:
    return {one.judge: one for one in published_beside([store], score_table([store]))}


def starting(one: Published, with_what: str) -> list[str]:
    return [text for text in one.differences if text.startswith(with_what)]


def test_panel_and_each_judge_get_the_papers_values(tmp_path: Path) -> None:
    found = beside(scored(tmp_path / "run"))
    assert set(found) == {*PANEL, "mean"}
    assert found["mean"].values["Overall"].mean == 8.11
    assert (found["mean"].paper_model, found["mean"].source, found["mean"].n) == ("o4-mini-high", "Table 3", 201)
    assert found[PANEL[0]].source == "Table 9"
    assert found[PANEL[1]].source == "Table 10"


@pytest.mark.parametrize(
    ("model", "settings"), [("openai/gpt-5", {}), ("offline", {}), ("openai/o4-mini", {"agent": "mine:Agent"})]
)
def test_a_model_or_agent_that_the_paper_has_not_gets_nothing(tmp_path: Path, model: str, settings: dict[str, Any]) -> None:
    assert beside(scored(tmp_path / "run", model=model, **settings)) == {}


def test_a_mechanical_panel_is_not_set_beside_the_papers(tmp_path: Path) -> None:
    store = make_run(tmp_path / "run", model="openai/o4-mini", judges=("offline",))
    add(store, "iclr2025_wsl/idea", [review("offline", "idea", {"Overall": 9}, mechanical=True)])
    assert beside(store) == {}


def test_rubrics_prompts_briefs_and_the_number_of_tasks_are_named(tmp_path: Path) -> None:
    one = beside(scored(tmp_path / "run"))["mean"]
    assert starting(one, "task texts: our briefs")
    assert starting(one, "rubrics: worded anew")
    assert starting(one, "prompts: worded anew")
    assert starting(one, "tasks: 1 scored; the paper's 201")
    own = beside(scored(tmp_path / "own", rubrics="/my/rubrics"))["mean"]
    assert starting(own, "rubrics: /my/rubrics")


def test_runs_on_our_briefs_are_known_by_the_name_that_the_engine_records() -> None:
    recorded = provenance(Settings(model="offline", run="run"), [TrialKey("iclr2025_wsl", "idea")])
    assert recorded["tasks_source"] == BRIEFS


def test_other_judges_are_named_and_the_papers_are_not(tmp_path: Path) -> None:
    assert not starting(beside(scored(tmp_path / "same"))["mean"], "judges")
    other = beside(scored(tmp_path / "other", judges=("gemini/gemini-2.5-pro", "anthropic/claude-sonnet-4-5")))
    assert set(other) == {"mean"}
    (told,) = starting(other["mean"], "judges")
    assert "gemini/gemini-2.5-pro, anthropic/claude-sonnet-4-5; the paper's gemini-2.5-pro-preview-03-25" in told
    snapshot = beside(scored(tmp_path / "snapshot", judges=("gemini/gemini-2.5-pro-preview-06-05", PANEL[1])))
    assert starting(snapshot["mean"], "judges: other snapshots")
    assert starting(snapshot["gemini/gemini-2.5-pro-preview-06-05"], "judge: ")


@pytest.mark.parametrize(("coder", "named"), [("bash", 1), ("claude-code", 0)])
def test_another_coder_is_named_where_an_experiment_is_behind_the_score(tmp_path: Path, coder: str, named: int) -> None:
    assert len(starting(beside(scored(tmp_path / "end2end", "end2end", coder=coder))["mean"], "coder")) == named
    assert not starting(beside(scored(tmp_path / "idea", coder=coder))["mean"], "coder")


def test_another_literature_source_is_named_from_the_proposal_on(tmp_path: Path) -> None:
    assert not starting(beside(scored(tmp_path / "idea", search="openalex"))["mean"], "literature")
    assert starting(beside(scored(tmp_path / "proposal", "proposal", search="openalex"))["mean"], "literature: openalex")
    same = scored(tmp_path / "same", "proposal", search="openai/gpt-4o-search-preview")
    assert not starting(beside(same)["mean"], "literature")


def test_the_models_setting_is_named_unless_it_is_the_papers(tmp_path: Path) -> None:
    (told,) = starting(beside(scored(tmp_path / "default"))["mean"], "model")
    assert told == "model: openai/o4-mini with default settings; the paper's o4-mini-2025-04-16 with reasoning effort high"
    same = scored(tmp_path / "same", model="openai/o4-mini-2025-04-16", model_settings=HIGH)
    assert not starting(beside(same)["mean"], "model")


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose text of iclr2025_wsl is what the catalogue records."""
    folder = tmp_path / "published"
    folder.mkdir()
    (folder / "iclr2025_wsl.md").write_text("# The published call\n")
    digest = hashlib.sha256(b"# The published call\n").hexdigest()
    known = {"iclr2025_wsl": replace(load_tasks()["iclr2025_wsl"], sha256=digest)}
    monkeypatch.setattr(official, "load_tasks", lambda: known)
    return folder


def with_texts(root: Path, folder: Path) -> RunStore:
    store = scored(root, tasks=str(folder))
    text = load_tasks()["iclr2025_wsl"].with_text(str(folder))
    digests = {"tasks_source": str(folder), "tasks": task_digest([text])}
    store.write_run({**store.run(), "digests": digests, "selected": ["iclr2025_wsl/idea"]})
    return store


def test_verified_published_texts_are_no_difference(tmp_path: Path, published: Path) -> None:
    store = with_texts(tmp_path / "run", published)
    assert not starting(beside(store)["mean"], "task texts")
    (published / "iclr2025_wsl.md").write_text("# Another call\n")
    assert starting(beside(store)["mean"], "task texts: ")


def test_texts_of_ones_own_are_not_the_published_ones(tmp_path: Path, published: Path) -> None:
    (published / "iclr2025_wsl.md").write_text("# My own call\n")
    store = with_texts(tmp_path / "run", published)
    assert starting(beside(store)["mean"], f"task texts: {published}, not verified")


def test_a_text_that_is_gone_or_changed_since_the_run_is_not_verified(tmp_path: Path, published: Path) -> None:
    store = with_texts(tmp_path / "run", published)
    store.write_run({**store.run(), "digests": {**store.run()["digests"], "tasks": "0" * 64}})
    assert starting(beside(store)["mean"], "task texts: ")
    (published / "iclr2025_wsl.md").unlink()
    assert starting(beside(store)["mean"], "task texts: ")


def test_markdown_shows_the_papers_row_below_ours_without_rank_or_difference(tmp_path: Path) -> None:
    stores = [scored(tmp_path / "mine"), scored(tmp_path / "other", model="openai/gpt-5")]
    add(stores[1], "iclr2025_wsl/idea", [review(judge, "idea", {"Overall": 3, "Clarity": 3}) for judge in PANEL])
    lines = render(stores, "md").splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("| openai/o4-mini | mlr-agent | mean "))
    # 9.00 is better than the paper's 8.11, and still only our own models are marked.
    assert "**9.00**" in lines[place]
    assert lines[place + 1] == "| paper: o4-mini-high (not comparable) | mlr-agent | mean | 201 | 8.23 ± 0.30 | 8.11 ± 0.30 |"
    text = "\n".join(lines)
    assert text.count("task texts: our briefs") == 1
    assert "not comparable with the paper (all rows): task texts: our briefs" in text
    assert "arXiv:2505.19955" in text
    assert "no formula over the published reviews gives them" in text
    assert "0.89" not in text


def test_a_difference_names_the_rows_that_it_concerns(tmp_path: Path) -> None:
    store = scored(tmp_path / "run")
    add(store, "iclr2025_wsl/proposal", [reviewed(judge, "proposal") for judge in PANEL])
    told = notes_on(published_beside([store], score_table([store])))
    (literature,) = [line for line in told if "literature: " in line]
    assert literature.startswith("not comparable with the paper (proposal of openai/o4-mini): ")
    (rubrics,) = [line for line in told if "rubrics: " in line]
    assert "(all rows)" in rubrics


def test_what_the_paper_has_no_value_for_is_left_open(tmp_path: Path) -> None:
    store = scored(tmp_path / "run", "end2end")
    add(store, "iclr2025_wsl/end2end", [review(judge, "end2end", {"Overall": 5, "Confidence": 4}) for judge in PANEL])
    lines = render([store], "md").splitlines()
    paper = next(line for line in lines if line.startswith("| paper: o4-mini-high (not comparable) | mlr-agent | mean "))
    assert paper.endswith("| 3.95 ± 0.71 | – |")
    assert [line for line in lines if "USD a task" in line] == [
        "- paper: end-to-end research with o4-mini-high cost 1.15 USD a task (Table 6)"
    ]


def test_json_keeps_the_contracts_shape(tmp_path: Path) -> None:
    assert "paper" not in render([scored(tmp_path / "run")], "json")


def test_no_note_where_nothing_of_the_paper_is_shown(tmp_path: Path) -> None:
    assert notes_on([]) == []
    assert "arXiv:2505.19955" not in render([scored(tmp_path / "run", model="openai/gpt-5")], "md")


def test_the_html_report_shows_them_too(tmp_path: Path) -> None:
    page = write_html([scored(tmp_path / "run")], tmp_path / "report.html").read_text()
    assert page.count('<tr class="paper">') == 3
    assert "paper: o4-mini-high" in page
    assert "not comparable with the paper (all rows): task texts: our briefs" in page
    assert "What of the paper does not come out of its published data" in page
    without = write_html([scored(tmp_path / "other", model="openai/gpt-5")], tmp_path / "other.html").read_text()
    assert "paper: " not in without
