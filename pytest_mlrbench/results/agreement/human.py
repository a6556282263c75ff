"""Whether a judge differs from people more than people differ from each other, and whether it ranks works as they do.

The test is that of the paper's section 4 (Mann-Whitney U on absolute differences) as its published notebook computes it. Finding no
difference there is no agreement, so rank correlation, kappa and alpha always stand beside it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import fmean
from typing import Any

from ...errors import ConfigError
from ...records import Review
from ...stages.rubric import STAGE_KEYS
from ..store import RunStore
from ..tables import ordered
from .families import same_model
from .measures import Estimate, Pairs, alpha, difference_of_means, mann_whitney, pooled_mean
from .sheets import NAMED, Item, Sheet, SheetRow, lines_text
from .template import run_code


@dataclass
class Joined:
    """People's reviews beside a judge's scores of the same items."""

    judge: str
    """Who the judge is, in words."""
    rows: list[tuple[str, SheetRow]]
    """Item (the unit that is drawn) and one person's review of it, in the order of the sheet."""
    scores: Mapping[str, Mapping[str, float]]
    """Item -> dimension -> the judge's score."""
    dimensions: Sequence[str]
    warnings: list[str] = field(default_factory=list)
    mechanical: bool = False
    """The judge only counts features."""


@dataclass(frozen=True)
class DimensionAgreement:
    """One dimension; fields up to `alpha` are those of docs/interface.md."""

    n_human_human: int
    """Pairs of reviews of one item by two people."""
    n_human_judge: int
    """People's reviews of items that the judge scored."""
    human_human: Estimate
    """Mean absolute difference of the pairs."""
    human_judge: Estimate
    u: float | None
    """Mann-Whitney U of the pairs' differences against the judge's; None where a side is empty."""
    p: float | None
    """Two-sided."""
    spearman: Estimate
    """Over items: mean of the people against the judge."""
    kappa: Estimate
    """Quadratic-weighted, each person's review against the judge's score."""
    alpha: Estimate
    """Krippendorff's, interval data: all people and the judge."""
    gap: Estimate
    """`human_judge` minus `human_human`."""
    shift: Estimate
    """Judge minus person, signed."""
    alpha_humans: Estimate
    """Krippendorff's alpha of the people alone."""
    items: int

    def contract(self) -> dict[str, Any]:
        """As in docs/interface.md, `agreement --format json`."""
        estimates = {
            "mean_diff_human_human": self.human_human,
            "mean_diff_human_judge": self.human_judge,
            "spearman": self.spearman,
            "kappa_weighted": self.kappa,
            "krippendorff_alpha": self.alpha,
        }
        return {
            "n_human_human": self.n_human_human,
            "n_human_judge": self.n_human_judge,
            "mean_diff_human_human": self.human_human.value,
            "mean_diff_human_judge": self.human_judge.value,
            "mannwhitney_u": self.u,
            "mannwhitney_p": self.p,
            "spearman": self.spearman.value,
            "kappa_weighted": self.kappa.value,
            "krippendorff_alpha": self.alpha.value,
            "ci95": {name: found.ends for name, found in estimates.items() if found.ends is not None},
        }


def agreement(joined: Joined) -> dict[str, DimensionAgreement]:
    """Every compared dimension, in the order of the rubrics. Intervals are drawn over items."""
    return {dimension: _of(joined, dimension) for dimension in joined.dimensions}


def _of(joined: Joined, dimension: str) -> DimensionAgreement:
    reviews: dict[str, dict[str, list[float | None]]] = defaultdict(lambda: defaultdict(list))
    for item, row in joined.rows:
        reviews[item][row.rater].append(row.scores.get(dimension))
    between: dict[str, list[float]] = {}
    against: dict[str, list[float]] = {}
    people: dict[str, list[float]] = {}
    judge: dict[str, float] = {}
    for item, by_rater in reviews.items():
        score = joined.scores[item].get(dimension)
        given = [value for values in by_rater.values() for value in values if value is not None]
        if score is None or not given:
            continue
        people[item], judge[item] = given, score
        against[item] = [abs(value - score) for value in given]
        between[item] = [
            abs(one - other)
            for first, second in combinations(by_rater.values(), 2)
            # The published rule: rows of two people pair up in their order, and only where both have as many.
            if len(first) == len(second)
            for one, other in zip(first, second, strict=True)
            if one is not None and other is not None
        ]
    pairs = [value for values in between.values() for value in values]
    distances = [value for values in against.values() for value in values]
    tested = mann_whitney(pairs, distances)
    each = Pairs((item, value, judge[item]) for item, values in people.items() for value in values)
    return DimensionAgreement(
        n_human_human=len(pairs),
        n_human_judge=len(distances),
        human_human=pooled_mean(between),
        human_judge=pooled_mean(against),
        u=tested[0] if tested else None,
        p=tested[1] if tested else None,
        spearman=Pairs((item, fmean(values), judge[item]) for item, values in people.items()).spearman(),
        kappa=each.kappa(),
        alpha=alpha({item: [*values, judge[item]] for item, values in people.items()}),
        gap=difference_of_means(between, against),
        shift=each.mean_difference(),
        alpha_humans=alpha(people),
        items=len(people),
    )


# -- a judge's sheet --------------------------------------------------------------------------------------------------


def join_sheets(human: Sheet, judge: Sheet) -> Joined:
    """People's and a judge's sheet by the fields that both have.

    Several judges in one sheet are a panel: an item counts with the mean of all of them, and not at all where one is missing.
    Raises ConfigError when the fields do not tell items apart, when a judge scored one item twice and differently, and when nothing
    is shared.
    """
    shared = [name for name in Item.__dataclass_fields__ if name in human.fields and name in judge.fields]
    warnings = [*human.warnings, *(judge.warnings if judge.path != human.path else [])]
    for sheet, other in ((human, judge), (judge, human)):
        _tell_apart(sheet, other, shared)
    given: dict[str, dict[str, SheetRow]] = defaultdict(dict)
    differing: list[str] = []
    for row in judge.rows:
        earlier = given[_key(row.item, shared)].setdefault(row.rater, row)
        if earlier.scores != row.scores:
            differing.append(f"lines {earlier.line} and {row.line} ({row.item})")
    if differing:
        raise ConfigError(
            f"{judge.path}: two different reviews of one item: {'; '.join(differing[:NAMED])}: "
            "keep one, or name the judges in a column `judge`"
        )
    judges = sorted({row.rater for row in judge.rows})
    scores: dict[str, dict[str, float]] = {}
    for item, by_judge in given.items():
        if len(by_judge) < len(judges):
            absent = ", ".join(sorted(set(judges) - set(by_judge)))
            warnings.append(f"{judge.path.name}: {item}: no review by {absent}: left out, a panel's mean needs all of its judges")
            continue
        rows = [by_judge[name].scores for name in judges]
        scores[item] = {name: fmean(row[name] for row in rows) for name in rows[0] if all(name in row for row in rows)}
    told = f"mean of {', '.join(judges)}" if len(judges) > 1 else judges[0] or "the judge"
    return _joined(human, lambda row: _key(row.item, shared), scores, f"{told} ({judge.path.name})", judge.dimensions, warnings)


def _key(item: Item, fields: Iterable[str]) -> str:
    return str(Item(**{"task": item.task, **{name: getattr(item, name) for name in fields}}))


def _tell_apart(sheet: Sheet, other: Sheet, shared: Sequence[str]) -> None:
    items: dict[str, set[Item]] = defaultdict(set)
    for row in sheet.rows:
        items[_key(row.item, shared)].add(row.item)
    for key, found in items.items():
        if len(found) > 1:
            named = "; ".join(str(item) for item in list(found)[:3])
            lacking = ", ".join(sorted(sheet.fields - set(shared)))
            raise ConfigError(
                f"{other.path} does not say which of several works of {key} it means ({sheet.path.name} has {named}): "
                f"it needs a column {lacking}"
            )


def _joined(
    human: Sheet,
    item_of: Callable[[SheetRow], str | None],
    scores: Mapping[str, Mapping[str, float]],
    judge: str,
    judged_dimensions: Iterable[str],
    warnings: list[str],
) -> Joined:
    """The rows of `human` that the judge scored, with what was left out said in `warnings`."""
    rows: list[tuple[str, SheetRow]] = []
    without: list[SheetRow] = []
    for row in human.rows:
        item = item_of(row)
        if item is None or item not in scores:
            without.append(row)
        else:
            rows.append((item, row))
    judged = set(judged_dimensions)
    dimensions = [name for name in human.dimensions if name in judged]
    if not rows:
        raise ConfigError(f"{human.path} and {judge} have no item in common: {human.path.name} has {human.rows[0].item}, ...")
    if not dimensions:
        raise ConfigError(
            f"{human.path} and {judge} have no dimension in common: {', '.join(human.dimensions)} and {', '.join(ordered(judged))}"
        )
    if without:
        lines = lines_text(row.line for row in without)
        warnings.append(f"{human.path.name}: {judge} has no score for the items of {lines}: left out")
    unread = [name for name in scores if name not in {item for item, _ in rows}]
    if unread:
        warnings.append(f"no person reviewed {len(unread)} of the judge's items ({', '.join(unread[:3])}, ...): left out")
    single = [name for name in dimensions if not any(name in row.scores for _, row in rows)]
    dimensions = [name for name in dimensions if name not in single]
    only = sorted(set(human.dimensions) ^ judged - {"Confidence"})
    if only:
        warnings.append(f"only on one side, not compared: {', '.join(only)}")
    return Joined(judge, rows, scores, dimensions, warnings)


# -- the judges of runs -----------------------------------------------------------------------------------------------


def join_runs(human: Sheet, stores: Sequence[RunStore], stage: str | None = None) -> Joined:
    """People's sheet and the panel's scores of `stores`, one store a model.

    A row belongs to the trial of its task, stage and epoch (first) in the run that its code or model names; a model may be named by
    its first words (`claude`). Without a column `stage` it is `stage` or, when None, end2end where a run has it, else the only
    graded stage. Raises ConfigError when a row's run cannot be told, or nothing is shared.
    """
    warnings = list(human.warnings)
    names = [store.root.name for store in stores]
    panels = {
        store.root: _Panel(store, name if names.count(name) == 1 else str(store.root))
        for store, name in zip(stores, names, strict=True)
    }
    codes = {run_code(store): store for store in stores}
    scores: dict[str, dict[str, float]] = {}
    for panel in panels.values():
        scores |= panel.scores
    stages = {one for panel in panels.values() for one in panel.stages}
    default = stage or _default_stage(stages, human)
    taken: dict[str, str] = {}

    def item_of(row: SheetRow) -> str | None:
        store = _store_of(row, stores, codes, human, panels, taken)
        if store is None:
            return None
        return panels[store.root].name(row.item.task, row.item.stage or default, row.item.epoch or 1)

    asked = {row.item.stage or default for row in human.rows} & stages
    dimensions = {name for given in scores.values() for name in given}
    judges = sorted({judge for panel in panels.values() for one in asked for judge in panel.judges.get(one, ())})
    told = f"{'mean of ' if len(judges) > 1 else ''}{', '.join(judges) or 'the panel'}"
    # Trials that nobody was asked to review are no news.
    wanted = {name: given for name, given in scores.items() if name in {item_of(row) for row in human.rows}}
    joined = _joined(human, item_of, wanted, told, dimensions, warnings)
    joined.warnings.extend(f"model {said!r} is read as {model}" for said, model in taken.items())
    for panel in panels.values():
        joined.warnings.extend(panel.warnings)
    joined.mechanical = any(panel.mechanical for panel in panels.values())
    return joined


def _default_stage(stages: set[str], human: Sheet) -> str:
    if "end2end" in stages or not stages:
        return "end2end"
    if len(stages) == 1 or all(row.item.stage for row in human.rows):
        return min(stages)
    raise ConfigError(
        f"{human.path} does not say which stage was reviewed and the run has {', '.join(sorted(stages))}: "
        "add a column `stage`, or give --stage=S"
    )


def _store_of(
    row: SheetRow,
    stores: Sequence[RunStore],
    codes: Mapping[str, RunStore],
    human: Sheet,
    panels: Mapping[Any, "_Panel"],
    taken: dict[str, str],
) -> RunStore | None:
    if row.item.run is not None:
        return codes.get(row.item.run)
    if row.item.model is None:
        if len(stores) > 1:
            raise ConfigError(f"{human.path}, line {row.line}: which of the {len(stores)} runs? Add a column `model`, or `run`")
        return stores[0]
    said = row.item.model
    models = {store.root: panels[store.root].model for store in stores}
    fitting = [store for store in stores if models[store.root].casefold() == said.casefold()]
    fitting = fitting or [store for store in stores if same_model(said, models[store.root])]
    if len(fitting) > 1:
        named = ", ".join(f"{store.root.name} ({models[store.root]})" for store in fitting)
        raise ConfigError(f"{human.path}, line {row.line}: model {said!r} can be that of several runs: {named}; write the whole id")
    if fitting and models[fitting[0].root] != said:
        taken[said] = models[fitting[0].root]
    return fitting[0] if fitting else None


class _Panel:
    """The panel's score of every graded trial of one run."""

    def __init__(self, store: RunStore, name: str) -> None:
        self._run = name
        self.model = str(store.run().get("settings", {}).get("model", "?"))
        self.scores: dict[str, dict[str, float]] = {}
        self.judges: dict[str, tuple[str, ...]] = {}
        """Stage -> who is on the panel."""
        self.warnings: list[str] = []
        records = [record for record in store.records() if record.stage in STAGE_KEYS and record.reviews]
        self.stages = {record.stage for record in records}
        every = [review for record in records for review in record.reviews]
        self.mechanical = bool(every) and all(review.mechanical for review in every)
        counted = {id(review) for review in every if review.mechanical is self.mechanical}
        for stage in self.stages:
            said = (one.judge for record in records if record.stage == stage for one in record.reviews if id(one) in counted)
            self.judges[stage] = tuple(sorted(set(said)))
        for record in records:
            reviews = [review for review in record.reviews if id(review) in counted]
            name = self.name(record.task, record.stage, record.epoch)
            missing = set(self.judges[record.stage]) - {review.judge for review in reviews}
            if missing:
                self.warnings.append(f"{name}: no review by {', '.join(sorted(missing))}: left out, a panel's mean needs all")
                continue
            self.scores[name] = _panel_scores(reviews)
        if self.mechanical:
            self.warnings.append(f"{self._run}: the offline judge counts features of the text; nobody judged the research")

    def name(self, task: str, stage: str, epoch: int) -> str:
        return f"{task} {stage}{f' epoch {epoch}' if epoch > 1 else ''} {self._run}"


def _panel_scores(reviews: Sequence[Review]) -> dict[str, float]:
    """Dimension -> mean over judges of the mean over their repeats; absent where a review has no score."""
    by_judge: dict[str, list[Review]] = defaultdict(list)
    for review in reviews:
        by_judge[review.judge].append(review)
    found = {}
    for dimension in {name for review in reviews for name in review.scores}:
        repeats = [[review.scores.get(dimension) for review in one] for one in by_judge.values()]
        known = [[score for score in scores if score is not None] for scores in repeats]
        if all(len(scores) == len(every) for scores, every in zip(known, repeats, strict=True)):
            found[dimension] = fmean(fmean(scores) for scores in known)
    return found
