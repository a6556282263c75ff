"""engine.foreign: where another agent's work lies in its folder, and how it is laid out for judges."""

import os
from pathlib import Path

import pytest
from judging_worlds import picture, put

from pytest_mlrbench.engine.foreign import Laid, lay_out, parts_of, settle
from pytest_mlrbench.engine.rejudging import free_task, work_of
from pytest_mlrbench.errors import ConfigError
from pytest_mlrbench.judging.work import Work
from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.records import TrialRecord
from pytest_mlrbench.results.store import RunStore
from pytest_mlrbench.settings import Settings
from tests.support.runs import make_run

PUBLISHED: dict[str, str | bytes] = {
    "idea.md": "# Idea\nVote.\n",
    "proposal.md": "# Proposal\nWe plan.\n",
    "task.md": "the task\n",
    "review_hallucination_judge.json": '{"Overall": 9}',
    "coder_code/run.py": "print(0.91)\n",
    "coder_code/reviews.py": "print('code that reviews')\n",
    "results/paper.md": "# Paper\n![bars](bars.png)\n",
    "results/results.md": "# Results\n0.91\n",
    "results/all.json": '{"accuracy": 0.91}',
    "results/bars.png": picture(),
}
FLAT: dict[str, str | bytes] = {
    "train.py": "print(0.91)\n",
    "metrics.json": '{"accuracy": 0.91}',
    "loss.png": picture(),
    "paper.md": "# Paper\nWe measure.\n",
    "meta_review.txt": "accept",
}


def laid(tmp_path: Path, contents: dict[str, str | bytes], stage: str, **given: Path) -> tuple[Laid, list[str]]:
    """What is laid out of a folder, and the files of it."""
    folder = put(tmp_path / "work", contents)
    found = lay_out(parts_of(folder, stage, given), stage, tmp_path / "laid")
    files = sorted(path.relative_to(tmp_path / "laid").as_posix() for path in (tmp_path / "laid").rglob("*") if path.is_file())
    return found, files


def settings(store: RunStore) -> Settings:
    return Settings(model="openai/other", agent="external", judges=("offline",), search="none", run=str(store.root))


def settled(store: RunStore, folder: Path, key: str) -> TrialRecord:
    parsed = TrialKey.parse(key)
    return settle(store, settings(store), parsed, parts_of(folder, parsed.stage, {}))


def seen(store: RunStore, record: TrialRecord) -> Work:
    return work_of(store, record, free_task("free-work", 2026))


def test_the_published_layout_becomes_an_experiment_and_its_paper(tmp_path):
    found, files = laid(tmp_path, PUBLISHED, "end2end")
    assert files == [
        "experiment/code/reviews.py",
        "experiment/code/run.py",
        "experiment/results/all.json",
        "experiment/results/bars.png",
        "experiment/results/results.md",
        "paper/figures/bars.png",
        "paper/paper.md",
    ]
    assert found.not_shown == ["1 files that hold reviews of the work were left out"]


def test_a_paper_brings_what_came_before_it(tmp_path):
    _, files = laid(tmp_path, PUBLISHED, "paper")
    assert {"idea/idea.md", "proposal/proposal.md"} < set(files)


def test_a_folder_without_folders_is_told_apart_by_suffix(tmp_path):
    _, files = laid(tmp_path, FLAT, "end2end")
    assert files == [
        "experiment/code/train.py",
        "experiment/results/loss.png",
        "experiment/results/metrics.json",
        "paper/figures/loss.png",
        "paper/paper.md",
    ]


def test_no_review_reaches_a_judge(tmp_path):
    store = make_run(tmp_path / "run")
    for number, contents in enumerate((PUBLISHED, FLAT), 1):
        record = settled(store, put(tmp_path / f"work{number}", contents), f"free-work/end2end.e{number}")
        work = seen(store, record)
        assert not any("accept" in part.text or '"Overall": 9' in part.text for part in work.parts)
        assert any("reviews of the work were left out" in note for note in work.notes)


def test_the_judge_sees_paper_code_results_and_figures(tmp_path):
    store = make_run(tmp_path / "run")
    work = seen(store, settled(store, put(tmp_path / "work", PUBLISHED), "free-work/end2end"))
    assert [part.name for part in work.parts] == [
        "paper",
        "code/reviews.py",
        "code/run.py",
        "results/results.md",
        "results/all.json",
        "figures/bars.png",
    ]


def test_files_with_several_names_are_kept_and_links_are_not(tmp_path):
    folder = put(tmp_path / "work", {"code/run.py": "print(1)\n", "results/results.md": "# R\n"})
    os.link(folder / "code" / "run.py", tmp_path / "other")
    (tmp_path / "secret").write_text("a key")
    (folder / "code" / "link.py").symlink_to(tmp_path / "secret")
    found = lay_out(parts_of(folder, "experiment", {}), "experiment", tmp_path / "laid")
    copied = {path.name for path in (tmp_path / "laid").rglob("*") if path.is_file()}
    assert copied == {"run.py", "results.md"}
    assert any("link.py" in text for text in found.not_shown)


def test_what_is_too_large_to_read_is_named(tmp_path):
    folder = put(tmp_path / "work", {"code/run.py": "print(1)\n", "results/results.md": "# R\n"})
    with (folder / "code" / "model.bin").open("wb") as stream:
        stream.truncate(40 * 2**20)
    found = lay_out(parts_of(folder, "experiment", {}), "experiment", tmp_path / "laid")
    assert found.not_shown == ["code/model.bin: left out, 41,943,040 bytes"]


def test_named_parts_come_before_found_ones(tmp_path):
    contents = {**PUBLISHED, "final/text.md": "# Final\n"}
    folder = put(tmp_path / "work", contents)
    parts = parts_of(folder, "paper", {"paper": folder / "final" / "text.md"})
    lay_out(parts, "paper", tmp_path / "laid")
    assert (tmp_path / "laid" / "paper" / "paper.md").read_text() == "# Final\n"


def test_a_text_alone_is_judged_without_its_neighbours(tmp_path):
    folder = put(tmp_path / "work", FLAT)
    found = lay_out(parts_of(folder / "paper.md", "end2end", {}), "end2end", tmp_path / "laid")
    assert set(found.outputs) == {"paper", "end2end"}


def test_latex_is_shown_as_it_is_and_said_to_be(tmp_path):
    file = put(tmp_path, {"main.tex": "\\section{Method} We measure."}) / "main.tex"
    found = lay_out(parts_of(file, "paper", {}), "paper", tmp_path / "laid")
    assert "\\section{Method}" in (tmp_path / "laid" / "paper" / "paper.md").read_text()
    assert found.not_shown == ["paper: LaTeX source; files that it includes are not shown"]


def test_a_pdf_is_read_as_text_and_said_to_be(tmp_path):
    pytest.importorskip("pytest_mlrbench.evidence.checks.pdf", reason="PDF papers are read by evidence.checks.pdf")
    import matplotlib
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"pdf.fonttype": 42}), PdfPages(tmp_path / "paper.pdf") as pdf:
        page = Figure()
        page.text(0.1, 0.5, "We measure ridge regression.")
        pdf.savefig(page)
    found = lay_out(parts_of(tmp_path / "paper.pdf", "paper", {}), "paper", tmp_path / "laid")
    assert "We measure ridge regression." in (tmp_path / "laid" / "paper" / "paper.md").read_text()
    assert "read from a PDF" in found.not_shown[0]


@pytest.mark.parametrize(
    ("contents", "stage", "said"),
    [
        ({}, "experiment", "neither code nor results were found"),
        ({}, "paper", "holds no paper"),
        ({}, "idea", "holds no idea.md"),
        ({"idea.md": " \n"}, "idea", "idea.md is empty"),
        ({"paper.md": b"\0\1"}, "paper", "is no text"),
    ],
)
def test_a_folder_without_the_work_is_an_error(tmp_path, contents, stage, said):
    folder = put(tmp_path / "work", contents)
    folder.mkdir(exist_ok=True)
    with pytest.raises(ConfigError, match=said):
        lay_out(parts_of(folder, stage, {}), stage, tmp_path / "laid")


def test_what_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="no such folder or file"):
        parts_of(tmp_path / "nowhere", "paper", {})
    with pytest.raises(ConfigError, match="an experiment is a folder"):
        parts_of(put(tmp_path, {"a.md": "# A"}) / "a.md", "experiment", {})


def test_the_same_work_again_is_the_same_record_and_another_one_is_refused(tmp_path):
    store = make_run(tmp_path / "run")
    folder = put(tmp_path / "work", PUBLISHED)
    first = settled(store, folder, "free-work/end2end")
    assert settled(store, folder, "free-work/end2end") == first
    put(folder, {"results/all.json": '{"accuracy": 0.99}'})
    with pytest.raises(ConfigError, match="holds another work as free-work/end2end"):
        settled(store, folder, "free-work/end2end")
    with pytest.raises(ConfigError, match="holds the experiment of another work on this task"):
        settled(store, folder, "free-work/experiment")
    assert settled(store, folder, "free-work/end2end.e2").epoch == 2
    assert not list(store.root.glob(".laying-*"))


def test_stages_of_one_work_share_what_is_laid_out(tmp_path):
    store = make_run(tmp_path / "run")
    folder = put(tmp_path / "work", PUBLISHED)
    settled(store, folder, "free-work/end2end")
    assert settled(store, folder, "free-work/experiment").files.keys() == {
        "code/reviews.py",
        "code/run.py",
        "results/all.json",
        "results/bars.png",
        "results/results.md",
    }


def test_a_free_task_asks_for_nothing_of_its_own():
    task = free_task("free-work", 2026)
    assert "hold the work against the question that it sets itself" in task.brief
    assert task.topics == ()
