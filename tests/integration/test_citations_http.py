"""References looked up in indexes, against a server on loopback: what they say of a list, and when they do not answer."""

import json
import socket
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from pytest_mlrbench.audits import Finding
from pytest_mlrbench.cli import main
from pytest_mlrbench.evidence.checks import Case, subject_of_folder
from pytest_mlrbench.evidence.checks.citations import CHECK
from pytest_mlrbench.search.lookup import Lookup
from pytest_mlrbench.search.polite import Pace
from tests.support.literature_server import Literature, Paper, serving

PAPERS = [
    Paper(1, "Engines that weave numbers", year=2023, authors=("Ada Lovelace", "Grace Hopper"), doi="10.1234/weave"),
    Paper(2, "Sheep in electric dreams", year=2024, authors=("Philip Dick",), doi="10.1234/sheep"),
    Paper(3, "Compilers for people who never asked", year=2022, authors=("Grace Hopper",), arxiv=False, doi="10.1234/compilers"),
]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Literature]:
    """arXiv, OpenAlex and Crossref, with a cache of their own and no waiting between requests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for module in ("arxiv", "openalex", "crossref"):
        monkeypatch.setattr(f"pytest_mlrbench.search.{module}.PACE", Pace(interval=0.0, backoff=0.01, tries=2))
    with serving(PAPERS) as state:
        monkeypatch.setenv("MLRBENCH_OPENALEX_URL", state.openalex)
        monkeypatch.setenv("MLRBENCH_ARXIV_URL", state.arxiv)
        monkeypatch.setenv("MLRBENCH_CROSSREF_URL", state.crossref)
        yield state


def folder_with(root: Path, *entries: str) -> Path:
    listed = "\n".join(f"[{number}] {entry}" for number, entry in enumerate(entries, 1))
    (root / "work").mkdir(exist_ok=True)
    (root / "work" / "paper.md").write_text(f"Text [1-{len(entries)}].\n\n## References\n\n{listed}\n")
    return root / "work"


def looked_up(root: Path, *entries: str, online: bool = True) -> list[Finding]:
    from dataclasses import replace

    subject = subject_of_folder(folder_with(root, *entries), today=date(2026, 11, 23))
    return CHECK.run(Case(replace(subject, online=online))).findings


def test_true_references_are_no_finding(server: Literature, tmp_path: Path) -> None:
    found = looked_up(
        tmp_path,
        "Lovelace, A., & Hopper, G. (2023). Engines that weave numbers. arXiv:2305.00001.",
        'P. Dick. "Sheep in Electric Dreams," doi:10.1234/SHEEP, 2024.',
        "Hopper, G. (2022). *Compilers for people who never asked*. Journal of Things.",
        "Hopper, G. (2022). Compilers for people. https://openalex.org/W4000003",
        "Lovelace, A. (2024). Engines that weave numbers (preprint). doi:10.1234/weave",
    )
    assert found == []
    assert len(server.asked) <= 5  # identifiers are asked for together


@pytest.mark.parametrize("identifier", ["arXiv:2405.00002", "doi:10.1234/sheep", "https://openalex.org/W4000002"])
def test_an_identifier_of_another_paper_fails_with_both_titles(server: Literature, tmp_path: Path, identifier: str) -> None:
    (found,) = looked_up(tmp_path, f"Turing, A. (2024). Machinery of thought and mind. {identifier}")
    assert (found.severity, found.scope, found.type) == ("fail", "paper", "incorrect_citation")
    assert "Machinery of thought and mind" in found.message
    assert "Sheep in electric dreams" in found.message
    assert "Sheep in electric dreams" in found.evidence[1].quote


def test_a_renamed_paper_by_the_same_people_is_no_finding(server: Literature, tmp_path: Path) -> None:
    assert looked_up(tmp_path, "Dick, P. (2024). Machinery of thought and mind. arXiv:2405.00002.") == []


def test_what_no_index_knows_is_a_warning(server: Literature, tmp_path: Path) -> None:
    found = looked_up(
        tmp_path,
        "Turing, A. (2024). Machinery of thought and mind. Mind.",
        "Turing, A. (2024). Machinery of mind and thought. arXiv:2405.00999.",
        "Turing, A. (2024). Mind of thought and machinery. doi:10.1234/none",
    )
    assert [one.severity for one in found] == ["warn", "warn", "warn"]
    assert "no work with the title" in found[0].message


def test_wrong_years_and_authors_are_warnings_that_quote_the_index(server: Literature, tmp_path: Path) -> None:
    found = looked_up(
        tmp_path,
        "Lovelace, A., & Hopper, G. (2017). Engines that weave numbers. arXiv:2305.00001.",
        "Turing, A. (2022). Compilers for people who never asked. Journal of Things.",
    )
    assert [one.severity for one in found] == ["warn", "warn"]
    assert "is of 2023, not 2017" in found[0].message
    assert "is by Grace Hopper" in found[1].message
    assert all(len(one.evidence) == 2 for one in found)


def test_an_impossible_id_is_not_asked_for(server: Literature, tmp_path: Path) -> None:
    found = looked_up(tmp_path, "Turing, A. (2024). Machinery. arXiv:2413.00999.")
    assert [one.severity for one in found] == ["fail", "info"]
    assert server.asked == []


def test_answers_are_kept(server: Literature, tmp_path: Path) -> None:
    entries = ("Hopper, G. (2022). Compilers for people who never asked. Things.", "Dick, P. (2024). Sheep. arXiv:2405.00002.")
    first = looked_up(tmp_path, *entries)
    asked = len(server.asked)
    assert asked > 0
    assert looked_up(tmp_path, *entries) == first
    assert len(server.asked) == asked


def test_without_leave_nothing_is_asked(server: Literature, tmp_path: Path) -> None:
    assert looked_up(tmp_path, "Turing, A. (2024). Machinery of thought and mind. Mind.", online=False) == []
    assert main(["check", str(folder_with(tmp_path, "Turing, A. (2024). Machinery of thought. Mind.")), "--format=json"]) in (0, 3)
    assert server.asked == []


def test_the_command_line_asks_with_online(server: Literature, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_with(tmp_path, "Turing, A. (2024). Machinery of thought and mind. arXiv:2405.00002.")
    assert main(["check", str(folder), "--online", "--format=json"]) == 1
    assert "Sheep in electric dreams" in json.loads(capsys.readouterr().out)["findings"][0]["message"]


@pytest.mark.parametrize("fault", ["503", "hang up", "page", "odd", "429 after 0"])
def test_an_index_that_does_not_answer_is_an_info_and_never_a_fail(server: Literature, tmp_path: Path, fault: str) -> None:
    server.faults[:] = [fault] * 8
    found = looked_up(tmp_path, "Turing, A. (2024). Machinery of thought and mind. arXiv:2405.00002.")
    assert [one.severity for one in found] == ["info"]
    assert "not all looked up" in found[0].message


def test_a_machine_without_network_is_an_info(server: Literature, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    for name in ("OPENALEX", "ARXIV", "CROSSREF"):
        monkeypatch.setenv(f"MLRBENCH_{name}_URL", f"http://127.0.0.1:{port}")
    found = looked_up(tmp_path, "Turing, A. (2024). Machinery of thought and mind. Mind.")
    assert [one.severity for one in found] == ["info"]


def test_who_names_one_mirror_has_the_others_left_alone(server: Literature, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLRBENCH_CROSSREF_URL")
    monkeypatch.delenv("MLRBENCH_ARXIV_URL")
    lookup = Lookup()
    assert lookup.sources == ("openalex",)
    assert lookup.by_ids(["arXiv:2405.00002", "doi:10.1234/none"]) == {"doi:10.1234/none": None}


def test_time_that_is_over_ends_the_asking(server: Literature, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_mlrbench.evidence.checks.citations_online.MAX_SECONDS", -1.0)
    found = looked_up(tmp_path, "Turing, A. (2024). Machinery of thought and mind. Mind.")
    assert [one.severity for one in found] == ["info"]
    assert server.asked == []
