"""A user's run that searches an index: the section rests on what came, a source that fails is an ERROR, a resumed run asks anew."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.results.store import RunStore
from pytest_mlrbench.search.works import identifiers
from tests.support.literature_server import Literature, corpus, serving
from tests.support.scripted_server import ScriptedServer
from tests.support.sessions import MODEL, run

ARGUMENTS = (
    *MODEL,
    "--mlr-task=iclr2025_wsl",
    "--mlr-stage=proposal",
    "--mlr-run=run",
    "--mlr-report=none",
    "-p",
    "no:cacheprovider",
)
LITERATURE = TrialKey("iclr2025_wsl", "literature")


@pytest.fixture
def index() -> Iterator[Literature]:
    with serving(corpus(subject="ridge regression")) as state:
        yield state


def environment(index: Literature, folder: Path) -> dict[str, str]:
    """OPENALEX_API_KEY goes to the loopback server, to see where else it turns up."""
    return {
        "MLRBENCH_OPENALEX_URL": index.openalex,
        "XDG_CACHE_HOME": str(folder / "cache"),
        "OPENALEX_API_KEY": "canary-8d1f",
        "NO_PROXY": "127.0.0.1",
    }


def test_a_run_cites_what_the_index_returned_and_keeps_the_answers(index: Literature, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        code, output = run(tmp_path, *ARGUMENTS, "--mlr-search=openalex", server=server, env=environment(index, tmp_path))
    assert code == 0, output
    assert index.headers[0]["Authorization"] == "Bearer canary-8d1f"
    folder = RunStore(tmp_path / "run").output(LITERATURE)
    cited = identifiers((folder / "related_work.md").read_text())
    returned = {
        result["id"]: result
        for path in folder.glob("search/[0-9].json")
        for result in json.loads(path.read_text())["answer"]["results"]
    }
    works = {one: work for work in json.loads((folder / "search/retrieved.json").read_text())["works"] for one in work["ids"]}
    assert len(cited) >= 10
    for one in cited:
        own = next(name for name in works[one]["ids"] if name in returned)
        assert returned[own]["title"] == works[one]["title"]
    assert json.loads((folder / "search/cited.json").read_text())["not_retrieved"] == []
    leaked = [path for path in tmp_path.rglob("*") if path.is_file() and b"canary-8d1f" in path.read_bytes()]
    assert leaked == []


def test_a_source_that_fails_is_an_error_and_the_next_run_asks_again(index: Literature, tmp_path: Path) -> None:
    index.faults = ["403"]
    arguments = (*ARGUMENTS, "--mlr-search=openalex")
    with ScriptedServer() as server:
        code, output = run(tmp_path, *arguments, server=server, env=environment(index, tmp_path))
        assert code == 7, output
        assert "OPENALEX_API_KEY" in output
        assert "--mlr-search=none" in output
        code, output = run(tmp_path, *arguments, server=server, env=environment(index, tmp_path))
        assert code == 0, output
        # The idea of the first run was kept: only what was missing is asked for.
        assert server.stats()["calls"]["m"]["idea"] == 1
