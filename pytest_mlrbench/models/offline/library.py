"""The eight studies: their prose, the design read from each script, and which one a task and seed get (for all offline texts)."""

import ast
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class Study:
    """What the texts say of one study; everything that its script fixes is read from the script by `design`."""

    name: str
    """File name below studies/."""
    theme: str
    """What it is about, as a noun phrase."""
    keywords: tuple[str, ...]
    """Word stems by which the closest topic of a task is found."""
    question: str
    motivation: str
    proposal: str
    """The proposed variant in one sentence, subject left out: `drops ...`."""
    method: str
    """Baselines and proposed variant in full, Markdown with LaTeX."""
    metrics: str
    """What the metrics are, Markdown with LaTeX."""
    expectation: str
    limits: str


@lru_cache
def _prose() -> dict[str, Any]:
    import yaml

    content = yaml.safe_load((files(__package__) / "library.yaml").read_text(encoding="utf-8"))
    return {
        "categories": content["categories"],
        "studies": {name: _study(name, fields) for name, fields in content["studies"].items()},
    }


def _study(name: str, fields: dict[str, Any]) -> Study:
    return Study(name=name, **{**fields, "keywords": tuple(fields["keywords"])})


def studies() -> dict[str, Study]:
    """All studies by name, in the order of library.yaml."""
    return dict(_prose()["studies"])


def script(name: str) -> str:
    """Source of studies/NAME.py."""
    return (files(__package__) / "studies" / f"{name}.py").read_text(encoding="utf-8")


@lru_cache
def design(name: str) -> dict[str, Any]:
    """The arguments of `DESIGN = Design(...)` in a study's script; read, not imported, since the script needs scikit-learn."""
    for node in ast.parse(script(name)).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and ast.unparse(node.targets[0]) == "DESIGN":
            return {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in node.value.keywords}
    raise ValueError(f"studies/{name}.py has no DESIGN")


def stable(*parts: object) -> int:
    """A number that depends on `parts` alone, the same in every process (0 to 2**32 - 1)."""
    return int.from_bytes(hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()[:4], "big")


def first_seed(context: Mapping[str, Any]) -> int:
    """The first data seed of a chain: from task, run seed and epoch, 0 to 99990 in tens so that two chains rarely share one."""
    return stable("seed", context["task"]["id"], context["seed"], context["epoch"]) % 10_000 * 10


def choose(context: Mapping[str, Any]) -> Study:
    """The study of a chain.

    Inputs come first: when a text that the stage was given names one of the studies, that one is carried on, since in
    stepwise mode the inputs may be drawn from another epoch. Otherwise the category offers its studies in a fixed order, the
    task sets where to begin and the seed and the epoch how far to go on.
    """
    for text in dict(context.get("inputs") or {}).values():
        named = [(text.index(design(name)["title"]), name) for name in studies() if design(name)["title"] in text]
        if named:
            return studies()[min(named)[1]]
    offered = _prose()["categories"].get(context["task"]["category"]) or list(studies())
    place = stable("study", context["task"]["id"]) + context["seed"] + context["epoch"] - 1
    return studies()[offered[place % len(offered)]]


def topics_for(study: Study, topics: list[str], count: int) -> list[str]:
    """The `count` topics of a task that share most word stems with the study; equal ones in the task's order."""

    def shared(topic: str) -> int:
        return sum(stem in topic.lower() for stem in study.keywords)

    return sorted(topics, key=shared, reverse=True)[:count]
