"""Which literature source a run uses when its user named none."""

from pytest_mlrbench.engine.service import settle_search
from pytest_mlrbench.results.store import RunStore
from pytest_mlrbench.settings import Settings
from tests.support.scripted_server import ScriptedServer

NOWHERE = "http://127.0.0.1:9"


def chosen(run, search="auto") -> Settings:
    return Settings(model="openai/m", run=str(run), search=search)


def test_openalex_where_it_answers(tmp_path, monkeypatch):
    with ScriptedServer() as server:
        monkeypatch.setenv("MLRBENCH_OPENALEX_URL", server.url)
        assert settle_search(chosen(tmp_path)) == (chosen(tmp_path, "openalex"), None)


def test_none_with_a_warning_where_it_does_not(tmp_path, monkeypatch):
    monkeypatch.setenv("MLRBENCH_OPENALEX_URL", NOWHERE)
    settings, warning = settle_search(chosen(tmp_path))
    assert settings.search == "none"
    assert NOWHERE in warning
    assert "--mlr-search=NAME insists" in warning


def test_a_named_source_is_not_asked_about(tmp_path, monkeypatch):
    monkeypatch.setenv("MLRBENCH_OPENALEX_URL", NOWHERE)
    assert settle_search(chosen(tmp_path, "openalex")) == (chosen(tmp_path, "openalex"), None)


def test_a_resumed_run_keeps_what_it_began_with(tmp_path, monkeypatch):
    RunStore(tmp_path).write_run({"settings": chosen(tmp_path, "none").model_dump(mode="json")})
    with ScriptedServer() as server:
        monkeypatch.setenv("MLRBENCH_OPENALEX_URL", server.url)
        assert settle_search(chosen(tmp_path))[0].search == "none"
