"""benchmarks/tasks: the 201 briefs, their front matter, the index made of it and the published texts they speak of."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_mlrbench.errors import ConfigError
from pytest_mlrbench.results.reference import load_reference
from pytest_mlrbench.tasks.catalogue import CATEGORIES, VENUES, Task, build_index, folder, load_tasks, task_digest
from pytest_mlrbench.tasks.suites import CORE

PROJECT = Path(__file__).resolve().parents[2]
SHARED = PROJECT.parent / "shared"

TABLE_7 = {
    "iclr2025_bi_align": "Trustworthy AI",
    "iclr2025_buildingtrust": "Trustworthy AI",
    "iclr2025_data_problems": "Trustworthy AI",
    "iclr2025_dl4c": "LLM/VLM",
    "iclr2025_mldpr": "Trustworthy AI",
    "iclr2025_question": "LLM/VLM",
    "iclr2025_scope": "Trustworthy AI",
    "iclr2025_scsl": "Trustworthy AI",
    "iclr2025_verifai": "Trustworthy AI",
    "iclr2025_wsl": "ML Theory",
}

TWINS = (
    ("neurips2023_opt", "neurips2024_opt"),
    ("neurips2023_mlncp", "neurips2024_mlncp"),
    ("neurips2023_regml", "neurips2024_regml"),
    ("neurips2023_trl", "neurips2024_trl"),
    ("icml2023_ncw", "neurips2024_compression"),
    ("neurips2023_mathai", "neurips2024_math_ai"),
    ("neurips2023_want", "icml2024_want"),
    ("neurips2023_unireps", "neurips2024_unireps"),
    ("neurips2023_neurreps", "neurips2024_neurreps"),
    ("iclr2024_realign", "iclr2025_re_align"),
    ("iclr2024_gem", "iclr2025_gem"),
    ("iclr2024_mlgenx", "iclr2025_mlgenx"),
    ("iclr2024_dmlr", "icml2024_dmlr"),
    ("neurips2023_mlsys", "neurips2024_mlforsys"),
    ("icml2023_spigm", "icml2024_spigm"),
    ("neurips2023_m3l", "neurips2024_m3l"),
)
"""Tasks whose published texts share more than half of their runs of eight words; docs/tasks.md lists them."""


@pytest.fixture(scope="module")
def shared() -> Path:
    if not SHARED.is_dir():
        reason = f"the published texts are not at {SHARED}"
        if os.environ.get("CI") and os.environ.get("MLR_SHARED") != "none":
            pytest.fail(f"{reason}; set MLR_SHARED=none where they cannot be had")
        pytest.skip(reason)
    return SHARED


@cache
def front_matter() -> dict[str, dict[str, Any]]:
    """Id, from the file name -> parsed front matter."""
    return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8").split("---\n")[1]) for path in folder().glob("*.md")}


@cache
def briefs() -> dict[str, str]:
    return {name: task.with_text().brief for name, task in load_tasks().items()}


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9][a-z0-9'-]*", text.lower())


def runs(text: str, length: int) -> set[tuple[str, ...]]:
    """Every run of `length` consecutive words."""
    found = words(text)
    return {tuple(found[start : start + length]) for start in range(len(found) - length + 1)}


# -- front matter and index -----------------------------------------------------------------------------------------------


def test_every_brief_has_exactly_the_eight_keys_with_their_types() -> None:
    types = {
        "id": str,
        "title": str,
        "venue": str,
        "year": int,
        "category": str,
        "category_source": str,
        "topics": list,
        "sha256": str,
    }
    for name, front in front_matter().items():
        assert {key: type(value) for key, value in front.items()} == types, name
        assert front["id"] == name
        assert front["venue"] in VENUES, name
        assert front["category"] in CATEGORIES, name
        assert re.fullmatch(r"[0-9a-f]{64}", front["sha256"]), name


def test_an_id_starts_with_its_venue_and_year() -> None:
    for name, front in front_matter().items():
        assert name.startswith(f"{front['venue'].lower()}{front['year']}_"), name


def test_topics_are_four_to_eight_distinct_short_phrases() -> None:
    for name, front in front_matter().items():
        topics = front["topics"]
        assert 4 <= len(topics) <= 8, name
        assert all(isinstance(topic, str) and 1 <= len(topic.split()) <= 6 and topic == topic.strip() for topic in topics), name
        assert len({topic.lower() for topic in topics}) == len(topics), name


def test_the_index_is_what_the_briefs_say() -> None:
    assert json.loads((folder() / "index.json").read_text(encoding="utf-8")) == json.loads(json.dumps(build_index(folder())))


def test_there_are_201_tasks_with_distinct_published_texts_and_places() -> None:
    tasks = load_tasks()
    assert len(tasks) == 201
    assert len({(task.title, task.venue, task.year) for task in tasks.values()}) == 201
    assert len({task.sha256 for task in tasks.values()}) == 201


def test_venues_and_years_add_up_to_the_papers_totals() -> None:
    assert Counter((task.venue, task.year) for task in load_tasks().values()) == {
        ("NeurIPS", 2024): 50,
        ("NeurIPS", 2023): 41,
        ("ICLR", 2025): 37,
        ("ICML", 2024): 24,
        ("ICML", 2023): 18,
        ("ICLR", 2024): 17,
        ("ICLR", 2023): 14,
    }


# -- categories --------------------------------------------------------------------------------------------------------------


def test_categories_add_up_to_fig_2() -> None:
    assert Counter(task.category for task in load_tasks().values()) == load_reference().category_counts


def test_the_ten_tasks_of_table_7_carry_the_papers_category_and_no_other_claims_to() -> None:
    tasks = load_tasks().values()
    assert {task.id: task.category for task in tasks if task.category_source == "paper"} == TABLE_7
    assert {task.category_source for task in tasks} == {"paper", "assigned"}
    assert tuple(TABLE_7) == CORE


@pytest.mark.parametrize(("first", "second"), TWINS)
def test_editions_with_nearly_the_same_published_text_share_a_category(first: str, second: str) -> None:
    assert load_tasks()[first].category == load_tasks()[second].category


def test_the_borderline_cases_in_the_docs_name_the_category_that_the_task_has() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", (PROJECT / "docs" / "tasks.md").read_text("utf-8"), re.MULTILINE
    )
    assert len(rows) > 40
    for name, category, second, reason in rows:
        assert load_tasks()[name].category == category.strip(), name
        assert second.strip() in set(CATEGORIES) - {category.strip()}, name
        assert reason.strip(), name


# -- briefs ------------------------------------------------------------------------------------------------------------------


def test_every_brief_has_120_to_350_words() -> None:
    lengths = {name: len(brief.split()) for name, brief in briefs().items()}
    assert {name: length for name, length in lengths.items() if not 120 <= length <= 350} == {}


def test_no_brief_has_a_heading_or_a_markup_leftover() -> None:
    for name, brief in briefs().items():
        assert not re.search(r"^\s*(#|---|===|```|<)", brief, re.MULTILINE), name
        assert brief.isascii(), name


def test_every_brief_has_two_to_five_paragraphs_that_end_as_sentences() -> None:
    for name, brief in briefs().items():
        paragraphs = brief.split("\n\n")
        assert 2 <= len(paragraphs) <= 5, name
        assert all(paragraph.rstrip().endswith((".", "?", "!")) for paragraph in paragraphs), name


def test_no_two_briefs_share_eight_words_in_a_row() -> None:
    where: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, brief in briefs().items():
        for run in runs(brief, 8):
            where[run].append(name)
    assert {" ".join(run): names for run, names in where.items() if len(names) > 1} == {}


def test_no_sentence_opening_is_a_template() -> None:
    openings: Counter[str] = Counter()
    for brief in briefs().values():
        openings.update({" ".join(words(sentence)[:4]) for sentence in re.split(r"(?<=[.?!])\s+", brief)})
    assert {opening: number for opening, number in openings.items() if number > 5} == {}


def stems(text: str) -> set[str]:
    """The first five letters of each word that carries meaning, so that `generalize` stands for `generalization`."""
    return {word[:5] for word in re.findall(r"[a-z0-9]+", text.lower())} - {
        "and",
        "as",
        "for",
        "from",
        "in",
        "of",
        "on",
        "the",
        "to",
        "with",
    }


def test_a_brief_speaks_of_its_own_topics_and_could_not_serve_another_task() -> None:
    editions = {frozenset(pair) for pair in (*TWINS, ("neurips2023_ssltheorypractice", "neurips2024_ssl"))}
    topics = {name: stems(" ".join(task.topics)) for name, task in load_tasks().items()}
    for name, brief in briefs().items():
        said = stems(brief)
        assert len(said & topics[name]) >= 0.6 * len(topics[name]), (name, sorted(topics[name] - said))
        for other, wanted in topics.items():
            if other != name and frozenset((name, other)) not in editions:
                assert len(said & wanted) < 0.9 * len(wanted), f"the brief of {name} covers the topics of {other}"


# -- against the published texts ----------------------------------------------------------------------------------------------


@pytest.mark.shared
def test_the_catalogue_has_every_published_task_with_its_digest(shared: Path) -> None:
    published = {
        path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in (shared / "data" / "upstream" / "tasks").glob("*.md")
    }
    assert {name: task.sha256 for name, task in load_tasks().items()} == published


@pytest.mark.shared
def test_the_twins_are_the_pairs_whose_published_texts_are_mostly_the_same(shared: Path) -> None:
    texts = {path.stem: runs(path.read_text("utf-8"), 8) for path in (shared / "data" / "upstream" / "tasks").glob("*.md")}
    names = sorted(texts)
    found = {
        frozenset((first, second))
        for at, first in enumerate(names)
        for second in names[at + 1 :]
        if len(texts[first] & texts[second]) > 0.5 * min(len(texts[first]), len(texts[second]))
    }
    assert found == {frozenset(pair) for pair in TWINS}


@pytest.mark.shared
def test_the_briefs_are_in_our_own_words_and_cover_their_subject(shared: Path) -> None:
    done = subprocess.run(
        [sys.executable, shared / "tools" / "own_words.py", "tasks", PROJECT],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "201 passed, 0 failed"


@pytest.mark.shared
def test_a_published_text_can_take_the_place_of_a_brief(shared: Path) -> None:
    texts = shared / "data" / "upstream" / "tasks"
    for task in load_tasks().values():
        published = (texts / f"{task.id}.md").read_text(encoding="utf-8")
        assert task.with_text(str(texts)).brief == published.strip()


# -- reading texts ------------------------------------------------------------------------------------------------------------


def brief_file(directory: Path, name: str = "iclr2025_wsl", **changes: Any) -> Path:
    """A brief with front matter, `changes` made to it (None removes a key)."""
    front = {**front_matter()["iclr2025_wsl"], "id": name, **changes}
    path = directory / f"{name}.md"
    path.write_text(f"---\n{yaml.safe_dump({k: v for k, v in front.items() if v is not None})}---\nText.\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "changes", [{"id": "other"}, {"venue": "CVPR"}, {"category": "Robotics"}, {"title": None}, {"topics": None}, {"colour": "red"}]
)
def test_front_matter_that_is_wrong_is_refused_by_file_name(changes: dict[str, Any], tmp_path: Path) -> None:
    path = brief_file(tmp_path, **{key: value for key, value in changes.items() if key != "id"})
    if "id" in changes:
        path = path.rename(tmp_path / f"{changes['id']}.md")
    with pytest.raises(ConfigError, match=re.escape(str(path))):
        build_index(tmp_path)


def a_task() -> Task:
    return load_tasks()["iclr2025_wsl"]


def test_a_text_without_front_matter_is_used_whole(tmp_path: Path) -> None:
    (tmp_path / "iclr2025_wsl.md").write_text("# Heading\n\n---\n\nText\n", encoding="utf-8")
    assert a_task().with_text(str(tmp_path)).brief == "# Heading\n\n---\n\nText"


@pytest.mark.parametrize("content", [None, b"", b" \n", b"---\nid: x\n---\n\n", b"\xff\xfe"])
def test_a_task_without_readable_text_is_named_with_its_file(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "iclr2025_wsl.md"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=re.escape(str(path))):
        a_task().with_text(str(tmp_path))


def test_the_digest_changes_with_a_text_but_not_with_the_order() -> None:
    first, second = a_task().with_text(), load_tasks()["iclr2025_scsl"].with_text()
    assert task_digest([first, second]) == task_digest([second, first])
    assert task_digest([first, second]) != task_digest([a_task(), second])
    assert task_digest([first]) != task_digest([first, second])
