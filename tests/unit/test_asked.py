"""The cross-check of a coder's stream with the calls that the gateway saw."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pytest_mlrbench.evidence.checks.asked import CHECK
from pytest_mlrbench.evidence.checks.case import Case, Outcome
from pytest_mlrbench.evidence.checks.subject import subject_of_trial
from pytest_mlrbench.evidence.events import MODEL_CALLS, UNATTENDED, Change, Event, line_of

RUN = "python code/run.py | tee results/out.txt"
PATCH = "*** Begin Patch\n*** Add File: code/run.py\n+print(1)\n*** End Patch"


def told(command: str, **more: Any) -> dict[str, Any]:
    data = {"log": "evidence/streams/01.jsonl", "record": 7, "watched": True}
    return {"source": "sandbox", "kind": "command", "command": command, "exit_kind": "exited", "exit_code": 0, "data": data, **more}


def typed(path: str) -> dict[str, Any]:
    return {"source": "sandbox", "kind": "write", "tool": "Write", "data": {"path": path, "record": 3}}


def note(tool: str, *paths: str) -> dict[str, Any]:
    changes = [Change(path=path, before=None, after="0" * 64, size=1, kind="created") for path in paths]
    return {"source": "host", "kind": "note", "tool": tool, "changes": changes}


def gateway(*calls: tuple[str, Any]) -> dict[str, Any]:
    seen = [
        {"time": 1.0, "model": "x/y", "name": name, "arguments": text if isinstance(text, str) else json.dumps(text)}
        for name, text in calls
    ]
    return {"source": "gateway", "kind": "note", "tool": MODEL_CALLS, "data": {"tool_calls": seen}}


def checked(root: Path, *events: dict[str, Any]) -> Outcome:
    (root / "output" / "results").mkdir(parents=True)
    all_of_them = [{"source": "host", "kind": "environment"}, *events]
    lines = [line_of(Event(seq=number, time=float(number), **event)) for number, event in enumerate(all_of_them, 1)]
    (root / "evidence.jsonl").write_bytes(b"".join(lines))
    return CHECK.run(Case(subject_of_trial("experiment", root / "output", root, {}, date(2026, 11, 26))))


@pytest.mark.parametrize(
    "calls",
    [
        [("Write", {"file_path": "/workspace/code/run.py", "content": "print(1)\n"}), ("Bash", {"command": RUN})],
        [("write_file", {"file_path": "./code/run.py", "content": "print(1)\n"}), ("run_shell_command", {"command": RUN + "\n"})],
        [("exec_command", {"cmd": f"apply_patch <<'EOF'\n{PATCH}\nEOF"}), ("exec_command", {"cmd": RUN})],
        [("apply_patch", PATCH), ("shell", {"command": ["bash", "-lc", RUN]})],
        [("apply_patch", PATCH.replace("code/", "/workspace/code/")), ("exec_command", {"cmd": RUN, "workdir": "/workspace"})],
    ],
    ids=["claude-code", "gemini-cli", "codex heredoc", "codex free form", "codex absolute"],
)
def test_a_session_that_was_asked_for_has_no_finding(tmp_path: Path, calls: list[tuple[str, Any]]) -> None:
    outcome = checked(tmp_path, typed("code/run.py"), told(RUN), gateway(*calls))
    assert outcome == Outcome()


def test_a_command_that_nobody_asked_for_is_quoted_with_its_place(tmp_path: Path) -> None:
    outcome = checked(tmp_path, told(RUN), told("python code/best.py"), gateway(("Bash", {"command": RUN})))
    (found,) = outcome.findings
    assert found.severity == "warn"
    assert "never asked for" in found.message
    (quote,) = found.evidence
    assert (quote.file, quote.line, quote.quote) == ("evidence/streams/01.jsonl", 7, "python code/best.py")


def test_a_call_that_was_asked_for_once_explains_one_command(tmp_path: Path) -> None:
    outcome = checked(tmp_path, told(RUN), told(RUN), gateway(("Bash", {"command": RUN})))
    assert [(found.severity, "1 actions" in found.message) for found in outcome.findings] == [("warn", True)]


def test_a_write_that_nobody_asked_for_is_found(tmp_path: Path) -> None:
    asked_for = ("Write", {"file_path": "/workspace/code/my-run.py", "content": ""})
    outcome = checked(tmp_path, typed("run.py"), gateway(asked_for))
    assert [found.severity for found in outcome.findings] == ["warn", "info"]
    assert "write run.py" in outcome.findings[0].message
    assert "write /workspace/code/my-run.py" in outcome.findings[1].message


def test_what_the_stream_hides_is_named_and_a_silent_stream_is_a_warning(tmp_path: Path) -> None:
    hidden = ("Bash", {"command": "echo 0.93 > results/results.json"})
    (found,) = checked(tmp_path / "one", told(RUN), gateway(("Bash", {"command": RUN}), hidden)).findings
    assert found.severity == "info"
    assert "echo 0.93 > results/results.json" in found.message
    (found,) = checked(tmp_path / "none", gateway(hidden)).findings
    assert found.severity == "warn"


def test_files_that_no_call_explains_are_named(tmp_path: Path) -> None:
    before = note(UNATTENDED, "inputs/idea.md")
    after = note("changes between tool calls", "results/results.json", "code/cache.bin")
    results, other = checked(tmp_path, before, told(RUN), after, gateway(("Bash", {"command": RUN}))).findings
    assert (results.severity, other.severity) == ("warn", "info")
    assert "results/results.json" in results.message
    assert "cache.bin" not in results.message
    assert results.evidence[0].line == 4


def test_without_a_program_of_the_coder_there_is_nothing_to_compare(tmp_path: Path) -> None:
    by_host = {"source": "host", "kind": "command", "command": RUN, "exit_kind": "exited", "exit_code": 0}
    assert checked(tmp_path / "bash", by_host).coverage == "no evidence: no coder's own program was at work"
    assert "gateway left no list" in checked(tmp_path / "cut", told(RUN)).coverage


def test_calls_of_any_shape_are_survived(tmp_path: Path) -> None:
    odd = gateway(("Bash", "{" * 2000), ("Bash", "[1]"), ("", {}))
    odd["data"]["tool_calls"].append("text")
    assert checked(tmp_path, told(RUN), odd).findings[0].severity == "warn"
