"""People's reviews beside a judge's scores of the same items: which row of a sheet belongs to which score, and what has no partner.

`human` compares what is joined here; whatever cannot be joined is an error or is left out with a warning that names the lines.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean

from ...errors import ConfigError
from ...records import Review
from ...stages.rubric import STAGE_KEYS
from ..shown import count
from ..store import RunStore
from ..tables import ordered
from .families import same_model
from .sheets import NAMED, Item, Sheet, SheetRow, lines_text
from .template import codes_of
from .works import added, main_protocols


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
    judged = set(judged_dimensions) - {"Confidence"}
    asked = [name for name in human.dimensions if any(name in row.scores for _, row in rows)]
    dimensions = [name for name in asked if name in judged]
    if not rows:
        raise ConfigError(f"{human.path} and {judge} have no item in common: {human.path.name} has {human.rows[0].item}, ...")
    if not dimensions:
        raise ConfigError(
            f"{human.path} and {judge} have no dimension in common: {', '.join(asked)} and {', '.join(ordered(judged))}"
        )
    if without:
        lines = lines_text(row.line for row in without)
        warnings.append(f"{human.path.name}: {judge} has no score for the items of {lines}: left out")
    unread = [name for name in scores if name not in {item for item, _ in rows}]
    if unread:
        named = ", ".join(unread[:3]) + (", ..." if len(unread) > 3 else "")
        warnings.append(f"no person reviewed {len(unread)} of the judge's items ({named}): left out")
    only = ordered(set(asked) ^ judged)
    if only:
        warnings.append(f"only on one side, not compared: {', '.join(only)}")
    return Joined(judge, rows, scores, dimensions, warnings)


# -- the judges of runs -----------------------------------------------------------------------------------------------


def join_runs(human: Sheet, stores: Sequence[RunStore], stage: str | None = None, judge: str | None = None) -> Joined:
    """People's sheet and the panel's scores of `stores`, one store a model; with `judge` that judge's alone.

    A row belongs to the trial of its task, stage and epoch (first) in the run that its code or model names; a model may be named by
    its first words (`claude`). Without a column `stage` it is `stage` or, when None, end2end where a run has it, else the only
    graded stage. Raises ConfigError when a row's run cannot be told, or nothing is shared.
    """
    if stage is not None:
        human = _only(human, stage)
    warnings = list(human.warnings)
    names = [store.root.name for store in stores]
    panels = {
        store.root: _Panel(store, name if names.count(name) == 1 else str(store.root), judge)
        for store, name in zip(stores, names, strict=True)
    }
    if judge is not None and not any(judge in panel.judges_there for panel in panels.values()):
        there = sorted({name for panel in panels.values() for name in panel.judges_there})
        raise ConfigError(f"no review by {judge!r}; the runs have reviews by {', '.join(there) or 'nobody'}")
    codes = codes_of(stores)
    scores: dict[str, dict[str, float]] = {}
    for panel in panels.values():
        scores |= panel.scores
    stages = {one for panel in panels.values() for one in panel.stages}
    default = stage or _default_stage(stages, human)
    taken: dict[str, str] = {}

    def item_of(row: SheetRow) -> str | None:
        place = row.item.task, row.item.stage or default, row.item.epoch or 1
        store = _store_of(row, place, stores, codes, human, panels, taken)
        return None if store is None else panels[store.root].name(*place)

    _any_run(human, stores, codes, panels)
    asked = {row.item.stage or default for row in human.rows} & stages
    dimensions = {name for panel in panels.values() for one in asked for name in panel.dimensions.get(one, ())}
    judges = sorted({judge for panel in panels.values() for one in asked for judge in panel.judges.get(one, ())})
    told = f"{'mean of ' if len(judges) > 1 else ''}{', '.join(judges) or 'the panel'}"
    # Trials that nobody was asked to review are no news.
    wanted = {name: given for name, given in scores.items() if name in {item_of(row) for row in human.rows}}
    joined = _joined(human, item_of, wanted, told, dimensions, warnings)
    used = [panel for panel in panels.values() if any(item in panel.scores for item, _ in joined.rows)]
    pooled = sorted({row.item.stage or default for _, row in joined.rows})
    if len(pooled) > 1:
        joined.warnings.append(f"reviews of {', '.join(pooled)} are pooled, though their rubrics differ: --stage=S takes one")
    joined.warnings.extend(f"model {said!r} is read as {model}" for said, model in taken.items())
    joined.warnings.extend(told for panel in used for one in sorted(asked) for told in panel.warnings.get(one, ()))
    joined.warnings.extend(_protocols(used, asked))
    joined.mechanical = any(panel.mechanical for panel in used)
    return joined


def _any_run(human: Sheet, stores: Sequence[RunStore], codes: Mapping[str, RunStore], panels: Mapping[Path, "_Panel"]) -> None:
    """Raises ConfigError, with what there is, when no row can belong to one of the runs; names codes of runs that are not here."""
    said = sorted({row.item.run for row in human.rows if row.item.run is not None})
    if said and not set(said) & set(codes):
        here = ", ".join(f"{code} is {store.root}" for code, store in codes.items())
        raise ConfigError(f"{human.path} reviews the run with the code {', '.join(said)}, which is not given; {here}")
    models = sorted({row.item.model for row in human.rows if row.item.model is not None and row.item.run is None})
    if models and not any(same_model(model, panel.model) for model in models for panel in panels.values()):
        here = ", ".join(f"{store.root.name} is of {panels[store.root].model}" for store in stores)
        raise ConfigError(f"{human.path} reviews works of {', '.join(models)}; none of them is the model of a run: {here}")


def _protocols(panels: Iterable["_Panel"], stages: Collection[str]) -> list[str]:
    """A warning for each judge that was asked in several ways: another rubric, prompt or packing."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for panel in panels:
        for place, protocols in panel.protocols.items():
            found[place] |= protocols
    return [
        f"{judge} reviewed {stage} under {len(protocols)} protocols (rubric, prompt or packing differ): its scores are pooled"
        for (stage, judge), protocols in sorted(found.items())
        if stage in stages and len(protocols) > 1
    ]


def _only(human: Sheet, stage: str) -> Sheet:
    """The rows of `stage` and those that name none."""
    if stage not in STAGE_KEYS:
        raise ConfigError(f"unknown stage {stage!r}; valid: {', '.join(STAGE_KEYS)}")
    rows = [row for row in human.rows if row.item.stage in (None, stage)]
    if not rows:
        raise ConfigError(f"{human.path} has no review of stage {stage}")
    return replace(human, rows=rows)


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
    place: tuple[str, str, int],
    stores: Sequence[RunStore],
    codes: Mapping[str, RunStore],
    human: Sheet,
    panels: Mapping[Path, "_Panel"],
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
        # One model may have several runs of other stages, as the published results are imported.
        fitting = [store for store in fitting if panels[store.root].name(*place) in panels[store.root].scores]
    if len(fitting) > 1:
        named = ", ".join(f"{store.root.name} ({models[store.root]})" for store in fitting)
        raise ConfigError(
            f"{human.path}, line {row.line}: model {said!r} can be that of several runs: {named}; write the whole id, or give one"
        )
    if fitting and models[fitting[0].root] != said:
        taken[said] = models[fitting[0].root]
    return fitting[0] if fitting else None


class _Panel:
    """The panel's score of every graded trial of one run."""

    def __init__(self, store: RunStore, name: str, judge: str | None) -> None:
        self._run = name
        self.model = str(store.run().get("settings", {}).get("model", "?"))
        self.scores: dict[str, dict[str, float]] = {}
        self.judges: dict[str, tuple[str, ...]] = {}
        """Stage -> who is on the panel."""
        self.dimensions: dict[str, set[str]] = defaultdict(set)
        """Stage -> what they scored."""
        self.protocols: dict[tuple[str, str], set[str]] = defaultdict(set)
        """Stage and judge -> how it was asked."""
        self.warnings: dict[str, list[str]] = defaultdict(list)
        """Stage -> what is left out, and why."""
        records = [record for record in store.records() if record.stage in STAGE_KEYS and record.reviews]
        main = main_protocols(records)
        self.stages = {record.stage for record in records}
        every = [review for record in records for review in record.reviews]
        self.judges_there = sorted({review.judge for review in every})
        # What `mlrbench rejudge` added is no part of the panel, but may be asked for by name.
        every = [review for review in every if (review.judge == judge if judge else not added(review))]
        self.mechanical = bool(every) and all(review.mechanical for review in every)
        every = [review for review in every if judge or review.mechanical is self.mechanical]
        counted = {id(review) for review in every if review.protocol == main[review.stage, review.judge]}
        for stage in self.stages:
            other = sum(review.stage == stage and id(review) not in counted for review in every)
            if other:
                self.warnings[stage].append(
                    f"{name}: {count(other, 'review')} of {stage} under another protocol (rubric, prompt, or what was shown) "
                    "than most of the same judge: left out"
                )
        for stage in self.stages:
            said = (one.judge for record in records if record.stage == stage for one in record.reviews if id(one) in counted)
            self.judges[stage] = tuple(sorted(set(said)))
        for record in records:
            reviews = [review for review in record.reviews if id(review) in counted]
            if not self.judges[record.stage]:
                continue
            name = self.name(record.task, record.stage, record.epoch)
            if record.reviews and not reviews:
                continue
            missing = set(self.judges[record.stage]) - {review.judge for review in reviews}
            if missing:
                self.warnings[record.stage].append(
                    f"{name}: no review by {', '.join(sorted(missing))}: left out, a panel's mean needs all"
                )
                continue
            self.scores[name] = _panel_scores(reviews)
            self.dimensions[record.stage] |= set(self.scores[name])
            for review in reviews:
                self.protocols[record.stage, review.judge].add(review.protocol)
        if self.mechanical:
            for stage in self.stages:
                self.warnings[stage].append(
                    f"{self._run}: the offline judge counts features of the text; nobody judged the research"
                )

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
