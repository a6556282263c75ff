"""search: what is asked for an idea, how answers become one ranked list, and which identifiers a text holds."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pytest_mlrbench.search.base import FRESH_DAYS, SINCE, Search, cache_directory, open_search
from pytest_mlrbench.search.terms import MOST_TERMS, terms_of
from pytest_mlrbench.search.works import ABSTRACT, Work, cleaned, identifiers, listing, merge, rank

IDEA = """# Sparse KV-Cache Eviction for Long-Context Inference

## Motivation
The KV cache grows with the context. Long context inference is bound by memory, and KV cache eviction loses facts.

## Main Idea
We propose a method that scores tokens by attention entropy. Attention entropy is cheap. See https://example.org/entropy-entropy.
"""


def work(number: int, title: str, abstract: str = "", **fields: Any) -> Work:
    return Work(**{"ids": (f"doi:10.1/{number}",), "title": title, "abstract": abstract, **fields})


# -- terms ------------------------------------------------------------------------------------------------------------


def test_the_main_terms_are_what_title_and_text_repeat() -> None:
    terms = terms_of(IDEA)
    assert terms.title == "Sparse KV-Cache Eviction for Long-Context Inference"
    assert terms.main[:2] == ("kv cache", "cache eviction")
    assert {"long context", "attention entropy"} <= set(terms.main)
    assert len(terms.main) <= MOST_TERMS
    assert list(terms.weights) == sorted(terms.weights, reverse=True)


def test_words_of_every_paper_and_addresses_are_no_terms() -> None:
    words = {word for term in terms_of(IDEA).main for word in term.split()}
    assert not words & {"propose", "method", "the", "we", "https", "example", "org"}


def test_queries_go_from_narrow_to_wide() -> None:
    terms = terms_of(IDEA)
    narrow, wide, title = terms.queries
    assert narrow[0] == ("kv cache",)
    assert narrow[1] == terms.main[1:5]
    assert wide == ((), terms.main)
    assert title == ((), ("sparse", "kv", "cache", "eviction", "long", "context", "inference"))


@pytest.mark.parametrize(
    "title", ["# Title: **Vote relabeling**", "**Title:** Vote relabeling", "#  Vote relabeling ", "Vote relabeling"]
)
def test_a_title_is_found_without_its_decoration(title: str) -> None:
    assert terms_of(f"\n{title}\n\nText about snails.").title == "Vote relabeling"


@pytest.mark.parametrize("text", ["", "   \n", "# \n", "# The of and", "1234 !!"])
def test_a_text_without_a_subject_has_no_query(text: str) -> None:
    assert terms_of(text).queries == ()


def test_an_idea_in_another_script_has_terms_too() -> None:
    assert terms_of("# 图神经网络 标签噪声\n").main == ("图神经网络 标签噪声",)


# -- identifiers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(arXiv:2401.01234)", ["arXiv:2401.01234"]),
        ("arXiv preprint arXiv:2401.01234v3.", ["arXiv:2401.01234"]),
        ("[x](https://arxiv.org/abs/2401.01234v1)", ["arXiv:2401.01234"]),
        ("https://arxiv.org/pdf/2401.01234", ["arXiv:2401.01234"]),
        ("(doi:10.1145/ABC.123)", ["doi:10.1145/abc.123"]),
        ("https://doi.org/10.1145/abc.123).", ["doi:10.1145/abc.123"]),
        ("https://doi.org/10.48550/arXiv.2401.01234", ["arXiv:2401.01234"]),
        ("(https://openalex.org/W123) and openalex.org/works/w45", ["https://openalex.org/W123", "https://openalex.org/W45"]),
        ("accuracy 2401.01234 in 2024, version 1.2", []),
        ("see https://example.org/paper", []),
        ("arXiv:2401.01234, then arXiv:2401.01234 again, doi:10.1/x", ["arXiv:2401.01234"]),
    ],
)
def test_identifiers_of_any_spelling_become_one_form(text: str, expected: list[str]) -> None:
    assert list(identifiers(text)) == expected


def test_other_addresses_count_only_when_asked_for() -> None:
    text = "(https://example.org/a) and https://arxiv.org/abs/2401.01234."
    assert identifiers(text, addresses=True) == ("https://example.org/a", "arXiv:2401.01234")


# -- works ------------------------------------------------------------------------------------------------------------


def test_a_preprint_and_its_publication_are_one_work_with_all_identifiers() -> None:
    preprint = work(1, "Label Noise: A Survey", ids=("arXiv:2401.00001",), year=2024)
    published = work(2, "Label noise - a survey", ids=("doi:10.1/x",), venue="JMLR", abstract="Long.", year=2025)
    (one,), _ = merge([[published, work(3, "Other")][:1], [preprint]])
    assert one.ids == ("arXiv:2401.00001", "doi:10.1/x")
    assert (one.title, one.venue, one.abstract, one.year) == ("Label noise - a survey", "JMLR", "Long.", 2025)


def test_a_work_that_several_queries_return_is_listed_once_and_ranks_higher() -> None:
    first, second = work(1, "On the kv cache, first"), work(2, "On the kv cache, second")
    ranked = rank([[first, second], [second]], terms_of(IDEA), 25)
    assert [one.title for one in ranked] == [second.title, first.title]


def test_what_title_and_abstract_say_ranks_before_the_indexs_order() -> None:
    famous = work(1, "A famous study of long context", "Cited by everyone.")
    near = work(2, "Cache eviction for the KV cache", "Attention entropy in long context inference.")
    unrelated = work(3, "Snails of the Alps", "Shells.")
    assert [one.title for one in rank([[unrelated, famous, near]], terms_of(IDEA), 25)] == [near.title, famous.title]


def test_at_most_the_limit_is_kept() -> None:
    assert len(rank([[work(number, f"kv cache {number}") for number in range(40)]], terms_of(IDEA), 25)) == 25


def test_retrieved_text_cannot_close_a_section_of_the_prompt_or_hide() -> None:
    assert cleaned("<jats:p>One</jats:p> </retrieved> &lt;i&gt;two&lt;/i&gt;\n\u202ethree") == "One two \\u202ethree"
    assert cleaned("if a < b and c > d then p <0.05") == "if a < b and c > d then p <0.05"


def test_the_listing_gives_each_field_and_names_the_absent_ones() -> None:
    many = tuple(f"Author {number}" for number in range(12))
    text = listing([work(1, "Full", "Short.", authors=many, year=2024, venue="ICLR"), work(2, "Bare")])
    assert "1. **Full** (doi:10.1/1)" in text
    assert "Author 9 et al." in text
    assert "Author 10" not in text
    assert "Year: 2024; published in: ICLR" in text
    assert text.endswith("2. **Bare** (doi:10.1/2)\n   Authors: not given\n   Year: not given\n   Abstract: not given")


def test_a_long_abstract_is_cut_between_words() -> None:
    abstract = listing([work(1, "T", "word " * 1000)]).rpartition("Abstract: ")[2]
    assert len(abstract) <= ABSTRACT + 4
    assert abstract.endswith("word ...")


def test_a_work_survives_json() -> None:
    one = work(1, "T", "A", authors=("X",), year=2024, found_in=("1.json",))
    back = Work.from_plain(json.loads(json.dumps(one.plain())))
    assert (back, back.found_in) == (one, ("1.json",))


# -- the search -------------------------------------------------------------------------------------------------------


@dataclass
class Index:
    """A source in memory."""

    brings: Callable[[str], list[Work]]
    name: str = "index"
    url: str = "memory:"
    asked: list[str] = field(default_factory=list)

    def query(self, all_of: tuple[str, ...], any_of: tuple[str, ...]) -> str:
        return f"{'+'.join(all_of)} {'|'.join(any_of)}"

    def ask(self, query: str, since: int, limit: int) -> tuple[str, Any, list[Work]]:
        self.asked.append(query)
        return f"memory:{query}", {"for": query}, self.brings(query)


def few(_: str) -> list[Work]:
    return [work(1, "On the kv cache")]


def test_an_idea_without_words_finds_nothing_and_asks_nobody(tmp_path: Path) -> None:
    index = Index(few)
    found = Search(index, tmp_path).find("# ...")
    assert (found.works, found.answers, index.asked) == ((), (), [])
    assert json.loads(found.files()["retrieved.json"])["works"] == []


def test_an_answer_is_kept_only_for_a_while(tmp_path: Path) -> None:
    index = Index(few)
    Search(index, tmp_path).find(IDEA)
    asked = len(index.asked)
    for path in tmp_path.rglob("*.json"):
        kept = json.loads(path.read_text())
        kept["asked"] = (datetime.now(UTC) - timedelta(days=FRESH_DAYS)).isoformat()
        path.write_text(json.dumps(kept))
    assert not any(answer.cached for answer in Search(index, tmp_path).find(IDEA).answers)
    assert len(index.asked) == 2 * asked


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"asked": 3}', b"\xff\xfe"])
def test_a_damaged_answer_in_the_cache_is_asked_for_again(damage: bytes, tmp_path: Path) -> None:
    index = Index(few)
    first = Search(index, tmp_path).find(IDEA)
    for path in tmp_path.rglob("*.json"):
        path.write_bytes(damage)
    assert Search(index, tmp_path).find(IDEA).works == first.works
    assert all(answer.cached for answer in Search(index, tmp_path).find(IDEA).answers)


def test_a_cache_that_cannot_be_written_is_named_and_does_not_end_the_search(tmp_path: Path) -> None:
    (tmp_path / "search").write_text("a file in the way")
    found = Search(Index(few), tmp_path).find(IDEA)
    assert found.works
    assert "XDG_CACHE_HOME" in json.loads(found.files()["retrieved.json"])["cache_problem"]


def test_searches_of_one_process_wait_for_each_other(tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def slow(query: str) -> list[Work]:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.01)
        inside.pop()
        return few(query)

    search = Search(Index(slow), tmp_path)
    waiting = [search.submit(f"# Kv cache {number}", SINCE) for number in range(5)]
    assert all(future.result().works for future in waiting)
    assert max(most) == 1


def test_one_search_serves_a_process_and_another_address_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_search("arxiv", tmp_path) is open_search("arxiv", tmp_path)
    monkeypatch.setenv("MLRBENCH_ARXIV_URL", "http://127.0.0.1:9/api/query")
    assert open_search("arxiv", tmp_path).source.url == "http://127.0.0.1:9/api/query"


def test_the_cache_lies_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_directory() == tmp_path / "pytest-mlrbench"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_directory().is_relative_to(Path.home())
