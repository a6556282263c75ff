"""The same runs as a published folder: code, results, a paper and the coder's session log, without a host's ledger.

`python -m tests.evidence.blind_published fresh3 KEPT` audits what `python -m tests.evidence.fresh3 --keep KEPT` left.
"""

import importlib
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from pytest_mlrbench.audits import Audit
from pytest_mlrbench.evidence.checks import audit, subject_of_folder

from .campaign import Told, show
from .lab import TODAY, Study, share

HOME = "/home/user/project"
"""Where the session log says that the coder worked."""


def _message(role: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {"role": role, "content": content}


def session_log(trial: Path) -> list[dict[str, Any]]:
    """The ledger of a trial told as Claude Code's messages: a tool call and its result each."""
    messages = [_message("user", [{"type": "text", "text": "Test the hypothesis of idea.md by experiments and write results.md."}])]
    for number, line in enumerate((trial / "evidence.jsonl").read_text().splitlines()):
        event = json.loads(line)
        if event["kind"] == "write":
            path = event["data"]["path"]
            text = (trial / "output" / path).read_text()
            name, asked = "Write", {"file_path": f"{HOME}/{path}", "content": text}
            answer = f"File created successfully at: {HOME}/{path}"
        elif event["kind"] == "command":
            name, asked = "Bash", {"command": f"cd {HOME} && {event['command']}"}
            answer = (trial / event["output"]).read_text(errors="replace") if event.get("output") else ""
        else:
            continue
        use = {"type": "tool_use", "id": f"toolu_{number:04d}", "name": name, "input": asked}
        result = {"type": "tool_result", "tool_use_id": use["id"], "content": answer, "is_error": event.get("exit_code", 0) != 0}
        messages += [_message("assistant", [use]), _message("user", [result])]
    return messages


def publish(trial: Path, folder: Path) -> None:
    """Lay the trial out as the published runs are, with the report's text as the paper's."""
    for part in ("code", "results"):
        shutil.copytree(trial / "output" / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "claude_output.json").write_text(json.dumps(session_log(trial), indent=1))
    title, _, body = (trial / "output" / "results" / "results.md").read_text().partition("\n")
    abstract = " ".join(line for line in body.splitlines() if line and line[0] not in "|!#-")
    (folder / "results" / "paper.md").write_text(f"{title}\n\n## Abstract\n{abstract}\n\n## Experiments\n{body}")


def audit_published(study: Study, kept: Path, folder: Path) -> Audit:
    """What the checks say of the published form of an executed study."""
    publish(kept / study.name / "experiment", folder)
    return audit(subject_of_folder(folder, today=TODAY))


def main(corpus: str, kept: Path) -> None:
    """Audit every study of a corpus in its published form, and count."""
    programs = importlib.import_module(f"tests.evidence.{corpus}")
    for title, studies in (("dishonest", programs.dishonest_studies()), ("honest", programs.honest_studies())):
        found = []
        for study in studies:
            with tempfile.TemporaryDirectory() as temporary:
                found.append(Told(study, audit_published(study, kept, Path(temporary) / "run")))
            show(found[-1])
        verdicts = [one.result.verdict for one in found]
        print(f"{title}: hallucinated {share(verdicts.count('hallucinated'), len(verdicts))}")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
