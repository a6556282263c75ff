"""The numbers that the MLR-Bench paper prints, from `benchmarks/reference/`; tables and reports put them beside a run's own."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..resources import resource

PANEL = "mean"
"""Judge name of the average over the paper's two judges, as in `tables --format json`."""


@dataclass(frozen=True)
class PublishedScore:
    """One cell of one of the paper's tables."""

    stage: str
    """idea, proposal, experiment, paper or end2end."""
    model: str
    """The paper's name of the model under test."""
    agent: str
    """`mlr-agent` or `ai-scientist-v2`."""
    coder: str | None
    """Who ran the experiments behind the score; None where there were none or the agent has its own."""
    judge: str
    """`mean` for the panel, else the judge's model id."""
    dimension: str
    mean: float
    """1-10."""
    sd: float | None
    """Over the tasks; None where the paper gives none. The panel's follow no known formula (`averaged_sd` of `not_reproduced`)."""
    n: int
    """Tasks behind the mean."""
    source: str
    """Table or figure of the paper."""


@dataclass(frozen=True)
class PublishedCost:
    """What the paper's end-to-end research cost."""

    model: str
    agent: str
    usd: float
    """Mean over ten tasks, USD for one."""
    source: str


@dataclass(frozen=True)
class Unreproduced:
    """A statement of the paper, or of its summary, that its published data do not bear out."""

    id: str
    source: str
    claim: str
    found: str
    ours: str
    """Why reports show this package's own computation instead."""


@dataclass(frozen=True)
class HumanComparison:
    """Fig. 4 for one dimension: score differences between two people against those between a person and the panel."""

    p: float
    """Two-sided Mann-Whitney p as printed."""
    u: float
    """Mann-Whitney U of the human-human sample, recomputed from the published scores."""
    p_recomputed: float


@dataclass(frozen=True)
class Reference:
    """Everything in `benchmarks/reference/`."""

    citation: str
    models: Mapping[str, tuple[str, ...]]
    """The paper's model names, each with shell patterns of model ids."""
    settings: Mapping[str, str]
    """The paper's model names that need more than the id to be the paper's setting, and what."""
    scores: tuple[PublishedScore, ...]
    """Every printed cell, in the order of the files; Tables 8, 17 and 18 print some of Tables 6, 15 and 16 again."""
    costs: tuple[PublishedCost, ...]
    category_counts: Mapping[str, int]
    """Fig. 2: tasks per category."""
    hallucination_rates: Mapping[str, Mapping[str, int]]
    """Fig. 6: agent -> finding type -> percent of ten papers."""
    human_study: Mapping[str, HumanComparison]
    human_pairs: tuple[int, int]
    """Human-human and human-judge pairs behind `human_study`."""
    not_reproduced: tuple[Unreproduced, ...]


@lru_cache(maxsize=1)
def load_reference() -> Reference:
    """The packaged reference numbers. Raises ConfigError when a file is missing or damaged."""
    return read_reference(resource("benchmarks") / "reference")


def read_reference(folder: Path) -> Reference:
    """As `load_reference`, from any folder with `scores.yaml` and `notes.yaml`; raises ConfigError naming the one that is wrong."""
    path = folder / "scores.yaml"
    try:
        printed = _yaml(path)
        scores = tuple(score for table in printed["tables"] for score in _scores(table))
        costs = tuple(
            PublishedCost(row["model"], row.get("agent", "mlr-agent"), float(row["cost"]), table["source"])
            for table in printed["tables"]
            for row in table["rows"]
            if "cost" in row
        )
        path = folder / "notes.yaml"
        notes = _yaml(path)
        human = notes["human_study"]
        return Reference(
            citation=printed["source"],
            models={name: tuple(patterns) for name, patterns in printed["models"].items()},
            settings=printed["settings"],
            scores=scores,
            costs=costs,
            category_counts=notes["category_counts"]["values"],
            hallucination_rates=notes["hallucination_rates"]["values"],
            human_study={name: HumanComparison(**values) for name, values in human["values"].items()},
            human_pairs=(human["n_human_human"], human["n_human_judge"]),
            not_reproduced=tuple(Unreproduced(**entry) for entry in notes["not_reproduced"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"the reference numbers in {path} cannot be read ({error!r}): reinstall pytest-mlrbench") from error


def reference_values(
    stage: str | None = None,
    model: str | None = None,
    judge: str | None = None,
    dimension: str | None = None,
    agent: str | None = "mlr-agent",
) -> tuple[PublishedScore, ...]:
    """The published cells that fit, each (stage, model, agent, judge, dimension) once, as the paper first prints it.

    None leaves a field open. `model` is a name of the paper or any model id (`openai/o4-mini`), `judge` is `mean` or a model id:
    a judge of the same model but another snapshot fits too, and the value says which it was. Fig. 3 prints no average of its two
    judges; `mean` of stage `experiment` is made here from both, says so in `source` and has no SD.
    """
    reference = load_reference()
    wanted = paper_model(model) if model is not None else None
    if model is not None and wanted is None:
        return ()
    found: dict[tuple[str, ...], PublishedScore] = {}
    for score in (*reference.scores, *_experiment_panel(reference)):
        if (
            stage in (None, score.stage)
            and wanted in (None, paper_model(score.model))
            and (judge is None or _same_judge(judge, score.judge))
            and dimension in (None, score.dimension)
            and agent in (None, score.agent)
        ):
            found.setdefault((score.stage, score.model, score.agent, score.judge, score.dimension), score)
    return tuple(found.values())


def reference_value(stage: str, model: str, judge: str, dimension: str, agent: str = "mlr-agent") -> PublishedScore | None:
    """The one published value for a cell of `tables`, or None where the paper has none; arguments as in `reference_values`."""
    values = reference_values(stage, model, judge, dimension, agent)
    return values[0] if values else None


def paper_model(model: str) -> str | None:
    """The paper's name for a model id such as `openai/o4-mini`, or for that name itself; None when it has no such model."""
    last = _last_part(model)
    for name, patterns in load_reference().models.items():
        if any(fnmatchcase(last, pattern) for pattern in patterns):
            return name
    return None


def _last_part(model: str) -> str:
    return model.rpartition("/")[2].lower()


def _same_judge(asked: str, printed: str) -> bool:
    if PANEL in (asked, printed):
        return asked == printed
    return _last_part(asked) == printed or (paper_model(asked) is not None and paper_model(asked) == paper_model(printed))


def _experiment_panel(reference: Reference) -> list[PublishedScore]:
    by_dimension: dict[str, list[PublishedScore]] = {}
    for score in reference.scores:
        if score.stage == "experiment":
            by_dimension.setdefault(score.dimension, []).append(score)
    return [
        replace(
            cells[0],
            judge=PANEL,
            mean=round(sum(cell.mean for cell in cells) / len(cells), 4),
            sd=None,
            source=f"mean of the {len(cells)} judges of {cells[0].source}",
        )
        for cells in by_dimension.values()
    ]


def _scores(table: Mapping[str, Any]) -> list[PublishedScore]:
    cells = []
    for row in table["rows"]:
        for dimension, (mean, sd) in zip(table["dimensions"], row["values"], strict=True):
            cells.append(
                PublishedScore(
                    stage=table["stage"],
                    model=row["model"],
                    agent=row.get("agent", "mlr-agent"),
                    coder=row.get("coder", table.get("coder")),
                    judge=table["judge"],
                    dimension=dimension,
                    mean=float(mean),
                    sd=None if sd is None else float(sd),
                    n=table["n"],
                    source=table["source"],
                )
            )
    return cells


def _yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {error}") from error
    if not isinstance(loaded, dict):
        raise TypeError("expected a mapping at the top")
    return loaded
