"""What lies where in a checkout of the published MLR-Bench repository, or in results of the same layout; `importing` reads it.

```
agent_reviews/idea_proposal_reviews_JUDGE/TASK/idea/idea_MODEL.json    also proposal/proposal_MODEL.json
agent_reviews/subset_reviews_JUDGE/TASK/paper/MODEL.json               also experiments/CODER.json
agent_reviews/subset_reviews_JUDGE/TASK/review_MODEL[_no_code].json    end-to-end papers, judged with and without code
agent_results/end2end_MODEL/TASK/       idea.md ... *_code/ results/ *_token_usage.json *_output.json
agent_results/experiments_and_writeups/CODER/TASK/    one set of inputs, its experiment, papers of several models
human_eval/*.csv
```
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ConfigError
from ..keys import GRADED
from .reference import paper_model

NO_CODE = "no_code"
"""Variant of an end-to-end review whose judge did not see the code."""
DEPTH = 4
"""Folders above a task's folder in `agent_results/` that are looked into."""

_JUDGE = re.compile(r"(?:.*_)?reviews_(.+)")
_STAGE_FOLDERS = {
    "idea": "idea", "ideas": "idea", "proposal": "proposal", "proposals": "proposal",
    "experiment": "experiment", "experiments": "experiment", "paper": "paper", "papers": "paper",
}  # fmt: skip
_TASK = re.compile(r"(?:iclr|icml|neurips)20\d\d_\w+", re.IGNORECASE)
_SCIENTIST = re.compile(r"ai[-_ ]?scientist(?:[-_ ]?v2)?[-_]?(.*)", re.IGNORECASE)


@dataclass(frozen=True)
class Problem:
    """A file or folder that was not imported, or not as it is."""

    path: str
    """Relative to the imported folder."""
    reason: str


@dataclass(frozen=True)
class ReviewFile:
    """One judge's review of one work."""

    path: Path
    judge: str
    task: str
    stage: str
    name: str
    """Of the model as the file has it, often short (`claude`)."""
    variant: str = ""


@dataclass(frozen=True)
class WorkFolder:
    """What an agent left for one task."""

    path: Path
    task: str
    chain: bool
    """Made by one model from idea to paper; otherwise inputs that were given, their experiment and papers of several models."""
    name: str
    """Of the model (chain) or of the coder."""


@dataclass
class Layout:
    """Everything that was found."""

    root: Path
    reviews: list[ReviewFile] = field(default_factory=list)
    works: list[WorkFolder] = field(default_factory=list)
    human: list[Path] = field(default_factory=list)
    """CSV files of `human_eval/`."""
    problems: list[Problem] = field(default_factory=list)

    def problem(self, path: Path, reason: str) -> None:
        self.problems.append(Problem(path.relative_to(self.root).as_posix(), reason))


def find_layout(root: Path, known: Iterable[str] | None) -> Layout:
    """Everything below `root` that has a place in the layout; the rest of the three folders is in `problems`.

    `known` are the tasks that may be there; with None every task folder is taken. Hidden files are left out without a word.
    Raises ConfigError when `root` has none of the three folders.
    """
    layout = Layout(root)
    tasks = None if known is None else frozenset(known)
    places = [root / name for name in ("agent_reviews", "agent_results", "human_eval")]
    if not any(place.is_dir() for place in places):
        raise ConfigError(
            f"{root} is not in the layout of the published MLR-Bench repository: it has none of "
            f"{', '.join(place.name + '/' for place in places)}"
        )
    reviews, results, human = places
    for folder in _entries(reviews):
        match = _JUDGE.fullmatch(folder.name)
        if match is None or not folder.is_dir():
            layout.problem(folder, "no folder of reviews: expected idea_proposal_reviews_JUDGE/ or subset_reviews_JUDGE/")
            continue
        for place in _entries(folder):
            if _is_task(layout, place, tasks):
                layout.reviews.extend(_reviews(layout, place, match.group(1)))
    for folder in _entries(results):
        _works(layout, folder, (), tasks)
    for path in _entries(human):
        if path.suffix.lower() == ".csv":
            layout.human.append(path)
        else:
            layout.problem(path, "no CSV file of human scores")
    return layout


def agent_of(name: str) -> tuple[str, str]:
    """(Agent, name of its model or `""`) behind a name in the layout; AI Scientist V2 is the paper's other agent (Appendix B)."""
    match = _SCIENTIST.fullmatch(name)
    return ("mlr-agent", name) if match is None else ("ai-scientist-v2", match.group(1))


def model_names(layout: Layout) -> "ModelNames":
    """How the models of `layout` are called in full."""
    papers = {review.name for review in layout.reviews if review.stage == "paper"}
    papers |= {path.stem.removeprefix("paper_") for work in layout.works for path in (work.path / "results").glob("paper_*.md")}
    return ModelNames(papers, {review.name for review in layout.reviews if review.stage in ("idea", "proposal")})


@dataclass(frozen=True)
class ModelNames:
    """Full model names, those of the papers (the subset that end-to-end runs belong to) and those of ideas and proposals."""

    papers: set[str]
    others: set[str]

    def full(self, name: str) -> str:
        """The full name that begins with `name` (`claude-3-7-sonnet-20250219` for `claude`); `name` where none or several fit."""
        for names in (self.papers, self.others):
            found = sorted(one for one in names if one == name or one.startswith(f"{name}-"))
            if len({paper_model(one) or one for one in found}) == 1:
                return found[0]
        return name


def _entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []


def _is_task(layout: Layout, place: Path, tasks: frozenset[str] | None) -> bool:
    if not place.is_dir():
        layout.problem(place, "no folder of a task")
    elif tasks is not None and place.name not in tasks:
        layout.problem(place, "no task of MLR-Bench; to import it all the same: --other-tasks")
    else:
        return True
    return False


def _reviews(layout: Layout, task: Path, judge: str) -> Iterator[ReviewFile]:
    for path in _entries(task):
        stage = _STAGE_FOLDERS.get(path.name)
        if path.is_dir() and stage is not None:
            for inner in _entries(path):
                name = inner.stem.removeprefix(f"{stage}_")
                if inner.is_file() and inner.suffix == ".json" and _is_name(name):
                    yield ReviewFile(inner, judge, task.name, stage, name)
                else:
                    layout.problem(inner, f"no review of one {stage}: expected MODEL.json")
        elif (
            path.is_file()
            and path.suffix == ".json"
            and path.name.startswith("review_")
            and _is_name(short := (name := path.stem.removeprefix("review_")).removesuffix(f"_{NO_CODE}"))
        ):
            yield ReviewFile(path, judge, task.name, "end2end", short, NO_CODE if short != name else "")
        else:
            layout.problem(path, f"no place in the layout: expected {', '.join(GRADED[:4])} or review_MODEL.json")


def _is_name(text: str) -> bool:
    """Whether a model can be called so: a run of its own gets that name, and one without would be the folder of runs itself."""
    return text[:1].isalnum()


def _works(layout: Layout, place: Path, above: tuple[str, ...], tasks: frozenset[str] | None) -> None:
    if not place.is_dir():
        if place.suffix != ".log":  # the published agent's own progress log
            layout.problem(place, "no folder of a task")
        return
    if above and (_TASK.fullmatch(place.name) or (tasks is not None and place.name in tasks)):
        if _is_task(layout, place, tasks):
            name = above[0].removeprefix("end2end_")
            chain = name != above[0] or agent_of(above[0])[0] != "mlr-agent"
            if not _is_name(name):
                layout.problem(place, f"whose work? {above[0]} names no model: expected end2end_MODEL")
                return
            layout.works.append(WorkFolder(place, place.name, chain, name if chain else above[-1]))
        return
    inner = _entries(place)
    if above and any(path.name in ("idea.md", "proposal.md", "results") for path in inner):
        # A task of somebody's own, whose name says nothing.
        if _is_task(layout, place, tasks):
            name = above[0].removeprefix("end2end_")
            layout.works.append(WorkFolder(place, place.name, name != above[0], name if name != above[0] else above[-1]))
    elif len(above) >= DEPTH or not inner:
        layout.problem(place, "no folder of a task, nor above one")
    else:
        for path in inner:
            _works(layout, path, (*above, place.name), tasks)
