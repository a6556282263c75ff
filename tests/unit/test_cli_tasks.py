"""`mlrbench tasks fetch` and `tasks verify`: what they bring, say and exit with, against a server on loopback."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from pytest_mlrbench.cli import main
from pytest_mlrbench.tasks import catalogue, official

NAMES = ("iclr2025_dl4c", "iclr2025_scsl", "iclr2025_wsl")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the server serves: three texts with the digests that the catalogue records."""
    for name in (official.LOCATION_VARIABLE, "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "site"
    folder.mkdir()
    tasks = {}
    for name in NAMES:
        text = f"# {name}\n\nThe call.\n".encode()
        (folder / f"{name}.md").write_bytes(text)
        tasks[name] = replace(catalogue.load_tasks()[name], sha256=hashlib.sha256(text).hexdigest())
    monkeypatch.setattr(official, "load_tasks", lambda: tasks)
    return folder


@pytest.fixture
def url(site: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_fetch_brings_the_texts_into_the_cache_folder_and_says_how_to_use_them(
    url: str, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tasks", "fetch", "--url", url]) == 0
    folder = official.cache_directory()
    assert (folder / "iclr2025_wsl.md").read_bytes() == (site / "iclr2025_wsl.md").read_bytes()
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"{folder}: 3 fetched, 0 already there, 0 failed of 3 texts"
    assert second.endswith(f"--mlr-tasks={folder}")
    assert main(["tasks", "fetch", "--url", url]) == 0
    assert "0 fetched, 3 already there" in capsys.readouterr().out


def test_fetch_reads_the_place_from_the_environment(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(official.LOCATION_VARIABLE, url)
    assert main(["tasks", "fetch", str(tmp_path / "mine")]) == 0
    assert len(list((tmp_path / "mine").glob("*.md"))) == 3


def test_fetch_names_what_failed_and_exits_with_2(url: str, site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (site / "iclr2025_scsl.md").write_text("another text")
    assert main(["tasks", "fetch", str(tmp_path / "mine"), "--url", url]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("iclr2025_scsl: ")
    assert "2 fetched, 0 already there, 1 failed of 3 texts" in said.out
    assert "--mlr-tasks" not in said.out
    assert not (tmp_path / "mine" / "iclr2025_scsl.md").exists()


def test_verify_is_content_with_the_published_texts(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tasks", "verify", str(site)]) == 0
    assert capsys.readouterr().out == f"{site}: 3 of 3 texts as published, 0 changed, 0 missing\n"


def test_verify_names_each_text_that_is_not_as_published(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (site / "iclr2025_dl4c.md").write_text("changed")
    (site / "iclr2025_scsl.md").write_bytes((site / "iclr2025_scsl.md").read_bytes().replace(b"\n", b"\r\n"))
    (site / "iclr2025_wsl.md").rename(site / "my_own.md")
    assert main(["tasks", "verify", str(site)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "changed: iclr2025_dl4c",
        "changed in line endings only: iclr2025_scsl",
        "missing: iclr2025_wsl",
        "no task of MLR-Bench: my_own.md",
        f"{site}: 0 of 3 texts as published, 2 changed, 1 missing",
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["verify"], "needs the folder to check"),
        (["verify", "/nowhere/at/all"], "is no folder"),
        (["list", "--url", "http://x"], "--url belongs to `tasks fetch`"),
        (["list", "iclr2025_wsl"], "mlrbench tasks show iclr2025_wsl"),
        (["fetch", "/proc/nothing"], "cannot hold the task texts"),
        (["fetch", "--url", "ftp://x"], "expected an http or https URL"),
    ],
)
def test_what_cannot_be_meant_is_one_line_and_status_2(
    arguments: list[str], says: str, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tasks", *arguments]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
