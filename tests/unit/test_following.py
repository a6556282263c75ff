"""The host looks on while a coder's CLI works: here a bash script in the place of the CLI writes the stream."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from pytest_mlrbench.errors import InfrastructureError
from pytest_mlrbench.evidence.checks.subject import Subject
from pytest_mlrbench.evidence.checks.writers import Writers, read_writers
from pytest_mlrbench.evidence.events import BETWEEN_CALLS, CODER_SESSION, EVIDENCE, MODEL_CALLS, Event, read_events
from pytest_mlrbench.evidence.following import STREAMS, Followed, Follower
from pytest_mlrbench.evidence.ledger import Ledger
from pytest_mlrbench.sandboxes import Limits, SandboxSpec, open_sandbox

LIMITS = Limits(memory=2**30, cpus=1, pids=64)


def call(number: int, name: str = "Bash", **arguments: str) -> str:
    content = [{"type": "tool_use", "id": f"t{number}", "name": name, "input": arguments}]
    return f"cat <<'LINE'\n{json.dumps({'type': 'assistant', 'message': {'id': f'm{number}', 'content': content}})}\nLINE\n"


def answer(number: int, output: str = "ok", *, error: bool = False) -> str:
    content = [{"type": "tool_result", "tool_use_id": f"t{number}", "content": output, "is_error": error}]
    return f"cat <<'LINE'\n{json.dumps({'type': 'user', 'message': {'content': content}})}\nLINE\n"


def follow(folder: Path, script: str, *, seconds: float = 60, look: float = 0.05, **given: Any) -> tuple[Followed, list[Event]]:
    """What following `script` leaves."""

    async def main() -> Followed:
        spec = SandboxSpec(folder / "ws", "run", "t/experiment", limits=LIMITS)
        async with open_sandbox("local", spec) as sandbox:
            script_at = script.replace("/workspace", sandbox.workspace_inside)
            follower = Follower(Ledger(folder, folder / "ws"), sandbox, look_seconds=look, **given)
            return await follower.run(script_at, timeout=seconds, stdin=b"token\n")

    told = asyncio.run(main())
    events, problem = read_events(folder / EVIDENCE)
    assert not problem
    return told, events


def writers(folder: Path, events: list[Event], *, unasked: str = "") -> Writers:
    """Attributed with the gateway's record that the model asked for each command but `unasked`."""
    told = [event.command for event in events if event.kind == "command" and event.command != unasked]
    calls = [{"name": "Bash", "arguments": json.dumps({"command": command})} for command in told]
    last = events[-1]
    note = Event(seq=last.seq + 1, time=last.time, source="gateway", kind="note", tool=MODEL_CALLS, data={"tool_calls": calls})
    whole = [*events, note]
    return read_writers(Subject("experiment", folder / "ws", folder / "ws", events=whole, host_ledger=True, trial_dir=folder))


def test_a_command_that_the_model_never_asked_for_is_no_known_writer(tmp_path: Path) -> None:
    script = call(1, command="python run.py") + "mkdir results; echo '{\"a\": 0.731}' > results/a.json\n" + answer(1, "done")
    _, events = follow(tmp_path, script)
    asked = writers(tmp_path, events).last["results/a.json"]
    forged = writers(tmp_path, events, unasked="python run.py").last["results/a.json"]
    assert (asked.how, forged.how) == ("program", "unknown")
    assert "gateway" in forged.means


def changed(event: Event) -> list[str]:
    return [change.path for change in event.changes]


def test_a_call_has_what_changed_while_it_was_open(tmp_path: Path) -> None:
    script = call(1, command="python run.py") + "mkdir results; echo '{\"a\": 0.731}' > results/a.json\n" + answer(1, "done\n0.731")
    told, events = follow(tmp_path, script)
    command, session = events
    assert (command.source, command.command, command.exit_code, changed(command)) == (
        "sandbox", "python run.py", 0, ["results/a.json"],
    )  # fmt: skip
    assert command.watched
    assert (tmp_path / str(command.output)).read_text() == "done\n0.731"
    assert (session.source, session.tool, session.data["tool_calls"], session.data["exit_code"]) == ("host", CODER_SESSION, 1, 0)
    assert (tmp_path / session.data["stream"]).read_text().count("\n") == 2
    writing = writers(tmp_path, events).of("results/a.json")
    assert writing is not None
    assert (writing.how, writing.place) == ("program", f"{STREAMS}/01.jsonl:1 (python run.py)")
    assert told.calls == 1


def test_what_changes_between_calls_is_a_note_of_its_own(tmp_path: Path) -> None:
    script = (
        call(1, command="ls") + answer(1) + "sleep 0.3; echo '{\"a\": 0.731}' > hidden.json; sleep 0.5\n"
        + call(2, command="python run.py") + answer(2)
    )  # fmt: skip
    _, events = follow(tmp_path, script)
    [note] = [event for event in events if event.tool == BETWEEN_CALLS]
    assert (note.source, changed(note)) == ("host", ["hidden.json"])
    assert [changed(event) for event in events if event.kind == "command"] == [[], []]
    writing = writers(tmp_path, events).of("hidden.json")
    assert writing is not None
    assert writing.how == "unknown"


def test_a_file_that_is_there_for_a_moment_is_seen_and_kept(tmp_path: Path) -> None:
    script = (
        call(1, command="python run.py")
        + "echo '{\"a\": 0.1}' > a.json; sleep 0.6; echo '{\"a\": 0.2}' > a.json; sleep 0.6; rm a.json\n" + answer(1)
    )  # fmt: skip
    _, events = follow(tmp_path, script)
    versions = events[0].data["versions_between"]["a.json"]
    assert len(versions) == 2
    assert [(tmp_path / "evidence/versions" / digest).read_text() for digest in versions] == ['{"a": 0.1}\n', '{"a": 0.2}\n']
    assert changed(events[0]) == ["a.json"]


def test_a_written_file_is_typed_even_if_it_was_seen_with_the_call_before(tmp_path: Path) -> None:
    """The CLI goes on at once: when the host looks after the program, the next call has typed its file already."""
    script = (
        call(1, command="python run.py") + "echo '{\"a\": 0.731}' > a.json\n" + answer(1)
        + "sleep 0.3\n" + call(2, "Write", file_path="/workspace/a.json", content='{"a": 0.731}\n') + answer(2)
    )  # fmt: skip
    _, events = follow(tmp_path, script)
    assert [changed(event) for event in events[:2]] == [["a.json"], ["a.json"]]
    writing = writers(tmp_path, events).of("a.json")
    assert writing is not None
    assert (writing.how, writing.means) == ("typed", "Write")


def test_a_heredoc_is_typed_even_if_it_was_seen_with_the_call_before(tmp_path: Path) -> None:
    script = (
        call(1, command="python run.py") + "echo '{\"a\": 0.731}' > a.json\n" + answer(1) + "sleep 0.3\n"
        + call(2, command="echo '{\"a\": 0.731}' > a.json") + answer(2)
    )  # fmt: skip
    _, events = follow(tmp_path, script)
    writing = writers(tmp_path, events).of("a.json")
    assert writing is not None
    assert writing.how == "typed"


def test_of_two_commands_at_once_the_one_that_types_counts(tmp_path: Path) -> None:
    script = (
        call(1, command="python run.py") + call(2, command="echo '{\"a\": 0.731}' > a.json")
        + "sleep 0.2; echo '{\"a\": 0.731}' > a.json\n" + answer(1) + answer(2)
    )  # fmt: skip
    _, events = follow(tmp_path, script)
    assert events[0].data["beside"]
    writing = writers(tmp_path, events).of("a.json")
    assert writing is not None
    assert writing.how == "typed"


def test_a_command_without_an_answer_ended_with_the_cli(tmp_path: Path) -> None:
    told, events = follow(tmp_path, call(1, command="python run.py") + "echo 1 > a.txt; sleep 60\n", seconds=1.5)
    assert (events[0].exit_kind, changed(events[0]), events[0].data["answered"]) == ("timeout", ["a.txt"], False)
    assert told.result is not None
    assert told.result.kind == "timeout"


def test_a_record_can_end_the_cli(tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []

    def enough(record: dict[str, Any]) -> str:
        seen.append(record)
        return "enough" if len(seen) == 2 else ""

    before = time.monotonic()
    told, events = follow(tmp_path, call(1, command="ls") + answer(1) + "sleep 60\n", on_record=enough)
    assert (told.stopped, told.result) == ("enough", None)
    assert time.monotonic() - before < 50
    assert (events[-1].tool, events[-1].data["exit_kind"]) == (CODER_SESSION, "stopped")


def test_lines_that_are_no_records_are_counted_and_standard_error_is_kept(tmp_path: Path) -> None:
    told, events = follow(tmp_path, "echo no json; echo '[1]'; echo 'stderr: oh no'; exit 3\n")
    assert (told.unread, told.stderr) == (2, "oh no\n")
    assert (events[-1].data["unread_lines"], events[-1].data["exit_code"]) == (2, 3)


def test_a_broken_sandbox_is_recorded_and_raised(tmp_path: Path) -> None:
    async def main() -> None:
        sandbox = open_sandbox("local", SandboxSpec(tmp_path / "ws", "run", "t/experiment", limits=LIMITS))
        (tmp_path / "ws").mkdir()
        await Follower(Ledger(tmp_path, tmp_path / "ws"), sandbox).run("true", timeout=5, stdin=b"")

    with pytest.raises(InfrastructureError, match="not started"):
        asyncio.run(main())
    events, _ = read_events(tmp_path / EVIDENCE)
    assert "not started" in events[-1].data["error"]
