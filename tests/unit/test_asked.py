"""The stream of a coder's CLI against the gateway's record of what the model asked for."""

import json
from pathlib import Path
from typing import Any

from pytest_mlrbench.evidence.checks.asked import CHECK, MAX_FINDINGS
from pytest_mlrbench.evidence.checks.case import Case, Outcome
from pytest_mlrbench.evidence.checks.subject import Subject
from pytest_mlrbench.evidence.events import Event
from pytest_mlrbench.evidence.ledger import MODEL_CALLS


def command(seq: int, text: str) -> Event:
    data = {"watched": True, "log": "evidence/streams/01.jsonl", "record": seq}
    return Event(
        seq=seq, time=1.0, source="sandbox", kind="command", tool="Bash", command=text, exit_kind="exited", exit_code=0, data=data
    )


def write(seq: int, path: str) -> Event:
    data = {"watched": True, "log": "evidence/streams/01.jsonl", "record": seq, "path": path}
    return Event(seq=seq, time=1.0, source="sandbox", kind="write", tool="Write", data=data)


def asked(*calls: tuple[str, Any]) -> Event:
    told = [
        {"name": name, "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments)} for name, arguments in calls
    ]
    return Event(seq=99, time=2.0, source="gateway", kind="note", tool=MODEL_CALLS, data={"tool_calls": told})


def outcome(*events: Event) -> Outcome:
    return CHECK.run(Case(Subject("experiment", Path("w"), Path("w"), events=list(events), host_ledger=True)))


PATCH = "*** Begin Patch\n*** Add File: code/run.py\n+print(1)\n*** End Patch"


def test_what_was_asked_for_is_no_finding() -> None:
    found = outcome(
        write(1, "code/run.py"), command(2, "python code/run.py"), write(3, "code/run.py"), command(4, "ls  -l\n"),
        asked(
            ("Write", {"file_path": "/workspace/code/run.py", "content": "print(1)"}), ("Bash", {"command": "python code/run.py"}),
            ("exec_command", {"cmd": f"apply_patch <<'E'\n{PATCH}\nE"}), ("exec_command", {"cmd": "ls -l"}),
            ("Read", {"file_path": "x"}),
        ),
    )  # fmt: skip
    assert (found.findings, found.coverage) == ([], "done")
    assert outcome(write(1, "code/run.py"), asked(("apply_patch", PATCH))).findings == []


def test_a_command_that_nobody_asked_for_is_a_warning() -> None:
    [found] = outcome(command(7, "python code/run.py"), asked(("Bash", {"command": "ls"}))).findings
    assert (found.severity, found.evidence[0].file, found.evidence[0].line) == ("warn", "evidence/streams/01.jsonl", 7)
    assert "`python code/run.py`, which no answer of the model asked for" in found.message


def test_once_asked_is_not_twice_told() -> None:
    run = "python code/run.py"
    assert len(outcome(command(1, run), command(2, run), asked(("Bash", {"command": run}))).findings) == 1
    assert len(outcome(write(1, "results/a.json"), asked(("Bash", {"command": run}))).findings) == 1


def test_many_are_counted() -> None:
    found = outcome(*(command(n, f"echo {n}") for n in range(1, 16)), asked()).findings
    assert len(found) == MAX_FINDINGS + 1
    assert found[-1].message.startswith("5 more tool calls")


def test_without_a_record_it_says_nothing() -> None:
    assert outcome(command(1, "ls")).coverage.startswith("no evidence: the gateway left no record")
    assert outcome(asked()).coverage.startswith("no evidence: no coder's own CLI")
