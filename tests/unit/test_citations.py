"""The check `citations`: lists of many styles are read, and what cannot be, is not listed or was never found is named."""

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_mlrbench.audits import Finding
from pytest_mlrbench.evidence.checks import Case, subject_of_folder
from pytest_mlrbench.evidence.checks.citations import CHECK
from pytest_mlrbench.evidence.checks.citations_ids import id_problem
from pytest_mlrbench.evidence.checks.references import references_of

TODAY = date(2026, 11, 23)

STYLES = {
    "numbered brackets": "[1] A. Lovelace and G. Hopper. Engines that weave numbers. In Proc. of Things, 2023.",
    "quoted": '[1] A. Lovelace et al., "Engines that weave numbers," arXiv:2301.01234, 2023.',
    "curly quotes": "[1] Ada Lovelace, Grace Hopper. “Engines that weave numbers.” arXiv:2301.01234, 2023.",
    "numbered dots": "1. Lovelace, A., & Hopper, G. (2023). Engines that weave numbers. *Journal of Things*, 3(2), 1-9.",
    "italic": "1.  Lovelace, A., & Hopper, G. (2023). *Engines that weave numbers*. arXiv:2301.01234.",
    "bullet": "- Lovelace, A., & Hopper, G. (2023). Engines that weave numbers. arXiv:2301.01234.",
    "round bullet": "• Lovelace, A., & Hopper, G. (2023). Engines that weave numbers. Journal of Things.",
    "paragraph": "Lovelace, A., & Hopper, G. (2023). Engines that weave numbers. Journal of Things.",
    "harvard": "Lovelace, A. and Hopper, G., 2023. Engines that weave numbers. Journal of Things.",
    "springer": "1. Lovelace, A., Hopper, G.: Engines that weave numbers. arXiv:2301.01234 (2023)",
    "medical": "1. Lovelace A., Hopper G. Engines that weave numbers. arXiv:2301.01234 (2023)",
    "author-year key": "[Lovelace and Hopper, 2023] A. Lovelace and G. Hopper. Engines that weave numbers. Things, 2023.",
    "pandoc key": "[@lovelace2023]: Lovelace, A., & Hopper, G. (2023). Engines that weave numbers. Journal of Things.",
    "footnote": "[^1]: Lovelace, A., & Hopper, G. (2023). Engines that weave numbers. Journal of Things.",
    "bibitem": "\\bibitem{lovelace2023} A. Lovelace and G. Hopper. Engines that weave numbers. Things, 2023.",
    "link": "1. Lovelace, A. (2023). [Engines that weave numbers](https://example.org/x).",
    "bibtex": "@article{lovelace2023,\n  title={{Engines} that weave numbers},\n"
    "  author={Lovelace, Ada and Hopper, Grace},\n  year={2023}\n}",
    "wrapped": "[1] A. Lovelace and G. Hopper.\n    Engines that weave numbers.\n    In Proc. of Things, 2023.",
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("heading", ["## References", "**References**", "# 8. Bibliography", "References"])
def test_a_reference_is_read_in_every_style(style: str, heading: str) -> None:
    text = f"# Paper\n\nSome text.\n\n{heading}\n\n{STYLES[style]}\n\n## Appendix\n\nMore text of 2020.\n"
    found = references_of(text, "paper.md")
    assert len(found.entries) == 1
    entry = found.entries[0]
    assert (entry.title.lower(), entry.year) == ("engines that weave numbers", 2023)
    assert {"lovelace", "hopper"} <= entry.surnames or "et al" in entry.text or style == "link"
    assert entry.text.split()[-1] in text
    assert text.splitlines()[entry.line - 1].strip()


def test_a_text_without_a_list_has_no_entries() -> None:
    assert references_of("# Paper\n\nReferences to numbers matter here.\n\nThe end.\n", "p").entries == ()


def findings(folder: Path, text: str, **parts: str) -> list[Finding]:
    """What the check says of paper.md with other files beside it (names with `__` for `/` and `_dot_` for `.`)."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "paper.md").write_text(text)
    for name, content in parts.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return CHECK.run(Case(subject_of_folder(folder, today=TODAY))).findings


def told(found: list[Finding]) -> list[tuple[str, str]]:
    return [(one.severity, one.message) for one in found]


HOPPER = "Hopper, G. (2022). Compilers for people. arXiv:2201.00002."
LOVELACE = "Lovelace, A., & Hopper, G. (2023). Engines that weave numbers. arXiv:2301.00001."


@pytest.mark.parametrize(
    "sentence",
    [
        "As known (Lovelace & Hopper, 2023; Hopper, 2022).",
        "Lovelace and Hopper (2023) and Hopper (2022) showed it.",
        "As known [Lovelace et al., 2023], see (see Hopper, 2022, p. 3).",
        "Published in 2022 (Hopper, 2021) and (e.g., Lovelace et al., 2024a).",  # preprint and publication
        "In spring (March 2024) at the workshop (NeurIPS 2023) on GPUs (Version 2021).",
    ],
)
def test_authors_with_years_that_are_listed_are_no_finding(tmp_path: Path, sentence: str) -> None:
    found = findings(tmp_path, f"{sentence}\n\n## References\n\n{LOVELACE}\n\n{HOPPER}\n")
    assert [one for one in found if one.severity != "info"] == []


def test_authors_with_years_that_are_not_listed_are_named(tmp_path: Path) -> None:
    cited = "As Babbage et al. (2024) and (Lovelace & Hopper, 2023; Turing, 1950; Hopper, 2011) say."
    text = f"{cited}\n\n## References\n\n{LOVELACE}\n\n{HOPPER}\n"
    found = told(findings(tmp_path, text))
    assert [severity for severity, _ in found] == ["warn", "warn", "warn"]
    assert "Babbage et al. (2024" in found[0][1]
    assert "(Turing, 1950) is cited, but no listed reference is by this author" in found[1][1]
    assert "only with" in found[2][1]


def test_what_nobody_cites_is_an_info(tmp_path: Path) -> None:
    text = f"As (Lovelace & Hopper, 2023) say.\n\n## References\n\n{LOVELACE}\n\nTuring, A. (1950). Computing machinery. Mind.\n"
    found = told(findings(tmp_path, text))
    assert [severity for severity, _ in found] == ["info"]
    assert "Turing, A." in found[0][1]


def test_keys_are_compared_with_those_of_a_bib_file_or_block(tmp_path: Path) -> None:
    bib = "@article{lovelace2023,\n title={Engines that weave numbers},\n author={Lovelace, Ada}, year=2023\n}\n"
    text = "As \\citep{lovelace2023, turing1950} and [@lovelace2023; see @hopper2022] say; mail me@example.org.\n"
    found = told(findings(tmp_path / "file", text, references_dot_bib=bib))
    assert [message.split()[0] for _, message in found] == ["turing1950", "hopper2022"]
    block = findings(tmp_path / "block", f"{text}\n## References\n\n```bibtex\n{bib}```\n")
    assert [one.message.split()[0] for one in block if one.severity == "warn"] == ["turing1950", "hopper2022"]


@pytest.mark.parametrize(
    ("entry", "severity", "said"),
    [
        ("Turing, A. (2031). Machines of the future. Mind.", "warn", "lies in the future"),
        ("Author names not available. (2023). Machines of the past. Mind.", "warn", "placeholder"),
        ("Turing, A. (2025). Machines of the past. arXiv:2505.xxxxx.", "warn", "placeholder"),
        ("Turing, A. (2023). Machines of the past. arXiv:2303.67890.", "fail", "fewer than 28,000 papers in Mar 2023"),
        ("Turing, A. (2023). Machines of the past. arXiv:2313.01234.", "fail", "no month 13"),
        ("Turing, A. (2023). Machines of the past. doi:11.1/x", "warn", "is no DOI"),
    ],
)
def test_what_cannot_be(tmp_path: Path, entry: str, severity: str, said: str) -> None:
    found = told(findings(tmp_path, f"Text [1].\n\n## References\n\n[1] {entry}\n"))
    assert any(one == severity and said in message for one, message in found), found


@pytest.mark.parametrize(
    "arxiv_id", ["1910.14806", "2211.17263", "2310.20711", "2410.24224", "2510.27688", "0704.0001", "1412.9999"]
)
def test_the_last_papers_of_busy_months_can_exist(arxiv_id: str) -> None:
    assert id_problem(arxiv_id, TODAY) == ""


def test_a_title_that_speaks_of_placeholders_is_none(tmp_path: Path) -> None:
    text = "Text [1].\n\n## References\n\n[1] Turing, A. (2023). Placeholder tokens in language models. Mind.\n"
    assert findings(tmp_path, text) == []


def test_one_id_cannot_be_two_papers_by_other_people(tmp_path: Path) -> None:
    other = "Turing, A. (2023). Machinery of thought and mind. arXiv:2301.00001."
    (found,) = (
        one for one in findings(tmp_path, f"[1, 2]\n\n## References\n\n[1] {LOVELACE}\n[2] {other}\n") if one.severity == "fail"
    )
    assert "cannot be both" in found.message
    assert [quote.line for quote in found.evidence] == [5, 6]


def test_a_renamed_paper_by_the_same_people_is_no_fail(tmp_path: Path) -> None:
    other = "Lovelace, A. (2023). Machinery of thought and mind. arXiv:2301.00001."
    found = findings(tmp_path, f"[1, 2]\n\n## References\n\n[1] {LOVELACE}\n[2] {other}\n")
    assert [one for one in found if one.severity == "fail"] == []


def test_an_entry_that_names_another_work_too_is_no_fail(tmp_path: Path) -> None:
    other = "Turing, A. (2023). Machinery of thought and mind. arXiv:2302.00002; extends arXiv:2301.00001."
    found = findings(tmp_path, f"[1, 2]\n\n## References\n\n[1] {LOVELACE}\n[2] {other}\n")
    assert [one for one in found if one.severity == "fail"] == []


def test_a_remark_in_place_of_a_list_is_no_reference(tmp_path: Path) -> None:
    text = "Text.\n\n## References\n\nNone: nothing is cited, because no search was made.\n"
    assert findings(tmp_path, text, related_work_dot_md=RELATED) == []


def test_one_title_with_two_years_is_a_warning(tmp_path: Path) -> None:
    twice = LOVELACE.replace("2023", "2019").replace(" arXiv:2301.00001.", "")
    found = told(findings(tmp_path, f"[1, 2]\n\n## References\n\n[1] {LOVELACE}\n[2] {twice}\n"))
    assert [severity for severity, _ in found] == ["warn"]
    assert "2019, 2023" in found[0][1]


def test_numbers_typed_upwards_are_a_warning(tmp_path: Path) -> None:
    entries = "\n".join(
        f"[{i}] {name}, A. (2024). A study of {name}s in the wild. arXiv:240{i}.{serial}."
        for i, (name, serial) in enumerate((("Owl", "12345"), ("Fox", "23456"), ("Elk", "01234")), 1)
    )
    assert any("count up" in message for _, message in told(findings(tmp_path, f"[1-3]\n\n## References\n\n{entries}\n")))


# Against what the literature stage found.

RELATED = """\
# Related work

1. **Title**: Engines that weave numbers (arXiv:2301.00001)
   - **Authors**: Ada Lovelace, Grace Hopper
   - **Year**: 2023

2. **Title**: Compilers for people who never asked: a study
   - **Authors**: Grace Hopper
"""


def retrieved_work(number: str, title: str, authors: list[str]) -> dict[str, object]:
    ids = [f"arXiv:{number}", "doi:10.1234/x.1"]
    return {"ids": ids, "title": title, "authors": authors, "year": 2023, "venue": "", "abstract": "", "found_in": ["1.json"]}


@pytest.mark.parametrize(
    "entry",
    [
        LOVELACE,
        "Lovelace, A. (2023). Engines that weave numbers. Journal of Things.",  # by its title
        "Lovelace, A. (2023). ENGINES that weave numbers! Journal of Things.",
        "A. Lovelace. Another name for it. arXiv:2301.00001, 2023.",  # by its id
        "Hopper, G. (2022). Compilers for people who never asked. Journal of Things.",  # without its subtitle
    ],
)
def test_what_the_section_names_was_retrieved(tmp_path: Path, entry: str) -> None:
    assert findings(tmp_path, f"Text [1].\n\n## References\n\n[1] {entry}\n", related_work_dot_md=RELATED) == []


@pytest.mark.parametrize("style", ["quoted", "numbered dots", "harvard", "springer", "link", "bibtex", "pandoc key"])
def test_an_invented_reference_is_a_warning_in_every_style(tmp_path: Path, style: str) -> None:
    invented = (
        STYLES[style]
        .replace("weave numbers", "dream of electric looms")
        .replace("2301.01234", "2302.04567")
        .replace("Engines", "Sheep")
    )
    found = findings(tmp_path, f"Text.\n\n## References\n\n{invented}\n", related_work_dot_md=RELATED)
    assert [one.severity for one in found if "not retrieved" in one.message] == ["warn"]


def test_all_invented_references_of_a_paper_are_one_warning_that_names_them(tmp_path: Path) -> None:
    lines = [
        f"[{i}] Ada Lovelace. Looms number {name} in electric dreams. 2023." for i, name in enumerate(("one", "two", "three"), 1)
    ]
    found = findings(tmp_path, "Text.\n\n## References\n\n" + "\n\n".join(lines) + "\n", related_work_dot_md=RELATED)
    (one,) = [one for one in found if "not retrieved" in one.message]
    assert one.message.startswith("3 of 3 references")
    assert all(f"Looms number {name}" in one.message for name in ("one", "two", "three"))
    assert [quote.line for quote in one.evidence] == [5, 7, 9]


def test_a_work_of_a_raw_answer_was_retrieved_too(tmp_path: Path) -> None:
    answer = {"answer": {"results": [{"title": "Looms &amp; their\n dreams of wool", "doi": "https://doi.org/10.5555/LOOM"}]}}
    feed = {
        "answer": "<feed><entry><id>http://arxiv.org/abs/2303.00003v1</id><title>Wool\n  and its counting</title></entry></feed>"
    }
    entries = (
        "[1] Owl, A. (2023). Looms & their dreams of wool. Mind.\n[2] Fox, B. (2023). Another title of it. doi:10.5555/loom\n"
        "[3] Elk, C. (2023). Wool and its counting. Mind.\n"
    )
    parts = {"related_work_dot_md": RELATED, "search__1_dot_json": json.dumps(answer), "search__2_dot_json": json.dumps(feed)}
    assert findings(tmp_path, f"[1-3]\n\n## References\n\n{entries}", **parts) == []


def test_an_id_under_which_the_index_has_another_paper_fails_with_both_titles(tmp_path: Path) -> None:
    works = {"works": [retrieved_work("2302.00002", "Sheep in electric dreams", ["Philip Dick", "Ada Lovelace"])]}
    parts = {"related_work_dot_md": RELATED, "search__retrieved_dot_json": json.dumps(works)}
    text = "Text [1].\n\n## References\n\n[1] Turing, A. (2023). Machinery of thought and mind. arXiv:2302.00002.\n"
    (found,) = findings(tmp_path / "wrong", text, **parts)
    assert found.severity == "fail"
    assert "Machinery of thought and mind" in found.message
    assert "Sheep in electric dreams" in found.message
    assert [quote.file for quote in found.evidence] == ["paper.md", "search/retrieved.json"]
    # A paper may be renamed: the same authors make it the same work.
    assert findings(tmp_path / "renamed", text.replace("Turing, A.", "Lovelace, A."), **parts) == []


def test_without_a_literature_stage_nothing_is_said_of_retrieval(tmp_path: Path) -> None:
    assert findings(tmp_path, f"Text [1].\n\n## References\n\n[1] {LOVELACE}\n") == []
    nothing = "# Related work\n\nNo search was made.\n"
    assert findings(tmp_path, f"Text [1].\n\n## References\n\n[1] {LOVELACE}\n", related_work_dot_md=nothing) == []


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="[]()@{}.,;:&\\\"'*_#-–“”1290 aAé\n", max_size=400))
def test_no_text_crashes_the_reader(text: str) -> None:
    for entry in references_of(f"x\n\n## References\n\n{text}", "p").entries:
        assert isinstance((entry.title, entry.year, entry.surnames, entry.ids), tuple)


@pytest.mark.parametrize(
    "piece", ["A", "A ", "A. ", "Ab C., ", "[1] ", "(", "[", "@a{", "@a{b,", "et al. ", "2023 ", '"', "*", "A, "]
)
def test_hostile_lists_are_read_in_bounded_time(tmp_path: Path, piece: str) -> None:
    """A catastrophic expression would never end here."""
    junk = piece * (12_000 // len(piece))
    findings(tmp_path, f"{junk}\n\n## References\n\n[1] {junk}\n{junk}\n", related_work_dot_md=RELATED + junk)
