"""Small worlds for the tests of judging and of `mlr-agent`: scripted models, a task, a chain of outputs on disk."""

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_mlrbench.evidence.events import Change, Event, line_of
from pytest_mlrbench.models.api import ModelInfo, Request, Response
from pytest_mlrbench.stages.rubric import Rubric
from pytest_mlrbench.tasks.catalogue import Task

TASK = Task(
    id="iclr2025_demo",
    title="Demonstrations that hold",
    venue="ICLR",
    year=2025,
    category="Others",
    category_source="assigned",
    topics=("label noise",),
    brief="Study how learners cope with wrong labels.",
)

Answer = str | Response | Exception | Callable[[Request], str]


def quarter(text: str) -> int:
    """Four characters a token."""
    return len(text) // 4 + 1


@dataclass
class ScriptedModels:
    """Answers in order; keeps what was asked."""

    answers: Sequence[Answer]
    context: int = 128_000
    vision: bool = False
    asked: list[Request] = field(default_factory=list)

    async def complete(self, request: Request) -> Response:
        answer = self.answers[len(self.asked)]
        self.asked.append(request)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Response):
            return answer
        text = answer if isinstance(answer, str) else answer(request)
        return Response(text=text, message={"role": "assistant", "content": text})

    def info(self, model: str) -> ModelInfo:
        return ModelInfo(context=self.context, vision=self.vision, schema_output=False, priced=True)

    def tokens(self, text: str) -> int:
        return quarter(text)

    def prompt(self, number: int = -1) -> str:
        """The text of the last message of a request."""
        content = self.asked[number].messages[-1]["content"]
        return content if isinstance(content, str) else "\n".join(part["text"] for part in content if part["type"] == "text")

    def images(self, number: int = -1) -> list[str]:
        """The image addresses of a request."""
        content = self.asked[number].messages[0]["content"]
        return [] if isinstance(content, str) else [part["image_url"]["url"] for part in content if part["type"] == "image_url"]


def answered(text: str, finish_reason: str) -> Response:
    """An answer that ended in a given way."""
    return Response(text=text, message={"role": "assistant", "content": text}, finish_reason=finish_reason)


def picture(kind: str = "PNG", size: tuple[int, int] = (8, 6), colour: tuple[int, int, int] = (200, 30, 30)) -> bytes:
    """A real image file."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, kind)
    return buffer.getvalue()


def put(folder: Path, contents: dict[str, str | bytes]) -> Path:
    """Write `contents` (relative path -> text or bytes) below `folder`."""
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def chain(root: Path) -> dict[str, Path]:
    """Stage -> output folder of a small finished chain, the experiment with its ledger beside its output."""
    folders = {stage: root / stage / "output" for stage in ("idea", "literature", "proposal", "experiment", "paper")}
    put(folders["idea"], {"idea.md": "# Idea\nRelabel by vote.\n"})
    put(folders["literature"], {"related_work.md": "## Related Papers\nNone searched.\n"})
    put(folders["proposal"], {"proposal.md": "# Proposal\nWe plan.\n"})
    put(
        folders["experiment"],
        {
            "code/README.md": "how to run\n",
            "code/run.py": "print('measured')\n",
            "results/results.md": "# Results\n| method | accuracy |\n|---|---|\n| vote | 0.91 |\n",
            "results/zeta.json": '{"accuracy": 0.91}',
            "results/alpha.csv": "method,accuracy\nvote,0.91\n",
            "results/log.txt": "12:00 started\n12:01 done\n",
            "results/figures/bars.png": picture(),
        },
    )
    put(folders["paper"], {"paper.md": "# Paper\n![bars](figures/bars.png)\n", "figures/bars.png": picture()})
    trial = folders["experiment"].parent
    put(trial, {"evidence/outputs/0002.log": "measured\n"})
    events = [
        Event(
            seq=1,
            time=10.0,
            source="host",
            kind="write",
            tool="write_file",
            changes=[Change(path="code/run.py", before=None, after="d", size=18, kind="created")],
            data={"path": "code/run.py"},
        ),
        Event(
            seq=2,
            time=20.0,
            source="host",
            kind="command",
            tool="bash",
            command="python code/run.py",
            exit_kind="exited",
            exit_code=0,
            started=11.0,
            finished=14.5,
            output="evidence/outputs/0002.log",
            output_bytes=9,
        ),
    ]
    (trial / "evidence.jsonl").write_bytes(b"".join(line_of(event) for event in events))
    return folders


def valid_review(rubric: Rubric, score: int = 6) -> dict[str, Any]:
    """A review that the rubric accepts."""
    review: dict[str, Any] = {}
    for dimension in rubric.dimensions:
        match dimension.kind:
            case "score":
                review[dimension.key] = {"justification": f"section 2 on {dimension.name}", "score": score}
            case "overall":
                review[dimension.key] = {"strengths": ["measured"], "weaknesses": ["small"], "score": score}
            case "opinion":
                review[dimension.key] = {"details": "all traced", "has_hallucination": False}
            case "confidence":
                review[dimension.key] = 3
    return review


def review_text(rubric: Rubric, score: int = 6) -> str:
    """`valid_review` as a judge sends it."""
    return json.dumps(valid_review(rubric, score))
