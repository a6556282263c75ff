"""Session logs of several coding agents become the same events, and the checks work on them, without a ledger of the host."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from evidence_worlds import PROGRAM, TODAY, World, fails
from evidence_worlds import REPORT as WRITTEN

from pytest_mlrbench.evidence.checks import audit, subject_of_folder, subject_of_trial
from pytest_mlrbench.evidence.coder_logs import find_log, read_actions
from pytest_mlrbench.evidence.events import BLACK_BOX

CODE = "print('mae', 0.25)\n"
RUN = "cd /home/u/task && python code/run.py"
OUTPUT = "mae 0.412733\n"


def messages() -> str:
    """A list of API messages with tool_use and tool_result blocks."""
    use: Callable[..., dict[str, Any]] = lambda i, n, **a: {  # noqa: E731
        "role": "assistant",
        "content": [{"type": "tool_use", "id": i, "name": n, "input": a}],
    }
    answer: Callable[..., dict[str, Any]] = lambda i, text, **k: {  # noqa: E731
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": i, "content": text, **k}],
    }
    return json.dumps(
        [
            {"role": "user", "content": "go"},
            use("1", "Write", file_path="/home/u/task/code/run.py", content=CODE),
            answer("1", "written"),
            use("2", "Bash", command=RUN, description="run"),
            answer("2", [{"type": "text", "text": OUTPUT}], is_error=False),
            use("3", "Bash", command="python code/missing.py"),
            answer("3", "Traceback (most recent call last):\nModuleNotFoundError: No module named 'x'"),
        ]
    )


def stream() -> str:
    """The same wrapped in one event a line, with times."""
    lines = [{"type": "system", "subtype": "init", "session_id": "s"}]
    for message in json.loads(messages())[1:]:
        lines.append({"type": message["role"], "message": message, "timestamp": "2026-01-05T09:07:10Z", "uuid": "u"})
    return "\n".join(map(json.dumps, lines))


def items() -> str:
    """One item a line, commands with their output in the same item, files by patches."""
    patch = "*** Begin Patch\n*** Add File: code/run.py\n+" + CODE.rstrip() + "\n*** End Patch"
    events = [
        {"type": "thread.started", "thread_id": "t"},
        {
            "type": "item.started",
            "item": {"id": "i1", "type": "command_execution", "command": "bash -lc ls", "status": "in_progress"},
        },
        _item("i0", f"apply_patch <<'E'\n{patch}\nE", "Done", 0),
        _item("i2", f'/bin/bash -lc "{RUN}"', OUTPUT, 0),
        _item("i3", "bash -lc 'python code/missing.py'", "No module named 'x'", 1),
    ]
    return "\n".join(map(json.dumps, events))


def _item(identity: str, command: str, output: str, code: int) -> dict[str, Any]:
    item = {"id": identity, "type": "command_execution", "command": command, "aggregated_output": output, "exit_code": code}
    return {"type": "item.completed", "item": item | {"status": "completed" if not code else "failed"}}


def calls() -> str:
    """Function calls with JSON text as arguments and their outputs, a line each."""
    patch = "*** Begin Patch\n*** Add File: code/run.py\n+" + CODE.rstrip() + "\n*** End Patch"
    result = json.dumps({"output": OUTPUT, "metadata": {"exit_code": 0, "duration_seconds": 0.1}})
    payloads = [
        {"type": "custom_tool_call", "name": "apply_patch", "call_id": "a", "input": patch},
        {"type": "function_call", "name": "exec_command", "call_id": "b", "arguments": json.dumps({"cmd": RUN})},
        {"type": "function_call_output", "call_id": "b", "output": result},
        {
            "type": "function_call",
            "name": "shell",
            "call_id": "c",
            "arguments": json.dumps({"command": ["bash", "-lc", "python code/missing.py"]}),
        },
        {"type": "function_call_output", "call_id": "c", "output": "Process exited with code 1\nOutput:\nNo module named 'x'"},
    ]
    return "\n".join(json.dumps({"timestamp": "2026-01-05T09:07:10Z", "type": "response_item", "payload": p}) for p in payloads)


def tools() -> str:
    """tool_use and tool_result lines with names, parameters and a status."""
    events = [
        {"type": "init", "model": "m"},
        {
            "type": "tool_use",
            "tool_name": "write_file",
            "tool_id": "1",
            "parameters": {"file_path": "code/run.py", "content": CODE},
        },
        {"type": "tool_result", "tool_id": "1", "status": "success", "output": ""},
        {"type": "tool_use", "tool_name": "run_shell_command", "tool_id": "2", "parameters": {"command": RUN}},
        {"type": "tool_result", "tool_id": "2", "status": "success", "output": OUTPUT},
        {"type": "tool_use", "tool_name": "run_shell_command", "tool_id": "3", "parameters": {"command": "python code/missing.py"}},
        {"type": "tool_result", "tool_id": "3", "status": "error", "output": "No module named 'x'"},
    ]
    return "\n".join(map(json.dumps, events))


def chat() -> str:
    """Chat completions with tool calls."""
    ask: Callable[..., dict[str, Any]] = lambda i, n, a: {  # noqa: E731
        "role": "assistant",
        "tool_calls": [{"id": i, "type": "function", "function": {"name": n, "arguments": json.dumps(a)}}],
    }
    return json.dumps(
        {
            "messages": [
                ask("1", "edit", {"command": "create", "path": "code/run.py", "file_text": CODE}),
                {"role": "tool", "tool_call_id": "1", "content": "ok"},
                ask("2", "bash", {"command": RUN}),
                {"role": "tool", "tool_call_id": "2", "content": OUTPUT},
                ask("3", "bash", {"command": "python code/missing.py"}),
                {"role": "tool", "tool_call_id": "3", "content": "Exit code: 1\nNo module named 'x'"},
            ]
        }
    )


FORMATS = {f.__name__: f for f in (messages, stream, items, calls, tools, chat)}


@pytest.mark.parametrize("kind", FORMATS)
def test_a_log_of_any_shape_gives_the_same_actions(kind: str) -> None:
    actions = [a for a in read_actions(FORMATS[kind]()) if a.command != "ls"]
    assert [(bool(a.command), a.failed) for a in actions] == [(False, False), (True, False), (True, True)]
    written, ran, broke = actions
    assert (written.path.removeprefix("/home/u/task/"), written.content) == ("code/run.py", CODE)
    assert ran.command == RUN
    assert "0.412733" in ran.output
    assert broke.command == "python code/missing.py"
    assert "No module named 'x'" in broke.output


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "not json", '{"a": 1}', "[" * 50_000, json.dumps([{"role": "user", "content": "hi"}])]
)
def test_a_text_without_tool_calls_gives_no_actions(text: str) -> None:
    assert read_actions(text) == []


def test_a_batch_of_calls_is_taken_apart() -> None:
    inner = [
        {"tool_name": "Write", "input": {"file_path": "a.py", "content": "1"}},
        {"tool_name": "Bash", "input": {"command": "ls"}},
    ]
    text = json.dumps([{"type": "tool_use", "id": "1", "name": "Batch", "input": {"description": "d", "invocations": inner}}])
    assert [(a.path, a.command) for a in read_actions(text)] == [("a.py", ""), ("", "ls")]


def test_edits_are_carried_out_on_what_was_written(tmp_path: Path) -> None:
    calls = [
        {"name": "Write", "input": {"file_path": "/w/a.py", "content": "x = 1\ny = 1\n"}},
        {"name": "Edit", "input": {"file_path": "/w/a.py", "old_string": "1", "new_string": "2"}},
        {"name": "Edit", "input": {"file_path": "/w/a.py", "edits": [{"old_string": "y", "new_string": "z", "replace_all": True}]}},
    ]
    (tmp_path / "a.py").write_text("x")
    (tmp_path / "session.json").write_text(json.dumps([{"type": "tool_use", "id": str(i), **c} for i, c in enumerate(calls)]))
    log = find_log(tmp_path)
    assert log is not None
    last = log.events[-1].changes[0]
    assert last.path == "a.py"
    assert log.texts[last.after or ""] == "x = 2\nz = 1\n"
    assert {event.source for event in log.events} == {"sandbox"}


def folder(root: Path, report: str, output: str, *, failed: bool = False) -> Path:
    """A published folder: a session log, code and a typed report."""
    (root / "code").mkdir(parents=True)
    (root / "results").mkdir()
    (root / "code" / "run.py").write_text(CODE)
    (root / "results" / "results.md").write_text(report)
    calls = [
        ("Write", {"file_path": "/old/place/code/run.py", "content": CODE}, "ok", False),
        ("Bash", {"command": "cd /old/place && python code/run.py"}, output, failed),
        ("Write", {"file_path": "/old/place/results.md", "content": report}, "ok", False),
    ]
    records: list[dict[str, Any]] = []
    for index, (name, arguments, text, broke) in enumerate(calls):
        records.append({"role": "assistant", "content": [{"type": "tool_use", "id": str(index), "name": name, "input": arguments}]})
        answer = {"type": "tool_result", "tool_use_id": str(index), "content": text, "is_error": broke}
        records.append({"role": "user", "content": [answer]})
    (root / "session.json").write_text(json.dumps(records))
    return root


VALUES = {"ridge": (0.4127, 0.5519), "ols": (0.3866, 0.5043), "mean only": (1.1038, 1.3741)}
REPORT = "# Results\n\n| Method | MAE | RMSE |\n|---|---|---|\n" + "".join(f"| {m} | {a} | {b} |\n" for m, (a, b) in VALUES.items())
PRINTED = "".join(f"{m}: mae {a + 0.00001:.6f} rmse {b - 0.00001:.6f}\n" for m, (a, b) in VALUES.items())


def test_a_report_typed_from_what_the_log_shows_as_printed_gets_no_fail(tmp_path: Path) -> None:
    result = audit(subject_of_folder(folder(tmp_path, REPORT, PRINTED), today=TODAY))
    assert (result.verdict, fails(result)) == ("unverified", [])
    assert result.support == 1.0


def test_a_report_typed_after_a_failed_run_fails_with_quotes_from_the_log(tmp_path: Path) -> None:
    broken = "Traceback (most recent call last):\nModuleNotFoundError: No module named 'torch'"
    result = audit(subject_of_folder(folder(tmp_path, REPORT, broken, failed=True), today=TODAY))
    assert result.verdict == "hallucinated"
    assert {f.check for f in fails(result)} >= {"numbers", "after_failure"}
    (after,) = fails(result, "after_failure")
    assert [q.line for q in after.evidence if q.file == "session.json"] == [3]
    assert any("No module named 'torch'" in quote.quote for quote in after.evidence)


def test_typed_files_are_no_source_for_a_typed_report(tmp_path: Path) -> None:
    root = folder(tmp_path, REPORT, "saved\n")
    records = json.loads((root / "session.json").read_text())
    data = json.dumps({m: {"mae": a, "rmse": b} for m, (a, b) in VALUES.items()})
    (root / "results" / "results.json").write_text(data + "\n")
    call = {"type": "tool_use", "id": "9", "name": "Bash", "input": {"command": f"echo '{data}' > results/results.json"}}
    (root / "session.json").write_text(json.dumps([{"role": "assistant", "content": [call]}, *records]))
    assert fails(audit(subject_of_folder(root, today=TODAY)), "numbers")


def test_without_the_log_the_same_folder_is_only_unverified(tmp_path: Path) -> None:
    root = folder(tmp_path, REPORT, "Traceback (most recent call last):\nValueError: x", failed=True)
    (root / "session.json").unlink()
    result = audit(subject_of_folder(root, today=TODAY))
    assert (result.verdict, fails(result)) == ("unverified", [])


def test_renaming_the_agent_in_the_log_changes_nothing(tmp_path: Path) -> None:
    root = folder(tmp_path, REPORT, "Traceback (most recent call last):\nValueError: x", failed=True)
    before = audit(subject_of_folder(root, today=TODAY))
    text = (root / "session.json").read_text().replace('"Write"', '"put_text"').replace('"Bash"', '"shell_9"')
    (root / "session.json").unlink()
    (root / "other_name.jsonl").write_text("\n".join(json.dumps(record) for record in json.loads(text)))
    after = audit(subject_of_folder(root, today=TODAY))
    assert [(f.check, f.severity) for f in fails(after)] == [(f.check, f.severity) for f in fails(before)]
    assert before.verdict == after.verdict == "hallucinated"


@pytest.mark.parametrize("hidden", ["... [812 lines truncated] ...\nsaved\n", None])
def test_numbers_missing_from_outputs_that_the_log_does_not_show_whole_are_no_fail(tmp_path: Path, hidden: str | None) -> None:
    root = folder(tmp_path, REPORT, "saved\n")
    assert fails(audit(subject_of_folder(root, today=TODAY)), "numbers")
    records = json.loads((root / "session.json").read_text())
    for record in list(records):
        for part in record["content"]:
            if part.get("tool_use_id") == "1" and hidden is not None:
                part["content"] = hidden
            elif part.get("tool_use_id") == "1":
                records.remove(record)
    (root / "session.json").write_text(json.dumps(records))
    result = audit(subject_of_folder(root, today=TODAY))
    assert fails(result, "numbers") == fails(result, "provenance") == []
    assert [f.severity for f in result.findings if f.check == "numbers"] == ["warn"]


def black_box(root: Path, program: str) -> Path:
    """A trial of an agent command that ran `program`, of which the host saw one command and the files it left."""
    world = World(root)
    (world.output / "agent.py").write_text(program)
    command = f"{sys.executable} agent.py"
    asyncio.run(world.ledger.run(world.sandbox, command, tool=BLACK_BOX, timeout=60))
    (world.output / "agent.py").unlink()
    return world.trial


def test_what_a_black_box_left_is_nobodys_word(tmp_path: Path) -> None:
    """A program wrote it, the host saw that; but whether that program measured or typed, nobody saw."""
    made = f"import os\nos.makedirs('code', exist_ok=True)\nopen('code/run.py', 'w').write({PROGRAM!r})\n"
    trial = black_box(tmp_path, made + PROGRAM + WRITTEN)
    subject = subject_of_trial("experiment", trial / "output", trial, {}, TODAY)
    for same in (subject, subject_of_folder(trial, today=TODAY), subject_of_folder(trial / "output", today=TODAY)):
        result = audit(same)
        assert (result.verdict, fails(result)) == ("unverified", [])


def test_the_session_log_of_a_black_box_tells_against_it(tmp_path: Path) -> None:
    broken = "Traceback (most recent call last):\nModuleNotFoundError: No module named 'torch'"
    made = folder(tmp_path / "made", REPORT, broken, failed=True)
    trial = black_box(tmp_path, f"import shutil\nshutil.copytree({str(made)!r}, '.', dirs_exist_ok=True)\n")
    result = audit(subject_of_trial("experiment", trial / "output", trial, {}, TODAY))
    assert fails(audit(subject_of_folder(trial, today=TODAY))) == fails(result), "`mlrbench check` sees what the run saw"
    assert result.verdict == "hallucinated"
    assert {found.check for found in fails(result)} >= {"numbers", "after_failure"}


def test_the_session_log_of_a_black_box_verifies_nothing(tmp_path: Path) -> None:
    made = folder(tmp_path / "made", REPORT, PRINTED)
    trial = black_box(tmp_path, f"import shutil\nshutil.copytree({str(made)!r}, '.', dirs_exist_ok=True)\n")
    result = audit(subject_of_trial("experiment", trial / "output", trial, {}, TODAY))
    assert (result.verdict, fails(result), result.support) == ("unverified", [], 1.0)
