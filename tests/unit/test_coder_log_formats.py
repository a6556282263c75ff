"""Logs of the coders in use: what each wrote, ran and saw is read from samples in each CLI's own shape, written for these tests."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_mlrbench.evidence.coder_logs import find_log, read_actions
from pytest_mlrbench.evidence.coder_logs.texts import documents

CODE = "print('it''s', 0.25)\nprint('mae', 0.5)\n"
EDITED = CODE.replace("0.5", "0.75")
RUN = "python code/run.py --note 'a b'"
OUTPUT = "mae 0.412733\nrmse 0.551902\n"
BROKEN = "Traceback (most recent call last):\nModuleNotFoundError: No module named 'x'"
ADD = "*** Begin Patch\n*** Add File: code/run.py\n" + "".join(f"+{x}\n" for x in CODE.splitlines()) + "*** End Patch"
UPDATE = "*** Begin Patch\n*** Update File: code/run.py\n@@\n-print('mae', 0.5)\n+print('mae', 0.75)\n*** End Patch"


def lines(*records: dict[str, Any]) -> str:
    return "\n".join(map(json.dumps, records)) + "\n"


def codex_items_2025() -> str:
    """Codex CLI in TypeScript, `-q --json`: a response item a line, commands as lists, results as JSON text."""

    def call(number: int, command: list[str]) -> dict[str, Any]:
        arguments = json.dumps({"command": command, "workdir": "/w", "timeout": 60000})
        return {"id": f"fc_{number}", "type": "function_call", "name": "shell", "call_id": f"c{number}", "arguments": arguments}

    def result(number: int, output: str, code: int) -> dict[str, Any]:
        text = json.dumps({"output": output, "metadata": {"exit_code": code, "duration_seconds": 0.3}})
        return {"type": "function_call_output", "call_id": f"c{number}", "output": text}

    return lines(
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go"}]},
        call(1, ["apply_patch", ADD]),
        result(1, "Done!", 0),
        call(2, ["bash", "-lc", f"apply_patch <<'EOF'\n{UPDATE}\nEOF"]),
        result(2, "Done!", 0),
        {"type": "local_shell_call", "call_id": "c3", "action": {"type": "exec", "command": ["bash", "-lc", RUN]}},
        {
            "type": "local_shell_call_output",
            "call_id": "c3",
            "output": json.dumps({"output": OUTPUT, "metadata": {"exit_code": 0}}),
        },
        call(4, ["bash", "-lc", "python code/missing.py"]),
        result(4, BROKEN, 1),
    )


def codex_quiet_2025() -> str:
    """The same CLI's `-q` output for people."""

    def result(output: str, code: int) -> str:
        body = json.dumps({"output": output, "metadata": {"exit_code": code}})
        return f"command.stdout (code: {code}, duration: 0.3s)\n{body}\n"

    return (
        "user: go\n"
        f"$ apply_patch <<'EOF'\n{ADD}\nEOF\n{result('Done!', 0)}"
        f"$ apply_patch <<'EOF'\n{UPDATE}\nEOF\n{result('Done!', 0)}"
        f"assistant: now I run it\n$ {RUN}\n{result(OUTPUT, 0)}"
        f"$ python code/missing.py\n{result(BROKEN, 1)}assistant: done\n"
    )


def codex_rollout() -> str:
    """A session file: response items with times, doubled by events; a program that went on in the background."""

    def item(**payload: Any) -> dict[str, Any]:
        return {"timestamp": "2026-01-05T09:07:10.250Z", "type": "response_item", "payload": payload}

    running = "Chunk ID: a1\nWall time: 1.0 seconds\nProcess running with session ID 4711\nOutput:\nmae 0.412733\n"
    return lines(
        {"timestamp": "2026-01-05T09:07:09Z", "type": "session_meta", "payload": {"id": "s", "cwd": "/w"}},
        item(type="custom_tool_call", name="apply_patch", call_id="a", input=ADD),
        item(type="custom_tool_call_output", call_id="a", output=json.dumps({"output": "Success", "metadata": {"exit_code": 0}})),
        {
            "timestamp": "t",
            "type": "event_msg",
            "payload": {"type": "patch_apply_end", "call_id": "a", "success": True, "stdout": "ok"},
        },
        item(type="function_call", name="apply_patch", call_id="b", arguments=json.dumps({"input": UPDATE})),
        item(type="function_call_output", call_id="b", output="Success"),
        item(type="function_call", name="exec_command", call_id="c", arguments=json.dumps({"cmd": RUN, "workdir": "/w"})),
        item(type="function_call_output", call_id="c", output=running),
        item(type="function_call", name="write_stdin", call_id="d", arguments=json.dumps({"session_id": 4711, "chars": ""})),
        item(type="function_call_output", call_id="d", output="Process exited with code 0\nOutput:\nrmse 0.551902\n"),
        item(type="function_call", name="exec_command", call_id="e", arguments=json.dumps({"cmd": "python code/missing.py"})),
        item(type="function_call_output", call_id="e", output=f"Process exited with code 1\nOutput:\n{BROKEN}"),
    )


def codex_events() -> str:
    """The protocol's own events, an `id` and a `msg` a line."""
    return lines(
        {"id": "0", "msg": {"type": "task_started"}},
        {
            "id": "0",
            "msg": {"type": "patch_apply_begin", "call_id": "a", "changes": {"/w/code/run.py": {"add": {"content": CODE}}}},
        },
        {"id": "0", "msg": {"type": "patch_apply_end", "call_id": "a", "stdout": "ok", "stderr": "", "success": True}},
        {
            "id": "0",
            "msg": {
                "type": "patch_apply_begin",
                "call_id": "b",
                "changes": {
                    "/w/code/run.py": {
                        "type": "update",
                        "unified_diff": "@@ -1,2 +1,2 @@\n print('it''s', 0.25)\n-print('mae', 0.5)\n+print('mae', 0.75)\n",
                    }
                },
            },
        },
        {"id": "0", "msg": {"type": "exec_command_begin", "call_id": "c", "command": ["bash", "-lc", RUN], "cwd": "/w"}},
        {"id": "0", "msg": {"type": "exec_command_end", "call_id": "c", "stdout": OUTPUT, "stderr": "", "exit_code": 0}},
        {"id": "0", "msg": {"type": "exec_command_begin", "call_id": "d", "command": ["python", "code/missing.py"], "cwd": "/w"}},
        {"id": "0", "msg": {"type": "exec_command_end", "call_id": "d", "stdout": "", "stderr": BROKEN, "exit_code": 1}},
    )


def codex_stamped() -> str:
    """`codex exec` for people, 2025: an item a stamped line."""
    return f"""[2025-09-15T11:03:33] OpenAI Codex v0.34.0 (research preview)
--------
workdir: /w
--------
[2025-09-15T11:03:33] User instructions:
exec the plan
[2025-09-15T11:03:43] thinking
I exec it.
[2025-09-15T11:05:14] apply_patch auto_approved=true:
A /w/code/run.py
{CODE.rstrip()}
[2025-09-15T11:05:14] apply_patch(auto_approved=true) exited 0 in 18ms:
Success. Updated the following files:
A code/run.py
[2025-09-15T11:05:15] apply_patch auto_approved=true:
M /w/code/run.py
@@ -1,2 +1,2 @@
 print('it''s', 0.25)
-print('mae', 0.5)
+print('mae', 0.75)
[2025-09-15T11:05:15] apply_patch(auto_approved=true) exited 0 in 7ms:
Success. Updated the following files:
M code/run.py
[2025-09-15T11:05:15] turn diff:
diff --git a/code/run.py b/code/run.py
[2025-09-15T11:06:00] exec bash -lc "{RUN}" in /w
[2025-09-15T11:06:02] bash -lc "{RUN}" succeeded in 1.20s:
{OUTPUT.rstrip()}
[2025-09-15T11:06:02] tokens used: 6,396
[2025-09-15T11:06:04] exec bash -lc 'python code/missing.py' in /w
[2025-09-15T11:06:05] bash -lc 'python code/missing.py' exited 1 in 44ms:
{BROKEN}
[2025-09-15T11:06:09] codex

Done.
"""


def codex_marked() -> str:
    """`codex exec` for people, today: an item after a word on a line of its own; colours left in."""
    return f"""OpenAI Codex v0.111.0 (research preview)
--------
workdir: /w
--------
user
go
mcp startup: no servers
\x1b[35mthinking\x1b[0m
plan
file update
A /w/code/run.py
{CODE.rstrip()}
apply_patch(auto_approved=true) exited 0 in 41ms:
Success. Updated the following files:
A code/run.py
file update:
diff --git a/code/run.py b/code/run.py
file update
M /w/code/run.py
@@ -1,2 +1,2 @@
 print('it''s', 0.25)
-print('mae', 0.5)
+print('mae', 0.75)
apply_patch(auto_approved=true) exited 0 in 41ms:
Success.
\x1b[35m\x1b[3mexec\x1b[0m\x1b[0m
/bin/bash -lc "{RUN}" in /w\x1b[32m succeeded in 1.20s:\x1b[0m
{OUTPUT.rstrip()}
codex
Now the other.
exec
/bin/bash -lc 'python code/missing.py' in /w exited 1 in 44ms:
{BROKEN}
tokens used
12,345
Done.
"""


def gemini_checkpoint() -> str:
    """A saved chat: calls and answers without ids, two of them at once."""

    def ask(*calls: tuple[str, dict[str, Any]]) -> dict[str, Any]:
        return {"role": "model", "parts": [{"functionCall": {"name": n, "args": a}} for n, a in calls]}

    def answer(*results: tuple[str, str]) -> dict[str, Any]:
        return {"role": "user", "parts": [{"functionResponse": {"name": n, "response": {"output": t}}} for n, t in results]}

    ran = f"Command: {RUN}\nDirectory: (root)\nOutput: {OUTPUT}\nError: (none)\nExit Code: 0\nSignal: (none)"
    broke = f"Command: python code/missing.py\nDirectory: (root)\nOutput: (empty)\nStderr: {BROKEN}\nExit Code: 1\nSignal: (none)"
    return json.dumps(
        [
            {"role": "user", "parts": [{"text": "go"}]},
            ask(("write_file", {"file_path": "/w/code/run.py", "content": CODE})),
            answer(("write_file", "Successfully created")),
            ask(("replace", {"file_path": "/w/code/run.py", "old_string": "'mae', 0.5", "new_string": "'mae', 0.75"})),
            answer(("replace", "Successfully modified")),
            ask(("run_shell_command", {"command": RUN}), ("run_shell_command", {"command": "python code/missing.py"})),
            answer(("run_shell_command", ran), ("run_shell_command", broke)),
        ],
        indent=2,
    )


def gemini_session() -> str:
    """A recorded session: messages with `toolCalls`, each with its result."""

    def used(name: str, arguments: dict[str, Any], output: str, status: str = "success") -> dict[str, Any]:
        response = {"functionResponse": {"id": name, "name": name, "response": {"output": output}}}
        return {"id": f"{name}-{output[:9]}", "name": name, "args": arguments, "result": [response], "status": status}

    calls = [
        used("write_file", {"file_path": "/w/code/run.py", "content": CODE}, "ok"),
        used("replace", {"file_path": "/w/code/run.py", "old_string": "'mae', 0.5", "new_string": "'mae', 0.75"}, "fine"),
        used("run_shell_command", {"command": RUN}, f"Output: {OUTPUT}"),
        used("run_shell_command", {"command": "rm -rf /"}, "no", "cancelled"),
        used("run_shell_command", {"command": "python code/missing.py"}, BROKEN, "error"),
    ]
    message = {"id": "m", "type": "gemini", "timestamp": "2026-01-05T09:07:10Z", "content": "", "toolCalls": calls}
    return json.dumps(
        {"sessionId": "s", "startTime": "2026-01-05T09:07:00Z", "messages": [{"type": "user", "content": "go"}, message]}
    )


def openhands() -> str:
    """An event stream: actions and the observations they caused."""
    events = [
        {"id": 0, "source": "user", "action": "message", "args": {"content": "go"}},
        {"id": 1, "source": "agent", "action": "write", "args": {"path": "/w/code/run.py", "content": CODE}},
        {"id": 2, "cause": 1, "observation": "write", "content": "written", "extras": {"path": "/w/code/run.py"}},
        {
            "id": 3,
            "source": "agent",
            "action": "edit",
            "args": {"path": "/w/code/run.py", "command": "str_replace", "old_str": "'mae', 0.5", "new_str": "'mae', 0.75"},
        },
        {"id": 4, "cause": 3, "observation": "edit", "content": "edited", "extras": {}},
        {"id": 5, "timestamp": "2026-01-05T09:07:10", "source": "agent", "action": "run", "args": {"command": RUN, "thought": ""}},
        {"id": 6, "cause": 5, "observation": "run", "content": OUTPUT, "extras": {"metadata": {"exit_code": 0}}},
        {"id": 7, "source": "agent", "action": "run", "args": {"command": "python code/missing.py"}},
        {"id": 8, "cause": 7, "observation": "run", "content": BROKEN, "extras": {"metadata": {"exit_code": 1}}},
    ]
    return json.dumps(events)


def swe_agent() -> str:
    """A trajectory: what was typed and what was seen in one record."""
    steps = [
        ("str_replace_editor create /w/code/run.py --file_text " + _quoted(CODE), "File created"),
        (f"str_replace_editor str_replace /w/code/run.py --old_str {_quoted('mae')} --new_str {_quoted('mae')}", "edited"),
        (RUN, OUTPUT),
        ("python code/missing.py", BROKEN),
    ]
    trajectory = [{"action": a, "observation": o, "response": "x", "thought": "y"} for a, o in steps]
    return json.dumps({"environment": "e", "trajectory": trajectory, "history": [{"role": "user", "content": "go"}]}, indent=1)


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)


SHAPES: list[Callable[[], str]] = [
    codex_items_2025,
    codex_quiet_2025,
    codex_rollout,
    codex_events,
    codex_stamped,
    codex_marked,
    gemini_checkpoint,
    gemini_session,
    openhands,
    swe_agent,
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_each_coders_log_gives_what_was_written_run_and_seen(shape: Callable[[], str]) -> None:
    written, edited, ran, broke = read_actions(shape())
    assert written.path.removeprefix("/w/") == edited.path.removeprefix("/w/") == "code/run.py"
    assert written.content == CODE
    assert edited.edits
    assert ran.command == RUN
    assert "0.412733" in ran.output
    assert "0.551902" in ran.output
    assert ran.output.count("0.412733") == 1
    assert (ran.answered, ran.failed, ran.cut) == (True, False, False)
    assert broke.command == "python code/missing.py"
    assert "No module named 'x'" in broke.output
    assert broke.failed


@pytest.mark.parametrize("shape", [s for s in SHAPES if s is not swe_agent], ids=lambda shape: shape.__name__)
def test_edits_of_each_shape_lead_to_the_same_file(shape: Callable[[], str], tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "run.py").write_text(EDITED)
    (tmp_path / "log.txt").write_text(shape())
    log = find_log(tmp_path)
    assert log is not None
    writes = [event for event in log.events if event.kind == "write"]
    assert [change.path for event in writes for change in event.changes] == ["code/run.py"] * 2
    assert log.texts[writes[-1].changes[0].after or ""] == EDITED


def test_times_of_records_become_the_events_times() -> None:
    assert read_actions(codex_rollout())[2].time == pytest.approx(1767604030.25)
    assert read_actions(codex_stamped())[2].time > 1.7e9
    assert read_actions(gemini_session())[0].time == 1767604030
    assert read_actions(openhands())[2].time > 1.7e9


def test_a_telemetry_file_of_documents_one_after_the_other_is_read() -> None:
    def logged(name: str, arguments: dict[str, Any], success: bool) -> str:
        attributes = {
            "event.name": "gemini_cli.tool_call",
            "event.timestamp": "2026-01-05T09:07:10Z",
            "function_name": name,
            "function_args": json.dumps(arguments, indent=2),
            "success": success,
        }
        return json.dumps({"resource": {}, "attributes": attributes, "_body": "Tool call"}, indent=2) + "\n"

    text = (
        json.dumps({"resource": {}, "attributes": {"event.name": "gemini_cli.config"}}, indent=2)
        + "\n"
        + logged("write_file", {"file_path": "code/run.py", "content": CODE}, True)
        + logged("run_shell_command", {"command": RUN}, True)
        + logged("run_shell_command", {"command": "python code/missing.py"}, False)
    )
    written, ran, broke = read_actions(text)
    assert (written.content, ran.command, ran.failed, broke.failed) == (CODE, RUN, False, True)
    assert not ran.answered
    assert written.time == 1767604030
    assert text.splitlines()[written.record - 1] == "{"


def test_calls_that_were_declined_did_not_happen() -> None:
    item = {"id": "i", "type": "command_execution", "command": "python a.py", "aggregated_output": "", "exit_code": None}
    text = lines(
        {"type": "item.started", "item": item | {"status": "in_progress"}},
        {"type": "item.completed", "item": item | {"status": "declined"}},
    )
    assert read_actions(text) == []


def test_a_command_beside_a_patch_in_one_call_is_read_too() -> None:
    command = f"apply_patch <<'EOF'\n{ADD}\nEOF\npython code/run.py"
    text = lines({"type": "function_call", "name": "shell", "call_id": "1", "arguments": json.dumps({"command": command})})
    written, ran = read_actions(text)
    assert (written.content, ran.command) == (CODE, "python code/run.py")


def test_cells_of_a_python_tool_are_programs() -> None:
    text = lines({"id": 1, "source": "agent", "action": "run_ipython", "args": {"code": "print(1/3)"}})
    (ran,) = read_actions(text)
    assert "print(1/3)" in ran.command
    assert ran.command.startswith("python")


@pytest.mark.parametrize(
    ("output", "cut"),
    [
        ("a\n... [3863 lines truncated] ...\nb", True),
        ("a\n[... omitted 300 of 900 lines ...]\nb", True),
        ("[Output truncated: too many lines or bytes]", True),
        ("head…123 tokens truncated…tail", True),
        ("[... Observation truncated due to length ...]", True),
        ("truncated SVD: 0.913\nomitted variable bias 0.2", False),
        ("[1.0, 2.0]", False),
    ],
)
def test_an_output_that_shows_only_a_part_is_marked(output: str, cut: bool) -> None:
    text = lines({"name": "Bash", "input": {"command": "python a.py"}, "id": "1"}, {"tool_use_id": "1", "content": output})
    assert [action.cut for action in read_actions(text)] == [cut]


def test_a_transcript_shows_the_first_20_lines_of_an_output_only() -> None:
    long = "\n".join(f"epoch {i}" for i in range(20))
    (ran,) = [a for a in read_actions(codex_marked().replace(OUTPUT.rstrip(), long)) if a.command == RUN]
    assert ran.cut


def test_documents_are_numbered_by_their_lines() -> None:
    text = 'noise\n{\n "a": 1\n}\nnoise [1\n{\n "b": {\n  "c": []\n }\n}\n'
    (records,) = documents(text)
    assert [(number, sorted(record)) for number, record in records] == [(2, ["a"]), (6, ["b"])]


def test_the_whole_elements_of_a_list_that_was_cut_are_read() -> None:
    text = json.dumps([{"name": "Bash", "input": {"command": f"python {i}.py"}} for i in range(5)])
    assert [a.command for a in read_actions(text[:-20])] == [f"python {i}.py" for i in range(4)]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_log_is_found_below_the_top_folder(tmp_path: Path) -> None:
    write(tmp_path / "code" / "run.py", EDITED)
    write(tmp_path / "logs" / "deep" / "codex_output.json", codex_items_2025())
    log = find_log(tmp_path)
    assert log is not None
    assert log.name == "logs/deep/codex_output.json"
    assert {event.data["log"] for event in log.events} == {log.name}


def test_a_log_of_another_folder_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "other" / "session.jsonl", codex_rollout().replace("run.py", "else.py").replace("missing.py", "gone.py"))
    write(tmp_path / "main.py", "")
    assert find_log(tmp_path) is None


def test_what_an_experiment_about_agents_recorded_gives_way_to_the_coders_log(tmp_path: Path) -> None:
    write(tmp_path / "code" / "run.py", EDITED)
    write(tmp_path / "results" / "episodes.jsonl", codex_rollout() + codex_rollout().replace("/w", "/v"))
    write(tmp_path / "session.json", gemini_session())
    log = find_log(tmp_path, tmp_path / "results")
    assert log is not None
    assert (log.name, log.names) == ("session.json", frozenset(["session.json"]))


def test_two_renderings_of_one_run_are_read_once_and_both_are_known_as_logs(tmp_path: Path) -> None:
    write(tmp_path / "code" / "run.py", EDITED)
    write(tmp_path / "codex_output.jsonl", codex_rollout())
    write(tmp_path / "codex_output.txt", codex_marked())
    log = find_log(tmp_path)
    assert log is not None
    assert sum(event.command == RUN for event in log.events) == 1
    assert log.names == {"codex_output.jsonl", "codex_output.txt"}


def test_logs_of_two_parts_of_a_run_are_joined_in_time(tmp_path: Path) -> None:
    write(tmp_path / "code" / "run.py", EDITED)
    write(tmp_path / "code" / "report.py", "")
    later = [
        {"timestamp": "2026-01-06T09:00:00Z", "type": "tool_use", "tool_name": "sh", "parameters": {"command": "python report.py"}}
    ]
    write(tmp_path / "a_second.jsonl", lines(*later))
    write(tmp_path / "b_first.jsonl", codex_rollout())
    log = find_log(tmp_path)
    assert log is not None
    assert log.events[-1].command == "python report.py"
    assert [event.seq for event in log.events] == list(range(1, len(log.events) + 1))
    assert {event.data["log"] for event in log.events} == {"a_second.jsonl", "b_first.jsonl"}


CHANGED = {"id": "f", "type": "file_change", "changes": [{"path": "/w/results.md", "kind": "add"}], "status": "completed"}
RAN = {"id": "r", "type": "command_execution", "command": "python code/run.py", "aggregated_output": "x", "exit_code": 0}


@pytest.mark.parametrize(("order", "typed"), [((RAN, CHANGED), True), ((CHANGED, RAN), False)])
def test_a_file_that_a_log_names_without_its_content_is_what_the_editor_left_if_nothing_ran_later(
    tmp_path: Path, order: tuple[dict[str, Any], ...], typed: bool
) -> None:
    write(tmp_path / "code" / "run.py", CODE)
    write(tmp_path / "results.md", "acc 0.9131\n")
    write(tmp_path / "codex.jsonl", lines(*({"type": "item.completed", "item": item | {"status": "completed"}} for item in order)))
    log = find_log(tmp_path)
    assert log is not None
    assert ("acc 0.9131\n" in log.texts.values()) is typed


def test_a_huge_log_is_read_at_its_head_and_tail_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_mlrbench.evidence.coder_logs import session

    monkeypatch.setattr(session, "LIMIT", 40_000)
    monkeypatch.setattr(session, "SNIFF_BYTES", 10_000)
    write(tmp_path / "run.py", "")
    calls = [{"name": "Bash", "id": str(i), "input": {"command": f"python run.py {i}"}, "output": "x" * 100} for i in range(1000)]
    for name, text in (("one_line.json", json.dumps(calls)), ("lines.jsonl", lines(*calls))):
        write(tmp_path / name, text)
        log = find_log(tmp_path)
        assert log is not None
        assert log.events[0].command == "python run.py 0", name
        assert len(log.events) > 50, name
        assert [name in told for told in log.unread] == [True]
        (tmp_path / name).unlink()
