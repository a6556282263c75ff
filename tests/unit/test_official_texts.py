"""tasks.official: fetching and checking the published texts, against a server on loopback that serves texts of our own."""

import hashlib
import json
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread

import pytest

from pytest_mlrbench.errors import ConfigError
from pytest_mlrbench.tasks import official
from pytest_mlrbench.tasks.catalogue import Task, load_tasks
from pytest_mlrbench.tasks.official import Fetched, cache_directory, fetch, verify

NAMES = tuple(f"task{number:02}" for number in range(12))


def text(name: str) -> bytes:
    return f"# {name}\n\nA text of a few lines.\n".encode()


@pytest.fixture(autouse=True)
def catalogue(monkeypatch: pytest.MonkeyPatch) -> dict[str, Task]:
    """Twelve tasks whose published text we know, instead of the 201."""
    monkeypatch.delenv(official.LOCATION_VARIABLE, raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    tasks = {
        name: Task(name, name, "ICLR", 2025, "RL", "assigned", sha256=hashlib.sha256(text(name)).hexdigest()) for name in NAMES
    }
    monkeypatch.setattr(official, "load_tasks", lambda: tasks)
    return tasks


@dataclass
class Server:
    """What a test tells the server to do, and what it saw."""

    faults: dict[str, list[str]] = field(default_factory=dict)
    """File name -> what its next requests get instead of the text: a status, `cut`, `hang up` or `other`."""
    asked: Counter[str] = field(default_factory=Counter)
    lock: Lock = field(default_factory=Lock)
    url: str = ""


@contextmanager
def serving() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            folder, _, name = self.path.rpartition("/")
            with state.lock:
                state.asked[name] += 1
                waiting = state.faults.get(name, [])
                fault = waiting.pop(0) if waiting else ""
            if fault == "hang up":
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            if fault.isdigit() or folder != "/tasks":
                self.send_response(int(fault or 404))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            content = b"# Another text\n" if fault == "other" else text(name.removesuffix(".md"))
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:5] if fault == "cut" else content)
            if fault == "cut":
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/tasks"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as state:
        yield state


@pytest.fixture
def get(server: Server, tmp_path: Path) -> Callable[..., list[Fetched]]:
    """`fetch` from the test's server into `tmp_path / "texts"`, without waits between tries."""
    return lambda **more: fetch(tmp_path / "texts", **{"base": server.url, "backoff": 0.0, **more})


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_all_texts_are_fetched_whole_and_nothing_else_is_left(get: Callable[..., list[Fetched]], tmp_path: Path) -> None:
    assert get() == [Fetched(name, "fetched") for name in NAMES]
    assert files(tmp_path / "texts") == {f"{name}.md": text(name) for name in NAMES}
    assert verify(tmp_path / "texts").complete


def test_only_the_tasks_asked_for_are_fetched(get: Callable[..., list[Fetched]], server: Server) -> None:
    assert get(tasks=["task05", "task01", "task05"]) == [Fetched("task05", "fetched"), Fetched("task01", "fetched")]
    assert server.asked == {"task05.md": 1, "task01.md": 1}


def test_progress_is_told_every_result(get: Callable[..., list[Fetched]], server: Server) -> None:
    server.faults["task03.md"] = ["404"]
    told: list[Fetched] = []
    results = get(progress=told.append)
    assert sorted(told, key=lambda result: result.task) == results


def test_a_text_that_is_not_there_is_named_and_the_others_come(
    get: Callable[..., list[Fetched]], server: Server, tmp_path: Path
) -> None:
    server.faults["task07.md"] = ["404"]
    failed = [result for result in get() if result.status != "fetched"]
    assert [(result.task, result.status) for result in failed] == [("task07", "failed")]
    assert f"{server.url}/task07.md answered 404, expected 200" in failed[0].message
    assert server.asked["task07.md"] == 1, "asking again for what is not there helps nobody"
    assert verify(tmp_path / "texts").missing == ("task07",)


def test_a_text_with_another_digest_is_not_kept(get: Callable[..., list[Fetched]], server: Server, tmp_path: Path) -> None:
    server.faults["task02.md"] = ["other"]
    (result,) = get(tasks=["task02"])
    assert result.status == "failed"
    assert f"expected {hashlib.sha256(text('task02')).hexdigest()}" in result.message
    assert files(tmp_path / "texts") == {}


@pytest.mark.parametrize("fault", ["cut", "hang up", "503", "429"])
def test_a_passing_fault_is_tried_again(fault: str, get: Callable[..., list[Fetched]], server: Server, tmp_path: Path) -> None:
    server.faults["task04.md"] = [fault, fault]
    assert get(tasks=["task04"]) == [Fetched("task04", "fetched")]
    assert server.asked["task04.md"] == 3
    assert files(tmp_path / "texts") == {"task04.md": text("task04")}


@pytest.mark.parametrize("fault", ["cut", "hang up", "503"])
def test_a_lasting_fault_ends_after_the_given_retries(
    fault: str, get: Callable[..., list[Fetched]], server: Server, tmp_path: Path
) -> None:
    server.faults["task04.md"] = [fault] * 50
    (result,) = get(tasks=["task04"], retries=2)
    assert result.status == "failed"
    assert "task04.md" in result.message
    assert server.asked["task04.md"] == 3
    assert files(tmp_path / "texts") == {}


def test_without_a_server_the_first_failures_say_why_and_the_rest_is_not_tried(tmp_path: Path) -> None:
    with serving() as gone:
        url = gone.url
    results = fetch(tmp_path, base=url, retries=1, backoff=0.0)
    assert [result.status for result in results] == ["failed"] * len(NAMES)
    asked = [result for result in results if "did not come" in result.message]
    assert 1 <= len(asked) <= official.AT_ONCE
    assert all("was not asked for: no connection to 127.0.0.1" in result.message for result in results if result not in asked)


def test_a_broken_off_fetch_goes_on_where_it_stopped(get: Callable[..., list[Fetched]], server: Server) -> None:
    for name in NAMES[6:]:
        server.faults[f"{name}.md"] = ["404"]
    get()
    server.asked.clear()
    assert [result.status for result in get()] == ["kept"] * 6 + ["fetched"] * 6
    assert set(server.asked) == {f"{name}.md" for name in NAMES[6:]}


def test_a_changed_text_is_replaced_but_only_by_the_right_one(
    get: Callable[..., list[Fetched]], server: Server, tmp_path: Path
) -> None:
    path = tmp_path / "texts" / "task01.md"
    path.parent.mkdir()
    path.write_bytes(b"mine")
    server.faults["task01.md"] = ["other"]
    assert get(tasks=["task01"])[0].status == "failed"
    assert path.read_bytes() == b"mine"
    assert get(tasks=["task01"])[0].status == "fetched"
    assert path.read_bytes() == text("task01")


def test_the_place_comes_from_the_environment_unless_it_is_given(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(official.LOCATION_VARIABLE, f"{server.url}/")
    assert fetch(tmp_path, tasks=["task00"])[0].status == "fetched"
    monkeypatch.setenv(official.LOCATION_VARIABLE, "http://127.0.0.1:9/nowhere")
    assert fetch(tmp_path, base=server.url, tasks=["task01"])[0].status == "fetched"


def test_the_default_place_is_the_published_repository_at_the_recorded_commit() -> None:
    assert official.LOCATION.endswith("/chchenhui/mlrbench/806a203/tasks")


@pytest.mark.parametrize("base", ["ftp://example.org/tasks", "tasks", "file:///tmp", "https://"])
def test_a_place_that_is_no_http_url_is_refused(base: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected an http or https URL"):
        fetch(tmp_path / "texts", base=base)
    assert not (tmp_path / "texts").exists()


def test_an_unknown_task_is_refused_before_anything_is_asked(get: Callable[..., list[Fetched]], server: Server) -> None:
    with pytest.raises(ConfigError, match="no such task: nowhere"):
        get(tasks=["task00", "nowhere"])
    assert not server.asked


def test_a_destination_that_is_a_file_is_refused(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot hold the task texts"):
        fetch(tmp_path / "file", base=server.url)


def test_a_text_that_cannot_be_written_ends_the_fetch_with_the_reason(server: Server, tmp_path: Path) -> None:
    (tmp_path / "task00.md").mkdir()  # a rename onto it fails, as on a full or read-only disk
    with pytest.raises(ConfigError, match="cannot hold the task texts"):
        fetch(tmp_path, base=server.url)
    assert not list(tmp_path.glob(".fetching-*"))


# -- verify -----------------------------------------------------------------------------------------------------------


def test_verify_sorts_texts_into_ok_changed_missing_and_unknown(tmp_path: Path) -> None:
    for name in NAMES[:9]:
        (tmp_path / f"{name}.md").write_bytes(text(name))
    (tmp_path / "task03.md").write_bytes(text("task03") + b" ")
    (tmp_path / "task04.md").write_bytes(text("task04").replace(b"\n", b"\r\n"))
    (tmp_path / "README.md").touch()
    (tmp_path / "notes.txt").touch()
    found = verify(tmp_path)
    assert found.ok == ("task00", "task01", "task02", "task05", "task06", "task07", "task08")
    assert found.changed == ("task03", "task04")
    assert found.line_endings == ("task04",)
    assert found.missing == ("task09", "task10", "task11")
    assert found.unknown == ("README.md",)
    assert not found.complete


def test_unknown_files_do_not_make_a_folder_incomplete(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / f"{name}.md").write_bytes(text(name))
    (tmp_path / "README.md").touch()
    assert verify(tmp_path).complete


def test_verify_refuses_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no folder"):
        verify(tmp_path / "absent")


# -- where the texts go ------------------------------------------------------------------------------------------------


def test_the_cache_follows_xdg_cache_home_and_names_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_directory() == tmp_path / "pytest-mlrbench" / "tasks-806a203"


@pytest.mark.parametrize("value", ["", "relative/cache"])
@pytest.mark.parametrize(("platform", "below"), [("linux", ".cache"), ("darwin", "Library/Caches"), ("win32", "AppData/Local")])
def test_without_a_usable_xdg_cache_home_the_platforms_cache_is_used(
    value: str, platform: str, below: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr("sys.platform", platform)
    assert cache_directory() == tmp_path / below / "pytest-mlrbench" / "tasks-806a203"


# -- use with --mlr-tasks ------------------------------------------------------------------------------------------------


def test_a_fetched_text_is_what_the_task_then_gives_its_agent(get: Callable[..., list[Fetched]], tmp_path: Path) -> None:
    get()
    task = replace(next(iter(load_tasks().values())), id="task00")
    assert task.with_text(str(tmp_path / "texts")).brief == text("task00").decode().strip()


def test_results_are_plain_data(get: Callable[..., list[Fetched]]) -> None:
    assert json.loads(json.dumps([vars(result) for result in get(tasks=["task00"])])) == [
        {"task": "task00", "status": "fetched", "message": ""}
    ]
