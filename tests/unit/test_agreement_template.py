"""The form for people: what it holds, that it is blind and harmless, and that what is filled in reads back."""

import base64
import csv
import hashlib
import io
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markupsafe import escape

from pytest_mlrbench.cli import main
from pytest_mlrbench.errors import ConfigError
from pytest_mlrbench.results.agreement.human import agreement
from pytest_mlrbench.results.agreement.joining import join_runs
from pytest_mlrbench.results.agreement.sheets import read_sheet
from pytest_mlrbench.results.agreement.template import run_code, write_template
from pytest_mlrbench.results.importing import import_published
from pytest_mlrbench.results.store import RunStore
from pytest_mlrbench.stages.rubric import load_rubric
from tests.support.published import CLAUDE, O4, make_published
from tests.support.runs import add, finding, make_run, review

TASKS = ("iclr2025_wsl", "iclr2025_dl4c", "iclr2025_scsl")
HOSTILE = "<script>alert(1)</script>\n<img src=http://evil.example/x onerror=alert(2)> \u202eflipped \x1b[31m"


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    store = make_run(tmp_path / "secret-model-run", model="openai/secret-model")
    for place, task in enumerate(TASKS):
        scores = [review(judge, "idea", {"Overall": 4 + place, "Novelty": 5}) for judge in ("openai/j1", "openai/j2")]
        add(store, f"{task}/idea", scores, output={"idea.md": f"# Idea {place}\n{HOSTILE}"}, findings=[finding()])
    code = {
        "results/results.md": "| ours | 0.97 |",
        "code/a b.py": "x = 1",
        "code/page.html": "<script>1</script>",
        "results/f.svg": "<svg/>",
    }
    add(store, f"{TASKS[0]}/experiment", [review("openai/j1", "experiment", {"Overall": 3})], output=code)
    return store


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))


class Page(HTMLParser):
    """Tags with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_sheet_has_a_row_a_work_and_the_columns_of_their_rubrics(store, tmp_path):
    sheet, _, number = write_template([store], tmp_path / "form")
    rows = rows_of(sheet)
    assert number == len(rows) == 4
    assert [(row["task"], row["stage"]) for row in rows] == [*((task, "idea") for task in sorted(TASKS)), (TASKS[0], "experiment")]
    assert {row["run"] for row in rows} == {run_code(store)}
    wanted = {one.name for stage in ("idea", "experiment") for one in load_rubric(stage).dimensions if one.kind != "opinion"}
    assert set(rows[0]) == {"reviewer_id", "run", "task", "stage", "epoch", "comments"} | wanted


def test_the_form_is_blind(store, tmp_path):
    sheet, page, _ = write_template([store], store.root / "human-review")
    for text in (sheet.read_text(encoding="utf-8-sig"), page.read_text()):
        assert "secret-model" not in text
        assert "openai/j1" not in text
        assert "was printed by no program of this run" not in text


def test_the_page_holds_rubric_task_and_work_and_nothing_that_runs_or_calls_out(store, tmp_path):
    _, path, _ = write_template([store], tmp_path / "form")
    text = path.read_text()
    page = Page(text)
    rubric = load_rubric("idea")
    assert all(str(escape(question)) in text for one in rubric.dimensions for question in one.questions)
    assert text.count("<script>") == 1
    assert not [tag for tag, _ in page.tags if tag in ("img", "iframe", "link", "object", "embed")]
    outside = [
        value for _, attrs in page.tags for name, value in attrs.items() if name in ("src", "href") and "//" in (value or "")
    ]
    assert outside == []
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "\u202e" not in text
    assert "\x1b" not in text
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(attrs["content"] for tag, attrs in page.tags if tag == "meta" and attrs.get("http-equiv"))
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")


def test_files_are_linked_where_they_lie_but_for_those_a_browser_would_run(store, tmp_path):
    _, path, _ = write_template([store], tmp_path / "form")
    links = [attrs["href"] for tag, attrs in Page(path.read_text()).tags if tag == "a" and not attrs["href"].startswith("#")]
    assert [link.rpartition("/")[2] for link in links] == ["a%20b.py"]
    assert (path.parent / links[0].replace("%20", " ")).resolve().is_file()
    assert "code/page.html (not linked" in path.read_text()


def test_a_filled_sheet_reads_back_against_the_run_even_when_it_was_moved(store, tmp_path):
    sheet, _, _ = write_template([store], tmp_path / "form")
    rows = rows_of(sheet)
    for row in rows[:3]:
        row.update(reviewer_id="Anna", Novelty="5", Overall="5", comments="a, b\nc; d")
    filled = tmp_path / "anna.csv"
    with filled.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    moved = RunStore(Path(shutil.move(store.root, tmp_path / "elsewhere")))
    joined = join_runs(read_sheet(filled, "human"), [moved])
    found = agreement(joined)
    # Judges gave 4, 5 and 6 to wsl, dl4c and scsl.
    assert found["Overall"].n_human_judge == 3
    assert found["Overall"].human_judge.value == pytest.approx(2 / 3)
    assert found["Novelty"].human_judge.value == 0.0


def test_a_sheet_that_nobody_filled_in_is_no_agreement(store, tmp_path):
    sheet, _, _ = write_template([store], tmp_path / "form")
    with pytest.raises(ConfigError, match="has a header and no review below it"):
        read_sheet(sheet, "human")


def test_reviews_are_never_overwritten(store, tmp_path):
    sheet, _, _ = write_template([store], tmp_path / "form")
    sheet.write_text("precious")
    with pytest.raises(ConfigError, match="may hold reviews: move it away"):
        write_template([store], tmp_path / "form")
    assert sheet.read_text() == "precious"


def test_a_sample_is_of_each_stage_and_the_same_for_a_seed(store, tmp_path):
    drawn = []
    for name, seed in (("a", 0), ("b", 0), ("c", 3)):
        sheet, _, number = write_template([store], tmp_path / name, sample=1, seed=seed)
        assert number == 2
        drawn.append([row["task"] for row in rows_of(sheet)])
    assert drawn[0] == drawn[1]
    assert {tuple(one) for one in drawn} <= {(task, TASKS[0]) for task in TASKS}


def test_of_imported_works_those_that_can_be_read_are_on_the_form_reviewed_by_judges_or_not(tmp_path):
    run = import_published(make_published(tmp_path / "published"), tmp_path / "run").run
    judged, unjudged = RunStore(run / CLAUDE), RunStore(run / f"end2end-{O4}")
    sheet, _, _ = write_template([judged, unjudged], tmp_path / "form")
    stages = [(row["run"], row["stage"]) for row in rows_of(sheet) if row["task"] == TASKS[0]]
    # Claude's ideas and proposals were published with their reviews alone; nobody reviewed the chain's ideas.
    assert sorted(stages) == sorted(
        [(run_code(judged), stage) for stage in ("experiment", "paper")]
        + [(run_code(unjudged), stage) for stage in ("idea", "proposal", "experiment", "paper", "end2end")]
    )
    with pytest.raises(ConfigError, match="published with their reviews alone"):
        write_template([judged], tmp_path / "none", ["idea"])


def test_stages_narrow_and_an_unknown_or_empty_one_is_refused(store, tmp_path):
    assert write_template([store], tmp_path / "a", ["experiment"])[2] == 1
    with pytest.raises(ConfigError, match="unknown stage 'ideas'"):
        write_template([store], tmp_path / "b", ["ideas"])
    with pytest.raises(ConfigError, match="no finished work of stage paper"):
        write_template([store], tmp_path / "b", ["paper"])


def test_two_runs_have_two_codes_on_one_form(store, tmp_path):
    other = make_run(tmp_path / "other", model="openai/other")
    add(other, f"{TASKS[0]}/idea", [review("openai/j1", "idea", {"Overall": 3})])
    sheet, _, _ = write_template([store, other], tmp_path / "form", ["idea"])
    assert [row["run"] for row in rows_of(sheet)].count(run_code(other)) == 1
    assert run_code(other) != run_code(store)


def test_a_missing_text_and_a_link_are_said_and_not_followed(store, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("host secret")
    text = store.output(next(iter(store.keys()))) / "idea.md"
    text.unlink()
    text.symlink_to(secret)
    _, page, _ = write_template([store], tmp_path / "form", ["idea"])
    assert "host secret" not in page.read_text()
    assert "cannot be read" in page.read_text()


def test_the_command_says_where_and_what_comes_next(store, capsys):
    assert main(["agreement", "--template", str(store.root)]) == 0
    said = capsys.readouterr().out
    assert f"4 works to review: fill in {store.root / 'human-review' / 'reviews.html'} in a browser" in said
    assert f"then: mlrbench agreement REVIEWS.csv {store.root}" in said
    assert main(["agreement", "--template", str(store.root)]) == 2
