"""The literature stage: what each source leads to, what is kept beside related_work.md, and what later stages make of it."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from judging_worlds import TASK, ScriptedModels, chain

from pytest_mlrbench.agents.base import StageContext
from pytest_mlrbench.agents.mlr_agent import MLRAgent
from pytest_mlrbench.errors import InfrastructureError
from pytest_mlrbench.models.api import Request, Response
from pytest_mlrbench.search.trace import retrieved
from pytest_mlrbench.settings import Settings
from pytest_mlrbench.stages.stage import missing_outputs
from tests.support.literature_server import Literature, Paper, corpus, serving

IDEA = "# Vote relabeling against label noise\n\nLabel noise hurts. We apply vote relabeling to label noise.\n"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("OPENALEX_API_KEY", "OPENALEX_MAILTO", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Literature]:
    with serving(corpus()) as state:
        monkeypatch.setenv("MLRBENCH_OPENALEX_URL", state.openalex)
        yield state


def carry_out(stage: str, root: Path, models: ScriptedModels, *, related_work: str | None = None, **settings: Any) -> Path:
    """Run `stage` on a small chain whose idea is IDEA; its workspace."""
    inputs = chain(root / "chain")
    (inputs["idea"] / "idea.md").write_text(IDEA)
    if related_work is not None:
        (inputs["literature"] / "related_work.md").write_text(related_work)
    workspace = root / "w"
    workspace.mkdir()
    context = StageContext(
        task=TASK,
        epoch=1,
        seed=7,
        today=date(2026, 11, 23),
        inputs=inputs,
        models=models,
        model="openai/m",
        scope="iclr2025_demo/stage",
        settings=Settings(model="openai/m", run="run", **settings),
        deadline=time.time() + 60,
    )
    asyncio.run(MLRAgent().run(stage, workspace, context))
    return workspace


def read(workspace: Path, name: str) -> Any:
    return json.loads((workspace / "search" / name).read_text())


def test_a_source_is_searched_before_the_model_sums_up_what_came(server: Literature, tmp_path: Path) -> None:
    def sum_up(request: Request) -> str:
        assert server.asked, "the model was asked before the index"
        return f"## Related Papers\n1. **A** (arXiv:{server.papers[0].arxiv_number})\n"

    models = ScriptedModels([sum_up])
    workspace = carry_out("literature", tmp_path, models, search="openalex")
    prompt = models.prompt()
    assert models.asked[0].model == "openai/m"
    assert "carried out for you" in prompt
    assert "Label noise hurts" in prompt
    for work in read(workspace, "retrieved.json")["works"]:
        assert f"**{work['title']}** ({work['ids'][0]})" in prompt
    assert missing_outputs("literature", workspace) == []


def test_raw_answers_lie_beside_the_section(server: Literature, tmp_path: Path) -> None:
    workspace = carry_out("literature", tmp_path, ScriptedModels(["## Related Papers\n"]), search="openalex")
    works = read(workspace, "retrieved.json")["works"]
    assert len(works) >= 10
    for work in works:
        ids = [result["id"] for name in work["found_in"] for result in read(workspace, name)["answer"]["results"]]
        assert next(one for one in work["ids"] if one.startswith("https://openalex.org/")) in ids


def test_what_is_cited_without_having_been_retrieved_stays_and_is_named(server: Literature, tmp_path: Path) -> None:
    known = server.papers[1]
    text = f"""## Related Papers
1. **Known** (arXiv:{known.arxiv_number})
2. **Known by its other name** (doi:{known.doi})
3. **Invented** (arXiv:2401.99999)
4. **Invented too** (doi:10.9999/none)
"""
    workspace = carry_out("literature", tmp_path, ScriptedModels([text]), search="openalex")
    assert (workspace / "related_work.md").read_text() == text
    assert read(workspace, "cited.json") == {
        "cited": [f"arXiv:{known.arxiv_number}", f"doi:{known.doi}", "arXiv:2401.99999", "doi:10.9999/none"],
        "not_retrieved": ["arXiv:2401.99999", "doi:10.9999/none"],
    }


def test_a_search_that_returns_nothing_asks_no_model_and_says_so(server: Literature, tmp_path: Path) -> None:
    server.papers = [Paper(1, "Snails")]
    workspace = carry_out("literature", tmp_path, ScriptedModels([]), search="openalex")
    text = (workspace / "related_work.md").read_text()
    assert "returned no work from 2023 on" in text
    assert '`"label noise" AND' in text
    assert read(workspace, "1.json")["answer"]["results"] == []


def test_a_source_that_does_not_answer_is_the_worlds_fault_and_nothing_is_written(
    server: Literature, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.faults = ["403"]
    with pytest.raises(InfrastructureError, match="--mlr-search=none"):
        carry_out("literature", tmp_path, ScriptedModels([]), search="openalex")
    assert not (tmp_path / "w" / "related_work.md").exists()


def test_a_search_model_is_told_to_search_itself(tmp_path: Path) -> None:
    models = ScriptedModels(["## Related Papers\n1. **One** (https://example.org/one)\n2. **Two** (arXiv:2401.00001)\n"])
    workspace = carry_out("literature", tmp_path, models, search="openai/searcher")
    assert models.asked[0].model == "openai/searcher"
    assert "Search the web" in models.prompt()
    assert "carried out for you" not in models.prompt()
    assert "Label noise hurts" in models.prompt()
    assert read(workspace, "cited.json") == {"cited": ["https://example.org/one", "arXiv:2401.00001"], "not_retrieved": None}


def test_what_a_search_models_provider_says_it_read_is_kept_and_compared(tmp_path: Path) -> None:
    text = "1. **One** (https://example.org/one)\n2. **Two** (arXiv:2401.00001)\n3. **Three** (doi:10.1234/three)\n"
    read_by_it = [
        {"type": "url_citation", "url_citation": {"url": "https://example.org/one?utm_source=openai", "title": "One"}},
        {"type": "url_citation", "url_citation": {"url": "https://arxiv.org/abs/2401.00001v2", "title": "Two"}},
    ]
    response = Response(text=text, message={"role": "assistant", "content": text, "annotations": read_by_it})
    workspace = carry_out("literature", tmp_path, ScriptedModels([response]), search="openai/searcher")
    assert read(workspace, "model.json") == {"model": "openai/searcher", "annotations": read_by_it}
    assert read(workspace, "cited.json")["not_retrieved"] == ["doi:10.1234/three"]


def test_checks_can_ask_what_was_retrieved(server: Literature, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = carry_out("literature", tmp_path / "index", ScriptedModels(["1. **No** (arXiv:2401.99999)\n"]), search="openalex")
    ids = retrieved(found)
    assert ids == {one for work in read(found, "retrieved.json")["works"] for one in work["ids"]}
    assert "arXiv:2401.99999" not in ids
    message = {"annotations": [{"url_citation": {"url": "https://arxiv.org/abs/2401.00001v2"}}]}
    response = Response(text="text", message=message)
    assert retrieved(carry_out("literature", tmp_path / "model", ScriptedModels([response]), search="openai/s")) == {
        "arXiv:2401.00001"
    }
    silent = carry_out("literature", tmp_path / "silent", ScriptedModels(["text"]), search="openai/s")
    assert retrieved(silent) is None
    server.papers = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))
    nothing = carry_out("literature", tmp_path / "nothing", ScriptedModels([]), search="openalex")
    assert retrieved(nothing) == frozenset()


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"[]", b'{"works": 3}', b'{"works": [3, {"ids": 4}, {}]}'])
def test_a_folder_of_any_agent_is_read_without_trust(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "retrieved.json").write_bytes(content)
    assert retrieved(tmp_path) in (None, frozenset())


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text('{"works": [{"ids": ["doi:10.1234/x"]}]}')
    (tmp_path / "out" / "search").mkdir(parents=True)
    (tmp_path / "out" / "search" / "retrieved.json").symlink_to(tmp_path / "secret.json")
    assert retrieved(tmp_path / "out") is None


def test_without_a_search_no_model_is_asked_and_the_section_says_so(tmp_path: Path) -> None:
    workspace = carry_out("literature", tmp_path, ScriptedModels([]), search="none")
    assert "No literature search was made" in (workspace / "related_work.md").read_text()
    assert not (workspace / "search").exists()


@pytest.mark.parametrize(
    ("related_work", "cites"),
    [
        ("1. **One** (arXiv:2401.00001)\n", True),
        ("1. **One** (doi:10.1234/x)\n", True),
        ("1. **One** (https://openalex.org/W1)\n", True),
        ("1. **One** (https://example.org/one)\n", True),
        ("No literature search was made for this run.\n", False),
        ("1. **One**, by somebody, 2024\n", False),
    ],
)
@pytest.mark.parametrize("search", ["none", "openalex"])
@pytest.mark.parametrize("stage", ["proposal", "paper"])
def test_later_stages_cite_what_their_related_work_holds_whatever_this_run_searched(
    tmp_path: Path, stage: str, search: str, related_work: str, cites: bool
) -> None:
    models = ScriptedModels(["# Text\n"])
    carry_out(stage, tmp_path, models, related_work=related_work, search=search)
    told = "No literature search was made" if stage == "proposal" else "that no literature search was made"
    assert (told in models.prompt().partition("</literature>")[2]) is not cites
    assert ("Do not cite from memory" in models.prompt()) is cites


def test_the_sections_written_without_a_model_lead_to_no_citation(tmp_path: Path, server: Literature) -> None:
    server.papers = []
    for number, search in enumerate(("none", "openalex")):
        root = tmp_path / str(number)
        text = (carry_out("literature", root, ScriptedModels([]), search=search) / "related_work.md").read_text()
        models = ScriptedModels(["# Plan\n"])
        carry_out("proposal", root / "next", models, related_work=text, search="openalex")
        assert "Give no citations" in models.prompt()
