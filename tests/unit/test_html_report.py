"""The HTML report: self-contained, harmless whatever a model wrote, complete, and small enough to mail."""

import base64
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest

from pytest_mlrbench.errors import ConfigError
from pytest_mlrbench.reports import html
from pytest_mlrbench.reports.html import write_html
from pytest_mlrbench.stages.rubric import REVIEW_KEYS, STAGE_KEYS
from pytest_mlrbench.tasks.suites import CORE
from tests.support.runs import add, finding, make_run, opinion, png, review


class Page(HTMLParser):
    """What a browser would make of the report: elements with their attributes, and the text outside of styles."""

    def __init__(self, path):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self._open.append(tag)

    def handle_endtag(self, tag):
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data):
        if "style" not in self._open:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def store(tmp_path):
    return make_run(tmp_path / "run", suite="smoke")


def experiment(store, task="iclr2025_wsl", **fields):
    """A judged experiment with code, results and a figure."""
    output = {
        "code/run.py": "print(1)\n",
        "results/results.md": "# Results\n\naccuracy 0.973\n",
        "results/figures/curve.png": png(),
    }
    judged = [
        review("openai/j1", "experiment", {"Soundness": 7, "Overall": 6}, opinion=opinion(True)),
        review("openai/j2", "experiment", {"Soundness": 4, "Overall": 5}, opinion=opinion(False), not_shown=["log.txt was cut"]),
    ]
    return add(store, f"{task}/experiment", judged, **{"output": output, "verdict": "unverified", "support": 0.5, **fields})


def test_a_trial_shows_scores_reviews_findings_and_provenance(store, tmp_path):
    experiment(
        store,
        verdict="hallucinated",
        findings=[finding()],
        coverage={"numbers": "done", "citations": "no evidence: nothing is cited"},
        inputs={"idea": "own", "proposal": "/pool/run::iclr2025_wsl/proposal"},
        not_shown=["related_work.md was cut"],
    )
    page = Page(write_html([store], tmp_path / "report.html"))
    for told in (
        "Soundness 5.50 7 4",
        "why openai/j1 gave Soundness 7",
        "a strength",
        "a weakness",
        "its own opinion: hallucinated",
        "Not shown to this judge: log.txt was cut",
        "accuracy 0.973 was printed by no program of this run",
        "results/results.md:7 | ours | 0.973 |",
        "results/log.txt 0.871",
        "no evidence: nothing is cited",
        "50 % of the headline numbers",
        "/pool/run::iclr2025_wsl/proposal",
        "related_work.md was cut",
        "judges not validated against people",
        "openai/j1 1 of 1",
    ):
        assert told in page.text, told


def test_the_score_table_shows_mean_population_sd_and_n(store, tmp_path):
    for task, score in (("iclr2025_dl4c", 4), ("iclr2025_wsl", 8)):
        add(store, f"{task}/idea", [review(judge, "idea", {"Overall": score}) for judge in ("openai/j1", "openai/j2")])
    page = Page(write_html([store], tmp_path / "report.html"))
    assert "panel mean 2 6.00 ± 2.00" in page.text


def test_the_report_fetches_nothing_and_runs_nothing(store, tmp_path):
    experiment(store)
    page = Page(write_html([store], tmp_path / "report.html"))
    (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in page.elements}
    assert all(image["src"].startswith("data:image/") for image in page.all("img"))
    assert not re.search(r"url\(|@import", page.source)


def test_hostile_text_stays_text(tmp_path):
    bad = (
        "<script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\u202e\x00"
        "\"'><a href=javascript:alert(3)>x</a></style></details>"
    )
    store = make_run(tmp_path / "run", model=f"m{bad}", judges=(f"j{bad}",))
    judged = [
        review(
            f"j{bad}", "paper", {"Overall": 5}, strengths=[bad], weaknesses=[bad], not_shown=[bad], justifications={"Overall": bad}
        )
    ]
    add(
        store,
        "iclr2025_wsl/paper",
        judged,
        output={"paper.md": bad, "figures/javascript:alert(4)<b>.png": png()},
        verdict="hallucinated",
        findings=[finding(message=bad, check=bad, evidence=[{"file": bad, "line": 1, "quote": bad}])],
        coverage={bad: bad},
        environment={bad: bad},
        inputs={"idea": bad},
    )
    add(store, f"{bad.replace('/', '')}/idea", status="error", reason=bad)
    page = Page(write_html([store], tmp_path / "report.html"))
    assert not page.all("script")
    assert not [tag for tag, attributes in page.elements if any(name.startswith("on") for name in attributes)]
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.all("img"))
    for link in page.all("a"):
        assert link["href"].startswith(("./", "../", "#")), link
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u202e]", page.source)
    assert "<script>alert(1)</script>" in page.text
    assert "\\x1b[31m\\u202e\\x00" in page.text


def test_links_lead_to_the_output_files_from_wherever_the_report_lies(tmp_path):
    store = make_run(tmp_path / "runs" / "openai%2Fm #1")
    add(
        store,
        "task%with space/idea",
        [review("openai/j1", "idea", {"Overall": 5})],
        output={"idea.md": "x", "odd name #?.txt": "y"},
    )
    report = write_html([store], tmp_path / "elsewhere" / "report.html")
    wanted = {str(path.resolve()) for path in store.output(next(store.records()).key).iterdir()}
    found = {
        str((report.parent / unquote(link["href"])).resolve()) for link in Page(report).all("a") if not link["href"].startswith("#")
    }
    assert wanted <= found


def test_figures_are_inlined_once(store, tmp_path):
    experiment(store)
    judged = [review(judge, "paper", {"Overall": 5}) for judge in ("openai/j1", "openai/j2")]
    add(store, "iclr2025_wsl/paper", judged, output={"paper.md": "text", "figures/curve.png": png()})
    page = Page(write_html([store], tmp_path / "report.html"))
    (image,) = page.all("img")
    assert base64.b64decode(image["src"].partition(",")[2]) == png()
    assert "shown with an earlier trial" in page.text


def test_what_is_no_image_or_too_large_or_a_link_is_not_inlined(store, tmp_path, monkeypatch):
    monkeypatch.setattr(html, "FIGURE_LIMIT", len(png()))
    secret = tmp_path / "secret.png"
    secret.write_bytes(png(colour=(1, 2, 3)))
    record = experiment(
        store,
        output={
            "code/run.py": "1",
            "results/results.md": "x",
            "results/figures/fits.png": png(),
            "results/figures/large.png": png() + b"more",
            "results/figures/text.png": "<svg onload=alert(1)>",
        },
    )
    folder = store.output(record.key) / "results/figures"
    (folder / "link.png").symlink_to(secret)
    store.write_record(
        record.model_copy(update={"files": {**record.files, "results/figures/link.png": "0" * 64, "../../../x.png": "1" * 64}})
    )
    page = Page(write_html([store], tmp_path / "report.html"))
    assert [image["alt"] for image in page.all("img")] == ["results/figures/fits.png"]
    assert not [link for link in page.all("a") if "secret" in link["href"] or "x.png" in link["href"]]


def test_fifty_trials_stay_below_five_megabytes(tmp_path):
    import os

    store = make_run(tmp_path / "run", suite="core")
    for task in CORE:
        for stage in STAGE_KEYS:
            dimensions = [name for key, (name, kind) in REVIEW_KEYS.items() if key in STAGE_KEYS[stage] and kind != "opinion"]
            texts = {
                "justifications": dict.fromkeys(dimensions, "a sentence of a review. " * 40),
                "strengths": ["s" * 300] * 4,
                "weaknesses": ["w" * 300] * 4,
            }
            judged = [review(judge, stage, dict.fromkeys(dimensions, 5), **texts) for judge in ("openai/j1", "openai/j2")]
            # 150 kB a figure that do not compress and differ between trials: 100 of them would be 20 MB of base64.
            figures = {f"figures/{n}.png": png() + os.urandom(150_000) for n in (1, 2)}
            add(store, f"{task}/{stage}", judged, output={"paper.md": "text " * 20_000, **figures}, findings=[finding()] * 5)
    path = write_html([store], tmp_path / "report.html")
    assert path.stat().st_size < 5_000_000
    assert Page(path).source.count('class="trial"') == 50


def test_filters_name_only_outcomes_that_are_there(store, tmp_path):
    experiment(store)
    add(store, "iclr2025_scsl/experiment", status="error", reason="Docker does not answer")
    page = Page(write_html([store], tmp_path / "report.html"))
    choices = {attributes["id"] for attributes in page.all("input")}
    assert {"outcome-all", "outcome-passed", "outcome-error", "verdict-unverified", "stage-experiment"} <= choices
    assert not {"outcome-failed", "verdict-verified", "stage-paper"} & choices
    assert "Docker does not answer" in page.text


def test_several_runs_are_compared_in_one_report(tmp_path):
    stores = [make_run(tmp_path / name, model=name) for name in ("good", "bad")]
    for store, score in zip(stores, (8, 3), strict=True):
        add(store, "iclr2025_wsl/idea", [review(judge, "idea", {"Overall": score}) for judge in ("openai/j1", "openai/j2")])
    page = Page(write_html(stores, tmp_path / "report.html"))
    marks = [cell["class"].split()[-1] for cell in page.all("td") if cell.get("class", "").split()[-1:] in (["best"], ["worst"])]
    assert sorted(marks) == ["best"] * 3 + ["worst"] * 3
    assert "good · bad" in page.text


def test_an_empty_run_has_a_report(store, tmp_path):
    assert "No item has scores yet." in Page(write_html([store], tmp_path / "report.html")).text


def test_no_run_and_no_place_are_config_errors(store, tmp_path):
    with pytest.raises(ConfigError, match="at least one run"):
        write_html([], tmp_path / "report.html")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match="another place"):
        write_html([store], tmp_path / "file" / "report.html")
