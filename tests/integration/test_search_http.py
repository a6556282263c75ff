"""Both literature sources through their client libraries, against a server on loopback: what is asked, kept, told."""

import json
import socket
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from pytest_mlrbench.errors import ConfigError, InfrastructureError
from pytest_mlrbench.search.base import Search, open_search
from pytest_mlrbench.search.pace import Pace
from tests.support.literature_server import Literature, Paper, corpus, serving

IDEA = """# Vote relabeling against label noise

## Motivation
Label noise hurts learners. Label noise is common in crowdsourcing.

## Main Idea
We apply vote relabeling to label noise and measure calibration.
"""
QUICK = Pace(interval=0.0, backoff=0.01, longest=1.0, tries=3, connect=2.0, read=0.5)
SOURCES = ("openalex", "arxiv")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENALEX_API_KEY", "OPENALEX_MAILTO", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Literature]:
    with serving(corpus()) as state:
        monkeypatch.setenv("MLRBENCH_OPENALEX_URL", state.openalex)
        monkeypatch.setenv("MLRBENCH_ARXIV_URL", state.arxiv)
        yield state


def search(name: str, cache: Path, pace: Pace = QUICK) -> Search:
    return open_search(name, cache, pace)


@pytest.mark.parametrize("name", SOURCES)
def test_works_come_back_with_identifiers_authors_year_and_abstract(name: str, server: Literature, tmp_path: Path) -> None:
    found = search(name, tmp_path).find(IDEA)
    first = found.works[0]
    paper = next(paper for paper in server.papers if paper.title == first.title)
    assert first.id == f"arXiv:{paper.arxiv_number}"
    assert (first.authors, first.year, first.abstract) == (paper.authors, paper.year, paper.abstract)
    assert 10 <= len(found.works) <= 25
    assert "label noise" in first.title


def test_every_identifier_of_openalex_is_kept_the_most_useful_first(server: Literature, tmp_path: Path) -> None:
    server.papers = [
        Paper(1, "On label noise", arxiv=True, doi="10.1234/A.1"),
        Paper(2, "More label noise", arxiv=False, doi="10.1234/A.2"),
        Paper(3, "Still label noise", arxiv=False),
        Paper(4, "Again label noise", arxiv=False, doi="10.48550/arXiv.2404.00009"),
    ]
    ids = {work.title: work.ids for work in search("openalex", tmp_path).find(IDEA).works}
    assert ids == {
        "On label noise": ("arXiv:2405.00001", "doi:10.1234/a.1", "https://openalex.org/W4000001"),
        "More label noise": ("doi:10.1234/a.2", "https://openalex.org/W4000002"),
        "Still label noise": ("https://openalex.org/W4000003",),
        "Again label noise": ("arXiv:2404.00009", "https://openalex.org/W4000004"),
    }


@pytest.mark.parametrize("name", SOURCES)
def test_only_works_from_2023_on_are_asked_for(name: str, server: Literature, tmp_path: Path) -> None:
    server.papers = [Paper(1, "Old label noise", year=2022), Paper(2, "New label noise", year=2023)]
    assert [work.title for work in search(name, tmp_path).find(IDEA).works] == ["New label noise"]
    asked = server.asked[0]["filter" if name == "openalex" else "search_query"]
    assert ("from_publication_date:2023-01-01" if name == "openalex" else "submittedDate:[202301010000 TO") in asked


@pytest.mark.parametrize("name", SOURCES)
def test_a_narrow_query_that_brings_enough_is_the_only_one(name: str, server: Literature, tmp_path: Path) -> None:
    server.papers = [Paper(number, f"Label noise and vote relabeling {number}") for number in range(1, 41)]
    found = search(name, tmp_path).find(IDEA)
    assert len(server.asked) == 1
    assert len(found.works) == 25


@pytest.mark.parametrize("name", SOURCES)
def test_too_few_works_make_the_query_wider(name: str, server: Literature, tmp_path: Path) -> None:
    server.papers = [Paper(1, "Label noise by vote relabeling"), Paper(2, "Nothing but calibration"), Paper(3, "Snails")]
    found = search(name, tmp_path).find(IDEA)
    assert len(server.asked) == 3
    assert [work.title for work in found.works] == ["Label noise by vote relabeling", "Nothing but calibration"]


@pytest.mark.parametrize("name", SOURCES)
def test_the_raw_answer_that_held_a_work_is_kept_and_named(name: str, server: Literature, tmp_path: Path) -> None:
    found = search(name, tmp_path).find(IDEA)
    files = found.files()
    summary = json.loads(files["retrieved.json"])
    assert [work["ids"][0] for work in summary["works"]] == [work.id for work in found.works]
    for work in summary["works"]:
        for place in work["found_in"]:
            raw = json.loads(files[place])["answer"]
            text = raw if isinstance(raw, str) else json.dumps(raw)
            assert work["title"] in text
            assert work["ids"][0].removeprefix("arXiv:").removeprefix("doi:") in text


@pytest.mark.parametrize("name", SOURCES)
def test_the_same_idea_is_answered_from_the_cache(name: str, server: Literature, tmp_path: Path) -> None:
    first = search(name, tmp_path).find(IDEA)
    asked = len(server.asked)
    again = Search(search(name, tmp_path).source, tmp_path).find(IDEA)
    assert len(server.asked) == asked
    assert again.works == first.works
    assert [answer.cached for answer in again.answers] == [True] * len(first.answers)
    assert [(answer.raw, answer.asked) for answer in again.answers] == [(answer.raw, answer.asked) for answer in first.answers]


def test_another_place_or_another_year_is_another_answer(
    server: Literature, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search("openalex", tmp_path).find(IDEA)
    search("openalex", tmp_path).find(IDEA, since=2025)
    assert {given["filter"].split(",")[0] for given in server.asked} == {
        "from_publication_date:2023-01-01",
        "from_publication_date:2025-01-01",
    }
    with serving([]) as other:
        monkeypatch.setenv("MLRBENCH_OPENALEX_URL", other.openalex)
        assert search("openalex", tmp_path).find(IDEA).works == ()


def test_key_and_mail_address_go_into_headers_and_into_no_file(
    server: Literature, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENALEX_API_KEY", "very-secret")
    monkeypatch.setenv("OPENALEX_MAILTO", "someone@example.org")
    found = search("openalex", tmp_path).find(IDEA)
    assert server.headers[0]["Authorization"] == "Bearer very-secret"
    assert server.headers[0]["From"] == "someone@example.org"
    stored = b"".join([*found.files().values(), *(path.read_bytes() for path in tmp_path.rglob("*.json"))])
    assert b"very-secret" not in stored
    assert b"someone@example.org" not in stored


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("fault", ["503", "429 after 0", "hang up", "silence"])
def test_a_passing_fault_is_survived(name: str, fault: str, server: Literature, tmp_path: Path) -> None:
    server.faults = [fault, fault]
    assert search(name, tmp_path).find(IDEA).works
    assert len(server.asked) >= 3


@pytest.mark.parametrize("name", SOURCES)
def test_tries_are_bounded_and_the_error_names_the_way_out(name: str, server: Literature, tmp_path: Path) -> None:
    server.faults = ["503"] * 100
    with pytest.raises(InfrastructureError, match=r"answered 503, expected 200 .*--mlr-search=none"):
        search(name, tmp_path).find(IDEA)
    assert len(server.asked) == QUICK.tries


@pytest.mark.parametrize("name", SOURCES)
def test_a_silent_server_is_given_up(name: str, server: Literature, tmp_path: Path) -> None:
    server.faults = ["silence"] * 100
    with pytest.raises(InfrastructureError, match="timed out"):
        search(name, tmp_path).find(IDEA)
    assert len(server.asked) == QUICK.tries


@pytest.mark.parametrize("name", SOURCES)
def test_a_refusal_is_not_repeated(name: str, server: Literature, tmp_path: Path) -> None:
    server.faults = ["403"] * 100
    with pytest.raises(InfrastructureError, match="told to refuse"):
        search(name, tmp_path).find(IDEA)
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", ["401", "403", "429"])
def test_a_spent_allowance_of_openalex_names_the_key(status: str, server: Literature, tmp_path: Path) -> None:
    server.faults = [status] * 100
    with pytest.raises(InfrastructureError, match="OPENALEX_API_KEY"):
        search("openalex", tmp_path).find(IDEA)


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("fault", ["page", "odd"])
def test_an_answer_of_another_kind_is_an_error_and_is_not_kept(name: str, fault: str, server: Literature, tmp_path: Path) -> None:
    server.faults = [fault]
    with pytest.raises(InfrastructureError, match=f"MLRBENCH_{name.upper()}_URL"):
        search(name, tmp_path).find(IDEA)
    assert search(name, tmp_path).find(IDEA).works


@pytest.mark.parametrize("name", SOURCES)
def test_without_a_network_the_error_says_so_and_the_next_idea_does_not_wait(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as held:  # bound and not listening: connections are refused
        held.bind(("127.0.0.1", 0))
        monkeypatch.setenv(f"MLRBENCH_{name.upper()}_URL", f"http://127.0.0.1:{held.getsockname()[1]}")
        source = search(name, tmp_path)
        with pytest.raises(InfrastructureError, match=r"did not reach .* in 3 tries: .*refused.*--mlr-search=none"):
            source.find(IDEA)
        held.listen()
        # Somebody would answer now, but for a minute nobody is asked.
        with pytest.raises(InfrastructureError, match="did not reach"):
            source.find("# Another idea on calibration")


def test_requests_of_all_trials_keep_their_distance(server: Literature, tmp_path: Path) -> None:
    source = search("arxiv", tmp_path, Pace(interval=0.15, backoff=0.01))
    waiting = [source.submit(f"{IDEA}\n{number}") for number in range(3)]
    waiting += [source.submit(f"# Calibration {word}") for word in ("trees", "kernels")]
    for future in waiting:
        future.result()
    assert len(server.times) >= 4
    assert all(later - earlier >= 0.15 for earlier, later in pairwise(server.times))


def test_a_second_try_keeps_the_distance_too(server: Literature, tmp_path: Path) -> None:
    server.faults = ["503"]
    search("arxiv", tmp_path, Pace(interval=0.2, backoff=0.0)).find(IDEA)
    assert server.times[1] - server.times[0] >= 0.2


@pytest.mark.parametrize("name", SOURCES)
def test_a_body_cut_short_is_no_answer(name: str, server: Literature, tmp_path: Path) -> None:
    server.faults = ["cut"] * 100
    with pytest.raises(InfrastructureError, match="--mlr-search=none"):
        search(name, tmp_path).find(IDEA)
    assert not list(tmp_path.rglob("*.json"))


def test_an_unknown_source_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="valid: openalex, arxiv, none, or a model that searches"):
        open_search("scholar", tmp_path)
