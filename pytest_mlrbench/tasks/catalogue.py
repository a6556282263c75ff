"""The catalogue of the 201 tasks: `benchmarks/tasks/index.json` for names while collecting, `<id>.md` for the engine's texts."""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..resources import resource

CATEGORIES = (
    "LLM/VLM",
    "AI for Science",
    "ML Theory",
    "Trustworthy AI",
    "Computer Vision",
    "ML Systems",
    "Multimodality",
    "RL",
    "Others",
)
"""The nine topics of the paper's Fig. 2."""
VENUES = ("ICLR", "ICML", "NeurIPS")


@dataclass(frozen=True)
class Task:
    """One workshop topic."""

    id: str
    title: str
    venue: str
    year: int
    category: str
    category_source: str
    """`paper` for the ten of Table 7, else `assigned` by us."""
    topics: tuple[str, ...] = ()
    sha256: str = ""
    """Of the published text that the brief speaks of."""
    brief: str = field(default="", compare=False)
    """What the agent is given: our brief, or the text of --mlr-tasks; empty until `with_text`."""

    def with_text(self, directory: str | None = None) -> "Task":
        """The task with its text: our brief, or `<id>.md` of `directory`. Raises ConfigError when it is missing or empty."""
        path = (Path(directory) if directory else folder()) / f"{self.id}.md"
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"task {self.id} has no text: {path} cannot be read ({error}); leave it out with --mlr-task or add it"
            ) from error
        brief = _split(text)[1].strip()
        if not brief:
            raise ConfigError(
                f"task {self.id} has no text: {path} is empty below its front matter; leave it out with --mlr-task or fill it"
            )
        return replace(self, brief=brief)


def folder() -> Path:
    """Where the packaged task texts lie."""
    return resource("benchmarks") / "tasks"


@lru_cache(maxsize=1)
def load_tasks() -> dict[str, Task]:
    """All tasks by id, newest venue last; without their texts. Raises ConfigError when the index is missing or damaged."""
    path = folder() / "index.json"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        tasks = [Task(**{**row, "topics": tuple(row["topics"])}) for row in rows]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"the task index {path} cannot be read ({error}): reinstall pytest-mlrbench") from error
    return {task.id: task for task in tasks}


def task_digest(tasks: list[Task]) -> str:
    """sha256 over ids and texts: two runs with the same digest gave their agents the same tasks."""
    digest = hashlib.sha256()
    for task in sorted(tasks, key=lambda task: task.id):
        digest.update(f"{task.id}\0{task.brief}\0".encode())
    return digest.hexdigest()


def build_index(directory: Path) -> list[dict[str, Any]]:
    """The rows of index.json from the front matter of every `<id>.md`; raises ConfigError naming the file that is wrong."""
    import yaml

    rows = []
    for path in sorted(directory.glob("*.md")):
        front, _ = _split(path.read_text(encoding="utf-8"))
        try:
            row = yaml.safe_load(front)
            task = Task(**{**row, "topics": tuple(row["topics"])})
        except (yaml.YAMLError, TypeError, KeyError) as error:
            raise ConfigError(f"{path}: front matter cannot be read: {error}") from error
        if task.id != path.stem or task.venue not in VENUES or task.category not in CATEGORIES:
            raise ConfigError(f"{path}: id, venue or category is wrong: {task.id!r}, {task.venue!r}, {task.category!r}")
        rows.append({name: value for name, value in asdict(task).items() if name != "brief"})
    return rows


def _split(text: str) -> tuple[str, str]:
    """Front matter and body; a text without front matter is all body."""
    if text.startswith("---\n"):
        front, marker, body = text[4:].partition("\n---\n")
        if marker:
            return front, body
    return "", text


def _main() -> None:
    target = folder() / "index.json"
    rows = build_index(folder())
    target.write_text("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n", encoding="utf-8")
    print(f"{len(rows)} tasks in {target}")


if __name__ == "__main__":
    _main()
