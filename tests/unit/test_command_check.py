"""What of an agent command is looked for in the sandbox before a run: what it surely needs, nothing that it may make itself."""

from pathlib import Path

import pytest

from pytest_mlrbench.engine.command_check import _named


@pytest.mark.parametrize(
    ("command", "program", "files"),
    [
        ("python agent/run.py --fast", "python", ["agent/run.py"]),
        ("A=1 B='x y' agent/run.sh", "agent/run.sh", []),
        ("curl -o agent/tool x && bash agent/tool", "curl", []),
        ("python -c 1 agent/x", "python", []),
        ("cd work && bash agent/made.sh", "cd", []),
        ("cp a > agent/made", "cp", []),
        ("(cd x; run)", "", []),
        ("$HOME/run", "", []),
        ("# a comment\nrun", "", []),
        ("echo 'unfinished", "", []),
        ("mkdir /tmp && python HERE", "mkdir", ["HERE"]),
        ("python NOWHERE", "python", []),
        ("", "", []),
    ],
)
def test_what_is_looked_for(tmp_path: Path, command: str, program: str, files: list[str]) -> None:
    here = tmp_path / "here.py"
    here.touch()
    command = command.replace("NOWHERE", f"{tmp_path}/nowhere.py").replace("HERE", str(here))
    assert _named(command) == (program, [file.replace("HERE", str(here)) for file in files])
